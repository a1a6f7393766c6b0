"""What people type, and what they are told."""

import json
from pathlib import Path

from support import BridgeTest, Bridge, LabTest, Pbx, User, plan, wait_for

from lab.process import run


class Asking(BridgeTest):

    def test_status_is_a_line_a_user(self):
        text = self.bridge.command("status")
        for user in self.users:
            lines = [line for line in text.splitlines() if user.upn in line]
            self.assertEqual(len(lines), 1, text)
            self.assertIn("registered", lines[0])

    def test_calls_are_listed(self):
        desk = self.site.desk(1)
        call, _ = self.teams_calls(self.people["A"], desk, desk.extension)
        text = self.bridge.command("calls")
        self.assertIn(self.people["A"].number, text)
        call.hangup()
        desk.wait_closed()
        self.ended_record()

    def test_trace_of_a_call_shows_both_legs(self):
        desk = self.site.desk(1)
        call, _ = self.teams_calls(self.people["A"], desk, desk.extension)
        call.hangup()
        desk.wait_closed()
        record = self.ended_record()
        ladder = self.bridge.command("trace", record["id"])
        self.assertGreaterEqual(ladder.count("INVITE"), 2)
        for word in ("200", "ACK", "BYE", "180"):
            self.assertIn(word, ladder)

    def test_trace_of_a_user_has_no_secrets(self):
        text = self.bridge.command("trace", self.users[0].upn)
        self.assertIn("REGISTER", text)
        self.assertNotIn(plan.secret(2001), text)
        self.assertNotRegex(text, r'response="[0-9a-f]{32}')

    def test_a_crash_leaves_no_file_with_secrets(self):
        limits = Path("/proc/%d/limits" % self.bridge.process.pid)
        self.assertRegex(limits.read_text(), r"Max core file size +0 ")

    def test_nothing_secret_in_the_log(self):
        log = self.bridge.process.log.read_text(errors="replace")
        self.assertNotIn(plan.secret(2001), log)
        self.assertNotIn("inline:", log)

    def test_the_log_counts_who_registers(self):
        def log():
            return self.bridge.process.log.read_text(errors="replace")

        wait_for(lambda: "%d users registered" % len(self.users) in log(),
                 20, "the log to count them")
        self.assertNotIn("registered for", log())

    def test_versions_and_help(self):
        for name in ("callbridge", "callbridged"):
            program = plan.program(name)
            self.assertRegex(run([program, "--version"]), r"(?i)libre")
            self.assertIn("Usage", run([program, "--help"])
                          .replace("usage", "Usage"))

    def test_json_is_json(self):
        for verb in ("status", "calls"):
            json.loads(self.bridge.command(verb, "--json"))


class BadSettings(LabTest):
    """Each mistake is one line with file, line, column; exit status 2."""

    def bad(self, pbxs=(Pbx(),), users=(User(2001, "A"),), **node):
        bridge = Bridge(self.site.state, pbxs, users, "bad", **node)
        bridge.configure()
        status, text = bridge.check_config()
        self.assertEqual(status, 2, text)
        self.assertNotIn("Sanitizer", text)
        bridge.launch(self.site.env, ready=False)
        wait_for(lambda: not bridge.process.running(), 30, "it to give up")
        self.assertEqual(bridge.process.exit_status(), 2)
        return text

    def test_good_settings_pass(self):
        bridge = Bridge(self.site.state, (Pbx(),), (User(2001, "A"),), "good")
        bridge.configure()
        status, text = bridge.check_config()
        self.assertEqual(status, 0, text)

    def test_misspelt_key(self):
        text = self.bad(pbxs=(Pbx(sip_domian="x"),))
        self.assertRegex(text, r"contoso\.yaml:\d+:\d+: .*sip_domian")
        self.assertIn("sip_domain", text)

    def test_unknown_template(self):
        text = self.bad(pbxs=(Pbx(template="generik"),))
        self.assertRegex(text, r"contoso\.yaml:\d+:\d+: .*generik")
        self.assertIn("generic", text.replace("generik", ""))

    def test_port_in_the_domain(self):
        text = self.bad(pbxs=(Pbx(sip_domain="pbx.example:5060"),))
        self.assertRegex(text, r"contoso\.yaml:\d+:\d+: .*sip_domain")

    def test_at_sign_in_the_username(self):
        text = self.bad(users=(User(2001, "A", sip_username="a@b"),))
        self.assertRegex(text, r"contoso\.yaml:\d+:\d+: .*sip_username")

    def test_number_given_twice(self):
        text = self.bad(users=(User(2001, "A"),
                               User(2002, "B", number=plan.user_number(2001))))
        self.assertRegex(text, r"contoso\.yaml:\d+:\d+: .*number")

    def test_pbx_that_is_not_there(self):
        text = self.bad(users=(User(2001, "A", pbx="hz"),))
        self.assertRegex(text, r"contoso\.yaml:\d+:\d+: .*hz")

    def test_missing_certificate(self):
        text = self.bad(teams="{address: 127.0.0.42, certificate: /nonexistent.pem}")
        self.assertRegex(text, r"callbridge\.yaml:\d+:\d+: .*/nonexistent\.pem")

    def test_wrong_duration(self):
        text = self.bad(pbxs=(Pbx(registration="{expires: 1 hour}"),))
        self.assertRegex(text, r"contoso\.yaml:\d+:\d+: .*expires")

    def test_broken_yaml(self):
        text = self.bad(sip="{address: [")
        self.assertRegex(text, r"callbridge\.yaml:\d+:\d+: ")
