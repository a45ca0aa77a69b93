/* evaluate speed: how long a face takes by each method. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/evaluate.h"
#include "libtensor/parallel.h"

enum { OUT = 'o', FACES = 1000, ROUNDS, METHOD, TRANSLATOR, PHOTO_SIZE = 512, SEED = 1 };

typedef struct Options {
    StudioConfig studio; /* first: the child parser's input */
    const char *out, *translator;
    MethodList methods;
    int faces, rounds;
} Options;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->studio;
        break;
    case OUT:
        o->out = arg;
        break;
    case FACES:
        o->faces = (int)option_int(arg, "--faces", 1, 1000);
        break;
    case ROUNDS:
        o->rounds = (int)option_int(arg, "--rounds", 1, 1000);
        break;
    case METHOD:
        method_list_parse(&o->methods, arg, "--method");
        break;
    case TRANSLATOR:
        o->translator = arg;
        break;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    case ARGP_KEY_END:
        if (!o->out)
            die_usage("it wants --out DIR");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"faces", FACES, "N", 0, "Random people of the engine in a round (4)", 0},
    {"rounds", ROUNDS, "N", 0, "Rounds; the fastest counts (3)", 0},
    {"method", METHOD, "LIST", 0,
     "With commas between: one-shot, iterative, combined, iterative-paper, combined-paper (all). "
     "" METHOD_HELP,
     0},
    {"translator", TRANSLATOR, "FILE", 0, "The translator, if not the pretrained one", 0},
    {"out", OUT, "DIR", 0, "Folder of speed.json and speed.html", 0},
    {0}};
static const struct argp_child children[] = {{&studio_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "--engine ENGINE --out DIR",
    "How long a face takes: finding and aligning it, and its character by each method, one face at "
    "a time."
    "\v(translate goes through many photos at once and is faster a photo.) Let nothing else "
    "run.\n\n"
    "  evaluate speed --engine builtin:male --method one-shot,iterative --out DIR",
    children,
    NULL,
    NULL};

typedef struct Bench {
    const Options *options;
    Studio studio;
    Image *photo; /* faces */
    Aligned pictures;
} Bench;

static void draw_photos(Bench *b)
{
    const Schema *schema = b->studio.schema[0];
    RenderOptions options = render_options_default();
    float *x = need((size_t)schema->dim, sizeof *x);
    Error err;

    options.size = PHOTO_SIZE;
    b->photo = need((size_t)b->options->faces, sizeof *b->photo);
    for (int i = 0; i < b->options->faces; i++) {
        schema_random_person(schema, SEED, (uint64_t)i, x);
        if (!image_new(&b->photo[i], PHOTO_SIZE, PHOTO_SIZE, &err) ||
            !engine_render(b->studio.engine[0], x, &options, b->photo[i].pixel, NULL, &err))
            die_error(&err);
    }
    free(x);
}

static double align_all(Bench *b)
{
    double begin = seconds();

    for (int i = 0; i < b->options->faces; i++)
        aligned_take(&b->pictures, i, &b->studio, &b->photo[i]);
    return (seconds() - begin) / b->options->faces;
}

static double run_all(Bench *b, Method method)
{
    size_t side = (size_t)b->studio.size;
    real *picture = need(3 * side * side, sizeof *picture);
    float *x = need((size_t)b->studio.schema[0]->dim, sizeof *x);
    double begin = seconds();
    Error err;

    for (int i = 0; i < b->options->faces; i++) {
        if (!aligned_picture(&b->pictures, i, picture))
            die("no face was found in the picture of character %d", i);
        if (!method_run(&b->studio, 0, method, -1, picture, x, &err))
            die_error(&err);
        if (interrupted())
            die("stopped");
    }
    double each = (seconds() - begin) / b->options->faces;
    free(picture);
    free(x);
    return each;
}

/* The paper's: photos a second on a GTX 1080 Ti, alignment excluded. */
static json_t *paper_rate(Method method)
{
    return method == METHOD_ONE_SHOT          ? json_real(1000)
           : method == METHOD_ITERATIVE_PAPER ? json_real(1)
                                              : json_null();
}

int evaluate_speed(int argc, char **argv)
{
    Options o = {.methods = {5,
                             {METHOD_ONE_SHOT, METHOD_ITERATIVE, METHOD_COMBINED,
                              METHOD_ITERATIVE_PAPER, METHOD_COMBINED_PAPER}},
                 .faces = 4,
                 .rounds = 3};
    Bench b = {.options = &o};
    double each[METHODS], align = INFINITY;
    Report page;
    Error err;

    app_parse(&parser, argc, argv, &o);
    catch_interrupt();
    StudioConfig config = o.studio;
    config.with_translators = method_list_any(&o.methods, method_translates);
    config.translator[0] = o.translator;
    config.translators = o.translator != NULL;
    if (!make_folder(o.out, &err) || !studio_open(&b.studio, &config, &err))
        die_error(&err);
    draw_photos(&b);
    aligned_new(&b.pictures, o.faces, b.studio.size);
    for (int m = 0; m < METHODS; m++)
        each[m] = INFINITY;
    for (int round = 0; round < o.rounds; round++) {
        align = fmin(align, align_all(&b));
        for (int i = 0; i < o.methods.n; i++) {
            Method m = o.methods.method[i];
            each[m] = fmin(each[m], run_all(&b, m));
        }
    }
    json_t *settings = json_pack("{si si si si}", "faces", o.faces, "seed", SEED, "rounds",
                                 o.rounds, "threads", parallel_threads());
    config_add_searches(settings, &o.methods, -1);
    json_t *result = result_new("speed", settings, &b.studio);
    json_t *rows =
        json_pack("[[ssss] [sffn]]", "", "seconds a face", "faces a second",
                  "the paper's, on a GTX 1080 Ti", "finding and aligning", align, 1 / align);
    json_t *times = json_pack("{sf}", "align", align);
    printf("%-20s %9.4f s  %9.2f/s\n", "finding and aligning", align, 1 / align);
    for (int i = 0; i < o.methods.n; i++) {
        Method m = o.methods.method[i];
        printf("%-20s %9.4f s  %9.2f/s\n", method_name(m), each[m], 1 / each[m]);
        json_array_append_new(
            rows, json_pack("[sffo]", method_name(m), each[m], 1 / each[m], paper_rate(m)));
        json_object_set_new(times, method_name(m), json_real(each[m]));
    }
    json_object_set_new(result, "seconds", times);
    result_save(o.out, result);
    result_page_open(&page, o.out, "Speed of the methods", result);
    report_table(&page, rows);
    page_bars(&page, "Seconds a face", times);
    result_page_close(&page, result);
    json_decref(rows);
    json_decref(result);
    for (int i = 0; i < o.faces; i++)
        image_free(&b.photo[i]);
    free(b.photo);
    aligned_free(&b.pictures);
    studio_close(&b.studio);
    return 0;
}
