# SPDX-License-Identifier: MIT
"""What mailconvoy says about a plan without running it. Needs no server."""
import glob
import json
import os
import re
import subprocess
import unittest

from convoy import CANARY, ENGINE, ROOT, SUPERVISOR, Case

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
    def tool(self, *arguments, code=0, env=None):
        done = subprocess.run(
            [SUPERVISOR, *arguments], cwd=self.folder, text=True,
            env={**os.environ, **(env or {})},
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


class Check(ToolCase):
    def test_problems_as_records(self):
        """F154"""
        self.write('plan.yaml', LAYERS.replace('preset: gmail', 'preset: gmial')
                   .replace('{id: bob, user:', '{id: bob, usr:'))
        got = json.loads(self.tool('check', 'plan.yaml', '-o', 'json',
                                   code=78).stdout)
        self.assertEqual((got['plan'], got['errors']), ('plan.yaml', 2))
        first, second = got['problems']
        self.assertEqual(
            (first['code'], first['severity'], first['file'], first['line'],
             first['column'], first['end_column']),
            ('E0126', 'error', 'plan.yaml', 4, 26, 31))
        self.assertEqual(second['code'], 'E0107')
        self.assertIn('did you mean "user"?', second['hint'])

    def test_a_good_plan_as_a_record(self):
        self.write('plan.yaml', LAYERS)
        got = json.loads(self.tool('check', 'plan.yaml', '-o', 'json').stdout)
        self.assertEqual((got['accounts'], got['servers'], got['problems']),
                         (2, 2, []))

    def test_options_of_the_engine_are_keys(self):
        """Each is named with what to write; what else stands there is not."""
        done = subprocess.run([ENGINE, '--help'], capture_output=True,
                              text=True, timeout=60)
        options = set(re.findall(r'--(\w+)', done.stdout)) - {
            'help', 'version', 'no', 'src', 'dst'}
        self.assertGreater(len(options), 50)
        self.write('plan.yaml', LAYERS + 'engine_args:\n' + ''.join(
            '  - --%s\n' % o for o in sorted(options)) +
            '  - %s\n  - --pw=%s\n' % (CANARY, CANARY))
        done = self.tool('check', 'plan.yaml', '-o', 'json', code=78)
        found = {p['message'].split()[0].lstrip('-'): p['hint']
                 for p in json.loads(done.stdout)['problems']
                 if p['code'] == 'E0103'}
        self.assertEqual(options | {'engine_args'}, set(found))
        self.assertEqual('instead: source: auth', found['srcAuth'])
        self.assertEqual('instead: options.acl: false', found['noACL'])
        self.write('plan.yaml', LAYERS +
                   'engine_args: [--noACL, %s]\n' % CANARY)
        self.assertIn('--noACL is said in another way', self.tool(
            'check', 'plan.yaml', code=78).stderr)

    def test_strict_takes_no_warnings(self):
        self.write('plan.yaml', LAYERS)
        self.assertNotIn('strict', self.tool(
            'check', 'plan.yaml', '--strict').stderr)
        self.write('plan.yaml', LAYERS.replace('[Old]', '[Entwürfe]'))
        for arguments in ((), ('-o', 'json'), ('--connect',)):
            done = self.tool('check', 'plan.yaml', '--strict', *arguments,
                             code=78)
            self.assertIn('W0219', done.stdout + done.stderr)
        self.assertIn('with --strict 1 warning counts as error', done.stderr)
        self.assertFalse(os.path.exists(self.path('state')))
        for name, hint in (('Entwürfe', 'Entw&APw-rfe'), ('R&D', 'R&-D'),
                           ('R&D*', None), ('R&-D', None)):
            self.write('plan.yaml', LAYERS.replace('[Old]', '["%s"]' % name))
            got = json.loads(self.tool(
                'check', 'plan.yaml', '-o', 'json').stdout)['problems']
            self.assertEqual(
                [hint] if hint else [],
                [p['hint'].split('"')[1] for p in got], name)
        self.write('plan.yaml', LAYERS.replace('[Old]', '[Entwürfe]'))
        got = json.loads(self.tool('check', 'plan.yaml', '-o', 'json').stdout)
        self.assertEqual((0, 1), (got['errors'], got['warnings']))

    def test_colour(self):
        self.write('plan.yaml', 'version: 2\n')
        for arguments, env, wanted in (
                ((), {}, False),
                (('--color', 'always'), {}, True),
                (('--color', 'always'), {'NO_COLOR': '1'}, True),
                (('--color', 'auto'), {'CLICOLOR_FORCE': '1'}, True),
                ((), {'CLICOLOR_FORCE': '1', 'NO_COLOR': '1'}, False),
                (('--color', 'never'), {'CLICOLOR_FORCE': '1'}, False)):
            for verb in ('check', 'run', 'status', 'preview'):
                with self.subTest(verb=verb, arguments=arguments, env=env):
                    done = self.tool(verb, 'plan.yaml', *arguments, code=78,
                                     env=env)
                    self.assertIn('E0128', done.stderr)
                    self.assertEqual(wanted, '\x1b[' in done.stderr)

    def test_exit_codes_are_those_of_people(self):
        self.write('plan.yaml', LAYERS, mode=0o644)
        self.assertIn('E0304', self.tool('check', 'plan.yaml', '-o', 'json',
                                         code=77).stdout)
        self.assertIn('E0001', self.tool('check', 'no.yaml', '-o', 'json',
                                         code=66).stdout)


# Dotted words in quotes that are no reasons: kinds of records, keys of plans,
# hosts, files.
NO_REASONS = re.compile(
    r'account\.(plan|start|end|drop)|run\.(start|resume|end|go|halt|hold)|'
    r'(source|target|defaults)\.(server|user|password|source|target|options|'
    r'sizes)|(ctl|status|memory)\.\w+|limit\.change|server\.login|'
    r'server\.plan|window\.begin|disk\.free|mailconvoy\.prom|'
    r'\w+\.(com|net|org|yaml|csv|tsv|txt|html)')


def sources(*folders):
    for folder in folders:
        for name in glob.glob(os.path.join(ROOT, folder, '**', '*.c'),
                              recursive=True):
            with open(name, encoding='utf-8') as f:
                yield name, f.read()


class Explain(ToolCase):
    def names(self):
        lines = self.tool('explain').stdout.splitlines()
        return [line.split()[0] for line in lines]

    def test_every_code_and_reason_of_the_programs_has_a_paragraph(self):
        known = set(self.names())
        used = {}
        for name, text in sources('config'):
            for code in re.findall(r'"([EW]\d{4})"', text):
                used[code] = name
        for name, text in sources('engine', 'orchestrator', 'cmd', 'config'):
            if 'explain' in name:
                continue
            # points at which a debug build can be killed have names, too
            text = re.sub(r'step_point\("[a-z.]+"\)', '', text)
            for reason in re.findall(r'"([a-z]+\.[a-z_]+)"', text):
                if not NO_REASONS.fullmatch(reason):
                    used[reason] = name
        self.assertGreater(len(used), 150)
        self.assertEqual(
            {k: v for k, v in used.items() if k not in known}, {})

    def test_the_names_are_sorted_and_unique(self):
        names = self.names()
        self.assertEqual(len(names), len(set(names)))
        codes = [n for n in names if n[0] in 'EW' and n[1:].isdigit()]
        self.assertEqual(names[:len(codes)], codes)
        self.assertEqual(codes, sorted(codes))

    def test_one_a_family_and_none(self):
        one = self.tool('explain', 'e0107').stdout
        self.assertTrue(one.startswith('E0107: an unknown key\n'))
        self.assertLessEqual(max(map(len, one.splitlines())), 79)
        family = self.tool('explain', 'throttle.*').stdout
        self.assertIn('throttle.daily: ', family)
        self.assertIn('throttle.later: ', family)
        self.assertIn("did you mean 'E0107'?",
                      self.tool('explain', 'E01077', code=64).stderr)


class Schema(ToolCase):
    """Needs python3-jsonschema and python3-yaml to compare; the keys are
    looked for without them."""

    def schema(self):
        return json.loads(self.tool('schema').stdout)

    def validator(self):
        try:
            import jsonschema
            import yaml
        except ImportError as e:
            self.skipTest('not installed: %s' % e.name)
        schema = self.schema()
        jsonschema.Draft202012Validator.check_schema(schema)
        check = jsonschema.Draft202012Validator(schema)
        return lambda text: [e.message for e in check.iter_errors(
            yaml.safe_load(text))]

    def good_plans(self):
        yield 'layers', LAYERS
        for pattern in ('samples/*.yaml', 'samples/plans/*.yaml',
                        'tests/fuzz/corpus/plan/*'):
            for name in sorted(glob.glob(os.path.join(ROOT, pattern))):
                with open(name, encoding='utf-8', errors='replace') as f:
                    yield name, f.read()

    def test_good_plans_validate(self):
        errors_of = self.validator()
        seen = 0
        for name, text in self.good_plans():
            path = self.write('plan.yaml', text)
            got = subprocess.run([SUPERVISOR, 'check', path, '-o', 'json'],
                                 capture_output=True, text=True, timeout=60)
            problems = json.loads(got.stdout)['problems']
            # files that are elsewhere are nothing to a schema
            if any(p['code'] not in ('E0302', 'E0303', 'E0401', 'E0130')
                   for p in problems if p['severity'] == 'error'):
                continue
            seen += 1
            with self.subTest(name):
                self.assertEqual(errors_of(text), [])
        self.assertGreater(seen, 6)

    def test_bad_plans_do_not(self):
        errors_of = self.validator()
        for old, new in (('preset: gmail', 'preset: gmial'),
                         ('connections: 12', 'connections: 0'),
                         ('host: a', 'hots: a'),
                         ('version: 1', 'version: 2'),
                         ('max_messages: 20', 'max_messages: twenty'),
                         ('priority: 3', 'priority: -3'),
                         ('acl: null', 'acl: 1'),
                         ('password: {env: PATH}', 'password: {evn: PATH}')):
            with self.subTest(new):
                self.assertIn(old, LAYERS)
                self.assertNotEqual(errors_of(LAYERS.replace(old, new)), [])

    def test_every_key_of_the_parser_is_in_it(self):
        text = json.dumps(self.schema())
        for name, source in sources('config'):
            for key in re.findall(
                    r'\.name = "(\w+)",\s+\.type = PLAN_SCHEMA_(?!PLANNED)',
                    source):
                self.assertIn('"%s": {"description": "' % key, text, name)


class Init(ToolCase):
    def accounts(self, plan='plan.yaml'):
        got = json.loads(self.tool('check', plan, '-o', 'json').stdout)
        return got['accounts']

    def settings(self, account):
        done = self.tool('show', 'plan.yaml', account, '-o', 'json')
        return {s['key']: s['value']
                for s in json.loads(done.stdout)['settings']}

    def secret(self, name):
        path = self.path('secrets/' + name)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path, encoding='utf-8') as f:
            return f.read()

    def assert_no_secret_but_in_its_file(self):
        for name in ('plan.yaml', 'accounts.csv'):
            with open(self.path(name), encoding='utf-8') as f:
                self.assertNotIn(CANARY, f.read())
            self.assertEqual(os.stat(self.path(name)).st_mode & 0o777, 0o600)

    def test_an_example(self):
        out = self.tool('init', '-o', 'new/place').stdout
        self.assertIn('2 accounts', out)
        self.assertEqual(self.accounts('new/place/plan.yaml'), 2)

    def test_the_users_of_the_guide(self):
        self.write('users.txt', 'anna\t%s\nbob\t a "b, \n' % CANARY)
        self.tool('init', '--from', 'users.txt')
        self.assertEqual(self.accounts(), 2)
        self.assertEqual(self.secret('anna.source'), CANARY + '\n')
        self.assertEqual(self.secret('anna.target'), CANARY + '\n')
        self.assertEqual(self.secret('bob.source'), ' a "b, \n')
        self.assert_no_secret_but_in_its_file()
        got = self.settings('anna')
        self.assertEqual(got['source.login'], 'anna')
        self.assertTrue(
            got['source.password'].endswith('/secrets/anna.source}'))

    def test_a_file_of_imapsync(self):
        self.write('mass.txt', '# host1;user1;password1;host2;...\n'
                   'one.example.org;a;%s;new.example.org;a@x;pa;\n'
                   'two.example.org;"b,c";pb;new.example.org;b/c;pc;\n'
                   % CANARY)
        self.tool('init', '--from', 'mass.txt')
        self.assertEqual(self.accounts(), 2)
        self.assertEqual(self.secret('a@x.source'), CANARY + '\n')
        self.assertEqual(self.secret('account-2.target'), 'pc\n')
        self.assert_no_secret_but_in_its_file()
        got = self.settings('account-2')
        self.assertEqual((got['source.server'], got['source.login'],
                          got['target.server'], got['target.login']),
                         ('old2', '"b,c"', 'new', 'b/c'))

    def test_a_file_of_exchange(self):
        self.write('batch.csv', 'EmailAddress,UserName,Password\r\n'
                   'anna@x,"an,na",%s\r\n' % CANARY)
        self.tool('init', '--from', 'batch.csv')
        self.assertEqual(self.accounts(), 1)
        self.assertEqual(self.secret('anna@x.source'), CANARY + '\n')
        self.secret('target')
        got = self.settings('anna@x')
        self.assertEqual((got['source.login'], got['target.login']),
                         ('an,na', 'anna@x'))

    def test_nothing_is_overwritten(self):
        self.write('users.txt', 'anna\tx\n')
        self.write('plan.yaml', 'mine\n')
        self.assertIn('nothing is overwritten', self.tool(
            'init', '--from', 'users.txt', code=73).stderr)
        with open(self.path('plan.yaml'), encoding='utf-8') as f:
            self.assertEqual(f.read(), 'mine\n')
        self.assertFalse(os.path.exists(self.path('accounts.csv')))

    def test_what_cannot_be_taken_writes_nothing(self):
        self.write('users.txt', 'anna\n%s x y\n' % CANARY)
        self.assertIn('E0403', self.tool(
            'init', '--from', 'users.txt', code=78).stderr)
        for name in ('plan.yaml', 'accounts.csv', 'secrets'):
            self.assertFalse(os.path.exists(self.path(name)), name)
        self.tool('init', '--from', 'none.txt', code=66)
        self.write('users.txt', 'anna\tx\nanna\ty\n')
        self.assertIn('users.txt:2: there is a secret of \'anna\'',
                      self.tool('init', '-o', 'd', '--from', 'users.txt',
                                code=78).stderr)


if __name__ == '__main__':
    unittest.main()
