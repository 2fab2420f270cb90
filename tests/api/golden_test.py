#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The recorded cases against our API server.

golden_test.py APISERVER_MAIN GROUP[,GROUP...]

Fails on a case that differs and is not in known-differences, and on one that stands there without differing. The
server is started, stopped and started again before the cases run, so that its history begins above revision 1 as a
server's that has run for a while.
"""
import os, re, subprocess, sys, tempfile

from server import Server

HERE = os.path.dirname(os.path.abspath(__file__))


def known(groups):
    out = {}
    for n, line in enumerate(open(os.path.join(HERE, 'known-differences')), 1):
        line = line.strip()
        if not line or line.startswith('#'):
            continue
        m = re.match(r'^([\w.-]+)/([\w.-]+): (.+)$', line)
        if not m:
            sys.exit('known-differences line %d: want "group/case: reason", found %r' % (n, line))
        if m.group(1) in groups:
            out[m.group(1) + '/' + m.group(2)] = m.group(3)
    return out


def differing(text):
    """{case: lines} of what record.py printed"""
    out, case = {}, None
    for line in text.splitlines():
        m = re.match(r'^(DIFF|NEW ) *(\S+)\.json$', line)
        if m:
            case = m.group(2)
            out[case] = []
        elif line.startswith('       ') and case:
            out[case].append(line.strip())
        else:
            case = None
    return out


def main():
    program, groups = sys.argv[1], sys.argv[2].split(',')
    with tempfile.TemporaryDirectory(prefix='atoll-golden-') as d:
        Server(program, d).stop()
        # The recorder's cluster had service account tokens; here Pods get their volume only when asked for.
        server = Server(program, d, 'pod_token_volume=true')
        try:
            p = subprocess.run([sys.executable, os.path.join(HERE, 'golden', 'record.py'), '--server', server.url,
                                '--token', server.token, '--compare', os.path.join(HERE, 'golden'), '--verbose',
                                '--group', ','.join(groups), '--ignore', 'managedFields'],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
        finally:
            server.stop()
    total = re.search(r'^(\d+) passed, (\d+) failed, (\d+) skipped$', p.stdout, re.M)
    if not total or 'ERROR in group' in p.stdout:
        sys.exit(p.stdout + '\nrecord.py did not reach its end')
    found, expected = differing(p.stdout), known(groups)
    bad = 0
    for case in sorted(set(found) - set(expected)):
        bad += 1
        print('%s differs:\n    %s' % (case, '\n    '.join(found[case])))
    for case in sorted(set(expected) - set(found)):
        bad += 1
        print('%s agrees, but stands in known-differences: %s' % (case, expected[case]))
    if int(total.group(1)) == 0:
        sys.exit('no case was compared')
    print('%s: %s agree, %d differ as known, %d wrong' % (sys.argv[2], total.group(1), len(set(found) & set(expected)), bad))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
