"""A program under load: one core for it, another for what loads it."""

import json
import os
import time
from pathlib import Path

from lab import pki, plan
from lab.process import Process, wait_for

from .figures import Spoilt


CORES = sorted(os.sched_getaffinity(0))
SUBJECT_CORE, LOAD_CORE = CORES[0], CORES[-1]


def keep_off():
    """Leave the core of what is measured to it alone."""
    os.sched_setaffinity(0, {LOAD_CORE})


def pinned(core, argv):
    return ["taskset", "-c", str(core), *argv]


def cpu_s(pid):
    """Seconds of user and system that a process has used."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Load:
    """One run of tools/load."""

    def __init__(self, folder, options, deadline_s):
        tls = pki.ensure(folder.parent)
        self.out = folder / "load.json"
        self.pid_file = folder / "pid"
        self.deadline_s = deadline_s
        self.out.unlink(missing_ok=True)
        self.pid_file.unlink(missing_ok=True)
        argv = [plan.program("load"),
                "--certificate", tls / "teams-chain.pem",
                "--key", tls / "teams.key", "--ca", tls / "sbc-root.pem",
                "--pid-file", self.pid_file, "--deadline", deadline_s,
                *options]
        # its one line of JSON goes to a file, what it says to the log
        command = "exec \"$@\" >'%s'" % self.out
        self.process = Process.start(
            "load", pinned(LOAD_CORE, ["sh", "-c", command, "load", *argv]),
            folder / "load.log")
        self.wait_said("ready", 10)

    def wait_said(self, word, deadline_s):
        self.process.wait_ready(
            lambda: word in self.process.log.read_text().split(), deadline_s,
            "load to say " + word)

    def measure(self, process):
        """From now on the CPU time of this process is what counts."""
        partial = self.pid_file.with_suffix(".new")
        partial.write_text("%d\n" % process.pid)
        partial.rename(self.pid_file)

    def result(self, subject=None):
        """Wait for the end; what it measured. There is nothing to wait for
        when the subject ends before."""
        def over():
            if subject and not subject.running():
                raise Spoilt("%s ended by itself: %s"
                             % (subject.name, subject.tail(4)))
            return not self.process.running()
        wait_for(over, 8 * self.deadline_s, "load to end")
        if self.process.exit_status():
            raise Spoilt("load: %s%s" % (
                self.process.tail(4),
                self.out.read_text() if self.out.exists() else ""))
        return json.loads(self.out.read_text())

    def stop(self):
        self.process.stop(1)


class Subject:
    """What is measured. A child class knows how to configure and start it,
    and how load must speak to it."""

    name = ""
    load_options = ()
    started_s = 0.0             # on the monotonic clock, the last time

    def __init__(self, state):
        self.folder = Path(state) / ("load-" + self.name)
        self.folder.mkdir(parents=True, exist_ok=True)

    def start(self, users, **how):
        """Start it with so many users; its Process."""
        raise NotImplementedError

    def stop(self):
        raise NotImplementedError

    def run(self, *options, users, deadline_s=60, during=None, **how):
        """One run: load with these options against the program with so many
        users; what load measured. `during` is called with the load while
        both run."""
        words = [str(word) for word in (*self.load_options, "--users", users,
                                        *options)]
        log = self.folder / "load.log"
        log.unlink(missing_ok=True)
        load = Load(self.folder, words, deadline_s)
        try:
            self.started_s = time.monotonic()
            subject = self.start(users, **how)
            load.measure(subject)
            if during:
                during(load)
            return load.result(subject)
        finally:
            load.stop()
            self.stop()
