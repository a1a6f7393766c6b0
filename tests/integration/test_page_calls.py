"""The page's calls and reports in a real browser, with a call that the lab's
Asterisk makes."""

import json

from support import deadline, wait_for
from browser import BrowserTest
from portal import user
from test_calls_kept import NOW_MS, record, records, statuses

from lab import plan

STORY_S = 150


class CallsPage(BrowserTest):
    """Looking for calls, sharing one, reports."""

    needs = ("asterisk",)

    @classmethod
    def serve(cls):
        service = super().serve()
        folder = service.folder / "state/journal"
        folder.mkdir(parents=True)
        more = [record(n, caller="+33140205%03d" % n)
                for n in range(40, 98)]
        longest = record(38)
        longest["end_ms"] = longest["answer_ms"] + 3605000
        with open(folder / "20200101.jsonl", "w", encoding="utf-8") as out:
            for line in [{"call": each} for each in
                         records() + more + [longest]] + statuses():
                out.write(json.dumps(dict({"time_ms": NOW_MS}, **line),
                                     separators=(",", ":")) + "\n")
        return service

    def call(self):
        """A desk phone calls the user, in vain: there is no trunk."""
        phone = self.site.desk(1)
        phone.begin()
        phone.dial("2001")

    @deadline(STORY_S + 20)
    def test_a_call_is_found_shown_and_shared(self):
        self.service.first_admin("ann")
        local = self.service.local()
        for path, value in (
                ("/tenants", {"tenant": "acme",
                              "teams": {"fqdn": "acme.sbc.example.com"}}),
                ("/tenants/acme/pbxs", {
                    "name": "hq", "template": "asterisk-pjsip", "country": "GB",
                    "sip_domain": "pbx.contoso.example",
                    "sip_proxy": plan.ASTERISK + ":5060"}),
                ("/tenants/acme/users", user(
                    1, number=plan.user_number(2001), sip_username="2001",
                    sip_password=plan.secret(2001)))):
            answer = local.post(path, value)
            self.assertEqual(answer.code, 201, answer)
        wait_for(lambda: [row["state"] for row in local.get(
            "/registrations?tenant=acme").json["registrations"]]
            == ["registered"], 30, "the user to be registered", 0.2)
        wait_for(lambda: len(local.get(
            "/call-records?tenant=acme&limit=100").json["calls"]) == 70, 30,
            "the journal to be taken over", 0.2)
        told = self.tell("calls", {"call now": self.call})
        self.assertIn("seen reports-numbers", told)
