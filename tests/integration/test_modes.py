# SPDX-License-Identifier: MIT
"""The modes of synchronization between two real Dovecots: what is new, a
mirror, and a run without changes."""
import time
import unittest

import convoy
import imap_compare
from churn import Churn
from convoy import PLAIN, Case, account, fill
from dovecot import Dovecot
from imap_client import quote
from scripted_server import Fault, MiniServer, Refused, Session


def setUpModule():
    convoy.need_dovecot()


def message(number, day, extra=b''):
    return (b'From: a@example.org\r\nSubject: number %d\r\n'
            b'Date: %02d Mar 2026 10:00:00 +0000\r\n'
            b'Message-ID: <%d@example.org>\r\n\r\nhello%s\r\n'
            % (number, day, number, extra))


def date(day):
    return b'%02d-Mar-2026 10:00:00 +0000' % day


class ModeCase(Case):
    def setUp(self):
        super().setUp()
        self.source = self.server()
        self.target = self.server()

    def server(self, **kwargs):
        server = Dovecot(rawlog=True, **kwargs).start()
        self.addCleanup(server.remove)
        return server

    def sync(self, *options, code=0, source=None):
        source = source or self.source
        return self.engine(*PLAIN, *options,
                           '127.0.0.1:%d' % source.port, 'anna', 'pass',
                           '127.0.0.1:%d' % self.target.port, 'anna', 'pass',
                           code=code)

    def mirror(self, *options, **kwargs):
        return self.sync('--mode', 'syncDst', *options, **kwargs)

    def counts(self, server):
        with account(server) as client:
            return {k.decode(): v for k, v in client.counts().items()}

    def assert_silent(self, *options):
        """Another run has nothing to do."""
        self.target.forget_commands()
        ended = self.sync(*options)
        self.assertEqual(0, ended.tally()['copied'])
        self.assert_only_read(self.target)


class New(ModeCase):
    """--mode syncSrcNew"""

    def setUp(self):
        super().setUp()
        with account(self.source) as client:
            for n in range(1, 11):
                client.append('INBOX', message(n, n), date=date(n))
            client.command(b'CREATE Other')
            client.append('Other', message(100, 9), date=date(9))

    def test_only_what_is_not_older_than_the_newest(self):
        with account(self.target) as client:
            client.append('INBOX', message(50, 6), date=date(6))
            client.append('INBOX', message(2, 2), date=date(2))
        ended = self.sync('--mode', 'syncSrcNew')
        tally = ended.tally()
        self.assertEqual({'source': 10, 'copied': 5, 'present': 1,
                          'skipped': 4, 'refused': 0},
                         {k: tally[k] for k in ('source', 'copied', 'present',
                                                'skipped', 'refused')})
        self.assertIn('older 4', ended.log)
        # 6 is as old as the newest: not older, so it is copied
        with account(self.target) as client:
            subjects = sorted(imap_compare.subject(m[b'BODY[]'])
                              for m in client.fetch(b'INBOX'))
        self.assertEqual(7, len(subjects))
        self.assertNotIn('Other', self.counts(self.target))
        self.assert_silent('--mode', 'syncSrcNew')

    def test_an_empty_target_takes_all(self):
        self.assertEqual(10, self.sync('--mode', 'syncSrcNew')
                         .tally()['copied'])

    def test_list_overrides_the_implied_one(self):
        ended = self.sync('--mode', 'syncSrcNew', '--list', '*')
        self.assertEqual(11, ended.tally()['copied'])

    def test_f195_a_date_in_the_future_is_said(self):
        with account(self.target) as client:
            # Dovecot takes none that lies a day ahead
            ahead = time.strftime('%d-%b-%Y %H:%M:%S +0000',
                                  time.gmtime(time.time() + 7200))
            client.append('INBOX', message(50, 6), date=ahead.encode())
        ended = self.sync('--mode', 'syncSrcNew')
        self.assertEqual(0, ended.tally()['copied'])
        self.assertIn('in the future', ended.log)


