"""NOTIFY without a subscription, as soon as a phone is there (CUCM)."""

import re

from message import encode
from zoo import BRIDGE, Script, contact_of

BODY = (b"Messages-Waiting: yes\r\nMessage-Account: sip:vm@pbx\r\n"
        b"Voice-Message: 2/8 (0/2)\r\n")


class Tells(Script):
    """The lamp and the counts are in the status."""

    def accept(self, message):
        super().accept(message)
        uri = contact_of(message)
        self.sock.sendto(encode("NOTIFY %s SIP/2.0" % uri, [
            ("Via", "SIP/2.0/UDP %s:5060;branch=z9hG4bKmwi" % self.host),
            ("Max-Forwards", 70), ("From", "<sip:vm@pbx>;tag=vm"),
            ("To", "<%s>" % re.sub(r";.*", "", uri)),
            ("Call-ID", "mwi"), ("CSeq", "1 NOTIFY"),
            ("Event", "message-summary"),
            ("Subscription-State", "terminated"),
            ("Content-Type", "application/simple-message-summary"),
            ("Content-Length", len(BODY))], BODY), (BRIDGE, 5060))

    def check(self, test):
        row = self.wait_row(lambda row: row.get("waiting"))
        test.assertEqual((row["waiting_new"], row["waiting_old"]), (2, 8))
        test.assertIn("2 new, 8 old", self.bridge.command("why", row["upn"]))
        test.assertIn("2 new voice messages", self.bridge.command("status"))
