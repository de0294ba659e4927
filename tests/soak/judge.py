# SPDX-License-Identifier: MIT
"""What must hold at a checkpoint.  Nothing changes while it is looked at."""
import collections
import csv
import glob
import gzip
import json
import os
import re
import subprocess

import gauges
import imap_compare
import owners
import world as worlds
from imap_client import ImapError, Parser, quote

COUNTERS = b'(UIDVALIDITY UIDNEXT MESSAGES RECENT HIGHESTMODSEQ)'
# who opens a target to write takes the mark off
RECENT = b'RECENT'
# of a tally: what a run has changed
CHANGES = ('copied', 'deleted', 'flags_changed', 'mailboxes_created',
           'mailboxes_deleted', 'subscribed', 'unsubscribed', 'acls',
           'special_uses', 'annotations')
# how an account may end while things go wrong; the rest is a fault of ours
BEARABLE = {'ok', 'partial', 'changed', 'temp', 'interrupted', 'deferred'}
# what a comparison may find where the target is not a mirror
ALLOWED = {'source', 'target', 'equal', 'bodies', 'deleted', 'older', 'flags',
           'doubled', 'extra', 'folders_extra', 'line_end_added', 'names',
           'keywords'}
MIRRORED = ALLOWED - {'flags', 'doubled', 'extra', 'folders_extra'}


def picture(client, read_only=True):
    """All of an account that somebody else could have changed."""
    found = {'subscribed': sorted(client.lsub())}
    for name in owners.selectable(client):
        try:
            numbers = status(client, name)
            if not read_only:
                numbers.pop(RECENT, None)
            found[name] = (numbers, sorted(
                (int(m[b'UID']), m[b'INTERNALDATE'], int(m[b'RFC822.SIZE']),
                 tuple(sorted(f for f in m[b'FLAGS']
                              if f.upper() != b'\\RECENT')))
                for m in client.fetch(
                    name, b'(UID FLAGS INTERNALDATE RFC822.SIZE)')))
        except ImapError as e:
            if 'connection' in str(e):
                raise
    return found


def status(client, name):
    for text, literals in client.command(b'STATUS ', quote(name), b' ',
                                         COUNTERS):
        if text.upper().startswith(b'* STATUS '):
            values = Parser(text[9:], literals).values()[1]
            return dict(zip(values[::2], map(int, values[1::2])))
    return {}


def differences(before, after):
    for name in sorted(set(before) | set(after), key=str):
        if before.get(name) != after.get(name):
            one, two = before.get(name), after.get(name)
            if one and two and name != 'subscribed' and one[1] == two[1]:
                one, two = one[0], two[0]
            yield '%r: %.600r, then %.600r' % (name, one, two)


def pictures(the_world, which):
    """{account: picture} of one side of everybody."""
    found = {}
    for a in the_world.accounts:
        with the_world.connect(getattr(a, which), a) as client:
            found[a.name] = picture(client, which == 'source')
    return found


def unchanged(the_world, what, before, after):
    for name, then in before.items():
        for line in differences(then, after[name]):
            the_world.violate('%s: %s: %s', what, name, line)


# -- the target has what it must

def without_flags(box):
    found = collections.Counter()
    for (digest, when, _), count in box.items():
        found[digest, when] += count
    return found


def open_account(the_world, server, account):
    return imap_compare.open_account(
        '127.0.0.1', the_world.servers[server].port, account.name,
        worlds.PASSWORD)


def accounts_agree(the_world, ever):
    """(messages of all sources, of all targets)"""
    counts = [0, 0]
    for a in the_world.accounts:
        source = open_account(the_world, a.source, a)
        target = open_account(the_world, a.target, a)
        for n, side in enumerate((source, target)):
            counts[n] += sum(map(sum, (b.values()
                                       for b in side.boxes.values())))
        if a.mirrored():
            wrong = imap_compare.compare(source, target, mirror=True)
        else:
            wrong = list(all_is_there(source, target))
            wrong += nothing_is_doubled(the_world, a, ever[a.name].ever)
        for line in wrong[:10]:
            the_world.violate('%s: %s', a.name, line)
        if len(wrong) > 10:
            the_world.violate('%s: %d differences', a.name, len(wrong))
    return counts


