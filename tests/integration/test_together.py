#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where rules, operator, selection and passes of one batch meet."""
import json
import os
import signal
import time
import unittest

import convoy
import test_schedule


class Case(test_schedule.Case):
    def ask(self, command, code=0):
        rc, out, err = self.mc('ctl', 'plan.yaml', command)
        self.assertEqual(rc, code, out + err)
        return out or err

    def own(self, name, here=True):
        path = os.path.join(self.tmp, name)
        if here:
            open(path, 'w', encoding='ascii').close()
        else:
            os.unlink(path)


class Retry(Case):
    def given_up(self, *more):
        """A batch that has given up its target and still has one account."""
        self.own('down')
        self.write_plan(*('down.%d' % i for i in range(6)),
                        ('wait.1', ', target: {server: other}'), *more,
                        jobs=4, new=', breaker: {after: 2, pause: 1s, '
                        'max_pause: 1s}')
        p = self.start('run', 'plan.yaml')
        self.wait_line('server.breaker', state='given-up')
        return p

    def test_of_a_server_that_was_given_up(self):
        """It tries once more; without success the batch ends all the same."""
        p = self.given_up()
        before = self.began().count('down.5')
        self.ask('retry=down.5')
        self.wait_journal(lambda j: sum(
            r['ev'] == 'server.breaker' and r['state'] == 'given-up'
            for r in j) == 2)
        self.assertEqual(self.began().count('down.5'), before + 1)
        self.ask('skip=wait.1')
        self.finish(p, 4)
        self.own('down', False)
        self.assertEqual(self.mc('resume', 'plan.yaml', '--account',
                                 'down.*')[0], 0)

    def test_of_a_server_that_came_back(self):
        p = self.given_up()
        self.own('down', False)
        self.ask('retry=down.5')
        self.wait_line('account.end', id='down.5', outcome='ok')
        self.ask('retry=down.4')
        self.wait_line('account.end', id='down.4', outcome='ok')
        self.ask('stop')
        self.finish(p, 4)

    def test_of_one_that_was_not_selected(self):
        """It is part of the result from then on."""
        self.write_plan('wait.1', 'code77.2', jobs=2)
        p = self.start('run', 'plan.yaml', '--account', 'wait.1')
        self.wait_line('account.start', id='wait.1')
        self.ask('retry=code77.2')
        self.wait_line('account.end', id='code77.2')
        self.ask('stop')
        out, _ = self.finish(p, 4)
        self.assertIn('0 of 2 accounts ok, 1 need a look', out)

    def test_counts_once_in_the_budget_of_failures(self):
        self.write_plan('code77.1', 'wait.2', jobs=2, attempts=1,
                        top='halt: {failures: 3}')
        p = self.start('run', 'plan.yaml')
        for i in range(1, 5):
            self.wait_journal(lambda j, n=i: sum(
                r['ev'] == 'account.end' for r in j) == n)
            if i < 4:
                self.ask('retry=code77.1')
        self.assertEqual(self.lines('run.halt'), [])
        self.ask('stop')
        self.finish(p, 4)


class Skip(Case):
    def test_one_that_puts_itself_off(self):
        """Told to come later, it does not come back."""
        self.write_plan('later500.1', 'wait.2', jobs=2)
        p = self.start('run', 'plan.yaml')
        self.wait_line('account.end', id='later500.1')
        self.ask('skip=later500.1')
        time.sleep(1.2)
        self.assertEqual(self.began().count('later500.1'), 1)
        self.ask('stop')
        self.finish(p, 4)


