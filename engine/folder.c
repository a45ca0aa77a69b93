#include "engine/folder.h"
bool folder_open(Engine **engine, const EngineFile *file, Schema *schema, Error *err)
{
    (void)engine;
    (void)schema;
    return error_set(err, "%s: not yet", file->path);
}
