/* Contact sheets of an engine's characters: what its schema can do, to be looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/engine_option.h"
#include "apps/label_palette.h"
#include "apps/paths.h"
#include "apps/sheet.h"
#include "engine/character.h"
#include "engine/engine.h"

typedef struct Options {
    const char *engine, *params, *kind, *group, *out;
    uint64_t seed;
    int cell, count, columns;
} Options;

static const struct argp_option options[] = {
    {"engine", 'e', "ENGINE", 0, "Whose characters: " ENGINE_OPTION_HELP " (builtin:male)", 0},
    {"kind", 'k', "KIND", 0,
     "random: plausible people; uniform: with every parameter uniform; options: every choice of "
     "every group; components: every slider at both ends, a row or more for each component; "
     "views: one character from all sides; labels: people and their label maps",
     0},
    {"out", 'o', "FILE.png", 0, "The sheet to write", 0},
    {"params", 'p', "FILE.json", 0,
     "The character of options, components and views (the average face)", 0},
    {"group", 'g', "NAME", 0, "Only this group or component", 0},
    {"seed", 's', "N", 0, "Of random people (0)", 0},
    {"count", 'n', "N", 0, "How many random people, 1 to 400 (36)", 0},
    {"columns", 'c', "N", 0, "Pictures in a row, 1 to 40 (6; of options 8, of components 18)", 0},
    {"cell", 'z', "N", 0, "Side of a picture, 64 to 1024 (256)", 0},
    {"assets", 'a', "DIR", 0, "Folder of engine.pack", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;
    switch (key) {
    case 'e':
        o->engine = arg;
        break;
    case 'k':
        o->kind = arg;
        break;
    case 'o':
        o->out = arg;
        break;
    case 'p':
        o->params = arg;
        break;
    case 'g':
        o->group = arg;
        break;
    case 's':
        o->seed = (uint64_t)option_int(arg, "--seed", 0, INT64_MAX);
        break;
    case 'n':
        o->count = (int)option_int(arg, "--count", 1, 400);
        break;
    case 'c':
        o->columns = (int)option_int(arg, "--columns", 1, 40);
        break;
    case 'z':
        o->cell = (int)option_int(arg, "--cell", 64, 1024);
        break;
    case 'a':
        path_set_assets(arg);
        break;
    case ARGP_KEY_END:
        if (!o->out)
            die_usage("--out FILE.png is missing: where shall the sheet go?");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .doc = "Draw a contact sheet of an engine's characters.\v"
           "Example: character_sheet --engine builtin:female --kind options --group hair --out "
           "hair.png"};

/* A cell of the sheet to be: a character, its view and its name. */
typedef struct Cell {
    float *x;
    float yaw, pitch;
    bool close;  /* the face fills the cell */
    bool labels; /* the label map instead of the picture */
    char caption[80];
} Cell;

typedef struct Plan {
    const Schema *schema;
    const float *base; /* the character that others are made from */
    bool any_view;     /* the engine draws more than the portrait */
    int columns, n, room;
    Cell *cell;
} Plan;

static Cell *add_cell(Plan *plan, const float *x)
{
    if (plan->n == plan->room) {
        plan->room = plan->room ? 2 * plan->room : 64;
        plan->cell = realloc(plan->cell, (size_t)plan->room * sizeof *plan->cell);
    }
    size_t bytes = (size_t)plan->schema->dim * sizeof *x;
    float *copy = malloc(bytes);
    if (!plan->cell || !copy)
        die("out of memory");
    if (x)
        memcpy(copy, x, bytes);
    plan->cell[plan->n] = (Cell){.x = copy};
    return &plan->cell[plan->n++];
}

/* What comes next begins a row. */
static void end_row(Plan *plan)
{
    while (plan->n % plan->columns) {
        Cell *cell = add_cell(plan, NULL);
        free(cell->x);
        cell->x = NULL;
    }
}

