"""Registrations at scale: what a user costs, and that all of them stay."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time

from lab import plan
from lab.process import wait_for

from .callbridge import Callbridge
from .figures import Spoilt
from .kamailio import Registrar
from .subject import LOAD_CORE

# users: all at once. cost: of the run that measures refreshes. pace: a
# second, of all PBXs together. green: users with a grant of a minute.
SIZES = {
    "full": {"users": 100000, "pace": 400, "cost": 20000, "cost_pace": 2000,
             "grant_s": 120, "green": 10000, "green_s": 600,
             "kamailio": 20000},
    "short": {"users": 20000, "pace": 2000, "cost": 10000,
              "cost_pace": 2000, "grant_s": 120, "green": 2000,
              "green_s": 70, "kamailio": 5000},
    "tiny": {"users": 60, "pace": 200, "cost": 40, "cost_pace": 200,
             "grant_s": 20, "green": 20, "green_s": 2, "kamailio": 20},
}

FIGURES = (
    ("us_per_registration", "CPU a registration (401, then 200)", "us",
     False),
    ("us_store_per_user", "... of the store's thread, from its start on",
     "us", False),
    ("us_per_refresh", "CPU a refresh with the nonce there is", "us", False),
    ("kb_per_user", "memory a registered user", "KB", False),
    ("users", "users of the next lines", "", True),
    ("check_s", "callbridge check of their files", "s", False),
    ("first_start_s", "first start of all, to the first REGISTER", "s",
     False),
    ("start_s", "any other start, until it registers", "s", False),
    ("all_registered_s", "first REGISTER to all registered", "s", False),
    ("repeated", "requests that were sent twice", "", False),
    ("rss_mb", "memory with all of them", "MB", False),
    ("status_s", "callbridge status", "s", False),
    ("status_mb", "... its memory at most", "MB", False),
    ("report_s", "callbridge report registrations --html", "s", False),
    ("report_mb", "... its memory at most", "MB", False),
    ("silence_ms_calm", "longest wait for an answer, at rest", "ms", False),
    ("silence_ms_asked", "... during status and report", "ms", False),
    ("silence_ms_reload", "... during a reload", "ms", False),
    ("silence_ms_change", "... during one that brings a user's change", "ms",
     False),
    ("change_cpu_ms", "CPU of the SIP thread for that", "ms", False),
    ("reload_s", "reload, until it is told as done", "s", False),
    ("green_users", "users with a grant of 60 s", "", True),
    ("green_s", "time they were looked at", "s", True),
    ("green_lapsed", "bindings that ended meanwhile", "", False),
    ("green_repeated", "requests that were sent twice", "", False),
    ("green_cpu_percent", "CPU they take of a core", "%", False),
    ("kamailio_us_per_registration", "CPU a registration at Kamailio", "us",
     False),
    ("kamailio_registered", "users that Kamailio lists", "", True),
)

ASK_MS = 5                      # between two questions
OPTIONS = ("OPTIONS sip:{bridge} SIP/2.0\r\n"
           "Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKbench{n};rport\r\n"
           "From: <sip:bench@{host}>;tag=b{n}\r\nTo: <sip:{bridge}>\r\n"
           "Call-ID: bench-{n}@{host}\r\nCSeq: 1 OPTIONS\r\n"
           "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n")


class Silence:
    """Asks the bridge, as the PBX's qualify does, and notes how long it
    took to answer at worst: for so long its SIP thread did something
    else."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((plan.ASTERISK, 0))
        self.sock.setblocking(False)
        self.over = threading.Event()
        self.sent = {}
        self.worst_s = 0.0
        self.thread = threading.Thread(target=self.ask)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        # those that are still on their way have waited for so long
        end = time.monotonic() + 10
        while self.sent and time.monotonic() < end:
            self.listen(0.1)
        self.note(time.monotonic(), list(self.sent))
        self.sock.close()

    @property
    def worst_ms(self):
        return 1000 * self.worst_s

    def note(self, now, numbers):
        for number in numbers:
            self.worst_s = max(self.worst_s, now - self.sent.pop(number))

    def listen(self, seconds):
        if not select.select([self.sock], [], [], seconds)[0]:
            return
        with contextlib.suppress(BlockingIOError):
            while True:
                text = self.sock.recv(4096).decode(errors="replace")
                number = text.partition("Call-ID: bench-")[2].split("@")[0]
                if number.isdigit() and int(number) in self.sent:
                    self.note(time.monotonic(), [int(number)])

    def ask(self):
        host, port = self.sock.getsockname()
        number = 0
        while not self.over.is_set():
            number += 1
            text = OPTIONS.format(bridge=plan.BRIDGE_PBX, host=host,
                                  port=port, n=number)
            self.sent[number] = time.monotonic()
            self.sock.sendto(text.encode(), (plan.BRIDGE_PBX, 5060))
            end = time.monotonic() + ASK_MS / 1000
            while time.monotonic() < end:
                self.listen(max(0, end - time.monotonic()))


