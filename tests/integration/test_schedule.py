# SPDX-License-Identifier: MIT
"""What the supervisor starts, when, and how much of it: budgets of servers,
breakers, windows, failure budgets, accounts that are put off."""
import collections
import contextlib
import datetime
import json
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import convoy
import seed
import test_supervisor
from convoy import PATIENCE, SUPERVISOR, end, wait_until
from dovecot import Dovecot
from relay import Relay

QUICK = os.path.join(convoy.ROOT, 'tests', 'support', 'quick_engine.c')

PLAN = '''version: 1
name: demo
%(top)s
servers:
  old: {host: 127.0.0.1, port: 1143, tls: none%(old)s}
  new: {host: 127.0.0.1, port: 2143, tls: none%(new)s}
  other: {host: 127.0.0.1, port: 3143, tls: none}
defaults:
  source: {server: old, password: {file: secret}%(source)s}
  target: {server: new, password: {file: secret}}
limits: {jobs: %(jobs)d%(limits)s}
retry: {attempts: %(attempts)d, backoff: 100ms, factor: 1, max_wait: 1s,
        jitter: 0%%}
groups:
  first: {priority: 5}
accounts:
'''


class Case(test_supervisor.Case):
    def write_plan(self, *accounts, **values):
        """Accounts are ids, or (id, more fields)."""
        fill = {'top': '', 'old': '', 'new': '', 'source': '', 'limits': '',
                'jobs': 4, 'attempts': 3, **values}
        text = PLAN % fill
        for a in accounts:
            name, more = a if isinstance(a, tuple) else (a, '')
            text += '  - {id: %s, user: %s%s}\n' % (name, name, more)
        self.write('plan.yaml', text)

    def lines(self, ev):
        return [r for r in self.journal() if r['ev'] == ev]

    def began(self):
        return [e[2] for e in self.events() if e[1] == 'begin']

    def wait_line(self, ev, **fields):
        self.wait_journal(lambda j: any(
            r['ev'] == ev and all(r.get(k) == v for k, v in fields.items())
            for r in j))

    def finish(self, p, code):
        out, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, code, out + err)
        return out, err


class Order(Case):
    def test_priority_comes_before_the_plan(self):
        self.write_plan('ok.1', 'ok.2', ('ok.3', ', priority: 9'),
                        ('ok.4', ', groups: [first]'), jobs=1)
        self.run_plan(0)
        self.assertEqual(self.began(), ['ok.3', 'ok.4', 'ok.1', 'ok.2'])

    def test_what_failed_comes_first(self):
        names = ['ok.1', 'code1.2', 'ok.3', 'code77.4']
        self.write_plan(*names, jobs=1, top='schedule: {order: failed_first}')
        self.run_plan(1)
        self.assertEqual(self.began(), names)
        os.unlink(os.path.join(self.tmp, 'events'))
        self.run_plan(1)  # the last run is complete: a new one
        self.assertEqual(self.began(),
                         ['code1.2', 'code77.4', 'ok.1', 'ok.3'])

    def test_shuffle_is_another_order(self):
        names = ['ok.%d' % i for i in range(12)]
        self.write_plan(*names, jobs=1, top='schedule: {order: shuffle}')
        self.run_plan(0)
        self.assertNotEqual(self.began(), names)
        self.assertEqual(sorted(self.began()), sorted(names))


    def test_the_order_of_the_command_line(self):
        names = ['code1.1', 'ok.2', 'code77.3']
        self.write_plan(*names, jobs=1, attempts=1,
                        top='schedule: {order: shuffle}')
        self.run_plan(1, '--order', 'plan')
        self.assertEqual(self.began(), names)
        self.assertEqual(64, self.mc('run', 'plan.yaml', '--order', 'x')[0])

    def test_resume_by_reason(self):
        self.write_plan('code1.1', 'silent.2', 'code77.3', 'ok.4', jobs=1,
                        attempts=1)
        self.run_plan(1)
        for patterns, wanted in (
                (('no.*',), []), (('no.*', 'cr?sh.*'), ['silent.2']),
                (('test.code',), ['code1.1', 'code77.3'])):
            os.truncate(os.path.join(self.tmp, 'events'), 0)
            out = self.mc('resume', 'plan.yaml', *(
                '--reason=' + p for p in patterns))
            self.assertEqual(wanted, sorted(set(self.began())), out)


