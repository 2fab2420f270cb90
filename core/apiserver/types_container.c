/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers of a Pod: environment, ports, mounts, probes, hooks, security.
 */
#include "apiserver/types_rows.h"

static const struct type_field container_port_rows[] = {
    ROW_STR("name", 1, TF_OMIT_ZERO, .help = "Name of the port, unique in the pod."),
    ROW_INT("hostPort", 2, TF_OMIT_ZERO, .help = "Port of the node that leads to this port."),
    ROW_INT("containerPort", 3, TF_REQUIRED, .help = "Port number in the container, 1 to 65535."),
    ROW_STR("protocol", 4, TF_OMIT_ZERO, .def = "\"TCP\"", .allowed = "TCP|UDP|SCTP",
            .help = "TCP, UDP or SCTP."),
    ROW_STR("hostIP", 5, TF_OMIT_ZERO, .help = "Address of the node the hostPort is bound to."),
    ROW_END,
};
static const struct type TYPE_CONTAINER_PORT = {.name = "ContainerPort",
                                                .package = "io.k8s.api.core.v1",
                                                .fields = container_port_rows,
                                                .check = container_port_check};

static const struct type_field config_map_env_source_rows[] = {
    ROW_INLINE(1, &TYPE_LOCAL_OBJECT_REFERENCE),
    ROW_BOOL("optional", 2, 0),
    ROW_END,
};
static const struct type TYPE_CONFIG_MAP_ENV_SOURCE = {.name = "ConfigMapEnvSource",
                                                       .package = "io.k8s.api.core.v1",
                                                       .fields = config_map_env_source_rows};

static const struct type_field secret_env_source_rows[] = {
    ROW_INLINE(1, &TYPE_LOCAL_OBJECT_REFERENCE),
    ROW_BOOL("optional", 2, 0),
    ROW_END,
};
static const struct type TYPE_SECRET_ENV_SOURCE = {
    .name = "SecretEnvSource", .package = "io.k8s.api.core.v1", .fields = secret_env_source_rows};

static const struct type_field env_from_source_rows[] = {
    ROW_STR("prefix", 1, TF_OMIT_ZERO),
    ROW_OBJ("configMapRef", 2, 0, &TYPE_CONFIG_MAP_ENV_SOURCE),
    ROW_OBJ("secretRef", 3, 0, &TYPE_SECRET_ENV_SOURCE),
    ROW_END,
};
static const struct type TYPE_ENV_FROM_SOURCE = {
    .name = "EnvFromSource", .package = "io.k8s.api.core.v1", .fields = env_from_source_rows};

static const struct type_field config_map_key_selector_rows[] = {
    ROW_INLINE(1, &TYPE_LOCAL_OBJECT_REFERENCE),
    ROW_STR("key", 2, TF_REQUIRED),
    ROW_BOOL("optional", 3, 0),
    ROW_END,
};
static const struct type TYPE_CONFIG_MAP_KEY_SELECTOR = {.name = "ConfigMapKeySelector",
                                                         .package = "io.k8s.api.core.v1",
                                                         .fields = config_map_key_selector_rows};

static const struct type_field secret_key_selector_rows[] = {
    ROW_INLINE(1, &TYPE_LOCAL_OBJECT_REFERENCE),
    ROW_STR("key", 2, TF_REQUIRED),
    ROW_BOOL("optional", 3, 0),
    ROW_END,
};
static const struct type TYPE_SECRET_KEY_SELECTOR = {.name = "SecretKeySelector",
                                                     .package = "io.k8s.api.core.v1",
                                                     .fields = secret_key_selector_rows};

static const struct type_field file_key_selector_rows[] = {
    ROW_STR("volumeName", 1, 0, .def = "\"\""),
    ROW_STR("path", 2, 0, .def = "\"\""),
    ROW_STR("key", 3, 0, .def = "\"\""),
    ROW_BOOL("optional", 4, 0),
    ROW_END,
};
static const struct type TYPE_FILE_KEY_SELECTOR = {
    .name = "FileKeySelector", .package = "io.k8s.api.core.v1", .fields = file_key_selector_rows};

