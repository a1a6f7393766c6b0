"""How long calls may last and ring, a PBX that forgot a call, and several
calls of one user."""

import time

from support import BridgeTest, Pbx, User, deadline, wait_for


class Timers(BridgeTest):
    """Short limits: 10 s to answer, 12 s of talk; silence is asked about
    after 10 s."""

    pbxs = (Pbx(call="{answer_limit: 10s, max_duration: 12s}"),)
    node = {"media": "{silence_limit: 10s}"}

    def ended(self, within_s):
        """The record of the one call, ended within so long, and with it
        every channel of the PBX."""
        record = self.ended_record(deadline_s=within_s)
        wait_for(lambda: not self.site.asterisk.channels(), 5,
                 "the PBX to have no call left", 0.05)
        return record

    def ended_record(self, count=1, deadline_s=10):
        wait_for(lambda: len([record for record in self.records()
                              if record["state"] == "ended"]) >= count,
                 deadline_s, lambda: "calls to end: %s" % self.records(), 0.1)
        return self.records()[0]

    @deadline(40)
    def test_the_longest_time_of_a_call_ends_both_legs(self):
        person, desk = self.people["A"], self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        begin = time.monotonic()
        record = self.ended(16)
        self.assertGreater(time.monotonic() - begin, 10)
        call.wait_ended(2)
        desk.wait_closed()
        self.assertEqual((record["ended_by"], record["scode"]),
                         ("bridge", 200))
        self.assertIn("max_duration", record["reason"])

    @deadline(40)
    def test_nobody_answers_in_teams_within_the_limit(self):
        person, desk = self.people["A"], self.site.desk(1)
        desk.dial("2001")
        call = person.wait_ringing()
        record = self.ended(14)
        call.wait_ended(2)
        self.assertIn("480", desk.wait_closed())
        self.assertEqual(record["result"], "no_answer")
        self.assertEqual(record["answer_ms"], 0)

    @deadline(40)
    def test_nobody_answers_at_the_pbx_within_the_limit(self):
        desk = self.site.desk(1)
        desk.begin()
        call = self.people["A"].dial(desk.extension)
        desk.wait_ringing()
        record = self.ended(14)
        self.assertEqual(call.wait_ended(2)["code"], 480)
        desk.wait_closed()
        self.assertEqual(record["result"], "no_answer")

    @deadline(60)
    def test_a_pbx_that_was_restarted_is_asked_and_the_call_ends(self):
        person, pbx = self.people["A"], self.site.asterisk
        call = person.dial("6008")
        call.wait_answered()
        pbx.process.kill()
        pbx.launch()
        self.addCleanup(self.register_again)
        record = self.ended_record(deadline_s=25)
        call.wait_ended(2)
        self.assertEqual(record["ended_by"], "bridge")
        self.assertIn("does not know the call", record["reason"])

    def register_again(self):
        """Killed, the PBX may have forgotten its newest bindings."""
        for user in self.users:
            self.bridge.command("retry", user.upn)
        wait_for(lambda: {2001, 2002} <= set(self.site.asterisk.contacts()),
                 10, "the PBX to know the users again", 0.1)


class Several(BridgeTest):
    """Two users with several calls."""

    users = (User(2001, "A"), User(2002, "B"))

    def test_one_user_talks_while_a_second_call_waits(self):
        person = self.people["A"]
        first, second = self.site.desk(1), self.site.desk(2)
        one = self.phone_calls(first, person, "2001")
        person.begin()
        second.dial("2001")
        two = person.wait_ringing()
        self.talk(one, first)
        one.hold()
        two.answer()
        second.wait_established()
        self.talk(two, second)
        second.hangup()
        two.wait_ended()
        one.resume()
        self.talk(one, first)
        first.hangup()
        one.wait_ended()
        self.ended_record(2)
