#include "engine/bake_rig.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bake_bones.h"

enum {
    MAX_NEIGHBOURS = 24,
    MAX_RING = 64,
    /* Groups of the base mesh's faces. */
    GROUP_BODY = 0,
    /* First and one past last vertices of helper meshes. */
    LEFT_EYE_JOINT = 13606,
    RIGHT_EYE_JOINT = 13614,
    JOINT_SIZE = 8,
    LEFT_EYE = 14598,
    RIGHT_EYE = 14670,
    LASHES = 14742,
    LASHES_END = 14992,
    MOUTH_RING = 474, /* the inner edge of the lips, centre of the upper one */
    LEFT_RIM = 7762,
    LEFT_RIM_NEXT = 7761,
    RIGHT_RIM = 1070,
    RIGHT_RIM_NEXT = 1069,
};

/* Who is next to whom on the body: the four edge neighbours of its quads, and their diagonals. */
typedef struct Adjacency {
    int32_t (*next)[MAX_NEIGHBOURS];
    uint8_t *count;   /* edges and diagonals */
    uint8_t *n_edges; /* the first so many are edges */
} Adjacency;

static void link_vertices(Adjacency *a, int from, int to)
{
    for (int i = 0; i < a->count[from]; i++)
        if (a->next[from][i] == to)
            return;
    assert(a->count[from] < MAX_NEIGHBOURS);
    a->next[from][a->count[from]++] = to;
}

static void adjacency_free(Adjacency *a)
{
    free(a->next);
    free(a->count);
    free(a->n_edges);
}

static bool adjacency_new(Adjacency *a, const SourceMesh *base)
{
    a->next = malloc(SOURCE_VERTICES * sizeof *a->next);
    a->count = calloc(SOURCE_VERTICES, 1);
    a->n_edges = calloc(SOURCE_VERTICES, 1);
    if (!a->next || !a->count || !a->n_edges)
        return false;
    for (int i = 0; i < base->n_face; i++)
        for (int k = 0; k < 4 && base->group[i] == GROUP_BODY; k++) {
            const int32_t *c = base->corner + 4 * i;
            link_vertices(a, c[k], c[(k + 1) % 4]);
            link_vertices(a, c[(k + 1) % 4], c[k]);
        }
    memcpy(a->n_edges, a->count, SOURCE_VERTICES);
    for (int i = 0; i < base->n_face; i++)
        for (int k = 0; k < 4 && base->group[i] == GROUP_BODY; k++) {
            const int32_t *c = base->corner + 4 * i;
            link_vertices(a, c[k], c[(k + 2) % 4]);
        }
    return true;
}

static float distance(const float *p, const float *q)
{
    float x = p[0] - q[0], y = p[1] - q[1], z = p[2] - q[2];
    return sqrtf(x * x + y * y + z * z);
}

/* Shortest paths over the mesh from the seeds, as far as `limit`; INFINITY beyond. queue: a ring
 * buffer of SOURCE_VERTICES + 1 entries, each vertex in it at most once. */
static void geodesic(const SourceMesh *base, const Adjacency *a, const int *seed, int n_seed,
                     float limit, float *d, int32_t *queue, uint8_t *queued)
{
    enum { RING = SOURCE_VERTICES + 1 };
    int head = 0, tail = 0;
    for (int i = 0; i < SOURCE_VERTICES; i++)
        d[i] = INFINITY;
    for (int i = 0; i < n_seed; i++) {
        d[seed[i]] = 0;
        queue[tail++] = seed[i];
        queued[seed[i]] = 1;
    }
    while (head != tail) {
        int v = queue[head];
        head = (head + 1) % RING;
        queued[v] = 0;
        for (int i = 0; i < a->count[v]; i++) {
            int to = a->next[v][i];
            float length = d[v] + distance(base->position + 3 * v, base->position + 3 * to);
            if (length >= d[to] || length > limit)
                continue;
            d[to] = length;
            if (!queued[to]) {
                queued[to] = 1;
                queue[tail] = to;
                tail = (tail + 1) % RING;
            }
        }
    }
}

/* True if a quad of the body has both vertices. */
static bool shares_face(const SourceMesh *base, int a, int b, int c)
{
    for (int i = 0; i < base->n_face; i++) {
        const int32_t *v = base->corner + 4 * i;
        int hit = 0;
        for (int k = 0; k < 4; k++)
            hit += v[k] == a || v[k] == b || v[k] == c;
        if (base->group[i] == GROUP_BODY && hit == 3)
            return true;
    }
    return false;
}

/* Walks the edge loop start, next, ... : at each vertex straight on, that is along the edge that
 * shares no quad with the last one. Returns its length, 0 if it does not close. */
