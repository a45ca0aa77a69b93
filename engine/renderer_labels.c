/* The class of what a place shows. */
#include "engine/renderer_internal.h"

int label_at(const Frame *frame, const Hit *hit)
{
    const Surface *s = hit->surface;
    /* the person's left is +x of the resting head */
    bool left = s->rest[3 * hit->v[0]] + s->rest[3 * hit->v[1]] + s->rest[3 * hit->v[2]] > 0;
    if (hit->label != LABEL_BY_RULE && hit->label != LABEL_INNER_MOUTH)
        return hit->label;
    switch (s->material) {
    case MATERIAL_EYE:
        return left ? LABEL_LEFT_EYE : LABEL_RIGHT_EYE;
    case MATERIAL_TEETH:
        return frame->mouth_open > 0 ? LABEL_INNER_MOUTH : LABEL_UPPER_LIP;
    case MATERIAL_BROW:
        return left ? LABEL_LEFT_BROW : LABEL_RIGHT_BROW;
    case MATERIAL_HAIR:
        return LABEL_HAIR;
    case MATERIAL_SKIN:
        break;
    default:
        return LABEL_BACKGROUND; /* lashes and beards cover, they have no class */
    }
    if (hair_cover(frame, &frame->scene->scalp, hit) >= 0.6f)
        return LABEL_HAIR; /* painted beards have no class, like others */
    SkinVertex skin;
    skin_attributes(frame, hit, &skin);
    if ((skin.lip > 6.2f || hit->label == LABEL_INNER_MOUTH) && frame->mouth_open > 0)
        return LABEL_INNER_MOUTH;
    if (skin.lip > 0)
        return skin.upper > 0 ? LABEL_UPPER_LIP : LABEL_LOWER_LIP;
    if (skin.face <= 0)
        return LABEL_BACKGROUND;
    return skin.nose > 0 ? LABEL_NOSE : LABEL_SKIN;
}
