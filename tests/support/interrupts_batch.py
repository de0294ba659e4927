# SPDX-License-Identifier: MIT
"""Supervisors killed at every step (engine/base/step.h), then asked to go on.

For every step a plan and a state of its own.  In the end journal and report must
say what those of an undisturbed run say, but for times and attempts; what had a
result that was synced is not run again, and no account has two engines at once.
"""
import glob
import gzip
import json
import os
import random
import shutil
import subprocess
import zlib
from concurrent import futures

import convoy
import interrupts
import lossy

QUICK_SOURCE = os.path.join(convoy.ROOT, 'tests', 'support', 'quick_engine.c')
SECONDS = 120
KILLED = -9
NO_RUN = 66

# Two engines of one account at once leave a word.
ENGINE = '''#!/bin/bash
exec 9>>"$TMPDIR/one.$2" || exit 4
flock -n 9 || echo "$2" >>"$TMPDIR/twice"
exec %s "$@"
'''

PLAN = '''version: 1
name: demo
servers:
  old: {host: 127.0.0.1, port: %d, tls: none}
  new: {host: 127.0.0.1, port: %d, tls: none}
defaults:
  source: {server: old, password: {file: secret}}
  target: {server: new, password: {file: secret}}
limits: {jobs: 2, start_delay: 0s}
retry: {attempts: 3, backoff: 10ms, factor: 1, max_wait: 1s, jitter: 0%%}
accounts:
'''
QUICK_IDS = ('rest5.a', 'code1.b', 'pass2.c', 'once9.d')
REAL_IDS = ('anna', 'bert', 'cora')


def inflate(data):
    """What can be had of gzip members; a torn one ends it."""
    text = b''
    while data:
        z = zlib.decompressobj(wbits=31)
        try:
            text += z.decompress(data)
        except zlib.error:
            break
        if not z.eof:
            break
        data = z.unused_data
    return text


def read(path):
    try:
        with open(path, 'rb') as f:
            return f.read()
    except FileNotFoundError:
        return b''


class Scenario:
    """`killed` is the command that is killed, `runs` the folder of its run."""

    killed = ('run', 'plan.yaml')
    runs = 'runs'
    code = 1  # of the end: one account needs a look
    ids = QUICK_IDS
    real = False
    env = {}

    def begin(self, place):
        """What was done before."""

    def go_on(self, place):
        """(exit code, words) of what somebody does afterwards."""
        code, text = place.mc('resume', 'plan.yaml', **self.env)
        if code == NO_RUN:  # it was killed before its first line
            code, text = place.mc('run', 'plan.yaml', **self.env)
        return code, text


class Run(Scenario):
    pass


class Rotation(Scenario):
    """The journal is compressed again and again."""
    env = {'MAILCONVOY_JOURNAL_BYTES': '900'}


class Resume(Scenario):
    """A run that was killed before, and the going on is killed too."""
    killed = ('resume', 'plan.yaml')

    def begin(self, place):
        place.mc('run', 'plan.yaml', MAILCONVOY_KILL_AT='24',
                 MAILCONVOY_STEPS_OF='journal')


class Report(Scenario):
    killed = ('report', 'plan.yaml')

    def begin(self, place):
        place.mc('run', 'plan.yaml')

    def go_on(self, place):
        code, text = place.mc('report', 'plan.yaml')
        return (self.code if code == 0 else code), text


class Ack(Scenario):
    killed = ('ack', 'plan.yaml', 'code1.b', '--reason', 'seen')
    code = 0

    def begin(self, place):
        place.mc('run', 'plan.yaml')

    def go_on(self, place):
        code, text = place.mc(*self.killed)
        again, more = place.mc('report', 'plan.yaml')
        return code or again, text + more


class Real(Scenario):
    """With engines that copy."""
    code = 0
    ids = REAL_IDS
    real = True


