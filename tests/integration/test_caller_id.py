"""Hunt groups and forwarding at a real PBX: who is shown, and who is next."""

from support import BridgeTest, plan


class HuntGroup(BridgeTest):
    """Group 6020: A in Teams, then desk 2, and queue 6022 the same. Group 6021
    tells its number."""

    def sign_in(self, **how):
        """A as Teams has it for one test."""
        user = self.people["A"]
        self.teams.sign_in("A", user.number, user.tone_hz, **how)
        self.addCleanup(self.teams.sign_in, "A", user.number, user.tone_hz)

    def next_one_talks(self, caller):
        second = self.site.desk(2)
        second.wait_ringing()
        second.answer()
        caller.wait_established()
        self.talk(second, caller)
        caller.hangup()
        second.wait_closed()

    def called(self, number):
        """Desk 1 calls the group, desk 2 is ready; desk 1."""
        self.site.desk(2).begin()
        caller = self.site.desk(1)
        caller.dial(number)
        return caller

    def declines(self, number):
        caller = self.called(number)
        self.people["A"].wait_ringing().decline()
        self.next_one_talks(caller)

    def test_goes_on_when_the_user_declines(self):
        self.declines("6020")

    def test_goes_on_when_the_user_is_busy_or_signed_out(self):
        for how in ({"answer": "busy"}, {"clients": 0}):
            with self.subTest(**how):
                self.sign_in(**how)
                self.next_one_talks(self.called("6020"))

    def test_a_queue_plays_music_until_the_user_answers(self):
        person, caller = self.people["A"], self.site.desk(1)
        caller.dial("6022")
        caller.wait_established()
        call = person.wait_ringing()
        caller.ear.hears(plan.HOLD_HZ)
        call.answer()
        call.wait_answered()
        self.talk(call, caller)
        call.hangup()
        caller.wait_closed()

    def test_a_queue_goes_on_when_the_user_declines(self):
        self.declines("6022")

    def test_shows_the_caller_and_tells_the_group(self):
        person, caller = self.people["A"], self.site.desk(1)
        caller.dial("6021")
        call = person.wait_ringing()
        shown = call.incoming
        self.assertIn("sip:1001@", shown["headers"]["From"])
        history = shown["headers"]["History-Info"]
        self.assertRegex(history, r'^"Support" <sip:6021@')
        self.assertIn("cause%3D408", history)
        call.answer()
        caller.wait_established()
        self.talk(call, caller)
        caller.hangup()
        call.wait_ended()
