# SPDX-License-Identifier: MIT
"""A mirror between servers that are not as expected: what must stay, stays
(P5)."""
import unittest

from convoy import PLAIN, Case
from scripted_server import Fault, Hangup, MiniServer, Refused, Session


def message(number, subject='number'):
    return (b'From: a@example.org\r\nSubject: %s %d\r\n'
            b'Date: 02 Mar 2026 10:00:00 +0000\r\n'
            b'Message-ID: <%d@example.org>\r\n\r\nhello\r\n'
            % (subject.encode(), number, number))


class Expunging(Session):
    """With UIDPLUS."""

    def do_uid_expunge(self, numbers):
        chosen = [m for _, m in self._chosen(numbers, True)
                  if b'\\Deleted' in m.flags]
        box = self._box()
        box.messages[:] = [m for m in box.messages if m not in chosen]
        return b'done'


class SafetyCase(Case):
    def pair(self, session=Expunging, source_session=None,
             capability=('UIDPLUS',), **kwargs):
        self.source = MiniServer(session=source_session)
        self.addCleanup(self.source.stop)
        self.target = MiniServer(session=session, capability=capability,
                                 **kwargs)
        self.addCleanup(self.target.stop)

    def put(self, server, name, *numbers, **kwargs):
        box = server.box(name)
        for n in numbers:
            box.add(message(n, **kwargs))
        return box

    def mirror(self, *options, code=None):
        return self.engine(*PLAIN, '--mode', 'syncDst', '--timeout', 3,
                           *options,
                           '127.0.0.1:%d' % self.source.port, 'anna', 'pass',
                           '127.0.0.1:%d' % self.target.port, 'anna', 'pass',
                           code=code)

    def counts(self):
        return {n: len(m) for n, m in self.target.contents().items()}


class Folding(Expunging):
    """Takes "Sent" and "sent" for one, and lists what it has."""

    def need(self, name):
        for have in self.server.boxes:
            if have.lower() == name.lower():
                return self.server.boxes[have]
        raise Refused(b'NO [NONEXISTENT] no such mailbox')

    def do_create(self, name):
        if any(have.lower() == name.lower() for have in self.server.boxes):
            raise Refused(b'NO [ALREADYEXISTS] it is there')
        return super().do_create(name)

    def do_delete(self, name):
        del self.server.boxes[self.need(name).name]
        return b'done'


class Overtaking(Folding):
    """Answers STATUS while a FETCH goes on, as Dovecot does."""

    def do_uid_fetch(self, *arguments):
        if self.server.count('CREATE') and not self.server.count('STATUS_'):
            self.server.commands.append(('STATUS_', b''))
            self.io.send(b'* OK still here\r\n')
            text, literals = self.read_command()
            self.obey(text, literals)
        return super().do_uid_fetch(*arguments)


class Names(SafetyCase):
    def test_f065_status_overtakes_a_fetch(self):
        self.pair(session=Overtaking)
        self.put(self.source, 'INBOX', 1)
        self.put(self.source, 'Sent', 2, 3)
        self.put(self.target, 'INBOX', 1)
        self.put(self.target, 'sent', 2, 3)
        ended = self.mirror()
        self.assertEqual(1, self.target.count('STATUS_'))
        self.assertEqual(2, self.counts().get('sent'), ended.log)

    def test_f065_a_name_that_differs_in_case_only(self):
        self.pair(session=Folding)
        self.put(self.source, 'INBOX', 1)
        self.put(self.source, 'Sent', 2, 3)
        self.put(self.target, 'INBOX', 1)
        self.put(self.target, 'sent', 2, 3)
        for _ in range(2):
            ended = self.mirror()
            self.assertEqual(2, self.counts().get('sent'), ended.log)

    def test_f065_an_empty_one(self):
        self.pair(session=Folding)
        self.put(self.source, 'INBOX', 1)
        self.put(self.source, 'Sent')
        self.put(self.target, 'INBOX', 1)
        self.put(self.target, 'sent')
        ended = self.mirror()
        self.assertEqual(0, self.counts().get('sent'), ended.log)


