# SPDX-License-Identifier: MIT
"""The programs that are measured: how each is told to copy an account.

A program has a name, a version (None: not installed) and commands(job): one
command an account, or one for all of them.  What it keeps between two passes is
in job.folder, which is new for every round.
"""
import collections
import os
import re
import shlex
import shutil
import subprocess

Job = collections.namedtuple(
    'Job', 'users source target folder source_server target_server parallel')
PASSWORD = 'pass'


def output(*command):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT).stdout.strip()
    except OSError:
        return ''


def found(program):
    return shutil.which(program, path=os.environ.get('PATH', '') +
                        ':/usr/sbin:/usr/local/sbin')


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    os.chmod(path, 0o600)
    return path


class Engine:
    """syncIMAPMail, with what options it is given."""

    def __init__(self, binary, name='syncIMAPMail', options=(), state=False):
        self.binary, self.name = binary, name
        self.options, self.state = list(options), state
        self.version = output(binary, '--version').split('\n')[0] or None

    def commands(self, job):
        for user in job.users:
            state = ['--stateFile', '%s/%s.state' % (job.folder, user)]
            yield [self.binary, '--srcTLS', 'none', '--dstTLS', 'none',
                   '--logfile', '%s/%s.log' % (job.folder, user),
                   *self.options, *(state if self.state else ()),
                   '127.0.0.1:%d' % job.source, user, PASSWORD,
                   '127.0.0.1:%d' % job.target, user, PASSWORD]


class Supervisor:
    """mailconvoy: all accounts by one plan."""

    PLAN = '''version: 1
name: bench
state_dir: {folder}/state
servers:
  old: {{host: 127.0.0.1, port: {source}, tls: none}}
  new: {{host: 127.0.0.1, port: {target}, tls: none}}
defaults:
  source: {{server: old, password: {{file: {secret}}}}}
  target: {{server: new, password: {{file: {secret}}}}}
limits: {{jobs: {parallel}}}
accounts:
'''

    def __init__(self, binary):
        self.binary, self.name = binary, 'mailconvoy'
        self.version = output(binary, '--version').split('\n')[0] or None

    def commands(self, job):
        secret = write(job.folder + '/secret', PASSWORD + '\n')
        plan = self.PLAN.format(
            folder=job.folder, source=job.source, target=job.target,
            secret=secret, parallel=job.parallel)
        plan += ''.join('  - {user: %s}\n' % user for user in job.users)
        yield [self.binary, 'run', write(job.folder + '/plan.yaml', plan)]


class Mbsync:
    name = 'mbsync'
    STORE = '''IMAPAccount {name}
Host 127.0.0.1
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN
PipelineDepth 50

IMAPStore {name}
Account {name}

'''
    CHANNEL = '''Channel all
Far :source:
Near :target:
Patterns *
Create Near
Sync Pull
CopyArrivalDate yes
SyncState {folder}/{user}.state/
'''

    def __init__(self):
        self.version = found('mbsync') and output('mbsync', '--version')

    def commands(self, job):
        for user in job.users:
            os.makedirs('%s/%s.state' % (job.folder, user), exist_ok=True)
            text = ''.join(
                self.STORE.format(name=name, port=port, user=user,
                                  password=PASSWORD)
                for name, port in (('source', job.source),
                                   ('target', job.target)))
            text += self.CHANNEL.format(folder=job.folder, user=user)
            yield ['mbsync', '--quiet', '--all', '--config',
                   write('%s/%s.mbsyncrc' % (job.folder, user), text)]


class Doveadm:
    """dsync: reads by IMAP, writes the target's files itself."""

    name = 'doveadm'

    def __init__(self):
        self.version = found('doveadm') and \
            'Dovecot ' + output(found('dovecot') or 'dovecot', '--version')

    def commands(self, job):
        for user in job.users:
            yield [found('doveadm'), '-c',
                   job.target_server.base + '/dovecot.conf',
                   '-o', 'imapc_host=127.0.0.1',
                   '-o', 'imapc_port=%d' % job.source,
                   '-o', 'imapc_user=' + user,
                   '-o', 'imapc_password=' + PASSWORD,
                   '-o', 'imapc_features=rfc822.size fetch-headers',
                   'backup', '-R', '-u', user, 'imapc:']


class Offlineimap:
    name = 'offlineimap'
    TEXT = '''[general]
accounts = all
metadata = {folder}/{user}.metadata
ui = quiet
[Account all]
localrepository = target
remoterepository = source
[Repository source]
type = IMAP
remotehost = 127.0.0.1
remoteport = {source}
remoteuser = {user}
remotepass = {password}
ssl = no
starttls = no
readonly = True
[Repository target]
type = IMAP
remotehost = 127.0.0.1
remoteport = {target}
remoteuser = {user}
remotepass = {password}
ssl = no
starttls = no
'''

    def __init__(self):
        text = output('offlineimap', '--version') if found('offlineimap') \
            else ''
        number = re.match(r'[\d.]+', text)
        self.version = number and 'OfflineIMAP ' + number.group()

    def commands(self, job):
        for user in job.users:
            text = self.TEXT.format(
                folder=job.folder, user=user, password=PASSWORD,
                source=job.source, target=job.target)
            yield ['offlineimap', '-o', '-c',
                   write('%s/%s.offlineimaprc' % (job.folder, user), text)]


class Imapsync:
    name = 'imapsync'

    def __init__(self):
        self.version = found('imapsync') and 'imapsync ' + output(
            'imapsync', '--version').split('\n')[-1]

    def commands(self, job):
        for user in job.users:
            yield ['imapsync', '--host1', '127.0.0.1',
                   '--port1', str(job.source), '--user1', user,
                   '--password1', PASSWORD, '--nossl1', '--notls1',
                   '--host2', '127.0.0.1', '--port2', str(job.target),
                   '--user2', user, '--password2', PASSWORD, '--nossl2',
                   '--notls2', '--nolog', '--noreleasecheck',
                   '--tmpdir', job.folder,
                   '--pidfile', '%s/%s.pid' % (job.folder, user)]


PEERS = {p.name: p for p in (Mbsync, Doveadm, Offlineimap, Imapsync)}


def own_programs(folder, engine_options, parallel, far, slow):
    """The engine in its ways, and the supervisor when there are accounts to
    run side by side.  Ways that this engine does not have yet are left out, and
    on a slow line those that have nothing to do with it."""
    binary = os.path.join(folder, 'syncIMAPMail')
    known = set(re.findall(r'(?m)^ +(--\w+)', output(binary, '--help')))
    programs = [Engine(binary)]
    if '--stateFile' in known and not slow:
        programs.append(Engine(binary, 'syncIMAPMail, state file',
                               state=True))
    if '--connections' in known:
        programs.append(Engine(binary, 'syncIMAPMail, 4 connections',
                               ['--connections', '4']))
    if '--compress' in known and far and not slow:
        programs.append(Engine(binary, 'syncIMAPMail, compressed',
                               ['--compress', 'on']))
    if engine_options:
        programs.append(Engine(binary, 'syncIMAPMail ' + engine_options,
                               shlex.split(engine_options)))
    if parallel > 1:
        programs.append(Supervisor(os.path.join(folder, 'mailconvoy')))
    return programs


def verifiers(folder):
    """The engine comparing what a copy has made equal."""
    binary = os.path.join(folder, 'syncIMAPMail')
    return [Engine(binary, 'syncIMAPMail --verify ' + level,
                   ['--verify', level]) for level in ('body', 'digest')]
