/* SPDX-License-Identifier: Apache-2.0 */
/* One resolved context: where the API is and who we are. Filled by config.c and kubeconfig.c. */
#ifndef ATOLL_KUBE_CONFIG_H
#define ATOLL_KUBE_CONFIG_H

#include "base/err.h"

/* A credential that is given inline or lies in a file that others rewrite. */
struct config_part {
    char *text; /* PEM or token; NULL = none */
    char *file; /* NULL = inline or none */
};

#define kube_config_MAGIC 0x6b636667
struct kube_config {
    uint32_t magic;
    char *context, *server, *ns;
    char *server_name; /* tls-server-name; NULL = the host of server */
    bool insecure;
    struct config_part ca, cert, key, token;
    char *user, *password; /* basic authentication */
    char *as;              /* impersonation; NULL = none */
    char **as_groups;      /* NULL-ended or NULL */
};

struct kube_config *kube_config_new(void);
/* Read again what lies in files. An unreadable file leaves the old text: it may be in the middle of
 * its rotation. Both outputs tell what is different now. */
void kube_config_refresh(struct kube_config *c, bool *ret_token_changed, bool *ret_tls_changed);
/* The same as kube_config_in_cluster for tests: another directory and address. */
int kube_config_in_cluster_at(const char *dir, const char *host, const char *port,
                              struct kube_config **ret, struct err **err);

#endif
