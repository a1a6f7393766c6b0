#!/usr/bin/python3
"""A stand-in for Microsoft's sign-in service and Microsoft Graph, over TLS."""

import argparse
import base64
import collections
import gzip
import hashlib
import json
import pathlib
import random
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PHONE = "4828c8ec-dc2e-4779-b502-87ac9ce28ab7"
RESOURCE = "f47330e9-c134-43b3-9993-e7f004506889"
TEAMS = "/v1.0/admin/teams"
NUMBERS = TEAMS + "/telephoneNumberManagement"
TOKEN_S = 3599
PAGE = 100

Reply = collections.namedtuple(
    "Reply", "status body headers gzipped cut_at delay",
    defaults=(b"", {}, False, None, 0))
Asked = collections.namedtuple("Asked", "method path headers body")


def plan(status="Enabled", ident=PHONE):
    """One of somebody's service plans."""
    return {"servicePlanId": ident, "capabilityStatus": status,
            "service": "MicrosoftCommunicationsOnline"}


def person(upn, country="GB", plans=None, **more):
    """A user as Graph shows one; its id follows from the name."""
    row = {"id": str(uuid.uuid5(uuid.NAMESPACE_DNS, upn)),
           "userPrincipalName": upn, "displayName": upn.split("@")[0].title(),
           "usageLocation": country, "accountEnabled": True,
           "userType": "Member",
           "assignedPlans": [plan()] if plans is None else plans}
    row.update(more)
    return row


def people(count, seed=1):
    """So many, the same each time: some without licence, some guests."""
    dice = random.Random(seed)
    rows = []
    for number in range(count):
        chance = dice.random()
        rows.append(person(
            "user%05d@contoso.example" % number,
            plans=[] if chance < 0.2 else None,
            userType="Guest" if 0.2 <= chance < 0.25 else "Member"))
    return rows


