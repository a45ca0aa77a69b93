#include "datasets/image.h"

#include <assert.h>

/* The input pixels one output pixel is made of, along one axis; weights sum to 1. */
typedef struct Span {
    int first, count;
    float head, middle, tail; /* weight of the first, of those between, of the last */
} Span;

/* Shrinking: the mean over [i s, (i + 1) s), s = from / to, with the parts of the pixels at its
 * ends. */
static Span area_span(int i, int from, int to)
{
    /* In units of 1 / to pixels everything is whole. */
    int64_t lo = (int64_t)i * from, hi = lo + from;
    int first = (int)(lo / to), last = (int)((hi - 1) / to);
    Span s = {.first = first, .count = last - first + 1};

    s.middle = (float)to / (float)from;
    s.head = (float)((int64_t)(first + 1) * to - lo) / (float)from;
    s.tail = (float)(hi - (int64_t)last * to) / (float)from;
    if (s.count == 1)
        s.head = 1;
    return s;
}

/* Growing: linear between pixel centres, constant beyond the outermost. */
static Span linear_span(int i, int from, int to)
{
    float x = ((float)i + .5f) * (float)from / (float)to - .5f;
    int first;

    if (x <= 0)
        return (Span){0, 1, 1, 0, 0};
    first = (int)x;
    if (first >= from - 1)
        return (Span){from - 1, 1, 1, 0, 0};
    x -= (float)first;
    return (Span){first, 2, 1 - x, 0, x};
}

static Span span(int i, int from, int to)
{
    return to < from ? area_span(i, from, to) : linear_span(i, from, to);
}

static float span_weight(const Span *s, int k)
{
    return k == 0 ? s->head : k == s->count - 1 ? s->tail : s->middle;
}

void image_resize(Image *target, const Image *source)
{
    assert(target->width > 0 && target->height > 0 && source->width > 0 && source->height > 0);
    for (int y = 0; y < target->height; y++) {
        Span sy = span(y, source->height, target->height);
        for (int x = 0; x < target->width; x++) {
            Span sx = span(x, source->width, target->width);
            uint8_t *to = target->pixel + 3 * ((size_t)y * (size_t)target->width + (size_t)x);
            float sum[3] = {.5f, .5f, .5f}; /* rounds */
            for (int j = 0; j < sy.count; j++) {
                float wy = span_weight(&sy, j);
                const uint8_t *p =
                    source->pixel +
                    3 * ((size_t)(sy.first + j) * (size_t)source->width + (size_t)sx.first);
                for (int k = 0; k < sx.count; k++)
                    for (int c = 0; c < 3; c++)
                        sum[c] += wy * span_weight(&sx, k) * (float)p[3 * k + c];
            }
            for (int c = 0; c < 3; c++)
                to[c] = (uint8_t)(sum[c] < 255 ? sum[c] : 255);
        }
    }
}
