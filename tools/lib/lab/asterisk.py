"""Asterisk 22 as the customer's PBX.

It runs out of a foreign root (tools/setup fetches it) by that root's own
loader, as any user and in any namespace; all it writes is in one folder.
"""

import re
import shutil
import signal

from . import audio, pki, plan
from .process import Process, run

MODULES = """
res_timing_timerfd res_sorcery_config res_sorcery_memory res_sorcery_astdb
res_pjproject bridge_simple bridge_native_rtp bridge_softmix bridge_holding
bridge_builtin_features bridge_builtin_interval_features chan_bridge_media
codec_ulaw codec_alaw codec_a_mu codec_g722 codec_gsm codec_resample
codec_opus_open_source res_format_attr_opus format_wav format_pcm format_gsm
format_sln res_rtp_asterisk res_srtp res_crypto res_stasis res_musiconhold
res_mutestream res_pjsip res_pjsip_session res_pjsip_sdp_rtp
res_pjsip_registrar res_pjsip_authenticator_digest
res_pjsip_outbound_authenticator_digest res_pjsip_outbound_registration
res_pjsip_endpoint_identifier_user res_pjsip_endpoint_identifier_ip
res_pjsip_endpoint_identifier_anonymous res_pjsip_caller_id
res_pjsip_diversion res_pjsip_dtmf_info res_pjsip_dlg_options
res_pjsip_empty_info res_pjsip_header_funcs res_pjsip_nat res_pjsip_path
res_pjsip_pubsub res_pjsip_outbound_publish res_pjsip_exten_state
res_pjsip_mwi res_pjsip_mwi_body_generator
res_pjsip_dialog_info_body_generator res_pjsip_pidf_body_generator
res_pjsip_xpidf_body_generator res_pjsip_notify res_pjsip_refer
res_pjsip_rfc3326 res_pjsip_sips_contact res_pjsip_logger res_pjsip_acl
chan_pjsip pbx_config app_dial app_playback app_echo app_milliwatt
app_voicemail app_stack app_senddtmf app_read app_verbose app_transfer
app_playtones app_mixmonitor app_directed_pickup app_db app_exec
app_bridgewait app_blind_transfer app_attended_transfer app_originate
app_softhangup app_queue
func_callerid func_channel func_cut func_db func_devstate
func_dialplan func_logic func_strings func_math func_timeout func_global
func_pjsip_aor func_pjsip_contact func_pjsip_endpoint func_hangupcause
func_uri func_extstate res_clioriginate res_security_log
""".split()

EMPTY = ("res_parking confbridge cel cdr pjsip_notify udptl acl "
         "ccss codecs stasis pjproject").split()

# Extension, lines added to its endpoint, and to its credentials. Everything
# a PBX may ask of a phone that the bridge must be able to give.
USERS = {
    2001: ("", ""), 2002: ("", ""), 2003: ("", ""), 2004: ("", ""),
    2005: ("", ""), 2006: ("", ""),
    2011: ("", "supported_algorithms_uas=SHA-256\n"),
    2012: ("", "username=auth-ivan\npassword=pa:ss\"wo\\rd\n"
               "supported_algorithms_uas=SHA-256,MD5\n"),
    2013: ("media_encryption=sdes\n", ""),
    2014: ("media_encryption=sdes\nmedia_encryption_optimistic=yes\n", ""),
    2015: ("disallow=all\nallow=alaw\n", ""),
    2016: ("disallow=all\nallow=ulaw\n", ""),
    2017: ("disallow=all\nallow=g722\n", ""),
    2018: ("rewrite_contact=yes\n", ""),
    2019: ("dtmf_mode=info\n", ""),
    2020: ("", ""),
    2021: ("disallow=all\nallow=opus\n", ""),
    2022: ("dtmf_mode=inband\n", ""),
    2023: ("disallow=all\nallow=alaw:30\n", ""),
    # what is wrong with PBXs: voice at an address of the LAN, voice that
    # goes to nobody, registrations that hardly last
    2031: ("media_address=192.168.77.10\nbind_rtp_to_media_address=no\n", ""),
    2032: ("media_address=198.51.100.7\nbind_rtp_to_media_address=no\n", ""),
    2033: ("", ""), 2034: ("", ""),
    # ... music on hold that is silence, transfers refused, the PBX's own
    # number for callers both ways (2053), calls that end by themselves and
    # callers without a number (2054), voice to nobody once more
    2051: ("moh_suggest=silence\n", ""),
    2052: ("allow_transfer=no\n", ""),
    2053: ("set_var=DID=%s\n" % plan.SWITCHBOARD, ""),
    2054: ("context=short-calls\n", ""),
    2055: ("media_address=198.51.100.7\nbind_rtp_to_media_address=no\n", ""),
    # nothing wrong there, but in how the bridge is set up, or on the way
    2056: ("", ""), 2057: ("", ""), 2058: ("", ""), 2059: ("", ""),
}
BINDINGS = {2033: "maximum_expiration=60\n",
            2034: "minimum_expiration=10\nmaximum_expiration=20\n"}
