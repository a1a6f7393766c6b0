"""Set-ups with one thing wrong: a plan fails at the right step, and names
what is likely to be wrong."""

import shutil
import subprocess
import unittest

from support import Pbx, User, plan, site, wait_for
from lab.pki import Authority
from test_plan_runs import PlanTest, carrier, user
from test_readiness import listens

OLD = "127.0.0.72"              # shows a certificate that has expired
OTHER = "127.0.0.73"            # shows one of another name

# Voice to the PBX is lost: from the bridge's media ports to the PBX's
BLOCK = """\
add table inet voice
add chain inet voice out { type filter hook output priority 0; }
add rule inet voice out ip saddr %s ip daddr %s udp dport 10000-10999 drop
""" % (plan.BRIDGE_PBX, plan.ASTERISK)


def nft(text):
    """Why it could not be done, "" if it was."""
    if not shutil.which("nft"):
        return "nft is not installed"
    done = subprocess.run(["nft", "-f", "-"], input=text, text=True,
                          capture_output=True, check=False)
    return done.stderr.strip()


def tls(address):
    """A PBX behind TLS, whose certificate the lab's customer signed."""
    return {"protocol": "tls", "sip_proxy": address + ":5061",
            "tls": "{ca_file: %s}" % (site().state / "tls/pbx-ca.pem")}


