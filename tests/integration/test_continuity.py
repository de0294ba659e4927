#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A supervisor killed at every step of its journal, and a plan that changes
before it goes on (F096-F101 for batches)."""
import fcntl
import json
import os
import random
import shutil
import signal
import unittest

import batch
import convoy
from interrupts_batch import inflate

QUICK = os.path.join(convoy.ROOT, 'tests', 'support', 'quickchild')
IDS = ['u%02d' % n for n in range(12)]


class Case(batch.Case):
    def setUp(self):
        super().setUp()
        self.env['MAILCONVOY_ENGINE'] = QUICK

    def journal(self):
        """Lines of parts and journal, each number once."""
        text = b''
        for name, read in (('journal.jsonl.gz-parts', inflate),
                           ('journal.jsonl', bytes)):
            try:
                with open(self.run_path(name), 'rb') as f:
                    text += read(f.read())
            except (FileNotFoundError, IndexError):
                pass
        lines = {}
        for line in text.split(b'\n')[:-1]:
            try:
                line = json.loads(line)
            except ValueError:
                continue  # torn in a torn member
            lines.setdefault(line['seq'], line)
        self.assertEqual(sorted(lines), list(range(1, len(lines) + 1)))
        return [lines[n] for n in sorted(lines)]

    def wait_free(self):
        """Until no engine of a killed supervisor holds an account."""
        def free():
            for root, _, names in os.walk(self.path('state/demo/accounts')):
                for name in names:
                    with open(os.path.join(root, name), 'rb') as f:
                        try:
                            fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
                        except BlockingIOError:
                            return False
            return True
        convoy.wait_until(free, 'the engines to end', 20)

    def ended(self):
        return {r['id'] for r in self.journal() if r['ev'] == 'account.end'
                and r['final']}

    def killed_run(self, step, *args, **env):
        """A run that is killed at this step of its journal; False: it ended
        before."""
        p = self.start('run', 'plan.yaml', *args, env={
            'MAILCONVOY_KILL_AT': str(step), 'MAILCONVOY_STEPS_OF': 'journal',
            **env})
        _, err = p.communicate(timeout=60)
        self.assertIn(p.returncode, (0, -signal.SIGKILL), err)
        if p.returncode == 0:
            return False
        self.wait_free()
        return True

    def need_steps(self):
        self.accounts(*IDS)
        if not self.killed_run(1):
            raise unittest.SkipTest('this build knows no '
                                    'MAILCONVOY_KILL_AT (only debug do)')
        shutil.rmtree(self.path('state'))


class EveryStep(Case):
    def test_killed_at_every_step_then_another_plan(self):
        """F158, F178, F219: Also in the middle of a rotation."""
        self.need_steps()
        rnd = random.Random('continuity')
        size = {'MAILCONVOY_JOURNAL_BYTES': '3000'}
        step = 0
        while True:
            step += 1
            shutil.rmtree(self.path('state'), ignore_errors=True)
            self.accounts(*IDS)
            if not self.killed_run(step, **size):
                break
            with self.subTest(step=step):
                self.check_goes_on(rnd, size)
        self.assertGreater(step, 50)
        self.assertTrue(os.path.getsize(
            self.run_path('journal.jsonl.gz-parts')))

    def check_goes_on(self, rnd, size):
        before = self.journal()
        done = self.ended()
        gone = rnd.choice(IDS)
        ids = [i for i in IDS if i != gone]
        rnd.shuffle(ids)
        ids.insert(rnd.randrange(len(ids)), 'new')
        self.accounts(*ids)
        if not before:  # killed before its first line: no run yet
            self.good('run', 'plan.yaml', env=size)
        else:
            rc, out, err = self.mc('resume', 'plan.yaml', env=size)
            self.assertEqual(rc, 0, out + err)
            planned = {r['id'] for r in before if r['ev'] == 'account.plan'}
            self.assertEqual('account=%s is no longer' % gone in err,
                             gone in planned)
            lines = self.journal()
            self.assertEqual(lines[:len(before)], before)
            started = [r['id'] for r in lines[len(before):]
                       if r['ev'] == 'account.start']
            self.assertEqual(sorted(started), sorted(set(ids) - done))
            self.assertEqual(len([r for r in lines
                                  if r['ev'] == 'account.drop']),
                             int(gone in planned))
        status = json.loads(self.good('status', '-o', 'json'))
        self.assertEqual(status['accounts'], {'ok': len(ids)})
        self.assertTrue(status['complete'])


class Rotation(Case):
    def test_a_small_journal_stays_as_it_is(self):
        self.accounts('u1')
        self.good('run', 'plan.yaml')
        self.assertFalse(os.path.exists(
            self.run_path('journal.jsonl.gz-parts')))

    def test_everything_reads_both(self):
        self.accounts(*IDS)
        self.good('run', 'plan.yaml', env={'MAILCONVOY_JOURNAL_BYTES': '1000'})
        self.assertEqual(os.path.getsize(self.run_path('journal.jsonl')), 0)
        lines = self.journal()
        self.assertEqual(lines[-1]['ev'], 'run.end')
        self.assertIn('12 of 12 accounts have a result',
                      self.good('status', 'plan.yaml'))
        self.good('report', 'plan.yaml')
        self.assertIn('u03', self.good('report', 'plan.yaml', '--user',
                                       'u03'))
        # it is found and gone on with
        rc, out, err = self.mc('resume', 'plan.yaml')
        self.assertEqual(rc, 0, out + err)
        self.assertIn('0 of 12 accounts are to be run', err)
        self.assertEqual(len(self.runs()), 1)
        self.assertEqual(self.journal()[:len(lines)], lines)

    def test_status_while_it_rotates(self):
        self.accounts(*('u%03d' % n for n in range(60)), jobs=2)
        p = self.start('run', 'plan.yaml',
                       env={'MAILCONVOY_JOURNAL_BYTES': '2000'})
        self.status_when(lambda s: s['done'] > 0)
        while p.poll() is None:
            rc, _, err = self.mc('status', 'plan.yaml')
            self.assertEqual(rc, 0, err)
        self.assertEqual(p.returncode, 0)

    def test_a_damaged_part_is_refused_and_kept(self):
        """F169"""
        self.accounts(*IDS)
        self.good('run', 'plan.yaml', env={'MAILCONVOY_JOURNAL_BYTES': '1000'})
        path = self.run_path('journal.jsonl.gz-parts')
        with open(path, 'rb') as f:
            good = f.read()
        for damaged in (good[:60] + b'\0' * 8 + good[68:], good[:-1],
                        good[:-200],
                        good[:-8] + bytes([good[-8] ^ 1]) + good[-7:],
                        good + b'\0' * 50):
            with open(path, 'wb') as f:
                f.write(damaged)
            rc, _, err = self.mc('status', os.path.dirname(path))
            self.assertEqual(rc, 74, err)
            rc, _, err = self.mc('resume', 'plan.yaml')
            self.assertEqual(rc, 74, err)
            with open(path, 'rb') as f:
                self.assertEqual(f.read(), damaged)
        self.good('run', 'plan.yaml', '--new-run')  # another run is free

    def test_no_room_for_parts(self):
        self.accounts(*IDS, jobs=1)
        p = self.start('run', 'plan.yaml',
                       env={'MAILCONVOY_JOURNAL_BYTES': '2000'})
        convoy.wait_until(self.runs, 'the run', 20)
        try:  # a folder in their place
            os.mkdir(self.run_path('journal.jsonl.gz-parts'))
        except FileExistsError:
            pass
        _, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 0, err)


if __name__ == '__main__':
    unittest.main()
