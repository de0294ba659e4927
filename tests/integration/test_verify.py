# SPDX-License-Identifier: MIT
"""The comparison of both sides: it finds what differs and nothing else, calls
a copy equal, changes nothing, and goes on after lost sessions."""
import collections
import json
import os
import random
import re
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'support'))

import convoy  # noqa: E402
from convoy import PLAIN, account, fill  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from imap_client import quote  # noqa: E402
from courier import Courier  # noqa: E402
from cyrus import Cyrus  # noqa: E402
from scripted_server import Fault, MiniServer, Refused, Session  # noqa: E402

ACCOUNTS, PLANTED = 20, 10
LEVELS = ('count', 'digest', 'body')
WHEN = b'03-Mar-2014 12:00:00 +0100'


def login(source, target, user='anna'):
    return ('127.0.0.1:%d' % source.port, user, 'pass',
            '127.0.0.1:%d' % target.port, user, 'pass')


class Case(convoy.Case):
    def records(self, source, target, *options, user='anna', code=None,
                seconds=convoy.PATIENCE):
        """Compares; (exit code, records, log)."""
        out, into = os.pipe()
        process = subprocess.Popen(
            [convoy.ENGINE, *PLAIN, '--recordFd', str(into), *options,
             *login(source, target, user)], pass_fds=[into],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, cwd=self.folder)
        self.addCleanup(convoy.end, process)
        os.close(into)
        logged = []
        with os.fdopen(out, encoding='ascii') as lines:
            reader = threading.Thread(
                target=lambda: logged.append(process.stderr.read()))
            reader.start()
            records = [json.loads(line) for line in lines]
            reader.join(seconds)
        process.wait(seconds)
        log = logged[0].decode('utf-8', 'replace')
        if code is not None:
            self.assertEqual(code, process.returncode, log[-6000:])
        self.assertEqual(process.returncode, records[-1]['exit'])
        return process.returncode, records, log

    def counts(self, *args, **kwargs):
        """What the last record counts."""
        _, records, _ = self.records(*args, **kwargs)
        return records[-1]['verify']

    def copy(self, source, target, *options, user='anna', code=0):
        return self.engine(*PLAIN, *options, *login(source, target, user),
                           code=code)


def told(records):
    """The differences of records as (kind, mailbox, uid)."""
    return collections.Counter(
        (r['reason'].partition('.')[2], r.get('mailbox') or r['target'],
         r.get('uid') or r.get('target_uid') or 0)
        for r in records if r['ev'] == 'difference')


