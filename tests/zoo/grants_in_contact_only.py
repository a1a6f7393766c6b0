"""The grant is in the Contact; the Expires header says something else."""

from zoo import Script


class Contact(Script):
    """The parameter of our binding counts (RFC 3261 section 10.2.4)."""

    grant_s = 90

    def granted(self, message):
        return [*super().granted(message), ("Expires", "3600")]

    def check(self, test):
        test.assertEqual(self.registered()["expires_s"], 90)


class Header(Script):
    """The other way about: only the header says it."""

    def granted(self, message):
        return [("Contact", message.value("Contact")), ("Expires", "120")]

    def check(self, test):
        test.assertEqual(self.registered()["expires_s"], 120)
