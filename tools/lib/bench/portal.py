"""tools/bench portal: what the portal's pages take when there are many users
and years of call records."""

import contextlib
import json
import re
import shutil
import sqlite3
import subprocess
import time

from lab import pki, plan, postgres
from lab.process import Process, wait_for

from . import callbridge
from .asking import Portal, Run, part
from .callbridge import Callbridge
from .figures import Spoilt
from .subject import SUBJECT_CORE, pinned

PORT = 8443
ADDRESS = plan.BRIDGE_PBX
RATE = 50                       # requests a second
CALLS_RATE = 10

SIZES = {
    "full": {"tenants": 200, "users": 100000, "calls": 10000000, "days": 90,
             "imported": 100000, "seconds": 60},
    "short": {"tenants": 20, "users": 10000, "calls": 200000, "days": 90,
              "imported": 10000, "seconds": 10},
    "tiny": {"tenants": 3, "users": 60, "calls": 300, "days": 3,
             "imported": 50, "seconds": 1},
}

FIGURES = (
    ("users", "users in the store", "", True),
    ("calls", "call records in the store", "", True),
    ("store_mb", "the store", "MB", False),
    ("api_ms_p50", "a request while users register, median", "ms", False),
    ("api_ms_p99", "... 99 of 100", "ms", False),
    ("api_changes_per_s", "... registrations a second meanwhile", "", True),
    ("users_ms_p50", "a page of the user list, median", "ms", False),
    ("users_ms_p99", "... 99 of 100", "ms", False),
    ("calls_ms_p50", "a page of call records, median", "ms", False),
    ("calls_ms_p99", "... 99 of 100", "ms", False),
    ("page_kb", "the page, all of its files", "KB", False),
    ("import_users", "users that were imported", "", True),
    ("import_s", "their CSV, until it is told as done", "s", False),
    ("import_steps", "times that its progress was seen to grow", "", True),
)

SETTINGS = """\
portal: {{address: {address}, port: {port}, certificate: {tls}/bridge-many-chain.pem, key: {tls}/bridge-many.key}}
store: {{url: "{url}", key_file: {folder}/keys}}
"""


class Stored(Callbridge):
    """A bridge whose customers are all in its store."""

    name = "portal"

    def __init__(self, state, url):
        super().__init__(state)
        self.url = url

    def start(self, users, trace_mb=1, keep=True, **how):
        for name in ("state", "customers"):
            (self.folder / name).mkdir(exist_ok=True)
        tls = pki.ensure(self.folder.parent)
        config = self.folder / "callbridge.yaml"
        config.write_text(
            SETTINGS.format(address=ADDRESS, port=PORT, tls=tls,
                            url=self.url, folder=self.folder)
            + callbridge.node(self.folder, tls, trace_mb))
        self.process = Process.start(
            "callbridged",
            pinned(SUBJECT_CORE, [plan.program("callbridged"), "-c", config]),
            self.folder / "stderr")
        return self.process


