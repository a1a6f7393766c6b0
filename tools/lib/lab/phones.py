"""Phones: baresip without a head, steered over its ctrl_tcp port.

One process a phone. Every phone says a tone of its own for as long as a call
lasts and records what it hears, without a jitter buffer: what is measured is
the network's delay and not the phone's.
"""

import json
import re
import shutil
import socket
import threading
import time
from pathlib import Path

from . import asterisk, audio, pki, plan
from .process import Deadline, Process, wait_for

CONTROL_PORT = 4444

# One codec only: Asterisk may send a packet of another before it settles, and
# baresip forgets its recorder when the payload type changes.
CODECS = "PCMA"

CONFIG = """\
poll_method epoll
call_local_timeout 120
call_max_calls 4
sip_listen {address}:5060
net_interface {address}
dns_server {dns}
sip_cafile {tls}/pbx-ca.pem
sip_certificate {tls}/phone-all.pem
audio_source aufile,{tone}
audio_player aubridge,null
audio_alert aubridge,null
audio_path /nonexistent
ausrc_srate 8000
ausrc_channels 1
auplay_srate 8000
auplay_channels 1
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
rtp_ports {ports}
rtp_stats yes
jitter_buffer_type off
jitter_buffer_delay 0-0
snd_path {folder}/rec
ctrl_tcp_listen {address}:{control}
ringback_disabled yes
menu_bell no
statmode_default off
module_path {modules}
module g711.so
module g722.so
module aufile.so
module sndfile.so
module srtp.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
module_app debug_cmd.so
"""


def module_path():
    """Folder of baresip's modules, wherever the distribution has it."""
    for folder in (Path("/usr/lib/baresip/modules"),
                   *Path("/usr/lib").glob("*/baresip/modules")):
        if (folder / "ctrl_tcp.so").exists():
            return folder
    raise FileNotFoundError("baresip's modules: run tools/setup")


class Control:
    """The ctrl_tcp connection: commands and answers, and all events.

    Each message is a netstring of JSON. Only one client may be connected.
    """

    def __init__(self, address):
        self.sock = socket.create_connection((address, CONTROL_PORT), 2)
        self.sock.settimeout(None)
        self.changed = threading.Condition()
        self.events = []
        self.answers = {}
        self.tokens = 0
        self.open = True
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        data = b""
        while True:
            try:
                got = self.sock.recv(65536)
            except OSError:
                got = b""
            if not got:
                break
            data = self._split(data + got)
        with self.changed:
            self.open = False
            self.changed.notify_all()

    def _split(self, data):
        """Take the complete netstrings from `data`; what is left."""
        while True:
            length, colon, rest = data.partition(b":")
            if not colon or len(rest) <= int(length):
                return data
            message = json.loads(rest[:int(length)].decode(errors="replace"),
                                 strict=False)
            data = rest[int(length) + 1:]
            with self.changed:
                if message.get("event"):
                    message["time"] = time.monotonic()
                    self.events.append(message)
                else:
                    self.answers[message.get("token")] = message
                self.changed.notify_all()

    def command(self, name, params="", deadline_s=20):
        """Run a command; the text of its answer."""
        with self.changed:
            self.tokens += 1
            token = str(self.tokens)
            body = json.dumps({"command": name, "params": params,
                               "token": token}).encode()
            self.sock.sendall(b"%d:%s," % (len(body), body))
            if not self.changed.wait_for(
                    lambda: token in self.answers or not self.open,
                    deadline_s) or not self.open:
                raise Deadline("baresip gave no answer to %s" % name)
            answer = self.answers.pop(token)
        if not answer.get("ok"):
            raise RuntimeError("%s %s: %s" % (name, params,
                                              answer.get("data")))
        return answer.get("data") or ""

    def wait_event(self, since, deadline_s, what, match):
        """The first event from number `since` on that `match` accepts."""
        def find():
            return next((event for event in self.events[since:]
                         if match(event)), None)
        with self.changed:
            if not self.changed.wait_for(
                    lambda: find() or not self.open, deadline_s):
                seen = ", ".join("%s(%s)" % (e["type"], e.get("param", ""))
                                 for e in self.events[since:]
                                 if e["type"] != "CALL_RTCP")
                raise Deadline("%s: not within %g s; saw %s"
                               % (what, deadline_s, seen or "nothing"))
            found = find()
        if not found:
            raise Deadline("%s: baresip is gone" % what)
        return found


