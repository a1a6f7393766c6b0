"""Settings change while the bridge runs: all of a good file, nothing of a bad
one, and no other user is disturbed."""

from support import BridgeTest, User, wait_for


class Reload(BridgeTest):
    """One user who is well, one whose password is wrong."""

    users = (User(2001, "Good"), User(2002, "Wrong", sip_password="wrong"))
    registers = False

    def setUp(self):
        super().setUp()
        self.good, self.wrong = type(self).users
        self.take(self.good, self.wrong)
        self.good_row = self.bridge.wait_registered(
            self.good)[self.good.upn]
        self.bridge.wait_failing(self.wrong)

    def take(self, *users):
        """Write the customer file and have it read."""
        self.bridge.users = users
        self.bridge.configure()
        self.bridge.command("reload")

    def assert_undisturbed(self):
        row = self.bridge.status()[self.good.upn]
        for field in ("state", "since_s", "contact", "flaps"):
            self.assertEqual(row[field], self.good_row[field], field)

    def test_a_mended_password_registers_that_user_alone(self):
        self.take(self.good, User(2002, "Wrong"))
        self.bridge.wait_registered(self.bridge.users[1])
        self.assert_undisturbed()

    def test_a_removed_user_leaves_the_pbx_and_the_list(self):
        mended = User(2002, "Wrong")
        self.take(self.good, mended)
        self.bridge.wait_registered(mended)
        self.take(self.good)
        wait_for(lambda: 2002 not in self.site.asterisk.contacts(), 30,
                      "the binding of 2002 to be removed")
        wait_for(lambda: mended.upn not in self.bridge.status(), 30,
                 "the row to go", 0.1)
        self.assert_undisturbed()

    def test_a_bad_file_changes_nothing_and_says_why(self):
        path = self.bridge.folder / "customers/contoso.yaml"
        path.write_text(path.read_text().replace("protocol: udp",
                                                 "protocol: upd"))
        text = self.bridge.command("reload", good=(2,))
        self.assertRegex(text, r"contoso\.yaml:\d+:\d+: .*protocol")
        self.assertIn(self.wrong.upn, self.bridge.status())
        self.assert_undisturbed()

    def test_a_calling_user_may_be_edited(self):
        person = self.people["Good"]
        desk = self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        self.take(User(2001, "Good", sip_password="wrong"), self.wrong)
        self.talk(call, desk)
        call.hangup()
        desk.wait_closed()
        self.ended_record()
