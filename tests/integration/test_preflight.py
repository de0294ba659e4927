# SPDX-License-Identifier: MIT
"""What is done before a run: the look of an engine (--probe), check --connect,
preview, and the guard before anything is deleted.  None of it may change
anything on either side."""
import glob
import json
import os
import signal
import subprocess
import time
import unittest

import convoy
from convoy import PLAIN, Case
from dovecot import Dovecot
from imap_client import quote
from scripted_server import Fault, MiniServer, Refused, Session

QUOTA = '''
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=%s
}
'''
# what a look may never send
CHANGING = convoy.WRITING + ('SELECT', 'SUBSCRIBE', 'UNSUBSCRIBE')
MESSAGE = b'Subject: x\r\nMessage-ID: <%d@x>\r\n\r\n%s\r\n'


def message(number, size=100):
    return MESSAGE % (number, b'y' * size)


class Talkative(Session):
    """Knows quota and finds large messages; says what its server was told."""

    quota = b'* QUOTA "" (STORAGE 10 20)\r\n'
    namespace = None

    def do_getquotaroot(self, name):
        self.need(name)
        self.io.send(b'* QUOTAROOT INBOX "" "b"\r\n' + self.quota)
        return b'done'

    def do_namespace(self):
        if self.namespace is None:
            return super().do_namespace()
        self.io.send(self.namespace)
        return b'done'

    def do_search(self, *keys):
        if not keys or keys[0].upper() != b'LARGER':
            return super().do_search(*keys)
        found = [n for n, m in enumerate(self._box().messages, 1)
                 if len(m.raw) > int(keys[1])]
        self.io.send(b'* SEARCH' + b''.join(b' %d' % n for n in found) +
                     b'\r\n')
        return b'done'


class Look(Case):
    """Two sides; a look, and what its records say."""

    def look(self, source, target, *options, code=0, password='pass'):
        """{side or None: record}, [other records]"""
        reading, writing = os.pipe()
        process = self.start(
            *PLAIN, '--probe', '--timeout', 5, '--recordFd', writing, *options,
            '127.0.0.1:%d' % source.port, 'anna', 'pass',
            '127.0.0.1:%d' % target.port, 'anna', password,
            pass_fds=[writing])
        os.close(writing)
        with open(reading, 'rb') as f:
            lines = f.read().splitlines()
        _, self.log = process.communicate(timeout=convoy.PATIENCE)
        self.assertEqual(code, process.returncode, self.log[-3000:])
        for line in lines:
            self.assertLess(len(line), 4000)
        records = [json.loads(line) for line in lines]
        self.assertEqual('end', records[-1]['ev'])
        self.assertEqual(code, records[-1]['exit'])
        sides = {r.get('side'): r for r in records if r['ev'] == 'probe'}
        return sides, [r for r in records if r['ev'] != 'probe']

    def assert_not_changed(self, *servers):
        for server in servers:
            if isinstance(server, MiniServer):
                names = {n for n, _ in server.commands}
                self.assertEqual([], server.strange)
            else:
                names = set(server.commands())
            self.assertIn('EXAMINE', names)
            self.assertFalse(names & set(CHANGING), names)


