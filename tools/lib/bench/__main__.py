"""tools/bench: measures and prints."""

import argparse
import json
import resource
import shutil
import sys
import tempfile
from pathlib import Path

from lab import plan
from lab.process import Deadline, run

from . import figures, portal, registrations, soak
from .asterisk import Asterisk
from .callbridge import Callbridge
from .subject import CORES, keep_off

QUICK = {"lines": 20000, "users": 1000, "warm_up": 100, "calls": 2000,
         "rate": 200, "held": 1000, "seconds": 5,
         "asterisk_lines": 2000, "asterisk_calls": 1000,
         "asterisk_rate": 100, "asterisk_held": 500}
TINY = {"lines": 60, "users": 20, "warm_up": 2, "calls": 20, "rate": 20,
        "held": 10, "seconds": 1, "asterisk_lines": 20,
        "asterisk_calls": 20, "asterisk_rate": 20, "asterisk_held": 10}

# Seconds between answer and BYE. Nobody speaks in these calls, and whoever
# leaves Teams without packets sends silence in their place: that is voice,
# which has figures of its own.
TALK_S = 0.1

# No figure of Asterisk's, and why.
NOT_HAD = {"packets_per_cpu_s_800":
           "Asterisk on one core does not carry 800 calls with voice"}


def say(text):
    print(text, file=sys.stderr, flush=True)


def voice(subject, calls, size, **how):
    """The run with voice on so many calls, at a hundredth if tiny."""
    count = calls if size is QUICK else calls // 50
    result = subject.run("--media", count, "--rate", min(size["rate"], 100),
                         "--seconds", size["seconds"], **how)
    return figures.of_voice(result["media"], calls, say)


def callbridge(state, size):
    """Every figure of the bridge, once. Each run has a bridge of its own.
    Where memory counts, the ring of traces (64 MB at most, whatever the
    load) is kept small."""
    subject = Callbridge(state)
    users = size["users"]
    found = {}

    say("callbridge: registrations")
    many, cost = subject.register(users=size["lines"], trace_mb=1)
    many = many["register"]
    found["us_per_registration"] = cost["us_per_registration"]

    say("callbridge: held calls")
    held = subject.run("--register", users, "--warm-up", size["warm_up"],
                       "--media", size["held"], "--rate", size["rate"],
                       "--seconds", 0, users=users, trace_mb=1)
    found.update(figures.of_held(held["media"], say))
    found.update(figures.of_memory(many, held["register"]))

    say("callbridge: calls")
    calls = subject.run("--register", users, "--warm-up", size["warm_up"],
                        "--calls", size["calls"], "--rate", size["rate"],
                        "--hold", TALK_S, users=users)
    found.update(figures.of_calls(calls["calls"], say))

    for count in (100, 800):
        say("callbridge: voice, %d calls" % count)
        subject.load_options = (*Callbridge.load_options,
                                "--register", users)
        found.update(voice(subject, count, size, users=users))
    return found


