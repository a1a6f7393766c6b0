"""Calls as they are kept: looking for them, reports of all of them, outages,
the number plan tried. On SQLite and on PostgreSQL."""

import csv
import io
import json
import time
import unittest
from urllib.parse import urlencode

from support import wait_for
from portal import Client, Service, user
from test_portal import OnPostgres, PortalTest

from lab import postgres

HOUR_MS = 3600000
BEFORE_MS = int(time.time() * 1000)   # no service of this test runs yet
DAY_MS = 24 * HOUR_MS
NOW_MS = int(time.time()) // 3600 * HOUR_MS
EVIL = '<img src=x onerror="window.pwned=1">'


def record(n, **more):
    """A call of n hours ago."""
    start = NOW_MS - n * HOUR_MS
    side = {"number": "2001", "codec": "PCMA", "rx_packets": 990,
            "rx_lost": 10, "jitter_us": 4000, "mos": 4.2}
    return dict({
        "id": "%032x" % (n + 0xabc000), "version": 3, "tenant": "acme",
        "pbx": "hq", "upn": "user1@acme.example", "direction": "from_pbx",
        "state": "ended", "result": "answered", "scode": 200,
        "caller": "+442079460018", "caller_name": EVIL, "callee": "+4930123",
        "start_ms": start, "ring_ms": start + 2000,
        "answer_ms": start + 5000, "end_ms": start + 65000 + 1000 * n,
        "reason": "OK", "teams": side, "pbxside": dict(side, mos=4.0)},
        **more)


BUSY = {"result": "busy", "answer_ms": 0, "scode": 486, "teams": {},
        "pbxside": {}}
NETWORK = {"result": "network", "answer_ms": 0, "scode": 503, "teams": {},
           "pbxside": {}, "failed_side": "pbx", "what": EVIL,
           "advice": "Look at the firewall."}


def records():
    """Twelve calls, the newest an hour ago."""
    return [
        record(1), record(2, **BUSY), record(3, **NETWORK),
        record(4, pbx="lab", direction="from_teams"),
        record(5, pbxside={"rx_packets": 500, "rx_lost": 500, "mos": 1.9,
                           "jitter_us": 90000}),
        record(6, tenant="other", pbx="there", upn="x@other.example",
               caller="+15551234567"),
        *(record(n, caller="2%03d" % n, callee="+4915112345678")
          for n in range(30, 36))]


def statuses():
    """Two users are lost together, one has a wrong password; a trunk."""
    now = int(time.time())
    regs = []
    for upn, state, ago, reason in (
            ("z@acme.example", "failing", 90000, "Forbidden"),
            ("user1@acme.example", "registered", 90000, ""),
            ("user1@acme.example", "failing", 7200, "No response"),
            ("b@acme.example", "failing", 7100, "No response"),
            ("user1@acme.example", "registered", 6600, ""),
            ("b@acme.example", "registered", 6500, "")):
        regs.append({"reg": {
            "tenant": "acme", "pbx": "hq", "upn": upn, "state": state,
            "since_s": now - ago, "reason": reason, "words": EVIL}})
    for up, ago, why in ((False, 90000, ""), (True, 89000, ""),
                         (False, 5000, "Connection refused"),
                         (True, 4000, "")):
        regs.append({"trunk": {
            "tenant": "acme", "fqdn": "acme.sbc.example.com",
            "proxy": "sip.pstnhub.example", "up": up, "seen": up,
            "since_s": now - ago, "why": why}})
    return regs


