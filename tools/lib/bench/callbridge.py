"""callbridged as the subject: one customer, its users on one PBX."""

import shutil

from lab import pki, plan
from lab.process import Process

from .subject import Subject, cores, pinned

FIRST = 10001                   # load's first user
PER_SECOND = 1000               # registrations, of one PBX: the most it takes
PBXS = 2                        # the users of one PBX on either of two names

NODE = """\
state_dir: {folder}/state
customers: [{folder}/customer.yaml]
sip: {{address: {pbx_side}, tcp_port: 0, tls_port: 0}}
teams:
  address: {teams_side}
  certificate: {tls}/bridge-chain.pem
  key: {tls}/bridge.key
  ca_file: {tls}/microsoft-root.pem
media: {{workers: 1, port_min: 10000, port_max: 60000}}
trace: {{memory_mb: {trace_mb}}}
log: {{file: {folder}/log}}
dns:
  hosts:
"""

PBX = """\
  - name: pbx{number}
    country: GB
    sip_domain: pbx.contoso.example
    sip_proxy: {pbx}:5060
    registration: {{per_second: {per_second}, burst: {per_second}}}
"""


def node(folder, tls, trace_mb):
    text = NODE.format(folder=folder, tls=tls, trace_mb=trace_mb,
                       pbx_side=plan.BRIDGE_PBX,
                       teams_side=plan.BRIDGE_TEAMS)
    hosts = list(zip(plan.TEAMS_NAMES, plan.TEAMS))
    hosts.append(("sip-du-a-eu.pstnhub.microsoft.com", plan.TEAMS[0]))
    return text + "".join("    - {name: %s, address: %s}\n" % host
                          for host in hosts)


def customer(users):
    lines = ["tenant: contoso", "teams: {fqdn: %s}" % plan.TENANT_FQDN,
             "pbx:"]
    text = "\n".join(lines) + "\n"
    for number in range(PBXS):
        text += PBX.format(number=number, pbx=plan.ASTERISK,
                           per_second=PER_SECOND)
    text += "users:\n"
    return text + "".join(
        '  - {upn: u%d@contoso.example, number: "+4420794%05d", pbx: pbx%d, '
        'sip_username: "%d", sip_password: secret-%d}\n'
        % (name, name, name % PBXS, name, name)
        for name in range(FIRST, FIRST + users))


class Callbridge(Subject):
    """The bridge of this tree."""

    name = "callbridge"
    load_options = ("--pbx", plan.ASTERISK + ":5060",
                    *(word for address in plan.TEAMS
                      for word in ("--teams", "%s:%d" % (address,
                                                         plan.TEAMS_PORT))))
    process = None

    def start(self, users, trace_mb=64):
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        (self.folder / "state").mkdir()
        config = self.folder / "callbridge.yaml"
        config.write_text(node(self.folder, pki.ensure(self.folder.parent),
                               trace_mb))
        (self.folder / "customer.yaml").write_text(customer(users))
        self.process = Process.start(
            "callbridged",
            pinned(cores()[0], [plan.program("callbridged"), "-c", config]),
            self.folder / "stderr")
        return self.process

    def stop(self):
        # its goodbyes to a PBX that is gone are of no interest here
        if self.process:
            self.process.kill()