def fill(folder, url, size, say):
    """Make the store, as years of use would."""
    state = folder / "made"
    state.mkdir(exist_ok=True)
    say("portal: %d users and %d call records are made" % (size["users"],
                                                           size["calls"]))
    words = [plan.program("portal-data"), "--store", url,
             "--key-file", folder / "keys", "--state", state,
             "--pbx", plan.ASTERISK + ":5060", "--first", callbridge.FIRST]
    for name in ("tenants", "users", "calls", "days"):
        words += ["--" + name, size[name]]
    done = subprocess.run([str(word) for word in words],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise Spoilt("portal-data: " + done.stderr[-500:])
    made = json.loads(done.stdout)
    say("portal: made in %.0f s" % (made["objects_s"] + made["calls_s"]))
    return made


# What an earlier run has left in a store that stays. The numbers of its
# lines were those of another journal.
LEFT = (
    *("DELETE FROM %s WHERE tenant = 'import'" % table
      for table in ("users", "secrets", "pbxs", "tenants", "audit")),
    *("DELETE FROM " + table
      for table in ("registrations", "registration_history", "outages",
                    "journal_position", "tokens")),
)


def freshen(path):
    """The store as it was when it was made."""
    with contextlib.closing(sqlite3.connect(path)) as store, store:
        for words in LEFT:
            store.execute(words)


# What is asked for


def user_pages(portal, size):
    """The user list, in each way that a person looks at it."""
    middle = "t%d" % (size["tenants"] // 2)
    own = "/api/v1/tenants/%s/users?limit=50" % middle
    every = "/api/v1/users?limit=50"
    last = callbridge.FIRST + size["users"] - 1
    pages = [
        ("all, first", every),
        ("a customer's, first", own),
        ("by number", own + "&sort=number"),
        ("by number, backwards", own + "&sort=-number"),
        ("by PBX", own + "&sort=pbx"),
        ("a name, of a customer", own + "&q=carter"),
        ("a name, of all", every + "&q=carter"),
        ("a number, of all", every + "&q=%05d" % last),
        ("nothing, of all", every + "&q=nobody-is-called-so"),
        ("registered, of all", every + "&state=registered"),
        ("failing, of a customer", own + "&state=failing"),
        ("failing, of all", every + "&state=failing"),
        ("disabled, of all", every + "&enabled=false"),
        ("of a PBX", own + "&pbx=hq"),
    ]
    return pages + [("deep, of all", every + "&cursor=" + part(cursor))
                    for cursor in cursors(portal, size)]


def cursors(portal, size):
    """Where pages deep in the list of all users begin."""
    found, cursor = [], None
    for _ in range(-(-size["users"] // 1000)):
        page = portal.ask("GET", "/api/v1/users?limit=%d%s" % (
            min(1000, max(1, size["users"] // 3)),
            "&cursor=" + part(cursor) if cursor else ""))
        cursor = page["next"]
        if not cursor:
            break
        found.append(cursor)
    return [found[len(found) // 2], found[-1]]


def call_pages(size):
    """Call records, as they are looked through."""
    tenant = "t%d" % (size["tenants"] // 2)
    upn = part("u%d@contoso.example" % (callbridge.FIRST
                                        + size["users"] // 2))
    every = "/api/v1/call-records?limit=50"
    now = int(time.time() * 1000)
    old = now - size["days"] * 86400000 // 2
    return [
        ("all", every),
        ("a customer's", every + "&tenant=" + tenant),
        ("a PBX's", every + "&pbx=hq&tenant=" + tenant),
        ("a user's", every + "&tenant=%s&upn=%s" % (tenant, upn)),
        ("of a day", every + "&from_ms=%d&to_ms=%d" % (old,
                                                       old + 86400000)),
        ("a customer's, of a day", every + "&tenant=%s&from_ms=%d&to_ms=%d"
         % (tenant, old, old + 86400000)),
        ("nobody's", every + "&tenant=%s&upn=nobody" % tenant),
    ]


def mixture(size):
    """What pages and programs ask for all day."""
    tenant = "t%d" % (size["tenants"] // 2)
    upn = part("u%d@contoso.example" % (callbridge.FIRST
                                        + size["users"] // 2))
    return [
        ("overview of all", "/api/v1/overview"),
        ("overview of a customer", "/api/v1/overview?tenant=" + tenant),
        ("customers", "/api/v1/tenants?limit=50"),
        ("a customer", "/api/v1/tenants/" + tenant),
        ("its PBXs", "/api/v1/tenants/%s/pbxs" % tenant),
        ("its users", "/api/v1/tenants/%s/users?limit=50" % tenant),
        ("a user", "/api/v1/tenants/%s/users/%s" % (tenant, upn)),
        ("its registrations",
         "/api/v1/registrations?failing=true&tenant=" + tenant),
        ("its call records",
         "/api/v1/call-records?limit=50&tenant=" + tenant),
        ("calls now", "/api/v1/calls?limit=50&tenant=" + tenant),
        ("trunks", "/api/v1/trunks?tenant=" + tenant),
        ("changes", "/api/v1/audit?limit=50&tenant=" + tenant),
    ]


# What is measured


def registered(portal):
    """Users that are, as the bridge itself counts them."""
    text = portal.ask("GET", "/metrics").decode()
    found = re.search(r'(?m)^callbridge_registrations\{[^}]*state='
                      r'"registered"[^}]*\} (\d+)', text)
    if not found:
        raise Spoilt("no count of registrations in /metrics")
    return int(found.group(1))


def while_registering(portal, size, say):
    say("portal: asked while users register")
    before, began = registered(portal), time.monotonic()
    run = Run(portal, mixture(size), RATE, size["seconds"]).run()
    changes = (registered(portal) - before) / (time.monotonic() - began)
    run.worst(say)
    return {"api_ms_p50": run.ms(0.5), "api_ms_p99": run.ms(0.99),
            "api_changes_per_s": changes}


def lists(portal, size, say):
    say("portal: the user list")
    users = Run(portal, user_pages(portal, size), RATE,
                size["seconds"]).run()
    users.worst(say)
    say("portal: call records")
    calls = Run(portal, call_pages(size), CALLS_RATE, size["seconds"]).run()
    calls.worst(say)
    return {"users_ms_p50": users.ms(0.5), "users_ms_p99": users.ms(0.99),
            "calls_ms_p50": calls.ms(0.5), "calls_ms_p99": calls.ms(0.99)}


def page(portal):
    """Octets of the page and all that it names."""
    text = portal.ask("GET", "/")
    files = re.findall(rb'(?:src|href)="(/?[\w.-]+)"', text)
    if not files:
        raise Spoilt("the page names no files: was it built?")
    octets = len(text)
    for name in set(files):
        value = portal.ask("GET", "/" + name.decode().lstrip("/"))
        octets += len(value if isinstance(value, bytes)
                      else json.dumps(value))
    return {"page_kb": octets / 1000}


def sheet(count):
    """A CSV file of so many users. They are not enabled: what their
    registering costs is no part of the import."""
    lines = ["upn,name,number,pbx,sip_username,sip_password,enabled"]
    lines += ["i%d@import.example,Person %d,+4930%07d,hq,%d,secret-%d,no" % (
        n, n, n, n, n) for n in range(count)]
    return "\r\n".join(lines) + "\r\n"


def imported(portal, size, say):
    """A new customer's users, all at once."""
    say("portal: %d users are imported" % size["imported"])
    portal.ask("POST", "/api/v1/tenants", {
        "tenant": "import", "teams": {"fqdn": "import.sbc.example.com"}},
        good=(201,))
    portal.ask("POST", "/api/v1/tenants/import/pbxs", {
        "name": "hq", "template": "generic", "country": "DE",
        "sip_domain": "pbx.import.example",
        "sip_proxy": plan.ASTERISK + ":5060"}, good=(201,))
    body = sheet(size["imported"])
    began = time.monotonic()
    job = portal.ask("POST", "/api/v1/tenants/import/users/import", body,
                     "text/csv", good=(202,))
    seen = []

    def over():
        now = portal.ask("GET", "/api/v1/imports/" + job["id"])
        seen.append(now["done"])
        return now["state"] != "running" and now
    end = wait_for(over, 600, "the import to end", 0.1)
    took = time.monotonic() - began
    if end["created"] != size["imported"]:
        raise Spoilt("the import: %s" % json.dumps(end)[:500])
    steps = sum(a < b for a, b in zip([0] + seen, seen))
    return {"import_users": end["created"], "import_s": took,
            "import_steps": steps}


def check(portal, size):
    """Is what is measured what was to be made?"""
    total = portal.ask("GET", "/api/v1/users?limit=1")["total"]
    if total != size["users"]:
        raise Spoilt("%d users, not %d" % (total, size["users"]))


def asked(subject, size, say):
    """All of it, while load is the users' PBX."""
    found = {"users": size["users"], "calls": size["calls"]}

    def ask(load):
        portal = Portal(subject.folder / "state/control.sock", ADDRESS, PORT)
        subject.process.wait_ready(portal.is_there, 120,
                                   "the portal to answer")
        portal.sign_in()
        found.update(while_registering(portal, size, say))
        load.wait_said("registered", 1200)
        check(portal, size)
        found.update(lists(portal, size, say))
        found.update(page(portal))
        found.update(imported(portal, size, say))
        load.process.send(10)
    subject.run("--register", size["users"], "--wait-signal",
                users=size["users"], during=ask, deadline_s=1800)
    return found


def on_sqlite(state, size, data, say):
    """A file; made once if it is to stay."""
    subject = Stored(state, "")
    folder = data or subject.folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "store.db"
    subject.url = "sqlite:%s" % path
    if not path.exists():
        fill(folder, subject.url, size, say)
    freshen(path)
    if data:
        shutil.copy(data / "keys", subject.folder / "keys")
    found = asked(subject, size, say)
    found["store_mb"] = path.stat().st_size / 1e6
    return found


def on_postgres(state, size, say):
    """A server of its own."""
    server = postgres.Postgres(synced=True)
    try:
        server.start()
        subject = Stored(state, server.database())
        fill(subject.folder, subject.url, size, say)
        server.settle(subject.url)
        found = asked(subject, size, say)
        found["store_mb"] = server.megabytes(subject.url)
        return found
    finally:
        server.stop()


def measure(state, name, where, data, calls, say):
    """Every figure, once; with so many call records, if that is said."""
    size = dict(SIZES[name])
    size["calls"] = calls or size["calls"]
    if where == "postgres":
        return on_postgres(state, size, say)
    return on_sqlite(state, size, data, say)
