#include "engine/bake.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/bake_bones.h"
#include "engine/bake_content.h"
#include "engine/bake_rig.h"
#include "engine/bake_source.h"
#include "engine/colour.h"
#include "engine/pack.h"
#include "libtensor/tensor_file.h"

enum {
    PATH_SIZE = 4096,
    NAME_SIZE = 128,
    GROUP_BODY = 0,
    EYE_JOINTS = 13606, /* two cubes of 8 */
    EYE_JOINTS_END = 13622,
    LOWER_TEETH = 14992, /* the helpers that the teeth are bound to */
    UPPER_TEETH = 15060,
    TEETH_END = 15128,
};

/* As shipped the upper teeth end above the line between the lips, and a smile shows the lower ones:
 * people's are lower. */
static const float lower_teeth_shift[3] = {0, -0.035f, -0.01f};
static const float upper_teeth_shift[3] = {0, -0.045f, 0.02f};

/* The lower edge of the kept skin: below the shoulders' line of the widest view. */
static const float skin_bottom = 4.4f;

/* A proxy mesh of the pack. */
typedef struct Proxy {
    char name[NAME_SIZE];
    const char *texture;
    SourceMesh mesh;
} Proxy;

typedef struct Bake {
    const char *package;
    SourceMesh base;
    SourceTargets targets;
    Proxy *proxy;
    int n_proxy;
    BakedRig rig;
    uint8_t *visible; /* SOURCE_VERTICES: vertices of kept faces */
    int32_t *slot;    /* SOURCE_VERTICES: index among the kept, or -1 */
    int32_t *kept;
    int n_kept;
    TensorFile *file;
} Bake;

static bool out_of_memory(Error *err)
{
    return error_set(err, "out of memory while baking the assets");
}

static bool add(Bake *b, DType type, Shape shape, const void *data, Error *err, const char *name)
{
    return tensor_file_add(b->file, name, (Tensor){(void *)data, shape, type}, err);
}

static bool face_kept(const Bake *b, int face)
{
    for (int k = 0; k < 4; k++)
        if (b->base.position[3 * b->base.corner[4 * face + k] + 1] <= skin_bottom)
            return false;
    return b->base.group[face] == GROUP_BODY;
}

/* Kept: the visible skin, what the proxies refer to, the eye joints. */
static bool choose_vertices(Bake *b, Error *err)
{
    b->visible = calloc(SOURCE_VERTICES, 1);
    b->slot = malloc(SOURCE_VERTICES * sizeof *b->slot);
    b->kept = malloc(SOURCE_VERTICES * sizeof *b->kept);
    uint8_t *keep = calloc(SOURCE_VERTICES, 1);
    if (!b->visible || !b->slot || !b->kept || !keep) {
        free(keep);
        return out_of_memory(err);
    }
    for (int i = 0; i < b->base.n_face; i++)
        for (int k = 0; k < 4 && face_kept(b, i); k++)
            b->visible[b->base.corner[4 * i + k]] = keep[b->base.corner[4 * i + k]] = 1;
    for (int p = 0; p < b->n_proxy; p++)
        for (int i = 0; i < b->proxy[p].mesh.n_vertex * 3; i++)
            keep[b->proxy[p].mesh.ref[i]] = 1;
    for (int v = EYE_JOINTS; v < EYE_JOINTS_END; v++)
        keep[v] = 1;
    for (int v = 0; v < SOURCE_VERTICES; v++) {
        b->slot[v] = keep[v] ? b->n_kept : -1;
        if (keep[v])
            b->kept[b->n_kept++] = v;
    }
    free(keep);
    return true;
}

