# SPDX-License-Identifier: MIT
"""What mailconvoy says about a plan without running it. Needs no server."""
import json
import subprocess
import unittest

from convoy import CANARY, SUPERVISOR, Case

LAYERS = '''version: 1
name: ex
servers:
  old: {host: a, preset: gmail, limits: {connections: 12}}
  new: {host: b, preset: exchange}
defaults:
  source: {server: old, auth: plain, login: root, as: "{user}", password: {env: PATH}}
  target: {server: new, token: {command: [sh, -c, "echo %(canary)s"]}}
  options: {skip_mailbox: [Junk, Trash], fetch: {max_messages: 20}}
passes:
  final: {options: {mode: syncSrcNew}}
groups:
  vip: {priority: 3, options: {also_skip_mailbox: [Old], acl: null}}
accounts:
  - {id: anna, user: anna@example.org, groups: [vip]}
  - {id: bob, user: b, source: {password: %(canary)s, user: bb}}
''' % {'canary': CANARY}


class ToolCase(Case):
    def tool(self, *arguments, code=0):
        done = subprocess.run(
            [SUPERVISOR, *arguments], cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn(CANARY, done.stdout + done.stderr)
        return done


class Show(ToolCase):
    def setUp(self):
        super().setUp()
        self.write('plan.yaml', LAYERS)

    def settings(self, account, *arguments):
        done = self.tool('show', 'plan.yaml', account, '-o', 'json',
                         *arguments)
        return {s['key']: s for s in json.loads(done.stdout)['settings']}

    def test_each_value_says_where_it_stands(self):
        got = self.settings('anna', '--pass', 'final')
        for key, value, line, origin in (
                ('id', 'anna', 15, ''),
                ('groups', 'vip', 15, ''),
                ('priority', '3', 13, 'group vip'),
                ('source.server', 'old', 7, 'defaults'),
                ('source.login', 'root', 7, 'defaults'),
                ('source.as', 'anna@example.org', 7, 'defaults'),
                ('source.password', '{env: PATH}', 7, 'defaults'),
                ('source.limits.connections', '12', 4, 'server "old"'),
                ('source.limits.per_account_daily', '2GiB', None,
                 'preset gmail (server "old")'),
                ('target.login', 'anna@example.org', 15, ''),
                ('target.token', '{command: [sh, ...]}', 8, 'defaults'),
                ('options.mode', 'syncSrcNew', 11, 'pass final'),
                ('options.skip_mailbox', 'Junk, Trash, Old', 13,
                 'group vip, also_skip_mailbox'),
                ('options.acl', 'true', 13, 'group vip: null'),
                ('options.long_lines', 'wrap', None,
                 'preset office365 (server "new")'),
                ('options.fetch.max_messages', '20', 9, 'defaults'),
                ('options.fetch.max_size', '10MiB', None, 'built-in'),
                ('options.connections', '1', None, 'limits of the servers'),
                ('options.timeout', '1m', None, 'built-in')):
            with self.subTest(key):
                self.assertEqual(
                    (got[key]['value'], got[key].get('line'),
                     got[key]['origin']), (value, line, origin))

    def test_an_own_password_logs_in_as_itself(self):
        got = self.settings('bob')
        self.assertEqual(got['source.password']['value'], '********')
        self.assertEqual(got['source.login']['value'], 'bb')
        self.assertEqual(got['source.login']['line'], 16)
        self.assertEqual(got['source.auth']['origin'], 'built-in')
        self.assertNotIn('source.as', got)
        self.assertEqual(got['options.mode']['value'], 'syncSrcAll')

    def test_the_table_for_people(self):
        text = self.tool('show', 'plan.yaml', 'anna', '--origin').stdout
        self.assertRegex(text, r'(?m)^options\.skip_mailbox +'
                         r'= Junk, Trash, Old +plan\.yaml:13:\d+ +'
                         r'\(group vip, also_skip_mailbox\)$')
        self.assertRegex(text, r'(?m)^options\.mode += syncSrcAll +built-in$')
        plain = self.tool('show', 'plan.yaml', 'anna').stdout
        self.assertRegex(plain, r'(?m)^options\.mode += syncSrcAll$')

    def test_who_is_not_there(self):
        self.assertIn("no account 'eve'",
                      self.tool('show', 'plan.yaml', 'eve', code=66).stderr)
        self.assertIn('no pass "dleta"', self.tool(
            'check', 'plan.yaml', '--pass', 'dleta', code=78).stderr)


if __name__ == '__main__':
    unittest.main()
