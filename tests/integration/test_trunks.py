"""Trunks: those of a carrier's customers share one, silence of Teams is
told, and what is gone is gone from the list."""

import json

from support import BridgeTest, plan, site, wait_for


class Carrier(BridgeTest):
    """One wildcard certificate, one trunk; a sub-domain for each customer.
    Teams' silence is told after three seconds."""

    trunk = plan.CARRIER_FQDN

    @classmethod
    def setUpClass(cls):
        lab = site()
        lab.need(*cls.needs)
        tls = lab.state / "tls"
        cls.node = {"teams": (
            "{address: %s, port: %d, certificate: %s, key: %s, ca_file: %s, "
            "options: 1s, demotion: 3s, carrier: %s}" % (
                plan.BRIDGE_TEAMS, plan.BRIDGE_TEAMS_PORT,
                tls / "bridge-carrier-chain.pem", tls / "bridge-carrier.key",
                tls / "microsoft-root.pem", plan.CARRIER_FQDN))}
        control = lab.teams.control
        control.command("tenant_add", fqdn=plan.CARRIER_FQDN)
        control.command("tenant_add", fqdn=plan.TENANT_FQDN,
                        base=plan.CARRIER_FQDN)
        # later ones shall meet a Teams that has never heard of the carrier
        cls.addClassCleanup(lab.drop, "teams")
        super().setUpClass()

    def rows(self):
        """Rows of `callbridge trunks` by FQDN and proxy."""
        rows = json.loads(self.bridge.command("trunks", "--json"))["trunks"]
        return {(row["fqdn"], row["proxy"]): row for row in rows}

    def customer(self):
        return {key[1]: row for key, row in self.rows().items()
                if key[0] == plan.TENANT_FQDN}

    def wait_rows(self, what, test):
        wait_for(lambda: self.customer() and
                 all(test(row) for row in self.customer().values()), 30,
                 lambda: "%s: %s" % (what, self.customer()), 0.1)

    def test_customers_share_the_carrier_s_options_and_health(self):
        self.wait_rows("up and seen",
                       lambda row: row["up"] and row["seen"])
        self.assertEqual(set(self.customer()), set(plan.TEAMS_NAMES))
        self.assertEqual({row["tenant"] for row in self.customer().values()},
                         {"contoso"})
        told = [line for line in self.bridge.process.tail(2000).split("\n")
                if "answers OPTIONS" in line]
        self.assertTrue(told)
        for line in told:
            self.assertNotIn(plan.TENANT_FQDN, line)

    def test_calls_bear_the_customer_s_name(self):
        person, desk = self.people["A"], self.site.desk(1)
        call, _ = self.teams_calls(person, desk, desk.extension)
        self.talk(call, desk)
        call.hangup()
        desk.wait_closed()
        person.begin()
        self.talk(self.phone_calls(desk, person, "2001"), desk)

    def test_silence_of_teams_is_told_and_its_return_too(self):
        control = self.site.teams.control
        self.wait_rows("seen", lambda row: row["seen"])
        control.command("set", options_period_ms=8000)
        try:
            self.wait_rows("silent", lambda row: not row["seen"])
            self.assertTrue(all(row["up"]
                                for row in self.customer().values()))
        finally:
            control.command("set", options_period_ms=2000)
        self.wait_rows("seen again", lambda row: row["seen"])

    def test_rows_of_a_customer_that_is_gone(self):
        path = self.bridge.folder / "customers/contoso.yaml"
        text = path.read_text()
        # Teams would ask on for a customer that it still has
        control = self.teams.control
        self.addCleanup(control.command, "tenant_add", send_options=True,
                        fqdn=plan.TENANT_FQDN, base=plan.CARRIER_FQDN)
        self.addCleanup(self.bridge.command, "reload")
        self.addCleanup(path.write_text, text)
        control.command("tenant_add", send_options=False,
                        fqdn=plan.TENANT_FQDN, base=plan.CARRIER_FQDN)
        path.write_text(text.replace(plan.TENANT_FQDN,
                                     "new." + plan.CARRIER_FQDN))
        self.bridge.command("reload")
        names = {name for name, _ in self.rows()}
        self.assertEqual(names, {"new." + plan.CARRIER_FQDN,
                                 plan.CARRIER_FQDN})

    def test_name_of_the_carrier_must_be_in_the_certificate(self):
        tls = self.site.state / "tls"
        text = self.bridge.config.read_text()
        path = self.bridge.folder / "narrow.yaml"
        path.write_text(text.replace(str(tls / "bridge-carrier"),
                                     str(tls / "bridge-many")))
        wide, self.bridge.config = self.bridge.config, path
        self.addCleanup(setattr, self.bridge, "config", wide)
        status, text = self.bridge.check_config()
        self.assertEqual(status, 2, text)
        self.assertRegex(text, r"narrow\.yaml:\d+:\d+: teams\.carrier: .*"
                         + plan.CARRIER_FQDN)
