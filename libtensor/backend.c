/* What is done with any backend. */
#include "libtensor/backend.h"

/* A piece from the host, the rest by doubling on the device: few calls, for each has its price. */
void backend_zero(Backend *backend, void *memory, size_t bytes)
{
    static const unsigned char zero[4096];
    unsigned char *to = memory;
    size_t done = bytes < sizeof zero ? bytes : sizeof zero;
    if (done > 0)
        backend->upload(backend, to, zero, done);
    while (done < bytes) {
        size_t more = bytes - done < done ? bytes - done : done;
        backend->copy(backend, to + done, to, more);
        done += more;
    }
}

void backend_close(Backend *backend)
{
    if (backend)
        backend->close(backend);
}
