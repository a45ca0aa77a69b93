#include "nets/likeness.h"

#include <math.h>
#include <stdlib.h>

bool target_new(Target *target, const Eyes *eyes, Error *err)
{
    size_t k = (size_t)eyes_classes(eyes);
    real *weight = calloc(2 * k, sizeof *weight);

    if (!weight) {
        return error_set(err, "out of memory for the target of a search");
    }
    if (!view_new(&target->view, eyes, err)) {
        free(weight);
        return false;
    }
    target->content_weight = weight;
    target->colour_weight = weight + k;
    return true;
}

void target_free(Target *target)
{
    view_free(&target->view);
    free(target->content_weight);
    *target = (Target){.content_weight = NULL};
}

static int map_area(const Eyes *eyes)
{
    return eyes_map_size(eyes) * eyes_map_size(eyes);
}

double view_area(const View *view, const Eyes *eyes, int k)
{
    int area = map_area(eyes);
    double sum = 0;

    for (int i = 0; i < area; i++) {
        sum += view->maps[k * area + i];
    }
    return sum / area;
}

void target_weigh_content(Target *target, const Eyes *eyes, const View *average)
{
    const double least = 0.002; /* of the picture: about an eye */
    int classes = eyes_classes(eyes);

    for (int k = 0; k < classes; k++) {
        double area = (view_area(&target->view, eyes, k) + view_area(average, eyes, k)) / 2;
        target->content_weight[k] = (real)(1 / (classes * (area + least)));
    }
}

double prior_loss(const float *x, const float *mean, const float *deviation, int n)
{
    double sum = 0;

    for (int i = 0; i < n; i++) {
        double d = ((double)x[i] - mean[i]) / deviation[i];
        sum += d * d;
    }
    return sum / n;
}

Losses target_losses(const Target *target, const Eyes *eyes, const View *view)
{
    int classes = eyes_classes(eyes), area = map_area(eyes);
    Losses losses = {.identity = descriptor_loss_value(eyes->descriptor, view->descriptor,
                                                       target->view.descriptor)};

    for (int k = 0; k < classes; k++) {
        double sum = 0;
        for (int i = 0; i < area; i++) {
            sum += fabs((double)view->maps[k * area + i] - target->view.maps[k * area + i]);
        }
        losses.content += target->content_weight[k] * sum / area;
        for (int c = 0; c < 3; c++) {
            double d = target->colour_weight[k] *
                       ((double)view->colour[3 * k + c] - target->view.colour[3 * k + c]);
            losses.colour += d * d / (3 * classes);
        }
    }
    return losses;
}

double losses_sum(Losses l, Weights w)
{
    return w.identity * l.identity + w.content * l.content + w.colour * l.colour +
           w.geometry * l.geometry + w.prior * l.prior;
}

int target_residual_count(const Eyes *eyes)
{
    return descriptor_dim(eyes->descriptor) + eyes_classes(eyes) * (3 + map_area(eyes));
}

void target_residuals(const Target *target, const Eyes *eyes, const View *view, Weights weights,
                      float *r)
{
    int classes = eyes_classes(eyes), area = map_area(eyes);
    int dim = descriptor_dim(eyes->descriptor);
    double identity = sqrt(weights.identity) * descriptor_loss_scale(eyes->descriptor);
    double colour = sqrt(weights.colour / (3 * classes)), content = sqrt(weights.content / area);

    for (int i = 0; i < dim; i++) {
        *r++ = (float)(identity * (view->descriptor[i] - target->view.descriptor[i]));
    }
    for (int k = 0; k < classes; k++) {
        double colour_k = colour * target->colour_weight[k];
        double content_k = content * target->content_weight[k];
        for (int c = 3 * k; c < 3 * k + 3; c++) {
            *r++ = (float)(colour_k * (view->colour[c] - target->view.colour[c]));
        }
        for (int i = k * area; i < (k + 1) * area; i++) {
            *r++ = (float)(content_k * (view->maps[i] - target->view.maps[i]));
        }
    }
}
