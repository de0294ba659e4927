# SPDX-License-Identifier: MIT
"""A throwaway Courier IMAP server (Debian 12: 5.0); see foreign.py.

Its paths are compiled in, so it runs in a mount and user name space of its own,
with overlays on /usr and /etc and a private /run.  Mailboxes are INBOX.NAME.
"""
import os
import re
import shutil

import debpackages
from foreign import Foreign

PACKAGES = (
    'courier-imap courier-base courier-authlib courier-authlib-userdb '
    'libcourier-unicode4 libgamin0 gamin libglib2.0-0 libltdl7 libidn12 '
    'libgdbm6 libpcre3 gnutls-bin libopts25 libevent-2.1-7 libunbound8 '
    'libgnutls-dane0').split()

AUTHDAEMON = '''\
authmodulelist="authuserdb"
authmodulelistorig="authuserdb"
daemons=3
authdaemonvar=/run/courier/authdaemon
subsystem=mail
DEBUG_LOGIN=0
DEFAULTOPTIONS=""
LOGGEROPTS=""
'''

IMAPD = '''
IMAP_CAPABILITY="IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT \
THREAD=REFERENCES SORT QUOTA IDLE AUTH=PLAIN"
IMAP_EMPTYTRASH=
IMAP_ULIMITD=
IMAP_STARTTLS=YES
COURIERTLS=/usr/bin/couriertls
TLS_CERTFILE={base}/both.pem
TLS_VERIFYPEER=NONE
TLS_CACHEFILE=
TLS_TRUSTCERTS=
TLS_DHPARAMS=
IMAP_TLS_REQUIRED=0
'''

OUTER = '''\
set -e
ln -sfn {base}/etc/courier {base}/ov-etc/courier
mount -t overlay overlay -o lowerdir={root}/usr:/usr /usr
mount -t overlay overlay -o lowerdir={base}/ov-etc:/etc /etc
mount --bind {base}/run /run
exec unshare --user --map-user=1000 --map-group=1000 -- bash {base}/inner.sh
'''

INNER = '''\
set -e
umask 022
make=/usr/lib/courier/courier-authlib/makedatprog
$make - {base}/tmp/u /etc/courier/userdb.dat <{base}/userdb
$make - {base}/tmp/s /etc/courier/userdbshadow.dat <{base}/userdbshadow
/usr/lib/courier/courier-authlib/authdaemond &
set -a
. /etc/courier/imapd
. /etc/courier/imapd-ssl
. /etc/courier/imapd
set +a
limits='-address=127.0.0.1 -maxprocs=500 -maxperip=500 -nodnslookup -noidentlookup'
login='/usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir'
/usr/sbin/couriertcpd $limits {tls_port} /usr/bin/couriertls -server -tcpd $login &
exec /usr/sbin/couriertcpd $limits {port} $login
'''


class Courier(Foreign):
    name = 'courier'
    packages = PACKAGES
    programs = ('/usr/bin/imapd', '/usr/sbin/couriertcpd',
                '/usr/bin/couriertls')
    separator, prefix = '.', 'INBOX.'

    def start(self):
        debpackages.need_namespaces(self.name)
        return super().start()

    def configure(self, port, tls_port):
        for name in ('etc/courier/shared', 'run/courier/authdaemon', 'tmp',
                     'ov-etc'):
            os.makedirs(self.base + '/' + name, exist_ok=True)
        fill = {'base': self.base, 'root': self.root, 'port': port,
                'tls_port': tls_port}
        self._write_users()
        self.write('etc/courier/authdaemonrc', AUTHDAEMON)
        for name in ('imapd', 'imapd-ssl'):
            shutil.copy('%s/etc/courier/%s' % (self.root, name),
                        self.base + '/etc/courier')
        with open(self.base + '/etc/courier/imapd', 'a',
                  encoding='ascii') as f:
            f.write(IMAPD.format(**fill))
        self.write('outer.sh', OUTER.format(**fill))
        self.write('inner.sh', INNER.format(**fill))

    def _write_users(self):
        public, secret = [], []
        crypted = self.crypted()
        for user in self.users:
            home = '%s/home/%s' % (self.base, user)
            for part in ('cur', 'new', 'tmp'):
                os.makedirs('%s/Maildir/%s' % (home, part), exist_ok=True)
            public.append('%s\tuid=1000|gid=1000|home=%s|mail=%s/Maildir\n'
                          % (user, home, home))
            secret.append('%s\tsystempw=%s\n' % (user, crypted))
        # a line with a dot ends the input of makedatprog
        self.write('userdb', ''.join(public) + '.\n')
        self.write('userdbshadow', ''.join(secret) + '.\n', 0o600)
        for name, line in (('passwd', 'courier:x:1000:1000::/:/bin/false\n'),
                           ('group', 'courier:x:1000:\n')):
            with open('/etc/' + name, encoding='utf-8') as f:
                text = re.sub(r'(?m)^courier:.*\n', '', f.read())
            self.write('ov-etc/' + name, text + line)

    def _ready(self, port):
        return os.path.exists(
            self.base + '/run/courier/authdaemon/socket') and \
            super()._ready(port)

    def command(self):
        return self.in_namespace(self.base + '/outer.sh'), {}
