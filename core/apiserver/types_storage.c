/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PersistentVolume and PersistentVolumeClaim of core/v1.
 */
#include "apiserver/types_rows.h"

static const struct type_field volume_resource_requirements_rows[] = {
    ROW_MAP("limits", 1, 0, T_QUANTITY),
    ROW_MAP("requests", 2, 0, T_QUANTITY),
    ROW_END,
};
static const struct type TYPE_VOLUME_RESOURCE_REQUIREMENTS = {
    .name = "VolumeResourceRequirements",
    .package = "io.k8s.api.core.v1",
    .fields = volume_resource_requirements_rows};

static const struct type_field persistent_volume_claim_spec_rows[] = {
    ROW_SCALARS("accessModes", 1, TF_REQUIRED, T_STRING,
                .help = "Ways the volume must be mountable."),
    ROW_OBJ("selector", 4, 0, &TYPE_LABEL_SELECTOR,
            .help = "Labels a volume must have to be bound."),
    ROW_OBJ("resources", 2, 0, &TYPE_VOLUME_RESOURCE_REQUIREMENTS, .def = "{}",
            .help = "Size that is asked for, in requests.storage."),
    ROW_STR("volumeName", 3, TF_OMIT_ZERO, .help = "The volume the claim is bound to."),
    ROW_STR("storageClassName", 5, 0, .help = "Class the volume comes from; empty means none."),
    ROW_STR("volumeMode", 6, 0, .def = "\"Filesystem\"", .allowed = "Block|Filesystem",
            .help = "Filesystem or Block."),
    ROW_OBJ("dataSource", 7, 0, &TYPE_TYPED_LOCAL_OBJECT_REFERENCE),
    ROW_OBJ("dataSourceRef", 8, 0, &TYPE_TYPED_OBJECT_REFERENCE),
    ROW_STR("volumeAttributesClassName", 9, 0),
    ROW_END,
};
const struct type TYPE_PERSISTENT_VOLUME_CLAIM_SPEC = {.name = "PersistentVolumeClaimSpec",
                                                       .package = "io.k8s.api.core.v1",
                                                       .fields = persistent_volume_claim_spec_rows};

static const struct type_field local_volume_source_rows[] = {
    ROW_STR("path", 1, TF_REQUIRED),
    ROW_STR("fsType", 2, 0),
    ROW_END,
};
static const struct type TYPE_LOCAL_VOLUME_SOURCE = {.name = "LocalVolumeSource",
                                                     .package = "io.k8s.api.core.v1",
                                                     .fields = local_volume_source_rows};

static const struct type_field csi_persistent_volume_source_rows[] = {
    ROW_STR("driver", 1, 0, .def = "\"\""),
    ROW_STR("volumeHandle", 2, 0, .def = "\"\""),
    ROW_BOOL("readOnly", 3, TF_OMIT_ZERO),
    ROW_STR("fsType", 4, TF_OMIT_ZERO),
    ROW_MAP("volumeAttributes", 5, 0, T_STRING),
    ROW_OBJ("controllerPublishSecretRef", 6, 0, &TYPE_SECRET_REFERENCE),
    ROW_OBJ("nodeStageSecretRef", 7, 0, &TYPE_SECRET_REFERENCE),
    ROW_OBJ("nodePublishSecretRef", 8, 0, &TYPE_SECRET_REFERENCE),
    ROW_OBJ("controllerExpandSecretRef", 9, 0, &TYPE_SECRET_REFERENCE),
    ROW_OBJ("nodeExpandSecretRef", 10, 0, &TYPE_SECRET_REFERENCE),
    ROW_END,
};
static const struct type TYPE_CSI_PERSISTENT_VOLUME_SOURCE = {
    .name = "CSIPersistentVolumeSource",
    .package = "io.k8s.api.core.v1",
    .fields = csi_persistent_volume_source_rows};

