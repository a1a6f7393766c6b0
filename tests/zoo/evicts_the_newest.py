"""Yes, and then only the other phone in the list of bindings."""

from zoo import BRIDGE, Script


class Evicts(Script):
    """Not registered, whatever the 200 says; the other is named."""

    others = "10.9.8.7:5062", "10.9.8.6"

    def granted(self, message):
        return [("Contact", "<sip:%s@%s>;expires=60"
                 % (self.people[0].extension, host)) for host in self.others]

    def check(self, test):
        row = self.failing()
        test.assertIn("10.9.8.7:5062", row["advice"])
        test.assertEqual(row["expires_s"], 0)
        test.assertIn("10.9.8.6", row["advice"])


class Replaces(Evicts):
    """One contact, not ours: ours rewritten, or another phone. Told."""

    others = "10.9.8.7:5062",

    def check(self, test):
        self.registered()
        test.assertIn("10.9.8.7:5062", self.row()["advice"])


class Rewrites(Evicts):
    """One contact, with the address that our packets come from."""

    others = BRIDGE + ":5060",

    def check(self, test):
        test.assertNotIn("phone", self.registered()["advice"])
