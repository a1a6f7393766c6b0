"""503 with Retry-After."""

from zoo import Script


class Overloaded(Script):
    """Left alone for as long as it asked."""

    def register(self, message):
        self.reply(message, "503 Service Unavailable",
                   [("Retry-After", "120 (starting)")])

    def check(self, test):
        row = self.failing()
        test.assertGreaterEqual(row["next_s"] - row["since_s"], 119)
        test.assertEqual(len(self.seen), 1)
