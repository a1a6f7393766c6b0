"""What the suite does with a test that fails while the machine stands still."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import suite


class Machine:
    """As lab.steadiness.Watch, of a machine that stood still so long."""

    def __init__(self, still_s):
        self.still_s = still_s

    def longest_s(self, _since):
        return self.still_s


class Twice(unittest.TestCase):
    def play(self, still_s, *ends):
        """Run a test that ends in these ways, time after time; the tally and
        how often it ran."""
        left = list(ends)

        class Spoilt(unittest.TestCase):
            def test(self):
                self.assertEqual(left.pop(0), "well")

        tally = suite.Tally()
        with tempfile.TemporaryDirectory() as state, \
                contextlib.redirect_stdout(io.StringIO()):
            result = suite.Result(tally, Path(state), Machine(still_s))
            unittest.TestSuite(suite.pick([Spoilt("test")], "")).run(result)
        return tally, len(ends) - len(left)

    def test_a_steady_machine_has_no_excuse(self):
        tally, ran = self.play(0.1, "badly", "well")
        self.assertEqual((tally.passed, tally.failed, ran), (0, 1, 1))
        self.assertIn("FAIL", tally.summary())

    def test_what_was_spoilt_is_run_again_and_told(self):
        tally, ran = self.play(0.2, "badly", "well")
        self.assertEqual((tally.passed, tally.failed, ran), (1, 0, 2))
        self.assertEqual(tally.summary(),
                         "1 passed, 0 failed, 1 of them run twice")

    def test_a_second_failure_is_one(self):
        tally, ran = self.play(0.2, "badly", "badly", "well")
        self.assertEqual((tally.passed, tally.failed, ran), (0, 1, 2))

    def test_what_passes_is_not_asked_about(self):
        tally, ran = self.play(0.2, "well", "badly")
        self.assertEqual((tally.passed, tally.failed, ran), (1, 0, 1))