class Planter:
    """Makes one account differ from its copy in known places."""

    def __init__(self, rnd, source, target, user):
        self.rnd, self.user = rnd, user
        self.source, self.target = account(source, user), account(target, user)
        self.expected = collections.Counter()
        self.boxes = [n for n in sorted(self.source.list())
                      if len(self.source.fetch(n, b'(UID)')) > 1]
        self.used = set()

    def close(self):
        self.source.close()
        self.target.close()

    def pair(self):
        """(mailbox, message on the source, its copy), each only once."""
        while True:
            box = self.rnd.choice(self.boxes)
            left = self.source.fetch(box)
            message = self.rnd.choice(left)
            if (box, message[b'UID']) in self.used:
                continue
            raw = message[b'BODY[]']
            copies = [m for m in self.target.fetch(box)
                      if m[b'BODY[]'].rstrip(b'\r\n') == raw.rstrip(b'\r\n')]
            if len(copies) != 1:
                continue  # one of several equal ones
            self.used.add((box, message[b'UID']))
            return box, message, copies[0]

    def expect(self, kind, box, uid=0):
        self.expected[kind, box.decode(), int(uid)] += 1

    def remove(self, box, uid):
        self.target.command(b'SELECT ', quote(box))
        self.target.command(b'UID STORE ', uid, b' +FLAGS.SILENT (\\Deleted)')
        self.target.command(b'UID EXPUNGE ', uid)
        self.target.command(b'UNSELECT')

    @staticmethod
    def flags(message):
        return b' '.join(f for f in message[b'FLAGS']
                         if f.upper() != b'\\RECENT')

    def missing(self):
        box, message, copy = self.pair()
        self.remove(box, copy[b'UID'])
        self.expect('missing', box, message[b'UID'])

    def doubled(self):
        box, _, copy = self.pair()
        self.target.append(box, copy[b'BODY[]'], self.flags(copy),
                           copy[b'INTERNALDATE'])
        newest = max(int(m[b'UID']) for m in self.target.fetch(box, b'(UID)'))
        self.expect('doubled', box, newest)

    def changed(self):
        box, message, copy = self.pair()
        raw = bytearray(copy[b'BODY[]'])
        places = [i for i, c in enumerate(raw) if chr(c).isalnum()]
        at = self.rnd.choice(places)
        raw[at] = ord('q') if raw[at] != ord('q') else ord('j')
        self.target.append(box, bytes(raw), self.flags(copy),
                           copy[b'INTERNALDATE'])
        self.remove(box, copy[b'UID'])
        self.expect('changed', box, message[b'UID'])

    def flag(self):
        box, message, copy = self.pair()
        flag = self.rnd.choice((b'\\Seen', b'\\Flagged', b'Work', b'$New'))
        has = flag.lower() in [f.lower() for f in copy[b'FLAGS']]
        self.target.command(b'SELECT ', quote(box))
        self.target.command(b'UID STORE ', copy[b'UID'],
                            b' -FLAGS (' if has else b' +FLAGS (', flag, b')')
        self.target.command(b'UNSELECT')
        self.expect('flags', box, message[b'UID'])

    def date(self):
        box, message, copy = self.pair()
        self.target.append(box, copy[b'BODY[]'], self.flags(copy), WHEN)
        self.remove(box, copy[b'UID'])
        self.expect('dates', box, message[b'UID'])

    def folder(self):
        name = b'Folder %d' % self.rnd.randrange(10 ** 6)
        side = self.rnd.choice((self.source, self.target))
        side.command(b'CREATE ', quote(name))
        self.expect('folders_missing' if side is self.source
                    else 'folders_extra', name)

    def plant(self, count):
        kinds = (self.missing, self.doubled, self.changed, self.flag,
                 self.date, self.folder)
        for i in range(count):
            kinds[i % len(kinds)]()


PLAN = """
version: 1
name: verify-test
state_dir: ./state
servers:
  old: {{host: 127.0.0.1, port: {source}, tls: none}}
  new: {{host: 127.0.0.1, port: {target}, tls: none}}
defaults:
  source: {{server: old, auth: plain}}
  target: {{server: new, auth: plain}}
  options: {{long_lines: truncate}}
limits: {{jobs: 4, start_delay: 0ms}}
retry: {{attempts: 1}}
passes:
  final: {{verify: digest}}
accounts:
{accounts}
"""


