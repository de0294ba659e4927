# SPDX-License-Identifier: MIT
"""Dialogues with a server that are written down in files, and their replay.

A file tests/dialogues/NAME.case has header lines, then the dialogue of one side;
the other side is a MiniServer. Header (`# key: value`, a key may come again):

    # faults: F006 F009         numbers of docs/FAULTS.md
    # shows: what the case is there for, in one line
    # scripted: source          or target: the side that plays the dialogue
    # program: engine           or check (mailconvoy check --connect), or run
    # options: --timeout 1      of the engine; $CA is a file with our certificate.
                                A plan takes its TLS, CAFile and timeout from them
    # exit: 0                   of the program
    # log: words                that must stand in the log
    # not in log: words         that must not
    # mail: INBOX 1 2; Sent 3   letters by number. Scripted source: what an honest
                                server would hold, with which a second run must make
                                the copy whole. Scripted target: what is to be copied
    # flags: \\Seen $Junk       of all these letters, for a scripted target
    # target: INBOX 1           what a MiniServer holds in the end (default: all
                                mail when the exit code is 0, else not looked at)
    # sent: 1 2 2               what was sent to a scripted target (default as above)
    # tally: copied 2 refused 1 of the last line of accounting
    # capability: UIDPLUS       words of the MiniServer
    # black hole: yes           the scripted side has an address before its own
                                where nobody answers
    # once: why                 only as it is written; else each case is replayed
                                three times: as written, every reply byte by byte,
                                and replies glued together

Steps of the dialogue, one a line; `; ` begins a comment:

    C: * LOGIN *                the next line of the client; * is anything. Its first
                                word is <tag>, that of the command before <tag-1>,
                                <tag+1> a guess at the next one
    body                        reads the literal announced there, and the rest of
                                the line, which the next C: does not see
    S: <tag> OK done            a reply, CRLF is added; not behind a \\ at the end.
                                Blanks before it do not count, \\x20 does.
                                \\r \\n \\t \\0 \\x1b \\\\ are bytes, \\Seen is what it is
    split 3                     replies from here on in pieces of 3 bytes
    delay 0.2                   seconds
    tls, tls TLSv1.1            a handshake; the highest version
    stall                       says no more, until the client goes
    close, reset                FIN, RST
    gone                        the client goes, without another word
    connection                  what follows is the next connection's dialogue
    connection *                the same for all that follow
    use inbox 1 2               the steps of parts/inbox.part; $1 $2 are the words,
                                $* all of them, $# how many

In replies: {repeat 1000 X}, {literal text} with its size before it, {mail 1} a letter
as literal, {listed 1 2} and {bodies 1 2} whole FETCH responses of these UIDs, {found 1 2} of
these letters with UIDs from 100 on, as they are looked for on a target.
A dialogue that ends waits for LOGOUT or the end of the connection. What the client
says otherwise than is written, or one connection more, fails the case at once.
"""
import dataclasses
import glob
import os
import re
import select
import shlex
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import convoy
import dovecot
from convoy import CANARY, PATIENCE
from scripted_server import Hangup, Listener, MiniServer

FOLDER = os.path.join(convoy.ROOT, 'tests', 'dialogues')
HEADERS = ('faults', 'shows', 'scripted', 'options', 'exit', 'log',
           'not in log', 'mail', 'flags', 'target', 'sent', 'tally', 'capability',
           'program', 'black hole', 'once')
WAYS = ('written', 'bytes', 'glued')
DATE = b'02-Jan-2020 10:00:00 +0000'
# more than this goes out byte by byte at both ends only
BYTES_MAX = 4096
# as long a reply is held back for a command that may come behind this one
GLUE_SECONDS = 0.004
CLOSE_SECONDS = 5  # until a client has noticed


def letter(number):
    return (b'From: somebody@example.org\r\nSubject: letter %d\r\n'
            b'Message-ID: <letter.%d@example.org>\r\n'
            b'Date: Thu, 02 Jan 2020 10:00:00 +0000\r\n\r\ntext %d\r\n'
            % (number, number, number))