DESKS = (1001, 1002, 1003, 1004)     # nobody gives the last one a phone
CARRIERS = tuple("127.0.0.%d" % last for last in (
    31, 32, 33, 39, 34, 35, 36, 37, 38))

PJSIP = """\
[global]
type=global
user_agent=Asterisk PBX 22
endpoint_identifier_order=auth_username,username,ip
default_realm=pbx.contoso.example
[system]
type=system
disable_tcp_switch=yes
[t-udp]
type=transport
protocol=udp
bind={address}:5060
[t-tcp]
type=transport
protocol=tcp
bind={address}:5060
[t-tls]
type=transport
protocol=tls
bind={address}:5061
cert_file={tls}/asterisk.pem
priv_key_file={tls}/asterisk.key
ca_list_file={tls}/pbx-ca.pem
method=tlsv1_2
[ep](!)
type=endpoint
context=from-internal
disallow=all
allow=alaw,ulaw,g722
direct_media=no
media_address={address}
bind_rtp_to_media_address=yes
rtp_symmetric=no
rewrite_contact=no
force_rport=yes
dtmf_mode=rfc4733
send_pai=yes
send_diversion=yes
allow_subscribe=yes
subscribe_context=hints
timers=yes
timers_sess_expires=1800
timers_min_se=90
rtp_timeout=60
rtp_timeout_hold=300
moh_suggest=default
[au](!)
type=auth
auth_type=digest
[ao](!)
type=aor
max_contacts=1
remove_existing=yes
minimum_expiration=30
default_expiration=300
maximum_expiration=3600
qualify_frequency=0
[pstn](ep)
context=from-pstn
trust_id_inbound=yes
trust_id_outbound=yes
timers=no
aors=pstn
[pstn]
type=aor
[pstn]
type=identify
endpoint=pstn
match={carriers}
[by-address](ep)
auth=2041
aors=2041
callerid=Known <2041>
[2041](au)
username=2041
password={secret}
[2041](ao)
[by-address]
type=identify
endpoint=by-address
match={known}
"""

EXTENSION = """\
[{x}](ep)
auth={x}
aors={x}
callerid={name} <{x}>
mailboxes={x}@default
set_var=DID={did}
{endpoint}[{x}](au)
username={x}
password={secret}
{credentials}[{x}](ao)
{bindings}"""

