#include "config.h" /* _GNU_SOURCE before any system header */

#include "engine/process.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/child.h"
#include "engine/codec.h"
#include "engine/frame.h"

enum {
    PROTOCOL = 1,
    HEADER = 8,      /* a message: four letters, uint32 bytes that follow */
    HELLO = 40,      /* "HELO": version, dim, the schema's name in 32 bytes */
    HELLO_BACK = 12, /* "SELF": version, dim, abilities */
    VIEW_FLOATS = 13,
    DRAW_HEAD = 8 + 4 * VIEW_FLOATS, /* "DRAW": size, what is wanted, the view; then x */
    PICTURE_HEAD = 16,               /* "PICT": width, height, format, bytes of the picture */
    TEXT_MOST = 4096,                /* "FAIL": why, in words */
    MAX_WORKERS = 256,
    TITLE = 128
};

enum { WANT_LABELS = 1 };

enum { FORMAT_RGB, FORMAT_RGBA, FORMAT_PNG };

/* Seconds that a worker has to leave when its input is closed, and to be buried when it is gone. */
static const double PATIENCE = 1;

typedef struct Worker {
    Child child;
    bool running, busy;
} Worker;

/* A time limit, and the field of FILE.json that sets it. */
typedef struct Limit {
    double seconds;
    const char *field;
} Limit;

typedef struct Process {
    Engine base;
    char *path, *dir; /* of FILE.json */
    char **argv;
    char title[TITLE]; /* the command, for errors */
    Limit limit, start_limit;
    pthread_mutex_t mutex; /* guards busy */
    pthread_cond_t freed;
    int n_workers;
    Worker *worker;
} Process;

/* How an exchange with a worker ended. */
typedef enum Outcome {
    DONE,
    DIED,  /* worth another try */
    BROKEN /* it hangs or lies: stopped */
} Outcome;

typedef struct Answer {
    char kind[5];
    uint8_t *payload; /* n bytes from malloc */
    size_t n;
} Answer;

/* ---- Bytes ---- */

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put_f32(uint8_t *at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_u32(at, bits);
}

static void put_header(uint8_t *at, const char *kind, size_t payload)
{
    memcpy(at, kind, 4);
    put_u32(at + 4, (uint32_t)payload);
}

/* ---- Errors ---- */

/* why: what it did, a sentence without its subject. */
static bool complain(const Process *p, const Error *why, Error *err)
{
    return error_set(err, "%.120s: the engine \"%s\" %s", p->path, p->title, why->text);
}

static void stop(Worker *w, double patience, char how[static CHILD_END_TEXT])
{
    child_end(&w->child, deadline_after(patience), how);
    w->running = false;
}

/* The worker is gone: buries it and says how it died. */
static Outcome died(Worker *w, Error *err)
{
    char how[CHILD_END_TEXT];
    stop(w, PATIENCE, how);
    error_set(err, "%s", how);
    return DIED;
}

/* Nothing more can be believed of it. err is set. */
static Outcome broken(Worker *w)
{
    char how[CHILD_END_TEXT];
    stop(w, 0, how);
    return BROKEN;
}

/* ---- One exchange ---- */

/* Four letters as they can be printed. */
static void printable(char text[static 5], const uint8_t *bytes)
{
    for (int i = 0; i < 4; i++)
        text[i] = (char)(bytes[i] >= 32 && bytes[i] < 127 ? bytes[i] : '?');
    text[4] = '\0';
}

