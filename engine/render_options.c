/* The portrait: a neutral view in warm, soft light. */
#include "engine/engine.h"

RenderOptions render_options_default(void)
{
    return (RenderOptions){.size = 512,
                           .focal = 1500,
                           .distance = 9,
                           .light_yaw = -32,
                           .light_pitch = 30,
                           .light_warmth = 0.25f,
                           .light_gain = 1,
                           .light_colour = {1, 1, 1},
                           .ambient_gain = 1,
                           .background = {{104, 112, 126}, {58, 62, 70}}};
}
