#include "apps/engine_option.h"

#include <stdlib.h>
#include <string.h>

#include "apps/paths.h"

static const char builtin[] = "builtin:";

bool engine_option_open(Engine **engine, const char *name, Error *err)
{
    if (strncmp(name, builtin, strlen(builtin)) != 0)
        return error_set(err, "--engine %.200s: it is builtin:NAME, as in builtin:male", name);
    char *pack = path_asset("engine.pack"), *schema = path_schema(name + strlen(builtin));
    bool ok = engine_open_builtin(engine, pack, schema, err);
    free(pack);
    free(schema);
    return ok;
}
