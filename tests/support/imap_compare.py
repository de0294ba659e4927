#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares two accounts over IMAP, message by message.

    imap_compare.py [--map OLD=NEW]... [--tls] HOST PORT USER PASS  HOST PORT USER PASS

Per mailbox, as multisets: the bytes, the instant of INTERNALDATE, the flags
(without \\Recent) and how often each message is there.  Between the mailboxes:
which exist and which are subscribed.  Changes that a copy may make to the bytes
are tolerated: a line end added at the very end, and "\\r\\r\\n" given back as "\\r\\n".
Messages that are \\Deleted on the source need not be on the target.

Prints the differences and exits 1 when there are some.  Names are compared with
the separators and personal prefixes of both sides taken away.  An independent
oracle: it shares no code with the programs it judges.
"""
import argparse
import collections
import datetime
import hashlib
import os
import re
import ssl
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from imap_client import Imap, ImapError  # noqa: E402

MONTHS = {m: i + 1 for i, m in enumerate(
    b'jan feb mar apr may jun jul aug sep oct nov dec'.split())}


def instant(date):
    """Seconds since 1970 of an INTERNALDATE."""
    m = re.fullmatch(rb' ?(\d+)-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) '
                     rb'([+-])(\d\d)(\d\d)', date)
    if not m:
        raise ValueError('not a date: %r' % date)
    day, month, year, hour, minute, second, sign, oh, om = m.groups()
    offset = (int(oh) * 60 + int(om)) * (-60 if sign == b'-' else 60)
    when = datetime.datetime(int(year), MONTHS[month.lower()], int(day),
                             int(hour), int(minute), min(int(second), 59),
                             tzinfo=datetime.timezone.utc)
    return int(when.timestamp()) - offset


def digest(raw, tolerant=True):
    if tolerant:
        raw = re.sub(rb'\r+\n', b'\r\n', raw)
        raw = raw.rstrip(b'\r') if raw.endswith(b'\r') else raw
        if not raw.endswith(b'\n'):
            raw += b'\r\n'
    return hashlib.sha256(raw).hexdigest()[:16]


Message = collections.namedtuple('Message', 'raw when flags')

# What servers are known to do to a message, as a function of it: what a target
# that does so is expected to hold.  Each is documented where the server is used.


def header_octets_are_x(m):
    """Cyrus (munge8bit): every 8-bit octet of the header becomes an X."""
    end = re.search(rb'\r?\n\r*\n', m.raw)
    at = end.start() if end else len(m.raw)
    return m._replace(raw=re.sub(rb'[\x80-\xff]', b'X', m.raw[:at]) +
                      m.raw[at:])


def no_bare_cr(m):
    """Courier: a CR without LF goes."""
    return m._replace(raw=re.sub(rb'\r(?!\n)', b'', m.raw))


def nul_is_0x80(m):
    """Dovecot."""
    return m._replace(raw=m.raw.replace(b'\0', b'\x80'))


def ends_at_nul(m):
    """imap4d: a NUL and what is behind it goes."""
    return m._replace(raw=m.raw.split(b'\0', 1)[0])


def no_from_line(m):
    """imap4d: a first line of mbox files goes."""
    return m._replace(raw=re.sub(rb'\AFrom [^\n]*\n', b'', m.raw))


def loose_header(m):
    """imap4d: squeezes white space in front of values, takes out Status fields
    (and sets flags by them)."""
    end = re.search(rb'\n\r?\n', m.raw)
    at = end.start() if end else len(m.raw)
    head = re.sub(rb'(?im)^(status|x-status|x-uid|x-imapbase):[^\n]*\n', b'',
                  m.raw[:at] + b'\n')
    return m._replace(raw=re.sub(rb'\s', b'', head) + m.raw[at:])


def no_date(m):
    """imap4d on a maildir: INTERNALDATE is the time at which it is asked for."""
    return m._replace(when=0)


def no_flags(m):
    """imap4d on a maildir: forgets those of APPEND, and has no keywords."""
    return m._replace(flags=frozenset())


class Account:
    """What one side has: {mailbox: Counter of (digest, instant, flags)}.

    rules    functions of the above, for every message
    without  {mailbox: UIDs that do not count}
    """

    def __init__(self, client, prefix=b'', rules=(), without=None):
        self.rules, self.without = rules, without or {}
        self.boxes, self.about = {}, {}
        self.keywords = 0  # of all messages that are not deleted
        self.deleted = collections.defaultdict(collections.Counter)
        listed = client.list()
        separators = {s for _, s in listed.values() if s}
        self.separator = separators.pop() if separators else b'/'
        self.prefix = prefix
        self.subscribed = {self.plain(n) for n in client.lsub()}
        for name, (attributes, _) in listed.items():
            if b'\\NOSELECT' in attributes or b'\\NONEXISTENT' in attributes:
                continue
            try:
                self._read(client, name)
            except ImapError as e:
                # Dovecot lists a deleted parent as if it were still there
                if "doesn't exist" not in str(e):
                    raise
                self.boxes.pop(self.plain(name), None)

    def plain(self, name):
        if name.upper() == b'INBOX':
            return 'INBOX'
        if self.prefix and name.startswith(self.prefix):
            name = name[len(self.prefix):]
        return name.replace(self.separator, b'/').decode('ascii', 'replace')

    def _read(self, client, name):
        plain = self.plain(name)
        box = self.boxes.setdefault(plain, collections.Counter())
        left_out = self.without.get(plain, ())
        for message in client.fetch(name):
            if int(message[b'UID']) in left_out:
                continue
            raw = message[b'BODY[]'] or b''
            flags = frozenset(
                f.decode('ascii', 'replace').lower()
                for f in message[b'FLAGS'] if f.upper() != b'\\RECENT')
            m = Message(raw, instant(message[b'INTERNALDATE']), flags)
            for rule in self.rules:
                m = rule(m)
            key = (digest(m.raw), m.when, m.flags - {'\\deleted'})
            if '\\deleted' not in flags:
                self.keywords += sum(not f.startswith('\\')
                                     for f in flags)
            if '\\deleted' in flags:
                self.deleted[plain][key] += 1
            else:
                box[key] += 1
            self.about.setdefault(key, subject(raw))


def subject(raw):
    m = re.search(rb'(?im)^subject:([^\r\n]*)', raw[:20000])
    text = m.group(1).strip().decode('utf-8', 'replace') if m else ''
    return '%d bytes, subject %r' % (len(raw), text[:60])


def describe(account, key):
    return '%s %s (%s) %s' % (
        key[0], datetime.datetime.fromtimestamp(
            key[1], datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ'),
        ' '.join(sorted(key[2])), account.about[key])


def unpaired(only_source, only_target):
    """Names what differs where the bytes of both sides are the same."""
    by_digest = collections.defaultdict(list)
    for key in only_target:
        by_digest[key[0]].append(key)
    for key in only_source:
        for other in by_digest.get(key[0], ()):
            if key[1] != other[1]:
                yield key, 'the date differs by %d s' % (other[1] - key[1])
            else:
                yield key, 'flags (%s), on the target (%s)' % (
                    ' '.join(sorted(key[2])), ' '.join(sorted(other[2])))


def compare(source, target, renamed=None, subscriptions=True, mirror=False):
    """The differences as lines; none when the target is a complete copy.

    mirror: nothing may be there beyond that, but for copies of messages that
    are \\Deleted on the source.
    """
    renamed = renamed or {}
    out = []
    expected, tolerated = {}, collections.defaultdict(collections.Counter)
    for name, box in source.boxes.items():
        expected.setdefault(renamed.get(name, name),
                            collections.Counter()).update(box)
        if mirror:
            tolerated[renamed.get(name, name)].update(source.deleted[name])
    for name in sorted(set(expected) | set(target.boxes)):
        if name not in target.boxes:
            out.append('%s: not on the target' % name)
            continue
        if name not in expected:
            if target.boxes[name] or mirror:
                out.append('%s: only on the target' % name)
            continue
        have = target.boxes[name]
        missing = expected[name] - have
        extra = have - expected[name] - tolerated[name]
        for key, times in missing.items():
            out.append('%s: missing on the target, %d x: %s'
                       % (name, times, describe(source, key)))
        for key, times in extra.items():
            out.append('%s: too many on the target, %d x: %s'
                       % (name, times, describe(target, key)))
        for key, why in unpaired(missing, extra):
            out.append('%s: %s: %s' % (name, key[0], why))
    if subscriptions:
        wanted = {renamed.get(n, n) for n in source.subscribed
                  if n in source.boxes}
        for name in sorted(wanted - target.subscribed):
            out.append('%s: not subscribed on the target' % name)
        wanted = {renamed.get(n, n) for n in source.subscribed}
        for name in sorted(target.subscribed - wanted if mirror else ()):
            out.append('%s: subscribed on the target only' % name)
    return out


def open_account(host, port, user, password, tls=None, **kwargs):
    with Imap(host, port, tls) as client:
        client.login(user, password)
        prefix = b''
        for text, _ in client.command(b'NAMESPACE'):
            m = re.match(rb'\* NAMESPACE \(\("([^"]*)"', text, re.I)
            if m:
                prefix = m.group(1)
        return Account(client, prefix, **kwargs)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--map', action='append', default=[],
                        metavar='OLD=NEW')
    parser.add_argument('--tls', action='store_true',
                        help='implicit TLS on both sides, not verified')
    parser.add_argument('--no-subscriptions', action='store_true')
    parser.add_argument('login', nargs=8, metavar='HOST PORT USER PASS')
    args = parser.parse_args()
    tls = None
    if args.tls:
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    source = open_account(*args.login[:4], tls)
    target = open_account(*args.login[4:], tls)
    renamed = dict(m.split('=', 1) for m in args.map)
    differences = compare(source, target, renamed,
                          not args.no_subscriptions)
    for line in differences:
        print(line)
    if differences:
        return 1
    print('equal: %d mailboxes, %d messages' % (
        len(source.boxes), sum(sum(b.values())
                               for b in source.boxes.values())))
    return 0


if __name__ == '__main__':
    sys.exit(main())
