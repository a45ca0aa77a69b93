#include "datasets/face.h"

enum { FIRST = 17 };

Similarity face_alignment(const Face *face, const float *reference)
{
    return similarity_fit(face->landmark + 2 * FIRST, reference + 2 * FIRST,
                          FACE_LANDMARKS - FIRST);
}
