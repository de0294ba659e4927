# SPDX-License-Identifier: MIT
"""CommuniGate Pro on either side, scripted from what is publicly known of it."""
import hashlib
import re
import socket
import unittest

from cgp_server import Cli, CommuniGate, print_words
from convoy import CANARY, PLAIN, Case
from imap_client import Imap, ImapError
from scripted_server import Fault, Hangup, MiniServer, Session


AUTH = 77
MIXED = {'INBOX': 5, 'Sent': 3, 'Office': 2, 'Office/2020': 4}


def letter(box, number):
    return (b'From: somebody@example.org\r\nSubject: %s %d\r\n'
            b'Message-ID: <%d.%s@example.org>\r\n'
            b'Date: Thu, 02 Jan 2020 10:00:00 +0000\r\n\r\n'
            b'text of letter %d\r\n' % (
                box.encode(), number, number,
                hashlib.md5(box.encode()).hexdigest().encode(), number))


def fill(server, boxes=None, owner=None):
    for name, count in (boxes or MIXED).items():
        box = server.box('~%s/%s' % (owner, name) if owner else name)
        for number in range(count):
            box.add(letter(name, number), (b'\\Seen',) if number % 2 else ())
    return server


def commands(server, *names):
    """Lines of these commands without their tags, in order."""
    with server.lock:
        return [line.partition(b' ')[2] for name, line in server.commands
                if name in names]


class CommuniGateCase(Case):
    def run_engine(self, source, target, *options, users=('anna', 'anna'),
                   password='pass', **kwargs):
        return self.engine(
            *PLAIN, *options,
            '127.0.0.1:%d' % source.port, users[0], password,
            '127.0.0.1:%d' % target.port, users[1], password, **kwargs)

    def assert_sound(self, *servers):
        for server in servers:
            self.assertEqual([], server.problems)
            self.assertEqual([], server.strange)

    def copy_twice(self, source, target, *options, **kwargs):
        """All is there, once, and the second run changes nothing."""
        ended = self.run_engine(source, target, *options, code=0, **kwargs)
        self.assert_balanced(ended)
        self.assertEqual(source.contents(), target.contents())
        self.assert_sound(source, target)
        target.forget_commands()
        again = self.run_engine(source, target, *options, code=0, **kwargs)
        self.assertEqual(0, again.tally()['copied'])
        self.assertEqual(0, target.count('APPEND', 'CREATE', 'STORE',
                                         'UID STORE'))
        self.assertEqual(0, source.count('STORE', 'UID STORE', 'SELECT',
                                         'APPEND', 'CREATE', 'SETACL'))
        return ended


class Dialect(CommuniGateCase):
    """What every copy meets: capitals, old rights, lines in between."""

    def test_copy_to_communigate(self):
        with fill(MiniServer()) as source, CommuniGate() as target:
            self.copy_twice(source, target)

    def test_copy_from_communigate(self):
        with fill(CommuniGate()) as source, MiniServer() as target:
            self.copy_twice(source, target)

    def test_copy_between_old_and_new(self):
        with fill(CommuniGate(version='4.0.6')) as source, \
                CommuniGate(version='6.3.1') as target:
            self.copy_twice(source, target)

    def test_capabilities_in_capitals_are_used(self):
        with fill(CommuniGate()) as source, CommuniGate() as target:
            self.copy_twice(source, target)
            self.assertEqual(2, source.count('AUTHENTICATE'))
            self.assertEqual(0, source.count('LOGIN'))

    def test_literals_that_are_not_waited_for(self):
        with fill(MiniServer()) as source, CommuniGate() as target:
            self.run_engine(source, target, code=0)
            lines = commands(target, 'APPEND')
            self.assertTrue(lines)
            self.assertTrue(all(b'+}' in line for line in lines), lines)

    def test_lines_in_the_middle_of_commands(self):
        """A server says "Running" before, between and behind everything."""
        with fill(CommuniGate(keep_alive=True)) as source, \
                CommuniGate(keep_alive=True) as target:
            self.copy_twice(source, target)
            self.assertGreater(source.running, 20)
            self.assertGreater(target.running, 20)

    def test_lines_between_announcement_and_literal(self):
        """The same where each literal waits for its "+"."""
        with fill(MiniServer()) as source, \
                CommuniGate(keep_alive=True) as target:
            self.copy_twice(source, target, '--noLiteralPlus')

    def test_long_command_with_signs_of_life(self):
        """Slower than the time-out, but never silent for so long."""
        with fill(CommuniGate(slow={'EXAMINE': 3})) as source, \
                CommuniGate(slow={'APPEND': 3}) as target:
            self.run_engine(source, target, '--list', 'INBOX', '--timeout', 2,
                            code=0)
            self.assertEqual(source.contents()['INBOX'],
                             target.contents()['INBOX'])

    def test_endings_that_choose_a_storage_format(self):
        """The server would drop them: two mailboxes would become one."""
        with fill(MiniServer(), {'Old.mbox': 2, 'Old.mdir': 3, 'Old': 1,
                                 '~x': 1, '.y': 1}) as source, \
                CommuniGate() as target:
            self.run_engine(source, target, code=0)
            self.assertEqual(
                {'INBOX': 0, 'Old': 1, 'Old-mbox': 2, 'Old-mdir': 3, '_x': 1,
                 '_y': 1},
                {n: len(b) for n, b in target.contents().items()})
            self.assert_sound(target)

    def test_password_refused(self):
        with fill(CommuniGate()) as source, CommuniGate() as target:
            ended = self.run_engine(source, target, password=CANARY, code=AUTH)
            self.assertNotIn(CANARY, ended.log + ended.output)
            self.assertEqual(0, target.count('APPEND', 'CREATE'))


