/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes: what they contain, and how it lies on disk. */
#include "unit/cm.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "node/volumes.h"

static cJSON *parse(const char *text)
{
    cJSON *j = NULL;
    struct err *err = NULL;
    if (json_parse(text, strlen(text), &j, &err))
        fail_msg("%s", err_text(err));
    return j;
}

struct world {
    cJSON *objects; /* "kind/name" -> object */
    struct arena *arena;
    char dir[64];
};

static const char *const kinds[] = {"configmap", "secret", "claim", "pv"};

static const cJSON *get(void *ctx, enum lookup_kind kind, const char *ns, const char *name)
{
    struct world *w = ctx;
    AUTO(mem_freep) char *key = mem_printf("%s/%s", kinds[kind], name);
    assert_true(kind == LOOKUP_PV ? ns == NULL : streq(ns, "ns"));
    return json_at(w->objects, key);
}

static int setup(void **state)
{
    struct world *w = mem_new(struct world);
    w->arena = arena_new(1 << 24);
    snprintf(w->dir, sizeof(w->dir), "/tmp/atoll-volumes-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->objects = parse(
        "{\"configmap/"
        "c\":{\"metadata\":{\"name\":\"c\"},\"data\":{\"a.conf\":\"one\",\"b\":\"two\"},"
        "\"binaryData\":{\"bin\":\"AAEC\"}},"
        "\"secret/s\":{\"metadata\":{\"name\":\"s\"},\"data\":{\"pw\":\"c2VjcmV0\"}},"
        "\"claim/data\":{\"spec\":{\"volumeName\":\"pv1\"},\"status\":{\"phase\":\"Bound\"}},"
        "\"claim/new\":{\"spec\":{},\"status\":{\"phase\":\"Pending\"}},"
        "\"claim/"
        "dying\":{\"metadata\":{\"deletionTimestamp\":\"x\"},\"spec\":{\"volumeName\":\"pv1\"},"
        "\"status\":{\"phase\":\"Bound\"}},"
        "\"pv/pv1\":{\"spec\":{\"local\":{\"path\":\"/tmp\"}}}}");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    cJSON_Delete(w->objects);
    arena_free(w->arena);
    assert_int_equal(file_tree_remove(w->dir, NULL), 0);
    mem_free(w);
    return 0;
}

static int plan(struct world *w, const char *volumes, struct volume **v, size_t *n,
                struct err **err)
{
    AUTO(mem_freep)
    char *text =
        mem_printf("{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\",\"labels\":{\"l\":\"1\"}},"
                   "\"spec\":{\"volumes\":%s}}",
                   volumes);
    AUTO(json_freep) cJSON *pod = parse(text);
    struct downward d = {pod, "127.1.1.1", "127.1.0.1", "node", 1000, 1};
    struct lookup l = {get, w};
    return volumes_plan(&d, &l, w->arena, v, n, err);
}

static void planned(struct world *w, const char *volumes, struct volume **v, size_t *n)
{
    AUTO(err_freep) struct err *err = NULL;
    if (plan(w, volumes, v, n, &err))
        fail_msg("%s", err_text(err));
}

static void written(struct world *w, const struct volume *v, size_t n)
{
    AUTO(err_freep) struct err *err = NULL;
    if (volumes_write(v, n, w->dir, &err))
        fail_msg("%s", err_text(err));
}

static void contains(struct world *w, const char *path, const char *want)
{
    AUTO(mem_freep) char *full = file_path(w->dir, path);
    AUTO(mem_freep) char *text = NULL;
    size_t len = 0;
    if (file_read(full, 65536, &text, &len, NULL))
        fail_msg("%s is not there", full);
    assert_string_equal(text, want);
}

static unsigned mode_of(struct world *w, const char *path)
{
    AUTO(mem_freep) char *full = file_path(w->dir, path);
    struct stat st;
    assert_int_equal(stat(full, &st), 0);
    return st.st_mode & 0777;
}

static void every_kind(void **state)
{
    struct world *w = *state;
    struct volume *v;
    size_t n;
    planned(w,
            "[{\"name\":\"e\",\"emptyDir\":{}},{\"name\":\"none\"},"
            "{\"name\":\"cm\",\"configMap\":{\"name\":\"c\",\"defaultMode\":420}},"
            "{\"name\":\"sec\",\"secret\":{\"secretName\":\"s\",\"defaultMode\":256}},"
            "{\"name\":\"dw\",\"downwardAPI\":{\"items\":[{\"path\":\"x/"
            "labels\",\"fieldRef\":{\"fieldPath\":"
            "\"metadata.labels\"}}]}},"
            "{\"name\":\"pr\",\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"c\",\"items\":"
            "[{\"key\":\"b\","
            "\"path\":\"deep/er/"
            "b\",\"mode\":384}]}},{\"secret\":{\"name\":\"s\"}},{\"secret\":{\"name\":\"no\","
            "\"optional\":true}}]}},"
            "{\"name\":\"data\",\"persistentVolumeClaim\":{\"claimName\":\"data\"}}]",
            &v, &n);
    assert_int_equal(n, 7);
    assert_string_equal(volume_path(&v[6], w->dir, w->arena), "/tmp");
    written(w, v, n);
    contains(w, "cm/a.conf", "one");
    contains(w, "cm/b", "two");
    assert_int_equal(v[2].n_files, 3);
    contains(w, "sec/pw", "secret");
    assert_int_equal(mode_of(w, "sec/pw"), 0400);
    assert_int_equal(mode_of(w, "e"), 0777);
    contains(w, "dw/x/labels", "l=\"1\"");
    contains(w, "pr/deep/er/b", "two");
    assert_int_equal(mode_of(w, "pr/deep/er/b"), 0600);
    contains(w, "pr/pw", "secret");
}

