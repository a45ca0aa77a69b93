#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apps/report_internal.h"
#include "engine/codec.h"

/* The colours of the series keep their distance for colour-blind eyes, on both grounds. */
static const char style[] =
    ":root{--ground:#fcfcfb;--card:#fff;--ink:#1a1a19;--muted:#65645e;--line:#e3e2dd;"
    "--s0:#2a78d6;--s1:#c4560f;--s2:#12855c;--s3:#7a4bc2;--s4:#b3850a;--s5:#cf3a4a;--s6:#0c8aa8;"
    "--s7:#b8478f}"
    "@media(prefers-color-scheme:dark){:root{--ground:#161615;--card:#1f1f1d;--ink:#eceae4;"
    "--muted:#a3a198;--line:#3a3935;--s0:#5a9df0;--s1:#ee8a4b;--s2:#3bbd8c;--s3:#ab8af0;"
    "--s4:#d9ac34;--s5:#f07582;--s6:#45bcd8;--s7:#e384bf}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--ground);color:var(--ink);"
    "font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",\"Noto Sans\",\"DejaVu Sans\",sans-serif}"
    "main{max-width:68rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}"
    "h1{font-size:1.75rem;line-height:1.2;margin:0 0 .5rem;letter-spacing:-.01em}"
    "h2{font-size:1.125rem;margin:2.5rem 0 .75rem}"
    "p{margin:.5rem 0;max-width:46rem;color:var(--muted);overflow-wrap:anywhere}"
    "pre{margin:.5rem 0;padding:.75rem 1rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:6px;font:.8125rem/1.5 ui-monospace,\"DejaVu Sans Mono\",monospace;"
    "white-space:pre-wrap;overflow-wrap:anywhere}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;"
    "margin:1.25rem 0}"
    ".figures div{padding:.75rem 1rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:6px}"
    ".figures dt{color:var(--muted);font-size:.8125rem}"
    ".figures dd{margin:0;font-size:1.375rem;font-weight:600;line-height:1.3;"
    "overflow-wrap:anywhere}"
    ".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));"
    "gap:1rem;align-items:start;margin:1rem 0}"
    "figure{margin:0}"
    ".plots figure{padding:.75rem 1rem .5rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:6px;max-width:36rem}"
    "figcaption{font-size:.875rem;color:var(--muted);margin:0 0 .5rem}"
    "figcaption b{color:var(--ink);font-weight:600;margin-right:.75rem}"
    "figcaption span{display:inline-block;margin-right:.75rem;white-space:nowrap}"
    "figcaption i{display:inline-block;width:.75rem;height:.1875rem;margin-right:.375rem;"
    "vertical-align:middle;background:currentColor}"
    "figcaption i.dashed{background:repeating-linear-gradient(90deg,currentColor 0 .25rem,"
    "transparent .25rem .375rem)}"
    "figcaption em{font-style:normal;color:var(--muted)}"
    "svg{display:block;overflow:visible;width:100%;height:auto;font-size:12px;font-variant-numeric:"
    "tabular-nums}"
    "svg text{fill:var(--muted)}"
    "svg .grid{stroke:var(--line)}"
    ".picture{margin:0 0 1.5rem}"
    ".picture img{display:block;max-width:100%;border:1px solid var(--line);border-radius:6px}"
    ".picture figcaption{margin:.5rem 0 0}"
    ".scroll{overflow-x:auto;margin:1rem 0}"
    "table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}"
    "td,th{padding:.25rem 1.5rem .25rem 0;text-align:left;border-bottom:1px solid var(--line);"
    "vertical-align:top}"
    "th{font-weight:600}"
    "tr~tr th[colspan]{padding-top:1rem}"
    "td.n,th.n{text-align:right}"
    "td.name{color:var(--muted)}"
    "td.value{overflow-wrap:anywhere}"
    ".s0{color:var(--s0)}.s1{color:var(--s1)}.s2{color:var(--s2)}.s3{color:var(--s3)}"
    ".s4{color:var(--s4)}.s5{color:var(--s5)}.s6{color:var(--s6)}.s7{color:var(--s7)}"
    "footer{margin-top:3rem;color:var(--muted);font-size:.8125rem}"
    "@media print{body{background:none}main{padding:0}figure,pre{break-inside:avoid}}";

