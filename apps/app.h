/* What every program does alike: options, last words, Ctrl-C, folders, the JSON-lines log. */
#ifndef APPS_APP_H
#define APPS_APP_H

#include <argp.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "libtensor/error.h"

/* argp_parse with our conventions: --help, --usage and --version exit 0, a wrong option exits 2
 * with a sentence. parser->doc's first part says what the program does. */
void app_parse(const struct argp *parser, int argc, char **argv, void *input);

/* The command line that app_parse was given, as one could paste it into a shell. */
const char *app_command(void);

/* "PROGRAM: sentence" on stderr, exit code 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Wrong arguments: the sentence, where help is, exit code 2. */
_Noreturn void die_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* die with the text of err. */
_Noreturn void die_error(const Error *err);

/* The number in an option's argument, or a usage error naming the option and its range. */
int64_t option_int(const char *arg, const char *option, int64_t lo, int64_t hi);
double option_real(const char *arg, const char *option, double lo, double hi);

/* From now on the first Ctrl-C (SIGINT, or SIGTERM) only raises a flag, so that a program can save
 * what it has; the second ends it at once. */
void catch_interrupt(void);
bool interrupted(void);

/* mkdir -p. */
bool make_folder(const char *path, Error *err);

/* "DIR/NAME", allocated; dies when out of memory. */
char *path_join(const char *dir, const char *name);

/* Seconds on a clock that only goes forward. */
double seconds(void);

/* An object on stdout, as people and programs can read it; takes the reference. */
void json_print(json_t *json);

/* A log of one JSON object a line, each with a "step". Opens PATH and keeps of an older log only
 * the lines with step <= keep, so that a resumed run's log reads like an uninterrupted one; keep <
 * 0 starts anew. */
bool json_log_open(FILE **log, const char *path, int64_t keep, Error *err);
/* Writes one line and flushes; takes the reference (json_pack's result). Dies when the disk is
 * full. */
void json_log_write(FILE *log, json_t *line);

#endif