class Batch(Case):
    """20 accounts, 200 planted differences."""

    def test_a_pass_is_compared_at_its_end(self):
        """The worse of both exit codes counts."""
        with Dovecot() as source, Dovecot() as target:
            fill(source, 'anna', messages=20, size=900, mailboxes=2)
            plan = self.plan(source, target, ['anna'])
            for code, words in ((0, '1 of 1 accounts equal.'),
                                (1, '0 of 1 accounts equal, 1 differ')):
                ended = subprocess.run(
                    [convoy.SUPERVISOR, 'run', plan, '--new-run', '--pass',
                     'final'], cwd=self.folder, capture_output=True,
                    text=True, timeout=convoy.PATIENCE)
                self.assertEqual(code, ended.returncode,
                                 ended.stdout + ended.stderr)
                self.assertIn(words, ended.stdout)
                with account(target, 'anna') as client:
                    client.append('INBOX', client.fetch('INBOX')[0][b'BODY[]'])

    def plan(self, source, target, users):
        accounts = ''.join(
            '  - {id: %s, user: %s, source: {password: pass}, '
            'target: {password: pass}}\n' % (u, u) for u in users)
        return self.write('plan.yaml', PLAN.format(
            source=source.port, target=target.port, accounts=accounts))

    def verify(self, plan, *options, code):
        """What the supervisor prints, and the lines of its journal."""
        ended = subprocess.run(
            [convoy.SUPERVISOR, 'verify', plan, *options],
            cwd=self.folder, capture_output=True, text=True,
            timeout=2 * convoy.PATIENCE)
        self.assertEqual(code, ended.returncode,
                         ended.stdout[-3000:] + ended.stderr[-3000:])
        journal = re.search(r'journal  (\S+)', ended.stdout).group(1)
        with open(os.path.join(self.folder, journal), encoding='utf-8') as f:
            return ended.stdout, [json.loads(line) for line in f]

    def setUp(self):
        super().setUp()
        convoy.need_dovecot()

    def test_finds_every_difference_and_nothing_else(self):
        rnd = random.Random(20260301)
        with Dovecot() as source, Dovecot(separator='.') as target:
            users = ['user%02d' % i for i in range(ACCOUNTS)]
            for user in users:
                fill(source, user, messages=30, size=2500, mailboxes=4)
                self.copy(source, target, user=user)
            for user in users:
                for level in LEVELS:
                    with self.subTest(user=user, level=level, planted=False):
                        _, records, _ = self.records(
                            source, target, '--verify', level,
                            '--verifyDiff', user=user, code=0)
                        self.assertEqual({}, told(records))
            plan = self.plan(source, target, users)
            for level in LEVELS:
                with self.subTest(level=level, batch='equal'):
                    said, lines = self.verify(plan, '--level', level, code=0)
                    self.assertIn('20 of 20 accounts equal.', said)
                    self.assertEqual(
                        ACCOUNTS * 4,
                        sum(line['ev'] == 'verify' for line in lines))
            planted = 0
            everything = {}
            for user in users:
                planter = Planter(rnd, source, target, user)
                self.addCleanup(planter.close)
                planter.boxes = [b for b in planter.boxes if b'/' not in b]
                planter.plant(PLANTED)
                planted += sum(planter.expected.values())
                for options in ((), ('--noThreads',)):
                    with self.subTest(user=user, options=options):
                        _, records, log = self.records(
                            source, target, '--verify', 'body',
                            '--verifyDiff', *options, user=user, code=1)
                        self.assertEqual(planter.expected, told(records),
                                         log[-3000:])
                everything[user] = planter.expected
            self.assertEqual(ACCOUNTS * PLANTED, planted)
            said, lines = self.verify(
                plan, '--level', 'body', '--diff', '-j', '3', code=1)
            self.assertIn('0 of 20 accounts equal, 20 differ.', said)
            for user in users:
                self.assertEqual(everything[user], told(
                    line for line in lines if line.get('id') == user))
            signs = collections.Counter(
                line[0] for line in said.splitlines() if line[1:6] == ' user')
            self.assertEqual(planted, sum(signs[s] for s in '-+*!'))
            # one of them, and what nobody can compare is not equal
            said, _ = self.verify(plan, '--account', 'user03', code=1)
            self.assertIn('0 of 1 accounts equal', said)
            target.stop()
            said, _ = self.verify(plan, '--account', 'user03', '--level',
                                  'count', code=1)
            self.assertIn('1 not compared', said)



ODD = (
    b'Subject: no line end\r\n\r\nlast line',
    b'Subject: header only\r\n\r\n',
    b'no header at all, only text\r\n',
    b'From somebody Mon Jan  1 00:00:00 2024\r\nSubject: mbox\r\n\r\nx\r\n',
    b'Subject: a bare\rCR\r\n\r\nbody with\rone too\r\n',
    b'Subject: caf\xe9\r\nMessage-ID: <8bit@example.org>\r\n\r\n\xe9\r\n',
    b'Subject: long\r\nMessage-ID: <l@x>\r\n\r\n' + b'x' * 9500 + b'\r\nz\r\n',
    b'Subject: longer\r\n\r\n' + b'y' * 30000,
    b'Subject: ' + b's' * 9400 + b'\r\n\r\n\r\n',
    b'Subject: twice\r\nMessage-ID: <twice@example.org>\r\n\r\none\r\n',
    b'Subject: twice\r\nMessage-ID: <twice@example.org>\r\n\r\none\r\n',
    b'Subject: dots\r\n\r\n.\r\n..\r\n)\r\n* 1 EXISTS\r\na OK done\r\n',
)
NAMES = (b'~tilde', b'.dot', b'quote"d', b'back\\slash', b'#hash', b' spaces ',
         b'x.mbox', b'&AOQ-', b'100%', b'a*b', b'(x)', b'Sent.2024')


