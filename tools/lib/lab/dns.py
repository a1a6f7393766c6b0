"""The lab's name server: dnsmasq with the names of both worlds."""

import os
import socket
import struct

from . import plan
from .process import Process

ZONES = ("microsoft.com", "example.com", "contoso.example", "example",
         "lab.test")


def config():
    """Text of dnsmasq.conf: what is not listed does not exist."""
    lines = ["no-daemon", "no-resolv", "no-hosts", "no-poll",
             "bind-interfaces", "user=root" if os.getuid() == 0 else "",
             "listen-address=" + plan.DNS_HOST, "port=%d" % plan.DNS_PORT,
             "except-interface=nonexistent", "log-queries",
             "log-facility=-", "pid-file="]
    lines += ["local=/%s/" % zone for zone in ZONES]
    hosts = list(zip(plan.TEAMS_NAMES, plan.TEAMS))
    hosts += [("sip-du-a-%s.pstnhub.microsoft.com" % region, address)
              for region, address in zip(("eu", "us", "as"), plan.TEAMS)]
    hosts += [(plan.TENANT_FQDN, plan.BRIDGE_TEAMS),
              (plan.CARRIER_FQDN, plan.BRIDGE_TEAMS),
              ("fabrikam.sbc.example.com", plan.BRIDGE_TEAMS),
              (plan.PBX_NAME, plan.ASTERISK),
              ("silent.contoso.example", plan.SILENT),
              ("kamailio.lab.test", plan.KAMAILIO)]
    lines += ["host-record=%s,%s" % host for host in hosts]
    # priority 10 is the PBX, 20 a second target nobody serves
    for service, port in (("_sip._udp", 5060), ("_sip._tcp", 5060),
                          ("_sips._tcp", 5061)):
        lines.append("srv-host=%s.%s,%s,%d,10,50"
                     % (service, plan.PBX_NAME, plan.PBX_NAME, port))
        lines.append("srv-host=%s.%s,silent.contoso.example,%d,20,50"
                     % (service, plan.PBX_NAME, port))
        lines.append("srv-host=%s.%s,kamailio.lab.test,%d,10,50"
                     % (service, plan.KAMAILIO_DOMAIN, port))
    lines += ["naptr-record=%s,10,50,s,SIP+D2U,,_sip._udp.%s"
              % (name, name) for name in (plan.PBX_NAME,
                                          plan.KAMAILIO_DOMAIN)]
    lines += ["naptr-record=%s,20,50,s,SIP+D2T,,_sip._tcp.%s"
              % (name, name) for name in (plan.PBX_NAME,
                                          plan.KAMAILIO_DOMAIN)]
    return "\n".join(line for line in lines if line) + "\n"


def answers(name=plan.PBX_NAME):
    """Does the server answer a question for an A record of `name`?"""
    query = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0)
    query += b"".join(bytes([len(label)]) + label.encode()
                      for label in name.split(".")) + b"\0"
    query += struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        try:
            sock.connect((plan.DNS_HOST, plan.DNS_PORT))
            sock.send(query)
            return struct.unpack_from(">4H", sock.recv(512))[3] > 0
        except OSError:
            return False


def start(state):
    """Start the server; returns its Process once it answers."""
    folder = state / "dns"
    folder.mkdir(exist_ok=True)
    (folder / "dnsmasq.conf").write_text(config())
    process = Process.start("dns", ["dnsmasq", "-C",
                                    folder / "dnsmasq.conf"],
                            folder / "log")
    process.wait_ready(answers, 30, "the name server to answer")
    return process
