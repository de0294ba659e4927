#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The supervisor with an engine that misbehaves (tests/support/badchild.py)."""
import base64
import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import convoy

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get(
    'MAILCONVOY_BUILD', os.path.join(ROOT, 'build', 'release')))
PROGRAM = os.path.join(BUILD, 'bin', 'mailconvoy')
CHILD = os.path.join(ROOT, 'tests', 'support', 'badchild.py')
CANARY = 'canary-Zq7-secret'

PLAN = '''version: 1
name: demo
servers:
  old: {host: 127.0.0.1, port: 1143, tls: none}
  new: {host: 127.0.0.1, port: 2143, tls: none}
defaults:
  source: {server: old, password: {file: secret}}
  target: {server: new, password: {file: secret}}
limits: {jobs: %d}
retry: {attempts: 3, backoff: 1s, factor: 1, max_wait: 1s, jitter: 0%%}
accounts:
'''


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='supervisor-')
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.tmp = os.path.join(self.dir, 'tmp')
        os.mkdir(self.tmp)
        self.plan = os.path.join(self.dir, 'plan.yaml')
        self.write('secret', CANARY + '\n')
        self.env = {'PATH': os.environ['PATH'], 'HOME': self.dir,
                    'TMPDIR': self.tmp, 'MAILCONVOY_ENGINE': CHILD,
                    'MAILCONVOY_EXTRA': 'must-not-be-inherited',
                    **convoy.findings()}
        self.started = []
        self.addCleanup(self.end_started)

    def end_started(self):
        for p in self.started:
            if p.poll() is None:
                p.kill()
            p.wait()
            for stream in (p.stdout, p.stderr):
                if stream:
                    stream.close()

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, 0o600)
        return path

    def accounts(self, *ids, jobs=4, extra=''):
        lines = ''.join('  - {id: %s, user: %s%s}\n' % (i, i, extra)
                        for i in ids)
        self.write('plan.yaml', PLAN % jobs + lines)

    def start(self, *args, **env):
        p = subprocess.Popen([PROGRAM, *args], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True,
                             stdin=subprocess.DEVNULL, cwd=self.dir,
                             env={**self.env, **env})
        self.started.append(p)
        return p

    def mc(self, *args, timeout=60, **env):
        p = self.start(*args, **env)
        out, err = p.communicate(timeout=timeout)
        self.assertNotIn('AddressSanitizer', err)
        self.assertNotIn('runtime error', err)
        return p.returncode, out, err

    def run_plan(self, code, *args, **env):
        rc, out, err = self.mc('run', 'plan.yaml', *args, **env)
        self.assertEqual(rc, code, out + err)
        return out, err

    def runs(self):
        path = os.path.join(self.dir, 'state', 'demo', 'runs')
        return [os.path.join(path, n) for n in sorted(os.listdir(path))]

    def journal(self):
        with open(os.path.join(self.runs()[-1], 'journal.jsonl'),
                  encoding='utf-8') as f:
            return [json.loads(line) for line in f]

    def ends(self, account):
        return [r for r in self.journal()
                if r['ev'] == 'account.end' and r['id'] == account]

    def status(self):
        rc, out, err = self.mc('status', 'plan.yaml', '-o', 'json')
        self.assertEqual(rc, 0, err)
        return json.loads(out)

    def outcome(self, account):
        return {a['id']: a['outcome'] for a in self.status()['list']}[account]

    def events(self):
        try:
            with open(os.path.join(self.tmp, 'events'),
                      encoding='ascii') as f:
                return [line.split() for line in f]
        except FileNotFoundError:
            return []

    def wait_for(self, what, count=1, seconds=20):
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if sum(e[1] == what for e in self.events()) >= count:
                return
            time.sleep(0.02)
        self.fail('no %d times %s: %s' % (count, what, self.events()))

    def wait_journal(self, check, seconds=20):
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            try:
                if check(self.journal()):
                    return
            except (FileNotFoundError, ValueError, IndexError):
                pass
            time.sleep(0.02)
        self.fail('the journal never said so')