/* Bytes of the UTF-8 character at the text's start, 0: it is none. */
static int utf8_length(const unsigned char *c)
{
    int n = c[0] < 0x80                    ? 1
            : c[0] >= 0xc2 && c[0] < 0xe0  ? 2
            : c[0] >= 0xe0 && c[0] < 0xf0  ? 3
            : c[0] >= 0xf0 && c[0] <= 0xf4 ? 4
                                           : 0;
    for (int i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool surrogate = c[0] == 0xed && n == 3 && c[1] >= 0xa0;
    bool overlong =
        (c[0] == 0xe0 && n == 3 && c[1] < 0xa0) || (c[0] == 0xf0 && n == 4 && c[1] < 0x90);
    bool beyond = c[0] == 0xf4 && n == 4 && c[1] >= 0x90;
    bool not_xml = c[0] == 0xef && n == 3 && c[1] == 0xbf && c[2] >= 0xbe;
    return surrogate || overlong || beyond || not_xml ? 0 : n;
}

void report_escaped(FILE *page, const char *text)
{
    while (*text) {
        int n = utf8_length((const unsigned char *)text);
        if (n == 0 || (n == 1 && (unsigned char)*text < ' ' && *text != '\n' && *text != '\t'))
            fputc('?', page);
        else if (*text == '&')
            fputs("&amp;", page);
        else if (*text == '<')
            fputs("&lt;", page);
        else if (*text == '>')
            fputs("&gt;", page);
        else if (*text == '"')
            fputs("&quot;", page);
        else
            fwrite(text, 1, (size_t)n, page);
        text += n ? n : 1;
    }
}

void report_number(double value, char text[static 32])
{
    double size = fabs(value);
    if (!isfinite(value))
        snprintf(text, 32, "%s", isnan(value) ? "no number" : value > 0 ? "infinite" : "-infinite");
    else
        snprintf(text, 32, size >= 1000 && size < 1e9 ? "%.0f" : "%.4g", value);
}

static void fail(Report *report, const Error *err)
{
    if (report->err.text[0] == '\0')
        report->err = *err;
}

/* Ends the row of plots; everything but a plot begins with it. */
static FILE *page_of(Report *report)
{
    if (report->in_plots)
        fputs("</div>\n", report->file.stream);
    report->in_plots = false;
    return report->file.stream;
}

static void element(FILE *page, const char *tag, const char *text)
{
    fprintf(page, "<%s>", tag);
    report_escaped(page, text);
    fprintf(page, "</%s>\n", tag);
}

bool report_open(Report *report, const char *path, const char *title, Error *err)
{
    *report = (Report){.err = {""}};
    if (!atomic_file_open(&report->file, path, err))
        return false;
    FILE *page = report->file.stream;
    fputs("<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n"
          "<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
          "<meta name=\"color-scheme\" content=\"light dark\"/>\n",
          page);
    element(page, "title", title);
    fprintf(page, "<style>%s</style>\n</head>\n<body>\n<main>\n", style);
    element(page, "h1", title);
    return true;
}

bool report_close(Report *report, Error *err)
{
    char date[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &utc));
    fprintf(page_of(report), "<footer>%s, %s</footer>\n</main>\n</body>\n</html>\n", PACKAGE_STRING,
            date);
    if (report->err.text[0] == '\0')
        return atomic_file_commit(&report->file, err);
    atomic_file_abort(&report->file);
    *err = report->err;
    return false;
}

void report_heading(Report *report, const char *text)
{
    element(page_of(report), "h2", text);
}

void report_text(Report *report, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    if (text)
        element(page_of(report), "p", text);
    else {
        Error err;
        error_set(&err, "out of memory for a report");
        fail(report, &err);
    }
    free(text);
}

void report_code(Report *report, const char *text)
{
    element(page_of(report), "pre", text);
}

/* A JSON value as a cell's text; lists with spaces between. */
static void value_text(FILE *page, const json_t *value)
{
    char text[32];
    size_t i;
    json_t *item;
    if (json_is_string(value))
        report_escaped(page, json_string_value(value));
    else if (json_is_integer(value))
        fprintf(page, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "yes" : "no", page);
    else if (json_is_real(value)) {
        report_number(json_real_value(value), text);
        fputs(text, page);
    } else if (json_is_array(value))
        json_array_foreach(value, i, item)
        {
            if (i > 0)
                fputc(' ', page);
            value_text(page, item);
        }
}

void report_figures(Report *report, const json_t *pairs)
{
    FILE *page = page_of(report);
    size_t i;
    json_t *pair;
    fputs("<dl class=\"figures\">\n", page);
    json_array_foreach(pairs, i, pair)
    {
        fputs("<div><dt>", page);
        value_text(page, json_array_get(pair, 0));
        fputs("</dt><dd>", page);
        value_text(page, json_array_get(pair, 1));
        fputs("</dd></div>\n", page);
    }
    fputs("</dl>\n", page);
}

/* The groups come last: nothing tells where one ends but the next. */
static void fact_rows(FILE *page, const json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (json_is_object(value))
            continue;
        fputs("<tr><td class=\"name\">", page);
        report_escaped(page, name);
        fputs("</td><td class=\"value\">", page);
        if (json_string_length(value) == 0 && json_is_string(value))
            fputs("none", page);
        else
            value_text(page, value);
        fputs("</td></tr>\n", page);
    }
    json_object_foreach((json_t *)object, name, value)
    {
        if (!json_is_object(value) || json_object_size(value) == 0)
            continue;
        fputs("<tr><th colspan=\"2\">", page);
        report_escaped(page, name);
        fputs("</th></tr>\n", page);
        fact_rows(page, value);
    }
}

void report_facts(Report *report, const json_t *object)
{
    FILE *page = page_of(report);
    fputs("<div class=\"scroll\"><table>\n", page);
    fact_rows(page, object);
    fputs("</table></div>\n", page);
}

