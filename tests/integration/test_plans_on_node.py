"""Tests that the service runs, from the command line of another machine."""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from support import plan, site, wait_for
from test_portal_runs import RunTest, Stream, a_person

PORT = 18444


class Command:
    """`callbridge` as it is typed: what it has said so far, and keys."""

    def __init__(self, env, *words):
        self.process = subprocess.Popen(
            [str(plan.program("callbridge")), *map(str, words)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=env)
        self.text = ""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while got := os.read(self.process.stdout.fileno(), 65536):
            self.text += got.decode()

    def wait_text(self, words):
        wait_for(lambda: words in self.text, 40, lambda: "%r in: %s" % (
            words, self.text), 0.05)

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def end(self):
        """Wait for the end; its exit status."""
        wait_for(lambda: self.process.poll() is not None, 60,
                 lambda: "its end: " + self.text, 0.05)
        status = self.process.returncode
        self.reader.join(20)
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.reader.join(20)
        self.process.stdout.close()


class Elsewhere(RunTest):
    """By URL and token, as a customer's own admin."""

    node = {"portal": "{port: %d}" % PORT}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        answer = cls.local.post("/tokens", {
            "name": "laptop", "role": "tenant-admin", "tenant": "contoso"})
        cls.env = dict(os.environ, **site().env,
                       CALLBRIDGE_URL="http://127.0.0.1:%d" % PORT,
                       CALLBRIDGE_TOKEN=answer.json["token"])
        cls.folder = Path(tempfile.mkdtemp(prefix="on-node-",
                                           dir=site().state))

    def setUp(self):
        super().setUp()
        self.addCleanup(self.end_all)

    def command(self, *words):
        command = Command(self.env, *words)
        self.addCleanup(command.close)
        return command

    def said(self, *words, status=0):
        command = self.command(*words)
        self.assertEqual(command.end(), status, command.text)
        return command.text

    def run_of(self, command):
        """The test that a command has begun."""
        command.wait_text(" of hq at contoso")
        return re.search(r"test (\w+) of hq", command.text).group(1)

    def test_a_plan_is_run_there_and_its_report_fetched(self):
        text = self.said(
            "test", "run", "--on-node", "--case", "registered,to-pstn",
            "--times", "1", "--html", self.folder / "r.html", "--json",
            self.folder / "r.json", "--junit", self.folder / "r.xml")
        self.assertIn("ok   audio flows both ways between user_a and "
                      "external", text)
        self.assertIn("passed: 2 passed, 0 failed", text)
        report = json.loads((self.folder / "r.json").read_text())
        self.assertEqual(report["verdict"], "passed")
        ElementTree.parse(self.folder / "r.xml")
        page = (self.folder / "r.html").read_text()
        links = re.findall(r'"(report-captures/[^"]+)"', page)
        self.assertTrue(links)
        for link in links:
            self.assertEqual((self.folder / link).read_bytes()[:4],
                             b"\n\r\r\n")
        listed = self.said("test", "list", "--on-node")
        run = re.search(r"passed +(\w{32}) .*contoso +hq", listed).group(1)
        # whoever was away looks at it later
        self.assertIn("passed: 2 passed", self.said(
            "test", "watch", run, "--json", self.folder / "again.json"))
        self.assertEqual(json.loads((self.folder / "again.json")
                                    .read_text()), report)

    def test_what_passed_is_taken_over(self):
        begun = self.command("test", "run", "--on-node", "--case",
                             "to-pstn", "--times", "1", "--json",
                             self.folder / "begun.json")
        run = self.run_of(begun)
        self.assertEqual(begun.end(), 0, begun.text)
        # by its id: its captures come along
        text = self.said("test", "run", "--on-node", "--case",
                         "registered,to-pstn", "--resume", run, "--html",
                         self.folder / "more.html")
        self.assertIn("taken over from the earlier run", text)
        self.assertNotIn("audio flows", text)
        self.assertIn("passed: 2 passed, 0 failed", text)
        links = re.findall(r'"(report-captures/[^"]+)"',
                           (self.folder / "more.html").read_text())
        self.assertTrue(links)
        for link in links:
            self.assertEqual((self.folder / link).read_bytes()[:4],
                             b"\n\r\r\n")
        # a report from anywhere has none of them, and no links to them
        text = self.said("test", "run", "--on-node", "--case",
                         "registered,to-pstn", "--resume",
                         self.folder / "begun.json", "--html",
                         self.folder / "file.html")
        self.assertIn("taken over from the earlier run", text)
        self.assertNotIn("report-captures/",
                         (self.folder / "file.html").read_text())

    def test_a_plan_of_ones_own_goes_along(self):
        good, bad = self.folder / "lunch.yaml", self.folder / "bad.yaml"
        good.write_text(
            "plan: lunch\ntitle: At noon\ncases:\n"
            "  - {id: a, title: A, tags: [daily],"
            " steps: [user_a is registered within 60s]}\n"
            "  - {id: b, title: B, tags: [weekly],"
            " steps: [user_b is registered within 60s]}\n")
        text = self.said("test", "run", "--on-node", "--tag", "daily",
                         "--json", self.folder / "lunch.json", good)
        self.assertIn("ok   user_a is registered within 60s", text)
        self.assertIn("passed: 1 passed, 0 failed", text)
        report = json.loads((self.folder / "lunch.json").read_text())
        self.assertEqual([(plan_["plan"], len(plan_["cases"]))
                          for plan_ in report["plans"]], [("lunch", 1)])
        self.assertIn(" lunch", self.said("test", "list", "--on-node"))
        self.assertIn('did you mean "daily"?', self.said(
            "test", "run", "--on-node", "--tag", "dayly", good, status=2))
        # what is wrong with one is told as here
        bad.write_text(good.read_text().replace("is registered within",
                                                "is registred within")
                       + "  - {id: a, step: []}\n")
        lint = self.said("test", "lint", bad, status=2).splitlines()
        self.assertRegex(lint[-1], r"^callbridge: \d errors$|^\d errors$")
        self.assertGreater(len(lint), 4)
        told = self.said("test", "run", "--on-node", bad,
                         status=2).splitlines()
        self.assertEqual(told, lint[:-1])
        # what the service has in its environment it keeps to itself
        bad.write_text("plan: p\ntitle: !env PATH\ncases: []\n")
        self.assertEqual(self.said("test", "run", "--on-node", bad, status=2),
                         "%s:2:8: title: want the value itself: !env is not"
                         " read from a text that was sent\n" % bad)
        bad.write_text("#" * 70000)
        self.assertIn("want a plan of at most", self.said(
            "test", "run", "--on-node", bad, status=2))

    def test_many_cases_with_long_names_are_chosen(self):
        long = self.folder / "long.yaml"
        names = ["%02d-%s" % (number, "x" * 60) for number in range(32)]
        long.write_text("plan: long\ntitle: Long\ncases:\n" + "".join(
            "  - {id: %s, title: T, steps: [user_a is registered within"
            " 60s]}\n" % name for name in names))
        self.assertIn("passed: 32 passed, 0 failed", self.said(
            "test", "run", "--on-node", "--case", ",".join(names), long))

    def test_a_person_is_asked_here_and_may_answer_there(self):
        self.who_plays(external=a_person("Eve"))
        command = self.command("test", "run", "--on-node", "--tenant",
                               "contoso", "--pbx", "hq", "--case",
                               "to-pstn", "--times", "1")
        run = self.run_of(command)
        stream = Stream(self.bridge, run)
        command.wait_text("s leaves it out]")
        command.type("s the display is broken")
        self.assertEqual(stream.wait("step-end", verdict="skipped")["note"],
                         "the display is broken")
        self.assertEqual(command.end(), 1, command.text)
        self.assertIn("failed: 0 passed, 1 failed", command.text)
        command = self.command("test", "run", "--on-node", "--case",
                               "to-pstn", "--times", "1")
        stream = Stream(self.bridge, self.run_of(command))
        asked = stream.wait("question")
        self.assertEqual(self.local.post(
            "/test-runs/%s/answer" % self.run_of(command),
            {"answer": "fail", "question": asked["question"]}).code, 200)
        self.assertEqual(command.end(), 1, command.text)
        self.assertIn("(answered elsewhere)", command.text)

    def test_it_is_stopped_from_here(self):
        self.assertIn("no test runs", self.said("test", "stop", status=2))
        command = self.command("test", "run", "--on-node", "--case",
                               "to-pstn")
        command.wait_text("ok   audio flows both ways between user_a and "
                          "external")
        command.process.send_signal(signal.SIGINT)
        self.assertEqual(command.end(), 2, command.text)
        self.assertIn("stopped by laptop", command.text)
        self.all_hung_up()
        run, stream = self.begin(times=100)
        watching = self.command("test", "watch")
        stream.wait("step-end", verdict="passed")
        self.assertIn(run, self.said("test", "stop"))
        self.assertEqual(watching.end(), 2, watching.text)
        self.assertIn("stopped by laptop", watching.text)

    def test_what_is_not_there_is_told(self):
        for words, told in (
                (("watch", "none"), "none of this name"),
                (("run", "--on-node", "--roster", "x"),
                 "--roster does not go with --on-node"),
                (("run", "--pbx", "hq"), "--pbx goes only with --on-node"),
                (("run", "--on-node", "confidance"),
                 'did you mean "confidence"?'),
                (("run", "--on-node", "no/such.yaml"),
                 "no/such.yaml: No such file"),
                (("run", "--on-node", "--resume", "none"),
                 "contoso has no test none"),
                (("run", "--on-node", "--pbx", "no"), "no")):
            self.assertIn(told, self.said("test", *words, status=2))

    def test_readiness_of_users_of_a_customer_file(self):
        text = self.said("readiness", "--on-node", "--user",
                         "a@contoso.example", "--user-2",
                         "b@contoso.example")
        self.assertRegex(text, r"pass +Two users from one address")
        self.assertNotRegex(text, r"secret-\d")
        self.assertIn(": ready", text)
        report = json.loads(self.said("readiness", "--on-node", "--json"))
        self.assertIn("The PBX answers",
                      [row["title"] for row in report["findings"]])
