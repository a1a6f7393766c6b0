"""callbridged as the subject: customers of a thousand users, each with a PBX
of its own, all of which are load."""

import contextlib
import shutil
import signal
import sqlite3
from pathlib import Path

from lab import pki, plan
from lab.process import Process, wait_for

from . import figures
from .subject import SUBJECT_CORE, Subject, cpu_s, pinned

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


def is_taken_over(state):
    """Is all of the journal in the store of this state folder?"""
    store = "file:%s?mode=ro" % (state / "store.db")
    with contextlib.closing(sqlite3.connect(store, uri=True)) as db:
        taken = dict(db.execute("SELECT day, at FROM journal_position"))
    return all(taken.get(path.stem, 0) >= path.stat().st_size
               for path in (state / "journal").glob("*.jsonl"))


def thread_cpu_s(pid, name):
    """CPU of the threads of this name."""
    spent = 0
    for task in Path("/proc/%d/task" % pid).iterdir():
        with contextlib.suppress(FileNotFoundError):    # it has ended
            if (task / "comm").read_text().strip() == name:
                spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


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

    def taken_over(self):
        """Wait until the store has all that the journal tells, each second
        of it late: that work belongs to what was told. CPU seconds of the
        process, and of the store's thread."""
        wait_for(lambda: is_taken_over(self.folder / "state"), 120,
                 "the journal to be taken over", 0.1)
        pid = self.process.pid
        return cpu_s(pid), thread_cpu_s(pid, "keeper")

    def register(self, *options, users, asked=None, **how):
        """A run in which so many register; what load measured, and the
        figures of a registration. `asked` is called with the load when all
        have, and all of that is in the store."""
        end = {}

        def wait(load):
            load.wait_said("registered", how.get("deadline_s", 60))
            end["cpu_s"], end["store_s"] = self.taken_over()
            if asked:
                asked(load)
            load.process.send(signal.SIGUSR1)
        run = self.run("--register", users, "--wait-signal", *options,
                       users=users, during=wait, **how)
        found = figures.of_registrations(run["register"], end["cpu_s"])
        found["us_store_per_user"] = 1e6 * end["store_s"] / users
        return run, found

    def stop(self):
        # its goodbyes to a PBX that is gone are of no interest here
        if self.process:
            self.process.kill()
