/* Shared by the parts of the renderer; nothing outside includes it.
 *
 * The picture is drawn in tiles. Opaque triangles fill a visibility buffer of SAMPLES depth samples
 * a pixel; hair, brows and lashes leave fragments with alpha in a list per pixel. Then every pixel
 * shades each triangle it sees once (not each sample), blends front to back per sample, and
 * averages. */
#ifndef ENGINE_RENDERER_INTERNAL_H
#define ENGINE_RENDERER_INTERNAL_H

#include <math.h>

#include "engine/colour.h"
#include "engine/renderer.h"

enum {
    TILE = 32,   /* pixels a side */
    SAMPLES = 8, /* a pixel */
    ALL_SAMPLES = (1 << SAMPLES) - 1,
    SUBPIXEL = 64, /* vertices are snapped to 1 / SUBPIXEL pixel, so that shared edges are exact */
    SHADOW_SIZE = 256,
    NOISE_SIZE = 256,
    DISPLAY_SIZE = 4096,
    NO_TRIANGLE = -1
};

/* What hair lets through is taken for nothing below this. */
#define OPAQUE_CLEAR (1 / 64.0f)

/* Painted over the skin by its vertices at rest, interpolated across triangles. */
typedef struct SkinVertex {
    float ambient; /* visible part of the surroundings, 0 .. 1 */
    float lip;     /* -1 skin, 0 vermilion border .. 6 inner seal, 7 mouth bag */
    float upper;   /* 1 upper lip, -1 lower, 0 at the corners */
    float lid;     /* how dark the rim of the lids is, 1 above; 0 from the next vertices on */
    float fold;    /* rings of vertices out of the upper lid's rim, 0 .. 14; 14 elsewhere */
    float nose;    /* > 0 inside Helen's nose */
    float face;    /* > 0 inside Helen's face: not ears, not neck */
    float blood;   /* how much redder than the mean: nose, cheeks, ears, lids; negative: less */
    float cheek;   /* 1 where people blush */
    float freckle; /* 1 where freckles grow */
    float oil;     /* 1 where skin shines: forehead, nose */
    float bare;    /* 1 where the texture has hair */
} SkinVertex;

struct RenderTables {
    int n_vertex;
    SkinVertex *skin;              /* n_vertex */
    float *hair[HAIR_SHAPE_COUNT]; /* n_vertex: how far inside of where a shape grows, dm */
    int seal[2]; /* vertices where the lips meet, top and bottom centre; -1 unknown */
    float middle[1 << SAMPLES][2]; /* of the samples of a mask, in pixels from the pixel's corner */
    float linear[257];             /* sRGB byte to linear light; [256] repeats for interpolation */
    uint8_t display[DISPLAY_SIZE + 1]; /* square root of linear light 0 .. 1 to an sRGB byte */
    /* Tileable: slopes of pores and fine lines along both axes, their height, white noise. */
    int8_t noise[NOISE_SIZE][NOISE_SIZE][4];
};

typedef struct Vertex {
    float x, y;      /* pixels */
    float inverse;   /* 1 / distance along the view axis */
    int32_t fx, fy;  /* the same pixel place in 1 / SUBPIXEL */
    float p[3];      /* view space: camera at 0, +x right, +y up, looking along -z */
    float n[3];      /* unit normal */
    float t[3];      /* along +v of uv (hair strands); unit, only for hair-like materials */
    float shadow[3]; /* place in the shadow map */
    float facing;    /* cosine between normal and view, only for hair-like materials */
    bool valid;
} Vertex;

/* What lights a strand at a vertex. Everything here varies slowly, so that a pixel of hair needs to
 * look up no more than its texture and the shadow map. */
typedef struct HairVertex {
    float light[3]; /* all but the key light, as it leaves a white surface */
    float key;      /* the same for a key light of 1 without shadow */
    struct {
        float along, across; /* cosine of half vector with strand, and with normal */
        float strength;
    } gloss[3];      /* key, left and right rim */
    float shadow[3]; /* place in the shadow map */
} HairVertex;

typedef struct Triangle {
    int32_t v[3]; /* of all vertices of the scene */
    int32_t surface;
    uint8_t label; /* LABEL_BY_RULE or a class */
    bool cut;      /* crosses the frame's cut */
    float lod;     /* log2 of texels a pixel */
} Triangle;

typedef struct Fragment {
    float inverse; /* depth at the pixel */
    int32_t triangle;
    float alpha;
    uint8_t mask; /* samples covered and in front of what is opaque */
    uint8_t luma; /* of the texture */
    int32_t next;
} Fragment;