static bool add_base(Bake *b, Error *err)
{
    float *position = malloc((size_t)b->n_kept * 3 * sizeof *position);
    uint8_t *bag = malloc((size_t)b->n_kept);
    bool ok = position && bag;
    for (int i = 0; ok && i < b->n_kept; i++) {
        memcpy(position + 3 * i, b->base.position + 3 * b->kept[i], 3 * sizeof *position);
        bag[i] = b->rig.bag[b->kept[i]];
        int v = b->kept[i];
        const float *shift = v >= UPPER_TEETH ? upper_teeth_shift : lower_teeth_shift;
        for (int k = 0; k < 3 && v >= LOWER_TEETH && v < TEETH_END; k++)
            position[3 * i + k] += shift[k];
    }
    ok = ok ? add(b, DTYPE_F32, shape2(b->n_kept, 3), position, err, "base/position") &&
                  add(b, DTYPE_I32, shape1(b->n_kept), b->kept, err, "base/source") &&
                  add(b, DTYPE_U8, shape1(b->n_kept), bag, err, "base/bag")
            : out_of_memory(err);
    free(position);
    free(bag);
    return ok;
}

/* Face targets, expression units of one head, and the macro heads of the ages and weights we blend.
 */
static bool target_wanted(const char *name)
{
    static const char *const folder[] = {
        "nose/",
        "mouth/",
        "eyes/",
        "chin/",
        "cheek/",
        "forehead/",
        "head/",
        "ears/",
        "neck/",
        "eyebrows/",
        "expression/units/caucasian/",
    };
    static const char *const race[] = {"african", "asian", "caucasian"};
    static const char *const gender[] = {"female", "male"};
    static const char *const age[] = {"child", "young", "old"};
    static const char *const weight[] = {"min", "average", "max"};
    const char prefix[] = "data/targets/";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return false;
    name += sizeof prefix - 1;
    for (size_t i = 0; i < sizeof folder / sizeof *folder; i++)
        if (strncmp(name, folder[i], strlen(folder[i])) == 0)
            return true;
    char macro[NAME_SIZE];
    for (int g = 0; g < 2; g++)
        for (int a = 0; a < 3; a++)
            for (int k = 0; k < 3; k++) {
                snprintf(macro, sizeof macro, "macrodetails/%s-%s-%s.target", race[k], gender[g],
                         age[a]);
                if (strcmp(name, macro) == 0)
                    return true;
                snprintf(macro, sizeof macro,
                         "macrodetails/universal-%s-%s-averagemuscle-%sweight.target", gender[g],
                         age[a], weight[k]);
                if (strcmp(name, macro) == 0)
                    return true;
            }
    return false;
}

/* "data/targets/nose/nose-hump-morehump.target" to "nose-hump-morehump"; units get "unit-" in
 * front, since one of them has the name of a nose target. */
static void target_short_name(const char *name, char *out, size_t size)
{
    const char *slash = strrchr(name, '/');
    const char *unit = strstr(name, "/units/") ? "unit-" : "";
    snprintf(out, size, "%s%.*s", unit, (int)(strlen(slash + 1) - strlen(".target")), slash + 1);
}

static bool add_targets(Bake *b, Error *err)
{
    size_t n_wanted = 0, n_delta = 0, text_size = 1;
    for (int t = 0; t < SOURCE_TARGETS; t++) {
        if (!target_wanted(b->targets.name[t]))
            continue;
        n_wanted++;
        text_size += strlen(b->targets.name[t]) + 8;
        const int16_t *row = b->targets.delta + (size_t)t * SOURCE_VERTICES * 3;
        for (int i = 0; i < b->n_kept; i++) {
            const int16_t *d = row + 3 * b->kept[i];
            n_delta += d[0] || d[1] || d[2];
        }
    }
    int32_t *begin = malloc((n_wanted + 1) * sizeof *begin);
    int32_t *vertex = malloc((n_delta + 1) * sizeof *vertex);
    int16_t *delta = malloc((n_delta + 1) * 3 * sizeof *delta);
    char *text = calloc(1, text_size);
    bool ok = begin && vertex && delta && text;
    size_t at = 0, n = 0;
    char *end = text;
    for (int t = 0; ok && t < SOURCE_TARGETS; t++) {
        if (!target_wanted(b->targets.name[t]))
            continue;
        begin[n++] = (int32_t)at;
        char name[NAME_SIZE];
        target_short_name(b->targets.name[t], name, sizeof name);
        end += sprintf(end, "%s%s", n > 1 ? "\n" : "", name);
        const int16_t *row = b->targets.delta + (size_t)t * SOURCE_VERTICES * 3;
        for (int i = 0; i < b->n_kept; i++) {
            const int16_t *d = row + 3 * b->kept[i];
            if (!d[0] && !d[1] && !d[2])
                continue;
            vertex[at] = i;
            memcpy(delta + 3 * at++, d, 3 * sizeof *d);
        }
    }
    if (ok)
        begin[n] = (int32_t)at;
    ok = ok ? add(b, DTYPE_I32, shape1((int64_t)n + 1), begin, err, "target/begin") &&
                  add(b, DTYPE_I32, shape1((int64_t)at), vertex, err, "target/vertex") &&
                  add(b, DTYPE_U8, shape1((int64_t)at * 6), delta, err, "target/delta") &&
                  tensor_file_set_meta(b->file, "targets", text, err)
            : out_of_memory(err);
    free(begin);
    free(vertex);
    free(delta);
    free(text);
    return ok;
}

