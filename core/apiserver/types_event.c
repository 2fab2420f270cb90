/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events, in the shape of core/v1 and of events.k8s.io/v1. Both describe the same stored object.
 */
#include "apiserver/types_rows.h"

static const struct type_field event_source_rows[] = {
    ROW_STR("component", 1, TF_OMIT_ZERO),
    ROW_STR("host", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_EVENT_SOURCE = {
    .name = "EventSource", .package = "io.k8s.api.core.v1", .fields = event_source_rows};

static const struct type_field event_series_rows[] = {
    ROW_INT("count", 1, TF_OMIT_ZERO),
    ROW_MICROTIME("lastObservedTime", 2, TF_NULL),
    ROW_END,
};
static const struct type TYPE_EVENT_SERIES = {
    .name = "EventSeries", .package = "io.k8s.api.core.v1", .fields = event_series_rows};

static const struct type_field event_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("involvedObject", 2, 0, &TYPE_OBJECT_REFERENCE, .def = "{}",
            .help = "The object the event is about."),
    ROW_STR("reason", 3, TF_OMIT_ZERO, .help = "One word that says why it happened."),
    ROW_STR("message", 4, TF_OMIT_ZERO, .help = "Sentence for people."),
    ROW_OBJ("source", 5, 0, &TYPE_EVENT_SOURCE, .def = "{}"),
    ROW_TIME("firstTimestamp", 6, TF_NULL),
    ROW_TIME("lastTimestamp", 7, TF_NULL),
    ROW_INT("count", 8, TF_OMIT_ZERO, .help = "How often it happened."),
    ROW_STR("type", 9, TF_OMIT_ZERO, .help = "Normal or Warning."),
    ROW_MICROTIME("eventTime", 10, TF_NULL),
    ROW_OBJ("series", 11, 0, &TYPE_EVENT_SERIES),
    ROW_STR("action", 12, TF_OMIT_ZERO),
    ROW_OBJ("related", 13, 0, &TYPE_OBJECT_REFERENCE),
    ROW_STR("reportingComponent", 14, 0, .def = "\"\""),
    ROW_STR("reportingInstance", 15, 0, .def = "\"\""),
    ROW_END,
};
const struct type TYPE_EVENT = {.name = "Event",
                                .package = "io.k8s.api.core.v1",
                                .fields = event_rows,
                                .help = "Something that happened to an object."};

static const struct type_field events_event_series_rows[] = {
    ROW_INT("count", 1, 0, .def = "0"),
    ROW_MICROTIME("lastObservedTime", 2, TF_NULL),
    ROW_END,
};
static const struct type TYPE_EVENTS_EVENT_SERIES = {
    .name = "EventSeries", .package = "io.k8s.api.events.v1", .fields = events_event_series_rows};

static const struct type_field events_event_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_MICROTIME("eventTime", 2, TF_NULL),
    ROW_OBJ("series", 3, 0, &TYPE_EVENTS_EVENT_SERIES),
    ROW_STR("reportingController", 4, TF_OMIT_ZERO),
    ROW_STR("reportingInstance", 5, TF_OMIT_ZERO),
    ROW_STR("action", 6, TF_OMIT_ZERO),
    ROW_STR("reason", 7, TF_OMIT_ZERO, .help = "One word that says why it happened."),
    ROW_OBJ("regarding", 8, 0, &TYPE_OBJECT_REFERENCE, .def = "{}",
            .help = "The object the event is about."),
    ROW_OBJ("related", 9, 0, &TYPE_OBJECT_REFERENCE),
    ROW_STR("note", 10, TF_OMIT_ZERO, .help = "Sentence for people."),
    ROW_STR("type", 11, TF_OMIT_ZERO, .help = "Normal or Warning."),
    ROW_OBJ("deprecatedSource", 12, 0, &TYPE_EVENT_SOURCE, .def = "{}"),
    ROW_TIME("deprecatedFirstTimestamp", 13, TF_NULL),
    ROW_TIME("deprecatedLastTimestamp", 14, TF_NULL),
    ROW_INT("deprecatedCount", 15, TF_OMIT_ZERO),
    ROW_END,
};
const struct type TYPE_EVENTS_EVENT = {.name = "Event",
                                       .package = "io.k8s.api.events.v1",
                                       .fields = events_event_rows,
                                       .help = "Something that happened to an object."};
