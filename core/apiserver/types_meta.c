/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata, selectors and options that all kinds share, and the Scale subresource. The rules of the
 * object's own metadata are in names.c.
 */
#include <string.h>

#include "apiserver/names.h"
#include "apiserver/types_rows.h"

static const struct type_field owner_reference_rows[] = {
    ROW_STR("apiVersion", 5, 0, .help = "API version of the owner."),
    ROW_STR("kind", 1, 0, .help = "Kind of the owner."),
    ROW_STR("name", 3, 0, .help = "Name of the owner."),
    ROW_STR("uid", 4, 0, .help = "UID of the owner."),
    ROW_BOOL("controller", 6, 0, .help = "True for the one owner that manages this object."),
    ROW_BOOL("blockOwnerDeletion", 7, 0,
             .help = "With foreground deletion the owner waits until this object is gone."),
    ROW_END,
};
static const struct type TYPE_OWNER_REFERENCE = {.name = "OwnerReference",
                                                 .package = "io.k8s.apimachinery.pkg.apis.meta.v1",
                                                 .fields = owner_reference_rows};

static const struct type_field managed_fields_entry_rows[] = {
    ROW_STR("manager", 1, TF_OMIT_ZERO),     ROW_STR("operation", 2, TF_OMIT_ZERO),
    ROW_STR("apiVersion", 3, TF_OMIT_ZERO),  ROW_TIME("time", 4, 0),
    ROW_STR("fieldsType", 6, TF_OMIT_ZERO),  ROW_ANY("fieldsV1", 7, TF_RAW),
    ROW_STR("subresource", 8, TF_OMIT_ZERO), ROW_END,
};
static const struct type TYPE_MANAGED_FIELDS_ENTRY = {.name = "ManagedFieldsEntry",
                                                      .package =
                                                          "io.k8s.apimachinery.pkg.apis.meta.v1",
                                                      .fields = managed_fields_entry_rows};

static const struct type_field object_meta_rows[] = {
    ROW_STR("name", 1, TF_OMIT_ZERO,
            .help = "Name of the object, unique for its kind in the namespace; cannot change."),
    ROW_STR("generateName", 2, TF_OMIT_ZERO,
            .help = "Prefix from which the server makes a unique name when name is empty."),
    ROW_STR("namespace", 3, TF_OMIT_ZERO,
            .help = "Namespace the object lives in; empty for kinds of the whole cluster."),
    ROW_STR("selfLink", 4, TF_OMIT_ZERO),
    ROW_STR("uid", 5, TF_OMIT_ZERO,
            .help =
                "Set by the server; differs from that of any earlier object with the same name."),
    ROW_STR(
        "resourceVersion", 6, TF_OMIT_ZERO,
        .help =
            "Version of the stored object, for optimistic locking and watches; opaque to clients."),
    ROW_LONG("generation", 7, TF_OMIT_ZERO,
             .help = "Number of the desired state, raised by the server at each change of it."),
    ROW_TIME("creationTimestamp", 8, 0, .help = "When the server created the object."),
    ROW_TIME("deletionTimestamp", 9, 0,
             .help =
                 "When the object is to be gone; set by the server on delete, never by clients."),
    ROW_LONG("deletionGracePeriodSeconds", 10, 0,
             .help = "Seconds the object has to end by itself before it is removed."),
    ROW_MAP("labels", 11, 0, T_STRING,
            .help = "Short key/value pairs to select and group objects by."),
    ROW_MAP("annotations", 12, 0, T_STRING,
            .help = "Free key/value pairs for tools; not selectable."),
    ROW_LIST("ownerReferences", 13, 0, &TYPE_OWNER_REFERENCE, .merge_key = "uid",
             .help = "Objects this one belongs to; when all are gone it is collected."),
    ROW_SCALARS("finalizers", 14, 0, T_STRING, .merge_key = "",
                .help =
                    "Names that must be removed, each by its owner, before the object is removed."),
    ROW_LIST("managedFields", 17, 0, &TYPE_MANAGED_FIELDS_ENTRY,
             .help = "Which writer owns which fields; kept by the server for server-side apply."),
    ROW_END,
};
const struct type TYPE_OBJECT_META = {.name = "ObjectMeta",
                                      .package = "io.k8s.apimachinery.pkg.apis.meta.v1",
                                      .fields = object_meta_rows};

static const struct type_field label_selector_requirement_rows[] = {
    ROW_STR("key", 1, TF_REQUIRED, .help = "Label the requirement is about."),
    ROW_STR("operator", 2, TF_REQUIRED, .allowed = "In|NotIn|Exists|DoesNotExist",
            .help = "How the label is compared with the values."),
    ROW_SCALARS("values", 3, 0, T_STRING,
                .help = "Values for In and NotIn; empty for Exists and DoesNotExist."),
    ROW_END,
};
const struct type TYPE_LABEL_SELECTOR_REQUIREMENT = {.name = "LabelSelectorRequirement",
                                                     .package =
                                                         "io.k8s.apimachinery.pkg.apis.meta.v1",
                                                     .fields = label_selector_requirement_rows,
                                                     .check = label_requirement_check};