class Kept(PortalTest):
    """A service that has a journal of calls already."""

    @classmethod
    def setUpClass(cls):
        cls.service = Service(cls.__name__, cls.store())
        cls.addClassCleanup(cls.service.stop)
        cls.journal(cls.service.folder / "state/journal")
        cls.service.start()
        cls.local = cls.service.local()
        for name in ("acme", "other"):
            cls.service.tenant(name)
        cls.local.post("/tenants/acme/users", user(1, name="Zoë O'Hara"))
        cls.clients = {}
        for name, role, tenant in (
                ("admin", "tenant-admin", "acme"),
                ("viewer", "tenant-viewer", "acme"),
                ("stranger", "tenant-admin", "other"),
                ("support", "msp-support", None)):
            token = cls.local.post("/tokens", {
                "name": name, "role": role, "tenant": tenant})
            cls.clients[name] = Client(cls.service, token.json["token"])
        cls.viewer = cls.clients["viewer"]
        wait_for(lambda: len(cls.ids("")) == 12, 20,
                 "the journal to be taken over", 0.1)

    @classmethod
    def journal(cls, folder):
        folder.mkdir(parents=True)
        with open(folder / "20200101.jsonl", "w", encoding="utf-8") as out:
            for line in [{"call": each} for each in records()] + statuses():
                line = dict({"time_ms": BEFORE_MS}, **line)
                out.write(json.dumps(line, separators=(",", ":")) + "\n")

    @classmethod
    def ids(cls, query, client=None):
        """How many hours ago those that are found were."""
        answer = (client or cls.local).get("/call-records?limit=50" + query)
        if answer.code != 200:
            raise AssertionError(answer)
        return [int(call["id"], 16) - 0xabc000
                for call in answer.json["calls"]]

    def found(self, query, *hours):
        self.assertEqual(self.ids("&" + query), list(hours), query)

    def test_calls_are_found(self):
        self.found("number=%2B44+(0)20+7946+0018", 1, 2, 3, 4, 5)
        self.found("number=020%207946%200018&tenant=acme&pbx=lab", 4)
        self.found("number=2031", 31)
        self.found("number=4567", 6)
        self.found("number=4567&tenant=acme")
        self.found("result=busy", 2)
        self.found("failed=true", 3)
        self.found("direction=from_teams", 4)
        self.found("mos_below=3.1", 5)
        self.found("upn=X@other.example", 6)
        self.found("user=o'hara&result=network", 3)
        self.found("user=94000&direction=from_teams", 4)
        recent = "from_ms=%d&" % (NOW_MS - 7 * HOUR_MS)
        self.found(recent + "sort=start", 6, 5, 4, 3, 2, 1)
        self.found(recent + "sort=-duration", 6, 5, 4, 1, 3, 2)
        self.found(recent + "sort=mos", 5, 1, 4, 6)
        self.found(recent + "tenant=acme&sort=-mos", 4, 1, 5)

    def test_a_page_follows_the_other_in_each_order(self):
        for sort in ("start", "-start", "duration", "-duration", "mos",
                     "-mos"):
            query = "&from_ms=%d&sort=%s" % (
                (time.time() - 86400 * 3) * 1000, sort)
            every, got, cursor = self.ids(query), [], ""
            while cursor is not None:
                answer = self.local.get("/call-records?limit=5" + query
                                        + "&cursor=" + cursor if cursor else
                                        "/call-records?limit=5" + query)
                self.assertEqual(answer.code, 200, answer)
                got += [int(each["id"], 16) - 0xabc000
                        for each in answer.json["calls"]]
                cursor = answer.json["next"]
            self.assertEqual(got, every, sort)

    def test_what_is_wrong_is_said(self):
        for query, field in (
                ("number=12", "number"), ("number=ann", "number"),
                ("mos_below=0", "mos_below"), ("mos_below=x", "mos_below"),
                ("result=bad", "result"), ("sort=who", "sort"),
                ("sort=mos", "from_ms"), ("sort=mos&from_ms=1", "from_ms"),
                ("failed=perhaps", "failed"), ("direction=up", "direction"),
                ("cursor=1", "cursor"), ("cursor=a/b", "cursor"),
                ("none=1", "none")):
            answer = self.local.get("/call-records?" + query)
            self.assertEqual((answer.code, answer.json["field"]),
                             (400, field), query)
        for query in ("step=week", "by=user", "zone_min=900", "from_ms=x",
                      "from_ms=5&to_ms=5"):
            self.assertEqual(self.local.get(
                "/reports/calls?" + query).code, 400, query)
        self.assertEqual(self.local.get(
            "/reports/outages?kind=x").code, 400)

    def test_figures_are_of_all_calls(self):
        report = self.local.get("/reports/calls").json
        total = report["total"]
        self.assertEqual((total["calls"], total["failed"]), (12, 1))
        self.assertEqual(total["results"]["busy"], 1)
        self.assertAlmostEqual(total["asr"], 1000 / 12)
        self.assertAlmostEqual(total["ner"], 1100 / 12)
        self.assertEqual(total["pdd_ms"], 2000)
        self.assertEqual([(row["tenant"], row["pbx"], row["calls"])
                          for row in report["pbxs"]],
                         [("acme", "hq", 10), ("acme", "lab", 1),
                          ("other", "there", 1)])
        self.assertEqual(report["times"], [])
        self.assertEqual([row["calls"] for row in self.viewer.get(
            "/reports/calls").json["tenants"]], [11])
        self.assertEqual(self.viewer.get(
            "/reports/calls?tenant=other").code, 404)

    def test_figures_by_hour_and_day(self):
        hours = self.local.get("/reports/calls?step=hour").json["times"]
        self.assertEqual(len(hours), 12)
        for row, want in zip(reversed(hours), (1, 2, 3, 4, 5, 6, 30)):
            self.assertEqual(row["from_ms"], record(want)["start_ms"])
            self.assertEqual(row["calls"], 1)
        self.assertAlmostEqual(hours[-5]["mos_pbx"], 1.9)
        self.assertAlmostEqual(hours[-5]["loss"], 100 * 510 / 2000)
        self.assertAlmostEqual(hours[-5]["jitter_pbx_ms"], 90)
        for zone in (0, 120, -300, 330):
            days = self.local.get("/reports/calls?step=day&by=pbx&tenant=acme"
                                  "&zone_min=%d" % zone).json["times"]
            self.assertEqual(sum(row["calls"] for row in days), 11)
            for row in days:
                self.assertEqual((row["from_ms"] + zone * 60000) % DAY_MS, 0)
        late = record(3)["start_ms"]
        self.assertEqual(self.local.get(
            "/reports/calls?from_ms=%d&to_ms=%d" % (
                late, late + 1)).json["total"]["calls"], 1)

    def test_outages_tell_who_was_lost_together(self):
        rows = self.local.get("/reports/outages?to_ms=%d" % BEFORE_MS).json[
            "outages"]
        self.assertEqual(
            [(row["kind"], row["pbx"], row["count"], row["reason"])
             for row in rows],
            [("trunk", "acme.sbc.example.com", 1, "Connection refused"),
             ("user", "hq", 2, "No response"),
             ("user", "hq", 1, "Forbidden")])
        trunk, both, wrong = rows
        self.assertEqual(trunk["to_ms"] - trunk["from_ms"], 1000000)
        self.assertEqual(trunk["names"], ["sip.pstnhub.example"])
        self.assertEqual(both["lost_s"], 1200)
        self.assertEqual(both["to_ms"] - both["from_ms"], 700000)
        self.assertEqual(both["names"],
                         ["b@acme.example", "user1@acme.example"])
        self.assertEqual(both["words"], EVIL)
        self.assertIsNone(wrong["to_ms"])
        for sort, counts in (("count", [1, 1, 2]), ("-count", [2, 1, 1])):
            self.assertEqual([row["count"] for row in self.local.get(
                "/reports/outages?to_ms=%d&sort=%s" % (
                    BEFORE_MS, sort)).json["outages"]], counts)
        self.assertEqual(self.local.get(
            "/reports/outages?sort=words").code, 400)
        early = int((time.time() - 80000) * 1000)
        self.assertEqual(len(self.local.get(
            "/reports/outages?to_ms=%d" % early).json["outages"]), 1)
        self.assertEqual(len(self.local.get(
            "/reports/outages?kind=user&limit=1").json["outages"]), 1)
        self.assertEqual(self.local.get(
            "/reports/outages?tenant=other").json["outages"], [])

    def listed(self, path, name, sort, limit):
        """All rows of a list, page by page."""
        rows, cursor = [], ""
        while cursor is not None:
            query = {"sort": sort}
            if limit:
                query["limit"] = limit
            if cursor:
                query["cursor"] = cursor
            answer = self.local.get(path + "?" + urlencode(query))
            self.assertEqual(answer.code, 200, answer)
            rows += answer.json[name]
            cursor = answer.json.get("next")
        return rows

    def test_lists_come_in_the_order_that_is_asked_for(self):
        for n in range(5):
            self.local.post("/tenants/other/pbxs", {
                "name": "p%d" % ((n * 3) % 5), "template": "generic",
                "sip_domain": "p.q"})
            self.share("support", 1)
            self.local.post("/tokens", {"name": "token%d" % n,
                                        "role": "msp-support"})
        for path, name, member, words, limit in (
                ("/tenants", "tenants", "name", ("name",), 1),
                ("/tenants/other/pbxs", "pbxs", "name", ("name",), 2),
                ("/tenants/other/pbxs", "pbxs", "changed_ms", ("changed",),
                 2),
                ("/registration-history", "changes", "since_s", (), 2),
                ("/audit", "entries", "time_ms", ("time",), 4),
                ("/shares", "shares", "time_ms", ("time",), 2),
                ("/test-runs", "test_runs", "time_ms", ("time",), 2),
                ("/users", "users", "name", ("upn",), 1),
                ("/admins", "admins", "name", ("name", "role"), 0),
                ("/tokens", "tokens", "name", ("name",), 0),
                ("/tokens", "tokens", "role", ("role",), 0),
                ("/templates", "templates", "title", ("title",), 0),
                ("/trunks", "trunks", "fqdn", ("fqdn",), 0),
                ("/registrations", "registrations", "upn", ("upn",), 0),
                ("/calls", "calls", "start_ms", ("start_ms",), 0)):
            for word in words:
                up = self.listed(path, name, word, limit)
                down = self.listed(path, name, "-" + word, limit)
                self.assertEqual(len(up), len(down), path)
                self.assertEqual([row[member] for row in up],
                                 sorted(row[member] for row in up), path)
                self.assertEqual([row[member] for row in down],
                                 [row[member] for row in reversed(up)]
                                 if limit else sorted(
                                     (row[member] for row in up),
                                     reverse=True), path)
            answer = self.local.get(path + "?sort=nonsense")
            self.assertEqual((answer.code, answer.json["field"]),
                             (400, "sort"), path)
        self.assertEqual(len(self.listed("/tenants/other/pbxs", "pbxs",
                                         "-changed", 2)), 6)
        changes = self.listed("/registration-history", "changes", "time", 2)
        self.assertGreaterEqual(len(changes), 6)
        self.assertEqual(changes[:6], list(reversed(self.listed(
            "/registration-history", "changes", "-time", 2)))[:6])
        self.assertEqual(self.local.get("/users?sort=number").code, 400)
        self.assertEqual(self.local.get(
            "/tenants/other/pbxs?sort=changed&cursor=p1").code, 400)

    def test_a_number_plan_is_tried(self):
        path = "/tenants/acme/pbxs/hq/number?"
        tried = self.local.get(path + "from=teams&number=%2B442079460018")
        self.assertEqual(tried.code, 200, tried)
        self.assertEqual(tried.json["kind"], "national")
        self.assertTrue(tried.json["open"])
        self.local.patch("/tenants/acme/pbxs/hq", {
            "outside_line_prefix": "9", "e164": {"national": True}})
        tried = self.local.get(path + "from=teams&number=%2B442079460018")
        told = self.service.command(
            "number", "--file", self.customer_file(), "--from-teams",
            "+442079460018").splitlines()
        self.assertEqual(told[0], "+442079460018 -> "
                         + tried.json["result"])
        self.assertEqual([line.strip() for line in told[1:]
                          if "kind of" not in line], tried.json["rules"])
        back = self.viewer.get(path + "from=pbx&number=902079460018"
                               "&user=user1@acme.example").json
        self.assertEqual(back["result"], "+442079460018")
        self.assertTrue(self.local.get(
            path + "from=teams&number=112").json["emergency"])
        for query, code in (("from=teams", 400), ("number=1", 400),
                            ("from=x&number=1", 400),
                            ("from=teams&number=", 422),
                            ("from=teams&number=a b", 422),
                            ("from=pbx&number=1&user=no@one", 404)):
            answer = self.local.get(path + query.replace(" ", "%20"))
            self.assertEqual(answer.code, code, query)

    def share(self, who, n, **wish):
        return self.clients[who].post("/call-records/%s/shares"
                                      % record(n)["id"], wish)

    def shown(self, answer, client=None):
        """What the link of an answer shows to whoever has no account."""
        token = self.made(answer)["url"].split("/#/shared/")[1]
        return (client or Client(self.service, source=7)).get(
            "/shared/" + token)

    def test_a_link_shows_one_call_and_nothing_else(self):
        made = self.share("admin", 3, numbers=True, expires_s=3600)
        self.assertIn("https://127.0.0.1", made.json["url"])
        self.assertNotIn("cs_", json.dumps(self.clients["admin"].get(
            "/shares").json))
        shown = self.shown(made)
        self.assertEqual(shown.code, 200, shown)
        self.assertEqual(shown.headers["Cache-Control"], "no-store")
        self.assertEqual(shown.headers["X-Robots-Tag"], "noindex")
        self.assertEqual(set(shown.json), {"call", "messages", "numbers",
                                           "expires_ms"})
        self.assertEqual(shown.json["call"]["id"], record(3)["id"])
        self.assertEqual(shown.json["call"]["caller"], "+442079460018")
        token = made.json["url"].split("/#/shared/")[1]
        holder = Client(self.service, token, source=7)
        for path in ("/calls", "/call-records", "/shares", "/session",
                     "/trace/" + record(3)["id"], "/tenants",
                     "/call-records/" + record(3)["id"]):
            self.assertEqual(holder.get(path).code, 401, path)
        self.assertEqual(Client(self.service, source=7).get(
            "/shared/" + token[:-1] + ("A" if token[-1] != "A" else "B")
        ).code, 404)
        self.assertNotIn(token, self.service.log())

    def test_without_numbers_nobody_is_known(self):
        made = self.share("support", 3)
        shown = self.shown(made)
        text = shown.text
        for word in ("2079460018", "4930123", "user1", "onerror"):
            self.assertNotIn(word, text)
        call = shown.json["call"]
        self.assertEqual(call["caller"][0], "+")
        self.assertEqual(len(call["caller"]), len("+442079460018"))
        self.assertTrue(call["upn"].endswith("@acme.example"))
        self.assertEqual(call["result"], "network")
        self.assertEqual(call["advice"], "Look at the firewall.")
        self.assertEqual(self.share("support", 3, numbers=True).code, 403)

    def test_who_may_share_what(self):
        self.assertEqual(self.share("viewer", 3).code, 403)
        self.assertEqual(self.share("stranger", 3).code, 404)
        self.assertEqual(self.share("admin", 6).code, 404)
        for wish, field in (({"expires_s": 5}, "expires_s"),
                            ({"expires_s": 31 * 86400}, "expires_s"),
                            ({"expires_s": "1"}, "expires_s"),
                            ({"numbers": 1}, "numbers"), ({"x": 1}, "x")):
            answer = self.share("admin", 3, **wish)
            self.assertEqual((answer.code, answer.json["field"]),
                             (422, field), answer)

    def test_a_link_is_taken_back(self):
        made = self.share("admin", 2)
        other = self.share("support", 2)
        path = "/shares/" + made.json["id"]
        rows = self.viewer.get("/shares?call=" + record(2)["id"]).json[
            "shares"]
        self.assertEqual([(row["who"], row["numbers"], row["opened"])
                          for row in rows], [("support", False, 0),
                                             ("admin", False, 0)])
        self.assertEqual(self.clients["stranger"].get(
            "/shares").json["shares"], [])
        self.shown(made)
        rows = self.viewer.get("/shares?call=" + record(2)["id"]).json[
            "shares"]
        self.assertEqual(rows[1]["opened"], 1)
        for who, code in (("stranger", 404), ("viewer", 403),
                          ("support", 403), ("admin", 204)):
            self.assertEqual(self.clients[who].delete(path).code, code, who)
        self.assertEqual(self.shown(made).code, 404)
        self.assertEqual(self.clients["support"].delete(
            "/shares/" + other.json["id"]).code, 204)
        entries = [(row["action"], row["who"]) for row in self.local.get(
            "/audit?kind=share").json["entries"]
            if row["name"] == record(2)["id"]]
        self.assertEqual(entries, [("remove", "support"), ("remove", "admin"),
                                   ("create", "support"),
                                   ("create", "admin")])

    def test_links_are_not_opened_without_end(self):
        made = self.share("admin", 1)
        crowd = Client(self.service, source=9)
        codes = [self.shown(made, crowd).code for _ in range(61)]
        self.assertEqual(codes, [200] * 60 + [429])
        answer = self.shown(made, crowd)
        self.assertLessEqual(int(answer.headers["Retry-After"]), 60)
        self.assertEqual(self.shown(made).code, 200)

    def customer_file(self):
        """The PBX as it is, as a file."""
        value = self.local.get("/tenants/acme/pbxs/hq").json["value"]
        path = self.service.folder / "acme.yaml"
        path.write_text(json.dumps({
            "tenant": "acme", "teams": {"fqdn": "acme.sbc.example.com"},
            "pbx": [value]}))
        return path


