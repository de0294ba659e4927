# SPDX-License-Identifier: MIT
"""--connections against servers of which one connection sees or does something
else than the others."""
import threading
import time
import unittest

import convoy
from scripted_server import Hangup, MiniServer, Refused, Session
from test_connections import (
    CAPABILITY, DATE, ConnectionsCase, message)


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


if __name__ == '__main__':
    unittest.main()
