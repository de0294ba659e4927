# SPDX-License-Identifier: MIT
"""What the throwaway servers that are no Dovecot have in common.

    with Cyrus(users=('anna',)) as server:
        server.port, server.tls_port, server.certificate

The shape is that of dovecot.Dovecot.  Everything lives below a folder with a short
name; the server runs as nobody when root starts it, dies with the process that
started it, and is ended with all it started.  SkipTest where it cannot be had.
"""
import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import debpackages
import dovecot
from relay import Relay

START_SECONDS = 30


def die_with_parent():
    """In the child before exec: KILL when whoever started us is gone."""
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


class Foreign:
    """One server.  Keyword arguments:

    users       names of the accounts
    password    of every user
    rawlog      keep what clients send, for commands(); .port is a relay then
    """

    name = ''
    packages = ()
    programs = ()  # their libraries must be there
    separator, prefix = '/', ''

    def __init__(self, users=('anna',), password='pass', rawlog=False):
        self.users, self.password, self.rawlog = users, password, rawlog
        self.base = self.root = self.port = self.tls_port = None
        self.process = self.relay = self.certificate = None

    # -- what each of them does its own way

    def configure(self, port, tls_port):
        """Writes the configuration below .base."""
        raise NotImplementedError

    def command(self):
        """(arguments, environment) of the process that is the server."""
        raise NotImplementedError

    # -- life cycle

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.remove()

    def start(self):
        self.root = debpackages.unpacked(self.name, self.packages)
        debpackages.need_libraries(self.name, self.root, self.programs)
        self.base = dovecot.temporary_base('mcv-%s-' % self.name[:2])
        os.mkdir(self.base + '/etc')
        self.certificate, key = dovecot.make_certificate(self.base + '/cert')
        with open(self.base + '/both.pem', 'wb') as both:
            for path in (key, self.certificate):
                with open(path, 'rb') as f:
                    both.write(f.read())
        for _ in range(5):
            port, tls_port = dovecot.free_ports(2)
            self.configure(port, tls_port)
            if self._launch(port):
                self.port, self.tls_port = port, tls_port
                break
            if dovecot.port_is_free(port):
                break  # the port was not the reason
        if self.port is None:
            log = self.log()[-2000:]
            self.remove()
            raise RuntimeError('%s did not start:\n%s' % (self.name, log))
        atexit.register(self.remove)
        if self.rawlog:
            self.relay = Relay(self.port)
            self.port = self.relay.port
        return self

    def _launch(self, port):
        if os.getuid() == 0:
            self._give_away()
        arguments, env = self.command()
        with open(self.base + '/log', 'ab') as out:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd='/', env=dict(os.environ, **env), start_new_session=True,
                preexec_fn=die_with_parent, **debpackages.dropped())
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if self._ready(port):
                return True
            time.sleep(0.02)  # poll, bounded by the deadline
        self.stop()
        return False

    def _ready(self, port):
        try:
            with socket.create_connection(('127.0.0.1', port), 2) as s:
                s.settimeout(5)
                return s.recv(4) == b'* OK'
        except OSError:
            return False

    def _give_away(self):
        uid, gid = debpackages.run_as()
        os.chmod(self.base, 0o755)
        for root, _, files in os.walk(self.base):
            for path in [root] + [os.path.join(root, f) for f in files]:
                os.lchown(path, uid, gid)

    def stop(self):
        """Ends the server and everything it started."""
        if self.process is None:
            return
        self._end_namespace()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        if self.relay:
            self.relay.close()
            self.relay = None

    def _end_namespace(self):
        """Its first process takes all others along; who made it reaps it."""
        pid = self.process.pid
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            with open(f'/proc/{pid}/comm', encoding='ascii') as f:
                if f.read() != 'unshare\n':
                    return
            with open(f'/proc/{pid}/task/{pid}/children',
                      encoding='ascii') as f:
                for child in f.read().split():
                    os.kill(int(child), signal.SIGKILL)
            self.process.wait(5)

    def remove(self):
        self.stop()
        atexit.unregister(self.remove)
        if self.base:
            shutil.rmtree(self.base, ignore_errors=True)

    # -- small help for those that are made of it

    def write(self, name, text, mode=0o644):
        path = self.base + '/' + name
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def crypted(self):
        status, output = debpackages.run(
            ['openssl', 'passwd', '-6', self.password])
        if status != 0:
            raise RuntimeError('openssl passwd: ' + output)
        return output.strip()

    @staticmethod
    def in_namespace(script):
        """The script as root of a name space of its own.  All that runs in
        there dies when the process that made it dies."""
        return ['unshare', '--user', '--map-root-user', '--mount', '--pid',
                '--fork', '--kill-child', 'bash', script]

    # -- what happened

    def log(self):
        try:
            with open(self.base + '/log', encoding='utf-8',
                      errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def forget_commands(self):
        if self.relay:
            self.relay.forget_commands()

    def commands(self):
        """As of Dovecot; nothing is known without rawlog."""
        return self.relay.commands() if self.relay else {}
