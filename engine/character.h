/* A character: a point of a schema, as a JSON file an artist can read and edit. */
#ifndef ENGINE_CHARACTER_H
#define ENGINE_CHARACTER_H

#include "engine/schema.h"

/* {"schema", "version", "continuous": {name: value}, "discrete": {group: option}, "vector": [..]};
 * x: schema->dim values. The caller's; NULL when out of memory. */
struct json_t *character_json(const Schema *schema, const float *x);
/* Writes it, atomically. */
bool character_save(const char *path, const Schema *schema, const float *x, Error *err);

/* Reads one. "vector" is derived data: names win, and missing names take the average face's value.
 * Another schema or version, unknown names or options, values outside [0, 1] or not finite are
 * errors. */
bool character_load(const char *path, const Schema *schema, float *x, Error *err);

/* The "schema" field alone (at least 32 bytes), to open the right engine. */
bool character_schema_name(const char *path, char name[static 32], Error *err);

#endif
