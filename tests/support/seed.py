#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fills accounts with mail, always the same.

    seed.py load DIRECTORY HOST PORT USER PASS
        every .eml file of every folder below DIRECTORY, by APPEND; the path of
        a folder is the mailbox name (UTF-8), files of DIRECTORY itself are INBOX
    seed.py make HOST PORT USER PASS [--messages N] [--size BYTES] [--mailboxes K]
        synthetic mail, by APPEND
    seed.py maildir BASE USER [--messages N] [--size BYTES] [--mailboxes K]
        synthetic mail, written below BASE/mail/USER/Maildir before anybody looks

Bare LF becomes CRLF, nothing else is touched.  Flags, keywords and dates are mixed
but depend on the name and number alone.
"""
import argparse
import os
import random
import sys
import time
from email.utils import formatdate

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from imap_client import Imap, quote, utf7_encode  # noqa: E402

FLAGS = (b'\\Seen', b'\\Answered', b'\\Flagged', b'\\Draft', b'$Forwarded',
         b'Work')
ODDS = (.7, .2, .1, .03, .08, .06)
ZONES = (0, 60, -300, 330, 180, -210)
DAY_ONE = 1_262_304_000  # 2010-01-01


def mixed_flags(rnd, keywords=True):
    flags = [f for f, p in zip(FLAGS, ODDS) if rnd.random() < p]
    return b' '.join(f for f in flags if keywords or f.startswith(b'\\'))


def mixed_date(rnd):
    """An INTERNALDATE in some zone."""
    zone = rnd.choice(ZONES)
    when = DAY_ONE + rnd.randrange(15 * 365 * 86400)
    text = time.strftime('%d-%b-%Y %H:%M:%S ', time.gmtime(when + zone * 60))
    sign = '-' if zone < 0 else '+'
    return (text + '%s%02d%02d' % (sign, abs(zone) // 60,
                                   abs(zone) % 60)).encode('ascii')


def crlf(raw):
    """Changes bare LF to CRLF and nothing else."""
    return raw.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n') \
        if b'\r\r\n' not in raw else \
        b'\n'.join(p if p.endswith(b'\r') else p + b'\r'
                   for p in raw.split(b'\n')[:-1]) + \
        b'\n' + raw.split(b'\n')[-1]


def eml_files(directory):
    """{mailbox (mUTF-7 with "/"): [paths]}"""
    found = {}
    for root, dirs, files in os.walk(directory):
        dirs.sort()
        names = sorted(f for f in files if f.endswith('.eml'))
        if names:
            box = os.path.relpath(root, directory)
            box = 'INBOX' if box == '.' else box
            found[utf7_encode(box)] = [os.path.join(root, n) for n in names]
    return found


def make_mailbox(client, mailbox, subscribe=True):
    if mailbox != 'INBOX' and quote(mailbox)[1:-1] not in client.list():
        client.command(b'CREATE ', quote(mailbox))
    if subscribe:
        client.command(b'SUBSCRIBE ', quote(mailbox))


def server_name(mailbox, separator, prefix=''):
    if mailbox == 'INBOX':
        return mailbox
    return prefix + mailbox.replace('/', separator)


def load(client, directory, separator='/', prefix='', every=1, keywords=True,
         refused=None):
    """Returns {mailbox: number of messages}: of each folder the first of `every`
    so many files; see Imap.append_many for `refused`."""
    counts = {}
    for box, paths in eml_files(directory).items():
        name = server_name(box, separator, prefix)
        make_mailbox(client, name)
        messages = []
        for number, path in enumerate(paths):
            if number % every != 0:
                continue
            rnd = random.Random('%s %d' % (box, number))
            with open(path, 'rb') as f:
                raw = crlf(f.read())
            messages.append((raw, mixed_flags(rnd, keywords),
                             mixed_date(rnd)))
        client.append_many(name, messages, refused)
        counts[box] = len(messages)
    return counts


WORDS = ('copy mailbox server letter archive report meeting invoice draft '
         'answer question travel family garden bicycle window kitchen number '
         'morning evening signal river mountain paper pencil garden harbour '
         'station ticket lamp carpet copper silver summer winter').split()


def synthetic(mailbox, number, size):
    """One message of about `size` bytes, the same for the same arguments."""
    rnd = random.Random('%s %d %d' % (mailbox, number, size))
    when = DAY_ONE + rnd.randrange(15 * 365 * 86400)
    sender = rnd.choice(WORDS)
    head = [
        'Received: from mx%d.example.org (mx.example.org [192.0.2.%d])'
        % (number % 7, number % 250 + 1),
        '\tby mail.example.org with ESMTP id %08X' % rnd.randrange(1 << 32),
        'From: %s <%s@example.org>' % (sender.title(), sender),
        'To: somebody@example.org',
        'Subject: %s' % ' '.join(rnd.choices(WORDS, k=4)),
        'Date: %s' % formatdate(when),
        'MIME-Version: 1.0',
        'Content-Type: text/plain; charset=utf-8',
    ]
    if rnd.random() > .05:
        head.insert(5, 'Message-ID: <%s.%d.%08x@example.org>' % (
            mailbox.encode('ascii', 'replace').hex()[:20], number,
            rnd.randrange(1 << 32)))
    lines, have = head + [''], sum(map(len, head)) + 2 * len(head)
    while have < size:
        lines.append(' '.join(rnd.choices(WORDS, k=9))[:76])
        have += len(lines[-1]) + 2
    raw = '\r\n'.join(lines).encode('ascii')
    return raw if rnd.random() < .05 else raw + b'\r\n'


def mailbox_names(count):
    plain = ['INBOX', 'Sent', 'Archive', 'Archive/2023', 'Archive/2024',
             'Projects', 'Projects/Alpha', 'Projects/Beta',
             utf7_encode('Entwürfe'), utf7_encode('Проекты/Отчёты')]
    plain += ['More/%02d' % i for i in range(max(0, count - len(plain)))]
    return plain[:count]


def plan_messages(messages, size, mailboxes):
    """Yields (mailbox, number, size); sizes vary between half and double."""
    names = mailbox_names(mailboxes)
    for number in range(messages):
        box = names[number % len(names)]
        rnd = random.Random('size %d' % number)
        yield box, number, int(size * 2 ** rnd.uniform(-1, 1))


def make(client, messages=200, size=3000, mailboxes=8, separator='/',
         prefix='', copies=True, keywords=True):
    """Returns {mailbox: number}.  Every 40th message is there twice."""
    batches = {box: [] for box in mailbox_names(mailboxes)}
    for box, number, bytes_ in plan_messages(messages, size, mailboxes):
        rnd = random.Random('%s %d' % (box, number))
        one = (synthetic(box, number, bytes_), mixed_flags(rnd, keywords),
               mixed_date(rnd))
        batches[box].append(one)
        if copies and number % 40 == 0:
            batches[box].append(one)
    for box, batch in batches.items():
        name = server_name(box, separator, prefix)
        make_mailbox(client, name)
        client.append_many(name, batch)
    return {box: len(batch) for box, batch in batches.items()}


def make_maildir(base, user, messages=200, size=3000, mailboxes=8):
    """Writes a Maildir++; the owner is the owner of BASE/mail."""
    root = os.path.join(base, 'mail', user, 'Maildir')
    for box in mailbox_names(mailboxes):
        sub = '' if box == 'INBOX' else '.' + box.replace('/', '.')
        for part in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(root, sub, part), exist_ok=True)
    for box, number, bytes_ in plan_messages(messages, size, mailboxes):
        raw = synthetic(box, number, bytes_)
        rnd = random.Random('%s %d' % (box, number))
        when = DAY_ONE + rnd.randrange(15 * 365 * 86400)
        info = ''.join(c for c, p in (('F', .1), ('R', .2), ('S', .7))
                       if rnd.random() < p)
        sub = '' if box == 'INBOX' else '.' + box.replace('/', '.')
        path = os.path.join(root, sub, 'cur', '%d.M%dP1.test,S=%d:2,%s' % (
            when, number, len(raw), info))
        with open(path, 'wb') as f:
            f.write(raw)
        os.utime(path, (when, when))
    if os.getuid() == 0:
        owner = os.stat(os.path.join(base, 'mail'))
        top = os.path.join(base, 'mail', user)
        for folder, _, files in os.walk(top):
            for name in [folder] + [os.path.join(folder, f) for f in files]:
                os.lchown(name, owner.st_uid, owner.st_gid)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(dest='verb', required=True)
    verb = verbs.add_parser('load')
    verb.add_argument('directory')
    verb.add_argument('login', nargs=4)
    for name in ('make', 'maildir'):
        verb = verbs.add_parser(name)
        if name == 'make':
            verb.add_argument('login', nargs=4)
        else:
            verb.add_argument('base')
            verb.add_argument('user')
        verb.add_argument('--messages', type=int, default=200)
        verb.add_argument('--size', type=int, default=3000)
        verb.add_argument('--mailboxes', type=int, default=8)
    args = parser.parse_args()
    if args.verb == 'maildir':
        make_maildir(args.base, args.user, args.messages, args.size,
                     args.mailboxes)
        return
    host, port, user, password = args.login
    with Imap(host, port) as client:
        client.login(user, password)
        if args.verb == 'load':
            counts = load(client, args.directory)
        else:
            counts = make(client, args.messages, args.size, args.mailboxes)
    print('%d messages in %d mailboxes' % (sum(counts.values()), len(counts)))


if __name__ == '__main__':
    main()