class Phone:
    """One phone with one account."""

    def __init__(self, name, address, number, tone_hz, state):
        self.name = name
        self.address = address
        self.number = number
        self.tone_hz = tone_hz
        self.state = state
        self.folder = state / "phones" / name
        self.process = None
        self.control = None
        self.mark = 0           # events before it belong to the past
        self.begun = 0          # calls so far
        self.muted = False
        self.ear = audio.Ear(lambda: self.recording("dec"))
        self.mouth = audio.Ear(lambda: self.recording("enc"))
        self.recordings = {}

    def __str__(self):
        return "%s (%s)" % (self.name, self.number)

    # Life.

    def start(self):
        """Start the program and connect to it; no account yet."""
        self.configure()
        self.process = Process.start(
            self.name, ["baresip", "-4", "-f", self.folder],
            self.folder / "log")
        self.process.wait_ready(self.connect, 30, "%s to listen" % self.name)
        return self.process

    def configure(self):
        tls = pki.ensure(self.state)
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "rec").mkdir(parents=True)
        tone = self.state / "tones" / ("%d.wav" % self.tone_hz)
        if not tone.exists():
            tone.parent.mkdir(exist_ok=True)
            audio.write_tone(tone, self.tone_hz)
        last = int(self.address.rpartition(".")[2])
        (self.folder / "config").write_text(CONFIG.format(
            address=self.address, folder=self.folder, tls=tls, tone=tone,
            dns="%s:%d" % (plan.DNS_HOST, plan.DNS_PORT),
            ports="%d-%d" % (20000 + 100 * last, 20099 + 100 * last),
            control=CONTROL_PORT, modules=module_path()))
        (self.folder / "accounts").write_text("# made at run time\n")
        (self.folder / "contacts").write_text("")

    def connect(self):
        """Connect to the phone's control port; false if it is not open."""
        try:
            self.control = Control(self.address)
        except OSError:
            return False
        return True

    def stop(self):
        if self.control and self.control.open:
            try:
                self.control.command("quit", deadline_s=1)
            except (Deadline, RuntimeError, OSError):
                pass
        if self.process:
            self.process.stop(3)

    # Account.

    def account(self, aor, **params):
        """Create the account; `params` are baresip's own."""
        words = ["%s=%s" % (key, '"%s"' % value if key in
                            ("auth_pass", "outbound") else value)
                 for key, value in params.items()]
        name = "" if "outbound" in params else '"%s" ' % self.name
        self.control.command("uanew", ";".join(
            ["%s<%s>" % (name, aor), *words]))

    def register(self, extension, registrar=plan.ASTERISK, transport="udp",
                 deadline_s=30, **params):
        """Create an account at a registrar and wait until it is
        registered. With an `outbound` proxy baresip 1.0 wants neither a
        display name nor a transport in the address (ENOSYS)."""
        settings = {"auth_pass": plan.secret(extension), "regint": 300,
                    "answermode": "manual", "mwi": "no",
                    "audio_codecs": CODECS}
        settings.update(params)
        mark = len(self.control.events)
        aor = "sip:%s@%s" % (extension, registrar)
        if "outbound" not in settings:
            aor += ";transport=" + transport
        self.account(aor, **settings)
        event = self.control.wait_event(
            mark, deadline_s, "%s to register" % self.name,
            lambda e: e["type"] in ("REGISTER_OK", "REGISTER_FAIL"))
        if event["type"] != "REGISTER_OK":
            raise RuntimeError("%s: %s" % (self.name, event.get("param")))

    def attend(self, domain=plan.ASTERISK, **params):
        """Create an account that registers nowhere, as a carrier's end."""
        settings = {"regint": 0, "answermode": "manual", "mwi": "no",
                    "audio_codecs": CODECS}
        settings.update(params)
        self.account("sip:%s@%s" % (self.number, domain), **settings)

    # Calls.

    def begin(self):
        """Forget what was: waits and recordings are those of a new call.

        Recordings are named by the second they began in. Those of earlier
        calls go out of the way, or a call soon after would share a name.
        """
        self.mark = len(self.control.events)
        self.begun += 1
        earlier = self.folder / ("rec-%d" % self.begun)
        (self.folder / "rec").rename(earlier)
        (self.folder / "rec").mkdir()
        self.recordings = {}
        if self.muted:
            self.unmute()

    def dial(self, target, domain=plan.ASTERISK):
        """Begin a call to a number at the PBX, or to a URI."""
        self.begin()
        uri = target if ":" in target else "sip:%s@%s" % (target, domain)
        self.control.command("dial", uri)

    def wait(self, *types, deadline_s=30):
        """Wait for an event of one of these types since begin()."""
        return self.control.wait_event(
            self.mark, deadline_s, "%s: %s" % (self.name, " or ".join(types)),
            lambda e: e["type"] in types)

    def saw(self, type_):
        """Events of this type since begin()."""
        return [event for event in self.control.events[self.mark:]
                if event["type"] == type_]

    def wait_ringing(self, deadline_s=30):
        """Wait for a call; the caller as shown: (number, name)."""
        event = self.wait("CALL_INCOMING", deadline_s=deadline_s)
        number = re.sub(r"^sips?:|[@;].*", "", event["peeruri"])
        return number.replace("%2B", "+"), event.get("peerdisplayname", "")

    def wait_established(self, deadline_s=30):
        event = self.wait("CALL_ESTABLISHED", "CALL_CLOSED",
                          deadline_s=deadline_s)
        if event["type"] == "CALL_CLOSED":
            raise RuntimeError("%s: call closed: %s" % (self.name,
                                                        event.get("param")))

    def wait_closed(self, deadline_s=30):
        """Wait until the far end ended the call; its reason."""
        return self.wait("CALL_CLOSED", deadline_s=deadline_s)["param"]

    def answer(self, deadline_s=20):
        self.control.command("accept")
        self.wait_established(deadline_s)

    def hangup(self):
        """End the call, or reject it with 486 while it rings."""
        self.control.command("hangup")

    def hold(self):
        self.control.command("hold")

    def resume(self):
        """Take the call off hold. baresip 1.1 does so and then reports an
        invalid argument; whether voice is back, the ears must tell."""
        try:
            self.control.command("resume")
        except RuntimeError as error:
            if "Invalid argument" not in str(error):
                raise

    def transfer(self, target, domain=plan.ASTERISK):
        self.control.command("transfer", "sip:%s@%s" % (target, domain))

    def calls(self):
        """Number of calls the phone has."""
        match = re.search(r"\((\d+)\)", self.control.command("listcalls"))
        return int(match.group(1)) if match else 0

    def clear(self):
        """End whatever call there still is, and wait until none is."""
        def empty():
            if not self.calls():
                return True
            try:
                self.control.command("hangup")
            except RuntimeError:
                pass            # it ended in between
            return False
        wait_for(empty, 30, "%s to have no call" % self.name, 0.05)

    def dtmf(self, digits, spacing_s=0.2):
        """Send digits by RFC 4733."""
        for digit in digits:
            self.control.command("sndcode", digit)
            time.sleep(spacing_s)       # the length of a key press
            self.control.command("sndcode", "")

    def digits(self):
        """Digits heard since begin()."""
        return "".join(event["param"] for event in
                       self.saw("CALL_DTMF_START"))

    # Voice.

    def recording(self, which):
        """The recording of the present call: "dec" is what the phone hears,
        "enc" what it says. None before there is one."""
        fresh = list((self.folder / "rec").glob("*-%s.wav" % which))
        if not fresh:
            return None
        path = max(fresh)
        if path not in self.recordings:
            self.recordings[path] = audio.Recording(path)
        return self.recordings[path]

    def mute(self):
        if not self.muted:
            self.control.command("mute")
            self.muted = True

    def unmute(self):
        if self.muted:
            self.control.command("mute")
            self.muted = False


