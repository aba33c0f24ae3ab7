"""What the service tells of itself: metrics, their summary, readiness, and a log without questions."""

import inspect
import io
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

import cmo
from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.delivery.desk import Desk as ReleaseDesk
from cmo.delivery.desk import Wish
from cmo.delivery.releases import release
from cmo.delivery.rollout import plan
from cmo.errors import ModelMissing, OverBudget
from cmo.kit.breaker import Outcome
from cmo.kit.refusal import Refused
from cmo.ops import catalogue
from cmo.ops.metric import Metric
from cmo.testing import NEVER
from cmo.web import create_api

ASKED = {"query": "Which amino acids are raised in maple syrup urine disease?"}
TEXT = "Maple syrup urine disease and its markers\n\nLeucine and valine are raised in maple syrup urine disease.\n"


@pytest.fixture
def api(base: Any) -> FastAPI:
    base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
    base.add(msud=TEXT)
    return create_api(base.app)


@pytest.fixture
async def http(api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        api.router.lifespan_context(api),
        httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1") as client,
    ):
        yield client


async def samples(http: httpx.AsyncClient) -> dict[str, float]:
    reply = await http.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


async def test_questions_answers_and_requests_are_counted(http: httpx.AsyncClient) -> None:
    for _ in range(3):
        assert (await http.post("/query", json=ASKED)).status_code == 200
    assert (await http.post("/query", json={"query": "Who won the cup?"})).status_code == 200
    told = await samples(http)
    assert told["cmo_http_requests_total endpoint=/query method=POST status=200"] == 4
    assert told["cmo_questions_total outcome=answered tier=made"] == 1
    assert told["cmo_questions_total outcome=answered tier=memory"] == 2
    assert told["cmo_answers_total engine=cmo source=lightrag"] == 1
    assert told["cmo_abstentions_total reason=thin-evidence"] == 1
    assert told["cmo_answer_confidence_ratio_count"] == 1
    assert told["cmo_citations_total"] == 1
    assert told["cmo_stage_duration_seconds_count stage=retrieve"] == 2
    assert told["cmo_http_request_duration_seconds_count endpoint=/query"] == 4
    assert told["cmo_papers"] == 1
    assert told["cmo_ready"] == 1
    assert told["cmo_budget_limit_dollars window=day"] == 100
    assert told["cmo_error_rate_ratio"] == 0


async def test_answers_with_the_graph_are_counted_as_such(http: httpx.AsyncClient) -> None:
    reply = await http.post("/api/query/enhanced", json={**ASKED, "mode": "hybrid"})
    assert reply.status_code == 200
    told = await samples(http)
    assert told["cmo_questions_total outcome=answered tier=made"] == 1
    assert told["cmo_answers_total engine=cmo source=lightrag"] == 1


async def test_addresses_that_somebody_made_up_fill_nothing(http: httpx.AsyncClient) -> None:
    for n in range(150):
        await http.request("BREW", f"/made/up/{n}")
        await http.get(f"/papers/{n:012x}")
    told = await samples(http)
    assert told["cmo_http_requests_total endpoint=other method=other status=404"] == 150
    assert told["cmo_http_requests_total endpoint=/papers/{paper_id} method=GET status=404"] == 150
    assert sum(name.startswith("cmo_http_requests_total") for name in told) <= 3


async def test_failures_are_counted_as_ours_or_theirs(http: httpx.AsyncClient, api: FastAPI, monkeypatch: Any) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise OverBudget("Money is short.")

    await http.post("/query", json={"query": ""})
    monkeypatch.setattr(await api.state.desk.recall(), "ask", fails)
    assert (await http.post("/query", json=ASKED)).status_code == 503
    told = await samples(http)
    assert told["cmo_questions_total outcome=failed tier=made"] == 1
    assert told["cmo_http_problems_total code=bad-question"] == 1
    assert told["cmo_http_problems_total code=over-budget"] == 1
    facts = (await http.get("/api/metrics")).json()
    assert [(r["status"], r["code"], r["endpoint"]) for r in facts["refusals"]] == [
        (503, "over-budget", "/query"),
        (422, "bad-question", "/query"),
    ]


async def test_the_summary_has_the_documented_fields_and_no_question(http: httpx.AsyncClient) -> None:
    await http.post("/query", json=ASKED)
    reply = await http.get("/api/metrics")
    facts = reply.json()
    documented = {"total_time_ms", "retrieval_time_ms", "generation_time_ms", "enrichment_usage_rate",
                  "avg_enrichment_score", "avg_relationships_per_query"}  # fmt: skip
    assert documented <= set(facts)
    assert facts["total_time_ms"] >= facts["retrieval_time_ms"] > 0
    assert facts["questions"]["by_source"] == {"lightrag": 1}
    assert facts["health"]["record"] == "healthy"
    assert facts["slowest"][0]["endpoint"] == "/query"
    assert {stage["stage"] for stage in facts["stages"]} >= {"retrieve", "search", "answer"}
    assert "maple" not in reply.text


