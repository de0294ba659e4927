# SPDX-License-Identifier: MIT
"""Names of mailboxes: which are copied, and what they are called then."""
import re
import unittest

import convoy
from convoy import PLAIN, Case, account
from dovecot import Dovecot
from imap_client import quote
from scripted_server import Fault, MiniServer, Refused, Session

CONFIG, PARTIAL = 78, 1
# names with dots, which the default layout cannot hold
DOTS = 'mail_location = maildir:~/Maildir:LAYOUT=fs'
SLASH = DOT = BELOW = None


def setUpModule():
    convoy.need_dovecot()
    global SLASH, DOT, BELOW
    SLASH = Dovecot(rawlog=True, extra=DOTS).start()
    DOT = Dovecot(rawlog=True, separator='.').start()
    BELOW = Dovecot(rawlog=True, separator='.', prefix='INBOX.').start()


def tearDownModule():
    for server in (SLASH, DOT, BELOW):
        if server:
            server.remove()


def message(subject):
    return (b'Subject: %s\r\nMessage-ID: <%s@example.org>\r\n'
            b'Date: Thu, 02 Jan 2020 10:00:00 +0000\r\n\r\ntext\r\n'
            % (subject, subject.hex().encode()))


class NameCase(Case):
    """One message a mailbox; its subject is the mailbox it came from."""

    def user(self, side):
        return re.sub(r'\W', '-', self.id().split('.', 1)[-1])[-60:] + side

    def make(self, server, *names, side='-a'):
        with account(server, self.user(side)) as client:
            for name in names:
                name = name.encode('ascii') if isinstance(name, str) else name
                if name.upper() != b'INBOX':
                    client.command(b'CREATE ', quote(name))
                client.append(name, message(name))

    def read(self, server, side='-b'):
        """{mailbox: subject or tuple of subjects} of what holds messages"""
        found = {}
        with account(server, self.user(side)) as client:
            for name, count in client.counts().items():
                if count:
                    subjects = tuple(sorted(
                        re.search(rb'Subject: ([^\r]*)', m[b'BODY[]'])
                        .group(1).decode('latin-1')
                        for m in client.fetch(name)))
                    found[name.decode('ascii')] = \
                        subjects[0] if len(subjects) == 1 else subjects
        return found

    def addresses(self, source, target):
        mini = isinstance(source, MiniServer)
        return ('127.0.0.1:%d' % source.port,
                source.user if mini else self.user('-a'), 'pass',
                '127.0.0.1:%d' % target.port, self.user('-b'), 'pass')

    def check(self, source, target, options, expected, code=0):
        """Copies, compares, and copies again without any change."""
        first = self.engine(*PLAIN, *options, *self.addresses(source, target),
                            code=code)
        self.assert_balanced(first)
        self.assertEqual(expected, self.read(target))
        target.forget_commands()
        second = self.engine(*PLAIN, *options,
                             *self.addresses(source, target), code=code)
        self.assertEqual(0, self.assert_balanced(second)['copied'])
        if code == 0:
            self.assert_only_read(target)
        else:  # what was refused is tried again
            self.assertEqual(0, target.commands().get('APPEND', 0))
        self.assertEqual(expected, self.read(target))
        return first


class List(NameCase):
    def setUp(self):
        super().setUp()
        self.make(SLASH, 'INBOX', 'INBOX/x', 'a', 'a/b', 'a/b/c', 'z')

    def test_one_mailbox(self):
        self.check(SLASH, DOT, ('--list', 'INBOX'), {'INBOX': 'INBOX'})

    def test_below_inbox(self):
        self.check(SLASH, DOT, ('--list', 'INBOX/*'), {'INBOX.x': 'INBOX/x'})

    def test_several_that_overlap(self):
        self.check(SLASH, DOT, ('--list', 'a*', '--list', 'a/*', '--list', 'z'),
                   {'a': 'a', 'a.b': 'a/b', 'a.b.c': 'a/b/c', 'z': 'z'})

    def test_one_level(self):
        self.check(SLASH, DOT, ('--list', 'a/%'), {'a.b': 'a/b'})

    def test_nothing_matches(self):
        ended = self.check(SLASH, DOT, ('--list', 'nobody'), {})
        self.assertIn('lists no mailbox', ended.log)

    def test_new_messages_only_is_of_inbox(self):
        self.check(SLASH, DOT, ('--mode', 'syncSrcNew'), {'INBOX': 'INBOX'})