/* Whether a column holds numbers, which stand at its right. */
static bool is_numeric(const json_t *rows, size_t column)
{
    for (size_t i = 1; i < json_array_size(rows); i++)
        if (json_is_number(json_array_get(json_array_get(rows, i), column)))
            return true;
    return false;
}

/* Whether a column's reals are of a size at which four decimals tell them: 0.0099 beside 0.7000.
 */
static bool is_fixed(const json_t *rows, size_t column)
{
    for (size_t i = 1; i < json_array_size(rows); i++) {
        double size = fabs(json_real_value(json_array_get(json_array_get(rows, i), column)));
        if (isfinite(size) && size != 0 && !(size >= .00005 && size < 10))
            return false;
    }
    return true;
}

static void table_cell(FILE *page, const json_t *rows, size_t column, const json_t *cell)
{
    double value = json_real_value(cell);

    if (!json_is_real(cell) || !isfinite(value) || fabs(value) >= 1000)
        value_text(page, cell);
    else if (is_fixed(rows, column))
        fprintf(page, "%.4f", value);
    else
        fprintf(page, "%#.4g", value);
}

void report_table(Report *report, const json_t *rows)
{
    FILE *page = page_of(report);
    size_t i, column;
    json_t *row, *cell;
    fputs("<div class=\"scroll\"><table>\n", page);
    json_array_foreach(rows, i, row)
    {
        const char *tag = i == 0 ? "th" : "td";
        fputs("<tr>", page);
        json_array_foreach(row, column, cell)
        {
            fprintf(page, "<%s%s>", tag, is_numeric(rows, column) ? " class=\"n\"" : "");
            table_cell(page, rows, column, cell);
            fprintf(page, "</%s>", tag);
        }
        fputs("</tr>\n", page);
    }
    fputs("</table></div>\n", page);
}

FILE *report_figure(Report *report, const char *title, int n, const char *const *series)
{
    FILE *page = report->file.stream;
    if (!report->in_plots)
        fputs("<div class=\"plots\">\n", page);
    report->in_plots = true;
    fputs("<figure><figcaption><b>", page);
    report_escaped(page, title);
    fputs("</b>", page);
    for (int i = 0; n > 1 && i < n; i++) {
        fprintf(page, "<span class=\"s%d\"><i%s></i><em>", i % 8, i < 8 ? "" : " class=\"dashed\"");
        report_escaped(page, series[i]);
        fputs("</em></span>", page);
    }
    fputs("</figcaption>\n", page);
    return page;
}

void report_plot(Report *report, const ReportPlot *plot)
{
    const char *name[REPORT_MAX_SERIES];
    for (int i = 0; i < plot->n; i++)
        name[i] = plot->series[i].name;
    FILE *page = report_figure(report, plot->title, plot->n, name);
    report_svg(page, plot);
    fputs("</figure>\n", page);
}

static void base64(FILE *page, const uint8_t *byte, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t bits = (uint32_t)byte[i] << 16 | (left > 1 ? (uint32_t)byte[i + 1] << 8 : 0) |
                        (left > 2 ? byte[i + 2] : 0);
        char four[4] = {digit[bits >> 18], digit[bits >> 12 & 63],
                        left > 1 ? digit[bits >> 6 & 63] : '=', left > 2 ? digit[bits & 63] : '='};
        fwrite(four, 1, 4, page);
    }
}

static void picture(Report *report, const uint8_t *png, size_t n, const char *caption)
{
    FILE *page = page_of(report);
    fputs("<figure class=\"picture\"><img alt=\"", page);
    report_escaped(page, caption ? caption : "");
    fputs("\" src=\"data:image/png;base64,", page);
    base64(page, png, n);
    fputs("\"/>", page);
    if (caption)
        element(page, "figcaption", caption);
    fputs("</figure>\n", page);
}

void report_image(Report *report, const Image *image, const char *caption)
{
    size_t n;
    uint8_t *png = codec_encode_png(image->pixel, image->width, image->height, 3, &n);
    if (png)
        picture(report, png, n, caption);
    else {
        Error err;
        error_set(&err, "out of memory for a picture of a report");
        fail(report, &err);
    }
    free(png);
}

/* The bytes of a file, allocated. */
static bool file_bytes(uint8_t **bytes, size_t *n, const char *path, Error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set(err, "%.400s cannot be read: %s", path, strerror(errno));
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    uint8_t *all = size > 0 ? malloc((size_t)size) : NULL;
    rewind(file);
    bool ok = all && fread(all, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    if (ok) {
        *bytes = all;
        *n = (size_t)size;
        return true;
    }
    free(all);
    return error_set(err, "%.400s cannot be read", path);
}

void report_png(Report *report, const char *path, const char *caption)
{
    Error err;
    uint8_t *png = NULL;
    size_t n = 0;
    if (file_bytes(&png, &n, path, &err)) {
        picture(report, png, n, caption);
        free(png);
    } else
        fail(report, &err);
}
