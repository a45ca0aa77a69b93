/* The text protocols of LFW and CFP. */
#include "config.h"

#include "apps/pair_table_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nets/verification.h"

/* ---- LFW ---- */

typedef struct Lfw {
    int folds, pairs; /* of each kind in a fold; folds 0: all are of one fold, as in the sets for
                         development, and each kind is dealt out over the usual ten */
    int64_t done;
} Lfw;

/* Name/Name_0001.jpg */
static bool lfw_photo(PairReader *r, const char *person, int number, int64_t *photo, Error *err)
{
    char name[512];

    if (strchr(person, '/') || number < 1 || number > 999999)
        return pair_bad_line(r, "a name or a photo's number is none", err);
    snprintf(name, sizeof name, "%.200s/%.200s_%04d.jpg", person, person, number);
    return pair_add_name(r, name, photo, err);
}

/* "folds pairs" or "pairs" */
static bool lfw_head(const PairReader *r, Lfw *lfw, const char *line, Error *err)
{
    char rest;
    int n = sscanf(line, "%d %d %c", &lfw->folds, &lfw->pairs, &rest);

    if (n == 1) {
        lfw->pairs = lfw->folds;
        lfw->folds = 0;
    }
    return ((n == 1 || (n == 2 && lfw->folds > 0)) && lfw->pairs > 0) ||
           pair_bad_line(r, "it wants the number of folds, and of pairs of each kind in one", err);
}

static int lfw_fold(Lfw *lfw)
{
    int64_t i = lfw->done++;

    return (int)(lfw->folds > 0 ? i / (2 * (int64_t)lfw->pairs)
                                : i % lfw->pairs * VERIFICATION_FOLDS / lfw->pairs);
}

static bool lfw_line(PairReader *r, void *context, char *line, Error *err)
{
    Lfw *lfw = context;
    char person[2][201], fold[16], rest;
    int number[2];
    int64_t a, b;

    if (r->line == 1)
        return lfw_head(r, lfw, line, err);
    bool same = sscanf(line, "%200s %d %d %c", person[0], &number[0], &number[1], &rest) == 3;
    if (!same && sscanf(line, "%200s %d %200s %d %c", person[0], &number[0], person[1], &number[1],
                        &rest) != 4)
        return pair_bad_line(r, "it wants a name and two numbers, or name, number, name, number",
                             err);
    snprintf(fold, sizeof fold, "%d", lfw_fold(lfw));
    return lfw_photo(r, person[0], number[0], &a, err) &&
           lfw_photo(r, same ? person[0] : person[1], number[1], &b, err) &&
           pair_add(r, a, b, same, fold, err);
}

bool pair_read_lfw(PairReader *r, Error *err)
{
    const char *path = r->path;
    Lfw lfw = {.done = 0};

    if (!pair_read_lines(r, path, lfw_line, &lfw, err))
        return false;
    if (lfw.folds > 0)
        snprintf(r->table->title, sizeof r->table->title, "lfw");
    int64_t wanted = 2 * (int64_t)(lfw.folds > 0 ? lfw.folds : 1) * lfw.pairs;
    return lfw.done == wanted ||
           error_set(err, "%.300s: it promises %" PRId64 " pairs and holds %" PRId64, path, wanted,
                     lfw.done);
}

/* ---- CFP ---- */

/* A Pair_list's photos, numbered from 1 on. */
typedef struct Photos {
    int64_t *number, count, room;
} Photos;

typedef struct Cfp {
    Photos frontal, profile;
    const Photos *second; /* of a pair; the first is frontal */
    char fold[12];
    bool same;
} Cfp;

static bool list_line(PairReader *r, void *context, char *line, Error *err)
{
    Photos *p = context;
    char path[1024], name[2048], rest;
    int64_t number;

    if (sscanf(line, "%" SCNd64 " %1023s %c", &number, path, &rest) != 2 || number != p->count + 1)
        return pair_bad_line(r, "it wants the photos' numbers, from 1 on, and their paths", err);
    if (p->count == p->room) {
        p->room = p->room > 0 ? 2 * p->room : 1024;
        int64_t *more = realloc(p->number, (size_t)p->room * sizeof *more);
        if (!more)
            return pair_no_memory(err);
        p->number = more;
    }
    const char *below = strncmp(path, "../", 3) == 0 ? path + 3 : path;
    snprintf(name, sizeof name, "%s", below);
    return pair_add_name(r, name, &p->number[p->count++], err);
}

static bool split_line(PairReader *r, void *context, char *line, Error *err)
{
    Cfp *cfp = context;
    const Photos *f = &cfp->frontal, *s = cfp->second;
    int64_t i, j;
    char rest;

    if (sscanf(line, "%" SCNd64 " , %" SCNd64 " %c", &i, &j, &rest) != 2 || i < 1 || i > f->count ||
        j < 1 || j > s->count)
        return pair_bad_line(r, "it wants two numbers of photos of Pair_list, with a comma", err);
    return pair_add(r, f->number[i - 1], s->number[j - 1], cfp->same, cfp->fold, err);
}

/* SPLIT/NN/NAME.txt */
static bool read_split(PairReader *r, Cfp *cfp, const char *split, const char *name, Error *err)
{
    char path[4096];

    snprintf(path, sizeof path, "%.3900s/%s/%s.txt", split, cfp->fold, name);
    return pair_read_lines(r, path, split_line, cfp, err);
}

static bool read_list(PairReader *r, Photos *p, const char *split, char which, Error *err)
{
    char path[4096];

    snprintf(path, sizeof path, "%.3900s/../../Pair_list_%c.txt", split, which);
    return pair_read_lines(r, path, list_line, p, err);
}

static bool has_fold(const char *split, const char *fold)
{
    char path[4096];
    struct stat st;

    snprintf(path, sizeof path, "%.3900s/%s", split, fold);
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool pair_read_cfp(PairReader *r, const char *photos, Error *err)
{
    const char *split = r->path, *title = r->table->title;
    bool profile = strcmp(title, "FP") == 0;
    Cfp cfp = {.second = profile ? &cfp.profile : &cfp.frontal};
    char path[4096];

    if (!profile && strcmp(title, "FF") != 0)
        return error_set(err,
                         "%.300s is no set of pairs: name a file, or of CFP the folder "
                         "Protocol/Split/FF or FP",
                         split);
    snprintf(r->table->title, sizeof r->table->title, profile ? "cfp_fp" : "cfp_ff");
    if (!photos) {
        snprintf(path, sizeof path, "%.3900s/../../..", split);
        free(r->table->dir);
        r->table->dir = strdup(path);
        if (!r->table->dir)
            return pair_no_memory(err);
    }
    bool ok = read_list(r, &cfp.frontal, split, 'F', err) &&
              (!profile || read_list(r, &cfp.profile, split, 'P', err));
    for (int fold = 1; ok && fold < 100; fold++) {
        snprintf(cfp.fold, sizeof cfp.fold, "%02d", fold);
        if (!has_fold(split, cfp.fold))
            break;
        cfp.same = true;
        ok = read_split(r, &cfp, split, "same", err);
        cfp.same = false;
        ok = ok && read_split(r, &cfp, split, "diff", err);
    }
    free(cfp.frontal.number);
    free(cfp.profile.number);
    return ok;
}
