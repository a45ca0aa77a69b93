#include "config.h"

#include "apps/start_weights.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/checkpoint.h"

static const ImportRule none[] = {{0}};
static const ImportRule lightcnn_drop[] = {{"fc2.weight", "tells the people of its training apart"},
                                           {0}};
static const ImportRule resnet_drop[] = {{"fc.weight", "tells ImageNet's classes apart"},
                                         {"fc.bias", "tells ImageNet's classes apart"},
                                         {"*.num_batches_tracked", "a counter of batches"},
                                         {0}};
static const ImportRule resnet_fresh[] = {{"head.weight", "tells the parts of a face apart"},
                                          {"head.bias", "tells the parts of a face apart"},
                                          {0}};

const ImportNet import_lightcnn29v2 = {"lightcnn29v2", "conv1.filter.weight", lightcnn_drop, none};
const ImportNet import_resnet50 = {"resnet50", "layer1.0.conv1.weight", resnet_drop, resnet_fresh};

static void tell(const char *path, int taken, const char *const *fresh, int n_fresh)
{
    fprintf(stderr, "start: %d tensors of %s%s", taken, path, n_fresh ? "; new:" : "");
    for (int i = 0; i < n_fresh; i++)
        fprintf(stderr, " %s", fresh[i]);
    fputc('\n', stderr);
}

/* A copy of a parameter's values; NULL when out of memory. */
static real *copy_values(const ParamSet *set, Param param)
{
    real *copy = malloc((size_t)shape_count(params_shape(set, param)) * sizeof *copy);
    if (copy)
        params_read(set, param, copy);
    return copy;
}

/* Loads a checkpoint, but for the parameters of these names. */
static bool load_but(const TensorFile *file, const char *path, ParamSet *set,
                     const json_t *untrained, Error *err)
{
    enum { MOST = 8 };
    const char *name[MOST];
    Param param[MOST];
    real *kept[MOST];
    int n = 0, all = params_count(set);
    size_t i;
    json_t *text;
    bool ok = true;
    json_array_foreach(untrained, i, text)
    {
        const char *untrained_name = json_string_value(text);
        if (n == MOST || !untrained_name || !params_find(set, untrained_name, &param[n])) {
            ok = error_set(err, "%.300s leaves more untrained than the classifier", path);
            break;
        }
        name[n] = untrained_name;
        kept[n] = copy_values(set, param[n]);
        if (!kept[n]) {
            ok = error_set(err, "out of memory for the start of %.300s", path);
            break;
        }
        n++;
    }
    ok = ok && checkpoint_load(file, path, set, NULL, err);
    for (int k = 0; k < n; k++) {
        if (ok)
            params_write(set, param[k], kept[k]);
        free(kept[k]);
    }
    if (ok)
        tell(path, all - n, name, n);
    return ok;
}

static bool start_checkpoint(const char *path, const char *net, ParamSet *set, Error *err)
{
    TensorFile *file;
    CheckpointInfo info;
    if (!checkpoint_open(&file, &info, path, net, err))
        return false;
    json_t *training = json_loads(info.training, 0, NULL);
    bool ok = load_but(file, path, set, json_object_get(training, "untrained"), err);
    json_decref(training);
    tensor_file_free(file);
    return ok;
}

static bool start_published(const char *path, const TensorFile *file, const ImportNet *published,
                            ParamSet *set, Error *err)
{
    ImportReport *report = malloc(sizeof *report);
    if (!report)
        return error_set(err, "out of memory");
    bool ok = import_match(set, file, published, report, err);
    if (ok)
        tell(path, report->matched, report->fresh, report->n_fresh);
    else
        error_prefix(err, "%.300s", path);
    free(report);
    return ok;
}

bool weights_start(const char *path, const char *net, const ImportNet *published, ParamSet *set,
                   Error *err)
{
    TensorFile *file;
    if (!weights_read(path, &file, err))
        return false;
    bool ours = tensor_file_meta(file, "visagist.net") != NULL;
    bool ok = ours || start_published(path, file, published, set, err);
    tensor_file_free(file);
    return ours ? start_checkpoint(path, net, set, err) : ok;
}
