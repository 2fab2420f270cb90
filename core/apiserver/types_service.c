/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service and Endpoints of core/v1.
 */
#include "apiserver/types_rows.h"

static const struct type_field service_port_rows[] = {
    ROW_STR("name", 1, TF_OMIT_ZERO, .help = "Name of the port; needed when there are several."),
    ROW_STR("protocol", 2, TF_OMIT_ZERO, .def = "\"TCP\"", .allowed = "TCP|UDP|SCTP",
            .help = "TCP, UDP or SCTP."),
    ROW_STR("appProtocol", 6, 0, .help = "Protocol spoken on the port, as a hint."),
    ROW_INT("port", 3, TF_REQUIRED, .help = "Port of the service."),
    ROW_INT_OR_STRING("targetPort", 4, 0,
                      .help =
                          "Port of the pods, by number or name; the same as port when not given."),
    ROW_INT("nodePort", 5, TF_OMIT_ZERO,
            .help = "Port on every node for NodePort and LoadBalancer."),
    ROW_END,
};
static const struct type TYPE_SERVICE_PORT = {.name = "ServicePort",
                                              .package = "io.k8s.api.core.v1",
                                              .fields = service_port_rows,
                                              .check = service_port_check};

static const struct type_field client_ip_config_rows[] = {
    ROW_INT("timeoutSeconds", 1, 0, .def = "10800"),
    ROW_END,
};
static const struct type TYPE_CLIENT_IP_CONFIG = {
    .name = "ClientIPConfig", .package = "io.k8s.api.core.v1", .fields = client_ip_config_rows};

static const struct type_field session_affinity_config_rows[] = {
    ROW_OBJ("clientIP", 1, 0, &TYPE_CLIENT_IP_CONFIG),
    ROW_END,
};
static const struct type TYPE_SESSION_AFFINITY_CONFIG = {.name = "SessionAffinityConfig",
                                                         .package = "io.k8s.api.core.v1",
                                                         .fields = session_affinity_config_rows};

static const struct type_field service_spec_rows[] = {
    ROW_LIST("ports", 1, 0, &TYPE_SERVICE_PORT, .merge_key = "port",
             .help = "Ports of the service and where they lead to."),
    ROW_MAP("selector", 2, 0, T_STRING,
            .help =
                "Labels of the pods behind the service; empty means endpoints are made by hand."),
    ROW_STR("clusterIP", 3, TF_OMIT_ZERO,
            .help = "Address of the service; None makes it headless."),
    ROW_SCALARS("clusterIPs", 18, 0, T_STRING,
                .help = "All addresses of the service; the first is clusterIP."),
    ROW_STR("type", 4, TF_OMIT_ZERO, .def = "\"ClusterIP\"",
            .allowed = "ClusterIP|ExternalName|LoadBalancer|NodePort",
            .help = "ClusterIP, NodePort, LoadBalancer or ExternalName."),
    ROW_SCALARS("externalIPs", 5, 0, T_STRING,
                .help = "Addresses outside whose traffic the nodes accept for this service."),
    ROW_STR("sessionAffinity", 7, TF_OMIT_ZERO, .def = "\"None\"", .allowed = "ClientIP|None",
            .help = "ClientIP sends a client to the same pod again."),
    ROW_STR("loadBalancerIP", 8, TF_OMIT_ZERO),
    ROW_SCALARS("loadBalancerSourceRanges", 9, 0, T_STRING),
    ROW_STR("externalName", 10, TF_OMIT_ZERO,
            .help = "DNS name the service is an alias for, with type ExternalName."),
    ROW_STR("externalTrafficPolicy", 11, TF_OMIT_ZERO, .allowed = "Cluster|Local",
            .help = "Whether traffic from outside may be sent to pods of other nodes."),
    ROW_INT("healthCheckNodePort", 12, TF_OMIT_ZERO),
    ROW_BOOL("publishNotReadyAddresses", 13, TF_OMIT_ZERO,
             .help = "Publish pods before they are ready."),
    ROW_OBJ("sessionAffinityConfig", 14, 0, &TYPE_SESSION_AFFINITY_CONFIG),
    ROW_SCALARS("ipFamilies", 19, 0, T_STRING, .help = "Address families of the service."),
    ROW_STR("ipFamilyPolicy", 17, 0, .allowed = "SingleStack|PreferDualStack|RequireDualStack",
            .help = "One address family or two."),
    ROW_BOOL("allocateLoadBalancerNodePorts", 20, 0),
    ROW_STR("loadBalancerClass", 21, 0),
    ROW_STR("internalTrafficPolicy", 22, 0, .allowed = "Cluster|Local",
            .help = "Whether traffic from inside may be sent to pods of other nodes."),
    ROW_STR("trafficDistribution", 23, 0),
    ROW_END,
};
static const struct type TYPE_SERVICE_SPEC = {
    .name = "ServiceSpec", .package = "io.k8s.api.core.v1", .fields = service_spec_rows};

