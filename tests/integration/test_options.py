# SPDX-License-Identifier: MIT
"""Every option of the guide on every server: Dovecot, Cyrus, Courier, imap4d.

A test makes the same run with the option and without it, and the two must differ
as the guide says.  The server stands where the option matters; on the other side is
a Dovecot.  Where a server cannot do what an option asks for, that is looked at, and
the test with a scripted server is named.  What came out is written down as a table
(see option_table), which docs/SERVERS.md shows.
"""
import atexit
import base64
import glob
import gzip
import hashlib
import hmac
import itertools
import json
import os
import re
import shutil
import subprocess
import time
import unittest

import convoy
import debpackages
import dovecot
import imap_compare
import option_table
import seed
from convoy import PLAIN, Case, wait_until
from courier import Courier
from cyrus import Cyrus
from dovecot import Dovecot
from imap_client import Imap, ImapError, quote
from mailutils import Mailutils
from option_table import NotApplicable, row
from relay import Relay

AUTH, CONFIG = 77, 78
# the relays must be able to read along, also where everything is slow
ASIDE = (*PLAIN, '--settle', 0, '--compress', 'off')
AHEAD = 4  # queries of the source that are on their way at once
STILL_SECONDS = 0.4
DEFAULT_SECONDS = 60  # of --timeout, says the guide
USERS = tuple('u%03d' % n for n in range(90))
COLUMNS = ('Dovecot', 'Cyrus', 'Courier', 'imap4d')

MASTER = '''
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {
  driver = static
  args = password=master
  master = yes
}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = %(base)s/oauth2.conf
}
plugin {
  # else the rights of the master user himself count
  acl_user = %%u
}
'''
OAUTH2 = '''
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=%(base)s/keys/
username_attribute = sub
'''
KEY = b'a key of the tests alone'


def dovecot_with_tokens():
    """One that knows a master user, and access tokens signed with KEY."""
    base = dovecot.temporary_base()
    os.makedirs(base + '/keys/default/HS256')
    for name, text in (
            ('oauth2.conf', OAUTH2 % {'base': base}),
            ('keys/default/HS256/default', base64.b64encode(KEY).decode())):
        with open(base + '/' + name, 'w', encoding='ascii') as f:
            f.write(text)
    return Dovecot(base=base, extras=True, extra=MASTER % {'base': base})


def token(user):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b'=')
    now = int(time.time())
    said = b'.'.join(part(json.dumps(p).encode()) for p in (
        {'alg': 'HS256', 'typ': 'JWT'},
        {'sub': user, 'iat': now - 10, 'exp': now + 3600}))
    return (said + b'.' + part(
        hmac.new(KEY, said, hashlib.sha256).digest())).decode()


class Side:
    """A server, and the relay through which the engine is let to it."""

    def __init__(self, server):
        self.server = server
        self.users = map('u{:03d}'.format, itertools.count())
        self.server.start()
        self.tap = Relay(server.port)

    def stop(self):
        self.tap.close()
        self.server.remove()

    def words(self, user):
        """What it announces before and after the login."""
        with Imap('127.0.0.1', self.server.port) as client:
            said = [t for t, _ in client.command(b'CAPABILITY')]
            client.login(user, 'pass')
            said += [t for t, _ in client.command(b'CAPABILITY')]
        return b' '.join(said).decode().upper().split()


table = option_table.Table(COLUMNS)
sides = {}  # by column; 'other' is the Dovecot on the other side
why_not = {}
slow = {}  # see Slowness


def setUpModule():
    convoy.need_dovecot()
    servers = {
        'other': lambda: Dovecot(extras=True),
        'Dovecot': dovecot_with_tokens,
        'Cyrus': lambda: Cyrus(users=USERS),
        'Courier': lambda: Courier(users=USERS),
        'imap4d': lambda: Mailutils(users=USERS)}
    atexit.register(stop_servers)
    for name, make in servers.items():
        try:
            sides[name] = Side(make())
        except unittest.SkipTest as e:
            why_not[name] = str(e)
            table.skip(name)
    for column in COLUMNS:
        if column in sides:
            table.versions[column] = version(column)
            slow[column] = [Slow(column), Slow(column, '--notimeout')]


def tearDownModule():
    stop_servers()
    table.write(convoy.BUILD)


def stop_servers():
    while slow:
        for one in slow.popitem()[1]:
            one.stop()
    while sides:
        sides.popitem()[1].stop()


