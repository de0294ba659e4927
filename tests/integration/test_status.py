#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How a batch stands: `status`, status.json and the Prometheus file."""
import csv
import io
import json
import os
import re
import unittest

import batch
import convoy

PROM_LINE = re.compile(
    r'^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="([^"\\\n]|\\.)*"'
    r'(,[a-z]+="([^"\\\n]|\\.)*")*\})? -?[0-9.]+(e[+-]?[0-9]+)?)$')


class Live(batch.Case):
    def test_status_json_while_it_runs(self):
        self.accounts('ok.1', 'wait.1', 'wait.2', 'ok.2', jobs=2)
        p = self.start('run', 'plan.yaml')
        now = self.status_when(lambda s: len(s['running']) == 2 and all(
            a['copied'] for a in s['running']))
        self.assertEqual(now['v'], 1)
        self.assertEqual((now['plan'], now['pid'], now['stage']),
                         ('demo', p.pid, 'run'))
        self.assertEqual(now['accounts'], {'ok': 1, 'running': 2,
                                           'waiting': 1})
        self.assertEqual((now['total'], now['done'], now['jobs']), (4, 1, 2))
        self.assertEqual((now['copied'], now['bytes']), (2 + 4 + 4, 1000))
        self.assertNotIn('eta_by', now)
        account = min(now['running'], key=lambda a: a['id'])
        self.assertEqual(
            (account['id'], account['mailbox'], account['copied'],
             account['expected'], account['attempt']),
            ('wait.1', 'INBOX', 4, 10, 1))
        self.assertEqual({s['name']: (s['source'], s['target'])
                          for s in now['servers']},
                         {'old': (2, 0), 'new': (0, 2)})
        # it goes on being replaced
        self.status_when(lambda s: s['updated'] > now['updated'])
        self.check_status_of_it()
        self.check_prom(up=1)
        self.stop(p)
        now = self.status_json()
        self.assertEqual((now['stage'], now['exit']), ('ended', 4))
        self.assertEqual(now['accounts'],
                         {'ok': 1, 'interrupted': 2, 'pending': 1})
        self.check_prom(up=0)

    def check_status_of_it(self):
        out = self.good('status')
        self.assertRegex(out, r'(?m)^stage run  pid \d+  1/4 accounts')
        self.assertRegex(out, r'(?m)^wait\.1 +running +1 +4 ')
        rows = json.loads(self.good('status', 'plan.yaml', '-o', 'json'))
        self.assertEqual(rows['now']['stage'], 'run')
        self.assertEqual(rows['state'], 'running')
        wait = [a for a in rows['list'] if a['id'] == 'wait.1'][0]
        self.assertEqual((wait['state'], wait['copied_total'],
                          wait['mailbox']), ('running', 4, 'INBOX'))

    def prometheus(self):
        with open(self.run_path('mailconvoy.prom'), encoding='utf-8') as f:
            return f.read()

    def check_prom(self, up):
        text = self.prometheus()
        self.assertTrue(text.endswith('\n'))
        for line in text.splitlines():
            self.assertRegex(line, PROM_LINE)
        self.assertIn('mailconvoy_batch_up{plan="demo"} %d\n' % up, text)
        self.assertNotIn('wait.1', text)
        families = re.findall(r'(?m)^# TYPE (\S+)', text)
        self.assertEqual(len(families), len(set(families)))

    def test_eta_by_accounts_and_by_bytes(self):
        self.accounts('ok.1', 'ok.2', 'ok.3', 'wait.1', 'ok.4', jobs=1)
        p = self.start('run', 'plan.yaml')
        now = self.status_when(lambda s: 'eta_by' in s and s['done'] == 3)
        self.assertEqual(now['eta_by'], 'accounts')
        self.assertGreaterEqual(now['eta_seconds'], 0)
        self.stop(p)

    def test_pass_and_selection(self):
        """What was not selected is no part of the batch."""
        self.accounts('wait.1', 'ok.2', 'code77.3')
        self.good('run', 'plan.yaml', '--account', 'code77.3', code=1)
        with open(self.path('plan.yaml'), 'a', encoding='ascii') as f:
            f.write('passes: {seed: {}}\n')
        p = self.start('run', 'plan.yaml', '--new-run', '--pass', 'seed',
                       '--account', 'wait.1', '--account', 'ok.2')
        now = self.status_when(lambda s: s['accounts'].get('ok') == 1)
        self.assertEqual((now['accounts'], now['pass']),
                         ({'ok': 1, 'running': 1}, 'seed'))
        # it is written behind status.json
        self.status_when(lambda s: '{plan="demo",pass="seed",state="ok"} 1\n'
                         in self.prometheus())
        self.stop(p)

    def test_a_killed_supervisor_is_not_live(self):
        self.accounts('wait.1')
        p = self.start('run', 'plan.yaml')
        self.wait_running(1)
        p.kill()
        p.wait()
        out = self.good('status')
        self.assertIn('unfinished', out)
        self.assertIn('interrupted', out)
        self.assertNotIn('pid', out)

    def test_watch_ends_with_the_batch(self):
        self.accounts('longer.1')
        p = self.start('run', 'plan.yaml')
        self.wait_running(1)
        out = self.good('status', '--watch')
        p.communicate(timeout=20)
        self.assertRegex(out, r'longer\.1 +running')
        self.assertRegex(out, r'longer\.1 +ok')

    def test_a_damaged_status_json_is_no_trouble(self):
        self.accounts('wait.1')
        p = self.start('run', 'plan.yaml')
        self.wait_running(1)
        for text in ('', '{', '[]', '{"v":2}', '{"v":1,"running":7}'):
            self.write(os.path.relpath(self.run_path('status.json'),
                                       self.folder), text)
            self.assertIn('wait.1', self.good('status', '-o', 'json'))
        self.stop(p)

    def test_no_room_for_status_json_ends_no_batch(self):
        """F200"""
        self.accounts('longer.1', 'ok.1', jobs=1)
        p = self.start('run', 'plan.yaml')
        self.wait_running(1)
        # a folder in its place: neither removed nor replaced
        os.mkdir(self.run_path('status.json.new'))
        os.mkdir(self.run_path('status.json.new/x'))
        _, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 0, err)
        self.assertEqual(err.count('no status.json'), 1)


