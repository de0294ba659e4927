# SPDX-License-Identifier: MIT
"""The table of a soak, what must not have grown, and the summary."""
import json
import os
import shutil

# how a run may end while things go wrong
CODES = {0, 1, 2, 3, 4, 70, 73, 74, -9, -15}
HEAD = ('   time passes faults changes   source target  engine superv  '
        'standing: KiB fds attempts   state  runs  a run  bad')
# name, key, what may come on top of a quarter more; missing keys count 0
FLAT = (('memory of engines, KiB', 'engine_hwm', 2048),
        ('memory of supervisors, KiB', 'supervisor_hwm', 1024),
        ('memory of the standing supervisor, KiB', 'standing_rss', 512),
        ('its descriptors', 'standing_fds', 2),
        ('descriptors of supervisors', 'supervisor_fds', 4),
        ('descriptors of engines', 'engine_fds', 4),
        ('bytes a run leaves', 'run_size', 4096),
        ('state files, bytes a message', 'state_share', 16))
ENOUGH = 6  # checkpoints; fewer say nothing about growth


def derived(row):
    messages = max(1, row['source'] + row['target'])
    return {**row, 'run_size': row['disk_run_bytes'] // max(
        1, row['disk_runs']), 'state_share': row['disk_state_bytes'] / messages}


def line(row):
    row = derived(row)
    return ('%7d %6d %6d %7d  %7d %6d  %6d %6d  %13d %3d %8d %7d %5d %6d %4d'
            % (row['seconds'], row['passes'], row['faults'], row['changes'],
               row['source'], row['target'], row.get('engine_hwm', 0),
               row.get('supervisor_hwm', 0), row.get('standing_rss', 0),
               row.get('standing_fds', 0), row['standing_attempts'],
               row['disk_state_bytes'] // 1024, row['disk_runs'],
               row['run_size'] // 1024, row['violations']))


def growth(rows):
    """[{name, first, last, grown}]: means of the first and the last third."""
    third = len(rows) // 3
    found = []
    for name, key, more in FLAT:
        values = [derived(r).get(key, 0) for r in rows]
        first = sum(values[:third]) / max(1, third)
        last = sum(values[-third:]) / max(1, third)
        found.append({'name': name, 'first': round(first, 1),
                      'last': round(last, 1),
                      'grown': last > first * 1.25 + more})
    return found


def write(soak, args):
    """summary.txt and summary.json; whether anything was violated."""
    grown = growth(soak.rows) if len(soak.rows) >= ENOUGH else []
    for one in grown:
        if one['grown']:
            soak.world.violate('%s: %.1f in the first third, %.1f in the last',
                               one['name'], one['first'], one['last'])
    said = {'seed': args.seed, 'seconds': round(soak.world.age()),
            'accounts': len(soak.world.accounts), 'passes': soak.passes,
            'runs': soak.runs, 'faults': dict(soak.chaos.done)
            if soak.chaos else {},
            'changes': soak.owners.count() if soak.owners else 0,
            'exit_codes': {str(k): v for k, v in soak.codes.items()},
            'outcomes': dict(soak.outcomes), 'growth': grown,
            'rows': soak.rows, 'violations': soak.world.violations}
    with open(soak.world.path('summary.json'), 'w', encoding='utf-8') as f:
        json.dump(said, f, indent=1)
        f.write('\n')
    text = '\n'.join(lines(said, soak.rows)) + '\n'
    with open(soak.world.path('summary.txt'), 'w', encoding='utf-8') as f:
        f.write(text)
    print(text, flush=True)
    return bool(soak.world.violations) or not soak.rows


def lines(said, rows):
    yield HEAD
    for row in rows:
        yield line(row)
    yield ''
    yield ('seed %(seed)d, %(seconds)d s, %(accounts)d accounts, %(passes)d '
           'passes in %(runs)d runs, %(changes)d changes' % said)
    for title in ('faults', 'exit_codes', 'outcomes'):
        yield '%s: %s' % (title.replace('_', ' '), ', '.join(
            '%s %d' % (k, v) for k, v in sorted(said[title].items())))
    for one in said['growth']:
        yield '%-42s %12.1f -> %12.1f%s' % (
            one['name'], one['first'], one['last'],
            '  GROWN' if one['grown'] else '')
    if not said['growth']:
        yield 'too few checkpoints to judge growth'
    yield '%d violations in %d checkpoints' % (
        len(said['violations']), len(rows))
    yield from said['violations']


def clear(folder):
    """Leaves what somebody may want to read."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name in ('soak.log', 'summary.txt', 'summary.json'):
            continue
        if os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
