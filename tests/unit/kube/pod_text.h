/* SPDX-License-Identifier: Apache-2.0 */
/* A database Pod as an API server stores it: two containers, probes, volumes, full status;
 * about 4.6 kB of JSON, 3.9 kB of it without managedFields. Names, addresses and times differ from
 * Pod to Pod. */
#ifndef ATOLL_TESTS_KUBE_POD_TEXT_H
#define ATOLL_TESTS_KUBE_POD_TEXT_H

#include "base/mem.h"

#define POD_STATUS(name, image)                                                                    \
    "{\"name\":\"" name "\",\"state\":{\"running\":{\"startedAt\":\"2026-11-22T07:%02d:21Z\"}},"   \
    "\"lastState\":{},\"ready\":true,\"restartCount\":0,\"image\":\"" image "\",\"imageID\":"      \
    "\"registry.example.com/" image "@sha256:"                                                     \
    "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0\",\"containerID\":"          \
    "\"containerd://%064x\",\"started\":true}"
#define POD_CONDITION(type)                                                                        \
    "{\"type\":\"" type "\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":"    \
    "\"2026-11-22T07:%02d:22Z\"}"
#define POD_CONTAINER(name, image, port)                                                           \
    "{\"name\":\"" name "\",\"image\":\"" image                                                    \
    "\",\"command\":[\"/scripts/start.sh\"],\"ports\":"                                            \
    "[{\"name\":\"" name "\",\"containerPort\":" port                                              \
    ",\"protocol\":\"TCP\"}],\"env\":[{\"name\":"                                                  \
    "\"POD_NAME\",\"valueFrom\":{\"fieldRef\":{\"apiVersion\":\"v1\",\"fieldPath\":"               \
    "\"metadata.name\"}}},{\"name\":\"PORT\",\"value\":\"" port "\"}],\"resources\":{\"limits\":{" \
    "\"cpu\":\"500m\",\"memory\":\"512Mi\"},\"requests\":{\"cpu\":\"100m\",\"memory\":"            \
    "\"128Mi\"}},\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"/data\"},{\"name\":"         \
    "\"kube-api-access-%05x\",\"readOnly\":true,\"mountPath\":"                                    \
    "\"/var/run/secrets/kubernetes.io/serviceaccount\"}],\"readinessProbe\":{\"tcpSocket\":{"      \
    "\"port\":" port "},\"timeoutSeconds\":1,\"periodSeconds\":10,\"successThreshold\":1,"         \
    "\"failureThreshold\":3},\"terminationMessagePath\":\"/dev/termination-log\","                 \
    "\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"IfNotPresent\"}"

/* clang-format off */
/* Heap text. rv is the resource version, i the number of the Pod; seven Pods share a cluster. */
static inline char *pod_text(unsigned i, unsigned rv)
{
    unsigned c = i / 7, m = i % 60;
    return mem_printf(
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"orders-%04u-db-%u\","
        "\"generateName\":\"orders-%04u-db-\",\"namespace\":\"tenant-%02u\",\"uid\":"
        "\"%08x-4331-4db4-b521-cd7fbd717d03\",\"resourceVersion\":\"%u\",\"creationTimestamp\":"
        "\"2026-11-22T06:%02u:47Z\",\"labels\":{\"app.kubernetes.io/component\":\"db\","
        "\"app.kubernetes.io/instance\":\"orders-%04u\",\"app.kubernetes.io/managed-by\":\"atoll\","
        "\"apps.kubeblocks.io/component-name\":\"db\",\"apps.kubeblocks.io/pod-name\":"
        "\"orders-%04u-db-%u\",\"kubeblocks.io/role\":\"secondary\"},\"annotations\":{"
        "\"apps.kubeblocks.io/last-role-snapshot-version\":\"1732262001123456\","
        "\"apps.kubeblocks.io/component-replicas\":\"7\"},\"ownerReferences\":[{\"apiVersion\":"
        "\"workloads.kubeblocks.io/v1\",\"kind\":\"InstanceSet\",\"name\":\"orders-%04u-db\","
        "\"uid\":\"%08x-aaaa-4db4-b521-cd7fbd717d03\",\"controller\":true,\"blockOwnerDeletion\":"
        "true}],\"managedFields\":[{\"manager\":\"atolld\",\"operation\":\"Update\",\"apiVersion\":"
        "\"v1\",\"time\":\"2026-11-22T06:51:47Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{"
        "\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app.kubernetes.io/component\":{},"
        "\"f:app.kubernetes.io/instance\":{},\"f:kubeblocks.io/role\":{}}},\"f:spec\":{"
        "\"f:containers\":{\"k:{\\\"name\\\":\\\"db\\\"}\":{\".\":{},\"f:image\":{},\"f:name\":{},"
        "\"f:resources\":{},\"f:volumeMounts\":{}}},\"f:dnsPolicy\":{},\"f:restartPolicy\":{},"
        "\"f:schedulerName\":{},\"f:securityContext\":{},\"f:terminationGracePeriodSeconds\":{},"
        "\"f:volumes\":{}}}}]},\"spec\":{\"volumes\":[{\"name\":\"data\",\"persistentVolumeClaim\":"
        "{\"claimName\":\"data-orders-%04u-db-%u\"}},{\"name\":\"kube-api-access-%05x\","
        "\"projected\":{\"sources\":[{\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":"
        "\"token\"}},{\"configMap\":{\"name\":\"kube-root-ca.crt\",\"items\":[{\"key\":\"ca.crt\","
        "\"path\":\"ca.crt\"}]}}],\"defaultMode\":420}}],\"containers\":[" POD_CONTAINER("db", "db:7.2.4", "6379") ","
        POD_CONTAINER("exporter", "exporter:1.58", "9121")
        "],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":"
        "\"ClusterFirst\",\"serviceAccountName\":\"default\",\"nodeName\":\"node-%03u\","
        "\"hostname\":\"orders-%04u-db-%u\",\"schedulerName\":\"default-scheduler\",\"priority\":0,"
        "\"enableServiceLinks\":true,\"securityContext\":{}},\"status\":{\"phase\":\"Running\","
        "\"conditions\":["
        POD_CONDITION("Initialized") "," POD_CONDITION("Ready") ","
        POD_CONDITION("ContainersReady") "," POD_CONDITION("PodScheduled")
        "],\"hostIP\":\"10.0.%u.%u\",\"podIP\":\"10.1.%u.%u\",\"podIPs\":[{\"ip\":\"10.1.%u.%u\"}],"
        "\"startTime\":\"2026-11-22T07:%02u:01Z\",\"containerStatuses\":["
        POD_STATUS("db", "db:7.2.4") "," POD_STATUS("exporter", "exporter:1.58")
        "],\"qosClass\":\"Burstable\"}}",
        c, i % 7, c, i % 40, i, rv, m, c, c, i % 7, c, c, c, i % 7, i, i, i, i % 300, c, i % 7,
        (int)m, (int)m, (int)m, (int)m, i / 256 % 256, i % 256, i / 256 % 256, i % 256,
        i / 256 % 256, i % 256, m, (int)m, i, (int)m, i);
}
/* clang-format on */

#endif
