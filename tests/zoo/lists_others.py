"""200 with a desk phone before us."""

from zoo import Script


class Others(Script):
    """Our own line of the list counts, not the first."""

    def granted(self, message):
        return [("Contact", "<sip:%s@10.1.2.3>;expires=33, %s;expires=700, "
                 "\"Desk; <x>\" <sip:%s@10.1.2.4;line=a>;expires=44"
                 % (self.people[0].extension, message.value("Contact"),
                    self.people[0].extension))]

    def check(self, test):
        test.assertEqual(self.registered()["expires_s"], 700)
