#include "engine/bake_style.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bake_shape.h"
#include "engine/bake_subdivide.h"

/* Keeps the faces whose mark is 1. */
static void keep_faces(SourceMesh *m, const uint8_t *mark)
{
    int n = 0;
    for (int f = 0; f < m->n_face; f++) {
        if (!mark[f])
            continue;
        memmove(m->corner + 4 * n, m->corner + 4 * f, 4 * sizeof *m->corner);
        memmove(m->corner_uv + 4 * n, m->corner_uv + 4 * f, 4 * sizeof *m->corner_uv);
        m->group[n++] = m->group[f];
    }
    m->n_face = n;
}

static void mark_box(const SourceMesh *m, const float *p, const float *box, bool inside,
                     uint8_t *mark)
{
    for (int f = 0; f < m->n_face; f++) {
        float c[3];
        bake_face_middle(m, p, f, c);
        bool in = true;
        for (int k = 0; k < 3; k++)
            in = in && c[k] >= box[2 * k] && c[k] <= box[2 * k + 1];
        mark[f] = in == inside;
    }
}

/* scratch: 3 x n_vertex numbers. */
static void mark_thin(const SourceMesh *m, int every, int small, int32_t *scratch, uint8_t *mark)
{
    int32_t *piece = scratch, *faces = scratch + m->n_vertex, *number = faces + m->n_vertex;
    bake_find_pieces(m, piece);
    for (int v = 0; v < m->n_vertex; v++) {
        faces[v] = 0;
        number[v] = -1;
    }
    for (int f = 0; f < m->n_face; f++)
        faces[piece[m->corner[4 * f]]]++;
    int n = 0;
    for (int f = 0; f < m->n_face; f++) {
        int root = piece[m->corner[4 * f]];
        if (number[root] < 0)
            number[root] = faces[root] < small ? n++ : 1;
        mark[f] = faces[root] >= small || number[root] % every != 0;
    }
}

static void mark_short(const SourceMesh *m, const float *p, float y, int32_t *scratch,
                       uint8_t *mark)
{
    int32_t *piece = scratch, *hangs = scratch + m->n_vertex;
    bake_find_pieces(m, piece);
    memset(hangs, 0, (size_t)m->n_vertex * sizeof *hangs);
    for (int v = 0; v < m->n_vertex; v++)
        hangs[piece[v]] |= p[3 * v + 1] < y;
    for (int f = 0; f < m->n_face; f++)
        mark[f] = !hangs[piece[m->corner[4 * f]]];
}

static float smooth(float lo, float hi, float x)
{
    float t = (x - lo) / (hi - lo);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}

static const float axis_z = 0.25f; /* of the neck */
enum { ANY_PIECE = -1 };

/* Distance of the piece's hair from the neck's axis around (angle, y): mean of the vertices there.
 * Negative where there is none. */
static float reach_at(const float *p, const float *angle, const float *radius, const int32_t *piece,
                      int n, int32_t which, float at, float y)
{
    const float pi = 3.14159265f, wide = 0.15f, high = 0.15f;
    float sum = 0, weight = 0;
    for (int i = 0; i < n; i++) {
        float d = fabsf(angle[i] - at), h = p[3 * i + 1] - y;
        d = d > pi ? 2 * pi - d : d;
        if ((piece[i] != which && which != ANY_PIECE) || d > 3 * wide || fabsf(h) > 3 * high)
            continue;
        float w = expf(-0.5f * (d * d / (wide * wide) + h * h / (high * high)));
        sum += w * radius[i];
        weight += w;
    }
    return weight > 1e-3f ? sum / weight : -1;
}

/* Every vertex goes up the way its strands came down, so that a bob hangs as the upper part of long
 * hair does and keeps the soft tips of its cards. */
