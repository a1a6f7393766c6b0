"""What the integration tests share: one lab for the whole run.

Peers are started when a test first asks for one and stay up; every test
begins with all phones and Teams users idle.
"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/lib"))

from lab import plan                                            # noqa: E402
from lab.process import Deadline, wait_for                      # noqa: E402
from lab.site import Site                                       # noqa: E402

__all__ = ["Deadline", "LabTest", "deadline", "finish", "plan", "site",
           "wait_for"]

_site = None


def sanitizer_env():
    """Options that make each sanitizer report a file of its own."""
    log = plan.state_dir() / "sanitizer"
    log.mkdir(exist_ok=True)
    return {
        "ASAN_OPTIONS": "log_path=%s/asan:exitcode=99:detect_leaks=1"
                        ":detect_stack_use_after_return=1" % log,
        "UBSAN_OPTIONS": "log_path=%s/ubsan:print_stacktrace=1" % log,
        "LSAN_OPTIONS": "exitcode=99",
    }


def site():
    """The lab of this run."""
    global _site
    if _site is None:
        _site = Site(env=sanitizer_env())
    return _site


def finish():
    """End the lab; called once, after the last test."""
    global _site
    if _site is not None:
        _site.stop()
        _site = None


def deadline(seconds):
    """Decorator: this test may take so long."""
    def mark(method):
        method.deadline_s = seconds
        return method
    return mark


class LabTest(unittest.TestCase):
    """A test on the lab: begins and ends with everybody idle."""

    def setUp(self):
        self.site = site()
        self.addCleanup(self.quiet)

    def quiet(self):
        """Leave everybody idle."""
        for phone in self.site.phones():
            phone.clear()
        if "teams" in self.site.parts:
            self.site.teams.clear()
        if "asterisk" in self.site.parts:
            wait_for(lambda: not self.site.asterisk.channels(), 8,
                     lambda: "the PBX to end all calls: %s"
                     % self.site.asterisk.channels(), 0.05)

