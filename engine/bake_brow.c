#include "engine/bake_brow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bake_shape.h"
#include "engine/bake_subdivide.h"

/* Solves the 3 x 3 normal equations a q = b in place by Gauss' elimination; a is positive definite.
 */
static void solve3(double a[3][3], double b[3])
{
    for (int i = 0; i < 3; i++)
        for (int r = 0; r < 3; r++) {
            if (r == i)
                continue;
            double f = a[r][i] / a[i][i];
            for (int c = 0; c < 3; c++)
                a[r][c] -= f * a[i][c];
            b[r] -= f * b[i];
        }
    for (int i = 0; i < 3; i++)
        b[i] /= a[i][i];
}

/* The parabola y(|x|) through the middle of the strokes of both sides, least squares by alpha; also
 * the mean |x| of the strokes. */
static void brow_line(const SourceMesh *m, const float *p, const uint8_t *rgba, int width,
                      int height, double line[3], float *middle)
{
    enum { STEPS = 12 };
    double a[3][3] = {{1e-9, 0, 0}, {0, 1e-9, 0}, {0, 0, 1e-9}}, b[3] = {0}, sum = 0, sum_x = 0;
    for (int f = 0; f < m->n_face; f++)
        for (int i = 0; i < STEPS * STEPS; i++) {
            float s = ((float)(i % STEPS) + 0.5f) / STEPS, t = ((float)(i / STEPS) + 0.5f) / STEPS;
            const float w[4] = {(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t};
            float x = 0, y = 0, u = 0, v = 0;
            for (int c = 0; c < 4; c++) {
                const float *q = p + 3 * m->corner[4 * f + c],
                            *uv = m->uv + 2 * m->corner_uv[4 * f + c];
                x += w[c] * q[0];
                y += w[c] * q[1];
                u += w[c] * uv[0];
                v += w[c] * uv[1];
            }
            int column = (int)(u * (float)width), row = (int)((1 - v) * (float)height);
            if (column < 0 || row < 0 || column >= width || row >= height)
                continue;
            double alpha = rgba[4 * (row * width + column) + 3] / 255.0;
            const double power[3] = {1, fabsf(x), x * x};
            for (int k = 0; k < 3; k++) {
                for (int c = 0; c < 3; c++)
                    a[k][c] += alpha * power[k] * power[c];
                b[k] += alpha * power[k] * y;
            }
            sum += alpha;
            sum_x += alpha * fabsf(x);
        }
    solve3(a, b);
    memcpy(line, b, sizeof b);
    *middle = sum > 0 ? (float)(sum_x / sum) : 0;
}

bool bake_brow(SourceMesh *proxy, const SourceMesh *base, BrowShape shape, const uint8_t *rgba,
               int width, int height, Error *err)
{
    float *p = bake_positions(proxy, base);
    /* The cards are coarser than the skin they lie on. */
    if (!p || !bake_subdivide(proxy, base, &p, 0, 0)) {
        free(p);
        return error_set(err, "out of memory while baking the assets");
    }
    double line[3];
    float middle;
    brow_line(proxy, p, rgba, width, height, line, &middle);
    const float least = 0.010f, most = 0.025f; /* above the skin */
    for (int i = 0; i < proxy->n_vertex; i++) {
        const float *q = p + 3 * i;
        float x = fabsf(q[0]), on_line = (float)(line[0] + line[1] * x + line[2] * x * x);
        float y =
            on_line + shape.thickness * (q[1] - on_line) + shape.tilt * (middle - x) + shape.lift;
        float gap = q[2] - bake_skin_depth(base, q[0], q[1]), *offset = proxy->offset + 3 * i;
        gap = fminf(fmaxf(gap, least), most);
        offset[2] += bake_skin_depth(base, q[0], y) + gap - q[2];
        offset[1] += y - q[1];
    }
    free(p);
    return true;
}
