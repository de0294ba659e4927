#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Passwords that commands print: they run beside the loop, end when they are to
end, and are given no more than they need."""
import json
import os
import signal
import time
import unittest

import batch
import convoy

SECRET = 'pr1nted-%s-8Wd2'
FACTS = '''import json, os, sys
status = dict(line.rstrip("\\n").split(":\\t", 1)
              for line in open("/proc/self/status") if ":\\t" in line)
fds = sorted(int(n) for n in os.listdir("/proc/self/fd"))
json.dump({"environ": dict(os.environ), "ignored": status["SigIgn"],
           "blocked": status["SigBlk"], "group": os.getpgrp(), "pid": os.getpid(),
           "fds": [n for n in fds if os.path.exists("/proc/self/fd/%d" % n)],
           "stdin": os.readlink("/proc/self/fd/0")}, open("facts.json", "w"))
print("secret")
'''


def is_alive(pid):
    try:
        with open('/proc/%d/stat' % pid, 'rb') as f:
            return f.read().rsplit(b')', 1)[1].split()[0] != b'Z'
    except OSError:
        return False


def zombies(pid):
    """Dead children of a process that nobody has reaped."""
    found = []
    for name in os.listdir('/proc'):
        try:
            with open('/proc/%s/stat' % name, 'rb') as f:
                state, parent = f.read().rsplit(b')', 1)[1].split()[:2]
        except OSError:
            continue
        if name.isdigit() and int(parent) == pid and state == b'Z':
            found.append(int(name))
    return found


class Commands(batch.Case):
    def script(self, name, text):
        os.chmod(self.write(name, '#!/bin/sh\n' + text), 0o700)

    def plan(self, ids, source, target='{file: secret}', jobs=8, more=''):
        self.write('plan.yaml', batch.PLAN % jobs + ''.join(
            '  - {id: %s, user: %s, source: {password: %s}, '
            'target: {password: %s}}\n' % (i, i, source, target)
            for i in ids) + more)

    def pids(self, name='pids'):
        try:
            with open(self.path(name), encoding='ascii') as f:
                return [int(p) for p in f.read().split()]
        except FileNotFoundError:
            return []

    def wait_pids(self, count):
        return convoy.wait_until(
            lambda: len(self.pids()) >= count and self.pids(),
            'the commands to run', 20)

    def wait_gone(self, pids):
        convoy.wait_until(lambda: not any(map(is_alive, pids)),
                          'the commands to be gone', 20)

    def assert_not_written(self, text):
        for root, _, names in os.walk(self.path('state')):
            for name in names:
                path = os.path.join(root, name)
                if os.path.isfile(path):
                    with open(path, 'rb') as f:
                        self.assertNotIn(text.encode(), f.read(), path)

    def test_run_at_the_same_time(self):
        """Sixteen commands of two seconds each, one for each side."""
        self.script('slow', 'sleep 2; echo pw-of-$1\n')
        ids = ['look.%d' % i for i in range(8)]
        self.plan(ids, '{command: [./slow, "s-{user}"]}',
                  '{command: [./slow, "t-{user}"]}')
        begin = time.monotonic()
        p = self.start('run', 'plan.yaml')
        shown = self.status_when(
            lambda s: [r['state'] for r in s['running']].count('secrets') == 8)
        self.assertEqual({r['attempt'] for r in shown['running']}, {1})
        out, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 0, out + err)
        self.assertLess(time.monotonic() - begin, 8)
        for i in ids:
            with open(os.path.join(self.tmp, i + '.seen'),
                      encoding='utf-8') as f:
                job = json.load(f)['job']
            self.assertEqual(job['source']['password'], 'pw-of-s-' + i)
            self.assertEqual(job['target']['password'], 'pw-of-t-' + i)
        self.assert_not_written('pw-of-')

    def test_is_run_for_each_account(self):
        """A token is good once: nothing printed is used twice."""
        self.script('count', 'echo x >> counted; wc -l < counted\n')
        self.plan(['look.a', 'look.b', 'look.c'], '{command: [./count]}',
                  jobs=1)
        self.good('run', 'plan.yaml')
        found = []
        for i in 'abc':
            with open(os.path.join(self.tmp, 'look.%s.seen' % i),
                      encoding='utf-8') as f:
                found.append(json.load(f)['job']['source']['password'])
        self.assertEqual(found, ['1', '2', '3'])

    def test_the_loop_goes_on_meanwhile(self):
        """Another account, status and ctl do not wait for a command."""
        self.script('hang', 'echo $$ >> pids; exec sleep 60\n')
        self.plan(['ok.hang'], '{command: [./hang]}',
                  more='  - {id: ok.other, user: x}\n')
        p = self.start('run', 'plan.yaml')
        pids = self.wait_pids(1)
        convoy.wait_until(lambda: self.lines('account.end', id='ok.other'),
                          'the other account', 20)
        self.assertIn('ok', self.good('ctl', 'plan.yaml', 'skip=ok.hang'))
        out, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4, out + err)
        self.assertFalse(any(map(is_alive, pids)))
        self.assertEqual(self.lines('account.start', id='ok.hang'), [])

    def test_interrupt_ends_what_hangs(self):
        """F175: ^C; nothing has begun, nothing is left, resume goes on."""
        self.script('hang', "trap '' TERM INT HUP\n"
                    'echo $$ >> pids\nsleep 60 & echo $! >> pids\nwait\n')
        self.plan(['ok.a', 'ok.b'], '{command: [./hang]}')
        p = self.start('run', 'plan.yaml')
        pids = self.wait_pids(4)
        begin = time.monotonic()
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 4, out + err)
        self.assertLess(time.monotonic() - begin, 8)
        self.wait_gone(pids)
        self.assertEqual(self.lines('account.start'), [])
        self.script('hang', 'echo secret\n')
        self.good('resume', 'plan.yaml')

    def test_a_late_one_is_killed_with_what_it_started(self):
        self.script('hang', 'echo ' + SECRET % 'late' + '\n'
                    "trap '' TERM INT HUP\n"
                    'echo $$ >> pids\nsleep 60 & echo $! >> pids\n'
                    'echo no answer >&2\nwait\n')
        self.script('quick', 'echo fine\n')
        self.plan(['ok.a'], '{command: [./hang], timeout: 1s}',
                  '{command: [./quick]}')
        p = self.start('run', 'plan.yaml')
        pids = self.wait_pids(2)
        out, err = p.communicate(timeout=30)
        self.assertEqual(p.returncode, 1, out + err)
        self.wait_gone(pids)
        ended = self.lines('account.end')
        self.assertEqual(len(ended), 1)
        self.assertEqual(ended[0]['outcome'], 'config')
        self.assertRegex(ended[0]['text'], r"source password: .*plan.yaml:\d+:\d+"
                         r": the command '.*hang' took longer than 1000 ms: "
                         r'no answer')
        self.assertGreaterEqual(ended[0]['ms'], 1000)
        self.assert_not_written(SECRET % 'late')
        self.assertNotIn(SECRET % 'late', out + err)

    def test_one_that_floods_is_cut(self):
        self.script('flood', 'echo $$ >> pids; exec yes "%s"\n' %
                    (SECRET % 'flood'))
        self.plan(['ok.a'], '{file: secret}', '{command: [./flood]}')
        out = self.good('run', 'plan.yaml', code=1)
        self.assertIn('printed more than 65536 bytes', out)
        self.wait_gone(self.pids())
        self.assert_not_written(SECRET % 'flood')
        self.assertNotIn(SECRET % 'flood', out)

    def test_failures_are_told_as_they_are(self):
        self.script('bad', 'echo no such user >&2; exit 3\n')
        self.script('empty', 'true\n')
        self.script('two', 'echo a; echo b\n')
        self.write('none', '#!/not/there\n')
        os.chmod(self.path('none'), 0o700)
        self.script('hang', 'echo $$ >> pids; exec sleep 60\n')
        lines = ''
        for name, source in (('bad', './bad'), ('empty', './empty'),
                             ('two', './two'), ('none', './none')):
            lines += ('  - {id: ok.%s, user: x, source: {password: {command: '
                      '[%s]}}, target: {prefix: %s/, password: {command: '
                      '[./hang], timeout: 4s}}}\n' % (name, source, name))
        self.write('plan.yaml', batch.PLAN % 8 + lines)
        begin = time.monotonic()
        p = self.start('run', 'plan.yaml')
        convoy.wait_until(lambda: len(self.lines('account.end')) >= 2,
                          'what failed at once', 20)
        convoy.wait_until(lambda: not zombies(p.pid), 'it to reap them', 20)
        out, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 1, out + err)
        text = {r['id']: r['text'] for r in self.lines('account.end')}
        self.assertIn('exited with 3: no such user', text['ok.bad'])
        self.assertIn('printed nothing', text['ok.empty'])
        self.assertIn('NUL or a line end', text['ok.two'])
        self.assertIn('cannot run the command', text['ok.none'])
        self.assertLess(time.monotonic() - begin, 20)
        self.wait_gone(self.pids())

    def test_what_it_is_given(self):
        """No descriptor, no signal disposition, no other secret of the plan."""
        self.write('facts', '#!/usr/bin/env python3\n' + FACTS)
        os.chmod(self.path('facts'), 0o700)
        self.plan(['ok.a'], '{command: [./facts]}', '{env: OTHER_SECRET}')
        extra = os.open('/dev/null', os.O_RDONLY)
        self.addCleanup(os.close, extra)
        os.set_inheritable(extra, True)
        self.good('run', 'plan.yaml', pass_fds=(extra,),
                  env={'OTHER_SECRET': SECRET % 'other', 'GNUPGHOME': '/gnupg'})
        with open(self.path('facts.json'), encoding='utf-8') as f:
            facts = json.load(f)
        self.assertEqual(facts['fds'], [0, 1, 2])
        self.assertEqual(facts['stdin'], '/dev/null')
        self.assertEqual(facts['blocked'], '0' * 16)
        # the interpreter itself ignores SIGPIPE and SIGXFSZ
        ignored = {n for n in range(1, 32)
                   if int(facts['ignored'], 16) >> n - 1 & 1}
        self.assertLessEqual(ignored, {signal.SIGPIPE, signal.SIGXFSZ})
        self.assertEqual(facts['group'], facts['pid'])
        self.assertNotIn('OTHER_SECRET', facts['environ'])
        self.assertEqual(facts['environ']['GNUPGHOME'], '/gnupg')
        for name in ('HOME', 'PATH'):
            self.assertEqual(facts['environ'][name], self.env[name])

    def test_the_first_interrupt_ends_commands_and_no_engine(self):
        """F175: what runs finishes; the account that waited has not begun."""
        self.script('hang', "trap '' TERM INT; echo $$ >> pids; sleep 60\n")
        self.plan(['ok.a'], '{command: [./hang]}',
                  more='  - {id: wait.b, user: b}\n')
        p = self.start('run', 'plan.yaml')
        pids = self.wait_pids(1)
        convoy.wait_until(lambda: self.lines('account.start'),
                          'the other account', 20)
        p.send_signal(signal.SIGINT)
        self.wait_gone(pids)
        self.assertIsNone(p.poll())
        convoy.wait_until(lambda: not zombies(p.pid), 'it to reap them', 20)
        self.stop(p)


if __name__ == '__main__':
    unittest.main()
