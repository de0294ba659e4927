# SPDX-License-Identifier: MIT
"""Messages that the target does not take as they are, or not at all: each is
tried in other forms, named when nothing helps, and stops nothing else."""
import json
import os
import re
import time
import unittest

import dovecot
from convoy import PLAIN, Case, need_dovecot
from scripted_server import Fault, MiniServer, Session, Refused

PARTIAL, CHANGED, DEFERRED, QUOTA, TEMPORARY = 1, 2, 3, 73, 75
WORDS = ('LITERAL+', 'MULTIAPPEND', 'UIDPLUS')
DATE = b'02-Jan-2020 10:00:00 +0000'
LINE = b'x' * 98 + b'\r\n'


def mail(number, body=b'text\r\n', extra=b''):
    return (b'Message-ID: <refusal.%d@example.org>\r\n'
            b'Date: Thu, 02 Jan 2020 10:00:00 +0000\r\n'
            b'Subject: letter %d\r\n' % (number, number)
            + extra + b'\r\n' + body)


class RefusalCase(Case):
    def run_engine(self, source, target, *options, **kwargs):
        """An engine with records: .records beside the others."""
        read, write = os.pipe()
        with os.fdopen(read, encoding='utf-8') as lines:
            process = self.start(
                *PLAIN, *options, '--recordFd', write,
                '127.0.0.1:%d' % source.port, 'anna', 'pass',
                '127.0.0.1:%d' % target.port, 'anna', 'pass',
                pass_fds=(write,))
            os.close(write)
            self.records = [json.loads(line) for line in lines]
        _, log = process.communicate(timeout=120)
        code = kwargs.pop('code', None)
        if code is not None:
            self.assertEqual(code, process.returncode, log[-4000:])
        return process.returncode, log

    def of(self, event):
        return [r for r in self.records if r['ev'] == event]

    def tally(self):
        return self.of('end')[0]['tally']

    def assert_silent(self, source, target, *options, code=0):
        """The second run finds nothing to do."""
        target.forget_commands()
        self.run_engine(source, target, *options, code=code)
        self.assertEqual(0, target.count('APPEND'), target.commands[-5:])

    def assert_repaired(self, judge, raw, step, *options, expected=None,
                        flags=(b'\\Seen',), date=DATE, capability=WORDS):
        """Every other message is taken as it is, this one by the step."""
        with MiniServer() as source, \
                MiniServer(capability=capability, judge=judge) as target:
            box = source.box('INBOX')
            for number in range(5):
                box.add(mail(number), (b'\\Seen',), DATE)
            box.add(raw, flags, date)
            for number in range(10, 15):
                box.add(mail(number), (b'\\Seen',), DATE)
            _, log = self.run_engine(source, target, *options, code=0)
            tally = self.tally()
            self.assertEqual((11, 11, 1), (tally['source'], tally['copied'],
                                           tally.get('repaired')), log)
            said = [r for r in self.of('warning')
                    if r['reason'] == 'append.repaired']
            self.assertEqual(1, len(said), log)
            self.assertIn(step, said[0]['text'])
            self.assertEqual(('INBOX', 6), (said[0]['mailbox'],
                                            said[0]['uid']))
            self.assertIn('taken only', log)
            stored = [m for m in target.box('INBOX').messages
                      if b'odd one' in m.raw]
            self.assertEqual(1, len(stored))
            self.assertEqual(raw if expected is None else expected,
                             stored[0].raw)
            self.assertEqual([], target.problems + target.strange)
            self.dropped = tally.get('flags_dropped', 0)
            self.assert_silent(source, target, *options)
            return stored[0]