static const struct type_field env_var_source_rows[] = {
    ROW_OBJ("fieldRef", 1, 0, &TYPE_OBJECT_FIELD_SELECTOR, .help = "Field of the pod."),
    ROW_OBJ("resourceFieldRef", 2, 0, &TYPE_RESOURCE_FIELD_SELECTOR,
            .help = "Resource limit or request of a container."),
    ROW_OBJ("configMapKeyRef", 3, 0, &TYPE_CONFIG_MAP_KEY_SELECTOR, .help = "Key of a ConfigMap."),
    ROW_OBJ("secretKeyRef", 4, 0, &TYPE_SECRET_KEY_SELECTOR, .help = "Key of a Secret."),
    ROW_OBJ("fileKeyRef", 5, 0, &TYPE_FILE_KEY_SELECTOR),
    ROW_END,
};
static const struct type TYPE_ENV_VAR_SOURCE = {
    .name = "EnvVarSource", .package = "io.k8s.api.core.v1", .fields = env_var_source_rows};

static const struct type_field env_var_rows[] = {
    ROW_STR("name", 1, TF_REQUIRED, .help = "Name of the variable."),
    ROW_STR("value", 2, TF_OMIT_ZERO, .help = "Value; $(NAME) is replaced by an earlier variable."),
    ROW_OBJ("valueFrom", 3, 0, &TYPE_ENV_VAR_SOURCE,
            .help = "Takes the value from a field, a ConfigMap or a Secret."),
    ROW_END,
};
static const struct type TYPE_ENV_VAR = {
    .name = "EnvVar", .package = "io.k8s.api.core.v1", .fields = env_var_rows, .check = env_check};