class Commands(Case):
    def test_help_and_version(self):
        rc, out, _ = self.mc('--help')
        self.assertEqual(rc, 0)
        self.assertIn('Examples:', out)
        self.assertIn('mailconvoy resume plan.yaml', out)
        self.assertEqual(self.mc('help')[0], 0)
        rc, out, _ = self.mc('resume', '--help')
        self.assertEqual(rc, 0)
        self.assertIn('--only LIST', out)
        self.assertNotIn('--new-run', out)
        self.assertEqual(self.mc('help', 'resume'), (0, out, ''))
        self.assertEqual(self.mc('help', 'fly')[0], 64)
        rc, out, _ = self.mc('--version')
        self.assertEqual((rc, out.split()[0]), (0, 'mailconvoy'))

    def test_usage_errors_are_64(self):
        """F149"""
        self.accounts('ok.1')
        for args in ((), ('fly',), ('run',), ('run', 'plan.yaml', 'more'),
                     ('run', 'plan.yaml', '--wrong'),
                     ('run', 'plan.yaml', '-j', '0'),
                     ('run', 'plan.yaml', '-j'),
                     ('run', 'plan.yaml', '--only', 'auth'),
                     ('resume', 'plan.yaml', '--only', 'auth,,'),
                     ('resume', 'plan.yaml', '--only', 'sick'),
                     ('status', 'plan.yaml', '-o', 'xml'),
                     ('resume', 'plan.yaml', '--dry-run'),
                     ('check', 'plan.yaml', '--new-run')):
            rc, out, err = self.mc(*args)
            self.assertEqual((rc, out), (64, ''), args)
            self.assertTrue(err.startswith('mailconvoy: '), err)

    def test_check_of_a_good_plan_is_one_line(self):
        self.accounts('ok.1', 'ok.2')
        rc, out, err = self.mc('check', 'plan.yaml')
        self.assertEqual((rc, err), (0, ''))
        self.assertRegex(out, r'^plan\.yaml: 2 accounts, 2 servers, '
                              r'0 warnings \(digest [0-9a-f]+\)\n$')
        self.assertFalse(os.path.exists(os.path.join(self.dir, 'state')))

    def test_plan_problems_have_their_codes(self):
        """F152"""
        self.assertEqual(self.mc('check', 'none.yaml')[0], 66)
        self.write('plan.yaml', 'version: 1\nwrong: 1\n')
        rc, _, err = self.mc('run', 'plan.yaml')
        self.assertEqual(rc, 78, err)
        self.assertIn('error[', err)
        self.accounts('ok.1')
        os.chmod(os.path.join(self.dir, 'secret'), 0o644)
        rc, _, err = self.mc('run', 'plan.yaml')
        self.assertEqual(rc, 77, err)
        self.assertEqual(self.events(), [])

    def test_no_run_yet_is_66(self):
        """F159"""
        self.accounts('ok.1')
        for verb in ('resume', 'status', 'report'):
            self.assertEqual(self.mc(verb, 'plan.yaml')[0], 66, verb)

    def test_a_state_that_cannot_be_made_is_73(self):
        """F172"""
        self.accounts('ok.1')
        self.write('state', 'a file')
        rc, _, err = self.mc('run', 'plan.yaml')
        self.assertEqual(rc, 73, err)

    def test_f202_a_state_that_others_may_write_to(self):
        self.accounts('ok.1')
        folder = os.path.join(self.dir, 'state', 'demo')
        os.makedirs(folder)
        os.chmod(folder, 0o777)
        rc, _, err = self.mc('run', 'plan.yaml')
        self.assertNotEqual(0, rc)
        self.assertIn('writable by nobody else', err)
        self.assertEqual([], os.listdir(folder))