class WithoutReference(Expunging):
    """Lists everything, whatever the first argument of LIST says."""

    def do_list(self, reference, pattern):
        return super().do_list(b'', pattern)

    do_lsub_of_all = Session.do_lsub

    def do_lsub(self, reference, pattern):
        return self.do_lsub_of_all(b'', pattern)


class Prefix(SafetyCase):
    def test_what_is_beside_the_prefix_stays(self):
        self.pair(session=WithoutReference)
        self.put(self.source, 'INBOX', 1)
        self.put(self.source, 'Sent', 2, 3)
        self.put(self.target, 'Mine', 4, 5).subscribed = True
        self.put(self.target, 'Old/Gone', 6)
        ended = self.mirror('--target', 'Old/')
        self.assertEqual(2, self.counts().get('Mine'), ended.log)
        self.assertTrue(self.target.boxes[b'Mine'].subscribed)
        self.assertNotIn('Old/Gone', self.counts())


class Silent(Session):
    """Counts nothing and lists nothing, and says OK."""

    def _open(self, name, read_only):
        self.selected = self.need(name)
        self.read_only = read_only
        self.io.send(b'* OK [UIDVALIDITY %d] valid\r\n'
                     % self.selected.uidvalidity)
        return b'[READ-ONLY] open'

    def do_uid_fetch(self, *_):
        return b'done'


class BadLsub(Session):
    def do_lsub(self, *_):
        self.io.send(b'* LSUB () "//" "Mine"\r\n* LSUB () "/" INBOX\r\n')
        return b'done'


class Source(SafetyCase):
    def test_f076_a_mailbox_that_status_does_not_know(self):
        self.pair()
        self.put(self.source, 'INBOX', 1)
        self.put(self.source, 'Work', 2)
        self.source.faults.append(Fault('no', 'STATUS', nth=2,
                                        text=b'[NONEXISTENT] not found'))
        ended = self.mirror()
        self.assertIn("'Work'", ended.log)

    def test_f079_exists_is_never_told(self):
        self.pair(source_session=Silent)
        self.put(self.source, 'INBOX', 1, 2)
        self.put(self.source, 'Sent', 3)
        self.put(self.target, 'INBOX', 1, 2)
        self.put(self.target, 'Sent', 3)
        ended = self.mirror('--force')
        self.assertEqual({'INBOX': 2, 'Sent': 1}, self.counts(), ended.log)

    def test_a_subscription_that_cannot_be_read(self):
        self.pair(source_session=BadLsub)
        for server in (self.source, self.target):
            self.put(server, 'INBOX', 1)
            self.put(server, 'Mine', 2).subscribed = True
        ended = self.mirror()
        self.assertTrue(self.target.boxes[b'Mine'].subscribed, ended.log)


class Arriving(Expunging):
    """Mail for a mailbox that is to go comes while INBOX is changed."""

    def do_uid_expunge(self, numbers):
        self.server.box('Gone').add(message(99, 'arrived'))
        return super().do_uid_expunge(numbers)


class CutAtDelete(Expunging):
    """The session ends at DELETE, and mail arrives before the next one."""

    def do_delete(self, name):
        if not any(m.raw == message(99, 'arrived')
                   for m in self.server.box('Gone').messages):
            self.server.box('Gone').add(message(99, 'arrived'))
            raise Hangup
        return super().do_delete(name)


class Swapped(Expunging):
    """STATUS of two mailboxes: the data first, then both ends."""

    def do_status(self, name, items):
        if name != b'Gone2' or self.server.count('UID EXPUNGE') == 0:
            return super().do_status(name, items)
        text, _ = self.read_command()
        tag, _, other = text.split(b' ')[:3]
        said = super().do_status(name, items)
        super().do_status(other.strip(b'"'), items)
        self.io.send(tag + b' OK done\r\n')
        return said