def asterisk_registrations(state, size):
    """What an outbound registration costs Asterisk."""
    subject = Asterisk(state)
    say("asterisk: registrations")
    lines = size["asterisk_lines"]
    many = subject.run("--register", lines, "--again", users=lines,
                       registrations=lines, during=subject.register_again)
    found = figures.of_registrations(many["register_again"])
    few = subject.run("--register", lines // 10, users=lines // 10,
                      registrations=lines // 10)["register"]
    found["kb_per_user"] = figures.of_memory(many["register"],
                                             few)["kb_per_line"]
    return found


def asterisk(state, size):
    """The figures of Asterisk, once."""
    subject = Asterisk(state)
    users = size["users"]
    found = {}

    cost = asterisk_registrations(state, size)
    found.update(us_per_registration=cost["us_per_registration"],
                 kb_per_line=cost["kb_per_user"])

    say("asterisk: held calls")
    held = subject.run("--warm-up", size["warm_up"],
                       "--media", size["asterisk_held"],
                       "--rate", size["asterisk_rate"], "--seconds", 0,
                       users=users)
    found.update(figures.of_held(held["media"], say))

    say("asterisk: calls")
    calls = subject.run("--warm-up", size["warm_up"],
                        "--calls", size["asterisk_calls"],
                        "--rate", size["asterisk_rate"],
                        "--hold", TALK_S, users=users)
    found.update(figures.of_calls(calls["calls"], say))

    say("asterisk: voice, 100 calls")
    found.update(voice(subject, 100, size, users=users))
    return found


def options():
    parser = argparse.ArgumentParser(
        prog="tools/bench", description="Measures the bridge: release "
        "build, on one core, with the load on another.")
    parser.add_argument("what", choices=["quick", "registrations",
                                               "soak", "portal"],
                        help="which set of figures: a bit of everything, in "
                        "a minute; or registrations at scale, 100,000 users, "
                        "in a quarter of an hour; or what 100,000 calls "
                        "leave behind, in twelve minutes; or what the "
                        "portal's pages take with 100,000 users and ten "
                        "million call records, in half an hour")
    parser.add_argument("--short", action="store_true",
                        help="registrations: 20,000 users, three minutes; "
                        "soak: 10,000 calls, a minute; portal: 10,000 users, "
                        "200,000 records, three minutes")
    parser.add_argument("--json", action="store_true",
                        help="print one JSON object")
    parser.add_argument("--peer", choices=["asterisk"],
                        help="measure this too, with the same load, and say "
                        "how many times better the bridge is")
    parser.add_argument("--store", choices=["sqlite", "postgres"],
                        default="sqlite", help="portal: where it keeps them")
    parser.add_argument("--data", metavar="FOLDER", type=Path,
                        help="portal: the store is made there if there is "
                        "none, and stays (SQLite)")
    parser.add_argument("--calls", type=int, metavar="N",
                        help="portal: a store is made with so many call "
                        "records")
    parser.add_argument("--repeat", type=int, default=1, metavar="N",
                        help="measure N times and give the medians")
    parser.add_argument("--tiny", action="store_true",
                        help="with hardly any load: shows that it works, the "
                        "figures mean nothing")
    parser.add_argument("--keep", metavar="FOLDER", type=Path,
                        help="leave logs and results there")
    return parser.parse_args()


def ciphers():
    """How SRTP is done in the bridge, one line."""
    return run([plan.program("srtp-speed")], 100).strip()


def translation():
    """What a call costs whose voice is translated, a line each."""
    return run([plan.program("voice-speed")], 100).strip().splitlines()


def measure(chosen, state):
    size = TINY if chosen.tiny else QUICK
    ours, theirs = [], []
    for _ in range(max(1, chosen.repeat)):
        ours.append(callbridge(state, size))
        if chosen.peer:
            theirs.append(asterisk(state, size))
        for one in [*ours[-1:], *theirs[-1:]]:
            say(json.dumps(figures.rounded(one)))
    return (figures.rounded(figures.middle(ours)),
            figures.rounded(figures.middle(theirs)) if theirs else None)


def everything(chosen, state):
    """The quick set; lines to print."""
    srtp = ciphers()
    codecs = translation()
    ours, theirs = measure(chosen, state)
    better = figures.ratios(ours, theirs) if theirs else None
    if chosen.json:
        say("\n".join([srtp, *codecs]))
        result = dict(ours)
        if theirs:
            result.update(asterisk=theirs, times_better=better)
        return [json.dumps(result)]

    lines = [srtp, *codecs, *figures.table(ours, theirs, better)]
    if theirs:
        lines += ["%s: %s" % item for item in NOT_HAD.items()]
    return lines


def scale(chosen, state):
    """Registrations at scale; lines to print. Of several rounds the one that
    cost least is told: what others take of the machine only adds."""
    size = "tiny" if chosen.tiny else "short" if chosen.short else "full"
    ours = registrations.best([registrations.measure(state, size, say)
                               for _ in range(max(1, chosen.repeat))])
    theirs = None
    if chosen.peer:
        theirs = asterisk_registrations(state, TINY if chosen.tiny else QUICK)
    ours = figures.rounded(ours)
    theirs = figures.rounded(theirs) if theirs else None
    if chosen.json:
        return [json.dumps(dict(ours, asterisk=theirs) if theirs else ours)]
    return figures.table(ours, theirs, figures.ratios(
        ours, theirs, registrations.FIGURES) if theirs else None,
        registrations.FIGURES)


def endurance(chosen, state):
    """What very many calls leave behind; lines to print."""
    size = "tiny" if chosen.tiny else "short" if chosen.short else "full"
    ours = figures.rounded(soak.measure(state, size, say))
    if chosen.json:
        return [json.dumps(ours)]
    return figures.table(ours, names=soak.FIGURES)


def pages(chosen, state):
    """What the portal takes; lines to print."""
    size = "tiny" if chosen.tiny else "short" if chosen.short else "full"
    ours = figures.rounded(portal.measure(state, size, chosen.store,
                                          chosen.data and
                                          chosen.data.resolve(),
                                          chosen.calls, say))
    if chosen.json:
        return [json.dumps(ours)]
    return figures.table(ours, names=portal.FIGURES)


def main():
    chosen = options()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    state = chosen.keep or Path(tempfile.mkdtemp(prefix="callbridge-bench."))
    state.mkdir(parents=True, exist_ok=True)

    if len(CORES) < 2:
        say("only one core: the load takes time from the bridge")
    keep_off()
    try:
        if chosen.what == "registrations":
            lines = scale(chosen, state.resolve())
        elif chosen.what == "soak":
            lines = endurance(chosen, state.resolve())
        elif chosen.what == "portal":
            lines = pages(chosen, state.resolve())
        else:
            lines = everything(chosen, state.resolve())
    except (figures.Spoilt, Deadline) as error:
        say("tools/bench: %s\nlogs: %s" % (error, state))
        return 1
    if not chosen.keep:
        shutil.rmtree(state, ignore_errors=True)
    for line in lines:
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
