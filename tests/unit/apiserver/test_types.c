/* SPDX-License-Identifier: Apache-2.0 */
/* Built-in kinds: how bodies are read, what is filled in, what is refused, what may change. */
#include "apiserver/types.h"

#include "unit/apiserver/leaf.h"

struct kind {
    const char *group, *version, *kind;
};
#define POD                                                                                        \
    {                                                                                              \
        "", "v1", "Pod"                                                                            \
    }
#define SERVICE                                                                                    \
    {                                                                                              \
        "", "v1", "Service"                                                                        \
    }
#define CONFIG                                                                                     \
    {                                                                                              \
        "", "v1", "ConfigMap"                                                                      \
    }
#define SECRET                                                                                     \
    {                                                                                              \
        "", "v1", "Secret"                                                                         \
    }
#define CLAIM                                                                                      \
    {                                                                                              \
        "", "v1", "PersistentVolumeClaim"                                                          \
    }
#define VOLUME                                                                                     \
    {                                                                                              \
        "", "v1", "PersistentVolume"                                                               \
    }
#define NODE                                                                                       \
    {                                                                                              \
        "", "v1", "Node"                                                                           \
    }
#define NAMESPACE                                                                                  \
    {                                                                                              \
        "", "v1", "Namespace"                                                                      \
    }
#define ENDPOINTS                                                                                  \
    {                                                                                              \
        "", "v1", "Endpoints"                                                                      \
    }
#define EVENT                                                                                      \
    {                                                                                              \
        "", "v1", "Event"                                                                          \
    }
#define EVENT1                                                                                     \
    {                                                                                              \
        "events.k8s.io", "v1", "Event"                                                             \
    }
#define SLICE                                                                                      \
    {                                                                                              \
        "discovery.k8s.io", "v1", "EndpointSlice"                                                  \
    }
#define LEASE                                                                                      \
    {                                                                                              \
        "coordination.k8s.io", "v1", "Lease"                                                       \
    }
#define BUDGET                                                                                     \
    {                                                                                              \
        "policy", "v1", "PodDisruptionBudget"                                                      \
    }
#define JOB                                                                                        \
    {                                                                                              \
        "batch", "v1", "Job"                                                                       \
    }
#define CRON                                                                                       \
    {                                                                                              \
        "batch", "v1", "CronJob"                                                                   \
    }
#define ROLE                                                                                       \
    {                                                                                              \
        "rbac.authorization.k8s.io", "v1", "Role"                                                  \
    }
#define BINDING                                                                                    \
    {                                                                                              \
        "rbac.authorization.k8s.io", "v1", "RoleBinding"                                           \
    }
#define CBINDING                                                                                   \
    {                                                                                              \
        "rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"                                    \
    }
#define HOOKS                                                                                      \
    {                                                                                              \
        "admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"                     \
    }
#define MUTATING                                                                                   \
    {                                                                                              \
        "admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"                       \
    }
#define TOKEN                                                                                      \
    {                                                                                              \
        "authentication.k8s.io", "v1", "TokenRequest"                                              \
    }
#define ACCESS                                                                                     \
    {                                                                                              \
        "authorization.k8s.io", "v1", "SubjectAccessReview"                                        \
    }
#define SCALE                                                                                      \
    {                                                                                              \
        "autoscaling", "v1", "Scale"                                                               \
    }

static const struct type *type_get(const struct kind *k)
{
    const struct type *t = type_of(k->group, k->version, k->kind);
    if (!t)
        fail_msg("no type %s/%s %s", k->group, k->version, k->kind);
    return t;
}

static cJSON *decoded(const struct type *t, const char *text, struct arena *a)
{
    cJSON *j = js(text);
    const char **unknown = NULL;
    size_t n = 0;
    struct err *err = NULL;
    if (type_decode(t, j, a, &unknown, &n, &err))
        fail_msg("%s: %s", text, err_text(err));
    if (n)
        fail_msg("%s: unknown field %s", text, unknown[0]);
    return j;
}

/* --- reading -------------------------------------------------------------------------------- */

static void test_decode(void **state)
{
    static const struct {
        struct kind kind;
        const char *in, *out, *unknown;
    } rows[] = {
        {CONFIG, "{'kind': 'ConfigMap', 'apiVersion': 'v1', 'data': {'a': 'b'}, 'bogus': 1}",
         "{'kind': 'ConfigMap', 'apiVersion': 'v1', 'data': {'a': 'b'}}", "bogus"},
        {CONFIG,
         "{'metadata': {'name': 'x', 'creationTimestamp': null, 'labels': {}, 'odd': []}, 'data': "
         "{}}",
         "{'metadata': {'name': 'x'}}", "metadata.odd"},
        {CONFIG, "{'data': {'a': null}, 'immutable': false}",
         "{'data': {'a': ''}, 'immutable': false}", ""},
        {POD,
         "{'spec': {'hostNetwork': false, 'nodeName': '', 'containers': [{'name': 'c', 'tty': "
         "false, 'nope': {},"
         " 'env': [{'name': 'a', 'value': '', 'x': 1}], 'ports': []}], "
         "'automountServiceAccountToken': false,"
         " 'securityContext': {}}}",
         "{'spec': {'containers': [{'name': 'c', 'env': [{'name': 'a'}]}], "
         "'automountServiceAccountToken': false,"
         " 'securityContext': {}}}",
         "spec.containers[0].nope spec.containers[0].env[0].x"},
        {POD,
         "{'spec': {'containers': [{'resources': {'limits': {'cpu': '1000m', 'memory': '1024Mi', "
         "'x/y': 3}}}]}}",
         "{'spec': {'containers': [{'resources': {'limits': {'cpu': '1', 'memory': '1Gi', 'x/y': "
         "'3'}}}]}}",
         ""},
        {LEASE, "{'spec': {'renewTime': '2024-01-01T02:00:00.5+02:00', 'leaseTransitions': 0}}",
         "{'spec': {'renewTime': '2024-01-01T00:00:00.500000Z', 'leaseTransitions': 0}}", ""},
        {POD, "{'status': {'startTime': '2024-01-01T02:00:00.7+02:00'}}",
         "{'status': {'startTime': '2024-01-01T00:00:00Z'}}", ""},
        {SERVICE, "{'spec': {'ports': [{'targetPort': 'web'}, {'targetPort': 80}]}}",
         "{'spec': {'ports': [{'targetPort': 'web'}, {'targetPort': 80}]}}", ""},
        {POD, "{'spec': {'volumes': [{'name': 'v', 'iscsi': {'anything': [1]}}]}}",
         "{'spec': {'volumes': [{'name': 'v', 'iscsi': {'anything': [1]}}]}}", ""},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *j AUTO(json_freep) = js(rows[i].in);
        const char **unknown = NULL;
        size_t n = 0;
        struct err *err AUTO(err_freep) = NULL;
        struct buf names AUTO(buf_done) = BUF_INIT(1000);
        if (type_decode(type_get(&rows[i].kind), j, a, &unknown, &n, &err))
            fail_msg("%s: %s", rows[i].in, err_text(err));
        for (size_t k = 0; k < n; k++)
            buf_addf(&names, "%s%s", k ? " " : "", unknown[k]);
        assert_json(j, rows[i].out, rows[i].in);
        assert_string_equal(buf_str(&names), rows[i].unknown);
    }
}