class Equal(Case):
    """What a copy may change is no difference, and is named."""

    def setUp(self):
        super().setUp()
        convoy.need_dovecot()

    def check_equal(self, source, target, *options, user='anna'):
        for level in LEVELS:
            for more in ((), ('--noThreads',)):
                with self.subTest(level=level, more=more):
                    _, records, log = self.records(
                        source, target, *options, '--verify', level,
                        '--verifyDiff', *more, user=user, code=0)
                    self.assertEqual({}, told(records), log[-3000:])
        return records[-1]['verify']

    def test_changes_of_the_guide(self):
        with Dovecot() as source, Dovecot(separator='.') as target:
            with account(source) as client:
                client.append_many('INBOX', [(raw, b'', b'') for raw in ODD])
                client.append('INBOX', ODD[0], b'\\Deleted')
            self.copy(source, target, '--longLines', 'truncate')
            counts = self.check_equal(source, target,
                                      '--longLines', 'truncate')
            self.assertEqual(
                (2, 3, 1), (counts['line_end_added'], counts['long_lines'],
                            counts['deleted']))
            self.assertEqual(len(ODD), counts['equal'])
            # the same copy is none when lines are to be kept
            _, records, _ = self.records(
                source, target, '--verify', 'body', '--verifyDiff',
                '--longLines', 'keep', code=1)
            self.assertEqual({('changed', 'INBOX', n): 1 for n in (7, 8, 9)},
                             told(records))
            self.assert_only_read(source)

    def test_names(self):
        """Mapped names are compared; nothing hostile becomes a command."""
        with MiniServer() as source, Dovecot(separator='.') as target:
            for name in NAMES:
                source.box(name.decode()).add(b'Subject: x\r\n\r\n' + name)
            self.copy(source, target)
            counts = self.check_equal(source, target)
            self.assertEqual([], source.strange)
            self.assertGreater(counts['names'], 4)

    def test_prefixes_skips_and_renames(self):
        with Dovecot() as source, Dovecot(prefix='INBOX.',
                                          separator='.') as target:
            fill(source, messages=60, size=900, mailboxes=8)
            options = ('--target', 'INBOX.Old.', '--skipMailbox', 'Projects*',
                       '--renameMailbox', 'Sent', 'Gesendet',
                       '--list', '*')
            self.copy(source, target, *options)
            self.check_equal(source, target, *options)
            # without them it is another thing
            self.assertEqual(1, self.records(
                source, target, '--verify', 'count')[0])

    def test_only_reads(self):
        with Dovecot() as source, Dovecot() as target:
            fill(source, messages=40, size=900, mailboxes=4)
            self.copy(source, target)
            for server in (source, target):
                server.forget_commands()
            self.check_equal(source, target)
            for server in (source, target):
                self.assert_only_read(server)
                self.assertNotIn('SELECT', server.commands())

    def test_sample(self):
        """The same messages each time, and about so many."""
        with Dovecot() as source, Dovecot() as target:
            fill(source, messages=400, size=900, mailboxes=2)
            self.copy(source, target)
            options = ('--verify', 'body', '--verifySample', '25%')
            first = self.counts(source, target, *options, code=0)
            self.assertEqual(first, self.counts(source, target, *options))
            self.assertTrue(60 < first['bodies'] < 180, first)

    def test_corpus(self):
        if not convoy.corpus():
            raise unittest.SkipTest('no corpus (MAILCONVOY_CORPUS)')
        with Dovecot() as source, Dovecot(separator='.') as target:
            convoy.fill_with_corpus(source)
            for rule in ('keep', 'truncate'):
                with self.subTest(rule=rule):
                    user = 'anna' + rule
                    self.engine(
                        *PLAIN, '--longLines', rule,
                        '127.0.0.1:%d' % source.port, 'anna', 'pass',
                        '127.0.0.1:%d' % target.port, user, 'pass', code=0)
                    for level in LEVELS:
                        process = self.engine(
                            *PLAIN, '--longLines', rule, '--verify', level,
                            '--verifyDiff',
                            '127.0.0.1:%d' % source.port, 'anna', 'pass',
                            '127.0.0.1:%d' % target.port, user, 'pass')
                        self.assertEqual(0, process.code,
                                         process.log[-3000:])


