"""What a Teams user does with a call: hold, resume, transfer."""

from support import BridgeTest, Pbx, plan


class Hold(BridgeTest):

    def test_caller_hears_the_pbx_music_and_then_the_user_again(self):
        person, phone = self.people["A"], self.site.carrier(1)
        call = self.phone_calls(phone, person)
        self.talk(phone, call)
        for _ in range(2):
            call.hold()
            phone.ear.hears(plan.HOLD_HZ)
            call.resume()
            phone.ear.hears(call.tone_hz)
            call.ear.hears(phone.tone_hz)
        phone.hangup()
        call.wait_ended()

    def test_held_party_hears_music_when_teams_called(self):
        person, desk = self.people["A"], self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        call.hold()
        desk.ear.hears(plan.HOLD_HZ)
        call.resume()
        self.talk(call, desk)

    def test_hanging_up_while_on_hold(self):
        person, phone = self.people["A"], self.site.carrier(1)
        call = self.phone_calls(phone, person)
        call.hold()
        phone.ear.hears(plan.HOLD_HZ)
        phone.hangup()
        call.wait_ended()
        self.ended_record()

    def test_media_moves_to_another_processor(self):
        person, phone = self.people["A"], self.site.carrier(1)
        call = self.phone_calls(phone, person)
        self.talk(phone, call)
        call.command("move")
        self.talk(phone, call)


class Transfer(BridgeTest):

    def blind(self, caller, person, target, ring, answer):
        """`caller` is talking to `person`, who transfers to `target`;
        `ring` waits there, `answer` takes the call; the new partner."""
        call = self.phone_calls(caller, person)
        self.talk(caller, call)
        call.transfer(target)
        partner = ring()
        answer(partner)
        call.wait("transferred")
        self.talk(caller, partner)
        return partner

    def test_to_the_pstn(self):
        phone, other = self.site.carrier(1), self.site.carrier(2)
        other.begin()
        self.blind(phone, self.people["A"], other.number,
                   lambda: other.wait_ringing() and other,
                   lambda partner: partner.answer())
        other.hangup()
        phone.wait_closed()

    def test_to_an_extension(self):
        phone, desk = self.site.carrier(1), self.site.desk(1)
        desk.begin()
        self.blind(phone, self.people["A"], desk.extension,
                   lambda: desk.wait_ringing() and desk,
                   lambda partner: partner.answer())

    def test_to_another_teams_user(self):
        other = self.people["B"]
        partner = self.blind(self.site.carrier(1), self.people["A"],
                             other.number, other.wait_ringing,
                             lambda call: call.answer())
        partner.hangup()

    def test_of_an_outgoing_call(self):
        person, phone = self.people["A"], self.site.carrier(1)
        other = self.site.carrier(2)
        call, _ = self.teams_calls(person, phone, phone.number)
        self.talk(call, phone)
        other.begin()
        call.transfer(other.number)
        other.wait_ringing()
        other.answer()
        call.wait("transferred")
        self.talk(phone, other)

    def to_a_busy_number(self):
        phone, person = self.site.carrier(1), self.people["A"]
        call = self.phone_calls(phone, person)
        self.talk(phone, call)
        call.transfer("6002")
        call.wait("transfer_failed")
        return phone, call

    def test_to_a_busy_number_is_told_once(self):
        # Asterisk has let go of the caller by then: nobody can get it back
        phone, call = self.to_a_busy_number()
        phone.wait_closed()
        call.hangup()
        self.assertEqual(self.ended_record()["transferred_to"], "")


class TransferByBridging(Transfer):
    """The same at a PBX that cannot transfer."""

    pbxs = (Pbx(supports_refer="false"),)

    def test_to_a_busy_number_is_told_once(self):
        phone, call = self.to_a_busy_number()
        self.talk(phone, call)
