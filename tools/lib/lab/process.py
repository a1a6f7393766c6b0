"""Programs of the lab: started with a log, waited for, ended by their pid."""

import os
import signal
import subprocess
import time
from pathlib import Path


class Deadline(Exception):
    """Something awaited did not happen in time."""


def wait_for(condition, deadline_s, what, interval_s=0.02):
    """Call `condition` until it returns something true; return that.

    Raises Deadline, naming `what`, after `deadline_s` seconds.
    """
    end = time.monotonic() + deadline_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= end:
            raise Deadline("%s: not within %g s"
                           % (what() if callable(what) else what, deadline_s))
        time.sleep(interval_s)


def start_ticks(pid):
    """When a process was started, in clock ticks after boot; None if it is
    gone or only waits to be reaped. With the pid this names a process for
    good, where a pid alone is used again."""
    try:
        stat = Path("/proc/%d/stat" % pid).read_text()
    except (OSError, ValueError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


class Process:
    """One running program, ours or one that an earlier command started."""

    def __init__(self, name, pid, ticks, log, popen=None):
        self.name = name
        self.pid = pid
        self.ticks = ticks
        self.log = Path(log)
        self.popen = popen

    @classmethod
    def start(cls, name, argv, log, env=None, cwd=None):
        """Start `argv` in a session of its own, output to the file `log`."""
        log = Path(log)
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = dict(os.environ, **(env or {}))
        with open(log, "ab") as out:
            popen = subprocess.Popen(
                [str(word) for word in argv], stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, cwd=cwd,
                env=environment, start_new_session=True)
        return cls(name, popen.pid, start_ticks(popen.pid), log, popen)

    @classmethod
    def remembered(cls, record):
        """The process that `record` of an earlier run speaks of."""
        return cls(record["name"], record["pid"], record["ticks"],
                   record["log"])

    def record(self):
        return {"name": self.name, "pid": self.pid, "ticks": self.ticks,
                "log": str(self.log)}

    def running(self):
        if self.popen is not None:
            return self.popen.poll() is None
        ticks = start_ticks(self.pid)
        return ticks is not None and ticks == self.ticks

    def exit_status(self):
        """Exit status once it ended, negative for a signal; None before, and
        for a process that somebody else started."""
        return self.popen.poll() if self.popen else None

    def send(self, number):
        if self.running():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def stop(self, patience_s=20, number=signal.SIGTERM):
        """Ask it to end, make it end after `patience_s`; its exit status."""
        self.send(number)
        try:
            wait_for(lambda: not self.running(), patience_s,
                     "%s to end" % self.name)
        except Deadline:
            self.kill()
        return self.exit_status()

    def kill(self):
        """End it as a power cut would."""
        self.send(signal.SIGKILL)
        wait_for(lambda: not self.running(), 30, "%s to die" % self.name)

    def tail(self, lines=12):
        """The last lines of its log, for messages."""
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def wait_ready(self, condition, deadline_s, what):
        """As wait_for(), but an early end of the process ends the wait."""
        def ready():
            if not self.running():
                raise Deadline("%s ended while starting:\n%s"
                               % (self.name, self.tail()))
            return condition()
        try:
            return wait_for(ready, deadline_s, what)
        except Deadline as error:
            raise Deadline("%s\n%s" % (error, self.tail())) from None


def run(argv, deadline_s=30, good=(0,), **options):
    """Run a program to its end; its output as text. Raises RuntimeError with
    that output if its exit status is not among the `good` ones."""
    argv = [str(word) for word in argv]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=deadline_s, text=True, errors="replace",
                          check=False, **options)
    if done.returncode not in good:
        raise RuntimeError("%s: exit %d\n%s" % (" ".join(argv),
                                                done.returncode, done.stdout))
    return done.stdout
