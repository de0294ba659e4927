# SPDX-License-Identifier: MIT
"""A throwaway Cyrus IMAP server (Debian 12: 3.6); see foreign.py.

Personal mailboxes are INBOX.NAME.  The user "cyrus" is its administrator.
"""
import os

import debpackages
from foreign import Foreign

PACKAGES = (
    'cyrus-common cyrus-imapd sasl2-bin libsasl2-2 libsasl2-modules '
    'libsasl2-modules-db libdb5.3 libclamav12 libcurl4 libglib2.0-0 libical3 '
    'libjansson4 libjson-c5 libmspack0 libnghttp2-14 libpcre3 libpq5 libwrap0 '
    'libbrotli1 libxapian30 libxml2 libzephyr4').split()
REALM = 'cyrus.test'

IMAPD = '''\
configdirectory: {base}/lib
partition-default: {base}/spool
defaultpartition: default
sievedir: {base}/sieve
proc_path: {base}/run/proc
mboxname_lockpath: {base}/run/lock
idlesocket: {base}/run/idle
lmtpsocket: {base}/run/lmtp
notifysocket: {base}/run/notify
cyrus_user: {user}
cyrus_group: {group}
servername: {realm}
admins: cyrus
proxyservers: cyrus
altnamespace: no
unixhierarchysep: no
hashimapspool: yes
skiplist_unsafe: yes
allowplaintext: yes
autocreate_quota: 0
autocreate_post: no
delete_mode: immediate
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {base}/etc/sasldb2
sasl_mech_list: PLAIN LOGIN
maxlogins_per_user: 0
tls_server_cert: {base}/cert.pem
tls_server_key: {base}/cert.key
tls_sessions_db_path: {base}/lib/tls_sessions.db
'''

MASTER = '''\
START {{
  recover cmd="{bin}/ctl_cyrusdb {options} -r"
}}
SERVICES {{
  imap cmd="{bin}/imapd {options}" listen="127.0.0.1:{port}" prefork=0 maxchild=200
  imaps cmd="{bin}/imapd {options} -s" listen="127.0.0.1:{tls_port}" prefork=0 maxchild=200
}}
EVENTS {{
  checkpoint cmd="{bin}/ctl_cyrusdb {options} -c" period=30
}}
DAEMON {{
  idled cmd="{bin}/idled {options}"
}}
'''


class Cyrus(Foreign):
    name = 'cyrus'
    packages = PACKAGES
    programs = ('/usr/lib/cyrus/bin/master', '/usr/lib/cyrus/bin/imapd',
                '/usr/sbin/saslpasswd2')
    separator, prefix = '.', 'INBOX.'

    def configure(self, port, tls_port):
        import grp
        import pwd
        for name in ('run/proc', 'run/lock', 'lib', 'spool', 'sieve'):
            os.makedirs(self.base + '/' + name, exist_ok=True)
        uid, gid = debpackages.run_as()
        fill = {'base': self.base, 'realm': REALM, 'port': port,
                'tls_port': tls_port, 'user': pwd.getpwuid(uid).pw_name,
                'group': grp.getgrgid(gid).gr_name,
                'bin': self.root + '/usr/lib/cyrus/bin',
                'options': '-C %s/etc/imapd.conf' % self.base}
        self.write('etc/imapd.conf', IMAPD.format(**fill))
        self.write('etc/cyrus.conf', MASTER.format(**fill))
        for user in ('cyrus', *self.users):
            self._set_password(user, user if user == 'cyrus' else
                               self.password)

    def _environment(self):
        library = debpackages.library_path(self.root)
        return {'LD_LIBRARY_PATH': library,
                'SASL_PATH': library.split(':', maxsplit=1)[0] + '/sasl2'}

    def _set_password(self, user, password):
        path = self.write('etc/secret', password + '\n', 0o600)
        with open(path, 'rb') as secret:
            status, output = debpackages.run(
                [self.root + '/usr/sbin/saslpasswd2', '-p', '-c', '-f',
                 self.base + '/etc/sasldb2', '-u', REALM, user],
                stdin=secret, env=dict(os.environ, **self._environment()))
        os.unlink(path)
        if status != 0:
            raise RuntimeError('saslpasswd2: ' + output)

    def command(self):
        return ([self.root + '/usr/lib/cyrus/bin/master',
                 '-C', self.base + '/etc/imapd.conf',
                 '-M', self.base + '/etc/cyrus.conf',
                 '-p', self.base + '/run/master.pid', '-D'],
                self._environment())
