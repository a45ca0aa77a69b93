#include "config.h"

#include "apps/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOMENTS "optimizer." /* prefix of the optimiser's tensors */

/* A tensor, in float16 if it has two or more dimensions. */
static bool add_half(TensorFile *file, const char *name, Tensor t, Error *err)
{
    if (t.shape.ndim < 2)
        return tensor_file_add(file, name, t, err);
    int64_t n = shape_count(t.shape);
    Tensor half = {malloc((size_t)n * sizeof(uint16_t)), t.shape, DTYPE_F16};
    if (!half.data)
        return error_set(err, "out of memory while saving weights");
    tensor_convert(half.data, DTYPE_F16, t.data, t.type, n);
    bool ok = tensor_file_adopt(file, name, &half, err);
    free(half.data);
    return ok;
}

static bool add_meta(TensorFile *file, const CheckpointInfo *info, Error *err)
{
    char step[32], seed[32];
    snprintf(step, sizeof step, "%" PRIu64, info->step);
    snprintf(seed, sizeof seed, "%" PRIu64, info->seed);
    return tensor_file_set_meta(file, "format", "pt", err) && /* what Python's readers look for */
           tensor_file_set_meta(file, "visagist.net", info->net, err) &&
           tensor_file_set_meta(file, "visagist.config", info->config, err) &&
           tensor_file_set_meta(file, "visagist.schema", info->schema, err) &&
           tensor_file_set_meta(file, "visagist.digest", info->digest, err) &&
           (!info->descriptor ||
            tensor_file_set_meta(file, "visagist.descriptor", info->descriptor, err)) &&
           tensor_file_set_meta(file, "visagist.training", info->training, err) &&
           tensor_file_set_meta(file, "visagist.step", step, err) &&
           tensor_file_set_meta(file, "visagist.seed", seed, err);
}

bool checkpoint_save(const char *path, const CheckpointInfo *info, const ParamSet *set,
                     const Optim *optim, Error *err)
{
    TensorFile *file = tensor_file_new();
    if (!file)
        return error_set(err, "out of memory while saving %.300s", path);
    bool ok = params_save(set, file, "", DTYPE_REAL, err) &&
              (!optim || optim_save(optim, file, MOMENTS, err)) && add_meta(file, info, err) &&
              safetensors_write(path, file, err);
    tensor_file_free(file);
    return ok;
}

bool checkpoint_export(const char *path, const CheckpointInfo *info, const TensorFile *from,
                       const char *without, Error *err)
{
    TensorFile *file = tensor_file_new();
    bool ok = file || error_set(err, "out of memory while saving %.300s", path);
    for (int i = 0; ok && i < tensor_file_count(from); i++) {
        const char *name = tensor_file_name(from, i);
        bool left_out =
            strncmp(name, MOMENTS, strlen(MOMENTS)) == 0 || (without && strcmp(name, without) == 0);
        ok = left_out || add_half(file, name, tensor_file_get(from, i), err);
    }
    ok = ok && add_meta(file, info, err) && safetensors_write(path, file, err);
    tensor_file_free(file);
    return ok;
}

bool checkpoint_open(TensorFile **file, CheckpointInfo *info, const char *path, const char *net,
                     Error *err)
{
    TensorFile *read;
    if (!safetensors_read(path, &read, err))
        return false;
    const char *step = tensor_file_meta(read, "visagist.step"),
               *seed = tensor_file_meta(read, "visagist.seed");
    CheckpointInfo i = {.net = tensor_file_meta(read, "visagist.net"),
                        .config = tensor_file_meta(read, "visagist.config"),
                        .schema = tensor_file_meta(read, "visagist.schema"),
                        .digest = tensor_file_meta(read, "visagist.digest"),
                        .descriptor = tensor_file_meta(read, "visagist.descriptor"),
                        .training = tensor_file_meta(read, "visagist.training")};
    if (!i.net || !i.config || !i.schema || !i.digest || !i.training || !step || !seed) {
        tensor_file_free(read);
        return error_set(err, "%.300s is not a checkpoint of one of our trainers", path);
    }
    if (strcmp(i.net, net) != 0) {
        error_set(err, "%.300s is a checkpoint of the %.40s, but one of the %s is wanted", path,
                  i.net, net);
        tensor_file_free(read);
        return false;
    }
    i.step = strtoull(step, NULL, 10);
    i.seed = strtoull(seed, NULL, 10);
    *info = i;
    *file = read;
    return true;
}

