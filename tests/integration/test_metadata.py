# SPDX-License-Identifier: MIT
"""What belongs to a mailbox beside its messages: access rights, annotations,
special uses."""
import re

import dovecot
from convoy import PLAIN, Case, account, need_dovecot
from imap_client import Parser, quote
from scripted_server import Fault, MiniServer, Refused, Session

TEXT = b'first line\r\nsecond \xc3\xa4\r\n'
LETTER = (b'From: somebody@example.org\r\nMessage-ID: <a@example.org>\r\n'
          b'Date: Thu, 02 Jan 2020 10:00:00 +0000\r\n\r\nhallo\r\n')


def literal(data):
    return b'{%d+}\r\n' % len(data) + data


def grants(client, mailbox):
    """{identifier: letters as a set}"""
    for text, literals in client.command(b'GETACL ', quote(mailbox)):
        values = Parser(text, literals).values()
        if values[1] == b'ACL':
            return {i: set(r.decode())
                    for i, r in zip(values[3::2], values[4::2])}
    return {}


def annotations(client, mailbox):
    found = {}
    for text, literals in client.command(
            b'GETMETADATA (DEPTH infinity) ', quote(mailbox),
            b' (/private /shared)'):
        values = Parser(text, literals).values()
        if values[1] == b'METADATA':
            found.update(zip(values[3][::2], values[3][1::2]))
    return found


def uses(client):
    return {name: [a for a in attributes if a in (
        b'\\SENT', b'\\ARCHIVE', b'\\DRAFTS', b'\\TRASH', b'\\JUNK',
        b'\\FLAGGED')] for name, (attributes, _) in client.list().items()}


class ExtrasCase(Case):
    def run_engine(self, source, target, *options, code=0):
        return self.engine(
            *PLAIN, *options, '127.0.0.1:%d' % source.port, 'anna', 'pass',
            '127.0.0.1:%d' % target.port, 'anna', 'pass', code=code)

    def extra(self, ended, name):
        m = re.search(r'\b%s (\d+)' % name,
                      re.search(r'copied; (.*)', ended.log).group(1))
        return int(m.group(1)) if m else 0


