"""Microsoft 365 asked by the service: settings, runs, people, users made of
them. On SQLite and on PostgreSQL."""

import json
import re
import socket
import sys
import time

from support import LabTest, wait_for
from portal import ADDRESS, PBX_PORT, Registrar, Service, user

from lab import plan, postgres

sys.path.insert(0, str(plan.REPO / "tests/fake-graph"))

from fake_graph import (FakeGraph, Reply, as_json, failure,     # noqa: E402
                        person, plan as licence)

SECRET = "gr4ph+s/cr~t&="
APP = "9d3b6f10-2a44-4b7c-8f0e-7f3f1b1c2d3e"
SYNC = "/tenants/acme/sync"


class SyncTest(LabTest):
    """A service, and somebody who stands in for Microsoft."""

    store = staticmethod(lambda: None)

    @classmethod
    def setUpClass(cls):
        cls.service = Service(cls.__name__, cls.store())
        cls.service.authority.leaf("graph", [ADDRESS])
        both = cls.service.folder / "graph-both.pem"
        both.write_text("".join(
            (cls.service.folder / name).read_text()
            for name in ("graph.pem", "graph.key")))
        cls.fake = FakeGraph(both, secret=SECRET)
        cls.fake.__enter__()
        cls.addClassCleanup(cls.fake.__exit__, None, None, None)
        cls.service.microsoft = cls.fake.url
        cls.addClassCleanup(cls.service.stop)
        cls.service.start()
        cls.local = cls.service.local()

    def setUp(self):
        super().setUp()
        self.service.tenant("acme")
        self.addCleanup(self.local.delete, "/tenants/acme")
        for name in ("rows", "numbers", "policies", "laid_out"):
            getattr(self.fake, name).clear()
        for name in ("log", "changes"):
            del getattr(self.fake, name)[:]
        self.fake.lag = 0
        self.fake.mute = set()

    def people(self, *rows):
        self.fake.rows.update({row["id"]: row for row in rows})

    def good(self, answer, code=200):
        self.assertEqual(answer.code, code, answer)
        return answer.json

    def set_up(self, **more):
        return self.good(self.local.put(SYNC, dict({
            "directory_id": "acme.example", "client_id": APP,
            "client_secret": SECRET, "scheduled": False}, **more)), 201)

    def settle(self):
        """The status when nothing runs nor waits."""
        return wait_for(lambda: self.idle(), 30, "the sync to end")

    def idle(self):
        status = self.good(self.local.get(SYNC + "/status"))
        return status if status["state"] == "idle" else None

    def go(self, mode="run"):
        status = self.good(self.local.post(SYNC + "/runs", {"mode": mode}),
                           202)
        self.assertIn(status["state"], ("waiting", "running", "idle"))
        return self.settle()

    def whys(self, **query):
        words = "&".join("%s=%s" % each for each in query.items())
        people = self.good(self.local.get(SYNC + "/people?" + words))
        return {row["upn"]: row["why"] for row in people["people"]}

    def users(self):
        return {row["name"]: row["value"] for row in self.good(
            self.local.get("/tenants/acme/users"))["users"]}

    def make_user(self, n=1, **more):
        self.good(self.local.post("/tenants/acme/users", user(n, **more)),
                  201)


