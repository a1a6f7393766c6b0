"""The demo: the five initial confidence tests, each step as it happens."""

import json
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

from lab import audio, plan
from lab.bridge import Bridge, Pbx, User
from lab.command import DEMO, PARTS, Register
from lab.microsoft import Microsoft
from lab.process import Deadline
from lab.site import Site

MINUTE_S, FAST_S = 60, 3
PORTAL_PORT = 8443
NEIGHBOUR = "fabrikam"          # a customer made in the portal
NEIGHBOUR_FQDN = "fabrikam.sbc.example.com"
NEIGHBOURS = ((2005, "Mia"), (2006, "Noah"))
LIMIT_LOSS = 0.01               # of the voice, as carriers ask
LIMIT_DELAY_MS = 150            # one way, as carriers ask


def portal_port():
    """The portal's usual port, or another if somebody has that."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORTAL_PORT))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Screen:
    """What the demo prints; colours only on a terminal."""

    def __init__(self):
        self.colour = sys.stdout.isatty()
        self.steps = []         # what was told since somebody took it

    def paint(self, code, text):
        return "\033[%dm%s\033[0m" % (code, text) if self.colour else text

    def title(self, text):
        print("\n" + self.paint(1, text), flush=True)

    def step(self, text):
        self.steps.append(text)
        print("  - " + text, flush=True)

    def good(self, text):
        print("  %s %s" % (self.paint(32, "PASS"), text), flush=True)

    def bad(self, text):
        print("  %s %s" % (self.paint(31, "FAIL"), text), flush=True)


class Failed(Exception):
    """A step of the demo did not show what it should."""


def case(title, steps, wrong):
    """One test, as a report has it."""
    verdict = "failed" if wrong else "passed"
    rows = [{"step": text, "verdict": "passed"} for text in steps]
    if wrong:
        rows.append({"step": title, "verdict": "failed", "observed": wrong})
    return {"title": title, "verdict": verdict, "steps": rows}


def summed(cases):
    """A report of them."""
    counts = {verdict: sum(c["verdict"] == verdict for c in cases)
              for verdict in ("passed", "failed")}
    verdict = "failed" if counts["failed"] else "passed"
    return {"verdict": verdict, "counts": counts, "plans": [
        {"plan": "confidence", "title": "Initial confidence tests",
         "verdict": verdict, "cases": cases}]}


class Demo:
    """Lab and bridge, and the five tests on them."""

    def __init__(self, site, screen, talk_s):
        self.site = site
        self.screen = screen
        self.talk_s = talk_s
        self.bridge = None
        self.microsoft = None
        self.users = ()
        self.cases = []         # of the report

    # Bringing up.

    def bring_up_lab(self):
        site, say = self.site, self.screen.step
        site.need("dns", "asterisk")
        say("Asterisk 22, the customer's PBX, on %s" % plan.ASTERISK)
        for number in (1, 2):
            say("desk phone %s on %s, tone %d Hz" % (
                site.desk(number).extension, site.desk(number).address,
                site.desk(number).tone_hz))
        for number in (1, 2):
            phone = site.carrier(number)
            say("PSTN phone %s on %s, tone %d Hz"
                % (phone.number, phone.address, phone.tone_hz))
        site.need("teams")
        say("Microsoft Teams (teams-sim) on %s, port %d"
            % (", ".join(plan.TEAMS), plan.TEAMS_PORT))

    def bring_up_bridge(self):
        self.users = tuple(
            self.site.teams.sign_in(name, plan.user_number(x), hz)
            for name, x, hz in zip("AB", (2001, 2002), plan.TEAMS_HZ))
        self.microsoft = Microsoft(self.site.state, NEIGHBOUR,
                                   [name for _, name in NEIGHBOURS])
        self.microsoft.start()
        self.bridge = Bridge(self.site.state, [Pbx()],
                             [User(2001, "A"), User(2002, "B")],
                             portal="{address: 127.0.0.1, port: %d}"
                             % portal_port(),
                             tests="{teams_sim: %s}"
                             % self.site.teams.socket,
                             microsoft=self.microsoft.yaml())

        def make():
            # each demo is a first day: nobody can sign in yet
            shutil.rmtree(self.bridge.folder / "state", ignore_errors=True)
            self.bridge.start()
            return self.bridge, self.bridge.stop
        self.site.part(DEMO, make)
        self.site.teams.wait_trunk_up()
        self.screen.step("callbridged: %s towards the PBX, %s:%d (%s) "
                         "towards Teams" % (
                             plan.BRIDGE_PBX, plan.BRIDGE_TEAMS,
                             plan.BRIDGE_TEAMS_PORT, plan.TENANT_FQDN))

    # Evidence.

    def shown(self, who, number, wanted):
        self.screen.step("%s rings, showing %s" % (who, number))
        if number not in wanted:
            raise Failed("wanted %s, shown was %s" % (" or ".join(wanted),
                                                      number))

    def talk(self, first, second, seconds=None):
        """Two voices talk: both heard, loss and delay both ways."""
        say = self.screen.step
        say(str(audio.two_way(first, second)))
        seconds = self.talk_s if seconds is None else seconds
        lost = self.lost(first, second, seconds)
        say("%d s of talk: loss %.1f %% and %.1f %%"
            % (seconds, 100 * lost[0], 100 * lost[1]))
        late = (audio.delay_ms(first, second), audio.delay_ms(second, first))
        say("delay %s to %s %s, back %s"
            % (first.name, second.name, *map(self.delay, late)))
        if max(lost) > LIMIT_LOSS:
            raise Failed("more than %.0f %% lost" % (100 * LIMIT_LOSS))
        if max(late) > LIMIT_DELAY_MS:
            raise Failed("more than %d ms late" % LIMIT_DELAY_MS)

    @staticmethod
    def delay(late_ms):
        """A delay in words; an ear is exact to one packet."""
        packet_ms = 1000 * audio.BLOCK_S
        return "below %.0f ms" % packet_ms if late_ms < packet_ms \
            else "%.0f ms" % late_ms

    @staticmethod
    def lost(first, second, seconds):
        """Loss at either end over the same seconds."""
        begin = (first.ear.position(), second.ear.position())
        at_first = first.ear.loss(second.tone_hz, seconds)
        samples, rate = second.ear.fresh(seconds, 5, begin[1])
        return at_first, audio.loss(samples, rate, first.tone_hz)

    def recorded(self, callee):
        """The call record of the latest call to `callee`."""
        found = [call for call in self.bridge.calls()
                 if call.get("callee", "").endswith(callee[-8:])]
        if not found:
            raise Failed("no call record of the call to %s" % callee)
        self.screen.step("call record %s: %s" % (found[-1]["id"],
                                                 found[-1]["state"]))

    # The five tests.

    def two_users_are_registered(self):
        rows = self.bridge.wait_registered(deadline_s=15)
        for user in self.bridge.users:
            self.screen.step("%s %s: %s" % (user.name, user.number,
                                            rows[user.upn]["state"]))
        contacts = self.site.asterisk.contacts()
        where = set()
        for x in (2001, 2002):
            uris = contacts.get(x)
            if not uris:
                raise Failed("Asterisk has no contact for %d" % x)
            self.screen.step("Asterisk knows %d at %s" % (x, uris[0]))
            where.add(uris[0].partition("@")[2].partition(";")[0])
        if len(where) != 1:
            raise Failed("not from one address and port")

    def teams_user_calls_the_pstn(self):
        user, phone = self.users[0], self.site.carrier(1)
        phone.begin()
        call = user.dial(phone.number)
        self.screen.step("A dials %s" % phone.number)
        self.shown(phone.name, phone.wait_ringing()[0], [user.number])
        phone.answer()
        call.wait_answered()
        self.talk(call, phone)
        call.hangup()
        self.screen.step("A hangs up: %s hears %s" % (
            phone.name, "the end" if phone.wait_closed() else "nothing"))
        self.recorded(phone.number)

    def teams_user_calls_an_extension(self):
        user, desk = self.users[1], self.site.desk(1)
        desk.begin()
        call = user.dial(desk.extension)
        self.screen.step("B dials %s" % desk.extension)
        self.shown(desk.name, desk.wait_ringing()[0], ["2002", user.number])
        desk.answer()
        call.wait_answered()
        self.talk(call, desk, min(self.talk_s, 10))
        desk.hangup()
        call.wait_ended()
        self.screen.step("%s hangs up: B's call ends" % desk.name)
        self.recorded(desk.extension)

    def pstn_calls_a_teams_user(self):
        user, phone = self.users[1], self.site.carrier(1)
        user.begin()
        phone.dial(user.number)
        self.screen.step("%s dials %s" % (phone.number, user.number))
        call = user.wait_ringing()
        self.shown("B", call.incoming["from"], [phone.number])
        call.answer()
        phone.wait_established()
        self.talk(phone, call)
        phone.hangup()
        call.wait_ended()
        self.screen.step("%s hangs up: B's call ends" % phone.name)
        self.recorded(user.number)

    def teams_user_transfers_to_the_pstn(self):
        user, phone = self.users[0], self.site.carrier(1)
        other = self.site.carrier(2)
        user.begin()
        phone.dial(user.number)
        self.screen.step("%s dials %s" % (phone.number, user.number))
        call = user.wait_ringing()
        self.shown("A", call.incoming["from"], [phone.number])
        call.answer()
        phone.wait_established()
        self.screen.step(str(audio.two_way(phone, call)))
        other.begin()
        call.transfer(other.number)
        self.screen.step("A transfers to %s" % other.number)
        self.shown(other.name, other.wait_ringing()[0],
                   [user.number, phone.number])
        other.answer()
        call.wait("transferred")
        self.screen.step("A's call is transferred, A is released")
        self.talk(phone, other, min(self.talk_s, 10))
        phone.hangup()
        other.wait_closed()
        self.recorded(user.number)

    TESTS = (
        ("Two users are registered, from one address and port",
         two_users_are_registered),
        ("A Teams user calls a PSTN number", teams_user_calls_the_pstn),
        ("A Teams user calls a PBX extension",
         teams_user_calls_an_extension),
        ("The PSTN calls a Teams user's number", pstn_calls_a_teams_user),
        ("The PSTN calls a Teams user, who transfers the call back out",
         teams_user_transfers_to_the_pstn),
    )

    def run(self):
        """Run the five tests; the titles of those that failed."""
        failed = []
        for number, (title, test) in enumerate(self.TESTS, 1):
            self.screen.title("%d. %s" % (number, title))
            self.screen.steps = []
            begin = time.monotonic()
            wrong = None
            try:
                test(self)
            except (Failed, Deadline, RuntimeError, OSError,
                    KeyError) as error:
                wrong = "%s: %s" % (type(error).__name__, error)
                self.screen.bad(wrong)
                failed.append(title)
            else:
                self.screen.good("%.1f s" % (time.monotonic() - begin))
            self.cases.append(case(title, self.screen.steps, wrong))
            self.quiet()
        return failed

    # What the portal has to show beside the calls.

    def furnish(self):
        """A customer that was made in the portal, one of its users with a
        wrong password; and the report of this demo."""
        command = self.bridge.command
        self.site.teams.control.command("tenant_add", fqdn=NEIGHBOUR_FQDN)
        command("set", "--new", "tenant", NEIGHBOUR, "teams.fqdn=" + NEIGHBOUR_FQDN)
        command("set", "--new", "pbx", NEIGHBOUR, "office",
                "template=asterisk-pjsip", "title=Office on the first floor",
                "country=GB", "sip_domain=" + plan.ASTERISK,
                "sip_proxy=%s:5060" % plan.ASTERISK)
        good, bad = (User(x, name) for x, name in NEIGHBOURS)
        for user in (good, bad):
            user.upn = "%s@%s.example" % (user.name.lower(), NEIGHBOUR)
        for user, password in ((good, plan.secret(good.extension)),
                               (bad, "wrong")):
            command("set", "--new", "user", NEIGHBOUR, user.upn,
                    "name=" + user.name, "number=" + user.number,
                    "pbx=office", "sip_username=%d" % user.extension,
                    "sip_password=" + password)
        self.bridge.wait_registered(good, deadline_s=30)
        row = self.bridge.wait_failing(bad, 30)
        self.screen.step("%s is registered, %s is not: %s" % (
            good.name, bad.name, row["words"]))
        self.microsoft.introduce(self.bridge, "office")
        self.screen.step("Microsoft 365 of %s is played by this demo: see "
                         "Sync" % NEIGHBOUR)
        report = self.site.state / "demo-report.json"
        report.write_text(json.dumps(summed(self.cases)))
        command("test", "keep", "--tenant", "contoso", report)
        self.screen.step("the report of this demo is kept")
        command("set", "--new", "testers", "contoso", "hq",
                *("user_%s.%s" % (name, setting) for name in "ab"
                  for setting in ("kind=teams",
                                  "upn=%s@contoso.example" % name)),
                "external.kind=phone", "external.number=+441632960033",
                "external.registers=false",
                "external.address=127.0.0.33:5060",
                "external_2.kind=human", "external_2.name=You",
                "external_2.number=+441632960034", "nobody=6004")
        self.screen.step("tests can be begun in the portal: Tests, Begin a "
                         "test, contoso; its second telephone is you")

    def quiet(self):
        """End what a failed test may have left."""
        for phone in self.site.phones():
            phone.clear()
        self.site.teams.clear()


def summary(screen, failed):
    total = len(Demo.TESTS)
    screen.title("Summary")
    for title, _ in Demo.TESTS:
        (screen.bad if title in failed else screen.good)(title)
    text = "%d of %d initial confidence tests passed" % (
        total - len(failed), total)
    print(screen.paint(31 if failed else 32, text), flush=True)


def invite(demo, site):
    """Tell what to try, then wait for Ctrl-C."""
    if demo.bridge:
        here = Path(os.environ.get("CALLBRIDGE_BUILD", "build/release"))
        print("\nAll of it is still running. Try, in another terminal:\n"
              "  %s/callbridge --socket %s status\n"
              "  %s/callbridge --socket %s calls"
              % (here, demo.bridge.socket, here, demo.bridge.socket))
        print("or open the portal in a browser on this machine; the link "
              "makes its first administrator, once:\n  "
              + demo.bridge.command("admin", "link").strip())
        print(demo.microsoft.hint())
    else:
        print("\nThe lab is running: register a phone as 2001, password %s, "
              "at %s:5060." % (plan.secret(2001), plan.ASTERISK))
    print("Logs are in %s. Ctrl-C ends it." % site.state, flush=True)
    while True:
        signal.pause()


def remember(site):
    """Let `tools/lab status` and `tools/lab down` know what runs here."""
    register = Register(site.state)
    groups = {}
    for key, process in site.processes():
        part = key if key in (*PARTS, DEMO) else "phones"
        groups.setdefault(part, []).append(process)
    for part, processes in groups.items():
        register.remember(part, processes)


def interrupted(_number, _frame):
    raise KeyboardInterrupt


def main(words):
    state = plan.state_dir()
    register = Register(state)
    busy = [part for part in (*PARTS, DEMO) if register.processes(part)]
    if busy:
        print("The lab is up already (%s): run tools/lab down first."
              % ", ".join(busy), file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    screen, site = Screen(), Site(state)
    demo = Demo(site, screen, FAST_S if "--fast" in words else MINUTE_S)
    failed = []
    try:
        screen.title("The lab")
        demo.bring_up_lab()
        if "--lab-only" not in words:
            demo.bring_up_bridge()
            remember(site)
            failed = demo.run()
            screen.title("The portal")
            demo.furnish()
            summary(screen, failed)
        remember(site)
        if "--check" not in words:
            invite(demo, site)
    except (Deadline, RuntimeError, OSError) as error:
        screen.bad(str(error))
        failed.append("the lab")
    except KeyboardInterrupt:
        print("\nStopping.")
    finally:
        site.stop()
        if demo.microsoft:
            demo.microsoft.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
