/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden tests of the pure family: golden/NAME/in.json is a view, golden/NAME/out.txt is everything
 * validate, render and advise say about it. UPDATE=1 rewrites; the diff is then reviewed by a
 * person. Each case is also asked twice and must answer the same.
 */
#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "redis.h"
#include "viewload.h"

/* ---- a host that only has a configuration
 * ---------------------------------------------------------------- */

static int32_t no_int(void *impl, const char *name, int64_t *ret)
{
    (void)impl;
    (void)name;
    (void)ret;
    return ATOLL_ERR_UNKNOWN; /* the plugin's own defaults */
}
static const struct atoll_conf_api conf = {.size = sizeof(conf), .get_int = no_int};
static const struct atoll_host host = {.size = sizeof(host), .conf = &conf};

/* ---- writing down what was said
 * ---------------------------------------------------------------------------- */

struct page {
    char text[65536];
    size_t len;
};

static void put(struct page *p, const char *fmt, ...) ATOLL_FORMAT(2, 3);
static void put(struct page *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(p->text + p->len, sizeof(p->text) - p->len, fmt, ap);
    va_end(ap);
    assert_true(n >= 0 && (size_t)n < sizeof(p->text) - p->len);
    p->len += (size_t)n;
}

static void on_wire(void *impl, uint32_t stage, const struct atoll_wire *w)
{
    struct page *p = impl;
    put(p, "wire %u %s %.*s", stage, w->verb, STR_FMT(w->target));
    if (w->peer.len)
        put(p, " -> %.*s", STR_FMT(w->peer));
    put(p, "  # %.*s\n    key=%.*s\n   ", STR_FMT(w->reason), STR_FMT(w->key));
    for (uint32_t i = 0; i < w->n_args; i++)
        put(p, " %.*s=%.*s", STR_FMT(w->args[i].key), STR_FMT(w->args[i].value));
    put(p, "\n");
}
static void on_update(void *impl, uint32_t position, struct atoll_str in)
{
    put(impl, "update %u %.*s\n", position, STR_FMT(in));
}
static void on_switchover(void *impl, struct atoll_str in, struct atoll_str to,
                          struct atoll_str reason)
{
    put(impl, "switchover-before %.*s -> %.*s  # %.*s\n", STR_FMT(in), STR_FMT(to),
        STR_FMT(reason));
}
static void on_victim(void *impl, uint32_t position, struct atoll_str in, struct atoll_str reason)
{
    put(impl, "victim %u %.*s  # %.*s\n", position, STR_FMT(in), STR_FMT(reason));
}
static void on_endpoint(void *impl, const char *role, struct atoll_str in)
{
    put(impl, "endpoint %s %.*s\n", role, STR_FMT(in));
}
static void on_refuse(void *impl, struct atoll_str subject, const char *reason,
                      struct atoll_str message)
{
    put(impl, "refuse %s (%.*s): %.*s\n", reason, STR_FMT(subject), STR_FMT(message));
}
static void on_error(void *impl, const char *field, struct atoll_str message)
{
    put(impl, "error %s: %.*s\n", field, STR_FMT(message));
}
static void on_warning(void *impl, const char *field, struct atoll_str message)
{
    put(impl, "warning %s: %.*s\n", field, STR_FMT(message));
}
static void on_file(void *impl, const char *volume, const char *name, uint32_t mode,
                    struct atoll_str content)
{
    put(impl, "file %s/%s %04o\n%.*s", volume, name, mode, STR_FMT(content));
}

static void say_all(struct page *p, void *self, const struct atoll_view *v, bool with_files)
{
    const struct atoll_advice advice = {sizeof(advice), 0,         p,           on_wire,  on_update,
                                        on_switchover,  on_victim, on_endpoint, on_refuse};
    const struct atoll_diag diag = {sizeof(diag), 0, p, on_error, on_warning};
    const struct atoll_files files = {.size = sizeof(files), .impl = p, .file = on_file};
    static const struct atoll_instance late = {.size = sizeof(late)};
    validate(self, v, &diag);
    advise(self, v, &advice);
    if (with_files)
        render(self, v, &late, &files);
}

/* ---- cases
 * --------------------------------------------------------------------------------------------------
 */

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    char *text = calloc(1, 1 << 20);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    assert_int_equal(ferror(f), 0);
    fclose(f);
    text[n] = '\0';
    return text;
}

static void run_case(const char *name)
{
    char in[PATH_MAX], out[PATH_MAX];
    struct page *first = calloc(1, sizeof(*first)), *second = calloc(1, sizeof(*second));
    snprintf(in, sizeof(in), "%s/golden/%s/in.json", REDIS_TESTS, name);
    snprintf(out, sizeof(out), "%s/golden/%s/out.txt", REDIS_TESTS, name);
    char *text = read_all(in);
    if (!text)
        fail_msg("%s cannot be read", in);
    cJSON *json = cJSON_Parse(text);
    if (!json)
        fail_msg("%s is no JSON near: %.40s", in, cJSON_GetErrorPtr());
    AUTO_POOL(pool, 1 << 20);
    void *self;
    assert_int_equal(atoll_plugin_entry()->create(&host, &self), ATOLL_OK);
    const struct atoll_view *v = view_load(pool, json);
    bool with_files = !strncmp(name, "render", 6);
    say_all(first, self, v, with_files);
    say_all(second, self, v, with_files);
    assert_string_equal(first->text, second->text);
    if (getenv("UPDATE")) {
        FILE *f = fopen(out, "we");
        assert_non_null(f);
        fputs(first->text, f);
        assert_int_equal(fclose(f), 0);
    }
    char *want = read_all(out);
    if (!want || !text_eq(want, first->text))
        fail_msg("case %s says:\n%s\nbut %s says:\n%s", name, first->text, out,
                 want ? want : "(nothing)");
    atoll_plugin_entry()->destroy(self);
    cJSON_Delete(json);
    free(want);
    free(text);
    free(first);
    free(second);
}

static void test_one(void **state)
{
    run_case(*state);
}

int main(void)
{
    struct CMUnitTest tests[128];
    static char names[128][64];
    struct dirent **list;
    size_t n_tests = 0;
    int n = scandir(REDIS_TESTS "/golden", &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.' && n_tests < ARRAY_LEN(tests)) {
            snprintf(names[n_tests], sizeof(names[0]), "%.60s", list[i]->d_name);
            tests[n_tests] =
                (struct CMUnitTest){names[n_tests], test_one, NULL, NULL, names[n_tests]};
            n_tests++;
        }
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    if (n_tests < 5) {
        fprintf(stderr, "only %zu cases under %s/golden\n", n_tests, REDIS_TESTS);
        return 1;
    }
    return _cmocka_run_group_tests("golden", tests, n_tests, NULL, NULL);
}
