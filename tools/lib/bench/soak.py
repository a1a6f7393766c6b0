"""tools/bench soak: very many short calls, and what they leave behind.

Nothing may stay: no descriptor, no thread, and no memory that grows with the
number of calls. Memory is compared between the first part of the run, when
rings and lists that are bounded have filled, and its end.
"""

import os
import signal
import time
from pathlib import Path

from lab.process import Deadline, wait_for

from .callbridge import Callbridge
from .figures import complete

SIZES = {"full": {"users": 1000, "calls": 100000, "rate": 150},
         "short": {"users": 200, "calls": 10000, "rate": 200},
         "tiny": {"users": 20, "calls": 100, "rate": 20}}
FILLED = 0.3                    # of the run; then lists are as long as ever
FIGURES = (
    ("soak_calls", "calls set up and ended", "", True),
    ("soak_failed", "calls that failed", "", False),
    ("soak_descriptors", "descriptors left behind", "", False),
    ("soak_threads", "threads left behind", "", False),
    ("soak_octets_per_call", "memory that grew, a call", "B", False),
)


def descriptors(folder):
    """How many a process has, but for its connections to the store: these
    are few, and are opened when somebody first asks."""
    count = 0
    for link in (folder / "fd").iterdir():
        try:
            count += not os.readlink(link).rpartition("/")[2].startswith(
                "store.db")
        except OSError:
            pass                # closed meanwhile
    return count


def sample(pid):
    """What a process has now."""
    folder = Path("/proc/%d" % pid)
    status = dict(line.split(":", 1) for line in
                  (folder / "status").read_text().splitlines())
    return {"rss_kb": int(status["VmRSS"].split()[0]),
            "threads": int(status["Threads"]),
            "descriptors": descriptors(folder)}


class Watch:
    """Looks at the bridge while load runs against it."""

    def __init__(self, subject, seconds):
        self.subject = subject
        self.seconds = seconds
        self.before = self.filled = self.after = None

    def __call__(self, load):
        pid = self.subject.process.pid
        load.wait_said("registered", 120)
        self.before = sample(pid)
        os.kill(load.process.pid, signal.SIGUSR1)
        begin = time.monotonic()

        def over():
            if not self.filled and \
                    time.monotonic() - begin > FILLED * self.seconds:
                self.filled = sample(pid)
            return not load.process.running()
        wait_for(over, 4 * self.seconds + 120, "the calls to end", 0.2)
        self.settle(pid)

    def settle(self, pid):
        """The last calls' sockets close behind the last BYE."""
        def settled():
            self.after = sample(pid)
            return self.after["descriptors"] <= self.before["descriptors"]
        try:
            wait_for(settled, 20, "descriptors to close", 0.2)
        except Deadline:
            pass                # it is a figure


def measure(state, size, say):
    """The figures of one run."""
    size = SIZES[size]
    subject = Callbridge(state)
    watch = Watch(subject, size["calls"] / size["rate"])
    say("callbridge: %(calls)d calls, %(rate)d a second" % size)
    result = subject.run(
        "--register", size["users"], "--wait-signal", "--calls",
        size["calls"], "--rate", size["rate"], "--hold", 0,
        users=size["users"], trace_mb=1, during=watch,
        deadline_s=int(2 * watch.seconds) + 60)
    calls = result["calls"]
    complete(calls, "calls", say)
    filled = watch.filled or watch.before
    say("memory: %d KB registered, %d KB filled, %d KB at the end"
        % (watch.before["rss_kb"], filled["rss_kb"], watch.after["rss_kb"]))
    return {
        "soak_calls": calls["answered"],
        "soak_failed": calls["failed"] + calls["dropped"],
        "soak_descriptors": watch.after["descriptors"]
        - watch.before["descriptors"],
        "soak_threads": watch.after["threads"] - watch.before["threads"],
        "soak_octets_per_call": 1024.0 * (
            watch.after["rss_kb"] - filled["rss_kb"])
        / ((1 - FILLED) * calls["answered"]),
    }
