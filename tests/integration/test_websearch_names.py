"""Names are looked up once, and where they lead is where the connection goes."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from cmo.kit.address import CheckedTransport, NotAllowed


class Echo(BaseHTTPRequestHandler):
    """Tells for whom it was asked."""

    def do_GET(self) -> None:
        body = (self.headers["host"] or "").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


def _resolver(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Names of ours lead to these addresses, one after the other with each time they are looked up."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, port, *rest, **options)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (addresses[min(len(asked), len(addresses)) - 1], port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize("address", ["10.0.0.8", "127.0.0.1", "169.254.169.254", "0.0.0.0"])
def test_a_name_that_leads_into_a_private_network_is_not_followed(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    _resolver(monkeypatch, address)
    client = httpx.Client(transport=CheckedTransport(private=False, limits=httpx.Limits()))
    with client, pytest.raises(NotAllowed, match="private network"):
        client.get("http://inside.example/")


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    asked = _resolver(monkeypatch, "127.0.0.1", "192.0.2.1")  # what comes second is what a hostile name would lead to
    with httpx.Client(transport=CheckedTransport(private=True, limits=httpx.Limits())) as client:
        host = f"site.example:{server.server_port}"
        assert client.get(f"http://{host}/").text == host
    assert asked == ["site.example"]
    server.shutdown()
    thread.join()
    server.server_close()
