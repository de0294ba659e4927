# SPDX-License-Identifier: MIT
"""A small, quick IMAP client for tests: raw bytes, pipelining, no cleverness.

Shares nothing with the programs under test.
"""
import re
import socket
import ssl


class ImapError(Exception):
    pass


def quote(name):
    """A mailbox name or other string (bytes or str) as a quoted string."""
    if isinstance(name, str):
        name = name.encode('ascii')
    return b'"' + name.replace(b'\\', b'\\\\').replace(b'"', b'\\"') + b'"'


def utf7_encode(text):
    """Modified UTF-7 of RFC 3501 5.1.3."""
    import base64
    out, run = [], []

    def flush():
        if run:
            raw = ''.join(run).encode('utf-16-be')
            out.append('&' + base64.b64encode(raw).decode('ascii')
                       .rstrip('=').replace('/', ',') + '-')
            run.clear()
    for c in text:
        if ' ' <= c <= '~':
            flush()
            out.append('&-' if c == '&' else c)
        else:
            run.append(c)
    flush()
    return ''.join(out)


class Parser:
    """Values of one response: bytes, None (NIL), lists.  Literals are given
    apart, in the order they stand in."""

    ATOM = re.compile(rb'[^\s()"{\[]*\[[^\]]*\](?:<[\d.]+>)?[^\s()"{]*'
                      rb'|[^\s()"{]+')
    QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
    LITERAL = re.compile(rb'\{(\d+)\+?\}')

    def __init__(self, text, literals):
        self.text, self.at, self.literals = text, 0, iter(literals)

    def values(self, closed=False):
        out = []
        while True:
            while self.at < len(self.text) and self.text[self.at] == 32:
                self.at += 1
            if self.at >= len(self.text):
                if closed:
                    raise ImapError('unbalanced: %r' % self.text[:200])
                return out
            c = self.text[self.at:self.at + 1]
            if c == b'(':
                self.at += 1
                out.append(self.values(True))
            elif c == b')':
                self.at += 1
                return out
            elif c == b'"':
                m = self.QUOTED.match(self.text, self.at)
                self.at = m.end()
                out.append(re.sub(rb'\\(.)', rb'\1', m.group(1)))
            elif c == b'{':
                m = self.LITERAL.match(self.text, self.at)
                self.at = m.end()
                out.append(next(self.literals))
            else:
                m = self.ATOM.match(self.text, self.at)
                self.at = m.end()
                word = m.group(0)
                out.append(None if word.upper() == b'NIL' else word)


