# SPDX-License-Identifier: MIT
"""F125-F140: the line breaks at every step of either side, in every way.

The matrix is not written down: a run that nothing disturbs is watched, and every
command it sends on a side is a step.  After each break a run that nothing disturbs
must make both accounts equal, and the one after that must change nothing.

MAILCONVOY_STEPS=all tries every break (`make torture`); without it, all that close
or reset the line and a few of those that stall.
"""
import os
import threading
import unittest
from collections import Counter
from concurrent import futures

import convoy
import imap_compare
from convoy import PLAIN, WRITING, Case, account
from dovecot import Dovecot
from imap_client import quote
from scripted_server import MiniServer
from seed import synthetic
from step_proxy import KINDS, Break, StepProxy

EVERYTHING = os.environ.get('MAILCONVOY_STEPS') == 'all'
AT_ONCE = 6
TIMEOUT = 3
CHANGED, TEMPORARY = 2, 75
SIDES = ('source', 'target')
BOXES = {b'INBOX': 6, b'Work': 5, b'Work/Old': 3}
LARGE = 200_000
WAYS = {
    'new': PLAIN,
    'waiting': (*PLAIN, '--noLiteralPlus'),
    'old': PLAIN,
    'state': (*PLAIN, '--stateFile', '{user}.state'),
    'mirror': (*PLAIN, '--mode', 'syncDst', '--force',
               '--stateFile', '{user}.state'),
    'several': (*PLAIN, '--connections', '3'),
    'starttls': ('--srcTLS', 'starttls', '--srcTLSVerify', 'no',
                 '--dstTLS', 'starttls', '--dstTLSVerify', 'no'),
}


def setUpModule():
    convoy.need_dovecot()


def message(name, number):
    return (synthetic(name, number, LARGE if number == 3 else 900),
            b'\\Seen' if number % 2 else b'', b'01-Jan-2020 10:00:00 +0000')


def fill_source(server):
    with account(server) as client:
        for name, count in BOXES.items():
            if name != b'INBOX':
                client.command(b'CREATE ', quote(name))
            client.command(b'SUBSCRIBE ', quote(name))
            client.append_many(name.decode(), [
                message(name.decode(), n) for n in range(count)])
        client.command(b'SETACL Work bob lr')


def fill_target(server, user, mirror):
    """A part of it is there from an earlier time."""
    with account(server, user) as client:
        client.append_many('INBOX', [message('INBOX', n) for n in range(2)])
        if mirror:  # with a mark and a message that the source does not have
            client.append_many('INBOX', [message('INBOX', 70)])
            client.command(b'SELECT INBOX')
            client.command(b'STORE 1 +FLAGS (\\Flagged)')


class Stage:
    """Two accounts for one break, each behind a proxy."""

    def __init__(self, source, target, user):
        self.user = user
        self.servers = {'source': source, 'target': target}
        self.proxies = {side: StepProxy(server.port)
                        for side, server in self.servers.items()}

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for proxy in self.proxies.values():
            proxy.close()

    def addresses(self):
        return ('127.0.0.1:%d' % self.proxies['source'].port, 'anna', 'pass',
                '127.0.0.1:%d' % self.proxies['target'].port, self.user,
                'pass')

    def differences(self):
        a, b = (imap_compare.open_account('127.0.0.1', self.servers[s].port,
                                          user, 'pass')
                for s, user in (('source', 'anna'), ('target', self.user)))
        return imap_compare.compare(a, b)

    def forget(self):
        for proxy in self.proxies.values():
            proxy.forget()

    def changes(self):
        """Names of the commands that changed something since forget()."""
        return [n for p in self.proxies.values() for n in p.commands()
                if n in WRITING]


class MiniStage(Stage):
    """Servers that know nothing but the oldest IMAP4rev1."""

    def __init__(self):
        super().__init__(MiniServer(), MiniServer(), 'anna')
        for name, count in BOXES.items():
            box = self.servers['source'].box(name)
            for n in range(count):
                raw, flags, _ = message(name.decode(), n)
                box.add(raw, (flags,) if flags else ())
        for n in range(2):
            raw, flags, _ = message('INBOX', n)
            self.servers['target'].box('INBOX').add(
                raw, (flags,) if flags else ())

    def __exit__(self, *unused):
        super().__exit__()
        for server in self.servers.values():
            server.stop()

    def differences(self):
        a, b = (self.servers[s].contents() for s in ('source', 'target'))
        return [] if {n: Counter(m) for n, m in a.items()} == \
            {n: Counter(m) for n, m in b.items()} else ['not the same']


