/* The device: memory, transfers, recordings, errors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/cuda/cuda.h"

enum {
    SLOTS = 16,           /* of the ring that uploads go through */
    BLAS_BYTES = 32 << 20 /* NVIDIA's advice for Hopper */
};

static const size_t slot_bytes = 4 << 20;

/* Uploads smaller than this go straight into the queue of the computation. */
static const size_t direct_bytes = 64 << 10;

/* An upload is copied to a slot's pinned memory, from there to its staging memory on the device by
 * a stream of its own, while the computation runs on, and from there to its place when the
 * computation comes to it. */
typedef struct Slot {
    unsigned char *pinned, *staging;
    cudaEvent_t arrived; /* in staging */
    cudaEvent_t taken;   /* from staging, or from pinned if direct: the slot is free */
} Slot;

struct CudaMemory {
    cudaStream_t transfers;
    Slot slot[SLOTS];
    int next;
    void *blas_workspace;
    void (*failed)(void *user, const char *text);
    void *user;
    char name[16]; /* "cuda:0" */
};

struct Recording {
    cudaGraphExec_t graph;
};

static Cuda *state_of(Backend *b)
{
    return (Cuda *)b->state;
}

/* ---- errors ---- */

static void error_text(const Cuda *cuda, Error *err)
{
    error_set(err, "%s failed at %s: %s; run it again, or with --device cpu", cuda->memory->name,
              cuda->what, cudaGetErrorString(cuda->error));
}

void cuda_note(Cuda *cuda, cudaError_t error, const char *what)
{
    Error text;
    if (error == cudaSuccess || cuda->error != cudaSuccess)
        return;
    cuda->error = error;
    snprintf(cuda->what, sizeof cuda->what, "%s", what);
    if (cuda->memory->failed == NULL)
        return;
    error_text(cuda, &text);
    cuda->memory->failed(cuda->memory->user, text.text);
}

void cuda_note_blas(Cuda *cuda, cublasStatus_t status, const char *what)
{
    char text[96];
    if (status == CUBLAS_STATUS_SUCCESS)
        return;
    snprintf(text, sizeof text, "%s (%s)", what, cublasGetStatusString(status));
    cuda_note(cuda, cudaErrorUnknown, text);
}

/* ---- memory ---- */

static void *cuda_alloc(Backend *b, size_t bytes)
{
    void *memory = NULL;
    cudaError_t error = cudaMalloc(&memory, bytes > 0 ? bytes : 1);
    if (error == cudaSuccess)
        return memory;
    cudaGetLastError(); /* only of this call: the caller reports it */
    if (error != cudaErrorMemoryAllocation &&
        error != cudaErrorInvalidValue) /* an earlier work's */
        cuda_note(state_of(b), error, "an allocation");
    return NULL;
}

static void cuda_release(Backend *b, void *memory)
{
    cuda_note(state_of(b), cudaFree(memory), "the release of memory");
}

static void upload_piece(Cuda *cuda, void *to, const void *from, size_t bytes)
{
    struct CudaMemory *m = cuda->memory;
    Slot *s = &m->slot[m->next];
    bool direct = bytes <= direct_bytes;

    m->next = (m->next + 1) % SLOTS;
    cuda_note(cuda, cudaEventSynchronize(s->taken), "an upload's turn");
    memcpy(s->pinned, from, bytes);
    cuda_note(cuda,
              cudaMemcpyAsync(direct ? to : s->staging, s->pinned, bytes, cudaMemcpyHostToDevice,
                              direct ? cuda->stream : m->transfers),
              "an upload");
    if (!direct) {
        cuda_note(cuda, cudaEventRecord(s->arrived, m->transfers), "an upload");
        cuda_note(cuda, cudaStreamWaitEvent(cuda->stream, s->arrived, 0), "an upload");
        cuda_note(cuda,
                  cudaMemcpyAsync(to, s->staging, bytes, cudaMemcpyDeviceToDevice, cuda->stream),
                  "an upload");
    }
    cuda_note(cuda, cudaEventRecord(s->taken, cuda->stream), "an upload");
}

static void cuda_upload(Backend *b, void *to, const void *from, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += slot_bytes)
        upload_piece(state_of(b), (unsigned char *)to + at, (const unsigned char *)from + at,
                     bytes - at < slot_bytes ? bytes - at : slot_bytes);
}

