# SPDX-License-Identifier: MIT
"""Answers that are odd, wrong or not there: taken where harmless, never trusted
beyond that."""
import time
import unittest
from collections import Counter

from convoy import PLAIN, Case
from scripted_server import Fault, MiniServer, Refused, Session

WORDS = ('LITERAL+', 'MULTIAPPEND', 'UIDPLUS')


def message(number, text=b''):
    return (b'From: somebody@example.org\r\nSubject: letter %d\r\n'
            b'Message-ID: <letter.%d@example.org>\r\n'
            b'Date: Thu, 02 Jan 2020 10:00:00 +0000\r\n\r\ntext %d%s\r\n'
            % (number, number, number, text))


def put(server, name, *numbers):
    for number in numbers:
        server.box(name).add(message(number))


def held(server):
    return Counter(m for box in server.contents().values() for m in box)


def letters(*numbers):
    return Counter(message(n) for n in numbers)


class OddCase(Case):
    def pair(self, source=None, target=None, faults=(), source_faults=()):
        self.source = MiniServer(session=source, faults=source_faults)
        self.addCleanup(self.source.stop)
        self.target = MiniServer(capability=WORDS, session=target,
                                 faults=faults)
        self.addCleanup(self.target.stop)

    def copy(self, *options, code=0):
        ended = self.engine(
            *PLAIN, '--timeout', 3, *options,
            '127.0.0.1:%d' % self.source.port, 'anna', 'pass',
            '127.0.0.1:%d' % self.target.port, 'anna', 'pass')
        if code is not None:
            self.assertEqual(code, ended.code, ended.log[-3000:])
        self.assert_balanced(ended)
        return ended


class SourceAnswers(OddCase):
    def copies_all(self, session, *options, code=0):
        self.pair(source=session)
        put(self.source, 'INBOX', *range(8))
        put(self.source, 'Sent', *range(8, 12))
        ended = self.copy(*options, code=code)
        self.assertEqual(letters(*range(12)), held(self.target))
        return ended

    def test_f077_no_uidvalidity(self):
        class Mute(Session):
            def _open(self, name, read_only):
                send = self.io.send
                self.io.send = lambda data: send(data.replace(
                    b'[UIDVALIDITY', b'[X-NOTHING'))
                try:
                    return super()._open(name, read_only)
                finally:
                    self.io.send = send
        self.copies_all(Mute)

    def test_f082_sizes_that_are_not_true(self):
        class Liar(Session):
            @staticmethod
            def _value(message, item):
                if item == b'RFC822.SIZE':
                    return b'%d' % (len(message.raw) * 3 + 7)
                return Session._value(message, item)
        self.copies_all(Liar)
        self.assertEqual(0, self.copy().tally()['copied'])

    def test_f087_line_feeds_lower_case_and_trailing_blanks(self):
        class Sloppy(Session):
            def do_noop(self):
                return b''

            def do_capability(self):
                self.io.send(b'* capability IMAP4REV1   \n')
                return b''

            def do_lsub(self, *_):
                self.io.send(b'* ok\n')
                return b''
        self.copies_all(Sloppy)

    def test_f089_other_order_doubled_and_unasked(self):
        class Confused(Session):
            def _chosen(self, *arguments):
                chosen = list(super()._chosen(*arguments))
                return list(reversed(chosen)) + chosen[:2]

            def _fetch(self, *arguments):
                self.io.send(b'* 1 FETCH (FLAGS (\\Seen))\r\n')
                return super()._fetch(*arguments)
        self.copies_all(Confused)

    def test_f090_one_body_missing_is_asked_for_again(self):
        class Forgetful(Session):
            left_out = 2
            bodies = False

            def _fetch(self, numbers, items, by_uid):
                self.bodies = b'BODY.PEEK[]' in items
                return super()._fetch(numbers, items, by_uid)

            def _chosen(self, *arguments):
                chosen = list(super()._chosen(*arguments))
                if self.bodies and Forgetful.left_out and len(chosen) > 1:
                    Forgetful.left_out -= 1
                    return chosen[1:]
                return chosen
        self.copies_all(Forgetful)
        self.assertEqual(0, Forgetful.left_out)

    def test_f113_empty_and_bodiless_messages(self):
        self.pair()
        odd = [b'\r\n', b'Subject: header only\r\n\r\n',
               b'\r\nbody only\r\n', b'x']
        for raw in odd:
            self.source.box('INBOX').add(raw)
        self.copy()
        self.assertEqual(sorted(r if r.endswith(b'\n') else r + b'\r\n'
                                for r in odd),
                         self.target.contents()['INBOX'])
        self.assertEqual(0, self.copy().tally()['copied'])


