#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The main job, as a newcomer does it: up, apply a Cluster, read roles, write through the Service, look around,
change the size, take it down. Real redis-server and sentinel processes, real kubectl."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from support.atoll import Failure, Installation, Redis, SOURCE, ready, role_of, run_tests, wait  # noqa: E402


def expect(cond, text):
    if not cond:
        raise Failure(text)


def main_job():
    with Installation() as a:
        a.apply_example()
        pods = a.pods('app.kubernetes.io/instance=orders')
        redis = [p for p in pods if '-sentinel-' not in p['metadata']['name']]
        roles = sorted(role_of(p) for p in redis)
        expect(roles == ['primary', 'secondary', 'secondary'], f'roles {a.roles()}')
        expect(len(pods) == 6 and all(ready(p) for p in pods), f'six ready Pods wanted: {a.kubectl("get", "pods")}')

        # writes through the primary's Service, reads on every instance
        r = a.redis(a.cluster_ip('orders-redis-redis'))
        expect(r('SET', 'k', 'v') == 'OK', 'SET through the Service')
        expect(r('ROLE')[0] == 'master', 'the Service leads to the primary')
        for p in redis:
            wait('k on ' + p['metadata']['name'], lambda ip=p['status']['podIP']: a.redis(ip)('GET', 'k') == 'v', 10)
        r.close()

        expect(len(a.pids_below('redis-server')) == 3, 'the test sees the three servers, so it will see when they are gone')
        look_around(a)
        run_again(a)
        scale(a)
        delete_cluster(a)


def look_around(a):
    """The commands of the README work with an unmodified kubectl."""
    table = a.kubectl('get', 'pods', '-L', 'kubeblocks.io/role')
    expect(table.count('primary') == 1 and table.count('secondary') == 2, table)
    expect('Running' in a.kubectl('get', 'clusters'), 'kubectl get clusters')
    expect('orders-redis' in a.kubectl('get', 'components,instancesets'), 'components, instancesets')
    primary = a.primary()['metadata']['name']
    expect('Controlled By' in a.kubectl('describe', 'pod', primary), 'describe pod')
    expect('Phase' in a.kubectl('describe', 'cluster', 'orders'), 'describe cluster')
    expect('eady to accept connections' in a.kubectl('logs', primary), 'logs')
    if a.kubectl('events', '--help', check=False).returncode == 0:
        expect('cluster' in a.kubectl('events').lower(), 'events')
    else:
        print('  skipped: this kubectl has no `events` (older than 1.26)')
    expect('replicas' in a.kubectl('explain', 'instanceset.spec'), 'explain of a custom kind')
    expect('containers' in a.kubectl('explain', 'pod.spec'), 'explain of a built-in kind')
    expect(a.kubectl('get', 'pvc').count('Bound') >= 3, a.kubectl('get', 'pvc'))
    a.kubectl('label', 'pod', primary, 'team=blue')
    a.kubectl('annotate', 'pod', primary, 'note=x')
    expect(primary in a.kubectl('get', 'pods', '-l', 'team=blue'), 'label')
    status = a.atoll('status').stdout
    expect('orders' in status and 'primary' in status, status)
    doc = json.loads(a.atoll('status', '-o', 'json').stdout)
    expect(doc['members'][0]['clusters'][0]['ready'] == 6, json.dumps(doc)[:500])


def run_again(a):
    """`atoll up` once more changes nothing."""
    before = {p['metadata']['name']: p['metadata']['uid'] for p in a.pods()}
    pid = a.atolld_pid()
    expect('runs already' in a.up().stdout, 'up on a running installation')
    expect(a.atolld_pid() == pid and {p['metadata']['name']: p['metadata']['uid'] for p in a.pods()} == before, 'same Pods')
    out = a.kubectl('apply', '-f', os.path.join(SOURCE, 'docs', 'examples', 'redis-replication.yaml'))
    expect('unchanged' in out, out)


def component(a, replicas):
    path = '/apis/apps.kubeblocks.io/v1/namespaces/default/clusters/orders'
    specs = a.api.get(path)['spec']['componentSpecs']
    for s in specs:
        if s['name'] == 'redis':
            s['replicas'] = replicas
    a.api.merge(path, {'spec': {'componentSpecs': specs}})


def scale(a):
    component(a, 4)
    wait('a fourth instance with a role', lambda: list(a.roles().values()).count('secondary') == 3, 60)
    component(a, 2)
    wait('two instances', lambda: sum(1 for n in a.roles() if '-sentinel-' not in n) == 2, 60)
    wait('one primary, one secondary', lambda: sorted(filter(None, a.roles().values())) == ['primary', 'secondary'], 60)
    r = a.redis(a.cluster_ip('orders-redis-redis'))
    expect(r('GET', 'k') == 'v', 'the data survived the scaling')
    r.close()


def delete_cluster(a):
    a.kubectl('delete', 'cluster', 'orders', '--timeout=60s')
    wait('no Pods', lambda: not a.pods('app.kubernetes.io/instance=orders'), 60)
    for kind in ('services', 'secrets', 'persistentvolumeclaims'):
        wait(f'no {kind}', lambda k=kind: not [i for i in a.api.get(f'/api/v1/namespaces/default/{k}')['items']
                                               if i['metadata']['name'].startswith(('orders', 'data-orders'))], 30)
    expect(not a.pids_below('redis-server'), 'no redis-server is left')


def standalone():
    with Installation() as a:
        a.kubectl('apply', '-f', os.path.join(SOURCE, 'docs', 'examples', 'redis-standalone.yaml'))
        name = wait('a cluster', lambda: a.api.get('/apis/apps.kubeblocks.io/v1/namespaces/default/clusters')['items'])[0]['metadata']['name']
        a.wait_running(name)
        wait('a primary', lambda: a.primary(name), 20)
        r = Redis(a.cluster_ip(f'{name}-redis-redis'), 6379, a.secret(f'{name}-redis-account-default'))
        expect(r('SET', 'k', 'v') == 'OK', 'SET')
        r.close()


def side_by_side():
    """Two installations at once, one stopped with its data kept and started again."""
    with Installation() as a, Installation(members=2) as b:
        expect(a.api.port != b.api.port, 'own ports')
        b.apply_example()
        r = b.redis(b.cluster_ip('orders-redis-redis'))
        r('SET', 'kept', 'yes')
        r.close()
        expect('2 members' in b.up().stdout, 'two members')
        expect(len(json.loads(b.atoll('status', '-o', 'json').stdout)['members']) == 2, 'status of both members')
        refused = b.atoll('down', check=False)
        expect(refused.returncode == 1 and '--yes' in refused.stderr, f'down without --yes: {refused.stderr}')
        b.atoll('down', '--keep-data')
        wait('nothing runs after down', lambda: not b.pids_below('redis-server') and not b.pids_below('atolld'), 10)
        b.up()
        b.wait_running()
        wait('the key is back', lambda: b.redis(b.cluster_ip('orders-redis-redis'))('GET', 'kept') == 'yes', 60)


run_tests([main_job, standalone, side_by_side])
