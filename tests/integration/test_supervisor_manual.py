# SPDX-License-Identifier: MIT
"""What is said about the supervisor: its pages and the completions of three
shells name the commands, options and keys that the program takes."""
import json
import os
import re
import shlex
import shutil
import subprocess
import unittest

from convoy import BUILD, PATIENCE, ROOT, SUPERVISOR, Case
from shells import Zsh, bash_offers, fish_offers

PAGES = {name: os.path.join(BUILD, 'man', name) for name in (
    'mailconvoy.1', 'mailconvoy-plan.5', 'mailconvoy-formats.5',
    'syncIMAPMail.1')}
BASH = os.path.join(BUILD, 'completions', 'mailconvoy.bash')
ZSH = os.path.join(BUILD, 'completions', '_mailconvoy')
FISH = os.path.join(BUILD, 'completions', 'mailconvoy.fish')
BASH_COMPLETION = '/usr/share/bash-completion/bash_completion'

COLUMNS = 80  # of a terminal
COMMON = {'help', 'version'}  # options of all commands
PLAN = '''version: 1
servers:
  old: {host: a}
passes:
  # one after the other
  bulk: {options: {mode: syncSrcAll}}
  final:
    options: {mode: syncSrcNew}
  $(touch planted): {}
groups:
  board: {priority: 1}
  bored: {}
accounts: []
'''


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def run(*arguments, **more):
    return subprocess.run(arguments, capture_output=True, text=True,
                          timeout=PATIENCE, **more)


def help_of(*verb):
    p = run(SUPERVISOR, *verb, '--help')
    assert p.returncode == 0, p.stderr
    return p.stdout


def verbs():
    """Arguments by command."""
    part = help_of().split('\nCommands:\n')[1].split('\n\n')[0]
    return {m.group(1): m.group(2) for m in re.finditer(
        r'^  (\w+)((?: \S+)*)(?:  .*)?$', part, re.M)}


def options_of(verb):
    """(letter, value) by option, as --help of the command has them."""
    return {m.group(2): (m.group(1), m.group(3) or '') for m in re.finditer(
        r'^  (?:-(\w),|   ) --([\w-]+)(?: (\S+))?(?:  .*)?$',
        help_of(verb), re.M)}


def unroff(text):
    for roff, plain in (('\\-', '-'), ('\\(ti', '~'), ('\\(dq', '"'),
                        ('\\(ga', '`'), ('\\&', ''), ('\\e', '\\')):
        text = text.replace(roff, plain)
    return text


def page(name):
    return unroff(read(PAGES[name]))


def examples(name):
    """The literal parts of a page's examples."""
    part = page(name).split('\n.Sh EXAMPLES\n')[1].split('\n.Sh ')[0]
    return re.findall(r'^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$', part, re.M)


def shown(name, width=COLUMNS):
    p = run('mandoc', '-Tascii', '-O', 'width=%d' % (width - 2), PAGES[name])
    assert p.returncode == 0, p.stderr
    return re.sub('.\b', '', p.stdout)


class Pages(Case):
    @unittest.skipUnless(shutil.which('mandoc'), 'mandoc is not installed')
    def test_mandoc_finds_nothing(self):
        for name, path in PAGES.items():
            with self.subTest(name):
                p = run('mandoc', '-Tlint', '-Wwarning', path)
                self.assertEqual(('', 0),
                                 (p.stdout + p.stderr, p.returncode))

    @unittest.skipUnless(shutil.which('mandoc'), 'mandoc is not installed')
    def test_fits_the_screen(self):
        for name in PAGES:
            long = [line for line in shown(name).splitlines()
                    if len(line) > COLUMNS and ' ' in line.strip()]
            self.assertEqual([], long, name)

    def test_leaves_no_mark(self):
        for path in PAGES.values():
            self.assertEqual([], re.findall(r'@[A-Z]+\b[^@\n]*@', read(path)))

    def test_refers_to_pages_and_sections_that_are_there(self):
        for name in PAGES:
            text = read(PAGES[name])
            for m in re.finditer(r'^\.Xr (mailconvoy\S*|syncIMAP\S*) (\d)',
                                 text, re.M):
                self.assertIn('%s.%s' % m.groups(), PAGES)
            heads = set(re.findall(r'^\.S[hs] (.*)$', text, re.M))
            for m in re.finditer(r'^\.Sx (.*?)(?: [.,;)])*$', text, re.M):
                self.assertIn(m.group(1), heads, name)

    def test_sources_are_not_too_long(self):
        folder = os.path.join(ROOT, 'docs', 'man')
        for name in os.listdir(folder):
            self.assertLessEqual(
                len(read(os.path.join(folder, name)).splitlines()), 800, name)


