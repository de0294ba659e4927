#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Throwaway Dovecot servers on loopback, for tests and the demo.

As a module:

    with Dovecot() as server:
        server.port, server.tls_port, server.certificate, server.mail_dir

As a program (the server outlives the program until it is stopped):

    dovecot.py start BASE [--port N] [--tls-port N] [--separator C] [--prefix P]
                          [--capability WORDS] [--without WORD]... [--password U:P]...
                          [--compress]
    dovecot.py stop BASE
    dovecot.py wipe BASE
    dovecot.py certificate FILE [NAME]...   FILE.pem and FILE.key, self-signed

Any user name logs in with the password "pass", unless another one was given.  Everything lives below BASE: configuration, certificates, mail, log, process
id.  Started by root, the whole server runs as the user nobody; else as the caller.
Nothing is created outside BASE and no system account is needed.  A server is
stopped by the process id recorded at its start, never by name.
"""
import argparse
import atexit
import contextlib
import ctypes
import os
import pwd
import grp
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib

START_SECONDS = 20
STOP_SECONDS = 10
SOCKET_PATH_MAX = 107
LONGEST_SOCKET = len('/run/auth-token-secret.dat.lock+token-login/tokenlogin')
# What Dovecot 2.3 says after login, for tests that take words away.
CAPABILITY = (
    'IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY '
    'THREAD=REFERENCES THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND '
    'URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED '
    'I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN '
    'CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY '
    'PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY')

EXTRAS_CAPABILITY = ' METADATA SPECIAL-USE ACL RIGHTS=texk'
EXTRAS = '''
mail_plugins = acl
mail_attribute_dict = file:%h/attributes
protocol imap {
  mail_plugins = acl imap_acl
  imap_metadata = yes
}
plugin {
  acl = vfile
}
namespace inbox {
  mailbox Trash {
    special_use = \\Trash
  }
  mailbox Junk {
    special_use = \\Junk
  }
}
'''

COMPRESS = '''
protocol imap {
  mail_plugins = $mail_plugins imap_zlib
}
'''

CONFIG = '''\
# written by dovecot.py; a throwaway server
base_dir = {base}/run
state_dir = {base}/run
instance_name = {instance}
log_path = {base}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_uid = {uid}
mail_gid = {gid}
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:~/Maildir
mail_max_userip_connections = 10000
mail_fsync = never
default_process_limit = 1000
default_client_limit = 8000
default_vsz_limit = 4G
{capability}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {base}/passwords
  result_failure = return-fail
  result_internalfail = return-fail
  username_filter = {own} nobody-has-this-name
}}
passdb {{
  driver = static
  args = password={password}
  username_filter = {others} *
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={base}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
  mailbox Drafts {{
    special_use = \\Drafts
  }}
  mailbox Sent {{
    special_use = \\Sent
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service auth {{
  user = {user}
}}
service auth-worker {{
  user = {user}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 1
  client_limit = 4000
}}
service imap {{
  service_count = 1000
  process_min_avail = 2
  process_limit = 1000
}}
{rawlog}
{extra}
'''


def free_ports(count, avoid=()):
    """Ports of 127.0.0.1 that nobody listens on now."""
    held, ports = [], []
    while len(ports) < count:
        s = socket.socket()
        s.bind(('127.0.0.1', 0))
        held.append(s)
        if s.getsockname()[1] not in avoid:
            ports.append(s.getsockname()[1])
    for s in held:
        s.close()
    return ports


def port_is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True


def make_certificate(stem, names=('localhost', '127.0.0.1')):
    """Self-signed STEM.pem and STEM.key for these names and addresses."""
    alt = ','.join(('IP:' if re.fullmatch(r'[\d.]+', n) else 'DNS:') + n
                   for n in names)
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30',
         '-subj', '/CN=' + names[0], '-addext', 'subjectAltName=' + alt,
         '-keyout', stem + '.key', '-out', stem + '.pem'],
        check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    return stem + '.pem', stem + '.key'


def find_program(name):
    path = os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin:/sbin'
    return shutil.which(name, path=path)


def available():
    """None, or why no Dovecot can be started here."""
    for name in ('dovecot', 'openssl'):
        if not find_program(name):
            return name + ' is not installed (make deps)'
    if not os.path.exists('/usr/lib/dovecot/imap') and \
            not os.path.exists('/usr/libexec/dovecot/imap'):
        return "Dovecot's imap service is not installed (make deps)"
    return None


def run_as():
    """(user name, uid, group name, gid) the server runs as."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        entry = pwd.getpwnam('nobody')
        uid, gid = entry.pw_uid, entry.pw_gid
    return pwd.getpwuid(uid).pw_name, uid, grp.getgrgid(gid).gr_name, gid


