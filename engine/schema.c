#include "engine/schema.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/colour.h"
#include "libtensor/rng.h"

enum {
    STREAM_UNIFORM = 0x5c0,
    STREAM_PERSON = 0x5c1,
    STREAM_NEAR = 0x5c2,
    MAX_CONTROLS = 4096,
    MAX_GROUPS = 64,
    MAX_OPTIONS = 256
};

/* Where in the file a complaint belongs. */
typedef struct Place {
    const char *path;
    const char *list; /* "continuous", "discrete" */
    size_t index;
    Error *err;
} Place;

static bool bad(const Place *at, const char *what)
{
    return error_set(at->err, "%s: %s[%zu]: %s", at->path, at->list, at->index, what);
}

/* Copies a string member into a field of the given size. */
static bool text_field(const Place *at, const json_t *object, const char *key, char *field,
                       size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    char what[96];
    if (!text || !*text) {
        snprintf(what, sizeof what, "needs a text \"%s\"", key);
        return bad(at, what);
    }
    if (strlen(text) >= size) {
        snprintf(what, sizeof what, "\"%s\" is longer than %zu bytes", key, size - 1);
        return bad(at, what);
    }
    strcpy(field, text);
    return true;
}

static bool number_field(const Place *at, const json_t *object, const char *key, float *field)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value) || !isfinite((float)json_number_value(value))) {
        char what[96];
        snprintf(what, sizeof what, "needs a number \"%s\"", key);
        return bad(at, what);
    }
    *field = (float)json_number_value(value);
    return true;
}

static bool read_control(const Place *at, const json_t *object, Control *c)
{
    char kind[16];
    if (!text_field(at, object, "name", c->name, sizeof c->name) ||
        !text_field(at, object, "component", c->component, sizeof c->component) ||
        !text_field(at, object, "prior", c->prior, sizeof c->prior) ||
        !text_field(at, object, "kind", kind, sizeof kind) ||
        !text_field(at, object, "drive", c->drive, sizeof c->drive) ||
        !number_field(at, object, "lo", &c->lo) || !number_field(at, object, "hi", &c->hi) ||
        !number_field(at, object, "mean", &c->mean) ||
        !number_field(at, object, "deviation", &c->deviation))
        return false;
    if (strcmp(kind, "bone") == 0)
        c->kind = CONTROL_BONE;
    else if (strcmp(kind, "macro") == 0)
        c->kind = CONTROL_MACRO;
    else if (strcmp(kind, "appearance") == 0)
        c->kind = CONTROL_APPEARANCE;
    else
        return bad(at, "\"kind\" must be bone, macro or appearance");
    if (!(c->mean >= 0 && c->mean <= 1))
        return bad(at, "\"mean\" must lie in [0, 1]");
    if (!(c->deviation >= 0 && c->deviation <= 1))
        return bad(at, "\"deviation\" must lie in [0, 1]");
    return true;
}

/* "follows" and "correlation", which may be missing both. The n controls before it are there. */
static bool read_follows(const Place *at, const json_t *object, const Schema *s, Control *c)
{
    char name[sizeof c->name];
    c->follows = -1;
    if (!json_object_get(object, "follows"))
        return true;
    if (!text_field(at, object, "follows", name, sizeof name) ||
        !number_field(at, object, "correlation", &c->correlation))
        return false;
    c->follows = schema_find(s, name);
    if (c->follows < 0)
        return bad(at, "\"follows\" must name an earlier control");
    return (c->correlation >= -1 && c->correlation <= 1) ||
           bad(at, "\"correlation\" must lie in [-1, 1]");
}

/* A text member that may be missing. */
static bool optional_text(const Place *at, const json_t *object, const char *key, char *field,
                          size_t size)
{
    const json_t *value = json_object_get(object, key);
    if (!value || (json_is_string(value) && !*json_string_value(value)))
        return true; /* fields are zeroed */
    return text_field(at, object, key, field, size);
}

static bool read_colour(const Place *at, const json_t *value, ControlOption *option)
{
    const char *text = json_string_value(value);
    if (!value)
        return true;
    option->has_colour = colour_parse(text, option->colour);
    return option->has_colour || bad(at, "an option's \"colour\" is not \"#rrggbb\"");
}

static bool read_option(const Place *at, const json_t *value, ControlOption *option)
{
    option->weight = 1;
    if (json_is_string(value)) {
        const char *name = json_string_value(value);
        if (!*name || strlen(name) >= sizeof option->name)
            return bad(at, "an option is not a name of 1 to 31 bytes");
        strcpy(option->name, name);
        strcpy(option->mesh, name);
        return true;
    }
    if (!json_is_object(value))
        return bad(at, "an option is neither a name nor an object");
    if (!text_field(at, value, "name", option->name, sizeof option->name) ||
        !optional_text(at, value, "mesh", option->mesh, sizeof option->mesh) ||
        !optional_text(at, value, "paint", option->paint, sizeof option->paint) ||
        !read_colour(at, json_object_get(value, "colour"), option))
        return false;
    if (json_object_get(value, "weight") && !number_field(at, value, "weight", &option->weight))
        return false;
    return option->weight >= 0 || bad(at, "an option's \"weight\" is negative");
}

