"""Registers elsewhere."""

import socket

from message import Message
from zoo import DOMAIN, Script


class Redirects(Script):
    """302: the address it names is told, credentials are not sent there."""

    def register(self, message):
        self.reply(message, "302 Moved Temporarily",
                   [("Contact", "<sip:registrar.elsewhere.example:5070>")])

    def check(self, test):
        row = self.failing()
        test.assertEqual(row["reason"], "Moved")
        test.assertIn("registrar.elsewhere.example:5070", row["advice"])
        test.assertEqual(row["next_s"], 0)


class Moved(Script):
    """302 to another port of the PBX is followed, once in an attempt."""

    line = "302 Moved Temporarily"

    def open(self):
        super().open()
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.other.bind((self.host, 5070))
        self.readers.datagrams(self.other, self.datagram_other)

    def datagram_other(self, octets, source):
        if octets.strip():
            message = Message(octets, lambda data:
                              self.other.sendto(data, source))
            message.other = True
            self.arrived(message)

    def register(self, message):
        if getattr(message, "other", False):
            super().register(message)
        else:
            self.reply(message, self.line, [
                ("Contact", "<sip:nowhere.example>, <sip:%s:5070>"
                 % self.host)])

    uri = "sip:HOST:5070"

    def check(self, test):
        self.registered()
        first, asked, proven = self.wait_seen(3)[:3]
        test.assertFalse(getattr(first, "other", False))
        for message in (asked, proven):
            test.assertTrue(message.other)
            test.assertEqual(message.uri, self.uri.replace(
                "HOST", self.host))


class Proxied(Moved):
    """305: the same, but the request is for the domain."""

    line = "305 Use Proxy"

    uri = "sip:" + DOMAIN


class Circles(Script):
    """302 to itself, for ever: given up after one."""

    def register(self, message):
        self.reply(message, "302 Moved Temporarily",
                   [("Contact", "<sip:%s:5060>" % self.host)])

    def check(self, test):
        test.assertEqual(self.failing()["reason"], "Moved")
        test.assertEqual(len(self.seen), 2)


class Listed(Script):
    """Another host, which the customer lists: its name does not resolve."""

    fields = {"registration": "{redirect_to: [elsewhere.example]}"}

    def register(self, message):
        self.reply(message, "301 Moved Permanently",
                   [("Contact", "<sip:registrar.elsewhere.example>")])

    def check(self, test):
        row = self.failing()
        test.assertEqual(row["reason"], "Unable to resolve URI")
