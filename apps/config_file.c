#include "config.h"

#include "apps/config_file.h"

#include <assert.h>
#include <string.h>

static const ConfigKey *find(ConfigKeys keys, const char *name)
{
    for (int i = 0; i < keys.n; i++)
        if (strcmp(keys.key[i].name, name) == 0)
            return &keys.key[i];
    return NULL;
}

static bool in_range(const ConfigKey *key, double value)
{
    return value >= key->lo && value <= key->hi;
}

static bool read_ints(const ConfigKey *key, const json_t *json)
{
    ConfigInts ints = {.n = json_is_array(json) ? (int)json_array_size(json) : 1};
    if (ints.n < 1 || ints.n > CONFIG_MAX_INTS || (key->count > 0 && ints.n != key->count))
        return false;
    for (int i = 0; i < ints.n; i++) {
        const json_t *item = json_is_array(json) ? json_array_get(json, (size_t)i) : json;
        if (!json_is_integer(item) || !in_range(key, (double)json_integer_value(item)))
            return false;
        ints.value[i] = (int)json_integer_value(item);
    }
    *(ConfigInts *)key->value = ints;
    return true;
}

static bool read_choice(const ConfigKey *key, const json_t *json)
{
    if (!json_is_string(json))
        return false;
    for (int i = 0; key->choice[i]; i++)
        if (strcmp(key->choice[i], json_string_value(json)) == 0) {
            *(int *)key->value = i;
            return true;
        }
    return false;
}

static bool read_value(const ConfigKey *key, const json_t *json)
{
    switch (key->type) {
    case CONFIG_INT:
        if (!json_is_integer(json) || !in_range(key, (double)json_integer_value(json)))
            return false;
        *(int *)key->value = (int)json_integer_value(json);
        return true;
    case CONFIG_REAL:
        if (!json_is_number(json) || !in_range(key, json_number_value(json)))
            return false;
        *(double *)key->value = json_number_value(json);
        return true;
    case CONFIG_BOOL:
        if (!json_is_boolean(json))
            return false;
        *(bool *)key->value = json_is_true(json);
        return true;
    case CONFIG_CHOICE:
        return read_choice(key, json);
    case CONFIG_INTS:
        return read_ints(key, json);
    }
    return false;
}

/* What a key wants, for the message. */
static void wanted(const ConfigKey *key, char text[static 160])
{
    size_t n = 0;
    switch (key->type) {
    case CONFIG_INT:
        snprintf(text, 160, "a whole number from %.0f to %.0f", key->lo, key->hi);
        return;
    case CONFIG_REAL:
        snprintf(text, 160, "a number from %g to %g", key->lo, key->hi);
        return;
    case CONFIG_BOOL:
        snprintf(text, 160, "true or false");
        return;
    case CONFIG_CHOICE:
        for (int i = 0; key->choice[i] && n < 160; i++)
            n += (size_t)snprintf(text + n, 160 - n, "%s\"%s\"", i ? " or " : "", key->choice[i]);
        return;
    case CONFIG_INTS:
        snprintf(text, 160, "a list of %s%d whole numbers from %.0f to %.0f",
                 key->count ? "" : "at most ", key->count ? key->count : CONFIG_MAX_INTS, key->lo,
                 key->hi);
        return;
    }
}

bool config_read(ConfigKeys keys, const json_t *object, bool whole, const char *path,
                 const char *part, Error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        const ConfigKey *key = find(keys, name);
        if (!key)
            return error_set(err, "%.300s: \"%s\" has no key \"%.60s\"", path, part, name);
        if (!read_value(key, value)) {
            char text[160];
            wanted(key, text);
            return error_set(err, "%.300s: \"%s\" in \"%s\" wants %s", path, name, part, text);
        }
    }
    for (int i = 0; whole && i < keys.n; i++)
        if (!keys.key[i].optional && !json_object_get(object, keys.key[i].name))
            return error_set(err, "%.300s: the key \"%s\" is missing in \"%s\"", path,
                             keys.key[i].name, part);
    return true;
}

static json_t *ints_to_json(const ConfigInts *ints)
{
    json_t *list = json_array();
    for (int i = 0; i < ints->n; i++)
        json_array_append_new(list, json_integer(ints->value[i]));
    return list;
}

static json_t *value_to_json(const ConfigKey *key)
{
    switch (key->type) {
    case CONFIG_INT:
        return json_integer(*(const int *)key->value);
    case CONFIG_REAL:
        return json_real(*(const double *)key->value);
    case CONFIG_BOOL:
        return json_boolean(*(const bool *)key->value);
    case CONFIG_CHOICE:
        return json_string(key->choice[*(const int *)key->value]);
    case CONFIG_INTS:
        return ints_to_json(key->value);
    }
    return NULL;
}

void config_write(ConfigKeys keys, json_t *object)
{
    for (int i = 0; i < keys.n; i++)
        json_object_set_new(object, keys.key[i].name, value_to_json(&keys.key[i]));
}

bool config_open(json_t **root, const char *path, Error *err)
{
    json_error_t wrong;
    const char *part;
    json_t *value, *json = json_load_file(path, JSON_REJECT_DUPLICATES, &wrong);
    if (!json)
        return wrong.line > 0
                   ? error_set(err, "%.300s, line %d: %.120s", path, wrong.line, wrong.text)
                   : error_set(err, "the config file %.300s cannot be read: %.120s", path,
                               wrong.text);
    const char *problem = json_is_object(json) ? NULL : "it is no JSON object";
    json_object_foreach(json, part, value)
    {
        bool known = strcmp(part, "net") == 0 || strcmp(part, "training") == 0;
        if (!known || !json_is_object(value))
            problem = "it may hold two objects, \"net\" and \"training\", and nothing else";
    }
    if (problem) {
        json_decref(json);
        return error_set(err, "the config file %.300s: %s", path, problem);
    }
    *root = json;
    return true;
}
