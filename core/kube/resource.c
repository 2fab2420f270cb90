/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in resources as data. Ours are stated by the room api/, any other by who needs it. */
#include <stdio.h>

#include "base/str.h"
#include "kube/kube.h"

const struct kube_resource KUBE_NAMESPACES = {"", "v1", "namespaces", "Namespace", false};
const struct kube_resource KUBE_NODES = {"", "v1", "nodes", "Node", false};
const struct kube_resource KUBE_PODS = {"", "v1", "pods", "Pod", true};
const struct kube_resource KUBE_SERVICES = {"", "v1", "services", "Service", true};
const struct kube_resource KUBE_ENDPOINTS = {"", "v1", "endpoints", "Endpoints", true};
const struct kube_resource KUBE_ENDPOINTSLICES = {"discovery.k8s.io", "v1", "endpointslices",
                                                  "EndpointSlice", true};
const struct kube_resource KUBE_CONFIGMAPS = {"", "v1", "configmaps", "ConfigMap", true};
const struct kube_resource KUBE_SECRETS = {"", "v1", "secrets", "Secret", true};
const struct kube_resource KUBE_SERVICEACCOUNTS = {"", "v1", "serviceaccounts", "ServiceAccount",
                                                   true};
const struct kube_resource KUBE_PVCS = {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim",
                                        true};
const struct kube_resource KUBE_PVS = {"", "v1", "persistentvolumes", "PersistentVolume", false};
const struct kube_resource KUBE_EVENTS = {"", "v1", "events", "Event", true};
const struct kube_resource KUBE_LEASES = {"coordination.k8s.io", "v1", "leases", "Lease", true};
const struct kube_resource KUBE_CRDS = {"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                        "CustomResourceDefinition", false};
const struct kube_resource KUBE_PDBS = {"policy", "v1", "poddisruptionbudgets",
                                        "PodDisruptionBudget", true};

const char *kube_api_version(const struct kube_resource *r, char out[128])
{
    bool core = r->group[0] == '\0';
    int n = snprintf(out, 128, "%s%s%s", r->group, core ? "" : "/", r->version);
    ATOLL_ASSERT(n > 0 && n < 128); /* group names are DNS names, ours are constants */
    return out;
}
