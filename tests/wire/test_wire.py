"""Message in, message out: each file in cases/ is a test."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1] / "tools/lib"))

from lab import pki, plan, sanitizer                            # noqa: E402
from lab.bridge import Bridge, Pbx, User                        # noqa: E402
from lab.process import wait_for                                # noqa: E402

import casefile                                                 # noqa: E402
import peers                                                    # noqa: E402
import wire                                                     # noqa: E402

# Ann's PBX transfers by itself; Ben's may leave that to the bridge, and is
# held by inactive; Cid's is an old one that can do little. Dan's lets little
# be called and hands redirects on; Eve's wants to be told much of who calls.
# Fay's has Opus, no music and no ringing tone.
USERS = (User(2001, "Ann"), User(2002, "Ben", pbx="branch"),
         User(2003, "Cid", pbx="old"), User(2004, "Dan", pbx="guard"),
         User(2005, "Eve", pbx="fwd"), User(2006, "Fay", pbx="voice"))
PBX_SITES = (
    Pbx("hq", sip_proxy=peers.PBXS["pbx"] + ":5060",
        transfer="{blind: refer}"),
    Pbx("branch", sip_proxy=peers.PBXS["branch"] + ":5060",
        media="{hold: inactive}", transfer="{notify_wait: 1s}",
        call="{realm: calls.example}"),
    Pbx("old", sip_proxy=peers.PBXS["old"] + ":5060",
        supports_refer="false", transfer="{from_pbx: false}",
        call="{prack: false, session_timers: false}",
        suppress_contact_data="true"),
    Pbx("guard", sip_proxy=peers.PBXS["guard"] + ":5060",
        policy="{allow: [internal, national, service], calls_per_user: 1, "
               "closed: [\"+442079460\"]}",
        call="{busy_at: 1, redirects: pass, teams_voicemail: refuse}",
        caller_id="{asserted: false, hide: from}"),
    Pbx("fwd", sip_proxy=peers.PBXS["fwd"] + ":5060", media="{early: pass}",
        call="{redirect_limit: 2, no_answer: 1s}",
        feature_codes="{dnd_on: \"*78\", forward_all: \"*72{number}\"}",
        caller_id="{show: redirecting, identity: pai, history: both, "
                  "hide: both}"),
    Pbx("voice", sip_proxy=peers.PBXS["voice"] + ":5060",
        media="{codecs: [opus], dtmf: info, ringback: bridge}",
        hold="{music: bridge}"))


class WireTest(unittest.TestCase):
    """One bridge for all cases; a case that fails leaves a new one."""

    world = None
    bridge = None

    @classmethod
    def setUpClass(cls):
        state = plan.state_dir()
        passwords = {str(user.extension): plan.secret(user.extension)
                     for user in USERS}
        cls.world = peers.World(pki.ensure(state), passwords)
        cls.addClassCleanup(cls.world.close)
        cls.bridge = Bridge(state, PBX_SITES, USERS, "bridge-wire",
                            **cls.node(state / "tls"))
        cls.world.calls = cls.bridge.calls
        cls.addClassCleanup(cls.stop_bridge)
        cls.start_bridge()

    @staticmethod
    def node(tls):
        """Settings that keep clear of the lab's addresses."""
        names = dict(zip(plan.TEAMS_NAMES, list(peers.PROXIES.values())))
        names[peers.EDGE_NAME] = peers.PROXIES["edge"]
        hosts = ", ".join("{name: %s, address: %s}" % pair
                          for pair in names.items())
        return {
            "sip": "{address: %s, udp_port: 5060, tcp_port: 0, tls_port: 0}"
                   % peers.BRIDGE_PBX,
            "teams": "{address: %s, port: %d, certificate: %s, key: %s, "
                     "ca_file: %s, options: 2s, "
                     "failover_codes: [\"503\", \"504\"]}"
                     % (peers.BRIDGE_TEAMS, plan.TEAMS_PORT,
                        tls / "bridge-chain.pem", tls / "bridge.key",
                        tls / "microsoft-root.pem"),
            "dns": "{hosts: [%s]}" % hosts,
        }

    @classmethod
    def start_bridge(cls):
        cls.world.contacts.clear()
        cls.world.pinged.clear()
        cls.bridge.start(sanitizer.env())
        wait_for(lambda: len(cls.world.contacts) == len(USERS)
                 and {"teams", "teams2", "teams3"} <= cls.world.pinged, 15,
                 lambda: "registered: %s, OPTIONS to: %s\n%s\n%s" % (
                     cls.world.contacts, cls.world.pinged, cls.world.faults,
                     cls.bridge.process.tail(20)))
        cls.bridge.wait_registered()

    @classmethod
    def stop_bridge(cls):
        sanitizer.judge(cls.bridge.stop(), cls.bridge.process)

    def play(self, path):
        try:
            wire.play(self.world, path)
        except AssertionError:
            self.bridge.process.kill()
            self.drain()
            self.start_bridge()
            raise
        self.assertTrue(self.bridge.process.running(),
                        self.bridge.process.tail(30))

    def drain(self):
        for peer in self.world.peers.values():
            for _ in peer.unread():
                pass


def add(path):
    """A case file as a test with the file's name."""
    def test(self):
        self.play(path)
    test.__doc__ = casefile.title(path)
    setattr(WireTest, wire.name_of(path), test)


for each in sorted((HERE / "cases").glob("*.wire")):
    add(each)