class Look(Case):
    def test_dead_server(self):
        """Nobody waits through the pauses of a breaker for a look."""
        self.own('down')
        self.write_plan(*('down.%d' % i for i in range(12)), jobs=2,
                        new=', breaker: {after: 3, pause: 2m, '
                        'max_pause: 30m}')
        start = time.monotonic()
        rc, out, err = self.mc('check', 'plan.yaml', '--connect', timeout=90)
        self.assertLess(time.monotonic() - start, 60)
        self.assertEqual(rc, 1, out + err)
        self.assertLess(len(self.began()), 8)

    def test_later_is_not_waited_for(self):
        self.write_plan('later20000.1', jobs=2)
        with open(self.plan, encoding='utf-8') as f:
            text = f.read().replace('max_wait: 1s', 'max_wait: 1m')
        self.write('plan.yaml', text)
        start = time.monotonic()
        self.mc('check', 'plan.yaml', '--connect')
        self.assertLess(time.monotonic() - start, 15)


class Status(Case):
    def test_what_is_not_waited_for(self):
        """Neither deferred nor given up is retrying."""
        self.own('down')
        self.write_plan('later7200000.1', 'code75.2',
                        ('wait.3', ', target: {server: other}'),
                        *('down.%d' % i for i in range(4)), jobs=8,
                        new=', breaker: {after: 2, pause: 1s, '
                        'max_pause: 1s}')
        with open(self.plan, encoding='utf-8') as f:
            text = f.read().replace('backoff: 100ms', 'backoff: 1h').replace(
                'max_wait: 1s', 'max_wait: 1h')
        self.write('plan.yaml', text)
        p = self.start('run', 'plan.yaml')
        self.wait_line('server.breaker', state='given-up')
        state = {a['id']: a['state'] for a in self.status()['list']}
        self.assertEqual(state['later7200000.1'], 'deferred')
        self.assertEqual(state['wait.3'], 'running')
        self.assertIn('temp', [state['down.%d' % i] for i in range(4)])
        self.ask('stop')
        self.finish(p, 4)


class Limit(Case):
    def test_the_first_of_the_order(self):
        self.write_plan('ok.1', 'ok.2', ('ok.3', ', groups: [first]'))
        self.run_plan(0, '--limit', '1')
        self.assertEqual(self.began(), ['ok.3'])
        self.run_plan(0, '--limit', '1')
        self.assertEqual(self.began(), ['ok.3', 'ok.1'])


PASSES = '''passes:
  seed: {}
  final: {options: {mode: syncSrcNew}}
'''


class Passes(Case):
    def test_another_pass_is_another_run(self):
        """Nobody who was copied in one pass is left out of the next."""
        self.write_plan('ok.1', 'code77.2', 'wait.3', jobs=1, top=PASSES)
        p = self.start('run', 'plan.yaml', '--pass', 'seed')
        self.wait_line('account.start', id='wait.3')
        self.ask('stop')
        self.finish(p, 4)
        self.run_plan(1, '--pass', 'final', '--account', 'ok.1',
                      '--account', 'code77.2')
        self.assertEqual(len(self.runs()), 2)
        self.assertEqual(self.began().count('ok.1'), 2)

    def test_the_same_pass_goes_on(self):
        self.write_plan('ok.1', 'ok.2', top=PASSES)
        self.run_plan(0, '--pass', 'final', '--account', 'ok.1')
        self.run_plan(0, '--pass', 'final')
        self.assertEqual(len(self.runs()), 1)
        self.assertEqual(self.began(), ['ok.1', 'ok.2'])

    def test_resume_keeps_the_pass(self):
        self.write_plan('ok.1', 'until.2', jobs=1, top=PASSES)
        out, _ = self.run_plan(1, '--pass', 'final')
        self.own('fixed')
        rc, out, err = self.mc('resume', 'plan.yaml')
        self.assertEqual(rc, 0, out + err)
        self.assertNotIn('other settings', err)
        self.assertEqual(self.began(), ['ok.1', 'until.2', 'until.2'])
        rc, out, err = self.mc('resume', 'plan.yaml', '--pass', 'seed')
        self.assertEqual(rc, 64, out + err)
        self.assertIn('final', err)


