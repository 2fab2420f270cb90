#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of everything that can be killed: the primary's process, the daemon, the plugin host, a plugin that kills
itself. Asserts on data and on processes, not on logs."""
import os
import random
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from support.atoll import BUILD, Failure, Installation, run_tests, wait  # noqa: E402
from support.failover import failover, redis_processes, settled  # noqa: E402

WRITES = 'atoll_kube_writes_total'


def expect(cond, text):
    if not cond:
        raise Failure(text)


def killed_primary():
    with Installation() as a:
        a.apply_example()
        for run in range(2):
            figures = failover(a, run)
            print('  ' + ', '.join(f'{k} {v:.0f}' if isinstance(v, float) else f'{k} {v}' for k, v in figures.items()))
            settled(a)


def quiet(a, seconds=5.0):
    """No API write for a while; returns how long it took to get there is not asked: only that it gets there."""
    import time
    state = {'at': time.monotonic(), 'n': a.metric(WRITES)}

    def check():
        n = a.metric(WRITES)
        if n != state['n']:
            state.update(at=time.monotonic(), n=n)
        return time.monotonic() - state['at'] > seconds
    wait(f'{seconds} s without an API write', check, 60, 0.2)


def killed_daemons():
    """atolld and atoll-engine die at random moments: no Redis process restarts, all is adopted, then silence."""
    seed = random.randrange(1 << 30)
    print(f'  seed {seed}')
    rng = random.Random(seed)
    with Installation() as a:
        a.apply_example()
        settled(a)
        before = redis_processes(a)
        for _ in range(4):
            os.kill(a.atolld_pid(), signal.SIGKILL)
            wait('atolld is gone', lambda: not os.path.exists(f'/proc/{a.atolld_pid()}'), 10)
            a.up()
            wait('the role is known', lambda: a.primary(), 30)
            expect(redis_processes(a) == before, 'a Redis process restarted with atolld')
            if rng.random() < 0.5:
                for pid in a.engine_pids():
                    os.kill(pid, signal.SIGKILL)
                wait('the plugin host is back', lambda: a.engine_pids(), 20)
        for pid in wait('a plugin host', lambda: a.engine_pids(), 20):
            os.kill(pid, signal.SIGKILL)
        wait('the plugin host is back', lambda: a.engine_pids(), 20)
        settled(a)
        expect(redis_processes(a) == before, 'a Redis process restarted')
        expect(all(s['restartCount'] == 0 for p in a.pods() for s in p['status']['containerStatuses']), 'restart counts')
        quiet(a)


def killed_while_starting():
    """atolld dies while the cluster is being made; the next one finishes it, with one Pod per name."""
    seed = random.randrange(1 << 30)
    print(f'  seed {seed}')
    rng = random.Random(seed)
    with Installation() as a:
        a.kubectl('apply', '-f', os.path.join(os.environ.get('ATOLL_SOURCE_DIR', os.path.join(os.path.dirname(__file__), '..', '..')),
                                              'docs', 'examples', 'redis-replication.yaml'))
        for _ in range(3):
            events = rng.randrange(1, 12)
            count = a.metric(WRITES)
            try:
                wait('a few more writes', lambda: a.metric(WRITES) >= count + events, 3)
            except Failure:
                pass  # it had finished already: killing it then is a case, too
            os.kill(a.atolld_pid(), signal.SIGKILL)
            wait('atolld is gone', lambda: not os.path.exists(f'/proc/{a.atolld_pid()}'), 10)
            a.up()
        a.wait_running()
        settled(a)
        quiet(a)


def crashing_plugin():
    """An engine whose probe segfaults loses only its own objects, and says so."""
    crash = os.path.join(BUILD, "tests", "sdk", "plugins", "crash.so")
    a = Installation(extra_conf='engines = { crash = { plugin = "%s"; isolation = "process"; }; };\n' % crash)
    a.env['ASAN_OPTIONS'] = 'handle_segv=0'  # a sanitizer would turn the signal into an exit code
    with a:
        a.kubectl('apply', '-f', os.path.join(os.path.dirname(__file__), 'crash.yaml'))
        a.apply_example()
        path = '/apis/apps.kubeblocks.io/v1/namespaces/default/components/bomb-crash'

        def said():
            for c in a.api.get(path).get('status', {}).get('conditions', []):
                if c['type'] == 'EngineAvailable' and c['status'] == 'False':
                    return c
        condition = wait('EngineAvailable=False on the component', said, 60)
        expect('SIGSEGV' in condition['message'], f'the message names the signal: {condition}')
        print('  ' + condition['message'])
        settled(a)
        failover(a, 0)


run_tests([killed_primary, killed_daemons, killed_while_starting, crashing_plugin])
