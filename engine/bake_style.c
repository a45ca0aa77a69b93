#include "engine/bake_style.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEAREST = 3 };

static bool out_of_memory(Error *err)
{
    return error_set(err, "out of memory while baking the assets");
}

static float *bound_positions(const SourceMesh *m, const SourceMesh *base)
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

static float distance2(const float *a, const float *b)
{
    float d = 0;
    for (int k = 0; k < 3; k++)
        d += (a[k] - b[k]) * (a[k] - b[k]);
    return d;
}

static void nearest_skin(const SourceMesh *base, const float *p, int index[NEAREST],
                         float d2[NEAREST])
{
    for (int n = 0; n < NEAREST; n++) {
        index[n] = 0;
        d2[n] = INFINITY;
    }
    for (int v = 0; v < SOURCE_BODY; v++) {
        float d = distance2(base->position + 3 * v, p);
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

/* A vertex that went far is bound to the skin it came to; one that stayed near keeps its binding.
 */
static void bind(SourceMesh *m, const SourceMesh *base, const float *before, const float *after)
{
    const float far = 0.15f;
    for (int i = 0; i < m->n_vertex; i++) {
        const float *p = after + 3 * i;
        int32_t *ref = m->ref + 3 * i;
        float *weight = m->weight + 3 * i, *offset = m->offset + 3 * i;
        if (distance2(before + 3 * i, p) < far * far) {
            for (int k = 0; k < 3; k++)
                offset[k] += p[k] - before[3 * i + k];
            continue;
        }
        int index[NEAREST];
        float d2[NEAREST], sum = 0;
        nearest_skin(base, p, index, d2);
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

static void face_middle(const SourceMesh *m, const float *p, int face, float middle[3])
{
    for (int k = 0; k < 3; k++) {
        middle[k] = 0;
        for (int c = 0; c < 4; c++)
            middle[k] += 0.25f * p[3 * m->corner[4 * face + c] + k];
    }
}

/* Forgets the vertices that no face has. */
static bool drop_unused(SourceMesh *m, float *p)
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
        face_middle(m, p, f, c);
        bool in = true;
        for (int k = 0; k < 3; k++)
            in = in && c[k] >= box[2 * k] && c[k] <= box[2 * k + 1];
        mark[f] = in == inside;
    }
}

static int find_root(int32_t *parent, int v)
{
    while (parent[v] != v)
        v = parent[v] = parent[parent[v]];
    return v;
}

/* piece[v]: a vertex that stands for all that hang together with v. */
static void find_pieces(const SourceMesh *m, int32_t *piece)
{
    for (int v = 0; v < m->n_vertex; v++)
        piece[v] = v;
    for (int f = 0; f < m->n_face; f++)
        for (int c = 1; c < 4; c++)
            piece[find_root(piece, m->corner[4 * f + c])] = find_root(piece, m->corner[4 * f]);
    for (int v = 0; v < m->n_vertex; v++)
        piece[v] = find_root(piece, v);
}

/* scratch: 3 x n_vertex numbers. */
static void mark_thin(const SourceMesh *m, int every, int small, int32_t *scratch, uint8_t *mark)
{
    int32_t *piece = scratch, *faces = scratch + m->n_vertex, *number = faces + m->n_vertex;
    find_pieces(m, piece);
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
    find_pieces(m, piece);
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
    find_pieces(m, piece);
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

/* z of the foremost skin at (x, y), 0 where there is none. */
static float skin_depth(const SourceMesh *base, float x, float y)
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
        float skin = w > 0 ? skin_depth(base, q[0], q[1]) : 0, over = q[2] - skin - thick;
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
        float was = skin_depth(base, q[0], q[1]), is = skin_depth(base, x, q[1]);
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
        nearest_skin(base, q, index, d2);
        float d = sqrtf(d2[0]);
        if (d <= gap)
            continue;
        const float *s = base->position + 3 * index[0];
        for (int k = 0; k < 3; k++)
            q[k] = s[k] + (q[k] - s[k]) * (gap + (d - gap) * factor) / d;
    }
}

/* One step of Catmull and Clark over quads, with creases along open edges; uv is subdivided
 * linearly. A new vertex is bound to what the old ones around it are bound to. */
typedef struct Subdivision {
    int n_edge;
    int32_t *slot, *next; /* hash of edges by their lower vertex */
    int32_t *edge;        /* n_edge x 2 vertices */
    int32_t *faces;       /* n_edge: how many */
    int32_t *face_edge;   /* n_face x 4 */
    int32_t *edge_uv;     /* n_edge x 3: of the first face along it, its uvs at both ends and in the
                             middle */
} Subdivision;

static void subdivision_free(Subdivision *s)
{
    free(s->slot);
    free(s->next);
    free(s->edge);
    free(s->faces);
    free(s->face_edge);
    free(s->edge_uv);
}

static bool find_edges(Subdivision *s, const SourceMesh *m)
{
    size_t most = (size_t)m->n_face * 4 + 1;
    s->slot = malloc(((size_t)m->n_vertex + 1) * sizeof *s->slot);
    s->next = malloc(most * sizeof *s->next);
    s->edge = malloc(most * 2 * sizeof *s->edge);
    s->faces = calloc(most, sizeof *s->faces);
    s->face_edge = malloc(most * sizeof *s->face_edge);
    s->edge_uv = malloc(most * 3 * sizeof *s->edge_uv);
    if (!s->slot || !s->next || !s->edge || !s->faces || !s->face_edge || !s->edge_uv)
        return false;
    for (int v = 0; v < m->n_vertex; v++)
        s->slot[v] = -1;
    for (int f = 0; f < m->n_face; f++)
        for (int c = 0; c < 4; c++) {
            int a = m->corner[4 * f + c], b = m->corner[4 * f + (c + 1) % 4];
            int lo = a < b ? a : b, hi = a < b ? b : a, e = s->slot[lo];
            while (e >= 0 && s->edge[2 * e + 1] != hi)
                e = s->next[e];
            if (e < 0) {
                e = s->n_edge++;
                s->edge[2 * e] = lo;
                s->edge[2 * e + 1] = hi;
                s->edge_uv[3 * e] = -1;
                s->next[e] = s->slot[lo];
                s->slot[lo] = e;
            }
            s->faces[e]++;
            s->face_edge[4 * f + c] = e;
        }
    return true;
}

/* The edge of no length of a triangle that is written as a quad. */
static bool is_point(const Subdivision *s, size_t edge)
{
    return s->edge[2 * edge] == s->edge[2 * edge + 1];
}

/* The binding of the mean of n vertices: their strongest references, then the offset that puts it
 * at p. */
static void mean_binding(const SourceMesh *m, const SourceMesh *base, const int32_t *of, int n,
                         const float *p, int32_t *ref, float *weight, float *offset)
{
    int32_t r[12];
    float w[12];
    int count = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 3; k++) {
            int j = 0;
            while (j < count && r[j] != m->ref[3 * of[i] + k])
                j++;
            if (j == count) {
                r[count] = m->ref[3 * of[i] + k];
                w[count++] = 0;
            }
            w[j] += m->weight[3 * of[i] + k];
        }
    float sum = 0;
    for (int k = 0; k < 3; k++) {
        int best = 0;
        for (int j = 1; j < count; j++)
            if (w[j] > w[best])
                best = j;
        ref[k] = r[best];
        weight[k] = fmaxf(w[best], 0);
        sum += weight[k];
        w[best] = -1;
    }
    memcpy(offset, p, 3 * sizeof *offset);
    for (int k = 0; k < 3; k++) {
        weight[k] = sum > 0 ? weight[k] / sum : k == 0;
        for (int c = 0; c < 3; c++)
            offset[c] -= weight[k] * base->position[3 * ref[k] + c];
    }
}

