/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CustomResourceDefinition of apiextensions.k8s.io/v1. Schemas inside are raw JSON: schema.h reads
 * them.
 */
#include "apiserver/types_rows.h"

static const struct type_field custom_resource_definition_names_rows[] = {
    ROW_STR("plural", 1, 0, .def = "\"\""),
    ROW_STR("singular", 2, TF_OMIT_ZERO),
    ROW_SCALARS("shortNames", 3, 0, T_STRING),
    ROW_STR("kind", 4, 0),
    ROW_STR("listKind", 5, TF_OMIT_ZERO),
    ROW_SCALARS("categories", 6, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_CUSTOM_RESOURCE_DEFINITION_NAMES = {
    .name = "CustomResourceDefinitionNames",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_definition_names_rows};

static const struct type_field custom_resource_validation_rows[] = {
    ROW_ANY("openAPIV3Schema", 1, 0),
    ROW_END,
};
static const struct type TYPE_CUSTOM_RESOURCE_VALIDATION = {
    .name = "CustomResourceValidation",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_validation_rows};

static const struct type_field custom_resource_subresource_status_rows[] = {
    ROW_END,
};
static const struct type TYPE_CUSTOM_RESOURCE_SUBRESOURCE_STATUS = {
    .name = "CustomResourceSubresourceStatus",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_subresource_status_rows};

static const struct type_field custom_resource_subresource_scale_rows[] = {
    ROW_STR("specReplicasPath", 1, 0, .def = "\"\""),
    ROW_STR("statusReplicasPath", 2, 0, .def = "\"\""),
    ROW_STR("labelSelectorPath", 3, 0),
    ROW_END,
};
static const struct type TYPE_CUSTOM_RESOURCE_SUBRESOURCE_SCALE = {
    .name = "CustomResourceSubresourceScale",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_subresource_scale_rows};

static const struct type_field custom_resource_subresources_rows[] = {
    ROW_OBJ("status", 1, 0, &TYPE_CUSTOM_RESOURCE_SUBRESOURCE_STATUS),
    ROW_OBJ("scale", 2, 0, &TYPE_CUSTOM_RESOURCE_SUBRESOURCE_SCALE),
    ROW_END,
};
static const struct type TYPE_CUSTOM_RESOURCE_SUBRESOURCES = {
    .name = "CustomResourceSubresources",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_subresources_rows};

static const struct type_field custom_resource_column_definition_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_STR("type", 2, 0, .def = "\"\""),
    ROW_STR("format", 3, TF_OMIT_ZERO),
    ROW_STR("description", 4, TF_OMIT_ZERO),
    ROW_INT("priority", 5, TF_OMIT_ZERO),
    ROW_STR("jsonPath", 6, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_CUSTOM_RESOURCE_COLUMN_DEFINITION = {
    .name = "CustomResourceColumnDefinition",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_column_definition_rows};

static const struct type_field selectable_field_rows[] = {
    ROW_STR("jsonPath", 1, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_SELECTABLE_FIELD = {
    .name = "SelectableField",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = selectable_field_rows};

static const struct type_field custom_resource_definition_version_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_BOOL("served", 2, 0, .def = "false"),
    ROW_BOOL("storage", 3, 0, .def = "false"),
    ROW_BOOL("deprecated", 7, TF_OMIT_ZERO),
    ROW_STR("deprecationWarning", 8, 0),
    ROW_OBJ("schema", 4, 0, &TYPE_CUSTOM_RESOURCE_VALIDATION,
            .help = "Schema by which objects are pruned, defaulted and checked."),
    ROW_OBJ("subresources", 5, 0, &TYPE_CUSTOM_RESOURCE_SUBRESOURCES),
    ROW_LIST("additionalPrinterColumns", 6, 0, &TYPE_CUSTOM_RESOURCE_COLUMN_DEFINITION),
    ROW_LIST("selectableFields", 9, 0, &TYPE_SELECTABLE_FIELD),
    ROW_END,
};
static const struct type TYPE_CUSTOM_RESOURCE_DEFINITION_VERSION = {
    .name = "CustomResourceDefinitionVersion",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_definition_version_rows};

static const struct type_field crd_service_reference_rows[] = {
    ROW_STR("namespace", 1, 0, .def = "\"\""),
    ROW_STR("name", 2, 0, .def = "\"\""),
    ROW_STR("path", 3, 0),
    ROW_INT("port", 4, 0),
    ROW_END,
};
static const struct type TYPE_CRD_SERVICE_REFERENCE = {
    .name = "ServiceReference",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = crd_service_reference_rows};

static const struct type_field crd_webhook_client_config_rows[] = {
    ROW_STR("url", 3, 0),
    ROW_OBJ("service", 1, 0, &TYPE_CRD_SERVICE_REFERENCE),
    ROW_BYTES("caBundle", 2, 0),
    ROW_END,
};
static const struct type TYPE_CRD_WEBHOOK_CLIENT_CONFIG = {
    .name = "WebhookClientConfig",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = crd_webhook_client_config_rows};

static const struct type_field webhook_conversion_rows[] = {
    ROW_OBJ("clientConfig", 2, 0, &TYPE_CRD_WEBHOOK_CLIENT_CONFIG),
    ROW_SCALARS("conversionReviewVersions", 3, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_WEBHOOK_CONVERSION = {
    .name = "WebhookConversion",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = webhook_conversion_rows};

static const struct type_field custom_resource_conversion_rows[] = {
    ROW_STR("strategy", 1, 0, .def = "\"None\""),
    ROW_OBJ("webhook", 2, 0, &TYPE_WEBHOOK_CONVERSION),
    ROW_END,
};
static const struct type TYPE_CUSTOM_RESOURCE_CONVERSION = {
    .name = "CustomResourceConversion",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_conversion_rows};

static const struct type_field custom_resource_definition_spec_rows[] = {
    ROW_STR("group", 1, 0, .def = "\"\"", .help = "API group of the kind."),
    ROW_OBJ("names", 3, 0, &TYPE_CUSTOM_RESOURCE_DEFINITION_NAMES, .def = "{}",
            .help = "Names of the kind and its resource."),
    ROW_STR("scope", 4, 0, .def = "\"\"", .help = "Namespaced or Cluster."),
    ROW_LIST("versions", 7, 0, &TYPE_CUSTOM_RESOURCE_DEFINITION_VERSION,
             .help = "Versions of the kind; exactly one is stored."),
    ROW_OBJ("conversion", 9, 0, &TYPE_CUSTOM_RESOURCE_CONVERSION),
    ROW_BOOL("preserveUnknownFields", 10, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_CUSTOM_RESOURCE_DEFINITION_SPEC = {
    .name = "CustomResourceDefinitionSpec",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_definition_spec_rows};

static const struct type_field custom_resource_definition_condition_rows[] = {
    ROW_STR("type", 1, 0, .def = "\"\""),       ROW_STR("status", 2, 0, .def = "\"\""),
    ROW_TIME("lastTransitionTime", 3, TF_NULL), ROW_STR("reason", 4, TF_OMIT_ZERO),
    ROW_STR("message", 5, TF_OMIT_ZERO),        ROW_END,
};
static const struct type TYPE_CUSTOM_RESOURCE_DEFINITION_CONDITION = {
    .name = "CustomResourceDefinitionCondition",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_definition_condition_rows};

static const struct type_field custom_resource_definition_status_rows[] = {
    ROW_LIST("conditions", 1, 0, &TYPE_CUSTOM_RESOURCE_DEFINITION_CONDITION),
    ROW_OBJ("acceptedNames", 2, 0, &TYPE_CUSTOM_RESOURCE_DEFINITION_NAMES, .def = "{}"),
    ROW_SCALARS("storedVersions", 3, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_CUSTOM_RESOURCE_DEFINITION_STATUS = {
    .name = "CustomResourceDefinitionStatus",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_definition_status_rows};

static const struct type_field custom_resource_definition_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_CUSTOM_RESOURCE_DEFINITION_SPEC, .def = "{}",
            .help = "The kind that is defined."),
    ROW_OBJ("status", 3, 0, &TYPE_CUSTOM_RESOURCE_DEFINITION_STATUS, .def = "{}",
            .help = "Whether the kind is served."),
    ROW_END,
};
const struct type TYPE_CUSTOM_RESOURCE_DEFINITION = {
    .name = "CustomResourceDefinition",
    .package = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    .fields = custom_resource_definition_rows,
    .help = "Defines a kind of custom resource."};
