"""Calls while Teams is odd, slow or broken, as teams-sim can be by switch.

Every message of the bridge is judged meanwhile (BridgeTest.lawful).
"""

from support import BridgeTest, Pbx, plan, wait_for
from lab import pki


class MoodTest(BridgeTest):

    def mood(self, **settings):
        before = self.teams.control.command("set")["settings"]
        self.teams.control.command("set", **settings)
        self.addCleanup(self.teams.control.command, "set",
                        **{name: before[name] for name in settings})


class Moods(MoodTest):
    """One bridge for all moods; each test puts the switches back."""

    def user(self, **params):
        """User A signs in otherwise, until the end of the test."""
        a = self.people["A"]
        self.teams.sign_in("A", a.number, a.tone_hz, **params)
        self.addCleanup(self.teams.sign_in, "A", a.number, a.tone_hz)
        return a

    def both_ways(self):
        """A call each way, proved by listening."""
        person, desk = self.people["A"], self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        desk.hangup()
        call.wait_ended()
        person.begin()
        call = self.phone_calls(desk, person, "2001")
        self.talk(call, desk)
        call.hangup()
        desk.wait_closed()
        self.ended_record(2)

    # Shapes of offers.

    def test_offers_with_ice_lines(self):
        self.mood(sdp_profile="ice")
        self.both_ways()

    def test_offers_whose_first_key_has_an_mki(self):
        self.mood(sdp_profile="two-crypto")
        self.both_ways()

    def test_keys_with_an_mki_alone(self):
        """Each packet of Teams bears it then, and ours do not."""
        self.mood(sdp_profile="mki")
        self.both_ways()

    def test_offers_whose_first_key_is_tag_0_of_another_suite(self):
        self.mood(sdp_profile="tag-0", silk=False)
        self.both_ways()

    def test_parameters_and_headers_of_4000_octets(self):
        self.mood(padding_octets=4000)
        self.both_ways()

    # Connections.

    def test_requests_inside_a_call_from_another_region(self):
        self.mood(indialog_other_instance=True)
        person, desk = self.people["A"], self.site.desk(1)
        call = self.phone_calls(desk, person, "2001")
        self.talk(call, desk)
        call.hold()
        desk.ear.hears(plan.HOLD_HZ)
        call.resume()
        self.talk(call, desk)
        call.hangup()
        desk.wait_closed()

    def test_teams_uses_a_connection_that_we_opened(self):
        self.mood(connection="any")
        self.both_ways()

    def test_connections_break_between_invite_and_answer(self):
        person, desk = self.people["A"], self.site.desk(1)
        desk.begin()
        call = person.dial(desk.extension)
        desk.wait_ringing()
        call.wait("ringing")
        self.teams.control.command("drop")
        call.wait("retry", "ended")
        desk.clear()
        call.wait_ended()
        self.both_ways_later()

    def test_connections_break_in_a_call(self):
        person, desk = self.people["A"], self.site.desk(1)
        call = self.phone_calls(desk, person, "2001")
        self.talk(call, desk)
        self.assertGreater(self.teams.control.command("drop")["dropped"], 0)
        self.talk(call, desk)
        call.hold()
        desk.ear.hears(plan.HOLD_HZ)
        call.resume()
        self.talk(call, desk)
        desk.hangup()
        call.wait_ended()

    def both_ways_later(self):
        """The next call is as if nothing had been."""
        person, desk = self.people["A"], self.site.desk(1)
        self.quiet()
        person.begin()
        call = self.phone_calls(desk, person, "2001")
        self.talk(call, desk)
        desk.hangup()
        call.wait_ended()

    def test_slow_handshakes(self):
        self.mood(handshake_delay_ms=700)
        self.teams.control.command("drop")
        self.both_ways_later()

    def test_a_region_that_accepts_and_says_nothing(self):
        """Half-open TCP: the next region takes the call."""
        self.teams.control.command("instance", name="sip", mode="half-open")
        self.addCleanup(self.teams.control.command, "instance", name="sip",
                        mode="up")
        self.both_ways_later()

    def test_teams_gets_another_certificate(self):
        tls = pki.ensure(self.teams.state)
        old = {"certificate": str(tls / "teams-chain.pem"),
               "key": str(tls / "teams.key")}
        self.teams.control.command(
            "certificate", certificate=str(tls / "teams-all.pem"),
            key=str(tls / "teams-all.pem"))
        self.addCleanup(self.teams.control.command, "certificate", **old)
        self.teams.control.command("drop")
        self.both_ways()

    # Answers.

    def test_a_server_answers_for_who_is_signed_out(self):
        person, desk = self.user(clients=0, voicemail=True), self.site.desk(1)
        desk.dial("2001")
        call = person.wait_ringing()
        call.wait_answered()
        desk.wait_established()
        self.talk(call, desk)
        desk.hangup()
        call.wait_ended()
        self.assertEqual(self.ended_record()["voicemail"], "at-once")

    def test_a_server_answers_for_who_declines(self):
        person = self.user(answer="decline", ring_ms=300, voicemail=True)
        desk = self.site.desk(1)
        desk.dial("2001")
        call = person.wait_ringing()
        call.wait_answered()
        desk.wait_established()
        self.talk(call, desk)
        desk.hangup()
        call.wait_ended()

    def test_other_clients_ring_after_one_has_answered(self):
        self.mood(late_forks=True)
        person = self.user(clients=3, answer="auto", ring_ms=100)
        desk = self.site.desk(1)
        desk.dial("2001")
        call = person.wait_ringing()
        call.wait_answered()
        desk.wait_established()
        self.talk(call, desk)
        desk.hangup()
        call.wait_ended()

    def test_cancel_crosses_the_answer(self):
        self.mood(cancel_race=True)
        person, desk = self.people["A"], self.site.desk(1)
        desk.dial("2001")
        call = person.wait_ringing()
        desk.wait("CALL_RINGING", "CALL_PROGRESS")
        desk.hangup()
        call.wait("answered")
        ended = call.wait_ended()
        self.assertEqual(ended["who"], "sbc")
        self.ended_record()

    # Mute, music, location.

    def test_music_of_teams_by_refer_and_back(self):
        """Hold by a bot that takes the call, and resume the same way."""
        person, desk = self.people["A"], self.site.desk(1)
        bot = self.people["B"]
        self.teams.sign_in("B", bot.number, bot.tone_hz, answer="auto",
                           ring_ms=0)
        self.addCleanup(self.teams.sign_in, "B", bot.number, bot.tone_hz)
        call = self.phone_calls(desk, person, "2001")
        self.talk(call, desk)
        bot.begin()
        call.transfer(bot.number)
        music = bot.wait_ringing()
        call.wait("transferred")
        desk.ear.hears(bot.tone_hz)
        self.teams.sign_in("A", person.number, person.tone_hz,
                           answer="auto", ring_ms=0)
        self.addCleanup(self.teams.sign_in, "A", person.number,
                        person.tone_hz)
        person.begin()
        music.wait("acknowledged")
        music.transfer(person.number)
        again = person.wait_ringing()
        music.wait("transferred")
        again.wait_answered()
        self.talk(again, desk)

    def test_mute_in_teams_keeps_the_call(self):
        person, desk = self.people["A"], self.site.desk(1)
        call = self.phone_calls(desk, person, "2001")
        self.talk(call, desk)
        call.command("play", muted=True)
        desk.ear.hears(None)
        call.unmute()
        self.talk(call, desk)

    def test_emergency_call_with_the_location(self):
        desk = self.site.desk(1)
        desk.begin()
        a = self.people["A"]
        since = len(self.teams.control.events)
        answer = self.teams.control.command(
            "dial", tenant=a.tenant, emergency=True,
            **{"from": a.number, "to": desk.extension})
        desk.wait_ringing()
        desk.answer()
        self.teams.control.wait_event(
            since, 30, "the answer", lambda e: e["event"] == "answered"
            and e.get("call") == answer["call"])


