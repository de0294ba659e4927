# SPDX-License-Identifier: MIT
"""The tools of the tests, tested: servers, seeding, comparison, relay."""
import collections
import imaplib
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import convoy
import dovecot
import fault_table
import imap_compare
import seed
from dovecot import Dovecot
from imap_client import Imap, utf7_encode
from scripted_server import (Fault, MiniServer, ScriptedServer, close, expect,
                             literal, reset, send, split, stall)


def client(server, user='anna'):
    return Imap('127.0.0.1', server.port, timeout=20).login(user, 'pass')


def boxes(server, user='anna'):
    return imap_compare.open_account('127.0.0.1', server.port, user, 'pass')


class Comparison(unittest.TestCase):
    def account(self, *messages):
        account = imap_compare.Account.__new__(imap_compare.Account)
        account.boxes = {'INBOX': collections.Counter(
            (imap_compare.digest(raw), when, frozenset(flags))
            for raw, when, flags in messages)}
        account.about = {k: '' for k in account.boxes['INBOX']}
        account.subscribed = set()
        return account

    def differences(self, source, target):
        return imap_compare.compare(self.account(*source),
                                    self.account(*target))

    def test_finds_what_differs(self):
        a = (b'A: 1\r\n\r\nx\r\n', 1000, ['\\seen'])
        self.assertEqual([], self.differences([a, a], [a, a]))
        self.assertEqual(1, len(self.differences([a, a], [a])))
        self.assertEqual(1, len(self.differences([a], [a, a])))
        for other in ((a[0] + b'y', 1000, a[2]), (a[0], 1001, a[2]),
                      (a[0], 1000, [])):
            self.assertTrue(self.differences([a], [other]))

    def test_tolerates_line_ends_alone(self):
        same = [b'a\r\nb', b'a\r\nb\r\n', b'a\r\r\nb\r\n']
        self.assertEqual(1, len({imap_compare.digest(r) for r in same}))
        self.assertNotEqual(imap_compare.digest(b'a\r\nb\r\n'),
                            imap_compare.digest(b'a\r\nb \r\n'))

    def test_instants(self):
        self.assertEqual(
            imap_compare.instant(b'01-Jan-2020 01:00:00 +0100'),
            imap_compare.instant(b' 1-Jan-2020 00:00:00 +0000'))
        self.assertEqual(1577836800, imap_compare.instant(
            b'31-Dec-2019 19:00:00 -0500'))

    def test_names(self):
        self.assertEqual('Entw&APw-rfe', utf7_encode('Entwürfe'))
        self.assertEqual('a&-b', utf7_encode('a&b'))
        self.assertEqual('&AMk-l&AOk-ments', utf7_encode('Éléments'))

    def test_line_ends_of_seeds(self):
        self.assertEqual(b'a\r\nb\r\nc', seed.crlf(b'a\nb\r\nc'))
        self.assertEqual(b'a\r\r\nb\r\nc', seed.crlf(b'a\r\r\nb\nc'))


