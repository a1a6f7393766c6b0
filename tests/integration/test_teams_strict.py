"""A wrong SBC breaks each rule of teams-sim once; and only that one."""

import json
import re
import socket
import ssl
import subprocess
import unittest

import test_teams_sim as base
from test_teams_sim import (ALLOW, CALLER, CONTACT, FQDN, PROXIES, PROXY,
                            USER, Dialog, eventually)

README = base.ROOT / "tools/teams-sim/README.md"
KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk"
SDP = ("v=0\r\no=- 1 1 IN IP4 127.0.61.41\r\ns=-\r\nc=IN IP4 127.0.61.41\r\n"
       "t=0 0\r\nm=audio 40000 RTP/SAVP 8 101\r\n"
       "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
       "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%s|2^31\r\n"
       "a=sendrecv\r\n" % KEY)
MINE = "<sip:%s@%s;user=phone>;tag=a1" % (CALLER, FQDN)
YOURS = "<sip:%s@%s;user=phone>" % (USER, PROXY)
AGREED = "SIP/2.0 200 OK"


def write(start, method, more="", body="", to=YOURS, ctype="application/sdp"):
    """A message that breaks nothing."""
    if body:
        more += "Content-Type: %s\r\n" % ctype
    return ("%s\r\nVia: SIP/2.0/TLS %s:5061;branch=z9hG4bK1\r\n"
            "Max-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: c@%s\r\n"
            "CSeq: 1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (
                start, FQDN, MINE, to, FQDN, method, more, len(body), body))


def request(method, more="", body="", **rest):
    return write("%s sip:%s@%s:5061;user=phone;transport=tls SIP/2.0" % (
        method, USER, PROXY), method, more, body, **rest)


OURS = "Contact: %s\r\n%s" % (CONTACT, ALLOW)
TAGGED = YOURS + ";tag=b"
GOOD = {
    "OPTIONS": request("OPTIONS", OURS),
    "INVITE": request("INVITE", OURS + "Session-Expires: 1800\r\n"
                      "Min-SE: 300\r\n", SDP),
    "ACK": request("ACK", to=TAGGED),
    "BYE": request("BYE", to=TAGGED),
    "NOTIFY": request("NOTIFY", OURS + "Event: refer\r\n",
                      "SIP/2.0 100 Trying\r\n", to=TAGGED,
                      ctype="message/sipfrag"),
    "180": write("SIP/2.0 180 Ringing", "INVITE", OURS, to=TAGGED),
    "200": write(AGREED, "INVITE", OURS + "Session-Expires: 1800"
                 ";refresher=uac\r\n", SDP, to=TAGGED),
    "202": write("SIP/2.0 202 Accepted", "REFER", OURS, to=TAGGED),
}

# The rule, the good message, what is replaced in it by what. Removing a line
# or writing another one makes the message longer or shorter; only bodies
# are counted.
WRONG = (
    ("sips", "INVITE", "sip:+4930555010@sip.", "sips:+4930555010@sip."),
    ("cseq-method", "BYE", "CSeq: 1 BYE", "CSeq: 1 INVITE"),
    ("method", "BYE", "BYE", "UPDATE"),
    ("contact-missing", "OPTIONS", "Contact: %s\r\n" % CONTACT, ""),
    ("contact-missing", "INVITE", "Contact: %s\r\n" % CONTACT, ""),
    ("contact-missing", "200", "Contact: %s\r\n" % CONTACT, ""),
    ("contact-missing", "202", "Contact: %s\r\n" % CONTACT, ""),
    ("contact-address", "INVITE", "@%s:5061;transport=tls>" % FQDN,
     "@192.0.2.1:5061;transport=tls>"),
    ("contact-user", "OPTIONS", "Contact: <sip:%s@" % CALLER,
     "Contact: <sip:@"),
    ("contact-transport", "200", ":5061;transport=tls>", ":5061>"),
    ("contact-several", "180", ALLOW, ALLOW + "Contact: %s\r\n" % CONTACT),
    ("record-route", "INVITE", ALLOW,
     ALLOW + "Record-Route: <sip:%s;lr>\r\n" % FQDN),
    ("from-host", "INVITE", "From: <sip:%s@%s" % (CALLER, FQDN),
     "From: <sip:%s@192.0.2.1" % CALLER),
    ("from-plus", "INVITE", "From: <sip:+49", "From: <sip:49"),
    ("user-phone", "INVITE", ":5061;user=phone;tr", ":5061;tr"),
    ("via-host", "BYE", "TLS " + FQDN, "TLS 192.0.2.1"),
    ("max-forwards", "BYE", "Max-Forwards: 70\r\n", ""),
    ("to-tag", "180", ";tag=b", ""),
    ("require", "INVITE", ALLOW, ALLOW + "Require: 100rel\r\n"),
    ("reliable", "180", ALLOW, ALLOW + "Require: 100rel\r\nRSeq: 1\r\n"),
    ("replaces", "INVITE", ALLOW,
     ALLOW + "Replaces: a;to-tag=b;from-tag=c\r\n"),
    ("ack-body", "ACK", "Content-Length: 0\r\n\r\n",
     "Content-Length: 4\r\n\r\nv=0\n"),
    ("allow-missing", "INVITE", ALLOW, ""),
    ("allow-missing", "180", ALLOW, ""),
    ("allow-missing", "200", ALLOW, ""),
    ("session-interval", "INVITE", "Session-Expires: 1800",
     "Session-Expires: 200"),
    ("session-refresher", "200", ";refresher=uac", ""),
    ("refer-allow", "INVITE", "OPTIONS, NOTIFY", "OPTIONS, REFER"),
    ("content-type", "INVITE", "application/sdp", "application/pidf+xml"),
    ("content-type", "200", "application/sdp", "text/plain"),
    ("sdp-offer", "INVITE", "RTP/SAVP", "RTP/AVP"),
    ("sdp-offer", "INVITE", "c=IN IP4 127.0.61.41", "c=IN IP4 0.0.0.0"),
    ("sdp-offer", "INVITE", "v=0\r\n", ""),
    ("sdp-answer", "200", "SHA1_80", "SHA1_32"),
    ("sdp-media", "INVITE", "a=sendrecv\r\n",
     "a=sendrecv\r\nm=video 40002 RTP/SAVP 34\r\n"),
    ("sdp-ptime", "INVITE", "a=ptime:20", "a=ptime:30"),
    ("sdp-dtls", "200", "a=ptime:20\r\n",
     "a=ptime:20\r\na=fingerprint:sha-256 AA:BB\r\n"),
)


