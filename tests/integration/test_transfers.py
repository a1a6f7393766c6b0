"""Transfers between real peers, each proven by listening.

Blind ones by a Teams user are in test_hold_transfer.py; message by message
all of them are in tests/wire.
"""

import json
import re
import time
import urllib.parse

from support import BridgeTest, Pbx, User, audio, plan, wait_for

from lab import phones


class Stories:
    """What the records say of a transfer."""

    def story(self, count):
        """The records of one conversation, oldest first, when all of them
        have ended."""
        self.ended_record(count)
        records = sorted(self.records(), key=lambda call: call["start_ms"])
        self.assertEqual({call["story"] for call in records},
                         {records[0]["id"]}, records)
        return records

    def gap_ms(self, ear, action):
        """The longest silence [ms] that an ear hears in two seconds, in
        which something is done. Nothing recorded counts as silence."""
        begin, started = ear.position(), time.monotonic()
        action()
        samples, rate = ear.fresh(2, 20, begin)
        late_ms = 1000 * (time.monotonic() - started - len(samples) / rate)
        block = rate // 50
        loud = "".join(
            "." if max(map(abs, samples[at:at + block])) > 300 else "x"
            for at in range(0, len(samples) - block, block))
        return max(0, late_ms) + 20 * max(map(len, loud.split(".")))


class Attended(Stories, BridgeTest):
    """A Teams user asks somebody first. The PBX carries it out."""

    way = "refer"

    def consulted(self, on_hold=True):
        """A caller whom Ann put on hold, and a desk that she has asked."""
        phone, desk = self.site.carrier(1), self.site.desk(1)
        person = self.people["A"]
        call = self.phone_calls(phone, person)
        self.talk(phone, call)
        if on_hold:
            call.hold()
            phone.ear.hears(plan.HOLD_HZ)
        consult, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(consult, desk)
        return phone, call, desk, consult

    def test_caller_on_hold_reaches_whom_the_user_asked(self):
        phone, call, desk, consult = self.consulted()
        call.transfer(desk.extension, consult)
        call.wait("transferred")
        consult.wait_ended()
        self.talk(phone, desk)
        desk.hangup()
        phone.wait_closed()
        first, second = self.story(2)
        self.assertEqual(second["transfer_of"], first["id"])
        transfer = first["transfers"][0]
        self.assertEqual(
            (transfer["by"], transfer["kind"], transfer["way"],
             transfer["to"], transfer["scode"], transfer["call_id"]),
            ("teams", "attended", self.way, desk.extension, 200,
             second["id"]))

    def test_user_lets_go_before_the_asked_one_answers(self):
        phone, desk = self.site.carrier(1), self.site.desk(1)
        person = self.people["A"]
        call = self.phone_calls(phone, person)
        self.talk(phone, call)
        call.hold()
        phone.ear.hears(plan.HOLD_HZ)
        desk.begin()
        consult = person.dial(desk.extension)
        desk.wait_ringing()
        consult.wait("ringing")
        call.transfer(desk.extension, consult)
        call.wait("refer_accepted")
        consult.hangup()
        consult.wait_ended()
        self.assertEqual(desk.calls(), 1)
        desk.answer()
        call.wait("transferred")
        self.talk(phone, desk)
        phone.hangup()
        desk.wait_closed()
        first, second = self.story(2)
        self.assertEqual(second["transfer_of"], first["id"])
        self.assertEqual(first["transfers"][0]["scode"], 200)
        self.assertEqual(first["transfers"][0]["way"], self.way)
        self.assertTrue(second["answer_ms"])


class BlindOnHold(BridgeTest):
    """The PBX transfers a caller on hold."""

    def test_caller_on_hold_reaches_the_target(self):
        phone, desk = self.site.carrier(1), self.site.desk(1)
        call = self.phone_calls(phone, self.people["A"])
        call.wait("acknowledged")
        call.hold()
        phone.ear.hears(plan.HOLD_HZ)
        desk.begin()
        call.transfer(desk.extension)
        desk.wait_ringing()
        desk.answer()
        call.wait("transferred")
        self.talk(phone, desk)


