/* The one device there is. */
#include "tests/cuda_emulation/cuda_runtime.h"

#include <cstdio>

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
    return device == 0 ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *prop, int device)
{
    if (device != 0)
        return cudaErrorInvalidDevice;
    *prop = {};
    snprintf(prop->name, sizeof prop->name, "CUDA emulation");
    prop->major = 9;
    prop->multiProcessorCount = 1;
    size_t free;
    return cudaMemGetInfo(&free, &prop->totalGlobalMem);
}