static const struct type_field resource_claim_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_STR("request", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_RESOURCE_CLAIM = {
    .name = "ResourceClaim", .package = "io.k8s.api.core.v1", .fields = resource_claim_rows};

static const struct type_field resource_requirements_rows[] = {
    ROW_MAP("limits", 1, 0, T_QUANTITY, .help = "The most the container may use."),
    ROW_MAP("requests", 2, 0, T_QUANTITY,
            .help = "What the container needs; the limits when not given."),
    ROW_LIST("claims", 3, 0, &TYPE_RESOURCE_CLAIM),
    ROW_END,
};
const struct type TYPE_RESOURCE_REQUIREMENTS = {.name = "ResourceRequirements",
                                                .package = "io.k8s.api.core.v1",
                                                .fields = resource_requirements_rows,
                                                .check = resources_check};

static const struct type_field container_resize_policy_rows[] = {
    ROW_STR("resourceName", 1, 0, .def = "\"\""),
    ROW_STR("restartPolicy", 2, 0, .def = "\"\"", .allowed = "NotRequired|RestartContainer"),
    ROW_END,
};
static const struct type TYPE_CONTAINER_RESIZE_POLICY = {.name = "ContainerResizePolicy",
                                                         .package = "io.k8s.api.core.v1",
                                                         .fields = container_resize_policy_rows};

static const struct type_field container_restart_rule_on_exit_codes_rows[] = {
    ROW_STR("operator", 1, TF_OMIT_ZERO),
    ROW_SCALARS("values", 2, 0, T_INT32),
    ROW_END,
};
static const struct type TYPE_CONTAINER_RESTART_RULE_ON_EXIT_CODES = {
    .name = "ContainerRestartRuleOnExitCodes",
    .package = "io.k8s.api.core.v1",
    .fields = container_restart_rule_on_exit_codes_rows};

static const struct type_field container_restart_rule_rows[] = {
    ROW_STR("action", 1, TF_OMIT_ZERO),
    ROW_OBJ("exitCodes", 2, 0, &TYPE_CONTAINER_RESTART_RULE_ON_EXIT_CODES),
    ROW_END,
};
static const struct type TYPE_CONTAINER_RESTART_RULE = {.name = "ContainerRestartRule",
                                                        .package = "io.k8s.api.core.v1",
                                                        .fields = container_restart_rule_rows};

static const struct type_field volume_mount_rows[] = {
    ROW_STR("name", 1, TF_REQUIRED, .help = "Name of the volume."),
    ROW_BOOL("readOnly", 2, TF_OMIT_ZERO, .help = "Mount without write access."),
    ROW_STR("recursiveReadOnly", 7, 0, .allowed = "Disabled|IfPossible|Enabled"),
    ROW_STR("mountPath", 3, TF_REQUIRED, .help = "Path in the container; must not contain ':'."),
    ROW_STR("subPath", 4, TF_OMIT_ZERO,
            .help = "Path inside the volume to mount instead of its root."),
    ROW_STR("mountPropagation", 5, 0, .allowed = "None|HostToContainer|Bidirectional"),
    ROW_STR("subPathExpr", 6, TF_OMIT_ZERO,
            .help = "Like subPath, with environment variables replaced."),
    ROW_END,
};
static const struct type TYPE_VOLUME_MOUNT = {.name = "VolumeMount",
                                              .package = "io.k8s.api.core.v1",
                                              .fields = volume_mount_rows,
                                              .check = volume_mount_check};

static const struct type_field volume_device_rows[] = {
    ROW_STR("name", 1, TF_REQUIRED),
    ROW_STR("devicePath", 2, TF_REQUIRED),
    ROW_END,
};
static const struct type TYPE_VOLUME_DEVICE = {
    .name = "VolumeDevice", .package = "io.k8s.api.core.v1", .fields = volume_device_rows};

static const struct type_field exec_action_rows[] = {
    ROW_SCALARS("command", 1, TF_REQUIRED, T_STRING),
    ROW_END,
};
static const struct type TYPE_EXEC_ACTION = {
    .name = "ExecAction", .package = "io.k8s.api.core.v1", .fields = exec_action_rows};

static const struct type_field http_header_rows[] = {
    ROW_STR("name", 1, TF_REQUIRED),
    ROW_STR("value", 2, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_HTTP_HEADER = {
    .name = "HTTPHeader", .package = "io.k8s.api.core.v1", .fields = http_header_rows};

static const struct type_field http_get_action_rows[] = {
    ROW_STR("path", 1, TF_OMIT_ZERO, .def = "\"/\""),
    ROW_INT_OR_STRING("port", 2, TF_REQUIRED),
    ROW_STR("host", 3, TF_OMIT_ZERO),
    ROW_STR("scheme", 4, TF_OMIT_ZERO, .def = "\"HTTP\"", .allowed = "HTTP|HTTPS"),
    ROW_LIST("httpHeaders", 5, 0, &TYPE_HTTP_HEADER),
    ROW_END,
};
static const struct type TYPE_HTTP_GET_ACTION = {.name = "HTTPGetAction",
                                                 .package = "io.k8s.api.core.v1",
                                                 .fields = http_get_action_rows,
                                                 .check = port_holder_check};

static const struct type_field tcp_socket_action_rows[] = {
    ROW_INT_OR_STRING("port", 1, TF_REQUIRED),
    ROW_STR("host", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_TCP_SOCKET_ACTION = {.name = "TCPSocketAction",
                                                   .package = "io.k8s.api.core.v1",
                                                   .fields = tcp_socket_action_rows,
                                                   .check = port_holder_check};

static const struct type_field grpc_action_rows[] = {
    ROW_INT("port", 1, 0, .def = "0"),
    ROW_STR("service", 2, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_GRPC_ACTION = {
    .name = "GRPCAction", .package = "io.k8s.api.core.v1", .fields = grpc_action_rows};

static const struct type_field probe_handler_rows[] = {
    ROW_OBJ("exec", 1, 0, &TYPE_EXEC_ACTION, .help = "Runs a command; exit code 0 is success."),
    ROW_OBJ("httpGet", 2, 0, &TYPE_HTTP_GET_ACTION,
            .help = "Sends an HTTP GET; a status from 200 to 399 is success."),
    ROW_OBJ("tcpSocket", 3, 0, &TYPE_TCP_SOCKET_ACTION, .help = "Opens a TCP connection."),
    ROW_OBJ("grpc", 4, 0, &TYPE_GRPC_ACTION, .help = "Calls the gRPC health service."),
    ROW_END,
};
static const struct type TYPE_PROBE_HANDLER = {
    .name = "ProbeHandler", .package = "io.k8s.api.core.v1", .fields = probe_handler_rows};

static const struct type_field probe_rows[] = {
    ROW_INLINE(1, &TYPE_PROBE_HANDLER),
    ROW_INT("initialDelaySeconds", 2, TF_OMIT_ZERO,
            .help = "Seconds after the start before the first check."),
    ROW_INT("timeoutSeconds", 3, TF_OMIT_ZERO, .def = "1",
            .help = "Seconds after which one check has failed."),
    ROW_INT("periodSeconds", 4, TF_OMIT_ZERO, .def = "10", .help = "Seconds between checks."),
    ROW_INT("successThreshold", 5, TF_OMIT_ZERO, .def = "1",
            .help = "Successes in a row that turn a failed probe good."),
    ROW_INT("failureThreshold", 6, TF_OMIT_ZERO, .def = "3",
            .help = "Failures in a row that turn the probe bad."),
    ROW_LONG("terminationGracePeriodSeconds", 7, 0,
             .help = "Grace period used when this probe restarts the container."),
    ROW_END,
};
static const struct type TYPE_PROBE = {.name = "Probe",
                                       .package = "io.k8s.api.core.v1",
                                       .fields = probe_rows,
                                       .check = probe_check,
                                       .help = "A check on a container."};

static const struct type_field sleep_action_rows[] = {
    ROW_LONG("seconds", 1, 0, .def = "0"),
    ROW_END,
};
static const struct type TYPE_SLEEP_ACTION = {
    .name = "SleepAction", .package = "io.k8s.api.core.v1", .fields = sleep_action_rows};

static const struct type_field lifecycle_handler_rows[] = {
    ROW_OBJ("exec", 1, 0, &TYPE_EXEC_ACTION),
    ROW_OBJ("httpGet", 2, 0, &TYPE_HTTP_GET_ACTION),
    ROW_OBJ("tcpSocket", 3, 0, &TYPE_TCP_SOCKET_ACTION),
    ROW_OBJ("sleep", 4, 0, &TYPE_SLEEP_ACTION),
    ROW_END,
};
static const struct type TYPE_LIFECYCLE_HANDLER = {
    .name = "LifecycleHandler", .package = "io.k8s.api.core.v1", .fields = lifecycle_handler_rows};

static const struct type_field lifecycle_rows[] = {
    ROW_OBJ("postStart", 1, 0, &TYPE_LIFECYCLE_HANDLER,
            .help = "Runs right after the container was created."),
    ROW_OBJ("preStop", 2, 0, &TYPE_LIFECYCLE_HANDLER,
            .help = "Runs before the stop signal; counts against the grace period."),
    ROW_STR("stopSignal", 3, 0),
    ROW_END,
};
static const struct type TYPE_LIFECYCLE = {
    .name = "Lifecycle", .package = "io.k8s.api.core.v1", .fields = lifecycle_rows};

static const struct type_field capabilities_rows[] = {
    ROW_SCALARS("add", 1, 0, T_STRING),
    ROW_SCALARS("drop", 2, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_CAPABILITIES = {
    .name = "Capabilities", .package = "io.k8s.api.core.v1", .fields = capabilities_rows};

static const struct type_field se_linux_options_rows[] = {
    ROW_STR("user", 1, TF_OMIT_ZERO),
    ROW_STR("role", 2, TF_OMIT_ZERO),
    ROW_STR("type", 3, TF_OMIT_ZERO),
    ROW_STR("level", 4, TF_OMIT_ZERO),
    ROW_END,
};
const struct type TYPE_SE_LINUX_OPTIONS = {
    .name = "SELinuxOptions", .package = "io.k8s.api.core.v1", .fields = se_linux_options_rows};

static const struct type_field windows_security_context_options_rows[] = {
    ROW_STR("gmsaCredentialSpecName", 1, 0),
    ROW_STR("gmsaCredentialSpec", 2, 0),
    ROW_STR("runAsUserName", 3, 0),
    ROW_BOOL("hostProcess", 4, 0),
    ROW_END,
};
const struct type TYPE_WINDOWS_SECURITY_CONTEXT_OPTIONS = {
    .name = "WindowsSecurityContextOptions",
    .package = "io.k8s.api.core.v1",
    .fields = windows_security_context_options_rows};

static const struct type_field seccomp_profile_rows[] = {
    ROW_STR("type", 1, 0, .def = "\"\"", .allowed = "Localhost|RuntimeDefault|Unconfined"),
    ROW_STR("localhostProfile", 2, 0),
    ROW_END,
};
const struct type TYPE_SECCOMP_PROFILE = {
    .name = "SeccompProfile", .package = "io.k8s.api.core.v1", .fields = seccomp_profile_rows};

static const struct type_field app_armor_profile_rows[] = {
    ROW_STR("type", 1, 0, .def = "\"\"", .allowed = "Localhost|RuntimeDefault|Unconfined"),
    ROW_STR("localhostProfile", 2, 0),
    ROW_END,
};
const struct type TYPE_APP_ARMOR_PROFILE = {
    .name = "AppArmorProfile", .package = "io.k8s.api.core.v1", .fields = app_armor_profile_rows};

static const struct type_field security_context_rows[] = {
    ROW_OBJ("capabilities", 1, 0, &TYPE_CAPABILITIES,
            .help = "Kernel capabilities added to or dropped from the default set."),
    ROW_BOOL("privileged", 2, 0, .help = "Run with all rights of the node."),
    ROW_OBJ("seLinuxOptions", 3, 0, &TYPE_SE_LINUX_OPTIONS),
    ROW_OBJ("windowsOptions", 10, 0, &TYPE_WINDOWS_SECURITY_CONTEXT_OPTIONS),
    ROW_LONG("runAsUser", 4, 0, .help = "User id of the program."),
    ROW_LONG("runAsGroup", 8, 0, .help = "Group id of the program."),
    ROW_BOOL("runAsNonRoot", 5, 0),
    ROW_BOOL("readOnlyRootFilesystem", 6, 0,
             .help = "Make the root file system of the container read-only."),
    ROW_BOOL("allowPrivilegeEscalation", 7, 0,
             .help = "Whether the program may gain more rights than its parent."),
    ROW_STR("procMount", 9, 0, .allowed = "Default|Unmasked"),
    ROW_OBJ("seccompProfile", 11, 0, &TYPE_SECCOMP_PROFILE),
    ROW_OBJ("appArmorProfile", 12, 0, &TYPE_APP_ARMOR_PROFILE),
    ROW_END,
};
static const struct type TYPE_SECURITY_CONTEXT = {
    .name = "SecurityContext", .package = "io.k8s.api.core.v1", .fields = security_context_rows};

static const struct type_field container_rows[] = {
    ROW_STR("name", 1, TF_REQUIRED, .help = "Name of the container in the pod; cannot change."),
    ROW_STR("image", 2, TF_REQUIRED | TF_OMIT_ZERO, .help = "Image that holds the program."),
    ROW_SCALARS("command", 3, 0, T_STRING,
                .help = "Program and first arguments; replaces the entry point of the image."),
    ROW_SCALARS("args", 4, 0, T_STRING,
                .help =
                    "Arguments of the program; $(NAME) is replaced by the environment variable."),
    ROW_STR("workingDir", 5, TF_OMIT_ZERO, .help = "Directory in which the program starts."),
    ROW_LIST("ports", 6, 0, &TYPE_CONTAINER_PORT, .merge_key = "containerPort",
             .help = "Ports the program listens on; informational, names can be used by probes and "
                     "Services."),
    ROW_LIST("envFrom", 19, 0, &TYPE_ENV_FROM_SOURCE,
             .help = "ConfigMaps and Secrets whose keys become environment variables."),
    ROW_LIST("env", 7, 0, &TYPE_ENV_VAR, .merge_key = "name",
             .help = "Environment variables of the program."),
    ROW_OBJ("resources", 8, 0, &TYPE_RESOURCE_REQUIREMENTS, .def = "{}",
            .help = "Resources the container needs (requests) and may use at most (limits)."),
    ROW_LIST("resizePolicy", 23, 0, &TYPE_CONTAINER_RESIZE_POLICY),
    ROW_STR("restartPolicy", 24, 0, .allowed = "Always|OnFailure|Never",
            .help = "For init containers: Always makes it a sidecar that keeps running."),
    ROW_LIST("restartPolicyRules", 25, 0, &TYPE_CONTAINER_RESTART_RULE),
    ROW_LIST("volumeMounts", 9, 0, &TYPE_VOLUME_MOUNT, .merge_key = "mountPath",
             .help = "Where volumes of the pod appear in the container."),
    ROW_LIST("volumeDevices", 21, 0, &TYPE_VOLUME_DEVICE, .merge_key = "devicePath",
             .help = "Block devices of the pod that appear in the container."),
    ROW_OBJ("livenessProbe", 10, 0, &TYPE_PROBE,
            .help = "Check that restarts the container when it fails."),
    ROW_OBJ("readinessProbe", 11, 0, &TYPE_PROBE,
            .help = "Check that takes the pod out of Services while it fails."),
    ROW_OBJ("startupProbe", 22, 0, &TYPE_PROBE,
            .help = "Check that holds back the other probes until it succeeds once."),
    ROW_OBJ("lifecycle", 12, 0, &TYPE_LIFECYCLE,
            .help = "Actions right after the start and before the stop of the container."),
    ROW_STR("terminationMessagePath", 13, TF_OMIT_ZERO, .def = "\"/dev/termination-log\"",
            .help = "File whose contents become the message of the ended container."),
    ROW_STR("terminationMessagePolicy", 20, TF_OMIT_ZERO, .def = "\"File\"",
            .allowed = "File|FallbackToLogsOnError",
            .help = "Where the message of the ended container comes from."),
    ROW_STR("imagePullPolicy", 14, TF_OMIT_ZERO, .allowed = "Always|IfNotPresent|Never",
            .help = "When the image is pulled; Always for the tag latest, else IfNotPresent."),
    ROW_OBJ("securityContext", 15, 0, &TYPE_SECURITY_CONTEXT,
            .help = "Security settings of this container; they win over those of the pod."),
    ROW_BOOL("stdin", 16, TF_OMIT_ZERO, .help = "Keep standard input open."),
    ROW_BOOL("stdinOnce", 17, TF_OMIT_ZERO),
    ROW_BOOL("tty", 18, TF_OMIT_ZERO, .help = "Give the program a terminal; needs stdin."),
    ROW_END,
};
const struct type TYPE_CONTAINER = {.name = "Container",
                                    .package = "io.k8s.api.core.v1",
                                    .fields = container_rows,
                                    .def = container_default,
                                    .check = container_check,
                                    .help = "One program of a pod."};
