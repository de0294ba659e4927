# SPDX-License-Identifier: MIT
"""A scripted CommuniGate Pro: an IMAP server in its dialect and its CLI.

    with CommuniGate() as server, Cli(server) as cli: ...

The dialect is what is publicly known of it: greeting with the version,
capabilities in capitals, ACL of RFC 2086, mailboxes of others as "~user/box" for
an administrator, PROXYAUTH, lines "* OK Running" in the middle of commands,
names that choose a storage format.  How the UID of a new message is suggested is
not known: any syntax can be given, and how the server takes it.
"""
import hashlib
import re

from imap_client import quote
from scripted_server import Hangup, Listener, MiniServer, Refused, Session

CAPABILITY = (
    'IMAP4 IMAP4REV1 ACL NAMESPACE UIDPLUS IDLE LITERAL+ QUOTA ID MULTIAPPEND '
    'LISTEXT CHILDREN BINARY ESEARCH LOGIN-REFERRALS UNSELECT SASL-IR '
    'AUTH=LOGIN AUTH=PLAIN AUTH=CRAM-MD5 AUTH=DIGEST-MD5 AUTH=NTLM')
SUPPORTS = ('LITERAL+', 'MULTIAPPEND', 'UIDPLUS', 'NAMESPACE', 'SASL-IR',
            'AUTH=PLAIN')
ALL_RIGHTS = b'lrswipcda'
FORMATS = (b'.mbox', b'.mdir', b'.mslc')
DATE = re.compile(rb'[ \d]?\d-[A-Z][a-z]{2}-\d{4} ')


class CommuniGate(MiniServer):
    """Accounts: `user` and those of `others` {name: password}; `admin` of them
    all is `postmaster` with `password` too.  In `boxes` those of others have
    "~name/" in front.

    keep_alive   lines "* OK Running" in the middle of every command
    slow         {command: seconds}: so long it takes, with such lines
    uid_syntax   pattern with one group for what is suggested before the
                 literal of an APPEND; None: no such extension, it is BAD
    uid_answer   'take': the suggestion is the UID when it is not below UIDNEXT;
                 'ignore', 'NO', 'BAD'
    proxy_auth   False: the command is unknown
    """

    def __init__(self, user='anna', password='pass', version='6.3.1',
                 others=None, keep_alive=False, slow=None, uid_syntax=None,
                 uid_answer='take', proxy_auth=True, **kwargs):
        self.passwords = {user: password, 'postmaster': password}
        self.passwords.update(others or {})
        self.keep_alive, self.slow = keep_alive, slow or {}
        self.uid_syntax, self.uid_answer = uid_syntax, uid_answer
        self.proxy_auth = proxy_auth
        self.suggested = []   # what stood before literals, as sent
        self.running = 0      # lines "* OK Running"
        self.acl = {}         # {mailbox: {identifier: rights}}
        self.classes = {}     # {mailbox: class}
        self.hidden = set()   # mailboxes that LIST does not show
        kwargs.setdefault('greeting', b'* OK CommuniGate Pro IMAP Server '
                          b'%s at host ready\r\n' % version.encode())
        kwargs.setdefault('session', CommuniGateSession)
        super().__init__(user, password, capability=CAPABILITY.split(),
                         supports=SUPPORTS, **kwargs)
        for name in others or {}:
            self.box('~%s/INBOX' % name)

    def key(self, owner, name):
        """Where a mailbox of an account is in `boxes`."""
        if name.upper() == b'INBOX':
            name = b'INBOX'
        if owner == self.user.encode():
            return name
        return b'~' + owner + b'/' + name

    def names_of(self, owner):
        """[(name without owner, key)] of an account."""
        prefix = b'~' + owner + b'/'
        own = owner == self.user.encode()
        return [(key if own else key[len(prefix):], key)
                for key in sorted(self.boxes)
                if (not key.startswith(b'~') if own
                    else key.startswith(prefix))]

    def contents_of(self, owner):
        """{mailbox: sorted bodies} of an account."""
        with self.lock:
            return {name.decode(): sorted(m.raw for m in
                                          self.boxes[key].messages)
                    for name, key in self.names_of(owner.encode())}

    def make(self, name, class_name=None, hidden=False):
        """A mailbox with a class."""
        box = self.box(name)
        if class_name:
            self.classes[box.name] = class_name
        if hidden:
            self.hidden.add(box.name)
        return box


