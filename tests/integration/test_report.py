#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reports from journals: all formats agree, names of strangers stay text, the
page works in a browser and without script; results are acknowledged."""
import csv
import gzip
import html.parser
import json
import os
import random
import re
import shutil
import unittest

import batch
import browser
import convoy
import sheet

EVIL = ['<script>document.title="broken"</script>', '=cmd|\' /C calc\'!A0',
        '"><img src=x onerror=alert(1)>', 'a,b"c', "javascript:alert(1)'",
        '</script><script>alert(1)//', '&lt;b&gt;', '+1+1', '\u202egnp.exe',
        '-2', '@SUM(1)', 'Entw\u00fcrfe \u65e5\u672c\u8a9e', ']]>', '<!--',
        'tab\there']
COUNTS = ('source', 'copied', 'present')


class Journal:
    """A made-up run, as a directory that `report` takes."""

    def __init__(self, folder, accounts, seed, mailboxes=4, **start):
        self.folder, self.seq, self.now = folder, 0, 1772395200000
        self.start = start
        self.random = random.Random(seed)
        self.mailboxes = mailboxes
        os.makedirs(os.path.join(folder, 'report'), exist_ok=True)
        with open(os.path.join(folder, 'journal.jsonl'), 'w',
                  encoding='utf-8') as self.file:
            self.write(accounts)

    def line(self, ev, **keys):
        self.seq += 1
        self.now += self.random.randrange(5)
        seconds, ms = divmod(self.now, 1000)
        stamp = '2026-03-%02dT%02d:%02d:%02d.%03dZ' % (
            1 + seconds // 86400 % 28, seconds // 3600 % 24,
            seconds // 60 % 60, seconds % 60, ms)
        self.file.write(json.dumps(
            {'v': 1, 't': stamp, 'seq': self.seq, 'ev': ev, 'run': 'r1',
             **keys}, ensure_ascii=False) + '\n')

    def write(self, accounts):
        self.line('run.start', plan='demo', path='p', digest='d', bad_at=1,
                  accounts=accounts, columns=['ticket', '=x,"y'],
                  **self.start)
        for name in ('old', 'new'):
            self.line('server.plan', server=name, host=name + '.example',
                      connections=0)
        for i in range(accounts):
            evil = EVIL[i % len(EVIL)]
            self.line('account.plan', id='user%d' % i, slug='user%d-x' % i,
                      digest='d', src_user=evil, dst_user='u%d' % i,
                      source='old', target='new', groups='g%d all' % (i % 3),
                      x={'ticket': evil, '=x,"y': str(i)})
        for i in range(accounts):
            if self.random.random() < 0.05:
                continue
            for attempt in range(1, self.random.choice((1, 1, 1, 2)) + 1):
                self.attempt('user%d' % i, attempt)
        self.line('run.end', exit=1, complete=False, why='operator')

    def mailbox(self, account, attempt, number):
        r = self.random
        t = {k: r.randrange(1000) for k in ('copied', 'present')}
        t['refused'] = {'append.too_big': 1} if r.random() < 0.1 else {}
        t['skipped'] = {'deleted': 2} if r.random() < 0.1 else {}
        t['vanished'] = int(r.random() < 0.05)
        t['unreached'] = 0
        t['bytes'] = t['copied'] * r.randrange(1, 9999)
        t['source'] = t['copied'] + t['present'] + t['vanished'] + \
            sum(t['refused'].values()) + sum(t['skipped'].values())
        evil = EVIL[(number + attempt) % len(EVIL)]
        self.line('mailbox', id=account, attempt=attempt, mailbox=evil,
                  target='new ' + evil, tally=t)
        if t['refused']:
            self.line('refused', id=account, attempt=attempt, mailbox=evil,
                      uid=7, uidvalidity=1, size=9 << 20, side='target',
                      step='APPEND', reason='append.too_big', text=evil,
                      date='02-Jan-2020 10:00:00 +0000', message_id='<a@b>')
        return t

    def attempt(self, account, attempt):
        self.line('account.start', id=account, attempt=attempt, digest='d',
                  log='l', connections=1)
        total = {'source': 0, 'copied': 0, 'present': 0, 'vanished': 0,
                 'unreached': 0, 'bytes': 0, 'skipped': {}, 'refused': {}}
        for number in range(self.mailboxes):
            t = self.mailbox(account, attempt, number)
            for key, value in t.items():
                if isinstance(value, dict):
                    for k, n in value.items():
                        total[key][k] = total[key].get(k, 0) + n
                else:
                    total[key] += value
        code = 1 if total['refused'] else 0
        if self.random.random() < 0.97:
            self.line('account.end', id=account, attempt=attempt, exit=code,
                      outcome='partial' if code else 'ok', batch=code,
                      reason='append.too_big' if code else '',
                      text=self.random.choice(EVIL) if code else '',
                      digest='d', tally=total, ms=1000, final=True)

    def path(self, name):
        return os.path.join(self.folder, 'report', name)

    def table(self, name='accounts.csv'):
        with open(self.path(name), encoding='utf-8', newline='') as f:
            return list(csv.DictReader(f, strict=True))

    def jsonl(self, kind):
        with gzip.open(self.path('report.jsonl.gz'), 'rt',
                       encoding='utf-8') as f:
            return [o for o in map(json.loads, f) if o['kind'] == kind]

    def page(self):
        with open(self.path('report.html'), encoding='utf-8') as f:
            return f.read()


class Rows(html.parser.HTMLParser):
    """The cells of the table of accounts, and every tag and attribute."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.tags, self.attributes = [], set(), set()
        self.in_table = self.in_cell = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        self.attributes.update(attrs)
        if tag == 'table':
            self.in_table = attrs.get('id') == 'accounts'
        elif tag == 'tr' and self.in_table:
            self.rows.append([])
        elif tag in ('td', 'th') and self.in_table:
            self.in_cell = True
            self.rows[-1].append('')

    def handle_endtag(self, tag):
        if tag == 'table':
            self.in_table = False
        elif tag in ('td', 'th'):
            self.in_cell = False

    def handle_data(self, data):
        if self.in_cell:
            self.rows[-1][-1] += data


