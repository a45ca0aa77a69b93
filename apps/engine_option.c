#include "apps/engine_option.h"

#include <stdlib.h>
#include <string.h>

#include "apps/paths.h"
#include "libtensor/text.h"

static const char builtin[] = "builtin:", json[] = ".json";

bool engine_option_open(Engine **engine, const char *name, Error *err)
{
    if (strncmp(name, builtin, strlen(builtin)) != 0)
        return text_ends_in(name, json) ? engine_open_file(engine, name, err)
                                        : error_set(err, "there is no engine %.200s; it is %s",
                                                    name, ENGINE_OPTION_HELP);
    char *pack = path_asset("engine.pack"), *schema = path_schema(name + strlen(builtin));
    bool ok = engine_open_builtin(engine, pack, schema, err);
    free(pack);
    free(schema);
    return ok;
}
