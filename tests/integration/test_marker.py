# SPDX-License-Identifier: MIT
"""Who is waited for before the first APPEND: markers of runs."""
import os
import shutil
import signal
import subprocess
import time
import unittest
import unittest.mock

import dovecot
import imap_client
from convoy import ENGINE, PATIENCE, PLAIN, Case, wait_until
from scripted_server import Fault, MiniServer, Session

DATE = b'02-Mar-2026 10:00:00 +0000'


def message(number):
    return (b'From: a@example.org\r\nSubject: number %d\r\n'
            b'Date: 02 Mar 2026 10:00:00 +0000\r\n'
            b'Message-ID: <%d@example.org>\r\n\r\nhello\r\n'
            % (number, number))


class Asked(Session):
    """Notes whether it was looked at for what a former run had sent."""

    def do_status(self, name, items):
        if {i.upper() for i in items} == {b'MESSAGES', b'UIDNEXT'}:
            self.server.was_asked = True
        return super().do_status(name, items)


class Late(Asked):
    """What a killed run had sent comes after the next one has looked."""

    def do_uid_fetch(self, numbers, items, *more):
        said = super().do_uid_fetch(numbers, items, *more)
        box = self.need(b'INBOX')
        if len(box.messages) == 1:
            box.add(message(2), (), DATE)
        return said


class LikeDovecot(Late):
    """STATUS of the open mailbox tells what was there when the client was last
    told of it."""

    shown = None

    def show(self):
        self.shown = self.selected and (
            len(self.selected.messages), self.selected.uidnext)

    def do_noop(self):
        self.show()
        return super().do_noop()

    def _open(self, name, read_only):
        said = super()._open(name, read_only)
        self.show()
        return said

    def do_status(self, name, items):
        box = self.need(name)
        if box is not self.selected or len(box.messages) == self.shown[0]:
            return super().do_status(name, items)
        self.io.send(b'* STATUS %s (MESSAGES %d UIDNEXT %d)\r\n' % (
            name, *self.shown))
        self.server.was_asked = True
        return b'done'


class SlowToStore(Asked):
    def do_append(self, arguments, literals):
        self.server.appends_begun += 1
        time.sleep(1.5)
        try:
            return super().do_append(arguments, literals)
        finally:
            self.server.appends_ended += 1


class MarkerCase(Case):
    def setUp(self):
        super().setUp()
        self.source, self.target = (
            MiniServer(capability=('UIDPLUS', 'LITERAL+'), session=session)
            for session in (Session, Asked))
        for server in (self.source, self.target):
            self.addCleanup(server.stop)
        self.target.appends_begun = self.target.appends_ended = 0
        self.fill(self.source, 1, 2)
        self.fill(self.target, 1)

    @staticmethod
    def fill(server, *numbers):
        for number in numbers:
            server.box('INBOX').add(message(number), (), DATE)

    def arguments(self, *options):
        return (*PLAIN, *options,
                '127.0.0.1:%d' % self.source.port, 'anna', 'pass',
                '127.0.0.1:%d' % self.target.port, 'anna', 'pass')

    def sync(self, *options, code=0):
        self.target.was_asked = False
        return self.engine(*self.arguments(*options), code=code)

    def assert_copied(self, *wanted):
        self.assertEqual(sorted(map(message, wanted)),
                         self.target.contents()['INBOX'])

    def kill_while_appending(self, *options):
        self.target.faults.append(Fault('silent-reply', store=False))
        self.target.forget_commands()
        process = self.start(*self.arguments(*options))
        wait_until(lambda: self.target.count('APPEND') > 0, 'an APPEND')
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        self.target.faults.clear()


