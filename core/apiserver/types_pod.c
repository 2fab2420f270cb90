/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pod and its spec; containers, volumes and the status have files of their own.
 */
#include "apiserver/types_rows.h"

static const struct type_field ephemeral_container_rows[] = {
    ROW_INLINE(1, &TYPE_CONTAINER),
    ROW_STR("targetContainerName", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_EPHEMERAL_CONTAINER = {.name = "EphemeralContainer",
                                                     .package = "io.k8s.api.core.v1",
                                                     .fields = ephemeral_container_rows};

static const struct type_field sysctl_rows[] = {
    ROW_STR("name", 1, TF_REQUIRED),
    ROW_STR("value", 2, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_SYSCTL = {
    .name = "Sysctl", .package = "io.k8s.api.core.v1", .fields = sysctl_rows};

static const struct type_field pod_security_context_rows[] = {
    ROW_OBJ("seLinuxOptions", 1, 0, &TYPE_SE_LINUX_OPTIONS),
    ROW_OBJ("windowsOptions", 8, 0, &TYPE_WINDOWS_SECURITY_CONTEXT_OPTIONS),
    ROW_LONG("runAsUser", 2, 0, .help = "User id of the programs."),
    ROW_LONG("runAsGroup", 6, 0, .help = "Group id of the programs."),
    ROW_BOOL("runAsNonRoot", 3, 0, .help = "Refuse to run as user 0."),
    ROW_SCALARS("supplementalGroups", 4, 0, T_INT64),
    ROW_STR("supplementalGroupsPolicy", 12, 0),
    ROW_LONG("fsGroup", 5, 0, .help = "Group that owns the volumes."),
    ROW_LIST("sysctls", 7, 0, &TYPE_SYSCTL),
    ROW_STR("fsGroupChangePolicy", 9, 0, .allowed = "Always|OnRootMismatch"),
    ROW_OBJ("seccompProfile", 10, 0, &TYPE_SECCOMP_PROFILE),
    ROW_OBJ("appArmorProfile", 11, 0, &TYPE_APP_ARMOR_PROFILE),
    ROW_STR("seLinuxChangePolicy", 13, 0),
    ROW_END,
};
static const struct type TYPE_POD_SECURITY_CONTEXT = {.name = "PodSecurityContext",
                                                      .package = "io.k8s.api.core.v1",
                                                      .fields = pod_security_context_rows};

static const struct type_field node_selector_requirement_rows[] = {
    ROW_STR("key", 1, TF_REQUIRED),
    ROW_STR("operator", 2, TF_REQUIRED, .allowed = "In|NotIn|Exists|DoesNotExist|Gt|Lt"),
    ROW_SCALARS("values", 3, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_NODE_SELECTOR_REQUIREMENT = {.name = "NodeSelectorRequirement",
                                                           .package = "io.k8s.api.core.v1",
                                                           .fields =
                                                               node_selector_requirement_rows};

static const struct type_field node_selector_term_rows[] = {
    ROW_LIST("matchExpressions", 1, 0, &TYPE_NODE_SELECTOR_REQUIREMENT),
    ROW_LIST("matchFields", 2, 0, &TYPE_NODE_SELECTOR_REQUIREMENT),
    ROW_END,
};
static const struct type TYPE_NODE_SELECTOR_TERM = {
    .name = "NodeSelectorTerm", .package = "io.k8s.api.core.v1", .fields = node_selector_term_rows};

static const struct type_field node_selector_rows[] = {
    ROW_LIST("nodeSelectorTerms", 1, TF_REQUIRED, &TYPE_NODE_SELECTOR_TERM),
    ROW_END,
};
const struct type TYPE_NODE_SELECTOR = {
    .name = "NodeSelector", .package = "io.k8s.api.core.v1", .fields = node_selector_rows};

static const struct type_field preferred_scheduling_term_rows[] = {
    ROW_INT("weight", 1, 0, .def = "0"),
    ROW_OBJ("preference", 2, 0, &TYPE_NODE_SELECTOR_TERM, .def = "{}"),
    ROW_END,
};
static const struct type TYPE_PREFERRED_SCHEDULING_TERM = {.name = "PreferredSchedulingTerm",
                                                           .package = "io.k8s.api.core.v1",
                                                           .fields =
                                                               preferred_scheduling_term_rows};

static const struct type_field node_affinity_rows[] = {
    ROW_OBJ("requiredDuringSchedulingIgnoredDuringExecution", 1, 0, &TYPE_NODE_SELECTOR),
    ROW_LIST("preferredDuringSchedulingIgnoredDuringExecution", 2, 0,
             &TYPE_PREFERRED_SCHEDULING_TERM),
    ROW_END,
};
static const struct type TYPE_NODE_AFFINITY = {
    .name = "NodeAffinity", .package = "io.k8s.api.core.v1", .fields = node_affinity_rows};

static const struct type_field pod_affinity_term_rows[] = {
    ROW_OBJ("labelSelector", 1, 0, &TYPE_LABEL_SELECTOR),
    ROW_SCALARS("namespaces", 2, 0, T_STRING),
    ROW_STR("topologyKey", 3, TF_REQUIRED),
    ROW_OBJ("namespaceSelector", 4, 0, &TYPE_LABEL_SELECTOR),
    ROW_SCALARS("matchLabelKeys", 5, 0, T_STRING),
    ROW_SCALARS("mismatchLabelKeys", 6, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_POD_AFFINITY_TERM = {
    .name = "PodAffinityTerm", .package = "io.k8s.api.core.v1", .fields = pod_affinity_term_rows};

static const struct type_field weighted_pod_affinity_term_rows[] = {
    ROW_INT("weight", 1, 0, .def = "0"),
    ROW_OBJ("podAffinityTerm", 2, 0, &TYPE_POD_AFFINITY_TERM, .def = "{}"),
    ROW_END,
};
static const struct type TYPE_WEIGHTED_POD_AFFINITY_TERM = {.name = "WeightedPodAffinityTerm",
                                                            .package = "io.k8s.api.core.v1",
                                                            .fields =
                                                                weighted_pod_affinity_term_rows};

static const struct type_field pod_affinity_rows[] = {
    ROW_LIST("requiredDuringSchedulingIgnoredDuringExecution", 1, 0, &TYPE_POD_AFFINITY_TERM),
    ROW_LIST("preferredDuringSchedulingIgnoredDuringExecution", 2, 0,
             &TYPE_WEIGHTED_POD_AFFINITY_TERM),
    ROW_END,
};
static const struct type TYPE_POD_AFFINITY = {
    .name = "PodAffinity", .package = "io.k8s.api.core.v1", .fields = pod_affinity_rows};

static const struct type_field pod_anti_affinity_rows[] = {
    ROW_LIST("requiredDuringSchedulingIgnoredDuringExecution", 1, 0, &TYPE_POD_AFFINITY_TERM),
    ROW_LIST("preferredDuringSchedulingIgnoredDuringExecution", 2, 0,
             &TYPE_WEIGHTED_POD_AFFINITY_TERM),
    ROW_END,
};
static const struct type TYPE_POD_ANTI_AFFINITY = {
    .name = "PodAntiAffinity", .package = "io.k8s.api.core.v1", .fields = pod_anti_affinity_rows};

static const struct type_field affinity_rows[] = {
    ROW_OBJ("nodeAffinity", 1, 0, &TYPE_NODE_AFFINITY),
    ROW_OBJ("podAffinity", 2, 0, &TYPE_POD_AFFINITY),
    ROW_OBJ("podAntiAffinity", 3, 0, &TYPE_POD_ANTI_AFFINITY),
    ROW_END,
};
static const struct type TYPE_AFFINITY = {
    .name = "Affinity", .package = "io.k8s.api.core.v1", .fields = affinity_rows};

static const struct type_field toleration_rows[] = {
    ROW_STR("key", 1, TF_OMIT_ZERO,
            .help = "Taint the toleration is about; empty with Exists means all."),
    ROW_STR("operator", 2, TF_OMIT_ZERO, .allowed = "Exists|Equal",
            .help = "Exists, or Equal (the default) to compare the value."),
    ROW_STR("value", 3, TF_OMIT_ZERO, .help = "Value of the taint for Equal."),
    ROW_STR("effect", 4, TF_OMIT_ZERO, .allowed = "NoSchedule|PreferNoSchedule|NoExecute",
            .help = "Effect of the taint; empty means all."),
    ROW_LONG("tolerationSeconds", 5, 0,
             .help = "How long a NoExecute taint is tolerated; absent means for ever."),
    ROW_END,
};
static const struct type TYPE_TOLERATION = {.name = "Toleration",
                                            .package = "io.k8s.api.core.v1",
                                            .fields = toleration_rows,
                                            .check = toleration_check};

static const struct type_field host_alias_rows[] = {
    ROW_STR("ip", 1, TF_REQUIRED),
    ROW_SCALARS("hostnames", 2, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_HOST_ALIAS = {
    .name = "HostAlias", .package = "io.k8s.api.core.v1", .fields = host_alias_rows};

static const struct type_field pod_dns_config_option_rows[] = {
    ROW_STR("name", 1, TF_OMIT_ZERO),
    ROW_STR("value", 2, 0),
    ROW_END,
};
static const struct type TYPE_POD_DNS_CONFIG_OPTION = {.name = "PodDNSConfigOption",
                                                       .package = "io.k8s.api.core.v1",
                                                       .fields = pod_dns_config_option_rows};

static const struct type_field pod_dns_config_rows[] = {
    ROW_SCALARS("nameservers", 1, 0, T_STRING),
    ROW_SCALARS("searches", 2, 0, T_STRING),
    ROW_LIST("options", 3, 0, &TYPE_POD_DNS_CONFIG_OPTION),
    ROW_END,
};
static const struct type TYPE_POD_DNS_CONFIG = {
    .name = "PodDNSConfig", .package = "io.k8s.api.core.v1", .fields = pod_dns_config_rows};

static const struct type_field pod_readiness_gate_rows[] = {
    ROW_STR("conditionType", 1, TF_REQUIRED),
    ROW_END,
};
static const struct type TYPE_POD_READINESS_GATE = {
    .name = "PodReadinessGate", .package = "io.k8s.api.core.v1", .fields = pod_readiness_gate_rows};

static const struct type_field topology_spread_constraint_rows[] = {
    ROW_INT("maxSkew", 1, 0, .def = "0"),
    ROW_STR("topologyKey", 2, TF_REQUIRED),
    ROW_STR("whenUnsatisfiable", 3, 0, .def = "\"\"", .allowed = "DoNotSchedule|ScheduleAnyway"),
    ROW_OBJ("labelSelector", 4, 0, &TYPE_LABEL_SELECTOR),
    ROW_INT("minDomains", 5, 0),
    ROW_STR("nodeAffinityPolicy", 6, 0, .allowed = "Honor|Ignore"),
    ROW_STR("nodeTaintsPolicy", 7, 0, .allowed = "Honor|Ignore"),
    ROW_SCALARS("matchLabelKeys", 8, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_TOPOLOGY_SPREAD_CONSTRAINT = {.name = "TopologySpreadConstraint",
                                                            .package = "io.k8s.api.core.v1",
                                                            .fields =
                                                                topology_spread_constraint_rows};

static const struct type_field pod_os_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\"", .allowed = "linux|windows"),
    ROW_END,
};
static const struct type TYPE_POD_OS = {
    .name = "PodOS", .package = "io.k8s.api.core.v1", .fields = pod_os_rows};

static const struct type_field pod_scheduling_gate_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_POD_SCHEDULING_GATE = {.name = "PodSchedulingGate",
                                                     .package = "io.k8s.api.core.v1",
                                                     .fields = pod_scheduling_gate_rows};

static const struct type_field pod_resource_claim_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_STR("resourceClaimName", 3, 0),
    ROW_STR("resourceClaimTemplateName", 4, 0),
    ROW_END,
};
static const struct type TYPE_POD_RESOURCE_CLAIM = {
    .name = "PodResourceClaim", .package = "io.k8s.api.core.v1", .fields = pod_resource_claim_rows};

static const struct type_field pod_spec_rows[] = {
    ROW_LIST("volumes", 1, TF_RETAIN_KEYS, &TYPE_VOLUME, .merge_key = "name",
             .help = "Volumes that containers of the pod can mount."),
    ROW_LIST("initContainers", 20, 0, &TYPE_CONTAINER, .merge_key = "name",
             .help =
                 "Containers that run one after the other to their end before the others start."),
    ROW_LIST("containers", 2, TF_REQUIRED, &TYPE_CONTAINER, .merge_key = "name",
             .help = "The containers of the pod; at least one, names are unique."),
    ROW_LIST("ephemeralContainers", 34, 0, &TYPE_EPHEMERAL_CONTAINER, .merge_key = "name",
             .help = "Containers added to the running pod for debugging."),
    ROW_STR("restartPolicy", 3, TF_OMIT_ZERO, .def = "\"Always\"",
            .allowed = "Always|OnFailure|Never",
            .help = "When ended containers are started again."),
    ROW_LONG("terminationGracePeriodSeconds", 4, 0, .def = "30",
             .help = "Seconds between the stop signal and the kill when the pod is deleted."),
    ROW_LONG("activeDeadlineSeconds", 5, 0,
             .help = "Seconds after which a still running pod is failed."),
    ROW_STR("dnsPolicy", 6, TF_OMIT_ZERO, .def = "\"ClusterFirst\"",
            .allowed = "ClusterFirst|ClusterFirstWithHostNet|Default|None",
            .help = "Where the DNS configuration of the containers comes from."),
    ROW_MAP("nodeSelector", 7, 0, T_STRING, .help = "Labels a node must have to run the pod."),
    ROW_STR("serviceAccountName", 8, TF_OMIT_ZERO, .help = "ServiceAccount the pod runs as."),
    ROW_STR("serviceAccount", 9, TF_OMIT_ZERO, .help = "Old name of serviceAccountName."),
    ROW_BOOL("automountServiceAccountToken", 21, 0,
             .help = "Whether the token of the service account is mounted."),
    ROW_STR("nodeName", 10, TF_OMIT_ZERO,
            .help = "Node the pod runs on; set by the scheduler through a binding."),
    ROW_BOOL("hostNetwork", 11, TF_OMIT_ZERO,
             .help = "Use the network of the node instead of an own one."),
    ROW_BOOL("hostPID", 12, TF_OMIT_ZERO, .help = "Use the process namespace of the node."),
    ROW_BOOL("hostIPC", 13, TF_OMIT_ZERO, .help = "Use the IPC namespace of the node."),
    ROW_BOOL("shareProcessNamespace", 27, 0,
             .help = "All containers of the pod see one process namespace."),
    ROW_OBJ("securityContext", 14, 0, &TYPE_POD_SECURITY_CONTEXT, .def = "{}",
            .help = "Security settings for all containers of the pod."),
    ROW_LIST("imagePullSecrets", 15, 0, &TYPE_LOCAL_OBJECT_REFERENCE, .merge_key = "name",
             .help = "Secrets with credentials for pulling the images."),
    ROW_STR("hostname", 16, TF_OMIT_ZERO, .help = "Host name of the pod; its own name when empty."),
    ROW_STR("subdomain", 17, TF_OMIT_ZERO,
            .help = "Gives the pod the name hostname.subdomain.namespace.svc."),
    ROW_OBJ("affinity", 18, 0, &TYPE_AFFINITY,
            .help = "Rules that attract the pod to nodes and pods or keep it away."),
    ROW_STR("schedulerName", 19, TF_OMIT_ZERO, .def = "\"default-scheduler\"",
            .help = "Scheduler that places the pod."),
    ROW_LIST("tolerations", 22, 0, &TYPE_TOLERATION, .help = "Taints the pod accepts on its node."),
    ROW_LIST("hostAliases", 23, 0, &TYPE_HOST_ALIAS, .merge_key = "ip",
             .help = "Extra lines of the hosts file in the containers."),
    ROW_STR("priorityClassName", 24, TF_OMIT_ZERO,
            .help = "Class that gives the pod its priority."),
    ROW_INT("priority", 25, 0, .help = "Priority number; higher ones are placed first."),
    ROW_OBJ("dnsConfig", 26, 0, &TYPE_POD_DNS_CONFIG,
            .help = "DNS settings merged with those of dnsPolicy."),
    ROW_LIST(
        "readinessGates", 28, 0, &TYPE_POD_READINESS_GATE,
        .help = "Conditions that must be true, besides ready containers, for the pod to be ready."),
    ROW_STR("runtimeClassName", 29, 0, .help = "Runtime that runs the pod."),
    ROW_BOOL("enableServiceLinks", 30, 0,
             .help = "Whether Services appear as environment variables."),
    ROW_STR("preemptionPolicy", 31, 0, .allowed = "PreemptLowerPriority|Never",
            .help = "Whether the pod may push out pods of lower priority."),
    ROW_MAP("overhead", 32, 0, T_QUANTITY,
            .help = "Resources the pod needs beyond those of its containers."),
    ROW_LIST("topologySpreadConstraints", 33, 0, &TYPE_TOPOLOGY_SPREAD_CONSTRAINT,
             .merge_key = "topologyKey",
             .help = "How pods spread over zones, nodes or other domains."),
    ROW_BOOL("setHostnameAsFQDN", 35, 0, .help = "Use the full name as host name."),
    ROW_OBJ("os", 36, 0, &TYPE_POD_OS, .help = "Operating system of the containers."),
    ROW_BOOL("hostUsers", 37, 0),
    ROW_LIST("schedulingGates", 38, 0, &TYPE_POD_SCHEDULING_GATE, .merge_key = "name"),
    ROW_LIST("resourceClaims", 39, TF_RETAIN_KEYS, &TYPE_POD_RESOURCE_CLAIM, .merge_key = "name"),
    ROW_OBJ("resources", 40, 0, &TYPE_RESOURCE_REQUIREMENTS),
    ROW_STR("hostnameOverride", 41, 0),
    ROW_END,
};
static const struct type TYPE_POD_SPEC = {.name = "PodSpec",
                                          .package = "io.k8s.api.core.v1",
                                          .fields = pod_spec_rows,
                                          .def = pod_spec_default,
                                          .check = pod_spec_check,
                                          .help = "What a pod runs and how."};

static const struct type_field pod_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_POD_SPEC, .def = "{}", .help = "What the pod should run."),
    ROW_OBJ("status", 3, 0, &TYPE_POD_STATUS, .def = "{}",
            .help = "What is known about the running pod."),
    ROW_END,
};
const struct type TYPE_POD = {.name = "Pod",
                              .package = "io.k8s.api.core.v1",
                              .fields = pod_rows,
                              .def = pod_default,
                              .check = pod_check,
                              .help = "A group of containers that run together on one node."};

static const struct type_field pod_template_spec_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_POD_SPEC, .def = "{}"),
    ROW_END,
};
const struct type TYPE_POD_TEMPLATE_SPEC = {.name = "PodTemplateSpec",
                                            .package = "io.k8s.api.core.v1",
                                            .fields = pod_template_spec_rows,
                                            .check = pod_template_check};
