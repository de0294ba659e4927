#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The catalogue of faults and the tests that show them.

    fault_table.py [BUILDDIR]           which numbers have no test
    fault_table.py --write [BUILDDIR]   writes docs/FAULTS.md, with the results
                                        of the last tests/run in BUILDDIR
    fault_table.py --check              fails when docs/FAULTS.md is not what
                                        the tests name now (whatever the results)

The faults are in tests/faults.tsv. A test names the numbers it shows ("F096",
a range "F125-F139"): a Python test in its docstring, that of its class, or its
name (test_f096_...); a Criterion test in a comment inside it or before it; a
fuzz target in its first comment; a file tests/dialogues/NAME.case in a line
"# faults: F006 F009".
"""
import ast
import glob
import os
import re
import sys

import mutants

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
CATALOGUE = 'tests/faults.tsv'
DOCUMENT = 'docs/FAULTS.md'
COUNT = 226
SIDES = {'S': 'source', 'D': 'target', 'B': 'both', 'L': 'local',
         'V': 'supervisor'}

HEAD = """\
# Faults

What can go wrong while mail is moved, by number, what must hold then, and the tests that show
it. For every fault also holds what holds always: the source is not changed, nothing is lost,
nothing arrives twice, everything that failed is named, no secret is written, and everything ends
in time.