class Probe(Look):
    """--probe of the engine."""

    def test_two_dovecots(self):
        convoy.need_dovecot()
        with Dovecot(rawlog=True) as source, \
                Dovecot(rawlog=True, extra=QUOTA % '2M') as target:
            expected = convoy.fill(source)
            with convoy.account(source) as client:
                sizes = sum(client.counts().values())
            source.forget_commands()
            sides, _ = self.look(source, target)
            self.assert_not_changed(source, target)
            one = sides['source']['probe']
            self.assertEqual(sum(expected.values()), one['messages'])
            self.assertEqual(sizes, one['messages'])
            self.assertEqual(0, one['unsized'])
            self.assertGreater(one['bytes'], 100000)
            self.assertNotIn('storage_limit', one)
            two = sides['target']['probe']
            self.assertEqual(2 << 20, two['storage_limit'])
            self.assertIn('QUOTA', sides['target']['capabilities'].split())
            both = sides[None]['probe']
            self.assertEqual(one['messages'], both['copy_messages'])
            self.assertEqual(one['bytes'], both['copy_bytes'])
            self.assertEqual(0, both['refused'])
            # a few flights: login, list, INBOX
            self.assertLess(sum(source.commands().values()), 12)
            # after a run there is nothing left to be copied
            self.engine(*PLAIN, '127.0.0.1:%d' % source.port, 'anna', 'pass',
                        '127.0.0.1:%d' % target.port, 'anna', 'pass', code=0)
            both = self.look(source, target)[0][None]['probe']
            self.assertEqual((0, 0, 0), (both['copy_messages'], both['create'],
                                         both['copy_bytes']))

    def test_quota_limit_and_names(self):
        class Narrow(Talkative):
            quota = (b'* QUOTA "" (STORAGE 1 9999)\r\n'
                     b'* QUOTA "b" (MESSAGE 7 9 STORAGE 15 20)\r\n')
        with MiniServer(session=Talkative) as source, \
                MiniServer(session=Narrow, capability=(
                    'QUOTA', 'APPENDLIMIT=2000')) as target:
            for n in range(6):
                source.box('INBOX').add(message(n, 5000 if n < 2 else 10))
            source.box('B').add(message(9))
            source.box('A').add(message(10))
            source.box('Empty')
            sides, others = self.look(
                source, target, '--renameMailbox', 'B', 'A', code=1)
            self.assert_not_changed(source, target)
            two = sides['target']['probe']
            self.assertEqual((15 << 10, 20 << 10, 7, 9, 2000), (
                two['storage_used'], two['storage_limit'], two['count_used'],
                two['count_limit'], two['append_limit']))
            # sizes are not told: what INBOX holds stands for the others
            one = sides['source']['probe']
            self.assertEqual(8, one['unsized'])
            self.assertGreater(one['bytes'], 10000)
            both = sides[None]['probe']
            self.assertEqual((2, 1), (both['too_big'], both['refused']))
            refused = [r for r in others if r['ev'] == 'refused']
            self.assertEqual(['B'], [r['mailbox'] for r in refused])
            self.assertIn('that of another mailbox', refused[0]['text'])

    def test_one_side_refused(self):
        """A refused password is tried once, the other side is looked at."""
        with MiniServer() as source, MiniServer() as target:
            source.box('INBOX').add(message(1))
            sides, others = self.look(source, target, password='wrong',
                                      code=77)
            self.assertEqual(1, target.count('LOGIN', 'AUTHENTICATE'))
            self.assertEqual(1, sides['source']['probe']['messages'])
            self.assertEqual('auth.rejected', sides['target']['reason'])
            self.assertNotIn(None, sides)
            self.assertEqual('auth.rejected', others[-1]['reason'])

    def test_inbox_that_cannot_be_opened(self):
        with MiniServer(faults=[Fault('no', 'EXAMINE', text=b'[NOPERM] no')]) \
                as source, MiniServer() as target:
            sides, _ = self.look(source, target, code=1)
            self.assertEqual('folder.inbox', sides['source']['reason'])
            self.assertIn('[NOPERM] no', sides['source']['text'])

    def test_silence_ends(self):
        with MiniServer(faults=[Fault('stall', 'LIST')]) as source, \
                MiniServer() as target:
            sides, _ = self.look(source, target, '--timeout', 1, code=75)
            self.assertEqual('net.timeout', sides['source']['reason'])

    def test_stopped_while_a_server_never_stops_talking(self):
        class Noisy(Session):
            def do_list(self, reference, pattern):
                while not self.io.stopping.is_set():
                    self.io.send(b'* OK still looking\r\n' * 4000)

        with MiniServer(session=Noisy) as source, MiniServer() as target:
            process = self.start(
                *PLAIN, '--probe', '127.0.0.1:%d' % source.port, 'anna',
                'pass', '127.0.0.1:%d' % target.port, 'anna', 'pass')
            convoy.wait_until(lambda: source.count('LIST') > 0, 'a LIST')
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=10)
            self.assertEqual(4, process.returncode)

    def test_hostile_answers(self):
        """F054 F057 F059: odd namespaces, quotas and names spoil nothing."""
        evil = b'\x1b[31m\xe2\x80\xae$(x)'

        class Odd(Talkative):
            quota = (b'* QUOTA "" (STORAGE 5)\r\n* QUOTA\r\n'
                     b'* QUOTA "" (STORAGE 99999999999999999999 1)\r\n'
                     b'* QUOTA "" (STORAGE 1 18446744073709551615)\r\n')
            namespace = b'* NAMESPACE ((({3}\r\na\0b "//")) NIL\r\n'

            def do_list(self, reference, pattern):
                self.io.send(b'* LIST () "/" ' + quote(evil) + b'\r\n'
                             b'* LIST () "/" {2}\r\n\r\n\r\n'
                             b'* LIST () "//" x\r\n')
                return super().do_list(reference, pattern)
        words = ('QUOTA', 'NAMESPACE', 'APPENDLIMIT')
        with MiniServer(session=Odd, capability=words) as source, \
                MiniServer(session=Odd, capability=words,
                           append_limits={}) as target:
            sides, others = self.look(source, target, code=1)
            self.assertNotIn('storage_limit', sides['target']['probe'])
            self.assertNotIn('append_limit', sides['target']['probe'])
            said = json.dumps(others, ensure_ascii=False) + self.log
            for byte in ('\x1b', '\u202e', '\r'):
                self.assertNotIn(byte, said)
            self.assertGreater(sides[None]['probe']['refused'], 0)
            self.assertEqual(
                set(), {n for n, _ in source.commands + target.commands} &
                set(CHANGING))

    def test_mirror(self):
        with MiniServer() as source, MiniServer() as target:
            source.box('INBOX').add(message(1))
            for n in range(3):
                target.box('Gone').add(message(n))
                target.box('INBOX').add(message(n))
            sides, others = self.look(source, target, '--mode', 'syncDst')
            both = sides[None]['probe']
            self.assertEqual((5, 1), (both['delete_messages'],
                                      both['delete_mailboxes']))
            self.assertEqual(
                [('Gone', 3, 'DELETE')],
                [(r['target'], r['expected'], r['step']) for r in others
                 if r['ev'] == 'would_delete'])
            self.assert_not_changed(source, target)


