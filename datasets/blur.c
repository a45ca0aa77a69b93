#include "datasets/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RADIUS = 64 };

/* One pass over `n` pixels that lie `step` pixels apart, from in to out. */
static void blur_line(uint8_t *out, const uint8_t *in, int n, size_t step, const float *kernel,
                      int radius)
{
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 3; c++) {
            float sum = .5f;
            for (int k = -radius; k <= radius; k++) {
                int j = i + k < 0 ? 0 : i + k >= n ? n - 1 : i + k;
                sum += kernel[abs(k)] * (float)in[3 * step * (size_t)j + (size_t)c];
            }
            out[3 * step * (size_t)i + (size_t)c] = (uint8_t)(sum < 255 ? sum : 255);
        }
}

bool image_blur(Image *image, float sigma, Error *err)
{
    float kernel[MAX_RADIUS + 1], total = 0;
    int radius = sigma > 0 ? (int)fminf(ceilf(3 * sigma), MAX_RADIUS) : 0;
    size_t width = (size_t)image->width;
    Image half;

    if (radius == 0)
        return true;
    for (int k = 0; k <= radius; k++) {
        kernel[k] = expf(-.5f * (float)(k * k) / (sigma * sigma));
        total += k == 0 ? kernel[k] : 2 * kernel[k];
    }
    for (int k = 0; k <= radius; k++)
        kernel[k] /= total;
    if (!image_new(&half, image->width, image->height, err))
        return false;
    for (int y = 0; y < image->height; y++)
        blur_line(half.pixel + 3 * (size_t)y * width, image->pixel + 3 * (size_t)y * width,
                  image->width, 1, kernel, radius);
    for (int x = 0; x < image->width; x++)
        blur_line(image->pixel + 3 * (size_t)x, half.pixel + 3 * (size_t)x, image->height, width,
                  kernel, radius);
    image_free(&half);
    return true;
}