static void plan_people(Plan *plan, const Options *o, bool uniform)
{
    for (int i = 0; i < o->count; i++) {
        Cell *cell = add_cell(plan, NULL);
        if (uniform)
            schema_random_uniform(plan->schema, o->seed, (uint64_t)i, cell->x);
        else
            schema_random_person(plan->schema, o->seed, (uint64_t)i, cell->x);
        snprintf(cell->caption, sizeof cell->caption, "%d", i);
    }
}

static bool wanted(const Options *o, const char *name)
{
    return !o->group || strcmp(o->group, name) == 0;
}

static void choose(const ControlGroup *group, float *x, int option)
{
    for (int k = 0; k < group->count; k++)
        x[group->begin + k] = k == option;
}

static void plan_options(Plan *plan, const Options *o)
{
    for (int g = 0; g < plan->schema->n_groups; g++) {
        const ControlGroup *group = &plan->schema->group[g];
        if (!wanted(o, group->name))
            continue;
        end_row(plan);
        for (int k = 0; k < group->count; k++) {
            Cell *cell = add_cell(plan, plan->base);
            choose(group, cell->x, k);
            cell->close = plan->any_view && strcmp(group->name, "hair") != 0;
            snprintf(cell->caption, sizeof cell->caption, "%s: %s", group->name,
                     group->option[k].name);
        }
    }
}

static void plan_components(Plan *plan, const Options *o)
{
    const Schema *schema = plan->schema;
    for (int i = 0; i < schema->n_continuous; i++) {
        const Control *control = &schema->control[i];
        if (!wanted(o, control->component))
            continue;
        if (i > 0 && strcmp(control->component, schema->control[i - 1].component) != 0)
            end_row(plan);
        for (int end = 0; end < 2; end++) {
            Cell *cell = add_cell(plan, plan->base);
            cell->x[i] = (float)end;
            cell->close = plan->any_view;
            snprintf(cell->caption, sizeof cell->caption, "%s %d", control->name, end);
        }
    }
}

static void plan_views(Plan *plan)
{
    static const float yaw[] = {-90, -45, 0, 45, 90}, pitch[] = {-30, -15, 15, 30};
    for (int i = 0; i < 5; i++) {
        Cell *cell = add_cell(plan, plan->base);
        cell->yaw = yaw[i];
        snprintf(cell->caption, sizeof cell->caption, "yaw %g", (double)yaw[i]);
    }
    for (int i = 0; i < 5; i++) {
        Cell *cell = add_cell(plan, plan->base);
        if (i < 4)
            cell->pitch = pitch[i];
        else
            cell->yaw = 180;
        snprintf(cell->caption, sizeof cell->caption, i < 4 ? "pitch %g" : "yaw 180",
                 i < 4 ? (double)pitch[i] : 0);
    }
}

static void plan_labels(Plan *plan, const Options *o)
{
    for (int i = 0; i < o->count; i++)
        for (int labels = 0; labels < 2; labels++) {
            Cell *cell = add_cell(plan, NULL);
            schema_random_person(plan->schema, o->seed, (uint64_t)i, cell->x);
            cell->labels = labels;
            cell->yaw = plan->any_view ? 20 * (float)(i % 3 - 1) : 0;
            snprintf(cell->caption, sizeof cell->caption, "%d", i);
        }
}

/* A name of a kind, and how wide its sheet is. */
static const struct {
    const char *name;
    int columns, count, cell;
} kinds[] = {{"random", 6, 36, 256},     {"uniform", 6, 36, 256}, {"options", 8, 0, 256},
             {"components", 18, 0, 128}, {"views", 5, 0, 384},    {"labels", 6, 12, 256}};
enum { RANDOM, UNIFORM, OPTIONS, COMPONENTS, VIEWS, LABELS, KINDS };

static int find_kind(const Options *o)
{
    for (int i = 0; o->kind && i < KINDS; i++)
        if (strcmp(kinds[i].name, o->kind) == 0)
            return i;
    die_usage("--kind is random, uniform, options, components, views or labels");
}

