"""The voice itself: codecs, encryption, digits, early media."""

from support import BridgeTest, Pbx, User, plan, wait_for


class Codecs(BridgeTest):
    """PBXs that speak one codec only: A-law, mu-law, G.722."""

    users = (User(2015, "A"), User(2016, "B"), User(2017, "C"))

    def check(self, name, extension, codec):
        person, desk = self.people[name], self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        call.hangup()
        desk.wait_closed()
        record = self.ended_record()
        self.assertIn(codec, record["pbxside"]["codec"].upper())
        person.begin()
        call = self.phone_calls(desk, person, extension)
        self.talk(call, desk)

    def test_a_law(self):
        self.check("A", "2015", "PCMA")

    def test_mu_law(self):
        self.check("B", "2016", "PCMU")

    def test_g722(self):
        self.check("C", "2017", "G722")


class EncryptedPbx(BridgeTest):
    """SRTP on the PBX's leg as well: demanded, and only if offered."""

    pbxs = (Pbx("hq", protocol="tls", encrypt_media="true",
                sip_proxy="%s:5061" % plan.PBX_NAME,
                tls="{ca_file: %s}" % (plan.state_dir() / "tls/pbx-ca.pem")),)
    users = (User(2013, "A"), User(2014, "B"))

    def both_ways(self, name, extension):
        person, desk = self.people[name], self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        call.hangup()
        desk.wait_closed()
        person.begin()
        call = self.phone_calls(desk, person, extension)
        self.talk(call, desk)
        call.hold()
        desk.ear.hears(plan.HOLD_HZ)
        call.resume()
        self.talk(call, desk)

    def test_the_pbx_demands_it(self):
        self.both_ways("A", "2013")

    def test_the_pbx_leaves_it_to_us(self):
        self.both_ways("B", "2014")


class Digits(BridgeTest):

    def test_teams_user_presses_keys(self):
        pbx = self.site.asterisk
        pbx.ask("database deltree dtmf")
        call = self.people["A"].dial("6011")
        call.wait_answered()
        self.press(call, "159207")
        call.wait_ended()
        self.assertEqual(pbx.database("dtmf", "2001"), "159207")

    def test_pbx_sends_digits(self):
        call = self.people["A"].dial("6010")
        call.wait_answered()
        wait_for(lambda: call.digits() == "159#*D", 30,
                 lambda: "the digits 159#*D, heard so far: "
                 + call.digits(), 0.1)

    def test_a_phone_sends_digits_to_teams(self):
        person, desk = self.people["A"], self.site.desk(1)
        call = self.phone_calls(desk, person, "2001")
        call.ear.hears(desk.tone_hz)
        desk.dtmf("42")
        wait_for(lambda: call.digits() == "42", 30,
                 lambda: "the digits 42, heard so far: " + call.digits())


class EarlyMedia(BridgeTest):

    def test_announcement_before_the_answer(self):
        call = self.people["A"].dial("6006")
        call.wait("progress")
        call.record()
        call.ear.hears(plan.EARLY_HZ)
        call.wait("answered")
        call.ear.hears(call.tone_hz)            # it echoes then

    def test_announcement_and_then_refused(self):
        call = self.people["A"].dial("6007")
        call.wait("progress")
        call.record()
        call.ear.hears(plan.EARLY_HZ)
        self.assertEqual(call.wait_ended()["code"], 404)

    def test_echo_measures_no_loss(self):
        call = self.people["A"].dial("*43")
        call.wait_answered()
        call.ear.hears(call.tone_hz)
        self.assertLess(call.ear.loss(call.tone_hz, 5), 0.01)


class Numbers(BridgeTest):
    """What is dialled reaches the PBX in the form it wants."""

    def test_emergency_number_needs_no_prefix(self):
        call = self.people["A"].dial("112")
        wait_for(lambda: any(
            "112" in channel for fields in self.site.asterisk.channels()
            for channel in fields), 30, "the PBX to see 112", 0.05)
        call.hangup()

    def test_star_code_is_untouched(self):
        call = self.people["A"].dial("*43")
        call.wait_answered()
        call.ear.hears(call.tone_hz)


class Reports(BridgeTest):
    """RTCP both ways, encrypted towards Teams."""

    def test_both_ends_get_reports(self):
        person, desk = self.people["A"], self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        wait_for(lambda: call.counters()["rtcp_received"] >= 2, 30,
                 lambda: "reports at Teams: %s" % call.counters(), 0.2)
        self.assertEqual(call.counters()["rtcp_bad_auth"], 0)
        self.reports_at_the_pbx()
        call.hangup()
        desk.wait_closed()
        record = self.ended_record()
        for side in ("teams", "pbxside"):
            self.assertGreater(record[side]["mos"], 3.5, side)
            self.assertEqual(record[side]["rx_lost"], 0, side)

    def reports_at_the_pbx(self):
        """Wait until the PBX tells of a report from the bridge."""
        pbx = self.site.asterisk
        log = pbx.folder / "log/full"
        begin = log.stat().st_size
        pbx.ask("rtcp set debug on")
        self.addCleanup(pbx.ask, "rtcp set debug off")
        wait_for(lambda: "RTCP from " + plan.BRIDGE_PBX
                 in log.read_text(errors="replace")[begin:], 30,
                 "a report of the bridge at the PBX", 0.3)