static bool shorten(const SourceMesh *m, float *p, const float *by)
{
    const float top = by[0], bottom = by[1], tuck = by[2], nape = by[3], waves = by[4];
    int n = m->n_vertex;
    float *angle = malloc(((size_t)n + 1) * 5 * sizeof *angle);
    int32_t *piece = malloc(((size_t)n + 1) * sizeof *piece);
    if (!angle || !piece) {
        free(angle);
        free(piece);
        return false;
    }
    float *radius = angle + n, *low = angle + 2 * n, *out = angle + 3 * n, *to = angle + 4 * n;
    bake_find_pieces(m, piece);
    for (int i = 0; i < n; i++) {
        const float *q = p + 3 * i;
        angle[i] = atan2f(q[0], q[2] - axis_z);
        radius[i] = out[i] = hypotf(q[0], q[2] - axis_z);
        to[i] = q[1];
        low[i] = INFINITY;
    }
    for (int i = 0; i < n; i++)
        low[piece[i]] = fminf(low[piece[i]], p[3 * i + 1]);
    for (int i = 0; i < n; i++) {
        float y = p[3 * i + 1], t = (top - y) / (top - low[piece[i]]);
        float end = bottom - nape * smooth(-0.4f, 0.4f, axis_z - p[3 * i + 2]);
        if (y >= top || low[piece[i]] >= end)
            continue;
        to[i] = top - t * (top - end);
        float was = reach_at(p, angle, radius, piece, n, piece[i], angle[i], y),
              is = reach_at(p, angle, radius, piece, n, piece[i], angle[i], to[i]);
        if (is < 0) /* a piece that begins farther down takes the way of the others */
            is = reach_at(p, angle, radius, piece, n, ANY_PIECE, angle[i], to[i]);
        if (was > 0 && is > 0)
            out[i] = (is + waves * (radius[i] - was)) * (1 - tuck * t * t);
    }
    for (int i = 0; i < n; i++) {
        float *q = p + 3 * i;
        if (to[i] == q[1])
            continue;
        q[0] = out[i] * sinf(angle[i]);
        q[1] = to[i];
        q[2] = axis_z + out[i] * cosf(angle[i]);
    }
    free(angle);
    free(piece);
    return true;
}

static void raise_fringe(float *p, int n, const SourceMesh *base, const float *by)
{
    float top = by[0], bottom = by[1], low = INFINITY;
    const float back = 0.75f, front = 1.15f, soft = 0.15f;
    for (int i = 0; i < n; i++)
        if (p[3 * i + 2] > front && p[3 * i] > by[2] && p[3 * i] < by[3])
            low = fminf(low, p[3 * i + 1]);
    for (int i = 0; i < n && low < bottom; i++) {
        float *q = p + 3 * i;
        if (q[1] >= top)
            continue;
        float w = smooth(back, front, q[2]) * smooth(by[2] - soft, by[2] + soft, q[0]) *
                  smooth(-by[3] - soft, -by[3] + soft, -q[0]);
        float t = fminf((top - q[1]) / (top - low), 1);
        q[1] += w * (top - t * (top - bottom) - q[1]);
        /* what hung before the nose lies down on the forehead */
        const float thick = 0.1f, press = 0.3f;
        float skin = w > 0 ? bake_skin_depth(base, q[0], q[1]) : 0, over = q[2] - skin - thick;
        if (skin > 0 && over > 0)
            q[2] -= w * (1 - press) * over;
    }
}

static void part(float *p, int n, const SourceMesh *base, const float *by)
{
    const float back = 0.6f, front = 1.0f, wide = by[4];
    for (int i = 0; i < n; i++) {
        float *q = p + 3 * i, from = fabsf(q[0] - by[0]);
        if (q[1] >= by[1] || q[2] <= back || from >= wide)
            continue;
        float gap = by[3] * fminf((by[1] - q[1]) / (by[1] - by[2]), 1) * smooth(back, front, q[2]);
        float x = q[0] + copysignf(gap * (1 - from / wide), q[0] - by[0]);
        float was = bake_skin_depth(base, q[0], q[1]), is = bake_skin_depth(base, x, q[1]);
        if (was > 0 && is > 0)
            q[2] += fminf(is - was, 0);
        q[0] = x;
    }
}

static void hug(float *p, int n, const SourceMesh *base, float factor, float gap)
{
    for (int i = 0; i < n; i++) {
        float *q = p + 3 * i;
        int index[NEAREST];
        float d2[NEAREST];
        bake_nearest_skin(base, q, index, d2);
        float d = sqrtf(d2[0]);
        if (d <= gap)
            continue;
        const float *s = base->position + 3 * index[0];
        for (int k = 0; k < 3; k++)
            q[k] = s[k] + (q[k] - s[k]) * (gap + (d - gap) * factor) / d;
    }
}

