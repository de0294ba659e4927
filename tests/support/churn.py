# SPDX-License-Identifier: MIT
"""Random changes of an account, as its owner would make them: reproducible by
a seed, judged by nobody here."""
import random

from imap_client import ImapError, quote

FLAGS = (b'\\Seen', b'\\Answered', b'\\Flagged', b'\\Draft', b'$Forwarded',
         b'work')


class Churn:
    def __init__(self, connect, seed=1, separator=b'/'):
        """connect() gives a client that is logged in."""
        self.connect, self.client = connect, None
        self.random = random.Random(seed)
        self.separator = separator
        self.made, self.seed = 0, seed
        self.done = {}

    def boxes(self, with_inbox=True):
        listed = self.client.list()
        names = [n for n, (attributes, _) in listed.items()
                 if not {b'\\NOSELECT', b'\\NONEXISTENT'} & set(attributes)]
        return sorted(n for n in names
                      if with_inbox or n.upper() != b'INBOX')

    def box(self, with_inbox=True):
        boxes = self.boxes(with_inbox)
        return self.random.choice(boxes) if boxes else None

    def select(self, name):
        """How many messages the now selected mailbox holds."""
        for text, _ in self.client.command(b'SELECT ', quote(name)):
            words = text.split()
            if len(words) == 3 and words[2].upper() == b'EXISTS':
                count = int(words[1])
        return count

    def change(self):
        kinds = (self.append, self.append, self.append, self.expunge,
                 self.expunge, self.flag, self.flag, self.flag, self.again,
                 self.create, self.rename, self.remove, self.subscribe,
                 self.unsubscribe, self.mark)
        kind = self.random.choice(kinds)
        try:
            self.client = self.client or self.connect()
            kind()
        except ImapError:
            return  # a name that is taken, a mailbox that has children
        except OSError:
            self.client = None  # some changes end the session
            return
        self.done[kind.__name__] = self.done.get(kind.__name__, 0) + 1

    def run(self, count):
        for _ in range(count):
            self.change()
        if self.client:
            self.client.close()
        return self.done

    def some_flags(self):
        count = self.random.randrange(4)
        return b' '.join(self.random.sample(FLAGS, count))

    def message(self):
        self.made += 1
        return (b'From: churn@example.org\r\nSubject: change %d\r\n'
                b'Date: Mon, 2 Mar 2026 10:%02d:%02d +0000\r\n'
                b'Message-ID: <churn-%d-%d@example.org>\r\n\r\n%s\r\n'
                % (self.made, self.made // 60 % 60, self.made % 60, self.seed,
                   self.made,
                   b'x' * self.random.randrange(2000)))

    def append(self):
        self.client.append(self.box().decode(), self.message(),
                           self.some_flags())

    def again(self):
        """The same message twice: multiplicity counts."""
        raw, box = self.message(), self.box().decode()
        self.client.append(box, raw, self.some_flags())
        self.client.append(box, raw, self.some_flags())

    def expunge(self):
        count = self.select(self.box())
        if count:
            first = self.random.randrange(count) + 1
            last = min(count, first + self.random.randrange(3))
            self.client.command(b'STORE %d:%d +FLAGS.SILENT (\\Deleted)'
                                % (first, last))
            self.client.command(b'EXPUNGE')

    def mark(self):
        count = self.select(self.box())
        if count:
            self.client.command(b'STORE %d +FLAGS.SILENT (\\Deleted)'
                                % (self.random.randrange(count) + 1))

    def flag(self):
        count = self.select(self.box())
        if count:
            self.client.command(b'STORE %d FLAGS.SILENT (%s)' % (
                self.random.randrange(count) + 1, self.some_flags()))

    def name(self):
        word = b'Box %d' % self.random.randrange(40)
        parent = self.box(False)
        if parent and self.random.random() < 0.4 and \
                parent.count(self.separator) < 3:
            return parent + self.separator + word
        return word

    def create(self):
        self.client.command(b'CREATE ', quote(self.name()))

    def rename(self):
        old = self.box(False)
        if old:
            self.client.command(b'RENAME ', quote(old), b' ',
                                quote(self.name()))

    def remove(self):
        old = self.box(False)
        # a parent without its mailbox is still listed by Dovecot
        if old and not any(b.startswith(old + self.separator)
                           for b in self.boxes()):
            # Dovecot closes the session when it is selected
            self.select(b'INBOX')
            self.client.command(b'DELETE ', quote(old))

    def subscribe(self):
        self.client.command(b'SUBSCRIBE ', quote(self.box()))

    def unsubscribe(self):
        self.client.command(b'UNSUBSCRIBE ', quote(self.box()))