class Ladder(RefusalCase):
    """F109, F110: the step that wins is named, the second run is silent."""

    ODD = mail(99, b'odd one\r\n')

    @staticmethod
    def on(pattern, words):
        return lambda raw, flags, date: \
            words if re.search(pattern, raw) else None

    def test_keyword_f110(self):
        """F110: refused for a keyword: without keywords, system flags kept."""
        for words in (b'BAD Invalid system flag $NotJunk', b'NO APPEND failed'):
            with self.subTest(words):
                if words.startswith(b'BAD'):
                    capability = ()  # or the whole session would end
                else:
                    capability = WORDS
                stored = self.assert_repaired(
                    lambda raw, flags, date:
                    words if b'$NotJunk' in flags else None, self.ODD,
                    'without its keywords',
                    flags=(b'\\Seen', b'$NotJunk', b'work'),
                    capability=capability)
                self.assertEqual((b'\\Seen',), stored.flags)
                self.assertEqual(2, self.dropped)

    def test_date_f091_f110(self):
        """F091, F110: a date the target does not take is left out."""
        for words in (b'NO Invalid date', b'NO [CANNOT] no such thing'):
            with self.subTest(words):
                stored = self.assert_repaired(
                    lambda raw, flags, date:
                    words if b'-1900 ' in date else None, self.ODD,
                    'without its date', date=b'01-Jan-1900 00:00:00 +0000')
                self.assertNotIn(b'1900', stored.date)

    def test_nul(self):
        self.assert_repaired(
            self.on(b'\0', b'NO Message contains NUL characters'),
            mail(99, b'odd one\0\r\n'), 'NUL and line ends repaired',
            expected=mail(99, b'odd one\x80\r\n'))

    def test_bare_newlines(self):
        self.assert_repaired(
            self.on(rb'[^\r]\n', b'NO Message contains bare newlines'),
            mail(99, b'odd one\nx\r\n').replace(b'\r\nSubject', b'\nSubject'),
            'NUL and line ends repaired',
            expected=mail(99, b'odd one\r\nx\r\n'))

    def test_f109_more_that_grow_than_the_queue_holds(self):
        """F109: each gives its place in the queue back."""
        judge = self.on(rb'[^\r]\n', b'NO Message contains bare newlines')
        with MiniServer() as source, \
                MiniServer(capability=WORDS, judge=judge) as target:
            for n in range(40):
                source.box('INBOX').add(mail(n, b'a\nb\r\n'), (), DATE)
            ended = self.engine(
                *PLAIN, '--queueMax', 8, '--fetchMax', 4, '--storeMax', 4,
                '127.0.0.1:%d' % source.port, 'anna', 'pass',
                '127.0.0.1:%d' % target.port, 'anna', 'pass', code=0,
                seconds=60)
            self.assertEqual(40, ended.tally()['copied'])
            self.assertEqual(sorted(mail(n, b'a\r\nb\r\n')
                                    for n in range(40)),
                             target.contents()['INBOX'])

    def test_bare_cr(self):
        self.assert_repaired(
            self.on(rb'\r[^\n]', b'NO Message contains bare newlines'),
            mail(99, b'odd one\rx\r\n', b'X-Odd: a\rb\r\n'),
            'NUL and line ends repaired',
            expected=mail(99, b'odd one\r\nx\r\n', b'X-Odd: ab\r\n'))

    def test_mbox_line(self):
        self.assert_repaired(
            self.on(rb'\AFrom ', b'NO Message contains invalid header'),
            b'From a@b.example Thu Jan  2 10:00:00 2020\r\n' + self.ODD,
            'without its first line', expected=self.ODD)

    def test_mbox_line_of_a_message_without_a_header(self):
        """P14: what makes the key then does not hold the line."""
        raw = b'X-Nothing: odd one\r\n\r\ntext\r\n'
        self.assert_repaired(
            self.on(rb'\AFrom ', b'NO Message contains invalid header'),
            b'From a@b.example Thu Jan  2 10:00:00 2020\r\n' + raw,
            'without its first line', expected=raw)

    def test_long_line_f112(self):
        """F109, F112: broken only when it is refused and was asked for."""
        long = self.on(rb'[^\n]{9001}', b'NO line too long')
        piece = b'a' * 998 + b'\r\n'
        self.assert_repaired(
            long, mail(99, b'odd one\r\n' + b'a' * 9980 + b'\r\n'),
            'long lines broken', '--longLines', 'wrap',
            expected=mail(99, b'odd one\r\n' + piece * 10))
        with MiniServer() as source, MiniServer(judge=long) as target:
            source.box('INBOX').add(mail(1, b'a' * 9980 + b'\r\n'), (), DATE)
            source.box('INBOX').add(mail(2), (), DATE)
            self.run_engine(source, target, '--longLines', 'keep',
                            code=PARTIAL)
            self.assertEqual({'append.content': 1}, self.tally()['refused'])

    def test_steps_add_up(self):
        def judge(raw, flags, _):
            if b'odd one' not in raw:
                return None
            if b'$Odd' in flags:
                return b'NO APPEND failed'
            return b'NO Message contains NUL characters' if b'\0' in raw \
                else None
        stored = self.assert_repaired(
            judge, mail(99, b'odd one\0\r\n'),
            'without its keywords, with NUL and line ends repaired',
            flags=(b'$Odd',), expected=mail(99, b'odd one\x80\r\n'))
        self.assertEqual((), stored.flags)

    def test_large_body_is_repaired_on_disk(self):
        body = b'odd one\n' + b'line\n' * 200000
        self.assert_repaired(
            self.on(rb'[^\r]\n', b'NO Message contains bare newlines'),
            mail(99, body), 'NUL and line ends repaired',
            '--queueSizeMax', 1,
            expected=mail(99, body.replace(b'\n', b'\r\n')))

    def test_without_threads_and_extensions(self):
        self.assert_repaired(
            self.on(b'\0', b'BAD Command Argument Error. 11'),
            mail(99, b'odd one\0\r\n'), 'NUL and line ends repaired',
            '--noThreads', expected=mail(99, b'odd one\x80\r\n'),
            capability=())

    def test_bad_behind_a_literal_plus(self):
        """Exchange says BAD: the session ends, its words come later."""
        self.assert_repaired(
            self.on(b'\0', b'BAD Command Argument Error. 11'),
            mail(99, b'odd one\0\r\n'), 'NUL and line ends repaired',
            expected=mail(99, b'odd one\x80\r\n'))


