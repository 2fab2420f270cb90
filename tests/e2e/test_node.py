# SPDX-License-Identifier: Apache-2.0
"""The local node with the embedded API server alone (node_main): Pods as processes, from the outside.

usage: test_node.py NODE_MAIN SHIM [TEST...]
Every wait has a condition and an end. The servers in the Pods are a few lines of Python in a ConfigMap, so nothing
but Debian's python3, bubblewrap and haproxy is needed."""
import http.client, json, os, re, shutil, signal, socket, ssl, subprocess, sys, tempfile, threading, time

NET = '127.19'
SERVER = r'''
import os, signal, socket, sys, threading, time
ip, name = os.environ['IP'], os.environ['NAME']
starts = '/data/starts'
n = int(open(starts).read()) if os.path.exists(starts) else 0
open(starts, 'w').write(str(n + 1))
def term(*_):
    open('/data/term', 'w').write('yes')
    print('ended politely', flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, term)
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((ip, 7000))
s.listen(64)
print('serving as', name, 'start', n + 1, flush=True)
def serve(c):
    try:
        c.sendall((name + '\n').encode())
    except OSError:
        return
    while True:
        try:
            line = c.recv(1000)
        except OSError:
            break
        if not line:
            break
        if line.startswith(b'exit '):
            os._exit(int(line.split()[1]))
        if line.startswith(b'cat '):
            c.sendall(open(line.split()[1]).read().encode())
        if line.startswith(b'resolve '):
            try:
                a = sorted({x[4][0] for x in socket.getaddrinfo(line.split()[1].decode(), 1)})
            except OSError as e:
                a = [str(e)]
            c.sendall((' '.join(a) + '\n').encode())
while True:
    c, _ = s.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
'''


def fail(text):
    raise AssertionError(text)


def wait(what, condition, seconds=30, pause=0.01):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            fail('waited %d s in vain for %s' % (seconds, what))
        time.sleep(pause)


class Node:
    def __init__(self, program, shim, directory, *settings):
        self.program, self.shim, self.dir, self.settings = program, shim, directory, settings
        self.context = ssl._create_unverified_context()
        self.process = None

    def start(self):
        log = open(os.path.join(self.dir, 'log'), 'ab')
        self.process = subprocess.Popen(
            [self.program, self.dir, '0', NET + '.0.0/16', NET + '.240.0/20', NET + '.0.1', *self.settings],
            stdout=subprocess.PIPE, stderr=log, env=dict(os.environ, ATOLL_SHIM=self.shim))
        line = self.process.stdout.readline().decode().split()
        if len(line) != 2:
            fail('node_main did not start:\n' + self.log())
        self.url, self.token = line
        self.port = int(self.url.rsplit(':', 1)[1])

    def log(self):
        return open(os.path.join(self.dir, 'log'), errors='replace').read()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        self.process.terminate()
        if self.process.wait(timeout=60) != 0:
            fail('node_main ended with %d:\n%s' % (self.process.returncode, self.log()[-8000:]))

    def stop_pods(self):
        out = subprocess.run([self.program, 'stop', self.dir], stdout=subprocess.PIPE, check=True, timeout=60)
        return int(out.stdout)

    def call(self, method, path, body=None, kind='application/json', raw=False):
        c = http.client.HTTPSConnection('127.0.0.1', self.port, timeout=30, context=self.context)
        headers = {'Authorization': 'Bearer ' + self.token}
        if body is not None:
            headers['Content-Type'] = kind
        c.request(method, path, json.dumps(body) if body is not None else None, headers)
        r = c.getresponse()
        data = r.read()
        c.close()
        if raw:
            return r.status, data.decode(errors='replace')
        return r.status, json.loads(data) if data else None

    def get(self, path):
        status, body = self.call('GET', path)
        return body if status == 200 else None

    def create(self, path, body):
        status, answer = self.call('POST', path, body)
        if status != 201:
            fail('POST %s: %s' % (path, answer))
        return answer

    def patch(self, path, body):
        status, answer = self.call('PATCH', path, body, 'application/merge-patch+json')
        if status != 200:
            fail('PATCH %s: %s' % (path, answer))
        return answer

    def delete(self, path, body=None):
        return self.call('DELETE', path, body)[0]

    def writes(self):
        _, text = self.call('GET', '/metrics', raw=True)
        return {m[0]: float(m[1]) for m in re.findall(r'atoll_apiserver_writes_total\{resource="(\w+)"\} (\S+)', text)}