class Failed(PortalTest):
    """Calls that failed today, by what was wrong. They are of hours to come:
    these are after the last midnight, whatever the time is."""

    @classmethod
    def setUpClass(cls):
        cls.service = Service(cls.__name__, cls.store())
        cls.addClassCleanup(cls.service.stop)
        folder = cls.service.folder / "state/journal"
        folder.mkdir(parents=True)
        with open(folder / "20200101.jsonl", "w", encoding="utf-8") as out:
            for each in (record(-1), record(-2, **NETWORK),
                         record(-3, **dict(NETWORK, what="", advice="",
                                           reason="Gone")),
                         record(-4, **dict(NETWORK, what="", advice="",
                                           reason="", scode=0)),
                         record(-5, **NETWORK),
                         record(-6, tenant="other", **NETWORK),
                         record(100, **NETWORK)):
                out.write(json.dumps({"time_ms": BEFORE_MS, "call": each},
                                     separators=(",", ":")) + "\n")
        cls.service.start()
        cls.local = cls.service.local()
        for name in ("acme", "other"):
            cls.service.tenant(name)

    def test_failed_calls_are_told_by_their_cause(self):
        def told(query=""):
            found = self.local.get("/overview" + query).json
            return found["failures_today"], [
                (row["what"], row["advice"], row["count"],
                 0xabc000 - int(row["call"], 16))
                for row in found["failures"]]
        advice = NETWORK["advice"]
        # who has asked before the journal was taken over asks again
        wait_for(lambda: told() == (5, [
            (EVIL, advice, 3, 6), ("network", "", 1, 4),
            ("Gone", "", 1, 3)]), 30, lambda: "all: %s" % (told(),), 0.5)
        self.assertEqual(told("?tenant=acme"), (4, [
            (EVIL, advice, 2, 5), ("network", "", 1, 4), ("Gone", "", 1, 3)]))
        self.assertEqual(told("?tenant=other"), (1, [(EVIL, advice, 1, 6)]))
        self.assertEqual(told("?tenant=nobody"), (0, []))


