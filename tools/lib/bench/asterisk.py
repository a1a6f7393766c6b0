"""Asterisk 22 as the subject, for comparison: a trunk from the PBX by UDP and
plain RTP, a trunk to Teams by TLS and SRTP, and outbound registrations."""

from lab import asterisk as lab_asterisk
from lab import plan
from lab.process import Process

from .subject import SUBJECT_CORE, Subject, pinned

FIRST = 10001
LOAD_PBX = "127.0.0.30"

# What two trunks need and no more: it is to be seen at its best.
MODULES = """
res_timing_timerfd res_sorcery_config res_sorcery_memory res_sorcery_astdb
res_pjproject bridge_simple bridge_native_rtp chan_bridge_media codec_alaw
res_rtp_asterisk res_srtp res_pjsip res_pjsip_session res_pjsip_sdp_rtp
res_pjsip_outbound_authenticator_digest res_pjsip_outbound_registration
res_pjsip_endpoint_identifier_ip res_pjsip_caller_id res_pjsip_nat
res_pjsip_pubsub chan_pjsip pbx_config app_dial
""".split()

# Both trunks as in the bridge: G.711 through, media always relayed.
TRUNKS = """\
[global]
type=global
endpoint_identifier_order=ip
[system]
type=system
disable_tcp_switch=yes
[t-udp]
type=transport
protocol=udp
bind={address}:5060
[t-tls]
type=transport
protocol=tls
bind={address}:5061
cert_file={tls}/bridge-chain.pem
priv_key_file={tls}/bridge.key
ca_list_file={tls}/microsoft-root.pem
method=tlsv1_2
[trunk](!)
type=endpoint
context=from-pbx
disallow=all
allow=alaw
direct_media=no
rtp_symmetric=no
media_address={address}
bind_rtp_to_media_address=yes
timers=no
dtmf_mode=rfc4733
[pbx](trunk)
transport=t-udp
[pbx]
type=identify
endpoint=pbx
match={load}
[teams](trunk)
transport=t-tls
media_encryption=sdes
aors=teams
[teams]
type=aor
contact=sip:{teams}:{port}\\;transport=tls
"""

REGISTRATION = """\
[r{name}]
type=registration
transport=t-udp
server_uri=sip:{load}
client_uri=sip:{name}@{load}
contact_user={name}
outbound_auth=a{name}
expiration=3600
[a{name}]
type=auth
auth_type=digest
username={name}
password=secret-{name}
"""

DIALPLAN = """\
[from-pbx]
exten => _+X!,1,Dial(PJSIP/${EXTEN}@teams,60)
"""


class Pbx(lab_asterisk.Asterisk):
    """The lab's Asterisk with other files, on a core of its own."""

    registrations = 0

    def files(self):
        files = super().files()
        files["extensions"] = DIALPLAN
        files["modules"] = "[modules]\nautoload = no\n" + "".join(
            "load = %s.so\n" % name for name in MODULES)
        files["rtp"] = ("[general]\nrtpstart=10000\nrtpend=30000\n"
                        "icesupport=no\nstrictrtp=yes\n")
        files["logger"] = "[general]\n[logfiles]\nfull => warning,error\n"
        files["asterisk"] = files["asterisk"].replace("verbose = 3",
                                                      "verbose = 0")
        return files

    def pjsip(self):
        text = TRUNKS.format(address=self.address, tls=self.state / "tls",
                             load=LOAD_PBX, teams=plan.TEAMS[0],
                             port=plan.TEAMS_PORT)
        return text + "".join(
            REGISTRATION.format(name=name, load=LOAD_PBX)
            for name in range(FIRST, FIRST + self.registrations))

    def launch(self):
        self.process = Process.start(
            "asterisk", pinned(SUBJECT_CORE, [*self.command(), "-f"]),
            self.folder / "log/stdout")
        self.process.wait_ready(self.booted, 60, "Asterisk to boot")


class Asterisk(Subject):
    """Asterisk between the same two sides."""

    name = "asterisk"
    load_options = ("--pbx", LOAD_PBX + ":5060",
                    "--target", plan.ASTERISK + ":5060",
                    "--teams", "%s:%d" % (plan.TEAMS[0], plan.TEAMS_PORT),
                    "--route", plan.TEAMS[0])

    def __init__(self, state):
        super().__init__(state)
        self.pbx = Pbx(self.folder.parent)

    def start(self, users, registrations=0):
        self.pbx.registrations = registrations
        return self.pbx.start()

    def register_again(self, load):
        """All registrations once more, when load waits for them: by then
        everything that starting costs is paid."""
        load.wait_said("again", load.deadline_s)
        self.pbx.ask("pjsip send register *all")

    def stop(self):
        if self.pbx.process:
            self.pbx.process.kill()
