"""A command beside the service knows it: with keys, by TLS, and from what only listens where it should."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from typer.testing import CliRunner

from cmo.cast.examining import Examining
from cmo.cast.holdings import Holdings
from cmo.cli import main
from cmo.cli.incident import asked
from cmo.errors import NotKnown
from cmo.kit.neighbour import Neighbour
from cmo.ops.doctor import State
from cmo.settings import read_settings


class _Keyed(BaseHTTPRequestHandler):
    """Tells everybody whether it is ready, and the rest to nobody."""

    ready: ClassVar[dict[str, Any]] = {"ready": True, "reason": ""}

    def do_GET(self) -> None:
        free = self.path == "/ready"
        body = json.dumps(self.ready if free else {"code": "not-known", "detail": "This service needs a key."}).encode()
        self.send_response_only(200 if free else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Stranger(_Keyed):
    ready: ClassVar[dict[str, Any]] = {"hello": "somebody else"}


@contextmanager
def listening(handler: type[_Keyed], files: tuple[Path, Path] | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-keyout", key, "-out", cert, "-subj", f"/CN={name}.example.org"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_a_service_that_wants_keys_is_no_stranger_on_its_port(tmp_path: Path) -> None:
    with listening(_Keyed) as port:
        told = {c.name: c.look for c in Examining(Holdings(read_settings(working_dir=tmp_path, port=port))).checks()}
        assert told["port"]().state is State.OK
    with listening(_Stranger) as port:
        told = {c.name: c.look for c in Examining(Holdings(read_settings(working_dir=tmp_path, port=port))).checks()}
        assert told["port"]().state is State.BROKEN


def test_by_tls_it_is_known_by_its_certificate_whatever_name_that_has(tmp_path: Path) -> None:
    own, other = certificate(tmp_path, "own"), certificate(tmp_path, "other")
    with listening(_Keyed, own) as port:
        assert Neighbour("0.0.0.0", port, own[0]).answers(seconds=5)
        assert not Neighbour("127.0.0.1", port, other[0]).answers(seconds=5)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            Neighbour("127.0.0.1", port, other[0]).ask("/stats", key="cmo_secret", seconds=5)
        with pytest.raises(httpx.HTTPError):
            Neighbour("127.0.0.1", port, tmp_path / "gone.pem").ask("/ready", seconds=5)


def test_an_address_is_written_as_browsers_have_it() -> None:
    assert Neighbour("::", 8000).url == "http://[::1]:8000"
    assert Neighbour("oracle", 443, Path("oracle.pem")).url == "https://oracle:443"


def test_figures_of_a_service_that_wants_a_key_are_not_told_to_be_missing() -> None:
    with listening(_Keyed) as port:
        done = CliRunner().invoke(main.app, ["stats", "--url", f"http://127.0.0.1:{port}"])
    assert type(done.exception).__name__ == "NotKnown"
    assert "CMO_API_KEY" in str(done.exception)


def test_what_only_operators_may_see_says_so_in_the_bundle() -> None:
    with listening(_Keyed) as port:
        settings = read_settings(port=port)
        with pytest.raises(NotKnown, match="CMO_API_KEY"):
            asked(settings, "/metrics")
        assert json.loads(asked(settings, "/ready"))["ready"]
