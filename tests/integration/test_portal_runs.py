"""Tests of a PBX that are begun and watched from the portal."""

import http.client
import json
import os
import re
import signal
import threading
import time
import xml.etree.ElementTree as ElementTree

from support import BridgeTest, plan, site, wait_for
from portal import Client, UnixConnection

from lab import postgres

SECRET = re.compile(r"secret-\d|phone-s3cret")
PBX = "/tenants/contoso/pbxs/hq"


class Stream(threading.Thread):
    """Reads what a test tells, as a browser does."""

    def __init__(self, bridge, run, since=None):
        super().__init__(daemon=True)
        self.connection = UnixConnection(bridge.socket)
        self.connection.timeout = 120
        self.connection.request(
            "GET", "/api/v1/test-runs/%s/events" % run,
            headers={"Last-Event-ID": str(since)} if since else {})
        self.response = self.connection.getresponse()
        self.events = []        # in order, with their id
        self.start()

    def run(self):
        number = None
        try:
            for line in self.response:
                word, _, rest = line.decode().strip().partition(": ")
                if word == "id":
                    number = int(rest)
                elif word == "data":
                    self.events.append({"id": number, **json.loads(rest)})
        except (OSError, http.client.HTTPException):
            pass                # the service was killed

    def wait(self, name, deadline_s=40, **members):
        """Wait for an event that has these members."""
        def found():
            return next((event for event in list(self.events)
                         if event["event"] == name and all(
                             event.get(key) == value
                             for key, value in members.items())), None)
        return wait_for(found, deadline_s, lambda: "%s %s, but: %s" % (
            name, members, self.events), 0.05)


def a_person(name):
    """Somebody at a telephone. It rings within the PBX: what Asterisk sends
    to a carrier's address where nobody is it repeats for half a minute, and
    the next test's telephone there would take it for a call of its own."""
    return {"kind": "human", "name": name, "number": "6001"}


class RunTest(BridgeTest):
    """The lab's bridge, with its users in teams-sim."""

    tests = "at_once: 1"

    @classmethod
    def setUpClass(cls):
        site().need("teams")
        cls.node = {**cls.node, "tests": "{%s, teams_sim: %s}" % (
            cls.tests, site().teams.socket)}
        super().setUpClass()
        cls.lab.drop_phones()
        cls.local = Client(cls.bridge, by_socket=True)

    def setUp(self):
        super().setUp()
        self.who_plays(external={
            "kind": "phone", "number": "+441632960031", "registers": False,
            "address": "127.0.0.31:5060", "sip_password": "phone-s3cret"})

    def running(self):
        return [row["id"] for row in
                self.local.get("/test-runs").json["test_runs"]
                if row["verdict"] == "running"]

    def end_all(self):
        """A test that failed leaves none running for the next one."""
        for run in self.running():
            self.local.post("/test-runs/%s/stop" % run)
        wait_for(lambda: not self.running(), 60, "all tests to end", 0.1)

    def who_plays(self, **more):
        """Say who plays whom."""
        answer = self.local.put(PBX + "/testers", {
            "user_a": {"kind": "teams", "upn": "a@contoso.example"},
            "user_b": {"kind": "teams", "upn": "b@contoso.example"},
            **more})
        self.assertIn(answer.code, (200, 201), answer)
        return answer.json

    def begin(self, plans=("confidence",), cases=("to-pstn",), times=1,
              **more):
        """Begin a test; its id and its stream."""
        answer = self.local.post(PBX + "/test-runs", {
            "plans": list(plans), "cases": list(cases), "times": times,
            **more})
        self.assertEqual(answer.code, 201, answer)
        self.assertEqual(answer.headers["Location"],
                         "/api/v1/test-runs/" + answer.json["id"])
        self.addCleanup(self.local.post, "/test-runs/%s/stop"
                        % answer.json["id"])
        return answer.json["id"], Stream(self.bridge, answer.json["id"])

    def kept(self, run):
        """What is kept of it."""
        found = self.local.get("/test-runs/" + run).json
        self.assertIsNone(found["node"], found)
        for text in (json.dumps(found),
                     self.local.get("/test-runs/%s/report?format=html"
                                    % run).text):
            self.assertFalse(SECRET.search(text), SECRET.search(text))
        return found

    def folders(self):
        """Folders of tests that are not kept yet."""
        path = self.bridge.folder / "state/test-runs"
        return list(path.iterdir()) if path.exists() else []