static const struct type_field persistent_volume_source_rows[] = {
    ROW_ANY("gcePersistentDisk", 1, 0),
    ROW_ANY("awsElasticBlockStore", 2, 0),
    ROW_OBJ("hostPath", 3, 0, &TYPE_HOST_PATH_VOLUME_SOURCE),
    ROW_ANY("glusterfs", 4, 0),
    ROW_OBJ("nfs", 5, 0, &TYPE_NFS_VOLUME_SOURCE),
    ROW_ANY("rbd", 6, 0),
    ROW_ANY("iscsi", 7, 0),
    ROW_ANY("cinder", 8, 0),
    ROW_ANY("cephfs", 9, 0),
    ROW_ANY("fc", 10, 0),
    ROW_ANY("flocker", 11, 0),
    ROW_ANY("flexVolume", 12, 0),
    ROW_ANY("azureFile", 13, 0),
    ROW_ANY("vsphereVolume", 14, 0),
    ROW_ANY("quobyte", 15, 0),
    ROW_ANY("azureDisk", 16, 0),
    ROW_ANY("photonPersistentDisk", 17, 0),
    ROW_ANY("portworxVolume", 18, 0),
    ROW_ANY("scaleIO", 19, 0),
    ROW_OBJ("local", 20, 0, &TYPE_LOCAL_VOLUME_SOURCE),
    ROW_ANY("storageos", 21, 0),
    ROW_OBJ("csi", 22, 0, &TYPE_CSI_PERSISTENT_VOLUME_SOURCE),
    ROW_END,
};
static const struct type TYPE_PERSISTENT_VOLUME_SOURCE = {.name = "PersistentVolumeSource",
                                                          .package = "io.k8s.api.core.v1",
                                                          .fields = persistent_volume_source_rows};

static const struct type_field volume_node_affinity_rows[] = {
    ROW_OBJ("required", 1, 0, &TYPE_NODE_SELECTOR),
    ROW_END,
};
static const struct type TYPE_VOLUME_NODE_AFFINITY = {.name = "VolumeNodeAffinity",
                                                      .package = "io.k8s.api.core.v1",
                                                      .fields = volume_node_affinity_rows};

static const struct type_field persistent_volume_spec_rows[] = {
    ROW_MAP("capacity", 1, TF_REQUIRED, T_QUANTITY, .help = "Size of the volume."),
    ROW_INLINE(2, &TYPE_PERSISTENT_VOLUME_SOURCE),
    ROW_SCALARS("accessModes", 3, TF_REQUIRED, T_STRING, .help = "Ways the volume can be mounted."),
    ROW_OBJ("claimRef", 4, 0, &TYPE_OBJECT_REFERENCE, .help = "Claim the volume is bound to."),
    ROW_STR("persistentVolumeReclaimPolicy", 5, TF_OMIT_ZERO, .def = "\"Retain\"",
            .allowed = "Delete|Recycle|Retain",
            .help = "What happens to the storage when the claim goes."),
    ROW_STR("storageClassName", 6, TF_OMIT_ZERO, .help = "Class the volume belongs to."),
    ROW_SCALARS("mountOptions", 7, 0, T_STRING),
    ROW_STR("volumeMode", 8, 0, .def = "\"Filesystem\"", .allowed = "Block|Filesystem"),
    ROW_OBJ("nodeAffinity", 9, 0, &TYPE_VOLUME_NODE_AFFINITY,
            .help = "Nodes from which the volume can be reached."),
    ROW_STR("volumeAttributesClassName", 10, 0),
    ROW_END,
};
static const struct type TYPE_PERSISTENT_VOLUME_SPEC = {.name = "PersistentVolumeSpec",
                                                        .package = "io.k8s.api.core.v1",
                                                        .fields = persistent_volume_spec_rows};

