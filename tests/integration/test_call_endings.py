"""Calls that are not answered, or end before they are."""

from support import BridgeTest, wait_for


class FromTeams(BridgeTest):

    def test_cancel_stops_the_ringing(self):
        desk = self.site.desk(1)
        desk.begin()
        call = self.people["A"].dial(desk.extension)
        desk.wait_ringing()
        call.wait("ringing", "progress")
        call.hangup()
        desk.wait_closed()
        record = self.ended_record()
        self.assertEqual((record["scode"], record["answer_ms"]), (487, 0))

    def test_busy_is_told(self):
        call = self.people["A"].dial("6002")
        ended = call.wait_ended()
        self.assertEqual(ended["code"], 486, ended)
        self.assertEqual(self.ended_record()["scode"], 486)

    def test_rejected_by_the_phone(self):
        desk = self.site.desk(1)
        desk.begin()
        call = self.people["A"].dial(desk.extension)
        desk.wait_ringing()
        desk.hangup()
        self.assertEqual(call.wait_ended()["code"], 486)

    def test_refusals_of_the_pbx_keep_their_meaning(self):
        for number, codes in (("6004", (404,)), ("6003", (403,)),
                              ("1004", (480,)), ("6005", (503, 480))):
            with self.subTest(number):
                call = self.people["A"].dial(number)
                self.assertIn(call.wait_ended()["code"], codes)

    def test_nobody_answers(self):
        call = self.people["A"].dial("6001")
        call.wait("ringing")
        call.hangup()
        call.wait_ended()
        self.ended_record()

    def test_answered_then_ended_by_the_pbx(self):
        call = self.people["A"].dial("6008")
        call.wait_answered()
        call.wait_ended()
        self.assertEqual(self.ended_record()["ended_by"], "pbx")


class FromPbx(BridgeTest):

    def test_caller_gives_up(self):
        person, desk = self.people["A"], self.site.desk(1)
        desk.dial("2001")
        call = person.wait_ringing()
        desk.wait("CALL_RINGING", "CALL_PROGRESS")
        desk.hangup()
        call.wait_ended()
        record = self.ended_record()
        self.assertEqual((record["scode"], record["answer_ms"]), (487, 0))

    def test_caller_gives_up_at_once(self):
        desk = self.site.desk(1)
        for _ in range(5):
            desk.dial("2001")
            desk.clear()
        wait_for(lambda: all(r["state"] == "ended" for r in self.records()),
                 30, "all calls to end", 0.1)
        self.quiet()
        person = self.people["A"]
        person.begin()
        self.talk(self.phone_calls(desk, person, "2001"), desk)

    def test_user_declines(self):
        person, desk = self.people["A"], self.site.desk(1)
        desk.dial("2001")
        person.wait_ringing().decline()
        desk.wait_closed()
        self.assertEqual(self.ended_record()["scode"], 603)

    def test_user_is_busy(self):
        desk, user = self.site.desk(1), self.people["A"]
        self.teams.sign_in("A", user.number, user.tone_hz, answer="busy")
        self.addCleanup(self.teams.sign_in, "A", user.number, user.tone_hz)
        desk.dial("2001")
        self.assertIn("486", desk.wait_closed())
        self.assertEqual(self.ended_record()["scode"], 486)

    def test_nobody_answers(self):
        self.teams.control.command("set", no_answer_ms=1500)
        self.addCleanup(self.teams.control.command, "set",
                        no_answer_ms=60000)
        person, desk = self.people["A"], self.site.desk(1)
        desk.dial("2001")
        call = person.wait_ringing()
        call.wait_ended()
        self.assertIn("480", desk.wait_closed())

    def test_a_number_teams_does_not_know(self):
        desk = self.site.desk(1)
        person = self.people["B"]
        self.teams.sign_out(person, unassign=True)
        self.addCleanup(self.teams.sign_in, "B", person.number,
                        person.tone_hz)
        desk.dial("2002")
        self.assertIn("404", desk.wait_closed())
        self.assertEqual(self.ended_record()["scode"], 404)

    def test_a_user_without_a_client(self):
        desk, person = self.site.desk(1), self.people["B"]
        self.teams.sign_out(person)
        self.addCleanup(self.teams.sign_in, "B", person.number,
                        person.tone_hz)
        desk.dial("2002")
        self.assertIn("480", desk.wait_closed())

    def test_one_of_several_clients_answers(self):
        desk, user = self.site.desk(1), self.people["A"]
        person = self.teams.sign_in("A", user.number, user.tone_hz,
                                    clients=3)
        self.addCleanup(self.teams.sign_in, "A", user.number, user.tone_hz)
        person.begin()
        call = self.phone_calls(desk, person, "2001")
        self.talk(call, desk)
        desk.hangup()
        call.wait_ended()
        self.ended_record()

    def test_many_short_calls_leave_nothing_behind(self):
        person, desk = self.people["B"], self.site.desk(1)
        for _ in range(15):
            person.begin()
            call = self.phone_calls(desk, person, "2002")
            desk.hangup()
            call.wait_ended()
            desk.clear()
        self.ended_record(15)
        self.no_calls_at(self.site.asterisk)
