"""What is told of calls afterwards: why, lists, reports, captures."""

import csv
import io
import json
import os
import queue
import socket
import struct
import subprocess
from pathlib import Path

from support import BridgeTest, audio, plan, wait_for

from lab.process import run
from lab.sockets import Readers


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
        offline = self.bridge.command("why", record["id"], "--state-dir",
                                      str(self.bridge.folder / "state"))
        self.assertTrue(text.startswith(offline), offline)
        failed = json.loads(self.bridge.command("calls", "--failed",
                                                "--since", "1h", "--json"))
        self.assertIn(record["id"], [c["id"] for c in failed["calls"]])

    def test_a_call_that_was_never_there(self):
        for name in ("0" * 32, "00000000"):
            self.assertIn("there is no call " + name,
                          self.bridge.command("why", name, good=(2,)))

    def test_a_busy_phone_is_no_failure(self):
        record = self.refused("6002")
        self.assertEqual(record["result"], "busy")
        failed = json.loads(self.bridge.command("calls", "--failed",
                                                "--json"))
        self.assertNotIn(record["id"], [c["id"] for c in failed["calls"]])

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
        self.assertIn("The call went well; Teams hung up.", text)
        self.assertIn("SRTP AES_CM_128_HMAC_SHA1_80", text)

    def figures(self, *options):
        return json.loads(self.bridge.command(
            "report", "calls", "--json", *options))["total"]

    def test_figures_of_calls(self):
        self.refused("6002")
        self.quiet()
        offline = self.figures("--state-dir",
                               str(self.bridge.folder / "state"))
        self.assertGreaterEqual(offline["results"]["busy"], 1)
        self.assertGreaterEqual(offline["ner"], offline["asr"])
        # the store follows the journal
        total = wait_for(lambda: [t for t in [self.figures("--since", "1h")]
                                  if t["results"] == offline["results"]],
                         30, lambda: "%s in the store: %s" % (
                             offline, self.figures()), 0.2)[0]
        self.assertEqual(self.figures("--failed")["calls"], total["failed"])
        rows = list(csv.DictReader(io.StringIO(self.bridge.command(
            "report", "calls", "--csv", "--pbx", "hq"))))
        self.assertEqual([(row["tenant"], row["pbx"]) for row in rows],
                         [("contoso", "hq")])
        self.assertEqual(int(rows[0]["busy"]), total["results"]["busy"])
        self.assertIn("<h1>Calls</h1>",
                      self.bridge.command("report", "calls", "--html"))
        text = self.bridge.command("report", "calls")
        self.assertRegex(text, r"(?m)^contoso/hq +\d+")
        self.assertEqual(self.bridge.command("report", "calls", "--pbx",
                                             "none").strip(), "no calls")