static int edge_loop(const SourceMesh *base, const Adjacency *a, int start, int next, int *ring)
{
    int n = 0;
    ring[n++] = start;
    ring[n++] = next;
    while (n < MAX_RING) {
        int from = ring[n - 2], at = ring[n - 1], onward = -1;
        for (int i = 0; i < a->n_edges[at]; i++) {
            int to = a->next[at][i];
            if (to != from && !shares_face(base, from, at, to)) {
                if (onward >= 0)
                    return 0;
                onward = to;
            }
        }
        if (onward == start)
            return n;
        if (onward < 0)
            return 0;
        ring[n++] = onward;
    }
    return 0;
}

/* Marks what the lip's inner ring encloses. */
static bool mark_bag(const SourceMesh *base, const Adjacency *a, uint8_t *bag)
{
    int ring[MAX_RING], n = 0;
    const int start = MOUTH_RING;
    /* The loop runs sideways; the other way from the centre vertex goes up over the skull. */
    for (int i = 0; i < a->n_edges[start] && n == 0; i++)
        if (base->position[3 * a->next[start][i]] > 0.01f)
            n = edge_loop(base, a, start, a->next[start][i], ring);
    if (n == 0)
        return false;
    enum { INSIDE = 1, EDGE = 2 };
    for (int i = 0; i < n; i++)
        bag[ring[i]] = EDGE;
    /* From the neighbour that lies deeper in the mouth, in passes until nothing changes. */
    int deepest = -1;
    for (int i = 0; i < a->n_edges[start]; i++) {
        int v = a->next[start][i];
        if (!bag[v] && (deepest < 0 || base->position[3 * v + 2] < base->position[3 * deepest + 2]))
            deepest = v;
    }
    if (deepest < 0)
        return false;
    bag[deepest] = INSIDE;
    for (bool changed = true; changed;) {
        changed = false;
        for (int v = 0; v < SOURCE_BODY; v++)
            for (int i = 0; bag[v] == INSIDE && i < a->n_edges[v]; i++)
                if (!bag[a->next[v][i]]) {
                    bag[a->next[v][i]] = INSIDE;
                    changed = true;
                }
    }
    for (int v = 0; v < SOURCE_VERTICES; v++)
        bag[v] = bag[v] == INSIDE;
    return true;
}

/* The `want` nearest candidates by the metric, and their inverse-square weights (sum 1). */
static void nearest(const SourceMesh *base, int v, const uint8_t *candidate, bool flat, int want,
                    int32_t *found, float *weight)
{
    float best[RIG_FOLLOWED];
    int n = 0;
    const float *p = base->position + 3 * v;
    for (int i = 0; i < SOURCE_VERTICES; i++) {
        if (!candidate[i] || i == v)
            continue;
        const float *q = base->position + 3 * i;
        float x = p[0] - q[0], y = p[1] - q[1], z = flat ? 0 : p[2] - q[2];
        float d = x * x + y * y + z * z;
        if (n == want && d >= best[n - 1])
            continue;
        int at = n < want ? n++ : n - 1;
        for (; at > 0 && best[at - 1] > d; at--) {
            best[at] = best[at - 1];
            found[at] = found[at - 1];
        }
        best[at] = d;
        found[at] = i;
    }
    float sum = 0;
    for (int i = 0; i < want; i++) {
        weight[i] = i < n ? 1 / (best[i] + 1e-8f) : 0;
        found[i] = i < n ? found[i] : -1;
        sum += weight[i];
    }
    for (int i = 0; i < want; i++)
        weight[i] /= sum;
}

/* Mean inward direction of the seeds' quads: minus the normal, by which the pivot is pushed under
 * the skin. */
static void inward(const SourceMesh *base, const int *seed, int n_seed, float out[3])
{
    float sum[3] = {0};
    for (int i = 0; i < base->n_face; i++) {
        const int32_t *c = base->corner + 4 * i;
        bool touches = false;
        for (int k = 0; k < 4; k++)
            for (int s = 0; s < n_seed; s++)
                touches = touches || c[k] == seed[s];
        if (!touches || base->group[i] != GROUP_BODY)
            continue;
        const float *p[4];
        for (int k = 0; k < 4; k++)
            p[k] = base->position + 3 * c[k];
        float u[3], w[3];
        for (int k = 0; k < 3; k++) {
            u[k] = p[2][k] - p[0][k];
            w[k] = p[3][k] - p[1][k];
        }
        sum[0] += u[1] * w[2] - u[2] * w[1];
        sum[1] += u[2] * w[0] - u[0] * w[2];
        sum[2] += u[0] * w[1] - u[1] * w[0];
    }
    float length = sqrtf(sum[0] * sum[0] + sum[1] * sum[1] + sum[2] * sum[2]);
    for (int k = 0; k < 3; k++)
        out[k] = length > 0 ? -sum[k] / length : 0;
}