class Results(Case):
    def test_all_ok(self):
        self.accounts('ok.1', 'ok.2', 'ok.3')
        out, err = self.run_plan(0)
        self.assertIn('3 of 3 accounts ok', out)
        # the page that people open comes first
        self.assertRegex(out, r'  report   \S+/report\.html\n'
                         r' +\S+/report\.jsonl\.gz\n')
        self.assertRegex(err, r'(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO '
                         r'account=ok\.1 outcome=ok copied=2 present=1 '
                         r'refused=0 bytes=200 seconds=\d+ attempt=1$')
        self.assertNotIn('\x1b', err)
        end = self.journal()[-1]
        self.assertEqual((end['ev'], end['exit'], end['complete']),
                         ('run.end', 0, True))

    def test_every_exit_code(self):
        codes = {0: 'ok', 1: 'partial', 2: 'changed', 3: 'deferred',
                 4: 'interrupted', 64: 'usage', 70: 'internal', 73: 'quota',
                 74: 'local', 75: 'temp', 76: 'proto', 77: 'auth',
                 78: 'config', 66: 'crash', 5: 'crash', 255: 'crash'}
        tries = {2: 2, 70: 2, 75: 3, 66: 2, 5: 2, 255: 2}
        self.accounts(*('code%d.x' % c for c in codes))
        out, _ = self.run_plan(70)
        self.assertIn('resume plan.yaml', out)
        for code, outcome in codes.items():
            ends = self.ends('code%d.x' % code)
            self.assertEqual(len(ends), tries.get(code, 1), code)
            self.assertEqual({e['outcome'] for e in ends}, {outcome}, code)
            self.assertEqual({e['exit'] for e in ends}, {code}, code)

    def test_batch_code_is_the_worst(self):
        for ids, code in ((('ok.1', 'code2.1'), 2), (('code2.1', 'code77.1'),
                          1), (('code3.1', 'code1.1'), 3),
                          (('code74.1', 'code4.1'), 74)):
            self.accounts(*ids)
            self.run_plan(code, '--new-run')

    def test_a_mute_end_with_the_code_of_a_stop_is_a_crash(self):
        """F183"""
        self.accounts('mute4.x', 'ok.x')
        self.run_plan(1)
        last = self.ends('mute4.x')[-1]
        self.assertEqual(('crash', True), (last['outcome'], last['final']))

    def test_what_a_killed_engine_had_copied_is_counted(self):
        """F180"""
        self.accounts('done.x')
        self.run_plan(0)
        self.assertEqual(0, self.mc('report', 'plan.yaml', '--jsonl',
                                    'r.gz')[0])
        with gzip.open(os.path.join(self.dir, 'r.gz'), 'rt',
                       encoding='utf-8') as f:
            batch = json.loads(f.readline())
        self.assertEqual(5, batch['copied_total'])

    def test_errors_of_this_machine_stop_the_batch(self):
        self.accounts(*('code74.%d' % n for n in range(9)), jobs=1)
        self.run_plan(74)
        started = [e for e in self.events() if e[1] == 'begin']
        self.assertEqual(3, len(started))

    def test_a_torn_first_line_is_no_run(self):
        """F169"""
        self.accounts('ok.x')
        self.run_plan(0)
        with open(os.path.join(self.runs()[-1], 'journal.jsonl'),
                  'r+b') as f:
            f.truncate(40)
        self.run_plan(0)
        self.assertEqual(2, len(self.runs()))

    def test_crashes_are_retried_once_and_never_ok(self):
        """F180, F183"""
        cases = {'signal11.x': ('crash.signal', 139),
                 'signal6.x': ('crash.signal', 134),
                 'signal9.x': ('crash.signal', 137),
                 'silent.x': ('crash.silent', 0),
                 'disagree.x': ('crash.disagree', 1),
                 'torn.x': ('crash.record', 0),
                 'unbalanced.x': ('crash.tally', 0),
                 'giant.x': ('crash.record', 143),
                 'binary.x': ('crash.record', 143),
                 'version.x': ('crash.record', 143)}
        self.accounts('ok.x', *cases)
        self.run_plan(1)
        self.assertEqual(self.outcome('ok.x'), 'ok')
        for account, (reason, code) in cases.items():
            ends = self.ends(account)
            self.assertEqual([(e['outcome'], e['reason'], e['exit'])
                              for e in ends], [('crash', reason, code)] * 2,
                             account)
            self.assertEqual([e['final'] for e in ends], [False, True])

    def test_crash_then_ok(self):
        """F180"""
        self.accounts('once.1')
        self.run_plan(0)
        self.assertEqual([e['outcome'] for e in self.ends('once.1')],
                         ['crash', 'ok'])

    def test_retry_with_backoff_then_ok(self):
        self.accounts('twice.1', 'ok.1')
        start = time.monotonic()
        self.run_plan(0)
        self.assertGreater(time.monotonic() - start, 1.9)
        self.assertEqual([e['outcome'] for e in self.ends('twice.1')],
                         ['temp', 'temp', 'ok'])
        account = [a for a in self.status()['list']
                   if a['id'] == 'twice.1'][0]
        # one message an attempt: the two found on the target were copied by us
        self.assertEqual(account['copied_total'], 3)
        self.assertEqual(account['bytes_total'], 300)
        self.assertEqual(account['tally']['present'], 2)
        self.assertEqual(account['attempts'], 3)

    def test_changed_runs_again_at_the_end(self):
        self.accounts('changed.1', 'slow.1', 'slow.2', jobs=2)
        self.run_plan(0)
        order = [e[2] for e in self.events() if e[1] == 'begin']
        self.assertEqual(order[-1], 'changed.1')

    def test_a_grandchild_does_not_hold_us(self):
        """F184"""
        self.accounts('grandchild.1', 'escaped.1')
        start = time.monotonic()
        self.run_plan(0)
        self.assertLess(time.monotonic() - start, 6)

    def test_stalled_engine_is_ended(self):
        """F182: one is deaf for TERM, TERM does not reach the other."""
        self.accounts('ok.1', 'hang.1', 'stopped.1')
        p = self.start('run', 'plan.yaml', MAILCONVOY_STALL_MS='2000')
        self.wait_for('begin', 3)
        time.sleep(3)
        for _ in range(3):
            p.send_signal(signal.SIGINT)
            time.sleep(0.2)
        p.communicate(timeout=20)
        for account in ('hang.1', 'stopped.1'):
            self.assertEqual({(e['outcome'], e['reason'])
                              for e in self.ends(account)},
                             {('temp', 'engine.stalled')}, account)

    def test_failing_secret_is_config(self):
        """F166"""
        self.accounts('ok.1', 'ok.2')
        with open(self.plan, 'a', encoding='ascii') as f:
            f.write('  - {id: env.1, user: x, source: '
                    '{password: {env: UNSET_NAME}}}\n')
        rc, _, err = self.mc('run', 'plan.yaml', UNSET_NAME='good')
        self.assertEqual(rc, 1, err)  # no such behaviour: it fails later
        rc, _, err = self.mc('run', 'plan.yaml', '--new-run')
        if rc == 78:
            return  # found when the plan was checked: as good
        self.assertEqual(rc, 1, err)
        self.assertEqual([e['outcome'] for e in self.ends('env.1')],
                         ['config'])

    def test_engine_that_does_not_start(self):
        """F181"""
        self.accounts('ok.1', 'ok.2', 'ok.3', 'ok.4', 'ok.5', jobs=1)
        rc, out, err = self.mc('run', 'plan.yaml',
                               MAILCONVOY_ENGINE=self.write('noexec', 'x'))
        self.assertEqual(rc, 3, err)
        self.assertIn('could not start', err)
        self.assertIn('nothing more is started', err)
        self.assertEqual(sum(r['ev'] == 'account.start'
                             for r in self.journal()), 3)
        rc, _, err = self.mc('run', 'plan.yaml',
                             MAILCONVOY_ENGINE='/nonexistent/engine')
        self.assertEqual(rc, 74, err)
        self.assertEqual(self.mc('resume', 'plan.yaml')[0], 0)

    def test_death_before_the_first_record(self):
        """F181"""
        self.accounts('early.1', 'early.2', 'early.3', 'ok.1', jobs=1)
        rc, _, err = self.mc('run', 'plan.yaml')
        self.assertEqual(rc, 3, err)
        self.assertIn('could not start', err)
        self.assertEqual(self.ends('early.1')[0]['reason'], 'crash.start')