class Batch(Look):
    """A plan of some accounts, and commands about it."""

    def plan(self, source, target, accounts, *more):
        self.source, self.target = source, target
        return self.write('plan.yaml', '\n'.join((
            'version: 1', 'name: demo', 'servers:',
            '  old: {host: 127.0.0.1, port: %d, tls: none, '
            'allow_plaintext: true}' % source.port,
            '  new: {host: 127.0.0.1, port: %d, tls: none, '
            'allow_plaintext: true}' % target.port,
            'defaults:', '  source: {server: old, password: pass}',
            '  target: {server: new, password: pass}', *more,
            'accounts:', *('  - ' + a for a in accounts))) + '\n')

    def convoy(self, *arguments, code=0, **kwargs):
        environment = dict(os.environ, MAILCONVOY_ENGINE=convoy.ENGINE)
        ended = subprocess.run(
            [convoy.SUPERVISOR, *map(str, arguments)], check=False,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment, timeout=convoy.PATIENCE, cwd=self.folder,
            **{'stdin': subprocess.DEVNULL, **kwargs})
        self.assertEqual(code, ended.returncode,
                         ended.stdout + ended.stderr[-3000:])
        return ended

    def found(self, *arguments, code=0):
        """check --connect as {id: account}"""
        ended = self.convoy('check', self.path('plan.yaml'), '--connect',
                            '-o', 'json', *arguments, code=code)
        said = json.loads(ended.stdout)
        return {a['id']: a for a in said['accounts']}