class Syncing(SyncTest):

    def test_the_secret_is_told_to_nobody(self):
        made = self.set_up()
        self.assertEqual(made["secrets"], ["client_secret"])
        self.assertNotIn("client_secret", made["value"])
        self.go()
        for path in (SYNC, SYNC + "/status", SYNC + "/people", "/syncs",
                     "/audit", "/tenants/acme", "/openapi.json"):
            answer = self.local.get(path)
            self.assertEqual(answer.code, 200, answer)
            self.assertNotIn(SECRET, answer.text)
            self.assertNotIn("gr4ph", answer.text)
        self.assertNotIn("gr4ph", self.service.log())
        self.assertNotIn("Bearer", self.service.log())

        # and it stays when something else is changed
        self.good(self.local.patch(SYNC, {"every": "2h"}))
        self.assertEqual(self.go()["last"]["state"], "done")

    def test_what_is_wrong_is_said_at_its_field(self):
        for value, field in (({"client_id": "no"}, "client_id"),
                             ({"directory_id": "common"}, "directory_id"),
                             ({"every": "5m"}, "every"),
                             ({"secret_ends": "soon"}, "secret_ends"),
                             ({"certificate": "x"}, "certificate"),
                             ({"login_url": "https://e.example"},
                              "login_url")):
            answer = self.local.put(SYNC, dict({
                "directory_id": "acme.example", "client_id": APP}, **value))
            self.assertEqual((answer.code, answer.json["field"]),
                             (422, field), answer)
        self.assertEqual(self.local.get(SYNC).code, 404)
        self.assertEqual(self.local.get(SYNC + "/status").code, 404)
        self.assertEqual(self.local.post(SYNC + "/runs",
                                         {"mode": "run"}).code, 404)
        self.set_up()
        answer = self.local.post(SYNC + "/runs", {"mode": "nonsense"})
        self.assertEqual((answer.code, answer.json["field"]), (422, "mode"))

    def test_credentials_are_tried(self):
        self.people(person("ann@acme.example"))
        self.set_up()
        test = self.go("test")["test"]
        self.assertEqual(test["state"], "done", test)
        self.assertEqual([row["name"] for row in test["probes"]],
                         ["users", "teams", "numbers", "policies"])
        self.assertTrue(all(row["good"] for row in test["probes"]))

        self.fake.reply_with("GET", "/userConfigurations", failure(
            403, "Authorization_RequestDenied"))
        test = self.go("test")["test"]
        self.assertEqual(test["state"], "done")  # the script gives numbers
        row = test["probes"][1]
        self.assertEqual((row["good"], row["wanted"], row["fault"]),
                         (False, False, "denied"))
        self.assertIn("TeamsUserConfiguration.Read.All", row["permission"])

        self.fake.reply_with("GET", "/v1.0/users", failure(
            403, "Authorization_RequestDenied"))
        test = self.go("test")["test"]
        self.assertEqual((test["state"], test["problem"]["fault"]),
                         ("failed", "denied"))

        self.good(self.local.patch(SYNC, {"client_secret": "wrong"}))
        test = self.go("test")["test"]
        self.assertEqual(test["problem"]["fault"], "credentials_bad")
        self.assertIn("AADSTS7000215", test["problem"]["why"])
        self.assertIn("has expired", test["probes"][0]["advice"])
        self.assertEqual(len(test["probes"]), 1)

        self.good(self.local.patch(SYNC, {"client_secret": None}))
        self.assertEqual(self.go("test")["test"]["problem"]["fault"],
                         "secret_missing")

    def test_everybody_is_told_with_why(self):
        self.make_user(1)
        self.make_user(2)
        self.make_user(3, enabled=False)
        self.make_user(4)
        self.people(person("USER1@acme.example"),
                    person("user2@acme.example", plans=[]),
                    person("user3@acme.example"),
                    person("bo@acme.example", "DE", [licence("Warning")]),
                    person("cy@acme.example", country=None))
        self.set_up()
        status = self.go()
        self.assertEqual(status["last"]["state"], "done", status)
        self.assertEqual((status["last"]["seen"], status["last"]["full"]),
                         (5, True))
        self.assertEqual(self.whys(), {
            "user1@acme.example": "ready", "user2@acme.example": "no_licence",
            "user3@acme.example": "off", "user4@acme.example": "unknown",
            "bo@acme.example": "no_pbx_account",
            "cy@acme.example": "no_country"})
        self.assertEqual(status["whys"]["ready"], 1)
        self.assertEqual(self.whys(why="no_country"),
                         {"cy@acme.example": "no_country"})
        self.assertEqual(set(self.whys(q="Bo")), {"bo@acme.example"})
        first = self.good(self.local.get(SYNC + "/people?limit=2"))
        rest = self.good(self.local.get(SYNC + "/people?limit=100&cursor="
                                        + first["next"]))
        self.assertEqual((len(first["people"]), len(rest["people"])), (2, 4))
        for sort in ("upn", "-upn", "why", "-why"):
            seen, cursor = [], ""
            while cursor is not None:
                page = self.good(self.local.get(
                    SYNC + "/people?limit=2&sort=%s%s" % (
                        sort, cursor and "&cursor=" + cursor)))
                seen += [row[sort.strip("-")].lower()
                         for row in page["people"]]
                cursor = page["next"]
            self.assertEqual(seen, sorted(seen, reverse=sort[0] == "-"))
            self.assertEqual(len(seen), 6)
        self.assertEqual(self.local.get(SYNC + "/people?sort=name").code, 400)
        self.assertEqual(self.local.get(
            SYNC + "/people?sort=why&cursor=x").code, 400)
        for sort, code in (("-ran_ms", 200), ("tenant", 200), ("name", 400)):
            self.assertEqual(self.local.get("/syncs?sort=" + sort).code, code)

        # what is changed here is seen without another run
        self.good(self.local.patch("/tenants/acme/users/user3@acme.example",
                                   {"enabled": True}))
        self.assertEqual(self.whys()["user3@acme.example"], "ready")

    def test_later_only_what_changed_is_asked_for(self):
        ann, bo = person("ann@acme.example"), person("bo@acme.example")
        self.people(ann, bo)
        self.set_up()
        self.go()
        self.fake.change(dict(bo, usageLocation=None))
        del self.fake.log[:]
        last = self.go()["last"]
        self.assertEqual((last["seen"], last["full"]), (1, False))
        self.assertIn("deltatoken", self.fake.asked("/users/delta")[0].path)
        self.assertEqual(self.whys()["bo@acme.example"], "no_country")

        # the link has had its time; and whoever wants all gets all
        self.fake.reply_with("GET", "deltatoken", failure(410, "resync"))
        self.assertTrue(self.go()["last"]["full"])
        self.assertTrue(self.go("full")["last"]["full"])
        self.assertEqual(set(self.whys()), {"ann@acme.example",
                                            "bo@acme.example"})

        # another directory has other people
        self.good(self.local.patch(SYNC, {"directory_id": "b.example"}))
        self.fake.rows.pop(ann["id"])
        self.assertTrue(self.go()["last"]["full"])
        self.assertEqual(set(self.whys()), {"bo@acme.example"})

    def test_failures_are_told_and_change_nothing(self):
        self.people(person("ann@acme.example"))
        self.set_up()
        self.go()
        self.fake.reply_with("GET", "/users/delta", as_json(200, {
            "value": [], "@odata.nextLink": "https://127.0.0.2:1/v1.0/x"}))
        status = self.go()
        self.assertEqual((status["last"]["state"],
                          status["last"]["problem"]["fault"]),
                         ("failed", "link_foreign"))
        self.assertEqual(set(self.whys()), {"ann@acme.example"})

        self.fake.reply_with("GET", "/users/delta", failure(
            429, "TooManyRequests", **{"Retry-After": "1"}))
        self.assertEqual(self.go()["last"]["state"], "done")

        self.fake.reply_with("GET", "/users/delta", Reply(200, b"<html>"))
        problem = self.go()["last"]["problem"]
        self.assertEqual(problem["fault"], "unreadable")
        self.assertIn("Microsoft changes replies", problem["advice"])

    def test_who_has_left_is_told_or_disabled_never_removed(self):
        self.make_user(1)
        ann = person("user1@acme.example")
        self.people(ann)
        self.set_up()
        self.go()
        self.fake.change({"id": ann["id"], "@removed": {"reason": "changed"}})
        last = self.go()["last"]
        self.assertEqual((last["left"], last["disabled"]), (1, 0))
        self.assertEqual(self.whys()["user1@acme.example"], "left")
        self.assertNotEqual(self.users()["user1@acme.example"].get("enabled"),
                            False)

        self.good(self.local.patch(SYNC, {"left": "disable"}))
        self.assertEqual(self.go("dry-run")["last"]["disabled"], 0)
        self.assertEqual(self.go()["last"]["disabled"], 1)
        self.assertIs(self.users()["user1@acme.example"]["enabled"], False)
        entry = self.good(self.local.get(
            "/audit?tenant=acme&kind=user"))["entries"][0]
        self.assertEqual(entry["who"], "sync", entry)
        self.assertEqual(self.go()["last"]["disabled"], 0)

        self.fake.change(ann)
        self.go()
        self.assertEqual(self.whys()["user1@acme.example"], "off")

    def test_one_absence_is_not_leaving(self):
        self.make_user(1)
        ann = person("user1@acme.example")
        self.people(ann, person("bo@acme.example"))
        self.set_up()
        self.go()
        self.fake.rows.pop(ann["id"])
        self.go("full")
        self.assertEqual(self.whys()["user1@acme.example"], "ready")
        self.go("full")
        self.assertEqual(self.whys()["user1@acme.example"], "left")

    def test_numbers_are_given_and_read_back(self):
        self.make_user(1)
        self.make_user(2)
        ann, bo = (person("user%d@acme.example" % n) for n in (1, 2))
        self.people(ann, bo)
        self.fake.numbers = {"somebody": "+442079400002"}
        self.people(dict(person("eve@acme.example"), id="somebody"))
        self.set_up(push="graph")
        last = self.go("dry-run")["last"]
        self.assertEqual((last["missing"], last["failed"], last["given"]),
                         (1, 1, 0))
        self.assertNotIn(ann["id"], self.fake.numbers)

        self.fake.mute = {ann["id"]}
        last = self.go()["last"]
        self.assertEqual((last["state"], last["given"], last["failed"]),
                         ("partial", 1, 1))
        self.assertEqual(self.fake.numbers[ann["id"]], "+442079400001")
        rows = {row["upn"]: row["teams"] for row in self.good(
            self.local.get(SYNC + "/people"))["people"]}
        self.assertEqual(rows["user1@acme.example"]["state"], "given")
        self.assertIn("does not show", rows["user1@acme.example"]["why"])
        self.assertIn("somebody else", rows["user2@acme.example"]["why"])

        self.fake.mute = set()
        last = self.go()["last"]
        self.assertEqual((last["there"], last["given"]), (1, 0))
        rows = {row["upn"]: row["teams"] for row in self.good(
            self.local.get(SYNC + "/people"))["people"]}
        self.assertEqual((rows["user1@acme.example"]["state"],
                          rows["user1@acme.example"]["number"]),
                         ("there", "+442079400001"))

    def test_with_the_script_teams_is_only_read(self):
        self.make_user(1)
        self.people(person("user1@acme.example"))
        self.set_up()
        last = self.go()["last"]
        self.assertEqual((last["state"], last["missing"]), ("done", 1))
        self.assertEqual(self.fake.asked("assignNumber"), [])

        # without that permission the rest still works
        self.fake.reply_with("GET", "/userConfigurations", failure(
            403, "Authorization_RequestDenied"))
        status = self.go()
        self.assertEqual(status["last"]["state"], "done")
        self.assertGreater(status["denied_ms"], 0)

        text = self.local.get(SYNC + "/script")
        self.assertEqual(text.code, 200)
        self.assertIn("callbridge-acme.ps1",
                      text.headers["Content-Disposition"])
        self.assertIn("'+442079400001'", text.text)
        self.assertIn("'acme.example'", text.text)
        self.assertNotIn("s3cret", text.text)

    def test_people_become_users(self):
        self.make_user(1, number="+442079460103", sip_username="103")
        ann = person("ann@acme.example", displayName="Ann <b>",
                     businessPhones=["+44 (0)20 7946-0101"])
        bo = person("bo@acme.example", businessPhones=["020 7946 0102"])
        cy = person("cy@acme.example", businessPhones=["+442079460103"])
        di = person("di@acme.example")
        eve = person("eve@acme.example", plans=[])
        self.people(ann, bo, cy, di, eve)
        self.set_up()
        self.go()

        told = self.good(self.local.post(
            SYNC + "/users?dry_run=true", {"users": [
                {"id": row["id"]} for row in (ann, bo, cy, di, eve)] + [
                    {"id": "nobody"}]}))
        by_id = {row["id"]: row for row in told["users"]}
        self.assertEqual(by_id[ann["id"]]["value"], {
            "upn": "ann@acme.example", "name": "Ann <b>", "country": "GB",
            "pbx": "hq", "number": "+442079460101", "sip_username": "101",
            "enabled": False})
        self.assertEqual(by_id[bo["id"]]["value"]["number"], "+442079460102")
        self.assertEqual(by_id[bo["id"]]["errors"], [])
        self.assertEqual({error["field"] for error in
                          by_id[cy["id"]]["errors"]},
                         {"number", "sip_username"})
        self.assertIn("user1@acme.example has it too",
                      by_id[cy["id"]]["errors"][0]["error"])
        self.assertIn("number", by_id[di["id"]]["errors"][0]["field"])
        self.assertIn("licence", by_id[eve["id"]]["errors"][0]["error"])
        self.assertIn("nobody of this id", by_id["nobody"]["errors"][0][
            "error"])
        self.assertEqual((told["created"], len(self.users())), (0, 1))

        chosen = [{"id": ann["id"]}, {"id": cy["id"]}]
        answer = self.local.post(SYNC + "/users", {"users": chosen})
        self.assertEqual(answer.code, 422, answer)
        self.assertEqual(len(self.users()), 1)      # all or none

        chosen[0]["sip_password"] = "geheim-1"
        chosen[1].update(number="+442079460104", sip_username="104")
        told = self.good(self.local.post(SYNC + "/users",
                                         {"users": chosen}))
        self.assertEqual(told["created"], 2)
        self.assertNotIn("geheim", json.dumps(told))
        users = self.users()
        self.assertNotEqual(users["ann@acme.example"].get("enabled"), False)
        self.assertIs(users["cy@acme.example"]["enabled"], False)
        self.assertEqual(self.whys()["cy@acme.example"], "off")
        answer = self.local.post(SYNC + "/users", {"users": chosen[:1]})
        self.assertIn("a user here already", answer.text)

        # what is off without a password cannot be switched on without one
        path = "/tenants/acme/users/cy@acme.example"
        answer = self.local.patch(path, {"enabled": True})
        self.assertEqual((answer.code, answer.json["field"]),
                         (422, "sip_password"))
        self.good(self.local.patch(path, {"enabled": True,
                                          "sip_password": "geheim-2"}))

    def test_a_customer_file_s_is_not_asked_here(self):
        path = self.service.folder / "customers/filed.yaml"
        path.write_text("tenant: filed\nteams: {fqdn: filed.example.com}\n")
        self.addCleanup(self.local.post, "/reload")
        self.addCleanup(path.unlink)
        self.good(self.local.post("/reload"))
        wait_for(lambda: self.local.get("/tenants/filed").code == 200, 20,
                 "the file to be shown")
        answer = self.local.put("/tenants/filed/sync", {
            "directory_id": "filed.example", "client_id": APP})
        self.assertEqual(answer.code, 409, answer)

    def test_when_a_secret_ends_is_told(self):
        answer = self.local.get("/syncs")
        self.assertEqual(self.good(answer)["syncs"], [])
        self.set_up(secret_ends=time.strftime(
            "%Y-%m-%d", time.gmtime(time.time() + 10 * 86400)))
        one = self.good(self.local.get("/syncs"))["syncs"][0]
        self.assertEqual((one["tenant"], one["secret_days"]), ("acme", 9))

    def test_the_command_line_tells_how_it_stands(self):
        told = self.service.command("sync", "status")
        self.assertIn("no customer's Microsoft 365 is asked", told)
        self.set_up()
        self.go()
        told = self.service.command("sync", "status")
        self.assertRegex(told, r"done +acme +idle +20")
        self.good(self.local.patch(SYNC, {"client_secret": "wrong"}))
        self.go()
        told = self.service.command("sync", "status", "--tenant", "acme",
                                    good=(1,))
        self.assertRegex(told, "failed +acme .*AADSTS7000215.* is wrong or"
                               " has expired")
        told = self.service.command("sync", "status", "--json",
                                    good=(1,))
        self.assertEqual(json.loads(told)[0]["tenant"], "acme")

    def test_what_is_wrong_needs_a_person(self):
        def needs():
            return {row["kind"]: row for row in self.good(self.local.get(
                "/overview"))["problems"]}
        soon = time.strftime("%Y-%m-%d",
                             time.gmtime(time.time() + 10 * 86400))

        def need(kind):
            return wait_for(lambda: needs().get(kind), 20,
                            "%s to be told" % kind, 0.1)
        self.set_up(secret_ends=soon)
        self.assertGreater(need("sync-secret")["ends_s"], time.time())
        self.good(self.local.patch(SYNC, {"client_secret": "wrong"}))
        self.go()
        self.assertIn("has expired", need("sync")["advice"])
        self.assertRegex(self.local.get("/metrics").text, "callbridge_sync_"
                         'runs_total{result="failed"} [1-9]')

    def test_many_people_are_kept_in_pieces(self):
        self.people(*(person("p%04d@acme.example" % n)
                      for n in range(4100)))
        self.fake.page = 999
        self.addCleanup(setattr, self.fake, "page", 100)
        self.set_up()
        status = self.go()
        self.assertEqual(status["last"]["seen"], 4100)
        self.assertEqual(status["whys"], {"no_pbx_account": 4100})
        self.assertEqual(self.go()["last"]["seen"], 0)

    def test_it_goes_on_after_a_restart(self):
        self.people(person("ann@acme.example"))
        self.set_up()
        self.go()
        self.service.stop()
        self.service.start()
        self.local.close()
        last = self.go()["last"]
        self.assertEqual((last["full"], last["seen"]), (False, 0))
        self.assertEqual(set(self.whys()), {"ann@acme.example"})


