#include "config.h"

#include <math.h>
#include <stdlib.h>

#include "apps/report_internal.h"

/* Of the drawing, in its own units. */
enum {
    WIDTH = 340,
    HEIGHT = 210,
    LEFT = 52,
    RIGHT = 14,
    TOP = 10,
    BOTTOM = 40,
    MAX_TICKS = 12,
    DOTS = 60 /* so many points are drawn as dots, too */
};

/* An axis: values lo .. hi (their logarithms if log) onto from .. to. */
typedef struct Axis {
    double lo, hi, from, to;
    bool log;
    int n;
    double tick[MAX_TICKS];
} Axis;

static double axis_at(const Axis *a, double value)
{
    double t =
        a->log ? log10(value / a->lo) / log10(a->hi / a->lo) : (value - a->lo) / (a->hi - a->lo);
    return a->from + t * (a->to - a->from);
}

/* 1, 2 or 5 times a power of ten: the range in at most `parts` steps. */
static double nice_step(double range, int parts)
{
    double raw = range / parts, power = pow(10, floor(log10(raw))), f = raw / power;
    return power * (f <= 1 ? 1 : f <= 2 ? 2 : f <= 5 ? 5 : 10);
}

static void linear_ticks(Axis *a, double step)
{
    for (double i = ceil(a->lo / step - 1e-9); i * step <= a->hi + 1e-9 * step; i++)
        if (a->n < MAX_TICKS)
            a->tick[a->n++] = i * step;
}

static void log_ticks(Axis *a)
{
    static const double of_decade[] = {1, 2, 5};
    double decades = log10(a->hi / a->lo);
    int each = decades > 3 ? 1 : 3, every = 1 + (int)(decades / MAX_TICKS);
    for (int power = (int)floor(log10(a->lo)); power <= (int)ceil(log10(a->hi)); power += every)
        for (int i = 0; i < each; i++) {
            double value = of_decade[i] * pow(10, power);
            if (value >= a->lo * (1 - 1e-9) && value <= a->hi * (1 + 1e-9) && a->n < MAX_TICKS)
                a->tick[a->n++] = value;
        }
}

static void range_of(const ReportPlot *plot, bool y, double *lo, double *hi)
{
    *lo = INFINITY;
    *hi = -INFINITY;
    for (int s = 0; s < plot->n; s++)
        for (int i = 0; i < plot->series[s].n; i++) {
            double value = (y ? plot->series[s].y : plot->series[s].x)[i];
            if (isfinite(value) && isfinite(plot->series[s].y[i])) {
                *lo = fmin(*lo, value);
                *hi = fmax(*hi, value);
            }
        }
    if (!(*lo <= *hi)) /* nothing to draw */
        *lo = *hi = 0;
}

/* Makes the axis logarithmic if its values can be. */
static bool log_axis(Axis *a)
{
    if (!(a->lo > 0 && a->hi > 10 * a->lo))
        return false;
    a->log = true;
    a->lo *= .9;
    a->hi *= 1.1;
    log_ticks(a);
    return true;
}

static Axis axis_x(const ReportPlot *plot)
{
    Axis a = {.from = LEFT, .to = WIDTH - RIGHT};
    range_of(plot, false, &a.lo, &a.hi);
    if (plot->log_x && log_axis(&a))
        return a;
    if (a.lo > 0 && a.lo < .25 * a.hi) /* a run starts at 0 even if its first line comes later */
        a.lo = 0;
    if (a.hi - a.lo <= 0)
        a.hi = a.lo + 1;
    linear_ticks(&a, nice_step(a.hi - a.lo, 6));
    return a;
}

static Axis axis_y(const ReportPlot *plot)
{
    Axis a = {.from = HEIGHT - BOTTOM, .to = TOP};
    range_of(plot, true, &a.lo, &a.hi);
    if (plot->log_y && log_axis(&a))
        return a;
    if (a.lo > 0 && a.lo < .5 * a.hi)
        a.lo = 0;
    if (a.hi - a.lo <= 1e-9 * fabs(a.hi)) {
        double around = a.hi != 0 ? .1 * fabs(a.hi) : 1;
        a.lo -= around;
        a.hi += around;
    }
    double step = nice_step(a.hi - a.lo, 5);
    a.lo = floor(a.lo / step + 1e-9) * step;
    a.hi = ceil(a.hi / step - 1e-9) * step;
    linear_ticks(&a, step);
    return a;
}

static void tick_text(double value, char text[static 32])
{
    double size = fabs(value);
    if (size < 1e-12)
        snprintf(text, 32, "0");
    else if (size >= 1e6)
        snprintf(text, 32, "%gM", value / 1e6);
    else if (size >= 1e4)
        snprintf(text, 32, "%gk", value / 1e3);
    else
        snprintf(text, 32, "%.4g", value);
}

