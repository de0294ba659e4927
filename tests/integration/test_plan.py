# SPDX-License-Identifier: MIT
"""What a plan says reaches the engine: names, modes, deletions, tokens, a dry
run; by the supervisor, between two real Dovecots."""
import base64
import glob
import gzip
import json
import os
import shutil
import subprocess
import unittest

import convoy
from convoy import PATIENCE, ROOT, SUPERVISOR, Case, account
from dovecot import Dovecot
from imap_client import quote

TOKENS = 'auth_mechanisms = plain login xoauth2 oauthbearer'
SOURCE = TARGET = None

PLAN = '''version: 1
name: told
servers:
  old: {host: 127.0.0.1, port: %d, tls: none}
  new: {host: 127.0.0.1, port: %d, tls: none}
defaults:
  source: {server: old, token: {file: token}}
  target: {server: new, password: {file: password}}
retry: {attempts: 1}
'''


def setUpModule():
    convoy.need_dovecot()
    global SOURCE, TARGET
    SOURCE = Dovecot(extra=TOKENS, rawlog=True).start()
    TARGET = Dovecot(rawlog=True).start()


def tearDownModule():
    for server in (SOURCE, TARGET):
        if server:
            server.remove()


def message(number, day):
    return (b'From: a@example.org\r\nSubject: number %d\r\n'
            b'Date: %02d Mar 2026 10:00:00 +0000\r\n'
            b'Message-ID: <%d@example.org>\r\n\r\nhello\r\n'
            % (number, day, number))


def put(server, user, mailbox, *numbers):
    """Messages, each as old as its number of days in March."""
    with account(server, user) as client:
        if mailbox.encode() not in client.list():
            client.command(b'CREATE ', quote(mailbox))
        for n in numbers:
            client.append(mailbox, message(n, n),
                          date=b'%02d-Mar-2026 10:00:00 +0000' % n)


def counts(server, user):
    with account(server, user) as client:
        return {k.decode(): v for k, v in client.counts().items() if v}


