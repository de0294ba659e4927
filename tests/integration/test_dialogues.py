# SPDX-License-Identifier: MIT
"""Every dialogue of tests/dialogues: a server's words stand in a file of their own,
see tests/support/dialogue.py."""
import os
import re
import tempfile
import unittest
from concurrent import futures

import dialogue

WORKERS = 8
AHEAD = {}  # file: what its replay will say


def takes_long(path):
    with open(path, encoding='utf-8') as f:
        return '\n# once:' in f.read()


class Together(unittest.TestSuite):
    """Several cases at once: most of the time one waits for a line."""

    def run(self, result, debug=False):
        paths = sorted((t.path for t in self if isinstance(t, Dialogues)),
                       key=takes_long, reverse=True)
        with futures.ThreadPoolExecutor(max_workers=WORKERS) as pool:
            AHEAD.update((p, pool.submit(dialogue.replay, p)) for p in paths)
            return super().run(result, debug)


class Dialogues(unittest.TestCase):
    """Each as it is written, byte by byte, and glued together."""

    maxDiff = None

    @property
    def path(self):
        return PATHS[self._testMethodName]

    def replay(self):
        ahead = AHEAD.pop(self.path, None)
        failures = ahead.result() if ahead else dialogue.replay(self.path)
        if failures:
            self.fail('\n'.join(failures))


PATHS = {'test_' + re.sub(r'\W', '_', os.path.splitext(
    os.path.basename(path))[0]): path for path in dialogue.files()}
for name in PATHS:
    setattr(Dialogues, name, Dialogues.replay)


class Loader(unittest.TestCase):
    """Of the files themselves."""

    def test_replies(self):
        for text, data in (
                ('* OK a', b'* OK a\r\n'), ('* OK\\', b'* OK'),
                ('a\\\\', b'a\\\r\n'), ('(\\Seen \\x1b\\0)\\n\\',
                                        b'(\\Seen \x1b\0)\n'),
                ('{repeat 3 ab}{5}', b'ababab{5}\r\n'),
                ('x {literal y\\r}', b'x {2}\r\ny\r\r\n'),
                ('{listed 1}', dialogue.fetched(1, False))):
            self.assertEqual(data, dialogue.reply(text))

    def test_what_is_no_case(self):
        head = '# shows: x\n# scripted: source\n# exit: 0\n'
        for text in ('', '# shows: x\n', head + 'X: nothing\n',
                     head + '# no such key: 1\n', head + 'use nothing\n'):
            with tempfile.NamedTemporaryFile('w', suffix='.case') as f:
                f.write(text)
                f.flush()
                with self.assertRaises(dialogue.BadCase):
                    dialogue.DialogueCase(f.name)

    def test_a_case_that_goes_wrong_is_seen(self):
        with tempfile.NamedTemporaryFile('w', suffix='.case') as f:
            f.write('# shows: x\n# scripted: source\n# exit: 0\n'
                    'S: * OK hello\nC: * STARTTLS\n')
            f.flush()
            failures = dialogue.replay(f.name)
        self.assertEqual(3, len(failures))
        self.assertIn('expected "* STARTTLS", the client said', failures[0])


def load_tests(loader, standard, pattern):
    del loader, pattern
    return unittest.TestSuite(Together(part) for part in standard)


if __name__ == '__main__':
    unittest.main()
