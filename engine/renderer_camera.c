/* From the scene to screen space: view, vertices, normals, the triangles worth drawing. */
#include "engine/renderer_internal.h"

#include <math.h>
#include <string.h>

#define RADIANS 0.017453292519943295f

bool material_blends(Material material)
{
    return material >= MATERIAL_BROW;
}

static void multiply(const float a[3][3], const float b[3][3], float out[3][3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

static void to_view(const Frame *frame, const float p[3], float out[3])
{
    float d[3];
    for (int c = 0; c < 3; c++)
        d[c] = p[c] - frame->pivot[c];
    for (int c = 0; c < 3; c++)
        out[c] = dot3(frame->rotation[c], d) + frame->pivot[c] - frame->camera[c];
}

static void direction(float yaw, float pitch, float out[3])
{
    out[0] = cosf(pitch * RADIANS) * sinf(yaw * RADIANS);
    out[1] = sinf(pitch * RADIANS);
    out[2] = cosf(pitch * RADIANS) * cosf(yaw * RADIANS);
}

static void set_light(Light *light, float yaw, float pitch, float gain, const float colour[3],
                      const float tint[3])
{
    direction(yaw, pitch, light->to);
    for (int c = 0; c < 3; c++)
        light->colour[c] = gain * colour[c] * tint[c];
    light->white = gain * colour[1];
}

void frame_set_view(Frame *frame)
{
    const RenderOptions *o = frame->options;
    const Scene *scene = frame->scene;
    frame->size = o->size;
    frame->focal = o->focal * (float)o->size / 512.0f;
    float sy = sinf(o->yaw * RADIANS), cy = cosf(o->yaw * RADIANS);
    float sp = sinf(o->pitch * RADIANS), cp = cosf(o->pitch * RADIANS);
    float sr = sinf(o->roll * RADIANS), cr = cosf(o->roll * RADIANS);
    const float yaw[3][3] = {{cy, 0, sy}, {0, 1, 0}, {-sy, 0, cy}};
    const float pitch[3][3] = {{1, 0, 0}, {0, cp, sp}, {0, -sp, cp}};
    const float roll[3][3] = {{cr, sr, 0}, {-sr, cr, 0}, {0, 0, 1}};
    float nod[3][3];
    multiply(pitch, roll, nod);
    multiply(yaw, nod, frame->rotation);
    const float *mid = scene->middle;
    /* the middle of the head, above the neck joint: a turn keeps the face in the picture */
    frame->pivot[0] = mid[0];
    frame->pivot[1] = mid[1] - 0.35f;
    frame->pivot[2] = mid[2] - 0.75f;
    frame->camera[0] = mid[0];
    frame->camera[1] = mid[1] - 0.30f;
    frame->camera[2] = mid[2] + o->distance;
    for (int i = 0; i < 2; i++)
        to_view(frame, scene->eye_centre[i], frame->eye[i]);

    const float *tint = o->light_colour;
    const float warm[3] = {tint[0] * (1 + 0.16f * o->light_warmth), tint[1],
                           tint[2] * (1 - 0.24f * o->light_warmth)};
    const float key[3] = {0.97f, 0.93f, 0.88f}, fill[3] = {0.21f, 0.22f, 0.24f};
    const float rim[3] = {0.40f, 0.38f, 0.36f};
    set_light(&frame->light[LIGHT_KEY], o->light_yaw, o->light_pitch, o->light_gain, key, warm);
    set_light(&frame->light[LIGHT_FILL], o->light_yaw > 0 ? -42 : 42, 8, o->light_gain, fill, warm);
    set_light(&frame->light[LIGHT_RIM_LEFT], 140, 28, o->light_gain, rim, warm);
    set_light(&frame->light[LIGHT_RIM_RIGHT], -140, 28, o->light_gain, rim, warm);
    const float sky[3] = {0.44f, 0.445f, 0.46f}, ground[3] = {0.23f, 0.20f, 0.18f};
    for (int c = 0; c < 3; c++) {
        frame->sky[c] = o->ambient_gain * tint[c] * sky[c];
        frame->ground[c] = o->ambient_gain * tint[c] * ground[c];
    }
}

static bool drawable(const Vertex *vertex, const int32_t *v)
{
    return vertex[v[0]].valid && vertex[v[1]].valid && vertex[v[2]].valid;
}

/* Smooth normals: area-weighted over all triangles that meet at a place, across uv seams. */
static void surface_normals(const Surface *s, Vertex *vertex)
{
    for (int t = 0; t < s->n_triangle; t++) {
        const int32_t *v = s->triangle + 3 * t;
        if (!drawable(vertex, v))
            continue; /* a broken vertex spoils no neighbour */
        float a[3], b[3], n[3];
        for (int c = 0; c < 3; c++) {
            a[c] = vertex[v[1]].p[c] - vertex[v[0]].p[c];
            b[c] = vertex[v[2]].p[c] - vertex[v[0]].p[c];
        }
        cross3(a, b, n);
        for (int k = 0; k < 3; k++) {
            float *to = vertex[s->weld[v[k]]].n;
            for (int c = 0; c < 3; c++)
                to[c] += n[c];
        }
    }
    for (int i = 0; i < s->n_vertex; i++)
        if (s->weld[i] == i)
            normalize3(vertex[i].n);
    for (int i = 0; i < s->n_vertex; i++)
        if (s->weld[i] != i)
            memcpy(vertex[i].n, vertex[s->weld[i]].n, sizeof vertex[i].n);
}

static void surface_tangents(const Surface *s, Vertex *vertex)
{
    for (int t = 0; t < s->n_triangle; t++) {
        const int32_t *v = s->triangle + 3 * t;
        if (!drawable(vertex, v))
            continue;
        const float *uv0 = s->uv + 2 * v[0], *uv1 = s->uv + 2 * v[1], *uv2 = s->uv + 2 * v[2];
        float du1 = uv1[0] - uv0[0], dv1 = uv1[1] - uv0[1], du2 = uv2[0] - uv0[0],
              dv2 = uv2[1] - uv0[1];
        float sign = du1 * dv2 - du2 * dv1 < 0 ? -1.0f : 1.0f;
        float d[3];
        for (int c = 0; c < 3; c++) {
            float a = vertex[v[1]].p[c] - vertex[v[0]].p[c],
                  b = vertex[v[2]].p[c] - vertex[v[0]].p[c];
            d[c] = sign * (du1 * b - du2 * a);
        }
        for (int k = 0; k < 3; k++)
            for (int c = 0; c < 3; c++)
                vertex[v[k]].t[c] += d[c];
    }
    for (int i = 0; i < s->n_vertex; i++)
        normalize3(vertex[i].t);
}

static void project(const Frame *frame, Vertex *v)
{
    enum { GUARD = 4096 }; /* pixels from the middle: keeps edge functions in 32 bits */
    float distance = -v->p[2];
    v->valid = false;
    if (!(distance > 0.5f)) /* too near, behind, or not a number */
        return;
    float half = 0.5f * (float)frame->size;
    v->inverse = 1 / distance;
    v->x = half + frame->focal * v->p[0] * v->inverse;
    v->y = half - frame->focal * v->p[1] * v->inverse;
    if (!(fabsf(v->x - half) < GUARD && fabsf(v->y - half) < GUARD))
        return;
    v->fx = (int32_t)lrintf(v->x * SUBPIXEL);
    v->fy = (int32_t)lrintf(v->y * SUBPIXEL);
    v->valid = true;
}

bool triangle_is_clear(const Surface *s, const int32_t *v)
{
    if (s->n_layer == 0 || s->layer[0].texture->channels != 4)
        return false;
    float uv[2], rgba[4];
    for (int c = 0; c < 2; c++)
        uv[c] = (s->uv[2 * v[0] + c] + s->uv[2 * v[1] + c] + s->uv[2 * v[2] + c]) / 3;
    texture_sample(s->layer[0].texture, uv[0], uv[1], 0, rgba);
    return rgba[3] < 127.5f;
}

static float texels_per_pixel_log2(const Surface *s, const int32_t *v, float pixels2)
{
    if (s->n_layer == 0)
        return 0;
    const float *a = s->uv + 2 * v[0], *b = s->uv + 2 * v[1], *c = s->uv + 2 * v[2];
    float area = fabsf((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]));
    const Texture *t = s->layer[0].texture;
    float ratio = area * (float)t->width * (float)t->height / pixels2;
    return ratio > 1e-6f && ratio < 1e12f ? 0.5f * log2f(ratio) : 0;
}

static int below_cut(const Frame *frame, const Surface *s, const int32_t *v)
{
    int n = 0;
    for (int k = 0; k < 3; k++)
        n += !(s->position[3 * v[k] + 1] > frame->cut);
    return n;
}

static void add_triangles(Frame *frame, int surface)
{
    const Surface *s = &frame->scene->surface[surface];
    int first = frame->first_vertex[surface];
    bool blends = material_blends(s->material);
    bool bust = frame->cap && surface == 0;
    for (int t = 0; t < s->n_triangle; t++) {
        const int32_t *v = s->triangle + 3 * t;
        const Vertex *a = &frame->vertex[first + v[0]], *b = &frame->vertex[first + v[1]],
                     *c = &frame->vertex[first + v[2]];
        if (!drawable(&frame->vertex[first], v))
            continue;
        /* > 0: counter-clockwise as seen (y runs down), the front */
        int64_t area =
            (int64_t)(c->fx - a->fx) * (b->fy - a->fy) - (int64_t)(b->fx - a->fx) * (c->fy - a->fy);
        if (area == 0 || (area < 0 && !blends))
            continue;
        if (s->material == MATERIAL_EYE && triangle_is_clear(s, v))
            continue;
        int below = bust ? below_cut(frame, s, v) : 0;
        if (below == 3)
            continue;
        Triangle *out = &frame->triangle[frame->n_triangle++];
        /* the raster wants one winding */
        out->v[0] = first + v[0];
        out->v[1] = first + (area > 0 ? v[1] : v[2]);
        out->v[2] = first + (area > 0 ? v[2] : v[1]);
        out->surface = surface;
        out->cut = below > 0;
        out->label = s->label ? s->label[t] : LABEL_BY_RULE;
        float pixels2 = fabsf((float)area) / ((float)SUBPIXEL * SUBPIXEL);
        out->lod = texels_per_pixel_log2(s, v, pixels2);
    }
}

/* How far the lips are apart. */
static float mouth_open(const Frame *frame, const Surface *skin)
{
    const int *seal = frame->tables->seal;
    if (seal[0] < 0 || seal[1] < 0 || skin->n_vertex != frame->tables->n_vertex)
        return 1;
    return smoothstepf(0.03f, 0.09f,
                       skin->position[3 * seal[0] + 1] - skin->position[3 * seal[1] + 1]);
}

static float nearest_inverse(const Frame *frame, const Triangle *t)
{
    const Vertex *v = frame->vertex;
    return maxf(v[t->v[0]].inverse, maxf(v[t->v[1]].inverse, v[t->v[2]].inverse));
}

/* Near to far, roughly: what is hidden behind opaque hair is then skipped early. */
static void sort_blended(Frame *frame)
{
    enum { BUCKETS = 512 };
    int n = frame->n_triangle - frame->n_opaque;
    Triangle *from = frame->triangle + frame->n_opaque, *to = frame->sorted;
    float lo = INFINITY, hi = 0;
    for (int i = 0; i < n; i++) {
        float inverse = nearest_inverse(frame, &from[i]);
        lo = minf(lo, inverse);
        hi = maxf(hi, inverse);
    }
    float scale = hi > lo ? (BUCKETS - 1) / (hi - lo) : 0;
    int begin[BUCKETS + 1] = {0};
    for (int i = 0; i < n; i++)
        begin[1 + (int)((hi - nearest_inverse(frame, &from[i])) * scale)]++;
    for (int b = 0; b < BUCKETS; b++)
        begin[b + 1] += begin[b];
    for (int i = 0; i < n; i++)
        to[begin[(int)((hi - nearest_inverse(frame, &from[i])) * scale)]++] = from[i];
    memcpy(from, to, (size_t)n * sizeof *from);
}

void frame_transform(Frame *frame)
{
    const Scene *scene = frame->scene;
    frame->mouth_open = 1;
    for (int i = 0; i < scene->n_surface; i++) {
        const Surface *s = &scene->surface[i];
        Vertex *vertex = frame->vertex + frame->first_vertex[i];
        for (int k = 0; k < s->n_vertex; k++) {
            memset(&vertex[k], 0, sizeof vertex[k]);
            to_view(frame, s->position + 3 * k, vertex[k].p);
            project(frame, &vertex[k]);
        }
        surface_normals(s, vertex);
        if (s->material == MATERIAL_SKIN)
            frame->mouth_open = mouth_open(frame, s);
        if (material_blends(s->material))
            surface_tangents(s, vertex);
    }
    frame->n_triangle = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < scene->n_surface; i++)
            if (material_blends(scene->surface[i].material) == (pass == 1))
                add_triangles(frame, i);
        if (pass == 0)
            frame->n_opaque = frame->n_triangle;
    }
    sort_blended(frame);
}
