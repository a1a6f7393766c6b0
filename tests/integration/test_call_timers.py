"""How long calls may last and ring, a PBX that forgot a call, and several
calls of one user."""

import time

from support import BridgeTest, Pbx, User, wait_for


class Timers(BridgeTest):
    """Short limits: 10 s to answer, 12 s of talk; silence is asked about
    after 10 s."""

    pbxs = (Pbx(call="{answer_limit: 10s, max_duration: 12s}"),)
    node = {"media": "{silence_limit: 10s}"}

    def ended(self, count, within_s):
        """The records of so many calls, ended within so long, and with them
        every channel of the PBX."""
        wait_for(lambda: len([record for record in self.records()
                              if record["state"] == "ended"]) >= count,
                 within_s, lambda: "calls to end: %s" % self.records(), 0.1)
        wait_for(lambda: not self.site.asterisk.channels(), 20,
                 "the PBX to have no call left", 0.05)
        return self.records()

    def test_calls_end_at_their_limits(self):
        """A talk, and who rings in Teams and at the PBX; all at once, for
        each takes ten seconds and more."""
        ann, bob = self.people["A"], self.people["B"]
        one, two, three = map(self.site.desk, (1, 2, 3))
        talk, _ = self.teams_calls(ann, one, one.extension)
        begin = time.monotonic()
        two.dial("2002")
        to_bob = bob.wait_ringing()
        three.begin()
        to_desk = ann.dial(three.extension)
        three.wait_ringing()
        found = {(record["direction"], record["result"]): record
                 for record in self.ended(3, 40)}
        self.assertGreater(time.monotonic() - begin, 10)
        self.talk_is_over(talk, one, found)
        # nobody answers in Teams
        to_bob.wait_ended(20)
        self.assertIn("480", two.wait_closed())
        self.assertEqual(found["from_pbx", "no_answer"]["answer_ms"], 0)
        # nor at the PBX
        self.assertEqual(to_desk.wait_ended(20)["code"], 480)
        three.wait_closed()
        self.assertIn(("from_teams", "no_answer"), found)

    def talk_is_over(self, talk, desk, found):
        talk.wait_ended(20)
        desk.wait_closed()
        record = found["from_teams", "answered"]
        self.assertEqual((record["ended_by"], record["scode"]),
                         ("bridge", 200))
        self.assertIn("max_duration", record["reason"])

    def test_a_pbx_that_was_restarted_is_asked_and_the_call_ends(self):
        person, pbx = self.people["A"], self.site.asterisk
        call = person.dial("6008")
        call.wait_answered()
        pbx.process.kill()
        pbx.launch()
        self.addCleanup(self.register_again)
        record = self.ended(1, 40)[0]
        call.wait_ended(20)
        self.assertEqual(record["ended_by"], "bridge")
        self.assertIn("does not know the call", record["reason"])

    def register_again(self):
        """Killed, the PBX may have forgotten its newest bindings."""
        for user in self.users:
            self.bridge.command("retry", user.upn)
        wait_for(lambda: {2001, 2002} <= set(self.site.asterisk.contacts()),
                 30, "the PBX to know the users again", 0.1)


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

    def test_two_users_are_called_and_call_at_once(self):
        """Four voices, and each hears the one it talks to."""
        desks = self.site.desk(1), self.site.desk(2)
        people = self.people["A"], self.people["B"]
        for person, desk, number in zip(people, desks, ("2001", "2002")):
            person.begin()
            desk.dial(number)
        calls = [person.wait_ringing() for person in people]
        for call, desk in zip(calls, desks):
            call.answer()
            desk.wait_established()
        self.all_talk(calls, desks)
        for call, desk in zip(calls, desks):
            desk.hangup()
            call.wait_ended()
            desk.begin()

        calls = [person.dial(desk.extension)
                 for person, desk in zip(people, desks)]
        for call, desk in zip(calls, desks):
            desk.wait_ringing()
            desk.answer()
            call.wait_answered()
        self.all_talk(calls, desks)
        for call, desk in zip(calls, desks):
            call.hangup()
            desk.wait_closed()
        self.ended_record(4)

    def all_talk(self, calls, desks):
        for call, desk in zip(calls, desks):
            self.talk(call, desk)
