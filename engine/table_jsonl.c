#include "engine/table_internal.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static bool put(TableWriter *w, float *x, const char *key, const json_t *value, Error *err)
{
    int f = table_field(w->schema, key);
    if (f == FIELD_UNKNOWN)
        return error_set(err, "\"%.60s\" is no control or group of the schema %s", key,
                         w->schema->name);
    if (f >= 0 && f < w->schema->n_continuous)
        return json_is_number(value)
                   ? table_put_number(w->schema, x, f, json_number_value(value), err)
                   : error_set(err, "\"%s\" is not a number", key);
    if (!json_is_string(value))
        return error_set(err, "\"%s\" is not a text", key);
    return f == FIELD_IMAGE ? table_put_image(w, json_string_value(value), err)
                            : table_put_option(w->schema, x, f, json_string_value(value), err);
}

static bool read_object(TableWriter *w, json_t *object, Error *err)
{
    float *x = table_row(w, err);
    if (!x)
        return false;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (!put(w, x, key, value, err))
            return false;
    }
    for (int f = 0; f < table_fields(w->schema); f++)
        if (!json_object_get(object, table_field_name(w->schema, f)))
            return error_set(err, "\"%s\" of the schema %s is missing",
                             table_field_name(w->schema, f), w->schema->name);
    const char *const *image = (const char *const *)w->table.image;
    if (!image[w->table.count - 1] != !image[0])
        return error_set(err, "either every line has an \"" TABLE_IMAGE "\" or none");
    return true;
}

static bool read_line(TableWriter *w, const char *line, size_t n, Error *err)
{
    json_error_t why;
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, &why);
    if (!object)
        return error_set(err, "%s", why.text);
    bool ok = json_is_object(object) ? read_object(w, object, err)
                                     : error_set(err, "is not an object {...}");
    json_decref(object);
    return ok;
}

static bool read_text(TableWriter *w, const char *text, size_t n, Error *err)
{
    long number = 1;
    for (const char *line = text, *end = text + n; line < end; number++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop ? stop : end;
        if (strspn(line, " \t\r") < (size_t)(stop - line) &&
            !read_line(w, line, (size_t)(stop - line), err))
            return error_prefix(err, "%s: line %ld", w->path, number);
        line = stop + 1;
    }
    return true;
}

bool table_read_jsonl(TableWriter *w, Error *err)
{
    size_t n;
    char *text = table_file(w->path, &n, err);
    bool ok = text && read_text(w, text, n, err);
    free(text);
    return ok;
}
