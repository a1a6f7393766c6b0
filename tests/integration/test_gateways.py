"""Calls through two nodes on one store, each a gateway of its own for Teams:
whatever comes to the one that does not serve the user's PBX goes on."""

import json
import re

from portal import Client
from support import Bridge, LabTest, Pbx, User, audio, site, \
    wait_for

from lab import plan, postgres


class Gateway(Bridge):
    """One of several, with Teams on one side and Asterisk on the other."""

    def __init__(self, lab, name, store, sip, teams, more=""):
        tls = lab.state / "tls"
        super().__init__(lab.state, (Pbx(),), (
            User(2001, "A"), User(2002, "B", sip_password="wrong")),
            "gateway-" + name,
            sip="{address: %s, tcp_port: 0, tls_port: 0}" % sip,
            teams="{address: %s, certificate: %s, key: %s, ca_file: %s, "
                  "options: 2s%s}" % (
                      teams, tls / "bridge-many-chain.pem",
                      tls / "bridge-many.key", tls / "microsoft-root.pem",
                      more),
            store="{url: %s, node: %s, key_file: %s}" % (
                json.dumps(store), name, lab.state / "gateway.keys"))

    def configure(self):
        """Customers are in the store: `apply` brings them there."""
        super().configure()
        self.customer = self.folder / "customer.yaml"
        (self.folder / "customers/contoso.yaml").rename(self.customer)


class Gateways(LabTest):
    """Teams has a gateway for each of two nodes, and a number of users whose
    PBX the first one serves."""

    @classmethod
    def setUpClass(cls):
        lab = site()
        lab.need("dns", "asterisk", "teams")
        cls.addClassCleanup(lab.drop, "teams")
        server = postgres.Postgres()
        cls.addClassCleanup(server.stop)
        server.start()
        url = server.database()
        cls.first = Gateway(lab, "first", url, plan.BRIDGE_PBX,
                            plan.BRIDGE_TEAMS)
        cls.second = Gateway(
            lab, "second", url, plan.SECOND_PBX, plan.SECOND_TEAMS,
            ", own_names: [\"%s=%s\"]" % (plan.TENANT_FQDN,
                                           plan.SECOND_FQDN))
        for node in (cls.first, cls.second):
            node.start(lab.env)
            cls.addClassCleanup(node.stop)
            if node is cls.first:
                node.command("apply", "-f", node.customer)
                node.wait_registered(node.users[0], deadline_s=30)
        control = lab.teams.control
        control.command("tenant_add", fqdn=plan.SECOND_FQDN,
                        next=plan.TENANT_FQDN)
        cls.people = [lab.teams.sign_in(user.name, user.number, hz,
                                        tenant=plan.SECOND_FQDN)
                      for user, hz in zip(cls.first.users, plan.TEAMS_HZ)]
        for fqdn in (plan.TENANT_FQDN, plan.SECOND_FQDN):
            lab.teams.wait_trunk_up(30, fqdn)

    def setUp(self):
        super().setUp()
        self.control = self.site.teams.control
        self.since = len(self.control.events)
        self.violations = len(self.site.teams.violations())

    def went_on(self):
        """Did Teams try the next gateway?"""
        return [event["tenant"] for event in self.control.events[self.since:]
                if event["event"] == "next_trunk"]

    def decided(self, node):
        """What the node decided about its last call."""
        return json.dumps(max(node.calls(), key=lambda row: row["start_ms"]))

    def test_the_script_makes_a_gateway_of_each(self):
        def names():
            text = Client(self.first, by_socket=True).get(
                "/tenants/contoso/sync/script").text
            return re.findall(r"Fqdn = '([^']*)'", text)
        wait_for(lambda: len(names()) > 1, 30, "the other node to be told")
        self.assertEqual(names(), sorted([plan.TENANT_FQDN,
                                          plan.SECOND_FQDN]))

    def test_a_call_comes_to_the_node_that_serves_the_pbx(self):
        desk = self.site.desk(1)
        desk.begin()
        call = self.people[0].dial(desk.extension)
        desk.wait_ringing(30)
        desk.answer()
        call.wait_answered(30)
        audio.two_way(call, desk)
        self.assertEqual(self.went_on(), [plan.TENANT_FQDN])
        self.assertIn("Served by Another Node", self.decided(self.second))
        self.assertEqual(self.site.teams.violations()[self.violations:], [])
        call.hangup()

    def test_an_emergency_call_is_tried_where_it_came(self):
        call = self.people[0].dial("112")
        wait_for(lambda: "without a registration"
                 in self.decided(self.second), 30, "the node to try it")
        wait_for(lambda: any("112" in channel for fields in
                             self.site.asterisk.channels()
                             for channel in fields), 30,
                 "the PBX to take it", 0.05)
        self.assertEqual(self.went_on(), [])
        call.hangup()

    def test_an_emergency_call_refused_there_goes_on(self):
        call = self.people[1].dial("112")
        self.assertEqual(call.wait_ended(30)["code"], 503)
        self.assertEqual(self.went_on(), [plan.TENANT_FQDN])
        for node in (self.first, self.second):
            self.assertIn("without a registration", self.decided(node))
