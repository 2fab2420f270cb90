/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EndpointSlice of discovery.k8s.io/v1 and Lease of coordination.k8s.io/v1.
 */
#include "apiserver/names.h"
#include "apiserver/types_rows.h"

static const struct type_field endpoint_conditions_rows[] = {
    ROW_BOOL("ready", 1, 0),
    ROW_BOOL("serving", 2, 0),
    ROW_BOOL("terminating", 3, 0),
    ROW_END,
};
static const struct type TYPE_ENDPOINT_CONDITIONS = {.name = "EndpointConditions",
                                                     .package = "io.k8s.api.discovery.v1",
                                                     .fields = endpoint_conditions_rows};

static const struct type_field for_zone_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_FOR_ZONE = {
    .name = "ForZone", .package = "io.k8s.api.discovery.v1", .fields = for_zone_rows};

static const struct type_field for_node_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_FOR_NODE = {
    .name = "ForNode", .package = "io.k8s.api.discovery.v1", .fields = for_node_rows};

static const struct type_field endpoint_hints_rows[] = {
    ROW_LIST("forZones", 1, 0, &TYPE_FOR_ZONE),
    ROW_LIST("forNodes", 2, 0, &TYPE_FOR_NODE),
    ROW_END,
};
static const struct type TYPE_ENDPOINT_HINTS = {
    .name = "EndpointHints", .package = "io.k8s.api.discovery.v1", .fields = endpoint_hints_rows};

static const struct type_field endpoint_rows[] = {
    ROW_SCALARS("addresses", 1, TF_REQUIRED, T_STRING, .help = "Addresses of one endpoint."),
    ROW_OBJ("conditions", 2, 0, &TYPE_ENDPOINT_CONDITIONS, .def = "{}",
            .help = "Whether the endpoint is ready, serving, terminating."),
    ROW_STR("hostname", 3, 0),
    ROW_OBJ("targetRef", 4, 0, &TYPE_OBJECT_REFERENCE),
    ROW_MAP("deprecatedTopology", 5, 0, T_STRING),
    ROW_STR("nodeName", 6, 0),
    ROW_STR("zone", 7, 0),
    ROW_OBJ("hints", 8, 0, &TYPE_ENDPOINT_HINTS),
    ROW_END,
};
static const struct type TYPE_ENDPOINT = {
    .name = "Endpoint", .package = "io.k8s.api.discovery.v1", .fields = endpoint_rows};

static const struct type_field slice_endpoint_port_rows[] = {
    ROW_STR("name", 1, 0, .def = "\"\""),
    ROW_STR("protocol", 2, 0, .def = "\"TCP\"", .allowed = "TCP|UDP|SCTP"),
    ROW_INT("port", 3, 0),
    ROW_STR("appProtocol", 4, 0),
    ROW_END,
};
static const struct type TYPE_SLICE_ENDPOINT_PORT = {.name = "EndpointPort",
                                                     .package = "io.k8s.api.discovery.v1",
                                                     .fields = slice_endpoint_port_rows};

static const struct type_field endpoint_slice_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_STR("addressType", 4, TF_REQUIRED, .allowed = "IPv4|IPv6|FQDN",
            .help = "Kind of the addresses: IPv4, IPv6 or FQDN."),
    ROW_LIST("endpoints", 2, 0, &TYPE_ENDPOINT, .help = "The endpoints of the slice."),
    ROW_LIST("ports", 3, 0, &TYPE_SLICE_ENDPOINT_PORT, .help = "Ports each endpoint offers."),
    ROW_END,
};
const struct type TYPE_ENDPOINT_SLICE = {.name = "EndpointSlice",
                                         .package = "io.k8s.api.discovery.v1",
                                         .fields = endpoint_slice_rows,
                                         .check = endpoint_slice_check,
                                         .help = "Some of the endpoints of a service."};