static void cuda_download(Backend *b, void *to, const void *from, size_t bytes)
{
    Cuda *cuda = state_of(b);
    cuda_note(cuda, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, cuda->stream),
              "a download");
    cuda_note(cuda, cudaStreamSynchronize(cuda->stream), "the work before a download");
}

static void cuda_copy(Backend *b, void *to, const void *from, size_t bytes)
{
    Cuda *cuda = state_of(b);
    cuda_note(cuda, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda->stream),
              "a copy");
}

static bool cuda_sync(Backend *b, Error *err)
{
    Cuda *cuda = state_of(b);
    cuda_note(cuda, cudaStreamSynchronize(cuda->stream), "the work queued");
    if (cuda->error == cudaSuccess)
        return true;
    error_text(cuda, err);
    return false;
}

/* ---- recordings ---- */

static bool cuda_record_begin(Backend *b)
{
    Cuda *cuda = state_of(b);
    cudaError_t error = cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeThreadLocal);
    cuda_note(cuda, error, "the beginning of a recording");
    return error == cudaSuccess;
}

static Recording *cuda_record_end(Backend *b)
{
    Cuda *cuda = state_of(b);
    cudaGraph_t graph = NULL;
    Recording *r = (Recording *)calloc(1, sizeof *r);
    cudaError_t error = cudaStreamEndCapture(cuda->stream, &graph);

    if (r != NULL && error == cudaSuccess)
        error = cudaGraphInstantiate(&r->graph, graph, 0);
    if (graph != NULL)
        cudaGraphDestroy(graph);
    cuda_note(cuda, error, "a recording");
    if (error == cudaSuccess)
        return r;
    free(r);
    return NULL;
}

static void cuda_replay(Backend *b, Recording *r)
{
    cuda_note(state_of(b), cudaGraphLaunch(r->graph, state_of(b)->stream), "a replay");
}

static void cuda_forget(Backend *b, Recording *r)
{
    if (r == NULL)
        return;
    cuda_note(state_of(b), cudaStreamSynchronize(state_of(b)->stream), "the work queued");
    cuda_note(state_of(b), cudaGraphExecDestroy(r->graph), "the end of a recording");
    free(r);
}

/* ---- open and close ---- */

static void close_memory(struct CudaMemory *m)
{
    for (int i = 0; i < SLOTS; i++) {
        Slot *s = &m->slot[i];
        if (s->pinned != NULL)
            cudaFreeHost(s->pinned);
        if (s->staging != NULL)
            cudaFree(s->staging);
        if (s->arrived != NULL)
            cudaEventDestroy(s->arrived);
        if (s->taken != NULL)
            cudaEventDestroy(s->taken);
    }
    if (m->blas_workspace != NULL)
        cudaFree(m->blas_workspace);
    if (m->transfers != NULL)
        cudaStreamDestroy(m->transfers);
    free(m);
}

static void cuda_close(Backend *b)
{
    Cuda *cuda = state_of(b);
    if (cuda->stream != NULL)
        cudaStreamSynchronize(cuda->stream);
    if (cuda->blas != NULL)
        cublasDestroy(cuda->blas);
    if (cuda->memory != NULL)
        close_memory(cuda->memory);
    if (cuda->stream != NULL)
        cudaStreamDestroy(cuda->stream);
    free(cuda);
    free(b);
}

static cudaError_t open_slot(Slot *s)
{
    cudaError_t e = cudaMallocHost((void **)&s->pinned, slot_bytes);
    if (e == cudaSuccess)
        e = cudaMalloc((void **)&s->staging, slot_bytes);
    if (e == cudaSuccess)
        e = cudaEventCreateWithFlags(&s->arrived, cudaEventDisableTiming);
    if (e == cudaSuccess)
        e = cudaEventCreateWithFlags(&s->taken, cudaEventDisableTiming);
    return e;
}

static cudaError_t open_device(Cuda *cuda)
{
    struct CudaMemory *m = cuda->memory;
    cudaError_t e = cudaSetDevice(cuda->device);
    if (e == cudaSuccess)
        e = cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking);
    if (e == cudaSuccess)
        e = cudaStreamCreateWithFlags(&m->transfers, cudaStreamNonBlocking);
    for (int i = 0; e == cudaSuccess && i < SLOTS; i++)
        e = open_slot(&m->slot[i]);
    if (e == cudaSuccess)
        e = cudaMalloc(&m->blas_workspace, BLAS_BYTES);
    return e;
}

