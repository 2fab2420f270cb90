/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status of a Pod and of its containers.
 */
#include "apiserver/types_rows.h"

static const struct type_field pod_condition_rows[] = {
    ROW_STR("type", 1, 0, .def = "\"\""),       ROW_LONG("observedGeneration", 7, TF_OMIT_ZERO),
    ROW_STR("status", 2, 0, .def = "\"\""),     ROW_TIME("lastProbeTime", 3, TF_NULL),
    ROW_TIME("lastTransitionTime", 4, TF_NULL), ROW_STR("reason", 5, TF_OMIT_ZERO),
    ROW_STR("message", 6, TF_OMIT_ZERO),        ROW_END,
};
static const struct type TYPE_POD_CONDITION = {
    .name = "PodCondition", .package = "io.k8s.api.core.v1", .fields = pod_condition_rows};

static const struct type_field host_ip_rows[] = {
    ROW_STR("ip", 1, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_HOST_IP = {
    .name = "HostIP", .package = "io.k8s.api.core.v1", .fields = host_ip_rows};

static const struct type_field pod_ip_rows[] = {
    ROW_STR("ip", 1, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_POD_IP = {
    .name = "PodIP", .package = "io.k8s.api.core.v1", .fields = pod_ip_rows};

static const struct type_field container_state_waiting_rows[] = {
    ROW_STR("reason", 1, TF_OMIT_ZERO),
    ROW_STR("message", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_CONTAINER_STATE_WAITING = {.name = "ContainerStateWaiting",
                                                         .package = "io.k8s.api.core.v1",
                                                         .fields = container_state_waiting_rows};

static const struct type_field container_state_running_rows[] = {
    ROW_TIME("startedAt", 1, TF_NULL),
    ROW_END,
};
static const struct type TYPE_CONTAINER_STATE_RUNNING = {.name = "ContainerStateRunning",
                                                         .package = "io.k8s.api.core.v1",
                                                         .fields = container_state_running_rows};

static const struct type_field container_state_terminated_rows[] = {
    ROW_INT("exitCode", 1, 0, .def = "0"),   ROW_INT("signal", 2, TF_OMIT_ZERO),
    ROW_STR("reason", 3, TF_OMIT_ZERO),      ROW_STR("message", 4, TF_OMIT_ZERO),
    ROW_TIME("startedAt", 5, TF_NULL),       ROW_TIME("finishedAt", 6, TF_NULL),
    ROW_STR("containerID", 7, TF_OMIT_ZERO), ROW_END,
};
static const struct type TYPE_CONTAINER_STATE_TERMINATED = {.name = "ContainerStateTerminated",
                                                            .package = "io.k8s.api.core.v1",
                                                            .fields =
                                                                container_state_terminated_rows};

static const struct type_field container_state_rows[] = {
    ROW_OBJ("waiting", 1, 0, &TYPE_CONTAINER_STATE_WAITING),
    ROW_OBJ("running", 2, 0, &TYPE_CONTAINER_STATE_RUNNING),
    ROW_OBJ("terminated", 3, 0, &TYPE_CONTAINER_STATE_TERMINATED),
    ROW_END,
};
static const struct type TYPE_CONTAINER_STATE = {
    .name = "ContainerState", .package = "io.k8s.api.core.v1", .fields = container_state_rows};

static const struct type_field volume_mount_status_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_STR("mountPath", 2, 0, .def = "\"\""),
    ROW_BOOL("readOnly", 3, TF_OMIT_ZERO),
    ROW_STR("recursiveReadOnly", 4, 0),
    ROW_END,
};
static const struct type TYPE_VOLUME_MOUNT_STATUS = {.name = "VolumeMountStatus",
                                                     .package = "io.k8s.api.core.v1",
                                                     .fields = volume_mount_status_rows};

static const struct type_field linux_container_user_rows[] = {
    ROW_LONG("uid", 1, 0, .def = "0"),
    ROW_LONG("gid", 2, 0, .def = "0"),
    ROW_SCALARS("supplementalGroups", 3, 0, T_INT64),
    ROW_END,
};
static const struct type TYPE_LINUX_CONTAINER_USER = {.name = "LinuxContainerUser",
                                                      .package = "io.k8s.api.core.v1",
                                                      .fields = linux_container_user_rows};

static const struct type_field container_user_rows[] = {
    ROW_OBJ("linux", 1, 0, &TYPE_LINUX_CONTAINER_USER),
    ROW_END,
};
static const struct type TYPE_CONTAINER_USER = {
    .name = "ContainerUser", .package = "io.k8s.api.core.v1", .fields = container_user_rows};

static const struct type_field resource_health_rows[] = {
    ROW_STR("resourceID", 1, 0, .def = "\"\""),
    ROW_STR("health", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_RESOURCE_HEALTH = {
    .name = "ResourceHealth", .package = "io.k8s.api.core.v1", .fields = resource_health_rows};

static const struct type_field resource_status_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_LIST("resources", 2, 0, &TYPE_RESOURCE_HEALTH),
    ROW_END,
};
static const struct type TYPE_RESOURCE_STATUS = {
    .name = "ResourceStatus", .package = "io.k8s.api.core.v1", .fields = resource_status_rows};

static const struct type_field container_status_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_OBJ("state", 2, 0, &TYPE_CONTAINER_STATE, .def = "{}"),
    ROW_OBJ("lastState", 3, 0, &TYPE_CONTAINER_STATE, .def = "{}"),
    ROW_BOOL("ready", 4, 0, .def = "false"),
    ROW_INT("restartCount", 5, 0, .def = "0"),
    ROW_STR("image", 6, 0, .def = "\"\""),
    ROW_STR("imageID", 7, 0, .def = "\"\""),
    ROW_STR("containerID", 8, TF_OMIT_ZERO),
    ROW_BOOL("started", 9, 0),
    ROW_MAP("allocatedResources", 10, 0, T_QUANTITY),
    ROW_OBJ("resources", 11, 0, &TYPE_RESOURCE_REQUIREMENTS),
    ROW_LIST("volumeMounts", 12, 0, &TYPE_VOLUME_MOUNT_STATUS, .merge_key = "mountPath"),
    ROW_OBJ("user", 13, 0, &TYPE_CONTAINER_USER),
    ROW_LIST("allocatedResourcesStatus", 14, 0, &TYPE_RESOURCE_STATUS, .merge_key = "name"),
    ROW_STR("stopSignal", 15, 0),
    ROW_END,
};
static const struct type TYPE_CONTAINER_STATUS = {
    .name = "ContainerStatus", .package = "io.k8s.api.core.v1", .fields = container_status_rows};

static const struct type_field pod_resource_claim_status_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_STR("resourceClaimName", 2, 0),
    ROW_END,
};
static const struct type TYPE_POD_RESOURCE_CLAIM_STATUS = {.name = "PodResourceClaimStatus",
                                                           .package = "io.k8s.api.core.v1",
                                                           .fields =
                                                               pod_resource_claim_status_rows};

static const struct type_field container_extended_resource_request_rows[] = {
    ROW_STR("containerName", 1, 0, .def = "\"\""),
    ROW_STR("resourceName", 2, 0, .def = "\"\""),
    ROW_STR("requestName", 3, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_CONTAINER_EXTENDED_RESOURCE_REQUEST = {
    .name = "ContainerExtendedResourceRequest",
    .package = "io.k8s.api.core.v1",
    .fields = container_extended_resource_request_rows};

static const struct type_field pod_extended_resource_claim_status_rows[] = {
    ROW_LIST("requestMappings", 1, 0, &TYPE_CONTAINER_EXTENDED_RESOURCE_REQUEST),
    ROW_STR("resourceClaimName", 2, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_POD_EXTENDED_RESOURCE_CLAIM_STATUS = {
    .name = "PodExtendedResourceClaimStatus",
    .package = "io.k8s.api.core.v1",
    .fields = pod_extended_resource_claim_status_rows};

static const struct type_field pod_status_rows[] = {
    ROW_LONG("observedGeneration", 17, TF_OMIT_ZERO),
    ROW_STR("phase", 1, TF_OMIT_ZERO, .help = "Pending, Running, Succeeded, Failed or Unknown."),
    ROW_LIST("conditions", 2, 0, &TYPE_POD_CONDITION, .merge_key = "type",
             .help = "State by aspect: PodScheduled, Initialized, ContainersReady, Ready."),
    ROW_STR("message", 3, TF_OMIT_ZERO, .help = "Sentence that says why the pod is in this state."),
    ROW_STR("reason", 4, TF_OMIT_ZERO,
            .help = "One word that says why the pod is in this state, e.g. Evicted."),
    ROW_STR("nominatedNodeName", 11, TF_OMIT_ZERO,
            .help = "Node on which the pod waits for others to leave."),
    ROW_STR("hostIP", 5, TF_OMIT_ZERO, .help = "Address of the node."),
    ROW_LIST("hostIPs", 16, 0, &TYPE_HOST_IP, .merge_key = "ip"),
    ROW_STR("podIP", 6, TF_OMIT_ZERO, .help = "Address of the pod."),
    ROW_LIST("podIPs", 12, 0, &TYPE_POD_IP, .merge_key = "ip",
             .help = "All addresses of the pod; the first is podIP."),
    ROW_TIME("startTime", 7, 0, .help = "When the node took the pod."),
    ROW_LIST("initContainerStatuses", 10, 0, &TYPE_CONTAINER_STATUS,
             .help = "State of each init container."),
    ROW_LIST("containerStatuses", 8, 0, &TYPE_CONTAINER_STATUS, .help = "State of each container."),
    ROW_STR("qosClass", 9, TF_OMIT_ZERO,
            .help = "Quality of service class, from requests and limits."),
    ROW_LIST("ephemeralContainerStatuses", 13, 0, &TYPE_CONTAINER_STATUS),
    ROW_STR("resize", 14, TF_OMIT_ZERO),
    ROW_LIST("resourceClaimStatuses", 15, TF_RETAIN_KEYS, &TYPE_POD_RESOURCE_CLAIM_STATUS,
             .merge_key = "name"),
    ROW_OBJ("extendedResourceClaimStatus", 18, 0, &TYPE_POD_EXTENDED_RESOURCE_CLAIM_STATUS),
    ROW_END,
};
const struct type TYPE_POD_STATUS = {
    .name = "PodStatus", .package = "io.k8s.api.core.v1", .fields = pod_status_rows};
