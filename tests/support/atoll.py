# SPDX-License-Identifier: Apache-2.0
"""An installation of Atoll for tests and benchmarks: starts it in a directory of its own, talks to its API, to
its Redis instances and to kubectl, and takes everything down again by pid. Standard library only.

Nothing here waits for a fixed time: wait() asks until the answer is yes or a deadline passes, and then says
what was awaited and what was seen last.
"""
import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
BUILD = os.environ.get('ATOLL_BUILD_DIR', os.path.join(SOURCE, 'build'))


class Failure(AssertionError):
    pass


def wait(what, check, timeout=30.0, every=0.02):
    """The first true answer of check(). Exceptions of check count as "not yet"."""
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            last = check()
            if last:
                return last
        except (Failure, OSError, KeyError, IndexError, ValueError, TypeError, subprocess.CalledProcessError) as e:
            last = repr(e)
        if time.monotonic() > end:
            raise Failure(f'waited {timeout} s for: {what}; last seen: {str(last)[:600]}')
        time.sleep(every)


def role_of(pod):
    return pod['metadata'].get('labels', {}).get('kubeblocks.io/role', '')


def ready(pod):
    return any(c['type'] == 'Ready' and c['status'] == 'True' for c in pod.get('status', {}).get('conditions', []))


class Redis:
    """As much of RESP2 as a test needs."""

    def __init__(self, host, port=6379, password=None, timeout=2.0):
        self.sock = socket.create_connection((host, port), timeout)
        self.file = self.sock.makefile('rb')
        if password:
            self('AUTH', password)

    def __call__(self, *words):
        self.send(*words)
        return self.read()

    def send(self, *words):
        out = b'*%d\r\n' % len(words)
        for w in words:
            w = w if isinstance(w, bytes) else str(w).encode()
            out += b'$%d\r\n%s\r\n' % (len(w), w)
        self.sock.sendall(out)

    def read(self):
        line = self.file.readline()
        if not line.endswith(b'\r\n'):
            raise OSError('connection closed')
        kind, rest = line[:1], line[1:-2]
        if kind == b'+':
            return rest.decode()
        if kind == b'-':
            raise ValueError(rest.decode())
        if kind == b':':
            return int(rest)
        if kind == b'$':
            n = int(rest)
            return None if n < 0 else self.file.read(n + 2)[:-2].decode()
        n = int(rest)
        return None if n < 0 else [self.read() for _ in range(n)]

    def close(self):
        with contextlib.suppress(OSError):
            self.file.close()
            self.sock.close()


class Api:
    """Requests to one member's API server with the administrator's token; one kept connection."""

    def __init__(self, kubeconfig, context=None):
        text = open(kubeconfig, encoding='utf-8').read()
        self.context = context or re.search(r'current-context: (\S+)', text).group(1)
        cluster = re.search(r'- name: %s\n  cluster:\n    server: https://([^:\n]+):(\d+)\n    certificate-authority-data: (\S+)'
                            % self.context, text)
        self.host, self.port = cluster.group(1), int(cluster.group(2))
        self.token = re.search(r'- name: %s\n  user:\n    token: (\S+)' % self.context, text).group(1)
        self.tls = ssl.create_default_context(cadata=base64.b64decode(cluster.group(3)).decode())
        self.conn = None

    def connection(self, timeout=20):
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.tls)

    def raw(self, method, path, body=None, content_type='application/json'):
        headers = {'Authorization': 'Bearer ' + self.token, 'Accept': 'application/json'}
        if body is not None:
            headers['Content-Type'] = content_type
            body = body if isinstance(body, (bytes, str)) else json.dumps(body)
        for attempt in (1, 2):
            try:
                self.conn = self.conn or self.connection()
                self.conn.request(method, path, body, headers)
                r = self.conn.getresponse()
                return r.status, r.read()
            except (OSError, http.client.HTTPException):
                self.close()
                if attempt == 2:
                    raise

    def close(self):
        if self.conn:
            self.conn.close()
        self.conn = None

    def __call__(self, method, path, body=None, content_type='application/json'):
        status, data = self.raw(method, path, body, content_type)
        answer = json.loads(data)
        if status >= 300:
            raise Failure(f'{method} {path}: {status} {answer.get("message")}')
        return answer

    def get(self, path):
        return self('GET', path)

    def merge(self, path, body):
        return self('PATCH', path, body, 'application/merge-patch+json')

    def watch(self, path, timeout=30):
        """Yields (monotonic time, event). `path` has its query without watch=true."""
        conn = self.connection(timeout)
        conn.request('GET', path + ('&' if '?' in path else '?') + 'watch=true',
                     headers={'Authorization': 'Bearer ' + self.token})
        r = conn.getresponse()
        try:
            while True:
                line = r.readline()
                if not line:
                    return
                yield time.monotonic(), json.loads(line)
        finally:
            conn.close()


