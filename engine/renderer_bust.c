/* The mesh ends below the shoulders, in steps of whole quads. A bust is cut level above them, and
 * the cut is closed, so that nobody looks into a hollow head. */
#include "engine/renderer_internal.h"

#include <math.h>
#include <stdlib.h>

/* The lowest level that is above all of the border. Around a vertex inside the mesh, every
 * neighbour is once the next corner of a triangle and once the one before. */
static bool cut_level(const Surface *skin, float *level)
{
    int32_t *odd = calloc((size_t)skin->n_vertex + 1, sizeof *odd);
    if (!odd)
        return false;
    for (int i = 0; i < 3 * skin->n_triangle; i++) {
        int32_t a = skin->weld[skin->triangle[i]];
        int32_t b = skin->weld[skin->triangle[i % 3 == 2 ? i - 2 : i + 1]];
        odd[a] += b;
        odd[b] -= a;
    }
    *level = -INFINITY;
    for (int i = 0; i < skin->n_vertex; i++)
        if (odd[i] != 0 && skin->position[3 * i + 1] > *level)
            *level = skin->position[3 * i + 1];
    free(odd);
    return true;
}

static int count_above(const Surface *skin, const int32_t *v, float level)
{
    int n = 0;
    for (int k = 0; k < 3; k++)
        n += skin->position[3 * v[k] + 1] > level;
    return n;
}

/* Where a triangle's two crossing edges meet the cut; the surface lies to the left of the way from
 * the first place to the second. */
static void crossing(const Surface *skin, const int32_t *v, float level, float place[2][3])
{
    for (int k = 0; k < 3; k++) {
        int a = v[k], b = v[(k + 1) % 3];
        float from = skin->position[3 * a + 1] - level;
        float to = skin->position[3 * b + 1] - level;
        if ((from > 0) == (to > 0))
            continue;
        float t = from / (from - to);
        for (int c = 0; c < 3; c++)
            place[from > 0][c] = lerpf(skin->position[3 * a + c], skin->position[3 * b + c], t);
    }
}

bool bust_close(Frame *frame)
{
    Scene *scene = &frame->scene_cut;
    *scene = *frame->scene;
    int n = 0;
    const Surface *skin = &scene->surface[0];
    if (scene->n_surface == 0 || scene->n_surface == SCENE_MAX_SURFACES || !skin->source)
        return true; /* no bust */
    float level;
    if (!cut_level(skin, &level))
        return false;
    /* the skin reaches a little further than the cap: no background shows between them */
    frame->cut = level - 0.003f;
    for (int t = 0; t < skin->n_triangle; t++) {
        int count = count_above(skin, skin->triangle + 3 * t, level);
        n += count == 1 || count == 2;
    }
    if (n == 0)
        return true;
    enum { POSITION = 3, UV = 2 };
    int vertices = 3 * n;
    frame->cap = calloc((size_t)vertices * (POSITION + UV), sizeof *frame->cap);
    frame->cap_index = malloc((size_t)vertices * sizeof *frame->cap_index);
    if (!frame->cap || !frame->cap_index)
        return false;
    float *position = frame->cap, middle[3] = {0};
    int i = 0;
    for (int t = 0; t < skin->n_triangle; t++) {
        int count = count_above(skin, skin->triangle + 3 * t, level);
        if (count == 0 || count == 3)
            continue;
        float place[2][3];
        crossing(skin, skin->triangle + 3 * t, level, place);
        for (int k = 0; k < 2; k++)
            for (int c = 0; c < 3; c++) {
                position[3 * (3 * i + k) + c] = place[k][c];
                middle[c] += place[k][c] / (float)(2 * n);
            }
        i++;
    }
    for (i = 0; i < vertices; i++) {
        frame->cap_index[i] = i;
        if (i % 3 == 2)
            for (int c = 0; c < 3; c++)
                position[3 * i + c] = middle[c];
    }
    scene->surface[scene->n_surface++] = (Surface){.material = MATERIAL_CUT,
                                                   .n_vertex = vertices,
                                                   .position = position,
                                                   .rest = position,
                                                   .uv = position + POSITION * vertices,
                                                   .weld = frame->cap_index,
                                                   .n_triangle = n,
                                                   .triangle = frame->cap_index,
                                                   .opacity = 1};
    frame->scene = scene;
    return true;
}
