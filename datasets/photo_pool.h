/* Faces of many photos, found and aligned once: what the translator trains on and is measured on.
 *
 * A pool is one file: a head (what is in it), then one record of fixed size per photo: where the
 * face is and how good it is, the picture aligned onto the reference landmarks, x where it is known
 * (renders), and a CRC-32. It is read through a memory map. */
#ifndef DATASETS_PHOTO_POOL_H
#define DATASETS_PHOTO_POOL_H

#include "datasets/face.h"
#include "datasets/pairs.h"
#include "datasets/photo_list.h"

typedef enum PhotoStatus { PHOTO_FACE, PHOTO_NO_FACE, PHOTO_UNREADABLE, PHOTO_STATES } PhotoStatus;

typedef struct PhotoPoolConfig {
    int size;       /* side of the aligned pictures */
    Face reference; /* landmarks, and box, of the engine's average face in a picture of that size
                       (Studio.reference) */
} PhotoPoolConfig;

typedef struct PhotoPoolInfo {
    PhotoPoolConfig config;
    int64_t count;
    int64_t in_state[PHOTO_STATES]; /* how many photos have a face, have none, cannot be read */
    int dim;                        /* of x; 0: photos, whose x nobody knows */
    char schema[32], digest[17];    /* of x; "" for photos */
    char dir[1024];                 /* where the photos were */
    uint32_t crc;                   /* of all that is in it: another pool has another */
} PhotoPoolInfo;

/* One photo; the memory lives as long as the pool. Only status, name and split mean something
 * without a face. */
typedef struct PoolPhoto {
    const char *name; /* path below info's dir; "sample N" of a set of renders */
    PhotoStatus status;
    PhotoSplit split;
    Face face;          /* in the photo's own pixels; of several the largest */
    float yaw;          /* degrees; photo_yaw */
    float side;         /* of the face's box in the photo's pixels: root of its area */
    const uint8_t *rgb; /* size x size x 3 */
    const float *x;     /* dim; NULL in a pool of photos */
} PoolPhoto;

typedef struct PhotoPool PhotoPool;

/* References whose landmarks differ by less, in pixels, are the same: another processor rounds
 * otherwise. */
#define PHOTO_POOL_TOLERANCE .02f

/* done of total photos; false stops the run. Called from one thread. */
typedef bool PhotoPoolProgress(void *context, int64_t done, int64_t total);

/* Makes the pool PATH on all cores; the same bytes at any number of threads. A run that was killed
 * or failed (the disk is full), or that progress stopped (an error, "stopped"), goes on where it
 * was: what is done lies in PATH.tmp. A finished pool of the same photos and config is left as it
 * is; of another one the error says so. Of two runs on one pool the second is refused. Photos are
 * known by their names: whoever changes one deletes the pool. progress may be NULL. */
bool photo_pool_write(const char *path, const PhotoList *list, const PhotoPoolConfig *config,
                      const char *landmark_model, PhotoPoolProgress *progress, void *context,
                      Error *err);

/* The same of a set of renders. Pictures of PAIRS_IMITATOR show the face where the average face is,
 * so that it needs no search; those of PAIRS_SEGMENTER are searched like photos. The renders too
 * are aligned by their own landmarks, since that is how a photo of such a person would be seen. */
bool photo_pool_write_renders(const char *path, const Pairs *renders, const char *dir,
                              const PhotoPoolConfig *config, const char *landmark_model,
                              PhotoPoolProgress *progress, void *context, Error *err);

/* Opens a finished pool. Refuses files that are damaged, cut off or something else. */
bool photo_pool_open(PhotoPool **pool, const char *path, Error *err);
void photo_pool_close(PhotoPool *pool);
const PhotoPoolInfo *photo_pool_info(const PhotoPool *pool);

/* Photo i; checks the record's CRC. Safe from several threads. */
bool photo_pool_get(const PhotoPool *pool, int64_t i, PoolPhoto *photo, Error *err);

/* What makes a photo good and frontal (the paper's 3.4.1: the pool of the content loss). */
typedef struct PhotoQuality {
    float
        score; /* at least: the detector's confidence; not asked of renders that needed no search */
    float yaw; /* at most: degrees, either way */
    float side; /* at least: of the face's box, pixels of the photo */
} PhotoQuality;

PhotoQuality photo_quality_default(void);
bool photo_good_frontal(const PoolPhoto *photo, const PhotoQuality *quality);

/* The photos with a face whose split's bit is set (1 << PHOTO_TRAIN | ...), and, unless quality is
 * NULL, that are good and frontal by it: *index, *n of them in the pool's order (the caller frees;
 * n may be 0). */
bool photo_pool_select(const PhotoPool *pool, unsigned splits, const PhotoQuality *quality,
                       int64_t **index, int64_t *n, Error *err);

/* The head's turn about its long axis by its landmarks, in degrees, positive towards the picture's
 * right: how far the nose's tip is off the middle of the outer corners of the eyes, by the depth of
 * a nose (tan yaw = offset / depth). landmark: 2 * 68. */
float photo_yaw(const float *landmark);

#endif