/* The stream comes first: it resets the workspace. */
static cublasStatus_t open_blas(Cuda *cuda)
{
    cublasStatus_t s = cublasCreate(&cuda->blas);
    if (s == CUBLAS_STATUS_SUCCESS)
        s = cublasSetStream(cuda->blas, cuda->stream);
    if (s == CUBLAS_STATUS_SUCCESS)
        s = cublasSetWorkspace(cuda->blas, cuda->memory->blas_workspace, BLAS_BYTES);
    return s;
}

static void fill(Backend *b)
{
    b->alloc = cuda_alloc;
    b->release = cuda_release;
    b->upload = cuda_upload;
    b->download = cuda_download;
    b->copy = cuda_copy;
    b->sync = cuda_sync;
    b->record_begin = cuda_record_begin;
    b->record_end = cuda_record_end;
    b->replay = cuda_replay;
    b->forget = cuda_forget;
    b->close = cuda_close;
    b->sgd = cuda_sgd;
    b->adam = cuda_adam;
#define OP(name, n_in, n_optional, Param, reads, flags) \
    b->forward[OP_##name] = op_##name##_forward_cuda;   \
    b->backward[OP_##name] = op_##name##_backward_cuda; \
    b->scratch[OP_##name] = op_##name##_scratch_cuda;
#include "libtensor/ops.def"
#undef OP
}

/* What training nets have between their convolutions. Statistics, parameters and their gradients
 * stay float. */
static void fill_half(Backend *b)
{
    const Op image_to_image[] = {OP_conv2d,     OP_conv_transpose2d, OP_batch_norm, OP_relu,
                                 OP_leaky_relu, OP_max_halves,       OP_max_pool2d, OP_avg_pool2d};
    for (Op op : image_to_image)
        b->half[op] = READS_IN(0) | READS_OUT;
    b->half[OP_add] = READS_IN(0) | READS_IN(1) | READS_OUT;
}

static Backend *new_backend(CudaOptions options)
{
    Backend *b = (Backend *)calloc(1, sizeof *b);
    Cuda *cuda = (Cuda *)calloc(1, sizeof *cuda);
    struct CudaMemory *m = (struct CudaMemory *)calloc(1, sizeof *m);

    if (b == NULL || cuda == NULL || m == NULL) {
        free(b);
        free(cuda);
        free(m);
        return NULL;
    }
    snprintf(m->name, sizeof m->name, "cuda:%d", options.device);
    cuda->device = options.device;
    cuda->precision = options.precision;
    cuda->memory = m;
    b->state = cuda;
    b->name = m->name;
    fill(b);
    if (sizeof(real) == 4 && options.precision == PRECISION_BF16)
        fill_half(b);
    return b;
}

int cuda_device_count(void)
{
    int n = 0;
    if (cudaGetDeviceCount(&n) == cudaSuccess)
        return n;
    cudaGetLastError();
    return 0;
}

static bool check_device(int device, Error *err)
{
    int n = 0;
    cudaError_t e = cudaGetDeviceCount(&n);
    if (e != cudaSuccess || n == 0) {
        cudaGetLastError();
        return error_set(err, "there is no CUDA device here (%s); run on the cpu",
                         e == cudaErrorInsufficientDriver
                             ? "no NVIDIA driver, or one that is too old"
                         : e == cudaSuccess ? "the driver lists none"
                                            : cudaGetErrorString(e));
    }
    if (device < 0 || device >= n)
        return error_set(err, "there is no cuda:%d: the devices here are cuda:0 to cuda:%d", device,
                         n - 1);
    return true;
}

Backend *backend_cuda_open(CudaOptions options, Error *err)
{
    if (!check_device(options.device, err))
        return NULL;
    Backend *b = new_backend(options);
    if (b == NULL) {
        error_set(err, "cuda:%d: out of memory", options.device);
        return NULL;
    }
    Cuda *cuda = state_of(b);
    cudaError_t e = open_device(cuda);
    cublasStatus_t s = e == cudaSuccess ? open_blas(cuda) : CUBLAS_STATUS_SUCCESS;
    if (e == cudaSuccess && s == CUBLAS_STATUS_SUCCESS) {
        cuda->memory->failed = options.failed;
        cuda->memory->user = options.user;
        return b;
    }
    cudaGetLastError();
    error_set(err, "cuda:%d cannot be used: %s", options.device,
              e != cudaSuccess ? cudaGetErrorString(e) : cublasGetStatusString(s));
    cuda_close(b);
    return NULL;
}
