"""Test plans as they are run, against real PBXs and real phones."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from support import (BridgeTest, LabTest, Pbx, User, deadline, plan,
                     wait_for)

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

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.drop_phones()

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
        self.addCleanup(self.stop, process)
        return process, out

    @staticmethod
    def stop(process):
        """A run that is still under way hangs up and takes its telephones
        along; who is killed leaves them behind."""
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def end(self, started, status=0):
        """Wait for a run to end; its report."""
        process, out = started
        process.wait()
        text = (out / "text").read_text()
        self.assertEqual(process.returncode, status, text)
        report = json.loads((out / "r.json").read_text())
        ElementTree.parse(out / "r.xml")
        page = (out / "r.html").read_text()
        for each in (page, (out / "r.json").read_text()):
            self.assertFalse(SECRET.search(each), SECRET.search(each))
        report["text"], report["page"] = text, page
        report["junit"] = (out / "r.xml").read_text()
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


class EveryPlan(PlanTest):
    """Every plan of the house, several at once on users and telephones that
    have nothing to do with each other."""

    pbxs = (Pbx(), Pbx("quick", registration="{expires: 60s, "
                                             "refresh_at: 25%}"),
            Pbx("kam", sip_domain=plan.KAMAILIO_DOMAIN,
                sip_proxy=plan.KAMAILIO + ":5060",
                outside_line_prefix=None))
    users = (*(User(x, "U%d" % x) for x in (2001, 2002, 2003, 2004, 2005)),
             User(2006, "U2006", pbx="quick"),
             *(User(x, "K%d" % x, number="+44207946%d" % x, pbx="kam")
               for x in (2101, 2102)))
    needs = ("dns", "asterisk", "kamailio", "teams")

    # A proxy carries signalling from end to end, and plays no music.
    PROXY = ("registered to-pstn to-extension from-pstn-a from-pstn-b "
             "transfer-out single-incoming-2 single-outgoing-2 two-incoming "
             "two-outgoing from-teams to-teams busy-outside "
             "rejected-in-teams caller-gives-up granted again "
             "wrong-password").split()

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
            user_a={**user(2003), "mailbox": "6030"},
            user_b=user(2004), nobody="6004",
            external=self.desk(1), external_2=self.desk(2))

    def proxy(self):
        def at(extension):
            return {"kind": "teams", "extension": str(extension),
                    "number": "+44207946%d" % extension}

        def inside(extension):
            return phone(str(extension), extension=str(extension),
                         sip_password=plan.secret(extension),
                         dials="extension")
        return self.roster(
            pbx={"sip_domain": plan.KAMAILIO_DOMAIN,
                 "sip_proxy": plan.KAMAILIO + ":5060"},
            user_a=at(2101), user_b=at(2102), external=inside(1103),
            external_2=inside(1104))

    def held(self):
        """A plan of its own: a proxy passes the hold on to the phone, whose
        recording ends then."""
        path = self.folder / "held.yaml"
        path.write_text(
            "plan: held\ntitle: Held\ncases:\n  - id: held\n"
            "    title: Held\n    steps:\n      - " + "\n      - ".join((
                "external dials user_a.number",
                "user_a rings within 10s", "user_a answers",
                "audio flows both ways between user_a and external",
                "user_a holds", "external speaks for 2s", "user_a resumes",
                "audio flows both ways between user_a and external")))
        return path

    def without_music(self, report):
        """A proxy plays none, and that is found and named."""
        steps = self.cases(report)["hangs-up-held"]["steps"]
        failed = [step for step in steps if step["verdict"] == "failed"]
        self.assertEqual([step["step"] for step in failed],
                         ["external hears music"])
        self.assertIn("pbx.media.hold", failed[0]["advice"])
        self.assertIn("not tried", steps[-1]["observed"])

    def setUp(self):
        super().setUp()
        self.teams.control.command("set", no_answer_ms=3000)
        self.addCleanup(self.teams.control.command, "set",
                        no_answer_ms=60000)

    @deadline(150)
    def test_every_plan_passes(self):
        outside = self.start(self.outside(), "confidence", "single-calls",
                             "multiple-calls", "caller-id")
        inside = self.start(self.inside(), "dtmf", "transfers", "hold",
                            "failures", "registration", "mwi")
        long = self.start(self.roster(
            user_a=user(2005), external=carrier("+441632960033", 33)),
            "long-call", "load")
        quick = self.start(self.roster(user_a=user(2006),
                                       external=self.desk(3)),
                           "registration", "--case", "renewed")
        proxy = self.start(
            self.proxy(), "dtmf", "confidence", "single-calls",
            "multiple-calls", "failures", "registration", "--case",
            ",".join(self.PROXY))
        report = self.end(quick)
        self.all_passed(report)
        step = self.cases(report)["renewed"]["steps"][1]
        self.assertIn("registered anew", step["observed"])
        self.all_passed(self.end(proxy))
        held = self.end(self.start(self.proxy(), self.held()))
        self.all_passed(held)
        self.assertIn("external gets packets (not listened to",
                      self.cases(held)["held"]["steps"][-1]["observed"])
        self.without_music(self.end(self.start(
            self.proxy(), "hold", "--case", "hangs-up-held"), status=1))
        self.all_passed(self.end(long))
        report = self.end(inside)
        self.all_passed(report)
        step = self.cases(report)["wrong-password"]["steps"][0]
        self.assertIn("401", step["observed"])
        report = self.end(outside)
        self.all_passed(report)
        self.assertIn("1 % of what the plans say", report["page"])


class Runs(PlanTest):
    """What a person does with a run."""

    def small(self):
        return self.roster(user_a=user(2001), user_b=user(2002),
                           external=carrier("+441632960031", 31))

    def wait_text(self, out, words):
        """Wait until a run has said something."""
        return wait_for(lambda: words in (out / "text").read_text(), 20,
                        lambda: (out / "text").read_text(), 0.05)

    def test_a_telephone_that_cannot_start_says_why(self):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.35", 5060))
            other.listen()
            process, out = self.start(
                self.roster(user_a=user(2001), user_b=user(2002),
                            external=carrier("+441632960031", 35)),
                "confidence")
            process.wait()
            text = (out / "text").read_text()
            self.assertEqual(process.returncode, 2, text)
            self.assertRegex(text, "external: baresip does not run: .*"
                                   "Address already in use")

    def test_ctrl_c_hangs_up_and_the_rest_is_done_later(self):
        roster = self.small()
        cases = ("confidence", "--case", "registered,to-pstn")
        process, out = self.start(roster, *cases, times="100")
        self.wait_text(out, "ok   audio flows both ways between user_a and "
                            "external")
        process.send_signal(signal.SIGINT)
        report = self.end((process, out), status=2)
        self.assertEqual(report["verdict"], "stopped")
        self.assertEqual(self.cases(report)["to-pstn"]["verdict"],
                         "stopped")
        self.all_hung_up()
        report = self.end(self.start(roster, *cases, "--resume",
                                     out / "r.json"))
        self.all_passed(report)
        self.assertIn("taken over from the earlier run", report["text"])

    def test_rounds_and_comparing(self):
        roster = self.small()
        good = self.start(roster, "caller-id", "--case", "outgoing",
                          "--repeat", "2")
        report = self.end(good)
        self.assertEqual([case["round"] for case in
                          report["plans"][0]["cases"]], [1, 2])
        self.assertIn("round 2 of 2", report["text"])
        bad = self.roster(user_a=user(2001), external=carrier("6004", 31))
        failed = self.start(bad, "caller-id", "--case", "outgoing",
                            "--repeat", "2")
        report = self.end(failed, status=1)
        step = self.cases(report)["outgoing"]["steps"][1]
        self.assertIn("no call came: user_a was refused: 404",
                      step["observed"])
        self.assertIn("pbx.outside_line_prefix", step["advice"])
        self.assertIn(step["advice"][:40], report["page"])
        text = self.bridge.command("test", "compare", good[1] / "r.json",
                                   failed[1] / "r.json", good=(1,))
        self.assertIn("worse   caller-id/outgoing: failed, was passed: "
                      "external rings within 10s showing user_a.number",
                      text)
        self.assertIn("2 worse", text)
        self.bridge.command("test", "compare", failed[1] / "r.json",
                            good[1] / "r.json")

    def test_what_cannot_be_run_is_told(self):
        roster = self.small()
        for words, told in (
                (("confidence", "--case", "to-ptsn"),
                 'the case "to-ptsn": did you mean "to-pstn"?'),
                (("confidance",), 'did you mean "confidence"?'),
                (("hold", "--tag", "holt"), 'did you mean "hold"?'),
                (("hold", "--times", "0"), "--times: want 1..100"),
                (("hold", "--resume", roster), "roster.yaml")):
            process, out = self.start(roster, *words)
            self.assertEqual(process.wait(), 2)
            self.assertIn(told, (out / "text").read_text())

    def test_people_are_told_what_to_do_and_watched(self):
        """user_a is in "real" Teams, external is a telephone of ours."""
        person = self.people["A"]
        roster = self.roster(
            user_a={"kind": "human", "name": "Ann",
                    "number": person.number, "extension": "2001"},
            external=carrier("+441632960031", 31))
        call = {}

        def act(text):
            if "answer the call" in text:
                call["call"] = person.wait_ringing()
                call["call"].answer()
                person.begin()
            if "put the call on hold" in text:
                call["call"].hold()
        person.begin()
        report = self.talk_to(roster, act, "hold", "--case",
                              "hangs-up-held")
        self.assertEqual(self.cases(report)["hangs-up-held"]["verdict"],
                         "passed", report["text"])
        self.assertIn("In Teams, as Ann: answer the call",
                      report["text"])

    def talk_to(self, roster, act, *words):
        """Run, and do what the run asks for; its report."""
        out = Path(tempfile.mkdtemp(prefix="run-", dir=self.folder))
        process = subprocess.Popen(
            [str(word) for word in (
                plan.program("callbridge"), "--socket", self.bridge.socket,
                "test", "run", "--roster", roster, "--times", TIMES,
                "--json", out / "r.json", "--folder", out / "work",
                *words)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, TMPDIR=str(out), **self.lab.env))
        self.addCleanup(process.kill)
        text = ""
        with process.stdout, process.stdin:
            while True:
                got = os.read(process.stdout.fileno(), 65536).decode()
                if not got:
                    break
                text += got
                asked = text.rpartition(">> ")[2]
                if ">> " in text and asked.rstrip().endswith("]"):
                    act(asked)
                    process.stdin.write(b"y\n")
                    process.stdin.flush()
                    text = text.replace(">> ", "-> ")
        process.wait()
        report = json.loads((out / "r.json").read_text())
        report["text"] = text
        return report


class Newcomer(LabTest):
    """From `callbridge test init` to a page, with nothing but a PBX."""

    ANSWERS = {
        "site": "branch", "sip_domain": plan.ASTERISK,
        "outside_line_prefix": "9", "nobody": "6004",
        "user_a": {"number": "+442079460201", "extension": "2001",
                   "password": plan.secret(2001)},
        "user_b": {"number": "+442079460202", "extension": "2002",
                   "password": plan.secret(2002)},
        "external": {"kind": "extension", "number": "1001",
                     "extension": "1001", "password": plan.secret(1001)},
        "external_2": {"kind": "trunk", "number": "+441632960033",
                       "address": "127.0.0.33:5060"}}

    def setUp(self):
        super().setUp()
        self.site.need("asterisk")
        self.folder = Path(tempfile.mkdtemp(prefix="newcomer-",
                                            dir=self.site.state))

    def callbridge(self, *words, status=0, answers=""):
        done = subprocess.run(
            [str(plan.program("callbridge")), *map(str, words)],
            cwd=self.folder, input=answers, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
            env=dict(os.environ, **self.site.env))
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def test_from_questions_to_a_page(self):
        (self.folder / "answers.yaml").write_text(json.dumps(self.ANSWERS))
        self.callbridge("test", "init", "--answers", "answers.yaml")
        wanted = self.folder / "callbridge-test"
        self.callbridge("check", wanted / "customer.yaml")
        self.assertEqual((wanted / "roster.yaml").stat().st_mode & 0o77, 0)
        self.callbridge("test", "init", "--answers", "answers.yaml",
                        status=2)
        text = self.callbridge(
            "test", "run", "confidence", "caller-id", "--times", "1",
            "--roster", "callbridge-test/roster.yaml", "--html", "r.html",
            "--case", "registered,to-extension,transfer-out,incoming")
        self.assertIn("passed: 4 passed, 0 failed", text)
        page = (self.folder / "r.html").read_text()
        self.assertIn("Test of branch", page)
        captures = list((self.folder / "r-captures").iterdir())
        self.assertTrue(captures)
        for capture in captures:
            self.assertIn("r-captures/" + capture.name, page)
            self.assertEqual(capture.read_bytes()[:4], b"\n\r\r\n")

    def test_the_questions_can_be_answered_at_the_terminal(self):
        lines = ["branch", "", plan.ASTERISK, "", "", "", "", "9", "",
                 "6004",
                 "+442079460201", "2001", "", "", "secret",
                 "+442079460202", "2002", "", "", "secret",
                 "phone", "extension", "1001", "1001", "", "", "secret",
                 "person", "+441632960031", ""]
        text = self.callbridge("test", "init", answers="\n".join(lines))
        self.assertIn("want one of extension, trunk, person", text)
        roster = (self.folder / "callbridge-test/roster.yaml").read_text()
        self.assertIn("kind: human", roster)
        self.callbridge("check", self.folder
                        / "callbridge-test/customer.yaml")
