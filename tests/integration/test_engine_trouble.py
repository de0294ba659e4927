# SPDX-License-Identifier: MIT
"""Servers that fail in the middle of a copy: nothing twice, nothing given up
that could still be copied, no hang, and an accounting that adds up."""
import resource
import threading
import time
import unittest
from collections import Counter

from convoy import PATIENCE, PLAIN, Case, wait_until
from scripted_server import Fault, Hangup, MiniServer, Session

PARTIAL, CHANGED, STOPPED, TEMPORARY, PROTOCOL = 1, 2, 4, 75, 76
WORDS = ('LITERAL+', 'MULTIAPPEND', 'UIDPLUS')
ALWAYS = 10 ** 9
HANG = 30


def message(number):
    return (b'From: somebody@example.org\r\nSubject: letter %d\r\n'
            b'Message-ID: <letter.%d@example.org>\r\n'
            b'Date: Thu, 02 Jan 2020 10:00:00 +0000\r\n\r\ntext %d\r\n'
            % (number, number, number))


def put(server, name, *numbers, flags=()):
    for number in numbers:
        server.box(name).add(message(number), flags)


def held(server):
    """{message: how often}, of all mailboxes."""
    return Counter(m for box in server.contents().values() for m in box)


def letters(*numbers):
    return Counter(message(n) for n in numbers)


class TroubleCase(Case):
    def addresses(self, source, target):
        return ('127.0.0.1:%d' % source.port, 'anna', 'pass',
                '127.0.0.1:%d' % target.port, 'anna', 'pass')

    def copy(self, source, target, *options, code=0):
        """Runs an engine; its accounting must add up."""
        ended = self.engine(*PLAIN, *options,
                            *self.addresses(source, target), code=code,
                            seconds=HANG)
        self.assertEqual([], source.problems + target.problems)
        return ended, self.assert_balanced(ended)

    def assert_tally(self, tally, **numbers):
        """These numbers; what is not named is nought."""
        expected = dict.fromkeys(tally, 0)
        expected.update(numbers)
        self.assertEqual(expected, tally)


