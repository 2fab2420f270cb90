/* SPDX-License-Identifier: Apache-2.0 */
/* ComponentDefinition: what an engine says of one kind of component. It comes from the engine's
 * plugin. */
#include "api/kinds.h"
#include "api/shapes.h"

#define HOOKS                                                                                      \
    "lifecycle actions are code of the engine plugin; name it in the annotation "                  \
    "engine.atoll.io/plugin"

static const struct field SERVICE[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .max_len = 25},
    {"serviceName", FIELD_STRING, .max_len = 25, .pattern = PATTERN_LABEL,
     .help = "The Service is called <cluster>-<component>[-<serviceName>]."},
    {.path = "annotations", .type = FIELD_MAP},
    {"spec", FIELD_OPAQUE, .help = "A Kubernetes Service spec; the selector is made here."},
    {"roleSelector", FIELD_STRING, .help = "Only instances with this role."},
    {"podService", FIELD_BOOL, .help = "One Service per instance."},
    {"disableAutoProvision", FIELD_BOOL, .help = "Only when the Cluster lists it."},
};
static const struct field_table SERVICES = FIELD_TABLE(SERVICE);

static const struct field CONFIG[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .max_len = 63, .pattern = PATTERN_ID},
    {"volumeName", FIELD_STRING, .max_len = 63, .pattern = PATTERN_LABEL,
     .help = "Volume the files are mounted by; the engine renders them."},
    {"defaultMode", FIELD_INT32, .help = "File mode, decimal."},
    {"template", FIELD_STRING, FIELD_NO_EFFECT, .instead = "the engine renders the files"},
    {.path = "namespace", .type = FIELD_STRING, .flags = FIELD_NO_EFFECT},
    {"restartOnFileChange", FIELD_BOOL, FIELD_NO_EFFECT,
     .instead = "a changed file restarts the instances"},
    {"reconfigure", FIELD_OPAQUE, FIELD_NO_EFFECT, .instead = HOOKS},
    {.path = "externalManaged", .type = FIELD_BOOL, .flags = FIELD_NO_EFFECT},
    {"variables", FIELD_OPAQUE_LIST, FIELD_NO_EFFECT,
     .instead = "the engine checks the parameters"},
};
static const struct field_table CONFIGS = FIELD_TABLE(CONFIG);

static const struct field ACCOUNT[] = {
    {.path = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {"initAccount", FIELD_BOOL, .def = "false", .help = "It exists from the first start on."},
    {"passwordConfig", FIELD_OBJECT, .sub = &SHAPE_PASSWORD},
    {"passwordGenerationPolicy", FIELD_OBJECT, FIELD_DEPRECATED, .sub = &SHAPE_PASSWORD,
     .instead = "passwordConfig"},
    {"statement", FIELD_OPAQUE, FIELD_NO_EFFECT, .instead = HOOKS},
    {.path = "secretRef", .type = FIELD_OPAQUE, .flags = FIELD_NO_EFFECT},
};
static const struct field_table ACCOUNTS = FIELD_TABLE(ACCOUNT);

static const struct field VAR[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .help = "Name of the environment variable."},
    {.path = "value", .type = FIELD_STRING},
    {"valueFrom", FIELD_OPAQUE,
     .help = "clusterVarRef, credentialVarRef, componentVarRef, configMapKeyRef, secretKeyRef."},
    {"expression", FIELD_STRING, FIELD_REJECTED,
     .instead = "the engine computes what its instances need"},
};
static const struct field_table VARS = FIELD_TABLE(VAR);