class Captures(BridgeTest):

    def capture(self, record, *options):
        """A call's capture, as Wireshark reads it: a row a packet."""
        path = self.lab.state / "call.pcapng"
        self.bridge.command("trace", record["id"], "--pcap", str(path),
                            *options)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        fields = ("ip.src", "ip.dst", "ip.proto", "udp.srcport", "sip.Method",
                  "sip.Status-Code", "sip.from.user", "sip.to.user",
                  "sdp.media.format", "frame.comment",
                  "ip.checksum.status", "udp.checksum.status")
        text = run(["tshark", "-n", "-r", str(path), "-T", "fields",
                    "-o", "ip.check_checksum:TRUE",
                    "-o", "udp.check_checksum:TRUE"]
                   + [word for field in fields for word in ("-e", field)])
        return [dict(zip(fields, line.split("\t")))
                for line in text.splitlines()
                if "\t" in line], path.read_bytes()

    def talked(self):
        desk = self.site.desk(1)
        desk.begin()
        call, _ = self.teams_calls(self.people["A"], desk, desk.extension)
        call.hangup()
        desk.wait_closed()
        return self.ended_record(), desk

    def test_wireshark_reads_both_legs(self):
        record, desk = self.talked()
        rows, octets = self.capture(record)
        invites = [row for row in rows if row["sip.Method"] == "INVITE"]
        self.assertEqual([row["ip.dst"] for row in invites],
                         [plan.BRIDGE_TEAMS, plan.ASTERISK])
        self.assertEqual(invites[1]["sip.to.user"], desk.extension)
        self.assertIn("over TLS", invites[0]["frame.comment"])
        codes = {row["sip.Status-Code"] for row in rows}
        self.assertLessEqual({"100", "180", "200"}, codes)
        self.assertEqual({row["ip.checksum.status"] for row in rows}, {"1"})
        self.assertEqual({row["udp.checksum.status"] for row in rows}, {"1"})
        self.assertNotRegex(octets, rb"inline:[A-WYZ0-9]")

    def test_redacted_to_be_passed_on(self):
        record, desk = self.talked()
        person = self.people["A"]
        _, octets = self.capture(record)
        self.assertIn(person.number.encode(), octets)
        rows, octets = self.capture(record, "--redact")
        for secret in (person.number, self.users[0].upn.split("@")[0] + "@",
                       "2001@", desk.extension + "@"):
            self.assertNotIn(secret.encode(), octets)
        invites = [row for row in rows if row["sip.Method"] == "INVITE"]
        self.assertEqual(len(invites), 2)
        self.assertEqual(invites[0]["sip.to.user"],
                         invites[1]["sip.to.user"])
        self.assertTrue(all(row["sip.Method"] or row["sip.Status-Code"]
                            for row in rows), rows)


def alaw(octet):
    """A sample of G.711's A-law."""
    octet ^= 0x55
    exponent, mantissa = octet >> 4 & 7, octet & 15
    value = (mantissa << 4) + 8
    if exponent:
        value = (value + 256) << exponent - 1
    return value if octet & 0x80 else -value


class Voice(BridgeTest):
    """The voice of a call, kept because somebody asked."""

    node = {"trace": "{voice_mb: 16}"}

    def packets(self, subject):
        """RTP of a capture as Wireshark reads it: a row a packet."""
        path = self.lab.state / "voice.pcapng"
        self.bridge.command("record", "--pcap", str(path), subject)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        fields = ("ip.src", "ip.dst", "rtp.p_type", "rtp.payload",
                  "rtpevent.event_id", "sip.Method")
        text = run(["tshark", "-n", "-r", str(path), "-T", "fields",
                    "-E", "occurrence=f"]
                   + [word for field in fields for word in ("-e", field)])
        # the last line has lost the tabs that it ends with
        return [dict(zip(fields, line.split("\t") + [""] * len(fields)))
                for line in text.splitlines()]

    def tones(self, rows, src, dst):
        """What was to be heard from one address at another, at the end."""
        law = b"".join(bytes.fromhex(row["rtp.payload"].replace(":", ""))
                       for row in rows if row["rtp.p_type"] == "8" and
                       (row["ip.src"], row["ip.dst"]) == (src, dst))
        self.assertGreater(len(law), 8000, (src, dst))
        return audio.tones([alaw(octet) for octet in law[-4000:]], 8000)

    def test_wireshark_plays_both_sides(self):
        desk = self.site.desk(1)
        desk.begin()
        call, _ = self.teams_calls(self.people["A"], desk, desk.extension)
        record = wait_for(lambda: [r for r in self.records()
                                   if r["state"] == "answered"], 20,
                          "the call's record")[0]
        self.assertIn("the next 30 s", self.bridge.command(
            "record", "--seconds", "30", record["id"]))
        # before the call has taken notice there are its messages
        self.assertIn("INVITE", {row["sip.Method"]
                                 for row in self.packets(record["id"])})
        self.talk(call, desk)
        call.dtmf("7")
        wait_for(lambda: self.heard_enough(record["id"]), 30,
                 "packets of a digit and of voice after it", 0.5)
        rows = self.packets(record["id"])
        self.assertIn("INVITE", {row["sip.Method"] for row in rows})
        ends = {(row["ip.src"], row["ip.dst"]) for row in rows
                if row["rtp.payload"]}
        self.assertEqual(len(ends), 4, ends)
        for src, dst in ends:
            teams = plan.BRIDGE_TEAMS in (src, dst)
            from_us = src in (plan.BRIDGE_TEAMS, plan.BRIDGE_PBX)
            hz = desk.tone_hz if teams == from_us else call.tone_hz
            self.assertTrue(audio.only(self.tones(rows, src, dst), hz),
                            (src, dst, hz))
        # a digit is seen, and not which
        self.assertEqual({row["rtpevent.event_id"] for row in rows} - {""},
                         {"255"})
        self.thrown_away(record["id"])

    def thrown_away(self, subject):
        self.bridge.command("record", "--stop", subject)
        self.assertIn("no voice is kept", self.bridge.command(
            "record", "--pcap", "-", subject, good=(2,)))
        entries = json.loads(self.bridge.command("get", "audit"))
        actions = [entry["action"] for entry in entries["entries"]
                   if entry["kind"] == "voice" and entry["name"] == subject]
        self.assertEqual((actions[-1], actions[0]), ("record", "stop"))
        self.assertIn("hear", actions)
        notes = json.loads(self.bridge.command("calls", "--json"))["calls"]
        self.assertIn("as was asked", str([
            call["decisions"] for call in notes if call["id"] == subject]))

    def heard_enough(self, subject):
        rows = self.packets(subject)
        events = [i for i, row in enumerate(rows) if row["rtpevent.event_id"]]
        return events and len(rows) - events[-1] > 300