class ImapServer(Case):
    """The server that these tests run against is what it should be."""

    def client(self, server, user='postmaster'):
        client = Imap('127.0.0.1', server.port).login(user, 'pass')
        self.addCleanup(client.close)
        return client

    def test_accounts_of_others(self):
        with CommuniGate(others={'berta': 'x'}) as server:
            fill(server, owner='berta')
            admin = self.client(server)
            said = admin.command(b'LIST "~berta/" "*"')
            self.assertIn(b'~berta/Office/2020', repr(said).encode())
            self.assertNotIn(b'anna', repr(said).encode())
            admin.command(b'CREATE "~anna/New/One"')
            admin.command(b'EXAMINE "~berta@example.org/Sent"')
            self.assertEqual({'INBOX', 'New', 'New/One'},
                             set(server.contents_of('anna')))
            anna = self.client(server, 'anna')
            with self.assertRaises(ImapError):
                anna.command(b'EXAMINE "~berta/Sent"')
            with self.assertRaises(ImapError):
                anna.command(b'PROXYAUTH berta')
            admin.command(b'PROXYAUTH berta')
            admin.command(b'EXAMINE Sent')
            with self.assertRaises(ImapError):
                admin.command(b'EXAMINE "~anna/INBOX"')

    def test_rights(self):
        with CommuniGate() as server:
            anna = self.client(server, 'anna')
            anna.command(b'SETACL INBOX berta lrs')
            anna.command(b'SETACL INBOX berta +w')
            anna.command(b'SETACL INBOX berta -l')
            self.assertEqual({b'INBOX': {b'berta': b'rsw'}}, server.acl)
            with self.assertRaises(ImapError):
                anna.command(b'SETACL INBOX berta kxte')

    def append(self, client, *suggestions):
        parts = b''.join(b' "01-Jan-2020 00:00:00 +0000"%s {3+}\r\nabc' % s
                         for s in suggestions)
        return client.command(b'APPEND INBOX' + parts)

    def test_suggested_uids(self):
        with CommuniGate(uid_syntax=rb'UID (\d+)') as server:
            anna = self.client(server, 'anna')
            self.append(anna, b' UID 7', b' UID 9', b'', b' UID 3')
            self.assertEqual([7, 9, 10, 11],
                             [m.uid for m in server.box('INBOX').messages])
            with self.assertRaises(ImapError):
                self.append(anna, b' (UID 20)')
            self.assertEqual(4, len(server.box('INBOX').messages))
        for answer, stored in (('BAD', 0), ('NO', 0), ('ignore', 1)):
            with CommuniGate(uid_syntax=rb'UID (\d+)',
                             uid_answer=answer) as server:
                anna = self.client(server, 'anna')
                if stored:
                    self.append(anna, b' UID 7')
                else:
                    with self.assertRaises(ImapError):
                        self.append(anna, b' UID 7')
                self.assertEqual([1] * stored, [
                    m.uid for m in server.box('INBOX').messages])


