#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""the embedded API server alone: requests per second, latency, watch delay, memory, list of 10 000 Pods

Method: apiserver_main and api_load on this machine, TLS, HTTP/1.1 keep-alive, durable commits (SQLite WAL, fsync per
group of writes). Latency is of whole requests; "watch" is the time from sending a patch to its event at a watcher on
another connection. Memory is the server's VmRSS. The database is on the directory of --dir (default: a temporary one).
"""
import argparse, os, sys, tempfile, time

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'api'))
from server import Server  # noqa: E402
import subprocess  # noqa: E402


def rss(pid):
    for line in open('/proc/%d/status' % pid):
        if line.startswith('VmRSS'):
            return int(line.split()[1]) / 1024


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--build', default=os.environ.get('ATOLL_BUILD_DIR', os.path.join(SOURCE, 'build-release')))
    ap.add_argument('--dir')
    a = ap.parse_args()
    with tempfile.TemporaryDirectory(prefix='atoll-bench-', dir=a.dir) as d:
        program = os.path.join(a.build, 'tests', 'apiserver_main')
        server = Server(program, d)

        def load(operation, connections, count):
            subprocess.run([os.path.join(a.build, 'tests', 'api_load'), server.host, str(server.port), server.token,
                            operation, str(connections), str(count)], check=True)
        print('memory idle: %.1f MiB' % rss(server.process.pid))
        load('create', 1, 2000)
        load('get', 1, 10000)
        load('get', 16, 100000)
        load('patch', 1, 2000)
        load('patch', 16, 2000)
        load('watch', 1, 2000)
        load('delete', 16, 2000)
        load('create', 16, 20000)
        load('delete', 16, 20000)
        load('pod', 16, 10000)
        print('memory with 10 000 Pods just made: %.1f MiB' % rss(server.process.pid))
        load('pods', 1, 20)
        print('memory after listing them: %.1f MiB' % rss(server.process.pid))
        server.stop()
        start = time.monotonic()
        server = Server(program, d)
        print('start with 10 000 Pods until it serves: %.0f ms' % ((time.monotonic() - start) * 1000))
        print('memory then: %.1f MiB' % rss(server.process.pid))
        server.stop()


if __name__ == '__main__':
    main()