def hep_chunks(octets):
    """A HEPv3 frame's chunks, by type."""
    assert octets[:4] == b"HEP3", octets[:16]
    assert int.from_bytes(octets[4:6], "big") == len(octets)
    chunks, at = {}, 6
    while at < len(octets):
        vendor, kind, size = struct.unpack(">HHH", octets[at:at + 6])
        assert vendor == 0 and size >= 6
        chunks[kind] = octets[at + 6:at + size]
        at += size
    assert at == len(octets)
    return chunks


class Collector(BridgeTest):
    """Copies of messages for a collector such as Homer."""

    node = {"hep": "{collector: \"127.0.0.1:9061\", capture_id: 77, "
                   "password: geheim}"}

    @classmethod
    def setUpClass(cls):
        cls.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        cls.sink.bind(("127.0.0.1", 9061))
        cls.arrived = queue.Queue()
        readers = Readers()
        cls.addClassCleanup(readers.close)
        # read at once: what the socket has no room for would be lost
        readers.datagrams(cls.sink, lambda frame, _: cls.arrived.put(frame))
        super().setUpClass()

    def frames_until(self, *wanted):
        """Frames received until one has all of these texts in it."""
        frames = []
        for _ in range(1000):
            frames.append(self.arrived.get(timeout=30))
            if all(text in frames[-1] for text in wanted):
                return frames
        self.fail("%d frames without %s" % (len(frames), wanted))

    def test_a_collector_gets_both_legs(self):
        person = self.people["A"]
        person.dial("6002").wait_ended()
        self.ended_record()
        frames = self.frames_until(b"ACK sip:6002@contoso")
        chunks = [hep_chunks(frame) for frame in frames]
        self.assertEqual({c[12] for c in chunks}, {(77).to_bytes(4, "big")})
        self.assertEqual({c[14] for c in chunks}, {b"geheim"})
        invites = [c for c in chunks if c[15].startswith(b"INVITE")]
        self.assertEqual(
            [(socket.inet_ntoa(c[4]), c[2][0]) for c in invites],
            [(plan.BRIDGE_TEAMS, 6), (plan.ASTERISK, 17)])
        for frame in frames:
            self.assertNotRegex(frame, rb"inline:[A-WYZ0-9]")
            self.assertNotRegex(frame, rb'response="[0-9a-f]{32}')
        self.independent_reader(frames)

    def test_a_collector_gets_voice_quality(self):
        desk = self.site.desk(1)
        desk.begin()
        call, _ = self.teams_calls(self.people["A"], desk, desk.extension)
        self.talk(call, desk)
        call.hangup()
        desk.wait_closed()
        record = self.ended_record()
        reports = {}
        while len(reports) < 2:
            chunks = hep_chunks(self.frames_until(b"RTP_SIP_CALL_ID")[-1])
            self.assertEqual(chunks[11], b"\x22")
            reports[chunks[17].decode()] = json.loads(chunks[15])
        for side in ("teams", "pbxside"):
            report = reports[record[side]["callid"]]
            self.assertEqual(report["TOTAL_PK"], record[side]["rx_packets"])
            self.assertAlmostEqual(report["MOS"], record[side]["mos"], 3)

    def independent_reader(self, frames):
        """sngrep takes the frames for what they are, and Wireshark reads
        what it wrote: both INVITEs with their true addresses."""
        path = self.lab.state / "hep.pcap"
        port = 9062
        with subprocess.Popen(
                ["sngrep", "-F", "-N", "-q", "-L", "udp:127.0.0.1:%d" % port,
                 "-O", str(path)], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**os.environ, "TERM": "dumb"}) as sngrep:
            try:
                wait_for(lambda: "0100007F:%04X" % port in
                         Path("/proc/net/udp").read_text(), 30,
                         "sngrep to listen")
                for frame in frames:
                    self.sink.sendto(frame, ("127.0.0.1", port))
                wait_for(lambda: len(self.invites(path)) >= 2, 30,
                         lambda: "two INVITEs: %s" % self.invites(path))
            finally:
                sngrep.terminate()
        self.assertEqual(self.invites(path),
                         [[plan.BRIDGE_TEAMS, "6002"],
                          [plan.ASTERISK, "6002"]])

    @staticmethod
    def invites(path):
        """Destination and callee of the INVITEs in a capture."""
        text = run(["tshark", "-n", "-r", str(path), "-Y",
                    "sip.Method == INVITE", "-T", "fields",
                    "-e", "ip.dst", "-e", "sip.to.user"], good=(0, 2))
        return [line.split("\t") for line in text.splitlines()
                if "\t" in line]


