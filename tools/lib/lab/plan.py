"""Who is who in the lab: addresses, names, numbers, tones and folders.

Everything lives on loopback. Numbers are from the ranges that regulators
keep for fiction; the last two digits of a carrier number are the last octet
of the phone that has it, so that the dial plan of the PBX needs no table.
"""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]

# Peers.
ASTERISK = "127.0.0.10"
KAMAILIO = "127.0.0.12"
SILENT = "127.0.0.13"           # something is bound there and never answers
DNS_HOST, DNS_PORT = "127.0.0.55", 5353
TEAMS = ("127.0.0.61", "127.0.0.62", "127.0.0.63")
TEAMS_NAMES = ("sip.pstnhub.microsoft.com", "sip2.pstnhub.microsoft.com",
               "sip3.pstnhub.microsoft.com")
TEAMS_PORT = 5061

# The bridge under test: its PBX side, its Teams side, its tenants.
BRIDGE_PBX = "127.0.0.41"
BRIDGE_TEAMS = "127.0.0.42"
BRIDGE_KNOWN = "127.0.0.43"     # a PBX side that Asterisk knows by address
BRIDGE_TEAMS_PORT = 5061
TENANT_FQDN = "contoso.sbc.example.com"
CARRIER_FQDN = "sbc.example.com"        # of a trunk that tenants share

# A second node beside it: the same tenant has another name there.
SECOND_PBX = "127.0.0.46"
SECOND_TEAMS = "127.0.0.47"
SECOND_FQDN = "contoso-2.sbc.example.com"

# Names that the lab's DNS server knows.
PBX_NAME = "pbx.contoso.example"
KAMAILIO_DOMAIN = "t1.lab.test"
KAMAILIO_OTHER = "t2.lab.test"          # challenges REGISTER by 407
UNKNOWN_NAME = "nowhere.contoso.example"

# Extensions 10xx are desk phones, 20xx Teams users on the bridge.
DID_DESK = "+44207946010"       # + one digit of the extension: 1001 -> ...0101
DID_USER = "+4420794602"        # + two digits: 2001 -> ...0201
SWITCHBOARD = "+442079460200"           # the customer's main number
OUTSIDE_PREFIX = "9"

# One tone a voice. No two are harmonics of each other, none is near a DTMF
# frequency, and none fits a whole number of times into 20 ms, so that a lost
# packet is heard as a jump of phase. HOLD is the PBX's music.
HOLD_HZ = 520
EARLY_HZ = 710
DESK_HZ = (440, 1130, 1290)
CARRIER_HZ = (620, 830, 1030)
TEAMS_HZ = (1570, 1810, 2030)


def user_number(extension):
    """E.164 number of Teams user 20NN."""
    return DID_USER + str(extension)[2:]


def desk_number(extension):
    """E.164 number of desk phone 100N."""
    return DID_DESK + str(extension)[3:]


def secret(extension):
    """The password that the lab's PBXs gave to an extension."""
    return "secret-%s" % extension


def state_dir():
    """Folder of the running lab, made if missing."""
    default = "/tmp/callbridge-lab-%d" % os.getuid()
    path = Path(os.environ.get("CALLBRIDGE_LAB", default))
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def cache_dir():
    """Folder for what was downloaded; outside the tree, kept for ever."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("CALLBRIDGE_CACHE", Path(base) / "callbridge"))


def program(name):
    """Path of one of our own programs, from CALLBRIDGE_BUILD if it is set,
    else from the preset that was built last."""
    chosen = os.environ.get("CALLBRIDGE_BUILD")
    if chosen:
        return Path(chosen) / name
    built = [REPO / "build" / preset / name
             for preset in ("release", "asan", "debug")]
    built = [path for path in built if path.exists()]
    if not built:
        raise FileNotFoundError(
            "%s is not built: cmake --preset release && "
            "ninja -C build/release %s" % (name, name))
    return max(built, key=lambda path: path.stat().st_mtime)