class Steps(Case):
    @classmethod
    def setUpClass(cls):
        cls.servers = {}
        for side in SIDES:
            cls.servers[side] = Dovecot(extras=True)
            cls.servers[side].start()
            cls.addClassCleanup(cls.servers[side].remove)
        fill_source(cls.servers['source'])
        cls.lock, cls.users = threading.Lock(), 0

    def stage(self, way):
        if way == 'old':
            return MiniStage()
        with self.lock:
            type(self).users += 1
            user = 'user%d' % self.users
        fill_target(self.servers['target'], user, way == 'mirror')
        return Stage(self.servers['source'], self.servers['target'], user)

    def run_engine(self, way, stage, *options, code=None):
        return self.engine(*(o.format(user=stage.user) for o in WAYS[way]),
                           *options, *stage.addresses(), code=code)

    def matrix(self, way):
        """[(side, break)], from what a run that is left alone does."""
        with self.stage(way) as stage:
            self.run_engine(way, stage, code=0)
            return [(side, Break(step, moment, kind)) for side in SIDES
                    for step, moment in sorted(stage.proxies[side].steps)
                    for kind in KINDS]

    def break_once(self, way, side, the_break):
        """What was wrong, or nothing."""
        with self.stage(way) as stage:
            stage.proxies[side].arm(the_break)
            first = self.run_engine(way, stage, '--timeout', TIMEOUT)
            # nobody waits for its answer, and its loss is no failure
            harmless = the_break.step == 'LOGOUT'
            if not stage.proxies[side].struck and not harmless:
                return 'was not reached'
            # a mirror does not know whose change of flags it finds (F123)
            allowed = (0, CHANGED) if way == 'mirror' else (0,)
            if first.code not in allowed and (
                    harmless or first.code != TEMPORARY):
                return 'exit %d\n%s' % (first.code, first.log[-3000:])
            self.assert_balanced(first)
            self.run_engine(way, stage, code=0)
            wrong = stage.differences()
            if wrong:
                return '\n'.join(wrong[:10]) + '\n' + first.log[-2000:]
            stage.forget()
            self.run_engine(way, stage, code=0)
            return ' '.join(stage.changes())

    def break_all(self, way, chosen):
        matrix = [m for m in self.matrix(way) if chosen(*m)]
        with futures.ThreadPoolExecutor(AT_ONCE) as pool:
            ended = list(pool.map(lambda m: self.break_once(way, *m), matrix))
        wrong = ['%s %s %s %s: %s' % (side, *b, said)
                 for (side, b), said in zip(matrix, ended) if said]
        self.assertEqual([], wrong, '\n'.join(wrong))
        return {(side, b.step, b.moment) for side, b in matrix}


def in_time(_, the_break):
    """What ends by itself; of what waits for a time-out, a few."""
    return EVERYTHING or the_break.kind in ('fin', 'rst') or \
        the_break.step in ('APPEND', 'CREATE', 'LOGOUT')


class Matrix(Steps):
    def test_f125_f140_extensions(self):
        """F125-F140: a server of today."""
        steps = self.break_all('new', in_time)
        for side in SIDES:
            for step in ('connect', 'greeting', 'AUTHENTICATE PLAIN', 'LIST',
                         'GETACL', 'LOGOUT'):
                self.assertTrue(any((side, step) == s[:2] for s in steps),
                                (side, step, steps))
        self.assertIn(('source', 'UID FETCH', 'inside'), steps)
        self.assertIn(('target', 'APPEND', 'inside'), steps)
        self.assertIn(('target', 'SETACL', 'answer'), steps)

    def test_f125_f140_no_extensions(self):
        """F125-F140: every command waits for its turn."""
        steps = self.break_all('old', in_time)
        for side in SIDES:
            for step in ('CAPABILITY', 'LOGIN', 'LIST', 'LSUB'):
                self.assertIn((side, step, 'answer'), steps)
        self.assertIn(('target', 'APPEND', 'go'), steps)
        self.assertIn(('target', 'CREATE', 'ask'), steps)

    def test_f137_f139_literals_that_wait(self):
        """F137, F138, F140"""
        self.break_all('waiting', lambda side, b: side == 'target' and
                       b.step == 'APPEND' and in_time(side, b))

    def test_f125_f140_other_ways_to_copy(self):
        """F125-F140"""
        for way in ('state', 'mirror', 'several'):
            with self.subTest(way=way):
                self.break_all(way, lambda _, b: EVERYTHING or (
                    b.kind == 'rst' and b.moment != 'ask'))

    def test_f128_f140_starttls(self):
        """F128, F140"""
        steps = self.break_all('starttls', lambda _, b: b.step == 'STARTTLS')
        self.assertEqual(4, len(steps))


if __name__ == '__main__':
    unittest.main()
