#!/usr/bin/python3
"""Runs the test suite: unit, wire, zoo and integration tests, one verdict a line.

Called by tools/test, which has built everything and made a network namespace
if it could. The last line printed is the count of what passed and failed.

A test that fails while the machine stood still (lab/steadiness.py) has
measured the machine: it is run a second time, which is told, and counts then.
That is done for a few tests of a run, and never for what a sanitizer found.
"""

import argparse
import functools
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import traceback
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab import plan, sanitizer                                 # noqa: E402
from lab.steadiness import Watch                                # noqa: E402

DEADLINE_S = 120                # of one test that names none of its own
STOOD_STILL_S = 0.15            # what spoils a measurement
AGAIN_MAX = 5                   # tests of a run that may be run twice
MEMORY = Path("/dev/shm")
MEMORY_WANTED = 4 << 30         # octets: a whole run leaves about 1.5 GiB


class Overdue(Exception):
    """A test did not end by its deadline."""


class Tally:
    """Verdicts so far, printed as they come."""

    def __init__(self):
        self.passed = self.failed = self.skipped = self.again = 0
        self.failures = []
        self.colour = sys.stdout.isatty()

    def verdict(self, word, name, seconds, why=""):
        colours = {"ok": 32, "FAIL": 31, "skip": 33, "again": 33}
        shown = "%-4s" % word
        if self.colour:
            shown = "\033[%dm%s\033[0m" % (colours[word], shown)
        print("%s %s (%.1f s)" % (shown, name, seconds), flush=True)
        for line in why.rstrip().splitlines():
            print("       " + line, flush=True)
        self.passed += word == "ok"
        self.failed += word == "FAIL"
        self.skipped += word == "skip"
        self.again += word == "again"
        if word == "FAIL":
            self.failures.append(name)

    def summary(self):
        """The last lines: what failed, by name, and the count."""
        text = "".join("FAIL %s\n" % name for name in self.failures)
        text += "%d passed, %d failed" % (self.passed, self.failed)
        if self.skipped:
            text += ", %d skipped" % self.skipped
        if self.again:
            text += ", %d of them run twice" % self.again
        return text


def unit_tests(build, wanted, tally):
    """Run ctest in the build folder and count each of its tests."""
    report = build / "unit-tests.xml"
    report.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", build, "-j", str(os.cpu_count() or 1),
               "--timeout", "120", "--output-junit", report]
    if wanted:
        command += ["-R", wanted]
    subprocess.run([str(word) for word in command], check=False,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    if not report.exists():
        if not wanted:
            tally.verdict("FAIL", "unit tests", 0, "ctest left no report")
        return
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        status = case.get("status")
        output = case.findtext("system-out") or ""
        name = "unit." + case.get("name")
        seconds = float(case.get("time") or 0)
        if status == "run":
            tally.verdict("ok", name, seconds)
        elif status == "disabled":
            tally.verdict("skip", name, seconds, "disabled")
        else:
            tally.verdict("FAIL", name, seconds, output[-4000:])


class Journal:
    """What the programs of the lab wrote while one test ran."""

    def __init__(self, folder):
        self.folder = folder
        self.sizes = {path: path.stat().st_size for path in self.logs()}

    def logs(self):
        return [path for path in self.folder.rglob("*") if path.is_file()
                and (path.name in ("log", "stdout", "full")
                     or path.suffix == ".log")
                and "failed" not in path.parts]

    def keep(self, where):
        """Copy what was added since into the folder `where`."""
        where.mkdir(parents=True, exist_ok=True)
        for path in self.logs():
            with path.open("rb") as file:
                file.seek(min(self.sizes.get(path, 0), path.stat().st_size))
                added = file.read()
            if added:
                name = str(path.relative_to(self.folder)).replace("/", "-")
                (where / name).write_bytes(added)


class Result(unittest.TestResult):
    """Prints verdicts, sets deadlines, keeps the logs of failures."""

    def __init__(self, tally, state, watch):
        super().__init__()
        self.tally = tally
        self.state = state
        self.watch = watch
        self.second = False     # this test runs for the second time
        self.again = False      # ... is to
        self.why = None
        self.skip = None
        self.begin = 0
        self.journal = None

    def startTest(self, test):
        super().startTest(test)
        self.why = self.skip = None
        self.begin = time.monotonic()
        self.journal = Journal(self.state)
        method = getattr(test, test._testMethodName)
        limit = getattr(method, "deadline_s",
                        getattr(test, "deadline_s", DEADLINE_S))
        signal.signal(signal.SIGALRM, self.overdue)
        signal.setitimer(signal.ITIMER_REAL, limit)

    def overdue(self, _number, frame):
        raise Overdue("deadline passed in %s line %d"
                      % (frame.f_code.co_name, frame.f_lineno))

    def stopTest(self, test):
        signal.setitimer(signal.ITIMER_REAL, 0)
        name = test.id()
        seconds = time.monotonic() - self.begin
        report = sanitizer.reports()
        if report:
            self.why = (self.why or "") + "\nsanitizer:\n" + report[:6000]
        if self.why is not None:
            where = Path("failed") / name
            self.journal.keep(self.state / where)
            still_s = self.watch.longest_s(self.begin)
            self.again = (still_s >= STOOD_STILL_S and not self.second
                          and not report and self.tally.again < AGAIN_MAX)
            if self.again:
                self.why = "the machine stood still for %d ms\n%s" % (
                    still_s * 1000, self.why.strip())
            self.tally.verdict("again" if self.again else "FAIL", name,
                               seconds, "%s\nlogs: %s"
                               % (self.why.strip(), where))
        elif self.skip is not None:
            self.tally.verdict("skip", name, seconds, self.skip)
        else:
            self.tally.verdict("ok", name, seconds)
        self.why = self.skip = None
        super().stopTest(test)

    def note(self, error):
        kind, value, trace = error
        while trace and "__unittest" in trace.tb_frame.f_globals:
            trace = trace.tb_next       # the machinery is not of interest
        lines = traceback.format_exception(kind, value, trace)
        self.why = (self.why or "") + "".join(lines)

    def addError(self, test, err):
        self.note(err)
        if not isinstance(test, unittest.TestCase):     # a class's set-up
            self.tally.verdict("FAIL", test.id(), 0, self.why)
            self.why = None

    def addFailure(self, test, err):
        self.note(err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.note(err)

    def addSkip(self, test, reason):
        self.skip = reason
        if not isinstance(test, unittest.TestCase):
            self.tally.verdict("skip", test.id(), 0, reason)

    def addUnexpectedSuccess(self, test):
        self.why = "passed, though a failure was expected"


def twice(test, result):
    """Run a test, and once more if the result asks for it."""
    kind = type(test)
    kind.run(test, result)
    if result.again:
        result.again, result.second = False, True
        kind.run(kind(test._testMethodName), result)
        result.second = False


def load(folder, wanted):
    """The tests of a folder's test_*.py whose full name holds `wanted`."""
    suite = unittest.TestSuite()
    sys.path.insert(0, str(folder))
    for path in sorted(folder.glob("test_*.py")):
        name = "%s.%s" % (folder.name, path.stem)
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        suite.addTests(pick(
            unittest.defaultTestLoader.loadTestsFromModule(module), wanted))
    sys.path.remove(str(folder))
    return suite


def pick(suite, wanted):
    """Those tests of a suite whose name holds `wanted`, class by class."""
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            kept = unittest.TestSuite(pick(item, wanted))
            if kept.countTestCases():
                yield kept
        elif not wanted or wanted in item.id():
            item.run = functools.partial(twice, item)
            yield item


def python_tests(folder, wanted, tally, state, watch):
    """Run a folder of tests; what they share is ended in the end."""
    result = Result(tally, state, watch)
    try:
        suite = load(folder, wanted)
    except Exception:
        tally.verdict("FAIL", folder.name, 0, traceback.format_exc())
        return
    try:
        suite.run(result)
    finally:
        support = sys.modules.get("support")
        if support and hasattr(support, "finish"):
            support.finish()
    report = sanitizer.reports()
    if report:
        tally.verdict("FAIL", folder.name + ".sanitizers", 0, report[:6000])


def state_folder():
    """Where the lab writes while tests run: in memory where there is room, so
    that a disk that stands still for seconds is not taken for a fault of who
    is tested."""
    base = None
    try:
        room = os.statvfs(MEMORY)
        if (room.f_bavail * room.f_frsize >= MEMORY_WANTED
                and not room.f_flag & os.ST_NOEXEC
                and os.access(MEMORY, os.W_OK | os.X_OK)):
            base = MEMORY
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="callbridge-test.", dir=base))


