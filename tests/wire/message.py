"""SIP messages as octets: taken apart, looked at, put together."""

import re

# RFC 3261 section 7.3.3 and the registry that grew from it.
COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id",
           "m": "contact", "l": "content-length", "c": "content-type",
           "e": "content-encoding", "s": "subject", "k": "supported",
           "r": "refer-to", "b": "referred-by", "x": "session-expires",
           "o": "event", "u": "allow-events"}
ONCE = ("from", "to", "call-id", "cseq", "content-length")


def plain_name(name):
    """A header's name as names are compared."""
    name = name.strip().lower()
    return COMPACT.get(name, name)


def squeeze(text):
    """A header's value without folds and with single blanks."""
    return re.sub(r"\s+", " ", text).strip()


class Malformed(Exception):
    """What came is no SIP message."""


class Message:
    """One message: start line, headers in order, body; and whence it came."""

    def __init__(self, octets, reply=None):
        self.octets = octets
        self.reply = reply      # sends octets back the way this one came
        head, gap, body = octets.partition(b"\r\n\r\n")
        if not gap:
            raise Malformed("no empty line after the headers")
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode()).split("\r\n")
        self.start = lines[0]
        self.headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise Malformed("no header: " + line)
            self.headers.append((plain_name(name), squeeze(value)))
        self.body = body.decode()

    def values(self, name):
        name = plain_name(name)
        return [value for key, value in self.headers if key == name]

    def value(self, name):
        """The first value of a header; '' if there is none."""
        return next(iter(self.values(name)), "")

    @property
    def status(self):
        """Status code of a response; None for a request."""
        words = self.start.split(" ")
        return int(words[1]) if words[0] == "SIP/2.0" else None

    @property
    def method(self):
        """Method, of a response the one it answers."""
        return self.value("CSeq").split(" ")[-1]

    @property
    def cseq(self):
        return int(self.value("CSeq").split(" ")[0])

    @property
    def uri(self):
        return self.start.split(" ")[1]

    @property
    def branch(self):
        return param(self.value("Via"), "branch")

    def check(self):
        """Raise Malformed if it breaks what every message has to be."""
        for name in ONCE:
            if len(self.values(name)) != 1:
                raise Malformed("%d times %s" % (len(self.values(name)),
                                                 name))
        if int(self.value("Content-Length")) != len(self.body.encode()):
            raise Malformed("Content-Length %s, but %d octets of body"
                            % (self.value("Content-Length"),
                               len(self.body.encode())))
        if not self.branch.startswith("z9hG4bK"):
            raise Malformed("Via without a branch")
        if not param(self.value("From"), "tag"):
            raise Malformed("From without a tag")
        if self.status is None:
            if self.start.split(" ")[0] != self.method:
                raise Malformed("CSeq names another method")
            if not self.value("Max-Forwards").isdigit():
                raise Malformed("no Max-Forwards")
        elif self.status != 100 and not param(self.value("To"), "tag"):
            raise Malformed("To of a response without a tag")


def param(value, name):
    """A parameter of a header's value; '' if it is not there."""
    found = re.search(r";\s*%s\s*=\s*\"?([^;,\s\"]+)" % name,
                      value.rpartition(">")[2], re.I)
    return found.group(1) if found else ""


def address(value):
    """The URI of a name-addr or addr-spec."""
    found = re.search(r"<([^>]*)>", value)
    return found.group(1) if found else value.split(";")[0].strip()


def encode(start, headers, body=b""):
    """Octets of a message; `headers` are pairs of name and value."""
    lines = [start] + ["%s: %s" % pair for pair in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer(request, start, more=()):
    """Octets of a response that needs nothing but what the request says."""
    headers = [("Via", via) for via in request.values("Via")]
    to = request.value("To")
    if not param(to, "tag"):
        to += ";tag=wire"
    headers += [("From", request.value("From")), ("To", to),
                ("Call-ID", request.value("Call-ID")),
                ("CSeq", request.value("CSeq")), *more,
                ("Content-Length", 0)]
    return encode(start, headers)
