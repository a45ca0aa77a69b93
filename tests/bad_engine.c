/* An engine as a program, and every way in which one can go wrong: bad_engine MODE DIM [FILE].
 * What it draws depends on x, the size and the yaw. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/codec.h"

enum { RGB, RGBA, PNG };

static const char *mode;

static bool is(const char *name)
{
    return strcmp(mode, name) == 0;
}

static void get(void *data, size_t n)
{
    if (fread(data, 1, n, stdin) != n)
        exit(0);
}

static void put(const void *data, size_t n)
{
    if (fwrite(data, 1, n, stdout) != n)
        exit(9);
}

static void put_message(const char *kind, const void *payload, uint32_t n)
{
    put(kind, 4);
    put(&n, 4);
    put(payload, n);
    fflush(stdout);
}

static void sleep_long(void)
{
    for (;;)
        pause();
}

/* Leaves a process behind whose number is in the file. */
static void fork_another(const char *file)
{
    pid_t pid = fork();
    if (pid == 0)
        sleep_long();
    FILE *f = fopen(file, "w");
    if (pid < 0 || !f || fprintf(f, "%d", (int)pid) < 0 || fclose(f) != 0)
        exit(7);
}

static void hello(uint32_t dim, const char *file)
{
    uint32_t self[3] = {1, dim, is("labels") || is("bad-label") ? 1 : is("view") ? 2 : 0};
    if (is("exits"))
        exit(3);
    if (is("aborts"))
        abort();
    if (is("chats")) {
        puts("Hello, world! This is no engine.");
        fflush(stdout);
    }
    if (is("silent"))
        sleep_long();
    if (is("refuses")) {
        put_message("FAIL", "no licence", 10);
        exit(0);
    }
    self[0] += is("version");
    self[1] += is("dim");
    self[2] |= is("abilities") ? 64 : is("rgba") ? 4 : 0;
    if (is("deaf"))
        close(0);
    if (is("forks"))
        fork_another(file);
    put_message("SELF", self, is("short-hello") ? 8 : sizeof self);
    if (is("deaf"))
        sleep_long();
}

/* How many descriptors this process was given, and whether its process group is its own. */
static void tell_of_itself(void)
{
    char text[64];
    int open = 0;
    for (int fd = 0; fd < 256; fd++)
        open += fcntl(fd, F_GETFD) != -1;
    int n = snprintf(text, sizeof text, "%d descriptors, %s group", open,
                     getpgrp() == getpid() ? "its own" : "another's");
    put_message("FAIL", text, (uint32_t)n);
}

/* Ends the process at the first picture: the file says that it has happened. */
static void die_once(const char *file)
{
    int fd = open(file, O_CREAT | O_EXCL | O_WRONLY, 0666);
    if (fd >= 0)
        raise(SIGSEGV);
}

static uint8_t *paint(const float *x, uint32_t dim, uint32_t size, float yaw, uint32_t channels)
{
    size_t n = (size_t)size * size;
    uint8_t *pixel = malloc(n * channels);
    if (!pixel)
        exit(8);
    for (size_t i = 0; i < n; i++)
        for (uint32_t c = 0; c < channels; c++)
            pixel[i * channels + c] =
                c == 3 ? (uint8_t)(i % 256)
                       : (uint8_t)(200 * x[(i + c) % dim] + (float)(i % 7) + yaw);
    return pixel;
}

static void draw(uint32_t dim, const char *file)
{
    uint32_t size, wanted;
    float view[13], *x = malloc(dim * sizeof *x);
    if (!x)
        exit(8);
    get(&size, 4);
    get(&wanted, 4);
    get(view, sizeof view);
    get(x, dim * sizeof *x);
    if (is("dies"))
        exit(5);
    if (is("dies-once"))
        die_once(file);
    if (is("hangs"))
        sleep_long();
    if (is("slow"))
        nanosleep(&(struct timespec){.tv_nsec = (long)(20e6 * (double)x[0])}, NULL);
    if (is("fails")) {
        put_message("FAIL", "the hat is missing", 18);
        free(x);
        return;
    }
    if (is("self")) {
        tell_of_itself();
        free(x);
        return;
    }
    bool png = is("png") || is("corrupt-png") || is("small-png") || is("no-png");
    uint32_t channels = is("rgba") ? 4 : 3, side = size + is("size") - is("small-png");
    uint8_t *pixel = paint(x, dim, side, view[0], channels);
    size_t n = (size_t)side * side * channels;
    if (png) {
        uint8_t *packed = codec_encode_png(pixel, (int)side, (int)side, 3, &n);
        free(pixel);
        pixel = packed;
    }
    if (is("corrupt-png"))
        memset(pixel + n / 2, 0, n / 2);
    if (is("no-png"))
        pixel[1] = 'Q';
    n -= is("short") ? 30 : 0;
    uint32_t head[4] = {is("small-png") ? size : side, is("small-png") ? size : side,
                        png             ? PNG
                        : channels == 4 ? RGBA
                                        : RGB,
                        (uint32_t)n};
    head[2] = is("format") ? 7 : head[2];
    head[3] += is("announces") ? 1000000 : 0;
    size_t labels = wanted & 1 ? (size_t)size * size : 0, extra = is("extra") ? 5 : 0;
    uint32_t all = (uint32_t)(sizeof head + n + labels + extra);
    all = is("huge") ? 0xfffffff0u : all;
    put("PICT", 4);
    put(&all, 4);
    put(head, sizeof head);
    if (is("cut")) {
        put(pixel, n / 2);
        exit(6);
    }
    put(pixel, n);
    for (size_t i = 0; i < labels; i++)
        putchar(is("bad-label") ? 11 : (int)(i % 11));
    for (size_t i = 0; i < extra; i++)
        putchar('x');
    if (is("garbage"))
        fputs("one more thing", stdout);
    fflush(stdout);
    free(pixel);
    free(x);
}

int main(int argc, char **argv)
{
    static char
        answer[1 << 16]; /* leaves in one piece: no moment between a picture and what follows */
    if (argc < 3)
        return 2;
    setvbuf(stdout, answer, _IOFBF, sizeof answer);
    mode = argv[1];
    uint32_t dim = (uint32_t)atoi(argv[2]);
    for (;;) {
        char kind[5] = "";
        uint32_t n;
        if (fread(kind, 1, 4, stdin) != 4)
            break;
        get(&n, 4);
        if (strcmp(kind, "HELO") == 0) {
            char rest[40];
            get(rest, sizeof rest);
            hello(dim, argc > 3 ? argv[3] : "");
        } else {
            draw(dim, argc > 3 ? argv[3] : "");
        }
    }
    if (is("stays"))
        sleep_long();
    return 0;
}
