/* The portrait, a neutral view in warm, soft light; and what other views there may be. */
#include "engine/renderer_internal.h"

RenderOptions render_options_default(void)
{
    return (RenderOptions){.size = 512,
                           .focal = 1500,
                           .distance = 9,
                           .light_yaw = -32,
                           .light_pitch = 30,
                           .light_warmth = 0.25f,
                           .light_colour = {1, 1, 1},
                           .light_gain = 1,
                           .ambient_gain = 1,
                           .background = {{104, 112, 126}, {58, 62, 70}}};
}

static bool in_range(const char *name, double value, double lo, double hi, Error *err)
{
    if (value >= lo && value <= hi) /* no NaN */
        return true;
    return error_set(err, "render: %s %g is out of range; give %g to %g", name, value, lo, hi);
}

bool render_options_check(const RenderOptions *o, Error *err)
{
    /* narrower, and a triangle may be larger than what the raster counts in */
    const double narrowest = 0.3, widest = 60;
    bool ok = in_range("size", o->size, 64, 2048, err) && in_range("yaw", o->yaw, -180, 180, err) &&
              in_range("pitch", o->pitch, -90, 90, err) &&
              in_range("roll", o->roll, -180, 180, err) &&
              in_range("focal", o->focal, 100, 100000, err) &&
              in_range("distance", o->distance, 4, 1000, err) &&
              in_range("field of view (512 / focal * distance, dm)", 512.0 / o->focal * o->distance,
                       narrowest, widest, err) &&
              in_range("light yaw", o->light_yaw, -180, 180, err) &&
              in_range("light pitch", o->light_pitch, -90, 90, err) &&
              in_range("light warmth", o->light_warmth, -1, 1, err) &&
              in_range("light gain", o->light_gain, 0, 100, err) &&
              in_range("ambient gain", o->ambient_gain, 0, 100, err);
    for (int c = 0; ok && c < 3; c++)
        ok = in_range("light colour", o->light_colour[c], 0, 100, err);
    return ok;
}
