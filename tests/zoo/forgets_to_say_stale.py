"""An old nonce is refused as if the password were wrong."""

from zoo import Script


class Stale(Script):
    """401 with a new nonce and no stale flag: not a wrong password."""

    grant_s = 20

    def proven(self, message):
        return super().proven(message) and \
            'nonce="%s"' % self.last in self.credential(message)

    def accept(self, message):
        super().accept(message)
        self.last = "forgotten"

    def check(self, test):
        self.wait_seen(4)
        row = self.registered()
        test.assertEqual((row["flaps"], row["scode"]), (0, 200))