static void bone_place(BoneWeights *bone, const SourceMesh *base, const int *seed, int n_seed,
                       float radius, int eye_joint)
{
    if (eye_joint) {
        bone->n_pivot = JOINT_SIZE;
        for (int i = 0; i < JOINT_SIZE; i++)
            bone->pivot[i] = eye_joint + i;
        return;
    }
    float in[3];
    inward(base, seed, n_seed, in);
    bone->n_pivot = n_seed;
    for (int i = 0; i < n_seed; i++)
        bone->pivot[i] = seed[i];
    for (int k = 0; k < 3; k++)
        bone->offset[k] = 0.35f * radius * in[k];
}

/* Skin vertices in front of the mouth, whose weights the bag takes over. */
static void front_skin(const SourceMesh *base, const uint8_t *bag, uint8_t *front)
{
    for (int v = 0; v < SOURCE_BODY; v++) {
        const float *p = base->position + 3 * v;
        front[v] = !bag[v] && fabsf(p[0]) < 0.8f && p[1] > 6.1f && p[1] < 7 && p[2] > 1;
    }
}

/* Splits a lid's rim into its upper and lower half by the line between its outermost vertices. */
static void split_rim(const SourceMesh *base, const int *ring, int n, uint8_t *upper,
                      uint8_t *lower)
{
    int first = ring[0], last = ring[0];
    for (int i = 1; i < n; i++) {
        float x = base->position[3 * ring[i]];
        first = x < base->position[3 * first] ? ring[i] : first;
        last = x > base->position[3 * last] ? ring[i] : last;
    }
    const float *p = base->position + 3 * first, *q = base->position + 3 * last;
    for (int i = 0; i < n; i++) {
        const float *v = base->position + 3 * ring[i];
        float line = p[1] + (q[1] - p[1]) * (v[0] - p[0]) / (q[0] - p[0]);
        upper[ring[i]] = v[1] >= line;
        lower[ring[i]] = v[1] <= line;
    }
}

static bool follow_lashes(BakedRig *rig, const SourceMesh *base, const Adjacency *a)
{
    uint8_t *half =
        calloc(4, SOURCE_VERTICES); /* left upper, left lower, right upper, right lower */
    if (!half)
        return false;
    bool ok = true;
    for (int side = 0; side < 2 && ok; side++) {
        int ring[MAX_RING];
        int n = edge_loop(base, a, side ? RIGHT_RIM : LEFT_RIM,
                          side ? RIGHT_RIM_NEXT : LEFT_RIM_NEXT, ring);
        ok = n > 0;
        if (ok)
            split_rim(base, ring, n, half + (2 * side) * SOURCE_VERTICES,
                      half + (2 * side + 1) * SOURCE_VERTICES);
    }
    for (int i = 0; ok && i < base->n_face; i++) {
        /* Groups 10, 13: left upper and lower lashes; 8, 12: right. */
        int g = base->group[i], which = g == 10 ? 0 : g == 13 ? 1 : g == 8 ? 2 : g == 12 ? 3 : -1;
        for (int k = 0; k < 4 && which >= 0; k++) {
            int v = base->corner[4 * i + k];
            nearest(base, v, half + which * SOURCE_VERTICES, false, 2, rig->follow + 4 * v,
                    rig->follow_weight + 4 * v);
        }
    }
    free(half);
    return ok;
}

/* Of a pair that shares the middle, the part of the bone on the side x > 0: both parts add up to 1,
 * and pass smoothly into each other over half the radius. */
static float side_share(float x, float radius)
{
    float t = 0.5f + x / radius;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}

