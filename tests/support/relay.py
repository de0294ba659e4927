# SPDX-License-Identifier: MIT
"""A TCP relay on loopback that keeps what clients send: the commands that a
server without a log of its own was given.

    with Relay(port) as relay:
        ... relay.port ... relay.commands()
"""
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
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
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
            threading.Thread(target=self._serve, args=(client,),
                             daemon=True).start()

    def _serve(self, client):
        heard = bytearray()
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
                self._pass(client, server, heard)
                back.join()
                with self.lock:
                    self.open.remove((client, server))

    def _pass(self, source, target, heard=None):
        try:
            while data := source.recv(1 << 16):
                # a server that waits for it must not be slower than without us
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                if heard is not None:
                    with self.lock:
                        heard += data
                target.sendall(data)
            shut(target, socket.SHUT_WR)
        except OSError:
            shut(source)
            shut(target)
