# SPDX-License-Identifier: MIT
"""Many accounts at once: bounds, logs, reports, resume, the supervisor's death,
and the secret that must never be seen."""
import base64
import collections
import glob
import gzip
import json
import os
import random
import signal
import subprocess
import threading
import time
import unittest

import convoy
import imap_compare
import seed
from convoy import CANARY, PATIENCE, SUPERVISOR, Case, end, wait_until
from dovecot import Dovecot
from imap_client import Imap

ACCOUNTS = 50
JOBS = 8
WRONG = ('u07', 'u23')
GONE = 'u31'
WRONG_PASSWORD = 'not-' + CANARY
# the password as it could be written down, also in two shifted base64 forms
TRACES = [CANARY.encode()] + [
    base64.b64encode(b'\0' * shift + CANARY.encode())[4:-4]
    for shift in (0, 1, 2)]

SOURCE = None


def user_names(count=ACCOUNTS):
    return ['u%02d' % n for n in range(count)]


def setUpModule():
    convoy.need_dovecot()
    global SOURCE
    SOURCE = Dovecot(password=CANARY).start()
    for user in user_names():
        seed.make_maildir(SOURCE.base, user, messages=36, size=4000,
                          mailboxes=4)


def tearDownModule():
    if SOURCE:
        SOURCE.remove()


def counts(server, user):
    with Imap('127.0.0.1', server.port).login(user, CANARY) as client:
        return client.counts()


def command_line(pid):
    with open('/proc/%s/cmdline' % pid, 'rb') as f:
        return f.read()


def is_engine(pid, folder):
    try:
        words = command_line(pid).split(b'\0')
    except OSError:
        return False
    return words[0].endswith(b'syncIMAPMail') and \
        any(folder.encode() in w for w in words)


def parent(pid):
    try:
        with open('/proc/%s/stat' % pid, 'rb') as f:
            return int(f.read().rsplit(b')', 1)[1].split()[1])
    except OSError:
        return 0


def engines(folder):
    """Process ids of engines whose command line names this folder, all of them
    alive at one moment: between the first look and the second."""
    seen = {int(pid): parent(pid) for pid in os.listdir('/proc')
            if pid.isdigit() and is_engine(pid, folder)}
    still = {pid for pid in seen if is_engine(pid, folder)}
    # a leak checker at work is a process beside its engine, and may outlive it
    return sorted(pid for pid in still if seen[pid] not in seen)