class Dovecots(ExtrasCase):
    @classmethod
    def setUpClass(cls):
        need_dovecot()
        cls.source = dovecot.Dovecot(rawlog=True, extras=True).start()
        cls.addClassCleanup(cls.source.remove)
        cls.target = dovecot.Dovecot(rawlog=True, extras=True).start()
        cls.addClassCleanup(cls.target.remove)

    def setUp(self):
        super().setUp()
        for server in (self.source, self.target):
            server.wipe()
            server.forget_commands()

    def test_rights_and_annotations_go_along_once(self):
        with account(self.source) as client:
            client.command(b'CREATE "team mail"')
            client.command(b'CREATE plain')
            for entry in (b'bob lrsw', b'-bob i', b'"$a group" lrk'):
                client.command(b'SETACL "team mail" ' + entry)
            client.command(b'SETMETADATA "team mail" (/private/comment '
                           b'"mine" /shared/comment ' + literal(TEXT) + b')')
            theirs = grants(client, 'team mail')
        self.source.forget_commands()
        ended = self.run_engine(self.source, self.target)
        self.assert_only_read(self.source)
        self.assertEqual(3, self.extra(ended, 'acls'))
        self.assertEqual(2, self.extra(ended, 'annotations'))
        with account(self.target) as client:
            self.assertEqual(theirs, grants(client, 'team mail'))
            self.assertEqual({b'anna'}, set(grants(client, 'plain')))
            self.assertEqual(
                {b'/private/comment': b'mine', b'/shared/comment': TEXT},
                annotations(client, 'team mail'))
        self.target.forget_commands()
        self.run_engine(self.source, self.target)
        counts = self.target.commands()
        self.assertEqual(0, counts.get('SETACL', 0))
        self.assertEqual(0, counts.get('SETMETADATA', 0))
        self.assertEqual(1, counts.get('GETACL', 0))

    def test_nothing_is_asked_when_told_so(self):
        with account(self.source) as client:
            client.command(b'CREATE team')
            client.command(b'SETACL team bob lr')
        self.source.forget_commands()
        self.run_engine(self.source, self.target, '--noACL', '--noMetadata')
        for server in (self.source, self.target):
            counts = server.commands()
            for name in ('GETACL', 'SETACL', 'GETMETADATA', 'SETMETADATA'):
                self.assertEqual(0, counts.get(name, 0), name)

    def test_entries_of_owners_are_never_sent(self):
        """F074: an entry for the owner would take his own rights away."""
        with account(self.source) as client:
            client.command(b'CREATE team')
            for entry in (b'carol lr', b'-anna i', b'anna@example.org l'):
                client.command(b'SETACL team ' + entry)
        self.run_engine(self.source, self.target)
        self.assertEqual(1, self.target.commands().get('SETACL'))
        with account(self.target) as client:
            self.assertEqual({b'anna', b'carol'}, set(grants(client, 'team')))
            self.assertIn(b'team', client.list())

    def test_refused_entry_costs_nothing_else(self):
        """F074: 'anyone' is refused by Dovecot with BAD."""
        path = self.source.mail_dir + '/anna/Maildir/.team/dovecot-acl'
        with account(self.source) as client:
            client.command(b'CREATE team')
            client.command(b'SETACL team bob lr')
            client.command(b'APPEND team ' + literal(LETTER))
        with open(path, 'a', encoding='ascii') as f:
            f.write('anyone lr\n')
        ended = self.run_engine(self.source, self.target)
        self.assertEqual(1, self.extra(ended, 'acls'))
        self.assertEqual(1, self.extra(ended, 'refused extras'))
        self.assertIn("'anyone' not set", ended.log)
        self.assertEqual(1, ended.tally()['copied'])

    def test_special_use_that_cannot_be_set(self):
        """Without CREATE-SPECIAL-USE no USE is sent; SETMETADATA is refused
        by Dovecot, once."""
        with account(self.source) as client:
            client.command(b'CREATE Sent')
            client.command(b'CREATE Junk')
        ended = self.run_engine(self.source, self.target)
        with account(self.target) as client:
            self.assertEqual([b'\\SENT'], uses(client)[b'Sent'])
        self.assertEqual(1, self.extra(ended, 'refused extras'))

    def test_dry_run_sets_nothing(self):
        with account(self.source) as client, account(self.target) as other:
            for c in (client, other):
                c.command(b'CREATE team')
            client.command(b'SETACL team bob lr')
            client.command(b'SETMETADATA team (/private/comment "x")')
        self.target.forget_commands()
        ended = self.run_engine(self.source, self.target, '--dryRun')
        counts = self.target.commands()
        self.assertEqual(0, counts.get('SETACL', 0))
        self.assertEqual(0, counts.get('SETMETADATA', 0))
        self.assertIn('would SETACL', ended.log)
        self.assertIn('would SETMETADATA', ended.log)
        self.assertEqual(1, self.extra(ended, 'acls'))


class Talker(Session):
    """Knows ACL, METADATA and special uses, as a test wants them."""

    def do_create(self, name, use=None):
        if use is not None and 'CREATE-SPECIAL-USE' not in \
                self.server.supports:
            raise Refused(b'NO [USEATTR] not that one')
        said = super().do_create(name)
        if use is not None:
            self.server.box(name).attributes = b' '.join(use[1])
        return said

    def do_getacl(self, name):
        self.refuse_by_fault('GETACL')
        self.need(name)
        said = b''.join(b' %s %s' % (quote(i), quote(r)) for i, r in
                        self.server.acl.get(name, {}).items())
        self.io.send(b'* ACL ' + quote(name) + said + b'\r\n')
        return b'done'

    def do_setacl(self, name, who, rights):
        self.refuse_by_fault('SETACL')
        self.server.acl.setdefault(name, {})[who] = rights
        return b'done'

    def do_getmetadata(self, *arguments):
        self.refuse_by_fault('GETMETADATA')
        name = [a for a in arguments if isinstance(a, bytes)][0]
        said = b' '.join(b'%s {%d}\r\n%s' % (k, len(v), v) for k, v in
                         self.server.notes.get(name, {}).items())
        if said:
            self.io.send(b'* METADATA %s (%s)\r\n' % (quote(name), said))
        return b'done'

    def do_setmetadata(self, name, values):
        self.refuse_by_fault('SETMETADATA')
        self.server.notes.setdefault(name, {}).update(
            zip(values[::2], values[1::2]))
        return b'done'


class Server(MiniServer):
    def __init__(self, **kwargs):
        self.acl, self.notes = {}, {}
        super().__init__(session=Talker, **kwargs)


