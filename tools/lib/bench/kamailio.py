"""Kamailio as the PBX: a registrar that shares nothing with us."""

import shutil

from lab import kamailio, plan
from lab.process import Process, wait_for

from .subject import LOAD_CORE, cpu_s, pinned

DOMAIN = "pbx.contoso.example"

CONFIG = """\
debug=1
log_stderror=yes
children=1
listen=udp:{address}:5060
alias="{domain}"
mpath="{modules}/"
loadmodule "ctl.so"
loadmodule "kex.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("ctl", "binrpc", "unix:{folder}/ctl")
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 14)
modparam("registrar", "max_contacts", 4)
modparam("auth", "qop", "auth")
request_route {{
	if (!is_method("REGISTER")) {{
		sl_send_reply("405", "Method Not Allowed");
		exit;
	}}
	if (!pv_www_authenticate("$td", "secret-$au", "0", "$rm")) {{
		auth_challenge("$td", "1");
		exit;
	}}
	save("location");
}}
"""


class Registrar:
    """Kamailio on the load's core, in the load's place."""

    address = plan.ASTERISK     # where the customers' files say the PBX is

    def __init__(self, state, users):
        self.folder = state / "kamailio-registrar"
        self.users = users
        self.process = None

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        config = self.folder / "kamailio.cfg"
        config.write_text(CONFIG.format(
            address=self.address, domain=DOMAIN, folder=self.folder,
            modules=kamailio.module_path()))
        self.process = Process.start("kamailio", pinned(LOAD_CORE, [
            "kamailio", "-DD", "-E", "-f", config, "-w", self.folder,
            "-Y", self.folder, "-m", "512", "-M", "16"]),
            self.folder / "log")
        try:
            self.process.wait_ready(self.answers, 20, "Kamailio to answer")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.stop(6)

    def ask(self, *command):
        return kamailio.run(["kamcmd", "-s", "unix:%s/ctl" % self.folder,
                             *command], 10)

    def answers(self):
        try:
            return "usrloc" in self.ask("stats.get_statistics", "usrloc:")
        except RuntimeError:
            return False

    def registered(self):
        """How many users it lists."""
        for line in self.ask("stats.get_statistics", "usrloc:").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "usrloc:registered_users":
                return int(value)
        return 0

    def run(self, subject, users, per_second):
        """Have the bridge register; CPU seconds from the first user that
        Kamailio sees until the store has them all."""
        process = subject.start(users, trace_mb=1, per_second=per_second)
        try:
            wait_for(lambda: self.registered() or not process.running(), 60,
                     "the first user")
            first, before = self.registered(), cpu_s(process.pid)
            wait_for(lambda: self.registered() >= users
                     or not process.running(), users / per_second * 4 + 60,
                     "all users at Kamailio", interval_s=0.1)
            spent = subject.taken_over()[0] - before
            return spent * users / max(1, users - first)
        finally:
            subject.stop()