static bool add_bones(Bake *b, Error *err)
{
    const BakedRig *rig = &b->rig;
    size_t total = 0;
    for (int i = 0; i < rig->n_bone; i++)
        for (int v = 0; v < b->n_kept; v++)
            total += rig->bone[i].weight[b->kept[v]] > 0;
    int32_t component[2 * BONE_COMPONENTS], pivot[2 * BONE_COMPONENTS * PACK_PIVOTS],
        begin[2 * BONE_COMPONENTS + 1];
    float offset[2 * BONE_COMPONENTS * 3];
    uint8_t mirrored[2 * BONE_COMPONENTS];
    int32_t *vertex = malloc((total + 1) * sizeof *vertex);
    float *weight = malloc((total + 1) * sizeof *weight);
    if (!vertex || !weight) {
        free(vertex);
        free(weight);
        return out_of_memory(err);
    }
    int32_t at = 0;
    for (int i = 0; i < rig->n_bone; i++) {
        const BoneWeights *bone = &rig->bone[i];
        component[i] = bone->component;
        mirrored[i] = bone->mirrored;
        memcpy(offset + 3 * i, bone->offset, sizeof bone->offset);
        for (int k = 0; k < PACK_PIVOTS; k++)
            pivot[PACK_PIVOTS * i + k] = k < bone->n_pivot ? b->slot[bone->pivot[k]] : -1;
        begin[i] = at;
        for (int v = 0; v < b->n_kept; v++)
            if (bone->weight[b->kept[v]] > 0) {
                vertex[at] = v;
                weight[at++] = bone->weight[b->kept[v]];
            }
    }
    begin[rig->n_bone] = at;
    char text[BONE_COMPONENTS * 32] = "";
    for (int c = 0; c < BONE_COMPONENTS; c++)
        sprintf(text + strlen(text), "%s%s", c ? "\n" : "", bone_components[c].name);
    int64_t n = rig->n_bone;
    bool ok = add(b, DTYPE_I32, shape1(n), component, err, "bone/component") &&
              add(b, DTYPE_U8, shape1(n), mirrored, err, "bone/mirrored") &&
              add(b, DTYPE_I32, shape2(n, PACK_PIVOTS), pivot, err, "bone/pivot") &&
              add(b, DTYPE_F32, shape2(n, 3), offset, err, "bone/offset") &&
              add(b, DTYPE_I32, shape1(n + 1), begin, err, "bone/begin") &&
              add(b, DTYPE_I32, shape1(at), vertex, err, "bone/vertex") &&
              add(b, DTYPE_F32, shape1(at), weight, err, "bone/weight") &&
              tensor_file_set_meta(b->file, "components", text, err);
    free(vertex);
    free(weight);
    return ok;
}

