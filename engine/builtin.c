#include "engine/engine_internal.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_scene.h"
#include "engine/face_rings.h"
#include "engine/look.h"
#include "engine/pack.h"
#include "engine/renderer.h"
#include "engine/rig.h"
#include "engine/scene.h"

enum {
    NAME_SIZE = 96,
    RACES = 3,
    AGES = 3,
    MAX_PIECES = 2, /* meshes of one option */
};

/* A mesh with what a surface of it needs besides the deformed vertices. */
typedef struct Piece {
    const PackMesh *mesh;
    float *rest;
} Piece;

typedef struct Choice {
    Material material;
    Piece *piece; /* MAX_PIECES of each option; mesh NULL: none */
} Choice;

typedef struct Builtin {
    Engine base;
    Pack *pack;
    Rig *rig;
    RenderTables *tables;
    FaceRings *rings;
    Piece skin, eyes, teeth, tongue, lashes;
    Choice *choice; /* of each discrete group */
    int32_t *skin_source;
    uint8_t *skin_label;
    const PackTexture *skin_texture[RACES][AGES][2]; /* [1]: male */
    const Texture *iris[LOOK_IRISES];
} Builtin;

static const char *const race_name[RACES] = {"african", "asian", "caucasian"};
static const char *const age_name[AGES] = {"young", "middleage", "old"};

static const struct {
    const char *group, *prefix;
    Material material;
} group_kinds[] = {
    {"hair", "hair-", MATERIAL_HAIR},
    {"brows", "brow-", MATERIAL_BROW},
    {"beard", "beard-", MATERIAL_BEARD},
    {"lipstick-style", "lipstick-", MATERIAL_SKIN},
    {"lipstick-colour", "lipstick-", MATERIAL_SKIN},
};

static bool piece_open(Builtin *e, Piece *piece, const char *mesh, Error *err)
{
    piece->mesh = pack_mesh(e->pack, mesh);
    if (!piece->mesh)
        return error_set(err, "the asset pack has no \"%s\"; bake it again", mesh);
    piece->rest = malloc((size_t)piece->mesh->n_vertex * 3 * sizeof *piece->rest);
    float *scratch = malloc(((size_t)piece->mesh->n_bound * 3 + 1) * sizeof *scratch);
    if (piece->rest && scratch)
        rig_mesh(piece->mesh, e->pack->position, piece->rest, scratch);
    bool ok = piece->rest && scratch;
    free(scratch);
    return ok || error_set(err, "out of memory");
}

/* A mesh of strands: the renderer reads the alpha of its texture. */
static bool strands_open(Builtin *e, Piece *piece, const char *mesh, Error *err)
{
    if (!piece_open(e, piece, mesh, err))
        return false;
    const PackTexture *texture = piece->mesh->texture;
    return (texture && texture->texture.channels == 4) ||
           error_set(err, "the asset pack's \"%s\" has no texture with alpha; bake it again", mesh);
}

/* An option has no mesh, one, or several joined by '+'. */
static bool option_open(Builtin *e, const char *prefix, const ControlOption *option, Piece *piece,
                        Error *err)
{
    const char *at = option->mesh;
    for (int n = 0; *at; n++) {
        size_t length = strcspn(at, "+");
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "%s%.*s", prefix, (int)length, at);
        if (n == MAX_PIECES)
            return error_set(err, "schema %s: option \"%s\" has too many parts",
                             e->base.schema->name, option->name);
        if (!strands_open(e, &piece[n], name, err))
            return error_prefix(err, "schema %s: option \"%s\"", e->base.schema->name,
                                option->name);
        at += length + (at[length] == '+');
    }
    return true;
}

static int group_kind(const char *group)
{
    for (size_t i = 0; i < sizeof group_kinds / sizeof *group_kinds; i++)
        if (strcmp(group_kinds[i].group, group) == 0)
            return (int)i;
    return -1;
}