class Servers(unittest.TestCase):
    """Throwaway Dovecots."""

    @classmethod
    def setUpClass(cls):
        convoy.need_dovecot()

    def test_nothing_is_left(self):
        with Dovecot() as server:
            base, pid = server.base, server.pid
            self.assertTrue(dovecot.alive(pid, dovecot.start_time(pid)))
            with client(server) as c:
                c.command(b'NOOP')
        self.assertFalse(os.path.exists(base))
        self.assertFalse(os.path.exists('/proc/%d' % pid))
        # its children end with it, but not in the same instant
        convoy.wait_until(lambda: dovecot.port_is_free(server.port),
                          'the port to be free')

    def test_passwords(self):
        with Dovecot(passwords={'eve': 'other'}) as server:
            began = time.monotonic()
            for user, password, good in (
                    ('eve', 'pass', False), ('eve', 'other', True),
                    ('bob', 'other', False), ('bob', 'pass', True)):
                c = imaplib.IMAP4('127.0.0.1', server.port)
                if good:
                    c.login(user, password)
                else:
                    with self.assertRaises(imaplib.IMAP4.error):
                        c.login(user, password)
                c.logout()
            self.assertLess(time.monotonic() - began, 10)

    def test_capabilities_and_prefix(self):
        with Dovecot(without=['LITERAL+', 'MULTIAPPEND'], separator='.',
                     prefix='INBOX.') as server, client(server) as c:
            said = b' '.join(t for t, _ in c.command(b'CAPABILITY')).split()
            self.assertNotIn(b'LITERAL+', said)
            self.assertNotIn(b'MULTIAPPEND', said)
            self.assertIn(b'UIDPLUS', said)
            c.command(b'CREATE INBOX.x')
            self.assertEqual(b'.', c.list()[b'INBOX.x'][1])

    def test_tls_and_certificates(self):
        for wrong in (False, True):
            with Dovecot(wrong_name=wrong) as server:
                context = ssl.create_default_context(
                    cafile=server.certificate)
                if wrong:
                    with self.assertRaises(ssl.SSLCertVerificationError):
                        Imap('127.0.0.1', server.tls_port, context)
                    continue
                with Imap('127.0.0.1', server.tls_port, context) as c:
                    c.login('anna', 'pass')
                c = imaplib.IMAP4('127.0.0.1', server.port)
                c.starttls(context)
                c.login('anna', 'pass')
                c.logout()

    def test_commands_are_counted(self):
        with Dovecot(rawlog=True) as server, client(server) as c:
            c.append_many('INBOX', [(
                b'Subject: x\r\n\r\nt1 STORE 1 FLAGS ()\r\n' +
                b'y' * 40000 + b'\r\nt2 CREATE x\r\n', b'', b'')] * 3)
            c.command(b'APPEND INBOX {5+}\r\n', b'a\r\nb\n',
                      b' (\\Seen) {4+}\r\n', b'x y\n')
            c.command(b'SELECT INBOX')
            c.command(b'UID STORE 1 +FLAGS (\\Seen)')
            counts = server.commands()
            self.assertEqual(4, counts['APPEND'])
            self.assertEqual(1, counts['UID STORE'])
            self.assertEqual({'CAPABILITY', 'APPEND', 'SELECT', 'UID STORE'},
                             set(counts))
            server.forget_commands()
            self.assertEqual({}, server.commands())

    def test_seeding_is_the_same_each_time(self):
        with Dovecot() as one, Dovecot(separator='.', prefix='INBOX.',
                                       without=['LITERAL+']) as two:
            for server in (one, two):
                convoy.fill(server, messages=60, mailboxes=10)
            a, b = boxes(one), boxes(two)
            self.assertEqual([], imap_compare.compare(a, b))
            self.assertEqual([], imap_compare.compare(b, a))
            self.assertEqual(62, sum(sum(x.values())
                                     for x in a.boxes.values()))
            with client(two) as c:
                c.append('INBOX', b'one more\r\n')
                c.command(b'UNSUBSCRIBE INBOX.Sent')
            self.assertEqual(1, len(imap_compare.compare(a, boxes(two),
                                                         None, False)))
            self.assertEqual(2, len(imap_compare.compare(a, boxes(two))))

    def test_maildir_is_seen(self):
        with Dovecot() as server:
            seed.make_maildir(server.base, 'anna', messages=40, mailboxes=4)
            with client(server) as c:
                self.assertEqual({10}, set(c.counts().values()))

    def test_started_and_stopped_as_a_program(self):
        base = dovecot.temporary_base()
        self.addCleanup(shutil.rmtree, base)
        program = [os.path.join(convoy.ROOT, 'tests/support/dovecot.py')]
        try:
            out = subprocess.run(program + ['start', base], check=True,
                                 capture_output=True, text=True).stdout
            said = dict(line.split('=', 1) for line in out.split())
            pid = int(said['pid'])
            started = dovecot.start_time(pid)
            with Imap('127.0.0.1', said['port']) as c:
                c.login('anna', 'pass')
        finally:
            subprocess.run(program + ['stop', base], check=True)
        self.assertFalse(dovecot.alive(pid, started))


class Scripts(unittest.TestCase):
    """Servers that play a dialogue."""

    def test_dialogue(self):
        script = [send(b'* OK ready\r\n'), expect(rb'^\S+ FIRST'),
                  split(b'* one\r\n<tag> OK\r\n'), expect(rb'THING'),
                  send(b'+ go\r\n'), literal(), send(b'<tag> OK\r\n'), close()]
        with ScriptedServer(script) as server:
            c = Imap('127.0.0.1', server.port, timeout=20)
            self.assertEqual(b'* one', c.command(b'FIRST')[0][0])
            tag = c.send(b'THING {4}')
            self.assertEqual(b'+ go', c.read_response()[0])
            c.socket.sendall(b'a\r\nb')
            c.wait(tag)
            self.assertEqual(b'', c.input.readline())
            c.close()
        self.assertEqual([], server.problems)
        self.assertIn(b'a\r\nb', server.received[0])

    def test_what_was_not_expected_is_a_problem(self):
        with ScriptedServer([expect(rb'LOGIN'), stall()]) as server:
            c = socket.create_connection(('127.0.0.1', server.port), 20)
            c.sendall(b'a NOOP\r\n')
            self.assertEqual(b'', c.recv(10))
            c.close()
        self.assertEqual(1, len(server.problems))

    def test_reset(self):
        with ScriptedServer([send(b'x\r\n'), expect(rb''), reset()]) as server:
            c = Imap('127.0.0.1', server.port, timeout=20)
            with self.assertRaises(ConnectionResetError):
                c.command(b'NOOP')
            c.socket.close()


