# SPDX-License-Identifier: MIT
"""COMPRESS=DEFLATE on either side: the same copies, and servers that cannot do
what they announce (F033, F034, F035, F036)."""
import random
import resource
import time
import unittest
import zlib

import convoy
from convoy import PLAIN, Case, account, fill
from dovecot import Dovecot
from scripted_server import Fault, Hangup, MiniServer, Refused, Session

ON = ('--compress', 'on')
PROTOCOL, TEMPORARY = 76, 75
STARTED = 'the connection is compressed'
EMPTY_BLOCK = b'\0\0\0\xff\xff'


def addresses(source, target, user='anna'):
    return ('127.0.0.1:%d' % source.port, user, 'pass',
            '127.0.0.1:%d' % target.port, user, 'pass')


class Copy(Case):
    """Dovecot to Dovecot."""

    @classmethod
    def setUpClass(cls):
        convoy.need_dovecot()
        cls.source = Dovecot(rawlog=True, compress=True).start()
        cls.addClassCleanup(cls.source.remove)
        fill(cls.source, messages=240, mailboxes=6)
        rnd = random.Random('large')
        with account(cls.source) as client:
            for n in range(3):
                client.append('INBOX', b'Subject: large %d\r\n\r\n' % n +
                              b''.join(rnd.randbytes(36).hex().encode() +
                                       b'\r\n' for _ in range(50000)))

    def setUp(self):
        super().setUp()
        self.source.forget_commands()

    def copy_twice(self, target, *options, user='anna', tls=PLAIN, where=None,
                   compressed=2):
        where = where or addresses(self.source, target, user)
        first = self.engine(*tls, *options, *where, code=0)
        self.assertEqual(compressed, first.log.count(STARTED), first.log)
        copied = self.assert_balanced(first)['copied']
        self.assertGreater(copied, 0)
        self.assert_equal_accounts(self.source, target, user)
        self.assert_only_read(self.source)
        target.forget_commands()
        second = self.engine(*tls, *options, *where, code=0)
        self.assertEqual(copied, self.assert_balanced(second)['present'])
        self.assert_only_read(target)

    def test_both_sides(self):
        with Dovecot(rawlog=True, compress=True) as target:
            self.copy_twice(target, *ON)

    def test_without_threads(self):
        with Dovecot(rawlog=True, compress=True) as target:
            self.copy_twice(target, *ON, '--noThreads')

    def test_inside_tls(self):
        with Dovecot(rawlog=True, compress=True) as target:
            where = ('127.0.0.1:%d' % self.source.tls_port, 'anna', 'pass',
                     '127.0.0.1:%d' % target.port, 'anna', 'pass')
            tls = ('--srcTLS', 'implicit', '--srcCAFile',
                   self.source.certificate, '--dstTLS', 'starttls',
                   '--dstCAFile', target.certificate)
            self.copy_twice(target, *ON, where=where, tls=tls)
            target.wipe()
            self.copy_twice(target, *ON, '--noThreads', where=where, tls=tls)

    def test_spooled_messages(self):
        with Dovecot(rawlog=True, compress=True) as target:
            self.copy_twice(target, *ON, '--queueSizeMax', 1,
                            '--fetchSizeMax', 1, '--storeSizeMax', 1)

    def test_synchronizing_literals(self):
        with Dovecot(rawlog=True, compress=True,
                     without=['LITERAL+', 'MULTIAPPEND']) as target:
            self.copy_twice(target, *ON, '--storeMax', 1)

    def test_one_side_only(self):
        with Dovecot(rawlog=True) as target:
            self.copy_twice(target, *ON, compressed=1)

    def test_this_machine_is_never_far(self):
        with Dovecot(rawlog=True, compress=True) as target:
            self.copy_twice(target, compressed=0)
            self.copy_nothing(target, '--compress', 'off')
            self.assertEqual(0, target.commands().get('COMPRESS', 0))
            self.assertEqual(0, self.source.commands().get('COMPRESS', 0))

    def copy_nothing(self, target, *options):
        ended = self.engine(*PLAIN, *options,
                            *addresses(self.source, target), code=0)
        self.assertEqual(0, ended.tally()['copied'])

    def test_real_mail(self):
        if convoy.corpus() is None:
            raise unittest.SkipTest('no corpus of real mail')
        convoy.fill_with_corpus(self.source, 'corpus')
        self.source.forget_commands()
        with Dovecot(rawlog=True, compress=True) as target:
            self.copy_twice(target, *ON, '--longLines', 'keep', user='corpus')


class Deflated(Session):
    """Answers COMPRESS with OK, and what follows is up to `after`."""

    after = b''

    def do_compress(self, _):
        return b'go'

    def obey(self, text, literals):
        super().obey(text, literals)
        if self.name_of(text) == 'COMPRESS':
            self.go_on()

    def go_on(self):
        self.io.send(self.after)
        raise Hangup


class ClearText(Deflated):
    """Says OK and goes on as if nothing had been asked."""

    def go_on(self):
        self.io.send(b'* LIST () "/" INBOX\r\n* OK still clear text here\r\n')
        self.io.stall()


