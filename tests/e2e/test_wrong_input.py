#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wrong input, from every side: each mistake gives one sentence that names the object, the field, what was wanted and
what was found, and everything that was right before goes on."""
import contextlib
import os
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from support.atoll import Failure, Installation, run_tests, wait  # noqa: E402

CLUSTER = """apiVersion: apps.kubeblocks.io/v1
kind: Cluster
metadata: {name: %(name)s, namespace: default}
spec:
  clusterDef: %(clusterDef)s
  topology: %(topology)s
  terminationPolicy: Delete
  componentSpecs:
  - name: redis
    replicas: %(replicas)s
    %(more)s
"""
GOOD = {'name': 'wrong', 'clusterDef': 'redis', 'topology': 'standalone', 'replicas': '1', 'more': ''}

# what is wrong, the manifest's difference, words the sentence must contain
REFUSED_BY_API = [
    ('unknown field', {'more': 'replicaz: 3'}, ['replicaz']),
    ('wrong type', {'replicas': '"three"'}, ['replicas']),
    ('below its minimum', {'replicas': '-1'}, ['replicas']),
    ('bad quantity', {'more': 'resources: {limits: {memory: 12Qx}}'}, ['memory', '12Qx']),
    ('bad name', {'name': 'Bad_Name'}, ['Bad_Name']),
]
SAID_IN_CONDITION = [
    ('missing cluster definition', {'name': 'w1', 'clusterDef': 'reddis'}, ['reddis']),
    ('missing topology', {'name': 'w2', 'topology': 'triangle'}, ['triangle']),
    ('missing component definition', {'name': 'w3', 'more': 'componentDef: nothing-9'}, ['nothing-9']),
]
NO_PROGRAM = """apiVersion: v1
kind: Pod
metadata: {name: noprogram, namespace: default}
spec:
  containers: [{name: c, image: "nutcracker:0.5", command: ["%s"]}]
"""


def expect(cond, text):
    if not cond:
        raise Failure(text)


def messages(a, cluster):
    obj = a.api.get(f'/apis/apps.kubeblocks.io/v1/namespaces/default/clusters/{cluster}')
    return ' | '.join(c.get('message', '') for c in obj.get('status', {}).get('conditions') or [])


def manifests():
    with Installation() as a:
        for what, diff, words in REFUSED_BY_API:
            run = a.kubectl('apply', '-f', '-', stdin=CLUSTER % dict(GOOD, **diff), check=False)
            expect(run.returncode != 0 and all(w in run.stderr for w in words), f'{what}: {run.returncode} {run.stdout}{run.stderr}')
            print(f'  {what}: {run.stderr.strip().splitlines()[-1][:160]}')
        for what, diff, words in SAID_IN_CONDITION:
            values = dict(GOOD, **diff)
            a.kubectl('apply', '-f', '-', stdin=CLUSTER % values)
            text = wait(f'{what} is said', lambda: (lambda m: m if all(w in m for w in words) else None)(messages(a, values['name'])), 20)
            print(f'  {what}: {text[:160]}')
            expect(a.kubectl('describe', 'cluster', values['name']), 'describe')
        # an image without a command, and a program that is not installed
        a.kubectl('apply', '-f', '-', stdin=NO_PROGRAM % 'no-such-program')

        def waiting():
            s = a.api.get('/api/v1/namespaces/default/pods/noprogram')['status']['containerStatuses'][0]['state']
            return s.get('waiting')
        state = wait('ErrImageNeverPull', lambda: (lambda w: w if w and w['reason'] == 'ErrImageNeverPull' else None)(waiting()), 20)
        expect('no-such-program' in state['message'], str(state))
        print(f'  program that is not installed: {state["message"]}')
        # the wrong ones never disturbed the right ones
        a.kubectl('apply', '-f', '-', stdin=CLUSTER % dict(GOOD, name='right'))
        a.wait_running('right', 60)


def command_line():
    a = Installation()
    try:
        for args, words in ((['up', '--members', 'zero'], ['--members', 'zero']), (['up', '--members=9'], ['1 to 8', '9']),
                            (['status', '-o', 'xml'], ['json', 'xml']), (['kubeconfig'], ['no installation', 'atoll up'])):
            run = a.atoll(*args, check=False)
            expect(run.returncode in (1, 2) and all(w in run.stderr for w in words) and run.stderr.count('\n') == 1,
                   f'{args}: {run.returncode} {run.stderr}')
        a.up()
        a.atoll('down', '--keep-data')
        port_in_use(a)
        unreadable_config(a)
        a.up()
    finally:
        a.down()


def port_in_use(a):
    with contextlib.closing(socket.socket()) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('127.0.0.1', a.api.port))
        s.listen(1)
        run = a.atoll('up', check=False)
        expect(run.returncode == 1 and str(a.api.port) in run.stderr and 'in use' in run.stderr, f'port in use: {run.stderr}')
        print('  port in use: ' + run.stderr.strip())


def unreadable_config(a):
    path = os.path.join(a.dir, 'member-1', 'conf.d', '90-mine.cfg')
    for text, words in (('api = { port = 99999; };\n', ['90-mine.cfg', 'api.port', '99999']),
                        ('api = { prot = 1; };\n', ['90-mine.cfg', 'line 1', 'prot']),
                        ('api = {\n  port = ;\n', ['90-mine.cfg', 'line 2'])):
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        run = a.atoll('up', check=False)
        expect(run.returncode == 1 and all(w in run.stderr for w in words), f'{text!r}: {run.stderr}')
        print('  configuration: ' + run.stderr.strip()[:200])
    os.unlink(path)


def full_disk():
    """The installation's directory on a file system of a few MiB: a sentence, no crash, and recovery with space."""
    top = os.path.join(os.environ.get('TMPDIR', '/tmp'), f'atoll-small-disk-{os.getpid()}')
    os.makedirs(top)
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', top], capture_output=True, text=True)
    if mounted.returncode:
        os.rmdir(top)
        print('  skipped: mounting a small file system needs root: ' + mounted.stderr.strip())
        return
    a = Installation()
    shutil.rmtree(a.top)
    a.top, a.dir = top, os.path.join(top, 'installation')
    a.env.update(XDG_STATE_HOME=os.path.join(top, 'state'), HOME='/tmp')
    try:
        a.up()
        ballast = os.path.join(top, 'ballast')
        with contextlib.suppress(OSError), open(ballast, 'wb') as f:
            while True:
                f.write(b'x' * 65536)
                f.flush()
        with contextlib.suppress(OSError), open(ballast, 'ab') as f:
            while True:
                f.write(b'x')
                f.flush()
        body = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'big'}, 'data': {'x': 'y' * 200000}}
        status, data = a.api.raw('POST', '/api/v1/namespaces/default/configmaps', body)
        expect(status >= 500 and b'disk' in data.lower() or b'full' in data.lower() or b'space' in data.lower(), f'{status} {data[:300]}')
        print(f'  full disk: {status} {data[:200].decode()}')
        expect(a.api.get('/api/v1/namespaces/default')['kind'] == 'Namespace', 'reads go on')
        os.unlink(ballast)
        wait('writes work again', lambda: a.api.raw('POST', '/api/v1/namespaces/default/configmaps', body)[0] in (201, 409), 20)
    finally:
        with contextlib.suppress(Exception):
            a.atoll('down', '--yes', check=False)
        subprocess.run(['umount', '-l', top], check=False)
        os.rmdir(top)


run_tests([manifests, command_line, full_disk])