/* The uv in the middle of a face's edge c, which two faces share unless there is a seam. */
static int32_t middle_uv(Subdivision *s, const SourceMesh *m, SourceMesh *out, int face, int c)
{
    int from = m->corner[4 * face + c], to = m->corner[4 * face + (c + 1) % 4];
    int32_t a = m->corner_uv[4 * face + c], b = m->corner_uv[4 * face + (c + 1) % 4];
    int32_t *first = s->edge_uv + 3 * s->face_edge[4 * face + c];
    int32_t lo = from < to ? a : b, hi = from < to ? b : a;
    if (first[0] == lo && first[1] == hi)
        return first[2];
    int32_t id = out->n_uv++;
    for (int k = 0; k < 2; k++)
        out->uv[2 * id + k] = 0.5f * (m->uv[2 * a + k] + m->uv[2 * b + k]);
    if (first[0] < 0) {
        first[0] = lo;
        first[1] = hi;
        first[2] = id;
    }
    return id;
}

static void subdivide_faces(Subdivision *s, const SourceMesh *m, SourceMesh *out)
{
    memcpy(out->uv, m->uv, (size_t)m->n_uv * 2 * sizeof *out->uv);
    out->n_uv = m->n_uv;
    for (int f = 0; f < m->n_face; f++) {
        int32_t middle = out->n_uv++, side[4];
        for (int k = 0; k < 2; k++) {
            out->uv[2 * middle + k] = 0;
            for (int c = 0; c < 4; c++)
                out->uv[2 * middle + k] += 0.25f * m->uv[2 * m->corner_uv[4 * f + c] + k];
        }
        for (int c = 0; c < 4; c++)
            side[c] = middle_uv(s, m, out, f, c);
        for (int c = 0; c < 4; c++) {
            int before = (c + 3) % 4;
            const int32_t corner[4] = {m->corner[4 * f + c], m->n_vertex + s->face_edge[4 * f + c],
                                       m->n_vertex + s->n_edge + f,
                                       m->n_vertex + s->face_edge[4 * f + before]};
            const int32_t uv[4] = {m->corner_uv[4 * f + c], side[c], middle, side[before]};
            memcpy(out->corner + 16 * f + 4 * c, corner, sizeof corner);
            memcpy(out->corner_uv + 16 * f + 4 * c, uv, sizeof uv);
        }
    }
}