class Mirror(ModeCase):
    """--mode syncDst"""

    def test_everything_the_source_changed(self):
        fill(self.source, messages=120, mailboxes=6)
        self.sync()
        with account(self.source) as client:
            client.command(b'SELECT INBOX')
            client.command(b'STORE 1:2 FLAGS.SILENT (\\Seen \\Flagged mine)')
            client.command(b'STORE 3 +FLAGS.SILENT (\\Deleted)')
            client.command(b'EXPUNGE')
            client.append('INBOX', message(900, 9))
            client.command(b'CREATE New')
            client.command(b'DELETE Sent')
            client.command(b'SUBSCRIBE New')
        with account(self.target) as client:
            client.append('INBOX', message(901, 9))
            client.command(b'CREATE Mine')
            client.append('Mine', message(902, 9))
            client.command(b'SUBSCRIBE Mine')
            client.command(b'SELECT INBOX')
            client.command(b'STORE 5 +FLAGS.SILENT (\\Deleted)')
        self.source.forget_commands()
        ended = self.mirror()
        self.assert_equal_accounts(self.source, self.target, mirror=True)
        self.assertIn('mailboxes deleted 2', ended.log)
        self.assert_only_read(self.source)
        self.assert_silent('--mode', 'syncDst')

    def churn(self, rounds, changes, seed, *options):
        fill(self.source, messages=100, mailboxes=5)
        self.mirror(*options)
        for n in range(rounds):
            Churn(lambda: account(self.source), seed + n).run(changes)
            self.mirror('--force', *options)
            self.assert_equal_accounts(self.source, self.target, mirror=True)
            self.assert_silent('--mode', 'syncDst', *options)

    def test_a_thousand_random_changes(self):
        self.churn(1, 1000, 7)

    def test_random_changes_round_by_round(self):
        self.churn(6, 60, 100, '--noThreads')

    def test_other_separator_and_prefix(self):
        self.target = self.server(separator='.', prefix='INBOX.')
        self.churn(2, 200, 3)

    def test_list_keeps_mailboxes_and_subscriptions(self):
        fill(self.source, messages=20, mailboxes=3)
        with account(self.target) as client:
            client.command(b'CREATE Mine')
            client.append('Mine', message(902, 9))
            client.append('INBOX', message(903, 9))
            client.command(b'SUBSCRIBE Mine')
        self.mirror('--list', 'INBOX')
        self.assertEqual(1, self.counts(self.target)['Mine'])
        with account(self.target) as client:
            self.assertIn(b'Mine', client.lsub())
        self.assertEqual(self.counts(self.source)['INBOX'],
                         self.counts(self.target)['INBOX'])

    def test_no_subscription(self):
        with account(self.source) as client:
            client.append('INBOX', message(1, 1))
        with account(self.target) as client:
            client.command(b'SUBSCRIBE INBOX')
        self.mirror('--noSubscription')
        with account(self.target) as client:
            self.assertIn(b'INBOX', client.lsub())

    def test_skipped_mailboxes_stay(self):
        with account(self.source) as client:
            client.append('INBOX', message(1, 1))
            client.command(b'CREATE Junk')
        with account(self.target) as client:
            for box in (b'Junk', b'Junk2', b'Gone'):
                client.command(b'CREATE ', quote(box))
                client.append(box.decode(), message(2, 1))
        self.mirror('--skipMailbox', 'Junk*')
        self.assertEqual({'INBOX': 1, 'Junk': 1, 'Junk2': 1},
                         self.counts(self.target))

    def test_f093_a_message_marked_on_the_source_is_not_missing(self):
        with account(self.source) as client:
            client.append('INBOX', message(1, 1))
            client.append('INBOX', message(2, 1))
        self.mirror()
        with account(self.source) as client:
            client.command(b'SELECT INBOX')
            client.command(b'STORE 1 +FLAGS (\\Deleted \\Flagged)')
        self.mirror()
        self.assertEqual({'INBOX': 2}, self.counts(self.target))
        self.assert_silent('--mode', 'syncDst')
        with account(self.source) as client:
            client.command(b'SELECT INBOX')
            client.command(b'EXPUNGE')
        self.mirror()
        self.assertEqual({'INBOX': 1}, self.counts(self.target))

    def test_f075_children_keep_their_parent(self):
        with account(self.source) as client:
            client.append('INBOX', message(1, 1))
            client.command(b'CREATE A/B')
            client.append('A/B', message(2, 1))
        with account(self.target) as client:
            client.command(b'CREATE A')
            client.append('A', message(3, 1))
        self.mirror()
        self.assertEqual({'INBOX': 1, 'A': 0, 'A/B': 1},
                         self.counts(self.target))
        self.assert_silent('--mode', 'syncDst')

    def test_f124_without_uidplus_messages_are_only_marked(self):
        self.target = self.server(without=['UIDPLUS'])
        with account(self.source) as client:
            client.append('INBOX', message(1, 1))
        with account(self.target) as client:
            client.append('INBOX', message(2, 1))
        ended = self.mirror()
        self.assertIn('only marked as deleted', ended.log)
        self.assertEqual({'INBOX': 2}, self.counts(self.target))
        self.assertNotIn('EXPUNGE', ' '.join(
            c for c in self.target.commands()))


