"""Plays a case: sends what it says, waits for what it says must come.

A step says what matters. The rest of a message that is sent follows from the
dialog it is in, as a peer that knows RFC 3261 would write it.
"""

import queue
import re
import time

import casefile
from casefile import Bad, Mismatch, compare, fill
from message import Message, Malformed, address, encode, param, plain_name
from peers import EDGE_NAME, PBXS, digest_fits
from voice import Voice

RECEIVE_S = 20              # for a message that must come
BARRIER_S = 20              # for the answer to an OPTIONS that comes last
TEAMS_CONTACT = ("<sip:api-du-a-euwe.pstnhub.microsoft.com:443;"
                 "x-i=392720b5-890a-4ca6-af9e-fa18fdbee12a;"
                 "x-c=85f3a0c8cb41/d/8/58>")
TEAMS_ROUTE = "<sip:%s:5061;transport=tls;lr>" % EDGE_NAME
ORDER = ("via", "max-forwards", "from", "to", "call-id", "cseq",
         "record-route", "contact", "user-agent", "server", "rack")


class Dialog:
    """What one peer knows of one call; names as the peer sees them."""

    def __init__(self, peer, number):
        self.peer = peer
        self.tag = "w%d" % number
        self.call_id = None
        self.local = self.remote = self.target = None
        self.routes = []
        self.cseq = 0
        self.sent = {}          # last request of each method, ours
        self.got = {}           # ... and theirs
        self.last = None        # theirs that awaits an answer
        self.invite_answer = None

    def heard_request(self, message):
        self.got[message.method] = message
        if message.method != "ACK":
            self.last = message
        if not self.call_id:
            self.call_id = message.value("Call-ID")
        if not self.remote:
            self.remote = message.value("From")
            self.local = message.value("To")
        if message.values("Contact"):
            self.target = address(message.value("Contact"))
        if message.values("Record-Route"):
            self.routes = message.values("Record-Route")

    def heard_response(self, message):
        if message.method == "INVITE":
            self.invite_answer = message
        if param(message.value("To"), "tag") and message.status < 300:
            self.remote = message.value("To")
        if message.values("Contact") and message.status < 300:
            self.target = address(message.value("Contact"))