class AttendedByBridging(Attended):
    """The bridge joins its two calls by itself."""

    pbxs = (Pbx(transfer="{blind: bridge, attended: bridge}"),)
    way = "join"

    def test_caller_hangs_up_after_the_transfer(self):
        phone, call, desk, consult = self.consulted(on_hold=False)
        call.transfer(desk.extension, consult)
        call.wait("transferred")
        self.talk(phone, desk)
        phone.hangup()
        desk.wait_closed()
        first, second = self.story(2)
        self.assertEqual(first["replaced_by"], second["id"])


class OurMusic(BridgeTest):
    """The bridge's own music ends with the hold that it was for."""

    pbxs = (Pbx(transfer="{blind: bridge, attended: bridge}",
                hold="{music: bridge}"),)

    def test_music_ends_when_calls_are_joined(self):
        phone, desk = self.site.carrier(1), self.site.desk(1)
        person = self.people["A"]
        call = self.phone_calls(phone, person)
        self.talk(phone, call)
        call.hold()
        wait_for(lambda: not audio.only(audio.tones(*phone.ear.fresh(0.4)),
                                        call.tone_hz), 30, "the music")
        consult, _ = self.teams_calls(person, desk, desk.extension)
        call.transfer(desk.extension, consult)
        call.wait("transferred")
        self.talk(phone, desk)
        desk.hangup()
        phone.wait_closed()


class Bridged(Stories, BridgeTest):
    """The bridge carries out blind transfers: whatever the target does, the
    first call is not lost."""

    pbxs = (Pbx(transfer="{blind: bridge, attended: bridge}"),)
    users = (User(2001, "A"), User(2002, "B"))

    def begin(self):
        phone, person = self.site.carrier(1), self.people["A"]
        call = self.phone_calls(phone, person)
        self.talk(phone, call)
        return phone, call

    def test_target_does_not_answer_and_the_first_call_comes_back(self):
        phone, call = self.begin()
        target = self.people["B"]
        call.transfer(target.number)
        target.wait_ringing().decline()
        call.wait("transfer_failed")
        self.talk(phone, call)
        call.hangup()
        phone.wait_closed()
        transfer = self.story(1)[0]["transfers"][0]
        self.assertEqual((transfer["to"], transfer["scode"]),
                         ("Teams", 603))

    def test_while_on_hold_and_then_again(self):
        phone, call = self.begin()
        call.hold()
        phone.ear.hears(plan.HOLD_HZ)
        other, target = self.people["B"], self.site.carrier(2)
        call.transfer(other.number)
        partner = other.wait_ringing()
        partner.answer()
        call.wait_ended()
        self.talk(phone, partner)
        target.begin()
        partner.transfer(target.number)
        target.wait_ringing()
        target.answer()
        partner.wait("transferred")
        self.talk(phone, target)
        phone.hangup()
        target.wait_closed()
        first, second = self.story(2)
        # each leg there was is in the ladder: two, two more, hold (both) and
        # resume
        ladder = self.bridge.command("why", first["id"])
        self.assertEqual(ladder.count("- INVITE +SDP -"), 7, ladder)
        self.assertLess(first["pbxside"]["rx_lost"], 5)
        self.assertEqual([(t["from"], t["to"], t["scode"])
                          for t in first["transfers"]],
                         [(self.people["A"].number, "Teams", 200),
                          ("Teams", target.number, 200)])
        self.assertEqual(second["transfer_of"], first["id"])

    def test_the_one_who_transfers_leaves_early(self):
        phone, call = self.begin()
        target = self.people["B"]
        call.transfer(target.number)
        partner = target.wait_ringing()
        call.hangup()
        call.wait_ended()
        wait_for(lambda: self.rings(phone), 30, "the ringing tone")
        partner.answer()
        self.talk(phone, partner)
        phone.hangup()
        partner.wait_ended()

    def rings(self, phone):
        """Does the British ringing tone sound just now?"""
        samples, rate = phone.ear.fresh(0.2)
        return all(audio.amplitude(samples, rate, hz) > 0.01
                   for hz in (400, 450))

    def test_caller_leaves_while_the_target_rings(self):
        phone, call = self.begin()
        target = self.people["B"]
        call.transfer(target.number)
        partner = target.wait_ringing()
        phone.hangup()
        partner.wait_ended()
        call.wait_ended()
        self.assertEqual(self.story(1)[0]["transfers"][0]["scode"], 487)


