"""Wrong passwords, and then not a word to anybody (fail2ban)."""

from zoo import Script


class Bans(Script):
    """Silence after refusals is a ban, and what to ask for is said."""

    users = 2
    passwords = {0: "wrong"}

    def register(self, message):
        refused = self.credential(self.seen[-1]) and not self.proven(
            self.seen[-1])
        self.banned = getattr(self, "banned", False)
        if self.banned or "<sip:%d@" % self.people[1].extension \
                in message.value("To"):
            return
        self.challenge(message)
        self.banned = bool(refused)

    def check(self, test):
        test.assertEqual(self.failing()["scode"], 401)
        row = self.failing(45, 1)
        test.assertEqual(row["reason"], "Probably banned")
        test.assertIn("fail2ban", row["advice"])