static const struct type_field label_selector_rows[] = {
    ROW_MAP("matchLabels", 1, 0, T_STRING,
            .help = "Labels that must all be present with these values."),
    ROW_LIST("matchExpressions", 2, 0, &TYPE_LABEL_SELECTOR_REQUIREMENT,
             .help = "Requirements on labels that must all hold."),
    ROW_END,
};
const struct type TYPE_LABEL_SELECTOR = {.name = "LabelSelector",
                                         .package = "io.k8s.apimachinery.pkg.apis.meta.v1",
                                         .fields = label_selector_rows,
                                         .check = label_selector_check};

static const struct type_field condition_rows[] = {
    ROW_STR("type", 1, 0),
    ROW_STR("status", 2, 0),
    ROW_LONG("observedGeneration", 3, TF_OMIT_ZERO),
    ROW_TIME("lastTransitionTime", 4, 0),
    ROW_STR("reason", 5, 0),
    ROW_STR("message", 6, 0),
    ROW_END,
};
const struct type TYPE_CONDITION = {.name = "Condition",
                                    .package = "io.k8s.apimachinery.pkg.apis.meta.v1",
                                    .fields = condition_rows};

static const struct type_field preconditions_rows[] = {
    ROW_STR("uid", 1, 0),
    ROW_STR("resourceVersion", 2, 0),
    ROW_END,
};
static const struct type TYPE_PRECONDITIONS = {.name = "Preconditions",
                                               .package = "io.k8s.apimachinery.pkg.apis.meta.v1",
                                               .fields = preconditions_rows};

static const struct type_field delete_options_rows[] = {
    ROW_LONG("gracePeriodSeconds", 1, 0),
    ROW_OBJ("preconditions", 2, 0, &TYPE_PRECONDITIONS),
    ROW_BOOL("orphanDependents", 3, 0),
    ROW_STR("propagationPolicy", 4, 0),
    ROW_SCALARS("dryRun", 5, 0, T_STRING),
    ROW_BOOL("ignoreStoreReadErrorWithClusterBreakingPotential", 6, 0),
    ROW_END,
};
const struct type TYPE_DELETE_OPTIONS = {.name = "DeleteOptions",
                                         .package = "io.k8s.apimachinery.pkg.apis.meta.v1",
                                         .fields = delete_options_rows};

static const struct type_field field_selector_requirement_rows[] = {
    ROW_STR("key", 1, 0),
    ROW_STR("operator", 2, 0),
    ROW_SCALARS("values", 3, 0, T_STRING),
    ROW_END,
};
const struct type TYPE_FIELD_SELECTOR_REQUIREMENT = {.name = "FieldSelectorRequirement",
                                                     .package =
                                                         "io.k8s.apimachinery.pkg.apis.meta.v1",
                                                     .fields = field_selector_requirement_rows};

static const struct type_field scale_spec_rows[] = {
    ROW_INT("replicas", 1, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_SCALE_SPEC = {
    .name = "ScaleSpec", .package = "io.k8s.api.autoscaling.v1", .fields = scale_spec_rows};

static const struct type_field scale_status_rows[] = {
    ROW_INT("replicas", 1, 0, .def = "0"),
    ROW_STR("selector", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_SCALE_STATUS = {
    .name = "ScaleStatus", .package = "io.k8s.api.autoscaling.v1", .fields = scale_status_rows};

static const struct type_field scale_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_SCALE_SPEC, .def = "{}"),
    ROW_OBJ("status", 3, 0, &TYPE_SCALE_STATUS, .def = "{}"),
    ROW_END,
};
const struct type TYPE_SCALE = {.name = "Scale",
                                .package = "io.k8s.api.autoscaling.v1",
                                .fields = scale_rows,
                                .check = scale_check,
                                .help = "The number of replicas of an object."};

/* --- rules ---------------------------------------------------------------------------------- */

void label_requirement_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const char *op = json_str(obj, "operator");
    char field[CAUSE_FIELD_MAX];
    (void)old;
    type_check_name(obj, path, "key", name_check_qualified, c);
    if (!op)
        return;
    bool set = streq(op, "In") || streq(op, "NotIn");
    if (set && !type_given(obj, "values"))
        causes_required(c, type_path(field, path, "values"),
                        "must be specified when `operator` is 'In' or 'NotIn'");
    if (!set && type_given(obj, "values"))
        causes_forbidden(c, type_path(field, path, "values"),
                         "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
}

void label_selector_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    char field[CAUSE_FIELD_MAX];
    (void)old;
    meta_validate_labels(json_at(obj, "matchLabels"), type_path(field, path, "matchLabels"), c);
}

void scale_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    (void)old;
    (void)path;
    type_check_range(json_at(obj, "spec"), "spec", "replicas", 0, INT64_MAX, c);
}