class Refusal(RefusalCase):
    def test_classes_f109(self):
        """F109, 2.6: each with class, date, Message-ID, first and last words;
        the others are copied."""
        judge_words = {
            b'virus': b'NO Message refused because it contains a virus',
            b'size': b'NO [TOOBIG] too large',
            b'right': b'NO [NOPERM] not yours',
            b'header': b'NO Message contains invalid header',
            b'policy': b'NO [CANNOT] no reason given \x1b[31m'}
        sent = []

        def judge(raw, flags, _):
            sent.append(raw)
            if b'policy' in raw and not flags:
                return b'NO still no'
            return next((w for k, w in judge_words.items() if k in raw), None)
        with MiniServer() as source, MiniServer(
                capability=WORDS, judge=judge) as target:
            for n, word in enumerate(judge_words):
                source.box('INBOX').add(mail(n, word + b'\r\n'),
                                        (b'$Key',), DATE)
            for n in range(10, 20):
                source.box('INBOX').add(mail(n), (), DATE)
            _, log = self.run_engine(source, target, code=PARTIAL)
            tally = self.tally()
            self.assertEqual(10, tally['copied'])
            self.assertEqual(
                {'append.virus': 1, 'append.too_big': 1, 'append.content': 1,
                 'append.permission': 1, 'append.rejected': 1},
                tally['refused'])
            items = {r['reason']: r for r in self.of('refused')}
            self.assertEqual(set(tally['refused']), set(items))
            for r in items.values():
                self.assertEqual('02-Jan-2020 10:00:00 +0000', r['date'])
                self.assertRegex(r['message_id'],
                                 r'^<refusal\.\d@example\.org>$')
                self.assertIn(r['message_id'], log)
                self.assertIn('dated 02-Jan-2020', log)
                self.assertEqual(('target', 'APPEND', 'INBOX'),
                                 (r['side'], r['step'], r['mailbox']))
                self.assertGreater(r['size'], 100)
            self.assertRegex(items['append.rejected']['text'],
                             r'still no; at first: .*no reason given')
            self.assertNotIn('\x1b', log)

    def test_message_id_is_cut_and_escaped_f114(self):
        """F114: 10 kB of it, with bytes that move a cursor."""
        with MiniServer() as source, MiniServer(refuse=b'Subject') as target:
            source.box('INBOX').add(
                b'Message-ID: <\x1b[2J' + b'a' * 10000 +
                b'@b>\r\nSubject: x\r\n\r\nx\r\n', (), DATE)
            _, log = self.run_engine(source, target, code=PARTIAL)
            item = self.of('refused')[0]
            self.assertLessEqual(len(item['message_id']), 200)
            self.assertIn('\\x1b', item['message_id'])
            self.assertNotIn('\x1b', log)

    def test_no_body_f080(self):
        """F080: BODY[] NIL: refused on the source's side, with its date."""
        class Empty(Session):
            def _send_fetch(self, n, head, bodies):
                if any(name == b'BODY[]' and b'letter 3\r' in data
                       for name, data in bodies):
                    self.io.send(b'* %d FETCH (%s BODY[] NIL)\r\n' % (n, head))
                else:
                    super()._send_fetch(n, head, bodies)
        with MiniServer(session=Empty) as source, MiniServer() as target:
            for n in range(6):
                source.box('INBOX').add(mail(n), (), DATE)
            self.run_engine(source, target, code=PARTIAL)
            self.assertEqual(5, self.tally()['copied'])
            item = self.of('refused')[0]
            self.assertEqual(
                ('source', 'source.unreadable', 4, DATE.decode()),
                (item['side'], item['reason'], item['uid'], item['date']))

    def test_every_message_refused_f111(self):
        """F111: so many in a row, and the mailbox is given up; the others are
        copied."""
        def judge(raw, *_):
            return b'NO never' if b'bad' in raw else None
        for capability in ((), WORDS):
            with self.subTest(capability), MiniServer() as source, \
                    MiniServer(capability=capability, judge=judge) as target:
                for n in range(400):
                    source.box('Bad').add(mail(n, b'bad\r\n'), (), DATE)
                for n in range(60):
                    source.box('Good').add(mail(n), (), DATE)
                _, log = self.run_engine(source, target, '--errorsMax', 7,
                                         code=PARTIAL)
                tally = self.tally()
                self.assertEqual(60, tally['copied'])
                self.assertEqual({'append.rejected': 7, 'folder.failed': 393},
                                 tally['refused'])
                items = self.of('refused')
                self.assertEqual(8, len(items))
                self.assertIn('7 messages in a row', items[-1]['text'])
                self.assertNotIn('uid', items[-1])
                # what was under way, not all of them
                self.assertLess(target.count('APPEND'), 300)

    def test_refused_ones_between_others_are_not_in_a_row_f111(self):
        with MiniServer() as source, MiniServer(
                judge=lambda raw, *_: b'NO no' if b'bad' in raw else None
                ) as target:
            for n in range(40):
                source.box('INBOX').add(
                    mail(n, b'bad\r\n' if n % 2 else b'good\r\n'), (), DATE)
            self.run_engine(source, target, '--errorsMax', 2, code=PARTIAL)
            self.assertEqual({'append.rejected': 20}, self.tally()['refused'])

    def test_keywords_the_target_does_not_keep_f078_f092(self):
        """F078, F092: no \\* in PERMANENTFLAGS: dropped and counted."""
        with MiniServer() as source, MiniServer(keywords=b'$Mine') as target:
            source.box('INBOX').add(
                mail(1), (b'\\Seen', b'$mine', b'$Other', b'more'), DATE)
            self.run_engine(source, target, code=0)
            self.assertEqual(2, self.tally()['flags_dropped'])
            self.assertEqual({b'\\Seen', b'$mine'}, set(
                target.box('INBOX').messages[0].flags))
            self.assertNotIn('repaired', self.tally())


