/* The options of what a studio is opened with, the same in every program of one model: argp
 * children that fill a StudioConfig (their input). */
#ifndef APPS_STUDIO_OPTION_H
#define APPS_STUDIO_OPTION_H

#include <argp.h>

#include "apps/studio.h"

extern const struct argp studio_engine_argp;     /* --engine, --descriptor, --assets, --device */
extern const struct argp studio_imitator_argp;   /* --imitator, --segmenter */
extern const struct argp studio_translator_argp; /* --translator */

#endif
