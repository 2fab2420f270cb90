/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults and rules of Services and Endpoints. Giving out cluster addresses needs the store and is
 * the caller's; here the fields that follow from an address are kept consistent.
 */
#include <stdio.h>
#include <string.h>

#include "apiserver/names.h"
#include "apiserver/types_rows.h"

static const char *type_of_service(const cJSON *spec)
{
    const char *type = json_str(spec, "type");
    return type && *type ? type : "ClusterIP";
}

static bool is_headless(const cJSON *spec)
{
    const char *ip = json_str(spec, "clusterIP");
    return ip && streq(ip, "None");
}

/* --- defaults ------------------------------------------------------------------------------- */

static void put_absent(cJSON *obj, const char *name, const char *value)
{
    if (!cJSON_GetObjectItemCaseSensitive(obj, name))
        cJSON_AddStringToObject(obj, name, value);
}

static void default_ports(cJSON *spec)
{
    cJSON *ports = cJSON_GetObjectItemCaseSensitive(spec, "ports");
    for (cJSON *p = ports ? ports->child : NULL; p; p = p->next) {
        const cJSON *port = cJSON_GetObjectItemCaseSensitive(p, "port");
        const cJSON *target = cJSON_GetObjectItemCaseSensitive(p, "targetPort");
        bool unset = !target || (cJSON_IsNumber(target) && target->valuedouble == 0) ||
                     (cJSON_IsString(target) && !*target->valuestring);
        if (unset)
            json_put(p, cJSON_CreateNumber(cJSON_IsNumber(port) ? port->valuedouble : 0),
                     "targetPort");
    }
}

/* clusterIP and clusterIPs say the same. */
static void default_addresses(cJSON *spec)
{
    const char *ip = json_str(spec, "clusterIP");
    const cJSON *ips = cJSON_GetObjectItemCaseSensitive(spec, "clusterIPs");
    if (ip && *ip && !(ips && ips->child)) {
        cJSON *list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, cJSON_CreateString(ip));
        json_put(spec, list, "clusterIPs");
    } else if (!(ip && *ip) && ips && cJSON_IsString(ips->child)) {
        json_put_str(spec, ips->child->valuestring, "clusterIP");
    }
}

/* Headless without selector: any family may appear among the endpoints made by hand. */
static void default_families(cJSON *spec)
{
    const char *ip = json_str(spec, "clusterIP");
    if (!cJSON_GetObjectItemCaseSensitive(spec, "ipFamilies")) {
        bool any = is_headless(spec) && !json_at(spec, "selector");
        bool six = ip && strchr(ip, ':');
        cJSON *list = cJSON_AddArrayToObject(spec, "ipFamilies");
        cJSON_AddItemToArray(list, cJSON_CreateString(six ? "IPv6" : "IPv4"));
        if (any)
            cJSON_AddItemToArray(list, cJSON_CreateString("IPv6"));
    }
    bool two = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(spec, "ipFamilies")) > 1;
    put_absent(spec, "ipFamilyPolicy", two ? "RequireDualStack" : "SingleStack");
}

void service_default(cJSON *obj)
{
    cJSON *spec = cJSON_GetObjectItemCaseSensitive(obj, "spec");
    if (!cJSON_IsObject(spec))
        return;
    const char *type = type_of_service(spec), *affinity = json_str(spec, "sessionAffinity");
    default_ports(spec);
    if (affinity && streq(affinity, "ClientIP"))
        json_obj(spec, "sessionAffinityConfig", "clientIP");
    if (streq(type, "ExternalName"))
        return;
    put_absent(spec, "internalTrafficPolicy", "Cluster");
    if (!streq(type, "ClusterIP"))
        put_absent(spec, "externalTrafficPolicy", "Cluster");
    if (streq(type, "LoadBalancer") &&
        !cJSON_GetObjectItemCaseSensitive(spec, "allocateLoadBalancerNodePorts"))
        cJSON_AddTrueToObject(spec, "allocateLoadBalancerNodePorts");
    default_addresses(spec);
    default_families(spec);
}

/* --- rules ---------------------------------------------------------------------------------- */

