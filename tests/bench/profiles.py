# SPDX-License-Identifier: MIT
"""The accounts the benchmark copies: the same bytes on every machine.

A profile is written as Maildir straight into a server's mail folder; that is
the only way to have 200,000 messages within seconds.  Sizes follow a fixed plan,
contents are cut from one text that a seeded generator makes.
"""
import bisect
import collections
import glob
import math
import os
import random
import statistics
from email.utils import formatdate

FIRST_DAY = 1_400_000_000
SYLLABLES = ('ba be bi bo ca ce co da de di do fa fe fi ga go la le li lo ma me '
             'mi mo na ne no pa pe po ra re ri ro sa se si so ta te ti to va ve '
             'vo').split()
BOXES = ('INBOX', 'Sent', 'Drafts', 'Archive', 'Archive.2022', 'Archive.2023',
         'Archive.2024', 'Clients', 'Clients.North', 'Clients.South', 'Home',
         'Home.House', 'Home.School', 'Lists', 'Lists.announce',
         'Lists.developers', 'Offers', 'Orders', 'Orders.open', 'Reports',
         'Reports.weekly', 'Team', 'Team.minutes', 'Tickets')

Profile = collections.namedtuple(
    'Profile', 'title accounts plan pairs rtt parallel real store rate verify',
    defaults=('maildir', 0, False))


def log_normal(count, median, sigma, largest):
    """Sizes at equal steps of the distribution, in an order that mixes them."""
    normal = statistics.NormalDist()
    sizes = [min(largest, max(500, int(median * math.exp(
        sigma * normal.inv_cdf((i + .5) / count))))) for i in range(count)]
    random.Random(count).shuffle(sizes)
    return sizes


