"""The web page in a real browser, against the lab's Asterisk."""

import hashlib
import os
import shutil
import subprocess
import unittest

from support import LabTest, deadline, site
from portal import ADDRESS, PASSWORD, PORT, Service

from lab import plan

STORY_S = 150
EVIL = '<img src=x onerror="window.pwned=1">'


def npm_folder(room):
    """Where tools/setup puts the npm packages of a folder."""
    lock = (plan.REPO / room / "package-lock.json").read_bytes()
    return plan.cache_dir() / ("npm-" + hashlib.sha256(lock).hexdigest()[:16])


class PageTest(LabTest):
    """From the one-time link to a user that turns green."""

    @classmethod
    def setUpClass(cls):
        site().need("asterisk")
        cls.service = Service(cls.__name__)
        cls.addClassCleanup(cls.service.stop)
        cls.service.start()
        cls.shots = plan.program("callbridged").parent / "screenshots"
        shutil.rmtree(cls.shots, ignore_errors=True)
        cls.shots.mkdir()

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

    def browse(self):
        """Run the story; its exit status and what it printed."""
        env = dict(os.environ,
                   NODE_PATH=str(npm_folder("tests/web") / "node_modules"),
                   PAGE_URL="https://%s:%d" % (ADDRESS, PORT),
                   PAGE_CODE=self.service.code(), PAGE_PASSWORD=PASSWORD,
                   PAGE_SHOTS=str(self.shots), PAGE_CSV=str(self.users()),
                   PAGE_FIXED=plan.secret(2001),
                   PAGE_PROXY=plan.ASTERISK + ":5060",
                   PAGE_CHROMIUM=shutil.which("chromium") or "")
        self.keep_report()
        with subprocess.Popen(
                ["node", plan.REPO / "tests/web/page.cjs"], env=env,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True) as node:
            self.addCleanup(node.kill)
            told = []
            for line in node.stdout:
                told.append(line)
                if line == "call now\n":
                    self.call()
        return node.returncode, "".join(told)

    @unittest.skipUnless(
        (npm_folder("tests/web") / "node_modules").exists()
        and (npm_folder("portal-api/web") / "node_modules").exists(),
        "npm's packages are not here (tools/setup fetches them)")
    @deadline(STORY_S + 20)
    def test_the_first_day_of_an_msp(self):
        status, told = self.browse()
        self.assertEqual(status, 0, told)
        self.assertIn("seen users-green", told)
