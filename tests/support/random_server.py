#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The whole engine against servers that are right but for some of their replies.

    tests/support/random_server.py [--seconds N] [--seed S] [--count N]
        [--jobs N] [--memory MIB] [--keep FOLDER]

From a seed come both accounts, the options, which side is random and how.  A
random server obeys every command; only what it says is changed: a reply is
left out, doubled, cut, in another order, has another number, a wrong literal
size, a NUL, or the connection ends.  What must hold all the same is said in
`problems`.  MAILCONVOY_BUILD names the build; a seed that failed is run
again with --seed S --count 1.  --until (HH:MM, UTC) ends earlier.  --memory bounds the address space (not for the
address sanitizer)."""
import argparse
import concurrent.futures
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from scripted_server import (Hangup, MiniServer, Refused,  # noqa: E402
                             Session)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SECRETS = ('fuzz-Source.5ecret', 'fuzz-Target.5ecret')
DEADLINE = 240
FAILED_MAX = 20  # then it ends
# all that an engine may end with; it is told a right command line
CODES = (0, 1, 2, 3, 4, 69, 70, 73, 74, 75, 76, 77, 78)
READING = frozenset((
    'CAPABILITY', 'NOOP', 'ID', 'LOGIN', 'AUTHENTICATE', 'LOGOUT', 'LIST',
    'LSUB', 'STATUS', 'EXAMINE', 'UID FETCH', 'FETCH', 'SEARCH', 'UID SEARCH',
    'NAMESPACE', 'GETQUOTAROOT', 'GETACL', 'MYRIGHTS', 'GETMETADATA', 'ENABLE',
    'UNSELECT', 'STARTTLS', 'COMPRESS'))
WORDS = ('LITERAL+', 'MULTIAPPEND', 'UIDPLUS', 'NAMESPACE', 'ESEARCH', 'ACL',
         'METADATA', 'QUOTA')
FALSE_WORDS = ('LIST-EXTENDED', 'LIST-STATUS', 'CONDSTORE', 'ENABLE',
               'SPECIAL-USE', 'COMPRESS=DEFLATE', 'STATUS=SIZE', 'UNSELECT',
               'APPENDLIMIT=10', 'APPENDLIMIT=99999999999999999999999', 'ID',
               'LITERAL-', 'AUTH=SCRAM-SHA-1', 'RIGHTS=texk', 'X' * 300)
CODES_OF_REPLIES = (
    b'ALERT', b'READ-ONLY', b'UIDNOTSTICKY', b'OVERQUOTA',
    b'UIDVALIDITY 0', b'UIDVALIDITY 7', b'UIDNEXT 1', b'HIGHESTMODSEQ 0',
    b'APPENDUID 1 1', b'APPENDUID 1 1:4294967295', b'APPENDUID 0 0',
    b'CAPABILITY IMAP4rev1', b'CAPABILITY', b'X (a (b) "c")', b'INUSE',
    b'SERVERBUG', b'PERMANENTFLAGS ()', b'LIMIT',
    # these say that a mailbox is not there: believed
    b'TRYCREATE', b'NONEXISTENT', b'[', b'')
NUMBERS = (b'0', b'-1', b'1', b'2', b'4294967295', b'4294967296', b'007',
           b'18446744073709551615', b'99999999999999999999999', b'',
           b'2147483648', b'*', b'1:*')


# ---------------------------------------------------------------- replies

def units(data):
    """Bytes of a server as whole responses, literals and all."""
    found, at, start = [], 0, 0
    while at < len(data):
        end = data.find(b'\n', at)
        if end < 0:
            end = len(data) - 1
        literal = re.search(rb'\{(\d+)\}\r\n$', data[max(at, end - 40):end + 1])
        at = end + 1
        if literal:
            at += int(literal.group(1))
        else:
            found.append(data[start:at])
            start = at
    if start < len(data):
        found.append(data[start:])
    return found


def noise(rng):
    """A response that nobody asked for, and that takes nothing back."""
    return rng.choice((
        b'* OK [ALERT] the kitchen closes at ten\r\n', b'* 7 RECENT\r\n',
        b'* FLAGS ()\r\n', b'* OK [X-WORD (a b "c")] word\r\n',
        b'* NO [OVERQUOTA] soft limit\r\n', b'* BAD what\r\n',
        b'* LIST (\\Noselect) "/" Ghost\r\n', b'* ENABLED X\r\n',
        b'* STATUS Nowhere (MESSAGES 3)\r\n', b'* OK\r\n', b'* OK \r\n',
        b'* X-UNKNOWN {3}\r\nabc ("d" NIL)\r\n', b'* VANISHED 900000\r\n',
        b'* ACL Nowhere anna lrs\r\n', b'* OK ' + b'long ' * 900 + b'\r\n',
        b'* OK \x1b[2J\xff\xfe\xc2\x9b\r\n'))


def keeps(rng, said):
    """Changes that take nothing back: the same replies with more around."""
    at = rng.randrange(len(said))
    what = rng.randrange(4)
    if what == 0:
        said.insert(at, noise(rng))
    elif what == 1 and not said[at].startswith(b'+'):
        said.insert(at, said[at])
    elif what == 2 and b'{' not in said[at] and said[at][:2] == b'* ':
        words = said[at].split(b' ', 2)
        words[1] = words[1].lower()
        said[at] = b' '.join(words)
    else:
        m = re.match(rb'(\S+) OK (?:\[[^]]*\] )?', said[-1])
        if m and m.group(1) != b'*':
            said[-1] = b'%s %s [%s] %s\r\n' % (
                m.group(1), rng.choice((b'NO', b'BAD')),
                rng.choice(CODES_OF_REPLIES[:-4]), b'not today')
    return said


def change_number(rng, reply):
    """Not in what a literal holds, nor in a tag."""
    first = reply.find(b' ') + 1
    end = reply.find(b'\n', first)
    found = list(re.finditer(rb'\d+', reply[first:end]))
    if not found:
        return reply
    m = rng.choice(found)
    number = rng.choice(NUMBERS) if rng.random() < 0.5 else \
        b'%d' % max(0, int(m.group()[:18]) + rng.choice((-9, -1, 1, 2, 30)))
    return reply[:first + m.start()] + number + reply[first + m.end():]


def lies(rng, said):
    """Changes after which nobody can know what was meant."""
    at = rng.randrange(len(said))
    reply = said[at]
    place = rng.randrange(len(reply)) if reply else 0
    what = rng.randrange(12)
    if what == 0:
        del said[at]
    elif what == 1:
        rng.shuffle(said)
    elif what == 2 and reply[:2] not in (b'* ', b'+ '):
        said[at] = rng.choice((b'X999', b'*', b'', b'+')) + \
            reply[reply.find(b' '):]
    elif what in (3, 4, 5):
        said[at] = change_number(rng, reply)
    elif what == 6:
        said[at] = reply[:place] + reply[place + rng.randrange(1, 30):]
    elif what == 7:
        said[at] = reply[:place] + rng.choice(
            (b'\0', b'\r', b'\n', b'\r\n', b'(', b')', b'"', b'\\', b'{9}',
             b'{9}\r\n', b'\xff', b' ', b'NIL', b'~')) + reply[place:]
    elif what == 8:
        m = re.match(rb'(\S+ OK )(?:\[[^]]*\] )?', reply)
        if m:
            said[at] = m.group(1) + b'[%s] ' % rng.choice(
                CODES_OF_REPLIES) + reply[m.end():]
    elif what == 9:
        said.insert(at, rng.choice((
            b'(' * 1000 + b'\r\n', b'* LIST ' + b'(' * 100 + b'\r\n',
            b'* 1 FETCH (' + b'a ' * 50000 + b')\r\n', b'* 1 EXPUNGE\r\n',
            b'* 9 EXISTS\r\n', b'* 0 EXISTS\r\n', b'\r\n', b'*\r\n', b'+\r\n',
            b'* CAPABILITY IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS\r\n',
            b'* 4294967295 FETCH (UID 4294967295 FLAGS (\\Deleted))\r\n',
            b'* SEARCH 1 2 3\r\n', b'* ESEARCH UID ALL 1:4294967295\r\n',
            b'* OK [UIDVALIDITY 1] x\r\n', b'+ go on\r\n',
            b'* BYE\r\n', b'* PREAUTH hello\r\n', b'A1 OK done\r\n')))
    elif what == 10:
        said[at] = b'a' * 3000000
    else:
        return keeps(rng, said)
    return said


# ---------------------------------------------------------------- server

class Voice:
    """Between a session and its socket: collects what is said until somebody
    listens, and says it changed."""

    def __init__(self, connection, rng, server):
        self.__dict__.update(io=connection, rng=rng, server=server,
                             waiting=b'', command='')
        fill = connection._fill

        def flush_and_fill():
            self.flush()
            fill()
        connection._fill = flush_and_fill

    def __getattr__(self, name):
        return getattr(self.io, name)

    def send(self, data):
        self.__dict__['waiting'] += data

    def flush(self):
        said = units(self.waiting)
        self.__dict__['waiting'] = b''
        rng, server = self.rng, self.server
        if not said:
            return
        rate = server.rate
        if rate and server.focus:
            rate = max(rate, 0.3) if server.focus == self.command else rate / 4
        while said and rng.random() < rate:
            server.changes += 1
            end = rng.random()
            if end < 0.2:
                self.hang_up(said)
            if end < 0.23:
                self.io.stall()
            said = (lies if server.lies else keeps)(rng, said)
        data = b''.join(said)
        if rng.random() < 0.1 and len(data) < 20000:
            self.io.send_split(data, rng.choice((1, 3, 7, 100)))
        else:
            self.io.send(data)

    def hang_up(self, said):
        data = b''.join(said)
        self.io.send(data[:self.rng.randrange(len(data) + 1)])
        if self.rng.random() < 0.3:
            self.io.reset()
        raise Hangup


class RandomSession(Session):
    """MiniServer's, and the little that is said about other extensions."""

    def __init__(self, server, connection):
        voice = Voice(connection, random.Random(
            '%s %d' % (server.seed, server.connections)), server)
        super().__init__(server, voice)

    def obey(self, text, literals):
        self.io.__dict__.update(tag=text.split(b' ', 1)[0],
                                command=self.name_of(text))
        try:
            super().obey(text, literals)
        except Hangup:
            self.io.flush()
            raise

    def do_uid_expunge(self, numbers):
        gone = [m for _, m in self._chosen(numbers, True)
                if b'\\Deleted' in m.flags]
        box = self._box()
        box.messages = [m for m in box.messages if m not in gone]
        return b'done'

    def do_getacl(self, name):
        self.need(name)
        self.io.send(b'* ACL "%s" anna lrswipkxtea bob lr\r\n' % name)
        return b'done'

    def do_setacl(self, *_):
        return b'done'

    def do_getmetadata(self, *arguments):
        names = [a for a in arguments if isinstance(a, bytes)]
        self.io.send(b'* METADATA "%s" (/private/comment "his" '
                     b'/shared/comment {4}\r\nours)\r\n' % names[0])
        return b'done'

    def do_setmetadata(self, *_):
        return b'done'

    def do_getquotaroot(self, name):
        self.io.send(b'* QUOTAROOT "%s" ""\r\n'
                     b'* QUOTA "" (STORAGE 10 512000)\r\n' % name)
        return b'done'

    def do_myrights(self, name):
        raise Refused(b'NO not told')


