"""The lab by itself: the peers can call each other without any bridge."""

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
        for number, code in (("6002", "486"), ("1003", "480"),
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
        desk.dtmf("159207")
        desk.wait_closed(12)
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


class NameServer(LabTest):

    def test_known_names_only(self):
        self.site.need("dns")
        for name in (*plan.TEAMS_NAMES, plan.TENANT_FQDN, plan.PBX_NAME):
            self.assertTrue(dns.answers(name), name)
        self.assertFalse(dns.answers(plan.UNKNOWN_NAME))
