# SPDX-License-Identifier: Apache-2.0
"""Starts apiserver_main for a test, talks to it, ends it by its pid."""
import http.client, json, os, select, signal, ssl, subprocess, sys, time
from urllib.parse import urlsplit

START_SECONDS = 60  # sanitizers on a busy machine


class Server:
    def __init__(self, program, directory, *settings, port=0):
        self.dir = directory
        self.log = open(os.path.join(directory, 'log'), 'ab')
        self.process = subprocess.Popen([program, directory, '127.0.0.1', str(port), *settings],
                                        stdout=subprocess.PIPE, stderr=self.log)
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline().decode() if ready else ''
        if not line.strip():
            self.process.kill()
            sys.exit('%s did not start:\n%s' % (program, self.log_text()))
        self.url, self.token = line.split()
        u = urlsplit(self.url)
        self.host, self.port = u.hostname, u.port
        self.kubeconfig = os.path.join(directory, 'kubeconfig')
        self.context = ssl._create_unverified_context()

    def log_text(self):
        return open(os.path.join(self.dir, 'log'), errors='replace').read()

    def connect(self, timeout=30):
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.context)

    def call(self, method, path, body=None, connection=None, content_type='application/json'):
        """(status, parsed body); a connection that is given stays open"""
        c = connection or self.connect()
        headers = {'Authorization': 'Bearer ' + self.token}
        if body is not None:
            headers['Content-Type'] = content_type
        c.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
        r = c.getresponse()
        data = r.read()
        if not connection:
            c.close()
        try:
            return r.status, json.loads(data)
        except ValueError:
            return r.status, data

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """A clean end; a sanitizer's complaint fails the test."""
        self.process.terminate()
        try:
            code = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            sys.exit('the server did not end within 30 s of SIGTERM\n' + self.log_text())
        self.log.close()
        if code != 0:
            sys.exit('the server ended with %d:\n%s' % (code, self.log_text()))


def wait(what, condition, seconds=30):
    """The first true value of condition(), or the end of the test."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            sys.exit('waited %d s in vain for %s' % (seconds, what))
        time.sleep(0.02)
