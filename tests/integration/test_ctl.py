#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an operator asks of a running batch: `ctl`, SIGHUP, SIGUSR1."""
import os
import signal
import socket
import stat
import time
import unittest

import batch
import convoy


class Asking(batch.Case):
    def begin(self, *ids, jobs=1, **kwargs):
        self.accounts(*ids, jobs=jobs)
        p = self.start('run', 'plan.yaml', **kwargs)
        self.wait_running(min(jobs, len(ids)))
        return p

    def ask(self, command, code=0):
        rc, out, err = self.mc('ctl', 'plan.yaml', command)
        self.assertEqual(rc, code, out + err)
        return out or err

    def raw(self, data, close=True):
        """What the socket answers to these bytes."""
        s = socket.socket(socket.AF_UNIX)
        with s:
            s.settimeout(20)
            s.connect(self.run_path('ctl.sock'))
            try:
                s.sendall(data)
                if close:
                    s.shutdown(socket.SHUT_WR)
                return s.recv(4096)
            except (ConnectionResetError, BrokenPipeError):
                return b''


class Commands(Asking):
    def test_pause_and_resume(self):
        p = self.begin('slow.1', 'slow.2', 'ok.3')
        self.assertIn('1 accounts run', self.ask('pause'))
        now = self.status_when(lambda s: s['accounts'].get('ok') == 1)
        self.assertEqual((now['stage'], now['running']), ('paused', []))
        self.assertIn('already', self.ask('pause'))
        time.sleep(0.5)
        self.assertEqual(len(self.lines('account.start')), 1)
        self.assertIsNone(p.poll())
        self.ask('resume')
        _, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 0, err)
        self.assertEqual([(r['what'], r['by'])
                          for r in self.lines('operator')],
                         [('pause', 'ctl'), ('resume', 'ctl')])
        self.assertFalse(os.path.exists(self.run_path('ctl.sock')))

    def test_jobs_up_and_down(self):
        p = self.begin(*('wait.%d' % i for i in range(6)))
        self.assertIn('1 -> 3', self.ask('jobs=3'))
        self.wait_running(3)
        self.ask('jobs=1')
        self.assertIn('at most 6',
                      self.ask('jobs=7', code=1))
        self.assertEqual([(r['limit'], r['from'], r['to'], r['by'])
                          for r in self.lines('limit.change')],
                         [('jobs', 1, 3, 'ctl'), ('jobs', 3, 1, 'ctl')])
        self.ask('skip=wait.0')
        self.ask('skip=wait.1')
        self.assertEqual(self.wait_running(1)['running'][0]['id'], 'wait.2')
        self.stop(p)

    def test_drain(self):
        p = self.begin('longer.1', 'ok.2')
        self.ask('drain')
        self.assertIn('ending', self.ask('pause', code=1))
        self.assertIn('any more', self.ask('retry=ok.2', code=1))
        self.assertIn('already', self.ask('drain'))
        out, _ = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4, out)
        self.assertEqual([r['id'] for r in self.lines('account.end')],
                         ['longer.1'])

    def test_stop(self):
        p = self.begin('wait.1', 'ok.2')
        self.ask('stop')
        p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4)
        self.assertEqual(self.lines('account.end')[0]['outcome'],
                         'interrupted')

    def test_drain_ends_a_paused_batch(self):
        p = self.begin('ok.1', 'wait.2', 'ok.3')
        self.ask('pause')
        self.ask('skip=wait.2')
        self.wait_running(0)
        self.ask('drain')
        p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4)

    def test_skip_and_retry(self):
        p = self.begin('wait.1', 'code77.2', 'ok.3', 'wait.4', 'ok.5')
        self.ask('skip=ok.3')
        self.assertIn('does not run', self.ask('skip=ok.3', code=1))
        self.assertIn('runs', self.ask('retry=wait.1', code=1))
        self.ask('skip=wait.1')
        now = self.status_when(
            lambda s: [a['id'] for a in s['running']] == ['wait.4'])
        self.assertEqual(now['accounts']['auth'], 1)
        for name in ('code77.2', 'ok.3'):
            self.ask('retry=' + name)
        self.ask('skip=wait.4')
        out, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4, out + err)
        starts = [r['id'] for r in self.lines('account.start')]
        self.assertEqual(starts, ['wait.1', 'code77.2', 'wait.4', 'code77.2',
                                  'ok.3', 'ok.5'])
        self.assertEqual(
            [(r['what'], r['id']) for r in self.lines('operator')],
            [('skip', 'ok.3'), ('skip', 'wait.1'), ('retry', 'code77.2'),
             ('retry', 'ok.3'), ('skip', 'wait.4')])
        # what was left out is not done
        self.good('resume', 'plan.yaml', '--only', 'auth', code=4)

    def test_limits_nobody_keeps_are_refused(self):
        p = self.begin('wait.1')
        for command in ('bw=1MiB/s', 'server.old.connections=3'):
            before = len(self.lines('limit.change'))
            rc, out, err = self.mc('ctl', 'plan.yaml', command)
            self.assertIn(rc, (0, 1), err)
            self.assertEqual(len(self.lines('limit.change')) - before, 1 - rc)
        self.assertIn("'gone'",
                      self.ask('server.gone.connections=3', code=64))
        self.assertIn("'nobody'", self.ask('skip=nobody', code=64))
        self.stop(p)

    def test_socket_is_private_and_bounded(self):
        p = self.begin('wait.1')
        mode = os.lstat(self.run_path('ctl.sock')).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertTrue(self.raw(b'fly\n').startswith(b'usage '))
        self.assertTrue(self.raw(b'\xff\x00\x1b[31m\n').startswith(b'usage'))
        self.assertTrue(self.raw(b'x' * 600).startswith(b'usage the line'))
        self.assertEqual(self.raw(b'pause'), b'')  # no line end: no command
        self.assertEqual(self.lines('operator'), [])
        # one that is silent keeps nobody off
        silent = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        for s in silent:
            s.connect(self.run_path('ctl.sock'))
        began = time.monotonic()
        self.assertIn('jobs', self.ask('jobs=1'))
        self.assertLess(time.monotonic() - began, 12)
        for s in silent:
            s.settimeout(10)
            self.assertTrue(s.recv(100).startswith(b'usage no line'))
            s.close()
        self.stop(p)

    def test_a_socket_left_over_is_replaced(self):
        p = self.begin('wait.1')
        p.kill()
        p.wait()
        self.assertTrue(os.path.exists(self.run_path('ctl.sock')))
        rc, _, err = self.mc('ctl', 'plan.yaml', 'pause')
        self.assertEqual(rc, 66, err)
        self.assertIn('no supervisor', err)
        p = self.start('run', 'plan.yaml')
        convoy.wait_until(lambda: self.mc('ctl', 'plan.yaml', 'drain')[0] == 0,
                          'the new supervisor', 20)
        self.stop(p)

    def test_a_path_too_long_for_a_socket(self):
        long = self.path('/'.join(['d' * 60] * 3)[1:])
        os.makedirs(os.path.join(self.folder, long))
        plan = self.accounts('wait.1')
        with open(plan, 'a', encoding='ascii') as f:
            f.write('state_dir: %s\n' % long)
        p = self.start('run', 'plan.yaml')
        convoy.wait_until(lambda: self.mc('ctl', 'plan.yaml', 'drain')[0] == 0,
                          'an answer', 20)
        self.stop(p)

    def test_usage(self):
        self.accounts('ok.1')
        for args in (('ctl',), ('ctl', 'plan.yaml'),
                     ('ctl', 'plan.yaml', 'fly'),
                     ('ctl', 'plan.yaml', 'jobs=none')):
            self.assertEqual(self.mc(*args)[0], 64, args)
        self.assertEqual(self.mc('ctl', 'plan.yaml', 'pause')[0], 66)