class Installation:
    def __init__(self, members=1, extra_conf='', build=BUILD):
        self.build = build
        self.members = members
        self.extra_conf = extra_conf
        self.top = tempfile.mkdtemp(prefix='atoll-test-')
        self.dir = os.path.join(self.top, 'installation')
        self.env = dict(os.environ, XDG_STATE_HOME=os.path.join(self.top, 'state'), HOME=self.top)
        self.env.pop('KUBECONFIG', None)
        # kubectl keeps discovery caches by host:port in $HOME; ours is empty for each installation

    # -- the program atoll ------------------------------------------------------------------------------
    def atoll(self, *args, check=True, timeout=120, **kw):
        run = subprocess.run([os.path.join(self.build, 'bin', 'atoll'), *args, '--dir', self.dir], env=self.env, text=True,
                             capture_output=True, timeout=timeout, **kw)
        if check and run.returncode:
            raise Failure(f'atoll {" ".join(args)}: exit code {run.returncode}\n{run.stdout}{run.stderr}\n{self.log_tail()}')
        return run

    def up(self, *args):
        if self.extra_conf:
            for m in range(1, self.members + 1):
                folder = os.path.join(self.dir, f'member-{m}', 'conf.d')
                os.makedirs(folder, exist_ok=True)
                with open(os.path.join(folder, '50-test.cfg'), 'w', encoding='utf-8') as f:
                    f.write(self.extra_conf)
        out = self.atoll('up', '--members', str(self.members), *args)
        self.kubeconfig = os.path.join(self.dir, 'kubeconfig')
        self.api = Api(self.kubeconfig)
        return out

    def down(self):
        """Takes everything down and fails when a sanitizer complained meanwhile."""
        problems = self.sanitizer_reports()
        run = self.atoll('down', '--yes', check=False)
        problems += self.sanitizer_reports()
        if run.returncode:
            for pid in self.pids_below():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.top, ignore_errors=True)
        if run.returncode:
            raise Failure(f'atoll down: exit code {run.returncode}\n{run.stdout}{run.stderr}')
        if problems:
            raise Failure('a sanitizer complained:\n' + '\n'.join(problems))

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            with contextlib.suppress(Exception):
                self.down()
            raise
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            print(self.log_tail(60))
            with contextlib.suppress(Exception):
                print(self.atoll('status', check=False).stdout)
        try:
            self.down()
        except Failure:
            if not kind:
                raise

    def log_path(self, member=1):
        return os.path.join(self.dir, f'member-{member}', 'atolld.log')

    def log_tail(self, lines=25):
        with contextlib.suppress(OSError):
            return '--- atolld.log\n' + ''.join(open(self.log_path(), encoding='utf-8', errors='replace').readlines()[-lines:])
        return '(no atolld.log)'

    def sanitizer_reports(self):
        found = []
        for m in range(1, self.members + 1):
            with contextlib.suppress(OSError):
                text = open(self.log_path(m), encoding='utf-8', errors='replace').read()
                at = re.search(r'(ERROR: (Address|Leak)Sanitizer|runtime error:|WARNING: ThreadSanitizer)', text)
                if at and 'plugin-under-test' not in text[at.start():at.start() + 3000]:
                    found.append(text[at.start():at.start() + 3000])
        return found

    # -- processes ----------------------------------------------------------------------------------------
    def atolld_pid(self, member=1):
        return int(open(os.path.join(self.dir, f'member-{member}', 'lock'), encoding='utf-8').read())

    def pids_below(self, name=None):
        """Processes of this installation: its path stands in their command line or, for what runs in a sandbox,
        among their mounts."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                comm = open(f'/proc/{pid}/comm', encoding='utf-8').read().strip()
                if int(pid) == os.getpid() or (name is not None and comm != name):
                    continue
                text = open(f'/proc/{pid}/cmdline', 'rb').read() + open(f'/proc/{pid}/mountinfo', 'rb').read()
                if self.dir.encode() in text:
                    found.append(int(pid))
        return found

    def engine_pids(self):
        parent = self.atolld_pid()
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError, IndexError, ValueError):
                stat = open(f'/proc/{pid}/stat', encoding='utf-8').read().rsplit(')', 1)
                if int(stat[1].split()[1]) == parent and 'atoll-engine' in open(f'/proc/{pid}/cmdline', encoding='utf-8').read():
                    found.append(int(pid))
        return found

    # -- kubectl and the API --------------------------------------------------------------------------------
    def kubectl(self, *args, check=True, stdin=None, timeout=90):
        run = subprocess.run(['kubectl', '--kubeconfig', self.kubeconfig, *args], env=self.env, text=True, input=stdin,
                             capture_output=True, timeout=timeout)
        if check and run.returncode:
            raise Failure(f'kubectl {" ".join(args)}: exit code {run.returncode}\n{run.stdout}{run.stderr}')
        return run.stdout if check else run

    def pods(self, selector=''):
        query = '?labelSelector=' + selector.replace('=', '%3D').replace(',', '%2C').replace('/', '%2F') if selector else ''
        return self.api.get('/api/v1/namespaces/default/pods' + query)['items']

    def roles(self, cluster='orders'):
        return {p['metadata']['name']: role_of(p) for p in self.pods('app.kubernetes.io/instance=' + cluster)}

    def primary(self, cluster='orders'):
        found = [p for p in self.pods('app.kubernetes.io/instance=' + cluster) if role_of(p) == 'primary']
        if len(found) != 1:
            raise Failure(f'{len(found)} primaries: {self.roles(cluster)}')
        return found[0]

    def secret(self, name, key='password'):
        return base64.b64decode(self.api.get(f'/api/v1/namespaces/default/secrets/{name}')['data'][key]).decode()

    def cluster_ip(self, service):
        return self.api.get(f'/api/v1/namespaces/default/services/{service}')['spec']['clusterIP']

    def endpoints(self, service):
        """Ready addresses behind a Service."""
        slices = self.api.get('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector='
                              'kubernetes.io%2Fservice-name%3D' + service)['items']
        return sorted(a for s in slices for e in s.get('endpoints') or []
                      if e.get('conditions', {}).get('ready', True) for a in e['addresses'])

    def apply_example(self, name='redis-replication.yaml', cluster='orders', timeout=90):
        self.kubectl('apply', '-f', os.path.join(SOURCE, 'docs', 'examples', name))
        self.wait_running(cluster, timeout)

    def wait_running(self, cluster='orders', timeout=90):
        path = f'/apis/apps.kubeblocks.io/v1/namespaces/default/clusters/{cluster}'
        wait(f'cluster {cluster} Running', lambda: self.api.get(path).get('status', {}).get('phase') == 'Running', timeout)

    def redis(self, host, cluster='orders', port=6379, timeout=2.0):
        return Redis(host, port, self.secret(f'{cluster}-redis-account-default'), timeout)

    def metric(self, name, member=None):
        """Sum of a metric over its labels."""
        _, text = (member or self.api).raw('GET', '/metrics')
        return sum(float(line.rsplit(' ', 1)[1]) for line in text.decode().splitlines()
                   if re.match(re.escape(name) + r'(\{|\s)', line))


def redis_pid(address, port=6379):
    """The process that listens on address:port."""
    want = '%s:%04X' % (''.join('%02X' % int(p) for p in reversed(address.split('.'))), port)
    inode = None
    with open('/proc/net/tcp', encoding='utf-8') as f:
        for line in f:
            parts = line.split()
            if len(parts) > 9 and parts[1] == want and parts[3] == '0A':
                inode = parts[9]
    if not inode:
        raise Failure(f'nobody listens on {address}:{port}')
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):
            for fd in os.listdir(f'/proc/{pid}/fd'):
                if os.readlink(f'/proc/{pid}/fd/{fd}') == f'socket:[{inode}]':
                    return int(pid)
    raise Failure(f'no process found for {address}:{port}')


def run_tests(tests):
    """A small runner with a summary line: every function in turn, no retries."""
    import sys
    import traceback
    wanted = sys.argv[1:]
    failed = 0
    tests = [t for t in tests if not wanted or t.__name__ in wanted]
    for t in tests:
        began = time.monotonic()
        try:
            t()
            print(f'ok   {t.__name__} ({time.monotonic() - began:.1f} s)', flush=True)
        except Exception:  # noqa: BLE001 - a test may fail in any way; the trace says how
            failed += 1
            traceback.print_exc()
            print(f'FAIL {t.__name__} ({time.monotonic() - began:.1f} s)', flush=True)
    print(f'{len(tests) - failed} passed, {failed} failed')
    sys.exit(1 if failed else 0)