class Largest(Case):
    """The look before a run whose order wants to know sizes."""

    def plan_of(self, *names, **values):
        self.write_plan(*names, top='schedule: {order: largest}',
                        **{'jobs': 1, 'attempts': 1, **values})

    def counts(self):
        """How often engines began, looks included; from now on anew."""
        found = collections.Counter(self.began())
        os.truncate(os.path.join(self.tmp, 'events'), 0)
        return found

    def test_who_is_not_run_is_not_logged_in(self):
        """Too many wrong passwords lock accounts out."""
        bad = ['code77.%d' % i for i in (1, 2, 3)]
        others = ['code1.4', 'code1.5', 'ok.6', 'ok.7']
        self.plan_of(*bad, *others)
        self.run_plan(1, *('--account=' + b for b in bad))
        self.assertEqual(dict.fromkeys(bad, 2), self.counts())
        self.run_plan(1)  # goes on with those that have no result yet
        self.assertEqual(dict.fromkeys(others, 2), self.counts())
        for arguments in (('--only=partial',), ('--only=partial,ok',)):
            self.assertEqual(1, self.mc('resume', 'plan.yaml', *arguments)[0])
            self.assertEqual(dict.fromkeys(others[:2], 2), self.counts())
        self.mc('ack', 'plan.yaml', 'code77.1', '--reason=gone')
        self.assertEqual(1, self.mc('resume', 'plan.yaml')[0])
        self.assertEqual(dict.fromkeys(bad[1:] + others[:2], 2),
                         self.counts())
        self.mc('resume', 'plan.yaml', '--reason=no.such')
        self.assertEqual({}, self.counts())

    def test_ids_in_both_cases(self):
        names = ['ok.a', 'ok.B', 'ok.c', 'ok.D', 'ok.e', 'ok.F', 'ok.G']
        self.plan_of(*names)
        self.run_plan(0)
        self.assertEqual(dict.fromkeys(names, 2), self.counts())

    def test_an_error_of_one_account_is_its_own(self):
        self.plan_of('code74.1', 'ok.2', 'ok.3')
        self.run_plan(74)
        self.assertEqual({'code74.1': 2, 'ok.2': 2, 'ok.3': 2}, self.counts())

    def test_who_ends_the_look_ends_all(self):
        self.plan_of('ok.1', 'longer.2')
        p = self.start('run', 'plan.yaml')
        self.wait_for('begin', 2)
        p.send_signal(signal.SIGINT)
        self.finish(p, 4)
        self.assertEqual({'ok.1': 1, 'longer.2': 1}, self.counts())

    def test_the_time_of_a_run_is_that_of_its_look_too(self):
        self.plan_of('longer.1', 'longer.2', 'longer.3')
        self.run_plan(3, '--max-duration=2s')
        self.assertLessEqual(sum(self.counts().values()), 2)

    def test_a_shared_login_is_not_refused_twice_as_often(self):
        """F051: a sixth time tells that it still is."""
        self.plan_of(*('denied.%d' % i for i in range(20)),
                     source=', login: admin, as: "{user}", auth: plain')
        self.run_plan(3)
        self.assertEqual(6, sum(self.counts().values()))
        self.assertEqual(1, len(self.lines('server.login')))
        open(os.path.join(self.tmp, 'fixed'), 'w', encoding='ascii').close()
        self.assertEqual(self.mc('resume', 'plan.yaml')[0], 0)

    def test_the_logins_of_the_look_count(self):
        self.plan_of('ok.1', 'ok.2', 'ok.3',
                     new=', limits: {logins_per_minute: 3}')
        p = self.start('run', 'plan.yaml')
        self.wait_line('run.start')
        time.sleep(2)
        p.send_signal(signal.SIGINT)
        self.finish(p, 4)
        self.assertEqual({'ok.1': 1, 'ok.2': 1, 'ok.3': 1}, self.counts())


