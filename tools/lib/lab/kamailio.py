"""Kamailio and rtpengine: a PBX that is only a proxy with a media relay.

Realm and domain are the tenant's name and not an address, INVITE is
challenged with 407, and signalling goes end to end.
"""

import shutil
import socket
from pathlib import Path

from . import pki, plan
from .process import Process, run

USERS = (1101, 1102, 1103, 1104, 2101, 2102, 2103)
MODULES = ("tls ctl kex corex tm tmx sl rr pv maxfwd usrloc registrar "
           "textops siputils xlog sanity htable auth nathelper "
           "rtpengine").split()

CONFIG = """\
debug=2
log_stderror=yes
children=2
tcp_children=2
listen=udp:{address}:5060
listen=tcp:{address}:5060
listen=tls:{address}:5061
alias="{domain}"
alias="{other}"
enable_tls=yes
mpath="{modules}/"
{load}
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{tls}/kamailio.pem")
modparam("tls", "private_key", "{tls}/kamailio.key")
modparam("ctl", "binrpc", "unix:{folder}/run/ctl")
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "use_domain", 1)
modparam("registrar", "max_contacts", 4)
modparam("auth", "nonce_expire", 60)
modparam("auth", "nonce_count", 1)
modparam("auth", "qop", "auth")
modparam("htable", "htable", "pw=>size=6;")
modparam("rtpengine", "rtpengine_sock", "udp:{address}:2223")
event_route[htable:mod-init] {{
{passwords}}}
request_route {{
	force_rport();
	if (is_method("CANCEL")) {{
		if (t_check_trans()) t_relay();
		exit;
	}}
	if (has_totag()) {{
		if (loose_route()) {{
			route(MEDIA);
			t_on_reply("R");
			t_relay();
			exit;
		}}
		if (is_method("ACK") && t_check_trans()) t_relay();
		exit;
	}}
	remove_hf("Route");
	if (is_method("REGISTER") && $td == "{other}") {{
		if (!pv_proxy_authenticate("$td", "$sht(pw=>$au@$td)", "0")) {{
			proxy_challenge("$td", "1");
			exit;
		}}
		consume_credentials();
		save("location");
		exit;
	}}
	if (is_method("REGISTER")) {{
		if (!pv_www_authenticate("$td", "$sht(pw=>$au@$td)", "0", "$rm")) {{
			auth_challenge("$td", "1");
			exit;
		}}
		consume_credentials();
		save("location");
		exit;
	}}
	if (!pv_proxy_authenticate("$fd", "$sht(pw=>$au@$fd)", "0")) {{
		auth_challenge("$fd", "17");
		exit;
	}}
	consume_credentials();
	if (!lookup("location")) {{
		sl_send_reply("480", "Temporarily Unavailable");
		exit;
	}}
	record_route();
	route(MEDIA);
	t_on_reply("R");
	t_relay();
}}
route[MEDIA] {{
	if (is_method("BYE")) rtpengine_delete();
	if (is_method("INVITE|UPDATE") && has_body("application/sdp")) {{
		$var(p) = "RTP/AVP";
		if ($ru =~ "transport=tls" || $du =~ "transport=tls")
			$var(p) = "RTP/SAVP SDES-no-AEAD_AES_256_GCM "
				+ "SDES-no-AEAD_AES_128_GCM DTLS=off";
		rtpengine_offer("replace-origin replace-session-connection "
			+ "ICE=remove $var(p)");
	}}
}}
onreply_route[R] {{
	if (has_body("application/sdp") && is_method("INVITE|UPDATE"))
		rtpengine_answer("replace-origin replace-session-connection "
			+ "ICE=remove");
}}
"""


def module_path():
    """Folder of Kamailio's modules, wherever the distribution has it."""
    found = list(Path("/usr/lib").glob("*/kamailio/modules/tm.so"))
    if not found:
        raise FileNotFoundError("Kamailio's modules: run tools/setup")
    return found[0].parent


class Kamailio:
    """The proxy and its relay, with a folder below `state`."""

    address = plan.KAMAILIO
    domain = plan.KAMAILIO_DOMAIN

    def __init__(self, state):
        self.state = state
        self.folder = state / "kamailio"
        self.processes = []

    def configure(self):
        tls = pki.ensure(self.state)
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "run").mkdir(parents=True)
        passwords = "".join(
            '\t$sht(pw=>%d@%s) = "%s";\n' % (x, self.domain, plan.secret(x))
            for x in USERS)
        passwords += "".join(
            '\t$sht(pw=>%d@%s) = "other-%s";\n' % (x, plan.KAMAILIO_OTHER,
                                                   plan.secret(x))
            for x in USERS)
        (self.folder / "kamailio.cfg").write_text(CONFIG.format(
            address=self.address, domain=self.domain,
            other=plan.KAMAILIO_OTHER, tls=tls,
            folder=self.folder, modules=module_path(), passwords=passwords,
            load="\n".join('loadmodule "%s.so"' % m for m in MODULES)))

    def start(self):
        """Start both programs; returns their Processes once they answer."""
        self.configure()
        relay = Process.start("rtpengine", [
            "rtpengine", "--foreground", "--config-file=none", "--table=-1",
            "--interface=" + self.address,
            "--listen-ng=%s:2223" % self.address, "--port-min=12000",
            "--port-max=12999", "--log-stderr", "--log-level=4",
            "--num-threads=2"], self.folder / "rtpengine.log")
        self.processes.append(relay)
        relay.wait_ready(self.relays, 30, "rtpengine to answer")
        proxy = Process.start("kamailio", [
            "kamailio", "-DD", "-E", "-f", self.folder / "kamailio.cfg",
            "-w", self.folder, "-Y", self.folder / "run", "-m", "64",
            "-M", "8"], self.folder / "kamailio.log")
        self.processes.append(proxy)
        proxy.wait_ready(self.answers, 30, "Kamailio to answer")
        return self.processes

    def relays(self):
        """Does rtpengine answer a ping?"""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            try:
                sock.connect((self.address, 2223))
                sock.send(b"1 d7:command4:pinge")
                return b"pong" in sock.recv(512)
            except OSError:
                return False

    def answers(self):
        try:
            return "Kamailio" in self.ask("core.version")
        except RuntimeError:
            return False

    def ask(self, *command):
        """Run one RPC command; its output."""
        return run(["kamcmd", "-s", "unix:%s/run/ctl" % self.folder,
                    *command]).replace("kamailio", "Kamailio", 1)

    def contacts(self):
        """Names of the users who are registered."""
        return {line.split("AoR:")[1].strip()
                for line in self.ask("ul.dump").splitlines()
                if "AoR:" in line}

    def stop(self):
        for process in reversed(self.processes):
            process.stop(6)