class Signals(Asking):
    def test_hup_reads_limits_again(self):
        p = self.begin('wait.1', 'wait.2', 'ok.3', start_new_session=True)
        self.write('plan.yaml', 'version: [\n')
        p.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        self.assertIsNone(p.poll())
        self.accounts('wait.1', 'wait.2', 'ok.3', jobs=2)
        p.send_signal(signal.SIGHUP)
        self.wait_running(2)
        self.assertEqual([(r['limit'], r['to'], r['by'])
                          for r in self.lines('limit.change')],
                         [('jobs', 2, 'plan')])
        _, err = self.stop(p)
        self.assertIn('limits stay as they were', err)

    def test_the_command_line_wins_over_hup(self):
        self.accounts('wait.1', 'wait.2', jobs=2)
        p = self.start('run', 'plan.yaml', '-j', '1', start_new_session=True)
        self.wait_running(1)
        p.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        self.assertEqual(self.lines('limit.change'), [])
        self.stop(p)

    def test_usr1_tells_how_it_stands(self):
        p = self.begin('wait.1', 'ok.2')
        self.status_when(lambda s: s['copied'] == 4)
        p.send_signal(signal.SIGUSR1)
        time.sleep(0.3)
        _, err = self.stop(p)
        self.assertRegex(err, r'summary stage=run done=0/2 running=1 '
                              r'waiting=1 rate=')
        self.assertRegex(err, r'running account=wait\.1 state=\S+ '
                              r'mailbox="INBOX" copied=4/10')


if __name__ == '__main__':
    unittest.main()
