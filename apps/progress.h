/* How far a long job is: a bar on a terminal, a plain line every few seconds in a log. On stderr.
 */
#ifndef APPS_PROGRESS_H
#define APPS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Progress {
    const char *label, *unit;
    int64_t total, first; /* first: what was done before this run */
    double start, last;   /* seconds(); of the start, of the last line printed */
    bool terminal;
} Progress;

/* label: "rendering"; unit: "faces", in which done and total count. Strings are borrowed. */
void progress_start(Progress *progress, const char *label, const char *unit, int64_t done,
                    int64_t total);

/* Prints when something is due: label, bar, done/total, rate, time left, extra (may be NULL).
 * Cheap. */
void progress_update(Progress *progress, int64_t done, const char *extra);

/* Prints the last state and ends the line. */
void progress_end(Progress *progress, int64_t done, const char *extra);

#endif