class Ceiling(ModeCase):
    """What a mirror may delete."""

    def setUp(self):
        super().setUp()
        with account(self.source) as client:
            for n in range(10):
                client.append('INBOX', message(n, 1))
        self.sync()
        with account(self.target) as client:
            for n in range(20, 30):
                client.append('INBOX', message(n, 1))
            client.command(b'CREATE Mine')
            client.append('Mine', message(31, 1))

    def refused(self, *options):
        self.target.forget_commands()
        ended = self.mirror(*options, code=1)
        self.assertIn('nothing was deleted', ended.log)
        self.assert_only_read(self.target)

    def test_a_number(self):
        self.refused('--maxDelete', 10)
        self.mirror('--maxDelete', 11)
        self.assertEqual({'INBOX': 10}, self.counts(self.target))

    def test_a_percentage(self):
        self.refused('--maxDelete', '52%')
        self.mirror('--maxDelete', '53%')
        self.assertEqual({'INBOX': 10}, self.counts(self.target))

    def test_f053_an_empty_source_empties_nothing(self):
        empty = self.server()
        ended = self.mirror(code=1, source=empty)
        self.assertIn('--force', ended.log)
        self.assertEqual({'INBOX': 20, 'Mine': 1}, self.counts(self.target))
        self.mirror('--force', source=empty)
        self.assertEqual({'INBOX': 0}, self.counts(self.target))

    def test_f194_most_of_a_large_target_needs_a_word(self):
        with account(self.target) as client:
            client.append_many('Mine', [
                (message(n, 1), b'', b'') for n in range(100, 250)])
        self.refused()
        self.mirror('--force')
        self.assertEqual({'INBOX': 10}, self.counts(self.target))


class WithoutLsub(Session):
    def do_lsub(self, *_):
        raise Refused(b'NO not today')


class Hiding(Session):
    """Counts one message more than it lists."""

    def _chosen(self, *arguments):
        return list(super()._chosen(*arguments))[1:]


