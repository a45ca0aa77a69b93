/* What the commands of evaluate write alike. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "apps/app.h"
#include "apps/checkpoint.h"
#include "apps/evaluate.h"
#include "apps/finder_report.h"
#include "apps/progress.h"

static void add_name(json_t *weights, const char *net, const char *model, uint64_t hash)
{
    char name[80], text[20];

    snprintf(name, sizeof name, "%s%s%s", net, *model ? " " : "", model);
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    json_object_set_new(weights, name, json_string(text));
}

static void add_hash(json_t *weights, const char *net, const char *model, const ParamSet *set)
{
    if (set)
        add_name(weights, net, model, weights_hash(set));
}

/* FNV-1a, by words as weights_hash. */
static uint64_t hash_on(uint64_t hash, const float *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, &value[i], sizeof word);
        hash = (hash ^ word) * 0x100000001b3u;
    }
    return hash;
}

/* Of all by which a search with it is another one. */
static uint64_t prior_hash(const Prior *p)
{
    uint64_t hash = hash_on(0xcbf29ce484222325u, p->mean, (size_t)p->n_continuous);

    for (int g = 0; g < p->n_groups; g++) {
        const PriorGroup *group = &p->group[g];
        hash = hash_on(hash, group->basis, (size_t)group->kept * (size_t)group->n);
        hash = hash_on(hash, group->variance, (size_t)group->kept);
    }
    for (int c = 0; c < p->n_choices; c++)
        hash = hash_on(hash, p->choice[c].frequency, (size_t)p->choice[c].count);
    return hash;
}

json_t *studio_json(const Studio *s)
{
    json_t *schemas = json_object(), *weights = json_object();
    char text[DESCRIPTOR_TEXT], digest[17];

    for (int m = 0; m < s->models; m++) {
        schema_digest(s->schema[m], digest);
        json_object_set_new(schemas, s->schema[m]->name, json_string(digest));
        add_hash(weights, "imitator", s->schema[m]->name, s->imitator[m].set);
        add_hash(weights, "translator", s->schema[m]->name, s->translator[m].set);
        if (s->prior[m])
            add_name(weights, "prior", s->schema[m]->name, prior_hash(s->prior[m]));
    }
    add_hash(weights, "segmenter", "", s->segmenter.set);
    add_hash(weights, "descriptor", "", descriptor_set(&s->descriptor));
    descriptor_text(&s->descriptor, text);
    return json_pack("{ss ss so ss si so}", "device", s->backend->name, "precision", s->precision,
                     "schemas", schemas, "descriptor", text, "picture size", s->size, "weights",
                     weights);
}

json_t *result_new(const char *what, json_t *config, const Studio *studio)
{
    char *command = evaluate_command();
    json_t *result = json_pack("{ss ss ss so so}", "evaluation", what, "program", PACKAGE_STRING,
                               "command", command, "config", config, "studio",
                               studio ? studio_json(studio) : json_object());

    free(command);
    if (!result)
        die("out of memory");
    return result;
}

static const char *text_of(const json_t *result, const char *key)
{
    return json_string_value(json_object_get(result, key));
}

static char *result_path(const char *out, const json_t *result, const char *extension)
{
    char name[64];
    snprintf(name, sizeof name, "%.50s.%s", text_of(result, "evaluation"), extension);
    return path_join(out, name);
}

void result_save(const char *out, const json_t *result)
{
    char *path = result_path(out, result, "json");
    Error err;

    if (!json_save(path, json_incref((json_t *)(uintptr_t)result), &err)) /* a count, no change */
        die_error(&err);
    free(path);
}

void result_page_open(Report *page, const char *out, const char *title, const json_t *result)
{
    char *path = result_path(out, result, "html");
    Error err;

    if (!report_open(page, path, title, &err))
        die_error(&err);
    report_code(page, text_of(result, "command"));
    free(path);
}

void result_page_close(Report *page, const json_t *result)
{
    Error err;

    report_heading(page, "Settings");
    report_facts(page, json_object_get(result, "config"));
    if (json_object_size(json_object_get(result, "studio")) > 0) {
        report_heading(page, "Engine and weights");
        report_facts(page, json_object_get(result, "studio"));
    }
    if (!report_close(page, &err))
        die_error(&err);
}

json_t *finder_json(const FinderConfig *c)
{
    return json_pack("{si sb sb sI si si si sf sf sf sf sf sf sf}", "starts", c->starts, "cosine",
                     c->cosine, "features", c->features, "seed", (json_int_t)c->seed, "first steps",
                     c->first_steps, "steps", c->steps, "refinements", c->refinements, "rate",
                     c->rate, "light", c->light_trust, "identity", c->weight.identity, "content",
                     c->weight.content, "colour", c->weight.colour, "geometry", c->weight.geometry,
                     "prior", c->weight.prior);
}

void page_bars(Report *page, const char *title, const json_t *values)
{
    enum { COLUMN = 32 };
    const char *group[COLUMN], *name, *series = title;
    double value[COLUMN];
    ReportBars bars = {.title = title, .n = 1, .group = group, .series = &series, .value = value};
    size_t left = json_object_size(values);
    json_t *number;

    json_object_foreach((json_t *)(uintptr_t)values, name, number)
    {
        group[bars.groups] = name;
        value[bars.groups++] = json_number_value(number);
        if (--left == 0 || bars.groups == COLUMN) {
            report_bars(page, &bars);
            bars.groups = 0;
            bars.title = "The same, of more of them";
        }
    }
}

static json_t *settings_of(Method method, double light)
{
    FinderConfig config = method_config(method);

    config.light_trust = light >= 0 ? light : config.light_trust;
    return finder_json(&config);
}

