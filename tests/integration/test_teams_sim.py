"""Does teams-sim do what Teams does? A small SBC of sockets and scripts asks.

Uses 127.0.61.1-3 and 127.0.61.41 and nothing of bridge/; SRTP is written once
more here, from RFC 3711.
"""

import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import json
import math
import os
import queue
import re
import select
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import wave
from pathlib import Path

from lab.sockets import Readers

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = str(Path(os.environ.get("CALLBRIDGE_BUILD", ROOT / "build/asan"))
              / "teams-sim")
PROXIES = ["127.0.61.1", "127.0.61.2", "127.0.61.3"]
SBC = "127.0.61.41"
FQDN = "contoso.sbc.example.com"
PROXY = "sip.pstnhub.microsoft.com"
USER, CALLER = "+4930555010", "+4940555020"


# --- a PKI ---

class Pki:
    """Two roots for SBCs, one of them unknown to Teams, and one for Teams."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("sbc-root", "other-root", "ms-root"):
            self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes",
                         "-subj", "/CN=" + name, "-days", "30",
                         "-keyout", name + ".key", "-out", name + ".pem")
        self.leaf("sbc", FQDN)
        self.leaf("teams", "*.pstnhub.microsoft.com", "ms-root")
        self.leaf("wildcard", "*.sbc.example.com")
        self.leaf("stranger", FQDN, "other-root")
        self.leaf("misnamed", "fabrikam.example.com")
        self.leaf("unfit", FQDN, usage="clientAuth")
        self.leaf("expired", FQDN, past=True)
        self.leaf("issuer", "issuer", more="basicConstraints=CA:TRUE\n")
        self.leaf("chainless", FQDN, "issuer")
        shutil.copy(folder / "chainless.key", folder / "chained.key")
        (folder / "chained.pem").write_text(
            (folder / "chainless.pem").read_text() +
            (folder / "issuer.pem").read_text())

    def openssl(self, *args):
        subprocess.run(("openssl",) + args, cwd=self.folder, check=True,
                       capture_output=True)

    def leaf(self, name, host, root="sbc-root", past=False,
             usage="serverAuth,clientAuth", more=""):
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj",
                     "/CN=" + host, "-keyout", name + ".key",
                     "-out", name + ".csr")
        (self.folder / "ext").write_text(
            "subjectAltName=DNS:%s\nextendedKeyUsage=%s\n%s" % (
                host, usage, more))
        if past:
            self.sign_past(name, root)
        else:
            self.openssl("x509", "-req", "-in", name + ".csr", "-CA",
                         root + ".pem", "-CAkey", root + ".key",
                         "-CAcreateserial", "-days", "20", "-extfile", "ext",
                         "-out", name + ".pem")

    def sign_past(self, name, root):
        """A certificate that has ended; `x509` of OpenSSL 3.5 makes none."""
        (self.folder / "index").write_text("")
        (self.folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca=c\n[c]\ndatabase=index\nrand_serial=yes\n"
            "new_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
            "[p]\ncommonName=supplied\n")
        self.openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert",
                     root + ".pem", "-keyfile", root + ".key", "-startdate",
                     "20200101000000Z", "-enddate", "20200102000000Z",
                     "-extfile", "ext", "-in", name + ".csr", "-out",
                     name + ".pem")

    def context(self, purpose, name="sbc", roots="ms-root"):
        ctx = ssl.SSLContext(purpose)
        ctx.minimum_version = ssl.TLSVersion.TLSv1_2
        if name:
            ctx.load_cert_chain(self.folder / (name + ".pem"),
                                self.folder / (name + ".key"))
        ctx.load_verify_locations(self.folder / (roots + ".pem"))
        return ctx


# --- SRTP, from RFC 3711 ---

_crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
_crypto.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p
_crypto.EVP_aes_128_ctr.restype = ctypes.c_void_p


def aes_ctr(key, iv, data):
    """AES-128 in counter mode by libcrypto."""
    ctx = ctypes.c_void_p(_crypto.EVP_CIPHER_CTX_new())
    cipher = ctypes.c_void_p(_crypto.EVP_aes_128_ctr())
    out, n = ctypes.create_string_buffer(len(data) + 16), ctypes.c_int()
    _crypto.EVP_EncryptInit_ex(ctx, cipher, None, key, iv)
    _crypto.EVP_EncryptUpdate(ctx, out, ctypes.byref(n), data, len(data))
    _crypto.EVP_CIPHER_CTX_free(ctx)
    return out.raw[:n.value]


class Srtp:
    """AES_CM_128_HMAC_SHA1_80; whoever uses it counts the roll-overs."""

    roc = 0

    def __init__(self, key):
        salt = int.from_bytes(key[16:], "big")

        def derive(label, n):
            iv = (salt ^ (label << 48)) << 16
            return aes_ctr(key[:16], iv.to_bytes(16, "big"), bytes(n))
        self.key, self.auth = derive(0, 16), derive(1, 20)
        self.salt = int.from_bytes(derive(2, 14), "big")

    def crypt(self, packet):
        seq, ssrc = (struct.unpack("!H", packet[2:4])[0],
                     struct.unpack("!I", packet[8:12])[0])
        iv = (self.salt << 16) ^ (ssrc << 64) ^ (
            (self.roc << 16 | seq) << 16)
        return packet[:12] + aes_ctr(self.key, iv.to_bytes(16, "big"),
                                     packet[12:])

    def tag(self, packet):
        return hmac.new(self.auth, packet + struct.pack("!I", self.roc),
                        hashlib.sha1).digest()[:10]

    def protect(self, packet):
        packet = self.crypt(packet)
        return packet + self.tag(packet)

    def unprotect(self, packet):
        if self.tag(packet[:-10]) != packet[-10:]:
            return None
        return self.crypt(packet[:-10])


def alaw(sample):
    """One sample to A-law (G.711)."""
    sign, value = (0x80, sample) if sample >= 0 else (0, -sample - 1)
    value = min(value, 32767) >> 3
    segment = max(0, value.bit_length() - 5)
    step = (value >> (segment if segment else 1)) & 15
    return (sign | segment << 4 | step) ^ 0x55


def from_alaw(code):
    code ^= 0x55
    segment, step = code >> 4 & 7, code & 15
    value = (step << 4) + 8
    if segment:
        value = (value + 256) << (segment - 1)
    return value if code & 0x80 else -value


def tone_level(samples, hz):
    """Amplitude 0..1 of one frequency (Goertzel)."""
    c, a, b = 2 * math.cos(2 * math.pi * hz / 8000), 0.0, 0.0
    for x in samples:
        a, b = x + c * a - b, a
    return math.sqrt(max(0, a * a + b * b - c * a * b)) * 2 / max(
        1, len(samples)) / 32768


class Phone:
    """Media of the SBC: speaks and hears A-law in SRTP."""

    def __init__(self, hz=700):
        self.hz, self.key = hz, os.urandom(30)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((SBC, 0))
        self.port = self.sock.getsockname()[1]
        self.rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtcp.bind((SBC, 0))
        self.out, self.into = Srtp(self.key), None
        self.remote, self.heard, self.digits = None, [], []
        self.seq, self.ssrc, self.plain = 1000, 0x5bc, False
        self.bad, self.quiet, self.stopped = 0, False, False
        self.version, self.said = 0, None
        self.lock = threading.Lock()
        for work in (self._speak, self._hear):
            threading.Thread(target=work, daemon=True).start()

    def sdp(self, direction="sendrecv", tag=1, formats="8 101", addr=SBC,
            proto="RTP/SAVP", suite="AES_CM_128_HMAC_SHA1_80", extra=""):
        said = ("IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
                "m=audio %d %s %s\r\na=rtcp:%d\r\n"
                "a=rtpmap:101 telephone-event/8000\r\n"
                "a=crypto:%d %s inline:%s|2^31\r\n%sa=%s\r\n" % (
                    SBC, addr, self.port, proto, formats,
                    self.rtcp.getsockname()[1], tag, suite,
                    base64.b64encode(self.key).decode(), extra, direction))
        if said != self.said:           # RFC 3264 section 8
            self.version, self.said = self.version + 1, said
        return "v=0\r\no=- 1 %d %s" % (self.version, said)

    def rekey(self):
        with self.lock:
            self.key = os.urandom(30)
            self.out = Srtp(self.key)

    def take(self, sdp):
        """Take up the other side's description."""
        key = re.findall(r"a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 "
                         r"inline:([^|\s]+)\|2\^31\s", sdp)[-1]
        with self.lock:
            self.into = Srtp(base64.b64decode(key))
            self.remote = (re.findall(r"c=IN IP4 (\S+)", sdp)[-1],
                           int(re.search(r"m=audio (\d+)", sdp).group(1)))
            self.heard = []

    def _speak(self):
        at = 0
        while not self.stopped:
            time.sleep(0.02)        # the pace of speech
            if not self.remote or self.quiet:
                continue
            audio = bytes(alaw(int(8000 * math.sin(
                2 * math.pi * self.hz * i / 8000)))
                for i in range(at, at + 160))
            with self.lock:
                packet = struct.pack("!BBHII", 0x80, 8, self.seq, at,
                                     self.ssrc) + audio
                self.sock.sendto(packet if self.plain
                                 else self.out.protect(packet), self.remote)
                self.seq = (self.seq + 1) % 65536
                self.out.roc += self.seq == 0
            at += 160

    def _hear(self):
        self.sock.settimeout(0.1)
        while not self.stopped:
            try:
                data = self.sock.recv(2048)
            except OSError:
                continue
            with self.lock:
                packet = self.into and self.into.unprotect(data)
                if not packet:
                    self.bad += 1
                elif packet[1] & 0x7f == 8:
                    self.heard += [from_alaw(c) for c in packet[12:]]
                elif packet[1] & 0x7f == 101 and (
                        packet[4:8] not in [d[0] for d in self.digits]):
                    self.digits.append((packet[4:8],
                                        "0123456789*#"[packet[12]]))

    def close(self):
        self.stopped = True