class Windows(Case):
    windows = test_schedule.Windows.windows

    def test_drain_ends_with_the_window(self):
        """What was drained is stopped all the same."""
        self.write_plan('wait.1', top=self.windows(-2, 2))
        p = self.start('run', 'plan.yaml')
        self.wait_line('account.start', id='wait.1')
        self.ask('drain')
        self.write_plan('wait.1', top=self.windows(2, 4,
                                                   ', at_window_end: stop'))
        p.send_signal(signal.SIGHUP)
        self.finish(p, 4)

    def test_windows_taken_away(self):
        """It goes on, and says so; those that come later count again."""
        self.write_plan('wait.1', top=self.windows(2, 4))
        p = self.start('run', 'plan.yaml')
        self.wait_line('run.hold', why='window.end')
        self.write_plan('wait.1')
        p.send_signal(signal.SIGHUP)
        self.wait_line('run.go')
        self.wait_line('account.start', id='wait.1')
        self.write_plan('wait.1', top=self.windows(2, 4,
                                                   ', at_window_end: stop'))
        p.send_signal(signal.SIGHUP)
        self.wait_line('account.end', id='wait.1', outcome='interrupted')
        self.ask('drain')
        self.finish(p, 4)


class Limits(Case):
    def test_hup_is_written_down(self):
        self.write_plan('wait.1', old=', limits: {connections: 7}')
        p = self.start('run', 'plan.yaml')
        self.wait_line('account.start', id='wait.1')
        self.write_plan('wait.1', old=', limits: {connections: 3}')
        p.send_signal(signal.SIGHUP)
        self.wait_line('limit.change', limit='server.old.connections',
                       by='plan', to=3)
        self.ask('stop')
        self.finish(p, 4)


class Hostile(Case):
    def test_status_json_moves_no_cursor(self):
        """F205"""
        self.write_plan('wait.1')
        p = self.start('run', 'plan.yaml')
        self.wait_line('account.start', id='wait.1')
        path = os.path.join(self.runs()[-1], 'status.json')
        convoy.wait_until(lambda: os.path.exists(path), 'status.json')
        with open(path, encoding='utf-8') as f:
            now = json.load(f)
        p.send_signal(signal.SIGSTOP)
        now.update(stage='\x1b[2J', eta_by='\x1b[2J', eta_seconds=1,
                   running=[{'id': 'wait.1', 'attempt': 1,
                             'mailbox': '\x1b[2J'}])
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(now, f)
        for words in ((), ('-o', 'wide'), ('-o', 'csv')):
            _, out, err = self.mc('status', 'plan.yaml', *words)
            self.assertNotIn('\x1b', out + err)
        p.send_signal(signal.SIGCONT)
        self.ask('stop')
        self.finish(p, 4)

    def test_nothing_moves_the_cursor(self):
        """F205: F057: a run's directory may come from somebody else."""
        self.write_plan('code77.1', 'ok.2')
        self.run_plan(1)
        path = os.path.join(self.runs()[-1], 'journal.jsonl')
        evil = '\x1b]0;evil\x07\x1b[2J\n'
        with open(path, encoding='utf-8') as f:
            lines = [json.loads(line) for line in f]
        for line in lines:
            for key, value in line.items():
                if isinstance(value, str) and key not in (
                        'ev', 't', 'run', 'digest'):
                    line[key] = value + evil
        with open(path, 'w', encoding='utf-8') as f:
            f.writelines(json.dumps(line) + '\n' for line in lines)
        for args in (('status', self.runs()[-1]),
                     ('status', self.runs()[-1], '-o', 'wide'),
                     ('status', self.runs()[-1], '-o', 'csv'),
                     ('status', self.runs()[-1], '-o', 'name'),
                     ('report', self.runs()[-1], '--user',
                      'code77.1' + evil),
                     ('resume', 'plan.yaml')):
            _, out, err = self.mc(*args)
            self.assertNotIn('\x1b', out + err, args)


if __name__ == '__main__':
    unittest.main()
