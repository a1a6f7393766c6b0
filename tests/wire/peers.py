"""The bridge's peers as scripts: PBXs over UDP that register whoever has the
right password, and the proxies of Teams over mutual TLS.

Each peer has a queue of what came to it. REGISTER and OPTIONS are answered
here, unless the case waits for them itself.
"""

import hashlib
import queue
import re
import select
import socket
import ssl
import threading

from lab import plan
from lab.sockets import Readers

from judge import Judge
from message import Malformed, Message, address, answer

BRIDGE_PBX = "127.0.81.1"
BRIDGE_TEAMS = "127.0.81.2"
PBXS = {"pbx": "127.0.81.10", "branch": "127.0.81.11",
        "old": "127.0.81.12", "guard": "127.0.81.13",
        "fwd": "127.0.81.14", "voice": "127.0.81.15",
        "stranger": "127.0.81.99"}
PROXIES = {"teams": "127.0.81.61", "teams2": "127.0.81.62",
           "teams3": "127.0.81.63", "edge": "127.0.81.64"}
EDGE_NAME = "sip-du-a-eu.pstnhub.microsoft.com"
REALM = "pbx.contoso.example"
# What a registrar gives its phones as the way to it (RFC 3608).
SERVICE_ROUTES = {"branch": [
    ("Service-Route", "<sip:edge.branch.example;lr>, <sip:a@core.example;lr>"),
    ("Service-Route", "<sip:b@core.example:5070;lr;x=1>")]}
ALGORITHMS = {"md5": hashlib.md5, "sha-256": hashlib.sha256}


def digest_fields(value):
    """The parameters of a Digest challenge or credential."""
    return {name.lower(): quoted if quoted else bare for name, quoted, bare in
            re.findall(r"([\w-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,]+))",
                       value.partition(" ")[2])}


def digest_fits(value, method, passwords):
    """Is a credential right (RFC 8760)? With qop, as it has to be."""
    f = digest_fields(value)

    def h(*words):
        algorithm = ALGORITHMS[f.get("algorithm", "MD5").lower()]
        return algorithm(":".join(words).encode()).hexdigest()
    password = passwords.get(f.get("username"))
    if password is None or f.get("qop") != "auth":
        return False
    return f.get("response") == h(
        h(f["username"], f["realm"], password), f["nonce"], f["nc"],
        f["cnonce"], "auth", h(method, f["uri"]))


class Peer:
    """Somebody who can be spoken to, with what he was told."""

    def __init__(self, name, host, world):
        self.name = name
        self.host = host
        self.world = world
        self.inbox = self.answers = queue.Queue()
        self.repeats = queue.Queue()
        self.readers = Readers()

    def arrived(self, octets, reply):
        """A message has come: answer what goes by itself, keep the rest."""
        if not octets.strip():
            return
        try:
            message = Message(octets, reply)
        except (Malformed, UnicodeDecodeError) as error:
            self.world.faults.append("%s got nonsense (%s): %r"
                                     % (self.name, error, octets[:300]))
            return
        if not self.world.serve(self, message):
            (self.inbox if message.status is None else self.answers).put(
                message)

    def unread(self):
        """Take whatever has come and nobody waited for."""
        for box in (self.inbox, self.answers):
            while not box.empty():
                yield box.get()


class Pbx(Peer):
    """A PBX, or a stranger: one UDP socket."""

    transport = "UDP"

    def __init__(self, name, host, world):
        super().__init__(name, host, world)
        self.seen = set()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 5060))
        self.readers.datagrams(self.sock, self.datagram)

    def datagram(self, octets, source):
        if octets in self.seen:
            self.repeats.put(octets)
            return
        if octets.strip():
            self.seen.add(octets)
        self.arrived(octets, lambda data: self.sock.sendto(data, source))

    def send(self, octets):
        self.sock.sendto(octets, (BRIDGE_PBX, 5060))

    def via(self, branch):
        return "SIP/2.0/UDP %s:5060;branch=%s;rport" % (self.host, branch)

    def close(self):
        self.readers.close()


