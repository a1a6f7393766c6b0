"""The command tools/lab: the lab's peers, started to stay.

What runs is remembered in the lab's folder, each process by its pid and its
start time, so that `down` ends those and no others.
"""

import argparse
import json
import sys

from . import asterisk, dns, kamailio, phones, pki, plan, teams
from .process import Deadline, Process

PARTS = ("dns", "asterisk", "kamailio", "teams", "phones")
DEMO = "bridge"                 # only tools/demo starts it; down ends it
NEEDS = {"phones": ("asterisk",), "teams": ("dns",)}

ABOUT = {
    "dns": "names of both worlds, %s port %d" % (plan.DNS_HOST,
                                                 plan.DNS_PORT),
    "asterisk": "the customer's PBX, %s (%s): 1001-1004 desks, 2001-2020 "
                "Teams users, 6000-6017 test numbers"
                % (plan.ASTERISK, plan.PBX_NAME),
    "kamailio": "a proxy PBX, %s (%s): 1101, 1102, 2101-2103"
                % (plan.KAMAILIO, plan.KAMAILIO_DOMAIN),
    "teams": "Microsoft's side, %s port %d" % (", ".join(plan.TEAMS),
                                               plan.TEAMS_PORT),
    "phones": "desk phones 1001, 1002 and carrier phones %s; they answer by "
              "themselves" % ", ".join(phones.CARRIER_NUMBERS),
}


class Register:
    """The processes that run, in a file of the lab's folder."""

    def __init__(self, state):
        self.path = state / "running.json"
        try:
            self.records = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self.records = {}

    def processes(self, part):
        """The processes of a part that are still alive."""
        remembered = [Process.remembered(record)
                      for record in self.records.get(part, [])]
        return [process for process in remembered if process.running()]

    def remember(self, part, processes):
        self.records[part] = [process.record() for process in processes]
        self.path.write_text(json.dumps(self.records, indent=1))

    def forget(self, part):
        self.remember(part, [])


def start_phones(state):
    """Two desks and three carrier phones that answer by themselves."""
    started = []
    try:
        for make, count in ((phones.desk, 2), (phones.carrier, 3)):
            for number in range(1, count + 1):
                started.append(make(number, state, answermode="auto"))
    except BaseException:
        for phone in started:
            phone.stop()
        raise
    return [phone.process for phone in started]


def start_teams(state):
    """teams-sim with users A and B, who answer by themselves."""
    peer = teams.Teams(state)
    process = peer.start()
    for name, extension, hz in zip("AB", (2001, 2002), plan.TEAMS_HZ):
        peer.sign_in(name, plan.user_number(extension), hz, answer="auto")
    return [process]


def start(part, state):
    """Start one part; its processes."""
    if part == "dns":
        return [dns.start(state)]
    if part == "asterisk":
        return [asterisk.Asterisk(state).start()]
    if part == "kamailio":
        return kamailio.Kamailio(state).start()
    return start_teams(state) if part == "teams" else start_phones(state)


def up(register, state, wanted):
    wanted = [part for part in PARTS if part in wanted or any(
        part in NEEDS.get(other, ()) for other in wanted)]
    pki.ensure(state)
    for part in wanted:
        if not register.processes(part):
            register.remember(part, start(part, state))
    status(register, state, wanted)


def down(register, _state, wanted):
    everything = set(wanted) == set(PARTS)
    for part in (DEMO, *reversed(PARTS)):
        if part not in wanted and not (part == DEMO and everything):
            continue
        for process in reversed(register.processes(part)):
            process.stop(8)
        register.forget(part)


def status(register, state, wanted):
    for part in PARTS:
        if part not in wanted:
            continue
        alive = register.processes(part)
        print("%-9s %s" % (part, "up    " + ABOUT[part] if alive
                           else "down"))
        for process in alive:
            print("%16s %-12s pid %-7d %s" % ("", process.name, process.pid,
                                              process.log))
    if "asterisk" in wanted and register.processes("asterisk"):
        found = asterisk.Asterisk(state).contacts()
        print("registered at Asterisk: %s" % (", ".join(
            "%s from %s" % (x, " ".join(uris))
            for x, uris in sorted(found.items())) or "nobody"))


def main():
    parser = argparse.ArgumentParser(
        prog="tools/lab", description="Real SIP peers on loopback.",
        epilog="Files and logs are in %s (set CALLBRIDGE_LAB for another "
               "place)." % plan.state_dir())
    parser.add_argument("verb", choices=("up", "down", "status"))
    parser.add_argument("part", nargs="*", metavar="PART",
                        help="%s; default: all" % " ".join(PARTS))
    chosen = parser.parse_args()
    unknown = set(chosen.part) - set(PARTS)
    if unknown:
        parser.error("unknown part %s; there are: %s"
                     % (", ".join(sorted(unknown)), " ".join(PARTS)))
    state = plan.state_dir()
    verb = {"up": up, "down": down, "status": status}[chosen.verb]
    try:
        verb(Register(state), state, chosen.part or PARTS)
    except (Deadline, RuntimeError, OSError) as error:
        print("tools/lab: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
