"""Registers elsewhere."""

from zoo import Script


class Redirects(Script):
    """302: the address it names is told, credentials are not sent there."""

    def register(self, message):
        self.reply(message, "302 Moved Temporarily",
                   [("Contact", "<sip:registrar.elsewhere.example:5070>")])

    def check(self, test):
        row = self.failing()
        test.assertEqual(row["reason"], "Moved")
        test.assertIn("registrar.elsewhere.example:5070", row["advice"])
        test.assertEqual(row["next_s"], 0)
