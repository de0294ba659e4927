#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls of the system that fail: every n-th one of every family, once and from
then on.  All of them with MAILCONVOY_CALLS=1, every third with 3 (make
torture-calls), else the same few each time."""
import collections
import contextlib
import errno
import glob
import gzip
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import unittest
from concurrent import futures

import batch
import calls
import convoy
import seed
from calls import Fail
from convoy import BUILD, CANARY, ENGINE, PLAIN, SUPERVISOR
from scripted_server import MiniServer

STEP = int(os.environ.get('MAILCONVOY_CALLS', 0))
DEADLINE = 60
WORKERS = 16 if STEP else 8  # most wait
SAMPLE = 4  # of each family
CAPABILITY = ('LITERAL+', 'UIDPLUS', 'NAMESPACE', 'ESEARCH', 'MULTIAPPEND')
ENGINE_CODES = (0, 1, 2, 70, 74, 75, 76)
SUPERVISOR_CODES = (0, 1, 2, 3, 4, 70, 73, 74, 75)
QUICK = os.path.join(convoy.ROOT, 'tests', 'support', 'quick_engine.c')
IDS = ('rest1.a', 'rest2.b', 'rest3.c')


def setUpModule():
    why_not = calls.why_not(BUILD)
    if why_not:
        raise unittest.SkipTest(why_not)


def sample(counts):
    """Of each family some, spread; every second one from then on."""
    for family in calls.FAMILIES:
        count = counts[family]
        chosen = sorted({1 + (count - 1) * i // (SAMPLE - 1)
                         for i in range(SAMPLE)}) if count else ()
        for i, n in enumerate(chosen):
            name = calls.ERRNOS[family][0]
            yield Fail(family, n, 1 if name == 'EINTR' else i % 2, name)


def group_is_gone(pid):
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return True
    return False


Ran = collections.namedtuple('Ran', 'code out err log records report pid')


class Disk:
    """A small file system in a mount namespace, held by a process."""

    def __init__(self, kilobytes):
        self.path = tempfile.mkdtemp(prefix='mcv-disk-', dir='/tmp')
        self.holder = subprocess.Popen(
            ['unshare', '-m', '--propagation', 'private', 'sh', '-c',
             'mount -t tmpfs -o size=%dk,mode=700 none %s && echo ok && '
             'exec cat' % (kilobytes, self.path)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.is_there = self.holder.stdout.readline() == b'ok\n'
        self.command = ('nsenter', '-t', str(self.holder.pid), '-m')

    def inside(self, name):
        return '/proc/%d/root%s/%s' % (self.holder.pid, self.path, name)

    def fill(self, kilobytes):
        """Leaves so many."""
        with open(self.inside('filler'), 'wb', buffering=0) as f:
            with contextlib.suppress(OSError):
                while f.write(bytes(4096)) == 4096:
                    pass
            f.truncate(max(0, os.fstat(f.fileno()).st_size -
                           kilobytes * 1024))

    def free(self):
        os.unlink(self.inside('filler'))

    def close(self):
        self.holder.stdin.close()
        convoy.end(self.holder)
        self.holder.stdout.close()
        os.rmdir(self.path)


@contextlib.contextmanager
def small_disk(kilobytes):
    if not shutil.which('unshare') or not shutil.which('nsenter'):
        raise unittest.SkipTest('no unshare and nsenter (util-linux)')
    disk = Disk(kilobytes)
    try:
        if not disk.is_there:
            raise unittest.SkipTest('no small disk can be mounted here '
                                    '(needs root)')
        yield disk
    finally:
        disk.close()


class Trial:
    """One failing run in a folder of its own, and the two after it."""

    def __init__(self, library, folder, fail=None):
        self.library, self.folder, self.fail = library, folder, fail
        self.problems = []
        self.codes = []
        self.before = ()  # words before the command
        self.limits = {}  # {resource: limit} for the first run
        self.uid = None
        self.spool = None
        os.makedirs(self.path('tmp'))

    def path(self, name):
        return os.path.join(self.folder, name)

    def limit(self):
        for what, value in self.limits.items():
            resource.setrlimit(what, (value, value))
        if self.uid is not None:
            os.setgid(self.uid)
            os.setuid(self.uid)

    def wrong(self, what, ran=None):
        text = '%s: %s' % (self.fail, what)
        if ran:
            text += '\n    code %s, at %#x\n    %s' % (
                ran.code, ran.report.where if ran.report else 0,
                (ran.err + ran.log)[-900:].replace('\n', '\n    '))
        self.problems.append(text)

    def popen(self, command, fail, stutter=False, **kwargs):
        """(code, standard output, standard error, report, process id)"""
        env, report = self.library.environment(fail, stutter)
        command = [*self.before, *command]
        if self.limits:
            kwargs['preexec_fn'] = self.limit
        p = subprocess.Popen(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, text=True,
            errors='replace', stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
            env={**self.environment(), **env}, **kwargs)
        try:
            out, err = p.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            out, err = p.communicate()
            self.wrong('no end after %d s: %s' % (DEADLINE, err[-900:]))
        if not group_is_gone(p.pid):
            self.wrong('left a process')
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)
        return p.returncode, out, err, self.library.read(report), p.pid

    def read(self, name):
        if self.before:  # in the namespace of its disk
            name = '/proc/%s/root%s' % (self.before[2], self.path(name))
        try:
            with open(self.path(name), encoding='utf-8',
                      errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def judge_output(self, ran):
        for root, _, names in os.walk(self.folder):
            for name in names:
                if name in ('password', 'ctl.sock'):
                    continue
                with open(os.path.join(root, name), 'rb') as f:
                    if CANARY.encode() in f.read():
                        self.wrong('the password is in ' + name, ran)
        if CANARY in ran.out + ran.err:
            self.wrong('the password was said', ran)
        if os.listdir(self.path('tmp')):
            self.wrong('left in TMPDIR: %s' % os.listdir(self.path('tmp')),
                       ran)


class EngineTrial(Trial):
    def __init__(self, library, folder, source, options, fail=None):
        super().__init__(library, folder, fail)
        self.source = source
        self.target = MiniServer(password=CANARY, capability=CAPABILITY)
        self.state, self.log = self.path('state'), self.path('log')
        self.options = [self.state if o == 'STATE' else o for o in options]
        with open(self.path('password'), 'w', encoding='ascii') as f:
            f.write(CANARY + '\n')
        os.chmod(self.path('password'), 0o600)
        os.makedirs(self.path('run/mailconvoy'), 0o700)
        since = self.path('run/mailconvoy/since')
        with open(since, 'w', encoding='ascii'):
            os.utime(since, (1000000000, 1000000000))

    def environment(self):
        return {'PATH': os.environ['PATH'], 'HOME': self.folder,
                'LANG': 'C.UTF-8', 'TMPDIR': self.spool or self.path('tmp'),
                'XDG_RUNTIME_DIR': self.path('run')}

    def run(self, fail=None, stutter=False):
        with contextlib.suppress(OSError):
            os.unlink(self.log)
        readable, writable = os.pipe()
        password = self.path('password')
        try:
            code, out, err, report, pid = self.popen(
                [ENGINE, *PLAIN, '--logfile', self.log,
                 '--recordFd', str(writable), '--srcPasswordFile', password,
                 '--dstPasswordFile', password, *self.options,
                 '127.0.0.1:%d' % self.source.port, 'anna', '-',
                 '127.0.0.1:%d' % self.target.port, 'anna', '-'],
                fail, stutter, pass_fds=(writable,))
        finally:
            os.close(writable)
            with open(readable, encoding='utf-8') as f:
                records = f.read()
        return Ran(code, out, err, self.read(self.log), records, report, pid)

    def ended(self, ran):
        """The end record, or None."""
        last = None
        for line in ran.records.splitlines(keepends=True):
            if line.endswith('\n'):
                record = json.loads(line)
                last = record if record['ev'] == 'end' else last
        return last

    def is_equal(self):
        return self.target.contents() == self.source.contents()

    def judge(self, ran):
        """What must hold after any call failed."""
        end = self.ended(ran)
        said = ran.err + ran.log + ran.records
        oom = ran.code == 70 and (
            'out of memory' in said or 'no random bytes' in said)
        if ran.code not in ENGINE_CODES:
            self.wrong('ended with %d' % ran.code, ran)
        elif ran.code == 0 and not self.is_equal():
            self.wrong('says ok, but not all is there', ran)
        if end and end['exit'] != ran.code:
            self.wrong('ended with %d and said %d' % (
                ran.code, end['exit']), ran)
        if 'cannot open /dev/null' in said:  # before all else
            oom = True
        if not end and not oom and self.fail.family != 'send':
            self.wrong('no end record', ran)
        if self.fail.family in ('memory', 'library'):
            if ran.code not in (0, 70):
                self.wrong('out of memory, but %d' % ran.code, ran)
            if ran.code == 70 and not oom:
                self.wrong('does not say that memory is out', ran)
        elif ran.code not in (0, 70) and not self.is_named(said):
            self.wrong('does not say %s' % self.fail.errno, ran)
        self.judge_output(ran)
        self.judge_state(ran)

    def is_named(self, said):
        """In the words of the system, or SQLite's for them."""
        return os.strerror(getattr(errno, self.fail.errno)) in said or any(
            w in said for w in (
                'disk is full', 'disk I/O error', 'readonly database',
                'is held by another program',
                'disk image is malformed', 'unable to open database'))

    def judge_state(self, ran):
        path = self.path('state')
        if 'STATE' in ''.join(self.options) or not os.path.exists(path) or \
                not os.path.getsize(path):
            return
        with contextlib.closing(sqlite3.connect(path)) as db:
            said = db.execute('PRAGMA quick_check').fetchall()
        if said != [('ok',)]:
            self.wrong('the state file is damaged: %s' % said, ran)

    def judge_again(self):
        """The next run makes it equal, the third has nothing to do."""
        ran = self.run()
        if ran.code != 0:
            self.wrong('the next run ended with %d' % ran.code, ran)
        elif not self.is_equal():
            self.wrong('not equal after the next run: %s' % {
                n: (len(b), len(self.source.contents().get(n, ())))
                for n, b in self.target.contents().items()}, ran)
        self.judge_output(ran)
        self.target.forget_commands()
        ran = self.run()
        written = [n for n, _ in self.target.commands if n in convoy.WRITING]
        if ran.code != 0 or written:
            self.wrong('the third run ended with %d and sent %s' % (
                ran.code, written), ran)

    def go(self):
        try:
            ran = self.run(self.fail)
            self.codes.append(ran.code)
            if ran.report.failed:
                self.judge(ran)
                self.judge_again()
        finally:
            self.target.stop()
        return self


