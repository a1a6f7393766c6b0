"""200 and no list of bindings."""

from zoo import Script


class Bare(Script):
    """The 200 has to do, for as long as was asked."""

    def granted(self, message):
        return []

    def check(self, test):
        test.assertEqual(self.registered()["expires_s"], 3600)
