/* The frame: workspace, tiles in order, one thread. */
#include "engine/renderer_internal.h"

#include <stdlib.h>
#include <string.h>

static int count_vertices(const Scene *scene, int first[SCENE_MAX_SURFACES + 1], int *triangles)
{
    int n = 0;
    *triangles = 0;
    for (int i = 0; i < scene->n_surface; i++) {
        first[i] = n;
        n += scene->surface[i].n_vertex;
        *triangles += scene->surface[i].n_triangle;
    }
    first[scene->n_surface] = n;
    return n;
}

static int tile_clamp(const Frame *frame, int32_t place)
{
    int t = place < 0 ? 0 : place / (SUBPIXEL * TILE);
    return t < frame->tiles ? t : frame->tiles - 1;
}

/* The tiles that the box of a triangle touches; false when none. */
static bool tile_range(const Frame *frame, const Triangle *t, int range[4])
{
    int32_t lo[2] = {INT32_MAX, INT32_MAX}, hi[2] = {INT32_MIN, INT32_MIN};
    for (int k = 0; k < 3; k++) {
        const Vertex *v = &frame->vertex[t->v[k]];
        const int32_t place[2] = {v->fx, v->fy};
        for (int c = 0; c < 2; c++) {
            lo[c] = place[c] < lo[c] ? place[c] : lo[c];
            hi[c] = place[c] > hi[c] ? place[c] : hi[c];
        }
    }
    for (int c = 0; c < 2; c++)
        if (hi[c] < 0 || lo[c] >= frame->size * SUBPIXEL)
            return false;
    range[0] = tile_clamp(frame, lo[0]);
    range[1] = tile_clamp(frame, hi[0]);
    range[2] = tile_clamp(frame, lo[1]);
    range[3] = tile_clamp(frame, hi[1]);
    return true;
}

/* Sorts triangles into tiles, keeping their order. */
static bool frame_bin(Frame *frame)
{
    int n = frame->tiles * frame->tiles;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < frame->n_triangle; i++) {
            int r[4];
            if (!tile_range(frame, &frame->triangle[i], r))
                continue;
            for (int y = r[2]; y <= r[3]; y++)
                for (int x = r[0]; x <= r[1]; x++) {
                    int32_t *at = &frame->bin_begin[y * frame->tiles + x];
                    if (pass == 0)
                        ++*at;
                    else
                        frame->bin[--*at] = i;
                }
        }
        if (pass == 1)
            break;
        int32_t sum = 0;
        for (int i = 0; i < n; i++) /* ends, to be filled downwards */
            frame->bin_begin[i] = sum += frame->bin_begin[i];
        frame->bin_begin[n] = sum;
        frame->bin = malloc((size_t)(sum ? sum : 1) * sizeof *frame->bin);
        if (!frame->bin)
            return false;
    }
    return true;
}

static void tile_place(const Frame *frame, Tile *tile, int i)
{
    tile->x0 = i % frame->tiles * TILE;
    tile->y0 = i / frame->tiles * TILE;
    tile->width = frame->size - tile->x0 < TILE ? frame->size - tile->x0 : TILE;
    tile->height = frame->size - tile->y0 < TILE ? frame->size - tile->y0 : TILE;
}

static void tile_begin(Tile *tile)
{
    tile->n_fragment = 0;
    memset(tile->depth, 0, sizeof tile->depth);
    memset(tile->id, 0xff, sizeof tile->id); /* NO_TRIANGLE */
    memset(tile->fragments, 0xff, sizeof tile->fragments);
    for (int p = 0; p < TILE * TILE; p++) {
        tile->sum[p] = (PixelSum){.filled = 0};
        for (int s = 0; s < SAMPLES; s++)
            tile->sum[p].clear[s] = 1.0f / SAMPLES;
    }
}

static void tile_clear(Tile *tile)
{
    for (int i = 0; i < TILE * TILE; i++)
        for (int s = 0; s < SAMPLES; s++) {
            tile->clear[i][s] = 1;
            tile->behind[i][s] = INFINITY;
        }
}

static void done(const Frame *frame, FramePart part)
{
    if (frame->done)
        frame->done(frame->done_context, part);
}