/* With room for `more` faces. */
static bool subdivide(SourceMesh *m, const SourceMesh *base, float **position, int more)
{
    Subdivision s = {0};
    SourceMesh out = {0};
    float *p = NULL, *at = *position, *ring = NULL;
    int32_t *valence = NULL;
    bool ok = find_edges(&s, m);
    size_t nv = (size_t)m->n_vertex, ne = (size_t)s.n_edge, nf = (size_t)m->n_face,
           n = nv + ne + nf, room = nf * 4 + (size_t)more + 1;
    if (ok) {
        out.n_vertex = (int)n;
        out.n_face = (int)nf * 4;
        out.uv = malloc(((size_t)m->n_uv + nf * 5 + 1) * 2 * sizeof *out.uv);
        out.corner = malloc(room * 4 * sizeof *out.corner);
        out.corner_uv = malloc(room * 4 * sizeof *out.corner_uv);
        out.group = calloc(room, sizeof *out.group);
        out.ref = malloc((n * 3 + 1) * sizeof *out.ref);
        out.weight = malloc((n * 3 + 1) * sizeof *out.weight);
        out.offset = malloc((n * 3 + 1) * sizeof *out.offset);
        p = calloc(n * 3 + 1, sizeof *p);
        ring = calloc(nv * 6 + 1, sizeof *ring); /* sums of edge middles and of face points */
        valence = calloc(nv * 3 + 1, sizeof *valence);
        ok = out.uv && out.corner && out.corner_uv && out.group && out.ref && out.weight &&
             out.offset && p && ring && valence;
    }
    if (!ok)
        goto done;
    float *face_point = p + 3 * (nv + ne), *edge_point = p + 3 * nv;
    for (size_t f = 0; f < nf; f++) {
        face_middle(m, at, (int)f, face_point + 3 * f);
        for (int c = 0; c < 4; c++)
            for (int k = 0; k < 3; k++)
                edge_point[3 * s.face_edge[4 * f + (size_t)c] + k] += face_point[3 * f + (size_t)k];
    }
    /* valence: edges, open edges, faces; ring: of open edges alone once a vertex has one */
    for (size_t e = 0; e < ne; e++)
        for (int side = 0; side < 2; side++)
            valence[3 * s.edge[2 * e + (size_t)side] + 1] += s.faces[e] != 2 && !is_point(&s, e);
    for (size_t e = 0; e < ne; e++) {
        int a = s.edge[2 * e], b = s.edge[2 * e + 1];
        bool open = s.faces[e] != 2;
        if (is_point(&s, e)) {
            memcpy(edge_point + 3 * e, at + 3 * a, 3 * sizeof *at);
            continue;
        }
        for (int k = 0; k < 3; k++) {
            float middle = 0.5f * (at[3 * a + k] + at[3 * b + k]);
            float *q = &edge_point[3 * e + (size_t)k];
            *q = open ? middle : 0.25f * (2 * middle + *q);
            for (int side = 0; side < 2; side++) {
                int v = side ? b : a;
                if (open || !valence[3 * v + 1])
                    ring[6 * v + k] += middle;
            }
        }
        valence[3 * a]++;
        valence[3 * b]++;
    }
    for (size_t f = 0; f < nf; f++)
        for (int c = 0; c < 4; c++) {
            int v = m->corner[4 * f + (size_t)c];
            valence[3 * v + 2]++;
            for (int k = 0; k < 3; k++)
                ring[6 * v + 3 + k] += face_point[3 * f + (size_t)k];
        }
    for (size_t v = 0; v < nv; v++) {
        float edges = (float)valence[3 * v], faces = (float)valence[3 * v + 2];
        int open = valence[3 * v + 1];
        for (int k = 0; k < 3; k++) {
            float old = at[3 * v + (size_t)k], *q = &p[3 * v + (size_t)k];
            const float *r = ring + 6 * v + k;
            if (open == 2)
                *q = 0.5f * old + 0.25f * r[0];
            else if (open || faces == 0)
                *q = old;
            else
                *q = (r[3] / faces + 2 * r[0] / edges + (edges - 3) * old) / edges;
        }
    }
    for (size_t i = 0; i < n; i++) {
        int32_t of[4] = {(int32_t)i};
        int count = 1;
        if (i >= nv + ne) {
            memcpy(of, m->corner + 4 * (i - nv - ne), sizeof of);
            count = 4;
        } else if (i >= nv) {
            memcpy(of, s.edge + 2 * (i - nv), 2 * sizeof *of);
            count = 2;
        }
        mean_binding(m, base, of, count, p + 3 * i, out.ref + 3 * i, out.weight + 3 * i,
                     out.offset + 3 * i);
    }
    subdivide_faces(&s, m, &out);
    source_mesh_free(m);
    *m = out;
    out = (SourceMesh){0};
    free(*position);
    *position = p;
    p = NULL;
done:
    source_mesh_free(&out);
    subdivision_free(&s);
    free(p);
    free(ring);
    free(valence);
    return ok;
}