typedef struct ShadowMap {
    float right[3], up[3], forward[3], centre[3]; /* light space */
    float scale;                                  /* texels a dm */
    float *depth; /* SHADOW_SIZE^2: dm along forward of the first surface */
} ShadowMap;

typedef struct Light {
    float to[3]; /* unit, towards the light */
    float colour[3];
    float white; /* the same before warmth and RenderOptions.light_colour: for highlights */
} Light;

enum { LIGHT_KEY, LIGHT_FILL, LIGHT_RIM_LEFT, LIGHT_RIM_RIGHT, LIGHT_COUNT };

/* How far hair reaches around the head, to tell the outer strands from those underneath: rings
 * around an axis up through the skull, by height below its centre, by sine above it. */
enum { HULL_AROUND = 32, HULL_ABOVE = 6, HULL_BELOW = 14, HULL_RINGS = HULL_ABOVE + HULL_BELOW };

typedef struct Hull {
    float centre[3];
    float reach[HULL_RINGS][HULL_AROUND]; /* dm */
} Hull;

/* The steps that a benchmark tells apart. */
typedef enum FramePart {
    PART_DEFORM, /* vertices to the picture */
    PART_SHADOW,
    PART_RASTER, /* bins, opaque triangles */
    PART_SHADE,  /* opaque surfaces */
    PART_HAIR,   /* lights at its vertices, fragments, blending */
    PART_RESOLVE,
    PART_COUNT
} FramePart;

typedef struct Tile Tile;

typedef struct Frame {
    const RenderTables *tables;
    const Scene *scene;
    const RenderOptions *options;
    int size;
    Scene scene_cut; /* what scene points to where there is a bust to cut */
    float cut;       /* height where the bust ends, dm */
    float *cap;      /* what closes it: positions and uv */
    int32_t *cap_index;
    float focal;          /* pixels */
    float rotation[3][3]; /* of the head */
    float pivot[3], camera[3];
    float eye[2][3];  /* eyeball centres in view space */
    float mouth_open; /* 0 lips closed .. 1 light falls in */
    Light light[LIGHT_COUNT];
    float sky[3], ground[3]; /* ambient light from above and below */
    ShadowMap shadow;
    int first_vertex[SCENE_MAX_SURFACES + 1];
    void *block; /* memory of vertices, triangles, bins, shadow map and tile */
    Vertex *vertex;
    Hull hull;
    HairVertex *hair; /* of the same vertices; set for hair-like materials only */
    /* Luma of a hair-like texture: to a factor on its tint, if recoloured; and to -1 .. 1, dark to
     * light strands. */
    float tone[SCENE_MAX_SURFACES][256], grain[SCENE_MAX_SURFACES][256];
    int n_triangle;
    Triangle *triangle; /* drawn ones only, opaque surfaces first */
    Triangle *sorted;   /* scratch */
    int n_opaque;
    void (*done)(void *context, FramePart part); /* called after each step of each tile; or NULL */
    void *done_context;
    int tiles; /* a side */
    Tile *tile;
    int32_t *bin_begin, *bin; /* triangles of tile i: bin[bin_begin[i] .. bin_begin[i + 1]) */
} Frame;

/* What a pixel has gathered, weights of all of it. */
typedef struct PixelSum {
    float rgb[3];            /* linear light, tone-mapped, times weights */
    float filled;            /* their sum */
    float clear[SAMPLES];    /* what hair lets through of each sample, of 1 / SAMPLES */
    float empty;             /* what shows the background */
    float hair, beard, brow; /* covered by */
    uint8_t brow_label, label;
} PixelSum;

struct Tile {
    int x0, y0, width, height;
    float depth[TILE * TILE][SAMPLES]; /* 1 / distance; 0 is nothing */
    int32_t id[TILE * TILE][SAMPLES];
    int32_t fragments[TILE * TILE];     /* head of the list, -1 */
    float clear[TILE * TILE][SAMPLES];  /* what all fragments so far let through */
    float behind[TILE * TILE][SAMPLES]; /* 1 / distance of the farthest of them */
    PixelSum sum[TILE * TILE];
    Fragment *fragment;
    int n_fragment, capacity;
};

/* A place on a surface, ready to shade. */
typedef struct Hit {
    const Surface *surface;
    int index;     /* of the surface */
    uint8_t label; /* of the triangle */
    int32_t v[3];
    float b[3]; /* perspective-correct weights of the vertices */
    float uv[2], p[3], n[3];
    float lod;
    float footprint; /* dm a pixel */
} Hit;

/* The sample places in a pixel, 1 / 16 pixel from its corner: 8 rooks. */
extern const int32_t sample_place[SAMPLES][2];

