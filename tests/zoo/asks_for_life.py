"""OPTIONS as keepalive."""

from lab.process import wait_for

from zoo import Script


class Answers(Script):
    """One for all users, whatever it is answered with."""

    fields = {"registration": "{keepalive: 1s, keepalive_by: options}"}
    users = 3
    asked = 0

    def arrived(self, message):
        if message.method == "OPTIONS":
            self.asked += 1
            self.reply(message, "404 Not Found")
        else:
            super().arrived(message)

    def check(self, test):
        for i in range(self.users):
            self.registered(i)
        wait_for(lambda: self.asked >= 3, 15, "three OPTIONS")
        test.assertEqual(self.row()["flaps"], 0)


class Falls(Answers):
    """Gone without a word: found out long before the renewal."""

    users = 1

    def arrived(self, message):
        if self.asked < 2:
            super().arrived(message)

    def check(self, test):
        row = self.failing(55)
        test.assertIn("No response", row["reason"])
        test.assertEqual(row["flaps"], 1)
