# SPDX-License-Identifier: MIT
"""The state file between two real Dovecots: faster, never wrong."""
import os
import random
import signal
import time
import unittest

import convoy
from churn import Churn
from convoy import PLAIN, Case, account, fill
from dovecot import Dovecot


def setUpModule():
    convoy.need_dovecot()


def message(number):
    return (b'From: a@example.org\r\nSubject: number %d\r\n'
            b'Date: 02 Mar 2026 10:00:00 +0000\r\n'
            b'Message-ID: <%d@example.org>\r\n\r\nhello\r\n'
            % (number, number))


class StateCase(Case):
    def setUp(self):
        super().setUp()
        self.source, self.target = self.server(), self.server()
        self.state = self.path('state.db')

    def server(self, **kwargs):
        server = Dovecot(rawlog=True, **kwargs).start()
        self.addCleanup(server.remove)
        return server

    def arguments(self, *options):
        return (*PLAIN, '--stateFile', self.state, *options,
                '127.0.0.1:%d' % self.source.port, 'anna', 'pass',
                '127.0.0.1:%d' % self.target.port, 'anna', 'pass')

    def sync(self, *options, code=0):
        return self.engine(*self.arguments(*options), code=code)

    def looked_at(self, server):
        """Mailboxes that were opened since the last call."""
        commands = server.commands()
        server.forget_commands()
        return sum(commands.get(n, 0) for n in ('SELECT', 'EXAMINE'))

    def forget(self):
        self.source.forget_commands()
        self.target.forget_commands()


class Known(StateCase):
    def setUp(self):
        super().setUp()
        fill(self.source, messages=120, mailboxes=6)
        self.first = self.sync().tally()
        self.forget()

    def assert_nothing_opened(self):
        again = self.sync()
        tally = self.assert_balanced(again)
        self.assertEqual(0, self.looked_at(self.source))
        self.assertEqual(0, self.looked_at(self.target))
        self.assertEqual(self.first['copied'], tally['present'])
        self.assertEqual(0, tally['copied'])

    def test_nothing_new_needs_no_look(self):
        self.assert_nothing_opened()
        self.assert_nothing_opened()

    def test_only_what_changed_is_looked_at(self):
        with account(self.source) as client:
            client.append('Sent', message(1))
        self.forget()
        tally = self.sync().tally()
        self.assertEqual(1, tally['copied'])
        self.assertEqual(self.first['copied'], tally['present'])
        self.assertEqual(1, self.looked_at(self.source))
        self.assertLessEqual(self.looked_at(self.target), 2)
        self.assert_equal_accounts(self.source, self.target)
        self.first['copied'] += 1
        self.forget()
        self.assert_nothing_opened()

    def test_what_the_target_lost_comes_back(self):
        """F170: the target is the truth for copying."""
        with account(self.target) as client:
            client.command(b'SELECT INBOX')
            client.command(b'STORE 1 +FLAGS.SILENT (\\Deleted)')
            client.command(b'EXPUNGE')
        self.assertEqual(1, self.sync().tally()['copied'])
        self.assert_equal_accounts(self.source, self.target)

    def test_f189_a_mailbox_made_anew_on_the_target(self):
        with account(self.target) as client:
            client.command(b'SELECT INBOX')
            client.command(b'DELETE Sent')
            client.command(b'CREATE Sent')
        self.sync()
        self.assert_equal_accounts(self.source, self.target)

    def test_f188_a_mailbox_made_anew_on_the_source(self):
        with account(self.source) as client:
            client.command(b'SELECT INBOX')
            client.command(b'RENAME Sent Old')
            client.command(b'CREATE Sent')
            client.command(b'SELECT Old')
            client.command(b'COPY 1:* Sent')
        self.sync()
        self.sync()
        self.assert_equal_accounts(self.source, self.target)

    def test_f171_without_the_file_all_is_compared(self):
        os.unlink(self.state)
        tally = self.sync().tally()
        self.assertEqual(0, tally['copied'])
        self.assertGreater(self.looked_at(self.source), 3)
        self.forget()
        self.assert_nothing_opened()

    def test_f169_a_damaged_file(self):
        with open(self.state, 'r+b') as f:
            f.seek(0)
            f.write(b'\0' * 4096)
        for suffix in ('-wal', '-shm'):
            if os.path.exists(self.state + suffix):
                os.unlink(self.state + suffix)
        ended = self.sync()
        self.assertEqual(0, ended.tally()['copied'])
        self.assert_equal_accounts(self.source, self.target)

    def test_a_file_that_is_not_ours_is_left_alone(self):
        self.write('state.db', 'dear diary\n' * 1000)
        before = open(self.state, 'rb').read()
        ended = self.sync()
        self.assertIn('without the state file', ended.log)
        self.assertEqual(before, open(self.state, 'rb').read())

    def test_a_file_of_another_account(self):
        other = self.path('other.db')
        with Dovecot() as third:
            self.engine(*PLAIN, '--stateFile', other,
                        '127.0.0.1:%d' % self.source.port, 'anna', 'pass',
                        '127.0.0.1:%d' % third.port, 'anna', 'pass', code=0)
        self.state = other
        ended = self.sync()
        self.assertIn('without the state file', ended.log)
        self.assertEqual(0, ended.tally()['copied'])

    def test_a_mirror_looks_at_everything(self):
        with account(self.source) as client:
            client.command(b'SELECT INBOX')
            client.command(b'STORE 1 +FLAGS.SILENT (\\Flagged other)')
        self.sync('--mode', 'syncDst')
        self.assert_equal_accounts(self.source, self.target, mirror=True)

    def test_what_a_newer_mode_left_out_is_not_complete(self):
        with account(self.target) as client:
            client.append('INBOX', message(50))
        with account(self.source) as client:
            client.append('INBOX', message(51),
                          date=b'01-Jan-2001 10:00:00 +0000')
        self.assertEqual(1, self.sync('--mode', 'syncSrcNew')
                         .tally()['skipped'])
        self.assertEqual(1, self.sync().tally()['copied'])

    def test_a_mark_that_is_taken_away(self):
        with account(self.source) as client:
            client.append('INBOX', message(60), b'\\Deleted')
        self.assertEqual(0, self.sync().tally()['copied'])
        with account(self.source) as client:
            client.command(b'SELECT INBOX')
            client.command(b'UID STORE 1:* -FLAGS.SILENT (\\Deleted)')
        self.assertEqual(1, self.sync().tally()['copied'])

    def test_a_dry_run_leaves_it_as_it_is(self):
        with account(self.source) as client:
            client.append('Sent', message(1))
        self.assertEqual(1, self.sync('--dryRun').tally()['copied'])
        self.assertEqual(1, self.sync().tally()['copied'])

    def test_random_changes(self):
        for seed in range(4):
            Churn(lambda: account(self.source), 40 + seed).run(60)
            self.sync()
            self.sync('--mode', 'syncDst', '--force')
            self.assert_equal_accounts(self.source, self.target, mirror=True)
            self.forget()
            self.sync()
            self.assert_only_read(self.target)


