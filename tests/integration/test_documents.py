# SPDX-License-Identifier: MIT
"""What an administrator reads is true: every command of README.md and docs/*.md
is executed against throwaway servers and prints what stands there, every plan is
accepted, every option exists.  The rules for blocks are in documents.py."""
import glob
import json
import os
import re
import signal
import subprocess
import sys
import types
import unittest

import convoy
import documents
import imap_client
import seed
from dovecot import Dovecot

sys.path.append(os.path.join(convoy.ROOT, 'tests', 'bench'))
import programs  # noqa: E402

PROGRAMS = os.path.join(convoy.BUILD, 'bin')
DOCUMENTS = ['README.md'] + sorted(
    os.path.relpath(p, convoy.ROOT)
    for p in glob.glob(convoy.ROOT + '/docs/*.md'))
# The guides: each is one story, told from above to below.
STORIES = ('README.md', 'docs/MIGRATION.md', 'docs/COMING-FROM.md')
PEOPLE = ('anna', 'boris', 'carla', 'emil')

# Blocks that are not executed, by document and first command: why, and what is
# instead.
NOT_EXECUTED = {
    ('README.md', 'make demo'):
        'installs packages; the gate ends with make check, `make demo` is '
        'samples/demo/run, whose steps test_batch has',
    ('README.md', 'make'):
        'make install wants the whole system; the gate builds',
    ('docs/PERFORMANCE.md', 'make bench'):
        'takes ten minutes; test_bench runs a small one',
    ('docs/SERVERS.md',
     'tests/run integration build/release test_options'):
        'fetches packages; test_options is part of the gate',
    ('docs/TESTING.md', 'make && tests/run integration build/release '
                        'test_engine_faults'): 'the gate is tests/run',
    ('docs/TESTING.md', 'make PROFILE=asan all unit-build && '
                        'tests/run all build/asan'): 'takes an hour',
    ('docs/TESTING.md', 'make fuzz FUZZ_SECONDS=60'):
        'wants clang; every target is replayed by the gate',
    ('docs/TESTING.md', 'make mutants'):
        'takes ten minutes; test_mutants kills four in the gate',
}


class Story:
    """A document, and a desk at which it is done."""

    def __init__(self, test, document):
        self.test, self.document = test, document
        self.old = documents.Server(password='secret')
        # carla has a letter that is larger
        self.new = documents.Server(largest='40k', password='secret')
        for server in (self.old, self.new):
            server.start()
            test.addCleanup(server.remove)
        self.desk = documents.Desk(test.folder, PROGRAMS, self.old, self.new)
        self.desk.typed = {'cat > secrets/': 'postmaster-secret\n'}
        self.background = None
        self.letters()
        BEFORE.get(document, lambda story: None)(self)

    def account(self, name):
        """Where its letters are."""
        return convoy.Imap('127.0.0.1', self.old.port).login(
            name + '@example.org', 'secret')

    def letters(self):
        for name in PEOPLE:
            with self.account(name) as client:
                seed.load(client, convoy.ROOT + '/samples/mail')

        self.append('carla', 0, 900)

    def append(self, name, number, lines=1):
        """A letter that comes while the migration goes on."""
        with self.account(name) as client:
            client.append('INBOX', b'Message-ID: <new%d@example.org>\r\n'
                          b'Subject: new\r\n\r\n%s' % (
                              number, (b'x' * 70 + b'\r\n') * lines))

    def start(self, command):
        """What runs in another window."""
        self.background = self.desk.start(
            'exec ' + command, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL)
        self.test.addCleanup(convoy.end, self.background)
        convoy.wait_until(lambda: glob.glob(
            self.test.folder + '/state/*/runs/*/ctl.sock'), 'a running batch')

    def end(self):
        if self.background:
            for _ in range(2):
                if self.background.poll() is None:
                    self.background.send_signal(signal.SIGINT)
            self.background.wait(convoy.PATIENCE)
            self.background = None

    def tell(self, block, shown=None):
        """Does what the block says; [what was not so]."""
        if block.name:
            self.desk.put(block.name, block.text)
        scene = SCENES.get(block.key())
        if scene:
            scene(self)
        wrong = []
        for command, expected, code in block.commands():
            got, output = self.desk.do(command)
            if shown is not None:
                shown.append((command, got, output))
            missing = documents.not_printed(expected or [], output)
            if got != code or missing:
                wrong.append('%s: $ %s\nexit %d, said %d\nnot printed:\n  %s\n'
                             'printed:\n%s' % (
                                 block.where, command, got, code,
                                 '\n  '.join(missing), output))
        self.end()
        return wrong


