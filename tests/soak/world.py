# SPDX-License-Identifier: MIT
"""What a soak runs over: servers, the lines in front of them, accounts, plans,
and the programs that work on them.  Everything lives in one folder."""
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

import convoy
import dovecot
from cyrus import Cyrus
from imap_client import Imap

PATIENCE = 600
PASSWORD = 'pass'
PROGRAMS = (b'syncIMAPMail', b'mailconvoy')
TIMEOUT = 10  # of an engine's waits
STANDING_ATTEMPTS = 9000

# who has which mode, from where to where; those that rest are never changed
ACCOUNTS = (
    ('a1', 'all', 'old', 'new', {}),
    ('m1', 'mirror', 'old', 'new', {}),
    ('a2', 'all', 'old', 'new', {'connections': 3}),
    ('a3', 'all', 'old', 'new', {'rests': True}),
    ('m2', 'mirror', 'old', 'new', {'connections': 2}),
    ('c1', 'all', 'old', 'cyrus', {}),
    ('c2', 'all', 'cyrus', 'new', {}),
    ('a4', 'all', 'old', 'new', {}),
    ('a5', 'all', 'old', 'new', {'connections': 2}),
    ('m3', 'mirror', 'old', 'new', {'rests': True}),
    ('m4', 'mirror', 'old', 'new', {}),
    ('c3', 'mirror', 'old', 'cyrus', {}),
    ('a6', 'all', 'old', 'new', {}),
)


class Account:
    def __init__(self, name, mode, source, target, more):
        self.name, self.mode = name, mode
        self.source, self.target = source, target
        self.connections = more.get('connections', 1)
        self.rests = more.get('rests', False)

    def mirrored(self):
        return self.mode == 'mirror'


