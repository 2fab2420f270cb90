/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every label, annotation, finalizer and derived object name that leaves this program. They are
 * wire constants shared with KubeBlocks, so that its manifests and a running fleet fit unchanged;
 * ours carry an atoll.io domain.
 */
#ifndef ATOLL_API_NAMES_H
#define ATOLL_API_NAMES_H

#include "base/json.h"

/* ---- labels ---- */
#define LABEL_MANAGED_BY       "app.kubernetes.io/managed-by"
#define LABEL_MANAGED_BY_VALUE "kubeblocks"
#define LABEL_CLUSTER          "app.kubernetes.io/instance"
#define LABEL_APP_COMPONENT    "app.kubernetes.io/component" /* name of the definition */
#define LABEL_COMPONENT        "apps.kubeblocks.io/component-name"
#define LABEL_SHARDING         "apps.kubeblocks.io/sharding-name"
#define LABEL_CLUSTER_UID      "apps.kubeblocks.io/cluster-uid"
#define LABEL_POD_NAME         "apps.kubeblocks.io/pod-name"
#define LABEL_RELEASE_PHASE    "apps.kubeblocks.io/release-phase"
#define LABEL_RELEASE_STABLE   "stable"
#define LABEL_ROLE             "kubeblocks.io/role"
#define LABEL_ITS_MANAGED_BY   "workloads.kubeblocks.io/managed-by"
#define LABEL_ITS_KIND         "InstanceSet"
#define LABEL_ITS              "workloads.kubeblocks.io/instance"
#define LABEL_ITS_TEMPLATE     "workloads.kubeblocks.io/template-name"
#define LABEL_REVISION         "controller-revision-hash"
#define LABEL_VCT_NAME         "apps.kubeblocks.io/vct-name"
#define LABEL_CLUSTERDEF       "clusterdefinition.kubeblocks.io/name"
#define LABEL_COMPDEF          "componentdefinition.kubeblocks.io/name"
#define LABEL_SERVICE_VERSION  "apps.kubeblocks.io/service-version"
#define LABEL_ACCOUNT          "apps.kubeblocks.io/system-account"

/* ---- annotations ---- */
#define ANNOTATION_ROLE_VERSION "apps.kubeblocks.io/last-role-authoritative-version"
#define ANNOTATION_RESTART      "kubeblocks.io/restart"
#define ANNOTATION_PVC_PREFIX   "apps.kubeblocks.io/pvc-name-prefix"
#define ANNOTATION_TOPOLOGY     "apps.kubeblocks.io/topology"
#define ANNOTATION_ENGINE       "engine.atoll.io/plugin" /* on definitions: which engine knows it */
#define ANNOTATION_CONFIG_HASH                                                                     \
    "apps.atoll.io/config-hash" /* on the Pod template: a change restarts */

/* ---- finalizers ---- */
#define FINALIZER_CLUSTER   "cluster.kubeblocks.io/finalizer"
#define FINALIZER_COMPONENT "component.kubeblocks.io/finalizer"
#define FINALIZER_ITS       "instanceset.workloads.kubeblocks.io/finalizer"

/* ---- names of derived objects, in the arena ---- */
const char *name_component(struct arena *a, const char *cluster, const char *comp); /* orders-db */
const char *name_headless(struct arena *a, const char *cluster,
                          const char *comp); /* orders-db-headless */
/* A component's Service; without `service` the component's own: orders-db[-service]. */
const char *name_service(struct arena *a, const char *cluster, const char *comp,
                         const char *service);
const char *name_cluster_service(struct arena *a, const char *cluster, const char *service);
const char *name_pod_service(struct arena *a, const char *service,
                             int64_t ordinal); /* orders-db-svc-0 */
const char *name_account(struct arena *a, const char *cluster, const char *comp,
                         const char *account);
const char *name_config(struct arena *a, const char *cluster, const char *comp, const char *config);
const char *name_pvc(struct arena *a, const char *vct, const char *pod); /* data-orders-db-0 */
/* orders-db-0.orders-db-headless.default.svc */
const char *name_pod_host(struct arena *a, const char *pod, const char *headless, const char *ns);
const char *name_instance(struct arena *a, const char *its, const char *tpl, int64_t ordinal);
/* Ordinal at the end of an instance's name; -1 when there is none. */
int64_t name_ordinal(const char *instance);

/* The password of a system account (password.c). `config` is a systemAccounts[].passwordConfig
 * object or NULL; the random bytes decide unless it has a seed. -EINVAL names the field that cannot
 * be met. */
#define PASSWORD_RANDOM 64
int password_make(const cJSON *config, const unsigned char random[PASSWORD_RANDOM], struct buf *out,
                  struct err **err);

#endif
