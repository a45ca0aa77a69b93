/* Colours: sRGB and linear light (IEC 61966-2-1), luminance, and how they are written. */
#ifndef ENGINE_COLOUR_H
#define ENGINE_COLOUR_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* 0 .. 255 of a picture in linear light, 0 .. 1. */
static inline float linear_of_byte(uint8_t v)
{
    float s = (float)v / 255;
    return s <= 0.04045f ? s / 12.92f : powf((s + 0.055f) / 1.055f, 2.4f);
}

/* Linear light 0 .. 1 in sRGB, 0 .. 1. */
static inline float srgb_of(float x)
{
    return x <= 0.0031308f ? 12.92f * x : 1.055f * powf(x, 1 / 2.4f) - 0.055f;
}

static inline float luminance(const float rgb[3])
{
    return 0.2126f * rgb[0] + 0.7152f * rgb[1] + 0.0722f * rgb[2];
}

/* "#rrggbb"; false for any other text, and NULL. */
bool colour_parse(const char *text, uint8_t rgb[3]);

#endif
