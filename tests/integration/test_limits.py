"""What one caller, or many strangers, may cost the portal."""

import json
import socket
import threading

from portal import ADDRESS, PORT, Client
from support import deadline, wait_for
from test_portal import PortalTest

MIB = 1 << 20


class Limits(PortalTest):
    """Strangers who mean it, and whoever is there beside them."""

    portal = ", connections_per_source: 10"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service.tenant()

    def connect(self, source=70):
        """A connection as a stranger has it."""
        sock = socket.create_connection((ADDRESS, PORT), 20,
                                        ("127.0.0.%d" % source, 0))
        sock = self.service.trust().wrap_socket(sock,
                                                server_hostname=ADDRESS)
        self.addCleanup(sock.close)
        return sock

    def raw(self, text):
        """What comes back until the connection ends."""
        sock = self.connect()
        sock.sendall(text)
        answer = b""
        try:
            while True:
                more = sock.recv(65536)
                if not more:
                    break
                answer += more
        except OSError:
            pass
        return answer

    def test_headers_that_two_would_read_differently(self):
        good = b"GET /health/live HTTP/1.1\r\nHost: x\r\n" \
            b"Connection: close\r\n"
        self.assertIn(b" 200 ", self.raw(good + b"\r\n").split(b"\r\n")[0])
        for line in (b"Host: y", b"X : y", b"X Y: z", b"X: a\x01b",
                     b"X: a\x7fb", b"(X): y", b"X: a\rb",
                     b"Content-Length : 0", b"Content-Length: +0",
                     b"Content-Length: 0x0", b"Content-Length: 0, 0",
                     b"Content-Length: 0\r\nContent-Length: 0",
                     b"Transfer-Encoding: gzip, chunked",
                     b"Transfer-Encoding: chunked\r\nContent-Length: 0",
                     b"\r\n".join(b"X%d: y" % n for n in range(70))):
            answer = self.raw(good + line + b"\r\n\r\n")
            self.assertNotIn(b" 200 ", answer.split(b"\r\n")[0], line)
            if answer:
                self.assertIn(b" 400 ", answer.split(b"\r\n")[0], line)

    def pour(self, sock):
        """Send a body but for its end. Whoever is cut off is not told
        so while it writes: nobody reads any more."""
        sock.settimeout(10)
        try:
            sock.sendall(b"POST /api/v1/tenants/acme/users/import HTTP/1.1"
                         b"\r\nHost: x\r\nContent-Type: text/csv\r\n"
                         b"Content-Length: %d\r\n\r\n" % (15 * MIB))
            for _ in range(14):
                sock.sendall(b"x" * MIB)
        except OSError:
            pass                # cut off

    @staticmethod
    def is_cut(sock):
        sock.settimeout(0.01)
        try:
            return not sock.recv(1)
        except TimeoutError:
            return False
        except OSError:
            return True

    @deadline(180)
    def test_bodies_of_strangers_are_bounded(self):
        socks = [self.connect() for _ in range(5)]
        threads = [threading.Thread(target=self.pour, args=(sock,))
                   for sock in socks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # 48 MiB of a source: three of 14 fit
        wait_for(lambda: sum(map(self.is_cut, socks)) == 2, 20,
                 lambda: "two of five to be cut off, not %s"
                 % list(map(self.is_cut, socks)))
        # others are none the worse, not even with as large a body
        token = self.made(self.local.post("/tokens", {
            "name": "other", "role": "msp-admin"}))["token"]
        other = Client(self.service, token, source=71)
        self.assertEqual(other.get("/tenants").code, 200)
        body = "upn,number,pbx,sip_username\n" + "#" * (10 * MIB) + "\n"
        self.assertEqual(other.post("/tenants/acme/users/import", body,
                                    type_="text/csv").code, 202)

    def test_what_is_nested_deep_is_not_read(self):
        deep = "[" * 40 + "]" * 40
        for path, body in (("/tenants", '{"tenant": %s}' % deep),
                           ("/apply", '{"tenant": %s}' % deep)):
            self.assertEqual(self.local.post(path, body).code, 400, path)
        job = self.made(self.local.post(
            "/tenants/acme/users/import", '{"users": %s}' % deep), 202)
        end = wait_for(lambda: (lambda now: now["state"] != "running" and now)(
            self.local.get("/imports/" + job["id"]).json), 30,
            "the import to end")
        self.assertEqual(end["state"], "failed")
        self.assertIn("deep", json.dumps(end["errors"]))

    def test_json_of_too_much_is_not_read(self):
        def refused(path, body, why):
            answer = self.local.post(path, body)
            self.assertEqual(answer.code, 400, answer)
            self.assertIn(why, answer.json["error"])

        def many(count):
            return '{"tenant": [%s]}' % ",".join(["1"] * count)
        refused("/tenants", many(100001), "at most 100000 values")
        refused("/apply", many(1000001), "at most 1000000 values")
        refused("/tenants", '{"tenant": "%s"}' % ("x" * 262145),
                "texts of at most 262144 octets")
        # what is in a text is none of it; this much is read, and is wrong
        for body in (many(99990), '{"tenant": "%s"}' % ("," * 262144),
                     '{"tenant": "%s"}' % ("\\\"" * 100000)):
            self.assertEqual(self.local.post("/tenants", body).code, 422)

    def test_a_source_has_as_many_connections_as_is_set(self):
        socks = [socket.create_connection((ADDRESS, PORT), 20,
                                          ("127.0.0.90", 0))
                 for _ in range(12)]
        for sock in socks:
            self.addCleanup(sock.close)
        wait_for(lambda: sum(map(self.is_cut, socks)) == 2, 20,
                 "two of twelve to be closed")
        self.assertEqual(Client(self.service, source=91).get(
            "/sign-in").code, 200)

    def test_strangers_who_sign_in_leave_workers_to_others(self):
        codes = []
        start = threading.Barrier(12)

        def sign_in(number):
            client = Client(self.service, source=80 + number)
            client.get("/sign-in")      # the connection is there
            start.wait(30)
            codes.append(client.post("/session", {
                "name": "nobody%d" % number,
                "password": "wrong password"}).code)
            client.close()
        threads = [threading.Thread(target=sign_in, args=(number,))
                   for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLessEqual(set(codes), {401, 503})
        self.assertIn(401, codes)
        self.assertIn(503, codes)