static bool add_follow(Bake *b, Error *err)
{
    int32_t *vertex = malloc((size_t)b->n_kept * sizeof *vertex);
    int32_t *to = malloc((size_t)b->n_kept * RIG_FOLLOWED * sizeof *to);
    float *weight = malloc((size_t)b->n_kept * RIG_FOLLOWED * sizeof *weight);
    if (!vertex || !to || !weight) {
        free(vertex);
        free(to);
        free(weight);
        return out_of_memory(err);
    }
    int64_t n = 0;
    for (int i = 0; i < b->n_kept; i++) {
        const int32_t *followed = b->rig.follow + RIG_FOLLOWED * b->kept[i];
        if (followed[0] < 0)
            continue;
        vertex[n] = i;
        for (int k = 0; k < RIG_FOLLOWED; k++) {
            to[RIG_FOLLOWED * n + k] = followed[k] < 0 ? -1 : b->slot[followed[k]];
            weight[RIG_FOLLOWED * n + k] =
                followed[k] < 0 ? 0 : b->rig.follow_weight[RIG_FOLLOWED * b->kept[i] + k];
        }
        n++;
    }
    bool ok = add(b, DTYPE_I32, shape1(n), vertex, err, "follow/vertex") &&
              add(b, DTYPE_I32, shape2(n, RIG_FOLLOWED), to, err, "follow/to") &&
              add(b, DTYPE_F32, shape2(n, RIG_FOLLOWED), weight, err, "follow/weight");
    free(vertex);
    free(to);
    free(weight);
    return ok;
}

/* A mesh's faces as triangles over vertices that are split where the uv differs. */
typedef struct Split {
    int n_vertex, n_triangle;
    int32_t *vertex, *uv, *triangle;
} Split;

static void split_free(Split *s)
{
    free(s->vertex);
    free(s->uv);
    free(s->triangle);
}

static bool split_mesh(Split *s, const Bake *b, const SourceMesh *mesh)
{
    size_t corners = (size_t)mesh->n_face * 4;
    s->vertex = malloc(corners * sizeof *s->vertex);
    s->uv = malloc(corners * sizeof *s->uv);
    s->triangle = malloc(corners * 2 * sizeof *s->triangle);
    int32_t *first = malloc((size_t)mesh->n_vertex * sizeof *first),
            *next = malloc(corners * sizeof *next);
    bool ok = s->vertex && s->uv && s->triangle && first && next;
    for (int v = 0; ok && v < mesh->n_vertex; v++)
        first[v] = -1;
    for (int f = 0; ok && f < mesh->n_face; f++) {
        if (!mesh->ref && !face_kept(b, f))
            continue;
        int32_t id[4];
        for (int k = 0; k < 4; k++) {
            int v = mesh->corner[4 * f + k], uv = mesh->corner_uv[4 * f + k];
            for (id[k] = first[v]; id[k] >= 0 && s->uv[id[k]] != uv;)
                id[k] = next[id[k]];
            if (id[k] < 0) {
                id[k] = s->n_vertex++;
                s->vertex[id[k]] = v;
                s->uv[id[k]] = uv;
                next[id[k]] = first[v];
                first[v] = id[k];
            }
        }
        for (int t = 0; t < 2; t++) {
            int32_t p = id[0], q = id[1 + t], r = id[2 + t];
            int vp = s->vertex[p], vq = s->vertex[q], vr = s->vertex[r];
            if (vp == vq || vq == vr || vr == vp)
                continue;
            int32_t *out = s->triangle + 3 * (size_t)s->n_triangle++;
            out[0] = p;
            out[1] = q;
            out[2] = r;
        }
    }
    free(first);
    free(next);
    return ok;
}

