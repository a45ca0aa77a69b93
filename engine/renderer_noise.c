/* The grain of skin and hair: a tileable table, made once. */
#include "engine/renderer_internal.h"

#include <math.h>

/* Wang's hash to -1 .. 1. */
static float white(int x, int y, int channel)
{
    uint32_t px = (uint32_t)(x + NOISE_SIZE) % NOISE_SIZE;
    uint32_t py = (uint32_t)(y + NOISE_SIZE) % NOISE_SIZE;
    uint32_t h = (py * NOISE_SIZE + px) * 4 + (uint32_t)channel;
    h = (h ^ 61) ^ (h >> 16);
    h *= 9;
    h ^= h >> 4;
    h *= 0x27d4eb2d;
    h ^= h >> 15;
    return (float)(h & 0xffff) / 32767.5f - 1;
}

/* White noise softened by a 3 x 3 tent. */
static float soft(int x, int y)
{
    const float tent[3] = {0.25f, 0.5f, 0.25f};
    float sum = 0;
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++)
            sum += tent[i] * tent[j] * white(x + i - 1, y + j - 1, 3);
    return sum;
}

/* Depth of the nearest pores: one in each cell of a jittered grid. */
static float pores(int x, int y)
{
    enum { CELL = 4 };
    float depth = 0;
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++) {
            int cx = x / CELL + i, cy = y / CELL + j;
            float dx =
                (float)x - ((float)cx + 0.5f + 0.42f * white(cx * CELL, cy * CELL, 0)) * CELL;
            float dy =
                (float)y - ((float)cy + 0.5f + 0.42f * white(cx * CELL, cy * CELL, 1)) * CELL;
            float size = 1.15f + 0.45f * white(cx * CELL, cy * CELL, 2);
            float strong = 0.55f + 0.45f * white(cx * CELL + 1, cy * CELL, 2);
            depth += strong * expf(-(dx * dx + dy * dy) / (size * size));
        }
    return depth;
}

/* Fine furrows between the pores: noise drawn out along two directions that cross. */
static float furrows(int x, int y)
{
    float sum = 0;
    for (int k = -2; k <= 2; k++)
        sum += (soft(x + k, y + k / 2) + soft(x - k / 2, y + k)) / 5;
    return sum;
}

static int8_t to_byte(float v)
{
    return (int8_t)lrintf(clampf(v, -1, 1) * 127);
}

void noise_fill(int8_t noise[NOISE_SIZE][NOISE_SIZE][4])
{
    for (int y = 0; y < NOISE_SIZE; y++)
        for (int x = 0; x < NOISE_SIZE; x++) {
            noise[y][x][2] = to_byte(0.45f - 0.9f * pores(x, y) + 0.7f * furrows(x, y));
            noise[y][x][3] = to_byte(2.2f * soft(x, y));
        }
    for (int y = 0; y < NOISE_SIZE; y++)
        for (int x = 0; x < NOISE_SIZE; x++) {
            int right = noise[y][(x + 1) % NOISE_SIZE][2];
            int left = noise[y][(x + NOISE_SIZE - 1) % NOISE_SIZE][2];
            int above = noise[(y + 1) % NOISE_SIZE][x][2];
            int below = noise[(y + NOISE_SIZE - 1) % NOISE_SIZE][x][2];
            noise[y][x][0] = to_byte((float)(right - left) / 254);
            noise[y][x][1] = to_byte((float)(above - below) / 254);
        }
}

/* The four texels around a place and where it lies between them. */
typedef struct Corner {
    const int8_t *at[4];
    float ax, ay;
} Corner;

static inline Corner corner(const RenderTables *tables, float u, float v)
{
    float x = u * NOISE_SIZE, y = v * NOISE_SIZE;
    float fx = floorf(x), fy = floorf(y);
    int x0 = (int)fx & (NOISE_SIZE - 1), y0 = (int)fy & (NOISE_SIZE - 1);
    int x1 = (x0 + 1) & (NOISE_SIZE - 1), y1 = (y0 + 1) & (NOISE_SIZE - 1);
    return (Corner){{tables->noise[y0][x0], tables->noise[y0][x1], tables->noise[y1][x0],
                     tables->noise[y1][x1]},
                    x - fx,
                    y - fy};
}

void noise_at(const RenderTables *tables, float u, float v, float out[4])
{
    Corner c = corner(tables, u, v);
    for (int i = 0; i < 4; i++)
        out[i] =
            lerpf(lerpf(c.at[0][i], c.at[1][i], c.ax), lerpf(c.at[2][i], c.at[3][i], c.ax), c.ay) *
            (1 / 127.0f);
}

float white_noise_at(const RenderTables *tables, float u, float v)
{
    Corner c = corner(tables, u, v);
    return lerpf(lerpf(c.at[0][3], c.at[1][3], c.ax), lerpf(c.at[2][3], c.at[3][3], c.ax), c.ay) *
           (1 / 127.0f);
}