def all_is_there(source, target):
    for name, box in sorted(source.boxes.items()):
        if name not in target.boxes:
            yield '%s: not on the target' % name
            continue
        have = without_flags(target.boxes[name]) + \
            without_flags(target.deleted[name])
        missing = without_flags(box) - have
        for key, count in missing.items():
            about = [source.about[k] for k in box if k[:2] == key]
            yield '%s: missing on the target, %d x: %s %s' % (
                name, count, key, about[0])
    for name in sorted(source.subscribed & set(source.boxes)):
        if name not in target.subscribed:
            yield '%s: not subscribed on the target' % name


def nothing_is_doubled(the_world, account, ever):
    """No message is there more often than it ever was on the source."""
    wrong = []
    prefix = the_world.prefix(account.target)
    separator = the_world.separator(account.target)
    with the_world.connect(account.target, account) as client:
        for name, now in owners.all_contents(client).items():
            plain = name.removeprefix(prefix).replace(separator, b'/').decode()
            plain = 'INBOX' if plain.upper() == 'INBOX' else plain
            for message, count in (now - ever.get(
                    plain, collections.Counter())).items():
                wrong.append('%s: %s is there %d x, on the source it was '
                             'never more often than %d x' % (
                                 plain, message.decode(), now[message],
                                 now[message] - count))
    return wrong


# -- what the programs say of it

def journal(the_world, run):
    """All lines, rotated ones too."""
    lines = {}
    texts = []
    if os.path.exists(run + '/journal.jsonl.gz-parts'):
        with gzip.open(run + '/journal.jsonl.gz-parts', 'rt',
                       encoding='utf-8') as f:
            texts.append(f.read())
    with open(run + '/journal.jsonl', encoding='utf-8') as f:
        texts.append(f.read())
    for text in texts:
        for line in text.split('\n')[:-1]:
            one = json.loads(line)
            lines[one['seq']] = one
    if sorted(lines) != list(range(1, len(lines) + 1)):
        the_world.violate('%s: gaps in its journal', run)
    return [lines[n] for n in sorted(lines)]


def begins_anew(the_world):
    """The last run cannot be gone on with: there is none, or it is complete."""
    run = the_world.newest()
    if not run or not os.path.exists(run + '/approval.json'):
        return True
    lines = journal(the_world, run)
    return bool(lines) and lines[-1].get('complete', False)


def total(value):
    return sum(value.values()) if isinstance(value, dict) else value


def balanced(tally):
    return tally['source'] == sum(total(tally.get(k, 0)) for k in (
        'copied', 'present', 'skipped', 'refused', 'vanished', 'unreached'))


def report_agrees(the_world, run, lines, whole):
    """Report, table and journal say the same.  whole: no attempt was killed."""
    code, _ = the_world.convoy('report', the_world.plan)
    if code:
        the_world.violate('report: exit %d', code)
        return
    path = run + '/report/report.jsonl.gz'
    if subprocess.run(['gzip', '-t', path], check=False).returncode:
        the_world.violate('%s: gzip -t', path)
        return
    with gzip.open(path, 'rt', encoding='utf-8') as f:
        kinds = collections.defaultdict(list)
        for line in f:
            one = json.loads(line)
            kinds[one['kind']].append(one)
    batch, accounts = kinds['batch'][0], kinds['account']
    sums_agree(the_world, batch, accounts)
    with open(run + '/report/accounts.csv', encoding='utf-8',
              newline='') as f:
        rows = {row['id']: row for row in csv.DictReader(f)}
    for a in accounts:
        if a.get('dropped'):
            continue
        row = rows.get(a['id'], {})
        if a['tally'] and not balanced(a['tally']):
            the_world.violate('report: %s does not balance: %s', a['id'],
                              a['tally'])
        for name in ('source', 'copied', 'present', 'copied_total'):
            said = a.get(name, a['tally'].get(name, 0))
            if row.get(name) != str(said):
                the_world.violate('accounts.csv: %s %s is %s, report %s',
                                  a['id'], name, row.get(name), said)
    if whole:
        journal_agrees(the_world, accounts, lines)


def sums_agree(the_world, batch, accounts):
    here = [a for a in accounts if not a.get('dropped')]
    for name in ('copied_total', 'bytes_total'):
        if batch[name] != sum(a[name] for a in here):
            the_world.violate('report: %s of the batch is not the sum', name)
    for name in ('source', 'copied', 'present', 'vanished', 'bytes'):
        if batch['tally'].get(name, 0) != sum(
                a['tally'].get(name, 0) for a in here):
            the_world.violate('report: tally %s is not the sum', name)