class Pbx(Registrar):
    """A PBX that also calls whom it knows."""

    def __init__(self):
        self.contacts = {}
        self.answers = {}       # by Call-ID, the first final one
        super().__init__()

    def serve(self):
        while self.open:
            try:
                data, peer = self.sock.recvfrom(65536)
            except socket.timeout:
                continue
            text = data.decode(errors="replace")
            if text.startswith("REGISTER "):
                name, uri = re.search(r"(?m)^Contact:.*<(sip:(?:.*@)?[^>]*)>",
                                      text), peer
                user = re.search(r"(?m)^To:.*sip:(\d+)@", text).group(1)
                self.contacts[user] = (name.group(1), uri)
                self.sock.sendto(self.reply(text).encode(), peer)
            elif text.startswith("SIP/2.0 ") and text[8] != "1":
                ident = re.search(r"(?mi)^Call-ID:\s*(\S+)", text).group(1)
                self.answers.setdefault(ident, text.splitlines()[0])

    def call(self, name, ident):
        """Call a user; the first line of the final answer."""
        uri, peer = self.contacts[name]
        here = "%s:%d" % (ADDRESS, PBX_PORT)
        self.sock.sendto((
            "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\n"
            "Max-Forwards: 70\r\nFrom: <sip:100@pbx.example>;tag=%s\r\n"
            "To: <%s>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n"
            "Contact: <sip:100@%s>\r\nContent-Length: 0\r\n\r\n" % (
                uri, here, ident, ident, uri, ident, here)).encode(), peer)
        return wait_for(lambda: self.answers.get(ident), 20,
                        "an answer to the INVITE")