class Imap:
    def __init__(self, host, port, tls=None, timeout=60):
        """tls: None, or an ssl.SSLContext for implicit TLS."""
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        self.input = self.socket.makefile('rb', 1 << 20)
        self.count = 0
        self.greeting = self.input.readline()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        try:
            self.socket.sendall(b'zz LOGOUT\r\n')
            while self.input.readline():
                pass
        except (OSError, ssl.SSLError):
            pass
        self.input.close()
        self.socket.close()

    # -- sending and receiving

    def send(self, *parts):
        """Sends a command; returns its tag."""
        self.count += 1
        tag = b't%d' % self.count
        self.socket.sendall(b''.join((tag, b' ') + parts + (b'\r\n',)))
        return tag

    def read_response(self):
        """(text without line end, literals) of one response."""
        text, literals = b'', []
        while True:
            line = self.input.readline()
            if not line.endswith(b'\n'):
                raise ImapError('connection closed after %r' % (text + line))
            text += line.rstrip(b'\r\n')
            m = re.search(rb'\{(\d+)\}\r?\n$', line)
            if not m:
                return text, literals
            size = int(m.group(1))
            literals.append(self.input.read(size))
            if len(literals[-1]) != size:
                raise ImapError('connection closed in a literal')

    def wait(self, tag):
        """The untagged responses up to the tagged one, which must be OK."""
        out = []
        while True:
            text, literals = self.read_response()
            if text.startswith(tag + b' '):
                if not text[len(tag) + 1:].upper().startswith(b'OK'):
                    raise ImapError(text.decode('utf-8', 'replace'))
                return out
            out.append((text, literals))

    def command(self, *parts):
        return self.wait(self.send(*parts))

    def login(self, user, password):
        self.command(b'LOGIN ', quote(user.encode()),
                     b' ', quote(password.encode()))
        return self

    # -- what the tests ask for

    def _names(self, verb, pattern=b'*'):
        """{name: (attributes, separator)}"""
        found = {}
        for text, literals in self.command(verb, b' "" ', quote(pattern)):
            if text.upper().startswith(b'* ' + verb + b' '):
                rest = Parser(text[len(verb) + 3:], literals).values()
                found[rest[2]] = ([a.upper() for a in rest[0]], rest[1])
        return found

    def list(self, pattern=b'*'):
        return self._names(b'LIST', pattern)

    def lsub(self, pattern=b'*'):
        return self._names(b'LSUB', pattern)

    def fetch(self, mailbox, items=b'(UID FLAGS INTERNALDATE BODY.PEEK[])'):
        """Every message of a mailbox, one {item: value} each; EXAMINE only."""
        exists = 0
        for text, _ in self.command(b'EXAMINE ', quote(mailbox)):
            m = re.match(rb'\* (\d+) EXISTS', text, re.I)
            if m:
                exists = int(m.group(1))
        if exists == 0:
            return []
        messages = {}
        tag = self.send(b'FETCH 1:* ', items)
        while True:
            text, literals = self.read_response()
            if text.startswith(tag + b' '):
                if not text[len(tag) + 1:].upper().startswith(b'OK'):
                    raise ImapError(text.decode('utf-8', 'replace'))
                break
            m = re.match(rb'\* (\d+) FETCH ', text, re.I)
            if m:
                pairs = Parser(text[m.end():], literals).values()[0]
                got = messages.setdefault(int(m.group(1)), {})
                got.update({k.upper(): v
                            for k, v in zip(pairs[::2], pairs[1::2])})
        return [messages[n] for n in sorted(messages)]

    def counts(self):
        """{mailbox: messages} of everything that can be selected."""
        names = [n for n, (attributes, _) in self.list().items()
                 if b'\\NOSELECT' not in attributes and
                 b'\\NONEXISTENT' not in attributes]
        tags = [self.send(b'STATUS ', quote(n), b' (MESSAGES)')
                for n in names]
        counts = {}
        for name, tag in zip(names, tags):
            for text, literals in self.wait(tag):
                if text.upper().startswith(b'* STATUS '):
                    values = Parser(text[9:], literals).values()
                    counts[name] = int(values[1][1])
        return counts

    def append(self, mailbox, raw, flags=b'', date=b''):
        self.append_many(mailbox, [(raw, flags, date)])

    def append_many(self, mailbox, messages, refused=None):
        """Pipelined APPENDs; messages: (bytes, flags, date or b'').  With a list
        `refused` the server may refuse some: its words go there."""
        plus = self._has_literal_plus()
        waiting = []

        def wait(tag):
            try:
                self.wait(tag)
            except ImapError as e:
                if refused is None or 'connection' in str(e):
                    raise
                refused.append(str(e))
        for raw, flags, date in messages:
            head = b'APPEND ' + quote(mailbox) + b' (' + flags + b') '
            if date:
                head += quote(date) + b' '
            if plus:
                waiting.append(self.send(
                    head, b'{%d+}\r\n' % len(raw), raw))
            else:
                tag = self.send(head, b'{%d}' % len(raw))
                text, _ = self.read_response()
                if not text.startswith(b'+'):
                    raise ImapError(text.decode('utf-8', 'replace'))
                self.socket.sendall(raw + b'\r\n')
                wait(tag)
            if len(waiting) >= 50:
                wait(waiting.pop(0))
        for tag in waiting:
            wait(tag)

    def _has_literal_plus(self):
        if not hasattr(self, 'plus'):
            said = b' '.join(t for t, _ in self.command(b'CAPABILITY'))
            self.plus = b'LITERAL+' in said.upper().split()
        return self.plus
