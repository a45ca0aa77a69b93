#include "apps/finder_report.h"

#include <stdlib.h>

#include "libtensor/atomic_file.h"

static json_t *losses_json(const Losses *l)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f}", "identity", l->identity, "content", l->content,
                     "colour", l->colour, "geometry", l->geometry, "prior", l->prior);
}

json_t *finding_json(const Studio *studio, const Finding *f)
{
    json_t *start = json_object();

    for (int m = 0; m < studio->models; m++) {
        if (f->start_distance[m] >= 0) {
            json_object_set_new(start, studio->schema[m]->name, json_real(f->start_distance[m]));
        }
    }
    return json_pack(
        "{s:s, s:s, s:{s:f, s:o, s:f, s:f}, s:f, s:f, s:o}", "model",
        studio->schema[f->model]->name, "descriptor", descriptor_name(&studio->descriptor),
        "identity_distance", "start", f->start_distance[f->model], "average_faces", start, "result",
        f->result_distance, "imitator", f->imitator_distance, "saturated", f->saturated,
        "imitator_engine_difference", f->gap, "losses_on_engine", losses_json(&f->loss));
}

json_t *trace_json(const Studio *studio, const Finding *f)
{
    json_t *list = json_array();

    for (int i = 0; i < f->n_trace; i++) {
        const TracePoint *p = &f->trace[i];
        json_t *point = json_pack("{s:s, s:i, s:i, s:f}", "model", studio->schema[p->model]->name,
                                  "stage", p->stage, "step", p->step, "total", p->total);
        json_t *losses = losses_json(&p->loss);
        json_object_update(point, losses);
        json_decref(losses);
        json_array_append_new(list, point);
    }
    return list;
}

bool json_save(const char *path, json_t *json, Error *err)
{
    AtomicFile file;

    if (!json) {
        return error_set(err, "out of memory for %.400s", path);
    }
    if (!atomic_file_open(&file, path, err)) {
        json_decref(json);
        return false;
    }
    json_dumpf(json, file.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    fputc('\n', file.stream);
    json_decref(json);
    return atomic_file_commit(&file, err);
}

bool align_photo(Studio *studio, const Image *photo, const char *name, int choice, Image *aligned,
                 real **picture, char note[static PHOTO_NOTE], Error *err)
{
    float reference[2 * FACE_LANDMARKS];
    Image small;

    for (int i = 0; i < 2 * FACE_LANDMARKS; i++) {
        reference[i] = studio->reference.landmark[i] * PORTRAIT_SIZE / (float)studio->size;
    }
    if (!image_new(&small, studio->size, studio->size, err)) {
        return false;
    }
    real *planar = malloc(3 * (size_t)studio->size * (size_t)studio->size * sizeof *planar);
    if (!planar) {
        image_free(&small);
        return error_set(err, "out of memory for the aligned photo");
    }
    if (!photo_align(studio->detector, photo, name, choice, reference, PORTRAIT_SIZE, aligned, NULL,
                     note, err)) {
        free(planar);
        image_free(&small);
        return false;
    }
    image_resize(&small, aligned);
    image_to_planar(planar, &small);
    image_free(&small);
    *picture = planar;
    return true;
}

bool draw_portrait(const Studio *studio, int model, const float *x, Image *portrait, Error *err)
{
    RenderOptions options = render_options_default();

    options.size = PORTRAIT_SIZE;
    if (!image_new(portrait, PORTRAIT_SIZE, PORTRAIT_SIZE, err)) {
        return false;
    }
    if (!engine_render(studio->engine[model], x, &options, portrait->pixel, NULL, err)) {
        image_free(portrait);
        return false;
    }
    return true;
}
