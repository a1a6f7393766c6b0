"""callbridged as the subject: customers of a thousand users, each with a PBX
of its own, all of which are load."""

import shutil

from lab import pki, plan
from lab.process import Process

from .subject import SUBJECT_CORE, Subject, pinned

FIRST = 10001                   # load's first user
PER_TENANT = 1000               # users: a customer file is bounded
PER_SECOND = 2000               # registrations, of all PBXs together

NODE = """\
state_dir: {folder}/state
customers: [{folder}/customers]
sip: {{address: {pbx_side}, tcp_port: 0, tls_port: 0}}
teams:
  address: {teams_side}
  certificate: {tls}/bridge-many-chain.pem
  key: {tls}/bridge-many.key
  ca_file: {tls}/microsoft-root.pem
media: {{workers: 1, port_min: 10000, port_max: 60000}}
trace: {{memory_mb: {trace_mb}}}
log: {{file: {folder}/log}}
dns:
  hosts:
"""

CUSTOMER = """\
tenant: t{number}
teams: {{fqdn: t{number}.sbc.example.com}}
policy: {{calls_per_user: 100000, starts_per_minute_user: 100000}}
pbx:
  - name: hq
    country: GB
    sip_domain: pbx.contoso.example
    sip_proxy: {pbx}:5060
    registration: {{per_second: {pace}, burst: {pace}{options}}}
users:
"""

USER = ('  - {{upn: u{name}@contoso.example, number: "+4420794{name:05d}", '
        'pbx: hq, sip_username: "{name}", sip_password: secret-{name}}}\n')


def node(folder, tls, trace_mb):
    text = NODE.format(folder=folder, tls=tls, trace_mb=trace_mb,
                       pbx_side=plan.BRIDGE_PBX,
                       teams_side=plan.BRIDGE_TEAMS)
    hosts = list(zip(plan.TEAMS_NAMES, plan.TEAMS))
    hosts.append(("sip-du-a-eu.pstnhub.microsoft.com", plan.TEAMS[0]))
    return text + "".join("    - {name: %s, address: %s}\n" % host
                          for host in hosts)


def customers(folder, users, per_second=PER_SECOND, per_tenant=PER_TENANT,
              options=""):
    """Write the customer files, so many users each. They register at so many
    a second, all PBXs together; `options` go to `registration` of each."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tenants = -(-users // per_tenant)
    pace = max(1, min(1000, per_second // tenants))
    for number in range(tenants):
        first = FIRST + number * per_tenant
        last = min(first + per_tenant, FIRST + users)
        text = CUSTOMER.format(number=number, pbx=plan.ASTERISK, pace=pace,
                               options=options)
        text += "".join(USER.format(name=name)
                        for name in range(first, last))
        (folder / ("t%d.yaml" % number)).write_text(text)


class Callbridge(Subject):
    """The bridge of this tree."""

    name = "callbridge"
    load_options = ("--pbx", plan.ASTERISK + ":5060",
                    *(word for address in plan.TEAMS
                      for word in ("--teams", "%s:%d" % (address,
                                                         plan.TEAMS_PORT))))
    process = None

    def start(self, users, trace_mb=64, keep=False, **how):
        """@param keep  the state of the last time, as after a reboot"""
        if not keep:
            shutil.rmtree(self.folder / "state", ignore_errors=True)
            (self.folder / "state").mkdir()
        config = self.folder / "callbridge.yaml"
        config.write_text(node(self.folder, pki.ensure(self.folder.parent),
                               trace_mb))
        customers(self.folder / "customers", users, **how)
        self.process = Process.start(
            "callbridged",
            pinned(SUBJECT_CORE, [plan.program("callbridged"), "-c", config]),
            self.folder / "stderr")
        return self.process

    def stop(self):
        # its goodbyes to a PBX that is gone are of no interest here
        if self.process:
            self.process.kill()