class Subtree(Expunging):
    """DELETE takes what is below along."""

    def do_delete(self, name):
        super().do_delete(name)
        for below in [n for n in self.server.boxes
                      if n.startswith(name + b'/')]:
            del self.server.boxes[below]
        return b'done'


class Meanwhile(SafetyCase):
    """F192"""

    def gone(self, session):
        self.pair(session=session)
        self.put(self.source, 'INBOX', 1)
        self.put(self.target, 'INBOX', 1, 2)
        self.put(self.target, 'Gone', 3)

    def test_mail_arrives_while_other_mailboxes_are_changed(self):
        self.gone(Arriving)
        ended = self.mirror()
        self.assertEqual(2, self.counts().get('Gone'), ended.log)
        self.assertIn('changed while we ran', ended.log)

    def test_mail_arrives_between_two_sessions(self):
        self.gone(CutAtDelete)
        ended = self.mirror()
        self.assertEqual(2, self.counts().get('Gone'), ended.log)

    def test_answers_in_another_order(self):
        self.gone(Swapped)
        self.put(self.target, 'Gone2', 4).uidvalidity = \
            self.target.box('Gone').uidvalidity

        class More(Swapped):
            def do_uid_expunge(self, numbers):
                self.server.box('Gone2').add(message(99, 'arrived'))
                return super().do_uid_expunge(numbers)
        self.target.session = More
        ended = self.mirror()
        self.assertEqual(2, self.counts().get('Gone2'), ended.log)

    def test_a_skipped_mailbox_keeps_its_parent(self):
        self.pair(session=Subtree)
        self.put(self.source, 'INBOX', 1)
        self.put(self.target, 'INBOX', 1)
        self.put(self.target, 'Old', 2)
        self.put(self.target, 'Old/Keep', 3)
        ended = self.mirror('--skipMailbox', 'Old/Keep')
        self.assertEqual({'INBOX': 1, 'Old': 0, 'Old/Keep': 1},
                         self.counts(), ended.log)


class Part(SafetyCase):
    """P5: what was not looked at is not missing on the source."""

    def test_a_subtree_of_the_source_is_not_all_of_it(self):
        self.pair()
        self.put(self.source, 'INBOX', 1)
        self.put(self.source, 'Sent', 2)
        self.put(self.source, 'abc/Box', 3)
        self.put(self.target, 'INBOX', 1)
        self.put(self.target, 'Sent', 2)
        ended = self.mirror('--source', 'abc/')
        self.assertEqual(1, self.counts().get('Sent'), ended.log)

    def test_a_new_name_is_refused(self):
        """Renamed on the source: the old one is the only copy there."""
        self.pair()
        self.put(self.source, 'INBOX', 1)
        self.put(self.source, 'New', 2, 3)
        self.put(self.target, 'INBOX', 1)
        self.put(self.target, 'Old', 2, 3)
        self.target.faults.append(Fault('no', 'CREATE', times=9,
                                        text=b'[CANNOT] not this name'))
        ended = self.mirror()
        self.assertEqual(2, self.counts().get('Old'), ended.log)


class WithoutUidplus(SafetyCase):
    """F124"""

    def test_what_is_left_in_a_parent_is_said(self):
        self.pair(capability=())
        self.put(self.source, 'INBOX', 1)
        self.put(self.source, 'A/B', 2)
        self.put(self.source, 'A').attributes = b'\\Noselect'
        self.put(self.target, 'INBOX', 1)
        self.put(self.target, 'A', 3)
        self.put(self.target, 'A/B', 2)
        ended = self.mirror()
        self.assertEqual(1, self.counts()['A'])
        self.assertIn('only marked as deleted', ended.log)

    def test_a_second_run_marks_nothing_again(self):
        self.pair(capability=())
        self.put(self.source, 'INBOX', 1)
        self.put(self.target, 'INBOX', 1, 2)
        self.mirror()
        self.target.forget_commands()
        self.mirror()
        self.assertEqual(0, self.target.count('UID STORE'))


if __name__ == '__main__':
    unittest.main()
