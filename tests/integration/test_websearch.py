"""Searches of the web against a server of Perplexity's protocol and a small web, both on loopback."""

import gzip
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import select

from cmo.errors import OutOfTime, OverBudget, PriceUnknown, WebFailed
from cmo.kit.deadline import within
from cmo.model.money import DOLLAR, Need, State, Window
from cmo.spend import Budget, Price, PriceList
from cmo.store import tables
from cmo.store.record import Record
from cmo.testing import FakeClock
from cmo.websearch import PageReader, Perplexity, Reading, Search

KEY = "pplx-do-not-show-me"
QUESTION = "Is phenylalanine raised in phenylketonuria?"
PAGE = "<title>PKU</title><meta name=date content=2023-02-01><p>Phenylalanine is raised in PKU.</p><script>x</script>"
Reply = tuple[int, dict[str, str], bytes] | None


@dataclass
class Web:
    """Perplexity at ``/chat/completions``, pages elsewhere. Serves while entered."""

    results: list[dict[str, Any]] = field(default_factory=list)
    citations: list[str] = field(default_factory=list)
    said: str = "It is raised [1]."
    usage: dict[str, Any] = field(default_factory=lambda: {"prompt_tokens": 14, "completion_tokens": 60})
    pages: dict[str, Callable[[BaseHTTPRequestHandler], None] | bytes] = field(default_factory=dict)
    faults: list[Reply] = field(default_factory=list)
    """Each is sent instead of one search; None cuts the line."""
    slow: float = 0.0
    asked: list[tuple[float, dict[str, Any], str]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.over = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self._thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.http.shutdown()
        self._thread.join()
        self.http.server_close()

    def page(self, name: str, page: bytes | Callable[[BaseHTTPRequestHandler], None], **told: str) -> str:
        """Adds a page and a result that leads to it."""
        self.pages[f"/{name}"] = page
        self.results.append({"url": f"{self.url}/{name}", "title": name, "date": None} | told)
        return f"{self.url}/{name}"

    def search(self) -> Reply:
        if self.faults:
            return self.faults.pop(0)
        message = {"role": "assistant", "content": self.said}
        said = {
            "id": "x", "model": "sonar", "object": "chat.completion", "created": 1, "usage": self.usage,
            "citations": self.citations, "search_results": self.results,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        }  # fmt: skip
        return 200, {}, json.dumps(said).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                web.asked.append((time.monotonic(), body, self.headers["authorization"] or ""))
                web.over.wait(web.slow)
                reply = web.search()
                if reply is None:
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return
                send(self, *reply)

            def do_GET(self) -> None:
                web.fetched.append(self.path)
                page = web.pages.get(self.path, b"")
                with suppress(OSError):  # whoever asked has gone
                    if callable(page):
                        page(self)
                    else:
                        send(self, 200 if page else 404, {"content-type": "text/html; charset=utf-8"}, page)

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


def send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
    handler.send_response(status)
    for name, value in ({"content-type": "application/json", "content-length": str(len(body))} | headers).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def make(web: Web) -> Iterator[Callable[..., Search]]:
    made: list[Search] = []

    def make_(*, fetch: bool = True, private: bool = True, seconds: float = 5.0, **options: Any) -> Search:
        provider = Perplexity(api_key=KEY, base_url=web.url, timeout=seconds, first_pause=0.01, **options)
        reader = PageReader(Reading(page_seconds=1.0, most_bytes=10_000, private=private)) if fetch else None
        made.append(Search(provider, FakeClock(), reader, private=private))
        return made[-1]

    yield make_
    for search in made:
        search.close()


def test_a_search_gives_the_pages_themselves(web: Web, make: Callable[..., Search]) -> None:
    url = web.page("pku", PAGE.encode(), snippet="Phenylalanine &hellip;", date="2024-05-01")
    found = make().search(QUESTION, 5)
    [page] = found.pages
    assert (page.url, page.title, page.text, page.whole) == (url, "PKU", "Phenylalanine is raised in PKU.", True)
    assert (page.date, page.fetched_at, page.end) == (date(2024, 5, 1), FakeClock().now(), len(page.text))
    assert (found.said, found.provider, found.dropped) == ("It is raised [1].", "perplexity", 0)
    [(_, body, key)] = web.asked
    assert (body["model"], body["messages"], key) == (
        "sonar", [{"role": "user", "content": QUESTION}], f"Bearer {KEY}"
    )  # fmt: skip


def test_a_long_page_gives_the_span_that_bears_on_the_question(web: Web, make: Callable[..., Search]) -> None:
    lines = "".join(f"<p>Weather report number {n} of the coast.</p>" for n in range(150))
    web.page("long", (lines + PAGE).encode())
    [page] = make().search(QUESTION, 5).pages
    assert "Phenylalanine is raised in PKU." in page.text
    assert page.start > 0
    assert len(page.text) <= 2_000


def _redirect(to: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: send(handler, 302, {"location": to}, b"")


def _drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/html")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"<p>")
        time.sleep(0.1)


def _bomb(handler: BaseHTTPRequestHandler) -> None:
    packed = gzip.compress(b"<p>boom</p>" * 1_000_000)
    send(handler, 200, {"content-type": "text/html", "content-encoding": "gzip"}, packed)


@pytest.mark.parametrize(
    "page",
    [
        b"",
        _drip,
        _bomb,
        _redirect("/loop"),
        _redirect("ftp://example.org/"),
        lambda handler: send(handler, 200, {"content-type": "application/pdf"}, b"%PDF"),
        lambda handler: send(handler, 500, {}, b""),
        lambda handler: handler.connection.shutdown(2),
        b"<script>only()</script>",
    ],
    ids=["404", "drips", "bomb", "loop", "ftp", "pdf", "500", "cut", "nothing to see"],
)
def test_a_page_that_cannot_be_read_is_what_the_search_says_of_it(
    web: Web, make: Callable[..., Search], page: Any
) -> None:
    web.page("loop", page, snippet="<b>Phenylalanine</b> is raised.<script>x</script>")
    began = time.monotonic()
    [found] = make().search(QUESTION, 5).pages
    assert (found.text, found.whole, found.title) == ("Phenylalanine is raised.", False, "loop")
    assert time.monotonic() - began < 4


def test_pages_are_read_side_by_side_and_not_waited_for_long(web: Web, make: Callable[..., Search]) -> None:
    for n in range(6):
        web.page(f"slow{n}", lambda _handler: web.over.wait(10) and None, snippet=f"Snippet {n}")
    web.page("quick", PAGE.encode())
    began = time.monotonic()
    found = make().search(QUESTION, 10)
    assert time.monotonic() - began < 5
    assert [p.whole for p in found.pages] == [False] * 6 + [True]


def test_nobody_is_sent_into_a_private_network(web: Web, make: Callable[..., Search]) -> None:
    web.page("inside", PAGE.encode(), snippet="Secret.")
    web.results += [{"url": "javascript:alert(1)", "title": "x"}, {"url": "http://169.254.169.254/", "title": "x"}]
    found = make(private=False).search(QUESTION, 10)
    assert (found.pages, found.dropped, web.fetched) == ((), 3, [])


def test_the_same_page_and_the_same_text_come_once(web: Web, make: Callable[..., Search]) -> None:
    url = web.page("a", PAGE.encode())
    web.page("mirror", PAGE.replace("PKU.", "PKU. ").encode())
    web.results.append({"url": f"{url}/?utm_source=y#part", "title": "again"})
    web.citations = [url, f"{web.url}/only-cited"]
    web.pages["/only-cited"] = b"<p>Another text.</p>"
    found = make().search(QUESTION, 10)
    assert [p.text for p in found.pages] == ["Phenylalanine is raised in PKU.", "Another text."]
    assert found.dropped == 2


@pytest.mark.parametrize(
    "results",
    [[], None, "x", [7, None, {}, {"url": 3}], [{"url": "https://example.org/", "title": None, "date": "soon"}]],
)
def test_results_that_make_no_sense_are_left_out(web: Web, make: Callable[..., Search], results: Any) -> None:
    web.results = results
    assert make(fetch=False).search(QUESTION, 3).pages == ()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b"[" * 100_000, b'{"choices": []}'])
