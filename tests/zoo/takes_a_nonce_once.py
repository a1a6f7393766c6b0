"""Nonces that are good for one request."""

from zoo import Script


class Once(Script):
    """Refused for its second use, a nonce is never used twice again."""

    grant_s = 20

    def __init__(self, number):
        super().__init__(number)
        self.used = set()

    def proven(self, message):
        key = self.credential(message).partition('nonce="')[2].split('"')[0]
        if not super().proven(message):
            return False
        if key in self.used and not message.repeated:
            return False
        self.used.add(key)
        return True

    def check(self, test):
        self.wait_seen(4)
        row = self.registered()
        test.assertEqual(row["flaps"], 0)
        self.wait_seen(6)
        test.assertEqual(self.credential(self.seen[4]), "")


class Forbids(Once):
    """403 instead of a challenge for the second use (an IMS core)."""

    def challenge(self, message, more=""):
        if self.credential(message):
            self.reply(message, "403 Forbidden")
        else:
            super().challenge(message, more)

    def check(self, test):
        self.wait_seen(4)
        test.assertEqual(self.registered()["flaps"], 0)