def passwords(story):
    for name in ('secrets/old', 'secrets/new', 'old.pw', 'new.pw'):
        story.desk.put(name, 'secret\n')






def migration(story):
    story.new.know('emil@example.org')


BEFORE = {'README.md': passwords, 'docs/COMING-FROM.md': passwords,
          'docs/MIGRATION.md': migration}
SEED = 'mailconvoy run plan.yaml --pass seed --bwlimit 1KiB/s'
SLOWLY = 'mailconvoy run plan.yaml --new-run --bwlimit 1KiB/s'


def slowly(story):
    story.append('boris', 2, 400)
    story.start(SLOWLY)


def refused(story):
    story.append('anna', 3, 900)
    story.desk.do('mailconvoy run plan.yaml')


def known(story):
    """The account is made; the server has seen it."""
    story.new.know()

    def lets_in():
        try:
            convoy.Imap('127.0.0.1', story.new.port).login(
                'emil@example.org', 'secret').close()
        except imap_client.ImapError:
            return False
        return True
    convoy.wait_until(lets_in, 'the new account')


# What happens meanwhile, by document and first command of the block.
SCENES = {
    ('README.md', 'mailconvoy ctl plan.yaml jobs=1'):
        slowly,
    ('README.md', 'mailconvoy ack plan.yaml anna '
                  '--reason "seen, is fine"'): refused,
    ('docs/MIGRATION.md', 'mailconvoy check plan.yaml --connect '
                          '--account emil@example.org'):
        known,
    ('docs/MIGRATION.md', 'mailconvoy ctl plan.yaml jobs=4'):
        lambda story: story.start(SEED),
    ('docs/MIGRATION.md', 'mailconvoy run plan.yaml --pass delta'):
        lambda story: story.append('anna', 1),
}


def show(document):
    """For writers: the real output of each command."""
    test = convoy.Case()
    test.setUp()
    try:
        story = Story(test, document)
        for block in documents.blocks(convoy.ROOT, document):
            if block.key() in NOT_EXECUTED:
                continue
            shown = []
            wrong = story.tell(block, shown)
            for command, code, output in shown:
                print('$ %s\n%s(exit %d)' % (command, output, code))
            if wrong:
                print('!!!!', block.where)
    finally:
        test.doCleanups()


class Executed(convoy.Case):
    """The stories."""

    def setUp(self):
        convoy.need_dovecot()
        super().setUp()

    def told(self, document):
        story = Story(self, document)
        wrong = []
        for block in documents.blocks(convoy.ROOT, document):
            if block.key() not in NOT_EXECUTED:
                wrong += story.tell(block)
        self.assertEqual([], wrong, '\n' + '\n\n'.join(wrong))

    def test_readme(self):
        self.told('README.md')

    def test_migration(self):
        self.told('docs/MIGRATION.md')

    def test_coming_from(self):
        self.told('docs/COMING-FROM.md')


class Blocks(unittest.TestCase):
    """None is forgotten."""

    def setUp(self):
        self.blocks = [b for d in DOCUMENTS
                       for b in documents.blocks(convoy.ROOT, d)]

    def test_every_block_says_what_it_is(self):
        for block in self.blocks:
            self.assertIn(block.kind, ('console', 'sh', 'yaml', 'csv', 'text'),
                          block.where)

    def test_every_command_is_executed_or_listed(self):
        for block in self.blocks:
            if block.commands() and block.document not in STORIES:
                self.assertIn(block.key(), NOT_EXECUTED, block.where)

    def test_every_exception_exists(self):
        keys = {b.key() for b in self.blocks}
        self.assertEqual(set(), set(NOT_EXECUTED) - keys)
        self.assertEqual(set(), set(SCENES) - keys)

    def test_no_command_hides_in_text(self):
        for block in self.blocks:
            if block.kind == 'text':
                self.assertNotRegex(
                    block.text, r'(?m)^(\$ |mailconvoy |syncIMAPMail |make )',
                    block.where)