static void make_plan(Plan *plan, const Options *o, int kind)
{
    switch (kind) {
    case RANDOM:
    case UNIFORM:
        plan_people(plan, o, kind == UNIFORM);
        break;
    case OPTIONS:
        plan_options(plan, o);
        break;
    case COMPONENTS:
        plan_components(plan, o);
        break;
    case VIEWS:
        plan_views(plan);
        break;
    default:
        plan_labels(plan, o);
        break;
    }
    if (plan->n == 0)
        die_usage("the schema %s has no group or component '%s'", plan->schema->name,
                  o->group ? o->group : "");
}

static void show_labels(Image *image, const uint8_t *label)
{
    for (int i = 0; i < image->width * image->height; i++)
        for (int c = 0; c < 3; c++)
            image->pixel[3 * i + c] =
                (uint8_t)((image->pixel[3 * i + c] + 2 * label_palette[label[i]][c]) / 3);
}

static bool draw(const Engine *engine, const Plan *plan, int size, Sheet *sheet, Error *err)
{
    RenderOptions render = render_options_default();
    Image image = {0};
    uint8_t *labels = malloc((size_t)size * (size_t)size);
    bool ok = labels ? image_new(&image, size, size, err) : error_set(err, "out of memory");
    const float far = render.focal, close = 1.55f * far;
    render.size = size;
    for (int i = 0; ok && i < plan->n; i++) {
        const Cell *cell = &plan->cell[i];
        int column = i % plan->columns, row = i / plan->columns;
        if (!cell->x)
            continue;
        render.yaw = cell->yaw;
        render.pitch = cell->pitch;
        render.focal = cell->close ? close : far;
        ok =
            engine_render(engine, cell->x, &render, image.pixel, cell->labels ? labels : NULL, err);
        if (ok && cell->labels)
            show_labels(&image, labels);
        ok = ok && sheet_put(sheet, column, row, &image, err);
        sheet_caption(sheet, column, row, cell->caption);
    }
    image_free(&image);
    free(labels);
    return ok;
}

/* The average face, without hair where ears and foreheads shall be seen. */
static void set_base(const Options *o, const Schema *schema, int kind, float *x)
{
    Error err;
    schema_average(schema, x);
    if (o->params && !character_load(o->params, schema, x, &err))
        die_error(&err);
    int hair = schema_find_group(schema, "hair");
    for (int k = 0; !o->params && kind != VIEWS && hair >= 0 && k < schema->group[hair].count; k++)
        if (strcmp(schema->group[hair].option[k].name, "bald") == 0)
            choose(&schema->group[hair], x, k);
}

int main(int argc, char **argv)
{
    Options o = {.engine = "builtin:male"};
    Engine *engine;
    Sheet sheet;
    Error err;

    app_parse(&parser, argc, argv, &o);
    int kind = find_kind(&o);
    o.columns = o.columns ? o.columns : kinds[kind].columns;
    o.count = o.count ? o.count : kinds[kind].count;
    o.cell = o.cell ? o.cell : kinds[kind].cell;
    if (!engine_option_open(&engine, o.engine, &err))
        die_error(&err);
    const Schema *schema = engine_schema(engine);
    float *x = malloc((size_t)schema->dim * sizeof *x);
    if (!x)
        die("out of memory");
    set_base(&o, schema, kind, x);
    Plan plan = {.schema = schema,
                 .base = x,
                 .any_view = engine_can(engine, ENGINE_VIEW),
                 .columns = o.columns};
    make_plan(&plan, &o, kind);
    if (!sheet_new(&sheet, plan.columns, (plan.n + plan.columns - 1) / plan.columns, o.cell, 2,
                   &err) ||
        !draw(engine, &plan, o.cell, &sheet, &err) || !sheet_save(&sheet, o.out, &err))
        die_error(&err);
    sheet_free(&sheet);
    for (int i = 0; i < plan.n; i++)
        free(plan.cell[i].x);
    free(plan.cell);
    free(x);
    engine_close(engine);
    return 0;
}
