/* The options --device and --precision, the same in every program: where the networks run. */
#ifndef APPS_DEVICE_OPTION_H
#define APPS_DEVICE_OPTION_H

#include <argp.h>

#include "libtensor/cuda/backend_cuda.h"

/* Zeroed: the CPU. */
typedef struct DeviceOption {
    bool cuda;
    int index; /* of the CUDA device */
    bool precision_given;
    Precision precision;
} DeviceOption;

/* Argp child; its input is a zeroed DeviceOption. */
extern const struct argp device_argp;

/* NULL and a sentence if the device cannot be used. A device that fails later ends the program with
 * a sentence: it cannot go on, and what it computed may be wrong. */
Backend *device_open(const DeviceOption *option, Error *err);

/* Of products there: "fp32" (the CPU's), "tf32" or "bf16". */
const char *device_precision(const DeviceOption *option);

#endif