def named(raw):
    """A letter by its number, anything else as it is."""
    number = re.search(rb'^Subject: letter (\d+)\r$', raw, re.M)
    number = int(number.group(1)) if number else 0
    return number if raw == letter(number) else raw[:200]


# ---------------------------------------------------------------- replies

def literal(data):
    return b'{%d}\r\n' % len(data) + data


def fetched(uid, with_body):
    text = b'* %d FETCH (UID %d FLAGS () INTERNALDATE "%s" RFC822.SIZE %d' % (
        uid, uid, DATE, len(letter(uid)))
    if with_body:
        text += b' BODY[] ' + literal(letter(uid))
    return text + b')\r\n'


def found(uid, number):
    header = letter(number).split(b'\r\n\r\n')[0] + b'\r\n\r\n'
    return (b'* %d FETCH (UID %d FLAGS () INTERNALDATE "%s" RFC822.SIZE %d '
            b'BODY[HEADER.FIELDS (MESSAGE-ID DATE FROM TO CC SUBJECT)] %s)\r\n'
            % (uid - 99, uid, DATE, len(letter(number)), literal(header)))


ESCAPES = {'r': b'\r', 'n': b'\n', 't': b'\t', '0': b'\0', '\\': b'\\'}


def unescape(text):
    out = b''
    for plain, escape in re.findall(
            r'([^\\]+|\\(?![rnt0\\]|x[0-9a-fA-F]{2}))|'
            r'\\([rnt0\\]|x[0-9a-fA-F]{2})', text):
        out += plain.encode() if plain else ESCAPES.get(escape) or \
            bytes([int(escape[1:], 16)])
    return out


MACRO = re.compile(r'\{(repeat \d+ [^{}]+|literal [^{}]*|mail \d+|'
                   r'(?:listed|bodies|found)(?: \d+)* ?)\}')


def expand(macro):
    name, _, rest = macro.partition(' ')
    if name == 'repeat':
        count, _, text = rest.partition(' ')
        return unescape(text) * int(count)
    if name == 'literal':
        return literal(unescape(rest))
    if name == 'mail':
        return literal(letter(int(rest)))
    if name == 'found':
        return b''.join(found(100 + n, int(number))
                        for n, number in enumerate(rest.split()))
    return b''.join(fetched(int(uid), name == 'bodies')
                    for uid in rest.split())


def reply(text):
    """The bytes of what stands behind "S: ", all but the tags."""
    end = b'\r\n'
    if text.endswith('\\') and not text.endswith('\\\\'):
        text, end = text[:-1], b''
    out = b''
    for n, part in enumerate(MACRO.split(text)):
        out += expand(part) if n % 2 else unescape(part)
    # whole FETCH responses bring their own line end
    return out if re.fullmatch(r'\{(listed|bodies|found)[ \d]*\}', text) \
        else out + end


# ---------------------------------------------------------------- files

class BadCase(Exception):
    """Where in a file is what."""


@dataclasses.dataclass
class Step:
    verb: str
    argument: object
    where: str


@dataclasses.dataclass
class Script:
    steps: list
    goes_on: bool = False


