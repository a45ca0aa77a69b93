/* A facial-parameter schema: what a character creator's sliders and choices are. A JSON file
 * (engine/schemas/NAME.json), so that another game's engine is a data file and not a code change.
 *
 * The parameter vector is x = [continuous | one-hot of group 0 | one-hot of group 1 | ...], every
 * value in [0, 1]; 0.5 is neutral for the bones (the paper's 3.6). */
#ifndef ENGINE_SCHEMA_H
#define ENGINE_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "libtensor/error.h"

/* What a continuous parameter drives. */
typedef enum ControlKind {
    CONTROL_BONE,      /* one of 9 controllers of one of the 29 facial bones (Table 5) */
    CONTROL_MACRO,     /* a shape of MakeHuman's targets, or a blend of macro heads */
    CONTROL_APPEARANCE /* colour: skin, hair, eyes */
} ControlKind;

typedef struct Control {
    char name[48];      /* unique: "nose-tip.tz", "head-width", "skin-tone" */
    char component[32]; /* Table 5's component ("nose tip"), or "macro", "appearance" */
    char prior[16];     /* prior group: the paper's seven (Fig. 6), or "macro", "appearance" */
    ControlKind kind;
    char drive[64];  /* what in the engine it moves: "tz" of a bone, a target's name, "skin_tone" */
    float lo, hi;    /* the engine's value at 0 and at 1 (dm, degrees, factor - 1, weight) */
    float mean;      /* x of the average face */
    float deviation; /* spread of x among plausible people: random characters, the search's prior */
    int follows;     /* index of an earlier control that it goes along with among plausible people
                        (hair lightness with skin tone), or -1; in JSON that one's name */
    float correlation; /* with it, in [-1, 1] */
} Control;

/* What the engine is told beside the vector: a value that a schema pins, as its control would have
 * set it (the sex and the skin of a schema that has bones only). */
typedef struct ControlFixed {
    char drive[64];
    float value;
} ControlFixed;

/* One option of a discrete group. In JSON either a name, which is its mesh's too, or an object with
 * "name" and what it has of the other fields. */
typedef struct ControlOption {
    char name[32];
    char mesh[64];  /* meshes of the engine joined by '+'; empty: none */
    char paint[32]; /* something painted on the skin, by a name the engine knows; empty: nothing */
    bool has_colour;
    uint8_t colour[3]; /* "#rrggbb", sRGB: of hair, brows, beard or lips, before what continuous
                          controls say */
    float weight;      /* likelihood among random people against the group's others (1) */
} ControlOption;

typedef struct ControlGroup { /* a discrete group */
    char name[32];            /* "hair", "brows", "beard", "lipstick-style", "lipstick-colour" */
    int begin, count;         /* place of its one-hot in x */
    ControlOption *option;    /* count */
} ControlGroup;

typedef struct Schema {
    char name[32]; /* "male" */
    int version;
    int n_continuous;
    Control *control; /* n_continuous */
    int n_fixed;
    ControlFixed *fixed; /* n_fixed; the list "fixed", which may be missing */
    int n_groups;
    ControlGroup *group; /* n_groups */
    int dim;             /* n_continuous + all counts */
} Schema;

/* Reads and checks a schema file; the caller frees it. */
bool schema_load(Schema **schema, const char *path, Error *err);
void schema_free(Schema *schema);

/* Index into x of a continuous parameter by name, -1 if there is none. */
int schema_find(const Schema *schema, const char *name);
/* Index of the group by name, -1 if there is none. */
int schema_find_group(const Schema *schema, const char *name);

/* The chosen option of a group: arg max of its part of x (the first of equals). */
int schema_choice(const Schema *schema, int group, const float *x);

/* x of the average face: every control at its mean, the first option of each group. */
void schema_average(const Schema *schema, float *x);
/* x as the paper samples it for the imitator: bones uniform, macro and appearance uniform, options
 * uniform. */
void schema_random_uniform(const Schema *schema, uint64_t seed, uint64_t index, float *x);
/* A plausible person: controls normal around their mean with their deviation, correlated with the
 * control they follow, clamped; options by their weight. */
void schema_random_person(const Schema *schema, uint64_t seed, uint64_t index, float *x);
/* Somebody like `character` (dim): its controls off by half of what people differ by, every fourth
 * choice another one. */
void schema_random_near(const Schema *schema, const float *character, uint64_t seed, uint64_t index,
                        float *x);

/* A short text that identifies names, order and ranges: checkpoints carry it, so that weights of
 * another schema are refused. At least 17 bytes. */
void schema_digest(const Schema *schema, char text[static 17]);

#endif