/* Reads an answer of a kind, of at most `most` bytes, or "FAIL". The payload ends in a 0. */
static Outcome read_answer(Worker *w, const char *kind, size_t most, Deadline deadline,
                           Answer *answer, ChildState *state, Error *err)
{
    uint8_t header[HEADER];
    *answer = (Answer){.payload = NULL};
    *state = child_read(&w->child, header, sizeof header, deadline);
    if (*state != CHILD_FINE)
        return BROKEN;
    printable(answer->kind, header);
    answer->n = get_u32(header + 4);
    bool failed = strcmp(answer->kind, "FAIL") == 0;
    if (!failed && strcmp(answer->kind, kind) != 0) {
        error_set(err,
                  "answered \"%s\" where \"%s\" should be: it does not speak the protocol, or "
                  "prints on its standard output (see doc/engine-protocol.md)",
                  answer->kind, kind);
        return BROKEN;
    }
    if (failed)
        most = TEXT_MOST;
    if (answer->n > most) {
        error_set(err, "announced a \"%s\" of %zu bytes where %zu are the most", answer->kind,
                  answer->n, most);
        return BROKEN;
    }
    answer->payload = malloc(answer->n + 1);
    if (!answer->payload) {
        error_set(err, "out of memory for an answer of %zu bytes", answer->n);
        return BROKEN;
    }
    *state = child_read(&w->child, answer->payload, answer->n, deadline);
    answer->payload[answer->n] = '\0';
    return *state == CHILD_FINE ? DONE : BROKEN;
}

/* Sends a message and reads its answer, which is the caller's to free if DONE. A worker that did
 * not keep to the protocol is stopped. */
static Outcome exchange(Worker *w, const uint8_t *message, size_t n, const char *kind, size_t most,
                        Limit limit, Answer *answer, Error *err)
{
    Deadline deadline = deadline_after(limit.seconds);
    *answer = (Answer){.payload = NULL};
    ChildState state = child_write(&w->child, message, n, deadline);
    Outcome outcome = BROKEN;
    if (state == CHILD_FINE)
        outcome = read_answer(w, kind, most, deadline, answer, &state, err);
    if (outcome == DONE)
        return DONE;
    free(answer->payload);
    answer->payload = NULL;
    if (state == CHILD_GONE)
        return died(w, err);
    if (state == CHILD_LATE)
        error_set(err, "gave no answer within %g s and was stopped; \"%s\" gives it more time",
                  limit.seconds, limit.field);
    return broken(w);
}

static Outcome check_hello(const Process *p, Worker *w, const Answer *a, unsigned *can, Error *err)
{
    if (strcmp(a->kind, "FAIL") == 0) {
        error_set(err, "refuses to start: %.300s", (const char *)a->payload);
        return broken(w);
    }
    if (a->n != HELLO_BACK) {
        error_set(err, "sent a \"SELF\" of %zu bytes instead of %d", a->n, HELLO_BACK);
        return broken(w);
    }
    uint32_t version = get_u32(a->payload), dim = get_u32(a->payload + 4);
    if (version != PROTOCOL) {
        error_set(err, "speaks version %u of the protocol, and this is version %d", version,
                  PROTOCOL);
        return broken(w);
    }
    if (dim != (uint32_t)p->base.schema->dim) {
        error_set(err, "takes %u parameters, and the schema %s has %d", dim, p->base.schema->name,
                  p->base.schema->dim);
        return broken(w);
    }
    *can = get_u32(a->payload + 8);
    if (*can & ~(unsigned)(ENGINE_LABELS | ENGINE_VIEW | ENGINE_BACKGROUND)) {
        error_set(err, "claims abilities %#x, and only 1, 2 and 4 are known", *can);
        return broken(w);
    }
    return DONE;
}

/* Starts a worker and greets it. */
static Outcome start(const Process *p, Worker *w, unsigned *can, Error *err)
{
    if (!child_start(&w->child, p->argv, p->dir, err))
        return BROKEN;
    w->running = true;
    uint8_t message[HEADER + HELLO] = {0};
    put_header(message, "HELO", HELLO);
    put_u32(message + HEADER, PROTOCOL);
    put_u32(message + HEADER + 4, (uint32_t)p->base.schema->dim);
    memcpy(message + HEADER + 8, p->base.schema->name, strlen(p->base.schema->name));
    Answer answer;
    Outcome outcome =
        exchange(w, message, sizeof message, "SELF", HELLO_BACK, p->start_limit, &answer, err);
    if (outcome == DIED)
        error_set(err, "did not start: it %s", err->text);
    if (outcome != DONE)
        return outcome;
    outcome = check_hello(p, w, &answer, can, err);
    free(answer.payload);
    return outcome;
}

