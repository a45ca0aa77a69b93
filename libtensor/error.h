/* Errors of the world and of the user: one sentence by the function that knows. */
#ifndef LIBTENSOR_ERROR_H
#define LIBTENSOR_ERROR_H

#include <stdbool.h>

/* A function that can fail returns bool and takes an Error *. On false the text says what is wrong
 * and what would mend it, and the outputs are untouched. The caller owns the struct. */
typedef struct Error {
    char text[512];
} Error;

/* Writes the text, a ? for every control character (names in files can be anything, and terminals
 * obey them); returns false so that a caller can `return error_set(...)`. err may be NULL. */
bool error_set(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts `format...` and ": " before the text that is there. Returns false. err may be NULL. */
bool error_prefix(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