static const struct type_field port_status_rows[] = {
    ROW_INT("port", 1, 0, .def = "0"),
    ROW_STR("protocol", 2, 0, .def = "\"\""),
    ROW_STR("error", 3, 0),
    ROW_END,
};
static const struct type TYPE_PORT_STATUS = {
    .name = "PortStatus", .package = "io.k8s.api.core.v1", .fields = port_status_rows};

static const struct type_field load_balancer_ingress_rows[] = {
    ROW_STR("ip", 1, TF_OMIT_ZERO),
    ROW_STR("hostname", 2, TF_OMIT_ZERO),
    ROW_STR("ipMode", 3, 0),
    ROW_LIST("ports", 4, 0, &TYPE_PORT_STATUS),
    ROW_END,
};
static const struct type TYPE_LOAD_BALANCER_INGRESS = {.name = "LoadBalancerIngress",
                                                       .package = "io.k8s.api.core.v1",
                                                       .fields = load_balancer_ingress_rows};

static const struct type_field load_balancer_status_rows[] = {
    ROW_LIST("ingress", 1, 0, &TYPE_LOAD_BALANCER_INGRESS),
    ROW_END,
};
static const struct type TYPE_LOAD_BALANCER_STATUS = {.name = "LoadBalancerStatus",
                                                      .package = "io.k8s.api.core.v1",
                                                      .fields = load_balancer_status_rows};

static const struct type_field service_status_rows[] = {
    ROW_OBJ("loadBalancer", 1, 0, &TYPE_LOAD_BALANCER_STATUS, .def = "{}"),
    ROW_LIST("conditions", 2, 0, &TYPE_CONDITION, .merge_key = "type"),
    ROW_END,
};
static const struct type TYPE_SERVICE_STATUS = {
    .name = "ServiceStatus", .package = "io.k8s.api.core.v1", .fields = service_status_rows};

static const struct type_field service_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_SERVICE_SPEC, .def = "{}",
            .help = "What the service offers and to which pods it leads."),
    ROW_OBJ("status", 3, 0, &TYPE_SERVICE_STATUS, .def = "{}",
            .help = "Load balancer addresses and conditions."),
    ROW_END,
};
const struct type TYPE_SERVICE = {.name = "Service",
                                  .package = "io.k8s.api.core.v1",
                                  .fields = service_rows,
                                  .def = service_default,
                                  .check = service_check,
                                  .help = "A stable name and address for a set of pods."};

static const struct type_field endpoint_address_rows[] = {
    ROW_STR("ip", 1, TF_REQUIRED),
    ROW_STR("hostname", 3, TF_OMIT_ZERO),
    ROW_STR("nodeName", 4, 0),
    ROW_OBJ("targetRef", 2, 0, &TYPE_OBJECT_REFERENCE),
    ROW_END,
};
static const struct type TYPE_ENDPOINT_ADDRESS = {.name = "EndpointAddress",
                                                  .package = "io.k8s.api.core.v1",
                                                  .fields = endpoint_address_rows,
                                                  .check = endpoint_address_check};

static const struct type_field endpoint_port_rows[] = {
    ROW_STR("name", 1, TF_OMIT_ZERO),
    ROW_INT("port", 2, TF_REQUIRED),
    ROW_STR("protocol", 3, TF_OMIT_ZERO, .def = "\"TCP\"", .allowed = "TCP|UDP|SCTP"),
    ROW_STR("appProtocol", 4, 0),
    ROW_END,
};
static const struct type TYPE_ENDPOINT_PORT = {.name = "EndpointPort",
                                               .package = "io.k8s.api.core.v1",
                                               .fields = endpoint_port_rows,
                                               .check = endpoint_port_check};

static const struct type_field endpoint_subset_rows[] = {
    ROW_LIST("addresses", 1, 0, &TYPE_ENDPOINT_ADDRESS),
    ROW_LIST("notReadyAddresses", 2, 0, &TYPE_ENDPOINT_ADDRESS),
    ROW_LIST("ports", 3, 0, &TYPE_ENDPOINT_PORT),
    ROW_END,
};
static const struct type TYPE_ENDPOINT_SUBSET = {
    .name = "EndpointSubset", .package = "io.k8s.api.core.v1", .fields = endpoint_subset_rows};

static const struct type_field endpoints_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_LIST("subsets", 2, 0, &TYPE_ENDPOINT_SUBSET, .help = "Addresses and the ports they share."),
    ROW_END,
};
const struct type TYPE_ENDPOINTS = {.name = "Endpoints",
                                    .package = "io.k8s.api.core.v1",
                                    .fields = endpoints_rows,
                                    .help = "Addresses behind a service, in the old form."};
