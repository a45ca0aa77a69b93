#include "engine/rig.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RACES = 3,
    GENDERS = 2,
    AGES = 3,
    WEIGHTS = 3,
    DOFS = 9, /* tx ty tz rx ry rz sx sy sz */
    NAME_SIZE = 96,
    EYE_JOINT = 13606, /* left cube, then the right one */
    JOINT_SIZE = 8,
};

static const char *const race_name[RACES] = {"african", "asian", "caucasian"};
static const char *const gender_name[GENDERS] = {"female", "male"};
static const char *const age_name[AGES] = {"child", "young", "old"};
static const char *const weight_name[WEIGHTS] = {"min", "average", "max"};

/* "old" tears holes into the mesh at full weight. */
static const float max_old = 0.5f;
/* A child's head is brought to about an adult's size, as a photographer would step nearer: bones
 * and meshes are measured for that, and the cut below the shoulders stays out of the picture. */
static const float child_growth = 0.13f;

static const struct {
    const char *name;
    float initial;
} traits[TRAIT_COUNT] = {
    [TRAIT_RACE_AFRICAN] = {"race-african", 0},
    [TRAIT_RACE_ASIAN] = {"race-asian", 0},
    [TRAIT_MALE] = {"male", 0.5f},
    [TRAIT_AGE] = {"age", 0},
    [TRAIT_WEIGHT] = {"weight", 0},
    [TRAIT_SKIN_TONE] = {"skin-tone", 0.3f},
    [TRAIT_SKIN_WARMTH] = {"skin-warmth", 0},
    [TRAIT_HAIR_LIGHTNESS] = {"hair-lightness", 0.3f},
    [TRAIT_HAIR_WARMTH] = {"hair-warmth", 0},
    [TRAIT_HAIR_GREY] = {"hair-grey", 0},
    [TRAIT_EYE_HUE] = {"eye-hue", 0.3f},
    [TRAIT_EYE_LIGHTNESS] = {"eye-lightness", 0},
    [TRAIT_LIP_REDNESS] = {"lip-redness", 0},
    [TRAIT_STUBBLE] = {"stubble", 0},
    [TRAIT_BROW_LIGHTNESS] = {"brow-lightness", 0},
    [TRAIT_BEARD_LIGHTNESS] = {"beard-lightness", 0},
    [TRAIT_FRECKLES] = {"freckles", 0},
    [TRAIT_BLUSH] = {"blush", 0},
};

static const char *const dof_name[DOFS] = {"tx", "ty", "tz", "rx", "ry", "rz", "sx", "sy", "sz"};

/* What a control drives, or (control -1) what the schema pins to a value. */
typedef struct Source {
    int control;
    float value;
} Source;

/* A control moves one degree of freedom of every bone of its component. */
typedef struct BoneDrive {
    int control, component, dof;
} BoneDrive;

/* A control blends a target in where its value has this sign. */
typedef struct TargetDrive {
    Source from;
    int target;
    bool positive;
} TargetDrive;

typedef struct TraitDrive {
    Source from;
    Trait trait;
} TraitDrive;

struct Rig {
    const Pack *pack;
    const Schema *schema;
    int n_bone_drive, n_target_drive, n_trait_drive;
    BoneDrive *bone_drive;
    TargetDrive *target_drive;
    TraitDrive *trait_drive;
    int head[RACES][GENDERS][AGES]; /* macro targets */
    int body[GENDERS][AGES][WEIGHTS];
    int eye_joint[2][JOINT_SIZE]; /* kept vertices */
    float eye_middle[3];          /* on the base mesh */
};

static float value_of(const Schema *schema, int control, const float *x)
{
    const Control *c = &schema->control[control];
    return c->lo + (c->hi - c->lo) * x[control];
}

static float source_value(const Schema *schema, Source from, const float *x)
{
    return from.control < 0 ? from.value : value_of(schema, from.control, x);
}

/* Adds one target, or its left and right halves. `who` says in an error what drives it. */
static bool bind_target(Rig *rig, Source from, const char *who, bool positive, const char *name,
                        Error *err)
{
    char side[2][NAME_SIZE];
    snprintf(side[0], NAME_SIZE, "l-%s", name);
    snprintf(side[1], NAME_SIZE, "r-%s", name);
    int whole = pack_target(rig->pack, name);
    int half[2] = {pack_target(rig->pack, side[0]), pack_target(rig->pack, side[1])};
    if (whole < 0 && (half[0] < 0 || half[1] < 0))
        return error_set(
            err, "schema %s: \"%s\" drives \"%s\", a target that the asset pack does not have",
            rig->schema->name, who, name);
    for (int k = 0; k < (whole >= 0 ? 1 : 2); k++) {
        TargetDrive *more =
            realloc(rig->target_drive, ((size_t)rig->n_target_drive + 1) * sizeof *more);
        if (!more)
            return error_set(err, "out of memory");
        rig->target_drive = more;
        more[rig->n_target_drive++] = (TargetDrive){from, whole >= 0 ? whole : half[k], positive};
    }
    return true;
}

