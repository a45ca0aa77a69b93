/* The program evaluate: what its commands share. */
#ifndef APPS_EVALUATE_H
#define APPS_EVALUATE_H

#include <argp.h>

#include "apps/found.h"
#include "apps/method.h"
#include "apps/report.h"
#include "apps/studio.h"

/* Each takes the arguments after its name, argv[0] being "evaluate NAME", and ends like a main. */
int evaluate_verify(int argc, char **argv);
int evaluate_recovery(int argc, char **argv);
int evaluate_search(int argc, char **argv);
int evaluate_robustness(int argc, char **argv);
int evaluate_speed(int argc, char **argv);
int evaluate_compare(int argc, char **argv);
int evaluate_translator(int argc, char **argv);
int evaluate_ablation(int argc, char **argv);

/* The command line, to be shown in a report; the caller frees it. (In app_command's the program's
 * name and the command's are one word.) */
char *evaluate_command(void);

/* An argp child that fills a StudioConfig (its input) with one model: --engine, --imitator,
 * --segmenter, --descriptor, --assets. Dies without --engine. */
extern const struct argp studio_argp;

typedef struct MethodList {
    int n;
    Method method[METHODS];
} MethodList;

/* ---- Results (evaluate_result.c) ---- */

/* Which engines, schemas and weights a result is of: names, digests, hashes; the caller's. */
json_t *studio_json(const Studio *studio);

/* A new result: {"evaluation": what, "program", "command", "config": config (taken over),
 * "studio"}; the caller's. */
json_t *result_new(const char *what, json_t *config, const Studio *studio);
/* A search's settings: steps, seed, weights of the losses; the caller's. */
json_t *finder_json(const FinderConfig *config);
/* Adds those of every method in the list that searches to a config; light: as method_run has it. */
void config_add_searches(json_t *config, const MethodList *list, double light);
/* Writes OUT/WHAT.json; dies when it cannot. */
void result_save(const char *out, const json_t *result);

/* Starts the page OUT/WHAT.html with the command; dies when it cannot. */
void result_page_open(Report *page, const char *out, const char *title, const json_t *result);
/* The config and the studio, and the page's end. */
void result_page_close(Report *page, const json_t *result);

/* The numbers of an object as bars, in columns if there are many. */
void page_bars(Report *page, const char *title, const json_t *values);

/* All that the characters depend on which a method finds: its settings, the studio, and what they
 * are found in (taken over). The caller frees it. */
char *method_identity(const Studio *studio, Method method, double light, json_t *of);

/* Pearson's correlation of n pairs of values; 0 where one of them does not vary. */
double correlation(const double *x, const double *y, int64_t n);

/* ---- Parameters that are known (evaluate_parts.c) ---- */

typedef struct Parts Parts;

Parts *parts_new(void);
void parts_free(Parts *parts);
/* A character, in truth and as it was found. It counts for "all" and by component; by_name: macro
 * and appearance controls each by their own names. */
void parts_add(Parts *parts, const Schema *schema, bool by_name, const float *truth,
               const float *found);
/* {"error": {component: mean |x - found|}, "correlation": {component: r, of the deviations from the
 * schema's means}}; the caller's. */
json_t *parts_json(const Parts *parts);

/* ---- Pictures (evaluate_result.c) ---- */

/* n zeroed items; dies when memory is out. */
void *need(size_t n, size_t size);

/* Picture i, planar, 3 x size x size; false: it shows no face. */
typedef bool PictureOf(void *context, int64_t i, real *picture);

/* What a method finds in n pictures, one after the other, with progress; kept in
 * OUT/NAME-METHOD.found so that a stopped run goes on. of: what tells the pictures from others
 * (taken over). Where there is no face x is 0. Dies, with what is done saved, when interrupted.
 * *each: seconds of a picture that was not there yet, 0 if all were. */
void find_characters(Studio *studio, Method method, double light, PictureOf *picture, void *context,
                     json_t *of, int64_t n, const char *out, const char *name, Found *found,
                     double *each);

/* Mean of |a - b| over n values. */
double pixel_error(const real *a, const real *b, size_t n);

/* Pictures on the studio's reference. */
typedef struct Aligned {
    int64_t n;
    int size;
    uint8_t *rgb; /* n x size x size x 3; black where there is no face */
    bool *lost;   /* n: no face was found */
} Aligned;

void aligned_new(Aligned *aligned, int64_t n, int size);
void aligned_free(Aligned *aligned);
/* Picture i's own pixels. */
Image aligned_image(const Aligned *aligned, int64_t i);
/* The largest face of a photo becomes picture i. */
void aligned_take(Aligned *aligned, int64_t i, Studio *studio, const Image *photo);
/* A PictureOf; context: Aligned. */
bool aligned_picture(void *context, int64_t i, real *picture);
/* find_characters in all of them. */
void aligned_find(Studio *studio, Method method, double light, Aligned *aligned, const char *out,
                  const char *name, Found *found, double *each);

/* ---- Lists of methods (evaluate_result.c) ---- */

/* "one-shot,iterative" as the option says; dies on another name, or one that is there twice. */
void method_list_parse(MethodList *list, const char *text, const char *option);
bool method_list_any(const MethodList *list, bool (*is)(Method));

#endif
