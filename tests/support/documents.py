#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Documents whose commands are executed.

A fenced block says in its first line what it is:

    ```console         commands after "$ ", each followed by what it prints
    ```sh              commands alone; each ends with exit code 0
    ```yaml            a plan, or some top-level keys of one
    ```yaml FILE       the same, and the file FILE from here on; also csv, text
    ```text            nothing that is executed

A line of output is one that must be printed; what changes from run to run
(times, rates, names of runs) counts as equal, "..." stands for anything.  Order
does not count: accounts end as they like.  A last line "(exit N)" is not
printed: it is the exit code, else 0.  A long command goes on after a backslash.

    documents.py FILE     lists the blocks
"""
import os
import re
import shlex
import subprocess
import sys

import convoy
import dovecot

SECONDS = 300  # for hangs
HOST = re.compile(r'(?<![@.\w-])(?:imap\.)?(old|new)\.example\.org'
                  r'(?::(\d+))?(?![\w.-]*\w)')

# What differs between two runs that are alike.
CHANGES = [(re.compile(p), r) for p, r in (
    (r'\d{8}T\d{6}Z-[0-9a-f]{4}', 'RUN'),
    (r'\d{4}-\d\d-\d\d[T ][\d:.]+(Z| UTC)', 'TIME'),
    (r'\b\d{4}-\d\d-\d\d\b', 'DATE'), (r'\b\d\d:\d\d(:\d\d)?\b', 'CLOCK'),
    (r'\b[\d.]+ [KMG]?i?B/s', 'RATE'), (r'\b(rate|seconds|eta_seconds)=\S+', 'T'),
    (r'\b\d+(\.\d+)? ?(ms|s|min|seconds?)(?![\w])', 'T'),
    (r'\b[0-9a-f]{12,64}\b', 'DIGEST'), (r'-[0-9a-f]{8}\b', '-HASH'),
    (r'\b\d+ accounts? run\b', 'N accounts run'),
    (r'\bby \w+\b', 'by NAME'), (r' +', ' '))]


class Block:
    def __init__(self, document, line, info, text):
        self.document, self.line, self.text = document, line, text
        self.kind, _, self.name = info.strip().partition(' ')

    @property
    def where(self):
        return '%s:%d' % (self.document, self.line)

    def commands(self):
        """[(command, lines that it prints or None, exit code)]"""
        text = self.text.replace('\\\n', ' ')
        if self.kind == 'sh':
            return [(line, None, 0) for line in text.splitlines()
                    if line.strip() and not line.startswith('#')]
        if self.kind != 'console':
            return []
        found = []
        for line in text.splitlines():
            if line.startswith('$ '):
                found.append([line[2:], [], 0])
            elif re.fullmatch(r'\(exit \d+\)', line):
                found[-1][2] = int(line[6:-1])
            else:
                found[-1][1].append(line)
        return [tuple(x) for x in found]

    def key(self):
        """What the block is called in lists: document and first command."""
        commands = self.commands()
        return self.document, commands[0][0].split('  #')[0].strip() \
            if commands else ''


def blocks(root, document):
    with open(os.path.join(root, document), encoding='utf-8') as f:
        text = f.read()
    return [Block(document, text.count('\n', 0, m.start()) + 1, m.group(1),
                  m.group(2))
            for m in re.finditer(r'^```([^\n`]*)\n(.*?)^```$', text,
                                 re.M | re.S)]


def prose(root, document):
    """The text without its fenced blocks."""
    with open(os.path.join(root, document), encoding='utf-8') as f:
        return re.sub(r'^```.*?^```$', '', f.read(), flags=re.M | re.S)


def plain(line):
    for pattern, word in CHANGES:
        line = pattern.sub(word, line)
    return line.strip()


def not_printed(expected, output):
    """Those of the expected lines that the output does not have."""
    printed = [plain(line) for line in output.splitlines()]
    missing = []
    for line in expected:
        wanted = plain(line)
        if wanted in ('', '...'):
            continue
        pattern = re.compile('.*'.join(
            re.escape(p) for p in re.split(r' ?\.\.\. ?', wanted)))
        at = next((i for i, p in enumerate(printed) if pattern.fullmatch(p)),
                  None)
        if at is None:
            missing.append(line)
        else:
            del printed[at]
    return missing


# An administrator who may act for all, and accounts that do not exist (yet).
LOG_IN = '''passdb {{
  driver = static
  args = password=postmaster-secret
  username_filter = postmaster
  master = yes
  pass = yes
}}
passdb {{
  driver = passwd-file
  args = {base}/unknown
  deny = yes
}}
'''
LARGEST = '''
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = maildir:User quota
  quota_max_mail_size = %s
}
'''


class Server(dovecot.Dovecot):
    """A Dovecot with an administrator; takes no message above `largest`."""

    def __init__(self, largest=None, **kwargs):
        if largest:
            kwargs['extra'] = LARGEST % largest
        super().__init__(**kwargs)
        self.know()

    def know(self, *without):
        """All accounts exist but these."""
        with open(self.base + '/unknown', 'w', encoding='ascii') as f:
            f.write(''.join('%s:\n' % name for name in without))
        os.chmod(self.base + '/unknown', 0o644)

    def _configuration(self, port, tls_port):
        text = super()._configuration(port, tls_port)
        return text.replace('passdb {',
                            LOG_IN.format(base=self.base) + 'passdb {', 1)


