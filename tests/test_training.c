/* Checkpoints and the training loop: 5 + 5 resumed steps are 10, bit for bit; what is refused, and
 * how. */
#include "config.h" /* mkdtemp */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "apps/face_weights.h"
#include "apps/training.h"
#include "engine/engine.h"
#include "libautograd/ops.h"
#include "libtensor/rng.h"

enum { DIM = 12, SIZE = 16, BATCH = 4, SAMPLES = 14, VALUES = 3 * SIZE * SIZE };

static char folder[] = "/tmp/test_training.XXXXXX";
static Backend *cpu;
static const ImitatorConfig config = {.dim = DIM, .size = SIZE, .width = {8, 6}};

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static int set_up(void **state)
{
    (void)state;
    cpu = backend_cpu_open();
    return cpu && mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[64];
    backend_close(cpu);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* A run of a tiny imitator on made-up pictures. */
typedef struct Run {
    Imitator net;
    Graph *graph;
    Plan *plan;
    int validations, sheets, steps; /* steps: scheduled */
} Run;

/* The loss is 2 + step % 2 times the error. */
static void schedule(void *context, uint64_t step, StepState *state)
{
    assert_int_equal(step, state->step);
    state->weight[3] = (real)(2 + step % 2);
    ((Run *)context)->steps++;
}

static bool fill(void *context, int64_t sample, uint64_t step, int slot, void *const *buffer,
                 Error *err)
{
    (void)context, (void)slot, (void)err;
    Rng rng = rng_make(9, 0, (uint64_t)sample), noise = rng_make(9, 1 + (uint32_t)slot, step);
    real *x = buffer[0], *target = buffer[1];
    for (int i = 0; i < DIM; i++)
        x[i] = rng_uniform(&rng);
    for (int i = 0; i < VALUES; i++)
        target[i] = (real).5 * rng_uniform(&rng) + (real).1 * rng_uniform(&noise);
    return true;
}

static bool validate(void *context, double *figure, json_t **report, Error *err)
{
    (void)err;
    Run *run = context;
    *figure = 1. / ++run->validations;
    *report = json_pack("{sf}", "figure", *figure);
    return true;
}

static bool sheet(void *context, const char *path, Error *err)
{
    (void)path, (void)err;
    ((Run *)context)->sheets++;
    return true;
}

static char *in_folder(const char *name)
{
    return path_join(folder, name);
}

/* Trains in folder/name: to the end, or stop_after steps; resumed or from the start. */
static void train(const char *name, int64_t stop_after, bool resume)
{
    Error err;
    Run run = {0};
    ParamSet *set = params_new();
    char *out = in_folder(name), *last = training_last(out), *text = imitator_to_json(&config);
    must(make_folder(out, &err), &err);
    run.net = imitator_declare(set, &config, false);
    must(params_alloc(set, cpu, true, 3, &err), &err);
    run.graph = ag_graph_new();
    TrainOptions options = {.steps = 10};
    Training t = {.settings = {.optimiser = TRAIN_ADAM,
                               .schedule = TRAIN_COSINE,
                               .learning_rate = 2e-3,
                               .end_factor = .01,
                               .decay_epochs = 1,
                               .batch = BATCH,
                               .epochs = 1,
                               .preset = "small",
                               .seed = 5,
                               .best = -1},
                  .title = "Toy",
                  .info = {.net = NET_IMITATOR,
                           .config = text,
                           .schema = "male",
                           .digest = "d1",
                           .training = ""},
                  .out = out,
                  .resumed = resume ? last : NULL,
                  .stop_after = stop_after,
                  .set = set,
                  .loader.fill = fill,
                  .context = &run,
                  .validate = validate,
                  .sheet = sheet,
                  .schedule = schedule};
    must(training_set_data(&t.settings, &options, SAMPLES, 2, &err), &err);
    Var x = training_input(&t, run.graph, "x", DTYPE_REAL, shape2(BATCH, DIM));
    Var target = training_input(&t, run.graph, "target", DTYPE_REAL, shape4(BATCH, 3, SIZE, SIZE));
    Var error = ag_l1_loss(run.graph, imitator_forward(run.graph, &run.net, x, MODE_TRAIN), target);
    training_term(&t, run.graph, "error", error);
    t.loss = ag_weighted_sum(run.graph, &error, 1, (WeightedSumParam){{3}});
    must(ag_plan(&t.plan, run.graph, t.loss, (PlanOptions){.backend = cpu}, &err), &err);
    run.plan = t.plan;
    if (resume) {
        TensorFile *file;
        CheckpointInfo info;
        must(checkpoint_open(&file, &info, last, NET_IMITATOR, &err), &err);
        must(training_settings_read(&t.settings, t.own, &info, last, &err), &err);
        assert_int_equal(info.step, 5);
        tensor_file_free(file);
    }
    must(training_run(&t, &err), &err);
    assert_true(resume || stop_after || run.sheets > 0);
    assert_int_equal(run.steps, resume || stop_after ? 5 : 10);
    ag_plan_free(run.plan);
    ag_graph_free(run.graph);
    params_free(set);
    free(text);
    free(last);
    free(out);
}

/* The bytes of folder/name. */
static char *slurp(const char *name, size_t *n)
{
    char *path = in_folder(name), *bytes = malloc(1 << 20);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    *n = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    free(path);
    return bytes;
}

static void resumed_is_uninterrupted(void **state)
{
    (void)state;
    size_t n, m;
    train("whole", 0, false);
    train("parts", 5, false);
    char *half = slurp("parts/last.safetensors", &m);
    train("parts", 0, true);
    char *a = slurp("whole/last.safetensors", &n), *b = slurp("parts/last.safetensors", &m);
    assert_int_equal(n, m);
    /* `best` in the metadata depends on validate()'s own count, the rest on the run alone. */
    TensorFile *whole, *parts;
    CheckpointInfo info;
    Error err;
    char *path[2] = {in_folder("whole/last.safetensors"), in_folder("parts/last.safetensors")};
    must(checkpoint_open(&whole, &info, path[0], NET_IMITATOR, &err), &err);
    assert_int_equal(info.step, 10);
    must(checkpoint_open(&parts, &info, path[1], NET_IMITATOR, &err), &err);
    assert_int_equal(info.step, 10);
    assert_int_equal(tensor_file_count(whole), tensor_file_count(parts));
    int moved = 0;
    for (int i = 0; i < tensor_file_count(whole); i++) {
        Tensor t = tensor_file_get(whole, i),
               u = tensor_file_find(parts, tensor_file_name(whole, i));
        assert_non_null(u.data);
        assert_memory_equal(t.data, u.data, tensor_bytes(t));
        moved += strncmp(tensor_file_name(whole, i), "optimizer.", 10) == 0;
    }
    assert_true(moved > 0); /* the moments are there */
    assert_int_not_equal(memcmp(a, half, n), 0);
    tensor_file_free(whole);
    tensor_file_free(parts);
    free(path[0]);
    free(path[1]);
    free(half);
    free(a);
    free(b);
}

static void check_log(const char *name)
{
    char *path = in_folder(name), line[512];
    FILE *log = fopen(path, "r");
    assert_non_null(log);
    json_int_t last = 0;
    int lines = 0, terms = 0;
    while (fgets(line, sizeof line, log)) {
        json_t *object = json_loads(line, 0, NULL);
        json_int_t step = json_integer_value(json_object_get(object, "step"));
        double loss = json_number_value(json_object_get(object, "loss"));
        if (loss > 0) { /* the mean of five: of weights 2 3 2 3 2 or 3 2 3 2 3 */
            double error = json_number_value(json_object_get(object, "error"));
            assert_true(loss > 2.2 * error && loss < 2.8 * error);
            terms++;
        }
        assert_true(step >= last && step <= 10);
        last = step;
        lines++;
        json_decref(object);
    }
    assert_int_equal(last, 10);
    assert_true(lines >= 4);
    assert_int_equal(terms, 2);
    fclose(log);
    free(path);
}

static void log_is_one(void **state)
{
    (void)state;
    check_log("whole/log.jsonl");
    check_log("parts/log.jsonl");
}

static void export_keeps_the_net(void **state)
{
    (void)state;
    Error err;
    ParamSet *a = params_new(), *b = params_new();
    imitator_declare(a, &config, false);
    imitator_declare(b, &config, false);
    must(params_alloc(a, cpu, false, 1, &err), &err);
    must(params_alloc(b, cpu, false, 2, &err), &err);
    char *best = in_folder("whole/best.safetensors"), *half = in_folder("half.safetensors");
    char *run = in_folder("whole");
    TensorFile *file;
    CheckpointInfo info;
    must(checkpoint_open(&file, &info, best, NET_IMITATOR, &err), &err);
    must(checkpoint_load(file, best, a, NULL, &err), &err);
    tensor_file_free(file);
    must(training_export(&(TrainOptions){.out = run, .export = half}, NET_IMITATOR, &err), &err);
    must(checkpoint_open(&file, &info, half, NET_IMITATOR, &err), &err);
    assert_string_equal(info.schema, "male");
    assert_int_equal(tensor_file_find(file, "net.0.weight").type, DTYPE_F16);
    assert_int_equal(tensor_file_find(file, "net.1.running_var").type, DTYPE_F32);
    assert_int_equal(tensor_file_count(file), params_count(a)); /* no moments */
    must(checkpoint_load(file, half, b, NULL, &err), &err);
    for (int i = 0; i < params_count(a); i++) {
        real va[8 * DIM * 16], vb[8 * DIM * 16];
        params_read(a, (Param){i}, va);
        params_read(b, (Param){i}, vb);
        for (int64_t k = 0; k < shape_count(params_shape(a, (Param){i})); k++)
            assert_true(vb[k] - va[k] <= 1e-3 * 2 && va[k] - vb[k] <= 1e-3 * 2);
    }
    tensor_file_free(file);
    params_free(a);
    params_free(b);
    free(best);
    free(half);
    free(run);
}

static void refusals(void **state)
{
    (void)state;
    Error err;
    TensorFile *file = NULL;
    CheckpointInfo info;
    char *good = in_folder("whole/last.safetensors"), *bad = in_folder("bad.safetensors");
    assert_false(checkpoint_open(&file, &info, good, NET_SEGMENTER, &err));
    assert_non_null(
        strstr(err.text, "is a checkpoint of the imitator, but one of the segmenter is wanted"));

    must(checkpoint_open(&file, &info, good, NET_IMITATOR, &err), &err);
    must(checkpoint_check_schema(&info, good, "male", "d1", &err), &err);
    assert_false(checkpoint_check_schema(&info, good, "female", "d2", &err));
    assert_non_null(strstr(err.text, "for the schema 'male', not for 'female'"));
    assert_false(checkpoint_check_schema(&info, good, "male", "d2", &err));
    assert_non_null(strstr(err.text, "another version of the schema 'male'"));
    tensor_file_free(file);
    file = NULL;

    size_t n;
    char *bytes = slurp("whole/last.safetensors", &n);
    FILE *out = fopen(bad, "wb");
    assert_int_equal(fwrite(bytes, 1, n / 2, out), n / 2);
    fclose(out);
    free(bytes);
    assert_false(checkpoint_open(&file, &info, bad, NET_IMITATOR, &err));
    assert_non_null(strstr(err.text, bad));
    assert_null(file);

    TensorFile *foreign = tensor_file_new();
    must(safetensors_write(bad, foreign, &err), &err);
    tensor_file_free(foreign);
    assert_false(checkpoint_open(&file, &info, bad, NET_IMITATOR, &err));
    assert_non_null(strstr(err.text, "is not a checkpoint"));
    assert_false(make_folder("/proc/nowhere", &err));
    assert_non_null(strstr(err.text, "/proc/nowhere"));
    free(good);
    free(bad);
}

/* A background with a square of skin, and in it an eye. */
static void face_weights_look_at_the_face(void **state)
{
    enum { SIDE = 64, REACH = 1 };
    static uint8_t label[SIDE * SIDE];
    static real weight[SIDE * SIDE];
    double sum = 0;
    (void)state;
    for (int y = 16; y < 48; y++)
        for (int x = 16; x < 48; x++)
            label[y * SIDE + x] =
                y >= 30 && y < 33 && x >= 20 && x < 26 ? LABEL_LEFT_EYE : LABEL_SKIN;
    face_weights(label, SIDE, weight);
    for (int i = 0; i < SIDE * SIDE; i++)
        sum += (double)weight[i];
    assert_float_equal(sum, SIDE * SIDE, 1e-2);
    real eye = weight[31 * SIDE + 22], skin = weight[40 * SIDE + 40], around = weight[0];
    assert_true(eye > 1.5f * skin && skin > 1.5f * around && around > 0);
    assert_true(weight[(30 - REACH) * SIDE + 20 - REACH] == eye); /* lids and lashes */
    assert_true(weight[(30 - REACH - 1) * SIDE + 20] == skin);
    assert_true(weight[(16 - REACH) * SIDE + 47 + REACH] == skin);

    memset(label, LABEL_SKIN, sizeof label); /* a set without labels */
    face_weights(label, SIDE, weight);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_float_equal(weight[i], 1, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumed_is_uninterrupted),      cmocka_unit_test(log_is_one),
        cmocka_unit_test(export_keeps_the_net),          cmocka_unit_test(refusals),
        cmocka_unit_test(face_weights_look_at_the_face),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