/* A worker that is running and silent; one that died since it was last used is replaced. */
static Outcome wake(const Process *p, Worker *w, Error *err)
{
    if (w->running) {
        char how[CHILD_END_TEXT];
        switch (child_idle(&w->child)) {
        case CHILD_LATE:
            return DONE;
        case CHILD_FINE:
            error_set(err, "sent bytes after its answer that nobody asked for");
            return broken(w);
        case CHILD_GONE:
            stop(w, PATIENCE, how);
        }
    }
    unsigned can;
    Outcome outcome = start(p, w, &can, err);
    if (outcome == DONE && can != p->base.can) {
        error_set(err, "claims other abilities than when it was first started");
        return broken(w);
    }
    return outcome == DIED ? BROKEN : outcome; /* no hope in starting it once more */
}

/* ---- A picture ---- */

/* The message "DRAW", from malloc. */
static uint8_t *draw_message(const Process *p, const float *x, const RenderOptions *o, bool labels,
                             size_t *n)
{
    size_t payload = DRAW_HEAD + 4 * (size_t)p->base.schema->dim;
    uint8_t *message = malloc(HEADER + payload);
    if (!message)
        return NULL;
    const float view[VIEW_FLOATS] = {o->yaw,
                                     o->pitch,
                                     o->roll,
                                     o->focal,
                                     o->distance,
                                     o->light_yaw,
                                     o->light_pitch,
                                     o->light_warmth,
                                     o->light_gain,
                                     o->ambient_gain,
                                     o->light_colour[0],
                                     o->light_colour[1],
                                     o->light_colour[2]};
    put_header(message, "DRAW", payload);
    put_u32(message + HEADER, (uint32_t)o->size);
    put_u32(message + HEADER + 4, labels ? WANT_LABELS : 0);
    uint8_t *at = message + HEADER + 8;
    for (int i = 0; i < VIEW_FLOATS; i++, at += 4)
        put_f32(at, view[i]);
    for (int i = 0; i < p->base.schema->dim; i++, at += 4)
        put_f32(at, x[i]);
    *n = HEADER + payload;
    return message;
}

/* Opaque or straight-alpha RGBA of the answer's picture, from malloc. */
static uint8_t *decode(const uint8_t *picture, size_t n, uint32_t format, const RenderOptions *o,
                       Error *err)
{
    size_t pixels = (size_t)o->size * (size_t)o->size;
    if (format == FORMAT_PNG) {
        int width, height;
        if (!codec_size(picture, n, &width, &height)) {
            error_set(err, "sent a PNG that is none");
            return NULL;
        }
        if (width != o->size || height != o->size) {
            error_set(err, "sent a PNG of %d x %d instead of %d x %d", width, height, o->size,
                      o->size);
            return NULL;
        }
        uint8_t *rgba = frame_decode(picture, n, o->size, err);
        if (!rgba)
            error_set(err, "sent a bad PNG: %s", err->text);
        return rgba;
    }
    size_t channels = format == FORMAT_RGB ? 3 : 4;
    if (format > FORMAT_RGBA) {
        error_set(err, "sent a picture of format %u, and 0, 1 and 2 are known", format);
        return NULL;
    }
    if (n != channels * pixels) {
        error_set(err, "sent a frame of %zu bytes instead of %zu", n, channels * pixels);
        return NULL;
    }
    uint8_t *rgba = malloc(4 * pixels);
    if (!rgba) {
        error_set(err, "out of memory for a picture");
        return NULL;
    }
    for (size_t i = 0; i < pixels; i++) {
        memcpy(rgba + 4 * i, picture + channels * i, channels);
        if (channels == 3)
            rgba[4 * i + 3] = 255;
    }
    return rgba;
}

