#include "config.h"

#include "apps/faces.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/app.h"
#include "apps/engine_option.h"
#include "apps/paths.h"
#include "apps/progress.h"
#include "datasets/face.h"
#include "datasets/pairs.h"
#include "datasets/photo_list.h"

enum { VIEWS_TRIED = 4, NAMED = 5, SMALLEST = 8 };

typedef enum FaceState { FACE_CUT, FACE_NONE, FACE_UNREADABLE } FaceState;

int faces_side(int size)
{
    return size + size / 8;
}

/* What all threads share while faces are made. */
typedef struct Making {
    const FacesSource *source;
    int size, side;
    Engine *engine; /* or NULL, and the list */
    PhotoList list;
    char digest[17];
    int64_t count; /* photos, or views */
    int32_t *person;
    uint8_t *face;
    FaceState *state;
    FaceDetector **detector; /* one a thread */
    int threads;
} Making;

/* From a photo to the stored picture. false: the landmarks make no face. */
static bool cut_of(const Face *face, int side, Similarity *cut)
{
    enum { EYES = 36, EYE_POINTS = 6 };
    Descriptor light = {.kind = DESCRIPTOR_LIGHTCNN};
    float level[2 * FACE_LANDMARKS];
    double eye[2][2] = {{0, 0}, {0, 0}};

    for (int i = 0; i < 2 * EYE_POINTS; i++)
        for (int k = 0; k < 2; k++)
            eye[i / EYE_POINTS][k] += face->landmark[2 * (EYES + i) + k] / (double)EYE_POINTS;
    double x = eye[1][0] - eye[0][0], y = eye[1][1] - eye[0][1], length = hypot(x, y);
    if (length < 1)
        return false;
    Similarity turn = {(float)(x / length), (float)(-y / length), 0, 0};
    for (int i = 0; i < FACE_LANDMARKS; i++)
        similarity_apply(turn, face->landmark + 2 * i, level + 2 * i);
    RecognizerChip chip = descriptor_chip(&light, level, 1);
    if (chip.side < SMALLEST)
        return false;
    float margin = chip.side / 16, scale = (float)side / (chip.side + 2 * margin);
    *cut = (Similarity){turn.a * scale, turn.b * scale, (margin - chip.x) * scale,
                        (margin - chip.y) * scale};
    return true;
}

/* The largest face of a picture, grey, side x side. */
static bool cut_face(const Making *m, FaceDetector *detector, const Image *picture, uint8_t *grey,
                     FaceState *state, Error *err)
{
    Face face;
    Similarity cut;
    Image chip;
    int n = 0;

    *state = FACE_NONE;
    if (!face_detect(detector, picture, &face, 1, &n, err))
        return false;
    if (n == 0 || !cut_of(&face, m->side, &cut))
        return true;
    if (!image_new(&chip, m->side, m->side, err))
        return false;
    image_warp(&chip, picture, cut);
    for (int i = 0; i < m->side * m->side; i++) {
        const uint8_t *p = chip.pixel + 3 * (size_t)i; /* the op grey's weights */
        grey[i] = (uint8_t)lround(.299 * p[0] + .587 * p[1] + .114 * p[2]);
    }
    image_free(&chip);
    *state = FACE_CUT;
    return true;
}

static bool make_photo(const Making *m, FaceDetector *detector, int64_t i, uint8_t *grey,
                       FaceState *state, Error *err)
{
    char *path = path_join(m->list.dir, m->list.entry[i].name);
    Image photo;
    Error why;
    bool ok = true;

    if (image_load(&photo, path, &why)) {
        ok = cut_face(m, detector, &photo, grey, state, err);
        image_free(&photo);
    } else {
        *state = FACE_UNREADABLE;
    }
    free(path);
    return ok;
}

static bool make_view(const Making *m, FaceDetector *detector, int64_t i, uint8_t *grey,
                      FaceState *state, Error *err)
{
    const Schema *schema = engine_schema(m->engine);
    int render = 2 * m->size;
    float *x = malloc((size_t)schema->dim * sizeof *x);
    uint8_t *label = malloc((size_t)render * (size_t)render);
    Image picture = {0};
    bool ok = (x && label) || error_set(err, "out of memory for faces");

    ok = ok && image_new(&picture, render, render, err);
    *state = FACE_NONE;
    for (int k = 0; ok && *state == FACE_NONE && k < VIEWS_TRIED; k++) {
        schema_random_person(schema, m->source->seed, (uint64_t)m->person[i], x);
        ok = pairs_random_view(m->engine, m->source->seed, i * VIEWS_TRIED + k, x, &picture, label,
                               err) &&
             cut_face(m, detector, &picture, grey, state, err);
    }
    image_free(&picture);
    free(label);
    free(x);
    return ok;
}