/* render_options.c: whether every option is finite and in its range. */
bool render_options_check(const RenderOptions *options, Error *err);

/* renderer.c: the steps of a picture, in order */
bool frame_begin(Frame *frame, const RenderTables *tables, const Scene *scene,
                 const RenderOptions *options);
/* Draws it. False when out of memory. */
bool frame_draw(Frame *frame, uint8_t *rgb, uint8_t *labels);
void frame_end(Frame *frame);

/* renderer_camera.c */
void frame_set_view(Frame *frame);
void frame_transform(Frame *frame);
bool material_blends(Material material);
/* Wholly transparent in its texture: the eye's cornea shell. */
bool triangle_is_clear(const Surface *s, const int32_t *v);

/* renderer_bust.c */
/* Adds the surface that closes a bust to the frame's scene. False when out of memory. */
bool bust_close(Frame *frame);

/* renderer_shadow.c */
/* Empties a depth map that looks along -to at `centre`, extent dm a side. */
void shadow_map_set(ShadowMap *map, const float centre[3], const float to[3], float extent);
/* A place as the map sees it: texels and depth. */
void shadow_map_place(const ShadowMap *map, const float p[3], float out[3]);
/* surface, v: to test the texture's alpha; NULL: solid. */
void shadow_map_triangle(ShadowMap *map, const float *const place[3], const Surface *surface,
                         const int32_t *v);
bool shadow_map_hides(const ShadowMap *map, const float p[3], float bias);
void shadow_draw(Frame *frame);
/* Part of the key light that arrives at a place in view space with unit normal n, 0 .. 1. */
float shadow_at(const Frame *frame, const float p[3], const float n[3]);
/* Part of the key light that comes through the hair before a place in the shadow map. */
float shadow_through_hair(const ShadowMap *map, const float place[3]);

/* renderer_raster.c */
void raster_opaque(const Frame *frame, Tile *tile, int32_t triangle);
/* False when out of memory. */
bool raster_blended(const Frame *frame, Tile *tile, int32_t triangle);
/* What alpha of its texture means for a material. */
float strand_alpha(Material material, float alpha);
/* What triangle shows at pixel place (x, y); extrapolates a little outside of it. */
void hit_at(const Frame *frame, int32_t triangle, float x, float y, Hit *hit);
/* Perspective-correct weights of its vertices there; returns 1 / distance. */
float weights_at(const Frame *frame, const Triangle *triangle, float x, float y, float b[3]);

/* renderer_texture.c */
/* Bilinear sample of the mip level for lod; channels in 0 .. 255 (sRGB), alpha 0 .. 255 (255
 * without one). */
void texture_sample(const Texture *texture, float u, float v, float lod, float rgba[4]);
/* The weighted sum of a surface's layers, without alpha. */
void texture_blend(const Surface *surface, float u, float v, float lod, float rgb[3]);
/* One mip level. */
typedef struct TextureLevel {
    int width, height, channels;
    const uint8_t *pixel;
} TextureLevel;
TextureLevel texture_level(const Texture *texture, float lod);
/* The same bilinear sample as bytes; of a texture with alpha. */
void texture_level_sample(const TextureLevel *level, float u, float v, uint8_t rgba[4]);

/* renderer_shade.c, renderer_skin.c, renderer_eye.c, renderer_hair.c */
/* What the picture shows of a hit: linear light, tone-mapped to 0 .. 1. */
void shade(const Frame *frame, const Hit *hit, float rgb[3]);
void shade_skin(const Frame *frame, const Hit *hit, float rgb[3]);
void shade_eye(const Frame *frame, const Hit *hit, float rgb[3]);
/* Factor on the tint where a recoloured texture has this luma, 0 .. 1. */
float recolour_tone(const Surface *surface, float luma);
/* Lights the vertices of hair, beards, brows and lashes; after shadow_draw. */
void hair_prepare(Frame *frame);
/* After it, of a vertex of MATERIAL_HAIR: turns its card's normal outwards and half into that of
 * the head of hair that the cards make up, because they are lit like that (not of length 1). open:
 * part of the surroundings that is not hidden by other hair. */
void hair_normal(const Frame *frame, int surface, int vertex, float n[3], float *open);
/* What the picture shows of a fragment of them, at pixel place (x, y). */
void shade_hair(const Frame *frame, const Fragment *fragment, float x, float y, float rgb[3]);
/* Straight up to a knee, then a soft shoulder to white. */
float tone_map(float x);
/* Base colour of the surface before tint effects of its material, linear light. */
void albedo_at(const Frame *frame, const Hit *hit, float rgb[3]);
/* The same with what the material paints over it: lips, stubble, irises. Needs of the frame its
 * tables and its scene. */