static bool add_mesh(Bake *b, const char *name, const char *texture, const SourceMesh *mesh,
                     Error *err)
{
    Split s = {0};
    float *uv = NULL;
    int32_t *ref = NULL;
    bool ok = split_mesh(&s, b, mesh) && (uv = malloc(((size_t)s.n_vertex + 1) * 2 * sizeof *uv)) &&
              (ref = malloc(((size_t)mesh->n_vertex + 1) * 3 * sizeof *ref));
    if (!ok) {
        out_of_memory(err);
    } else {
        for (int i = 0; i < s.n_vertex; i++) {
            uv[2 * i] = mesh->uv[2 * s.uv[i]];
            uv[2 * i + 1] = mesh->uv[2 * s.uv[i] + 1];
            if (!mesh->ref)
                s.vertex[i] = b->slot[s.vertex[i]];
        }
        char key[5][NAME_SIZE];
        static const char *const part[] = {"vertex", "uv", "triangle", "ref", "weight"};
        for (int k = 0; k < 5; k++)
            snprintf(key[k], NAME_SIZE, "mesh/%s/%s", name, part[k]);
        ok = add(b, DTYPE_I32, shape1(s.n_vertex), s.vertex, err, key[0]) &&
             add(b, DTYPE_F32, shape2(s.n_vertex, 2), uv, err, key[1]) &&
             add(b, DTYPE_I32, shape2(s.n_triangle, 3), s.triangle, err, key[2]);
        if (ok && mesh->ref) {
            for (int i = 0; i < mesh->n_vertex * 3; i++)
                ref[i] = b->slot[mesh->ref[i]];
            ok = add(b, DTYPE_I32, shape2(mesh->n_vertex, 3), ref, err, key[3]) &&
                 add(b, DTYPE_F32, shape2(mesh->n_vertex, 3), mesh->weight, err, key[4]);
            snprintf(key[3], NAME_SIZE, "mesh/%s/offset", name);
            snprintf(key[4], NAME_SIZE, "mesh/%s/texture", name);
            ok = ok && add(b, DTYPE_F32, shape2(mesh->n_vertex, 3), mesh->offset, err, key[3]) &&
                 add(b, DTYPE_U8, shape1((int64_t)strlen(texture)), texture, err, key[4]);
        }
    }
    split_free(&s);
    free(uv);
    free(ref);
    return ok;
}

/* Lets colours grow into transparent texels, so that filtering at a strand's edge meets no foreign
 * colour. */
static bool bleed(uint8_t *pixel, int width, int height)
{
    enum { PASSES = 12, OPAQUE = 24 };
    size_t n = (size_t)width * (size_t)height;
    uint8_t *done = malloc(n), *now = malloc(n);
    if (!done || !now) {
        free(done);
        free(now);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        done[i] = pixel[4 * i + 3] >= OPAQUE;
    for (int pass = 0; pass < PASSES; pass++) {
        memcpy(now, done, n);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                size_t i = (size_t)y * (size_t)width + (size_t)x;
                if (done[i])
                    continue;
                int sum[3] = {0}, count = 0;
                for (int dy = -1; dy <= 1; dy++)
                    for (int dx = -1; dx <= 1; dx++) {
                        int u = x + dx, v = y + dy;
                        if (u < 0 || v < 0 || u >= width || v >= height)
                            continue;
                        size_t j = (size_t)v * (size_t)width + (size_t)u;
                        if (!done[j])
                            continue;
                        count++;
                        for (int c = 0; c < 3; c++)
                            sum[c] += pixel[4 * j + (size_t)c];
                    }
                for (int c = 0; c < 3 && count; c++)
                    pixel[4 * i + (size_t)c] = (uint8_t)(sum[c] / count);
                now[i] = count > 0;
            }
        uint8_t *swap = done;
        done = now;
        now = swap;
    }
    free(done);
    free(now);
    return true;
}

/* Brows are shipped as a thin veil: lay it on three times, a' = 1 - (1 - a)^3. */
static void thicken(uint8_t *pixel, int width, int height)
{
    for (size_t i = 0; i < (size_t)width * (size_t)height; i++) {
        float clear = 1 - (float)pixel[4 * i + 3] / 255;
        pixel[4 * i + 3] = (uint8_t)(255 * (1 - clear * clear * clear) + 0.5f);
    }
}

/* Draws colours towards their mean. */
static void soften(uint8_t *pixel, int width, int height, float strength)
{
    size_t n = (size_t)width * (size_t)height;
    double sum[3] = {0}, cover = 1e-9;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *q = pixel + 4 * i;
        for (int c = 0; c < 3; c++)
            sum[c] += (double)q[c] * q[3];
        cover += q[3];
    }
    for (size_t i = 0; i < 4 * n; i++) {
        float mean = i % 4 < 3 ? (float)(sum[i % 4] / cover) : pixel[i];
        pixel[i] = (uint8_t)((float)pixel[i] + strength * (mean - (float)pixel[i]) + 0.5f);
    }
}

