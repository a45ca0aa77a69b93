/* Edits of hair and brows on sheets of quads that hang around a ball. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/bake_brow.h"
#include "engine/bake_style.h"

enum { MOST = 4096 };

static const float middle[3] = {0, 7.5f, 0.25f}; /* of the ball */
static SourceMesh base;
static int32_t base_corner[4] = {0, 1, 2, 3}, base_group[1];

/* The body: a ball of radius 1; before it, far off, one wall of skin at z 1.5 that brows lie on. */
static int set_up(void **state)
{
    (void)state;
    base.n_vertex = SOURCE_VERTICES;
    base.n_face = 1;
    base.corner = base_corner;
    base.group = base_group;
    base.position = malloc((size_t)SOURCE_VERTICES * 3 * sizeof *base.position);
    if (!base.position)
        return -1;
    for (int v = 0; v < SOURCE_VERTICES; v++) {
        float z = 1 - 2 * ((float)v + 0.5f) / SOURCE_BODY, r = sqrtf(fmaxf(1 - z * z, 0));
        float *p = base.position + 3 * v;
        p[0] = middle[0] + r * cosf(2.399963f * (float)v);
        p[1] = middle[1] + z;
        p[2] = middle[2] + r * sinf(2.399963f * (float)v);
    }
    static const float wall[12] = {-9, 0, 1.5f, 9, 0, 1.5f, 9, 15, 1.5f, -9, 15, 1.5f};
    memcpy(base.position, wall, sizeof wall);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(base.position);
    return 0;
}

/* A mesh without anything in it but room. */
static SourceMesh empty(void)
{
    SourceMesh m = {0};
    m.uv = calloc(MOST * 2, sizeof *m.uv);
    m.corner = calloc(MOST * 4, sizeof *m.corner);
    m.corner_uv = calloc(MOST * 4, sizeof *m.corner_uv);
    m.group = calloc(MOST, sizeof *m.group);
    m.ref = calloc(MOST * 3, sizeof *m.ref);
    m.weight = calloc(MOST * 3, sizeof *m.weight);
    m.offset = calloc(MOST * 3, sizeof *m.offset);
    if (!m.uv || !m.corner || !m.corner_uv || !m.group || !m.ref || !m.weight || !m.offset)
        fail_msg("out of memory");
    return m;
}

/* Adds a flat piece of columns x rows quads, facing +z, bound to the body's vertex 100. */
static void add_sheet(SourceMesh *m, float x0, float x1, float y0, float y1, float z, int columns,
                      int rows)
{
    int first = m->n_vertex;
    for (int r = 0; r <= rows; r++)
        for (int c = 0; c <= columns; c++) {
            int v = m->n_vertex++;
            float u = (float)c / (float)columns, w = (float)r / (float)rows;
            const float p[3] = {x0 + u * (x1 - x0), y0 + w * (y1 - y0), z};
            m->ref[3 * v] = m->ref[3 * v + 1] = m->ref[3 * v + 2] = 100;
            m->weight[3 * v] = 1;
            for (int k = 0; k < 3; k++)
                m->offset[3 * v + k] = p[k] - base.position[300 + k];
            m->uv[2 * v] = u;
            m->uv[2 * v + 1] = w;
        }
    m->n_uv = m->n_vertex;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            int a = first + r * (columns + 1) + c, f = m->n_face++;
            const int32_t corner[4] = {a, a + 1, a + columns + 2, a + columns + 1};
            memcpy(m->corner + 4 * f, corner, sizeof corner);
            memcpy(m->corner_uv + 4 * f, corner, sizeof corner);
        }
    assert_true(m->n_vertex <= MOST && m->n_face <= MOST);
}

static void place(const SourceMesh *m, int v, float p[3])
{
    for (int k = 0; k < 3; k++) {
        p[k] = m->offset[3 * v + k];
        for (int n = 0; n < 3; n++)
            p[k] += m->weight[3 * v + n] * base.position[3 * m->ref[3 * v + n] + k];
    }
}

