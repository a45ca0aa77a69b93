/* What the rig hands to the renderer: deformed surfaces with their textures and colours. */
#ifndef ENGINE_SCENE_H
#define ENGINE_SCENE_H

#include <stddef.h>
#include <stdint.h>

/* 8-bit sRGB (alpha linear) image, rows top to bottom, channels 3 or 4. `pixel` holds
 * n_level mip levels one after another: level l is (width >> l) x (height >> l), at least 1 x 1. */
typedef struct Texture {
    int width, height, channels;
    int n_level; /* 1: no mips, minification aliases */
    /* Of the texels' sRGB values by their alpha, 0 .. 1; for TINT_RECOLOUR. */
    float mean_luma, luma_deviation;
    const uint8_t *pixel;
} Texture;

/* Bytes of all mip levels. Allocate them, put level 0 in front, then let texture_prepare fill the
 * rest. */
size_t texture_bytes(int width, int height, int channels);

/* Fills the levels after the first (box filter, colours weighted by alpha), and *texture with
 * n_level and the lumas. `pixel` stays the caller's. */
void texture_prepare(Texture *texture, int width, int height, int channels, uint8_t *pixel);

typedef enum Material {
    MATERIAL_SKIN,  /* opaque; head, ears, neck, shoulders, lips, lids */
    MATERIAL_EYE,   /* alpha-tested at .5 (the cornea shell maps to an alpha-0 disc) */
    MATERIAL_TEETH, /* opaque; and tongue */
    MATERIAL_CUT,   /* opaque, plain: where the renderer cuts the bust off */
    MATERIAL_BROW,  /* alpha-blended thin cards */
    MATERIAL_LASH,
    MATERIAL_BEARD,
    MATERIAL_HAIR,
    MATERIAL_COUNT
} Material;

typedef enum TintKind {
    TINT_MULTIPLY, /* albedo = texture * tint, linear light */
    TINT_RECOLOUR  /* albedo = tint * luminance(texture) / its mean: hair dyes */
} TintKind;

enum { SURFACE_MAX_LAYERS = 6, LABEL_BY_RULE = 255 };

/* One textured triangle mesh. Pointers are borrowed: rig and pack own them. */
typedef struct Surface {
    const char *name; /* of its mesh: "skin", "eyes", "hair-waves" */
    Material material;
    int n_vertex;          /* vertices are split where uv differs */
    const float *position; /* n_vertex x 3, deformed, dm */
    /* n_vertex x 3: the same vertices on the base mesh, for painting by region */
    const float *rest;
    const float *uv; /* n_vertex x 2, v = 0 at the bottom */
    /* n_vertex: index of the first vertex at the same place, for smooth normals */
    const int32_t *weld;
    int n_triangle;
    const int32_t *triangle; /* n_triangle x 3 */
    /* skin: n_vertex indices into MakeHuman's 19158 vertices, by which the lip, lid and nostril
     * rings are known; NULL for the others */
    const int32_t *source;
    /* n_triangle: fixed label of a triangle (LABEL_*), LABEL_BY_RULE where it has none; NULL: by
     * rule (material, region of the rest position) throughout */
    const uint8_t *label;
    int n_layer;
    struct {
        const Texture *texture;
        float weight; /* weights sum to 1: the albedo before tint is the weighted sum in sRGB */
    } layer[SURFACE_MAX_LAYERS];
    TintKind tint_kind;
    float tint[3]; /* linear light */
    float opacity; /* factor on alpha */
} Surface;

/* Where hair is painted on the skin. */
typedef enum HairShape {
    HAIR_SHAPE_SCALP,     /* up to the natural hairline */
    HAIR_SHAPE_HORSESHOE, /* full around a top that is nearly bald */
    HAIR_SHAPE_BEARD,     /* cheeks, upper lip, chin, below the jaw */
    HAIR_SHAPE_GOATEE,    /* around the mouth */
    HAIR_SHAPE_STRAP,     /* along the jaw, ear to ear */
    HAIR_SHAPE_COUNT
} HairShape;

/* Hair painted on the skin: short hair, a shaved shade. */
typedef struct HairPaint {
    HairShape shape;
    float cover;  /* what it hides of the skin where it is dense; 0: no paint */
    float grain;  /* 0 an even shade .. 1 hairs one by one */
    float length; /* of the hairs: 0 dots .. 1 strokes */
    float edge;   /* dm over which it thins out */
    float colour[3];
} HairPaint;

/* Lipstick. A ring is a fifth of the way from the vermilion border to where the lips meet. */
typedef struct LipPaint {
    float cover; /* 0 none .. 1 hides the lips' own colour */
    float colour[3];
    float begin, full;      /* rings at which it begins and is full: negative outside the lips */
    float inner;            /* towards the seal: -1 darker .. 1 lighter */
    float liner;            /* 0 .. 1: a darker outline */
    float dab;              /* 0 .. 1: light colour on the middle of the lips */
    float upper, lower;     /* 1; 0 leaves that lip bare */
    float roughness, shine; /* of the highlight; shine 1 is bare lips' */
    float metal;            /* 0 .. 1: the highlight has the paint's colour */
    float sparkle;          /* 0 .. 1: glitter */
    float patches;          /* 0 .. 1: uneven */
} LipPaint;

/* How far lids are open: x towards the temple, y up, from the eye's centre, dm. */
typedef struct EyeOpening {
    float inner[2], outer[2]; /* corners */
    float upper[2], lower[2]; /* middles of the lids' rims */
} EyeOpening;

enum { SCENE_MAX_SURFACES = 12 };

typedef struct Scene {
    int n_surface;
    Surface surface[SCENE_MAX_SURFACES];
    /* between the eyes before the bones moved them: where the camera is set up */
    float middle[3];
    float eye_centre[2][3];    /* deformed; [0] the person's left (+x) */
    EyeOpening eye_opening[2]; /* all 0: not known */
    float iris_tint[3];        /* linear colour multiplied onto the iris disc of the eye texture */
    float skin_colour[3];      /* linear mean of the face; for places where the texture has hair */
    float skin_detail;         /* 0 .. 1: wrinkles and pores with age */
    float freckles;            /* 0 .. 1 */
    float blush;               /* -1 pale .. 1 red cheeks */
    /* natural lips: linear colour and strength; strength 0 the texture's */
    float lip_tint[4];
    LipPaint lip;
    HairPaint scalp, beard, stubble;
} Scene;

#endif
