"""An issuer of OpenID Connect that signs, and forges, with OpenSSL's command
line."""

import base64
import hashlib
import http.server
import json
import ssl
import subprocess
import threading
import time
from urllib.parse import parse_qs, urlsplit

from portal import ADDRESS

from lab.process import run


def text(data):
    """base64url without padding, as tokens have it."""
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def numbers(der):
    """The two numbers of an ECDSA signature, 32 octets each."""
    at = 2 + (der[1] & 0x7f if der[1] & 0x80 else 0)
    out = b""
    for _ in range(2):
        size = der[at + 1]
        out += int.from_bytes(der[at + 2:at + 2 + size], "big").to_bytes(
            32, "big")
        at += 2 + size
    return out


class Key:
    """One that signs: of an algorithm, with a name."""

    def __init__(self, folder, kid, alg):
        self.kid = kid
        self.alg = alg
        self.pem = folder / ("issuer-%s.key" % kid)
        kind = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"] \
            if alg == "ES256" else ["-algorithm", "RSA", "-pkeyopt",
                                    "rsa_keygen_bits:2048"]
        run(["openssl", "genpkey", *kind, "-out", self.pem])

    def openssl(self, *words, data=b""):
        return subprocess.run(["openssl", *map(str, words)], input=data,
                              capture_output=True, check=True,
                              timeout=30).stdout

    def public(self):
        return self.openssl("pkey", "-in", self.pem, "-pubout")

    def jwk(self):
        if self.alg == "ES256":
            point = self.openssl("pkey", "-in", self.pem, "-pubout",
                                 "-outform", "DER")[-64:]
            return {"kty": "EC", "use": "sig", "kid": self.kid,
                    "crv": "P-256", "x": text(point[:32]),
                    "y": text(point[32:])}
        modulus = self.openssl("rsa", "-in", self.pem, "-noout", "-modulus")
        return {"kty": "RSA", "use": "sig", "kid": self.kid, "e": "AQAB",
                "n": text(bytes.fromhex(
                    modulus.decode().strip().partition("=")[2]))}

    def sign(self, data):
        words = ["dgst", "-sha256", "-sign", self.pem]
        if self.alg == "PS256":
            words += ["-sigopt", "rsa_padding_mode:pss", "-sigopt",
                      "rsa_pss_saltlen:-1"]
        signature = self.openssl(*words, data=data)
        return numbers(signature) if self.alg == "ES256" else signature

    def token(self, claims, **header):
        """Signed; `header` goes over what it would say."""
        begin = text(dict({"alg": self.alg, "kid": self.kid}, **header))
        begin += "." + text(claims)
        return begin + "." + text(self.sign(begin.encode()))


class Issuer:
    """Signs people in by OpenID Connect: whoever comes is `claims`."""

    def __init__(self, service, port=18444):
        service.authority.leaf("issuer", [ADDRESS])
        self.folder = service.folder
        self.url = "https://%s:%d" % (ADDRESS, port)
        self.keys = [Key(self.folder, "one", "RS256")]
        self.make = self.keys[0].token      # claims -> token
        self.claims = {}
        self.also = {}          # over what it says of itself
        self.asked = None       # what the browser was sent with
        self.wrong = []         # what was wrong with what came to us
        self.fetched = []       # paths
        self.go = threading.Event()
        self.go.set()           # cleared: it does not answer
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.fetched.append(self.path)
                issuer.go.wait(30)
                issuer.answer(self, issuer.jwks() if self.path == "/keys"
                              else issuer.about())

            def do_POST(self):
                length = int(self.headers["Content-Length"])
                form = {name: values[0] for name, values in parse_qs(
                    self.rfile.read(length).decode()).items()}
                issuer.answer(self, issuer.token(form))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((ADDRESS, port),
                                                      Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "issuer.pem",
                                self.folder / "issuer.key")
        self.server.socket = context.wrap_socket(self.server.socket,
                                                 server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       daemon=True)
        self.thread.start()

    @staticmethod
    def answer(handler, value):
        body = json.dumps(value).encode()
        try:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            pass                # it did not want to hear all of it

    def about(self):
        return dict({"issuer": self.url,
                     "authorization_endpoint": self.url + "/authorize",
                     "token_endpoint": self.url + "/token",
                     "jwks_uri": self.url + "/keys"}, **self.also)

    def jwks(self):
        return {"keys": [key.jwk() for key in self.keys]}

    def browser(self, location):
        """Somebody was sent here; the code and state they go back with."""
        split = urlsplit(location)
        self.asked = {name: values[0] for name, values
                      in parse_qs(split.query).items()}
        return "code=the-code&state=" + self.asked["state"]

    def token(self, form):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(
            form["code_verifier"].encode()).digest()).decode().rstrip("=")
        want = {"grant_type": "authorization_code", "code": "the-code",
                "client_id": "portal", "client_secret": "its-secret",
                "redirect_uri": self.asked["redirect_uri"]}
        if challenge != self.asked["code_challenge"] or \
                self.asked["code_challenge_method"] != "S256":
            self.wrong.append("the verifier")
        self.wrong += [name for name, value in want.items()
                       if form.get(name) != value]
        now = int(time.time())
        claims = dict({"iss": self.url, "aud": "portal", "iat": now,
                       "exp": now + 300, "nonce": self.asked["nonce"]},
                      **self.claims)
        # None: it does not say so at all
        claims = {name: value for name, value in claims.items()
                  if value is not None}
        return {"id_token": self.make(claims), "token_type": "Bearer"}

    def stop(self):
        self.go.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
