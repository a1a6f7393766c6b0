"""Tests of a PBX from the page, in a real browser."""

from browser import BrowserTest
from portal import ADDRESS, PASSWORD, PORT
from support import deadline
from test_portal_runs import RunTest

from lab import plan


class PageOfTests(BrowserTest, RunTest):
    """Whoever proves a PBX, and whoever may only look on."""

    needs = ("dns", "asterisk", "teams")
    node = {"portal": "{address: %s, port: %d}" % (ADDRESS, PORT),
            "trace": "{voice_mb: 8}"}
    url = "http://%s:%d" % (ADDRESS, PORT)

    @classmethod
    def setUpClass(cls):
        RunTest.setUpClass.__func__(cls)
        cls.make_shots()
        for name, role in (("ann", "msp-admin"), ("vic", "tenant-viewer")):
            answer = cls.local.put("/admins/" + name, {
                "role": role, "password": PASSWORD, "tenant":
                None if role.startswith("msp") else "contoso"})
            if answer.code != 201:
                raise AssertionError(answer)

    def setUp(self):
        super().setUp()
        self.assertEqual(self.local.delete(
            "/tenants/contoso/pbxs/hq/testers").code, 204)
        self.end_all()
        for run in self.local.get("/test-runs").json["test_runs"]:
            self.local.delete("/test-runs/" + run["id"])

    def restart(self):
        """The service is killed, and runs again."""
        self.bridge.process.popen.kill()
        self.bridge.process.popen.wait()
        self.site.asterisk.ask("channel request hangup all")
        self.bridge.launch(self.lab.env)
        self.lab.teams.wait_trunk_up(tenant=self.trunk)
        self.bridge.wait_registered()
        self.violations = len(self.teams.violations())

    @deadline(200)
    def test_a_pbx_is_proved_from_the_page(self):
        told = self.tell("tests", {"restart now": self.restart},
                         PAGE_DOMAIN=plan.PBX_NAME)
        self.assertIn("seen tests-viewer", told)
