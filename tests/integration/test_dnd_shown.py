"""Do not disturb at the PBX, shown in Teams: a Teams user dials the feature
code, the lab's Asterisk takes it, and Microsoft 365 is told."""

import sys

from portal import Client
from support import (Bridge, BridgeTest, Pbx, User, site,
                     wait_for)

from lab import pki, plan

sys.path.insert(0, str(plan.REPO / "tests/fake-graph"))

from fake_graph import FakeGraph, failure, person               # noqa: E402


class StoredBridge(Bridge):
    """Its customer is in the store: only those have a sync."""

    def launch(self, env=None, ready=True):
        path = self.folder / "customers/contoso.yaml"
        kept = path.rename(self.folder / "contoso.yaml")
        super().launch(env, ready)
        self.command("apply", "-f", kept)


class DndShown(BridgeTest):

    kind = StoredBridge
    users = (User(2001, "A"),)
    pbxs = (Pbx(feature_codes="{dnd_on: \"*78\", dnd_off: \"*79\"}"),)

    @classmethod
    def setUpClass(cls):
        folder = cls.folder()
        authority = pki.Authority(folder, "root", "Graph Root")
        authority.leaf("graph", ["127.0.0.1"])
        both = folder / "graph-both.pem"
        both.write_text((folder / "graph.pem").read_text()
                        + (folder / "graph.key").read_text())
        cls.fake = FakeGraph(both, secret="its secret")
        cls.fake.__enter__()
        cls.addClassCleanup(cls.fake.__exit__, None, None, None)
        cls.node = {"microsoft": "{login_url: %s, graph_url: %s, ca_file: %s}"
                    % (cls.fake.url, cls.fake.url, folder / "root.pem")}
        super().setUpClass()
        cls.local = Client(cls.bridge, by_socket=True)

    @classmethod
    def folder(cls):
        folder = site().state / "dnd-shown"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self):
        return self.bridge.process.log.read_text(errors="replace")

    def sync(self, mode):
        """The row of presence in what came of a run."""
        path = "/tenants/contoso/sync/"
        self.local.post(path + "runs", {"mode": mode})
        return wait_for(lambda: [
            status for status in [self.local.get(path + "status").json]
            if status["state"] == "idle"], 30, "the sync to end", 0.1)[0]

    def dial(self, code):
        """Dial it; the PBX takes it and hangs up."""
        call = self.people["A"].dial(code)
        call.wait_answered(20)
        call.wait_ended(20)

    def shown(self, as_what, ident):
        wait_for(lambda: self.fake.preferred.get(ident) == as_what, 30,
                 lambda: "Teams to show %s: %s" % (as_what,
                                                   self.fake.preferred))

    def test_a_code_that_the_pbx_takes_is_shown_in_teams(self):
        ann = person(self.users[0].upn)
        self.fake.rows[ann["id"]] = ann
        settings = {"directory_id": "contoso.example", "client_secret":
                    "its secret", "scheduled": False, "client_id":
                    "9d3b6f10-2a44-4b7c-8f0e-7f3f1b1c2d3e"}
        answer = self.local.put("/tenants/contoso/sync", settings)
        self.assertEqual(answer.code, 201, answer)
        self.sync("run")

        # it is off unless somebody wants it
        self.dial("*30*")
        settings["dnd_show"] = True
        self.local.put("/tenants/contoso/sync", settings)
        row = self.sync("test")["test"]["probes"][-1]
        self.assertEqual((row["name"], row["good"], row["wanted"],
                          row["permission"]), (
            "presence-set", True, True, "Presence.ReadWrite.All"))
        self.assertEqual(self.fake.preferred, {})

        # as everywhere, then as the PBX has it
        wait_for(lambda: self.dial("*30*") or self.fake.preferred, 60,
                 "Teams to be told", 1)
        self.shown("DoNotDisturb", ann["id"])
        self.assertIn("DND/2001", self.site.asterisk.ask("database show DND"))
        self.dial("*79")
        self.shown(None, ann["id"])
        self.dial("*78")
        self.shown("DoNotDisturb", ann["id"])
        told = len(self.fake.asked("PreferredPresence"))
        call = self.people["A"].dial("*43")
        call.wait_answered(20)
        call.hangup()
        self.dial("*31*")
        self.shown(None, ann["id"])
        self.assertEqual(len(self.fake.asked("PreferredPresence")), told + 1)

        # without the permission the log says whose turn it is
        self.fake.reply_with("POST", "setUserPreferredPresence", failure(
            403, "Authorization_RequestDenied"))
        self.dial("*78")
        wait_for(lambda: "grant Presence.ReadWrite.All" in self.log(), 30,
                 "the log to tell")
        self.dial("*79")
        self.assertNotIn("its secret", self.log())


if __name__ == "__main__":
    import unittest
    unittest.main()
