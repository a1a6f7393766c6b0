"""Users who cannot register, sprayed nonsense, power cuts."""

import os
import random
import signal
import socket
import threading

from support import BridgeTest, Pbx, User, plan, wait_for


class RedUsers(BridgeTest):
    """One good user among users who cannot register, each for a reason."""

    pbxs = (Pbx(), Pbx("unknown", sip_domain=plan.UNKNOWN_NAME,
                       sip_proxy=None))
    users = (User(2001, "Good"), User(2002, "Wrong", sip_password="wrong"),
             User(2999, "Nobody", number="+442079460999"),
             User(2003, "Lost", pbx="unknown"))
    registers = False

    def user(self, name):
        return next(user for user in self.users if user.name == name)

    def test_unknown_user_is_red(self):
        row = self.bridge.wait_failing(self.user("Nobody"))
        self.assertTrue(row["words"], row)

    def test_unknown_name_is_red(self):
        row = self.bridge.wait_failing(self.user("Lost"))
        self.assertEqual(row["reason"], "Unable to resolve URI")

    def test_the_good_user_is_untouched(self):
        self.bridge.wait_registered(self.user("Good"))
        person = self.lab.teams.sign_in("Good", self.user("Good").number,
                                        plan.TEAMS_HZ[0])
        desk = self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)

    def test_failing_lists_those_only(self):
        self.bridge.wait_registered(self.user("Good"))
        self.bridge.wait_failing(self.user("Wrong"))
        text = self.bridge.command("status", "--failing", good=(1,))
        self.assertNotIn(self.user("Good").upn, text)
        self.assertIn(self.user("Wrong").upn, text)


def garbage(rng):
    """One datagram that no phone would send."""
    start = rng.choice((
        b"INVITE sip:2001@127.0.0.41:5060 SIP/2.0\r\n",
        b"REGISTER sip:127.0.0.41 SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n",
        b"SIP/2.0 99999 \r\n", b"BYE sip: SIP/2.0\r\n", b"\r\n\r\n", b"\0",
        b"OPTIONS " + b"a" * 3000, b"NOTIFY sip:2001@x SIP/2.0\r\n",
        bytes(rng.randrange(256) for _ in range(rng.randrange(1, 400)))))
    names = (b"Via", b"From", b"To", b"Call-ID", b"CSeq", b"Contact",
             b"Content-Length", b"Max-Forwards", b"Route", b"Expires",
             b"Content-Type", b"Authorization", b"WWW-Authenticate")
    values = (b"", b"1", b"-1", b"99999999999999999999",
              b"<sip:a@b>;tag=" + b"t" * 300,
              b"SIP/2.0/UDP 127.0.0.99:5060;branch=z9hG4bK1",
              b"\"" + b"\\" * 50, b"1 INVITE", b"%00%0d%0a", b"application/sdp",
              b"Digest nonce=\"\", realm=", b"\xff\xfe\x00")
    body = b"".join(b"%s: %s\r\n" % (rng.choice(names), rng.choice(values))
                    for _ in range(rng.randrange(20)))
    end = rng.choice((b"\r\n", b"", b"\r\nv=0\r\nm=audio 99999999 RTP/AVP\r\n"
                      b"c=IN IP4 0.0.0.0\r\n", b"\r\n" + b"\0" * 100))
    return start + body + end


class Nonsense(BridgeTest):

    def test_sprayed_nonsense_disturbs_no_call(self):
        person, desk = self.people["A"], self.site.desk(1)
        call = self.phone_calls(desk, person, "2001")
        stop = threading.Event()
        sprayer = threading.Thread(target=self.spray, args=(stop,))
        sprayer.start()
        try:
            for _ in range(3):
                self.talk(desk, call)
            other, phone = self.people["B"], self.site.carrier(1)
            second, _ = self.teams_calls(other, phone, phone.number)
            self.talk(second, phone)
            second.hangup()
            phone.wait_closed()
        finally:
            stop.set()
            sprayer.join()
        desk.hangup()
        call.wait_ended()
        self.ended_record(2)
        self.bridge.wait_registered()

    def spray(self, stop):
        """Send nonsense to both sides, by UDP and TCP, and to media ports
        if they can be guessed, until told to stop."""
        rng = random.Random(5060)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.99", 0))
        while not stop.is_set():
            for _ in range(20):
                udp.sendto(garbage(rng), (plan.BRIDGE_PBX, 5060))
                udp.sendto(garbage(rng)[:200],
                           (plan.BRIDGE_PBX, rng.randrange(10000, 65535)))
            for place in ((plan.BRIDGE_PBX, 5060), (plan.BRIDGE_PBX, 5061),
                          (plan.BRIDGE_TEAMS, plan.BRIDGE_TEAMS_PORT)):
                try:
                    with socket.create_connection(place, 1) as tcp:
                        tcp.sendall(garbage(rng) + garbage(rng))
                except OSError:
                    pass            # being refused is the right answer
            stop.wait(0.05)
        udp.close()


class PowerCut(BridgeTest):

    def test_kill_9_loses_no_call_record(self):
        person, desk = self.people["A"], self.site.desk(1)
        call = self.phone_calls(desk, person, "2001")
        desk.hangup()
        call.wait_ended()
        first = self.ended_record()
        person.begin()
        self.phone_calls(desk, person, "2001")
        running = [r for r in self.records() if r["state"] == "answered"]
        self.assertEqual(len(running), 1)
        os.kill(self.bridge.process.pid, signal.SIGKILL)
        wait_for(lambda: not self.bridge.process.running(), 30, "its death")
        self.teams.clear()
        desk.clear()
        self.bridge.launch(self.lab.env)
        self.bridge.wait_registered()
        records = {r["id"]: r for r in self.records()}
        self.assertEqual(records[first["id"]], first)
        self.assertEqual(records[running[0]["id"]]["state"], "ended")
        self.assertEqual(len(records), 2)
        self.teams.wait_trunk_up()
        person.begin()
        self.talk(self.phone_calls(desk, person, "2001"), desk)
