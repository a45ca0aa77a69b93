/* evaluate verify: face verification, the paper's Table 6. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/evaluate.h"
#include "apps/sheet.h"
#include "apps/verifier.h"

enum {
    OUT = 'o',
    PAIRS = 1000,
    PHOTOS,
    LIMIT,
    MODE,
    TRANSLATOR,
    SIZE,
    NORMALISE,
    COMPONENTS,
    MAX_MODES = METHODS + 1,
    ROC_NEAR = 200,   /* steps of the ROC curve up to ROC_MIDDLE, */
    ROC_BEYOND = 180, /* and from there to 1 */
    ROC_POINTS = ROC_NEAR + ROC_BEYOND + 1,
    WORST = 8, /* of either kind, on the sheet */
    SHEET_PAIRS = 4,
    CELL = 112
};

static const double ROC_MIDDLE = .1;

/* What the pairs are told apart by: METHODS stands for the descriptor itself. */
enum { DESCRIPTOR_MODE = METHODS };

static const char *mode_name(int mode)
{
    return mode == DESCRIPTOR_MODE ? "descriptor" : method_name((Method)mode);
}

static const char *const normalise_name[] = {"pca", "centre", "none"};
typedef enum Normalise { PCA, CENTRE, NONE, AS_USUAL } Normalise;

typedef struct Options {
    StudioConfig studio; /* first: the child parser's input */
    const char *pairs, *photos, *out, *translator;
    int64_t limit;
    int modes, mode[MAX_MODES];
    int size, components;
    Normalise normalise;
} Options;

static bool wants(const Options *o, bool (*is)(Method))
{
    for (int i = 0; i < o->modes; i++)
        if (o->mode[i] != DESCRIPTOR_MODE && is((Method)o->mode[i]))
            return true;
    return false;
}

static bool is_method(Method method)
{
    (void)method;
    return true;
}

static void take_mode(Options *o, const char *arg)
{
    Method method = METHODS;
    int mode = DESCRIPTOR_MODE;

    if (strcmp(arg, mode_name(DESCRIPTOR_MODE)) != 0) {
        if (!method_find(arg, strlen(arg), &method) || method == METHOD_AVERAGE)
            die_usage("--mode is descriptor, one-shot, iterative, combined, iterative-paper or "
                      "combined-paper, not '%s'",
                      arg);
        mode = (int)method;
    }
    for (int i = 0; i < o->modes; i++)
        if (o->mode[i] == mode)
            die_usage("--mode %s is there twice", arg);
    o->mode[o->modes++] = mode;
}

