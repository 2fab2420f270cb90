/* SPDX-License-Identifier: Apache-2.0 */
/* Table columns: the names and cells kubectl users know, and JSONPath. */
#include "apiserver/columns.h"

#include "base/clock.h"
#include "unit/apiserver/leaf.h"

#define NOW  "2024-01-01T01:00:00Z"
#define META "'metadata': {'name': 'n', 'creationTimestamp': '2024-01-01T00:00:00Z'}"

static int64_t at(const char *text)
{
    int64_t us = 0;
    assert_int_equal(clock_parse(text, &us), 0);
    return us;
}

struct row {
    const char *group, *kind, *object, *cells;
};

static const struct row rows[] = {
    {"", "Unknown", "{" META "}", "['n', '60m']"},
    {"", "Namespace", "{" META ", 'status': {'phase': 'Active'}}", "['n', 'Active', '60m']"},
    {"", "ConfigMap", "{" META ", 'data': {'a': ''}, 'binaryData': {'b': ''}}", "['n', 2, '60m']"},
    {"", "Secret", "{" META ", 'type': 'Opaque', 'data': {'a': '', 'b': ''}}",
     "['n', 'Opaque', 2, '60m']"},
    {"", "ServiceAccount", "{" META "}", "['n', 0, '60m']"},
    {"", "Node", "{" META "}",
     "['n', 'Unknown', '<none>', '60m', '', '<none>', '<none>', '<unknown>', '<unknown>', "
     "'<unknown>']"},
    {"", "Node",
     "{'metadata': {'name': 'n', 'creationTimestamp': '2024-01-01T00:00:00Z', 'labels': {"
     "'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/gpu': ''}}, 'spec': "
     "{'unschedulable': true},"
     " 'status': {'conditions': [{'type': 'Ready', 'status': 'True'}], 'addresses': [{'type': "
     "'InternalIP',"
     " 'address': '127.9.0.1'}], 'nodeInfo': {'kubeletVersion': 'v1', 'osImage': 'Debian', "
     "'kernelVersion': '6',"
     " 'containerRuntimeVersion': 'local'}}}",
     "['n', 'Ready,SchedulingDisabled', 'worker,gpu', '60m', 'v1', '127.9.0.1', '<none>', "
     "'Debian', '6', 'local']"},
    {"", "Service",
     "{" META ", 'spec': {'type': 'ClusterIP', 'clusterIP': '10.0.0.1', 'selector': {'b': '2', "
     "'a': '1'}, 'ports':"
     " [{'port': 80, 'protocol': 'TCP'}, {'port': 53, 'protocol': 'UDP', 'nodePort': 30053}]}}",
     "['n', 'ClusterIP', '10.0.0.1', '<none>', '80/TCP,53:30053/UDP', '60m', 'a=1,b=2']"},
    {"", "Service", "{" META ", 'spec': {'type': 'LoadBalancer', 'clusterIP': '10.0.0.1'}}",
     "['n', 'LoadBalancer', '10.0.0.1', '<pending>', '<none>', '60m', '<none>']"},
    {"", "Service", "{" META ", 'spec': {'type': 'ExternalName', 'externalName': 'a.b'}}",
     "['n', 'ExternalName', '<none>', 'a.b', '<none>', '60m', '<none>']"},
    {"", "Endpoints",
     "{" META ", 'subsets': [{'addresses': [{'ip': '1'}, {'ip': '2'}], 'ports': [{'port': 80}, "
     "{'port': 81}]}]}",
     "['n', '1:80,2:80,1:81 + 1 more...', '60m']"},
    {"", "Endpoints", "{" META "}", "['n', '<none>', '60m']"},
    {"discovery.k8s.io", "EndpointSlice",
     "{" META ", 'addressType': 'IPv4', 'endpoints': [{'addresses': ['1', '2']}], 'ports': "
     "[{'port': 80}, {}]}",
     "['n', 'IPv4', '80,*', '1,2', '60m']"},
    {"", "Event",
     "{" META ", 'involvedObject': {'kind': 'Pod', 'name': 'p', 'fieldPath': 'x'}, 'reason': 'R', "
     "'type': 'Normal',"
     " 'message': ' m\\n', 'source': {'component': 'c', 'host': 'h'}, 'count': 2, 'firstTimestamp':"
     " '2024-01-01T00:00:00Z', 'lastTimestamp': '2024-01-01T00:55:00Z'}",
     "['5m', 'Normal', 'R', 'pod/p', 'x', 'c, h', 'm', '60m', 2, 'n']"},
    {"events.k8s.io", "Event",
     "{" META
     ", 'regarding': {'kind': 'Pod', 'name': 'p'}, 'reason': 'R', 'type': 'Normal', 'note': 'm',"
     " 'reportingController': 'c', 'reportingInstance': 'i', 'eventTime': "
     "'2024-01-01T00:00:00.000001Z',"
     " 'deprecatedSource': {}, 'deprecatedFirstTimestamp': null}",
     "['59m', 'Normal', 'R', 'pod/p', '', 'c, i', 'm', '59m', 1, 'n']"},
    {"", "PersistentVolumeClaim",
     "{" META
     ", 'spec': {'volumeName': 'v', 'storageClassName': 's', 'volumeMode': 'Filesystem'}, 'status':"
     " {'phase': 'Bound', 'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteOnce', "
     "'ReadOnlyMany']}}",
     "['n', 'Bound', 'v', '1Gi', 'RWO,ROX', 's', '<unset>', '60m', 'Filesystem']"},
    {"", "PersistentVolumeClaim",
     "{" META ", 'status': {'phase': 'Pending', 'capacity': {'storage': '1Gi'}}}",
     "['n', 'Pending', '', '', '', '', '<unset>', '60m', '<unset>']"},
    {"", "PersistentVolume",
     "{" META ", 'spec': {'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteMany'], "
     "'claimRef': {'namespace':"
     " 'a', 'name': 'b'}, 'persistentVolumeReclaimPolicy': 'Retain', 'volumeMode': 'Block'}, "
     "'status': {'phase':"
     " 'Bound'}}",
     "['n', '1Gi', 'RWX', 'Retain', 'Bound', 'a/b', '', '<unset>', '', '60m', 'Block']"},
    {"coordination.k8s.io", "Lease", "{" META ", 'spec': {'holderIdentity': 'me'}}",
     "['n', 'me', '60m']"},
    {"policy", "PodDisruptionBudget",
     "{" META ", 'spec': {'minAvailable': 1}, 'status': {'disruptionsAllowed': 2}}",
     "['n', '1', 'N/A', 2, '60m']"},
    {"policy", "PodDisruptionBudget", "{" META ", 'spec': {'maxUnavailable': '10%'}}",
     "['n', 'N/A', '10%', 0, '60m']"},
    {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration",
     "{" META ", 'webhooks': [{}]}", "['n', 1, '60m']"},
    {"rbac.authorization.k8s.io", "Role", "{" META "}", "['n', '2024-01-01T00:00:00Z']"},
    {"rbac.authorization.k8s.io", "RoleBinding",
     "{" META ", 'roleRef': {'kind': 'Role', 'name': 'r'}, 'subjects': [{'kind': 'User', 'name': "
     "'u'}, {'kind': 'User',"
     " 'name': 'v'}, {'kind': 'Group', 'name': 'g'}, {'kind': 'ServiceAccount', 'name': 's', "
     "'namespace': 'x'}]}",
     "['n', 'Role/r', '60m', 'u, v', 'g', 'x/s']"},
    {"apps", "ControllerRevision",
     "{'metadata': {'name': 'n', 'creationTimestamp': '2024-01-01T00:00:00Z', 'ownerReferences': "
     "[{'apiVersion': 'apps/v1',"
     " 'kind': 'StatefulSet', 'name': 's', 'controller': true}]}, 'revision': 3}",
     "['n', 'statefulset.apps/s', 3, '60m']"},
    {"apiextensions.k8s.io", "CustomResourceDefinition", "{" META "}",
     "['n', '2024-01-01T00:00:00Z']"},
    {"batch", "Job",
     "{" META ", 'spec': {'completions': 3, 'selector': {'matchLabels': {'a': 'b'}}, 'template': "
     "{'spec': {'containers':"
     " [{'name': 'c', 'image': 'i'}, {'name': 'd', 'image': 'j'}]}}}, 'status': {'succeeded': 1, "
     "'startTime':"
     " '2024-01-01T00:00:00Z', 'completionTime': '2024-01-01T00:00:30Z', 'conditions': [{'type': "
     "'Complete',"
     " 'status': 'True'}]}}",
     "['n', 'Complete', '1/3', '30s', '60m', 'c,d', 'i,j', 'a=b']"},
    {"batch", "CronJob",
     "{" META
     ", 'spec': {'schedule': '@daily', 'jobTemplate': {'spec': {'template': {'spec': {'containers':"
     " [{'name': 'c', 'image': 'i'}]}}}}}, 'status': {'lastScheduleTime': '2024-01-01T00:30:00Z'}}",
     "['n', '@daily', '<none>', 'False', 0, '30m', '60m', 'c', 'i', '<none>']"},
};