void service_port_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    char field[CAUSE_FIELD_MAX];
    (void)old;
    if (!cJSON_GetObjectItemCaseSensitive(obj, "port"))
        causes_add(c, CAUSE_INVALID, type_path(field, path, "port"),
                   "Invalid value: 0: must be between 1 and 65535, inclusive");
    type_check_range(obj, path, "port", 1, 65535, c);
    type_check_range(obj, path, "targetPort", 1, 65535, c);
    type_check_name(obj, path, "targetPort", name_check_port, c);
    type_check_range(obj, path, "nodePort", 0, 65535, c);
    type_check_name(obj, path, "name", name_check_label, c);
}

static void check_ports(const cJSON *spec, struct causes *c)
{
    const cJSON *ports = cJSON_GetObjectItemCaseSensitive(spec, "ports");
    struct map names AUTO(map_done) = MAP_INIT;
    struct map numbers AUTO(map_done) = MAP_INIT;
    int n = cJSON_GetArraySize(ports), i = 0;
    char field[CAUSE_FIELD_MAX], key[64];
    if (n == 0 && !is_headless(spec) && !streq(type_of_service(spec), "ExternalName"))
        causes_required(c, "spec.ports", NULL);
    type_check_unique(spec, "spec", "ports", "name", &names, c);
    json_foreach (p, ports) {
        const char *protocol = json_str(p, "protocol");
        if (n > 1 && !type_given(p, "name"))
            causes_required(c, type_path(field, "spec", "ports[%d].name", i), NULL);
        snprintf(key, sizeof(key), "%lld/%.20s", (long long)json_int(0, p, "port"),
                 protocol ? protocol : "TCP");
        if (map_set(&numbers, key, &numbers))
            causes_duplicate(c, type_path(field, "spec", "ports[%d]", i), p);
        i++;
    }
}

static void check_address(const cJSON *spec, const cJSON *was, struct causes *c)
{
    const char *type = type_of_service(spec), *ip = json_str(spec, "clusterIP");
    const char *before = json_str(was, "clusterIP");
    bool external = streq(type, "ExternalName");
    if (external && ip && *ip)
        causes_forbidden(c, "spec.clusterIPs", "may not be set for ExternalName services");
    if (ip && *ip && !is_headless(spec) && !type_is_ip(ip, NULL))
        causes_invalid(c, "spec.clusterIPs[0]", ip,
                       "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    if (is_headless(spec) && (streq(type, "NodePort") || streq(type, "LoadBalancer")))
        causes_invalid(c, "spec.clusterIPs[0]", ip, "may not be set to 'None' for this type");
    bool stays = was && !external && !streq(type_of_service(was), "ExternalName");
    if (stays && before && *before && !(ip && streq(ip, before)))
        causes_invalid(c, "spec.clusterIPs[0]", ip ? ip : "", "may not change once set");
}

static void check_external(const cJSON *spec, struct causes *c)
{
    const char *name = json_str(spec, "externalName");
    if (streq(type_of_service(spec), "ExternalName")) {
        const char *why = name && *name ? name_check_subdomain(name) : NULL;
        if (!(name && *name))
            causes_required(c, "spec.externalName", NULL);
        if (why)
            causes_invalid(c, "spec.externalName", name, why);
    }
    char field[CAUSE_FIELD_MAX];
    size_t i = 0;
    json_foreach (ip, cJSON_GetObjectItemCaseSensitive(spec, "externalIPs")) {
        if (!type_is_ip(ip->valuestring, NULL))
            causes_invalid(c, type_path(field, "spec", "externalIPs[%zu]", i), ip->valuestring,
                           "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
        i++;
    }
}

void service_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const cJSON *spec = json_at(obj, "spec");
    (void)path;
    if (!spec)
        return;
    check_ports(spec, c);
    check_address(spec, json_at(old, "spec"), c);
    check_external(spec, c);
    meta_validate_labels(json_at(spec, "selector"), "spec.selector", c);
    type_check_range(json_at(spec, "sessionAffinityConfig", "clientIP"),
                     "spec.sessionAffinityConfig.clientIP", "timeoutSeconds", 1, 86400, c);
}

/* Loopback addresses are fine here: the Pods of a local node have no others. */
void endpoint_address_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const char *ip = json_str(obj, "ip");
    char field[CAUSE_FIELD_MAX];
    (void)old;
    if (ip && *ip && !type_is_ip(ip, NULL))
        causes_invalid(c, type_path(field, path, "ip"), ip,
                       "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    type_check_name(obj, path, "hostname", name_check_label, c);
}

void endpoint_port_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    (void)old;
    type_check_range(obj, path, "port", 1, 65535, c);
    type_check_name(obj, path, "name", name_check_label, c);
}