static void take_normalise(Options *o, const char *arg)
{
    o->normalise = PCA;
    while (o->normalise < AS_USUAL && strcmp(arg, normalise_name[o->normalise]) != 0)
        o->normalise++;
    if (o->normalise == AS_USUAL)
        die_usage("--normalise is pca, centre or none, not '%s'", arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->studio;
        break;
    case PAIRS:
        o->pairs = arg;
        break;
    case PHOTOS:
        o->photos = arg;
        break;
    case LIMIT:
        o->limit = option_int(arg, "--limit", 2, INT32_MAX);
        break;
    case OUT:
        o->out = arg;
        break;
    case MODE:
        take_mode(o, arg);
        break;
    case TRANSLATOR:
        o->translator = arg;
        break;
    case SIZE:
        o->size = (int)option_int(arg, "--size", 32, 1024);
        break;
    case NORMALISE:
        take_normalise(o, arg);
        break;
    case COMPONENTS:
        o->components = (int)option_int(arg, "--components", 1, 4096);
        break;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    case ARGP_KEY_END:
        if (!o->pairs || !o->out || o->modes == 0)
            die_usage("it wants --pairs SET, --mode MODE and --out DIR");
        if (o->translator && !wants(o, method_translates))
            die_usage("--translator belongs to --mode one-shot and combined");
        if (o->size && wants(o, is_method))
            die_usage("--size belongs to --mode descriptor: the other modes have their own");
        if (o->components && o->normalise != PCA &&
            !(o->normalise == AS_USUAL && wants(o, is_method)))
            die_usage("--components belongs to --normalise pca");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"pairs", PAIRS, "SET", 0,
     "A table: path, path, same (1 or 0) and, if there are other folds than ten contiguous ones, "
     "fold, with tabs; or LFW's pairs.txt; or of CFP the folder Protocol/Split/FF or FP; or an "
     "insightface .bin",
     0},
    {"photos", PHOTOS, "DIR", 0,
     "Where the photos are (the folder of the table or pairs.txt; CFP's, above Protocol)", 0},
    {"limit", LIMIT, "N", 0, "Only N of the pairs, evenly spread", 0},
    {"mode", MODE, "MODE", 0,
     "What tells the photos apart; may be given several times. descriptor: what F_recg tells of "
     "them, the upper bound; the others the parameters of their characters. " METHOD_HELP,
     0},
    {"translator", TRANSLATOR, "FILE", 0, "The translator, if not the pretrained one", 0},
    {"out", OUT, "DIR", 0, "Folder of verify.json, verify.html, and of what a stopped run has", 0},
    {"size", SIZE, "N", 0, "Side of the aligned photos for --mode descriptor (the imitator's)", 0},
    {"normalise", NORMALISE, "HOW", 0,
     "pca: onto the principal components of the other folds, then square roots with their signs, "
     "as the paper does with parameters; centre: minus the mean of the other folds; none "
     "(parameters: pca; descriptor: none)",
     2},
    {"components", COMPONENTS, "N", 0, "Keep N principal components (all)", 2},
    {0}};
