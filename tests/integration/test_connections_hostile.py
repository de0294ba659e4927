# SPDX-License-Identifier: MIT
"""--connections against servers of which one connection sees or does something
else than the others."""
import os
import shutil
import subprocess
import threading
import time
import unittest

import convoy
from scripted_server import Hangup, MiniServer, Refused, Session
from test_connections import (
    CAPABILITY, DATE, ConnectionsCase, account, keys, lanes, message)

CHANGED = 2
# the leak sanitizer wants a thread, too
NO_LEAKS = ':detect_leaks=0'


def setUpModule():
    convoy.need_dovecot()


class Numbered(Session):
    """Knows which login it is: 1 is the leader, which loses nothing here."""

    number = 0

    def do_login(self, *arguments):
        with self.server.lock:
            self.server.logins = getattr(self.server, 'logins', 0) + 1
            self.number = self.server.logins
        return super().do_login(*arguments)


class HostileCase(ConnectionsCase):
    def mini(self, session, **kwargs):
        server = MiniServer(capability=CAPABILITY, session=session, **kwargs)
        self.addCleanup(server.stop)
        return server

    def fill_inbox(self, server, count, size=30000):
        for n in range(count):
            server.box('INBOX').add(message(n, size), date=DATE)


class Search(HostileCase):
    def test_who_searches_may_end(self):
        """A connection whose source is lost for good while it looks for what
        is in doubt lets the others go on (F096)."""
        looking = threading.Event()

        class Source(Numbered):
            fetched = 0

            def do_login(self, *arguments):
                said = super().do_login(*arguments)
                if self.number > 2:
                    raise Refused(b'NO [AUTHENTICATIONFAILED] not any more')
                return said

            def do_uid_fetch(self, *arguments):
                self.fetched += 1
                if self.number == 2 and self.fetched == 2:
                    looking.wait(60)
                    raise Hangup
                return super().do_uid_fetch(*arguments)

        class Target(Numbered):
            def do_append(self, arguments, literals):
                said = super().do_append(arguments, literals)
                if self.number == 2:
                    raise Hangup  # it is there, but that is never told
                return said

            def do_examine(self, name):
                if self.number == 3:
                    looking.set()
                    time.sleep(3)
                return super().do_examine(name)

        source, target = self.mini(Source), self.mini(Target)
        self.fill_inbox(source, 600)
        ended = self.copy(source, target, '--fetchMax', 20, connections=2)
        self.assertTrue(looking.is_set())
        self.assertIn('is done without', ended.log)
        self.assertEqual(600, self.assert_balanced(ended)['copied'])
        self.assertEqual(source.contents(), target.contents())


class Anew(HostileCase):
    """One connection finds a mailbox made anew, or not at all (F188)."""

    def source_that_changes(self):
        class Source(Numbered):
            """The second connection breaks; then INBOX is another one."""

            def do_uid_fetch(self, *arguments):
                if self.number == 2:
                    raise Hangup
                return super().do_uid_fetch(*arguments)

            def need(self, name):
                box = super().need(name)
                return self.server.other if self.number > 2 else box

        server = self.mini(Source)
        self.fill_inbox(server, 800)
        server.other = type(server.box('INBOX'))(b'INBOX', 77)
        for _ in range(800):
            server.other.add(message(9999, 30000), date=DATE)
        return server

    def test_no_part_of_it_is_taken_for_the_old_one(self):
        source, target = self.source_that_changes(), self.server()
        ended = self.copy(source, target, connections=2, code=CHANGED)
        self.assertEqual(800, self.assert_balanced(ended)['copied'])
        self.assertEqual(list(range(800)), sorted(keys(target, 'INBOX')))

    def test_one_that_cannot_be_opened_again(self):
        """What was open before is not taken for it."""
        class Source(Numbered):
            def do_uid_fetch(self, *arguments):
                inbox = self.server.boxes[b'INBOX']
                if self.number == 2 and self.selected is inbox:
                    raise Hangup
                return super().do_uid_fetch(*arguments)

            def _open(self, name, read_only):
                if self.number > 2 and name.upper() == b'INBOX':
                    self.selected = self.server.boxes[b'other']
                    raise Refused(b'NO not now, the other one stays open')
                return super()._open(name, read_only)

        source, target = self.mini(Source), self.server()
        self.fill_inbox(source, 800)
        for n in range(1000):
            source.box('other').add(message(100000 + n, 300), date=DATE)
        ended = self.copy(source, target, connections=2)
        self.assertEqual(1800, self.assert_balanced(ended)['copied'])
        self.assertEqual(list(range(800)), sorted(keys(target, 'INBOX')))
        self.assertEqual(1000, len(keys(target, 'other')))

    def test_a_mirror_deletes_nothing_then(self):
        source, target = self.source_that_changes(), self.server()
        with account(target) as client:
            client.append('INBOX', message(7777777))
        ended = self.copy(source, target, '--mode', 'syncDst', connections=2,
                          code=None)
        self.assert_balanced(ended)
        self.assertEqual(2, lanes(ended))
        self.assertIn(7777777, keys(target, 'INBOX'))


