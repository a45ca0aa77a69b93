/* What the engine's tests have in common: where the schemas and the asset pack are, engines, files
 * with given text. */
#ifndef TESTS_ENGINE_FILES_H
#define TESTS_ENGINE_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/engine.h"

#define SCHEMA(name) SRCDIR "/engine/schemas/" name ".json"

enum { TEST_SKIPPED = 77 };

static inline const char *engine_pack(void)
{
    static char path[4096];
    const char *folder = getenv("VISAGIST_DATA");
    snprintf(path, sizeof path, "%s/engine.pack", folder ? folder : SRCDIR "/assets");
    return path;
}

/* Leaves main with "skipped" when set-up has not made the pack. */
static inline void need_engine_pack(void)
{
    if (access(engine_pack(), R_OK) == 0)
        return;
    printf("skipped: there is no %s; scripts/setup.sh makes it\n", engine_pack());
    exit(TEST_SKIPPED);
}

/* The embedded engine with a schema, SCHEMA("male"); NULL when it does not open, which stderr tells
 * of. */
static inline Engine *open_with_schema(const char *schema)
{
    Engine *engine = NULL;
    Error err;
    if (!engine_open_builtin(&engine, engine_pack(), schema, &err))
        fprintf(stderr, "%s\n", err.text);
    return engine;
}

/* The embedded engine once for each of n schemas, by name; engines_close closes what is open. */
static inline int engines_open(Engine **engine, const char *const *schema, int n)
{
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, SRCDIR "/engine/schemas/%s.json", schema[i]);
        engine[i] = open_with_schema(path);
        if (!engine[i])
            return -1;
    }
    return 0;
}

static inline int engines_close(Engine **engine, int n)
{
    for (int i = 0; i < n; i++)
        engine_close(engine[i]);
    return 0;
}

static inline void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

#endif