/* Subdivides the pieces with `least` to `most` faces (0: any number) and leaves the others as they
 * are. */
static bool subdivide_pieces(SourceMesh *m, const SourceMesh *base, float **position, int least,
                             int most)
{
    size_t n = (size_t)m->n_face, n_done = 0, n_left = 0;
    int32_t *piece = malloc(((size_t)m->n_vertex + 1) * 2 * sizeof *piece);
    int32_t *left = malloc((n + 1) * 9 * sizeof *left); /* the others' corners, uvs and groups */
    int32_t *faces = piece + m->n_vertex;
    bool ok = piece && left;
    if (ok) {
        find_pieces(m, piece);
        memset(faces, 0, (size_t)m->n_vertex * sizeof *faces);
        for (size_t f = 0; f < n; f++)
            faces[piece[m->corner[4 * f]]]++;
        for (size_t f = 0; f < n; f++) {
            int count = faces[piece[m->corner[4 * f]]];
            bool chosen = count >= least && (most == 0 || count <= most);
            int32_t *corner = chosen ? m->corner + 4 * n_done : left + 9 * n_left;
            int32_t *uv = chosen ? m->corner_uv + 4 * n_done : left + 9 * n_left + 4;
            int32_t *group = chosen ? m->group + n_done : left + 9 * n_left + 8;
            memmove(corner, m->corner + 4 * f, 4 * sizeof *corner);
            memmove(uv, m->corner_uv + 4 * f, 4 * sizeof *uv);
            *group = m->group[f];
            n_done += chosen;
            n_left += !chosen;
        }
        m->n_face = (int)n_done;
        ok = subdivide(m, base, position, (int)n_left);
    }
    for (size_t i = 0; ok && i < n_left; i++) {
        memcpy(m->corner + 4 * m->n_face, left + 9 * i, 4 * sizeof *left);
        memcpy(m->corner_uv + 4 * m->n_face, left + 9 * i + 4, 4 * sizeof *left);
        m->group[m->n_face++] = left[9 * i + 8];
    }
    ok = ok && drop_unused(m, *position);
    free(piece);
    free(left);
    return ok;
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

static bool move(SourceMesh *m, const SourceMesh *base, const Edit *e, float *p)
{
    const float *by = e->by;
    for (int i = 0; i < m->n_vertex && e->kind == EDIT_PULL; i++) {
        float w = expf(-distance2(p + 3 * i, by) / (2 * by[3] * by[3]));
        for (int k = 0; k < 3; k++)
            p[3 * i + k] += w * by[4 + k];
    }
    for (int i = 0; i < m->n_vertex * 3 && e->kind == EDIT_SCALE; i++)
        p[i] = by[i % 3] + (p[i] - by[i % 3]) * by[3 + i % 3];
    if (e->kind == EDIT_SHORTEN)
        return shorten(m, p, by);
    if (e->kind == EDIT_FRINGE)
        raise_fringe(p, m->n_vertex, base, by);
    else if (e->kind == EDIT_PART)
        part(p, m->n_vertex, base, by);
    else if (e->kind == EDIT_HUG)
        hug(p, m->n_vertex, base, by[0], by[1]);
    else if (e->kind == EDIT_MIRROR)
        mirror(m, p);
    return true;
}

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
    ok = ok && drop_unused(m, p);
    free(mark);
    free(scratch);
    return ok;
}

