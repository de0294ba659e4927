#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""As a service: what systemd is told, and the units that are shipped."""
import os
import shutil
import socket
import subprocess
import unittest

import batch
import convoy

UNITS = os.path.join(convoy.ROOT, 'samples', 'systemd')


class Notify(batch.Case):
    def listen(self, name):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind(name)
        s.settimeout(20)
        self.addCleanup(s.close)
        return s

    def check(self, s, variable):
        self.accounts('ok.1', 'wait.2', jobs=2)
        p = self.start('run', 'plan.yaml', '--new-run',
                       env={'NOTIFY_SOCKET': variable})
        self.assertEqual(s.recv(4096), b'READY=1')
        status = b''
        while b'1 of 2 accounts done, 1 run' not in status:
            status = s.recv(4096)
            self.assertTrue(status.startswith(b'STATUS=run: '), status)
        self.stop(p)
        told = []
        s.setblocking(False)
        while True:
            try:
                told.append(s.recv(4096))
            except BlockingIOError:
                break
        self.assertEqual(told.count(b'STOPPING=1'), 1)
        self.assertTrue(told[-1].startswith(b'STATUS=ended: '), told)

    def test_path(self):
        path = self.path('notify')
        self.check(self.listen(path), path)

    def test_abstract(self):
        name = 'mailconvoy-test-%d' % os.getpid()
        self.check(self.listen('\0' + name), '@' + name)

    def test_nobody_listens(self):
        for variable in ('', '@', '/', self.path('none'), 'vsock:2:1',
                         '/' + 'x' * 300):
            self.accounts('ok.1')
            self.good('run', 'plan.yaml', env={'NOTIFY_SOCKET': variable})

    def test_a_listener_that_reads_nothing_holds_nobody(self):
        path = self.path('notify')
        s = self.listen(path)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self.accounts('longer.1')
        self.good('run', 'plan.yaml', env={'NOTIFY_SOCKET': path})

    def test_engines_do_not_know_of_it(self):
        path = self.path('notify')
        self.listen(path)
        self.accounts('look.1')
        self.good('run', 'plan.yaml', env={'NOTIFY_SOCKET': path})
        with open(self.path('tmp/look.1.seen'), encoding='utf-8') as f:
            self.assertNotIn('NOTIFY_SOCKET', f.read())


class Units(unittest.TestCase):
    def test_units_are_good(self):
        if not shutil.which('systemd-analyze'):
            raise unittest.SkipTest('no systemd-analyze')
        for name in ('mailconvoy@.service', 'mailconvoy@.timer'):
            check = subprocess.run(
                ['systemd-analyze', 'verify', '--man=no',
                 '--recursive-errors=no', os.path.join(UNITS, name)],
                capture_output=True, text=True, check=False)
            said = [x for x in check.stderr.splitlines()
                    if 'mailconvoy' in x and  # the program is not installed
                    'is not executable' not in x]
            self.assertEqual(said, [], name)

    def test_exit_codes(self):
        with open(os.path.join(UNITS, 'mailconvoy@.service'),
                  encoding='utf-8') as f:
            lines = f.read().splitlines()
        for line in ('Type=notify', 'SuccessExitStatus=3 4',
                     'RestartPreventExitStatus=64 66 77 78'):
            self.assertIn(line, lines)


if __name__ == '__main__':
    unittest.main()