class Desk:
    """Where somebody sits who does what a document says: a folder, the
    programs, and two servers under the names that the document gives them."""

    def __init__(self, folder, programs, old, new):
        self.folder = folder
        self.servers = {'old': (old, 'localhost'), 'new': (new, '127.0.0.1')}
        authorities = os.path.join(folder, '.authorities.pem')
        with open(authorities, 'w', encoding='ascii') as out:
            for server in (old, new):
                with open(server.certificate, encoding='ascii') as f:
                    out.write(f.read())
        self.env = {
            'PATH': programs + ':/usr/local/bin:/usr/bin:/bin',
            'HOME': folder, 'LANG': 'C.UTF-8', 'TERM': 'dumb', 'TZ': 'UTC',
            'SSL_CERT_FILE': authorities, 'TMPDIR': folder,
            **convoy.findings()}
        if 'XDG_RUNTIME_DIR' in os.environ:
            self.env['XDG_RUNTIME_DIR'] = os.environ['XDG_RUNTIME_DIR']
        self.typed = {}  # beginning of a command: what is typed then

    def port(self, server, implicit):
        return server.tls_port if implicit else server.port

    def in_command(self, text):
        def address(m):
            server, name = self.servers[m.group(1)]
            return '%s:%d' % (name, self.port(server, m.group(2) == '993'))
        return HOST.sub(address, text)

    def in_plan(self, text):
        """The plan with the ports of our servers."""
        def entry(m):
            server, name = self.servers[m.group('side')]
            behind = text[m.end():m.end() + 160]
            tls = re.search(r'\btls: (\w+)', behind.split('host:')[0])
            port = self.port(server, tls and tls.group(1) == 'implicit')
            between = ', ' if '{' in m.group('line') else '\n' + \
                ' ' * len(m.group('line'))
            return '%shost: %s%sport: %d' % (m.group('line'), name, between,
                                             port)
        return re.sub(r'^(?P<line>.*?)host: "?imap\.(?P<side>old|new)'
                      r'\.example\.org"?', entry, text, flags=re.M)

    def as_written(self, output):
        """With the names that the document has."""
        for side, (server, name) in self.servers.items():
            for port in (':%d' % server.port, ':%d' % server.tls_port, ''):
                output = output.replace(name + port,
                                        'imap.%s.example.org' % side)
        return output.replace(self.folder + '/', '')

    def put(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, 0o600)

    def name_servers(self):
        """In every plan there is."""
        for folder, folders, names in os.walk(self.folder):
            folders[:] = [f for f in folders if f not in ('runs', 'accounts')]
            for name in names:
                if name.endswith('.yaml'):
                    path = os.path.join(folder, name)
                    with open(path, encoding='utf-8') as f:
                        text = f.read()
                    with open(path, 'w', encoding='utf-8') as f:
                        f.write(self.in_plan(text))

    def start(self, command, **kwargs):
        self.name_servers()
        command = 'umask 077\n' + self.in_command(command)
        return subprocess.Popen(
            ['bash', '-c', command], cwd=self.folder, env=self.env,
            stderr=subprocess.STDOUT, text=True, encoding='utf-8',
            errors='replace', start_new_session=True, **kwargs)

    def do(self, command):
        """(exit code, what was printed)"""
        typed = ''.join(text for begin, text in self.typed.items()
                        if command.startswith(begin))
        p = self.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            output, _ = p.communicate(typed, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, 9)
            output, _ = p.communicate()
            output += '\nno end after %d s' % SECONDS
        return p.returncode, self.as_written(output)


# ---------------------------------------------------------------- inline code

def spoken_of(text):
    """Command lines in the running text and in tables: [[word, ...]]"""
    found = []
    for code in re.findall(r'`([^`\n]+)`', text.replace('\\|', '|')):
        try:
            words = shlex.split(code)
        except ValueError:
            words = code.split()
        if words and words[0] in ('mailconvoy', 'syncIMAPMail'):
            found.append(words)
    return found


def same(option):
    """As the engine compares names: --dst-ca-file is --dstCAFile."""
    return option.split('=')[0].replace('-', '').lower()


class Help:
    """The options that the programs have."""

    def __init__(self, programs):
        self.programs = programs
        self.cache = {}

    def text(self, *words):
        if words not in self.cache:
            p = subprocess.run(
                [os.path.join(self.programs, words[0]), *words[1:], '--help'],
                capture_output=True, text=True, timeout=SECONDS)
            self.cache[words] = p.stdout if p.returncode == 0 else None
        return self.cache[words]

    def options(self, *words):
        text = self.text(*words)
        if text is None:
            return None
        known = {same(o) for o in re.findall(r'(?<!\w)--?[A-Za-z][\w-]*', text)}
        # dst... is told by one remark
        return known | {'dst' + o[3:] for o in known if o.startswith('src')}

    def unknown(self, words):
        """What of a command line no program knows."""
        program = words[:1]
        if words[0] == 'mailconvoy' and len(words) > 1 and \
                re.fullmatch('[a-z]+', words[1]):
            program = words[:2]
        known = self.options(*program)
        if known is None:
            return [' '.join(program)]
        return [w for w in words if re.match(r'--?[A-Za-z]', w) and
                same(w) not in known]


def main():
    if len(sys.argv) != 2:
        sys.stderr.write(__doc__)
        return 64
    for block in blocks('', sys.argv[1]):
        print(block.where, block.kind, block.name)
        for command, _, code in block.commands():
            print('    %s  (exit %d)' % (command, code))
    return 0


if __name__ == '__main__':
    sys.exit(main())
