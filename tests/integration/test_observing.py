"""What is told of calls afterwards: why, lists, reports, captures."""

import json

from support import BridgeTest, deadline, plan


class Why(BridgeTest):

    def refused(self, number):
        """The record of a call that the PBX refuses."""
        self.people["A"].dial(number).wait_ended()
        return self.ended_record()

    def test_a_failed_call_is_explained(self):
        record = self.refused("6004")
        self.assertEqual((record["result"], record["failed_side"],
                          record["field"]),
                         ("not_found", "pbx", "pbx.e164.extension_digits"))
        self.assertEqual(record["pbxside"]["scode"], 404)
        self.assertEqual(record["teams"]["scode"], 404)
        text = self.bridge.command("why", record["id"][:8])
        for words in ("Nobody has the number 6004.",
                      "1. Is there an extension 6004 at PBX hq?",
                      "setting    pbx.e164.extension_digits",
                      "an extension stays as it is", "6004 -> 6004",
                      "- INVITE +SDP -", "- 404 Not Found (INVITE) -"):
            self.assertIn(words, text)
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80, text)
        failed = json.loads(self.bridge.command("calls", "--failed",
                                                "--since", "1h", "--json"))
        self.assertIn(record["id"], [c["id"] for c in failed["calls"]])

    def test_a_busy_phone_is_no_failure(self):
        record = self.refused("6002")
        self.assertEqual(record["result"], "busy")
        failed = json.loads(self.bridge.command("calls", "--failed",
                                                "--json"))
        self.assertNotIn(record["id"], [c["id"] for c in failed["calls"]])

    @deadline(60)
    def test_a_good_call_tells_what_was_decided(self):
        desk = self.site.desk(1)
        desk.begin()
        call, _ = self.teams_calls(self.people["A"], desk, desk.extension)
        self.talk(call, desk)
        call.hangup()
        desk.wait_closed()
        record = self.ended_record()
        self.assertEqual((record["result"], record["advice"],
                          record["failed_side"]), ("answered", "", ""))
        self.assertEqual(record["teams"]["srtp"], "AES_CM_128_HMAC_SHA1_80")
        topics = {d["topic"] for d in record["decisions"]}
        self.assertLessEqual({"route", "number", "codec", "security",
                              "voice", "signal"}, topics)
        text = self.bridge.command("why", record["id"])
        self.assertIn("The call went well; teams hung up.", text)
        self.assertIn("SRTP AES_CM_128_HMAC_SHA1_80", text)
