/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Node of core/v1.
 */
#include "apiserver/types_rows.h"

static const struct type_field taint_rows[] = {
    ROW_STR("key", 1, TF_REQUIRED),
    ROW_STR("value", 2, TF_OMIT_ZERO),
    ROW_STR("effect", 3, TF_REQUIRED, .allowed = "NoSchedule|PreferNoSchedule|NoExecute"),
    ROW_TIME("timeAdded", 4, 0),
    ROW_END,
};
static const struct type TYPE_TAINT = {
    .name = "Taint", .package = "io.k8s.api.core.v1", .fields = taint_rows};

static const struct type_field node_spec_rows[] = {
    ROW_STR("podCIDR", 1, TF_OMIT_ZERO, .help = "Address range of the pods on this node."),
    ROW_SCALARS("podCIDRs", 7, 0, T_STRING, .merge_key = ""),
    ROW_STR("providerID", 3, TF_OMIT_ZERO),
    ROW_BOOL("unschedulable", 4, TF_OMIT_ZERO,
             .help = "True keeps new pods off the node (kubectl cordon)."),
    ROW_LIST("taints", 5, 0, &TYPE_TAINT,
             .help = "Marks that keep away pods without a matching toleration."),
    ROW_ANY("configSource", 6, 0),
    ROW_STR("externalID", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_NODE_SPEC = {
    .name = "NodeSpec", .package = "io.k8s.api.core.v1", .fields = node_spec_rows};

static const struct type_field node_condition_rows[] = {
    ROW_STR("type", 1, 0, .def = "\"\""),
    ROW_STR("status", 2, 0, .def = "\"\""),
    ROW_TIME("lastHeartbeatTime", 3, TF_NULL),
    ROW_TIME("lastTransitionTime", 4, TF_NULL),
    ROW_STR("reason", 5, TF_OMIT_ZERO),
    ROW_STR("message", 6, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_NODE_CONDITION = {
    .name = "NodeCondition", .package = "io.k8s.api.core.v1", .fields = node_condition_rows};

static const struct type_field node_address_rows[] = {
    ROW_STR("type", 1, 0, .def = "\"\""),
    ROW_STR("address", 2, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_NODE_ADDRESS = {
    .name = "NodeAddress", .package = "io.k8s.api.core.v1", .fields = node_address_rows};

static const struct type_field daemon_endpoint_rows[] = {
    ROW_INT("Port", 1, 0, .def = "0"),
    ROW_END,
};
static const struct type TYPE_DAEMON_ENDPOINT = {
    .name = "DaemonEndpoint", .package = "io.k8s.api.core.v1", .fields = daemon_endpoint_rows};

static const struct type_field node_daemon_endpoints_rows[] = {
    ROW_OBJ("kubeletEndpoint", 1, 0, &TYPE_DAEMON_ENDPOINT, .def = "{}"),
    ROW_END,
};
static const struct type TYPE_NODE_DAEMON_ENDPOINTS = {.name = "NodeDaemonEndpoints",
                                                       .package = "io.k8s.api.core.v1",
                                                       .fields = node_daemon_endpoints_rows};

static const struct type_field node_swap_status_rows[] = {
    ROW_LONG("capacity", 1, 0),
    ROW_END,
};
static const struct type TYPE_NODE_SWAP_STATUS = {
    .name = "NodeSwapStatus", .package = "io.k8s.api.core.v1", .fields = node_swap_status_rows};

static const struct type_field node_system_info_rows[] = {
    ROW_STR("machineID", 1, 0, .def = "\"\""),
    ROW_STR("systemUUID", 2, 0, .def = "\"\""),
    ROW_STR("bootID", 3, 0, .def = "\"\""),
    ROW_STR("kernelVersion", 4, 0, .def = "\"\""),
    ROW_STR("osImage", 5, 0, .def = "\"\""),
    ROW_STR("containerRuntimeVersion", 6, 0, .def = "\"\""),
    ROW_STR("kubeletVersion", 7, 0, .def = "\"\""),
    ROW_STR("kubeProxyVersion", 8, 0, .def = "\"\""),
    ROW_STR("operatingSystem", 9, 0, .def = "\"\""),
    ROW_STR("architecture", 10, 0, .def = "\"\""),
    ROW_OBJ("swap", 11, 0, &TYPE_NODE_SWAP_STATUS),
    ROW_END,
};
static const struct type TYPE_NODE_SYSTEM_INFO = {
    .name = "NodeSystemInfo", .package = "io.k8s.api.core.v1", .fields = node_system_info_rows};

static const struct type_field container_image_rows[] = {
    ROW_SCALARS("names", 1, 0, T_STRING),
    ROW_LONG("sizeBytes", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_CONTAINER_IMAGE = {
    .name = "ContainerImage", .package = "io.k8s.api.core.v1", .fields = container_image_rows};

static const struct type_field attached_volume_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_STR("devicePath", 2, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_ATTACHED_VOLUME = {
    .name = "AttachedVolume", .package = "io.k8s.api.core.v1", .fields = attached_volume_rows};

static const struct type_field node_runtime_handler_features_rows[] = {
    ROW_BOOL("recursiveReadOnlyMounts", 1, 0),
    ROW_BOOL("userNamespaces", 2, 0),
    ROW_END,
};
static const struct type TYPE_NODE_RUNTIME_HANDLER_FEATURES = {
    .name = "NodeRuntimeHandlerFeatures",
    .package = "io.k8s.api.core.v1",
    .fields = node_runtime_handler_features_rows};

static const struct type_field node_runtime_handler_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_OBJ("features", 2, 0, &TYPE_NODE_RUNTIME_HANDLER_FEATURES),
    ROW_END,
};
static const struct type TYPE_NODE_RUNTIME_HANDLER = {.name = "NodeRuntimeHandler",
                                                      .package = "io.k8s.api.core.v1",
                                                      .fields = node_runtime_handler_rows};

static const struct type_field node_features_rows[] = {
    ROW_BOOL("supplementalGroupsPolicy", 1, 0),
    ROW_END,
};
static const struct type TYPE_NODE_FEATURES = {
    .name = "NodeFeatures", .package = "io.k8s.api.core.v1", .fields = node_features_rows};

static const struct type_field node_status_rows[] = {
    ROW_MAP("capacity", 1, 0, T_QUANTITY, .help = "Resources the node has in total."),
    ROW_MAP("allocatable", 2, 0, T_QUANTITY, .help = "Resources of the node that pods may use."),
    ROW_STR("phase", 3, TF_OMIT_ZERO),
    ROW_LIST("conditions", 4, 0, &TYPE_NODE_CONDITION, .merge_key = "type",
             .help = "Health of the node by aspect; Ready is the main one."),
    ROW_LIST("addresses", 5, 0, &TYPE_NODE_ADDRESS, .merge_key = "type",
             .help = "Addresses under which the node is reached."),
    ROW_OBJ("daemonEndpoints", 6, 0, &TYPE_NODE_DAEMON_ENDPOINTS, .def = "{}"),
    ROW_OBJ("nodeInfo", 7, 0, &TYPE_NODE_SYSTEM_INFO, .def = "{}",
            .help = "Versions and identifiers of the machine and its software."),
    ROW_LIST("images", 8, 0, &TYPE_CONTAINER_IMAGE),
    ROW_SCALARS("volumesInUse", 9, 0, T_STRING),
    ROW_LIST("volumesAttached", 10, 0, &TYPE_ATTACHED_VOLUME),
    ROW_ANY("config", 11, 0),
    ROW_LIST("runtimeHandlers", 12, 0, &TYPE_NODE_RUNTIME_HANDLER),
    ROW_OBJ("features", 13, 0, &TYPE_NODE_FEATURES),
    ROW_END,
};
static const struct type TYPE_NODE_STATUS = {
    .name = "NodeStatus", .package = "io.k8s.api.core.v1", .fields = node_status_rows};

static const struct type_field node_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_NODE_SPEC, .def = "{}", .help = "How the node may be used."),
    ROW_OBJ("status", 3, 0, &TYPE_NODE_STATUS, .def = "{}",
            .help = "What the node reports about itself."),
    ROW_END,
};
const struct type TYPE_NODE = {.name = "Node",
                               .package = "io.k8s.api.core.v1",
                               .fields = node_rows,
                               .check = node_check,
                               .help = "A machine that runs pods."};
