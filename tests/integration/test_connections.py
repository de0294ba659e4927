# SPDX-License-Identifier: MIT
"""--connections: one account over several connections.  What is on the target in
the end is the same as with one, whatever happens to some of them."""
import collections
import os
import random
import re
import signal
import subprocess
import threading
import time
import unittest

import convoy
from churn import Churn
from convoy import PLAIN, Case, account, fill
from dovecot import Dovecot
from relay import Relay, shut
from scripted_server import Fault, MiniServer, Session
from scripted_server import Refused as ScriptedRefusal

PARTIAL = 1
DATE = b'02-Mar-2026 10:00:00 +0000'
CAPABILITY = ('LITERAL+', 'MULTIAPPEND', 'UIDPLUS')


SOURCES = {}  # by name: servers that are only read


def setUpModule():
    convoy.need_dovecot()


def tearDownModule():
    while SOURCES:
        SOURCES.popitem()[1].remove()


def source_of(name, put, **kwargs):
    """A server that put(server) has filled, the same for all tests."""
    if name not in SOURCES:
        SOURCES[name] = Dovecot(**kwargs).start()
        put(SOURCES[name])
    return SOURCES[name]


def put_mailboxes(server):
    fill(server, messages=3000, mailboxes=6, size=4000)


def put_large(server):
    with account(server) as client:
        client.append_many('INBOX', [
            (message(n, 8000), b'', DATE) for n in range(3000)])


def put_copies(server):
    """40 different messages, each 60 times."""
    with account(server) as client:
        client.append_many('INBOX', [
            (message(n, 6000, n % 40), b'', DATE) for n in range(2400)])


def put_both(server):
    fill(server, messages=1200, mailboxes=3, size=5000)
    with account(server) as client:
        client.append_many('INBOX', [
            (message(n, 6000, n % 500), b'', DATE) for n in range(1200)])