class Commands(Case):
    def synopsis(self):
        part = page('mailconvoy.1').split('\n.Sh SYNOPSIS\n')[1]
        part = part.split('\n.Sh ')[0]
        return {text.split('\n')[0]: text
                for text in re.split(r'^\.Nm\n\.Cm ', part, flags=re.M)[1:]}

    def test_synopsis_has_what_each_command_takes(self):
        synopsis = self.synopsis()
        self.assertEqual(list(verbs()), list(synopsis))
        for verb, text in synopsis.items():
            got = {m.group(1): m.group(2) or '' for m in re.finditer(
                r'^\.Op Fl -([\w-]+)(?: Ar (\S+))?$', text, re.M)}
            self.assertEqual({name: value for name, (_, value)
                              in options_of(verb).items()
                              if name not in COMMON}, got, verb)

    def test_every_option_of_help_is_explained(self):
        part = page('mailconvoy.1').split('\n.Sh OPTIONS\n')[1]
        part = part.split('\n.Sh ')[0]
        found = set()
        for item in re.split(r'^\.It ', part, flags=re.M)[1:]:
            m = re.match(r'(?:Fl (\w) , )?Fl -([\w-]+)(?: Ar (\S+))?\n', item)
            taken = re.search(r'^\.Pq Cm (.*)$', item, re.M)
            for verb in taken.group(1).split(' , ') if taken else verbs():
                found.add((verb, m.group(2), m.group(1), m.group(3) or ''))
        self.assertEqual({(verb, name, letter, value) for verb in verbs()
                          for name, (letter, value)
                          in options_of(verb).items()}, found)

    def test_every_variable_of_help_is_explained(self):
        part = page('mailconvoy.1').split('\n.Sh ENVIRONMENT\n')[1]
        names = set(re.findall(r'MAILCONVOY_\w+', help_of()))
        self.assertGreater(len(names), 5)
        self.assertEqual(set(), names - set(re.findall(
            r'MAILCONVOY_\w+', part.split('\n.Sh ')[0])))

    def test_every_command_is_explained(self):
        part = page('mailconvoy.1').split('\n.Sh COMMANDS\n')[1]
        self.assertEqual(list(verbs()), re.findall(
            r'^\.It Cm (\w+)$', part.split('\n.Sh ')[0], re.M))

    def test_names_no_other_option(self):
        known = {o for verb in verbs() for o in options_of(verb)}
        for name in ('mailconvoy.1', 'mailconvoy-plan.5'):
            for option in re.findall(
                    r'(?:\.Fl -|mailconvoy .*?\s--)([\w-]+)', page(name)):
                self.assertIn(option, known, name)

    def test_has_the_exit_codes_of_help(self):
        codes = re.findall(r'^  +(\d+)  \S', help_of(), re.M)
        self.assertGreater(len(codes), 10)
        self.assertEqual(codes, re.findall(
            r'^\.It (\d+)$', read(PAGES['mailconvoy.1']), re.M))

    def test_its_examples_are_taken(self):
        """Each is understood: --help behind it is answered, and no option or
        number of arguments refused."""
        lines = [line for text in examples('mailconvoy.1')
                 for line in text.splitlines()]
        self.assertGreater(len(lines), 10)
        for line in lines:
            words = shlex.split(line)[1:]
            taken = options_of(words[0])
            for word in words[1:]:
                if word.startswith('--'):
                    self.assertIn(word[2:], taken, line)
            # the plan is not there: what is complained about is only that
            if words[0] != 'init':
                p = run(SUPERVISOR, *words, cwd=self.folder,
                        stdin=subprocess.DEVNULL)
                self.assertNotEqual(64, p.returncode, line + p.stderr)