class Children(Case):
    def test_bound_of_jobs(self):
        self.accounts(*('slow.%d' % i for i in range(9)), jobs=3)
        self.run_plan(0)
        now = most = 0
        for e in self.events():
            now += 1 if e[1] == 'begin' else -1
            most = max(most, now)
        self.assertEqual(now, 0)
        self.assertLessEqual(most, 3)
        self.assertGreaterEqual(most, 2)

    def test_jobs_option_wins(self):
        self.accounts(*('slow.%d' % i for i in range(3)), jobs=3)
        self.run_plan(0, '-j', '1')
        self.assertEqual([e[1] for e in self.events()], ['begin', 'end'] * 3)

    def test_many_end_at_once(self):
        """F184"""
        self.accounts(*('ok.%d' % i for i in range(64)), jobs=64)
        out, _ = self.run_plan(0)
        self.assertIn('64 of 64 accounts ok', out)

    def test_surroundings_of_a_child(self):
        """F209, F210, F212"""
        self.accounts('look.1')
        self.run_plan(0)
        with open(os.path.join(self.tmp, 'look.1.seen'),
                  encoding='utf-8') as f:
            seen = json.load(f)
        fds = {k: v for k, v in seen['fds'].items()
               if not v.startswith('/proc/')}
        self.assertEqual(set(fds), {'0', '1', '2', '3', '4', '5', '6'})
        self.assertEqual(fds['0'], '/dev/null')
        log = [r['log'] for r in self.journal() if r['ev'] == 'account.start']
        self.assertEqual(fds['1'], os.path.realpath(log[0]))
        self.assertEqual(fds['2'], fds['1'])
        self.assertTrue(fds['3'].startswith('pipe:'))
        self.assertTrue(fds['4'].startswith('pipe:'))
        self.assertTrue(fds['5'].endswith('/lock'))
        self.assertTrue(fds['6'].startswith('/memfd:bandwidth'))
        known = {'PATH', 'HOME', 'TZ', 'LANG', 'TMPDIR', 'SSL_CERT_FILE',
                 'SSL_CERT_DIR', 'LC_CTYPE'}
        if os.path.basename(BUILD) != 'release':
            known |= set(convoy.findings())
        self.assertLessEqual(set(seen['environ']), known)
        self.assertEqual(seen['pgrp'], seen['pid'])
        self.assertEqual(int(seen['blocked'], 16), 0)
        self.assertEqual(int(seen['umask'], 8), 0o077)
        job = seen['job']
        self.assertEqual(job['source']['password'], CANARY)
        self.assertEqual(job['source']['port'], 1143)
        self.assertEqual(job['options']['long_lines'], 'keep')
        args = seen['cmdline'].split('\0')
        self.assertEqual(args[args.index('--jobFd') + 1], '3')
        self.assertEqual(args[args.index('--recordFd') + 1], '4')
        self.assertEqual(args[args.index('--logfile') + 1], log[0])
        self.assertNotIn(CANARY, seen['cmdline'])
        self.assertNotIn(CANARY, str(seen['environ']))
        with open(log[0], encoding='utf-8') as f:
            self.assertIn('said on standard output', f.read())

    def test_no_secret_in_any_file(self):
        """F210"""
        self.accounts('look.1', 'code77.1', 'refused.1', 'signal11.1')
        out, err = self.run_plan(1)
        self.mc('status', 'plan.yaml')
        forms = [CANARY.encode(), base64.b64encode(CANARY.encode()),
                 CANARY.encode().hex().encode()]
        for text in (out, err):
            for form in forms:
                self.assertNotIn(form, text.encode())
        for base, _, names in os.walk(os.path.join(self.dir, 'state')):
            for name in names:
                with open(os.path.join(base, name), 'rb') as f:
                    data = f.read()
                if name.endswith('.gz'):
                    data += gzip.decompress(data)
                for form in forms:
                    self.assertNotIn(form, data, name)

    def test_files_are_private(self):
        """F213"""
        old = os.umask(0)
        try:
            self.accounts('ok.1', 'refused.1')
            self.run_plan(1)
        finally:
            os.umask(old)
        for base, dirs, names in os.walk(os.path.join(self.dir, 'state')):
            for name in dirs:
                mode = os.stat(os.path.join(base, name)).st_mode & 0o7777
                self.assertEqual(mode, 0o700, name)
            for name in names:
                mode = os.stat(os.path.join(base, name)).st_mode & 0o7777
                # read by a collector that is somebody else
                self.assertEqual(
                    mode, 0o644 if name.endswith('.prom') else 0o600, name)

    def test_closed_standard_descriptors(self):
        """F214"""
        self.accounts('ok.1')
        rc = subprocess.call(
            ['sh', '-c', 'exec "$0" run plan.yaml <&- >&- 2>&-', PROGRAM],
            cwd=self.dir, env=self.env, timeout=30)
        self.assertEqual(rc, 0)
        self.assertEqual(self.outcome('ok.1'), 'ok')

    def test_nobody_reads_standard_error(self):
        """F177, F217"""
        self.accounts(*('ok.%d' % i for i in range(4)))
        for close in (True, False):
            r, w = os.pipe()
            if close:
                os.close(r)  # every write is an EPIPE
            else:
                os.set_blocking(w, False)
                try:
                    while True:
                        os.write(w, b'x' * 4096)  # full: it would block
                except BlockingIOError:
                    os.set_blocking(w, True)
            p = subprocess.run([PROGRAM, 'run', 'plan.yaml', '--new-run'],
                               stdout=subprocess.DEVNULL, stderr=w,
                               cwd=self.dir, env=self.env, timeout=30,
                               check=False)
            os.close(w)
            if not close:
                os.close(r)
            self.assertEqual(p.returncode, 0)


    def test_disk_full_under_the_journal(self):
        """F199, F201"""
        self.accounts('wait.1', 'ok.1', 'ok.2', 'ok.3', jobs=2)
        limit = (2200, 2200)
        p = subprocess.run(
            [PROGRAM, 'run', 'plan.yaml'], cwd=self.dir, env=self.env,
            capture_output=True, text=True, timeout=30, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                  limit))
        self.assertEqual(p.returncode, 74, p.stderr)
        self.assertIn('the batch is stopped', p.stderr)
        # with room again it goes on
        os.unlink(os.path.join(self.tmp, 'events'))
        p = self.start('run', 'plan.yaml')
        self.wait_for('begin')
        for _ in range(2):
            time.sleep(0.5)
            p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4, err)
        self.assertIn('continuing', err)