class Connections(Case):
    def given(self, account):
        with open(os.path.join(self.tmp, account + '.seen'),
                  encoding='utf-8') as f:
            return json.load(f)['job']['options']['connections']

    def test_as_far_as_the_budget_goes(self):
        self.write_plan('look.1', ('look.2', ', target: {server: other}'),
                        old=', limits: {per_account: 3}',
                        new=', limits: {connections: 2, per_account: 32}')
        with open(self.plan, encoding='ascii') as f:
            text = f.read()
        self.write('plan.yaml', text.replace(
            'port: 3143,', 'port: 3143, limits: {per_account: 32},'))
        self.run_plan(0)
        self.assertEqual((self.given('look.1'), self.given('look.2')), (2, 3))


class Rules(Case):
    def test_failures_end_the_run(self):
        self.write_plan('code1.1', 'code1.2', 'ok.3', 'ok.4', jobs=1,
                        top='halt: {failures: 2}')
        out, err = self.run_plan(3)
        self.assertIn('2 of 2 finished accounts failed', err)
        self.assertIn('Stopped', out)
        self.assertEqual(self.began(), ['code1.1', 'code1.2'])
        self.assertEqual(self.lines('run.halt')[0]['why'], 'halt.failures')
        end = self.lines('run.end')[0]
        self.assertEqual((end['why'], end['exit'], end['complete']),
                         ('halt.failures', 3, False))
        self.run_plan(1)  # goes on: nothing else fails
        self.assertEqual(len(self.ends('ok.4')), 1)

    def test_a_share_of_failures_is_reached_not_exceeded(self):
        self.write_plan('ok.1', 'ok.2', 'ok.3', 'code1.4', 'ok.5', jobs=1,
                        top='halt: {percent: 25, min_finished: 4}')
        self.run_plan(3)
        self.assertEqual(self.outcome('ok.5'), 'pending')

    def test_halt_may_stop_what_runs(self):
        self.write_plan('wait.1', 'code1.2', 'ok.3', jobs=2,
                        top='halt: {failures: 1, action: stop}')
        self.run_plan(3)
        end = self.ends('wait.1')[-1]
        self.assertEqual((end['outcome'], end['reason'], end['final']),
                         ('interrupted', 'halt.failures', False))
        self.assertEqual(end['tally']['copied'], 4)

    def test_time_of_the_run(self):
        for how in ('plan', 'option'):
            self.write_plan('longer.1', 'ok.2', jobs=1,
                            limits=', max_duration: 1s'
                            if how == 'plan' else '')
            args = () if how == 'plan' else ('--max-duration', '1s')
            self.run_plan(3, '--new-run', *args)
            self.assertEqual(self.lines('run.end')[0]['why'], 'duration.end')
            self.assertEqual(self.outcome('longer.1'), 'ok')
            self.assertEqual(self.outcome('ok.2'), 'pending')
        self.run_plan(0)

    def test_time_of_an_account(self):
        self.write_plan('wait.1', 'ok.2', attempts=2,
                        limits=', account_timeout: 1s')
        self.run_plan(1)
        self.assertEqual([(e['outcome'], e['reason'], e['final'],
                           e['tally']['copied']) for e in self.ends('wait.1')],
                         [('temp', 'account.timeout', False, 4),
                          ('temp', 'account.timeout', True, 4)])
        self.assertEqual(self.outcome('ok.2'), 'ok')

    def test_stall_limit_of_the_plan(self):
        self.write_plan('hang.1', attempts=1, limits=', stall_timeout: 1s')
        p = self.start('run', 'plan.yaml')
        self.wait_for('begin')
        time.sleep(1.5)  # past the limit
        for _ in range(3):
            p.send_signal(signal.SIGINT)
            time.sleep(0.2)
        p.communicate(timeout=20)
        self.assertEqual(self.ends('hang.1')[0]['reason'], 'engine.stalled')

    def test_too_little_memory(self):
        self.write_plan('ok.1', limits=', min_free_memory: 1000TiB')
        p = self.start('run', 'plan.yaml')
        self.wait_line('run.hold', why='memory.low')
        p.send_signal(signal.SIGTERM)
        self.finish(p, 4)
        self.assertEqual(self.began(), [])

    def test_the_environment_stands_between_command_line_and_plan(self):
        """A switch, a rate and numbers; only of commands that take them."""
        self.write_plan('ok.1', 'ok.2', jobs=3)
        for arguments, env, wanted in (
                ((), {}, 3),
                ((), {'MAILCONVOY_JOBS': '2'}, 2),
                (('-j', '1'), {'MAILCONVOY_JOBS': '2'}, 1),
                ((), {'MAILCONVOY_JOBS': '', 'MAILCONVOY_NO_INPUT': '1'}, 3)):
            with self.subTest(arguments=arguments, env=env):
                self.run_plan(0, '--new-run', *arguments, **env)
                self.assertEqual(wanted, self.lines('run.start')[0]['jobs'])
        for name, value in (('JOBS', '0'), ('JOBS', 'x'), ('BWLIMIT', '40'),
                            ('MAX_DURATION', '8'), ('NO_INPUT', 'yes'),
                            ('COLOR', 'red'), ('INTERVAL', '-1')):
            name = 'MAILCONVOY_' + name
            rc, out, err = self.mc('run', 'plan.yaml', **{name: value})
            self.assertEqual((64, ''), (rc, out))
            self.assertRegex(err, "^mailconvoy: %s wants .*[,;] not '%s'" %
                             (name, value))
        rc, _, err = self.mc('status', 'plan.yaml', MAILCONVOY_JOBS='0')
        self.assertEqual((0, ''), (rc, err))

    def test_another_state_directory(self):
        """Counts from the working directory; for all that speaks of it."""
        self.write_plan('ok.1')
        folder = os.path.join(self.dir, 'elsewhere')
        self.run_plan(0, '--state-dir', 'elsewhere')
        self.assertFalse(os.path.exists(os.path.join(self.dir, 'state')))
        self.assertEqual(1, len(os.listdir(folder + '/demo/runs')))
        self.assertEqual(66, self.mc('status', 'plan.yaml')[0])
        rc, _, err = self.mc('resume', 'plan.yaml', '--state-dir', 'nowhere')
        self.assertEqual(66, rc)
        self.assertIn("'mailconvoy run plan.yaml --state-dir nowhere'", err)
        for env, arguments in (({'MAILCONVOY_STATE_DIR': folder}, ()),
                               ({}, ('--state-dir=elsewhere',))):
            for verb in ('status', 'report', 'resume', 'run'):
                rc, out, err = self.mc(verb, 'plan.yaml', *arguments, **env)
                self.assertEqual(0, rc, verb + out + err)
            rc, out, err = self.mc('status', *arguments, **env)
            self.assertEqual(0, rc, out + err)
            self.assertIn('ok.1', out)
        self.assertFalse(os.path.exists(os.path.join(self.dir, 'state')))

    def test_too_little_disk(self):
        """No account starts into a full disk; with room it goes on."""
        self.write_plan('ok.1', limits=', min_free_disk: 1000TiB')
        p = self.start('run', 'plan.yaml')
        self.wait_line('run.hold', why='disk.low')
        self.assertIn('of disk are left', self.lines('run.hold')[0]['text'])
        self.assertEqual(self.began(), [])
        self.write_plan('ok.1', limits=', min_free_disk: 1kB')
        p.send_signal(signal.SIGHUP)
        self.finish(p, 0)
        self.assertEqual([e['why'] for e in self.lines('run.go')],
                         ['disk.free'])
        self.assertEqual(self.outcome('ok.1'), 'ok')

    def test_bytes_of_a_day(self):
        self.write_plan('pour.1', 'ok.2',
                        new=', limits: {per_account_daily: 5MB}')
        self.run_plan(3)
        end = self.ends('pour.1')[0]
        self.assertEqual((end['outcome'], end['reason'], end['final']),
                         ('deferred', 'limit.daily', False))
        self.assertGreaterEqual(end['tally']['bytes'], 5000000)
        self.assertGreater(end['retry_ms'], 23 * 3600 * 1000)
        # and the next run of the same day does not even start an engine
        before = len(self.began())
        self.run_plan(3)
        self.assertEqual(len(self.began()), before)
        self.assertEqual(len(self.ends('pour.1')), 2)

    def test_bytes_of_a_day_of_one_target(self):
        """Two sources, but it is one account to the server."""
        one = ', target: {user: team}, shared_target: true'
        self.write_plan(('pour.1', one), ('pour.2', one), 'ok.3',
                        new=', limits: {per_account_daily: 5MB}')
        for _ in range(2):
            self.run_plan(3)
            self.assertEqual(['ok.3', 'pour.1'], sorted(self.began()))
            for name in ('pour.1', 'pour.2'):
                self.assertEqual('limit.daily', self.ends(name)[-1]['reason'])


