/* The CUDA backend of a build without CUDA. */
#include "libtensor/cuda/backend_cuda.h"

Backend *backend_cuda_open(CudaOptions options, Error *err)
{
    (void)options;
    error_set(err, "this build has no CUDA: install the CUDA toolkit, configure again and make, or "
                   "run on the cpu");
    return NULL;
}

int cuda_device_count(void)
{
    return 0;
}