class After(batch.Case):
    def setUp(self):
        super().setUp()
        self.accounts('ok.1', 'code77.1', 'refused.1', 'ok.2')
        self.good('run', 'plan.yaml', code=1)

    def names(self, *args):
        return self.good('status', *args, '-o', 'name').split()

    def test_filters_and_order(self):
        self.assertEqual(self.names('--filter', 'outcome=ok'),
                         ['ok.1', 'ok.2'])
        self.assertEqual(self.names('--filter', 'outcome=*', '--filter',
                                    'reason=append.*'), ['refused.1'])
        self.assertEqual(self.names('--sort-by', '-account'),
                         ['refused.1', 'ok.2', 'ok.1', 'code77.1'])
        self.assertEqual(self.names('plan.yaml', '--sort-by', 'refused')[-1],
                         'refused.1')

    def test_usage(self):
        for args in (('--filter', 'colour=1'), ('--filter', 'ok'),
                     ('--sort-by', 'x'), ('-o', 'yaml')):
            rc, out, err = self.mc('status', *args)
            self.assertEqual((rc, out), (64, ''), args)
            self.assertTrue(err.startswith('mailconvoy: '), err)

    def test_formats(self):
        rows = list(csv.DictReader(io.StringIO(
            self.good('status', '-o', 'csv'), newline='')))
        self.assertEqual([r['account'] for r in rows],
                         ['ok.1', 'code77.1', 'refused.1', 'ok.2'])
        self.assertEqual((rows[1]['exit'], rows[1]['outcome']),
                         ('77', 'auth'))
        lines = [json.loads(x) for x in
                 self.good('status', '-o', 'jsonl').splitlines()]
        self.assertEqual([x['outcome'] for x in lines],
                         ['ok', 'auth', 'partial', 'ok'])
        wide = self.good('status', '-o', 'wide')
        self.assertIn('LOG', wide)
        bare = self.good('status', '--no-headers')
        self.assertEqual(len(bare.splitlines()), 4)
        self.assertNotIn('now', json.loads(self.good('status', '-o', 'json')))

    def test_which_run(self):
        out = self.good('status', self.runs()[-1])
        self.assertEqual(out, self.good('status'))
        self.assertEqual(out, self.good('status', 'plan.yaml'))
        os.makedirs(self.path('state/other/runs'))
        rc, _, err = self.mc('status')
        self.assertEqual(rc, 64)
        self.assertIn('state/other/runs', err)


if __name__ == '__main__':
    unittest.main()