class InsideTeams(Stories, BridgeTest):
    """What Teams does by itself."""

    def test_another_user_takes_the_call_over(self):
        phone = self.site.carrier(1)
        call = self.phone_calls(phone, self.people["A"])
        self.talk(phone, call)
        partner = call.replaced_by(self.people["B"])
        partner.wait_answered()
        call.wait_ended()
        self.talk(phone, partner)
        partner.hangup()
        phone.wait_closed()
        transfer = self.story(1)[0]["transfers"][0]
        self.assertEqual((transfer["kind"], transfer["way"]),
                         ("replaced", "peer"))

    def test_conference_of_two_calls(self):
        phone, desk = self.site.carrier(1), self.site.desk(1)
        person = self.people["A"]
        call = self.phone_calls(phone, person)
        other, _ = self.teams_calls(person, desk, desk.extension)
        call.confer(other)

        def hear_each_other():
            return all(
                {round(hz, -1) for hz, _ in audio.tones(*ear.fresh(0.6))}
                == {round(hz, -1) for hz in tones}
                for ear, tones in (
                    (phone.ear, (desk.tone_hz, person.tone_hz)),
                    (desk.ear, (phone.tone_hz, person.tone_hz))))
        wait_for(hear_each_other, 30, "both to hear each other and the user")
        phone.hangup()
        call.wait_ended()
        desk.ear.hears(person.tone_hz)


class ByThePbx(Stories, BridgeTest):
    """The PBX sends REFER to the user's phone."""

    def test_pbx_sends_the_user_elsewhere(self):
        call = self.people["A"].dial("6012")
        call.wait_answered()
        call.ear.hears(plan.HOLD_HZ)
        call.hangup()
        transfer = self.story(1)[0]["transfers"][0]
        self.assertEqual((transfer["by"], transfer["to"], transfer["way"],
                          transfer["scode"]), ("pbx", "6000", "bridge", 200))


