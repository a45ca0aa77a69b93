/* A child process on two pipes, with time limits: what a process engine (process.c) talks to. */
#ifndef ENGINE_CHILD_H
#define ENGINE_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libtensor/error.h"

typedef struct Child {
    pid_t pid;
    int to, from; /* its standard input and output; its standard error is ours */
} Child;

/* A moment on the monotonic clock, in nanoseconds. */
typedef int64_t Deadline;
Deadline deadline_after(double seconds);

typedef enum ChildState {
    CHILD_FINE,
    CHILD_GONE, /* it ended, or closed the pipe */
    CHILD_LATE  /* the deadline came first */
} ChildState;

/* Starts argv (looked for in PATH if it names no folder) in folder dir, in a process group of its
 * own: a Ctrl-C at the terminal is the parent's to handle. It inherits no other descriptor. */
bool child_start(Child *child, char *const argv[], const char *dir, Error *err);

/* All n bytes, or how it is that they did not go. Never raises SIGPIPE. */
ChildState child_write(Child *child, const void *data, size_t n, Deadline deadline);
ChildState child_read(Child *child, void *data, size_t n, Deadline deadline);

/* What an idle child is up to: CHILD_LATE when it is silent, as it should be; CHILD_FINE when
 * there is something to read; CHILD_GONE. */
ChildState child_idle(const Child *child);

enum { CHILD_END_TEXT = 96 };

/* Closes its input, which asks it to leave; for many that shall leave at the same time. */
void child_dismiss(Child *child);

/* Closes the pipes, gives it until the deadline to leave, kills it and what it started, and reaps
 * it. how: "exited with status 3", "was killed by signal 11 (Segmentation fault)",
 * "closed its pipe" when it was still there. */
void child_end(Child *child, Deadline deadline, char how[static CHILD_END_TEXT]);

#endif