class Watch(threading.Thread):
    """Looks at the engines of a folder until told to stop."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.most, self.leaks = folder, 0, set()
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.002):
            running = engines(self.folder)
            self.most = max(self.most, len(running))
            for pid in running:
                self.look(pid)

    def look(self, pid):
        for name in ('cmdline', 'environ'):
            try:
                with open('/proc/%d/%s' % (pid, name), 'rb') as f:
                    data = f.read()
            except OSError:
                continue
            if any(t in data for t in TRACES):
                self.leaks.add(name)

    def finish(self):
        self.over.set()
        self.join()
        return self


class BatchCase(Case):
    def setUp(self):
        super().setUp()
        self.assertTrue(os.access(SUPERVISOR, os.X_OK),
                        SUPERVISOR + ' has not been built')
        os.mkdir(self.path('secrets'), 0o700)
        self.write('secrets/all', CANARY + '\n')
        self.write('secrets/wrong', WRONG_PASSWORD + '\n')

    def plan(self, target, names, wrong=(), gone=()):
        """Writes plan.yaml; one account has the server of nowhere."""
        lines = ['version: 1', 'name: batch', 'state_dir: ./state',
                 'servers:',
                 '  old: {host: 127.0.0.1, port: %d, tls: none}' % SOURCE.port,
                 '  new: {host: 127.0.0.1, port: %d, tls: none}' % target.port,
                 '  gone: {host: no-such-host.invalid, port: 143, tls: none, '
                 'allow_plaintext: true}',
                 'defaults:',
                 '  source: {server: old, password: {file: secrets/all}}',
                 '  target: {server: new, password: {file: secrets/all}}',
                 'limits: {jobs: %d}' % JOBS,
                 'retry: {attempts: 2, backoff: 100ms, jitter: 0%}',
                 'accounts:']
        for name in names:
            line = '  - {id: %s, user: %s' % (name, name)
            if name in wrong:
                line += ', source: {password: {file: secrets/wrong}}'
            if name in gone:
                line += ', source: {server: gone}'
            lines.append(line + '}')
        return self.write('plan.yaml', '\n'.join(lines) + '\n')

    def spawn(self, *arguments):
        """A supervisor that runs; what it says goes to files."""
        out = open(self.path('said'), 'ab')
        process = subprocess.Popen(
            [SUPERVISOR, *arguments], stdin=subprocess.DEVNULL, stdout=out,
            stderr=out, cwd=self.folder)
        out.close()
        self.addCleanup(end, process)
        self.addCleanup(self.no_engine_is_left)
        return process

    def supervisor(self, *arguments, code=None, seconds=PATIENCE):
        process = self.spawn(*arguments)
        process.wait(seconds)
        if code is not None:
            self.assertEqual(code, process.returncode, self.said()[-4000:])
        return process.returncode

    def said(self):
        with open(self.path('said'), encoding='utf-8',
                  errors='replace') as f:
            return f.read()

    def no_engine_is_left(self):
        wait_until(lambda: not engines(self.folder),
                   'the engines to end', 60)

    def runs(self):
        return sorted(glob.glob(self.path('state/batch/runs/*')))

    def journal(self):
        """The lines of the last run; a torn last line is left out."""
        with open(self.runs()[-1] + '/journal.jsonl', encoding='utf-8') as f:
            lines = f.read().split('\n')[:-1]
        return [json.loads(line) for line in lines]

    def started(self, after=0):
        """Ids whose engines were started, from line `after` on."""
        return [line['id'] for line in self.journal()[after:]
                if line['ev'] == 'account.start']

    def report(self):
        """(batch line, {id: account line}) of the report."""
        self.supervisor('report', 'plan.yaml', code=0)
        path = self.runs()[-1] + '/report/report.jsonl.gz'
        subprocess.run(['gzip', '-t', path], check=True)
        with gzip.open(path, 'rt', encoding='utf-8') as f:
            lines = [json.loads(line) for line in f]
        self.assertEqual('batch', lines[0]['kind'])
        return lines[0], {line['id']: line for line in lines
                          if line['kind'] == 'account'}

    def assert_no_secret(self):
        """Nowhere below the folder but in the files of the secrets."""
        for root, dirs, files in os.walk(self.folder):
            if 'secrets' in dirs:
                dirs.remove('secrets')
            for name in files:
                path = os.path.join(root, name)
                if not os.path.isfile(path):
                    continue  # the socket of a supervisor that was killed
                with open(path, 'rb') as f:
                    data = f.read()
                if name.endswith('.gz'):
                    data = gzip.decompress(data)
                for trace in TRACES:
                    self.assertNotIn(trace, data, path)

    def assert_private(self):
        """Directories 0700, files 0600 but for what a collector reads."""
        for root, dirs, files in os.walk(self.path('state')):
            for name in dirs + files:
                mode = os.stat(os.path.join(root, name)).st_mode & 0o777
                expected = 0o700 if name in dirs else \
                    0o644 if name.endswith('.prom') else 0o600
                self.assertEqual(expected, mode, os.path.join(root, name))

    def assert_accounts_equal(self, target, names):
        for name in names:
            a, b = (imap_compare.open_account('127.0.0.1', s.port, name,
                                              CANARY) for s in (SOURCE, target))
            self.assertEqual([], imap_compare.compare(a, b)[:5], name)


class Fifty(BatchCase):
    def test_fifty_accounts(self):
        names = user_names()
        with Dovecot(password=CANARY) as target:
            self.plan(target, names, WRONG, (GONE,))
            self.supervisor('check', 'plan.yaml', code=0)
            watch = Watch(self.folder)
            self.supervisor('run', 'plan.yaml', code=1, seconds=300)
            watch.finish()
            self.assertLessEqual(watch.most, JOBS)
            self.assertGreater(watch.most, 1)
            self.assertEqual(set(), watch.leaks)
            self.check_logs()
            self.check_report(target, names)
            self.assert_no_secret()
            self.assert_private()
            self.check_resume(target, names)
            self.assert_no_secret()

    def check_logs(self):
        logs = os.listdir(self.runs()[-1] + '/logs')
        # SLUG.ATTEMPT.log
        slugs = {n.rsplit('.', 2)[0] for n in logs if n.endswith('.log')}
        self.assertEqual(ACCOUNTS, len(slugs), sorted(logs)[:60])

    def check_report(self, target, names):
        batch, accounts = self.report()
        self.assertEqual(set(names), set(accounts))
        outcomes = collections.Counter(a['outcome']
                                       for a in accounts.values())
        self.assertEqual({'ok': ACCOUNTS - 3, 'auth': 2}, {
            k: v for k, v in outcomes.items() if k in ('ok', 'auth')})
        for name in WRONG:
            self.assertEqual('auth', accounts[name]['outcome'])
            self.assertEqual(1, accounts[name]['attempts'])
        self.assertNotIn(accounts[GONE]['outcome'], ('ok', 'auth'))
        total = 0
        for name in names:
            tally = accounts[name]['tally']
            have = sum(counts(target, name).values())
            self.assertEqual(have, tally['copied'], name)
            if accounts[name]['outcome'] == 'ok':
                self.assertEqual(sum(counts(SOURCE, name).values()), have)
            total += have
        self.assertEqual(total, batch['tally']['copied'])
        self.assertEqual(total, batch['copied_total'])

    def check_resume(self, target, names):
        """Exactly what failed is run again."""
        before = len(self.journal())
        self.write('secrets/wrong', CANARY + '\n')
        self.supervisor('resume', 'plan.yaml', '--only', 'auth', code=1)
        self.assertEqual(sorted(WRONG), sorted(self.started(before)))
        before = len(self.journal())
        self.plan(target, names)  # the lost server is found again
        self.supervisor('resume', 'plan.yaml', code=0)
        self.assertEqual({GONE}, set(self.started(before)) - set(WRONG))
        before = len(self.journal())
        self.supervisor('resume', 'plan.yaml', code=0)
        self.assertEqual([], self.started(before))
        self.assert_accounts_equal(target, names)


class Killed(BatchCase):
    """SIGKILL for the supervisor at random moments, then resume."""

    def test_killed_at_random(self):
        """F178"""
        names = user_names(24)
        with Dovecot(password=CANARY) as target:
            self.plan(target, names)
            began = time.monotonic()
            self.supervisor('run', 'plan.yaml', code=0, seconds=300)
            whole = time.monotonic() - began
            undisturbed = {n: counts(target, n) for n in names}
        with Dovecot(password=CANARY) as target:
            self.plan(target, names)
            rnd = random.Random('kill')
            killed = 0
            arguments = ('run', 'plan.yaml', '--new-run')
            for _ in range(6):
                process = self.spawn(*arguments)
                try:
                    process.wait(rnd.uniform(0.02, max(0.1, whole * .8)))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    killed += 1
                # no engine outlives it
                self.no_engine_is_left()
                if os.path.exists(self.path('state')):
                    arguments = ('run', 'plan.yaml')
            self.assertGreater(killed, 0)
            self.supervisor('run', 'plan.yaml', seconds=300)
            self.supervisor('resume', 'plan.yaml', code=0, seconds=300)
            self.assertEqual(undisturbed,
                             {n: counts(target, n) for n in names})
            self.assert_accounts_equal(target, names)
            _, accounts = self.report()
            self.assertEqual({'ok'}, {a['outcome']
                                      for a in accounts.values()})
            for name, account in accounts.items():
                tally = account['tally']
                self.assertEqual(sum(undisturbed[name].values()),
                                 tally['copied'] + tally['present'], name)
            self.assert_no_secret()

    def test_status_and_report_while_it_runs(self):
        names = user_names(24)
        with Dovecot(password=CANARY) as target:
            self.plan(target, names)
            process = self.spawn('run', 'plan.yaml')
            wait_until(lambda: self.runs() and os.path.exists(
                self.runs()[-1] + '/journal.jsonl') and os.path.getsize(
                    self.runs()[-1] + '/journal.jsonl'), 'the journal')
            self.supervisor('status', 'plan.yaml', code=0)
            self.supervisor('report', 'plan.yaml', code=0)
            self.assertIn(self.supervisor('run', 'plan.yaml'), (0, 75))
            process.wait(PATIENCE)
            self.assertEqual(0, process.returncode, self.said()[-3000:])
            self.assert_accounts_equal(target, names)


if __name__ == '__main__':
    unittest.main()
