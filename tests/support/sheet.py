# SPDX-License-Identifier: MIT
"""A spreadsheet program that reads a CSV file: LibreOffice, told to take cells in
quotes as text, or Gnumeric, which takes what looks like a number for one.  Cells
come back as pairs (kind, value): 'text', 'number' or 'formula'."""
import gzip
import os
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree

SECONDS = 300
OFFICE = '{urn:oasis:names:tc:opendocument:xmlns:office:1.0}'
TABLE = '{urn:oasis:names:tc:opendocument:xmlns:table:1.0}'
TEXT = '{urn:oasis:names:tc:opendocument:xmlns:text:1.0}'
GNUMERIC = '{http://www.gnumeric.org/v10.dtd}'


def programs():
    """{name: function} of those that are installed."""
    found = {}
    if shutil.which('soffice'):
        found['LibreOffice'] = libreoffice
    if shutil.which('ssconvert'):
        found['Gnumeric'] = gnumeric
    return found


def run(folder, *command):
    subprocess.run(command, check=True, timeout=SECONDS, cwd=folder,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env=dict(os.environ, HOME=folder))


def libreoffice(path):
    """44: comma, 34: quote, 76: UTF-8, 1: from the first line; true: quoted
    cells are text."""
    with tempfile.TemporaryDirectory(prefix='mcv-sheet-') as folder:
        run(folder, 'soffice', '-env:UserInstallation=file://%s/profile' %
            folder, '--headless', '--convert-to', 'fods', '--outdir', folder,
            '--infilter=Text - txt - csv (StarCalc):44,34,76,1,,0,true,false',
            path)
        name = os.path.splitext(os.path.basename(path))[0] + '.fods'
        root = ElementTree.parse(os.path.join(folder, name)).getroot()
    return [row for row in map(office_row, root.iter(TABLE + 'table-row'))
            if row]


def office_text(e):
    """Blanks in a row are elements of their own."""
    out = e.text or ''
    for part in e:
        if part.tag == TEXT + 's':
            out += ' ' * int(part.get(TEXT + 'c', 1))
        elif part.tag == TEXT + 'tab':
            out += '\t'
        elif part.tag == TEXT + 'line-break':
            out += '\n'
        else:
            out += office_text(part)
        out += part.tail or ''
    return out


def office_row(row):
    cells = []
    for cell in row.iter(TABLE + 'table-cell'):
        text = '\n'.join(office_text(p) for p in cell.iter(TEXT + 'p'))
        kind = cell.get(OFFICE + 'value-type')
        one = ('text', text)
        if cell.get(TABLE + 'formula'):
            one = ('formula', text)
        elif kind not in (None, 'string'):
            one = ('number', cell.get(OFFICE + 'value') or text)
        cells += [one] * min(int(cell.get(
            TABLE + 'number-columns-repeated', 1)), 1000)
    while cells and cells[-1] == ('text', ''):
        cells.pop()
    return cells


def gnumeric(path):
    """Its kinds of values: 60 is text, 40 a number, 20 a truth; a cell without
    one is a formula."""
    with tempfile.TemporaryDirectory(prefix='mcv-sheet-') as folder:
        out = folder + '/out.gnumeric'
        run(folder, 'ssconvert', '-I', 'Gnumeric_stf:stf_csvtab', '-T',
            'Gnumeric_XmlIO:sax', path, out)
        with open(out, 'rb') as f:
            data = f.read()
    if data[:2] == b'\x1f\x8b':
        data = gzip.decompress(data)
    rows = []
    for cell in ElementTree.fromstring(data).iter(GNUMERIC + 'Cell'):
        row, column = int(cell.get('Row')), int(cell.get('Col'))
        while len(rows) <= row:
            rows.append([])
        while len(rows[row]) <= column:
            rows[row].append(('text', ''))
        kind = {'60': 'text', '40': 'number', '20': 'truth'}.get(
            cell.get('ValueType'), 'formula')
        rows[row][column] = (kind, cell.text or '')
    return rows


def looks_like_more(text):
    """Would Gnumeric see a number, a date, a time or a truth in it?"""
    return bool(re.fullmatch(r"[-+\d.,:/eETZ%$ ]+|true|false", text, re.I))
