"""Test plans at the command line: the vocabulary, and checking."""

import pathlib

from test_cli import ROOT, CommandLine


class Plans(CommandLine):

    def test_the_plans_of_the_house_are_good(self):
        plans = sorted(pathlib.Path(ROOT, "testplans/plans").glob("*.yaml"))
        lines = self.good("test", "lint", *plans).splitlines()
        self.assertEqual([line.partition(":")[0] for line in lines],
                         [plan.stem for plan in plans])

    def test_the_vocabulary_is_printed(self):
        steps = self.good("test", "steps")
        self.assertIn("ACTOR transfers to NUMBER\n    does: ", steps)

    def test_all_that_is_wrong_is_told_with_line_and_column(self):
        self.write("p.yaml", "plan: p\ntitle: P\ncases:\n  - id: a\n"
                   "    title: A\n    steps:\n      - user_a anwsers\n"
                   "      - external renews its registration within 1s\n")
        self.write("q.yaml", "")
        self.assertEqual(self.bad("test", "lint", "p.yaml", "q.yaml"), [
            'p.yaml:7:9: unknown step "user_a anwsers": did you mean "ACTOR'
            ' answers"?',
            'p.yaml:8:9: want user_a or user_b, found "external"',
            "callbridge: 2 errors",
            "q.yaml:1:1: want a test plan, found an empty file"])

    def test_wrong_usage(self):
        self.assertEqual(self.bad("test", "rum"),
                         ['callbridge: test: want init, run, list, watch,'
                          ' stop, compare, keep, steps or lint, found "rum"'])
        self.bad("test")
        self.bad("test", "lint")
