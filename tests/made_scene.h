/* Small scenes made up for tests of the renderer: no assets needed. */
#ifndef TESTS_MADE_SCENE_H
#define TESTS_MADE_SCENE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/renderer.h"

enum { MAX_SIZE = 513 };

static inline float linear(int byte)
{
    float s = (float)byte / 255;
    return s <= 0.04045f ? s / 12.92f : powf((s + 0.055f) / 1.055f, 2.4f);
}

static inline float srgb(float x)
{
    return 255 * (x <= 0.0031308f ? 12.92f * x : 1.055f * powf(x, 1 / 2.4f) - 0.055f);
}

/* A texture of one colour, or of two halves side by side. */
typedef struct Paint {
    uint8_t pixel[64 * 64 * 4 * 2];
    Texture texture;
} Paint;

static inline void paint_halves(Paint *paint, const uint8_t left[4], const uint8_t right[4])
{
    assert_true(texture_bytes(64, 64, 4) <= sizeof paint->pixel);
    for (int i = 0; i < 64 * 64; i++)
        memcpy(paint->pixel + 4 * i, i % 64 < 32 ? left : right, 4);
    texture_prepare(&paint->texture, 64, 64, 4, paint->pixel);
}

static inline void paint_plain(Paint *paint, uint8_t grey, uint8_t alpha)
{
    const uint8_t colour[4] = {grey, grey, grey, alpha};
    paint_halves(paint, colour, colour);
}

/* A grid of quads over [0, 1]^2 in uv. */
enum { GRID = 24, GRID_VERTICES = (GRID + 1) * (GRID + 1), GRID_TRIANGLES = 2 * GRID * GRID };

typedef struct Mesh {
    float position[GRID_VERTICES * 3], uv[GRID_VERTICES * 2];
    int32_t weld[GRID_VERTICES], triangle[GRID_TRIANGLES * 3];
} Mesh;

static inline void mesh_grid(Mesh *mesh, int n)
{
    for (int j = 0; j <= n; j++)
        for (int i = 0; i <= n; i++) {
            int v = j * (n + 1) + i;
            mesh->uv[2 * v] = (float)i / (float)n;
            mesh->uv[2 * v + 1] = (float)j / (float)n;
            mesh->weld[v] = v;
        }
    for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++) {
            int v = j * (n + 1) + i;
            const int32_t two[6] = {v, v + 1, v + n + 2, v, v + n + 2, v + n + 1};
            memcpy(mesh->triangle + 6 * (j * n + i), two, sizeof two);
        }
}

static inline Surface mesh_surface(const Mesh *mesh, int n, Material material,
                                   const Texture *texture)
{
    Surface s = {.material = material,
                 .n_vertex = (n + 1) * (n + 1),
                 .position = mesh->position,
                 .rest = mesh->position,
                 .uv = mesh->uv,
                 .weld = mesh->weld,
                 .n_triangle = 2 * n * n,
                 .triangle = mesh->triangle,
                 .n_layer = 1,
                 .tint = {1, 1, 1},
                 .opacity = 1};
    s.layer[0].texture = texture;
    s.layer[0].weight = 1;
    return s;
}

/* A quad with corners (x0, y0) and (x1, y1); z at the left and at the right edge. */
static inline Surface quad(Mesh *mesh, Material material, const Texture *texture,
                           const float box[4], float z_left, float z_right)
{
    mesh_grid(mesh, 1);
    for (int v = 0; v < 4; v++) {
        mesh->position[3 * v] = box[v % 2 ? 2 : 0];
        mesh->position[3 * v + 1] = box[v / 2 ? 3 : 1];
        mesh->position[3 * v + 2] = v % 2 ? z_right : z_left;
    }
    return mesh_surface(mesh, 1, material, texture);
}

static inline Surface sphere(Mesh *mesh, Material material, const Texture *texture,
                             const float centre[3], float radius)
{
    mesh_grid(mesh, GRID);
    for (int v = 0; v < GRID_VERTICES; v++) {
        float around = 6.2831853f * mesh->uv[2 * v],
              up = 3.14159265f * (mesh->uv[2 * v + 1] - 0.5f);
        mesh->position[3 * v] = centre[0] + radius * cosf(up) * sinf(around);
        mesh->position[3 * v + 1] = centre[1] + radius * sinf(up);
        mesh->position[3 * v + 2] = centre[2] + radius * cosf(up) * cosf(around);
        if (v % (GRID + 1) == GRID) /* the seam */
            mesh->weld[v] = v - GRID;
        if (v < GRID + 1) /* the poles */
            mesh->weld[v] = 0;
        if (v >= GRID * (GRID + 1))
            mesh->weld[v] = GRID * (GRID + 1);
    }
    return mesh_surface(mesh, GRID, material, texture);
}

/* The eyes sit .3 dm above the middle of the picture, where the view looks: scenes are built around
 * (0, 0, 0). */
static inline void scene_begin(Scene *scene)
{
    *scene = (Scene){.middle = {0, 0.3f, 0},
                     .eye_centre = {{0.3f, 0.3f, 0}, {-0.3f, 0.3f, 0}},
                     .iris_tint = {1, 1, 1}};
}

static inline void scene_add(Scene *scene, Surface surface)
{
    assert_true(scene->n_surface < SCENE_MAX_SURFACES);
    scene->surface[scene->n_surface++] = surface;
}

/* No light: surfaces are black, and coverage can be read off a white background. */
static inline RenderOptions dark(int size)
{
    RenderOptions o = render_options_default();
    o.size = size;
    o.light_gain = o.ambient_gain = 0;
    memset(o.background, 255, sizeof o.background);
    return o;
}

static inline RenderOptions lit(int size)
{
    RenderOptions o = render_options_default();
    o.size = size;
    return o;
}

typedef struct Picture {
    uint8_t rgb[MAX_SIZE * MAX_SIZE * 3], label[MAX_SIZE * MAX_SIZE];
} Picture;

static inline void draw(const Scene *scene, const RenderOptions *options, Picture *picture)
{
    RenderTables *tables;
    Error err;
    assert_true(render_tables_new(&tables, &scene->surface[0], &err));
    assert_true(render_scene(tables, scene, options, picture->rgb, picture->label, &err));
    render_tables_free(tables);
}

/* Everything at once: a textured ball behind half-transparent cards. */
typedef struct Still {
    Mesh mesh[3];
    Paint paint[2];
    Scene scene;
} Still;

static inline void still_begin(Still *still, float mirror)
{
    paint_halves(&still->paint[0], (const uint8_t[4]){230, 180, 150, 255},
                 (const uint8_t[4]){200, 150, 130, 255});
    paint_plain(&still->paint[1], 90, 140);
    scene_begin(&still->scene);
    scene_add(&still->scene, sphere(&still->mesh[0], MATERIAL_SKIN, &still->paint[0].texture,
                                    (const float[3]){0.1f * mirror, 0, -0.7f}, 0.8f));
    const float right[4] = {0.1f, -0.5f, 1.1f, 0.8f}, left[4] = {-1.1f, -0.5f, -0.1f, 0.8f};
    scene_add(&still->scene, quad(&still->mesh[1], MATERIAL_HAIR, &still->paint[1].texture,
                                  mirror > 0 ? right : left, 0.3f, 0.3f));
    scene_add(&still->scene, quad(&still->mesh[2], MATERIAL_TEETH, &still->paint[1].texture,
                                  (const float[4]){-0.3f, -1.2f, 0.3f, -0.6f}, 0.2f, 0.2f));
}

#endif
