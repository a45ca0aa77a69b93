/* Pictures with label maps, for the segmenter: renders of render_dataset, folders of photos, Helen
 * and CelebAMask-HQ. */
#ifndef DATASETS_LABELLED_H
#define DATASETS_LABELLED_H

#include "datasets/image.h"
#include "libtensor/rng.h"

typedef struct Labelled Labelled;

/* dirs: one folder, or several with commas between. What a folder holds is told by what is in it:
 *
 *   dataset.json                               renders of render_dataset
 *   CelebA-HQ-img, CelebAMask-HQ-mask-anno     CelebAMask-HQ as published (Lee et al. 2020)
 *   images, labels                             Helen with the labels of Smith et al. (2013)
 *   NAME.jpg (or .jpeg) with NAME.png          photos with label maps: Helen's 11 classes
 * (engine.h), 255 for pixels that do not count
 *
 * In place of a folder of photos a list in it, FOLDER/LIST.txt such as Helen's exemplars.txt,
 * tuning.txt and testing.txt: the last word of each line names a photo. Samples come folder by
 * folder, in the order of their names or of the list. All photos must be there, and label maps
 * NAME.png; they are read when they are asked for. */
bool labelled_open(Labelled **set, const char *dirs, Error *err);
void labelled_close(Labelled *set);

int64_t labelled_count(const Labelled *set);

/* Sample i at size x size, into an Image and a label map of that size, allocated by the caller.
 * Photos are stretched to the square. Safe from several threads. */
bool labelled_get(const Labelled *set, int64_t i, Image *image, uint8_t *label, Error *err);

/* Cheap changes for training, drawn from rng: every second time a mirror image (left and right
 * classes exchanged), a small zoom, turn and shift (what comes in from outside is 255), brightness,
 * contrast and a tint. False only when out of memory. */
bool labelled_jitter(Image *image, uint8_t *label, Rng *rng, Error *err);

#endif
