"""The command line without a service: what is wrong is said in one line."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CALLBRIDGE_BUILD", ROOT / "build/asan"))

GOOD = """\
tenant: contoso
teams: { fqdn: contoso.sbc.example.com }
pbx:
  - name: hq
    template: generic
    country: GB
    sip_domain: pbx.contoso.example
    outside_line_prefix: "9"
    e164: { national_prefix: "0", international_prefix: "00" }
users:
  - upn: ann@contoso.example
    number: "+442079460018"
    pbx: hq
    sip_username: "101"
    sip_password: geheim-1
"""


class CommandLine(unittest.TestCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = pathlib.Path(self.folder.name, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run_cli(self, *args):
        return subprocess.run(
            [BUILD / "callbridge", *args], cwd=self.folder.name,
            capture_output=True, text=True, timeout=30, check=False)

    def good(self, *args):
        """stdout of a command that has nothing to complain about"""
        done = self.run_cli(*args)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def bad(self, *args):
        """stderr, as lines, of a command that refuses"""
        done = self.run_cli(*args)
        self.assertEqual((done.returncode, done.stdout), (2, ""),
                         done.stderr)
        return done.stderr.splitlines()


class Usage(CommandLine):

    def test_help_names_every_command(self):
        text = self.good("--help")
        for word in ("status", "trunks", "calls", "trace", "record", "retry",
                     "reload", "check", "explain", "schema", "number", "sync", "template",
                     "version"):
            self.assertIn(f"\n  {word} ", text)
            self.assertIn(f"usage: callbridge {word}",
                          self.good(word, "--help"))

    def test_version_tells_the_libraries(self):
        text = self.good("--version")
        self.assertEqual(text, self.good("version"))
        for name in ("callbridge", "libre", "OpenSSL", "libsrtp2", "libevent",
                     "libcurl", "libyaml", "jansson"):
            self.assertRegex(text, rf"(?m)^{name} +\d+\.\d+")

    def test_wrong_usage(self):
        for args, line in (
                ((), "a command is missing; see `callbridge --help`"),
                (("statsu",), 'there is no command "statsu": did you mean'
                 ' "status"?'),
                (("dance",), 'there is no command "dance"; see `callbridge'
                 ' --help`'),
                (("--frob", "status"), "unknown or incomplete option --frob;"
                 " see `callbridge --help`"),
                (("status", "--jsn"), "status: unknown option --jsn: did you"
                 " mean --json?"),
                (("status", "--json=yes"), "status: --json takes no value"),
                (("calls", "--limit"), "calls: --limit wants a value"),
                (("calls", "--limit", "0"), '--limit: want 1..1000, found'
                 ' "0"'),
                (("calls", "--limit=12x"), '--limit: want 1..1000, found'
                 ' "12x"'),
                (("status", "me"), 'status: "me" is one argument too many;'
                 ' see `callbridge status --help`'),
                (("trace",), "trace: an argument is missing; see `callbridge"
                 " trace --help`"),
                (("trace", "\x1b[2J", "x"), 'trace: "x" is one argument too'
                 ' many; see `callbridge trace --help`'),
                (("\x1b[2J",), 'there is no command "\\x1b[2J"; see'
                 ' `callbridge --help`')):
            with self.subTest(args=args):
                self.assertEqual(self.bad(*args), ["callbridge: " + line])

    def test_without_a_service_one_line_says_so(self):
        for command in (("status",), ("trunks",), ("calls",), ("trace", "x"),
                        ("retry", "x"), ("reload",)):
            with self.subTest(command=command):
                self.assertEqual(
                    self.bad("--socket", "none.sock", *command),
                    ["callbridge: the service is not running: nobody answers"
                     " on none.sock"])

    def test_the_socket_is_where_the_configuration_says(self):
        self.write("a.yaml", "state_dir: here\n")
        self.write("b.yaml", "state_dir: here\ncontrol: there.sock\n")
        self.assertIn("on here/control.sock",
                      self.bad("--config", "a.yaml", "status")[0])
        self.assertIn("on there.sock",
                      self.bad("--config=b.yaml", "status")[0])

    def test_a_wrong_configuration(self):
        self.write("c.yaml", "state_dri: here\n")
        self.assertEqual(
            self.bad("--config", "c.yaml", "status"),
            ['c.yaml:1:1: state_dri: unknown key, did you mean'
             ' "state_dir"?'])


class Files(CommandLine):

    def test_a_good_file(self):
        self.write("contoso.yaml", GOOD)
        self.assertEqual(self.good("check", "contoso.yaml"),
                         "contoso: good: 1 PBX, 1 user\n")

    def test_what_will_probably_hurt_is_told(self):
        self.write("contoso.yaml", GOOD.replace(
            "    country: GB\n", "    country: GB\n    encrypt_media: true\n"
            "    registration: {expires: 300s}\n"))
        good, *doubts = self.good("check", "contoso.yaml").splitlines()
        self.assertIn("good: 1 PBX", good)
        self.assertEqual([line.split(": warning: ")[0] for line in doubts],
                         ["contoso: hq: registration.expires",
                          "contoso: hq: encrypt_media"])
        self.write("contoso.yaml", GOOD.replace(
            "    country: GB\n", "    country: GB\n    protocol: tls\n"
            "    tls: {verify: none}\n"))
        self.assertEqual(
            [line.split(": ")[2] for line in
             self.good("check", "contoso.yaml").splitlines()[1:]],
            ["tls.verify", "encrypt_media"])

    def test_all_that_is_wrong_is_told(self):
        self.write("contoso.yaml",
                   GOOD.replace("sip_domain:", "sip_domian:")
                   .replace('"101"', '"a@b"'))
        self.assertEqual(self.bad("check", "contoso.yaml"), [
            'contoso.yaml:7:5: pbx[0].sip_domian: unknown key, did you mean'
            ' "sip_domain"?',
            "contoso.yaml:14:19: users[0].sip_username: want the user part"
            " only (no '@'; the domain goes into sip_domain), found \"a@b\"",
            "callbridge: 2 errors"])

    def test_a_file_that_is_not_there(self):
        self.assertEqual(self.bad("check", "none.yaml"),
                         ["none.yaml: No such file or directory"])

    def test_no_password_is_ever_shown(self):
        self.write("contoso.yaml",
                   GOOD.replace("geheim-1", "[geheim-1]")
                   .replace("pbx: hq", "pbx: hz"))
        for line in self.bad("check", "contoso.yaml"):
            self.assertNotIn("geheim", line)

    def test_explain(self):
        self.assertIn("blind", self.good("explain", "pbx.transfer"))
        self.assertIn("5061", self.good("explain", "node.teams.port"))
        for name in ("pbx", "user", "tenant", "node"):
            self.assertIn(f"\n{name} ", self.good("explain"))
            self.assertTrue(self.good("explain", name))
        self.assertEqual(
            self.bad("explain", "pbx.transfer.blnd"),
            ["callbridge: explain: there is no field pbx.transfer.blnd: did"
             ' you mean "blind"?'])
        self.assertEqual(
            self.bad("explain", "pxb.transfer"),
            ['callbridge: explain: want pbx, user, tenant or node, found'
             ' "pxb.transfer"'])

    def test_schema(self):
        for name in ("pbx", "user", "tenant", "node"):
            schema = json.loads(self.good("schema", name))
            self.assertEqual(schema["type"], "object")
            self.assertIn("properties", schema)

    def test_templates(self):
        self.assertRegex(self.good("template", "list"), r"(?m)^generic +\S")
        self.assertRegex(self.good("template", "show", "generic"),
                         r"(?m)^registration\.expires +\S")
        self.assertEqual(
            self.bad("template", "show", "generik"),
            ['callbridge: template: there is no "generik": did you mean'
             ' "generic"?'])
        self.assertEqual(self.bad("template", "shwo"),
                         ["callbridge: template: want `list`, `show NAME`,"
                          " `lint FILE...`, `diff A B`, `explain SETTING`,"
                          " `new` or `doctor`"])

    def test_feature_codes_of_a_pbx(self):
        self.write("contoso.yaml", GOOD.replace(
            'outside_line_prefix: "9"', 'outside_line_prefix: "9"\n'
            '    feature_codes: {forward_all: "*72{number}"}'))
        told = self.good("number", "--file", "contoso.yaml", "--from-teams",
                         "*33*02079460099#")
        self.assertTrue(told.startswith("*33*02079460099# -> "
                                        "*72902079460099\n"), told)
        self.assertIn("forward all calls, as this PBX has it", told)

    def test_numbers(self):
        self.write("contoso.yaml", GOOD)
        ask = ("number", "--file", "contoso.yaml")
        for option, number, result in (
                ("--from-teams", "+442079460099", "902079460099"),
                ("--from-teams", "999", "999  (emergency)"),
                ("--from-pbx", "02079460099", "+442079460099")):
            with self.subTest(number=number):
                first = self.good(*ask, option, number).splitlines()[0]
                self.assertEqual(first, f"{number} -> {result}")

        self.assertIn("  kind of number: national\n",
                      self.good(*ask, "--from-teams", "+442079460099"))
        self.assertIn("  kind of number: premium (closed unless",
                      self.good(*ask, "--from-teams", "+449061234567"))

        self.assertEqual(self.bad(*ask),
                         ["callbridge: number: want one of --from-teams"
                          " NUMBER, --from-pbx NUMBER and --batch CSV"])
        self.assertEqual(self.bad(*ask, "--pbx", "hz", "--from-teams", "1"),
                         ['callbridge: number: contoso has no PBX "hz"'])
        self.assertEqual(self.bad(*ask, "--from-teams", "a\tb"),
                         ['callbridge: number: "a\\x09b" is no number that'
                          ' can be dialled'])


class Journal(CommandLine):

    def test_calls_without_a_service(self):
        folder = pathlib.Path(self.folder.name, "state/journal")
        folder.mkdir(parents=True)
        self.assertEqual(self.good("calls", "--state-dir", "state"),
                         "no calls\n")

        (folder / "20250101.jsonl").write_text(
            '{"time_ms":1,"call":{"id":"one","version":1,"state":"ended",'
            '"start_ms":1735700000000,"caller":"+4420\\u001b[2J"}}\n'
            '{"time_ms":1,"call":{"id":"torn","ver')
        calls = json.loads(self.good("calls", "--json", "--state-dir",
                                     "state"))["calls"]
        self.assertEqual([call["id"] for call in calls], ["one"])

        # what a caller chose does not reach the terminal as it is
        text = self.good("calls", "--state-dir", "state")
        self.assertIn("+4420\\x1b[2J", text)
        self.assertNotIn("\x1b", text)


if __name__ == "__main__":
    unittest.main()