static bool read_group(const Place *at, const json_t *object, ControlGroup *g)
{
    if (!text_field(at, object, "name", g->name, sizeof g->name))
        return false;
    const json_t *options = json_object_get(object, "options");
    size_t n = json_array_size(options);
    if (n < 1 || n > MAX_OPTIONS)
        return bad(at, "needs a list \"options\" of 1 to 256");
    g->option = calloc(n, sizeof *g->option);
    if (!g->option)
        return bad(at, "out of memory");
    float weight = 0;
    for (size_t i = 0; i < n; i++) {
        if (!read_option(at, json_array_get(options, i), &g->option[i]))
            return false;
        weight += g->option[i].weight;
        for (size_t k = 0; k < i; k++)
            if (strcmp(g->option[k].name, g->option[i].name) == 0)
                return bad(at, "two options have the same name");
    }
    if (!(weight > 0))
        return bad(at, "no option has a \"weight\" above 0");
    g->count = (int)n;
    return true;
}

static bool read_fixed(Schema *s, const json_t *list, const char *path, Error *err)
{
    size_t n = json_array_size(list);
    if (list && (!json_is_array(list) || n > MAX_CONTROLS))
        return error_set(err, "%s: \"fixed\" is not a list of up to 4096", path);
    s->fixed = calloc(n + 1, sizeof *s->fixed);
    if (!s->fixed)
        return error_set(err, "%s: out of memory", path);
    for (size_t i = 0; i < n; i++) {
        Place at = {path, "fixed", i, err};
        ControlFixed *f = &s->fixed[s->n_fixed++];
        const json_t *object = json_array_get(list, i);
        if (!text_field(&at, object, "drive", f->drive, sizeof f->drive) ||
            !number_field(&at, object, "value", &f->value))
            return false;
    }
    return true;
}

static bool read_schema(Schema *s, const json_t *root, const char *path, Error *err)
{
    const char *name = json_string_value(json_object_get(root, "name"));
    const json_t *version = json_object_get(root, "version");
    if (!name || !*name || strlen(name) >= sizeof s->name)
        return error_set(err, "%s: needs a \"name\" of 1 to 31 bytes", path);
    if (!json_is_integer(version) || json_integer_value(version) < 1 ||
        json_integer_value(version) > 1000000)
        return error_set(err, "%s: needs a \"version\", a whole number from 1", path);
    strcpy(s->name, name);
    s->version = (int)json_integer_value(version);
    const json_t *continuous = json_object_get(root, "continuous"),
                 *discrete = json_object_get(root, "discrete");
    if (!json_is_array(continuous) || !json_is_array(discrete) || json_array_size(continuous) < 1 ||
        json_array_size(continuous) > MAX_CONTROLS || json_array_size(discrete) > MAX_GROUPS)
        return error_set(
            err, "%s: needs the lists \"continuous\" (1 to 4096) and \"discrete\" (up to 64)",
            path);
    s->control = calloc(json_array_size(continuous), sizeof *s->control);
    s->group = calloc(json_array_size(discrete) + 1, sizeof *s->group);
    if (!s->control || !s->group)
        return error_set(err, "%s: out of memory", path);
    for (size_t i = 0; i < json_array_size(continuous); i++) {
        Place at = {path, "continuous", i, err};
        const json_t *object = json_array_get(continuous, i);
        Control *c = &s->control[i];
        if (!read_control(&at, object, c))
            return false;
        if (schema_find(s, c->name) >= 0)
            return bad(&at, "its name was used before");
        if (!read_follows(&at, object, s, c))
            return false;
        s->n_continuous++;
    }
    if (!read_fixed(s, json_object_get(root, "fixed"), path, err))
        return false;
    s->dim = s->n_continuous;
    for (size_t i = 0; i < json_array_size(discrete); i++) {
        Place at = {path, "discrete", i, err};
        ControlGroup *g = &s->group[i];
        char group_name[sizeof g->name];
        if (!text_field(&at, json_array_get(discrete, i), "name", group_name, sizeof group_name))
            return false;
        if (schema_find_group(s, group_name) >= 0)
            return bad(&at, "its name was used before");
        s->n_groups++;
        if (!read_group(&at, json_array_get(discrete, i), g))
            return false;
        g->begin = s->dim;
        s->dim += g->count;
    }
    return true;
}

bool schema_load(Schema **schema, const char *path, Error *err)
{
    json_error_t e;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (!root)
        return e.line > 0 ? error_set(err, "%s: line %d: %s", path, e.line, e.text)
                          : error_set(err, "%s", e.text);
    Schema *s = calloc(1, sizeof *s);
    bool ok = s ? read_schema(s, root, path, err) : error_set(err, "%s: out of memory", path);
    json_decref(root);
    if (!ok) {
        schema_free(s);
        return false;
    }
    *schema = s;
    return true;
}

void schema_free(Schema *schema)
{
    if (!schema)
        return;
    for (int g = 0; g < schema->n_groups; g++)
        free(schema->group[g].option);
    free(schema->group);
    free(schema->fixed);
    free(schema->control);
    free(schema);
}

