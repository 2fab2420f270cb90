#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that floors.py finds what it is for: a small wrong tree must be refused, arrow by arrow."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..')
HEAD = '/* SPDX-License-Identifier: Apache-2.0 */\n'
WRONG = {
    'core/base/a.c': ('#include "io/loop.h"\n', 'but base may use only'),
    'core/plan/b.c': ('#include <uv.h>\n', 'libuv'),
    'core/workload/c.c': ('#include "kube/cache_internal.h"\n', 'is not the door of kube'),
    'core/kube/d.c': ('int x; /* redis */\n', 'never names an engine'),
    'core/io/e.c': ('void f(void) { char b[9]; sprintf(b, "x"); }\n', 'sprintf is banned'),
    'core/node/f.c': ('void *g(void) { return malloc(3); }\n', 'raw heap call'),
    'plugins/redis/g.c': ('#include "kube/kube.h"\n', 'a plugin includes only'),
}


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as top:
        os.makedirs(os.path.join(top, 'tests', 'lint'))
        os.makedirs(os.path.join(top, 'docs'))
        shutil.copy(os.path.join(HERE, 'floors.py'), os.path.join(top, 'tests', 'lint'))
        shutil.copy(os.path.join(ROOT, 'docs', 'architecture.md'), os.path.join(top, 'docs'))
        for path, (text, _) in WRONG.items():
            os.makedirs(os.path.join(top, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(top, path), 'w', encoding='utf-8') as f:
                f.write(HEAD + text)
        run = subprocess.run([sys.executable, os.path.join(top, 'tests', 'lint', 'floors.py')],
                             capture_output=True, text=True)
        for path, (_, want) in WRONG.items():
            if not any(line.startswith(path) and want in line for line in run.stdout.splitlines()):
                print(f'{path}: expected a finding with "{want}", got:\n{run.stdout}')
                failed += 1
        if run.returncode != 1:
            print(f'exit code {run.returncode}, wanted 1')
            failed += 1
    print('floors_test:', 'failed' if failed else 'ok')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
