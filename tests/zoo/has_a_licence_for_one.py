"""A licence for fewer phones than there are users."""

from zoo import Script


class Licence(Script):
    """As many as registration.max says, and the others are told why."""

    fields = {"registration": "{max: 1}"}
    users = 3

    def check(self, test):
        rows = [self.wait_row(lambda row: row.get("state") == "registered"
                              or row.get("reason") == "No place free", i=i)
                for i in range(self.users)]
        test.assertEqual(sorted(row["state"] for row in rows),
                         ["queued", "queued", "registered"])
        for row in rows:
            test.assertEqual("registration.max" in row["advice"],
                             row["state"] == "queued")
        test.assertEqual(len({m.value("To") for m in self.seen}), 1)
