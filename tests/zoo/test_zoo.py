"""Every scripted PBX in this folder, at one bridge, at the same time."""

import importlib
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "wire"),
                str(HERE.parents[1] / "tools/lib")]

from lab import pki, plan, sanitizer                            # noqa: E402
from lab.bridge import Bridge                                   # noqa: E402

import zoo                                                      # noqa: E402


def scripts():
    """(test name, class) of each PBX, file by file."""
    for path in sorted(HERE.glob("*.py")):
        if path.stem in ("zoo", "test_zoo"):
            continue
        module = importlib.import_module(path.stem)
        for name, what in vars(module).items():
            if isinstance(what, type) and what.__module__ == path.stem:
                yield "test_%s_%s" % (path.stem, name.lower()), what


class ZooTest(unittest.TestCase):
    """One bridge; what each PBX does, nobody else notices."""

    @classmethod
    def setUpClass(cls):
        state = plan.state_dir()
        tls = pki.ensure(state)
        cls.pbxs = {name: what(number)
                    for number, (name, what) in enumerate(scripts())}
        for pbx in cls.pbxs.values():
            pbx.open()
            cls.addClassCleanup(pbx.close)
        cls.bridge = Bridge(
            state, [pbx.pbx() for pbx in cls.pbxs.values()],
            [user for pbx in cls.pbxs.values() for user in pbx.people],
            "bridge-zoo", dns=None,
            teams="{address: %s}" % zoo.BRIDGE,
            sip="{address: %s, udp_port: 5060, tcp_port: 5060, "
                "tls_port: 5062, certificate: %s, key: %s}" % (
                    zoo.BRIDGE, tls / "bridge-pbx-side-chain.pem",
                    tls / "bridge-pbx-side.key"))
        cls.addClassCleanup(cls.stop_bridge)
        for pbx in cls.pbxs.values():
            pbx.bridge = cls.bridge
        cls.bridge.start(sanitizer.env())

    @classmethod
    def stop_bridge(cls):
        status = cls.bridge.stop()
        report = sanitizer.reports()
        if report or status not in (0, None):
            raise AssertionError("callbridged ended with status %s\n%s" % (
                status, report or cls.bridge.process.tail(30)))


def add(name, what):
    def test(self):
        self.pbxs[name].check(self)
        self.assertTrue(self.bridge.process.running(),
                        self.bridge.process.tail(30))
    test.__doc__ = what.__doc__
    test.deadline_s = what.deadline_s
    setattr(ZooTest, name, test)


for each in scripts():
    add(*each)