class PlainList(NameCase):
    """Servers without LIST-EXTENDED, or where it does not work."""

    def source(self, **kwargs):
        source = MiniServer(**kwargs)
        for name in ('INBOX', 'a', 'a/b', 'z'):
            source.box(name).add(message(name.encode()))
        return source

    def test_several_that_overlap(self):
        with self.source() as source:
            self.check(source, DOT, ('--list', 'a*', '--list', 'a/*'),
                       {'a': 'a', 'a.b': 'a/b'})
            self.assertEqual([b'"" "a*"', b'"" "a/*"'] * 2, [
                t.split(b' ', 2)[2] for n, t in source.commands
                if n == 'LIST'])

    def test_f018_extended_is_refused(self):
        with self.source(capability=('LIST-EXTENDED', 'LIST-STATUS')) \
                as source:
            self.check(source, DOT, ('--list', 'a*', '--list', 'z'),
                       {'a': 'a', 'a.b': 'a/b', 'z': 'z'})

    def test_f052_list_is_refused(self):
        with self.source(faults=[Fault('no', 'LIST', nth=2, times=9,
                                       text=b'not today')]) as source:
            ended = self.engine(*PLAIN, '--list', 'a', '--list', 'z',
                                *self.addresses(source, DOT))
            self.assertNotEqual(0, ended.code)
            self.assertIn('not today', ended.log)
            self.assertEqual({}, self.read(DOT))


class Prefix(NameCase):
    def test_source(self):
        self.make(SLASH, 'INBOX', 'abc/box1', 'abc/x/y', 'abcd', 'z')
        self.check(SLASH, DOT, ('--source', 'abc/'),
                   {'box1': 'abc/box1', 'x.y': 'abc/x/y'})

    def test_source_and_pattern(self):
        self.make(SLASH, 'INBOX', 'abc/box1', 'abc/x/y', 'box2')
        self.check(SLASH, DOT, ('--source', 'abc/', '--list', 'box*'),
                   {'box1': 'abc/box1'})

    def test_f071_source_within_a_level(self):
        self.make(SLASH, 'abc', 'abcd', 'abcx/y')
        ended = self.check(SLASH, DOT, ('--source', 'abc'),
                           {'d': 'abcd', 'x.y': 'abcx/y'})
        self.assertIn("'abc' left out: nothing is left", ended.log)

    def test_source_with_the_inbox_of_another(self):
        with MiniServer() as source:
            for name in ('INBOX', '~user/INBOX', '~user/a'):
                source.box(name).add(message(name.encode()))
            self.check(source, SLASH, ('--source', '~user/'),
                       {'INBOX': '~user/INBOX', 'a': '~user/a'})

    def test_target(self):
        self.make(SLASH, 'INBOX', 'a', 'a/b')
        self.check(SLASH, DOT, ('--target', 'Info.'),
                   {'Info.INBOX': 'INBOX', 'Info.a': 'a', 'Info.a.b': 'a/b'})

    def test_target_without_separator(self):
        self.make(DOT, 'INBOX', 'a', 'a.b')
        self.check(DOT, SLASH, ('--target', 'Info'),
                   {'InfoINBOX': 'INBOX', 'Infoa': 'a', 'Infoa/b': 'a.b'})

    def test_target_that_tells_no_namespace(self):
        self.make(DOT, 'a', 'a.b')
        with Dovecot(rawlog=True, without=(
                'NAMESPACE', 'LIST-EXTENDED')) as target:
            self.check(DOT, target, ('--target', 'Info/'),
                       {'Info/a': 'a', 'Info/a/b': 'a.b'})

    def test_both(self):
        self.make(SLASH, 'abc/INBOX', 'abc/x')
        self.check(SLASH, BELOW, (
            '--source', 'abc/', '--target', 'INBOX.Old.'),
            {'INBOX.Old.INBOX': 'abc/INBOX', 'INBOX.Old.x': 'abc/x'})

    def test_target_is_the_namespace(self):
        self.make(SLASH, 'INBOX', 'x')
        self.check(SLASH, BELOW, ('--target', 'INBOX.'),
                   {'INBOX': 'INBOX', 'INBOX.x': 'x'})

    def test_f072_an_account_into_itself(self):
        self.make(SLASH, 'a')
        same = ('127.0.0.1:%d' % SLASH.port, self.user('-a'), 'pass') * 2
        for options in ((), ('--target', 'Old/'),
                        ('--source', 'a/', '--target', 'a/b/')):
            ended = self.engine(*PLAIN, *options, *same, code=CONFIG)
            self.assertIn('into itself', ended.log)
        self.assertEqual({'a': 'a'}, self.read(SLASH, '-a'))
        self.engine(*PLAIN, '--source', 'a', '--target', 'b', *same, code=0)
        # "a" is the prefix: nothing is left of it
        self.assertEqual({'a': 'a'}, self.read(SLASH, '-a'))


