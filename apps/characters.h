/* Many characters at once: what searches found, or a prior drew. */
#ifndef APPS_CHARACTERS_H
#define APPS_CHARACTERS_H

#include "engine/schema.h"

/* Reads characters of the schema. paths: one, or several with commas between; each a folder (every
 * character.json in it and in its folders, in the order of their names), a character file .json
 * (character.h), or a file of characters_write or of one array [n,dim] in any format of
 * weights_read
 * (.npy). x: n x dim values in [0, 1], from malloc. Fails if a path holds none, and on another
 * schema's. */
bool characters_read(const char *paths, const Schema *schema, float **x, int64_t *n, Error *err);

/* A safetensors file: "x" [n,dim] in F32, the schema's name and digest as metadata. */
bool characters_write(const char *path, const Schema *schema, const float *x, int64_t n,
                      Error *err);

#endif