static bool take_picture(const Answer *a, const RenderOptions *o, uint8_t *rgb, uint8_t *labels,
                         Error *err)
{
    if (strcmp(a->kind, "FAIL") == 0)
        return error_set(err, "cannot draw this character: %.300s", (const char *)a->payload);
    if (a->n < PICTURE_HEAD)
        return error_set(err, "sent a \"PICT\" of only %zu bytes", a->n);
    uint32_t width = get_u32(a->payload), height = get_u32(a->payload + 4),
             format = get_u32(a->payload + 8), bytes = get_u32(a->payload + 12);
    size_t rest = a->n - PICTURE_HEAD, pixels = (size_t)o->size * (size_t)o->size;
    if (width != (uint32_t)o->size || height != (uint32_t)o->size)
        return error_set(err, "sent a picture of %u x %u instead of %d x %d", width, height,
                         o->size, o->size);
    if (bytes > rest)
        return error_set(err, "announced a picture of %u bytes and sent %zu", bytes, rest);
    if (rest - bytes != (labels ? pixels : 0))
        return error_set(err, "sent %zu bytes after the picture where %zu of labels belong",
                         rest - bytes, labels ? pixels : 0);
    const uint8_t *picture = a->payload + PICTURE_HEAD, *map = picture + bytes;
    if (labels && !frame_check_labels(map, o->size, err))
        return error_set(err, "sent bad labels: %s", err->text);
    uint8_t *rgba = decode(picture, bytes, format, o, err);
    if (!rgba)
        return false;
    frame_compose(rgba, o, rgb);
    if (labels)
        memcpy(labels, map, pixels);
    free(rgba);
    return true;
}

/* The largest "PICT" there can be: a PNG of noise is a little larger than its pixels. */
static size_t most_bytes(const RenderOptions *o)
{
    size_t pixels = (size_t)o->size * (size_t)o->size;
    return PICTURE_HEAD + 6 * pixels + (1 << 16);
}

/* Asks a worker, and a fresh one if it dies over it. */
static bool ask(const Process *p, Worker *w, const uint8_t *message, size_t n,
                const RenderOptions *o, Answer *answer, Error *err)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (wake(p, w, err) != DONE)
            return false;
        Outcome outcome = exchange(w, message, n, "PICT", most_bytes(o), p->limit, answer, err);
        if (outcome != DIED)
            return outcome == DONE;
    }
    return error_set(err, "died twice over the same character: it %s", err->text);
}

/* ---- The pool ---- */

/* Waits for a worker nobody uses; one that runs already is preferred. */
static Worker *take(Process *p)
{
    Worker *w = NULL;
    pthread_mutex_lock(&p->mutex);
    while (!w) {
        for (int i = 0; i < p->n_workers; i++)
            if (!p->worker[i].busy && (!w || (p->worker[i].running && !w->running)))
                w = &p->worker[i];
        if (!w)
            pthread_cond_wait(&p->freed, &p->mutex);
    }
    w->busy = true;
    pthread_mutex_unlock(&p->mutex);
    return w;
}

static void give_back(Process *p, Worker *w)
{
    pthread_mutex_lock(&p->mutex);
    w->busy = false;
    pthread_cond_signal(&p->freed);
    pthread_mutex_unlock(&p->mutex);
}

static bool render(const Engine *engine, const float *x, const RenderOptions *options, uint8_t *rgb,
                   uint8_t *labels, Error *err)
{
    Process *p = (Process *)engine; /* const to its users: only workers come and go */
    size_t n;
    uint8_t *message = draw_message(p, x, options, labels != NULL, &n);
    if (!message)
        return error_set(err, "out of memory for a message");
    Error why;
    Answer answer;
    Worker *w = take(p);
    bool ok = ask(p, w, message, n, options, &answer, &why);
    give_back(p, w);
    free(message);
    if (ok) {
        ok = take_picture(&answer, options, rgb, labels, &why);
        free(answer.payload);
    }
    return ok || complain(p, &why, err);
}