# --- SIP by hand ---

class Message:
    def __init__(self, text, conn):
        self.text, self.conn = text, conn
        head, _, self.body = text.partition("\r\n\r\n")
        self.start, *lines = head.split("\r\n")
        self.headers = [tuple(x.strip() for x in line.split(":", 1))
                        for line in lines]

    def __getitem__(self, name):
        return next((v for n, v in self.headers
                     if n.lower() == name.lower()), None)

    @property
    def method(self):
        return None if self.code else self.start.split(" ")[0]

    @property
    def code(self):
        return (int(self.start.split(" ")[1])
                if self.start.startswith("SIP/2.0") else None)

    @property
    def tag(self):
        found = re.search(r";tag=([^;>\s]+)$", self["To"])
        return found and found.group(1)

    def __repr__(self):
        return self.start


class Conn:
    """One TLS connection; what comes in goes to the SBC's inbox."""

    def __init__(self, sbc, sock):
        self.sbc, self.sock = sbc, sock
        self.lock = threading.Lock()    # an SSL object serves one thread
        sock.setblocking(False)
        self.readers = Readers()
        self.readers.start(sock, self._read)

    def _recv(self):
        while True:
            try:
                with self.lock:
                    return self.sock.recv(8192)
            except ssl.SSLWantReadError:
                select.select([self.sock], [], [], 1)

    def _read(self):
        data = b""
        try:
            while True:
                while b"\r\n\r\n" in data:
                    head = data.index(b"\r\n\r\n") + 4
                    n = int(re.search(rb"(?i)\ncontent-length: *(\d+)",
                                      data[:head]).group(1))
                    if len(data) < head + n:
                        break
                    self.sbc.receive(Message(data[:head + n].decode(), self))
                    data = data[head + n:]
                more = self._recv()
                if not more:
                    break
                data += more
        except (OSError, ValueError):
            pass                        # closed, by them or by us

    def send(self, text):
        with self.lock:
            self.sock.sendall(text.encode())

    def close(self):
        self.readers.close()