static void test_builtin(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *obj AUTO(json_freep) = js(rows[i].object);
        const struct columns *c = columns_builtin(rows[i].group, rows[i].kind);
        cJSON *cells AUTO(json_freep) = columns_cells(c, obj, at(NOW));
        cJSON *definitions AUTO(json_freep) = columns_definitions(c);
        assert_json(cells, rows[i].cells, rows[i].kind);
        assert_int_equal(cJSON_GetArraySize(cells), cJSON_GetArraySize(definitions));
        json_foreach (d, definitions) {
            assert_true(json_str(d, "name") && json_str(d, "type") && json_str(d, "format"));
            assert_true(strlen(json_str(d, "description")) > 3);
        }
    }
}

/* --- Pods ----------------------------------------------------------------------------------- */

#define SPEC "'spec': {'containers': [{'name': 'a'}, {'name': 'b'}], 'nodeName': 'node'}"

static void test_pod(void **state)
{
    static const struct {
        const char *object, *ready, *status, *restarts;
    } pods[] = {
        {"{" SPEC ", 'status': {'phase': 'Pending'}}", "0/2", "Pending", "0"},
        {"{" SPEC ", 'status': {'phase': 'Running', 'containerStatuses': [{'ready': true, "
         "'restartCount': 1, 'state':"
         " {'running': {}}, 'lastState': {'terminated': {'finishedAt': '2024-01-01T00:55:00Z'}}}, "
         "{'ready': true,"
         " 'restartCount': 2, 'state': {'running': {}}}]}}",
         "2/2", "Running", "3 (5m ago)"},
        {"{" SPEC ", 'status': {'phase': 'Running', 'containerStatuses': [{'ready': false, "
         "'restartCount': 4, 'state':"
         " {'waiting': {'reason': 'CrashLoopBackOff'}}}, {'ready': true, 'state': {'running': "
         "{}}}]}}",
         "1/2", "CrashLoopBackOff", "4"},
        {"{" SPEC ", 'status': {'phase': 'Succeeded', 'containerStatuses': [{'state': "
         "{'terminated': {'reason':"
         " 'Completed'}}}, {'state': {'terminated': {'reason': 'Completed'}}}]}}",
         "0/2", "Completed", "0"},
        {"{" SPEC ", 'status': {'phase': 'Failed', 'containerStatuses': [{'state': {'terminated': "
         "{'exitCode': 3}}}]}}",
         "0/2", "ExitCode:3", "0"},
        {"{" SPEC ", 'status': {'phase': 'Failed', 'containerStatuses': [{'state': {'terminated': "
         "{'signal': 9}}}]}}",
         "0/2", "Signal:9", "0"},
        {"{" SPEC
         ", 'status': {'phase': 'Running', 'conditions': [{'type': 'Ready', 'status': 'True'}],"
         " 'containerStatuses': [{'ready': true, 'state': {'running': {}}}, {'state': "
         "{'terminated': {'reason':"
         " 'Completed'}}}]}}",
         "1/2", "Running", "0"},
        {"{" SPEC ", 'metadata': {'deletionTimestamp': 'x'}, 'status': {'phase': 'Running'}}",
         "0/2", "Terminating", "0"},
        {"{" SPEC ", 'metadata': {'deletionTimestamp': 'x'}, 'status': {'phase': 'Failed', "
         "'reason': 'NodeLost'}}",
         "0/2", "Unknown", "0"},
        {"{" SPEC ", 'status': {'phase': 'Failed', 'reason': 'Evicted'}}", "0/2", "Evicted", "0"},
        {"{'spec': {'containers': [{'name': 'a'}], 'initContainers': [{'name': 'i'}, {'name': "
         "'j'}]}, 'status':"
         " {'phase': 'Pending', 'initContainerStatuses': [{'name': 'i', 'state': {'terminated': "
         "{'exitCode': 0}}},"
         " {'name': 'j', 'state': {'running': {}}}], 'containerStatuses': [{'state': {'waiting': "
         "{'reason':"
         " 'PodInitializing'}}}]}}",
         "0/1", "Init:1/2", "0"},
        {"{'spec': {'containers': [{'name': 'a'}], 'initContainers': [{'name': 'i'}]}, 'status': "
         "{'phase': 'Pending',"
         " 'initContainerStatuses': [{'name': 'i', 'restartCount': 2, 'state': {'waiting': "
         "{'reason':"
         " 'ErrImageNeverPull'}}}]}}",
         "0/1", "Init:ErrImageNeverPull", "2"},
        {"{'spec': {'containers': [{'name': 'a'}], 'initContainers': [{'name': 's', "
         "'restartPolicy': 'Always'}]},"
         " 'status': {'phase': 'Running', 'initContainerStatuses': [{'name': 's', 'started': true, "
         "'ready': true,"
         " 'state': {'running': {}}}], 'containerStatuses': [{'ready': true, 'state': {'running': "
         "{}}}]}}",
         "2/2", "Running", "0"},
        {"{" SPEC ", 'status': {'phase': 'Pending', 'conditions': [{'type': 'PodScheduled', "
         "'status': 'False',"
         " 'reason': 'SchedulingGated'}]}}",
         "0/2", "SchedulingGated", "0"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pods); i++) {
        cJSON *obj AUTO(json_freep) = js(pods[i].object);
        cJSON *cells AUTO(json_freep) = columns_cells(columns_builtin("", "Pod"), obj, at(NOW));
        assert_string_equal(cJSON_GetArrayItem(cells, 1)->valuestring, pods[i].ready);
        assert_string_equal(cJSON_GetArrayItem(cells, 2)->valuestring, pods[i].status);
        assert_string_equal(cJSON_GetArrayItem(cells, 3)->valuestring, pods[i].restarts);
    }
}

