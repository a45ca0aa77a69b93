/* New styles out of the shipped ones: cuts, mirrors and bends a proxy mesh on the undeformed body,
 * then binds it to the body anew. Baker only. Lengths in dm, +x the person's left, +y up, +z to the
 * viewer. */
#ifndef ENGINE_BAKE_STYLE_H
#define ENGINE_BAKE_STYLE_H

#include "engine/bake_source.h"

typedef enum EditKind {
    EDIT_NONE,   /* ends a list */
    EDIT_MIRROR, /* x -> -x */
    EDIT_SMOOTH, /* Catmull and Clark's subdivision, once, of the pieces with so many faces: from,
                    to (0: no limit) */
    EDIT_DROP,   /* faces whose middle lies in the box x0 x1 y0 y1 z0 z1 */
    EDIT_KEEP,   /* only those */
    EDIT_THIN,   /* every n-th of the pieces that hang together, by n; with fewer than m faces, by m
                  */
    EDIT_LOSE,   /* the pieces that hang below y: a pony tail */
    EDIT_SHORTEN, /* y below `top` pressed together to end at `bottom`, drawn in by `tuck` towards
                     the neck's axis: top, bottom, tuck, how much farther down it ends at the nape,
                     and how much of its waves across the strands stays (0 none). Strands keep their
                     own soft tips. */
    EDIT_FRINGE, /* the same of what hangs before the face only: top, bottom, and as far as x0 to x1
                  */
    EDIT_PART, /* opens what hangs before the face like a curtain at x = c, from nothing at `top` to
                  a half gap at `low`, pushing aside what lies within `wide`: c, top, low, gap, wide
                */
    EDIT_PULL, /* around a point, falling off as a Gaussian: x y z, radius, dx dy dz */
    EDIT_SCALE, /* about a point: x y z, factors of x y z */
    EDIT_HUG    /* distance to the skin beyond `gap`, times factor: factor, gap */
} EditKind;

enum { EDIT_NUMBERS = 7, STYLE_EDITS = 8 };

typedef struct Edit {
    EditKind kind;
    float by[EDIT_NUMBERS];
} Edit;

/* Applies up to STYLE_EDITS edits, the first EDIT_NONE ends them. */
bool bake_style(SourceMesh *proxy, const SourceMesh *base, const Edit *edits, Error *err);

#endif