class Size(RefusalCase):
    """F108: what is too big is not even fetched where that is known."""

    def check(self, target, boxes, refused, fetched):
        big = mail(1, b'x' * 5000 + b'\r\n')
        with MiniServer() as source, target:
            for name in boxes:
                for n in (10, 11):
                    source.box(name).add(mail(n), (), DATE)
                source.box(name).add(big, (), DATE)
            sent = []
            give = Session._send_fetch

            class Watched(Session):
                def _send_fetch(self, n, head, bodies):
                    sent.extend(d for name, d in bodies if name == b'BODY[]')
                    give(self, n, head, bodies)
            source.session = Watched
            _, log = self.run_engine(source, target, code=PARTIAL)
            tally = self.tally()
            self.assertEqual({'append.too_big': refused}, tally['refused'])
            self.assertEqual(fetched, sent.count(big), log)
            for r in self.of('refused'):
                self.assertEqual((len(big), 3), (r['size'], r['uid']))
                self.assertEqual(DATE.decode(), r['date'])
                self.assertIn('1000', r['text'])
            self.assertEqual(0, self.run_engine(
                source, target, code=PARTIAL)[1].count('APPEND refused'))

    def test_announced_limit(self):
        self.check(MiniServer(capability=('APPENDLIMIT=1000',)),
                   ('INBOX', 'Archive'), refused=2, fetched=0)

    def test_limit_of_each_mailbox(self):
        """RFC 7889: APPENDLIMIT alone, and STATUS tells; NIL is none."""
        target = MiniServer(capability=('APPENDLIMIT',),
                            append_limits={'INBOX': 1000})
        target.box('Archive')
        self.check(target, ('INBOX', 'Archive'), refused=1, fetched=1)

    def test_no_before_the_literal_f104(self):
        """F104, F108: NO in place of "+": nothing of it is sent; the next ones
        of that size are asked for first."""
        class Small(Session):
            def read_command(self):
                text = self.io.read_line()
                m = re.search(rb'\{(\d+)(\+?)\}$', text)
                if m and b'APPEND' in text and int(m.group(1)) > 1000:
                    self.note(text)
                    if m.group(2):
                        self.io.read_bytes(int(m.group(1)))
                        self.io.read_line()
                    self.io.send(text.split(b' ', 1)[0] +
                                 b' NO [LIMIT] Mail size is larger than 1000'
                                 b'\r\n')
                    return None, None
                self.io.buffer[:0] = text + b'\r\n'
                return super().read_command()
        for capability in ((), ('LITERAL+',)):
            with self.subTest(capability), MiniServer() as source, \
                    MiniServer(capability=capability, session=Small) as target:
                box = source.box('INBOX')
                for n in range(200):
                    box.add(mail(n, b'x' * 2000 + b'\r\n' if n % 50 == 0
                                 else b'x\r\n'), (), DATE)
                self.run_engine(source, target, '--queueMax', 10, code=PARTIAL)
                self.assertEqual({'append.too_big': 4},
                                 self.tally()['refused'])
                self.assertEqual(196, self.tally()['copied'])
                big = [t for n, t in target.commands
                       if re.search(rb'\{2\d\d\d\+?\}$', t)]
                self.assertEqual(4, len(big))
                self.assertFalse(big[-1].endswith(b'+}'), big)