static void test_pod_wide(void **state)
{
    (void)state;
    cJSON *obj AUTO(json_freep) =
        js("{" META ", 'spec': {'nodeName': 'node', 'readinessGates': [{'conditionType': 'g'},"
           " {'conditionType': 'h'}]}, 'status': {'podIP': '1', 'nominatedNodeName': 'm',"
           " 'conditions': [{'type': 'g', 'status': 'True'}]}}");
    cJSON *cells AUTO(json_freep) = columns_cells(columns_builtin("", "Pod"), obj, at(NOW));
    assert_json(cells, "['n', '0/0', '', '0', '60m', '1', 'node', 'm', '1/2']", "wide");
}

/* --- custom kinds --------------------------------------------------------------------------- */

static void test_custom(void **state)
{
    (void)state;
    cJSON *additional AUTO(json_freep) = js("[{'name': 'Size', 'type': 'integer', 'jsonPath': "
                                            "'.spec.size'}, {'name': 'Half', 'type': 'integer',"
                                            " 'jsonPath': '.spec.half'}, {'name': 'Ratio', 'type': "
                                            "'number', 'jsonPath': '.spec.half'}, {'name': 'On',"
                                            " 'type': 'boolean', 'jsonPath': '.spec.on'}, {'name': "
                                            "'List', 'type': 'string', 'jsonPath': '.spec.list'},"
                                            " {'name': 'Wrong', 'type': 'integer', 'jsonPath': "
                                            "'.spec.text'}, {'name': 'None', 'type': 'string',"
                                            " 'jsonPath': '.spec.none', 'priority': 1, "
                                            "'description': 'd'}, {'name': 'Since', 'type': 'date',"
                                            " 'jsonPath': '.metadata.creationTimestamp'}, {'name': "
                                            "'Bad', 'type': 'date', 'jsonPath': '.spec.text'}]");
    cJSON *obj AUTO(json_freep) = js(
        "{" META ", 'spec': {'size': 7, 'half': 2.5, 'on': true, 'list': [1, 'a'], 'text': 't'}}");
    struct columns *c = columns_custom(additional);
    cJSON *cells AUTO(json_freep) = columns_cells(c, obj, at(NOW));
    assert_json(cells, "['n', 7, 2, 2.5, true, '[1,\\\"a\\\"]', null, null, '60m', '<invalid>']",
                "custom");
    cJSON *d AUTO(json_freep) = columns_definitions(c);
    assert_json(
        cJSON_GetArrayItem(d, 7),
        "{'name': 'None', 'type': 'string', 'format': '', 'description': 'd', 'priority': 1}",
        "definition");
    columns_free(c);
    c = columns_custom(NULL);
    cJSON *plain AUTO(json_freep) = columns_cells(c, obj, at(NOW));
    assert_json(plain, "['n', '60m']", "no columns");
    columns_free(c);
}