class Shortage(Case):
    def test_few_descriptors(self):
        """F185: fewer children, said aloud, and none is lost."""
        self.write_plan(*('slow.%d' % i for i in range(10)), jobs=10)
        p = subprocess.run(
            [test_supervisor.PROGRAM, 'run', 'plan.yaml'], cwd=self.dir,
            env=self.env, capture_output=True, text=True, timeout=60,
            check=False, preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (32, 32)))
        self.assertEqual(p.returncode, 0, p.stderr)
        self.assertIn('waits to be started', p.stderr)
        self.assertIn('10 of 10 accounts ok', p.stdout)
        self.assertEqual(len(self.began()), 10)

    def test_no_descriptors_at_all(self):
        """F186: It does not go on for ever."""
        self.write_plan('ok.1', 'ok.2', 'ok.3', 'ok.4')
        p = subprocess.run(
            [test_supervisor.PROGRAM, 'run', 'plan.yaml'], cwd=self.dir,
            env=self.env, capture_output=True, text=True, timeout=60,
            check=False, preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (12, 12)))
        self.assertIn(p.returncode, (3, 74), p.stderr)
        self.assertIn('nothing more is started', p.stderr)
        self.assertEqual(self.began(), [])


class Windows(Case):
    """In UTC, hours away from now: no test waits for the clock."""

    def windows(self, hours_from, hours_to, more=''):
        now = datetime.datetime.now(datetime.timezone.utc)
        ends = [(now + datetime.timedelta(hours=h)).strftime('%H:%M')
                for h in (hours_from, hours_to)]
        return 'timezone: UTC\nschedule: {windows: [{from: "%s", to: "%s"}]' \
            '%s}' % (*ends, more)

    def test_inside(self):
        self.write_plan('ok.1', top=self.windows(-2, 2))
        self.run_plan(0)

    def test_outside_it_waits(self):
        self.write_plan('ok.1', top=self.windows(2, 4))
        p = self.start('run', 'plan.yaml')
        self.wait_line('run.hold', why='window.end')
        p.send_signal(signal.SIGTERM)
        self.finish(p, 4)
        self.assertEqual(self.began(), [])

    def test_outside_it_ends_when_told_to(self):
        self.write_plan('ok.1', top=self.windows(2, 4))
        self.run_plan(3, '--window')
        self.assertEqual(self.lines('run.end')[0]['why'], 'window.end')
        self.assertEqual(self.began(), [])


