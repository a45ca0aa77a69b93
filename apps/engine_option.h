/* The option --engine, the same in every program: which engine's characters it works on. */
#ifndef APPS_ENGINE_OPTION_H
#define APPS_ENGINE_OPTION_H

#include "engine/engine.h"

/* What --help says of the option's argument. */
#define ENGINE_OPTION_HELP                                                                         \
    "builtin:NAME (male, female, girl, paper-male, paper-female or paper-girl), or the FILE.json " \
    "of another engine"

/* "builtin:NAME": the embedded engine with the schema NAME; "FILE.json": engine_open_file. */
bool engine_option_open(Engine **engine, const char *name, Error *err);

#endif