/* Persons are the folders below dir; their photos stand together in the list. */
static bool list_persons(Making *m, Error *err)
{
    const char *before = NULL;
    size_t before_length = 0;
    int32_t person = -1;

    for (int64_t i = 0; i < m->count; i++) {
        const char *name = m->list.entry[i].name, *slash = strchr(name, '/');
        if (!slash)
            return error_set(err,
                             "%.300s/%.200s belongs to nobody: the photos of each person go into a "
                             "folder of that person",
                             m->list.dir, name);
        size_t length = (size_t)(slash - name);
        if (!before || length != before_length || strncmp(before, name, length) != 0)
            person++;
        m->person[i] = person;
        before = name;
        before_length = length;
    }
    return person > 0 ||
           error_set(err,
                     "all photos of %.300s are in one folder: the photos of each person go into a "
                     "folder of that person",
                     m->list.dir);
}

static bool open_source(Making *m, Error *err)
{
    const FacesSource *s = m->source;

    if (s->dir) {
        if (!photo_list_folder(&m->list, s->dir, 0, err))
            return false;
        m->count = m->list.count;
    } else {
        if (!engine_option_open(&m->engine, s->engine, err))
            return false;
        if (!engine_can(m->engine, ENGINE_VIEW | ENGINE_BACKGROUND))
            return error_set(err,
                             "the engine %.200s cannot draw its characters from elsewhere and "
                             "before other backgrounds, so that it knows nobody well enough",
                             s->engine);
        schema_digest(engine_schema(m->engine), m->digest);
        m->count = (int64_t)s->identities * s->per_identity;
    }
    return true;
}

static bool open_detectors(Making *m, Error *err)
{
    char *path = path_landmark_model();
    bool ok = true;

    m->threads = omp_get_max_threads();
    m->detector = calloc((size_t)m->threads, sizeof(FaceDetector *));
    if (!m->detector)
        ok = error_set(err, "out of memory for the face detectors");
    ok = ok && face_detector_open(&m->detector[0], path, err);
    for (int i = 1; ok && i < m->threads; i++)
        ok = face_detector_share(&m->detector[i], m->detector[0], err);
    free(path);
    return ok;
}

static bool allocate(Making *m, Error *err)
{
    size_t n = (size_t)m->count, area = (size_t)m->side * (size_t)m->side;

    m->person = calloc(n, sizeof *m->person);
    m->state = calloc(n, sizeof *m->state);
    m->face = n <= SIZE_MAX / area ? malloc(n * area) : NULL;
    if (!m->person || !m->state || !m->face)
        return error_set(err, "out of memory for %" PRId64 " faces of %zu bytes", m->count, area);
    for (int64_t i = 0; m->engine && i < m->count; i++)
        m->person[i] = (int32_t)(i / m->source->per_identity);
    return m->engine || list_persons(m, err);
}

static bool make_all(Making *m, Error *err)
{
    size_t area = (size_t)m->side * (size_t)m->side;
    int64_t done = 0;
    bool failed = false;
    Progress progress;

    progress_start(&progress, "finding faces", "faces", 0, m->count);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < m->count; i++) {
        bool stop;
        Error own;
#pragma omp atomic read
        stop = failed;
        if (stop)
            continue;
        FaceDetector *detector = m->detector[omp_get_thread_num()];
        if (!(m->engine ? make_view : make_photo)(m, detector, i, m->face + (size_t)i * area,
                                                  &m->state[i], &own)) {
#pragma omp critical(faces_failed)
            error_set(err, "%s", own.text);
#pragma omp atomic write
            failed = true;
        }
#pragma omp critical(faces_progress)
        progress_update(&progress, ++done, NULL);
    }
    progress_end(&progress, done, NULL);
    return !failed;
}

/* Tells what is left out. */
static void tell(const Making *m)
{
    static const char *const what[] = {
        [FACE_NONE] = "show no face", [FACE_UNREADABLE] = "cannot be read"};

    for (FaceState state = FACE_NONE; state <= FACE_UNREADABLE; state++) {
        int64_t n = 0;
        for (int64_t i = 0; i < m->count; i++)
            n += m->state[i] == state;
        if (n > 0)
            fprintf(stderr, "%" PRId64 " of %" PRId64 " %s %s and are left out%s\n", n, m->count,
                    m->engine ? "views" : "photos", what[state], m->engine ? "" : ":");
        for (int64_t i = 0, told = 0; !m->engine && i < m->count && told < NAMED; i++)
            if (m->state[i] == state) {
                fprintf(stderr, "  %s\n", m->list.entry[i].name);
                told++;
            }
    }
}

/* Closes the gaps that pictures without a face left; persons are counted anew. */
static void close_gaps(Making *m)
{
    size_t area = (size_t)m->side * (size_t)m->side;
    int64_t n = 0;
    int32_t person = -1, before = -1;

    for (int64_t i = 0; i < m->count; i++) {
        if (m->state[i] != FACE_CUT)
            continue;
        if (m->person[i] != before)
            person++;
        before = m->person[i];
        m->person[n] = person;
        memmove(m->face + (size_t)n * area, m->face + (size_t)i * area, area);
        n++;
    }
    m->count = n;
}