def version(column):
    """Of the Debian package."""
    if column == 'Dovecot':
        _, said = debpackages.run(
            ['dpkg-query', '-W', '-f', '${Version}', 'dovecot-imapd'])
        return 'dovecot ' + said.strip()
    server = sides[column].server
    for name in server.packages[:2]:
        for path in glob.glob('%s/usr/share/doc/%s/changelog.Debian*.gz' % (
                server.root, name)):
            with gzip.open(path, 'rt', encoding='utf-8') as f:
                m = re.match(r'(\S+) \((?:\d+:)?([^)]+)\)', f.readline())
                return m.group(1) + ' ' + m.group(2)
    return 'unknown'


def letter(subject, day=1, size=0):
    body = b'hello\r\n' + (b'0123456789abcdef' * 4 + b'\r\n') * (size // 66)
    return (b'From: a@example.org\r\nSubject: %s\r\n'
            b'Date: %02d Mar 2026 10:00:00 +0000\r\n'
            b'Message-ID: <%s@example.org>\r\n\r\n' % (
                subject.encode(), day, subject.replace(' ', '.').encode())
            + body)


def date(day):
    return b'%02d-Mar-2026 10:00:00 +0000' % day


class Mail:
    """One account, as the tests' own client sees it."""

    def __init__(self, side):
        self.side, self.user = side, next(side.users)
        self.server, self.tap = side.server, side.tap

    def client(self):
        return Imap('127.0.0.1', self.server.port).login(self.user, 'pass')

    def name(self, box):
        """What the server calls it; "/" separates levels here."""
        return seed.server_name(box, self.server.separator,
                                self.server.prefix)

    def plain(self, name):
        name = name.decode()
        if name == 'INBOX':
            return name
        return name.removeprefix(self.server.prefix).replace(
            self.server.separator, '/')

    def fill(self, boxes, size=0):
        """{mailbox: number of messages, or [(message, flags, date)]}"""
        with self.client() as client:
            for box, messages in boxes.items():
                if isinstance(messages, int):
                    messages = [(letter('%s %d' % (box, n), size=size), b'',
                                 date(n % 28 + 1)) for n in range(messages)]
                seed.make_mailbox(client, self.name(box))
                client.append_many(self.name(box), messages)
        self.read()
        return self

    def read(self):
        """imap4d gives mail that was never seen another UID at every look."""
        if isinstance(self.server, Mailutils):
            with self.client() as client:
                for name in client.list():
                    for text, _ in client.command(b'SELECT ', quote(name)):
                        if re.match(rb'\* [1-9]\d* EXISTS', text):
                            client.command(
                                b'STORE 1:* +FLAGS.SILENT (\\Seen)')
                    client.command(b'CLOSE')

    def command(self, *parts):
        with self.client() as client:
            for part in parts:
                client.command(part)

    def counts(self):
        with self.client() as client:
            return {self.plain(n): c for n, c in client.counts().items()}

    def subscribed(self):
        with self.client() as client:
            return {self.plain(n) for n in client.lsub()}

    def messages(self, box):
        with self.client() as client:
            return client.fetch(self.name(box))

    def subjects(self, box='INBOX'):
        return sorted(imap_compare.subject(m[b'BODY[]']).split("'")[1]
                      for m in self.messages(box))

    def address(self):
        return '127.0.0.1:%d' % self.tap.port, self.user, 'pass'

    # -- what the engine has sent

    def sent(self, *verbs):
        """Commands that begin with one of these: [(text, [literals])]"""
        return [(text, sizes) for text, sizes in self.tap.lines()
                if text.upper().startswith(tuple(v.encode() for v in verbs))]

    def asked(self, everything):
        """How many messages each UID FETCH of bodies asks for."""
        found = []
        for text, _ in self.sent('UID FETCH'):
            if b'BODY.PEEK[]' not in text:
                continue
            numbers = text.split(b' ')[2]
            count = 0
            for part in numbers.split(b','):
                first, _, last = part.partition(b':')
                count += everything if last == b'*' else \
                    int(last or first) - int(first) + 1
            found.append(count)
        return found


class Slow:
    """An engine whose source says nothing after the login."""

    def __init__(self, column, *options):
        self.source, target = Mail(sides[column]), Mail(sides['other'])
        self.folder = dovecot.temporary_base('mcv-slow-')
        self.log_path = self.folder + '/log'
        self.tap = Relay(self.source.server.port)
        self.tap.hold(b' LIST ')
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [convoy.ENGINE, *map(str, ASIDE), '--logfile',
             self.log_path, *options, '127.0.0.1:%d' % self.tap.port,
             *self.source.address()[1:], *target.address()],
            stdin=subprocess.DEVNULL, preexec_fn=dovecot.die_with_parent)

    def log(self):
        try:
            with open(self.log_path, encoding='utf-8') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def stop(self):
        convoy.end(self.process)
        self.tap.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class OptionCase(Case):
    column = ''
    table = table

    def setUp(self):
        super().setUp()
        if self.column not in sides:
            self.skipTest(why_not[self.column])
        self.side = sides[self.column]

    def here(self):
        """An account of the server that the test is about."""
        return Mail(self.side)

    def there(self):
        """One of the Dovecot on the other side."""
        return Mail(sides['other'])

    def sync(self, source, target, *options, code=0, **logins):
        """logins: source=(user, password), target=... in place of theirs"""
        for one in (source, target):
            one.tap.forget_commands()
        return self.engine(*self.arguments(source, target, *options,
                                           **logins), code=code)

    @staticmethod
    def arguments(source, target, *options, source_login=None,
                  target_login=None):
        return (*ASIDE, *options, source.address()[0],
                *(source_login or source.address()[1:]), target.address()[0],
                *(target_login or target.address()[1:]))

    def copied(self, source, *options, **kwargs):
        """{mailbox: messages} of a new account it was copied to."""
        target = self.there()
        self.sync(source, target, *options, **kwargs)
        return target.counts()

    def announces(self, *words):
        return bool(set(words) & set(self.side.words(USERS[-1])))

    def not_announced(self, *words, test):
        """NotApplicable, when it does not."""
        self.assertFalse(self.announces(*words), words)
        return NotApplicable('the server does not announce %s; see %s' % (
            ' or '.join(words), test))


