# SPDX-License-Identifier: Apache-2.0
"""One failover, watched from every side: who answers ROLE master when, when the label moves, when the Service's
endpoint moves, when a client's write through the Service works again. Used by the fault tests and the benchmark."""
import contextlib
import os
import signal
import threading
import time

from support.atoll import Failure, Redis, redis_pid, role_of, wait

SERVICE = 'orders-redis-redis'


class RoleScan(threading.Thread):
    """Asks ROLE of every address as fast as a millisecond allows, each on a kept connection, and notes when an
    address other than the old primary first says master."""

    def __init__(self, addresses, password):
        super().__init__(daemon=True)
        self.addresses, self.password = addresses, password
        self.first = None
        self.stop = False

    def run(self):
        conns = {}
        while not self.stop and not self.first:
            for a in self.addresses:
                try:
                    conns[a] = conns.get(a) or Redis(a, 6379, self.password, 0.5)
                    if conns[a]('ROLE')[0] == 'master':
                        self.first = (time.monotonic(), a)
                        break
                except (OSError, ValueError):
                    # promotion cuts connections: a new one at once is the fastest way to see it
                    with contextlib.suppress(KeyError, AttributeError):
                        conns.pop(a).close()
            time.sleep(0.0005)
        for c in conns.values():
            if c:
                c.close()


class Watcher(threading.Thread):
    """Notes when an event of a watch first satisfies a condition."""

    def __init__(self, api, path, check):
        super().__init__(daemon=True)
        self.api, self.path, self.check = api, path, check
        self.at = None

    def run(self):
        with contextlib.suppress(Exception):
            for at, event in self.api.watch(self.path):
                if self.check(event['object']):
                    self.at = at
                    return


class Writer(threading.Thread):
    """Writes unique keys through the Service, one after the other, and remembers which were acknowledged."""

    def __init__(self, host, password, prefix):
        super().__init__(daemon=True)
        self.host, self.password, self.prefix = host, password, prefix
        self.acked = []          # (time of the answer, key)
        self.stop = False

    def run(self):
        conn, n = None, 0
        while not self.stop:
            try:
                conn = conn or Redis(self.host, 6379, self.password, 0.3)
                key = f'{self.prefix}-{n}'
                n += 1
                if conn('SET', key, 'x') == 'OK':
                    self.acked.append((time.monotonic(), key))
                time.sleep(0.001)
            except (OSError, ValueError):
                if conn:
                    conn.close()
                conn = None
                time.sleep(0.002)
        if conn:
            conn.close()


def settled(a):
    """One primary, the others secondaries that are linked to it, the Service on the primary; returns the Pods."""
    def check():
        pods = {p['metadata']['name']: p for p in a.pods('app.kubernetes.io/instance=orders') if '-sentinel-' not in p['metadata']['name']}
        primary = [p for p in pods.values() if role_of(p) == 'primary']
        if len(primary) != 1 or any(role_of(p) not in ('primary', 'secondary') for p in pods.values()):
            return None
        ip = primary[0]['status']['podIP']
        if a.endpoints(SERVICE) != [ip]:
            return None
        r = a.redis(ip)
        info = r('INFO', 'replication')
        r.close()
        return pods if info.count('state=online') == len(pods) - 1 else None
    return wait('one linked primary behind the Service', check, 90, 0.05)


def sentinels_know(a, n):
    """Every sentinel sees the current primary with all its replicas: the ground a failover needs."""
    ip = a.primary()['status']['podIP']
    password = a.secret('orders-redis-sentinel-account-default')
    for p in a.pods('app.kubernetes.io/instance=orders'):
        if '-sentinel-' not in p['metadata']['name']:
            continue
        r = Redis(p['status']['podIP'], 26379, password)
        try:
            masters = [dict(zip(m[::2], m[1::2])) for m in r('SENTINEL', 'MASTERS')]
            if not (len(masters) == 1 and masters[0]['ip'] == ip and masters[0]['flags'] == 'master' and
                    int(masters[0]['num-slaves']) == n - 1 and int(masters[0]['num-other-sentinels']) == 2):
                return None
            replicas = r('SENTINEL', 'REPLICAS', masters[0]['name'])
            if any(dict(zip(s[::2], s[1::2]))['master-link-status'] != 'ok' for s in replicas):
                return None
        finally:
            r.close()
    return True


