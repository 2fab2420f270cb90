/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables of structures that several kinds contain. The kinds themselves have a file each. */
#include "api/shapes.h"

static const struct field ORDINALS[] = {
    {"ranges", FIELD_LIST, .help = "Ranges of ordinals, both ends included."},
    {"ranges[].start", FIELD_INT32, FIELD_REQUIRED, .min = 0, .max = FIELD_NO_MAX},
    {"ranges[].end", FIELD_INT32, FIELD_REQUIRED, .min = 0, .max = FIELD_NO_MAX},
    {"discrete", FIELD_LIST, .help = "Single ordinals."},
    {"discrete[]", FIELD_INT32, .min = 0, .max = FIELD_NO_MAX},
};
const struct field_table SHAPE_ORDINALS = FIELD_TABLE(ORDINALS);

static const struct field RETENTION[] = {
    {"whenDeleted", FIELD_STRING, .allowed = "Retain|Delete",
     .help = "What happens to the volumes when the set is deleted. Delete when absent."},
    {"whenScaled", FIELD_STRING, .allowed = "Retain|Delete",
     .help = "What happens to the volumes of an instance that was scaled in. Delete when absent."},
};
const struct field_table SHAPE_RETENTION = FIELD_TABLE(RETENTION);

static const struct field UPDATE[] = {
    {"type", FIELD_STRING, .allowed = "RollingUpdate|OnDelete",
     .help = "RollingUpdate (when absent) or OnDelete: an instance gets the new revision when "
             "somebody deletes it."},
    {"rollingUpdate.replicas", FIELD_INT_OR_STRING,
     .help = "How many instances may get the new revision, number or percentage rounded up; all "
             "when absent."},
    {"rollingUpdate.maxUnavailable", FIELD_INT_OR_STRING,
     .help = "How many may be unavailable at once, number or percentage rounded down, at least 1; "
             "1 when absent."},
};
const struct field_table SHAPE_UPDATE = FIELD_TABLE(UPDATE);

static const struct field PASSWORD[] = {
    {"length", FIELD_INT32, .def = "16", .min = 8, .max = 32,
     .help = "Characters of the password."},
    {"numDigits", FIELD_INT32, .def = "4", .min = 0, .max = 8,
     .help = "How many of them are digits."},
    {"numSymbols", FIELD_INT32, .def = "0", .min = 0, .max = 8,
     .help = "How many of them are symbols."},
    {"symbolCharacters", FIELD_STRING, .help = "The symbols to choose from; !@#&* when absent."},
    {"letterCase", FIELD_STRING, .def = "\"MixedCases\"",
     .allowed = "LowerCases|UpperCases|MixedCases", .help = "Case of the letters."},
    {"seed", FIELD_STRING, FIELD_SECRET, .help = "The same seed gives the same password."},
};
const struct field_table SHAPE_PASSWORD = FIELD_TABLE(PASSWORD);

static const struct field ROLE[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .max_len = 32, .help = "Value of the role label."},
    {"updatePriority", FIELD_INT32, .def = "0", .help = "The highest is updated last."},
    {"participatesInQuorum", FIELD_BOOL, .def = "false", .help = "It votes."},
    {"isExclusive", FIELD_BOOL, .def = "false", .help = "At most one instance has it."},
};
const struct field_table SHAPE_ROLE = FIELD_TABLE(ROLE);

/* A typing error in a quantity must be found here: the Pod made of it would be refused much later.
 */
static const struct field RESOURCES[] = {
    {"requests", FIELD_MAP, .help = "What an instance is sure to get."},
    {.path = "requests.*", .type = FIELD_QUANTITY},
    {"limits", FIELD_MAP, .help = "What an instance may use at most."},
    {.path = "limits.*", .type = FIELD_QUANTITY},
};
static const struct field_table SHAPE_RESOURCES = FIELD_TABLE(RESOURCES);

static const struct field CLAIM[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED,
     .help = "Name of the volume; the claim is called <name>-<pod>."},
    {"labels", FIELD_MAP, .help = "Labels of the claims."},
    {"annotations", FIELD_MAP, .help = "Annotations of the claims."},
    {"persistentVolumeClaimName", FIELD_STRING, FIELD_REJECTED,
     .instead =
         "claims are called <name>-<pod>; create one of that name beforehand to have it used"},
    {"spec", FIELD_OBJECT, FIELD_PRESERVE, .help = "A Kubernetes PersistentVolumeClaim spec."},
    {"spec.resources", FIELD_OBJECT, FIELD_PRESERVE, .sub = &SHAPE_RESOURCES,
     .help = "How much is asked for."},
};
const struct field_table SHAPE_CLAIM = FIELD_TABLE(CLAIM);

