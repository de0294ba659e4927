#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Passwords, given in every way a plan knows, stand nowhere but in the pipe to
the engine."""
import base64
import glob
import gzip
import os
import resource
import signal
import threading
import time
import unittest
import urllib.parse

import batch
import convoy


def canary(way):
    return 'cAn@ry/%s+7f3a&Q9' % way


def forms(text):
    """As it could be written down."""
    raw = text.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(),
             urllib.parse.quote(text, safe='').encode(),
             urllib.parse.quote_plus(text, safe='').lower().encode()}
    for shift in (0, 1, 2):
        found.add(base64.b64encode(b'\0' * shift + raw)[4:-4])
        found.add(base64.urlsafe_b64encode(b'\0' * shift + raw)[4:-4])
    return found


def children(pid):
    """All processes below this one."""
    parents = {}
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open('/proc/%s/stat' % name, 'rb') as f:
                parents[int(name)] = int(
                    f.read().rsplit(b')', 1)[1].split()[1])
        except OSError:
            continue
    found, old = {pid}, set()
    while found != old:
        old = set(found)
        found |= {p for p, parent in parents.items() if parent in found}
    return found - {pid}


class Watch(threading.Thread):
    """Looks at what the system shows of a process and those below it."""

    def __init__(self, pid, traces):
        super().__init__(daemon=True)
        self.pid, self.traces = pid, traces
        self.leaks, self.looks = set(), 0
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.01):
            self.look(self.pid, ('cmdline',))  # its environment is given
            for pid in children(self.pid):
                # between fork and exec it is the supervisor still
                if not self.is_supervisor(pid):
                    self.look(pid, ('cmdline', 'environ', 'comm'))

    @staticmethod
    def is_supervisor(pid):
        try:
            with open('/proc/%d/cmdline' % pid, 'rb') as f:
                return f.read().split(b'\0')[0] == \
                    convoy.SUPERVISOR.encode()
        except OSError:
            return True

    def look(self, pid, names):
        for name in names:
            try:
                with open('/proc/%d/%s' % (pid, name), 'rb') as f:
                    data = f.read()
            except OSError:
                continue
            self.looks += 1
            if any(t in data for t in self.traces):
                self.leaks.add((name, data))

    def finish(self):
        self.over.set()
        self.join()


WAYS = {
    'text': '"%s"',
    'file': '{file: pw-file}',
    'env': '{env: PW_ENV}',
    'command': '{command: [./pw-command, "{user}"]}',
    'credential': '{credential: pw-credential}',
}


class Secrets(batch.Case):
    def setUp(self):
        super().setUp()
        self.traces = set()
        for way in WAYS:
            self.traces |= forms(canary(way))
        self.traces |= forms(convoy.CANARY)
        self.write('pw-file', canary('file') + '\n')
        self.write('pw-command', "#!/bin/sh\ncat pw-command-text\n")
        os.chmod(self.path('pw-command'), 0o700)
        self.write('pw-command-text', canary('command') + '\n')
        os.mkdir(self.path('credentials'), 0o700)
        self.write('credentials/pw-credential', canary('credential') + '\n')
        self.env['PW_ENV'] = canary('env')
        self.env['CREDENTIALS_DIRECTORY'] = self.path('credentials')
        self.ways = [w for w in WAYS if self.is_known(w)]
        self.assertLessEqual({'text', 'file', 'env'}, set(self.ways))

    def plan(self, ways, behaviours=('slow',)):
        lines = ''
        for way in ways:
            secret = WAYS[way] % canary(way) if way == 'text' else WAYS[way]
            for b in behaviours:
                lines += ('  - {id: %s.%s, user: %s.%s, source: {password: %s}, '
                          'target: {password: %s}}\n' % (b, way, b, way, secret,
                                                         secret))
        self.write('plan.yaml', batch.PLAN % 8 + lines)

    def is_known(self, way):
        self.plan([way])
        rc, _, err = self.mc('check', 'plan.yaml')
        if rc != 0:
            print('left out, this plan knows no', way)
            self.assert_clean('check', err.encode())
        return rc == 0

    def assert_clean(self, what, data):
        for trace in self.traces:
            self.assertNotIn(trace, data, what)

    def assert_no_file_has_it(self):
        seen = 0
        for root, dirs, names in os.walk(self.path('state')):
            for name in names:
                path = os.path.join(root, name)
                if not os.path.isfile(path):
                    continue
                with open(path, 'rb') as f:
                    data = f.read()
                if data[:2] == b'\x1f\x8b':
                    data += gzip.decompress(data)
                self.assert_clean(path, data)
                seen += 1
        self.assertGreater(seen, 5)

    def test_nowhere(self):
        """F209, F210"""
        self.plan(self.ways, ('slow', 'code77', 'refused', 'signal11', 'wait'))
        p = self.start('run', 'plan.yaml', '-v', '--progress', 'json', env={
            'MAILCONVOY_JOURNAL_BYTES': '4000'})
        watch = Watch(p.pid, self.traces)
        self.status_when(lambda s: s['accounts'].get('running') ==
                         len(self.ways) == len(s['running']))
        said = ''
        for command in ('pause', 'resume', 'jobs=3', 'skip=wait.text',
                        'retry=code77.text', 'skip=' + canary('text'), 'fly'):
            said += ''.join(self.mc('ctl', 'plan.yaml', command)[1:])
        for form in ('table', 'wide', 'json', 'csv'):
            said += self.good('status', '-o', form)
        p.send_signal(signal.SIGUSR1)
        time.sleep(0.3)
        out, err = self.stop(p)
        watch.finish()
        self.assertGreater(watch.looks, 20)
        self.assertEqual(watch.leaks, set())
        said = said.replace(canary('text'), '')  # what was typed just now
        self.assert_clean('what was said', (said + out + err).encode())
        self.assert_no_file_has_it()
        for verb in (('report', 'plan.yaml'), ('status',), (
                'report', 'plan.yaml', '--user', 'code77.text')):
            self.assert_clean(verb, self.good(*verb).encode())
        self.assert_no_file_has_it()

    def test_what_was_killed_leaves_nothing(self):
        """F211: No core either."""
        self.plan(self.ways, ('wait',))

        def allow():
            limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
        p = self.start('run', 'plan.yaml', preexec_fn=allow)
        self.wait_running(len(self.ways))
        os.kill(p.pid, convoy.crash_signal())
        _, status = os.waitpid(p.pid, 0)
        p.returncode = -convoy.crash_signal()
        self.assertTrue(os.WIFSIGNALED(status) or os.WEXITSTATUS(status))
        self.assertFalse(os.WCOREDUMP(status))
        self.assertEqual(glob.glob(self.path('*core*')), [])
        self.assert_no_file_has_it()

    def test_status_of_a_plan_with_a_fault_does_not_echo_it(self):
        """F210"""
        self.plan(['text'])
        with open(self.path('plan.yaml'), 'a', encoding='utf-8') as f:
            f.write('  - {id: x, user: x, source: {pasword: "%s"}}\n'
                    '  - {id: y, user: y, source: {password: {fil: "%s"}}}\n'
                    % (canary('text'), canary('text')))
        for verb in (('check', 'plan.yaml'), ('run', 'plan.yaml'),
                     ('status', 'plan.yaml'), ('ctl', 'plan.yaml', 'pause')):
            rc, out, err = self.mc(*verb)
            self.assertEqual(rc, 78, err)
            self.assert_clean(verb, (out + err).encode())


if __name__ == '__main__':
    unittest.main()
