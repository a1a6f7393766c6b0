"""The five initial confidence tests of the readiness guide."""

from support import BridgeTest


class InitialConfidence(BridgeTest):

    def test_1_two_users_register_from_one_address_and_port(self):
        rows = self.bridge.wait_registered()
        self.assertEqual(len(rows), 2)
        contacts = self.site.asterisk.contacts()
        places = {contacts[x][0].partition("@")[2].partition(";")[0]
                  for x in (2001, 2002)}
        self.assertEqual(len(places), 1, contacts)
        self.assertNotEqual(contacts[2001], contacts[2002])

    def test_2_teams_user_calls_the_pstn(self):
        person, phone = self.people["A"], self.site.carrier(1)
        call, shown = self.teams_calls(person, phone, phone.number)
        self.assertEqual(shown, person.number)
        self.talk(call, phone)
        self.assertLess(phone.ear.loss(call.tone_hz, 2), 0.02)
        call.hangup()
        phone.wait_closed()
        record = self.ended_record()
        self.assertEqual((record["direction"], record["scode"],
                          record["ended_by"]), ("from_teams", 200, "teams"))
        self.assertGreaterEqual(record["end_ms"] - record["answer_ms"], 2000)
        self.assertGreater(record["pbxside"]["rx_packets"], 50)
        self.assertGreater(record["teams"]["rx_packets"], 50)

    def test_2b_teams_user_calls_a_number_abroad(self):
        phone = self.site.carrier(2)
        call, _ = self.teams_calls(self.people["A"], phone, phone.number)
        self.talk(call, phone)

    def test_3_teams_user_calls_an_extension(self):
        person, desk = self.people["B"], self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        desk.hangup()
        call.wait_ended()
        self.assertEqual(self.ended_record()["ended_by"], "pbx")

    def test_4_pstn_calls_a_teams_user(self):
        person, phone = self.people["B"], self.site.carrier(1)
        call = self.phone_calls(phone, person)
        self.assertEqual(call.incoming["from"], phone.number)
        self.talk(phone, call)
        phone.hangup()
        call.wait_ended()
        record = self.ended_record()
        self.assertEqual(record["direction"], "from_pbx")
        self.assertEqual(record["caller"], phone.number)

    def test_4b_extension_calls_a_teams_user(self):
        person, desk = self.people["A"], self.site.desk(1)
        call = self.phone_calls(desk, person, "2001")
        self.talk(desk, call)
        call.hangup()
        desk.wait_closed()

    def test_5_teams_user_transfers_back_out(self):
        person, phone = self.people["A"], self.site.carrier(1)
        other = self.site.carrier(2)
        call = self.phone_calls(phone, person)
        self.talk(phone, call)
        other.begin()
        call.transfer(other.number)
        self.assertIn(other.wait_ringing()[0],
                      (person.number, phone.number))
        other.answer()
        call.wait("transferred")
        self.talk(phone, other)
        phone.hangup()
        other.wait_closed()

    def test_6_both_users_at_once(self):
        first, second = self.people["A"], self.people["B"]
        desk, phone = self.site.desk(1), self.site.carrier(1)
        one, _ = self.teams_calls(first, desk, desk.extension)
        two = self.phone_calls(phone, second)
        self.talk(one, desk)
        self.talk(two, phone)
        one.hangup()
        desk.wait_closed()
        self.talk(two, phone)
        phone.hangup()
        two.wait_ended()
        self.ended_record(2)
