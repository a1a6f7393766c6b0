"""Templates and number plans as an MSP works with them, and own templates
under a running bridge."""

import json
import pathlib
import shutil
import tempfile

from support import BridgeTest, Pbx, User, wait_for
from test_cli import GOOD, ROOT, CommandLine

CATALOG = ROOT / "pbx-templates/catalog"


class Templates(CommandLine):

    def test_the_catalog_passes_lint_without_a_doubt(self):
        self.assertEqual(self.good("template", "lint", CATALOG),
                         "good, 0 doubts\n")

    def test_the_schema_is_as_strict_as_lint(self):
        schema = json.loads(self.good("schema", "pbx-template"))
        self.assertEqual(schema["title"], "pbx-template")
        self.assertEqual(schema["required"], ["template", "title"])
        self.assertFalse(schema["additionalProperties"])
        fact = schema["properties"]["facts"]["items"]
        self.assertFalse(fact["additionalProperties"])
        self.assertEqual(fact["required"], ["field", "grade", "why"])
        self.assertEqual(fact["properties"]["grade"]["enum"],
                         schema["properties"]["evidence"]["enum"])
        self.assertNotIn("name", schema["properties"])
        self.assertEqual(schema["properties"]["transfer"]["properties"]
                         ["blind"]["enum"], ["auto", "refer", "bridge"])

    def test_show_tells_what_a_setting_rests_on(self):
        text = self.good("template", "show", "cisco-cucm", "--effective")
        self.assertRegex(text, r"(?m)^contact\.port +per-user +cisco-cucm"
                         r" +documented +Over UDP")
        self.assertRegex(text, r"(?m)^protocol +udp +cisco-cucm ")
        self.assertRegex(text, r"(?m)^media\.hold +sendonly +generic"
                         r" +unverified$")
        self.assertIn("- Make a Third-party SIP Device", text)

    def test_diff_and_explain(self):
        self.assertRegex(
            self.good("template", "diff", "generic", "metaswitch"),
            r"^SETTING +generic +metaswitch\n"
            r"registration\.reuse_nonce +true +false\n$")
        self.assertEqual(self.good("template", "diff", "wildix", "zultys"),
                         "no setting differs\n")
        text = self.good("template", "explain", "pbx.contact.port")
        self.assertIn("want     one of shared, per-user", text)
        self.assertRegex(text, r"(?m)^cisco-cucm +per-user +documented +Over")
        self.assertEqual(
            self.bad("template", "explain", "contact.prot"),
            ["callbridge: template: there is no setting contact.prot: did"
             ' you mean "contact.port"?'])

    def test_lint_tells_everything_at_once(self):
        self.write("a.yaml", "template: a\ntitle: A\nprotocoll: tcp\n"
                   "registration: { expires: 1x }\nmedia: { hold: never }\n")
        self.assertEqual(self.bad("template", "lint", "a.yaml"), [
            'a.yaml:3:1: protocoll: unknown key, did you mean "protocol"?',
            "a.yaml:4:26: registration.expires: want 60s..7200s, found"
            ' "1x"',
            "a.yaml:5:16: media.hold: want one of sendonly, inactive, zero,"
            ' found "never"', "callbridge: 3 errors"])

    def test_new_writes_what_lint_takes(self):
        self.write("answers.yaml", "template: acme\ntitle: Acme \"IPX\"\n"
                   "extends: cisco-cucm\nprotocol: tcp\n"
                   "registration.expires: 600s\noutside_line_prefix: '9'\n")
        new = ("template", "new", "--answers", "answers.yaml")
        self.assertEqual(self.good(*new),
                         "acme.yaml: written\ngood, 0 doubts\n")
        self.keep_only("acme.yaml")
        text = self.good("template", "show", "acme", "--effective",
                         "--templates", ".")
        self.assertRegex(text, r"(?m)^protocol +tcp +acme +unverified$")
        self.assertRegex(text, r"(?m)^registration\.expires +10m +acme ")
        self.assertRegex(text, r"(?m)^contact\.port +per-user +cisco-cucm ")

        self.write("answers.yaml", "template: acme\ntitle: Acme\n")
        self.assertEqual(self.bad(*new), ["callbridge: acme.yaml: File"
                                          " exists"])
        self.write("answers.yaml", "template: b\nprotocoll: tcp\n"
                   "registration.expires: 6x\n")
        self.assertEqual(self.bad(*new), [
            "answers.yaml:2:1: protocoll: nobody asks for that; did you mean"
            ' "protocol"?', "title: no answer is given",
            "answers.yaml:3:23: registration.expires: want 60s..7200s, found"
            ' "6x"'])

    def keep_only(self, name):
        """Remove all other files of the folder."""
        for path in pathlib.Path(self.folder.name).iterdir():
            if path.name != name:
                path.unlink()


