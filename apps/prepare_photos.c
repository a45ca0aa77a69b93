/* Finds and aligns the faces of many photos, once, for the trainers and measurements that follow.
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "apps/app.h"
#include "apps/engine_option.h"
#include "apps/paths.h"
#include "apps/photo_option.h"
#include "apps/sheet.h"
#include "apps/studio.h"

enum { OUT = 'o', ENGINE = 'e', LIMIT = 1000, SHEET, LIST, ASSETS, COLUMNS = 12, ROWS = 8 };

typedef struct Options {
    const char *photos, *out, *sheet;
    StudioConfig studio;
    int64_t limit;
    bool list;
} Options;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case ENGINE:
        if (o->studio.models == MAX_MODELS)
            die_usage("--engine may be given up to %d times", MAX_MODELS);
        o->studio.engine[o->studio.models++] = arg;
        break;
    case OUT:
        o->out = arg;
        break;
    case LIMIT:
        o->limit = option_int(arg, "--limit", 1, INT32_MAX);
        break;
    case SHEET:
        o->sheet = arg;
        break;
    case LIST:
        o->list = true;
        break;
    case ASSETS:
        path_set_assets(arg);
        break;
    case ARGP_KEY_ARG:
        if (o->photos)
            die_usage("it takes one folder, not %s too", arg);
        o->photos = arg;
        break;
    case ARGP_KEY_END:
        if (!o->photos || !o->out || o->studio.models == 0)
            die_usage("it wants a folder, --engine and --out DIR");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"engine", ENGINE, "ENGINE", 0,
     "Align onto the average face of this engine (given more than once: of "
     "all): " ENGINE_OPTION_HELP,
     0},
    {"out", OUT, "DIR", 0, "Folder of the pool, DIR/NAME.pool", 0},
    {"limit", LIMIT, "N", 0, "Of a folder of photos, N that are evenly spread", 0},
    {"list", LIST, NULL, 0,
     "Print every photo: state, good and frontal or not, score, yaw, side, split, name", 0},
    {"sheet", SHEET, "FILE.png", 0,
     "Contact sheet of aligned faces; a 0 marks those that are not "
     "good and frontal",
     0},
    {"assets", ASSETS, "DIR", 0, "Folder of the engine's files, if not the usual one", 1},
    {0}};
static const struct argp parser = {
    option,
    parse,
    "PHOTOS",
    "Finds the faces of PHOTOS, aligns them and keeps them in a pool, one file that "
    "train_translator "
    "and evaluate read.\vPHOTOS is " PHOTO_OPTION_HELP
    ". A run that was stopped goes on where it was. The pool's pictures have the imitator's "
    "size.\n\n"
    "  prepare_photos PHOTOS --engine builtin:female --sheet faces.png --out DIR",
    NULL,
    NULL,
    NULL};

static void list_photos(const PhotoPool *pool, const PhotoQuality *quality)
{
    static const char *const state[] = {"face", "none", "unreadable"};
    static const char *const split[] = {"train", "validation", "test"};

    for (int64_t i = 0; i < photo_pool_info(pool)->count; i++) {
        PoolPhoto p;
        Error err;
        if (!photo_pool_get(pool, i, &p, &err))
            die_error(&err);
        printf("%s\t%d\t%.2f\t%.1f\t%.0f\t%s\t%s\n", state[p.status],
               photo_good_frontal(&p, quality), (double)p.face.score, (double)p.yaw, (double)p.side,
               split[p.split], p.name);
    }
}

static void draw_sheet(const PhotoPool *pool, const PhotoQuality *quality, const char *path)
{
    int size = photo_pool_info(pool)->config.size;
    int64_t *index, n;
    Sheet sheet;
    Error err;

    if (!photo_pool_select(pool, (1 << PHOTO_SPLITS) - 1, NULL, &index, &n, &err) ||
        !sheet_new(&sheet, COLUMNS, ROWS, size, 2, &err))
        die_error(&err);
    for (int k = 0; k < COLUMNS * ROWS && k < n; k++) {
        PoolPhoto p;
        char text[32];
        /* Spread over the pool. */
        if (!photo_pool_get(pool, index[n > COLUMNS * ROWS ? k * n / (COLUMNS * ROWS) : k], &p,
                            &err))
            die_error(&err);
        Image image = {size, size, (uint8_t *)(uintptr_t)p.rgb}; /* only read */
        if (!sheet_put(&sheet, k % COLUMNS, k / COLUMNS, &image, &err))
            die_error(&err);
        snprintf(text, sizeof text, "%d %.1f %+.0f %.0f", photo_good_frontal(&p, quality),
                 (double)p.face.score, (double)p.yaw, (double)p.side);
        sheet_caption(&sheet, k % COLUMNS, k / COLUMNS, text);
    }
    if (!sheet_save(&sheet, path, &err))
        die_error(&err);
    sheet_free(&sheet);
    free(index);
}

int main(int argc, char **argv)
{
    const PhotoQuality quality = photo_quality_default();
    Options o = {.photos = NULL};
    PhotoPool *pool;
    Studio studio;
    char *file;
    int64_t *index, good;
    Error err;

    app_parse(&parser, argc, argv, &o);
    catch_interrupt();
    if (!make_folder(o.out, &err) || !studio_open(&studio, &o.studio, &err))
        die_error(&err);
    const PhotoPoolConfig config = {.size = studio.size, .reference = studio.reference};
    double begin = seconds();
    if (!photo_option_open(&pool, &file, o.photos, o.out, &config, NULL, o.limit, &err) ||
        !photo_pool_select(pool, (1 << PHOTO_SPLITS) - 1, &quality, &index, &good, &err))
        die_error(&err);
    const PhotoPoolInfo *info = photo_pool_info(pool);
    if (o.list)
        list_photos(pool, &quality);
    fprintf(stderr,
            "%s: %" PRId64 " photos, %" PRId64 " with a face, %" PRId64
            " of them good and frontal; %.1f s\n",
            file, info->count, info->in_state[PHOTO_FACE], good, seconds() - begin);
    if (o.sheet)
        draw_sheet(pool, &quality, o.sheet);
    free(index);
    free(file);
    photo_pool_close(pool);
    studio_close(&studio);
    return 0;
}
