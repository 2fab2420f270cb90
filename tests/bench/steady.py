#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""200 real instances at rest: API writes per minute, processor and memory of atolld and atoll-engine

Method: standalone clusters are made until N redis-server processes run and have a role. Then one minute
passes in which nothing is asked of the system; processor time is read from /proc before and after, memory (PSS) at the
end, API writes and probes from /metrics. The redis-servers' own processor time is printed as the reference.
"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from support.atoll import Installation, role_of, wait  # noqa: E402

CLUSTER = """apiVersion: apps.kubeblocks.io/v1
kind: Cluster
metadata: {name: s%03d, namespace: default}
spec:
  clusterDef: redis
  topology: standalone
  terminationPolicy: Delete
  componentSpecs:
  - {name: redis, replicas: 1}
"""


def cpu(pids):
    ticks = os.sysconf('SC_CLK_TCK')
    total = 0.0
    for pid in pids:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / ticks
    return total


def pss(pid):
    with open(f'/proc/{pid}/smaps_rollup', encoding='utf-8') as f:
        for line in f:
            if line.startswith('Pss:'):
                return int(line.split()[1]) / 1024
    return 0.0


def rss(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as f:
        for line in f:
            if line.startswith('VmRSS'):
                return int(line.split()[1]) / 1024
    return 0.0


def role_calls(a, pod):
    r = a.redis(pod['status']['podIP'], pod['metadata']['labels']['app.kubernetes.io/instance'])
    stats = r('INFO', 'commandstats')
    r.close()
    return int(re.search(r'cmdstat_info:calls=(\d+)', stats).group(1))


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    print(__doc__)
    with Installation() as a:
        began = time.monotonic()
        a.kubectl('apply', '-f', '-', stdin='---\n'.join(CLUSTER % i for i in range(n)), timeout=300)
        wait(f'{n} primaries', lambda: sum(role_of(p) == 'primary' for p in a.pods()) == n, 300, 0.5)
        wait(f'{n} clusters Running', lambda: all(c.get('status', {}).get('phase') == 'Running' for c in a.api.get(
            '/apis/apps.kubeblocks.io/v1/namespaces/default/clusters')['items']), 120, 0.5)
        print(f'{n} instances with a role, all clusters Running, {time.monotonic() - began:.1f} s after the first apply')
        writes, state = 'atoll_kube_writes_total', {'n': -1, 'at': 0}

        def calm():
            w = a.metric(writes)
            if w != state['n']:
                state.update(n=w, at=time.monotonic())
            return time.monotonic() - state['at'] > 10
        wait('10 s without a write', calm, 120, 1)
        atolld, engines = a.atolld_pid(), a.engine_pids()
        servers = a.pids_below('redis-server')
        w0, c0, e0, s0, t0 = a.metric(writes), cpu([atolld]), cpu(engines), cpu(servers), time.monotonic()
        probed = a.pods()[0]
        p0 = role_calls(a, probed)
        time.sleep(seconds)
        t = time.monotonic() - t0
        c1, e1, s1 = cpu([atolld]), cpu(engines), cpu(servers)
        print(f'over {t:.0f} s with {len(servers)} redis-server processes:')
        print(f'  API writes                        {a.metric(writes) - w0:8.0f}')
        print(f'  probes per second of one instance {(role_calls(a, probed) - p0) / t:8.2f}   (calls of INFO that {probed["metadata"]["name"]} counted)')
        print(f'  processor, atolld                 {(c1 - c0) / t * 100:8.2f} % of one core')
        print(f'  processor, atoll-engine           {(e1 - e0) / t * 100:8.2f} %')
        print(f'  processor, both                   {(c1 - c0 + e1 - e0) / t * 100:8.2f} %')
        print(f'  processor, redis-servers together {(s1 - s0) / t * 100:8.2f} %   (ratio {(c1 - c0 + e1 - e0) / max(s1 - s0, 1e-9):.2f})')
        print(f'  memory, atolld                    {rss(atolld):8.1f} MiB resident, {pss(atolld):.1f} MiB proportional')
        print(f'  memory, atoll-engine              {sum(map(rss, engines)):8.1f} MiB resident, {sum(map(pss, engines)):.1f} MiB proportional')


main()
