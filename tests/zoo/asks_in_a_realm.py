"""The realm of its challenges."""

from zoo import Script


class Realm(Script):
    """The one that the profile names is answered."""

    fields = {"realm": "zoo"}


class Other(Script):
    """Not another one: both are told."""

    fields = {"realm": "ccmsipline"}

    def check(self, test):
        row = self.failing()
        test.assertEqual(row["reason"], "Another realm")
        for realm in ("zoo", "ccmsipline"):
            test.assertIn('"%s"' % realm, row["advice"])
        test.assertTrue(all(not m.value("Authorization")
                            for m in self.seen))
