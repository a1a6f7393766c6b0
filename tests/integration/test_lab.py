"""The lab by itself: the peers can call each other without any bridge."""

import socket
import ssl

from support import LabTest, plan

from lab import audio, dns
from lab.phones import CARRIER_NUMBERS


class AsteriskPbx(LabTest):

    def talk(self, caller, callee, number):
        """Call, answer, prove two-way audio; the caller as it was shown."""
        callee.begin()
        caller.dial(number)
        shown = callee.wait_ringing()
        callee.answer()
        caller.wait_established()
        audio.two_way(caller, callee)
        return shown

    def test_extension_calls_extension(self):
        caller, callee = self.site.desk(1), self.site.desk(2)
        self.assertEqual(self.talk(caller, callee, "1002"),
                         ("1001", "Desk 1001"))
        self.assertEqual(caller.ear.loss(callee.tone_hz, 1), 0)
        self.assertLess(audio.delay_ms(caller, callee), 60)
        caller.hangup()
        callee.wait_closed()

    def test_outside_line_in_national_form(self):
        desk, pstn = self.site.desk(1), self.site.carrier(1)
        number, _ = self.talk(desk, pstn, "901632960031")
        self.assertEqual(number, plan.desk_number(1001))

    def test_outside_line_in_international_form(self):
        desk, pstn = self.site.desk(1), self.site.carrier(2)
        self.talk(desk, pstn, "900493055500032")

    def test_outside_number_without_the_prefix_is_refused(self):
        desk = self.site.desk(1)
        desk.dial("01632960031")
        self.assertIn("404", desk.wait_closed())

    def test_carrier_calls_a_direct_number(self):
        desk, pstn = self.site.desk(1), self.site.carrier(1)
        number, _ = self.talk(pstn, desk, desk.number)
        self.assertEqual(number, CARRIER_NUMBERS[0])
        pstn.hangup()
        desk.wait_closed()

    def test_busy_and_not_registered(self):
        desk = self.site.desk(1)
        for number, code in (("6002", "486"), ("1004", "480"),
                             ("2001", "480"), ("6004", "404")):
            desk.dial(number)
            self.assertIn(code, desk.wait_closed(), number)

    def test_early_media_then_echo(self):
        desk = self.site.desk(1)
        desk.dial("6006")
        desk.wait("CALL_PROGRESS")
        desk.ear.hears(plan.EARLY_HZ)
        desk.wait_established()
        desk.ear.hears(desk.tone_hz)

    def test_hold_music_is_a_tone_of_its_own(self):
        caller, callee = self.site.desk(1), self.site.desk(2)
        self.talk(caller, callee, "1002")
        callee.hold()
        caller.ear.hears(plan.HOLD_HZ)
        callee.resume()
        caller.ear.hears(callee.tone_hz)

    def test_digits_reach_the_pbx(self):
        pbx, desk = self.site.asterisk, self.site.desk(1)
        desk.dial("6011")
        desk.wait_established()
        desk.mouth.fresh(0.5)
        desk.dtmf("159207")
        desk.wait_closed()
        self.assertEqual(pbx.database("dtmf", "1001"), "159207")

    def test_blind_transfer_by_the_pbx(self):
        caller, callee = self.site.desk(1), self.site.desk(2)
        pstn = self.site.carrier(1)
        self.talk(caller, callee, "1002")
        pstn.begin()
        callee.transfer("901632960031")
        pstn.wait_ringing()
        pstn.answer()
        audio.two_way(caller, pstn)


class KamailioProxy(LabTest):

    def test_phones_register_and_talk_through_the_proxy(self):
        kamailio = self.site.kamailio
        caller, callee = (self.site.at_kamailio(x) for x in (1101, 1102))
        self.assertEqual(kamailio.contacts(), {
            "1101@" + plan.KAMAILIO_DOMAIN, "1102@" + plan.KAMAILIO_DOMAIN})
        callee.begin()
        caller.dial("1102", domain=plan.KAMAILIO_DOMAIN)
        callee.wait_ringing()
        callee.answer()
        caller.wait_established()
        audio.two_way(caller, callee)
        caller.hangup()
        callee.wait_closed()


OPTIONS = """\
OPTIONS sip:sip.pstnhub.microsoft.com:5061;transport=tls SIP/2.0\r
Via: SIP/2.0/TLS {name}:5061;branch=z9hG4bK{branch}\r
Max-Forwards: 70\r
From: <sip:{name}:5061>;tag=1\r
To: <sip:sip.pstnhub.microsoft.com:5061>\r
Call-ID: {branch}@{name}\r
CSeq: 1 OPTIONS\r
Contact: <sip:{name}:5061;transport=tls>\r
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY\r
Content-Length: 0\r
\r
"""


class TeamsSide(LabTest):
    """Microsoft's side lets in who shows the right certificate."""

    def options(self, certificate, name=plan.TENANT_FQDN, address=0):
        """The first line of the answer to an OPTIONS."""
        self.site.need("teams")
        tls = self.site.state / "tls"
        context = ssl.create_default_context(
            cafile=tls / "microsoft-root.pem")
        if certificate:
            context.load_cert_chain(tls / (certificate + "-chain.pem"),
                                    tls / (certificate + ".key"))
        with socket.create_connection(
                (plan.TEAMS[address], plan.TEAMS_PORT), 30) as tcp:
            with context.wrap_socket(
                    tcp, server_hostname=plan.TEAMS_NAMES[address]) as sock:
                sock.sendall(OPTIONS.format(
                    name=name, branch="lab%d" % address).encode())
                return sock.recv(4096).decode().partition("\r\n")[0]

    def test_the_bridge_certificate_is_let_in_everywhere(self):
        for address in range(3):
            self.assertEqual(self.options("bridge", address=address),
                             "SIP/2.0 200 OK")

    def test_strangers_are_not(self):
        for certificate in (None, "bridge-stranger"):
            with self.subTest(certificate):
                try:
                    answer = self.options(certificate)
                except OSError:
                    continue
                self.assertEqual(answer, "")

    def test_a_certificate_for_another_name_is_refused(self):
        self.assertIn("403", self.options("bridge-other-name"))


class NameServer(LabTest):

    def test_known_names_only(self):
        self.site.need("dns")
        for name in (*plan.TEAMS_NAMES, plan.TENANT_FQDN, plan.PBX_NAME):
            self.assertTrue(dns.answers(name), name)
        self.assertFalse(dns.answers(plan.UNKNOWN_NAME))