class SupervisorTrial(Trial):
    def __init__(self, library, folder, engine, fail=None):
        super().__init__(library, folder, fail)
        self.engine = engine
        self.plan, self.state = 'plan.yaml', self.path('state')
        self.write('password', CANARY + '\n')
        self.write('plan.yaml', batch.PLAN.replace('secret}', 'password}') %
                   2 + ''.join('  - {id: %s, user: %s}\n' % (i, i)
                               for i in IDS))

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='ascii') as f:
            f.write(text)
        os.chmod(self.path(name), 0o600)

    def environment(self):
        return {'PATH': os.environ['PATH'], 'HOME': self.folder,
                'LANG': 'C.UTF-8', 'TMPDIR': self.path('tmp'),
                'MAILCONVOY_ENGINE': self.engine}

    def run(self, fail=None, stutter=False):
        code, out, err, report, pid = self.popen(
            [SUPERVISOR, 'run', self.plan, '--new-run', '--progress',
             'plain'], fail, stutter)
        if self.path('') in self.running():
            self.wrong('left an engine')
        return Ran(code, out, err, '', '', report, pid)

    @staticmethod
    def running():
        """What is on all command lines."""
        words = []
        for path in glob.glob('/proc/[0-9]*/cmdline'):
            with contextlib.suppress(OSError), open(path, 'rb') as f:
                words.append(f.read())
        return b'\n'.join(words).decode('utf-8', 'replace')

    def runs(self):
        return sorted(glob.glob(self.state + '/demo/runs/*'))

    def journal(self, folder, ran):
        lines = []
        for name, opener in (('journal.jsonl.gz-parts', gzip.open),
                             ('journal.jsonl', open)):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                with opener(path, 'rb') as f:
                    lines += f.read().splitlines(keepends=True)
        try:
            found = [json.loads(line) for line in lines
                     if line.endswith(b'\n')]
        except ValueError as e:
            self.wrong('journal: %s' % e, ran)
            return []
        if [r['seq'] for r in found] != list(range(1, len(found) + 1)):
            self.wrong('journal: lines are missing', ran)
        return found

    def judge_reports(self, ran):
        for folder in self.runs():
            self.journal(folder, ran)
            for root, _, names in os.walk(folder + '/report'):
                for name in names:
                    self.judge_report(os.path.join(root, name), ran)

    def judge_report(self, path, ran):
        with open(path, 'rb') as f:
            data = f.read()
        if path.endswith('.gz'):
            try:
                gzip.decompress(data)
            except (EOFError, OSError) as e:
                self.wrong('%s: %s' % (path, e), ran)
        elif '.tmp' in path and ran.code != 70 and \
                self.fail.family != 'unlink':
            self.wrong('left ' + path, ran)
        elif path.endswith('.html') and not data.endswith(b'</html>\n'):
            self.wrong('half of ' + path, ran)

    def is_done(self):
        runs = self.runs()
        done = {r['id'] for r in self.journal(runs[-1], None)
                if r['ev'] == 'account.end' and r['outcome'] == 'ok'
                } if runs else ()
        return sorted(done) == sorted(IDS)

    def judge(self, ran):
        said = ran.err + ran.out
        if ran.code == 78 and 'Nothing was started' in said:
            ran = ran._replace(code=74)  # a plan that could not be read
        if ran.code not in SUPERVISOR_CODES:
            self.wrong('ended with %d' % ran.code, ran)
        if ran.code == 0 and not self.is_done():
            self.wrong('says ok, but not all is done', ran)
        if ran.code != 0 and not ran.err and self.fail.family != 'send':
            self.wrong('says nothing', ran)
        if self.fail.family in ('memory', 'library'):
            if ran.code not in (0, 1, 3, 70, 74) or 'memory' not in said and \
                    ran.code not in (0, 1):
                self.wrong('out of memory, but %d' % ran.code, ran)
            for folder in self.runs():
                if any(r.get('exit') == 78 for r in self.journal(folder, ran)):
                    self.wrong('out of memory, but the plan is blamed', ran)
        elif ran.code not in (0, 70) and self.fail.family not in (
                'receive', 'send') and os.strerror(
                    getattr(errno, self.fail.errno)) not in said:
            self.wrong('does not say %s' % self.fail.errno, ran)
        self.judge_output(ran)
        self.judge_reports(ran)

    def go(self):
        ran = self.run(self.fail)
        self.codes.append(ran.code)
        if not ran.report.failed:
            return self
        self.judge(ran)
        for _ in range(2):
            again = self.run()
            if again.code != 0 or not self.is_done():
                self.wrong('then ended with %d' % again.code, again)
            self.judge_output(again)
            self.judge_reports(again)
        return self