DIALPLAN = """\
[from-internal]
include => testnumbers
include => outside
exten => _10XX,1,Gosub(ext,s,1(${EXTEN}))
exten => _20XX,1,Gosub(ext,s,1(${EXTEN}))
exten => 2041,1,Dial(${PJSIP_DIAL_CONTACTS(by-address)},30)
[ext]
exten => s,1,Set(LOCAL(x)=${ARG1})
 same => n,GotoIf($["${DB(DND/${x})}" != ""]?busy)
 same => n,Set(LOCAL(c)=${PJSIP_DIAL_CONTACTS(${x})})
 same => n,GotoIf($["${c}" = ""]?unavail)
 same => n,Dial(${c},30)
 same => n,GotoIf($["${DIALSTATUS}" = "BUSY"]?busy)
 same => n,Hangup(${HANGUPCAUSE})
 same => n(unavail),Hangup(20)
 same => n(busy),Hangup(17)
; An outside line is taken with 9. What follows is dialled as in Britain.
[outside]
exten => _9.,1,Gosub(e164,${EXTEN:1},1)
 same => n,Set(CALLERID(num)=${IF($["${DID}" = ""]?${CALLERID(num)}:${DID})})
 same => n,Dial(PJSIP/pstn/sip:${GOSUB_RETVAL}@127.0.0.${GOSUB_RETVAL:-2}:5060,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => 112,1,Goto(emergency,${EXTEN},1)
exten => 999,1,Goto(emergency,${EXTEN},1)
exten => 9112,1,Goto(emergency,${EXTEN:1},1)
exten => 9999,1,Goto(emergency,${EXTEN:1},1)
; every call from here ends by itself
[short-calls]
exten => _X.,1,Set(TIMEOUT(absolute)=6)
 same => n,Goto(from-internal,${EXTEN},1)
[emergency]
exten => _X.,1,Set(CALLERID(num)=${IF($["${DID}" = ""]?${CALLERID(num)}:${DID})})
 same => n,Dial(PJSIP/pstn/sip:${EXTEN}@127.0.0.39:5060,60)
 same => n,Hangup(${HANGUPCAUSE})
[e164]
exten => _00X.,1,Return(+${EXTEN:2})
exten => _0ZX.,1,Return(+44${EXTEN:1})
exten => _+X.,1,Return(${EXTEN})
exten => _X.,1,Return(${EXTEN})
[from-pstn]
exten => +442079460253,1,Set(CALLERID(all)=Reception <100>)
 same => n,Gosub(ext,s,1(2053))
exten => +442079460254,1,Set(CALLERID(pres)=prohib)
 same => n,Gosub(ext,s,1(2054))
exten => _+44207946010X,1,Gosub(ext,s,1(100${EXTEN:-1}))
exten => _+4420794602XX,1,Gosub(ext,s,1(20${EXTEN:-2}))
exten => _+X!,1,Hangup(1)
[hints]
exten => _20XX,hint,PJSIP/${EXTEN}
[testnumbers]
exten => *43,1,Answer()
 same => n,Echo()
; do not disturb, of the endpoint that dials it
exten => *78,1,Answer()
 same => n,Set(DB(DND/${CHANNEL(endpoint)})=1)
 same => n,Hangup()
exten => *79,1,Answer()
 same => n,Set(DB_DELETE(DND/${CHANNEL(endpoint)})=)
 same => n,Hangup()
exten => 6000,1,Answer()
 same => n,MusicOnHold(default,600)
exten => 6001,1,Ringing()
 same => n,Wait(600)
exten => 6002,1,Hangup(17)
exten => 6003,1,Hangup(21)
exten => 6004,1,Hangup(1)
exten => 6005,1,Hangup(34)
exten => 6006,1,Progress()
 same => n,Playtones(EARLY)
 same => n,Wait(3)
 same => n,StopPlaytones()
 same => n,Answer()
 same => n,Echo()
exten => 6007,1,Progress()
 same => n,Playtones(EARLY)
 same => n,Wait(4)
 same => n,Hangup(1)
; a hunt group: Teams user 2001, then desk 1002; and one that says who it is
exten => 6020,1,Dial(${PJSIP_DIAL_CONTACTS(2001)},20)
 same => n,Dial(${PJSIP_DIAL_CONTACTS(1002)},20)
 same => n,Hangup(${HANGUPCAUSE})
exten => 6021,1,Set(REDIRECTING(from-num,i)=6021)
 same => n,Set(REDIRECTING(from-name,i)=Support)
 same => n,Set(REDIRECTING(reason,i)=cfnr)
 same => n,Set(REDIRECTING(count,i)=1)
 same => n,Set(REDIRECTING(count)=1)
 same => n,Dial(${PJSIP_DIAL_CONTACTS(2001)},20)
; a queue: the caller hears music while its members are called in turn
exten => 6022,1,Answer()
 same => n,Queue(support,,,,60)
exten => 6008,1,Answer()
 same => n,Wait(3)
 same => n,Hangup()
exten => 6010,1,Answer()
 same => n,Wait(1)
 same => n,SendDTMF(159#*D,250,120)
 same => n,Wait(5)
exten => 6011,1,Answer()
 same => n,Read(d,,6,,1,8)
 same => n,Set(DB(dtmf/${CALLERID(num)})=${d})
 same => n,Hangup()
exten => 6030,1,VoiceMail(2003@default,s)
exten => 6012,1,Answer(2000)
 same => n,Transfer(PJSIP/sip:6000@ADDRESS)
exten => 6014,1,Answer()
 same => n,Playtones(2100)
 same => n,Wait(20)
exten => 6016,1,Wait(40)
exten => 6017,1,Answer()
 same => n,Wait(600)
"""