class Client:
    """Of the CLI, to test its server."""

    def __init__(self, cli):
        self.socket = socket.create_connection(('127.0.0.1', cli.port), 20)
        self.input = self.socket.makefile('rb')
        self.greeting = self.input.readline()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.input.close()
        self.socket.close()

    def say(self, line):
        self.socket.sendall(line + b'\r\n')
        return self.input.readline().rstrip(b'\r\n')

    def log_in(self, user=b'anna', password=b'pass'):
        challenge = re.search(rb'<.*>', self.greeting).group(0)
        digest = hashlib.md5(challenge + password).hexdigest().encode()
        return self.say(b'APOP %s %s' % (user, digest))


class CliServer(Case):
    """The server that --copyMailboxClass is tested with is what it should be."""

    def test_login(self):
        with CommuniGate() as server, Cli(server) as cli:
            with Client(cli) as c:
                self.assertEqual(b'500', c.say(b'LISTMAILBOXES *')[:3])
                self.assertEqual(b'500', c.log_in(password=b'no')[:3])
                self.assertEqual(b'200', c.log_in()[:3])
                self.assertEqual(b'200', c.say(b'QUIT')[:3])
            self.assertFalse(cli.clear_text)
        with CommuniGate() as server, Cli(server, apop=False) as cli:
            with Client(cli) as c:
                self.assertNotIn(b'<', c.greeting)
                self.assertEqual(b'300', c.say(b'USER anna')[:3])
                self.assertEqual(b'500', c.say(b'PASS no')[:3])
                self.assertEqual(b'300', c.say(b'USER anna')[:3])
                self.assertEqual(b'200', c.say(b'PASS pass')[:3])
            self.assertTrue(cli.clear_text)
            self.assertNotIn(b'pass', b''.join(l for _, l in cli.commands))

    def test_classes(self):
        with CommuniGate() as server, Cli(server) as cli, Client(cli) as c:
            server.make('My Tasks', 'IPF.Task')
            server.box('My Tasks/Old')
            c.log_in()
            self.assertEqual(b'200 OK', c.say(b'INLINE'))
            self.assertIn(b'"My Tasks"=({', c.say(b'LISTMAILBOXES *'))
            self.assertIn(b'Class="IPF.Task"', c.say(b'LISTMAILBOXES *'))
            self.assertEqual(b'200 OK', c.say(
                b'SETMAILBOXCLASS * MAILBOX INBOX CLASS "IPF.Note"'))
            self.assertEqual(b'200 OK', c.say(
                b'CREATEMAILBOX * MAILBOX "a \\"b" CLASS IPF.Contact'))
            self.assertEqual({b'My Tasks': 'IPF.Task', b'INBOX': 'IPF.Note',
                              b'a "b': 'IPF.Contact'}, server.classes)
            self.assertEqual(b'512', c.say(
                b'SETMAILBOXCLASS * MAILBOX no CLASS x')[:3])
            self.assertIn(b'IPF.Note',
                          c.say(b'GETMAILBOXINFO * MAILBOX INBOX'))

    def test_accounts_of_others(self):
        with CommuniGate(others={'berta': 'x'}) as server, \
                Cli(server, refuse={'CREATEMAILBOX': '513 no'}) as cli:
            with Client(cli) as c:
                c.log_in()
                self.assertEqual(b'513', c.say(b'LISTMAILBOXES berta')[:3])
                self.assertEqual(
                    b'513 no', c.say(b'CREATEMAILBOX * MAILBOX x'))
            with Client(cli) as c:
                c.log_in(b'postmaster')
                self.assertEqual(b'201 {INBOX={', c.say(
                    b'LISTMAILBOXES "berta@example.org"')[:12])
                self.assertEqual(b'512', c.say(b'LISTMAILBOXES nobody')[:3])

    def test_syntax(self):
        self.assertEqual(b'{a=(b,"c d",{});"\\"\\\\"="";}', print_words(
            {'a': ['b', 'c d', {}], '"\\': ''}))


