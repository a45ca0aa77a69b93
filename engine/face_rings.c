#include "engine/face_rings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/renderer_rings.h"

enum {
    UPPER = 12, /* places of a ring from the middle of the upper lip to the corner */
    LOWER = 8,  /* and from the middle of the lower one */
    MIDDLE = LIP_RING / 2,
    FIRST_MOVED = 3
};

/* How much of the seal's movement the rings around it take. */
static const float follow[LIP_RINGS] = {[3] = 0.12f, [4] = 0.45f, [5] = 1, [6] = 1};

struct FaceRings {
    int n;
    struct {
        int32_t vertex;
        uint8_t ring, place;
    } * at;
    int32_t seal[LIP_RING]; /* one vertex of each place */
    int32_t lid[2][LID_RING];
};

bool face_rings_new(FaceRings **out, const int32_t *source, int n_vertex)
{
    FaceRings *rings = calloc(1, sizeof *rings);
    if (rings)
        rings->at = calloc((size_t)n_vertex + 1, sizeof *rings->at);
    if (!rings || !rings->at) {
        face_rings_free(rings);
        return false;
    }
    for (int i = 0; i < n_vertex; i++)
        for (int k = 0; k < 2 * LID_RING; k++)
            if (lid_ring[k / LID_RING][k % LID_RING] == source[i])
                rings->lid[k / LID_RING][k % LID_RING] = i;
    for (int i = 0; i < n_vertex; i++)
        for (int r = FIRST_MOVED; r < LIP_RINGS; r++)
            for (int k = 0; k < LIP_RING; k++)
                if (lip_ring[r][k] == source[i]) {
                    rings->at[rings->n].vertex = i;
                    rings->at[rings->n].ring = (uint8_t)r;
                    rings->at[rings->n++].place = (uint8_t)k;
                    if (r == SEAL_RING)
                        rings->seal[k] = i;
                }
    *out = rings;
    return true;
}

void face_rings_free(FaceRings *rings)
{
    if (rings)
        free(rings->at);
    free(rings);
}

/* Half of a lip, from its middle to a corner: places in space, and the part of the way at each. */
typedef struct HalfLip {
    int n;
    uint8_t place[UPPER];
    float p[UPPER][3], way[UPPER];
} HalfLip;

static void half_lip(const FaceRings *rings, const float *position, bool upper, bool right,
                     HalfLip *half)
{
    half->n = upper ? UPPER : LOWER;
    for (int i = 0; i < half->n; i++) {
        int place = upper ? i : MIDDLE - i;
        half->place[i] = (uint8_t)(right ? (LIP_RING - place) % LIP_RING : place);
        memcpy(half->p[i], position + 3 * rings->seal[half->place[i]], sizeof half->p[i]);
        half->way[i] = 0;
        if (i > 0) {
            float d[3];
            for (int c = 0; c < 3; c++)
                d[c] = half->p[i][c] - half->p[i - 1][c];
            half->way[i] = half->way[i - 1] + sqrtf(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
        }
    }
    float length = half->way[half->n - 1];
    for (int i = 0; length > 0 && i < half->n; i++)
        half->way[i] /= length;
}

static void half_lip_at(const HalfLip *half, float way, float p[3])
{
    int i = 0;
    while (i + 2 < half->n && way > half->way[i + 1])
        i++;
    float span = half->way[i + 1] - half->way[i];
    float f = span > 0 ? (way - half->way[i]) / span : 0;
    for (int c = 0; c < 3; c++)
        p[c] = half->p[i][c] + f * (half->p[i + 1][c] - half->p[i][c]);
}

/* Where the places of a lip must go to meet the other one; returns the widest slit. */
static float meet(const HalfLip *lip, const HalfLip *other, float press, float move[LIP_RING][3])
{
    float widest = 0;
    for (int i = 0; i < lip->n; i++) {
        float *d = move[lip->place[i]], there[3];
        half_lip_at(other, lip->way[i], there);
        float slit = 0;
        for (int c = 0; c < 3; c++) {
            float apart = there[c] - lip->p[i][c];
            slit += apart * apart;
            d[c] = 0.5f * apart;
        }
        d[1] += press;
        widest = fmaxf(widest, slit);
    }
    return sqrtf(widest);
}

void face_rings_close_lips(const FaceRings *rings, float *position)
{
    float move[LIP_RING][3] = {{0}}, widest = 0;
    for (int right = 0; right < 2; right++) {
        HalfLip upper, lower;
        half_lip(rings, position, true, right, &upper);
        half_lip(rings, position, false, right, &lower);
        const float press = 0.0015f; /* no light between them */
        widest = fmaxf(widest, meet(&upper, &lower, -press, move));
        widest = fmaxf(widest, meet(&lower, &upper, press, move));
    }
    float t = fminf(fmaxf((0.046f - widest) / 0.016f, 0), 1);
    float close = t * t * (3 - 2 * t);
    for (int i = 0; close > 0 && i < rings->n; i++) {
        float part = close * follow[rings->at[i].ring];
        for (int c = 0; c < 3; c++)
            position[3 * rings->at[i].vertex + c] += part * move[rings->at[i].place][c];
    }
}

void face_rings_eyes(const FaceRings *rings, const float *position, float centre[2][3],
                     EyeOpening opening[2])
{
    for (int side = 0; side < 2; side++) {
        EyeOpening *eye = &opening[side];
        for (int k = 0; k < LID_RING; k++) {
            const float *p = position + 3 * rings->lid[side][k];
            const float at[2] = {(side ? -1.0f : 1.0f) * (p[0] - centre[side][0]),
                                 p[1] - centre[side][1]};
            if (k == 0 || at[0] < eye->inner[0])
                memcpy(eye->inner, at, sizeof at);
            if (k == 0 || at[0] > eye->outer[0])
                memcpy(eye->outer, at, sizeof at);
            if (k == 0 || at[1] > eye->upper[1])
                memcpy(eye->upper, at, sizeof at);
            if (k == 0 || at[1] < eye->lower[1])
                memcpy(eye->lower, at, sizeof at);
        }
    }
}
