"""What the bridge does to voice itself: codecs, digits, packet times, tones
and music of its own. All by ear."""

import math
import time
import wave
from array import array

from support import BridgeTest, Pbx, User, audio, plan, site, wait_for


class Translated(BridgeTest):
    """A PBX that has no codec of Teams', and one that wants other packets."""

    pbxs = (Pbx("hq", media="{codecs: [opus], fax: off}"),
            Pbx("thirty", media="{codecs: [pcma]}"))
    users = (User(2021, "A"), User(2023, "B", pbx="thirty"))

    def both_ways(self, name, extension):
        person, desk = self.people[name], self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        self.assertLess(call.ear.loss(desk.tone_hz, 2), 0.02)
        call.hold()
        desk.ear.hears(plan.HOLD_HZ)
        call.resume()
        self.talk(call, desk)
        call.hangup()
        desk.wait_closed()
        record = self.ended_record()
        person.begin()
        call = self.phone_calls(desk, person, extension)
        self.talk(call, desk)
        return record

    def test_opus_is_made_g722(self):
        record = self.both_ways("A", "2021")
        self.assertEqual(record["pbxside"]["codec"].lower(), "opus")
        self.assertEqual(record["teams"]["codec"], "G722")

    def test_packets_of_30_ms_are_made_20(self):
        person, desk = self.people["B"], self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        before = call.counters()["rtp_received"]
        began = time.monotonic()
        call.ear.fresh(2)
        rate = (call.counters()["rtp_received"] - before) / (
            time.monotonic() - began)
        self.assertTrue(47 < rate < 53, rate)

    def test_a_fax_is_left_alone(self):
        call = self.people["B"].dial("6014")     # an answering fax
        call.wait_answered()
        wait_for(lambda: any(
            "a fax is heard" in note["text"]
            for record in self.records() for note in record["decisions"]),
            30, lambda: "the fax to be noticed: %s" % self.records(), 0.1)
        call.ear.hears(2100)

    def test_digits_cross_opus(self):
        pbx = self.site.asterisk
        pbx.ask("database deltree dtmf")
        call = self.people["A"].dial("6011")
        call.wait_answered()
        self.press(call, "159207")
        call.wait_ended()
        self.assertEqual(pbx.database("dtmf", "2021"), "159207")


class OtherDigits(BridgeTest):
    """PBXs that know digits by INFO, or as tones, only."""

    pbxs = (Pbx("hq", media="{dtmf: info}"),
            Pbx("tones", media="{dtmf: inband}"))
    users = (User(2019, "A"), User(2022, "B", pbx="tones"))

    def to_the_pbx(self, name, extension):
        pbx = self.site.asterisk
        pbx.ask("database deltree dtmf")
        call = self.people[name].dial("6011")
        call.wait_answered()
        self.press(call, "159207")
        call.wait_ended()
        self.assertEqual(pbx.database("dtmf", extension), "159207")

    def from_the_pbx(self, name):
        call = self.people[name].dial("6010")
        call.wait_answered()
        wait_for(lambda: call.digits() == "159#*D", 30,
                 lambda: "the digits 159#*D, heard so far: "
                 + call.digits(), 0.1)
        return call

    def test_info_to_the_pbx(self):
        self.to_the_pbx("A", "2019")

    def test_info_from_the_pbx(self):
        self.from_the_pbx("A")

    def test_tones_to_the_pbx(self):
        self.to_the_pbx("B", "2022")

    def test_tones_from_the_pbx_are_not_heard_twice(self):
        call = self.from_the_pbx("B")
        heard = call.recording.samples()
        rate, size = call.recording.rate, call.recording.rate // 50
        worst = max(audio.amplitude(heard[at:at + size], rate, 697)
                    for at in range(0, len(heard) - size, size))
        self.assertLess(worst, 0.03)


class OwnSounds(BridgeTest):
    """Ringing tone, music and noise that the bridge makes."""

    MUSIC_HZ = 910

    @classmethod
    def setUpClass(cls):
        path = site().state / "music.wav"
        rate = 44100
        second = array("h", (
            round(9000 * math.sin(2 * math.pi * cls.MUSIC_HZ * i / rate))
            for i in range(rate)))
        with wave.open(str(path), "wb") as out:
            out.setnchannels(2)
            out.setsampwidth(2)
            out.setframerate(rate)
            stereo = array("h", (v for s in second for v in (s, s)))
            out.writeframes(stereo.tobytes() * 3)
        cls.pbxs = (Pbx("hq", media="{ringback: bridge}",
                        hold="{music: bridge, file: %s}" % path),)
        super().setUpClass()

    def test_held_by_teams_hears_our_file(self):
        person, desk = self.people["A"], self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        call.hold()
        desk.ear.hears(self.MUSIC_HZ)
        call.resume()
        self.talk(call, desk)

    def test_ringing_tone_of_the_country(self):
        call = self.people["A"].dial("6001")
        call.wait("progress")
        call.record()
        samples, rate = call.ear.fresh(4)
        size = rate // 20
        on = [audio.amplitude(samples[at:at + size], rate, 400) > 0.02
              and audio.amplitude(samples[at:at + size], rate, 450) > 0.02
              for at in range(0, len(samples) - size, size)]
        # 0.4 s on, 0.2 s off, 0.4 s on, 2 s off
        self.assertTrue(0.2 < sum(on) / len(on) < 0.45, on)
        runs = [len(run) * 0.05 for run in "".join(
            "x" if tone else " " for tone in on).split() if len(run) > 3]
        self.assertTrue(runs and all(0.25 <= run <= 0.5 for run in runs),
                        runs)

    def test_teams_is_not_left_without_packets(self):
        call = self.people["A"].dial("6017")     # answers, and is dumb
        call.wait_answered()
        before = call.counters()["rtp_received"]
        call.ear.fresh(2)
        self.assertGreater(call.counters()["rtp_received"] - before, 80)