static void draw_axes(FILE *page, const Axis *x, const Axis *y, const char *x_label)
{
    char text[32];
    for (int i = 0; i < y->n; i++) {
        double at = axis_at(y, y->tick[i]);
        tick_text(y->tick[i], text);
        fprintf(page,
                "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                LEFT, WIDTH - RIGHT, at, at, LEFT - 8, at + 4, text);
    }
    for (int i = 0; i < x->n; i++) {
        double at = axis_at(x, x->tick[i]);
        tick_text(x->tick[i], text);
        fprintf(page, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", at,
                HEIGHT - BOTTOM + 18, text);
    }
    fprintf(page, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (LEFT + WIDTH - RIGHT) / 2,
            HEIGHT - 5);
    report_escaped(page, x_label);
    fputs("</text>\n", page);
}

/* The path of a series. Where several points share a column of the drawing, its lowest and highest
 * stand for them, so that no peak is lost and no page grows with its run. */
typedef struct Pen {
    FILE *page;
    bool down;
    int column;        /* being gathered */
    bool gathered;     /* something is */
    double x[2], y[2]; /* the lowest and the highest of the column */
    int at[2];         /* and which points they are */
} Pen;

static void pen_to(Pen *pen, double x, double y)
{
    fprintf(pen->page, "%s%.1f %.1f", pen->down ? "L" : "M", x, y);
    pen->down = true;
}

static void pen_flush(Pen *pen)
{
    if (!pen->gathered)
        return;
    int first = pen->at[0] <= pen->at[1] ? 0 : 1;
    pen_to(pen, pen->x[first], pen->y[first]);
    if (pen->at[0] != pen->at[1])
        pen_to(pen, pen->x[1 - first], pen->y[1 - first]);
    pen->gathered = false;
}

static void pen_add(Pen *pen, int i, double x, double y)
{
    if (pen->gathered && (int)x != pen->column)
        pen_flush(pen);
    bool start = !pen->gathered;
    pen->column = (int)x;
    pen->gathered = true;
    for (int k = 0; k < 2; k++)
        if (start || (k == 0 ? y < pen->y[0] : y > pen->y[1])) {
            pen->x[k] = x;
            pen->y[k] = y;
            pen->at[k] = i;
        }
}

static void draw_line(FILE *page, const ReportSeries *s, const double *y, const Axis *ax,
                      const Axis *ay, const char *attributes)
{
    Pen pen = {.page = page};
    fprintf(page,
            "<path fill=\"none\" stroke=\"currentColor\" stroke-linejoin=\"round\" "
            "stroke-linecap=\"round\" %s d=\"",
            attributes);
    for (int i = 0; i < s->n; i++) {
        if (isfinite(y[i])) {
            pen_add(&pen, i, axis_at(ax, s->x[i]), axis_at(ay, y[i]));
            continue;
        }
        pen_flush(&pen);
        pen.down = false;
    }
    pen_flush(&pen);
    fputs("\"/>\n", page);
}

static void draw_dots(FILE *page, const ReportSeries *s, const Axis *ax, const Axis *ay)
{
    char x[32], y[32];
    for (int i = 0; i < s->n; i++) {
        if (!isfinite(s->y[i]))
            continue;
        report_number(s->x[i], x);
        report_number(s->y[i], y);
        fprintf(page, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"currentColor\"><title>%s: ",
                axis_at(ax, s->x[i]), axis_at(ay, s->y[i]), x);
        report_escaped(page, s->name);
        fprintf(page, " %s</title></circle>\n", y);
    }
}

/* Means over a fortieth of the points around each; NULL: out of memory. */
static double *running_mean(const ReportSeries *s)
{
    double *mean = malloc((size_t)s->n * sizeof *mean);
    int reach = s->n / 80;
    for (int i = 0; mean && i < s->n; i++) {
        double sum = 0;
        int n = 0, most = i < s->n - 1 - i ? i : s->n - 1 - i;
        int r = reach < most ? reach : most; /* symmetric, so that the ends are not drawn inwards */
        for (int k = i - r; k <= i + r; k++)
            if (isfinite(s->y[k])) {
                sum += s->y[k];
                n++;
            }
        mean[i] = n ? sum / n : NAN;
    }
    return mean;
}

static void draw_series(FILE *page, const ReportPlot *plot, int k, const Axis *ax, const Axis *ay)
{
    const ReportSeries *s = &plot->series[k];
    double *mean = plot->noisy && s->n > 2 * DOTS ? running_mean(s) : NULL;
    fprintf(page, "<g class=\"s%d\">", k % 8);
    if (mean) {
        draw_line(page, s, s->y, ax, ay, "stroke-width=\"1\" opacity=\"0.3\"");
        draw_line(page, s, mean, ax, ay, "stroke-width=\"2\"");
    } else
        draw_line(page, s, s->y, ax, ay,
                  k < 8 ? "stroke-width=\"2\"" : "stroke-width=\"2\" stroke-dasharray=\"5 3\"");
    if (s->n <= DOTS && plot->n <= 3)
        draw_dots(page, s, ax, ay);
    fputs("</g>\n", page);
    free(mean);
}

void report_svg(FILE *page, const ReportPlot *plot)
{
    Axis x = axis_x(plot), y = axis_y(plot);
    fprintf(page,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" "
            "aria-label=\"",
            WIDTH, HEIGHT);
    report_escaped(page, plot->title);
    fputs("\">\n", page);
    draw_axes(page, &x, &y, plot->x_label);
    for (int k = 0; k < plot->n; k++)
        draw_series(page, plot, k, &x, &y);
    fputs("</svg>\n", page);
}
