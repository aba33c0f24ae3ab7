"""What the errors of HTTP mean."""

import httpx
import pytest

from cmo.kit import http
from cmo.kit.breaker import Outcome
from cmo.kit.http import Body, ReplyTooLong, judge, reason, retry_after
from cmo.kit.retry import Again
from cmo.kit.trouble import Trouble

IGNORED = Trouble(Outcome.IGNORED)
REQUEST = httpx.Request("POST", "http://127.0.0.1/v1")


def status(code: int, **headers: str) -> httpx.HTTPStatusError:
    reply = httpx.Response(code, headers=headers, request=REQUEST)
    return httpx.HTTPStatusError("no", request=REQUEST, response=reply)


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (status(400), IGNORED),
        (status(401), IGNORED),
        (status(404), IGNORED),
        (status(302), IGNORED),
        (status(429), Trouble(Outcome.IGNORED, Again(), dropped=True)),
        (status(429, **{"retry-after": "7"}), Trouble(Outcome.IGNORED, Again(7.0), dropped=True)),
        (status(500), Trouble(Outcome.FAILURE, Again())),
        (status(503, **{"retry-after": "2.5"}), Trouble(Outcome.FAILURE, Again(2.5), dropped=True)),
        (httpx.ConnectError("x"), Trouble(Outcome.FAILURE, Again())),
        (httpx.RemoteProtocolError("x"), Trouble(Outcome.FAILURE, Again())),
        (httpx.ReadTimeout("x"), Trouble(Outcome.FAILURE, Again(), dropped=True)),
        (TimeoutError(), Trouble(Outcome.FAILURE, Again(), dropped=True)),
        (httpx.PoolTimeout("ours"), IGNORED),
        (httpx.UnsupportedProtocol("x"), IGNORED),
        (httpx.InvalidURL("x"), IGNORED),
        (ReplyTooLong(), Trouble(Outcome.FAILURE)),
    ],
    ids=lambda value: reason(value) if isinstance(value, Exception) else "",
)
def test_every_error_means_something(error: Exception, trouble: Trouble) -> None:
    assert judge(error) == trouble
    assert isinstance(error, http.ERRORS)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("", 0.0),
        ("soon", 0.0),
        ("-4", 0.0),
        ("nan", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
    ],
)
def test_a_pause_is_read(value: str, seconds: float) -> None:
    assert retry_after(value) == seconds


def test_what_went_wrong_is_told_in_a_word() -> None:
    assert [reason(e) for e in (status(401), httpx.ReadTimeout("x"))] == ["HTTP 401", "ReadTimeout"]


def test_a_reply_is_put_together_and_not_unpacked_twice() -> None:
    body = Body()
    for part in (b'{"a"', b": 1}"):
        body.add(part)
    reply = httpx.Response(
        200, headers={"content-encoding": "gzip", "x-id": "7"}, stream=httpx.ByteStream(b""), request=REQUEST
    )
    whole = body.of(reply)
    assert (whole.json(), whole.headers["x-id"]) == ({"a": 1}, "7")


def test_a_reply_that_never_ends_is_not_read_to_the_end() -> None:
    body = Body(10)
    body.add(b"0123456789")
    with pytest.raises(ReplyTooLong, match="more than 10 bytes"):
        body.add(b"x")