This file is made by `make faults` from `tests/faults.tsv` and from what the tests say of
themselves ([TESTING.md](TESTING.md)); `make lint` says when it is out of date. Mutants are guards
that `make mutants` takes out, and then a test must fail. The last column is of the `tests/run`
before it.
"""


def fail(text):
    sys.exit('fault_table: ' + text)


def read(name):
    with open(os.path.join(ROOT, name), encoding='utf-8') as f:
        return f.read()


class Fault:
    def __init__(self, number, side, what, stand_in):
        self.number, self.side = number, side
        self.what, self.stand_in = what, stand_in
        self.tests, self.mutants = [], []


def catalogue():
    faults = {}
    for line in read(CATALOGUE).splitlines():
        if not line or line.startswith('#'):
            continue
        cells = line.split('\t')
        if len(cells) not in (3, 4) or cells[1] not in SIDES or \
                not all(cells):
            fail('%s: not a fault: %s' % (CATALOGUE, line))
        faults[cells[0]] = Fault(*cells[:3], cells[3] if cells[3:] else None)
    if list(faults) != ['F%03d' % n for n in range(1, COUNT + 1)]:
        fail('%s: not F001 to F%03d, each once' % (CATALOGUE, COUNT))
    return faults


def numbers(text):
    """The fault numbers in a text; a range counts as each of them."""
    found = set()
    for first, last in re.findall(r'\bF(\d{3})(?:-F(\d{3}))?\b', text or ''):
        found.update(range(int(first), int(last or first) + 1))
    return {'F%03d' % n for n in found}


# ---------------------------------------------------------------- who names what

def in_python(name):
    """(test, numbers) of an integration test file."""
    stem = os.path.splitext(os.path.basename(name))[0]
    for node in ast.parse(read(name)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        methods = [m for m in node.body if isinstance(m, ast.FunctionDef) and
                   m.name.startswith('test')]
        whole = numbers(ast.get_docstring(node)) if methods else set()
        yield '%s.%s' % (stem, node.name), whole
        for method in methods:
            named = {'F' + n for n in
                     re.findall(r'_f(\d{3})(?=_|$)', method.name)}
            yield '%s.%s.%s' % (stem, node.name, method.name), \
                (named | numbers(ast.get_docstring(method))) - whole


COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
TEST = re.compile(r'^(?:Test|ParameterizedTest)\(([^)]*)\)', re.M)


def comments(text):
    for m in COMMENT.finditer(text):
        if not m.group(0).startswith('"'):
            yield m.start(), m.group(0)


def in_criterion(name):
    """A comment belongs to the test it is in, or else to the next one."""
    text = read(name)
    program = 'unit-' + name.split('/')[2]
    tests = []
    for m in TEST.finditer(text):
        names = [a.strip() for a in m.group(1).split(',') if '.' not in a]
        if text.startswith('ParameterizedTest', m.start()):
            names = names[1:]
        end = text.find('\n}', m.end())
        tests.append((end, '%s %s %s' % (program, names[0], names[1])))
    begin = text.index('#include')
    for at, comment in comments(text):
        owner = [t for end, t in tests if at < end]
        if at > begin and owner:
            yield owner[0], numbers(comment)


def in_fuzz_target(name):
    text = read(name)
    stem = os.path.splitext(os.path.basename(name))[0]
    yield stem.replace('fuzz_', 'replay-', 1), \
        numbers(text[:text.index('#include')])


def in_dialogue(name):
    stem = os.path.splitext(os.path.basename(name))[0]
    for line in read(name).splitlines():
        if line.startswith('# faults:'):
            yield 'test_dialogues.' + stem, numbers(line)


READERS = (('tests/integration/test_*.py', in_python),
           ('tests/unit/*/test_*.c', in_criterion),
           ('tests/fuzz/fuzz_*.c', in_fuzz_target),
           ('tests/dialogues/*.case', in_dialogue))


def collect(faults):
    for pattern, reader in READERS:
        for path in sorted(glob.glob(os.path.join(ROOT, pattern))):
            name = os.path.relpath(path, ROOT)
            for test, named in reader(name):
                for number in sorted(named):
                    if number not in faults:
                        fail('%s names %s, which is no fault' % (test, number))
                    if test not in faults[number].tests:
                        faults[number].tests.append(test)
    for mutant in mutants.load():
        for number in mutant.faults:
            if number not in faults:
                fail('%s names %s, which is no fault' % (mutant.name, number))
            faults[number].mutants.append(mutant.name)


# ---------------------------------------------------------------- results

def results(build):
    """What tests/run has written: (test, word) of every test that ran."""
    try:
        with open(os.path.join(build, 'results.tsv'), encoding='utf-8') as f:
            return [tuple(line.rstrip('\n').split('\t', 1)) for line in f]
    except OSError:
        return []


def belongs(run, test):
    """Is the result of RUN one of TEST?  A class stands for its methods, and
    a method may be inherited by a class of another name."""
    if run == test or run.startswith(test + '.'):
        return True
    parts, ran = test.split('.'), run.split('.')
    if len(ran) != 3 or ran[0] != parts[0]:
        return False
    if parts[0] == 'test_dialogues' and len(parts) == 2:
        return ran[2] == 'test_' + re.sub(r'\W', '_', parts[1])
    return len(parts) == 3 and ran[2] == parts[2]


def result(test, ran):
    words = {word for run, word in ran if run == test} or \
        {word for run, word in ran if belongs(run, test)}
    for word in ('failed', 'ok', 'skipped'):
        if word in words:
            return word
    return 'not run'


def together(words):
    if not words:
        return ''
    return ', '.join('%s%s' % (word, ' (%d)' % words.count(word)
                               if len(set(words)) > 1 else '')
                     for word in ('ok', 'failed', 'skipped', 'not run')
                     if word in words)


# ---------------------------------------------------------------- the document

def cell(text):
    return re.sub(r'([\\|*<])', r'\\\1', text)


def row(fault, ran):
    shown = ', '.join('`%s`' % t for t in fault.tests)
    if fault.stand_in:
        shown += (' ' if shown else '') + cell(fault.stand_in)
    return '| %s | %s | %s | %s | %s | %s |' % (
        fault.number, SIDES[fault.side], cell(fault.what), shown or 'none',
        ', '.join(fault.mutants), together([result(t, ran) for t in fault.tests]))


def summary(faults):
    tested = [f for f in faults.values() if f.tests]
    stand_ins = [f for f in faults.values() if f.stand_in and not f.tests]
    bare = [f.number for f in faults.values() if not f.tests and not f.stand_in]
    text = '%d of %d have a test' % (len(tested), len(faults))
    if stand_ins:
        text += '; %d cannot, and say what stands in for it' % len(stand_ins)
    if bare:
        text += '; %d have none yet' % len(bare)
    return text + '.', bare


def document(faults, ran):
    lines = [HEAD, summary(faults)[0], '',
             '| number | side | what goes wrong: what must hold | tests | mutants | result |',
             '|---|---|---|---|---|---|']
    lines += [row(f, ran) for f in faults.values()]
    return '\n'.join(lines) + '\n'


def without_results(text):
    return [re.sub(r'[^|]*\|$', '|', line) if line.startswith('| F') else line
            for line in text.splitlines()]


def stale(faults):
    """What docs/FAULTS.md says otherwise than the tests."""
    try:
        is_now = without_results(read(DOCUMENT))
    except OSError:
        return ['is missing']
    must_be = without_results(document(faults, []))
    return [line[:6].strip('| ') + ' is out of date' for line in must_be
            if line not in is_now] or \
        ([] if is_now == must_be else ['is out of date'])


def main(arguments):
    options = [a for a in arguments if a.startswith('-')]
    builds = [a for a in arguments if not a.startswith('-')]
    if set(options) - {'--write', '--check'} or len(builds) > 1:
        sys.stderr.write(__doc__)
        return 64
    faults = catalogue()
    collect(faults)
    if '--write' in options:
        build = builds[0] if builds else os.path.join(ROOT, 'build/release')
        with open(os.path.join(ROOT, DOCUMENT), 'w', encoding='utf-8') as f:
            f.write(document(faults, results(build)))
    text, bare = summary(faults)
    print(text)
    if bare:
        print('without: ' + ' '.join(bare))
    wrong = stale(faults) if '--check' in options else []
    for line in wrong:
        print('%s: %s: make faults' % (DOCUMENT, line))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