class Exports(PortalTest):
    """Lists as files: more than goes into one piece."""

    many = 2345

    @classmethod
    def setUpClass(cls):
        cls.service = Service(cls.__name__, cls.store())
        cls.addClassCleanup(cls.service.stop)
        folder = cls.service.folder / "state/journal"
        folder.mkdir(parents=True)
        with open(folder / "20200101.jsonl", "w", encoding="utf-8") as out:
            for n in range(cls.many):
                out.write(json.dumps({"time_ms": BEFORE_MS, "call": record(
                    n, tenant="acme" if n % 2 else "other",
                    caller_name="=1+1\t\"x\", %d" % n)},
                    separators=(",", ":")) + "\n")
            for line in [{"reg": {
                    "tenant": "acme", "pbx": "hq", "upn": "u%d@b.c" % n,
                    "state": "failing" if n % 100 == 0 else "registered",
                    "since_s": n + 1, "words": "@SUM(A1)"}}
                    for n in range(cls.many)] + statuses():
                out.write(json.dumps(dict({"time_ms": BEFORE_MS}, **line),
                                     separators=(",", ":")) + "\n")
        cls.service.start()
        cls.local = cls.service.local()
        cls.service.tenant("acme")
        token = cls.local.post("/tokens", {
            "name": "t", "role": "tenant-viewer", "tenant": "acme"})
        cls.viewer = Client(cls.service, token.json["token"])
        wait_for(lambda: cls.local.get("/reports/calls?from_ms=1").json[
            "total"]["calls"] == cls.many, 30,
            "the journal to be taken over", 0.1)
        wait_for(lambda: cls.local.get(
            "/reports/outages?kind=trunk").json["outages"], 30,
            "the statuses to be taken over", 0.1)

    def rows(self, path, client=None, **more):
        """A CSV file as dictionaries."""
        answer = (client or self.local).get(path, **more)
        self.assertEqual(answer.code, 200, answer)
        self.assertEqual(answer.headers["Content-Type"],
                         "text/csv; charset=utf-8")
        self.assertIn("attachment", answer.headers["Content-Disposition"])
        return list(csv.DictReader(io.StringIO(answer.text, newline="")))

    def test_each_call_is_there_once_in_order(self):
        rows = self.rows("/call-records/export")
        self.assertEqual([int(row["id"], 16) - 0xabc000 for row in rows],
                         list(range(self.many)))
        self.assertEqual(rows[3]["start"], time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(record(3)["start_ms"] / 1000)))
        self.assertEqual((rows[3]["teams_mos"], rows[3]["result"]),
                         ("4.20", "answered"))
        answer = self.local.get("/call-records/export?format=json")
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertEqual(len(answer.json["calls"]), self.many)
        self.assertEqual(answer.json["calls"][7]["id"], rows[7]["id"])

    def test_formulas_are_told_as_text(self):
        row = self.rows("/call-records/export")[0]
        self.assertEqual(row["caller_name"], "'=1+1\t\"x\", 0")
        self.assertEqual(row["caller"], "+442079460018")
        self.assertEqual(self.rows("/registrations/export?failing=true"
                                   )[-2]["words"], "'@SUM(A1)")

    def test_what_was_asked_for_and_one_s_own_alone(self):
        rows = self.rows("/call-records/export", self.viewer)
        self.assertEqual({row["tenant"] for row in rows}, {"acme"})
        self.assertEqual(len(rows), self.many // 2)
        self.assertEqual(self.viewer.get(
            "/call-records/export?tenant=other").code, 404)
        late = record(9)["start_ms"]
        self.assertEqual(len(self.rows(
            "/call-records/export?from_ms=%d&number=0018" % late)), 10)
        for query in ("number=1", "format=xml", "mos_below=9", "cursor=1",
                      "from_ms=x"):
            answer = self.local.get("/call-records/export?" + query)
            self.assertEqual(answer.code, 400, query)

    def test_registrations_and_what_changed(self):
        rows = self.rows("/registrations/export?pbx=hq")
        mine = [row for row in rows if row["upn"].endswith("@b.c")]
        self.assertEqual(len(mine), self.many)
        self.assertEqual(len({row["upn"] for row in mine}), self.many)
        failing = self.rows("/registrations/export?failing=true")
        self.assertEqual(len([row for row in failing
                              if row["upn"].endswith("@b.c")]),
                         self.many // 100 + 1)
        self.assertEqual({row["state"] for row in failing}, {"failing"})
        changes = self.rows("/registration-history/export?tenant=acme")
        self.assertGreaterEqual(len(changes), self.many + 6)
        self.assertEqual(changes[-1]["since"][:4], "1970")
        path = "/registration-history/export?tenant=acme&limit="
        for limit in (1, 1000, 1001):
            self.assertEqual(self.rows(path + str(limit)), changes[:limit])
        self.assertEqual(self.local.get(path + "0").code, 400)

    def test_outages_and_the_audit(self):
        rows = self.rows("/reports/outages/export?kind=trunk")
        self.assertEqual([(row["reason"], row["names"]) for row in rows],
                         [("Connection refused",
                           '["sip.pstnhub.example"]')])
        entries = self.rows("/audit/export?kind=pbx")
        self.assertEqual(json.loads(entries[0]["after"])["name"], "hq")
        self.assertEqual(self.local.get("/audit/export?format=json").json[
            "entries"][-1]["kind"], "tenant")

    def test_who_goes_away_or_reads_slowly_harms_nobody(self):
        for read in (0, 100, 200000):
            raw = self.viewer.connection()
            raw.request("GET", "/api/v1/call-records/export?format=json",
                        headers={"Authorization":
                                 "Bearer " + self.viewer.token})
            if read:
                raw.getresponse().read(read)
            raw.close()
        slow = self.viewer.connection()
        slow.request("GET", "/api/v1/call-records/export?format=json",
                     headers={"Authorization": "Bearer "
                              + self.viewer.token})
        self.assertEqual(len(self.rows("/call-records/export")), self.many)
        answer = slow.getresponse()
        self.assertEqual(len(json.loads(answer.read())["calls"]),
                         self.many // 2)
        # and the connection is good for more
        slow.request("GET", "/health/live")
        self.assertEqual(slow.getresponse().status, 200)
        slow.close()


@unittest.skipUnless(postgres.programs(), "PostgreSQL is not installed")
class ExportsOnPostgres(OnPostgres, Exports):
    pass


@unittest.skipUnless(postgres.programs(), "PostgreSQL is not installed")
class KeptOnPostgres(OnPostgres, Kept):
    pass
