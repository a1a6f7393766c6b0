"""A callbridged for tests of its portal, and clients of it."""

import http.client
import json
import re
import shutil
import socket
import ssl
import threading

from support import site, wait_for

from lab import pki, plan, sanitizer
from lab.process import Process, run

ADDRESS = "127.0.0.1"
PORT = 18443
PBX_PORT = 15080
PASSWORD = "correct horse battery"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("callbridge", timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Answer:
    """What came back."""

    def __init__(self, response):
        self.code = response.status
        self.headers = response.headers
        self.body = response.read()
        self.text = self.body.decode(errors="replace")
        try:
            self.json = json.loads(self.text)
        except ValueError:
            self.json = None

    def __repr__(self):
        return "%d %s" % (self.code, self.text[:500])


class Client:
    """Somebody who asks: by the socket, with a token, or signed in."""

    def __init__(self, service, token=None, by_socket=False, source=1):
        self.service = service
        self.source = source    # the last octet of its address
        self.token = token
        self.by_socket = by_socket
        self.cookie = None
        self.csrf = None
        self.kept = None        # a connection that is still good
        self.seen = []          # (method, path, answer): for the OpenAPI

    def connection(self):
        if self.by_socket:
            return UnixConnection(self.service.socket)
        return http.client.HTTPSConnection(
            ADDRESS, PORT, timeout=20, context=self.service.trust(),
            source_address=("127.0.0.%d" % self.source, 0))

    def ask(self, method, path, body=None, type_="application/json",
            **headers):
        headers = {name.replace("_", "-"): value
                   for name, value in headers.items()}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", type_)
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        if self.cookie:
            headers["Cookie"] = self.cookie
        if self.csrf and "X-CSRF-Token" not in headers:
            headers["X-CSRF-Token"] = self.csrf
        words = (method, path if path.startswith("/health")
                 or path in ("/", "/metrics") else "/api/v1" + path, body,
                 {name: value for name, value in headers.items() if value})
        try:
            answer = self.over_kept(*words)
        except (http.client.HTTPException, OSError):
            self.close()        # it was idle for too long
            answer = self.over_kept(*words)
        self.seen.append((method, path, answer))
        return answer

    def over_kept(self, *words):
        """Ask over the connection that is kept, or a new one."""
        if self.kept is None:
            self.kept = self.connection()
        self.kept.request(*words)
        return Answer(self.kept.getresponse())

    def close(self):
        if self.kept is not None:
            self.kept.close()
            self.kept = None

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self.ask("POST", path, body, **headers)

    def put(self, path, body=None, **headers):
        return self.ask("PUT", path, body, **headers)

    def patch(self, path, body=None, **headers):
        return self.ask("PATCH", path, body, **headers)

    def delete(self, path, **headers):
        return self.ask("DELETE", path, **headers)

    def take_session(self, answer):
        self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        self.csrf = answer.json["csrf"]
        return self

    def sign_in(self, name, password=PASSWORD):
        answer = self.post("/session", {"name": name, "password": password})
        if answer.code != 200:
            raise AssertionError(answer)
        return self.take_session(answer)


class Service:
    """A callbridged with a portal over HTTPS and an empty store."""

    def __init__(self, name, store=None, tls=True):
        self.folder = site().state / ("portal-" + name)
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "customers").mkdir(parents=True)
        self.socket = self.folder / "state/control.sock"
        self.store = store
        self.tls = tls
        self.issuer = None      # of OpenID Connect
        self.microsoft = None   # URL of who stands in for it
        self.process = None
        self.authority = pki.Authority(self.folder, "root", "Portal Root")
        self.certificate("first")

    def certificate(self, title):
        self.authority.leaf(title, [ADDRESS, "portal.example"])
        shutil.copy(self.folder / (title + ".key"),
                    self.folder / "portal.key")
        (self.folder / "portal.key").chmod(0o600)
        shutil.copy(self.folder / (title + ".pem"),
                    self.folder / "portal.pem")

    def trust(self):
        return ssl.create_default_context(cafile=self.folder / "root.pem")

    portal = ""         # more settings of the portal

    def yaml(self):
        oidc = ""
        if self.issuer:
            oidc = (", oidc: {issuer: %r, client_id: portal, "
                    "client_secret: its-secret, claim: email, ca_file: %s}"
                    % (self.issuer, self.folder / "root.pem"))
        lines = [
            "state_dir: %s" % (self.folder / "state"),
            "customers: [%s]" % (self.folder / "customers"),
            "sip: {address: 127.0.0.1, udp_port: 15060, tcp_port: 0, "
            "tls_port: 0}",
            "portal: {address: %s, port: %d, certificate: %s, key: %s%s%s}"
            % (ADDRESS, PORT, self.folder / "portal.pem",
               self.folder / "portal.key", oidc, self.portal),
            "log: {level: debug}",
        ]
        if self.microsoft:
            lines.append("microsoft: {login_url: %s, graph_url: %s, ca_file:"
                         " %s, presence: 2s}" % (
                             self.microsoft, self.microsoft,
                             self.folder / "root.pem"))
        if self.store:
            lines.append("store: {url: %s}" % json.dumps(self.store))
        return "\n".join(lines) + "\n"

    def start(self):
        path = self.folder / "callbridge.yaml"
        path.write_text(self.yaml())
        self.process = Process.start(
            "callbridged", [plan.program("callbridged"), "-c", path],
            self.folder / "log", site().env)
        self.process.wait_ready(self.answers, 60, "callbridged to answer")
        return self

    def answers(self):
        if not self.socket.exists():
            return False
        try:
            return Client(self, by_socket=True).get("/health/live").code == 200
        except OSError:
            return False

    def stop(self):
        sanitizer.judge(self.process.stop(60) if self.process else None,
                        self.process)

    def log(self):
        return self.process.log.read_text(errors="replace")

    def local(self):
        return Client(self, by_socket=True)

    def code(self):
        """The newest one-time code that the log tells."""
        return wait_for(lambda: re.findall(r"#/welcome\?code=(\S+)",
                                           self.log()), 30,
                        "the log to tell the link")[-1]

    def command(self, *words, good=(0,), **options):
        return run([plan.program("callbridge"), "--socket", self.socket,
                    "--config", self.folder / "callbridge.yaml", *words],
                   good=good, **options)

    def first_admin(self, name="ann"):
        client = Client(self)
        answer = client.post("/first-admin", {
            "code": self.code(), "name": name, "password": PASSWORD})
        if answer.code != 200:
            raise AssertionError(answer)
        return client.take_session(answer)

    def tenant(self, name="acme"):
        """A customer with a PBX, made by the socket."""
        local = self.local()
        answers = [
            local.post("/tenants", {
                "tenant": name, "teams": {"fqdn": name + ".sbc.example.com"}}),
            local.post("/tenants/%s/pbxs" % name, {
                "name": "hq", "template": "generic", "country": "GB",
                "sip_domain": name + ".pbx.example",
                "sip_proxy": "127.0.0.1:%d" % PBX_PORT})]
        for answer in answers:
            if answer.code != 201:
                raise AssertionError(answer)
        return name