def make_server(seed, number, rate, with_lies, rng):
    """`rate`: of changed replies; 0: an honest one."""
    words = [w for w in WORDS if rng.random() < 0.6]
    false_words = [w for w in FALSE_WORDS if rng.random() < 0.1] \
        if with_lies and rate else []
    server = MiniServer(
        session=RandomSession, capability=words + false_words,
        supports=words, password=SECRETS[number])
    server.seed = '%d %d' % (seed, number)
    server.rate, server.lies, server.changes = rate, with_lies, 0
    # one command may be what goes wrong most
    server.focus = rng.choice((None, None, 'APPEND', 'UID', 'LIST', 'STATUS'))
    return server


def message(seed, number, rng):
    """No two are alike, and none becomes another when some bytes go."""
    name = hashlib.sha256(b'%d %d' % (seed, number)).hexdigest()[:24].encode()
    lines = [b'From: anna@example.org', b'Subject: ' + name,
             b'Message-ID: <%s@example.org>' % name,
             b'Date: Thu, 02 Jan 2020 10:%02d:00 +0000' % (number % 60), b'']
    lines += [b'* OK text %d {9}' % number] * rng.randrange(4)
    if rng.random() < 0.1:
        lines += [b'long line ' * 300] * rng.randrange(1, 30)
    return b'\r\n'.join(lines) + b'\r\n'