class Server(ThreadingHTTPServer):
    """A client that hangs up, or does not like our certificate, is no news."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class FakeGraph:
    """The server. `rows` may be changed while it runs; change() tells delta
    of it."""

    def __init__(self, certificate, rows=(), secret="secret",
                 address="127.0.0.1", port=0):
        self.rows = {row["id"]: row for row in rows}
        self.secret = secret
        self.trusted = None     # file of the app's certificate
        self.page = PAGE
        self.token_s = TOKEN_S
        self.shift = 0          # of the clock, seconds
        self.changes = []
        self.log = []
        self.tokens = {}        # token: when it ends
        self.numbers = {}       # who has which, by id
        self.policies = {}      # of whom, by id: {type: policy id}
        self.known = {"OnlineVoiceRoutingPolicy": "Callbridge",
                      "TenantDialPlan": "Callbridge"}
        self.mute = set()       # ids of whose voice is not yet on
        self.disturbed = set()  # ids of who does not want to be
        self.preferred = {}     # by id, what they are to be shown as
        self.operations = {}    # what is still to be told of each
        self.lag = 1            # how often one is not yet done
        self.laid_out = {}      # (method, beginning of path): replies
        self.lock = threading.Lock()
        self.server = Server((address, port), self.handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = "https://%s:%d" % (address, self.server.server_port)
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def reply_with(self, method, path, *replies):
        """Answer the next requests like that one with these, in order."""
        queue = self.laid_out.setdefault((method, path), collections.deque())
        queue.extend(replies)

    def change(self, row):
        """Somebody is new, other than before, or (@removed) gone."""
        with self.lock:
            if "@removed" in row:
                self.rows.pop(row["id"], None)
            else:
                self.rows[row["id"]] = row
            self.changes.append(row)

    def asked(self, part):
        """The requests with that in their path."""
        return [one for one in self.log if part in one.path]

    def clock(self):
        return time.monotonic() + self.shift

    # What it answers

    def answer(self, asked):
        with self.lock:
            self.log.append(asked)
            for (method, path), queue in self.laid_out.items():
                if asked.method == method and queue and path in asked.path:
                    return queue.popleft()
            return self.answer_well(asked)

    def answer_well(self, asked):
        url = urllib.parse.urlsplit(asked.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/__log":
            return as_json(200, [one._asdict() for one in self.log[:-1]])
        if url.path == "/__clock":
            self.shift += float(query.get("seconds", 0))
            return as_json(200, {"shift": self.shift})
        if url.path.endswith("/oauth2/v2.0/token"):
            return self.token(asked)
        if not self.let_in(asked):
            return failure(401, "InvalidAuthenticationToken")
        if url.path == "/v1.0/users/delta":
            return self.delta(query)
        if url.path == "/v1.0/users":
            return as_json(200, {"value": list(self.rows.values())[
                :int(query.get("$top", self.page))]})
        if url.path == "/v1.0/communications/getPresencesByUserId":
            return self.presences(json.loads(asked.body)["ids"])
        found = re.match(r"/v1.0/users/([^/]+)/presence/(\w+)$", url.path)
        if found and asked.method == "POST":
            return self.presence(*found.groups(), json.loads(asked.body))
        if url.path.startswith(TEAMS):
            return self.teams(asked, url.path)
        return failure(404, "Request_ResourceNotFound")

    def token(self, asked):
        form = dict(urllib.parse.parse_qsl(asked.body))
        if (asked.method != "POST" or form.get("grant_type") !=
                "client_credentials" or form.get("scope") !=
                self.url + "/.default"):
            return as_json(400, {"error": "invalid_request"})
        if not self.is_proven(form):
            return as_json(401, {
                "error": "invalid_client", "error_codes": [7000215],
                "error_description": "AADSTS7000215: never shown"})
        token = uuid.uuid4().hex
        self.tokens[token] = self.clock() + self.token_s
        return as_json(200, {"token_type": "Bearer", "access_token": token,
                             "expires_in": self.token_s})

    def is_proven(self, form):
        """By the secret, or signed by the certificate's key (RFC 7523)."""
        if "client_assertion" not in form:
            return form.get("client_secret") == self.secret
        signed, _, signature = form["client_assertion"].rpartition(".")
        header, claims = [json.loads(unbase64(part))
                          for part in signed.split(".")]
        with tempfile.TemporaryDirectory() as folder:
            written = pathlib.Path(folder, "signature")
            written.write_bytes(unbase64(signature))
            key = subprocess.run(
                ["openssl", "x509", "-in", self.trusted, "-noout", "-pubkey"],
                check=True, capture_output=True).stdout
            pathlib.Path(folder, "key").write_bytes(key)
            good = subprocess.run(
                ["openssl", "dgst", "-sha256", "-verify", folder + "/key",
                 "-signature", written], input=signed.encode(), check=False,
                capture_output=True).returncode == 0
        der = ssl.PEM_cert_to_DER_cert(
            pathlib.Path(self.trusted).read_text().split("-----BEGIN PR")[0])
        return (good and header["alg"] == "RS256" and
                unbase64(header["x5t#S256"]) == hashlib.sha256(der).digest()
                and unbase64(header["x5t"]) == hashlib.sha1(der).digest()
                and claims["iss"] == claims["sub"] == form["client_id"]
                and claims["aud"].startswith(self.url)
                and claims["nbf"] <= time.time() < claims["exp"]
                and form["client_assertion_type"] == "urn:ietf:params:oauth:"
                "client-assertion-type:jwt-bearer")

    def let_in(self, asked):
        scheme, _, token = asked.headers.get("authorization",
                                             "").partition(" ")
        return (scheme == "Bearer" and
                self.tokens.get(token, 0) > self.clock())

    def delta(self, query):
        if "$top" in query:
            return failure(400, "Request_BadRequest")
        if "$deltatoken" in query:
            rows = self.changes[int(query["$deltatoken"]):]
        else:
            rows = list(self.rows.values())
        begin = int(query.get("$skiptoken", 0))
        end = begin + self.page
        link = self.url + "/v1.0/users/delta?"
        page = {"value": rows[begin:end]}
        if end < len(rows):
            page["@odata.nextLink"] = "%s$skiptoken=%d" % (link, end)
        else:
            page["@odata.deltaLink"] = "%s$deltatoken=%d" % (
                link, len(self.changes))
        return as_json(200, page)

    def presences(self, ids):
        if len(ids) > 650:
            return failure(400, "BadRequest")
        return as_json(200, {"value": [
            {"id": ident, "activity": "Presenting",
             "availability": "DoNotDisturb" if ident in self.disturbed
             else "Available"} for ident in ids if ident in self.rows]})

    def presence(self, ident, verb, value):
        """What is preferred; the answer has no body. No app has sessions."""
        if ident not in self.rows:
            return failure(404, "NotFound")
        if verb == "setUserPreferredPresence":
            if (value["availability"], value["activity"]) != (
                    "DoNotDisturb", "DoNotDisturb"):
                return failure(400, "BadRequest")
            self.preferred[ident] = value["availability"]
        elif verb == "clearUserPreferredPresence":
            self.preferred.pop(ident, None)
        elif verb != "clearPresence" or not value.get("sessionId"):
            return failure(400, "BadRequest")
        return Reply(200)

    def teams(self, asked, path):
        """Numbers and policies; what is not there is 404."""
        if path == TEAMS + "/userConfigurations":
            return as_json(200, {"value": [self.configuration(ident)
                                           for ident in self.rows]})
        if path == NUMBERS + "/numberAssignments":
            return as_json(200, {"value": []})
        if path == NUMBERS + "/numberAssignments/assignNumber":
            return self.assign(json.loads(asked.body))
        if path.startswith(NUMBERS + "/operations"):
            replies = self.operations[path]
            return as_json(200, replies.pop(0) if len(replies) > 1
                           else replies[0])
        found = re.match(TEAMS + r"/policy/getPolicyId\(type='(\w+)',"
                         r"name='(\w+)'\)$", path)
        if found:
            kind, name = found.groups()
            return as_json(200, {"value": [
                {"name": name, "policyId": "id-of-" + kind}]
                if self.known.get(kind) == name else []})
        if path == TEAMS + "/policy/userAssignments/assign":
            for one in json.loads(asked.body)["value"]:
                self.policies.setdefault(one["userId"], {})[
                    one["policyType"]] = one["policyId"]
            return Reply(204)
        return failure(404, "Request_ResourceNotFound")

    def configuration(self, ident):
        return {"id": ident, "isEnterpriseVoiceEnabled": ident in
                self.numbers and ident not in self.mute,
                "telephoneNumbers": [
                    {"telephoneNumber": self.numbers[ident],
                     "assignmentCategory": "primary"}]
                if ident in self.numbers else [],
                "effectivePolicyAssignments": [
                    {"policyType": kind, "policyAssignment":
                     {"policyId": policy, "assignmentType": "direct"}}
                    for kind, policy in self.policies.get(ident,
                                                          {}).items()]}

    def assign(self, wanted):
        number, ident = wanted["telephoneNumber"], wanted["assignmentTargetId"]
        if number in self.numbers.values():
            return failure(400, "AlreadyAssigned")
        self.numbers[ident] = number
        path = NUMBERS + "/operations('%d')" % len(self.operations)
        self.operations[path] = [{"value": {"status": "running"}}] * self.lag \
            + [{"value": [{"status": "succeeded", "numbers": []}]}]
        return Reply(202, headers={"Location": self.url + path})

    def handler(self):
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def answer(self):
                size = int(self.headers.get("Content-Length") or 0)
                headers = {k.lower(): v for k, v in self.headers.items()}
                reply = fake.answer(Asked(
                    self.command, self.path, headers,
                    self.rfile.read(size).decode()))
                try:
                    self.send(reply)
                except OSError:     # the client has had enough
                    self.close_connection = True

            do_GET = do_POST = answer

            def send(self, reply):
                time.sleep(reply.delay)
                if reply.status == 0:
                    self.close_connection = True
                    return
                body = reply.body
                if reply.gzipped:
                    body = gzip.compress(body)
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("request-id", "fake-%d" % len(fake.log))
                if reply.gzipped:
                    self.send_header("Content-Encoding", "gzip")
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body[:reply.cut_at])
                self.close_connection = reply.cut_at is not None

            def log_message(self, *_):
                pass

        return Handler


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def as_json(status, value, **headers):
    return Reply(status, json.dumps(value).encode(), headers)


def failure(status, code, **headers):
    """An error as Graph writes it."""
    return as_json(status, {"error": {"code": code, "message": "not shown"}},
                   **headers)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificate", required=True,
                        help="PEM with certificate and key")
    parser.add_argument("--people", type=int, default=25)
    parser.add_argument("--secret", default="secret")
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args()
    with FakeGraph(args.certificate, people(args.people), args.secret,
                   port=args.port) as fake:
        print(fake.url, flush=True)
        fake.thread.join()


if __name__ == "__main__":
    main()
