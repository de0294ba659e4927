# SPDX-License-Identifier: MIT
"""A batch of engines that misbehave on demand (badchild.py), for tests of what
the supervisor says of itself."""
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import convoy

CHILD = os.path.join(convoy.ROOT, 'tests', 'support', 'badchild.py')

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
        self.folder = tempfile.mkdtemp(prefix='mcv-batch-', dir='/tmp')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.tmp = self.path('tmp')
        os.mkdir(self.tmp)
        self.write('secret', convoy.CANARY + '\n')
        self.env = {'PATH': os.environ['PATH'], 'HOME': self.folder,
                    'LANG': 'C.UTF-8', 'TERM': 'xterm',
                    'TMPDIR': self.tmp, 'MAILCONVOY_ENGINE': CHILD,
                    **convoy.findings()}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        path = self.path(name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, 0o600)
        return path

    def accounts(self, *ids, jobs=4, name='plan.yaml'):
        lines = ''.join('  - {id: %s, user: %s}\n' % (i, i) for i in ids)
        return self.write(name, PLAN % jobs + lines)

    def start(self, *args, **kwargs):
        env = {**self.env, **kwargs.pop('env', {})}
        for key in ('stdout', 'stderr'):
            kwargs.setdefault(key, subprocess.PIPE)
        p = subprocess.Popen(
            [convoy.SUPERVISOR, *args], stdin=subprocess.DEVNULL, text=True,
            cwd=self.folder, env=env, **kwargs)
        self.addCleanup(convoy.end, p)
        return p

    def mc(self, *args, timeout=60, **kwargs):
        """(exit code, standard output, standard error)"""
        p = self.start(*args, **kwargs)
        out, err = p.communicate(timeout=timeout)
        self.assertNotIn('AddressSanitizer', err)
        self.assertNotIn('runtime error', err)
        return p.returncode, out, err

    def good(self, *args, code=0, **kwargs):
        rc, out, err = self.mc(*args, **kwargs)
        self.assertEqual(rc, code, out + err)
        return out

    def runs(self):
        return sorted(glob.glob(self.path('state/demo/runs/*')))

    def run_path(self, name):
        return os.path.join(self.runs()[-1], name)

    def journal(self):
        try:
            with open(self.run_path('journal.jsonl'), encoding='utf-8') as f:
                return [json.loads(line) for line in f
                        if line.endswith('\n')]
        except (IndexError, FileNotFoundError):
            return []

    def lines(self, ev, **values):
        """Lines of the journal with this event and these values."""
        return [r for r in self.journal() if r['ev'] == ev and
                all(r.get(k) == v for k, v in values.items())]

    def status_json(self):
        with open(self.run_path('status.json'), encoding='utf-8') as f:
            return json.load(f)

    def status_when(self, true):
        """status.json as soon as it is so."""
        last = []

        def look():
            try:
                last.append(self.status_json())
            except (IndexError, FileNotFoundError):
                return None
            return last[-1] if true(last[-1]) else None
        try:
            return convoy.wait_until(look, 'status.json to say so', 20)
        except AssertionError:
            self.fail('status.json never said so: %s' % last[-1:])

    def wait_running(self, count):
        return self.status_when(lambda s: len(s['running']) == count)

    def stop(self, p, code=4):
        """Stops what is left of a batch."""
        for _ in range(3):
            if p.poll() is None:
                p.send_signal(signal.SIGINT)
                time.sleep(0.1)
        out, err = p.communicate(timeout=20)
        if code is not None:
            self.assertEqual(p.returncode, code, out + err)
        return out, err


# a runner in the background may ignore it, and children would too
signal.signal(signal.SIGINT, signal.default_int_handler)
