/* The colours in which label maps are shown. */
#ifndef APPS_LABEL_PALETTE_H
#define APPS_LABEL_PALETTE_H

#include "engine/engine.h"

static const uint8_t label_palette[LABEL_COUNT][3] = {
    {40, 40, 48},   {236, 188, 152}, {128, 72, 32}, {176, 104, 40},  {64, 128, 255}, {64, 208, 255},
    {240, 144, 80}, {232, 64, 96},   {128, 0, 48},  {255, 112, 144}, {96, 160, 64}};

#endif
