#include "nets/translator_loss.h"

#include "libautograd/ops.h"
#include "nets/losses.h"

bool translator_term_draws(TranslatorTerm term)
{
    return term == TERM_IDENTITY || term == TERM_CONTENT || term == TERM_LOOPBACK;
}

/* F_seg's features and class probabilities of I, as eyes_look sees those of I'. */
static Var content(Graph *g, const TranslatorLossConfig *c, const TranslatorTargets *t,
                   const Sight *sight)
{
    if (!c->features)
        return loss_content_maps(g, sight->maps, t->maps, t->content_weight);
    Sight target = eyes_look(g, c->eyes, t->picture);
    return loss_content_features(g, sight->features, sight->maps, target.features, target.maps);
}

/* The terms that look at I' = G(x). */
static void drawn(Graph *g, const TranslatorLossConfig *c, const TranslatorTargets *t,
                  TranslatorLoss *loss)
{
    Var picture = imitator_forward(g, c->imitator, loss->x, MODE_EVAL);
    Sight sight = eyes_look(g, c->eyes, picture);

    if (c->term[TERM_IDENTITY])
        loss->term[TERM_IDENTITY] =
            descriptor_loss(g, c->eyes->descriptor, sight.descriptor, t->descriptor);
    if (c->term[TERM_CONTENT])
        loss->term[TERM_CONTENT] = content(g, c, t, &sight);
    if (c->term[TERM_LOOPBACK])
        loss->term[TERM_LOOPBACK] =
            ag_l1_loss(g, loss->x, translator_forward(g, c->translator, sight.descriptor, 1));
}

TranslatorLoss translator_loss(Graph *g, const TranslatorLossConfig *c, const TranslatorTargets *t)
{
    TranslatorLoss loss = {.x = translator_forward(g, c->translator, t->descriptor, 1)};
    WeightedSumParam weight = {{0}};
    Var part[TRANSLATOR_TERMS];
    bool draws = false;
    int n = 0;

    for (int i = 0; i < TRANSLATOR_TERMS; i++) {
        loss.term[i] = AG_NONE;
        draws = draws || (c->term[i] && translator_term_draws((TranslatorTerm)i));
    }
    if (draws)
        drawn(g, c, t, &loss);
    if (c->term[TERM_PARAMETERS])
        loss.term[TERM_PARAMETERS] = ag_l1_loss(g, loss.x, t->x);
    if (c->term[TERM_PRIOR]) {
        Var continuous = ag_slice(g, loss.x, (AxisParam){1, 0, c->translator->config.continuous});
        loss.term[TERM_PRIOR] =
            loss_prior(g, continuous, t->prior_scale, t->prior_shift, t->prior_zeros);
    }
    for (int i = 0; i < TRANSLATOR_TERMS; i++)
        if (c->term[i]) {
            weight.weight[n] = i;
            part[n++] = loss.term[i];
        }
    loss.total = ag_weighted_sum(g, part, n, weight);
    return loss;
}
