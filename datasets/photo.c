#include "datasets/photo.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

bool photo_reference(FaceDetector *detector, const Image *render, int size, float *reference,
                     Error *err)
{
    Face face;
    int n = 0;

    if (!face_detect(detector, render, &face, 1, &n, err))
        return false;
    if (n == 0)
        return error_set(err, "no face was found in the average character's picture");
    for (int k = 0; k < FACE_LANDMARKS; k++) {
        reference[2 * k] = face.landmark[2 * k] * (float)size / (float)render->width;
        reference[2 * k + 1] = face.landmark[2 * k + 1] * (float)size / (float)render->height;
    }
    return true;
}

static bool choose(const Face *faces, int n, const char *name, int choice, Face *face, char *note,
                   Error *err)
{
    if (n == 0)
        return error_set(
            err, "%s: no face was found; try a frontal, well-lit photo that shows all of it", name);
    if (choice > n)
        return error_set(err, "%s: face %d was asked for, but %d %s found", name, choice, n,
                         n == 1 ? "was" : "were");
    if (choice == 0 && n > 1)
        snprintf(note, PHOTO_NOTE,
                 "%d faces were found; the largest is taken (another by its number, 1 to %d)", n,
                 n);
    *face = faces[choice > 0 ? choice - 1 : 0];
    return true;
}

bool photo_align(FaceDetector *detector, const Image *photo, const char *name, int choice,
                 const float *reference, int size, Image *aligned, Face *face,
                 char note[static PHOTO_NOTE], Error *err)
{
    Face chosen, *faces = malloc(PHOTO_MAX_FACES * sizeof *faces);
    Image made = {0};
    int n = 0;
    bool ok;

    assert(choice >= 0);
    if (!faces)
        return error_set(err, "out of memory for the faces of %s", name);
    note[0] = '\0';
    ok = face_detect(detector, photo, faces, PHOTO_MAX_FACES, &n, err) &&
         choose(faces, n, name, choice, &chosen, note, err) && image_new(&made, size, size, err);
    if (ok) {
        image_warp(&made, photo, face_alignment(&chosen, reference));
        *aligned = made;
        if (face)
            *face = chosen;
    }
    free(faces);
    return ok;
}
