"""What all scripted PBXs have in common: a UDP socket, a digest challenge, a
200 with what was asked for. Each file beside this one changes a little."""

import itertools
import re
import socket
import time

from lab import plan
from lab.bridge import Pbx, User
from lab.process import wait_for
from lab.sockets import Readers

from message import Message, address, answer
from peers import digest_fits

BRIDGE = "127.0.82.1"
DOMAIN = plan.PBX_NAME


class Script:
    """A PBX as it comes out of the book. A subclass is one that does not."""

    fields = {}                 # settings of the PBX that differ
    passwords = {}              # user -> what the customer file has wrong
    users = 1
    status = 401                # of the challenge
    grant_s = 600
    protocol = "udp"

    def __init__(self, number):
        self.number = number
        self.host = "127.0.82.%d" % (10 + number)
        self.name = "p%d" % number
        self.seen = []          # REGISTERs, without repetitions
        self.branches = set()
        self.nonces = map(str, itertools.count(1))
        self.people = [User(3000 + 10 * number + i, pbx=self.name,
                            number="+4420794%05d" % (3000 + 10 * number + i),
                            sip_password=self.passwords.get(i))
                       for i in range(self.users)]
        self.right = {str(user.extension): plan.secret(user.extension)
                      for user in self.people}
        self.bridge = None      # set by the test
        self.readers = Readers()

    # the customer's side

    def pbx(self):
        return Pbx(self.name, sip_domain=DOMAIN, sip_proxy=self.proxy(),
                   protocol=self.protocol, **self.fields)

    def proxy(self):
        return self.host + ":5060"

    # the PBX's side

    def open(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((self.host, 5060))
        self.readers.datagrams(self.sock, self.datagram)

    def close(self):
        self.readers.close()

    def datagram(self, octets, source):
        if octets.strip():
            self.arrived(Message(octets, lambda data:
                                 self.sock.sendto(data, source)))

    def arrived(self, message):
        message.at = time.monotonic()
        if message.method != "REGISTER":
            if message.status is None:
                self.reply(message, "200 OK")
            return
        message.check()
        message.repeated = message.branch in self.branches
        self.branches.add(message.branch)
        if not message.repeated:
            self.seen.append(message)
        self.register(message)

    def register(self, message):
        """Answer a REGISTER; the repeated ones too."""
        if self.proven(message):
            self.accept(message)
        else:
            self.challenge(message)

    def credential(self, message):
        return message.value("Authorization" if self.status == 401
                             else "Proxy-Authorization")

    def proven(self, message):
        return digest_fits(self.credential(message), "REGISTER", self.right)

    def challenge(self, message, more=""):
        header, words = (("WWW-Authenticate", "Unauthorized")
                         if self.status == 401 else
                         ("Proxy-Authenticate",
                          "Proxy Authentication Required"))
        self.reply(message, "%d %s" % (self.status, words), [
            (header, 'Digest realm="zoo", nonce="%s", algorithm=MD5, '
             'qop="auth"%s' % (self.nonce(message), more))])

    def nonce(self, message):
        """The same to a repetition as to its first."""
        if not message.repeated:
            self.last = "n" + next(self.nonces)
        return self.last

    def accept(self, message):
        self.reply(message, "200 OK", self.granted(message))

    def granted(self, message):
        """Headers of a 200."""
        if message.value("Expires") == "0":
            return []
        return [("Contact", "%s;expires=%d" % (message.value("Contact"),
                                               self.grant_s))]

    def reply(self, message, line, more=()):
        message.reply(answer(message, "SIP/2.0 " + line,
                             [("Server", "Zoo"), *more]))

    # what was seen

    def row(self, i=0):
        return self.bridge.status().get(self.people[i].upn, {})

    def wait_row(self, fits, deadline_s=30, i=0):
        """Wait until a user's status fits; the status."""
        return wait_for(lambda: fits(self.row(i)) and self.row(i), deadline_s,
                        lambda: "%s: %s" % (type(self).__doc__, self.row(i)),
                        0.2)

    def registered(self, i=0):
        return self.wait_row(lambda row: row.get("state") == "registered",
                             i=i)

    def failing(self, deadline_s=30, i=0):
        return self.wait_row(lambda row: row.get("state") == "failing",
                             deadline_s, i)

    def wait_seen(self, count, deadline_s=25):
        """Wait for so many REGISTERs."""
        wait_for(lambda: len(self.seen) >= count, deadline_s,
                 lambda: "%d REGISTERs, had %s" % (
                     count, [m.octets for m in self.seen]))
        return self.seen

    def check(self, test):
        """What a phone has to make of it; `test` asserts."""
        row = self.registered()
        test.assertEqual(row["flaps"], 0)


def contact_of(message):
    return address(message.value("Contact"))


def fold(octets):
    """Lower-case names, and a fold before every parameter."""
    head, gap, body = octets.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    lines[1:] = [re.sub(r"^[\w-]+", lambda name: name[0].lower(), line)
                 .replace(", ", ",\r\n\t").replace("; ", ";\r\n ")
                 for line in lines[1:]]
    return "\r\n".join(lines).encode() + gap + body
