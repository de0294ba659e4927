# SPDX-License-Identifier: MIT
"""A part of `make sanitizers` for every day: what fuzzing has collected, and the main
road, with ASan, UBSan and LSan, where `make check` has built them."""
import os
import re
import subprocess
import sys
import unittest

import convoy

BUILD = os.path.join(convoy.ROOT, 'build', 'asan')
IS_OURS = os.path.basename(convoy.BUILD) == 'release'
FILES = ('test_dialogues', 'test_engine_copy', 'test_findings')


def environment():
    """As tests/run found it: that of this run names its own reports."""
    return {k: v for k, v in os.environ.items() if k not in (
        'ASAN_OPTIONS', 'LSAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS',
        'MAILCONVOY_BUILD', 'MAILCONVOY_CONFINE_ALSO')}


@unittest.skipUnless(IS_OURS and os.path.exists(BUILD + '/bin/replay-plan'),
                     'part of `make check` with its release build')
class Sanitized(unittest.TestCase):
    def run_part(self, part, *names):
        ended = subprocess.run(
            [sys.executable, os.path.join(convoy.ROOT, 'tests', 'run'), part,
             BUILD, *names], env=environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False)
        self.assertEqual(0, ended.returncode, ended.stdout[-20000:])
        return int(re.findall(r'^(\d+) passed, 0 failed', ended.stdout,
                              re.M)[-1])

    def test_collected_inputs(self):
        self.assertGreater(self.run_part('unit', 'replay-'), 15)

    def test_main_road(self):
        self.assertGreater(self.run_part('integration', *FILES), 100)


if __name__ == '__main__':
    unittest.main()