class Doubt(TroubleCase):
    """Messages whose fate is not known."""

    def refused_search(self, fault):
        kept = Fault('cut-before-reply', nth=1, store=True)
        with MiniServer() as source, \
                MiniServer(capability=WORDS, faults=[kept, fault]) as target:
            put(source, 'INBOX', *range(10))
            _, tally = self.copy(source, target)
            self.assertEqual(letters(*range(10)), held(target))
            self.assert_tally(tally, source=10, copied=10)
            self.assertGreaterEqual(fault.seen, fault.nth)

    def test_answers_out_of_order_double_nothing(self):
        """F096: The first APPEND is stored and not answered, the second is."""
        class Unordered(Session):
            def do_append(self, arguments, literals):
                n = self.server.appends = self.server.appends + 1
                if n == 3:
                    raise Hangup
                said = super().do_append(arguments, literals)
                return None if n == 1 else said

        with MiniServer() as source, MiniServer(
                capability=('LITERAL+', 'UIDPLUS'),
                session=Unordered) as target:
            target.appends = 0
            put(source, 'INBOX', *range(10))
            _, tally = self.copy(source, target)
            self.assertEqual(letters(*range(10)), held(target))
            self.assert_tally(tally, source=10, copied=10)

    def test_refused_examine_doubles_nothing(self):
        self.refused_search(
            Fault('no', 'EXAMINE', text=b'[UNAVAILABLE] busy'))

    def test_refused_fetch_doubles_nothing(self):
        self.refused_search(Fault('no', 'FETCH', text=b'[INUSE] busy'))

    def test_message_stored_after_the_line_was_cut_is_not_doubled(self):
        """F098"""
        class Late(Session):
            """Stores the first APPEND a second after hanging up."""

            def do_append(self, arguments, literals):
                if self.server.count('APPEND') > 1:
                    return super().do_append(arguments, literals)

                def store():
                    Session.do_append(self, arguments, literals)
                    stored.set()
                threading.Timer(1, store).start()
                raise Hangup

        stored = threading.Event()
        with MiniServer() as source, \
                MiniServer(capability=WORDS, session=Late) as target:
            put(source, 'Archive', *range(10))
            _, tally = self.copy(source, target)
            self.assertTrue(stored.wait(PATIENCE))
            self.assertEqual(letters(*range(10)), held(target))
            self.assert_tally(tally, source=10, copied=10)

    def test_f098_message_stored_behind_a_late_answer_is_not_doubled(self):
        """F098, F221: a server that hangs stores what it has read before when
        it goes on, just after it has said that nothing is there."""
        class Late(Session):
            def do_append(self, arguments, literals):
                if self.server.count('APPEND') > 1:
                    return super().do_append(arguments, literals)
                self.server.late = lambda: Session.do_append(
                    self, arguments, literals)
                raise Hangup

            def do_examine(self, name):
                late, self.server.late = self.server.late, None
                if late:
                    threading.Event().wait(4)
                    threading.Timer(0.4, lambda: (late(), stored.set())
                                    ).start()
                return super().do_examine(name)

        stored = threading.Event()
        with MiniServer() as source, \
                MiniServer(capability=WORDS, session=Late) as target:
            target.late = None
            put(source, 'Archive', *range(10))
            _, tally = self.copy(source, target)
            self.assertTrue(stored.wait(PATIENCE))
            self.assertEqual(letters(*range(10)), held(target))
            self.assert_tally(tally, source=10, copied=10)

    def test_f096_nothing_spins_while_the_next_session_is_slow_to_come(self):
        """F096: what is in doubt is looked for when there is a session."""
        class Slow(Session):
            def run(self):
                if self.server.connections > 1:
                    self.server.never.wait(6)
                super().run()

        kept = Fault('cut-before-reply', store=True)
        with MiniServer() as source, MiniServer(
                capability=WORDS, faults=[kept], session=Slow) as target:
            target.never = threading.Event()
            put(source, 'INBOX', 1)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.monotonic()
            self.copy(source, target)
            lasted = time.monotonic() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            self.assertEqual(letters(1), held(target))
            self.assertLess(after.ru_utime + after.ru_stime - before.ru_utime -
                            before.ru_stime, lasted / 4)

    def test_f104_ok_in_the_middle_of_a_message_is_no_copy(self):
        """F104: the server cannot have stored what it was not sent."""
        class Hasty(Session):
            def read_literal(self, text, size):
                if self.name_of(text) != 'APPEND' or self.server.was_hasty:
                    return super().read_literal(text, size)
                self.server.was_hasty = True
                self.io.read_bytes(1000)
                self.io.send(text.split(b' ', 1)[0] + b' OK stored\r\n')
                self.server.never.wait(0.5)
                self.io.read_bytes(size - 1000)
                return b''

            def do_append(self, arguments, literals):
                if not literals[0]:
                    return None
                return super().do_append(arguments, literals)

        large = message(1) + (b'x' * 70 + b'\r\n') * 350000
        with MiniServer() as source, \
                MiniServer(capability=WORDS, session=Hasty) as target:
            target.was_hasty, target.never = False, threading.Event()
            source.box('INBOX').add(large)
            ended, tally = self.copy(source, target)
            self.assertTrue(target.was_hasty)
            self.assertIn('an answer before the command', ended.log)
            self.assertEqual([len(large)], [len(m) for m in held(target)])
            self.assert_tally(tally, source=1, copied=1)

    def late_server(self, slow, nth=1):
        """A server that stands still while the nth command `slow` waits, and has
        an APPEND of a former run to carry out when it goes on."""
        class Blocked(Session):
            def __getattribute__(self, name):
                if name == slow:
                    self.server.calls += 1
                if name == slow and self.server.calls == nth:
                    self.server.never.wait(4)
                    threading.Timer(0.4, store).start()
                return super().__getattribute__(name)

        def store():
            put(target, 'Archive', 0)
            stored.set()

        stored = threading.Event()
        with MiniServer() as source, \
                MiniServer(capability=WORDS, session=Blocked) as target:
            target.calls, target.never = 0, threading.Event()
            put(source, 'Archive', 0)
            put(source, 'INBOX', 1, 2)
            target.box('Archive')
            put(target, 'INBOX', 1)
            self.copy(source, target, '--settle', 1000)
            self.assertTrue(stored.wait(PATIENCE))
            self.assertEqual(letters(0, 1, 2), held(target))

    def test_f098_nothing_moves_while_the_server_stands_still(self):
        """F098, F221: that its counters are the same means nothing then."""
        for slow in ('do_select', 'do_uid_fetch'):
            with self.subTest(slow):
                self.late_server(slow)

    def test_f098_the_answer_to_the_question_is_late_itself(self):
        """F098, F221"""
        self.late_server('do_status', 4)

    def test_f098_many_slow_answers_are_no_late_one(self):
        """F098: a server that goes on answering does not stand still."""
        class Slow(Session):
            def do_status(self, name, items):
                if {i.upper() for i in items} == {b'MESSAGES', b'UIDNEXT'}:
                    self.server.asked += 1
                    self.server.never.wait(0.1)
                return super().do_status(name, items)

        with MiniServer() as source, \
                MiniServer(capability=WORDS, session=Slow) as target:
            target.asked, target.never = 0, threading.Event()
            for n in range(40):
                for server in (source, target):
                    put(server, 'Box%d' % n, n)
            put(source, 'INBOX', 40)
            self.copy(source, target, '--settle', 100)
            self.assertEqual(letters(*range(41)), held(target))
            self.assertGreaterEqual(target.asked, 40)
            # twice on a machine that stands still itself
            self.assertLess(target.asked, 3 * 40)

    def test_target_that_hides_messages_gets_nothing_twice(self):
        class Hiding(Session):
            """Lists the first three messages only."""

            def _chosen(self, numbers, by_uid):
                for at, one in enumerate(super()._chosen(numbers, by_uid)):
                    if at >= 3:
                        return
                    yield one

        with MiniServer() as source, \
                MiniServer(capability=WORDS, session=Hiding) as target:
            put(source, 'INBOX', *range(10))
            put(target, 'INBOX', *range(10))
            _, tally = self.copy(source, target, code=PARTIAL)
            self.assertEqual(letters(*range(10)), held(target))
            self.assert_tally(tally, source=10, refused=10)
            self.assertEqual(0, target.count('APPEND'))

    def test_busy_inbox_delays_but_does_not_stop(self):
        done = threading.Event()
        with MiniServer() as source, MiniServer(capability=WORDS) as target:
            put(source, 'INBOX', *range(5))
            put(target, 'INBOX', 100)
            arrived = [100]

            def feed():
                while not done.wait(0.1):
                    arrived.append(100 + len(arrived))
                    with target.lock:
                        put(target, 'INBOX', arrived[-1])
            feeder = threading.Thread(target=feed)
            feeder.start()
            try:
                _, tally = self.copy(source, target, '--settle', 200)
            finally:
                done.set()
                feeder.join()
            self.assertEqual(letters(*range(5), *arrived), held(target))
            self.assert_tally(tally, source=5, copied=5)
            self.assertGreater(target.count('STATUS'), 2)