/* Names the source; allocated. */
static char *source_text(const Making *m)
{
    const FacesSource *s = m->source;
    json_t *json = s->dir ? json_pack("{ss}", "photos", s->dir)
                          : json_pack("{ss ss si si sI}", "engine", s->engine, "digest", m->digest,
                                      "identities", s->identities, "per_identity", s->per_identity,
                                      "seed", (json_int_t)s->seed);
    char *text = json_dumps(json, JSON_COMPACT);

    json_decref(json);
    return text;
}

static bool write_faces(const Making *m, const char *path, const char *source, Error *err)
{
    TensorFile *file = tensor_file_new();
    bool ok = file || error_set(err, "out of memory for the faces of %.300s", path);

    ok = ok && tensor_file_set_meta(file, "visagist.faces", source, err) &&
         tensor_file_add(file, "face",
                         (Tensor){m->face, shape3(m->count, m->side, m->side), DTYPE_U8}, err) &&
         tensor_file_add(file, "person", (Tensor){m->person, shape1(m->count), DTYPE_I32}, err) &&
         safetensors_write(path, file, err);
    tensor_file_free(file);
    return ok;
}

/* Whether the file is there; it must be of this source then. */
static bool find_made(const char *path, const char *source, int size, bool *found, Error *err)
{
    Faces faces;

    *found = access(path, F_OK) == 0;
    if (!*found)
        return true;
    if (!faces_open(&faces, path, size, err))
        return false;
    const char *other = tensor_file_meta(faces.file, "visagist.faces");
    bool same = strcmp(other, source) == 0;
    if (!same)
        error_set(err,
                  "%.200s holds the faces of %.200s; name another folder by --out, or delete the "
                  "file",
                  path, other);
    faces_close(&faces);
    return same;
}

static void making_free(Making *m)
{
    for (int i = 0; m->detector && i < m->threads; i++)
        face_detector_close(m->detector[i]);
    free(m->detector);
    free(m->person);
    free(m->state);
    free(m->face);
    photo_list_free(&m->list);
    engine_close(m->engine);
}

bool faces_make(const char *path, const FacesSource *source, int size, Error *err)
{
    Making m = {.source = source, .size = size, .side = faces_side(size)};
    char *text = NULL;
    bool found = false, ok = open_source(&m, err);

    if (ok && !(text = source_text(&m)))
        ok = error_set(err, "the name of %.300s is not UTF-8", source->dir);
    ok = ok && find_made(path, text, size, &found, err);
    if (ok && !found) {
        ok = allocate(&m, err) && open_detectors(&m, err) && make_all(&m, err);
        if (ok) {
            tell(&m);
            close_gaps(&m);
            ok = m.count > 0 ? write_faces(&m, path, text, err)
                             : error_set(err, "no face was found in %.300s",
                                         source->dir ? source->dir : source->engine);
        }
    }
    free(text);
    making_free(&m);
    return ok;
}

/* FNV-1a. */
static uint64_t hash(uint64_t h, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3;
    return h;
}

/* The two tensors fit each other and the network. */
static bool check(Faces *faces, const char *path, int size, Error *err)
{
    Tensor face = tensor_file_find(faces->file, "face"),
           person = tensor_file_find(faces->file, "person");

    if (!tensor_file_meta(faces->file, "visagist.faces") || !face.data || !person.data ||
        face.type != DTYPE_U8 || person.type != DTYPE_I32 || face.shape.ndim != 3 ||
        person.shape.ndim != 1 || person.shape.dim[0] != face.shape.dim[0] ||
        face.shape.dim[1] != face.shape.dim[2])
        return error_set(err, "%.300s holds no faces of train_recognizer", path);
    *faces = (Faces){.file = faces->file,
                     .count = face.shape.dim[0],
                     .side = (int)face.shape.dim[1],
                     .face = face.data,
                     .person = person.data};
    if (faces->side != faces_side(size))
        return error_set(err,
                         "the faces in %.300s have %d pixels a side, but a network of %d pixels "
                         "wants %d; make them anew",
                         path, faces->side, size, faces_side(size));
    for (int64_t i = 0; i < faces->count; i++) {
        int32_t before = i > 0 ? faces->person[i - 1] : 0;
        if (faces->person[i] < before || faces->person[i] > before + 1)
            return error_set(err, "%.300s is damaged: its persons are in disorder", path);
    }
    faces->persons = faces->count > 0 ? faces->person[faces->count - 1] + 1 : 0;
    uint64_t h = hash(0xcbf29ce484222325, face.data, tensor_bytes(face));
    snprintf(faces->digest, sizeof faces->digest, "%016" PRIx64,
             hash(h, person.data, tensor_bytes(person)));
    return true;
}

bool faces_open(Faces *faces, const char *path, int size, Error *err)
{
    *faces = (Faces){.file = NULL};
    if (!safetensors_read(path, &faces->file, err))
        return false;
    if (check(faces, path, size, err))
        return true;
    faces_close(faces);
    return false;
}

void faces_close(Faces *faces)
{
    tensor_file_free(faces->file);
    *faces = (Faces){.file = NULL};
}
