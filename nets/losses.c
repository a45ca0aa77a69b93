#include "nets/losses.h"

#include "libautograd/ops.h"

Var loss_weighted(Graph *g, Var a, Var b, Var weight, real square)
{
    a = ag_spatial_mul(g, a, weight);
    b = ag_spatial_mul(g, b, weight);
    return ag_add(g, ag_l1_loss(g, a, b),
                  ag_affine(g, ag_l2_loss(g, a, b), (AffineParam){square, 0}));
}

Var loss_identity(Graph *g, Var descriptor, Var target)
{
    return ag_cosine_loss(g, descriptor, target);
}

Var loss_identity_distance(Graph *g, Var descriptor, Var target)
{
    real dim = (real)ag_shape(g, descriptor).dim[1];
    Var mean = ag_l2_loss(g, descriptor, target);
    return ag_affine(g, mean, (AffineParam){dim, 0});
}

static Var channel(Graph *g, Var x, int64_t k)
{
    return ag_slice(g, x, (AxisParam){.axis = 1, .begin = k, .count = 1});
}

Var loss_content_features(Graph *g, Var features, Var maps, Var target_features, Var target_maps)
{
    int64_t classes = ag_shape(g, maps).dim[1];
    Var sum = AG_NONE;

    for (int64_t k = 1; k < classes; k++) {
        Var a = ag_spatial_mul(g, features, channel(g, maps, k));
        Var b = ag_spatial_mul(g, target_features, channel(g, target_maps, k));
        Var part = ag_l1_loss(g, a, b);
        sum = k == 1 ? part : ag_add(g, sum, part);
    }
    return sum;
}

Var loss_content_maps(Graph *g, Var maps, Var target, Var weight)
{
    real classes = (real)ag_shape(g, maps).dim[1];
    Var mean = ag_l1_loss(g, ag_channel_affine(g, maps, weight, AG_NONE),
                          ag_channel_affine(g, target, weight, AG_NONE));
    return ag_affine(g, mean, (AffineParam){classes, 0});
}

Var region_colour(Graph *g, Var picture, Var maps)
{
    /* region_mean divides by the area plus one; a heavier area makes the one vanish. */
    const real heavy = 64;
    int64_t fine = ag_shape(g, picture).dim[2], coarse = ag_shape(g, maps).dim[2];
    int k = coarse > 0 ? (int)(fine / coarse) : 1;

    if (k > 1) {
        picture = ag_avg_pool2d(g, picture, (Pool2dParam){k, k, 0});
    }
    Var sure = ag_detach(g, maps);
    sure = ag_mul(g, sure, ag_mul(g, sure, sure));
    return ag_region_mean(g, picture, ag_affine(g, sure, (AffineParam){heavy, 0}));
}

static Var weigh(Graph *g, Var colour, Var weight)
{
    Shape s = ag_shape(g, colour);
    return ag_channel_affine(g, ag_reshape(g, colour, shape4(s.dim[0], s.dim[1], s.dim[2], 1)),
                             weight, AG_NONE);
}

Var loss_colour(Graph *g, Var colour, Var target, Var weight)
{
    return ag_l2_loss(g, weigh(g, colour, weight), weigh(g, target, weight));
}

Var loss_prior(Graph *g, Var x, Var scale, Var shift, Var zeros)
{
    return ag_l2_loss(g, ag_channel_affine(g, x, scale, shift), zeros);
}
