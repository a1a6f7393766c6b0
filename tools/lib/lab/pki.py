"""Certificates of the lab, made once and kept until they near their end.

Four authorities that know nothing of each other: the one Microsoft's side
has, the one (with an intermediate) that the bridge's certificate comes from,
the customer's own for the PBXs, and one that nobody trusts.
"""

import os
import shutil
from pathlib import Path

from . import plan
from .process import run

DAYS = 30


class Authority:
    """A certificate authority in a folder: NAME.pem and NAME.key."""

    def __init__(self, folder, name, title, issuer=None):
        self.folder = folder
        self.name = name
        self.issuer = issuer
        self.pem = folder / (name + ".pem")
        self.key = folder / (name + ".key")
        extensions = ["basicConstraints=critical,CA:TRUE",
                      "keyUsage=critical,keyCertSign,cRLSign"]
        if issuer:
            issuer.sign(name, title, extensions)
            return
        words = [word for ext in extensions for word in ("-addext", ext)]
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-config", self.config(), "-subj", "/O=Lab/CN=" + title,
             "-keyout", self.key, "-out", self.pem, "-days", DAYS, *words])

    @classmethod
    def kept(cls, folder, name, issuer=None):
        """The authority that was made in this folder before."""
        self = cls.__new__(cls)
        self.folder, self.name, self.issuer = folder, name, issuer
        self.pem = folder / (name + ".pem")
        self.key = folder / (name + ".key")
        return self

    def config(self):
        """A configuration that adds nothing of its own."""
        path = self.folder / "openssl.cnf"
        path.write_text("[req]\ndistinguished_name=dn\n[dn]\n")
        return path

    def sign(self, name, title, extensions, days=DAYS):
        """Make NAME.key and NAME.pem, signed by this authority."""
        request = self.folder / (name + ".csr")
        given = self.folder / (name + ".ext")
        run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes",
             "-config", self.config(), "-subj", "/O=Lab/CN=" + title,
             "-keyout", self.folder / (name + ".key"), "-out", request])
        given.write_text("\n".join(extensions) + "\n")
        run(["openssl", "x509", "-req", "-in", request, "-CA", self.pem,
             "-CAkey", self.key, "-CAcreateserial", "-days", days,
             "-extfile", given, "-out", self.folder / (name + ".pem")])

    def leaf(self, name, names, usage="serverAuth,clientAuth", days=DAYS):
        """Certificate for the DNS names and addresses `names`. NAME.pem is
        the leaf alone, NAME-chain.pem with intermediates, NAME-all.pem the
        chain with its key."""
        alternatives = ",".join(
            ("IP:" if each.replace(".", "").isdigit() else "DNS:") + each
            for each in names)
        self.sign(name, names[0], ["subjectAltName=" + alternatives,
                                   "basicConstraints=CA:FALSE",
                                   "keyUsage=digitalSignature,keyEncipherment",
                                   "extendedKeyUsage=" + usage], days)
        chain = (self.folder / (name + ".pem")).read_text()
        if self.issuer:
            chain += self.pem.read_text()
        (self.folder / (name + "-chain.pem")).write_text(chain)
        key = (self.folder / (name + ".key")).read_text()
        (self.folder / (name + "-all.pem")).write_text(chain + key)


def make(folder):
    """Make every certificate of the lab in `folder`."""
    microsoft = Authority(folder, "microsoft-root", "Lab Microsoft Root")
    public = Authority(folder, "sbc-root", "Lab Public Root")
    issuing = Authority(folder, "sbc-issuing", "Lab Public Issuing", public)
    customer = Authority(folder, "pbx-ca", "Lab Customer CA")
    stranger = Authority(folder, "stranger-ca", "Lab Stranger CA")

    microsoft.leaf("teams", [*plan.TEAMS_NAMES, "*.pstnhub.microsoft.com"])
    issuing.leaf("bridge", [plan.TENANT_FQDN, "fabrikam.sbc.example.com"])
    issuing.leaf("bridge-many", ["*.sbc.example.com"])
    issuing.leaf("bridge-carrier", [plan.CARRIER_FQDN,
                                    "*." + plan.CARRIER_FQDN])
    issuing.leaf("bridge-other-name", ["other.example.net"])
    stranger.leaf("bridge-stranger", [plan.TENANT_FQDN])
    customer.leaf("bridge-pbx-side", ["bridge.contoso.example",
                                      plan.BRIDGE_PBX])
    customer.leaf("asterisk", [plan.PBX_NAME, plan.ASTERISK])
    customer.leaf("kamailio", [plan.KAMAILIO_DOMAIN, plan.KAMAILIO])
    customer.leaf("phone", ["phone.contoso.example"])


def ensure(state):
    """The folder of the lab's certificates below `state`, made if it is
    missing or if a certificate ends within a day."""
    folder = Path(state) / "tls"
    probe = folder / "phone.pem"
    if probe.exists():
        try:
            run(["openssl", "x509", "-in", probe, "-noout",
                 "-checkend", "86400"])
            return folder
        except RuntimeError:
            pass
    partial = Path(state) / ("tls.%d" % os.getpid())
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    make(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder
