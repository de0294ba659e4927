# SPDX-License-Identifier: MIT
"""A power loss: a folder goes back to what was synced (lossy_disk.c).

What a disk keeps of the rest is its own affair, so there are ways to lose:

    all     nothing that was not synced, neither bytes nor names
    bytes   names and sizes of folders survive, bytes do not: files are empty
    mixed   by chance, each file: the synced bytes or the newest
"""
import ctypes
import fcntl
import os
import random
import shutil
import subprocess

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      'lossy_disk.c')
WAYS = ('all', 'bytes', 'mixed')


def build(folder):
    """The library to preload; built once."""
    path = os.path.join(folder, 'lossy_disk.so')
    if not os.path.exists(path):
        subprocess.run(['gcc', '-O1', '-shared', '-fPIC', '-D_GNU_SOURCE',
                        '-o', path, SOURCE], check=True)
    return path


class Disk:
    """Of one folder, from now on."""

    def __init__(self, library, folder, shadow):
        self.folder, self.shadow = os.path.realpath(folder), shadow
        self.library = ctypes.CDLL(library, use_errno=True)
        for name in ('data', 'names'):
            os.makedirs(os.path.join(shadow, name))
        if self.library.lossy_snapshot(self.folder.encode(),
                                       shadow.encode()) != 0:
            raise OSError('cannot take what is there')
        self.env = {'LD_PRELOAD': library, 'LOSSY_DIR': self.folder,
                    'LOSSY_SHADOW': shadow,
                    'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') +
                    ':verify_asan_link_order=0'}

    def _key(self, path):
        """(key, kind, mode) of what is there now; None: neither file nor
        folder."""
        out = ctypes.create_string_buffer(128)
        if not self.library.lossy_key(-100, path.encode(), out, 128):
            return None
        key, kind, mode = out.value.decode().split(' ')
        return key, kind, int(mode, 8)

    def _names_synced(self, key):
        try:
            with open(os.path.join(self.shadow, 'names', key),
                      encoding='utf-8') as f:
                lines = [line.rstrip('\n').split(' ', 3) for line in f]
        except FileNotFoundError:
            return []
        return [(name, k, kind, int(mode, 8))
                for k, kind, mode, name in lines]

    def _names_now(self, path):
        return [(name, *found) for name in sorted(os.listdir(path))
                for found in [self._key(os.path.join(path, name))] if found]

    def lose(self, way, seed=''):
        """The power goes: nobody may have anything in the folder open."""
        old = self.folder + '.before'
        os.rename(self.folder, old)
        key, _, mode = self._key(old)
        self._restore(old, key, mode, self.folder, way,
                      random.Random('%s %s' % (way, seed)))
        shutil.rmtree(old)
        shutil.rmtree(self.shadow)

    def _restore(self, old, key, mode, new, way, rnd):
        """`old` is the folder as it was at the end, None: it is gone."""
        os.mkdir(new, mode)
        names = self._names_synced(key) if way == 'all' or old is None \
            else self._names_now(old)
        for name, k, kind, m in names:
            there = os.path.join(old, name) if old else None
            if there and (self._key(there) or ('',))[0] != k:
                there = None  # another one has its name now
            if kind == 'd':
                self._restore(there, k, m, os.path.join(new, name), way, rnd)
                continue
            source = os.path.join(self.shadow, 'data', k)
            if way == 'mixed' and there and rnd.random() < .5:
                source = there
            data = b''
            if os.path.exists(source):
                with open(source, 'rb') as f:
                    data = f.read()
            path = os.path.join(new, name)
            with open(path, 'wb') as f:
                f.write(data)
            os.chmod(path, m)


def wait_unlocked(paths):
    """Until nobody holds one of these files."""
    for path in paths:
        with open(path, 'rb') as f:
            fcntl.flock(f, fcntl.LOCK_SH)