class Sbc:
    """Listens, connects, answers OPTIONS; the rest is scripted."""

    def __init__(self, pki):
        self.pki, self.inbox, self.seen = pki, queue.Queue(), []
        self.conns, self.options_lines = [], None
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((SBC, 5061))
        self.listener.listen(32)
        self.server = pki.context(ssl.PROTOCOL_TLS_SERVER)
        self.server.verify_mode = ssl.CERT_OPTIONAL
        self.peer_certs = []
        self.readers = Readers()
        self.readers.connections(self.listener, self._accepted)

    def _accepted(self, sock, _):
        try:
            sock = self.server.wrap_socket(sock, server_side=True)
            self.peer_certs.append(sock.getpeercert())
            self.conns.append(Conn(self, sock))
        except OSError:
            sock.close()

    def receive(self, msg):
        if msg.method == "OPTIONS":
            self.seen.append(msg)
            self.reply(msg, 200, lines=self.options_lines
                       if self.options_lines is not None else
                       "Contact: <sip:%s:5061;transport=tls>\r\n"
                       "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY\r\n"
                       % FQDN)
        else:
            self.inbox.put(msg)

    def connect(self, proxy=0, name="sbc"):
        ctx = self.pki.context(ssl.PROTOCOL_TLS_CLIENT, name)
        sock = socket.create_connection((PROXIES[proxy], 5061), 5)
        sock = ctx.wrap_socket(sock, server_hostname=PROXY)
        conn = Conn(self, sock)
        self.conns.append(conn)
        return conn

    def take(self, fits, what, deadline_s):
        """The next message that fits; others stay for who wants them."""
        aside, end = [], time.monotonic() + deadline_s
        try:
            while True:
                msg = self.inbox.get(timeout=max(0.01,
                                                 end - time.monotonic()))
                if fits(msg):
                    return msg
                aside.append(msg)
        except queue.Empty:
            raise AssertionError("no %s, but %s" % (what, aside)) from None
        finally:
            for msg in aside:
                self.inbox.put(msg)

    def wait(self, what, deadline_s=30):
        """A response with this code, or a request with this method."""
        return self.take(lambda m: what in (m.code, m.method), what,
                         deadline_s)

    def final(self, deadline_s=30):
        return self.take(lambda m: m.code and m.code >= 200,
                         "final response", deadline_s)

    @staticmethod
    def reply(msg, code, tag="sbc9", lines="", body=""):
        to = msg["To"] + ("" if msg.tag else ";tag=" + tag)
        if body:
            lines += "Content-Type: application/sdp\r\n"
        msg.conn.send(
            "SIP/2.0 %d X\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\n"
            "CSeq: %s\r\n%s%sContent-Length: %d\r\n\r\n%s" % (
                code, msg["Via"], msg["From"], to, msg["Call-ID"],
                msg["CSeq"], "".join("Record-Route: %s\r\n" % v
                                     for n, v in msg.headers
                                     if n.lower() == "record-route"),
                lines, len(body), body))

    def close(self):
        self.readers.close()
        for conn in self.conns:
            conn.close()


CONTACT = "<sip:%s@%s:5061;transport=tls>" % (CALLER, FQDN)
ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY\r\n"


class Dialog:
    """A call placed by the SBC, or one that Teams placed."""

    count = 0

    def __init__(self, conn):
        Dialog.count += 1
        self.conn, self.cseq = conn, 0
        self.callid = "self%d@%s" % (Dialog.count, FQDN)
        self.local = '"Ann" <sip:%s@%s;user=phone>;tag=a%d' % (
            CALLER, FQDN, Dialog.count)
        self.remote = "<sip:%s@%s;user=phone>" % (USER, PROXY)
        self.target = "sip:%s@%s:5061;user=phone;transport=tls" % (USER,
                                                                  PROXY)
        self.route, self.branch = "", ""

    @classmethod
    def of(cls, invite, conn, tag="sbc9"):
        """The SBC's side of an INVITE it received."""
        self = cls(conn)
        self.callid = invite["Call-ID"]
        self.local = invite["To"] + ";tag=" + tag
        self.remote = invite["From"]
        self.learn(invite)
        return self

    def learn(self, msg):
        self.target = re.search("<([^>]+)>", msg["Contact"]).group(1)
        self.route = "Route: %s\r\n" % msg["Record-Route"]

    def send(self, method, body="", lines="", contact=CONTACT, cseq=None,
             ctype="application/sdp"):
        if cseq is None:
            self.cseq += 1
        if method != "CANCEL":
            self.branch = "z9hG4bK%d%s%d" % (Dialog.count, method, self.cseq)
        if contact:
            lines += "Contact: %s\r\n" % contact
        if body:
            lines += "Content-Type: %s\r\n" % ctype
        self.conn.send(
            "%s %s SIP/2.0\r\nVia: SIP/2.0/TLS %s:5061;alias;branch=%s\r\n"
            "Max-Forwards: 70\r\n%sFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\n"
            "CSeq: %d %s\r\n%sContent-Length: %d\r\n\r\n%s" % (
                method, self.target, FQDN, self.branch, self.route,
                self.local, self.remote, self.callid, cseq or self.cseq,
                method, lines, len(body), body))

    def answered(self, ok):
        """Take a 200 and acknowledge it."""
        self.remote = ok["To"]
        self.learn(ok)
        self.send("ACK", contact=None, cseq=self.cseq)


# --- the control socket ---

class Control:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))
        self.events, self.answers = [], {}
        self.changed, self.ids = threading.Condition(), 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for line in self.sock.makefile():
                obj = json.loads(line)
                with self.changed:
                    if "event" in obj:
                        self.events.append(obj)
                    else:
                        self.answers[obj["id"]] = obj
                    self.changed.notify_all()
        except (OSError, ValueError):
            pass

    def __call__(self, cmd, fails=False, **args):
        with self.changed:
            self.ids += 1
            number = self.ids
            self.sock.sendall((json.dumps(
                dict(id=number, cmd=cmd, **args)) + "\n").encode())
            if not self.changed.wait_for(lambda: number in self.answers, 20):
                raise AssertionError("no answer to " + cmd)
            answer = self.answers.pop(number)
        if not fails and not answer["ok"]:
            raise AssertionError("%s: %s" % (cmd, answer["error"]))
        return answer

    def wait(self, name, deadline_s=30, since=0, **match):
        def find():
            return next((e for e in self.events[since:]
                         if e["event"] == name and
                         all(e.get(k) == v for k, v in match.items())), None)
        with self.changed:
            if not self.changed.wait_for(find, deadline_s):
                raise AssertionError("no event %s %s in %s" % (
                    name, match, self.events[since:][-12:]))
            return find()


def eventually(check, deadline_s=20):
    """Wait until check() is true; its value."""
    end = time.monotonic() + deadline_s
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %g s" % deadline_s)
        time.sleep(0.02)


# --- the tests ---

