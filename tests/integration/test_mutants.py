# SPDX-License-Identifier: MIT
"""The list of mutants fits the tree, and a few of them are killed: `make mutants`
does them all."""
import os
import tempfile
import unittest

import convoy
import mutants

SAMPLE = ('line-cap', 'mirror-children', 'exit-disagrees', 'duplicate-key')


class List(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mutants = mutants.load()

    def test_every_entry_is_whole(self):
        names = [m.name for m in self.mutants]
        self.assertEqual(sorted(set(names)), sorted(names))
        self.assertGreaterEqual(len(names), 25)
        for mutant in self.mutants:
            with self.subTest(mutant.name):
                self.assertTrue(mutant.guard and mutant.tests and
                                mutant.edits)
                for fault in mutant.faults:
                    self.assertRegex(fault, r'^F\d{3}$')

    def test_what_is_changed_stands_there_once(self):
        for mutant in self.mutants:
            for edit in mutant.edits:
                with self.subTest(mutant.name):
                    path = os.path.join(mutants.ROOT, edit.path)
                    with open(path, encoding='utf-8') as f:
                        text = f.read()
                    self.assertNotEqual(text, edit.applied(text))

    def test_who_must_fail_exists(self):
        known = mutants.known_tests()
        for mutant in self.mutants:
            for test in mutant.tests:
                with self.subTest(mutant.name):
                    self.assertIn(test, known)


@unittest.skipUnless(
    convoy.BUILD in (mutants.ROOT + '/build/release',
                     mutants.ROOT + '/build/debug'),
    'only of programs that the makefile builds without sanitizers')
class Sample(unittest.TestCase):
    """One of each program."""

    def test_without_its_guard_a_test_fails(self):
        chosen = [m for m in mutants.load() if m.name in SAMPLE]
        self.assertEqual(len(SAMPLE), len(chosen))
        for mutant in chosen:
            test = mutant.tests[0]
            program = os.path.join(convoy.BUILD, 'bin', test.split()[0])
            if not os.path.exists(program):
                self.skipTest('make unit-build')
            with self.subTest(mutant.name), \
                    tempfile.TemporaryDirectory() as folder:
                os.mkdir(folder + '/bin')
                self.assertEqual('ok', mutants.run_test(test, convoy.BUILD)[0])
                mutants.build_one(mutant, test.split()[0], convoy.BUILD,
                                  folder + '/bin')
                self.assertEqual('failed', mutants.run_test(test, folder)[0])


if __name__ == '__main__':
    unittest.main()
