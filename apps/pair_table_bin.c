/* insightface's .bin sets. */
#include "config.h"

#include "apps/pair_table_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/bytes.h"
#include "libtensor/unpickle.h"

static bool no_set(const PairReader *r, const char *what, Error *err)
{
    return error_set(err, "%.300s is no set of pairs as insightface makes them: %s", r->path, what);
}

/* A picture of the file, and which one it is. */
typedef struct Picture {
    const uint8_t *bytes;
    size_t size;
    int64_t place;
} Picture;

static int by_contents(const void *a, const void *b)
{
    const Picture *p = a, *q = b;
    if (p->size != q->size)
        return p->size < q->size ? -1 : 1;
    int order = memcmp(p->bytes, q->bytes, p->size);
    return order ? order : (p->place > q->place) - (p->place < q->place);
}

/* first[i]: the place at which picture i's contents stand first. Sorts the pictures. */
static void find_first(Picture *picture, int64_t n, int64_t *first)
{
    qsort(picture, (size_t)n, sizeof *picture, by_contents);
    for (int64_t i = 0; i < n; i++) {
        bool again = i > 0 && picture[i].size == picture[i - 1].size &&
                     memcmp(picture[i].bytes, picture[i - 1].bytes, picture[i].size) == 0;
        first[picture[i].place] = again ? first[picture[i - 1].place] : picture[i].place;
    }
}

static bool add_pairs(PairReader *r, const Pickle *p, const PickleValue *flags,
                      const Picture *picture, const int64_t *first, Error *err)
{
    PairTable *t = r->table;
    int64_t number[2], pair = 0;
    char name[32];

    for (int cell = flags->first; cell >= 0; cell = pickle_next(p, cell), pair++) {
        const PickleValue *flag = pickle_value(p, pickle_item(p, cell));
        if (flag->kind != PICKLE_BOOL)
            return no_set(r, "a flag is neither true nor false", err);
        for (int k = 0; k < 2; k++) {
            int64_t place = first[2 * pair + k], before = t->names;
            snprintf(name, sizeof name, "picture %" PRId64, place);
            if (!pair_add_name(r, name, &number[k], err))
                return false;
            if (t->names > before) {
                t->bytes[number[k]] = picture[place].bytes;
                t->size[number[k]] = picture[place].size;
            }
        }
        if (!pair_add(r, number[0], number[1], flag->integer != 0, NULL, err))
            return false;
    }
    return true;
}

static bool add_pictures(PairReader *r, const Pickle *p, const PickleValue *list,
                         const PickleValue *flags, Error *err)
{
    size_t n = (size_t)list->count, k = 0;
    PairTable *t = r->table;
    Picture *picture = malloc((2 * n + 1) * sizeof *picture), *sorted = picture + n;
    int64_t *first = malloc((n + 1) * sizeof *first);

    t->bytes = malloc((n + 1) * sizeof *t->bytes);
    t->size = malloc((n + 1) * sizeof *t->size);
    bool ok = (picture && first && t->bytes && t->size) || pair_no_memory(err);
    for (int cell = list->first; ok && cell >= 0; cell = pickle_next(p, cell), k++) {
        const PickleValue *v = pickle_value(p, pickle_item(p, cell));
        ok = v->kind == PICKLE_TEXT || v->kind == PICKLE_BYTES ||
             no_set(r, "a picture is no string of bytes", err);
        picture[k] = sorted[k] = (Picture){(const uint8_t *)v->text, v->length, (int64_t)k};
    }
    if (ok) {
        find_first(sorted, (int64_t)n, first);
        ok = add_pairs(r, p, flags, picture, first, err);
    }
    free(picture);
    free(first);
    return ok;
}

bool pair_read_bin(PairReader *r, Error *err)
{
    Bytes bytes = {0};
    Pickle *p = NULL;
    const PickleValue *part[2];
    Error why;
    size_t used;

    if (!bytes_append_file(&bytes, r->path, err))
        return false;
    r->table->file = bytes.data;
    free(r->table->dir);
    r->table->dir = strdup(r->path); /* the photos are in it */
    if (!r->table->dir)
        return pair_no_memory(err);
    if (!unpickle(&p, bytes.data, bytes.size, NULL, 0, &used, &why))
        return no_set(r, why.text, err);
    const PickleValue *root = pickle_value(p, pickle_root(p));
    bool ok = (root->kind == PICKLE_TUPLE || root->kind == PICKLE_LIST) && root->count == 2 &&
              pickle_items(p, pickle_root(p), part, 2) && part[0]->kind == PICKLE_LIST &&
              part[1]->kind == PICKLE_LIST;
    ok = ok || no_set(r, "it is not a list of pictures and one of flags", err);
    ok = ok && (part[0]->count == 2 * (int64_t)part[1]->count ||
                no_set(r, "there are not two pictures for each flag", err));
    ok = ok && add_pictures(r, p, part[0], part[1], err);
    pickle_free(p);
    return ok;
}