bool checkpoint_load(const TensorFile *file, const char *path, ParamSet *set, Optim *optim,
                     Error *err)
{
    if (params_load(set, file, "", err) && (!optim || optim_load(optim, file, MOMENTS, err)))
        return true;
    return error_prefix(err, "%.200s", path);
}

bool checkpoint_check_schema(const CheckpointInfo *info, const char *path, const char *schema,
                             const char *digest, Error *err)
{
    if (strcmp(info->digest, digest) == 0)
        return true;
    if (strcmp(info->schema, schema) != 0)
        return error_set(err, "%.300s is a checkpoint for the schema '%.31s', not for '%.31s'",
                         path, info->schema, schema);
    return error_set(err,
                     "%.300s was made for another version of the schema '%.31s' (its digest is "
                     "%.16s, here it is "
                     "%.16s); train a new one with train_imitator",
                     path, schema, info->digest, digest);
}

/* Declares, allocates and reads a frozen copy, then its folded form; frees the former. */
static bool imitator_read(Imitator *net, const TensorFile *file, const char *path,
                          const ImitatorConfig *config, Backend *backend, Error *err)
{
    ParamSet *plain = params_new(), *folded = params_new();
    bool ok = plain && folded;
    if (!ok)
        error_set(err, "out of memory while reading %.300s", path);
    if (ok) {
        Imitator from = imitator_declare(plain, config, false),
                 to = imitator_declare(folded, config, true);
        ok = params_alloc(plain, backend, false, 0, err) &&
             params_alloc(folded, backend, false, 0, err) &&
             checkpoint_load(file, path, plain, NULL, err) && imitator_fold(&to, &from, err);
        if (ok)
            *net = to;
    }
    params_free(plain);
    if (!ok)
        params_free(folded);
    return ok;
}

bool imitator_open(Imitator *net, const char *path, const Schema *schema, Backend *backend,
                   Error *err)
{
    TensorFile *file;
    CheckpointInfo info;
    ImitatorConfig config;
    char digest[17];
    schema_digest(schema, digest);
    if (!checkpoint_open(&file, &info, path, NET_IMITATOR, err))
        return false;
    bool ok = checkpoint_check_schema(&info, path, schema->name, digest, err) &&
              imitator_from_json(&config, info.config, err) &&
              imitator_read(net, file, path, &config, backend, err);
    tensor_file_free(file);
    return ok;
}

static bool segmenter_read(Segmenter *net, const TensorFile *file, const char *path,
                           const SegmenterConfig *config, Backend *backend, Error *err)
{
    ParamSet *plain = params_new(), *folded = params_new();
    bool ok = plain && folded;
    if (!ok)
        error_set(err, "out of memory while reading %.300s", path);
    if (ok) {
        Segmenter from = segmenter_declare(plain, config, false),
                  to = segmenter_declare(folded, config, true);
        ok = params_alloc(plain, backend, false, 0, err) &&
             params_alloc(folded, backend, false, 0, err) &&
             checkpoint_load(file, path, plain, NULL, err) && segmenter_fold(&to, &from, err);
        if (ok)
            *net = to;
    }
    params_free(plain);
    if (!ok)
        params_free(folded);
    return ok;
}

bool segmenter_open(Segmenter *net, const char *path, Backend *backend, Error *err)
{
    TensorFile *file;
    CheckpointInfo info;
    SegmenterConfig config;
    if (!checkpoint_open(&file, &info, path, NET_SEGMENTER, err))
        return false;
    bool ok = segmenter_from_json(&config, info.config, err) &&
              segmenter_read(net, file, path, &config, backend, err);
    tensor_file_free(file);
    return ok;
}

/* Without the classifier that it may have been trained with. */
static bool lightcnn_read(LightCnn *net, const TensorFile *file, const char *path,
                          const char *config_text, Backend *backend, Error *err)
{
    LightCnnConfig config;
    if (!lightcnn_from_json(&config, config_text, err))
        return false;
    config.classes = 0;
    ParamSet *set = params_new();
    if (!set)
        return error_set(err, "out of memory while reading %.300s", path);
    LightCnn read = lightcnn_declare(set, &config);
    if (!params_alloc(set, backend, false, 0, err) ||
        !checkpoint_load(file, path, set, NULL, err)) {
        params_free(set);
        return false;
    }
    *net = read;
    return true;
}

