/* From a photo to the square picture the networks see: find the face, bring it onto the reference.
 */
#ifndef DATASETS_PHOTO_H
#define DATASETS_PHOTO_H

#include "datasets/face.h"

enum { PHOTO_MAX_FACES = 64, PHOTO_NOTE = 256 };

/* Where the 68 landmarks of the engine's average face lie in a picture of size x size: any picture
 * of one face, such as the average character's render, gives the reference. reference: 2 * 68.
 * Fails when the picture does not show a face. */
bool photo_reference(FaceDetector *detector, const Image *render, int size, float *reference,
                     Error *err);

/* Finds the faces of `photo`, chooses one and warps it to aligned (a new Image of size x size; the
 * caller frees it). choice: 1 is the largest, 2 the next...; 0 is the largest, and note says so if
 * there are others. reference: 2 * 68 landmarks in a picture of size x size. name: what error texts
 * call the photo. note becomes "" when there is nothing to tell. face may be NULL. */
bool photo_align(FaceDetector *detector, const Image *photo, const char *name, int choice,
                 const float *reference, int size, Image *aligned, Face *face,
                 char note[static PHOTO_NOTE], Error *err);

#endif
