/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests as people write them. The parser stands in base; the door of this room offers it to the
 * rooms that speak to an API. */
#include "base/yaml.h"

#include "kube/kube.h"

int kube_yaml_parse(const char *name, const char *text, size_t len, cJSON **ret_array,
                    struct err **err)
{
    return yaml_parse(name, text, len, ret_array, err);
}
