/* Published sets with one mask per part of a face. Include labelled.h before. */
#ifndef DATASETS_LABELLED_INTERNAL_H
#define DATASETS_LABELLED_INTERNAL_H

#include "datasets/labelled.h"

typedef enum LabelledLayout {
    LAYOUT_RENDERS,   /* dataset.json and shards */
    LAYOUT_MAPS,      /* NAME.jpg, NAME.png */
    LAYOUT_HELEN,     /* images/NAME.jpg, labels/NAME/NAME_lbl00.png .. 10 */
    LAYOUT_CELEBAMASK /* CelebA-HQ-img/N.jpg, CelebAMask-HQ-mask-anno/K/NNNNN_PART.png */
} LabelledLayout;

/* The label map of a photo of a layout of masks, at width x height, from its part masks under
 * `root`.
 *
 * Helen: the class of each pixel is the largest of the 11 grey maps, all of which must be there.
 * CelebAMask-HQ: parts that a photo does not show have no file; later ones cover earlier ones in
 * the publishers' own order, but for glasses, which cover all and become LABEL_IGNORE; ears, neck,
 * jewels, clothes and hats are background.
 * Left and right brows and eyes are told apart by where they lie and not by their files' names,
 * since publishers and their users do not agree whose left is meant: of two, the one on the
 * picture's right is the person's left, and a single one counts by the side of the nose it is on.
 */
bool masks_read(uint8_t *label, int width, int height, LabelledLayout layout, const char *root,
                const char *name, Error *err);

/* Nearest neighbour; to: width x height. */
void label_resize(uint8_t *to, int width, int height, const uint8_t *from, int from_width,
                  int from_height);

#endif