/* Binds what was moved so far, since cuts and subdivision make other vertices of it. */
static bool settle(SourceMesh *m, const SourceMesh *base, float **before, const float *after)
{
    bind(m, base, *before, after);
    free(*before);
    *before = bound_positions(m, base);
    return *before != NULL;
}

bool bake_style(SourceMesh *proxy, const SourceMesh *base, const Edit *edits, Error *err)
{
    float *before = bound_positions(proxy, base), *after = bound_positions(proxy, base);
    bool ok = before && after;
    for (int i = 0; ok && i < STYLE_EDITS && edits[i].kind != EDIT_NONE; i++) {
        const Edit *e = &edits[i];
        if (e->kind == EDIT_SMOOTH)
            ok = settle(proxy, base, &before, after) &&
                 subdivide_pieces(proxy, base, &after, (int)e->by[0], (int)e->by[1]);
        else if (e->kind >= EDIT_DROP && e->kind <= EDIT_LOSE)
            ok = settle(proxy, base, &before, after) && cut(proxy, e, after);
        else
            ok = move(proxy, base, e, after);
        if (e->kind >= EDIT_SMOOTH && e->kind <= EDIT_LOSE) { /* other vertices now */
            free(before);
            before = ok ? bound_positions(proxy, base) : NULL;
            ok = before != NULL;
        }
    }
    if (ok)
        bind(proxy, base, before, after);
    free(before);
    free(after);
    return ok || out_of_memory(err);
}

