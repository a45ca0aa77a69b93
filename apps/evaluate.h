/* The program evaluate: what its commands share. */
#ifndef APPS_EVALUATE_H
#define APPS_EVALUATE_H

#include <argp.h>

#include "apps/method.h"
#include "apps/report.h"
#include "apps/studio.h"

/* Each takes the arguments after its name, argv[0] being "evaluate NAME", and ends like a main. */
int evaluate_verify(int argc, char **argv);
int evaluate_recovery(int argc, char **argv);
int evaluate_translator(int argc, char **argv);
int evaluate_ablation(int argc, char **argv);

/* The command line, to be shown in a report; the caller frees it. (In app_command's the program's
 * name and the command's are one word.) */
char *evaluate_command(void);

/* An argp child that fills a StudioConfig (its input) with one model: --engine, --imitator,
 * --segmenter, --descriptor, --assets. Dies without --engine. */
extern const struct argp studio_argp;

/* ---- Results (evaluate_result.c) ---- */

/* Which engines, schemas and weights a result is of: names, digests, hashes; the caller's. */
json_t *studio_json(const Studio *studio);

/* A new result: {"evaluation": what, "program", "command", "config": config (taken over),
 * "studio"}; the caller's. */
json_t *result_new(const char *what, json_t *config, const Studio *studio);
/* Writes OUT/WHAT.json; dies when it cannot. */
void result_save(const char *out, const json_t *result);

/* Starts the page OUT/WHAT.html with the command; dies when it cannot. */
void result_page_open(Report *page, const char *out, const char *title, const json_t *result);
/* The config and the studio, and the page's end. */
void result_page_close(Report *page, const json_t *result);

/* All that the characters depend on which a method finds: its settings, the studio, and what they
 * are found in (taken over). The caller frees it. */
char *method_identity(const Studio *studio, Method method, double light, json_t *of);

/* Pearson's correlation of n pairs of values; 0 where one of them does not vary. */
double correlation(const double *x, const double *y, int64_t n);

/* ---- Lists of methods (evaluate_result.c) ---- */

typedef struct MethodList {
    int n;
    Method method[METHODS];
} MethodList;

/* "one-shot,iterative" as the option says; dies on another name, or one that is there twice. */
void method_list_parse(MethodList *list, const char *text, const char *option);
bool method_list_any(const MethodList *list, bool (*is)(Method));

#endif
