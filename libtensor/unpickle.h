/* Python's pickles, read as plain data: nothing in them is ever executed. Of protocols 2 to 5 what
 * data of numbers, text and tensors need; every other opcode is refused by its code. Where a pickle
 * names a function or class, its name must be one of the caller's list, and it becomes a value that
 * says the name; where it calls one, it becomes a value with the name and the arguments. What that
 * means is the caller's business. Memory is bounded by PICKLE_MAX_VALUES, and there is no
 * recursion. */
#ifndef LIBTENSOR_UNPICKLE_H
#define LIBTENSOR_UNPICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "libtensor/error.h"

enum { PICKLE_MAX_VALUES = 1 << 20, PICKLE_MAX_MARKS = 1000 };

typedef enum PickleKind {
    PICKLE_NONE,
    PICKLE_BOOL,  /* integer 0 or 1 */
    PICKLE_INT,   /* integer */
    PICKLE_BIG,   /* an integer beyond 64 bits: text holds its bytes, little-endian */
    PICKLE_FLOAT, /* real */
    PICKLE_TEXT,  /* text: UTF-8, or what Python 2 called a string */
    PICKLE_BYTES, /* text */
    PICKLE_LIST,
    PICKLE_TUPLE,
    PICKLE_DICT,   /* items are a key, its value, a key, ... */
    PICKLE_GLOBAL, /* integer: index into the caller's list of names */
    PICKLE_CALL,   /* items are the function, the tuple of arguments, and then the keys and values
                      that were set on the result */
    PICKLE_PERSISTENT /* one item: the persistent id */
} PickleKind;

/* A value. The same one can be part of several others, and even of itself: whoever walks through
 * them must count. */
typedef struct PickleValue {
    PickleKind kind;
    int64_t integer;
    double real;
    const char *text; /* within the pickle's bytes, not terminated */
    size_t length;
    int first, last, count; /* items: the first and last cell, and their number */
} PickleValue;

typedef struct Pickle Pickle;

/* Reads one pickle from the beginning of bytes, which are borrowed for as long as the Pickle lives;
 * *used: its length. known: the names that may occur, "collections.OrderedDict", n_known of them.
 */
bool unpickle(Pickle **pickle, const void *bytes, size_t size, const char *const *known,
              int n_known, size_t *used, Error *err);
void pickle_free(Pickle *pickle);

/* Values have numbers, 0 .. pickle_count - 1. */
int pickle_count(const Pickle *pickle);
int pickle_root(const Pickle *pickle);
const PickleValue *pickle_value(const Pickle *pickle, int value);

/* Items: for (int cell = v->first; cell >= 0; cell = pickle_next(p, cell)) pickle_item(p, cell). */
int pickle_next(const Pickle *pickle, int cell);
int pickle_item(const Pickle *pickle, int cell);

/* The first n items of a value, as values; false if it has fewer or none at all. */
bool pickle_items(const Pickle *pickle, int value, const PickleValue *items[], int n);

/* Whether a text is this one. */
bool pickle_is(const PickleValue *value, const char *text);

#endif