def counted(text):
    """The text with the length its body has."""
    head, _, body = text.partition("\r\n\r\n")
    return re.sub(r"Content-Length: \d+", "Content-Length: %d" % len(body),
                  head) + "\r\n\r\n" + body


def judge(texts):
    run = subprocess.run([base.PROGRAM, "--judge"], timeout=20,
                         input="".join(texts), capture_output=True, text=True)
    if run.returncode or run.stderr:
        raise AssertionError("%d: %s" % (run.returncode, run.stderr))
    return [json.loads(line) for line in run.stdout.splitlines()]


class Messages(unittest.TestCase):
    def test_good_messages_break_nothing(self):
        for name, broken in zip(GOOD, judge(GOOD.values())):
            self.assertEqual(broken, [], name)

    def test_each_wrong_message_breaks_its_rule_and_no_other(self):
        texts = []
        for rule, name, old, new in WRONG:
            text = counted(GOOD[name].replace(old, new))
            self.assertNotEqual(text, GOOD[name], rule)
            texts.append(text)
        for row, broken in zip(WRONG, judge(texts), strict=True):
            self.assertEqual(broken, [row[0]], row)

    def test_half_a_message_is_an_error(self):
        run = subprocess.run([base.PROGRAM, "--judge"], timeout=20,
                             input="BYE sip:x SIP/2.0\r\n", text=True,
                             capture_output=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("want whole SIP messages", run.stderr)

    def test_the_readme_has_the_table_and_tests_break_every_rule(self):
        run = subprocess.run([base.PROGRAM, "--rules"], capture_output=True,
                             text=True, timeout=20)
        rules = re.findall(r"^(\S+) +(\d+)  (.*)$", run.stdout, re.M)
        rows = re.findall(r"^\| `(\S+)` \| (\d+), .*? \| (.*) \|$",
                          README.read_text(), re.M)
        self.assertEqual(rules, rows)
        tests = "".join(path.read_text() for path in (
            base.Path(__file__), base.Path(base.__file__)))
        for rule, _, _ in rules:
            self.assertIn('"%s"' % rule, tests)


class WrongSbc(base.SimTest):
    def broken(self, *rules):
        eventually(lambda: set(rules) <= set(self.violations()))
        self.assertEqual(set(self.violations()), set(rules))


class Dialogs(WrongSbc):
    """Rules that a dialog, a connection or a clock shows."""

    def established(self, **sdp):
        self.sign_in(answer="auto", ring_ms=0)
        conn, phone = self.up(), self.phone()
        dialog = Dialog(conn)
        dialog.send("INVITE", phone.sdp(**sdp), ALLOW)
        ok = self.sbc.wait(200)
        return dialog, phone, ok

    def test_key_that_is_no_rsa(self):
        self.pki.openssl("ecparam", "-name", "prime256v1", "-genkey",
                         "-noout", "-out", "ec.key")
        self.pki.openssl("req", "-new", "-key", "ec.key", "-subj",
                         "/CN=" + FQDN, "-out", "ec.csr")
        (self.folder / "ext").write_text(
            "subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth,clientAuth\n"
            % FQDN)
        self.pki.openssl("x509", "-req", "-in", "ec.csr", "-CA",
                         "sbc-root.pem", "-CAkey", "sbc-root.key",
                         "-CAcreateserial", "-days", "20", "-extfile", "ext",
                         "-out", "ec.pem")
        try:
            self.options(self.sbc.connect(name="ec"), deadline_s=5)
        except (OSError, AssertionError):
            pass                # the four suites know RSA alone
        eventually(lambda: {"tls-key", "tls-client"} &
                   set(self.violations()))

    def test_without_server_name(self):
        ctx = self.pki.context(ssl.PROTOCOL_TLS_CLIENT, "sbc")
        ctx.check_hostname = False
        sock = ctx.wrap_socket(socket.create_connection((PROXIES[0], 5061)))
        self.addCleanup(sock.close)
        self.broken("sni")

    def test_handshake_that_never_ends(self):
        self.control("set", handshake_ms=200)
        sock = socket.create_connection((PROXIES[0], 5061))
        self.addCleanup(sock.close)
        self.broken("tls-timeout")

    def test_message_without_length(self):
        self.sbc.connect().send("BYE sip:x SIP/2.0\r\n\r\n")
        self.broken("framing")

    def test_message_without_what_it_needs(self):
        self.sbc.connect().send("BYE sip:x SIP/2.0\r\n"
                                "Content-Length: 0\r\n\r\n")
        self.broken("malformed")

    def test_number_without_plus(self):
        conn = self.up()
        dialog = Dialog(conn)
        dialog.target = dialog.target.replace("+", "")
        dialog.send("INVITE", self.phone().sdp(), ALLOW)
        self.assertEqual(self.sbc.final().code, 404)
        self.broken("ruri-plus")

    def test_invite_twice_and_cancel_of_nothing(self):
        self.sign_in()
        dialog, phone = Dialog(self.up()), self.phone()
        dialog.send("INVITE", phone.sdp(), ALLOW)
        self.sbc.wait(180)
        dialog.send("INVITE", phone.sdp(), ALLOW)
        self.assertEqual(self.sbc.final().code, 500)
        dialog.branch = "z9hG4bKnone"
        dialog.send("CANCEL", contact=None)
        self.assertEqual(self.sbc.final().code, 481)
        self.broken("duplicate", "cancel-unknown")

    def test_ack_that_never_comes(self):
        self.control("set", ack_guard_ms=200)
        self.established()
        self.sbc.wait("BYE")
        self.broken("ack-missing")

    def test_ack_of_another_invite(self):
        dialog, _, ok = self.established()
        dialog.remote = ok["To"]
        dialog.learn(ok)
        dialog.send("ACK", contact=None, cseq=9)
        self.broken("ack-cseq")

    def test_cseq_that_stays(self):
        dialog, _, ok = self.established()
        dialog.answered(ok)
        dialog.cseq = 0
        dialog.send("BYE", contact=None)
        self.assertEqual(self.sbc.final().code, 500)
        self.broken("cseq-order")

    def test_another_request_uri_and_no_route(self):
        dialog, _, ok = self.established()
        dialog.answered(ok)
        target, dialog.target = dialog.target, dialog.target.split(";")[0]
        dialog.send("BYE", contact=None)
        self.assertEqual(self.sbc.final().code, 481)
        dialog.target, dialog.route = target, ""
        dialog.send("BYE", contact=None)
        self.assertEqual(self.sbc.final().code, 481)
        self.broken("ruri-contact", "route-missing")

    def test_hold_by_sendonly(self):
        dialog, phone, ok = self.established()
        dialog.answered(ok)
        dialog.send("INVITE", phone.sdp("sendonly"), ALLOW)
        dialog.answered(self.sbc.wait(200))
        self.broken("hold-direction")

    def test_hold_with_another_key(self):
        dialog, phone, ok = self.established()
        dialog.answered(ok)
        phone.rekey()
        dialog.send("INVITE", phone.sdp("inactive"), ALLOW)
        dialog.answered(self.sbc.wait(200))
        self.broken("hold-key")

    def test_description_that_changes_but_not_its_version(self):
        dialog, phone, ok = self.established()
        dialog.answered(ok)
        sdp = phone.sdp("inactive").replace("o=- 1 2", "o=- 1 1")
        dialog.send("INVITE", sdp, ALLOW)
        dialog.answered(self.sbc.wait(200))
        self.broken("sdp-origin")

    def test_session_that_changes_its_name(self):
        dialog, phone, ok = self.established()
        dialog.answered(ok)
        sdp = phone.sdp("inactive").replace("o=- 1 2", "o=- 2 2")
        dialog.send("INVITE", sdp, ALLOW)
        dialog.answered(self.sbc.wait(200))
        self.broken("sdp-origin")

    # Calls of Teams.

    def invited(self):
        self.sign_in()
        self.up()
        call = self.control("dial", tenant=FQDN, to=CALLER,
                            **{"from": USER})["call"]
        return call, self.sbc.wait("INVITE")

    def answer(self, invite, sdp, contact=CONTACT):
        self.sbc.reply(invite, 200, body=sdp,
                       lines="Contact: %s\r\n%s" % (contact, ALLOW))

    def test_answer_with_another_name(self):
        _, invite = self.invited()
        self.answer(invite, self.phone().sdp(tag=3),
                    CONTACT.replace(FQDN, "other.sbc.example.com"))
        self.broken("contact-host")

    def test_answer_with_another_tag(self):
        _, invite = self.invited()
        self.answer(invite, self.phone().sdp(tag=1))
        self.sbc.wait("BYE")
        self.broken("sdp-answer")

    def test_answer_with_a_format_of_its_own(self):
        _, invite = self.invited()
        self.answer(invite, self.phone().sdp(tag=3, formats="8 96").replace(
            "rtpmap:101", "rtpmap:96"))
        self.sbc.wait("BYE")
        self.broken("sdp-answer")

    def test_no_answer_in_time(self):
        self.control("set", failover_ms=200)
        _, invite = self.invited()
        self.sbc.reply(invite, 100)
        self.sbc.wait("CANCEL")
        self.broken("failover")

    def test_hold_that_is_not_answered_as_one(self):
        call, invite = self.invited()
        phone = self.phone()
        self.answer(invite, phone.sdp(tag=3))
        self.sbc.wait("ACK")
        self.control("hold", call=call)
        self.answer(self.sbc.wait("INVITE"), phone.sdp(tag=3))
        self.broken("hold-answer")


class Transfers(WrongSbc):
    """Rules of REFER and NOTIFY."""

    REFER = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER\r\n"

    def setUp(self):
        super().setUp()
        self.sign_in(answer="auto", ring_ms=0)
        conn, phone = self.up(), self.phone()
        self.dialog = Dialog(conn)
        self.dialog.send("INVITE", phone.sdp(), self.REFER)
        self.dialog.answered(self.sbc.wait(200))
        self.number = self.control.wait("acknowledged")["call"]

    def refer(self, code=202):
        self.control("transfer", call=self.number, to="+4955")
        refer = self.sbc.wait("REFER")
        if code:
            self.sbc.reply(refer, code, lines="Contact: %s\r\n" % CONTACT)
            self.control.wait("refer_accepted")
        return refer

    def notify(self, status, state="active", event="refer"):
        self.dialog.send(
            "NOTIFY", "SIP/2.0 %s\r\n" % status,
            "Event: %s\r\nSubscription-State: %s\r\n" % (event, state),
            ctype="message/sipfrag")
        self.sbc.wait(200)

    def test_another_answer_to_refer(self):
        self.refer(200)
        self.broken("refer-accepted")

    def test_no_final_notify(self):
        self.control("set", refer_timeout_ms=200)
        self.refer()
        self.broken("refer-notify")

    def target(self, change):
        refer = self.refer()
        second = Dialog(self.dialog.conn)
        second.target, by = change(refer["Refer-To"].strip("<>"),
                                   refer["Referred-By"])
        second.send("INVITE", self.phone().sdp(), ALLOW +
                    "Referred-By: %s\r\n" % by)
        self.assertEqual(self.sbc.final().code, 404)

    def test_another_request_uri(self):
        self.target(lambda to, by: (to.replace("x-m", "X-M"), by))
        self.broken("refer-to")

    def test_another_referred_by(self):
        self.target(lambda to, by: (to, by.replace("x-tt=aH", "x-tt=ah")))
        self.broken("referred-by")

    def test_referred_by_nobody(self):
        self.target(lambda to, by: (
            "sip:%s:5061;transport=tls" % PROXY, "<sip:nobody@%s>" % PROXY))
        self.broken("refer-unknown")

    def test_notify_without_refer(self):
        self.notify("100 Trying")
        self.broken("notify-stray")

    def test_notify_of_another_event(self):
        self.refer()
        self.notify("100 Trying", event="presence")
        self.broken("notify-body")

    def test_notify_that_begins_with_the_end(self):
        self.refer()
        self.notify("486 Busy", "terminated;reason=noresource")
        self.broken("notify-order")

    def test_notify_that_ends_as_active(self):
        self.refer()
        self.notify("100 Trying")
        self.notify("486 Busy")
        self.broken("notify-state")

    def test_bye_before_the_end(self):
        self.refer()
        self.dialog.send("BYE", contact=None)
        self.sbc.wait(200)
        self.broken("early-bye")