class ByPhones(Stories, BridgeTest):
    """Phones behind a PBX that is a proxy only: their REFER reaches us."""

    pbxs = (Pbx(sip_domain=plan.KAMAILIO_DOMAIN,
                sip_proxy=plan.KAMAILIO + ":5060",
                outside_line_prefix=None, e164=None),)
    users = (User(2101, "A", "+442079460201"),
             User(2102, "B", "+442079460202"))
    needs = ("dns", "kamailio", "teams")

    def begin(self):
        phone = self.site.at_kamailio(1101)
        call = self.phone_calls(phone, self.people["A"],
                                "sip:2101@" + plan.KAMAILIO_DOMAIN)
        self.talk(phone, call)
        return phone, call

    def test_to_another_phone(self):
        phone, call = self.begin()
        other = self.site.at_kamailio(1102)
        other.begin()
        phone.transfer("1102", plan.KAMAILIO_DOMAIN)
        other.wait_ringing()
        other.answer()
        self.talk(call, other)
        other.hangup()
        call.wait_ended()

    def test_to_another_teams_user(self):
        phone, call = self.begin()
        phone.transfer("2102", plan.KAMAILIO_DOMAIN)
        partner = self.people["B"].wait_ringing()
        partner.answer()
        self.talk(call, partner)
        partner.hangup()
        call.wait_ended()
        first, second = self.story(2)
        self.assertEqual(second["transfer_of"], first["id"])

    def test_to_nobody_is_told_to_the_phone(self):
        phone, call = self.begin()
        phone.transfer("2999", plan.KAMAILIO_DOMAIN)
        # baresip hangs up then
        self.assertRegex(phone.wait("TRANSFER_FAILED")["param"], "^480 ")
        call.wait_ended()
        transfer = self.story(1)[0]["transfers"][0]
        self.assertEqual((transfer["to"], transfer["scode"]), ("2999", 480))

    def test_two_teams_users_are_joined_without_a_gap(self):
        phone, call = self.begin()
        other = self.phone_calls(phone, self.people["B"],
                                 "sip:2102@" + plan.KAMAILIO_DOMAIN)
        self.talk(phone, other)
        consulted = self.replaces(other)
        # both hear the phone, one after the other, then each other
        gap_ms = self.gap_ms(other.ear, lambda: phone.transfer(
            "2102", "%s?Replaces=%s" % (plan.KAMAILIO_DOMAIN, consulted)))
        self.talk(call, other)
        self.assertLess(gap_ms, 500)
        records = {record["upn"][0]: record for record in self.records()}
        transfer = records["a"]["transfers"][0]
        self.assertEqual((transfer["way"], transfer["scode"],
                          transfer["call_id"]),
                         ("join", 200, records["b"]["id"]))
        call.hangup()
        other.wait_ended()
        self.story(2)

    def test_to_a_teams_user_who_still_rings(self):
        phone, call = self.begin()
        phone.dial("sip:2102@" + plan.KAMAILIO_DOMAIN)
        asked = self.people["B"].wait_ringing()
        consulted = wait_for(lambda: self.replaces(asked, "SIP/2.0 180"), 30,
                             "the phone to be told of ringing")
        phone.transfer("2102", "%s?Replaces=%s" % (
            plan.KAMAILIO_DOMAIN, consulted))
        wait_for(lambda: any(record["transfers"]
                             for record in self.records()), 20,
                 "the transfer to have begun")
        asked.answer()
        self.talk(call, asked)
        call.hangup()
        asked.wait_ended()
        first, second = self.story(2)
        self.assertEqual(first["transfers"][0]["way"], "join")
        self.assertEqual(second["transfer_of"], first["id"])

    def replaces(self, call, line="SIP/2.0 200"):
        """The phone's dialog of this call, as the bridge knows it, escaped
        for Refer-To; the phone's other call becomes the current one."""
        record = next(record for record in self.records()
                      if call.user.name.lower() == record["upn"][0])
        first = next(r for r in self.records() if r != record)
        trace = json.loads(self.bridge.command("trace", "--json",
                                               record["id"]))
        answer = next((message["data"] for message in trace["messages"]
                       if message["data"].startswith(line)
                       and record["pbxside"]["callid"] in message["data"]),
                      None)
        if not answer:
            return None
        theirs, ours = (re.search(r"(?im)^%s:.*;tag=([^;\s]+)" % name,
                                  answer)[1] for name in ("From", "To"))
        self.phone_finds(first["pbxside"]["callid"])
        return urllib.parse.quote("%s;to-tag=%s;from-tag=%s" % (
            record["pbxside"]["callid"], ours, theirs), safe="")

    def phone_finds(self, callid):
        self.site.at_kamailio(1101).control.command("callfind", callid)


class TwoCodecs(BridgeTest):
    """Two phones that share no codec are joined: the bridge translates."""

    pbxs = (Pbx(sip_domain=plan.KAMAILIO_DOMAIN,
                sip_proxy=plan.KAMAILIO + ":5060",
                outside_line_prefix=None, e164=None,
                transfer="{attended: bridge}"),)
    users = (User(2101, "A", "+442079460201"),)
    needs = ("dns", "kamailio", "teams")

    def test_joined_without_a_common_codec(self):
        phone, other = self.site.at_kamailio(1101), self.phone("PCMU")
        person = self.people["A"]
        call = self.phone_calls(phone, person,
                                "sip:2101@" + plan.KAMAILIO_DOMAIN)
        consult, _ = self.teams_calls(person, other, "1102")
        self.talk(consult, other)
        call.transfer("1102", consult)
        call.wait("transferred")
        self.talk(phone, other)
        phone.hangup()
        other.wait_closed()

    def phone(self, codec):
        phone = phones.Phone("codec", "127.0.0.28", "1102",
                             plan.CARRIER_HZ[0], self.site.state)
        self.addCleanup(phone.stop)
        phones.ready(phone, lambda: phone.register(
            1102, registrar=plan.KAMAILIO_DOMAIN, audio_codecs=codec,
            outbound="sip:" + plan.KAMAILIO))
        return phone