static const struct field VOLUME[] = {
    {.path = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {"needSnapshot", FIELD_BOOL, .def = "false", .help = "It holds data."},
    {"highWatermark", FIELD_INT32, FIELD_NO_EFFECT, .min = 0, .max = 100},
};
static const struct field_table VOLUMES = FIELD_TABLE(VOLUME);

static const struct field ROWS[] = {
    {.path = "spec", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED},
    {"spec.provider", FIELD_STRING, .max_len = 32},
    {"spec.description", FIELD_STRING, .max_len = 256},
    {"spec.serviceKind", FIELD_STRING, .max_len = 32},
    {"spec.serviceVersion", FIELD_STRING, .max_len = 32},
    {"spec.labels", FIELD_MAP, .help = "Labels of the Pods."},
    {"spec.annotations", FIELD_MAP, .help = "Annotations of the Pods."},
    {"spec.runtime", FIELD_OPAQUE, FIELD_REQUIRED,
     .help = "Pod spec; the first container is the engine."},
    {"spec.vars", FIELD_LIST, .key = "name", .sub = &VARS,
     .help = "Environment of every container."},
    {"spec.volumes", FIELD_LIST, .key = "name", .sub = &VOLUMES},
    {.path = "spec.hostNetwork", .type = FIELD_OPAQUE, .flags = FIELD_NO_EFFECT},
    {"spec.services", FIELD_LIST, .key = "name", .sub = &SERVICES},
    {"spec.disableDefaultHeadlessService", FIELD_BOOL, FIELD_NO_EFFECT,
     .instead = "the headless Service gives the instances their stable names"},
    {"spec.configs", FIELD_LIST, .key = "name", .sub = &CONFIGS},
    {"spec.scripts", FIELD_OPAQUE_LIST, FIELD_NO_EFFECT, .instead = HOOKS},
    {.path = "spec.logConfigs", .type = FIELD_OPAQUE_LIST, .flags = FIELD_NO_EFFECT},
    {.path = "spec.exporter", .type = FIELD_OPAQUE, .flags = FIELD_NO_EFFECT},
    {"spec.systemAccounts", FIELD_LIST, .key = "name", .sub = &ACCOUNTS},
    {.path = "spec.tls", .type = FIELD_OPAQUE, .flags = FIELD_NO_EFFECT},
    {.path = "spec.replicasLimit", .type = FIELD_OBJECT},
    {"spec.replicasLimit.minReplicas", FIELD_INT32, FIELD_REQUIRED, .min = 0, .max = 16384},
    {"spec.replicasLimit.maxReplicas", FIELD_INT32, FIELD_REQUIRED, .min = 0, .max = 16384},
    {"spec.available", FIELD_OBJECT, .help = "When the component counts as available."},
    {"spec.available.withPhases", FIELD_STRING,
     .help = "Comma list of phases; Running when nothing is said."},
    {"spec.available.withRole", FIELD_STRING, .help = "An instance with this role is ready."},
    {"spec.available.withProbe", FIELD_OPAQUE, FIELD_NO_EFFECT, .instead = HOOKS},
    {"spec.roles", FIELD_LIST, .key = "name", .max_len = 128, .sub = &SHAPE_ROLE},
    {"spec.minReadySeconds", FIELD_INT32, .def = "0", .min = 0, .max = FIELD_NO_MAX},
    {"spec.updateStrategy", FIELD_STRING, .def = "\"Serial\"",
     .allowed = "Serial|BestEffortParallel|Parallel"},
    {"spec.podManagementPolicy", FIELD_STRING, .def = "\"OrderedReady\"",
     .allowed = "OrderedReady|Parallel"},
    {"spec.podUpdatePolicy", FIELD_STRING, .allowed = "PreferInPlace|ReCreate"},
    {"spec.podUpgradePolicy", FIELD_STRING, .allowed = "PreferInPlace|ReCreate"},
    {"spec.policyRules", FIELD_OPAQUE_LIST, FIELD_NO_EFFECT,
     .instead = "nothing in a Pod talks to the API"},
    {"spec.lifecycleActions", FIELD_OPAQUE, FIELD_REJECTED, .instead = HOOKS},
    {.path = "spec.serviceRefDeclarations", .type = FIELD_OPAQUE_LIST, .flags = FIELD_NO_EFFECT},
    {"status", FIELD_OBJECT, .sub = &SHAPE_DEFINITION_STATUS},
};
static const struct field_table TABLE = FIELD_TABLE(ROWS);

static const struct api_column COLUMNS[] = {
    {"SERVICE", ".spec.serviceKind", "string", 0},
    {"SERVICE-VERSION", ".spec.serviceVersion", "string", 0},
    {"STATUS", ".status.phase", "string", 0},
    {"AGE", ".metadata.creationTimestamp", "date", 0},
};

const struct api_kind API_KIND_COMPONENTDEFINITION = {
    .group = API_GROUP_APPS,
    .version = "v1",
    .plural = "componentdefinitions",
    .singular = "componentdefinition",
    .kind = "ComponentDefinition",
    .namespaced = false,
    .short_names = "cmpd",
    .categories = "kubeblocks",
    .table = &TABLE,
    .columns = COLUMNS,
    .n_columns = ARRAY_LEN(COLUMNS),
    .help = "What an engine says of one kind of component: runtime, services, accounts, roles.",
};
