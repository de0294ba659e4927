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
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
LIST = 'tests/mutants/list'
TEST_SECONDS = 600
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

    def changed(self):
        """{path: text} with its edits."""
        texts = {}
        for edit in self.edits:
            if edit.path not in texts:
                with open(os.path.join(ROOT, edit.path),
                          encoding='utf-8') as f:
                    texts[edit.path] = f.read()
            texts[edit.path] = edit.applied(texts[edit.path])
        return texts

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
    known.update('test_dialogues.Dialogues.test_' + os.path.splitext(
        os.path.basename(path))[0]
                 for path in glob.glob(ROOT + '/tests/dialogues/*.case'))
    return known


# ---------------------------------------------------------------- building

def commands(program, paths, build):
    """What make would compile and link for a program after these files changed:
    the words of each command, from the root of the tree."""
    profile = os.path.basename(build)
    env = {k: v for k, v in os.environ.items() if k != 'MAKEFLAGS'}
    out = subprocess.run(
        ['make', '-n', '--no-print-directory', 'PROFILE=' + profile] +
        [w for p in paths for w in ('-W', p)] +
        ['build/%s/bin/%s' % (profile, program)], cwd=ROOT, env=env,
        check=True, capture_output=True, text=True)
    return [shlex.split(line) for line in out.stdout.splitlines()
            if ' -o ' in line]


def run_compiler(words):
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)


def compile_one(words, text, stem):
    with open(stem + '.c', 'w', encoding='utf-8') as f:
        f.write(text)
    words[words.index('-o') + 1] = stem + '.o'
    run_compiler(words[:-1] + [stem + '.c'])
    return stem + '.o'


def build_one(mutant, program, build, folder):
    """The program with the mutant in it, made in FOLDER; the tree and BUILD stay
    as they are.  Its path; None: nothing of the mutant is in it."""
    texts = mutant.changed()
    lines = commands(program, texts, build)
    links = [w for w in lines if '-c' not in w]
    if not links:
        return None
    link = links[-1]
    for words in lines:
        if words[-1] not in texts or '-c' not in words:
            continue
        was = words[words.index('-o') + 1]
        now = compile_one(words, texts[words[-1]], os.path.join(
            folder, words[-1].replace('/', '_')[:-2]))
        if was in link:
            link[link.index(was)] = now
        else:  # before the libraries: what they have of it is not taken then
            link.insert(next(i for i, w in enumerate(link)
                             if w.endswith('.a')), now)
    path = os.path.join(folder, program)
    link[link.index('-o') + 1] = path
    run_compiler(link)
    return path


def build_all(mutant, build, folder):
    """All that its tests need: FOLDER/bin is BUILD/bin with the mutant in it."""
    bin_folder = os.path.join(folder, 'bin')
    os.makedirs(bin_folder)
    wanted = set(mutant.programs())
    if mutant.integration():
        wanted.update(('syncIMAPMail', 'mailconvoy'))
    for program in sorted(wanted):
        build_one(mutant, program, build, bin_folder)
    for name in os.listdir(os.path.join(build, 'bin')):
        path = os.path.join(bin_folder, name)
        if not os.path.exists(path):
            shutil.copy2(os.path.join(build, 'bin', name), path)


# ---------------------------------------------------------------- running

def run_unit(test, build):
    program, suite, name = test.split()
    ended = subprocess.run(
        [os.path.join(build, 'bin', program), '--filter', suite + '/' + name],
        check=False, timeout=TEST_SECONDS, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors='replace')
    said = re.sub(r'\x1b\[[0-9;]*m', '', ended.stdout)
    if not re.search(r'Tested: [1-9]', said):
        return 'not run', '', said
    if ended.returncode == 0:
        return 'ok', '', said
    words = re.findall(r'^\[(?:----|FAIL)\] +(\S.*)$', said, re.M)
    return 'failed', ' '.join(words[:2] if len(words) > 2 else words[-1:]).replace(
        ': Assertion Failed', ':').replace('tests/unit/', ''), said


def run_integration(test, build):
    env = dict(os.environ, MAILCONVOY_BUILD=build, PYTHONDONTWRITEBYTECODE='1',
               PYTHONPATH=':'.join(os.path.join(ROOT, 'tests', part)
                                   for part in ('support', 'integration')))
    ended = subprocess.run(
        [sys.executable, '-m', 'unittest', '-v', test], cwd=ROOT, env=env,
        check=False, timeout=TEST_SECONDS, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors='replace')
    said = ended.stdout
    if ended.returncode == 0:
        ran = re.search(r'^Ran [1-9]', said, re.M)
        return 'ok' if ran and 'skipped=' not in said else 'not run', '', said
    words = re.findall(r'^(?:\w+\.)*\w*(?:Error|Exception|Expired)\b.*', said,
                       re.M)
    good = [w for w in words if re.match(
        r'AssertionError|subprocess\.TimeoutExpired', w)]
    if not good:
        return 'no assertion:', words[0] if words else '', said
    return 'failed', good[0], said


def run_test(test, build):
    """(ok, failed, or what else became of it; in how many words; all it said).  It
    fails by what it asserts, or because something does not end in its time."""
    try:
        return run_unit(test, build) if ' ' in test else \
            run_integration(test, build)
    except subprocess.TimeoutExpired as e:
        return 'failed', 'it did not end', (e.stdout or b'').decode(
            'utf-8', 'replace')
