# SPDX-License-Identifier: MIT
"""The benchmark runs, and writes what it promises.  No figure is judged."""
import json
import os
import subprocess
import sys

import convoy
from convoy import Case

BENCH = os.path.join(convoy.ROOT, 'tests', 'bench', 'bench')

ALONE = True


def setUpModule():
    convoy.need_dovecot()


class Bench(Case):
    def bench(self, *arguments):
        ended = subprocess.run(
            [sys.executable, BENCH, *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, MAILCONVOY_BUILD=convoy.BUILD),
            timeout=convoy.PATIENCE)
        self.assertEqual(0, ended.returncode, ended.stderr[-2000:])
        return ended.stdout

    def test_one_round(self):
        path = self.path('figures.json')
        table = self.bench('--profile', 'tiny', '--pairs', '1', '--peers',
                           'none', '--engine-options=--noThreads',
                           '--json', path)
        with open(path, encoding='utf-8') as f:
            result = json.load(f)
        self.assertEqual(1, result['version'])
        self.assertLessEqual({'cpu', 'cores', 'memory_gib', 'kernel', 'server'},
                             result['machine'].keys())
        tiny = result['profiles']['tiny']
        self.assertEqual((1, 1, 0), (tiny['messages'], tiny['mailboxes'],
                                     tiny['rtt_ms']))
        self.assertEqual({'drain', 'fill', 'seconds'}, tiny['limit'][0].keys())
        self.assertLessEqual({'syncIMAPMail', 'syncIMAPMail --noThreads'},
                             tiny['programs'].keys())
        for name, runs in tiny['programs'].items():
            for one in runs['first'] + runs['second']:
                self.assertLessEqual({'seconds', 'cpu', 'rss_kib', 'code'},
                                     one.keys())
                self.assertEqual((0, None), (one['code'], one.get('fault')),
                                 name)
            self.assertEqual((1, 1), (len(runs['first']), len(runs['second'])))
            self.assertIn('| %s |' % name, table)

    def test_tables_between_marks(self):
        path = self.path('figures.json')
        self.bench('--profile', 'tiny', '--pairs', '1', '--peers', 'none',
                   '--json', path)
        page = self.write('page.md', 'before\n<!-- figures: begin (written by '
                          'tests/bench/bench --write) -->\nold\n'
                          '<!-- figures: end -->\nafter\n')
        table = self.bench('--from', path, '--write', page)
        with open(page, encoding='utf-8') as f:
            text = f.read()
        self.assertTrue(text.startswith('before\n'), text)
        self.assertTrue(text.endswith('after\n'), text)
        self.assertIn(table, text)
        self.assertNotIn('\nold\n', text)

    def test_what_the_supervisor_costs(self):
        path = self.path('batch.json')
        ended = subprocess.run(
            [sys.executable, BENCH + '-batch', '--accounts', '8', '--jobs',
             '2', '--json', path], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, MAILCONVOY_BUILD=convoy.BUILD),
            timeout=convoy.PATIENCE)
        self.assertEqual(0, ended.returncode, ended.stdout + ended.stderr)
        with open(path, encoding='utf-8') as f:
            row, = json.load(f)
        self.assertLessEqual({'cpu_ms_account', 'peak_kib', 'core_percent'},
                             row.keys())
