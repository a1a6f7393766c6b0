"""The cases' own rules: what a pattern takes and what it does not."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1] / "tools/lib"))

import casefile                                                 # noqa: E402
from message import Malformed, Message                          # noqa: E402
from peers import digest_fits                                   # noqa: E402

BYE = (b"BYE sip:ann@192.0.2.1 SIP/2.0\r\n"
       b"v: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n"
       b"f: <sip:bob@192.0.2.2>;tag=b\r\n"
       b"To: <sip:ann@192.0.2.1>;tag=a\r\n"
       b"i: 1\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\n"
       b"Reason: Q.850\r\n ;cause=16\r\nReason: SIP;cause=200\r\n"
       b"l: 0\r\n\r\n")


class CaseFileTest(unittest.TestCase):
    """Patterns and messages."""

    def step(self, *lines):
        """A step that waits for a message."""
        step = casefile.step_of("here", "pbx< " + lines[0])
        for line in lines[1:]:
            if line.startswith("!"):
                step.absent.append(line[1:])
            else:
                name, _, value = line.partition(": ")
                step.headers.append((name, value))
        return step

    def fits(self, *lines, **known):
        casefile.compare(self.step(*lines), Message(BYE), known)
        return known

    def differs(self, *lines, **known):
        with self.assertRaises(casefile.Mismatch):
            self.fits(*lines, **known)

    def test_start_line(self):
        self.fits("BYE")
        self.fits("BYE sip:ann@192.0.2.1 SIP/2.0")
        self.differs("CANCEL")
        self.differs("BYE sip:bob@192.0.2.1 SIP/2.0")

    def test_headers(self):
        self.fits("BYE", "Call-ID: 1", "From: {*};tag=b")
        self.fits("BYE", "Reason: Q.850 ;cause=16", "Reason: SIP;cause=200")
        self.differs("BYE", "Reason: SIP;cause=200")
        self.differs("BYE", "Subject: {*}")
        self.fits("BYE", "!Subject")
        self.differs("BYE", "!from")

    def test_captures(self):
        self.assertEqual({"tag": "b"}, self.fits("BYE", "From: {*};tag={tag}"))
        self.fits("BYE", "From: {*};tag={tag}", tag="b")
        self.differs("BYE", "From: {*};tag={tag}", tag="a")
        self.differs("BYE", "From: {*};tag={tag}", "To: {*};tag={tag}")

    def test_body(self):
        body = ["v=0", "m=audio 4000 RTP/AVP 8", "a=sendrecv"]

        def wrong(*patterns):
            return casefile.match_body(list(patterns), body, {})
        self.assertIsNone(wrong(*body))
        self.assertIsNone(wrong("v=0", "..."))
        self.assertIsNone(wrong("...", "m=audio {port} {*}", "..."))
        self.assertIsNone(wrong("...", "!a=crypto"))
        self.assertEqual("(end of body)", wrong("v=0"))
        self.assertEqual("a=sendonly", wrong("...", "a=sendonly"))
        self.assertEqual("v=0", wrong("...", "m=audio {*}", "...", "v=0"))
        self.assertEqual("!a=send", wrong("...", "!a=send"))

    def test_fill(self):
        self.assertEqual("a xxx b", casefile.fill("{n} {x*3} b", {"n": "a"}))
        with self.assertRaises(casefile.Bad):
            casefile.fill("{n}", {})

    def test_form_of_messages(self):
        Message(BYE).check()
        for old, new in ((b"l: 0", b"l: 1"), (b"i: 1\r\n", b""),
                         (b"i: 1", b"i: 1\r\nCall-ID: 2"),
                         (b"2 BYE", b"2 ACK"), (b";tag=b", b""),
                         (b"z9hG4bK", b""), (b"Max-Forwards: 70\r\n", b"")):
            with self.assertRaises(Malformed, msg=new):
                Message(BYE.replace(old, new)).check()

    def test_digest(self):
        # RFC 7616 section 3.9.1
        good = ('Digest username="Mufasa", realm="http-auth@example.org", '
                'uri="/dir/index.html", algorithm=MD5, nonce="7ypf/xlj9XXwfDPE'
                'oM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74'
                'E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
                'response="8ca523f5e9506fed4657c9700eebdbec"')
        passwords = {"Mufasa": "Circle of Life"}
        self.assertTrue(digest_fits(good, "GET", passwords))
        self.assertFalse(digest_fits(good, "PUT", passwords))
        self.assertFalse(digest_fits(good, "GET", {"Mufasa": "Circle"}))
        self.assertFalse(digest_fits(good.replace("qop=auth,", ""), "GET",
                                     passwords))
        self.assertFalse(digest_fits("", "GET", passwords))
