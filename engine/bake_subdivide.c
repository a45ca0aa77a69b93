#include "engine/bake_subdivide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bake_shape.h"

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
        bake_face_middle(m, at, (int)f, face_point + 3 * f);
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

bool bake_subdivide(SourceMesh *m, const SourceMesh *base, float **position, int least, int most)
{
    size_t n = (size_t)m->n_face, n_done = 0, n_left = 0;
    int32_t *piece = malloc(((size_t)m->n_vertex + 1) * 2 * sizeof *piece);
    int32_t *left = malloc((n + 1) * 9 * sizeof *left); /* the others' corners, uvs and groups */
    int32_t *faces = piece + m->n_vertex;
    bool ok = piece && left;
    if (ok) {
        bake_find_pieces(m, piece);
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
    ok = ok && bake_drop_unused(m, *position);
    free(piece);
    free(left);
    return ok;
}