def torture(trial, fails):
    """Runs trial(fail) for each, some at a time; (trials, problems)."""
    done, problems, codes = 0, [], collections.Counter()
    with futures.ThreadPoolExecutor(max_workers=WORKERS) as pool:
        for t in pool.map(trial, fails):
            done += 1
            problems += t.problems
            for code in t.codes:
                codes[t.fail.family, code] += 1
            shutil.rmtree(t.folder, ignore_errors=True)
    if STEP:
        print('%d trials, codes by family: %s' % (done, sorted(codes.items())),
              flush=True)
    return done, problems


class Case(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.library = calls.Calls()
        cls.addClassCleanup(cls.library.close)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='mcv-calls-', dir='/tmp')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def new_folder(self):
        return tempfile.mkdtemp(dir=self.folder)

    def assert_all_well(self, trial, counts):
        wanted = os.environ.get('MAILCONVOY_CALLS_ONLY')
        fails = [f for f in (calls.trials(counts, STEP) if STEP else sample(counts))
                 if not wanted or f.family in wanted.split()]
        _, problems = torture(trial, fails)
        shown = 40 if STEP else 10
        self.assertFalse(problems, '%d of them:\n%s' % (
            len(problems), '\n'.join(problems[:shown])))


class Engine(Case):
    def setUp(self):
        super().setUp()
        self.source = MiniServer(password=CANARY, capability=CAPABILITY)
        self.addCleanup(self.source.stop)
        for name in ('INBOX', 'Sent', 'Archive', 'Archive/2023'):
            for n in range(8):
                self.source.box(name).add(seed.synthetic(name, n, 1500))
        # more than a quarter of the queue: goes through a file
        self.source.box('Sent').add(seed.synthetic('Sent', 99, 300000))

    def trial(self, options, fail=None):
        return EngineTrial(self.library, self.new_folder(), self.source,
                           options, fail)

    def check(self, *options):
        first = self.trial(options)
        ran = first.run()
        first.target.stop()
        self.assertEqual(0, ran.code, ran.err + ran.log)
        self.assert_all_well(lambda f: self.trial(options, f).go(),
                             ran.report.counts)

    def test_f141_every_call_stutters(self):
        """F141: one byte at a time, interrupted and put off: simply ok."""
        for options in ((), ('--noThreads', '--stateFile', 'STATE'),
                        ('--queueSizeMax', '1')):
            with self.subTest(options=options):
                t = self.trial(options)
                ran = t.run(stutter=True)
                again = t.run(stutter=True)
                t.target.stop()
                self.assertEqual((0, 0), (ran.code, again.code),
                                 ran.err + ran.log + again.err)
                self.assertTrue(t.is_equal())
                self.assertEqual([], t.problems)

    def limited(self, limits, options=('--noThreads', '--queueSizeMax', '1',
                                       '--stateFile', 'STATE')):
        """Under these limits and then without them; the code of the first."""
        t = self.trial(options, Fail('limit', 0, 0, 'EFBIG'))
        t.limits = limits
        ran = t.run()
        t.limits = {}
        t.judge_output(ran)
        t.judge_state(ran)
        t.judge_again()
        equal = t.is_equal()
        t.target.stop()
        self.assertTrue(equal)
        self.assertEqual([], t.problems)
        self.assertIn(ran.code, ENGINE_CODES, ran)
        return ran

    def test_f201_files_of_a_largest_size(self):
        """F198, F199, F201: not killed by SIGXFSZ; the log alone ends nothing."""
        for size in (0, 1000, 30000, 200000):
            with self.subTest(size=size):
                ran = self.limited({resource.RLIMIT_FSIZE: size})
                self.assertIn(ran.code, (0, 74), ran)
                self.assertIn('File too large', ran.records + ran.err) if \
                    size < 1000 else None
        ran = self.limited({resource.RLIMIT_FSIZE: 300},
                           ('--noThreads',))
        self.assertEqual(0, ran.code, ran)
        self.assertIn('the log is not whole', ran.records)

    def test_f186_few_descriptors(self):
        codes = set()
        for count in range(4, 25, 1 if STEP else 5):
            with self.subTest(count=count):
                ran = self.limited({resource.RLIMIT_NOFILE: count})
                codes.add(ran.code)
                if ran.code != 0:
                    self.assertRegex(ran.err + ran.log + ran.records,
                                     'Too many open files|unable to open')
        self.assertIn(0, codes)

    def test_f187_little_memory(self):
        """F187 for real: an address space that is too small."""
        for megabytes in (28, 36, 400):
            with self.subTest(megabytes=megabytes):
                t = self.trial(('--noThreads',), Fail('memory', 0, 0,
                                                      'ENOMEM'))
                t.limits = {resource.RLIMIT_AS: megabytes << 20}
                ran = t.run()
                t.limits = {}
                if ran.code != 127:  # its libraries could not be loaded
                    t.judge(ran)
                t.judge_again()
                t.target.stop()
                self.assertEqual([], t.problems)
        self.assertEqual(0, ran.code, ran)

    def test_f198_f199_a_full_disk(self):
        """F172, F198, F199: of the log it is told, without the state file
        nothing is copied, a message that finds no room in $TMPDIR is named."""
        for what in ('log', 'state', 'tmp'):
            for free in (0, 4, 32, 100) if STEP else (0, 32):
                with self.subTest(what=what, kilobytes=free), \
                        small_disk(512) as disk:
                    self.check_full(disk, what, free)

    def check_full(self, disk, what, free):
        t = self.trial(('--noThreads', '--queueSizeMax', '1', '--stateFile',
                        'STATE'), Fail('disk', 0, 0, 'ENOSPC'))
        t.before = disk.command
        path = os.path.join(disk.path, what)
        if what == 'log':
            t.log = path
        elif what == 'state':
            t.state = t.options[-1] = path
        else:
            t.spool = disk.path
        disk.fill(free)
        ran = t.run()
        if what == 'log':
            t.fail = t.fail._replace(family='log')
        if what == 'log' and free == 0:
            self.assertEqual(0, ran.code, ran)
            self.assertIn('the log is not whole', ran.records)
            self.assertIn('No space left on device', ran.records)
        elif what == 'state' and free == 0:
            self.assertEqual(74, ran.code, ran)
            self.assertFalse(any(t.target.contents().values()))
        self.assertIn(ran.code, (0, 74), ran)
        t.judge(ran)
        disk.free()
        t.judge_again()
        t.target.stop()
        self.assertEqual([], t.problems)

    def test_f141_f186_f187_without_a_state_file(self):
        """F141, F186, F187: no end by a signal, the words of the system are
        told, and the next run repairs it."""
        self.check('--noThreads', '--queueSizeMax', '1')

    def test_f187_f199_with_a_state_file(self):
        """F187, F199: the state file is valid, what it does not know is found
        by comparison."""
        self.check('--noThreads', '--queueSizeMax', '1', '--stateFile', 'STATE')