class MailboxClass(CommuniGateCase):
    """--copyMailboxClass; --srcCLIPort and --dstCLIPort for ports of tests.
    On the wire of the CLI: LISTMAILBOXES on both sides, SETMAILBOXCLASS for
    those on the target that differ, nothing else."""

    def setUp(self):
        super().setUp()
        self.source = fill(CommuniGate())
        self.target = CommuniGate()
        for name, class_name in (('Calendar', 'IPF.Appointment'),
                                 ('My Tasks', 'IPF.Task')):
            self.source.make(name, class_name).add(letter(name, 1))
        for server in (self.source, self.target):
            self.addCleanup(server.stop)

    def copy(self, old, new, *options, **kwargs):
        return self.run_engine(
            self.source, self.target, '--copyMailboxClass',
            '--srcCLIPort', old.port, '--dstCLIPort', new.port, *options,
            **kwargs)

    def test_classes_are_copied_once(self):
        with Cli(self.source) as old, Cli(self.target) as new:
            self.copy(old, new, code=0)
            self.assertEqual({b'Calendar': 'IPF.Appointment',
                              b'My Tasks': 'IPF.Task'}, self.target.classes)
            self.assertEqual(2, new.count('SETMAILBOXCLASS'))
            self.assertEqual(0, old.count('SETMAILBOXCLASS', 'CREATEMAILBOX'))
            self.assertFalse(old.clear_text or new.clear_text)
            self.copy(old, new, code=0)
            self.assertEqual(2, new.count('SETMAILBOXCLASS'))

    def test_without_apop(self):
        """TLS is off for IMAP: the password went in clear already."""
        with Cli(self.source, apop=False, in_array=True) as old, \
                Cli(self.target, apop=False) as new:
            self.copy(old, new, code=0)
            self.assertEqual(2, len(self.target.classes))

    def test_refusals_are_warnings(self):
        with Cli(self.source) as old, Cli(self.target, refuse={
                'SETMAILBOXCLASS': '513 not allowed'}) as new:
            ended = self.copy(old, new, code=0)
            self.assertEqual(2, ended.log.count('513 not allowed'))
            self.assertEqual(self.source.contents(), self.target.contents())

    def test_hidden_mailboxes_are_named(self):
        self.source.make('Contacts', 'IPF.Contact', hidden=True)
        with Cli(self.source) as old, Cli(self.target) as new:
            self.assertIn("'Contacts'", self.copy(old, new, code=0).log)

    def test_secrets_stay_secret(self):
        with Cli(self.source) as old, Cli(self.target) as new:
            ended = self.copy(old, new, '--verbose', password=CANARY,
                              code=AUTH)
            self.assertNotIn(CANARY, ended.log + ended.output)

    def test_cli_that_does_not_answer(self):
        with Cli(self.source, stall={'LISTMAILBOXES'}) as old, \
                Cli(self.target) as new:
            self.assertIn('CLI of 127.0.0.1',
                          self.copy(old, new, '--timeout', 2).log)


class ProxyAuth(CommuniGateCase):
    """--proxyAuth USER: after the login of the source "PROXYAUTH USER", and
    only then its mailboxes."""

    def test_mail_of_another(self):
        with fill(CommuniGate(others={'berta': 'x'}), owner='berta') as source, \
                CommuniGate() as target:
            self.run_engine(source, target, '--proxyAuth', 'berta',
                            users=('postmaster', 'anna'), code=0)
            self.assertEqual(source.contents_of('berta'), target.contents())
            names = [n for n, _ in source.commands]
            self.assertLess(names.index('PROXYAUTH'), names.index('LIST'))
            self.assertEqual([b'PROXYAUTH berta'], [
                line.replace(b'"', b'')
                for line in commands(source, 'PROXYAUTH')])

    def test_refused(self):
        """F049: unknown, no such user, no administrator: nothing is copied as
        the administrator himself."""
        for kwargs, user, admin in (
                ({'proxy_auth': False}, 'berta', 'postmaster'),
                ({}, 'nobody', 'postmaster'), ({}, 'berta', 'anna')):
            with self.subTest(user=user, admin=admin, **kwargs), \
                    fill(CommuniGate(others={'berta': 'x'}, **kwargs)) as \
                    source, CommuniGate() as target:
                ended = self.run_engine(
                    source, target, '--proxyAuth', user,
                    users=(admin, 'anna'), code=AUTH)
                self.assertIn(user, ended.log)
                self.assertEqual(0, source.count('LIST', 'EXAMINE'))
                self.assertEqual(0, target.count('CREATE', 'APPEND'))


