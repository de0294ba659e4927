# SPDX-License-Identifier: MIT
"""What goes wrong on the way, with servers made for it: the exit code tells it
and one clean run afterwards makes the copy whole, with nothing twice."""
import os
import re
import subprocess
import unittest

import dovecot
from convoy import PLAIN, Case, ROOT
from scripted_server import (Fault, MiniServer, ScriptedServer, close, expect,
                             send, split, stall)

USAGE, LOCAL, TEMPORARY, PROTOCOL, AUTH = 64, 74, 75, 76, 77
WORDS = ('LITERAL+', 'MULTIAPPEND', 'UIDPLUS')


def message(number):
    return (b'From: somebody@example.org\r\nSubject: letter %d\r\n'
            b'Message-ID: <letter.%d@example.org>\r\n'
            b'Date: Thu, 02 Jan 2020 10:00:00 +0000\r\n\r\n' % (number, number)
            + b'text of letter %d\r\n' % number * (number % 7 + 1))


def source_server(count=20, **kwargs):
    server = MiniServer(**kwargs)
    for number in range(count):
        box = server.box('INBOX' if number % 2 else 'Archive')
        box.add(message(number), (b'\\Seen',) if number % 3 else ())
    server.box('Archive').subscribed = True
    return server


class FaultCase(Case):
    def addresses(self, source, target, password='pass'):
        return ('127.0.0.1:%d' % source.port, 'anna', password,
                '127.0.0.1:%d' % target.port, 'anna', 'pass')

    def run_engine(self, source, target, *options, **kwargs):
        return self.engine(*PLAIN, *options,
                           *self.addresses(source, target), **kwargs)

    def assert_whole(self, source, target):
        self.assertEqual(source.contents(), target.contents())
        self.assertEqual([], target.problems)
        self.assertEqual([], source.problems)

    def assert_never_written(self, source):
        self.assertEqual(0, source.count(
            'STORE', 'UID STORE', 'SELECT', 'EXPUNGE', 'APPEND', 'CREATE'))

    def assert_recovers(self, source, target, *options):
        """A clean run makes it whole, the next one changes nothing."""
        target.faults.clear()
        self.run_engine(source, target, *options, code=0)
        self.assert_whole(source, target)
        target.forget_commands()
        self.run_engine(source, target, *options, code=0)
        self.assertEqual(0, target.count('APPEND', 'CREATE', 'STORE',
                                         'UID STORE'))
        self.assert_never_written(source)


