#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of writes: what was answered is there afterwards, revisions only grow.

Several writers create, change and delete ConfigMaps, each its own names, and remember every answer. The server is
killed while they write, started again on the same directory, and each object is compared with the last answer about
it; an object whose last write was not answered may be in the old or in the new state.
"""
import os, random, sys, tempfile, threading

from server import Server, wait

ROUNDS, WRITERS, MIN_WRITES = 5, 4, 200
CMS = '/api/v1/namespaces/default/configmaps'


class Writer(threading.Thread):
    def __init__(self, server, n, known, seed):
        super().__init__(daemon=True)
        self.server, self.n, self.known, self.random = server, n, known, random.Random(seed)
        self.unsure = {}  # name -> state that was asked for without an answer
        self.top = self.count = 0

    def once(self, connection):
        name = 'w%d-%d' % (self.n, self.random.randrange(50))
        want = None if name in self.known and self.random.random() < 0.2 else str(self.random.random())
        body = {'metadata': {'name': name}, 'data': {'v': want}}
        self.unsure = {name: want}
        if want is None:
            status, answer = self.server.call('DELETE', CMS + '/' + name, connection=connection)
        elif name in self.known:
            status, answer = self.server.call('PUT', CMS + '/' + name, body, connection=connection)
        else:
            status, answer = self.server.call('POST', CMS, body, connection=connection)
        assert status in (200, 201), (status, answer)
        self.unsure = {}
        self.count += 1
        if want is None:
            self.known.pop(name)
        else:
            self.known[name] = want
            self.top = max(self.top, int(answer['metadata']['resourceVersion']))

    def run(self):
        connection = self.server.connect()
        while True:
            try:
                self.once(connection)
            except AssertionError:
                raise
            except Exception:  # the kill
                return


def check(server, writers):
    status, answer = server.call('GET', CMS)
    assert status == 200, status
    have = {o['metadata']['name']: o['data']['v'] for o in answer['items'] if o['metadata']['name'].startswith('w')}
    for w in writers:
        mine = {k: v for k, v in have.items() if k.startswith('w%d-' % w.n)}
        for name in set(mine) | set(w.known):
            want = [w.known.get(name)] + ([w.unsure[name]] if name in w.unsure else [])
            if mine.get(name) not in want:
                sys.exit('%s: acknowledged %r, found %r after the kill' % (name, want, mine.get(name)))
        w.known.clear()
        w.known.update(mine)
    return int(answer['metadata']['resourceVersion'])


def main():
    seed = int(os.environ.get('SEED', random.SystemRandom().randrange(1 << 30)))
    print('SEED=%d' % seed)
    rng = random.Random(seed)
    known, total, top = [{} for _ in range(WRITERS)], 0, 0
    with tempfile.TemporaryDirectory(prefix='atoll-kill-') as d:
        for turn in range(ROUNDS):
            server = Server(sys.argv[1], d)
            writers = [Writer(server, n, known[n], rng.randrange(1 << 30)) for n in range(WRITERS)]
            for w in writers:
                w.start()
            enough = MIN_WRITES + rng.randrange(MIN_WRITES)
            wait('%d writes' % enough, lambda: sum(w.count for w in writers) >= enough, 60)
            server.kill()
            for w in writers:
                w.join(30)
            total += sum(w.count for w in writers)
            server = Server(sys.argv[1], d)
            revision = check(server, writers)
            seen = max(w.top for w in writers)
            if revision < max(seen, top):
                sys.exit('revision %d after the kill, %d was given out before' % (revision, max(seen, top)))
            status, made = server.call('POST', CMS, {'metadata': {'generateName': 'after-'}})
            top = int(made['metadata']['resourceVersion'])
            if status != 201 or top <= seen:
                sys.exit('the first write after the kill got revision %d, %d was given out before' % (top, seen))
            server.stop()
    print('%d rounds, %d acknowledged writes, none lost, revisions grow' % (ROUNDS, total))


if __name__ == '__main__':
    main()
