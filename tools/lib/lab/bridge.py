"""The bridge itself, as a customer would set it up: callbridged."""

import json
import subprocess

from . import pki, plan
from .process import Process, run, wait_for


# Tests call more often than people do, and abroad.
POLICY = ("{allow: [internal, service, national, mobile, freephone, "
          "shared-cost, international], calls_per_user: 100, "
          "starts_per_minute_user: 10000}")


def quote(value):
    """A YAML scalar; JSON's strings are YAML's."""
    return json.dumps(str(value))


class User:
    """One Teams user in the customer file."""

    def __init__(self, extension, name=None, number=None, pbx="hq",
                 sip_username=None, sip_auth_username=None,
                 sip_password=None):
        self.extension = extension
        self.name = name or "user%d" % extension
        self.upn = "%s@contoso.example" % self.name.lower()
        self.pbx = pbx
        self.number = number or plan.user_number(extension)
        self.settings = {
            "sip_username": sip_username or str(extension),
            "sip_auth_username": sip_auth_username,
            "sip_password": sip_password or plan.secret(extension)}

    def yaml(self):
        fields = {"upn": self.upn, "number": self.number, "pbx": self.pbx,
                  **self.settings}
        return "  - {%s}" % ", ".join(
            "%s: %s" % (key, quote(value))
            for key, value in fields.items() if value is not None)


class Pbx:
    """One PBX in the customer file; `fields` are those of the form."""

    def __init__(self, name="hq", **fields):
        self.name = name
        self.fields = {"template": "generic", "country": "GB",
                       "sip_domain": plan.PBX_NAME,
                       "sip_proxy": plan.ASTERISK + ":5060",
                       "protocol": "udp",
                       "outside_line_prefix": quote(plan.OUTSIDE_PREFIX),
                       "e164": "{national: true, national_prefix: \"0\", "
                               "international_prefix: \"00\"}"}
        self.fields.update(fields)

    def yaml(self):
        lines = ["  - name: " + self.name]
        lines += ["    %s: %s" % item for item in self.fields.items()
                  if item[1] is not None]
        return "\n".join(lines)


class Bridge:
    """A callbridged with one customer, its folder below `state`."""

    def __init__(self, state, pbxs, users, name="bridge", **node):
        self.state = state
        self.folder = state / name
        self.pbxs = pbxs
        self.users = users
        self.node = node
        self.process = None
        self.socket = self.folder / "state/control.sock"
        self.config = self.folder / "callbridge.yaml"

    def configure(self):
        """Write callbridge.yaml and the customer file."""
        pki.ensure(self.state)
        (self.folder / "state").mkdir(parents=True, exist_ok=True)
        (self.folder / "customers").mkdir(exist_ok=True)
        self.config.write_text(self.node_yaml())
        (self.folder / "customers/contoso.yaml").write_text(
            self.customer_yaml())

    def node_yaml(self):
        tls = self.state / "tls"
        values = {
            "state_dir": self.folder / "state",
            "customers": "[%s]" % (self.folder / "customers"),
            "sip": "{address: %s, udp_port: 5060, tcp_port: 5060, "
                   "tls_port: 5061, certificate: %s, key: %s}"
                   % (plan.BRIDGE_PBX, tls / "bridge-pbx-side-chain.pem",
                      tls / "bridge-pbx-side.key"),
            "teams": "{address: %s, port: %d, certificate: %s, key: %s, "
                     "ca_file: %s, options: 2s}"
                     % (plan.BRIDGE_TEAMS, plan.BRIDGE_TEAMS_PORT,
                        tls / "bridge-chain.pem", tls / "bridge.key",
                        tls / "microsoft-root.pem"),
            "dns": "{servers: [\"%s:%d\"]}" % (plan.DNS_HOST, plan.DNS_PORT),
            "log": "{level: debug}",
            "portal": "{port: 0}",
        }
        values.update(self.node)
        return "".join("%s: %s\n" % item for item in values.items()
                       if item[1] is not None)

    def customer_yaml(self):
        return "\n".join([
            "tenant: contoso", "teams: {fqdn: %s}" % plan.TENANT_FQDN,
            "policy: " + POLICY,
            "pbx:", *(pbx.yaml() for pbx in self.pbxs),
            "users:", *(user.yaml() for user in self.users), ""])

    def start(self, env=None, ready=True):
        """Configure and start; with `ready`, wait until it answers."""
        self.configure()
        self.launch(env, ready)
        return self.process

    def launch(self, env=None, ready=True):
        self.process = Process.start(
            "callbridged", [plan.program("callbridged"), "-c", self.config],
            self.folder / "log", env)
        if ready:
            self.process.wait_ready(self.answers, 60,
                                    "callbridged to answer")

    def command(self, *words, good=(0,)):
        """Run `callbridge WORDS` against this bridge; its output."""
        return run([plan.program("callbridge"), "--socket", self.socket,
                    *words], good=good)

    def answers(self):
        if not self.socket.exists():
            return False
        try:
            self.command("status", "--json")
        except RuntimeError:
            return False
        return True

    def status(self):
        """Users by UPN, as `callbridge status --json` has them."""
        rows = json.loads(self.command("status", "--json"))
        return {row["upn"]: row for row in rows["registrations"]}

    def calls(self):
        """Call records, newest state of each, as `callbridge calls`."""
        return json.loads(self.command("calls", "--json"))["calls"]

    def wait_registered(self, *users, deadline_s=30):
        """Wait until these users (default: all) are registered; their
        rows."""
        users = users or self.users

        def registered():
            rows = self.status()
            return all(rows.get(user.upn, {}).get("state") == "registered"
                       for user in users) and rows
        return wait_for(registered, deadline_s, lambda: "registered: %s" % {
            upn: (row["state"], row.get("reason"), row.get("words"))
            for upn, row in self.status().items()}, 0.1)

    def wait_failing(self, user, deadline_s=30):
        """Wait until a user is red; the row."""
        return wait_for(
            lambda: next((row for row in self.status().values()
                          if row["upn"] == user.upn
                          and row["state"] == "failing"), None),
            deadline_s, "%s to turn red" % user.upn, 0.1)

    def check_config(self):
        """Run callbridged --check-config: (exit status, output)."""
        done = subprocess.run(
            [plan.program("callbridged"), "-c", self.config,
             "--check-config"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=20, check=False)
        return done.returncode, done.stdout

    def stop(self, patience_s=60):
        """Stop in good order; the exit status."""
        return self.process.stop(patience_s) if self.process else None
