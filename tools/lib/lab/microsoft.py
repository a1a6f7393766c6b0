"""A stand-in for Microsoft 365, and a customer whose people it has."""

import sys

from . import pki, plan

sys.path.insert(0, str(plan.REPO / "tests/fake-graph"))

from fake_graph import FakeGraph, person, plan as licence   # noqa: E402

APP = "9d3b6f10-2a44-4b7c-8f0e-7f3f1b1c2d3e"
SECRET = "not-a-real-secret"
EXTENSIONS = (2003, 2004)       # that Asterisk has for them


def people(tenant, users):
    """Those who are users; others can become ones, or cannot, each for a
    reason of its own."""
    def one(name, **more):
        return person("%s@%s.example" % (name.lower(), tenant),
                      displayName=name, **more)
    rows = [one(name) for name in users]
    rows += [one(name, businessPhones=[plan.user_number(extension)])
            for name, extension in zip(("Dee", "Eve"), EXTENSIONS)]
    return rows + [
        one("Fay", businessPhones=["020 7946 0205"]),
        one("Gus", plans=[]), one("Hal", country=None),
        one("Ivy", accountEnabled=False),
        one("Jo", plans=[licence("Suspended")]),
        one("Kim", userType="Guest"),
        one("Lou", plans=[licence("Warning")])]


class Microsoft:
    """The stand-in, in a thread of this program."""

    def __init__(self, state, tenant, users):
        self.tenant = tenant
        folder = state / "microsoft-365"
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        authority = pki.Authority(folder, "root", "Microsoft 365, played")
        authority.leaf("graph", ["127.0.0.1"])
        both = folder / "graph-both.pem"
        both.write_text("".join((folder / name).read_text()
                                for name in ("graph.pem", "graph.key")))
        self.fake = FakeGraph(both, people(tenant, users), SECRET)

    def start(self):
        self.fake.__enter__()

    def stop(self):
        self.fake.__exit__(None, None, None)

    def yaml(self):
        """What callbridge.yaml says as `microsoft`."""
        return "{login_url: %s, graph_url: %s, ca_file: %s}" % (
            self.fake.url, self.fake.url, self.folder / "root.pem")

    def introduce(self, bridge, pbx):
        """The customer's Microsoft 365 is this one."""
        bridge.command("set", "--new", "sync", self.tenant,
                       "directory_id=%s.example" % self.tenant,
                       "client_id=" + APP, "client_secret=" + SECRET,
                       "push=graph", "users.pbx=" + pbx)

    def hint(self):
        return ("The customer %s shows the page Sync. Its Microsoft 365 is "
                "played by this program\n(tests/fake-graph), no Microsoft "
                "is asked: test the credentials, try a dry run,\nmake users "
                "of %s and %s: with SIP username %d, password %s, and %d, "
                "%s,\nthey turn green." % (
                    self.tenant, "Dee", "Eve", EXTENSIONS[0],
                    plan.secret(EXTENSIONS[0]), EXTENSIONS[1],
                    plan.secret(EXTENSIONS[1])))
