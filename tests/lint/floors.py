#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The floors of docs/architecture.md, enforced: reads every #include of core/, plugins/ and sdk/ and the
table of rooms in that document, and fails on an arrow the table does not allow.

A room may include the door header of the rooms its row names (core/<room>/<room>.h; base/, api/ and io/ are
libraries with several public headers), its own headers, and the third-party headers of its row.
"""
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
LIBRARIES = {'base', 'api', 'io'}
THIRD_PARTY = {  # header prefix -> name in the table
    'uv.h': 'libuv', 'curl/': 'libcurl', 'microhttpd.h': 'libmicrohttpd', 'gnutls/': 'GnuTLS',
    'cjson/': 'cJSON', 'libconfig.h': 'libconfig', 'sqlite3.h': 'SQLite', 'yaml.h': 'libyaml',
    'dlfcn.h': 'dl', 'hiredis/': 'hiredis', 'mysql/': 'libmysqlclient', 'mysql.h': 'libmysqlclient',
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def table():
    """room -> (allowed rooms, allowed third party), from the document people read."""
    rooms = {}
    with open(os.path.join(ROOT, 'docs', 'architecture.md'), encoding='utf-8') as f:
        for line in f:
            m = re.match(r'\|\s*\d\s*\|\s*`(\w+)/`\s*\|[^|]*\|([^|]*)\|([^|]*)\|', line)
            if m:
                split = lambda s: {w.strip(' ,`') for w in re.split(r'[ ,]+', s) if w.strip(' ,`-')}
                rooms[m.group(1)] = (split(m.group(2)), split(m.group(3)))
    return rooms


def sources(top):
    for folder, _, names in os.walk(os.path.join(ROOT, top)):
        for name in sorted(names):
            if name.endswith(('.c', '.h')):
                path = os.path.join(folder, name)
                yield os.path.relpath(path, ROOT), open(path, encoding='utf-8').read()


def third_party(header):
    for prefix, name in THIRD_PARTY.items():
        if header == prefix or (prefix.endswith('/') and header.startswith(prefix)):
            return name
    return None


def check_core(rooms):
    for path, text in sources('core'):
        room = path.split(os.sep)[1]
        if room not in rooms:
            yield f'{path}: room "{room}" has no row in docs/architecture.md'
            continue
        uses, libs = rooms[room]
        everything = 'all' in uses
        for kind, header in INCLUDE.findall(text):
            library = third_party(header)
            if library and library not in libs and not everything:
                # base shows cJSON in its own headers, so every room may name it
                if library == 'cJSON' and 'base' in uses:
                    continue
                yield f'{path}: includes <{header}> ({library}), allowed in {room}: {", ".join(sorted(libs)) or "none"}'
            if kind == '<' and not header.startswith('atoll/'):
                continue
            if header.startswith('atoll/'):
                if 'sdk' not in uses and not everything:
                    yield f'{path}: includes <{header}>, but {room} may not use the sdk'
                continue
            if '/' not in header:
                yield f'{path}: includes "{header}"; write "{room}/{header}"'
                continue
            other, name = header.split('/', 1)
            if other == room:
                continue
            if other not in uses and not everything:
                yield f'{path}: includes "{header}", but {room} may use only: {", ".join(sorted(uses)) or "nothing"}'
            elif other not in LIBRARIES and name != other + '.h':
                yield f'{path}: includes "{header}", which is not the door of {other}'
        if room in ('base', 'api', 'plan') and re.search(r'\blog_(debug|info|warn|error)\s*\(', text) and not path.endswith(('log.h', 'log.c')):
            yield f'{path}: room {room} never logs'


def check_plugins():
    for path, text in sources('plugins'):
        for kind, header in INCLUDE.findall(text):
            if kind == '"' and '/' in header and not header.startswith('atoll/') and not os.path.exists(os.path.join(ROOT, os.path.dirname(path), header)):
                yield f'{path}: a plugin includes only atoll/ headers and its own, found "{header}"'
            if '/tests/' not in path and third_party(header) not in (None, 'hiredis', 'libmysqlclient'):
                yield f'{path}: a plugin may not include <{header}>'


WORDS = [  # (folder, forbidden word, why)
    ('core', re.compile(r'(?<![a-z])(redis(?!patch)|sentinel|mysql|mariadb)', re.I), 'the core never names an engine'),
    ('plugins', re.compile(r'kubernetes|kubectl|kubelet', re.I), 'a plugin never names the orchestrator'),
]
# The local node tells the user which Debian package has a missing program: that table names programs, not engines.
WORDS_EXEMPT = {'core/node/program.c'}
BANNED = re.compile(r'\b(sprintf|vsprintf|strcpy|strcat|strncpy|strtok|atoi|atol|system|popen|alloca|signal|gets)\s*\(')
RAW_HEAP = re.compile(r'(?<![\w_>.])(malloc|calloc|realloc|strdup|strndup|free)\s*\(')


def strip_comments(text):
    return re.sub(r'/\*.*?\*/|//[^\n]*', lambda m: re.sub(r'[^\n]', ' ', m.group(0)), text, flags=re.S)


def strip_strings(text):
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


def check_words():
    for top, word, why in WORDS:
        for path, text in sources(top):
            if path in WORDS_EXEMPT or '/tests/' in path:
                continue
            for n, line in enumerate(text.splitlines(), 1):
                if word.search(line):
                    yield f'{path}:{n}: {why}: {line.strip()[:80]}'


def check_style():
    for top in ('core', 'plugins', 'sdk'):
        for path, text in sources(top):
            if '/tests/' in path or '/template/' in path:
                continue
            if 'SPDX-License-Identifier: Apache-2.0' not in text[:200]:
                yield f'{path}: does not start with the SPDX line'
            code = strip_strings(strip_comments(text))
            for n, line in enumerate(code.splitlines(), 1):
                m = BANNED.search(line)
                if m:
                    yield f'{path}:{n}: {m.group(1)} is banned (docs/style.md)'
                if path.startswith('core') and path != 'core/base/mem.c' and RAW_HEAP.search(line):
                    yield f'{path}:{n}: raw heap call; use base/mem.h'
                if path.startswith('core') and not path.startswith('core/io/') and re.search(r'\buv_\w+\s*\(', line):
                    yield f'{path}:{n}: uv_ calls live in io/'
            if re.search(r'\b(TODO|FIXME|XXX)\b', text):
                yield f'{path}: unfinished mark; use UNFINISHED("...") or finish it'


def main():
    rooms = table()
    if len(rooms) < 10:
        print('docs/architecture.md: the table of rooms could not be read', file=sys.stderr)
        return 2
    problems = [p for check in (check_core(rooms), check_plugins(), check_words(), check_style()) for p in check]
    for p in problems:
        print(p)
    print(f'floors: {len(problems)} problem(s)')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