class PlanCase(Case):
    def setUp(self):
        super().setUp()
        for server in (SOURCE, TARGET):
            server.wipe()
            server.forget_commands()
        self.write('token', 'pass\n')
        self.write('password', 'pass\n')

    def plan(self, *lines):
        self.write('plan.yaml', PLAN % (SOURCE.port, TARGET.port) +
                   '\n'.join(lines) + '\n')

    def mc(self, *arguments, code=0):
        done = subprocess.run(
            [SUPERVISOR, *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=self.folder, timeout=PATIENCE, check=False)
        self.assertEqual(code, done.returncode, done.stdout + self.logs())
        return done.stdout

    def logs(self):
        text = ''
        for path in sorted(glob.glob(self.path('state/told/*/*/logs/*'))):
            with open(path, encoding='utf-8') as f:
                text += f.read()
        return text

    def journal(self):
        with open(sorted(glob.glob(self.path(
                'state/told/runs/*/journal.jsonl')))[-1],
                  encoding='utf-8') as f:
            return [json.loads(line) for line in f]

    def accounts(self):
        out = self.mc('status', 'plan.yaml', '-o', 'json')
        return {a['id']: a for a in json.loads(out)['list']}


class Run(PlanCase):
    def test_two_accounts_with_names_of_their_own(self):
        for user in ('anna', 'bob'):
            put(SOURCE, user, 'INBOX', 1, 2)
            put(SOURCE, user, 'Sent Items', 3)
            put(SOURCE, user, 'Junk', 4)
            put(SOURCE, user, 'Work/2025', 5)
            put(SOURCE, user, 'Old', 6)
        self.plan(
            'accounts:',
            '  - user: anna',
            '    options:',
            '      skip_mailbox: Junk',
            '      also_skip_mailbox: [Old]',
            '      rename_mailbox: [{from: Sent Items, to: Sent}]',
            '  - id: bob',
            '    source: {user: bob, prefix: Work/}',
            '    target: {user: archive, prefix: "{id}/"}')
        self.mc('run', 'plan.yaml')
        self.assertEqual({'INBOX': 2, 'Sent': 1, 'Work/2025': 1},
                         counts(TARGET, 'anna'))
        self.assertEqual({'bob/2025': 1}, counts(TARGET, 'archive'))

    def test_log_level(self):
        """Every command and answer, and no secret."""
        put(SOURCE, 'anna', 'INBOX', 1)
        for level, wanted in (('info', False), ('debug', True)):
            self.plan('log: {level: %s}' % level, 'accounts:',
                      '  - {id: anna, user: anna}')
            self.mc('run', 'plan.yaml')
            with open(glob.glob(self.path('state/told/runs/*/logs/anna*'))[0],
                      encoding='utf-8') as f:
                log = f.read()
            self.assertEqual(wanted, ' APPEND ' in log or 'SELECT' in log, log)
            self.assertNotIn(base64.b64encode(b'\0anna\0pass').decode(), log)
            shutil.rmtree(self.path('state'))

    def test_the_largest_goes_first_without_an_earlier_run(self):
        for number, user in enumerate(('anna', 'bob', 'carl', 'dora'), 1):
            put(SOURCE, user, 'INBOX', *range(1, 1 + (number * 3) % 7))
        self.write('users.csv', 'user\nanna\nbob\ncarl\ndora\n')
        self.plan('limits: {jobs: 1}', 'schedule: {order: largest}',
                  'accounts_file: {path: users.csv}')
        for arguments, looks in (
                (('-j', '4'), 0), ((), 0), (('--new-run',), 1), ((), 0)):
            out = self.mc('run', 'plan.yaml', *arguments)
            self.assertEqual(looks, out.count('looking at both sides'))
            if '-j' not in arguments:
                self.assertEqual(
                    ['bob', 'dora', 'anna', 'carl'],
                    [e['id'] for e in self.journal()
                     if e['ev'] == 'account.start'])

    def test_names_of_folders_are_shown_as_people_know_them(self):
        for number, name in enumerate(('Entw&APw-rfe', 'R&-D',
                                       '&U,BTFw-/&ZeVnLIqe-'), 1):
            put(SOURCE, 'anna', name, number)
        put(TARGET, 'anna', '&AOk-t&AOk-', 9)
        self.plan('deletes: {max_per_account: 9, max_percent: 100}',
                  'accounts:', '  - {id: anna, user: anna, options: {'
                  'mode: syncDst, rename_mailbox: [{from: Entw&APw-rfe, to: B&APw-ro}]'
                  '}}')
        out = self.mc('preview', 'plan.yaml', '-o', 'p.json')
        self.assertRegex(out, r'(?m)^anna .*  1 name changed: see --names$')
        out = self.mc('preview', 'plan.yaml')
        self.assertNotIn('->', out)
        out = self.mc('preview', 'plan.yaml', '--names')
        self.assertIn("cannot be used:\n  anna:\n    'Entwürfe' -> 'Büro'\n\n",
                      out)
        self.assertIn("'été'", out)
        self.assertIn('one of them', self.mc(
            'preview', 'plan.yaml', '--names', '--sizes', code=64))
        self.mc('run', 'plan.yaml', '--approved', 'p.json')
        self.mc('report', 'plan.yaml', '--users-dir', 'papers', '--html',
                'page.html')
        papers = glob.glob(self.path('papers/anna*')) + [
            self.path('page.html')]
        self.assertEqual(3, len(papers))
        for path in papers:
            with open(path, encoding='utf-8') as f:
                text = f.read()
            for name in ('Entwürfe', 'Büro', '台北/日本語'):
                self.assertIn(name, text, path)
            if 'page' not in path:  # it shows the rules of the plan, too
                self.assertNotIn('APw-', text, path)
        self.assertIn("= anna '台北/日本語': 1 messages",
                      self.mc('verify', 'plan.yaml', '--diff'))

    def test_f155_two_sources_become_one_target(self):
        """F155: only when both say so; then one engine after the other"""
        put(SOURCE, 'anna', 'INBOX', 1, 2)
        put(SOURCE, 'bob', 'INBOX', 2, 3)
        put(SOURCE, 'bob', 'Work', 4)
        both = '  - {id: %s, user: %s, target: {user: team}%s}'
        self.plan('accounts:', both % ('anna', 'anna', ''),
                  both % ('bob', 'bob', ', shared_target: true'))
        self.assertIn('E0203', self.mc('check', 'plan.yaml', code=78))
        self.plan('accounts:', *(both % (u, u, ', shared_target: true')
                                 for u in ('anna', 'bob')))
        for _ in range(2):  # the second run finds all of it
            self.mc('run', 'plan.yaml', '--new-run')
            self.assertEqual(['account.start', 'account.end'] * 2,
                             [e['ev'] for e in self.journal() if e['ev'] in
                              ('account.start', 'account.end')])
            # number 2 is the same message in both
            self.assertEqual({'INBOX': 3, 'Work': 1}, counts(TARGET, 'team'))

    def test_new_mail_of_one_and_a_mirror_of_another(self):
        """F194: the ceiling of the plan is the engine's"""
        put(SOURCE, 'anna', 'INBOX', 1, 5, 9)
        put(SOURCE, 'anna', 'Other', 9)
        put(TARGET, 'anna', 'INBOX', 6)
        for user in ('bob', 'eve'):
            put(SOURCE, user, 'INBOX', 1, 2)
        put(TARGET, 'bob', 'INBOX', 1, 2, 7)
        put(TARGET, 'eve', 'INBOX', 1, 2, 7, 8, 9)
        self.plan(
            'deletes: {max_per_account: 2}',
            'accounts:',
            '  - {user: anna, options: {mode: syncSrcNew}}',
            '  - {user: bob, options: {mode: syncDst}}',
            '  - {user: eve, options: {mode: syncDst}}')
        self.mc('preview', 'plan.yaml', '-o', 'seen')
        self.mc('run', 'plan.yaml', '--approved', 'seen', code=1)
        self.assertEqual({'INBOX': 2}, counts(TARGET, 'anna'))
        self.assertEqual({'INBOX': 2}, counts(TARGET, 'bob'))
        self.assertEqual({'INBOX': 5}, counts(TARGET, 'eve'))
        outcomes = {i: a['outcome'] for i, a in self.accounts().items()}
        self.assertEqual(
            {'anna': 'ok', 'bob': 'ok', 'eve': 'partial'}, outcomes)

    def test_another_mode_runs_again(self):
        """F158"""
        put(SOURCE, 'anna', 'INBOX', 1)
        put(TARGET, 'anna', 'INBOX', 7)
        self.plan('accounts: [{user: anna}]')
        self.mc('run', 'plan.yaml')
        self.assertEqual({'INBOX': 2}, counts(TARGET, 'anna'))
        self.plan('deletes: {max_percent: 50}',
                  'accounts: [{user: anna, options: {mode: syncDst}}]')
        self.mc('resume', 'plan.yaml', code=64)
        self.mc('preview', 'plan.yaml', '-o', 'seen')
        said = self.mc('resume', 'plan.yaml', '--approved', 'seen')
        self.assertIn('other settings', said)
        self.assertEqual({'INBOX': 1}, counts(TARGET, 'anna'))

    def test_a_dry_run_counts_for_nothing(self):
        put(SOURCE, 'anna', 'INBOX', 1, 2)
        self.plan('accounts: [{user: anna}]')
        said = self.mc('run', 'plan.yaml', '--dry-run')
        self.assertIn('nothing was changed', said)
        self.assert_only_read(TARGET)
        self.assertEqual({}, counts(TARGET, 'anna'))
        self.mc('resume', 'plan.yaml', code=66)
        self.mc('status', 'plan.yaml', code=66)
        run = glob.glob(self.path('state/told/dry-runs/*'))
        self.assertEqual(1, len(run))
        self.assertIn('told  dry run ', self.mc('status', run[0]))
        with gzip.open(run[0] + '/report/report.jsonl.gz', 'rt',
                       encoding='utf-8') as f:
            batch = json.loads(f.readline())
        self.assertEqual((True, 2),
                         (batch['dry_run'], batch['tally']['copied']))
        self.mc('run', 'plan.yaml')
        self.assertEqual({'INBOX': 2}, counts(TARGET, 'anna'))
        self.assertEqual(2, self.accounts()['anna']['copied_total'])
        # and a later one does not come before the real one
        self.mc('run', 'plan.yaml', '--dry-run')
        self.assertEqual(2, self.accounts()['anna']['copied_total'])

    def test_a_new_token_counts_at_the_next_login(self):
        """F047: the file is the engine's to read"""
        put(SOURCE, 'anna', 'INBOX', 1)
        self.plan('accounts: [{user: anna}]')
        self.write('token', 'expired\n')
        self.mc('run', 'plan.yaml', code=1)
        self.assertEqual('auth', self.accounts()['anna']['outcome'])
        self.write('token', 'pass\n')
        self.mc('resume', 'plan.yaml')
        self.assertEqual({'INBOX': 1}, counts(TARGET, 'anna'))


class Samples(Case):
    """Every plan of samples/ is good as it stands."""

    def test_all_are_accepted(self):
        shutil.copytree(os.path.join(ROOT, 'samples'), self.path('samples'))
        for path in glob.glob(self.path('samples/*.[ct]sv')):
            os.chmod(path, 0o600)
        environment = dict(os.environ, **{
            name: 'x' for name in (
                'OLD_ADMIN_PASSWORD', 'INFO_PASSWORD', 'ARCHIVE_PASSWORD',
                'OLD_PASSWORD', 'NEW_PASSWORD', 'NEW_ADMIN_PASSWORD')})
        plans = sorted(glob.glob(self.path('samples/plans/*.yaml')))
        self.assertLess(3, len(plans))
        os.mkdir(self.path('samples/plans/secrets'))
        self.write('samples/plans/secrets/new-token', 'x\n')
        for path in plans:
            with self.subTest(os.path.basename(path)):
                done = subprocess.run(
                    [SUPERVISOR, 'check', path], stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, text=True, env=environment,
                    timeout=PATIENCE, check=False)
                self.assertEqual(0, done.returncode, done.stdout)
                self.assertIn(' 0 warnings', done.stdout)


if __name__ == '__main__':
    unittest.main()
