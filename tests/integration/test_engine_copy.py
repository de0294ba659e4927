# SPDX-License-Identifier: MIT
"""Copies between two Dovecots, judged over IMAP by a client of our own."""
import random
import signal
import threading
import time
import unittest

import convoy
from convoy import PLAIN, Case, account, fill
from dovecot import Dovecot

SOURCE = None


def setUpModule():
    convoy.need_dovecot()
    global SOURCE
    SOURCE = Dovecot(rawlog=True).start()
    fill(SOURCE, messages=240, mailboxes=10)
    with account(SOURCE) as client:
        # a deleted message is not copied, an empty mailbox is
        client.command(b'SELECT INBOX')
        client.command(b'STORE 3 +FLAGS (\\Deleted)')
        client.command(b'CREATE Empty')
        client.append('INBOX', b'Subject: no line end\r\n\r\nlast line')
        client.append('INBOX', b'Subject: header only\r\n\r\n')
        client.append('Sent', b'no header at all, only text\r\n')


def tearDownModule():
    if SOURCE:
        SOURCE.remove()


class CopyCase(Case):
    """One copy, its comparison, and a second one that has nothing to do."""

    def setUp(self):
        super().setUp()
        SOURCE.forget_commands()

    def addresses(self, target, user='anna', name='127.0.0.1'):
        return ('%s:%d' % (name, SOURCE.port), user, 'pass',
                '%s:%d' % (name, target.port), user, 'pass')

    def copy_twice(self, target, *options, user='anna', tls=PLAIN,
                   addresses=None):
        addresses = addresses or self.addresses(target, user)
        first = self.engine(*tls, *options, *addresses, code=0)
        tally = self.assert_balanced(first)
        self.assertGreater(tally['copied'], 0)
        self.assertEqual(0, tally['present'])
        self.assert_equal_accounts(SOURCE, target, user)
        self.assert_only_read(SOURCE)
        target.forget_commands()
        second = self.engine(*tls, *options, *addresses, code=0)
        again = self.assert_balanced(second)
        self.assertEqual(0, again['copied'], second.log[-2000:])
        self.assertEqual(tally['copied'], again['present'])
        self.assert_only_read(target)
        return tally


