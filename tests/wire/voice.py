"""The little RTP that a case needs: a key that a phone presses, and how many
digits come to Teams. SRTP leaves a packet's header in the clear."""

import re
import socket
import struct
import time

from casefile import Mismatch

EVENT = 101                 # payload type in the cases' descriptions
PHONE = ("127.0.81.10", 40000)
TEAMS = ("127.0.81.71", 49954)
HEARD_S = 8
MORE_S = 0.5                # a digit too many would have begun by then


class Voice:

    def __init__(self):
        self.phone, self.teams = (self.bound(end) for end in (PHONE, TEAMS))
        self.sequence = 0
        self.stamps = set()

    @staticmethod
    def bound(end):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(end)
        return sock

    def close(self):
        self.phone.close()
        self.teams.close()

    def press(self, digit, body):
        """A phone's key, by RFC 4733, to where a description says."""
        host = re.search(r"(?m)^c=IN IP4 (\S+)", body)[1]
        port = int(re.search(r"(?m)^m=audio (\d+)", body)[1])
        stamp = 160000 + 8000 * self.sequence
        for i in range(6):
            self.sequence += 1
            self.phone.sendto(struct.pack(
                ">BBHIIBBH", 0x80, EVENT | (0x80 if i == 0 else 0),
                self.sequence, stamp, 7, digit, 0x80 if i > 2 else 0,
                160 * min(i + 1, 4)), (host, port))

    def come(self, end):
        """Take what comes until then; true when a digit began."""
        before = len(self.stamps)
        while len(self.stamps) == before:
            self.teams.settimeout(max(0.001, end - time.monotonic()))
            try:
                packet = self.teams.recv(2048)
            except TimeoutError:
                return False
            if len(packet) > 12 and packet[1] & 0x7f == EVENT:
                self.stamps.add(packet[4:8])
        return True

    def digits(self, count):
        """So many have come to Teams, and no more."""
        end = time.monotonic() + HEARD_S
        while len(self.stamps) < count:
            if not self.come(end):
                raise Mismatch("%d digits came to Teams" % len(self.stamps))
        if self.come(time.monotonic() + MORE_S):
            raise Mismatch("a digit too many came to Teams")
