/* Turns published weights into checkpoints of ours. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/checkpoint.h"
#include "apps/start_weights.h"

enum { FACE_CLASSES = 11, SEGMENTER_SIZE = 256 }; /* of the paper */

typedef struct Args {
    const char *in, *net, *out;
} Args;

static const struct argp_option options[] = {
    {"net", 'n', "NET", 0, "lightcnn29v2 or resnet50", 0},
    {"out", 'o', "FILE", 0, "the checkpoint to write (safetensors)", 0},
    {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    Args *args = state->input;
    switch (key) {
    case 'n':
        args->net = arg;
        return 0;
    case 'o':
        args->out = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (args->in)
            die_usage("one argument too many: %s", arg);
        args->in = arg;
        return 0;
    case ARGP_KEY_END:
        if (!args->in)
            die_usage("a file of weights is needed");
        if (!args->net || !args->out)
            die_usage("--net NET and --out FILE are needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* A net that can be imported: its rules, and how it is declared here. */
typedef struct Target {
    const ImportNet *rules;
    const char *kind;                /* of the checkpoint */
    char *(*declare)(ParamSet *set); /* returns the configuration as JSON */
} Target;

static char *declare_lightcnn(ParamSet *set)
{
    LightCnnConfig config = lightcnn_paper(0);
    lightcnn_declare(set, &config);
    return lightcnn_to_json(&config);
}

static char *declare_segmenter(ParamSet *set)
{
    SegmenterConfig config = segmenter_paper(FACE_CLASSES, SEGMENTER_SIZE);
    segmenter_declare(set, &config, false);
    return segmenter_to_json(&config);
}

static const Target targets[] = {{&import_lightcnn29v2, NET_LIGHTCNN, declare_lightcnn},
                                 {&import_resnet50, NET_SEGMENTER, declare_segmenter}};

static const Target *find_target(const char *name)
{
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (strcmp(name, targets[i].rules->name) == 0)
            return &targets[i];
    die_usage("--net wants lightcnn29v2 or resnet50, not '%s'", name);
}

static void print_report(const Args *args, const TensorFile *file, const ImportReport *report)
{
    char shape[88];
    printf("%s: %d tensors\n", args->in, tensor_file_count(file));
    for (int i = 0; i < tensor_file_meta_count(file); i++) {
        const char *key = tensor_file_meta_key(file, i);
        printf("  says %s: %.100s\n", key, tensor_file_meta(file, key));
    }
    printf("  matched %d tensors, %lld values%s%s\n", report->matched, (long long)report->values,
           report->prefix[0] ? ", under " : "", report->prefix);
    for (int i = 0; i < report->n_left; i++) {
        const ImportLeft *left = &report->left[i];
        printf("  left    %s (%s): %s\n", left->name,
               shape_text(tensor_file_find(file, left->name).shape, shape), left->why);
    }
    for (int i = 0; i < report->n_fresh; i++)
        printf("  not in it, to be trained: %s\n", report->fresh[i]);
}

/* Where the weights come from, for the checkpoint's metadata. */
static char *origin(const Args *args, const TensorFile *file, const ImportReport *report)
{
    const char *slash = strrchr(args->in, '/');
    json_t *says = json_object(), *fresh = json_array();
    for (int i = 0; i < tensor_file_meta_count(file); i++) {
        const char *key = tensor_file_meta_key(file, i);
        json_object_set_new(says, key, json_string(tensor_file_meta(file, key)));
    }
    for (int i = 0; i < report->n_fresh; i++)
        json_array_append_new(fresh, json_string(report->fresh[i]));
    json_t *root = json_pack("{ss ss so so}", "imported", slash ? slash + 1 : args->in, "as",
                             args->net, "says", says, "untrained", fresh);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

/* Matches the file against the net, tells, and writes the checkpoint. */
static bool import(const Args *args, const Target *target, const TensorFile *file, ParamSet *set,
                   Backend *cpu, ImportReport *report, Error *err)
{
    char *config = target->declare(set), *training = NULL;
    bool ok = params_alloc(set, cpu, false, 1, err);

    if (ok && !import_match(set, file, target->rules, report, err))
        ok = error_prefix(err, "%s", args->in);
    if (ok) {
        print_report(args, file, report);
        training = origin(args, file, report);
        ok = (config && training) ||
             error_set(err, "out of memory, or %s holds text that is not UTF-8", args->in);
    }
    CheckpointInfo info = {.net = target->kind,
                           .config = config,
                           .schema = "",
                           .digest = "",
                           .training = training,
                           .seed = 1};
    ok = ok && checkpoint_save(args->out, &info, set, NULL, err);
    free(config);
    free(training);
    return ok;
}

int main(int argc, char **argv)
{
    static const struct argp parser = {
        .options = options,
        .parser = parse_option,
        .args_doc = "FILE",
        .doc = "Turns published weights into a checkpoint of ours, and prints what matched, what "
               "was left and why.\v"
               "FILE: PyTorch's (.pt, .pth, .pth.tar; read as plain data, nothing in it is "
               "executed), NumPy's .npz, or safetensors. --net lightcnn29v2: LightCNN-29v2 as its "
               "authors publish it. --net resnet50: torchvision's ResNet-50, as the beginning of "
               "a segmenter of the paper, whose head is still to be trained.\n"
               "Example: import_weights LightCNN_29Layers_V2_checkpoint.pth.tar "
               "--net lightcnn29v2 --out lightcnn.safetensors"};
    Args args = {0};
    app_parse(&parser, argc, argv, &args);
    const Target *target = find_target(args.net);

    Error err;
    TensorFile *file;
    if (!weights_read(args.in, &file, &err))
        die_error(&err);
    ParamSet *set = params_new();
    Backend *cpu = backend_cpu_open();
    ImportReport *report = calloc(1, sizeof *report);
    if (!set || !cpu || !report)
        die("out of memory");
    bool ok = import(&args, target, file, set, cpu, report, &err);
    free(report);
    params_free(set);
    backend_close(cpu);
    tensor_file_free(file);
    if (!ok)
        die_error(&err);
    printf("wrote %s\n", args.out);
    return 0;
}
