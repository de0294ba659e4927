#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every paper of one run, byte for byte: tests/golden/run is the run (hostile
names, all grades, retries, a breaker, the change to summer time, a supervisor
that was killed), tests/golden/expected what is made of it.

    tests/integration/test_golden.py --write [BUILDDIR]     writes that anew

and tests/golden/live, what a supervisor writes while it works, which a unit test
(status_file) compares.
"""
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(os.path.dirname(HERE), 'golden')
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'support'))
if __name__ == '__main__' and len(sys.argv) > 2:
    os.environ['MAILCONVOY_BUILD'] = os.path.abspath(sys.argv[2])

import convoy  # noqa: E402

FORMATS = ('table', 'wide', 'json', 'jsonl', 'csv', 'name')
USERS = ('anna', '=cmd', '<script>alert(1)</script>')


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def mailconvoy(folder, *arguments):
    """Its zone is another one than the plan's, so that none leaks in."""
    return subprocess.run(
        [convoy.SUPERVISOR, *arguments], cwd=folder, check=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120,
        env={'PATH': os.environ['PATH'], 'TZ': 'Asia/Kathmandu',
             'LANG': 'C.UTF-8', 'HOME': folder, **convoy.findings()}).stdout


def papers():
    """{name: bytes}"""
    made = {}
    with tempfile.TemporaryDirectory(prefix='mcv-golden-') as folder:
        run = os.path.join(folder, 'run')
        os.makedirs(os.path.join(run, 'report'))
        shutil.copy(GOLDEN + '/run/journal.jsonl', run)
        with gzip.open(run + '/plan.json.gz', 'wb') as f:
            f.write(read(GOLDEN + '/run/plan.jsonl'))
        made['report.out'] = mailconvoy(folder, 'report', 'run')
        for name in FORMATS:
            made['status.' + name] = mailconvoy(folder, 'status', 'run', '-o',
                                                name)
        for i, user in enumerate(USERS):
            made['user-%d.out' % i] = mailconvoy(folder, 'report', 'run',
                                                 '--user', user)
        for where, _, files in os.walk(run + '/report'):
            for name in files:
                path = os.path.join(where, name)
                made[os.path.relpath(path, run + '/report')] = read(path)
    made['report.jsonl'] = gzip.decompress(made.pop('report.jsonl.gz'))
    return made


def expected():
    top = GOLDEN + '/expected'
    return {os.path.relpath(os.path.join(where, name), top):
            read(os.path.join(where, name))
            for where, _, files in os.walk(top) for name in files}


def write():
    top = GOLDEN + '/expected'
    shutil.rmtree(top, ignore_errors=True)
    for name, content in papers().items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(content)
    os.makedirs(GOLDEN + '/live', exist_ok=True)
    subprocess.run(
        [convoy.BUILD + '/bin/unit-orchestrator', '--filter',
         'status_file/golden_files'], check=True, cwd=convoy.ROOT,
        env=dict(os.environ, MAILCONVOY_GOLDEN_WRITE='1'))


class Golden(unittest.TestCase):
    maxDiff = 4000

    def test_every_paper_is_as_it_was(self):
        """F207, F208, F219: see git diff after --write, and look at it."""
        made, known = papers(), expected()
        self.assertEqual(sorted(made), sorted(known))
        for name in sorted(made):
            with self.subTest(paper=name):
                self.assertEqual(made[name].decode().splitlines(),
                                 known[name].decode().splitlines())
                self.assertEqual(made[name], known[name])

    def test_nothing_of_this_machine_is_in_them(self):
        for name, content in papers().items():
            for word in (b'/tmp', os.path.expanduser('~').encode() + b'/',
                         b'+0545'):
                self.assertNotIn(word, content, name)


if __name__ == '__main__':
    if sys.argv[1:2] == ['--write']:
        write()
    else:
        unittest.main()