static size_t entries(struct world *w, const char *path)
{
    AUTO(mem_freep) char *full = file_path(w->dir, path);
    DIR *d = opendir(full);
    assert_non_null(d);
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));)
        n += !streq(e->d_name, ".") && !streq(e->d_name, "..");
    closedir(d);
    return n;
}

/* A changed ConfigMap: new content, removed keys vanish, an open directory of the old set still
 * reads. */
static void swapped(void **state)
{
    struct world *w = *state;
    static const char volumes[] = "[{\"name\":\"cm\",\"configMap\":{\"name\":\"c\"}}]";
    struct volume *v;
    size_t n;
    planned(w, volumes, &v, &n);
    written(w, v, n);
    assert_int_equal(entries(w, "cm"), 5); /* three links, ..data, the set */
    uint64_t before = v[0].hash;
    planned(w, volumes, &v, &n);
    assert_true(v[0].hash == before);
    json_put_str(w->objects, "ONE", "configmap/c", "data", "a.conf");
    json_del(w->objects, "configmap/c", "data", "b");
    json_put_str(w->objects, "three", "configmap/c", "data", "c");
    planned(w, volumes, &v, &n);
    assert_true(v[0].hash != before);
    written(w, v, n);
    contains(w, "cm/a.conf", "ONE");
    contains(w, "cm/c", "three");
    assert_int_equal(entries(w, "cm"), 5);
    written(w, v, n);
    assert_int_equal(entries(w, "cm"), 5);
}

static void refusals(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *volumes;
        int code;
        const char *text;
    } rows[] = {
        {"[{\"name\":\"h\",\"hostPath\":{\"path\":\"/\"}}]", -ENOTSUP,
         "volume h: hostPath is not offered by this node: use emptyDir or a persistentVolumeClaim"},
        {"[{\"name\":\"x\",\"configMap\":{\"name\":\"no\"}}]", -EAGAIN,
         "volume x: configmap \"no\" not found"},
        {"[{\"name\":\"x\",\"secret\":{\"secretName\":\"no\"}}]", -EAGAIN,
         "volume x: secret \"no\" not found"},
        {"[{\"name\":\"x\",\"configMap\":{\"name\":\"c\",\"items\":[{\"key\":\"q\",\"path\":\"q\"}]"
         "}}]",
         -EAGAIN, "has no key \"q\""},
        {"[{\"name\":\"x\",\"configMap\":{\"name\":\"c\",\"items\":[{\"key\":\"b\",\"path\":\"../"
         "b\"}]}}]",
         -EINVAL, "\"../b\""},
        {"[{\"name\":\"x\",\"configMap\":{\"name\":\"c\",\"items\":[{\"key\":\"b\",\"path\":\"a/../"
         "../b\"}]}}]",
         -EINVAL, "a/../../b"},
        {"[{\"name\":\"x\",\"persistentVolumeClaim\":{\"claimName\":\"new\"}}]", -EAGAIN,
         "not bound"},
        {"[{\"name\":\"x\",\"persistentVolumeClaim\":{\"claimName\":\"dying\"}}]", -EAGAIN,
         "being deleted"},
        {"[{\"name\":\"x\",\"persistentVolumeClaim\":{\"claimName\":\"no\"}}]", -EAGAIN,
         "not found"},
        {"[{\"name\":\"x\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{\"path\":\"t\"}}]}"
         "}]",
         -ENOTSUP, "serviceAccountToken"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(err_freep) struct err *err = NULL;
        struct volume *v = NULL;
        size_t n = 0;
        assert_int_equal(plan(w, rows[i].volumes, &v, &n, &err), rows[i].code);
        if (!strstr(err_text(err), rows[i].text))
            fail_msg("want \"%s\" in \"%s\"", rows[i].text, err_text(err));
    }
}

static void note(void *ctx, enum lookup_kind kind, const char *name)
{
    buf_addf(ctx, "%s/%s ", kinds[kind], name);
}

static void references(void **state)
{
    (void)state;
    AUTO(json_freep)
    cJSON *pod = parse(
        "{\"spec\":{\"volumes\":[{\"configMap\":{\"name\":\"a\"}},{\"secret\":{\"secretName\":"
        "\"b\"}},"
        "{\"persistentVolumeClaim\":{\"claimName\":\"c\"}},{\"projected\":{\"sources\":[{"
        "\"secret\":"
        "{\"name\":\"d\"}}]}}],\"initContainers\":[{\"envFrom\":[{\"secretRef\":{\"name\":\"e\"}}]}"
        "],"
        "\"containers\":[{\"env\":[{\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"f\"}}}]}]}}");
    AUTO(buf_done) struct buf seen = BUF_INIT(4096);
    volumes_each_reference(pod, note, &seen);
    assert_string_equal(buf_str(&seen),
                        "configmap/a secret/b claim/c secret/d secret/e configmap/f ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(swapped, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
        cmocka_unit_test(references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
