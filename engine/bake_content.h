/* Which of MakeHuman's proxies and textures go into the pack. Baker only. */
#ifndef ENGINE_BAKE_CONTENT_H
#define ENGINE_BAKE_CONTENT_H

typedef struct BakeFile {
    const char *name; /* in the pack */
    const char *path; /* below public/data/ */
} BakeFile;

extern const BakeFile bake_proxies[];
extern const int bake_n_proxies;
extern const BakeFile bake_textures[];
extern const int bake_n_textures;

#endif
