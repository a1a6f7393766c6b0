"""Message waiting for those who ask (FreeSWITCH, IMS cores)."""

from message import answer, encode
from peers import digest_fits
from zoo import BRIDGE, Script, contact_of

BODY = b"Messages-Waiting: %s\r\nVoice-Message: %d/1\r\n"


class Takes(Script):
    """SUBSCRIBE, challenged, then NOTIFYs in its dialog; renewed there."""

    fields = {"mwi": "subscribe"}
    grant = 60

    def arrived(self, message):
        if message.method == "SUBSCRIBE" and message.status is None:
            message.repeated = False
            self.subscribed(message)
        elif message.method == "NOTIFY":
            self.notified = message.status
        else:
            super().arrived(message)

    asked = ()

    def subscribed(self, message):
        if not digest_fits(self.credential(message), "SUBSCRIBE",
                           self.right):
            self.challenge(message)
            return
        self.asked = *self.asked, message
        message.reply(answer(message, "SIP/2.0 200 OK", [
            ("Contact", "<sip:mwi@%s:5060>" % self.host),
            ("Expires", self.grant)]))
        self.notify(message, len(self.asked))

    def notify(self, message, count):
        body = BODY % (b"yes" if count else b"no", count)
        self.sock.sendto(encode("NOTIFY %s SIP/2.0" % contact_of(message), [
            ("Via", "SIP/2.0/UDP %s:5060;branch=z9hG4bKs%d" % (self.host,
                                                               count)),
            ("Max-Forwards", 70),
            ("From", message.value("To").partition(";tag")[0] + ";tag=wire"),
            ("To", message.value("From")),
            ("Call-ID", message.value("Call-ID")),
            ("CSeq", "%d NOTIFY" % count), ("Event", "message-summary"),
            ("Contact", "<sip:mwi@%s:5060>" % self.host),
            ("Subscription-State", "active;expires=60"),
            ("Content-Type", "application/simple-message-summary"),
            ("Content-Length", len(body))], body), (BRIDGE, 5060))

    def check(self, test):
        row = self.wait_row(lambda row: row.get("waiting_new", 0) >= 2, 60)
        test.assertTrue(row["waiting"])
        first, second = self.asked[:2]
        test.assertEqual(self.notified, 200)
        test.assertEqual(first.value("Event"), "message-summary")
        test.assertEqual(first.value("Call-ID"), second.value("Call-ID"))
        test.assertGreater(second.cseq, first.cseq)
        test.assertEqual(second.uri, "sip:mwi@%s:5060" % self.host)
        test.assertIn("tag=wire", second.value("To"))


class Refuses(Takes):
    """489: asked once, and what it sends by itself is shown."""

    def subscribed(self, message):
        self.asked = *self.asked, message
        self.reply(message, "489 Bad Event")
        body = BODY % (b"yes", 7)
        self.sock.sendto(encode("NOTIFY %s SIP/2.0" % contact_of(message), [
            ("Via", "SIP/2.0/UDP %s:5060;branch=z9hG4bKu" % self.host),
            ("Max-Forwards", 70), ("From", "<sip:vm@pbx>;tag=vm"),
            ("To", message.value("To")), ("Call-ID", "unasked"),
            ("CSeq", "1 NOTIFY"), ("Event", "message-summary"),
            ("Subscription-State", "active"),
            ("Content-Type", "application/simple-message-summary"),
            ("Content-Length", len(body))], body), (BRIDGE, 5060))

    def check(self, test):
        self.wait_row(lambda row: row.get("waiting_new") == 7)
        test.assertEqual(len(self.asked), 1)