class BadSource(ModeCase):
    """P5: a source that fails in the middle deletes nothing."""

    def setUp(self):
        super().setUp()
        self.mini = None
        with account(self.target) as client:
            for n in range(20, 23):
                client.append('INBOX', message(n, 1))
            client.command(b'CREATE Mine')
            client.append('Mine', message(31, 1))
            client.command(b'SUBSCRIBE Mine')

    def source_with(self, *faults, **kwargs):
        server = MiniServer(faults=faults, **kwargs)
        self.addCleanup(server.stop)
        for name in ('INBOX', 'Sent', 'Work'):
            box = server.box(name)
            for n in range(4):
                box.add(message(hash(name) % 1000 * 10 + n, 2))
        return server

    def deletes_nothing(self, *faults, **kwargs):
        source = self.source_with(*faults, **kwargs)
        self.target.forget_commands()
        ended = self.engine(
            *PLAIN, '--mode', 'syncDst', '--timeout', 2,
            '127.0.0.1:%d' % source.port, 'anna', 'pass',
            '127.0.0.1:%d' % self.target.port, 'anna', 'pass')
        counts = self.counts(self.target)
        self.assertGreaterEqual(counts['INBOX'], 3, ended.log)
        self.assertEqual(1, counts.get('Mine'), ended.log)
        done = self.target.commands()
        for verb in ('DELETE', 'UNSUBSCRIBE', 'UID EXPUNGE', 'EXPUNGE',
                     'UID STORE', 'STORE'):
            self.assertNotIn(verb, done, ended.log)
        return ended

    def test_the_same_without_a_fault_deletes(self):
        source = self.source_with()
        self.engine(*PLAIN, '--mode', 'syncDst',
                    '127.0.0.1:%d' % source.port, 'anna', 'pass',
                    '127.0.0.1:%d' % self.target.port, 'anna', 'pass', code=0)
        self.assertEqual({'INBOX': 4, 'Sent': 4, 'Work': 4},
                         self.counts(self.target))

    def test_f052_list_refused(self):
        for kind in ('no', 'bad'):
            with self.subTest(kind):
                ended = self.deletes_nothing(
                    Fault(kind, 'LIST', times=9, text=b'no list today'))
                self.assertNotIn(ended.code, (0, 2))

    def test_f052_list_never_ends(self):
        ended = self.deletes_nothing(Fault('stall', 'LIST', times=99))
        self.assertNotIn(ended.code, (0, 2))

    def test_lsub_refused_unsubscribes_nothing(self):
        source = self.source_with(session=WithoutLsub)
        self.target.forget_commands()
        self.engine(*PLAIN, '--mode', 'syncDst',
                    '127.0.0.1:%d' % source.port, 'anna', 'pass',
                    '127.0.0.1:%d' % self.target.port, 'anna', 'pass')
        self.assertNotIn('UNSUBSCRIBE', self.target.commands())

    def test_f076_a_mailbox_that_cannot_be_opened(self):
        for text in (b'[NOPERM] not yours', b'[NONEXISTENT] gone',
                     b'[SERVERBUG] oops', b'[CORRUPTION] broken'):
            with self.subTest(text):
                ended = self.deletes_nothing(
                    Fault('no', 'EXAMINE', nth=2, times=9, text=text))
                self.assertNotEqual(0, ended.code)

    def test_a_listing_that_is_refused(self):
        ended = self.deletes_nothing(
            Fault('no', 'FETCH', times=99, text=b'not now'))
        self.assertNotEqual(0, ended.code)

    def test_a_session_that_ends_in_a_listing(self):
        ended = self.deletes_nothing(Fault('cut', 'UID FETCH', times=99))
        self.assertNotEqual(0, ended.code)

    def test_f079_fewer_messages_listed_than_counted(self):
        ended = self.deletes_nothing(session=Hiding)
        self.assertIn('nothing was deleted', ended.log)


class DryRun(ModeCase):
    """--dryRun says what it would do and does nothing (F222)."""

    def test_a_cold_copy(self):
        fill(self.source, messages=40, mailboxes=4)
        self.source.forget_commands()
        self.target.forget_commands()
        ended = self.sync('--dryRun')
        self.assert_only_read(self.target)
        self.assert_only_read(self.source)
        real = self.sync()
        self.assertEqual(real.tally()['copied'], ended.tally()['copied'])
        self.assertIn('would be created', ended.log)

    def test_a_mirror(self):
        fill(self.source, messages=60, mailboxes=4)
        self.mirror()
        Churn(lambda: account(self.source), 5).run(80)
        self.target.forget_commands()
        would = self.mirror('--dryRun', '--force')
        self.assert_only_read(self.target)
        did = self.mirror('--force')
        self.assert_equal_accounts(self.source, self.target, mirror=True)
        self.assertEqual(would.tally(), did.tally())
        for what in ('deleted', 'mailboxes created', 'mailboxes deleted',
                     'flags changed', 'unsubscribed', 'subscribed'):
            self.assertEqual(self.extra(would, what), self.extra(did, what),
                             what)

    def extra(self, ended, name):
        words = ended.log.split(' copied; ')[-1].split('\n')[0].split(', ')
        return [w for w in words if w.rsplit(' ', 1)[0] == name]

    def test_what_is_new(self):
        with account(self.source) as client:
            client.append('INBOX', message(1, 1), date=date(1))
            client.append('INBOX', message(2, 9), date=date(9))
        with account(self.target) as client:
            client.append('INBOX', message(3, 5), date=date(5))
        self.target.forget_commands()
        ended = self.sync('--dryRun', '--mode', 'syncSrcNew')
        self.assertEqual(1, ended.tally()['copied'])
        self.assertEqual(1, ended.tally()['skipped'])
        self.assert_only_read(self.target)


if __name__ == '__main__':
    unittest.main()