def pick_port():
    """A port that nobody gets as the port of a client: whoever connects to a
    server that is down must not meet itself."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(15000, 32000)
        if dovecot.port_is_free(port):
            return port
    raise RuntimeError('no free port')


class Line:
    """netdelay in front of a server: it can be cut, stalled and made bad."""

    def __init__(self, program, server_port, delay=0):
        self.program, self.server_port = program, server_port
        self.delay = delay  # milliseconds, a round trip is two of them
        self.port = pick_port()
        self.process = None
        self.lay()

    def lay(self, *options):
        """Anew, with other faults; connections that were there are cut."""
        self.cut()
        deadline = time.monotonic() + 60
        while True:
            self.process = subprocess.Popen(
                [self.program, '-u', str(self.server_port), '-l',
                 str(self.port), '-d', str(self.delay), *map(str, options)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                start_new_session=True)
            if self.process.stdout.readline().startswith(b'port '):
                return
            self.cut()
            if time.monotonic() > deadline:
                raise RuntimeError('port %d is not free again' % self.port)
            time.sleep(0.1)  # poll, bounded by the deadline

    def cut(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def send(self, number):
        if self.process:
            self.process.send_signal(number)


class World:
    """seconds: how long all of it is to last"""

    def __init__(self, folder, seed, count, seconds):
        self.folder, self.seed, self.seconds = folder, seed, seconds
        self.mini = seconds < 120  # everything happens faster
        self.violations, self.started = [], time.monotonic()
        self.lock = threading.Lock()
        self.log_file = open(self.path('soak.log'), 'a', encoding='utf-8',
                             buffering=1)
        self.servers, self.lines = {}, {}
        self.supervisor = self.standing = None
        self.accounts = [Account(*a) for a in ACCOUNTS[:count]]
        os.makedirs(self.path('runtime/mailconvoy'), 0o700)
        since = self.path('runtime/mailconvoy/since')
        with open(since, 'w', encoding='ascii'):
            os.utime(since, (1000000000, 1000000000))

    def path(self, name):
        return os.path.join(self.folder, name)

    # -- what is told

    def age(self):
        return time.monotonic() - self.started

    def log(self, text, *args):
        with self.lock:
            self.log_file.write('%9.3f %s\n' % (
                self.age(), text % args if args else text))

    def violate(self, text, *args):
        """What must not be is."""
        text = text % args if args else text
        with self.lock:
            self.violations.append('%.0f s: %s' % (self.age(), text))
        self.log('VIOLATION %s', text)
        print('VIOLATION %s' % text, flush=True)

    # -- servers

    def start(self):
        for name in ('old', 'new'):
            self.servers[name] = dovecot.Dovecot(
                base=self.path(name), port=pick_port(), tls_port=pick_port())
            self.start_server(name)
        users = [a.name for a in self.accounts
                 if 'cyrus' in (a.source, a.target)]
        if users:
            self.start_cyrus(users)
        program = self.path('netdelay')
        subprocess.run([os.environ.get('CC_FOR_TESTS', 'cc'), '-O1',
                        '-D_GNU_SOURCE', '-o', program,
                        os.path.join(convoy.ROOT, 'tests', 'support',
                                     'netdelay.c')], check=True)
        for name, server in self.servers.items():
            self.lines[name] = Line(program, server.port, 20)
        self.lines['bad'] = Line(program, self.servers['old'].port)
        self.lines['bad'].lay('-c', 700)
        self.lines['silent'] = Line(program, self.servers['old'].port)
        self.lines['silent'].lay('-s', 60)
        self.write_plans()

    def start_cyrus(self, users):
        try:
            self.servers['cyrus'] = Cyrus(users=users).start()
        except Exception as e:  # SkipTest too: it is left out loudly
            print('without Cyrus: %s' % e, flush=True)
            self.log('without Cyrus: %s', e)
            self.accounts = [a for a in self.accounts
                             if 'cyrus' not in (a.source, a.target)]

    def start_server(self, name):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.servers[name].start()
                return
            except RuntimeError as e:
                # its port may be busy for a moment
                if time.monotonic() > deadline or 'Address' not in str(e):
                    raise
                time.sleep(0.5)

    def unlock(self, name):
        """Takes away the locks of processes that were killed; a Dovecot waits
        for them for more than a minute."""
        for root, _, files in os.walk(self.servers[name].mail_dir):
            for lock in files:
                if lock.endswith('.lock'):
                    os.unlink(os.path.join(root, lock))

    def connect(self, server, account):
        """A client that goes not through the lines."""
        return Imap('127.0.0.1', self.servers[server].port).login(
            account.name, PASSWORD)

    def prefix(self, server):
        return self.servers[server].prefix.encode()

    def separator(self, server):
        return self.servers[server].separator.encode()

    # -- plans

    def write_plans(self):
        self.plan = self.path('soak.yaml')
        lines = ['version: 1', 'name: soak', 'state_dir: ./state', 'servers:']
        for name in self.servers:
            lines.append('  %s: {host: 127.0.0.1, port: %d, tls: none, breaker: '
                         '{after: 8, pause: 1s, max_pause: 3s}}'
                         % (name, self.lines[name].port))
        lines += ['defaults:', '  source: {password: {file: secret}}',
                  '  target: {password: {file: secret}}',
                  '  options: {timeout: %ds}' % TIMEOUT,
                  'limits: {jobs: 5}',
                  'retry: {attempts: 4, backoff: 500ms, factor: 2, '
                  'max_wait: 3s, jitter: 20%}',
                  'deletes: {max_per_account: 1000000}',
                  'groups: {mirrors: {options: {mode: syncDst}}, others: {}}',
                  'accounts:']
        for a in self.accounts:
            lines.append(
                '  - {id: %s, user: %s, groups: [%s], source: {server: %s}, '
                'target: {server: %s}, options: {connections: %d}}' % (
                    a.name, a.name, 'mirrors' if a.mirrored() else 'others',
                    a.source, a.target, a.connections))
        self.write('secret', PASSWORD + '\n')
        self.write('soak.yaml', '\n'.join(lines) + '\n')
        self.write_standing()

    def write_standing(self):
        """A batch that never ends: every attempt fails in one of three ways,
        and is followed by another one."""
        dead = pick_port()
        lines = ['version: 1', 'name: standing', 'state_dir: ./state',
                 'servers:']
        for name, port in (('dead', dead), ('bad', self.lines['bad'].port),
                           ('silent', self.lines['silent'].port),
                           ('new', self.servers['new'].port)):
            lines.append('  %s: {host: 127.0.0.1, port: %d, tls: none, '
                         'breaker: {after: 0}}' % (name, port))
        lines += ['defaults:', '  source: {password: {file: secret}}',
                  '  target: {server: new, password: {file: secret}}',
                  '  options: {timeout: 2s}',
                  'limits: {jobs: 3, start_delay: %dms}' % max(
                      500, self.seconds * 1000 / STANDING_ATTEMPTS),
                  'retry: {attempts: 100, backoff: 1s, factor: 1, '
                  'max_wait: 1s, jitter: 20%}', 'accounts:']
        # more attempts than there will be starts
        for number in range(STANDING_ATTEMPTS // 100 * 4 // 3):
            kind = ('dead', 'bad', 'silent')[number % 3]
            lines.append('  - {id: %s-%d, user: s-%d, source: {server: %s}}'
                         % (kind, number, number, kind))
        self.standing_plan = self.path('standing.yaml')
        self.write('standing.yaml', '\n'.join(lines) + '\n')

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(self.path(name), 0o600)

    # -- programs

    def environment(self):
        kept = {k: v for k, v in os.environ.items() if k in (
            'PATH', 'LANG', 'HOME')}
        return {**kept, **convoy.findings(),
                'XDG_RUNTIME_DIR': self.path('runtime'),
                'TMPDIR': self.folder, 'MAILCONVOY_ENGINE': convoy.ENGINE,
                'MAILCONVOY_JOURNAL_BYTES': '200000'}

    def spawn(self, *arguments):
        """A supervisor that runs; what it says is kept in the file "said"."""
        with open(self.path('said'), 'ab') as said:
            said.write(b'\n$ mailconvoy %s\n' % ' '.join(arguments).encode())
            said.flush()
            return subprocess.Popen(
                [convoy.SUPERVISOR, *arguments], stdin=subprocess.DEVNULL,
                stdout=said, stderr=said, cwd=self.folder,
                env=self.environment())

    def convoy(self, *arguments):
        """Runs to the end: (exit code, standard output)."""
        with open(self.path('said'), 'ab') as said:
            said.write(b'\n$ mailconvoy %s\n' % ' '.join(arguments).encode())
            said.flush()
            with self.running(subprocess.Popen(
                    [convoy.SUPERVISOR, *arguments], stderr=said, text=True,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    cwd=self.folder, env=self.environment())) as p:
                try:
                    out, _ = p.communicate(timeout=PATIENCE)
                except subprocess.TimeoutExpired:
                    self.violate('mailconvoy %s: no end after %d s',
                                 ' '.join(arguments), PATIENCE)
                    p.kill()
                    out, _ = p.communicate()
            said.write(out.encode())
        return p.returncode, out

    @contextlib.contextmanager
    def running(self, process):
        """While it runs it may be hit by what happens."""
        self.supervisor = process
        try:
            yield process
        finally:
            self.supervisor = None

    def run(self, *arguments):
        """A run that things may happen to: its exit code, negative for a
        signal."""
        with self.running(self.spawn(*arguments)) as p:
            try:
                code = p.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.violate('mailconvoy %s: no end after %d s',
                             ' '.join(arguments), PATIENCE)
                self.log('still there: %s', self.processes())
                p.kill()
                code = p.wait()
        self.log('%s: exit %d', ' '.join(arguments), code)
        return code

    def processes(self):
        """{pid: command line} of our programs, zombies of ours included."""
        found = {}
        for pid in os.listdir('/proc'):
            if not pid.isdigit():
                continue
            try:
                with open('/proc/%s/cmdline' % pid, 'rb') as f:
                    words = f.read().split(b'\0')
                folder = self.folder.encode()
                if os.path.basename(words[0]) in PROGRAMS and (
                        any(folder in w for w in words) or
                        os.readlink('/proc/%s/cwd' % pid).encode() == folder):
                    found[int(pid)] = [w.decode() for w in words if w]
            except OSError:
                continue
        return found

    def children(self):
        """Process ids of the engines of those supervisors that we know."""
        found = []
        for p in (self.supervisor, self.standing):
            try:
                with open('/proc/%d/task/%d/children' % (p.pid, p.pid),
                          encoding='ascii') as f:
                    found += map(int, f.read().split())
            except (OSError, AttributeError):
                continue
        return found

    def engines(self):
        """Of the batch; those of the standing one are left alone."""
        return sorted(pid for pid, words in self.processes().items()
                      if words[0].endswith('syncIMAPMail') and
                      not any('/standing/' in w for w in words))

    def newest(self, kind='runs', plan='soak'):
        folder = self.path('state/%s/%s' % (plan, kind))
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return os.path.join(folder, names[-1]) if names else None

    def wait_until(self, true, what, seconds=120):
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                self.violate('waited %d s for %s', seconds, what)
                return False
            time.sleep(0.02)  # poll, bounded by the deadline
        return True

    # -- the end

    def close(self):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for p in (self.supervisor, self.standing):
            if p:
                p.wait()
        for line in self.lines.values():
            line.cut()
        for server in self.servers.values():
            if hasattr(server, 'mail_dir'):
                server.stop(politely=False)
            else:
                server.remove()
        self.log_file.close()


def can_connect(port):
    try:
        with socket.create_connection(('127.0.0.1', port), 5) as s:
            s.settimeout(5)
            return s.recv(4) == b'* OK'
    except OSError:
        return False


def read_json_lines(path):
    """Whole lines; a torn last one is left out."""
    with open(path, encoding='utf-8') as f:
        return [json.loads(line) for line in f.read().split('\n')[:-1]]