class Check(Batch):
    """check --connect"""

    def test_go_and_no_go(self):
        convoy.need_dovecot()
        with Dovecot(rawlog=True, passwords={'eve': 'other'}) as source, \
                Dovecot(rawlog=True, extra=QUOTA % '300k') as target:
            convoy.fill(source, 'anna')
            source.forget_commands()
            self.plan(source, target, (
                '{user: anna}', '{user: bob}', '{user: eve}'))
            found = self.found(code=1)
            self.assert_not_changed(source, target)
            self.assertEqual(
                {'anna': False, 'bob': True, 'eve': False},
                {i: a['go'] for i, a in found.items()})
            self.assertEqual(['quota.target'], [
                p['reason'] for p in found['anna']['problems']])
            self.assertEqual(['auth.rejected'], [
                p['reason'] for p in found['eve']['problems']])
            self.assertEqual(0, found['eve']['target']['probe']['messages'])
            self.assertEqual('/', found['anna']['source']['separator'])
            # one session a side and account: nobody is locked out
            logins = sum(n for w, n in source.commands().items()
                         if w in ('LOGIN', 'AUTHENTICATE'))
            self.assertLessEqual(logins, 3)
            table = self.convoy('check', self.path('plan.yaml'), '--connect',
                                code=1).stdout
            for words in ('NO-GO', '1 go, 2 no-go', 'to do: raise the quota',
                          'to do: correct user, password'):
                self.assertIn(words, table)
            # no other run is begun or goes on with it
            self.assertEqual(['accounts', 'checks', 'lock'], sorted(
                os.listdir(self.path('state/demo'))))
            self.convoy('status', self.path('plan.yaml'), code=66)

    def test_selection(self):
        convoy.need_dovecot()
        with Dovecot() as source, Dovecot() as target:
            plan = self.plan(source, target, (
                '{user: anna}', '{user: annika}', '{user: bob}',
                '{user: carl, groups: [vip]}'), 'groups: {vip: {}}')
            self.assertEqual({'anna', 'annika'},
                             set(self.found('--account', 'ann*')))
            ids = self.write('ids', 'carl\n# none\n')
            self.assertEqual({'bob', 'carl'}, set(self.found(
                '--account', 'bob', '--accounts-from', ids)))
            self.assertEqual({'anna', 'annika'},
                             set(self.found('--limit', 2)))
            self.assertEqual({'bob', 'carl'}, set(self.found(
                '--account', 'b?b', '--group', 'vip')))
            for wrong in (('--group', 'other'), ('--account', 'nobody'), ('--limit', '0'),
                          ('--limit', 'x')):
                self.convoy('check', plan, '--connect', *wrong, code=64)
            self.convoy('check', plan, '--accounts-from', 'none', code=66)
            # a run of a part is not the end of the run
            ended = self.convoy('run', plan, '--account', 'bob')
            self.assertIn('1 of 1 accounts ok, 3 not selected', ended.stdout)
            ended = self.convoy('run', plan, '--limit', 2)
            self.assertIn('continuing unfinished', ended.stderr)
            self.assertIn('2 of 4 accounts are to be run', ended.stderr)
            ended = self.convoy('run', plan)
            self.assertIn('1 of 4 accounts are to be run', ended.stderr)
            self.assertIn('4 of 4 accounts ok', ended.stdout)
            self.assertNotIn('dropped', ended.stderr)

    def test_rules_of_runs_do_not_hold(self):
        """Neither a closed window nor many failures keep a look."""
        days = ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')
        far = days[(time.gmtime().tm_wday + 3) % 7]
        with MiniServer() as source, \
                MiniServer(password='other') as target:
            self.plan(source, target, ('{user: anna}', '{user: bob}'),
                      'limits: {jobs: 1}',
                      'schedule: {windows: [{days: %s}]}' % far,
                      'halt: {failures: 1}')
            found = self.found(code=1)
            self.assertEqual([True, True],
                             [a['looked_at'] for a in found.values()])

    def test_nobody_answers(self):
        with MiniServer() as source, MiniServer() as target:
            self.plan(source, target, ('{user: anna}',))
            target.stop()
            found = self.found(code=1)
            self.assertEqual('net.refused',
                             found['anna']['problems'][0]['reason'])
            self.assertIn('host and port',
                          found['anna']['problems'][0]['to_do'])
            # what waits longer than a look is not waited for
            self.assertEqual(1, source.connections)

    def test_hostile_names_in_the_table(self):
        """F205: F057: names of strangers do not move the cursor."""
        with MiniServer() as source, MiniServer() as target:
            source.boxes[b'\x1b[2Ja\x07'] = source.box('A')
            source.boxes[b'\x1b[2Ja\x07'].name = b'\x1b[2Ja\x07'
            self.plan(source, target, ('{user: anna, options: {rename_mailbox:'
                                       ' [{from: "*", to: X}]}}',))
            for form in ('table', 'json'):
                ended = self.convoy('check', self.path('plan.yaml'),
                                    '--connect', '-o', form, code=1)
                self.assertIn('folder.name', ended.stdout)
                for byte in ('\x1b', '\x07'):
                    self.assertNotIn(byte, ended.stdout + ended.stderr)