class Copy(CopyCase):
    """Options and kinds of servers."""

    def test_synthetic(self):
        with Dovecot(rawlog=True) as target:
            tally = self.copy_twice(target)
            self.assertEqual(1, tally['skipped'])

    def test_without_threads(self):
        with Dovecot(rawlog=True) as target:
            self.copy_twice(target, '--noThreads')

    def test_one_message_a_time(self):
        with Dovecot(rawlog=True) as target:
            self.copy_twice(target, '--storeMax', 1, '--fetchMax', 1,
                            '--queueMax', 1)

    def test_one_message_a_time_without_threads(self):
        with Dovecot(rawlog=True) as target:
            self.copy_twice(target, '--storeMax', 1, '--fetchMax', 1,
                            '--noThreads')

    def test_target_without_literal_plus(self):
        with Dovecot(rawlog=True, without=['LITERAL+']) as target:
            self.copy_twice(target)

    def test_target_without_literal_plus_and_multiappend(self):
        with Dovecot(rawlog=True,
                     without=['LITERAL+', 'MULTIAPPEND']) as target:
            self.copy_twice(target)

    def test_literal_plus_is_not_used_when_forbidden(self):
        with Dovecot(rawlog=True) as target:
            self.copy_twice(target, '--noLiteralPlus')

    def test_plain_old_target(self):
        gone = ['LITERAL+', 'MULTIAPPEND', 'UIDPLUS', 'NAMESPACE', 'ESEARCH',
                'LIST-EXTENDED', 'LIST-STATUS', 'STATUS=SIZE', 'SASL-IR',
                'ENABLE', 'CONDSTORE', 'QRESYNC', 'UNSELECT', 'ID']
        with Dovecot(rawlog=True, without=gone) as target:
            self.copy_twice(target)

    def test_other_separator_and_prefix(self):
        with Dovecot(rawlog=True, separator='.', prefix='INBOX.') as target:
            self.copy_twice(target)

    def test_tls_on_both_sides(self):
        with Dovecot(rawlog=True) as target:
            addresses = ('127.0.0.1:%d' % SOURCE.tls_port, 'anna', 'pass',
                         '127.0.0.1:%d' % target.port, 'anna', 'pass')
            self.copy_twice(
                target, addresses=addresses, tls=(
                    '--srcTLS', 'implicit', '--srcCAFile', SOURCE.certificate,
                    '--dstTLS', 'starttls', '--dstCAFile', target.certificate))

    def test_log_says_how_a_connection_is_made_safe(self):
        with Dovecot(rawlog=True) as target:
            ended = self.engine(
                '--srcTLS', 'implicit', '--srcCAFile', SOURCE.certificate,
                '--dstTLS', 'starttls', '--dstCAFile', target.certificate,
                '127.0.0.1:%d' % SOURCE.tls_port, 'anna', 'pass',
                '127.0.0.1:%d' % target.port, 'anna', 'pass')
        self.assertEqual(0, ended.code, ended.log)
        for side in ('source', 'target'):
            self.assertRegex(
                ended.log, side + r' TLSv1\.\d, \S+, certificate verified')
        self.assertNotIn('clear text', ended.log)

    def test_tls_not_verified_when_told_so(self):
        """F030"""
        with Dovecot(rawlog=True, wrong_name=True) as target:
            self.copy_twice(target, tls=(
                '--srcTLS', 'none', '--dstTLS', 'starttls',
                '--dstTLSVerify', 'no'))

    def test_passwords_from_files(self):
        secret = self.write('secret', 'pass\n')
        with Dovecot(rawlog=True) as target:
            addresses = ('127.0.0.1:%d' % SOURCE.port, 'anna', '-',
                         '127.0.0.1:%d' % target.port, 'anna', '-')
            self.copy_twice(target, '--srcPasswordFile', secret,
                            '--dstPasswordFile', secret, addresses=addresses)

    def test_log_file_has_the_accounting(self):
        log = self.path('log')
        with Dovecot() as target:
            ended = self.engine(*PLAIN, '--logfile', log,
                                *self.addresses(target), code=0)
            with open(log, encoding='utf-8') as f:
                text = f.read()
            self.assertGreater(
                ended._replace(log=text).tally()['copied'], 0)
            self.assertNotIn('pass\n', text)

    def test_new_mail_is_added_and_nothing_else(self):
        with Dovecot(rawlog=True) as source, Dovecot(rawlog=True) as target:
            fill(source, messages=60, mailboxes=4)
            addresses = ('127.0.0.1:%d' % source.port, 'anna', 'pass',
                         '127.0.0.1:%d' % target.port, 'anna', 'pass')
            self.engine(*PLAIN, *addresses, code=0)
            with account(source) as client:
                client.append('Sent', b'Subject: new\r\n\r\nnew\r\n',
                              b'\\Flagged')
                # the copy of a message that is there once: now twice
                raw = client.fetch('Archive')[0][b'BODY[]']
                client.append('Archive', raw)
            ended = self.engine(*PLAIN, *addresses, code=0)
            self.assertEqual(2, ended.tally()['copied'])
            self.assert_equal_accounts(source, target)

    def test_mailboxes_left_out(self):
        with Dovecot(rawlog=True) as target:
            self.engine(*PLAIN, '--skipMailbox', 'Archive*',
                        '--skipMailbox', 'Projects?Beta',
                        *self.addresses(target), code=0)
            with account(target) as client:
                names = set(client.counts())
            self.assertFalse([n for n in names if n.startswith(b'Archive')])
            self.assertNotIn(b'Projects/Beta', names)
            self.assertIn(b'Projects/Alpha', names)

    def test_what_it_cannot_do_is_refused(self):
        """Rather than done by halves; nothing is touched then."""
        with Dovecot(rawlog=True) as target:
            for option in (('--mode', 'syncDst'), ('--mode', 'syncSrcNew')):
                ended = self.engine(*PLAIN, *option, *self.addresses(target))
                if ended.code != 0:  # else it can
                    self.assertIn(ended.code, (64, 78), ended.log)
                    self.assertEqual({}, target.commands())

    def test_list_pattern(self):
        with Dovecot(rawlog=True) as target:
            self.engine(*PLAIN, '--list', 'Projects/*',
                        *self.addresses(target), code=0)
            with account(target) as client:
                filled = {n for n, c in client.counts().items() if c}
            self.assertEqual({b'Projects/Alpha', b'Projects/Beta'}, filled)

    def test_no_subscription(self):
        with Dovecot(rawlog=True) as target:
            self.engine(*PLAIN, '--noSubscription', *self.addresses(target),
                        code=0)
            self.assertEqual(0, target.commands().get('SUBSCRIBE', 0))
            with account(target) as client:
                self.assertEqual({}, client.lsub())

    def test_large_messages_in_a_small_queue(self):
        """F142"""
        with Dovecot() as source, Dovecot() as target:
            rnd = random.Random('large')
            with account(source) as client:
                for n in range(6):
                    body = b'\r\n'.join(
                        rnd.randbytes(36).hex().encode()
                        for _ in range(40000 + n * 10000))
                    client.append('INBOX', b'Subject: large %d\r\n\r\n' % n +
                                  body + b'\r\n')
            self.engine(*PLAIN, '--queueSizeMax', 1, '--fetchSizeMax', 1,
                        '--storeSizeMax', 1,
                        '127.0.0.1:%d' % source.port, 'anna', 'pass',
                        '127.0.0.1:%d' % target.port, 'anna', 'pass', code=0)
            self.assert_equal_accounts(source, target)


