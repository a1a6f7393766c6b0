"""A way to a PBX that something is wrong with: a relay for UDP that can do
what bad routers and firewalls do."""

import select
import socket
import threading


class Breaker:
    """Passes datagrams between one phone and the PBX, as `there` and `back`
    let them: each takes a datagram and gives what goes on, or None. What
    `reply` gives goes back to the phone instead."""

    def __init__(self, address, pbx, there=None, back=None, reply=None):
        self.there = there or (lambda data: data)
        self.back = back or (lambda data: data)
        self.reply = reply or (lambda data: None)
        self.phone = None
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind((address, 5060))
        self.rear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rear.bind((address, 0))
        self.rear.connect((pbx, 5060))
        self.end = socket.socketpair()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            ready, _, _ = select.select(
                [self.front, self.rear, self.end[1]], [], [])
            if self.end[1] in ready:
                return
            if self.front in ready:
                data, self.phone = self.front.recvfrom(65536)
                answer = self.reply(data)
                if answer is not None:
                    self.front.sendto(answer, self.phone)
                else:
                    self.pass_on(self.rear.send, self.there(data))
            if self.rear in ready and self.phone:
                self.pass_on(lambda data: self.front.sendto(data, self.phone),
                             self.back(self.rear.recv(65536)))

    @staticmethod
    def pass_on(send, data):
        if data is not None:
            try:
                send(data)
            except ConnectionRefusedError:
                pass

    def close(self):
        self.end[0].close()
        self.thread.join(30)
        self.front.close()
        self.rear.close()
        self.end[1].close()