static const struct field INSTANCE[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .max_len = 54, .pattern = PATTERN_ID,
     .help = "Part of the instance's name: <set>-<name>-<ordinal>."},
    {"replicas", FIELD_INT32, .def = "1", .min = 0, .max = FIELD_NO_MAX,
     .help = "Instances of this template."},
    {"ordinals", FIELD_OBJECT, .sub = &SHAPE_ORDINALS,
     .help = "Which ordinals they have; 0..n-1 when absent."},
    {"labels", FIELD_MAP, .help = "Added to the Pod."},
    {"annotations", FIELD_MAP, .help = "Added to the Pod."},
    {"env", FIELD_OPAQUE_LIST, .help = "Added to the first container."},
    {"resources", FIELD_OBJECT, FIELD_PRESERVE, .sub = &SHAPE_RESOURCES,
     .help = "Resources of the first container."},
    {"schedulingPolicy", FIELD_OPAQUE, .help = "Replaces the scheduling of the set."},
    {"images", FIELD_MAP, .help = "Image by container name."},
    {"volumeClaimTemplates", FIELD_OPAQUE_LIST,
     .help = "Replace the set's claims of the same name."},
    {"serviceVersion", FIELD_STRING, FIELD_REJECTED, .max_len = 32,
     .instead = "all instances of a component have its version; use a component of its own"},
    {"compDef", FIELD_STRING, FIELD_REJECTED, .max_len = 64,
     .instead = "all instances of a component have its definition; use a component of its own"},
    {"canary", FIELD_BOOL, FIELD_NO_EFFECT,
     .instead = "use instanceUpdateStrategy.rollingUpdate.replicas"},
};
const struct field_table SHAPE_INSTANCE = FIELD_TABLE(INSTANCE);

static const struct field SERVICE[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .max_len = 25,
     .help = "A service of the definition to switch on or to change."},
    {"serviceType", FIELD_STRING, .def = "\"ClusterIP\"",
     .allowed = "ClusterIP|NodePort|LoadBalancer"},
    {.path = "annotations", .type = FIELD_MAP},
    {"podService", FIELD_BOOL, .help = "One Service per instance."},
};
static const struct field_table SERVICES = FIELD_TABLE(SERVICE);

static const struct field ACCOUNT[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .help = "An account of the definition."},
    {"disabled", FIELD_BOOL, .def = "false", .help = "Do not create it."},
    {"passwordConfig", FIELD_OBJECT, .sub = &SHAPE_PASSWORD, .help = "How its password is made."},
    {"passwordGenerationPolicy", FIELD_OBJECT, FIELD_DEPRECATED, .sub = &SHAPE_PASSWORD,
     .instead = "passwordConfig"},
    {"secretRef", FIELD_OPAQUE, FIELD_REJECTED,
     .instead = "leave it out; the password is made once and kept in a Secret"},
    {.path = "secretRefRevision", .type = FIELD_STRING, .flags = FIELD_NO_EFFECT},
};
static const struct field_table ACCOUNTS = FIELD_TABLE(ACCOUNT);

static const struct field CONFIG[] = {
    {"name", FIELD_STRING, .max_len = 63, .pattern = PATTERN_ID,
     .help = "A config of the definition."},
    {"variables", FIELD_MAP, .help = "Parameters of the engine; it checks them."},
    {"configMap", FIELD_OPAQUE, FIELD_REJECTED,
     .instead = "config files are written by the engine; set parameters with variables"},
    {"restart", FIELD_BOOL, FIELD_NO_EFFECT, .instead = "a changed file restarts the instances"},
    {"reconfigure", FIELD_ANY, FIELD_NO_EFFECT, .instead = "a changed file restarts the instances"},
    {"reconfigureAction", FIELD_OPAQUE, FIELD_NO_EFFECT, .instead = "hooks are code of the engine"},
    {"reconfigureArgs", FIELD_ANY, FIELD_NO_EFFECT, .instead = "hooks are code of the engine"},
    {.path = "configHash", .type = FIELD_STRING, .flags = FIELD_NO_EFFECT},
    {.path = "externalManaged", .type = FIELD_BOOL, .flags = FIELD_NO_EFFECT},
};
static const struct field_table CONFIGS = FIELD_TABLE(CONFIG);

static const struct field NETWORK[] = {
    {"hostNetwork", FIELD_BOOL, FIELD_REJECTED,
     .instead = "instances have an address of their own"},
    {"hostPorts", FIELD_OPAQUE_LIST, FIELD_REJECTED,
     .instead = "instances have an address of their own"},
    {"hostAliases", FIELD_OPAQUE_LIST, .help = "Entries for the hosts file of the Pods."},
    {.path = "dnsPolicy", .type = FIELD_STRING},
    {.path = "dnsConfig", .type = FIELD_OPAQUE},
};
static const struct field_table NETWORKS = FIELD_TABLE(NETWORK);

