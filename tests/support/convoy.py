# SPDX-License-Identifier: MIT
"""What the integration tests share: where the programs are, how to run them,
where the mail comes from, how to wait."""
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'support'))

import dovecot  # noqa: E402
import imap_compare  # noqa: E402
import seed  # noqa: E402
from imap_client import Imap  # noqa: E402

BUILD = os.path.abspath(os.environ.get('MAILCONVOY_BUILD') or
                        os.path.join(ROOT, 'build', 'release'))
ENGINE = os.path.join(BUILD, 'bin', 'syncIMAPMail')
SUPERVISOR = os.path.join(BUILD, 'bin', 'mailconvoy')
# sanitizers and busy machines are slow: deadlines are for hangs, not for speed
PATIENCE = 120
# the password of all tests that look for leaks; it must never be written down
CANARY = 'cAnary-7f3aQ9zL'
PLAIN = ('--srcTLS', 'none', '--dstTLS', 'none')

TALLY = re.compile(
    r'source (?P<source>\d+) = copied (?P<copied>\d+) \+ '
    r'present (?P<present>\d+) \+ skipped (?P<skipped>\d+)(?: \([^)]*\))? \+ '
    r'refused (?P<refused>\d+)(?: \([^)]*\))? \+ vanished (?P<vanished>\d+)'
    r'(?: \+ unreached (?P<unreached>\d+))?')

# what changes an account
WRITING = ('APPEND', 'CREATE', 'STORE', 'UID STORE', 'DELETE', 'RENAME',
           'EXPUNGE', 'UID EXPUNGE', 'COPY', 'UID COPY', 'MOVE', 'UID MOVE',
           'SETACL', 'SETMETADATA', 'CLOSE')


def corpus():
    """A folder of real mail beside the project, or None."""
    path = os.environ.get('MAILCONVOY_CORPUS') or \
        os.path.join(ROOT, '..', 'shared', 'corpus')
    return os.path.abspath(path) if os.path.isdir(path) else None


def crash_signal():
    """What kills a program as if it had crashed: sanitizers keep SIGSEGV to
    themselves."""
    watched = os.path.basename(BUILD) in ('asan', 'tsan')
    return signal.SIGABRT if watched else signal.SIGSEGV


def findings():
    """What the programs need to tell what sanitizers and gcov found; every
    environment that a test makes has it."""
    return {k: v for k, v in os.environ.items()
            if k.endswith('SAN_OPTIONS') or k == 'MAILCONVOY_CONFINE_ALSO'}


def wait_until(true, what, seconds=PATIENCE):
    """Polls true() until it is, or fails with the description."""
    deadline = time.monotonic() + seconds
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError('waited %d s for %s' % (seconds, what))
        time.sleep(0.005)  # poll, bounded by the deadline


class Ended(collections.namedtuple('Ended', 'code log output')):
    """How an engine ended; `log` is its standard error or log file."""

    def tally(self):
        """The last line of accounting, numbers by name."""
        found = list(TALLY.finditer(self.log))
        if not found:
            raise AssertionError('no line of accounting in:\n' + self.log)
        return {k: int(v or 0) for k, v in found[-1].groupdict().items()}


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    maxDiff = 4000

    def setUp(self):
        self.assertTrue(os.access(ENGINE, os.X_OK),
                        ENGINE + ' has not been built')
        self.folder = tempfile.mkdtemp(prefix='mcv-test-', dir='/tmp')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.make_marker_folder()

    def make_marker_folder(self):
        """No marker is there, and the folder is old enough to say so."""
        runtime = self.path('runtime')
        os.makedirs(runtime + '/mailconvoy', 0o700)
        since = runtime + '/mailconvoy/since'
        with open(since, 'w', encoding='ascii'):
            os.utime(since, (1000000000, 1000000000))
        patch = unittest.mock.patch.dict(os.environ, XDG_RUNTIME_DIR=runtime)
        patch.start()
        self.addCleanup(patch.stop)

    def markers(self):
        return sorted(set(os.listdir(self.path('runtime/mailconvoy'))) -
                      {'since'})

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def start(self, *arguments, **kwargs):
        """An engine that runs; killed when the test ends before it."""
        process = subprocess.Popen(
            [ENGINE, *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder,
            text=True, encoding='utf-8', errors='replace', **kwargs)
        self.addCleanup(end, process)
        return process

    def engine(self, *arguments, code=None, seconds=PATIENCE):
        """Runs an engine to its end."""
        process = self.start(*arguments)
        try:
            output, log = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            output, log = process.communicate()
            self.fail('no end after %d s:\n%s' % (seconds, log[-4000:]))
        ended = Ended(process.returncode, log, output)
        if code is not None:
            self.assertEqual(ended.code, code,
                             'exit code; its log:\n' + log[-4000:])
        return ended

    def assert_balanced(self, ended):
        t = ended.tally()
        self.assertEqual(t['source'], t['copied'] + t['present'] +
                         t['skipped'] + t['refused'] + t['vanished'] +
                         t['unreached'], ended.log[-2000:])
        return t

    def assert_equal_accounts(self, source, target, user='anna', **kwargs):
        """Every message of the source is on the target, once as often."""
        a = imap_compare.open_account('127.0.0.1', source.port, user, 'pass')
        b = imap_compare.open_account('127.0.0.1', target.port, user, 'pass')
        differences = imap_compare.compare(a, b, **kwargs)
        self.assertEqual([], differences[:20],
                         '%d differences' % len(differences))

    def assert_only_read(self, server):
        """Nothing in what was sent changes an account."""
        counts = server.commands()
        written = {n: c for n, c in counts.items() if n in WRITING}
        self.assertEqual({}, written)


def end(process):
    """Kills what still runs and reaps it."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def account(server, user='anna'):
    """A logged-in client of a Dovecot."""
    return Imap('127.0.0.1', server.port).login(user, 'pass')


def fill(server, user='anna', **kwargs):
    """Synthetic mail in an account: {mailbox: number}."""
    with account(server, user) as client:
        return seed.make(client, separator=server.separator,
                         prefix=server.prefix, **kwargs)


def fill_with_corpus(server, user='anna'):
    with account(server, user) as client:
        return seed.load(client, corpus())


def need_dovecot():
    why_not = dovecot.available()
    if why_not:
        raise unittest.SkipTest(why_not)