class Plan(Case):
    def keys(self, node, prefix=''):
        """Paths of a schema's keys as the page writes them, down to what has a
        section of its own."""
        for key, value in node.get('properties', {}).items():
            path = prefix + key
            yield path
            for part in value.get('anyOf', []) + [value]:
                items = part.get('items', {})
                yield from self.keys(part, path + '.')
                yield from self.keys(items, path + '[].')

    def sections(self):
        """Keys by section, of the JSON Schema."""
        schema = json.loads(run(SUPERVISOR, 'schema').stdout)
        sections = {'': set(schema['properties'])}
        for name, node in schema['$defs'].items():
            sections[name] = set(self.keys(node))
        for name, node in schema['properties'].items():
            inner = node.get('additionalProperties') or node.get('items')
            if isinstance(inner, dict) and 'properties' in inner:
                sections[name] = set(self.keys(inner))
            elif 'properties' in node:
                sections[name] = set(self.keys(node, name + '.'))
        return sections

    def test_every_key_of_the_schema_is_in_the_page(self):
        parts = re.split(r'^\.\\" keys: ?', read(PAGES['mailconvoy-plan.5']),
                         flags=re.M)[1:]
        got = {}
        for part in parts:
            name, rest = part.split('\n', 1)
            got[name] = set(re.findall(r'^\.It Cm (\S+) : ',
                                       rest.split('\n.El\n')[0], re.M))
        sections = self.sections()
        self.assertEqual(set(sections), set(got))
        self.assertGreater(len(sections), 15)
        for name, keys in sections.items():
            # a mapping is told by its keys
            outer = {k for k in keys
                     if name and any(o.startswith(k + '.') for o in keys)}
            self.assertEqual(set(), keys - outer - got[name], name)
            self.assertEqual(set(), got[name] - keys, name)

    def test_keys_have_type_and_built_in_value(self):
        text = read(PAGES['mailconvoy-plan.5'])
        for words in (
                '.It Cm limits.jobs : Ar number\nAccounts at a time.\n'
                '1 to 1000; default 4.\n',
                '.It Cm long_lines : Cm keep | truncate | skip | wrap\n',
                '.It Cm tls_verify : Cm true | false\n'
                'Check the certificate.\nDefault true.\n',
                'default 10MiB.\n', 'Default 20%.\n', '1s to 1d; default 2m'):
            self.assertIn(words, text)

    def test_its_example_is_a_good_plan(self):
        text = examples('mailconvoy-plan.5')[0]
        self.write('plan.yaml', text)
        self.write('users.csv', 'id,user\nboris,boris@example.org\n')
        os.chmod(self.path('users.csv'), 0o600)
        os.mkdir(self.path('secrets'))
        for name in ('postmaster', 'anna', 'office', 'boris'):
            self.write('secrets/' + name, 'x\n')
            os.chmod(self.path('secrets/' + name), 0o600)
        self.write('tell', '#!/bin/sh\n')
        os.chmod(self.path('tell'), 0o700)
        for name in ('bulk', 'final'):
            p = run(SUPERVISOR, 'check', 'plan.yaml', '--pass', name,
                    cwd=self.folder)
            self.assertEqual(0, p.returncode, p.stderr + p.stdout)
            self.assertIn('3 accounts, 2 servers, 0 warnings', p.stdout)


class Formats(Case):
    def test_every_key_of_the_report_is_in_the_page(self):
        text = page('mailconvoy-formats.5')
        words = set(re.findall(r'[\w.]+', text))
        schema = json.loads(read(os.path.join(
            ROOT, 'docs', 'report.schema.json')))

        def names(node):
            for key, value in node.get('properties', {}).items():
                yield key
                yield from names(value)

        for node in (*schema['oneOf'], *schema['$defs'].values()):
            for name in names(node):
                self.assertIn(name, words)

    def test_every_key_of_a_job_is_in_the_page(self):
        part = page('mailconvoy-formats.5').split('\n.Sh JOB\n')[1]
        words = set(re.findall(
            r'\w+', ' '.join(re.findall(r'^\.It (.*)$', part.split(
                '\n.Sh ')[0], re.M))))
        source = read(os.path.join(ROOT, 'engine', 'contract', 'job.c'))
        keys = re.findall(r'^    (?:OPTION|WORD\w*)\((\w+),', source, re.M)
        self.assertGreater(len(keys), 30)
        self.assertEqual(set(), set(keys) - words)

    @unittest.skipUnless(shutil.which('jq'), 'jq is not installed')
    def test_its_recipes_are_understood(self):
        for text in examples('mailconvoy-formats.5'):
            for program in re.findall(r"jq -\w+ '([^']*)'", text):
                p = run('jq', '-c', program, input='')
                self.assertEqual((0, ''), (p.returncode, p.stderr))