class NoStart(FaultCase):
    """Nothing can be copied: the exit code says why."""

    def test_password_refused_by_the_source(self):
        with source_server() as source, MiniServer() as target:
            ended = self.engine(
                *PLAIN, *self.addresses(source, target, 'wr0ng-one'),
                code=AUTH)
            self.assertNotIn('wr0ng-one', ended.log + ended.output)
            self.assertEqual(0, target.count('APPEND', 'CREATE'))

    def test_password_refused_by_the_target(self):
        with source_server() as source, MiniServer(password='x') as target:
            self.run_engine(source, target, code=AUTH)

    def test_no_imap_server(self):
        """F006"""
        web = [send(b'HTTP/1.1 400 Bad Request\r\n'
                    b'Content-Type: text/html\r\n\r\n<p>no</p>\r\n'), close()]
        with ScriptedServer(web) as source, MiniServer() as target:
            ended = self.run_engine(source, target, code=PROTOCOL)
            self.assertIn('IMAP', ended.log)
            self.assertIn('HTTP/1.1 400 Bad Request', ended.log)

    def test_mail_server_of_another_kind(self):
        """F006"""
        smtp = [send(b'220 mail.example.org ESMTP\r\n'), stall()]
        with ScriptedServer(smtp) as source, MiniServer() as target:
            ended = self.run_engine(source, target, code=PROTOCOL)
            self.assertIn('220 mail.example.org ESMTP', ended.log)

    def test_server_that_says_bye(self):
        """F010"""
        with MiniServer(greeting=b'* BYE too busy\r\n') as source, \
                MiniServer() as target:
            ended = self.run_engine(source, target, code=TEMPORARY)
            self.assertIn('too busy', ended.log)

    def test_certificate_for_another_name(self):
        """F028"""
        pem, key = dovecot.make_certificate(
            self.path('other'), ('elsewhere.example.org',))
        with source_server(certificate=(pem, key), tls=True) as source, \
                MiniServer() as target:
            ended = self.engine(
                '--srcTLS', 'implicit', '--srcCAFile', pem, '--dstTLS',
                'none', *self.addresses(source, target), code=PROTOCOL)
            self.assertIn('127.0.0.1', ended.log)
            self.assertIn('it is for elsewhere.example.org;', ended.log)
            self.assertEqual(0, source.count('LOGIN', 'AUTHENTICATE'))

    def test_certificate_that_nobody_signed(self):
        """F029"""
        pem, key = dovecot.make_certificate(self.path('own'))
        with source_server(certificate=(pem, key), tls=True) as source, \
                MiniServer() as target:
            ended = self.engine('--srcTLS', 'implicit', '--dstTLS', 'none',
                                *self.addresses(source, target),
                                code=PROTOCOL)
            self.assertRegex(ended.log,
                             'self.signed.*it was issued by CN=localhost;')
            self.assertEqual(0, source.count('LOGIN', 'AUTHENTICATE'))

    def test_f027_certificate_out_of_date(self):
        """F027: its dates are told, and ours."""
        pem, key = dovecot.make_certificate(self.path('own'))
        for offset in ('19700102000000Z', '20990101000000Z'):
            old = self.path('dated.pem')
            subprocess.run(
                ['openssl', 'ca', '-batch', '-selfsign', '-notext',
                 '-config', self.ca(key), '-in', self.request(key), '-out',
                 old, '-startdate', offset, '-enddate',
                 offset[:3] + '8' + offset[4:]],
                check=True, stdin=subprocess.DEVNULL, capture_output=True,
                cwd=self.folder)
            with source_server(certificate=(old, key), tls=True) as source, \
                    MiniServer() as target:
                ended = self.engine(
                    '--srcTLS', 'implicit', '--srcCAFile', old, '--dstTLS',
                    'none', *self.addresses(source, target), code=PROTOCOL)
                self.assertEqual(0, source.count('LOGIN', 'AUTHENTICATE'))
                self.assertRegex(
                    ended.log, 'it is valid from %s-01-0[12]T00:00:00Z to '
                    r'.*, here it is 20\d\d-' % offset[:4])

    def request(self, key):
        """A request for a certificate that names this machine."""
        path = self.path('request')
        subprocess.run(['openssl', 'req', '-new', '-key', key, '-subj',
                        '/CN=localhost', '-addext',
                        'subjectAltName=IP:127.0.0.1', '-out', path],
                       check=True, stdin=subprocess.DEVNULL,
                       capture_output=True)
        return path

    def ca(self, key):
        for name, text in (('index', ''), ('serial', '01\n')):
            self.write(name, text)
        return self.write('ca.cnf', (
            '[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\n'
            'new_certs_dir=.\nprivate_key=%s\ndefault_md=sha256\n'
            'copy_extensions=copy\nunique_subject=no\npolicy=p\n'
            '[p]\ncommonName=supplied\n' % key))

    def test_tls_asked_for_and_not_offered(self):
        """F023"""
        with source_server() as source, MiniServer() as target:
            self.engine('--srcTLS', 'starttls', '--dstTLS', 'none',
                        *self.addresses(source, target), code=PROTOCOL)
            self.assertEqual(0, source.count('LOGIN', 'AUTHENTICATE'))

    def test_f023_starttls_refused(self):
        with source_server(capability=('STARTTLS',)) as source, \
                MiniServer() as target:
            ended = self.engine('--srcTLS', 'starttls', '--dstTLS', 'none',
                                *self.addresses(source, target),
                                code=PROTOCOL)
            self.assertIn('no password sent', ended.log)
            self.assertEqual(1, source.count('STARTTLS'))
            self.assertEqual(0, source.count('LOGIN', 'AUTHENTICATE'))

    def test_f024_bytes_behind_starttls(self):
        injected = [send(b'* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n'),
                    expect(rb'STARTTLS'),
                    send(b'<tag> OK go on\r\n'
                         b'* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n'), stall()]
        with ScriptedServer(injected) as source, MiniServer() as target:
            ended = self.engine('--srcTLS', 'starttls', '--dstTLS', 'none',
                                '--timeout', 5,
                                *self.addresses(source, target),
                                code=PROTOCOL, seconds=60)
            self.assertIn('between STARTTLS and TLS', ended.log)
            self.assertEqual([], source.problems)

    def test_log_file_that_cannot_be_written(self):
        with source_server() as source, MiniServer() as target:
            self.run_engine(source, target, '--logfile',
                            self.path('no/such/folder/log'), code=LOCAL)

    def test_silent_server(self):
        """F004"""
        with ScriptedServer([stall()]) as source, MiniServer() as target:
            ended = self.run_engine(source, target, '--timeout', 2,
                                    code=TEMPORARY, seconds=60)
            self.assertIn('greeting', ended.log)

    def test_server_that_falls_silent(self):
        with source_server(faults=[Fault('stall', 'FETCH'),
                                   Fault('stall', 'UID FETCH')]) as source, \
                MiniServer() as target:
            self.run_engine(source, target, '--timeout', 2, seconds=60)
            source.faults.clear()
            self.assert_recovers(source, target)

    def test_connection_refused(self):
        """F002"""
        port = dovecot.free_ports(1)[0]
        with MiniServer() as target:
            ended = self.engine(
                *PLAIN, '127.0.0.1:%d' % port, 'anna', 'pass',
                '127.0.0.1:%d' % target.port, 'anna', 'pass', code=TEMPORARY)
            self.assertRegex(ended.log,
                             '127.0.0.1.*%d.*Connection refused' % port)

    def test_unknown_host(self):
        """F001"""
        with MiniServer() as target:
            ended = self.engine(
                *PLAIN, 'no-such-host.invalid', 'anna', 'pass',
                '127.0.0.1:%d' % target.port, 'anna', 'pass')
            self.assertIn(ended.code, (TEMPORARY, PROTOCOL, 78))
            self.assertIn('no-such-host.invalid', ended.log)
            self.assertRegex(ended.log, 'resolve|resolution|not known')

    def test_wrong_command_line(self):
        """F149"""
        self.engine('--no-such-option', 'a', 'b', 'c', 'd', 'e', 'f',
                    code=USAGE)
        self.engine('only', 'three', 'words', code=USAGE)
        self.engine('--timeout', 'soon', 'a', 'b', 'c', 'd', 'e', 'f',
                    code=USAGE)


