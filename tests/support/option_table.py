#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of the guide's options and the servers they were tried on.

test_options fills it and writes it down (BUILDDIR/servers.md);

    option_table.py BUILDDIR            says whether it is whole
    option_table.py --write BUILDDIR    copies it into docs/SERVERS.md

A table in which something failed, was skipped or was not run is refused.
"""
import functools
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
DOCUMENT = os.path.join(ROOT, 'docs', 'SERVERS.md')
BEGIN, END = '<!-- made by make servers-table -->', '<!-- end of the table -->'

MODES = ('syncSrcAll', 'syncSrcNew', 'syncDst')
OPTIONS = (
    'list', 'source', 'target', 'skipMailbox', 'renameMailbox',
    *('mode ' + m for m in MODES),
    'noSubscription', 'noACL', 'noSpecialUse', 'noForceIndex', 'noNewUID',
    'copyMailboxClass', 'proxyAuth', 'srcAuthPlain', 'dstAuthPlain',
    'srcOAuth2', 'fetchMax', 'fetchSizeMax', 'storeMax', 'storeSizeMax',
    'queueMax', 'queueSizeMax', 'noThreads', 'notimeout', 'verbose',
    'logfile')
NOT_RUN, FAILED, SKIPPED, PASSED = 'not run', 'FAILED', 'skipped', 'pass'


class NotApplicable(str):
    """Why an option cannot do anything on a server, and which test with a
    scripted server shows it at work."""


class Table:
    def __init__(self, columns):
        self.columns = columns
        self.versions = {}
        self.cells = {(o, c): NOT_RUN for o in OPTIONS for c in columns}
        self.notes = []

    def skip(self, column):
        for option in OPTIONS:
            self.cells[option, column] = SKIPPED

    def put(self, option, column, said):
        """What a test has returned: nothing, a note, or NotApplicable."""
        word = PASSED
        if isinstance(said, NotApplicable):
            word = 'n/a'
            need_test(said)
        if said:
            if str(said) not in self.notes:
                self.notes.append(str(said))
            word += ' (%s)' % said
        self.cells[option, column] = word

    def text(self):
        """Notes are numbered in the order the table shows them."""
        numbers, lines = {}, []

        def shown(cell):
            word, _, note = cell.partition(' (')
            if note[:-1] not in self.notes:
                return cell
            number = numbers.setdefault(note[:-1], len(numbers) + 1)
            return '%s [%d]' % (word, number)
        lines.append('| server | version |\n|---|---|')
        lines += ['| %s | %s |' % (c, self.versions.get(c, SKIPPED))
                  for c in self.columns]
        lines.append('')
        lines.append('| option | ' + ' | '.join(self.columns) + ' |')
        lines.append('|---' * (len(self.columns) + 1) + '|')
        for option in OPTIONS:
            lines.append('| `--%s` | %s |' % (option, ' | '.join(
                shown(self.cells[option, c]) for c in self.columns)))
        lines.append('')
        lines += ['%d. %s' % (n, note) for note, n in numbers.items()]
        return '\n'.join(lines).rstrip() + '\n'

    def write(self, build):
        with open(os.path.join(build, 'servers.md'), 'w',
                  encoding='utf-8') as f:
            f.write(self.text())


def need_test(reason):
    """The test that a reason names is there."""
    for file, name in re.findall(r'\b(test_\w+)\.(\w+)', reason):
        path = os.path.join(ROOT, 'tests', 'integration', file + '.py')
        with open(path, encoding='utf-8') as f:
            if not re.search(r'(?m)^class %s\(' % name, f.read()):
                raise AssertionError('no %s in %s' % (name, path))


def row(option):
    """Of a test method: its end goes into the table.  The object has .table and
    .column."""
    def decorate(method):
        @functools.wraps(method)
        def test(self):
            self.table.cells[option, self.column] = FAILED
            self.table.put(option, self.column, method(self))
        test.option = option
        return test
    return decorate


def problems(text):
    """What keeps a table from being published."""
    rows = dict(re.findall(r'(?m)^\| `--([^`]+)` \|(.*)\|$', text))
    columns = re.findall(r'(?m)^\| option \|(.*)\|$', text + '| option ||')[0]
    found = ['no row of --' + o for o in OPTIONS if o not in rows]
    for option, cells in rows.items():
        for column, cell in zip(columns.split('|'), cells.split('|')):
            if not re.fullmatch(r' (pass|n/a)( \[\d+\])? ', cell):
                found.append('--%s,%s:%s' % (option, column.rstrip(),
                                             cell.rstrip()))
    return found


def published(document):
    """The part of the document that is made."""
    return document.partition(BEGIN)[2].partition(END)[0].strip() + '\n'


def main():
    words = sys.argv[1:]
    write = '--write' in words
    words = [w for w in words if w != '--write']
    if len(words) != 1:
        sys.exit(__doc__)
    path = os.path.join(words[0], 'servers.md')
    try:
        with open(path, encoding='utf-8') as f:
            text = f.read()
    except FileNotFoundError:
        sys.exit('%s is not there: run test_options first' % path)
    found = problems(text)
    for line in found:
        print(line)
    if found:
        sys.exit('%s is not whole' % path)
    if not write:
        return
    with open(DOCUMENT, encoding='utf-8') as f:
        document = f.read()
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit('%s has no place for the table' % DOCUMENT)
    with open(DOCUMENT, 'w', encoding='utf-8') as f:
        f.write(head + begin + '\n\n' + text + '\n' + end + tail)


if __name__ == '__main__':
    main()
