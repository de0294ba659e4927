# SPDX-License-Identifier: MIT
"""Engines killed at every step (engine/base/step.h), run again, judged.

For every step a pair of accounts of its own, cloned from one that was prepared:
one pair of Dovecots serves them all.  A run is killed at the step, a second one
must complete it, the accounts are compared over IMAP, a third one must change
nothing.  The source must be, file by file, what it was.
"""
import collections
import os
import random
import shutil
import subprocess
import time
from concurrent import futures

import convoy
import dovecot
import imap_compare
import lossy
from imap_client import Imap

DATE = b'%02d-Mar-2026 10:00:00 +0000'
SECONDS = 60
KILLED = -9
FLAGS = (b'', b'\\Seen', b'\\Flagged \\Seen', b'$Work', b'\\Answered')
WRITING = convoy.WRITING + ('SUBSCRIBE', 'UNSUBSCRIBE')


def message(number, day=1, size=200):
    return (b'From: a@example.org\r\nSubject: number %d\r\n'
            b'Date: %02d Mar 2026 10:00:00 +0000\r\n'
            b'Message-ID: <%d@example.org>\r\n\r\n%s\r\n'
            % (number, day, number, b'\r\n'.join([b'x' * 70] * (size // 72))))


def programs():
    """Folder of programs that know steps; None: there are none."""
    for build in (convoy.BUILD, os.path.join(convoy.ROOT, 'build', 'debug')):
        path = os.path.join(build, 'bin')
        try:
            with open(os.path.join(path, 'mailconvoy'), 'rb') as f:
                if b'MAILCONVOY_KILL_AT' in f.read():
                    return path
        except FileNotFoundError:
            pass
    return None


class Servers:
    """Two Dovecots; what users send is kept only where it is asked for."""

    def __init__(self, **kwargs):
        self.both = []
        for _ in range(2):
            base = dovecot.temporary_base()
            os.makedirs(base + '/sent')
            self.both.append(dovecot.Dovecot(
                base, extra='protocol imap {\n  rawlog_dir = %s/sent/%%u\n}\n'
                % base, **kwargs))
        for server in self.both:
            server.start()
        self.source, self.target = self.both

    def remove(self):
        for server in self.both:
            server.remove()

    def account(self, server, user):
        return Imap('127.0.0.1', server.port).login(user, 'pass')

    def judge(self, server, user):
        return imap_compare.open_account('127.0.0.1', server.port, user,
                                         'pass')

    def differences(self, user):
        return imap_compare.compare(self.judge(self.source, user),
                                    self.judge(self.target, user))

    def prepare(self, user, put):
        """Fills an account of the source by put(client)."""
        with self.account(self.source, user) as client:
            put(client)
        self.wait_closed()

    def wait_closed(self):
        convoy.wait_until(lambda: not self.source.sessions() and
                          not self.target.sessions(), 'the sessions to end')

    @staticmethod
    def clone(server, old, new):
        """The mail of a user who is not logged in becomes another one's."""
        there = '%s/%s' % (server.mail_dir, new)
        shutil.rmtree(there, ignore_errors=True)
        if os.path.exists('%s/%s' % (server.mail_dir, old)):
            subprocess.run(['cp', '-a', '%s/%s' % (server.mail_dir, old),
                            there], check=True)

    @staticmethod
    def listen(server, user):
        """From now on what this user sends is kept."""
        folder = '%s/sent/%s' % (server.base, user)
        os.makedirs(folder, exist_ok=True)
        if os.getuid() == 0:
            os.chown(folder, server.uid, server.gid)

    @staticmethod
    def written(server, user):
        """{command: count} of what changes an account."""
        counts = collections.Counter()
        folder = '%s/sent/%s' % (server.base, user)
        for name in os.listdir(folder):
            if name.endswith('.in'):
                with open('%s/%s' % (folder, name), 'rb') as f:
                    counts.update(dovecot.split_commands(dovecot.inflated(
                        dovecot.strip_times(f.read()))))
        if not counts:
            raise AssertionError('what %s sent was not kept' % user)
        return {n: c for n, c in counts.items() if n in WRITING}

    @staticmethod
    def mail_files(server, user):
        """Every message with its flags: a change of any shows."""
        found = []
        top = '%s/%s' % (server.mail_dir, user)
        for folder, _, names in os.walk(top):
            if os.path.basename(folder) in ('cur', 'new'):
                found += [os.path.join(os.path.relpath(folder, top), n)
                          for n in names]
        return sorted(found)


class Scenario:
    """One way to run.  `options` are the engine's; begin() fills the accounts
    `before` of both sides; later() what the source `after` has more."""

    options = ()
    state = False
    before = None  # options of a run that ended well before the killed one
    mirror = False
    tls = False

    def begin(self, source, target):
        fill(source)

    def later(self, source):
        raise NotImplementedError


def fill(client):
    client.append_many('INBOX', [
        (message(n, 1 + n % 28), FLAGS[n % 5], DATE % (1 + n % 28))
        for n in range(14)])
    client.append('INBOX', message(3, 4), b'\\Seen', DATE % 4)  # twice
    for box, first, count in (('Sent', 100, 6), ('Work', 200, 5),
                              ('Work/Done', 300, 3), ('Empty', 0, 0)):
        client.command(b'CREATE ' + box.encode())
        client.command(b'SUBSCRIBE ' + box.encode())
        if count:
            client.append_many(box, [
                (message(first + n, 1 + n), FLAGS[n % 5], DATE % (1 + n))
                for n in range(count)])
    client.append('Sent', message(400, 2, 600_000), b'', DATE % 2)  # spooled


class Cold(Scenario):
    options = ('--storeMax', '3', '--queueSizeMax', '1')


class ColdState(Cold):
    state = True


class Warm(Scenario):
    """A second pass: new mail, a new mailbox, some of the old gone."""
    options = ('--storeMax', '2')
    before = ()

    def later(self, source):
        source.append_many('INBOX', [
            (message(n, 9), b'\\Seen', DATE % 9) for n in range(500, 509)])
        source.append('Work/Done', message(510, 9), b'', DATE % 9)
        source.command(b'CREATE Later')
        source.append_many('Later', [
            (message(n, 9), b'', DATE % 9) for n in range(520, 525)])
        source.command(b'SELECT INBOX')
        source.command(b'STORE 2:3 +FLAGS.SILENT (\\Deleted)')
        source.command(b'EXPUNGE')


class WarmState(Warm):
    state = True


class New(Scenario):
    """syncSrcNew; what arrived last is not what is dated last."""
    options = ('--mode', 'syncSrcNew', '--storeMax', '2')

    def begin(self, source, target):
        days = (3, 9, 5, 20, 8, 12, 7, 27, 6, 15, 11, 10)
        source.append_many('INBOX', [
            (message(n, day), FLAGS[n % 5], DATE % day)
            for n, day in enumerate(days)])
        target.append('INBOX', message(0, 3), b'', DATE % 3)


class NewCold(New):
    """Into an account that is empty, over more than one connection."""
    options = (*New.options, '--connections', '2', '--fetchMax', '4')
    state = True

    def begin(self, source, target):
        super().begin(source, target)
        target.command(b'SELECT INBOX')
        target.command(b'STORE 1:* +FLAGS.SILENT (\\Deleted)')
        target.command(b'EXPUNGE')


class Mirror(Scenario):
    """syncDst: messages and a mailbox to delete, flags, subscriptions."""
    options = ('--mode', 'syncDst', '--storeMax', '2')
    before = ()
    mirror = True

    def later(self, source):
        source.append_many('INBOX', [
            (message(n, 9), b'', DATE % 9) for n in range(600, 605)])
        source.command(b'SELECT INBOX')
        source.command(b'STORE 1:4 +FLAGS.SILENT (\\Flagged)')
        source.command(b'STORE 5:8 FLAGS.SILENT (\\Deleted)')
        source.command(b'EXPUNGE')
        source.command(b'UNSUBSCRIBE Work')
        source.command(b'DELETE Work/Done')
        source.command(b'UNSUBSCRIBE Work/Done')


class MirrorState(Mirror):
    state = True


class Lanes(Scenario):
    """Three connections, enough for all of them."""
    options = ('--connections', '3', '--storeMax', '8', '--fetchMax', '8')
    state = True

    def begin(self, source, target):
        for box, first in (('INBOX', 1000), ('Big', 2000), ('Other', 3000)):
            if box != 'INBOX':
                source.command(b'CREATE ' + box.encode())
            source.append_many(box, [
                (message(first + n % 110, 1 + n % 28, 40_000), b'',
                 DATE % (1 + n % 28)) for n in range(120)])


class Coded(Cold):
    """TLS from the start, COMPRESS inside, both sides."""
    options = (*Cold.options, '--compress', 'on', '--srcTLS', 'implicit',
               '--dstTLS', 'implicit', '--srcTLSVerify', 'no',
               '--dstTLSVerify', 'no')
    tls = True


SCENARIOS = {
    'cold': Cold, 'cold-state': ColdState, 'warm': Warm,
    'warm-state': WarmState, 'new': New, 'new-cold': NewCold, 'mirror': Mirror,
    'mirror-state': MirrorState, 'lanes': Lanes, 'coded': Coded}


class Matrix:
    """One scenario and all its steps.  `prefix`: only steps called so.  `way`:
    each kill is a power loss too, in this way (lossy.py).  `again`: accounts of
    its own, for interrupt_often()."""

    def __init__(self, servers, folder, name, prefix='', jobs=4, way=None,
                 again=False):
        self.servers, self.way = servers, way
        self.scenario = SCENARIOS[name]()
        self.name = name + ('-' + way if way else '') + '-again' * again
        self.folder = os.path.join(folder, self.name)
        self.prefix, self.jobs = prefix, jobs
        os.makedirs(self.folder)
        self.library = lossy.build(folder) if way else None
        self.runs = 0
        self.steps = []
        self._prepare()

    # -- the accounts

    def user(self, step):
        return '%s-%s' % (self.name, step)

    def _prepare(self):
        s, source, target = self.servers, self.user('from'), self.user('to')
        for server, user in ((s.source, source), (s.target, target)):
            with s.account(server, user) as client:
                client.command(b'SELECT INBOX')
        with s.account(s.source, source) as a, \
                s.account(s.target, target) as b:
            self.scenario.begin(a, b)
        self.later = source
        if self.scenario.before is not None:
            self.later = self.user('later')
            s.wait_closed()
            s.clone(s.source, source, self.later)
            with s.account(s.source, self.later) as client:
                self.scenario.later(client)
        s.wait_closed()
        self.expected = s.judge(s.source, self.later)
        s.wait_closed()
        self.files = s.mail_files(s.source, self.later)

    def make(self, step):
        s, user = self.servers, self.user(step)
        os.mkdir(self.path(step, 'disk'), 0o700)
        s.clone(s.source, self.user('from'), user)
        s.clone(s.target, self.user('to'), user)
        if self.scenario.before is not None:
            code, log = self.run(step, options=self.scenario.before)
            if code != 0:
                raise AssertionError('the run before: %d\n%s' % (code, log))
            s.clone(s.source, self.later, user)

    # -- the runs

    def path(self, step, what):
        return os.path.join(self.folder, '%s.%s' % (step, what))

    def command(self, step, options, record_fd):
        s, user = self.servers, self.user(step)
        ports = [x.tls_port if self.scenario.tls else x.port for x in s.both]
        plain = () if self.scenario.tls else convoy.PLAIN
        state = ('--stateFile', self.path(step, 'disk') + '/state') \
            if self.scenario.state else ()
        return [os.path.join(programs(), 'syncIMAPMail'), *plain, *state, *options,
                '--recordFd', str(record_fd),
                '127.0.0.1:%d' % ports[0], user, 'pass',
                '127.0.0.1:%d' % ports[1], user, 'pass']

    def run(self, step, options=None, env=None):
        """(exit code, log)"""
        self.runs += 1
        runtime = self.path(step, 'runtime')
        if not os.path.exists(runtime):
            os.makedirs(runtime + '/mailconvoy', 0o700)
            since = runtime + '/mailconvoy/since'
            with open(since, 'w', encoding='ascii'):
                os.utime(since, (1000000000, 1000000000))
        with open(self.path(step, 'records'), 'ab') as records:
            p = subprocess.run(
                self.command(step, self.scenario.options if options is None
                             else options, records.fileno()),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, pass_fds=[records.fileno()],
                env=dict(os.environ, XDG_RUNTIME_DIR=runtime,
                         TMPDIR=self.folder, **(env or {})),
                timeout=SECONDS, check=False)
        return p.returncode, p.stdout.decode('utf-8', 'replace')

    def count(self):
        """Runs undisturbed; the names of the steps, in their order."""
        self.make('count')
        code, log = self.run('count', env={
            'MAILCONVOY_COUNT_STEPS': self.path('count', 'steps'),
            'MAILCONVOY_STEPS_OF': self.prefix})
        if code != 0:
            raise AssertionError('undisturbed: %d\n%s' % (code, log))
        try:
            with open(self.path('count', 'steps'), encoding='ascii') as f:
                self.steps = f.read().split()
        except FileNotFoundError:
            self.steps = []  # no debug build
        problems = self.judge('count')
        if problems:
            raise AssertionError('\n'.join(problems))
        return self.steps

    def killed(self, step):
        """(exit code, log) of a run that is killed at this step."""
        disk = self.way and lossy.Disk(self.library, self.path(step, 'disk'),
                                       self.path(step, 'shadow'))
        code, log = self.run(step, env={
            'MAILCONVOY_KILL_AT': str(step),
            'MAILCONVOY_STEPS_OF': self.prefix, **(disk.env if disk else {})})
        if disk:
            disk.lose(self.way, step)
            # markers are in memory
            runtime = self.path(step, 'runtime')
            shutil.rmtree(runtime)
            os.mkdir(runtime, 0o700)
        return code, log

    def interrupt(self, step):
        """What is wrong after a kill at this step, as lines."""
        self.make(step)
        code, first = self.killed(step)
        if code not in (KILLED, 0):
            return ['killed run: exit %d\n%s' % (code, first)]
        code, log = self.run(step)
        if code != 0:
            return ['run again: exit %d\n%s' % (code, log)]
        problems = self.judge(step)
        if problems:
            problems.append('first run:\n%s\nsecond run:\n%s' % (first, log))
        else:
            self._forget(step)
        return problems

    def interrupt_often(self, times):
        """One account, killed again and again at any step; what is wrong in
        the end."""
        self.make('often')
        rnd = random.Random(self.name)
        for _ in range(times):
            code, log = self.run('often', env={
                'MAILCONVOY_KILL_AT': str(rnd.randrange(1, len(self.steps)))})
            if code not in (KILLED, 0):
                return ['killed run: exit %d\n%s' % (code, log)]
        code, log = self.run('often')
        if code != 0:
            return ['the last run: exit %d\n%s' % (code, log)]
        return self.judge('often')

    def judge(self, step):
        s, user = self.servers, self.user(step)
        found = imap_compare.compare(
            self.expected, s.judge(s.target, user), mirror=self.scenario.mirror,
            subscriptions='--mode' not in self.scenario.options or
            self.scenario.mirror)
        if isinstance(self.scenario, Warm):
            found = [f for f in found if not self._is_gone(f)]
        for server in s.both:
            s.listen(server, user)
        code, log = self.run(step)
        if code != 0:
            found.append('third run: exit %d\n%s' % (code, log))
        for server in s.both:
            written = s.written(server, user)
            if written:
                found.append('third run, %s: %s\n%s' % (
                    'source' if server is s.source else 'target', written,
                    log))
        if s.mail_files(s.source, user) != self.files:
            found.append('the source was changed')
        return found

    @staticmethod
    def _is_gone(line):
        """What the source has no more stays where nothing is mirrored."""
        return line.startswith('INBOX: too many on the target, 1 x') and \
            ("subject 'number 1'" in line or "subject 'number 2'" in line)

    def _forget(self, step):
        for server in self.servers.both:
            shutil.rmtree('%s/%s' % (server.mail_dir, self.user(step)),
                          ignore_errors=True)

    def every(self, steps):
        """{step: problems} of those that have some."""
        bad = {}
        with futures.ThreadPoolExecutor(self.jobs) as pool:
            for step, problems in zip(steps, pool.map(self.interrupt, steps)):
                if problems:
                    bad[step] = problems
        return bad


def report(matrix, bad, seconds, out=print):
    out('%-14s %4d steps, %5d runs, %4d s, %d failed' % (
        matrix.name, len(matrix.steps), matrix.runs, seconds, len(bad)))
    for step, problems in bad.items():
        name = matrix.steps[step - 1] if step <= len(matrix.steps) else '?'
        out('  step %d (%s):' % (step, name))
        for text in problems:
            out('    ' + text.replace('\n', '\n    '))


def run_scenario(matrix, every=1, first=1):
    """({step: problems}, seconds)"""
    began = time.monotonic()
    count = len(matrix.count())
    bad = matrix.every(range(first, count + 1, every))
    return bad, time.monotonic() - began


