/* --init of a network whose training may start from weights that others have published. */
#ifndef APPS_START_WEIGHTS_H
#define APPS_START_WEIGHTS_H

#include "apps/import_match.h"

/* torchvision's ResNet-50, trained on ImageNet: the start of the paper's F_seg. */
extern const ImportNet import_resnet50;
/* LightCNN-29v2 as its authors publish it. */
extern const ImportNet import_lightcnn29v2;

/* Fills the allocated set from a file and tells on stderr what of it:
 *   - a checkpoint of this net: all of it, but for what import_weights had to leave untrained;
 *   - published weights in any format of weights_read: what import_match matches.
 * What is left keeps the values it has. Errors name the file; then the set is untouched. */
bool weights_start(const char *path, const char *net, const ImportNet *published, ParamSet *set,
                   Error *err);

#endif