class Killed(CopyCase):
    """SIGKILL at random moments; one run to the end makes it whole."""

    def kill_and_finish(self, options, seed):
        rnd = random.Random(seed)
        with Dovecot(rawlog=True) as target:
            addresses = self.addresses(target)
            with Dovecot() as other:  # how long does one take here?
                began = time.monotonic()
                self.engine(*PLAIN, *options, *self.addresses(other), code=0)
                whole = time.monotonic() - began
            killed = 0
            for n in range(12):
                process = self.start(*PLAIN, *options, *addresses)
                # the first ones early: one that gets through leaves nothing
                # to do for those behind it
                timer = threading.Timer(
                    rnd.uniform(0, whole * (.1 if n < 4 else .8)),
                    process.kill)
                timer.start()
                process.communicate(timeout=convoy.PATIENCE)
                timer.cancel()
                timer.join()
                killed += process.returncode == -signal.SIGKILL
                # at once again: the server may still obey what it was
                # sent before the kill, which must double nothing
            self.assertGreater(killed, 0)
            self.engine(*PLAIN, *options, *addresses, code=0)
            self.assert_equal_accounts(SOURCE, target)
            target.forget_commands()
            self.engine(*PLAIN, *options, *addresses, code=0)
            self.assert_only_read(target)

    def test_killed_at_random(self):
        self.kill_and_finish((), 'threads')

    def test_killed_at_random_without_threads(self):
        self.kill_and_finish(('--noThreads',), 'no threads')

    def test_killed_at_random_one_message_a_time(self):
        self.kill_and_finish(('--storeMax', 1), 'slow')


class Corpus(CopyCase):
    """Real mail: broken, huge, doubled, in any character set."""

    user = 'corpus'

    @classmethod
    def setUpClass(cls):
        if convoy.corpus() is None:
            raise unittest.SkipTest(
                'no corpus of real mail: set MAILCONVOY_CORPUS to a folder '
                'of .eml files')
        convoy.fill_with_corpus(SOURCE, cls.user)

    def corpus_copy(self, target, *options):
        # long lines must arrive as they are: the guide's default cuts them
        self.copy_twice(target, '--longLines', 'keep', *options,
                        user=self.user)

    def test_corpus(self):
        with Dovecot(rawlog=True) as target:
            self.corpus_copy(target)

    def test_corpus_without_threads(self):
        with Dovecot(rawlog=True) as target:
            self.corpus_copy(target, '--noThreads')

    def test_corpus_to_a_plain_old_server(self):
        with Dovecot(rawlog=True, separator='.', prefix='INBOX.',
                     without=['LITERAL+', 'MULTIAPPEND']) as target:
            self.corpus_copy(target)

    def test_cut_lines_do_not_look_new(self):
        with Dovecot(rawlog=True) as target:
            addresses = self.addresses(target, self.user)
            first = self.engine(*PLAIN, *addresses, code=0).tally()
            target.forget_commands()
            second = self.engine(*PLAIN, *addresses, code=0).tally()
            self.assertEqual((0, first['copied']),
                             (second['copied'], second['present']))
            self.assert_only_read(target)


if __name__ == '__main__':
    unittest.main()