class Connection:
    """One TLS connection. OpenSSL wants one thread at a time."""

    def __init__(self, sock, peer):
        self.sock = sock
        self.peer = peer
        self.lock = threading.Lock()
        self.open = True
        sock.setblocking(False)
        self.readers = Readers()
        self.readers.start(sock, self.read)

    def read(self):
        data = b""
        while self.open:
            try:
                if not self.sock.pending():
                    select.select([self.sock], [], [])
                with self.lock:
                    got = self.sock.recv(65536)
            except ssl.SSLWantReadError:
                continue
            except (OSError, ValueError):
                break
            if not got:
                break
            data = self.split(data + got)
        self.open = False

    def split(self, data):
        """Hand over the whole messages in `data`; what is left."""
        while True:
            data = data.lstrip(b"\r\n")
            head, gap, rest = data.partition(b"\r\n\r\n")
            if not gap:
                return data
            length = re.search(rb"\r\nContent-Length:\s*(\d+)", head, re.I)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return data
            self.peer.arrived(head + gap + rest[:size], self.send)
            data = rest[size:]

    def send(self, octets):
        while octets:
            try:
                with self.lock:
                    sent = self.sock.send(octets)
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([], [self.sock], [], 1)
                continue
            octets = octets[sent:]

    def close(self):
        self.open = False
        self.readers.close()


class Proxy(Peer):
    """One address of Teams: listens, and connects to the bridge."""

    transport = "TLS"

    def __init__(self, name, host, world):
        super().__init__(name, host, world)
        # these come over different connections, in no order
        self.answers = queue.Queue()
        self.own = None
        self.all = []
        self.listener = socket.create_server((host, plan.TEAMS_PORT))
        self.readers.connections(self.listener, self.accepted)

    def accepted(self, sock, _):
        try:
            sock = self.world.server.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError) as error:
            self.world.faults.append("%s: handshake: %s" % (self.name, error))
            return
        self.all.append(Connection(sock, self))

    def arrived(self, octets, reply):
        """A message has come: Teams has rules for it."""
        if octets.strip():
            for rule in self.world.judge.broken(octets):
                self.world.broken.append((rule, octets.decode()))
        super().arrived(octets, reply)

    def send(self, octets):
        """Over a connection of our own, as Teams does."""
        if not self.own or not self.own.open:
            sock = socket.create_connection((BRIDGE_TEAMS, plan.TEAMS_PORT),
                                            5, (self.host, 0))
            sock = self.world.client.wrap_socket(
                sock, server_hostname=plan.TENANT_FQDN)
            self.own = Connection(sock, self)
            self.all.append(self.own)
        self.own.send(octets)

    def via(self, branch):
        return "SIP/2.0/TLS %s:%d;branch=%s" % (self.host, plan.TEAMS_PORT,
                                                branch)

    def drop(self):
        """End all connections."""
        for connection in self.all:
            connection.close()
        self.all.clear()

    def close(self):
        self.readers.close()
        self.drop()


class World:
    """All peers, and what they do by themselves."""

    def __init__(self, tls, passwords):
        self.passwords = passwords      # by SIP username
        self.calls = None               # tells the records of calls
        self.contacts = {}              # by SIP username, as registered
        self.pinged = set()             # peers that had OPTIONS
        self.manual = set()             # (peer, method) left to the case
        self.faults = []
        self.judge = Judge()
        self.broken = []                # rules of Teams, with the message
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.verify_mode = ssl.CERT_REQUIRED
        self.server.load_verify_locations(tls / "sbc-root.pem")
        self.server.load_cert_chain(tls / "teams-all.pem")
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.load_verify_locations(tls / "sbc-root.pem")
        self.client.load_cert_chain(tls / "teams-all.pem")
        self.peers = {name: Pbx(name, host, self)
                      for name, host in PBXS.items()}
        self.peers.update({name: Proxy(name, host, self)
                           for name, host in PROXIES.items()})

    def serve(self, peer, message):
        """Answer what needs no script; false if it is for the case."""
        if message.status is not None or \
                (peer.name, message.method) in self.manual:
            return False
        if message.method == "OPTIONS":
            self.pinged.add(peer.name)
            message.reply(answer(message, "SIP/2.0 200 OK"))
            return True
        if message.method == "REGISTER":
            self.register(peer, message)
            return True
        return False

    def register(self, peer, message):
        credential = message.value("Authorization")
        if not digest_fits(credential, "REGISTER", self.passwords):
            message.reply(answer(message, "SIP/2.0 401 Unauthorized", [
                ("WWW-Authenticate", 'Digest realm="%s", nonce="r%d", '
                 'algorithm=MD5, qop="auth"' % (REALM, message.cseq))]))
            return
        contact = message.value("Contact")
        user = re.match(r"sip:([^@]+)@", address(message.value("To")))[1]
        self.contacts[user] = address(contact)
        message.reply(answer(message, "SIP/2.0 200 OK", [
            ("Contact", contact.split(";expires")[0] + ";expires=3600"),
            ("Expires", "3600"), *SERVICE_ROUTES.get(peer.name, ())]))

    def close(self):
        for peer in self.peers.values():
            peer.close()
        self.judge.close()