class Words(convoy.Case):
    """What the running text says of options, keys and files."""

    def setUp(self):
        super().setUp()
        self.help = documents.Help(PROGRAMS)

    def test_command_lines_have_options_that_exist(self):
        seen = 0
        for document in DOCUMENTS:
            for words in documents.spoken_of(
                    documents.prose(convoy.ROOT, document)):
                seen += 1
                self.assertEqual([], self.help.unknown(words),
                                 '%s: %s' % (document, ' '.join(words)))
        self.assertGreater(seen, 30)

    def test_options_spoken_of_exist(self):
        """COMING-FROM.md has those of others too: its tables are below."""
        known = self.help.options('syncIMAPMail') | \
            self.help.options('mailconvoy')
        for document in ('README.md', 'docs/MIGRATION.md'):
            for option in re.findall(r'`(--[A-Za-z][\w-]*)', documents.prose(
                    convoy.ROOT, document)):
                self.assertIn(documents.same(option), known, document)

    def test_what_does_not_exist_is_found(self):
        for line in ('mailconvoy run plan.yaml --pas seed', 'mailconvoy rum x',
                     'mailconvoy check plan.yaml --watch',
                     'syncIMAPMail --dryrum a b c d e f'):
            self.assertEqual(1, len(self.help.unknown(line.split())), line)
        self.assertEqual(['a 3', 'b'], documents.not_printed(
            ['a 3', 'b', '...', 'c ... e', '12:00:00 x'],
            'a 2\nc d e\n13:10:59   x\n'))
        block = documents.Block('x', 1, 'console', '$ a \\\n  b\n1\n(exit 3)\n')
        self.assertEqual([('a    b', ['1'], 3)], block.commands())

    def test_commands_of_blocks_have_options_that_exist(self):
        for document in DOCUMENTS:
            for block in documents.blocks(convoy.ROOT, document):
                for command, _, _ in block.commands():
                    words = command.split('#')[0].split()
                    if words and words[0] in ('mailconvoy', 'syncIMAPMail'):
                        self.assertEqual([], self.help.unknown(words),
                                         block.where)

    def test_keys_of_tables_are_keys_of_a_plan(self):
        schema = subprocess.run(
            [convoy.SUPERVISOR, 'schema'], check=True, capture_output=True,
            timeout=convoy.PATIENCE).stdout
        known = set()

        def names(part):
            for key, value in part.items() if isinstance(part, dict) else ():
                if key == 'properties':
                    known.update(value)
                names(value)
            for value in part if isinstance(part, list) else ():
                names(value)
        names(json.loads(schema))
        rows = re.findall(r'^\|(.*)\|$', documents.prose(
            convoy.ROOT, 'docs/COMING-FROM.md'), re.M)
        options = self.help.options('syncIMAPMail') | \
            self.help.options('mailconvoy')
        seen = 0
        for row in rows:
            ours = row.split('|')[1:]
            for code in re.findall(r'`([^`]+)`', '|'.join(ours)):
                for option in re.findall(r'(?<![\w-])--[\w-]+', code):
                    self.assertIn(documents.same(option), options, row)
                m = re.fullmatch(r'([a-z_]+(?:\.[a-z_]+)*)(?::.*)?', code)
                if m and '_' in code or m and '.' in m.group(1) or \
                        m and ':' in code:
                    seen += 1
                    self.assertEqual([], [k for k in m.group(1).split('.')
                                          if k not in known], row)
        self.assertGreater(seen, 10)

    def test_links_lead_somewhere(self):
        for document in DOCUMENTS:
            folder = os.path.dirname(os.path.join(convoy.ROOT, document))
            for target in re.findall(
                    r'\]\(([^)#:]+)(?:#[^)]*)?\)',
                    documents.prose(convoy.ROOT, document)):
                self.assertTrue(os.path.exists(os.path.join(folder, target)),
                                '%s: %s' % (document, target))