int schema_find(const Schema *schema, const char *name)
{
    for (int i = 0; i < schema->n_continuous; i++)
        if (strcmp(schema->control[i].name, name) == 0)
            return i;
    return -1;
}

int schema_find_group(const Schema *schema, const char *name)
{
    for (int g = 0; g < schema->n_groups; g++)
        if (strcmp(schema->group[g].name, name) == 0)
            return g;
    return -1;
}

int schema_choice(const Schema *schema, int group, const float *x)
{
    const ControlGroup *g = &schema->group[group];
    int best = 0;
    for (int i = 1; i < g->count; i++)
        if (x[g->begin + i] > x[g->begin + best])
            best = i;
    return best;
}

static void choose(const Schema *schema, int group, int option, float *x)
{
    const ControlGroup *g = &schema->group[group];
    for (int i = 0; i < g->count; i++)
        x[g->begin + i] = i == option ? 1.0f : 0.0f;
}

void schema_average(const Schema *schema, float *x)
{
    for (int i = 0; i < schema->n_continuous; i++)
        x[i] = schema->control[i].mean;
    for (int g = 0; g < schema->n_groups; g++)
        choose(schema, g, 0, x);
}

void schema_random_uniform(const Schema *schema, uint64_t seed, uint64_t index, float *x)
{
    Rng rng = rng_make(seed, STREAM_UNIFORM, index);
    for (int i = 0; i < schema->n_continuous; i++)
        x[i] = rng_uniform(&rng);
    for (int g = 0; g < schema->n_groups; g++)
        choose(schema, g, (int)rng_below(&rng, (uint32_t)schema->group[g].count), x);
}

static int option_by_weight(const ControlGroup *group, float u)
{
    float sum = 0, at = 0;
    for (int i = 0; i < group->count; i++)
        sum += group->option[i].weight;
    int chosen = 0; /* rounding may leave u at the very end */
    for (int i = 0; i < group->count; i++) {
        if (group->option[i].weight <= 0)
            continue;
        chosen = i;
        at += group->option[i].weight;
        if (u * sum < at)
            break;
    }
    return chosen;
}

void schema_random_person(const Schema *schema, uint64_t seed, uint64_t index, float *x)
{
    Rng rng = rng_make(seed, STREAM_PERSON, index);
    for (int i = 0; i < schema->n_continuous; i++) {
        const Control *c = &schema->control[i];
        float z = rng_normal(&rng);
        if (c->follows >= 0) {
            const Control *other = &schema->control[c->follows];
            float far = other->deviation > 0 ? (x[c->follows] - other->mean) / other->deviation : 0;
            z = c->correlation * far + sqrtf(1 - c->correlation * c->correlation) * z;
        }
        float v = c->mean + c->deviation * z;
        x[i] = v < 0 ? 0 : v > 1 ? 1 : v;
    }
    for (int g = 0; g < schema->n_groups; g++)
        choose(schema, g, option_by_weight(&schema->group[g], rng_uniform(&rng)), x);
}

void schema_random_near(const Schema *schema, const float *character, uint64_t seed, uint64_t index,
                        float *x)
{
    Rng rng = rng_make(seed, STREAM_NEAR, index);

    schema_random_person(schema, seed, index, x);
    for (int i = 0; i < schema->n_continuous; i++) {
        float v = character[i] + .5f * (x[i] - schema->control[i].mean);
        x[i] = v < 0 ? 0 : v > 1 ? 1 : v;
    }
    for (int g = 0; g < schema->n_groups; g++)
        if (rng_below(&rng, 4) > 0)
            choose(schema, g, schema_choice(schema, g, character), x);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    /* FNV-1a; the byte 0 at the end keeps "ab", "c" from "a", "bc". */
    do {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    } while (*text++);
    return hash;
}

void schema_digest(const Schema *schema, char text[static 17])
{
    uint64_t hash = hash_text(UINT64_C(0xcbf29ce484222325), schema->name);
    char number[64];
    for (int i = 0; i < schema->n_continuous; i++) {
        const Control *c = &schema->control[i];
        hash = hash_text(hash_text(hash, c->name), c->drive);
        snprintf(number, sizeof number, "%.6g %.6g", (double)c->lo, (double)c->hi);
        hash = hash_text(hash, number);
    }
    for (int i = 0; i < schema->n_fixed; i++) {
        snprintf(number, sizeof number, "%.6g", (double)schema->fixed[i].value);
        hash = hash_text(hash_text(hash, schema->fixed[i].drive), number);
    }
    for (int g = 0; g < schema->n_groups; g++) {
        hash = hash_text(hash, schema->group[g].name);
        for (int k = 0; k < schema->group[g].count; k++) {
            const ControlOption *o = &schema->group[g].option[k];
            hash = hash_text(hash_text(hash_text(hash, o->name), o->mesh), o->paint);
            snprintf(number, sizeof number, "%d %d %d %d", o->has_colour, o->colour[0],
                     o->colour[1], o->colour[2]);
            hash = hash_text(hash, number);
        }
    }
    snprintf(text, 17, "%016" PRIx64, hash);
}