class Dialogue(FaultCase):
    """Replies in pieces and in odd shapes."""

    def script(self, reply):
        return [reply(b'* OK ready\r\n'), expect(rb'CAPABILITY'),
                reply(b'* CAPABILITY IMAP4rev1\r\n<tag> OK done\r\n'),
                expect(rb'LOGIN'), reply(b'<tag> NO [AUTHENTICATIONFAILED] '
                                         b'no\r\n'), stall()]

    def test_byte_by_byte(self):
        """F086"""
        for reply in (send, split):
            with self.subTest(reply=reply.__name__), \
                    ScriptedServer(self.script(reply)) as source, \
                    MiniServer() as target:
                self.run_engine(source, target, code=AUTH)
                self.assertEqual([], source.problems)

    def test_f025_login_answered_before_it_is_sent(self):
        def early(c):
            c.send(b'* CAPABILITY IMAP4rev1\r\n%s OK done\r\n%s%d OK early\r\n'
                   % (c.tag, c.tag[:3], int(c.tag[3:]) + 1))

        script = [send(b'* OK ready\r\n'), expect(rb'CAPABILITY'), early,
                  stall()]
        with ScriptedServer(script) as source, MiniServer() as target:
            ended = self.run_engine(source, target, '--timeout', 5,
                                    code=PROTOCOL, seconds=60)
            self.assertIn('an answer to a command never sent', ended.log)
            self.assertEqual([], source.problems)

    def test_endless_line(self):
        """F009, F084"""
        endless = [send(b'* OK ready\r\n'), expect(rb'CAPABILITY'),
                   send(b'* CAPABILITY ' + b'X' * (40 << 20)), stall()]
        with ScriptedServer(endless) as source, MiniServer() as target:
            self.run_engine(source, target, '--timeout', 5, code=PROTOCOL,
                            seconds=60)

    def test_literal_larger_than_the_world(self):
        """F081"""
        huge = [send(b'* OK ready\r\n'), expect(rb'CAPABILITY'),
                send(b'* CAPABILITY {99999999999999999999}\r\n'), stall()]
        with ScriptedServer(huge) as source, MiniServer() as target:
            self.run_engine(source, target, '--timeout', 5, code=PROTOCOL,
                            seconds=60)