class Reports(batch.Case):
    def report(self, accounts, seed, **kwargs):
        j = Journal(self.path('run%d' % seed), accounts, seed, **kwargs)
        self.good('report', j.folder)
        return j

    def test_sums_agree_in_all_formats(self):
        """F219"""
        for seed in range(6):
            with self.subTest(seed=seed):
                j = self.report(40, seed)
                self.check_sums(j)

    def test_sums_agree_over_random_batches(self):
        """F219: some hundred small runs; the journal's own sums, too."""
        for seed in range(100, 250):
            r = random.Random(seed)
            j = self.report(r.randrange(1, 9), seed,
                            mailboxes=r.randrange(4))
            with self.subTest(seed=seed):
                self.check_sums(j)
                self.check_against_journal(j)
                if seed % 5 == 0:
                    self.check_status(j)

    def test_sums_of_the_monitoring_are_those_of_the_report(self):
        """F219: over random batches, and when a run goes on."""
        kinds = ('ok', 'refused', 'denied', 'code77')
        for seed in range(3):
            r = random.Random(seed)
            self.accounts(*('%s.%d' % (r.choice(kinds), i)
                            for i in range(r.randrange(1, 8))))
            shutil.rmtree(self.path('state'), ignore_errors=True)
            self.mc('run', 'plan.yaml')
            with self.subTest(seed=seed):
                self.check_monitoring()
                self.mc('resume', 'plan.yaml')
                self.check_monitoring()

    def check_monitoring(self):
        with gzip.open(self.run_path('report/report.jsonl.gz'), 'rt') as f:
            batch_line = json.loads(f.readline())
        with open(self.run_path('mailconvoy.prom'), encoding='utf-8') as f:
            text = f.read()
        figures = dict(re.findall(r'(?m)^(\w+)\{plan="demo"\} (\S+)$', text))
        states = dict(re.findall(
            r'(?m)^mailconvoy_batch_accounts\{.*state="(.*)"\} (\d+)$', text))
        status = self.status_json()
        self.assertEqual({k: int(n) for k, n in states.items() if int(n)},
                         batch_line['accounts'])
        self.assertEqual({k: n for k, n in status['accounts'].items() if n},
                         batch_line['accounts'])
        for key, name in (('copied', 'messages_copied'),
                          ('bytes', 'bytes_written')):
            self.assertEqual(status[key], batch_line[key + '_total'])
            self.assertEqual(float(figures['mailconvoy_batch_%s_total' % name]),
                             batch_line[key + '_total'])
        self.assertEqual(float(figures['mailconvoy_batch_exit_code']),
                         batch_line['exit'])

    def check_against_journal(self, j):
        """The last attempts as the journal has them, added up here."""
        with open(os.path.join(j.folder, 'journal.jsonl'),
                  encoding='utf-8') as f:
            lines = [json.loads(line) for line in f]
        last, ends, boxes, copied = {}, [], {}, {}
        for o in lines:
            if o['ev'] == 'account.plan':
                copied[o['id']] = 0
            elif o['ev'] == 'account.start':
                last[o['id']], boxes[o['id']] = o['attempt'], []
            elif o['ev'] == 'mailbox':
                boxes[o['id']].append(o['tally'])
                # `end` says the same sum once more
                copied[o['id']] += o['tally']['copied']
            elif o['ev'] == 'account.end':
                ends.append(o)
        rows = {r['id']: r for r in j.table()}
        for id, row in rows.items():
            mine = [e for e in ends if e['id'] == id]
            known = [e['tally'] for e in mine if e['attempt'] == last[id]]
            tallies = known or boxes.get(id, [])
            for key in COUNTS + ('vanished',):
                self.assertEqual(int(row[key]), sum(t[key] for t in tallies))
            self.assertEqual(int(row['refused']), sum(
                sum(t['refused'].values()) for t in tallies))
            self.assertEqual(int(row['copied_total']), copied[id])
            self.assertEqual(int(row['folders']), len(boxes.get(id, [])))
        self.assertEqual(len(j.jsonl('mailbox')),
                         sum(len(b) for b in boxes.values()))

    def check_status(self, j):
        """What `status` prints, and the figures of the page."""
        batch_line, = j.jsonl('batch')
        status = json.loads(self.good('status', j.folder, '-o', 'json'))
        rows = list(csv.DictReader(self.good(
            'status', j.folder, '-o', 'csv').splitlines()))
        papers = j.table()
        self.assertEqual(len(status['list']), len(papers))
        for one, row, paper in zip(status['list'], rows, papers):
            self.assertEqual(one['outcome'], paper['outcome'])
            self.assertEqual(one['tally']['source'], int(paper['source']))
            self.assertEqual(one['copied_total'], int(paper['copied_total']))
            self.assertEqual(int(row['copied']), int(paper['copied_total']))
        figures = dict(re.findall(
            r'<dt class="[^"]*">([^<]*)</dt><dd>([^<]*)</dd>', j.page()))
        self.assertEqual(int(figures['Messages copied'].replace(',', '')),
                         batch_line['copied_total'])
        self.assertEqual(int(figures['Accounts'].replace(',', '')),
                         len(papers))
        grades = batch_line['grades']
        for text, count in figures.items():
            word = text.rpartition(' ')[2]
            if word in ('complete', 'minor', 'review', 'bad'):
                self.assertEqual(int(count), grades.get(word, 0))

    def check_sums(self, j):
        batch_line, = j.jsonl('batch')
        accounts, rows = j.jsonl('account'), j.table()
        page = Rows(j.page()).rows
        self.assertEqual(page[0][:8], [
            'Account', 'State', 'Grade', 'Folders', 'Source', 'Copied',
            'Present', 'Refused'])
        self.assertEqual(len(rows), len(accounts))
        self.assertEqual(len(page) - 1, len(accounts))
        for a, row, cells in zip(accounts, rows, page[1:]):
            self.assertEqual(row['id'], a['id'])
            self.assertEqual(cells[0], a['id'])
            self.assertEqual(row['outcome'], a['outcome'])
            self.assertEqual(row['grade'], a.get('grade', ''))
            for key in COUNTS:
                self.assertEqual(int(row[key]), a['tally'][key])
            self.assertEqual(int(row['bytes']), a['bytes_total'])
            self.assertEqual(int(cells[4].replace(',', '')),
                             a['tally']['source'])
            self.assertEqual(int(cells[5].replace(',', '')),
                             a['copied_total'])
            self.assertEqual(int(row['source']), sum(int(row[k]) for k in (
                'copied', 'present', 'refused', 'skipped', 'vanished',
                'unreached')))
        for key in COUNTS:
            self.assertEqual(sum(int(r[key]) for r in rows),
                             batch_line['tally'][key])
        self.assertEqual(sum(int(r['copied_total']) for r in rows),
                         batch_line['copied_total'])
        looks = [r for r in rows if r['grade'] not in ('complete', 'minor')]
        self.assertEqual([r['id'] for r in j.table('todo.csv')],
                         [r['id'] for r in looks])

    def test_lines_are_as_their_schema_says(self):
        path = os.path.join(convoy.ROOT, 'docs', 'report.schema.json')
        with open(path, encoding='utf-8') as f:
            kinds = {k['properties']['kind']['const']: k
                     for k in json.load(f)['oneOf']}
        j = self.report(40, 7)
        with gzip.open(j.path('report.jsonl.gz'), 'rt') as f:
            lines = [json.loads(line) for line in f]
        self.assertEqual({o['kind'] for o in lines},
                         {'batch', 'account', 'mailbox', 'item'})
        for o in lines:
            kind = kinds[o['kind']]
            self.assertLessEqual(set(o), set(kind['properties']), o)
            self.assertLessEqual(set(kind['required']), set(o), o)

    def test_equal_journals_give_equal_bytes(self):
        j = self.report(30, 1)
        names = sorted(os.path.join(d, f) for d, _, fs in os.walk(
            j.path('')) for f in fs)

        def contents():
            found = []
            for name in names:
                with open(name, 'rb') as f:
                    found.append(f.read())
            return found
        first = contents()
        self.assertEqual(len(names), 4 + 2 * 30)
        self.good('report', j.folder)
        self.assertEqual(contents(), first)

    def test_spreadsheets_get_no_formula_and_everything_back(self):
        """F207"""
        j = self.report(30, 2)
        rows = j.table()
        self.assertIn('x_=x,"y', rows[0])
        for i, row in enumerate(rows):
            for value in row.values():
                self.assertNotRegex(value, r'^[=+\-@\t\r\n]')
            evil = EVIL[i % len(EVIL)]
            kept = ("'" if evil[0] in '=+-@' else '') + evil
            # the journal makes visible what is not
            self.assertEqual(row['src_user'], ''.join(
                c if c.isprintable() else
                ''.join('\\x%02x' % byte for byte in c.encode())
                for c in kept))
            self.assertEqual(row['x_ticket'], kept)
        with open(j.path('accounts.csv'), 'rb') as f:
            self.assertEqual(f.read().count(b'\r\n'), 31)

    def test_times_stand_in_the_zone_of_the_plan(self):
        """On both sides of both changes of the clock; UTC beside it."""
        for first, zone, wanted in (
                ('2026-03-29T00:59:00', 'Europe/Berlin',
                 ['2026-03-29 01:59 CET (00:59 UTC)',
                  '2026-03-29 03:01 CEST (01:01 UTC)']),
                ('2026-10-25T00:59:00', 'Europe/Berlin',
                 ['2026-10-25 02:59 CEST (00:59 UTC)',
                  '2026-10-25 02:01 CET (01:01 UTC)']),
                ('2026-03-29T00:59:00', 'America/New_York',
                 ['2026-03-28 20:59 EDT (2026-03-29 00:59 UTC)']),
                ('2026-03-29T00:59:00', 'UTC', ['2026-03-29 00:59 UTC<']),
                ('2026-03-29T00:59:00', '', ['2026-03-29 00:59 UTC<']),
                ('2026-03-29T00:59:00', '../../etc/passwd',
                 ['2026-03-29 00:59 UTC<']),
                ('2026-03-29T00:59:00', 'No/Such', ['2026-03-29 00:59 UTC<'])):
            with self.subTest(zone=zone, first=first):
                page, text = self.zone_papers(first, zone)
                for one in wanted:
                    self.assertIn(one, page)
                self.assertIn(wanted[0].strip('<'), text)
                self.assertEqual('Times are of' in page,
                                 zone[-7:] in ('/Berlin', 'ew_York', 'UTC'))

    def test_a_clock_that_was_set_back(self):
        """In the middle of the run by a day; nothing is drawn outside."""
        j = Journal(self.path('run1'), 40, 1)
        path = os.path.join(j.folder, 'journal.jsonl')
        with open(path, encoding='utf-8') as f:
            lines = f.read().splitlines(keepends=True)
        half = len(lines) // 2
        with open(path, 'w', encoding='utf-8') as f:
            f.writelines(lines[:half])
            # all at one moment
            f.writelines(re.sub('"t": "[^"]*"', '"t": "2026-02-28T07:00:00.000Z"',
                                line) for line in lines[half:])
        self.good('report', j.folder)
        self.assertNotRegex(j.page(), r'<(rect|path|polyline)[^>]*[" ,ML]-[0-9]')
        self.assertRegex(j.page(), r'<rect[^>]* x="')

    def zone_papers(self, first, zone):
        """report.html, and both of an owner, who is done at the first time;
        the run ends two minutes later."""
        folder = self.path('zone')
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder + '/report')
        day, hour = first.split('T')[0], int(first[11:13])
        end = '%sT%02d:01:00' % (day, hour + 1)
        with open(folder + '/journal.jsonl', 'w', encoding='utf-8') as f:
            for i, (t, ev, keys) in enumerate((
                    (first, 'run.start', {'plan': 'p', 'path': 'p',
                                          'digest': 'd', 'timezone': zone}),
                    (first, 'account.plan', {'id': 'a', 'slug': 'a',
                                             'digest': 'd'}),
                    (first, 'account.start', {'id': 'a', 'attempt': 1,
                                              'digest': 'd', 'log': 'l'}),
                    (first, 'account.end', {
                        'id': 'a', 'attempt': 1, 'outcome': 'ok', 'exit': 0,
                        'batch': 0, 'reason': '', 'text': '', 'digest': 'd',
                        'tally': {}, 'ms': 1, 'final': True,
                        'grade': 'complete'}),
                    (end, 'run.end', {'exit': 0, 'complete': True}))):
                f.write(json.dumps({'v': 1, 't': t + '.000Z', 'seq': i + 1,
                                    'ev': ev, 'run': 'r', **keys}) + '\n')
        self.good('report', folder, env={'TZ': 'Asia/Kathmandu'})
        text = [self.good('report', folder, '--user', 'a')]
        for name in ('report.html', 'users/a.html', 'users/a.txt'):
            with open('%s/report/%s' % (folder, name), encoding='utf-8') as f:
                text.append(f.read())
        for one in (text[0], text[2], text[3]):
            self.assertIn(first[:10], one)
        return text[1] + text[2].replace('</p>', '<'), text[3]

    def test_a_run_records_the_settings_of_its_accounts(self):
        self.accounts('ok.1', 'ok.2')
        with open(self.path('plan.yaml'), encoding='utf-8') as f:
            text = f.read().replace('limits:', 'timezone: Asia/Tokyo\nlimits:')
        self.write('plan.yaml', text.replace(
            '{file: secret}', convoy.CANARY, 1))
        out = self.good('run', 'plan.yaml')
        self.assertRegex(out, r'  report +\S+/report\.html\n'
                         r' +\S+/report\.jsonl\.gz\n')
        with gzip.open(self.run_path('plan.json.gz'), 'rt') as f:
            lines = [json.loads(line) for line in f]
        self.assertEqual([o['kind'] for o in lines],
                         ['plan', 'shared', 'account', 'account'])
        settings = {k: (v, origin) for k, v, origin, _ in
                    lines[1]['settings'] + lines[3]['settings']}
        self.assertEqual(settings['source.password'],
                         ('********', 'defaults'))
        self.assertEqual(settings['target.password'],
                         ('{file: %s}' % self.path('secret'), 'defaults'))
        shown = json.loads(self.good('show', 'plan.yaml', 'ok.2', '-o',
                                     'json'))['settings']
        self.assertEqual(settings, {
            o['key']: (o['value'], o['origin']) for o in shown})
        self.assertEqual(os.stat(self.run_path('plan.json.gz')).st_mode &
                         0o777, 0o600)
        for name in ('report/report.html', 'plan.json.gz'):
            with open(self.run_path(name), 'rb') as f:
                data = f.read()
            if name.endswith('gz'):
                data = gzip.decompress(data)
            self.assertNotIn(convoy.CANARY.encode(), data)
        with open(self.run_path('report/report.html'),
                  encoding='utf-8') as f:
            page = f.read()
        self.assertIn('JST (', page)
        self.assertIn('options.timeout', page)
        # what cannot be read is said, and the rest is there
        with open(self.run_path('plan.json.gz'), 'r+b') as f:
            f.truncate(20)
        self.good('report', self.runs()[-1])
        with open(self.run_path('report/report.html'),
                  encoding='utf-8') as f:
            self.assertIn('settings of accounts not recorded', f.read())

    @unittest.skipUnless(sheet.programs(), 'neither LibreOffice nor Gnumeric: '
                         'no spreadsheet has read the tables')
    def test_a_spreadsheet_reads_tables_back(self):
        """F207: no formula; LibreOffice gives all of it back, Gnumeric what does
        not look like a number."""
        j = self.report(45, 6)
        for table in ('accounts.csv', 'todo.csv'):
            with open(j.path(table), encoding='utf-8', newline='') as f:
                wanted = list(csv.reader(f, strict=True))
            for name, read in sheet.programs().items():
                with self.subTest(table=table, program=name):
                    found = read(j.path(table))
                    self.assertEqual(len(found), len(wanted))
                    for got, row in zip(found, wanted):
                        got += [('text', '')] * (len(row) - len(got))
                        self.assertEqual(len(got), len(row))
                        for cell, value in zip(got, row):
                            self.check_cell(name, cell, value)
                print('%s: %d rows of %s' % (name, len(found), table))

    def check_cell(self, program, cell, value):
        kind, text = cell
        self.assertNotEqual(kind, 'formula', value)
        if kind == 'number' and re.fullmatch(r'[0-9.]+', value):
            self.assertEqual(float(text), float(value))
        elif program == 'LibreOffice':
            self.assertEqual((kind, text), ('text', value))
        elif not sheet.looks_like_more(value):
            # it takes the apostrophe away and keeps text
            guarded = value[:1] == "'"
            self.assertEqual((kind, text), ('text', value[guarded:]))

    def test_names_are_text_in_every_page(self):
        """F208: no tag and no attribute that is not ours; of one user only
        what is that user's."""
        j = self.report(20, 3)
        pages = [j.page()]
        for i in range(20):
            with open(j.path('users/user%d-x.html' % i),
                      encoding='utf-8') as f:
                pages.append(f.read())
        for page in pages:
            found = Rows(page)
            self.assertFalse(found.tags & {'img', 'iframe', 'a', 'link',
                                           'object', 'form'})
            self.assertFalse([a for a in found.attributes
                              if a.startswith('on')])
            self.assertNotIn('\u202e', page)
        self.assertEqual(pages[0].count('<script'), 2)
        self.assertNotIn('<script', pages[1])
        self.assertIn('user7', pages[8])
        self.assertNotIn('user8', pages[8])
        data = re.search(r'id="data">(.*?)</script>', pages[0], re.S)
        self.assertEqual(len(json.loads(data.group(1))), 20)
        self.assertNotIn('<', data.group(1))

    def test_one_file_where_it_is_wanted(self):
        j = Journal(self.path('r'), 5, 4)
        for option, name in (('--csv', 'a'), ('--html', 'b'), ('--todo', 'c')):
            self.assertEqual(self.good('report', j.folder, option, name),
                             name + '\n')
            self.assertEqual(os.stat(self.path(name)).st_mode & 0o777, 0o600)
        self.good('report', j.folder, '--users-dir', 'u')
        self.assertEqual(len(os.listdir(self.path('u'))), 10)
        self.assertEqual(os.listdir(j.path('')), [])
        rc, _, err = self.mc('report', j.folder, '--csv', 'no/such')
        self.assertEqual(rc, 73, err)

    def test_what_is_to_do_is_an_accounts_file(self):
        self.accounts('denied.1', 'ok.1')
        self.good('run', 'plan.yaml', code=1)
        todo = os.path.join(self.runs()[0], 'report', 'todo.csv')
        os.chmod(todo, 0o600)
        with open(self.path('plan.yaml'), encoding='utf-8') as f:
            text = f.read().split('accounts:')[0]
        self.write('next.yaml', text.replace('name: demo', 'name: next') +
                   'accounts_file: {path: %s}\n' % todo)
        self.assertIn('denied.1', self.good('show', 'next.yaml', 'denied.1'))