void skin_albedo(const Frame *frame, const Hit *hit, float rgb[3]);
void eye_albedo(const Frame *frame, const Hit *hit, float rgb[3]);
void teeth_albedo(const Frame *frame, const Hit *hit, float rgb[3]);
/* Of the line between closed lips, instead of the teeth behind it. */
extern const float mouth_line[3];
/* How much light lids and lashes leave to the eyeball, 0 .. 1; the upper ones take most. */
float eye_lid_shade(const Frame *frame, const Hit *hit);
/* GGX highlight of one light: n, to and view are unit. */
float ggx(const float n[3], const float to[3], const float view[3], float roughness, float f0);
void skin_attributes(const Frame *frame, const Hit *hit, SkinVertex *out);

/* renderer_noise.c */
void noise_fill(int8_t noise[NOISE_SIZE][NOISE_SIZE][4]);
/* Bilinear; all four channels, or the white noise alone, -1 .. 1. One texel is 1 / NOISE_SIZE. */
void noise_at(const RenderTables *tables, float u, float v, float out[4]);
float white_noise_at(const RenderTables *tables, float u, float v);

/* renderer_paint.c: what is painted on the skin */
/* Where a hit is on the resting head. */
typedef struct PaintPlace {
    float rest[3];
    float plane[2]; /* unrolled: to the person's left and up, a unit is about 0.9 dm */
    float fine;     /* 1 where a pixel shows single pores .. 0 where it covers many */
} PaintPlace;

/* How far a place of the resting head lies inside of where a shape grows, dm. */
float hair_shape_at(HairShape shape, const float rest[3]);
/* Part of the skin that a paint hides in the mean around a hit, 0 .. 1. */
float hair_cover(const Frame *frame, const HairPaint *paint, const Hit *hit);
/* The same with its hairs; paints them over the albedo. */
float paint_hair(const Frame *frame, const HairPaint *paint, const Hit *hit, const PaintPlace *at,
                 float albedo[3]);
/* How painted skin and lips shine. */
typedef struct SkinFinish {
    float roughness, shine, metal, sparkle;
    float dull; /* 1: no highlight */
} SkinFinish;
/* lip: 0 skin .. 1 lips. Paints natural lips and lipstick. */
void paint_lips(const Frame *frame, const SkinVertex *skin, const PaintPlace *at, float lip,
                float albedo[3], SkinFinish *finish);
/* Furrows of age: darkens the albedo and gives their slopes to the person's left and up. */
void paint_wrinkles(const Frame *frame, float amount, const PaintPlace *at, float albedo[3],
                    float slope[2]);
void paint_freckles(float amount, const PaintPlace *at, float albedo[3]);

/* renderer_blend.c, renderer_solid.c, renderer_resolve.c: from samples and fragments to pixels, in
 * this order */
void tile_blend(const Frame *frame, Tile *tile);
void tile_shade(const Frame *frame, Tile *tile, bool labels);
void tile_resolve(const Frame *frame, const Tile *tile, uint8_t *rgb, uint8_t *labels);
/* Instead of all these: a tile that nothing is drawn in. */
void tile_leave_empty(const Frame *frame, const Tile *tile, uint8_t *rgb, uint8_t *labels);

/* renderer_labels.c */
int label_at(const Frame *frame, const Hit *hit);

/* small helpers: vectors, colours */
static inline float dot3(const float a[3], const float b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static inline void cross3(const float a[3], const float b[3], float c[3])
{
    c[0] = a[1] * b[2] - a[2] * b[1];
    c[1] = a[2] * b[0] - a[0] * b[2];
    c[2] = a[0] * b[1] - a[1] * b[0];
}

static inline float clampf(float x, float lo, float hi)
{
    return x > lo ? x < hi ? x : hi : lo; /* lo for NaN */
}

/* fminf and fmaxf are calls, for the sake of NaN. */
static inline float minf(float a, float b)
{
    return a < b ? a : b;
}

static inline float maxf(float a, float b)
{
    return a > b ? a : b;
}

static inline float lerpf(float a, float b, float t)
{
    return a + (b - a) * t;
}

static inline float smoothstepf(float lo, float hi, float x)
{
    float t = clampf((x - lo) / (hi - lo), 0, 1);
    return t * t * (3 - 2 * t);
}

static inline void normalize3(float v[3])
{
    float length = sqrtf(dot3(v, v));
    float scale = length > 0 ? 1 / length : 1;
    for (int c = 0; c < 3; c++)
        v[c] *= scale;
}

#endif
