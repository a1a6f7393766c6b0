"""Test plans as they are run, against real PBXs and real phones."""

import json
import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from support import BridgeTest, Pbx, User, deadline, plan

SECRET = re.compile(r"secret-\d|inline:(?!x)|response=.{0,6}[0-9a-f]{8}")
TIMES = "1"                     # percent of the talking times


def phone(number, **more):
    """A telephone of the roster."""
    return {"kind": "phone", "number": number, **more}


def carrier(number, last):
    """The far end of Asterisk's trunk; its last octet ends its number."""
    return phone(number, registers=False, address="127.0.0.%d:5060" % last)


def user(extension):
    return {"kind": "teams", "number": plan.user_number(extension),
            "extension": str(extension)}


class PlanTest(BridgeTest):
    """Runs `callbridge test run` beside the lab's bridge and teams-sim."""

    def setUp(self):
        super().setUp()
        self.folder = Path(tempfile.mkdtemp(prefix="plan-",
                                            dir=self.lab.state))

    def roster(self, **actors):
        """Write a roster; JSON is YAML."""
        path = Path(tempfile.mkdtemp(dir=self.folder)) / "roster.yaml"
        path.write_text(json.dumps({
            "roster": "lab",
            "teams": {"control": str(self.teams.socket),
                      "fqdn": plan.TENANT_FQDN},
            "pbx": {"sip_domain": plan.ASTERISK, "protocol": "udp"},
            **actors}))
        return path

    def start(self, roster, *words, times=TIMES):
        """Start a run; (process, folder of its reports)."""
        out = Path(tempfile.mkdtemp(prefix="run-", dir=self.folder))
        env = dict(os.environ, TMPDIR=str(out), **self.lab.env)
        process = subprocess.Popen(
            [str(word) for word in (
                plan.program("callbridge"), "--socket", self.bridge.socket,
                "test", "run", "--roster", roster, "--times", times,
                "--json", out / "r.json", "--html", out / "r.html",
                "--junit", out / "r.xml", "--folder", out / "work",
                *words)],
            stdin=subprocess.DEVNULL, stdout=(out / "text").open("w"),
            stderr=subprocess.STDOUT, env=env)
        self.addCleanup(process.kill)
        return process, out

    def end(self, started, status=0):
        """Wait for a run to end; its report."""
        process, out = started
        process.wait()
        text = (out / "text").read_text()
        self.assertEqual(process.returncode, status, text)
        report = json.loads((out / "r.json").read_text())
        ElementTree.parse(out / "r.xml")
        page = (out / "r.html").read_text()
        for text in (page, (out / "r.json").read_text()):
            self.assertFalse(SECRET.search(text), SECRET.search(text))
        report["text"], report["page"] = text, page
        return report

    def cases(self, report):
        return {case["id"]: case for each in report["plans"]
                for case in each["cases"]}

    def all_passed(self, report, skipped=()):
        verdicts = {name: case["verdict"]
                    for name, case in self.cases(report).items()}
        self.assertEqual({name: verdict for name, verdict in
                          verdicts.items() if verdict != "passed"},
                         {name: "skipped" for name in skipped},
                         report["text"])
        self.assertTrue(verdicts)


class AtAsterisk(PlanTest):
    """Every plan of the house, several at once on users and telephones that
    have nothing to do with each other."""

    pbxs = (Pbx(), Pbx("quick", registration="{expires: 60s, "
                                             "refresh_at: 25%}"))
    users = (*(User(x, "U%d" % x) for x in (2001, 2002, 2003, 2004, 2005)),
             User(2006, "U2006", pbx="quick"))

    @staticmethod
    def desk(number):
        """A telephone that is an extension of the PBX."""
        extension = 1000 + number
        return phone(str(extension), extension=str(extension),
                     sip_password=plan.secret(extension), dials="extension",
                     outside_line_prefix="9",
                     address="127.0.0.%d" % (20 + number))

    def outside(self):
        return self.roster(
            user_a=user(2001), user_b=user(2002),
            external=carrier("+441632960031", 31),
            external_2=carrier("+493055500032", 32))

    def inside(self):
        return self.roster(
            user_a=user(2003), user_b=user(2004), nobody="6004",
            external=self.desk(1), external_2=self.desk(2))

    def setUp(self):
        super().setUp()
        self.teams.control.command("set", no_answer_ms=3000)
        self.addCleanup(self.teams.control.command, "set",
                        no_answer_ms=60000)

    @deadline(150)
    def test_every_plan_passes(self):
        outside = self.start(self.outside(), "confidence", "single-calls",
                             "multiple-calls", "caller-id")
        inside = self.start(self.inside(), "transfers", "hold", "dtmf",
                            "failures", "registration", "mwi")
        long = self.start(self.roster(
            user_a=user(2005), external=carrier("+441632960033", 33)),
            "long-call", "load")
        quick = self.start(self.roster(user_a=user(2006),
                                       external=self.desk(3)),
                           "registration", "--case", "renewed")
        report = self.end(quick)
        self.all_passed(report)
        step = self.cases(report)["renewed"]["steps"][1]
        self.assertIn("registered anew", step["observed"])
        self.all_passed(self.end(long))
        report = self.end(inside)
        self.all_passed(report, skipped=("message",))
        step = self.cases(report)["wrong-password"]["steps"][0]
        self.assertIn("401", step["observed"])
        report = self.end(outside)
        self.all_passed(report)
        self.assertIn("1 % of what the plans say", report["page"])