class Prefixes(CommuniGateCase):
    """--source '~user/' and --target '~user/' as postmaster: the first is the
    reference of LIST and goes from the names, the second goes in front."""

    def test_account_to_account(self):
        with fill(CommuniGate(others={'berta': 'x'}), owner='berta') as source, \
                CommuniGate(others={'carla': 'x'}) as target:
            for changes in (True, False):
                self.run_engine(
                    source, target, '--source', '~berta/', '--target',
                    '~carla/', users=('postmaster', 'postmaster'), code=0)
                self.assertEqual(source.contents_of('berta'),
                                 target.contents_of('carla'))
                self.assertEqual({'INBOX': []}, target.contents_of('anna'))
                self.assertEqual(changes,
                                 target.count('CREATE', 'APPEND') > 0)
                target.forget_commands()
            self.assertTrue(any(b'~berta/' in line
                                for line in commands(source, 'LIST')))

    def test_account_that_is_not_there(self):
        with fill(CommuniGate()) as source, CommuniGate() as target:
            ended = self.run_engine(
                source, target, '--source', '~nobody/',
                users=('postmaster', 'anna'))
            self.assertNotEqual(0, ended.code)
            self.assertEqual(0, target.count('APPEND', 'CREATE'))


class NewUid(CommuniGateCase):
    """--newUIDTemplate TEXT, TEXT with %u for the source's UID: it stands
    between date and literal of every message of an APPEND, when the target's
    greeting says CommuniGate 6.1.9 or later and not with --noNewUID."""

    TEMPLATE = ('--newUIDTemplate', 'UID %u')
    SYNTAX = rb'UID (\d+)'

    def setUp(self):
        super().setUp()
        self.source = MiniServer()
        self.addCleanup(self.source.stop)
        for name, count in (('INBOX', 6), ('Sent', 3)):
            box = self.source.box(name)
            for number in range(count):
                box.uidnext += 10 * number
                box.add(letter(name, number))

    def uids(self, server, name):
        return [m.uid for m in server.box(name).messages]

    def test_uids_are_kept(self):
        with CommuniGate(uid_syntax=self.SYNTAX) as target:
            self.copy_twice(self.source, target, *self.TEMPLATE)
            for name in ('INBOX', 'Sent'):
                self.assertEqual(self.uids(self.source, name),
                                 self.uids(target, name))
            for line in commands(target, 'APPEND'):
                self.assertRegex(line, rb'" UID \d+ \{\d+\+?\}')

    def test_when_it_is_not_used(self):
        for version, options in (
                ('6.1.8', self.TEMPLATE), ('6.1c9', self.TEMPLATE),
                ('6.3.1', ()), ('6.3.1', ('--noNewUID',)),
                ('6.3.1', self.TEMPLATE + ('--noNewUID',))):
            with self.subTest(version=version, options=options), \
                    CommuniGate(version=version,
                                uid_syntax=self.SYNTAX) as target:
                self.copy_twice(self.source, target, *options)
                self.assertEqual([], target.suggested)

    def test_another_server_never_sees_it(self):
        with MiniServer(capability=('UIDPLUS', 'MULTIAPPEND')) as target:
            self.copy_twice(self.source, target, *self.TEMPLATE)
            self.assertNotIn(b'UID ', b''.join(commands(target, 'APPEND')))

    def test_suggestion_that_is_not_followed(self):
        """Off for that mailbox after the first answer, one line in the log."""
        with CommuniGate(uid_syntax=self.SYNTAX,
                         uid_answer='ignore') as target:
            ended = self.run_engine(self.source, target, *self.TEMPLATE,
                                    '--storeMax', 1, code=0)
            self.assertEqual(self.source.contents(), target.contents())
            self.assertLess(len(target.suggested), 9)
            self.assertEqual(1, len(re.findall(
                r"(?i)'INBOX'.*\buid", ended.log)), ended.log)

    def test_suggestion_that_is_refused(self):
        """F121: BAD or NO; off for the session, nothing twice, nothing lost."""
        for answer in ('BAD', 'NO'):
            with self.subTest(answer=answer), \
                    CommuniGate(uid_syntax=self.SYNTAX,
                                uid_answer=answer) as target:
                self.copy_twice(self.source, target, *self.TEMPLATE)
                self.assertLessEqual(len(target.suggested), 50)

    def test_server_without_the_extension(self):
        """F121"""
        with CommuniGate() as target:
            self.copy_twice(self.source, target, *self.TEMPLATE)


