/* What an op does to its results before they leave the cache: a bias, an activation. */
#ifndef LIBTENSOR_EPILOGUE_H
#define LIBTENSOR_EPILOGUE_H

#include <stdint.h>

#include "libtensor/real.h"

typedef enum ActivationKind {
    ACTIVATION_NONE,
    ACTIVATION_RELU,      /* x < 0 ? 0 : x */
    ACTIVATION_LEAKY_RELU /* x > 0 ? x : slope x */
} ActivationKind;

typedef struct Activation {
    ActivationKind kind;
    real slope; /* of leaky_relu */
} Activation;

/* Of a product whose results are added to nothing (beta 0): the activation of the sum with the
 * bias. */
typedef struct Epilogue {
    const real *bias; /* per channel of the result; NULL: none */
    Activation activation;
} Epilogue;

/* The activation of n results in place, with the bits of the op of its name. */
static inline void activate_row(Activation a, real *x, int64_t n)
{
    if (a.kind == ACTIVATION_RELU)
        for (int64_t i = 0; i < n; i++)
            x[i] = x[i] < 0 ? 0 : x[i];
    else if (a.kind == ACTIVATION_LEAKY_RELU)
        for (int64_t i = 0; i < n; i++)
            x[i] = x[i] > 0 ? x[i] : a.slope * x[i];
}

#endif