static bool choices_open(Builtin *e, Error *err)
{
    e->choice = calloc((size_t)e->base.schema->n_groups + 1, sizeof *e->choice);
    if (!e->choice)
        return error_set(err, "out of memory");
    for (int g = 0; g < e->base.schema->n_groups; g++) {
        const ControlGroup *group = &e->base.schema->group[g];
        int kind = group_kind(group->name);
        if (kind < 0)
            return error_set(err, "schema %s: this engine has no choice of \"%s\"",
                             e->base.schema->name, group->name);
        e->choice[g].material = group_kinds[kind].material;
        e->choice[g].piece = calloc((size_t)group->count * MAX_PIECES, sizeof(Piece));
        if (!e->choice[g].piece)
            return error_set(err, "out of memory");
        for (int k = 0; k < group->count; k++)
            if (!look_has_paint(group->name, group->option[k].paint))
                return error_set(err,
                                 "schema %s: option \"%s\" of \"%s\" has the paint \"%s\", which "
                                 "this engine does not know",
                                 e->base.schema->name, group->option[k].name, group->name,
                                 group->option[k].paint);
            else if (!option_open(e, group_kinds[kind].prefix, &group->option[k],
                                  e->choice[g].piece + k * MAX_PIECES, err))
                return false;
    }
    return true;
}

static bool skins_open(Builtin *e, Error *err)
{
    char name[NAME_SIZE];
    for (int r = 0; r < RACES; r++)
        for (int a = 0; a < AGES; a++)
            for (int male = 0; male < 2; male++) {
                snprintf(name, sizeof name, "skin-%s-%s-%s", age_name[a], race_name[r],
                         male ? "male" : "female");
                e->skin_texture[r][a][male] = pack_texture(e->pack, name);
                if (!e->skin_texture[r][a][male])
                    return error_set(err, "the asset pack has no \"%s\"; bake it again", name);
            }
    if (!piece_open(e, &e->skin, "skin", err))
        return false;
    const PackMesh *mesh = e->skin.mesh;
    e->skin_source = malloc((size_t)mesh->n_vertex * sizeof *e->skin_source);
    e->skin_label = malloc((size_t)mesh->n_triangle);
    if (!e->skin_source || !e->skin_label)
        return error_set(err, "out of memory");
    for (int i = 0; i < mesh->n_vertex; i++)
        e->skin_source[i] = e->pack->source[mesh->vertex[i]];
    for (int t = 0; t < mesh->n_triangle; t++) {
        bool inside = true;
        for (int k = 0; k < 3; k++)
            inside = inside && e->pack->bag[mesh->vertex[mesh->triangle[3 * t + k]]];
        e->skin_label[t] = inside ? LABEL_INNER_MOUTH : LABEL_BY_RULE;
    }
    return face_rings_new(&e->rings, e->skin_source, mesh->n_vertex) ||
           error_set(err, "out of memory");
}

static bool irises_open(Builtin *e, Error *err)
{
    for (int i = 0; i < LOOK_IRISES; i++) {
        const PackTexture *t = pack_texture(e->pack, look_iris_name[i]);
        if (!t)
            return error_set(err, "the asset pack has no \"%s\"; bake it again", look_iris_name[i]);
        e->iris[i] = &t->texture;
    }
    return true;
}

static Surface surface_of(const Piece *piece, Material material, const float *position)
{
    const PackMesh *mesh = piece->mesh;
    Surface s = {
        .name = mesh->name,
        .material = material,
        .n_vertex = mesh->n_vertex,
        .position = position,
        .rest = piece->rest,
        .uv = mesh->uv,
        .weld = mesh->weld,
        .n_triangle = mesh->n_triangle,
        .triangle = mesh->triangle,
        .n_layer = 1,
        .tint_kind = TINT_MULTIPLY,
        .tint = {1, 1, 1},
        .opacity = 1,
    };
    s.layer[0].texture = mesh->texture ? &mesh->texture->texture : NULL; /* skin gets its own */
    s.layer[0].weight = 1;
    return s;
}

static Surface skin_surface(const Builtin *e, const float *position)
{
    Surface s = surface_of(&e->skin, MATERIAL_SKIN, position);
    s.source = e->skin_source;
    s.label = e->skin_label;
    return s;
}

static void builtin_close(Engine *engine)
{
    Builtin *e = (Builtin *)engine;
    free(e->skin.rest);
    free(e->eyes.rest);
    free(e->teeth.rest);
    free(e->tongue.rest);
    free(e->lashes.rest);
    for (int g = 0; e->choice && g < e->base.schema->n_groups; g++) {
        Piece *piece = e->choice[g].piece;
        for (int k = 0; piece && k < e->base.schema->group[g].count * MAX_PIECES; k++)
            free(piece[k].rest);
        free(piece);
    }
    free(e->choice);
    free(e->skin_source);
    free(e->skin_label);
    render_tables_free(e->tables);
    face_rings_free(e->rings);
    rig_free(e->rig);
    pack_close(e->pack);
    schema_free(e->base.schema);
    free(e);
}

