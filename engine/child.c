#include "config.h" /* _GNU_SOURCE before any system header */

#include "engine/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

Deadline deadline_after(double seconds)
{
    return now() + (int64_t)(seconds * 1e9);
}

/* For poll, rounded up so that it does not spin in the last millisecond. */
static int milliseconds_left(Deadline deadline)
{
    int64_t left = (deadline - now() + 999999) / 1000000;
    return left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left;
}

/* input, output: the child's ends. Returns an errno. */
static int spawn(pid_t *pid, char *const argv[], const char *dir, int input, int output)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    int why = posix_spawn_file_actions_init(&files);
    if (why)
        return why;
    why = posix_spawnattr_init(&attributes);
    if (why) {
        posix_spawn_file_actions_destroy(&files);
        return why;
    }
    if (!(why = posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO)) &&
        !(why = posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO)) &&
        !(why = posix_spawn_file_actions_addchdir_np(&files, dir)) &&
        !(why =
              posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                        POSIX_SPAWN_SETSIGDEF)) &&
        !(why = posix_spawnattr_setpgroup(&attributes, 0)) &&
        !(why = posix_spawnattr_setsigmask(&attributes, &none)) &&
        !(why = posix_spawnattr_setsigdefault(&attributes, &usual)))
        why = posix_spawnp(pid, argv[0], &files, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return why;
}

bool child_start(Child *child, char *const argv[], const char *dir, Error *err)
{
    /* A socket for what we write: MSG_NOSIGNAL spares us SIGPIPE. [0] is ours. */
    int in[2], out[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0)
        return error_set(err, "no pipe to a child process: %s", strerror(errno));
    if (pipe2(out, O_CLOEXEC) != 0) {
        error_set(err, "no pipe from a child process: %s", strerror(errno));
        close(in[0]);
        close(in[1]);
        return false;
    }
    fcntl(in[0], F_SETFL, O_NONBLOCK);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    pid_t pid;
    int why = spawn(&pid, argv, dir, in[1], out[1]);
    close(in[1]);
    close(out[1]);
    if (why) {
        close(in[0]);
        close(out[0]);
        return error_set(err, "cannot be started: %s", strerror(why));
    }
    *child = (Child){.pid = pid, .to = in[0], .from = out[0]};
    return true;
}

/* Until fd is ready for `events`. */
static ChildState wait_for(int fd, short events, Deadline deadline)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, milliseconds_left(deadline));
        if (n > 0)
            return CHILD_FINE; /* an error or end shows at the next read or write */
        if (n < 0 && errno != EINTR)
            return CHILD_GONE;
        if (n == 0 && now() >= deadline)
            return CHILD_LATE;
    }
}

ChildState child_write(Child *child, const void *data, size_t n, Deadline deadline)
{
    const char *at = data;
    while (n > 0) {
        ssize_t sent = send(child->to, at, n, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            n -= (size_t)sent;
        } else if (sent < 0 && errno != EINTR && errno != EAGAIN) {
            return CHILD_GONE;
        } else {
            ChildState state = wait_for(child->to, POLLOUT, deadline);
            if (state != CHILD_FINE)
                return state;
        }
    }
    return CHILD_FINE;
}

ChildState child_read(Child *child, void *data, size_t n, Deadline deadline)
{
    char *at = data;
    while (n > 0) {
        ssize_t got = read(child->from, at, n);
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
            return CHILD_GONE;
        } else {
            ChildState state = wait_for(child->from, POLLIN, deadline);
            if (state != CHILD_FINE)
                return state;
        }
    }
    return CHILD_FINE;
}

ChildState child_idle(const Child *child)
{
    struct pollfd p = {.fd = child->from, .events = POLLIN};
    if (poll(&p, 1, 0) <= 0)
        return CHILD_LATE;
    return p.revents & POLLIN ? CHILD_FINE : CHILD_GONE;
}

/* Whether it has ended; it stays a zombie, so that its process group keeps its number. */
static bool has_ended(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    int r;
    do {
        r = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
    } while (r != 0 && errno == EINTR);
    return r != 0 || info.si_pid == pid;
}

void child_dismiss(Child *child)
{
    if (child->to >= 0)
        close(child->to);
    child->to = -1;
}

void child_end(Child *child, Deadline deadline, char how[static CHILD_END_TEXT])
{
    child_dismiss(child);
    close(child->from);
    bool left = has_ended(child->pid);
    while (!left && now() < deadline) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        left = has_ended(child->pid);
    }
    kill(-child->pid, SIGKILL);
    kill(child->pid, SIGKILL); /* it may have gone to another group */
    int status;
    pid_t reaped;
    do {
        reaped = waitpid(child->pid, &status, 0);
    } while (reaped < 0 && errno == EINTR);
    *child = (Child){.to = -1, .from = -1};
    if (reaped < 0) /* somebody ignores SIGCHLD */
        snprintf(how, CHILD_END_TEXT, "ended");
    else if (!left)
        snprintf(how, CHILD_END_TEXT, "closed its pipe");
    else if (WIFSIGNALED(status))
        snprintf(how, CHILD_END_TEXT, "was killed by signal %d (%.48s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(how, CHILD_END_TEXT, "exited with status %d", WEXITSTATUS(status));
}
