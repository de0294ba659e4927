# SPDX-License-Identifier: MIT
"""A TCP relay on loopback that keeps what clients send: the commands that a
server without a log of its own was given.

    with Relay(port) as relay:
        ... relay.port ... relay.commands()
"""
import socket
import threading

import dovecot


class Relay:
    def __init__(self, port):
        self.target = port
        self.sent = []  # one bytearray a connection
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.open = set()
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        with self.lock:
            for s in (self.listener, *self.open):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it was closed before
            self.listener.close()

    def forget_commands(self):
        with self.lock:
            self.sent = []

    def commands(self):
        """{command name: count} since the last forget_commands()."""
        counts = {}
        with self.lock:
            sent = [bytes(data) for data in self.sent]
        for data in sent:
            for name in dovecot.split_commands(data):
                counts[name] = counts.get(name, 0) + 1
        return counts

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(('127.0.0.1', self.target))
            except OSError:
                client.close()
                continue
            heard = bytearray()
            with self.lock:
                self.sent.append(heard)
                self.open |= {client, server}
            for pair in ((client, server, heard), (server, client, None)):
                threading.Thread(target=self._pass, args=pair,
                                 daemon=True).start()

    def _pass(self, source, target, heard):
        try:
            while data := source.recv(1 << 16):
                if heard is not None:
                    with self.lock:
                        heard += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for s in (source, target):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the other end went first
        finally:
            with self.lock:
                self.open.discard(source)
            source.close() if target not in self.open else None
