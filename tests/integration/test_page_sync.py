"""The page's Sync in a real browser, with a stand-in for Microsoft."""

import sys

from browser import BrowserTest
from portal import ADDRESS, Service, user
from support import deadline

from lab import plan

sys.path.insert(0, str(plan.REPO / "tests/fake-graph"))

from fake_graph import FakeGraph, person        # noqa: E402

SECRET = "gr4ph-s3cret"
EVIL = '<img src=x onerror="window.pwned=1">'
STORY_S = 120


class SyncPageTest(BrowserTest):
    """From the app's registration to users made of people."""

    @classmethod
    def serve(cls):
        service = Service(cls.__name__)
        service.authority.leaf("graph", [ADDRESS])
        both = service.folder / "graph-both.pem"
        both.write_text("".join((service.folder / name).read_text()
                                for name in ("graph.pem", "graph.key")))
        cls.fake = FakeGraph(both, [
            person("user1@acme.example"),
            person("ann@acme.example", displayName=EVIL,
                   businessPhones=["+44 20 7946 0101"]),
            person("bo@acme.example",
                   displayName="日本語 العربية 名前がとても長い人の名前",
                   businessPhones=["+442079400001"]),
            person("cy@acme.example", plans=[]),
            person("di@acme.example", country=None)], SECRET)
        cls.fake.__enter__()
        cls.addClassCleanup(cls.fake.__exit__, None, None, None)
        service.microsoft = cls.fake.url
        return service

    @deadline(STORY_S + 20)
    def test_people_of_microsoft_365_become_users(self):
        admin = self.service.first_admin()
        self.service.tenant("acme")
        local = self.service.local()
        for answer in (local.post("/tenants/acme/users", user(1)),
                       admin.put("/admins/eve", {
                           "role": "tenant-viewer", "tenant": "acme",
                           "password": "correct horse battery"})):
            self.assertEqual(answer.code, 201, answer)
        told = self.tell("sync", PAGE_SECRET=SECRET)
        self.assertIn("seen sync-all", told)
        users = {row["name"]: row["value"] for row in local.get(
            "/tenants/acme/users").json["users"]}
        self.assertEqual(users["ann@acme.example"]["number"],
                         "+442079460101")
        self.assertEqual(users["bo@acme.example"]["sip_username"], "777")
        self.assertNotIn(SECRET, self.service.log())