class Mini(unittest.TestCase):
    """The small server, driven by Python's own IMAP library."""

    def login(self, server):
        c = imaplib.IMAP4('127.0.0.1', server.port, timeout=20)
        c.login('anna', 'pass')
        return c

    def test_round_trip(self):
        raw = b'Subject: x\r\nMessage-ID: <1@x>\r\n y\r\n\r\nbody\r\n'
        with MiniServer() as server:
            c = self.login(server)
            self.assertEqual('OK', c.create('Archive/2024')[0])
            self.assertEqual('NO', c.create('Archive/2024')[0])
            self.assertEqual('OK', c.append(
                'Archive/2024', '(\\Seen)', '"02-Jan-2020 10:00:00 +0100"',
                raw)[0])
            c.subscribe('Archive/2024')
            self.assertEqual(3, len(c.list()[1]))
            self.assertEqual(1, len(c.lsub()[1]))
            self.assertIn(b'(MESSAGES 1)',
                          c.status('Archive/2024', '(MESSAGES)')[1][0])
            self.assertEqual([b'1'], c.select('Archive/2024', True)[1])
            got = c.uid('FETCH', '1:*', '(FLAGS INTERNALDATE RFC822.SIZE '
                        'BODY.PEEK[HEADER.FIELDS (Message-ID)] BODY.PEEK[])')
            self.assertIn(b'RFC822.SIZE %d' % len(raw), got[1][0][0])
            self.assertEqual(b'Message-ID: <1@x>\r\n y\r\n\r\n', got[1][0][1])
            self.assertEqual(raw, got[1][1][1])
            self.assertEqual([b'1'], c.uid('SEARCH', 'UID', '1:*')[1])
            c.logout()
            self.assertEqual([], server.strange)
            self.assertEqual([], server.problems)
            self.assertEqual(raw, server.contents()['Archive/2024'][0])

    def test_our_client_and_comparison(self):
        with MiniServer(capability=('LITERAL+', 'NAMESPACE')) as one, \
                MiniServer(capability=('NAMESPACE',)) as two:
            for server in (one, two):
                with client(server) as c:
                    seed.make(c, messages=40, mailboxes=5)
            self.assertEqual([], imap_compare.compare(boxes(one), boxes(two)))

    def test_multiappend(self):
        for supports in (True, False):
            words = ('LITERAL+', 'MULTIAPPEND', 'UIDPLUS')
            with MiniServer(capability=words, supports=words if supports
                            else ('LITERAL+', 'UIDPLUS')) as server:
                c = client(server)
                tag = c.send(b'APPEND INBOX (\\Seen) {1+}\r\na {1+}\r\nb')
                text, _ = c.read_response()
                if supports:
                    self.assertIn(b'OK [APPENDUID 1000 1:2]', text)
                else:
                    self.assertTrue(text.startswith(tag + b' BAD'))
                c.close()
                self.assertEqual(2 if supports else 0,
                                 len(server.contents()['INBOX']))

    def test_false_literal_plus(self):
        """The text of the message is read as commands."""
        with MiniServer(capability=('LITERAL+',), supports=()) as server:
            server.box('Precious')
            c = client(server)
            c.send(b'APPEND INBOX {20+}\r\nx DELETE "Precious"\r\n')
            self.assertIn(b'BAD', c.read_response()[0])
            self.assertEqual(b'x OK done', c.read_response()[0])
            c.close()
            self.assertNotIn(b'Precious', server.boxes)

    def fault(self, fault, keeps):
        with MiniServer(faults=[fault]) as server:
            c = client(server)
            tag = c.send(b'APPEND INBOX {4}')
            self.assertTrue(c.read_response()[0].startswith(b'+'))
            c.socket.sendall(b'abcd\r\n')
            if fault.kind in ('no', 'bad'):
                self.assertTrue(c.read_response()[0].startswith(
                    tag + b' ' + fault.kind.upper().encode()))
            elif fault.kind == 'silent-reply':
                c.socket.settimeout(0.3)
                with self.assertRaises(TimeoutError):
                    c.read_response()
            else:
                with self.assertRaises(Exception):
                    c.wait(tag)
            c.socket.close()
            self.assertEqual(keeps, len(server.contents()['INBOX']))

    def test_faults(self):
        self.fault(Fault('cut-in-literal', count=2), 0)
        self.fault(Fault('cut-before-reply'), 0)
        self.fault(Fault('cut-before-reply', store=True), 1)
        self.fault(Fault('silent-reply', store=True), 1)
        self.fault(Fault('no'), 0)
        self.fault(Fault('bad'), 0)
        self.fault(Fault('bye'), 0)

    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            pair = dovecot.make_certificate(folder + '/c')
            context = ssl.create_default_context(cafile=pair[0])
            with MiniServer(certificate=pair, tls=True) as server:
                with Imap('127.0.0.1', server.port, context) as c:
                    c.login('anna', 'pass')