class Acknowledge(batch.Case):
    def test_the_exit_code_is_1_until_then(self):
        self.accounts('refused.1', 'ok.1')
        self.good('run', 'plan.yaml', code=1)
        rc, _, err = self.mc('ack', 'plan.yaml', 'refused.1')
        self.assertEqual(rc, 64, err)
        for id, reason in (('ok.1', 'x'), ('nobody', 'x')):
            rc, _, err = self.mc('ack', 'plan.yaml', id, '--reason', reason)
            self.assertEqual(rc, 66, err)
        out = self.good('ack', 'plan.yaml', 'refused.1', '--reason',
                        'seen, <b>fine</b>')
        self.assertIn('exit code of the run: 0', out)
        ack, = self.lines('ack')
        self.assertEqual((ack['id'], ack['reason'], ack['attempt'],
                          ack['exit']),
                         ('refused.1', 'seen, <b>fine</b>', 1, 0))
        self.assertTrue(ack['by'])
        with open(self.run_path('report/accounts.csv'), encoding='utf-8',
                  newline='') as f:
            row = next(csv.DictReader(f))
        self.assertEqual((row['acked_by'], row['acked_reason']),
                         (ack['by'], 'seen, <b>fine</b>'))
        with gzip.open(self.run_path('report/report.jsonl.gz'), 'rt',
                       encoding='utf-8') as f:
            told = [json.loads(line).get('ack') for line in f]
        self.assertEqual([{'by': ack['by'], 'time': ack['t'],
                           'reason': 'seen, <b>fine</b>'}],
                         [a for a in told if a])
        # it is taken as it is: nothing runs, and the exit code is good
        out = self.good('resume', 'plan.yaml')
        self.assertIn('1 acknowledged', out)
        self.assertEqual(len(self.lines('account.start')), 2)
        # until somebody asks for it
        self.good('resume', 'plan.yaml', '--only', 'partial', code=1)
        self.assertEqual(len(self.lines('account.start')), 3)

    def test_not_while_a_supervisor_works(self):
        self.accounts('refused.1', 'wait.1')
        p = self.start('run', 'plan.yaml')
        self.status_when(lambda s: len(s['running']) == 1 and s['done'] == 1)
        rc, _, err = self.mc('ack', 'plan.yaml', 'refused.1', '--reason', 'x')
        self.assertEqual(rc, 75, err)
        self.stop(p)

    def test_grades_are_in_journal_and_status(self):
        self.accounts('refused.1', 'ok.1', 'denied.1')
        self.good('run', 'plan.yaml', code=1)
        grades = {r['id']: r['grade'] for r in self.lines('account.end')}
        self.assertEqual(grades['ok.1'], 'complete')
        self.assertEqual(grades['denied.1'], 'bad')
        self.assertIn(grades['refused.1'], ('review', 'bad'))
        rows = json.loads(self.good('status', '-o', 'json'))['list']
        self.assertEqual({r['id']: r['grade'] for r in rows}, grades)