class CopiedBefore(convoy.Case):
    """docs/COMING-FROM.md: what another tool has copied is recognised."""

    def setUp(self):
        convoy.need_dovecot()
        super().setUp()

    def copied_by(self, tool):
        if not tool.version:
            self.skipTest(tool.name + ' is not installed')
        with Dovecot() as source, Dovecot() as target:
            with convoy.account(source) as client:
                seed.load(client, convoy.ROOT + '/samples/mail')
            job = types.SimpleNamespace(
                users=['anna'], folder=self.folder, source=source.port,
                target=target.port, target_server=target)
            for command in tool.commands(job):
                subprocess.run(command, check=False, timeout=convoy.PATIENCE,
                               stdin=subprocess.DEVNULL, cwd=self.folder)
            before = self.engine('--dryRun', *self.both(source, target))
            after = self.engine(*self.both(source, target), code=0)
            again = self.engine(*self.both(source, target), code=0)
        self.assertEqual(0, again.tally()['copied'])
        self.assertEqual(before.tally()['copied'], after.tally()['copied'])
        return after.tally()

    @staticmethod
    def both(source, target):
        return convoy.PLAIN + ('127.0.0.1:%d' % source.port, 'anna', 'pass',
                               '127.0.0.1:%d' % target.port, 'anna', 'pass')

    def test_mbsync(self):
        t = self.copied_by(programs.Mbsync())
        self.assertEqual((44, 0), (t['source'], t['copied']))

    def test_doveadm_backup(self):
        t = self.copied_by(programs.Doveadm())
        self.assertEqual((44, 0), (t['source'], t['copied']))

    def test_offlineimap(self):
        t = self.copied_by(programs.Offlineimap())
        self.assertEqual((44, 0), (t['source'], t['copied']))

    def test_a_shell_loop(self):
        """One engine an account, without any plan; then the plan."""
        class Loop:
            name, version = 'syncIMAPMail', '1'

            @staticmethod
            def commands(job):
                yield [convoy.ENGINE, *convoy.PLAIN, '127.0.0.1:%d' % job.source,
                       'anna', 'pass', '127.0.0.1:%d' % job.target, 'anna',
                       'pass']
        t = self.copied_by(Loop)
        self.assertEqual((44, 0), (t['source'], t['copied']))


class Plans(convoy.Case):
    """Blocks of YAML are plans, or parts of them, that check accepts."""

    BASE = {
        'version': 'version: 1\n',
        'servers': 'servers:\n  old: {host: imap.old.example.org}\n'
                   '  new: {host: imap.new.example.org}\n',
        'defaults': 'defaults:\n'
                    '  source: {server: old, password: {file: secrets/old}}\n'
                    '  target: {server: new, password: {file: secrets/new}}\n',
        'accounts': 'accounts:\n  - {id: anna, user: anna@example.org}\n'}

    def whole(self, text):
        parts = dict(self.BASE)
        for part in re.findall(r'^\w+:.*\n(?:(?:[ #].*)?\n)*', text, re.M):
            key = part.split(':')[0]
            if key == 'servers' and not re.search(r'^  new:', part, re.M):
                part += '  new: {host: imap.new.example.org}\n'
            parts[key] = part
        if 'accounts_file' in parts:
            del parts['accounts']
        return ''.join(parts.values())

    def test_check_takes_them(self):
        os.makedirs(self.path('secrets'), 0o700)
        os.chmod(self.path('secrets'), 0o700)
        for name in ('old', 'new', 'source', 'target'):
            self.write('secrets/' + name, 'x\n')
        self.write('accounts.csv', 'id,src_user,dst_user\nanna,anna,anna\n')
        for document in DOCUMENTS:
            for block in documents.blocks(convoy.ROOT, document):
                if block.kind != 'yaml':
                    continue
                self.write('plan.yaml', self.whole(block.text))
                p = subprocess.run(
                    [convoy.SUPERVISOR, 'check', 'plan.yaml'],
                    cwd=self.folder, capture_output=True, text=True,
                    timeout=convoy.PATIENCE)
                self.assertEqual((0, ''), (p.returncode, p.stderr),
                                 block.where)


if __name__ == '__main__':
    unittest.main()
