"""Lower-case names and folded lines, as the RFC allows."""

from zoo import Script, fold


class Folds(Script):
    """Read like any other."""

    grant_s = 444

    def reply(self, message, line, more=()):
        send = message.reply
        message.reply = lambda octets: send(fold(octets))
        super().reply(message, line, more)

    def check(self, test):
        test.assertEqual(self.registered()["expires_s"], 444)
