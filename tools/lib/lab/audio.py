"""Hearing: is this tone there, alone, without gaps, and since when?

Proof that voice crosses is never a signalling message. Each end says a tone
of its own, and what the other end recorded is analysed.
"""

import math
import os
import struct
import time
from array import array
from pathlib import Path

from .process import Deadline

SCAN_HZ = range(200, 3601, 10)
FAINTEST = 1 / 30               # of the strongest tone; below it is leakage
QUIET = 0.002                   # amplitude of full scale taken for silence
BLOCK_S = 0.02                  # one packet


def write_tone(path, hz, seconds=900, rate=8000, level=0.35):
    """Write a long WAV file, mono s16, of one tone. `hz` is whole, so one
    second repeated is without a seam."""
    second = array("h", (
        round(32767 * level * math.sin(2 * math.pi * hz * i / rate))
        for i in range(rate)))
    body = second.tobytes()
    size = len(body) * seconds
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE",
                         b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16, b"data",
                         size)
    partial = Path("%s.%d" % (path, os.getpid()))
    with open(partial, "wb") as out:
        out.write(header)
        for _ in range(seconds):
            out.write(body)
    partial.rename(path)


class Recording:
    """A WAV file (s16, one or two channels) that somebody still writes.

    The length in the header counts only once the file is closed, so the end
    of the file is the end of the sound.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.rate = 0
        self.channels = 0
        self.start = 0

    def _open(self):
        """Find the sound in the file; false while it is not there yet."""
        if self.start:
            return True
        try:
            head = self.path.open("rb").read(512)
        except OSError:
            return False
        at = 12
        while at + 8 <= len(head):
            name, size = struct.unpack_from("<4sI", head, at)
            if name == b"fmt " and at + 24 <= len(head):
                self.channels, self.rate = struct.unpack_from(
                    "<HI", head, at + 10)
            elif name == b"data":
                self.start = at + 8
                return self.rate > 0
            at += 8 + size + size % 2
        return False

    def length(self):
        """Samples so far."""
        if not self._open():
            return 0
        size = self.path.stat().st_size - self.start
        return max(0, size // (2 * self.channels))

    def samples(self, begin=0, end=None):
        """Samples begin..end of the first channel."""
        end = self.length() if end is None else min(end, self.length())
        if end <= begin:
            return array("h")
        with self.path.open("rb") as file:
            file.seek(self.start + begin * 2 * self.channels)
            got = array("h")
            got.frombytes(file.read((end - begin) * 2 * self.channels))
        return got[::self.channels]


def amplitude(samples, rate, hz):
    """Strength of one frequency, 0..1 of full scale (Goertzel, with a Hann
    window)."""
    n = len(samples)
    if n < 2:
        return 0.0
    step = 2 * math.pi / n
    c, a, b = 2 * math.cos(2 * math.pi * hz / rate), 0.0, 0.0
    for i, x in enumerate(samples):
        a, b = x * (0.5 - 0.5 * math.cos(step * i)) + c * a - b, a
    return math.sqrt(max(0.0, a * a + b * b - c * a * b)) * 4 / n / 32768


def tones(samples, rate):
    """The tones in `samples`, strongest first, as (hz, amplitude).

    A coarse scan over a tenth of a second finds the maxima, all samples
    then refine them.
    """
    middle = len(samples) // 2
    part = samples[max(0, middle - rate // 20):middle + rate // 20]
    coarse = [(hz, amplitude(part, rate, hz)) for hz in SCAN_HZ]
    loudest = max((level for _, level in coarse), default=0)
    if loudest < QUIET:
        return []
    peaks = [hz for i, (hz, level) in enumerate(coarse)
             if level >= loudest * FAINTEST
             and level >= max((n for _, n in coarse[max(0, i - 2):i + 3]))]
    found = []
    for hz in peaks:
        near = [(near_hz, amplitude(samples, rate, near_hz))
                for near_hz in (hz - 5, hz, hz + 5)]
        found.append(max(near, key=lambda tone: tone[1]))
    loudest = max((level for _, level in found), default=0)
    found = [tone for tone in found if tone[1] >= loudest * FAINTEST]
    return sorted(found, key=lambda tone: -tone[1])


def only(found, hz):
    """Is `hz` the only tone found? Anything else would be echo, cross-talk
    or one's own voice."""
    return bool(found) and all(abs(tone - hz) <= 10 for tone, _ in found)


def describe(found):
    """The tones found, in words."""
    if not found:
        return "silence"
    return " + ".join("%d Hz" % hz for hz, _ in found)