def journal_agrees(the_world, accounts, lines):
    ends = collections.defaultdict(list)
    for line in lines:
        if line['ev'] == 'account.end':
            ends[line['id']].append(line)
    for a in accounts:
        attempts = ends[a['id']]
        if not attempts or attempts[-1]['tally'] != a['tally']:
            the_world.violate('report: the tally of %s is not that of the '
                              'journal', a['id'])
        elif sum(e['tally']['copied'] for e in attempts) != a['copied_total']:
            the_world.violate('report: copied_total of %s', a['id'])


def is_silent(the_world, run, lines):
    for line in lines:
        if line['ev'] != 'account.end':
            continue
        changed = {k: line['tally'][k] for k in CHANGES
                   if total(line['tally'].get(k, 0))}
        if changed or line['outcome'] != 'ok':
            the_world.violate('the third run: %s is %s and changed %s (%s)',
                              line['id'], line['outcome'], changed, run)


def verify_agrees(the_world):
    code, _ = the_world.convoy('verify', the_world.plan)
    run = the_world.newest('verifies')
    sums = collections.defaultdict(collections.Counter)
    ends = {}
    for line in journal(the_world, run):
        if line['ev'] == 'verify':
            sums[line['id']].update(line['verify'])
        elif line['ev'] == 'account.end':
            ends[line['id']] = line
    for a in the_world.accounts:
        end = ends.get(a.name)
        allowed = MIRRORED if a.mirrored() else ALLOWED
        wrong = {k: v for k, v in sums[a.name].items()
                 if v and k not in allowed}
        if wrong or end is None or end['outcome'] not in ('ok', 'partial') or \
                (a.mirrored() and end['outcome'] != 'ok'):
            the_world.violate('verify: %s is %s: %s', a.name,
                              end and end['outcome'], wrong)
    return code


# -- what a run left behind, also one that was killed

def outcomes(the_world, run, kills):
    """Counter of outcomes; those that nobody caused are violations."""
    found = collections.Counter()
    for line in journal(the_world, run):
        if line['ev'] != 'account.end':
            continue
        name = line['outcome']
        found['%s %s' % (name, line.get('reason', '')) if name != 'ok'
              else name] += 1
        if not is_bearable(line, kills):
            the_world.violate('%s: %s ended as %s, exit %s, %s: %s', run,
                              line['id'], name, line['exit'],
                              line.get('reason'), line.get('text'))
    return found


def is_bearable(line, kills):
    name, reason = line['outcome'], line.get('reason', '')
    if name == 'crash':
        return (line['exit'] == 137 and kills['kill_engine'] > 0) or (
            reason == 'crash.start' and kills['few_descriptors'] > 0)
    if name == 'local':
        return kills['small_files'] + kills['few_descriptors'] > 0
    if name == 'config':
        return reason == 'delete.unapproved'
    return name in BEARABLE


def nothing_is_left_running(the_world):
    the_world.wait_until(lambda: not the_world.engines(),
                         'the engines to end')


def nothing_is_left(the_world):
    nothing_is_left_running(the_world)
    others = {p: w for p, w in the_world.processes().items()
              if not any('standing' in x for x in w)}
    if others:
        the_world.violate('left: %s', others)
    with open('/proc/self/task/%d/children' % os.getpid(),
              encoding='ascii') as f:
        for pid in f.read().split():
            if is_zombie(pid):
                the_world.violate('a zombie: %s', pid)
    state = the_world.path('state/soak')
    for path in glob.glob(state + '/accounts/*/*'):
        if re.search(r'\.broken|-wal$|-shm$|-journal$', path):
            the_world.violate('left: %s, %d bytes', path, gauges.size(path))
    for path in glob.glob(the_world.path('runtime/mailconvoy/*')):
        if not path.endswith('/since') and not is_standing(the_world):
            the_world.violate('left: %s', path)
    for path in glob.glob(the_world.folder + '/*'):
        if os.path.basename(path).startswith(('spool', 'tmp', '.')):
            the_world.violate('left: %s', path)


def is_standing(the_world):
    return the_world.standing and the_world.standing.poll() is None


def is_zombie(pid):
    try:
        with open('/proc/%s/stat' % pid, encoding='latin-1') as f:
            return f.read().rsplit(')', 1)[1].split()[0] == 'Z'
    except OSError:
        return False
