"""Microsoft 365 and a customer's users, with a stand-in for Microsoft."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CALLBRIDGE_BUILD", ROOT / "build/asan"))
sys.path.insert(0, str(ROOT / "tests/fake-graph"))

from fake_graph import (FakeGraph, RESOURCE, Reply, as_json,    # noqa: E402
                        failure, people, person, plan)

SECRET = "a+b/c~d&e=%20"

CUSTOMER = """\
tenant: contoso
teams: { fqdn: contoso.sbc.example.com }
pbx:
  - name: hq
    template: generic
    country: GB
    sip_domain: pbx.contoso.example
users:
"""

USER = """\
  - upn: "%s"
    number: "+4420794600%02d"
    pbx: hq
    sip_username: "%d"
    sip_password: geheim-1
    enabled: %s
"""


def certificates(folder):
    """ca.pem, and for 127.0.0.1 good.pem, for another name wrong.pem, and
    old.pem whose time is over"""
    def openssl(*words):
        subprocess.run(("openssl",) + words, cwd=folder, check=True,
                       capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
            "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2")
    # `openssl x509` of 3.5 makes no certificate that has ended
    pathlib.Path(folder, "index").write_text("")
    pathlib.Path(folder, "ca.cnf").write_text(
        "[ca]\ndefault_ca=c\n[c]\ndatabase=index\nrand_serial=yes\n"
        "new_certs_dir=.\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
        "[p]\ncommonName=supplied\n")
    for name, alternative, year in (("good", "IP:127.0.0.1", "2049"),
                                    ("wrong", "DNS:other.example", "2049"),
                                    ("old", "IP:127.0.0.1", "2021")):
        pathlib.Path(folder, name + ".ext").write_text(
            "subjectAltName=" + alternative)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
                "-keyout", name + ".key", "-out", name + ".csr")
        openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert",
                "ca.pem", "-keyfile", "ca.key", "-startdate",
                "20200101000000Z", "-enddate", year + "0101000000Z",
                "-extfile", name + ".ext", "-in", name + ".csr", "-out",
                name + ".crt")
        pathlib.Path(folder, name + ".pem").write_text(
            pathlib.Path(folder, name + ".crt").read_text() +
            pathlib.Path(folder, name + ".key").read_text())


class SyncTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        held = tempfile.TemporaryDirectory()
        cls.addClassCleanup(held.cleanup)
        cls.folder = pathlib.Path(held.name)
        certificates(cls.folder)

    def customer(self, *upns, off=()):
        text = CUSTOMER
        for i, upn in enumerate(upns):
            text += USER % (upn, i, 100 + i, "false" if upn in off
                            else "true")
        (self.folder / "contoso.yaml").write_text(text)

    def fake(self, rows=(), certificate="good.pem"):
        fake = FakeGraph(self.folder / certificate, rows, SECRET)
        return self.enterContext(fake) if hasattr(self, "enterContext") \
            else self.entered(fake)

    def entered(self, fake):
        fake.__enter__()
        self.addCleanup(fake.__exit__, None, None, None)
        return fake

    def run_cli(self, *args, secret=SECRET, timeout=110):
        env = dict(os.environ, CALLBRIDGE_GRAPH_SECRET=secret)
        return subprocess.run(
            [BUILD / "callbridge", *args], cwd=self.folder, env=env,
            capture_output=True, text=True, timeout=timeout, check=False)

    def dry_run(self, fake, *more, url=None, ca="ca.pem", verb="dry-run",
                **how):
        url = url or fake.url
        return self.run_cli("--ca-file", ca, "sync", verb, "--file",
                            "contoso.yaml", "--tenant-id", "contoso.example",
                            "--client-id", "the-app", "--login-url", url,
                            "--graph-url", url, *more, **how)

    def rows(self, fake, status=0):
        """Of the dry run as JSON, by user"""
        done = self.dry_run(fake, "--json")
        self.assertEqual(done.returncode, status, done.stderr)
        return {row["upn"]: row for row in json.loads(done.stdout)}

    def refused(self, fake, part, more=(), **how):
        done = self.dry_run(fake, *more, **how)
        self.assertEqual((done.returncode, done.stdout), (2, ""),
                         done.stderr)
        self.assertIn(part, done.stderr)
        self.assertNotIn(SECRET, done.stderr)
        return done.stderr


class DryRun(SyncTest):

    def test_why_each_is_listed_or_not(self):
        self.customer("Ann@contoso.example", "bo@contoso.example",
                      "cy@contoso.example", "dan@contoso.example",
                      "eve@contoso.example", "fay@contoso.example",
                      "gus@contoso.example", "nobody@contoso.example",
                      off=("gus@contoso.example",))
        fake = self.fake([
            person("ann@contoso.example"),
            person("bo@contoso.example", plans=[]),
            person("cy@contoso.example", country=None),
            person("dan@contoso.example", accountEnabled=False),
            person("eve@contoso.example", plans=[plan("Suspended")]),
            person("fay@contoso.example", "DE", [plan("Warning")]),
            person("gus@contoso.example"),
            person("hal_other.example#EXT#@contoso.example",
                   userType="Guest"),
            person("queue@contoso.example", plans=[plan(ident=RESOURCE)]),
            person("ivy@contoso.example"),
        ])
        rows = self.rows(fake, 1)
        self.assertEqual({upn: row["why"] for upn, row in rows.items()}, {
            "Ann@contoso.example": "ready",
            "bo@contoso.example": "no_licence",
            "cy@contoso.example": "no_country",
            "dan@contoso.example": "account_disabled",
            "eve@contoso.example": "licence_locked",
            "fay@contoso.example": "ready",
            "gus@contoso.example": "off",
            "nobody@contoso.example": "unknown",
            "hal_other.example#EXT#@contoso.example": "guest",
            "queue@contoso.example": "resource_account",
            "ivy@contoso.example": "no_pbx_account"})
        self.assertIn("run out", rows["fay@contoso.example"]["note"])
        self.assertIn("usage location", rows["cy@contoso.example"]["advice"])

        done = self.dry_run(fake, "--blocked")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "not listed +bo@contoso.example"
                                      r" +\+442079460001 +GB +no Teams Phone")
        self.assertNotIn("ivy@", done.stdout)
        self.assertNotIn("Ann@", done.stdout)

    def test_the_secret_goes_into_the_body_alone(self):
        self.customer("ann@contoso.example")
        fake = self.fake([person("ann@contoso.example")])
        self.rows(fake)
        token, users = fake.log
        self.assertEqual(token.path, "/contoso.example/oauth2/v2.0/token")
        self.assertIn("client_secret=a%2Bb%2Fc~d%26e%3D%2520&", token.body)
        self.assertNotIn("authorization", token.headers)
        self.assertRegex(users.headers["client-request-id"],
                         "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]")
        self.assertEqual(users.body, "")

    def test_a_certificate_instead_of_a_secret(self):
        self.customer("ann@contoso.example")
        fake = self.fake([person("ann@contoso.example")])
        fake.trusted = self.folder / "wrong.pem"
        done = self.dry_run(fake, "--certificate", "wrong.pem", secret="")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("client_secret", fake.log[0].body)

        self.refused(fake, "client secret", more=("--certificate", "old.pem"))
        done = self.dry_run(fake, "--certificate", "ca.pem", secret="")
        self.assertEqual(done.returncode, 2)
        self.assertIn("ca.pem: want a certificate and its RSA key",
                      done.stderr)

    def test_many_people_come_in_pages(self):
        self.customer("user00001@contoso.example")
        fake = self.fake(people(2501))
        self.assertEqual(len(self.rows(fake)), 2501)
        self.assertEqual(len(fake.asked("/users/delta")), 26)
        self.assertEqual(len(fake.asked("/token")), 1)

    def test_a_token_that_ends_on_the_way_is_renewed(self):
        self.customer("user00001@contoso.example")
        fake = self.fake(people(350))
        fake.reply_with("GET", "skiptoken=200",
                        failure(401, "InvalidAuthenticationToken"))
        self.assertEqual(len(self.rows(fake)), 350)
        self.assertEqual(len(fake.asked("/token")), 2)

    def test_throttling_is_waited_for(self):
        self.customer("user00001@contoso.example")
        fake = self.fake(people(3))
        fake.reply_with("GET", "/users/delta",
                        failure(429, "TooManyRequests",
                                **{"Retry-After": "1"}))
        self.assertEqual(len(self.rows(fake)), 3)

    def test_a_link_elsewhere_is_not_followed(self):
        self.customer("ann@contoso.example")
        other = self.fake()
        fake = self.fake()
        fake.reply_with("GET", "/users/delta", as_json(200, {
            "value": [], "@odata.nextLink": other.url + "/v1.0/users"}))
        self.refused(fake, "another host")
        self.assertEqual(other.log, [])

    def test_what_a_person_must_do_is_said(self):
        self.customer("ann@contoso.example")
        fake = self.fake()
        said = self.refused(fake, "is wrong or has expired", secret="wrong")
        self.assertIn("AADSTS7000215", said)
        self.assertNotIn("never shown", said)

        fake.reply_with("POST", "/token", as_json(
            400, {"error": "unauthorized_client", "error_codes": [700016]}))
        self.refused(fake, "admin consent")

        fake.reply_with("GET", "/users/delta",
                        failure(403, "Authorization_RequestDenied"))
        said = self.refused(fake, "User.Read.All")
        self.assertIn("request-id fake-", said)

    def test_broken_replies_are_unreadable(self):
        self.customer("ann@contoso.example")
        fake = self.fake()
        deep = b'{"value":' + b"[" * 1000 + b"]" * 1000 + b"}"
        for body in (b"<html>", b'{"value":[', b"[]", b'{"value":7}',
                     b'{"value":["\xff"]}', b'{"value":["\\u0000"]}', deep):
            fake.reply_with("GET", "/users/delta", Reply(200, body))
            self.refused(fake, "Microsoft changes replies")

    def test_too_much_is_not_read(self):
        self.customer("ann@contoso.example")
        fake = self.fake()
        bomb = Reply(200, b" " * (20 * 1024 * 1024), gzipped=True)
        fake.reply_with("GET", "/users/delta", bomb)
        done = self.dry_run(fake)
        self.assertIn("more than 16 MiB", done.stderr)
        self.assertEqual(len(fake.asked("/users/delta")), 2)
        self.assertEqual(done.returncode, 1)    # ann is nobody there

    def test_only_microsoft_itself_is_believed(self):
        self.customer("ann@contoso.example")
        fake = self.fake()
        for certificate in ("wrong.pem", "old.pem"):
            stranger = self.fake(certificate=certificate)
            self.refused(stranger, "certificate")
            self.assertEqual(stranger.log, [])
        self.refused(fake, "certificate", ca="wrong.crt")
        self.assertEqual(fake.log, [])

        done = self.dry_run(fake, url="http://127.0.0.2:1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("want https://", done.stderr)


class Now(SyncTest):

    def now(self, fake, *more, status=0):
        """What was done, by user"""
        done = self.dry_run(fake, "--json", *more, verb="now")
        self.assertEqual(done.returncode, status, done.stderr)
        return {row["upn"].split("@")[0]: row
                for row in json.loads(done.stdout)}

    def states(self, rows):
        return {upn: row["state"] for upn, row in rows.items()}

    def test_numbers_and_policies_are_given_once(self):
        self.customer("ann@contoso.example", "bo@contoso.example")
        ann = person("ann@contoso.example")
        fake = self.fake([ann, person("bo@contoso.example", plans=[]),
                          person("cy@contoso.example")])
        self.assertEqual(self.states(self.now(fake, "--dry-run")),
                         {"ann": "would"})
        self.assertEqual((fake.numbers, fake.policies), ({}, {}))

        self.assertEqual(self.states(self.now(fake)), {"ann": "done"})
        self.assertEqual(fake.numbers, {ann["id"]: "+442079460000"})
        self.assertEqual(fake.policies, {ann["id"]: {
            "OnlineVoiceRoutingPolicy": "id-of-OnlineVoiceRoutingPolicy",
            "TenantDialPlan": "id-of-TenantDialPlan"}})
        asked = json.loads(fake.asked("assignNumber")[0].body)
        self.assertEqual(asked["numberType"], "directRouting")
        self.assertEqual(len(fake.asked("/operations")), 2)

        self.assertEqual(self.states(self.now(fake)), {"ann": "there"})
        self.assertEqual(len(fake.asked("/assign")), 3)

    def test_nothing_is_taken_from_anybody(self):
        self.customer("ann@contoso.example", "bo@contoso.example")
        rows = [person(name + "@contoso.example")
                for name in ("ann", "bo", "eve")]
        fake = self.fake(rows)
        fake.numbers = {rows[2]["id"]: "+442079460000",
                        rows[1]["id"]: "+442079469999"}
        had = dict(fake.numbers)
        rows = self.now(fake, status=1)
        self.assertEqual(self.states(rows), {"ann": "failed", "bo": "failed"})
        self.assertIn("somebody else", rows["ann"]["reason"])
        self.assertIn("another number", rows["bo"]["reason"])
        self.assertEqual((fake.numbers, fake.policies), (had, {}))

    def test_a_failure_is_one_persons_alone(self):
        self.customer("ann@contoso.example", "bo@contoso.example")
        fake = self.fake([person("ann@contoso.example"),
                          person("bo@contoso.example")])
        fake.lag = 0
        fake.reply_with("GET", "/operations", as_json(200, {
            "status": "failed", "numbers": [
                {"statusDetail": "Not\x1b ours"}]}))
        rows = self.now(fake, status=1)
        self.assertEqual(self.states(rows), {"ann": "failed", "bo": "done"})
        self.assertEqual(rows["ann"]["reason"], "Not\\x1b ours")

    def test_without_the_policies_the_script_comes_first(self):
        self.customer("ann@contoso.example")
        fake = self.fake([person("ann@contoso.example")])
        del fake.known["TenantDialPlan"]
        done = self.dry_run(fake, verb="now")
        self.assertEqual(done.returncode, 2)
        self.assertIn('no TenantDialPlan "Callbridge": run the script first',
                      done.stderr)
        self.assertEqual(fake.asked("assignNumber"), [])

    def test_an_operation_elsewhere_is_not_asked_for(self):
        self.customer("ann@contoso.example")
        other = self.fake()
        fake = self.fake([person("ann@contoso.example")])
        fake.reply_with("POST", "assignNumber", Reply(
            202, headers={"Location": other.url + "/operations('1')"}))
        done = self.dry_run(fake, verb="now")
        self.assertEqual(done.returncode, 2)
        self.assertIn("another host", done.stderr)
        self.assertEqual(other.log, [])

    def test_a_missing_permission_is_said(self):
        self.customer("ann@contoso.example")
        fake = self.fake([person("ann@contoso.example")])
        fake.reply_with("GET", "userConfigurations",
                        failure(403, "Authorization_RequestDenied"))
        done = self.dry_run(fake, verb="now")
        self.assertEqual(done.returncode, 2)
        self.assertIn("a permission is missing", done.stderr)


class Script(SyncTest):

    def script(self, *args):
        done = self.run_cli("sync", "script", "--file", "contoso.yaml", *args)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_values_stay_within_their_quotes(self):
        upn = "o'hara\u2019`$(calc)\u201b@contoso.example"
        self.customer(upn)
        text = self.script("--tenant-id", "contoso.example")
        names = []
        for line in text.splitlines():
            if line.lstrip("\ufeff").startswith("#"):
                continue
            literals, rest = literals_of(line)
            names += literals
            self.assertNotIn('"', rest)
            self.assertNotIn("calc", rest)
        self.assertIn(upn, names)
        self.assertIn("contoso.sbc.example.com", names)
        self.assertIn("+442079460000", names)

    def test_each_node_is_a_gateway(self):
        self.customer("ann@contoso.example")
        text = self.script("--gateways", "contoso.west.example.com,"
                           "CONTOSO.sbc.example.com,a.example.com")
        self.assertEqual(re.findall(r"  @\{ (Fqdn = [^}]*) \}", text), [
            "Fqdn = '%s'; Port = 5061; Derived = $false" % name for name in (
                "a.example.com", "contoso.sbc.example.com",
                "contoso.west.example.com")])
        self.assertIn("-OnlinePstnGatewayList $list", text)
        done = self.run_cli("sync", "script", "--file", "contoso.yaml",
                            "--gateways", "a b")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--gateways: want names of hosts", done.stderr)

    def test_who_is_off_is_not_in_it(self):
        self.customer("ann@contoso.example", "bo@contoso.example",
                      off=("bo@contoso.example",))
        text = self.script()
        self.assertIn("ann@contoso.example", text)
        self.assertNotIn("bo@contoso.example", text)
        self.assertNotIn("geheim", text)
        self.assertRegex(text, r"SHA-256 of the values: [0-9a-f]{64}")

    def test_brackets_and_braces_match(self):
        self.customer("ann@contoso.example")
        depth = []
        pairs = {")": "(", "}": "{", "]": "["}
        for line in self.script().splitlines():
            if line.lstrip("\ufeff").startswith("#"):
                continue
            for sign in literals_of(line)[1]:
                if sign in "({[":
                    depth.append(sign)
                elif sign in pairs:
                    self.assertEqual(depth.pop(), pairs[sign], line)
        self.assertEqual(depth, [])


QUOTES = "'\u2018\u2019\u201a\u201b"


def literals_of(line):
    """The single-quoted literals of a line as PowerShell reads them, and
    what is left beside them"""
    literals, rest, i = [], "", 0
    while i < len(line):
        if line[i] not in QUOTES:
            rest += line[i]
            i += 1
            continue
        value, i = "", i + 1
        while True:
            if line[i] in QUOTES and line[i + 1:i + 2] and \
                    line[i + 1] in QUOTES:
                value += line[i]
                i += 2
            elif line[i] in QUOTES:
                i += 1
                break
            else:
                value += line[i]
                i += 1
        literals.append(value)
    return literals, re.sub(r"\s+", " ", rest)


if __name__ == "__main__":
    unittest.main()