class DialogueCase:
    """A file that was read: `header` {key: [values]}, `scripts`."""

    def __init__(self, path):
        self.stem = os.path.splitext(os.path.basename(path))[0]
        self.header = {}
        self.scripts = [Script([])]
        with open(path, encoding='utf-8') as f:
            lines = f.read().splitlines()
        for number, line in enumerate(lines, 1):
            where = '%s:%d' % (os.path.basename(path), number)
            if line.startswith('#'):
                self._header(line, where)
            else:
                self._step(line, where)
        self._check()

    def _header(self, line, where):
        key, colon, value = line[1:].partition(':')
        key = key.strip()
        if key not in HEADERS or not colon:
            raise BadCase('%s: no header: %s' % (where, line))
        self.header.setdefault(key, []).append(value.strip())

    def _step(self, line, where):
        verb, _, argument = line.strip().partition(' ')
        if not verb or verb.startswith(';'):
            return
        if verb in ('C:', 'S:'):
            argument = line.strip()[2:].lstrip(' ')
        elif verb not in ('body', 'split', 'delay', 'tls', 'stall', 'close',
                          'reset', 'gone', 'connection', 'use'):
            raise BadCase('%s: no step: %s' % (where, line))
        if verb == 'use':
            self._use(argument.split(), where)
        elif verb == 'connection':
            self.scripts.append(Script([], argument == '*'))
        else:
            if verb == 'S:':
                argument = reply(argument)
            self.scripts[-1].steps.append(Step(verb, argument, where))

    def _use(self, words, where):
        path = os.path.join(FOLDER, 'parts', words[0] + '.part')
        if not os.path.exists(path):
            raise BadCase('%s: no part: %s' % (where, words[0]))
        given = {'$*': ' '.join(words[1:]), '$#': str(len(words) - 1)}
        given.update(('$%d' % n, w) for n, w in enumerate(words[1:], 1))
        with open(path, encoding='utf-8') as f:
            for line in f.read().splitlines():
                self._step(re.sub(r'\$[\d*#]',
                                  lambda m: given.get(m.group(0), ''), line),
                           where + ' (%s)' % words[0])

    def _check(self):
        for key in ('shows', 'scripted', 'exit'):
            if len(self.header.get(key, ())) != 1:
                raise BadCase('%s: needs one "# %s:"' % (self.stem, key))
        for key, words in (('scripted', ('source', 'target')),
                           ('program', ('engine', 'check', 'run'))):
            if self.one(key, words[0]) not in words:
                raise BadCase('%s: %s: not one of %s' % (
                    self.stem, key, ', '.join(words)))

    def one(self, key, default=None):
        return self.header.get(key, [default])[0]

    def all(self, key):
        return self.header.get(key, [])

    def ways(self):
        return WAYS[:1] if 'once' in self.header else WAYS

    def mail(self, key='mail'):
        """{mailbox: [numbers]}"""
        boxes = {}
        for text in filter(None, self.all(key)[0].split(';')):
            words = shlex.split(text)
            boxes[words[0]] = [int(w) for w in words[1:]]
        return boxes


def files():
    return sorted(glob.glob(os.path.join(FOLDER, '*.case')))


# ---------------------------------------------------------------- server

CERTIFICATE = {}
LIBRARY = {}
MADE_ONCE = threading.Lock()


def certificate():
    """(pem, key) for localhost and 127.0.0.1, made once."""
    with MADE_ONCE:
        if not CERTIFICATE:
            CERTIFICATE['folder'] = tempfile.TemporaryDirectory(
                prefix='mcv-tls-')
            CERTIFICATE['pair'] = dovecot.make_certificate(
                CERTIFICATE['folder'].name + '/own')
        return CERTIFICATE['pair']


def library():
    """two_addresses.c, built once."""
    with MADE_ONCE:
        if not LIBRARY:
            LIBRARY['folder'] = tempfile.TemporaryDirectory(prefix='mcv-two-')
            LIBRARY['path'] = LIBRARY['folder'].name + '/two_addresses.so'
            subprocess.run(
                ['cc', '-std=c17', '-D_GNU_SOURCE', '-O1', '-Wall', '-Werror',
                 '-shared', '-fPIC', '-o', LIBRARY['path'], os.path.join(
                     convoy.ROOT, 'tests', 'support', 'two_addresses.c')],
                check=True)
        return LIBRARY['path']


class BlackHole:
    """127.0.0.2 at a port: its queue is full, nobody takes from it."""

    def __init__(self, port):
        self.listening = socket.create_server(('127.0.0.2', port), backlog=0)
        self.full = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(('127.0.0.2', port))
            self.full.append(s)

    def stop(self):
        for s in (self.listening, *self.full):
            s.close()