/* The moustache has a bare line in its middle: the hair beside it is reflected over it. */
static void close_middle(uint8_t *pixel, int width, int height)
{
    const int middle = width * 501 / 1000, half = width / 25;
    for (int y = 0; y < height; y++)
        for (int d = -half; d <= half; d++) {
            uint8_t *to = pixel + 4 * ((size_t)y * (size_t)width + (size_t)(middle + d));
            int from = middle + (d < 0 ? -2 * half - d : 2 * half - d);
            const uint8_t *hair = pixel + 4 * ((size_t)y * (size_t)width + (size_t)from);
            if (hair[3] > to[3])
                memcpy(to, hair, 4);
        }
}

/* Mean linear colour of a skin over the face, texel by vertex: what the skin tone is set against.
 */
static void face_colour(const Bake *b, const uint8_t *pixel, int width, int height, int channels,
                        float mean[3])
{
    double sum[3] = {0};
    int n = 0;
    for (int f = 0; f < b->base.n_face; f++) {
        if (!face_kept(b, f))
            continue;
        for (int k = 0; k < 4; k++) {
            int v = b->base.corner[4 * f + k];
            const float *p = b->base.position + 3 * v,
                        *uv = b->base.uv + 2 * b->base.corner_uv[4 * f + k];
            /* Cheeks and forehead; not the mouth, the eyes, or what lies inside. */
            if (b->rig.bag[v] || p[2] < 0.9f || p[1] < 6.3f || p[1] > 8 ||
                (p[1] > 7.15f && p[1] < 7.5f) || (p[1] < 6.75f && fabsf(p[0]) < 0.3f))
                continue;
            int x = (int)(uv[0] * (float)width), y = (int)((1 - uv[1]) * (float)height);
            x = x < 0 ? 0 : x >= width ? width - 1 : x;
            y = y < 0 ? 0 : y >= height ? height - 1 : y;
            for (int c = 0; c < 3; c++)
                sum[c] += linear_of_byte(pixel[(y * width + x) * channels + c]);
            n++;
        }
    }
    for (int c = 0; c < 3; c++)
        mean[c] = (float)(sum[c] / (n ? n : 1));
}

static bool add_texture(Bake *b, const BakeFile *from, Error *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/public/data/%s", b->package, from->path);
    uint8_t *pixel;
    int width, height, channels;
    if (!source_image_read(&pixel, &width, &height, &channels, path, err))
        return false;
    float face[3];
    bool skin = strncmp(from->name, "skin-", 5) == 0;
    if (skin)
        face_colour(b, pixel, width, height, channels, face);
    if (channels == 4 && strncmp(from->name, "brow-", 5) == 0)
        thicken(pixel, width, height);
    if (channels == 4 && strcmp(from->name, "beard-moustache") == 0)
        close_middle(pixel, width, height);
    if (channels == 4)
        soften(pixel, width, height, from->soften);
    size_t row = (size_t)width * (size_t)channels, bytes = row * (size_t)height;
    uLongf packed_size = compressBound(bytes);
    uint8_t *packed = malloc(packed_size);
    bool ok = packed && (channels == 3 || bleed(pixel, width, height));
    if (ok) {
        for (size_t y = 0; y < (size_t)height; y++)
            for (size_t i = row; i-- > (size_t)channels;)
                pixel[y * row + i] =
                    (uint8_t)(pixel[y * row + i] - pixel[y * row + i - (size_t)channels]);
        ok = compress2(packed, &packed_size, pixel, bytes, 9) == Z_OK;
    }
    int32_t size[3] = {width, height, channels};
    char key[3][NAME_SIZE];
    static const char *const part[] = {"size", "data", "face"};
    for (int k = 0; k < 3; k++)
        snprintf(key[k], NAME_SIZE, "texture/%s/%s", from->name, part[k]);
    ok = ok ? add(b, DTYPE_I32, shape1(3), size, err, key[0]) &&
                  add(b, DTYPE_U8, shape1((int64_t)packed_size), packed, err, key[1]) &&
                  (!skin || add(b, DTYPE_F32, shape1(3), face, err, key[2]))
            : out_of_memory(err);
    free(pixel);
    free(packed);
    return ok;
}