/* "a+b|c": targets a and b below zero, c above. */
static bool bind_targets(Rig *rig, Source from, const char *who, const char *drive, Error *err)
{
    const char *at = drive;
    bool positive = false;
    while (*at) {
        size_t length = strcspn(at, "+|");
        char name[sizeof rig->schema->control->drive];
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        if (length && !bind_target(rig, from, who, positive, name, err))
            return false;
        at += length;
        positive = positive || *at == '|';
        at += *at != 0;
    }
    return true;
}

static bool bind_bone(Rig *rig, int control, Error *err)
{
    const Control *c = &rig->schema->control[control];
    char name[sizeof c->component];
    strcpy(name, c->component);
    for (char *s = name; *s; s++)
        *s = *s == ' ' ? '-' : *s;
    int component = pack_component(rig->pack, name), dof = 0;
    while (dof < DOFS && strcmp(dof_name[dof], c->drive) != 0)
        dof++;
    if (component < 0)
        return error_set(err,
                         "schema %s: \"%s\" is of \"%s\", a bone that the asset pack does not have",
                         rig->schema->name, c->name, c->component);
    if (dof == DOFS)
        return error_set(err,
                         "schema %s: \"%s\" drives \"%s\"; a bone has tx ty tz rx ry rz sx sy sz",
                         rig->schema->name, c->name, c->drive);
    rig->bone_drive[rig->n_bone_drive++] = (BoneDrive){control, component, dof};
    return true;
}

static bool bind_trait(Rig *rig, Source from, const char *who, const char *drive, Error *err)
{
    for (int t = 0; t < TRAIT_COUNT; t++)
        if (strcmp(traits[t].name, drive) == 0) {
            rig->trait_drive[rig->n_trait_drive++] = (TraitDrive){from, (Trait)t};
            return true;
        }
    return error_set(err, "schema %s: \"%s\" drives \"%s\", which this engine does not know",
                     rig->schema->name, who, drive);
}

static bool bind_shape(Rig *rig, Source from, const char *who, const char *drive, Error *err)
{
    return strchr(drive, '|') ? bind_targets(rig, from, who, drive, err)
                              : bind_trait(rig, from, who, drive, err);
}

static bool bind_controls(Rig *rig, Error *err)
{
    size_t n = (size_t)(rig->schema->n_continuous + rig->schema->n_fixed);
    rig->bone_drive = calloc(n, sizeof *rig->bone_drive);
    rig->trait_drive = calloc(n, sizeof *rig->trait_drive);
    if (!rig->bone_drive || !rig->trait_drive)
        return error_set(err, "out of memory");
    for (int i = 0; i < rig->schema->n_continuous; i++) {
        const Control *c = &rig->schema->control[i];
        if (!(c->kind == CONTROL_BONE
                  ? bind_bone(rig, i, err)
                  : bind_shape(rig, (Source){.control = i}, c->name, c->drive, err)))
            return false;
    }
    for (int i = 0; i < rig->schema->n_fixed; i++) {
        const ControlFixed *f = &rig->schema->fixed[i];
        if (!bind_shape(rig, (Source){-1, f->value}, "fixed", f->drive, err))
            return false;
    }
    return true;
}

static bool find_target(const Pack *pack, int *target, const char *name, Error *err)
{
    *target = pack_target(pack, name);
    return *target >= 0 ||
           error_set(err, "the asset pack has no target \"%s\"; bake it again", name);
}

static bool bind_macros(Rig *rig, Error *err)
{
    char name[NAME_SIZE];
    for (int g = 0; g < GENDERS; g++)
        for (int a = 0; a < AGES; a++) {
            for (int r = 0; r < RACES; r++) {
                snprintf(name, sizeof name, "%s-%s-%s", race_name[r], gender_name[g], age_name[a]);
                if (!find_target(rig->pack, &rig->head[r][g][a], name, err))
                    return false;
            }
            for (int w = 0; w < WEIGHTS; w++) {
                snprintf(name, sizeof name, "universal-%s-%s-averagemuscle-%sweight",
                         gender_name[g], age_name[a], weight_name[w]);
                if (!find_target(rig->pack, &rig->body[g][a][w], name, err))
                    return false;
            }
        }
    return true;
}