static void mirror(SourceMesh *m, float *p)
{
    for (int i = 0; i < m->n_vertex; i++)
        p[3 * i] = -p[3 * i];
    for (int f = 0; f < m->n_face; f++) /* keep outside out */
        for (int c = 0; c < 2; c++) {
            int32_t *v = m->corner + 4 * f, *uv = m->corner_uv + 4 * f;
            int32_t swap = v[c];
            v[c] = v[3 - c];
            v[3 - c] = swap;
            swap = uv[c];
            uv[c] = uv[3 - c];
            uv[3 - c] = swap;
        }
}

static void pull(float *p, int n, const float *by)
{
    for (int i = 0; i < n; i++) {
        float w = expf(-bake_distance2(p + 3 * i, by) / (2 * by[3] * by[3]));
        for (int k = 0; k < 3; k++)
            p[3 * i + k] += w * by[4 + k];
    }
}

static void scale(float *p, int n, const float *by)
{
    for (int i = 0; i < n * 3; i++)
        p[i] = by[i % 3] + (p[i] - by[i % 3]) * by[3 + i % 3];
}

/* The edits that move vertices. */
static bool move(SourceMesh *m, const SourceMesh *base, const Edit *e, float *p)
{
    const float *by = e->by;
    switch (e->kind) {
    case EDIT_MIRROR:
        mirror(m, p);
        return true;
    case EDIT_SHORTEN:
        return shorten(m, p, by);
    case EDIT_FRINGE:
        raise_fringe(p, m->n_vertex, base, by);
        return true;
    case EDIT_PART:
        part(p, m->n_vertex, base, by);
        return true;
    case EDIT_PULL:
        pull(p, m->n_vertex, by);
        return true;
    case EDIT_SCALE:
        scale(p, m->n_vertex, by);
        return true;
    default:
        assert(e->kind == EDIT_HUG);
        hug(p, m->n_vertex, base, by[0], by[1]);
        return true;
    }
}

/* The edits that take faces away. */
static bool cut(SourceMesh *m, const Edit *e, float *p)
{
    uint8_t *mark = malloc((size_t)m->n_face + 1);
    int32_t *scratch = malloc(((size_t)m->n_vertex * 3 + 1) * sizeof *scratch);
    bool ok = mark && scratch;
    if (ok && e->kind == EDIT_THIN)
        mark_thin(m, (int)e->by[0], (int)e->by[1], scratch, mark);
    else if (ok && e->kind == EDIT_LOSE)
        mark_short(m, p, e->by[0], scratch, mark);
    else if (ok)
        mark_box(m, p, e->by, e->kind == EDIT_KEEP, mark);
    if (ok)
        keep_faces(m, mark);
    ok = ok && bake_drop_unused(m, p);
    free(mark);
    free(scratch);
    return ok;
}

bool bake_style(SourceMesh *proxy, const SourceMesh *base, const Edit *edits, Error *err)
{
    float *before = bake_positions(proxy, base), *after = bake_positions(proxy, base);
    bool ok = before && after;
    for (int i = 0; ok && i < STYLE_EDITS && edits[i].kind != EDIT_NONE; i++) {
        const Edit *e = &edits[i];
        bool smooths = e->kind == EDIT_SMOOTH, cuts = e->kind == EDIT_DROP ||
                                                      e->kind == EDIT_KEEP ||
                                                      e->kind == EDIT_THIN || e->kind == EDIT_LOSE;
        if (!smooths && !cuts) {
            ok = move(proxy, base, e, after);
            continue;
        }
        /* What was moved so far is bound first, for there are other vertices afterwards. */
        bake_bind(proxy, base, before, after);
        free(before);
        ok = cuts ? cut(proxy, e, after)
                  : bake_subdivide(proxy, base, &after, (int)e->by[0], (int)e->by[1]);
        before = bake_positions(proxy, base);
        ok = ok && before;
    }
    if (ok)
        bake_bind(proxy, base, before, after);
    free(before);
    free(after);
    return ok || error_set(err, "out of memory while baking the assets");
}