class Trouble(RefusalCase):
    def fill(self, source, count=40):
        for n in range(count):
            source.box('INBOX').add(mail(n), (), DATE)

    def assert_all_once(self, source, target):
        self.assertEqual(source.contents(), target.contents())

    def test_now_and_then_f119(self):
        """F119: one APPEND of five in trouble: all arrive once, in the same
        session."""
        for text in (b'[SERVERBUG] oops', b'[UNAVAILABLE] no',
                     b'[INUSE] locked', b'Temporary unavailable'):
            for capability in ((), WORDS):
                with self.subTest(text, capability=capability), \
                        MiniServer() as source, MiniServer(
                            capability=capability, faults=[
                                Fault('no', 'APPEND', nth=n, text=text)
                                for n in (2, 7, 15)]) as target:
                    self.fill(source)
                    self.run_engine(source, target, '--storeMax', 3, code=0)
                    self.assert_all_once(source, target)
                    self.assertEqual(1, target.connections)

    def test_asked_to_wait_f118(self):
        """F118: exactly as long as the server says."""
        times = []

        def judge(*_):
            times.append(time.monotonic())
            return b'NO Request is throttled. Suggested Backoff Time: ' \
                b'2500 milliseconds' if len(times) == 1 else None
        with MiniServer() as source, MiniServer(judge=judge) as target:
            self.fill(source, 1)
            _, log = self.run_engine(source, target, code=0)
            self.assert_all_once(source, target)
            self.assertGreater(times[1] - times[0], 2.4)
            self.assertIn('again in 2500 ms', log)
            self.assertEqual(1, source.connections)

    def test_asked_to_wait_long_f118(self):
        """F118: more than a quarter of an hour: deferred, and when."""
        for words, reason in (
                (b'Request is throttled. Suggested Backoff Time: '
                 b'3000000 milliseconds', 'throttle.later'),
                (b'[OVERQUOTA] Account exceeded command or bandwidth limits',
                 'throttle.daily')):
            for side in ('APPEND', 'FETCH'):
                with self.subTest(words, side=side):
                    faults = [Fault('no', side, times=1000, text=words)]
                    with MiniServer(faults=faults if side == 'FETCH' else ()
                                    ) as source, MiniServer(
                            faults=faults if side == 'APPEND' else ()
                            ) as target:
                        self.fill(source)
                        self.run_engine(source, target, code=DEFERRED)
                        end = self.of('end')[0]
                        self.assertEqual(reason, end['reason'])
                        self.assertRegex(end['text'], 'run again (after 20|tom)')
                        self.assertEqual(40, end['tally']['unreached'])

    def test_untagged_data_between_f120(self):
        """F120: EXISTS, EXPUNGE, FETCH between "+" and OK."""
        class Chatty(Session):
            def read_literal(self, text, size):
                self.io.send(b'* 23 EXISTS\r\n* 5 RECENT\r\n* 3 EXPUNGE\r\n'
                             b'* 4 FETCH (FLAGS (\\Seen) UID 9)\r\n')
                raw = super().read_literal(text, size)
                self.io.send(b'* 24 EXISTS\r\n* OK [HIGHESTMODSEQ 7] x\r\n'
                             b'* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n')
                return raw
        for capability in ((), WORDS):
            with self.subTest(capability), MiniServer() as source, \
                    MiniServer(capability=capability, session=Chatty
                               ) as target:
                self.fill(source)
                self.run_engine(source, target, code=0)
                self.assert_all_once(source, target)
                self.assert_silent(source, target)

    def test_no_continuation_f105(self):
        """F105: "+" never comes: a deadline ends it."""
        class Mute(Session):
            def read_command(self):
                text = self.io.read_line()
                if b'APPEND' in text:
                    self.io.stall()
                self.io.buffer[:0] = text + b'\r\n'
                return super().read_command()
        with MiniServer() as source, MiniServer(session=Mute) as target:
            self.fill(source, 3)
            self.run_engine(source, target, '--timeout', 1, code=TEMPORARY)
            self.assertEqual([], target.box('INBOX').messages)
            tally = self.tally()
            self.assertEqual(3, tally['unreached'] + sum(
                tally['refused'].values()))

    def test_stored_nowhere_f103(self):
        """F103: OK, but nothing is there: the next run repairs it."""
        class Forgetful(Session):
            def do_append(self, arguments, literals):
                said = super().do_append(arguments, literals)
                if any(b'letter 7\r' in raw for raw in literals):
                    self.server.box('INBOX').messages.pop()
                return said
        with MiniServer() as source, MiniServer(session=Forgetful) as target:
            self.fill(source)
            self.run_engine(source, target)
            target.session = Session
            self.run_engine(source, target, code=0)
            self.assertEqual(1, self.tally()['copied'])
            have = sorted(m.raw for m in target.box('INBOX').messages)
            self.assertEqual(sorted(mail(n) for n in range(40)), have)

    def test_fetch_refused_in_a_batch_f095(self):
        """F095: halved down to the one bad message, whatever the code."""
        for words in (b'[LIMIT] too many lines', b'[CORRUPTION] damaged',
                      b'message is damaged'):
            class Damaged(Session):
                def _send_fetch(self, n, head, bodies):
                    for _, data in bodies:
                        if b'letter 17\r' in data and data.endswith(b'text\r\n'):
                            raise Refused(b'NO ' + words)
                    super()._send_fetch(n, head, bodies)
            with self.subTest(words), MiniServer(session=Damaged) as source, \
                    MiniServer() as target:
                self.fill(source)
                self.run_engine(source, target, code=PARTIAL)
                self.assertEqual(39, self.tally()['copied'])
                self.assertEqual({'source.unreadable': 1},
                                 self.tally()['refused'])
                self.assertIn(words.decode(), self.of('refused')[0]['text'])
                self.assertEqual(1, source.connections)

    def test_limit_of_the_session_is_not_one_of_messages_f095(self):
        """F118: a LIMIT at every FETCH refuses one message at most."""
        with MiniServer(faults=[Fault('no', 'FETCH', nth=2, times=10000,
                                      text=b'[LIMIT] slowly please')]
                        ) as source, MiniServer() as target:
            self.fill(source)
            code, log = self.run_engine(source, target)
            self.assertEqual(TEMPORARY, code, log[-2000:])
            self.assertLessEqual(
                sum(self.tally().get('refused', {}).values()), 1)