def message(number, size=2000, key=None):
    """One of those with the same key is the same message."""
    key = number if key is None else key
    return (b'From: a@example.org\r\nSubject: number %d\r\n'
            b'Date: Mon, 02 Mar 2026 10:00:00 +0000\r\n'
            b'Message-ID: <%d@example.org>\r\n\r\n%s\r\n'
            % (key, key, b'\r\n'.join([b'x' * 70] * (size // 72))))


class ConnectionsCase(Case):
    def server(self, **kwargs):
        server = Dovecot(**kwargs).start()
        self.addCleanup(server.remove)
        return server

    def arguments(self, source, target, *options, connections=4):
        """Servers, or ports of relays before them."""
        source, target = (getattr(s, 'port', s) for s in (source, target))
        return (*PLAIN, '--connections', connections, *options,
                '127.0.0.1:%d' % source, 'anna', 'pass',
                '127.0.0.1:%d' % target, 'anna', 'pass')

    def copy(self, source, target, *options, code=0, **kwargs):
        return self.engine(*self.arguments(source, target, *options, **kwargs),
                           code=code)

    def copy_twice(self, source, target, *options, **kwargs):
        """Returns how the first one ended; the second has nothing to do."""
        first = self.copy(source, target, *options, **kwargs)
        tally = self.assert_balanced(first)
        self.assert_equal_accounts(source, target)
        again = self.assert_balanced(
            self.copy(source, target, *options, **kwargs))
        self.assertEqual(0, again['copied'])
        self.assertEqual(tally['copied'], again['present'])
        return first

    def relay(self, port, *options):
        tool = self.path('netdelay')
        if not os.path.exists(tool):
            subprocess.run(['cc', '-O2', '-o', tool, os.path.join(
                convoy.ROOT, 'tests', 'support', 'netdelay.c')], check=True)
        process = subprocess.Popen(
            [tool, '-u', str(port), *map(str, options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        return int(process.stdout.readline().split()[1])


def lanes(ended, side='target'):
    """How many connections were logged in."""
    return len(set(re.findall(r' (%s(?:#\d+)?) +logged in' % side, ended.log)))


def keys(server, mailbox):
    """The numbers of the messages, in their order."""
    with account(server) as client:
        found = client.fetch(mailbox, b'(UID BODY.PEEK[HEADER])')
    return [int(re.search(rb'<(\d+)@', m[b'BODY[HEADER]']).group(1))
            for m in found]


class Spread(ConnectionsCase):
    """The same account on the other side, however it was spread."""

    def check(self, *options, **kwargs):
        source = source_of('mailboxes %s' % kwargs, put_mailboxes, **kwargs)
        target = self.server(**kwargs)
        first = self.copy_twice(source, target, *options)
        self.assertEqual(4, lanes(first))

    def test_threads(self):
        self.check()

    def test_without_threads(self):
        self.check('--noThreads')

    def test_compressed(self):
        self.check('--compress', 'on', compress=True)

    def test_one_message_an_append(self):
        self.check('--storeMax', 1, '--fetchMax', 3, '--queueMax', 8)

    def test_state_file(self):
        """What several connections copied is known to the next run."""
        state = ('--stateFile', self.path('state.db'))
        source = source_of('logged', put_mailboxes, rawlog=True)
        target = self.server(rawlog=True)
        self.assertEqual(4, lanes(self.copy(source, target, *state)))
        self.assert_equal_accounts(source, target)
        source.forget_commands()
        target.forget_commands()
        again = self.copy(source, target, *state).tally()
        self.assertEqual(0, again['copied'])
        for server in (source, target):
            sent = server.commands()
            self.assertEqual(0, sent.get('SELECT', 0) + sent.get('EXAMINE', 0))

    def test_many_small_mailboxes(self):
        source, target = self.server(), self.server()
        with account(source) as client:
            for n in range(300):
                client.command(b'CREATE box%03d' % n)
                client.append_many('box%03d' % n, [
                    (message(n * 10 + i, 4000), b'', DATE) for i in range(4)])
        first = self.copy_twice(source, target)
        self.assertGreater(lanes(first), 1)

    def test_little_needs_one_connection(self):
        source, target = self.server(), self.server()
        fill(source, messages=40, mailboxes=4)
        self.assertEqual(1, lanes(self.copy_twice(source, target)))

    def test_without_uidplus_no_mailbox_is_divided(self):
        source = source_of('large', put_large)
        target = self.server(without=('UIDPLUS',))
        self.copy_twice(source, target)
        self.assertTrue(keys(source, 'INBOX') == keys(target, 'INBOX'))

    def test_mirror(self):
        """syncDst deletes when all connections have ended, not before."""
        source, target = self.server(), self.server()
        fill(source, messages=2500, mailboxes=5, size=5000)
        self.copy(source, target)
        rnd = random.Random(5)
        for round_ in range(3):
            Churn(lambda: account(source), round_).run(15)
            with account(source) as client:
                client.append_many('INBOX', [
                    (message(100000 * (round_ + 1) + n, 6000), b'', DATE)
                    for n in range(rnd.randrange(800, 1200))])
            with account(target) as client:
                client.append('INBOX', message(7777777 + round_))
            self.copy(source, target, '--mode', 'syncDst', '--force')
            self.assert_equal_accounts(source, target, mirror=True)


class TwoOnly(Session):
    """A server that lets two in at a time."""

    def do_login(self, *arguments):
        with self.server.lock:
            self.server.logins = getattr(self.server, 'logins', 0) + 1
            if self.server.logins > 2:
                raise ScriptedRefusal(b'NO [LIMIT] too many connections')
        return super().do_login(*arguments)


class Large(ConnectionsCase):
    """One huge mailbox in parts."""

    def setUp(self):
        super().setUp()
        self.source = source_of('large', put_large)
        self.target = self.server()

    def test_parts_are_in_order(self):
        first = self.copy_twice(self.source, self.target)
        self.assertEqual(4, lanes(first))
        order = keys(self.target, 'INBOX')
        self.assertTrue(sorted(order) == list(range(3000)))
        behind = dict(zip(order, range(len(order))))
        # neighbours that changed places stand at the border of two parts
        borders = sum(behind[n] > behind[n + 1] for n in range(2999))
        self.assertLess(borders, 12)

    def test_one_connection_keeps_the_order(self):
        self.copy(self.source, self.target, connections=1)
        self.assertTrue(keys(self.target, 'INBOX') == list(range(3000)))

    def test_further_ones_need_not_be_let_in(self):
        """A server's limit is no error: it goes on with fewer."""
        with MiniServer(capability=CAPABILITY, session=TwoOnly) as target:
            ended = self.copy(self.source, target)
            self.assertIn('is done without', ended.log)
            self.assertIn('too many', ended.log)
            self.assertEqual(2, lanes(ended))
            self.assertEqual(3000, self.assert_balanced(ended)['copied'])
            self.assertEqual(3000, len(set(target.contents()['INBOX'])))

    def test_further_ones_need_not_be_let_in_by_the_source(self):
        with MiniServer(capability=CAPABILITY, session=TwoOnly) as source:
            for n in range(1500):
                source.box('INBOX').add(message(n, 12000))
            ended = self.copy(source, self.target)
            self.assertEqual(2, lanes(ended, 'source'))
            self.assertEqual(1500, self.assert_balanced(ended)['copied'])
            self.assertTrue(
                list(range(1500)) == sorted(keys(self.target, 'INBOX')))

    def test_interrupted_and_resumed(self):
        for n in range(3):
            process = self.start(*self.arguments(
                self.relay(self.source.port, '-r', 4000000), self.target))
            with self.subTest(n):
                deadline = time.monotonic() + convoy.PATIENCE
                while 'target#2' not in (process.stderr.readline() or 'x') \
                        and time.monotonic() < deadline:
                    pass
                process.send_signal(signal.SIGTERM)
                _, log = process.communicate(timeout=convoy.PATIENCE)
                self.assertEqual(4, process.returncode, log[-3000:])
        self.copy(self.source, self.target)
        self.assert_equal_accounts(self.source, self.target)


class Cut(ConnectionsCase):
    """Lines that break while others append to the same mailbox: nothing is
    lost, nothing doubled (F096-F101)."""

    def assert_all_there(self, source, target):
        there, here = (collections.Counter(keys(s, 'INBOX'))
                       for s in (source, target))
        self.assertEqual(({}, {}), (dict(there - here), dict(here - there)),
                         'missing, too many')
        self.assert_equal_accounts(source, target)

    def check(self, *options, cut_up=700000, cut_down=900000):
        source, target = source_of('copies', put_copies), self.server()
        ended = self.copy(
            self.relay(source.port, '-d', 2, '-c', cut_down, '-n', 14),
            self.relay(target.port, '-d', 2, '-C', cut_up, '-n', 14),
            *options)
        self.assertIn('in doubt', ended.log)
        tally = self.assert_balanced(ended)
        self.assertEqual(2400, tally['copied'])
        self.assert_all_there(source, target)

    def test_both_lines(self):
        self.check()

    def test_both_lines_without_threads(self):
        self.check('--noThreads')

    def test_both_lines_one_message_an_append(self):
        self.check('--storeMax', 1)

    def test_both_lines_state_file(self):
        self.check('--stateFile', self.path('state.db'))

    def test_answers_that_never_come(self):
        """The target's answers stop; the timeout ends the session."""
        source, target = source_of('copies', put_copies), self.server()
        ended = self.copy(source, self.relay(target.port, '-s', 3000, '-n', 3),
                          '--timeout', 3)
        self.assert_balanced(ended)
        self.assert_all_there(source, target)

    def test_connections_are_lost_for_good(self):
        """What they had in doubt is settled by the one that is left."""
        source, target = source_of('copies', put_copies), self.server()
        with Door(target.port) as door:
            process = self.start(*self.arguments(
                self.relay(source.port, '-r', 1000000), door))
            convoy.wait_until(lambda: door.has_heard(4, 200000),
                              'four busy connections')
            door.close_behind_the_first()
            _, log = process.communicate(timeout=convoy.PATIENCE)
        self.assertEqual(0, process.returncode, log[-4000:])
        self.assert_all_there(source, target)
        self.assertEqual(3, log.count('is done without'))


class Door(Relay):
    """A relay that at some moment keeps the first connection only."""

    is_closed = False

    def _serve(self, client):
        if self.is_closed:
            client.close()
        else:
            super()._serve(client)

    def has_heard(self, connections, size):
        with self.lock:
            return sum(len(heard) > size for heard in self.sent) >= connections

    def close_behind_the_first(self):
        with self.lock:
            self.is_closed = True
            for pair in self.open[1:]:
                for s in pair:
                    shut(s)


class Killed(ConnectionsCase):
    """SIGKILL at random moments; one run to the end makes it whole."""

    def kill_and_finish(self, name, *options, resumed_with=4):
        rnd = random.Random(name)
        source, target = source_of('both', put_both), self.server()
        other = self.server()
        began = time.monotonic()
        self.copy(source, other)
        whole = time.monotonic() - began
        # once for certain: as soon as something has arrived
        process = self.start(*self.arguments(source, target, *options))
        convoy.wait_until(lambda: process.poll() is not None or any(
            files for folder, _, files in os.walk(target.mail_dir)
            if os.path.basename(folder) in ('cur', 'new')), 'a message', 60)
        process.kill()
        process.communicate(timeout=convoy.PATIENCE)
        killed = process.returncode == -signal.SIGKILL
        for n in range(12):
            process = self.start(*self.arguments(source, target, *options))
            timer = threading.Timer(
                rnd.uniform(0, whole * (.3 if n < 4 else .9)), process.kill)
            timer.start()
            process.communicate(timeout=convoy.PATIENCE)
            timer.cancel()
            timer.join()
            killed += process.returncode == -signal.SIGKILL
        self.assertGreater(killed, 0)
        self.copy(source, target, *options, connections=resumed_with)
        self.assert_equal_accounts(source, target)
        again = self.copy(source, target, *options).tally()
        self.assertEqual(0, again['copied'])

    def test_killed_at_random(self):
        self.kill_and_finish('plain')

    def test_killed_at_random_state_file(self):
        self.kill_and_finish('state', '--stateFile', self.path('state.db'))

    def test_killed_at_random_resumed_with_one(self):
        self.kill_and_finish('one', resumed_with=1)

    def test_killed_at_random_without_threads(self):
        self.kill_and_finish('loop', '--noThreads')


class Refused(ConnectionsCase):
    """What the target does not take is counted once."""

    def setUp(self):
        super().setUp()
        self.source = source_of('large', put_large)

    def test_some_messages(self):
        with MiniServer(capability=CAPABILITY,
                        refuse=rb'Message-ID: <\d*37@') as target:
            ended = self.copy(self.source, target, code=PARTIAL)
            tally = self.assert_balanced(ended)
            self.assertEqual(30, tally['refused'])
            self.assertEqual(2970, tally['copied'])
            self.assertEqual(30, ended.log.count('refused (append'))
            bodies = target.contents()['INBOX']
            self.assertEqual(2970, len(bodies))
            self.assertEqual(2970, len(set(bodies)))

    def test_a_mailbox_that_takes_none(self):
        with MiniServer(capability=CAPABILITY, refuse=rb'Message-ID') as target:
            ended = self.copy(self.source, target, '--errorsMax', 20,
                              code=PARTIAL)
            tally = self.assert_balanced(ended)
            self.assertEqual(3000, tally['refused'])
            self.assertEqual(1, ended.log.count('in a row were refused'))

    def test_the_account_is_full(self):
        faults = [Fault('no', nth=20, times=1000, text=b'[OVERQUOTA] full')]
        with MiniServer(capability=CAPABILITY, faults=faults) as target:
            ended = self.copy(self.source, target, code=73)
            tally = self.assert_balanced(ended)
            self.assertEqual(tally['copied'], len(target.contents()['INBOX']))

    def test_appenduid_that_lies(self):
        """F102: without UIDs that can be believed, keys decide."""
        faults = [Fault('cut-before-reply', nth=15, times=3, store=True),
                  Fault('cut-before-reply', nth=30, times=3, store=False)]
        with MiniServer(capability=CAPABILITY,
                        supports=('LITERAL+', 'MULTIAPPEND'),
                        faults=faults) as target:
            ended = self.copy(self.source, target)
            self.assert_balanced(ended)
            bodies = target.contents()['INBOX']
            self.assertEqual(3000, len(bodies))
            self.assertEqual(3000, len(set(bodies)))


if __name__ == '__main__':
    unittest.main()
