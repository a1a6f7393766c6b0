"""Binds a phone to its connection (Cisco CUCM over TCP)."""

import socket
import threading

from message import Message
from zoo import Script


class Connections(Script):
    """Each user has one of its own, and keeps it for what follows."""

    protocol = "tcp"
    fields = {"contact": "{connection: per-user}",
              "registration": "{expires: 60s, refresh_at: 10%}"}
    users = 3
    shared = False

    def open(self):
        self.users_of = {}      # connection -> users
        self.sock = socket.create_server((self.host, 5060))
        self.readers.connections(self.sock, self.connected)

    def connected(self, sock, source):
        threading.Thread(target=self.serve, args=(sock, source),
                         daemon=True).start()

    def serve(self, sock, source):
        data = b""
        while True:
            try:
                got = sock.recv(65536)
            except OSError:
                return
            if not got:
                return
            data = (data + got).lstrip()
            while b"\r\n\r\n" in data:
                head, gap, data = data.partition(b"\r\n\r\n")
                message = Message(head + gap, sock.sendall)
                self.users_of.setdefault(source, set()).add(
                    message.value("To"))
                self.arrived(message)
                data = data.lstrip()

    def check(self, test):
        for i in range(self.users):
            self.registered(i)
        self.wait_seen(2 * self.users + self.users)
        test.assertEqual(len(self.users_of), 1 if self.shared
                         else self.users, self.users_of)
        test.assertEqual({len(users) for users in self.users_of.values()},
                         {self.users if self.shared else 1})


class Shared(Connections):
    """The same PBX with one connection for all, where that is not said."""

    fields = {"registration": "{expires: 60s, refresh_at: 10%}"}
    shared = True