class ShellCase(Case):
    def setUp(self):
        super().setUp()
        self.write('plan.yaml', PLAN)
        self.write('notes.txt', '')
        os.mkdir(self.path('move'))

    def tearDown(self):
        self.assertFalse(os.path.exists(self.path('planted')))
        super().tearDown()

    def values(self):
        """What is to be offered: words by command line."""
        return {
            'verify plan.yaml --level ': ['count', 'digest', 'body'],
            'status -o ': ['table', 'wide', 'json', 'jsonl', 'csv', 'name'],
            'check -o ': ['table', 'json'],
            'run --progress ': ['auto', 'tty', 'plain', 'json', 'quiet'],
            'run plan.yaml --pass ': ['bulk', 'final'],
            'run plan.yaml --group bo': ['board', 'bored'],
            'resume plan.yaml --only pe': ['pending'],
            'help ': list(verbs()), '': list(verbs()), 're': [
                'resume', 'report'],
            'ctl plan.yaml p': ['pause'],
            'run -o ': [], 'run plan.yaml --account ': [],
            'show plan.yaml x': [],
            'report --users-dir m': ['move'],
            'run --approved no': ['notes.txt'],
            'run pl': ['plan.yaml'],
        }


class Bash(ShellCase):
    before = ''
    script = BASH

    def ask(self, *words):
        return bash_offers(self.script, 'mailconvoy', words, self.folder,
                           self.before)

    def test_offers_the_options_of_each_command(self):
        for verb in verbs():
            self.assertEqual(sorted('--' + o for o in options_of(verb)),
                             sorted(self.ask(verb, '--')))
        self.assertEqual(['--help', '--version'], self.ask('-'))

    def test_offers_values(self):
        for line, words in self.values().items():
            got = self.ask(*line.split(' '))
            if line == 'run -o ':  # is no option of run: its argument is next
                continue
            self.assertEqual(sorted(words), sorted(got), line)
        self.assertEqual(['wide'], self.ask('status', '--output', '=', 'w'))
        self.assertEqual(['resume', 'run'], sorted(
            w for w in self.ask('-j', '4', 'r') if w != 'report'))
        self.assertEqual(['jobs='], self.ask('ctl', 'plan.yaml', 'j'))
        self.assertEqual(['pause', 'resume', 'drain', 'stop', 'jobs=', 'bw=',
                          'server.', 'skip=', 'retry='],
                         self.ask('ctl', 'move', ''))

    def test_what_it_offers_is_taken(self):
        outcomes = self.ask('resume', '--only', '')
        self.assertGreater(len(outcomes), 10)
        p = run(SUPERVISOR, 'resume', 'gone.yaml', '--only',
                ','.join(outcomes), cwd=self.folder)
        self.assertEqual(66, p.returncode, p.stderr)
        for order in self.ask('ctl', 'plan.yaml', ''):
            value = {'=': '1', '.': 'a.connections=1'}.get(order[-1], '')
            if order == 'bw=':
                value = '1MiB/s'
            p = run(SUPERVISOR, 'ctl', 'gone.yaml', order + value,
                    cwd=self.folder)
            self.assertEqual(66, p.returncode, p.stderr)

    def test_offers_plans_and_folders_first(self):
        self.assertEqual(['move', 'plan.yaml'],
                         sorted(set(self.ask('run', '')) - {'runtime', 'data'}))
        self.assertEqual(['notes.txt'], self.ask('run', 'no'))
        self.assertEqual([], self.ask('run', '--', '--pa'))


@unittest.skipUnless(os.path.exists(BASH_COMPLETION),
                     'bash-completion is not installed')
class BashWithPackage(Bash):
    """The same where the package bash-completion loads the file by its name."""

    script = ''

    def setUp(self):
        super().setUp()
        where = self.path('data/bash-completion/completions')
        os.makedirs(where)
        shutil.copy(BASH, os.path.join(where, 'mailconvoy'))
        self.before = (
            'export XDG_DATA_DIRS=%s\n. %s\n'
            '__load_completion mailconvoy 2>/dev/null || '
            '_comp_load mailconvoy\n' % (
                shlex.quote(self.path('data')), BASH_COMPLETION))