static bool read_proxy(Bake *b, const char *file, const char *texture, Error *err)
{
    char path[PATH_SIZE];
    Proxy *proxy = &b->proxy[b->n_proxy++];
    proxy->texture = texture;
    snprintf(path, sizeof path, "%s/public/data/%s", b->package, file);
    return source_mesh_read(&proxy->mesh, path, true, err);
}

static const char *texture_path(const char *name)
{
    int t = 0;
    while (strcmp(bake_textures[t].name, name) != 0)
        t++;
    return bake_textures[t].path;
}

/* One shape of brows in all its weights. */
static bool read_brow(Bake *b, const BakeBrow *brow, Error *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/public/data/%s", b->package, texture_path(brow->texture));
    uint8_t *pixel;
    int width, height, channels;
    if (!source_image_read(&pixel, &width, &height, &channels, path, err))
        return false;
    bool ok = channels == 4 || error_set(err, "%s: a brow needs an alpha channel", path);
    for (int w = 0; ok && w < bake_n_brow_weights; w++) {
        Proxy *proxy = &b->proxy[b->n_proxy];
        snprintf(proxy->name, sizeof proxy->name, "brow-%s-%s", brow->name,
                 bake_brow_weights[w].name);
        BrowShape shape = brow->shape;
        shape.thickness *= bake_brow_weights[w].thickness;
        ok = read_proxy(b, brow->path, brow->texture, err) &&
             bake_brow(&proxy->mesh, &b->base, shape, pixel, width, height, err);
    }
    free(pixel);
    return ok;
}

static bool read_proxies(Bake *b, Error *err)
{
    b->proxy =
        calloc((size_t)(bake_n_meshes + bake_n_brows * bake_n_brow_weights), sizeof *b->proxy);
    if (!b->proxy)
        return out_of_memory(err);
    for (int m = 0; m < bake_n_meshes; m++) {
        Proxy *proxy = &b->proxy[b->n_proxy];
        snprintf(proxy->name, sizeof proxy->name, "%s", bake_meshes[m].name);
        if (!read_proxy(b, bake_meshes[m].path, bake_meshes[m].texture, err) ||
            !bake_style(&proxy->mesh, &b->base, bake_meshes[m].edit, err))
            return false;
    }
    for (int i = 0; i < bake_n_brows; i++)
        if (!read_brow(b, &bake_brows[i], err))
            return false;
    return true;
}

static bool read_sources(Bake *b, Error *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/public/data/models/human_full_size.json", b->package);
    if (!source_mesh_read(&b->base, path, false, err) ||
        !source_targets_read(&b->targets, b->package, err))
        return false;
    return read_proxies(b, err);
}

static bool bake(Bake *b, const char *pack_path, Error *err)
{
    b->file = tensor_file_new();
    if (!b->file)
        return out_of_memory(err);
    bool ok = read_sources(b, err) && choose_vertices(b, err) &&
              bake_rig(&b->rig, &b->base, b->visible, err) &&
              tensor_file_set_meta(b->file, "format", PACK_FORMAT, err) &&
              tensor_file_set_meta(b->file, "version", PACK_VERSION, err) && add_base(b, err) &&
              add_targets(b, err) && add_bones(b, err) && add_follow(b, err) &&
              add_mesh(b, "skin", NULL, &b->base, err);
    for (int p = 0; ok && p < b->n_proxy; p++)
        ok = add_mesh(b, b->proxy[p].name, b->proxy[p].texture, &b->proxy[p].mesh, err);
    for (int t = 0; ok && t < bake_n_textures; t++)
        ok = add_texture(b, &bake_textures[t], err);
    return ok && safetensors_write(pack_path, b->file, err);
}

bool bake_assets(const char *package, const char *pack_path, Error *err)
{
    Bake b = {.package = package};
    bool ok = bake(&b, pack_path, err);
    for (int p = 0; p < b.n_proxy; p++)
        source_mesh_free(&b.proxy[p].mesh);
    free(b.proxy);
    source_mesh_free(&b.base);
    source_targets_free(&b.targets);
    baked_rig_free(&b.rig);
    free(b.visible);
    free(b.slot);
    free(b.kept);
    tensor_file_free(b.file);
    return ok;
}