class Player:
    """One connection that plays a script."""

    def __init__(self, server, connection):
        self.server, self.io = server, connection
        self.tags = [b'*']
        self.line = b''
        self.out = []
        self.size = 1 if server.way == 'bytes' else 0

    def play(self, script):
        for step in script.steps:
            getattr(self, 'do_' + step.verb.strip(':').lower())(step)
        self.drain()

    # -- output

    def flush(self):
        data, self.out = b''.join(self.out), []
        if not self.size:
            self.io.send(data)
            return
        head, tail = len(data), len(data)
        if len(data) > BYTES_MAX:
            head, tail = BYTES_MAX // 2, len(data) - BYTES_MAX // 2
        self.io.send_split(data[:head], self.size)
        if head < tail:
            self.io.send(data[head:tail])
        self.io.send_split(data[tail:], self.size)

    def tag(self, m):
        step = int(m.group(1) or 0)
        if step <= 0:
            return self.tags[step - 1]
        name, number = re.fullmatch(rb'(\D*)(\d+)', self.tags[-1]).groups()
        return b'%s%d' % (name, int(number) + step)

    def do_s(self, step):
        data = re.sub(rb'<tag([-+]\d)?>', self.tag, step.argument)
        self.out.append(data)
        if self.server.way != 'glued':
            self.flush()

    def do_split(self, step):
        self.flush()
        self.size = int(step.argument)

    # -- input

    def has(self, enough):
        """Is it there already, or comes at once?"""
        while not enough():
            pending = isinstance(self.io.socket, ssl.SSLSocket) and \
                self.io.socket.pending()
            if not pending and not select.select(
                    [self.io.socket], [], [], GLUE_SECONDS)[0]:
                return False
            self.io._fill()  # pylint: disable=protected-access
        return True

    def flush_before(self, enough):
        if self.out and not self.has(enough):
            self.flush()

    def read_line(self):
        self.flush_before(lambda: b'\n' in self.io.buffer)
        return self.io.read_line()

    def do_c(self, step):
        self.line = self.read_line()
        pattern = b'.*'.join(re.escape(p.encode())
                             for p in step.argument.split('*'))
        self.tags.append(self.line.split(b' ', 1)[0])
        if not re.fullmatch(pattern, self.line, re.I | re.S):
            self.server.problem('%s: expected "%s", the client said %r' % (
                step.where, step.argument, self.line[:300]))

    def do_body(self, step):
        announced = re.search(rb'\{(\d+)\+?\}$', self.line)
        if not announced:
            self.server.problem('%s: no literal was announced: %r' % (
                step.where, self.line[:300]))
        size = int(announced.group(1))
        self.flush_before(lambda: len(self.io.buffer) >= size)
        body = self.io.read_bytes(size)
        self.line = self.read_line()
        with self.server.lock:
            self.server.sent.append(body)

    # -- the rest

    def do_delay(self, step):
        self.flush()
        self.io.stopping.wait(float(step.argument))

    def do_tls(self, step):
        self.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate())
        if step.argument:
            context.set_ciphers('ALL:@SECLEVEL=0')
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = getattr(
                ssl.TLSVersion, step.argument.replace('.', '_'))
        self.io.socket = context.wrap_socket(self.io.socket, server_side=True)

    def do_stall(self, _):
        self.flush()
        self.io.stall()

    def do_close(self, _):
        """A close with words of the client unread would be a reset, which
        overtakes what was said."""
        self.flush()
        self.io.socket.shutdown(socket.SHUT_WR)
        self.io.socket.settimeout(CLOSE_SECONDS)
        self.io.stall()

    def do_reset(self, _):
        self.flush()
        self.io.reset()

    def do_gone(self, step):
        self.flush()
        while not self.io.buffer:
            self.io._fill()  # pylint: disable=protected-access
        self.server.problem('%s: not gone, the client said %r' % (
            step.where, bytes(self.io.buffer[:300])))

    def drain(self):
        self.flush()
        while True:
            line = self.io.read_line()
            if not re.match(rb'\S+ LOGOUT$', line, re.I):
                self.server.problem('behind the end the client said %r'
                                    % line[:300])


class DialogueServer(Listener):
    def __init__(self, scripts, way):
        self.scripts, self.way = scripts, way
        self.sent = []
        self.lock = threading.Lock()
        super().__init__()

    def problem(self, text):
        self.problems.append(text)
        raise Hangup

    def serve(self, connection, number):
        last = self.scripts[-1]
        if number > len(self.scripts) and not last.goes_on:
            if not connection.stopping.is_set():
                self.problem('connection %d was not expected' % number)
            raise Hangup
        script = self.scripts[number - 1] if number <= len(self.scripts) \
            else last
        Player(self, connection).play(script)


