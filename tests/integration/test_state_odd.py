# SPDX-License-Identifier: MIT
"""The state file and servers that change, or tell what is not so."""
import signal
import unittest

from convoy import PATIENCE, PLAIN, Case, wait_until
from scripted_server import Fault, MiniServer, Session

DATE = b'02-Mar-2026 10:00:00 +0000'


def message(number):
    return (b'From: a@example.org\r\nSubject: number %d\r\n'
            b'Date: 02 Mar 2026 10:00:00 +0000\r\n'
            b'Message-ID: <%d@example.org>\r\n\r\nhello\r\n'
            % (number, number))


class OneUidNext(Session):
    """STATUS tells the same UIDNEXT for ever."""

    def do_status(self, name, items):
        box = self.need(name)
        true, box.uidnext = box.uidnext, 1
        try:
            return super().do_status(name, items)
        finally:
            box.uidnext = true


class OddCase(Case):
    def server(self, session=None):
        server = MiniServer(capability=('UIDPLUS', 'LITERAL+'),
                            session=session)
        self.addCleanup(server.stop)
        return server

    def sync(self, source, target, *options, state='state.db', code=0):
        return self.engine(
            *PLAIN, '--stateFile', self.path(state), *options,
            '127.0.0.1:%d' % source.port, 'anna', 'pass',
            '127.0.0.1:%d' % target.port, 'anna', 'pass', code=code)

    @staticmethod
    def fill(server, *numbers):
        for number in numbers:
            server.box('INBOX').add(message(number), (), DATE)

    def numbers(self, server):
        raw = [m.raw for m in server.box('INBOX').messages]
        return sorted(n for n in range(100) for r in raw if r == message(n))


class Known(OddCase):
    def test_f170_one_lost_and_one_come_while_we_append(self):
        """The numbers are as expected, the messages are not."""
        class Busy(Session):
            def do_append(self, arguments, literals):
                box = self.need(b'INBOX')
                if len(box.messages) == 1:
                    del box.messages[0]
                    box.add(message(50), (), DATE)
                return super().do_append(arguments, literals)

        source, target = self.server(), self.server(Busy)
        self.fill(source, 1, 2)
        self.fill(target, 1)
        self.assertEqual(1, self.sync(source, target).tally()['copied'])
        self.assertEqual([2, 50], self.numbers(target))
        self.assertEqual(1, self.sync(source, target).tally()['copied'])
        self.assertEqual([1, 2, 50], self.numbers(target))

    def test_nothing_moved_needs_no_look(self):
        source, target = self.server(), self.server()
        self.fill(source, 1, 2)
        self.fill(target, 1)
        self.sync(source, target)
        target.forget_commands()
        self.assertEqual(2, self.sync(source, target).tally()['present'])
        self.assertEqual(0, target.count('SELECT', 'EXAMINE'))

    def test_a_source_that_tells_one_uidnext_for_ever(self):
        source, target = self.server(OneUidNext), self.server()
        for present in ((), (1,)):  # fetched at once, and listed
            with self.subTest(present):
                source.box('INBOX').messages.clear()
                target.box('INBOX').messages.clear()
                self.fill(source, 1, 2)
                self.fill(target, *present)
                self.sync(source, target)
                del source.box('INBOX').messages[0]
                self.fill(source, 3)
                self.sync(source, target)
                self.assertEqual([1, 2, 3], self.numbers(target))

    def test_a_target_that_tells_one_uidnext_for_ever(self):
        source, target = self.server(), self.server(OneUidNext)
        self.fill(source, 1, 2)
        self.fill(target, 1, 2)
        self.sync(source, target)
        del target.box('INBOX').messages[0]
        self.fill(target, 50)
        self.sync(source, target)
        self.assertEqual([1, 2, 50], self.numbers(target))


class Quiet(OddCase):
    def test_f098_a_run_with_another_file_was_killed(self):
        """This file does not know of it, but the target has moved."""
        class Late(Session):
            def do_uid_fetch(self, numbers, items, *more):
                said = super().do_uid_fetch(numbers, items, *more)
                box = self.need(b'INBOX')
                if len(box.messages) == 2:  # 2 was stored, 3 is on its way
                    self.server.box('INBOX').add(message(3), (), DATE)
                return said

        source, target = self.server(), self.server(Late)
        self.fill(source, 1)
        self.sync(source, target)
        self.fill(source, 2, 3)
        self.fill(target, 2)
        self.sync(source, target)
        self.assertEqual([1, 2, 3], self.numbers(target))

    def kill_while_appending(self, source, target, *options):
        process = self.start(
            *PLAIN, *options, '--list', 'INBOX',
            '127.0.0.1:%d' % source.port, 'anna', 'pass',
            '127.0.0.1:%d' % target.port, 'anna', 'pass')
        wait_until(lambda: target.count('APPEND') > 0, 'an APPEND')
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)

    def inbox_only_was_killed(self, *options):
        """2 was on its way to INBOX, and comes when the next run looked."""
        class Late(Session):
            def do_uid_fetch(self, numbers, items, *more):
                said = super().do_uid_fetch(numbers, items, *more)
                box = self.need(b'INBOX')
                if len(box.messages) == 1:
                    box.add(message(2), (), DATE)
                return said

        source, target = self.server(), self.server(Late)
        self.fill(source, 1, 2)
        source.box('Sent').add(message(3), (), DATE)
        self.fill(target, 1)
        target.faults.append(Fault('silent-reply', store=False))
        target.session = Session
        self.kill_while_appending(source, target, *options)
        target.session = Late
        target.faults.clear()
        self.engine(*PLAIN, *options,
                    '127.0.0.1:%d' % source.port, 'anna', 'pass',
                    '127.0.0.1:%d' % target.port, 'anna', 'pass', code=0)
        self.assertEqual([1, 2], self.numbers(target))

    def test_f098_a_run_over_inbox_alone_was_killed(self):
        """No other mailbox is there, and still it was not the first run."""
        self.inbox_only_was_killed('--stateFile', self.path('state.db'))

    def test_f098_the_same_without_a_file(self):
        """An INBOX that holds mail is not that of an account nobody touched."""
        self.inbox_only_was_killed()


if __name__ == '__main__':
    unittest.main()
