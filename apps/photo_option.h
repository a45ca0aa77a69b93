/* The option --photos, the same in every program: photos or renders, as an aligned pool. */
#ifndef APPS_PHOTO_OPTION_H
#define APPS_PHOTO_OPTION_H

#include "datasets/photo_pool.h"

/* What --help says of the option's argument. */
#define PHOTO_OPTION_HELP                                                                 \
    "a folder of photos (CelebA's layout or any), a set of render_dataset, or a pool of " \
    "prepare_photos"

/* Opens the pool that `arg` is: a pool's file; a folder with dataset.json: renders; any other
 * folder: photos. Of a folder the pool is made (on all cores, with progress on stderr and photos
 * that show no face or cannot be read counted there) as OUT/NAME.pool, NAME being the folder's last
 * part, or taken from there if it was made before; Ctrl-C keeps what is done for the next run.
 * schema: what renders, or a pool of them, must be characters of, which is looked at first; NULL:
 * any. limit > 0: of a folder of photos as many as that, evenly spread. A pool's file must be of
 * config's size and reference. file: NULL, or becomes the pool's path (the caller frees it). */
bool photo_option_open(PhotoPool **pool, char **file, const char *arg, const char *out,
                       const PhotoPoolConfig *config, const Schema *schema, int64_t limit,
                       Error *err);

/* The same for the photos of a list, as OUT/NAME.pool. */
bool photo_list_open(PhotoPool **pool, const PhotoList *list, const char *out,
                     const char *pool_name, const PhotoPoolConfig *config, Error *err);

#endif