def test_what_is_no_search_is_said_so(web: Web, make: Callable[..., Search], body: bytes) -> None:
    web.faults = [(200, {}, body)]
    with pytest.raises(WebFailed, match="a reply that is no search"):
        make().search(QUESTION, 3)


@pytest.mark.parametrize("fault", [None, (500, {}, b""), (429, {"retry-after": "0.2"}, b"")], ids=["cut", "500", "429"])
def test_what_may_pass_is_tried_again(web: Web, make: Callable[..., Search], fault: Reply) -> None:
    web.page("pku", PAGE.encode())
    web.faults = [fault]
    assert len(make().search(QUESTION, 3).pages) == 1
    if fault and fault[1]:
        assert web.asked[1][0] - web.asked[0][0] >= 0.2


def test_the_key_is_never_told(web: Web, make: Callable[..., Search], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    web.faults = [(401, {}, KEY.encode())]
    with pytest.raises(WebFailed, match=r"HTTP 401\. Check PERPLEXITY_API_KEY") as caught:
        make().search(QUESTION, 3)
    provider = Perplexity(api_key=KEY)
    provider.close()
    assert not any(
        KEY in text for text in (str(caught.value), repr(caught.value.__cause__), caplog.text, repr(provider))
    )


def test_a_provider_that_is_ten_times_slower_keeps_nobody_beyond_the_deadline(
    web: Web, make: Callable[..., Search]
) -> None:
    web.slow = 3.0
    began = time.monotonic()
    with within(0.4), pytest.raises(OutOfTime):
        make().search(QUESTION, 3)
    assert time.monotonic() - began < 2.5


def test_one_that_is_down_is_left_alone_and_one_that_comes_back_is_found(web: Web, make: Callable[..., Search]) -> None:
    search = make()
    web.faults = [(503, {}, b"")] * 100
    for _ in range(15):
        with pytest.raises(WebFailed):
            search.search(QUESTION, 3)
    asked = len(web.asked)
    with pytest.raises(WebFailed, match="left alone"):
        search.search(QUESTION, 3)
    assert len(web.asked) == asked < 45


def test_one_that_flaps_is_used_while_it_is_up(web: Web, make: Callable[..., Search]) -> None:
    web.page("pku", PAGE.encode())
    search = make(fetch=False)
    web.results[0]["snippet"] = "Phenylalanine is raised."
    for _ in range(8):
        web.faults = [(500, {}, b"")]
        assert len(search.search(QUESTION, 3).pages) == 1


# -- money -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(f"sqlite:///{tmp_path / 'record.sqlite3'}", FakeClock()) as record:
        yield record


def budget(record: Record, *prices: Price, limit: int = DOLLAR) -> Budget:
    ledger = record.ledger({Window.DAY: limit, Window.MONTH: 100 * DOLLAR})
    return Budget(ledger, PriceList(lambda: prices), FakeClock())


def entries(record: Record) -> list[Any]:
    with record._engine.connect() as connection:
        return list(connection.execute(select(tables.ledger).order_by(tables.ledger.c.id)))


OWN = Price("sonar", input=Decimal(1), output=Decimal(1), request=Decimal("0.01"))


def test_each_attempt_is_paid_for(web: Web, make: Callable[..., Search], record: Record) -> None:
    web.faults = [(500, {}, b""), (429, {}, b"")]
    make(payments=budget(record, OWN), need=Need.PRIORITY).search(QUESTION, 3)
    assert [(row.state, row.service) for row in entries(record)] == [
        (State.UNKNOWN, "web"), (State.VOID, "web"), (State.SETTLED, "web")
    ]  # fmt: skip
    assert entries(record)[-1].cost == 10_000 + 14 + 60


def test_what_it_says_that_it_charged_is_what_it_cost(web: Web, make: Callable[..., Search], record: Record) -> None:
    web.usage |= {"cost": {"total_cost": 0.006}}
    make(payments=budget(record, OWN)).search(QUESTION, 3)
    assert [row.cost for row in entries(record)] == [6_000]


@pytest.mark.parametrize("cost", [-1, "much", float("nan"), 1e300, None, [1]])
def test_unless_it_cannot_be(web: Web, make: Callable[..., Search], record: Record, cost: Any) -> None:
    web.usage |= {"cost": {"total_cost": cost}}
    make(payments=budget(record, OWN)).search(QUESTION, 3)
    assert [row.cost for row in entries(record)] == [10_000 + 14 + 60]


def test_without_money_or_price_nothing_is_asked(web: Web, make: Callable[..., Search], record: Record) -> None:
    with pytest.raises(OverBudget):
        make(payments=budget(record, OWN, limit=9_000)).search(QUESTION, 3)
    with pytest.raises(PriceUnknown, match="cmo budget price sonar"):
        make(payments=budget(record)).search(QUESTION, 3)
    assert web.asked == []