/* Solves the 3 x 3 normal equations a q = b in place by Gauss' elimination; a is positive definite.
 */
static void solve3(double a[3][3], double b[3])
{
    for (int i = 0; i < 3; i++)
        for (int r = 0; r < 3; r++) {
            if (r == i)
                continue;
            double f = a[r][i] / a[i][i];
            for (int c = 0; c < 3; c++)
                a[r][c] -= f * a[i][c];
            b[r] -= f * b[i];
        }
    for (int i = 0; i < 3; i++)
        b[i] /= a[i][i];
}

/* The parabola y(|x|) through the middle of the strokes of both sides, least squares by alpha; also
 * the mean |x| of the strokes. */
static void brow_line(const SourceMesh *m, const float *p, const uint8_t *rgba, int width,
                      int height, double line[3], float *middle)
{
    enum { STEPS = 12 };
    double a[3][3] = {{1e-9, 0, 0}, {0, 1e-9, 0}, {0, 0, 1e-9}}, b[3] = {0}, sum = 0, sum_x = 0;
    for (int f = 0; f < m->n_face; f++)
        for (int i = 0; i < STEPS * STEPS; i++) {
            float s = ((float)(i % STEPS) + 0.5f) / STEPS, t = ((float)(i / STEPS) + 0.5f) / STEPS;
            const float w[4] = {(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t};
            float x = 0, y = 0, u = 0, v = 0;
            for (int c = 0; c < 4; c++) {
                const float *q = p + 3 * m->corner[4 * f + c],
                            *uv = m->uv + 2 * m->corner_uv[4 * f + c];
                x += w[c] * q[0];
                y += w[c] * q[1];
                u += w[c] * uv[0];
                v += w[c] * uv[1];
            }
            int column = (int)(u * (float)width), row = (int)((1 - v) * (float)height);
            if (column < 0 || row < 0 || column >= width || row >= height)
                continue;
            double alpha = rgba[4 * (row * width + column) + 3] / 255.0;
            const double power[3] = {1, fabsf(x), x * x};
            for (int k = 0; k < 3; k++) {
                for (int c = 0; c < 3; c++)
                    a[k][c] += alpha * power[k] * power[c];
                b[k] += alpha * power[k] * y;
            }
            sum += alpha;
            sum_x += alpha * fabsf(x);
        }
    solve3(a, b);
    memcpy(line, b, sizeof b);
    *middle = sum > 0 ? (float)(sum_x / sum) : 0;
}

bool bake_brow(SourceMesh *proxy, const SourceMesh *base, BrowShape shape, const uint8_t *rgba,
               int width, int height, Error *err)
{
    float *p = bound_positions(proxy, base);
    if (!p)
        return out_of_memory(err);
    if (!subdivide_pieces(proxy, base, &p, 0,
                          0)) { /* the cards are coarser than the skin they lie on */
        free(p);
        return out_of_memory(err);
    }
    double line[3];
    float middle;
    brow_line(proxy, p, rgba, width, height, line, &middle);
    const float least = 0.010f, most = 0.025f; /* above the skin */
    for (int i = 0; i < proxy->n_vertex; i++) {
        const float *q = p + 3 * i;
        float x = fabsf(q[0]), on_line = (float)(line[0] + line[1] * x + line[2] * x * x);
        float y =
            on_line + shape.thickness * (q[1] - on_line) + shape.tilt * (middle - x) + shape.lift;
        float gap = q[2] - skin_depth(base, q[0], q[1]), *offset = proxy->offset + 3 * i;
        gap = fminf(fmaxf(gap, least), most);
        offset[2] += skin_depth(base, q[0], y) + gap - q[2];
        offset[1] += y - q[1];
    }
    free(p);
    return true;
}
