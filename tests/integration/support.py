"""What the integration tests share: one lab for the whole run.

Peers are started when a test first asks for one and stay up; every test
begins and ends with all phones and Teams users idle. A class of tests shares
one bridge, started with the class and stopped, leaks and all looked at, with
it.
"""

import socket
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/lib"))

from lab import audio, plan, sanitizer                          # noqa: E402
from lab.bridge import Bridge, Pbx, User                        # noqa: E402
from lab.process import Deadline, wait_for                      # noqa: E402
from lab.site import Site                                       # noqa: E402

__all__ = ["BridgeTest", "Bridge", "Deadline", "LabTest", "Pbx", "User",
           "audio", "deadline", "finish", "plan", "site", "wait_for"]

_site = None


def site():
    """The lab of this run."""
    global _site
    if _site is None:
        _site = Site(env=sanitizer.env())
    return _site


def finish():
    """End the lab; called once, after the last test."""
    global _site
    if _site is not None:
        _site.stop()
        _site = None


def deadline(seconds):
    """Decorator: this test may take so long."""
    def mark(method):
        method.deadline_s = seconds
        return method
    return mark


class LabTest(unittest.TestCase):
    """A test on the lab: begins and ends with everybody idle."""

    def setUp(self):
        self.site = site()
        self.addCleanup(self.quiet)

    def quiet(self):
        """Leave everybody idle."""
        for phone in self.site.phones():
            phone.clear()
        if "teams" in self.site.parts:
            self.site.teams.clear()
        if "asterisk" in self.site.parts:
            self.no_calls_at(self.site.asterisk)

    @staticmethod
    def no_calls_at(pbx):
        """A call that is left at the PBX fails this test, and no other."""
        try:
            wait_for(lambda: not pbx.channels(), 20, lambda:
                     "the PBX to end all calls: %s" % pbx.channels(), 0.05)
        except Deadline:
            pbx.ask("channel request hangup all")
            raise


class BridgeTest(LabTest):
    """A test of the bridge, with users A (2001) and B (2002) at Asterisk and
    in Teams; a class may name other PBXs, users and node settings."""

    pbxs = (Pbx(),)
    users = (User(2001, "A"), User(2002, "B"))
    node = {}
    needs = ("dns", "asterisk", "teams")
    trunk = plan.TENANT_FQDN    # whose OPTIONS Teams expects
    registers = True            # all users are expected to register
    kind = Bridge
    bridge = None

    @classmethod
    def setUpClass(cls):
        cls.lab = site()
        cls.lab.need(*cls.needs)
        cls.people = {
            user.name: cls.lab.teams.sign_in(user.name, user.number, hz)
            for user, hz in zip(cls.users, plan.TEAMS_HZ)}
        cls.bridge = cls.kind(cls.lab.state, cls.pbxs, cls.users,
                              "bridge-" + cls.__name__, **cls.node)
        cls.addClassCleanup(cls.stop_bridge)
        cls.bridge.start(cls.lab.env)
        cls.lab.teams.wait_trunk_up(tenant=cls.trunk)
        if cls.registers:
            cls.bridge.wait_registered()

    @classmethod
    def stop_bridge(cls):
        sanitizer.judge(cls.bridge.stop(), cls.bridge.process)

    def setUp(self):
        super().setUp()
        self.teams = self.site.teams
        for person in self.people.values():
            person.begin()
        self.before = {call["id"] for call in self.bridge.calls()}
        self.violations = len(self.teams.violations())
        self.addCleanup(self.lawful)

    def lawful(self):
        """The bridge still runs and broke none of Microsoft's rules."""
        self.assertTrue(self.bridge.process.running(),
                        self.bridge.process.tail(30))
        self.assertEqual(self.teams.violations()[self.violations:], [])

    # Calls, as far as most tests want them.

    def talk(self, *voices):
        """Prove audio both ways between two voices."""
        return audio.two_way(*voices)

    def teams_calls(self, person, phone, number):
        """A Teams user calls a phone, which answers; the call, and the
        number the phone was shown."""
        phone.begin()
        call = person.dial(number)
        shown = phone.wait_ringing()[0]
        phone.answer()
        call.wait_answered()
        return call, shown

    def phone_calls(self, phone, person, number=None):
        """A phone calls a Teams user, who answers; the call."""
        phone.dial(number or person.number)
        call = person.wait_ringing()
        call.answer()
        phone.wait_established()
        return call

    def all_hung_up(self):
        """Nobody has a call any more, or will have hung up at once."""
        wait_for(lambda: all(call["state"] == "ended"
                             for call in self.bridge.calls()), 20,
                 lambda: "all calls to end: %s" % self.bridge.calls(), 0.05)
        self.no_calls_at(self.site.asterisk)

    def metrics(self):
        """What Prometheus would be told: value by name and labels."""
        with socket.socket(socket.AF_UNIX) as unix:
            unix.connect(str(self.bridge.socket))
            unix.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: unix.recv(65536), b"")).decode()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in text.split("\r\n\r\n", 1)[1].splitlines()
                if not line.startswith("#")}

    @staticmethod
    def press(call, digits):
        """A Teams user presses keys: as people do, not within the first half
        second of voice, in which a PBX learns where it comes from."""
        wait_for(lambda: call.counters()["rtp_sent"] >= 25, 30,
                 lambda: "half a second of voice: %s" % call.counters())
        call.dtmf(digits)

    def records(self):
        """The records of the calls that this test made."""
        return [call for call in self.bridge.calls()
                if call["id"] not in self.before]

    def ended_record(self, count=1):
        """Wait until this test's calls have ended in the books; the last
        record."""
        def ended():
            records = self.records()
            return len(records) >= count and all(
                record["state"] == "ended" for record in records) and records
        records = wait_for(ended, 30, lambda: "the call record to end: %s"
                           % self.records(), 0.1)
        self.assertEqual(len(records), count, records)
        return records[-1]