class Watched(RunTest):
    """From the first step to the report."""

    def test_a_plan_is_watched_and_its_report_is_kept(self):
        key = {"Idempotency_Key": "one-%d" % time.time_ns()}
        order = {"plans": ["confidence"], "cases": ["registered", "to-pstn"],
                 "times": 1}
        answer = self.local.post(PBX + "/test-runs", order, **key)
        self.assertEqual(answer.code, 201, answer)
        run = answer.json["id"]
        stream = Stream(self.bridge, run)
        again = self.local.post(PBX + "/test-runs", order, **key)
        self.assertEqual((again.code, again.json), (201, answer.json))
        busy = self.local.post(PBX + "/test-runs", order)
        self.assertEqual(busy.code, 409, busy)
        found = self.local.get("/test-runs/" + run).json
        self.assertEqual((found["verdict"], found["report"]),
                         ("running", None))
        self.assertEqual(self.local.delete("/test-runs/" + run).code, 409)
        self.assertEqual(self.local.get("/test-runs/%s/report" % run).code,
                         409)

        step = stream.wait("step-end", verdict="passed")
        late = Stream(self.bridge, run)
        rest = Stream(self.bridge, run, since=step["id"])
        self.assertEqual(stream.wait("over")["verdict"], "passed",
                         self.local.get("/test-runs/" + run).text)
        late.wait("over")
        rest.wait("over")
        for each in (stream, late, rest):
            each.join(20)       # it has been ended

        def steps(events):
            return [event for event in events if event["event"] != "wait"]
        self.assertEqual(steps(late.events), steps(stream.events))
        self.assertEqual(steps(rest.events), [
            event for event in steps(stream.events)
            if event["id"] > step["id"]])
        self.check_kept(run)

    def check_kept(self, run):
        found = self.kept(run)
        self.assertEqual((found["verdict"], found["counts"]["passed"],
                          found["pbx"], found["plans"], found["keep"]),
                         ("passed", 2, "hq", ["confidence"], False))
        rows = {row["tenant"] for row in found["report"]["registrations"]}
        self.assertEqual(rows, {"contoso"})
        path = "/test-runs/%s/" % run
        page = self.local.get(path + "report?format=html")
        self.assertIn("Test of hq", page.text)
        self.assertIn("style-src", page.headers["Content-Security-Policy"])
        ElementTree.fromstring(
            self.local.get(path + "report?format=junit").text)
        capture = re.search(r'"(report-captures/[^"]+)"', page.text).group(1)
        self.assertEqual(self.local.get(path + capture).body[:4],
                         b"\n\r\r\n")
        self.assertEqual(self.local.get(
            "/test-runs/compare?old=%s&new=%s" % (run, run)).json["worse"],
            0)
        self.assertEqual(self.local.patch("/test-runs/" + run,
                                          {"keep": True}).code, 200)
        self.assertTrue(self.local.get("/test-runs/" + run).json["keep"])
        self.assertEqual(self.local.get(path + "events").code, 404)
        self.assertEqual(self.local.post(path + "stop").code, 404)
        self.assertEqual(self.folders(), [])
        self.assertEqual(self.local.delete("/test-runs/" + run).code, 204)
        self.assertEqual(self.local.get(path + capture).code, 404)


