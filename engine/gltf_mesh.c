#include "engine/gltf_mesh.h"

#include <stdlib.h>
#include <string.h>

static const float metres = 0.1f; /* a dm */

typedef struct Shown {
    GltfMesh mesh;
    int32_t *number; /* in it of each vertex of the surface, -1 */
} Shown;

/* dm from the middle of head and neck. */
static void outwards(const Frame *posed, const float p[3], float out[3])
{
    for (int c = 0; c < 3; c++)
        out[c] = p[c] - posed->pivot[c];
    out[1] = out[1] > 0 ? out[1] : 0;
}

/* Cards are lit half as the head that they lie on. Their normals look outwards whichever side is
 * seen: a double-sided material would have them turned towards the eye, and its backs black. So
 * every triangle of theirs gets a back of its own instead. */
static void card_normal(const Frame *posed, int surface, int32_t v, float normal[3], float *open)
{
    const Surface *s = &posed->scene->surface[surface];
    float out[3];
    if (s->material == MATERIAL_HAIR) {
        hair_normal(posed, surface, v, normal, open);
        return;
    }
    outwards(posed, s->position + 3 * v, out);
    normalize3(out);
    float side = dot3(normal, out) < 0 ? -1 : 1;
    for (int c = 0; c < 3; c++)
        normal[c] = side * normal[c] + out[c];
}

static int32_t show_vertex(Shown *shown, const Frame *posed, int surface, float lift, int32_t v)
{
    const Surface *s = &posed->scene->surface[surface];
    GltfMesh *to = &shown->mesh;
    float normal[3], open = 1;
    if (shown->number[v] >= 0)
        return shown->number[v];
    int32_t n = shown->number[v] = to->n_vertex++;
    memcpy(normal, posed->vertex[posed->first_vertex[surface] + v].n, sizeof normal);
    if (material_blends(s->material))
        card_normal(posed, surface, v, normal, &open);
    if (dot3(normal, normal) < 1e-6f) /* of a speck without area */
        normal[1] = 1;
    normalize3(normal);
    for (int c = 0; c < 3; c++) {
        to->position[3 * n + c] = metres * (s->position[3 * v + c] + lift * normal[c]);
        to->normal[3 * n + c] = normal[c];
        to->colour[3 * n + c] = open;
    }
    to->uv[2 * n] = s->uv[2 * v];
    to->uv[2 * n + 1] = 1 - s->uv[2 * v + 1];
    return n;
}

typedef struct Layered {
    float out; /* square of dm from the middle of head and neck */
    int32_t triangle;
} Layered;

static int compare_layers(const void *a, const void *b)
{
    const Layered *p = a, *q = b;
    if (p->out != q->out)
        return p->out < q->out ? -1 : 1;
    return p->triangle - q->triangle;
}

/* Viewers blend triangles in the file's order: from the scalp outwards is right from all sides
 * where it matters. */
static void sort_layers(Layered *order, const Frame *posed, const Surface *s)
{
    for (int t = 0; t < s->n_triangle; t++) {
        float p[3] = {0}, d[3];
        for (int k = 0; k < 3; k++)
            for (int c = 0; c < 3; c++)
                p[c] += s->position[3 * s->triangle[3 * t + k] + c] / 3;
        outwards(posed, p, d);
        order[t] = (Layered){.out = dot3(d, d), .triangle = t};
    }
    qsort(order, (size_t)s->n_triangle, sizeof *order, compare_layers);
}

/* False when out of memory. */
static bool show(Shown *shown, const Frame *posed, int surface, float lift)
{
    GltfMesh *to = &shown->mesh;
    const Surface *s = &posed->scene->surface[surface];
    Layered *order = malloc(((size_t)s->n_triangle + 1) * sizeof *order);
    if (!order)
        return false;
    for (int t = 0; t < s->n_triangle; t++)
        order[t].triangle = t;
    if (material_blends(s->material))
        sort_layers(order, posed, s);
    memset(shown->number, 0xff, (size_t)s->n_vertex * sizeof *shown->number);
    for (int t = 0; t < s->n_triangle; t++) {
        const int32_t *v = s->triangle + 3 * order[t].triangle;
        if (v[0] == v[1] || v[1] == v[2] || v[2] == v[0] ||
            (s->material == MATERIAL_EYE && triangle_is_clear(s, v)))
            continue;
        int32_t number[3];
        for (int k = 0; k < 3; k++)
            number[k] = show_vertex(shown, posed, surface, lift, v[k]);
        for (int k = 0; k < 3; k++)
            to->index[to->n_index++] = number[k];
        for (int k = 2; k >= 0 && material_blends(s->material); k--)
            to->index[to->n_index++] = number[k];
    }
    free(order);
    return true;
}

bool gltf_mesh_new(GltfMesh *mesh, const Frame *posed, int surface, float lift)
{
    const Surface *s = &posed->scene->surface[surface];
    size_t n = (size_t)s->n_vertex + 1, triangles = (size_t)s->n_triangle + 1;
    Shown shown = {.mesh = {.position = malloc(n * 3 * sizeof(float)),
                            .normal = malloc(n * 3 * sizeof(float)),
                            .uv = malloc(n * 2 * sizeof(float)),
                            .colour = malloc(n * 3 * sizeof(float)),
                            .index = malloc(triangles * 6 * sizeof(int32_t))},
                   .number = malloc(n * sizeof(int32_t))};
    bool ok = shown.mesh.position && shown.mesh.normal && shown.mesh.uv && shown.mesh.colour &&
              shown.mesh.index && shown.number && show(&shown, posed, surface, lift);
    free(shown.number);
    if (ok)
        *mesh = shown.mesh;
    else
        gltf_mesh_free(&shown.mesh);
    return ok;
}

void gltf_mesh_free(GltfMesh *mesh)
{
    free(mesh->position);
    free(mesh->normal);
    free(mesh->uv);
    free(mesh->colour);
    free(mesh->index);
}
