/* An engine that is a folder of finished pictures with a table of their parameters.
 * doc/engine-protocol.md has the fields of FILE.json and the tables. */
#ifndef ENGINE_FOLDER_H
#define ENGINE_FOLDER_H

#include "engine/engine_internal.h"

/* file: {"engine": "folder", "images": DIR, "table": FILE, "labels": DIR (optional)}. Reads the
 * whole table and looks whether every picture is there. Takes the schema on success. */
bool folder_open(Engine **engine, const EngineFile *file, Schema *schema, Error *err);

#endif