static void test_decode_errors(void **state)
{
    static const struct {
        struct kind kind;
        const char *in, *says;
    } rows[] = {
        {CONFIG, "[]", "want an object"},
        {CONFIG, "{'data': {'a': 1}}", "data.a: want a string, found a number"},
        {CONFIG, "{'data': []}", "data: want an object, found a list"},
        {CONFIG, "{'kind': 5}", "kind: want a string"},
        {CONFIG, "{'metadata': {'labels': {'a': true}}}",
         "metadata.labels.a: want a string, found a boolean"},
        {SECRET, "{'data': {'a': '%%%'}}", "data.a: illegal base64"},
        {POD, "{'spec': 'x'}", "spec: want an object, found a string"},
        {POD, "{'spec': {'containers': {}}}", "spec.containers: want a list, found an object"},
        {POD, "{'spec': {'containers': [5]}}",
         "spec.containers[0]: want an object, found a number"},
        {POD, "{'spec': {'containers': [{'ports': [{'containerPort': '80'}]}]}}",
         "spec.containers[0].ports[0].containerPort: want a number"},
        {POD, "{'spec': {'containers': [{'ports': [{'containerPort': 1.5}]}]}}", "want an integer"},
        {POD, "{'spec': {'containers': [{'ports': [{'containerPort': 99999999999}]}]}}",
         "out of range"},
        {POD, "{'spec': {'hostNetwork': 'yes'}}", "spec.hostNetwork: want true or false"},
        {POD, "{'spec': {'containers': [{'resources': {'limits': {'cpu': 'much'}}}]}}",
         "spec.containers[0].resources.limits.cpu: want a quantity"},
        {POD, "{'metadata': {'creationTimestamp': 'yesterday'}}",
         "metadata.creationTimestamp: want a time"},
        {SERVICE, "{'spec': {'ports': [{'targetPort': {}}]}}", "targetPort: want a number"},
        {POD, "{'spec': {'nodeSelector': {'a': 1}}}", "spec.nodeSelector.a: want a string"},
        {POD, "{'metadata': {'finalizers': [1]}}", "metadata.finalizers[0]: want a string"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *j AUTO(json_freep) = js(rows[i].in);
        const char **unknown = NULL;
        size_t n = 0;
        struct err *err AUTO(err_freep) = NULL;
        assert_int_equal(type_decode(type_get(&rows[i].kind), j, a, &unknown, &n, &err), -EINVAL);
        if (!strstr(err_text(err), rows[i].says))
            fail_msg("%s\n  says %s\n  want %s", rows[i].in, err_text(err), rows[i].says);
    }
}

/* A body of nothing but unknown fields costs a bounded list of names. */
static void test_unknown_bound(void **state)
{
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    cJSON *j AUTO(json_freep) = cJSON_CreateObject();
    for (int i = 0; i < 5000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "x%d", i);
        cJSON_AddNullToObject(j, name);
    }
    const char **unknown = NULL;
    size_t n = 0;
    assert_int_equal(type_decode(type_of("", "v1", "Pod"), j, a, &unknown, &n, NULL), 0);
    assert_int_equal(n, TYPE_UNKNOWN_MAX);
    assert_null(j->child);
}

/* --- defaults ------------------------------------------------------------------------------- */

#define CONTAINER_DEFAULTS                                                                         \
    "'terminationMessagePath': '/dev/termination-log', 'terminationMessagePolicy': 'File', "       \
    "'resources': {}"
#define POD_DEFAULTS                                                                               \
    "'restartPolicy': 'Always', 'terminationGracePeriodSeconds': 30, 'dnsPolicy': 'ClusterFirst'," \
    " 'securityContext': {}, 'schedulerName': 'default-scheduler'"

