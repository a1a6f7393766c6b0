"""Did the machine stand still?

Who measures voice of 20 ms a packet, or waits for an answer, measures the
machine as well: neighbours of a virtual machine, a disk, a host that moves
it. One small process on each core tells when it was woken late, which nobody
who is tested can make it be without taking both cores for as long.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

TICK_S = 0.02
LATE_S = 0.1        # from here on it is told


class Watch:
    """Watches all cores that there are, from start() to stop()."""

    def __init__(self, folder):
        self.path = Path(folder) / "stood-still"
        self.watchers = []

    def start(self):
        with self.path.open("wb") as told:
            self.watchers = [subprocess.Popen(
                [sys.executable, __file__, str(core)], stdout=told,
                stdin=subprocess.DEVNULL)
                for core in sorted(os.sched_getaffinity(0))]
        return self

    def longest_s(self, since):
        """The longest time a core stood still that ended after `since`, by
        time.monotonic(); 0 if it was below LATE_S."""
        time.sleep(LATE_S)      # who is late tells so when it runs again
        lines = [line.split() for line in
                 self.path.read_text().splitlines(keepends=True)
                 if line.endswith("\n")]
        return max((float(late) for ended, late in lines
                    if float(ended) >= since), default=0)

    def stop(self):
        for watcher in self.watchers:
            watcher.kill()
            watcher.wait()


def watch(core):
    os.sched_setaffinity(0, {core})
    parent = os.getppid()
    while os.getppid() == parent:
        due = time.monotonic() + TICK_S
        time.sleep(TICK_S)
        now = time.monotonic()
        if now - due >= LATE_S:
            os.write(1, b"%.3f %.3f\n" % (now, now - due))


if __name__ == "__main__":
    watch(int(sys.argv[1]))