class Live(BridgeTest):

    def test_a_running_call_tells_its_quality(self):
        before = self.metrics()
        desk = self.site.desk(1)
        desk.begin()
        call, _ = self.teams_calls(self.people["A"], desk, desk.extension)
        running = wait_for(
            lambda: [r for r in self.records()
                     if r["pbxside"]["rx_packets"] and r["teams"]["mos"]],
            30, lambda: "packets in a running call: %s" % self.records(),
            0.2)[0]
        self.assertEqual(running["state"], "answered")
        self.assertGreater(running["teams"]["mos"], 4.0)
        self.assertEqual(running["pbxside"]["dscp"], 46)
        self.assertIn("first voice",
                      [d["text"] for d in running["decisions"]])
        now = self.metrics()
        self.assertEqual(now["callbridge_calls"], 1)
        self.assertGreater(
            now['callbridge_rtp_received_total{side="pbx"}'],
            before.get('callbridge_rtp_received_total{side="pbx"}', 0))
        call.hangup()
        desk.wait_closed()
        record = self.ended_record()
        self.assertGreaterEqual(record["pbxside"]["rx_packets"],
                                running["pbxside"]["rx_packets"])
        after = wait_for(lambda: [now for now in [self.metrics()]
                                  if not now["callbridge_calls"]], 30,
                         "the call to be over", 0.1)[0]
        for name, more in (
                ('callbridge_calls_total{result="answered",'
                 'direction="from_teams"}', 1),
                ("callbridge_call_pdd_seconds_count", 1),
                ('callbridge_call_pdd_seconds_bucket{le="+Inf"}', 1)):
            self.assertEqual(after[name], before.get(name, 0) + more)
        self.assertEqual(
            after['callbridge_rtp_received_total{side="pbx"}']
            - before.get('callbridge_rtp_received_total{side="pbx"}', 0),
            record["pbxside"]["rx_packets"])