class Target(TroubleCase):
    """The target fails while it is written to."""

    def test_hangup_at_each_append_refuses_at_most_one(self):
        """F108"""
        with MiniServer() as source, MiniServer(capability=WORDS, faults=[
                Fault('cut', 'APPEND', times=ALWAYS)]) as target:
            put(source, 'INBOX', *range(8))
            _, tally = self.copy(source, target, code=TEMPORARY)
            self.assertEqual(Counter(), held(target))
            self.assertLessEqual(tally['refused'], 1)
            self.assert_tally(tally, source=8, refused=tally['refused'],
                              unreached=8 - tally['refused'])

    def test_unavailable_at_each_append_refuses_nothing(self):
        """F119"""
        with MiniServer() as source, MiniServer(capability=WORDS, faults=[
                Fault('no', 'APPEND', times=ALWAYS,
                      text=b'[UNAVAILABLE] try later')]) as target:
            put(source, 'INBOX', *range(8))
            _, tally = self.copy(source, target, code=TEMPORARY)
            self.assertEqual(Counter(), held(target))
            self.assert_tally(tally, source=8, unreached=8)

    def test_f025_an_append_that_waits_is_answered_before_it_is_sent(self):
        class Guessing(Session):
            """Says OK to the second APPEND while the first one waits."""

            def run(self):
                line_of = self.io.read_line

                def read_line():
                    text = line_of()
                    if b' APPEND ' in text and self.server.connections == 1:
                        self.io.read_line = line_of
                        self.io.stopping.wait(1)
                        self.io.send(b'%s%d OK early\r\n'
                                     % (text[:3], int(text.split()[0][3:]) + 1))
                        self.io.stopping.wait(0.5)
                    return text
                self.io.read_line = read_line
                super().run()

        with MiniServer() as source, MiniServer(session=Guessing) as target:
            put(source, 'INBOX', *range(8))
            _, tally = self.copy(source, target)
            self.assertEqual(held(source), held(target))
            self.assert_tally(tally, source=8, copied=8)
            self.assertEqual(2, target.connections)

    def test_mailbox_deleted_during_the_copy_is_made_again(self):
        """F106"""
        class Deleting(Session):
            """The mailbox is gone when the fifth APPEND comes."""

            def do_append(self, arguments, literals):
                if self.server.count('APPEND') == 5:
                    del self.server.boxes[b'Archive']
                return super().do_append(arguments, literals)

        for capability in ((), ('LITERAL+', 'UIDPLUS')):
            with self.subTest(capability=capability), \
                    MiniServer() as source, \
                    MiniServer(capability=capability,
                               session=Deleting) as target:
                put(source, 'Archive', *range(40))
                _, tally = self.copy(source, target, code=CHANGED)
                # the first four went with the mailbox
                self.assertEqual(letters(*range(4, 40)), held(target))
                self.assertEqual(0, tally['refused'])
                self.copy(source, target)
                self.assertEqual(letters(*range(40)), held(target))

    def test_refused_create_and_lost_session_are_tried_again(self):
        with MiniServer() as source, MiniServer(capability=WORDS, faults=[
                Fault('no', 'CREATE', text=b'not now'),
                Fault('cut', 'STATUS', nth=2)]) as target:
            put(source, 'Archive', *range(6))
            _, tally = self.copy(source, target)
            self.assertEqual(source.contents(), target.contents())
            self.assert_tally(tally, source=6, copied=6)
            self.assertEqual(2, target.count('CREATE'))

    def test_lost_subscribe_is_sent_again(self):
        with MiniServer() as source, MiniServer(
                capability=WORDS,
                faults=[Fault('cut', 'SUBSCRIBE')]) as target:
            put(source, 'Archive', *range(3))
            source.box('Archive').subscribed = True
            _, tally = self.copy(source, target)
            self.assertTrue(target.box('Archive').subscribed)
            self.assertEqual(2, target.count('SUBSCRIBE'))
            self.assertEqual(source.contents(), target.contents())
            self.assert_tally(tally, source=3, copied=3)

    def test_many_long_keywords(self):
        words = tuple(b'k%04d' % n + b'x' * 240 for n in range(64))
        with MiniServer() as source, MiniServer(capability=WORDS) as target:
            put(source, 'INBOX', *range(100), flags=words)
            _, tally = self.copy(source, target, '--storeMax', 100)
            self.assertEqual(source.contents(), target.contents())
            self.assertEqual(
                {words}, {tuple(sorted(m.flags))
                          for m in target.box('INBOX').messages})
            self.assert_tally(tally, source=100, copied=100)


