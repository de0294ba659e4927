#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What sanitizers say of an engine that a supervisor started is not lost, though its
environment is another one and it may write nearly nowhere."""
import glob
import os
import signal
import unittest

import batch
import convoy
from scripted_server import ScriptedServer, stall
from test_hardening import children

SANITIZER = {'asan': 'ASAN_OPTIONS', 'tsan': 'TSAN_OPTIONS'}.get(
    os.path.basename(convoy.BUILD))


@unittest.skipUnless(SANITIZER, 'no sanitizer in this build (PROFILE=asan, tsan)')
class Reports(batch.Case):
    def test_an_engine_below_a_supervisor(self):
        found = self.path('found')
        os.mkdir(found)
        self.env[SANITIZER] = 'log_path=%s/report' % found
        self.env['MAILCONVOY_CONFINE_ALSO'] = found
        with ScriptedServer([stall()]) as one, ScriptedServer([stall()]) as two:
            text = (batch.PLAN % 1).replace('1143', str(one.port)).replace(
                '2143', str(two.port))
            self.write('plan.yaml', text + '  - {id: a, user: a}\n')
            p = self.start('run', 'plan.yaml',
                           env={'MAILCONVOY_ENGINE': convoy.ENGINE})
            self.wait_running(1)
            # it is confined by now
            self.assertTrue(two.wait_for_connections(1))
            pid, = children(p.pid)
            os.kill(pid, signal.SIGSEGV)
            convoy.wait_until(lambda: glob.glob(found + '/report.*'),
                              'a report')
            self.stop(p)
        with open('%s/report.%d' % (found, pid), encoding='utf-8',
                  errors='replace') as f:
            self.assertIn('SEGV', f.read())


if __name__ == '__main__':
    unittest.main()
