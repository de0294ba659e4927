#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a batch shows while it runs: on a terminal, in a pipe, to programs."""
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import time
import unittest

import batch
import convoy
import screen
from dovecot import Dovecot

BAR = r'demo .*\d+/\d+ +\d+ %'


def has_terminals():
    try:
        for fd in pty.openpty():
            os.close(fd)
        return True
    except OSError:
        return False


class OnTerminal(batch.Case):
    def setUp(self):
        if not has_terminals():
            raise unittest.SkipTest('no pseudo-terminal can be had')
        super().setUp()

    def run_on(self, *arguments, columns=80, rows=24, env=None):
        t = screen.Terminal(
            [convoy.SUPERVISOR, *arguments], columns, rows, cwd=self.folder,
            env={**self.env, **(env or {})})
        self.addCleanup(t.close)
        return t

    def begin(self, *ids, jobs=4, **kwargs):
        self.accounts(*ids, jobs=jobs)
        t = self.run_on('run', 'plan.yaml', **kwargs)
        t.wait_for(BAR)
        return t

    def assert_restored(self, t):
        """No board, modes as before, cursor visible at the begin of a line."""
        text = t.screen.text()
        self.assertEqual(t.modes(), (True, True))
        self.assertFalse(t.screen.hidden)
        self.assertFalse(t.screen.styled)
        self.assertEqual(t.screen.x, 0)
        self.assertNotIn('waiting', text)
        self.assertNotIn('? keys', text)
        self.assertEqual(t.screen.unknown, [])
        self.assertEqual(t.screen.lines[t.screen.y], [' '] * t.screen.columns)

    def test_board(self):
        t = self.begin('ok.1', 'wait.2', 'code77.3', 'wait.4', jobs=4,
                       columns=120)
        t.wait_for(r'wait\.2 +INBOX +4/10')
        text = t.wait_for(r'wait\.4 +INBOX')
        t.wait_for(r'2/4 +50 %')
        lines = t.screen.text().split('\n')
        self.assertRegex(lines[-5], r'^demo \[#+> +\] 2/4 50 %')
        self.assertRegex(lines[-4], r'^ ok 1 +running 2 +auth 1 +old 2  new 2')
        self.assertRegex(lines[-3], r'^ wait\.2 +INBOX +4/10 +40 %')
        self.assertRegex(lines[-1], r'p pause  d drain  \+ - jobs  \? keys$')
        self.assertRegex(text, r'\d\d:\d\d:\d\d  ok\.1 +ok +2 copied, \d+s')
        self.assertRegex(
            t.screen.text(), r'ERROR:  code77\.3 +auth .*test\.code')
        self.assertEqual(t.modes(), (False, False))
        for _ in range(2):
            t.send('\x03')
            t.pump(0.4)
        self.assertEqual(t.wait_end(), 4)
        self.assert_restored(t)
        self.assertIn('mailconvoy resume plan.yaml', t.screen.text())

    def test_an_account_without_words(self):
        self.accounts('wordless.1')
        t = self.run_on('run', 'plan.yaml')
        self.assertEqual(1, t.wait_end())
        seen = t.screen.history()
        self.assertRegex(
            seen, r'(?m)wordless\.1 +partial +1 refused, 2 copied, \d+s$')
        self.assertRegex(seen, r'(?m)^  partial  wordless\.1: partial$')

    def test_keys(self):
        t = self.begin(*('wait.%d' % n for n in range(4)), jobs=1)
        t.wait_for('running 1 ')
        t.send('+')
        t.wait_for('running 2 ')
        t.send('p')
        t.wait_for('demo paused')
        t.send('p-')
        t.wait_for(r'jobs 2 -> 1 \(key\)')
        t.send('?')
        t.wait_for('jobs, \\^C end')
        t.send('d')
        t.wait_for('demo drain')
        self.assertEqual([(r['what'], r['by'])
                          for r in self.lines('operator')],
                         [('pause', 'key'), ('resume', 'key'),
                          ('drain', 'key')])
        t.send('\x03')
        self.assertEqual(t.wait_end(), 4)
        self.assert_restored(t)

    def test_interrupted_three_times(self):
        """F176"""
        t = self.begin('hang.1')
        t.wait_for(r'hang\.1')
        for word in ('drain', 'stop'):
            t.send('\x03')
            t.wait_for('demo ' + word)
        t.send('\x03')
        self.assertEqual(t.wait_end(), 4)
        self.assert_restored(t)

    def test_resize(self):
        t = self.begin(*('wait.%d' % n for n in range(6)), jobs=6)
        t.wait_for(r'wait\.5 +INBOX')
        for columns, rows in ((60, 24), (120, 40), (40, 10), (100, 6),
                              (80, 24)):
            t.resize(columns, rows)
            t.pump(0.7)
            text = t.screen.text()
            self.assertEqual(len(re.findall(BAR, text)), 1, text)
            self.assertLessEqual(self.height(text), min(12, rows // 2))
            self.assertEqual(t.screen.unknown, [])
        for _ in range(2):
            t.send('\x03')
            t.pump(0.4)
        self.assertEqual(t.wait_end(), 4)
        self.assert_restored(t)

    @staticmethod
    def height(text):
        lines = text.split('\n')
        first = [n for n, line in enumerate(lines) if re.match(BAR, line)][0]
        return len(lines) - first

    def test_forty_columns(self):
        t = self.begin(*('wait.%d' % n for n in range(9)), jobs=9,
                       columns=40, rows=20)
        t.wait_for(r'wait\.6 +INBOX')
        text = t.wait_for(r'\.\.\. \d+ more')
        self.assertLessEqual(self.height(text), 10)
        t.resize(20, 4)
        t.pump(0.5)
        self.assertLessEqual(self.height(t.screen.text()), 2)

    def test_dumb_terminal(self):
        self.accounts('ok.1')
        t = self.run_on('run', 'plan.yaml', env={'TERM': 'dumb'})
        self.assertEqual(t.wait_end(), 0)
        self.assertNotIn(b'\x1b', t.raw)
        self.assertIn('outcome=ok', t.screen.text())

    def test_colour(self):
        for env, arguments, expected in (
                ({}, (), True), ({'NO_COLOR': '1'}, (), False),
                ({'NO_COLOR': ''}, (), True),
                ({'NO_COLOR': '1'}, ('--color', 'always'), True),
                ({}, ('--color=never',), False)):
            self.accounts('slow.1', 'code77.2')
            t = self.run_on('run', 'plan.yaml', '--new-run', *arguments,
                            env=env)
            self.assertEqual(t.wait_end(), 1)
            self.assertEqual(bool(re.search(rb'\x1b\[\d+m', t.raw)), expected,
                             (env, arguments))

    def test_hostile_names(self):
        """F206"""
        names = ('evil', 'wide')
        self.accounts(*('name.' + n for n in names))
        self.write('tmp/name.evil', '\x1b]0;title\x07\x1b[2J\u202eabc')
        self.write('tmp/name.wide', '\u65e5\u672c\u8a9e' * 60)
        t = self.run_on('run', 'plan.yaml')
        t.wait_for(r'name\.wide +\u65e5')
        t.wait_for(r'name\.evil +\\x1b\]0;title')
        self.assertNotIn(b'\x1b]', t.raw)
        self.assertNotIn(b'\x1b[2J', t.raw)
        self.assertEqual(t.screen.wrapped, 0)
        self.assertEqual(t.screen.unknown, [])
        # without UTF-8 nothing but ASCII
        t = self.run_on('run', 'plan.yaml', env={'LANG': 'C'})
        self.assertNotIn('\u65e5', t.screen.text())

    def test_stop_and_foreground(self):
        """^Z gives the terminal back as it was, fg takes it again."""
        if not os.access('/bin/dash', os.X_OK):
            raise unittest.SkipTest('no /bin/dash')
        self.accounts('wait.1')
        t = screen.Terminal(['/bin/dash', '-i', '-m'], cwd=self.folder,
                            env={**self.env, 'PS1': 'ready> '})
        self.addCleanup(t.close)
        t.wait_for('ready>')
        t.send('%s run plan.yaml\n' % convoy.SUPERVISOR)
        t.wait_for(r'wait\.1 +INBOX')
        self.assertEqual(t.modes(), (False, False))
        t.send('\x1a')
        t.wait_for('Stopped')
        t.pump(0.2)
        self.assertEqual(t.modes(), (True, True))
        self.assertNotIn('? keys', t.screen.text())
        t.send('echo one; fg\n')
        t.wait_for(r'(?m)^one$')
        t.wait_for(r'wait\.1 +INBOX')
        self.assertEqual(t.modes(), (False, False))
        # in the background nothing is drawn and no key is taken
        t.send('\x1a')
        t.wait_for('(?s)Stopped.*Stopped')
        t.send('bg\n')
        t.pump(0.8)
        self.assertNotIn('? keys', t.screen.text())
        self.assertEqual(t.modes(), (True, True))
        t.send('fg\n')
        t.wait_for(r'\? keys')
        t.send('d')
        t.wait_for('demo drain')
        t.send('\x03')
        t.wait_for('mailconvoy resume plan.yaml')
        t.wait_for(r'ready>$')
        self.assertEqual(t.modes(), (True, True))

    def test_crash_gives_the_terminal_back(self):
        t = self.begin('wait.1')
        t.wait_for(r'\? keys')
        t.process.send_signal(convoy.crash_signal())
        t.wait_end()
        self.assertEqual(t.modes(), (True, True))
        self.assertFalse(t.screen.hidden)

    def test_a_terminal_that_is_held_does_not_hold_the_batch(self):
        """F217"""
        t = self.begin('longer.1', 'ok.2', jobs=1)
        t.send('\x13')  # ^S
        end = time.monotonic() + 20
        while t.process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)  # nothing is read either
        self.assertEqual(self.lines('run.end')[-1]['exit'], 0)


class Elsewhere(batch.Case):
    def test_plain_has_summaries(self):
        self.accounts('longer.1', 'ok.2')
        rc, _, err = self.mc('run', 'plan.yaml', '--progress=plain',
                             '--interval', '1')
        self.assertEqual(rc, 0)
        self.assertRegex(err, r'(?m)^\S+Z INFO summary stage=run done=1/2 '
                              r'running=1 ok=1 rate=\d+$')
        self.assertNotIn('\x1b', err)

    def test_json_is_the_journal(self):
        self.accounts('ok.1', 'refused.2')
        rc, _, err = self.mc('run', 'plan.yaml', '--progress=json',
                             '--interval', '1')
        self.assertEqual(rc, 1)
        lines = [json.loads(x) for x in err.splitlines()]
        own = [x for x in lines if x['ev'] not in ('note', 'summary')]
        # run.start is written before anybody listens, or after
        self.assertEqual(own, self.journal()[-len(own):])
        self.assertIn('refused', [x['ev'] for x in own])
        self.assertEqual({x['v'] for x in lines}, {1})

    def test_quiet(self):
        self.accounts('ok.1')
        for arguments, env in ((('-q',), {}), ((), {
                'MAILCONVOY_PROGRESS': 'quiet'})):
            rc, out, err = self.mc('run', 'plan.yaml', '--new-run',
                                   *arguments, env=env)
            self.assertEqual((rc, err), (0, ''))
            self.assertRegex(out, r'^Finished in .*exit 0\n$')
        self.accounts('ok.1', 'code77.2')
        rc, out, err = self.mc('run', 'plan.yaml', '-q')
        self.assertEqual((rc, err.count('\n')), (1, 1), err)
        self.assertIn('account=code77.2', err)

    def test_verbose_names_what_was_refused(self):
        self.accounts('refused.1')
        rc, _, err = self.mc('run', 'plan.yaml', '-v')
        self.assertRegex(err, r'refused mailbox="INBOX" uid=7 '
                              r'reason=append\.too_big')

    def test_an_account_says_what_was_refused_first(self):
        """Names of mailboxes as people know them; no empty words."""
        self.accounts('draft.1', 'wordless.2')
        _, _, err = self.mc('run', 'plan.yaml', '-v')
        self.assertIn('refused mailbox="Entwürfe" uid=7 reason=append.virus',
                      err)
        self.assertRegex(
            err, r'account=draft\.1 outcome=partial .* reason=partial text="'
            r"first refusal: mailbox 'Entwürfe', uid 7: it has a 'worm' "
            r'\(append\.virus\)"\n')
        self.assertRegex(err, r'account=wordless\.2 .* reason=partial\n')
        out = self.mc('report', 'plan.yaml', '--user', 'draft.1')[1]
        self.assertIn('\n  Entwürfe -> R&D: 3 messages', out)
        self.assertIn('\n  Entwürfe, message 7: append.virus', out)

    def test_usage(self):
        self.accounts('ok.1')
        for arguments, env in (
                (('--progress', 'loud'), {}), (('--interval', '0'), {}),
                (('--color', 'red'), {}), ((), {'MAILCONVOY_PROGRESS': 'x'})):
            rc, out, _ = self.mc('run', 'plan.yaml', *arguments, env=env)
            self.assertEqual((rc, out), (64, ''), arguments)

    def test_nobody_reads(self):
        """F217: A full pipe as standard error does not hold the batch."""
        for mode in ('plain', 'json'):
            self.accounts(*('refused.%d' % n for n in range(30)), jobs=8)
            ours, theirs = os.pipe()
            fcntl.fcntl(theirs, 1031, 4096)  # F_SETPIPE_SZ
            p = self.start('run', 'plan.yaml', '--new-run', '--progress', mode,
                           stderr=theirs, stdout=subprocess.DEVNULL)
            os.close(theirs)
            self.assertEqual(p.wait(60), 1)
            os.close(ours)

    def test_levels_for_journald(self):
        self.accounts('ok.1', 'code77.2')
        with open(self.path('err'), 'wb') as f:
            st = os.fstat(f.fileno())
            stream = '%d:%d' % (st.st_dev, st.st_ino)
            p = self.start('run', 'plan.yaml', stderr=f,
                           env={'JOURNAL_STREAM': stream})
            p.communicate(timeout=20)
        with open(self.path('err'), encoding='utf-8') as f:
            lines = f.read().splitlines()
        self.assertEqual({x[:3] for x in lines}, {'<6>', '<3>'})
        rc, _, err = self.mc('run', 'plan.yaml',
                             env={'JOURNAL_STREAM': '1:2'})
        self.assertNotIn('<6>', err)


class Engine(convoy.Case):
    def test_progress_names_the_mailbox(self):
        convoy.need_dovecot()
        with Dovecot() as source, Dovecot() as target:
            convoy.fill(source, messages=100, mailboxes=4)
            read, write = os.pipe()
            with os.fdopen(read, encoding='utf-8') as lines:
                engine = self.start(
                    *convoy.PLAIN, '--bwlimit', '300', '--recordFd', write,
                    '127.0.0.1:%d' % source.port, 'anna', 'pass',
                    '127.0.0.1:%d' % target.port, 'anna', 'pass',
                    pass_fds=(write,))
                os.close(write)
                records = [json.loads(line) for line in lines]
            _, log = engine.communicate(timeout=convoy.PATIENCE)
            self.assertEqual(0, engine.returncode, log)
        told = [r.get('mailbox') for r in records if r['ev'] == 'progress']
        there = {r['mailbox'] for r in records if r['ev'] == 'mailbox'}
        self.assertGreater(len(told), 0)
        self.assertLessEqual(set(told), there)


if __name__ == '__main__':
    unittest.main()
