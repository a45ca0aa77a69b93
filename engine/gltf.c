#include "engine/gltf.h"

#include <stdlib.h>
#include <string.h>

#include "engine/character.h"
#include "engine/codec.h"
#include "engine/engine_scene.h"
#include "engine/glb.h"
#include "engine/gltf_paint.h"

static const float metres = 0.1f; /* a dm */

enum { LINEAR = 9729, LINEAR_MIPMAP_LINEAR = 9987, CLAMP_TO_EDGE = 33071, JPEG_QUALITY = 92 };

/* How a viewer shall light a material. */
typedef struct Finish {
    float roughness;
    const char *alpha; /* glTF's alphaMode */
    float cutoff;      /* of MASK */
} Finish;

static const Finish finishes[MATERIAL_COUNT] = {
    [MATERIAL_SKIN] = {0.55f, "OPAQUE", 0},  [MATERIAL_EYE] = {0.12f, "OPAQUE", 0},
    [MATERIAL_TEETH] = {0.35f, "OPAQUE", 0}, [MATERIAL_BROW] = {0.7f, "BLEND", 0},
    [MATERIAL_LASH] = {0.7f, "BLEND", 0},    [MATERIAL_BEARD] = {0.6f, "MASK", 0.4f},
    [MATERIAL_HAIR] = {0.5f, "MASK", 0.4f},
};

/* A texture of a painting: its index. */
static int add_texture(Glb *glb, const char *name, const Painting *painting)
{
    size_t n;
    uint8_t *file;
    if (painting->channels == 4)
        file = codec_encode_png(painting->pixel, painting->width, painting->height, 4, &n);
    else
        file =
            codec_encode_jpeg(painting->pixel, painting->width, painting->height, JPEG_QUALITY, &n);
    if (!file) {
        glb->failed = true;
        return 0;
    }
    int image = glb_image(glb, name, painting->channels == 4 ? "image/png" : "image/jpeg", file, n);
    free(file);
    return glb_add(glb, "textures", json_pack("{s:i,s:i}", "sampler", 0, "source", image));
}

static bool add_colour(Glb *glb, const Frame *posed, int surface, json_t *pbr)
{
    const Surface *s = &posed->scene->surface[surface];
    Painting painting;
    if (!paint_colour(posed, surface, &painting))
        return false;
    int texture = add_texture(glb, s->name, &painting);
    free(painting.pixel);
    if (s->opacity < 1 &&
        json_object_set_new(pbr, "baseColorFactor",
                            json_pack("[f,f,f,f]", 1.0, 1.0, 1.0, (double)s->opacity)) != 0)
        return false;
    return json_object_set_new(pbr, "baseColorTexture", json_pack("{s:i}", "index", texture)) == 0;
}

static bool add_occlusion(Glb *glb, const Frame *posed, int surface, json_t *material)
{
    Painting painting;
    if (!paint_occlusion(posed, surface, &painting))
        return false;
    int texture = add_texture(glb, "skin-occlusion", &painting);
    free(painting.pixel);
    return json_object_set_new(material, "occlusionTexture",
                               json_pack("{s:i}", "index", texture)) == 0;
}

static int add_material(Glb *glb, const Frame *posed, int surface)
{
    const Surface *s = &posed->scene->surface[surface];
    const Finish *finish = &finishes[s->material];
    json_t *pbr =
        json_pack("{s:f,s:f}", "metallicFactor", 0.0, "roughnessFactor", (double)finish->roughness);
    glb->failed |= !pbr || !add_colour(glb, posed, surface, pbr);
    json_t *material =
        json_pack("{s:s,s:s,s:b,s:o}", "name", s->name, "alphaMode", finish->alpha, "doubleSided",
                  material_blends(s->material), "pbrMetallicRoughness", pbr);
    if (finish->cutoff > 0)
        glb->failed |= json_object_set_new(material, "alphaCutoff", json_real(finish->cutoff)) != 0;
    if (s->material == MATERIAL_SKIN)
        glb->failed |= !add_occlusion(glb, posed, surface, material);
    return glb_add(glb, "materials", material);
}

/* The part of a surface that is seen at all, its vertices counted anew. */
typedef struct Shown {
    int n_vertex, n_index;
    float *position, *normal, *uv;
    int32_t *index;
    int32_t *number; /* of each vertex of the surface, -1 */
} Shown;

static bool shown_new(Shown *shown, const Surface *s)
{
    size_t n = (size_t)s->n_vertex + 1, triangles = (size_t)s->n_triangle + 1;
    *shown = (Shown){.position = malloc(n * 3 * sizeof(float)),
                     .normal = malloc(n * 3 * sizeof(float)),
                     .uv = malloc(n * 2 * sizeof(float)),
                     .index = malloc(triangles * 3 * sizeof(int32_t)),
                     .number = malloc(n * sizeof(int32_t))};
    return shown->position && shown->normal && shown->uv && shown->index && shown->number;
}

