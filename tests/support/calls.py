# SPDX-License-Identifier: MIT
"""Calls of the system that fail (failing_calls.c): what to preload, what may
fail how, and what became of it."""
import collections
import errno
import os
import struct
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FAMILIES = ('memory', 'library', 'read', 'receive', 'write', 'send', 'sync',
            'rename', 'open', 'process', 'thread', 'descriptor', 'connect',
            'map', 'truncate', 'unlink', 'random', 'mkdir', 'lock', 'stat',
            'chmod', 'poll', 'wait', 'resolve')
# the first one is what a sample takes
ERRNOS = {
    'memory': ('ENOMEM',), 'library': ('ENOMEM',), 'read': ('EIO',),
    'receive': ('EIO', 'ECONNRESET', 'ENOMEM'), 'write': ('ENOSPC', 'EIO'),
    'send': ('EIO', 'ENOBUFS'), 'sync': ('EIO', 'ENOSPC'),
    'rename': ('ENOSPC', 'EACCES'),
    'open': ('EMFILE', 'ENFILE', 'EACCES', 'ENOSPC'),
    'process': ('EAGAIN', 'ENOMEM'), 'thread': ('EAGAIN',),
    'descriptor': ('EMFILE', 'ENFILE'), 'connect': ('EADDRNOTAVAIL', 'EIO'),
    'map': ('ENOMEM',), 'truncate': ('EIO', 'ENOSPC'),
    'unlink': ('EIO', 'EACCES'), 'random': ('ENOSYS', 'EINTR'),
    'mkdir': ('ENOSPC', 'EACCES'), 'lock': ('ENOLCK',),
    'stat': ('EIO', 'EACCES'), 'chmod': ('EPERM',),
    'poll': ('EINTR', 'ENOMEM'), 'wait': ('EINTR',), 'resolve': ('EMFILE',)}


class Fail(collections.namedtuple('Fail', 'family n count errno')):
    """Call n of the family, and count in all (0: from then on)."""

    def __str__(self):
        return '%s %d%s %s' % (self.family, self.n,
                               '' if self.count else '+', self.errno)


class Report(collections.namedtuple('Report', 'counts failed where')):
    """Calls by family, how many were made to fail, where the first one was
    (an address for addr2line when it is in the program)."""


def why_not(build):
    """None, or why nothing can be preloaded into programs built like that."""
    if os.path.basename(build) in ('asan', 'tsan'):
        return 'the sanitizers have calls of their own'
    if os.path.basename(build) == 'cov':
        return 'at its end gcov does not look whether there is memory'
    if os.uname().machine != 'x86_64':
        return 'failing_calls.c knows x86_64 only'
    return None


class Calls:
    """The library, built, and a folder for reports."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix='mcv-calls-')
        self.folder = self.temporary.name
        self.library = self.folder + '/failing_calls.so'
        self.number = 0
        subprocess.run(
            [os.environ.get('CC', 'gcc').split()[-1], '-std=c17',
             '-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Werror',
             '-fno-builtin', '-shared', '-fPIC', '-o', self.library,
             HERE + '/failing_calls.c', HERE + '/failing_calls_system.c'],
            check=True)

    def close(self):
        self.temporary.cleanup()

    def environment(self, fail=None, stutter=False):
        """(variables, path of the report)"""
        self.number += 1
        path = '%s/%d' % (self.folder, self.number)
        with open(path, 'wb') as f:
            f.write(bytes(8 * (len(FAMILIES) + 2)))
        os.chmod(path, 0o666)  # whoever the program runs as
        env = {'LD_PRELOAD': self.library, 'CALLS_FILE': path}
        if fail:
            env['CALLS_FAIL'] = '%s %d %d %d' % (
                fail.family, fail.n, fail.count, getattr(errno, fail.errno))
        if stutter:
            env['CALLS_STUTTER'] = '1'
        return env, path

    @staticmethod
    def read(path):
        with open(path, 'rb') as f:
            numbers = struct.unpack('<%dQ' % (len(FAMILIES) + 2), f.read())
        os.unlink(path)
        return Report(dict(zip(FAMILIES, numbers)), *numbers[-2:])


def trials(counts, step=1):
    """Every so many-th call of each family, once and from then on, with every
    error number."""
    for family in FAMILIES:
        for name in ERRNOS[family]:
            for n in range(1, counts[family] + 1, step):
                yield Fail(family, n, 1, name)
                if name != 'EINTR':
                    yield Fail(family, n, 0, name)