# ---------------------------------------------------------------- one run

class Run:
    """One seed: two servers, an engine, what is wrong about it."""

    def __init__(self, seed, engine, memory=0):
        self.rng = rng = random.Random(seed)
        self.seed, self.engine, self.memory = seed, engine, memory
        self.folder = tempfile.mkdtemp(prefix='mcv-fuzz-', dir='/tmp')
        rate = rng.choice((0.01, 0.03, 0.1, 0.3))
        self.sides = rng.choice(((1, 0), (0, 1), (1, 1)))
        self.lies = rng.random() < 0.6
        self.servers = [make_server(seed, n, rate * self.sides[n], self.lies,
                                    rng) for n in (0, 1)]
        self.mode = rng.choice(('copy',) * 6 + (
            'mirror', 'new', 'dry', 'probe', 'verify', 'count'))
        self.fill()
        self.problems, self.outcome, self.log = [], '', ''

    def fill(self):
        source, target = self.servers
        rng = self.rng
        for n in range(rng.randrange(1, 25)):
            name = rng.choice(('INBOX', 'Sent', 'a/b &AOQ- c', 'Drafts'))
            raw = message(self.seed, n, rng)
            flags = rng.choice(((), (b'\\Seen',), (b'$Work', b'\\Flagged')))
            source.box(name).add(raw, flags)
            if rng.random() < 0.2:
                target.box(name).add(raw, flags)
        for n in range(rng.randrange(3)):
            target.box('INBOX').add(message(self.seed, 1000 + n, rng))
        self.before = [self.held(s) for s in self.servers]

    @staticmethod
    def held(server):
        with server.lock:
            return sorted(m.raw for b in server.boxes.values()
                          for m in b.messages)

    def options(self):
        rng = self.rng
        given = ['--srcTLS', 'none', '--dstTLS', 'none', '--timeout', '2',
                 '--settle', '0']
        for option in ('--noThreads', '--noLiteralPlus', '--noACL',
                       '--noMetadata', '--noSubscription'):
            if rng.random() < 0.3:
                given.append(option)
        if rng.random() < 0.3:
            given += ['--connections', str(rng.choice((2, 3)))]
        if rng.random() < 0.5:
            given += ['--stateFile', self.folder + '/state']
        if rng.random() < 0.2:
            given += ['--fetchMax', '1', '--storeMax', '2']
        return given + {
            'copy': [], 'mirror': ['--mode', 'syncDst', '--maxDelete', '100'],
            'new': ['--mode', 'syncSrcNew'], 'dry': ['--dryRun'],
            'probe': ['--probe'], 'verify': ['--verify', 'body'],
            'count': ['--verify', 'count']}[self.mode]

    def arguments(self, options, record):
        words = [self.engine, *options, '--recordFd', str(record)]
        if self.memory:
            words[:0] = ['/bin/sh', '-c', 'ulimit -v %d; exec "$0" "$@"' % (
                self.memory << 10)]
        for side, secret in zip(('src', 'dst'), SECRETS):
            path = '%s/%s' % (self.folder, side)
            with open(path, 'w', encoding='ascii') as f:
                f.write(secret + '\n')
            os.chmod(path, 0o600)
            words += ['--%sPasswordFile' % side, path]
        for server in self.servers:
            words += ['127.0.0.1:%d' % server.port, 'anna', '-']
        return words

    def start_engine(self, options):
        """(exit status or None, log, records)"""
        runtime = self.folder + '/runtime/mailconvoy'
        os.makedirs(runtime, 0o700, exist_ok=True)
        with open(runtime + '/since', 'w', encoding='ascii'):
            os.utime(runtime + '/since', (1000000000, 1000000000))
        with open(self.folder + '/log', 'w+b') as log, \
                open(self.folder + '/records', 'w+b') as records:
            process = subprocess.Popen(
                self.arguments(options, records.fileno()),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[records.fileno()],
                env=dict(os.environ,
                         XDG_RUNTIME_DIR=os.path.dirname(runtime)))
            try:
                code = process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                code = None
            log.seek(0)
            records.seek(0)
            return (code, log.read().decode('utf-8', 'replace'),
                    records.read().decode('utf-8', 'replace'))

    def go(self):
        try:
            given = self.options()
            begun = time.monotonic()
            code, log, records = self.start_engine(given)
            self.seconds = time.monotonic() - begun
            self.outcome = '%s exit %s' % (self.mode, code)
            self.log = '%s\n%s' % (' '.join(given), log)
            self.check(code, log, records)
            if self.mode == 'copy' and not self.problems and code is not None:
                self.again(given)
        finally:
            for server in self.servers:
                server.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
        return self

    # -- what must hold

    def problem(self, text):
        self.problems.append(text)

    def check(self, code, log, records):
        if code is None:
            self.problem('no end after %d s' % DEADLINE)
            return
        if code not in CODES or code == 70:
            self.problem('exit %d' % code)
        self.check_records(code, records)
        self.check_words(log + records)
        self.check_source()
        self.check_target(code)

    def check_records(self, code, records):
        try:
            lines = [json.loads(line) for line in records.splitlines()]
        except ValueError:
            self.problem('a record is no JSON')
            return
        ends = [r for r in lines if r['ev'] == 'end']
        if len(ends) != 1 or lines[-1] is not ends[0]:
            self.problem('%d end records' % len(ends))
        elif ends[0]['exit'] != code:
            self.problem('exit %s, record %s' % (code, ends[0]['exit']))
        elif code == 0:
            t = ends[0].get('tally', {})
            parts = ('copied', 'present', 'skipped', 'refused', 'vanished',
                     'unreached')
            counts = [t.get(p, 0) for p in parts]
            if t.get('source', 0) != sum(
                    sum(c.values()) if isinstance(c, dict) else c
                    for c in counts):
                self.problem('no balance: %r' % t)

    def check_words(self, text):
        for secret in SECRETS:
            if secret in text:
                self.problem('a password was written')
        if re.search(r'Sanitizer|runtime error|bug at', text):
            self.problem('sanitizer')
        if re.search('[\x00-\x08\x0b-\x1f\x7f-\x9f]', text):
            self.problem('bytes of a terminal in the log')

    def check_source(self):
        with self.servers[0].lock:
            names = {n for n, _ in self.servers[0].commands}
        # a line that is half of a literal is no command of ours
        bad = {n for n in names - READING if n.isalpha() or ' ' in n}
        if bad:
            self.problem('the source was told %s' % sorted(bad))
        if self.held(self.servers[0]) != self.before[0]:
            self.problem('the source was changed')

    def check_target(self, code):
        had = list(self.before[1])
        now = self.held(self.servers[1])
        if self.mode not in ('copy', 'new', 'mirror'):
            if had != now:
                self.problem('the target was changed')
            if self.mode == 'verify' and code == 0 and \
                    not (self.lies or self.sides[0]) and \
                    not set(self.before[0]) <= set(had):  # more is no fault
                self.problem('different accounts were called equal')
            return
        known = set(had) | set(self.before[0])
        source_lies = self.lies and self.sides[0]
        if not source_lies and not set(now) <= known:
            self.problem('the target holds what nobody has sent')
        kept = set(had) & set(self.before[0]) if self.mode == 'mirror' \
            else set(had)
        if not source_lies and not kept <= set(now) and not (
                self.lies and self.mode == 'mirror'):
            self.problem('the target has lost messages')
        if code == 0 and self.mode != 'new' and not source_lies and \
                not set(self.before[0]) <= set(now):
            self.problem('exit 0, and %d messages are missing' % len(
                set(self.before[0]) - set(now)))
        if not self.lies and not self.sides[1] and \
                len(now) != len(set(now)):
            self.problem('doubled messages on an honest target')
        # refused ones are sent in another form, and that is told
        if code == 0 and not self.lies and 'taken only' not in self.log:
            self.check_details(now)

    def check_details(self, now):
        """Of a run that says all is well, and of which nobody has lied."""
        source, target = ({m.raw: m for b in s.boxes.values()
                           for m in b.messages} for s in self.servers)
        # unless CAPABILITY was refused
        if self.mode == 'mirror' and 'UIDPLUS' in self.servers[1].supports \
                and 'has no UIDPLUS' not in self.log \
                and set(now) != set(self.before[0]):
            self.problem('a mirror has another content')
        for raw in set(source) & set(target) - set(self.before[1]):
            if source[raw].date != target[raw].date:
                self.problem('another date: %r' % target[raw].date)
            if set(source[raw].flags) != set(target[raw].flags):
                self.problem('other flags: %r, %r' % (
                    source[raw].flags, target[raw].flags))

    def again(self, given):
        """Both servers honest now: all that is missing comes."""
        for server in self.servers:
            server.rate = 0
            server.capability = tuple(
                w for w in server.capability if w in server.supports)
        patient = ['60' if a == '2' and b == '--timeout' else a
                   for a, b in zip(given, [''] + given)]
        code, log, records = self.start_engine(patient)
        self.log += '\n---- again\n' + log
        self.check_words(log + records)
        if code != 0:
            self.problem('again, honest servers: exit %s' % code)
        elif not (self.lies and self.sides[0] and '--stateFile' in given) and \
                not set(self.before[0]) <= set(self.held(self.servers[1])):
            # a source that gave the mail of another mailbox under this UID
            # is not asked for what the state file knows
            self.problem('again, honest servers: exit 0, messages missing')