/* One render's memory: the posed head, scratch, and every surface's vertices, in one block. */
typedef struct Workspace {
    float *block, *position, *scratch, *next;
} Workspace;

static bool workspace_new(Workspace *w, const Builtin *e, const Piece *const *piece, int n,
                          Error *err)
{
    size_t vertices = (size_t)e->pack->n_vertex * 3, scratch = rig_scratch(e->rig), surfaces = 0;
    for (int i = 0; i < n; i++) {
        size_t bound = (size_t)piece[i]->mesh->n_bound * 3;
        scratch = bound > scratch ? bound : scratch;
        surfaces += (size_t)piece[i]->mesh->n_vertex * 3;
    }
    w->block = malloc((vertices + scratch + surfaces) * sizeof *w->block);
    if (!w->block)
        return error_set(err, "out of memory for a render");
    w->position = w->block;
    w->scratch = w->block + vertices;
    w->next = w->scratch + scratch;
    return true;
}

static void set_tint(Surface *s, TintKind kind, const float tint[3], float opacity)
{
    s->tint_kind = kind;
    memcpy(s->tint, tint, sizeof s->tint);
    s->opacity = opacity;
}

static void dress_skin(const Builtin *e, Surface *s, const Look *look, bool male)
{
    float mean[3] = {0};
    s->n_layer = 0;
    for (int r = 0; r < RACES; r++)
        for (int a = 0; a < AGES; a++) {
            float weight = look->skin_race[r] * look->skin_age[a];
            if (weight <= 0)
                continue;
            const PackTexture *t = e->skin_texture[r][a][male];
            s->layer[s->n_layer].texture = &t->texture;
            s->layer[s->n_layer++].weight = weight;
            for (int k = 0; k < 3; k++)
                mean[k] += weight * t->face[k];
        }
    for (int k = 0; k < 3; k++)
        s->tint[k] = look->skin[k] / mean[k];
}

/* The shipped teeth are grey. */
static const float teeth_tint[3] = {1.75f, 1.66f, 1.48f};

static void dress_eyes(const Builtin *e, Surface *s, const Look *look)
{
    s->n_layer = 0;
    for (int k = 0; k < 2; k++) {
        if (look->iris_weight[k] <= 0)
            continue;
        s->layer[s->n_layer].texture = e->iris[look->iris_texture[k]];
        s->layer[s->n_layer++].weight = look->iris_weight[k];
    }
}

/* The pieces of x's character and their materials; returns how many. */
static int choose_pieces(const Builtin *e, const float *x, const Piece **piece, Material *material)
{
    int n = 0;
    const Piece *fixed[] = {&e->skin, &e->eyes, &e->teeth, &e->tongue, &e->lashes};
    static const Material fixed_material[] = {MATERIAL_SKIN, MATERIAL_EYE, MATERIAL_TEETH,
                                              MATERIAL_TEETH, MATERIAL_LASH};
    for (; n < 5; n++) {
        piece[n] = fixed[n];
        material[n] = fixed_material[n];
    }
    for (int g = 0; g < e->base.schema->n_groups; g++) {
        const Piece *option = e->choice[g].piece + schema_choice(e->base.schema, g, x) * MAX_PIECES;
        for (int k = 0; k < MAX_PIECES && option[k].mesh; k++) {
            assert(n < SCENE_MAX_SURFACES); /* hair, brows and beard are the groups with meshes */
            piece[n] = &option[k];
            material[n++] = e->choice[g].material;
        }
    }
    return n;
}