/* Bins were filled downwards: from the last to the first keeps the order of the scene. */
static bool draw_tile(const Frame *frame, Tile *tile, int i, uint8_t *rgb, uint8_t *labels)
{
    int32_t k = frame->bin_begin[i + 1] - 1, end = frame->bin_begin[i];
    tile_place(frame, tile, i);
    if (k < end) {
        tile_leave_empty(frame, tile, rgb, labels);
        done(frame, PART_RESOLVE);
        return true;
    }
    tile_begin(tile);
    for (; k >= end && frame->bin[k] < frame->n_opaque; k--)
        raster_opaque(frame, tile, frame->bin[k]);
    done(frame, PART_RASTER);
    if (k >= end) {
        tile_clear(tile);
        for (; k >= end; k--)
            if (!raster_blended(frame, tile, frame->bin[k]))
                return false;
        tile_blend(frame, tile);
    }
    done(frame, PART_HAIR);
    tile_shade(frame, tile, labels != NULL);
    done(frame, PART_SHADE);
    tile_resolve(frame, tile, rgb, labels);
    done(frame, PART_RESOLVE);
    return true;
}

bool frame_draw(Frame *frame, uint8_t *rgb, uint8_t *labels)
{
    frame_set_view(frame);
    frame_transform(frame);
    done(frame, PART_DEFORM);
    shadow_draw(frame);
    done(frame, PART_SHADOW);
    hair_prepare(frame);
    done(frame, PART_HAIR);
    if (!frame_bin(frame))
        return false;
    done(frame, PART_RASTER);
    for (int i = 0; i < frame->tiles * frame->tiles; i++)
        if (!draw_tile(frame, frame->tile, i, rgb, labels))
            return false;
    return true;
}

bool frame_begin(Frame *frame, const RenderTables *tables, const Scene *scene,
                 const RenderOptions *options)
{
    *frame = (Frame){.tables = tables, .scene = scene, .options = options, .size = options->size};
    if (!bust_close(frame))
        return false;
    scene = frame->scene;
    int triangles;
    int vertices = count_vertices(scene, frame->first_vertex, &triangles);
    frame->tiles = (options->size + TILE - 1) / TILE;
    size_t tiles = (size_t)frame->tiles * frame->tiles;
    const size_t bytes[] = {(size_t)vertices * sizeof *frame->vertex,
                            (size_t)vertices * sizeof *frame->hair,
                            (size_t)triangles * sizeof *frame->triangle,
                            (size_t)triangles * sizeof *frame->sorted,
                            (tiles + 1) * sizeof *frame->bin_begin,
                            sizeof(float) * SHADOW_SIZE * SHADOW_SIZE,
                            sizeof *frame->tile};
    enum { PIECES = sizeof bytes / sizeof *bytes, LINE = 64 };
    size_t begin[PIECES + 1] = {0};
    for (int i = 0; i < PIECES; i++)
        begin[i + 1] = begin[i] + (bytes[i] + LINE - 1) / LINE * LINE;
    /* one block: the next picture gets its pages from the allocator, not from the kernel */
    char *block = frame->block = malloc(begin[PIECES]);
    if (!block)
        return false;
    frame->vertex = (Vertex *)(block + begin[0]);
    frame->hair = (HairVertex *)(block + begin[1]);
    frame->triangle = (Triangle *)(block + begin[2]);
    frame->sorted = (Triangle *)(block + begin[3]);
    frame->bin_begin = memset(block + begin[4], 0, bytes[4]);
    frame->shadow.depth = (float *)(block + begin[5]);
    frame->tile = (Tile *)(block + begin[6]);
    frame->tile->fragment = NULL;
    frame->tile->capacity = 0;
    return true;
}

void frame_end(Frame *frame)
{
    if (frame->tile)
        free(frame->tile->fragment);
    free(frame->bin);
    free(frame->cap_index);
    free(frame->cap);
    free(frame->block);
}

bool render_scene(const RenderTables *tables, const Scene *scene, const RenderOptions *options,
                  uint8_t *rgb, uint8_t *labels, Error *err)
{
    if (!render_options_check(options, err))
        return false;
    Frame frame;
    bool ok = frame_begin(&frame, tables, scene, options) && frame_draw(&frame, rgb, labels);
    frame_end(&frame);
    return ok ||
           error_set(err, "render: out of memory for a picture of %d pixels; draw a smaller one",
                     options->size);
}