class Begun(RunTest):
    """What people do with it."""

    def test_a_person_is_asked_and_answers_once(self):
        self.who_plays(external=a_person("Eve"))
        run, stream = self.begin(cases=["to-pstn"])
        asked = stream.wait("question")
        self.assertIn("Eve", asked["text"])
        path = "/test-runs/%s/answer" % run
        for body, code in (({"answer": "maybe", "question": 1}, 422),
                           ({"answer": "pass", "question": 7}, 409),
                           ({"answer": "pass"}, 409),
                           ({"answer": "skip", "note": "a\nb",
                             "question": 1}, 422)):
            self.assertEqual(self.local.post(path, body).code, code, body)
        self.assertEqual(self.local.post(path, {
            "answer": "skip", "question": asked["question"],
            "note": "the display is broken"}).code, 200)
        self.assertEqual(self.local.post(path, {
            "answer": "fail", "question": asked["question"]}).code, 409)
        step = stream.wait("step-end", verdict="skipped")
        self.assertEqual(step["note"], "the display is broken")
        # who did not ring cannot answer
        self.assertEqual(stream.wait("over")["verdict"], "failed")
        found = self.kept(run)
        self.assertEqual(found["verdict"], "failed")
        steps = found["report"]["plans"][0]["cases"][0]["steps"]
        self.assertEqual([step.get("note") for step in steps if
                          step["verdict"] == "skipped"][0],
                         "the display is broken")

    def test_a_test_that_is_stopped_hangs_up(self):
        run, stream = self.begin(times=100)
        stream.wait("step-end", verdict="passed",
                    text="audio flows both ways between user_a and external")
        answer = self.local.post("/test-runs/%s/stop" % run)
        self.assertEqual(answer.code, 202, answer)
        self.assertEqual(stream.wait("over")["verdict"], "stopped")
        self.all_hung_up()
        found = self.kept(run)
        self.assertEqual(found["report"]["error"], "stopped by callbridge")
        self.assertEqual(found["report"]["plans"][0]["cases"][0]["verdict"],
                         "stopped")

    def test_a_service_that_is_killed_leaves_no_test_behind(self):
        run, stream = self.begin(times=100)
        stream.wait("step-end", verdict="passed",
                    text="audio flows both ways between user_a and external")
        self.bridge.process.popen.kill()
        self.bridge.process.popen.wait()
        self.bridge.launch(self.lab.env)
        wait_for(lambda: not self.folders(), 60, "its report to be kept",
                 0.2)
        found = self.kept(run)
        self.assertEqual(found["verdict"], "interrupted")
        self.assertIn("service was stopped", found["report"]["error"])
        self.assertEqual(self.processes(run), [])
        self.lab.teams.wait_trunk_up(tenant=self.trunk)
        self.bridge.wait_registered()
        # Teams saw it go, and that is told of nobody else
        self.violations = len(self.teams.violations())
        run, stream = self.begin()
        self.assertEqual(stream.wait("over")["verdict"], "passed",
                         stream.events)

    def test_a_service_that_is_stopped_lets_a_test_hang_up(self):
        run, stream = self.begin(times=100)
        stream.wait("step-end", verdict="passed",
                    text="audio flows both ways between user_a and external")
        self.assertEqual(self.bridge.stop(), 0)
        self.assertEqual((self.folders(), self.processes(run)), ([], []))
        self.bridge.launch(self.lab.env)
        found = self.kept(run)
        self.assertEqual(found["verdict"], "interrupted")
        case = found["report"]["plans"][0]["cases"][0]
        self.assertEqual(case["verdict"], "stopped")
        self.lab.teams.wait_trunk_up(tenant=self.trunk)
        self.bridge.wait_registered()

    def test_a_test_that_crashes_leaves_no_telephone(self):
        run, stream = self.begin(times=100)
        stream.wait("step-end", verdict="passed",
                    text="audio flows both ways between user_a and external")
        there = self.processes(run)
        self.assertEqual(sorted(words[0].rpartition("/")[2]
                                for _, words in there),
                         ["baresip", "callbridge"], there)
        for pid, words in there:
            if "run" in words:
                os.kill(pid, signal.SIGKILL)
        self.assertEqual(stream.wait("over")["verdict"], "stopped")
        self.assertIn("without a report",
                      self.kept(run)["report"]["error"])
        wait_for(lambda: not self.processes(run), 20,
                 lambda: "nothing to run: %s" % self.processes(run))

    @staticmethod
    def processes(run):
        """What still runs that has to do with a test."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as words:
                    text = words.read().decode(errors="replace")
                text += os.readlink("/proc/%s/cwd" % pid)
            except OSError:
                continue
            if run in text:
                found.append((int(pid), text.split("\0")))
        return found

    def test_what_cannot_be_begun_is_told(self):
        for body, field in (
                ({"plans": ["confidance"]}, "plans"),
                ({"cases": ["to-ptsn"]}, "cases"),
                ({"times": 0}, "times"), ({"no": 1}, "no"),
                ({"kind": "readiness", "users": ["x@y.example"]}, "users")):
            answer = self.local.post(PBX + "/test-runs", body)
            self.assertEqual(answer.code, 422, answer)
            self.assertIn(field, [row["field"]
                                  for row in answer.json["errors"]])
        for path, code in (("/tenants/contoso/pbxs/no", 404),
                           ("/tenants/no/pbxs/hq", 404)):
            self.assertEqual(self.local.post(path + "/test-runs", {}).code,
                             code)
        for value, field in (
                ({"external": {"kind": "teams", "number": "1"}},
                 "external.kind"),
                ({"external": {"kind": "phone", "number": "1;x=y"}},
                 "external.number"),
                ({"external": {"sip_username": "a>;audio_source=x"}},
                 "external.sip_username")):
            answer = self.local.put(PBX + "/testers", value)
            self.assertEqual(answer.code, 422, answer)
            self.assertEqual(answer.json["field"], field)
        self.who_plays(user_a={"kind": "teams", "upn": "z@contoso.example"})
        answer = self.local.post(PBX + "/test-runs", {})
        self.assertEqual((answer.code, answer.json["field"]),
                         (422, "user_a.upn"))
        self.assertEqual(self.local.delete(PBX + "/testers").code, 204)
        answer = self.local.post(PBX + "/test-runs", {})
        self.assertEqual((answer.code, answer.json["field"]),
                         (422, "testers"))

    def test_the_command_line_knows_them_too(self):
        command = self.bridge.command
        command("set", "testers", "contoso", "hq", "external.kind=human",
                "external.name=Eve", "external.sip_password=")
        kept = json.loads(command("get", "testers", "contoso", "hq"))
        self.assertEqual((kept["value"]["external"]["name"],
                          kept["secrets"]), ("Eve", []))
        self.assertIn("to-pstn", command("get", "test-plans"))
        self.assertIn("test_runs", command("get", "test-runs"))
        command("get", "test-run", "none", good=(2,))
        self.assertIn("password", command(
            "explain", "testers.external.sip_password"))
        command("rm", "testers", "contoso", "hq")

    def test_readiness_is_watched(self):
        run, stream = self.begin(kind="readiness", cases=())
        self.assertEqual(stream.wait("over")["verdict"], "passed",
                         stream.events)
        found = self.kept(run)
        titles = [row["title"] for row in found["report"]["findings"]]
        self.assertEqual([event["title"] for event in stream.events
                          if event["event"] == "finding"], titles)
        self.assertIn("The PBX answers", titles)
        page = self.local.get("/test-runs/%s/report?format=html" % run).text
        self.assertIn("Readiness of", page)


    def stored(self):
        """A customer of the store's, with two users who are off."""
        made = [self.local.post("/tenants", {
            "tenant": "acme",
            "teams": {"fqdn": "fabrikam.sbc.example.com"}}),
            self.local.post("/tenants/acme/pbxs", {
                "name": "hq", "template": "asterisk-pjsip", "country": "GB",
                "sip_domain": plan.PBX_NAME,
                "sip_proxy": plan.ASTERISK + ":5060"})]
        made += [self.local.post("/tenants/acme/users", {
            "upn": "u%d@acme.example" % x, "number": plan.user_number(x),
            "pbx": "hq", "sip_username": str(x), "enabled": False,
            "sip_password": plan.secret(x)}) for x in (2003, 2004)]
        for answer in made:
            self.assertEqual(answer.code, 201, answer)
        # Teams does not know this customer, and says so
        self.addCleanup(self.forgive)
        self.addCleanup(self.local.delete, "/tenants/acme")

    def forgive(self):
        self.violations = len(self.teams.violations())

    def test_users_are_ready_by_the_passwords_that_are_kept(self):
        self.stored()
        answer = self.local.post("/tenants/acme/pbxs/hq/test-runs", {
            "kind": "readiness",
            "users": ["u2003@acme.example", "u2004@acme.example"]})
        self.assertEqual(answer.code, 201, answer)
        run = answer.json["id"]
        stream = Stream(self.bridge, run)
        stream.wait("over")
        found = self.kept(run)
        verdicts = {row["check"]: row["verdict"]
                    for row in found["report"]["findings"]}
        for check in ("register", "expiry", "two-users", "call", "media"):
            self.assertEqual(verdicts.get(check), "pass",
                             found["report"]["findings"])


