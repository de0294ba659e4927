# SPDX-License-Identifier: MIT
"""A TCP proxy on loopback that knows the steps of an IMAP session, and breaks the
line at one of them, once.

    with StepProxy(port) as proxy:
        proxy.arm(Break('LIST', 'answer', 'fin'))
        ... proxy.port ... proxy.struck ... proxy.steps ... proxy.commands()

A Break is a step, a moment of it and what happens to the line.  Steps: "connect",
"greeting", and every command by its name.  Moments:

    ask      the command has come from the client and does not reach the server
    inside   half of it went on: of the greeting, of the literal of an APPEND, of
             the literal in the answer to a FETCH
    go       the server's "+" is kept back
    answer   the server obeyed; its tagged answer is kept back

What happens:

    fin      both ends are told that the other one has closed
    rst      both ends get a reset
    half     the client is told that nothing more comes; what it sends goes on
    stall    nothing passes any more, and nobody is told

Encrypted sessions pass unread from STARTTLS on.
"""
import collections
import re
import selectors
import socket
import struct
import threading

Break = collections.namedtuple('Break', 'step moment kind')

KINDS = ('fin', 'rst', 'half', 'stall')
TWO_WORDS = (b'UID', b'AUTHENTICATE')
LITERAL = re.compile(rb'\{(\d+)(\+?)\}\r?\n$')
BLOCK = 1 << 16
SEND_SECONDS = 60


def reset(s):
    """Closed at once, with a reset."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    s.close()


def command_of(line):
    """(tag, name) of the first line of a command."""
    tag, _, rest = line.rstrip(b'\r\n').partition(b' ')
    words = rest.upper().split(b' ')
    count = 2 if words[0] in TWO_WORDS and len(words) > 1 else 1
    return tag, b' '.join(words[:count]).decode('ascii', 'replace')


class Broken(Exception):
    """Nothing passes any more."""


class Way:
    """One direction: what has come, and who reads it step by step."""

    def __init__(self, source, target):
        self.source, self.target = source, target
        self.held = bytearray()
        self.closed = False   # the source has
        self.muted = False    # nothing is passed on
        self.reader = None    # a generator, resumed when more has come

    def line(self):
        while (end := self.held.find(b'\n')) < 0:
            yield
        return self.take(end + 1)

    def some(self, most):
        while not self.held:
            yield
        return self.take(min(most, len(self.held)))

    def take(self, count):
        data = bytes(self.held[:count])
        del self.held[:count]
        return data

    def send(self, data):
        if not self.muted:
            self.target.sendall(data)


class Line:
    """One connection, in a thread of its own."""

    def __init__(self, proxy, client, server):
        self.proxy = proxy
        self.client, self.server = client, server
        self.up, self.down = Way(client, server), Way(server, client)
        self.up.reader, self.down.reader = self._asks(), self._tells()
        self.awaited = {}  # tag or "+": (step, moment)

    def run(self):
        for s in (self.client, self.server):
            s.settimeout(SEND_SECONDS)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with selectors.DefaultSelector() as selector:
            for way in (self.up, self.down):
                next(way.reader)
                selector.register(way.source, selectors.EVENT_READ, way)
            try:
                while not (self.up.closed and self.down.closed):
                    for key, _ in selector.select():
                        if not self._come(key.data):
                            selector.unregister(key.fileobj)
            except (Broken, OSError):
                pass
        for s in (self.client, self.server):
            s.close()

    def _come(self, way):
        """False: nothing more comes."""
        data = way.source.recv(BLOCK)
        if not data:
            way.closed = True
            if way is self.up and way.muted:
                raise Broken  # a stalled line, and the client gave up
            if not way.muted:
                way.target.shutdown(socket.SHUT_WR)
            return False
        way.held += data
        next(way.reader)
        return True

    # -- from the client

    def _asks(self):
        up = self.up
        while True:
            line = yield from up.line()
            tag, name = command_of(line)
            self.proxy.heard.append(name)
            self._strike(name, 'ask')
            yield from self._command(line, tag, name)
            if name == 'STARTTLS':
                yield from self._unread(up)

    @staticmethod
    def _unread(way):
        while True:
            way.send((yield from way.some(BLOCK)))

    def _command(self, line, tag, name):
        """With its literals, as they come."""
        self.awaited[tag] = (name, 'answer')
        while True:
            found = LITERAL.search(line)
            if found and not found.group(2):
                self.proxy.steps.add((name, 'go'))
                self.awaited[b'+'] = (name, 'go')
            self.up.send(line)
            if not found:
                return
            yield from self._literal(self.up, int(found.group(1)), name)
            line = yield from self.up.line()

    def _literal(self, way, size, name):
        left = size
        while left > 0:
            data = yield from way.some(left)
            left -= len(data)
            if name and left <= size // 2:
                way.send(data[:len(data) // 2])
                self._strike(name, 'inside')
                data = data[len(data) // 2:]
            way.send(data)

    # -- from the server

    def _tells(self):
        down = self.down
        line = yield from down.line()
        down.send(line[:5])
        self._strike('greeting', 'inside')
        down.send(line[5:])
        while True:
            line = yield from down.line()
            word = line.partition(b' ')[0].strip()
            step, moment = self.awaited.pop(word, (None, None))
            if step is not None:
                self._strike(step, moment)
            down.send(line)
            if step == 'STARTTLS':
                yield from self._unread(down)
            found = LITERAL.search(line)
            if found:
                body = b'BODY[] ' in line
                yield from self._literal(down, int(found.group(1)),
                                         'UID FETCH' if body else None)

    # -- the break

    def _strike(self, step, moment):
        kind = self.proxy.reached(step, moment)
        if kind in ('half', 'stall'):
            self.down.muted = True
            self.up.muted = kind == 'stall'
            if kind == 'half':
                self.client.shutdown(socket.SHUT_WR)
        elif kind == 'rst':
            reset(self.server)
            reset(self.client)
            raise Broken
        elif kind == 'fin':
            raise Broken


class StepProxy:
    def __init__(self, port):
        self.target = port
        self.armed, self.struck = None, False
        self.heard, self.steps = [], set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def arm(self, the_break):
        """The line breaks the first time it gets there; None: never."""
        self.armed, self.struck = the_break, False

    def forget(self):
        self.heard, self.steps = [], set()

    def commands(self):
        """{command name: count} since the last forget()."""
        return collections.Counter(self.heard)

    def reached(self, step, moment):
        """The kind of break when the line breaks here."""
        with self.lock:
            self.steps.add((step, moment))
            if self.struck or self.armed is None or \
                    (step, moment) != self.armed[:2]:
                return None
            self.struck = True
            return self.armed.kind

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            kind = self.reached('connect', 'ask')
            if kind in ('fin', 'half'):
                client.close()
                continue
            if kind == 'rst':
                reset(client)
                continue
            server = socket.create_connection(('127.0.0.1', self.target))
            line = Line(self, client, server)
            if kind == 'stall':
                line.up.muted = line.down.muted = True
            threading.Thread(target=line.run, daemon=True).start()