class Less(HostileCase):
    """A copy of the mail that lags behind: only the first connection sees it
    all (F192)."""

    def check(self, session, *capability):
        source = MiniServer(capability=CAPABILITY + capability,
                            session=session)
        self.addCleanup(source.stop)
        target = self.mini(Session)
        source.empty = type(source.box('INBOX'))(b'empty', 1000)
        for n in range(200):
            box = source.box('box%03d' % n)
            box.uidvalidity = 1000
            for i in range(3):
                box.add(message(n * 10 + i, 30000), date=DATE)
        ended = self.copy(source, target, connections=2, code=None)
        self.assertEqual(2, lanes(ended, 'source'))
        self.assertEqual(600, self.assert_balanced(ended)['copied'])
        self.assertEqual(source.contents(), target.contents())

    class Source(Numbered):
        def need(self, name):
            box = super().need(name)
            return self.server.empty if self.number > 1 else box

    def test_messages_that_are_not_there(self):
        self.check(self.Source)

    def test_mailboxes_that_seem_empty(self):
        class Source(self.Source):
            def do_status(self, name, items):
                box = self.need(name)
                self.io.send(
                    b'* STATUS %s (MESSAGES %d UIDNEXT %d UIDVALIDITY %d '
                    b'SIZE %d)\r\n' % (
                        name, len(box.messages), box.uidnext, box.uidvalidity,
                        sum(len(m.raw) for m in box.messages)))
                return b'done'

        self.check(Source, 'STATUS=SIZE')


class Lag(HostileCase):
    """A target that cannot show yet what it has stored: nothing is sent again
    as long as that may be (F096, F102)."""

    def test_a_copy_of_the_mail_that_lags_behind(self):
        class Target(Numbered):
            appended = 0

            def do_append(self, arguments, literals):
                said = super().do_append(arguments, literals)
                self.appended += 1
                if self.number == 2 and self.appended == 3:
                    raise Hangup
                return said

            def need(self, name):
                box = super().need(name)
                lags = self.number == 3 and not self.appended
                return self.server.empty if lags else box

        source, target = self.mini(Session), self.mini(Target)
        target.empty = type(target.box('INBOX'))(b'empty', 1000)
        self.fill_inbox(source, 600)
        ended = self.copy(source, target, '--storeMax', 20, connections=2)
        self.assertIn('in doubt', ended.log)
        self.assertEqual(600, self.assert_balanced(ended)['copied'])
        self.assertEqual(source.contents(), target.contents())

    def test_uids_that_are_not_there(self):
        class Target(Session):
            def do_append(self, arguments, literals):
                super().do_append(arguments, literals)
                if self.server.count('APPEND') == 20:
                    raise Hangup
                return b'[APPENDUID 1000 %d] stored' % (
                    4000000000 + self.server.box('INBOX').uidnext)

        for connections in (1, 2):
            source, target = self.mini(Session), self.mini(Target)
            self.fill_inbox(source, 400)
            ended = self.copy(source, target, '--storeMax', 1, code=75,
                              connections=connections)
            self.assertIn('UIDNEXT', ended.log)
            target.session = Session
            self.copy(source, target, connections=connections)
            self.assertEqual(source.contents(), target.contents())


class Counted(HostileCase):
    def test_what_is_fetched_again_is_counted_once(self):
        """F106: what a further connection leaves to the first one."""
        class Target(Numbered):
            refused = 0

            def do_append(self, arguments, literals):
                if self.number == 2 and self.refused < 5:
                    self.refused += 1
                    raise Refused(b'NO [TRYCREATE] where is it')
                return super().do_append(arguments, literals)

        source, target = self.mini(Session), self.mini(Target, keywords=b'')
        for n in range(600):
            source.box('INBOX').add(message(n, 30000)[:-2], (b'odd',),
                                    date=DATE)
        ended = self.copy(source, target, '--storeMax', 1, connections=2)
        self.assertEqual(600, self.assert_balanced(ended)['copied'])
        self.assertIn('line ends added 600, flags dropped 600', ended.log)


class Threads(HostileCase):
    @unittest.skipUnless(os.geteuid() == 0 and shutil.which('setpriv') and
                         shutil.which('prlimit'), 'needs another user')
    def test_f185_no_room_for_all_of_them(self):
        """The main thread does what has none; the other way is no error."""
        binary = self.path('engine')
        shutil.copy(convoy.ENGINE, binary)
        os.chmod(self.folder, 0o755)
        source = self.mini(Session)
        self.fill_inbox(source, 600)
        for limit in (1, 2, 3):
            target = self.mini(Session)
            done = subprocess.run(
                ['setpriv', '--reuid=64997', '--regid=64997',
                 '--clear-groups', 'prlimit', '--nproc=%d' % limit, binary,
                 *map(str, self.arguments(source, target))],
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                cwd='/', timeout=convoy.PATIENCE, check=False,
                env={**os.environ, 'ASAN_OPTIONS': os.environ.get(
                    'ASAN_OPTIONS', '') + NO_LEAKS})
            self.assertEqual(0, done.returncode, done.stderr[-2000:])
            self.assertIn('cannot start a thread', done.stderr)
            self.assertEqual(source.contents(), target.contents())


if __name__ == '__main__':
    unittest.main()
