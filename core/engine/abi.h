/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes of version 1.0 of every struct a plugin hands to the host, each written as the end of its
 * last member of 1.0. A struct of at least that size is good; members behind it are read only when
 * the size covers them. sizeof() would silently make members appended to the header mandatory, and
 * refuse yesterday's plugins.
 */
#ifndef ATOLL_ENGINE_ABI_H
#define ATOLL_ENGINE_ABI_H

#include "atoll/plugin.h"

#define ABI_END(T, m) (offsetof(struct T, m) + sizeof(((struct T *)0)->m))

#define ABI_PLUGIN_1_0       (offsetof(struct atoll_plugin, topology) + sizeof(void *))
#define ABI_ROLE_PROBE_1_0   ABI_END(atoll_role_probe, forget)
#define ABI_LIFECYCLE_1_0    ABI_END(atoll_lifecycle, cancel)
#define ABI_TOPOLOGY_1_0     ABI_END(atoll_topology, advise)
#define ABI_ROLE_1_0         ABI_END(atoll_role, update_priority)
#define ABI_HOOK_1_0         ABI_END(atoll_hook, run)
#define ABI_OPTION_1_0       ABI_END(atoll_option, max)
#define ABI_OUTCOME_1_0      ABI_END(atoll_outcome, message)
#define ABI_ROLE_REPORT_1_0  ABI_END(atoll_role_report, fact_size)
#define ABI_FACT_1_0         ABI_END(atoll_fact, reserved)
#define ABI_HTTP_REQUEST_1_0 ABI_END(atoll_http_request, reserved)
#define ABI_WIRE_1_0         ABI_END(atoll_wire, reason)

#endif
