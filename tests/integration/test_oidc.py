"""Sign-in at an issuer of OpenID Connect: who comes in, and each forgery."""

import hashlib
import hmac
import threading
import time

from issuer import Issuer, Key, text
from portal import Client, Service
from support import wait_for
from test_portal import PortalTest


class IssuerTest(PortalTest):
    """A service, and an issuer that it trusts."""

    @classmethod
    def setUpClass(cls):
        cls.service = Service(cls.__name__)
        cls.issuer = Issuer(cls.service)
        cls.addClassCleanup(cls.issuer.stop)
        cls.service.issuer = cls.issuer.url
        cls.addClassCleanup(cls.service.stop)
        cls.service.start()
        cls.local = cls.service.local()
        cls.local.put("/admins/ann@msp.example", {"role": "msp-support"})

    def setUp(self):
        super().setUp()
        self.issuer.claims = {"email": "ann@msp.example"}
        self.issuer.make = self.issuer.keys[0].token
        self.issuer.also = {}
        self.issuer.wrong.clear()

    def there_and_back(self, cookie=True, query=None, more=""):
        """What the portal answers to whoever comes back."""
        browser = Client(self.service)
        answer = browser.get("/oidc/start")
        self.assertEqual(answer.code, 302, answer)
        self.assertIn("SameSite=Lax", answer.headers["Set-Cookie"])
        if cookie:
            browser.cookie = answer.headers["Set-Cookie"].split(";")[0]
        query = query or self.issuer.browser(answer.headers["Location"])
        self.back = query + more
        return browser, browser.get("/oidc/callback?" + self.back)

    @staticmethod
    def session(answer):
        """The cookie of a session that began, None."""
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.split(";")[0].partition("=")
            if name == "__Host-callbridge" and value:
                return "%s=%s" % (name, value)
        return None

    def comes_in(self, **how):
        _, answer = self.there_and_back(**how)
        self.assertEqual(answer.headers["Location"], "/", answer)
        self.assertIsNotNone(self.session(answer))

    def stays_out(self, what, **how):
        _, answer = self.there_and_back(**how)
        self.assertRegex(answer.headers["Location"],
                         r"^/#/sign-in\?error=", what)
        self.assertIsNone(self.session(answer), what)


class SingleSignOn(IssuerTest):
    """Who comes in, and who does not."""

    def test_who_is_an_admin_comes_in(self):
        self.assertEqual(self.local.get("/sign-in").json["oidc"],
                         {"title": "Single sign-on"})
        browser, answer = self.there_and_back()
        self.assertEqual(answer.headers["Location"], "/", answer)
        self.assertEqual(self.issuer.wrong, [])
        browser.cookie = self.session(answer)
        found = browser.get("/session").json
        self.assertEqual((found["name"], found["role"]),
                         ("ann@msp.example", "msp-support"))

    def test_others_do_not(self):
        now = int(time.time())
        for claims in ({"email": "eve@msp.example"}, {"email": ""},
                       {"email": 5}, {"email_verified": False},
                       {"aud": "another"}, {"aud": ["a", "b"]},
                       {"aud": ["portal", "another"]}, {"aud": None},
                       {"azp": "another"}, {"azp": 5},
                       {"iss": "https://evil.example"}, {"iss": None},
                       {"exp": now - 120}, {"exp": None},
                       {"exp": str(now + 300)}, {"iat": now + 600},
                       {"iat": None}, {"nbf": now + 600}, {"nonce": "x"},
                       {"nonce": None}):
            self.issuer.claims = dict({"email": "ann@msp.example"}, **claims)
            self.stays_out(claims)

    def test_what_issuers_say_besides(self):
        now = time.time()
        for claims in ({"aud": ["portal"]}, {"email_verified": True},
                       {"aud": ["portal", "another"], "azp": "portal"},
                       {"exp": now + 300.5, "iat": now}, {"nbf": int(now)}):
            self.issuer.claims = dict({"email": "ann@msp.example"}, **claims)
            self.comes_in()
        self.comes_in(more="&iss=" + self.issuer.url)
        self.stays_out("RFC 9207", more="&iss=https://evil.example")

    def test_a_question_is_its_browser_s_and_answered_once(self):
        _, answer = self.there_and_back(cookie=False)
        self.assertIsNone(self.session(answer))
        _, answer = self.there_and_back(query="code=x&state=made-up")
        self.assertIsNone(self.session(answer))
        browser, answer = self.there_and_back()
        self.assertIsNotNone(self.session(answer))
        again = browser.get("/oidc/callback?" + self.back)
        self.assertIsNone(self.session(again))


