/* finder.c's work on one model. */
#ifndef APPS_FINDER_SESSION_H
#define APPS_FINDER_SESSION_H

#include "apps/finder.h"
#include "apps/finder_geometry.h"

enum { FINDER_CHUNK = 16 }; /* renders at once */

typedef struct Session {
    Studio *studio;
    const FinderConfig *config;
    int model;
    const Schema *schema;
    float *mean, *deviation;     /* of the continuous controls */
    const Prior *prior;          /* NULL, or: refinements stay in its subspace */
    View average;                /* the average face, drawn by the engine */
    Target target;               /* the photo, in the engine's light */
    double gain[3];              /* per channel, from the photo's light to the engine's */
    Weights weight;              /* absolute: the config's over the average face's losses */
    float shape[GEOMETRY_COUNT]; /* the photo's, by its landmarks */
    View view[FINDER_CHUNK];     /* of the last characters drawn, */
    float landmark[FINDER_CHUNK][2 * FACE_LANDMARKS]; /* and their landmarks */
} Session;

/* photo: what the networks see in it; landmark: its 68. */
bool session_open(Session *session, Studio *studio, int model, const View *photo,
                  const float *landmark, const FinderConfig *config, Error *err);
void session_close(Session *session);

/* Losses of the engine's render of x, and their weighted sum. */
bool session_score(Session *session, const float *x, Losses *losses, double *score, Error *err);

/* Draws the options of the group "hair", of the others, or of all, and keeps the best in x; a group
 * whose first two options look the same takes its first. */
bool session_choose(Session *session, bool hair, bool others, float *x, Error *err);

/* Chooses the iris (control "eye-hue") by the colour in the middle of the eyes. photo: planar.
 * Networks hardly see it, people do. */
bool session_choose_eyes(Session *session, const real *photo, float *x, Error *err);

/* Least squares on the engine's renders over the continuous controls whose kind's bit is set
 * (1 << CONTROL_MACRO | ...), but for the iris. */
bool session_refine(Session *session, unsigned kinds, Weights weight, int iterations, float *x,
                    Error *err);

/* Controls that are chosen and not searched: the iris. */
bool control_is_chosen(const Control *control);

/* Makes x's one-hots exact. */
void session_harden(const Session *session, float *x);

#endif