class Rename(NameCase):
    def test_plain_and_repeated(self):
        self.make(SLASH, 'INBOX', 'Sent Items', 'Bin', 'a')
        self.check(SLASH, DOT, (
            '--renameMailbox', 'Sent Items', 'Sent',
            '--renameMailbox', 'Bin', 'Trash',
            '--renameMailbox', 'Bin', 'never'),
            {'INBOX': 'INBOX', 'Sent': 'Sent Items', 'Trash': 'Bin', 'a': 'a'})

    def test_wildcards(self):
        self.make(SLASH, 'Old/a', 'Old/b/c', 'x1', 'x2')
        self.check(SLASH, DOT, (
            '--renameMailbox', 'Old/*', 'New.*', '--renameMailbox', 'x?', 'y',
            '--skipMailbox', 'x2'),
            {'New.a': 'Old/a', 'New.b.c': 'Old/b/c', 'y': 'x1'})

    def test_inbox(self):
        self.make(SLASH, 'INBOX', 'INBOX/x')
        self.check(SLASH, DOT, (
            '--renameMailbox', 'inbox', 'Old',
            '--renameMailbox', 'Inbox/*', 'Old.*'),
            {'Old': 'INBOX', 'Old.x': 'INBOX/x'})

    def test_to_inbox(self):
        self.make(SLASH, 'INBOX', 'Posteingang')
        self.check(SLASH, BELOW, ('--renameMailbox', 'Posteingang', 'INBOX',
                                  '--skipMailbox', 'INBOX'),
                   {'INBOX': 'Posteingang'})

    def test_f064_onto_another_one(self):
        self.make(SLASH, 'a', 'b')
        ended = self.check(SLASH, DOT, ('--renameMailbox', 'a', 'b'),
                           {'b': 'b'}, code=PARTIAL)
        self.assertIn("'b', is that of another", ended.log)

    def test_with_prefixes(self):
        self.make(BELOW, 'INBOX', 'INBOX.Sent', 'INBOX.a')
        self.check(BELOW, SLASH, (
            '--target', 'Info/', '--renameMailbox', 'Sent', 'Gesendet',
            '--renameMailbox', 'INBOX.a', 'b/c'),
            {'Info/INBOX': 'INBOX', 'Info/Gesendet': 'INBOX.Sent',
             'Info/b/c': 'INBOX.a'})


class Skip(NameCase):
    def test_wildcards(self):
        self.make(SLASH, 'INBOX', 'Trash', 'Trash/old/x', 'abc', 'abbc')
        ended = self.check(SLASH, DOT, (
            '--skipMailbox', 'Trash*', '--skipMailbox', 'a?c'),
            {'INBOX': 'INBOX', 'abbc': 'abbc'})
        self.assertIn('3 left out', ended.log)
        self.assertIn("'Trash/old/x' left out: --skipMailbox", ended.log)

    def test_inbox_and_names_without_namespace(self):
        self.make(BELOW, 'INBOX', 'INBOX.a', 'INBOX.b', 'INBOX.c')
        self.check(BELOW, SLASH, (
            '--skipMailbox', 'inbox', '--skipMailbox', 'a',
            '--skipMailbox', 'INBOX.b'), {'c': 'INBOX.c'})


class Separators(NameCase):
    def test_f058_slash_to_dot(self):
        self.make(SLASH, 'a/b', 'c.d/e', 'f.g')
        self.check(SLASH, DOT, (), {
            'a.b': 'a/b', 'c_d.e': 'c.d/e', 'f_g': 'f.g'})

    def test_f058_dot_to_slash(self):
        with MiniServer(separator=b'.') as source:
            for name in ('a.b', 'c/d.e'):
                source.box(name).add(message(name.encode()))
            self.check(source, SLASH, (), {'a/b': 'a.b', 'c_d/e': 'c/d.e'})

    def test_from_below_inbox(self):
        self.make(BELOW, 'INBOX', 'INBOX.a', 'INBOX.a.b')
        self.check(BELOW, SLASH, (), {
            'INBOX': 'INBOX', 'a': 'INBOX.a', 'a/b': 'INBOX.a.b'})

    def test_to_below_inbox(self):
        self.make(SLASH, 'INBOX', 'INBOX/x', 'a/b')
        self.check(SLASH, BELOW, (), {
            'INBOX': 'INBOX', 'INBOX.x': 'INBOX/x', 'INBOX.a.b': 'a/b'})

    def test_f056_parents_without_messages(self):
        self.make(SLASH, 'p/q/r')
        DOT.forget_commands()
        self.engine(*PLAIN, *self.addresses(SLASH, DOT), code=0)
        self.assertEqual(1, DOT.commands().get('CREATE', 0))
        self.check(SLASH, DOT, (), {'p.q.r': 'p/q/r'})
        with account(DOT, self.user('-b')) as client:
            self.assertIn(b'\\NOSELECT', client.list()[b'p'][0])


