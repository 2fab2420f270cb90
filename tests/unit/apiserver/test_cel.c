/* SPDX-License-Identifier: Apache-2.0 */
/* CEL: what expressions give, what the compiler refuses, and that neither time nor memory can run
 * away. */
#include "apiserver/cel.h"

#include "unit/apiserver/leaf.h"

/* self: {n: int, x: double, s: string, b: bool, opt: string, when: date-time, any: dyn, list:
 * [int], names: [string], map: {string: int}, objs: [{name, v}], set: [string] as a set, keyed:
 * [{name, v}] as a map} */
static const struct cel_type list_int = {.kind = CEL_LIST, .elem = &cel_int};
static const struct cel_type list_string = {.kind = CEL_LIST, .elem = &cel_string};
static const struct cel_type set_string = {.kind = CEL_LIST, .elem = &cel_string, .is_set = true};
static const struct cel_type map_int = {.kind = CEL_MAP, .elem = &cel_int};
static const struct cel_field obj_fields[] = {{"name", &cel_string}, {"v", &cel_int}};
static const struct cel_type obj = {.kind = CEL_OBJECT, .fields = obj_fields, .n_fields = 2};
static const struct cel_type list_obj = {.kind = CEL_LIST, .elem = &obj};
static struct cel_type keyed = {.kind = CEL_LIST, .elem = &obj};
static const struct cel_field self_fields[] = {
    {"a-b", &cel_int},        {"any", &cel_dyn},          {"b", &cel_bool},
    {"bytes", &cel_bytes},    {"d", &cel_duration},       {"keyed", &keyed},
    {"list", &list_int},      {"map", &map_int},          {"n", &cel_int},
    {"names", &list_string},  {"namespace", &cel_string}, {"objs", &list_obj},
    {"opt", &cel_string},     {"s", &cel_string},         {"set", &set_string},
    {"when", &cel_timestamp}, {"x", &cel_double}};
static const struct cel_type self_type = {
    .kind = CEL_OBJECT, .fields = self_fields, .n_fields = ARRAY_LEN(self_fields)};

static const char self_text[] =
    "{'n': 5, 'x': 2, 's': 'h\xc3\xa9llo', 'b': true, 'a-b': 7, 'when': '2024-05-01T00:00:00Z',"
    " 'd': '90m', 'namespace': 'ns', 'any': {'k': [1, 'two', 3.5], 'null': null},"
    " 'list': [3, 1, 2], 'names': ['a', 'b'], 'map': {'one': 1, 'two': 2},"
    " 'objs': [{'name': 'p', 'v': 1}, {'name': 'q', 'v': 2}], 'set': ['x', 'y'],"
    " 'keyed': [{'name': 'p', 'v': 1}, {'name': 'q', 'v': 2}]}";
static const char old_text[] =
    "{'n': 4, 's': 'old', 'set': ['y', 'x'],"
    " 'keyed': [{'name': 'q', 'v': 2}, {'name': 'p', 'v': 1}], 'list': [1, 3, 2]}";

struct world {
    struct arena *arena;
    cJSON *self, *old;
};

static int setup(void **state)
{
    struct world *w = mem_new(struct world);
    keyed.map_keys = js("['name']");
    w->arena = arena_new(64 << 20);
    w->self = js(self_text);
    w->old = js(old_text);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    cJSON_Delete((cJSON *)(uintptr_t)keyed.map_keys);
    cJSON_Delete(w->self);
    cJSON_Delete(w->old);
    arena_free(w->arena);
    mem_free(w);
    return 0;
}

static int compile(struct world *w, const char *text, enum cel_kind wanted, struct cel **ret,
                   struct err **err)
{
    struct cel_var vars[] = {{"self", &self_type}, {"oldSelf", &self_type}};
    return cel_compile(w->arena, text, vars, 2, wanted, ret, err);
}

