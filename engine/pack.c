#include "engine/pack.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { NAME_SIZE = 160, MAX_TEXTURE_SIDE = 4096 };

/* What is being opened: the first complaint stays in err. */
typedef struct Reader {
    const char *path;
    Pack *pack;
    Error *err;
    bool ok;
} Reader;

static void refuse(Reader *r, const char *what)
{
    if (r->ok)
        error_set(r->err, "%s: %s; bake it again with bake_assets", r->path, what);
    r->ok = false;
}

static void out_of_memory(Reader *r)
{
    if (r->ok)
        error_set(r->err, "%s: out of memory", r->path);
    r->ok = false;
}

/* The data of tensor `format`, which must have this type and columns (0: any count in one row);
 * *rows is its first dimension. NULL after a complaint. */
static const void *array(Reader *r, DType type, int64_t columns, int *rows, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static const void *array(Reader *r, DType type, int64_t columns, int *rows, const char *format, ...)
{
    char name[NAME_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    *rows = 0;
    if (!r->ok)
        return NULL;
    Tensor t = tensor_file_find(r->pack->file, name);
    bool shaped = t.data && t.type == type && t.shape.ndim == (columns ? 2 : 1) &&
                  (!columns || t.shape.dim[1] == columns) && t.shape.dim[0] < 1 << 28;
    if (!shaped) {
        char what[NAME_SIZE + 40];
        snprintf(what, sizeof what, "its part %s is missing or damaged", name);
        refuse(r, what);
        return NULL;
    }
    *rows = (int)t.shape.dim[0];
    return t.data;
}

static void check_range(Reader *r, const int32_t *index, int64_t n, int lo, int hi)
{
    for (int64_t i = 0; r->ok && i < n; i++)
        if (index[i] < lo || index[i] >= hi)
            refuse(r, "an index points outside");
}

/* begin[0] = 0, never falling, begin[n] = total. */
static void check_begin(Reader *r, const int32_t *begin, int n, int total)
{
    if (r->ok && (begin[0] != 0 || begin[n] != total))
        refuse(r, "a table of beginnings is damaged");
    for (int i = 0; r->ok && i < n; i++)
        if (begin[i] > begin[i + 1])
            refuse(r, "a table of beginnings is damaged");
}

static void check_same(Reader *r, int a, int b)
{
    if (r->ok && a != b)
        refuse(r, "tables that belong together differ in length");
}

static char *copy_text(Reader *r, const char *text, size_t length)
{
    char *copy = calloc(1, length + 1);
    if (copy)
        memcpy(copy, text, length);
    else
        out_of_memory(r);
    return copy;
}

/* Splits metadata `key` at line ends into exactly n names. */
static void names(Reader *r, const char *key, int n, char **name)
{
    const char *text = r->ok ? tensor_file_meta(r->pack->file, key) : NULL;
    for (int i = 0; r->ok && i < n; i++) {
        size_t length = text ? strcspn(text, "\n") : 0;
        if (length == 0) {
            refuse(r, "its list of names is damaged");
            return;
        }
        name[i] = copy_text(r, text, length);
        text += length + (text[length] == '\n');
    }
}

static void read_base(Reader *r)
{
    Pack *p = r->pack;
    int n_source, n_bag;
    p->position = array(r, DTYPE_F32, 3, &p->n_vertex, "base/position");
    p->source = array(r, DTYPE_I32, 0, &n_source, "base/source");
    p->bag = array(r, DTYPE_U8, 0, &n_bag, "base/bag");
    check_same(r, p->n_vertex, n_source);
    check_same(r, p->n_vertex, n_bag);
    for (int i = 0; r->ok && i + 1 < p->n_vertex; i++)
        if (p->source[i] >= p->source[i + 1])
            refuse(r, "its vertices are out of order");
}

static void read_targets(Reader *r)
{
    Pack *p = r->pack;
    int n_begin, n_vertex, n_delta;
    const int32_t *begin = array(r, DTYPE_I32, 0, &n_begin, "target/begin");
    const int32_t *vertex = array(r, DTYPE_I32, 0, &n_vertex, "target/vertex");
    const uint8_t *delta = array(r, DTYPE_U8, 0, &n_delta, "target/delta");
    if (r->ok && n_begin < 1)
        refuse(r, "it has no targets");
    if (!r->ok)
        return;
    check_same(r, n_delta, 6 * n_vertex);
    check_begin(r, begin, n_begin - 1, n_vertex);
    check_range(r, vertex, n_vertex, 0, p->n_vertex);
    if (!r->ok)
        return;
    p->n_target = n_begin - 1;
    p->target = calloc((size_t)p->n_target + 1, sizeof *p->target);
    char **name = calloc((size_t)p->n_target + 1, sizeof *name);
    /* Bytes of the file need not be aligned for int16. */
    int16_t *aligned = malloc((size_t)n_delta + 1);
    if (!p->target || !name || !aligned) {
        free(name);
        free(aligned);
        out_of_memory(r);
        return;
    }
    memcpy(aligned, delta, (size_t)n_delta);
    p->target_delta = aligned;
    names(r, "targets", p->n_target, name);
    for (int t = 0; t < p->n_target; t++)
        p->target[t] = (PackTarget){name[t], begin[t + 1] - begin[t], vertex + begin[t],
                                    aligned + 3 * begin[t]};
    free(name);
}

static void read_bones(Reader *r)
{
    Pack *p = r->pack;
    int n_component, n_mirrored, n_pivot, n_offset, n_begin, n_vertex, n_weight;
    const int32_t *component = array(r, DTYPE_I32, 0, &n_component, "bone/component");
    const uint8_t *mirrored = array(r, DTYPE_U8, 0, &n_mirrored, "bone/mirrored");
    const int32_t *pivot = array(r, DTYPE_I32, PACK_PIVOTS, &n_pivot, "bone/pivot");
    const float *offset = array(r, DTYPE_F32, 3, &n_offset, "bone/offset");
    const int32_t *begin = array(r, DTYPE_I32, 0, &n_begin, "bone/begin");
    const int32_t *vertex = array(r, DTYPE_I32, 0, &n_vertex, "bone/vertex");
    const float *weight = array(r, DTYPE_F32, 0, &n_weight, "bone/weight");
    check_same(r, n_component, n_mirrored);
    check_same(r, n_component, n_pivot);
    check_same(r, n_component, n_offset);
    check_same(r, n_component + 1, n_begin);
    check_same(r, n_vertex, n_weight);
    if (!r->ok)
        return;
    p->n_bone = n_component;
    p->n_component = 0;
    for (int b = 0; b < p->n_bone; b++)
        p->n_component = component[b] >= p->n_component ? component[b] + 1 : p->n_component;
    check_range(r, component, n_component, 0, 256);
    check_range(r, pivot, (int64_t)n_pivot * PACK_PIVOTS, -1, p->n_vertex);
    check_begin(r, begin, p->n_bone, n_vertex);
    check_range(r, vertex, n_vertex, 0, p->n_vertex);
    if (!r->ok)
        return;
    p->bone = calloc((size_t)p->n_bone + 1, sizeof *p->bone);
    p->component = calloc((size_t)p->n_component + 1, sizeof *p->component);
    if (!p->bone || !p->component) {
        out_of_memory(r);
        return;
    }
    names(r, "components", p->n_component, p->component);
    for (int b = 0; b < p->n_bone; b++) {
        p->bone[b] = (PackBone){component[b],     mirrored[b] != 0,        pivot + PACK_PIVOTS * b,
                                offset + 3 * b,   begin[b + 1] - begin[b], vertex + begin[b],
                                weight + begin[b]};
        if (p->bone[b].pivot[0] < 0)
            refuse(r, "a bone has no pivot");
    }
}

static void read_follow(Reader *r)
{
    Pack *p = r->pack;
    int n_to, n_weight;
    p->follow_vertex = array(r, DTYPE_I32, 0, &p->n_follow, "follow/vertex");
    p->follow_to = array(r, DTYPE_I32, PACK_FOLLOWED, &n_to, "follow/to");
    p->follow_weight = array(r, DTYPE_F32, PACK_FOLLOWED, &n_weight, "follow/weight");
    check_same(r, p->n_follow, n_to);
    check_same(r, p->n_follow, n_weight);
    check_range(r, p->follow_vertex, p->n_follow, 0, p->n_vertex);
    check_range(r, p->follow_to, (int64_t)n_to * PACK_FOLLOWED, -1, p->n_vertex);
}

/* NAME of "KIND/NAME/PART", or NULL for other tensors. */
static char *part_owner(Reader *r, const char *name, const char *kind, const char *part)
{
    size_t k = strlen(kind), n = strlen(name), m = strlen(part);
    if (n <= k + m || strncmp(name, kind, k) != 0 || strcmp(name + n - m, part) != 0)
        return NULL;
    return copy_text(r, name + k, n - k - m);
}

static int count_parts(const TensorFile *file, const char *kind, const char *part)
{
    int n = 0;
    for (int i = 0; i < tensor_file_count(file); i++) {
        const char *name = tensor_file_name(file, i);
        size_t length = strlen(name), m = strlen(part);
        n += strncmp(name, kind, strlen(kind)) == 0 && length > m &&
             strcmp(name + length - m, part) == 0;
    }
    return n;
}

static const PackTexture *mesh_texture(Reader *r, const char *mesh)
{
    int length;
    const uint8_t *text = array(r, DTYPE_U8, 0, &length, "mesh/%s/texture", mesh);
    char name[NAME_SIZE] = "";
    if (text && length < NAME_SIZE)
        memcpy(name, text, (size_t)length);
    const PackTexture *texture = pack_texture(r->pack, name);
    if (r->ok && !texture)
        refuse(r, "a mesh has no texture");
    return texture;
}

static void read_mesh(Reader *r, PackMesh *mesh)
{
    const Pack *p = r->pack;
    const char *name = mesh->name;
    int n_uv, n_weight, n_offset;
    mesh->vertex = array(r, DTYPE_I32, 0, &mesh->n_vertex, "mesh/%s/vertex", name);
    mesh->uv = array(r, DTYPE_F32, 2, &n_uv, "mesh/%s/uv", name);
    mesh->triangle = array(r, DTYPE_I32, 3, &mesh->n_triangle, "mesh/%s/triangle", name);
    check_same(r, mesh->n_vertex, n_uv);
    check_range(r, mesh->triangle, (int64_t)mesh->n_triangle * 3, 0, mesh->n_vertex);
    bool skin = strcmp(name, "skin") == 0;
    if (!skin) {
        mesh->ref = array(r, DTYPE_I32, 3, &mesh->n_bound, "mesh/%s/ref", name);
        mesh->weight = array(r, DTYPE_F32, 3, &n_weight, "mesh/%s/weight", name);
        mesh->offset = array(r, DTYPE_F32, 3, &n_offset, "mesh/%s/offset", name);
        check_same(r, mesh->n_bound, n_weight);
        check_same(r, mesh->n_bound, n_offset);
        check_range(r, mesh->ref, (int64_t)mesh->n_bound * 3, 0, p->n_vertex);
        mesh->texture = mesh_texture(r, name);
    }
    int n_source = skin ? p->n_vertex : mesh->n_bound;
    check_range(r, mesh->vertex, mesh->n_vertex, 0, n_source);
    if (!r->ok)
        return;
    int32_t *first = malloc(((size_t)n_source + 1) * sizeof *first);
    mesh->weld = malloc(((size_t)mesh->n_vertex + 1) * sizeof *mesh->weld);
    if (!first || !mesh->weld) {
        free(first);
        out_of_memory(r);
        return;
    }
    for (int i = mesh->n_vertex - 1; i >= 0; i--)
        first[mesh->vertex[i]] = i;
    for (int i = 0; i < mesh->n_vertex; i++)
        mesh->weld[i] = first[mesh->vertex[i]];
    free(first);
}

static void read_meshes(Reader *r)
{
    Pack *p = r->pack;
    static const char kind[] = "mesh/", part[] = "/triangle";
    int n = r->ok ? count_parts(p->file, kind, part) : 0;
    p->mesh = calloc((size_t)n + 1, sizeof *p->mesh);
    if (!p->mesh)
        out_of_memory(r);
    for (int i = 0; r->ok && i < tensor_file_count(p->file) && p->n_mesh < n; i++) {
        char *name = part_owner(r, tensor_file_name(p->file, i), kind, part);
        if (!name)
            continue;
        PackMesh *mesh = &p->mesh[p->n_mesh++];
        mesh->name = name;
        read_mesh(r, mesh);
    }
}

static void read_texture(Reader *r, PackTexture *t)
{
    int n_size, n_packed;
    const int32_t *size = array(r, DTYPE_I32, 0, &n_size, "texture/%s/size", t->name);
    const uint8_t *packed = array(r, DTYPE_U8, 0, &n_packed, "texture/%s/data", t->name);
    check_same(r, n_size, 3);
    for (int k = 0; r->ok && k < 2; k++)
        if (size[k] < 1 || size[k] > MAX_TEXTURE_SIDE || (size[k] & (size[k] - 1)))
            refuse(r, "a texture has an odd size");
    if (r->ok && size[2] != 3 && size[2] != 4)
        refuse(r, "a texture has an odd number of channels");
    if (!r->ok)
        return;
    size_t channels = (size_t)size[2], row = (size_t)size[0] * channels, height = (size_t)size[1];
    uint8_t *pixel = malloc(texture_bytes(size[0], size[1], size[2]));
    if (!pixel) {
        out_of_memory(r);
        return;
    }
    uLongf bytes = row * height;
    if (uncompress(pixel, &bytes, packed, (uLong)n_packed) != Z_OK || bytes != row * height) {
        free(pixel);
        refuse(r, "a texture is damaged");
        return;
    }
    for (size_t y = 0; y < height; y++)
        for (size_t i = channels; i < row; i++)
            pixel[y * row + i] = (uint8_t)(pixel[y * row + i] + pixel[y * row + i - channels]);
    texture_prepare(&t->texture, size[0], size[1], size[2], pixel);
    if (strncmp(t->name, "skin-", 5) == 0) {
        int n_face;
        const float *face = array(r, DTYPE_F32, 0, &n_face, "texture/%s/face", t->name);
        check_same(r, n_face, 3);
        if (r->ok)
            memcpy(t->face, face, sizeof t->face);
    }
}

static void read_textures(Reader *r)
{
    Pack *p = r->pack;
    static const char kind[] = "texture/", part[] = "/size";
    int n = r->ok ? count_parts(p->file, kind, part) : 0;
    p->texture = calloc((size_t)n + 1, sizeof *p->texture);
    if (!p->texture)
        out_of_memory(r);
    for (int i = 0; r->ok && i < tensor_file_count(p->file) && p->n_texture < n; i++) {
        char *name = part_owner(r, tensor_file_name(p->file, i), kind, part);
        if (!name)
            continue;
        PackTexture *t = &p->texture[p->n_texture++];
        t->name = name;
        read_texture(r, t);
    }
}

bool pack_open(Pack **pack, const char *path, Error *err)
{
    Pack *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(err, "%s: out of memory", path);
    if (!safetensors_read(path, &p->file, err)) {
        free(p);
        return false;
    }
    Reader r = {path, p, err, true};
    const char *format = tensor_file_meta(p->file, "format"),
               *version = tensor_file_meta(p->file, "version");
    if (!format || strcmp(format, PACK_FORMAT) != 0)
        refuse(&r, "is not an asset pack of this engine");
    else if (!version || strcmp(version, PACK_VERSION) != 0)
        refuse(&r, "is an asset pack of another version");
    read_base(&r);
    read_targets(&r);
    read_bones(&r);
    read_follow(&r);
    read_textures(&r);
    read_meshes(&r);
    if (!r.ok) {
        pack_close(p);
        return false;
    }
    *pack = p;
    return true;
}

void pack_close(Pack *pack)
{
    if (!pack)
        return;
    for (int i = 0; pack->target && i < pack->n_target; i++)
        free(pack->target[i].name);
    for (int i = 0; pack->component && i < pack->n_component; i++)
        free(pack->component[i]);
    for (int i = 0; i < pack->n_mesh; i++) {
        free(pack->mesh[i].name);
        free(pack->mesh[i].weld);
    }
    for (int i = 0; i < pack->n_texture; i++) {
        free(pack->texture[i].name);
        free((void *)pack->texture[i].texture.pixel);
    }
    free(pack->target);
    free(pack->target_delta);
    free(pack->component);
    free(pack->bone);
    free(pack->mesh);
    free(pack->texture);
    tensor_file_free(pack->file);
    free(pack);
}

const PackMesh *pack_mesh(const Pack *pack, const char *name)
{
    for (int i = 0; i < pack->n_mesh; i++)
        if (strcmp(pack->mesh[i].name, name) == 0)
            return &pack->mesh[i];
    return NULL;
}

const PackTexture *pack_texture(const Pack *pack, const char *name)
{
    for (int i = 0; i < pack->n_texture; i++)
        if (strcmp(pack->texture[i].name, name) == 0)
            return &pack->texture[i];
    return NULL;
}

int pack_target(const Pack *pack, const char *name)
{
    for (int i = 0; i < pack->n_target; i++)
        if (strcmp(pack->target[i].name, name) == 0)
            return i;
    return -1;
}

int pack_component(const Pack *pack, const char *name)
{
    for (int i = 0; i < pack->n_component; i++)
        if (strcmp(pack->component[i], name) == 0)
            return i;
    return -1;
}

int pack_vertex(const Pack *pack, int source)
{
    int lo = 0, hi = pack->n_vertex;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (pack->source[mid] < source)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < pack->n_vertex && pack->source[lo] == source ? lo : -1;
}