class Chatter(OddCase):
    def test_f085_keep_alives_are_no_answer_for_ever(self):
        """They reset the idle timer; the command has a limit of its own."""
        class Chatty(Session):
            times = 1

            def do_status(self, *arguments):
                end = time.monotonic() + 60 * Chatty.times
                Chatty.times = 0
                while time.monotonic() < end:
                    self.io.send(b'* OK still here\r\n')
                    time.sleep(0.2)
                return super().do_status(*arguments)
        self.pair(source=Chatty)
        put(self.source, 'INBOX', 1)
        began = time.monotonic()
        self.engine(
            *PLAIN, '--timeout', 1,
            '127.0.0.1:%d' % self.source.port, 'anna', 'pass',
            '127.0.0.1:%d' % self.target.port, 'anna', 'pass', code=0)
        self.assertGreater(time.monotonic() - began, 5)
        self.assertLess(time.monotonic() - began, 55)
        self.assertEqual(letters(1), held(self.target))

    def test_f088_an_answer_to_nothing_ends_the_session(self):
        class Stray(Session):
            strayed = 0

            def do_examine(self, name):
                if not Stray.strayed:
                    Stray.strayed = 1
                    self.io.send(b'x99 OK you did not ask\r\n')
                return super().do_examine(name)
        self.pair(source=Stray)
        put(self.source, 'INBOX', *range(5))
        ended = self.copy(code=None)
        self.assertIn('out of step', ended.log)
        self.assertLessEqual(held(self.target), letters(*range(5)))
        self.copy()
        self.assertEqual(letters(*range(5)), held(self.target))


class TargetAnswers(OddCase):
    def test_f067_exists_already(self):
        class Folded(Session):
            def do_create(self, name):
                super().do_create(name)
                raise Refused(b'NO [ALREADYEXISTS] it is there')
        self.pair(target=Folded)
        put(self.source, 'Sent', *range(4))
        self.copy()
        self.assertEqual(letters(*range(4)), held(self.target))

    def test_f068_create_over_quota_ends_the_account(self):
        self.pair(faults=[Fault('no', 'CREATE', times=99,
                                text=b'[OVERQUOTA] no more')])
        put(self.source, 'Sent', *range(4))
        self.copy(code=73)

    def test_f068_create_without_permission_ends_the_mailbox(self):
        self.pair(faults=[Fault('no', 'CREATE', times=99,
                                text=b'[NOPERM] not yours')])
        put(self.source, 'Sent', *range(4))
        put(self.source, 'INBOX', 5)
        ended = self.copy(code=1)
        self.assertEqual(letters(5), held(self.target))
        self.assertIn('not yours', ended.log)

    def test_f102_appenduid_that_is_not_to_be_believed(self):
        for code in (b'[APPENDUID 1 0]', b'[APPENDUID 0 5]', b'[APPENDUID]',
                     b'[APPENDUID 1000 9:1]', b'[APPENDUID 1000 1:4000]',
                     b'[APPENDUID 77 1:3]', b'[APPENDUID x y]', b''):
            class Liar(Session):
                def do_append(self, arguments, literals):
                    super().do_append(arguments, literals)
                    return code + b' stored'
            with self.subTest(code):
                self.pair(target=Liar)
                put(self.source, 'INBOX', *range(6))
                self.copy()
                self.assertEqual(letters(*range(6)), held(self.target))
                self.assertEqual(0, self.copy().tally()['copied'])


if __name__ == '__main__':
    unittest.main()
