/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes of a Pod. Sources that only cloud providers of the past used are kept as they are
 * (ROW_ANY).
 */
#include "apiserver/types_rows.h"

static const struct type_field host_path_volume_source_rows[] = {
    ROW_STR("path", 1, TF_REQUIRED),
    ROW_STR("type", 2, 0, .def = "\"\"",
            .allowed =
                "|DirectoryOrCreate|Directory|FileOrCreate|File|Socket|CharDevice|BlockDevice"),
    ROW_END,
};
const struct type TYPE_HOST_PATH_VOLUME_SOURCE = {.name = "HostPathVolumeSource",
                                                  .package = "io.k8s.api.core.v1",
                                                  .fields = host_path_volume_source_rows};

static const struct type_field empty_dir_volume_source_rows[] = {
    ROW_STR("medium", 1, TF_OMIT_ZERO),
    ROW_QUANTITY("sizeLimit", 2, 0),
    ROW_END,
};
static const struct type TYPE_EMPTY_DIR_VOLUME_SOURCE = {.name = "EmptyDirVolumeSource",
                                                         .package = "io.k8s.api.core.v1",
                                                         .fields = empty_dir_volume_source_rows};

static const struct type_field key_to_path_rows[] = {
    ROW_STR("key", 1, TF_REQUIRED),
    ROW_STR("path", 2, TF_REQUIRED),
    ROW_INT("mode", 3, 0),
    ROW_END,
};
static const struct type TYPE_KEY_TO_PATH = {
    .name = "KeyToPath", .package = "io.k8s.api.core.v1", .fields = key_to_path_rows};

static const struct type_field secret_volume_source_rows[] = {
    ROW_STR("secretName", 1, TF_OMIT_ZERO),
    ROW_LIST("items", 2, 0, &TYPE_KEY_TO_PATH),
    ROW_INT("defaultMode", 3, 0, .def = "420"),
    ROW_BOOL("optional", 4, 0),
    ROW_END,
};
static const struct type TYPE_SECRET_VOLUME_SOURCE = {.name = "SecretVolumeSource",
                                                      .package = "io.k8s.api.core.v1",
                                                      .fields = secret_volume_source_rows};

static const struct type_field nfs_volume_source_rows[] = {
    ROW_STR("server", 1, TF_REQUIRED),
    ROW_STR("path", 2, TF_REQUIRED),
    ROW_BOOL("readOnly", 3, TF_OMIT_ZERO),
    ROW_END,
};
const struct type TYPE_NFS_VOLUME_SOURCE = {
    .name = "NFSVolumeSource", .package = "io.k8s.api.core.v1", .fields = nfs_volume_source_rows};

