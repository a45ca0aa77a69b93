/* A report: one self-contained HTML page of text, tables, line plots (SVG) and pictures (PNG inside
 * the page). No script, nothing from the network; readable on light and dark, on paper, and printed
 * by any browser.
 *
 *     Report report;
 *     if (!report_open(&report, "energy.html", "Facial prior, male", &err)) ...
 *     report_text(&report, "%d characters, found by the search.", n);
 *     report_heading(&report, "Energy");
 *     report_plot(&report, &plot);
 *     if (!report_close(&report, &err)) ...
 *
 * What goes wrong while writing is kept and reported by report_close. All text is escaped. */
#ifndef APPS_REPORT_H
#define APPS_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "datasets/image.h"
#include "libtensor/atomic_file.h"

typedef struct Report {
    AtomicFile file;
    Error err;     /* the first one; text "": none */
    bool in_plots; /* the row of plots is open */
} Report;

/* Starts PATH (written whole or not at all) with its title as heading. */
bool report_open(Report *report, const char *path, const char *title, Error *err);
/* The rest of the page, and the file's rename; gives up the page after an error. */
bool report_close(Report *report, Error *err);

void report_heading(Report *report, const char *text);
/* A paragraph. */
void report_text(Report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something to copy: a command line. */
void report_code(Report *report, const char *text);

/* The few figures that matter most, large, side by side: an array of [name, value] (a string or a
 * number). Borrowed. */
void report_figures(Report *report, const json_t *pairs);
/* Names and values of an object, two columns; objects inside become groups of rows. Borrowed. */
void report_facts(Report *report, const json_t *object);
/* Rows of cells (an array of arrays of strings, numbers, nulls); the first row heads the columns.
 * Borrowed. */
void report_table(Report *report, const json_t *rows);

enum { REPORT_MAX_SERIES = 16 };

/* A line; points with a y that is no number break it. name: "" where there is one series. */
typedef struct ReportSeries {
    const char *name;
    int n;
    const double *x, *y;
} ReportSeries;

typedef struct ReportPlot {
    const char *title, *x_label;
    bool log_x, log_y; /* a logarithmic axis, if all values are positive and span more than a
                          factor of ten */
    bool noisy;        /* the lines are drawn pale, and their running means over them */
    int n;             /* 1 .. REPORT_MAX_SERIES */
    ReportSeries series[REPORT_MAX_SERIES];
} ReportPlot;

/* Plots that follow each other stand side by side where the page is wide enough. */
void report_plot(Report *report, const ReportPlot *plot);

/* Horizontal bars, a group of n under each other for each name. */
typedef struct ReportBars {
    const char *title;
    int groups, n; /* n: of series, in their colours */
    const char *const *group, *const *series;
    const double *value; /* groups x n; one that is no number has no bar */
} ReportBars;

/* As a plot. */
void report_bars(Report *report, const ReportBars *bars);

/* A picture with its caption (may be NULL): of pixels, or a PNG file as it is. A file that cannot
 * be read is an error. */
void report_image(Report *report, const Image *image, const char *caption);
void report_png(Report *report, const char *path, const char *caption);

#endif
