#include "apps/method.h"

#include <string.h>

static const struct {
    const char *name;
    bool searches, translates, paper;
} kind[METHODS] = {
    [METHOD_AVERAGE] = {"average", false, false, false},
    [METHOD_ONE_SHOT] = {"one-shot", false, true, false},
    [METHOD_ITERATIVE] = {"iterative", true, false, false},
    [METHOD_COMBINED] = {"combined", true, true, false},
    [METHOD_ITERATIVE_PAPER] = {"iterative-paper", true, false, true},
    [METHOD_COMBINED_PAPER] = {"combined-paper", true, true, true},
};

const char *method_name(Method method)
{
    return kind[method].name;
}

bool method_find(const char *name, size_t n, Method *method)
{
    for (int m = 0; m < METHODS; m++)
        if (strlen(kind[m].name) == n && memcmp(kind[m].name, name, n) == 0) {
            *method = (Method)m;
            return true;
        }
    return false;
}

bool method_searches(Method method)
{
    return kind[method].searches;
}

bool method_translates(Method method)
{
    return kind[method].translates;
}

FinderConfig method_config(Method method)
{
    FinderConfig config = kind[method].paper ? finder_paper() : finder_default();

    config.translate = kind[method].translates;
    return config;
}

static bool search(Studio *studio, const FinderConfig *config, const real *picture, float *x,
                   Error *err)
{
    Finding finding;

    if (!finder_run(studio, picture, config, NULL, NULL, &finding, err))
        return false;
    memcpy(x, finding.x, (size_t)studio->schema[config->only]->dim * sizeof *x);
    finding_free(&finding);
    return true;
}

bool method_run(Studio *studio, int model, Method method, double light, const real *picture,
                float *x, Error *err)
{
    if (kind[method].searches) {
        FinderConfig config = method_config(method);
        config.only = model;
        config.light_trust = light >= 0 ? light : config.light_trust;
        return search(studio, &config, picture, x, err);
    }
    if (method == METHOD_ONE_SHOT)
        one_shot_run(studio->one_shot[model], picture, 1, x);
    else
        schema_average(studio->schema[model], x);
    return true;
}