static const char *const truths[] = {
    "true",
    "!false",
    "self.b",
    "self.n == 5",
    "self.n != 4",
    "1 + 2 * 3 == 7",
    "(1 + 2) * 3 == 9",
    "7 / 2 == 3",
    "-7 / 2 == -3",
    "7 % 4 == 3",
    "-self.n == -5",
    "2.5 * 2.0 == 5.0",
    "self.x == 2.0",
    "self.x < 2.5 && self.x >= 2.0",
    "1 < 1.5",
    "2 == 2.0",
    "10 > 9",
    "'b' > 'a'",
    "'a' + 'b' == 'ab'",
    "[1, 2] + [3] == [1, 2, 3]",
    "self.n > 3 ? true : false",
    "self.n > 9 ? false : self.b",
    "false || true",
    "!(true && false)",
    /* errors lose against a side that decides */
    "self.list[9] == 1 || true",
    "true || self.list[9] == 1",
    "!(self.list[9] == 1 && false)",
    "1 / 0 == 1 || self.b",
    /* has() */
    "has(self.s)",
    "!has(self.opt)",
    "!has(self.opt) || self.opt == 'x'",
    "has(self.any.k)",
    "!has(self.any.nope)",
    "has(self.map.one) && !has(self.map.three)",
    /* strings; length counts characters, not bytes */
    "size(self.s) == 5",
    "self.s.size() == 5",
    "self.s.contains('llo')",
    "self.s.startsWith('h')",
    "!self.s.endsWith('x')",
    "self.s.matches('^h.llo$')",
    "matches('abc', 'b')",
    "'A' + 'b'.upperAscii() == 'AB'",
    "'AbC'.lowerAscii() == 'abc'",
    "' x '.trim() == 'x'",
    "'a,b,c'.split(',') == ['a', 'b', 'c']",
    "'a,b,c'.split(',', 2) == ['a', 'b,c']",
    "'abc'.split('') == ['a', 'b', 'c']",
    "['a', 'b'].join('-') == 'a-b'",
    "self.names.join() == 'ab'",
    "'banana'.replace('an', 'x') == 'bxxa'",
    "'banana'.replace('an', 'x', 1) == 'bxana'",
    "self.s.substring(1, 3) == '\xc3\xa9l'",
    "self.s.charAt(1) == '\xc3\xa9'",
    "self.s.indexOf('l') == 2",
    "self.s.lastIndexOf('l') == 3",
    "self.s.indexOf('z') == -1",
    "'%s has %d (%.1f)'.format(['x', 3, 2.5]) == 'x has 3 (2.5)'",
    "r'\\d' == '\\\\d'",
    "'\\u00e9' == '\xc3\xa9'",
    "\"quote's\" == 'quote\\'s'",
    "'''a\nb''' == 'a\\nb'",
    /* lists and maps */
    "size(self.list) == 3",
    "self.list[0] == 3",
    "2 in self.list",
    "!(9 in self.list)",
    "'one' in self.map",
    "self.map['two'] == 2",
    "self.map.one == 1",
    "size(self.map) == 2",
    "{'a': 1}['a'] == 1",
    "{'one': 1, 'two': 2} == self.map",
    "[] == []",
    "self.list.isSorted() == false",
    "self.list.sum() == 6",
    "self.list.min() == 1 && self.list.max() == 3",
    "self.names.indexOf('b') == 1",
    /* macros */
    "self.list.all(i, i > 0)",
    "self.list.exists(i, i == 2)",
    "self.list.exists_one(i, i > 2)",
    "self.list.map(i, i * 2) == [6, 2, 4]",
    "self.list.map(i, i > 1, i * 2) == [6, 4]",
    "self.list.filter(i, i > 1) == [3, 2]",
    "self.map.all(k, self.map[k] > 0)",
    "self.map.exists(k, k == 'two')",
    "self.objs.all(o, self.objs.filter(p, p.name == o.name).size() == 1)",
    "self.objs.map(o, o.v).sum() == 3",
    "[].all(i, i > 0)",
    "![].exists(i, i == 1)",
    "[1, 2].all(i, [3, 4].exists(j, j > i))",
    /* an element that fails does not hide one that decides */
    "[0, 1].exists(i, 1 / i == 1)",
    "![0, 2].all(i, 1 / i == 1)",
    /* dyn */
    "self.any.k[0] == 1",
    "self.any.k[1] == 'two'",
    "self.any.k[2] == 3.5",
    "self.any['null'] == null",
    "dyn(1) == 1",
    "dyn('a') != 1",
    /* conversions */
    "int('42') == 42",
    "int(2.9) == 2",
    "double('1.5') == 1.5",
    "string(12) == '12'",
    "string(true) == 'true'",
    "bool('true')",
    "uint(3) == 3u",
    "isIP('10.0.0.1') && isIP('::1') && !isIP('10.0.0')",
    "isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.1')",
    "isQuantity('1.5Gi') && !isQuantity('much')",
    /* times */
    "self.when > timestamp('2024-01-01T00:00:00Z')",
    "self.when == timestamp('2024-05-01T02:00:00+02:00')",
    "self.d == duration('1h30m')",
    "self.d < duration('2h')",
    /* names that are no identifiers */
    "self.a__dash__b == 7",
    "self.__namespace__ == 'ns'",
    /* oldSelf */
    "self.n > oldSelf.n",
    "!has(oldSelf.opt)",
    "self.set == oldSelf.set",
    "self.keyed == oldSelf.keyed",
    "self.list != oldSelf.list",
    "self.s != oldSelf.s",
    /* comments and blanks */
    "self.n // the number\n == 5",
};

