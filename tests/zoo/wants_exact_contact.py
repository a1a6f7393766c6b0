"""The user part alone may stand in the Contact (HiPath 4000)."""

from zoo import Script, contact_of


class Exact(Script):
    """404 to a Contact with anything more than the extension."""

    def register(self, message):
        if ";cb=" in contact_of(message):
            self.reply(message, "404 Not Found")
        else:
            super().register(message)

    def check(self, test):
        test.assertIn("suppress the contact data", self.failing()["advice"])


class Suppressed(Exact):
    """The same, when the customer has suppressed the data."""

    fields = {"suppress_contact_data": "true"}

    def check(self, test):
        self.registered()
