# SPDX-License-Identifier: MIT
"""Pairs of UIDs in the state file: less is listed, and nothing else changes."""
import glob
import os
import random
import re
import shutil

import convoy
from convoy import PLAIN, Case, account
from cyrus import Cyrus
from dovecot import Dovecot
from imap_client import ImapError, quote
from scripted_server import Fault, MiniServer, Refused, Session

ROUNDS = 20
MANY = 150  # more than are listed as a whole
LONG = 100000  # messages from this number on are long ones


def setUpModule():
    convoy.need_dovecot()


def message(number):
    return (b'From: a@example.org\r\nSubject: number %d\r\n'
            b'Date: 02 Mar 2026 10:00:00 +0000\r\n'
            b'Message-ID: <%d@example.org>\r\n\r\n%s\r\n'
            % (number, number, b'x' * (number * 37 % 900) +
               (b'\r\n' + b'y' * 70) * (100 if number >= LONG else 0)))


def date(number):
    return b'02-Mar-2026 %02d:%02d:%02d +0000' % (
        number // 3600 % 24, number // 60 % 60, number % 60)


def number_of(header):
    return int(re.search(rb'Message-ID: <(\d+)@', header).group(1))


def listed(client, name):
    """[(UID, number, is it marked)] of a mailbox."""
    return [(int(m[b'UID']), number_of(m[b'BODY[HEADER]']),
             b'\\Deleted' in m[b'FLAGS'])
            for m in client.fetch(name, b'(UID FLAGS BODY.PEEK[HEADER])')]


class PairsCase(Case):
    def sync(self, source, target, *options, state='state.db', code=0):
        state = ('--stateFile', self.path(state)) if state else ()
        return self.engine(
            *PLAIN, '--settle', 0, *state, *options,
            '127.0.0.1:%d' % source.port, 'anna', 'pass',
            '127.0.0.1:%d' % target.port, 'anna', 'pass', code=code)

    def dovecot(self, **kwargs):
        server = Dovecot(**kwargs).start()
        self.addCleanup(server.remove)
        return server

    def cyrus(self):
        why_not = Cyrus.available() if hasattr(Cyrus, 'available') else None
        if why_not:
            self.skipTest(why_not)
        server = Cyrus().start()
        self.addCleanup(server.remove)
        return server

    @staticmethod
    def contents(server):
        """{mailbox: sorted numbers of its messages}, where there are any."""
        found = {}
        with account(server) as client:
            for name in client.list():
                some = sorted(n for _, n, _ in listed(client, name))
                if some:
                    found[name.removeprefix(server.prefix.encode())] = some
        return found

    @staticmethod
    def put(server, name, *some, flags=b''):
        name = name if name == b'INBOX' else server.prefix.encode() + name
        with account(server) as client:
            if name != b'INBOX' and name not in client.list():
                client.command(b'CREATE ', quote(name))
            client.append_many(
                name, [(message(n), flags, date(n)) for n in some])

    @staticmethod
    def drop(server, name, *some):
        """One of each number."""
        name = name if name == b'INBOX' else server.prefix.encode() + name
        with account(server) as client:
            there = listed(client, name)
            client.command(b'SELECT ', quote(name))
            for n in some:
                found = [e for e in there if e[1] == n]
                if found:
                    there.remove(found[-1])
                    client.command(
                        b'UID STORE %d +FLAGS.SILENT (\\Deleted)'
                        % found[-1][0])
                    client.command(b'UID EXPUNGE %d' % found[-1][0])


class Rounds(PairsCase):
    """Two targets that get the same changes, one run with a state file and one
    without: they must always hold the same."""

    boxes = (b'INBOX', b'Work', b'Small')
    options = ()
    seed = 1
    many = (MANY, MANY, 20)  # at first, a mailbox
    added = (1, 8)           # later, at least and below
    count, first = ROUNDS, 1

    def change(self, r):
        name = r.choice(self.boxes)
        kind = r.choice(('add', 'add', 'again', 'drop', 'drop', 'drop there',
                         'drop there', 'add there', 'mark', 'anew',
                         'anew there'))
        with account(self.source) as client:
            try:
                there = [n for _, n, _ in
                         listed(client, self.on(self.source, name))]
            except ImapError:
                there = []
        some = [r.choice(there) for _ in range(r.randrange(1, 6))] \
            if there else []
        if kind == 'add':
            count = r.randrange(*self.added)
            self.put(self.source, name, *range(self.next, self.next + count))
            self.next += count
        elif kind == 'again':
            self.put(self.source, name, *some)
        elif kind == 'drop':
            self.drop(self.source, name, *some)
        elif kind == 'mark' and there:
            self.mark(r, name)
        elif kind == 'anew' and r.random() < 0.3:
            self.anew(self.source, name, there)
        else:
            for target in self.targets:
                if kind == 'drop there':
                    self.drop(target, name, *some)
                elif kind == 'add there':
                    self.put(target, name, *some[:1], self.next)
                elif kind == 'anew there' and some:
                    self.anew(target, name, some)
            self.next += 1

    @staticmethod
    def on(server, name):
        return name if name == b'INBOX' else server.prefix.encode() + name

    def mark(self, r, name):
        """What is marked \\Deleted is not copied; marks come and go."""
        name = self.on(self.source, name)
        with account(self.source) as client:
            uids = [u for u, _, _ in listed(client, name)]
            client.command(b'SELECT ', quote(name))
            for uid in r.sample(uids, min(3, len(uids))):
                client.command(b'UID STORE %d %sFLAGS.SILENT (\\Deleted)' % (
                    uid, r.choice((b'+', b'-'))))
                client.command(b'UID STORE %d +FLAGS.SILENT (\\Seen)' % uid)

    def anew(self, server, name, some):
        """The same name, another UIDVALIDITY."""
        if name == b'INBOX':
            return
        with account(server) as client:
            client.command(b'SELECT INBOX')
            if self.on(server, name) in client.list():
                client.command(b'DELETE ', quote(self.on(server, name)))
        self.put(server, name, *some)

    def rounds(self, source, with_state, without):
        self.source, self.targets = source, (with_state, without)
        self.next = self.first
        r = random.Random(self.seed)
        for name, count in zip(self.boxes, self.many):
            self.put(source, name, *range(self.next, self.next + count))
            self.next += count
        self.doubts, self.logs = [], []
        for number in range(self.count):
            one = self.sync(source, with_state, *self.options)
            two = self.sync(source, without, *self.options, state=None)
            self.assertEqual(
                self.contents(without), self.contents(with_state),
                'round %d, seed %d\n%s' % (number, self.seed, one.log[-6000:]))
            self.logs.append(one.log)
            self.doubts += re.findall('are not used: (.*)', one.log)
            one, two = self.assert_balanced(one), self.assert_balanced(two)
            # a mailbox that nobody opens counts its marked ones as present
            for t in (one, two):
                t['present'] += t.pop('skipped')
            self.assertEqual(two, one, 'round %d' % number)
            for _ in range(r.randrange(1, 5)):
                self.change(r)
        self.assertEqual([], self.doubts)

    def test_dovecot(self):
        self.rounds(self.dovecot(), self.dovecot(), self.dovecot())

    def test_dovecot_without_extensions(self):
        self.seed = 2
        bare = {'without': ('ESEARCH', 'MULTIAPPEND', 'LITERAL+')}
        self.rounds(self.dovecot(**bare), self.dovecot(**bare),
                    self.dovecot(**bare))

    def test_cyrus(self):
        self.seed = 3
        self.rounds(self.dovecot(), self.cyrus(), self.cyrus())

    def test_from_cyrus(self):
        self.seed = 4
        self.rounds(self.cyrus(), self.dovecot(), self.dovecot())

    def test_mirror(self):
        self.seed, self.options = 5, ('--mode', 'syncDst', '--force')
        self.rounds(self.dovecot(), self.dovecot(), self.dovecot())

    def test_several_connections(self):
        """What one tells is between what the others tell."""
        self.seed, self.options = 7, ('--connections', 4)
        self.many, self.added = (900, 300, 20), (20, 400)
        self.count, self.first = 10, LONG
        self.rounds(self.dovecot(), self.dovecot(), self.dovecot())
        used = set(re.findall(r'target(?:#\d)? +logged in', self.logs[0]))
        self.assertGreater(len(used), 1)

    def test_new(self):
        self.seed = 6
        self.options = ('--mode', 'syncSrcNew', '--list', '*')
        self.rounds(self.dovecot(), self.dovecot(), self.dovecot())


class Wire(PairsCase):
    def setUp(self):
        super().setUp()
        self.source = self.dovecot(rawlog=True)
        self.target = self.dovecot(rawlog=True)
        self.put(self.source, b'INBOX', *range(1, MANY + 1))
        self.sync(self.source, self.target)

    def keys(self, server):
        """How many keys the server told since the last call."""
        count = 0
        for path in glob.glob(server.base + '/rawlog/*.out'):
            with open(path, 'rb') as f:
                count += f.read().count(b'BODY[HEADER.FIELDS')
        server.forget_commands()
        return count

    def forget(self):
        self.source.forget_commands()
        self.target.forget_commands()

    def test_only_new_keys_are_fetched(self):
        self.put(self.source, b'INBOX', 1001, 1002)
        self.forget()
        self.assertEqual(2, self.sync(
            self.source, self.target).tally()['copied'])
        self.assertLess(self.keys(self.source), 20)
        self.assertLess(self.keys(self.target), 20)
        self.assert_equal_accounts(self.source, self.target)

    def test_what_the_source_lost_is_compared_with_what_is_new(self):
        self.drop(self.source, b'INBOX', 5, 6)
        self.put(self.source, b'INBOX', 5, 1001)
        self.forget()
        self.assertEqual(1, self.sync(
            self.source, self.target).tally()['copied'])
        self.assertLess(self.keys(self.source), 20)
        self.assertLess(self.keys(self.target), 20)

    def test_what_the_target_lost_is_copied_again(self):
        self.drop(self.target, b'INBOX', 5, 6)
        self.forget()
        self.assertEqual(2, self.sync(
            self.source, self.target).tally()['copied'])
        self.assertLess(self.keys(self.source), 20)
        self.assertLess(self.keys(self.target), 20)
        self.assert_equal_accounts(self.source, self.target)

    def test_a_file_of_an_older_point(self):
        old = self.path('old')
        shutil.copy(self.path('state.db'), old)
        self.put(self.source, b'INBOX', *range(1001, 1011))
        self.sync(self.source, self.target)
        self.drop(self.source, b'INBOX', 1, 2, 1005)
        self.drop(self.target, b'INBOX', 7, 1007)
        for suffix in ('-wal', '-shm'):
            if os.path.exists(self.path('state.db') + suffix):
                os.unlink(self.path('state.db') + suffix)
        shutil.copy(old, self.path('state.db'))
        self.put(self.source, b'INBOX', 1, 1011)
        self.assertEqual(3, self.sync(
            self.source, self.target).tally()['copied'])
        self.assertEqual(0, self.sync(
            self.source, self.target, state=None).tally()['copied'])

    def test_a_file_that_is_torn(self):
        with open(self.path('state.db'), 'r+b') as f:
            f.truncate(os.path.getsize(self.path('state.db')) // 2)
        self.put(self.source, b'INBOX', 1001)
        self.assertEqual(1, self.sync(
            self.source, self.target).tally()['copied'])
        self.assert_equal_accounts(self.source, self.target)

    def test_a_file_of_another_account(self):
        other = self.dovecot()
        ended = self.sync(self.source, other)
        self.assertIn('without the state file', ended.log)
        self.assert_equal_accounts(self.source, other)


class Odd(PairsCase):
    """Servers whose UIDs cannot be believed, and targets that rewrite."""

    def mini(self, session=None, **kwargs):
        server = MiniServer(capability=(
            'UIDPLUS', 'LITERAL+', 'MULTIAPPEND', 'ESEARCH'),
                            session=session, **kwargs)
        self.addCleanup(server.stop)
        return server

    @staticmethod
    def fill(server, *some):
        for n in some:
            server.box('INBOX').add(message(n), (), date(n))

    @staticmethod
    def held(server):
        return sorted(number_of(m.raw) for m in server.box('INBOX').messages)

    def test_f117_a_target_that_gives_another_message_id(self):
        class Rewriting(Session):
            def do_append(self, arguments, literals):
                words = super().do_append(arguments, literals)
                for m in self.need(b'INBOX').messages:
                    m.raw = re.sub(rb'(Message-ID: <)(\d)', rb'\1new.\2',
                                   m.raw)
                return words

        for count in (5, MANY):
            with self.subTest(count):
                source, target = self.mini(), self.mini(Rewriting)
                state = 'f117-%d.db' % count
                self.fill(source, *range(1, count + 1))
                self.sync(source, target, state=state)
                for n in range(3):
                    self.fill(source, 1001 + n)
                    ended = self.sync(source, target, state=state)
                    self.assertEqual(1, ended.tally()['copied'], ended.log)
                self.assertEqual(0, self.sync(
                    source, target, state=state).tally()['copied'])

    def test_f189_a_target_put_back_from_a_backup(self):
        """The same UIDVALIDITY, and UIDs that are given a second time."""
        for count in (10, MANY):
            with self.subTest(count):
                source, target = self.mini(), self.mini()
                state = 'backup-%d.db' % count
                self.fill(source, *range(1, count + 1))
                self.sync(source, target, state=state)
                box = target.box('INBOX')
                del box.messages[-6:]
                box.uidnext -= 6
                self.fill(target, *range(5001, 5010))
                self.fill(source, 1001)
                ended = self.sync(source, target, state=state)
                self.assertEqual(7, ended.tally()['copied'], ended.log)
                self.assertIn('are not used', ended.log)
                self.assertLessEqual(
                    {*range(1, count + 1), 1001}, set(self.held(target)))

    def test_uids_that_are_numbers_of_messages(self):
        """A source that gives UIDs anew whenever something goes."""
        class Renumbering(Session):
            def _open(self, name, read_only):
                box = self.need(name)
                for n, m in enumerate(box.messages, 1):
                    m.uid = n
                return super()._open(name, read_only)

        for count in (10, MANY):
            with self.subTest(count):
                source, target = self.mini(Renumbering), self.mini()
                state = 'numbers-%d.db' % count
                self.fill(source, *range(1, count + 1))
                self.sync(source, target, state=state)
                del source.box('INBOX').messages[2]
                self.fill(source, 1001)
                ended = self.sync(source, target, state=state)
                self.assertEqual(1, ended.tally()['copied'], ended.log)
                self.assertLessEqual({*self.held(source)},
                                     {*self.held(target)})

    def test_uidnotsticky(self):
        class Unsteady(Session):
            def _open(self, name, read_only):
                self.io.send(b'* NO [UIDNOTSTICKY] no UIDs are kept\r\n')
                return super()._open(name, read_only)

        source, target = self.mini(), self.mini(Unsteady)
        self.fill(source, *range(1, MANY + 1))
        self.sync(source, target)
        self.fill(source, 1001)
        ended = self.sync(source, target)
        self.assertIn('are not used', ended.log)
        self.assertEqual(1, ended.tally()['copied'])

    def test_searches_that_lie(self):
        """Refused, too short, not asked for: all is listed then."""
        class Hiding(Session):
            said = b'* ESEARCH UID ALL 1:3\r\n'

            def do_uid_search(self, *keys):
                self.io.send(self.said)
                return b'done'

        class Beyond(Hiding):
            said = b'* ESEARCH UID ALL 1:3,4000000000\r\n'

        class Wild(Hiding):
            said = b'* ESEARCH UID ALL 1,two\r\n'

        class Numbers(Hiding):
            said = b'* ESEARCH ALL 1:150\r\n'

        class Long(Hiding):
            said = b'* ESEARCH (TAG "x") UID ALL 1:99999999\r\n'

        class Silent(Hiding):
            said = b''

        class Refusing(Session):
            def do_uid_search(self, *keys):
                raise Refused(b'BAD what is that')

        for kind in (Hiding, Beyond, Wild, Numbers, Long, Silent, Refusing):
            for side in ('source', 'target'):
                with self.subTest(kind.__name__ + ' ' + side):
                    source = self.mini(kind if side == 'source' else None)
                    target = self.mini(kind if side == 'target' else None)
                    state = '%s-%s.db' % (kind.__name__, side)
                    self.fill(source, *range(1, MANY + 1))
                    self.sync(source, target, state=state)
                    self.fill(source, 1001)
                    del target.box('INBOX').messages[3]
                    ended = self.sync(source, target, state=state)
                    self.assertEqual(2, ended.tally()['copied'], ended.log)
                    self.assertEqual(self.held(source), self.held(target))

    def test_f096_answers_that_never_came(self):
        """Pairs of what was found in doubt, and of what a killed run left."""
        source = self.mini()
        target = self.mini(faults=[Fault('cut-before-reply', nth=2,
                                         store=True)])
        self.fill(source, *range(1, MANY + 1))
        self.sync(source, target)
        self.fill(source, 1001)
        target.forget_commands()
        self.assertEqual(1, self.sync(source, target).tally()['copied'])
        self.assertEqual(self.held(source), self.held(target))


class Mirror(PairsCase):
    def steady(self, source, target):
        """A mirror that has nothing to do any more."""
        self.put(source, b'INBOX', *range(1, 11))
        self.put(source, b'Work', *range(11, 21))
        for _ in range(2):
            self.sync(source, target, '--mode', 'syncDst')

    def looked_at(self, server):
        commands = server.commands()
        server.forget_commands()
        return sum(commands.get(n, 0) for n in ('SELECT', 'EXAMINE'))

    def store(self, server, flags):
        with account(server) as client:
            client.command(b'SELECT INBOX')
            client.command(b'STORE 3 FLAGS.SILENT (%s)' % flags)

    def flags(self, server):
        with account(server) as client:
            return [sorted(set(m[b'FLAGS']) - {b'\\Recent'})
                    for m in client.fetch(b'INBOX')]

    def test_unchanged_flags_are_not_looked_at(self):
        source, target = self.dovecot(rawlog=True), self.dovecot(rawlog=True)
        self.steady(source, target)
        for server in (source, target):
            self.looked_at(server)
        for _ in range(2):
            ended = self.sync(source, target, '--mode', 'syncDst')
            self.assertEqual(20, ended.tally()['present'])
            self.assertEqual(0, self.looked_at(source))
            self.assertEqual(0, self.looked_at(target))
        for changed in (source, target):
            self.store(changed, b'\\Flagged work')
            for server in (source, target):
                self.looked_at(server)
            self.sync(source, target, '--mode', 'syncDst')
            self.assertEqual(1, self.looked_at(source))
            self.assertEqual(self.flags(source), self.flags(target))
            self.store(source, b'')
            for _ in range(2):
                self.sync(source, target, '--mode', 'syncDst')
            self.assertEqual(self.flags(source), self.flags(target))

    def test_flags_between_others(self):
        """Every change of a flag comes across, whichever server counts."""
        for source, target in ((self.dovecot(), self.cyrus()),
                               (self.cyrus(), self.dovecot())):
            with self.subTest(source.__class__.__name__):
                self.change_flags(source, target)

    def change_flags(self, source, target):
        state = source.__class__.__name__ + '.db'
        self.put(source, b'INBOX', *range(1, 11))
        self.sync(source, target, '--mode', 'syncDst', state=state)
        for flags in (b'', b'\\Seen', b'\\Seen', b'\\Flagged', b'', b''):
            for changed in (source, target):
                self.store(changed, flags)
                self.sync(source, target, '--mode', 'syncDst', state=state)
                self.assertEqual(self.flags(source), self.flags(target))

    def test_what_only_another_mode_has_seen_is_looked_at(self):
        source, target = self.dovecot(), self.dovecot()
        self.steady(source, target)
        self.store(source, b'\\Flagged')
        self.sync(source, target)
        self.sync(source, target, '--mode', 'syncDst')
        self.assertEqual(self.flags(source), self.flags(target))

    def test_f123_a_flag_that_is_changed_meanwhile(self):
        class Counting(Session):
            refuses = False

            def _open(self, name, read_only):
                self.io.send(b'* OK [HIGHESTMODSEQ 7] highest\r\n')
                return super()._open(name, read_only)

            def do_uid_store(self, numbers, *rest):
                if not isinstance(rest[0], list):
                    return super().do_uid_store(numbers, *rest)
                if self.refuses:
                    raise Refused(b'BAD what is that')
                assert rest[0] == [b'UNCHANGEDSINCE', b'7'], rest
                left = [m for _, m in self._chosen(numbers, True)
                        if m.uid != 2]
                if left:
                    super().do_uid_store(b','.join(
                        b'%d' % m.uid for m in left), *rest[1:])
                return b'[MODIFIED 2] some changed'

        class Announcing(Counting):
            refuses = True

        for kind in (Counting, Announcing):
            with self.subTest(kind.__name__):
                source = MiniServer()
                target = MiniServer(capability=('CONDSTORE', 'UIDPLUS'),
                                    session=kind)
                for server in (source, target):
                    self.addCleanup(server.stop)
                    for n in range(1, 4):
                        server.box('INBOX').add(message(n), (), date(n))
                for m in source.box('INBOX').messages:
                    m.flags = (b'\\Seen',)
                target.box('INBOX').messages[1].flags = (b'\\Answered',)
                ended = self.sync(source, target, '--mode', 'syncDst',
                                  state=None, code=None)
                flags = [m.flags for m in target.box('INBOX').messages]
                mine = (b'\\Answered',) if kind is Counting else (b'\\Seen',)
                self.assertEqual([(b'\\Seen',), mine, (b'\\Seen',)], flags,
                                 ended.log)
                self.assertEqual(kind is Counting,
                                 'left as they are' in ended.log)
                self.assertEqual(2 if kind is Counting else 0, ended.code)
                self.assertIn('flags changed %d' % (
                    2 if kind is Counting else 3), ended.log)