static void test_truths(void **state)
{
    struct world *w = *state;
    const cJSON *values[] = {w->self, w->old};
    for (size_t i = 0; i < ARRAY_LEN(truths); i++) {
        struct err *err AUTO(err_freep) = NULL;
        struct cel *c = NULL;
        struct cel_budget budget = {CEL_BUDGET};
        bool result = false;
        if (compile(w, truths[i], CEL_BOOL, &c, &err) ||
            cel_eval_bool(c, values, &budget, &result, &err))
            fail_msg("%s\n%s", truths[i], err_text(err));
        if (!result)
            fail_msg("not true: %s", truths[i]);
        cel_free(c);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"self.nope(", "1:11"},
        {"", "want an expression"},
        {"self.nope == 1", "undefined field 'nope'"},
        {"nope", "undeclared reference to 'nope'"},
        {"self.n == 'x'", "no matching overload for '_==_' applied to '(int, string)'"},
        {"self.n + 's' == 1", "no matching overload"},
        {"self.n", "must evaluate to bool"},
        {"self.s && true", "no matching overload"},
        {"!self.n", "no matching overload"},
        {"self.n ? true : false", "must be a bool"},
        {"true ? 1 : 'x'", "branches"},
        {"self.n.foo", "does not support field selection"},
        {"has(self)", "has() wants one field selection"},
        {"has(self.nope)", "undefined field"},
        {"self.list.all(i)", "variable"},
        {"self.list.all(self.n, true)", "must be a variable name"},
        {"self.list.all(i, i)", "predicate"},
        {"self.n.all(i, true)", "range of a comprehension"},
        {"self.s.size(1)== 1", "number of arguments"},
        {"self.n.size() == 1", "does not take a value of type int"},
        {"self.s.unknownFunction()", "not supported here"},
        {"isURL(self.s)", "not supported here"},
        {"self.?opt", "optional"},
        {"self.s.matches('(')", "regular expression"},
        {"1 + + 2 == 3", "want an expression"},
        {"(1 == 1", "want ')'"},
        {"[1, 2", "want ','"},
        {"'abc", "end of a string"},
        {"'\\q'", "escape"},
        {"99999999999999999999 == 1", "too large"},
        {"if == 1", "reserved word"},
        {"self.b self.b", "want an operator"},
        {"self.set + ['z'] == []", "not supported"},
        {"size(self.s, 1) == 1", "number of arguments"},
        {"contains(self.s, 'x')", "x.f()"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err *err AUTO(err_freep) = NULL;
        struct cel *c = NULL;
        assert_int_equal(compile(w, bad[i].text, CEL_BOOL, &c, &err), -EINVAL);
        if (!strstr(err_text(err), bad[i].says))
            fail_msg("%s\n  says %s\n  want %s", bad[i].text, err_text(err), bad[i].says);
    }
}

