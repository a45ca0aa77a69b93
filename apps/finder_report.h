/* What a finding looks like on disk. */
#ifndef APPS_FINDER_REPORT_H
#define APPS_FINDER_REPORT_H

#include <jansson.h>

#include "apps/finder.h"

/* The figures of a finding, without the trace (json_decref). */
json_t *finding_json(const Studio *studio, const Finding *finding);
/* Per iteration: model, stage, step, total, identity, content, colour, prior (json_decref). */
json_t *trace_json(const Studio *studio, const Finding *finding);

/* Writes JSON by atomic rename; takes the reference. */
bool json_save(const char *path, json_t *json, Error *err);

/* The aligned photo at a size worth looking at, and as the networks see it: planar studio->size.
 * The caller frees both. choice, note: as photo_align. */
bool align_photo(Studio *studio, const Image *photo, const char *name, int choice, Image *aligned,
                 real **picture, char note[static PHOTO_NOTE], Error *err);

enum { PORTRAIT_SIZE = 512 };
/* The engine's portrait of a character, PORTRAIT_SIZE (image_free). */
bool draw_portrait(const Studio *studio, int model, const float *x, Image *portrait, Error *err);

#endif