NS = '/api/v1/namespaces/default/'


def pod(name, labels=None, command=None, volumes=None, claim=None, **spec):
    """A Pod with the little server, or with another command."""
    container = {'name': 'main', 'image': 'server:1', 'command': command or ['python3', '/srv/server.py'],
                 'env': [{'name': 'IP', 'valueFrom': {'fieldRef': {'fieldPath': 'status.podIP'}}},
                         {'name': 'NAME', 'valueFrom': {'fieldRef': {'fieldPath': 'metadata.name'}}}],
                 'ports': [{'name': 'srv', 'containerPort': 7000}],
                 'volumeMounts': [{'name': 'srv', 'mountPath': '/srv'}, {'name': 'data', 'mountPath': '/data'}]}
    if not command:
        container['readinessProbe'] = {'tcpSocket': {'port': 'srv'}, 'periodSeconds': 1, 'failureThreshold': 1}
    container.update(spec.pop('container', {}))
    data = {'name': 'data', 'persistentVolumeClaim': {'claimName': claim}} if claim else {'name': 'data', 'emptyDir': {}}
    return {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'labels': labels or {'app': name}},
            'spec': dict({'containers': [container], 'terminationGracePeriodSeconds': 10,
                          'volumes': [{'name': 'srv', 'configMap': {'name': 'server'}}, data] + (volumes or [])}, **spec)}


def condition(o, kind):
    for c in (o or {}).get('status', {}).get('conditions', []):
        if c['type'] == kind:
            return c
    return {}


def ready(n, name):
    return condition(n.get(NS + 'pods/' + name), 'Ready').get('status') == 'True'


def container(n, name):
    o = n.get(NS + 'pods/' + name)
    return ((o or {}).get('status', {}).get('containerStatuses') or [{}])[0]


def state(n, name, kind):
    return container(n, name).get('state', {}).get(kind)


def ip_of(n, name):
    return n.get(NS + 'pods/' + name)['status']['podIP']


def talk(address, port, line=None):
    """Connect; who answers? With a line: what comes back."""
    try:
        with socket.create_connection((address, port), timeout=5) as s:
            f = s.makefile('rw')
            who = f.readline().strip()
            if line is None:
                return who
            f.write(line + '\n')
            f.flush()
            return f.readline().strip()
    except OSError:
        return None


def gone(n, name):
    return n.call('GET', NS + 'pods/' + name)[0] == 404


def uid_dir(n, o):
    return os.path.join(n.dir, 'node', 'pods', o['metadata']['uid'])


def remove(n, *names):
    for name in names:
        n.delete(NS + 'pods/' + name)
    for name in names:
        wait('%s to be gone' % name, lambda: gone(n, name))


# ---- tests ----

def test_life(n):
    o = n.create(NS + 'pods', pod('life', hostname='life'))
    wait('life to be ready', lambda: ready(n, 'life'))
    st = container(n, 'life')
    assert re.match(r'/usr/bin/python3(@3\.|$)', st['imageID']), st
    wait('its version', lambda: re.match(r'/usr/bin/python3@3\.', container(n, 'life')['imageID']))
    ip = ip_of(n, 'life')
    assert ip.startswith(NET + '.'), ip
    assert talk(ip, 7000) == 'life'
    assert talk(ip, 7000, 'resolve life') == ip
    _, text = n.call('GET', NS + 'pods/life/log', raw=True)
    assert text == 'serving as life start 1\n', text
    _, text = n.call('GET', NS + 'pods/life/log?timestamps=true&tailLines=1', raw=True)
    assert re.match(r'\d{4}-\d\d-\d\dT\S+Z serving as life', text), text
    status, text = n.call('GET', NS + 'pods/life/log?previous=true', raw=True)
    assert status == 400 and 'previous terminated container' in json.loads(text)['message'], (status, text)
    n.delete(NS + 'pods/life')
    wait('life to be gone', lambda: gone(n, 'life'))
    wait('its directory to be gone', lambda: not os.path.exists(uid_dir(n, o)))
    # The same name gets the same address again.
    n.create(NS + 'pods', pod('life'))
    wait('life to be ready again', lambda: ready(n, 'life'))
    assert ip_of(n, 'life') == ip
    remove(n, 'life')