class Oddities(Session):
    """Lists every name as a literal, and some lines of its own."""

    LINES = (b'* LIST () "//" two-slashes\r\n'
             b'* LIST () "/" inbox\r\n'
             b'* LIST (\\NonExistent \\Noselect) "/" gone '
             b'("CHILDINFO" ("SUBSCRIBED"))\r\n'
             b'* LIST (\\Noselect) "/" parent\r\n'
             b'* LIST () "/" {5}\r\na\x00b\x1bc\r\n'
             b'* LIST () "/" NIL\r\n')

    def do_list(self, reference, pattern):
        for box in self._listed(reference + pattern):
            self.io.send(b'* LIST () "/" {%d}\r\n%s\r\n'
                         % (len(box.name), box.name))
        self.io.send(self.LINES)
        return b'done'


class Hostile(NameCase):
    """F055 F057 F059 F060 F061 F062 F063 F070: names that mean harm."""

    ARRIVE = {
        '<script>': '<script>', '=cmd|x': '=cmd|x', "a'b": 'a"b',
        'a_b': 'a\\b', '100%': '100%', 'star*': 'star*', '-rf': '-rf',
        'caf&AOk-': 'caf\xc3\xa9', '&-invalid-': '&invalid-',
        '__': '\xff\xfe', '_[31mred_': '\x1b[31mred\x07', 'INBOX': 'INBOX',
        '_hidden': '.hidden', '_home/x-mbox': '~home/x.mbox', 'plain': 'plain'}
    REFUSED = (b'../../x', b'/etc/x', b'a\r\nb', b'x' * 65536, b'y' * 4000,
               b'z' * 300)

    def test_names(self):
        with MiniServer(session=Oddities) as source:
            for name in self.ARRIVE.values():
                name = name.encode('latin-1')
                source.box(name).add(message(name))
            for name in self.REFUSED:
                source.box(name).add(message(name[:20].replace(b'\r\n', b'')))
            ended = self.check(source, SLASH, ('--verbose',), self.ARRIVE,
                               code=PARTIAL)
            self.assertEqual([], source.problems)
            self.assertEqual([], source.strange)
            for name, text in source.commands:
                self.assertNotRegex(text, rb'two-slashes|gone|parent')
                if name in ('LIST', 'LSUB'):
                    self.assertTrue(text.endswith(b' "" "*"'), text)
        self.assertEqual(len(self.REFUSED) + 3, len(re.findall(
            r'refused \([\w.]+\): mailbox', ended.log)), ended.log)
        self.assertIn(r"mailbox 'a\x0d\x0ab', step names", ended.log)
        self.assertRegex(ended.log, r"mailbox 'x{100,}\.\.\.[^\n]*4096 bytes")
        self.assertNotRegex(ended.log + ended.output,
                            r'[\x00-\x08\x0b-\x1f\x7f]')
        self.assertNotIn('x' * 300, ended.log)

    def test_f064_names_that_fall_together(self):
        with MiniServer(session=Oddities) as source:
            for name in ('.x', '~x', 'a"b', "a'b", 'INBOX/y', 'Inbox/y'):
                source.box(name.encode()).add(message(name.encode()))
            ended = self.check(source, SLASH, ('--list', '*'), {
                '_x': '.x', "a'b": "a'b", 'INBOX/y': 'INBOX/y'}, code=PARTIAL)
            self.assertEqual(3, ended.log.count('is that of another mailbox'))


    def test_f057_a_mirror_removes_nothing_it_may_have(self):
        self.make(SLASH, 'two-slashes', side='-b')
        with MiniServer(session=Oddities) as source:
            source.box(b'a').add(message(b'a'))
            self.check(source, SLASH, ('--mode', 'syncDst'), {
                'a': 'a', 'two-slashes': 'two-slashes'}, code=PARTIAL)


class Folding(Session):
    """A target that takes Bob and bob for one."""

    def need(self, name):
        for known in self.server.boxes:
            if known.lower() == name.lower():
                return self.server.boxes[known]
        return super().need(name)

    def do_create(self, name):
        if any(n.lower() == name.lower() for n in self.server.boxes):
            raise Refused(b'NO [ALREADYEXISTS] it is there')
        return super().do_create(name)


class CaseFolding(NameCase):
    def test_f065_two_names_that_differ_in_case(self):
        with MiniServer() as source, MiniServer(session=Folding) as target:
            for name in (b'Bob', b'bob', b'c'):
                source.box(name).add(message(name))
            for _ in range(2):
                ended = self.engine(
                    *PLAIN, '127.0.0.1:%d' % source.port, 'anna', 'pass',
                    '127.0.0.1:%d' % target.port, 'anna', 'pass',
                    code=PARTIAL)
                self.assert_balanced(ended)
                self.assertEqual([message(b'Bob')],
                                 target.contents()['Bob'])
                self.assertEqual([message(b'c')], target.contents()['c'])
                self.assertNotIn('bob', target.contents())
                self.assertIn('upper and lower case', ended.log)


if __name__ == '__main__':
    unittest.main()
