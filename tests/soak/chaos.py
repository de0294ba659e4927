# SPDX-License-Identifier: MIT
"""What goes wrong: one thing at a time, at random moments."""
import collections
import contextlib
import os
import random
import resource
import signal
import threading
import time

# how often each happens, compared with the others
ODDS = {'kill_engine': 8, 'kill_supervisor': 4, 'kill_server': 3,
        'cut_line': 4, 'bad_line': 3, 'stall_line': 3, 'stop_engine': 3,
        'stop_supervisor': 2, 'ask_supervisor': 2, 'small_files': 3,
        'few_descriptors': 2}


class Chaos(threading.Thread):
    def __init__(self, the_world, pause):
        super().__init__(daemon=True)
        self.world, self.pause_seconds = the_world, pause
        self.random = random.Random('%d chaos' % the_world.seed)
        self.done = collections.Counter()
        self.over, self.go = threading.Event(), threading.Event()
        self.idle = threading.Event()
        self.idle.set()
        self.start()

    def run(self):
        while not self.over.is_set():
            if not self.go.wait(0.2):
                continue
            if self.over.wait(self.random.expovariate(
                    1 / self.pause_seconds)):
                return
            self.idle.clear()
            if self.go.is_set():
                self.happen()
            self.idle.set()

    def happen(self):
        name = self.random.choices(list(ODDS), ODDS.values())[0]
        # its own generator: what it finds must not change what comes next
        rnd = random.Random(self.random.random())
        with contextlib.suppress(ProcessLookupError, PermissionError):
            what = getattr(self, name)(rnd)
            if what:
                self.done[name] += 1
                self.world.log('chaos %s: %s', name, what)

    def pause(self):
        self.go.clear()
        self.world.wait_until(self.idle.is_set, 'the faults to pause')
        for name in self.world.servers:
            self.world.lines[name].lay()

    def finish(self):
        self.over.set()
        self.join(120)

    # -- what can happen; each tells what it did, or None

    def an_engine(self, rnd):
        """One that runs, at any moment of its life; the next one when there
        is none."""
        for _ in range(100):
            engines = self.world.engines()
            if engines:
                self.over.wait(rnd.uniform(0, 0.2))
                engines = [e for e in engines if e in self.world.engines()]
                if engines:
                    return rnd.choice(engines)
            if self.over.wait(0.05):
                break
        return None

    def a_supervisor(self):
        p = self.world.supervisor
        return p.pid if p and p.poll() is None else None

    def a_line(self, rnd):
        name = rnd.choice(sorted(self.world.servers))
        return name, self.world.lines[name]

    def kill_engine(self, rnd):
        pid = self.an_engine(rnd)
        if pid:
            os.kill(pid, signal.SIGKILL)
        return pid

    def kill_supervisor(self, rnd):
        pid = self.a_supervisor()
        if pid:
            os.kill(pid, signal.SIGKILL)
        return pid

    def ask_supervisor(self, rnd):
        """As an operator does: once is an end in peace, twice a stop."""
        pid = self.a_supervisor()
        if pid:
            times = rnd.randrange(1, 3)
            for _ in range(times):
                os.kill(pid, signal.SIGTERM)
                time.sleep(0.05)  # signals that come together are one
            return '%d, %d times' % (pid, times)
        return None

    def stop_engine(self, rnd):
        return self.hold(self.an_engine(rnd), rnd.uniform(0.2, 4))

    def stop_supervisor(self, rnd):
        return self.hold(self.a_supervisor(), rnd.uniform(0.2, 4))

    def hold(self, pid, seconds):
        if pid:
            os.kill(pid, signal.SIGSTOP)
            try:
                self.over.wait(seconds)
            finally:
                os.kill(pid, signal.SIGCONT)
            return '%d for %.1f s' % (pid, seconds)
        return None

    def small_files(self, rnd):
        """As a disk that is full: nothing may grow beyond this."""
        return self.limit(rnd, resource.RLIMIT_FSIZE,
                          rnd.choice((0, 1000, 10000, 60000)))

    def few_descriptors(self, rnd):
        return self.limit(rnd, resource.RLIMIT_NOFILE, rnd.randrange(5, 12))

    def limit(self, rnd, which, number):
        pid = self.a_supervisor() if rnd.random() < 0.3 else \
            self.an_engine(rnd)
        if pid:
            _, hard = resource.prlimit(pid, which)
            resource.prlimit(pid, which, (number, hard))
            return '%d: %d' % (pid, number)
        return None

    def kill_server(self, rnd):
        name = rnd.choice(('old', 'new'))
        seconds = rnd.choice((0, 0, 0.5, 2, 5))
        self.world.servers[name].stop(politely=False)
        self.over.wait(seconds)
        if self.world.mini:
            self.world.unlock(name)
        self.world.start_server(name)
        return '%s, %.1f s away' % (name, seconds)

    def cut_line(self, rnd):
        name, line = self.a_line(rnd)
        seconds = rnd.choice((0, 0, 0.3, 1, 3))
        line.cut()
        self.over.wait(seconds)
        line.lay()
        return '%s for %.1f s' % (name, seconds)

    def bad_line(self, rnd):
        """Faults of the next connections; the line stays so."""
        name, line = self.a_line(rnd)
        options = [rnd.choice(('-c', '-C', '-s', '-S')),
                   int(10 ** rnd.uniform(2, 4.5)), '-n', rnd.randrange(1, 9)]
        line.lay(*options)
        return '%s %s' % (name, ' '.join(map(str, options)))

    def stall_line(self, rnd):
        name, line = self.a_line(rnd)
        # sometimes longer than an engine waits
        seconds = rnd.choice((0.5, 1, 2, 4, 12 if not self.world.mini else 1))
        line.send(signal.SIGSTOP)
        self.over.wait(seconds)
        line.send(signal.SIGCONT)
        return '%s for %.1f s' % (name, seconds)
