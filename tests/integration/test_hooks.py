#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that hang on a run: before it, after it, after an account, and mail."""
import os
import resource
import signal
import time
import unittest

import batch
import convoy


def is_alive(pid):
    try:
        with open('/proc/%d/stat' % pid, 'rb') as f:
            return f.read().rsplit(b')', 1)[1].split()[0] != b'Z'
    except OSError:
        return False


class Hooks(batch.Case):
    def script(self, name, text):
        os.chmod(self.write(name, '#!/bin/sh\n' + text), 0o700)

    def plan(self, ids, hooks='', notify='', jobs=4):
        self.accounts(*ids, jobs=jobs)
        with open(self.path('plan.yaml'), encoding='utf-8') as f:
            text = f.read()
        more = ('hooks: {%s}\n' % hooks if hooks else '') + \
            ('notify: {%s}\n' % notify if notify else '')
        self.write('plan.yaml', text.replace('accounts:\n',
                                             more + 'accounts:\n'))

    def text(self, name):
        with open(self.path(name), encoding='utf-8') as f:
            return f.read()

    def run_all(self, code=0, **kwargs):
        rc, out, err = self.mc('run', 'plan.yaml', **kwargs)
        self.assertEqual(rc, code, out + err)
        return out + err

    def test_what_they_are_told(self):
        self.script('hook', '{ echo "hook $1"; env | grep ^MAILCONVOY_ | sort;'
                    ' env | grep -c canary; } >> told; echo heard $1\n')
        self.plan(['ok.a', 'code77.b'],
                  'before_run: [./hook, before], after_run: [./hook, after], '
                  'after_account: {command: [./hook, "an account"], '
                  'timeout: 5s}')
        self.run_all(1, env={'MAILCONVOY_EXIT': '99'})
        told = self.text('told').split('hook ')[1:]
        self.assertEqual([t.split('\n')[0] for t in told],
                         ['before', 'an account', 'an account', 'after'])
        run = os.path.basename(self.runs()[-1])
        for t in told:
            self.assertIn('MAILCONVOY_RUN=%s\n' % run, t)
            self.assertNotIn('MAILCONVOY_EXIT=99', t)
            self.assertNotIn('MAILCONVOY_ENGINE', t)
        accounts = ''.join(told[1:3])
        for fact in ('ACCOUNT=ok.a', 'OUTCOME=ok', 'EXIT=0',
                     'ACCOUNT=code77.b', 'OUTCOME=auth', 'EXIT=77'):
            self.assertIn('MAILCONVOY_%s\n' % fact, accounts)
        self.assertIn('MAILCONVOY_EXIT=1\n', told[3])
        report = [line for line in told[3].split('\n')
                  if line.startswith('MAILCONVOY_REPORT=')][0]
        self.assertTrue(os.path.isfile(report.split('=', 1)[1]))
        with open(self.run_path('hooks.log'), encoding='utf-8') as f:
            self.assertEqual(f.read(), 'heard before\nheard an account\n'
                             'heard an account\nheard after\n')
        self.assertEqual(self.lines('hook'), [])

    def test_before_run_may_say_no(self):
        self.script('no', 'echo maintenance >&2; exit 7\n')
        self.plan(['ok.a'], 'before_run: [./no]')
        said = self.run_all(3)
        self.assertIn('the hook exited with 7: nothing more is started', said)
        self.assertEqual(self.lines('account.start'), [])
        self.assertEqual(self.lines('run.halt')[0]['why'], 'hook.before_run')
        self.assertEqual(self.lines('run.end')[0]['why'], 'hook.before_run')
        self.script('no', 'exit 0\n')
        self.good('resume', 'plan.yaml')
        self.assertIn('before_run', self.good('explain', 'hook.before_run'))

    def test_nothing_starts_before_it_has_ended(self):
        self.script('slow', 'sleep 1; echo x > done\n')
        self.plan(['ok.a'], 'before_run: [./slow]')
        p = self.start('run', 'plan.yaml')
        self.status_when(lambda s: s['accounts'].get('waiting') == 1)
        self.assertEqual(self.lines('account.start'), [])
        out, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 0, out + err)
        self.assertTrue(os.path.exists(self.path('done')))

    def test_nobody_is_busy_while_it_runs(self):
        self.plan(['ok.a'], 'before_run: [/bin/sleep, "4"]')
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run_all()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.assertLess(after.ru_utime + after.ru_stime -
                        before.ru_utime - before.ru_stime, 1.5)

    def test_interrupt_ends_before_run(self):
        """F175"""
        self.script('hang', 'echo $$ > pid; sleep 60\n')
        self.plan(['ok.a'], 'before_run: [./hang]')
        p = self.start('run', 'plan.yaml')
        convoy.wait_until(lambda: os.path.exists(self.path('pid')), 'it', 20)
        begin = time.monotonic()
        self.stop(p)
        self.assertLess(time.monotonic() - begin, 15)
        self.assertEqual(self.lines('account.start'), [])

    def test_after_hooks_only_warn(self):
        self.script('bad', 'exit 9\n')
        self.script('hang', 'sleep 60 & echo $! > pid; wait\n')
        self.plan(['ok.a'], 'after_account: [./bad], '
                  'after_run: {command: [./hang], timeout: 500ms}')
        said = self.run_all(0)
        self.assertIn('hook.after_account: ok.a: the hook exited with 9', said)
        self.assertIn('hook.after_run: the hook took too long', said)
        self.assertEqual(sorted(r['why'] for r in self.lines('hook')),
                         ['hook.after_account', 'hook.after_run'])
        convoy.wait_until(lambda: not is_alive(int(self.text('pid'))),
                          'what it had started to be gone', 20)
        # what comes behind its end does not make the run unfinished
        self.run_all(0)
        self.assertEqual(len(self.runs()), 2)

    def test_one_at_a_time_and_the_oldest_gives_way(self):
        self.script('slow', 'test -e here && echo two > two\necho x > here\n'
                    'sleep 0.05; rm here; echo $MAILCONVOY_ACCOUNT >> order\n'
                    'test $MAILCONVOY_ACCOUNT = ok.0 && sleep 4\nexit 0\n')
        ids = ['ok.%d' % i for i in range(80)]
        self.plan(ids, 'after_account: [./slow]', jobs=8)
        said = self.run_all(0)
        self.assertFalse(os.path.exists(self.path('two')))
        order = self.text('order').split()
        dropped = [r['text'].split(':')[0] for r in
                   self.lines('hook', why='hook.dropped')]
        self.assertEqual(sorted(order + dropped), sorted(ids))
        self.assertEqual(len(set(order)), len(order))
        for i in dropped:
            self.assertIn('hook.dropped: %s: not run' % i, said)

    def test_interrupt_ends_the_last_ones(self):
        """F175"""
        self.script('hang', 'echo $$ > pid; sleep 60\n')
        self.plan(['ok.a'], 'after_run: [./hang]')
        p = self.start('run', 'plan.yaml')
        convoy.wait_until(lambda: os.path.exists(self.path('pid')), 'it', 20)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 0, out + err)
        self.assertIn('hook.after_run: the hook was stopped', err)

    def test_a_flood_is_cut(self):
        self.script('flood', 'exec yes\n')
        self.plan(['ok.a'], 'after_run: {command: [./flood], timeout: 1s}')
        self.run_all(0)
        self.assertLess(os.path.getsize(self.run_path('hooks.log')),
                        1024 * 1024 + 100)

    def test_a_look_and_a_dry_run_have_none(self):
        self.script('hook', 'echo x >> ran\n')
        self.sendmail('cat >> mailed\n')
        self.plan(['ok.a'], 'before_run: [./hook], after_run: [./hook], '
                  'after_account: [./hook]', 'sendmail: post@example.org')
        self.good('run', 'plan.yaml', '--dry-run')
        self.assertFalse(os.path.exists(self.path('ran')))
        self.assertFalse(os.path.exists(self.path('mailed')))

    # ---- mail

    def sendmail(self, text):
        os.makedirs(self.path('bin'), exist_ok=True)
        self.script('bin/sendmail', 'cd %s\n' % self.folder + text)
        self.env['PATH'] = self.path('bin') + ':' + self.env['PATH']

    def test_mail(self):
        self.sendmail('echo "$@" > args; cat > mail\n')
        self.plan(['ok.a', 'code77.b'], notify='sendmail: post@example.org')
        self.run_all(1)
        self.assertEqual(self.text('args'), '-t -oi\n')
        head, body = self.text('mail').split('\n\n', 1)
        self.assertEqual(
            [line.split(':')[0] for line in head.split('\n')],
            ['To', 'Subject', 'Auto-Submitted', 'MIME-Version',
             'Content-Type'])
        self.assertIn('To: post@example.org\n', head)
        self.assertIn('Subject: mailconvoy: demo has ended, exit 1\n', head)
        self.assertRegex(body, r'\n +ok +1\n')
        self.assertRegex(body, r'\n +auth +1\n')
        self.assertIn('code77.b: auth, test.code', body)
        self.assertIn('report/report.html', body)
        self.assertNotIn(convoy.CANARY, head + body)

    def test_a_mail_that_fails_only_warns(self):
        self.sendmail('echo no such user; exit 67\n')
        self.plan(['ok.a'], notify='sendmail: post@example.org')
        self.assertIn('notify.sendmail: sendmail exited with 67',
                      self.run_all(0))
        with open(self.run_path('hooks.log'), encoding='utf-8') as f:
            self.assertEqual(f.read(), 'no such user\n')

    def test_an_address_is_one_line(self):
        for address in ('"a@b.org\\nBcc: c@d.org"', '"a@b.org\\tx"',
                        '"a@b.org,c@d.org"', '-OQueueDirectory=x'):
            self.plan(['ok.a'], notify='sendmail: ' + address)
            rc, _, err = self.mc('check', 'plan.yaml')
            self.assertEqual(rc, 78, address)
            self.assertRegex(err, 'E0136|E0127')


if __name__ == '__main__':
    unittest.main()
