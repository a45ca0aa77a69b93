#include "apps/import_match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/text.h"

static const char *rule_for(const ImportRule *rule, const char *name)
{
    for (; rule->name; rule++)
        if (rule->name[0] == '*' ? text_ends_in(name, rule->name + 1)
                                 : strcmp(rule->name, name) == 0)
            return rule->why;
    return NULL;
}

/* What stands before the anchor; it must end at a dot. */
static bool find_prefix(const TensorFile *file, const ImportNet *net, char prefix[256], Error *err)
{
    const char *best = NULL;
    size_t k = strlen(net->anchor), length = 256;
    for (int i = 0; i < tensor_file_count(file); i++) {
        const char *name = tensor_file_name(file, i);
        size_t n = strlen(name);
        bool whole = text_ends_in(name, net->anchor) && (n == k || name[n - k - 1] == '.');
        if (whole && n - k < length) {
            best = name;
            length = n - k;
        }
    }
    if (!best)
        return error_set(err, "there is no %s in it; is it a file of %s?", net->anchor, net->name);
    memcpy(prefix, best, length);
    prefix[length] = '\0';
    return true;
}

/* The file's tensor for a parameter; data NULL if there is none. */
static Tensor counterpart(const TensorFile *file, const char *prefix, const char *name)
{
    char full[512];
    int n = snprintf(full, sizeof full, "%s%s", prefix, name);
    return n > 0 && (size_t)n < sizeof full ? tensor_file_find(file, full) : (Tensor){0};
}

static bool check_param(const ParamSet *set, Param param, const TensorFile *file,
                        const ImportNet *net, ImportReport *report, Error *err)
{
    const char *name = params_name(set, param);
    Shape shape = params_shape(set, param);
    Tensor t = counterpart(file, report->prefix, name);
    char have[88], want[88];
    if (!t.data) {
        if (!rule_for(net->fresh, name))
            return error_set(err, "it lacks %s%s (%s); is it a file of %s?", report->prefix, name,
                             shape_text(shape, want), net->name);
        if (report->n_fresh < IMPORT_MAX_LEFT)
            report->fresh[report->n_fresh++] = name;
        return true;
    }
    if (!shape_equal(t.shape, shape))
        return error_set(err, "%s%s is %s in it, but %s of %s is %s", report->prefix, name,
                         shape_text(t.shape, have), name, net->name, shape_text(shape, want));
    if (t.type != DTYPE_F16 && t.type != DTYPE_F32 && t.type != DTYPE_F64)
        return error_set(err, "%s%s is of type %s, but weights are floats", report->prefix, name,
                         dtype_name(t.type));
    report->matched++;
    report->values += shape_count(shape);
    return true;
}

/* Every tensor of the file that has no counterpart in the net has a reason. */
static bool check_rest(const ParamSet *set, const TensorFile *file, const ImportNet *net,
                       ImportReport *report, Error *err)
{
    size_t k = strlen(report->prefix);
    for (int i = 0; i < tensor_file_count(file); i++) {
        const char *name = tensor_file_name(file, i), *why = "not of the net's weights";
        Param param;
        if (strncmp(name, report->prefix, k) == 0) {
            if (params_find(set, name + k, &param))
                continue;
            why = rule_for(net->drop, name + k);
            if (!why && k > 0)
                return error_set(err, "%s is in it, but %s has no %s; is it a file of %s?", name,
                                 net->name, name + k, net->name);
            if (!why)
                return error_set(err, "%s is in it, but not in %s; is it a file of %s?", name,
                                 net->name, net->name);
        }
        if (report->n_left == IMPORT_MAX_LEFT)
            return error_set(err,
                             "it has more than %d tensors that %s has not; is it a file of it?",
                             IMPORT_MAX_LEFT, net->name);
        report->left[report->n_left++] = (ImportLeft){name, why};
    }
    return true;
}

static bool copy_param(ParamSet *set, Param param, Tensor t, Error *err)
{
    int64_t n = shape_count(t.shape);
    real *value = malloc((size_t)n * sizeof *value);
    if (!value)
        return error_set(err, "out of memory");
    tensor_convert(value, DTYPE_REAL, t.data, t.type, n);
    params_write(set, param, value);
    free(value);
    return true;
}

bool import_match(ParamSet *set, const TensorFile *file, const ImportNet *net, ImportReport *report,
                  Error *err)
{
    memset(report, 0, sizeof *report);
    if (!find_prefix(file, net, report->prefix, err))
        return false;
    for (int i = 0; i < params_count(set); i++)
        if (!check_param(set, (Param){i}, file, net, report, err))
            return false;
    if (!check_rest(set, file, net, report, err))
        return false;
    for (int i = 0; i < params_count(set); i++) {
        Tensor t = counterpart(file, report->prefix, params_name(set, (Param){i}));
        if (t.data && !copy_param(set, (Param){i}, t, err))
            return false;
    }
    return true;
}