class Garbage(Deflated):
    def go_on(self):
        self.io.send(b'\xff' * 1000)
        self.io.stall()


class Truncated(Deflated):
    after = zlib.compress(b'* OK hello\r\n' * 100, wbits=-15)[:2]


class EmptyFlood(Deflated):
    def go_on(self):
        while True:
            self.io.send(EMPTY_BLOCK * 10000)


class EmptyDrip(Deflated):
    def go_on(self):
        while not self.io.stopping.wait(.02):
            self.io.send(EMPTY_BLOCK * 3)


class Bomb(Deflated):
    """A thousand bytes for one, in a line that never ends."""

    def go_on(self):
        packer = zlib.compressobj(9, wbits=-15)
        self.io.send(packer.compress(b'* OK '))
        while True:
            self.io.send(packer.compress(b'a' * (1 << 20)) +
                         packer.flush(zlib.Z_SYNC_FLUSH))


class Misbehaving(Case):
    """Small servers; the other side is one that does well."""

    def servers(self, **bad):
        bad = MiniServer(capability=('COMPRESS=DEFLATE', 'ID'), **bad)
        good = MiniServer(capability=('LITERAL+', 'UIDPLUS'))
        self.addCleanup(bad.stop)
        self.addCleanup(good.stop)
        for n in range(3):
            for server in (bad, good):
                server.box('INBOX').add(
                    b'Subject: %d\r\n\r\ntext\r\n' % n)
        return bad, good

    def one_way(self, is_source, *options, **kwargs):
        """Such a server, and how a copy from it or to it ended."""
        bad, good = self.servers(**kwargs)
        good.box('Other').add(b'Subject: other\r\n\r\ntext\r\n')
        ways = (bad, good) if is_source else (good, bad)
        return bad, self.engine(*PLAIN, *ON, *options, *addresses(*ways))

    def both_ways(self, *options, **kwargs):
        return [self.one_way(is_source, *options, **kwargs)
                for is_source in (True, False)]

    def test_refused(self):
        """F033"""
        for kind, text in (('no', b'[COMPRESSIONACTIVE] it is on already'),
                           ('bad', b'unknown command')):
            class Refusing(Session):
                def do_compress(self, _):
                    self.refuse_by_fault('COMPRESS')

            for server, ended in self.both_ways(
                    session=Refusing,
                    faults=[Fault(kind, 'COMPRESS', text=text, times=9)]):
                self.assertEqual(0, ended.code, ended.log)
                self.assertIn(text.decode(), ended.log)
                self.assertIn('going on without', ended.log)
                self.assertEqual(1, server.count('COMPRESS'))

    def test_nothing_is_sent_before_the_answer(self):
        """F033: the commands before it are answered in clear."""
        class Late(Session):
            def do_compress(self, _):
                self.server.early = bytes(self.io.buffer)
                self.io.stopping.wait(.3)
                self.io.socket.setblocking(False)
                try:
                    self.server.early += self.io.socket.recv(100)
                except BlockingIOError:
                    pass
                self.io.socket.setblocking(True)
                raise Refused(b'NO not now')

        for server, ended in self.both_ways(session=Late):
            self.assertEqual(0, ended.code, ended.log)
            self.assertEqual(b'', server.early)
            self.assertEqual(1, server.count('ID'))

    def test_announced_and_not_asked(self):
        bad, good = self.servers()
        self.engine(*PLAIN, *addresses(bad, good), code=0)
        self.assertEqual(0, bad.count('COMPRESS'))

    def test_what_follows_is_not_compressed(self):
        """F035"""
        for session in (ClearText, Garbage):
            for _, ended in self.both_ways('--timeout', 3, session=session):
                self.assertEqual(PROTOCOL, ended.code, ended.log)
                self.assertIn('COMPRESS', ended.log)

    def test_what_follows_is_cut_short(self):
        """F035: as a connection that is lost, it is tried again."""
        _, ended = self.one_way(True, session=Truncated)
        self.assertEqual(TEMPORARY, ended.code, ended.log)
        self.assertIn('after COMPRESS', ended.log)

    def test_flood_of_empty_blocks(self):
        """F036: little processor time goes into it."""
        self.check_empty(EmptyFlood, '--timeout', 3)

    def test_drip_of_empty_blocks(self):
        """F036: a deadline ends it; nothing spins until then."""
        self.check_empty(EmptyDrip, '--timeout', 1)

    def check_empty(self, session, *options):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        _, ended = self.one_way(True, *options, session=session)
        self.assertEqual(TEMPORARY, ended.code, ended.log)
        self.assertIn('COMPRESS', ended.log)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - (
            before.ru_utime + before.ru_stime)
        self.assertLess(spent, (time.monotonic() - began) / 4)

    def test_bomb(self):
        """F034: the limit of a line holds."""
        began = time.monotonic()
        for _, ended in self.both_ways(session=Bomb):
            self.assertEqual(PROTOCOL, ended.code, ended.log)
        self.assertLess(time.monotonic() - began, convoy.PATIENCE)


if __name__ == '__main__':
    unittest.main()