class Verify(Real):
    killed = ('verify', 'plan.yaml')
    runs = 'verifies'

    def begin(self, place):
        place.mc('run', 'plan.yaml')

    def go_on(self, place):
        return place.mc('verify', 'plan.yaml')


SCENARIOS = {'run': Run, 'rotation': Rotation, 'resume': Resume,
             'report': Report, 'ack': Ack, 'real': Real, 'verify': Verify}


class Place:
    """A plan with its state, for one step."""

    def __init__(self, matrix, step):
        self.matrix, self.step = matrix, step
        self.folder = os.path.join(matrix.folder, str(step))
        os.makedirs(self.folder + '/tmp/runtime/mailconvoy', 0o700)
        since = self.folder + '/tmp/runtime/mailconvoy/since'
        with open(since, 'w', encoding='ascii'):
            os.utime(since, (1000000000, 1000000000))
        os.mkdir(self.folder + '/state', 0o700)
        self.write('secret', 'pass\n', 0o600)
        ports, users = (1143, 2143), {}
        if matrix.scenario.real:
            ports = [s.port for s in matrix.servers.both]
            users = {i: matrix.user(step, i) for i in matrix.scenario.ids}
        self.write('plan.yaml', PLAN % tuple(ports) + ''.join(
            '  - {id: %s, user: %s}\n' % (i, users.get(i, i))
            for i in matrix.scenario.ids), 0o600)
        self.write('engine', ENGINE % matrix.engine, 0o700)
        self.env = {'PATH': os.environ['PATH'], 'HOME': self.folder,
                    'LANG': 'C.UTF-8', 'TMPDIR': self.folder + '/tmp',
                    'XDG_RUNTIME_DIR': self.folder + '/tmp/runtime',
                    'MAILCONVOY_ENGINE': self.folder + '/engine',
                    **convoy.findings()}

    def write(self, name, text, mode):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, mode)

    def mc(self, *args, **env):
        """(exit code, all it said)"""
        self.matrix.count_run()
        p = subprocess.run(
            [self.matrix.program, *args], cwd=self.folder,
            env={**self.env, **env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=SECONDS, check=False)
        return p.returncode, p.stdout.decode('utf-8', 'replace')

    def wait_engines(self):
        """Until none works: those of a killed supervisor end by themselves."""
        lossy.wait_unlocked(glob.glob(self.folder + '/tmp/one.*'))

    def run_folder(self):
        """Of the newest run that has a journal."""
        top = '%s/state/demo/%s' % (self.folder, self.matrix.scenario.runs)
        found = [n for n in (os.listdir(top) if os.path.isdir(top) else [])
                 if b'\n' in self.journal_bytes(os.path.join(top, n))]
        return os.path.join(top, max(found)) if found else None

    @staticmethod
    def journal_bytes(folder):
        return inflate(read(folder + '/journal.jsonl.gz-parts')) + \
            read(folder + '/journal.jsonl')

    def journal(self):
        """Its lines, each number once; AssertionError when one is missing."""
        folder = self.run_folder()
        lines = {}
        for line in self.journal_bytes(folder).split(b'\n')[:-1] \
                if folder else ():
            try:
                line = json.loads(line)
            except ValueError:
                continue  # torn, in a torn member
            lines.setdefault(line['seq'], line)
        if sorted(lines) != list(range(1, len(lines) + 1)):
            raise AssertionError('numbers of the journal: %s' % sorted(lines))
        return [lines[n] for n in sorted(lines)]

    def done(self):
        """Accounts that had their result."""
        return {r['id'] for r in self.journal() if r['ev'] == 'account.end'
                and r['final'] and r['outcome'] == 'ok'}

    def result(self):
        """What is the same however often it was interrupted."""
        ends, acks = {}, set()
        for r in self.journal():
            if r['ev'] == 'account.end':
                ends[r['id']] = {k: r.get(k) for k in (
                    'outcome', 'exit', 'reason', 'text', 'final')}
                # what a kill left half done the next attempt finds present
                ends[r['id']]['tally'] = self.same_of(r['tally'])
                ends[r['id']]['verify'] = r.get('verify')
            elif r['ev'] == 'ack':
                acks.add((r['id'], r['reason']))
        return {'ends': ends, 'acks': sorted(acks)}

    def same_of(self, tally):
        if not self.matrix.scenario.real:
            return tally
        return {'there': tally['present'] + tally['copied'],
                **{k: tally[k] for k in ('source', 'vanished', 'unreached',
                                         'skipped', 'refused')}}

    def report(self):
        """The report, with what differs each time taken out."""
        path = self.run_folder() + '/report/report.jsonl.gz'
        with gzip.open(path, 'rb') as f:  # whole, or an error
            lines = [json.loads(line) for line in f]
        out = []
        for line in lines:
            if line['kind'] not in ('batch', 'account'):
                continue
            line.get('ack', {}).pop('time', None)
            out.append({k: self.same_of(v) if k == 'tally' else v
                        for k, v in line.items() if k not in (
                'run', 'started', 'ended', 'ms', 'attempts', 'log',
                'copied_total', 'bytes_total', 'digest')})
        return sorted(out, key=lambda o: (o['kind'], o.get('id', '')))

    def half(self):
        """Files as they were left that must be the old one or the new one."""
        folder, found = self.run_folder(), []
        for name in sorted(os.listdir(folder) if folder else ()):
            if not name.endswith('.json'):
                continue
            try:
                json.loads(read(os.path.join(folder, name)))
            except ValueError:
                found.append('half a file: ' + name)
        return found

    def litter(self):
        """Files of the run that nobody needs any more."""
        return sorted(n for _, _, names in os.walk(self.run_folder())
                      for n in names if '.tmp.' in n or n.endswith('.new'))


class Matrix:
    """As that of interrupts.py."""

    def __init__(self, folder, name, servers=None, prefix='', jobs=4,
                 way=None, again=False):
        self.servers, self.prefix, self.way = servers, prefix, way
        self.scenario = SCENARIOS[name]()
        self.name = 'batch-' + name + ('-' + way if way else '') + \
            '-again' * again + ('-' + prefix if prefix else '')
        self.folder = os.path.join(folder, self.name)
        self.library = lossy.build(folder) if way else None
        self.jobs, self.runs, self.steps = jobs, 0, []
        os.makedirs(self.folder)
        self.program = os.path.join(interrupts.programs(), 'mailconvoy')
        self.engine = os.path.join(interrupts.programs(), 'syncIMAPMail')
        if not self.scenario.real:
            self.engine = os.path.join(folder, 'quick_engine')
            if not os.path.exists(self.engine):
                subprocess.run(['gcc', '-O1', '-D_GNU_SOURCE', '-o',
                                self.engine, QUICK_SOURCE], check=True)
        self.expected = self.expected_report = None

    def user(self, step, account):
        return 'b-%s-%s-%s' % (self.name, step, account)

    def count_run(self):
        self.runs += 1

    def _accounts(self, step):
        """A copy of the mail that an engine matrix has prepared."""
        for i in self.scenario.ids if self.scenario.real else ():
            self.servers.clone(self.servers.source, 'batch-from',
                               self.user(step, i))

    def count(self):
        """Runs undisturbed; the names of the steps, in their order."""
        self._accounts('count')
        place = Place(self, 'count')
        self.scenario.begin(place)
        code, text = place.mc(*self.scenario.killed, **self.scenario.env,
                              MAILCONVOY_COUNT_STEPS=self.folder + '/steps',
                              MAILCONVOY_STEPS_OF=self.prefix)
        if code not in (0, 1):
            raise AssertionError('undisturbed: %d\n%s' % (code, text))
        self.steps = read(self.folder + '/steps').decode('ascii').split()
        self.scenario.go_on(place)
        self.expected = place.result()
        if self.scenario.runs == 'runs':
            self.expected_report = place.report()
        return self.steps

    def killed(self, place, step):
        disk = self.way and lossy.Disk(self.library, place.folder + '/state',
                                       place.folder + '/shadow')
        code, text = place.mc(*self.scenario.killed, **self.scenario.env,
                              MAILCONVOY_KILL_AT=str(step),
                              MAILCONVOY_STEPS_OF=self.prefix,
                              **(disk.env if disk else {}))
        place.wait_engines()
        # the last line may have been written and not synced
        ended = {(r['id'], r['attempt']) for r in place.journal()[:-1]
                 if r['ev'] == 'account.end'}
        if disk:
            disk.lose(self.way, step)
        if ended - {(r['id'], r['attempt']) for r in place.journal()
                    if r['ev'] == 'account.end'}:
            text += '\nresults were lost: %s' % sorted(ended)
            code = 'lost'
        return code, text

    def interrupt(self, step):
        """What is wrong after a kill at this step, as lines."""
        self._accounts(step)
        place = Place(self, step)
        self.scenario.begin(place)
        code, first = self.killed(place, step)
        if code not in (KILLED, 0, 1):
            return ['killed: exit %s\n%s' % (code, first)]
        try:
            before, done = place.journal(), place.done()
            problems = self._goes_on(place, before, done)
        except (AssertionError, OSError, ValueError, EOFError) as e:
            problems = ['%s: %s' % (type(e).__name__, e)]
        if problems:
            problems.append('killed run:\n' + first)
        else:
            shutil.rmtree(place.folder, ignore_errors=True)
        return problems

    def interrupt_often(self, times):
        """One run, killed again and again at any step; what is wrong in the
        end."""
        self._accounts('often')
        place = Place(self, 'often')
        rnd = random.Random(self.name)
        for _ in range(times):
            command = 'resume' if place.run_folder() else 'run'
            code, text = place.mc(
                command, 'plan.yaml', MAILCONVOY_KILL_AT=str(
                    rnd.randrange(1, len(self.steps))))
            if code not in (KILLED, 0, 1):
                return ['killed: exit %d\n%s' % (code, text)]
        return self._goes_on(place, place.journal(), place.done())

    def _goes_on(self, place, before, done):
        problems = [] if self.way else place.half()
        for what in ('status', 'report'):  # readable as it was left
            if before and self.scenario.runs == 'runs':
                code, text = place.mc(what, 'plan.yaml')
                if code != 0:
                    problems.append('%s: exit %d\n%s' % (what, code, text))
        code, text = self.scenario.go_on(place)
        if code != self.scenario.code:
            problems.append('going on: exit %d\n%s' % (code, text))
        lines = place.journal()
        if self.scenario.runs == 'runs' and lines[:len(before)] != before:
            problems.append('the journal lost lines')
        again = done & {r['id'] for r in lines[len(before):]
                        if r['ev'] == 'account.start'}
        if again and self.scenario.runs == 'runs':
            problems.append('run again: %s' % sorted(again))
        if place.result() != self.expected:
            problems.append('result:\n%s\nexpected:\n%s' % (
                place.result(), self.expected))
        if self.scenario.runs == 'runs' and \
                place.report() != self.expected_report:
            problems.append('report:\n%s\nexpected:\n%s' % (
                place.report(), self.expected_report))
        if os.path.exists(place.folder + '/tmp/twice'):
            problems.append('two engines at once: %s' % read(
                place.folder + '/tmp/twice'))
        if place.litter():
            problems.append('left behind: %s' % place.litter())
        for i in self.scenario.ids if self.scenario.real else ():
            problems += self.servers.differences(self.user(place.step, i))
        return problems

    def every(self, steps):
        """{step: problems} of those that have some."""
        bad = {}
        with futures.ThreadPoolExecutor(self.jobs) as pool:
            for step, problems in zip(steps, pool.map(self.interrupt, steps)):
                if problems:
                    bad[step] = problems
        return bad