class Retries(Case):
    def test_the_servers_own_wait(self):
        self.write_plan('asked700.1', 'ok.2')
        start = time.monotonic()
        self.run_plan(0)
        self.assertGreater(time.monotonic() - start, 0.7)
        self.assertEqual(self.ends('asked700.1')[0]['retry_ms'], 700)

    def test_deferred_shortly_is_waited_for(self):
        self.write_plan('later500.1', attempts=1)
        self.run_plan(0)
        self.assertEqual([e['outcome'] for e in self.ends('later500.1')],
                         ['deferred', 'ok'])

    def test_deferred_far_away_is_left(self):
        self.write_plan('later7200000.1', 'ok.2')
        start = time.monotonic()
        self.run_plan(3)
        self.assertLess(time.monotonic() - start, 30)
        end = self.ends('later7200000.1')[0]
        self.assertEqual((end['final'], end['retry_ms']), (False, 7200000))
        self.assertEqual(self.lines('run.end')[0]['why'], 'deferred')
        self.run_plan(0)  # by then it is the operator's word
        self.assertEqual(self.outcome('later7200000.1'), 'ok')

    def test_deferred_is_tried_while_others_run(self):
        self.write_plan('later1200.1', 'longer.2', 'longer.3', jobs=2)
        self.run_plan(0)
        self.assertEqual([e['outcome'] for e in self.ends('later1200.1')],
                         ['deferred', 'ok'])

    def test_breaker_opens_probes_and_closes(self):
        """F226, with a server that comes back."""
        down = os.path.join(self.tmp, 'down')
        open(down, 'w', encoding='ascii').close()
        names = ['down.%d' % i for i in range(20)]
        others = [('ok.%d' % i, ', target: {server: other}')
                  for i in range(5)]
        self.write_plan(*names, *others, jobs=4, attempts=2,
                        new=', breaker: {after: 3, pause: 1s, '
                        'max_pause: 2s}')
        p = self.start('run', 'plan.yaml')
        self.wait_line('server.breaker', server='new', state='open',
                       pause_ms=2000)
        # the others did not wait for it
        self.wait_journal(lambda j: sum(
            r['ev'] == 'account.end' and r['id'].startswith('ok.')
            for r in j) == 5)
        os.unlink(down)
        self.finish(p, 0)
        states = [r['state'] for r in self.lines('server.breaker')]
        self.assertEqual(states[0], 'open')
        self.assertEqual(states[-2:], ['half-open', 'closed'])
        failed = [r for r in self.journal() if r['ev'] == 'account.end' and
                  r['outcome'] == 'temp']
        self.assertLess(len(failed), 20)
        self.assertFalse([r for r in failed if r['final']])

    def test_a_server_that_does_not_come_back(self):
        """F226"""
        open(os.path.join(self.tmp, 'down'), 'w', encoding='ascii').close()
        self.write_plan(*('down.%d' % i for i in range(50)),
                        ('ok.1', ', target: {server: other}'), jobs=4,
                        new=', breaker: {after: 3, pause: 1s, '
                        'max_pause: 1s}')
        _, err = self.run_plan(3)
        self.assertIn('did not come back', err)
        self.assertLess(len(self.began()), 25)
        self.assertEqual(self.outcome('ok.1'), 'ok')
        self.assertEqual(self.lines('server.breaker')[-1]['state'],
                         'given-up')
        self.assertEqual(self.lines('run.end')[0]['why'], 'servers')
        # neither a result nor lost
        os.unlink(os.path.join(self.tmp, 'down'))
        out, _ = self.run_plan(0)
        self.assertIn('51 of 51 accounts ok', out)

    def test_a_shared_login_that_is_wrong(self):
        """F051"""
        self.write_plan(*('denied.%d' % i for i in range(40)), jobs=1,
                        source=', login: admin, as: "{user}", auth: plain')
        _, err = self.run_plan(3)
        self.assertIn("refused the login 'admin' 5 times", err)
        self.assertEqual(len(self.began()), 5)
        line = self.lines('server.login')[0]
        self.assertEqual((line['server'], line['login'], line['refused']),
                         ('old', 'admin', 5))
        open(os.path.join(self.tmp, 'fixed'), 'w', encoding='ascii').close()
        self.assertEqual(self.mc('resume', 'plan.yaml')[0], 0)

    def test_own_logins_are_nobody_elses(self):
        self.write_plan(*('denied.%d' % i for i in range(12)), jobs=2)
        self.run_plan(1)
        self.assertEqual(len(self.began()), 12)