class RealDovecot(RefusalCase):
    @classmethod
    def setUpClass(cls):
        need_dovecot()

    @staticmethod
    def server(limits):
        return dovecot.Dovecot(extra='''
protocol imap {
  mail_plugins = $mail_plugins quota
}
mail_plugins = $mail_plugins quota
plugin {
  quota = count:User quota
  quota_vsizes = yes
  %s
}
''' % limits)

    def test_quota_f107(self):
        """F107: ends with what is missing, in messages and bytes."""
        with MiniServer() as source, \
                self.server('quota_rule = *:storage=200K') as target:
            box = source.box('INBOX')
            for n in range(40):
                box.add(mail(n, LINE * 100), (), DATE)
            _, log = self.run_engine(source, target, code=QUOTA)
            end = self.of('end')[0]
            missing, size = end['tally']['unreached'], len(
                mail(10, LINE * 100))
            self.assertEqual(40, missing + end['tally']['copied'])
            self.assertTrue(5 < end['tally']['copied'] < 30, log)
            found = re.search(r'(\d+) messages, .*\((\d+) bytes\), are still',
                              end['text'])
            self.assertEqual(missing, int(found.group(1)))
            self.assertAlmostEqual(missing * size, int(found.group(2)),
                                   delta=100)

    def test_largest_message_f108(self):
        """F108: NO [LIMIT] before "+" or after "{n+}"."""
        with MiniServer() as source, \
                self.server('quota_max_mail_size = 20K') as target:
            for n in range(30):
                source.box('INBOX').add(
                    mail(n, LINE * (300 if n % 10 == 5 else 1)), (), DATE)
            self.run_engine(source, target, code=PARTIAL)
            self.assertEqual({'append.too_big': 3}, self.tally()['refused'])
            self.assertEqual(27, self.tally()['copied'])


