/* Between training.c, training_settings.c and training_report.c. */
#ifndef APPS_TRAINING_INTERNAL_H
#define APPS_TRAINING_INTERNAL_H

#include "apps/training.h"

/* "training" of a config file as the settings have it: the common keys and the trainer's own. */
json_t *training_config_json(const TrainSettings *settings, ConfigKeys own);

/* All of the settings, for a checkpoint; allocated, dies when out of memory. */
char *training_settings_text(const TrainSettings *settings, ConfigKeys own);

/* Writes training->report from the log in training->out; state: a sentence on how far it is. */
bool training_report_write(const Training *training, const char *state, Error *err);

#endif