class Stopping(Case):
    def begin(self, *ids, jobs=4):
        self.accounts(*ids, jobs=jobs)
        p = self.start('run', 'plan.yaml')
        self.wait_for('begin', min(jobs, len(ids)))
        time.sleep(0.3)
        return p

    def test_first_signal_drains(self):
        """F175"""
        for number in (signal.SIGINT, signal.SIGTERM):
            p = self.begin('longer.1', 'longer.2', 'ok.1', jobs=2)
            p.send_signal(number)
            out, err = p.communicate(timeout=20)
            self.assertEqual(p.returncode, 4, err)
            self.assertIn('Stopped', out)
            self.assertIn('mailconvoy resume plan.yaml', out)
            self.assertEqual(self.outcome('longer.2'), 'ok')
            self.assertEqual(self.outcome('ok.1'), 'pending')
            self.assertEqual(self.journal()[-1]['why'], 'operator')
            self.assertTrue(os.path.exists(
                os.path.join(self.runs()[-1], 'report', 'report.jsonl.gz')))
            shutil.rmtree(os.path.join(self.dir, 'state'))
            os.unlink(os.path.join(self.tmp, 'events'))

    def test_what_was_ignored_stays_so(self):
        """F177"""
        self.accounts('longer.1', 'ok.1', jobs=1)

        def ignore():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)

        p = subprocess.Popen([PROGRAM, 'run', 'plan.yaml'], cwd=self.dir,
                             env=self.env, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, preexec_fn=ignore)
        self.started.append(p)
        self.wait_for('begin')
        p.send_signal(signal.SIGHUP)
        self.assertEqual(p.wait(timeout=20), 0)
        self.assertEqual(self.outcome('ok.1'), 'ok')

    def test_second_signal_stops_cleanly(self):
        """F176"""
        p = self.begin('wait.1', 'ok.1', jobs=1)
        p.send_signal(signal.SIGINT)
        time.sleep(0.3)
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4, err)
        end = self.ends('wait.1')[-1]
        self.assertEqual((end['outcome'], end['tally']['copied']),
                         ('interrupted', 4))

    def test_third_signal_kills(self):
        """F176"""
        p = self.begin('hang.1')
        start = time.monotonic()
        for _ in range(3):
            p.send_signal(signal.SIGINT)
            time.sleep(0.3)
        _, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4, err)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual([e['outcome'] for e in self.ends('hang.1')],
                         ['interrupted'])

    def test_run_continues_what_was_stopped(self):
        p = self.begin('longer.1', 'code77.1', 'longer.2', 'ok.2', jobs=2)
        p.send_signal(signal.SIGTERM)
        p.communicate(timeout=20)
        first = self.runs()
        _, err = self.run_plan(1)
        self.assertEqual(self.runs(), first)
        self.assertIn('continuing', err)
        self.assertEqual(len(self.ends('longer.1')), 1)
        self.assertEqual(len(self.ends('code77.1')), 1)
        self.assertEqual(len(self.ends('ok.2')), 1)
        self.run_plan(1)  # complete now: this is a new one
        self.assertEqual(len(self.runs()), 2)

    def test_new_run_option(self):
        p = self.begin('longer.1', 'ok.1', jobs=1)
        p.send_signal(signal.SIGTERM)
        p.communicate(timeout=20)
        self.run_plan(0, '--new-run')
        self.assertEqual(len(self.runs()), 2)
        self.assertEqual(len(self.ends('longer.1')), 1)