class Signatures(IssuerTest):
    """A token counts if one of the issuer's keys has signed it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.service.folder
        cls.issuer.keys += [Key(folder, "two", "PS256"),
                            Key(folder, "three", "ES256")]
        cls.stranger = Key(folder, "stranger", "RS256")

    def test_each_algorithm(self):
        for key in self.issuer.keys:
            self.issuer.make = key.token
            self.comes_in()

    def test_forgeries(self):
        key, stranger = self.issuer.keys[0], self.stranger

        def unsigned(claims):
            return text({"alg": "none"}) + "." + text(claims) + "."

        def secret(claims):
            begin = text({"alg": "HS256", "kid": key.kid}) + "." + \
                text(claims)
            return begin + "." + text(hmac.new(
                key.public(), begin.encode(), hashlib.sha256).digest())

        def moved(claims):
            """A signature that is good, under other claims."""
            begin, _, last = key.token(
                dict(claims, email="eve@msp.example")).rpartition(".")
            return begin.split(".")[0] + "." + text(claims) + "." + last

        forgeries = {
            "unsigned": unsigned,
            "none, though it is signed": lambda claims: key.token(
                claims, alg="none"),
            "the public key as a secret": secret,
            "a signature of other claims": moved,
            "another's signature under this name": lambda claims:
                stranger.token(claims, kid=key.kid),
            "another's signature under its own": stranger.token,
            "a key that comes along": lambda claims: stranger.token(
                claims, jwk=stranger.jwk()),
            "no name, and several keys": lambda claims: key.token(
                claims, kid="", alg="RS256"),
            "what must be understood": lambda claims: key.token(
                claims, crit=["exp"]),
            "another algorithm's name": lambda claims: key.token(
                claims, alg="PS256"),
            "no signature": lambda claims: key.token(claims).rpartition(
                ".")[0] + ".",
            "half of it": lambda claims: key.token(claims)[:-200],
            "too long": lambda claims: key.token(dict(claims,
                                                      more="x" * 17000)),
            "no token": lambda claims: "",
            "no text": lambda claims: {},
        }
        for what, self.issuer.make in forgeries.items():
            self.stays_out(what)
        self.issuer.make = key.token
        self.comes_in()
        self.assertIn("signed", self.service.log())


class NewKeys(IssuerTest):
    """Issuers change their keys, and say so nowhere."""

    def keys_fetched(self):
        return self.issuer.fetched.count("/keys")

    def test_another_key(self):
        self.comes_in()
        self.comes_in()
        self.assertEqual(self.keys_fetched(), 1)
        key = Key(self.service.folder, "next", "ES256")
        self.issuer.keys, self.issuer.make = [key], key.token
        self.comes_in()
        self.assertEqual(self.keys_fetched(), 2)
        self.comes_in()
        self.assertEqual(self.keys_fetched(), 2)
        # keys that it does not have: it is not asked for each of them
        stranger = Key(self.service.folder, "none-of-it", "ES256")
        self.issuer.make = stranger.token
        for _ in range(8):
            self.stays_out("a key that is not the issuer's")
        self.assertLessEqual(self.keys_fetched(), 4)
        self.issuer.make = key.token
        self.comes_in()


class Discovery(IssuerTest):
    """What the issuer says of itself is bounded, and not believed blindly."""

    def start(self):
        return Client(self.service).get("/oidc/start").headers["Location"]

    def test_what_cannot_be_used(self):
        for also in ({"issuer": "https://evil.example"}, {"issuer": None},
                     {"issuer": self.issuer.url + "/"},
                     {"more": "x" * 300000},
                     {"authorization_endpoint": None},
                     {"authorization_endpoint": "javascript:alert(1)"},
                     {"authorization_endpoint": "https://a.example/\r\nX: y"},
                     {"token_endpoint": "http://a.example/token"},
                     {"token_endpoint": "file:///etc/passwd"},
                     {"jwks_uri": None}):
            self.issuer.also = also
            self.assertRegex(self.start(), "^/#/sign-in", also)
        self.issuer.also = {}
        self.assertRegex(self.start(), "^https://")

    def test_it_does_not_answer(self):
        """Sign-ins wait for it; what others want is answered meanwhile."""
        self.issuer.also = {"issuer": "https://evil.example"}
        self.issuer.go.clear()
        found = []
        threads = [threading.Thread(target=lambda: found.append(self.start()))
                   for _ in range(6)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(found) == 4, 20, "four of six to be told so")
        self.assertTrue(all("try%20again" in where for where in found))
        for _ in range(20):
            self.assertEqual(self.local.get("/tenants").code, 200)
        self.issuer.go.set()
        for thread in threads:
            thread.join()
        self.assertEqual(len(found), 6)
