# SPDX-License-Identifier: MIT
"""The owners of the accounts: they change the source all the time, and what
ever was there is remembered."""
import collections
import random
import re
import threading

from churn import Churn
from imap_client import ImapError, quote

BIG = 80  # messages of a mailbox from which on more goes than comes
ID = b'BODY[HEADER.FIELDS (MESSAGE-ID)]'


def contents(client, name):
    """Counter of Message-IDs."""
    found = collections.Counter()
    for m in client.fetch(name, b'(UID BODY.PEEK[HEADER.FIELDS '
                                b'(MESSAGE-ID)])'):
        text = re.search(rb'<([^>]*)>', m.get(ID) or b'')
        found[text.group(1) if text else b''] += 1
    return found


def selectable(client):
    return sorted(n for n, (attributes, _) in client.list().items()
                  if not {b'\\NOSELECT', b'\\NONEXISTENT'} & set(attributes))


def all_contents(client):
    """{name: Counter}; what is listed and is not there is left out."""
    found = {}
    for name in selectable(client):
        try:
            found[name] = contents(client, name)
        except ImapError as e:
            if 'connection' in str(e):
                raise
    return found


class Owner(Churn):
    """Of one account.  Keeps how often each message was in each mailbox at the
    same time, at most: more than that may never be on a target."""

    def __init__(self, the_world, account):
        self.world, self.account = the_world, account
        super().__init__(
            lambda: the_world.connect(account.source, account),
            seed=int.from_bytes(account.name.encode(), 'big') * 1000000 +
            the_world.seed, separator=the_world.separator(account.source))
        self.prefix = the_world.prefix(account.source)
        self.ever = collections.defaultdict(collections.Counter)
        self.stale = True  # something may have happened that was not seen

    def plain(self, name):
        if name.upper() == b'INBOX':
            return 'INBOX'
        name = name.removeprefix(self.prefix)
        return name.replace(self.separator, b'/').decode('ascii')

    def see(self, name):
        self.remember(name, contents(self.client, name))

    def remember(self, name, now):
        self.ever[self.plain(name)] |= now
        return sum(now.values())

    def see_all(self):
        for name, now in all_contents(self.client).items():
            self.remember(name, now)
        self.stale = False

    def settle(self):
        """All that happened has been seen."""
        if self.stale:
            self.client = self.client or self.connect()
            self.see_all()

    def fill(self, count):
        self.client = self.connect()
        names = [b'INBOX'] + [self.prefix + b'Box %d' % n for n in range(4)]
        for name in names:
            if name not in selectable(self.client):
                self.client.command(b'CREATE ', quote(name))
            self.client.command(b'SUBSCRIBE ', quote(name))
            self.client.append_many(name, [
                (self.message(), self.some_flags(), b'')
                for _ in range(count)])
        self.see_all()

    def change(self):
        kinds = (self.append, self.append, self.append, self.expunge,
                 self.expunge, self.flag, self.flag, self.flag, self.again,
                 self.copy, self.burst, self.create, self.rename, self.remove,
                 self.subscribe, self.unsubscribe, self.mark)
        kind = self.random.choice(kinds)
        name = kind.__name__
        try:
            self.settle()
            kind()
        except ImapError as e:
            if 'connection' not in str(e):
                return name + ' refused'
            self.lose()
            return name + ' lost'
        except OSError:
            self.lose()
            return name + ' lost'
        self.done[name] = self.done.get(name, 0) + 1
        return name

    def lose(self):
        if self.client:
            self.client.socket.close()
        self.client, self.stale = None, True

    # -- changes that differ from those of Churn

    def append(self):
        box = self.box()
        self.client.append(box.decode(), self.message(), self.some_flags())
        self.see(box)

    def burst(self):
        box = self.box()
        self.client.append_many(box, [
            (self.message(), self.some_flags(), b'')
            for _ in range(self.random.randrange(10, 40))])
        self.see(box)

    def again(self):
        raw, box = self.message(), self.box()
        for _ in range(2):
            self.client.append(box.decode(), raw, self.some_flags())
        self.see(box)

    def copy(self):
        box, other = self.box(), self.box()
        count = self.select(box)
        if count:
            self.client.command(b'COPY %d ' % (
                self.random.randrange(count) + 1), quote(other))
            self.see(other)

    def expunge(self):
        box = self.box()
        count = self.select(box)
        if count:
            first = self.random.randrange(count) + 1
            last = min(count, first + self.random.randrange(
                40 if count > BIG else 3))
            self.client.command(b'STORE %d:%d +FLAGS.SILENT (\\Deleted)'
                                % (first, last))
            self.client.command(b'EXPUNGE')

    def name(self):
        word = b'Box %d' % self.random.randrange(12)
        parent = self.box(False)
        if parent and self.random.random() < 0.3 and \
                self.separator not in parent.removeprefix(self.prefix):
            return parent + self.separator + word
        return self.prefix + word

    def rename(self):
        self.stale = True  # mailboxes below it too
        super().rename()
        self.settle()


class Owners:
    """All of them, in some threads; they can be told to wait."""

    def __init__(self, the_world, pause, threads=3):
        self.world, self.pause_seconds = the_world, pause
        self.all = {a.name: Owner(the_world, a) for a in the_world.accounts}
        busy = [o for o in self.all.values() if not o.account.rests]
        self.groups = [g for g in (busy[n::threads] for n in range(threads))
                       if g]
        self.over, self.go = threading.Event(), threading.Event()
        self.idle = [threading.Event() for _ in self.groups]
        self.threads = [threading.Thread(target=self.live, args=(n,),
                                         daemon=True)
                        for n in range(len(self.groups))]
        for event in self.idle:
            event.set()
        for thread in self.threads:
            thread.start()

    def live(self, number):
        rnd = random.Random('%d owners %d' % (self.world.seed, number))
        while not self.over.is_set():
            if not self.go.wait(0.2):
                continue
            self.idle[number].clear()
            if self.go.is_set():
                owner = rnd.choice(self.groups[number])
                what = owner.change()
                self.world.log('owner %s: %s', owner.account.name, what)
            self.idle[number].set()
            self.over.wait(rnd.expovariate(1 / self.pause_seconds))

    def pause(self):
        self.go.clear()
        for event in self.idle:
            self.world.wait_until(event.is_set, 'the owners to pause')

    def settle(self):
        """Only while they wait, with all servers there."""
        for owner in self.all.values():
            for attempt in range(3):
                try:
                    owner.settle()
                    break
                except (OSError, ImapError):
                    owner.lose()
                    if attempt == 2:
                        raise

    def count(self):
        return sum(sum(o.done.values()) for o in self.all.values())

    def finish(self):
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        for owner in self.all.values():
            if owner.client:
                owner.client.close()
