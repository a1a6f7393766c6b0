"""Nobody reads a socket after it was closed."""

import signal
import socket
import subprocess
import unittest

from lab.process import wait_for
from lab.sockets import Readers


class Closed(unittest.TestCase):
    def test_its_number_is_read_by_its_next_owner_alone(self):
        """Though a signal comes, for which waiting threads begin anew."""
        readers = Readers()
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.bind(("127.0.0.1", 0))
        swallowed = []
        readers.datagrams(first, lambda *what: swallowed.append(what))
        thread = readers.kept[0][1]
        with open("/proc/self/task/%d/wchan" % thread.native_id) as wchan:
            wait_for(lambda: wchan.seek(0) or "wait" in wchan.read(), 20,
                     "the thread to read")
        number = first.fileno()
        readers.close()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.assertEqual(ours.fileno(), number)
            before = signal.pthread_sigmask(signal.SIG_BLOCK,
                                            {signal.SIGCHLD})
            subprocess.run(["true"], check=True)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for turn in range(20):
                theirs.send(b"%d" % turn)
                ours.settimeout(20)
                self.assertEqual(ours.recv(100), b"%d" % turn)
        self.assertEqual(swallowed, [])
