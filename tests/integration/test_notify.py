"""Notices reach real receivers on this machine; dead, slow and hostile ones cost nobody else anything."""

import logging
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from cmo.errors import SettingsError
from cmo.kit.retry import Patience
from cmo.model.notices import Notice, Severity
from cmo.notify import Channel, Mail, PostOffice, Security, Server, Webhook
from cmo.testing import FakeClock

KEY = "T0/B0/very-secret-key"
NOTICE = Notice(
    "rollout/graph/back",
    "The release <graph> was taken back",
    "errors: 4.90 % of 600 new & .51 % of 5,400 control.",
    Severity.CRITICAL,
    (("stage", "10 %"), ("by", "errors")),
)
QUICK = Patience(attempts=3, first_pause=0.01, longest_pause=0.02)


class Hook(ThreadingHTTPServer):
    """A webhook that answers as it is told, and remembers what it got."""

    daemon_threads = True

    def __init__(self, *says: int, slow: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.says, self.slow = list(says), slow
        self.got: list[dict[str, Any]] = []
        self.paths: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/services/{KEY}"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.paths.append(self.path)
        time.sleep(self.server.slow)
        says = self.server.says.pop(0) if len(self.server.says) > 1 else self.server.says[0]
        if says == 200:
            self.server.got.append(orjson.loads(body))
        self.send_response(says)
        self.send_header("location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def hook() -> Iterator[Callable[..., Hook]]:
    made: list[Hook] = []

    def make(*says: int, slow: float = 0.0) -> Hook:
        made.append(Hook(*(says or (200,)), slow=slow))
        return made[-1]

    yield make
    for one in made:
        one.shutdown()
        one.server_close()


class Inbox:
    """Takes letters, or refuses them."""

    def __init__(self, refuse: str = "") -> None:
        self.letters: list[Envelope] = []
        self.sessions: list[Session] = []
        self.refuse = refuse

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its hook
        if self.refuse:
            said, self.refuse = self.refuse, ""
            return said
        self.letters.append(envelope)
        self.sessions.append(session)
        return "250 taken"


@pytest.fixture
def mailbox() -> Iterator[Callable[..., tuple[Controller, Inbox]]]:
    made: list[Controller] = []

    def make(inbox: Inbox | None = None, **options: Any) -> tuple[Controller, Inbox]:
        inbox = inbox or Inbox()
        made.append(Controller(inbox, hostname="127.0.0.1", port=_free(), **options))
        made[-1].start()
        return made[-1], inbox

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def office() -> Iterator[Callable[..., PostOffice]]:
    made: list[PostOffice] = []

    def make(*channels: Channel, **options: Any) -> PostOffice:
        clock = options.pop("clock", FakeClock())
        made.append(PostOffice(channels, clock, patience=QUICK, chance=lambda: 0.5, **options))
        return made[-1]

    yield make
    for one in made:
        one.close(1.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-keyout", key, "-out", cert,
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, cert


def hook_at(url: str, **more: Any) -> Webhook:
    return Webhook(url, private=True, **more)


def mail(port: int, security: Security = Security.NONE, **more: Any) -> Mail:
    context = more.pop("context", None)
    server = Server("127.0.0.1", port, security, timeout=2.0, **more)
    return Mail(server, "cmo@example.org", ("oncall@example.org",), FakeClock(), context=context)


def test_a_webhook_gets_text_blocks_and_facts_in_which_nothing_is_a_link(
    hook: Callable[..., Hook], office: Callable[..., PostOffice]
) -> None:
    there = hook()
    post = office(hook_at(there.url))
    assert post.tell(NOTICE)
    assert post.settle(5)
    got = there.got[0]
    assert got["text"] == (
        "The release &lt;graph&gt; was taken back: errors: 4.90 % of 600 new &amp; .51 % of 5,400 control."
    )
    assert [block["type"] for block in got["blocks"]] == ["section", "section"]
    assert got["blocks"][1]["fields"][0]["text"] == "*stage*\n10 %"
    assert there.paths == [f"/services/{KEY}"]


def test_a_webhook_that_fails_for_a_moment_gets_it_at_the_second_attempt(
    hook: Callable[..., Hook], office: Callable[..., PostOffice]
) -> None:
    there = hook(503, 200)
    post = office(hook_at(there.url))
    post.tell(NOTICE)
    assert post.settle(5)
    assert len(there.got) == 1
    assert post.posted().sent == {"webhook at 127.0.0.1": 1}


@pytest.mark.parametrize(("says", "attempts"), [(404, 1), (302, 1), (500, 3)])
def test_what_is_refused_for_good_is_sent_once_and_what_may_pass_three_times_at_most(
    hook: Callable[..., Hook], office: Callable[..., PostOffice], says: int, attempts: int
) -> None:
    there = hook(says)
    post = office(hook_at(there.url))
    post.tell(NOTICE)
    assert post.settle(5)
    assert len(there.paths) == attempts
    assert post.posted().failed == {"webhook at 127.0.0.1": 1}


def test_neither_key_nor_password_is_ever_in_the_log(
    hook: Callable[..., Hook], office: Callable[..., PostOffice], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    there = hook(500)
    bad = mail(_free(), user="cmo", password="hunter2")
    post = office(hook_at(there.url), hook_at(f"http://127.0.0.1:{_free()}/services/{KEY}"), bad)
    post.tell(NOTICE)
    assert post.settle(5)
    said = caplog.text + repr(post.posted()) + repr(bad) + repr(hook_at(there.url)) + repr(bad._server)
    assert "did not take" in said
    assert "secret" not in _ours(caplog) + repr(post.posted()) + repr(hook_at(there.url))
    assert "hunter2" not in said


def test_the_http_client_s_own_log_does_not_show_the_key(
    hook: Callable[..., Hook], office: Callable[..., PostOffice], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    post = office(hook_at(hook().url))
    post.tell(NOTICE)
    assert post.settle(5)
    assert "secret" not in caplog.text


def test_when_nothing_gets_through_few_attempts_are_made_again(
    hook: Callable[..., Hook], office: Callable[..., PostOffice]
) -> None:
    there = hook(500)
    post = office(hook_at(there.url))
    for number in range(20):
        post.tell(Notice(f"about/{number}", "Down"))
    assert post.settle(10)
    assert len(there.paths) <= 20 + 6 + 10 + 1  # each once, and six again, and half of them


def test_a_slow_webhook_holds_up_nobody_who_tells(hook: Callable[..., Hook], office: Callable[..., PostOffice]) -> None:
    there = hook(slow=0.6)
    post = office(hook_at(there.url, timeout=0.2), room=3)
    began = time.perf_counter()
    taken = [post.tell(Notice(f"about/{number}", "Slow")) for number in range(50)]
    assert time.perf_counter() - began < 2.0  # fifty would take ten seconds
    assert 3 <= sum(taken) <= 4
    assert post.posted().dropped == 50 - sum(taken)


def test_the_same_is_told_once_a_while(hook: Callable[..., Hook], office: Callable[..., PostOffice]) -> None:
    there, clock = hook(), FakeClock()
    post = office(hook_at(there.url), clock=clock, quiet=600)
    assert [post.tell(NOTICE) for _ in range(5)] == [True, False, False, False, False]
    clock.advance(601)
    assert post.tell(NOTICE)
    assert post.settle(5)
    assert len(there.got) == 2
    assert post.posted().repeated == 4


def test_a_dead_channel_does_not_keep_the_next_one_from_it(
    mailbox: Callable[..., Any], office: Callable[..., PostOffice]
) -> None:
    controller, inbox = mailbox()
    post = office(hook_at(f"http://127.0.0.1:{_free()}/x"), mail(controller.port))
    post.tell(NOTICE)
    assert post.settle(10)
    assert len(inbox.letters) == 1


def test_a_letter_says_all_in_plain_text(mailbox: Callable[..., Any], office: Callable[..., PostOffice]) -> None:
    controller, inbox = mailbox()
    post = office(mail(controller.port))
    post.tell(NOTICE)
    assert post.settle(5)
    letter = inbox.letters[0]
    assert letter.rcpt_tos == ["oncall@example.org"]
    text = letter.content.decode()
    assert "Subject: [CMO] critical: The release <graph> was taken back" in text
    assert "Auto-Submitted: auto-generated" in text
    assert "stage: 10 %" in text


def test_a_title_cannot_write_headers(mailbox: Callable[..., Any], office: Callable[..., PostOffice]) -> None:
    controller, inbox = mailbox()
    post = office(mail(controller.port))
    post.tell(Notice("x", "Down\r\nBcc: everybody@example.org\r\n\r\nbody"))
    assert post.settle(5)
    head, _, _ = inbox.letters[0].content.decode().partition("\r\n\r\n")
    assert inbox.letters[0].rcpt_tos == ["oncall@example.org"]
    assert "\r\nBcc:" not in head


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # it is TLS from the first byte
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_password_goes_over_tls(
    mailbox: Callable[..., Any],
    office: Callable[..., PostOffice],
    certificate: tuple[Path, Path],
    security: Security,
) -> None:
    key, cert = certificate
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(cert, key)
    given: list[tuple[bytes, bytes, bool]] = []

    def authenticate(
        _server: SMTP, session: Session, _envelope: Envelope, _kind: str, data: LoginPassword
    ) -> AuthResult:
        given.append((data.login, data.password, session.ssl is not None or security is Security.TLS))
        return AuthResult(success=data.password == b"hunter2")

    wrapped = {"ssl_context": server_side} if security is Security.TLS else {"tls_context": server_side}
    options = {"auth_require_tls": security is Security.STARTTLS, **wrapped}
    controller, inbox = mailbox(authenticator=authenticate, auth_required=True, **options)
    client_side = ssl.create_default_context(cafile=str(cert))
    post = office(mail(controller.port, security, user="cmo", password="hunter2", context=client_side))
    post.tell(NOTICE)
    assert post.settle(5)
    assert given == [(b"cmo", b"hunter2", True)]
    assert len(inbox.letters) == 1
    stranger = office(
        mail(controller.port, security, user="cmo", password="hunter2")
    )  # the system knows no such authority
    stranger.tell(NOTICE)
    assert stranger.settle(5)
    assert len(given) == 1
    assert stranger.posted().failed


def test_without_starttls_nothing_is_sent(mailbox: Callable[..., Any], office: Callable[..., PostOffice]) -> None:
    controller, inbox = mailbox()
    post = office(mail(controller.port, Security.STARTTLS))
    post.tell(NOTICE)
    assert post.settle(5)
    assert inbox.letters == []
    assert post.posted().failed


@pytest.mark.parametrize(("says", "letters"), [("451 later", 1), ("554 never", 0)])
def test_a_letter_that_is_put_off_is_sent_again_and_one_refused_for_good_is_not(
    mailbox: Callable[..., Any], office: Callable[..., PostOffice], says: str, letters: int
) -> None:
    controller, inbox = mailbox(Inbox(says))
    post = office(mail(controller.port))
    post.tell(NOTICE)
    assert post.settle(5)
    assert len(inbox.letters) == letters


def test_a_receiver_that_says_nothing_is_given_up(office: Callable[..., PostOffice]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        server = Server("127.0.0.1", port, Security.NONE, timeout=0.2)
        post = office(Mail(server, "cmo@example.org", ("oncall@example.org",), FakeClock()))
        post.tell(NOTICE)
        assert post.settle(5)
        assert post.posted().failed == {"mail by 127.0.0.1": 1}


def test_what_waits_is_sent_at_the_end_and_nothing_is_taken_after_it(
    hook: Callable[..., Hook], office: Callable[..., PostOffice]
) -> None:
    there = hook()
    post = office(hook_at(there.url))
    for number in range(5):
        post.tell(Notice(f"about/{number}", "Late"))
    post.close(5)
    assert len(there.got) == 5
    assert not post.tell(NOTICE)


def test_without_a_channel_a_notice_is_in_the_log(
    office: Callable[..., PostOffice], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert office().tell(NOTICE)
    assert NOTICE.title in caplog.text


@pytest.mark.parametrize("url", ["ftp://x/y", "nonsense", "http://", "https://[bad"])
def test_an_address_that_is_none_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Webhook(url)
    assert url not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/x", "https://10.0.0.7/x", "http://localhost:8000/x", "http://[::1]/x", "http://169.254.169.254/x",
     "https://chat.internal/x", "http://[::ffff:192.168.1.1]/x"],
)  # fmt: skip
def test_a_webhook_in_a_private_network_is_refused_unless_it_is_allowed(url: str) -> None:
    with pytest.raises(SettingsError, match="CMO_WEBHOOK_PRIVATE"):
        Webhook(url)
    hook_at(url).close()


def test_a_name_that_leads_into_a_private_network_is_not_posted_to(
    hook: Callable[..., Hook], office: Callable[..., PostOffice], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = hook()
    port = there.server_address[1]
    looked_up = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: looked_up)
    post = office(Webhook(f"http://hooks.example.org:{port}/services/{KEY}"))
    post.tell(NOTICE)
    assert post.settle(5)
    assert there.paths == []
    assert post.posted().failed == {"webhook at hooks.example.org": 1}


def test_a_storm_becomes_one_message_with_a_count(hook: Callable[..., Hook], office: Callable[..., PostOffice]) -> None:
    there = hook()
    post = office(hook_at(there.url), gather=0.2, room=60)
    for number in range(80):
        severity = Severity.CRITICAL if number == 7 else Severity.WARNING
        post.tell(Notice(f"alert/{number}", f"Alert {number}", severity=severity))
    assert post.settle(5)
    assert len(there.got) == 1
    text = there.got[0]["text"]
    assert text.startswith("80 notices: Alert 7")
    assert "... and 40 more." in text
    assert "20 more found no room." in text
    assert [field["text"] for field in there.got[0]["blocks"][1]["fields"]] == ["*critical*\n1", "*warning*\n59"]


def test_ten_thousand_at_once_are_a_few_messages_that_count_them_all(
    hook: Callable[..., Hook], office: Callable[..., PostOffice]
) -> None:
    there = hook()
    post = office(hook_at(there.url), gather=0.1)
    for number in range(10_000):
        post.tell(Notice(f"alert/{number}", f"Alert {number}"))
    assert post.settle(10)
    assert 1 <= len(there.got) <= 5
    told = [int(re.match(r"(\d+) notices", body["text"].replace(",", ""))[1]) for body in there.got]  # type: ignore[index]
    assert sum(told) == 10_000
    assert max(len(body["text"]) for body in there.got) < 10_000


def test_the_longer_a_storm_lasts_the_rarer_messages_become(
    hook: Callable[..., Hook], office: Callable[..., PostOffice]
) -> None:
    there = hook()
    post = office(hook_at(there.url), gather=0.1)
    until = time.monotonic() + 1.5
    number = 0
    while time.monotonic() < until:
        post.tell(Notice(f"alert/{number}", "Again"))
        number += 1
        time.sleep(0.01)
    assert post.settle(5)
    assert 3 <= len(there.got) <= 6, "after 0.1, 0.2, 0.4, 0.8 seconds, not every tenth"


def test_what_was_told_again_meanwhile_is_counted(hook: Callable[..., Hook], office: Callable[..., PostOffice]) -> None:
    there, clock = hook(), FakeClock()
    post = office(hook_at(there.url), clock=clock, quiet=600)
    for _ in range(5):
        post.tell(NOTICE)
    clock.advance(601)
    post.tell(NOTICE)
    assert post.settle(5)
    assert there.got[1]["blocks"][1]["fields"][-1]["text"] == "*since it was told*\n4 times more"


@pytest.mark.parametrize("to", ["nobody", "a b@example.org", "a@example.org\r\nBcc: b@example.org", "@example.org", ""])
def test_an_address_of_mail_that_is_none_is_refused(to: str) -> None:
    with pytest.raises(SettingsError):
        Mail(Server("127.0.0.1"), "cmo@example.org", (to,), FakeClock())


def test_a_password_is_not_sent_over_an_open_line() -> None:
    with pytest.raises(SettingsError, match="TLS"):
        Mail(Server("mail.example.org", 25, Security.NONE, "u", "p"), "a@example.org", ("b@example.org",), FakeClock())


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _ours(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("cmo"))