class Foreign(Case):
    """Servers that rewrite what they are given."""

    def setUp(self):
        super().setUp()
        convoy.need_dovecot()

    def check(self, server):
        with Dovecot() as source, server as target:
            with account(source) as client:
                refused = []
                client.append_many(
                    'INBOX', [(raw, b'\\Seen', b'') for raw in ODD], refused)
            fill(source, messages=60, mailboxes=4)
            ended = self.engine(*PLAIN, '--longLines', 'keep', '--settle', 0,
                                *login(source, target))
            # what it refused is missing, and nothing else is told
            expected = {('missing', 'INBOX', int(uid)) for uid in re.findall(
                r"refused \([^)]*\): mailbox 'INBOX', uid (\d+)", ended.log)}
            for level in ('digest', 'body'):
                with self.subTest(level=level):
                    _, records, log = self.records(
                        source, target, '--longLines', 'keep', '--verify',
                        level, '--verifyDiff', code=1 if expected else 0)
                    self.assertEqual(expected, set(told(records)),
                                     log[-3000:])
            return records[-1]['verify']

    def test_cyrus(self):
        """Cyrus makes an X of every 8-bit octet of a header."""
        self.assertGreater(self.check(Cyrus())['eight_bit'], 0)

    def test_courier(self):
        """Courier leaves out a CR that no LF follows."""
        self.assertGreater(self.check(Courier())['line_ends'], 0)


def letter(n, size=200):
    return b'Subject: %d\r\nMessage-ID: <%d@x>\r\n\r\n%s\r\n' % (
        n, n, b'x' * size)


class Trouble(Case):
    """Servers that hang up, refuse, hide or lie."""

    def servers(self, count=40, faults=(), session=None):
        source = MiniServer(faults=faults, session=session)
        target = MiniServer()
        for server in (source, target):
            for n in range(count):
                server.box('INBOX').add(letter(n))
                server.box('Other').add(letter(n + 1000))
        return source, target

    def compare(self, source, target, *options, code):
        with source, target:
            return self.records(source, target, '--verify', 'body',
                                '--verifyDiff', '--timeout', 2, *options,
                                code=code)

    def records(self, source, target, *options, **kwargs):
        return super().records(source, target, *map(str, options), **kwargs)

    def test_lost_sessions(self):
        """It goes on behind what had come."""
        for kind, command in (('cut', 'UID FETCH'), ('bye', 'UID FETCH'),
                              ('stall', 'UID FETCH'), ('no', 'FETCH'),
                              ('cut-in-fetch', 'FETCH'), ('cut', 'EXAMINE')):
            for options in ((), ('--noThreads',)):
                with self.subTest(kind=kind, options=options):
                    servers = self.servers(faults=[
                        Fault(kind, command, nth=2, times=2, count=50)])
                    _, records, log = self.compare(
                        *servers, *options, code=0)
                    self.assertEqual({}, told(records), log[-3000:])
                    self.assertEqual(80, records[-1]['verify']['equal'])

    def test_a_mailbox_that_ends_every_session(self):
        class Deadly(Session):
            def do_uid_fetch(self, numbers, items, *_):
                if self._box().name == b'INBOX':
                    raise ConnectionError
                return super().do_uid_fetch(numbers, items)
        _, records, _ = self.compare(*self.servers(session=Deadly), code=1)
        self.assertEqual({('folders_unreadable', 'INBOX', 0): 1},
                         told(records))
        self.assertEqual(40, records[-1]['verify']['equal'])

    def test_a_message_that_cannot_be_read(self):
        """It alone is named, whatever it was asked for together with."""
        class Damaged(Session):
            def _send_fetch(self, n, head, bodies):
                if bodies and b'<13@x>' in bodies[0][1]:
                    raise Refused(b'NO [SERVERBUG] damaged')
                super()._send_fetch(n, head, bodies)
        _, records, log = self.compare(*self.servers(session=Damaged), code=1)
        self.assertEqual({('unreadable', 'INBOX', 14): 1}, told(records),
                         log[-3000:])
        self.assertEqual(79, records[-1]['verify']['equal'])

    def test_hidden_messages(self):
        """Not all that EXISTS says is given: what is hidden is missing."""
        source, target = self.servers()

        class Hiding(Session):
            def _send_fetch(self, n, head, bodies):
                if n != 5:
                    super()._send_fetch(n, head, bodies)
        target.session = Hiding
        _, records, _ = self.compare(source, target, code=1)
        self.assertEqual({('missing', 'INBOX', 5): 1,
                          ('missing', 'Other', 5): 1}, told(records))

    def test_logins(self):
        """77 and 75 as for a copy: nothing is known."""
        source, target = self.servers()
        target.password = 'other'
        code, records, _ = self.compare(source, target, code=77)
        self.assertEqual([], [r for r in records if r['ev'] == 'verify'])
        self.assertEqual('target', records[-1]['side'])
        with MiniServer() as source:
            with MiniServer() as target:
                pass
            self.assertEqual(75, self.records(
                source, target, '--verify', 'count')[0])

    def test_mode_says_what_the_target_may_have(self):
        for mode, code in (('syncSrcAll', 0), ('syncDst', 1)):
            source, target = self.servers()
            target.box('INBOX').add(letter(5000))
            target.box('Third').add(letter(5001))
            _, records, _ = self.compare(source, target, '--mode', mode,
                                         code=code)
            self.assertEqual({('extra', 'INBOX', 41): 1,
                              ('folders_extra', 'Third', 0): 1},
                             told(records))
            self.assertEqual(2, records[-1]['verify']['extra'])

    def test_keywords_the_target_does_not_keep(self):
        class Telling(Session):
            def do_examine(self, name):
                return self._open(name, False)
        source, target = self.servers(count=3)
        target.keywords, target.session = b'', Telling
        source.box('INBOX').messages[0].flags = (b'\\Seen', b'Work')
        target.box('INBOX').messages[0].flags = (b'\\Seen',)
        _, records, _ = self.compare(source, target, code=0)
        self.assertEqual(1, records[-1]['verify']['keywords'])

    def test_stopped(self):
        source, target = self.servers(faults=[
            Fault('stall', 'UID FETCH', times=99)])
        with source, target:
            process = self.start(*PLAIN, '--verify', 'body',
                                 *login(source, target))
            convoy.wait_until(lambda: source.count('UID FETCH'), 'a FETCH')
            process.terminate()
            self.assertEqual(4, process.wait(convoy.PATIENCE))