class Waits(MarkerCase):
    def test_nobody_was_killed(self):
        """INBOX alone, and mail in it."""
        self.assertEqual(1, self.sync().tally()['copied'])
        self.assertFalse(self.target.was_asked)
        self.fill(self.source, 3)
        self.assertEqual(1, self.sync().tally()['copied'])
        self.assertFalse(self.target.was_asked)
        self.assertEqual([], self.markers())

    def test_nobody_was_killed_and_the_state_file_is_new(self):
        self.sync('--stateFile', self.path('state.db'))
        self.assertFalse(self.target.was_asked)

    def test_who_asks_for_a_wait_gets_it(self):
        self.sync('--settle', 100)
        self.assertTrue(self.target.was_asked)

    def test_f098_a_run_was_killed(self):
        for options in ((), ('--noThreads',), ('--settle', 0)):
            with self.subTest(options):
                self.target.box('INBOX').messages.clear()
                self.fill(self.target, 1)
                self.target.session = Asked
                self.kill_while_appending(*options)
                self.assertEqual(1, len(self.markers()))
                self.target.session = Late
                self.sync(*options)
                self.assertTrue(self.target.was_asked)
                self.assert_copied(1, 2)
                self.assertEqual([], self.markers())

    def test_f098_what_comes_while_its_mailbox_is_open(self):
        self.kill_while_appending()
        self.target.session = LikeDovecot
        self.sync()
        self.assertTrue(self.target.was_asked)
        self.assert_copied(1, 2)

    def test_f098_what_comes_while_dovecot_has_it_open(self):
        with dovecot.Dovecot(rawlog=True) as target, \
                imap_client.Imap('127.0.0.1', target.port) as other:
            other.login('anna', 'pass')
            other.append(b'INBOX', message(1), date=DATE)
            process = self.start(
                *PLAIN, '--settle', 4000,
                '127.0.0.1:%d' % self.source.port, 'anna', 'pass',
                '127.0.0.1:%d' % target.port, 'anna', 'pass')
            wait_until(lambda: target.commands().get('UID FETCH'), 'a scan')
            other.append(b'INBOX', message(2), date=DATE)
            process.communicate(timeout=PATIENCE)
            self.assertEqual(0, process.returncode)
            self.assertEqual(2, len(list(other.fetch(b'INBOX', b'(UID)'))))

    def test_f098_without_a_state_file_then_with_an_old_one(self):
        state = ('--stateFile', self.path('state.db'))
        self.sync(*state)
        self.fill(self.source, 3)
        self.kill_while_appending()
        self.sync(*state)
        self.assertTrue(self.target.was_asked)
        self.assert_copied(1, 2, 3)

    def test_f098_one_over_inbox_alone_into_an_empty_account(self):
        """Not a mailbox is there, and still it was not the first run."""
        self.source.box('Sent').add(message(4), (), DATE)
        self.target.box('INBOX').messages.clear()
        self.kill_while_appending('--list', 'INBOX')
        self.sync()
        self.assertTrue(self.target.was_asked)
        self.assert_copied(1, 2)

    def test_killed_before_its_first_append(self):
        self.target.faults.append(Fault('stall', command='SELECT'))
        process = self.start(*self.arguments())
        wait_until(lambda: self.target.count('SELECT', 'EXAMINE') > 0,
                   'a SELECT')
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        self.target.faults.clear()
        self.assertEqual(1, len(self.markers()))
        self.sync()
        self.assertFalse(self.target.was_asked)
        self.assert_copied(1, 2)
        self.assertEqual([], self.markers())

    def test_f098_what_was_sent_is_stored_slowly(self):
        """Longer than a second, as its answers had said before."""
        self.fill(self.source, 3)
        self.target.session = SlowToStore
        process = self.start(*self.arguments('--noLiteralPlus', '--noThreads'))
        wait_until(lambda: self.target.appends_begun > 1, 'the second APPEND')
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        self.target.session = Asked
        self.sync()
        wait_until(lambda: self.target.appends_ended > 1, 'its end')
        self.assert_copied(1, 2, 3)

    def test_one_that_waits_is_killed_too(self):
        self.kill_while_appending()
        process = self.start(*self.arguments('--settle', 60000))
        wait_until(lambda: self.source.count('UID FETCH') > 1, 'a message')
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        self.sync()
        self.assertTrue(self.target.was_asked)
        self.assert_copied(1, 2)

    def test_one_that_had_nothing_to_append_clears_nothing(self):
        """It did not look whether something still comes."""
        self.kill_while_appending()
        kept = self.source.box('INBOX').messages.pop()
        self.sync()
        self.assertFalse(self.target.was_asked)
        self.assertEqual(1, len(self.markers()))
        self.source.box('INBOX').messages.append(kept)
        self.sync()
        self.assertTrue(self.target.was_asked)
        self.assertEqual([], self.markers())

    def test_a_refused_login_leaves_none(self):
        arguments = list(self.arguments())
        arguments[-1] = 'wrong'
        self.engine(*arguments, code=77)
        self.assertEqual([], self.markers())

    def test_a_dry_run_makes_none(self):
        self.sync('--dryRun')
        shutil.rmtree(self.path('runtime/mailconvoy'))
        self.sync('--dryRun')
        self.assertFalse(os.path.exists(self.path('runtime/mailconvoy')))


class Confined(MarkerCase):
    """Of what stands above the folder an engine may read nothing."""

    def test_f173_with_a_spool_folder_elsewhere(self):
        os.mkdir(self.path('spool'))
        patch = unittest.mock.patch.dict(os.environ, TMPDIR=self.path('spool'))
        patch.start()
        self.addCleanup(patch.stop)
        self.kill_while_appending()
        self.assertEqual(1, len(self.markers()))
        self.sync()
        self.assertTrue(self.target.was_asked)
        self.assert_copied(1, 2)
        self.assertEqual([], self.markers())


