/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox as a command line, its refusals, and one run of the real bubblewrap. */
#include "unit/cm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "node/program.h"
#include "node/sandbox.h"

struct world {
    struct arena *arena;
    struct sandbox_host host;
    struct environment env;
    cJSON *pod, *container;
    struct volume volumes[2];
    char dir[64];
    const char *command[3];
};

static int setup(void **state)
{
    struct world *w = mem_new(struct world);
    static const char *env[] = {"NAME=sub", "PATH=/usr/bin:/opt/bin", NULL};
    w->arena = arena_new(1 << 22);
    sandbox_host_look(&w->host);
    w->env = (struct environment){env, 2};
    snprintf(w->dir, sizeof(w->dir), "/tmp/atoll-sandbox-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->pod = cJSON_Parse("{\"metadata\":{\"name\":\"p-0\"},\"spec\":{}}");
    w->volumes[0] = (struct volume){.name = "data", .kind = VOLUME_EMPTY};
    w->volumes[1] = (struct volume){.name = "conf", .kind = VOLUME_FILES};
    w->command[0] = "/bin/sh";
    for (size_t i = 0; i < 2; i++) {
        AUTO(mem_freep) char *path = file_path(w->dir, w->volumes[i].name);
        assert_int_equal(mkdir(path, 0777), 0);
    }
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    cJSON_Delete(w->pod);
    cJSON_Delete(w->container);
    sandbox_host_done(&w->host);
    arena_free(w->arena);
    assert_int_equal(file_tree_remove(w->dir, NULL), 0);
    mem_free(w);
    return 0;
}

static int make(struct world *w, const char *container, const char ***argv, struct err **err)
{
    cJSON_Delete(w->container);
    w->container = cJSON_Parse(container);
    assert_non_null(w->container);
    struct sandbox s = {.host = &w->host,
                        .bwrap = "/usr/bin/bwrap",
                        .pod = w->pod,
                        .container = w->container,
                        .env = &w->env,
                        .volumes = w->volumes,
                        .n_volumes = 2,
                        .volumes_dir = w->dir,
                        .tmp_dir = w->dir,
                        .hosts_dir = w->dir,
                        .command = (const char *const *)w->command};
    return sandbox_argv(&s, w->arena, argv, err);
}

/* All words, blank-separated. */
static const char *line(struct world *w, const char **argv)
{
    AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
    for (; *argv; argv++)
        buf_addf(&b, "%s ", *argv);
    return arena_strdup(w->arena, buf_str(&b));
}

static void has(const char *text, const char *want)
{
    if (!strstr(text, want))
        fail_msg("want \"%s\" in \"%s\"", want, text);
}

static void mounts_in_order(void **state)
{
    struct world *w = *state;
    const char **argv = NULL;
    assert_int_equal(
        make(w,
             "{\"name\":\"m\",\"workingDir\":\"/"
             "place\",\"volumeMounts\":[{\"name\":\"conf\",\"mountPath\":"
             "\"/data/conf\"},{\"name\":\"data\",\"mountPath\":\"/"
             "data\"},{\"name\":\"data\",\"mountPath\":"
             "\"/ro\",\"readOnly\":true},{\"name\":\"data\",\"mountPath\":\"/s\",\"subPathExpr\":"
             "\"of-$(NAME)\"}]}",
             &argv, NULL),
        0);
    const char *text = line(w, argv), *d = w->dir;
    has(text, arena_printf(
                  w->arena,
                  "--bind %s/data /data --ro-bind %s/conf /data/conf --ro-bind %s/data /ro --bind "
                  "%s/data/of-sub /s --dir /place --chdir /place -- /bin/sh ",
                  d, d, d, d));
    has(text,
        "--unshare-pid --unshare-uts --unshare-ipc --die-with-parent --as-pid-1 --cap-drop ALL ");
    has(text, "--hostname p-0 ");
    AUTO(mem_freep) char *made = mem_printf("%s/data/of-sub", d);
    assert_true(file_exists(made)); /* a missing subPath is made, as a kubelet does */
}

static void refusals(void **state)
{
    struct world *w = *state;
    static const char *const rows[][2] = {
        {"{\"name\":\"m\",\"volumeMounts\":[{\"name\":\"no\",\"mountPath\":\"/x\"}]}",
         "no volume \"no\""},
        {"{\"name\":\"m\",\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"/x/../etc\"}]}",
         "/x/../etc"},
        {"{\"name\":\"m\",\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"/"
         "x\",\"subPath\":\"../y\"}]}",
         "../y"},
        {"{\"name\":\"m\",\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"/x\",\"subPath\":\"/"
         "etc\"}]}",
         "/etc"},
        {"{\"name\":\"m\",\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"/"
         "x\",\"subPath\":\"out\"}]}",
         "leads out of the volume"},
        {"{\"name\":\"m\",\"volumeMounts\":[{\"name\":\"conf\",\"mountPath\":\"/"
         "x\",\"subPath\":\"none\"}]}",
         "No such file"},
    };
    AUTO(mem_freep) char *link = mem_printf("%s/data/out", w->dir);
    assert_int_equal(symlink("/etc", link), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(err_freep) struct err *err = NULL;
        const char **argv = NULL;
        assert_true(make(w, rows[i][0], &argv, &err) < 0);
        has(err_text(err), rows[i][1]);
        has(err_text(err), "container m: ");
    }
}

static void what_is_shown(void **state)
{
    (void)state;
    AUTO(json_freep)
    cJSON *c = cJSON_Parse("{\"volumeMounts\":[{\"name\":\"x\",\"mountPath\":\"/usr/"
                           "local\"},{\"mountPath\":\"/d/\"}]}");
    assert_true(sandbox_shows_host(c, "/usr/bin/x"));
    assert_true(sandbox_shows_host(c, "/usr"));
    assert_false(sandbox_shows_host(c, "/usrx/bin"));
    assert_false(sandbox_shows_host(c, "/usr/local/bin/x"));
    assert_false(sandbox_shows_host(c, "/opt/x"));
    assert_true(sandbox_mounted(c, "/d/e"));
    assert_false(sandbox_mounted(c, "/de"));
}

static void programs(void **state)
{
    struct world *w = *state;
    AUTO(json_freep)
    cJSON *c = cJSON_Parse("{\"name\":\"m\",\"volumeMounts\":[{\"mountPath\":\"/tools\"}]}");
    AUTO(err_freep) struct err *err = NULL;
    const char *path = "unset";
    assert_int_equal(program_find(c, "sh", "/nowhere:/usr/bin", NULL, w->arena, &path, NULL), 0);
    assert_string_equal(path, "/usr/bin/sh");
    assert_int_equal(program_find(c, "/usr/bin/env", "", NULL, w->arena, &path, NULL), 0);
    assert_string_equal(path, "/usr/bin/env");
    assert_int_equal(program_find(c, "/tools/x", "", NULL, w->arena, &path, NULL), 0);
    assert_null(path);
    assert_int_equal(program_find(c, "x", "/usr/bin:/tools", NULL, w->arena, &path, NULL), 0);
    assert_null(path);
    assert_int_equal(program_find(c, "mysqld-9", "/usr/bin:/opt", NULL, w->arena, &path, &err),
                     -ENOENT);
    assert_string_equal(
        err_text(err),
        "container m: program mysqld-9 is not installed on this machine (Debian: apt "
        "install mysqld-9)");
    assert_string_equal(err_reason(err), "ErrImageNeverPull");
    assert_string_equal(program_package("/usr/sbin/mariadbd", NULL), "mariadb-server");
}

static void versions(void **state)
{
    struct world *w = *state;
    static const char *const rows[][2] = {
        {"Server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "7.0.15"},
        {"This is proxy-0.5.0\n", "0.5.0"},
        {"mariadbd  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu",
         "10.11.6-MariaDB-0+deb12u1"},
        {"HAProxy version 2.6.12-1+deb12u4 2026/10/17", "2.6.12-1+deb12u4"},
        {"unknown option 5", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(program_version_of(rows[i][0], w->arena), rows[i][1]);
}

static void on_known(void *arg)
{
    *(bool *)arg = true;
}

/* Asked for real: the identity first, the version when it came. */
static void asked(void **state)
{
    struct world *w = *state;
    AUTO(mem_freep) char *bwrap = file_program("bwrap");
    if (!bwrap) {
        print_message("SKIPPED: bubblewrap is not installed\n");
        return;
    }
    bool known = false;
    struct loop *l = NULL;
    assert_int_equal(loop_new(&l, NULL), 0);
    struct programs *p = programs_new(l, &w->host, bwrap, on_known, &known);
    assert_string_equal(programs_identity(p, "/usr/bin/env"), "/usr/bin/env");
    assert_int_equal(loop_run_until(l, &known, 20000), 0);
    has(programs_identity(p, "/usr/bin/env"), "/usr/bin/env@");
    assert_string_equal(programs_identity(p, "/usr/bin/nothing-there"), "/usr/bin/nothing-there");
    programs_free(p);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mounts_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
        cmocka_unit_test(what_is_shown),
        cmocka_unit_test_setup_teardown(programs, setup, teardown),
        cmocka_unit_test_setup_teardown(versions, setup, teardown),
        cmocka_unit_test_setup_teardown(asked, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