class Numbers(CommandLine):

    def setUp(self):
        super().setUp()
        self.write("contoso.yaml", GOOD)
        self.ask = ("number", "--file", "contoso.yaml")

    def test_what_teams_cannot_dial_is_told(self):
        for number in ("*11", "*12", "*13", "0123"):
            with self.subTest(number=number):
                self.assertRegex(self.good(*self.ask, "--from-teams", number),
                                 r"(?m)^  ! .*cannot be dialled in Teams,.*:"
                                 r" give the PBX's")
        self.assertIn("  ! ", self.good(*self.ask, "--from-pbx", "0123"))
        for number in ("*10", "123", "+442079460018", "999"):
            self.assertNotIn("!", self.good(*self.ask, "--from-teams",
                                            number))

    def test_the_customers_of_the_configuration_are_asked(self):
        self.write("site/contoso.yaml", GOOD)
        self.write("site/fabrikam.yaml",
                   GOOD.replace("contoso", "fabrikam")
                   .replace("+442079460018", "+442079460019"))
        self.write("site/both.yaml",
                   "customers: [contoso.yaml, fabrikam.yaml]\n")
        self.write("site/one.yaml", "customers: [contoso.yaml]\n")
        self.write("none.yaml", "customers: []\n")
        number = ("number", "--pbx", "hq", "--from-teams", "+442079460020")

        self.assertIn("-> 902079460020\n", self.good(
            "--config", "site/one.yaml", *number))
        self.assertIn("-> 902079460020\n", self.good(
            "--config", "site/both.yaml", *number, "--tenant", "fabrikam"))

        for config, wrong in (("site/both.yaml", "contoso and fabrikam both"),
                              ("none.yaml", "want --file FILE")):
            done = self.run_cli("--config", config, *number)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(wrong, done.stderr)

    def test_a_list_of_numbers(self):
        self.write("good.csv", "from,number,want\r\n"
                   "teams,+442079460018,902079460018\r\n"
                   'pbx,"902079460018",+442079460018\r\n\r\n# so\r\n'
                   "teams,123\r\n")
        self.assertEqual(
            [line.split(",")[:4] for line in
             self.good(*self.ask, "--batch", "good.csv").splitlines()],
            [["from", "number", "result", "verdict"],
             ["teams", "+442079460018", "902079460018", '"good"'],
             ["pbx", "902079460018", "+442079460018", '"good"'],
             ["teams", "123", "123", '"good"']])

        self.write("bad.csv", "teams,+442079460018,0\nteams,a\nteams,*11\n")
        done = self.run_cli(*self.ask, "--batch", "bad.csv")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        for line, verdict in zip(done.stdout.splitlines()[1:], (
                "not as wanted", "no number that can be dialled",
                "cannot be dialled in Teams")):
            self.assertIn(verdict, line)

        self.write("odd.csv", "both,1\n")
        done = self.run_cli(*self.ask, "--batch", "odd.csv")
        self.assertEqual(done.returncode, 2)
        self.assertIn("odd.csv:1: want `teams,NUMBER`", done.stderr)


class OwnTemplates(BridgeTest):
    """A folder of own templates, edited while the bridge runs."""

    SHADOW = "template: asterisk-pjsip\ntitle: Ours\n" \
        "extends: asterisk-pjsip\nregistration: { expires: %s }\n"
    pbxs = (Pbx(template="asterisk-pjsip"),)
    users = (User(2001, "A"),)

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.node = {"templates": cls.folder}
        cls.put("600s")
        super().setUpClass()

    @classmethod
    def put(cls, expires):
        (cls.folder / "asterisk-pjsip.yaml").write_text(cls.SHADOW % expires)

    def lasts(self):
        """Seconds that the registration has left."""
        user = self.users[0]
        return self.bridge.wait_registered(user)[user.upn]["expires_s"]

    def test_a_reload_takes_a_good_file_and_nothing_of_a_bad_one(self):
        self.assertTrue(500 < self.lasts() <= 600, self.lasts())

        self.put("6oos")
        text = self.bridge.command("reload", good=(2,))
        self.assertRegex(text, r"asterisk-pjsip\.yaml:4:\d+: .*expires")
        self.assertTrue(self.lasts() <= 600, self.lasts())

        self.put("900s")
        self.bridge.command("reload")
        self.bridge.command("retry", self.users[0].upn)
        wait_for(lambda: 800 < self.lasts() <= 900, 30,
                 "a registration of 900 s")
