"""One lab: brings up each peer when it is first asked for, ends them all."""

from . import asterisk, dns, kamailio, phones, pki, plan, teams
from .process import Process


class Site:
    """The peers of one run, with everything they write below `state`.

    `env` is given to our own programs (the sanitizers' options).
    """

    def __init__(self, state=None, env=None):
        self.state = state or plan.state_dir()
        self.env = env or {}
        self.parts = {}
        self.stops = []
        pki.ensure(self.state)

    def part(self, key, make):
        """The part of this name, made and remembered on first use. `make`
        returns it together with what stops it."""
        if key not in self.parts:
            self.parts[key], stop = make()
            self.stops.append((key, stop))
        return self.parts[key]

    def started(self, peer, **options):
        """For part(): start a peer; it and its stop(), also if starting
        fails half-way."""
        try:
            peer.start(**options)
        except BaseException:
            peer.stop()
            raise
        return peer, peer.stop

    def need(self, *names):
        """Have these peers up."""
        for name in names:
            getattr(self, name)

    @property
    def dns(self):
        def make():
            process = dns.start(self.state)
            return process, process.stop
        return self.part("dns", make)

    @property
    def asterisk(self):
        return self.part("asterisk", lambda: self.started(
            asterisk.Asterisk(self.state)))

    @property
    def kamailio(self):
        return self.part("kamailio", lambda: self.started(
            kamailio.Kamailio(self.state)))

    @property
    def teams(self):
        return self.part("teams", lambda: self.started(
            teams.Teams(self.state), env=self.env))

    def desk(self, number):
        """Desk phone 1..3, registered at Asterisk as 100N."""
        def make():
            self.need("asterisk")
            phone = phones.desk(number, self.state)
            return phone, phone.stop
        return self.part("desk-%d" % number, make)

    def carrier(self, number):
        """Phone 1..3 of the outside world, behind Asterisk's trunk."""
        def make():
            self.need("asterisk")
            phone = phones.carrier(number, self.state)
            return phone, phone.stop
        return self.part("pstn-%d" % number, make)

    def at_kamailio(self, extension):
        """Phone 1101 or 1102, registered at Kamailio."""
        def make():
            self.need("dns", "kamailio")
            phone = phones.at_kamailio(extension, self.state)
            return phone, phone.stop
        return self.part("kam-%d" % extension, make)

    def processes(self):
        """Name of the part and Process of everything that runs."""
        for key, part in self.parts.items():
            if isinstance(part, Process):
                yield key, part
            for process in getattr(part, "processes", []):
                yield key, process
            if isinstance(getattr(part, "process", None), Process):
                yield key, part.process

    def phones(self):
        """All phones that were asked for so far."""
        return [part for part in self.parts.values()
                if isinstance(part, phones.Phone)]

    def drop_phones(self):
        """Stop all phones: somebody else brings telephones of their own, to
        the same addresses and extensions."""
        for key, part in list(self.parts.items()):
            if isinstance(part, phones.Phone):
                self.drop(key)

    def drop(self, key):
        """Stop one part and forget it."""
        for found, stop in [s for s in self.stops if s[0] == key]:
            stop()
            self.stops.remove((found, stop))
            del self.parts[found]

    def stop(self):
        """End everything, last come first."""
        while self.stops:
            key, stop = self.stops.pop()
            self.parts.pop(key, None)
            stop()