class Several(RunTest):
    """More than one at once, at one PBX."""

    tests = "at_once: 2"

    def test_only_those_who_take_part_are_busy(self):
        run, stream = self.begin(plans=["long-call"], cases=["outgoing"],
                                 times=20)
        stream.wait("step-end", verdict="passed",
                    text="audio flows both ways between user_a and external")
        answer = self.local.post(PBX + "/test-runs", {"cases": ["to-pstn"]})
        self.assertEqual((answer.code, answer.json["test_run"]), (409, run))
        self.assertEqual(
            answer.json["error"], "a@contoso.example is in test %s, which"
            " runs: watch it (callbridge test watch %s), wait for its end"
            " or stop it (callbridge test stop %s)" % (run, run, run))
        other, others = self.begin(
            plans=["b.yaml"], cases=(), files=[{
                "name": "b.yaml", "text": "plan: b\ntitle: B\ncases:\n"
                "  - {id: b, title: B, steps:"
                " [user_b is registered within 60s]}\n"}])
        self.assertEqual(others.wait("over")["verdict"], "passed",
                         others.events)
        self.assertEqual(
            [row["actor"] for row in self.kept(other)["report"]["actors"]],
            ["user_b"])
        # a readiness run wants nobody's telephone
        ready, checks = self.begin(kind="readiness", cases=())
        checks.wait("finding")
        self.local.post("/test-runs/%s/stop" % ready)
        checks.wait("over")
        self.assertEqual(self.local.post("/test-runs/%s/stop" % run).code,
                         202)
        self.assertEqual(stream.wait("over")["verdict"], "stopped")
        self.all_hung_up()

    def not_gone_on_with(self, run, told):
        answer = self.local.post(PBX + "/test-runs", {
            "cases": ["registered"], "resume": run})
        self.assertEqual((answer.code, answer.json["field"]),
                         (422, "resume"), answer)
        self.assertIn(told, answer.json["error"])

    def test_what_cannot_be_gone_on_with_is_told(self):
        self.not_gone_on_with("none", "contoso has no test none")
        run, stream = self.begin(times=100)
        self.not_gone_on_with(run, "has not ended")
        self.local.post("/test-runs/%s/stop" % run)
        stream.wait("over")
        self.not_gone_on_with(run, "nothing of test " + run)
        ready, checks = self.begin(kind="readiness", cases=())
        checks.wait("over")
        self.not_gone_on_with(ready, "one of readiness")
        other = self.local.post("/test-runs", {
            "format": 1, "verdict": "failed", "plans": []}).json["id"]
        self.not_gone_on_with(other, "contoso has no test " + other)

    def test_a_plan_is_checked_before_it_is_run(self):
        text = "plan: p\ntitle: P\ncases:\n  - {id: a, title: A, steps:" \
            " [external dials user_a.number]}\n"
        answer = self.local.post("/test-plans/check", {"name": "p.yaml",
                                                       "text": text})
        self.assertEqual(answer.code, 200, answer)
        self.assertEqual(answer.json["cases"][0]["needs"],
                         ["external", "user_a"])
        answer = self.local.post("/test-plans/check", {
            "name": "p.yaml", "text": text.replace("dials", "diels")})
        self.assertEqual((answer.code, answer.json["file"],
                          answer.json["line"], answer.json["column"]),
                         (422, "p.yaml", 4, 31), answer)
        for files in ([{"name": "../../x.yaml", "text": text}],
                      [{"name": "p.yaml", "text": text}] * 2):
            answer = self.local.post(PBX + "/test-runs", {
                "plans": ["p.yaml"], "files": files})
            self.assertEqual((answer.code, answer.json["field"]),
                             (422, "files" if len(files) > 1 else "plans"),
                             answer)


class Left(RunTest):
    """Nobody is there any more."""

    tests = "question: 5s"

    def test_a_test_that_nobody_answers_is_ended(self):
        self.who_plays(external=a_person("Joe"))
        run, stream = self.begin()
        stream.wait("question")
        self.assertEqual(stream.wait("over")["verdict"], "stopped")
        self.assertIn("nobody answered",
                      self.kept(run)["report"]["error"])


class WatchedOnPostgres(Watched):
    """The same again on PostgreSQL."""

    @classmethod
    def setUpClass(cls):
        cls.server = postgres.Postgres()
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()
        cls.node = {**cls.node, "store": "{url: \"%s\"}"
                    % cls.server.database()}
        super().setUpClass()
