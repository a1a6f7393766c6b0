"""Handshakes and answers that take their time."""

import socket
import ssl
import threading
import time

from lab import plan

from message import Message
from zoo import Script


class Slow(Script):
    """Three seconds before the handshake, then an octet at a time."""

    protocol = "tls"
    fields = {"tls": "{ca_file: %s}" % (plan.state_dir() / "tls/pbx-ca.pem")}

    def proxy(self):
        return self.host + ":5061"

    def open(self):
        tls = plan.state_dir() / "tls"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(tls / "asterisk-chain.pem",
                                     tls / "asterisk.key")
        self.sock = socket.create_server((self.host, 5061))
        self.readers.connections(self.sock, self.connected)

    def connected(self, sock, _):
        threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        time.sleep(3)
        data = b""
        try:
            sock = self.context.wrap_socket(sock, server_side=True)
            while True:
                got = sock.recv(65536)
                if not got:
                    return
                data += got
                while b"\r\n\r\n" in data.lstrip():
                    head, gap, data = data.lstrip().partition(b"\r\n\r\n")
                    self.arrived(Message(head + gap, lambda octets:
                                         self.dribble(sock, octets)))
        except (OSError, ValueError):
            return

    @staticmethod
    def dribble(sock, octets):
        for i in range(len(octets)):
            sock.send(octets[i:i + 1])
