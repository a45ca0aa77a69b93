#include <math.h>

#include "datasets/photo_pool.h"

PhotoQuality photo_quality_default(void)
{
    return (PhotoQuality){.score = .3f, .yaw = 15, .side = 60};
}

bool photo_good_frontal(const PoolPhoto *photo, const PhotoQuality *quality)
{
    return photo->status == PHOTO_FACE && photo->face.score >= quality->score &&
           fabsf(photo->yaw) <= quality->yaw && photo->side >= quality->side;
}

float photo_yaw(const float *landmark)
{
    enum { NOSE_TIP = 30, RIGHT_EYE = 36, LEFT_EYE = 45 };
    /* The tip before the outer corners of the eyes, in their distance: fitted to renders of the
     * average characters between -30 and 30 degrees. */
    const float depth = .53f, degrees = 57.29578f;
    const float *tip = landmark + 2 * NOSE_TIP;
    const float *right = landmark + 2 * RIGHT_EYE, *left = landmark + 2 * LEFT_EYE;
    float ux = left[0] - right[0], uy = left[1] - right[1], square = ux * ux + uy * uy;

    if (square == 0)
        return 0;
    float off =
        ((tip[0] - .5f * (left[0] + right[0])) * ux + (tip[1] - .5f * (left[1] + right[1])) * uy) /
        square;
    return degrees * atanf(off / depth);
}
