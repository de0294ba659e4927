# SPDX-License-Identifier: MIT
"""What was measured, as a table for people."""
import os
import platform
import re
import statistics

BEGIN = '<!-- figures: begin (written by tests/bench/bench --write) -->'
END = '<!-- figures: end -->'
# a ratio of fewer rounds is not shown when other work took more than that
ROUNDS_MIN, OTHERS_MAX = 3, 50


def read(path):
    try:
        with open(path, encoding='utf-8') as f:
            return f.read()
    except OSError:
        return ''


def machine():
    """What the figures depend on."""
    model = re.search(r'(?m)^model name\s*: (.*)$', read('/proc/cpuinfo'))
    memory = re.search(r'MemTotal:\s+(\d+)', read('/proc/meminfo'))
    system = re.search(r'(?m)^PRETTY_NAME="?([^"\n]*)', read('/etc/os-release'))
    return {
        'cpu': model.group(1) if model else platform.machine(),
        'cores': len(os.sched_getaffinity(0)),
        'memory_gib': round(int(memory.group(1)) / 2 ** 20) if memory else None,
        'kernel': platform.release(),
        'system': system.group(1) if system else platform.system(),
    }


def median(values):
    return statistics.median(values) if values else None


def summary(runs):
    """Medians of a list of measurements; None without any."""
    good = [r for r in runs if not r['late']]
    return {
        'seconds': median([r['seconds'] for r in good]),
        'ratio': median([r['ratio'] for r in good if r.get('ratio')]),
        'cpu': median([r['cpu'] for r in good]),
        'rss_kib': median([r['rss_kib'] for r in good]),
    }


def seconds(value):
    if value is None:
        return '-'
    return '%.2f s' % value if value < 9.995 else '%.1f s' % value


def mib(kib):
    return '-' if kib is None else '%.1f MiB' % (kib / 1024)


def row(name, program, others_percent):
    first, second = summary(program['first']), summary(program['second'])
    if len(program['first']) < ROUNDS_MIN and others_percent > OTHERS_MAX:
        first['ratio'] = None  # says more about the others
    took = seconds(first['seconds'])
    if first['seconds'] is None and program['first']:
        took = 'over %d s' % program['first'][0]['seconds']
    note = ''
    bad = [r for r in program['first'] + program['second']
           if r.get('fault') and not r['late']]
    if bad:
        note = ' (%s)' % bad[0]['fault']
    return '| %s | %s | %s | %s | %s | %s | %s | %s | %d |' % (
        name + note, took,
        '-' if first['ratio'] is None else '%.2f' % first['ratio'],
        seconds(first['cpu']), mib(first['rss_kib']),
        seconds(second['seconds']), seconds(second['cpu']),
        mib(second['rss_kib']), len(program['first']))


def line_words(profile):
    words = []
    if profile['rtt_ms']:
        words.append('%g ms round trip' % profile['rtt_ms'])
    if profile['rate']:
        words.append('%d bytes/s a direction' % profile['rate'])
    return ', '.join(words) or 'no delay'


def table(name, profile):
    limit = profile['limit']
    others = median(profile['others_percent']) or 0
    lines = [
        '**%s**: %s. %d messages, %.1f MB, %d mailboxes; %s.' % (
            name, profile['title'], profile['messages'],
            profile['bytes'] / 1e6, profile['mailboxes'],
            line_words(profile)),
        'Wire limit %s (drain %s, %s %s).%s Other work kept the cores busy '
        'to %d %%.' % (
            seconds(median([r['seconds'] for r in limit])),
            seconds(median([r['drain'] for r in limit])),
            'the other side' if profile.get('drains') else 'fill',
            seconds(median([r['fill'] for r in limit])),
            ' %d messages are real mail.' % profile['real']
            if profile['real'] else '',
            others),
        '',
        '| program | first pass | x limit | CPU | peak memory '
        '| second pass | CPU | peak memory | runs |',
        '|---|---:|---:|---:|---:|---:|---:|---:|---:|']
    lines += [row(n, p, others) for n, p in profile['programs'].items()]
    return '\n'.join(lines)


def document(result):
    m = result['machine']
    lines = ['%s, %d cores, %s GiB; %s, kernel %s; %s. Build: %s.' % (
        m['cpu'], m['cores'], m['memory_gib'], m['system'], m['kernel'],
        m['server'], result['build'])]
    lines.append('Measured %s. %s.' % (
        result['when'], '; '.join('%s: %s' % item for item in
                                  result['versions'].items())))
    if result.get('parts', 1) > 1:
        lines.append('Put together from %d runs.' % result['parts'])
    if result['missing']:
        lines.append('Not installed: %s.' % ', '.join(result['missing']))
    for name, profile in result['profiles'].items():
        lines += ['', table(name, profile)]
    return '\n'.join(lines) + '\n'


def write_between_marks(path, text):
    old = read(path)
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        raise SystemExit('%s: the two marks are not there' % path)
    before, rest = old.split(BEGIN)
    with open(path + '.new', 'w', encoding='utf-8') as f:
        f.write(before + BEGIN + '\n\n' + text + '\n' + END +
                rest.split(END)[1])
    os.replace(path + '.new', path)
