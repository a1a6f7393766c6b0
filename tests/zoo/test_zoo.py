"""Every scripted PBX in this folder, at one bridge, at the same time."""

import csv
import importlib
import io
import json
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "wire"),
                str(HERE.parents[1] / "tools/lib")]

from lab import pki, plan, sanitizer                            # noqa: E402
from lab.bridge import Bridge                                   # noqa: E402
from lab.process import wait_for                                # noqa: E402

import zoo                                                      # noqa: E402


def scripts():
    """(test name, class) of each PBX, file by file."""
    for path in sorted(HERE.glob("*.py")):
        if path.stem in ("zoo", "test_zoo"):
            continue
        module = importlib.import_module(path.stem)
        for name, what in vars(module).items():
            if isinstance(what, type) and what.__module__ == path.stem:
                yield "test_%s_%s" % (path.stem, name.lower()), what


class ZooTest(unittest.TestCase):
    """One bridge; what each PBX does, nobody else notices."""

    @classmethod
    def setUpClass(cls):
        state = plan.state_dir()
        tls = pki.ensure(state)
        cls.pbxs = {name: what(number)
                    for number, (name, what) in enumerate(scripts())}
        for pbx in cls.pbxs.values():
            pbx.open()
            cls.addClassCleanup(pbx.close)
        cls.bridge = Bridge(
            state, [pbx.pbx() for pbx in cls.pbxs.values()],
            [user for pbx in cls.pbxs.values() for user in pbx.people],
            "bridge-zoo", dns=None,
            teams="{address: %s}" % zoo.BRIDGE,
            sip="{address: %s, udp_port: 5060, tcp_port: 5060, "
                "tls_port: 5062, certificate: %s, key: %s}" % (
                    zoo.BRIDGE, tls / "bridge-pbx-side-chain.pem",
                    tls / "bridge-pbx-side.key"))
        cls.addClassCleanup(cls.stop_bridge)
        for pbx in cls.pbxs.values():
            pbx.bridge = cls.bridge
        cls.bridge.start(sanitizer.env())

    def test_the_report_has_the_worst_first(self):
        """As text, JSON, CSV and HTML, and all users are in it."""
        evicted = self.pbxs["test_evicts_the_newest_evicts"]
        evicted.failing()
        report = json.loads(self.bridge.command("report", "registrations",
                                                "--json"))
        ranks = ["failing lagging queued registered off".split().index(
            row["state"]) for row in report["users"]]
        self.assertEqual(ranks, sorted(ranks))
        self.assertEqual(ranks[0], 0)
        self.assertEqual(sum(pbx["users"] for pbx in report["pbxs"]),
                         len(ranks))
        for total in report["pbxs"]:
            self.assertEqual(total["users"], sum(
                row["pbx"] == total["pbx"] for row in report["users"]))
        rows = list(csv.DictReader(io.StringIO(self.bridge.command(
            "report", "registrations", "--csv"))))
        self.assertEqual(len(rows), len(ranks))
        self.assertIn("10.9.8.7", next(
            row["advice"] for row in rows if row["pbx"] == evicted.name))
        page = self.bridge.command("report", "registrations", "--html")
        self.assertGreaterEqual(page.count("<tr"), 3 + len(report["pbxs"])
                                + len(ranks))
        self.assertNotIn("<sip:", page)
        self.assertIn(evicted.people[0].upn,
                      self.bridge.command("report", "registrations"))

    def test_the_report_tells_what_was_lost(self):
        """Who is red since it was green, and those that never were."""
        fell = self.pbxs["test_asks_for_life_falls"]
        fell.failing(55)

        def lost():
            report = json.loads(self.bridge.command(
                "report", "registrations", "--json", "--since", "1h"))
            mine = [each for each in report["outages"]
                    if each["upn"] == fell.people[0].upn]
            return mine and mine[0]["to_s"] == 0 and (report, mine)
        report, mine = wait_for(lost, 10, "the outage in the report", 0.3)
        self.assertEqual(len(mine), 1)
        self.assertIn("No response", mine[0]["reason"])
        row = next(row for row in report["users"]
                   if row["upn"] == fell.people[0].upn)
        self.assertEqual(row["outages"], 1)
        self.assertEqual(row["outage_s"], row["longest_s"])
        times = [each["from_s"] for each in report["outages"]]
        self.assertTrue(times)
        text = self.bridge.command("report", "registrations")
        self.assertIn("LOST AT", text)
        self.assertIn("lasts", text)
        page = self.bridge.command("report", "registrations", "--html")
        self.assertIn("Lost registrations", page)

    def test_why_shows_the_last_exchange(self):
        """With the reason, and without anything of the password."""
        pbx = self.pbxs["test_refuses_a_newcomer_refuses"]
        pbx.failing()
        for name in (pbx.people[0].upn, pbx.people[0].number,
                     "%d@%s" % (pbx.people[0].extension, zoo.DOMAIN)):
            text = self.bridge.command("why", name)
            for part in ("too many phones", "SIP/2.0 401 Unauthorized",
                         "403 Too Many Registrations"):
                self.assertIn(part, text)
            self.assertEqual(text.count("REGISTER sip:"), 2)
            self.assertNotRegex(text, 'response="[0-9a-f]')
        self.assertIn("no user", self.bridge.command("why", "nobody",
                                                     good=(2,)))

    @classmethod
    def stop_bridge(cls):
        sanitizer.judge(cls.bridge.stop(), cls.bridge.process)


def add(name, what):
    def test(self):
        self.pbxs[name].check(self)
        self.assertTrue(self.bridge.process.running(),
                        self.bridge.process.tail(30))
    test.__doc__ = what.__doc__
    setattr(ZooTest, name, test)


for each in scripts():
    add(*each)

# All of them are under way at once: who takes half a minute is looked at last.
SLOW = ("test_asks_for_life_falls", "test_bans_silently_bans",
        "test_takes_subscriptions_takes",
        "test_the_report_tells_what_was_lost")


def load_tests(loader, _tests, _pattern):
    """The tests of the zoo in the order in which their PBXs come to an end."""
    names = sorted(loader.getTestCaseNames(ZooTest), key=SLOW.__contains__)
    return unittest.TestSuite([unittest.TestSuite(map(ZooTest, names))])