class Quiet(SyncTest):
    """Who does not want to be disturbed in Teams."""

    def setUp(self):
        super().setUp()
        self.pbx = Pbx()
        self.addCleanup(self.pbx.close)
        self.calls = 0

    def call(self, name="1001"):
        self.calls += 1
        return self.pbx.call(name, "quiet-%s-%d" % (name, self.calls))

    def until(self, part):
        wait_for(lambda: part in self.call(), 60,
                 "the PBX to be answered " + part, 0.5)

    def test_a_call_to_who_is_quiet_is_answered_as_set(self):
        self.make_user(1)
        self.make_user(2)
        ann, bo = (person("user%d@acme.example" % n) for n in (1, 2))
        self.people(ann, bo)
        self.fake.disturbed = {ann["id"]}
        self.set_up(dnd="busy")
        self.go()
        row = self.go("test")["test"]["probes"][-1]
        self.assertEqual((row["name"], row["good"], row["wanted"]),
                         ("presence", True, True))
        for name in ("1001", "1002"):
            self.pbx.wait(name)
        # there is no way to Teams here: who may ring is told 480 for that
        self.until("486 Do Not Disturb")
        self.assertIn("480 No Trunk", self.call("1002"))
        record = next(call for call in self.good(self.local.get(
            "/calls"))["calls"] if call["scode"] == 486)
        self.assertEqual(record["reason"], "Do Not Disturb")
        self.assertIn("Do not disturb", record["what"] + record["advice"])

        # without the permission nobody is quiet, and the log says why
        self.fake.disturbed = set()
        self.until("480 No Trunk")
        self.fake.reply_with("POST", "getPresencesByUserId", failure(
            403, "Authorization_RequestDenied"))
        wait_for(lambda: "grant Presence.Read.All" in self.service.log(),
                 60, "the log to tell")


class SyncingOnPostgres(Syncing):
    """The same with a server."""

    @classmethod
    def setUpClass(cls):
        cls.server = postgres.Postgres()
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()
        cls.store = staticmethod(cls.server.database)
        super().setUpClass()


if __name__ == "__main__":
    import unittest
    unittest.main()
