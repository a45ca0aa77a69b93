/* The option --engine, the same in every program: which engine's characters it works on. */
#ifndef APPS_ENGINE_OPTION_H
#define APPS_ENGINE_OPTION_H

#include "engine/engine.h"

/* "builtin:NAME": the embedded engine with the schema NAME (male, female, girl, paper-male, ...). */
bool engine_option_open(Engine **engine, const char *name, Error *err);

#endif
