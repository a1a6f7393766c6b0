"""One phone an extension, and there is one."""

from zoo import Script


class Refuses(Script):
    """Told in the PBX's words, with what to look at, and not hammered."""

    def accept(self, message):
        self.reply(message, "403 Too Many Registrations")

    def check(self, test):
        row = self.failing()
        test.assertIn("Too Many Registrations", row["words"])
        test.assertIn("too many phones on this extension", row["advice"])
        test.assertGreaterEqual(row["next_s"] - row["since_s"], 290)
