/* Config files of the trainers: JSON objects read into C variables by a table of keys.
 *
 *     {"net": {"size": 128, "width": 32}, "training": {"optimiser": "adam", "batch": 16}}
 *
 * A key that the table does not have, a value of the wrong type or out of its range is an error
 * that names the file and the key. */
#ifndef APPS_CONFIG_FILE_H
#define APPS_CONFIG_FILE_H

#include <jansson.h>

#include "libtensor/error.h"

typedef enum ConfigType {
    CONFIG_INT,    /* int */
    CONFIG_REAL,   /* double */
    CONFIG_BOOL,   /* bool */
    CONFIG_CHOICE, /* int: the place in `choice` of the word in the file */
    CONFIG_INTS    /* ConfigInts: a list of whole numbers; a number alone is a list of one */
} ConfigType;

enum { CONFIG_MAX_INTS = 16 };

typedef struct ConfigInts {
    int n, value[CONFIG_MAX_INTS];
} ConfigInts;

typedef struct ConfigKey {
    const char *name;
    ConfigType type;
    void *value;               /* the variable, of the type's C type */
    double lo, hi;             /* the range of numbers */
    int count;                 /* CONFIG_INTS: so many numbers; 0: 1 to CONFIG_MAX_INTS */
    const char *const *choice; /* the words, NULL after the last */
    bool optional;             /* a preset may leave it out: the variable's first value counts */
} ConfigKey;

/* A table; borrowed by whoever is given one. */
typedef struct ConfigKeys {
    const ConfigKey *key;
    int n;
} ConfigKeys;

/* Writes the variables of the keys that the object has and leaves the others alone. object NULL: an
 * empty one. whole: every key that is not optional must be there. `part` ("net") is for messages,
 * as is path. */
bool config_read(ConfigKeys keys, const json_t *object, bool whole, const char *path,
                 const char *part, Error *err);

/* Adds the variables' values to an object. */
void config_write(ConfigKeys keys, json_t *object);

/* Reads a config file: {"net": {...}, "training": {...}}, either may be left out, nothing else. The
 * caller frees it (json_decref). */
bool config_open(json_t **root, const char *path, Error *err);

#endif