class AtABrokenPbx(PlanTest):
    """One PBX in the customer file for each way in which it is set up."""

    registers = False
    broken = (2056, 2057, 2058)

    @classmethod
    def setUpClass(cls):
        cls.pbxs = (
            Pbx(), Pbx("old", **tls(OLD)), Pbx("other", **tls(OTHER)),
            Pbx("refer", transfer="{blind: refer}"),
            Pbx("credulous", media="{nat: false}"),
            Pbx("events", media="{dtmf: rfc4733}"),
            Pbx("direct", outside_line_prefix=None))
        cls.users = tuple(User(x, pbx=pbx) for x, pbx in (
            (2032, "hq"), (2033, "hq"), (2051, "hq"), (2053, "hq"),
            (2054, "hq"), (2052, "refer"), (2031, "credulous"),
            (2055, "credulous"), (2019, "events"), (2059, "direct"),
            (2056, "old"), (2057, "other"))) + (
                User(2058, sip_password="guess"),)
        cls.impostors(site().state / "tls")
        super().setUpClass()
        cls.bridge.wait_registered(*(each for each in cls.users if
                                     each.extension not in cls.broken))

    @classmethod
    def impostors(cls, folder):
        """Two servers whose certificates are wrong."""
        customer = Authority.kept(folder, "pbx-ca")
        for name, names, days, address in (
                ("plan-old", [plan.PBX_NAME, OLD], 0, OLD),
                ("plan-other", ["a.example"], 9, OTHER)):
            customer.leaf(name, names, days=days)
            server = subprocess.Popen(
                ["openssl", "s_server", "-accept", address + ":5061",
                 "-quiet", "-key", folder / (name + ".key"), "-cert",
                 folder / (name + ".pem")], stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            cls.addClassCleanup(server.wait, 10)
            cls.addClassCleanup(server.terminate)
            cls.addClassCleanup(server.stdin.close)
            wait_for(lambda at=address: listens(at, 5061), 30,
                     "openssl to listen")

    def begin(self, extension, name, *cases, last=31, **more):
        """Start cases of a plan with this user and a telephone outside."""
        return self.start(self.roster(
            user_a=user(extension), user_b=user(2033),
            external=carrier("+4416329600%d" % last, last),
            external_2=carrier("+4416329600%d" % (last + 1), last + 1),
            **more), name, "--case", ",".join(cases))

    def fails(self, run, case, step, observed, *advice):
        """That case fails at that step, and every report says the same."""
        report = self.end(run, status=1)
        steps = self.cases(report)[case]["steps"]
        failed = [row for row in steps if row["verdict"] == "failed"]
        self.assertEqual([row["step"] for row in failed], [step],
                         report["text"])
        self.assertRegex(failed[0]["observed"], observed)
        for words in advice:
            self.assertIn(words, failed[0]["advice"])
            for form in ("page", "junit", "text"):
                self.assertIn(words, " ".join(report[form].split()))
        return report

    def test_registrations(self):
        runs = [self.begin(x, "registration", "granted", last=31 + i)
                for i, x in enumerate((2058, 2056, 2057))]
        short = self.begin(2053, "registration", "granted", last=34)
        first = "user_a is registered within 60s"
        for run, observed, advice in zip(
                runs, ("failing, Unauthorized", "failing, Certificate ex",
                       "failing, Certificate for another name"),
                (("SIP password is wrong", "user.sip_password"),
                 ("certificate has run out", "pbx.tls.verify"),
                 ("does not hold the name", "pbx.tls.verify"))):
            with self.subTest(observed):
                report = self.fails(run, "granted", first, observed, *advice)
                step = self.cases(report)["granted"]["steps"][0]
                self.assertLess(step["ms"], 30000)
        self.fails(short, "granted", "user_b is granted at least 10m",
                   r"the PBX grants (60|59) s", "expiry at the PBX to 3600 s")

    def test_calls(self):
        music = self.begin(2051, "hold", "incoming")
        refused = self.begin(2052, "transfers", "incoming-to-outside",
                             last=32)
        private = self.begin(2031, "confidence", "from-pstn-a", last=34)
        short = self.begin(2054, "long-call", "outgoing", last=35)
        self.fails(music, "incoming", "external hears music",
                   "^silence$", "pbx.hold.music: bridge")
        self.fails(refused, "incoming-to-outside",
                   "external_2 rings within 10s",
                   "the transfer by user_a failed with 603",
                   "refused with 603", "pbx.transfer.blind: bridge, or auto")
        self.fails(private, "from-pstn-a",
                   "audio flows both ways between user_a and external",
                   "no sound arrives", "192.168.77.10", "private network",
                   "127.0.0.10", "pbx.media.nat: true")
        self.fails(short, "outgoing", "call lasts 35m",
                   "lost the call after [1-6] s",
                   "The PBX ended the call", "limit of call length")

    def test_numbers_and_keys(self):
        number = self.begin(2059, "confidence", "to-pstn", last=31)
        code = self.begin(2051, "failures", "wrong-number", last=33,
                          nobody="6002")
        keys = self.begin(2019, "dtmf", "from-teams", last=35)
        nowhere = self.begin(2055, "confidence", "from-pstn-a", last=36)
        self.fails(number, "to-pstn", "external rings within 10s",
                   "no call came: user_a was refused: 404",
                   "a digit before outside numbers, and none is set",
                   "pbx.outside_line_prefix")
        self.fails(code, "wrong-number",
                   "user_a is refused within 30s as unknown",
                   'refused with 486 .*not "unknown"', "a wrong reason")
        self.fails(keys, "from-teams",
                   "external hears digits 159*0# within 10s",
                   "heard nothing", "no telephone-event", "pbx.media.dtmf")
        self.fails(nowhere, "from-pstn-a",
                   "audio flows both ways between user_a and external",
                   "no sound arrives", "voice sent to 198.51.100.7",
                   "pbx.media.nat: true")

    def test_callers(self):
        own = self.begin(2053, "caller-id", "incoming", "outgoing", last=31)
        hidden = self.begin(2054, "caller-id", "incoming", last=33)
        rings = "user_a rings within 10s showing external.number"
        report = self.fails(own, "incoming", rings, "shows .*100; wanted",
                            "The PBX tells 100 as the caller",
                            "pbx.caller_id.asserted")
        step = self.cases(report)["outgoing"]["steps"][1]
        self.assertEqual(step["verdict"], "failed")
        self.assertIn("shows " + plan.SWITCHBOARD, step["observed"])
        self.assertIn("outbound caller id", step["advice"])
        self.fails(hidden, "incoming", rings, "shows anonymous",
                   "The PBX tells", "caller's own number")

    def test_voice_that_a_firewall_drops(self):
        """What advice says, done: the service learns where voice comes from,
        and a PBX that names an address of nobody is heard. Then voice to it
        is dropped on the way."""
        self.all_passed(self.end(self.begin(2032, "confidence",
                                            "from-pstn-a")))
        why = nft(BLOCK)
        if why:
            raise unittest.SkipTest("no packets can be dropped: " + why)
        self.addCleanup(nft, "delete table inet voice")
        self.fails(self.begin(2051, "confidence", "from-pstn-a"),
                   "from-pstn-a",
                   "audio flows both ways between user_a and external",
                   "^no sound arrives at external$",
                   "Voice goes one way, from the PBX to Teams",
                   "firewall must let UDP pass to its ports")