def ready(phone, account):
    """Start a phone and give it its account; ends it if that fails."""
    phone.start()
    try:
        account()
    except BaseException:
        phone.stop()
        raise
    return phone


def desk(number, state, **params):
    """Desk phone 100N, started and registered at the Asterisk PBX; `params`
    are baresip's, for the account."""
    phone = Phone("desk-%d" % number, "127.0.0.%d" % (20 + number),
                  plan.desk_number(1000 + number),
                  plan.DESK_HZ[number - 1], state)
    phone.extension = str(1000 + number)
    return ready(phone, lambda: phone.register(1000 + number, **params))


# One at home, one abroad, one more at home: national and international
# dialling both happen.
CARRIER_NUMBERS = ("+441632960031", "+493055500032", "+441632960033")


def carrier(number, state, **params):
    """A phone of the outside world, reached through the PBX's trunk."""
    phone = Phone("pstn-%d" % number, asterisk.CARRIERS[number - 1],
                  CARRIER_NUMBERS[number - 1],
                  plan.CARRIER_HZ[number - 1], state)
    return ready(phone, lambda: phone.attend(**params))


def at_kamailio(extension, state):
    """Phone 110N, started and registered at Kamailio."""
    number = extension - 1100
    phone = Phone("kam-%d" % number, "127.0.0.%d" % (24 + number),
                  str(extension), plan.DESK_HZ[number - 1], state)
    return ready(phone, lambda: phone.register(
        extension, registrar=plan.KAMAILIO_DOMAIN,
        outbound="sip:" + plan.KAMAILIO))