static bool bind_eyes(Rig *rig, Error *err)
{
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < JOINT_SIZE; i++) {
            rig->eye_joint[side][i] = pack_vertex(rig->pack, EYE_JOINT + side * JOINT_SIZE + i);
            if (rig->eye_joint[side][i] < 0)
                return error_set(err, "the asset pack has no eye joints; bake it again");
        }
    float centre[2][3];
    rig_eyes(rig, rig->pack->position, centre);
    for (int k = 0; k < 3; k++)
        rig->eye_middle[k] = (centre[0][k] + centre[1][k]) / 2;
    return true;
}

bool rig_new(Rig **rig, const Pack *pack, const Schema *schema, Error *err)
{
    Rig *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(err, "out of memory");
    r->pack = pack;
    r->schema = schema;
    if (!bind_controls(r, err) || !bind_macros(r, err) || !bind_eyes(r, err)) {
        rig_free(r);
        return false;
    }
    *rig = r;
    return true;
}

void rig_free(Rig *rig)
{
    if (!rig)
        return;
    free(rig->bone_drive);
    free(rig->target_drive);
    free(rig->trait_drive);
    free(rig);
}

void rig_traits(const Rig *rig, const float *x, float trait[static TRAIT_COUNT])
{
    for (int t = 0; t < TRAIT_COUNT; t++)
        trait[t] = traits[t].initial;
    for (int i = 0; i < rig->n_trait_drive; i++)
        trait[rig->trait_drive[i].trait] = source_value(rig->schema, rig->trait_drive[i].from, x);
}

static void add_target(const Pack *pack, int target, float weight, float *position)
{
    const PackTarget *t = &pack->target[target];
    float scale = weight * 1e-3f;
    if (weight == 0)
        return;
    for (int i = 0; i < t->n; i++) {
        float *v = position + 3 * t->vertex[i];
        for (int k = 0; k < 3; k++)
            v[k] += scale * t->delta[3 * i + k];
    }
}

static float clamp(float v, float lo, float hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static void pose_macros(const Rig *rig, const float *trait, float *position)
{
    float race[RACES] = {trait[TRAIT_RACE_AFRICAN], trait[TRAIT_RACE_ASIAN], 0};
    float sum = race[0] + race[1];
    race[2] = sum < 1 ? 1 - sum : 0;
    for (int r = 0; sum > 1 && r < 2; r++)
        race[r] /= sum;
    float male = clamp(trait[TRAIT_MALE], -0.3f, 1.3f), gender[GENDERS] = {1 - male, male};
    float old = clamp(trait[TRAIT_AGE], 0, 1) * max_old, child = clamp(-trait[TRAIT_AGE], 0, 1);
    float age[AGES] = {child, 1 - old - child, old};
    float heavy = clamp(trait[TRAIT_WEIGHT], 0, 1), thin = clamp(-trait[TRAIT_WEIGHT], 0, 1);
    float weight[WEIGHTS] = {thin, 1 - heavy - thin, heavy};
    for (int g = 0; g < GENDERS; g++)
        for (int a = 0; a < AGES; a++) {
            for (int r = 0; r < RACES; r++)
                add_target(rig->pack, rig->head[r][g][a], race[r] * gender[g] * age[a], position);
            for (int w = 0; w < WEIGHTS; w++)
                add_target(rig->pack, rig->body[g][a][w], gender[g] * age[a] * weight[w], position);
        }
}

static void pose_targets(const Rig *rig, const float *x, float *position)
{
    for (int i = 0; i < rig->n_target_drive; i++) {
        const TargetDrive *d = &rig->target_drive[i];
        float v = source_value(rig->schema, d->from, x);
        if (d->positive ? v > 0 : v < 0)
            add_target(rig->pack, d->target, fabsf(v), position);
    }
}

void rig_middle(const Rig *rig, float middle[3])
{
    memcpy(middle, rig->eye_middle, sizeof rig->eye_middle);
}

void rig_eyes(const Rig *rig, const float *position, float centre[2][3])
{
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < 3; k++) {
            float sum = 0;
            for (int i = 0; i < JOINT_SIZE; i++)
                sum += position[3 * rig->eye_joint[side][i] + k];
            centre[side][k] = sum / JOINT_SIZE;
        }
}

static void place_head(const Rig *rig, const float *trait, float *position)
{
    float centre[2][3];
    float scale = 1 + child_growth * clamp(-trait[TRAIT_AGE], 0, 1);
    rig_eyes(rig, position, centre);
    for (int k = 0; k < 3; k++) {
        float middle = (centre[0][k] + centre[1][k]) / 2;
        for (int v = 0; v < rig->pack->n_vertex; v++)
            position[3 * v + k] = rig->eye_middle[k] + scale * (position[3 * v + k] - middle);
    }
}

