"""Registering as a generic phone, in every way that the PBXs ask for."""

import datetime
import json
import re
import signal
import socket
import time

from support import BridgeTest, Pbx, User, plan, site, wait_for

CA = "{ca_file: %s}"


def asterisk_over(protocol, name, **fields):
    """Asterisk over UDP, TCP or TLS, as one PBX of the customer."""
    port = 5061 if protocol == "tls" else 5060
    if protocol == "tls":
        fields.setdefault("tls", CA % (plan.state_dir() / "tls/pbx-ca.pem"))
        fields.setdefault("sip_proxy", "%s:%d" % (plan.PBX_NAME, port))
    fields.setdefault("sip_proxy", "%s:%d" % (plan.ASTERISK, port))
    return Pbx(name, protocol=protocol, **fields)


class Transports(BridgeTest):

    pbxs = (asterisk_over("udp", "by-udp"), asterisk_over("tcp", "by-tcp"),
            asterisk_over("tls", "by-tls"))
    users = (User(2001, "A", pbx="by-udp"), User(2002, "B", pbx="by-tcp"),
             User(2003, "C", pbx="by-tls"))

    def test_every_transport_registers_and_carries_a_call(self):
        contacts = self.site.asterisk.contacts()
        desk = self.site.desk(1)
        for name, extension in zip("ABC", ("2001", "2002", "2003")):
            with self.subTest(name):
                self.assertIn(int(extension), contacts)
                person = self.people[name]
                call, _ = self.teams_calls(person, desk, desk.extension)
                self.talk(call, desk)
                call.hangup()
                desk.wait_closed()
                person.begin()
                call = self.phone_calls(desk, person, extension)
                self.talk(call, desk)
                desk.hangup()
                call.wait_ended()


class Challenges(BridgeTest):
    """MD5, SHA-256, both at once, an auth user of its own, and 407."""

    pbxs = (Pbx(), Pbx("kam", sip_domain=plan.KAMAILIO_DOMAIN,
                       sip_proxy=plan.KAMAILIO + ":5060",
                       outside_line_prefix=None))
    users = (User(2001, "A"), User(2011, "Sha"),
             User(2012, "Ivan", sip_auth_username="auth-ivan",
                  sip_password="pa:ss\"wo\\rd"),
             User(2101, "Kam", number="+442079460299", pbx="kam"))
    needs = ("dns", "asterisk", "kamailio", "teams")

    def test_all_registered(self):
        self.assertIn("2101@" + plan.KAMAILIO_DOMAIN,
                      self.site.kamailio.contacts())
        for extension in (2001, 2011, 2012):
            self.assertIn(extension, self.site.asterisk.contacts())

    def test_the_pbx_saw_the_stronger_digest(self):
        trace = json.loads(self.bridge.command("trace", "--json",
                                               self.users[1].upn))
        answers = re.findall(r"(?m)^Authorization: Digest .*$", "".join(
            message["data"] for message in trace["messages"]))
        self.assertTrue(answers)
        for answer in answers:
            self.assertRegex(answer, "algorithm=\"?SHA-256\"?")

    def test_invite_is_authenticated_by_401_and_sha_256(self):
        desk = self.site.desk(1)
        desk.begin()
        call = self.lab.teams.sign_in(
            "Sha", self.users[1].number, plan.TEAMS_HZ[1]).dial("1001")
        desk.wait_ringing()
        call.hangup()

    def test_invite_is_authenticated_by_407(self):
        phone = self.site.at_kamailio(1101)
        person = self.lab.teams.sign_in("Kam", self.users[3].number,
                                        plan.TEAMS_HZ[2])
        call, _ = self.teams_calls(person, phone, "1101")
        self.talk(call, phone)
        self.assertIn("407", self.bridge.command("trace",
                                                 self.users[3].upn))
        call.hangup()
        phone.wait_closed()

    def test_a_phone_at_the_proxy_calls_a_teams_user(self):
        phone = self.site.at_kamailio(1101)
        person = self.lab.teams.sign_in("Kam", self.users[3].number,
                                        plan.TEAMS_HZ[2])
        person.begin()
        phone.dial("2101", domain=plan.KAMAILIO_DOMAIN)
        call = person.wait_ringing()
        call.answer()
        phone.wait_established()
        self.talk(phone, call)
        phone.hangup()
        call.wait_ended()