class Thousand(Case):
    """F220: 1,000 accounts, 5 % of them with a random fault."""

    SEED = 220
    FAULTS = {  # behaviour: (outcome, attempts)
        'code1': ('partial', 1), 'code2': ('changed', 2),
        'code73': ('quota', 1), 'code76': ('proto', 1),
        'code77': ('auth', 1), 'code78': ('config', 1),
        'code75': ('temp', 3), 'pass2': ('ok', 2), 'pass3': ('ok', 3),
        'once11': ('ok', 2), 'dies6': ('crash', 2), 'dies9': ('crash', 2),
        'silent': ('crash', 2), 'disagree': ('crash', 2),
        'torn': ('crash', 2), 'garbage': ('crash', 2),
        'unbalanced': ('crash', 2), 'mute': ('crash', 2)}

    def test_every_outcome_is_as_predicted(self):
        engine = os.path.join(self.dir, 'quick')
        subprocess.run([os.environ.get('CC', 'cc'), '-O1', '-D_GNU_SOURCE',
                        '-o', engine, QUICK], check=True)
        chance = random.Random(self.SEED)
        names = ['rest60.%d' % i if chance.random() >= 0.05 else
                 '%s.%d' % (chance.choice(sorted(self.FAULTS)), i)
                 for i in range(1000)]
        self.write_plan(*names, jobs=32,
                        old=', limits: {connections: 16}',
                        new=', limits: {connections: 16}')
        rc, out, err = self.mc('run', 'plan.yaml', timeout=5 * PATIENCE,
                               MAILCONVOY_ENGINE=engine)
        self.assertEqual(rc, 1, err)
        ends = {}
        running = most = 0
        for r in self.journal():
            if r['ev'] == 'account.start':
                running += 1
                most = max(most, running)
            elif r['ev'] == 'account.end':
                running -= 1
                ends.setdefault(r['id'], []).append(r)
        self.assertLessEqual(most, 16)
        self.assertGreater(most, 4)
        for name in names:
            outcome, attempts = self.FAULTS.get(name.split('.')[0], ('ok', 1))
            self.assertEqual((ends[name][-1]['outcome'], len(ends[name])),
                             (outcome, attempts), name)
            self.assertEqual([e['final'] for e in ends[name]],
                             [False] * (attempts - 1) + [True], name)
        good = sum(self.FAULTS.get(n.split('.')[0], ('ok', 1))[0] == 'ok'
                   for n in names)
        self.assertIn('%d of 1000 accounts ok' % good, out)
        status = self.status()
        self.assertEqual(status['exit'], 1)
        self.assertEqual(status['accounts']['ok'], good)


