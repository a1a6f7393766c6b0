"""423 with Min-Expires."""

from zoo import Script


class Longer(Script):
    """The second try asks for what the PBX wants."""

    grant_s = 4000

    def register(self, message):
        if 0 < int(message.value("Expires")) < 4000:
            self.reply(message, "423 Interval Too Brief",
                       [("Min-Expires", "4000")])
        else:
            super().register(message)

    def check(self, test):
        test.assertEqual(self.registered()["expires_s"], 4000)