class Resuming(Case):
    def test_reruns_what_failed_only(self):
        self.accounts('ok.1', 'until.1', 'code73.1')
        self.run_plan(1)
        open(os.path.join(self.tmp, 'fixed'), 'w', encoding='ascii').close()
        rc, _, err = self.mc('resume', 'plan.yaml', '--only', 'auth')
        self.assertEqual(rc, 1, err)
        self.assertEqual(len(self.runs()), 1)
        self.assertEqual(len(self.ends('ok.1')), 1)
        self.assertEqual(len(self.ends('code73.1')), 1)
        self.assertEqual([e['outcome'] for e in self.ends('until.1')],
                         ['auth', 'ok'])
        self.assertEqual([e['attempt'] for e in self.ends('until.1')], [1, 2])
        rc, _, err = self.mc('resume', 'plan.yaml')
        self.assertEqual(rc, 1)
        self.assertEqual(len(self.ends('code73.1')), 2)
        self.assertEqual(len(self.ends('until.1')), 2)

    def test_nothing_to_resume(self):
        self.accounts('ok.1')
        self.run_plan(0)
        rc, out, err = self.mc('resume', 'plan.yaml')
        self.assertEqual(rc, 0, err)
        self.assertIn('0 of 1 accounts are to be run', err)
        self.assertEqual(len(self.ends('ok.1')), 1)

    def test_plan_edited_in_between(self):
        """F158"""
        self.accounts('ok.1', 'ok.2', 'ok.3')
        self.run_plan(0)
        # another order, one gone, one new, one with other settings
        self.accounts('ok.4', 'ok.3')
        with open(self.plan, 'a', encoding='ascii') as f:
            f.write('  - {id: ok.1, user: ok.1, options: '
                    '{skip_mailbox: [Junk]}}\n')
        rc, _, err = self.mc('resume', 'plan.yaml')
        self.assertEqual(rc, 0, err)
        self.assertEqual(len(self.ends('ok.1')), 2)
        self.assertEqual(len(self.ends('ok.3')), 1)
        self.assertEqual(len(self.ends('ok.4')), 1)
        self.assertIn('account=ok.1 has other settings', err)
        self.assertIn('account=ok.2 is no longer in the plan', err)
        rc, out, _ = self.mc('status', 'plan.yaml')
        self.assertRegex(out, r'ok\.2 +dropped')

    def test_a_new_password_changes_nothing(self):
        """F158"""
        self.accounts('ok.1', 'until.1')
        self.run_plan(1)
        self.write('secret', 'another\n')
        open(os.path.join(self.tmp, 'fixed'), 'w', encoding='ascii').close()
        rc, _, err = self.mc('resume', 'plan.yaml')
        self.assertEqual(rc, 0, err)
        self.assertEqual(len(self.ends('ok.1')), 1)

    def test_torn_journal(self):
        """F169"""
        self.accounts('ok.1', 'code77.1')
        self.run_plan(1)
        path = os.path.join(self.runs()[0], 'journal.jsonl')
        os.truncate(path, os.path.getsize(path) - 9)
        rc, _, err = self.mc('resume', 'plan.yaml')
        self.assertEqual(rc, 1, err)
        self.assertEqual(len(self.ends('ok.1')), 1)
        seqs = [r['seq'] for r in self.journal()]
        self.assertEqual(seqs, list(range(1, len(seqs) + 1)))

    def test_damaged_journal_is_refused_and_kept(self):
        """F169"""
        self.accounts('ok.1')
        self.run_plan(0)
        path = os.path.join(self.runs()[0], 'journal.jsonl')
        with open(path, 'r+b') as f:
            f.seek(40)
            f.write(b'\0\0\0')
        with open(path, 'rb') as f:
            before = f.read()
        for verb in ('resume', 'status', 'report', 'run'):
            self.assertEqual(self.mc(verb, 'plan.yaml')[0],
                             73 if verb == 'report' else 74, verb)
        with open(path, 'rb') as f:
            self.assertEqual(f.read(), before)
        self.run_plan(0, '--new-run')