class ForceIndex(CommuniGateCase):
    """When a mailbox has received messages: SELECT, STORE 1 +FLAGS.SILENT (f),
    STORE 1 -FLAGS.SILENT (f) with a flag that message 1 does not have.  On a
    CommuniGate by default, elsewhere with --forceIndex, nowhere with
    --noForceIndex."""

    def stores(self, target):
        return commands(target, 'STORE')

    def expect_forced(self, target, boxes):
        lines = self.stores(target)
        self.assertEqual(2 * boxes, len(lines), lines)
        for on, off in zip(lines[::2], lines[1::2]):
            self.assertRegex(on, rb'^STORE 1 \+FLAGS\.SILENT \(\\?\w+\)$')
            self.assertEqual(on.replace(b'+', b'-'), off)

    def flags(self, server):
        return {(n, m.raw): m.flags for n, b in server.boxes.items()
                for m in b.messages}

    def test_by_default(self):
        with fill(MiniServer()) as source, CommuniGate() as target:
            self.run_engine(source, target, code=0)
            self.expect_forced(target, len(MIXED))
            self.assertEqual(self.flags(source), self.flags(target))
            target.forget_commands()
            self.run_engine(source, target, code=0)
            self.expect_forced(target, 0)

    def test_where_it_is_asked_for(self):
        with fill(MiniServer()) as source:
            for server, options, boxes in (
                    (CommuniGate, ('--noForceIndex',), 0),
                    (MiniServer, (), 0),
                    (MiniServer, ('--forceIndex',), len(MIXED))):
                with self.subTest(server=server.__name__, options=options), \
                        server() as target:
                    self.run_engine(source, target, *options, code=0)
                    self.expect_forced(target, boxes)

    def test_flag_that_is_there_already(self):
        """F122: the flag of message 1 stays as it was."""
        every = (b'\\Answered', b'\\Draft', b'\\Flagged', b'\\Seen')
        for flags in ((b'\\Seen',), every[:3], every):
            with self.subTest(flags=flags), MiniServer() as source, \
                    CommuniGate() as target:
                source.box('INBOX').add(letter('INBOX', 1), flags)
                self.run_engine(source, target, code=0)
                self.assertEqual(self.flags(source), self.flags(target))

    def test_another_message_comes_first_meanwhile(self):
        """F122: its flags are its own."""
        class Losing(Session):
            def do_store(self, numbers, item, flags):
                if b'-' in item and not self.server.lost:
                    self.server.lost = True
                    del self.server.box('INBOX').messages[0]
                    self.server.box('INBOX').messages[0].flags = (flags[0],)
                    raise Hangup
                return super().do_store(numbers, item, flags)
        with fill(MiniServer()) as source, \
                CommuniGate(session=Losing) as target:
            target.lost = False
            self.run_engine(source, target)
            self.assertTrue(target.lost)
            self.assertEqual(1, len(target.box('INBOX').messages[0].flags))

    def test_cut_in_the_middle(self):
        """F122: no flag is left behind, in the same run or the next."""
        for nth in (1, 2):
            with self.subTest(nth=nth), fill(MiniServer()) as source, \
                    CommuniGate(faults=[Fault('cut', 'STORE',
                                              nth=nth)]) as target:
                self.run_engine(source, target)
                self.run_engine(source, target, code=0)
                self.assertEqual(source.contents(), target.contents())
                self.assertEqual(self.flags(source), self.flags(target))


if __name__ == '__main__':
    unittest.main()