class Source(TroubleCase):
    """The source fails while it is read."""

    def quoted_empty_body(self, *options):
        class Quoting(Session):
            """The eleventh body is an empty string, the thirtieth is late."""

            def _send_fetch(self, n, head, bodies):
                if bodies and bodies[0][0] == b'BODY[]':
                    if n == 11:
                        self.io.send(b'* 11 FETCH (' + head +
                                     b' BODY[] "")\r\n')
                        return
                    if n == 30:
                        self.io.stopping.wait(3)
                super()._send_fetch(n, head, bodies)

        class Slow(Session):
            """Takes its time for the first message: the queue fills."""

            def do_append(self, arguments, literals):
                if self.server.count('APPEND') == 1:
                    self.io.stopping.wait(1)
                return super().do_append(arguments, literals)

        with MiniServer(session=Quoting) as source, \
                MiniServer(session=Slow) as target:
            put(source, 'INBOX', *range(40))
            _, tally = self.copy(source, target, '--queueMax', 10,
                                 '--timeout', 4, *options)
            whole = letters(*(n for n in range(40) if n != 10))
            self.assertEqual(Counter(), whole - held(target))
            rest = list((held(target) - whole).elements())
            self.assertEqual(1, len(rest))
            self.assertEqual(b'', rest[0].strip())
            self.assert_tally(tally, source=40, copied=40)

    def test_quoted_empty_body_in_a_full_queue(self):
        """F080, F113"""
        self.quoted_empty_body()

    def test_quoted_empty_body_in_a_full_queue_without_threads(self):
        self.quoted_empty_body('--noThreads')

    def test_message_that_ends_every_session_is_set_aside(self):
        """F108"""
        class Poisoned(Session):
            def _send_fetch(self, n, head, bodies):
                if bodies and bodies[0] == (b'BODY[]', message(3)):
                    raise Hangup
                super()._send_fetch(n, head, bodies)

        with MiniServer(session=Poisoned) as source, \
                MiniServer(capability=WORDS) as target:
            put(source, 'INBOX', *range(10))
            put(source, 'Zlast', 77)
            _, tally = self.copy(source, target, code=PARTIAL)
            self.assertEqual(
                letters(*(n for n in range(10) if n != 3), 77), held(target))
            self.assert_tally(tally, source=11, copied=10, refused=1)

    def test_mailbox_in_use_is_tried_again(self):
        """F076"""
        busy = Fault('no', 'EXAMINE', text=b'[INUSE] locked')
        with MiniServer(faults=[busy]) as source, MiniServer() as target:
            put(source, 'INBOX', *range(3))
            _, tally = self.copy(source, target)
            self.assertEqual(source.contents(), target.contents())
            self.assert_tally(tally, source=3, copied=3)
            self.assertGreater(busy.seen, 1)

    def test_endless_listing(self):
        class Endless(Session):
            def do_uid_fetch(self, *unused):
                at = 0
                while True:
                    self.io.send(b''.join(
                        b'* 1 FETCH (UID %d RFC822.SIZE 1)\r\n' % uid
                        for uid in range(at + 1, at + 20001)))
                    at += 20000

        with MiniServer(session=Endless) as source, MiniServer() as target:
            put(source, 'INBOX', 1)
            _, tally = self.copy(source, target, '--timeout', 2,
                                 code=PROTOCOL)
            self.assertEqual(Counter(), held(target))
            self.assert_tally(tally, source=1, unreached=1)

    def test_escape_character_in_a_name_never_reaches_the_log(self):
        """F205"""
        with MiniServer() as source, MiniServer() as target:
            source.box(b'evil\x1b[31m').add(
                b'Subject: x\r\n\r\n' + b'a' * 9500 + b'\r\n')
            ended, tally = self.copy(source, target, '--verbose',
                                     '--longLines', 'keep')
            self.assertIn('evil', ended.log)
            self.assertNotIn('\x1b', ended.log + ended.output)
            self.assertEqual(held(source), held(target))
            self.assert_tally(tally, source=1, copied=1)

    def test_answer_to_a_guessed_tag_ends_the_session(self):
        """F025, F088"""
        class Guessing(Session):
            """Refuses the second body, does not give the first out, then
            answers what was not sent yet."""

            bodies = ()

            def obey(self, text, literals):
                if self.server.connections > 1 or b'BODY.PEEK[]' not in text:
                    super().obey(text, literals)
                    return
                self.bodies += (text.split(b' ')[0],)
                if len(self.bodies) != 2:
                    return
                a, b = self.bodies
                self.io.send(
                    b'%s NO x\r\n%s OK nothing\r\n%s%d OK early\r\n'
                    b'* 1 FETCH (UID 1 BODY[] {4}\r\n'
                    % (b, a, b[:3], int(b[3:]) + 1))
                self.io.stopping.wait(0.5)
                self.io.send(b'a\r\n\r)\r\n')

        with MiniServer(session=Guessing) as source, MiniServer() as target:
            put(source, 'A', 1)
            put(source, 'A', 2)
            _, tally = self.copy(source, target, '--fetchMax', 1, code=PARTIAL)
            self.assertIn(held(target), (letters(1), letters(2)))
            self.assert_tally(tally, source=2, copied=1, refused=1)
            self.assertEqual(2, source.connections)