def temporary_base(prefix='mcv-'):
    """A short folder name: socket paths end at 108 bytes."""
    return tempfile.mkdtemp(prefix=prefix, dir='/tmp')


def die_with_parent():
    """In the child before exec: TERM when whoever started us is gone."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)


class Dovecot:
    """One server.  Keyword arguments:

    base        folder for everything; a temporary one when left out
    port, tls_port  chosen free when left out
    separator, prefix  of the personal namespace
    capability  the words announced after login, in place of Dovecot's own
    without     words taken out of Dovecot's own list ("LITERAL+")
    password    of every user
    passwords   {user: password} for users that have another one
    wrong_name  True: the certificate is for another host name
    extra       configuration lines put at the end
    rawlog      keep what clients send, for commands()
    extras      True: ACL, METADATA and more special uses
    compress    offer COMPRESS=DEFLATE
    """

    def __init__(self, base=None, port=None, tls_port=None, separator='/',
                 prefix='', capability=None, without=(), password='pass',
                 passwords=None,
                 wrong_name=False, extra='', rawlog=False, detached=False,
                 extras=False, compress=False):
        self.temporary = base is None
        self.base = base or temporary_base()
        self.base = os.path.abspath(self.base)
        self.port, self.tls_port = port, tls_port
        self.separator, self.prefix = separator, prefix
        self.capability = capability
        if without:
            words = (capability or CAPABILITY).split()
            gone = {w.upper() for w in without}
            self.capability = ' '.join(w for w in words
                                       if w.upper() not in gone)
        self.password = password
        self.passwords = dict(passwords or {})
        self.wrong_name = wrong_name
        self.extra, self.rawlog, self.detached = extra, rawlog, detached
        if extras:
            self.extra += EXTRAS
            if self.capability:
                self.capability += EXTRAS_CAPABILITY
        if compress:
            self.extra += COMPRESS
            if self.capability:
                self.capability += ' COMPRESS=DEFLATE'
        self.mail_dir = self.base + '/mail'
        self.certificate = self.base + '/cert.pem'
        self.process = None
        self.pid = None

    # -- life cycle

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.remove() if self.temporary else self.stop()

    def start(self):
        if len(self.base) + LONGEST_SOCKET > SOCKET_PATH_MAX:
            raise RuntimeError('the folder name is too long: ' + self.base)
        why_not = available()
        if why_not:
            raise RuntimeError(why_not)
        self.user, self.uid, self.group, self.gid = run_as()
        for name in ('', '/run', '/mail', '/rawlog'):
            os.makedirs(self.base + name, exist_ok=True)
        self._write_certificates()
        self._write_passwords()
        fixed = self.port is not None and self.tls_port is not None
        for _ in range(1 if fixed else 5):
            chosen = free_ports(2)
            port, tls_port = self.port or chosen[0], self.tls_port or chosen[1]
            if self._launch(port, tls_port):
                self.port, self.tls_port = port, tls_port
                if not self.detached:
                    atexit.register(self.stop)
                return self
            if port_is_free(port) and port_is_free(tls_port):
                break  # the ports were not the reason
        raise RuntimeError('Dovecot did not start:\n' + self.log()[-2000:])

    def _launch(self, port, tls_port):
        conf = self.base + '/dovecot.conf'
        with open(conf, 'w', encoding='ascii') as f:
            f.write(self._configuration(port, tls_port))
        if os.getuid() == 0:
            self._give_away()
        drop = {}
        if os.getuid() == 0:
            drop = {'user': self.uid, 'group': self.gid, 'extra_groups': []}
        with open(self.base + '/start.log', 'ab') as out:
            self.process = subprocess.Popen(
                [find_program('dovecot'), '-F', '-c', conf],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd='/',
                start_new_session=True,
                preexec_fn=None if self.detached else die_with_parent, **drop)
        self.pid = self.process.pid
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            if self._greets(port) and self._greets(tls_port, False):
                with open(self.base + '/pid', 'w', encoding='ascii') as f:
                    f.write(f'{self.pid} {start_time(self.pid)}\n')
                return True
            time.sleep(0.02)  # poll, bounded by the deadline
        self._end_group()
        return False

    @staticmethod
    def _greets(port, plain=True):
        try:
            with socket.create_connection(('127.0.0.1', port), 2) as s:
                s.settimeout(5)
                return not plain or s.recv(4) == b'* OK'
        except OSError:
            return False

    def _configuration(self, port, tls_port):
        own = ' '.join(sorted(self.passwords))
        others = ' '.join('!' + u for u in sorted(self.passwords))
        capability = ''
        if self.capability:
            capability = 'imap_capability = ' + self.capability
        rawlog = ''
        if self.rawlog:
            rawlog = f'protocol imap {{\n  rawlog_dir = {self.base}/rawlog\n}}'
        return CONFIG.format(
            base=self.base, instance='t%d' % port, user=self.user,
            group=self.group, uid=self.uid, gid=self.gid, port=port,
            tls_port=tls_port, separator=self.separator, prefix=self.prefix,
            capability=capability, own=own, others=others, extra=self.extra,
            rawlog=rawlog, password=self.password, certificate=self.certificate,
            key=self.base + '/cert.key')

    def _write_certificates(self):
        if not os.path.exists(self.certificate):
            names = ('localhost', '127.0.0.1')
            if self.wrong_name:
                names = ('elsewhere.example.org',)
            make_certificate(self.base + '/cert', names)

    def _write_passwords(self):
        with open(self.base + '/passwords', 'w', encoding='utf-8') as f:
            for user, password in self.passwords.items():
                f.write(f'{user}:{password}\n')

    def _give_away(self):
        os.chmod(self.base, 0o755)
        for root, dirs, files in os.walk(self.base):
            os.lchown(root, self.uid, self.gid)
            for name in files:
                os.lchown(os.path.join(root, name), self.uid, self.gid)

    def _end_group(self):
        """Ends the group led by the process we started, then reaps it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self, politely=True):
        if self.pid is None:
            return
        if politely:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        self._end_group()
        self.pid = None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.base + '/pid')
        atexit.unregister(self.stop)

    def remove(self):
        self.stop(politely=False)  # nobody will look at its mail again
        shutil.rmtree(self.base, ignore_errors=True)

    def wipe(self):
        """Empties all accounts; nobody may be logged in."""
        wipe(self.base)

    # -- what happened

    def log(self):
        text = ''
        for name in ('/start.log', '/log'):
            with contextlib.suppress(FileNotFoundError):
                with open(self.base + name, encoding='utf-8',
                          errors='replace') as f:
                    text += f.read()
        return text

    def sessions(self):
        """How many clients are logged in.  A client that is gone counts until
        the server has obeyed all it had sent."""
        log = self.log()
        return len(re.findall(r'imap-login: Info: Login: ', log)) - \
            len(re.findall(r' imap\([^\n]*?>: Info: (?:Disconnected|'
                           r'Connection closed|Logged out)', log))

    def forget_commands(self):
        for name in os.listdir(self.base + '/rawlog'):
            os.unlink(self.base + '/rawlog/' + name)

    def commands(self):
        """{command name: count} of all sessions since the last
        forget_commands(); "UID FETCH" and the like are one name."""
        counts = {}
        for name in sorted(os.listdir(self.base + '/rawlog')):
            if name.endswith('.in'):
                with open(self.base + '/rawlog/' + name, 'rb') as f:
                    sent = inflated(strip_times(f.read()))
                    for command in split_commands(sent):
                        counts[command] = counts.get(command, 0) + 1
        return counts


