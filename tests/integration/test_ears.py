"""The lab's ears must hear what is there and complain of what is not."""

import math
import random
import tempfile
import threading
import time
import unittest
from array import array
from pathlib import Path

from support import Deadline, plan

from lab import audio

RATE = 8000


def tone(hz, seconds=0.6, level=0.35, begin=0):
    return array("h", (
        round(32767 * level * math.sin(2 * math.pi * hz * i / RATE))
        for i in range(begin, begin + int(seconds * RATE))))


def mix(*parts):
    return array("h", (max(-32768, min(32767, sum(group)))
                       for group in zip(*parts)))


class Ears(unittest.TestCase):

    def test_a_tone_is_heard_alone(self):
        for hz in (*plan.DESK_HZ, *plan.CARRIER_HZ, *plan.TEAMS_HZ,
                   plan.HOLD_HZ):
            found = audio.tones(tone(hz), RATE)
            self.assertTrue(audio.only(found, hz), (hz, found))

    def test_an_echo_is_noticed(self):
        both = mix(tone(440), tone(1130, level=0.03))
        found = audio.tones(both, RATE)
        self.assertFalse(audio.only(found, 440), found)
        self.assertEqual([round(hz, -1) for hz, _ in found], [440, 1130])

    def test_silence_has_no_tone(self):
        noise = array("h", (random.randint(-8, 8) for _ in range(4800)))
        self.assertEqual(audio.tones(noise, RATE), [])
        self.assertEqual(audio.tones(array("h"), RATE), [])

    def test_no_two_voices_are_alike(self):
        voices = [*plan.DESK_HZ, *plan.CARRIER_HZ, *plan.TEAMS_HZ,
                  plan.HOLD_HZ, plan.EARLY_HZ]
        for i, hz in enumerate(voices):
            for other in voices[i + 1:]:
                self.assertGreater(abs(hz - other), 30)
            self.assertNotEqual(hz % 50, 0)

    def test_lost_packets_are_counted(self):
        for hz in (440, 620, 1570):
            whole = tone(hz, 4)
            self.assertEqual(audio.loss(whole, RATE, hz), 0)
            cut = array("h", whole)
            for packet in (20, 77, 120):
                del cut[packet * 160:(packet + 1) * 160]
            self.assertAlmostEqual(audio.loss(cut, RATE, hz), 3 / 197,
                                   delta=0.001, msg="%d Hz, cut" % hz)
            blank = array("h", whole)
            for packet in (20, 77, 120):
                blank[packet * 160:(packet + 1) * 160] = array("h", [0] * 160)
            self.assertAlmostEqual(audio.loss(blank, RATE, hz), 3 / 200,
                                   delta=0.001, msg="%d Hz, blank" % hz)

    def test_a_growing_recording_is_read_to_its_end(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.wav"
            ear = audio.Ear(audio.Recording(path))
            with self.assertRaises(Deadline):
                ear.hears(440, 0.1)
            audio.write_tone(path, 440, 1)

            def write():
                with path.open("ab") as file:
                    for i in range(50):
                        file.write(tone(1130, 0.02, begin=160 * i).tobytes())
                        file.flush()
                        time.sleep(0.02)
            writer = threading.Thread(target=write)
            writer.start()
            found = ear.hears(1130, 3, 0.3)     # the old tone is ignored
            writer.join()
            self.assertTrue(audio.only(found, 1130))