/* Least and greatest of a coordinate. */
static void extent(const SourceMesh *m, int k, float range[2])
{
    range[0] = INFINITY;
    range[1] = -INFINITY;
    for (int v = 0; v < m->n_vertex; v++) {
        float p[3];
        place(m, v, p);
        range[0] = fminf(range[0], p[k]);
        range[1] = fmaxf(range[1], p[k]);
    }
}

/* z of a face's normal. */
static float facing(const SourceMesh *m, int face)
{
    float p[3][3];
    for (int c = 0; c < 3; c++)
        place(m, m->corner[4 * face + c], p[c]);
    return (p[1][0] - p[0][0]) * (p[2][1] - p[0][1]) - (p[1][1] - p[0][1]) * (p[2][0] - p[0][0]);
}

static void edit(SourceMesh *m, Edit one)
{
    Edit edits[STYLE_EDITS] = {one};
    Error err = {""};
    assert_true(bake_style(m, &base, edits, &err));
}

static void no_edit_changes_nothing(void **state)
{
    (void)state;
    SourceMesh m = empty(), same = empty();
    add_sheet(&m, -1, 1, 7, 8, 1.4f, 4, 4);
    add_sheet(&same, -1, 1, 7, 8, 1.4f, 4, 4);
    edit(&m, (Edit){EDIT_NONE, {0}});
    assert_int_equal(m.n_vertex, same.n_vertex);
    assert_memory_equal(m.offset, same.offset, (size_t)m.n_vertex * 3 * sizeof *m.offset);
    assert_memory_equal(m.ref, same.ref, (size_t)m.n_vertex * 3 * sizeof *m.ref);
    source_mesh_free(&m);
    source_mesh_free(&same);
}

static void a_mirrored_face_still_faces_out(void **state)
{
    (void)state;
    SourceMesh m = empty();
    float x[2];
    add_sheet(&m, 0.25f, 1, 7, 8, 1.4f, 3, 3);
    assert_true(facing(&m, 4) > 0);
    edit(&m, (Edit){EDIT_MIRROR, {0}});
    extent(&m, 0, x);
    assert_float_equal(x[0], -1, 1e-4);
    assert_float_equal(x[1], -0.25f, 1e-4);
    for (int f = 0; f < m.n_face; f++)
        assert_true(facing(&m, f) > 0);
    source_mesh_free(&m);
}

static void boxes_cut_and_keep(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        SourceMesh m = empty();
        add_sheet(&m, -1, 1, 6, 8, 1.4f, 8, 8);
        edit(&m, (Edit){keep ? EDIT_KEEP : EDIT_DROP, {-2, 2, 0, 7, 0, 2}});
        assert_int_equal(m.n_face, 32);
        assert_int_equal(m.n_vertex, 45); /* those that no face has are gone */
        float y[2];
        extent(&m, 1, y);
        assert_float_equal(y[0], keep ? 6 : 7, 1e-4);
        assert_float_equal(y[1], keep ? 7 : 8, 1e-4);
        source_mesh_free(&m);
    }
}

static void pieces_are_thinned_and_tails_lost(void **state)
{
    (void)state;
    SourceMesh m = empty();
    add_sheet(&m, -1, 1, 7, 8, 1.4f, 10, 10);
    for (int i = 0; i < 9; i++)
        add_sheet(&m, 0, 0.1f, 8, i < 4 ? 4 : 6, 0.1f * (float)i, 1, 4);
    edit(&m, (Edit){EDIT_THIN, {3, 50}});
    assert_int_equal(m.n_face, 100 + 6 * 4);
    edit(&m, (Edit){EDIT_LOSE, {5}});
    float y[2];
    extent(&m, 1, y);
    assert_true(m.n_face > 100 && m.n_face < 124);
    assert_float_equal(y[0], 6, 1e-4);
    source_mesh_free(&m);
}