class Player:
    """Plays the steps of one case."""

    count = 0

    def __init__(self, world, steps):
        self.world = world
        self.steps = steps
        self.dialogs = {}
        self.known = {"ann": world.contacts["2001"],
                      "ben": world.contacts["2002"],
                      "cid": world.contacts["2003"],
                      "dan": world.contacts["2004"],
                      "eve": world.contacts["2005"],
                      "fay": world.contacts["2006"],
                      "ann.data": world.contacts["2001"].split(";")[-1]}
        self.ladder = []
        self.matched = {}       # last message that a peer got, by peer
        self.last_sent = {}     # ... and sent, with the way it went
        self.voice = None       # once something is pressed
        Player.count += 1
        self.base = Player.count * 1000
        self.number = 0
        world.manual = {(step.peer, step.start.split(" ")[0])
                        for step in steps if step.kind == "receive"}
        world.faults.clear()
        world.broken.clear()

    def play(self):
        try:
            self.play_steps()
        finally:
            if self.voice:
                self.voice.close()
        self.barrier()

    def play_steps(self):
        for step in self.steps:
            try:
                getattr(self, step.kind)(step)
            except (Bad, Mismatch, Malformed) as error:
                raise AssertionError("%s\n%s\n\n%s" % (
                    step, error, "\n".join(self.ladder))) from None

    def dialog(self, step):
        """A peer's dialog; those of all proxies are Teams'."""
        family = step.peer if step.peer in PBXS else "teams"
        key = family, step.dialog
        if key not in self.dialogs:
            self.dialogs[key] = Dialog(family, self.base + len(self.dialogs))
        return self.dialogs[key]

    def peer(self, step):
        if step.peer not in self.world.peers:
            raise Bad("nobody is called %s" % step.peer)
        return self.world.peers[step.peer]

    def note(self, arrow, peer, text):
        self.ladder.append("%6.3f %-8s %s %s" % (
            time.monotonic() % 1000, peer, arrow, text.rstrip()
            .replace("\r\n", "\n" + 18 * " ")))

    # Sending.

    def send(self, step):
        dialog = self.dialog(step)
        cseq = step.value("CSeq")
        step.headers = [(name, fill(value, self.known))
                        for name, value in step.headers if "{*}" not in value]
        start = fill(step.start, self.known)
        body = "".join(fill(line, self.known) + "\r\n" for line in step.body)
        if start.startswith("SIP/2.0 "):
            defaults, reply = self.response(dialog, start, cseq)
        else:
            start, defaults = self.request(step, dialog, start)
            reply = self.peer(step).send
        octets = self.assemble(step, start, defaults, body.encode())
        self.note("->", step.peer, octets.decode())
        reply(octets)
        self.last_sent[step.peer] = octets, reply
        self.sent(dialog, octets)

    def assemble(self, step, start, defaults, body):
        if body:
            defaults["content-type"] = "application/sdp"
        defaults["content-length"] = str(len(body))
        given = {plain_name(name) for name, _ in step.headers}
        given |= {plain_name(name) for name in step.absent}
        headers = [(name.title(), value) for name, value in defaults.items()
                   if name not in given and value is not None]
        front = [pair for pair in headers if plain_name(pair[0]) in ORDER]
        back = [pair for pair in headers if pair not in front]
        return encode(start, front + step.headers + back, body)

    def response(self, dialog, start, cseq):
        """What a response copies from its request: the last one, or that
        whose method the case names in CSeq."""
        request = dialog.got.get(cseq.split(" ")[-1]) if cseq else dialog.last
        if not request:
            raise Bad("there is no request to answer")
        to = request.value("To")
        if not param(to, "tag"):
            to += ";tag=" + dialog.tag
        defaults = {"via": "\r\nVia: ".join(request.values("Via")),
                    "from": request.value("From"), "to": to,
                    "call-id": request.value("Call-ID"),
                    "cseq": request.value("CSeq")}
        status = int(start.split(" ")[1])
        if request.method == "INVITE" and 100 < status < 300:
            defaults.update(self.contact(dialog))
        return defaults, request.reply

    def contact(self, dialog):
        if dialog.peer == "teams":
            return {"contact": TEAMS_CONTACT, "record-route": TEAMS_ROUTE}
        return {"contact": "<sip:pbx@%s:5060>" % PBXS[dialog.peer]}

    def request(self, step, dialog, start):
        """What a request says as the next one of its dialog."""
        method = start.split(" ")[0]
        invite = dialog.sent.get("INVITE")
        same = invite and (method == "CANCEL" or method == "ACK" and
                           dialog.invite_answer and
                           dialog.invite_answer.status >= 300)
        if " " not in start:
            target = invite.uri if same else dialog.target
            if not target:
                raise Bad("want a Request-URI")
            start = "%s %s SIP/2.0" % (method, target)
        self.begin(dialog, start.split(" ")[1])
        defaults = {"via": invite.value("Via") if same else
                    self.peer(step).via(self.branch()),
                    "max-forwards": "70", "from": dialog.local,
                    "to": dialog.remote, "call-id": dialog.call_id}
        if same:
            defaults["to"] = dialog.invite_answer.value("To") \
                if method == "ACK" else invite.value("To")
        if same or method == "ACK":
            defaults["cseq"] = "%d %s" % (invite.cseq if invite else 1,
                                          method)
        else:
            defaults["cseq"] = "%d %s" % (dialog.cseq + 1, method)
        if method in ("INVITE", "UPDATE", "REFER", "NOTIFY", "SUBSCRIBE"):
            defaults.update(self.contact(dialog))
        if dialog.peer != "teams" or param(dialog.remote, "tag"):
            defaults.pop("record-route", None)
        return start, defaults

    def branch(self):
        self.number += 1
        return "z9hG4bKw%d.%d" % (self.base, self.number)

    def begin(self, dialog, uri):
        """The ids of a call that this peer begins."""
        if dialog.call_id:
            return
        dialog.call_id = "%s-%s" % (dialog.tag, dialog.peer)
        caller = "+442079460201@sip.pstnhub.microsoft.com:5061;user=phone" \
            if dialog.peer == "teams" else "1001@pbx.contoso.example"
        dialog.local = "<sip:%s>;tag=%s" % (caller, dialog.tag)
        dialog.remote = "<%s>" % uri

    def sent(self, dialog, octets):
        """Remember what the case made of it."""
        try:
            message = Message(octets)
            cseq = message.cseq
        except (Malformed, ValueError, IndexError):
            return              # sent so on purpose
        if message.status is None:
            dialog.sent[message.method] = message
            dialog.cseq = max(dialog.cseq, cseq)
            dialog.call_id = message.value("Call-ID")
            dialog.local = message.value("From")
            if not dialog.target:
                dialog.remote = message.value("To")
        elif message.status < 300 and param(message.value("To"), "tag") and \
                message.method == "INVITE":
            dialog.local = message.value("To")

    # Receiving.

    def receive(self, step):
        dialog = self.dialog(step)
        message = self.next(step)
        self.note("<-", step.peer, message.octets.decode())
        if message.status != 400:       # which repeats what was wrong
            message.check()
        self.check_credentials(message)
        compare(step, message, self.known)
        if dialog.call_id and dialog.call_id != message.value("Call-ID"):
            raise Mismatch("it belongs to another dialog")
        if message.status is None:
            dialog.heard_request(message)
        elif message.status != 400 or message.method in dialog.sent:
            self.check_response(dialog, message)
            dialog.heard_response(message)
        self.matched[step.peer] = message

    def next(self, step):
        """The next message that is not a 100 which nobody asked for."""
        end = time.monotonic() + RECEIVE_S
        peer = self.peer(step)
        box = peer.answers if step.start.startswith("SIP/2.0 ") else \
            peer.inbox
        while True:
            try:
                message = box.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise Mismatch("nothing came%s" % self.others()) from None
            if message.status == 100 and not \
                    step.start.startswith("SIP/2.0 100"):
                continue
            return message

    def others(self):
        """What lies unread, for whoever wonders where his message is."""
        texts = []
        for peer in self.world.peers.values():
            texts += ["\n%s has unread: %s" % (
                peer.name, message.octets.decode())
                for message in peer.unread()]
        return "".join(texts + ["\n" + fault for fault in self.world.faults])

    @staticmethod
    def check_response(dialog, message):
        request = dialog.sent.get(message.method)
        if not request or request.branch != message.branch or \
                request.value("CSeq") != message.value("CSeq"):
            raise Mismatch("it answers nothing that was sent here last")

    def check_credentials(self, message):
        # ACK repeats the credentials of its INVITE (RFC 3261 section 22.1)
        method = "INVITE" if message.method == "ACK" else message.method
        for name in ("Authorization", "Proxy-Authorization"):
            for value in message.values(name):
                if not digest_fits(value, method, self.world.passwords):
                    raise Mismatch("%s is wrong" % name)

    # Other steps.

    def quiet(self, step):
        """Nothing comes for so long."""
        peer = self.peer(step)
        end = time.monotonic() + step.number / 1000
        heard = []
        while not heard and time.monotonic() < end:
            try:
                heard = [peer.inbox.get(timeout=end - time.monotonic())]
            except (queue.Empty, ValueError):
                pass
            heard = [each for each in (*heard, *peer.unread())
                     if each.status != 100]
        if heard:
            raise Mismatch("want silence, got\n" + heard[0].octets.decode())

    def again(self, step):
        """The message that this peer got last comes once more."""
        want = self.matched[step.peer].octets
        end = time.monotonic() + step.number / 1000
        while True:
            try:
                octets = self.peer(step).repeats.get(
                    timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise Mismatch("it did not come again") from None
            if octets == want:
                return

    def resend(self, step):
        """The message that this peer sent last goes out once more."""
        octets, reply = self.last_sent[step.peer]
        reply(octets)

    def drop(self, step):
        """This proxy's connections break."""
        self.peer(step).drop()

    def small(self, step):
        size = len(self.matched[step.peer].octets)
        if size > step.number:
            raise Mismatch("it has %d octets" % size)

    def record(self, step):
        """A member of the newest call's record."""
        end = time.monotonic() + RECEIVE_S
        while True:
            calls = self.world.calls()
            newest = max(calls, key=lambda call: call["start_ms"])
            if str(newest[step.peer]) == step.dialog:
                return
            if time.monotonic() > end:
                raise Mismatch("it has %r" % newest[step.peer])

    def barrier(self):
        """Whatever the bridge still had to say to this case has come before
        it answers one more request on each side."""
        for name, uri in (("pbx", self.known["ann"]),
                          ("branch", self.known["ben"]),
                          ("old", self.known["cid"]),
                          ("teams", "sip:contoso.sbc.example.com:5061")):
            step = casefile.Step("end", "send", name, "barrier",
                                 "OPTIONS %s SIP/2.0" % uri)
            self.send(step)
            call_id = self.dialog(step).call_id
            end = time.monotonic() + BARRIER_S
            while True:
                try:
                    message = self.world.peers[name].answers.get(
                        timeout=max(0, end - time.monotonic()))
                except queue.Empty:
                    raise AssertionError("end: no answer to OPTIONS at %s"
                                         % name) from None
                if message.value("Call-ID") == call_id:
                    break
                if message.status != 100:
                    self.left(name, message)
        for peer in self.world.peers.values():
            for message in peer.unread():
                if message.status != 100:
                    self.left(peer.name, message)
        if self.world.faults:
            raise AssertionError("\n".join(self.world.faults))
        self.lawful()

    def press(self, step):
        """A phone whose call was answered presses a key."""
        if not self.voice:
            self.voice = Voice()
        answer = self.dialog(step).invite_answer
        self.voice.press(step.number, answer.octets.decode())

    def digits(self, step):
        """So many digits have come to Teams since the first was pressed."""
        self.voice.digits(step.number)

    def breaks(self, step):
        """A rule of Teams that this case is known to break; see lawful."""

    def lawful(self):
        """No rule of Teams was broken but those that the case names."""
        known = {step.peer for step in self.steps if step.kind == "breaks"}
        broken = dict(self.world.broken)
        for rule in broken.keys() - known:
            raise AssertionError("it breaks the rule %s:\n%s" % (
                rule, broken[rule]))
        if known - broken.keys():
            raise AssertionError("it does not break %s" % (
                known - broken.keys()))

    def left(self, name, message):
        raise AssertionError("%s got what the case does not tell of:\n%s\n%s"
                             % (name, message.octets.decode(),
                                "\n".join(self.ladder)))


def play(world, path):
    """Play a case file; raises AssertionError where it goes wrong."""
    Player(world, casefile.read(path)).play()


def name_of(path):
    """A file's name as the name of a test."""
    return "test_" + re.sub(r"\W", "_", path.stem)
