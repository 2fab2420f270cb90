/* SPDX-License-Identifier: Apache-2.0 */
/* Inside api only: field tables of structures that several kinds contain. */
#ifndef ATOLL_API_SHAPES_H
#define ATOLL_API_SHAPES_H

#include "base/field.h"

extern const struct field_table
    SHAPE_COMPONENT; /* what a Cluster says of a component and a Component of itself */
extern const struct field_table SHAPE_INSTANCE; /* instances[] */
extern const struct field_table SHAPE_CLAIM; /* volumeClaimTemplates[] of Cluster and Component */
extern const struct field_table SHAPE_ORDINALS;
extern const struct field_table SHAPE_RETENTION;  /* persistentVolumeClaimRetentionPolicy */
extern const struct field_table SHAPE_UPDATE;     /* instanceUpdateStrategy */
extern const struct field_table SHAPE_PASSWORD;   /* passwordConfig */
extern const struct field_table SHAPE_ROLE;       /* roles[] */
extern const struct field_table SHAPE_CONDITIONS; /* status.conditions[] */
extern const struct field_table SHAPE_DEFINITION_STATUS;

#define PATTERN_NAME     "^[a-z]([a-z0-9.-]*[a-z0-9])?$"
#define PATTERN_LABEL    "^[a-z]([a-z0-9-]*[a-z0-9])?$"
#define PATTERN_ID       "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
#define PHASES_COMPONENT "Creating|Deleting|Updating|Stopping|Starting|Running|Stopped|Failed"

#endif
