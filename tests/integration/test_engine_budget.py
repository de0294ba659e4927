# SPDX-License-Identifier: MIT
"""What a copy may cost: memory, and round trips counted by a slow line.

Memory is measured on the release build only; the figures are printed.  Time is
compared with the delay of the line, never with the speed of the machine.
"""
import os
import subprocess
import sys
import time
import unittest

import convoy
from convoy import PLAIN, Case, fill
from dovecot import Dovecot

LAUNCHER = """
import os, resource, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""

ALONE = True


def setUpModule():
    convoy.need_dovecot()


class Memory(Case):
    """The queue bounds it, not the account."""

    def setUp(self):
        super().setUp()
        if os.path.basename(convoy.BUILD) != 'release':
            raise unittest.SkipTest('memory is measured on the release build')

    def peak(self, source, target, *options):
        """Peak memory of one copy in MiB. It is started by a small process,
        for a child's peak begins with what its parent had."""
        ended = subprocess.run(
            [sys.executable, '-I', '-S', '-c', LAUNCHER, convoy.ENGINE, *PLAIN,
             *options, '127.0.0.1:%d' % source.port, 'anna', 'pass',
             '127.0.0.1:%d' % target.port, 'anna', 'pass'],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=convoy.PATIENCE)
        self.assertEqual(0, ended.returncode, ended.stderr[-2000:])
        return int(ended.stdout) / 1024

    def check(self, limit, what, **kwargs):
        with Dovecot() as source, Dovecot() as target:
            fill(source, **kwargs)
            for options in ((), ('--noThreads',)):
                peak = self.peak(source, target, *options)
                print('  peak memory, %s%s: %.1f MiB (at most %d)' % (
                    what, ' ' + ' '.join(options), peak, limit))
                self.assertLessEqual(peak, limit)

    def test_many_small_messages(self):
        """F142: the queue is the limit"""
        self.check(16, '10,000 messages of 4 KB', messages=10000, size=4000,
                   mailboxes=4)

    def test_large_messages(self):
        """F142"""
        self.check(64, '12 messages of 20 MB', messages=12,
                   size=20 * 1000 * 1000, mailboxes=1)


class FarAway(Case):
    """With 200 ms a round trip the number of waits is all that counts."""

    ONE_WAY_MS = 100

    def relay(self, port):
        tool = self.path('netdelay')
        if not os.path.exists(tool):
            subprocess.run(['cc', '-O2', '-o', tool, os.path.join(
                convoy.ROOT, 'tests', 'support', 'netdelay.c')], check=True)
        process = subprocess.Popen(
            [tool, '-u', str(port), '-d', str(self.ONE_WAY_MS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        return int(process.stdout.readline().split()[1])

    def test_round_trips(self):
        with Dovecot() as source, Dovecot() as target:
            fill(source, messages=280, mailboxes=8)
            ports = self.relay(source.port), self.relay(target.port)
            addresses = ('127.0.0.1:%d' % ports[0], 'anna', 'pass',
                         '127.0.0.1:%d' % ports[1], 'anna', 'pass')
            for what, most in (('first copy', 12), ('second pass', 7)):
                began = time.monotonic()
                self.engine(*PLAIN, *addresses, code=0)
                trips = (time.monotonic() - began) * 1000 / (
                    2 * self.ONE_WAY_MS)
                print('  %s of 8 mailboxes: %.1f round trips (at most %d)' % (
                    what, trips, most))
                self.assertLessEqual(trips, most)
            self.assert_equal_accounts(source, target)
