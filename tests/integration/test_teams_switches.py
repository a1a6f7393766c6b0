"""Switches of teams-sim that change how it treats trunks and calls."""

import json
import ssl

import test_teams_sim as base
from test_teams_sim import (ALLOW, CALLER, CONTACT, FQDN, SBC, USER, Dialog,
                            eventually)

OTHER = "fabrikam.sbc.example.com"
ELSEWHERE = "127.0.61.42"


class TwoTrunks(base.SimTest):
    """An SBC with two tenants' names on one certificate."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        path = cls.folder / "config.json"
        config = json.loads(path.read_text())
        config["hosts"][OTHER] = SBC + ":5061"
        config["tenants"].append({"fqdn": OTHER})
        path.write_text(json.dumps(config))

    def setUp(self):
        super().setUp()
        self.sbc.server = self.pki.context(ssl.PROTOCOL_TLS_SERVER,
                                           "wildcard")
        self.sbc.options_lines = ("Contact: <sip:%s:5061;transport=tls>\r\n"
                                  % FQDN) + ALLOW

    def dial(self, **more):
        return self.control("dial", tenant=FQDN, to=CALLER,
                            **dict({"from": USER}, **more))["call"]

    def test_the_next_trunk_after_503_but_not_after_486(self):
        self.up()
        self.control("tenant_add", fqdn=FQDN, next=OTHER)
        call = self.dial()
        self.sbc.reply(self.sbc.wait("INVITE"), 503)
        second = self.sbc.wait("INVITE")
        self.assertIn("@" + OTHER, second.start)
        self.control.wait("next_trunk", call=call, tenant=OTHER)
        self.sbc.reply(second, 486)
        self.assertEqual(self.control.wait("ended", call=call)["code"], 486)
        call = self.dial()
        self.sbc.reply(self.sbc.wait("INVITE"), 486)
        self.assertEqual(self.control.wait("ended", call=call)["code"], 486)

    def test_trunks_of_equal_rank_are_tried_in_any_order(self):
        self.up()
        self.control("tenant_add", fqdn=FQDN, next=OTHER, shuffle=True)
        began = []
        # each is first with 1/2
        while len(set(began)) < 2 and len(began) < 60:
            call = self.dial()
            pair = [self.refused(503), self.refused(486)]
            self.control.wait("ended", call=call)
            self.assertEqual(sorted(pair), sorted((FQDN, OTHER)))
            began.append(pair[0])
        self.assertEqual(set(began), {FQDN, OTHER})
        self.control("tenant_add", fqdn=FQDN, next=OTHER, shuffle=False)

    def refused(self, code):
        """Refuse the next INVITE; the trunk that it came to."""
        invite = self.sbc.wait("INVITE")
        self.sbc.reply(invite, code)
        return OTHER if "@" + OTHER in invite.start else FQDN

    def test_codes_that_try_the_next_trunk_are_a_setting(self):
        self.up()
        self.control("tenant_add", fqdn=FQDN, next=OTHER,
                     failover_codes=[486])
        call = self.dial()
        self.sbc.reply(self.sbc.wait("INVITE"), 503)
        self.assertEqual(self.control.wait("ended", call=call)["code"], 503)
        self.dial()
        self.sbc.reply(self.sbc.wait("INVITE"), 486)
        self.assertIn("@" + OTHER, self.sbc.wait("INVITE").start)

    def test_no_next_trunk_once_it_rang(self):
        self.up()
        self.control("tenant_add", fqdn=FQDN, next=OTHER)
        call = self.dial()
        invite = self.sbc.wait("INVITE")
        self.sbc.reply(invite, 180, lines="Contact: %s\r\n%s" % (CONTACT,
                                                                ALLOW))
        self.control.wait("ringing", call=call)
        self.sbc.reply(invite, 503)
        self.assertEqual(self.control.wait("ended", call=call)["code"], 503)

    def test_the_same_number_in_two_tenants(self):
        self.sign_in(clients=0)
        self.control("sign_in", tenant=OTHER, number=USER)
        conn = self.sbc.connect(name="wildcard")
        dialog = Dialog(conn)
        dialog.send("INVITE", self.phone().sdp(), ALLOW)
        self.assertEqual(self.sbc.final().code, 480)
        dialog = Dialog(conn)
        dialog.send("INVITE", self.phone().sdp(), ALLOW,
                    contact=CONTACT.replace(FQDN, OTHER))
        self.sbc.wait(180)
        self.assertEqual(self.control.wait("incoming")["tenant"], OTHER)

    def test_without_options_a_trunk_is_neither_pinged_nor_demoted(self):
        self.control("tenant_add", fqdn=FQDN, send_options=False)
        self.control("set", demote_ms=200)
        self.options(self.sbc.connect())
        self.control.wait("options")
        self.dial()
        self.sbc.reply(self.sbc.wait("INVITE"), 486)
        eventually(lambda: not self.control("health")["trunks"][0][
            "instances"][0]["fresh"])
        self.assertEqual(self.control("health")["trunks"][0]["state"],
                         "unknown")
        self.assertEqual(self.sbc.seen, [])

    def test_a_region_without_options_calls_last(self):
        conn = self.sbc.connect(2)
        self.options(conn)
        self.control.wait("trunk_up")
        self.dial()
        invite = self.sbc.wait("INVITE")
        self.assertIn("127.0.61.3", invite["Via"])
        self.control("set", demote_ms=100)
        self.control.wait("options")
        eventually(lambda: not self.control("health")["trunks"][0][
            "instances"][2]["fresh"])
        self.dial(force=True)
        self.assertIn("127.0.61.1", self.sbc.take(
            lambda m: m.method == "INVITE" and m["Call-ID"] !=
            invite["Call-ID"], "INVITE", 5)["Via"])

    def test_a_trunk_that_is_not_enabled(self):
        self.up()
        self.control("tenant_add", fqdn=FQDN, enabled=False)
        answer = self.control("dial", True, tenant=FQDN, to=CALLER,
                              **{"from": USER})
        self.assertIn("not enabled", answer["error"])

    def test_a_name_that_moves(self):
        self.up()
        self.control("host", name=FQDN, address=ELSEWHERE + ":5061")
        call = self.dial()
        self.assertEqual(self.control.wait("ended", call=call)["code"], 504)
        for name, address in (("nobody", SBC + ":1"), (FQDN, "nonsense")):
            self.assertFalse(self.control("host", True, name=name,
                                          address=address)["ok"])

    def test_silk_is_left_out(self):
        self.control("set", silk=False)
        self.up()
        self.dial()
        self.assertIn(" 9 111 18 0 8 97 101 13 118\r\n",
                      self.sbc.wait("INVITE").body)

    def test_headers_of_a_forwarded_call_and_of_a_site(self):
        self.up()
        self.dial(headers="HISTORY-INFO: <sip:+4930555011@x>;index=1\r\n"
                  "X-MS-UserLocation: internal\r\n", anonymous=True)
        invite = self.sbc.wait("INVITE")
        self.assertEqual(invite["X-MS-UserLocation"], "internal")
        self.assertIn("index=1", invite["History-Info"])
        self.assertIn("sip:anonymous@", invite["From"])

    def test_a_bad_certificate_changes_nothing(self):
        self.assertFalse(self.control("certificate", True, certificate="x",
                                      key="y")["ok"])
        self.up()


class Codes(base.SimTest):
    """How it refuses, and how long it waits."""

    def setUp(self):
        super().setUp()
        self.sign_in(answer="auto", ring_ms=0)

    def refused(self, body=None, lines="", contact=CONTACT):
        dialog = Dialog(self.sbc.connect())
        dialog.send("INVITE", self.phone().sdp() if body is None else body,
                    ALLOW + lines, contact)
        return self.sbc.final().code

    def half_a_second(self, call):
        """Counters when 25 more packets have come."""
        def counters():
            return self.control("counters", call=call)
        enough = counters()["rtp_received"] + 25
        eventually(lambda: counters()["rtp_received"] >= enough)
        return counters()

    def test_codes_of_refusals(self):
        self.control("set", bad_sdp_code=488, replaces_code=480,
                     unroutable_code=400, refused_method_code=501,
                     min_se_s=2000)
        self.assertEqual(self.refused("v=0\r\nx"), 488)
        self.assertEqual(self.refused(
            lines="Replaces: a;to-tag=b;from-tag=c\r\n"), 480)
        self.assertEqual(self.refused(contact=None), 400)
        self.assertEqual(self.refused(lines="Session-Expires: 1800\r\n"),
                         422)
        Dialog(self.sbc.connect()).send("MESSAGE")
        self.assertEqual(self.sbc.final().code, 501)

    def test_requests_off_the_route_when_not_strict(self):
        self.control("set", strict_dialog=False)
        dialog, _ = self.call(self.up(), self.phone())
        dialog.route = ""
        dialog.send("BYE", contact=None)
        self.assertEqual(self.sbc.final().code, 200)
        self.assertEqual(self.violations(), ["route-missing"])

    def test_glare(self):
        phone = self.phone()
        dialog, call = self.call(self.up(), phone)
        self.hears(call, 700)
        self.control("hold", call=call)
        hold = self.sbc.wait("INVITE")
        dialog.send("INVITE", phone.sdp("inactive"), ALLOW)
        self.assertEqual(self.sbc.final().code, 491)
        self.sbc.reply(hold, 491)
        again = self.sbc.wait("INVITE")
        self.assertIn("a=inactive", again.body)
        self.sbc.reply(again, 200, body=phone.sdp("inactive", 3),
                       lines="Contact: %s\r\n%s" % (CONTACT, ALLOW))
        self.control.wait("held", by="teams")

    def test_silence_ends_the_call(self):
        self.control("set", media_timeout_ms=800, media_guard_ms=0)
        phone = self.phone()
        _, call = self.call(self.up(), phone)
        self.hears(call, 700)
        phone.quiet = True
        ended = self.control.wait("ended", call=call)
        self.assertEqual(ended["who"], "media_timeout")

    def test_another_source_of_the_voice_is_counted(self):
        phone = self.phone()
        _, call = self.call(self.up(), phone)
        self.hears(call, 700)
        with phone.lock:
            phone.ssrc += 1
            phone.hz = 500
            phone.out = base.Srtp(phone.key)
        self.hears(call, 500)
        self.assertEqual(self.control("counters", call=call)["ssrc_changes"],
                         1)

    def test_muted_with_comfort_noise_sends_nothing(self):
        phone = self.phone()
        dialog = Dialog(self.up())
        dialog.send("INVITE", phone.sdp(formats="8 13 101"), ALLOW)
        ok = self.sbc.wait(200)
        dialog.answered(ok)
        phone.take(ok.body)
        call = self.control.wait("acknowledged")["call"]
        self.phone_hears(phone, 1000)
        self.control("play", call=call, muted=True)
        sent = self.control("counters", call=call)["rtp_sent"]
        self.assertLessEqual(self.half_a_second(call)["rtp_sent"], sent + 2)

    def test_early_description_without_voice(self):
        self.sign_in(answer="manual", tone_hz=1000)
        phone = self.phone()
        dialog = Dialog(self.up())
        dialog.send("INVITE", phone.sdp(), ALLOW)
        call = self.control.wait("incoming")["call"]
        self.control("progress", call=call)
        phone.take(self.sbc.wait(183).body)
        self.assertEqual(self.half_a_second(call)["rtp_sent"], 0)
        self.control("answer", call=call)
        dialog.answered(self.sbc.wait(200))
        self.phone_hears(phone, 1000)


class Certificates(base.SimTest):
    def test_usage_as_a_client_can_be_demanded(self):
        self.pki.leaf("server", FQDN, usage="serverAuth")
        self.assertEqual(self.options(self.sbc.connect(name="server")).code,
                         200)
        self.control("set", require_client_auth=True)
        with self.assertRaises((OSError, AssertionError)):
            self.options(self.sbc.connect(name="server"), deadline_s=5)
        base.eventually(lambda: "tls-client" in self.violations())

    def test_none_of_its_own_and_tls_1_3(self):
        self.control("set", client_certificate=False, tls13=True)
        conn = self.sbc.connect()
        self.assertEqual(conn.sock.version(), "TLSv1.3")
        self.options(conn)
        self.control.wait("trunk_up")
        self.assertFalse(self.sbc.peer_certs[0])

    def test_a_ping_that_nobody_answers(self):
        self.control("set", options_timeout_ms=200)
        self.up()
        self.sbc.receive = lambda msg: None
        down = self.control.wait("trunk_down")
        self.assertIn("not answered", down["reason"])
