"""Behind NAT: the PBX sees our packets come from another address."""

import re
import socket
import struct

from message import answer
from zoo import Script, contact_of

PUBLIC = "198.51.100.7", 40123


class Elsewhere(Script):
    """The profile wants that address: once more, and the old one goes."""

    fields = {"contact": "{address: learnt}"}
    users = 2
    public = PUBLIC

    def reply(self, message, line, more=()):
        octets = answer(message, "SIP/2.0 " + line, [("Server", "Zoo"),
                                                     *more])
        message.reply(octets.replace(b";rport", (
            ";received=%s;rport=%d" % self.public).encode(), 1))

    def check(self, test):
        there = "@%s:%d" % self.public
        for i in range(self.users):
            row = self.wait_row(
                lambda row: row.get("state") == "registered"
                and there in row["contact"], i=i)
            test.assertEqual(row["flaps"], 0)
            mine = [m for m in self.seen
                    if m.value("From").startswith(
                        "<sip:%d@" % self.people[i].extension)]
            test.assertIn(there, mine[-1].value("Contact"))
        moved = [m for m in self.seen if len(m.values("Contact")) == 2]
        test.assertTrue(moved)
        for message in moved:
            new, old = message.values("Contact")
            test.assertIn(there, new)
            test.assertIn(";expires=0", old)
            test.assertNotIn(there, old)
            test.assertEqual(re.sub("@.*?;", "", contact_of(
                message)), re.sub("@.*?;", "", re.search(
                    "<(.*)>", old).group(1)))


class Left(Elsewhere):
    """The profile does not: our Contact stays as it is."""

    fields = {}

    def check(self, test):
        for i in range(self.users):
            test.assertNotIn(self.public[0], self.registered(i)["contact"])
        test.assertTrue(all(len(m.values("Contact")) < 2
                            for m in self.seen))


class Rebinds(Elsewhere):
    """STUN on the SIP port tells that the router gave us another address:
    all register anew, without a flap."""

    fields = {"contact": "{address: learnt}",
              "registration": "{keepalive: 1s, keepalive_by: stun}"}
    pings = 0

    def datagram(self, octets, source):
        if octets[:2] == b"\0\1" and len(octets) >= 20:
            self.bind(octets, source)
        else:
            super().datagram(octets, source)

    def bind(self, octets, source):
        self.pings += 1
        if self.pings > 3:
            self.public = "198.51.100.8", 50999
        cookie = struct.unpack(">I", octets[4:8])[0]
        address = struct.unpack(">I", socket.inet_aton(self.public[0]))[0]
        value = struct.pack(">BBHI", 0, 1, self.public[1] ^ cookie >> 16,
                            address ^ cookie)
        self.sock.sendto(struct.pack(">HH", 0x0101, 12) + octets[4:20]
                         + struct.pack(">HH", 0x0020, 8) + value, source)

    def check(self, test):
        self.wait_seen(3)
        test.assertTrue(any("198.51.100.7:" in m.value("Contact")
                            for m in self.seen))
        for i in range(self.users):
            row = self.wait_row(lambda row: "198.51.100.8:50999"
                                in row.get("contact", ""), 25, i)
            test.assertEqual((row["state"], row["flaps"]),
                             ("registered", 0))
