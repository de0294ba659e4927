# SPDX-License-Identifier: MIT
"""The list of mutants fits the tree, without building any: `make mutants` does."""
import os
import unittest

import mutants


class List(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mutants = mutants.load()

    def test_every_entry_is_whole(self):
        names = [m.name for m in self.mutants]
        self.assertEqual(sorted(set(names)), sorted(names))
        self.assertGreaterEqual(len(names), 24)
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


if __name__ == '__main__':
    unittest.main()