class CommuniGateSession(Session):
    """One connection to a CommuniGate."""

    admin = False

    def words(self):
        return CAPABILITY.encode()

    # -- keep-alive

    def run_line(self):
        if self.server.keep_alive:
            self.server.running += 1
            self.io.send(b'* OK Running\r\n')

    def read_literal(self, text, size):
        self.run_line()
        return super().read_literal(text, size)

    def obey(self, text, literals):
        self.run_line()
        seconds = self.server.slow.get(self.name_of(text), 0)
        for _ in range(int(seconds * 4)):
            self.server.running += 1
            self.io.send(b'* OK Running\r\n')
            self.io.stopping.wait(0.25)
        super().obey(text, literals)

    def _send_fetch(self, n, head, bodies):
        self.run_line()
        super()._send_fetch(n, head, bodies)

    # -- who

    def do_login(self, user, password):
        self.refuse_by_fault('LOGIN')
        if self.server.passwords.get(user.decode()) != password.decode():
            raise Refused(b'NO incorrect password or account name')
        self.user, self.admin = user, user == b'postmaster'
        return b'completed'

    def do_proxyauth(self, user):
        if not self.server.proxy_auth:
            raise Refused(b'BAD unknown command')
        if not self.admin:
            raise Refused(b'NO you are not an administrator')
        if user.decode() not in self.server.passwords:
            raise Refused(b'NO unknown user account')
        self.user, self.admin = user, False
        return b'completed'

    @staticmethod
    def do_enable(*_):
        return b'completed'

    # -- names

    def resolve(self, name):
        """(owner, key)"""
        if not name.startswith(b'~'):
            return self.user, self.server.key(self.user, name)
        owner, _, rest = name[1:].partition(b'/')
        owner = owner.partition(b'@')[0]
        if owner.decode() not in self.server.passwords:
            raise Refused(b'NO unknown user account')
        if owner != self.user and not self.admin:
            raise Refused(b'NO access denied')
        return owner, self.server.key(owner, rest)

    def need(self, name):
        _, key = self.resolve(name)
        box = self.server.boxes.get(key)
        if box is None:
            raise Refused(b'NO [TRYCREATE] mailbox does not exist')
        return box

    def shown(self, full):
        """(name as it is shown, box) of what a pattern matches."""
        prefix, owner = b'', self.user
        if full.startswith(b'~'):
            head, slash, _ = full.partition(b'/')
            if not slash or b'*' in head or b'%' in head:
                return
            owner, _ = self.resolve(full)
            prefix = head + b'/'
        pattern = re.escape(full[len(prefix):].decode('latin-1'))
        pattern = pattern.replace(r'\*', '.*').replace('%', '[^/]*')
        for name, key in self.server.names_of(owner):
            if key not in self.server.hidden and \
                    re.fullmatch(pattern, name.decode('latin-1')):
                yield prefix + name, self.server.boxes[key]

    def do_list(self, reference, pattern):
        self.refuse_by_fault('LIST')
        if not pattern:
            self.io.send(b'* LIST (\\Noselect) "/" ""\r\n')
            return b'completed'
        for name, box in self.shown(reference + pattern):
            self.io.send(b'* LIST (%s) "/" %s\r\n' % (
                box.attributes or b'\\UnMarked', quote(name)))
        return b'completed'

    def do_lsub(self, reference, pattern):
        for name, box in self.shown(reference + pattern):
            if box.subscribed:
                self.io.send(b'* LSUB () "/" %s\r\n' % quote(name))
        return b'completed'

    def do_namespace(self):
        self.io.send(b'* NAMESPACE (("" "/")) (("~" "/")) '
                     b'(("~public/" "/"))\r\n')
        return b'completed'

    def do_create(self, name):
        self.refuse_by_fault('CREATE')
        owner, key = self.resolve(name)
        own = name.partition(b'/')[2] if name.startswith(b'~') else name
        if own.startswith(b'.') or not own.strip(b'/'):
            raise Refused(b'NO illegal mailbox name')
        key = key.rstrip(b'/')
        for ending in FORMATS:
            if key.endswith(ending):
                key = key[:-len(ending)]
        with self.server.lock:
            if key in self.server.boxes:
                raise Refused(b'NO mailbox with this name already exists')
            parts = own.rstrip(b'/').split(b'/')
            for n in range(1, len(parts)):
                self.server.box(self.server.key(owner, b'/'.join(parts[:n])))
            self.server.box(key)
        return b'completed'

    def do_delete(self, name):
        _, key = self.resolve(name)
        self.need(name)
        del self.server.boxes[key]
        return b'completed'

    # -- access control of RFC 2086

    def rights_of(self, name):
        self.need(name)
        return self.server.acl.setdefault(self.resolve(name)[1], {})

    def do_getacl(self, name):
        said = b''.join(b' %s %s' % (quote(who), rights) for who, rights
                        in sorted(self.rights_of(name).items()))
        self.io.send(b'* ACL %s%s\r\n' % (quote(name), said))
        return b'completed'

    def do_setacl(self, name, who, rights):
        acl = self.rights_of(name)
        sign, letters = rights[:1], rights.lstrip(b'+-')
        if set(letters) - set(ALL_RIGHTS):
            raise Refused(b'BAD unknown access right')
        have = set(acl.get(who, b''))
        have = have | set(letters) if sign == b'+' else \
            have - set(letters) if sign == b'-' else set(letters)
        acl[who] = bytes(c for c in ALL_RIGHTS if c in have)
        if not have:
            del acl[who]
        return b'completed'

    def do_deleteacl(self, name, who):
        self.rights_of(name).pop(who, None)
        return b'completed'

    def do_myrights(self, name):
        self.need(name)
        self.io.send(b'* MYRIGHTS %s %s\r\n' % (quote(name), ALL_RIGHTS))
        return b'completed'

    # -- the suggestion of a UID

    def do_append(self, arguments, literals):
        plain, uids, extra, dated = [arguments[0]], [], [], False
        for value in arguments[1:]:
            if any(value is one for one in literals):
                uids.append(self.suggestion(b' '.join(extra)))
                extra, dated = [], False
            elif isinstance(value, list) and not dated:
                pass  # flags
            elif isinstance(value, list):
                extra.append(b'(' + b' '.join(value) + b')')
                continue
            elif DATE.match(value) and not dated:
                dated = True
            else:
                extra.append(value)
                continue
            plain.append(value)
        if not any(uids):
            return super().do_append(plain, literals)
        said = []
        with self.server.lock:
            box = self.need(arguments[0])
            at = 1
            for uid in uids:  # one message a time, each with its own UID
                end = next(n for n in range(at, len(plain)) if any(
                    plain[n] is one for one in literals)) + 1
                if uid and uid >= box.uidnext:
                    box.uidnext = uid
                reply = super().do_append(plain[:1] + plain[at:end], literals)
                said.append(re.search(rb'APPENDUID \d+ (\d+)', reply).group(1))
                at = end
        return b'[APPENDUID %d %s] completed' % (
            box.uidvalidity, b','.join(said))

    def suggestion(self, text):
        """The UID to take, or None."""
        if not text:
            return None
        self.server.suggested.append(text)
        answer, syntax = self.server.uid_answer, self.server.uid_syntax
        m = re.fullmatch(syntax, text) if syntax else None
        if m is None or answer == 'BAD':
            raise Refused(b'BAD command syntax error')
        if answer == 'NO':
            raise Refused(b'NO illegal message UID')
        return int(m.group(1)) if answer == 'take' else None