def strip_times(data):
    """Takes the time stamp away that Dovecot puts before every line."""
    return re.sub(rb'(?m)^\d+\.\d+ ', b'', data)


def inflated(data):
    """What was sent, when from a COMPRESS on it is compressed."""
    plain, command, rest = data.partition(b' COMPRESS DEFLATE\r\n')
    if command:
        rest = zlib.decompressobj(-15).decompress(rest)
    return plain + command + rest


def split_commands(data):
    """The command names in what a client sent; literals are skipped."""
    names, at, inside = [], 0, False
    while at < len(data):
        end = data.find(b'\n', at)
        end = len(data) if end < 0 else end + 1
        line = data[at:end].rstrip(b'\r\n')
        at = end
        if not inside:
            words = line.split(b' ', 3)
            if len(words) > 1:
                name = words[1].upper()
                if name == b'UID' and len(words) > 2:
                    name += b' ' + words[2].upper()
                names.append(name.decode('latin-1'))
        literal = re.search(rb'\{(\d+)\+?\}$', line)
        inside = literal is not None
        if literal:
            at += int(literal.group(1))
    return names


def start_time(pid):
    """Start of a process in clock ticks: tells a reused number apart."""
    with open(f'/proc/{pid}/stat', 'rb') as f:
        return int(f.read().rsplit(b')', 1)[1].split()[19])