class Many(Session):
    """A mailbox of 200,000 messages that exists only in its answers."""

    COUNT = 200000

    def do_status(self, name, items):
        self.io.send(b'* STATUS %s (MESSAGES %d UIDNEXT %d UIDVALIDITY 1)\r\n'
                     % (name, self.COUNT, self.COUNT + 1))
        return b'done'

    def do_examine(self, name):
        self.io.send(b'* %d EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n' % self.COUNT)
        return b'[READ-ONLY] done'

    def do_uid_fetch(self, numbers, items, *_):
        for start in range(1, self.COUNT + 1, 1000):
            self.io.send(b''.join(
                b'* %d FETCH (UID %d FLAGS (\\Seen) INTERNALDATE '
                b'"01-Jan-2020 00:00:00 +0000" RFC822.SIZE 99 '
                b'BODY[HEADER] {%d}\r\n%s)\r\n' % (n, n, len(h), h)
                for n, h in ((n, b'Message-ID: <%d@x>\r\n\r\n' % n)
                             for n in range(start, start + 1000))))
        return b'done'


# a child's peak begins with what its parent had
LAUNCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


class Memory(Case):
    def test_two_hundred_thousand_messages(self):
        if os.path.basename(convoy.BUILD) != 'release':
            raise unittest.SkipTest('memory is measured on the release build')
        with MiniServer(session=Many) as source, \
                MiniServer(session=Many) as target:
            ended = subprocess.run(
                [sys.executable, '-I', '-S', '-c', LAUNCHER, convoy.ENGINE,
                 *PLAIN, '--verify', 'digest', *login(source, target)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                timeout=convoy.PATIENCE)
        self.assertEqual(0, ended.returncode, ended.stderr[-2000:])
        self.assertIn('equal 200000', ended.stderr)
        peak = int(ended.stdout) / 1024
        print('  peak memory, 200,000 messages: %.1f MiB (at most 30)' % peak)
        self.assertLessEqual(peak, 30)


if __name__ == '__main__':
    unittest.main()
