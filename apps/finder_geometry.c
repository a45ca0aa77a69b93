#include "apps/finder_geometry.h"

#include <math.h>

/* Pairs left and right in the picture; a point on the middle line is its own pair. iBUG 300-W
 * order. */
static const unsigned char pair[][2] = {
    {0, 16},  {1, 15},  {2, 14},  {3, 13},  {4, 12},  {5, 11},  {6, 10},  {7, 9},
    {8, 8},   {17, 26}, {18, 25}, {19, 24}, {20, 23}, {21, 22}, {27, 27}, {28, 28},
    {29, 29}, {30, 30}, {31, 35}, {32, 34}, {33, 33}, {36, 45}, {37, 44}, {38, 43},
    {39, 42}, {40, 47}, {41, 46}, {48, 54}, {49, 53}, {50, 52}, {51, 51}, {55, 59},
    {56, 58}, {57, 57}, {60, 64}, {61, 63}, {62, 62}, {65, 67}, {66, 66}};
enum { PAIRS = sizeof pair / sizeof *pair, JAW_END = 17 };

static float eye_distance(const float *p)
{
    float x = 0, y = 0;

    for (int i = 36; i < 42; i++) {
        x += (p[2 * (i + 6)] - p[2 * i]) / 6;
        y += (p[2 * (i + 6) + 1] - p[2 * i + 1]) / 6;
    }
    return hypotf(x, y);
}

void geometry_features(const float *landmark, const float *reference, float *feature)
{
    float unit = 1 / eye_distance(reference);

    for (int i = 0; i < PAIRS; i++) {
        const float *a = landmark + 2 * pair[i][0], *b = landmark + 2 * pair[i][1];
        float weight = pair[i][0] < JAW_END ? 0.5f * unit : unit;
        *feature++ = weight * (a[1] + b[1]) / 2;
        if (a != b) {
            *feature++ = weight * fabsf(b[0] - a[0]) / 2;
        }
    }
}

double geometry_loss(const float *a, const float *b)
{
    double sum = 0;

    for (int i = 0; i < GEOMETRY_COUNT; i++) {
        double d = (double)a[i] - b[i];
        sum += d * d / GEOMETRY_COUNT;
    }
    return sum;
}
