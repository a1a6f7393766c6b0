"""The portal's API: sign-in, roles, customers, and what the bridge does with
what is set there. On SQLite and on PostgreSQL."""

import http.client
import json
import os
import signal
import ssl
import unittest
from urllib.parse import unquote

import jsonschema

from support import LabTest, wait_for
from portal import (ADDRESS, PASSWORD, PORT, Client, Registrar,
                    Service, user)

from lab import postgres
from lab.process import run
from lab import plan


class PortalTest(LabTest):
    """A class of tests shares one service."""

    store = staticmethod(lambda: None)
    portal = ""             # more settings of the portal

    @classmethod
    def setUpClass(cls):
        cls.service = Service(cls.__name__, cls.store())
        cls.service.portal = cls.portal
        cls.addClassCleanup(cls.service.stop)
        cls.service.start()
        cls.local = cls.service.local()

    def made(self, answer, code=201):
        self.assertEqual(answer.code, code, answer)
        return answer.json


class SignIn(PortalTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first_code = cls.service.code()
        cls.ann = cls.service.first_admin()

    def test_the_link_is_good_once(self):
        self.assertFalse(self.local.get("/sign-in").json["first_admin"])
        answer = Client(self.service).post("/first-admin", {
            "code": self.first_code, "name": "eve", "password": PASSWORD})
        self.assertEqual(answer.code, 403, answer)
        self.assertEqual(self.local.post("/first-admin/link").code, 409)
        self.assertEqual(Client(self.service).post(
            "/first-admin/link").code, 401)

    def test_the_cookie_is_for_us_alone(self):
        answer = Client(self.service).post("/session", {
            "name": "ann", "password": PASSWORD})
        cookie = answer.headers["Set-Cookie"]
        for word in ("__Host-callbridge=", "HttpOnly", "Secure",
                     "SameSite=Strict", "Path=/"):
            self.assertIn(word, cookie)
        self.assertIn("max-age", answer.headers["Strict-Transport-Security"])
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")

    def test_a_change_wants_the_session_s_text(self):
        bob = Client(self.service).sign_in("ann")
        body = {"name": "nobody", "role": "msp-support"}
        text, bob.csrf = bob.csrf, None
        self.assertEqual(bob.post("/tokens", body).code, 403)
        bob.csrf = text[:-1] + ("A" if text[-1] != "A" else "B")
        self.assertEqual(bob.post("/tokens", body).code, 403)
        self.assertEqual(bob.get("/tokens").code, 200)

    def test_signing_out_ends_the_session(self):
        bob = Client(self.service).sign_in("ann")
        self.assertEqual(bob.get("/session").json["name"], "ann")
        self.assertEqual(bob.delete("/session").code, 204)
        self.assertEqual(bob.get("/session").code, 401)
        self.assertEqual(self.ann.get("/session").code, 200)

    def tried(self, name, source, password="wrong password"):
        return Client(self.service, source=source).post("/session", {
            "name": name, "password": password})

    def slowed_down(self, guess):
        """Five guesses are free. Who is so slow that the second after them
        is over has twice as long to wait the next time."""
        codes = [guess(n).code for n in range(5)]
        self.assertEqual(codes, [401] * 5)
        while codes[-1] == 401 and len(codes) < 9:
            codes.append(guess(len(codes)).code)
        self.assertEqual(codes[-1], 429, codes)

    def test_guessing_is_slowed_down(self):
        # each from an address of its own would be better; the name counts
        self.made(self.local.put("/admins/victim", {
            "role": "msp-support", "password": PASSWORD}))
        def victim_waits():
            self.slowed_down(lambda n: self.tried("victim", 10 + n))
            answer = self.tried("victim", 20, PASSWORD)
            return answer if answer.code == 429 else None
        # who was held up comes after the second that is to be waited
        answer = wait_for(victim_waits, 60, "the victim to have to wait")
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        # nor may one address go through many names; others may come in
        self.slowed_down(lambda n: self.tried("n%d" % n, 30))
        Client(self.service, source=31).sign_in("ann")
        wait_for(lambda: self.tried("ann", 30, PASSWORD).code == 200, 60,
                 "the address to be let in again", 0.3)

    def test_who_is_not_there_is_told_the_same(self):
        self.made(self.local.put("/admins/there", {
            "role": "msp-support", "password": PASSWORD}))
        texts = set()
        for name in ("there", "not-there", "x" * 200, "' OR 1=1 --"):
            answer = Client(self.service, source=40).post("/session", {
                "name": name, "password": "wrong password"})
            self.assertEqual(answer.code, 401)
            texts.add(answer.text)
        self.assertEqual(len(texts), 1, texts)

    def test_another_password_ends_other_sessions(self):
        self.made(self.local.put("/admins/pat", {
            "role": "msp-support", "password": PASSWORD}))
        one, other = (Client(self.service, source=50).sign_in("pat")
                      for _ in range(2))
        answer = one.put("/session/password", {
            "password": PASSWORD, "new_password": "short"})
        self.assertEqual(answer.code, 422, answer)
        answer = one.put("/session/password", {
            "password": PASSWORD, "new_password": PASSWORD + "!"})
        self.assertEqual(answer.code, 204, answer)
        self.assertEqual(one.get("/session").code, 200)
        self.assertEqual(other.get("/session").code, 401)

    def test_the_last_admin_stays(self):
        answer = self.local.delete("/admins/ann")
        self.assertEqual(answer.code, 409, answer)
        answer = self.local.put("/admins/ann", {"role": "msp-support"})
        self.assertEqual(answer.code, 409, answer)

    def test_a_new_certificate_is_taken_up(self):
        def serial():
            context = self.service.trust()
            connection = http.client.HTTPSConnection(
                ADDRESS, PORT, timeout=10, context=context)
            connection.connect()
            found = connection.sock.getpeercert()["serialNumber"]
            connection.close()
            return found
        before = serial()
        self.service.certificate("second")
        wait_for(lambda: serial() != before, 30, "the new certificate", 0.2)
        told = self.local.get("/certificates").json["certificates"]
        self.assertEqual([row["use"] for row in told], ["portal"])
        self.assertEqual((told[0]["issuer"], told[0]["names"]),
                         ("Portal Root", ["portal.example"]), told)
        self.assertIn("local issuer", told[0]["chain"])
        self.assertRegex(self.local.get("/metrics").text,
                         'callbridge_certificate_ends_seconds'
                         '{use="portal"} [0-9]{10}')
        # one that cannot be used leaves the old in place
        (self.service.folder / "portal.pem").write_text("nothing")
        wait_for(lambda: "old one stays" in self.service.log(), 30,
                 "the log to say so", 0.2)
        self.assertEqual(self.local.get("/health/live").code, 200)
        self.assertTrue(serial())

    def test_old_tls_is_refused(self):
        context = self.service.trust()
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises((ssl.SSLError, OSError)):
            http.client.HTTPSConnection(ADDRESS, PORT, timeout=10,
                                        context=context).connect()


class Roles(PortalTest):
    """Each role against each resource."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("acme", "other"):
            cls.service.tenant(name)
        cls.local.post("/tenants/acme/users", user(1))
        cls.local.post("/tenants/other/users", user(2))
        for name in ("acme", "other"):
            answer = cls.local.put("/tenants/%s/sync" % name, {
                "directory_id": name + ".example", "scheduled": False,
                "client_id": "9d3b6f10-2a44-4b7c-8f0e-7f3f1b1c2d3e"})
            assert answer.code == 201, answer
        cls.clients = {"nobody": Client(cls.service)}
        for role, tenant in (("msp-admin", None), ("msp-support", None),
                             ("tenant-admin", "acme"),
                             ("tenant-viewer", "acme")):
            answer = cls.local.post("/tokens", {
                "name": role, "role": role, "tenant": tenant})
            cls.clients[role] = Client(cls.service, answer.json["token"])

    # method, path, body; then nobody, msp-admin, msp-support, tenant-admin
    # and tenant-viewer of acme. A body of {} is wrong: who may gets 422
    matrix = (
        ("GET", "/health/live", None, 200, 200, 200, 200, 200),
        ("GET", "/health/ready", None, 200, 200, 200, 200, 200),
        ("GET", "/openapi.json", None, 200, 200, 200, 200, 200),
        ("GET", "/schema/pbx", None, 200, 200, 200, 200, 200),
        ("GET", "/sign-in", None, 200, 200, 200, 200, 200),
        ("GET", "/metrics", None, 401, 200, 200, 403, 403),
        ("GET", "/version", None, 401, 200, 200, 200, 200),
        ("GET", "/session", None, 401, 200, 200, 200, 200),
        ("GET", "/tenants", None, 401, 200, 200, 200, 200),
        ("POST", "/tenants", {}, 401, 422, 403, 403, 403),
        ("GET", "/tenants/acme", None, 401, 200, 200, 200, 200),
        ("GET", "/tenants/other", None, 401, 200, 200, 404, 404),
        ("PUT", "/tenants/acme", {}, 401, 422, 403, 403, 403),
        ("PUT", "/tenants/other", {}, 401, 422, 403, 404, 404),
        ("PATCH", "/tenants/other", {"tenant": 1}, 401, 422, 403, 404, 404),
        ("DELETE", "/tenants/none", None, 401, 404, 403, 404, 404),
        ("GET", "/tenants/acme/summary", None, 401, 200, 200, 200, 200),
        ("GET", "/tenants/other/summary", None, 401, 200, 200, 404, 404),
        ("GET", "/tenants/acme/pbxs", None, 401, 200, 200, 200, 200),
        ("GET", "/tenants/other/pbxs", None, 401, 200, 200, 404, 404),
        ("POST", "/tenants/acme/pbxs", {}, 401, 422, 403, 422, 403),
        ("POST", "/tenants/other/pbxs", {}, 401, 422, 403, 404, 404),
        ("GET", "/tenants/other/pbxs/hq", None, 401, 200, 200, 404, 404),
        ("PUT", "/tenants/acme/pbxs/hq", {"no": 1},
         401, 422, 403, 422, 403),
        ("PATCH", "/tenants/other/pbxs/hq", {"no": 1},
         401, 422, 403, 404, 404),
        ("DELETE", "/tenants/acme/pbxs/no", None, 401, 404, 403, 404, 403),
        ("DELETE", "/tenants/other/pbxs/hq", None, 401, 409, 403, 404, 404),
        ("GET", "/tenants/acme/pbxs/hq/effective", None,
         401, 200, 200, 200, 200),
        ("GET", "/tenants/other/pbxs/hq/effective", None,
         401, 200, 200, 404, 404),
        ("GET", "/tenants/acme/pbxs/hq/firewall", None,
         401, 200, 200, 200, 200),
        ("GET", "/tenants/other/pbxs/hq/firewall", None,
         401, 200, 200, 404, 404),
        ("GET", "/certificates", None, 401, 200, 200, 200, 200),
        ("GET", "/nodes", None, 401, 200, 200, 403, 403),
        ("POST", "/nodes/none/drain", None, 401, 404, 403, 403, 403),
        ("POST", "/nodes/none/resume", None, 401, 404, 403, 403, 403),
        ("GET", "/users", None, 401, 200, 200, 200, 200),
        ("GET", "/users?tenant=other", None, 401, 200, 200, 404, 404),
        ("GET", "/tenants/acme/users", None, 401, 200, 200, 200, 200),
        ("GET", "/tenants/other/users", None, 401, 200, 200, 404, 404),
        ("POST", "/tenants/acme/users", {}, 401, 422, 403, 422, 403),
        ("POST", "/tenants/other/users", {}, 401, 422, 403, 404, 404),
        ("GET", "/tenants/acme/users/user1@acme.example", None,
         401, 200, 200, 200, 200),
        ("GET", "/tenants/other/users/user2@acme.example", None,
         401, 200, 200, 404, 404),
        ("GET", "/tenants/acme/users/user2@acme.example", None,
         401, 404, 404, 404, 404),
        ("PUT", "/tenants/acme/users/user1@acme.example", {"no": 1},
         401, 422, 403, 422, 403),
        ("PATCH", "/tenants/acme/users/user1@acme.example", {"no": 1},
         401, 422, 403, 422, 403),
        ("PATCH", "/tenants/other/users/user2@acme.example", {"no": 1},
         401, 422, 403, 404, 404),
        ("DELETE", "/tenants/acme/users/no@acme.example", None,
         401, 404, 403, 404, 403),
        ("DELETE", "/tenants/other/users/no@acme.example", None,
         401, 404, 403, 404, 404),
        ("GET", "/tenants/acme/users/export", None,
         401, 200, 200, 200, 200),
        ("GET", "/tenants/other/users/export", None,
         401, 200, 200, 404, 404),
        ("POST", "/tenants/acme/users/import", {}, 401, 202, 403, 202, 403),
        ("POST", "/tenants/other/users/import", {},
         401, 202, 403, 404, 404),
        ("POST", "/apply", {"tenant": "other", "no": 1},
         401, 422, 403, 404, 403),
        ("POST", "/apply", {"tenant": "acme", "no": 1},
         401, 422, 403, 422, 403),
        ("GET", "/syncs", None, 401, 200, 200, 200, 200),
        ("GET", "/syncs?tenant=other", None, 401, 200, 200, 404, 404),
        ("GET", "/tenants/acme/sync", None, 401, 200, 200, 200, 200),
        ("GET", "/tenants/other/sync", None, 401, 200, 200, 404, 404),
        ("PUT", "/tenants/acme/sync", {}, 401, 422, 403, 422, 403),
        ("PUT", "/tenants/other/sync", {}, 401, 422, 403, 404, 404),
        ("PATCH", "/tenants/acme/sync", {"no": 1},
         401, 422, 403, 422, 403),
        ("PATCH", "/tenants/other/sync", {"no": 1},
         401, 422, 403, 404, 404),
        ("DELETE", "/tenants/acme/sync?dry_run=true", None,
         401, 204, 403, 204, 403),
        ("DELETE", "/tenants/other/sync?dry_run=true", None,
         401, 204, 403, 404, 404),
        ("GET", "/tenants/acme/sync/status", None,
         401, 200, 200, 200, 200),
        ("GET", "/tenants/other/sync/status", None,
         401, 200, 200, 404, 404),
        ("POST", "/tenants/acme/sync/runs", {}, 401, 422, 403, 422, 403),
        ("POST", "/tenants/other/sync/runs", {}, 401, 422, 403, 404, 404),
        ("GET", "/tenants/acme/sync/people", None,
         401, 200, 200, 200, 200),
        ("GET", "/tenants/other/sync/people", None,
         401, 200, 200, 404, 404),
        ("POST", "/tenants/acme/sync/users", {}, 401, 422, 403, 422, 403),
        ("POST", "/tenants/other/sync/users", {}, 401, 422, 403, 404, 404),
        ("GET", "/tenants/acme/sync/script", None,
         401, 200, 200, 200, 200),
        ("GET", "/tenants/other/sync/script", None,
         401, 200, 200, 404, 404),
        ("GET", "/imports/none", None, 401, 404, 404, 404, 404),
        ("GET", "/templates", None, 401, 200, 200, 200, 200),
        ("GET", "/templates/3cx", None, 401, 200, 200, 200, 200),
        ("PUT", "/templates/own", "no: 1", 401, 422, 403, 403, 403),
        ("DELETE", "/templates/own", None, 401, 404, 403, 403, 403),
        ("GET", "/registrations", None, 401, 200, 200, 200, 200),
        ("GET", "/registrations?tenant=other", None,
         401, 200, 200, 404, 404),
        ("POST", "/registrations/no@acme.example/retry", None,
         401, 404, 403, 404, 403),
        ("GET", "/registration-history", None, 401, 200, 200, 200, 200),
        ("GET", "/registration-history?tenant=other", None,
         401, 200, 200, 404, 404),
        ("GET", "/trunks", None, 401, 200, 200, 200, 200),
        ("GET", "/calls", None, 401, 200, 200, 200, 200),
        ("GET", "/calls?tenant=other", None, 401, 200, 200, 404, 404),
        ("GET", "/calls/none", None, 401, 404, 404, 404, 404),
        ("GET", "/call-records", None, 401, 200, 200, 200, 200),
        ("GET", "/call-records?tenant=other", None,
         401, 200, 200, 404, 404),
        ("GET", "/call-records/none", None, 401, 404, 404, 404, 404),
        ("POST", "/call-records/none/shares", {}, 401, 404, 404, 404, 403),
        ("GET", "/shares", None, 401, 200, 200, 200, 200),
        ("GET", "/shares?tenant=other", None, 401, 200, 200, 404, 404),
        ("DELETE", "/shares/none", None, 401, 404, 404, 404, 404),
        ("GET", "/shared/none", None, 404, 404, 404, 404, 404),
        ("GET", "/reports/calls", None, 401, 200, 200, 200, 200),
        ("GET", "/reports/calls?tenant=other", None,
         401, 200, 200, 404, 404),
        ("GET", "/reports/outages", None, 401, 200, 200, 200, 200),
        ("GET", "/reports/outages?tenant=other", None,
         401, 200, 200, 404, 404),
        ("GET", "/tenants/acme/pbxs/hq/number?from=teams&number=112", None,
         401, 200, 200, 200, 200),
        ("GET", "/tenants/other/pbxs/hq/number?from=pbx&number=1", None,
         401, 200, 200, 404, 404),
        ("GET", "/call-records/export", None, 401, 200, 200, 200, 200),
        ("GET", "/call-records/export?tenant=other", None,
         401, 200, 200, 404, 404),
        ("GET", "/registrations/export", None, 401, 200, 200, 200, 200),
        ("GET", "/registrations/export?tenant=other", None,
         401, 200, 200, 404, 404),
        ("GET", "/registration-history/export", None,
         401, 200, 200, 200, 200),
        ("GET", "/registration-history/export?tenant=other", None,
         401, 200, 200, 404, 404),
        ("GET", "/reports/outages/export", None, 401, 200, 200, 200, 200),
        ("GET", "/reports/outages/export?tenant=other", None,
         401, 200, 200, 404, 404),
        ("GET", "/audit/export", None, 401, 200, 200, 200, 200),
        ("GET", "/audit/export?tenant=other", None, 401, 200, 200, 404, 404),
        ("GET", "/trace/none", None, 401, 404, 404, 404, 404),
        ("GET", "/trace/user2@acme.example", None,
         401, 200, 200, 404, 404),
        ("GET", "/trace/user1@acme.example/voice", None,
         401, 404, 403, 404, 403),
        ("POST", "/trace/user1@acme.example/voice", {"seconds": 9},
         401, 409, 403, 409, 403),
        ("POST", "/trace/user1@acme.example/voice", {"seconds": 601},
         401, 422, 403, 422, 403),
        ("POST", "/trace/user2@acme.example/voice", {"seconds": 9},
         401, 409, 403, 404, 403),
        ("DELETE", "/trace/user1@acme.example/voice", None,
         401, 404, 403, 404, 403),
        ("GET", "/overview", None, 401, 200, 200, 200, 200),
        ("GET", "/overview?tenant=other", None, 401, 200, 200, 404, 404),
        ("GET", "/audit", None, 401, 200, 200, 200, 200),
        ("GET", "/audit?tenant=other", None, 401, 200, 200, 404, 404),
        ("GET", "/test-runs", None, 401, 200, 200, 200, 200),
        ("GET", "/test-runs?tenant=other", None, 401, 200, 200, 404, 404),
        ("GET", "/test-runs/none", None, 401, 404, 404, 404, 404),
        ("POST", "/test-runs?tenant=acme", {}, 401, 422, 403, 422, 403),
        ("POST", "/test-runs?tenant=other", {}, 401, 422, 403, 404, 403),
        ("PATCH", "/test-runs/none", {"keep": True},
         401, 404, 403, 404, 403),
        ("DELETE", "/test-runs/none", None, 401, 404, 403, 404, 403),
        ("GET", "/test-runs/none/report", None, 401, 404, 404, 404, 404),
        ("GET", "/test-runs/none/report-captures/x", None,
         401, 404, 404, 404, 404),
        ("GET", "/test-runs/compare?old=none&new=none", None,
         401, 404, 404, 404, 404),
        ("GET", "/test-runs/none/events", None, 401, 404, 404, 404, 404),
        ("POST", "/test-runs/none/answer", {"answer": "pass"},
         401, 404, 403, 404, 403),
        ("POST", "/test-runs/none/stop", None, 401, 404, 403, 404, 403),
        ("GET", "/test-plans", None, 401, 200, 200, 200, 200),
        ("POST", "/test-plans/check", {}, 401, 422, 422, 422, 422),
        ("POST", "/tenants/acme/pbxs/hq/test-runs", {"no": 1},
         401, 422, 403, 422, 403),
        ("POST", "/tenants/other/pbxs/hq/test-runs", {"no": 1},
         401, 422, 403, 404, 404),
        ("GET", "/tenants/acme/pbxs/hq/testers", None,
         401, 404, 404, 404, 404),
        ("PUT", "/tenants/acme/pbxs/hq/testers", {"no": 1},
         401, 422, 403, 422, 403),
        ("PUT", "/tenants/other/pbxs/hq/testers", {"no": 1},
         401, 422, 403, 404, 404),
        ("PATCH", "/tenants/acme/pbxs/hq/testers", {"no": 1},
         401, 404, 403, 404, 403),
        ("DELETE", "/tenants/acme/pbxs/hq/testers", None,
         401, 404, 403, 404, 403),
        ("DELETE", "/tenants/other/pbxs/hq/testers", None,
         401, 404, 403, 404, 404),
        ("GET", "/events?tenant=other", None, 401, None, None, 404, 404),
        ("GET", "/admins", None, 401, 200, 200, 200, 200),
        ("PUT", "/admins/x", {}, 401, 422, 403, 422, 403),
        ("PUT", "/admins/x", {"role": "msp-admin", "password": PASSWORD},
         401, 201, 403, 403, 403),
        ("PUT", "/admins/y", {"role": "tenant-admin", "tenant": "other",
                              "password": PASSWORD},
         401, 201, 403, 403, 403),
        ("DELETE", "/admins/y", None, 401, 204, 403, 404, 403),
        ("GET", "/tokens", None, 401, 200, 200, 200, 200),
        ("POST", "/tokens", {"name": "t", "role": "msp-support"},
         401, 201, 403, 403, 403),
        ("DELETE", "/tokens/msp-support", None, 401, None, 403, 404, 403),
        ("POST", "/first-admin/link", None, 401, 403, 403, 403, 403),
        ("PUT", "/session/password", {}, 401, 422, 422, 422, 422),
        ("POST", "/reload", None, 401, None, 403, 403, 403),
    )

    def test_each_role_against_each_resource(self):
        wrong = []
        for method, path, body, *codes in self.matrix:
            for who, want in zip(self.clients, codes):
                if want is None:
                    continue
                answer = self.clients[who].ask(
                    method, path, body,
                    "application/yaml" if isinstance(body, str)
                    else "application/json")
                if answer.code == 503 and want == 202:
                    continue        # another import runs
                if answer.code != want:
                    wrong.append("%s %s as %s: want %d, found %r" % (
                        method, path, who, want, answer))
        self.assertFalse(wrong, "\n".join(wrong))

    def test_every_resource_is_in_the_matrix(self):
        paths = self.local.get("/openapi.json").json["paths"]
        seen = set()
        for method, path, *_ in self.matrix:
            words = path.partition("?")[0].split("/")
            for known in paths:
                parts = known.replace("/api/v1", "", 1).split("/")
                if len(parts) == len(words) and all(
                        a == b or a.startswith("{")
                        for a, b in zip(parts, words)):
                    seen.add((method.lower(), known))
        have = {(method, path) for path, methods in paths.items()
                for method in methods}
        # signing in and out: see SignIn and SingleSignOn
        self.assertEqual({each for each in have - seen if not any(
            word in each[1] for word in ("session", "first-admin",
                                         "oidc"))}, set())

    def test_a_tenant_sees_its_own_alone(self):
        acme = self.clients["tenant-viewer"]
        for path, name in (("/tenants", "tenants"), ("/users", "users"),
                           ("/audit", "entries"),
                           ("/registrations", "registrations"),
                           ("/registration-history", "changes"),
                           ("/admins", "admins"), ("/tokens", "tokens")):
            rows = acme.get(path).json[name]
            self.assertTrue(all(row["tenant"] == "acme" for row in rows),
                            "%s: %s" % (path, rows))
        self.assertEqual(len(acme.get("/users").json["users"]), 1)

    def test_an_overview_is_told_to_those_it_is_for(self):
        def seen(who, query=""):
            found = self.clients[who].get("/overview" + query).json
            return (sum(found["registrations"].values()),
                    "teams" in {row["kind"] for row in found["problems"]})
        wait_for(lambda: seen("msp-admin")[0] == 2, 30,
                 "both users to be counted", 0.1)
        # one after the other: within the time that an answer is good for
        self.assertEqual([
            seen("msp-admin"), seen("msp-support", "?tenant=acme"),
            seen("tenant-admin"), seen("tenant-viewer", "?tenant=acme"),
            seen("msp-support", "?tenant=other"),
            seen("msp-support", "?tenant=nobody"), seen("msp-support")],
            # who has no certificate for Teams is the node: not a customer's
            [(2, True), (1, True), (1, False), (1, False), (1, True),
             (0, False), (2, True)])

    def test_reports_are_kept_for_whom_they_concern(self):
        report = {"verdict": "passed", "counts": {"passed": 3},
                  "started": "2026-01-01T00:00:00Z",
                  "plans": [{"plan": "confidence", "cases": []}]}
        made = self.made(self.clients["msp-admin"].post(
            "/test-runs?tenant=other", report))
        path = "/test-runs/" + made["id"]
        found = self.clients["msp-support"].get(path).json
        self.assertEqual(found["report"], report)
        self.assertEqual((found["tenant"], found["plans"]),
                         ("other", ["confidence"]))
        for role in ("tenant-admin", "tenant-viewer"):
            self.assertEqual(self.clients[role].get(path).code, 404)
            self.assertEqual(self.clients[role].get("/test-runs").json[
                "test_runs"], [])
        self.assertEqual(self.clients["tenant-admin"].delete(path).code, 404)
        self.assertEqual(self.clients["msp-admin"].post(
            "/test-runs?tenant=none", report).code, 404)
        self.assertEqual(self.clients["msp-admin"].delete(path).code, 204)

    def test_what_the_msp_alone_may_set(self):
        for path, change, field in (
                ("/tenants/acme/users/user1@acme.example",
                 {"policy": {"allow": ["premium"]}}, "policy"),
                ("/tenants/acme/pbxs/hq",
                 {"tls": {"ca_file": "/etc/shadow"}}, "tls.ca_file")):
            answer = self.clients["tenant-admin"].patch(path, change)
            self.assertEqual(answer.code, 422, answer)
            self.assertIn(field, [row["field"]
                                  for row in answer.json["errors"]])
        answer = self.clients["msp-admin"].patch(
            "/tenants/acme/users/user1@acme.example",
            {"policy": {"allow": ["premium"]}})
        self.assertEqual(answer.code, 200, answer)
        # what the MSP has set stays when others change something else
        answer = self.clients["tenant-admin"].patch(
            "/tenants/acme/users/user1@acme.example", {"name": "Ann"})
        self.assertEqual(answer.json["value"]["policy"]["allow"],
                         ["premium"], answer)

    def test_a_token_that_is_over_is_none(self):
        answer = self.local.post("/tokens", {
            "name": "over", "role": "msp-support", "expires_ms": 1})
        old = Client(self.service, self.made(answer)["token"])
        self.assertEqual(old.get("/tenants").code, 401)
        self.assertEqual(Client(self.service, "cb_" + "A" * 43).get(
            "/tenants").code, 401)


class Customers(PortalTest):
    """Making, changing and removing, and what the bridge does then."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pbx = Registrar()
        cls.addClassCleanup(cls.pbx.close)
        cls.service.tenant()

    def tearDown(self):
        for row in self.local.get("/tenants/acme/users").json["users"]:
            self.local.delete("/tenants/acme/users/" + row["name"])
        super().tearDown()

    def test_a_user_registers_when_made_and_not_when_switched_off(self):
        path = "/tenants/acme/users/user1@acme.example"
        self.made(self.local.post("/tenants/acme/users", user(1)))
        self.pbx.wait("1001")
        wait_for(lambda: (self.local.get(path).json["status"] or {}).get(
            "state") == "registered", 30, "the store to know", 0.1)
        found = self.local.get("/tenants/acme/users?state=registered").json
        self.assertEqual(found["total"], 1, found)
        self.made(self.local.patch(path, {"enabled": False}), 200)
        self.pbx.wait("1001", False)
        self.made(self.local.patch(path, {"enabled": True}), 200)
        self.pbx.wait("1001")
        self.assertEqual(self.local.delete(path).code, 204)
        self.pbx.wait("1001", False)
        history = self.local.get("/registration-history?upn=user1@acme"
                                 ".example").json["changes"]
        self.assertIn("registered", {row["state"] for row in history})

    def test_what_a_firewall_is_to_let_through(self):
        self.made(self.local.post("/tenants/acme/users", user(1)))
        self.pbx.wait("1001")

        def asked():
            return self.local.get("/tenants/acme/pbxs/hq/firewall").json
        wait_for(lambda: asked()["seen"] == ["127.0.0.1:15060"], 30,
                 lambda: "the Contact: %s" % asked(), 0.1)
        signalling, media = asked()["rules"]
        self.assertIn('"remote_ports": "15080"', self.service.command(
            "get", "firewall", "acme", "hq"))
        self.assertEqual(signalling, {
            "side": "pbx", "what": "signalling", "direction": "both",
            "transport": "udp", "local": "127.0.0.1", "local_ports": "15060",
            "remote": ["127.0.0.1"], "remote_ports": "15080"})
        self.assertEqual((media["what"], media["local_ports"],
                          media["remote_ports"]),
                         ("media", "30000-39999", "any"))

        # by TLS the PBX may connect, too: but nobody listens here
        self.made(self.local.post("/tenants/acme/pbxs", {
            "name": "two", "template": "generic", "country": "GB",
            "sip_domain": "two.example", "protocol": "tls"}))
        rules = self.local.get("/tenants/acme/pbxs/two/firewall").json[
            "rules"]
        self.assertEqual([(r["direction"], r["transport"], r["remote"],
                           r["remote_ports"]) for r in rules],
                         [("out", "tcp", ["two.example"], "5061"),
                          ("both", "udp", ["two.example"], "any")])
        self.assertEqual(self.local.delete("/tenants/acme/pbxs/two").code,
                         204)

    def test_what_most_suffer_from_comes_first(self):
        self.pbx.refused = {"1031", "1032"}
        self.addCleanup(self.pbx.refused.clear)
        for n in (31, 32, 33):
            self.made(self.local.post("/tenants/acme/users", user(n)))

        def problems(query=""):
            return self.local.get("/overview" + query).json["problems"]
        # nobody can call Teams from a node without a certificate for it
        wait_for(lambda: [(row["kind"], row["users"]) for row in problems()]
                 == [("teams", 3), ("registrations", 2)], 20,
                 lambda: "both to fail: %s" % problems(), 0.2)
        row = problems("?tenant=acme")[1]
        self.assertEqual((row["kind"], row["tenant"], row["pbx"]),
                         ("registrations", "acme", "hq"), row)
        self.assertIn("403", row["words"])
        self.assertIn(row["name"], ("user31@acme.example",
                                    "user32@acme.example"))
        self.assertTrue(row["advice"])

        # who comes back is seen to, and by whoever has asked before
        self.pbx.refused.clear()
        for n in (31, 32):
            self.local.post("/registrations/user%d@acme.example/retry" % n)

        def states():
            found = self.local.get("/overview").json
            return found["registrations"], len(found["attention"])
        wait_for(lambda: states() == ({
            "off": 0, "queued": 0, "registered": 3, "lagging": 0,
            "failing": 0}, 0), 30, lambda: "all: %s" % (states(),), 0.2)
        self.assertEqual([kind["kind"] for kind in problems()], ["teams"])

    def test_revisions_keep_people_apart(self):
        path = "/tenants/acme/users/user2@acme.example"
        answer = self.local.post("/tenants/acme/users", user(2))
        self.assertEqual(answer.headers["ETag"], '"1"')
        self.assertEqual(unquote(answer.headers["Location"]),
                         "/api/v1" + path)
        answer = self.local.patch(path, {"name": "Ann"}, If_Match='"1"')
        self.assertEqual(answer.headers["ETag"], '"2"', answer)
        self.assertEqual(self.local.patch(
            path, {"name": "Bob"}, If_Match='"1"').code, 412)
        self.assertEqual(self.local.delete(path, If_Match='"1"').code, 412)
        self.assertEqual(self.local.put(
            path, user(2), If_None_Match="*").code, 412)
        self.assertEqual(self.local.patch(
            path, {}, If_Match="2").code, 400)
        self.assertEqual(self.local.get(path).json["value"]["name"], "Ann")

    def test_a_creation_may_be_asked_for_again(self):
        key = "k-%d" % os.getpid()
        first = self.local.post("/tenants/acme/users", user(3),
                                Idempotency_Key=key)
        again = self.local.post("/tenants/acme/users", user(3),
                                Idempotency_Key=key)
        self.assertEqual((first.code, again.code), (201, 201))
        self.assertEqual(first.json, again.json)
        self.assertEqual(again.headers["Idempotency-Replayed"], "true")
        other = self.local.post("/tenants/acme/users", user(4),
                                Idempotency_Key=key)
        self.assertEqual(other.code, 422, other)
        self.assertEqual(self.local.post("/tenants/acme/users",
                                         user(3)).code, 409)

    def test_a_dry_run_keeps_nothing(self):
        answer = self.local.post("/tenants/acme/users?dry_run=true", user(5))
        self.made(answer)
        self.assertEqual(self.local.get(
            "/tenants/acme/users/user5@acme.example").code, 404)

    def test_what_is_wrong_is_said(self):
        for change, field, hint in (
                ({"sip_usrname": "1"}, "sip_usrname", "sip_username"),
                ({"number": "12"}, None, None),
                ({"number": "abc"}, "number", None),
                ({"number": 5}, "number", None),
                ({"enabled": "maybe"}, "enabled", None),
                ({"pbx": "nowhere"}, "pbx", None),
                ({"sip_password": None}, "sip_password", None),
                ({"upn": "no upn"}, "upn", None),
                ({"name": "a\nb"}, "name", None),
                ({"name": "x" * 96}, "name", None),
                ({"tenant": "other"}, "tenant", None),
                ({"revision": 3}, "revision", None)):
            answer = self.local.post("/tenants/acme/users",
                                     user(6, **change))
            if field is None:
                self.made(answer)
                continue
            self.assertEqual(answer.code, 422, answer)
            self.assertEqual(answer.json["field"], field, answer)
            if hint:
                self.assertEqual(answer.json["hint"], hint, answer)
        answer = self.local.post("/tenants/acme/pbxs", {
            "name": "x", "template": "gneric", "sip_domain": "a.example"})
        self.assertEqual((answer.code, answer.json["hint"]),
                         (422, "generic"), answer)

    def test_bad_input_is_refused(self):
        deep = "[" * 40 + "]" * 40
        for body, code in (("", 400), ("{", 400), ("[]", 400), ("1", 400),
                           ('{"a": 1, "a": 2}', 400), ("{}x", 400),
                           ('{"upn": "\\u0000"}', 400),
                           (b'{"upn": "\xff"}', 400),
                           ('{"upn": %s}' % deep, 400),
                           (" " * (1024 * 1024 + 1), 413)):
            answer = self.local.post("/tenants/acme/users", body)
            self.assertEqual(answer.code, code, (body[:40], answer))
        answer = self.local.ask("POST", "/tenants/acme/users",
                                json.dumps(user(7)), "text/plain")
        self.assertEqual(answer.code, 415)
        for path in ("/users?limit=0", "/users?limit=x", "/users?no=1",
                     "/users?sort=name", "/tenants/acme/users?cursor=x",
                     "/tenants/acme/users?state=well"):
            self.assertEqual(self.local.get(path).code, 400, path)

    def test_injected_text_is_text(self):
        name = "<script>alert(1)</script>'; DROP TABLE users; --"
        self.made(self.local.post("/tenants/acme/users", user(8, name=name)))
        for q, count in (("%3Cscript", 1), ("%25", 0), ("_", 0), ("%27", 1),
                         ("%5C", 0), ("USER8", 1)):
            found = self.local.get("/tenants/acme/users?q=" + q).json
            self.assertEqual(len(found["users"]), count, (q, found))
        self.assertEqual(found["users"][0]["value"]["name"], name)

    def test_pages_follow_each_other(self):
        for n in range(20, 27):
            self.made(self.local.post("/tenants/acme/users", user(n)))
        for sort in ("upn", "-upn", "number", "-number", "pbx", "-pbx"):
            seen, cursor = [], ""
            while cursor is not None:
                page = self.local.get("/tenants/acme/users?limit=3&sort=%s%s"
                                      % (sort, cursor and "&cursor="
                                         + cursor.replace("+", "%2B"))).json
                seen += [row["name"] for row in page["users"]]
                cursor = page["next"]
                if cursor is not None:
                    self.assertEqual(len(page["users"]), 3)
            self.assertEqual(seen, sorted(seen, reverse=sort[0] == "-"))
            self.assertEqual(len(seen), 7)

    def test_a_secret_is_told_to_nobody(self):
        self.made(self.local.post("/tenants/acme/users", user(
            9, sip_password="d0nt-tell-9")))
        self.pbx.wait("1009")
        found = self.local.get("/tenants/acme/users/user9@acme.example")
        self.assertEqual(found.json["secrets"], ["sip_password"])
        texts = [found.text, self.local.get("/audit").text,
                 self.local.get("/tenants/acme/users/export").text,
                 self.service.log()]
        state = self.service.folder / "state"
        texts += [path.read_bytes().decode(errors="replace")
                  for path in state.glob("store.db*")]
        for text in texts:
            self.assertNotIn("d0nt-tell-9", text)
        self.assertIn("********", self.local.get("/audit").text)

    def test_a_pbx_and_its_users_go_together(self):
        self.made(self.local.post("/tenants/acme/users", user(10)))
        path = "/tenants/acme/pbxs/hq"
        self.assertEqual(self.local.delete(path).code, 409)
        # such a PBX wants a name of its own for authentication
        answer = self.local.patch(path, {"auth_username": "required"})
        self.assertEqual(answer.code, 422, answer)
        self.assertIn("user10@acme.example", answer.json["error"])
        effective = self.local.get(path + "/effective").json["value"]
        self.assertIn("registration", effective)

    def test_what_a_file_says_is_changed_there(self):
        path = self.service.folder / "customers/filed.yaml"
        path.write_text(
            "tenant: filed\nteams: {fqdn: filed.sbc.example.com}\npbx:\n"
            "  - {name: hq, sip_domain: filed.pbx.example, country: GB, "
            "sip_proxy: '127.0.0.1:15080'}\nusers:\n"
            "  - {upn: fil@filed.example, number: '+442079490001', pbx: hq, "
            "sip_username: '2001', sip_password: f1led}\n")
        self.service.command("reload")
        found = self.local.get("/tenants/filed/users/fil@filed.example")
        self.assertEqual(found.json["managed"], "file", found)
        self.pbx.wait("2001")
        for answer in (
                self.local.patch("/tenants/filed/users/fil@filed.example",
                                 {"name": "x"}),
                self.local.delete("/tenants/filed"),
                self.local.post("/tenants/filed/users", user(11)),
                self.local.post("/tenants/filed/users/import", {
                    "users": []})):
            self.assertEqual(answer.code, 409, answer)
        answer = self.local.post("/tenants", {
            "tenant": "filed", "teams": {"fqdn": "x.sbc.example.com"}})
        self.assertEqual(answer.code, 409, answer)
        path.unlink()
        self.service.command("reload")
        self.assertEqual(self.local.get("/tenants/filed").code, 404)
        self.pbx.wait("2001", False)

    def test_events_tell_what_happens(self):
        connection = self.local.connection()
        connection.request("GET", "/api/v1/events?tenant=acme")
        stream = connection.getresponse()
        self.addCleanup(connection.close)
        self.assertEqual(stream.headers["Content-Type"], "text/event-stream")
        self.assertEqual(stream.readline(), b"event: reset\n")
        self.made(self.local.post("/tenants/acme/users", user(12)))
        for _ in range(200):
            line = stream.readline()
            if line.startswith(b"data: {") and b"user12" in line and \
                    b"registered" in line:
                return
        self.fail("no event about user12")

    def test_an_own_template_is_followed(self):
        text = ("template: own\nextends: generic\ntitle: Own\n"
                "evidence: unverified\nregistration: {expires: 300}\n")
        self.made(self.local.ask("PUT", "/templates/own", text,
                                 "application/yaml"), 200)
        self.made(self.local.post("/tenants/acme/pbxs", {
            "name": "own", "template": "own", "country": "GB",
            "sip_domain": "own.pbx.example", "sip_proxy":
            "127.0.0.1:15080"}))
        self.made(self.local.post("/tenants/acme/users",
                                  user(13, pbx="own")))
        self.pbx.wait("1013")
        self.assertEqual(self.pbx.expires["1013"], 300)
        self.assertEqual(self.local.delete("/templates/own").code, 409)
        answer = self.local.ask("PUT", "/templates/own",
                                text + "registrtion: 1\n",
                                "application/yaml")
        self.assertEqual(answer.code, 422, answer)
        self.local.delete("/tenants/acme/users/user13@acme.example")
        self.assertEqual(self.local.delete(
            "/tenants/acme/pbxs/own").code, 204)
        self.assertEqual(self.local.delete("/templates/own").code, 204)


class Importing(PortalTest):
    """Many users at once, and customers from files."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service.tenant()

    def tearDown(self):
        self.taken("upn,number,pbx,sip_username,sip_password\n",
                   mode="replace")
        super().tearDown()

    def taken(self, text, type_="text/csv", **query):
        answer = self.local.ask(
            "POST", "/tenants/acme/users/import?" + "&".join(
                "%s=%s" % item for item in query.items()), text, type_)
        self.assertEqual(answer.code, 202, answer)
        path = answer.headers["Location"].replace("/api/v1", "", 1)
        return wait_for(lambda: self.ended(path), 60, "the import", 0.05)

    def ended(self, path):
        found = self.local.get(path).json
        return found if found["state"] != "running" else None

    def table(self, *ns, head="upn,number,pbx,sip_username,sip_password"):
        rows = [head]
        for n in ns:
            value = user(n)
            rows.append(",".join(value[name] for name in head.split(",")))
        return "\r\n".join(rows) + "\r\n"

    def test_made_changed_left_and_removed(self):
        found = self.taken(self.table(1, 2, 3))
        self.assertEqual((found["state"], found["created"]), ("done", 3))
        found = self.taken('upn;name\n"user1@acme.example";"Ann; A ""1"""\n')
        self.assertEqual((found["state"], found["changed"]), ("done", 1),
                         found)
        value = self.local.get(
            "/tenants/acme/users/user1@acme.example").json["value"]
        self.assertEqual(value["name"], 'Ann; A "1"')
        found = self.taken(self.table(2, head="upn,number"))
        self.assertEqual(found["unchanged"], 1, found)
        found = self.taken(self.table(3), mode="create")
        self.assertEqual(found["state"], "failed", found)
        found = self.taken(self.table(3, 4), mode="replace")
        self.assertEqual((found["removed"], found["created"]), (2, 1), found)

    def test_a_dry_run_keeps_nothing(self):
        found = self.taken(self.table(5), dry_run="true")
        self.assertEqual((found["state"], found["created"]), ("done", 1))
        self.assertEqual(self.local.get("/tenants/acme/users").json["total"],
                         0)

    def test_all_that_is_wrong_with_its_line_and_nothing_kept(self):
        text = self.table(1, 2) + (
            "user3@acme.example,abc,hq,1003,x\r\n"
            "user4@acme.example,+442079400004,nowhere,1004,x\r\n"
            "user1@acme.example,+442079400005,hq,1005,x\r\n"
            "user6@acme.example,%s,hq,1006,x\r\n"
            "user7@acme.example,+442079400007,hq,1001,x\r\n"
            % user(2)["number"])
        found = self.taken(text)
        self.assertEqual(found["state"], "failed")
        self.assertEqual({(row["line"], row["field"])
                          for row in found["errors"]},
                         {(4, "number"), (5, "pbx"), (6, "upn"),
                          (7, "number"), (8, "sip_username")}, found)
        self.assertEqual(self.local.get("/tenants/acme/users").json["total"],
                         0)
        for text, line in (("upn,nmber\n", 1), ("", None),
                           ("upn\n\"open\n", 2), ("upn,name\na@b.c\n", 2),
                           ("upn\na@b.c\"d\"\n", 2)):
            if not text:
                continue
            found = self.taken(text)
            self.assertEqual(found["errors"][0]["line"], line, found)

    def test_two_users_may_swap_their_numbers(self):
        self.taken(self.table(1, 2))
        found = self.taken("upn,number\n%s,%s\n%s,%s\n" % (
            user(1)["upn"], user(2)["number"],
            user(2)["upn"], user(1)["number"]))
        self.assertEqual((found["state"], found["changed"]), ("done", 2),
                         found)

    def test_what_goes_out_comes_in_again(self):
        self.taken(self.table(1, 2, 3))
        text = self.local.get("/tenants/acme/users/export").text
        found = self.taken(text)
        self.assertEqual((found["state"], found["unchanged"]), ("done", 3),
                         found)
        rows = self.local.get(
            "/tenants/acme/users/export?format=json").json["users"]
        found = self.taken(json.dumps({"users": rows}), "application/json",
                           mode="replace")
        self.assertEqual(found["unchanged"], 3, found)

    def test_a_formula_is_told_as_text(self):
        self.taken(self.table(1))
        self.local.patch("/tenants/acme/users/user1@acme.example",
                         {"name": "=cmd|' /C calc'!A0"})
        text = self.local.get("/tenants/acme/users/export").text
        self.assertIn("\"'=cmd", text)

    def test_a_file_is_applied_from_elsewhere(self):
        token = self.made(self.local.post("/tokens", {
            "name": "apply", "role": "msp-admin"}))["token"]
        env = dict(os.environ, CALLBRIDGE_TOKEN=token,
                   CALLBRIDGE_URL="https://%s:%d" % (ADDRESS, PORT),
                   CALLBRIDGE_CA_FILE=str(self.service.folder / "root.pem"))

        def there(*words, good=(0,)):
            return run([plan.program("callbridge"), *words], good=good,
                       env=env)
        path = self.service.folder / "new.yaml"
        text = (
            "tenant: fresh\nteams: {fqdn: fresh.sbc.example.com}\npbx:\n"
            "  - {name: hq, sip_domain: fresh.pbx.example, country: GB}\n"
            "users:\n  - {upn: a@fresh.example, number: '+442079480001', "
            "pbx: hq, sip_username: '301', sip_password: fr3sh}\n"
            "  - {upn: b@fresh.example, number: '+442079480002', "
            "pbx: hq, sip_username: '302', sip_password: fr3sh}\n")
        path.write_text(text)
        self.assertIn("+ user a@fresh.example", there(
            "apply", "--dry-run", "-f", path))
        self.assertEqual(self.local.get("/tenants/fresh").code, 404)
        out = there("apply", "-f", path)
        self.assertIn("+ user b@fresh.example", out)
        self.assertNotIn("fr3sh", out)
        path.write_text(text.replace("'302'", "'303'").replace(
            "a@fresh", "c@fresh"))
        out = there("apply", "-f", path)
        self.assertIn('sip_username: "302" -> "303"', out)
        self.assertIn("- user a@fresh.example", out)
        path.write_text(text.replace("protocol", "x").replace(
            "country: GB", "contry: GB"))
        self.assertRegex(there("apply", "-f", path, good=(2,)),
                         r"new\.yaml:4:\d+: .*contry.*country")
        self.assertIn("Bea", there("set", "user", "fresh", "b@fresh.example",
                                   "name=Bea"))
        self.assertIn("Bea", there("get", "user", "fresh",
                                   "b@fresh.example"))
        there("rm", "tenant", "fresh")
        self.assertEqual(self.local.get("/tenants/fresh").code, 404)

    def test_a_file_of_a_large_customer_is_applied(self):
        """More than other YAML files may hold."""
        path = self.service.folder / "large.yaml"
        path.write_text(
            "tenant: large\nteams: {fqdn: large.sbc.example.com}\npbx:\n"
            "  - {name: hq, sip_domain: large.pbx.example, country: GB}\n"
            "users:\n" + "".join(
                "  - {upn: u%d@large.example, number: '+4420%08d', pbx: hq,"
                " sip_username: '%d', sip_password: l4rge, enabled: false}\n"
                % (n, 79000000 + n, n) for n in range(2500)))
        self.assertGreater(path.stat().st_size, 256 * 1024)
        self.service.command("apply", "-f", path)
        self.assertEqual(self.local.get("/tenants/large/users?limit=1")
                         .json["total"], 2500)
        self.service.command("rm", "tenant", "large")

    def test_a_report_is_kept(self):
        path = self.service.folder / "report.json"
        path.write_text('{"verdict": "failed", "plans": [{"plan": "mwi"}]}')
        text = self.service.command("test", "keep", path, "--tenant", "acme")
        found = self.local.get("/test-runs/" + text.split()[-1]).json
        self.assertEqual((found["verdict"], found["plans"]),
                         ("failed", ["mwi"]))
        path.write_text("{")
        self.assertRegex(self.service.command("test", "keep", path,
                                              good=(2,)),
                         r"report\.json:1:\d+: ")


class Lasting(PortalTest):
    """What is kept outlives the service, and its keys."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pbx = Registrar()
        cls.addClassCleanup(cls.pbx.close)
        cls.service.tenant()
        for n in range(1, 21):
            cls.local.post("/tenants/acme/users", user(n))

    def journal(self):
        """Registration changes in the journal, as store_import() counts."""
        count = 0
        for path in (self.service.folder / "state/journal").glob("*.jsonl"):
            count += sum('"reg"' in line and '"queued"' not in line
                         for line in path.read_text(
                             errors="replace").splitlines())
        return count

    def history(self):
        rows, cursor = 0, ""
        while cursor is not None:
            page = self.local.get("/registration-history?limit=1000"
                                  + cursor).json
            rows += len(page["changes"])
            cursor = page["next"] and "&cursor=" + page["next"]
        return rows

    def test_killed_it_comes_back_with_each_line_once(self):
        for kills in range(1, 4):
            self.pbx.expires.clear()
            self.service.process.send(signal.SIGKILL)
            wait_for(lambda: not self.service.process.running(), 30,
                     "the end")
            self.service.start()
            for n in range(1, 21):
                self.pbx.wait(str(1000 + n))
            # what the PBX has said is not yet what was read of it
            wait_for(lambda: self.journal() >= 20 * kills, 30,
                     lambda: "all to be told: %d" % self.journal(), 0.1)
        wait_for(lambda: self.history() == self.journal(), 30,
                 lambda: "%d lines, %d in the store" % (
                     self.journal(), self.history()), 0.2)
        self.assertGreaterEqual(self.history(), 60)

    def test_other_keys_while_it_runs(self):
        self.assertIn("20 passwords", self.service.command(
            "store", "rotate-key"))
        self.made(self.local.patch("/tenants/acme/pbxs/hq",
                                   {"registration": {"expires": 900}}), 200)
        wait_for(lambda: self.pbx.expires.get("1005") == 900, 30,
                 "the PBX's users to be read again")
        self.assertNotIn("cannot be used as the store", self.service.log())

    def test_a_backup_brings_it_back(self):
        path = self.service.folder / "backup"
        path.unlink(missing_ok=True)
        self.service.command("store", "backup", path)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertNotIn("s3cret", path.read_text())
        config = self.service.folder / "other.yaml"
        config.write_text(
            "state_dir: %s\nstore: {url: 'sqlite:%s', key_file: %s}\n" % (
                self.service.folder / "state",
                self.service.folder / "other.db",
                self.service.folder / "state/secrets.key"))
        run([plan.program("callbridge"), "--config", config, "store",
             "restore", path])


class Schemas(PortalTest):
    """Answers are as the OpenAPI document says."""

    def test_answers_are_as_the_document_says(self):
        self.service.tenant()
        local = self.local
        local.post("/tenants/acme/users", user(1))
        local.post("/tenants/acme/users", {})
        local.put("/tenants/acme/sync", {
            "directory_id": "acme.example", "scheduled": False,
            "client_id": "9d3b6f10-2a44-4b7c-8f0e-7f3f1b1c2d3e"})
        local.post("/tenants/acme/sync/runs", {"mode": "dry-run"})
        local.post("/tenants/acme/sync/users?dry_run=true",
                   {"users": [{"id": "nobody"}]})
        for path in ("/tenants", "/tenants/acme", "/tenants/acme/pbxs",
                     "/tenants/acme/pbxs/hq", "/tenants/acme/users", "/users",
                     "/tenants/acme/users/user1@acme.example", "/tokens",
                     "/admins", "/audit", "/registrations", "/trunks",
                     "/calls", "/call-records", "/reports/calls",
                     "/shares", "/reports/calls?step=day&by=pbx", "/reports/outages",
                     "/tenants/acme/pbxs/hq/number?from=teams&number=112", "/templates", "/session",
                     "/templates/3cx", "/overview", "/version",
                     "/syncs", "/tenants/acme/sync/status",
                     "/tenants/acme/sync/people", "/tenants/acme/sync/script",
                     "/tenants/none", "/users?limit=0"):
            local.get(path)
        document = local.get("/openapi.json").json
        self.assertEqual(document["openapi"], "3.1.0")
        checked = sum(self.check(document, *each) for each in local.seen)
        self.assertGreaterEqual(checked, 20)

    def check(self, document, method, path, answer):
        words = ("/api/v1" + path.partition("?")[0]).split("/")
        best = None
        for known, methods in document["paths"].items():
            parts = known.split("/")
            if method.lower() in methods and len(parts) == len(words) and \
                    all(a == b or a[:1] == "{" for a, b in zip(parts, words)):
                if best is None or known.count("{") < best.count("{"):
                    best = known
        if best is None:
            return 0
        responses = document["paths"][best][method.lower()]["responses"]
        response = responses.get(str(answer.code), responses["default"])
        for type_, content in response.get("content", {}).items():
            if type_ == "application/json":
                schema = dict(content["schema"],
                              components=document["components"])
                jsonschema.Draft202012Validator(schema).validate(answer.json)
        return 1


@unittest.skipUnless(postgres.programs(), "PostgreSQL is not installed")
class OnPostgres:
    """The same again on PostgreSQL."""

    @classmethod
    def setUpClass(cls):
        cls.server = postgres.Postgres()
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()
        cls.store = staticmethod(cls.server.database)
        super().setUpClass()


class CustomersOnPostgres(OnPostgres, Customers):
    pass


class ImportingOnPostgres(OnPostgres, Importing):
    pass


class LastingOnPostgres(OnPostgres, Lasting):

    def test_without_its_server_the_bridge_goes_on(self):
        wait_for(lambda: self.states() == {"registered"}, 30,
                 "all to be registered", 0.1)
        self.server.kill()
        answer = wait_for(lambda: self.answer_of("/health/ready", 503), 30,
                          "the service not to be ready", 0.1)
        self.assertEqual(answer.headers["Retry-After"], "2")
        self.assertEqual(self.local.get("/tenants").code, 503)
        self.assertEqual(self.states(), {"registered"})
        self.assertEqual(self.local.get("/health/live").code, 200)
        self.server.run()
        wait_for(lambda: self.answer_of("/health/ready", 200), 30,
                 "the service to be ready again", 0.1)
        self.made(self.local.post("/tenants/acme/users", user(30)))
        self.pbx.wait("1030")
        self.local.delete("/tenants/acme/users/user30@acme.example")
        wait_for(lambda: self.history() == self.journal(), 30,
                 "the journal to be taken over", 0.2)

    def states(self):
        return {row["state"] for row in self.local.get(
            "/registrations").json["registrations"]}

    def answer_of(self, path, code):
        answer = self.local.get(path)
        return answer if answer.code == code else None