def sockets(folder, names):
    """What of a folder is neither file, link nor folder."""
    kinds = {name: os.lstat(Path(folder, name)).st_mode for name in names}
    return [name for name, mode in kinds.items()
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)
                    or stat.S_ISLNK(mode))]


def keep(state):
    """What is looked at later does not stay in memory."""
    if MEMORY in state.parents:
        kept = Path(tempfile.mkdtemp(prefix="callbridge-test."))
        shutil.copytree(state, kept, symlinks=True, dirs_exist_ok=True,
                        ignore=sockets)
        shutil.rmtree(state, ignore_errors=True)
        state = kept
    print("logs and recordings: %s" % state)


def options():
    parser = argparse.ArgumentParser(
        prog="tools/test", description="Builds with sanitizers and runs all "
        "tests. Without an option: unit, wire, zoo and integration tests.")
    parser.add_argument("--unit", action="store_true",
                        help="the C unit tests")
    parser.add_argument("--wire", action="store_true",
                        help="message in, message out")
    parser.add_argument("--zoo", action="store_true",
                        help="registering at PBXs with habits")
    parser.add_argument("--integration", action="store_true",
                        help="the bridge between real peers")
    parser.add_argument("-k", metavar="NAME", dest="wanted", default="",
                        help="only tests whose name holds NAME")
    parser.add_argument("--keep", action="store_true",
                        help="keep all logs and recordings")
    parser.add_argument("--build", metavar="FOLDER",
                        type=lambda name: Path(name).resolve(),
                        default=plan.REPO / "build/asan",
                        help="build folder (default: build/asan)")
    return parser.parse_args()


def main():
    chosen = options()
    every = not (chosen.unit or chosen.wire or chosen.zoo
                 or chosen.integration)
    named = os.environ.get("CALLBRIDGE_LAB")
    state = Path(named) if named else state_folder()
    os.environ["CALLBRIDGE_LAB"] = str(state)
    os.environ["CALLBRIDGE_BUILD"] = str(chosen.build.resolve())
    tally = Tally()
    complete = False
    watch = Watch(state).start()
    try:
        if every or chosen.unit:
            unit_tests(chosen.build, chosen.wanted, tally)
        for name in ("wire", "zoo", "integration"):
            if every or getattr(chosen, name):
                python_tests(plan.REPO / "tests" / name, chosen.wanted,
                             tally, state, watch)
        complete = True
    finally:
        watch.stop()
        if chosen.keep or tally.failed or tally.again or not complete:
            keep(state)
        else:
            shutil.rmtree(state, ignore_errors=True)
    if not tally.passed and not tally.failed:
        print("no test has a name with %s in it" % chosen.wanted)
        tally.failed = 1
    print(tally.summary())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