def loss(samples, rate, hz):
    """Share of 20 ms blocks, 0..1, in which the steady tone `hz` is missing
    or before which it jumps in phase, as it does over a lost packet."""
    size = int(rate * BLOCK_S)
    blocks = len(samples) // size
    if not blocks:
        return 1.0
    turn = 2 * math.pi * hz / rate
    bad, last = 0, None
    levels = []
    phases = []
    for k in range(blocks):
        re = im = 0.0
        for i in range(k * size, (k + 1) * size):
            re += samples[i] * math.cos(turn * i)
            im -= samples[i] * math.sin(turn * i)
        levels.append(math.hypot(re, im))
        phases.append(math.atan2(im, re))
    enough = sorted(levels)[blocks // 2] / 2
    for level, phase in zip(levels, phases):
        if level <= enough or level < QUIET * 32768 * size / 2:
            bad += 1
            continue
        if last is not None:
            jump = (phase - last + math.pi) % (2 * math.pi) - math.pi
            bad += abs(jump) > math.pi / 5
        last = phase
    return min(1.0, bad / blocks)


class Ear:
    """Listens at the end of a growing recording.

    `source` is a Recording, or a callable that returns the one to listen to
    now, or None as long as there is none.
    """

    def __init__(self, source):
        self.source = source if callable(source) else lambda: source

    def position(self):
        recording = self.source()
        return recording.length() if recording else 0

    def fresh(self, seconds, deadline_s=20, since=None):
        """Samples that arrive from now on (or after sample `since`), as
        (samples, rate). Raises Deadline if sound does not come."""
        end = time.monotonic() + deadline_s
        recording = self.source()
        begin = since
        while True:
            recording = self.source() or recording
            length = recording.length() if recording else 0
            if begin is None and (recording is None or recording.rate):
                begin = length
            if recording and recording.rate and \
                    length - (begin or 0) >= seconds * recording.rate:
                return (recording.samples(begin or 0, length),
                        recording.rate)
            if time.monotonic() > end:
                raise Deadline("no sound arrived within %g s" % deadline_s)
            time.sleep(0.01)

    def hears(self, hz, deadline_s=20, seconds=0.6):
        """Wait until fresh sound holds the tone `hz` and nothing else; the
        tones heard. `hz` None waits for silence: a packet stream without a
        tone, or no packets at all."""
        end = time.monotonic() + deadline_s
        found = None
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise Deadline("wanted %s, heard %s" % (
                    "silence" if hz is None else "%d Hz" % hz,
                    "no sound at all" if found is None else describe(found)))
            try:
                samples, rate = self.fresh(seconds, min(left, seconds + 1))
            except Deadline:
                if hz is None:
                    return []
                continue
            found = tones(samples, rate)
            if (hz is None and not found) or (hz and only(found, hz)):
                return found

    def loss(self, hz, seconds):
        """Listen to a steady tone for `seconds`; the share lost, 0..1. What
        did not arrive at all counts as well as what is missing inside."""
        begin = self.position()
        started = time.monotonic()
        samples, rate = self.fresh(seconds, seconds + 20, begin)
        took = time.monotonic() - started
        late = max(0.0, took - len(samples) / rate - 0.1)
        return min(1.0, loss(samples, rate, hz) + late / took)


class Onset:
    """Notices when a tone begins at the end of a growing recording.

    Made while the recording is silent; poll() often.
    """

    def __init__(self, ear, hz):
        self.recording = ear.source()
        if not self.recording or not self.recording.length():
            raise Deadline("there is no recording to listen to")
        self.hz = hz
        self.at = self.recording.length()
        self.block = int(self.recording.rate * BLOCK_S)
        self.time = None        # when the tone began, monotonic seconds

    def poll(self):
        """Look at what is new; when the tone began, None: not yet."""
        length, now = self.recording.length(), time.monotonic()
        while self.time is None and length - self.at >= self.block:
            part = self.recording.samples(self.at, self.at + self.block)
            self.at += self.block
            if amplitude(part, self.recording.rate, self.hz) > QUIET * 10:
                behind = (length - self.at) / self.recording.rate
                self.time = now - behind
        return self.time


class Heard:
    """What a two-way check found, for people to read."""

    def __init__(self, first, second, first_heard, second_heard):
        self.text = "%s hears %s, %s hears %s" % (
            first.name, describe(first_heard),
            second.name, describe(second_heard))

    def __str__(self):
        return self.text


def two_way(first, second, deadline_s=20):
    """Prove audio both ways between two voices.

    A voice has `name`, `tone_hz` (what it says), `ear` (an Ear on what it
    hears), `mouth` (an Ear on what it says, or None), mute() and unmute().
    Each must hear the other's tone and nothing else.
    """
    at_first = first.ear.hears(second.tone_hz, deadline_s)
    at_second = second.ear.hears(first.tone_hz, deadline_s)
    return Heard(first, second, at_first, at_second)


def delay_ms(speaker, listener, deadline_s=20):
    """Delay in ms from a speaker's packets to a listener's recording.

    The speaker falls silent and begins again. A speaker that records what it
    says (`mouth`) is timed by that, one that does not by the command. Exact
    to a packet's length.
    """
    speaker.mute()
    listener.ear.hears(None, 20, 0.2)
    heard = Onset(listener.ear, speaker.tone_hz)
    said = Onset(speaker.mouth, speaker.tone_hz) if speaker.mouth else None
    begin = time.monotonic()
    speaker.unmute()
    while heard.poll() is None or said and said.poll() is None:
        if time.monotonic() - begin > deadline_s:
            raise Deadline("the tone of %d Hz did not begin within %g s"
                           % (speaker.tone_hz, deadline_s))
        time.sleep(0.002)
    return max(0.0, 1000 * (heard.time - (said.time if said else begin)))
