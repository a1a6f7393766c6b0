"""An answer to something that was never asked."""

from zoo import Script


class Wrong(Script):
    """No answer of ours: waited for the right one, without harm."""

    def reply(self, message, line, more=()):
        send = message.reply
        if not message.repeated:
            message.reply = lambda octets: send(octets.replace(
                b"CSeq: %d REGISTER" % message.cseq,
                b"CSeq: %d INVITE" % (message.cseq + 7)))
        super().reply(message, line, more)

    def check(self, test):
        self.registered()
        test.assertEqual(len(self.seen), 2)