def command(subject, *words, good=(0,)):
    """Run callbridge; seconds that it took and MB that it had at most."""
    argv = ["taskset", "-c", str(LOAD_CORE), plan.program("callbridge"),
            "--socket", subject.folder / "state/control.sock", *words]
    began = time.monotonic()
    with open(subject.folder / "command.out", "wb") as out:
        done = subprocess.Popen([str(word) for word in argv], stdout=out,
                                stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(done.pid, 0)
    done.returncode = os.waitstatus_to_exitcode(status)
    if done.returncode not in good:
        raise Spoilt("callbridge %s: exit %d: %s" % (
            " ".join(map(str, words)), done.returncode,
            (subject.folder / "command.out").read_text()[-500:]))
    return time.monotonic() - began, usage.ru_maxrss / 1024


def reload(subject):
    """SIGHUP, until the log tells that it is done; seconds."""
    log = subject.folder / "log"
    size = log.stat().st_size
    began = time.monotonic()
    subject.process.send(signal.SIGHUP)

    def told():
        with open(log, "rb") as lines:
            lines.seek(size)
            text = lines.read()
        if b"reload refused" in text:
            raise Spoilt("the reload was refused")
        return b"reloaded: " in text
    wait_for(told, 60, "the reload")
    return time.monotonic() - began


def sip_cpu_ms(subject):
    """CPU of the first thread of the bridge, which is SIP's."""
    pid = subject.process.pid
    with open("/proc/%d/task/%d/schedstat" % (pid, pid)) as file:
        return int(file.read().split()[0]) / 1e6


def change_one(subject):
    """Another number for one user, in the customer's file; longest silence,
    and CPU of the SIP thread but for what it does all the time."""
    path = subject.folder / "customers/t0.yaml"
    path.write_text(path.read_text().replace("+4420794", "+4420795", 1))
    began, calm = time.monotonic(), sip_cpu_ms(subject)
    time.sleep(1)
    calm = (sip_cpu_ms(subject) - calm) / (time.monotonic() - began)

    began, cpu = time.monotonic(), sip_cpu_ms(subject)
    reload(subject)
    time.sleep(0.2)             # what comes right after it
    cpu = sip_cpu_ms(subject) - cpu - calm * (time.monotonic() - began)
    with Silence() as busy:
        path.write_text(path.read_text().replace("+4420795", "+4420794", 1))
        reload(subject)
    return {"silence_ms_change": busy.worst_ms, "change_cpu_ms": max(0, cpu)}


def start_again(subject, users, pace):
    """As after a reboot: the store knows the customers; seconds until the
    first users register."""
    log = subject.folder / "log"
    size = log.stat().st_size
    began = time.monotonic()

    def running():
        with open(log, "rb") as lines:
            lines.seek(size)
            return b" is running with " in lines.read()
    try:
        process = subject.start(users, trace_mb=1, keep=True, per_second=pace)
        process.wait_ready(running, 120, "callbridged to run")
        return time.monotonic() - began
    finally:
        subject.stop()


def everybody(state, size, say):
    """All users at the pace that is asked for; then what is asked about
    them while they are there."""
    subject = Callbridge(state)
    users, pace = size["users"], size["pace"]
    found = {"users": users}

    def ask(_load):
        say("callbridge: %d users are asked about" % users)
        with Silence() as calm:
            time.sleep(1)
        with Silence() as asked:
            found["status_s"], found["status_mb"] = command(
                subject, "status")
            found["report_s"], found["report_mb"] = command(
                subject, "report", "registrations", "--html")
        with Silence() as busy:
            found["reload_s"] = reload(subject)
        found.update(silence_ms_calm=calm.worst_ms,
                     silence_ms_asked=asked.worst_ms,
                     silence_ms_reload=busy.worst_ms)
        found.update(change_one(subject))
        found["check_s"] = command(subject, "check",
                                   subject.folder / "customers")[0]

    result, cost = subject.register(users=users, trace_mb=1, per_second=pace,
                                    asked=ask,
                                    deadline_s=int(2 * users / pace + 120))
    one = result["register"]
    found.update(cost)
    found.update(first_start_s=one["first_s"] - subject.started_s,
                 start_s=start_again(subject, users, pace),
                 all_registered_s=one["seconds"], repeated=one["repeated"],
                 rss_mb=one["rss_kb"] / 1024)
    return found, one


def refreshes(state, size, everyone):
    """Those who come again, with a nonce that may be used again; and what
    one user more takes. The grant is so long that the store has all who
    registered before the first comes again: what that takes is theirs."""
    subject = Callbridge(state)
    users = size["cost"]
    run, _ = subject.register("--again", "--reuse-nonce", "--expires",
                              size["grant_s"], users=users, trace_mb=1,
                              per_second=size["cost_pace"], deadline_s=240)
    few, again = run["register"], run["register_again"]
    if again["requests"] > 1.01 * again["granted"]:
        raise Spoilt("refreshes: %d requests for %d grants, not one each"
                     % (again["requests"], again["granted"]))
    return {"us_per_refresh": 1e6 * again["cpu_s"] / again["granted"],
            "kb_per_user": (everyone["rss_kb"] - few["rss_kb"])
            / (everyone["users"] - few["users"])}


def green(state, size):
    """Users with a grant of a minute, for minutes."""
    subject = Callbridge(state)
    users = size["green"]
    stay = subject.run("--register", users, "--stay", size["green_s"],
                       "--expires", 60, users=users, trace_mb=1,
                       per_second=max(400, users // 25),
                       deadline_s=size["green_s"] + 120)["stay"]
    return {"green_users": users, "green_s": stay["seconds"],
            "green_lapsed": stay["lapsed"],
            "green_repeated": stay["repeated"],
            "green_cpu_percent": 100 * stay["cpu_s"] / stay["seconds"]}


def at_kamailio(state, size):
    """The same users at a registrar that nobody here wrote."""
    subject = Callbridge(state)
    users = size["kamailio"]
    with Registrar(state, users) as registrar:
        cpu_s = registrar.run(subject, users, size["cost_pace"])
        listed = registrar.registered()
    if listed < users:
        raise Spoilt("Kamailio lists %d of %d users" % (listed, users))
    return {"kamailio_us_per_registration": 1e6 * cpu_s / users,
            "kamailio_registered": listed}


def best(runs):
    """The best of each figure."""
    return {key: (max if more else min)(run[key] for run in runs)
            for key, _text, _unit, more in FIGURES}


def measure(state, name, say):
    """Every figure, once."""
    size = SIZES[name]
    say("callbridge: %d users, %d a second" % (size["users"], size["pace"]))
    found, everyone = everybody(state, size, say)
    say("callbridge: refreshes")
    found.update(refreshes(state, size, everyone))
    say("callbridge: %d users with a grant of a minute, for %d s"
        % (size["green"], size["green_s"]))
    found.update(green(state, size))
    say("callbridge: %d users at Kamailio" % size["kamailio"])
    found.update(at_kamailio(state, size))
    return found