class SimTest(unittest.TestCase):
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="teams-sim-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.pki = Pki(cls.folder)
        (cls.folder / "config.json").write_text(json.dumps({
            "control": str(cls.folder / "control"),
            "instances": [{"address": a} for a in PROXIES],
            "certificate": str(cls.folder / "teams.pem"),
            "key": str(cls.folder / "teams.key"),
            "ca_file": str(cls.folder / "sbc-root.pem"),
            "hosts": {FQDN: SBC + ":5061"},
            "options": dict({"options_period_ms": 500,
                             "rtcp_period_ms": 300}, **cls.settings),
            "tenants": [{"fqdn": FQDN, "blocked": ["+4966"]}],
        }))

    def setUp(self):
        self.phones = []
        self.process = subprocess.Popen(
            [PROGRAM, "--config", self.folder / "config.json", "--trace",
             self.folder / "trace"], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        if "ready" not in self.process.stdout.readline():
            self.fail(self.process.communicate()[1])
        self.addCleanup(self.end)
        self.control = Control(self.folder / "control")
        self.sbc = Sbc(self.pki)
        self.addCleanup(self.sbc.close)

    def end(self):
        for phone in self.phones:
            phone.close()
        try:
            self.control("quit")
        except (OSError, AssertionError):
            self.process.terminate()
        try:
            _, err = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.assertEqual(self.process.returncode, 0, err)
        self.assertEqual(err, "")

    def phone(self, hz=700):
        self.phones.append(Phone(hz))
        return self.phones[-1]

    def violations(self):
        return [v["rule"] for v in self.control("violations")["violations"]]

    def options(self, conn, contact="<sip:%s:5061;transport=tls>" % FQDN,
                deadline_s=30):
        dialog = Dialog(conn)
        dialog.target = "sip:%s:5061;transport=tls" % PROXY
        dialog.local = "<sip:%s:5061>;tag=o" % FQDN
        dialog.send("OPTIONS", contact=contact, lines=ALLOW)
        return self.sbc.final(deadline_s)

    def up(self):
        conn = self.sbc.connect()
        self.assertEqual(self.options(conn).code, 200)
        self.control.wait("trunk_up")
        return conn

    def sign_in(self, number=USER, **args):
        self.control("sign_in", tenant=FQDN, number=number,
                     upn="bob@contoso.example", **args)

    def call(self, conn, phone, **invite):
        """A call from the SBC to the user, answered at once."""
        dialog = Dialog(conn)
        dialog.send("INVITE", phone.sdp(), ALLOW, **invite)
        ok = self.sbc.wait(200)
        dialog.answered(ok)
        phone.take(ok.body)
        return dialog, self.control.wait("incoming", since=0)["call"]

    def hears(self, call, hz, deadline_s=30):
        def check():
            tones = self.control("listen", call=call, ms=400)["tones"]
            return len(tones) == 1 and abs(tones[0]["hz"] - hz) < 3
        eventually(check, deadline_s)

    def phone_hears(self, phone, hz):
        def check():
            with phone.lock:
                samples = phone.heard[-1600:]
            return len(samples) == 1600 and tone_level(samples, hz) > 0.15
        eventually(check)


class Options(SimTest):
    def test_nothing_before_the_first_options_then_a_ping_back(self):
        self.assertEqual(self.control("health")["trunks"][0]["state"],
                         "unknown")
        self.assertEqual(self.sbc.seen, [])
        ok = self.options(self.sbc.connect())
        self.assertIsNone(ok.tag)
        self.assertIsNone(ok["Contact"])
        self.assertIn("alias", ok["Via"])
        self.assertNotIn("received", ok["Via"])
        self.assertTrue(all(n == n.upper() for n, _ in ok.headers))
        self.control.wait("trunk_up", tenant=FQDN)
        ping = eventually(lambda: self.sbc.seen)[0]
        self.assertEqual(ping.start, "OPTIONS sip:%s:5061;transport=tls "
                                     "SIP/2.0" % FQDN)
        self.assertIn("127.0.61.1:5061", ping["Via"])
        self.assertTrue(self.sbc.peer_certs[0])
        eventually(lambda: len(self.sbc.seen) >= 3)
        self.assertEqual(self.violations(), [])

    def test_each_region_pings_for_itself(self):
        for proxy in range(3):
            self.assertEqual(self.options(self.sbc.connect(proxy)).code, 200)
        eventually(lambda: all(
            i["ok"] for i in
            self.control("health")["trunks"][0]["instances"]))

    def test_trunk_goes_down_when_the_answer_lacks_allow(self):
        self.up()
        self.sbc.options_lines = "Contact: <sip:%s:5061>\r\n" % FQDN
        down = self.control.wait("trunk_down")
        self.assertIn("Allow", down["reason"])
        self.assertIn("options-answer", self.violations())

    def test_contacts_that_are_refused(self):
        conn = self.sbc.connect()
        for contact, rule in (
                (None, "contact-missing"),
                ("<sip:127.0.61.41:5061;transport=tls>", "contact-address"),
                ("<sip:other.sbc.example.com:5061>", "contact-certificate")):
            answer = self.options(conn, contact)
            self.assertEqual(answer.code, 403)
            self.assertIn("Q.850;cause=63", answer["Reason"])
            self.assertIn(rule, self.violations())
        self.assertEqual(self.options(
            conn, "<sip:@%s>" % FQDN).code, 400)

    def test_a_name_that_is_nobodys_trunk(self):
        conn = self.sbc.connect(name="wildcard")
        self.assertEqual(self.options(
            conn, "<sip:nobody.sbc.example.com>").code, 403)
        self.assertIn("contact-unknown", self.violations())
        self.assertEqual(self.options(conn).code, 200)


class Certificates(SimTest):
    def refused(self, name):
        try:
            conn = self.sbc.connect(name=name)
            self.options(conn, deadline_s=5)
        except (OSError, AssertionError):
            self.control.wait("violation", rule="tls-client")
            return
        self.fail("accepted")

    def test_none(self):
        self.refused(None)

    def test_unknown_root(self):
        self.refused("stranger")

    def test_chain_without_its_intermediate(self):
        self.refused("chainless")
        conn = self.sbc.connect(name="chained")
        self.assertEqual(self.options(conn).code, 200)

    def test_expired(self):
        self.refused("expired")

    def test_without_server_auth(self):
        self.refused("unfit")

    def test_another_name(self):
        conn = self.sbc.connect(name="misnamed")
        self.assertEqual(self.options(conn).code, 403)
        self.assertIn("contact-certificate", self.violations())

    def test_the_sbcs_server_certificate_is_checked(self):
        self.sbc.server = self.pki.context(ssl.PROTOCOL_TLS_SERVER,
                                           "stranger")
        self.options(self.sbc.connect())
        self.control.wait("trunk_down")
        self.assertIn("tls-server", self.violations())

    def test_tls_1_3_only_is_refused(self):
        ctx = self.pki.context(ssl.PROTOCOL_TLS_CLIENT)
        ctx.minimum_version = ssl.TLSVersion.TLSv1_3
        with self.assertRaises(OSError):
            ctx.wrap_socket(socket.create_connection((PROXIES[0], 5061)),
                            server_hostname=PROXY)


class Inbound(SimTest):
    def test_forks_answer_audio_and_bye(self):
        self.sign_in(clients=3, tone_hz=1000)
        conn, phone = self.up(), self.phone(700)
        dialog = Dialog(conn)
        dialog.send("INVITE", phone.sdp(), ALLOW)
        self.sbc.wait(100)
        tags = {self.sbc.wait(180).tag for _ in range(3)}
        self.assertEqual(len(tags), 3)
        event = self.control.wait("incoming")
        self.assertEqual(event["from"], CALLER)
        self.assertEqual(event["display"], "Ann")
        call = event["call"]
        self.control("answer", call=call, client=1)
        ok = self.sbc.wait(200)
        self.assertIn(ok.tag, tags)
        self.assertRegex(ok["Contact"], r":443;x-i=[0-9a-f-]+;x-c=")
        self.assertIn("a=crypto:1 AES_CM_128_HMAC_SHA1_80", ok.body)
        dialog.answered(ok)
        phone.take(ok.body)
        self.control.wait("acknowledged")
        self.hears(call, 700)
        self.phone_hears(phone, 1000)
        self.control("dtmf", call=call, digits="42#")
        eventually(lambda: "".join(d for _, d in phone.digits) == "42#")
        path = self.folder / "heard.wav"
        self.control("record", call=call, file=str(path))
        eventually(lambda: path.stat().st_size > 8000)
        with wave.open(str(path)) as wav:
            self.assertEqual(wav.getframerate(), 8000)
            samples = struct.unpack("<1600h", wav.readframes(1600))
        self.assertGreater(tone_level(samples, 700), 0.15)
        self.assertTrue(phone.rtcp.recv(500))
        counters = self.control("counters", call=call)
        self.assertEqual(counters["rtp_lost"], 0)
        self.assertEqual(counters["bad_auth"], 0)
        dialog.send("BYE", contact=None, lines="Reason: SIP;cause=200\r\n")
        self.sbc.wait(200)
        ended = self.control.wait("ended")
        self.assertEqual(ended["who"], "sbc")
        self.assertEqual(self.violations(), [])

    def test_answer_on_a_fresh_tag_after_early_media(self):
        self.sign_in(clients=2, early_media=True, tone_hz=1500)
        conn, phone = self.up(), self.phone()
        dialog = Dialog(conn)
        dialog.send("INVITE", phone.sdp(), ALLOW)
        tags = {self.sbc.wait(180).tag for _ in range(2)}
        early = self.sbc.wait(183)
        phone.take(early.body)
        self.phone_hears(phone, 1500)
        call = self.control.wait("incoming")["call"]
        self.control("answer", call=call, fresh_tag=True)
        ok = self.sbc.wait(200)
        self.assertNotIn(ok.tag, tags)
        self.assertEqual(early.body, ok.body)
        dialog.answered(ok)
        self.hears(call, 700)

    def test_g722_and_pcmu(self):
        self.sign_in(answer="auto", ring_ms=0)
        conn = self.up()
        for formats, codec in (("9 101", "G722"), ("0", "PCMU")):
            phone = self.phone()
            dialog = Dialog(conn)
            since = len(self.control.events)
            dialog.send("INVITE", phone.sdp(formats=formats), ALLOW)
            dialog.answered(self.sbc.wait(200))
            call = self.control.wait("incoming", since=since)["call"]
            self.assertEqual(
                self.control("counters", call=call)["codec"], codec)

    def test_refusals(self):
        self.sign_in()
        self.sign_in("+4930555011", clients=0)
        self.sign_in("+4930555012", answer="busy")
        self.sign_in("+4930555013", answer="decline", ring_ms=0)
        conn, phone = self.up(), self.phone()
        good = phone.sdp()
        table = [
            ("unassigned", dict(to="+4930555099"), 404),
            ("without plus", dict(to="4930555010"), 404),
            ("no endpoints", dict(to="+4930555011"), 480),
            ("busy", dict(to="+4930555012"), 486),
            ("declined", dict(to="+4930555013"), 603),
            ("blocked", dict(caller="+4966"), 403),
            ("no SDP", dict(body=""), 415),
            ("wrong type", dict(ctype="text/plain"), 415),
            ("plain RTP", dict(body=phone.sdp(proto="RTP/AVP")), 488),
            ("suite", dict(body=phone.sdp(
                suite="AES_CM_128_HMAC_SHA1_32")), 488),
            ("codec", dict(body=phone.sdp(formats="96",
                                          extra="a=rtpmap:96 opus/48000\r\n")
                           ), 488),
            ("0.0.0.0", dict(body=phone.sdp(addr="0.0.0.0")), 488),
            ("broken SDP", dict(body=good.replace("m=audio", "m~audio")),
             410),
            ("100rel", dict(lines="Require: 100rel\r\n"), 420),
            ("timer", dict(lines="Session-Expires: 90\r\n"), 422),
            ("replaces", dict(lines="Replaces: a;to-tag=b;from-tag=c\r\n"),
             403),
            ("no contact", dict(contact=None), 403),
            ("address", dict(contact="<sip:%s:5061>" % SBC), 403),
        ]
        for name, change, code in table:
            with self.subTest(name):
                dialog = Dialog(conn)
                to = change.pop("to", USER)
                caller = change.pop("caller", CALLER)
                dialog.target = dialog.target.replace(USER, to)
                dialog.local = dialog.local.replace(CALLER, caller)
                lines = ALLOW + change.pop("lines", "")
                dialog.send("INVITE", change.pop("body", good), lines,
                            **change)
                answer = self.sbc.final()
                self.assertEqual(answer.code, code)
                self.assertIsNotNone(answer.tag)
                if code == 480:
                    self.assertIn("cause=31", answer["Reason"])
                if code == 486:
                    self.assertIn("cause=34", answer["Reason"])
                if code == 422:
                    self.assertEqual(answer["Min-SE"], "300")
                if code == 420:
                    self.assertEqual(answer["Unsupported"], "100rel")

    def test_duplicate_and_cancel(self):
        self.sign_in()
        conn, phone = self.up(), self.phone()
        dialog = Dialog(conn)
        dialog.send("INVITE", phone.sdp(), ALLOW)
        self.sbc.wait(180)
        branch = dialog.branch
        dialog.send("INVITE", phone.sdp(), ALLOW)
        self.assertEqual(self.sbc.final().code, 500)
        dialog.cseq, dialog.branch = 1, branch
        dialog.send("CANCEL", contact=None, cseq=1, lines="Reason: SIP;"
                    "cause=200;text=\"Call completed elsewhere\"\r\n")
        self.assertEqual(self.sbc.final().code, 200)
        self.assertEqual(self.sbc.final().code, 487)
        self.assertIn("elsewhere", self.control.wait("ended")["reason"])

    def test_methods_and_dialogs_that_do_not_exist(self):
        self.sign_in(answer="auto", ring_ms=0)
        conn, phone = self.up(), self.phone()
        dialog, call = self.call(conn, phone)
        self.hears(call, 700)
        for method in ("UPDATE", "INFO", "REFER", "PRACK", "MESSAGE"):
            dialog.send(method)
            self.assertEqual(self.sbc.final().code, 405, method)
        stray = Dialog(conn)
        stray.remote += ";tag=none"
        stray.send("BYE")
        self.assertEqual(self.sbc.final().code, 481)
        target, dialog.target = dialog.target, dialog.target.split(";")[0]
        dialog.send("BYE")
        self.assertEqual(self.sbc.final().code, 481)
        dialog.target, route = target, dialog.route
        dialog.route = ""
        dialog.send("BYE")
        self.assertEqual(self.sbc.final().code, 481)
        self.assertIn("ruri-contact", self.violations())
        self.assertIn("route-missing", self.violations())
        dialog.route = route
        dialog.send("BYE")
        self.assertEqual(self.sbc.final().code, 200)

    def test_ack_guard(self):
        self.control("set", ack_guard_ms=800)
        self.sign_in(answer="auto", ring_ms=0)
        conn, phone = self.up(), self.phone()
        Dialog(conn).send("INVITE", phone.sdp(), ALLOW)
        self.sbc.wait(200)
        bye = self.sbc.wait("BYE")
        self.assertIn("AckTimeout", bye["Reason"])
        self.assertEqual(self.control.wait("ended")["code"], 408)

    def test_media_guard_and_plain_rtp(self):
        self.control("set", media_guard_ms=600)
        self.sign_in(answer="auto", ring_ms=0)
        conn, phone = self.up(), self.phone()
        phone.plain = True
        self.call(conn, phone)
        self.sbc.wait("BYE")
        ended = self.control.wait("ended", who="media_guard")
        self.assertGreater(ended["counters"]["plain"], 5)
        self.assertEqual(ended["counters"]["rtp_received"], 0)

    def test_sbc_holds_resumes_and_rekeys(self):
        self.sign_in(answer="auto", ring_ms=0, tone_hz=1100)
        conn, phone = self.up(), self.phone()
        phone.seq = 65530
        dialog, call = self.call(conn, phone)
        eventually(lambda: phone.out.roc == 1 and phone.seq > 20)
        self.hears(call, 700)
        dialog.send("INVITE", phone.sdp("inactive"), ALLOW)
        ok = self.sbc.wait(200)
        self.assertIn("a=inactive", ok.body)
        dialog.answered(ok)
        self.control.wait("held", by="sbc")
        since = len(self.control.events)
        phone.rekey()           # from now on with roll-over counter 0
        phone.hz = 500
        dialog.send("INVITE", phone.sdp(), ALLOW)
        ok = self.sbc.wait(200)
        self.assertIn("a=sendrecv", ok.body)
        dialog.answered(ok)
        phone.take(ok.body)
        self.control.wait("resumed", since=since, by="sbc")
        self.hears(call, 500)
        self.phone_hears(phone, 1100)
        dialog.send("INVITE", phone.sdp("sendonly"), ALLOW)
        dialog.answered(self.sbc.wait(200))
        phone.heard.clear()
        self.phone_hears(phone, 1100)      # that was no hold
        self.assertEqual(self.violations(), ["hold-direction"])
        dialog.send("INVITE", phone.sdp(addr="0.0.0.0"), ALLOW)
        self.assertEqual(self.sbc.final().code, 488)
        self.control("hangup", call=call)
        self.assertIn("Q.850", self.sbc.wait("BYE")["Reason"])


class Outbound(SimTest):
    def dial(self, phone, allow=ALLOW, **answer):
        call = self.control("dial", tenant=FQDN, to=CALLER,
                            **{"from": USER})["call"]
        invite = self.sbc.wait("INVITE")
        contact = "Contact: %s\r\n" % CONTACT
        self.sbc.reply(invite, 180, lines=contact + allow)
        self.control.wait("ringing", call=call)
        self.sbc.reply(invite, 200, lines=contact + allow,
                       body=phone.sdp(**dict({"tag": 3}, **answer)))
        self.sbc.wait("ACK")
        phone.take(invite.body)
        return call, invite

    def test_literally_as_documented(self):
        self.sign_in(tone_hz=1200)
        self.up()
        phone = self.phone(900)
        call, invite = self.dial(phone)
        self.assertEqual(invite.start,
                         "INVITE sip:%s@%s:5061;user=phone;transport=tls "
                         "SIP/2.0" % (CALLER, FQDN))
        self.assertTrue(invite["From"].startswith(
            "bob<sip:%s@%s:5061;user=phone>;tag=" % (USER, PROXY)))
        names = [n for n, _ in invite.headers]
        self.assertEqual(names, [
            "FROM", "TO", "CSEQ", "CALL-ID", "MAX-FORWARDS", "VIA",
            "RECORD-ROUTE", "CONTACT", "CONTENT-LENGTH", "MIN-SE",
            "SUPPORTED", "USER-AGENT", "CONTENT-TYPE", "ALLOW",
            "SESSION-EXPIRES"])
        self.assertRegex(invite["Call-ID"], "^[0-9a-f]{32}$")
        self.assertIn(" 104 9 103 111 18 0 8 97 101 13 118\r\n", invite.body)
        self.hears(call, 900)
        self.phone_hears(phone, 1200)
        self.assertEqual(self.violations(), [])
        self.control("hangup", call=call)
        bye = self.sbc.wait("BYE")
        self.assertTrue(bye.start.startswith("BYE sip:%s@%s" % (CALLER,
                                                                FQDN)))

    def test_needs_a_trunk(self):
        answer = self.control("dial", True, tenant=FQDN, to=CALLER,
                              **{"from": USER})
        self.assertFalse(answer["ok"])
        self.assertIn("trunk", answer["error"])

    def test_refused_cancelled_and_too_slow(self):
        self.up()
        dial = dict({"from": USER}, tenant=FQDN, to=CALLER)
        call = self.control("dial", **dial)["call"]
        self.sbc.reply(self.sbc.wait("INVITE"), 486)
        self.assertEqual(self.control.wait("ended", call=call)["code"], 486)
        self.sbc.wait("ACK")
        call = self.control("dial", **dial)["call"]
        invite = self.sbc.wait("INVITE")
        self.sbc.reply(invite, 180, lines="Contact: %s\r\n" % CONTACT)
        self.control.wait("ringing", call=call)
        self.control("hangup", call=call)
        self.sbc.reply(self.sbc.wait("CANCEL"), 200)
        self.sbc.reply(invite, 487)
        self.assertEqual(self.control.wait("ended", call=call)["code"], 487)
        self.control("set", failover_ms=300)
        call = self.control("dial", **dial)["call"]
        invite = self.sbc.wait("INVITE")
        self.sbc.reply(invite, 100)
        self.sbc.reply(self.sbc.wait("CANCEL"), 200)
        self.sbc.reply(invite, 487)
        self.control.wait("ended", call=call)
        self.assertIn("failover", self.violations())

    def test_answers_that_break_the_rules(self):
        self.up()
        for answer, rule in (({"tag": 1}, "sdp-answer"),
                             ({"suite": "AES_CM_128_HMAC_SHA1_32"},
                              "sdp-answer")):
            self.dial(self.phone(), **answer)
            self.sbc.reply(self.sbc.wait("BYE"), 200)
            self.assertIn(rule, self.violations())
        phone = self.phone()
        self.dial(phone, allow="")
        self.assertIn("allow-missing", self.violations())

    def test_every_region_tries_before_it_gives_up(self):
        self.up()
        self.sbc.readers.close()
        call = self.control("dial", tenant=FQDN, to=CALLER, force=True,
                            **{"from": USER})["call"]
        self.assertEqual(self.control.wait("ended", call=call)["code"], 504)
        self.assertEqual(
            [e["instance"].split(".")[0] for e in self.control.events
             if e["event"] == "retry"], ["sip2", "sip3"])

    def test_a_connection_of_the_sbc_is_used_again(self):
        self.control("set", connection="any")
        conn = self.sbc.connect()
        self.options(conn)
        self.control.wait("trunk_up")
        self.control("dial", tenant=FQDN, to=CALLER, **{"from": USER})
        invite = self.sbc.wait("INVITE")
        self.assertIs(invite.conn, conn)
        self.sbc.reply(invite, 486)
        self.control.wait("ended")

    def test_session_timer(self):
        """The SBC is to refresh, and does not."""
        self.control("set", session_expires_s=3)
        self.up()
        phone = self.phone()
        call = self.control("dial", tenant=FQDN, to=CALLER,
                            **{"from": USER})["call"]
        invite = self.sbc.wait("INVITE")
        self.sbc.reply(invite, 200, body=phone.sdp(tag=3), lines=ALLOW +
                       "Contact: %s\r\nSession-Expires: 3;refresher=uas\r\n"
                       % CONTACT)
        phone.take(invite.body)
        self.assertEqual(self.control.wait("ended", call=call)["who"],
                         "session_timer")

    def test_we_refresh_with_the_same_description(self):
        self.control("set", session_expires_s=4)
        self.up()
        phone = self.phone()
        self.control("dial", tenant=FQDN, to=CALLER, **{"from": USER})
        invite = self.sbc.wait("INVITE")
        self.sbc.reply(invite, 200, body=phone.sdp(tag=3), lines=ALLOW +
                       "Contact: %s\r\nSession-Expires: 4;refresher=uac\r\n"
                       % CONTACT)
        again = self.sbc.wait("INVITE")
        self.assertEqual(again.body, invite.body)
        self.assertIn("refresher=uac", again["Session-Expires"])
        self.answer(again, phone.sdp(tag=3))
        self.control.wait("refreshed")

    def test_hold_resume_and_move(self):
        self.sign_in(tone_hz=1200)
        self.up()
        phone = self.phone()
        call, first = self.dial(phone)
        self.hears(call, 700)
        self.control("hold", call=call)
        hold = self.sbc.wait("INVITE")
        self.assertIn("a=inactive", hold.body)
        phone.quiet = True
        self.answer(hold, phone.sdp("inactive", 3))
        self.control.wait("held", by="teams")
        self.control("resume", call=call)
        resume = self.sbc.wait("INVITE")
        self.assertIn("a=sendrecv", resume.body)
        phone.quiet = False
        self.answer(resume, phone.sdp(tag=3))
        self.hears(call, 700)
        self.control("move", call=call)
        moved = self.sbc.wait("INVITE")
        for line in (r"m=audio (\d+)", "inline:(\\S+)"):
            self.assertNotEqual(re.search(line, first.body).group(1),
                                re.search(line, moved.body).group(1))
        phone.take(moved.body)
        self.answer(moved, phone.sdp(tag=3))
        self.phone_hears(phone, 1200)
        self.hears(call, 700)
        self.assertEqual(self.violations(), [])

    def answer(self, invite, sdp):
        self.sbc.reply(invite, 200, body=sdp,
                       lines="Contact: %s\r\n%s" % (CONTACT, ALLOW))
        self.sbc.wait("ACK")

    def test_two_media_processors_hear_each_other(self):
        """The SBC hands each description to the other call unchanged."""
        self.sign_in(tone_hz=1300, answer="auto", ring_ms=0)
        conn = self.up()
        out = self.control("dial", tenant=FQDN, to="+4989", tone_hz=800,
                           **{"from": "+4988"})["call"]
        invite = self.sbc.wait("INVITE")
        dialog = Dialog(conn)
        dialog.send("INVITE", invite.body, ALLOW)
        ok = self.sbc.wait(200)
        dialog.answered(ok)
        self.answer(invite, ok.body)
        into = self.control.wait("incoming")["call"]
        self.hears(into, 800)
        self.hears(out, 1300)
        self.control("dtmf", call=out, digits="7*")
        self.control.wait("dtmf", call=into, digit="*")
        counters = self.control("counters", call=into)
        self.assertEqual(counters["codec"], "G722")
        self.assertGreater(counters["rtcp_received"], 0)


class Transfer(SimTest):
    ALLOW_REFER = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER"\
                  "\r\n"
    EXTERNAL = "+4955"

    def answer(self, invite, phone):
        self.sbc.reply(invite, 200, lines="Contact: %s\r\n%s" % (
            CONTACT, ALLOW), body=phone.sdp(tag=3))
        self.sbc.wait("ACK")
        phone.take(invite.body)

    def begin(self, allow):
        self.sign_in(answer="auto", ring_ms=0)
        conn, phone = self.up(), self.phone(700)
        dialog = Dialog(conn)
        dialog.send("INVITE", phone.sdp(), allow)
        ok = self.sbc.wait(200)
        dialog.answered(ok)
        phone.take(ok.body)
        call = self.control.wait("incoming")["call"]
        self.hears(call, 700)
        return conn, phone, dialog, call

    def test_to_a_number_inside_teams(self):
        _, phone, _, call = self.begin(ALLOW)
        self.control("transfer", call=call, to=self.EXTERNAL)
        invite = self.sbc.wait("INVITE")
        self.assertIn(self.EXTERNAL, invite.start)
        other = self.phone(900)
        self.answer(invite, other)
        self.control.wait("transferred", call=call)
        self.phone_hears(phone, 900)
        self.phone_hears(other, 700)
        self.control("hangup", call=call)
        self.sbc.wait("BYE")
        self.sbc.wait("BYE")

    def test_to_a_user_inside_teams(self):
        self.sign_in("+4930555012", tone_hz=1700)
        _, phone, _, call = self.begin(ALLOW)
        self.control("transfer", call=call, to="+4930555012")
        self.control.wait("incoming", user="+4930555012")
        self.control("answer", call=call)
        invite = self.sbc.wait("INVITE")
        phone.take(invite.body)
        self.answer(invite, phone)
        self.phone_hears(phone, 1700)

    def refer(self, call):
        self.control("transfer", call=call, to=self.EXTERNAL)
        refer = self.sbc.wait("REFER")
        self.sbc.reply(refer, 202, lines="Contact: %s\r\n" % CONTACT)
        self.control.wait("refer_accepted")
        return refer

    def notify(self, dialog, status):
        state = "active" if status < "2" else "terminated;reason=noresource"
        dialog.send("NOTIFY", "SIP/2.0 %s\r\n" % status,
                    "Event: refer\r\nSubscription-State: %s\r\n" % state,
                    ctype="message/sipfrag;version=2.0")
        self.assertEqual(self.sbc.final().code, 200)

    def test_by_refer(self):
        conn, phone, dialog, call = self.begin(self.ALLOW_REFER)
        refer = self.refer(call)
        self.notify(dialog, "100 Trying")
        second = Dialog(conn)
        second.target = second.remote = refer["Refer-To"].strip("<>")
        second.remote = "<%s>" % second.remote
        second.send("INVITE", phone.sdp(), self.ALLOW_REFER +
                    "Referred-By: %s\r\n" % refer["Referred-By"])
        self.sbc.wait(100)
        invite = self.sbc.wait("INVITE")
        self.assertIn(self.EXTERNAL, invite.start)
        other = self.phone(900)
        self.answer(invite, other)
        ok = self.sbc.wait(200)
        phone.take(ok.body)
        second.answered(ok)
        self.notify(dialog, "200 OK")
        self.control.wait("transferred", call=call)
        self.sbc.reply(self.sbc.wait("BYE"), 200)
        self.phone_hears(phone, 900)
        self.phone_hears(other, 700)
        self.assertEqual(self.violations(), [])

    def test_referred_by_must_be_byte_exact(self):
        conn, phone, _, call = self.begin(self.ALLOW_REFER)
        refer = self.refer(call)
        second = Dialog(conn)
        second.target = refer["Refer-To"].strip("<>")
        second.send("INVITE", phone.sdp(), self.ALLOW_REFER +
                    "Referred-By: %s\r\n" % refer["Referred-By"].lower())
        self.assertEqual(self.sbc.final().code, 404)
        self.assertIn("referred-by", self.violations())

    def test_a_failed_refer_leaves_the_call(self):
        _, _, dialog, call = self.begin(self.ALLOW_REFER)
        self.refer(call)
        self.notify(dialog, "100 Trying")
        self.notify(dialog, "486 Busy Here")
        self.assertEqual(self.control.wait("transfer_failed")["code"], 486)
        self.hears(call, 700)


class Chaos(SimTest):
    def test_drain_and_refuse(self):
        self.sign_in()
        conn, phone = self.up(), self.phone()
        self.control("instance", name="sip", mode="drain")
        Dialog(conn).send("INVITE", phone.sdp(), ALLOW)
        answer = self.sbc.final()
        self.assertEqual((answer.code, answer["Retry-After"]), (503, "1"))
        self.control("instance", name="sip", mode="refuse")
        with self.assertRaises(OSError):
            self.sbc.connect()
        self.assertTrue(self.sbc.connect(1))
        self.control("instance", name="sip", mode="up")
        self.assertEqual(self.options(self.sbc.connect()).code, 200)

    def test_nonsense_is_survived(self):
        for text in ("a a a a\r\n\r\n", "INVITE\r\nContent-Length: 0\r\n\r\n",
                     "OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n",
                     "\x00\xff\r\n\r\n", "SIP/2.0 200\r\nl: 9999999\r\n\r\n"):
            self.sbc.connect().send(text)
        eventually(lambda: len(self.violations()) >= 4)
        while not self.sbc.inbox.empty():
            self.assertEqual(self.sbc.final().code, 400)
        self.assertEqual(self.options(self.sbc.connect()).code, 200)

    def test_control_answers_for_every_mistake(self):
        for cmd, args in (("nonsense", {}), ("hold", {}),
                          ("hold", {"call": 99}), ("dial", {}),
                          ("set", {"options_period_ms": "x"}),
                          ("set", {"no_such": 1}),
                          ("sign_in", {"tenant": FQDN}),
                          ("instance", {"name": "sip", "mode": "odd"})):
            answer = self.control(cmd, True, **args)
            self.assertFalse(answer["ok"])
            self.assertTrue(answer["error"])

    def test_a_bad_config_is_one_line_and_status_2(self):
        bad = self.folder / "bad.json"
        for text, want in (("{", "bad.json:1:"), ("{}", "instances"),
                           ('{"odd": 1}', "odd: no such key")):
            bad.write_text(text)
            run = subprocess.run([PROGRAM, "--config", bad],
                                 capture_output=True, text=True)
            self.assertEqual(run.returncode, 2)
            self.assertIn(want, run.stderr)
            self.assertEqual(run.stderr.count("\n"), 1)
