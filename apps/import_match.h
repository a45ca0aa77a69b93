/* Weights of other people's files for our networks: which tensor goes where, and what is left. */
#ifndef APPS_IMPORT_MATCH_H
#define APPS_IMPORT_MATCH_H

#include "libautograd/params.h"

/* Tensors that a file may have and the net does not want, or the other way round, with the reason
 * to tell. */
typedef struct ImportRule {
    const char *name; /* after the prefix; a leading '*' stands for anything */
    const char *why;
} ImportRule;

/* What the net of a published file is called, and how it differs from ours. */
typedef struct ImportNet {
    const char *name;
    const char *anchor;      /* a tensor that every such file has */
    const ImportRule *drop;  /* of the file, not wanted; ends with {0} */
    const ImportRule *fresh; /* of the net, not in such files; ends with {0} */
} ImportNet;

enum { IMPORT_MAX_LEFT = 1024 };

typedef struct ImportLeft {
    const char *name; /* of the file */
    const char *why;  /* a rule's text */
} ImportLeft;

/* What import_match has found. */
typedef struct ImportReport {
    char prefix[256]; /* of the net's tensors in the file, "state_dict.module." */
    int matched;
    int64_t values;
    ImportLeft left[IMPORT_MAX_LEFT];
    int n_left;
    const char *fresh[IMPORT_MAX_LEFT]; /* names of the net that keep their initial values */
    int n_fresh;
} ImportReport;

/* Fills the allocated set from the file, by name. Whatever stands before the anchor's name (a
 * dictionary's key, DataParallel's "module.") is taken as the prefix of all; the shortest one if
 * there are several. A tensor of the set that is missing, is of another shape or no floats, and a
 * tensor under the prefix that neither the net nor a rule knows, is an error that says names and
 * shapes; then the set is untouched. Names in the report belong to the file and the set. */
bool import_match(ParamSet *set, const TensorFile *file, const ImportNet *net, ImportReport *report,
                  Error *err);

#endif
