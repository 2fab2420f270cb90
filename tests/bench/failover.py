#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a primary, again and again: how soon do the label, the Service and a client follow the new primary

Method: one replication cluster (3 redis-server, 3 sentinels) under the local node. Per run, one process asks ROLE of
both replicas every half millisecond on kept connections; two watches wait for the role label and for the EndpointSlice of
the primary's Service; one client writes unique keys through the Service. Zero is the moment another instance first answers
ROLE master. Afterwards every key acknowledged after that moment is looked up on the new primary.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from support.atoll import Installation  # noqa: E402
from support.failover import failover  # noqa: E402


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, max(0, -(-len(values) * p // 100) - 1))]


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(__doc__)
    results = []
    with Installation() as a:
        a.apply_example()
        for n in range(runs):
            r = failover(a, n)
            results.append(r)
            print(f'run {n + 1:2}: {r["from"]} -> {r["to"]}: ROLE master {r["promoted"]:.0f} ms after the kill; label +{r["label"]:.1f} ms, '
                  f'endpoint +{r["endpoint"]:.1f} ms, write +{r["write"]:.1f} ms; {r["acked"]} acknowledged', flush=True)
    print(f'\n{runs} runs, ms after the new primary first answered ROLE master      p50     p99     max')
    for key, title in (('label', 'role label moved'), ('endpoint', 'endpoint of the Service moved'), ('write', 'first write through the Service')):
        v = [r[key] for r in results]
        print(f'  {title:58} {percentile(v, 50):7.1f} {percentile(v, 99):7.1f} {max(v):7.1f}')
    v = [r['outage'] for r in results]
    print(f'  {"kill to first write (failover included)":58} {percentile(v, 50):7.0f} {percentile(v, 99):7.0f} {max(v):7.0f}')
    print(f'  writes acknowledged by the new primary and lost: 0 of {sum(r["acked"] for r in results)}; acknowledged by the old one and not '
          f'replicated before the kill: {sum(r["lost_before_promotion"] for r in results)}')


main()