class RealCyrus(RefusalCase):
    """Cyrus refuses NUL, bare line ends and what is no header."""

    def test_repaired_messages(self):
        try:
            import cyrus
        except ImportError as e:
            raise unittest.SkipTest(str(e))
        odd = [mail(1, b'nul \0\r\n'), mail(2, b'bare\nline\n'),
               mail(3, b'x\r\n').replace(b'\r\n', b'\n'),
               b'From a@b Thu Jan  2 10:00:00 2020\r\n' + mail(4),
               mail(5, b'cr\rcr\r\n'), mail(6, b'x\r\r\n'),
               mail(7, b'all \0\n\r\n')]
        with MiniServer() as source, cyrus.Cyrus(users=('anna',)) as target:
            for raw in odd + [mail(n) for n in range(20, 30)]:
                source.box('INBOX').add(raw, (b'\\Seen',), DATE)
            source.box('INBOX').add(b'no header at all\r\n', (), DATE)
            code, log = self.run_engine(source, target)
            tally = self.tally()
            self.assertEqual((PARTIAL, len(odd) + 10), (code, tally['copied']),
                             log)
            self.assertEqual({'append.content': 1}, tally['refused'])
            # Cyrus 3.6 takes a line "From " and a bare CR as they are
            self.assertEqual(4, tally['repaired'], log)
            self.run_engine(source, target, code=PARTIAL)
            self.assertEqual((0, len(odd) + 10), (self.tally()['copied'],
                                                  self.tally()['present']))


if __name__ == '__main__':
    unittest.main()
