/* SPDX-License-Identifier: Apache-2.0 */
/* A custom kind that uses most of what schemas can say; several tests share it. */
#ifndef ATOLL_TESTS_APISERVER_WIDGET_H
#define ATOLL_TESTS_APISERVER_WIDGET_H

#define WIDGET_SCHEMA                                                                              \
    "{'type': 'object', 'description': 'A widget.', 'required': ['spec'], 'properties': {"         \
    "'spec': {'type': 'object', 'required': ['size'], 'properties': {"                             \
    "'size': {'type': 'integer', 'minimum': 1, 'maximum': 100},"                                   \
    "'color': {'type': 'string', 'enum': ['red', 'green', 'blue'], 'default': 'red'},"             \
    "'replicas': {'type': 'integer', 'default': 1},"                                               \
    "'name': {'type': 'string', 'pattern': '^[a-z]+$', 'maxLength': 10},"                          \
    "'mode': {'type': 'string', 'x-kubernetes-validations': [{'rule': 'self == oldSelf',"          \
    " 'message': 'mode is immutable'}]},"                                                          \
    "'port': {'x-kubernetes-int-or-string': true},"                                                \
    "'when': {'type': 'string', 'format': 'date-time'},"                                           \
    "'nullable': {'type': 'string', 'nullable': true},"                                            \
    "'opts': {'type': 'object', 'default': {}, 'properties': {'deep': {'type': 'string',"          \
    " 'default': 'x'}}},"                                                                          \
    "'free': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': true},"                    \
    "'anyMap': {'type': 'object', 'additionalProperties': {'type': 'integer'}},"                   \
    "'set': {'type': 'array', 'x-kubernetes-list-type': 'set', 'items': {'type': 'string'}},"      \
    "'items': {'type': 'array', 'maxItems': 3, 'x-kubernetes-list-type': 'map',"                   \
    " 'x-kubernetes-list-map-keys': ['id'], 'items': {'type': 'object', 'required': ['id'],"       \
    " 'properties': {'id': {'type': 'string'}, 'v': {'type': 'integer', 'default': 7}}}}},"        \
    "'x-kubernetes-validations': [{'rule': '!has(self.replicas) || self.replicas <= self.size',"   \
    " 'message': 'replicas must not exceed size'}]},"                                              \
    "'status': {'type': 'object', 'properties': {'phase': {'type': 'string'},"                     \
    " 'replicas': {'type': 'integer'}, 'selector': {'type': 'string'},"                            \
    " 'ready': {'type': 'boolean'}}}}}"

#define WIDGET_CRD                                                                                 \
    "{'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition',"                \
    " 'metadata': {'name': 'widgets.golden.example.com'}, 'spec': {"                               \
    "'group': 'golden.example.com', 'scope': 'Namespaced', 'names': {'plural': 'widgets',"         \
    " 'singular': 'widget', 'kind': 'Widget', 'shortNames': ['wd'], 'categories': ['all']},"       \
    "'versions': [{'name': 'v1', 'served': true, 'storage': true, 'schema': "                      \
    "{'openAPIV3Schema': " WIDGET_SCHEMA                                                           \
    "}, 'subresources': {'status': {}, 'scale': {'specReplicasPath': '.spec.replicas',"            \
    " 'statusReplicasPath': '.status.replicas', 'labelSelectorPath': '.status.selector'}},"        \
    "'additionalPrinterColumns': [{'name': 'Size', 'type': 'integer', 'jsonPath': '.spec.size'},"  \
    " {'name': 'Color', 'type': 'string', 'jsonPath': '.spec.color', 'description': 'colour'},"    \
    " {'name': 'Phase', 'type': 'string', 'jsonPath': '.status.phase', 'priority': 1},"            \
    " {'name': 'First', 'type': 'string', 'jsonPath': '.spec.items[0].id'},"                       \
    " {'name': 'Age', 'type': 'date', 'jsonPath': '.metadata.creationTimestamp'}]},"               \
    "{'name': 'v1beta1', 'served': true, 'storage': false, 'deprecated': true, 'schema':"          \
    " {'openAPIV3Schema': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': true}}}]}}"

#endif