class Chatter(TroubleCase):
    """A target that never comes to the point."""

    class Chatting(Session):
        def run(self):
            self.io.send(b'* OK hello\r\n')
            while True:
                self.io.send(b'* OK still here\r\n' * 4000)

    def test_chatter_before_the_login_ends_with_the_time_out(self):
        """F085, before the login"""
        for options in ((), ('--noThreads',)):
            with self.subTest(options=options), MiniServer() as source, \
                    MiniServer(session=self.Chatting) as target:
                put(source, 'INBOX', 1)
                self.engine(*PLAIN, '--timeout', 1, *options,
                            *self.addresses(source, target), code=TEMPORARY,
                            seconds=HANG)
                self.assertEqual(Counter(), held(target))

    def test_chatter_before_the_login_can_be_stopped(self):
        for options in ((), ('--noThreads',)):
            with self.subTest(options=options), MiniServer() as source, \
                    MiniServer(session=self.Chatting) as target:
                put(source, 'INBOX', 1)
                engine = self.start(*PLAIN, *options,
                                    *self.addresses(source, target))
                wait_until(lambda s=source, t=target:
                           t.connections and s.connections, 'connections')
                engine.terminate()
                _, log = engine.communicate(timeout=HANG)
                self.assertEqual(STOPPED, engine.returncode, log[-2000:])
                self.assertEqual(Counter(), held(target))


if __name__ == '__main__':
    unittest.main()
