#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What shows only on the wire: certificates, tokens that change, logs that are passed on, many watchers, large bodies."""
import hashlib, json, os, ssl, sys, tempfile, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from server import Server, wait

NS = '/api/v1/namespaces/default'


def check(what, ok):
    if not ok:
        sys.exit('%s: not so' % what)


# ---- who

def certificates(server):
    ctx = ssl.create_default_context(cafile=os.path.join(server.dir, 'ca.crt'))  # checks our certificate as well
    ctx.load_cert_chain(os.path.join(server.dir, 'admin.crt'), os.path.join(server.dir, 'admin.key'))
    plain, server.context, server.token, token = server.context, ctx, '', server.token
    status, answer = server.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews',
                                 {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'SelfSubjectReview'})
    server.context, server.token = plain, token
    check('a client certificate gives name and groups', status == 201 and
          answer['status']['userInfo'] == {'username': 'certified', 'groups': ['system:masters', 'system:authenticated']})


def tokens(server):
    old, new = server.token, 'another-token'
    path = os.path.join(server.dir, 'tokens')
    line = '%s,second,u2,system:masters\n' % hashlib.sha256(new.encode()).hexdigest()
    before = open(path).read()
    with open(path, 'a') as f:
        f.write(line)
    server.token = new
    wait('the new token', lambda: server.call('GET', NS)[0] == 200)
    with open(path + '.new', 'w') as f:  # replaced as editors and configuration tools do it
        f.write(line)
    os.rename(path + '.new', path)
    server.token = old
    wait('the end of the old token', lambda: server.call('GET', NS)[0] == 401)
    server.token = new
    with open(path + '.new', 'w') as f:
        f.write(before)
    os.rename(path + '.new', path)
    wait('the end of the new token', lambda: server.call('GET', NS)[0] == 401)
    server.token = old
    wait('the old token again', lambda: server.call('GET', NS)[0] == 200)


# ---- logs

class Node(BaseHTTPRequestHandler):
    """a node's log server; `more` lets a followed log go on"""
    protocol_version = 'HTTP/1.1'
    seen, more, gone = [], threading.Event(), threading.Event()

    def log_message(self, *args):
        pass

    def chunk(self, text):
        self.wfile.write(b'%x\r\n%s\r\n' % (len(text), text))
        self.wfile.flush()

    def do_GET(self):
        Node.seen.append((self.path, self.headers['Authorization']))
        if '/bad' in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        try:
            self.chunk(b'first line\n')
            while 'follow=true' in self.path:
                if Node.more.wait(0.05):
                    self.chunk(b'later line\n')
                    break
                self.chunk(b'.\n')
            if 'forever' in self.path:
                while True:
                    self.chunk(b'.\n')
            self.wfile.write(b'0\r\n\r\n')
        except OSError:
            Node.gone.set()


def logs(server):
    node = ThreadingHTTPServer(('127.0.0.1', 0), Node)
    node.daemon_threads = True
    threading.Thread(target=node.serve_forever, daemon=True).start()
    server.call('POST', '/api/v1/nodes', {'metadata': {'name': 'n'}, 'status': {
        'addresses': [{'type': 'InternalIP', 'address': '127.0.0.1'}],
        'daemonEndpoints': {'kubeletEndpoint': {'Port': node.server_address[1]}}}})
    for name in ('p', 'bad'):
        status, _ = server.call('POST', NS + '/pods', {'metadata': {'name': name}, 'spec': {
            'nodeName': 'n', 'containers': [{'name': 'c', 'image': 'i'}]}})
        check('a pod is made', status == 201)
    status, text = server.call('GET', NS + '/pods/p/log?tailLines=5&timestamps=true')
    check('the log is passed on', (status, text) == (200, b'first line\n'))
    check('with its parameters and the token', Node.seen[-1] == (
        '/containerLogs/default/p/c?timestamps=true&tailLines=5', 'Bearer kubelet-token'))
    status, answer = server.call('GET', NS + '/pods/bad/log')
    check('a log that is not there is 404', status == 404 and answer['kind'] == 'Status')
    c = server.connect()
    c.request('GET', NS + '/pods/p/log?follow=true', headers={'Authorization': 'Bearer ' + server.token})
    r = c.getresponse()
    check('a followed log begins at once', r.readline() == b'first line\n')
    Node.more.set()
    rest = r.read()
    check('and goes on until its end', rest.endswith(b'later line\n'))
    c.close()
    Node.more.clear()
    c = server.connect()
    c.request('GET', NS + '/pods/p/log?follow=true', headers={'Authorization': 'Bearer ' + server.token})
    c.getresponse().readline()
    c.sock.close() if c.sock else None
    c.close()
    wait('the node to see that nobody follows', Node.gone.is_set)
    node.shutdown()
    node.server_close()
    status, answer = server.call('GET', NS + '/pods/p/log')
    check('a node that is away is told', status == 500 and 'log server' in answer['message'])
    server.call('DELETE', '/api/v1/nodes/n')