/* Hair behind the neck: what was above the cut stays, the rest ends at it, in its old order. */
static void shortened_hair_ends_at_the_cut(void **state)
{
    (void)state;
    SourceMesh m = empty();
    add_sheet(&m, -0.5f, 0.5f, 4, 8, -0.8f, 4, 16);
    edit(&m, (Edit){EDIT_SHORTEN, {7, 6, 0, 0, 1}});
    float y[2], below = 0;
    extent(&m, 1, y);
    assert_float_equal(y[0], 6, 1e-3);
    assert_float_equal(y[1], 8, 1e-3);
    for (int r = 0; r <= 16; r++) {
        float p[3];
        place(&m, 5 * r + 2, p);
        assert_true(p[1] > below);
        below = p[1];
        if (r >= 12)
            assert_float_equal(p[1], 4 + 0.25f * (float)r, 1e-4);
        assert_float_equal(p[2], -0.8f,
                           0.02f); /* a sheet hangs straight, so it stays in its plane */
    }
    source_mesh_free(&m);
}

static void a_nape_reaches_farther_down(void **state)
{
    (void)state;
    SourceMesh m = empty();
    float y[2];
    add_sheet(&m, -0.5f, 0.5f, 4, 8, -0.8f, 4, 16);
    edit(&m, (Edit){EDIT_SHORTEN, {7, 6, 0, 0.5f, 1}});
    extent(&m, 1, y);
    assert_float_equal(y[0], 5.5f, 1e-3);
    source_mesh_free(&m);
}

static void a_fringe_is_raised_off_the_eyes(void **state)
{
    (void)state;
    SourceMesh m = empty();
    float y[2];
    add_sheet(&m, -0.4f, 0.4f, 7, 8.4f, 1.6f, 4, 8);
    edit(&m, (Edit){EDIT_FRINGE, {8.4f, 7.6f, -0.8f, 0.8f}});
    extent(&m, 1, y);
    assert_float_equal(y[0], 7.6f, 1e-3);
    assert_float_equal(y[1], 8.4f, 1e-3);
    source_mesh_free(&m);
}

static void a_parting_opens(void **state)
{
    (void)state;
    SourceMesh m = empty();
    add_sheet(&m, -0.8f, 0.8f, 7, 8, 1.6f, 16, 4);
    edit(&m, (Edit){EDIT_PART, {0.01f, 8, 7, 0.3f, 1}});
    for (int v = 0; v < 17; v++) { /* the lowest row */
        float p[3];
        place(&m, v, p);
        assert_true(fabsf(p[0] - 0.01f) > 0.29f);
    }
    source_mesh_free(&m);
}

static void hair_is_drawn_to_the_skin(void **state)
{
    (void)state;
    SourceMesh m = empty();
    add_sheet(&m, -0.05f, 0.05f, 9.3f, 9.4f, 0.25f, 2, 2);
    edit(&m, (Edit){EDIT_HUG, {0.5f, 0.1f}});
    float p[3];
    place(&m, 4, p); /* was .85 above the ball */
    assert_float_equal(p[1], 8.5f + 0.1f + 0.5f * 0.75f, 0.02f);
    for (int n = 0; n < 3; n++) /* and bound to the skin it came to */
        assert_true(base.position[3 * m.ref[12 + n] + 1] > 8.4f);
    source_mesh_free(&m);
}

static void pulls_fade_and_scales_reach_all(void **state)
{
    (void)state;
    SourceMesh m = empty();
    float p[3], x[2];
    add_sheet(&m, -1, 1, 7, 8, 1.4f, 20, 1);
    edit(&m, (Edit){EDIT_PULL, {0, 7, 1.4f, 0.2f, 0, 0.5f, 0}});
    place(&m, 10, p);
    assert_float_equal(p[1], 7.5f, 1e-4);
    place(&m, 0, p);
    assert_float_equal(p[1], 7, 1e-4);
    edit(&m, (Edit){EDIT_SCALE, {1, 7, 1.4f, 0.5f, 1, 1}});
    extent(&m, 0, x);
    assert_float_equal(x[0], 0, 1e-4);
    assert_float_equal(x[1], 1, 1e-4);
    source_mesh_free(&m);
}

