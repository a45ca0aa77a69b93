#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/finder_session.h"

enum { HUES = 5, EYES = 2, EYE_POINTS = 6, FIRST_EYE_POINT = 36 };

/* The middle of an eye: where its iris is when somebody looks into the camera. */
typedef struct Box {
    int left, top, right, bottom;
} Box;

static Box iris_box(const float *landmark, int eye)
{
    float x[2] = {1e9f, -1e9f}, y = 0, centre = 0;

    for (int i = 0; i < EYE_POINTS; i++) {
        const float *p = landmark + 2 * (FIRST_EYE_POINT + eye * EYE_POINTS + i);
        x[0] = fminf(x[0], p[0]);
        x[1] = fmaxf(x[1], p[0]);
        centre += p[0] / EYE_POINTS;
        y += p[1] / EYE_POINTS;
    }
    float reach = 0.22f * (x[1] - x[0]);
    return (Box){(int)floorf(centre - reach), (int)floorf(y - 0.7f * reach),
                 (int)ceilf(centre + reach), (int)ceilf(y + 0.7f * reach)};
}

/* Mean colour of both boxes. */
static void iris_colour(const Studio *s, const real *picture, double colour[3])
{
    size_t plane = (size_t)s->size * (size_t)s->size;
    int n = 0;

    memset(colour, 0, 3 * sizeof *colour);
    for (int eye = 0; eye < EYES; eye++) {
        Box b = iris_box(s->reference.landmark, eye);
        for (int y = b.top; y < b.bottom; y++) {
            for (int x = b.left; x < b.right; x++) {
                for (int c = 0; c < 3; c++) {
                    colour[c] += picture[(size_t)c * plane + (size_t)(y * s->size + x)];
                }
                n++;
            }
        }
    }
    for (int c = 0; c < 3; c++) {
        colour[c] /= n > 0 ? n : 1;
    }
}

/* Lids, lashes and highlights darken and lighten both pictures' boxes unlike; what tells brown from
 * blue is the balance of red and blue. */
static double difference(const double *photo, const double *render)
{
    double p = photo[0] + photo[1] + photo[2] + 0.1, r = render[0] + render[1] + render[2] + 0.1;
    double red = (photo[0] - photo[2]) / p - (render[0] - render[2]) / r;
    double green =
        (2 * photo[1] - photo[0] - photo[2]) / p - (2 * render[1] - render[0] - render[2]) / r;
    double light = (p - r) / 3;
    return red * red + green * green + 0.1 * light * light;
}

bool session_choose_eyes(Session *s, const real *photo, float *x, Error *err)
{
    const double rarer = 0.006; /* most people's eyes are brown */
    int hue = schema_find(s->schema, "eye-hue"), best = 0;
    size_t pixels = 3 * (size_t)s->studio->size * (size_t)s->studio->size;
    double wanted[3], found[3], lowest = INFINITY;
    real *picture = malloc(pixels * sizeof *picture);

    if (hue < 0) {
        free(picture);
        return true;
    }
    if (!picture) {
        return error_set(err, "out of memory for a search");
    }
    iris_colour(s->studio, photo, wanted);
    for (int c = 0; c < 3; c++) {
        wanted[c] *= s->gain[c];
    }
    for (int i = 0; i < HUES; i++) {
        x[hue] = (float)i / (HUES - 1);
        if (!studio_render(s->studio, s->model, x, picture, err)) {
            free(picture);
            return false;
        }
        iris_colour(s->studio, picture, found);
        double score = difference(wanted, found) + rarer * i;
        if (score < lowest) {
            lowest = score;
            best = i;
        }
    }
    x[hue] = (float)best / (HUES - 1);
    free(picture);
    return true;
}
