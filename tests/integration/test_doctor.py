"""`callbridge template doctor`: settings tried on a real PBX."""

import json
import subprocess

from support import LabTest, Pbx, User, plan, site
from lab.bridge import Bridge

TLS = "{ca_file: %s}" % (plan.state_dir() / "tls/pbx-ca.pem")


class Doctor(LabTest):

    @classmethod
    def setUpClass(cls):
        site().need("dns", "asterisk")

    def doctor(self, user, *options, **pbx):
        """Exit status and output for one user at such a PBX."""
        bridge = Bridge(self.site.state, (Pbx(**pbx),), (user, User(2002)),
                        "doctor")
        bridge.configure()
        done = subprocess.run(
            [plan.program("callbridge"), "--config", bridge.config,
             "template", "doctor", "--user", user.upn, "--file",
             bridge.folder / "customers/contoso.yaml", *options],
            capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.stderr, "")
        self.assertNotIn(user.extension, self.site.asterisk.contacts())
        return done.returncode, done.stdout

    def test_settings_that_work_are_left_as_they_are(self):
        status, text = self.doctor(User(2001))
        self.assertEqual(status, 0)
        self.assertRegex(text, r"(?m)^  as written +registered +for \d+s, "
                         r"\d+ ms, Asterisk")
        self.assertIn("\nThe settings work as written.", text)
        self.assertIn("\n    contact: { port: per-user }    # for a PBX"
                      " that tells phones by their port", text)
        self.assertRegex(text, r"(?m)^  protocol: tls +no answer +TLS: ")
        self.assertIn("0 of at most 3 refusals. Nothing is left registered.",
                      text)

    def test_the_auth_username_that_is_not_the_phones(self):
        status, text = self.doctor(
            User(2001, sip_auth_username="somebody"), "--json")
        self.assertEqual(status, 0)
        found = json.loads(text)
        self.assertEqual(
            (found["registers"], found["field"], found["value"],
             found["refusals"]), (True, "sip_auth_username", None, 1))
        self.assertEqual(
            [(trial["field"], trial["verdict"]) for trial in found["trials"]],
            [(None, "refused"), ("sip_auth_username", "registered")])

    def test_the_protocol_that_the_pbx_listens_to(self):
        status, text = self.doctor(
            User(2001), protocol="udp", tls=TLS,
            sip_proxy="%s:5061" % plan.PBX_NAME)
        self.assertEqual(status, 0)
        self.assertRegex(text, r"(?m)^  as written +no answer ")
        self.assertRegex(text, r"(?m)^  protocol: tls +registered ")
        self.assertTrue(text.endswith(
            '    protocol: tls\n    sip_proxy: "%s:5061"\n' % plan.PBX_NAME),
            text)

    def test_a_wrong_password_is_tried_once(self):
        status, text = self.doctor(User(2001, sip_password="wrong"))
        self.assertEqual(status, 1)
        self.assertEqual(text.count("refused"), 1)
        self.assertIn("1 of at most 3 refusals", text)
        self.assertIn("\nNothing that was tried works.\n", text)

    def test_what_cannot_be_tried(self):
        for words, wrong in (((), "doctor wants --file FILE and --user"),
                             (("--file", "none.yaml", "--user", "x"),
                              "none.yaml: No such file")):
            done = subprocess.run(
                [plan.program("callbridge"), "template", "doctor", *words],
                capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(wrong, done.stderr)
