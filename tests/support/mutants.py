# SPDX-License-Identifier: MIT
"""The list of mutants, tests/mutants/list: one guard less each, and the tests
that must fail then.

An entry is

    = NAME
    faults: F024 F025
    guard: what is no longer guarded
    test: unit-io stream refuses_this        as tests/run names it; may be repeated
    test: test_engine_faults.NoStart.test_silent_server
    file: engine/io/stream.c
    -old lines, whole or from the first to the last byte given
    +new lines

with as many groups of file, "-" and "+" as it needs.  What is old must stand in the
file exactly once: whoever changes that code changes the entry.  Lines that begin
with "#" are comments.
"""
import ast
import glob
import os
import re
import shlex
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
LIST = 'tests/mutants/list'
TEST = re.compile(r'^(?:Parameterized)?Test\(([^)]*)\)', re.M)


class Edit:
    def __init__(self, path):
        self.path, self.lines = path, {'-': [], '+': []}

    @property
    def old(self):
        return '\n'.join(self.lines['-'])

    @property
    def new(self):
        return '\n'.join(self.lines['+'])

    def applied(self, text):
        if not self.old or text.count(self.old) != 1:
            raise ValueError('%s: found %d times: %s' % (
                self.path, text.count(self.old) if self.old else 0, self.old))
        return text.replace(self.old, self.new)


class Mutant:
    def __init__(self, name):
        self.name, self.guard = name, ''
        self.faults, self.tests, self.edits = [], [], []

    def programs(self):
        """The unit programs its tests are in."""
        return sorted({t.split()[0] for t in self.tests if ' ' in t})

    def integration(self):
        return [t for t in self.tests if ' ' not in t]


def load(path=None):
    mutants = []
    with open(path or os.path.join(ROOT, LIST), encoding='utf-8') as f:
        lines = f.read().split('\n')
    for number, line in enumerate(lines, 1):
        key, _, value = line.partition(': ')
        if not line or line.startswith('#'):
            continue
        if line.startswith('= '):
            mutants.append(Mutant(line[2:]))
        elif line[0] in '-+' and mutants and mutants[-1].edits:
            mutants[-1].edits[-1].lines[line[0]].append(line[1:])
        elif key == 'file':
            mutants[-1].edits.append(Edit(value))
        elif key == 'test':
            mutants[-1].tests.append(value)
        elif key == 'faults':
            mutants[-1].faults = value.split()
        elif key == 'guard':
            mutants[-1].guard = value
        else:
            raise ValueError('%s:%d: %s' % (LIST, number, line))
    return mutants


def known_tests():
    """Every test of the tree, as tests/run names it."""
    known = set()
    for path in glob.glob(ROOT + '/tests/unit/*/test_*.c'):
        program = 'unit-' + path.split('/')[-2]
        with open(path, encoding='utf-8') as f:
            for found in TEST.finditer(f.read()):
                names = [a.strip() for a in found.group(1).split(',')
                         if '.' not in a]
                if found.group(0).startswith('Parameterized'):
                    names = names[1:]
                known.add(' '.join([program] + names[:2]))
    for path in glob.glob(ROOT + '/tests/integration/test_*.py'):
        stem = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding='utf-8') as f:
            classes = [n for n in ast.parse(f.read()).body
                       if isinstance(n, ast.ClassDef)]
        known.update('%s.%s.%s' % (stem, c.name, m.name)
                     for c in classes for m in c.body
                     if isinstance(m, ast.FunctionDef) and
                     m.name.startswith('test'))
    return known


def commands(program, paths, build):
    """What make would do for a unit program after these files changed: the
    words of each command, from the root of the tree."""
    target = 'build/%s/bin/%s' % (os.path.basename(build), program)
    env = {k: v for k, v in os.environ.items() if k != 'MAKEFLAGS'}
    out = subprocess.run(
        ['make', '-n', '--no-print-directory',
         'PROFILE=' + os.path.basename(build)] +
        [w for p in paths for w in ('-W', p)] + [target], cwd=ROOT, env=env,
        check=True, capture_output=True, text=True)
    return target, [shlex.split(line) for line in out.stdout.splitlines()]


def build_one(mutant, program, build, folder):
    """The unit program with the mutant in it, made in FOLDER; the tree and
    BUILD stay as they are. Its path."""
    sources = {}
    for edit in mutant.edits:
        if edit.path not in sources:
            with open(os.path.join(ROOT, edit.path), encoding='utf-8') as f:
                sources[edit.path] = f.read()
        sources[edit.path] = edit.applied(sources[edit.path])
    target, lines = commands(program, sources, build)
    objects = []
    for words in lines:
        if words[-1] in sources and '-c' in words:
            stem = os.path.join(folder, words[-1].replace('/', '_')[:-2])
            with open(stem + '.c', 'w', encoding='utf-8') as f:
                f.write(sources[words[-1]])
            words[words.index('-o') + 1] = stem + '.o'
            subprocess.run(words[:-1] + [stem + '.c'], cwd=ROOT, check=True)
            objects.append(stem + '.o')
    link = next(w for w in lines if '-o' in w and w[w.index('-o') + 1] == target)
    path = os.path.join(folder, program)
    link[link.index('-o') + 1] = path
    # before the libraries: what they have of it is not taken then
    first = next(i for i, w in enumerate(link) if w.endswith('.a'))
    subprocess.run(link[:first] + objects + link[first:], cwd=ROOT, check=True)
    return path