/* M = R S - I, with R = Rz Ry Rx. */
static void bone_matrix(const float dof[DOFS], float m[3][3])
{
    const float degree = 0.017453292519943295f;
    float cx = cosf(dof[3] * degree), sx = sinf(dof[3] * degree);
    float cy = cosf(dof[4] * degree), sy = sinf(dof[4] * degree);
    float cz = cosf(dof[5] * degree), sz = sinf(dof[5] * degree);
    const float r[3][3] = {
        {cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx},
        {sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx},
        {-sy, cy * sx, cy * cx},
    };
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            m[i][k] = r[i][k] * (1 + dof[6 + k]) - (i == k ? 1.0f : 0.0f);
}

/* Adds one bone's displacement of each of its vertices. */
static void pose_bone(const Pack *pack, const PackBone *bone, const float dof[DOFS],
                      const float *position, float *delta)
{
    float pivot[3] = {0}, m[3][3];
    int n = 0;
    for (; n < PACK_PIVOTS && bone->pivot[n] >= 0; n++)
        for (int k = 0; k < 3; k++)
            pivot[k] += position[3 * bone->pivot[n] + k];
    for (int k = 0; k < 3; k++)
        pivot[k] = pivot[k] / (float)n + bone->offset[k];
    bone_matrix(dof, m);
    for (int i = 0; i < bone->n; i++) {
        int v = bone->vertex[i];
        float p[3];
        for (int k = 0; k < 3; k++)
            p[k] = pack->bag[v] ? 0 : position[3 * v + k] - pivot[k];
        for (int k = 0; k < 3; k++)
            delta[3 * v + k] +=
                bone->weight[i] * (m[k][0] * p[0] + m[k][1] * p[1] + m[k][2] * p[2] + dof[k]);
    }
}

static void pose_bones(const Rig *rig, const float *x, const float *position, float *delta)
{
    const Pack *pack = rig->pack;
    for (int b = 0; b < pack->n_bone; b++) {
        const PackBone *bone = &pack->bone[b];
        float dof[DOFS] = {0};
        bool moves = false;
        for (int i = 0; i < rig->n_bone_drive; i++) {
            const BoneDrive *d = &rig->bone_drive[i];
            if (d->component != bone->component)
                continue;
            float v = value_of(rig->schema, d->control, x);
            bool flips = d->dof == 0 || d->dof == 4 || d->dof == 5;
            dof[d->dof] += bone->mirrored && flips ? -v : v;
            moves = moves || v != 0;
        }
        if (moves)
            pose_bone(pack, bone, dof, position, delta);
    }
    for (int i = 0; i < pack->n_follow; i++) {
        float *d = delta + 3 * pack->follow_vertex[i];
        d[0] = d[1] = d[2] = 0;
        for (int n = 0; n < PACK_FOLLOWED; n++) {
            int to = pack->follow_to[PACK_FOLLOWED * i + n];
            for (int k = 0; k < 3 && to >= 0; k++)
                d[k] += pack->follow_weight[PACK_FOLLOWED * i + n] * delta[3 * to + k];
        }
    }
}

size_t rig_scratch(const Rig *rig)
{
    return (size_t)rig->pack->n_vertex * 3;
}

void rig_pose(const Rig *rig, const float *x, float *position, float *scratch)
{
    size_t n = (size_t)rig->pack->n_vertex * 3;
    float trait[TRAIT_COUNT];
    rig_traits(rig, x, trait);
    memcpy(position, rig->pack->position, n * sizeof *position);
    pose_macros(rig, trait, position);
    pose_targets(rig, x, position);
    place_head(rig, trait, position);
    memset(scratch, 0, n * sizeof *scratch);
    pose_bones(rig, x, position, scratch);
    for (size_t i = 0; i < n; i++)
        position[i] += scratch[i];
}

void rig_mesh(const PackMesh *mesh, const float *position, float *out, float *scratch)
{
    const float *from = position;
    if (mesh->n_bound) {
        for (int i = 0; i < mesh->n_bound; i++)
            for (int k = 0; k < 3; k++) {
                float sum = mesh->offset[3 * i + k];
                for (int n = 0; n < 3; n++)
                    sum += mesh->weight[3 * i + n] * position[3 * mesh->ref[3 * i + n] + k];
                scratch[3 * i + k] = sum;
            }
        from = scratch;
    }
    for (int i = 0; i < mesh->n_vertex; i++)
        memcpy(out + 3 * i, from + 3 * mesh->vertex[i], 3 * sizeof *out);
}
