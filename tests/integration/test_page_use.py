"""The page as people use it: roles, forms, trouble, keys, night, telephone,
100,000 users. The PBX is not asked what it thinks: see test_page.py."""

import json
import re
import sqlite3

from browser import BrowserTest
from portal import PASSWORD, Registrar, user
from support import deadline

MANY = 100000
NAMES = ("Anna-Katharina Freifrau von und zu Hohenlohe-Waldenburg-"
         "Schillingsfürst, Öffentlichkeit",
         "محمد بن عبد العزيز آل سعود", "東京支社 山田太郎", "Bob")


class PageUse(BrowserTest):
    """A customer with users, another one, and somebody of each role."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pbx = Registrar()
        cls.addClassCleanup(cls.pbx.close)
        cls.local = cls.service.local()
        for name in ("acme", "other"):
            cls.service.tenant(name)
        for n, name in enumerate(NAMES, 1):
            cls.made(cls.local.post("/tenants/acme/users",
                                    user(n, name=name)))
        cls.made(cls.local.post("/tenants/other/users", user(
            90, upn="agent@umbrella.example", name="Umbrella")))
        for role, tenant in (("msp-admin", None), ("msp-support", None),
                             ("tenant-admin", "acme"),
                             ("tenant-viewer", "acme")):
            cls.made(cls.local.put("/admins/" + role, {
                "role": role, "tenant": tenant, "password": PASSWORD}))

    @classmethod
    def made(cls, answer):
        if answer.code != 201:
            raise AssertionError(answer)

    @deadline(240)
    def test_each_role_has_its_own(self):
        told = self.tell("roles")
        self.assertIn("seen tenant-viewer-user-form", told)

    @deadline(240)
    def test_any_text_in_any_field(self):
        told = self.tell("fields")
        self.assertIn("filled pbx", told)
        self.local.delete("/templates/own")

    @deadline(180)
    def test_trouble_loses_nothing(self):
        self.tell("trouble", {"stop now": self.service.stop,
                              "start now": self.service.start})

    @deadline(240)
    def test_by_keys_by_night_and_on_a_telephone(self):
        told = self.tell("hands")
        self.assertIn("seen telephone-indicator", told)


class ManyUsers(BrowserTest):
    """100,000 of them, in the store as if the API had made each."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        local = cls.service.local()
        cls.service.tenant()
        local.post("/tenants/acme/users", user(1, enabled=False))
        local.put("/admins/msp-admin", {"role": "msp-admin",
                                        "password": PASSWORD})
        cls.fill(cls.service.folder / "state/store.db")

    @staticmethod
    def fill(path):
        """Copies of the first user, each with names of its own."""
        with sqlite3.connect(path, timeout=60) as db:
            cursor = db.execute("SELECT * FROM users")
            row = cursor.fetchone()
            names = [column[0] for column in cursor.description]
            old = re.compile("user1@|\\+442079400001|\\b1001\\b")

            def copy(n):
                new = {"user1@": "many%05d@" % n, "1001": "2%05d" % n,
                       "+442079400001": "+4420880%05d" % n}
                return [old.sub(lambda m: new[m.group()], cell)
                        if isinstance(cell, str) else cell for cell in row]
            db.executemany("INSERT INTO users (%s) VALUES (%s)" % (
                ", ".join(names), ", ".join("?" * len(names))),
                (copy(n) for n in range(MANY - 1)))
        db.close()

    @deadline(180)
    def test_one_of_many_is_found(self):
        told = self.tell("many")
        self.assertIn("longest task", told)
        print(json.dumps(told.splitlines()[-1]))