static const struct argp_child children[] = {{&studio_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "--pairs SET --mode MODE --engine ENGINE --out DIR",
    "Face verification by face.evoLVe's protocol, the paper's Table 6.\vPairs with a photo that "
    "shows no face are left out; they are counted and listed. The pictures of a .bin are taken as "
    "they are aligned. The engine's average face is what photos are aligned onto. A search takes "
    "seconds a photo; a run that was stopped goes on where it was.\n\n"
    "  evaluate verify --pairs lfw.bin --mode descriptor --mode one-shot --engine builtin:female "
    "--out DIR",
    children,
    NULL,
    NULL};

typedef struct Bench {
    const Options *options;
    Studio studio;
    Verifier verifier;
    json_t *result;
    double *distance;       /* pairs: the mode's at hand */
    Sheet sheet[MAX_MODES]; /* the worst errors of each; columns 0: it makes none */
    double far[ROC_POINTS], tar[MAX_MODES][ROC_POINTS];
} Bench;

/* ---- The characters of the faces ---- */

static bool face_picture(void *context, int64_t i, real *picture)
{
    const Sights *s = context;
    Error err;

    if (!sights_get(s, i, picture, NULL, &err))
        die_error(&err);
    return true;
}

/* sights.count x dim, kept in OUT; the caller frees it. */
static real *search_all(Bench *b, Method method)
{
    Sights *s = &b->verifier.sights;
    json_t *of = json_pack("{sI sI}", "pool", (json_int_t)photo_pool_info(b->verifier.pool)->crc,
                           "faces", (json_int_t)s->count);
    char name[96];
    Found found;
    double each;

    if (b->verifier.table.limit > 0)
        snprintf(name, sizeof name, "%s-%" PRId64, b->verifier.table.title,
                 b->verifier.table.limit);
    else
        snprintf(name, sizeof name, "%s", b->verifier.table.title);
    find_characters(&b->studio, method, -1, face_picture, s, of, s->count, b->options->out, name,
                    &found, &each);
    if (each > 0)
        json_object_set_new(json_object_get(b->result, "seconds"), method_name(method),
                            json_real(each));
    real *x = found.x;
    found.x = NULL;
    found_close(&found);
    return x;
}

static real *translate_all(Bench *b)
{
    const Sights *s = &b->verifier.sights;
    const Studio *studio = &b->studio;
    real *x = need((size_t)s->count * (size_t)studio->schema[0]->dim, sizeof *x);
    Error err;

    if (!sights_translate(s, &studio->translator[0], NULL, s->count, x, studio->backend, &err))
        die_error(&err);
    return x;
}

/* ---- The worst errors ---- */

/* How far on the wrong side of its fold's threshold pair i is. */
static double wrong_by(const Bench *b, const Verification *r, int64_t i)
{
    const Verifier *v = &b->verifier;
    double over = b->distance[i] - r->fold_threshold[v->fold[i]];
    return v->same[i] ? over : -over;
}

/* The worst of one kind, the worst first; how many. */
static int find_worst(const Bench *b, const Verification *r, bool same, int64_t *worst)
{
    const Verifier *v = &b->verifier;
    int n = 0;

    for (int64_t i = 0; i < v->pairs; i++) {
        /* Just at the threshold is different. */
        bool wrong = (b->distance[i] < r->fold_threshold[v->fold[i]]) != v->same[i];
        if (!wrong || v->same[i] != same)
            continue;
        int at = n;
        while (at > 0 && wrong_by(b, r, worst[at - 1]) < wrong_by(b, r, i))
            at--;
        if (at == WORST)
            continue;
        n += n < WORST;
        memmove(worst + at + 1, worst + at, (size_t)(n - 1 - at) * sizeof *worst);
        worst[at] = i;
    }
    return n;
}

/* A photo, and under it the engine's picture of its character (x NULL: none). */
static void draw_face(Bench *b, Sheet *sheet, int64_t face, const real *x, int column, int row,
                      const char *caption)
{
    size_t side = (size_t)b->verifier.sights.eyes.size;
    real *picture = need(3 * side * side, sizeof *picture);
    Error err;

    if (!sights_get(&b->verifier.sights, face, picture, NULL, &err) ||
        !sheet_put_planar(sheet, column, row, picture, (int)side, &err))
        die_error(&err);
    sheet_caption(sheet, column, row, caption);
    if (x && (!studio_render(&b->studio, 0, x + face * b->studio.schema[0]->dim, picture, &err) ||
              !sheet_put_planar(sheet, column, row + 1, picture, (int)side, &err)))
        die_error(&err);
    free(picture);
}

static void draw_worst(Bench *b, Sheet *sheet, const Verification *r, const real *x)
{
    const Verifier *v = &b->verifier;
    int64_t worst[2][WORST];
    int n[2] = {find_worst(b, r, false, worst[0]), find_worst(b, r, true, worst[1])};
    int high = x ? 2 : 1, rows[2], row = 0;
    char caption[64];
    Error err;

    for (int kind = 0; kind < 2; kind++)
        rows[kind] = (n[kind] + SHEET_PAIRS - 1) / SHEET_PAIRS;
    if (rows[0] + rows[1] == 0)
        return;
    if (!sheet_new(sheet, 2 * SHEET_PAIRS, high * (rows[0] + rows[1]), CELL, 2, &err))
        die_error(&err);
    for (int kind = 0; kind < 2; row += high * rows[kind++])
        for (int k = 0; k < n[kind]; k++) {
            int64_t i = worst[kind][k];
            int column = 2 * (k % SHEET_PAIRS), at = row + high * (k / SHEET_PAIRS);
            snprintf(caption, sizeof caption, "%.2f, not %s %.2f", b->distance[i],
                     kind ? "<" : ">=", r->fold_threshold[v->fold[i]]);
            draw_face(b, sheet, v->a[i], x, column, at, kind ? "one person" : "two people");
            draw_face(b, sheet, v->b[i], x, column + 1, at, caption);
        }
}

/* ---- A mode ---- */

static VerificationConfig mode_config(const Options *o, int mode, int dim)
{
    Normalise how = o->normalise != AS_USUAL ? o->normalise : mode == DESCRIPTOR_MODE ? NONE : PCA;

    return (VerificationConfig){.centre = how == CENTRE,
                                .components = how != PCA      ? 0
                                              : o->components ? o->components
                                                              : dim,
                                .signed_root = how == PCA};
}

/* The accuracy if the pairs that are left out counted as wrong. */
static double accuracy_of_all(const Bench *b, const Verification *r)
{
    const Verifier *v = &b->verifier;
    int64_t kept[VERIFICATION_MAX_FOLDS] = {0}, all[VERIFICATION_MAX_FOLDS] = {0};
    double sum = 0;
    int folds = 0;

    for (int64_t i = 0; i < v->pairs; i++)
        kept[v->fold[i]]++;
    for (int64_t i = 0; i < v->table.pairs; i++)
        all[v->table.fold[i]]++;
    for (int f = 0; f < VERIFICATION_MAX_FOLDS; f++)
        if (all[f] > 0) {
            int k = v->number[f];
            sum += k >= 0 ? r->fold_accuracy[k] * (double)kept[k] / (double)all[f] : 0;
            folds++;
        }
    return sum / folds;
}

/* Table 6, of the sets' names as insightface has them. */
static const struct {
    const char *set;
    double one_shot, iterative, descriptor;
} paper[] = {
    {"lfw", .9402, .6977, .9958},     {"cfp_ff", .9450, .7060, .9940},
    {"cfp_fp", .8236, .5800, .9494},  {"agedb_30", .8408, .6013, .9597},
    {"calfw", .8463, .6547, .9433},   {"cplfw", .7652, .6042, .8857},
    {"vgg2_fp", .8190, .6104, .9374},
};

/* The paper's accuracy, null where it has none. */
static json_t *paper_figure(const char *set, int mode)
{
    for (size_t i = 0; i < sizeof paper / sizeof *paper; i++)
        if (strcmp(paper[i].set, set) == 0)
            return mode == DESCRIPTOR_MODE          ? json_real(paper[i].descriptor)
                   : mode == METHOD_ONE_SHOT        ? json_real(paper[i].one_shot)
                   : mode == METHOD_ITERATIVE_PAPER ? json_real(paper[i].iterative)
                                                    : json_null();
    return json_null();
}

static void run_mode(Bench *b, int k)
{
    const Sights *s = &b->verifier.sights;
    int mode = b->options->mode[k];
    bool descriptor = mode == DESCRIPTOR_MODE;
    int dim = descriptor ? s->dim : b->studio.schema[0]->dim;
    real *x = descriptor                ? NULL
              : mode == METHOD_ONE_SHOT ? translate_all(b)
                                        : search_all(b, (Method)mode);
    VerificationConfig config = mode_config(b->options, mode, dim);
    json_t *far = json_array(), *tar = json_array();
    Verification r;
    Error err;

    if (!verifier_measure(&b->verifier, x ? x : s->descriptor, dim, &config, &r, b->distance,
                          &err) ||
        !verification_roc(b->distance, b->verifier.same, b->verifier.pairs, b->far, b->tar[k],
                          ROC_POINTS, &err))
        die_error(&err);
    draw_worst(b, &b->sheet[k], &r, x);
    for (int i = 0; i < ROC_POINTS; i++) {
        json_array_append_new(far, json_real(b->far[i]));
        json_array_append_new(tar, json_real(b->tar[k][i]));
    }
    json_t *json = verification_json(&b->verifier, &r);
    json_object_set_new(json, "accuracy of all pairs", json_real(accuracy_of_all(b, &r)));
    json_object_set_new(json, "the paper's accuracy", paper_figure(b->verifier.table.title, mode));
    json_object_set_new(json, "roc", json_pack("{so so}", "far", far, "tar", tar));
    json_object_set_new(json_object_get(b->result, "modes"), mode_name(mode), json);
    printf("%-15s accuracy %.4f +- %.4f over %d folds, threshold %.3f, area under ROC %.4f, TAR",
           mode_name(mode), r.accuracy, r.deviation, r.folds, r.threshold, r.area);
    for (int i = 0; i < VERIFICATION_RATES; i++)
        printf(" %.4f at FAR %g%s", r.tar[i], VERIFICATION_FAR[i],
               i + 1 < VERIFICATION_RATES ? "," : "\n");
    fflush(stdout);
    free(x);
}

/* ---- What is told ---- */

/* The set's row of Table 6, and the paper's where it has one. */
static json_t *table_6(const Bench *b)
{
    const Options *o = b->options;
    const char *set = b->verifier.table.title;
    json_t *rows = json_pack("[[s][s][s]]", "accuracy", set, "the paper");
    bool known = false;

    for (int k = 0; k < o->modes; k++) {
        const char *name = mode_name(o->mode[k]);
        const json_t *m = json_object_get(json_object_get(b->result, "modes"), name);
        const json_t *paper = json_object_get(m, "the paper's accuracy");
        known = known || json_is_real(paper);
        json_array_append_new(json_array_get(rows, 0), json_string(name));
        json_array_append(json_array_get(rows, 1), json_object_get(m, "accuracy"));
        json_array_append(json_array_get(rows, 2), (json_t *)(uintptr_t)paper); /* a count */
    }
    if (!known)
        json_array_remove(rows, 2);
    return rows;
}

/* What there is to say of each mode. */
static json_t *table(const Bench *b)
{
    const Options *o = b->options;
    json_t *rows = json_pack("[[sssssssss]]", "mode", "accuracy", "deviation", "threshold",
                             "area under ROC", "TAR at FAR .1", "at .01", "at .001",
                             "accuracy, those left out wrong"),
           *tar;
    const char *rate;

    for (int k = 0; k < o->modes; k++) {
        const char *name = mode_name(o->mode[k]);
        json_t *m = json_object_get(json_object_get(b->result, "modes"), name);
        json_t *row = json_pack("[sOOOO]", name, json_object_get(m, "accuracy"),
                                json_object_get(m, "deviation"), json_object_get(m, "threshold"),
                                json_object_get(m, "area"));
        json_object_foreach(json_object_get(m, "TAR"), rate, tar)
        {
            json_array_append(row, tar);
        }
        json_array_append(row, json_object_get(m, "accuracy of all pairs"));
        json_array_append_new(rows, row);
    }
    return rows;
}

/* The photos that are left out: [[photo, why], ...]. */
static json_t *left_out(const PhotoPool *pool)
{
    json_t *list = json_pack("[[ss]]", "photo", "why");
    Error err;

    for (int64_t i = 0; i < photo_pool_info(pool)->count; i++) {
        PoolPhoto photo;
        if (!photo_pool_get(pool, i, &photo, &err))
            die_error(&err);
        if (photo.status != PHOTO_FACE)
            json_array_append_new(list,
                                  json_pack("[ss]", photo.name,
                                            photo.status == PHOTO_NO_FACE ? "no face was found"
                                                                          : "it cannot be read"));
    }
    return list;
}

static json_t *set_json(const Bench *b)
{
    const Verifier *v = &b->verifier;
    const PhotoPoolInfo *info = photo_pool_info(v->pool);

    return json_pack("{ss sI sI si sI sI sI}", "name", v->table.title, "pairs",
                     (json_int_t)v->pairs, "pairs left out",
                     (json_int_t)(v->table.pairs - v->pairs), "folds", v->folds, "photos",
                     (json_int_t)v->table.names, "photos without a face",
                     (json_int_t)info->in_state[PHOTO_NO_FACE], "photos that cannot be read",
                     (json_int_t)info->in_state[PHOTO_UNREADABLE]);
}

static void write_page(Bench *b)
{
    const Options *o = b->options;
    ReportPlot roc = {
        .title = "True accept rate (ROC)", .x_label = "false accept rate", .n = o->modes};
    const json_t *missing = json_object_get(b->result, "left_out");
    char title[128];
    Report page;
    json_t *row = table_6(b), *rows = table(b);

    snprintf(title, sizeof title, "Face verification, %.64s", b->verifier.table.title);
    result_page_open(&page, o->out, title, b->result);
    report_heading(&page, "The row of Table 6");
    report_table(&page, row);
    report_heading(&page, "In full");
    report_table(&page, rows);
    report_facts(&page, json_object_get(b->result, "set"));
    for (int k = 0; k < o->modes; k++)
        roc.series[k] = (ReportSeries){mode_name(o->mode[k]), ROC_POINTS, b->far, b->tar[k]};
    report_plot(&page, &roc);
    roc.title = "Where few are falsely accepted";
    for (int k = 0; k < o->modes; k++)
        roc.series[k].n = ROC_NEAR + 1;
    report_plot(&page, &roc);
    for (int k = 0; k < o->modes; k++) {
        if (b->sheet[k].columns == 0)
            continue;
        report_heading(&page, mode_name(o->mode[k]));
        report_image(&page, &b->sheet[k].image,
                     "The worst errors: two people taken for one, then one person taken for two; "
                     "their distance, and their fold's threshold");
    }
    if (json_array_size(missing) > 1) {
        report_heading(&page, "Left out");
        report_table(&page, missing);
    }
    result_page_close(&page, b->result);
    json_decref(row);
    json_decref(rows);
}

static void open_bench(Bench *b, const Options *o)
{
    StudioConfig config = o->studio;
    PairTable table;
    Error err;

    *b = (Bench){.options = o};
    config.with_translators = wants(o, method_translates);
    config.translator[0] = o->translator;
    config.translators = o->translator != NULL;
    if (!pair_table_open(&table, o->pairs, o->photos, o->limit, &err) ||
        !make_folder(o->out, &err) || !studio_open(&b->studio, &config, &err) ||
        !verifier_open(&b->verifier, &table, &b->studio, o->size ? o->size : b->studio.size, o->out,
                       &err))
        die_error(&err);
    b->distance = need((size_t)b->verifier.pairs, sizeof *b->distance);
    for (int i = 0; i < ROC_POINTS; i++)
        b->far[i] = i < ROC_NEAR ? ROC_MIDDLE * i / ROC_NEAR
                                 : ROC_MIDDLE + (1 - ROC_MIDDLE) * (i - ROC_NEAR) / ROC_BEYOND;
    MethodList methods = {.n = 0};
    for (int i = 0; i < o->modes; i++)
        if (o->mode[i] != DESCRIPTOR_MODE)
            methods.method[methods.n++] = (Method)o->mode[i];
    json_t *settings =
        json_pack("{ss ss so ss so si}", "pairs", o->pairs, "photos", o->photos ? o->photos : "",
                  "limit", o->limit ? json_integer(o->limit) : json_string("none"), "normalise",
                  o->normalise == AS_USUAL ? "pca of parameters" : normalise_name[o->normalise],
                  "components", o->components ? json_integer(o->components) : json_string("all"),
                  "size", o->size ? o->size : b->studio.size);
    config_add_searches(settings, &methods, -1);
    b->result = result_new("verify", settings, &b->studio);
    json_object_set_new(b->result, "set", set_json(b));
    json_object_set_new(b->result, "left_out", left_out(b->verifier.pool));
    json_object_set_new(b->result, "modes", json_object());
    json_object_set_new(b->result, "seconds", json_object());
}

static void close_bench(Bench *b)
{
    for (int k = 0; k < MAX_MODES; k++)
        sheet_free(&b->sheet[k]);
    free(b->distance);
    json_decref(b->result);
    verifier_close(&b->verifier);
    studio_close(&b->studio);
}

int evaluate_verify(int argc, char **argv)
{
    Options o = {.normalise = AS_USUAL};
    static Bench b; /* large */

    app_parse(&parser, argc, argv, &o);
    catch_interrupt();
    open_bench(&b, &o);
    for (int k = 0; k < o.modes; k++)
        run_mode(&b, k);
    printf("%" PRId64 " pairs of %" PRId64 " photos; left out: %" PRId64 " pairs, %" PRId64
           " photos without a face\n",
           b.verifier.pairs, b.verifier.table.names, b.verifier.table.pairs - b.verifier.pairs,
           b.verifier.table.names - b.verifier.sights.count);
    result_save(o.out, b.result);
    write_page(&b);
    close_bench(&b);
    return 0;
}