class LostReports(MoodTest):
    """Teams' transfers are carried out here, and told in vain."""

    pbxs = (Pbx(transfer="{blind: bridge, attended: bridge}"),)

    def test_teams_hears_no_notify(self):
        """The REFER of a call whose NOTIFYs are lost ends nothing."""
        self.mood(lose_notify=True, refer_timeout_ms=1500)
        person, desk = self.people["A"], self.site.desk(1)
        other = self.site.desk(2)
        call = self.phone_calls(desk, person, "2001")
        self.talk(call, desk)
        other.begin()
        call.transfer(other.extension)
        other.wait_ringing()
        other.hangup()
        call.wait("transfer_failed", deadline_s=30)
        self.assertEqual(
            [v["rule"] for v in self.teams.violations()[self.violations:]],
            ["refer-notify"])
        self.violations += 1
        self.talk(call, desk)
        desk.hangup()
        call.wait_ended()


class Trunks(BridgeTest):
    """Switches of the trunk, seen from Teams."""

    def change(self, **params):
        self.teams.control.command("tenant_add", fqdn=plan.TENANT_FQDN,
                                   **params)

    def test_a_trunk_that_is_not_enabled_keeps_its_calls(self):
        person, desk = self.people["A"], self.site.desk(1)
        call = self.phone_calls(desk, person, "2001")
        self.change(enabled=False)
        self.addCleanup(self.change, enabled=True)
        self.talk(call, desk)
        with self.assertRaisesRegex(RuntimeError, "not enabled"):
            person.dial(desk.extension)
        desk.hangup()
        call.wait_ended()

    def test_each_region_is_fresh(self):
        def trunk():
            trunks = self.teams.control.command("health")["trunks"]
            return next(t for t in trunks if t["tenant"] == plan.TENANT_FQDN)
        wait_for(lambda: all(i["fresh"] for i in trunk()["instances"]), 30,
                 lambda: "OPTIONS to all regions: %s" % trunk())
