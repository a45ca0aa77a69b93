/* Checkpoints: safetensors of a network's weights, with what they belong to as metadata. */
#ifndef APPS_CHECKPOINT_H
#define APPS_CHECKPOINT_H

#include "libautograd/optim.h"
#include "engine/schema.h"
#include "nets/descriptor.h"
#include "nets/imitator.h"
#include "nets/segmenter.h"
#include "nets/translator.h"

#define NET_IMITATOR "imitator"
#define NET_SEGMENTER "segmenter"
#define NET_LIGHTCNN "lightcnn"
#define NET_TRANSLATOR "translator"

/* Metadata; strings are borrowed: from the caller when saving, from the file when loading. */
typedef struct CheckpointInfo {
    const char *net;        /* NET_IMITATOR, ... */
    const char *config;     /* x_to_json */
    const char *schema;     /* name of the facial-parameter schema, "" when the net has none */
    const char *digest;     /* schema_digest, "" likewise; of a LightCNN that train_recognizer made:
                               Faces.digest of what it was trained on */
    const char *descriptor; /* descriptor_text of the F_recg it takes; NULL: it takes none */
    const char *training;   /* settings of the run, JSON */
    uint64_t step, seed;
} CheckpointInfo;

/* Writes the set's values (and the optimiser's moments, unless NULL) by atomic rename. */
bool checkpoint_save(const char *path, const CheckpointInfo *info, const ParamSet *set,
                     const Optim *optim, Error *err);

/* Writes an opened checkpoint of any net anew, to be shipped: without moments and without the
 * tensor of the name `without` (unless NULL), tensors of two and more dimensions in float16. Biases
 * and statistics keep float32, which batch-norm's variances need. info: the checkpoint's own, with
 * what the caller changed. */
bool checkpoint_export(const char *path, const CheckpointInfo *info, const TensorFile *from,
                       const char *without, Error *err);

/* Reads a file and checks that it is a checkpoint of this net ("imitator"). */
bool checkpoint_open(TensorFile **file, CheckpointInfo *info, const char *path, const char *net,
                     Error *err);

/* Fills the set, and the optimiser's moments unless NULL. path: for messages. */
bool checkpoint_load(const TensorFile *file, const char *path, ParamSet *set, Optim *optim,
                     Error *err);

/* True if the checkpoint was made for this very schema; else the text says which it was made for.
 */
bool checkpoint_check_schema(const CheckpointInfo *info, const char *path, const char *schema,
                             const char *digest, Error *err);

/* A frozen net for MODE_EVAL: read, batch-norm folded. On success the caller frees net->set
 * (params_free). */
bool imitator_open(Imitator *net, const char *path, const Schema *schema, Backend *backend,
                   Error *err);
bool segmenter_open(Segmenter *net, const char *path, Backend *backend, Error *err);
/* F_recg, whichever the file holds: by its metadata a checkpoint of LightCNN, or the recogniser's
 * face_recognition_model (its manifest). On success the caller frees descriptor_set (params_free).
 */
bool descriptor_open(Descriptor *descriptor, const char *path, Backend *backend, Error *err);

/* FNV-1a over a set's trained values. */
uint64_t weights_hash(const ParamSet *set);

enum { DESCRIPTOR_TEXT = 64 };

/* Which F_recg this is, so that what was trained with one is not used with another: "recognizer
 * 128", of which there is one; "lightcnn 256 0123456789abcdef", with a hash of its weights. */
void descriptor_text(const Descriptor *descriptor, char text[static DESCRIPTOR_TEXT]);

/* Refuses a translator of another schema or another descriptor. On success the caller frees
 * net->set (params_free). */
bool translator_open(Translator *net, const char *path, const Schema *schema,
                     const Descriptor *descriptor, Backend *backend, Error *err);

#endif
