"""Sockets that threads read, closed when nobody reads them any more.

A thread that is left in recv() or accept() when another one closes the socket
stays there with the bare number. Let a signal end its wait, and the kernel
begins the call anew with that number, which by then may be another socket's:
what came for that one is swallowed. SIGCHLD is such a signal: while
subprocess forks with all signals blocked, it goes to any other thread.
"""

import socket
import threading

PATIENCE_S = 20


class Readers:
    """Sockets and the threads that read them."""

    def __init__(self):
        self.kept = []

    def start(self, sock, read):
        """Run `read`, which reads `sock` and returns when that ends, in a
        thread of its own."""
        thread = threading.Thread(target=read, daemon=True)
        self.kept.append((sock, thread))
        thread.start()

    def datagrams(self, sock, arrived):
        """Call `arrived` with each datagram and its source."""
        def read():
            while True:
                octets, source = sock.recvfrom(65536)
                if source is None:      # woken to end
                    return
                arrived(octets, source)
        self.start(sock, read)

    def connections(self, sock, accepted):
        """Call `accepted` with each connection and its source."""
        def read():
            while True:
                try:
                    connection = sock.accept()
                except OSError:         # woken to end
                    return
                accepted(*connection)
        self.start(sock, read)

    def close(self):
        """Wake all of the threads, wait for their ends, close."""
        for sock, _ in self.kept:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass        # without a peer; who waits is woken all the same
        for sock, thread in self.kept:
            thread.join(PATIENCE_S)
            if thread.is_alive():
                raise RuntimeError("%r is still read" % sock)
            sock.close()
        self.kept.clear()
