"""Microsoft Teams, as far as a bridge can see it: teams-sim and its users.

tools/teams-sim/PROTOCOL.md describes the control socket.
"""

import json
import socket
import threading

from . import audio, pki, plan
from .process import Deadline, Process, wait_for


class Control:
    """The control socket: one JSON object a line, answers and events."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(path))
        self.changed = threading.Condition()
        self.events = []
        self.answers = {}
        self.ids = 0
        self.open = True
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for line in self.sock.makefile("r", encoding="utf-8"):
                message = json.loads(line)
                with self.changed:
                    if "event" in message:
                        self.events.append(message)
                    else:
                        self.answers[message.get("id")] = message
                    self.changed.notify_all()
        except (OSError, ValueError):
            pass
        with self.changed:
            self.open = False
            self.changed.notify_all()

    def command(self, cmd, deadline_s=20, **params):
        """Run a command; its answer. Raises RuntimeError if refused."""
        with self.changed:
            self.ids += 1
            number = self.ids
            line = json.dumps({"id": number, "cmd": cmd, **params}) + "\n"
            self.sock.sendall(line.encode())
            self.changed.wait_for(
                lambda: number in self.answers or not self.open, deadline_s)
            answer = self.answers.pop(number, None)
        if not answer:
            raise Deadline("teams-sim gave no answer to %s within %g s%s" % (
                cmd, deadline_s, "" if self.open else ": it ended"))
        if not answer.get("ok"):
            raise RuntimeError("teams-sim: %s: %s"
                               % (cmd, answer.get("error")))
        return answer

    def wait_event(self, since, deadline_s, what, match):
        """The first event from number `since` on that `match` accepts."""
        def find():
            return next((event for event in self.events[since:]
                         if match(event)), None)
        with self.changed:
            self.changed.wait_for(lambda: find() or not self.open,
                                  deadline_s)
            found = find()
            seen = ", ".join(sorted({e["event"] for e in
                                     self.events[since:]}))
        if not found:
            raise Deadline("%s: not within %g s; saw %s"
                           % (what, deadline_s, seen or "nothing"))
        return found


class Call:
    """A call of a Teams user, and that user's voice in it."""

    def __init__(self, teams, number, user, since, incoming=None):
        self.teams = teams
        self.call = number
        self.user = user
        self.name = user.name
        self.tone_hz = user.tone_hz
        self.since = since
        self.incoming = incoming or {}
        self.recording = None
        self.ear = audio.Ear(lambda: self.recording)
        self.mouth = None

    def command(self, cmd, **params):
        return self.teams.control.command(cmd, call=self.call, **params)

    def wait(self, *events, deadline_s=30):
        """Wait for an event of this call."""
        return self.teams.control.wait_event(
            self.since, deadline_s,
            "%s: %s" % (self.name, " or ".join(events)),
            lambda e: e.get("call") == self.call and e["event"] in events)

    def saw(self, event):
        """Events of this kind that the call had."""
        return [e for e in self.teams.control.events[self.since:]
                if e.get("call") == self.call and e["event"] == event]

    def wait_answered(self, deadline_s=30):
        """Wait until both talk, and begin to record what is heard."""
        event = self.wait("answered", "ended", deadline_s=deadline_s)
        if event["event"] == "ended":
            raise RuntimeError("%s: call ended: %s %s" % (
                self.name, event.get("code"), event.get("reason")))
        self.record()

    def record(self):
        """Record into a new file what is heard from now on."""
        folder = self.teams.folder / "rec"
        path = folder / ("call-%s-%d.wav" % (self.call,
                                             len(list(folder.iterdir()))))
        self.command("record", file=str(path))
        self.recording = audio.Recording(path)

    def wait_ended(self, deadline_s=30):
        """Wait for the end; the event, with code and reason."""
        return self.wait("ended", deadline_s=deadline_s)

    def answer(self, deadline_s=30):
        self.command("answer")
        self.wait_answered(deadline_s)

    def decline(self):
        self.command("decline")

    def hangup(self):
        self.command("hangup")

    def hold(self):
        self.command("hold")

    def resume(self):
        self.command("resume")

    def transfer(self, target, consult=None):
        """Transfer to a number; `consult` is the call made to it before."""
        more = {"consult": consult.call} if consult else {}
        self.command("transfer", to=target, **more)

    def replaced_by(self, user):
        """Another user takes this call over; that one's Call."""
        since = len(self.teams.control.events)
        answer = self.command("replace", by=user.number)
        return Call(self.teams, answer["call"], user, since)

    def confer(self, other):
        """Make a conference of this call and another one."""
        self.command("confer", **{"with": other.call})

    def dtmf(self, digits):
        self.command("dtmf", digits=digits)

    def digits(self):
        """Digits heard so far."""
        return "".join(e["digit"] for e in self.saw("dtmf"))

    def counters(self):
        return self.command("counters")

    def mute(self):
        self.command("play", silence=True)

    def unmute(self):
        self.command("play", tone_hz=self.tone_hz)


