"""Asks the portal as pages and programs do: so many requests a second, each
at its time, whether or not the one before has been answered."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from urllib.parse import quote

from .figures import Spoilt

CONNECTIONS = 8                 # kept open, as a browser's are


def part(text):
    """As it stands in a path or a query."""
    return quote(str(text), safe="")


class Unix(http.client.HTTPConnection):
    """HTTP over the control socket."""

    def __init__(self, path):
        super().__init__("callbridge", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Portal:
    """One portal; tokens are made over its control socket."""

    def __init__(self, control, address, port):
        self.control = control
        self.address = address
        self.port = port
        self.token = None

    def open(self):
        """A connection over TLS; whose certificate it is, is not measured."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(self.address, self.port,
                                           timeout=60, context=context)

    def is_there(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.local("GET", "/health/live")[0] == 200
        return False

    def local(self, method, path, body=None):
        """Over the control socket; status and value."""
        connection = Unix(self.control)
        try:
            return self.over(connection, method, path, body)
        finally:
            connection.close()

    def sign_in(self):
        status, value = self.local("POST", "/api/v1/tokens", {
            "name": "bench", "role": "msp-admin"})
        if status != 201:
            raise Spoilt("no token: %d %s" % (status, value))
        self.token = value["token"]
        return self

    def over(self, connection, method, path, body=None,
             kind="application/json"):
        headers = {}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        if isinstance(body, dict):
            body = json.dumps(body)
        if body is not None:
            headers["Content-Type"] = kind
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        raw = answer.read()
        return answer.status, (json.loads(raw) if raw and "json" in (
            answer.getheader("Content-Type") or "") else raw)

    def ask(self, method, path, body=None, kind="application/json",
            good=(200,)):
        """Once, over TLS; the value."""
        connection = self.open()
        try:
            status, value = self.over(connection, method, path, body, kind)
        finally:
            connection.close()
        if status not in good:
            raise Spoilt("%s %s: %d %s" % (method, path, status,
                                           str(value)[:300]))
        return value


class Run:
    """Requests at a rate. `paths` are (kind, path), asked for in turn."""

    def __init__(self, portal, paths, rate, seconds):
        self.portal = portal
        self.paths = paths
        self.rate = rate
        self.count = max(len(paths), int(rate * seconds))
        self.taken = []         # (kind, s from when it was due to its end)
        self.wrong = []
        self.lock = threading.Lock()
        self.next = 0
        self.began = 0.0
        self.ready = threading.Barrier(CONNECTIONS, self.begin, 60)

    def begin(self):
        self.began = time.monotonic() + 0.1

    def work(self):
        """One connection's part. It is set up before the time runs, as a
        page's is that somebody has open."""
        connection = self.portal.open()
        connection.connect()
        self.ready.wait()
        began = self.began
        while True:
            with self.lock:
                number = self.next
                self.next += 1
            if number >= self.count:
                break
            kind, path = self.paths[number % len(self.paths)]
            due = began + number / self.rate
            time.sleep(max(0, due - time.monotonic()))
            try:
                status, value = self.portal.over(connection, "GET", path)
            except (OSError, http.client.HTTPException) as error:
                status, value = 0, error
                connection.close()
                connection = self.portal.open()
            took = time.monotonic() - due
            with self.lock:
                self.taken.append((kind, took))
                if status != 200:
                    self.wrong.append("%s: %s %s" % (path, status,
                                                     str(value)[:200]))
        connection.close()

    def run(self):
        """@return self, when all have been answered"""
        threads = [threading.Thread(target=self.work)
                   for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(self.taken) != self.count:
            raise Spoilt("a connection to the portal was lost")
        if self.wrong:
            raise Spoilt("%d of %d requests failed, the first: %s" % (
                len(self.wrong), self.count, self.wrong[0]))
        return self

    def ms(self, share, kind=None):
        """So many of the requests took no longer [ms]."""
        return 1000 * quantile([took for of, took in self.taken
                                if kind in (None, of)], share)

    def worst(self, say):
        """Tell what each kind of request took."""
        for kind in dict.fromkeys(kind for kind, _ in self.paths):
            say("  %-28s p50 %7.1f ms, p99 %7.1f ms" % (
                kind, self.ms(0.5, kind), self.ms(0.99, kind)))


def quantile(values, share):
    """The smallest value that `share` of them do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)
    return ordered[max(0, int(rank) - 1)]
