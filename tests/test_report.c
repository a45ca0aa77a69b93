/* Reports: pages that any XML parser takes, whatever is put into them; plots whose points are where
 * the numbers are; nothing left behind when something fails. */
#include "config.h" /* mkdtemp */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "apps/report.h"
#include "tests/test_folder.h"
#include "tests/xml.h"

static char folder[TEST_PATH];

static int setup(void **state)
{
    (void)state;
    return test_folder_make(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static Report start(const char *name, const char *title)
{
    Report page;
    char path[TEST_PATH];
    Error err;
    must(report_open(&page, test_path(path, folder, name), title, &err), &err);
    return page;
}

/* Closes the page and gives its text, which must be well-formed. The caller frees it. */
static char *finish(Report *page, const char *name)
{
    enum { MOST = 1 << 20 };
    char path[TEST_PATH], *text = malloc(MOST);
    Error err;
    must(report_close(page, &err), &err);
    FILE *file = fopen(test_path(path, folder, name), "r");
    assert_non_null(file);
    assert_non_null(text);
    size_t n = fread(text, 1, MOST - 1, file);
    fclose(file);
    text[n] = '\0';
    const char *wrong = xml_wrong(text);
    if (wrong)
        fail_msg("no XML from here on: %.80s", wrong);
    return text;
}

static void the_checker_finds_faults(void **state)
{
    static const char *const bad[] = {"<a><b></a></b>",  "<a>",      "<a b=c></a>", "<a>1 & 2</a>",
                                      "<a b=\"<\"></a>", "<a></a>x", "<a><br></a>", "text"};
    (void)state;
    assert_null(xml_wrong("<!DOCTYPE html>\n<a b=\"1\" c=\"&lt;\"><b/>1 &amp; 2</a>\n"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!xml_wrong(bad[i]))
            fail_msg("%s passes", bad[i]);
}

static void anything_can_be_said(void **state)
{
    static const char nasty[] = "<b> & \"it's\" ]]> </main> \xff\xc3 \xed\xa0\x80 \x01 \xc3\xa9";
    (void)state;
    Report page = start("nasty.html", nasty);
    report_text(&page, "%s", nasty);
    report_code(&page, nasty);
    report_heading(&page, nasty);
    json_t *facts = json_pack("{s{si sb sn s[fi]} ss}", "<g&>", "<n>", 3, "b", 1, "null", "list",
                              .5, 7, "plain", "a < b & c");
    report_facts(&page, facts);
    json_t *rows = json_pack("[[sss][sfi][sno]]", "<x>", "&", "3", "first", .123456, 12345678,
                             "second", json_real(4.5e-7));
    report_table(&page, rows);
    report_figures(&page, rows);
    double x[3] = {1, 2, 3}, y[3] = {0, NAN, 0};
    ReportPlot plot = {
        nasty, nasty, false, false, false, 2, {{nasty, 3, x, y}, {"", 0, NULL, NULL}}};
    report_plot(&page, &plot);
    uint8_t pixel[12] = {0};
    report_image(&page, &(Image){2, 2, pixel}, nasty);
    char *text = finish(&page, "nasty.html");
    assert_non_null(strstr(text,
                           "<p>&lt;b&gt; &amp; &quot;it's&quot; ]]&gt; &lt;/main&gt; ?? ??? ? "
                           "\xc3\xa9</p>"));
    assert_non_null(strstr(text, "a &lt; b &amp; c"));
    assert_non_null(strstr(text, "<td class=\"value\">0.5 7</td>"));
    assert_non_null(strstr(text, "<td class=\"n\">0.1235</td><td class=\"n\">12345678</td>"));
    assert_non_null(strstr(text, "<td class=\"n\"></td><td class=\"n\">4.500e-07</td>"));
    free(text);
    json_decref(facts);
    json_decref(rows);
}

/* The n-th number after `key` in the text, of its n-th occurrence. */
static double attribute(const char *text, const char *key, int n)
{
    for (;; n--) {
        text = strstr(text, key);
        assert_non_null(text);
        text += strlen(key);
        if (n == 0)
            return atof(text);
    }
}

static int count(const char *text, const char *what)
{
    int n = 0;
    while ((text = strstr(text, what)) != NULL) {
        text += strlen(what);
        n++;
    }
    return n;
}

/* A group of facts ends where the next begins, so what is in none stands before them all. */
static void facts_stand_before_groups(void **state)
{
    (void)state;
    Report page = start("facts.html", "Facts");
    json_t *facts = json_pack("{s{si} si ss s{}}", "group", "inside", 1, "plain", 2, "empty", "",
                              "nothing inside");
    report_facts(&page, facts);
    json_decref(facts);
    char *text = finish(&page, "facts.html");
    assert_non_null(strstr(text, ">group<"));
    assert_true(strstr(text, ">plain<") < strstr(text, ">group<"));
    assert_true(strstr(text, ">inside<") > strstr(text, ">group<"));
    assert_non_null(strstr(text, ">none<"));
    assert_null(strstr(text, "nothing inside"));
    free(text);
}

/* Alike in a column, unless that would hide a small one. */
static void a_columns_numbers_are_written_alike(void **state)
{
    (void)state;
    Report page = start("table.html", "Table");
    json_t *rows = json_pack("[[ss][ff][ff]]", "a", "b", .00990001, .00001, .7, .5);
    report_table(&page, rows);
    json_decref(rows);
    char *text = finish(&page, "table.html");
    assert_non_null(strstr(text, ">0.0099<"));
    assert_non_null(strstr(text, ">0.7000<"));
    assert_non_null(strstr(text, ">1.000e-05<"));
    assert_non_null(strstr(text, ">0.5000<"));
    free(text);
}

/* The longest name ends left of the bars and begins inside the drawing (a letter has 6 units). */
static void names_of_bars_have_room(void **state)
{
    (void)state;
    static const char name[] = "+ loopback, without attention";
    const char *group[] = {name, "all"}, *series[] = {"accuracy"};
    const double value[] = {1, .5};
    Report page = start("bars.html", "Bars");
    report_bars(&page, &(ReportBars){"Accuracy", 2, 1, group, series, value});
    char *text = finish(&page, "bars.html");
    double name_end, bar, width, half;
    const char *label = strstr(text, "<text x=\""), *rect = strstr(text, "<rect x=\"");
    assert_true(label && rect && sscanf(label, "<text x=\"%lf", &name_end) == 1);
    assert_int_equal(sscanf(rect, "<rect x=\"%lf\" y=\"%*f\" width=\"%lf", &bar, &width), 2);
    assert_true(name_end >= 6 * (double)strlen(name) && name_end < bar && bar + width < 340);
    rect = strstr(rect + 1, "<rect x=\"");
    assert_true(rect && sscanf(rect, "<rect x=\"%*f\" y=\"%*f\" width=\"%lf", &half) == 1);
    assert_true(fabs(half - width / 2) < .1);
    free(text);
}

static void points_are_where_the_numbers_are(void **state)
{
    double x[4] = {0, 10, 20, 40}, linear[4] = {0, 1, 2, 4}, powers[4] = {.01, .1, 1, 100};
    (void)state;
    for (int log = 0; log < 4; log++) {
        bool log_x = log & 1, log_y = log >> 1;
        const double *xs = log_x ? powers : x, *ys = log_y ? powers : linear;
        Report page = start("plot.html", "Plot");
        ReportPlot plot = {"y", "step", log_x, log_y, false, 1, {{"", 4, xs, ys}}};
        report_plot(&page, &plot);
        char *text = finish(&page, "plot.html");
        double at[4][2];
        assert_int_equal(count(text, "<circle"), 4);
        for (int i = 0; i < 4; i++) {
            at[i][0] = attribute(text, "cx=\"", i);
            at[i][1] = attribute(text, "cy=\"", i);
        }
        /* Equal steps of the number, or of its logarithm, are equal steps on the page. */
        assert_float_equal(at[2][0] - at[1][0], at[1][0] - at[0][0], .2);
        assert_float_equal(at[3][0] - at[2][0], 2 * (at[1][0] - at[0][0]), .2);
        assert_float_equal(at[1][1] - at[2][1], at[0][1] - at[1][1], .2);
        assert_float_equal(at[2][1] - at[3][1], 2 * (at[0][1] - at[1][1]), .2);
        assert_true(at[1][0] - at[0][0] > 20 && at[0][1] - at[1][1] > 20);
        free(text);
    }
}

static void gaps_break_the_line(void **state)
{
    double x[5] = {0, 1, 2, 3, 4}, y[5] = {1, 2, NAN, 2, 1};
    (void)state;
    Report page = start("gap.html", "Gap");
    ReportPlot plot = {"y", "x", false, false, false, 1, {{"", 5, x, y}}};
    report_plot(&page, &plot);
    char *text = finish(&page, "gap.html"), *path = strstr(text, " d=\"");
    assert_non_null(path);
    *strchr(path + 4, '"') = '\0';
    assert_int_equal(count(path, "M"), 2);
    assert_int_equal(count(path, "L"), 2);
    free(text);
}

/* A long run makes no long page, and its one peak is still drawn. */
static void long_series_keep_their_peaks(void **state)
{
    enum { N = 200000, PEAK = 123456 };
    double *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y), least = INFINITY;
    (void)state;
    assert_non_null(x);
    assert_non_null(y);
    for (int i = 0; i < N; i++) {
        x[i] = i;
        y[i] = 1 + (i % 7) * .01;
    }
    y[PEAK] = 9;
    Report page = start("long.html", "Long");
    ReportPlot plot = {"y", "step", false, false, false, 1, {{"", N, x, y}}};
    report_plot(&page, &plot);
    char *text = finish(&page, "long.html"), *at = strstr(text, " d=\"M");
    assert_non_null(at);
    assert_true(strlen(text) < 40000);
    double px, py, peak_x = 0, top = attribute(text, "y1=\"", 0);
    for (at += 4; sscanf(at + 1, "%lf %lf", &px, &py) == 2; at += 1 + strcspn(at + 1, "ML\""))
        if (py < least) {
            least = py;
            peak_x = px;
        }
    double left = attribute(text, "x1=\"", 0), right = attribute(text, "x2=\"", 0);
    for (int i = 0; i < count(text, "class=\"grid\""); i++)
        top = fmin(top, attribute(text, "y1=\"", i));
    assert_float_equal((peak_x - left) / (right - left), (double)PEAK / N, .01);
    assert_true(least >= top && least < top + 40); /* 9 of 0 .. 10 */
    free(text);
    free(x);
    free(y);
}

static void strange_data_is_drawn_without_a_fault(void **state)
{
    double x[3] = {5, 5, 5}, same[3] = {2, 2, 2}, none[3] = {NAN, NAN, INFINITY},
           huge[3] = {-1e300, 0, 1e300}, zero[3] = {0, 0, 0}, negative[3] = {-1, 100, 3};
    const double *ys[] = {same, none, huge, zero, negative};
    (void)state;
    Report page = start("strange.html", "Strange");
    for (size_t i = 0; i < sizeof ys / sizeof *ys; i++)
        for (int log = 0; log < 2; log++) {
            ReportPlot plot = {
                "y", "x", log, log, true, 2, {{"a", 3, x, ys[i]}, {"b", 1, x, ys[i]}}};
            report_plot(&page, &plot);
        }
    ReportPlot empty = {"y", "x", false, false, false, 1, {{"", 0, NULL, NULL}}};
    report_plot(&page, &empty);
    char *text = finish(&page, "strange.html");
    assert_int_equal(count(text, "<svg"), 11);
    for (const char *svg = strstr(text, "<svg"); svg; svg = strstr(svg + 1, "<svg")) {
        const char *grid = strstr(svg, "class=\"grid\"");
        assert_true(grid &&
                    grid < strstr(svg, "</svg>")); /* an axis, even where there is no line */
    }
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    free(text);
}

static void pictures_are_inside(void **state)
{
    uint8_t pixel[3 * 5 * 4];
    char path[TEST_PATH];
    Error err;
    (void)state;
    for (size_t i = 0; i < sizeof pixel; i++)
        pixel[i] = (uint8_t)(11 * i);
    Image image = {5, 4, pixel};
    must(image_save_png(test_path(path, folder, "picture.png"), &image, &err), &err);
    Report page = start("pictures.html", "Pictures");
    report_image(&page, &image, NULL);
    report_png(&page, path, "from a file");
    char *text = finish(&page, "pictures.html");
    char *first = strstr(text, "base64,"), *second = first ? strstr(first + 1, "base64,") : NULL;
    assert_non_null(second);
    *strchr(first, '"') = '\0';
    *strchr(second, '"') = '\0';
    assert_string_equal(first, second);
    free(text);
}

/* The test vectors of RFC 4648. */
static void base64_is_padded(void **state)
{
    static const char *const vector[][2] = {{"f", "Zg=="},
                                            {"fo", "Zm8="},
                                            {"foo", "Zm9v"},
                                            {"foob", "Zm9vYg=="},
                                            {"foobar", "Zm9vYmFy"}};
    (void)state;
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) {
        char path[TEST_PATH], wanted[64];
        FILE *file = fopen(test_path(path, folder, "bytes"), "w");
        assert_non_null(file);
        fputs(vector[i][0], file);
        fclose(file);
        Report page = start("bytes.html", "Bytes");
        report_png(&page, path, NULL);
        char *text = finish(&page, "bytes.html");
        snprintf(wanted, sizeof wanted, "base64,%s\"", vector[i][1]);
        assert_non_null(strstr(text, wanted));
        free(text);
    }
}

static void failures_leave_no_page(void **state)
{
    char path[TEST_PATH];
    Error err;
    (void)state;
    Report page = start("failed.html", "Failed");
    report_png(&page, "/nowhere/sheet.png", NULL);
    report_text(&page, "more");
    assert_false(report_close(&page, &err));
    assert_non_null(strstr(err.text, "/nowhere/sheet.png"));
    assert_int_not_equal(access(test_path(path, folder, "failed.html"), F_OK), 0);
    assert_int_not_equal(access(test_path(path, folder, "failed.html.tmp"), F_OK), 0);
    assert_false(report_open(&page, "/nowhere/page.html", "No", &err));
    assert_non_null(strstr(err.text, "/nowhere/page.html"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checker_finds_faults),
        cmocka_unit_test(anything_can_be_said),
        cmocka_unit_test(facts_stand_before_groups),
        cmocka_unit_test(a_columns_numbers_are_written_alike),
        cmocka_unit_test(names_of_bars_have_room),
        cmocka_unit_test(points_are_where_the_numbers_are),
        cmocka_unit_test(gaps_break_the_line),
        cmocka_unit_test(long_series_keep_their_peaks),
        cmocka_unit_test(strange_data_is_drawn_without_a_fault),
        cmocka_unit_test(pictures_are_inside),
        cmocka_unit_test(base64_is_padded),
        cmocka_unit_test(failures_leave_no_page),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