def wipe(base):
    for name in os.listdir(base + '/mail'):
        shutil.rmtree(base + '/mail/' + name)


def stop_recorded(base):
    try:
        with open(base + '/pid', encoding='ascii') as f:
            pid, started = map(int, f.read().split())
        if start_time(pid) != started:
            raise FileNotFoundError
    except FileNotFoundError:
        return  # not running
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and alive(pid, started):
        time.sleep(0.02)  # poll, bounded by the deadline
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(base + '/pid')


def alive(pid, started):
    try:
        with open(f'/proc/{pid}/stat', 'rb') as f:
            fields = f.read().rsplit(b')', 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] != b'Z' and int(fields[19]) == started


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(dest='verb', required=True)
    start = verbs.add_parser('start')
    start.add_argument('base')
    start.add_argument('--port', type=int)
    start.add_argument('--tls-port', type=int)
    start.add_argument('--separator', default='/')
    start.add_argument('--prefix', default='')
    start.add_argument('--capability')
    start.add_argument('--without', action='append', default=[])
    start.add_argument('--password', action='append', default=[])
    start.add_argument('--compress', action='store_true')
    for verb in ('stop', 'wipe'):
        verbs.add_parser(verb).add_argument('base')
    certificate = verbs.add_parser('certificate')
    certificate.add_argument('stem')
    certificate.add_argument('names', nargs='*')
    args = parser.parse_args()
    if args.verb == 'start':
        server = Dovecot(
            base=args.base, port=args.port, tls_port=args.tls_port,
            separator=args.separator, prefix=args.prefix,
            capability=args.capability, without=args.without, detached=True,
            compress=args.compress,
            passwords=dict(p.split(':', 1) for p in args.password))
        try:
            server.start()
        except RuntimeError as e:
            sys.exit('dovecot.py: %s' % e)
        print(f'port={server.port}\ntls_port={server.tls_port}\n'
              f'certificate={server.certificate}\npid={server.pid}')
    elif args.verb == 'stop':
        stop_recorded(os.path.abspath(args.base))
    elif args.verb == 'wipe':
        wipe(os.path.abspath(args.base))
    else:
        make_certificate(args.stem, args.names or ('localhost', '127.0.0.1'))


if __name__ == '__main__':
    main()