class Killed(Case):
    def kill(self, p):
        p.kill()
        p.wait()

    def test_supervisor_killed_then_resumed(self):
        """F178"""
        self.accounts('ok.1', 'dying.1', 'ok.2', jobs=2)
        p = self.start('run', 'plan.yaml')
        self.wait_for('busy')
        self.wait_journal(lambda j: any(
            r['ev'] == 'account.end' and r['id'] == 'ok.2' for r in j))
        self.kill(p)
        self.assertEqual(self.outcome('dying.1'), 'interrupted')
        rc, _, err = self.mc('resume', 'plan.yaml')
        self.assertEqual(rc, 0, err)
        self.assertEqual(len(self.ends('ok.1')), 1)
        self.assertEqual(len(self.ends('dying.1')), 1)
        # the old engine had ended before the new one began
        mine = [e[1] for e in self.events() if e[2] == 'dying.1']
        self.assertEqual(mine, ['begin', 'busy', 'end', 'begin', 'end'])

    def test_run_goes_on_after_a_kill(self):
        """F178"""
        self.accounts('wait.1', 'ok.1', 'ok.2', jobs=1)
        p = self.start('run', 'plan.yaml')
        self.wait_for('begin')
        time.sleep(0.3)
        self.kill(p)
        self.wait_for('end', 1)
        first = self.runs()
        p = self.start('run', 'plan.yaml')
        self.wait_for('begin', 2)
        for _ in range(2):
            time.sleep(0.3)
            p.send_signal(signal.SIGTERM)
        p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4)
        self.assertEqual(self.runs(), first)

    def test_killed_at_many_moments(self):
        """F178"""
        ids = ['ok.%d' % i for i in range(12)]
        self.accounts(*ids, jobs=2)
        for delay in (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3):
            p = self.start('run', 'plan.yaml')
            time.sleep(delay)
            self.kill(p)
        rc, _, err = self.mc('run', 'plan.yaml')
        self.assertEqual(rc, 0, err)
        self.assertEqual(self.status()['accounts'], {'ok': len(ids)})
        for run in self.runs()[-1:]:
            for account in ids:
                self.assertLessEqual(len(self.ends(account)), 1, run)
        running = {}
        for _, what, account, _ in self.events():
            if what == 'begin':
                running[account] = running.get(account, 0) + 1