static const struct type_field lease_spec_rows[] = {
    ROW_STR("holderIdentity", 1, 0, .help = "Who holds the lease."),
    ROW_INT("leaseDurationSeconds", 2, 0,
            .help = "Seconds after renewTime until others may take it."),
    ROW_MICROTIME("acquireTime", 3, 0, .help = "When the holder took the lease."),
    ROW_MICROTIME("renewTime", 4, 0, .help = "When the holder last renewed the lease."),
    ROW_INT("leaseTransitions", 5, 0, .help = "How often the holder changed."),
    ROW_STR("strategy", 6, 0),
    ROW_STR("preferredHolder", 7, 0),
    ROW_END,
};
static const struct type TYPE_LEASE_SPEC = {
    .name = "LeaseSpec", .package = "io.k8s.api.coordination.v1", .fields = lease_spec_rows};

static const struct type_field lease_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_LEASE_SPEC, .def = "{}",
            .help = "Who holds the lease and since when."),
    ROW_END,
};
const struct type TYPE_LEASE = {.name = "Lease",
                                .package = "io.k8s.api.coordination.v1",
                                .fields = lease_rows,
                                .check = lease_check,
                                .help = "A lock that must be renewed."};

/* --- rules ---------------------------------------------------------------------------------- */

static void check_slice_address(const cJSON *address, const char *type, const char *field,
                                struct causes *c)
{
    int family = 0;
    if (!cJSON_IsString(address) || !type)
        return;
    const char *text = address->valuestring;
    if (streq(type, "FQDN")) {
        const char *why = name_check_subdomain(text);
        if (why)
            causes_invalid(c, field, text, why);
    } else if (!type_is_ip(text, &family) || (family == 6) != streq(type, "IPv6")) {
        causes_invalid(c, field, text,
                       streq(type, "IPv6") ? "must be an IPv6 address" : "must be an IPv4 address");
    }
}

static void check_slice_endpoints(const cJSON *obj, struct causes *c)
{
    const char *type = json_str(obj, "addressType");
    char field[CAUSE_FIELD_MAX];
    size_t i = 0;
    json_foreach (e, json_at(obj, "endpoints")) {
        size_t k = 0;
        json_foreach (a, json_at(e, "addresses")) {
            type_path(field, "", "endpoints[%zu].addresses[%zu]", i, k++);
            check_slice_address(a, type, field, c);
        }
        i++;
    }
}

void endpoint_slice_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    struct map names AUTO(map_done) = MAP_INIT;
    char field[CAUSE_FIELD_MAX];
    size_t i = 0;
    (void)path;
    const cJSON *type = json_at(obj, "addressType");
    if (old && !json_equal(type, json_at(old, "addressType")))
        causes_invalid_json(c, "addressType", type, "field is immutable");
    int endpoints = cJSON_GetArraySize(json_at(obj, "endpoints"));
    int ports = cJSON_GetArraySize(json_at(obj, "ports"));
    if (endpoints > 1000)
        causes_add(c, CAUSE_TOO_MANY, "endpoints", "Too many: %d: must have at most 1000 items",
                   endpoints);
    if (ports > 100)
        causes_add(c, CAUSE_TOO_MANY, "ports", "Too many: %d: must have at most 100 items", ports);
    check_slice_endpoints(obj, c);
    type_check_unique(obj, "", "ports", "name", &names, c);
    json_foreach (p, json_at(obj, "ports")) {
        type_path(field, "", "ports[%zu]", i++);
        type_check_range(p, field, "port", 1, 65535, c);
        type_check_name(p, field, "name", name_check_label, c);
    }
}

void lease_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const cJSON *duration = json_at(obj, "spec", "leaseDurationSeconds");
    (void)old;
    (void)path;
    if (duration && duration->valuedouble <= 0)
        causes_invalid_json(c, "spec.leaseDurationSeconds", duration, "must be greater than 0");
    type_check_range(json_at(obj, "spec"), "spec", "leaseTransitions", 0, INT64_MAX, c);
}
