"""tools/load: what the bench measures with does what it says."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab import pki
from support import plan, sanitizer


def md5(text):
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Registrar(unittest.TestCase):
    """tools/load as a registrar: a request that comes again, because its
    answer was late, is answered as before."""

    address, teams = ("127.0.1.200", 5060), "127.0.1.201:5061"
    uri = "sip:pbx.contoso.example"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        tls = pki.ensure(Path(folder.name))
        self.load = subprocess.Popen(
            [plan.program("load"), "--pbx", "%s:%d" % self.address,
             "--teams", self.teams, "--certificate", tls / "teams-chain.pem",
             "--key", tls / "teams.key", "--ca", tls / "sbc-root.pem",
             "--users", "1", "--register", "1", "--wait-signal",
             "--deadline", "60"], env=dict(os.environ, **sanitizer.env()),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        self.assertEqual(self.load.stderr.readline(), "ready\n")
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.sock.close)
        self.sock.settimeout(30)
        self.sock.connect(self.address)

    def end(self):
        self.load.kill()
        self.load.communicate()

    def ask(self, cseq, more=""):
        host, port = self.sock.getsockname()
        self.sock.send((
            "REGISTER {uri} SIP/2.0\r\n"
            "Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{cseq};rport\r\n"
            "From: <sip:10001@pbx.contoso.example>;tag=t\r\n"
            "To: <sip:10001@pbx.contoso.example>\r\nCall-ID: one\r\n"
            "CSeq: {cseq} REGISTER\r\nContact: <sip:10001@{host}>\r\n"
            "{more}Content-Length: 0\r\n\r\n").format(
                uri=self.uri, host=host, port=port, cseq=cseq,
                more=more).encode())
        return self.sock.recv(4096).decode()

    @staticmethod
    def nonce(answer):
        return re.search('nonce="([0-9a-f]+)"', answer).group(1)

    def credentials(self, nonce):
        response = md5(":".join([
            md5("10001:pbx.contoso.example:secret-10001"), nonce, "00000001",
            "c", "auth", md5("REGISTER:" + self.uri)]))
        return ('Authorization: Digest username="10001", '
                'realm="pbx.contoso.example", nonce="%s", uri="%s", '
                'response="%s", cnonce="c", qop=auth, nc=00000001\r\n'
                % (nonce, self.uri, response))

    def test_a_repeated_request_has_the_answer_of_before(self):
        first = self.nonce(self.ask(1))
        self.assertEqual(self.nonce(self.ask(1)), first)

        good = self.credentials(first)
        for _ in range(2):
            self.assertTrue(self.ask(2, good).startswith("SIP/2.0 200 "))

        # a nonce is good for one request, not for another one
        self.assertNotEqual(self.nonce(self.ask(3, good)), first)

        self.load.send_signal(signal.SIGUSR1)
        told = json.loads(self.load.communicate(timeout=30)[0])["register"]
        self.assertEqual(told["granted"], 1)
        self.assertEqual(told["bound"], 1)
