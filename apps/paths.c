#include "config.h" /* _GNU_SOURCE before any system header */

#include "apps/paths.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/app.h"

#define LANDMARKS "shape_predictor_68_face_landmarks.dat"

static const char *assets_option;

void path_set_assets(const char *dir)
{
    assets_option = dir;
}

static bool readable(const char *path)
{
    return access(path, R_OK) == 0;
}

/* "DIR/FOLDER/NAME" if it can be read, else NULL. dir NULL: NULL. */
static char *try(const char *dir, const char *folder, const char *name)
{
    if (!dir)
        return NULL;
    char *path;
    if (asprintf(&path, "%s%s%s/%s", dir, *folder ? "/" : "", folder, name) < 0)
        die("out of memory");
    if (readable(path))
        return path;
    free(path);
    return NULL;
}

/* The source tree, if this program stands in the apps/ of a build tree (recognised by its
 * config.status); else NULL. */
static const char *source_tree(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof "/../config.status");
    if (n <= 0)
        return NULL;
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    strcpy(slash, "/../config.status");
    return readable(path) ? SRCDIR : NULL;
}

static const char *data_option(void)
{
    const char *from_environment = getenv("VISAGIST_DATA");
    if (assets_option)
        return assets_option;
    return from_environment && *from_environment ? from_environment : NULL;
}

/* folder: beside the option's files and in the installed tree; source_folder: in the source tree.
 */
static char *find(const char *folder, const char *source_folder, const char *name)
{
    char *path = try(data_option(), "", name);
    if (!path)
        path = try(data_option(), folder, name);
    if (!path)
        path = try(source_tree(), source_folder, name);
    if (!path)
        path = try(PKGDATADIR, folder, name);
    if (!path)
        path = try(PKGDATADIR, "", name);
    return path;
}

char *path_asset(const char *name)
{
    char *path = find("assets", "assets", name);
    if (!path && data_option())
        die("%s is not in the folder %s; scripts/setup.sh makes it", name, data_option());
    if (!path)
        die("%s is missing; scripts/setup.sh makes it, and --assets DIR says where it is", name);
    return path;
}

char *path_schema(const char *model)
{
    char *file;
    if (asprintf(&file, "%s.json", model) < 0)
        die("out of memory");
    char *path = find("schemas", "engine/schemas", file);
    if (!path)
        die("there is no schema %s: the embedded engine has male, female, girl, paper-male, "
            "paper-female and paper-girl",
            file);
    free(file);
    return path;
}

char *path_pretrained(const char *name)
{
    char *path = find("pretrained", "pretrained", name);
    if (!path)
        die("the weights %s are missing; they belong to the source tree's pretrained/, and "
            "train_imitator, train_segmenter, train_translator and fit_prior make such files",
            name);
    return path;
}

char *path_preset(const char *name)
{
    char *path = find("presets", "presets", name);
    if (!path)
        die("the preset %s is missing; it belongs to the source tree's presets/", name);
    return path;
}

char *path_landmark_model(void)
{
    char *path = find("assets", "assets", LANDMARKS);
    if (!path)
        path = try("/usr/share/dlib", "", LANDMARKS);
    if (!path)
        die("dlib's landmark model %s is missing; scripts/setup.sh (or apt-get install "
            "libdlib-data) brings it",
            LANDMARKS);
    return path;
}