class Untrusted(BridgeTest):
    """A PBX whose certificate is from somebody else, or names another."""

    pbxs = (asterisk_over("udp", "good"),
            asterisk_over("tls", "stranger",
                          tls=CA % (plan.state_dir()
                                    / "tls/stranger-ca.pem")),
            asterisk_over("tls", "misnamed",
                          sip_domain="kamailio.lab.test",
                          sip_proxy="kamailio.lab.test:5061"))
    users = (User(2001, "A", pbx="good"), User(2002, "B", pbx="stranger"),
             User(2101, "C", pbx="misnamed", number="+442079460298"))
    needs = ("dns", "asterisk", "kamailio", "teams")
    registers = False

    def test_a_wrong_certificate_is_refused_and_said_so(self):
        self.bridge.wait_registered(self.users[0])
        for user in self.users[1:]:
            row = self.bridge.wait_failing(user)
            self.assertIn("certificate",
                          (row["reason"] + row["words"]
                           + row["advice"]).lower(), row)
        self.assertNotIn(2002, self.site.asterisk.contacts())


class Renewal(BridgeTest):
    """A registration is renewed in time, with the nonce it had."""

    pbxs = (Pbx(registration="{expires: 60s, refresh_at: 10%}"),)
    users = (User(2001, "A"),)

    def test_refreshed_before_it_runs_out(self):
        def registers():
            ladder = self.bridge.command("trace", self.users[0].upn)
            return len(re.findall(r"-+ REGISTER -+", ladder))
        first = registers()
        wait_for(lambda: registers() > first, 20, "a refresh", 0.3)
        rows = self.bridge.wait_registered()
        self.assertEqual(rows[self.users[0].upn]["flaps"], 0)

    def test_stopping_takes_the_binding_back(self):
        self.assertIn(2001, self.site.asterisk.contacts())
        self.assertEqual(self.bridge.stop(), 0)
        wait_for(lambda: 2001 not in self.site.asterisk.contacts(), 30,
                 "the binding to go", 0.1)
        self.bridge.launch(self.lab.env)
        self.bridge.wait_registered()


class KnownByAddress(BridgeTest):
    """Asterisk that identifies the phone by its address alone (identify):
    no endpoint has the user's name."""

    users = (User(2041, "A"),)
    node = {"sip": "{address: %s, udp_port: 5060, tcp_port: 0, tls_port: 0}"
            % plan.BRIDGE_KNOWN}

    def test_registers_and_calls_both_ways(self):
        self.assertIn(2041, self.site.asterisk.contacts())
        desk = self.site.desk(1)
        person = self.people["A"]
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        call.hangup()
        desk.wait_closed()
        person.begin()
        call = self.phone_calls(desk, person, "2041")
        self.talk(call, desk)
        desk.hangup()
        call.wait_ended()


def at_domain(name, domain):
    return Pbx(name, sip_domain=domain, sip_proxy=plan.KAMAILIO + ":5060",
               outside_line_prefix=None)


class Domains(BridgeTest):
    """One Kamailio, two customers' domains, the same extensions in both; one
    challenges registrations by 407."""

    pbxs = (at_domain("one", plan.KAMAILIO_DOMAIN),
            at_domain("two", plan.KAMAILIO_OTHER))
    users = (User(2101, "One", pbx="one", number="+442079460291"),
             User(2102, "Also", pbx="one", number="+442079460292"),
             User(2101, "Two", pbx="two", number="+442079460293",
                  sip_password="other-" + plan.secret(2101)),
             User(2102, "Too", pbx="two", number="+442079460294",
                  sip_password="other-" + plan.secret(2102)))
    needs = ("dns", "kamailio", "teams")

    def test_each_is_registered_in_its_domain(self):
        contacts = self.site.kamailio.contacts()
        for user in self.users:
            domain = (plan.KAMAILIO_DOMAIN if user.pbx == "one"
                      else plan.KAMAILIO_OTHER)
            self.assertIn("%d@%s" % (user.extension, domain), contacts)

    def test_a_call_within_a_domain_rings_nobody_of_the_other(self):
        teams = self.lab.teams
        two = teams.sign_in("Two", self.users[2].number, plan.TEAMS_HZ[0])
        too = teams.sign_in("Too", self.users[3].number, plan.TEAMS_HZ[1])
        two.begin()
        too.begin()
        call = two.dial("2102")
        ringing = too.wait_ringing()
        ringing.answer()
        call.wait_answered()
        self.talk(call, ringing)
        call.hangup()
        ringing.wait_ended()
        self.assertEqual({record["upn"] for record in self.records()},
                         {self.users[2].upn, self.users[3].upn})