static const struct type_field persistent_volume_status_rows[] = {
    ROW_STR("phase", 1, TF_OMIT_ZERO, .def = "\"Pending\""),
    ROW_STR("message", 2, TF_OMIT_ZERO),
    ROW_STR("reason", 3, TF_OMIT_ZERO),
    ROW_TIME("lastPhaseTransitionTime", 4, 0),
    ROW_END,
};
static const struct type TYPE_PERSISTENT_VOLUME_STATUS = {.name = "PersistentVolumeStatus",
                                                          .package = "io.k8s.api.core.v1",
                                                          .fields = persistent_volume_status_rows};

static const struct type_field persistent_volume_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_PERSISTENT_VOLUME_SPEC, .def = "{}",
            .help = "The storage behind the volume and how it may be used."),
    ROW_OBJ("status", 3, 0, &TYPE_PERSISTENT_VOLUME_STATUS, .def = "{}",
            .help = "State of the volume."),
    ROW_END,
};
const struct type TYPE_PERSISTENT_VOLUME = {.name = "PersistentVolume",
                                            .package = "io.k8s.api.core.v1",
                                            .fields = persistent_volume_rows,
                                            .check = persistent_volume_check,
                                            .help = "A piece of storage."};

static const struct type_field persistent_volume_claim_condition_rows[] = {
    ROW_STR("type", 1, 0, .def = "\"\""),
    ROW_STR("status", 2, 0, .def = "\"\""),
    ROW_TIME("lastProbeTime", 3, TF_NULL),
    ROW_TIME("lastTransitionTime", 4, TF_NULL),
    ROW_STR("reason", 5, TF_OMIT_ZERO),
    ROW_STR("message", 6, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_PERSISTENT_VOLUME_CLAIM_CONDITION = {
    .name = "PersistentVolumeClaimCondition",
    .package = "io.k8s.api.core.v1",
    .fields = persistent_volume_claim_condition_rows};

static const struct type_field modify_volume_status_rows[] = {
    ROW_STR("targetVolumeAttributesClassName", 1, TF_OMIT_ZERO),
    ROW_STR("status", 2, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_MODIFY_VOLUME_STATUS = {.name = "ModifyVolumeStatus",
                                                      .package = "io.k8s.api.core.v1",
                                                      .fields = modify_volume_status_rows};

static const struct type_field persistent_volume_claim_status_rows[] = {
    ROW_STR("phase", 1, TF_OMIT_ZERO, .def = "\"Pending\"", .help = "Pending, Bound or Lost."),
    ROW_SCALARS("accessModes", 2, 0, T_STRING),
    ROW_MAP("capacity", 3, 0, T_QUANTITY, .help = "Size that was granted."),
    ROW_LIST("conditions", 4, 0, &TYPE_PERSISTENT_VOLUME_CLAIM_CONDITION, .merge_key = "type"),
    ROW_MAP("allocatedResources", 5, 0, T_QUANTITY),
    ROW_MAP("allocatedResourceStatuses", 7, 0, T_STRING),
    ROW_STR("currentVolumeAttributesClassName", 8, 0),
    ROW_OBJ("modifyVolumeStatus", 9, 0, &TYPE_MODIFY_VOLUME_STATUS),
    ROW_END,
};
static const struct type TYPE_PERSISTENT_VOLUME_CLAIM_STATUS = {
    .name = "PersistentVolumeClaimStatus",
    .package = "io.k8s.api.core.v1",
    .fields = persistent_volume_claim_status_rows};

static const struct type_field persistent_volume_claim_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_PERSISTENT_VOLUME_CLAIM_SPEC, .def = "{}",
            .help = "The storage that is asked for."),
    ROW_OBJ("status", 3, 0, &TYPE_PERSISTENT_VOLUME_CLAIM_STATUS, .def = "{}",
            .help = "What was granted."),
    ROW_END,
};
const struct type TYPE_PERSISTENT_VOLUME_CLAIM = {.name = "PersistentVolumeClaim",
                                                  .package = "io.k8s.api.core.v1",
                                                  .fields = persistent_volume_claim_rows,
                                                  .check = claim_check,
                                                  .help = "A request for storage."};
