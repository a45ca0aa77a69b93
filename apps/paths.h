/* Where the data files are. Each is looked for in this order:
 *   1. the folder given by --assets DIR (path_set_assets), or else by the environment's
 * VISAGIST_DATA;
 *   2. in a build tree: the source tree's assets/, pretrained/, presets/ and engine/schemas/;
 *   3. installed: DATADIR/visagist and its folders assets/, pretrained/, presets/ and schemas/.
 * A file that is nowhere ends the program with one sentence: what is missing and what makes it. All
 * paths are allocated; the caller frees them. */
#ifndef APPS_PATHS_H
#define APPS_PATHS_H

/* For --assets; borrowed. */
void path_set_assets(const char *dir);

/* What set-up makes: "engine.pack", "face_recognition_model-weights_manifest.json",
 * "samples/sample1.jpg". */
char *path_asset(const char *name);

/* The schema file of a character model: "male" -> .../male.json. */
char *path_schema(const char *model);

/* Weights that come with the product: "imitator-male.safetensors". */
char *path_pretrained(const char *name);

/* A trainer's config file: "imitator-small.json". */
char *path_preset(const char *name);

/* dlib's 68-landmark model. */
char *path_landmark_model(void);

#endif