class Held(StateCase):
    def test_f173_a_second_engine_ends_at_once(self):
        fill(self.source, messages=400, mailboxes=2, size=20000)
        first = self.start(*self.arguments('--storeMax', 1, '--noLiteralPlus'))
        convoy.wait_until(lambda: os.path.exists(self.state), 'the state file')
        second = self.engine(*self.arguments())
        self.assertEqual(75, second.code, second.log)
        self.assertIn('state.db', second.log)
        self.assertEqual(0, first.wait(convoy.PATIENCE))
        self.sync()

    def test_f202_a_link_is_not_followed(self):
        os.symlink(self.path('elsewhere'), self.state)
        ended = self.engine(*self.arguments())
        self.assertEqual(74, ended.code)
        self.assertFalse(os.path.exists(self.path('elsewhere')))

    def test_f172_a_folder_that_is_not_there(self):
        self.state = self.path('no/where/state.db')
        ended = self.engine(*self.arguments())
        self.assertEqual(74, ended.code)
        self.assertIn('no/where', ended.log)


class Killed(StateCase):
    def test_killed_at_random_and_run_again(self):
        """F096, F098: nothing lost, nothing doubled, by the file's word too."""
        fill(self.source, messages=3000, mailboxes=6)
        chance = random.Random(11)
        kills = 0
        for _ in range(10):
            process = self.start(*self.arguments())
            time.sleep(chance.uniform(0.02, 0.3))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
            process.wait(convoy.PATIENCE)
        self.assertGreater(kills, 3)
        self.sync()
        self.assert_equal_accounts(self.source, self.target)
        self.forget()
        self.assertEqual(0, self.sync().tally()['copied'])
        self.assert_only_read(self.target)

    def test_after_a_good_end_nobody_waits(self):
        """Only INBOX: without the file each run waits for a former one."""
        with account(self.source) as client:
            client.append('INBOX', message(1))
        self.sync()
        for number in range(2, 5):
            with account(self.source) as client:
                client.append('INBOX', message(number))
            self.target.forget_commands()
            ended = self.sync('--settle', 60000)
            self.assertEqual(1, ended.tally()['copied'])


if __name__ == '__main__':
    unittest.main()
