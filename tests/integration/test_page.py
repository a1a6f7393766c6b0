"""The web page in a real browser, against the lab's Asterisk."""

from browser import BrowserTest
from support import deadline

from lab import plan

STORY_S = 150
EVIL = '<img src=x onerror="window.pwned=1">'


class PageTest(BrowserTest):
    """From the one-time link to a user that turns green."""

    needs = ("asterisk",)

    def users(self):
        """A CSV file of two users; the first has a wrong password."""
        path = self.service.folder / "users.csv"
        name = EVIL.replace('"', '""')
        path.write_text(
            "upn,number,pbx,sip_username,sip_password,name\n"
            'a@acme.example,%s,hq,2001,wrong,"%s"\n'
            "b@acme.example,%s,hq,2002,%s,Bob\n"
            % (plan.user_number(2001), name, plan.user_number(2002),
               plan.secret(2002)))
        return path

    def keep_report(self):
        """A report of a test run, of the MSP's."""
        answer = self.service.local().post("/test-runs", {
            "verdict": "failed", "counts": {"passed": 0, "failed": 1},
            "plans": [{"plan": "first", "title": EVIL, "cases": [
                {"title": EVIL, "verdict": "failed", "steps": [
                    {"step": EVIL, "verdict": "failed", "observed": EVIL,
                     "advice": "Look at the firewall."}]}]}]})
        self.assertEqual(answer.code, 201, answer)

    def call(self):
        """A desk phone calls the first user, in vain: there is no trunk."""
        phone = self.site.desk(1)
        phone.begin()
        phone.dial("2001")

    @deadline(STORY_S + 20)
    def test_the_first_day_of_an_msp(self):
        self.keep_report()
        told = self.tell("page", {"call now": self.call},
                         PAGE_CODE=self.service.code(),
                         PAGE_CSV=self.users(), PAGE_FIXED=plan.secret(2001),
                         PAGE_PROXY=plan.ASTERISK + ":5060")
        self.assertIn("seen users-green", told)