def is_established(s):
    try:
        state = struct.unpack('B', s.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, 1))[0]
    except OSError:
        return False  # closed by us
    return state == 1


class Counter(Relay):
    """Counts connections that are open at one moment, as the server sees it:
    one whose end has come does not count, even when nobody has read it."""

    def __init__(self, port):
        self.clients, self.peak, self.all = set(), 0, 0
        self.counting = threading.Lock()
        super().__init__(port)

    def _serve(self, client):
        with self.counting:
            self.clients.add(client)
            self.all += 1
            self.peak = max(self.peak,
                            sum(is_established(c) for c in self.clients))
        try:
            super()._serve(client)
        finally:
            with self.counting:
                self.clients.discard(client)


REAL = '''version: 1
name: demo
servers:
  old: {host: 127.0.0.1, port: %d, tls: none, limits: {%s}}
  new: {host: 127.0.0.1, port: %d, tls: none, limits: {%s},
        breaker: {after: 2, pause: 1s, max_pause: 2s}}
defaults:
  source: {server: old, auth: login, password: {file: secret}}
  target: {server: new, auth: login, password: {file: secret}}
  options: {%s}
limits: {jobs: %d%s}
retry: {attempts: 3, backoff: 1s, factor: 1, max_wait: 2s, jitter: 20%%}
accounts:
'''