class Scripted(ExtrasCase):
    def source_with_sent(self, **kwargs):
        server = Server(**kwargs)
        server.box('Gesendet').attributes = b'\\Sent \\Flagged'
        server.box('Gesendet').add(LETTER)
        return server

    def test_special_use_goes_with_create(self):
        words = ('CREATE-SPECIAL-USE',)
        with self.source_with_sent() as source, \
                Server(capability=words) as target:
            ended = self.run_engine(source, target)
            self.assertEqual(b'\\Sent', target.box('Gesendet').attributes)
            self.assertEqual(1, self.extra(ended, 'special uses'))
            target.forget_commands()
            self.run_engine(source, target)
            self.assertEqual(0, target.count('CREATE', 'SETMETADATA'))

    def test_special_use_is_taken_already(self):
        with self.source_with_sent() as source, \
                Server(capability=('CREATE-SPECIAL-USE',)) as target:
            target.box('Sent').attributes = b'\\Sent'
            self.run_engine(source, target)
            self.assertEqual(b'', target.box('Gesendet').attributes)

    def test_special_use_refused(self):
        """F069: created without, reported."""
        with self.source_with_sent() as source, \
                Server(capability=('CREATE-SPECIAL-USE',),
                       supports=()) as target:
            ended = self.run_engine(source, target)
            self.assertIn('special use \\Sent refused', ended.log)
            self.assertEqual(1, self.extra(ended, 'refused extras'))
            self.assertEqual(2, target.count('CREATE'))
            self.assertEqual(source.contents(), target.contents())

    def test_special_use_by_annotation_or_not_at_all(self):
        for words, sent in (((), 0), (('METADATA',), 1)):
            with self.subTest(words), self.source_with_sent() as source, \
                    Server(capability=words) as target:
                self.run_engine(source, target)
                self.assertEqual(sent, target.count('SETMETADATA'))
                if sent:
                    self.assertEqual(
                        {b'/private/specialuse': b'\\Sent'},
                        target.notes[b'Gesendet'])

    def test_no_special_use(self):
        with self.source_with_sent() as source, \
                Server(capability=('CREATE-SPECIAL-USE',)) as target:
            self.run_engine(source, target, '--noSpecialUse')
            self.assertEqual(b'', target.box('Gesendet').attributes)

    def test_metadata_announced_but_not_working(self):
        """F018: BAD drops the command for the session."""
        fault = [Fault('bad', 'GETMETADATA', times=99)]
        for at_source in (True, False):
            with self.subTest(at_source), \
                    Server(capability=('METADATA',),
                           faults=fault if at_source else ()) as source, \
                    Server(capability=('METADATA',),
                           faults=() if at_source else fault) as target:
                for n in range(60):
                    source.box('b%d' % n).add(LETTER)
                    source.notes[b'b%d' % n] = {b'/private/comment': b'x'}
                ended = self.run_engine(source, target)
                self.assertEqual(source.contents(), target.contents())
                self.assertGreater(self.extra(ended, 'refused extras'), 0)
                self.assertEqual(0, target.count('SETMETADATA'))
                self.assertLess(source.count('GETMETADATA'),
                                20 if at_source else 99)

    def test_rights_of_an_old_server(self):
        """RFC 2086 to RFC 4314 and back."""
        for old, new, there in ((b'lrcd', b'lrkxte', True),
                                (b'lrkte', b'lrcd', False)):
            words = ('ACL', 'RIGHTS=texk')
            with self.subTest(old), \
                    Server(capability=words[:1] if there else words) as source,\
                    Server(capability=words if there else words[:1]) as target:
                source.box('team')
                source.acl[b'team'] = {
                    b'bob': old, b'-carl': b'c' if there else b'x',
                    b'anna': b'l', b'-ANNA': b'lr', b'owner': b'lr', b'none': b'',
                    b'administrators': b'lr', b'group:administrators': b'lr'}
                self.run_engine(source, target)
                self.assertEqual(
                    {b'bob': new, b'-carl': b'kx' if there else b'c'},
                    target.acl[b'team'])
                target.forget_commands()
                self.run_engine(source, target)
                self.assertEqual(0, target.count('SETACL'))

    def test_ten_thousand_identifiers(self):
        """F074: many identifiers, some odd, are set; more are cut, told."""
        with Server(capability=('ACL',)) as source, \
                Server(capability=('ACL',)) as target:
            source.box('team')
            source.acl[b'team'] = {b'user%d' % n: b'lr' for n in range(10500)}
            source.acl[b'team'][b'\xff\x01 "quoted"'] = b'l'
            ended = self.run_engine(source, target)
            self.assertEqual(10000, len(target.acl[b'team']))
            self.assertEqual(10000, self.extra(ended, 'acls'))
            self.assertIn('too many', ended.log)

    def test_odd_identifiers_and_refusals(self):
        """F074: SETACL NO fails alone; GETACL NO is no fault."""
        with Server(capability=('ACL',), faults=[
                Fault('no', 'GETACL', nth=1, times=1)]) as source, \
                Server(capability=('ACL',), faults=[
                    Fault('no', 'SETACL', times=1,
                          text=b'no such user\x1b[1m')]) as target:
            for name in (b'a', b'b'):
                source.box(name).add(LETTER)
                source.acl[name] = {b'\xc3\xa4 "b\\': b'lr', b'x y': b'l'}
            ended = self.run_engine(source, target)
            self.assertEqual(1, self.extra(ended, 'refused extras'))
            self.assertEqual(3, sum(map(len, target.acl.values())))
            self.assertIn('1 questions for access rights', ended.log)
            self.assertNotIn('\x1b', ended.log)
            self.assertEqual(source.contents(), target.contents())

    def test_answer_above_every_limit(self):
        """An answer we cannot keep costs the answer, not the account."""
        with Server(capability=('ACL',)) as source, \
                Server(capability=('ACL',)) as target:
            source.box('team').add(LETTER)
            source.acl[b'team'] = {b'u' * 200 + b'%d' % n: b'lr'
                                   for n in range(8000)}
            ended = self.run_engine(source, target)
            self.assertEqual(source.contents(), target.contents())
            self.assertGreater(self.extra(ended, 'refused extras'), 0)

    def test_answer_above_every_limit_is_said_of_all_mailboxes(self):
        with Server(capability=('ACL',)) as source, \
                Server(capability=('ACL',)) as target:
            for n in range(40):
                name = b'box%02d' % n
                source.box(name).add(LETTER)
                source.acl[name] = {b'bob': b'lr'}
            source.acl[b'box20'] = {b'u' * 200 + b'%d' % n: b'lr'
                                    for n in range(8000)}
            ended = self.run_engine(source, target)
            self.assertEqual(source.contents(), target.contents())
            # INBOX is asked too
            self.assertEqual(41, self.extra(ended, 'refused extras') +
                             self.extra(ended, 'acls') +
                             (not target.acl.get(b'INBOX')), ended.log)

    def test_answer_of_the_target_above_every_limit(self):
        with Server(capability=('ACL',)) as source, \
                Server(capability=('ACL',)) as target:
            source.box('team').add(LETTER)
            target.box('team')
            source.acl[b'team'] = {b'bob': b'lr'}
            target.acl[b'team'] = {b'u' * 200 + b'%d' % n: b'lr'
                                   for n in range(8000)}
            ended = self.run_engine(source, target)
            self.assertEqual(source.contents(), target.contents())
            self.assertEqual(1, self.extra(ended, 'refused extras'))

    def test_dry_run_gives_no_special_use(self):
        with self.source_with_sent() as source, \
                Server(capability=('CREATE-SPECIAL-USE',)) as target:
            ended = self.run_engine(source, target, '--dryRun')
            self.assertFalse(target.strange)
            self.assertEqual(1, self.extra(ended, 'special uses'))
            self.assertIn('would give mailbox', ended.log)

    def test_session_lost_while_setting(self):
        with Server(capability=('ACL',)) as source, \
                Server(capability=('ACL',), faults=[
                    Fault('cut', 'SETACL', nth=5)]) as target:
            source.box('team')
            source.acl[b'team'] = {b'user%d' % n: b'lr' for n in range(20)}
            self.run_engine(source, target)
            self.assertEqual(source.acl, target.acl)

    def test_subscribe_refused(self):
        """F073"""
        with Server() as source, Server(
                faults=[Fault('no', 'SUBSCRIBE')]) as target:
            source.box('a').subscribed = True
            ended = self.run_engine(source, target)
            self.assertEqual(1, self.extra(ended, 'refused extras'))
            self.assertIn('SUBSCRIBE refused', ended.log)
