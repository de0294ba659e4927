# SPDX-License-Identifier: MIT
"""A small terminal: what a program wrote, as somebody would see it, and the
program at the other end of a pseudo-terminal."""
import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata


def width(c):
    if unicodedata.combining(c) or unicodedata.category(c) in ('Mn', 'Me',
                                                               'Cf'):
        return 0
    return 2 if unicodedata.east_asian_width(c) in 'WF' else 1


class Screen:
    """Knows what our programs and a plain shell send; what else comes is kept
    in `unknown`.  Lines are not wrapped anew when the window changes."""

    ESCAPE = re.compile(r'\x1b\[([0-9;?]*)([A-Za-z])')

    def __init__(self, columns=80, rows=24):
        self.columns, self.rows = columns, rows
        self.lines = [[' '] * columns for _ in range(rows)]
        self.scrolled = []  # lines that went off at the top
        self.x = self.y = 0
        self.wraps = False  # the last column is taken
        self.wrapped = 0    # how often a line went on below
        self.styled = False
        self.unknown = []
        self.hidden = False
        self._rest = ''
        self._decoder = codecs.getincrementaldecoder('utf-8')('replace')

    def resize(self, columns, rows):
        for line in self.lines:
            line[:] = (line + [' '] * columns)[:columns]
        while len(self.lines) < rows:
            self.lines.append([' '] * columns)
        while len(self.lines) > rows:
            if self.y < len(self.lines) - 1:
                self.lines.pop()  # below the cursor
            else:
                self.scrolled.append(''.join(self.lines.pop(0)).rstrip())
                self.y -= 1
        self.columns, self.rows = columns, rows
        self.x = min(self.x, columns - 1)
        self.wraps = False

    def text(self):
        """What is seen."""
        return '\n'.join(''.join(x).rstrip() for x in self.lines).rstrip('\n')

    def history(self):
        return '\n'.join(self.scrolled + [self.text()])

    def feed(self, data):
        text = self._rest + self._decoder.decode(data)
        self._rest = ''
        at = 0
        while at < len(text):
            if text[at] == '\x1b':
                m = self.ESCAPE.match(text, at)
                if m:
                    self.escape(m.group(1), m.group(2))
                    at = m.end()
                    continue
                if len(text) - at < 12 and re.fullmatch(
                        r'\x1b(\[[0-9;?]*)?', text[at:]):
                    self._rest = text[at:]
                    return
                self.unknown.append(text[at:at + 8])
            else:
                self.put(text[at])
            at += 1

    def put(self, c):
        if c == '\r':
            self.x, self.wraps = 0, False
        elif c == '\n':
            self.down()
        elif c == '\b':
            self.x, self.wraps = max(0, self.x - 1), False
        elif c == '\a':
            pass
        elif c < ' ' or c == '\x7f' or '\x80' <= c < '\xa0':
            self.unknown.append(c)
        else:
            self.print(c)

    def print(self, c):
        n = width(c)
        if n == 0:
            return
        if self.wraps or self.x + n > self.columns:
            self.x, self.wraps = 0, False
            self.wrapped += 1
            self.down()
        self.lines[self.y][self.x] = c
        if n == 2 and self.x + 1 < self.columns:
            self.lines[self.y][self.x + 1] = ''
        self.x += n
        if self.x >= self.columns:
            self.x, self.wraps = self.columns - 1, True

    def down(self):
        self.wraps = False
        if self.y + 1 < self.rows:
            self.y += 1
            return
        self.scrolled.append(''.join(self.lines.pop(0)).rstrip())
        self.lines.append([' '] * self.columns)

    def escape(self, numbers, letter):
        n = int(numbers) if numbers.isdigit() else 0
        if letter == 'A':
            self.y, self.wraps = max(0, self.y - max(1, n)), False
        elif letter == 'K' and n == 0:
            self.lines[self.y][self.x:] = [' '] * (self.columns - self.x)
        elif letter == 'J' and n == 0:
            self.lines[self.y][self.x:] = [' '] * (self.columns - self.x)
            for y in range(self.y + 1, self.rows):
                self.lines[y] = [' '] * self.columns
        elif letter == 'm':
            self.styled = numbers not in ('', '0')
        elif letter in 'hl' and numbers == '?25':
            self.hidden = letter == 'l'
        elif letter in 'hl' and numbers == '?2004':
            pass  # shells
        else:
            self.unknown.append('\x1b[%s%s' % (numbers, letter))


class Terminal:
    """A program whose terminal we are."""

    def __init__(self, arguments, columns=80, rows=24, **kwargs):
        self.screen = Screen(columns, rows)
        self.raw = b''
        self.ours, theirs = pty.openpty()
        self.theirs = theirs  # kept open, so that its modes can be read
        self.set_size(columns, rows)

        def control():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        kwargs.setdefault('stdout', theirs)
        self.process = subprocess.Popen(
            arguments, stdin=theirs, stderr=theirs, preexec_fn=control,
            **kwargs)

    def set_size(self, columns, rows):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ,
                    struct.pack('HHHH', rows, columns, 0, 0))

    def resize(self, columns, rows):
        self.pump(0)
        self.screen.resize(columns, rows)
        self.set_size(columns, rows)

    def send(self, text):
        os.write(self.ours, text.encode())

    def pump(self, seconds):
        """Takes what comes for so long."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(0, deadline - time.monotonic())
            if not select.select([self.ours], [], [], min(left, 0.05))[0]:
                if left == 0:
                    return
                continue
            try:
                data = os.read(self.ours, 65536)
            except OSError:
                return
            self.raw += data
            self.screen.feed(data)

    def wait_for(self, pattern, seconds=20, history=False):
        """Until the screen shows it."""
        deadline = time.monotonic() + seconds
        while True:
            seen = self.screen.history() if history else self.screen.text()
            if re.search(pattern, seen):
                return seen
            if time.monotonic() > deadline:
                raise AssertionError('no %r on:\n%s' % (pattern, seen))
            self.pump(0.05)

    def wait_end(self, seconds=20):
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError('no end:\n' + self.screen.text())
            self.pump(0.05)
        self.pump(0.1)
        return self.process.returncode

    def modes(self):
        """(lines are edited, what is typed is shown)"""
        flags = termios.tcgetattr(self.theirs)[3]
        return bool(flags & termios.ICANON), bool(flags & termios.ECHO)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)
