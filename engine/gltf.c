#include "engine/gltf.h"

#include <stdlib.h>
#include <string.h>

#include "engine/character.h"
#include "engine/codec.h"
#include "engine/engine_scene.h"
#include "engine/glb.h"
#include "engine/gltf_mesh.h"
#include "engine/gltf_paint.h"

enum { LINEAR = 9729, LINEAR_MIPMAP_LINEAR = 9987, CLAMP_TO_EDGE = 33071, JPEG_QUALITY = 92 };

/* What a viewer shall make of a material; the skin's roughness is painted. */
typedef struct Finish {
    float roughness;
    float gloss;       /* of KHR_materials_specular */
    const char *alpha; /* glTF's alphaMode */
    float lift; /* dm off the head: cards that lie in the skin, where our renderer shows them */
} Finish;

static const Finish finishes[MATERIAL_COUNT] = {
    [MATERIAL_SKIN] = {1, 0.6f, "OPAQUE", 0},
    [MATERIAL_EYE] = {0.12f, 1, "OPAQUE", 0},
    [MATERIAL_TEETH] = {0.35f, 1, "OPAQUE", 0},
    /* a card has the gloss of a plate, which makes black hair grey: strands take a part of it */
    [MATERIAL_BROW] = {0.8f, 0.35f, "BLEND", 0.015f},
    [MATERIAL_LASH] = {0.8f, 0.35f, "BLEND", 0},
    [MATERIAL_BEARD] = {0.8f, 0.35f, "MASK", 0.015f},
    [MATERIAL_HAIR] = {0.8f, 0.35f, "MASK", 0.02f},
};
static const char specular[] = "KHR_materials_specular";

/* Strands are drawn twice: what is dense hides what lies behind it, and needs no order; what is
 * left of their soft ends is blended over it. */
static const double dense = 0.6;

static bool is_masked(Material material)
{
    return strcmp(finishes[material].alpha, "MASK") == 0;
}

enum { FRINGE_NAME = 128 };

static void fringe_name(const Surface *s, char name[static FRINGE_NAME])
{
    snprintf(name, FRINGE_NAME, "%.100s-fringe", s->name);
}

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

static json_t *colour_json(Glb *glb, const Frame *posed, int surface)
{
    const Surface *s = &posed->scene->surface[surface];
    Painting painting;
    if (!paint_colour(posed, surface, &painting))
        return NULL;
    int texture = add_texture(glb, s->name, &painting);
    free(painting.pixel);
    return json_pack("{s:f,s:f,s:[f,f,f,f],s:{s:i}}", "metallicFactor", 0.0, "roughnessFactor",
                     (double)finishes[s->material].roughness, "baseColorFactor", 1.0, 1.0, 1.0,
                     (double)s->opacity, "baseColorTexture", "index", texture);
}

static bool add_skin_finish(Glb *glb, const Frame *posed, int surface, json_t *material)
{
    Painting painting;
    if (!paint_skin_finish(posed, surface, &painting))
        return false;
    int texture = add_texture(glb, "skin-finish", &painting);
    free(painting.pixel);
    json_t *pbr = json_object_get(material, "pbrMetallicRoughness");
    return json_object_set_new(pbr, "metallicRoughnessTexture",
                               json_pack("{s:i}", "index", texture)) == 0 &&
           json_object_set_new(material, "occlusionTexture",
                               json_pack("{s:i}", "index", texture)) == 0;
}

static int add_material(Glb *glb, const Frame *posed, int surface)
{
    const Surface *s = &posed->scene->surface[surface];
    json_t *material =
        json_pack("{s:s,s:s,s:b,s:o}", "name", s->name, "alphaMode", finishes[s->material].alpha,
                  "doubleSided", false, "pbrMetallicRoughness", colour_json(glb, posed, surface));
    double gloss = finishes[s->material].gloss;
    if (gloss < 1)
        glb->failed |=
            json_object_set_new(material, "extensions",
                                json_pack("{s:{s:f}}", specular, "specularFactor", gloss)) != 0;
    if (is_masked(s->material))
        glb->failed |= json_object_set_new(material, "alphaCutoff", json_real(dense)) != 0;
    if (s->material == MATERIAL_SKIN)
        glb->failed |= !add_skin_finish(glb, posed, surface, material);
    return glb_add(glb, "materials", material);
}

