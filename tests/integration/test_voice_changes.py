"""Holds and changes of the voice in a running call, by listening."""

from support import BridgeTest, Pbx, User, plan, wait_for

from lab import phones


def changed(call, verb):
    """Have Teams change the call, and wait until that is through."""
    event = {"hold": "held", "resume": "resumed"}.get(verb, verb + "ed")
    before = len(call.saw(event))
    wait_for(lambda: begun(call, verb), 30, "teams-sim to take " + verb, 0.05)
    wait_for(lambda: len(call.saw(event)) > before, 30, event, 0.02)


def begun(call, verb):
    """Begin a change; false while another one is under way."""
    try:
        call.command(verb)
    except RuntimeError as error:
        if "busy" not in str(error):
            raise
        return False
    return True


class HoldByPhones(BridgeTest):
    """Phones behind a PBX that is a proxy only: their holds reach us."""

    pbxs = (Pbx(sip_domain=plan.KAMAILIO_DOMAIN,
                sip_proxy=plan.KAMAILIO + ":5060",
                outside_line_prefix=None, e164=None,
                media="{hold: inactive}"),)
    users = (User(2101, "A", "+442079460201"),)
    needs = ("dns", "kamailio", "teams")

    def begin(self):
        phone = self.site.at_kamailio(1101)
        call = self.phone_calls(phone, self.people["A"],
                                "sip:2101@" + plan.KAMAILIO_DOMAIN)
        self.talk(phone, call)
        return phone, call

    # baresip records nothing after a hold: Teams listens
    def test_phone_holds_and_resumes(self):
        phone, call = self.begin()
        for _ in range(2):
            phone.hold()
            call.ear.hears(None)
            phone.resume()
            call.ear.hears(phone.tone_hz)
        phone.hangup()
        call.wait_ended()

    def test_both_hold_and_the_phone_began(self):
        phone, call = self.begin()
        phone.hold()
        call.ear.hears(None)
        changed(call, "hold")
        changed(call, "refresh")
        phone.resume()
        changed(call, "resume")
        call.ear.hears(phone.tone_hz)

    def test_both_hold_and_teams_began(self):
        phone, call = self.begin()
        changed(call, "hold")
        phone.hold()
        changed(call, "refresh")
        changed(call, "resume")
        phone.resume()
        call.ear.hears(phone.tone_hz)


class LongHold(BridgeTest):
    """A hold outlasts refreshes of the session."""

    pbxs = (Pbx(transfer="{blind: bridge}"),)

    def test_refreshed_hold_is_resumed(self):
        phone = self.site.carrier(1)
        call = self.phone_calls(phone, self.people["A"])
        changed(call, "hold")
        phone.ear.hears(plan.HOLD_HZ)
        for _ in range(3):
            changed(call, "refresh")
        phone.ear.hears(plan.HOLD_HZ)
        call.resume()
        self.talk(phone, call)

    def test_voice_of_teams_that_begins_long_after_the_answer(self):
        phone = self.site.carrier(1)
        call = self.phone_calls(phone, self.people["A"])
        call.command("play", nothing=True)
        call.ear.hears(phone.tone_hz)
        phone.ear.hears(None)
        call.unmute()
        self.talk(phone, call)

    def test_hold_while_the_target_of_a_transfer_rings(self):
        phone = self.site.carrier(1)
        call = self.phone_calls(phone, self.people["A"])
        target = self.people["B"]
        call.transfer(target.number)
        partner = target.wait_ringing()
        changed(call, "hold")
        partner.answer()
        self.talk(phone, partner)


class Silence(BridgeTest):
    """Nobody is heard."""

    node = {"media": "{silence_limit: 10s}"}

    def test_a_call_without_any_voice_ends(self):
        call = self.people["A"].dial("6017")
        call.wait_answered()
        call.command("play", nothing=True)
        call.wait_ended(20)
        record = self.ended_record()
        self.assertEqual((record["ended_by"], record["reason"]),
                         ("bridge", "No voice from either side"))
        self.assertGreaterEqual(record["end_ms"] - record["answer_ms"], 9500)


class Forks(BridgeTest):
    """Several phones ring for one extension, each with a description of its
    own before anybody has answered."""

    pbxs = HoldByPhones.pbxs
    users = HoldByPhones.users
    needs = HoldByPhones.needs

    def phone(self, number):
        """A phone that answers 183 while it rings."""
        phone = phones.Phone("fork-%d" % number, "127.0.0.%d" % (27 + number),
                             "1102", plan.CARRIER_HZ[number - 1],
                             self.site.state)
        self.addCleanup(phone.stop)
        phones.ready(phone, lambda: phone.register(
            1102, registrar=plan.KAMAILIO_DOMAIN, answermode="early",
            outbound="sip:" + plan.KAMAILIO))
        phone.begin()
        return phone

    def test_whoever_answers_is_heard(self):
        ringing = [self.phone(1), self.phone(2)]
        for phone in ringing:
            call = self.people["A"].dial("1102")
            wait_for(lambda: len(call.saw("progress")) == 2, 30,
                     "early media of both", 0.02)
            phone.answer()
            call.wait_answered()
            self.talk(call, phone)
            call.hangup()
            phone.wait_closed()
            for each in ringing:
                each.clear()
                each.begin()