def test_crash_and_backoff(n):
    n.create(NS + 'pods', pod('crash'))
    wait('crash to be ready', lambda: ready(n, 'crash'))
    ip = ip_of(n, 'crash')
    talk(ip, 7000, 'exit 7')
    st = wait('the first restart', lambda: container(n, 'crash').get('restartCount') == 1 and container(n, 'crash'))
    assert st['lastState']['terminated']['exitCode'] == 7, st
    wait('ready again', lambda: ready(n, 'crash'))
    assert ip_of(n, 'crash') == ip
    _, text = n.call('GET', NS + 'pods/crash/log?previous=true', raw=True)
    assert text == 'serving as crash start 1\n', text
    talk(ip, 7000, 'exit 8')
    w = wait('backoff', lambda: (state(n, 'crash', 'waiting') or {}).get('reason') == 'CrashLoopBackOff' and state(n, 'crash', 'waiting'))
    assert 'back-off 10s' in w['message'], w
    assert container(n, 'crash')['lastState']['terminated']['exitCode'] == 8
    assert n.get(NS + 'pods/crash')['status']['phase'] == 'Running'
    remove(n, 'crash')


def test_ends(n):
    """Pods that are meant to end, init containers, final phases."""
    sh = lambda script: ['sh', '-c', script]
    good = pod('good', command=sh('cat /data/made; exit 0'), restartPolicy='Never',
               initContainers=[{'name': 'make', 'image': 'x', 'command': sh('echo by init > /data/made'),
                                'volumeMounts': [{'name': 'data', 'mountPath': '/data'}]}])
    n.create(NS + 'pods', good)
    n.create(NS + 'pods', pod('bad', command=sh('echo no >&2; exit 3'), restartPolicy='Never'))
    n.create(NS + 'pods', pod('badinit', command=sh('true'), restartPolicy='Never',
                              initContainers=[{'name': 'i', 'image': 'x', 'command': sh('exit 4')}]))
    for name, phase in (('good', 'Succeeded'), ('bad', 'Failed'), ('badinit', 'Failed')):
        wait('%s to be %s' % (name, phase), lambda: n.get(NS + 'pods/' + name)['status']['phase'] == phase)
    assert state(n, 'bad', 'terminated')['exitCode'] == 3
    assert n.call('GET', NS + 'pods/good/log', raw=True)[1] == 'by init\n'
    assert n.call('GET', NS + 'pods/bad/log', raw=True)[1] == 'no\n'
    remove(n, 'good', 'bad', 'badinit')