class Append(FaultCase):
    """The target fails while it takes messages."""

    def fault(self, fault, *options, capability=WORDS, supports=None,
              codes=(0, TEMPORARY)):
        with source_server() as source, MiniServer(
                capability=capability, supports=supports,
                faults=[fault]) as target:
            ended = self.run_engine(source, target, '--timeout', 5, *options)
            self.assertIn(ended.code, codes, ended.log[-3000:])
            if ended.code == 0:
                self.assert_whole(source, target)
            self.assert_recovers(source, target, *options)

    def each(self, make, **kwargs):
        """The same fault with old and new targets, with and without threads."""
        for capability in ((), WORDS, ('MULTIAPPEND',), ('LITERAL+',)):
            for options in ((), ('--noThreads',), ('--storeMax', 1)):
                with self.subTest(capability=capability, options=options):
                    self.fault(make(), *options, capability=capability,
                               **kwargs)

    def test_cut_in_a_literal(self):
        """F098, F138"""
        self.each(lambda: Fault('cut-in-literal', nth=4, count=20))

    def test_cut_in_the_first_literal(self):
        """F138"""
        self.each(lambda: Fault('cut-in-literal', nth=1, count=0))

    def test_cut_before_the_reply_nothing_kept(self):
        self.each(lambda: Fault('cut-before-reply', nth=2))

    def test_cut_before_the_reply_kept(self):
        """F096"""
        self.each(lambda: Fault('cut-before-reply', nth=2, store=True))

    def test_no_reply_nothing_kept(self):
        self.fault(Fault('silent-reply', nth=1), '--timeout', 2)

    def test_no_reply_kept(self):
        """F097"""
        self.fault(Fault('silent-reply', nth=1, store=True), '--timeout', 2)

    def test_bye(self):
        """F019"""
        self.each(lambda: Fault('bye', 'APPEND', nth=2,
                                text=b'going down now'))

    def test_bye_at_create(self):
        self.fault(Fault('bye', 'CREATE'))

    def test_message_refused(self):
        """F099, F100: The rest is copied, the refused one is named, exit 1."""
        for capability in ((), WORDS, ('MULTIAPPEND',), ('LITERAL+',)):
            with self.subTest(capability=capability), \
                    source_server() as source, \
                    MiniServer(capability=capability,
                               refuse=rb'Subject: letter 7\r') as target:
                ended = self.run_engine(source, target, code=1)
                tally = self.assert_balanced(ended)
                self.assertEqual((20, 19), (tally['source'],
                                            tally['copied']))
                have = [m for box in target.contents().values() for m in box]
                self.assertEqual(
                    sorted(message(n) for n in range(20) if n != 7),
                    sorted(have))
                self.assertRegex(ended.log, r'not welcome')
                target.refuse = None
                self.assert_recovers(source, target)

    def test_every_message_refused(self):
        """F109"""
        with source_server() as source, \
                MiniServer(capability=WORDS, refuse=rb'') as target:
            ended = self.run_engine(source, target)
            self.assertNotEqual(0, ended.code)
            self.assertEqual(0, self.assert_balanced(ended)['copied'])

    def test_mailbox_that_cannot_be_made(self):
        """F066: Its messages are refused, the other mailbox is copied."""
        with source_server() as source, MiniServer(faults=[
                Fault('no', 'CREATE', times=1000,
                      text=b'[NOPERM] not here')]) as target:
            ended = self.run_engine(source, target, code=1)
            tally = self.assert_balanced(ended)
            self.assertEqual((10, 10), (tally['copied'], tally['refused']))
            self.assert_recovers(source, target)

    def test_temporary_no(self):
        """F119"""
        self.fault(Fault('no', 'APPEND', nth=2, times=1,
                         text=b'[UNAVAILABLE] try again'),
                   codes=(0, 1, TEMPORARY))

    def test_multiappend_announced_and_not_known(self):
        """F018"""
        with source_server() as source, MiniServer(
                capability=('MULTIAPPEND',), supports=()) as target:
            ended = self.run_engine(source, target)
            self.assertIn(ended.code, (0, 1, TEMPORARY, PROTOCOL))
            self.assertEqual(sorted(set(map(bytes, self.all(target)))),
                             self.all(target), 'something is there twice')
            if ended.code == 0:
                self.assert_whole(source, target)

    def test_multiappend_announced_and_not_known_with_literal_plus(self):
        """F018"""
        with source_server() as source, MiniServer(
                capability=('MULTIAPPEND', 'LITERAL+'),
                supports=('LITERAL+',)) as target:
            ended = self.run_engine(source, target)
            self.assertIn(ended.code, (0, 1, TEMPORARY, PROTOCOL))
            self.assertEqual(sorted(set(self.all(target))), self.all(target))

    @staticmethod
    def all(server):
        return sorted(m for box in server.contents().values() for m in box)

    def test_false_literal_plus_is_noticed_at_once(self):
        """F018: A target that lies about LITERAL+ reads the message as commands: the
        first BAD ends the connection, and no such literal is sent again."""
        with MiniServer() as source, MiniServer(
                capability=('LITERAL+',), supports=()) as target:
            for number in range(5):
                source.box('INBOX').add(
                    b'Subject: trap %d\r\n\r\nx1 CREATE Trap%d\r\nend\r\n'
                    % (number, number))
            ended = self.run_engine(source, target)
            lies = [text for name, text in target.commands
                    if name == 'APPEND' and text.endswith(b'+}')]
            # what was under way when the BAD came, not more
            self.assertLess(len(lies), 6)
            if ended.code == 0:
                self.assertEqual(self.all(source), self.all(target))

    def test_literal_plus_is_not_sent_when_forbidden(self):
        with source_server() as source, MiniServer(
                capability=('LITERAL+',), supports=()) as target:
            self.run_engine(source, target, '--noLiteralPlus', code=0)
            self.assert_whole(source, target)


