"""Newest wins: a desk phone takes the place between two renewals."""

from zoo import Script, contact_of


class Evicts(Script):
    """Found by asking for the bindings before a renewal; the other phone is
    named, with what it says of itself."""

    fields = {"registration": "{expires: 60s, refresh_at: 10%}"}
    desk = ("\"Desk 7\" <sip:USER@10.9.8.7:5066>;"
            "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000413>\";"
            "expires=3000")

    def granted(self, message):
        if not message.value("Contact"):
            return [("Contact", self.desk.replace(
                "USER", str(self.people[0].extension)))]
        return super().granted(message)

    def check(self, test):
        row = self.wait_row(lambda row: "10.9.8.7:5066" in
                            row.get("advice", ""), 25)
        test.assertEqual(row["state"], "registered")
        test.assertIn("Desk 7", row["advice"])
        test.assertIn("another phone", row["advice"])
        test.assertGreaterEqual(row["flaps"], 1)


class Names(Evicts):
    """One without a name is named by its instance."""

    desk = Evicts.desk.partition(" ")[2].partition(" ")[2]

    def check(self, test):
        row = self.wait_row(lambda row: "10.9.8.7:5066" in
                            row.get("advice", ""), 25)
        test.assertIn("urn:uuid:00000000-0000-1000-8000-000413",
                      row["advice"])


class Refuses(Evicts):
    """No list of bindings to be had: not asked again, nothing comes of
    it."""

    def register(self, message):
        if message.value("Contact"):
            super().register(message)
        else:
            self.reply(message, "400 Contact Missing")

    def check(self, test):
        self.registered()
        self.wait_seen(5)
        row = self.row()
        test.assertEqual((row["state"], row["flaps"]), ("registered", 0))
        test.assertNotIn("phone", row["advice"])
        test.assertEqual(sum(not m.value("Contact") for m in self.seen), 1)


class Keeps(Evicts):
    """A binding of ours from before a restart: no rival, and it goes."""

    fields = {"registration": "{expires: 60s, refresh_at: 10%}"}

    def granted(self, message):
        headers = Script.granted(self, message)
        mine = message.values("Contact")
        old = contact_of(self.seen[0]).partition(";cb=")[0]
        if mine and any(";expires=0" in each for each in mine):
            self.gone = True
        if headers and not getattr(self, "gone", False):
            headers.append(("Contact", "<%s;cb=00bad0>;expires=500" % old))
        return headers

    def check(self, test):
        self.registered()
        seen = self.wait_seen(4)
        old = [each for m in seen for each in m.values("Contact")
               if ";expires=0" in each]
        test.assertTrue(old)
        test.assertIn("cb=00bad0", old[0])
        row = self.row()
        test.assertEqual((row["state"], row["flaps"]), ("registered", 0))
        test.assertNotIn("phone", row["advice"])
