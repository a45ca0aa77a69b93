#include "config.h" /* _GNU_SOURCE before any system header */

#include "apps/app.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libtensor/atomic_file.h"

const char *argp_program_version = PACKAGE_STRING;

static char *command;

/* Quotes what a shell would take apart. */
static void add_word(FILE *to, const char *word)
{
    bool plain =
        *word != '\0' && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-_=+./,:@%") == strlen(word);
    if (!plain)
        fputc('\'', to);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", to);
        else
            fputc(*word, to);
    if (!plain)
        fputc('\'', to);
}

static void keep_command(int argc, char **argv)
{
    size_t n;
    FILE *to = open_memstream(&command, &n);
    if (!to)
        die("out of memory");
    for (int i = 0; i < argc; i++) {
        if (i > 0)
            fputc(' ', to);
        add_word(to, argv[i]);
    }
    if (fclose(to) != 0)
        die("out of memory");
}

const char *app_command(void)
{
    return command ? command : "";
}

void app_parse(const struct argp *parser, int argc, char **argv, void *input)
{
    keep_command(argc, argv);
    argp_err_exit_status = 2;
    argp_parse(parser, argc, argv, 0, NULL, input);
}

static void say(const char *format, va_list args, const char *end)
{
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, args);
    fputs(end, stderr);
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args, "\n");
    va_end(args);
    exit(1);
}

void die_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args, " (see --help)\n");
    va_end(args);
    exit(2);
}

void die_error(const Error *err)
{
    die("%s", err->text);
}

int64_t option_int(const char *arg, const char *option, int64_t lo, int64_t hi)
{
    char *end;
    errno = 0;
    long long value = strtoll(arg, &end, 10);
    if (errno || end == arg || *end || value < lo || value > hi)
        die_usage("%s wants a whole number from %" PRId64 " to %" PRId64 ", not '%s'", option, lo,
                  hi, arg);
    return value;
}

double option_real(const char *arg, const char *option, double lo, double hi)
{
    char *end;
    double value = strtod(arg, &end);
    if (end == arg || *end || !isfinite(value) || value < lo || value > hi)
        die_usage("%s wants a number from %g to %g, not '%s'", option, lo, hi, arg);
    return value;
}

static volatile sig_atomic_t interrupt_flag;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupt_flag = 1;
}

void catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void)
{
    return interrupt_flag;
}

bool make_folder(const char *path, Error *err)
{
    char part[4096];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return error_set(err, "'%.80s' cannot be the name of a folder", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        struct stat st;
        if (mkdir(part, 0777) != 0 && (stat(part, &st) != 0 || !S_ISDIR(st.st_mode)))
            return error_set(err, "the folder %.400s cannot be made: %s", part, strerror(errno));
    }
    if (access(path, W_OK) != 0)
        return error_set(err, "the folder %.400s cannot be written to: %s", path, strerror(errno));
    return true;
}

char *path_join(const char *dir, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        die("out of memory");
    return path;
}

double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Copies the lines of an old log whose step is at most keep. */
static void copy_lines(FILE *from, FILE *to, int64_t keep)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, from) > 0) {
        json_t *object = json_loads(line, 0, NULL);
        json_t *step = json_object_get(object, "step");
        if (json_is_integer(step) && json_integer_value(step) <= keep)
            fputs(line, to);
        json_decref(object);
    }
    free(line);
}

bool json_log_open(FILE **log, const char *path, int64_t keep, Error *err)
{
    AtomicFile file;
    if (!atomic_file_open(&file, path, err))
        return false;
    FILE *old = keep >= 0 ? fopen(path, "r") : NULL;
    if (old) {
        copy_lines(old, file.stream, keep);
        fclose(old);
    }
    if (!atomic_file_commit(&file, err))
        return false;
    FILE *stream = fopen(path, "a");
    if (!stream)
        return error_set(err, "%.400s cannot be written to: %s", path, strerror(errno));
    *log = stream;
    return true;
}

void json_print(json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(json);
}

void json_log_write(FILE *log, json_t *line)
{
    bool ok = line && json_dumpf(line, log, JSON_COMPACT | JSON_REAL_PRECISION(7)) == 0 &&
              fputc('\n', log) != EOF && fflush(log) == 0;
    json_decref(line);
    if (!ok)
        die("the log cannot be written: %s", strerror(errno));
}