static bool recognizer_read(Recognizer *net, const TensorFile *file, const char *path,
                            Backend *backend, Error *err)
{
    ParamSet *set = params_new();
    if (!set)
        return error_set(err, "out of memory while reading %.300s", path);
    Recognizer read;
    recognizer_declare(&read, set);
    if (!params_alloc(set, backend, false, 0, err) || !recognizer_load(&read, file, err)) {
        params_free(set);
        return error_prefix(err, "%.200s", path);
    }
    *net = read;
    return true;
}

bool descriptor_open(Descriptor *descriptor, const char *path, Backend *backend, Error *err)
{
    TensorFile *file;
    if (!weights_read(path, &file, err))
        return false;
    const char *net = tensor_file_meta(file, "visagist.net"),
               *config = tensor_file_meta(file, "visagist.config");
    Descriptor d = {.kind = net ? DESCRIPTOR_LIGHTCNN : DESCRIPTOR_RECOGNIZER};
    bool ok;
    if (!net)
        ok = recognizer_read(&d.net.recognizer, file, path, backend, err);
    else if (strcmp(net, NET_LIGHTCNN) != 0)
        ok = error_set(err, "%.300s is a checkpoint of the %.40s, but one of the %s is wanted",
                       path, net, NET_LIGHTCNN);
    else
        ok = lightcnn_read(&d.net.lightcnn, file, path, config ? config : "", backend, err);
    tensor_file_free(file);
    if (ok)
        *descriptor = d;
    return ok;
}

uint64_t weights_hash(const ParamSet *set)
{
    enum { PIECE = 4096 };
    real value[PIECE];
    uint64_t hash = 0xcbf29ce484222325u;
    int64_t n = params_elements(set);
    Backend *backend = params_backend(set);
    for (int64_t i = 0; i < n; i++) {
        uint32_t word;
        if (i % PIECE == 0)
            backend->download(backend, value, params_values(set) + i,
                              (size_t)(n - i < PIECE ? n - i : PIECE) * sizeof *value);
        memcpy(&word, &value[i % PIECE], sizeof word);
        hash = (hash ^ word) * 0x100000001b3u;
    }
    return hash;
}

void descriptor_text(const Descriptor *descriptor, char text[static DESCRIPTOR_TEXT])
{
    int n = snprintf(text, DESCRIPTOR_TEXT, "%s %d", descriptor_name(descriptor),
                     descriptor_dim(descriptor));
    if (descriptor->kind == DESCRIPTOR_LIGHTCNN)
        snprintf(text + n, DESCRIPTOR_TEXT - (size_t)n, " %016" PRIx64,
                 weights_hash(descriptor_set(descriptor)));
}

static bool check_descriptor(const CheckpointInfo *info, const TranslatorConfig *config,
                             const char *path, const Descriptor *descriptor, Error *err)
{
    char text[DESCRIPTOR_TEXT];
    descriptor_text(descriptor, text);
    if (info->descriptor && strcmp(info->descriptor, text) == 0 &&
        config->embedding == descriptor_dim(descriptor))
        return true;
    return error_set(err,
                     "%.300s was trained with another face descriptor (%.60s) than the one in use "
                     "(%s): give that one by --descriptor, or train anew with train_translator",
                     path, info->descriptor ? info->descriptor : "unknown", text);
}

static bool translator_read(Translator *net, const TensorFile *file, const char *path,
                            const TranslatorConfig *config, Backend *backend, Error *err)
{
    ParamSet *set = params_new();
    if (!set)
        return error_set(err, "out of memory while reading %.300s", path);
    Translator read = translator_declare(set, config);
    if (!params_alloc(set, backend, false, 0, err) ||
        !checkpoint_load(file, path, set, NULL, err)) {
        params_free(set);
        return false;
    }
    *net = read;
    return true;
}

bool translator_open(Translator *net, const char *path, const Schema *schema,
                     const Descriptor *descriptor, Backend *backend, Error *err)
{
    TensorFile *file;
    CheckpointInfo info;
    TranslatorConfig config;
    char digest[17];
    schema_digest(schema, digest);
    if (!checkpoint_open(&file, &info, path, NET_TRANSLATOR, err))
        return false;
    bool ok = checkpoint_check_schema(&info, path, schema->name, digest, err) &&
              translator_from_json(&config, info.config, err) &&
              check_descriptor(&info, &config, path, descriptor, err);
    if (ok && translator_dim(&config) != schema->dim)
        ok = error_set(err, "%.300s gives %d parameters, the schema '%.31s' has %d", path,
                       translator_dim(&config), schema->name, schema->dim);
    ok = ok && translator_read(net, file, path, &config, backend, err);
    tensor_file_free(file);
    return ok;
}
