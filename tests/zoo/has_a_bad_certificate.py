"""TLS with a certificate that no phone may accept, each for its reason."""

import socket
import ssl

from lab import plan
from lab.process import run

from zoo import DOMAIN, Script


class Expired(Script):
    """Its time is over."""

    protocol = "tls"
    fields = {"tls": "{ca_file: %s}" % (plan.state_dir() / "tls/pbx-ca.pem")}
    begins, ends = "20200101000000Z", "20200102000000Z"
    names = DOMAIN
    issuer = "pbx-ca"
    more = ""
    reason, words = "Certificate expired", "2020-01-02"

    def proxy(self):
        return self.host + ":5061"

    def certificate(self):
        """Of its own kind: (certificate, key)."""
        tls = plan.state_dir() / "tls"
        folder = plan.state_dir() / ("zoo-" + type(self).__name__.lower())
        folder.mkdir(exist_ok=True)
        (folder / "index").write_text("")
        (folder / "cnf").write_text(
            "[req]\ndistinguished_name=d\n[d]\n[ca]\ndefault_ca=c\n[c]\n"
            "database=%s/index\nrand_serial=yes\nnew_certs_dir=%s\n"
            "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
            % (folder, folder))
        (folder / "ext").write_text("subjectAltName=DNS:%s\n%s"
                                    % (self.names, self.more))
        run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes",
             "-config", folder / "cnf", "-subj", "/CN=" + self.names,
             "-keyout", folder / "key", "-out", folder / "csr"])
        signer = (["-selfsign", "-keyfile", folder / "key"]
                  if self.issuer is None else
                  ["-cert", tls / (self.issuer + ".pem"),
                   "-keyfile", tls / (self.issuer + ".key")])
        run(["openssl", "ca", "-batch", "-notext", "-config", folder / "cnf",
             *signer, "-startdate", self.begins, "-enddate", self.ends,
             "-extfile", folder / "ext", "-in", folder / "csr",
             "-out", folder / "pem"])
        return folder / "pem", folder / "key"

    def open(self):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*self.certificate())
        self.sock = socket.create_server((self.host, 5061))
        self.readers.connections(self.sock, self.connected)

    def connected(self, sock, _):
        try:
            self.context.wrap_socket(sock, server_side=True).close()
        except OSError:         # they are to refuse, in whatever way
            pass

    def check(self, test):
        row = self.failing()
        test.assertEqual(row["reason"], self.reason)
        test.assertIn(self.words, row["words"])


class Early(Expired):
    """Its time is still to come."""

    begins, ends = "20890101000000Z", "20890201000000Z"
    reason, words = "Certificate not yet valid", "2089-01-01"


class Misnamed(Expired):
    """It is another's."""

    begins, ends = "20200101000000Z", "20890201000000Z"
    names = "other.contoso.example"
    reason, words = "Certificate for another name", "other.contoso.example"


class Alone(Misnamed):
    """It signed itself."""

    names = DOMAIN
    issuer = None
    reason, words = "Certificate self-signed", DOMAIN


class Stranger(Misnamed):
    """From an authority that nobody trusts."""

    names = DOMAIN
    issuer = "stranger-ca"
    reason, words = "Certificate authority unknown", "Lab Stranger CA"


class Chainless(Misnamed):
    """It leaves the intermediate certificate out."""

    names = DOMAIN
    issuer = "sbc-issuing"
    fields = {"tls": "{ca_file: %s}"
              % (plan.state_dir() / "tls/sbc-root.pem")}
    more = "authorityInfoAccess=caIssuers;URI:http://ca.example/issuing.cer\n"
    reason, words = "Intermediate certificate missing", "Lab Public Issuing"