static bool bake_weights(BakedRig *rig, const SourceMesh *base, const Adjacency *a)
{
    float *d = malloc(SOURCE_VERTICES * sizeof *d);
    int32_t *queue = malloc((SOURCE_VERTICES + 1) * sizeof *queue);
    uint8_t *queued = calloc(SOURCE_VERTICES, 1);
    uint8_t *front = calloc(SOURCE_VERTICES, 1);
    bool ok = d && queue && queued && front;
    if (ok)
        front_skin(base, rig->bag, front);
    for (int c = 0; ok && c < BONE_COMPONENTS; c++)
        for (int side = 0; ok && side < 2; side++) {
            const BoneComponent *from = &bone_components[c];
            if (side == 1 && from->right[0] == 0)
                break;
            const int *seed = side ? from->right : from->left;
            BoneWeights *bone = &rig->bone[rig->n_bone++];
            bone->component = c;
            bone->mirrored = side == 1;
            bool eye = strcmp(from->name, "eye") == 0;
            bone_place(bone, base, seed, from->n_seed, from->radius,
                       !eye   ? 0
                       : side ? RIGHT_EYE_JOINT
                              : LEFT_EYE_JOINT);
            ok = (bone->weight = calloc(SOURCE_VERTICES, sizeof *bone->weight));
            /* exp(-1.6 (d/r)^2) falls below .004 at d = 1.86 r. */
            if (ok)
                geodesic(base, a, seed, from->n_seed, 1.9f * from->radius, d, queue, queued);
            bool shared = from->left[0] == from->right[0];
            for (int v = 0; ok && v < SOURCE_BODY; v++) {
                float ratio = d[v] / from->radius, w = expf(-1.6f * ratio * ratio);
                if (shared)
                    w *= side_share(base->position[3 * v] * (side ? -1 : 1), from->radius);
                bone->weight[v] = w < 0.004f ? 0 : w;
            }
            /* The eyeball and its joint cube are rigid with their own eye bone. */
            int ball = side ? RIGHT_EYE : LEFT_EYE, joint = side ? RIGHT_EYE_JOINT : LEFT_EYE_JOINT;
            for (int v = ball; ok && eye && v < ball + (RIGHT_EYE - LEFT_EYE); v++)
                bone->weight[v] = 1;
            for (int v = joint; ok && eye && v < joint + JOINT_SIZE; v++)
                bone->weight[v] = 1;
        }
    for (int v = 0; ok && v < SOURCE_BODY; v++) {
        if (!rig->bag[v])
            continue;
        int32_t near_v[RIG_FOLLOWED];
        float w[RIG_FOLLOWED];
        nearest(base, v, front, true, RIG_FOLLOWED, near_v, w);
        for (int b = 0; b < rig->n_bone; b++) {
            float sum = 0;
            for (int k = 0; k < RIG_FOLLOWED; k++)
                sum += near_v[k] >= 0 ? w[k] * rig->bone[b].weight[near_v[k]] : 0;
            rig->bone[b].weight[v] = sum < 0.004f ? 0 : sum;
        }
    }
    free(d);
    free(queue);
    free(queued);
    free(front);
    return ok;
}

static void follow_skin(BakedRig *rig, const SourceMesh *base, const uint8_t *visible)
{
    for (int v = SOURCE_BODY; v < SOURCE_VERTICES; v++) {
        bool rigid = (v >= LEFT_EYE && v < LASHES) ||
                     (v >= LEFT_EYE_JOINT && v < RIGHT_EYE_JOINT + JOINT_SIZE);
        bool lash = v >= LASHES && v < LASHES_END;
        if (!rigid && !lash)
            nearest(base, v, visible, false, RIG_FOLLOWED, rig->follow + 4 * v,
                    rig->follow_weight + 4 * v);
    }
}

bool bake_rig(BakedRig *rig, const SourceMesh *base, const uint8_t *visible, Error *err)
{
    Adjacency a = {0};
    BakedRig r = {.bone = calloc(2 * BONE_COMPONENTS, sizeof *r.bone),
                  .bag = calloc(SOURCE_VERTICES, 1),
                  .follow = malloc(SOURCE_VERTICES * RIG_FOLLOWED * sizeof *r.follow),
                  .follow_weight = calloc(SOURCE_VERTICES * RIG_FOLLOWED, sizeof *r.follow_weight)};
    bool memory = r.bone && r.bag && r.follow && r.follow_weight && adjacency_new(&a, base);
    bool ok = memory;
    if (ok) {
        for (int i = 0; i < SOURCE_VERTICES * RIG_FOLLOWED; i++)
            r.follow[i] = -1;
        ok = mark_bag(base, &a, r.bag) && bake_weights(&r, base, &a) && follow_lashes(&r, base, &a);
    }
    if (ok)
        follow_skin(&r, base, visible);
    adjacency_free(&a);
    if (!ok) {
        baked_rig_free(&r);
        return error_set(
            err, memory ? "the base mesh lacks MakeHuman's lip or lid rings: another version?"
                        : "out of memory");
    }
    *rig = r;
    return true;
}

void baked_rig_free(BakedRig *rig)
{
    for (int i = 0; rig->bone && i < rig->n_bone; i++)
        free(rig->bone[i].weight);
    free(rig->bone);
    free(rig->bag);
    free(rig->follow);
    free(rig->follow_weight);
    memset(rig, 0, sizeof *rig);
}