def test_refusals(n):
    """What this node cannot do is said in one sentence on the Pod."""
    n.create(NS + 'pods', pod('noprogram', command=['mariadbd-of-tomorrow']))
    n.create(NS + 'pods', pod('nocommand', container={'command': None}))
    n.create(NS + 'pods', pod('hostpath', volumes=[{'name': 'h', 'hostPath': {'path': '/'}}]))
    n.create(NS + 'pods', pod('nosecret', container={'envFrom': [{'secretRef': {'name': 'later'}}]}))
    n.create(NS + 'pods', pod('unrunnable', command=['/srv/server.py']))
    n.create(NS + 'pods', pod('elsewhere', nodeSelector={'disk': 'ssd'}))
    w = wait('noprogram', lambda: (state(n, 'noprogram', 'waiting') or {}).get('reason') == 'ErrImageNeverPull' and state(n, 'noprogram', 'waiting'))
    assert 'apt install mariadbd-of-tomorrow' in w['message'], w
    w = wait('nocommand', lambda: (state(n, 'nocommand', 'waiting') or {}).get('reason') == 'ErrImageNeverPull' and state(n, 'nocommand', 'waiting'))
    assert w['message'] == 'container main: image server:1 is not run on this node: give a command', w
    w = wait('hostpath', lambda: 'hostPath is not offered' in (state(n, 'hostpath', 'waiting') or {}).get('message', ''))
    w = wait('nosecret', lambda: (state(n, 'nosecret', 'waiting') or {}).get('reason') == 'CreateContainerConfigError' and state(n, 'nosecret', 'waiting'))
    assert w['message'] == 'secret "later" not found', w
    wait('unrunnable', lambda: (container(n, 'unrunnable').get('lastState', {}).get('terminated') or {}).get('reason') == 'StartError')
    assert 'ermission denied' in container(n, 'unrunnable')['lastState']['terminated']['message']
    c = wait('elsewhere', lambda: condition(n.get(NS + 'pods/elsewhere'), 'PodScheduled').get('status') == 'False' and condition(n.get(NS + 'pods/elsewhere'), 'PodScheduled'))
    assert c['reason'] == 'Unschedulable' and "didn't match Pod's node affinity/selector" in c['message'], c
    # The missing Secret comes: the Pod starts without being asked again.
    n.create(NS + 'secrets', {'metadata': {'name': 'later'}, 'stringData': {'A': 'b'}})
    wait('nosecret to be ready', lambda: ready(n, 'nosecret'), 10)
    n.patch('/api/v1/nodes/node-1', {'metadata': {'labels': {'disk': 'ssd'}}})
    wait('elsewhere to be placed', lambda: ready(n, 'elsewhere'), 10)
    remove(n, 'noprogram', 'nocommand', 'hostpath', 'nosecret', 'unrunnable', 'elsewhere')


def test_config_in_place(n):
    n.create(NS + 'configmaps', {'metadata': {'name': 'words'}, 'data': {'word': 'one\n'}})
    n.create(NS + 'pods', pod('reader', volumes=[{'name': 'w', 'configMap': {'name': 'words'}}], container={
        'volumeMounts': [{'name': 'srv', 'mountPath': '/srv'}, {'name': 'data', 'mountPath': '/data'}, {'name': 'w', 'mountPath': '/words'}]}))
    wait('reader to be ready', lambda: ready(n, 'reader'))
    ip = ip_of(n, 'reader')
    assert talk(ip, 7000, 'cat /words/word') == 'one'
    n.patch(NS + 'configmaps/words', {'data': {'word': 'two\n'}})
    wait('the new word', lambda: talk(ip, 7000, 'cat /words/word') == 'two')
    assert container(n, 'reader')['restartCount'] == 0
    remove(n, 'reader')