void config_add_searches(json_t *config, const MethodList *list, double light)
{
    for (int i = 0; i < list->n; i++)
        if (method_searches(list->method[i]))
            json_object_set_new(config, method_name(list->method[i]),
                                settings_of(list->method[i], light));
}

char *method_identity(const Studio *studio, Method method, double light, json_t *of)
{
    json_t *identity = settings_of(method, light), *of_studio = studio_json(studio);

    if (strcmp(studio->backend->name, "cpu") == 0)
        json_object_del(of_studio, "precision"); /* there is but one */
    json_object_update_new(identity, json_pack("{ss so so}", "method", method_name(method), "of",
                                               of, "studio", of_studio));
    char *text = json_dumps(identity, JSON_COMPACT | JSON_SORT_KEYS);

    json_decref(identity);
    if (!text)
        die("out of memory");
    return text;
}

double correlation(const double *x, const double *y, int64_t n)
{
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

    for (int64_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

void *need(size_t n, size_t size)
{
    void *memory = calloc(n, size);
    if (!memory)
        die("out of memory");
    return memory;
}

static void find_missing(Studio *studio, Method method, double light, PictureOf *picture_of,
                         void *context, Found *found)
{
    int64_t done = found->count - found_missing(found);
    real *picture = need(3 * (size_t)studio->size * (size_t)studio->size, sizeof *picture);
    Progress progress;
    Error err;

    progress_start(&progress, method_name(method), "faces", done, found->count);
    for (int64_t i = 0; i < found->count; i++) {
        if (found->done[i])
            continue;
        if (interrupted()) {
            if (!found_save(found, &err))
                die_error(&err);
            die("stopped after %" PRId64 " of %" PRId64 " faces; run again to go on", done,
                found->count);
        }
        if ((picture_of(context, i, picture) &&
             !method_run(studio, 0, method, light, picture, found->x + i * found->dim, &err)) ||
            !found_note(found, i, &err))
            die_error(&err);
        progress_update(&progress, ++done, NULL);
    }
    progress_end(&progress, done, NULL);
    if (!found_save(found, &err))
        die_error(&err);
    free(picture);
}

void find_characters(Studio *studio, Method method, double light, PictureOf *picture, void *context,
                     json_t *of, int64_t n, const char *out, const char *name, Found *found,
                     double *each)
{
    char *identity = method_identity(studio, method, light, of), path[4096];
    double begin = seconds();
    Error err;

    snprintf(path, sizeof path, "%.3900s/%.60s-%s.found", out, name, method_name(method));
    if (!found_open(found, path, identity, n, studio->schema[0]->dim, &err))
        die_error(&err);
    int64_t missing = found_missing(found);
    free(identity);
    if (missing > 0)
        find_missing(studio, method, light, picture, context, found);
    *each = missing > 0 ? (seconds() - begin) / (double)missing : 0;
}

/* ---- Pictures ---- */

double pixel_error(const real *a, const real *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += fabs((double)a[i] - (double)b[i]);
    return sum / (double)n;
}

bool aligned_picture(void *context, int64_t i, real *picture)
{
    const Aligned *a = context;

    if (!a->lost[i]) {
        Image image = aligned_image(a, i);
        image_to_planar(picture, &image);
    }
    return !a->lost[i];
}

void aligned_find(Studio *studio, Method method, double light, Aligned *a, const char *out,
                  const char *name, Found *found, double *each)
{
    size_t bytes = (size_t)a->n * 3 * (size_t)a->size * (size_t)a->size;
    json_t *of = json_pack("{sI sI}", "pictures", (json_int_t)a->n, "crc",
                           (json_int_t)crc32_z(0, a->rgb, bytes));

    find_characters(studio, method, light, aligned_picture, a, of, a->n, out, name, found, each);
}

void aligned_new(Aligned *a, int64_t n, int size)
{
    *a = (Aligned){.n = n,
                   .size = size,
                   .rgb = need((size_t)n * 3 * (size_t)size * (size_t)size, 1),
                   .lost = need((size_t)n, sizeof *a->lost)};
}

void aligned_free(Aligned *a)
{
    free(a->rgb);
    free(a->lost);
    *a = (Aligned){.n = 0};
}

Image aligned_image(const Aligned *a, int64_t i)
{
    size_t bytes = 3 * (size_t)a->size * (size_t)a->size;
    return (Image){a->size, a->size, a->rgb + (size_t)i * bytes};
}

void aligned_take(Aligned *a, int64_t i, Studio *studio, const Image *photo)
{
    Image to = aligned_image(a, i);
    Face face;
    int n = 0;
    Error err;

    if (!face_detect(studio->detector, photo, &face, 1, &n, &err))
        die_error(&err);
    a->lost[i] = n == 0;
    if (n > 0)
        image_warp(&to, photo, face_alignment(&face, studio->reference.landmark));
}

void method_list_parse(MethodList *list, const char *text, const char *option)
{
    list->n = 0;
    while (true) {
        size_t n = strcspn(text, ",");
        Method method;
        if (!method_find(text, n, &method))
            die_usage("%s: there is no '%.*s'", option, (int)n, text);
        for (int i = 0; i < list->n; i++)
            if (list->method[i] == method)
                die_usage("%s: '%.*s' is there twice", option, (int)n, text);
        list->method[list->n++] = method;
        if (text[n] == '\0')
            return;
        text += n + 1;
    }
}

bool method_list_any(const MethodList *list, bool (*is)(Method))
{
    for (int i = 0; i < list->n; i++)
        if (is(list->method[i]))
            return true;
    return false;
}
