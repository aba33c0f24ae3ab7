"""A provider of OpenID Connect on this machine, over HTTP, that signs for real and can be told to misbehave.

It signs with `cryptography` alone, so that what checks its signatures is not checked by itself.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

CLIENT, SECRET, BACK = "oracle", "s3cret/+ %of the client", "http://127.0.0.1/login/oidc/callback"
Json = dict[str, Any]


def letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return letters(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:  # noqa: ARG001 - one for each name
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:  # noqa: ARG001 - one for each name
    return ec.generate_private_key(ec.SECP256R1())


def public(kid: str, alg: str = "RS256") -> Json:
    """A key as it is published."""
    if alg == "ES256":
        point = ec_key(kid).public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": letters(point.x.to_bytes(32)), "y": letters(point.y.to_bytes(32)),
                "kid": kid, "use": "sig", "alg": alg}  # fmt: skip
    numbers = rsa_key(kid).public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), "kid": kid, "use": "sig", "alg": alg}


def signed(claims: Json, by: str = "one", alg: str = "RS256", **header: Any) -> str:
    """A token. With `none` and HS256 it is what an attacker makes who has no key but the public one."""
    said = {"alg": alg, "kid": by, "typ": "JWT", **header}
    text = f"{letters(json.dumps(said).encode())}.{letters(json.dumps(claims).encode())}"
    return f"{text}.{letters(_signature(text.encode(), by, alg))}"


def _signature(text: bytes, kid: str, alg: str) -> bytes:
    if alg == "none":
        return b""
    if alg == "HS256":
        pem = (
            rsa_key(kid)
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return hmac.digest(pem, text, "sha256")
    if alg == "ES256":
        r, s = decode_dss_signature(ec_key(kid).sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)
    return rsa_key(kid).sign(text, padding.PKCS1v15(), hashes.SHA256())


class Provider(ThreadingHTTPServer):
    """Knows one person, who says yes to everything."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.back = BACK
        self.person: Json = {"sub": "u-1", "preferred_username": "mia", "groups": ["lab", "oracle-readers"]}
        self.keys = [public("one")]
        self.said: Json = {}
        """In the place of what it says of itself."""
        self.sign: Callable[[Json], str] = signed
        self.asked: list[str] = []
        self.slow = 0.0
        self.padding = 0
        self.codes: dict[str, Json] = {}
        self.secret_in_body = False
        self.down = False
        self.asks = False
        """Whether it shows a page first, as real ones do."""

    def claims(self, **more: Any) -> Json:
        now = int(time.time())  # noqa: TID251 - a server's own clock
        made = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, **self.person, **more}
        return {name: value for name, value in made.items() if value is not None}

    def about(self) -> Json:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/end",
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            **self.said,
        }


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        self.server.asked.append(place.path)
        if self.server.down:
            self.reply(500, {})
        elif place.path == "/.well-known/openid-configuration":
            self.reply(200, self.server.about())
        elif place.path == "/jwks":
            self.reply(200, {"keys": self.server.keys})
        elif place.path == "/end":
            self.reply(200, {"left": parse_qs(place.query)["client_id"]})
        elif place.path == "/authorize":
            self.authorize({name: values[0] for name, values in parse_qs(place.query).items()})
        else:
            self.reply(404, {})

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.redeem({name: values[0] for name, values in form.items()})

    def authorize(self, asked: Json) -> None:
        assert (asked["response_type"], asked["client_id"], asked["redirect_uri"]) == ("code", CLIENT, self.server.back)
        assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.server.codes[code] = asked
        back = f"{self.server.back}?{urlencode({'code': code, 'state': asked['state']})}"
        if self.server.asks:
            self.page(f'<a href="{escape(back)}">Yes, I am mia</a>')
            return
        self.send_response(302)
        self.send_header("Location", back)
        self.end_headers()

    def redeem(self, form: Json) -> None:
        asked = self.server.codes.pop(form["code"], None)
        challenge = letters(hashlib.sha256(form["code_verifier"].encode()).digest())
        if not self.knows_client(form):
            self.reply(401, {"error": "invalid_client"})
        elif asked is None or challenge != asked["code_challenge"] or form["redirect_uri"] != self.server.back:
            self.reply(400, {"error": "invalid_grant"})
        else:
            token = self.server.sign(self.server.claims(nonce=asked["nonce"]))
            self.reply(200, {"access_token": "opaque", "token_type": "Bearer", "id_token": token})

    def knows_client(self, form: Json) -> bool:
        if self.server.secret_in_body:
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        said = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        return [unquote(part.replace("+", " ")) for part in said.split(":")] == [CLIENT, SECRET]

    def page(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(text.encode())

    def reply(self, status: int, body: Json) -> None:
        time.sleep(self.server.slow)
        data = json.dumps(body).encode() + b" " * self.server.padding
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:  # whoever asked did not wait
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


@contextmanager
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def settings(server: Provider, **more: object) -> dict[str, object]:
    """Of a service whose people are known there."""
    return {
        "oidc_issuer": server.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
        "oidc_redirect_url": server.back,
        "oidc_roles": "oracle-readers=reader, oracle-staff=curator, oracle-admins=admin",
        **more,
    }
