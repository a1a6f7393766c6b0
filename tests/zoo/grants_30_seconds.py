"""A border controller that keeps a firewall open by short grants."""

from zoo import Script


class Short(Script):
    """Renewed well before 30 s are over."""

    grant_s = 30

    def check(self, test):
        self.registered()
        self.wait_seen(len(self.seen) + 1)
        times = [m.at for m in self.seen if self.proven(m)]
        test.assertGreater(len(times), 1)
        for last, this in zip(times, times[1:]):
            test.assertLess(this - last, 24)
        row = self.registered()
        test.assertEqual(row["flaps"], 0)
        test.assertIn("Registered for 30 s only", row["advice"])
        test.assertIn("the PBX allow 600 s", row["advice"])