class Locking(Case):
    def test_second_supervisor_is_refused(self):
        """F173"""
        self.accounts('longer.1')
        p = self.start('run', 'plan.yaml')
        self.wait_for('begin')
        for verb in ('run', 'resume'):
            rc, _, err = self.mc(verb, 'plan.yaml')
            self.assertEqual(rc, 75, err)
            self.assertIn('pid %d' % p.pid, err)
        self.assertEqual(self.status()['state'], 'running')
        states = {a['id']: a['state'] for a in self.status()['list']}
        self.assertEqual(states, {'longer.1': 'running'})
        p.communicate(timeout=20)
        self.assertEqual(p.returncode, 0)
        self.assertEqual(self.status()['state'], 'finished')

    def test_a_stale_lock_file_is_nothing(self):
        """F174"""
        self.accounts('ok.1')
        os.makedirs(os.path.join(self.dir, 'state', 'demo'), mode=0o700)
        os.chmod(os.path.join(self.dir, 'state'), 0o700)
        self.write('state/demo/lock', 'host x pid 1\n')
        self.run_plan(0)


class Reports(Case):
    def lines(self, path):
        with gzip.open(path, 'rt', encoding='utf-8') as f:
            return [json.loads(line) for line in f]

    def test_report_is_made_again_from_the_journal(self):
        self.accounts('ok.1', 'refused.1', 'code77.1')
        self.run_plan(1)
        path = os.path.join(self.runs()[0], 'report', 'report.jsonl.gz')
        with open(path, 'rb') as f:
            first = f.read()
        lines = self.lines(path)
        self.assertEqual([x['kind'] for x in lines],
                         ['batch', 'account', 'account', 'account', 'mailbox',
                          'mailbox', 'item'])
        self.assertEqual(lines[0]['accounts'],
                         {'ok': 1, 'partial': 1, 'auth': 1})
        t = lines[0]['tally']
        self.assertEqual(t['source'], t['copied'] + t['present'] +
                         sum(t['refused'].values()))
        self.assertEqual(lines[-1]['uid'], 7)
        os.unlink(path)
        rc, out, err = self.mc('report', 'plan.yaml')
        self.assertEqual(rc, 0, err)
        page, lines_path = out.split()
        self.assertEqual(os.path.basename(page), 'report.html')
        self.assertEqual(os.path.realpath(os.path.join(
            self.dir, lines_path)), os.path.realpath(path))
        with open(path, 'rb') as f:
            self.assertEqual(f.read(), first)
        rc, out, _ = self.mc('report', self.runs()[0], '--jsonl', 'x.gz')
        self.assertEqual((rc, out), (0, 'x.gz\n'))
        self.assertEqual(self.lines(os.path.join(self.dir, 'x.gz')), lines)

    def test_report_for_one_user(self):
        self.accounts('ok.1', 'refused.1')
        self.run_plan(1)
        rc, out, err = self.mc('report', 'plan.yaml', '--user', 'refused.1')
        self.assertEqual(rc, 0, err)
        self.assertIn('append.too_big', out)
        self.assertIn('what to do', out)
        self.assertNotIn('ok.1', out)
        self.assertEqual(
            self.mc('report', 'plan.yaml', '--user', 'nobody')[0], 66)

    def test_refusals_of_two_attempts_count_once(self):
        self.accounts('refused.1')
        self.run_plan(1)
        self.assertEqual(self.mc('resume', 'plan.yaml')[0], 1)
        account = self.status()['list'][0]
        self.assertEqual(account['attempts'], 2)
        self.assertEqual(account['tally']['refused'], {'append.too_big': 1})
        lines = self.lines(os.path.join(self.runs()[0], 'report',
                                        'report.jsonl.gz'))
        self.assertEqual(sum(x['kind'] == 'item' for x in lines), 1)

    def test_status_table(self):
        self.accounts('ok.1', 'code77.1')
        self.run_plan(1)
        rc, out, _ = self.mc('status', 'plan.yaml')
        self.assertEqual(rc, 0)
        self.assertRegex(out, r'code77\.1 +auth +1 ')
        self.assertIn('2 of 2 accounts have a result', out)
        self.assertEqual(self.mc('status', self.runs()[0])[1], out)


# a runner in the background may ignore it, and children would too
signal.signal(signal.SIGINT, signal.default_int_handler)

if __name__ == '__main__':
    sys.exit(unittest.main(verbosity=1))