def user(n, **more):
    """A user's value."""
    return dict({"upn": "user%d@acme.example" % n,
                 "number": "+4420794%05d" % n, "pbx": "hq",
                 "sip_username": str(1000 + n),
                 "sip_password": "s3cret-%d" % n}, **more)


class Registrar:
    """A PBX that says 200 to every REGISTER, but 403 to those that it
    refuses, and remembers who asked."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((ADDRESS, PBX_PORT))
        self.sock.settimeout(0.2)
        self.expires = {}
        self.refused = set()
        self.open = True
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while self.open:
            try:
                data, peer = self.sock.recvfrom(65536)
            except socket.timeout:
                continue
            text = data.decode(errors="replace")
            if text.startswith("REGISTER "):
                self.sock.sendto(self.reply(text).encode(), peer)

    def reply(self, text):
        headers = dict(re.findall(r"(?m)^([\w-]+)\s*:\s*(.*?)\r?$", text))
        name = re.search(r"sip:(\d+)@", headers["To"]).group(1)
        status = "403 Forbidden" if name in self.refused else "200 OK"
        expires = re.search(r"expires=(\d+)", headers["Contact"])
        left = int(expires.group(1) if expires
                   else headers.get("Expires", 3600))
        self.expires[name] = left
        via = "".join("Via: %s\r\n" % each for each in
                      re.findall(r"(?m)^Via:\s*(.*?)\r?$", text))
        contact = "Contact: %s;expires=%d\r\n" % (
            headers["Contact"].split(";expires")[0], left) if left else ""
        return ("SIP/2.0 %s\r\n%sFrom: %s\r\nTo: %s;tag=pbx\r\n"
                "Call-ID: %s\r\nCSeq: %s\r\n%sContent-Length: 0\r\n\r\n" % (
                    status, via, headers["From"], headers["To"], headers["Call-ID"],
                    headers["CSeq"], contact))

    def wait(self, name, registered=True):
        wait_for(lambda: (self.expires.get(name, 0) > 0) == registered, 30,
                 "%s to %s" % (name, "register" if registered
                               else "be unregistered"))

    def close(self):
        self.open = False
        self.thread.join()
        self.sock.close()
