/* SPDX-License-Identifier: Apache-2.0 */
/* Placing a Pod: what it asks for, what keeps it away, and the sentence. */
#include "unit/cm.h"

#include <string.h>

#include "node/schedule.h"

static const char node_text[] =
    "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"disk\":\"ssd\",\"cores\":\"8\"}},\"spec\":{}}";

static cJSON *parse(const char *text)
{
    cJSON *j = cJSON_Parse(text);
    if (!j)
        fail_msg("not JSON: %s", text);
    return j;
}

static void demands(void **state)
{
    (void)state;
    AUTO(json_freep)
    cJSON *pod = parse("{\"spec\":{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"500m\","
                       "\"memory\":\"1Gi\"}}},"
                       "{\"resources\":{\"limits\":{\"cpu\":\"1\"}}}],\"initContainers\":[{"
                       "\"resources\":{\"requests\":"
                       "{\"cpu\":\"100m\",\"memory\":\"3Gi\"}}},{\"restartPolicy\":\"Always\","
                       "\"resources\":{\"requests\":"
                       "{\"cpu\":\"50m\"}}}],\"overhead\":{\"cpu\":\"5m\"}}}");
    struct demand d = schedule_demand(pod);
    assert_int_equal(d.cpu_milli, 1555);
    assert_int_equal(d.memory, 3LL << 30);
    assert_int_equal(d.pods, 1);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *node, *why; /* why NULL: it fits */
    } rows[] = {
        {"{\"spec\":{}}", NULL, NULL},
        {"{\"spec\":{\"nodeSelector\":{\"disk\":\"ssd\"}}}", NULL, NULL},
        {"{\"spec\":{\"nodeSelector\":{\"disk\":\"hdd\"}}}", NULL,
         "didn't match Pod's node affinity/selector"},
        {"{\"spec\":{\"affinity\":{\"nodeAffinity\":{"
         "\"requiredDuringSchedulingIgnoredDuringExecution\":{"
         "\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"cores\",\"operator\":\"Gt\","
         "\"values\":[\"16\"]}]},"
         "{\"matchExpressions\":[{\"key\":\"disk\",\"operator\":\"In\",\"values\":[\"x\",\"ssd\"]},"
         "{\"key\":\"gpu\","
         "\"operator\":\"DoesNotExist\"},{\"key\":\"gpu\",\"operator\":\"NotIn\",\"values\":[\"a\"]"
         "}]}]}}}}}",
         NULL, NULL},
        {"{\"spec\":{\"affinity\":{\"nodeAffinity\":{"
         "\"requiredDuringSchedulingIgnoredDuringExecution\":{"
         "\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"disk\",\"operator\":\"Exists\"},"
         "{\"key\":\"cores\","
         "\"operator\":\"Lt\",\"values\":[\"8\"]}]},{}]}}}}}",
         NULL, "affinity"},
        {"{\"spec\":{\"affinity\":{\"nodeAffinity\":{"
         "\"requiredDuringSchedulingIgnoredDuringExecution\":{"
         "\"nodeSelectorTerms\":[{\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"In\","
         "\"values\":[\"n2\"]}"
         "]}]}}}}}",
         NULL, "affinity"},
        {"{\"spec\":{}}", "{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"unschedulable\":true}}",
         "unschedulable"},
        {"{\"spec\":{}}",
         "{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"taints\":[{\"key\":\"a\",\"value\":\"b\","
         "\"effect\":"
         "\"NoSchedule\"}]}}",
         "untolerated taint {a: b}"},
        {"{\"spec\":{\"tolerations\":[{\"key\":\"a\",\"value\":\"b\"}]}}",
         "{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"taints\":[{\"key\":\"a\",\"value\":\"b\","
         "\"effect\":"
         "\"NoSchedule\"},{\"key\":\"z\",\"effect\":\"PreferNoSchedule\"}]}}",
         NULL},
        {"{\"spec\":{\"tolerations\":[{\"key\":\"a\",\"value\":\"c\"},{\"operator\":\"Exists\","
         "\"effect\":"
         "\"NoExecute\"}]}}",
         "{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"taints\":[{\"key\":\"a\",\"value\":\"b\","
         "\"effect\":"
         "\"NoSchedule\"}]}}",
         "untolerated"},
        {"{\"spec\":{\"tolerations\":[{\"operator\":\"Exists\"}]}}",
         "{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"taints\":[{\"key\":\"a\",\"effect\":"
         "\"NoExecute\"}]}}",
         NULL},
        {"{\"spec\":{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"1001m\"}}}]}}", NULL,
         "Insufficient cpu: the Pod requests 1001m, node n1 has 1000m left"},
        {"{\"spec\":{\"containers\":[{\"resources\":{\"requests\":{\"memory\":\"2Gi\"}}}]}}", NULL,
         "Insufficient memory: the Pod requests 2048Mi, node n1 has 1024Mi left"},
        {"{\"spec\":{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"1\",\"memory\":"
         "\"1Gi\"}}}]}}",
         NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(arena_freep) struct arena *a = arena_new(65536);
        AUTO(json_freep)
        cJSON *pod = parse(rows[i].pod), *node = parse(rows[i].node ? rows[i].node : node_text);
        struct demand room = {1000, 1 << 30, 5};
        const char *why = schedule_refusal(pod, node, &room, a);
        if (!rows[i].why && why)
            fail_msg("row %zu: should fit, but: %s", i, why);
        if (rows[i].why && (!why || !strstr(why, rows[i].why)))
            fail_msg("row %zu: want \"%s\", got \"%s\"", i, rows[i].why, why ? why : "it fits");
        room.pods = 0;
        assert_non_null(schedule_refusal(pod, node, &room, a));
    }
}

static void wanted(void **state)
{
    (void)state;
    static const struct {
        const char *pod;
        bool wanted;
    } rows[] = {
        {"{\"spec\":{},\"status\":{\"phase\":\"Pending\"}}", true},
        {"{\"spec\":{\"schedulerName\":\"default-scheduler\"}}", true},
        {"{\"spec\":{\"schedulerName\":\"mine\"}}", false},
        {"{\"spec\":{\"nodeName\":\"n1\"}}", false},
        {"{\"spec\":{\"schedulingGates\":[{\"name\":\"g\"}]}}", false},
        {"{\"spec\":{\"schedulingGates\":[]}}", true},
        {"{\"metadata\":{\"deletionTimestamp\":\"t\"},\"spec\":{}}", false},
        {"{\"spec\":{},\"status\":{\"phase\":\"Failed\"}}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(json_freep) cJSON *pod = parse(rows[i].pod);
        if (schedule_wanted(pod) != rows[i].wanted)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demands),
        cmocka_unit_test(refusals),
        cmocka_unit_test(wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
