/* The program evaluate: what its commands share. */
#ifndef APPS_EVALUATE_H
#define APPS_EVALUATE_H

#include <argp.h>

#include "apps/studio.h"

/* Each takes the arguments after its name, argv[0] being "evaluate NAME", and ends like a main. */
int evaluate_verify(int argc, char **argv);
int evaluate_translator(int argc, char **argv);
int evaluate_ablation(int argc, char **argv);

/* The command line, to be shown in a report; the caller frees it. (In app_command's the program's
 * name and the command's are one word.) */
char *evaluate_command(void);

/* An argp child that fills a StudioConfig (its input) with one model: --engine, --imitator,
 * --segmenter, --descriptor, --assets. Dies without --engine. */
extern const struct argp studio_argp;

#endif
