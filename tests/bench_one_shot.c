/* Times the one-shot mode, F_recg and T' (the paper's 3.4.1), alignment excluded, on random
 * weights: the paper's networks on pictures of 512x512, or the small pair on pictures of 128x128.
 *
 *     make tests/bench_one_shot && tests/bench_one_shot [paper|small [BATCH [RUNS]]]
 *
 * prints: oneshot MEDIAN_S MIN_S MAX_S PHOTOS/s. scripts/bench_vs_torch.sh runs it in turns with a
 * program of PyTorch's. */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/rng.h"
#include "nets/one_shot.h"

/* The paper's male schema. */
static const int groups[] = {23, 26, 7};

static void must(bool ok, const Error *err)
{
    if (!ok) {
        fprintf(stderr, "bench_one_shot: %s\n", err->text);
        exit(1);
    }
}

/* Weights that keep signals as large as they are, so that no value is denormal. */
static void randomise(ParamSet *set, uint32_t stream)
{
    Rng rng = rng_make(1, stream, 0);
    for (int i = 0; i < params_count(set); i++) {
        Shape s = params_shape(set, (Param){i});
        int64_t n = shape_count(s), fan = s.ndim > 1 ? n / s.dim[0] : 0;
        real *value = params_value(set, (Param){i});
        for (int64_t k = 0; k < n; k++)
            value[k] = fan ? rng_normal(&rng) * sqrtf(2 / (real)fan) : 0;
    }
}

static ParamSet *allocate(ParamSet *set, Backend *backend, uint32_t stream)
{
    Error err;
    must(params_alloc(set, backend, false, 0, &err), &err);
    randomise(set, stream);
    return set;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    bool small = argc > 1 && strcmp(argv[1], "small") == 0;
    int batch = argc > 2 ? atoi(argv[2]) : 4, runs = argc > 3 ? atoi(argv[3]) : 9;
    if ((argc > 1 && !small && strcmp(argv[1], "paper") != 0) || batch < 1 || runs < 1) {
        fprintf(stderr, "usage: bench_one_shot [paper|small [BATCH [RUNS]]]\n");
        return 2;
    }
    int size = small ? 128 : 512;
    Backend *backend = backend_cpu_open();
    ParamSet *look = params_new(), *find = params_new();
    if (!backend || !look || !find)
        return 1;
    Descriptor descriptor = {.kind = small ? DESCRIPTOR_RECOGNIZER : DESCRIPTOR_LIGHTCNN};
    if (small) {
        recognizer_declare(&descriptor.net.recognizer, look);
    } else {
        LightCnnConfig config = lightcnn_paper(0);
        descriptor.net.lightcnn = lightcnn_declare(look, &config);
    }
    TranslatorConfig config = translator_paper(descriptor_dim(&descriptor), 208, 3, groups);
    if (small) {
        config.width = config.hidden = 256;
        config.blocks = 2;
        config.standardise = true;
    }
    Translator translator = translator_declare(find, &config);
    allocate(look, backend, 1);
    allocate(find, backend, 2);

    OneShot *one_shot;
    Error err;
    size_t pixels = 3 * (size_t)size * (size_t)size;
    real *picture = malloc((size_t)batch * pixels * sizeof *picture);
    float *x = malloc((size_t)batch * (size_t)translator_dim(&config) * sizeof *x);
    double *time = malloc((size_t)runs * sizeof *time);
    if (!picture || !x || !time)
        return 1;
    Rng rng = rng_make(1, 3, 0);
    for (size_t i = 0; i < (size_t)batch * pixels; i++)
        picture[i] = rng_uniform(&rng);
    must(one_shot_new(&one_shot, &translator, &descriptor, (RecognizerChip){0, 0, 1}, size, batch,
                      backend, &err),
         &err);
    one_shot_run(one_shot, picture, batch, x);
    for (int i = 0; i < runs; i++) {
        double start = omp_get_wtime();
        one_shot_run(one_shot, picture, batch, x);
        time[i] = omp_get_wtime() - start;
    }
    qsort(time, (size_t)runs, sizeof *time, by_size);
    printf("oneshot %.4f %.4f %.4f %.3f/s\n", time[runs / 2], time[0], time[runs - 1],
           batch / time[runs / 2]);
    one_shot_free(one_shot);
    params_free(look);
    params_free(find);
    backend_close(backend);
    free(picture);
    free(x);
    free(time);
    return 0;
}