class Relay(unittest.TestCase):
    """netdelay, built when it is needed."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.program = cls.folder.name + '/netdelay'
        subprocess.run([os.environ.get('CC', 'cc'), '-O1', '-D_GNU_SOURCE',
                        '-o', cls.program,
                        convoy.ROOT + '/tests/support/netdelay.c'], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def relay(self, server, *options):
        p = subprocess.Popen([self.program, '-u', str(server.port), *options],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)

        def stop():
            p.stdin.close()
            p.stdout.close()
            p.wait(20)
        self.addCleanup(stop)
        return int(re.fullmatch(rb'port (\d+)\n',
                                p.stdout.readline()).group(1))

    def test_delay(self):
        with MiniServer() as server:
            port = self.relay(server, '-d', '30')
            with Imap('127.0.0.1', port) as c:
                c.login('anna', 'pass')
                began = time.monotonic()
                c.command(b'NOOP')
                self.assertGreater(time.monotonic() - began, 0.055)
                # pipelined commands share the way
                tags = [c.send(b'NOOP') for _ in range(50)]
                began = time.monotonic()
                for tag in tags:
                    c.wait(tag)
                self.assertLess(time.monotonic() - began, 1)

    def test_bytes_pass_unchanged(self):
        with MiniServer(capability=('LITERAL+',)) as server:
            port = self.relay(server, '-r', '20000000')
            raw = b'x' * 3_000_000 + b'\r\n'
            with Imap('127.0.0.1', port) as c:
                c.login('anna', 'pass').append('INBOX', raw)
                self.assertEqual(raw, c.fetch('INBOX')[0][b'BODY[]'])

    def test_cut_and_stall(self):
        for option in ('-c', '-C', '-s', '-S'):
            with self.subTest(option=option), MiniServer() as server:
                port = self.relay(server, option, '60', '-n', '1')
                c = Imap('127.0.0.1', port, timeout=1)
                with self.assertRaises(Exception):
                    c.login('anna', 'pass')
                    for _ in range(20):
                        c.command(b'NOOP')
                c.socket.close()
                with Imap('127.0.0.1', port) as second:
                    second.login('anna', 'pass')


class FaultTable(unittest.TestCase):
    """The table of docs/FAULTS.md; the rule of lint compares it."""

    # put together here, for this test shows none of them
    ONE, TWO, FOUR = ('%s00%d' % ('F', n) for n in (1, 2, 4))

    def test_numbers_and_ranges(self):
        of = fault_table.numbers
        self.assertEqual(of('%s, %s: a, b' % (self.ONE, self.FOUR)),
                         {self.ONE, self.FOUR})
        self.assertEqual(len(of('%s-%s.' % (self.ONE, self.FOUR))), 4)
        self.assertEqual(of(self.ONE + '7 F12 ' + self.TWO.lower()), set())
        self.assertEqual(of(None), set())

    def test_which_comment_belongs_to_which_test(self):
        with tempfile.TemporaryDirectory() as folder:
            path = folder + '/a/unit/b/test_c.c'
            os.makedirs(os.path.dirname(path))
            with open(path, 'w', encoding='utf-8') as f:
                f.write('/* %s: no */\n#include "x.h"\n\n/* %s */\n'
                        'ParameterizedTestParameters(c, rows)\n{\n\tx("/* ");\n}'
                        '\n\nParameterizedTest(struct r *row, c, rows)\n{\n}\n'
                        '\nTest(c, one, .signal = 6)\n{\n\t// %s\n}\n'
                        % (self.ONE, self.TWO, self.FOUR))
            named = {test: n for test, n in fault_table.in_criterion(path) if n}
        self.assertEqual([n for n in named.values()], [{self.TWO}, {self.FOUR}])
        self.assertEqual([t.split(' ', 1)[1] for t in named],
                         ['c rows', 'c one'])

    def test_results(self):
        ran = [('test_a.B.test_c', 'ok'), ('test_a.B.test_d', 'failed'),
               ('test_dialogues.All.test_two_words', 'skipped')]
        for test, word in (('test_a.B.test_c', 'ok'), ('test_a.B', 'failed'),
                           ('test_a.Base.test_c', 'ok'),
                           ('test_dialogues.two-words', 'skipped'),
                           ('test_a.B.test', 'not run')):
            self.assertEqual(fault_table.result(test, ran), word, test)


if __name__ == '__main__':
    unittest.main()