/* Area of all faces in uv: subdivision neither loses nor doubles any. */
static double uv_area(const SourceMesh *m)
{
    double sum = 0;
    for (int f = 0; f < m->n_face; f++)
        for (int c = 0; c < 4; c++) {
            const float *a = m->uv + 2 * m->corner_uv[4 * f + c],
                        *b = m->uv + 2 * m->corner_uv[4 * f + (c + 1) % 4];
            sum += 0.5 * ((double)a[0] * b[1] - (double)b[0] * a[1]);
        }
    return sum;
}

static void subdivision_keeps_what_it_covers(void **state)
{
    (void)state;
    SourceMesh m = empty();
    add_sheet(&m, -1, 1, 7, 8, 1.4f, 4, 3);
    edit(&m, (Edit){EDIT_SMOOTH, {0}});
    assert_int_equal(m.n_face, 48);
    assert_int_equal(m.n_vertex, 9 * 7);
    assert_int_equal(m.n_uv, 9 * 7); /* shared along inner edges */
    assert_true(fabs(uv_area(&m) - 1) < 1e-5);
    float z[2];
    extent(&m, 2, z);
    assert_float_equal(z[0], 1.4f, 1e-4);
    assert_float_equal(z[1], 1.4f, 1e-4);
    for (int f = 0; f < m.n_face; f++)
        assert_true(facing(&m, f) > 0);
    source_mesh_free(&m);
}

/* A cube becomes rounder, stays closed and in its middle. */
static void subdivision_rounds_a_cube(void **state)
{
    (void)state;
    SourceMesh m = empty();
    static const int32_t face[6][4] = {{0, 1, 3, 2}, {4, 6, 7, 5}, {0, 4, 5, 1},
                                       {2, 3, 7, 6}, {0, 2, 6, 4}, {1, 5, 7, 3}};
    m.n_vertex = m.n_uv = 8;
    m.n_face = 6;
    memcpy(m.corner, face, sizeof face);
    memcpy(m.corner_uv, face, sizeof face);
    for (int v = 0; v < 8; v++) {
        m.weight[3 * v] = 1;
        m.ref[3 * v] = 100;
        for (int k = 0; k < 3; k++)
            m.offset[3 * v + k] = (v >> k & 1 ? 1.0f : -1.0f) - base.position[300 + k];
    }
    edit(&m, (Edit){EDIT_SMOOTH, {0}});
    assert_int_equal(m.n_face, 24);
    assert_int_equal(m.n_vertex, 26);
    float sum[3] = {0}, least = 9, most = 0;
    for (int v = 0; v < m.n_vertex; v++) {
        float p[3];
        place(&m, v, p);
        float r = sqrtf(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]);
        least = fminf(least, r);
        most = fmaxf(most, r);
        for (int k = 0; k < 3; k++)
            sum[k] += p[k];
    }
    for (int k = 0; k < 3; k++)
        assert_float_equal(sum[k], 0, 1e-3);
    /* corners (5/9, 5/9, 5/9), edges (0, 3/4, 3/4), faces (0, 0, 1) */
    assert_float_equal(least, sqrtf(3) * 5 / 9, 1e-3);
    assert_float_equal(most, 0.75f * sqrtf(2), 1e-3);
    source_mesh_free(&m);
}