static void shown_free(Shown *shown)
{
    free(shown->position);
    free(shown->normal);
    free(shown->uv);
    free(shown->index);
    free(shown->number);
}

static int32_t show_vertex(Shown *shown, const Surface *s, const Vertex *vertex, int32_t v)
{
    if (shown->number[v] >= 0)
        return shown->number[v];
    int32_t n = shown->number[v] = shown->n_vertex++;
    for (int c = 0; c < 3; c++) {
        shown->position[3 * n + c] = metres * s->position[3 * v + c];
        shown->normal[3 * n + c] = vertex[v].n[c];
    }
    if (dot3(vertex[v].n, vertex[v].n) < 0.5f) /* of a speck without area */
        shown->normal[3 * n + 1] = 1;
    shown->uv[2 * n] = s->uv[2 * v];
    shown->uv[2 * n + 1] = 1 - s->uv[2 * v + 1];
    return n;
}

static void show(Shown *shown, const Frame *posed, int surface)
{
    const Surface *s = &posed->scene->surface[surface];
    const Vertex *vertex = posed->vertex + posed->first_vertex[surface];
    memset(shown->number, 0xff, (size_t)s->n_vertex * sizeof *shown->number);
    for (int t = 0; t < s->n_triangle; t++) {
        const int32_t *v = s->triangle + 3 * t;
        if (v[0] == v[1] || v[1] == v[2] || v[2] == v[0] ||
            (s->material == MATERIAL_EYE && triangle_is_clear(s, v)))
            continue;
        for (int k = 0; k < 3; k++)
            shown->index[shown->n_index++] = show_vertex(shown, s, vertex, v[k]);
    }
}

/* Mesh and node of a surface: the node's index, or -1 when nothing of it is seen. */
static int add_surface(Glb *glb, const Frame *posed, int surface)
{
    const Surface *s = &posed->scene->surface[surface];
    Shown shown;
    int node = -1;
    if (!shown_new(&shown, s)) {
        glb->failed = true;
    } else {
        show(&shown, posed, surface);
        if (shown.n_index > 0) {
            int position = glb_floats(glb, shown.position, shown.n_vertex, 3);
            int normal = glb_floats(glb, shown.normal, shown.n_vertex, 3);
            int uv = glb_floats(glb, shown.uv, shown.n_vertex, 2);
            int index = glb_indices(glb, shown.index, shown.n_index, shown.n_vertex);
            int mesh = glb_add(glb, "meshes",
                               json_pack("{s:s,s:[{s:{s:i,s:i,s:i},s:i,s:i}]}", "name", s->name,
                                         "primitives", "attributes", "POSITION", position, "NORMAL",
                                         normal, "TEXCOORD_0", uv, "indices", index, "material",
                                         add_material(glb, posed, surface)));
            node = glb_add(glb, "nodes", json_pack("{s:s,s:i}", "name", s->name, "mesh", mesh));
        }
    }
    shown_free(&shown);
    return node;
}

static void add_character(Glb *glb, const Frame *posed, const Schema *schema, const float *x)
{
    glb_add(glb, "samplers",
            json_pack("{s:i,s:i,s:i,s:i}", "magFilter", LINEAR, "minFilter", LINEAR_MIPMAP_LINEAR,
                      "wrapS", CLAMP_TO_EDGE, "wrapT", CLAMP_TO_EDGE));
    json_t *children = json_array();
    for (int i = 0; i < posed->scene->n_surface && !glb->failed; i++) {
        int node = add_surface(glb, posed, i);
        if (node >= 0)
            glb->failed |= json_array_append_new(children, json_integer(node)) != 0;
    }
    int root = glb_add(glb, "nodes",
                       json_pack("{s:s,s:o,s:o}", "name", schema->name, "children", children,
                                 "extras", character_json(schema, x)));
    glb_add(glb, "scenes", json_pack("{s:[i]}", "nodes", root));
    glb->failed |= json_object_set_new(glb->root, "scene", json_integer(0)) != 0;
}

bool engine_export_glb(const Engine *engine, const float *x, const char *path, Error *err)
{
    EngineScene posed;
    if (!engine_scene(engine, x, &posed, err))
        return error_prefix(err, "%s", path);
    /* the renderer's own way to normals and painted colours; seen straight from the front, so that
     * its view space is the head's */
    RenderOptions options = render_options_default();
    Frame frame;
    Glb glb;
    glb_begin(&glb);
    if (frame_begin(&frame, posed.tables, &posed.scene, &options)) {
        frame_set_view(&frame);
        frame_transform(&frame);
        add_character(&glb, &frame, engine_schema(engine), x);
    } else {
        glb.failed = true;
    }
    frame_end(&frame);
    bool ok = glb_save(&glb, path, err);
    glb_end(&glb);
    engine_scene_free(&posed);
    return ok;
}
