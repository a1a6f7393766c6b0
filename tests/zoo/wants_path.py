"""A proxy in front adds itself to the Path (RFC 3327), if the phone may."""

from zoo import Script


class Path(Script):
    """421 Extension Required: said from then on, for all its users."""

    users = 2
    refusal = "421 Extension Required", ("Require", "path")

    def register(self, message):
        if "path" in message.value("Supported"):
            super().register(message)
        else:
            self.reply(message, self.refusal[0], [self.refusal[1]])

    def check(self, test):
        for i in range(self.users):
            self.registered(i)
            test.assertEqual(self.row(i)["flaps"], 0)
        test.assertLessEqual(sum("path" not in m.value("Supported")
                                 for m in self.seen), self.users)


class Unsupported(Path):
    """420 Bad Extension from the registrar, to the proxy's Path."""

    refusal = "420 Bad Extension", ("Unsupported", "path")


class Said(Path):
    """Said from the start where the profile has it."""

    fields = {"registration": "{path: true}"}

    def check(self, test):
        super().check(test)
        test.assertTrue(all("path" in m.value("Supported")
                            for m in self.seen))
