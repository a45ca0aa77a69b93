#include "config.h"

#include "apps/prior_file.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/checkpoint.h"

_Static_assert(sizeof((Control *)0)->prior <= PRIOR_NAME, "a schema's groups have names here");

bool prior_for_schema(Prior **prior, const Schema *schema, Error *err)
{
    const char **group = malloc((size_t)(schema->n_continuous + 1) * sizeof *group);
    int count[PRIOR_MAX_CHOICES];

    if (!group) {
        return error_set(err, "out of memory for a prior");
    }
    for (int i = 0; i < schema->n_continuous; i++) {
        group[i] = schema->control[i].prior;
    }
    for (int g = 0; g < schema->n_groups && g < PRIOR_MAX_CHOICES; g++) {
        count[g] = schema->group[g].count;
    }
    bool ok = prior_new(prior, schema->n_continuous, group, schema->n_groups, count, err);
    free(group);
    return ok;
}

/* One tensor of a prior's file, and where its values are in memory. */
typedef struct Part {
    char name[48];
    Shape shape;
    float *value;
} Part;

enum { MAX_PARTS = 1 + 2 * PRIOR_MAX_GROUPS + PRIOR_MAX_CHOICES };

static int parts_of(const Prior *p, const Schema *schema, Part *part)
{
    int n = 0;

    part[n++] = (Part){"mean", shape1(p->n_continuous), p->mean};
    for (int g = 0; g < p->n_groups; g++) {
        const PriorGroup *group = &p->group[g];
        part[n] = (Part){"", shape2(group->kept, group->n), group->basis};
        snprintf(part[n++].name, sizeof part->name, "%s.basis", group->name);
        part[n] = (Part){"", shape1(group->n), group->variance};
        snprintf(part[n++].name, sizeof part->name, "%s.variance", group->name);
    }
    for (int c = 0; c < p->n_choices; c++) {
        part[n] = (Part){"", shape1(p->choice[c].count), p->choice[c].frequency};
        snprintf(part[n++].name, sizeof part->name, "%s.frequency", schema->group[c].name);
    }
    return n;
}

/* {"brows": 8, ...}: the kept components; allocated, NULL when out of memory. */
static char *config_text(const Prior *p)
{
    json_t *kept = json_object();

    for (int g = 0; g < p->n_groups; g++) {
        json_object_set_new(kept, p->group[g].name, json_integer(p->group[g].kept));
    }
    char *text = json_dumps(kept, JSON_COMPACT);
    json_decref(kept);
    return text;
}

bool prior_save(const char *path, const Prior *prior, const Schema *schema, const char *training,
                Error *err)
{
    Part part[MAX_PARTS];
    char digest[17];
    int n = parts_of(prior, schema, part);
    Backend *cpu = backend_cpu_open();
    ParamSet *set = params_new();
    char *config = config_text(prior);
    bool ok = (cpu && set && config) || error_set(err, "out of memory while saving %.300s", path);

    schema_digest(schema, digest);
    if (ok) {
        for (int i = 0; i < n; i++) {
            params_declare(set, part[i].name, part[i].shape, (Init){INIT_ZEROS, 0});
        }
        ok = params_alloc(set, cpu, false, 0, err);
    }
    if (ok) {
        for (int i = 0; i < n; i++) {
            params_write(set, (Param){i}, part[i].value);
        }
        ok = checkpoint_save(path,
                             &(CheckpointInfo){.net = NET_PRIOR,
                                               .config = config,
                                               .schema = schema->name,
                                               .digest = digest,
                                               .training = training},
                             set, NULL, err);
    }
    params_free(set);
    backend_close(cpu);
    free(config);
    return ok;
}

static bool read_kept(Prior *p, const char *path, const char *config, Error *err)
{
    json_t *kept = json_loads(config, 0, NULL);
    bool ok = true;

    for (int g = 0; ok && g < p->n_groups; g++) {
        PriorGroup *group = &p->group[g];
        json_int_t k = json_integer_value(json_object_get(kept, group->name));
        ok = (k >= 1 && k <= group->n) ||
             error_set(err, "%.300s does not say how many components of \"%s\" it keeps", path,
                       group->name);
        group->kept = (int)k;
    }
    json_decref(kept);
    return ok;
}

static bool read_part(const TensorFile *file, const char *path, const Part *part, Error *err)
{
    Tensor t = tensor_file_find(file, part->name);
    char here[88], there[88];

    if (!t.data) {
        return error_set(err, "%.300s has no tensor %s", path, part->name);
    }
    if (!shape_equal(t.shape, part->shape)) {
        return error_set(err, "%.300s: %s is %s, but %s is wanted", path, part->name,
                         shape_text(t.shape, there), shape_text(part->shape, here));
    }
    int64_t n = shape_count(t.shape);
    tensor_convert(part->value, DTYPE_F32, t.data, t.type, n);
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(part->value[i])) {
            return error_set(err, "%.300s: %s holds a value that is not finite", path, part->name);
        }
    }
    return true;
}

/* What no prior that was learned can hold, and what its users rely on. */
static bool check_values(const Prior *p, const char *path, Error *err)
{
    for (int i = 0; i < p->n_continuous; i++) {
        if (p->mean[i] < 0 || p->mean[i] > 1) {
            return error_set(err, "%.300s is damaged: mean %d is %g, outside [0, 1]", path, i,
                             (double)p->mean[i]);
        }
    }
    for (int g = 0; g < p->n_groups; g++) {
        for (int i = 0; i < p->group[g].n; i++) {
            if (p->group[g].variance[i] < 0) {
                return error_set(err, "%.300s is damaged: variance %d of \"%s\" is negative", path,
                                 i, p->group[g].name);
            }
        }
    }
    for (int c = 0; c < p->n_choices; c++) {
        for (int i = 0; i < p->choice[c].count; i++) {
            if (p->choice[c].frequency[i] < 0) {
                return error_set(err, "%.300s is damaged: frequency %d of choice %d is negative",
                                 path, i, c);
            }
        }
    }
    return true;
}

bool prior_open(Prior **prior, const char *path, const Schema *schema, Error *err)
{
    TensorFile *file;
    CheckpointInfo info;
    Prior *p = NULL;
    Part part[MAX_PARTS];
    char digest[17];

    if (!checkpoint_open(&file, &info, path, NET_PRIOR, err)) {
        return false;
    }
    schema_digest(schema, digest);
    bool ok = checkpoint_check_schema(&info, path, schema->name, digest, err) &&
              prior_for_schema(&p, schema, err) && read_kept(p, path, info.config, err);
    for (int i = 0, n = ok ? parts_of(p, schema, part) : 0; ok && i < n; i++) {
        ok = read_part(file, path, &part[i], err);
    }
    ok = ok && check_values(p, path, err);
    tensor_file_free(file);
    if (!ok) {
        prior_free(p);
        return false;
    }
    *prior = p;
    return true;
}