static void test_default(void **state)
{
    static const struct {
        struct kind kind;
        const char *in, *out;
    } rows[] = {
        {CONFIG, "{'data': {'k': 'v'}}", "{'data': {'k': 'v'}}"},
        {NAMESPACE, "{'metadata': {'name': 'n'}}",
         "{'metadata': {'name': 'n', 'labels': {'kubernetes.io/metadata.name': 'n'}}, 'spec': {}, "
         "'status': {'phase':"
         " 'Active'}}"},
        {NODE, "{}",
         "{'spec': {}, 'status': {'daemonEndpoints': {'kubeletEndpoint': {'Port': 0}}, 'nodeInfo': "
         "{'machineID': '',"
         " 'systemUUID': '', 'bootID': '', 'kernelVersion': '', 'osImage': '', "
         "'containerRuntimeVersion': '',"
         " 'kubeletVersion': '', 'kubeProxyVersion': '', 'operatingSystem': '', 'architecture': "
         "''}}}"},
        {SECRET, "{'stringData': {'user': 'admin', 'p': 'new'}, 'data': {'p': 'cHc='}}",
         "{'data': {'p': 'bmV3', 'user': 'YWRtaW4='}, 'type': 'Opaque'}"},
        {SERVICE, "{'spec': {'selector': {'app': 'x'}, 'ports': [{'port': 80}]}}",
         "{'spec': {'ports': [{'protocol': 'TCP', 'port': 80, 'targetPort': 80}], 'selector': "
         "{'app': 'x'}, 'type':"
         " 'ClusterIP', 'sessionAffinity': 'None', 'ipFamilies': ['IPv4'], 'ipFamilyPolicy': "
         "'SingleStack',"
         " 'internalTrafficPolicy': 'Cluster'}, 'status': {'loadBalancer': {}}}"},
        {SERVICE,
         "{'spec': {'clusterIP': 'None', 'ports': [{'name': 'http', 'port': 80, 'targetPort': "
         "'web'}]}}",
         "{'spec': {'ports': [{'name': 'http', 'protocol': 'TCP', 'port': 80, 'targetPort': "
         "'web'}], 'clusterIP':"
         " 'None', 'clusterIPs': ['None'], 'type': 'ClusterIP', 'sessionAffinity': 'None', "
         "'ipFamilies': ['IPv4',"
         " 'IPv6'], 'ipFamilyPolicy': 'RequireDualStack', 'internalTrafficPolicy': 'Cluster'}, "
         "'status':"
         " {'loadBalancer': {}}}"},
        {SERVICE,
         "{'spec': {'type': 'LoadBalancer', 'sessionAffinity': 'ClientIP', 'clusterIPs': "
         "['10.0.0.1']}}",
         "{'spec': {'type': 'LoadBalancer', 'sessionAffinity': 'ClientIP', "
         "'sessionAffinityConfig': {'clientIP':"
         " {'timeoutSeconds': 10800}}, 'clusterIP': '10.0.0.1', 'clusterIPs': ['10.0.0.1'], "
         "'ipFamilies': ['IPv4'],"
         " 'ipFamilyPolicy': 'SingleStack', 'internalTrafficPolicy': 'Cluster', "
         "'externalTrafficPolicy': 'Cluster',"
         " 'allocateLoadBalancerNodePorts': true}, 'status': {'loadBalancer': {}}}"},
        {SERVICE, "{'spec': {'type': 'ExternalName', 'externalName': 'a.b'}}",
         "{'spec': {'type': 'ExternalName', 'externalName': 'a.b', 'sessionAffinity': 'None'}, "
         "'status':"
         " {'loadBalancer': {}}}"},
        {ENDPOINTS, "{'subsets': [{'addresses': [{'ip': '192.0.2.1'}], 'ports': [{'port': 80}]}]}",
         "{'subsets': [{'addresses': [{'ip': '192.0.2.1'}], 'ports': [{'port': 80, 'protocol': "
         "'TCP'}]}]}"},
        {SLICE,
         "{'addressType': 'IPv4', 'endpoints': [{'addresses': ['1.2.3.4'], 'conditions': {'ready': "
         "true}}],"
         " 'ports': [{'port': 80}]}",
         "{'addressType': 'IPv4', 'endpoints': [{'addresses': ['1.2.3.4'], 'conditions': {'ready': "
         "true}}], 'ports':"
         " [{'name': '', 'protocol': 'TCP', 'port': 80}]}"},
        {VOLUME, "{'spec': {'hostPath': {'path': '/data'}}}",
         "{'spec': {'hostPath': {'path': '/data', 'type': ''}, 'persistentVolumeReclaimPolicy': "
         "'Retain',"
         " 'volumeMode': 'Filesystem'}, 'status': {'phase': 'Pending'}}"},
        {CLAIM, "{'spec': {'accessModes': ['ReadWriteOnce']}}",
         "{'spec': {'accessModes': ['ReadWriteOnce'], 'resources': {}, 'volumeMode': "
         "'Filesystem'}, 'status': {'phase':"
         " 'Pending'}}"},
        {EVENT,
         "{'involvedObject': {'kind': 'Pod'}, 'firstTimestamp': '2024-01-01T00:00:00Z', "
         "'lastTimestamp':"
         " '2024-01-01T00:00:05Z'}",
         "{'involvedObject': {'kind': 'Pod'}, 'firstTimestamp': '2024-01-01T00:00:00Z', "
         "'lastTimestamp':"
         " '2024-01-01T00:00:05Z', 'eventTime': null, 'source': {}, 'reportingComponent': '', "
         "'reportingInstance':"
         " ''}"},
        {EVENT1, "{'eventTime': '2024-01-01T00:00:00.000001Z', 'regarding': {'kind': 'Pod'}}",
         "{'eventTime': '2024-01-01T00:00:00.000001Z', 'regarding': {'kind': 'Pod'}, "
         "'deprecatedSource': {},"
         " 'deprecatedFirstTimestamp': null, 'deprecatedLastTimestamp': null}"},
        {LEASE, "{'spec': {'holderIdentity': 'me'}}", "{'spec': {'holderIdentity': 'me'}}"},
        {BUDGET, "{'spec': {'minAvailable': 1}}",
         "{'spec': {'minAvailable': 1}, 'status': {'disruptionsAllowed': 0, 'currentHealthy': 0, "
         "'desiredHealthy': 0,"
         " 'expectedPods': 0}}"},
        {BINDING,
         "{'roleRef': {'kind': 'Role', 'name': 'r'}, 'subjects': [{'kind': 'User', 'name': 'u'}, "
         "{'kind':"
         " 'ServiceAccount', 'name': 's', 'namespace': 'n'}]}",
         "{'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'Role', 'name': 'r'}, "
         "'subjects': [{'kind':"
         " 'User', 'apiGroup': 'rbac.authorization.k8s.io', 'name': 'u'}, {'kind': "
         "'ServiceAccount', 'name': 's',"
         " 'namespace': 'n'}]}"},
        {MUTATING,
         "{'webhooks': [{'name': 'w', 'clientConfig': {'service': {'name': 's', 'namespace': "
         "'n'}}, 'rules':"
         " [{'operations': ['CREATE']}], 'sideEffects': 'None'}]}",
         "{'webhooks': [{'name': 'w', 'clientConfig': {'service': {'name': 's', 'namespace': 'n', "
         "'port': 443}},"
         " 'rules': [{'operations': ['CREATE'], 'scope': '*'}], 'sideEffects': 'None', "
         "'failurePolicy': 'Fail',"
         " 'matchPolicy': 'Equivalent', 'namespaceSelector': {}, 'objectSelector': {}, "
         "'timeoutSeconds': 10,"
         " 'reinvocationPolicy': 'Never'}]}"},
        {JOB,
         "{'spec': {'template': {'spec': {'restartPolicy': 'Never', 'containers': [{'name': 'c', "
         "'image':"
         " 'x:1'}]}}}}",
         "{'spec': {'parallelism': 1, 'completions': 1, 'backoffLimit': 6, 'completionMode': "
         "'NonIndexed', 'suspend':"
         " false, 'manualSelector': false, 'podReplacementPolicy': 'TerminatingOrFailed', "
         "'template': {'spec': {"
         "'restartPolicy': 'Never', 'terminationGracePeriodSeconds': 30, 'dnsPolicy': "
         "'ClusterFirst',"
         " 'securityContext': {}, 'schedulerName': 'default-scheduler', 'containers': [{'name': "
         "'c', 'image': 'x:1',"
         " 'imagePullPolicy': 'IfNotPresent', " CONTAINER_DEFAULTS "}]}}}, 'status': {}}"},
        {TOKEN, "{'spec': {'audiences': ['a']}}",
         "{'spec': {'audiences': ['a'], 'expirationSeconds': 3600, 'boundObjectRef': null}, "
         "'status': {'token': '',"
         " 'expirationTimestamp': null}}"},
        {POD, "{'spec': {'containers': [{'name': 'c', 'image': 'app:1'}]}}",
         "{'spec': {" POD_DEFAULTS
         ", 'enableServiceLinks': true, 'containers': [{'name': 'c', 'image': 'app:1',"
         " 'imagePullPolicy': 'IfNotPresent', " CONTAINER_DEFAULTS "}]}, 'status': {}}"},
        {POD,
         "{'spec': {'serviceAccountName': 'robot', 'enableServiceLinks': false, 'containers': "
         "[{'name': 'c',"
         " 'image': 'a.b:5000/app', 'ports': [{'containerPort': 80}], 'livenessProbe': {'httpGet': "
         "{'port': 80}},"
         " 'env': [{'name': 'P', 'valueFrom': {'fieldRef': {'fieldPath': 'metadata.name'}}}], "
         "'resources':"
         " {'limits': {'cpu': '500m', 'memory': '64Mi'}, 'requests': {'cpu': '100m'}}}], "
         "'volumes': [{'name':"
         " 'e'}, {'name': 's', 'secret': {'secretName': 'x'}}, {'name': 'p', 'projected': "
         "{'sources':"
         " [{'serviceAccountToken': {'path': 't'}}]}}]}}",
         "{'spec': {" POD_DEFAULTS
         ", 'enableServiceLinks': false, 'serviceAccountName': 'robot', 'serviceAccount':"
         " 'robot', 'containers': [{'name': 'c', 'image': 'a.b:5000/app', 'imagePullPolicy': "
         "'Always', 'ports':"
         " [{'containerPort': 80, 'protocol': 'TCP'}], 'livenessProbe': {'httpGet': {'port': 80, "
         "'path': '/',"
         " 'scheme': 'HTTP'}, 'timeoutSeconds': 1, 'periodSeconds': 10, 'successThreshold': 1, "
         "'failureThreshold': 3},"
         " 'env': [{'name': 'P', 'valueFrom': {'fieldRef': {'apiVersion': 'v1', 'fieldPath': "
         "'metadata.name'}}}],"
         " 'resources': {'limits': {'cpu': '500m', 'memory': '64Mi'}, 'requests': {'cpu': '100m', "
         "'memory': '64Mi'}},"
         " 'terminationMessagePath': '/dev/termination-log', 'terminationMessagePolicy': 'File'}], "
         "'volumes': [{'name':"
         " 'e', 'emptyDir': {}}, {'name': 's', 'secret': {'secretName': 'x', 'defaultMode': 420}}, "
         "{'name': 'p',"
         " 'projected': {'sources': [{'serviceAccountToken': {'path': 't', 'expirationSeconds': "
         "3600}}],"
         " 'defaultMode': 420}}]}, 'status': {}}"},
        {POD,
         "{'spec': {'hostNetwork': true, 'containers': [{'name': 'c', 'image': 'a@sha256:1', "
         "'ports':"
         " [{'containerPort': 80}]}]}, 'status': {'conditions': [{'type': 'Ready', 'status': "
         "'True'}],"
         " 'containerStatuses': [{'name': 'c', 'ready': true}]}}",
         "{'spec': {" POD_DEFAULTS
         ", 'enableServiceLinks': true, 'hostNetwork': true, 'containers': [{'name': 'c',"
         " 'image': 'a@sha256:1', 'imagePullPolicy': 'IfNotPresent', 'ports': [{'containerPort': "
         "80, 'hostPort': 80,"
         " 'protocol': 'TCP'}], " CONTAINER_DEFAULTS
         "}]}, 'status': {'conditions': [{'type': 'Ready', 'status':"
         " 'True', 'lastProbeTime': null, 'lastTransitionTime': null}], 'containerStatuses': "
         "[{'name': 'c', 'ready':"
         " true, 'state': {}, 'lastState': {}, 'restartCount': 0, 'image': '', 'imageID': ''}]}}"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct type *t = type_get(&rows[i].kind);
        cJSON *j AUTO(json_freep) = decoded(t, rows[i].in, a);
        type_default(t, j);
        assert_json(j, rows[i].out, rows[i].in);
        type_default(t, j);
        assert_json(j, rows[i].out, "defaults again");
    }
}

/* --- rules ---------------------------------------------------------------------------------- */

#define C(more) "{'spec': {'containers': [{'name': 'c', 'image': 'i'" more "}]}}"
#define S(spec) "{'spec': " spec "}"

static void test_validate(void **state)
{
    static const struct {
        struct kind kind;
        const char *object, *causes;
    } rows[] = {
        {CONFIG, "{'data': {'a': 'b', 'A_b.c-1': ''}}", ""},
        {CONFIG, "{'data': {'bad key': 'v'}}", "Invalid data[bad key]"},
        {CONFIG, "{'data': {'a': 'v'}, 'binaryData': {'a': ''}}", "Invalid data[a]"},
        {SECRET, "{'type': 'kubernetes.io/tls'}", "Required data[tls.crt], Required data[tls.key]"},
        {SECRET, "{'type': 'kubernetes.io/basic-auth', 'data': {'password': 'eA=='}}", ""},
        {SECRET, "{'type': 'kubernetes.io/service-account-token'}",
         "Required metadata.annotations[kubernetes.io/service-account.name]"},
        {SERVICE, S("{'ports': [{'port': 80}]}"), ""},
        {SERVICE, S("{'ports': [{'port': 0}]}"),
         "Invalid spec.ports[0].port, Invalid spec.ports[0].targetPort"},
        {SERVICE, S("{}"), "Required spec.ports"},
        {SERVICE, S("{'clusterIP': 'None'}"), ""},
        {SERVICE, S("{'clusterIP': 'nope', 'ports': [{'port': 80}]}"),
         "Invalid spec.clusterIPs[0]"},
        {SERVICE, S("{'type': 'ExternalName'}"), "Required spec.externalName"},
        {SERVICE, S("{'type': 'Wish', 'ports': [{'port': 80}]}"), "NotSupported spec.type"},
        {SERVICE, S("{'ports': [{'port': 80}, {'port': 80, 'name': 'a'}]}"),
         "Required spec.ports[0].name, Duplicate spec.ports[1]"},
        {SERVICE, S("{'ports': [{'name': 'a', 'port': 80}, {'port': 81, 'name': 'a'}]}"),
         "Duplicate spec.ports[1].name"},
        {SERVICE, S("{'ports': [{'port': 80, 'targetPort': 'UPPER', 'protocol': 'ICMP'}]}"),
         "NotSupported spec.ports[0].protocol, Invalid spec.ports[0].targetPort"},
        {SERVICE, S("{'ports': [{'port': 80}], 'selector': {'bad key': 'x'}}"),
         "Invalid spec.selector"},
        {ENDPOINTS, "{'subsets': [{'addresses': [{'ip': '127.4.5.6'}], 'ports': [{'port': 80}]}]}",
         ""},
        {ENDPOINTS, "{'subsets': [{'addresses': [{'ip': 'x'}, {}], 'ports': [{'port': 0}]}]}",
         "Invalid subsets[0].addresses[0].ip, Required subsets[0].addresses[1].ip, Invalid "
         "subsets[0].ports[0].port"},
        {SLICE,
         "{'addressType': 'IPv4', 'endpoints': [{'addresses': ['::1']}], 'ports': [{'port': 80, "
         "'name': 'a'},"
         " {'name': 'a'}]}",
         "Invalid endpoints[0].addresses[0], Duplicate ports[1].name"},
        {SLICE, "{'endpoints': [{}]}", "Required addressType, Required endpoints[0].addresses"},
        {LEASE, S("{'leaseDurationSeconds': 0, 'leaseTransitions': -1}"),
         "Invalid spec.leaseDurationSeconds, Invalid spec.leaseTransitions"},
        {BUDGET, S("{'minAvailable': 1, 'maxUnavailable': 1}"), "Invalid spec"},
        {BUDGET, S("{'minAvailable': '101%'}"), "Invalid spec.minAvailable"},
        {BUDGET,
         S("{'maxUnavailable': -1, 'selector': {'matchExpressions': [{'key': 'a', 'operator': "
           "'In'}]}}"),
         "Invalid spec.maxUnavailable, Required spec.selector.matchExpressions[0].values"},
        {CLAIM,
         S("{'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}}"),
         ""},
        {CLAIM, S("{'accessModes': ['Sometimes']}"),
         "NotSupported spec.accessModes, Required spec.resources[storage]"},
        {VOLUME,
         S("{'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteOnce'], 'hostPath': "
           "{'path': '/d'}}"),
         ""},
        {VOLUME, S("{'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteOnce']}"),
         "Required spec"},
        {VOLUME,
         S("{'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteOnce'], 'hostPath': "
           "{'path': '/d'},"
           " 'nfs': {'server': 's', 'path': '/p'}}"),
         "Forbidden spec.nfs"},
        {NODE,
         S("{'taints': [{'key': 'a', 'effect': 'NoSchedule'}, {'key': 'a', 'effect': "
           "'NoSchedule'}, {'key': 'a',"
           " 'effect': 'Maybe'}]}"),
         "Duplicate spec.taints[1], NotSupported spec.taints[2].effect"},
        {JOB,
         S("{'template': {'spec': {'restartPolicy': 'Never', 'containers': [{'name': 'c', 'image': "
           "'i'}]}}}"),
         ""},
        {JOB,
         S("{'parallelism': -1, 'template': {'metadata': {'labels': {'a b': ''}}, 'spec': "
           "{'containers': [{'name':"
           " 'c', 'image': 'i'}]}}}"),
         "Invalid spec.parallelism, NotSupported spec.template.spec.restartPolicy, Invalid"
         " spec.template.metadata.labels"},
        {CRON,
         S("{'schedule': '*/5 * * * *', 'jobTemplate': {'spec': {'template': {'spec': "
           "{'restartPolicy':"
           " 'OnFailure', 'containers': [{'name': 'c', 'image': 'i'}]}}}}}"),
         ""},
        {CRON,
         S("{'schedule': 'soon', 'jobTemplate': {'spec': {'template': {'spec': {'restartPolicy': "
           "'OnFailure',"
           " 'containers': [{'name': 'c', 'image': 'i'}]}}}}}"),
         "Invalid spec.schedule"},
        {ROLE, "{'rules': [{'verbs': ['get'], 'apiGroups': [''], 'resources': ['pods']}]}", ""},
        {ROLE,
         "{'rules': [{'apiGroups': [''], 'resources': ['pods']}, {'verbs': ['get']}, {'verbs': "
         "['get'],"
         " 'nonResourceURLs': ['/x'], 'resources': ['pods']}]}",
         "Required rules[0].verbs, Required rules[1].apiGroups, Required rules[1].resources, "
         "Invalid"
         " rules[2].nonResourceURLs"},
        {BINDING,
         "{'roleRef': {'kind': 'Role', 'name': 'r'}, 'subjects': [{'kind': 'ServiceAccount', "
         "'name': 's'},"
         " {'kind': 'Robot', 'name': 'x'}]}",
         "Required subjects[0].namespace, NotSupported subjects[1].kind"},
        {BINDING, "{}", "Required roleRef"},
        {CBINDING, "{'roleRef': {'kind': 'Role', 'name': 'r'}}", "NotSupported roleRef.kind"},
        {HOOKS,
         "{'webhooks': [{'name': 'a.b.c', 'clientConfig': {'url': 'https://x/y'}, 'sideEffects': "
         "'None',"
         " 'admissionReviewVersions': ['v1']}]}",
         ""},
        {HOOKS, "{'webhooks': [{'name': 'a.b.c', 'clientConfig': {}}]}",
         "Required webhooks[0].clientConfig, Required webhooks[0].sideEffects, Required"
         " webhooks[0].admissionReviewVersions"},
        {HOOKS,
         "{'webhooks': [{'name': 'nodots', 'clientConfig': {'url': 'http://127.0.0.1/x'}, "
         "'sideEffects': 'Some',"
         " 'admissionReviewVersions': ['v1'], 'timeoutSeconds': 60, 'rules': [{'operations': "
         "['EAT'],"
         " 'apiGroups': ['*'], 'apiVersions': ['*'], 'resources': ['*']}]}]}",
         "Invalid webhooks[0].name, Invalid webhooks[0].clientConfig.url, NotSupported"
         " webhooks[0].rules[0].operations[0], Invalid webhooks[0].timeoutSeconds, NotSupported"
         " webhooks[0].sideEffects"},
        {TOKEN, S("{'expirationSeconds': 60}"), "Invalid spec.expirationSeconds"},
        {ACCESS, S("{'user': 'jane'}"), "Invalid spec.resourceAttributes"},
        {SCALE, S("{'replicas': -1}"), "Invalid spec.replicas"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct type *t = type_get(&rows[i].kind);
        cJSON *j AUTO(json_freep) = decoded(t, rows[i].object, a);
        struct causes c = {.arena = a};
        type_default(t, j);
        type_validate(t, j, NULL, &c);
        assert_causes(&c, rows[i].causes, rows[i].object);
    }
}

static void test_validate_pod(void **state)
{
    static const struct {
        const char *object, *causes;
    } rows[] = {
        {C(""), ""},
        {"{}", "Required spec.containers"},
        {S("{'containers': []}"), "Required spec.containers"},
        {S("{'containers': [{'name': 'c'}, {'image': 'i'}]}"),
         "Required spec.containers[0].image, Required spec.containers[1].name"},
        {S("{'containers': [{'name': 'c', 'image': 'a'}, {'name': 'c', 'image': 'b'}]}"),
         "Duplicate spec.containers[1].name"},
        {S("{'initContainers': [{'name': 'c', 'image': 'a'}], 'containers': [{'name': 'c', "
           "'image': 'b'}]}"),
         "Duplicate spec.containers[0].name"},
        {S("{'containers': [{'name': 'Bad_', 'image': ' i'}]}"),
         "Invalid spec.containers[0].name, Invalid spec.containers[0].image"},
        {C(", 'ports': [{'containerPort': 80, 'name': 'a'}, {'containerPort': 0, 'name': 'a'}, "
           "{'containerPort': 70000,"
           " 'protocol': 'X'}]"),
         "Duplicate spec.containers[0].ports[1].name, Invalid "
         "spec.containers[0].ports[1].containerPort, NotSupported"
         " spec.containers[0].ports[2].protocol, Invalid "
         "spec.containers[0].ports[2].containerPort"},
        {C(", 'env': [{'name': 'A', 'value': 'x', 'valueFrom': {'fieldRef': {'fieldPath': 'a'}}}, "
           "{'value': 'x'},"
           " {'name': 'B', 'valueFrom': {}}]"),
         "Invalid spec.containers[0].env[0].valueFrom, Required spec.containers[0].env[1].name, "
         "Invalid"
         " spec.containers[0].env[2].valueFrom"},
        {C(", 'volumeMounts': [{'name': 'none', 'mountPath': '/a'}, {'name': 'none', 'mountPath': "
           "'/a', 'subPath':"
           " '../x'}]"),
         "NotFound spec.containers[0].volumeMounts[0].name, NotFound "
         "spec.containers[0].volumeMounts[1].name, Invalid"
         " spec.containers[0].volumeMounts[1].mountPath, Invalid "
         "spec.containers[0].volumeMounts[1].subPath"},
        {C(", 'livenessProbe': {}, 'readinessProbe': {'exec': {'command': ['x']}, 'tcpSocket': "
           "{'port': 1}},"
           " 'startupProbe': {'tcpSocket': {'port': 70000}, 'periodSeconds': -1}"),
         "Required spec.containers[0].livenessProbe, Forbidden spec.containers[0].readinessProbe, "
         "Invalid"
         " spec.containers[0].startupProbe.periodSeconds, Invalid "
         "spec.containers[0].startupProbe.tcpSocket.port"},
        {C(", 'resources': {'limits': {'cpu': '1', 'memory': '-1'}, 'requests': {'cpu': '2'}}"),
         "Invalid spec.containers[0].resources.limits[memory], Invalid "
         "spec.containers[0].resources.requests, Invalid"
         " spec.containers[0].resources.requests[memory]"},
        {C(", 'imagePullPolicy': 'Sometimes'"), "NotSupported spec.containers[0].imagePullPolicy"},
        {S("{'containers': [{'name': 'c', 'image': 'i'}], 'restartPolicy': 'Sometimes', "
           "'dnsPolicy': 'None', 'hostname':"
           " 'UPPER', 'terminationGracePeriodSeconds': -1, 'nodeSelector': {'a b': 'x'}, "
           "'hostAliases': [{'ip': 'x'}]}"),
         "NotSupported spec.restartPolicy, Invalid spec.hostname, Invalid spec.nodeSelector, "
         "Invalid"
         " spec.hostAliases[0].ip, Invalid spec.terminationGracePeriodSeconds, Required "
         "spec.dnsConfig.nameservers"},
        {S("{'containers': [{'name': 'c', 'image': 'i'}], 'volumes': [{'name': 'v', 'emptyDir': "
           "{}, 'configMap': {}},"
           " {'name': 'v', 'persistentVolumeClaim': {}}, {'name': 'w', 'secret': {'defaultMode': "
           "512}}]}"),
         "Duplicate spec.volumes[1].name, Forbidden spec.volumes[0].configMap, Required"
         " spec.volumes[1].persistentVolumeClaim.claimName, Invalid "
         "spec.volumes[2].secret.defaultMode"},
        {S("{'containers': [{'name': 'c', 'image': 'i'}], 'tolerations': [{'key': 'a'}, "
           "{'operator': 'Exists'}, {},"
           " {'key': 'a', 'operator': 'Exists', 'value': 'x'}, {'key': 'a', 'tolerationSeconds': "
           "3}]}"),
         "Invalid spec.tolerations[2].operator, Invalid spec.tolerations[3].operator, Invalid"
         " spec.tolerations[4].effect"},
        {S("{'containers': [{'name': 'c', 'image': 'i'}], 'affinity': {'podAntiAffinity':"
           " {'requiredDuringSchedulingIgnoredDuringExecution': [{'labelSelector': {'matchLabels': "
           "{'a b': 'c'}}}]}}}"),
         "Required "
         "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]."
         "topologyKey, Invalid"
         " spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]."
         "labelSelector.matchLabels"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    const struct type *t = type_of("", "v1", "Pod");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *j AUTO(json_freep) = decoded(t, rows[i].object, a);
        struct causes c = {.arena = a};
        type_default(t, j);
        type_validate(t, j, NULL, &c);
        assert_causes(&c, rows[i].causes, rows[i].object);
    }
}

/* --- updates -------------------------------------------------------------------------------- */

static void test_update(void **state)
{
    static const struct {
        struct kind kind;
        const char *old, *now, *causes;
    } rows[] = {
        {CONFIG, "{'data': {'a': '1'}, 'immutable': true}",
         "{'data': {'a': '2'}, 'immutable': true}", "Forbidden data"},
        {CONFIG, "{'data': {'a': '1'}, 'immutable': true}", "{'data': {'a': '1'}}",
         "Forbidden immutable"},
        {CONFIG, "{'data': {'a': '1'}}", "{'data': {'a': '2'}, 'immutable': true}", ""},
        {SECRET, "{'type': 'Opaque'}", "{'type': 'kubernetes.io/tls'}",
         "Invalid type, Required data[tls.crt], Required data[tls.key]"},
        {SERVICE, S("{'clusterIP': '10.0.0.1', 'ports': [{'port': 80}]}"),
         S("{'clusterIP': '10.0.0.99', 'clusterIPs': ['10.0.0.1'], 'ports': [{'port': 80}]}"),
         "Invalid spec.clusterIPs[0]"},
        {SERVICE, S("{'clusterIP': '10.0.0.1', 'ports': [{'port': 80}]}"),
         S("{'clusterIP': '10.0.0.1', 'ports': [{'port': 81}]}"), ""},
        {JOB,
         S("{'template': {'spec': {'restartPolicy': 'Never', 'containers': [{'name': 'c', 'image': "
           "'i'}]}}}"),
         S("{'template': {'spec': {'restartPolicy': 'Never', 'containers': [{'name': 'c', 'image': "
           "'j'}]}}}"),
         "Invalid spec.template"},
        {BINDING, "{'roleRef': {'kind': 'Role', 'name': 'r'}}",
         "{'roleRef': {'kind': 'Role', 'name': 'other'}}", "Invalid roleRef"},
        {CLAIM,
         S("{'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}}"),
         S("{'accessModes': ['ReadWriteOnce'], 'volumeName': 'v', 'resources': {'requests': "
           "{'storage': '2Gi'}}}"),
         ""},
        {CLAIM,
         S("{'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '2Gi'}}}"),
         S("{'accessModes': ['ReadWriteMany'], 'resources': {'requests': {'storage': '1Gi'}}}"),
         "Forbidden spec, Forbidden spec.resources.requests.storage"},
        {VOLUME,
         S("{'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteOnce'], 'hostPath': "
           "{'path': '/d'}}"),
         S("{'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteOnce'], 'hostPath': "
           "{'path': '/e'}}"),
         "Forbidden spec.persistentvolumesource"},
        {SLICE, "{'addressType': 'IPv4'}", "{'addressType': 'IPv6'}", "Invalid addressType"},
        {{"apps", "v1", "ControllerRevision"},
         "{'data': {'a': 1}}",
         "{'data': {'a': 2}, 'revision': -1}",
         "Invalid data, Invalid revision"},
        {POD, C(""), C(", 'workingDir': '/x'"), "Forbidden spec"},
        {POD, C(""),
         S("{'containers': [{'name': 'c', 'image': 'other'}], 'activeDeadlineSeconds': 5, "
           "'tolerations':"
           " [{'operator': 'Exists'}]}"),
         ""},
        {POD,
         S("{'containers': [{'name': 'c', 'image': 'i'}], 'tolerations': [{'operator': "
           "'Exists'}]}"),
         C(""), "Forbidden spec"},
        {POD, S("{'containers': [{'name': 'c', 'image': 'i'}], 'nodeName': 'a'}"),
         S("{'containers': [{'name': 'c', 'image': 'i'}], 'nodeName': 'b'}"), "Forbidden spec"},
        {POD, S("{'containers': [{'name': 'c', 'image': 'i'}], 'activeDeadlineSeconds': 5}"),
         S("{'containers': [{'name': 'c', 'image': 'i'}], 'activeDeadlineSeconds': 6}"),
         "Invalid spec.activeDeadlineSeconds"},
        {POD, C(""),
         S("{'containers': [{'name': 'c', 'image': 'i'}, {'name': 'd', 'image': 'i'}]}"),
         "Forbidden spec"},
        /* Nobody can create these without a spec; a store written by hand may have them. */
        {POD, "{}", S("{'containers': [{'name': 'c', 'image': 'i'}], 'activeDeadlineSeconds': 5}"),
         "Forbidden spec"},
        {CLAIM, "{}",
         S("{'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}}"),
         "Forbidden spec"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct type *t = type_get(&rows[i].kind);
        cJSON *old AUTO(json_freep) = decoded(t, rows[i].old, a),
                   *now AUTO(json_freep) = decoded(t, rows[i].now, a);
        struct causes c = {.arena = a};
        type_default(t, old);
        type_default(t, now);
        type_validate(t, now, old, &c);
        assert_causes(&c, rows[i].causes, rows[i].now);
    }
}

static void test_size(void **state)
{
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    const struct type *t = type_of("", "v1", "ConfigMap");
    char *big = mem_alloc(1024 * 1024 + 2);
    memset(big, 'x', 1024 * 1024 + 1);
    cJSON *j AUTO(json_freep) = js("{'data': {}}");
    cJSON_AddStringToObject(cJSON_GetObjectItem(j, "data"), "k", big);
    struct causes c = {.arena = a};
    type_validate(t, j, NULL, &c);
    assert_causes(&c, "TooLong []", "1 MiB and a byte");
    big[1024 * 1024] = '\0';
    json_put_str(j, big, "data", "k");
    c = (struct causes){.arena = a};
    type_validate(t, j, NULL, &c);
    assert_causes(&c, "", "1 MiB");
    mem_free(big);
}

static void test_qos(void **state)
{
    static const struct {
        const char *pod, *class;
    } rows[] = {
        {C(""), "BestEffort"},
        {C(", 'resources': {'limits': {'cpu': '1', 'memory': '1Gi'}}"), "Guaranteed"},
        {C(", 'resources': {'limits': {'cpu': '1', 'memory': '1Gi'}, 'requests': {'cpu': '500m'}}"),
         "Burstable"},
        {C(", 'resources': {'limits': {'cpu': '1'}}"), "Burstable"},
        {C(", 'resources': {'requests': {'memory': '1Mi'}}"), "Burstable"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    const struct type *t = type_of("", "v1", "Pod");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *j AUTO(json_freep) = decoded(t, rows[i].pod, a);
        type_default(t, j);
        assert_string_equal(pod_qos_class(j), rows[i].class);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    assert_non_null(type_of("policy", "v1beta1", "Eviction"));
    assert_null(type_of("", "v1", "Nope"));
    assert_null(type_of("", "v2", "Pod"));
    assert_null(type_of("apps", "v1", "Pod"));
    const struct type_field *f = type_field_find(type_of("", "v1", "Pod"), "spec");
    assert_non_null(f);
    /* Sources of a volume lie in the volume itself. */
    const struct type_field *volumes = type_field_find(f->ref, "volumes");
    assert_non_null(type_field_find(volumes->ref, "emptyDir"));
    assert_non_null(type_field_find(volumes->ref, "name"));
    assert_null(type_field_find(volumes->ref, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),        cmocka_unit_test(test_decode_errors),
        cmocka_unit_test(test_unknown_bound), cmocka_unit_test(test_default),
        cmocka_unit_test(test_validate),      cmocka_unit_test(test_validate_pod),
        cmocka_unit_test(test_update),        cmocka_unit_test(test_size),
        cmocka_unit_test(test_qos),           cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
