/* SPDX-License-Identifier: Apache-2.0 */
/* The status document as a table of clusters and as a tree of instances. Colours carry no meaning
 * alone. */
#include <string.h>

#include "cli/status_view.h"

/* ---- table
 * ------------------------------------------------------------------------------------------ */

#define COLUMNS 7
static const char *const heads[COLUMNS] = {"MEMBER", "NAMESPACE", "CLUSTER", "TOPOLOGY",
                                           "PHASE",  "READY",     "AGE"};

struct row {
    const char *cells[COLUMNS];
};

static void rows_print(const struct row *rows, size_t n, struct buf *out)
{
    size_t width[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++) {
        width[c] = strlen(heads[c]);
        for (size_t r = 0; r < n; r++)
            if (strlen(rows[r].cells[c]) > width[c])
                width[c] = strlen(rows[r].cells[c]);
    }
    for (size_t r = 0; r <= n; r++) {
        const char *const *cells = r ? rows[r - 1].cells : heads;
        for (size_t c = 0; c < COLUMNS; c++)
            buf_addf(out, c + 1 < COLUMNS ? "%-*s   " : "%.*s",
                     (int)(c + 1 < COLUMNS ? width[c] : strlen(cells[c])), cells[c]);
        buf_addc(out, '\n');
    }
}

static const char *text_or_dash(const cJSON *o, const char *key)
{
    const char *s = json_str(o, key);
    return s && *s ? s : "-";
}

static struct row cluster_row(struct arena *a, const char *member, const cJSON *c)
{
    const char *definition = json_str(c, "definition"), *topology = json_str(c, "topology");
    return (struct row){
        {member, text_or_dash(c, "namespace"), text_or_dash(c, "name"),
         definition && *definition
             ? arena_printf(a, "%s/%s", definition, topology && *topology ? topology : "default")
             : "-",
         text_or_dash(c, "phase"),
         arena_printf(a, "%lld/%lld", (long long)json_int(0, c, "ready"),
                      (long long)json_int(0, c, "replicas")),
         text_or_dash(c, "age")}};
}

void status_print_table(const cJSON *document, struct buf *out)
{
    AUTO(arena_freep) struct arena *a = arena_new(64 << 20);
    size_t n = 0;
    json_foreach (m, json_at(document, "members"))
        n += (size_t)cJSON_GetArraySize(json_at(m, "clusters"));
    struct row *rows = arena_array(a, struct row, n + 1);
    n = 0;
    json_foreach (m, json_at(document, "members")) {
        json_foreach (c, json_at(m, "clusters"))
            rows[n++] = cluster_row(a, text_or_dash(m, "name"), c);
    }
    if (n)
        rows_print(rows, n, out);
    else
        buf_adds(out,
                 "no clusters yet; try: kubectl apply -f a Cluster manifest (docs/examples/)\n");
}

/* ---- tree
 * ------------------------------------------------------------------------------------------- */

enum colour { PLAIN, GOOD, BUSY, BAD, DIM, STRONG };
static const char *const codes[] = {[PLAIN] = "",       [GOOD] = "\033[32m", [BUSY] = "\033[33m",
                                    [BAD] = "\033[31m", [DIM] = "\033[2m",   [STRONG] = "\033[1m"};

struct pen {
    struct buf *out;
    bool colour;
};

static void draw(const struct pen *p, enum colour c, const char *text)
{
    if (p->colour && c != PLAIN)
        buf_addf(p->out, "%s%s\033[0m", codes[c], text);
    else
        buf_adds(p->out, text);
}

static enum colour phase_colour(const char *phase)
{
    static const struct {
        const char *phase;
        enum colour colour;
    } table[] = {
        {"Running", GOOD}, {"Ready", GOOD},           {"Succeeded", GOOD},        {"Failed", BAD},
        {"Abnormal", BAD}, {"CrashLoopBackOff", BAD}, {"ErrImageNeverPull", BAD}, {"NotReady", BAD},
        {"Unknown", BAD}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (streq(table[i].phase, phase))
            return table[i].colour;
    return BUSY;
}

static void instance_draw(const struct pen *p, const cJSON *i, const char *indent, bool last)
{
    AUTO(mem_freep)
    char *name = mem_printf("%-24s ", text_or_dash(i, "name"));
    AUTO(mem_freep)
    char *role = mem_printf("%-10s ", text_or_dash(i, "role"));
    AUTO(mem_freep)
    char *rest = mem_printf("  %-15s %s%s", text_or_dash(i, "address"), text_or_dash(i, "age"), "");
    const char *phase = json_bool(false, i, "ready") ? "Ready" : text_or_dash(i, "phase");
    const char *shown = streq(phase, "Running") ? "NotReady" : phase;
    AUTO(mem_freep) char *state = mem_printf("%-9s", shown);
    int64_t restarts = json_int(0, i, "restarts");
    draw(p, DIM, indent);
    draw(p, DIM, last ? "└─ " : "├─ ");
    draw(p, PLAIN, name);
    draw(p, STRONG, role);
    draw(p, phase_colour(shown), state);
    draw(p, DIM, rest);
    if (restarts)
        buf_addf(p->out, "  restarts %lld", (long long)restarts);
    buf_addc(p->out, '\n');
}

static void component_draw(const struct pen *p, const cJSON *c, const char *indent, bool last)
{
    AUTO(mem_freep) char *below = mem_printf("%s%s", indent, last ? "   " : "│  ");
    draw(p, DIM, indent);
    draw(p, DIM, last ? "└─ " : "├─ ");
    buf_addf(p->out, "%s %lld/%lld ", text_or_dash(c, "name"), (long long)json_int(0, c, "ready"),
             (long long)json_int(0, c, "replicas"));
    draw(p, phase_colour(json_str(c, "phase")), text_or_dash(c, "phase"));
    if (json_str(c, "message"))
        buf_addf(p->out, "  %s", json_str(c, "message"));
    buf_addc(p->out, '\n');
    json_foreach (i, json_at(c, "instances"))
        instance_draw(p, i, below, !i->next);
}

static void cluster_draw(const struct pen *p, const cJSON *c, bool last)
{
    draw(p, DIM, last ? "└─ " : "├─ ");
    AUTO(mem_freep)
    char *title = mem_printf("%s/%s ", text_or_dash(c, "namespace"), text_or_dash(c, "name"));
    draw(p, STRONG, title);
    draw(p, phase_colour(json_str(c, "phase")), text_or_dash(c, "phase"));
    if (json_str(c, "message"))
        buf_addf(p->out, "  %s", json_str(c, "message"));
    buf_addc(p->out, '\n');
    json_foreach (k, json_at(c, "components"))
        component_draw(p, k, last ? "   " : "│  ", !k->next);
}

void status_print_tree(const cJSON *document, bool colour, struct buf *out)
{
    struct pen p = {out, colour};
    json_foreach (m, json_at(document, "members")) {
        draw(&p, STRONG, text_or_dash(m, "name"));
        buf_addf(out, "  %s  ", text_or_dash(m, "server"));
        if (json_bool(false, m, "reachable")) {
            buf_adds(out, "node ");
            draw(&p, phase_colour(json_str(m, "node")), text_or_dash(m, "node"));
        } else {
            draw(&p, BAD, "not reachable");
            buf_addf(out, ": %s", text_or_dash(m, "message"));
        }
        buf_addc(out, '\n');
        json_foreach (c, json_at(m, "clusters"))
            cluster_draw(&p, c, !c->next);
    }
}