class Asterisk:
    """The PBX, running or to be run, with its folder below `state`."""

    address = plan.ASTERISK

    def __init__(self, state):
        self.state = state
        self.root = plan.cache_dir() / "asterisk"
        self.folder = state / "asterisk"
        self.process = None

    def command(self):
        return [self.root / "lib64/ld-linux-x86-64.so.2", "--library-path",
                self.root / "usr/lib/x86_64-linux-gnu",
                self.root / "usr/sbin/asterisk",
                "-C", self.folder / "etc/asterisk.conf"]

    def configure(self):
        """Write every file the PBX reads, into a folder made anew."""
        if not (self.root / "usr/sbin/asterisk").exists():
            raise FileNotFoundError("no Asterisk in %s: run tools/setup"
                                    % self.root)
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("etc var var/keys db data data/sounds spool run log "
                     "log/cdr-csv cache moh silence").split():
            (self.folder / name).mkdir(parents=True)
        share = self.root / "usr/share/asterisk"
        (self.folder / "data/documentation").symlink_to(
            share / "documentation")
        (self.folder / "data/sounds/en").symlink_to(
            share / "sounds/en_US_f_Allison")
        audio.write_tone(self.folder / "moh/tone.wav", plan.HOLD_HZ, 20)
        audio.write_tone(self.folder / "silence/none.wav", 0, 20)
        for name, text in self.files().items():
            (self.folder / "etc" / (name + ".conf")).write_text(text)

    def files(self):
        """Name and text of each configuration file."""
        at = str(self.folder)
        directories = {
            "astetcdir": "/etc", "astvarlibdir": "/var", "astdbdir": "/db",
            "astkeydir": "/var", "astdatadir": "/data", "astagidir": "/data",
            "astspooldir": "/spool", "astrundir": "/run",
            "astlogdir": "/log", "astcachedir": "/cache"}
        modules = self.root / "usr/lib/x86_64-linux-gnu/asterisk/modules"
        files = {name: "" for name in EMPTY}
        files.update({
            "asterisk": "[directories]\nastmoddir => %s\n" % modules
            + "".join("%s => %s%s\n" % (key, at, path)
                      for key, path in directories.items())
            + "[options]\nverbose = 3\nhideconnect = yes\n",
            "modules": "[modules]\nautoload = no\n"
            + "".join("load = %s.so\n" % name for name in MODULES),
            "logger": "[general]\n[logfiles]\n"
                      "full => notice,warning,error,verbose(3)\n",
            "rtp": "[general]\nrtpstart=10000\nrtpend=10999\n"
                   "icesupport=no\nstrictrtp=yes\n",
            "queues": "[support]\nstrategy=linear\ntimeout=30\nretry=1\n"
                      "musicclass=default\nringinuse=no\n"
                      "member=PJSIP/2001\nmember=PJSIP/1002\n",
            "musiconhold": "[default]\nmode=files\ndirectory=%s/moh\n"
                           "[silence]\nmode=files\ndirectory=%s/silence\n"
                           % (at, at),
            "indications": "[general]\ncountry=lab\n[lab]\n"
                           "description=Lab\nringcadence=1000,4000\n"
                           "dial=425\nbusy=425/500,0/500\n"
                           "ring=425/1000,0/4000\n"
                           "congestion=425/250,0/250\n",
            "features": "[general]\npickupexten = *8\n",
            "voicemail": "[general]\nformat=wav\nmaxsilence=0\nminsecs=1\n"
                         "[default]\n2001 => 4321,User\n"
                         "2003 => 4321,User\n",
            "pjsip": self.pjsip(),
            "extensions": DIALPLAN.replace("EARLY", str(plan.EARLY_HZ))
                                  .replace("ADDRESS", self.address)})
        return files

    def pjsip(self):
        text = PJSIP.format(address=self.address, tls=self.state / "tls",
                            carriers=",".join(CARRIERS),
                            known=plan.BRIDGE_KNOWN,
                            secret=plan.secret(2041))
        for x in DESKS:
            text += EXTENSION.format(
                x=x, name="Desk %d" % x, did=plan.desk_number(x),
                endpoint="", credentials="", secret=plan.secret(x),
                bindings="")
        for x, (endpoint, credentials) in USERS.items():
            text += EXTENSION.format(
                x=x, name="Teams User %d" % x, did=plan.user_number(x),
                endpoint=endpoint, credentials=credentials,
                secret=plan.secret(x), bindings=BINDINGS.get(x, ""))
        return text

    def start(self):
        """Configure and start; returns its Process once fully booted."""
        pki.ensure(self.state)
        self.configure()
        self.launch()
        return self.process

    def launch(self):
        """Start with the files and the database as they are."""
        self.process = Process.start(
            "asterisk", [*self.command(), "-f"], self.folder / "log/stdout")
        self.process.wait_ready(self.booted, 60, "Asterisk to boot")

    def booted(self):
        try:
            return "fully booted" in self.ask("core waitfullybooted").lower()
        except RuntimeError:
            return False

    def ask(self, command):
        """Run one console command; its output."""
        return run([*self.command(), "-rx", command])

    def stop(self):
        if self.process:
            self.process.stop(10, signal.SIGTERM)

    def contacts(self):
        """Registered contacts: {extension: [uri]}."""
        found = {}
        for x, uri in re.findall(r"Contact:\s+(\w+)/(sips?:\S+)",
                                 self.ask("pjsip show contacts")):
            found.setdefault(int(x) if x.isdigit() else x, []).append(uri)
        return found

    def channels(self):
        """Live channels, each a list of the fields of `concise`."""
        lines = self.ask("core show channels concise").splitlines()
        return [line.split("!") for line in lines if line.count("!") > 8]

    def database(self, family, key):
        """One value of the PBX's database, None if it is not there."""
        try:
            answer = self.ask("database get %s %s" % (family, key))
        except RuntimeError:
            return None
        match = re.search(r"Value: (.*)", answer)
        return match.group(1).strip() if match else None