static const struct type_field persistent_volume_claim_volume_source_rows[] = {
    ROW_STR("claimName", 1, TF_REQUIRED),
    ROW_BOOL("readOnly", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE = {
    .name = "PersistentVolumeClaimVolumeSource",
    .package = "io.k8s.api.core.v1",
    .fields = persistent_volume_claim_volume_source_rows};

static const struct type_field object_field_selector_rows[] = {
    ROW_STR("apiVersion", 1, TF_OMIT_ZERO, .def = "\"v1\""),
    ROW_STR("fieldPath", 2, TF_REQUIRED),
    ROW_END,
};
const struct type TYPE_OBJECT_FIELD_SELECTOR = {.name = "ObjectFieldSelector",
                                                .package = "io.k8s.api.core.v1",
                                                .fields = object_field_selector_rows};

static const struct type_field resource_field_selector_rows[] = {
    ROW_STR("containerName", 1, TF_OMIT_ZERO),
    ROW_STR("resource", 2, TF_REQUIRED),
    ROW_QUANTITY("divisor", 3, 0, .def = "\"0\""),
    ROW_END,
};
const struct type TYPE_RESOURCE_FIELD_SELECTOR = {.name = "ResourceFieldSelector",
                                                  .package = "io.k8s.api.core.v1",
                                                  .fields = resource_field_selector_rows};

static const struct type_field downward_api_volume_file_rows[] = {
    ROW_STR("path", 1, 0, .def = "\"\""),
    ROW_OBJ("fieldRef", 2, 0, &TYPE_OBJECT_FIELD_SELECTOR),
    ROW_OBJ("resourceFieldRef", 3, 0, &TYPE_RESOURCE_FIELD_SELECTOR),
    ROW_INT("mode", 4, 0),
    ROW_END,
};
static const struct type TYPE_DOWNWARD_API_VOLUME_FILE = {.name = "DownwardAPIVolumeFile",
                                                          .package = "io.k8s.api.core.v1",
                                                          .fields = downward_api_volume_file_rows};

static const struct type_field downward_api_volume_source_rows[] = {
    ROW_LIST("items", 1, 0, &TYPE_DOWNWARD_API_VOLUME_FILE),
    ROW_INT("defaultMode", 2, 0, .def = "420"),
    ROW_END,
};
static const struct type TYPE_DOWNWARD_API_VOLUME_SOURCE = {.name = "DownwardAPIVolumeSource",
                                                            .package = "io.k8s.api.core.v1",
                                                            .fields =
                                                                downward_api_volume_source_rows};

static const struct type_field config_map_volume_source_rows[] = {
    ROW_INLINE(1, &TYPE_LOCAL_OBJECT_REFERENCE),
    ROW_LIST("items", 2, 0, &TYPE_KEY_TO_PATH),
    ROW_INT("defaultMode", 3, 0, .def = "420"),
    ROW_BOOL("optional", 4, 0),
    ROW_END,
};
static const struct type TYPE_CONFIG_MAP_VOLUME_SOURCE = {.name = "ConfigMapVolumeSource",
                                                          .package = "io.k8s.api.core.v1",
                                                          .fields = config_map_volume_source_rows};

static const struct type_field secret_projection_rows[] = {
    ROW_INLINE(1, &TYPE_LOCAL_OBJECT_REFERENCE),
    ROW_LIST("items", 2, 0, &TYPE_KEY_TO_PATH),
    ROW_BOOL("optional", 4, 0),
    ROW_END,
};
static const struct type TYPE_SECRET_PROJECTION = {
    .name = "SecretProjection", .package = "io.k8s.api.core.v1", .fields = secret_projection_rows};

static const struct type_field downward_api_projection_rows[] = {
    ROW_LIST("items", 1, 0, &TYPE_DOWNWARD_API_VOLUME_FILE),
    ROW_END,
};
static const struct type TYPE_DOWNWARD_API_PROJECTION = {.name = "DownwardAPIProjection",
                                                         .package = "io.k8s.api.core.v1",
                                                         .fields = downward_api_projection_rows};

static const struct type_field config_map_projection_rows[] = {
    ROW_INLINE(1, &TYPE_LOCAL_OBJECT_REFERENCE),
    ROW_LIST("items", 2, 0, &TYPE_KEY_TO_PATH),
    ROW_BOOL("optional", 4, 0),
    ROW_END,
};
static const struct type TYPE_CONFIG_MAP_PROJECTION = {.name = "ConfigMapProjection",
                                                       .package = "io.k8s.api.core.v1",
                                                       .fields = config_map_projection_rows};

static const struct type_field service_account_token_projection_rows[] = {
    ROW_STR("audience", 1, TF_OMIT_ZERO),
    ROW_LONG("expirationSeconds", 2, 0, .def = "3600"),
    ROW_STR("path", 3, TF_REQUIRED),
    ROW_END,
};
static const struct type TYPE_SERVICE_ACCOUNT_TOKEN_PROJECTION = {
    .name = "ServiceAccountTokenProjection",
    .package = "io.k8s.api.core.v1",
    .fields = service_account_token_projection_rows};

static const struct type_field cluster_trust_bundle_projection_rows[] = {
    ROW_STR("name", 1, 0),
    ROW_STR("signerName", 2, 0),
    ROW_OBJ("labelSelector", 3, 0, &TYPE_LABEL_SELECTOR),
    ROW_BOOL("optional", 5, 0),
    ROW_STR("path", 4, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_CLUSTER_TRUST_BUNDLE_PROJECTION = {
    .name = "ClusterTrustBundleProjection",
    .package = "io.k8s.api.core.v1",
    .fields = cluster_trust_bundle_projection_rows};

static const struct type_field pod_certificate_projection_rows[] = {
    ROW_STR("signerName", 1, TF_OMIT_ZERO),
    ROW_STR("keyType", 2, TF_OMIT_ZERO),
    ROW_INT("maxExpirationSeconds", 3, 0),
    ROW_STR("credentialBundlePath", 4, TF_OMIT_ZERO),
    ROW_STR("keyPath", 5, TF_OMIT_ZERO),
    ROW_STR("certificateChainPath", 6, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_POD_CERTIFICATE_PROJECTION = {.name = "PodCertificateProjection",
                                                            .package = "io.k8s.api.core.v1",
                                                            .fields =
                                                                pod_certificate_projection_rows};

static const struct type_field volume_projection_rows[] = {
    ROW_OBJ("secret", 1, 0, &TYPE_SECRET_PROJECTION),
    ROW_OBJ("downwardAPI", 2, 0, &TYPE_DOWNWARD_API_PROJECTION),
    ROW_OBJ("configMap", 3, 0, &TYPE_CONFIG_MAP_PROJECTION),
    ROW_OBJ("serviceAccountToken", 4, 0, &TYPE_SERVICE_ACCOUNT_TOKEN_PROJECTION),
    ROW_OBJ("clusterTrustBundle", 5, 0, &TYPE_CLUSTER_TRUST_BUNDLE_PROJECTION),
    ROW_OBJ("podCertificate", 6, 0, &TYPE_POD_CERTIFICATE_PROJECTION),
    ROW_END,
};
static const struct type TYPE_VOLUME_PROJECTION = {
    .name = "VolumeProjection", .package = "io.k8s.api.core.v1", .fields = volume_projection_rows};

static const struct type_field projected_volume_source_rows[] = {
    ROW_LIST("sources", 1, 0, &TYPE_VOLUME_PROJECTION),
    ROW_INT("defaultMode", 2, 0, .def = "420"),
    ROW_END,
};
static const struct type TYPE_PROJECTED_VOLUME_SOURCE = {.name = "ProjectedVolumeSource",
                                                         .package = "io.k8s.api.core.v1",
                                                         .fields = projected_volume_source_rows};

static const struct type_field csi_volume_source_rows[] = {
    ROW_STR("driver", 1, TF_REQUIRED),
    ROW_BOOL("readOnly", 2, 0),
    ROW_STR("fsType", 3, 0),
    ROW_MAP("volumeAttributes", 4, 0, T_STRING),
    ROW_OBJ("nodePublishSecretRef", 5, 0, &TYPE_LOCAL_OBJECT_REFERENCE),
    ROW_END,
};
static const struct type TYPE_CSI_VOLUME_SOURCE = {
    .name = "CSIVolumeSource", .package = "io.k8s.api.core.v1", .fields = csi_volume_source_rows};

static const struct type_field persistent_volume_claim_template_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_PERSISTENT_VOLUME_CLAIM_SPEC, .def = "{}"),
    ROW_END,
};
static const struct type TYPE_PERSISTENT_VOLUME_CLAIM_TEMPLATE = {
    .name = "PersistentVolumeClaimTemplate",
    .package = "io.k8s.api.core.v1",
    .fields = persistent_volume_claim_template_rows};

static const struct type_field ephemeral_volume_source_rows[] = {
    ROW_OBJ("volumeClaimTemplate", 1, 0, &TYPE_PERSISTENT_VOLUME_CLAIM_TEMPLATE),
    ROW_END,
};
static const struct type TYPE_EPHEMERAL_VOLUME_SOURCE = {.name = "EphemeralVolumeSource",
                                                         .package = "io.k8s.api.core.v1",
                                                         .fields = ephemeral_volume_source_rows};

static const struct type_field image_volume_source_rows[] = {
    ROW_STR("reference", 1, TF_OMIT_ZERO),
    ROW_STR("pullPolicy", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_IMAGE_VOLUME_SOURCE = {.name = "ImageVolumeSource",
                                                     .package = "io.k8s.api.core.v1",
                                                     .fields = image_volume_source_rows};

static const struct type_field volume_source_rows[] = {
    ROW_OBJ("hostPath", 1, 0, &TYPE_HOST_PATH_VOLUME_SOURCE,
            .help = "A file or directory of the node."),
    ROW_OBJ("emptyDir", 2, 0, &TYPE_EMPTY_DIR_VOLUME_SOURCE,
            .help = "An empty directory that lives as long as the pod."),
    ROW_ANY("gcePersistentDisk", 3, 0),
    ROW_ANY("awsElasticBlockStore", 4, 0),
    ROW_ANY("gitRepo", 5, 0),
    ROW_OBJ("secret", 6, 0, &TYPE_SECRET_VOLUME_SOURCE, .help = "The keys of a Secret as files."),
    ROW_OBJ("nfs", 7, 0, &TYPE_NFS_VOLUME_SOURCE, .help = "A directory of an NFS server."),
    ROW_ANY("iscsi", 8, 0),
    ROW_ANY("glusterfs", 9, 0),
    ROW_OBJ("persistentVolumeClaim", 10, 0, &TYPE_PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE,
            .help = "A PersistentVolumeClaim of the same namespace."),
    ROW_ANY("rbd", 11, 0),
    ROW_ANY("flexVolume", 12, 0),
    ROW_ANY("cinder", 13, 0),
    ROW_ANY("cephfs", 14, 0),
    ROW_ANY("flocker", 15, 0),
    ROW_OBJ("downwardAPI", 16, 0, &TYPE_DOWNWARD_API_VOLUME_SOURCE,
            .help = "Fields of the pod as files."),
    ROW_ANY("fc", 17, 0),
    ROW_ANY("azureFile", 18, 0),
    ROW_OBJ("configMap", 19, 0, &TYPE_CONFIG_MAP_VOLUME_SOURCE,
            .help = "The keys of a ConfigMap as files."),
    ROW_ANY("vsphereVolume", 20, 0),
    ROW_ANY("quobyte", 21, 0),
    ROW_ANY("azureDisk", 22, 0),
    ROW_ANY("photonPersistentDisk", 23, 0),
    ROW_OBJ("projected", 26, 0, &TYPE_PROJECTED_VOLUME_SOURCE,
            .help = "Several sources in one directory."),
    ROW_ANY("portworxVolume", 24, 0),
    ROW_ANY("scaleIO", 25, 0),
    ROW_ANY("storageos", 27, 0),
    ROW_OBJ("csi", 28, 0, &TYPE_CSI_VOLUME_SOURCE,
            .help = "A volume of a CSI driver that lives with the pod."),
    ROW_OBJ("ephemeral", 29, 0, &TYPE_EPHEMERAL_VOLUME_SOURCE,
            .help = "A claim made for the pod and removed with it."),
    ROW_OBJ("image", 30, 0, &TYPE_IMAGE_VOLUME_SOURCE, .help = "The contents of an image."),
    ROW_END,
};
static const struct type TYPE_VOLUME_SOURCE = {
    .name = "VolumeSource", .package = "io.k8s.api.core.v1", .fields = volume_source_rows};

static const struct type_field volume_rows[] = {
    ROW_STR("name", 1, TF_REQUIRED,
            .help = "Name by which containers mount it; unique in the pod."),
    ROW_INLINE(2, &TYPE_VOLUME_SOURCE),
    ROW_END,
};
const struct type TYPE_VOLUME = {.name = "Volume",
                                 .package = "io.k8s.api.core.v1",
                                 .fields = volume_rows,
                                 .def = volume_default,
                                 .check = volume_check};
