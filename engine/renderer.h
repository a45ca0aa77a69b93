/* The software renderer: a Scene and a view to pixels and labels. */
#ifndef ENGINE_RENDERER_H
#define ENGINE_RENDERER_H

#include "engine/engine.h"
#include "engine/scene.h"

/* Tables that do not depend on the character: lip, lid, nostril and ambient-occlusion maps painted
 * over the skin's uv space, pore detail, regions of the base mesh for labels. Made once when the
 * engine opens, from the skin surface at rest; constant after. */
typedef struct RenderTables RenderTables;

bool render_tables_new(RenderTables **tables, const Surface *skin_at_rest, Error *err);
void render_tables_free(RenderTables *tables);

/* Draws. One call uses one thread; many calls may run at once. rgb size x size x 3, or
 * x 4 if transparent; labels size x
 * size or NULL. */
bool render_scene(const RenderTables *tables, const Scene *scene, const RenderOptions *options,
                  uint8_t *rgb, uint8_t *labels, Error *err);

#endif