@unittest.skipUnless(browser.PROGRAM, 'no chromium: the page was not looked at')
class InBrowser(batch.Case):
    def setUp(self):
        super().setUp()
        self.browser = browser.Browser()
        self.addCleanup(self.browser.close)

    def make(self, accounts, **kwargs):
        j = Journal(self.path('run'), accounts, 5, **kwargs)
        self.good('report', j.folder)
        return j

    def ids(self):
        return self.browser.run(
            "Array.from(document.querySelectorAll('#accounts > tbody > "
            "tr:not(.detail) > th')).map(e => e.textContent)")

    def quiet(self, path):
        """Nothing but the page was asked for, nothing was complained of."""
        asked = {r['request']['url'] for r in
                 self.browser.seen('Network.requestWillBeSent')}
        self.assertEqual(asked, {'file://' + path})
        for event in ('Runtime.consoleAPICalled', 'Runtime.exceptionThrown',
                      'Log.entryAdded', 'Page.javascriptDialogOpening'):
            self.assertEqual(self.browser.seen(event), [])

    def test_sorts_searches_filters_and_opens(self):
        """F208"""
        j = self.make(60)
        b = self.browser
        b.open(j.path('report.html'))
        rows = j.table()
        everyone = [r['id'] for r in rows]
        self.assertEqual(self.ids(), everyone)
        b.run("document.querySelectorAll('#accounts thead button')[4].click()")
        most = sorted(rows, key=lambda r: -int(r['source']))
        self.assertEqual([int(r['source']) for r in most], [
            int(next(r for r in rows if r['id'] == i)['source'])
            for i in self.ids()])
        self.assertEqual(b.run(
            "document.querySelectorAll('#accounts thead th')[4]"
            ".getAttribute('aria-sort')"), 'descending')
        b.run("(s => {s.value = 'user1'; s.dispatchEvent(new Event('input'))})"
              "(document.getElementById('search'))")
        self.assertEqual(set(self.ids()),
                         {i for i in everyone if 'user1' in i})
        b.run("(s => {s.value = ''; s.dispatchEvent(new Event('input'))})"
              "(document.getElementById('search'))")
        b.run("(s => {s.value = 'partial'; "
              "s.dispatchEvent(new Event('change'))})"
              "(document.getElementById('state'))")
        partial = {r['id'] for r in rows if r['outcome'] == 'partial'}
        self.assertEqual(set(self.ids()), partial)
        self.assertTrue(partial)
        b.run("document.querySelector('#accounts tbody button').click()")
        detail = b.run("document.querySelector('.detail').textContent")
        self.assertIn('new ' + EVIL[1], detail)
        self.assertIn('message 7', detail)
        self.assertEqual(b.run("document.querySelectorAll('.detail img, "
                               ".detail script').length"), 0)
        self.assertEqual(b.run("document.title"), 'Migration report: demo')
        self.quiet(j.path('report.html'))

    def test_without_script(self):
        j = self.make(60)
        self.browser.ask('Emulation.setScriptExecutionDisabled', value=True)
        self.browser.open(j.path('report.html'))
        root = self.browser.ask('DOM.getDocument', depth=0)['root']
        text = self.browser.ask('DOM.getOuterHTML',
                                nodeId=root['nodeId'])['outerHTML']
        self.assertEqual(len(Rows(text).rows), 61)
        self.assertNotIn('class="js"', text)
        self.quiet(j.path('report.html'))

    def test_pages_of_owners(self):
        j = self.make(3)
        for i in range(3):
            path = j.path('users/user%d-x.html' % i)
            self.browser.open(path)
            self.assertIn('Seen and accepted', self.browser.run(
                'document.body.innerText'))
            self.quiet(path)

    def times(self, path):
        """Milliseconds until it is loaded, and until it is sorted by size: of the
        page's own clock, or of its process's CPU time where that is less, as
        others work on the same machine."""
        b = self.browser
        b.ask('Performance.enable')
        start = self.cpu_ms()
        b.open(path, 300)
        loaded = self.cpu_ms()
        loaded_cpu = loaded - start if loaded > start else loaded
        ready = b.run("performance.timing.loadEventEnd - "
                      "performance.timing.navigationStart")
        took = b.run("(() => {const t = performance.now();"
                     "document.querySelectorAll('#accounts thead button')[8]"
                     ".click(); document.body.offsetHeight;"
                     "return performance.now() - t})()")
        return min(ready, loaded_cpu), min(took, self.cpu_ms() - loaded)

    def cpu_ms(self):
        return next(1000 * m['value'] for m in self.browser.ask(
            'Performance.getMetrics')['metrics'] if m['name'] == 'ProcessTime')

    def large(self, accounts, **kwargs):
        j = Journal(self.path('run'), accounts, 5, **kwargs)
        path = j.path('report.html')
        self.good('report', j.folder, '--html', path, timeout=300)
        return j, path

    def test_ten_thousand_accounts(self):
        """Open and sorted within 2 s each; the best of some tries."""
        j, path = self.large(10000, mailboxes=2)
        best = [1e9, 1e9]
        for _ in range(6):
            best = list(map(min, zip(best, self.times(path))))
            if max(best) < 2000:
                break
        self.assertEqual(self.browser.run(
            "document.getElementById('count').textContent"),
            '10,000 of 10,000 accounts')
        print('10,000 accounts: open %d ms, sort %d ms' % tuple(best))
        self.assertLess(max(best), 2000, best)
        self.quiet(path)

    def key(self, name, times=1):
        for _ in range(times):
            for kind in ('keyDown', 'keyUp'):
                self.browser.ask('Input.dispatchKeyEvent', type=kind, key=name,
                                 code=name, windowsVirtualKeyCode={
                                     'ArrowDown': 40, 'End': 35, 'Home': 36,
                                     'PageDown': 34, 'Enter': 13}[name],
                                 **({'text': '\r'} if name == 'Enter' and
                                    kind == 'keyDown' else {}))

    def focused(self):
        return self.browser.run('document.activeElement.textContent')

    def choose(self, element, value):
        self.browser.run(
            "(s => {s.value = '%s'; s.dispatchEvent(new Event('%s'))})"
            "(document.getElementById('%s'))" % (
                value, 'input' if element == 'search' else 'change', element))

    def count(self):
        return self.browser.run("document.getElementById('count').textContent")

    def test_only_rows_in_view_are_made_of_very_many(self):
        """With keys, search, sort, filter and open rows; then on paper."""
        j, path = self.large(20100, mailboxes=1)
        b = self.browser
        b.open(path, 300)
        drawn = "document.querySelectorAll('#accounts tbody tr').length"
        self.assertLess(b.run(drawn), 80)
        self.assertEqual(self.ids()[0], 'user0')
        b.run("document.querySelector('.view').focus()")
        self.key('ArrowDown', 3)
        self.assertEqual(self.focused(), 'user3')
        self.key('PageDown')
        self.key('End')
        self.assertEqual(self.focused(), 'user20099')
        self.assertLess(b.run(drawn), 80)
        self.key('Enter')
        self.assertIn('u20099 at new', b.run(
            "document.querySelector('.detail').textContent"))
        self.key('Home')
        self.assertEqual(self.focused(), 'user0')
        self.assertEqual(b.run("document.querySelectorAll('.detail').length"),
                         0)
        self.key('End')  # it is still open
        self.assertEqual(b.run("document.querySelectorAll('.detail').length"),
                         1)
        b.run("document.querySelectorAll('#accounts thead button')[0].click()")
        self.assertEqual(b.run("document.querySelector('#accounts [aria-sort]')"
                               ".getAttribute('aria-sort')"), 'ascending')
        self.assertEqual([i for i in self.ids() if i][:3],
                         ['user0', 'user1', 'user10'])
        self.choose('search', 'user2009')
        self.assertEqual({i for i in self.ids() if i}, {
            'user2009', *('user2009%d' % i for i in range(10))})
        self.assertEqual(b.run("document.querySelectorAll('.detail').length"),
                         1)
        self.choose('search', '')
        self.choose('grade', 'bad')
        self.assertNotIn('20,100 of', self.count())
        self.choose('grade', '')
        self.choose('group', 'g1')
        self.assertEqual(self.count(), '6,700 of 20,100 accounts')
        b.run("window.dispatchEvent(new Event('beforeprint'))")
        self.assertEqual(len([i for i in self.ids() if i]), 1000)
        b.run("window.dispatchEvent(new Event('afterprint'))")
        self.assertLess(b.run(drawn), 80)
        b.ask('Emulation.setEmulatedMedia', media='print')
        self.assertIn('all of them are in accounts.csv', b.run(
            "document.querySelector('.rest').innerText"))
        self.quiet(path)
        b.ask('Emulation.setScriptExecutionDisabled', value=True)
        b.ask('Emulation.setEmulatedMedia', media='')
        with open(path, encoding='utf-8') as f:
            text = f.read()
        self.assertEqual(len(Rows(text).rows), 1001)
        self.assertIn('These are 1000 of 20,100 accounts', text)

    def test_an_open_row_shows_its_settings(self):
        j = Journal(self.path('run'), 3, 5)
        with gzip.open(self.path('run/plan.json.gz'), 'wt') as f:
            for line in (
                    {'v': 1, 'kind': 'plan', 'plan': 'demo'},
                    {'kind': 'shared', 'settings': [
                        ['options.timeout', EVIL[0], 'group vip', 'p:3:4'],
                        ['source.password', '********', 'defaults', '']]},
                    {'kind': 'account', 'id': 'user1', 'shared': 0,
                     'settings': [['id', EVIL[2], '', 'accounts.csv:2:1']]}):
                f.write(json.dumps(line) + '\n')
        self.good('report', j.folder)
        b = self.browser
        b.open(j.path('report.html'))
        b.run("document.querySelectorAll('#accounts tbody button')[1].click()")
        self.assertEqual(b.run(
            "Array.from(document.querySelectorAll('.detail details td'))"
            ".map(e => e.textContent)"), [
                'id', EVIL[2], 'accounts.csv:2:1',
                'options.timeout', EVIL[0], 'group vip, p:3:4',
                'source.password', '********', 'defaults'])
        b.run("document.querySelectorAll('#accounts tbody button')[0].click()")
        self.assertEqual(b.run("document.querySelectorAll('details h3,"
                               " .detail details').length"), 1)
        self.quiet(j.path('report.html'))


if __name__ == '__main__':
    unittest.main()
