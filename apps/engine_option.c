#include "apps/engine_option.h"

#include <stdlib.h>
#include <string.h>

#include "apps/paths.h"

static const char builtin[] = "builtin:", json[] = ".json";

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n > k && strcmp(text + n - k, end) == 0;
}

bool engine_option_open(Engine **engine, const char *name, Error *err)
{
    if (strncmp(name, builtin, strlen(builtin)) != 0)
        return ends_in(name, json) ? engine_open_file(engine, name, err)
                                   : error_set(err, "there is no engine %.200s; it is %s", name,
                                               ENGINE_OPTION_HELP);
    char *pack = path_asset("engine.pack"), *schema = path_schema(name + strlen(builtin));
    bool ok = engine_open_builtin(engine, pack, schema, err);
    free(pack);
    free(schema);
    return ok;
}