@unittest.skipUnless(shutil.which('fish'), 'fish is not installed')
class Fish(ShellCase):
    def ask(self, line):
        return [offer for offer, _ in fish_offers(
            FISH, 'mailconvoy ' + line, self.folder)]

    def test_offers_the_options_of_each_command(self):
        for verb in verbs():
            self.assertEqual(sorted('--' + o for o in options_of(verb)),
                             sorted(self.ask(verb + ' --')))

    def test_says_what_they_are(self):
        for offer, text in fish_offers(FISH, 'mailconvoy run --', self.folder):
            self.assertNotEqual('', text, offer)
        self.assertIn(['check', text_of('check')], fish_offers(
            FISH, 'mailconvoy ', self.folder))

    def test_offers_values(self):
        for line, words in self.values().items():
            if line == 'run -o ':
                continue
            got = [w.rstrip('/') for w in self.ask(line)]
            self.assertEqual(sorted(words), sorted(got), line)
        self.assertEqual(['jobs='], self.ask('ctl plan.yaml j'))


@unittest.skipUnless(shutil.which('zsh'), 'zsh is not installed')
class InZsh(ShellCase):
    def test_completes_commands_options_and_values(self):
        zsh = Zsh(os.path.dirname(ZSH), self.folder)
        self.addCleanup(zsh.stop)
        for typed, completed in (
                ('prev', 'preview'), ('run --new', 'run --new-run'),
                ('status --no', 'status --no-headers'),
                ('check --conn', 'check --connect'),
                ('run --conn', 'run --conn'),
                ('verify plan.yaml --level d',
                 'verify plan.yaml --level digest'),
                ('verify --level=b', 'verify --level=body'),
                ('status -o js', 'status -o json'),
                ('show -o j', 'show -o json'),
                ('run pl', 'run plan.yaml'),
                ('run plan.yaml --pass fi', 'run plan.yaml --pass final'),
                ('run plan.yaml --group boa', 'run plan.yaml --group board'),
                ('run --group board --grou',
                 'run --group board --group='),
                ('run --quiet --quie', 'run --quiet --quie'),
                ('ctl plan.yaml dr', 'ctl plan.yaml drain'),
                ('ctl plan.yaml jo', 'ctl plan.yaml jobs='),
                ('report --users-dir mo', 'report --users-dir move/'),
                ('run --approved no', 'run --approved notes.txt'),
                ('help pre', 'help preview'),
                ('ack plan.yaml --rea', 'ack plan.yaml --reason=')):
            self.assertEqual('mailconvoy ' + completed,
                             zsh.ask('mailconvoy ' + typed))

    def test_names_every_option_with_a_text(self):
        text = read(ZSH)
        for verb in verbs():
            part = text.split('\n%s)\n' % verb)[1].split('\n\t) ;;')[0]
            names = re.findall(r"'(?:\*|\([^)]*\))?--([\w-]+)=?\[[^\]]", part)
            self.assertEqual(sorted(options_of(verb)), sorted(names), verb)


def text_of(verb):
    """Of a command, in --help, in one line."""
    lines = help_of(verb).split('\n\n')[0].splitlines()
    return ' '.join(' '.join(line[32:] for line in lines).split())


class Install(Case):
    """`make install` into a folder, and `make uninstall`."""

    def make(self, target):
        profile = os.path.basename(BUILD)
        if BUILD != os.path.join(ROOT, 'build', profile):
            self.skipTest('%s is not a build of this tree' % BUILD)
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith(('MAKE', 'MFLAGS'))}
        # what was built is not built again
        p = run('make', '-s', '-C', ROOT, '-o', 'all', target,
                'PROFILE=' + profile, 'prefix=/usr',
                'DESTDIR=' + self.path('root'), env=environment)
        self.assertEqual((0, ''), (p.returncode, p.stderr))

    def files(self):
        return {os.path.relpath(os.path.join(folder, name), self.path('root'))
                for folder, _, names in os.walk(self.path('root'))
                for name in names}

    def test_puts_everything_there_and_takes_it_away(self):
        self.make('install')
        files = self.files()
        for program in ('mailconvoy', 'syncIMAPMail'):
            for path in ('bin/%s', 'share/man/man1/%s.1',
                         'share/bash-completion/completions/%s',
                         'share/zsh/site-functions/_%s',
                         'share/fish/vendor_completions.d/%s.fish'):
                self.assertIn('usr/' + path % program, files)
        for page_name in ('mailconvoy-plan.5', 'mailconvoy-formats.5'):
            self.assertIn('usr/share/man/man5/' + page_name, files)
        self.assertIn('usr/share/doc/mailconvoy/report.schema.json', files)
        self.make('uninstall')
        self.assertEqual(set(), self.files())


if __name__ == '__main__':
    unittest.main()