static void only_pieces_of_a_size_are_subdivided(void **state)
{
    (void)state;
    SourceMesh m = empty();
    add_sheet(&m, -1, 0, 7, 8, 1.4f, 2, 2);
    add_sheet(&m, 0.5f, 1, 7, 8, 1.4f, 6, 6);
    edit(&m, (Edit){EDIT_SMOOTH, {10, 40}});
    assert_int_equal(m.n_face, 4 + 36 * 4);
    int coarse = 0;
    for (int f = 0; f < m.n_face; f++) {
        float p[3];
        place(&m, m.corner[4 * f], p);
        if (p[0] > 0.1f)
            continue;
        coarse++;
        assert_float_equal(facing(&m, f), 0.25f, 1e-4);
    }
    assert_int_equal(coarse, 4);
    source_mesh_free(&m);
}

enum { SIDE = 64 };

/* Both sides of brows under a texture with one stroke along the middle. */
static SourceMesh brow(uint8_t rgba[SIDE * SIDE * 4], BrowShape shape)
{
    SourceMesh m = empty();
    memset(rgba, 0, SIDE * SIDE * 4);
    for (int y = SIDE * 3 / 8; y < SIDE * 5 / 8; y++)
        for (int x = 0; x < SIDE; x++)
            rgba[4 * (y * SIDE + x) + 3] = 255;
    add_sheet(&m, 0.1f, 0.5f, 7.4f, 7.5f, 1.49f, 8, 4); /* within the wall of skin */
    add_sheet(&m, -0.5f, -0.1f, 7.4f, 7.5f, 1.52f, 8, 4);
    Error err = {""};
    assert_true(bake_brow(&m, &base, shape, rgba, SIDE, SIDE, &err));
    return m;
}

static void brows_get_thicker_about_their_line(void **state)
{
    (void)state;
    uint8_t rgba[SIDE * SIDE * 4];
    SourceMesh thin = brow(rgba, (BrowShape){1, 0, 0}), thick = brow(rgba, (BrowShape){2, 0, 0.1f});
    float a[2], b[2], z[2];
    extent(&thin, 1, a);
    extent(&thick, 1, b);
    assert_float_equal(b[1] - b[0], 2 * (a[1] - a[0]), 1e-3);
    assert_float_equal(0.5f * (b[0] + b[1]), 7.45f + 0.1f, 2e-3);
    extent(&thin, 2, z);
    assert_true(z[0] > 1.5f + 0.009f && z[1] < 1.5f + 0.03f);
    source_mesh_free(&thin);
    source_mesh_free(&thick);
}

static void tilt_raises_both_inner_ends(void **state)
{
    (void)state;
    uint8_t rgba[SIDE * SIDE * 4];
    SourceMesh level = brow(rgba, (BrowShape){1, 0, 0}), m = brow(rgba, (BrowShape){1, 0.2f, 0});
    for (int v = 0; v < m.n_vertex; v++) {
        float p[3], q[3];
        place(&m, v, p);
        place(&level, v, q);
        assert_float_equal(p[1] - q[1], 0.2f * (0.3f - fabsf(q[0])), 2e-3);
    }
    source_mesh_free(&level);
    source_mesh_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_edit_changes_nothing),
        cmocka_unit_test(a_mirrored_face_still_faces_out),
        cmocka_unit_test(boxes_cut_and_keep),
        cmocka_unit_test(pieces_are_thinned_and_tails_lost),
        cmocka_unit_test(shortened_hair_ends_at_the_cut),
        cmocka_unit_test(a_nape_reaches_farther_down),
        cmocka_unit_test(a_fringe_is_raised_off_the_eyes),
        cmocka_unit_test(a_parting_opens),
        cmocka_unit_test(hair_is_drawn_to_the_skin),
        cmocka_unit_test(pulls_fade_and_scales_reach_all),
        cmocka_unit_test(subdivision_keeps_what_it_covers),
        cmocka_unit_test(subdivision_rounds_a_cube),
        cmocka_unit_test(only_pieces_of_a_size_are_subdivided),
        cmocka_unit_test(brows_get_thicker_about_their_line),
        cmocka_unit_test(tilt_raises_both_inner_ends),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
