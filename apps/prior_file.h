/* Facial priors in files: safetensors with the schema's digest, as checkpoints are. */
#ifndef APPS_PRIOR_FILE_H
#define APPS_PRIOR_FILE_H

#include "engine/schema.h"
#include "nets/prior.h"

#define NET_PRIOR "prior"

/* An empty prior of a schema's vectors: its controls' prior groups, its discrete groups. The caller
 * frees it (prior_free). */
bool prior_for_schema(Prior **prior, const Schema *schema, Error *err);

/* Tensors "mean" [n_continuous], GROUP.basis [kept,n], GROUP.variance [n], and for a discrete group
 * CHOICE.frequency [count]; all F32. training: what it was learned from, JSON. */
bool prior_save(const char *path, const Prior *prior, const Schema *schema, const char *training,
                Error *err);

/* Reads a prior of this very schema; the caller frees it (prior_free). */
bool prior_open(Prior **prior, const char *path, const Schema *schema, Error *err);

#endif
