/* An engine that is a program of its own: parameter vectors go to its standard input, pictures come
 * from its standard output. doc/engine-protocol.md is the protocol, and the fields of FILE.json. */
#ifndef ENGINE_PROCESS_H
#define ENGINE_PROCESS_H

#include "engine/engine_internal.h"

/* file: {"engine": "process", "command": [...], "workers", "timeout_s", "start_timeout_s"}. Starts
 * one worker, so that a wrong program is found out here. Takes the schema on success. */
bool process_open(Engine **engine, const EngineFile *file, Schema *schema, Error *err);

#endif
