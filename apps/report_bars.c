#include "config.h"

#include <math.h>
#include <string.h>

#include "apps/report_internal.h"

/* Of the drawing, in its own units. */
enum { WIDTH = 340, RIGHT = 46, BAR = 8, BETWEEN = 8, LEFT_MIN = 60, LEFT_MAX = 190 };

/* Where the bars begin: right of the longest name. */
static double left_of(const ReportBars *bars)
{
    double left = LEFT_MIN;

    for (int g = 0; g < bars->groups; g++)
        left = fmax(left, 14 + 6.2 * (double)strlen(bars->group[g]));
    return fmin(left, LEFT_MAX);
}

static void draw_bar(FILE *page, double value, double scale, double zero, double y, int series)
{
    double to = zero + scale * value, from = fmin(zero, to);

    fprintf(page,
            "<g class=\"s%d\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
            "fill=\"currentColor\"/></g><text x=\"%.1f\" y=\"%.1f\" font-size=\"9\">%.3g</text>\n",
            series % 8, from, y, fabs(to - zero), BAR - 1, fmax(zero, to) + 4, y + BAR - 1, value);
}

static void draw(FILE *page, const ReportBars *bars)
{
    double lo = 0, hi = 0, step = bars->n * BAR + BETWEEN, left = left_of(bars);
    int n = bars->groups * bars->n;

    for (int i = 0; i < n; i++)
        if (isfinite(bars->value[i])) {
            lo = fmin(lo, bars->value[i]);
            hi = fmax(hi, bars->value[i]);
        }
    double scale = hi > lo ? (WIDTH - left - RIGHT) / (hi - lo) : 0, zero = left - scale * lo;
    fprintf(page,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" role=\"img\" "
            "aria-label=\"",
            WIDTH, bars->groups * step);
    report_escaped(page, bars->title);
    fputs("\">\n", page);
    for (int g = 0; g < bars->groups; g++) {
        fprintf(page, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", left - 8,
                g * step + (bars->n * BAR) / 2. + 4);
        report_escaped(page, bars->group[g]);
        fputs("</text>\n", page);
        for (int k = 0; k < bars->n; k++)
            if (isfinite(bars->value[g * bars->n + k]))
                draw_bar(page, bars->value[g * bars->n + k], scale, zero, g * step + k * BAR, k);
    }
    fputs("</svg>\n", page);
}

void report_bars(Report *report, const ReportBars *bars)
{
    FILE *page = report_figure(report, bars->title, bars->n, bars->series);

    draw(page, bars);
    fputs("</figure>\n", page);
}
