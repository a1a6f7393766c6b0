"""UDP in fragments on a real network: two namespaces, a wire of 1,500 octets
between them, and a firewall that drops fragments."""

import json
import shutil
import subprocess
import unittest

from support import LabTest, plan, site
from lab.asterisk import Asterisk

HERE, THERE = "10.91.0.2", "10.91.0.3"
WIRE_HERE, WIRE_THERE = "cb-here", "cb-there"

# The hook comes before fragments are put together again.
DROP = """\
add table netdev bad
add chain netdev bad in {{ type filter hook ingress device "{}" priority 0; }}
add rule netdev bad in ip frag-off & 0x3fff != 0 drop
"""


def run(*words, text=None):
    """Run a command; its failure, "" if there was none."""
    done = subprocess.run(words, input=text, text=True, capture_output=True,
                          check=False)
    return done.stderr.strip() if done.returncode else ""


class FarPbx(Asterisk):
    """A PBX at the other end of the wire."""

    address = THERE

    def __init__(self, state):
        super().__init__(state)
        self.folder = state / "asterisk-far"


class Fragments(LabTest):

    @classmethod
    def setUpClass(cls):
        cls.here = cls.namespace()
        cls.wire()
        cls.pbx = FarPbx(site().state)
        cls.addClassCleanup(cls.pbx.stop)
        cls.pbx.start()
        cls.config = site().state / "fragments.yaml"
        cls.config.write_text("sip: {address: %s}\n" % HERE)

    @classmethod
    def namespace(cls):
        """A process that holds a network namespace."""
        if not shutil.which("nft"):
            raise unittest.SkipTest("nft is not installed")
        holder = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", "echo ready && exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        cls.addClassCleanup(holder.wait, 10)
        cls.addClassCleanup(holder.stdout.close)
        cls.addClassCleanup(holder.stdin.close)
        if holder.stdout.readline() != "ready\n":
            raise unittest.SkipTest("no network namespace is allowed here")
        return ["nsenter", "-t", str(holder.pid), "-n"]

    @classmethod
    def wire(cls):
        """The wire from there (where the tests run) to here."""
        pid = cls.here[2]
        for words in (
                ["ip", "link", "add", WIRE_THERE, "mtu", "1500", "type",
                 "veth", "peer", "name", WIRE_HERE, "mtu", "1500",
                 "netns", pid],
                ["ip", "addr", "add", THERE + "/24", "dev", WIRE_THERE],
                ["ip", "link", "set", WIRE_THERE, "up"],
                [*cls.here, "ip", "addr", "add", HERE + "/24", "dev",
                 WIRE_HERE],
                [*cls.here, "ip", "link", "set", WIRE_HERE, "up"],
                [*cls.here, "ip", "link", "set", "lo", "up"]):
            why = run(*words)
            if words[2] == "add" and not why:
                cls.addClassCleanup(run, "ip", "link", "del", WIRE_THERE)
            if why:
                raise unittest.SkipTest("no wire can be made here: " + why)

    def drop(self, wire, *where):
        """Fragments that come out of this end of the wire are dropped."""
        why = run(*where, "nft", "-f", "-", text=DROP.format(wire))
        if why:
            self.skipTest("no firewall can be set up here: " + why)
        self.addCleanup(run, *where, "nft", "delete table netdev bad")

    def fragments(self):
        """Exit status, and what is said of large messages."""
        done = subprocess.run(
            [*self.here, plan.program("callbridge"), "--config", self.config,
             "readiness", "--sip-domain", THERE, "--json"],
            capture_output=True, text=True, timeout=110, check=False)
        self.assertEqual(done.stderr, "")
        found = {row["check"]: row for row in
                 json.loads(done.stdout)["findings"]}
        self.assertEqual(found["reach"]["verdict"], "pass")
        return done.returncode, found["fragments"]

    def lost(self, evidence):
        status, found = self.fragments()
        self.assertEqual((status, found["verdict"]), (1, "fail"))
        self.assertRegex(found["evidence"], evidence)
        self.assertIn("drops fragments", found["advice"])
        self.assertIn("Use tcp or tls", found["advice"])

    def test_a_network_that_passes_fragments(self):
        status, found = self.fragments()
        self.assertEqual((status, found["verdict"]), (0, "pass"))
        self.assertIn("up to 2400 octets both ways", found["evidence"])

    def test_a_firewall_before_the_pbx_drops_them(self):
        self.drop(WIRE_THERE)
        self.lost("to the PBX: up to 14[0-9]+ octets are answered")

    def test_a_firewall_before_the_service_drops_them(self):
        self.drop(WIRE_HERE, *self.here)
        self.lost("from the PBX answers of up to 1[34][0-9]{2} arrive")
