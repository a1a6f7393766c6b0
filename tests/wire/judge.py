"""Judges what the bridge sends to Teams, by the rules of teams-sim."""

import json
import subprocess
import threading

from lab import plan


class Judge:
    """A `teams-sim --judge` that reads message after message."""

    def __init__(self):
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [plan.program("teams-sim"), "--judge"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)

    def broken(self, octets):
        """Names of the rules that a message breaks."""
        with self.lock:
            self.process.stdin.write(octets)
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
