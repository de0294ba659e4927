# SPDX-License-Identifier: MIT
"""What is said about the engine's options: --help, the man page and the
completions of three shells name the same ones, and the program takes them."""
import os
import re
import shlex
import shutil
import subprocess
import unittest

import option_table
from convoy import BUILD, ENGINE, PATIENCE, Case
from shells import Zsh, bash_offers, fish_offers

MAN = os.path.join(BUILD, 'man', 'syncIMAPMail.1')
BASH = os.path.join(BUILD, 'completions', 'syncIMAPMail.bash')
ZSH = os.path.join(BUILD, 'completions', '_syncIMAPMail')
FISH = os.path.join(BUILD, 'completions', 'syncIMAPMail.fish')

HELP_COLUMNS = 100

# The options of the guide, each with what may follow it there.
GUIDE = {
    'verbose': [],
    'logfile': ['file.txt'],
    'list': ['INBOX/*'],
    'source': ['~user@company.com/'],
    'target': ['~user@company.com/'],
    'skipMailbox': ['Trash*'],
    'renameMailbox': ['Sent Items', 'Sent'],
    'mode': ['syncSrcNew'],
    'notimeout': [],
    'noSubscription': [],
    'noACL': [],
    'noSpecialUse': [],
    'noForceIndex': [],
    'noNewUID': [],
    'copyMailboxClass': [],
    'proxyAuth': ['username'],
    'srcAuthPlain': ['username'],
    'dstAuthPlain': ['username'],
    'srcOAuth2': [],
    'fetchMax': ['50'],
    'fetchSizeMax': ['10'],
    'storeMax': ['50'],
    'storeSizeMax': ['10'],
    'queueMax': ['150'],
    'queueSizeMax': ['30'],
    'noThreads': [],
}


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def plain(name):
    """As the program compares names: --dst-ca-file is --dstCAFile."""
    return name.replace('-', '').lower()


def help_text():
    return subprocess.run(
        [ENGINE, '--help'], check=True, capture_output=True, text=True,
        timeout=PATIENCE).stdout


def in_help(text):
    """Options with the words or placeholders behind them, by name; with those
    of the target, which --help tells by one remark a group."""
    options = {}
    both = False
    for line in text.splitlines():
        if re.match(r'\S.*:$', line):
            both = 'dst... for the target' in line
        m = re.match(r'  --(\w+) (.*)', line)
        if not m:
            continue
        # what is given, then at least one blank, then what it means
        value = re.match(r'[A-Z][A-Z]?\w*(?:\|\w%| [A-Z]+\b)?|[\w-]+(?:\|[\w-]+)+',
                         m.group(2))
        options[m.group(1)] = value.group(0) if value else ''
        if both and m.group(1).startswith('src'):
            options['dst' + m.group(1)[3:]] = options[m.group(1)]
        elif both:
            name = m.group(1)
            options['dst' + name[0].upper() + name[1:]] = options[name]
    return options


def values_of(value):
    """Something that may be given for `value` of --help, behind which stands
    nothing that is opened or asked."""
    known = {'': [], 'FILE': ['x'], 'N': ['7'], 'N|P%': ['5%'],
             'MB': ['7'], 'KB': ['7'], 'MS': ['7'], 'SECONDS': ['7'],
             'HOW': ['plain'],
             'OLD NEW': ['a', 'b'], 'HEX': ['00' * 32], 'TEXT': ['UID %u']}
    return known.get(value) or \
        ([value.split('|')[0]] if value.islower() or '|' in value
         else [] if not value else ['x'])


class HelpCase(Case):
    def setUp(self):
        super().setUp()
        self.text = help_text()
        self.options = in_help(self.text)
        self.assertGreater(len(self.options), 50)

    def taken(self, *arguments):
        """The program takes these options, and does nothing but tell."""
        ended = self.engine(*arguments, '--help')
        self.assertEqual(0, ended.code, '%s: %s' % (arguments, ended.log))
        self.assertEqual(self.text, ended.output)

    def refused(self, *arguments):
        ended = self.engine(*arguments, '--help')
        self.assertEqual(64, ended.code, arguments)


class Help(HelpCase):
    def test_fits_the_screen(self):
        long = [line for line in self.text.splitlines()
                if len(line) > HELP_COLUMNS]
        self.assertEqual([], long)

    def test_its_examples_are_taken(self):
        head = self.text[:self.text.index('usage:')].replace('\\\n', ' ')
        examples = [shlex.split(line) for line in head.splitlines()
                    if line.startswith('  syncIMAPMail')]
        self.assertGreater(len(examples), 3)
        self.write('old.pw', 'secret\n')
        self.write('new.pw', 'secret\n')
        for example in examples:
            self.assertGreaterEqual(len(example), 7, example)
            self.taken(*example[1:-6])

    def test_every_option_is_taken_in_both_spellings(self):
        self.write('x', 'secret\n')
        for name, value in self.options.items():
            if name.endswith('PasswordFd'):
                continue  # would be read
            values = values_of(value)
            self.taken('--' + name, *values)
            for spelling in self.completed_by_bash():
                if plain(spelling) == plain(name):
                    self.taken('--' + spelling, *values)
            if len(values) == 1:
                self.taken('--%s=%s' % (name, values[0]))
            else:
                self.refused('--%s=x' % name)

    def completed_by_bash(self):
        return set(re.findall(r'^\t\t--(\S+)$', read(BASH), re.M))