/* The same material, blended. */
static int add_fringe_material(Glb *glb, const Surface *s, int dense_material)
{
    json_t *all = json_object_get(glb->root, "materials");
    json_t *material = json_copy(json_array_get(all, (size_t)dense_material));
    char name[FRINGE_NAME];
    fringe_name(s, name);
    glb->failed |= json_object_set_new(material, "name", json_string(name)) != 0 ||
                   json_object_set_new(material, "alphaMode", json_string("BLEND")) != 0 ||
                   json_object_del(material, "alphaCutoff") != 0;
    return glb_add(glb, "materials", material);
}

/* The accessors of a surface, or n_index 0 when nothing of it is seen. */
typedef struct Accessors {
    int n_index, position, normal, uv, index;
    int colour; /* -1: none */
} Accessors;

static Accessors add_geometry(Glb *glb, const Frame *posed, int surface)
{
    Material material = posed->scene->surface[surface].material;
    Accessors a = {.colour = -1};
    GltfMesh mesh;
    if (!gltf_mesh_new(&mesh, posed, surface, finishes[material].lift)) {
        glb->failed = true;
        return a;
    }
    a.n_index = mesh.n_index;
    if (a.n_index > 0) {
        a.position = glb_floats(glb, mesh.position, mesh.n_vertex, 3);
        a.normal = glb_floats(glb, mesh.normal, mesh.n_vertex, 3);
        a.uv = glb_floats(glb, mesh.uv, mesh.n_vertex, 2);
        if (material == MATERIAL_HAIR)
            a.colour = glb_floats(glb, mesh.colour, mesh.n_vertex, 3);
        a.index = glb_indices(glb, mesh.index, mesh.n_index, mesh.n_vertex);
    }
    gltf_mesh_free(&mesh);
    return a;
}

/* A mesh and its node, among the children of the root. */
static void add_mesh(Glb *glb, const char *name, const Accessors *a, int material, json_t *children)
{
    json_t *attributes = json_pack("{s:i,s:i,s:i}", "POSITION", a->position, "NORMAL", a->normal,
                                   "TEXCOORD_0", a->uv);
    if (a->colour >= 0)
        glb->failed |= json_object_set_new(attributes, "COLOR_0", json_integer(a->colour)) != 0;
    int mesh =
        glb_add(glb, "meshes",
                json_pack("{s:s,s:[{s:o,s:i,s:i}]}", "name", name, "primitives", "attributes",
                          attributes, "indices", a->index, "material", material));
    int node = glb_add(glb, "nodes", json_pack("{s:s,s:i}", "name", name, "mesh", mesh));
    glb->failed |= json_array_append_new(children, json_integer(node)) != 0;
}

static void add_surface(Glb *glb, const Frame *posed, int surface, json_t *children)
{
    const Surface *s = &posed->scene->surface[surface];
    Accessors geometry = add_geometry(glb, posed, surface);
    if (geometry.n_index == 0)
        return;
    int material = add_material(glb, posed, surface);
    add_mesh(glb, s->name, &geometry, material, children);
    if (!is_masked(s->material))
        return;
    char name[FRINGE_NAME];
    fringe_name(s, name);
    add_mesh(glb, name, &geometry, add_fringe_material(glb, s, material), children);
}

static void add_character(Glb *glb, const Frame *posed, const Schema *schema, const float *x)
{
    glb_add(glb, "samplers",
            json_pack("{s:i,s:i,s:i,s:i}", "magFilter", LINEAR, "minFilter", LINEAR_MIPMAP_LINEAR,
                      "wrapS", CLAMP_TO_EDGE, "wrapT", CLAMP_TO_EDGE));
    glb->failed |=
        json_object_set_new(glb->root, "extensionsUsed", json_pack("[s]", specular)) != 0;
    json_t *children = json_array();
    for (int i = 0; i < posed->scene->n_surface && !glb->failed; i++)
        if (posed->scene->surface[i].material != MATERIAL_CUT) /* a body may be joined there */
            add_surface(glb, posed, i, children);
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
        hair_prepare(&frame);
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