class User:
    """Somebody who is signed in to Teams."""

    def __init__(self, teams, name, number, tenant, tone_hz):
        self.teams = teams
        self.name = name
        self.number = number
        self.tenant = tenant
        self.tone_hz = tone_hz
        self.since = 0

    def begin(self):
        """Forget calls that came before."""
        self.since = len(self.teams.control.events)

    def dial(self, target):
        """Call a number; the Call."""
        since = len(self.teams.control.events)
        answer = self.teams.control.command(
            "dial", tenant=self.tenant, **{"from": self.number, "to": target})
        return Call(self.teams, answer["call"], self, since)

    def wait_ringing(self, deadline_s=30):
        """Wait until a call rings; the Call, `incoming` telling of it."""
        event = self.teams.control.wait_event(
            self.since, deadline_s, "%s to ring" % self.name,
            lambda e: e["event"] == "incoming"
            and e.get("user") == self.number)
        return Call(self.teams, event["call"], self, self.since, event)


class Teams:
    """The three regional addresses, and the control socket."""

    def __init__(self, state):
        self.state = state
        self.folder = state / "teams"
        self.socket = self.folder / "control.sock"
        self.process = None
        self.control = None

    def config(self):
        tls = pki.ensure(self.state)
        return {
            "control": str(self.socket),
            "instances": [
                {"name": name, "address": "%s:%d" % (address,
                                                     plan.TEAMS_PORT)}
                for name, address in zip(plan.TEAMS_NAMES, plan.TEAMS)],
            "certificate": str(tls / "teams-chain.pem"),
            "key": str(tls / "teams.key"),
            "ca_file": str(tls / "sbc-root.pem"),
            "media": {"address": plan.TEAMS[0]},
            "hosts": {name: "%s:%d" % (address, plan.BRIDGE_TEAMS_PORT)
                      for name, address in (
                          (plan.TENANT_FQDN, plan.BRIDGE_TEAMS),
                          (plan.CARRIER_FQDN, plan.BRIDGE_TEAMS),
                          (plan.SECOND_FQDN, plan.SECOND_TEAMS))},
        }

    def start(self, env=None):
        """Start the program; returns its Process once it listens."""
        (self.folder / "rec").mkdir(parents=True, exist_ok=True)
        config = self.folder / "teams-sim.json"
        config.write_text(json.dumps(self.config(), indent=1))
        self.process = Process.start(
            "teams-sim", [plan.program("teams-sim"), "--config", config,
                          "--trace", self.folder / "sip.log"],
            self.folder / "log", env)
        self.process.wait_ready(self.connect, 30, "teams-sim to listen")
        self.control.command("set", options_period_ms=2000)
        self.control.command("tenant_add", fqdn=plan.TENANT_FQDN)
        return self.process

    def connect(self):
        try:
            self.control = Control(self.socket)
        except OSError:
            return False
        return True

    def sign_in(self, name, number, tone_hz, tenant=plan.TENANT_FQDN,
                answer="manual", **params):
        """Sign a user in; the User."""
        self.control.command(
            "sign_in", tenant=tenant, number=number,
            upn="%s@contoso.example" % name.lower(), tone_hz=tone_hz,
            answer=answer, **params)
        return User(self, name, number, tenant, tone_hz)

    def sign_out(self, user, unassign=False):
        """Sign a user out of all clients; with `unassign` nobody has the
        number any more."""
        self.control.command("sign_out", tenant=user.tenant,
                             number=user.number, unassign=unassign)

    def trunk_up(self, tenant=plan.TENANT_FQDN):
        """Does the bridge answer the pings for this tenant?"""
        return any(trunk["tenant"] == tenant and trunk["state"] == "up"
                   for trunk in self.control.command("health")["trunks"])

    def wait_trunk_up(self, deadline_s=30, tenant=plan.TENANT_FQDN):
        wait_for(lambda: self.trunk_up(tenant), deadline_s,
                 lambda: "the trunk to be up: %s"
                 % self.control.command("health")["trunks"], 0.1)

    def violations(self):
        """What the bridge did against Microsoft's rules."""
        return self.control.command("violations")["violations"]

    def clear(self):
        """End whatever call there still is."""
        for call in self.control.command("calls")["calls"]:
            try:
                self.control.command("hangup", call=call["call"])
            except RuntimeError:
                pass            # it ended in between

    def stop(self):
        if self.control and self.control.open:
            try:
                self.control.command("quit", 2)
            except (Deadline, RuntimeError, OSError):
                pass
        if self.process:
            self.process.stop(5)
