#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Both programs killed at some of their steps, in every scenario; all of them:
make torture.  Needs a debug build, this one or build/debug."""
import os
import shutil
import subprocess
import tempfile
import unittest

import convoy
import interrupts
import interrupts_batch
import lossy

TIMES = 20


def setUpModule():
    convoy.need_dovecot()
    if not interrupts.programs():
        raise unittest.SkipTest(
            'no debug build (make PROFILE=debug): steps are in no other')


class Case(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='mcv-kill-', dir='/tmp')
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.servers = interrupts.Servers(compress=True)
        cls.addClassCleanup(cls.servers.remove)
        cls.servers.prepare('batch-from', interrupts.fill)

    def matrix(self, name, **kwargs):
        kind = interrupts
        if name.startswith('batch-'):
            name, kind = name[len('batch-'):], interrupts_batch
        return kind.Matrix(servers=self.servers, folder=self.folder,
                           name=name, **kwargs)

    def kill(self, name, every, first=1, **kwargs):
        """At every so many steps; nothing may be lost, doubled or left."""
        matrix = self.matrix(name, **kwargs)
        bad, seconds = interrupts.run_scenario(matrix, every, first)
        self.assertTrue(matrix.steps)
        lines = []
        interrupts.report(matrix, bad, seconds, lines.append)
        self.assertEqual({}, bad, '\n'.join(lines))


class Engine(Case):
    """P3: after a kill one clean run ends with what is expected, and the one
    after it is silent (F096, F097, F100)."""

    def test_a_new_account(self):
        self.kill('cold-state', 19)

    def test_compressed_inside_tls(self):
        self.kill('coded', 29, 12)

    def test_what_has_come_since(self):
        self.kill('warm', 29, 20)
        self.kill('warm-state', 19, 4)

    def test_only_what_is_new(self):
        """The oldest come first, or a kill would hide what is older."""
        self.kill('new', 7, 3)
        self.kill('new-cold', 11, 5)

    def test_a_mirror(self):
        self.kill('mirror', 23, 15)
        self.kill('mirror-state', 19, 6)

    def test_several_connections(self):
        self.kill('lanes', 90, 70)

    def test_f219_again_and_again(self):
        matrix = self.matrix('cold-state', again=True)
        matrix.count()
        self.assertEqual([], matrix.interrupt_often(TIMES))


class Supervisor(Case):
    """F178, F215, P11: what is left is readable, to go on completes it, no
    account has two engines at once, no report is half."""

    def test_f178_a_run(self):
        self.kill('batch-run', 13)

    def test_f178_while_the_journal_is_compressed(self):
        self.kill('batch-rotation', 17, 5)

    def test_f178_going_on(self):
        self.kill('batch-resume', 17, 3)

    def test_f215_reports(self):
        self.kill('batch-report', 3)
        self.kill('batch-ack', 4)

    def test_f215_status(self):
        self.kill('batch-run', 1, prefix='replace')

    def test_f178_with_engines_that_copy(self):
        self.kill('batch-real', 40, 25)
        self.kill('batch-verify', 50, 30)

    def test_f219_again_and_again(self):
        matrix = self.matrix('batch-real', again=True)
        matrix.count()
        self.assertEqual([], matrix.interrupt_often(TIMES))


class PowerLoss(Case):
    """A kill that also takes what was not synced costs only time; a result
    that was told stays (F178, F219)."""

    def test_of_a_supervisor(self):
        for name, way in (('batch-run', 'all'), ('batch-run', 'bytes'),
                          ('batch-rotation', 'mixed'),
                          ('batch-rotation', 'all'), ('batch-ack', 'bytes')):
            with self.subTest(name=name, way=way):
                self.kill(name, 31, 13, way=way)

    def test_of_an_engine(self):
        for name, way in (('warm-state', 'all'), ('warm-state', 'mixed'),
                          ('mirror-state', 'bytes')):
            with self.subTest(name=name, way=way):
                self.kill(name, 37, 21, way=way)

    def test_the_disk_forgets(self):
        """The tool: of two files one is synced, of two names one."""
        for way, left in (('all', {'kept': b'new'}),
                          ('bytes', {'kept': b'new', 'late': b'',
                                     'lost': b''})):
            folder = tempfile.mkdtemp(dir=self.folder)
            disk = lossy.Disk(lossy.build(self.folder), folder,
                              folder + '.shadow')
            for name, sync in (('kept', True), ('lost', False)):
                path = os.path.join(folder, name)
                self.write(disk, path, sync)
                self.write(disk, folder, sync)
            self.write(disk, os.path.join(folder, 'late'), False)
            disk.lose(way)
            found = {}
            for name in os.listdir(folder):
                with open(os.path.join(folder, name), 'rb') as f:
                    found[name] = f.read()
            self.assertEqual(left, found, way)

    @staticmethod
    def write(disk, path, sync):
        """By a program on that disk."""
        what = '' if os.path.isdir(path) else 'printf new >"$1";'
        subprocess.run(
            ['sh', '-c', what + (' sync "$1"' if sync else ' true'), 'sh',
             path], check=True, env={**os.environ, **disk.env})


if __name__ == '__main__':
    unittest.main()
