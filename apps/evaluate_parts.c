/* How right parameters are that are known, component by component. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/evaluate.h"

enum { MAX_PARTS = 160, FIRST_ROOM = 256 };

/* Deviations from the schema's means, in truth and as found. */
typedef struct Part {
    char name[64];
    int64_t n, room;
    double *truth, *found, error;
} Part;

struct Parts {
    int n;
    Part part[MAX_PARTS];
};

Parts *parts_new(void)
{
    return need(1, sizeof(Parts));
}

void parts_free(Parts *p)
{
    for (int i = 0; i < p->n; i++) {
        free(p->part[i].truth);
        free(p->part[i].found);
    }
    free(p);
}

static Part *part_of(Parts *p, const char *name)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->part[i].name, name) == 0)
            return &p->part[i];
    if (p->n == MAX_PARTS)
        die("more than %d components in a schema", MAX_PARTS);
    snprintf(p->part[p->n].name, sizeof p->part[p->n].name, "%.63s", name);
    return &p->part[p->n++];
}

static void add_to(Part *p, double truth, double found)
{
    if (p->n == p->room) {
        p->room = p->room > 0 ? 2 * p->room : FIRST_ROOM;
        p->truth = realloc(p->truth, (size_t)p->room * sizeof *p->truth);
        p->found = realloc(p->found, (size_t)p->room * sizeof *p->found);
        if (!p->truth || !p->found)
            die("out of memory");
    }
    p->truth[p->n] = truth;
    p->found[p->n++] = found;
    p->error += fabs(truth - found);
}

void parts_add(Parts *parts, const Schema *schema, bool by_name, const float *truth,
               const float *found)
{
    for (int i = 0; i < schema->n_continuous; i++) {
        const Control *c = &schema->control[i];
        double x = (double)truth[i] - (double)c->mean, y = (double)found[i] - (double)c->mean;
        bool bone = c->kind == CONTROL_BONE;
        add_to(part_of(parts, "all"), x, y);
        add_to(part_of(parts, by_name && !bone ? c->name : c->component), x, y);
    }
}

json_t *parts_json(const Parts *parts)
{
    json_t *errors = json_object(), *correlations = json_object();

    for (int i = 0; i < parts->n; i++) {
        const Part *p = &parts->part[i];
        json_object_set_new(errors, p->name, json_real(p->error / (double)p->n));
        json_object_set_new(correlations, p->name,
                            json_real(correlation(p->truth, p->found, p->n)));
    }
    return json_pack("{so so}", "error", errors, "correlation", correlations);
}
