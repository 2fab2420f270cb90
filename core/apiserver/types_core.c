/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small kinds of core/v1: Namespace, ConfigMap, Secret, ServiceAccount, Binding, and the references
 * others use.
 */
#include "apiserver/types_rows.h"

static const struct type_field namespace_spec_rows[] = {
    ROW_SCALARS("finalizers", 1, 0, T_STRING,
                .help = "Names that keep a deleted namespace until its contents are gone."),
    ROW_END,
};
static const struct type TYPE_NAMESPACE_SPEC = {
    .name = "NamespaceSpec", .package = "io.k8s.api.core.v1", .fields = namespace_spec_rows};

static const struct type_field namespace_condition_rows[] = {
    ROW_STR("type", 1, 0, .def = "\"\""),       ROW_STR("status", 2, 0, .def = "\"\""),
    ROW_TIME("lastTransitionTime", 4, TF_NULL), ROW_STR("reason", 5, TF_OMIT_ZERO),
    ROW_STR("message", 6, TF_OMIT_ZERO),        ROW_END,
};
static const struct type TYPE_NAMESPACE_CONDITION = {.name = "NamespaceCondition",
                                                     .package = "io.k8s.api.core.v1",
                                                     .fields = namespace_condition_rows};

static const struct type_field namespace_status_rows[] = {
    ROW_STR("phase", 1, TF_OMIT_ZERO, .def = "\"Active\"", .allowed = "Active|Terminating",
            .help = "Active, or Terminating once it is deleted."),
    ROW_LIST("conditions", 2, 0, &TYPE_NAMESPACE_CONDITION, .merge_key = "type"),
    ROW_END,
};
static const struct type TYPE_NAMESPACE_STATUS = {
    .name = "NamespaceStatus", .package = "io.k8s.api.core.v1", .fields = namespace_status_rows};

static const struct type_field namespace_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_NAMESPACE_SPEC, .def = "{}",
            .help = "What the namespace asks for."),
    ROW_OBJ("status", 3, 0, &TYPE_NAMESPACE_STATUS, .def = "{}", .help = "State of the namespace."),
    ROW_END,
};
const struct type TYPE_NAMESPACE = {.name = "Namespace",
                                    .package = "io.k8s.api.core.v1",
                                    .fields = namespace_rows,
                                    .def = namespace_default,
                                    .help = "A namespace holds the names of most other objects."};

static const struct type_field local_object_reference_rows[] = {
    ROW_STR("name", 1, TF_OMIT_ZERO),
    ROW_END,
};
const struct type TYPE_LOCAL_OBJECT_REFERENCE = {.name = "LocalObjectReference",
                                                 .package = "io.k8s.api.core.v1",
                                                 .fields = local_object_reference_rows};

static const struct type_field typed_local_object_reference_rows[] = {
    ROW_STR("apiGroup", 1, 0),
    ROW_STR("kind", 2, 0),
    ROW_STR("name", 3, 0, .def = "\"\""),
    ROW_END,
};
const struct type TYPE_TYPED_LOCAL_OBJECT_REFERENCE = {.name = "TypedLocalObjectReference",
                                                       .package = "io.k8s.api.core.v1",
                                                       .fields = typed_local_object_reference_rows};

static const struct type_field typed_object_reference_rows[] = {
    ROW_STR("apiGroup", 1, 0),
    ROW_STR("kind", 2, 0),
    ROW_STR("name", 3, 0, .def = "\"\""),
    ROW_STR("namespace", 4, 0),
    ROW_END,
};
const struct type TYPE_TYPED_OBJECT_REFERENCE = {.name = "TypedObjectReference",
                                                 .package = "io.k8s.api.core.v1",
                                                 .fields = typed_object_reference_rows};

static const struct type_field object_reference_rows[] = {
    ROW_STR("kind", 1, TF_OMIT_ZERO),       ROW_STR("namespace", 2, TF_OMIT_ZERO),
    ROW_STR("name", 3, TF_OMIT_ZERO),       ROW_STR("uid", 4, TF_OMIT_ZERO),
    ROW_STR("apiVersion", 5, TF_OMIT_ZERO), ROW_STR("resourceVersion", 6, TF_OMIT_ZERO),
    ROW_STR("fieldPath", 7, TF_OMIT_ZERO),  ROW_END,
};
const struct type TYPE_OBJECT_REFERENCE = {
    .name = "ObjectReference", .package = "io.k8s.api.core.v1", .fields = object_reference_rows};

static const struct type_field config_map_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_BOOL("immutable", 4, 0, .help = "True forbids every later change of the contents."),
    ROW_MAP("data", 2, 0, T_STRING,
            .help = "Text values by key; a key has letters, digits, '-', '_' and '.'."),
    ROW_MAP("binaryData", 3, 0, T_BYTES,
            .help = "Values that are not UTF-8, base64-encoded; keys must not be in data too."),
    ROW_END,
};
const struct type TYPE_CONFIG_MAP = {.name = "ConfigMap",
                                     .package = "io.k8s.api.core.v1",
                                     .fields = config_map_rows,
                                     .check = config_map_check,
                                     .help = "Configuration as keys and values."};

static const struct type_field secret_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_BOOL("immutable", 5, 0, .help = "True forbids every later change of the contents."),
    ROW_MAP("data", 2, 0, T_BYTES, .help = "Values by key, base64-encoded."),
    ROW_MAP("stringData", 4, 0, T_STRING,
            .help = "Values by key as plain text; written into data and never shown."),
    ROW_STR("type", 3, TF_OMIT_ZERO, .def = "\"Opaque\"",
            .help = "Names the keys a program may expect in data; cannot change."),
    ROW_END,
};
const struct type TYPE_SECRET = {.name = "Secret",
                                 .package = "io.k8s.api.core.v1",
                                 .fields = secret_rows,
                                 .def = secret_default,
                                 .check = secret_check,
                                 .help = "Confidential keys and values."};

static const struct type_field service_account_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_LIST("secrets", 2, 0, &TYPE_OBJECT_REFERENCE, .merge_key = "name",
             .help = "Secrets that pods of this account may use."),
    ROW_LIST("imagePullSecrets", 3, 0, &TYPE_LOCAL_OBJECT_REFERENCE,
             .help = "Secrets for pulling images in pods of this account."),
    ROW_BOOL("automountServiceAccountToken", 4, 0,
             .help = "Whether pods of this account get a token mounted."),
    ROW_END,
};
const struct type TYPE_SERVICE_ACCOUNT = {.name = "ServiceAccount",
                                          .package = "io.k8s.api.core.v1",
                                          .fields = service_account_rows,
                                          .help = "An identity for pods."};

static const struct type_field secret_reference_rows[] = {
    ROW_STR("name", 1, TF_OMIT_ZERO),
    ROW_STR("namespace", 2, TF_OMIT_ZERO),
    ROW_END,
};
const struct type TYPE_SECRET_REFERENCE = {
    .name = "SecretReference", .package = "io.k8s.api.core.v1", .fields = secret_reference_rows};

static const struct type_field binding_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("target", 2, TF_REQUIRED, &TYPE_OBJECT_REFERENCE),
    ROW_END,
};
const struct type TYPE_BINDING = {.name = "Binding",
                                  .package = "io.k8s.api.core.v1",
                                  .fields = binding_rows,
                                  .help = "Assigns a pod to a node."};
