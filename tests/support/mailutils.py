# SPDX-License-Identifier: MIT
"""A throwaway imap4d of GNU Mailutils (Debian 12: 3.15); see foreign.py.

An old-style server: no UIDPLUS, no keywords, no TLS here.  It runs in a mount and
user name space of its own, with a passwd file of its own laid over /etc.
"""
import os
import re

import debpackages
from foreign import Foreign

PACKAGES = (
    'mailutils-imap4d mailutils-common libmailutils9 guile-3.0-libs libgc1 '
    'libgsasl18 libgssglue1 libidn12 libldap-2.5-0 libltdl7 libmariadb3 '
    'libnsl2 libntlm0 libpq5 libpython3.11 libtirpc3 libunistring2 libwrap0 '
    'mariadb-common').split()

IMAP4D = '''\
mode daemon;
foreground yes;
max-children 200;
server 127.0.0.1:{port} {{
  single-process no;
}};
tcp-wrappers {{ enable no; }};
logging {{ syslog no; }};
auth {{
  authorization system;
  authentication generic:system;
}};
mailbox {{
  mailbox-type maildir;
  mailbox-pattern "maildir://{base}/spool/${{user}}";
}};
namespace personal {{
  prefix "" {{
    directory "$home/Mail";
    mailbox-type maildir;
  }};
}};
create-home-dir yes;
'''

OUTER = '''\
set -e
mount -t overlay overlay -o lowerdir={base}/ov-etc:/etc /etc
export LD_LIBRARY_PATH={library}
exec unshare --user --map-user=1000 --map-group=1000 -- \\
  {root}/usr/sbin/imap4d --config-file={base}/imap4d.conf
'''


class Mailutils(Foreign):
    name = 'mailutils'
    packages = PACKAGES
    programs = ('/usr/sbin/imap4d',)

    def start(self):
        debpackages.need_namespaces(self.name)
        return super().start()

    def configure(self, port, tls_port):
        os.makedirs(self.base + '/ov-etc', exist_ok=True)
        with open('/etc/passwd', encoding='utf-8') as f:
            text = f.read()
        crypted = self.crypted()
        for user in self.users:
            home = '%s/home/%s' % (self.base, user)
            os.makedirs(home + '/Mail', exist_ok=True)
            for part in ('cur', 'new', 'tmp'):
                os.makedirs('%s/spool/%s/%s' % (self.base, user, part),
                            exist_ok=True)
            text = re.sub(r'(?m)^%s:.*\n' % re.escape(user), '', text)
            text += '%s:%s:1000:1000::%s:/bin/false\n' % (user, crypted, home)
        self.write('ov-etc/passwd', text)
        fill = {'base': self.base, 'root': self.root, 'port': port,
                'library': debpackages.library_path(self.root)}
        self.write('imap4d.conf', IMAP4D.format(**fill))
        self.write('outer.sh', OUTER.format(**fill))

    def deliver(self, user, mailbox, messages):
        """Puts messages (bytes) where a delivery agent would: an APPEND takes
        the longer the more there is."""
        folder = '%s/spool/%s' % (self.base, user) if mailbox == 'INBOX' else \
            '%s/home/%s/Mail/%s' % (self.base, user, mailbox)
        paths = [folder]
        for part in ('cur', 'new', 'tmp'):
            os.makedirs('%s/%s' % (folder, part), exist_ok=True)
            paths.append('%s/%s' % (folder, part))
        for number, raw in enumerate(messages):
            paths.append('%s/new/%d.M%dP1.test' % (
                folder, 1_600_000_000 + number, number))
            with open(paths[-1], 'wb') as f:
                f.write(raw.replace(b'\r\n', b'\n'))
        if os.getuid() == 0:
            for path in paths:
                os.chown(path, *debpackages.run_as())

    def command(self):
        return self.in_namespace(self.base + '/outer.sh'), {}