class Fetch(FaultCase):
    """The source fails while it gives messages out."""

    def fault(self, fault, *options, codes=(0, TEMPORARY)):
        with source_server(faults=[fault]) as source, \
                MiniServer(capability=WORDS) as target:
            ended = self.run_engine(source, target, '--timeout', 5, *options)
            self.assertIn(ended.code, codes, ended.log[-3000:])
            if ended.code == 0:
                self.assert_whole(source, target)
            source.faults.clear()
            self.assert_recovers(source, target, *options)

    def test_cut_in_a_body(self):
        """F136"""
        for options in ((), ('--noThreads',), ('--fetchMax', 1)):
            with self.subTest(options=options):
                self.fault(Fault('cut-in-fetch', 'FETCH', nth=5, count=10),
                           *options)

    def test_cut_before_examine(self):
        """F134"""
        self.fault(Fault('cut', 'EXAMINE', nth=2))

    def test_mailbox_that_cannot_be_opened(self):
        """F076"""
        with source_server(faults=[
                Fault('no', 'EXAMINE', nth=1, times=1,
                      text=b'[NOPERM] closed')]) as source, \
                MiniServer() as target:
            ended = self.run_engine(source, target)
            self.assertNotEqual(0, ended.code)
            self.assertGreater(ended.tally()['copied'], 0)
            source.faults.clear()
            self.assert_recovers(source, target)

    def test_duplicates_stay_as_many(self):
        """F114"""
        with source_server() as source, \
                MiniServer(capability=WORDS) as target:
            for _ in range(3):
                source.box('INBOX').add(message(100))
            source.box('Archive').add(message(100))
            self.run_engine(source, target, code=0)
            self.assert_recovers(source, target)

    def test_silence_while_the_line_is_cut_by_bytes(self):
        """A line that breaks after so many bytes, in both directions."""
        relay = self.path('netdelay')
        subprocess.run([os.environ.get('CC', 'cc'), '-O1', '-D_GNU_SOURCE',
                        '-o', relay, ROOT + '/tests/support/netdelay.c'],
                       check=True)
        for option in ('-c', '-C', '-s', '-S'):
            for count in (40, 300, 1500, 4000):
                with self.subTest(option=option, count=count):
                    self.through_relay(relay, option, count)

    def through_relay(self, relay, option, count):
        with source_server() as source, \
                MiniServer(capability=WORDS) as target:
            line = subprocess.Popen(
                [relay, '-u', str(target.port), '-n', '1', option,
                 str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                port = int(re.fullmatch(
                    rb'port (\d+)\n', line.stdout.readline()).group(1))
                ended = self.engine(
                    *PLAIN, '--timeout', 2, '127.0.0.1:%d' % source.port,
                    'anna', 'pass', '127.0.0.1:%d' % port, 'anna', 'pass')
                self.assertIn(ended.code, (0, TEMPORARY), ended.log[-3000:])
                if ended.code == 0:
                    self.assert_whole(source, target)
            finally:
                line.stdin.close()
                line.stdout.close()
                line.wait(20)
            self.assert_recovers(source, target)


if __name__ == '__main__':
    unittest.main()
