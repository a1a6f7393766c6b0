"""Several nodes on one store: each PBX is served by one of them, whatever
becomes of the others."""

import json
import re
import signal
import subprocess
import unittest

from browser import BrowserTest
from portal import ADDRESS, PASSWORD, Registrar, Service, user
from support import LabTest, deadline, wait_for

from lab import plan, postgres


class Node(Service):
    """One of several: with ports of its own."""

    def __init__(self, name, store, number):
        super().__init__("node-" + name, store)
        self.name = name
        self.number = number

    @property
    def sip_port(self):
        return 15090 + self.number

    def yaml(self):
        return "\n".join([
            "state_dir: %s" % (self.folder / "state"),
            "customers: [%s]" % (self.folder / "customers"),
            "sip: {address: 127.0.0.1, udp_port: %d, tcp_port: 0, "
            "tls_port: 0}" % self.sip_port,
            "portal: {address: %s, port: %d}" % (ADDRESS,
                                                 18500 + self.number),
            "log: {level: debug}",
            "store: {url: %s, node: %s, key_file: %s}" % (
                json.dumps(self.store), self.name,
                self.folder.parent / "shared.keys")]) + "\n"

    def refused(self):
        """Start it, though it cannot; what it says."""
        path = self.folder / "callbridge.yaml"
        path.write_text(self.yaml())
        done = subprocess.run([plan.program("callbridged"), "-c", path],
                              stdin=subprocess.DEVNULL, timeout=30,
                              capture_output=True, text=True, check=False)
        if done.returncode != 2:
            raise AssertionError("exit %d: %s" % (done.returncode,
                                                  done.stderr))
        return done.stderr


class Pbx(Registrar):
    """Remembers which bindings each phone has."""

    def __init__(self):
        self.bindings = {}      # (name, port): seconds
        super().__init__()

    def reply(self, text):
        answer = super().reply(text)
        name, port = re.search(r"(?m)^Contact: *<sip:(\d+)@[\d.]+:(\d+)",
                               text).groups()
        self.bindings[name, int(port)] = self.expires[name]
        return answer

    def of(self, node):
        """Phones that this node has registered."""
        return {name for (name, port), left in list(self.bindings.items())
                if port == node.sip_port and left}