def run(seed, engine, memory=0):
    return Run(seed, engine, memory).go()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=float, default=60)
    parser.add_argument('--until', help='HH:MM, UTC')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--count', type=int, default=1 << 30)
    parser.add_argument('--jobs', type=int, default=6)
    parser.add_argument('--memory', type=int, default=0)
    parser.add_argument('--keep', help='folder for logs of what failed')
    given = parser.parse_args()
    build = os.environ.get('MAILCONVOY_BUILD') or ROOT + '/build/release'
    engine = os.path.join(build, 'bin', 'syncIMAPMail')
    until = time.monotonic() + given.seconds
    if given.until:
        hour, minute = map(int, given.until.split(':'))
        left = hour * 3600 + minute * 60 - time.time() % 86400
        until = min(until, time.monotonic() + max(0, left))
    outcomes, failed, done = {}, [], 0

    def next_runs():
        for seed in range(given.seed, given.seed + given.count):
            if time.monotonic() > until or len(failed) >= FAILED_MAX:
                return
            yield seed

    seeds = next_runs()
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        waiting = set()
        while True:
            for seed in seeds:
                waiting.add(pool.submit(run, seed, engine, given.memory))
                if len(waiting) >= given.jobs:
                    break
            if not waiting:
                break
            ended, waiting = concurrent.futures.wait(
                waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in ended:
                one = future.result()
                done += 1
                outcomes[one.outcome] = outcomes.get(one.outcome, 0) + 1
                if not one.problems:
                    continue
                failed.append(one.seed)
                print('seed %d: %s; %s; sides %s, lies %s' % (
                    one.seed, '; '.join(one.problems), one.outcome, one.sides,
                    one.lies), flush=True)
                if given.keep:
                    os.makedirs(given.keep, exist_ok=True)
                    with open('%s/%d.log' % (given.keep, one.seed), 'w',
                              encoding='utf-8') as f:
                        f.write(one.log)
    for name in sorted(outcomes):
        print('%6d  %s' % (outcomes[name], name))
    print('%d runs, %d failed: %s' % (
        done, len(failed), ' '.join(map(str, sorted(failed)[:50]))))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
