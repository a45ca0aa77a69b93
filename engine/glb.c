#include "engine/glb.h"

#include <stdlib.h>
#include <string.h>

#include "libtensor/atomic_file.h"

enum {
    ARRAY_BUFFER = 34962, /* OpenGL's names for these numbers */
    ELEMENT_ARRAY_BUFFER = 34963,
    UNSIGNED_SHORT = 5123,
    UNSIGNED_INT = 5125,
    FLOAT = 5126
};

/* Every float reads back as itself. */
enum { DIGITS = 9 };

void glb_begin(Glb *glb)
{
    *glb = (Glb){
        .root = json_pack("{s:{s:s,s:s}}", "asset", "version", "2.0", "generator", "Visagist")};
    glb->failed = !glb->root;
}

void glb_end(Glb *glb)
{
    json_decref(glb->root);
    free(glb->bytes);
    *glb = (Glb){0};
}

int glb_add(Glb *glb, const char *array, json_t *object)
{
    json_t *list = json_object_get(glb->root, array);
    if (!list && !glb->failed) {
        list = json_array();
        glb->failed |= json_object_set_new(glb->root, array, list) != 0;
    }
    glb->failed |= json_array_append_new(list, object) != 0;
    return glb->failed ? 0 : (int)json_array_size(list) - 1;
}

/* Room for n bytes, zeroed, at a multiple of 4. */
static uint8_t *append(Glb *glb, size_t n, size_t *offset)
{
    size_t at = (glb->n + 3) & ~(size_t)3;
    if (glb->failed)
        return NULL;
    if (at + n > glb->room) {
        size_t room = 2 * (at + n);
        uint8_t *more = realloc(glb->bytes, room);
        if (!more) {
            glb->failed = true;
            return NULL;
        }
        glb->bytes = more;
        glb->room = room;
    }
    memset(glb->bytes + glb->n, 0, at + n - glb->n);
    glb->n = at + n;
    *offset = at;
    return glb->bytes + at;
}

/* target 0: none. */
static int add_view(Glb *glb, const void *data, size_t n, int target)
{
    size_t offset = 0;
    uint8_t *to = append(glb, n, &offset);
    if (!to)
        return 0;
    memcpy(to, data, n);
    json_t *view = json_pack("{s:i,s:I,s:I}", "buffer", 0, "byteOffset", (json_int_t)offset,
                             "byteLength", (json_int_t)n);
    if (target)
        glb->failed |= json_object_set_new(view, "target", json_integer(target)) != 0;
    return glb_add(glb, "bufferViews", view);
}

int glb_floats(Glb *glb, const float *value, int count, int components)
{
    int view = add_view(glb, value, (size_t)count * components * sizeof *value, ARRAY_BUFFER);
    json_t *least = json_array(), *greatest = json_array();
    for (int c = 0; c < components; c++) {
        float lo = value[c], hi = value[c];
        for (int i = 1; i < count; i++) {
            float v = value[(size_t)i * components + c];
            lo = v < lo ? v : lo;
            hi = v > hi ? v : hi;
        }
        glb->failed |= json_array_append_new(least, json_real(lo)) != 0 ||
                       json_array_append_new(greatest, json_real(hi)) != 0;
    }
    return glb_add(glb, "accessors",
                   json_pack("{s:i,s:i,s:i,s:s,s:o,s:o}", "bufferView", view, "componentType",
                             FLOAT, "count", count, "type", components == 2 ? "VEC2" : "VEC3",
                             "min", least, "max", greatest));
}

int glb_indices(Glb *glb, const int32_t *index, int count, int n_vertex)
{
    bool wide = n_vertex > UINT16_MAX; /* the largest number of 16 bits is no index */
    size_t bytes = (size_t)count * (wide ? 4 : 2);
    uint8_t *packed = malloc(bytes + 1);
    if (!packed) {
        glb->failed = true;
        return 0;
    }
    for (int i = 0; i < count; i++) {
        uint32_t v = (uint32_t)index[i];
        for (int b = 0; b < (wide ? 4 : 2); b++)
            packed[(size_t)i * (wide ? 4 : 2) + b] = (uint8_t)(v >> 8 * b);
    }
    int view = add_view(glb, packed, bytes, ELEMENT_ARRAY_BUFFER);
    free(packed);
    return glb_add(glb, "accessors",
                   json_pack("{s:i,s:i,s:i,s:s}", "bufferView", view, "componentType",
                             wide ? UNSIGNED_INT : UNSIGNED_SHORT, "count", count, "type",
                             "SCALAR"));
}

int glb_image(Glb *glb, const char *name, const char *mime, const uint8_t *file, size_t n)
{
    int view = add_view(glb, file, n, 0);
    return glb_add(glb, "images",
                   json_pack("{s:s,s:s,s:i}", "name", name, "mimeType", mime, "bufferView", view));
}

static void write_u32(FILE *stream, size_t value)
{
    for (int b = 0; b < 4; b++)
        fputc((int)(value >> 8 * b & 255), stream);
}

static void write_chunk(FILE *stream, const void *data, size_t n, const char type[4], int filler)
{
    write_u32(stream, (n + 3) & ~(size_t)3);
    fwrite(type, 1, 4, stream);
    fwrite(data, 1, n, stream);
    for (; n % 4; n++)
        fputc(filler, stream);
}

bool glb_save(Glb *glb, const char *path, Error *err)
{
    glb_add(glb, "buffers", json_pack("{s:I}", "byteLength", (json_int_t)glb->n));
    char *text =
        glb->failed ? NULL : json_dumps(glb->root, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
    if (!text)
        return error_set(err, "%s: out of memory", path);
    size_t n_text = strlen(text);
    size_t total = 12 + 8 + ((n_text + 3) & ~(size_t)3) + 8 + ((glb->n + 3) & ~(size_t)3);
    AtomicFile file;
    bool ok = total <= UINT32_MAX ? atomic_file_open(&file, path, err)
                                  : error_set(err, "%s: more than 4 GiB", path);
    if (ok) {
        fwrite("glTF", 1, 4, file.stream);
        write_u32(file.stream, 2);
        write_u32(file.stream, total);
        write_chunk(file.stream, text, n_text, "JSON", ' ');
        write_chunk(file.stream, glb->bytes, glb->n, "BIN\0", 0);
        ok = atomic_file_commit(&file, err); /* reports what went wrong on the way */
    }
    free(text);
    return ok;
}
