"""Nobody reads a socket any more that was closed."""

import socket
import threading
import unittest

from lab.sockets import Readers


class Closed(unittest.TestCase):
    def setUp(self):
        self.readers = Readers()
        self.before = set(threading.enumerate())

    def ended(self):
        self.assertNotEqual(set(threading.enumerate()), self.before)
        self.readers.close()
        self.assertEqual(set(threading.enumerate()), self.before)

    def test_who_read_datagrams_has_ended(self):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        self.readers.datagrams(sock, lambda *_: None)
        self.ended()

    def test_who_accepted_connections_has_ended(self):
        sock = socket.create_server(("127.0.0.1", 0))
        self.readers.connections(sock, lambda *_: None)
        self.ended()

    def test_who_read_a_connection_has_ended(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            sock = socket.create_connection(listener.getsockname())
            self.readers.start(sock, lambda: sock.recv(1))
            self.ended()
