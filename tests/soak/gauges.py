# SPDX-License-Identifier: MIT
"""What is used: memory and descriptors of the programs, room on disk."""
import glob
import os
import threading


def memory(pid):
    """{VmHWM, VmRSS} in KiB."""
    found = {}
    with open('/proc/%d/status' % pid, encoding='ascii',
              errors='replace') as f:
        for line in f:
            name, _, rest = line.partition(':')
            if name in ('VmHWM', 'VmRSS'):
                found[name] = int(rest.split()[0])
    return found


def descriptors(pid):
    return len(os.listdir('/proc/%d/fd' % pid))


class Gauges(threading.Thread):
    """Looks all the time; take() gives the most since the last time."""

    def __init__(self, the_world):
        super().__init__(daemon=True)
        self.world = the_world
        self.over, self.lock = threading.Event(), threading.Lock()
        self.most = {}
        self.start()

    def run(self):
        while not self.over.wait(0.05):
            for p, kind in ((self.world.supervisor, 'supervisor'),
                            (self.world.standing, 'standing')):
                if p:
                    self.look(p.pid, kind)
            for pid in self.world.children():
                self.look(pid, 'engine')

    def look(self, pid, kind):
        try:
            used = memory(pid)
            fds = descriptors(pid)
        except (OSError, IndexError):
            return
        with self.lock:
            for name, value in (('hwm', used.get('VmHWM', 0)),
                                ('rss', used.get('VmRSS', 0)), ('fds', fds)):
                key = '%s_%s' % (kind, name)
                self.most[key] = max(self.most.get(key, 0), value)

    def take(self):
        with self.lock:
            most, self.most = self.most, {}
        return most

    def finish(self):
        self.over.set()
        self.join(60)


def size(path):
    """Bytes of a file or of what is below a folder."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    total = 0
    for root, _, files in os.walk(path):
        for name in files:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except OSError:
                continue  # it was replaced meanwhile
    return total


def disk(the_world):
    """Bytes by what they are for; what runs leave, a run."""
    state = the_world.path('state/soak')
    runs = [d for kind in ('runs', 'dry-runs', 'verifies')
            for d in glob.glob('%s/%s/*' % (state, kind))]
    parts = {'journal': 0, 'logs': 0, 'report': 0, 'other': 0}
    for run in runs:
        for name in os.listdir(run):
            part = name if name in ('logs', 'report') else \
                'journal' if name.startswith('journal') else 'other'
            parts[part] += size(os.path.join(run, name))
    files = glob.glob(state + '/accounts/*/state.db*')
    return {'runs': len(runs), 'run_bytes': sum(parts.values()),
            'state_bytes': sum(size(f) for f in files),
            'account_bytes': size(state + '/accounts'), **parts}
