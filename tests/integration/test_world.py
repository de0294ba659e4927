# SPDX-License-Identifier: MIT
"""What changes on both sides while mail is copied, sides that are slow, and what
each server may learn and change."""
import os
import re
import subprocess
import time
import unittest

from convoy import (Case, ENGINE, PLAIN, SUPERVISOR, WRITING, account, fill,
                    need_dovecot)
from dovecot import Dovecot
from imap_client import quote
from scripted_server import Fault, Hangup, MiniServer, Session

CHANGED = 2
FAST = ('LITERAL+', 'MULTIAPPEND', 'UIDPLUS')


def letter(n, size=0):
    return (b'Message-ID: <w%d@example.org>\r\nSubject: letter %d\r\n'
            b'Date: Wed, 01 Jan 2020 10:00:00 +0000\r\n\r\n' % (n, n) +
            b'0123456789abcdef\r\n' * (size // 18) + b'end\r\n')


class WorldCase(Case):
    def server(self, count=0, size=0, **kwargs):
        server = MiniServer(**kwargs)
        self.addCleanup(server.stop)
        for n in range(count):
            server.box('INBOX').add(letter(n, size))
        return server

    def copy(self, source, target, *options, code=(0,), host='127.0.0.1'):
        ended = self.engine(
            *PLAIN, *options, '127.0.0.1:%d' % source.port, source.user,
            source.password, '%s:%d' % (host, target.port), target.user,
            target.password)
        self.assertIn(ended.code, code, ended.log[-4000:])
        return ended

    def held(self, server):
        return sorted(m.raw for m in server.box('INBOX').messages)

    def assert_whole(self, source, target):
        self.assertEqual(self.held(source), self.held(target))
        self.assertEqual([], source.problems + target.problems)


class Once(Session):
    """Calls server.meanwhile() once, when the command of that name comes."""

    def obey(self, text, literals):
        with self.server.lock:
            is_due = self.name_of(text) == self.server.moment[0] and \
                re.search(self.server.moment[1], text)
            call = self.server.meanwhile if is_due else None
            if call:
                self.server.meanwhile = None
        if call:
            call()
        super().obey(text, literals)


def do_at(server, name, pattern, call):
    server.moment, server.meanwhile = (name, pattern), call


class Source(WorldCase):
    """The source changes while it is read."""

    def test_f190_messages_vanish_before_they_are_fetched(self):
        for options in ((), ('--noThreads',), ('--fetchMax', 1)):
            with self.subTest(options=options):
                source = self.server(10, session=Once)
                target = self.server(1, capability=FAST)
                box = source.box('INBOX')

                def vanish(box=box):
                    box.messages = [m for m in box.messages
                                    if m.uid not in (4, 7)]
                do_at(source, 'UID', rb'FETCH .*BODY\.PEEK\[\]', vanish)
                ended = self.copy(source, target, *options, code=(CHANGED,))
                tally = self.assert_balanced(ended)
                self.assertEqual((10, 7, 1, 0, 2), tuple(tally[k] for k in (
                    'source', 'copied', 'present', 'refused', 'vanished')))
                self.assert_whole(source, target)
                target.forget_commands()
                self.copy(source, target)
                self.assertEqual(0, target.count('APPEND', 'STORE'))

    def test_f191_mail_comes_while_it_is_read(self):
        source = self.server(10, session=Once)
        target = self.server(capability=FAST)
        do_at(source, 'UID', rb'FETCH .*BODY\.PEEK\[\]',
              lambda: source.box('INBOX').add(letter(77)))
        ended = self.copy(source, target, code=(0, CHANGED))
        tally = self.assert_balanced(ended)
        self.assertEqual(0, tally['refused'])
        self.assertLessEqual(set(map(letter, range(10))),
                             set(self.held(target)))
        self.copy(source, target)  # whatever was left comes now, once
        self.assert_whole(source, target)


class Anew(Session):
    """From the second connection on INBOX is another one: new UIDVALIDITY,
    other UIDs, the mail of before."""

    def run(self):
        with self.server.lock:
            if self.server.connections == 2:
                box = self.server.box('INBOX')
                box.uidvalidity += 1
                for message in box.messages:
                    message.uid += 1000
                box.uidnext += 1000
        super().run()


class Restarted(WorldCase):
    """A server comes back in the same run and gives other numbers."""

    def assert_recovers(self, source, target, codes):
        ended = self.copy(source, target, '--fetchMax', 4, '--storeMax', 4,
                          code=codes)
        self.assert_balanced(ended)
        self.assertEqual((1, 2), tuple(sorted((source.connections,
                                               target.connections))))
        self.assertLessEqual(len(self.held(target)), 20)
        self.copy(source, target)
        self.assert_whole(source, target)
        target.forget_commands()
        self.copy(source, target)
        self.assertEqual(0, target.count('APPEND', 'STORE', 'UID STORE'))

    def test_f148_the_source(self):
        source = self.server(20, session=Anew, faults=[
            Fault('cut-in-fetch', 'FETCH', nth=9, count=30)])
        self.assert_recovers(source, self.server(capability=FAST),
                             (0, CHANGED))

    def test_f148_the_target(self):
        for store, capability in ((False, FAST), (True, FAST), (True, ())):
            with self.subTest(store=store, capability=capability):
                target = self.server(
                    session=Anew, capability=capability, faults=[
                        Fault('cut-before-reply', nth=3, store=store)])
                self.assert_recovers(self.server(20), target, (0, CHANGED))


class Target(WorldCase):
    """Others work on the target while it is written."""

    def test_f193_what_the_user_deletes_meanwhile_stays_away(self):
        """In the same run; the next one compares both sides again."""
        source, target = self.server(30), self.server(5, session=Once,
                                                      capability=('UIDPLUS',))
        box = target.box('INBOX')

        def delete():
            box.messages = [m for m in box.messages if m.uid != 2]
        do_at(target, 'APPEND', rb'', delete)
        ended = self.copy(source, target, '--storeMax', 1,
                          code=(0, CHANGED))
        tally = self.assert_balanced(ended)
        self.assertEqual((30, 25, 5), (tally['source'], tally['copied'],
                                       tally['present']))
        self.assertNotIn(letter(1), self.held(target))
        self.assertEqual(29, len(self.held(target)))
        self.copy(source, target)
        self.assert_whole(source, target)

    def test_f193_another_program_appends_meanwhile(self):
        """What it adds is neither ours nor in the way."""
        for capability in ((), ('UIDPLUS',), FAST):
            with self.subTest(capability=capability):
                source = self.server(30)
                target = self.server(session=Once, capability=capability)
                do_at(target, 'APPEND', rb'',
                      lambda t=target: t.box('INBOX').add(letter(500)))
                ended = self.copy(source, target, '--storeMax', 4)
                tally = self.assert_balanced(ended)
                self.assertEqual((30, 30), (tally['source'],
                                            tally['copied']))
                self.assertEqual(sorted(self.held(source) + [letter(500)]),
                                 self.held(target))
                target.forget_commands()
                self.copy(source, target)
                self.assertEqual(0, target.count('APPEND'))


class Impatient(Session):
    """Throws out who has said nothing for a second."""

    def run(self):
        self.io.socket.settimeout(1)
        try:
            super().run()
        except TimeoutError:
            self.server.thrown_out += 1
            self.io.send(b'* BYE idle for too long\r\n')
            raise Hangup from None


class Sleepy(Session):
    """Takes its time in the middle, once a connection."""

    slept = False

    def _send_fetch(self, n, head, bodies):
        if n == 6 and not self.slept and len(bodies) == 1 and \
                bodies[0][0] == b'BODY[]':
            self.slept = True
            self.server.slept += 1
            self.io.stopping.wait(3)
        super()._send_fetch(n, head, bodies)


class Chatterbox(Session):
    """Has said much before it reads on."""

    def do_append(self, arguments, literals):
        for _ in range(200):
            self.io.send(b'* OK ' + b'x' * 8000 + b'\r\n')
        return super().do_append(arguments, literals)


class Slow(WorldCase):
    def test_f143_thrown_out_while_the_source_is_slow(self):
        for options in ((), ('--noThreads',)):
            with self.subTest(options=options):
                source = self.server(10, session=Sleepy)
                target = self.server(session=Impatient, capability=FAST)
                source.slept = target.thrown_out = 0
                self.copy(source, target, '--fetchMax', 3, *options)
                self.assertEqual(1, source.slept)
                self.assertGreater(target.thrown_out, 0)
                self.assert_whole(source, target)

    def test_f142_f144_nobody_waits_for_ever(self):
        """F142, F144: a queue for one message, and a target that writes
        megabytes before it reads on."""
        for options in ((), ('--noThreads',)):
            with self.subTest(options=options):
                source = self.server(24, 400000)
                target = self.server(session=Chatterbox,
                                     capability=('LITERAL+',))
                self.copy(source, target, '--queueMax', 1, '--queueSizeMax',
                          1, '--fetchMax', 20, '--timeout', 30, *options)
                self.assert_whole(source, target)


class Drip(Session):
    """A byte of a message now and then, for ever."""

    def _send_fetch(self, n, head, bodies):
        if not bodies or bodies[0][0] != b'BODY[]':
            super()._send_fetch(n, head, bodies)
            return
        self.io.send(b'* %d FETCH (' % n + head + b' BODY[] {100000}\r\n')
        while not self.io.stopping.wait(0.05):
            self.io.send(b'x')


class Murmur(Session):
    """Never silent, never done."""

    def do_append(self, arguments, literals):
        while not self.io.stopping.wait(0.05):
            self.io.send(b'* OK still at it\r\n')


PLAN = '''version: 1
name: slow
servers:
  old: {host: 127.0.0.1, port: %d, tls: none}
  new: {host: 127.0.0.1, port: %d, tls: none}
defaults:
  source: {server: old, password: {file: secret}}
  target: {server: new, password: {file: secret}}
limits: {jobs: 2, account_timeout: 4s}
retry: {attempts: 1}
accounts: [{user: anna}]
'''


class Budget(WorldCase):
    def test_f225_two_servers_that_never_end(self):
        """There is always some progress: the time of the account ends it."""
        source = self.server(3, session=Drip)
        target = self.server(session=Murmur)
        self.write('secret', 'pass\n')
        self.write('plan.yaml', PLAN % (source.port, target.port))
        env = dict(os.environ, MAILCONVOY_ENGINE=ENGINE)
        began = time.monotonic()
        process = self.popen([SUPERVISOR, 'run', 'plan.yaml'], env)
        _, err = process.communicate(timeout=120)
        self.assertEqual(1, process.returncode, err)
        self.assertGreater(time.monotonic() - began, 3.9)
        self.assertIn('account.timeout', err + self.journal_text())
        self.assertEqual([], self.held(target))

    def popen(self, command, env):
        process = subprocess.Popen(
            command, cwd=self.folder, env=env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def journal_text(self):
        runs = self.path('state/slow/runs')
        with open(os.path.join(runs, os.listdir(runs)[0], 'journal.jsonl'),
                  encoding='utf-8') as f:
            return f.read()


class DryRun(WorldCase):
    def test_f222_nothing_is_changed_whatever_goes_wrong(self):
        for make in (
                lambda: ((Fault('cut-in-fetch', 'FETCH', nth=4),), ()),
                lambda: ((Fault('cut', 'EXAMINE'),), ()),
                lambda: ((Fault('no', 'FETCH', times=100),), ()),
                lambda: ((), (Fault('cut', 'SELECT'),)),
                lambda: ((), (Fault('bye', 'LIST'),)),
                lambda: ((), (Fault('no', 'SELECT', times=100),)),
                lambda: ((), (Fault('no', 'STATUS', times=100),)),
                lambda: ((), (Fault('cut', 'FETCH'),))):
            of_source, of_target = make()
            for mode in ('syncSrcAll', 'syncDst'):
                with self.subTest(source=of_source, target=of_target,
                                  mode=mode):
                    self.dry_run(of_source, of_target, mode)

    def dry_run(self, of_source, of_target, mode):
        source = self.server(8, faults=list(of_source))
        target = self.server(3, faults=list(of_target),
                             capability=('UIDPLUS',))
        source.box('Work').add(letter(9))
        source.box('Work').subscribed = True
        target.box('Old').add(letter(10))
        before = target.contents()
        self.copy(source, target, '--dryRun', '--mode', mode,
                  code=(0, 1, 2, 75, 76))
        self.assertEqual(before, target.contents())
        for server, more in ((source, ('SELECT',)), (target, ())):
            sent = {name for name, _ in server.commands}
            self.assertEqual(set(), sent.intersection(
                WRITING + ('SUBSCRIBE', 'UNSUBSCRIBE') + more))


class Huge(Session):
    """Says that its messages are very large."""

    def _value(self, message, item):
        if item == b'RFC822.SIZE':
            return b'500000000'
        return Session._value(message, item)


class Sizes(WorldCase):
    def test_f218_a_mailbox_of_more_than_32_bits(self):
        source = self.server(20, session=Huge)
        ended = self.copy(source, self.server(), '--dryRun')
        self.assertIn('9.3 GiB copied', ended.log)


class Tapped(Session):
    """Leaves all that came on the connection to the test."""

    def run(self):
        self.server.lines.append(self.io.received)
        super().run()


class Privacy(WorldCase):
    def test_f224_each_side_is_told_its_own_only(self):
        """Not the other side's user, password, host or port."""
        source = self.server(
            3, user='user-of-source', password='word-of-source',
            session=Tapped, capability=('ID', 'NAMESPACE'))
        target = self.server(
            user='user-of-target', password='word-of-target',
            session=Tapped, capability=('ID', 'NAMESPACE') + FAST)
        source.lines, target.lines = [], []
        self.copy(source, target, host='localhost')
        self.assert_whole(source, target)
        for mine, other, host in ((source, target, b'localhost'),
                                  (target, source, b'127.0.0.1')):
            told = b'\n'.join(mine.lines)
            for own in (mine.user, mine.password, 'ID ('):
                self.assertIn(own.encode(), told)
            for secret in (other.user.encode(), other.password.encode(),
                           b'%d' % other.port, host):
                self.assertNotIn(secret, told)


class Untouched(Case):
    """P1 with a real server: it would see what a wrong SELECT does."""

    def setUp(self):
        super().setUp()
        need_dovecot()

    def look(self, source):
        """STATUS of every mailbox: RECENT and UNSEEN would change."""
        with account(source) as client:
            return {name: client.command(
                b'STATUS ', quote(name),
                b' (MESSAGES RECENT UNSEEN UIDNEXT UIDVALIDITY)')
                    for name in sorted(client.list())}

    def test_f223_no_flag_of_the_source_changes(self):
        with Dovecot() as source, Dovecot() as target:
            fill(source, messages=20, mailboxes=2)
            with account(source) as client:
                for n in range(3):
                    client.append('INBOX', letter(n))
            before = self.look(source)
            self.assertRegex(repr(before), r'RECENT [1-9]')
            for options in ((), ('--noThreads',), ('--mode', 'syncDst')):
                self.engine(*PLAIN, *options,
                            '127.0.0.1:%d' % source.port, 'anna', 'pass',
                            '127.0.0.1:%d' % target.port, 'anna', 'pass',
                            code=0)
            self.assertEqual(before, self.look(source))


if __name__ == '__main__':
    unittest.main()
