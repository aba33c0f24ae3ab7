"""Logging in with a real browser: by key over TLS, and with a provider of another site; cookies that no script sees; logging out."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from cmo.model.access import Key, Role
from cmo.web import create_api
from cmo.web.doors import tls
from tests.acceptance.browsing import IN_A_BROWSER, chromium, playwright
from tests.integration import identity

pytestmark = IN_A_BROWSER


@pytest.fixture
def served(open_base: Callable[..., Any], tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address of a service by TLS, and the key of an admin."""
    certificate, key = tmp_path / "oracle.pem", tmp_path / "oracle.key"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    with open_base(tls_certificate=certificate, tls_key=key) as base:
        text = base.app.keyring.make(Key("", "", "ada", Role.ADMIN, "", 0.0), "root")[1].text
        files = tls(base.app.settings)
        config = uvicorn.Config(
            create_api(base.app), port=0, log_level="error", ssl_certfile=files[0], ssl_keyfile=files[1]
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        try:
            yield f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", text
        finally:
            server.should_exit = True
            thread.join(20)


def test_one_logs_in_is_named_and_logs_out(served: tuple[str, str], tmp_path: Path) -> None:
    address, text = served
    trusted = ssl.create_default_context(cafile=str(tmp_path / "oracle.pem"))
    with httpx.Client(base_url=address, verify=trusted) as http:
        assert http.get("/api/me").status_code == 401
        assert "max-age" in http.get("/live").headers["strict-transport-security"]
        assert http.get("/api/me", headers={"X-API-Key": text}).json()["role"] == "admin"
    with pytest.raises(httpx.TransportError), httpx.Client() as http:
        http.get(address.replace("https", "http"))
    faults: list[str] = []
    with chromium() as browser:
        context = browser.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{address}/releases?x=1")
        assert page.url == f"{address}/login?next=/releases%3Fx%3D1"
        page.get_by_label("Your key").fill("cmo_wrong")
        page.get_by_role("button", name="Log in").click()
        playwright.expect(page.get_by_role("alert")).to_contain_text("is no key")
        page.get_by_label("Your key").fill(text)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{address}/releases?x=1")
        playwright.expect(page.locator(".who")).to_contain_text("ada")
        (cookie,) = context.cookies()
        assert (cookie["name"], cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (
            "__Host-cmo", True, True, "Strict",
        )  # fmt: skip
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{address}/login")
        assert context.cookies() == []
        page.goto(address)
        assert page.url == f"{address}/login?next=/"
    assert faults == []


def test_one_signs_in_with_a_provider_of_another_site_and_leaves_it(open_base: Callable[..., Any]) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with identity.provider() as known:
        known.issuer = f"http://localhost:{known.server_port}"  # another site than 127.0.0.1, as a browser sees it
        known.asks = True
        known.back = f"{address}/login/oidc/callback"
        with open_base(**identity.settings(known, oidc_label="the <University>")) as base:
            server = uvicorn.Server(uvicorn.Config(create_api(base.app), log_level="error"))
            thread = threading.Thread(target=server.run, args=([listening],))
            thread.start()
            try:
                _walk(address, known)
            finally:
                server.should_exit = True
                thread.join(20)


def _walk(address: str, known: identity.Provider) -> None:
    with chromium() as browser:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{address}/graph?q=1")
        assert page.url == f"{address}/login?next=/graph%3Fq%3D1"
        page.get_by_role("link", name="Sign in with the <University>").click()
        page.get_by_role("link", name="Yes, I am mia").click()
        page.wait_for_url(f"{address}/graph?q=1")  # with a cookie that is Strict, although another site sent us
        playwright.expect(page.locator(".who")).to_contain_text("mia")
        (cookie,) = context.cookies(address)
        assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("cmo", True, "Strict")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{address}/login?out")
        page.get_by_role("link", name="Log out of the <University> as well").click()
        page.wait_for_url(f"{known.issuer}/end?*")
        known.person["groups"] = ["nobody"]
        page.goto(f"{address}/login/oidc")
        page.get_by_role("link", name="Yes, I am mia").click()
        playwright.expect(page.get_by_role("status")).to_contain_text("none of your groups may use this service")
        page.get_by_role("link", name="Back to the login").click()
        page.wait_for_url(f"{address}/login?next=/")