class Preview(Batch):
    """preview"""

    def preview(self, *arguments, code=0):
        """(what is printed, what the file says)"""
        path = self.path('preview.json')
        ended = self.convoy('preview', self.path('plan.yaml'), '-o', path,
                            *arguments, code=code)
        self.assertEqual(0o600, os.stat(path).st_mode & 0o7777)
        with open(path, encoding='utf-8') as f:
            said = json.load(f)
        self.assertNotIn('pass', json.dumps(said))
        self.assertEqual([], [n for n in os.listdir(self.folder)
                              if n.startswith('preview.json.')])
        return ended.stdout, said

    def test_what_a_run_would_do(self):
        convoy.need_dovecot()
        with Dovecot(rawlog=True, passwords={'eve': 'other'}) as source, \
                Dovecot(rawlog=True) as target:
            count = sum(convoy.fill(source, 'anna').values())
            source.forget_commands()
            plan = self.plan(source, target, (
                '{user: anna}', '{user: bob}', '{user: eve}'))
            text, said = self.preview(code=1)
            names = set(source.commands()) | set(target.commands())
            self.assertFalse(names & set(convoy.WRITING), names)
            self.assertIn('Nothing will be deleted', text)
            self.assertIn('there was no run', text)
            self.assertIn('! auth.rejected', text)
            anna, bob, eve = said['accounts']
            self.assertEqual((True, count, 0), (
                anna['known'], anna['copy'], anna['delete']))
            self.assertEqual((True, 0), (bob['known'], bob['copy']))
            self.assertEqual((False, 'auth'), (eve['known'], eve['outcome']))
            self.assertNotIn('copy', eve)
            # the same by numbers, without comparing anything
            source.forget_commands()
            _, fast = self.preview('--sizes', code=1)
            self.assert_not_changed(source)
            self.assertNotIn('UID FETCH', source.commands())
            self.assertFalse(fast['exact'])
            self.assertEqual((anna['copy'], anna['bytes']), (
                fast['accounts'][0]['copy'], fast['accounts'][0]['bytes']))
            # what was done is no work any more, and tells the speed
            self.convoy('preview', plan, '--exit-code', '--account', 'anna',
                        code=1)
            self.convoy('run', plan, '--account', 'anna')
            text, said = self.preview('--exit-code', '--account', 'anna')
            self.assertEqual((0, count), (said['total']['copy'],
                                          said['total']['present']))
            self.assertIn('the mean of run', said['time_basis'])
            text, said = self.preview('--account', '[ab]*')
            self.assertEqual(['anna', 'bob'],
                             [a['id'] for a in said['accounts']])
            self.convoy('preview', plan, '-o', '/dev/null', '--account',
                        'bob', code=73)
            self.convoy('preview', plan, '-o', code=64)

    def test_mirror(self):
        """What a mirror would delete is listed, name by name."""
        with MiniServer() as source, MiniServer() as target:
            source.box('INBOX').add(message(1))
            for n in range(4):
                target.box('Gone\\').add(message(n))
                target.box('INBOX').add(message(n))
            self.plan(source, target, ('{user: anna}',),
                      '  options: {mode: syncDst}',
                      'deletes: {max_per_account: 50}')
            text, said = self.preview()
            anna = said['accounts'][0]
            self.assertEqual((7, 1), (anna['delete'],
                                      anna['delete_mailboxes']))
            self.assertEqual(
                {('Gone\\\\', 4, True), ('INBOX', 3, False)},
                {(d['target'], d['messages'], d['mailbox'])
                 for d in anna['deletions']})
            self.assertIn("mailbox 'Gone\\\\' with 4 messages", text)
            self.assertIn("of 'INBOX' 3 messages", text)
            self.assertIn('--approved', text)
            self.assertFalse({n for n, _ in target.commands} &
                             set(convoy.WRITING))
            # above the ceiling nothing would be deleted, and why
            self.plan(source, target, ('{user: anna}',),
                      '  options: {mode: syncDst}',
                      'deletes: {max_per_account: 6}')
            text, said = self.preview()
            self.assertEqual(0, said['accounts'][0]['delete'])
            self.assertIn('7 messages would go', said['accounts'][0]['warning'])


