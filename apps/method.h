/* The ways in which a character is made of an aligned photo: the modes that `evaluate` compares. */
#ifndef APPS_METHOD_H
#define APPS_METHOD_H

#include "apps/finder.h"

typedef enum Method {
    METHOD_AVERAGE,         /* the average character: what to be better than */
    METHOD_ONE_SHOT,        /* T's */
    METHOD_ITERATIVE,       /* the search as it comes */
    METHOD_COMBINED,        /* the same, from T's character */
    METHOD_ITERATIVE_PAPER, /* the paper's: 50 iterations of Eq. 9 */
    METHOD_COMBINED_PAPER,  /* the same, from T's character */
    METHODS
} Method;

#define METHOD_HELP                                                                                \
    "one-shot: the translator; iterative: the search; combined: the search from the translator's " \
    "character; iterative-paper and combined-paper: 50 iterations of the paper's search"

/* "one-shot" */
const char *method_name(Method method);
/* False when there is none of this name, of n characters. */
bool method_find(const char *name, size_t n, Method *method);

bool method_searches(Method method);
/* Whether the studio must have translators. */
bool method_translates(Method method);

/* The search's settings; of a method that searches. */
FinderConfig method_config(Method method);

/* x (schema dim): the character of the studio's model for a picture, planar 3 x size x size. light:
 * FinderConfig.light_trust, < 0: the method's own. T's choices stay as the softmax leaves them. */
bool method_run(Studio *studio, int model, Method method, double light, const real *picture,
                float *x, Error *err);

#endif
