"""tools/bench: with hardly any load it measures every figure.

That it works, never how fast: a machine with other work would fail a limit.
"""

import json
import os
import sqlite3
import subprocess
import tempfile
import unittest
from pathlib import Path

from bench.asking import quantile

from support import plan, sanitizer

KEYS = {"calls_per_cpu_s", "invite_180_ms_p50", "invite_180_ms_p99",
        "kb_per_held_call", "us_per_registration", "kb_per_line",
        "packets_per_cpu_s_100", "packets_per_cpu_s_800"}


class Bench(unittest.TestCase):
    """The bridge under load, in a network of its own beside the lab's."""

    deadline_s = 240

    def bench(self, what, *options):
        """Run `tools/bench WHAT --tiny`; its output and what it said."""
        done = subprocess.run(
            [str(plan.REPO / "tools/bench"), what, "--tiny", *options],
            env=dict(os.environ, **sanitizer.env()),
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=230, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-4000:])
        return done.stdout, done.stderr

    def test_every_figure_is_measured(self):
        stdout, stderr = self.bench("quick", "--json")
        figures = json.loads(stdout)
        self.assertEqual(set(figures), KEYS)
        self.assertGreater(figures["invite_180_ms_p50"], 0)
        self.assertGreaterEqual(figures["invite_180_ms_p99"],
                                figures["invite_180_ms_p50"])
        # CPU time counts in steps of 10 ms: so short a run may show none
        for key in KEYS:
            self.assertIsInstance(figures[key], (int, float, type(None)),
                                  key)
        self.assertIn("SRTP ciphers: OpenSSL", stderr)

    def test_registrations_at_scale(self):
        stdout, _ = self.bench("registrations", "--json")
        figures = json.loads(stdout)
        for key, value in figures.items():
            self.assertIsInstance(value, (int, float), key)
        self.assertEqual(figures["users"], 60)
        self.assertEqual(figures["repeated"], 0)
        self.assertEqual(figures["green_lapsed"], 0)
        self.assertEqual(figures["kamailio_registered"], 20)
        self.assertGreater(figures["start_s"], 0)
        self.assertGreater(figures["us_store_per_user"], 0)
        self.assertGreater(figures["silence_ms_reload"], 0)

    def test_many_calls_leave_nothing_behind(self):
        stdout, _ = self.bench("soak", "--json")
        figures = json.loads(stdout)
        self.assertEqual((figures["soak_calls"], figures["soak_failed"]),
                         (100, 0))
        self.assertLessEqual(figures["soak_descriptors"], 0)
        self.assertEqual(figures["soak_threads"], 0)

    def test_the_portal_with_years_of_records(self):
        with tempfile.TemporaryDirectory() as folder:
            # a store that stays serves again
            for _ in range(2):
                stdout, stderr = self.bench("portal", "--json", "--data",
                                            folder)
            store = sqlite3.connect(Path(folder) / "store.db")
            kept = {table: store.execute("SELECT COUNT(*) FROM "
                                         + table).fetchone()[0]
                    for table in ("tenants", "users", "calls")}
            spread = store.execute("SELECT COUNT(DISTINCT tenant), "
                                   "SUM(failed) FROM calls").fetchone()
            store.close()
        figures = json.loads(stdout)
        for key, value in figures.items():
            self.assertIsInstance(value, (int, float), key)
        # three customers that were made, one that was imported
        self.assertEqual(kept, {"tenants": 4, "users": 110, "calls": 300})
        self.assertEqual(spread[0], 3)
        self.assertTrue(0 < spread[1] < 100, spread)
        self.assertEqual((figures["users"], figures["calls"],
                          figures["import_users"]), (60, 300, 50))
        self.assertGreater(figures["import_steps"], 0)
        self.assertLess(figures["page_kb"], 300)
        for key in ("api", "users", "calls"):
            self.assertGreaterEqual(figures[key + "_ms_p99"],
                                    figures[key + "_ms_p50"])
        for kind in ("deep, of all", "a number, of all", "a user's"):
            self.assertIn("  " + kind, stderr)

    def test_shares_of_what_was_measured(self):
        hundred = list(range(100, 0, -1))
        self.assertEqual([quantile(hundred, share) for share in
                          (0.5, 0.99, 1)], [50, 99, 100])
        self.assertEqual(quantile([7], 0.99), 7)
