# SPDX-License-Identifier: MIT
"""Every way to log in, and every way to be refused: the right bytes arrive, the
exit code tells what to do, and no secret is written anywhere."""
import base64
import json
import os
import subprocess
import unittest
import unittest.mock

import convoy
import dovecot
from convoy import CANARY, PATIENCE, Case, Ended
from scripted_server import (Fault, Hangup, MiniServer, Refused,
                             ScriptedServer, Session, close, expect, send,
                             stall)

TEMPORARY, PROTOCOL, AUTH = 75, 76, 77
CONFIG = 78
TOKEN = 'ya29.' + CANARY + '-token'


def setUpModule():
    convoy.need_dovecot()


def encoded(text):
    """What base64 makes of a text somewhere inside of a longer one."""
    raw = text.encode('utf-8')
    for shift in range(3):
        whole = base64.b64encode(b'\0' * shift + raw).decode('ascii')
        yield whole[4 * (shift > 0):len(whole) // 4 * 4 - 4]


class AuthCase(Case):
    @staticmethod
    def job(source, target, on_target=None, options=None, **changes):
        """A job between two servers; `changes` go to the source."""
        def endpoint(server, more):
            fields = dict({'host': '127.0.0.1', 'port': server.port,
                           'tls': 'none', 'user': 'anna',
                           'password': 'pass'}, **more)
            return {k: v for k, v in fields.items() if v is not None}
        return {'v': 1, 'account': 'anna',
                'source': endpoint(source, changes),
                'target': endpoint(target, on_target or {}),
                'options': dict({'verbose': True, 'settle_ms': 0},
                                **(options or {}))}

    def run_job(self, job, code=None):
        read_end, write_end = os.pipe()
        with os.fdopen(write_end, 'wb') as f:
            process = subprocess.Popen(
                [convoy.ENGINE, '--account', 'anna', '--jobFd',
                 str(read_end)], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                cwd=self.folder, text=True, encoding='utf-8',
                errors='replace', pass_fds=(read_end,))
            self.addCleanup(convoy.end, process)
            os.close(read_end)
            f.write(json.dumps(job).encode() + b'\n')
            f.flush()
            output, log = process.communicate(timeout=PATIENCE)
        ended = Ended(process.returncode, log, output)
        if code is not None:
            self.assertEqual(code, ended.code, log[-1500:])
        return ended

    def assert_secret_kept(self, ended, *secrets):
        for secret in secrets:
            for form in (secret, *encoded(secret)):
                self.assertNotIn(form, ended.log + ended.output)


# ---------------------------------------------------------------- Dovecot

class RealMechanisms(AuthCase):
    """Against Dovecot's own SASL."""

    @classmethod
    def setUpClass(cls):
        encoded_password = base64.b64encode(
            'p"w\\d é%*{}:'.encode()).decode()
        cls.server = dovecot.Dovecot(
            password=CANARY,
            passwords={'odd': '{PLAIN.b64}' + encoded_password},
            extra='auth_mechanisms = plain login cram-md5 scram-sha-1 '
                  'scram-sha-256\n'
                  'auth_username_format = %Lu\n'
                  'passdb {\n  driver = static\n'
                  '  args = password=master-' + CANARY + '\n'
                  '  master = yes\n}\n')
        cls.addClassCleanup(cls.server.remove)
        cls.server.start()
        with convoy.Imap('127.0.0.1', cls.server.port).login(
                'anna', CANARY) as client:
            for n in range(3):
                client.append('INBOX', b'Message-ID: <%d@x>\r\nSubject: a'
                              b'\r\n\r\ntext %d\r\n' % (n, n))

    def copy(self, auth, target, **changes):
        changes.setdefault('password', CANARY)
        job = self.job(self.server, self.server, auth=auth, on_target={
            'user': target, 'password': changes['password'], 'auth': auth},
            **changes)
        return self.run_job(job)

    def test_every_mechanism_copies(self):
        for auth in ('login', 'plain', 'cram-md5', 'scram-sha-1',
                     'scram-sha-256', 'auto'):
            with self.subTest(auth):
                ended = self.copy(auth, 'to-' + auth)
                self.assertEqual(0, ended.code, ended.log[-1500:])
                self.assertEqual(3, ended.tally()['copied'])
                word = 'plain' if auth == 'auto' else auth
                self.assertIn("logged in as 'anna', " + word.upper(),
                              ended.log)
                self.assert_secret_kept(ended, CANARY)

    def test_every_mechanism_refuses_a_wrong_password(self):
        """F037"""
        for auth in ('login', 'plain', 'cram-md5', 'scram-sha-1',
                     'scram-sha-256'):
            with self.subTest(auth):
                ended = self.copy(auth, 'nobody', password='wr0ng-' + auth)
                self.assertEqual(AUTH, ended.code, ended.log[-1500:])
                self.assert_secret_kept(ended, 'wr0ng-' + auth)

    def test_a_password_of_odd_bytes(self):
        """F044"""
        for auth in ('login', 'plain', 'cram-md5', 'scram-sha-256'):
            with self.subTest(auth):
                ended = self.run_job(self.job(
                    self.server, self.server, auth=auth, user='odd',
                    password='p"w\\d é%*{}:', on_target={
                        'user': 'to-odd', 'password': CANARY}), code=0)
                self.assert_secret_kept(ended, 'p"w\\d é%*{}:')

    def test_a_long_password_is_refused_not_cut(self):
        """F044"""
        ended = self.copy('plain', 'nobody', password='x' * 4096)
        self.assertEqual(AUTH, ended.code, ended.log[-1500:])
        self.assertNotIn('x' * 40, ended.log)

    def test_master_user(self):
        for auth in ('plain', 'auto', 'scram-sha-256'):
            with self.subTest(auth):
                job = self.job(self.server, self.server, auth=auth,
                               user='admin', password='master-' + CANARY,
                               on_target={'user': 'to-master-' + auth,
                                          'password': CANARY})
                job['source']['as'] = 'anna'
                ended = self.run_job(job, code=0)
                self.assertEqual(3, ended.tally()['copied'])
                self.assertIn("logged in as 'admin' for anna", ended.log)
                self.assert_secret_kept(ended, CANARY)

    def test_id_is_sent_on_every_connection(self):
        ended = self.copy('login', 'to-id')
        self.assertEqual(2, ended.log.count(' ID ("name" "Mailconvoy"'))


# ---------------------------------------------------------------- choice

class Choice(AuthCase):
    """What is sent to which server."""

    def first_command(self, capability, code=AUTH, **changes):
        server = ScriptedServer([
            send(b'* OK [CAPABILITY IMAP4rev1 %s] hi\r\n'
                 % capability.encode()),
            expect(rb''), send(b'<tag> NO [AUTHENTICATIONFAILED] no\r\n'),
            close()])
        with server, MiniServer() as target:
            ended = self.run_job(self.job(server, target, **changes),
                                 code=code)
        line = bytes(server.received[0]).split(b'\r\n')[0]
        return line.partition(b' ')[2].decode(), ended

    def test_auto(self):
        rows = (
            ('', 'LOGIN "anna" "pass"'),
            ('AUTH=PLAIN', 'AUTHENTICATE PLAIN'),
            ('AUTH=PLAIN SASL-IR', 'AUTHENTICATE PLAIN AGFubmEAcGFzcw=='),
            ('AUTH=SCRAM-SHA-256', 'LOGIN "anna" "pass"'),
            ('AUTH=PLAIN AUTH=SCRAM-SHA-256 LOGINDISABLED',
             'AUTHENTICATE PLAIN'),
            ('AUTH=CRAM-MD5 AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256 '
             'LOGINDISABLED', 'AUTHENTICATE SCRAM-SHA-256'),
            ('AUTH=CRAM-MD5 AUTH=SCRAM-SHA-1 LOGINDISABLED',
             'AUTHENTICATE SCRAM-SHA-1'),
            ('AUTH=CRAM-MD5 LOGINDISABLED', 'AUTHENTICATE CRAM-MD5'),
            ('AUTH=CRAM-MD5 LOGINDISABLED SASL-IR', 'AUTHENTICATE CRAM-MD5'),
        )
        for capability, wanted in rows:
            with self.subTest(capability):
                self.assertEqual(
                    wanted, self.first_command(capability)[0])

    def test_eight_bit_avoids_login(self):
        said, _ = self.first_command('AUTH=SCRAM-SHA-1', password='é')
        self.assertEqual('AUTHENTICATE SCRAM-SHA-1', said)

    def test_nothing_is_sent_where_login_is_disabled(self):
        """F040"""
        said, _ = self.first_command('LOGINDISABLED', code=None)
        self.assertEqual('', said)

    def test_not_offered(self):
        for auth in ('cram-md5', 'scram-sha-1', 'scram-sha-256', 'xoauth2',
                     'oauthbearer', 'oauth', 'external'):
            with self.subTest(auth):
                said, ended = self.first_command('AUTH=PLAIN', code=None,
                                                 auth=auth)
                self.assertEqual('', said)
                self.assertIn('does not offer', ended.log)

    def test_acting_as_another_needs_a_mechanism_that_can(self):
        changes = {'as': 'berta'}
        for capability in ('', 'AUTH=CRAM-MD5 LOGINDISABLED'):
            said, ended = self.first_command(capability, code=None, **changes)
            self.assertEqual('', said)
            self.assertIn("acting as 'berta'", ended.log)
        said, _ = self.first_command('AUTH=SCRAM-SHA-1', **changes)
        self.assertEqual('AUTHENTICATE SCRAM-SHA-1', said)

    def test_oauth_takes_what_is_offered(self):
        rows = (('AUTH=XOAUTH2', 'XOAUTH2'),
                ('AUTH=OAUTHBEARER', 'OAUTHBEARER'),
                ('AUTH=XOAUTH2 AUTH=OAUTHBEARER', 'OAUTHBEARER'))
        for capability, wanted in rows:
            said, _ = self.first_command(capability, auth='oauth')
            self.assertEqual('AUTHENTICATE ' + wanted, said)

    def test_line_ends_are_refused_before_connecting(self):
        """F045"""
        for change in ({'password': 'a\rb'}, {'password': 'a\nb'},
                       {'password': None, 'password_hex': '610062'},
                       {'user': 'anna\r\nx LOGOUT'}, {'as': 'b\n'},
                       {'proxy_auth': 'b\r'}):
            with self.subTest(str(change)), MiniServer() as source, \
                    MiniServer() as target:
                ended = self.run_job(self.job(source, target, **change))
                self.assertIn(ended.code, (64, CONFIG), ended.log)
                self.assertEqual(0, source.connections)

    def test_plain_answered_bad(self):
        """F042"""
        class Confused(Session):
            def do_authenticate(self, *_):
                raise Refused(b'BAD what is that')
        for auth, code in (('auto', 0), ('plain', AUTH)):
            with MiniServer(capability=('AUTH=PLAIN', 'SASL-IR'),
                            session=Confused) as source, \
                    MiniServer() as target:
                self.run_job(self.job(source, target, auth=auth), code=code)
                self.assertEqual(1 - code // AUTH, source.count('LOGIN'))

    def test_a_continuation_that_never_comes(self):
        """F042"""
        server = ScriptedServer([
            send(b'* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n'),
            expect(rb'AUTHENTICATE PLAIN$'), stall()])
        with server, MiniServer() as target:
            job = self.job(server, target, options={'timeout_ms': 1000})
            self.run_job(job, code=TEMPORARY)
            self.assertNotIn(b'AGFubmEAcGFzcw', b''.join(server.received))

    def test_a_refusal_of_a_megabyte(self):
        """F041"""
        words = b'\x1b[2J\xff ' * 150000
        server = ScriptedServer([
            send(b'* OK [CAPABILITY IMAP4rev1] hi\r\n'), expect(rb'LOGIN'),
            send(b'<tag> NO [AUTHENTICATIONFAILED] ' + words + b'\r\n'),
            stall()])
        with server, MiniServer() as target:
            ended = self.run_job(self.job(server, target))
            self.assertIn(ended.code, (AUTH, PROTOCOL))
            self.assertNotIn('\x1b', ended.log)
            self.assertLess(len(ended.log), 20000)

    def test_odd_users_and_passwords(self):
        """F044"""
        odd = ('"', '\\', 'a b', '%*(){}]', 'grüße', '{5}', '{5+}', 'NIL',
               'x' * 4096, '~')
        for capability in ((), ('AUTH=PLAIN',), ('AUTH=PLAIN', 'SASL-IR')):
            for text in odd:
                with self.subTest(str(capability) + text[:9]), \
                        MiniServer(user=text, password=text,
                                   capability=capability) as source, \
                        MiniServer() as target:
                    ended = self.run_job(self.job(
                        source, target, user=text, password=text), code=0)
                    self.assertEqual([], source.strange + source.problems)
                    sent = '\0%s\0%s' % (text, text)
                    self.assertNotIn(base64.b64encode(
                        sent.encode()).decode(), ended.log)


# ---------------------------------------------------------------- tokens

class TokenSession(Session):
    """XOAUTH2 and OAUTHBEARER; what came is kept in server.logins."""

    refusal = {'status': '401', 'schemes': 'bearer', 'scope': 'mail\x1b[1m'}

    def do_authenticate(self, mechanism, initial=None):
        server, name = self.server, mechanism.decode()
        if initial is None:
            self.io.send(b'+ \r\n')
            initial = self.io.read_line()
        message = base64.b64decode(initial)
        server.logins.append((name, message))
        token = message.split(b'Bearer ')[1].split(b'\1')[0].decode()
        if token in server.tokens:
            server.on_login()
            return b'in'
        said = dict(self.refusal, token=token)
        self.io.send(b'+ ' + base64.b64encode(json.dumps(said).encode())
                     + b'\r\n')
        server.dummies.append(self.io.read_line())
        raise Refused(b'NO SASL authentication failed')


class Tokens(AuthCase):
    def server(self, mechanism, tokens=(TOKEN,), capability=(), **kwargs):
        server = MiniServer(
            capability=('AUTH=' + mechanism,) + tuple(capability),
            session=TokenSession, **kwargs)
        server.logins, server.dummies = [], []
        server.tokens = set(tokens)
        server.on_login = lambda: None
        self.addCleanup(server.stop)
        return server

    def run_token(self, server, code, **changes):
        with MiniServer() as target:
            return self.run_job(self.job(server, target, **changes),
                                code=code)

    def test_the_message(self):
        for capability in ((), ('SASL-IR',)):
            server = self.server('XOAUTH2', capability=capability)
            ended = self.run_token(server, 0, auth='xoauth2', password=TOKEN)
            self.assertEqual(
                [('XOAUTH2', b'user=anna\1auth=Bearer %s\1\1'
                  % TOKEN.encode())], server.logins)
            self.assert_secret_kept(ended, TOKEN)
            server = self.server('OAUTHBEARER', capability=capability)
            ended = self.run_token(server, 0, auth='oauthbearer', user='a,b=c',
                                   password=TOKEN)
            self.assertEqual(
                [('OAUTHBEARER', b'n,a=a=2Cb=3Dc,\1host=127.0.0.1\1port=%d'
                  b'\1auth=Bearer %s\1\1' % (server.port, TOKEN.encode()))],
                server.logins)
            self.assert_secret_kept(ended, TOKEN)

    def test_a_refused_token_is_explained(self):
        """F047: the server's JSON is shown, escaped, without the token"""
        for mechanism, dummy in (('XOAUTH2', b''), ('OAUTHBEARER', b'AQ==')):
            server = self.server(mechanism, tokens=())
            ended = self.run_token(server, AUTH, auth='oauth', password=TOKEN)
            self.assertEqual([dummy], server.dummies)
            self.assertEqual(1, len(server.logins), 'tried once')
            self.assertIn('"status": "401"', ended.log)
            self.assertIn('token of', ended.log)
            self.assertNotIn('\x1b', ended.log)
            self.assert_secret_kept(ended, TOKEN)

    def test_the_file_is_read_again_at_a_reconnect(self):
        """F048"""
        path = self.write('token', TOKEN + '\n')
        server = self.server('XOAUTH2',
                             faults=[Fault('cut', command='EXAMINE'),
                                     Fault('cut', command='UID FETCH')])

        def rotate():
            server.tokens = {'second-' + TOKEN}
            self.write('token', 'second-' + TOKEN + '\r\n')
        server.on_login = rotate
        server.box('INBOX').add(b'Subject: a\r\n\r\nb\r\n')
        ended = self.run_token(server, 0, auth='oauth', token_file=path,
                               password=None)
        self.assertGreater(len(server.logins), 1)
        self.assertEqual(1, ended.tally()['copied'])
        self.assert_secret_kept(ended, TOKEN)

    def renewed(self, path, renew):
        """Copies one letter in sessions that a new token is needed for, without a
        right to all of /tmp."""
        server = self.server('XOAUTH2',
                             faults=[Fault('cut', command='EXAMINE'),
                                     Fault('cut', command='UID FETCH')])

        def rotate():
            server.tokens = {'second-' + TOKEN}
            renew()
        server.on_login = rotate
        server.box('INBOX').add(b'Subject: a\r\n\r\nb\r\n')
        os.mkdir(self.path('spool'))
        with unittest.mock.patch.dict(os.environ, TMPDIR=self.path('spool')):
            ended = self.run_token(server, 0, auth='oauth', token_file=path,
                                   password=None)
        self.assertEqual(1, ended.tally()['copied'])

    def test_f048_a_new_file_in_the_place_of_the_old_one(self):
        """F048: as most do it that renew a token, so that nobody reads a half."""
        path = self.write('token', TOKEN)
        self.renewed(path, lambda: os.replace(
            self.write('token.new', 'second-' + TOKEN), path))

    def test_f048_a_link_to_another_folder(self):
        """F048: as a secret is mounted that changes."""
        def switch():
            os.symlink('two', self.path('now.new'))
            os.replace(self.path('now.new'), self.path('now'))

        for name, token in (('one', TOKEN), ('two', 'second-' + TOKEN)):
            os.mkdir(self.path(name))
            self.write(name + '/token', token)
        os.symlink('one', self.path('now'))
        os.symlink('now/token', self.path('token'))
        self.renewed(self.path('token'), switch)

    def test_an_expired_token_at_a_reconnect(self):
        """F048"""
        path = self.write('token', TOKEN)
        server = self.server('XOAUTH2', faults=[
            Fault('cut', command='EXAMINE'),
            Fault('cut', command='UID FETCH')])
        server.on_login = server.tokens.clear
        server.box('INBOX').add(b'Subject: a\r\n\r\nb\r\n')
        ended = self.run_token(server, AUTH, auth='oauth', token_file=path,
                               password=None)
        self.assertEqual(2, len(server.logins))
        self.assertIn('may have expired', ended.log)

    def test_bad_token_files(self):
        """F046"""
        os.mkdir(self.path('directory'))
        os.mkfifo(self.path('fifo'))
        self.write('empty', '')
        self.write('newline', '\n')
        self.write('control', 'a\1b\n')
        with open(self.path('large'), 'wb') as f:
            f.truncate(1 << 30)
        for name in ('missing', 'directory', 'fifo', 'empty', 'newline',
                     'control', 'large'):
            with self.subTest(name):
                server = self.server('XOAUTH2')
                ended = self.run_token(
                    server, None, auth='xoauth2', token_file=self.path(name),
                    password=None)
                self.assertIn(ended.code, (64, CONFIG), ended.log)
                self.assertEqual(0, server.connections)

    def test_a_token_others_can_read(self):
        """F046"""
        path = self.write('token', TOKEN + '\n', mode=0o644)
        server = self.server('XOAUTH2')
        ended = self.run_token(server, 0, auth='xoauth2', token_file=path,
                               password=None)
        self.assertIn('can be read by others', ended.log)

    def test_endless_challenges(self):
        """F043: ten are answered, then it is cancelled"""
        def ask_on(c):
            for _ in range(30):
                c.send(b'+ eyJzdGF0dXMiOiI0MDAifQ==\r\n')
                if c.read_line() == b'*':
                    return
            raise AssertionError('never cancelled')
        for mechanism in ('XOAUTH2', 'OAUTHBEARER', 'PLAIN', 'CRAM-MD5',
                          'SCRAM-SHA-1'):
            server = ScriptedServer([
                send(b'* OK [CAPABILITY IMAP4rev1 AUTH=%s] hi\r\n'
                     % mechanism.encode()),
                expect(rb'AUTHENTICATE'), ask_on, close()])
            with self.subTest(mechanism), server:
                ended = self.run_token(server, PROTOCOL,
                                       auth=mechanism.lower())
                self.assertEqual([], server.problems, ended.log)

    def test_a_server_that_proves_nothing(self):
        server = ScriptedServer([
            send(b'* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256] '
                 b'hi\r\n'),
            expect(rb'AUTHENTICATE SCRAM-SHA-256 '),
            send(b'<tag> OK in\r\n'), close()])
        with server:
            ended = self.run_token(server, AUTH, auth='scram-sha-256')
            self.assertIn('has proved that it knows', ended.log)

    def test_external_names_the_account(self):
        class External(Session):
            def do_authenticate(self, mechanism, initial=None):
                if base64.b64decode(initial) != b'anna':
                    raise Refused(b'NO who')
                return b'in'
        server = MiniServer(capability=('AUTH=EXTERNAL', 'SASL-IR'),
                            session=External)
        with server:
            self.run_token(server, 0, auth='external', password=None)


# ---------------------------------------------------------------- echoes

class Echo(AuthCase):
    """A server that repeats our words gets none of them into a log."""

    def test_echo(self):
        """F210"""
        def echo(c):
            lines = [c.line]
            if len(c.line.split(b' ')) < 4:
                c.send(b'+ PDFAeD4=\r\n')
                lines.append(c.read_line())
            for line in lines:
                c.send(b'* OK [ALERT] ' + line + b'\r\n')
            c.send(c.tag + b' NO ' + b' '.join(lines) + b' ' + SECRET.encode()
                   + b'\r\n')
        SECRET = 'pa"ss\\' + CANARY
        for auth, secret in (('login', SECRET), ('plain', CANARY),
                             ('cram-md5', CANARY), ('xoauth2', TOKEN),
                             ('oauthbearer', TOKEN), ('scram-sha-1', CANARY)):
            for capability in (b'', b' SASL-IR'):
                server = ScriptedServer([
                    send(b'* OK [CAPABILITY IMAP4rev1 AUTH=%s%s] hi\r\n'
                         % (auth.upper().encode(), capability)),
                    expect(b''), echo, close()])
                with self.subTest(auth + capability.decode()), server, \
                        MiniServer() as target:
                    ended = self.run_job(self.job(
                        server, target, auth=auth, password=secret))
                    self.assertNotEqual(0, ended.code)
                    sent = bytes(server.received[0]).split(b'\r\n')
                    for line in sent:
                        last = line.split(b' ')[-1].decode()
                        if len(last) > 14 and 'SHA' not in last and \
                                auth != 'login' and 'BEARER' not in last:
                            self.assertNotIn(last, ended.log)
                    if secret == SECRET:
                        self.assertNotIn(CANARY, ended.log)
                    elif capability or auth != 'login':
                        self.assertNotIn(TOKEN, ended.log)

    def test_echo_after_the_login(self):
        """F210"""
        plain = base64.b64encode(
            ('\0anna\0' + CANARY).encode()).decode()

        class Chatty(Session):
            def do_status(self, name, items):
                self.io.send(b'* OK [ALERT] your password is %s\r\n'
                             % CANARY.encode())
                raise Refused(b'NO %s and %s are not enough' % (
                    CANARY.encode(), plain.encode()))

            def do_examine(self, name):
                raise Refused(b'NO not with %s' % CANARY.encode())

        with MiniServer(session=Chatty, password=CANARY,
                        capability=('AUTH=PLAIN', 'SASL-IR')) as source, \
                MiniServer() as target:
            source.box('INBOX').add(b'Subject: x\r\n\r\nx\r\n')
            ended = self.run_job(self.job(source, target, password=CANARY))
        self.assertIn('not with ****', ended.log)
        self.assert_secret_kept(ended, CANARY)

    def test_echo_in_a_code(self):
        """F210: what is escaped is not what it was."""
        odd = 'pa\\' + CANARY + '\x7f'

        class Chatty(Session):
            def do_examine(self, name):
                if name != b'INBOX':
                    raise Refused(b'NO [X %s] no' % odd.encode())
                self.io.send(b'* BYE [X %s] %s\r\n' % (
                    odd.encode(), odd.encode()))
                raise Hangup

        with MiniServer(session=Chatty, password=odd) as source, \
                MiniServer() as target:
            for name in ('INBOX', 'A'):
                source.box(name).add(b'Subject: x\r\n\r\nx\r\n')
            ended = self.run_job(self.job(source, target, password=odd))
        self.assertIn("ended the session: '[X ****", ended.log)
        self.assert_secret_kept(ended, CANARY)

    def test_echo_in_the_next_greeting(self):
        """F210"""
        class Again(Session):
            def do_examine(self, name):
                if self.server.connections == 1:
                    self.server.greeting = b'* OK hello ' + \
                        CANARY.encode() + b'\r\n'
                    raise Hangup
                return super().do_examine(name)

            def do_capability(self):
                self.io.send(b'* OK again %s\r\n' % CANARY.encode())
                return super().do_capability()

        with MiniServer(session=Again, password=CANARY) as source, \
                MiniServer() as target:
            source.box('INBOX').add(b'Subject: x\r\n\r\nx\r\n')
            ended = self.run_job(self.job(source, target, password=CANARY))
            self.assertEqual(2, source.connections)
        self.assertIn('* OK hello ****', ended.log)
        self.assert_secret_kept(ended, CANARY)


# ---------------------------------------------------------------- sessions

class ProxySession(Session):
    def do_proxyauth(self, name):
        if name != b'berta "the" admin':
            raise Refused(b'NO no such user')
        self.server.capability = ('UIDPLUS',)
        return b'acting'


class Sessions(AuthCase):
    def test_proxyauth(self):
        with MiniServer(session=ProxySession) as source, \
                MiniServer() as target:
            source.box('INBOX').add(b'Subject: a\r\n\r\nb\r\n')
            ended = self.run_job(self.job(
                source, target, proxy_auth='berta "the" admin'), code=0)
            self.assertEqual(1, ended.tally()['copied'])
            names = [name for name, _ in source.commands]
            at = names.index('PROXYAUTH')
            self.assertEqual('CAPABILITY', names[at + 1])
            self.assertEqual('LOGIN', names[at - 1])

    def test_proxyauth_refused(self):
        """F049: nothing is copied as the admin himself"""
        for session in (ProxySession, Session):
            with MiniServer(session=session) as source, \
                    MiniServer() as target:
                source.box('INBOX').add(b'Subject: a\r\n\r\nb\r\n')
                ended = self.run_job(self.job(
                    source, target, proxy_auth='nobody'), code=AUTH)
                self.assertIn("PROXYAUTH to 'nobody' refused", ended.log)
                self.assertEqual(0, source.count('LIST', 'EXAMINE', 'STATUS'))
                self.assertEqual(0, target.count('APPEND', 'CREATE'))

    def test_preauth(self):
        """F015"""
        with MiniServer(greeting=b'* PREAUTH hello\r\n') as source, \
                MiniServer() as target:
            ended = self.run_job(self.job(source, target), code=0)
            self.assertEqual(0, source.count('LOGIN', 'AUTHENTICATE'))
            self.assertIn('the user name is not verified', ended.log)

    def test_preauth_before_tls(self):
        """F014"""
        with MiniServer(greeting=b'* PREAUTH hello\r\n') as source, \
                MiniServer() as target:
            ended = self.run_job(self.job(source, target, tls='starttls'))
            self.assertNotIn(ended.code, (0, AUTH))
            self.assertEqual([], source.commands)

    def test_no_capabilities_after_the_login(self):
        """F016"""
        for kind in ('no', 'bad'):
            fault = Fault(kind, 'CAPABILITY', nth=2, text=b'not now')
            with MiniServer(faults=[fault]) as source, \
                    MiniServer() as target:
                source.box('INBOX').add(b'Subject: a\r\n\r\nb\r\n')
                ended = self.run_job(self.job(source, target), code=0)
                self.assertEqual(1, ended.tally()['copied'])

    def test_odd_capabilities(self):
        """F016"""
        many = ('X%d' % n for n in range(5000))
        with MiniServer(capability=(*many, 'UIDPLUS')) as source, \
                MiniServer() as target:
            self.run_job(self.job(source, target), code=0)

    def test_referral(self):
        server = ScriptedServer([
            send(b'* OK [CAPABILITY IMAP4rev1 LOGIN-REFERRALS] hi\r\n'),
            expect(rb'LOGIN'),
            send(b'<tag> NO [REFERRAL imap://anna;AUTH=*@other.example.org/]'
                 b' elsewhere\r\n'), close()])
        with server, MiniServer() as target:
            ended = self.run_job(self.job(server, target), code=AUTH)
            self.assertIn('imap://anna;AUTH=*@other.example.org/', ended.log)

    def test_not_connected(self):
        """F050"""
        class Unconnected(Session):
            def do_list(self, *_):
                raise Refused(b'BAD User is authenticated but not connected.')
            do_namespace = do_examine = do_status = do_lsub = do_list
        with MiniServer(session=Unconnected) as source, \
                MiniServer() as target:
            ended = self.run_job(self.job(source, target), code=TEMPORARY)
            self.assertIn('does not open the mailbox', ended.log)
            self.assertEqual(0, target.count('APPEND', 'CREATE'))

    def test_temporary_refusals(self):
        """F038"""
        for words in (b'[UNAVAILABLE] later', b'[INUSE] locked',
                      b'[LIMIT] enough', b'Temporary authentication failure',
                      b'[ALERT] Too many simultaneous connections.',
                      b'Request is throttled. Suggested Backoff Time: 5 ms'):
            fault = Fault('no', 'LOGIN', times=1000, text=words)
            with self.subTest(words), MiniServer() as source, \
                    MiniServer(faults=[fault]) as target:
                source.faults.append(fault)
                self.run_job(self.job(source, target), code=TEMPORARY)

    def test_id_goes_first_and_costs_no_round_trip(self):
        class Slow(Session):
            def do_id(self, *_):
                while b'\n' not in self.io.buffer:
                    self.io._fill()  # the next command must not wait
                raise Refused(b'BAD what is that')
        with MiniServer(capability=('ID',), session=Slow) as source, \
                MiniServer() as target:
            self.run_job(self.job(source, target), code=0)
            names = [name for name, _ in source.commands]
            self.assertEqual(['CAPABILITY', 'LOGIN', 'CAPABILITY', 'ID'],
                             names[:4])
            self.assertEqual(0, target.count('ID'))


if __name__ == '__main__':
    unittest.main()
