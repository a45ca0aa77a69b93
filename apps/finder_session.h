/* finder.c's work on one model. */
#ifndef APPS_FINDER_SESSION_H
#define APPS_FINDER_SESSION_H

#include "apps/finder.h"

enum { FINDER_CHUNK = 16 }; /* renders at once */

typedef struct Session {
    Studio *studio;
    const FinderConfig *config;
    int model;
    const Schema *schema;
    float *mean, *deviation; /* of the continuous controls */
    View average;            /* the average face, drawn by the engine */
    Target target;           /* the photo, in the engine's light */
    Weights weight;          /* absolute: the config's over the average face's losses */
    View view[FINDER_CHUNK];
} Session;

/* photo: what the networks see in it. */
bool session_open(Session *session, Studio *studio, int model, const View *photo,
                  const FinderConfig *config, Error *err);
void session_close(Session *session);

/* Losses of the engine's render of x, and their weighted sum. */
bool session_score(Session *session, const float *x, Losses *losses, double *score, Error *err);

/* Draws every option of every group and keeps the best in x. */
bool session_choose(Session *session, float *x, Error *err);

/* Least squares on the engine's renders over the continuous controls whose kind's bit is set
 * (1 << CONTROL_MACRO | ...). */
bool session_refine(Session *session, unsigned kinds, Weights weight, int iterations, float *x,
                    Error *err);

/* Makes x's one-hots exact. */
void session_harden(const Session *session, float *x);

#endif
