#include "config.h"

#include "apps/device_option.h"

#include <string.h>

#include "apps/app.h"

enum { DEVICE = 640, PRECISION };

static void parse_device(DeviceOption *o, const char *arg)
{
    static const char cuda[] = "cuda:";

    o->cuda = strcmp(arg, "cpu") != 0;
    o->index = 0;
    if (strncmp(arg, cuda, strlen(cuda)) == 0)
        o->index = (int)option_int(arg + strlen(cuda), "--device cuda:N", 0, 1023);
    else if (o->cuda && strcmp(arg, "cuda") != 0)
        die_usage("--device is cpu, cuda or cuda:N, not '%s'", arg);
}

static const char *const precision_name[] = {
    [PRECISION_FP32] = "fp32", [PRECISION_TF32] = "tf32", [PRECISION_BF16] = "bf16"};

static void parse_precision(DeviceOption *o, const char *arg)
{
    for (int i = 0; i < (int)(sizeof precision_name / sizeof *precision_name); i++)
        if (strcmp(arg, precision_name[i]) == 0) {
            o->precision = (Precision)i;
            o->precision_given = true;
            return;
        }
    die_usage("--precision is fp32, tf32 or bf16, not '%s'", arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    DeviceOption *o = state->input;

    switch (key) {
    case DEVICE:
        parse_device(o, arg);
        return 0;
    case PRECISION:
        parse_precision(o, arg);
        return 0;
    case ARGP_KEY_END:
        if (!o->cuda && o->precision_given && o->precision != PRECISION_FP32)
            die_usage("--precision is for --device cuda; the cpu computes in fp32");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option option[] = {
    {"device", DEVICE, "DEVICE", 0,
     "where the networks run: cpu (default), or an NVIDIA GPU: cuda or cuda:N", 5},
    {"precision", PRECISION, "P", 0,
     "on cuda: fp32, tf32 (default: factors of products rounded) or bf16 (those, and images inside "
     "of "
     "a net kept so, in half the memory); sums, weights and losses are fp32 in all",
     5},
    {0}};
const struct argp device_argp = {.options = option, .parser = parse};

/* Of the products there. */
static Precision precision_of(const DeviceOption *o)
{
    return !o->cuda ? PRECISION_FP32 : o->precision_given ? o->precision : PRECISION_TF32;
}

const char *device_precision(const DeviceOption *o)
{
    return precision_name[precision_of(o)];
}

static void failed(void *user, const char *text)
{
    (void)user;
    die("%s", text);
}

Backend *device_open(const DeviceOption *o, Error *err)
{
    CudaOptions cuda = {.device = o->index, .precision = precision_of(o), .failed = failed};

    if (o->cuda)
        return backend_cuda_open(cuda, err);
    Backend *cpu = backend_cpu_open();
    if (!cpu)
        error_set(err, "out of memory");
    return cpu;
}
