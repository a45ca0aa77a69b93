#include "config.h"

#include "apps/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "apps/app.h"

enum { BAR = 24 };

void progress_start(Progress *progress, const char *label, const char *unit, int64_t done,
                    int64_t total)
{
    double now = seconds();
    *progress = (Progress){.label = label,
                           .unit = unit,
                           .total = total,
                           .first = done,
                           .start = now,
                           .last = now,
                           .terminal = isatty(STDERR_FILENO)};
}

static void duration_text(double s, char text[static 32])
{
    int64_t t = s > 0 ? (int64_t)(s + .5) : 0;
    if (t >= 3600)
        snprintf(text, 32, "%" PRId64 "h%02dm", t / 3600, (int)(t / 60 % 60));
    else
        snprintf(text, 32, "%dm%02ds", (int)(t / 60), (int)(t % 60));
}

static void print(const Progress *p, int64_t done, const char *extra, double now)
{
    double elapsed = now - p->start;
    double rate = elapsed > 0 ? (double)(done - p->first) / elapsed : 0;
    char bar[BAR + 3] = "", spent[32], left[32] = "?";
    if (p->terminal) {
        int filled = p->total > 0 ? (int)(BAR * done / p->total) : 0;
        bar[0] = '[';
        for (int i = 0; i < BAR; i++)
            bar[1 + i] = i < filled ? '#' : '.';
        bar[BAR + 1] = ']';
    }
    duration_text(elapsed, spent);
    if (rate > 0)
        duration_text((double)(p->total - done) / rate, left);
    fprintf(stderr, "%s%s %s%s%" PRId64 "/%" PRId64 " %s, %.*f/s, %s, %s left%s%s%s",
            p->terminal ? "\r" : "", p->label, bar, p->terminal ? " " : "", done, p->total, p->unit,
            rate < 10 ? 2 : 0, rate, spent, left, extra ? ", " : "", extra ? extra : "",
            p->terminal ? "\033[K" : "\n");
    fflush(stderr);
}

void progress_update(Progress *progress, int64_t done, const char *extra)
{
    double now = seconds();
    if (now - progress->last < (progress->terminal ? .1 : 5))
        return;
    progress->last = now;
    print(progress, done, extra, now);
}

void progress_end(Progress *progress, int64_t done, const char *extra)
{
    print(progress, done, extra, seconds());
    if (progress->terminal)
        fputc('\n', stderr);
}