class Guard(Batch):
    """Nothing is deleted that nobody has seen."""

    MIRROR = ('  options: {mode: syncDst}',
              'deletes: {max_per_account: 50}')

    def setUp(self):
        super().setUp()
        self.source = self.server()
        self.target = self.server()

    def server(self):
        class Mirrored(Talkative):
            """Lets messages be deleted."""

            def do_expunge(self):
                return b'done'

            def do_uid_expunge(self, numbers):
                gone = [m for _, m in self._chosen(numbers, True)
                        if b'\\Deleted' in m.flags]
                self._box().messages = [
                    m for m in self._box().messages if m not in gone]
                return b'done'
        server = MiniServer(session=Mirrored, capability=('UIDPLUS',))
        self.addCleanup(server.stop)
        return server

    def mirror(self, accounts=('{user: anna}',), surplus=3):
        self.source.box('INBOX').add(message(0))
        for n in range(surplus + 1):
            self.target.box('INBOX').add(message(n))
        return self.plan(self.source, self.target, accounts, *self.MIRROR)

    def left(self):
        return len(self.target.box('INBOX').messages)

    def deleted(self):
        return self.target.count('UID STORE', 'UID EXPUNGE', 'DELETE')

    def approve(self, *arguments):
        path = self.path('seen.json')
        self.convoy('preview', self.path('plan.yaml'), '-o', path, *arguments)
        return path

    def account(self, run=None):
        ended = self.convoy('status', run or self.path('plan.yaml'),
                            '-o', 'json')
        return json.loads(ended.stdout)['list'][0]

    def test_not_without_a_word(self):
        plan = self.mirror()
        for more in ((), ('--no-input',), ('--new-run',)):
            ended = self.convoy('run', plan, *more, code=64)
            self.assertIn('preview', ended.stderr)
            self.assertIn('--approved FILE', ended.stderr)
        self.assertFalse(os.path.exists(self.path('state')))
        self.assertEqual(0, self.target.connections)
        # what changes nothing needs no approval
        self.convoy('run', plan, '--dry-run')
        self.assertEqual((4, 0), (self.left(), self.deleted()))

    def test_with_what_was_seen(self):
        plan = self.mirror()
        seen = self.approve()
        self.convoy('run', plan, '--approved', seen)
        self.assertEqual(1, self.left())
        run = glob.glob(self.path('state/demo/runs/*'))[0]
        self.assertEqual(0o600, os.stat(run + '/approval.json').st_mode &
                         0o7777)
        with open(run + '/approval.json', encoding='utf-8') as f:
            self.assertEqual(3, json.load(f)['accounts'][0]['delete'])

    def test_not_more_than_was_seen(self):
        """What would go beyond the approved number is stopped before the
        first deletion."""
        plan = self.mirror()
        seen = self.approve()
        self.target.box('INBOX').add(message(99))
        self.convoy('run', plan, '--approved', seen, code=1)
        self.assertEqual((5, 0), (self.left(), self.deleted()))
        self.assertEqual('partial', self.account()['outcome'])
        # neither by going on: the approval stays with the run
        self.convoy('resume', plan, code=1)
        self.assertEqual((5, 0), (self.left(), self.deleted()))
        self.convoy('resume', plan, '--approved', self.approve())
        self.assertEqual(1, self.left())

    def test_no_other_mailbox(self):
        plan = self.mirror()
        seen = self.approve()
        self.target.box('New')
        self.convoy('run', plan, '--approved', seen, code=1)
        self.assertIn(b'New', self.target.boxes)
        self.assertEqual((4, 0), (self.left(), self.deleted()))

    def test_an_approval_is_about_one_plan(self):
        plan = self.mirror()
        seen = self.approve()
        self.plan(self.source, self.target, ('{user: anna}',),
                  '  options: {mode: syncDst, skip_mailbox: [X]}',
                  'deletes: {max_per_account: 50}')
        ended = self.convoy('run', plan, '--approved', seen, code=78)
        self.assertIn('another than was previewed', ended.stderr)
        self.mirror(surplus=0)
        self.approve('--sizes')
        ended = self.convoy('run', plan, '--approved', seen, code=78)
        self.assertIn('nobody counted', ended.stderr)
        for text in ('', '{}', '[]', '{"v":1,"kind":"preview","exact":true}',
                     '{"v":2,"kind":"preview","exact":true,"accounts":[]}'):
            wrong = self.write('wrong', text)
            self.convoy('run', plan, '--approved', wrong, code=78)
        self.convoy('run', plan, '--approved', 'missing', code=66)
        self.assertEqual(0, self.deleted())

    def test_an_account_that_is_not_in_it_is_not_run(self):
        plan = self.mirror(('{user: anna, target: {prefix: Own/}}',
                            '{id: twin, user: anna, '
                            'target: {prefix: Twin/}}'))
        seen = self.approve('--account', 'twin')
        before = self.target.connections
        ended = self.convoy('run', plan, '--approved', seen, '--account',
                            'anna', code=1)
        self.assertEqual(before, self.target.connections)
        self.assertIn('delete.unapproved', ended.stdout)
        self.assertIn('not run', ended.stdout)
        account = self.account()
        self.assertEqual(('config', 'delete.unapproved'),
                         (account['outcome'], account['reason']))

    def test_resume_stays_approved(self):
        plan = self.mirror()
        seen = self.approve()
        self.target.faults.append(Fault('no', 'LOGIN', times=1, text=b'[AUTHE'
                                        b'NTICATIONFAILED] wrong'))
        self.convoy('run', plan, '--approved', seen, code=1)
        self.assertEqual((4, 0), (self.left(), self.deleted()))
        self.convoy('resume', plan)
        self.assertEqual(1, self.left())
        # another run needs another word
        self.convoy('run', plan, '--new-run', code=64)

    def test_the_number_is_that_of_the_run(self):
        """What an attempt has deleted is not there for the next one."""
        plan = self.mirror()
        seen = self.approve()
        # the same number again, while the run is not over
        self.source.box('Refused').add(message(50))
        self.target.judge = lambda raw, *_: b'NO too bad'
        self.convoy('run', plan, '--approved', seen, code=1)
        self.assertEqual(1, self.left())
        for n in range(3):
            self.target.box('INBOX').add(message(70 + n))
        self.convoy('resume', plan, code=1)
        self.assertEqual(4, self.left())
        # what is approved anew counts anew
        path = self.path('again.json')
        self.convoy('preview', plan, '-o', path)
        self.convoy('resume', plan, '--approved', path, code=1)
        self.assertEqual(1, self.left())

    def typed(self, plan, answer):
        """run at a terminal; (exit code, what was said)"""
        mine, theirs = os.openpty()
        try:
            process = subprocess.Popen(
                [convoy.SUPERVISOR, 'run', plan], stdin=theirs, stdout=theirs,
                stderr=theirs, cwd=self.folder, close_fds=True,
                env=dict(os.environ, MAILCONVOY_ENGINE=convoy.ENGINE))
            self.addCleanup(convoy.end, process)
            os.close(theirs)
            said = b''
            while b'to go on: ' not in said:
                said += os.read(mine, 4096)
            os.write(mine, answer + b'\n')
            while True:
                try:
                    more = os.read(mine, 4096)
                except OSError:
                    break
                if not more:
                    break
                said += more
            return process.wait(convoy.PATIENCE), said.decode()
        finally:
            os.close(mine)

    def test_typed_at_a_terminal(self):
        plan = self.mirror()
        for answer in (b'', b'yes', b'dem', b'demo2'):
            code, said = self.typed(plan, answer)
            self.assertEqual(64, code, said)
        self.assertEqual(0, self.target.connections)
        self.assertIn('at most 50 messages', said)
        code, said = self.typed(plan, b'demo')
        self.assertEqual(0, code, said)
        self.assertEqual(1, self.left())


if __name__ == '__main__':
    unittest.main()
