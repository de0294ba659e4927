# SPDX-License-Identifier: MIT
"""IMAP servers that misbehave on purpose.

Two kinds, both on a free port of 127.0.0.1, one thread a connection:

ScriptedServer plays a dialogue that is written down as a list of steps:

    ScriptedServer([
        send(b'* OK ready\\r\\n'),
        expect(rb'CAPABILITY'), send(b'* CAPABILITY IMAP4rev1\\r\\n<tag> OK\\r\\n'),
        expect(rb'LOGIN'), split(b'<tag> OK in\\r\\n'), stall()])

MiniServer is a small but real server with mail in memory.  It has no extensions
unless told so, and Faults switched on: it hangs up inside a literal, stores a
message and forgets to say so, refuses a message, announces what it cannot do.
"""
import base64
import dataclasses
import fnmatch
import re
import socket
import ssl
import struct
import threading
import time

from imap_client import Parser, quote

LINE_MAX = 1 << 20


class Hangup(Exception):
    """Ends one connection; nothing is wrong with the test."""


def reset_socket(s):
    """Closes with RST instead of FIN."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    s.close()


class Listener:
    """Accepts connections and runs serve(connection, number) in threads."""

    def __init__(self):
        self.listening = socket.create_server(('127.0.0.1', 0), backlog=128)
        self.port = self.listening.getsockname()[1]
        self.problems = []
        self.connections = 0
        self._open = set()
        self._lock = threading.Condition()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    def _accept(self):
        while True:
            try:
                s, _ = self.listening.accept()
            except OSError:
                return
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                number = self.connections
                self._open.add(s)
                self._lock.notify_all()
            t = threading.Thread(target=self._run, args=(s, number),
                                 daemon=True)
            self._threads.append(t)
            t.start()

    def _run(self, s, number):
        connection = Connection(s, self._stopping)
        try:
            self.serve(connection, number)
        except (Hangup, OSError):
            pass
        except Exception as e:  # pylint: disable=broad-except
            self.problems.append('connection %d: %r' % (number, e))
        finally:
            with self._lock:
                self._open.discard(s)
            connection.close()

    def serve(self, connection, number):
        raise NotImplementedError

    def wait_for_connections(self, count, seconds=20):
        """True when that many have come before the deadline."""
        with self._lock:
            return self._lock.wait_for(
                lambda: self.connections >= count, seconds)

    def stop(self):
        self._stopping.set()
        self.listening.close()
        try:  # wakes accept() up
            socket.create_connection(('127.0.0.1', self.port), 0.2).close()
        except OSError:
            pass
        with self._lock:
            for s in self._open:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        for t in self._threads:
            t.join(5)


class Connection:
    """Reading and writing; everything received is kept in `received`."""

    def __init__(self, s, stopping):
        self.socket, self.stopping = s, stopping
        self.buffer = bytearray()
        self.received = bytearray()
        self.tag = b'*'
        self.line = b''

    def close(self):
        self.socket.close()

    def _fill(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise Hangup
        self.received += data
        self.buffer += data

    def read_line(self):
        while True:
            end = self.buffer.find(b'\n')
            if end >= 0:
                line = bytes(self.buffer[:end + 1])
                del self.buffer[:end + 1]
                return line.rstrip(b'\r\n')
            if len(self.buffer) > LINE_MAX:
                raise ValueError('endless line from the client')
            self._fill()

    def read_bytes(self, count):
        while len(self.buffer) < count:
            self._fill()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def send(self, data):
        self.socket.sendall(data)

    def send_split(self, data, size=1):
        for at in range(0, len(data), size):
            self.socket.sendall(data[at:at + size])

    def reset(self):
        reset_socket(self.socket)
        raise Hangup

    def stall(self):
        """Says nothing more; ends when the client goes or the server stops."""
        while not self.stopping.is_set():
            self._fill()
        raise Hangup

    def start_tls(self, certificate, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)


# ---------------------------------------------------------------- steps

def expect(pattern):
    """The next line must match (search, any case); its tag is remembered."""
    def step(c):
        c.line = c.read_line()
        c.tag = c.line.split(b' ', 1)[0]
        if not re.search(pattern, c.line, re.I):
            raise AssertionError('expected %r, the client sent %r'
                                 % (pattern, c.line[:200]))
    return step


def send(data):
    """<tag> stands for the tag of the last expected command."""
    return lambda c: c.send(data.replace(b'<tag>', c.tag))


def split(data, size=1):
    """As send, `size` bytes a time."""
    return lambda c: c.send_split(data.replace(b'<tag>', c.tag), size)


def literal(count=None):
    """Reads a literal: of the announced size, or of `count` bytes."""
    def step(c):
        announced = re.search(rb'\{(\d+)\+?\}$', c.line)
        c.read_bytes(count if count is not None else int(announced.group(1)))
    return step


def delay(seconds):
    return lambda c: c.stopping.wait(seconds)


def close():
    def step(_):
        raise Hangup
    return step


def reset():
    return lambda c: c.reset()


def stall():
    return lambda c: c.stall()


def loop_until_logout():
    """Answers every further command with OK."""
    def step(c):
        while True:
            line = c.read_line()
            c.send(line.split(b' ', 1)[0] + b' OK done\r\n')
            if b'LOGOUT' in line.upper():
                raise Hangup
    return step


class ScriptedServer(Listener):
    """Connection n plays script n; the last script serves all that follow."""

    def __init__(self, *scripts):
        self.scripts = scripts
        self.received = []
        super().__init__()

    def serve(self, connection, number):
        self.received.append(connection.received)
        for step in self.scripts[min(number, len(self.scripts)) - 1]:
            step(connection)


# ---------------------------------------------------------------- mini server

@dataclasses.dataclass
class Message:
    uid: int
    flags: tuple
    date: bytes
    raw: bytes


class Mailbox:
    def __init__(self, name, uidvalidity):
        self.name, self.uidvalidity = name, uidvalidity
        self.messages, self.uidnext = [], 1
        self.subscribed = False
        self.attributes = b''

    def add(self, raw, flags=(), date=b'01-Jan-2020 00:00:00 +0000'):
        self.messages.append(Message(self.uidnext, tuple(flags), date, raw))
        self.uidnext += 1
        return self.uidnext - 1


@dataclasses.dataclass
class Fault:
    """Something that goes wrong `times` times, from the `nth` chance on.

    kind            happens at
    cut-in-literal  an appended message: after `count` bytes of it, nothing kept
    cut-before-reply  an APPEND whose messages are all in: hang up, no reply;
                    the messages are kept when `store`
    silent-reply    as above, but the connection stays open and silent
    no, bad         the command `command`: refused with `text`
    bye             the command `command`: "* BYE" and close
    stall           the command `command`: silence
    cut             the command `command`: close without a word
    cut-in-fetch    a body given out: after `count` bytes of it
    """
    kind: str
    command: str = 'APPEND'
    nth: int = 1
    times: int = 1
    count: int = 0
    store: bool = False
    text: bytes = b'[UNAVAILABLE] no'
    seen: int = 0

    def strikes(self):
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class MiniServer(Listener):
    """One account.  `capability`: what is announced after "IMAP4rev1";
    `supports`: what works in truth (as announced when None).  Known words:
    LITERAL+ MULTIAPPEND UIDPLUS NAMESPACE STARTTLS AUTH=PLAIN SASL-IR ESEARCH.
    `refuse`: pattern; an APPEND with a matching message is answered NO.
    `judge(raw, flags, date)`: None, or what an APPEND is answered instead of
    OK (b'NO too bad'); date is b'' when none was sent.
    `keywords`: what PERMANENTFLAGS says beside the system flags.
    `append_limits`: {mailbox: bytes or None (NIL)} for STATUS (APPENDLIMIT).
    `certificate`: (pem, key) for STARTTLS, or at once with `tls=True`.
    `session`: a subclass of Session, for faults of one test only.
    """

    def __init__(self, user='anna', password='pass', capability=(),
                 supports=None, faults=(), refuse=None, greeting=None,
                 certificate=None, tls=False, separator=b'/', session=None,
                 judge=None, keywords=b'\\*', append_limits=None):
        self.judge, self.keywords = judge, keywords
        self.append_limits = append_limits
        self.user, self.password = user, password
        self.session = session or Session
        self.capability = tuple(capability)
        self.supports = set(capability if supports is None else supports)
        self.faults, self.refuse = list(faults), refuse
        self.greeting = greeting or b'* OK mini server ready\r\n'
        self.certificate, self.tls = certificate, tls
        self.separator = separator
        self.boxes = {}
        self.commands = []
        self.strange = []
        self.created = 0
        self.lock = threading.RLock()
        self.box('INBOX')
        super().__init__()

    # -- for tests

    def box(self, name):
        """The mailbox, made when it is not there."""
        name = name.encode('ascii') if isinstance(name, str) else name
        if name.upper() == b'INBOX':
            name = b'INBOX'
        if name not in self.boxes:
            self.boxes[name] = Mailbox(name, 1000 + len(self.boxes))
            self.created += 1
        return self.boxes[name]

    def count(self, *names):
        """How often these commands came."""
        with self.lock:
            return sum(1 for n, _ in self.commands if n in names)

    def forget_commands(self):
        with self.lock:
            self.commands.clear()

    def contents(self):
        """{mailbox: sorted bodies}"""
        with self.lock:
            return {n.decode(): sorted(m.raw for m in b.messages)
                    for n, b in self.boxes.items()}

    def strike(self, kinds, command):
        for fault in self.faults:
            if fault.kind in kinds and fault.command == command and \
                    fault.strikes():
                return fault
        return None

    def serve(self, connection, number):
        self.session(self, connection).run()


class Refused(Exception):
    """Becomes a tagged NO or BAD."""


class Session:
    """One connection of a MiniServer."""

    def __init__(self, server, connection):
        self.server, self.io = server, connection
        self.selected = None
        self.read_only = True
        self.secret = False
        self.user = None

    def run(self):
        if self.server.tls:
            self.io.start_tls(*self.server.certificate)
        self.io.send(self.server.greeting)
        if self.server.greeting.startswith(b'* BYE'):
            raise Hangup
        while True:
            text, literals = self.read_command()
            if text is not None:
                self.obey(text, literals)

    # -- input

    def read_command(self):
        """(text, literals), or (None, None) when it was answered already."""
        text, literals = self.io.read_line(), []
        line = text
        while True:
            m = re.search(rb'\{(\d+)(\+?)\}$', line)
            if not m:
                return text, literals
            tag = text.split(b' ', 1)[0]
            size = int(m.group(1))
            if len(literals) == 1 and self.name_of(text) == 'APPEND' and \
                    'MULTIAPPEND' not in self.server.supports:
                if m.group(2):
                    self.io.read_bytes(size)
                    self.io.read_line()
                self.note(text)
                self.io.send(tag + b' BAD one message at a time\r\n')
                return None, None
            if m.group(2) and 'LITERAL+' not in self.server.supports:
                self.note(text)
                self.io.send(tag + b' BAD what is a plus sign\r\n')
                return None, None  # the literal is read as commands now
            if not m.group(2):
                self.io.send(b'+ go on\r\n')
            literals.append(self.read_literal(text, size))
            line = self.io.read_line()
            text += line

    @staticmethod
    def name_of(text):
        words = text.split(b' ', 2)
        return words[1].upper().decode('latin-1') if len(words) > 1 else ''

    def read_literal(self, text, size):
        if self.name_of(text) == 'APPEND':
            fault = self.server.strike(('cut-in-literal',), 'APPEND')
            if fault:
                self.note(text)
                self.io.read_bytes(min(fault.count, size))
                self.io.reset()
        return self.io.read_bytes(size)

    def note(self, text):
        name = self.name_of(text)
        with self.server.lock:
            self.server.commands.append((name, text))

    # -- commands

    def obey(self, text, literals):
        try:
            values = Parser(text, literals).values()
        except Exception:  # pylint: disable=broad-except
            values = []
        if len(values) < 2 or not isinstance(values[1], bytes):
            self.server.strange.append(text)
            self.io.send(b'* BAD what\r\n')
            return
        tag, name = values[0], values[1].upper().decode('latin-1')
        arguments = values[2:]
        if name == 'UID' and arguments:
            name += ' ' + arguments.pop(0).upper().decode('latin-1')
        with self.server.lock:
            self.server.commands.append((name, text))
        self.misbehave(tag, name)
        method = getattr(self, 'do_' + name.lower().replace(' ', '_'), None)
        if method is None:
            self.server.strange.append(text)
            self.io.send(tag + b' BAD unknown command\r\n')
            return
        try:
            if method == self.do_append:
                said = method(arguments, literals)
            else:
                said = method(*arguments)
            if said is not None:
                self.io.send(tag + b' OK ' + said + b'\r\n')
        except Refused as e:
            self.io.send(tag + b' ' + e.args[0] + b'\r\n')
        except (TypeError, IndexError, ValueError) as e:
            self.server.strange.append(text)
            self.io.send(tag + b' BAD arguments: %s\r\n' % repr(e).encode())
        if name == 'LOGOUT':
            raise Hangup

    def misbehave(self, tag, name):
        fault = self.server.strike(('bye', 'stall', 'cut'), name)
        if fault and fault.kind == 'bye':
            self.io.send(b'* BYE ' + fault.text + b'\r\n')
            raise Hangup
        if fault and fault.kind == 'stall':
            self.io.stall()
        if fault:
            raise Hangup

    def refuse_by_fault(self, name):
        fault = self.server.strike(('no', 'bad'), name)
        if fault:
            raise Refused(fault.kind.upper().encode() + b' ' + fault.text)

    def need(self, name):
        box = self.server.boxes.get(
            b'INBOX' if name.upper() == b'INBOX' else name)
        if box is None:
            raise Refused(b'NO [TRYCREATE] no such mailbox')
        return box

    def words(self):
        words = ('IMAP4rev1',) + self.server.capability
        return ' '.join(words).encode('ascii')

    def do_capability(self):
        self.refuse_by_fault('CAPABILITY')
        self.io.send(b'* CAPABILITY ' + self.words() + b'\r\n')
        return b'done'

    def do_noop(self):
        return b'done'

    do_check = do_noop

    def do_id(self, *_):
        self.io.send(b'* ID NIL\r\n')
        return b'done'

    def do_logout(self):
        self.io.send(b'* BYE bye\r\n')
        return b'done'

    def do_starttls(self):
        if 'STARTTLS' not in self.server.supports or self.secret:
            raise Refused(b'BAD no TLS')
        raise Refused(b'BAD STARTTLS is not in this class')

    def do_login(self, user, password):
        self.refuse_by_fault('LOGIN')
        server = self.server
        if (user, password) != (server.user.encode(),
                                server.password.encode()):
            raise Refused(b'NO [AUTHENTICATIONFAILED] wrong')
        self.user = user
        return b'in'

    def do_authenticate(self, mechanism, initial=None):
        if mechanism.upper() != b'PLAIN' or \
                'AUTH=PLAIN' not in self.server.supports:
            raise Refused(b'NO unknown mechanism')
        if initial is None:
            self.io.send(b'+ \r\n')
            initial = self.io.read_line()
        fields = base64.b64decode(initial).split(b'\0')
        return self.do_login(*fields[1:3])

    def do_namespace(self):
        if 'NAMESPACE' not in self.server.supports:
            raise Refused(b'BAD unknown command')
        self.io.send(b'* NAMESPACE (("" "%s")) NIL NIL\r\n'
                     % self.server.separator)
        return b'done'

    def _listed(self, pattern):
        regex = fnmatch.translate(pattern.decode('latin-1'))
        if '%' in regex:
            regex = regex.replace('%', '[^/]*')
        for name in sorted(self.server.boxes):
            if re.match(regex, name.decode('latin-1'), re.I):
                yield self.server.boxes[name]

    def do_list(self, reference, pattern):
        self.refuse_by_fault('LIST')
        if not pattern:
            self.io.send(b'* LIST (\\Noselect) "%s" ""\r\n'
                         % self.server.separator)
        for box in self._listed(reference + pattern) if pattern else ():
            self.io.send(b'* LIST (%s) "%s" %s\r\n' % (
                box.attributes, self.server.separator, quote(box.name)))
        return b'done'

    def do_lsub(self, reference, pattern):
        for box in self._listed(reference + pattern):
            if box.subscribed:
                self.io.send(b'* LSUB () "%s" %s\r\n' % (
                    self.server.separator, quote(box.name)))
        return b'done'

    def do_status(self, name, items):
        self.refuse_by_fault('STATUS')
        box = self.need(name)
        values = {b'MESSAGES': len(box.messages), b'RECENT': 0,
                  b'UIDNEXT': box.uidnext, b'UIDVALIDITY': box.uidvalidity,
                  b'UNSEEN': sum(b'\\Seen' not in m.flags
                                 for m in box.messages)}
        if self.server.append_limits is not None:
            limit = self.server.append_limits.get(box.name.decode())
            values[b'APPENDLIMIT'] = b'NIL' if limit is None else limit
        if not set(i.upper() for i in items) <= set(values):
            raise Refused(b'BAD unknown item')
        said = b' '.join(b'%s %s' % (i.upper(), str(values[i.upper()]).encode()
                                     if isinstance(values[i.upper()], int)
                                     else values[i.upper()]) for i in items)
        self.io.send(b'* STATUS %s (%s)\r\n' % (quote(name), said))
        return b'done'

    def do_create(self, name):
        self.refuse_by_fault('CREATE')
        name = name.rstrip(self.server.separator)
        with self.server.lock:
            if name in self.server.boxes or name.upper() == b'INBOX':
                raise Refused(b'NO [ALREADYEXISTS] it is there')
            parts = name.split(self.server.separator)
            for n in range(1, len(parts) + 1):
                self.server.box(self.server.separator.join(parts[:n]))
        return b'done'

    def do_delete(self, name):
        self.need(name)
        del self.server.boxes[name]
        return b'done'

    def do_subscribe(self, name):
        self.refuse_by_fault('SUBSCRIBE')
        self.need(name).subscribed = True
        return b'done'

    def do_unsubscribe(self, name):
        self.need(name).subscribed = False
        return b'done'

    def do_select(self, name):
        return self._open(name, False)

    def do_examine(self, name):
        return self._open(name, True)

    def _open(self, name, read_only):
        self.selected = None
        self.refuse_by_fault('EXAMINE' if read_only else 'SELECT')
        box = self.selected = self.need(name)
        self.read_only = read_only
        self.io.send(
            b'* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n'
            b'* %d EXISTS\r\n* 0 RECENT\r\n'
            b'* OK [UIDVALIDITY %d] valid\r\n* OK [UIDNEXT %d] next\r\n'
            b'* OK [PERMANENTFLAGS (%s)] kept\r\n' % (
                len(box.messages), box.uidvalidity, box.uidnext,
                b'' if read_only else b'\\Answered \\Flagged \\Deleted '
                b'\\Seen \\Draft ' + self.server.keywords))
        return b'[READ-ONLY] open' if read_only else b'[READ-WRITE] open'

    def do_close(self):
        self.selected = None
        return b'done'

    do_unselect = do_close

    def do_expunge(self):
        raise Refused(b'NO nothing is expunged here')

    # -- messages

    def _box(self):
        if self.selected is None:
            raise Refused(b'BAD no mailbox is open')
        return self.selected

    def _chosen(self, numbers, by_uid):
        """(sequence number, message) of a sequence set."""
        messages = list(self._box().messages)
        top = (messages[-1].uid if by_uid else len(messages)) \
            if messages else 0
        ranges = []
        for part in numbers.split(b','):
            ends = [top if e == b'*' else int(e) for e in part.split(b':')]
            ranges.append((min(ends), max(ends)))
        for n, message in enumerate(messages, 1):
            value = message.uid if by_uid else n
            if any(a <= value <= b for a, b in ranges):
                yield n, message

    def do_search(self, *keys):
        return self._search(keys, False)

    def do_uid_search(self, *keys):
        return self._search(keys, True)

    def _search(self, keys, by_uid):
        found = list(enumerate(self._box().messages, 1))
        keys = [k.upper() if isinstance(k, bytes) else k for k in keys]
        wanted = None
        if keys and keys[0] == b'RETURN':
            wanted, keys = [k.upper() for k in keys[1]], keys[2:]
        while keys:
            key = keys.pop(0)
            if key == b'UID':
                some = {n for n, _ in self._chosen(keys.pop(0), True)}
                found = [f for f in found if f[0] in some]
            elif key == b'DELETED':
                found = [f for f in found if b'\\Deleted' in f[1].flags]
            elif key in (b'UNDELETED', b'NOT'):
                if key == b'NOT' and keys.pop(0) != b'DELETED':
                    raise Refused(b'BAD unknown search key')
                found = [f for f in found if b'\\Deleted' not in f[1].flags]
            elif re.fullmatch(rb'[\d:,*]+', key):
                some = {n for n, _ in self._chosen(key, False)}
                found = [f for f in found if f[0] in some]
            elif key != b'ALL':
                raise Refused(b'BAD unknown search key')
        if wanted is not None:
            self._tell_found([m.uid if by_uid else n for n, m in found],
                             by_uid, wanted)
            return b'done'
        said = b''.join(b' %d' % (m.uid if by_uid else n) for n, m in found)
        self.io.send(b'* SEARCH' + said + b'\r\n')
        return b'done'

    def _tell_found(self, found, by_uid, wanted):
        """ESEARCH (RFC 4731)."""
        said = b' COUNT %d' % len(found) if b'COUNT' in wanted else b''
        if found and b'ALL' in wanted:
            said += b' ALL ' + b','.join(b'%d' % n for n in found)
        self.io.send(b'* ESEARCH (TAG "%s")%s%s\r\n' % (
            self.io.tag, b' UID' if by_uid else b'', said))

    def do_fetch(self, numbers, items):
        return self._fetch(numbers, items, False)

    def do_uid_fetch(self, numbers, items, *_):
        return self._fetch(numbers, items, True)

    def _fetch(self, numbers, items, by_uid):
        self.refuse_by_fault('FETCH')
        items = items if isinstance(items, list) else [items]
        items = [i.upper() for i in items]
        if by_uid and b'UID' not in items:
            items.insert(0, b'UID')
        for n, message in self._chosen(numbers, by_uid):
            head, bodies = [], []
            for item in items:
                short = item.replace(b'.PEEK', b'')
                if short.startswith((b'BODY[', b'RFC822')) and \
                        short != b'RFC822.SIZE':
                    bodies.append((short, self._section(message, short)))
                else:
                    head.append(short + b' ' + self._value(message, short))
            self._send_fetch(n, b' '.join(head), bodies)
        return b'done'

    def _send_fetch(self, n, head, bodies):
        self.io.send(b'* %d FETCH (' % n + head)
        for i, (name, data) in enumerate(bodies):
            space = b' ' if head or i else b''
            name = re.sub(rb'<(\d+)\.\d+>$', rb'<\1>', name)
            self.io.send(space + name + b' {%d}\r\n' % len(data))
            if data:
                fault = self.server.strike(('cut-in-fetch',), 'FETCH')
                if fault:
                    self.io.send(data[:fault.count])
                    raise Hangup
            self.io.send(data)
        self.io.send(b')\r\n')

    @staticmethod
    def _value(message, item):
        if item == b'UID':
            return b'%d' % message.uid
        if item == b'FLAGS':
            return b'(' + b' '.join(message.flags) + b')'
        if item == b'INTERNALDATE':
            return quote(message.date)
        if item == b'RFC822.SIZE':
            return b'%d' % len(message.raw)
        raise Refused(b'BAD unknown item')

    @staticmethod
    def _section(message, item):
        m = re.fullmatch(rb'(?:BODY\[(.*)\](?:<(\d+)\.(\d+)>)?|RFC822)', item)
        if not m:
            raise Refused(b'BAD unknown section')
        section, data = m.group(1) or b'', message.raw
        head, blank, _ = data.partition(b'\r\n\r\n')
        if section == b'HEADER':
            data = head + blank
        elif section.startswith(b'HEADER.FIELDS ('):
            wanted = {f.strip(b'" ') for f in section[15:-1].split()}
            fields = re.findall(rb'(?:^|(?<=\n))([^\s:]+)[ \t]*:'
                                rb'((?:[^\n]*\n?)(?:[ \t][^\n]*\n?)*)',
                                head + blank[:2])
            data = b''.join(n + b':' + v for n, v in fields
                            if n.upper() in wanted) + b'\r\n'
        elif section:
            raise Refused(b'BAD unknown section')
        if m.group(2):
            data = data[int(m.group(2)):][:int(m.group(3))]
        return data

    def do_store(self, numbers, item, flags):
        return self._store(numbers, item, flags, False)

    def do_uid_store(self, numbers, item, flags):
        return self._store(numbers, item, flags, True)

    def _store(self, numbers, item, flags, by_uid):
        if self.read_only:
            raise Refused(b'NO read-only')
        flags = flags if isinstance(flags, list) else [flags]
        item = item.upper()
        for n, message in self._chosen(numbers, by_uid):
            have = set(message.flags)
            if item.startswith(b'+'):
                have |= set(flags)
            elif item.startswith(b'-'):
                have -= set(flags)
            else:
                have = set(flags)
            message.flags = tuple(sorted(have))
            if b'SILENT' not in item:
                self.io.send(b'* %d FETCH (FLAGS (%s))\r\n' % (
                    n, b' '.join(message.flags)))
        return b'done'

    def do_append(self, arguments, literals):
        name, rest = arguments[0], arguments[1:]
        messages, flags, date = [], (), b''
        for value in rest:
            if isinstance(value, list):
                flags = tuple(value)
            elif any(value is one for one in literals):
                messages.append((value, flags, date))
                flags, date = (), b''
            else:
                date = value
        self.refuse_by_fault('APPEND')
        box = self.need(name)
        if self.server.refuse is not None:
            for raw, _, _ in messages:
                if re.search(self.server.refuse, raw):
                    raise Refused(b'NO [CANNOT] this one is not welcome')
        for message in messages if self.server.judge else ():
            verdict = self.server.judge(*message)
            if verdict:
                raise Refused(verdict)
        fault = self.server.strike(
            ('cut-before-reply', 'silent-reply'), 'APPEND')
        uids = []
        if fault is None or fault.store:
            with self.server.lock:
                now = time.strftime(
                    '%d-%b-%Y %H:%M:%S +0000', time.gmtime()).encode()
                uids = [box.add(raw, f, d or now) for raw, f, d in messages]
        if fault and fault.kind == 'silent-reply':
            self.io.stall()
        if fault:
            raise Hangup
        if 'UIDPLUS' in self.server.supports:
            span = b'%d' % uids[0]
            if len(uids) > 1:
                span += b':%d' % uids[-1]
            return b'[APPENDUID %d %s] stored' % (box.uidvalidity, span)
        return b'stored'