static const struct field COMPONENT[] = {
    {"serviceVersion", FIELD_STRING, .max_len = 32,
     .help = "Version of the engine; the definition's when absent."},
    {"replicas", FIELD_INT32, .def = "1", .min = 0, .max = 16384, .help = "Instances."},
    {"resources", FIELD_OBJECT, FIELD_PRESERVE, .sub = &SHAPE_RESOURCES,
     .help = "Requests and limits of the main container."},
    {"env", FIELD_OPAQUE_LIST, .help = "Added to every container."},
    {"labels", FIELD_MAP, .help = "Added to the Pods."},
    {"annotations", FIELD_MAP, .help = "Added to the Pods; kubeblocks.io/restart restarts them."},
    {"schedulingPolicy", FIELD_OPAQUE, .help = "Affinity, tolerations, node selector, spread."},
    {"volumes", FIELD_OPAQUE_LIST, .help = "Added to the Pods."},
    {"volumeClaimTemplates", FIELD_LIST, .key = "name", .sub = &SHAPE_CLAIM,
     .help = "Volumes of each instance."},
    {"persistentVolumeClaimRetentionPolicy", FIELD_OBJECT, .sub = &SHAPE_RETENTION},
    {"services", FIELD_LIST, .key = "name", .sub = &SERVICES,
     .help = "Services to switch on or change."},
    {"systemAccounts", FIELD_LIST, .key = "name", .sub = &ACCOUNTS, .help = "Accounts to change."},
    {"configs", FIELD_LIST, .sub = &CONFIGS, .help = "Parameters of the engine."},
    {"serviceAccountName", FIELD_STRING, .help = "ServiceAccount of the Pods."},
    {"parallelPodManagementConcurrency", FIELD_INT_OR_STRING,
     .help = "How many instances may be created at once with Parallel; all when absent."},
    {"podUpdatePolicy", FIELD_STRING, .allowed = "StrictInPlace|PreferInPlace|ReCreate",
     .help = "How an instance gets a change; PreferInPlace when absent."},
    {"podUpgradePolicy", FIELD_STRING, .allowed = "StrictInPlace|PreferInPlace|ReCreate",
     .help = "The same when an image changes; podUpdatePolicy when absent."},
    {"instanceUpdateStrategy", FIELD_OBJECT, .sub = &SHAPE_UPDATE},
    {"instances", FIELD_LIST, .key = "name", .sub = &SHAPE_INSTANCE,
     .help = "Templates that differ from the rest."},
    {"ordinals", FIELD_OBJECT, .sub = &SHAPE_ORDINALS,
     .help = "Ordinals of instances without a template."},
    {"flatInstanceOrdinal", FIELD_BOOL, FIELD_REJECTED,
     .instead = "ordinals count per template; leave it false"},
    {"offlineInstances", FIELD_LIST, FIELD_SET, .help = "Instances that must not exist."},
    {"stop", FIELD_BOOL, .help = "End all Pods and keep the volumes."},
    {"disableExporter", FIELD_BOOL, FIELD_NO_EFFECT, .instead = "there is no exporter sidecar"},
    {"enableInstanceAPI", FIELD_BOOL, FIELD_NO_EFFECT, .instead = "Pods are made directly"},
    {"network", FIELD_OBJECT, .sub = &NETWORKS},
    {"serviceRefs", FIELD_OPAQUE_LIST, FIELD_REJECTED,
     .instead = "put the components that need each other into one cluster"},
};
const struct field_table SHAPE_COMPONENT = FIELD_TABLE(COMPONENT);

static const struct field CONDITIONS[] = {
    {"type", FIELD_STRING, FIELD_REQUIRED, .max_len = 316},
    {"status", FIELD_STRING, FIELD_REQUIRED, .allowed = "True|False|Unknown"},
    {"reason", FIELD_STRING, FIELD_REQUIRED, .min_len = 1, .max_len = 1024},
    {"message", FIELD_STRING, FIELD_REQUIRED, .max_len = 32768},
    {"observedGeneration", FIELD_INT64, .min = 0, .max = FIELD_NO_MAX},
    {.path = "lastTransitionTime", .type = FIELD_TIME, .flags = FIELD_REQUIRED},
};
const struct field_table SHAPE_CONDITIONS = FIELD_TABLE(CONDITIONS);

static const struct field DEFINITION_STATUS[] = {
    {.path = "observedGeneration", .type = FIELD_INT64},
    {"phase", FIELD_STRING, .allowed = "Available|Unavailable"},
    {.path = "message", .type = FIELD_STRING},
};
const struct field_table SHAPE_DEFINITION_STATUS = FIELD_TABLE(DEFINITION_STATUS);