class Options(OptionCase):
    """The rows of the table."""

    expunges = True  # only what is meant: UIDPLUS
    keeps_dates = True
    multiappend = True
    admin = None  # (user, password) who may act as others
    rights = b'lr'
    bob = b'bob'  # an identifier in access control lists

    def both_ways(self):
        yield self.here(), self.there()
        yield self.there(), self.here()

    # -- names

    @row('list')
    def test_list(self):
        source = self.here().fill(
            {'INBOX': 1, 'Keep': 1, 'Keep/Sub': 1, 'Other': 1})
        self.assertEqual({'INBOX': 1, 'Keep': 1, 'Keep/Sub': 1, 'Other': 1},
                         self.copied(source))
        self.assertEqual({'INBOX': 0, 'Keep': 1},
                         self.copied(source, '--list', source.name('Keep')))
        self.assertTrue(any(source.name('Keep').encode() in text
                            for text, _ in source.sent('LIST')))
        self.assertEqual({'INBOX': 0, 'Keep/Sub': 1}, self.copied(
            source, '--list', source.name('Keep/*')))

    @row('source')
    def test_source(self):
        source = self.here().fill({'abc/box1': 1, 'abc/box2': 2, 'Other': 1})
        counts = self.copied(source)
        counts.pop('abc', None)  # some make a mailbox of what is above others
        self.assertEqual({'INBOX': 0, 'abc/box1': 1, 'abc/box2': 2,
                          'Other': 1}, counts)
        prefix = source.name('abc/')
        self.assertEqual({'INBOX': 0, 'box1': 1, 'box2': 2},
                         self.copied(source, '--source', prefix))
        self.assertIn(b'LIST ' + quote(prefix), b'\n'.join(
            text for text, _ in source.sent('LIST')))

    @row('target')
    def test_target(self):
        source = self.there().fill({'INBOX': 1, 'A': 2})
        target = self.here()
        self.sync(source, target)
        self.assertEqual({'INBOX': 1, 'A': 2}, target.counts())
        target = self.here()
        self.sync(source, target, '--target', target.name('old/'))
        counts = target.counts()
        self.assertEqual((1, 2, 0), (
            counts['old/INBOX'], counts['old/A'], counts['INBOX']))

    @row('skipMailbox')
    def test_skip_mailbox(self):
        source = self.here().fill(
            {'INBOX': 1, 'Junk': 1, 'Junk2': 1, 'T1mp': 1, 'Tmp': 1})
        self.assertEqual({'INBOX': 1, 'Junk': 1, 'Junk2': 1, 'T1mp': 1,
                          'Tmp': 1}, self.copied(source))
        self.assertEqual({'INBOX': 1, 'Tmp': 1}, self.copied(
            source, '--skipMailbox', 'Junk*', '--skipMailbox', 'T?mp'))

    @row('renameMailbox')
    def test_rename_mailbox(self):
        source = self.here().fill({'INBOX': 1, 'Old': 2, 'Box1': 3})
        self.assertEqual({'INBOX': 1, 'Old': 2, 'Box1': 3},
                         self.copied(source))
        self.assertEqual({'INBOX': 1, 'New': 2, 'First': 3}, self.copied(
            source, '--renameMailbox', 'Old', 'New',
            '--renameMailbox', 'B?x1', 'First'))

    # -- modes

    def half_done(self, source, target):
        """Ten messages and Other on the source; on the target the sixth of
        INBOX and the second."""
        messages = [(letter('number %d' % n, n), b'\\Seen', date(n))
                    for n in range(1, 11)]
        source.fill({'INBOX': messages, 'Other': 1})
        target.fill({'INBOX': [messages[5], messages[1]], 'Mine': 1})

    @row('mode syncSrcAll')
    def test_sync_src_all(self):
        """The default: told apart from the other modes."""
        for source, target in self.both_ways():
            self.half_done(source, target)
            self.sync(source, target, '--mode', 'syncSrcNew')
            self.assertNotIn('Other', target.counts())
            self.sync(source, target, '--mode', 'syncSrcAll')
            self.assertEqual({'INBOX': 10, 'Mine': 1, 'Other': 1},
                             target.counts())
            again = self.there() if target.side is sides['other'] else \
                self.here()
            self.sync(source, again)
            self.assertEqual({'INBOX': 10, 'Other': 1}, again.counts())
            self.sync(source, target, '--mode', 'syncDst')
            self.assertNotIn('Mine', target.counts())

    def forgets_dates(self):
        """Without a field Date it tells the time of asking."""
        mail = self.here().fill({'INBOX': [
            (b'Subject: undated\r\n\r\nx\r\n', b'', date(1))]})
        told = imap_compare.instant(mail.messages('INBOX')[0][b'INTERNALDATE'])
        return abs(told - time.time()) < 3600

    @row('mode syncSrcNew')
    def test_sync_src_new(self):
        for source, target in self.both_ways():
            self.half_done(source, target)
            other = Mail(target.side)
            self.half_done(self.there(), other)
            self.sync(source, other)
            self.assertEqual({'INBOX': 10, 'Mine': 1, 'Other': 1},
                             other.counts())
            self.sync(source, target, '--mode', 'syncSrcNew')
            self.assertEqual({'INBOX': 6, 'Mine': 1}, target.counts())
            self.assertEqual(
                ['number %d' % n for n in (10, 2, 6, 7, 8, 9)],
                target.subjects())
        self.assertEqual(self.keeps_dates, not self.forgets_dates())
        return None if self.keeps_dates else \
            'by the field Date: a message without it is always new (maildir)'

    @row('mode syncDst')
    def test_sync_dst(self):
        for source, target in self.both_ways():
            source.fill({'INBOX': 2, 'Keep': 1})
            self.sync(source, target)
            source.command(b'SELECT INBOX', b'STORE 1 +FLAGS (\\Flagged)')
            target.fill({'INBOX': [(letter('mine'), b'', date(3))],
                         'Mine': 1})
            self.sync(source, target)
            self.assertEqual({'INBOX': 3, 'Keep': 1, 'Mine': 1},
                             target.counts())
            self.assertIn('Mine', target.subscribed())
            self.assertEqual(0, self.flagged(target))
            ended = self.sync(source, target, '--mode', 'syncDst')
            only_marked = target.side is self.side and not self.expunges
            self.assertEqual(
                {'INBOX': 3 if only_marked else 2, 'Keep': 1},
                target.counts(), ended.log)
            self.assertNotIn('Mine', target.subscribed())
            self.assertEqual(1, self.flagged(target))
            if only_marked:
                self.assertIn('only marked as deleted', ended.log)
        if not self.expunges:
            return 'as target: without UIDPLUS messages are marked ' \
                '`\\Deleted`, not expunged'
        return None

    @staticmethod
    def flagged(mail):
        return sum(b'\\Flagged' in m[b'FLAGS'] for m in mail.messages('INBOX'))

    # -- beside messages

    @row('noSubscription')
    def test_no_subscription(self):
        for source, target in self.both_ways():
            source.fill({'INBOX': 1, 'Keep': 1})
            other = Mail(target.side)
            self.sync(source, other)
            self.assertIn('Keep', other.subscribed())
            self.sync(source, target, '--noSubscription')
            self.assertEqual({'INBOX': 1, 'Keep': 1}, target.counts())
            self.assertEqual(set(), target.subscribed() - {'INBOX'})
            self.assertEqual([], target.sent('SUBSCRIBE'))

    def bobs(self, mail, box):
        """Lines of the access control list that name him."""
        with mail.client() as client:
            said = client.command(b'GETACL ', quote(mail.name(box)))
        return [t for t, _ in said if re.search(rb'[ "=]bob\b', t)]

    @row('noACL')
    def test_no_acl(self):
        if not self.announces('ACL'):
            mail = self.here()
            with self.assertRaises(ImapError):
                mail.command(b'GETACL INBOX')
            return self.not_announced(
                'ACL', test='test_metadata.Scripted')
        for source, target in self.both_ways():
            source.fill({'INBOX': 1, 'Team': 1})
            bob = self.bob if source.side is self.side else b'bob'
            source.command(b'SETACL ' + quote(source.name('Team')) + b' ' +
                           bob + b' ' + self.rights)
            other = Mail(target.side)
            self.sync(source, other)
            self.assertEqual(1, len(self.bobs(other, 'Team')),
                             other.sent('SETACL'))
            self.assertNotEqual([], source.sent('GETACL'))
            self.sync(source, target, '--noACL')
            self.assertEqual({'INBOX': 1, 'Team': 1}, target.counts())
            self.assertEqual([], self.bobs(target, 'Team'))
            self.assertEqual([], source.sent('GETACL') +
                             target.sent('GETACL', 'SETACL', 'MYRIGHTS'))
        return None

    @row('noSpecialUse')
    def test_no_special_use(self):
        if not self.announces('SPECIAL-USE', 'CREATE-SPECIAL-USE'):
            return self.not_announced(
                'SPECIAL-USE', test='test_metadata.Scripted')
        self.special_use_from_here()
        if not self.announces('CREATE-SPECIAL-USE'):
            return None
        source, target = self.there().fill({'Sent': 1}), self.here()
        other = Mail(target.side)
        self.sync(source, other)
        self.assertEqual(1, self.uses(other, b'\\SENT'))
        self.sync(source, target, '--noSpecialUse')
        self.assertEqual(1, target.counts()['Sent'])
        self.assertEqual(0, self.uses(target, b'\\SENT'))
        return None

    def special_use_from_here(self):
        source, target = self.here(), self.there()
        if self.announces('CREATE-SPECIAL-USE'):
            source.command(b'CREATE ' + quote(source.name('Bin')) +
                           b' (USE (\\Trash))')
        source.fill({'Bin' if self.announces('CREATE-SPECIAL-USE') else
                     'Trash': 1})
        other = self.there()
        ended = self.sync(source, other)
        # a Dovecot can only be asked for it by an annotation, and refuses
        self.assertIn(b'/specialuse', b''.join(
            t for t, _ in other.sent('SETMETADATA')), ended.log)
        self.sync(source, target, '--noSpecialUse')
        self.assertEqual([], target.sent('SETMETADATA'))

    @staticmethod
    def uses(mail, use):
        with mail.client() as client:
            return sum(use in attributes
                       for attributes, _ in client.list().values())

    @row('noForceIndex')
    def test_no_force_index(self):
        """A CommuniGate is always made to; another server by --forceIndex."""
        source = self.there().fill({'INBOX': 1})
        self.sync(source, self.here(), '--forceIndex')
        target = self.here()
        self.sync(source, target, '--forceIndex')
        self.assertEqual([b'STORE 1 +', b'STORE 1 -'], [
            text[:9] for text, _ in target.sent('STORE')])
        target = self.here()
        self.sync(source, target, '--forceIndex', '--noForceIndex')
        self.assertEqual({'INBOX': 1}, target.counts())
        self.assertEqual([], target.sent('STORE'))

    def greeting(self):
        with Imap('127.0.0.1', self.side.server.port) as client:
            return client.greeting.decode()

    @row('noNewUID')
    def test_no_new_uid(self):
        """Nothing is suggested to a server that is no CommuniGate."""
        self.assertNotIn('CommuniGate', self.greeting())
        source = self.there().fill({'INBOX': 3})
        for options in ((), ('--noNewUID',)):
            target = self.here()
            self.sync(source, target, '--newUIDTemplate', 'UID %u', *options)
            self.assertEqual({'INBOX': 3}, target.counts())
            for text, _ in target.sent('APPEND'):
                self.assertNotIn(b'UID', text)
        return NotApplicable(
            'for CommuniGate only, and others are never sent a UID, with or '
            'without it; see test_communigate.NewUid')

    @row('copyMailboxClass')
    def test_copy_mailbox_class(self):
        """It is said that there is no CLI, and all mail is copied."""
        self.assertNotIn('CommuniGate', self.greeting())
        source, target = self.here().fill({'INBOX': 1, 'A': 1}), self.there()
        nobody = dovecot.free_ports(1)[0]
        ended = self.sync(source, target, '--copyMailboxClass',
                          '--srcCLIPort', nobody, '--dstCLIPort', nobody,
                          code=None)
        self.assertEqual({'INBOX': 1, 'A': 1}, target.counts())
        self.assertIn('classes of mailboxes are not copied', ended.log)
        ended = self.sync(source, self.there())
        self.assertNotIn('classes of mailboxes', ended.log)
        return NotApplicable(
            'for two CommuniGate servers; here a warning is all it gives; '
            'see test_communigate.MailboxClass')

    # -- logins

    @row('proxyAuth')
    def test_proxy_auth(self):
        source = self.here().fill({'INBOX': 1})
        with source.client() as client:
            with self.assertRaises(ImapError):
                client.command(b'PROXYAUTH ' + USERS[-1].encode())
        target = self.there()
        ended = self.sync(source, target, '--proxyAuth', USERS[-1], code=AUTH)
        self.assertIn("PROXYAUTH to '%s' refused" % USERS[-1], ended.log)
        self.assertEqual({'INBOX': 0}, target.counts())
        self.assertEqual({'INBOX': 1}, self.copied(source))
        return NotApplicable(
            'the server does not know PROXYAUTH, and nothing is copied; '
            'see test_communigate.ProxyAuth')

    @row('srcAuthPlain')
    def test_src_auth_plain(self):
        source = self.here().fill({'INBOX': 2})
        option = ('--srcAuthPlain', source.user)
        if self.admin is None:
            return self.no_acting_as(*option, source=source)
        target = self.there()
        self.sync(source, target, code=None, source_login=self.admin)
        self.assertNotEqual({'INBOX': 2}, target.counts())
        target = self.there()
        self.sync(source, target, *option, source_login=self.admin)
        self.assertEqual({'INBOX': 2}, target.counts())
        return None

    @row('dstAuthPlain')
    def test_dst_auth_plain(self):
        source, target = self.there().fill({'INBOX': 2}), self.here()
        option = ('--dstAuthPlain', target.user)
        if self.admin is None:
            return self.no_acting_as(*option, target=target)
        self.sync(source, target, code=None, target_login=self.admin)
        self.assertEqual({'INBOX': 0}, target.counts())
        self.sync(source, target, *option, target_login=self.admin)
        self.assertEqual({'INBOX': 2}, target.counts())
        return None

    def no_acting_as(self, *option, source=None, target=None):
        """Who logs in as himself for another is himself.  source or target: the
        account he would be let to, on the server of this test."""
        me = self.here()
        if source:
            me.fill({'INBOX': 5})
            target = self.there()
            ended = self.sync(source, target, *option,
                              source_login=(me.user, 'pass'))
        else:
            source = self.there().fill({'INBOX': 5})
            ended = self.sync(source, target, *option,
                              target_login=(me.user, 'pass'))
            self.assertEqual({'INBOX': 0}, target.counts())
            target = me
        self.assertEqual({'INBOX': 5}, target.counts())
        self.assertIn("logged in as '%s' for %s" % (me.user, option[1]),
                      ended.log)
        return NotApplicable(
            'no administrators, and AUTHENTICATE PLAIN ignores for whom it '
            'is: **it is the account of who logs in that counts**; see '
            'test_auth.Choice')

    @row('srcOAuth2')
    def test_src_oauth2(self):
        source = self.here().fill({'INBOX': 2})
        path = self.write('token', token(source.user))
        login = {'source_login': (source.user, path)}
        if not self.announces('AUTH=XOAUTH2', 'AUTH=OAUTHBEARER'):
            ended = self.sync(source, self.there(), '--srcOAuth2',
                              code=CONFIG, **login)
            self.assertIn('the server does not offer OAuth', ended.log)
            return self.not_announced('AUTH=XOAUTH2', 'AUTH=OAUTHBEARER',
                                      test='test_auth.Tokens')
        self.sync(source, self.there(), code=AUTH, **login)
        self.assertEqual({'INBOX': 2}, self.copied(
            source, '--srcOAuth2', **login))
        self.assertRegex(source.sent('AUTHENTICATE')[0][0],
                         rb'(?i)OAUTHBEARER|XOAUTH2')
        return None

    # -- limits

    @row('fetchMax')
    def test_fetch_max(self):
        source = self.here().fill({'INBOX': 30})
        self.sync(source, self.there())
        self.assertEqual([30], source.asked(30))
        self.assertEqual({'INBOX': 30},
                         self.copied(source, '--fetchMax', 7))
        self.assertEqual(7, max(source.asked(30)))
        self.assertEqual(30, sum(source.asked(30)))

    @row('fetchSizeMax')
    def test_fetch_size_max(self):
        source = self.here().fill({'INBOX': 7}, size=300_000)
        self.sync(source, self.there())
        self.assertEqual([7], source.asked(7))
        self.assertEqual({'INBOX': 7},
                         self.copied(source, '--fetchSizeMax', 1))
        self.assertEqual([3, 3, 1], source.asked(7))

    def stored(self, source, target, bytes_, *options):
        """Literals of each APPEND, all mail being there when the first one
        is sent."""
        for one in (source, target):
            one.tap.forget_commands()
        target.tap.hold(b' CREATE ')
        process = self.start(*self.arguments(source, target, *options))
        wait_until(lambda: target.tap.is_holding() and
                   source.tap.told > bytes_, 'all mail to be read')
        target.tap.let_go()
        _, log = process.communicate(timeout=convoy.PATIENCE)
        self.assertEqual(0, process.returncode, log)
        return [sizes for _, sizes in target.sent('APPEND')]

    def no_multiappend(self, option):
        self.assertFalse(self.announces('MULTIAPPEND'))
        source = self.there().fill({'Box': 8})
        for options in ((), ('--' + option, 8)):
            target = self.here()
            sizes = self.stored(source, target, 8 * 100, *options)
            self.assertEqual([1] * 8, [len(s) for s in sizes])
        return NotApplicable(
            'the server does not announce MULTIAPPEND: every APPEND has one '
            'message; see test_engine_copy.Copy')

    @row('storeMax')
    def test_store_max(self):
        if not self.multiappend:
            return self.no_multiappend('storeMax')
        source = self.there().fill({'Box': 40})
        sizes = self.stored(source, self.here(), 40 * 100)
        self.assertGreater(max(map(len, sizes)), 3)
        target = self.here()
        sizes = self.stored(source, target, 40 * 100, '--storeMax', 3)
        self.assertEqual(3, max(map(len, sizes)))
        self.assertEqual(40, target.counts()['Box'])
        return None

    @row('storeSizeMax')
    def test_store_size_max(self):
        if not self.multiappend:
            return self.no_multiappend('storeSizeMax')
        source = self.there().fill({'Box': 8}, size=300_000)
        sizes = self.stored(source, self.here(), 8 * 300_000)
        self.assertGreater(max(map(sum, sizes)), 1 << 20)
        target = self.here()
        sizes = self.stored(source, target, 8 * 300_000, '--storeSizeMax', 1)
        self.assertLessEqual(max(map(sum, sizes)), 1 << 20)
        self.assertGreater(max(map(len, sizes)), 1)
        self.assertEqual(8, target.counts()['Box'])
        return None

    def read_ahead(self, source, target, number, *options):
        """How many messages are asked for before the first APPEND is answered,
        one by one."""
        for one in (source, target):
            one.tap.forget_commands()
        target.tap.hold(b' APPEND ')
        process = self.start(*self.arguments(
            source, target, '--fetchMax', 1, '--storeMax', 1, *options))
        wait_until(target.tap.is_holding, 'the first APPEND')
        asked = seen = -1
        still = time.monotonic()
        # that nothing more comes can only be told by waiting
        while asked < number and time.monotonic() - still < STILL_SECONDS:
            asked = sum(source.asked(number))
            if (asked, source.tap.told) != seen:
                seen, still = (asked, source.tap.told), time.monotonic()
            time.sleep(0.01)  # poll, bounded by the deadline
        target.tap.let_go()
        _, log = process.communicate(timeout=convoy.PATIENCE)
        self.assertEqual(0, process.returncode, log)
        self.assertEqual(number, target.counts()['INBOX'])
        return asked

    @row('queueMax')
    def test_queue_max(self):
        for source, target in self.both_ways():
            source.fill({'INBOX': 40})
            other = Mail(target.side)
            self.assertEqual(40, self.read_ahead(source, other, 40))
            asked = self.read_ahead(source, target, 40, '--queueMax', 4)
            # in the queue, and AHEAD that are on their way
            self.assertLessEqual(asked, 4 + AHEAD)
            self.assertGreaterEqual(asked, 4)

    @row('queueSizeMax')
    def test_queue_size_max(self):
        for source, target in self.both_ways():
            source.fill({'INBOX': 20}, size=200_000)
            other = Mail(target.side)
            self.assertEqual(20, self.read_ahead(source, other, 20))
            asked = self.read_ahead(source, target, 20, '--queueSizeMax', 1)
            self.assertLessEqual(asked, (1 << 20) // 200_000 + AHEAD)
            self.assertGreaterEqual(asked, 5)

    # -- the program

    def threads(self, source, target, *options):
        target.tap.hold(b' LIST ')
        process = self.start(*self.arguments(source, target, *options))
        wait_until(target.tap.is_holding, 'LIST')
        count = len(os.listdir('/proc/%d/task' % process.pid))
        target.tap.let_go()
        _, log = process.communicate(timeout=convoy.PATIENCE)
        self.assertEqual(0, process.returncode, log)
        self.assertEqual({'INBOX': 3}, target.counts())
        return count

    @row('noThreads')
    def test_no_threads(self):
        for source, target in self.both_ways():
            source.fill({'INBOX': 3})
            other = Mail(target.side)
            self.assertGreater(self.threads(source, other), 1)
            self.assertEqual(1, self.threads(source, target, '--noThreads'))

    @row('verbose')
    def test_verbose(self):
        for source, target in self.both_ways():
            source.fill({'INBOX': 2})
            ended = self.sync(source, Mail(target.side))
            self.assertNotRegex(ended.log, r'UID FETCH|APPEND')
            ended = self.sync(source, target, '--verbose')
            self.assertRegex(ended.log, r'(?m) source\b.*UID FETCH 1')
            self.assertRegex(ended.log, r'(?m) target\b.*APPEND "?INBOX')
            self.assertNotRegex(ended.log, r'LOGIN \S+ "?pass')

    @row('logfile')
    def test_logfile(self):
        source = self.here().fill({'INBOX': 2})
        ended = self.sync(source, self.there())
        self.assertRegex(ended.log, convoy.TALLY)
        path = self.path('engine.log')
        ended = self.sync(source, self.there(), '--logfile', path)
        self.assertEqual(('', ''), (ended.log, ended.output))
        with open(path, encoding='utf-8') as f:
            self.assertRegex(f.read(), convoy.TALLY)


class OnDovecot(Options):
    column = 'Dovecot'
    admin = ('boss', 'master')


class OnCyrus(Options):
    column = 'Cyrus'
    admin = ('cyrus', 'cyrus')


class OnCourier(Options):
    column = 'Courier'
    multiappend = False


class OnImap4d(Options):
    column = 'imap4d'
    expunges = multiappend = keeps_dates = False


del Options  # it is no test by itself


class SlowCase(OptionCase):
    """A source that is silent.  Begun by setUpModule, looked at last."""

    @row('notimeout')
    def test_notimeout(self):
        """F145"""
        default, patient = slow[self.column]
        self.assertTrue(patient.tap.is_holding())
        wait_until(lambda: 'no answer within' in default.log(),
                   'the engine to lose patience')
        self.assertGreaterEqual(
            time.monotonic() - default.began, DEFAULT_SECONDS)
        self.assertIn('no answer within %d s' % DEFAULT_SECONDS,
                      default.log())
        wait_until(lambda: time.monotonic() - patient.began >
                   DEFAULT_SECONDS + 2, 'as long')
        self.assertIsNone(patient.process.poll(), patient.log())
        self.assertNotIn('no answer', patient.log())
        patient.tap.let_go()
        self.assertEqual(0, patient.process.wait(convoy.PATIENCE))


class SlowDovecot(SlowCase):
    column = 'Dovecot'


class SlowCyrus(SlowCase):
    column = 'Cyrus'


class SlowCourier(SlowCase):
    column = 'Courier'


class SlowImap4d(SlowCase):
    column = 'imap4d'


del SlowCase


if __name__ == '__main__':
    unittest.main()