/* --- JSONPath ------------------------------------------------------------------------------- */

static void test_jsonpath(void **state)
{
    static const struct {
        const char *path, *want; /* NULL: nothing there */
    } paths[] = {
        {".a.b", "1"},
        {"{.a.b}", "1"},
        {".a['x.y']", "2"},
        {".a[\"x.y\"]", "2"},
        {".a.x\\.y", "2"},
        {".list[0].n", "'p'"},
        {".list[-1].n", "'q'"},
        {".list[*].n", "'p'"},
        {".a[*]", NULL},
        {".list[7].n", NULL},
        {".list[?(@.n==\"q\")].v", "2"},
        {".list[?(@.n=='q')].v", "2"},
        {".list[?(@.v==2)].n", "'q'"},
        {".list[?(@.v!=2)].n", "'p'"},
        {".list[?(@.deep.er==true)].n", "'q'"},
        {".list[?(@.n==\"z\")].v", NULL},
        {".a.b.c", NULL},
        {".nope", NULL},
        {".a[0]", NULL},
        {".list.n", NULL},
    };
    static const char *const bad[] = {
        "",      ".",    "a",          ".a.",          ".a[",
        ".a[x]", ".a[0", ".a[?(@.x)]", ".a[?(@.x==)]", ".a[?(@.x==\"y]",
        ".a..b", ".a[*", ".a b",       "{.a",          ".a[1:2]",
        ".a\\"};
    (void)state;
    cJSON *obj AUTO(json_freep) =
        js("{'a': {'b': 1, 'x.y': 2}, 'list': [{'n': 'p', 'v': 1}, {'n': 'q', 'v': 2,"
           " 'deep': {'er': true}}]}");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const cJSON *found = jsonpath_get(obj, paths[i].path);
        if (!jsonpath_valid(paths[i].path))
            fail_msg("%s should be valid", paths[i].path);
        if (!paths[i].want && found)
            fail_msg("%s should lead nowhere", paths[i].path);
        if (paths[i].want)
            assert_json(found, paths[i].want, paths[i].path);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (jsonpath_valid(bad[i]))
            fail_msg("%s should not be valid", bad[i]);
        jsonpath_get(obj, bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin),  cmocka_unit_test(test_pod),
        cmocka_unit_test(test_pod_wide), cmocka_unit_test(test_custom),
        cmocka_unit_test(test_jsonpath),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
