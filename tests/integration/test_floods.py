"""Whoever sends more than its share leaves the others theirs."""

import random
import socket
import ssl
import threading
import time

from support import BridgeTest, Pbx, User, deadline, plan, wait_for

REFUSED = 'callbridge_sip_refused_total{reason="%s"}'


class Floods(BridgeTest):

    def refused(self, reason):
        return self.metrics().get(REFUSED % reason, 0)

    def during(self, flood):
        """A call goes on, with voice both ways and its end, meanwhile."""
        desk = self.site.desk(1)
        call = self.phone_calls(desk, self.people["A"], "2001")
        stop = threading.Event()
        thread = threading.Thread(target=flood, args=(stop,))
        thread.start()
        try:
            self.talk(desk, call)
        finally:
            stop.set()
            thread.join()
        desk.hangup()
        call.wait_ended()
        self.ended_record()


class Strangers(Floods):
    """Handshakes of TLS that lead nowhere."""

    def shake(self, source):
        """True if it got as far as a handshake."""
        try:
            with socket.create_connection(
                    (plan.BRIDGE_TEAMS, plan.BRIDGE_TEAMS_PORT), 20,
                    (source, 0)) as tcp, self.context.wrap_socket(tcp):
                return True
        except OSError:
            return False

    @deadline(120)
    def test_handshakes_of_strangers_are_few(self):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        shaken = []
        begin = time.monotonic()

        def flood(stop):
            tried = 0
            while not stop.is_set() or tried < 100:
                shaken.append(self.shake("127.0.99.%d" % (1 + tried % 200)))
                tried += 1
        self.during(flood)
        # two seconds' worth at once, and then ten a second
        self.assertLessEqual(sum(shaken),
                             20 + 10 * (time.monotonic() - begin + 1))
        self.assertGreater(sum(shaken), 0)
        self.assertGreater(self.refused("handshakes"), 0)
        # Teams' network has shown a certificate: it is no stranger
        phone = self.site.carrier(1)
        call, _ = self.teams_calls(self.people["B"], phone, phone.number)
        call.hangup()
        phone.wait_closed()


class GoneMad(Floods):
    """A PBX that sends thousands of OPTIONS."""

    RATE = 50
    pbxs = (Pbx(requests_per_second=RATE),)
    users = (User(2001, "A"), User(2002, "B"))

    @staticmethod
    def options(number):
        return ("OPTIONS sip:%s SIP/2.0\r\n"
                "Via: SIP/2.0/UDP %s:5999;branch=z9hG4bKmad%d;rport\r\n"
                "Max-Forwards: 70\r\nFrom: <sip:mad@%s>;tag=1\r\n"
                "To: <sip:%s>\r\nCall-ID: mad%d\r\nCSeq: 1 OPTIONS\r\n"
                "Accept: application/sdp, application/dialog-info+xml\r\n"
                "User-Agent: %s\r\nContent-Length: 0\r\n\r\n" % (
                    plan.BRIDGE_PBX, plan.ASTERISK, number, plan.ASTERISK,
                    plan.BRIDGE_PBX, number, "a PBX gone mad " * 5)).encode()

    @deadline(120)
    def test_a_pbx_gone_mad_keeps_its_calls(self):
        heard = []
        begin = time.monotonic()

        def flood(stop):
            begun = sent = random.randrange(1 << 30)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.bind((plan.ASTERISK, 0))
                udp.settimeout(0.01)
                while not stop.is_set() or sent < begun + 1000:
                    for sent in range(sent + 1, sent + 51):
                        udp.sendto(self.options(sent),
                                   (plan.BRIDGE_PBX, 5060))
                    try:
                        while True:
                            heard.append(udp.recv(2048).split(b" ", 2)[1])
                    except TimeoutError:
                        pass
        self.during(flood)
        self.assertGreater(heard.count(b"200"), 0)
        self.assertLessEqual(
            heard.count(b"200"),
            self.RATE * (4 + time.monotonic() - begin + 1))
        self.assertGreater(heard.count(b"503"), 0)
        self.assertGreater(self.refused("rate"), 100)
        told = "/hq: %s sends more than %d requests" % (plan.ASTERISK,
                                                        self.RATE)
        wait_for(lambda: told in self.bridge.process.log.read_text(
            errors="replace"), 20, "a line in the log")