static void process_close(Engine *engine)
{
    Process *p = (Process *)engine;
    Deadline deadline = deadline_after(PATIENCE);
    char how[CHILD_END_TEXT];
    for (int i = 0; i < p->n_workers; i++)
        if (p->worker[i].running)
            child_dismiss(&p->worker[i].child);
    for (int i = 0; i < p->n_workers; i++)
        if (p->worker[i].running)
            child_end(&p->worker[i].child, deadline, how);
    for (int i = 0; p->argv && p->argv[i]; i++)
        free(p->argv[i]);
    free(p->argv);
    free(p->worker);
    free(p->path);
    free(p->dir);
    schema_free(p->base.schema);
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

/* ---- FILE.json ---- */

static bool number(const EngineFile *file, const char *key, double lo, double hi, double *value,
                   Error *err)
{
    const json_t *json = json_object_get(file->json, key);
    if (!json)
        return true;
    double v = json_number_value(json);
    if (!json_is_number(json) || !(v >= lo && v <= hi))
        return error_set(err, "%s: \"%s\" must be a number from %g to %g", file->path, key, lo, hi);
    *value = v;
    return true;
}

static bool read_command(Process *p, const EngineFile *file, Error *err)
{
    const json_t *command = json_object_get(file->json, "command");
    size_t n = json_array_size(command), used = 0;
    if (n < 1 || n > 1024)
        return error_set(err,
                         "%s: needs a \"command\", a list such as [\"python3\", \"engine.py\"]",
                         file->path);
    p->argv = calloc(n + 1, sizeof *p->argv);
    if (!p->argv)
        return error_set(err, "out of memory");
    for (size_t i = 0; i < n; i++) {
        const char *word = json_string_value(json_array_get(command, i));
        if (!word || (i == 0 && !*word))
            return error_set(err, "%s: \"command\" must be a list of texts", file->path);
        p->argv[i] = strdup(word);
        if (!p->argv[i])
            return error_set(err, "out of memory");
        if (used < sizeof p->title)
            used += (size_t)snprintf(p->title + used, sizeof p->title - used, "%s%s", i ? " " : "",
                                     word);
    }
    return true;
}

static bool configure(Process *p, const EngineFile *file, Error *err)
{
    static const char *const keys[] = {"command", "workers", "timeout_s", "start_timeout_s", NULL};
    double workers = 1;
    p->limit = (Limit){30, "timeout_s"};
    p->start_limit = (Limit){60, "start_timeout_s"};
    if (!engine_file_keys(file, keys, err) || !read_command(p, file, err) ||
        !number(file, "workers", 1, MAX_WORKERS, &workers, err) ||
        !number(file, p->limit.field, 0.001, 86400, &p->limit.seconds, err) ||
        !number(file, p->start_limit.field, 0.001, 86400, &p->start_limit.seconds, err))
        return false;
    if (workers != floor(workers))
        return error_set(err, "%s: \"workers\" must be a whole number", file->path);
    p->n_workers = (int)workers;
    p->worker = calloc((size_t)p->n_workers, sizeof *p->worker);
    p->path = strdup(file->path);
    p->dir = strdup(file->dir);
    return (p->worker && p->path && p->dir) || error_set(err, "out of memory");
}

bool process_open(Engine **engine, const EngineFile *file, Schema *schema, Error *err)
{
    static const EngineClass class = {.render = render, .close = process_close};
    Process *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(err, "out of memory");
    p->base = (Engine){.class = &class, .schema = schema};
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->freed, NULL);
    Error why;
    bool ok = configure(p, file, err) &&
              (start(p, &p->worker[0], &p->base.can, &why) == DONE || complain(p, &why, err));
    if (!ok) {
        p->base.schema = NULL; /* still the caller's */
        process_close(&p->base);
        return false;
    }
    *engine = &p->base;
    return true;
}