def spread(sizes, boxes):
    """[(mailbox, size)], every mailbox the same share."""
    return [(boxes[i * len(boxes) // len(sizes)], size)
            for i, size in enumerate(sizes)]


def small_plan():
    rnd = random.Random('small')
    return [('INBOX', rnd.randint(1500, 6500)) for _ in range(10000)]


def huge_plan():
    rnd = random.Random('huge')
    return [('INBOX', rnd.randint(440, 560)) for _ in range(200000)]


def folders_plan():
    boxes = ['Year%02d' % (i // 20) + ('.topic%02d' % (i % 20) if i % 20 else '')
             for i in range(499)]
    return [(box, 2000) for box in ['INBOX'] + boxes for _ in range(4)]


def account_plan():
    return spread(log_normal(296, 6000, 1.4, 3_000_000), BOXES[:8])


PROFILES = {
    'tiny': Profile('1 message', ['anna'],
                    lambda: [('INBOX', 3000)], 5, 0, 1, False),
    'small': Profile('10,000 messages of 4 KB', ['anna'],
                     small_plan, 5, 0, 1, False),
    'real': Profile('3,000 messages, 97 MB, 24 mailboxes', ['anna'],
                    lambda: spread(log_normal(3000, 9000, 1.59, 8_000_000),
                                   BOXES), 5, 0, 1, True),
    'large': Profile('40 messages of 20 MB', ['anna'],
                     lambda: [('INBOX', 20_000_000)] * 40, 3, 0, 1, False),
    'slow': Profile('40 messages of 20 MB, 50 ms round trip, '
                    '8 MB/s a connection', ['anna'],
                    lambda: [('INBOX', 20_000_000)] * 40, 1, 50, 1, False,
                    rate=8_000_000),
    'folders': Profile('500 mailboxes of 4 messages', ['anna'],
                       folders_plan, 5, 0, 1, False),
    'far': Profile('296 messages, 8 mailboxes, 50 ms round trip', ['anna'],
                   account_plan, 5, 50, 1, False),
    'domain': Profile('20 accounts of 296 messages, 4 at once',
                      ['user%02d' % i for i in range(20)],
                      account_plan, 5, 0, 4, False),
    'verify': Profile('3,000 messages, 97 MB, 24 mailboxes, compared',
                      ['anna'], lambda: spread(log_normal(
                          3000, 9000, 1.59, 8_000_000), BOXES),
                      5, 0, 1, True, verify=True),
    'huge': Profile('200,000 messages of 500 bytes in one mailbox', ['anna'],
                    huge_plan, 1, 0, 1, False, 'sdbox'),
}


class Writer:
    """Makes messages."""

    def __init__(self, name):
        self.rnd = random.Random('mail ' + name)
        words = [''.join(self.rnd.choices(SYLLABLES, k=self.rnd.randint(1, 4)))
                 for _ in range(1500)]
        lines, size = [], 0
        while size < 600_000:
            line = ' '.join(self.rnd.choices(words, k=self.rnd.randint(5, 11)))
            lines.append(line[:76])
            size += len(lines[-1]) + 2
        self.text = '\r\n'.join(lines).encode() + b'\r\n'
        self.digits = b''.join(
            bytes(self.rnd.choices(b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl'
                                   b'mnopqrstuvwxyz0123456789+/', k=76)) +
            b'\r\n' for _ in range(20000))
        self.number = 0

    def lines_of(self, store, size):
        """About `size` bytes of whole lines."""
        out = []
        while size > 0:
            start = store.find(b'\n', self.rnd.randrange(len(store) // 2)) + 1
            end = store.find(b'\n', min(len(store) - 1, start + size)) + 1
            out.append(store[start:end or len(store)])
            size -= len(out[-1])
        return b''.join(out)

    def message(self, user, size):
        """(seconds since 1970, bytes)"""
        self.number += 1
        n, rnd = self.number, self.rnd
        when = FIRST_DAY + n * 601 + rnd.randrange(600)
        head = (
            'Received: from relay%d.example.org (relay%d.example.org '
            '[198.51.100.%d])\r\n\tby mail.example.net with ESMTP id %X\r\n'
            'From: %s <p%d@example.org>\r\nTo: %s@example.net\r\n'
            'Subject: %s %d\r\nDate: %s\r\nMessage-ID: <%08x.%d@example.org>\r\n'
            'MIME-Version: 1.0\r\n' % (
                n % 5, n % 5, n % 200 + 1, rnd.getrandbits(40),
                rnd.choice(SYLLABLES).title(), n % 150, user,
                ' '.join(rnd.choices(SYLLABLES, k=5)), n, formatdate(when),
                rnd.getrandbits(32), n)).encode()
        if size < 40000:
            head += b'Content-Type: text/plain; charset=us-ascii\r\n\r\n'
            return when, head + self.lines_of(self.text,
                                              max(1, size - len(head) - 35))
        mark = b'part-%d' % n
        head += b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n' % mark
        letter = b'--%s\r\nContent-Type: text/plain\r\n\r\n%s' % (
            mark, self.lines_of(self.text, 1500))
        enclosed = (b'--%s\r\nContent-Type: application/octet-stream\r\n'
                    b'Content-Transfer-Encoding: base64\r\n\r\n' % mark)
        end = b'--%s--\r\n' % mark
        rest = size - len(head) - len(letter) - len(enclosed) - len(end)
        return when, (head + letter + enclosed +
                      self.lines_of(self.digits, rest) + end)


class RealMail:
    """Collected messages by size; each is given out once."""

    def __init__(self, folder):
        self.found = []
        for path in glob.glob(folder + '/*/*.eml') if folder else ():
            with open(path, 'rb') as f:
                raw = f.read()
            raw = raw.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')
            # a bare CR or a NUL is changed by the server that stores it
            if b'\0' not in raw and raw.count(b'\r') == raw.count(b'\n'):
                self.found.append((len(raw), os.path.basename(path), raw))
        self.found.sort()
        self.used = 0

    def take(self, size):
        """A message within a tenth of `size`, or None."""
        at = bisect.bisect_left(self.found, (size * .9,))
        if at == len(self.found) or self.found[at][0] > size * 1.1:
            return None
        self.used += 1
        return self.found.pop(at)[2]


def write_account(mail_dir, user, plan, writer, real):
    """One Maildir; returns (messages, bytes, mailboxes)."""
    root = os.path.join(mail_dir, user, 'Maildir')
    boxes = dict.fromkeys(box for box, _ in plan)
    for box in list(boxes):
        boxes[box] = root if box == 'INBOX' else os.path.join(root, '.' + box)
        for part in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(boxes[box], part))
    total = 0
    for number, (box, size) in enumerate(plan):
        when, raw = writer.message(user, size)
        raw = real.take(size) or raw
        total += len(raw)
        flags = ''.join(f for f, share in (('F', .04), ('R', .15), ('S', .8))
                        if writer.rnd.random() < share)
        path = '%s/cur/%d.M%dP1.bench,S=%d,W=%d:2,%s' % (
            boxes[box], when, number, len(raw), len(raw), flags)
        with open(path, 'wb') as f:
            f.write(raw)
        os.utime(path, (when, when))
    return len(plan), total, len(boxes)


def seed(name, server, corpus=None):
    """Writes a profile into a server's mail folder as the server's user.
    {'messages', 'bytes', 'mailboxes', 'real'}: sums over all accounts."""
    profile = PROFILES[name]
    real = RealMail(corpus if profile.real else None)
    sums = [0, 0, 0]
    if os.getuid() == 0:
        os.setegid(server.gid)
        os.seteuid(server.uid)
    try:
        plan = profile.plan()
        for user in profile.accounts:
            counts = write_account(server.mail_dir, user, plan,
                                   Writer(name + user), real)
            sums = [a + b for a, b in zip(sums, counts)]
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
            os.setegid(0)
    return {'messages': sums[0], 'bytes': sums[1], 'mailboxes': sums[2],
            'real': real.used}