# ---------------------------------------------------------------- replay

class Replay:
    """A case, played once in one way. `failures` says what was wrong."""

    def __init__(self, case, way):
        self.case, self.way = case, way
        self.failures = []
        self.folder = tempfile.mkdtemp(prefix='mcv-dlg-', dir='/tmp')

    def run(self):
        case = self.case
        mail = case.mail() if case.all('mail') else None
        honest = MiniServer(password=CANARY, capability=case.one(
            'capability', '').split())
        scripted = DialogueServer(case.scripts, self.way)
        hole = BlackHole(scripted.port) if case.all('black hole') else None
        try:
            self.make_marker_folder()
            if case.one('scripted') == 'source':
                if self.play(scripted, honest, scripted):
                    self.check_target(honest, mail)
                    if mail is not None and self.way == 'written':
                        self.run_again(honest, mail)
            else:
                self.fill(honest, mail or {},
                          case.one('flags', '').encode().split())
                if self.play(honest, scripted, scripted):
                    self.check_sent(scripted, mail)
            self.expect([], honest.problems + honest.strange, 'honest server')
        finally:
            if hole:
                hole.stop()
            scripted.stop()
            honest.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
        return self

    def make_marker_folder(self):
        """No run has been there, since long ago."""
        os.makedirs(self.folder + '/mailconvoy', 0o700)
        since = self.folder + '/mailconvoy/since'
        with open(since, 'w', encoding='ascii'):
            os.utime(since, (1000000000, 1000000000))

    def fail(self, what, log=''):
        self.failures.append('%s, replies %s: %s\n%s' % (
            self.case.stem, self.way, what, log[-3000:]))

    def expect(self, wanted, got, what, log=''):
        if wanted != got:
            self.fail('%s: expected %r, got %r' % (what, wanted, got), log)

    @staticmethod
    def fill(server, mail, flags=()):
        for name, numbers in mail.items():
            for number in numbers:
                server.box(name).add(letter(number), flags, DATE)

    def options(self):
        """Of the engine, as the header says; {name: value}."""
        words = [certificate()[0] if w == '$CA' else w
                 for w in shlex.split(self.case.one('options', ''))]
        options = {'--srcTLS': 'none', '--dstTLS': 'none', '--timeout': '60'}
        while words:
            name = words.pop(0)
            is_value = words and not words[0].startswith('--')
            options[name] = words.pop(0) if is_value else None
        return options

    def environment(self):
        environment = dict(os.environ, XDG_RUNTIME_DIR=self.folder,
                           MAILCONVOY_ENGINE=convoy.ENGINE)
        if 'black hole' in self.case.header:
            environment.update(
                LD_PRELOAD=library(), TWO_ADDRESSES='127.0.0.2,127.0.0.1',
                ASAN_OPTIONS='verify_asan_link_order=0:%s' %
                os.environ.get('ASAN_OPTIONS', ''))
        return environment

    def host(self, is_scripted):
        return 'two.example' if is_scripted and \
            'black hole' in self.case.header else '127.0.0.1'

    def engine_command(self, source, target, options, scripted=None):
        command = [convoy.ENGINE, '--settle', '0']
        for name, value in options.items():
            command += [name] if value is None else [name, value]
        for server in (source, target):
            command += ['%s:%d' % (self.host(server is scripted), server.port),
                        'anna', CANARY]
        return command

    def supervisor_command(self, source, target, options):
        plan, secret = self.folder + '/plan.yaml', self.folder + '/secret'
        lines = ['version: 1', 'name: demo', 'servers:']
        for side, name, server in (('src', 'old', source),
                                   ('dst', 'new', target)):
            tls = options['--%sTLS' % side]
            lines.append(
                '  %s: {host: 127.0.0.1, port: %d, tls: %s%s%s}' % (
                    name, server.port, tls,
                    ', allow_plaintext: true' if tls == 'none' else '',
                    ''.join(', ca_file: ' + v for k, v in options.items()
                            if k == '--%sCAFile' % side)))
        lines += ['defaults:', '  source: {server: old, password: '
                  '{file: secret}}', '  target: {server: new, password: '
                  '{file: secret}}',
                  '  options: {timeout: %ss}' % options['--timeout'],
                  'retry: {attempts: 3, backoff: 1s, factor: 1, max_wait: 1s, '
                  'jitter: 0%}', 'accounts:', '  - {user: anna}']
        for path, text in ((plan, '\n'.join(lines)), (secret, CANARY)):
            with open(path, 'w', opener=lambda p, f: os.open(p, f, 0o600),
                      encoding='utf-8') as f:
                f.write(text + '\n')
        return [convoy.SUPERVISOR, self.case.one('program'), plan,
                *(['--connect'] if self.case.one('program') == 'check' else [])]

    def program(self, command, scripted=None):
        """(exit code, log); ended as soon as the dialogue has gone wrong."""
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd=self.folder, env=self.environment())
        try:
            return self.wait(process, scripted)
        finally:
            convoy.end(process)

    def wait(self, process, scripted):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                log, _ = process.communicate(timeout=0.1)
                return process.returncode, log.decode('utf-8', 'replace')
            except subprocess.TimeoutExpired:
                pass
            if time.monotonic() > deadline:
                self.fail('no end after %d s' % PATIENCE)
            elif not (scripted and scripted.problems):
                continue
            process.kill()
            log, _ = process.communicate()
            return None, log.decode('utf-8', 'replace')

    def play(self, source, target, scripted):
        """False when the dialogue itself went wrong."""
        case, options = self.case, self.options()
        if case.one('program', 'engine') == 'engine':
            command = self.engine_command(source, target, options, scripted)
        else:
            command = self.supervisor_command(source, target, options)
        code, log = self.program(command, scripted)
        self.expect([], scripted.problems, 'dialogue', log)
        if scripted.problems:
            return False
        self.expect(int(case.one('exit')), code, 'exit code', log)
        for words in case.all('log'):
            if words not in log:
                self.fail('not in the log: ' + words, log)
        for words in case.all('not in log') + [CANARY]:
            if words in log:
                self.fail('in the log: ' + words, log)
        self.check_tally(log)
        return True

    def check_tally(self, log):
        tallies = list(convoy.TALLY.finditer(log))
        words = self.case.one('tally', '').split()
        if not tallies:
            if words:
                self.fail('no line of accounting', log)
            return
        tally = {k: int(v or 0) for k, v in tallies[-1].groupdict().items()}
        self.expect(tally['source'], sum(
            n for k, n in tally.items() if k != 'source'), 'balance', log)
        for key, number in zip(words[::2], words[1::2]):
            self.expect(int(number), tally[key], key, log)

    def check_target(self, target, mail):
        wanted = self.case.mail('target') if self.case.all('target') else \
            mail if self.case.one('exit') == '0' else None
        if wanted is not None:
            self.expect_mail(wanted, target, 'target')

    def expect_mail(self, mail, target, what):
        wanted = {name: sorted(numbers, key=str)
                  for name, numbers in mail.items() if numbers}
        have = {name: sorted(map(named, bodies), key=str)
                for name, bodies in target.contents().items() if bodies}
        self.expect(wanted, have, what)

    def check_sent(self, scripted, mail):
        if self.case.all('sent'):
            numbers = [int(n) for n in self.case.one('sent').split()]
        elif self.case.one('exit') == '0' and mail is not None:
            numbers = sum(mail.values(), [])
        else:
            return
        self.expect(sorted(numbers, key=str),
                    sorted(map(named, scripted.sent), key=str), 'sent')

    def run_again(self, target, mail):
        """With an honest source: nothing is lost, nothing comes twice."""
        with MiniServer(password=CANARY) as source:
            self.fill(source, mail)
            code, log = self.program(self.engine_command(
                source, target, {'--srcTLS': 'none', '--dstTLS': 'none'}))
            self.expect(0, code, 'exit code of the run after it', log)
            self.expect_mail(mail, target, 'target after the run after it')


def replay(path):
    """All that went wrong with a case, in all its ways."""
    case = DialogueCase(path)
    failures = []
    for way in case.ways():
        failures += Replay(case, way).run().failures
    return failures