static void test_failures(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"self.opt == 'x'", "no such key: opt"},
        {"self.list[7] == 1", "index out of bounds"},
        {"1 / (self.n - 5) == 1", "division by zero"},
        {"1 % (self.n - 5) == 1", "modulus by zero"},
        {"9223372036854775807 + self.n > 0", "overflow"},
        {"self.map['nope'] == 1", "no such key"},
        {"self.any.k + 1 == 2", "no such overload"},
        {"self.any.k == 'x' || self.any.k > 1", "no such overload"},
        {"int(self.s) == 1", "cannot convert"},
        {"self.s.substring(3, 1) == ''", "index out of range"},
        {"[].min() == 1", "empty list"},
        {"[0, 2].all(i, 2 / i == 1)", "division by zero"},
        {"dyn(1)", "true or false"},
    };
    struct world *w = *state;
    const cJSON *values[] = {w->self, w->old};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err *err AUTO(err_freep) = NULL;
        struct cel *c = NULL;
        struct cel_budget budget = {CEL_BUDGET};
        bool result = false;
        if (compile(w, bad[i].text, CEL_BOOL, &c, &err))
            fail_msg("%s\n%s", bad[i].text, err_text(err));
        assert_int_equal(cel_eval_bool(c, values, &budget, &result, &err), -EINVAL);
        if (!strstr(err_text(err), bad[i].says))
            fail_msg("%s\n  says %s\n  want %s", bad[i].text, err_text(err), bad[i].says);
        cel_free(c);
    }
}

static void test_strings(void **state)
{
    struct world *w = *state;
    const cJSON *values[] = {w->self, w->old};
    struct cel_budget budget = {CEL_BUDGET};
    struct cel *c = NULL;
    char *text = NULL;
    assert_int_equal(
        compile(w, "'n is ' + string(self.n) + ', was ' + string(oldSelf.n)", CEL_STRING, &c, NULL),
        0);
    assert_int_equal(cel_eval_string(c, values, &budget, &text, NULL), 0);
    assert_string_equal(text, "n is 5, was 4");
    assert_true(cel_uses(c, 0) && cel_uses(c, 1));
    mem_free(text);
    cel_free(c);
    assert_int_equal(compile(w, "self.s", CEL_STRING, &c, NULL), 0);
    assert_false(cel_uses(c, 1));
    cel_free(c);
}

/* Nested macros over a large list end with "out of budget", not with the end of patience. */
static void test_budget(void **state)
{
    struct world *w = *state;
    cJSON *big = js("{'list': []}"), *list = cJSON_GetObjectItem(big, "list");
    for (int i = 0; i < 3000; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(i));
    const cJSON *values[] = {big, NULL};
    static const char *const rules[] = {
        "self.list.all(i, self.list.all(j, self.list.all(k, i + j + k >= 0)))",
        "self.list.map(i, self.list.map(j, self.list)).size() > 0",
        "self.list.all(i, self.list.map(j, 'xxxxxxxxxxxxxxxx' + string(j)).size() > 0)",
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct cel_budget budget = {CEL_BUDGET};
        struct err *err AUTO(err_freep) = NULL;
        struct cel *c = NULL;
        bool result;
        assert_int_equal(compile(w, rules[i], CEL_BOOL, &c, &err), 0);
        int rc = cel_eval_bool(c, values, &budget, &result, &err);
        if (rc != -E2BIG && !(rc == -EINVAL && strstr(err_text(err), "too large")))
            fail_msg("%s: %d %s", rules[i], rc, err_text(err));
        cel_free(c);
    }
    cJSON_Delete(big);
}

static void test_depth(void **state)
{
    struct world *w = *state;
    char text[4096];
    struct cel *c = NULL;
    memset(text, '(', 2000);
    text[2000] = '\0';
    assert_int_equal(compile(w, text, CEL_BOOL, &c, NULL), -EINVAL);
    memset(text, '!', 2000);
    memcpy(text + 2000, "true", 5);
    assert_int_equal(compile(w, text, CEL_BOOL, &c, NULL), -EINVAL);
    /* A long chain of alternatives is not deep in the text and works. */
    size_t n = 0;
    for (int i = 0; i < 150; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "self.n == %d || ", 100 + i);
    snprintf(text + n, sizeof(text) - n, "self.b");
    assert_int_equal(compile(w, text, CEL_BOOL, &c, NULL), 0);
    const cJSON *values[] = {w->self, w->old};
    struct cel_budget budget = {CEL_BUDGET};
    bool result = false;
    assert_int_equal(cel_eval_bool(c, values, &budget, &result, NULL), 0);
    assert_true(result);
    cel_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_truths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
