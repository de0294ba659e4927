# SPDX-License-Identifier: MIT
"""Lines that break again and again, and lines that are very slow."""
import os
import socket
import subprocess
import time
import unittest

import convoy
from convoy import PLAIN, Case
from relay import Relay, shut
from scripted_server import Hangup, MiniServer, Session

WORDS = ('LITERAL+', 'MULTIAPPEND', 'UIDPLUS')
TEMPORARY = 75


def message(number, size):
    head = (b'From: a@example.org\r\nMessage-ID: <%d@example.org>\r\n'
            b'Date: Thu, 02 Jan 2020 10:00:00 +0000\r\n\r\n' % number)
    return head + b'x' * 70 + b'\r\n' + (b'y' * 70 + b'\r\n') * (size // 72)


class Sipping(Relay):
    """A relay that takes so many bytes a second and holds none: what it has
    not taken lies with the sender."""

    STEPS = 20

    def __init__(self, port, rate):
        self.piece = rate // self.STEPS
        super().__init__(port)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def _pass(self, source, target, heard=None, holds=0):
        source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            while data := source.recv(self.piece):
                target.sendall(data)
                time.sleep(1 / self.STEPS)  # the line's own pace
            shut(target, socket.SHUT_WR)
        except OSError:
            shut(source)
            shut(target)


class NoBatches(Session):
    """Dies of an APPEND with more than one message."""

    def do_append(self, arguments, literals):
        if len(literals) > 1:
            raise Hangup
        return super().do_append(arguments, literals)


class Lines(Case):
    def setUp(self):
        super().setUp()
        self.tool = self.path('netdelay')
        subprocess.run([os.environ.get('CC', 'cc').split()[-1], '-O1', '-o',
                        self.tool, os.path.join(convoy.ROOT, 'tests',
                                                'support', 'netdelay.c')],
                       check=True)

    def line(self, server, *options):
        process = subprocess.Popen(
            [self.tool, '-u', str(server.port), *map(str, options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        return int(process.stdout.readline().split()[1])

    def servers(self, count, size, **target):
        source = MiniServer()
        target = MiniServer(capability=WORDS, **target)
        for server in (source, target):
            self.addCleanup(server.stop)
        for number in range(count):
            source.box('INBOX').add(message(number, size))
        return source, target

    def copy(self, source, target, *options, code=None):
        return self.engine(
            *PLAIN, *options, '127.0.0.1:%d' % source, 'anna', 'pass',
            '127.0.0.1:%d' % target, 'anna', 'pass', code=code)

    def assert_same(self, source, target):
        self.assertEqual(source.contents()['INBOX'],
                         target.contents()['INBOX'])

    def test_f146_every_session_breaks(self):
        """Every session of one side dies after a part of the mail; each of
        them brings it nearer to the end."""
        for side, cut in (('source', '-c'), ('target', '-C')):
            with self.subTest(side=side):
                source, target = self.servers(90, 1000)
                broken = source if side == 'source' else target
                port = self.line(broken, cut, 35_000)
                ports = [port if s is broken else s.port
                         for s in (source, target)]
                ended = self.copy(*ports, code=0)
                self.assert_balanced(ended)
                self.assertIn(broken.connections, range(3, 12))
                self.assert_same(source, target)

    def test_f146_a_target_that_dies_of_batches(self):
        """Each time it takes longer until another one is tried."""
        source, target = self.servers(50, 100, session=NoBatches)
        self.copy(source.port, target.port, code=0)
        self.assert_same(source, target)
        self.assertLess(target.connections, 15)

    def test_f146_no_session_gets_anywhere(self):
        """It gives up, and the next run does it."""
        source, target = self.servers(10, 1000)
        port = self.line(target, '-C', 400)
        ended = self.copy(source.port, port, code=TEMPORARY)
        self.assert_balanced(ended)
        self.assertLess(target.connections, 50)
        self.copy(source.port, target.port, code=0)
        self.assert_same(source, target)

    def test_f147_a_line_slower_than_the_time_out(self):
        """The limit is on silence, not on how long a message takes; also when
        all of it lies in the kernel and only the peer's machine takes it."""
        for side in ('source', 'target'):
            with self.subTest(side=side):
                source, target = self.servers(1, 250_000)
                slow = source if side == 'source' else target
                with Sipping(slow.port, 80_000) as line:
                    ports = [line.port if s is slow else s.port
                             for s in (source, target)]
                    ended = self.copy(*ports, '--timeout', 2, code=0)
                self.assertEqual(1, ended.tally()['copied'])
                self.assert_same(source, target)
                self.assertEqual(1, slow.connections)


if __name__ == '__main__':
    unittest.main()
