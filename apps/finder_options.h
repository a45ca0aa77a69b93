/* The options that search and evaluate search share. */
#ifndef APPS_FINDER_OPTIONS_H
#define APPS_FINDER_OPTIONS_H

#include <argp.h>

#include "apps/finder.h"

typedef struct FinderOptions {
    StudioConfig studio;
    FinderConfig finder;
    bool quiet;

    /* For the parser: options that were not given are < 0. */
    bool paper;
    int first_steps, steps, refinements, starts;
    double rate, identity, content, colour, geometry, prior, light;
    int cosine, features;
} FinderOptions;

/* A child parser; its input is a FinderOptions. Fills studio and finder when parsing ends. */
extern const struct argp finder_argp;

#endif