static void build_scene(const Builtin *e, const float *x, const Piece *const *piece,
                        const Material *material, int n, Workspace *w, Scene *scene)
{
    float trait[TRAIT_COUNT];
    rig_traits(e->rig, x, trait);
    Look look = look_at(e->base.schema, x, trait);
    bool male = trait[TRAIT_MALE] >= 0.5f;
    rig_pose(e->rig, x, w->position, w->scratch);
    rig_middle(e->rig, scene->middle);
    rig_eyes(e->rig, w->position, scene->eye_centre);
    for (int i = 0; i < n; i++) {
        float *vertices = w->next;
        w->next += (size_t)piece[i]->mesh->n_vertex * 3;
        rig_mesh(piece[i]->mesh, w->position, vertices, w->scratch);
        Surface *s = &scene->surface[scene->n_surface++];
        *s = piece[i] == &e->skin ? skin_surface(e, vertices)
                                  : surface_of(piece[i], material[i], vertices);
        if (material[i] == MATERIAL_SKIN) {
            face_rings_close_lips(e->rings, vertices);
            face_rings_eyes(e->rings, vertices, scene->eye_centre, scene->eye_opening);
            dress_skin(e, s, &look, male);
        } else if (material[i] == MATERIAL_EYE)
            dress_eyes(e, s, &look);
        else if (piece[i] == &e->teeth)
            set_tint(s, TINT_MULTIPLY, teeth_tint, 1);
        else if (material[i] == MATERIAL_BROW)
            set_tint(s, TINT_RECOLOUR, look.brow, 1);
        else if (material[i] == MATERIAL_LASH)
            set_tint(s, TINT_RECOLOUR, look.lash, male ? 0.6f : 0.9f);
        else if (material[i] == MATERIAL_BEARD)
            set_tint(s, TINT_RECOLOUR, look.beard, 1);
        else if (material[i] == MATERIAL_HAIR)
            set_tint(s, TINT_RECOLOUR, look.hair, 1);
    }
    memcpy(scene->iris_tint, look.iris, sizeof scene->iris_tint);
    memcpy(scene->lip_tint, look.lip, sizeof scene->lip_tint);
    memcpy(scene->skin_colour, look.skin, sizeof scene->skin_colour);
    scene->skin_detail = look.detail;
    scene->freckles = look.freckles;
    scene->blush = look.blush;
    scene->lip = look.lipstick;
    scene->scalp = look.scalp;
    scene->beard = look.painted_beard;
    scene->stubble = look.stubble;
}

static const EngineClass builtin_class;

bool engine_scene(const Engine *engine, const float *x, EngineScene *out, Error *err)
{
    if (engine->class != &builtin_class)
        return error_set(err, "schema %s: its engine gives pictures, no geometry",
                         engine->schema->name);
    const Builtin *e = (const Builtin *)engine;
    for (int i = 0; i < engine->schema->dim; i++)
        if (!isfinite(x[i]))
            return error_set(err, "value %d of the character is not a finite number", i);
    const Piece *piece[SCENE_MAX_SURFACES];
    Material material[SCENE_MAX_SURFACES];
    int n = choose_pieces(e, x, piece, material);
    Workspace w = {0};
    if (!workspace_new(&w, e, piece, n, err))
        return false;
    *out = (EngineScene){.tables = e->tables, .block = w.block};
    build_scene(e, x, piece, material, n, &w, &out->scene);
    return true;
}

void engine_scene_free(EngineScene *scene)
{
    free(scene->block);
    *scene = (EngineScene){0};
}

static bool builtin_render(const Engine *engine, const float *x, const RenderOptions *options,
                           uint8_t *rgb, uint8_t *labels, Error *err)
{
    EngineScene posed;
    if (!engine_scene(engine, x, &posed, err))
        return false;
    bool ok = render_scene(posed.tables, &posed.scene, options, rgb, labels, err);
    engine_scene_free(&posed);
    return ok;
}

static const EngineClass builtin_class = {.render = builtin_render, .close = builtin_close};

bool engine_open_builtin(Engine **engine, const char *pack_path, const char *schema_path,
                         Error *err)
{
    Builtin *e = calloc(1, sizeof *e);
    if (!e)
        return error_set(err, "out of memory");
    e->base.class = &builtin_class;
    e->base.can = ENGINE_LABELS | ENGINE_VIEW | ENGINE_BACKGROUND;
    bool ok = schema_load(&e->base.schema, schema_path, err) &&
              pack_open(&e->pack, pack_path, err) &&
              rig_new(&e->rig, e->pack, e->base.schema, err) && skins_open(e, err) &&
              piece_open(e, &e->eyes, "eyes", err) && irises_open(e, err) &&
              piece_open(e, &e->teeth, "teeth", err) && piece_open(e, &e->tongue, "tongue", err) &&
              strands_open(e, &e->lashes, "lashes", err) && choices_open(e, err);
    if (ok) {
        Surface rest = skin_surface(e, e->skin.rest);
        ok = render_tables_new(&e->tables, &rest, err);
    }
    if (!ok) {
        builtin_close(&e->base);
        return false;
    }
    *engine = &e->base;
    return true;
}