class Held(MarkerCase):
    def test_f173_a_second_engine_ends_at_once(self):
        self.target.faults.append(Fault('silent-reply', store=False))
        first = self.start(*self.arguments())
        wait_until(lambda: self.target.count('APPEND') > 0, 'an APPEND')
        for options in ((), ('--stateFile', self.path('state.db'))):
            second = self.sync(*options, code=75)
            self.assertIn('another engine: ', second.log)
            self.assertIn(' pid %d ' % first.pid, second.log)
        first.send_signal(signal.SIGKILL)
        first.wait(PATIENCE)
        self.target.faults.clear()
        self.sync()
        self.assert_copied(1, 2)

    def test_many_at_once(self):
        self.fill(self.source, *range(3, 40))
        engines = [self.start(*self.arguments()) for _ in range(6)]
        codes = set()
        for process in engines:
            process.communicate(timeout=PATIENCE)
            codes.add(process.returncode)
        self.assertIn(0, codes)
        self.assertLessEqual(codes, {0, 75})
        self.assert_copied(*range(1, 40))
        self.assertEqual([], self.markers())


def may_mount():
    return subprocess.run(
        ['unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        check=False).returncode == 0


class Folders(MarkerCase):
    """The folder of markers cannot be used: the engine waits, and copies."""

    def sync_mounted(self, options, then):
        """With a small memory file system in the place of the folder's."""
        if not shutil.which('unshare') or not may_mount():
            self.skipTest('no file system can be mounted here')
        self.target.was_asked = False
        script = ('mount -t tmpfs -o mode=700,%s none "$0" && '
                  'mkdir -m 700 "$0/mailconvoy" && '
                  '(umask 077; : > "$0/mailconvoy/since") && '
                  'touch -d 2001-01-01 "$0/mailconvoy/since" && %s "$@" && '
                  'ls "$0/mailconvoy"' % (options, then))
        done = subprocess.run(
            ['unshare', '-m', 'sh', '-c', script, self.path('runtime'),
             ENGINE, *self.arguments()], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=PATIENCE, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assert_copied(1, 2)
        return done

    def test_is_usual(self):
        done = self.sync_mounted('size=1m', '')
        self.assertFalse(self.target.was_asked)
        self.assertEqual('since\n', done.stdout)

    def test_no_room_for_a_marker(self):
        """What says that the folder can be believed says so no more: this run
        may be killed, and leaves no marker."""
        done = self.sync_mounted('nr_inodes=3', '')
        self.assertTrue(self.target.was_asked)
        self.assertIn('no marker of this run', done.stderr)
        self.assertEqual('since\n', done.stdout)

    def test_f098_no_room_only_for_a_while(self):
        """A run without a marker is killed when others have theirs again."""
        self.kill_while_appending()
        name, = self.markers()
        folder = self.path('runtime/mailconvoy/')
        os.unlink(folder + name)
        os.mkdir(folder + name)
        self.kill_while_appending()
        os.rmdir(folder + name)
        self.engine(*(a.replace('127.0.0.1', 'localhost')
                      for a in self.arguments()), code=0)
        self.target.box('INBOX').messages.pop()
        since = os.stat(folder + 'since').st_mtime - 10  # a while later
        os.utime(folder + 'since', (since, since))
        self.sync()
        self.assertTrue(self.target.was_asked)
        self.assert_copied(1, 2)

    def test_no_room_for_what_stands_in_it(self):
        done = self.sync_mounted(
            'size=4k', 'dd if=/dev/zero of="$0/fill" bs=4k count=1 '
            '2>/dev/null &&')
        self.assertFalse(self.target.was_asked)
        self.assertEqual('since\n', done.stdout)

    def test_read_only(self):
        done = self.sync_mounted('size=1m', 'mount -o remount,ro "$0" &&')
        self.assertTrue(self.target.was_asked)
        self.assertIn('no marker of this run', done.stderr)

    def test_just_made(self):
        shutil.rmtree(self.path('runtime/mailconvoy'))
        self.sync()
        self.assertTrue(self.target.was_asked)
        self.fill(self.source, 3)
        since = self.path('runtime/mailconvoy/since')
        self.assertEqual(0o600, os.stat(since).st_mode & 0o777)
        os.utime(since, (1000000000, 1000000000))
        self.sync()
        self.assertFalse(self.target.was_asked)

    @unittest.skipUnless(os.geteuid() == 0, 'only root can give files away')
    def test_f202_of_another_user(self):
        """As with sudo: nothing of theirs is touched."""
        os.chown(self.path('runtime'), 65534, 65534)
        self.sync()
        self.kill_and_look()
        os.chown(self.path('runtime'), 0, 0)
        os.chown(self.path('runtime/mailconvoy'), 65534, 65534)
        self.sync()
        self.kill_and_look()
        self.assertEqual([], self.markers())

    def kill_and_look(self):
        """A run that was killed is known of all the same."""
        self.target.box('INBOX').messages.pop()
        self.kill_while_appending()
        self.assertEqual([], self.markers())
        self.sync()
        self.assertTrue(self.target.was_asked)
        self.assert_copied(1, 2)


if __name__ == '__main__':
    unittest.main()
