# SPDX-License-Identifier: MIT
"""A soak in miniature: what `make soak` does for hours."""
import collections
import json
import os
import subprocess
import sys
import types

import convoy
from convoy import Case, account
from dovecot import Dovecot

FOLDER = os.path.join(convoy.ROOT, 'tests', 'soak')
SOAK = os.path.join(FOLDER, 'soak')
sys.path.insert(0, FOLDER)
import judge  # noqa: E402
import owners  # noqa: E402
import verdict  # noqa: E402
import world as worlds  # noqa: E402


def setUpModule():
    convoy.need_dovecot()


class Soak(Case):
    def soak(self, *arguments):
        """(exit code, summary, what it printed)"""
        # its servers' sockets need a short name
        folder = self.folder + '/s'
        os.mkdir(folder)
        os.chmod(self.folder, 0o755)  # they may run as nobody
        ended = subprocess.run(
            [sys.executable, SOAK, '--folder', folder, '--keep',
             *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            timeout=6 * convoy.PATIENCE,
            env={**os.environ, 'MAILCONVOY_BUILD': convoy.BUILD})
        with open(folder + '/summary.json', encoding='utf-8') as f:
            return ended.returncode, json.load(f), ended.stdout

    def test_f221_invariants_hold_at_every_checkpoint(self):
        """F219, F221: engines, supervisors and servers die while owners change
        their mail; then nothing is lost, doubled or left over."""
        code, said, text = self.soak('--minutes', 0.15, '--checkpoint', 5,
                                     '--accounts', 5, '--seed', 221)
        self.assertEqual([], said['violations'], text[-4000:])
        self.assertEqual(0, code, text[-4000:])
        self.assertGreater(len(said['rows']), 0)
        self.assertGreater(said['changes'], 0)
        self.assertGreater(sum(said['faults'].values()), 0)


class Judge(Case):
    """It does see what it is there for."""

    def world(self, **servers):
        found = []
        return types.SimpleNamespace(
            seed=1, servers=servers, found=found, accounts=[
                worlds.Account('anna', 'all', 'old', 'new', {}),
                worlds.Account('anna', 'mirror', 'old', 'new', {})],
            violate=lambda text, *args: found.append(text % args),
            connect=lambda server, _: account(servers[server]),
            prefix=lambda server: b'', separator=lambda server: b'/')

    def test_what_is_missing_and_doubled(self):
        with Dovecot() as old, Dovecot() as new:
            the_world = self.world(old=old, new=new)
            owner = owners.Owner(the_world, the_world.accounts[0])
            ever = {'anna': owner}
            with account(old) as client, account(new) as other:
                owner.client = client
                first, second = owner_message(1), owner_message(2)
                client.append('INBOX', first)
                client.append('INBOX', second)
                owner.see(b'INBOX')
                dates = {m[b'UID']: m[b'INTERNALDATE']
                         for m in client.fetch(b'INBOX')}
                for raw, uid in ((first, b'1'), (second, b'2')):
                    other.append('INBOX', raw, b'', dates[uid])
                judge.accounts_agree(the_world, ever)
                self.assertEqual([], the_world.found)
                other.append('INBOX', first, b'', dates[b'1'])
                judge.accounts_agree(the_world, ever)
                self.assertIn('is there 2 x', the_world.found[0])
                self.assertIn('too many on the target', the_world.found[1])
                del the_world.found[:]
                other.command(b'SELECT INBOX')
                other.command(b'STORE 1:2 +FLAGS.SILENT (\\Deleted)')
                other.command(b'EXPUNGE')
                judge.accounts_agree(the_world, ever)
                self.assertIn('missing on the target', the_world.found[0])
                before = judge.pictures(the_world, 'source')
                client.command(b'SELECT INBOX')
                client.command(b'STORE 1 +FLAGS (\\Seen)')
                del the_world.found[:]
                judge.unchanged(the_world, 'x', before,
                                judge.pictures(the_world, 'source'))
                self.assertEqual(1, len(the_world.found))

    def test_what_grows(self):
        rows = [collections.defaultdict(lambda: 1000) for _ in range(6)]
        self.assertEqual([], [g for g in verdict.growth(rows) if g['grown']])
        for row in rows[-2:]:
            row['engine_hwm'] = 9000
        self.assertEqual(['memory of engines, KiB'], [
            g['name'] for g in verdict.growth(rows) if g['grown']])

    def test_what_a_run_may_end_with(self):
        def line(outcome, number=1, reason=''):
            return {'outcome': outcome, 'exit': number, 'reason': reason}
        kills = collections.Counter(kill_engine=1)
        nothing = collections.Counter()
        self.assertTrue(judge.is_bearable(line('crash', 137), kills))
        self.assertFalse(judge.is_bearable(line('crash', 137), nothing))
        self.assertFalse(judge.is_bearable(line('crash', 139), kills))
        self.assertFalse(judge.is_bearable(line('internal', 70), kills))
        self.assertFalse(judge.is_bearable(line('local', 74), kills))


def owner_message(number):
    return (b'From: a@example.org\r\nSubject: %d\r\nMessage-ID: <m%d@x>\r\n'
            b'\r\ntext\r\n' % (number, number))
