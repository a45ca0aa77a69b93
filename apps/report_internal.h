/* Between report.c and report_plot.c. */
#ifndef APPS_REPORT_INTERNAL_H
#define APPS_REPORT_INTERNAL_H

#include "apps/report.h"

/* Text as HTML; what is no UTF-8 or a control character becomes '?'. */
void report_escaped(FILE *page, const char *text);

/* A number as people write it: four significant digits, "12345", "1.2e-05". */
void report_number(double value, char text[static 32]);

/* Begins a figure of the row of plots: its title, and the names of n series where there are
 * several. Whoever draws it closes it. */
FILE *report_figure(Report *report, const char *title, int n, const char *const *series);

/* Draws a plot as <svg>. */
void report_svg(FILE *page, const ReportPlot *plot);

#endif