# ---------------------------------------------------------------- the CLI

def print_words(value):
    """A value in the syntax of the CLI."""
    if isinstance(value, dict):
        return b'{' + b''.join(print_words(k) + b'=' + print_words(v) + b';'
                               for k, v in value.items()) + b'}'
    if isinstance(value, (list, tuple)):
        return b'(' + b','.join(print_words(v) for v in value) + b')'
    value = value.encode() if isinstance(value, str) else value
    if re.fullmatch(rb'[A-Za-z0-9]+', value):
        return value
    return b'"' + re.sub(rb'[\\"]', lambda m: b'\\' + m.group(0), value) + b'"'


def read_words(line):
    """Words of a command; quoted ones without their quotes."""
    def plain(m):
        return bytes([int(m.group(1))]) if m.group(1) else m.group(2)
    return [re.sub(rb'\\(?:(\d{3})|(.))', plain, w[1:-1])
            if w.startswith(b'"') else w
            for w in re.findall(rb'"(?:\\.|[^"\\])*"|[^\s"]+', line)]


class CliRefused(Exception):
    """Becomes a reply with a code of 500 and more."""


class Cli(Listener):
    """The CLI (PWD module) of a CommuniGate.

    apop     False: no challenge in the greeting
    refuse   {command: reply}: "513 not allowed"
    stall    commands that are never answered
    in_array the list of mailboxes is the first element of an array
    """

    CHALLENGE = b'<17.1700000000@host>'

    def __init__(self, server, apop=True, refuse=None, stall=(),
                 in_array=False):
        self.server, self.apop = server, apop
        self.refuse, self.stall = refuse or {}, set(stall)
        self.in_array = in_array
        self.commands = []       # (verb, line), of PASS without the password
        self.clear_text = False  # a password came in clear
        super().__init__()

    def count(self, *verbs):
        return sum(1 for verb, _ in self.commands if verb in verbs)

    def serve(self, connection, number):
        connection.send(b'200 CommuniGate Pro at host PWD Server 6.3.1 ready '
                        + (self.CHALLENGE if self.apop else b'') + b'\r\n')
        user = asking = None
        while True:
            line = connection.read_line()
            words = read_words(line)
            verb = words[0].upper().decode() if words else ''
            self.commands.append((verb, b'PASS' if verb == 'PASS' else line))
            if verb in self.stall:
                connection.stall()
            if verb in self.refuse:
                connection.send(self.refuse[verb].encode() + b'\r\n')
                continue
            try:
                if verb == 'USER':
                    asking, said = words[1], b'300 please send the PASS'
                elif verb == 'PASS':
                    user = self.login(asking, line[5:])
                    said = b'200 login OK'
                elif verb == 'APOP':
                    user = self.login_apop(words[1], words[2])
                    said = b'200 login OK'
                elif verb == 'QUIT':
                    connection.send(b'200 CommuniGate Pro PWD connection '
                                    b'closed\r\n')
                    raise Hangup
                elif user is None:
                    raise CliRefused(b'500 login first')
                else:
                    said = self.obey(verb, words, user)
            except CliRefused as e:
                said = e.args[0]
            connection.send(said + b'\r\n')

    def login(self, user, password):
        self.clear_text = True
        if user is None or self.server.passwords.get(
                user.decode()) != password.decode():
            raise CliRefused(b'500 incorrect password or account name')
        return user

    def login_apop(self, user, digest):
        password = self.server.passwords.get(user.decode(), '')
        good = hashlib.md5(self.CHALLENGE + password.encode()).hexdigest()
        if not self.apop or digest.decode().lower() != good:
            raise CliRefused(b'500 incorrect password or account name')
        return user

    def obey(self, verb, words, user):
        if verb == 'INLINE':
            return b'200 OK'
        method = getattr(self, 'do_' + verb.lower(), None)
        if method is None:
            raise CliRefused(b'500 unknown command')
        owner = user if words[1] == b'*' else words[1].partition(b'@')[0]
        if owner.decode() not in self.server.passwords:
            raise CliRefused(b'512 unknown user account')
        if owner != user and user != b'postmaster':
            raise CliRefused(b'513 operation is not allowed')
        options = dict(zip((w.upper() for w in words[2::2]), words[3::2]))
        with self.server.lock:
            return method(owner, options)

    def key(self, owner, options, exists=True):
        key = self.server.key(owner, options[b'MAILBOX'])
        if exists != (key in self.server.boxes):
            raise CliRefused(b'512 mailbox does not exist' if exists else
                             b'520 mailbox already exists')
        return key

    def info(self, key):
        box = self.server.boxes[key]
        info = {'Messages': str(len(box.messages)),
                'UIDValidity': str(box.uidvalidity)}
        if key in self.server.classes:
            info['Class'] = self.server.classes[key]
        return info

    def do_listmailboxes(self, owner, _):
        names = self.server.names_of(owner)
        folders = {n.rpartition(b'/')[0] for n, _ in names}
        data = {n: [self.info(key), []] if n in folders else self.info(key)
                for n, key in names}
        return b'201 ' + print_words([data] if self.in_array else data)

    def do_getmailboxinfo(self, owner, options):
        return b'201 ' + print_words(self.info(self.key(owner, options)))

    def do_setmailboxclass(self, owner, options):
        self.server.classes[self.key(owner, options)] = \
            options[b'CLASS'].decode()
        return b'200 OK'

    def do_createmailbox(self, owner, options):
        key = self.key(owner, options, exists=False)
        self.server.box(key)
        if b'CLASS' in options:
            self.server.classes[key] = options[b'CLASS'].decode()
        return b'200 OK'
