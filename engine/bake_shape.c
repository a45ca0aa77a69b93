#include "engine/bake_shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

float *bake_positions(const SourceMesh *m, const SourceMesh *base)
{
    float *p = malloc(((size_t)m->n_vertex * 3 + 1) * sizeof *p);
    for (int i = 0; p && i < m->n_vertex * 3; i++) {
        const int32_t *ref = m->ref + i / 3 * 3;
        const float *weight = m->weight + i / 3 * 3;
        p[i] = m->offset[i];
        for (int n = 0; n < 3; n++)
            p[i] += weight[n] * base->position[3 * ref[n] + i % 3];
    }
    return p;
}

float bake_distance2(const float *a, const float *b)
{
    float d = 0;
    for (int k = 0; k < 3; k++)
        d += (a[k] - b[k]) * (a[k] - b[k]);
    return d;
}

void bake_nearest_skin(const SourceMesh *base, const float *p, int index[NEAREST],
                       float d2[NEAREST])
{
    for (int n = 0; n < NEAREST; n++) {
        index[n] = 0;
        d2[n] = INFINITY;
    }
    for (int v = 0; v < SOURCE_BODY; v++) {
        float d = bake_distance2(base->position + 3 * v, p);
        if (d >= d2[NEAREST - 1])
            continue;
        int n = NEAREST - 1;
        for (; n > 0 && d2[n - 1] > d; n--) {
            d2[n] = d2[n - 1];
            index[n] = index[n - 1];
        }
        d2[n] = d;
        index[n] = v;
    }
}

void bake_bind(SourceMesh *m, const SourceMesh *base, const float *before, const float *after)
{
    const float far = 0.15f;
    for (int i = 0; i < m->n_vertex; i++) {
        const float *p = after + 3 * i;
        int32_t *ref = m->ref + 3 * i;
        float *weight = m->weight + 3 * i, *offset = m->offset + 3 * i;
        if (bake_distance2(before + 3 * i, p) < far * far) {
            for (int k = 0; k < 3; k++)
                offset[k] += p[k] - before[3 * i + k];
            continue;
        }
        int index[NEAREST];
        float d2[NEAREST], sum = 0;
        bake_nearest_skin(base, p, index, d2);
        memcpy(offset, p, 3 * sizeof *offset);
        for (int n = 0; n < NEAREST; n++) {
            ref[n] = index[n];
            weight[n] = 1 / (d2[n] + 1e-6f);
            sum += weight[n];
        }
        for (int n = 0; n < NEAREST; n++) {
            weight[n] /= sum;
            for (int k = 0; k < 3; k++)
                offset[k] -= weight[n] * base->position[3 * ref[n] + k];
        }
    }
}

void bake_face_middle(const SourceMesh *m, const float *p, int face, float middle[3])
{
    for (int k = 0; k < 3; k++) {
        middle[k] = 0;
        for (int c = 0; c < 4; c++)
            middle[k] += 0.25f * p[3 * m->corner[4 * face + c] + k];
    }
}

bool bake_drop_unused(SourceMesh *m, float *p)
{
    int32_t *slot = malloc(((size_t)m->n_vertex + 1) * sizeof *slot);
    if (!slot)
        return false;
    for (int v = 0; v < m->n_vertex; v++)
        slot[v] = -1;
    for (int i = 0; i < m->n_face * 4; i++)
        slot[m->corner[i]] = 0;
    int n = 0;
    for (int v = 0; v < m->n_vertex; v++) {
        if (slot[v] < 0)
            continue;
        memmove(p + 3 * n, p + 3 * v, 3 * sizeof *p);
        memmove(m->ref + 3 * n, m->ref + 3 * v, 3 * sizeof *m->ref);
        memmove(m->weight + 3 * n, m->weight + 3 * v, 3 * sizeof *m->weight);
        memmove(m->offset + 3 * n, m->offset + 3 * v, 3 * sizeof *m->offset);
        slot[v] = n++;
    }
    m->n_vertex = n;
    for (int i = 0; i < m->n_face * 4; i++)
        m->corner[i] = slot[m->corner[i]];
    free(slot);
    return true;
}

static int find_root(int32_t *parent, int v)
{
    while (parent[v] != v)
        v = parent[v] = parent[parent[v]];
    return v;
}

void bake_find_pieces(const SourceMesh *m, int32_t *piece)
{
    for (int v = 0; v < m->n_vertex; v++)
        piece[v] = v;
    for (int f = 0; f < m->n_face; f++)
        for (int c = 1; c < 4; c++)
            piece[find_root(piece, m->corner[4 * f + c])] = find_root(piece, m->corner[4 * f]);
    for (int v = 0; v < m->n_vertex; v++)
        piece[v] = find_root(piece, v);
}

float bake_skin_depth(const SourceMesh *base, float x, float y)
{
    float best = 0;
    for (int f = 0; f < base->n_face; f++)
        for (int t = 0; t < 2 && base->group[f] == 0; t++) {
            const float *a = base->position + 3 * base->corner[4 * f],
                        *b = base->position + 3 * base->corner[4 * f + 1 + t],
                        *c = base->position + 3 * base->corner[4 * f + 2 + t];
            float area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
            if (fabsf(area) < 1e-9f)
                continue;
            float u = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area,
                  v = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area;
            if (u >= 0 && v >= 0 && u + v <= 1)
                best = fmaxf(best, a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2]));
        }
    return best;
}
