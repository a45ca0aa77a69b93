/* Changes to a picture and its label map that make a network trained on renders work on photos.
 * Everything depends on the Rng alone. */
#ifndef DATASETS_AUGMENT_H
#define DATASETS_AUGMENT_H

#include "datasets/image.h"
#include "libtensor/rng.h"

/* A label no loss counts: glasses, and what lies outside the picture. */
enum { LABEL_IGNORE = 255 };

/* A mirror image, with left and right labels exchanged. label: width x height, here and below. */
void augment_mirror(Image *image, uint8_t *label);

/* Both through the same similarity; labels from beyond the border become LABEL_IGNORE. False only
 * when out of memory. */
bool augment_warp(Image *image, uint8_t *label, Similarity s, Error *err);

/* Random zoom (.9 .. 1.1), rotation (+-6 degrees), shift (+-8% sideways, -6% .. 14% down: renders
 * stand higher than photos do) and, every second time, a mirror image. */
bool augment_geometry(Image *image, uint8_t *label, Rng *rng, Error *err);

/* What is on the skin and falls on it: uneven colour, shine, make-up about the eyes and in the
 * brows, shadows. Labels stay. */
void augment_skin(Image *image, uint8_t *label, Rng *rng);

/* Brows grown over the skin around them by half a pixel, a side at random: people draw them
 * generously. In 300 of CelebAMask-HQ's label maps a brow has 0.069 of the squared distance between
 * the eyes, in renders of plausible people 0.057. False only when out of memory. */
bool augment_brows(uint8_t *label, int width, int height, Rng *rng, Error *err);

/* Random things in front of the person: clothes over the shoulders, hats, hands and boxes from the
 * border (labelled background), glasses (LABEL_IGNORE). Each is there in a part of the pictures
 * only. */
void augment_occlude(Image *image, uint8_t *label, Rng *rng);

/* Random brightness, contrast, gamma, colour, blur, noise and JPEG compression; pixels only. */
bool augment_colour(Image *image, Rng *rng, Error *err);

/* All of them, in the order of a photo's making: skin, brows (in four of ten pictures), occlude,
 * geometry, colour. */
bool augment(Image *image, uint8_t *label, Rng *rng, Error *err);

#endif
