"""`callbridge readiness` on real PBXs, and on broken ways to them."""

import json
import os
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

from breaker import Breaker
from support import LabTest, plan, site, wait_for
from lab.pki import Authority

BROKEN = "127.0.0.71"           # where a broken way begins


def listens(address, port):
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


class Readiness(LabTest):

    @classmethod
    def setUpClass(cls):
        site().need("dns", "asterisk", "kamailio")
        cls.config = site().state / "readiness.yaml"
        cls.config.write_text(
            "sip: {address: %s}\ndns: {servers: [\"%s:%d\"]}\n"
            % (plan.BRIDGE_PBX, plan.DNS_HOST, plan.DNS_PORT))

    def run_readiness(self, *options, users=(), wrong=None):
        """Exit status and output."""
        words, env = [], dict(os.environ)
        for extension, option, secret in zip(
                users, ("--user", "--user-2"),
                ("CALLBRIDGE_PASSWORD", "CALLBRIDGE_PASSWORD_2")):
            words += [option, str(extension)]
            env[secret] = wrong or plan.secret(extension)
        done = subprocess.run(
            [plan.program("callbridge"), "--config", self.config, "readiness",
             *words, *options], capture_output=True, text=True,
            env=env, timeout=110, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def findings(self, *options, **how):
        """Exit status and the findings, by check; the last of each."""
        status, text = self.run_readiness(*options, "--json", **how)
        return status, {row["check"]: row
                        for row in json.loads(text)["findings"]}

    def broken(self, pbx=plan.ASTERISK, **how):
        breaker = Breaker(BROKEN, pbx, **how)
        self.addCleanup(breaker.close)
        return BROKEN

    def fails(self, found, check, evidence, advice):
        """That check alone fails, and says what to do."""
        self.assertEqual([name for name, row in found.items()
                          if row["verdict"] == "fail"], [check])
        self.assertRegex(found[check]["evidence"], evidence)
        self.assertRegex(found[check]["advice"], advice)

    def test_a_pbx_that_is_ready(self):
        status, text = self.run_readiness(
            "--sip-domain", plan.PBX_NAME, users=(2001, 2002))
        self.assertEqual(status, 0)
        for line in (
                r"pass  Name of the PBX +2 NAPTR; _sip._udp 10 .*; to be"
                r" reached at 127.0.0.10:5060",
                r"pass  The PBX answers +by UDP at .*, it calls itself"
                r" Asterisk PBX 22",
                r"pass  Way to the PBX +round trip \d+ ms, .* 5 of 5 ",
                r"info  Other protocols +TCP at .*, TLS at 127.0.0.10:5061",
                r"pass  Nobody rewrites SIP on the way +Via, ",
                r"pass  Our address, .* +127.0.0.41:\d+, as it is",
                r"pass  Large messages by UDP +up to 2400 octets both ways",
                r"pass  The PBX admits this product ",
                r"pass  Registration +2001 is registered",
                r"pass  Registration +2002 is registered",
                r"pass  Time between registrations +asked for 3600 s,",
                r"pass  Two users from one address +both stay registered",
                r"pass  A call through the PBX +answered, and the second",
                r"info  What the PBX offers +PCMA, PCMU, G722, "
                r"telephone-event; not encrypted; voice at 127.0.0.10:",
                r"pass  Voice +the caller hears the other: 1\d\d packets"
                r" of 172 octets from 127.0.0.10:\d+, where its description",
                r"pass  Voice +the called one hears the other: 1\d\d ",
                r"pbx.contoso.example: ready: 14 passed, 0 warnings, 0 f"):
            self.assertRegex(text, "(?m)^" + line)
        self.assertFalse({2001, 2002} & set(self.site.asterisk.contacts()))

    def test_tcp_and_tls(self):
        status, found = self.findings(
            "--sip-domain", plan.PBX_NAME, "--protocol", "tcp",
            users=(2001, 2002))
        self.assertEqual((status, found["media"]["verdict"]), (0, "pass"))

        status, found = self.findings(
            "--sip-domain", plan.PBX_NAME, "--protocol", "tls",
            users=(2001,))
        self.assertEqual(status, 1)
        self.fails(found, "tls", "its authority is not trusted.*Lab Customer",
                   "tls.ca_file")
        self.assertEqual(found["register"]["verdict"], "pass")

    def test_a_proxy_with_many_domains(self):
        status, found = self.findings(
            "--sip-domain", plan.KAMAILIO_DOMAIN, "--sip-proxy",
            plan.KAMAILIO, users=(2101, 1101))
        self.assertEqual((status, found["media"]["verdict"]), (0, "pass"))

    def test_a_page_for_people(self):
        status, page = self.run_readiness("--sip-domain", plan.PBX_NAME,
                                          "--html")
        self.assertEqual(status, 0)
        self.assertIn("<h1>Readiness of %s</h1>" % plan.PBX_NAME, page)
        self.assertIn('<tr><td class="v passed">pass</td>'
                      '<td>Name of the PBX', page)

    # What is broken, one thing at a time.

    def test_wrong_password(self):
        status, found = self.findings("--sip-domain", plan.PBX_NAME,
                                      users=(2001, 2002), wrong="guess")
        self.assertEqual(status, 1)
        self.fails(found, "register", "2001: 401 ", "Wrong password")

    def test_wrong_name(self):
        status, found = self.findings("--sip-domain", plan.UNKNOWN_NAME)
        self.assertEqual(status, 1)
        self.fails(found, "dns", "has no address", "slip of the pen")

    def test_wrong_domain(self):
        status, found = self.findings(
            "--sip-domain", "t9.lab.test", "--sip-proxy", plan.KAMAILIO,
            users=(2101,))
        self.assertEqual(status, 1)
        self.fails(found, "register", "2101: 401 ", "SIP domain is another")

    def test_refused_user_agent(self):
        def filtered(data):
            if b"User-Agent: Callbridge" not in data:
                return None
            if not data.startswith(b"REGISTER"):
                return None
            head = [line for line in data.split(b"\r\n") if re.match(
                rb"(Via|From|To|Call-ID|CSeq):", line)]
            return b"\r\n".join([b"SIP/2.0 403 Forbidden", *head,
                                 b"Content-Length: 0", b"", b""])
        status, found = self.findings(
            "--sip-domain", self.broken(reply=filtered), users=(2001,))
        self.assertEqual(status, 1)
        self.assertEqual(found["user-agent"]["verdict"], "fail")
        self.assertRegex(found["user-agent"]["evidence"],
                         "Callbridge/.* gets 403 Forbidden, a phone that")
        self.assertEqual(found["user-agent"]["field"], "pbx.user_agent")

    def test_fragments_lost_on_the_way_there(self):
        status, found = self.findings("--sip-domain", self.broken(
            there=lambda data: data if len(data) <= 1472 else None))
        self.assertEqual(status, 1)
        self.fails(found, "fragments", "up to 1460 octets are answered",
                   "Use tcp or tls")

    def test_fragments_lost_on_the_way_back(self):
        status, found = self.findings("--sip-domain", self.broken(
            back=lambda data: data if len(data) <= 1472 else None))
        self.assertEqual(status, 1)
        self.fails(found, "fragments", "from the PBX answers of up to",
                   "Use tcp or tls")

    def test_a_router_that_rewrites_sip(self):
        status, found = self.findings("--sip-domain", self.broken(
            there=lambda data: re.sub(rb"(Via: SIP/2.0/UDP )[0-9.:]+",
                                      rb"\g<1>203.0.113.9:5060", data, 1)))
        self.assertEqual(status, 1)
        self.fails(found, "alg", "our Via said 127.0.0.41:.* and came back"
                   " as 203.0.113.9:5060", "SIP ALG")

    def certificate(self, name, port, *words):
        """What is said of a PBX that shows such a certificate."""
        folder = self.site.state / "tls"
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", "%s:%d" % (BROKEN, port), "-quiet",
             "-key", folder / (name + ".key"), "-cert",
             folder / (name + ".pem"), *words], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait, 10)
        self.addCleanup(server.terminate)
        self.addCleanup(server.stdin.close)
        wait_for(lambda: listens(BROKEN, port), 30, "openssl to listen")
        return self.findings("--sip-domain", plan.PBX_NAME, "--sip-proxy",
                             "%s:%d" % (BROKEN, port), "--protocol",
                             "tls")[1]["tls"]

    def test_certificates_that_are_wrong(self):
        folder = self.site.state / "tls"
        root = Authority(folder, "old-root", "Lab Old Root")
        issuing = Authority(folder, "old-issuing", "Lab Old Issuing", root)
        for name, names, days in (
                ("old-expired", [BROKEN], 0), ("old-other", ["a.example"], 9),
                ("old-short", [BROKEN], 9)):
            issuing.leaf(name, names, days=days)
        wanted = (
            ("old-expired", "^it has expired: ", "Renew"),
            ("old-other", "^it is for another name: .*a.example", "name"),
            ("old-short", "^intermediate certificates are missing: ",
             "intermediate certificates"),
            ("old-root", "^it is self-signed: ", "public authority"))
        with ThreadPoolExecutor(len(wanted)) as pool:
            rows = list(pool.map(
                self.certificate, (name for name, _, _ in wanted),
                range(5061, 5061 + len(wanted))))
        for (name, evidence, advice), row in zip(wanted, rows):
            with self.subTest(name):
                self.assertEqual(row["verdict"], "fail")
                self.assertRegex(row["evidence"], evidence)
                self.assertIn(advice, row["advice"])

    def test_voice_at_a_private_address(self):
        status, found = self.findings("--sip-domain", plan.PBX_NAME,
                                      users=(2001, 2031))
        self.assertEqual(status, 1)
        self.assertEqual(found["address"]["verdict"], "fail")
        self.assertRegex(found["address"]["advice"], "external or public")

    def test_voice_that_flows_one_way(self):
        status, found = self.findings("--sip-domain", plan.PBX_NAME,
                                      users=(2032, 2002))
        self.assertEqual(status, 1)
        self.fails(found, "media", "the called one ", "voice|Voice")

    def test_registrations_that_hardly_last(self):
        status, found = self.findings("--sip-domain", plan.PBX_NAME,
                                      users=(2033,))
        self.assertEqual(status, 0)
        self.assertEqual(found["expiry"]["verdict"], "warn")
        self.assertRegex(found["expiry"]["evidence"],
                         r"asked for 3600 s, granted (60|59) s")

    def test_nobody_there(self):
        status, found = self.findings("--sip-domain", self.broken(
            there=lambda data: None))
        self.assertEqual(status, 1)
        self.fails(found, "reach", "no answer", "firewall")