async def test_where_nothing_is_counted_there_are_no_metrics(base: Any) -> None:
    base.app.settings = base.app.settings.model_copy(update={"metrics": False})
    api = create_api(base.app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1") as http:
        for path in ("/metrics", "/api/metrics"):
            reply = await http.get(path)
            assert (reply.status_code, "METRICS_COLLECTION_ENABLED" in reply.json()["detail"]) == (404, True)


async def test_ready_only_once_it_is_warm_and_not_while_it_ends(api: FastAPI) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1") as http:
        early = await http.get("/ready")
        assert (early.status_code, early.json()) == (503, {"ready": False, "reason": "warming up"})
        assert (await http.get("/live")).json() == {"status": "alive"}
        async with api.router.lifespan_context(api):
            ready = await http.get("/ready")
            assert (ready.status_code, ready.json()) == (200, {"ready": True, "reason": ""})
            api.state.desk.leaving = True
            last = await http.get("/ready")
            assert (last.status_code, last.json()["reason"]) == (503, "draining")
            answer = await http.post("/query", json=ASKED)
            assert (answer.status_code, answer.headers["connection"]) == (200, "close")


async def test_a_model_that_is_missing_is_told_until_it_is_there(
    api: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk = api.state.desk
    with monkeypatch.context() as broken:
        broken.setattr(desk, "oracle", AsyncMock(side_effect=ModelMissing("Install it with `cmo models install`.")))
        for _ in range(3):
            await desk.warm()
    warned = [record for record in caplog.records if "cannot be answered yet" in record.message]
    assert [record.levelno for record in warned if record.levelno >= logging.WARNING] == [logging.WARNING]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1") as http:
        await desk.warm()
        desk.fault = ModelMissing("Install it with `cmo models install minilm`.")
        told = await http.get("/health/lightrag")
        assert (told.status_code, told.json()["status"]) == (503, "unhealthy")
        assert told.json()["components"]["model"]["detail"].startswith("Install it")
        assert (await http.get("/ready")).json()["reason"].startswith("Install it")
        await desk.warm()
        assert (await http.get("/ready")).status_code == 200
    await desk.aclose()


@pytest.mark.parametrize("wanted", [False, True])
async def test_the_log_holds_questions_only_where_that_is_wanted(base: Any, wanted: bool) -> None:
    base.add(msud=TEXT)
    changed = {"log_questions": wanted, "performance_log_level": "INFO"}
    base.app.settings = base.app.settings.model_copy(update=changed)
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(_everything())
    logger = logging.getLogger("cmo")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        transport = httpx.ASGITransport(create_api(base.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            await http.post("/query", json=ASKED, headers={"X-Request-ID": "r-7"})
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert "r-7" in stream.getvalue()
    assert ("maple syrup" in stream.getvalue()) is wanted


def _everything() -> logging.Formatter:
    class Everything(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return repr(record.__dict__)

    return Everything()


def test_every_metric_of_the_catalogue_is_told_by_somebody() -> None:
    folder = Path(inspect.getfile(cmo)).parent
    source = "\n".join(path.read_text("utf-8") for path in (*folder.glob("ops/*.py"), *folder.glob("web/*.py")))
    used = set(re.findall(r"(?:tell\(|set\(|add\(|observe\(|observe_all\(|numbers\[)\s*c\.([A-Z_]+)\b", source))
    names = {name for name, value in vars(catalogue).items() if isinstance(value, Metric)}
    assert names - used == set()


async def test_what_parts_tell_of_themselves_is_read(open_base: Any) -> None:
    with open_base(delivery=True, llm_url="http://127.0.0.1:9", llm_model="m", llm_local=True) as base:
        base.add(msud=TEXT)
        clock = base.app.clock
        desk = ReleaseDesk(base.app.delivery, clock)
        desk.keep(release("two-hops", {"max_hops": 2}, ""), "ada", "")
        desk.start(Wish("two-hops", plan("fast"), "r1"), "ada", "try it")
        breaker = base.app.outside.chat._desk.breaker
        for _ in range(100):
            if isinstance(ticket := breaker.admit(), Refused):
                break
            breaker.settle(ticket, Outcome.FAILURE)
        api = create_api(base.app)
        async with (
            api.router.lifespan_context(api),
            httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1") as http,
        ):
            await http.post("/query", json=ASKED, headers={"X-User-Id": "ada"})
            await http.post("/classify", json={"query": "What is a metabolite?"})
            told = await samples(http)
            health = (await http.get("/health")).json()
    assert told["cmo_release_exposure_ratio release=two-hops"] == pytest.approx(0.1)
    assert told["cmo_release_phase phase=running"] == 1
    assert told["cmo_release_phase phase=back"] == 0
    assert sum(count for name, count in told.items() if name.startswith("cmo_release_answers_total")) == 1
    assert told["cmo_breaker_state service=llm state=open"] == 1
    assert told["cmo_breaker_state service=llm state=closed"] == 0
    assert sum(count for name, count in told.items() if name.startswith("cmo_classifications_total")) == 1
    assert told["cmo_cache_requests_total cache=answers result=miss tier=memory"] >= 1
    assert told["cmo_health_ratio component=llm"] == 0.5
    assert health["status"] == "degraded"
    assert "in the papers' own words" in health["components"]["llm"]["detail"]


async def test_stages_are_timed_only_where_that_is_wanted(base: Any) -> None:
    base.add(msud=TEXT)
    base.app.settings = base.app.settings.model_copy(update={"stages": False})
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        await http.post("/query", json=ASKED)
        told = await samples(http)
    assert told["cmo_http_requests_total endpoint=/query method=POST status=200"] == 1
    assert not [name for name in told if name.startswith("cmo_stage_duration_seconds")]