class Real(convoy.Case):
    """Engines and Dovecots."""

    @classmethod
    def setUpClass(cls):
        convoy.need_dovecot()
        cls.source = Dovecot().start()
        cls.users = ['u%02d' % n for n in range(40)]
        for user in cls.users:
            seed.make_maildir(cls.source.base, user, messages=20, size=3000,
                              mailboxes=2)

    @classmethod
    def tearDownClass(cls):
        cls.source.remove()

    def plan(self, old, new, jobs, users, limits=('', ''), more='',
             options=''):
        self.write('secret', 'pass\n')
        text = REAL % (old, limits[0], new, limits[1], options, jobs,
                       more)
        text += ''.join('  - {id: %s, user: %s}\n' % (u, u) for u in users)
        return self.write('plan.yaml', text)

    def start(self, *arguments):
        program = SUPERVISOR if arguments[0] == 'run' else convoy.ENGINE
        process = subprocess.Popen(
            [program, *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder,
            text=True)
        self.addCleanup(end, process)
        return process

    def journal(self):
        base = self.path('state/demo/runs')
        path = os.path.join(base, sorted(os.listdir(base))[-1],
                            'journal.jsonl')
        with open(path, encoding='utf-8') as f:
            return [json.loads(line) for line in f.read().splitlines()
                    if line.endswith('}')]

    def saw(self, ev, **fields):
        with contextlib.suppress(OSError, ValueError, IndexError):
            return sum(r['ev'] == ev and
                       all(r.get(k) == v for k, v in fields.items())
                       for r in self.journal())
        return 0

    def test_never_more_connections_than_allowed(self):
        with Dovecot() as target, \
                Counter(self.source.port) as old, \
                Counter(target.port) as new:
            plan = self.plan(old.port, new.port, 32, self.users,
                             ('connections: 16', 'connections: 9'))
            p = self.start('run', plan)
            out, err = p.communicate(timeout=PATIENCE)
            self.assertEqual(p.returncode, 0, err)
            self.assertIn('40 of 40 accounts ok', out)
            self.assertLessEqual(old.peak, 16)
            self.assertLessEqual(new.peak, 9)
            self.assertGreater(new.peak, 3)
            for user in self.users[::13]:
                self.assert_equal_accounts(self.source, target, user=user)

    def test_logins_a_minute(self):
        with Dovecot() as target, \
                Counter(self.source.port) as old:
            plan = self.plan(old.port, target.port, 8, self.users[:20],
                             ('logins_per_minute: 5', ''))
            p = self.start('run', plan)
            wait_until(lambda: self.saw('account.end') == 5, 'five accounts')
            time.sleep(1)  # in which more would start
            p.send_signal(signal.SIGTERM)
            p.communicate(timeout=PATIENCE)
            self.assertEqual(old.all, 5)

    def paced(self, users, *arguments, **plan):
        """Seconds for a MiB of each user; nothing had to be done again."""
        with Dovecot() as source, Dovecot() as target:
            for user in users:
                seed.make_maildir(source.base, user, messages=50,
                                  size=21000, mailboxes=1)
            path = self.plan(source.port, target.port, 4, users, **plan)
            start = time.monotonic()
            p = self.start('run', path, *arguments)
            _, err = p.communicate(timeout=PATIENCE)
            took = time.monotonic() - start
            self.assertEqual(p.returncode, 0, err)
            self.assertFalse([r for r in self.journal()
                              if r['ev'] == 'account.end' and
                              r['attempt'] > 1])
            return took

    def test_bandwidth_of_the_run(self):
        """Four engines share what one line may carry."""
        took = self.paced(self.users[:8], more=', bandwidth: 2MiB/s')
        self.assertGreater(took, 2.5)
        self.assertLess(took, 20)

    def test_bandwidth_from_the_command_line(self):
        took = self.paced(self.users[:4], '--bwlimit', '2MiB/s',
                          more=', bandwidth: 1kB/s')
        self.assertGreater(took, 1.2)

    def test_bandwidth_of_a_server(self):
        """To wait for our own limit is no time-out."""
        took = self.paced(self.users[:4], limits=('', 'bandwidth: 700kB/s'),
                          options='timeout: 2s')
        self.assertGreater(took, 3.5)

    def test_bandwidth_of_an_engine_alone(self):
        with Dovecot() as target:
            start = time.monotonic()
            self.engine(*convoy.PLAIN, '--bwlimit', 40,
                        '127.0.0.1:%d' % self.source.port, self.users[0],
                        'pass', '127.0.0.1:%d' % target.port, self.users[0],
                        'pass', code=0)
            took = time.monotonic() - start  # of 60 kB and more
            self.assertGreater(took, 0.7)

    def test_target_is_down_for_a_while(self):
        """No account loses an attempt, and the run ends well."""
        target = Dovecot().start()
        self.addCleanup(target.remove)
        plan = self.plan(self.source.port, target.port, 4, self.users,
                         more=', start_delay: 100ms')
        p = self.start('run', plan)
        wait_until(lambda: self.saw('account.end', outcome='ok') >= 5,
                   'the first accounts')
        target.stop()
        wait_until(lambda: self.saw('server.breaker', state='half-open') >= 2,
                   'a breaker that is open')
        target.start()
        out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual(p.returncode, 0, err)
        self.assertIn('40 of 40 accounts ok', out)
        self.assertIn('server=new works again', err)
        states = [r['state'] for r in self.journal()
                  if r['ev'] == 'server.breaker']
        self.assertEqual((states[0], states[-1]), ('open', 'closed'))
        failed = [r for r in self.journal() if r['ev'] == 'account.end' and
                  r['outcome'] != 'ok']
        self.assertTrue(failed)
        self.assertFalse([r for r in failed if r['final']])
        for user in self.users[::13]:
            self.assert_equal_accounts(self.source, target, user=user)


if __name__ == '__main__':
    unittest.main()