class Supervisor(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engine = cls.library.folder + '/quick_engine'
        subprocess.run(['cc', '-D_GNU_SOURCE', '-O1', '-o', cls.engine, QUICK],
                       check=True)

    def trial(self, fail=None):
        return SupervisorTrial(self.library, self.new_folder(), self.engine,
                               fail)

    def test_f185_f186_f187_f199_f200_three_accounts(self):
        """F185, F186, F187, F199, F200: it ends by itself with a code and
        words, its journal can be read, no report is half."""
        first = self.trial()
        ran = first.run()
        self.assertEqual(0, ran.code, ran.err)
        self.assert_all_well(lambda f: self.trial(f).go(), ran.report.counts)


    def check_limited(self, trial, limits=None):
        trial.limits = limits or {}
        ran = trial.run()
        trial.limits = {}
        trial.judge(ran)
        return ran

    def check_again(self, trial):
        again = trial.run()
        self.assertEqual(0, again.code, again.err)
        self.assertTrue(trial.is_done())
        trial.judge_reports(again)
        self.assertEqual([], trial.problems)

    def test_f201_files_of_a_largest_size(self):
        """F199, F200, F201: as a full disk, and no signal."""
        for size in (0, 500, 3000, 12000):
            with self.subTest(size=size):
                t = self.trial(Fail('limit', 0, 0, 'EFBIG'))
                self.check_limited(t, {resource.RLIMIT_FSIZE: size})
                self.check_again(t)

    def test_f186_few_descriptors(self):
        for count in (4, 8, 12, 16, 24):
            with self.subTest(count=count):
                t = self.trial(Fail('limit', 0, 0, 'EMFILE'))
                self.check_limited(t, {resource.RLIMIT_NOFILE: count})
                self.check_again(t)

    def test_f185_few_processes(self):
        """F185: fewer engines, the same result."""
        if os.getuid() != 0:
            self.skipTest('needs root, to become somebody without processes')
        t = self.trial(Fail('limit', 0, 0, 'EAGAIN'))
        uid = 54000 + os.getpid() % 1000
        for folder in (self.library.folder, self.folder):
            os.chmod(folder, 0o711)
        for root, folders, names in os.walk(t.folder):
            for name in (root, *(os.path.join(root, n)
                                 for n in folders + names)):
                os.chown(name, uid, uid)
        t.uid = uid
        os.chmod(self.library.library, 0o644)
        ran = self.check_limited(t, {resource.RLIMIT_NPROC: 2})
        self.assertEqual(0, ran.code, ran.err)
        self.assertEqual([], t.problems)

    def test_f199_f200_a_full_disk(self):
        """F172, F199, F200: 74 or 73, named; the old report stays whole."""
        for free in (0, 4, 8, 16, 24, 40) if STEP else (0, 8, 24):
            with self.subTest(kilobytes=free), small_disk(256) as disk:
                t = self.trial(Fail('disk', 0, 0, 'ENOSPC'))
                for name in ('plan.yaml', 'password'):
                    shutil.copy(t.path(name), disk.inside(name))
                t.before = disk.command
                t.plan = os.path.join(disk.path, 'plan.yaml')
                t.state = disk.inside('state')
                disk.fill(free)
                ran = self.check_limited(t)
                if free == 0:
                    self.assertIn(ran.code, (73, 74), ran)
                disk.free()
                self.check_again(t)


if __name__ == '__main__':
    unittest.main()
