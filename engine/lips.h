/* Lips at rest touch: MakeHuman's heads leave a slit between them. */
#ifndef ENGINE_LIPS_H
#define ENGINE_LIPS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Lips Lips;

/* source: of each skin vertex its index in MakeHuman's mesh. False when out of memory. */
bool lips_new(Lips **lips, const int32_t *source, int n_vertex);
void lips_free(Lips *lips);

/* Closes a slit of up to 3.5 mm in a posed skin (n_vertex x 3), nothing of one above 6 mm. */
void lips_close(const Lips *lips, float *position);

#endif