class States(BridgeTest):
    """Each of the five states at a real PBX. A silent one takes half a minute
    to turn red: meanwhile the others are looked at."""

    pbxs = (Pbx(), Pbx("full", registration="{max: 1}"),
            Pbx("brief", registration="{refresh_at: 90%}"),
            Pbx("silent", sip_domain=plan.SILENT, sip_proxy=None))
    users = (User(2001, "Green"),
             User(2002, "Red", sip_password="wrong"),
             User(2003, "Seated", pbx="full"),
             User(2004, "Waits", pbx="full"),
             User(2034, "Late", pbx="brief"), User(2005, "Off"))
    unheard = User(2006, "Unheard", pbx="silent")
    registers = False

    @classmethod
    def setUpClass(cls):
        off = cls.users[-1]
        off.settings["enabled"] = "false"
        cls.named, cls.users = cls.users, (*cls.users, cls.unheard)
        cls.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        cls.addClassCleanup(cls.sink.close)
        cls.sink.bind((plan.SILENT, 5060))
        cls.sink.setblocking(False)
        site().need("asterisk")
        cls.log = site().asterisk.folder / "log/full"
        cls.log_begin = len(cls.log.read_text(errors="replace"))
        super().setUpClass()

    def test_green_red_grey_and_queued(self):
        def states():
            rows = self.bridge.status()
            return {user.name: rows.get(user.upn, {}).get("state")
                    for user in self.named}
        wait_for(lambda: sorted(states().values(), key=str) == [
            "failing", "off", "queued", "registered", "registered",
            "registered"], 40, states, 0.2)
        seen = states()
        self.assertEqual(seen["Green"], "registered")
        self.assertEqual(seen["Red"], "failing")
        self.assertEqual(seen["Off"], "off")
        self.assertEqual(seen["Late"], "registered")
        self.assertEqual({seen["Seated"], seen["Waits"]},
                         {"registered", "queued"})
        rows = self.bridge.status()
        red = rows[self.users[1].upn]
        self.assertIn("password", red["advice"])
        self.assertEqual(red["next_s"], 0)
        green = rows[self.users[0].upn]
        self.assertEqual(green["server"], "Asterisk PBX 22")
        self.assertGreater(green["expires_s"], 0)
        self.assertGreater(green["next_s"], green["since_s"])
        self.assertGreater(green["rtt_ms"], 0)

    def test_orange_ring_of_a_pbx_too_slow_for_its_own_grants(self):
        upn = next(user.upn for user in self.users if user.name == "Late")

        def row():
            return self.bridge.status().get(upn, {})
        wait_for(lambda: row().get("expires_s") == 20, 30, row, 0.2)
        self.site.asterisk.process.send(signal.SIGSTOP)
        try:
            late = wait_for(lambda: [now for now in [row()]
                                     if now["state"] == "lagging"], 25, row,
                            0.2)[0]
        finally:
            self.site.asterisk.process.send(signal.SIGCONT)
        self.assertIn("per_second", late["advice"])
        self.assertEqual(row()["flaps"], 0)

    def test_silent_pbx_is_red(self):
        row = self.bridge.wait_failing(self.unheard, 45)
        self.assertRegex(row["reason"],
                         r"^No response received after \d+ seconds$")
        self.assertIn("REGISTER", self.sink.recv(65536).decode())

    def test_wrong_password_is_red_and_not_repeated(self):
        row = self.bridge.wait_failing(self.users[1])
        self.assertTrue(row["advice"], row)
        self.assertTrue(row["reason"], row)
        # the silent PBX takes half a minute to turn red
        self.bridge.wait_failing(self.unheard, 45)
        refused = self.refusals("2002")
        self.assertIn(len(refused), (1, 2, 3))
        self.assertLess((refused[-1] - refused[0]).total_seconds(), 15)

    def refusals(self, extension):
        """When the PBX refused this extension since the class began."""
        text = self.log.read_text(errors="replace")[self.log_begin:]
        year = time.strftime("%Y ")
        return [datetime.datetime.strptime(year + when, "%Y %b %d %H:%M:%S")
                for when in re.findall(
                    r"\[(.*?)\].*'REGISTER' from .*sip:%s@.* failed for"
                    % extension, text)]