class Guide(HelpCase):
    """The guide's options, with as many values as it says."""

    def test_every_option_is_taken(self):
        for name, values in GUIDE.items():
            self.assertIn(name, self.options)
            self.taken('--' + name, *values)

    def test_every_option_is_tried_on_servers(self):
        """The table of docs/SERVERS.md has a row for each, and is whole."""
        self.assertEqual(set(GUIDE), {o.split()[0]
                                      for o in option_table.OPTIONS})
        self.assertEqual([], option_table.problems(option_table.published(
            read(option_table.DOCUMENT))))

    def test_with_the_values_it_says(self):
        for name, values in GUIDE.items():
            if values:
                ended = self.engine('--' + name, *values[1:])
                self.assertEqual(64, ended.code, name)
                self.assertIn('--%s needs' % name, ended.log)
            # a value too many is the first server: --help is then the next
            ended = self.engine('--' + name, *values, 'host', '--help')
            self.assertEqual(64, ended.code, name)
            self.assertIn('2 of 6 given', ended.log)

    def test_every_mode_is_taken(self):
        for mode in ('syncSrcAll', 'syncSrcNew', 'syncDst'):
            self.taken('--mode', mode)
        self.refused('--mode', 'syncAll')


class ManPage(HelpCase):
    def test_names_the_options_of_help(self):
        items = [re.findall(r'Fl \\-((?:\w|\\-)+)', line)
                 for line in read(MAN).splitlines()
                 if line.startswith('.It Fl ')]
        names = [name for item in items for name in item]
        self.assertEqual(sorted(self.options), sorted(names))

    def test_names_no_other_option(self):
        """Wherever it speaks of one, the examples included."""
        text = read(MAN).replace('\\-', '-')
        names = set(re.findall(r'(?:Fl -|(?<![\w-])--)([\w-]*\w)', text))
        self.assertGreater(len(names), len(self.options))
        known = {plain(name) for name in self.options}
        self.assertEqual(set(), {n for n in names if plain(n) not in known})

    def test_names_words_and_exit_codes(self):
        text = read(MAN).replace('\\-', '-')
        for value in self.options.values():
            if '|' in value:
                self.assertIn(value.replace('|', ' | '), text)
        codes = re.findall(r'^  +(\d+)  \S', self.text, re.M)
        self.assertGreater(len(codes), 10)
        self.assertEqual(codes, re.findall(r'^\.It (\d+)$', text, re.M))

    def test_leaves_no_mark(self):
        self.assertEqual([], re.findall(r'@\w+@', read(MAN)))

    def test_its_examples_are_taken(self):
        text = read(MAN).replace('\\-', '-').replace('\\(ti', '~')
        examples = [shlex.split(e.replace('\\e\n', ' ')) for e in
                    re.findall(r'^syncIMAPMail (?:.*\\e\n)*.*$', text, re.M)]
        self.assertGreater(len(examples), 4)
        self.write('old.pw', 'secret\n')
        self.write('new.pw', 'secret\n')
        for example in examples:
            self.assertGreaterEqual(len(example), 7, example)
            self.taken(*example[1:-6])

    @unittest.skipUnless(shutil.which('mandoc'), 'mandoc is not installed')
    def test_mandoc_finds_nothing(self):
        p = subprocess.run(['mandoc', '-Tlint', '-Wwarning', MAN],
                           capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual('', p.stdout + p.stderr)
        self.assertEqual(0, p.returncode)

    @unittest.skipUnless(shutil.which('mandoc'), 'mandoc is not installed')
    def test_reads_as_it_should(self):
        p = subprocess.run(['mandoc', '-Tascii', '-O', 'width=100', MAN],
                           check=True, capture_output=True, text=True,
                           timeout=PATIENCE)
        text = re.sub('.\b', '', p.stdout)
        for words in ('--skipMailbox NAME', '--renameMailbox OLD NEW',
                      '--srcTLS, --dstTLS auto | implicit | starttls | none',
                      "`\\Deleted'", '"UID %u"', '\\Sent, \\Trash',
                      "--source '~anna/'"):
            self.assertIn(words, text)


class ShellCase(HelpCase):
    def spelled(self, names):
        """Both spellings of every option, and nothing else."""
        names = list(names)
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(set(), set(self.options) - set(names))
        self.assertEqual({plain(n) for n in self.options},
                         {plain(n) for n in names})
        for name in names:
            if name not in self.options:
                self.assertTrue(re.fullmatch(r'[a-z0-9]+(-[a-z0-9]+)+', name),
                                name)

    def words(self):
        return {n: v.split('|') for n, v in self.options.items()
                if '|' in v and v[0].islower()}


class Completion(ShellCase):
    """Each shell's file as text."""

    def test_bash_names_the_options_of_help(self):
        self.spelled(set(re.findall(r'^\t\t--(\S+)$', read(BASH), re.M)))

    def test_zsh_names_the_options_of_help(self):
        self.spelled(re.findall(r"^\t\S*'\*?--([\w-]+)", read(ZSH), re.M))

    def test_fish_names_the_options_of_help(self):
        self.spelled(re.findall(r' -l ([\w-]+)', read(FISH)))

    def test_every_shell_names_the_words(self):
        self.assertGreater(len(self.words()), 4)
        for path in (BASH, ZSH, FISH):
            text = read(path)
            for words in self.words().values():
                self.assertIn(' '.join(words), text)


class Bash(ShellCase):
    def ask(self, *words):
        return bash_offers(BASH, 'syncIMAPMail', words, self.folder)

    def test_offers_every_option(self):
        self.assertEqual(sorted('--' + n for n in self.options),
                         sorted(self.ask('--')))
        self.assertEqual(['--srcTLS', '--srcTLSVerify'], self.ask('--srcT'))
        self.assertEqual(['--src-tls', '--src-tls-verify'],
                         self.ask('--src-t'))
        self.assertEqual(['--dst-ca-file'], self.ask('--dst-ca'))

    def test_offers_words_where_there_are_words(self):
        for name, words in self.words().items():
            self.assertEqual(words, self.ask('--' + name, ''))
        self.assertIn('scram-sha-256', self.ask('--srcAuth', ''))
        self.assertEqual(['implicit'], self.ask('--src-tls', 'im'))
        self.assertEqual(['implicit'], self.ask('--srcTLS', '=', 'im'))
        self.assertEqual(4, len(self.ask('--srcTLS', '=')))
        self.assertEqual([], self.ask('--fetchMax', ''))

    def test_offers_files_where_a_file_is_wanted(self):
        self.write('pass word', '')
        self.write('other', '')
        self.assertEqual(['pass word'], self.ask('--srcPasswordFile', 'pa'))
        self.assertEqual([], self.ask('--list', 'pa'))
        self.assertEqual(['--dryRun'],
                         self.ask('--logfile', 'other', '--dry'))

    def test_knows_where_options_end(self):
        self.assertEqual(['--dryRun'], self.ask(
            '--renameMailbox', 'a', '--list', '--verbose', '--dry'))
        self.assertEqual([], self.ask('--renameMailbox', 'a', '--dry'))
        self.assertEqual([], self.ask('old.example.org', '--dry'))
        self.assertEqual([], self.ask('--', '--dry'))
        self.assertEqual([], self.ask(''))


@unittest.skipUnless(shutil.which('fish'), 'fish is not installed')
class Fish(ShellCase):
    def ask(self, line):
        return [offer for offer, _ in fish_offers(
            FISH, 'syncIMAPMail ' + line, self.folder)]

    def test_offers_every_option(self):
        self.assertEqual(sorted('--' + n for n in self.options),
                         sorted(self.ask('--')))
        self.assertEqual(['--dst-tls', '--dst-tls-verify'],
                         sorted(self.ask('--dst-t')))

    def test_offers_words_and_files(self):
        self.write('password', '')
        for name, words in self.words().items():
            self.assertEqual(sorted(words),
                             sorted(self.ask('--%s ' % name)))
        self.assertEqual(['implicit'], self.ask('--src-tls im'))
        self.assertEqual(['--srcTLS=implicit'], self.ask('--srcTLS=im'))
        self.assertEqual(['password'], self.ask('--srcPasswordFile pa'))
        self.assertEqual([], self.ask('--list pa'))
        self.assertEqual([], self.ask('pa'))


@unittest.skipUnless(shutil.which('zsh'), 'zsh is not installed')
class InZsh(ShellCase):
    def setUp(self):
        super().setUp()
        self.zsh = Zsh(os.path.dirname(ZSH), self.folder)
        self.addCleanup(self.zsh.stop)

    def ask(self, line):
        """The line after the tabulator was pressed at its end."""
        return self.zsh.ask('syncIMAPMail ' + line)[len('syncIMAPMail '):]

    def test_completes_options_words_and_files(self):
        self.write('password', '')
        for typed, completed in (
                ('--dry', '--dryRun'), ('--dst-ca', '--dst-ca-file='),
                ('--skipM', '--skipMailbox='),
                ('--skipMailbox x --skipM', '--skipMailbox x --skipMailbox='),
                ('--skip-mailbox x --skip-m',
                 '--skip-mailbox x --skip-mailbox='),
                ('--src-tls none --fetchS', '--src-tls none --fetchSizeMax='),
                ('--renameMailbox a --dry', '--renameMailbox a --dry'),
                ('--renameMailbox a --b --dry',
                 '--renameMailbox a --b --dryRun'),
                ('--srcTLS im', '--srcTLS implicit'),
                ('--src-tls=im', '--src-tls=implicit'),
                ('--mode syncD', '--mode syncDst'),
                ('--srcPasswordFile pa', '--srcPasswordFile password'),
                ('--list pa', '--list pa'), ('pa', 'pa'),
                ('old.example.org --dry', 'old.example.org --dry')):
            self.assertEqual(completed, self.ask(typed))


if __name__ == '__main__':
    unittest.main()