# ---- watches

class Watcher(threading.Thread):
    def __init__(self, server, until):
        super().__init__(daemon=True)
        self.server, self.until, self.got, self.ready = server, until, [], threading.Event()

    def run(self):
        c = self.server.connect(60)
        c.request('GET', NS + '/configmaps?watch=true&labelSelector=many', headers={'Authorization': 'Bearer ' + self.server.token})
        r = c.getresponse()
        self.ready.set()
        while len(self.got) < self.until:
            e = json.loads(r.readline())
            self.got.append((e['type'], e['object']['metadata']['name'], int(e['object']['metadata']['resourceVersion'])))
        c.close()


def many_watchers(server, n=60, writes=150):
    """every watcher gets every event, once, in the order of revisions"""
    watchers = [Watcher(server, writes) for _ in range(n)]
    for w in watchers:
        w.start()
    for w in watchers:
        wait('a watch to begin', w.ready.is_set)
    c, want = server.connect(), []
    for i in range(writes // 3):
        cm = {'metadata': {'name': 'many-%d' % i, 'labels': {'many': 'yes'}}}
        for method, path, body, kind in (('POST', '', cm, 'ADDED'), ('PUT', '/many-%d' % i, dict(cm, data={'a': 'b'}), 'MODIFIED'),
                                         ('DELETE', '/many-%d' % i, None, 'DELETED')):
            status, answer = server.call(method, NS + '/configmaps' + path, body, connection=c)
            check('a write', status in (200, 201))
            want.append((kind, 'many-%d' % i))
    for w in watchers:
        w.join(60)
        check('no event is lost, doubled or out of order', [x[:2] for x in w.got] == want)
        revisions = [x[2] for x in w.got]
        check('revisions grow', revisions == sorted(set(revisions)))


# ---- bodies

def bodies(server):
    status, answer = server.call('POST', NS + '/configmaps', {'metadata': {'name': 'big'}, 'data': {'x': 'y' * (3 << 20)}})
    check('a body above the bound is refused with a Status', status == 413 and answer['reason'] == 'RequestEntityTooLarge')
    status, _ = server.call('POST', NS + '/configmaps', {'metadata': {'name': 'big'}, 'data': {'x': 'y' * 1000000}})
    check('a large one below it is stored', status == 201)
    status, answer = server.call('GET', NS + '/configmaps/big')
    check('and comes back whole', len(answer['data']['x']) == 1000000)
    for name, body in (('deep', b'[' * 5000), ('garbage', b'\x00\xff\xfe{'), ('a long number', b'{"metadata":' + b'1' * 5000 + b'}')):
        c = server.connect()
        c.request('POST', NS + '/configmaps', body=body, headers={'Authorization': 'Bearer ' + server.token,
                                                                  'Content-Type': 'application/json'})
        r = c.getresponse()
        check('%s is refused as a bad request' % name, r.status == 400 and json.loads(r.read())['kind'] == 'Status')
        c.close()


def main():
    with tempfile.TemporaryDirectory(prefix='atoll-wire-') as d:
        server = Server(sys.argv[1], d)
        for part in (certificates, tokens, logs, many_watchers, bodies):
            part(server)
            print('%s: as it should be' % part.__name__)
        server.stop()


if __name__ == '__main__':
    main()
