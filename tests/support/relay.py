# SPDX-License-Identifier: MIT
"""A TCP relay on loopback that keeps what clients send: the commands that a
server without a log of its own was given.

    with Relay(port) as relay:
        ... relay.port ... relay.commands() ... relay.lines()

It can also keep back what a server says: hold(), is_holding(), let_go().
"""
import re
import socket
import threading

import dovecot


def shut(s, how=socket.SHUT_RDWR):
    try:
        s.shutdown(how)
    except OSError:
        pass  # the other end went first


class Relay:
    def __init__(self, port):
        self.target = port
        self.sent = []  # one bytearray a connection
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.open = []  # the two sockets of each connection
        self.lock = threading.Lock()
        self.told = 0  # bytes that went to clients
        self.word, self.holds = None, 0  # see hold()
        self.held, self.free = threading.Event(), threading.Event()
        self.free.set()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.let_go()
        shut(self.listener)
        self.thread.join()
        self.listener.close()
        with self.lock:
            for pair in self.open:
                for s in pair:
                    shut(s)

    def forget_commands(self):
        with self.lock:
            self.sent = []
            self.told = 0

    def commands(self):
        """{command name: count} since the last forget_commands()."""
        counts = {}
        with self.lock:
            sent = [bytes(data) for data in self.sent]
        for data in sent:
            for name in dovecot.split_commands(data):
                counts[name] = counts.get(name, 0) + 1
        return counts

    def lines(self):
        """[(text of a command without its tag, [sizes of its literals])] since
        the last forget_commands(), connection by connection."""
        with self.lock:
            sent = [bytes(data) for data in self.sent]
        return [line for data in sent for line in split_lines(data)]

    def hold(self, word):
        """Nothing of what a server says after a client that is yet to come has
        sent this is passed on, until let_go()."""
        with self.lock:
            self.word = word
            self.holds += 1
            self.held.clear()
            self.free.clear()

    def is_holding(self):
        return self.held.is_set()

    def let_go(self):
        with self.lock:
            self.word = None
            self.held.clear()
            self.free.set()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,),
                             daemon=True).start()

    def _serve(self, client):
        heard = bytearray()
        with self.lock:
            holds = self.holds
        with client:
            try:
                server = socket.create_connection(('127.0.0.1', self.target))
            except OSError:
                return
            with server:
                for s in (client, server):
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self.lock:
                    self.sent.append(heard)
                    self.open.append((client, server))
                back = threading.Thread(
                    target=self._pass, args=(server, client), daemon=True)
                back.start()
                self._pass(client, server, heard, holds)
                back.join()
                with self.lock:
                    self.open.remove((client, server))

    def _pass(self, source, target, heard=None, holds=0):
        try:
            while data := source.recv(1 << 16):
                # a server that waits for it must not be slower than without us
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                if heard is not None:
                    with self.lock:
                        heard += data
                        if self.word and holds == self.holds and \
                                self.word in heard:
                            self.held.set()
                else:
                    if self.held.is_set():
                        self.free.wait()
                    with self.lock:
                        self.told += len(data)
                target.sendall(data)
            shut(target, socket.SHUT_WR)
        except OSError:
            shut(source)
            shut(target)


def split_lines(data):
    """As Relay.lines(), of what one client has sent."""
    found, at, text, sizes = [], 0, b'', []
    while at < len(data):
        end = data.find(b'\n', at)
        end = len(data) if end < 0 else end + 1
        line = data[at:end].rstrip(b'\r\n')
        at = end
        text += line
        literal = re.search(rb'\{(\d+)\+?\}$', line)
        if literal:
            sizes.append(int(literal.group(1)))
            at += sizes[-1]
            if at < len(data):
                continue
        found.append((text.partition(b' ')[2], sizes))
        text, sizes = b'', []
    return found