def test_claims(n):
    n.create(NS + 'persistentvolumeclaims', {'metadata': {'name': 'kept'}, 'spec': {
        'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}}})
    c = wait('the claim to be bound', lambda: (lambda o: o['status'].get('phase') == 'Bound' and o)(n.get(NS + 'persistentvolumeclaims/kept')))
    pv = n.get('/api/v1/persistentvolumes/' + c['spec']['volumeName'])
    path = pv['spec']['local']['path']
    assert os.path.isdir(path) and c['status']['capacity']['storage'] == '1Gi'
    for start in (1, 2):
        n.create(NS + 'pods', pod('keeper', claim='kept'))
        wait('keeper to be ready', lambda: ready(n, 'keeper'))
        assert open(path + '/starts').read() == str(start)
        if start == 1:
            remove(n, 'keeper')
            assert open(path + '/term').read() == 'yes'  # SIGTERM reached the server and it had time
    n.delete(NS + 'persistentvolumeclaims/kept')
    time_in_use = n.get(NS + 'persistentvolumeclaims/kept')
    assert time_in_use and time_in_use['metadata']['deletionTimestamp'], 'a claim in use must stay'
    assert os.path.exists(path + '/starts')
    remove(n, 'keeper')
    wait('the claim to be gone', lambda: n.get(NS + 'persistentvolumeclaims/kept') is None)
    wait('the volume to be gone', lambda: n.get('/api/v1/persistentvolumes/' + c['spec']['volumeName']) is None)
    assert not os.path.exists(path)


def endpoints(n, name):
    o = n.get(NS + 'endpoints/' + name) or {}
    return sorted(a['ip'] for s in o.get('subsets') or [] for a in s.get('addresses') or [])


def slices(n, name):
    items = n.get('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name=' + name)['items']
    return sorted((a, e['conditions']['ready']) for s in items for e in s['endpoints'] or [] for a in e['addresses'])


def test_services(n):
    names = ['s-0', 's-1', 's-2']
    vip = n.create(NS + 'services', {'metadata': {'name': 'primary'}, 'spec': {
        'selector': {'app': 's', 'role': 'primary'}, 'ports': [{'name': 'x', 'port': 80 if os.geteuid() == 0 else 8080, 'targetPort': 'srv'}]}})
    port = vip['spec']['ports'][0]['port']
    vip = vip['spec']['clusterIP']
    n.create(NS + 'services', {'metadata': {'name': 'all'}, 'spec': {
        'selector': {'app': 's'}, 'clusterIP': 'None', 'publishNotReadyAddresses': True, 'ports': [{'name': 'x', 'port': 7000}]}})
    for name in names:
        n.create(NS + 'pods', pod(name, {'app': 's'}, hostname=name, subdomain='all'))
    for name in names:
        wait(name + ' to be ready', lambda: ready(n, name))
    ips = {name: ip_of(n, name) for name in names}
    wait('endpoints of all', lambda: endpoints(n, 'all') == sorted(ips.values()))
    wait('slices of all', lambda: slices(n, 'all') == sorted((ip, True) for ip in ips.values()))
    for question, answer in (('s-1.all', ips['s-1']), ('s-2.all.default.svc.cluster.local', ips['s-2']), ('primary', vip),
                             ('primary.default.svc', vip), ('all', ' '.join(sorted(ips.values())))):
        wait('%s to resolve' % question, lambda: talk(ips['s-0'], 7000, 'resolve ' + question) == answer, 10)
    if not shutil.which('haproxy') and not os.path.exists('/usr/sbin/haproxy'):
        print('  SKIPPED: the ClusterIP part, haproxy is not installed')
    else:
        switch(n, names, ips, vip, port)
    # A server that ends leaves the endpoints at once and comes back.
    n.patch(NS + 'pods/s-0', {'metadata': {'labels': {'role': 'primary'}}})
    wait('the primary endpoint', lambda: endpoints(n, 'primary') == [ips['s-0']])
    talk(ips['s-0'], 7000, 'exit 1')
    wait('the primary endpoint to return', lambda: container(n, 's-0')['restartCount'] == 1 and endpoints(n, 'primary') == [ips['s-0']])
    remove(n, *names)
    n.delete(NS + 'services/primary')
    n.delete(NS + 'services/all')
    wait('the endpoints to be gone', lambda: n.get(NS + 'endpoints/primary') is None and n.get(NS + 'endpoints/all') is None)
    wait('the port to be closed', lambda: talk(vip, port) is None)


def switch(n, names, ips, vip, port):
    times, old = [], None
    for i in range(12):
        now = names[i % 3]
        if old:
            n.patch(NS + 'pods/' + old, {'metadata': {'labels': {'role': None}}})
        n.patch(NS + 'pods/' + now, {'metadata': {'labels': {'role': 'primary'}}})
        began = time.monotonic()
        wait('the ClusterIP to reach ' + now, lambda: talk(vip, port) == now, 10, 0)
        times.append((time.monotonic() - began) * 1000)
        old = now
    session = socket.create_connection((vip, port), timeout=10)
    assert session.recv(100).decode().strip() == old
    n.patch(NS + 'pods/' + old, {'metadata': {'labels': {'role': None}}})
    try:
        assert session.recv(100) == b''  # the session to the old one ends
    except ConnectionResetError:
        pass
    session.close()
    print('  label to new connection through the ClusterIP, ms after the PATCH was answered: ' + ' '.join('%.1f' % t for t in sorted(times[1:])))


def pids_of(n, o):
    base = os.path.join(uid_dir(n, o), 'containers', 'main')
    return open(os.path.join(base, sorted(os.listdir(base))[-1], 'child')).read()


def test_restart(n):
    """kill -9 of the daemon: Pods run on, nothing restarts, ends that happened meanwhile are known."""
    pods = {name: n.create(NS + 'pods', pod(name)) for name in ('stays', 'leaves')}
    n.create(NS + 'pods', pod('job', command=['sh', '-c', 'while [ ! -e /data/go ]; do sleep 0.05; done; exit 6'], restartPolicy='Never'))
    for name in pods:
        wait(name + ' to be ready', lambda: ready(n, name))
    job = wait('job to run', lambda: state(n, 'job', 'running') and n.get(NS + 'pods/job'))
    before = pids_of(n, pods['stays'])
    ips = {name: ip_of(n, name) for name in pods}
    n.kill()
    assert talk(ips['stays'], 7000) == 'stays'
    open(os.path.join(uid_dir(n, job), 'volumes', 'data', 'go'), 'w').close()
    talk(ips['leaves'], 7000, 'exit 9')
    wait('job to end without a daemon', lambda: os.path.exists(os.path.join(uid_dir(n, job), 'containers/main/0/exit')))
    n.start()
    wait('job to be Failed', lambda: n.get(NS + 'pods/job')['status']['phase'] == 'Failed')
    assert state(n, 'job', 'terminated')['exitCode'] == 6
    wait('leaves to be restarted', lambda: container(n, 'leaves').get('restartCount') == 1)
    assert container(n, 'leaves')['lastState']['terminated']['exitCode'] == 9
    assert pids_of(n, pods['stays']) == before and container(n, 'stays')['restartCount'] == 0
    assert ready(n, 'stays')
    wait('leaves to be ready', lambda: ready(n, 'leaves'))
    assert n.call('GET', NS + 'pods/stays/log', raw=True)[1] == 'serving as stays start 1\n'
    # Forced away while the daemon is down: noticed after its return, and cleaned up.
    n.delete(NS + 'pods/stays', {'gracePeriodSeconds': 0})
    n.kill()
    n.start()
    wait('the process of stays to end', lambda: talk(ips['stays'], 7000) is None)
    wait('its directory to be gone', lambda: not os.path.exists(uid_dir(n, pods['stays'])))
    remove(n, 'leaves', 'job')


def test_many_restarts(n):
    """kill -9 at random moments of a Pod's start: always one server, never two, and it gets there."""
    for i in range(6):
        n.create(NS + 'pods', pod('m-%d' % i))
        time.sleep(0.005 * i)  # not a wait: the moment of the kill
        n.kill()
        n.start()
    for i in range(6):
        wait('m-%d to be ready' % i, lambda: ready(n, 'm-%d' % i))
        assert talk(ip_of(n, 'm-%d' % i), 7000) == 'm-%d' % i
    assert len({ip_of(n, 'm-%d' % i) for i in range(6)}) == 6
    remove(n, *['m-%d' % i for i in range(6)])


def test_follow(n):
    n.create(NS + 'pods', pod('talker', command=['sh', '-c', 'i=0; while [ ! -e /data/stop ]; do i=$((i+1)); echo line $i; sleep 0.02; done; echo last'], restartPolicy='Never'))
    o = wait('talker to run', lambda: state(n, 'talker', 'running') and n.get(NS + 'pods/talker'))
    got = []
    reader = threading.Thread(target=lambda: got.append(n.call('GET', NS + 'pods/talker/log?follow=true', raw=True)[1]))
    reader.start()
    wait('some lines', lambda: 'line 20\n' in n.call('GET', NS + 'pods/talker/log', raw=True)[1])
    open(os.path.join(uid_dir(n, o), 'volumes', 'data', 'stop'), 'w').close()
    reader.join(20)
    assert not reader.is_alive(), 'follow must end with the container'
    lines = got[0].splitlines()
    assert lines[-1] == 'last' and lines[:-1] == ['line %d' % (i + 1) for i in range(len(lines) - 1)], lines[-3:]
    assert n.call('GET', NS + 'pods/talker/log?tailLines=2&limitBytes=9', raw=True)[1] == ('\n'.join(lines[-2:]) + '\n')[:9]
    remove(n, 'talker')


def test_probes(n):
    """A failing liveness probe restarts; exec probes run inside the sandbox; preStop runs before SIGTERM."""
    n.create(NS + 'pods', pod('sick', container={
        'livenessProbe': {'exec': {'command': ['sh', '-c', 'test ! -e /data/sick']}, 'periodSeconds': 1, 'failureThreshold': 1, 'timeoutSeconds': 10},
        'lifecycle': {'preStop': {'exec': {'command': ['sh', '-c', 'cp /data/starts /data/hooked']}}}}))
    o = wait('sick to be ready', lambda: ready(n, 'sick') and n.get(NS + 'pods/sick'))
    data = os.path.join(uid_dir(n, o), 'volumes', 'data')
    open(data + '/sick', 'w').close()
    wait('the liveness restart', lambda: container(n, 'sick')['restartCount'] == 1)
    assert open(data + '/hooked').read() == '1'
    os.unlink(data + '/sick')
    assert os.path.exists(data + '/term')
    wait('sick to be well', lambda: ready(n, 'sick'))
    remove(n, 'sick')


def test_steady(n):
    """A converged node writes nothing."""
    for i in range(5):
        n.create(NS + 'pods', pod('q-%d' % i))
    n.create(NS + 'services', {'metadata': {'name': 'q'}, 'spec': {'selector': {'app': 'q-1'}, 'ports': [{'port': 7000}]}})
    for i in range(5):
        wait('q-%d to be ready' % i, lambda: ready(n, 'q-%d' % i))
    quiet_since = [time.monotonic(), n.writes()]

    def quiet():
        now = n.writes()
        if now != quiet_since[1]:
            quiet_since[:] = [time.monotonic(), now]
        return time.monotonic() - quiet_since[0] > 12  # longer than the probes' and the events' periods
    wait('twelve seconds without a write', quiet, 60)
    remove(n, *['q-%d' % i for i in range(5)])
    n.delete(NS + 'services/q')


def test_stop(n):
    """`atoll down`: every process of the node ends, politely; a new start brings the Pods back."""
    o = n.create(NS + 'pods', pod('down', claim=None))
    wait('down to be ready', lambda: ready(n, 'down'))
    ip = ip_of(n, 'down')
    n.end()
    assert talk(ip, 7000) == 'down'
    ended = n.stop_pods()
    assert ended in (1, 2), ended  # the Pod, and HAProxy where it is installed
    assert talk(ip, 7000) is None
    assert open(os.path.join(uid_dir(n, o), 'volumes', 'data', 'term')).read() == 'yes'
    n.start()
    wait('down to be ready again', lambda: container(n, 'down').get('restartCount') == 1 and ready(n, 'down'))
    assert ip_of(n, 'down') == ip
    remove(n, 'down')


def main():
    program, shim = sys.argv[1:3]
    if not shutil.which('bwrap'):
        print('SKIPPED: bubblewrap is not installed')
        sys.exit(77)
    tests = [(k, v) for k, v in globals().items() if k.startswith('test_') and (not sys.argv[3:] or k in sys.argv[3:])]
    n = Node(program, shim, tempfile.mkdtemp(prefix='atoll-node-'))
    ok = False
    try:
        n.start()
        n.create(NS + 'configmaps', {'metadata': {'name': 'server'}, 'data': {'server.py': SERVER}})
        for name, fn in tests:
            began = time.monotonic()
            fn(n)
            print('ok %-20s %5.1f s' % (name, time.monotonic() - began), flush=True)
        n.end()
        ok = True
    finally:
        if not ok:
            print('FAILED; the end of its log:\n' + n.log()[-6000:])
        if n.process.poll() is None:
            n.kill()
        n.stop_pods()
        if ok:
            shutil.rmtree(n.dir)
        else:
            print('its files: ' + n.dir)


main()
