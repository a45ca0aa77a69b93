/* Which photos: folders as users have them. */
#ifndef DATASETS_PHOTO_LIST_H
#define DATASETS_PHOTO_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "libtensor/error.h"

typedef enum PhotoSplit { PHOTO_TRAIN, PHOTO_VALIDATION, PHOTO_TEST, PHOTO_SPLITS } PhotoSplit;

typedef struct PhotoEntry {
    char *name; /* path below the list's folder */
    PhotoSplit split;
    const uint8_t *bytes; /* a JPEG's or PNG's, borrowed; NULL: the file is read */
    size_t size;
} PhotoEntry;

typedef struct PhotoList {
    char *dir; /* or where the bytes are from */
    PhotoEntry *entry;
    int64_t count;
    float box[4]; /* left, top, right, bottom as shares of a photo's width and height: where the
                     face is in every photo of a set that was aligned before, so that none is
                     looked for; all 0: not known */
} PhotoList;

/* The photos of a folder, by the alphabet:
 *   - CelebA: DIR holds list_eval_partition.txt (lines "NNNNNN.jpg 0|1|2": training, validation,
 *     test) and img_align_celeba/ (or the same folder once more inside it, as its archive unpacks);
 *     the photos are those of the table, in its order, missing ones too, so that they are counted;
 *   - any other: every .jpg, .jpeg and .png of DIR and the folders in it. photo_split decides.
 * limit > 0: as many as that, evenly spread over the whole list. Fails on a folder without photos.
 */
bool photo_list_folder(PhotoList *list, const char *dir, int64_t limit, Error *err);

/* The photos with these names (each once), below DIR or absolute: those of a table of pairs. All
 * are PHOTO_TEST.
 */
bool photo_list_names(PhotoList *list, const char *dir, const char *const *name, int64_t count,
                      Error *err);

/* Their files' bytes, borrowed, if they are in memory: bytes[i] and size[i] of name[i]. */
void photo_list_set_bytes(PhotoList *list, const uint8_t *const *bytes, const size_t *size);

void photo_list_free(PhotoList *list);

/* The split of a photo that nobody assigned: validation for one in twenty, by a hash of its name.
 */
PhotoSplit photo_split(const char *name);

#endif