def failover(a, run):
    """kill -9 of the primary's redis-server. Returns the figures in milliseconds; raises when data was lost."""
    pods = settled(a)
    wait('the sentinels know everybody', lambda: sentinels_know(a, len(pods)), 90, 0.1)
    old = next(p for p in pods.values() if role_of(p) == 'primary')
    old_name, old_ip = old['metadata']['name'], old['status']['podIP']
    restarts = old['status']['containerStatuses'][0]['restartCount']
    password = a.secret('orders-redis-account-default')
    others = {p['status']['podIP']: n for n, p in pods.items() if n != old_name}

    scan = RoleScan(list(others), password)
    rv = a.api.get('/api/v1/namespaces/default/pods')['metadata']['resourceVersion']
    label = Watcher(a.api, f'/api/v1/namespaces/default/pods?resourceVersion={rv}',
                    lambda o: o['metadata']['name'] in others.values() and role_of(o) == 'primary')
    endpoint = Watcher(a.api, f'/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?resourceVersion={rv}&labelSelector='
                       'kubernetes.io%2Fservice-name%3D' + SERVICE,
                       lambda o: any(ip in others for e in o.get('endpoints') or [] if e.get('conditions', {}).get('ready', True)
                                     for ip in e['addresses']))
    writer = Writer(a.cluster_ip(SERVICE), password, f'run{run}')
    for t in (scan, label, endpoint, writer):
        t.start()
    wait('writes flow', lambda: len(writer.acked) > 50, 10)

    killed = time.monotonic()
    os.kill(redis_pid(old_ip), signal.SIGKILL)
    wait('another instance says master', lambda: scan.first, 60, 0.001)
    promoted, new_ip = scan.first
    wait('the label moved', lambda: label.at, 15, 0.001)
    wait('the endpoint moved', lambda: endpoint.at, 15, 0.001)
    wait('writes work again', lambda: writer.acked[-1][0] > promoted, 30, 0.001)
    first_write = next(at for at, _ in writer.acked if at > promoted)
    writer.stop = True
    writer.join()

    # What the new primary acknowledged must be there; nothing acknowledged after the promotion may be missing.
    r = Redis(new_ip, 6379, password)
    if r('ROLE')[0] != 'master':
        raise Failure(f'{new_ip} was promoted and is {r("ROLE")} now')
    lost = [k for at, k in writer.acked if at > promoted and not r('EXISTS', k)]
    lost_before = [k for at, k in writer.acked if at <= promoted and not r('EXISTS', k)]
    r.close()
    if lost:
        raise Failure(f'run {run}: {len(lost)} writes acknowledged by the new primary are gone, first {lost[0]}')

    def back():
        p = next((p for p in a.pods('app.kubernetes.io/instance=orders') if p['metadata']['name'] == old_name), None)
        if not p or not p['status'].get('containerStatuses'):
            return False
        status = p['status']['containerStatuses'][0]
        if status['restartCount'] >= 2 and status['state'].get('waiting', {}).get('reason') == 'CrashLoopBackOff':
            # killed too often: the wait before the next start has grown beyond patience. A new Pod starts at once.
            a.api('DELETE', '/api/v1/namespaces/default/pods/' + old_name)
        return role_of(p) == 'secondary' and (status['restartCount'] > restarts or p['metadata']['uid'] != old['metadata']['uid'])
    wait(f'{old_name} is back as a follower', back, 60)
    ms = lambda t: (t - killed) * 1000
    return {'promoted': ms(promoted), 'label': (label.at - promoted) * 1000, 'endpoint': (endpoint.at - promoted) * 1000,
            'write': (first_write - promoted) * 1000, 'outage': ms(first_write), 'acked': len(writer.acked),
            'lost_before_promotion': len(lost_before), 'from': old_name, 'to': others[new_ip]}


def redis_processes(a):
    """name -> pid of every Redis process of the cluster: the proof that nothing restarted."""
    found = {}
    for p in a.pods('app.kubernetes.io/instance=orders'):
        port = 26379 if '-sentinel-' in p['metadata']['name'] else 6379
        found[p['metadata']['name']] = redis_pid(p['status']['podIP'], port)
    return found