class Nodes(LabTest):
    """Two nodes on one PostgreSQL."""

    users = {"1001", "1002", "1003"}

    @classmethod
    def setUpClass(cls):
        cls.server = postgres.Postgres()
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()
        url = cls.server.database()
        cls.pbx = Pbx()
        cls.addClassCleanup(cls.pbx.close)
        cls.nodes = [Node(name, url, number)
                     for number, name in enumerate(("east", "west"))]
        for node in cls.nodes:
            node.start()
            cls.addClassCleanup(node.stop)
        cls.nodes[0].tenant()
        for number in (1, 2, 3):
            answer = cls.nodes[0].local().post("/tenants/acme/users",
                                               user(number))
            assert answer.code == 201, answer

    def told(self, node):
        """Of the nodes, by one of them: name to (state, PBXs)."""
        answer = node.local().get("/nodes")
        return {row["node"]: (row["state"], row["pbxs"])
                for row in answer.json["nodes"]} if answer.code == 200 else {}

    def wait_told(self, node, **wanted):
        """Wait until a node tells this of them, None of who is not there."""
        wait_for(lambda: wanted.items() <= {
            **dict.fromkeys(wanted), **self.told(node)}.items(), 30,
            lambda: "%s, but: %s" % (wanted, self.told(node)), 0.1)

    def holder(self):
        """The one that has the PBX, and the other."""
        def one():
            for node, other in (self.nodes, self.nodes[::-1]):
                if self.pbx.of(node) == self.users and \
                        not self.pbx.of(other):
                    return node, other
            return None
        return wait_for(one, 40, lambda: "one node to have all users: %s"
                        % self.pbx.bindings)

    def shown(self, node):
        """The state of each user, as the store has it."""
        rows = node.local().get("/tenants/acme/users").json["users"]
        return {row["value"]["sip_username"]:
                (row["status"] or {}).get("state") for row in rows}

    def registered(self, node):
        """That is how the portal shows them, at whichever node."""
        wait_for(lambda: self.shown(node) == dict.fromkeys(
            self.users, "registered"), 30, lambda: "all to be shown as "
            "registered: %s" % self.shown(node))

    def test_one_of_them_registers(self):
        node, other = self.holder()
        for one in self.nodes:
            self.wait_told(one, **{node.name: ("up", 1),
                                   other.name: ("up", 0)})
            self.registered(one)
        self.assertIn("3 registered", node.command("status"))
        self.assertNotIn("other nodes", node.command("status"))
        text = other.command("status")
        self.assertIn("1 PBX is at other nodes", text)
        self.assertIn("0 users", text)
        text = other.command("report", "registrations")
        self.assertRegex(text, r"acme +hq +" + node.name)
        self.assertIn("<td>%s</td>" % node.name, other.command(
            "report", "registrations", "--html"))
        self.assertNotIn("ANOTHER", node.command("report", "registrations"))
        self.assertRegex(other.command("nodes"), r"up +%s \(this one\)"
                         % other.name)
        text = other.command("retry", "user1@acme.example", good=(0, 1, 2))
        self.assertIn("no user user1@acme.example at this node", text)

    @deadline(180)
    def test_one_that_dies_is_taken_over(self):
        node, other = self.holder()
        node.process.kill()
        wait_for(lambda: self.pbx.of(other) == self.users, 30,
                 "the other node to register")
        self.wait_told(other, **{node.name: ("gone", 0)})
        # it comes back as the second: its phones are the other's now
        self.pbx.bindings = {key: left for key, left in
                             self.pbx.bindings.items()
                             if key[1] == other.sip_port}
        node.start()
        self.wait_told(node, **{other.name: ("up", 1),
                                node.name: ("up", 0)})
        self.assertEqual(self.holder()[0], other)
        self.registered(node)

    @deadline(180)
    def test_one_that_stops_hands_over(self):
        node, other = self.holder()
        self.assertEqual(node.process.stop(30), 0)
        # it took its own bindings back
        self.assertEqual(self.holder()[0], other)
        self.wait_told(other, **{node.name: None, other.name: ("up", 1)})
        self.registered(other)
        node.start()
        self.assertEqual(self.holder()[0], other)

    @deadline(180)
    def test_one_is_told_to_hand_over_and_goes_on(self):
        node, other = self.holder()
        said = other.command("nodes", "drain", node.name)
        self.assertIn("hands its PBXs over", said)
        wait_for(lambda: self.pbx.of(other) == self.users
                 and not self.pbx.of(node), 30,
                 "the other node to have all users")
        self.wait_told(other, **{node.name: ("draining", 0),
                                 other.name: ("up", 1)})
        rows = other.local().get("/nodes?sort=-node").json["nodes"]
        self.assertEqual([row["node"] for row in rows], sorted(
            (node.name, other.name), reverse=True))
        row = next(row for row in rows if row["node"] == node.name)
        self.assertEqual((row["drained"], row["calls"]), (True, 0))
        self.assertEqual(row["pbx_address"], "127.0.0.1")
        self.assertIn("there is no other node", node.command(
            "nodes", "drain", other.name, good=(1, 2)))
        # nothing else has ended; after this it is as before
        self.assertEqual(node.local().get("/health/live").code, 200)
        node.command("nodes", "resume", node.name)
        self.wait_told(node, **{node.name: ("up", 0)})
        self.assertEqual(self.holder()[0], other)

    @deadline(180)
    def test_one_that_slept_finds_out(self):
        node, other = self.holder()
        node.process.send(signal.SIGSTOP)
        try:
            wait_for(lambda: self.pbx.of(other) == self.users, 30,
                     "the other node to register")
        finally:
            node.process.send(signal.SIGCONT)
        wait_for(lambda: not self.pbx.of(node), 30,
                 "the one that slept to take its bindings back")
        self.assertEqual(self.holder()[0], other)
        # what it says late does not make them look lost
        lines = "".join(path.read_text() for path in
                        (node.folder / "state/journal").iterdir())
        self.assertNotIn('"removed":true', lines)
        self.registered(other)

    def test_without_the_store_all_stays(self):
        node, other = self.holder()
        log = len(node.log())
        self.server.kill()
        try:
            wait_for(lambda: "cannot say that it is there"
                     in node.log()[log:], 30, "the node to notice")
        finally:
            self.server.run()
        wait_for(lambda: "the store is there again" in node.log()[log:], 30,
                 "the node to see the store again")
        self.assertEqual(self.holder()[0], node)
        self.wait_told(other, **{node.name: ("up", 1)})

    def test_a_name_is_one_node_s(self):
        twin = Node("twin", self.nodes[0].store, 2)
        twin.name = self.nodes[0].name
        self.assertIn("another node is there that is called "
                      + twin.name, twin.refused())


class NodesPage(BrowserTest):
    """The portal's page of two nodes."""

    @classmethod
    def setUpClass(cls):
        server = postgres.Postgres()
        cls.addClassCleanup(server.stop)
        server.start()
        url = server.database()
        cls.nodes = [Node(name, url, number) for number, name in
                     enumerate(("north", "south"), 5)]
        for node in cls.nodes:
            cls.addClassCleanup(node.stop)
            node.start()
        cls.nodes[0].tenant()
        cls.url = "http://%s:%d" % (ADDRESS, 18500 + cls.nodes[0].number)
        cls.make_shots()

    def test_a_node_is_drained_in_the_page_of_another(self):
        answer = self.nodes[0].local().put("/admins/ann", {
            "role": "msp-admin", "password": PASSWORD})
        self.assertEqual(answer.code, 201, answer)
        self.tell("nodes", PAGE_OTHER=self.nodes[1].name)


class OneNode(LabTest):
    """SQLite is for one node."""

    def test_a_second_one_is_refused(self):
        first = Node("only", None, 3)
        first.store = "sqlite:%s" % (first.folder / "its.db")
        first.start()
        try:
            second = Node("second", first.store, 4)
            self.assertIn("want PostgreSQL", second.refused())
            self.assertIn("one node", first.command("nodes"))
        finally:
            first.stop()


if __name__ == "__main__":
    unittest.main()
