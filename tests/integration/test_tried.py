"""Experiments and the shadow in the service itself: over HTTP, off the asker's way, and never in it."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.app import UNSEEN
from cmo.delivery.arms import Metric
from cmo.delivery.compare import Kind, compare, shown
from cmo.delivery.experiment import Arm, Spec
from cmo.delivery.experiments import Experiments
from cmo.delivery.releases import BASELINE, release
from cmo.delivery.shadow_book import Book
from cmo.delivery.shadow_remote import RemoteCandidate
from cmo.errors import EngineError, OverBudget
from cmo.model.delivery import Act
from cmo.model.money import Payer
from cmo.model.questions import Filters
from cmo.oracle import admit
from cmo.testing import NEVER
from cmo.web import create_api

ASKED = "Which amino acids are raised in maple syrup urine disease?"
TEXT = (
    "Maple syrup urine disease and its markers\n\nLeucine, isoleucine and valine are raised in maple syrup urine "
    "disease. Alloisoleucine is the most specific marker of the disease.\n"
)
ACT = Act(0.0, "test", "release", "r", "")
SPEC = Spec("naive", (Arm("control", 0.5), Arm("naive", 0.5, "naive")), planned=50)


class Broken:
    """An engine that is not there."""

    def retrieve(self, *_: object) -> Any:
        raise EngineError("The other engine is not installed.")

    answer = retrieve

    def close(self) -> None:
        pass


@pytest.fixture
def service(open_base: Callable[..., Any]) -> Any:
    @asynccontextmanager
    async def service_(**settings: Any) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
        settings = {"delivery": True, "experiment_share": 1.0, "shadow_per_minute": 60_000.0, **settings}
        with open_base(shadow_busy_percent=100.0, cache=False, **settings) as base:
            app = base.app
            app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
            app.__dict__["lightrag"] = Broken()
            base.add(msud=TEXT)
            app.delivery.add_release(release("naive", {"mode": "naive"}), ACT)
            app.delivery.add_release(release("broken", {"engine": "lightrag"}), ACT)
            app.trials._busy = lambda: False
            api = create_api(app)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1") as client:
                yield app, client
            await api.state.desk.aclose()

    return service_


async def ask(client: httpx.AsyncClient, user: str = "", text: str = ASKED) -> httpx.Response:
    reply = await client.post("/query", json={"query": text, "user": user})
    assert reply.status_code == 200, reply.text
    return reply


async def begun(app: Any, spec: Spec = SPEC) -> Experiments:
    experiments: Experiments = app.trials.experiments
    experiments.plan(spec, "ada")
    experiments.start(spec.name, "ada")
    await asyncio.to_thread(app.trials.laboratory.refresh)
    return experiments


async def test_askers_are_answered_by_their_arm_and_all_of_it_is_written_down(service: Any) -> None:
    async with service() as (app, client):
        experiments = await begun(app)
        arms = {}
        for n in range(20):
            said = (await ask(client, f"u{n}", f"{ASKED} {n}")).headers["x-release"]
            arms[f"u{n}"] = said
        assert set(arms.values()) == {"baseline; arm=control", "naive; arm=naive"}
        assert (await ask(client, "u1")).headers["x-release"] == arms["u1"]
        laboratory = app.trials.laboratory
        assert await asyncio.to_thread(laboratory._shadow.settle, 20)
        await asyncio.to_thread(laboratory.flush)
        found = experiments.findings("naive")
        assert sum(found.results.units.values()) == 20
        assert found.results.answers == 21
        one = found.results.compared[0]
        assert min(one.primary.units) >= 3, "support was judged in both arms"
        assert {effect.metric for effect in one.others} >= {Metric.LATENCY, Metric.ERRORS}


async def test_nobody_without_a_name_is_in_an_experiment(service: Any) -> None:
    async with service() as (app, client):
        experiments = await begun(app)
        assert (await ask(client)).headers["x-release"] == "baseline; arm=control"
        assert experiments.findings("naive").results.units == {"control": 0, "naive": 0}


async def test_an_arm_that_cannot_answer_is_the_baseline_s_to_answer_for_and_the_failure_counts(service: Any) -> None:
    async with service() as (app, client):
        experiments = await begun(app, Spec("broken", (Arm("control", 0.5), Arm("bad", 0.5, "broken"))))
        arms = [(await ask(client, f"u{n}")).headers["x-release"] for n in range(12)]
        assert set(arms) == {"baseline; arm=control", "baseline; arm=fallback"}
        await asyncio.to_thread(app.trials.laboratory.flush)
        errors = next(g for g in experiments.findings("broken").results.compared[0].guards if g.metric is Metric.ERRORS)
        failed = sum("fallback" in arm for arm in arms)
        assert f"{failed} of {failed} users of bad, 0 of" in errors.text


@pytest.mark.parametrize("shadow", ["naive", "mode=naive,max_hops=2"])
async def test_a_shadow_s_answers_are_kept_beside_what_was_told_and_change_nothing(service: Any, shadow: str) -> None:
    async with service(shadow=shadow, shadow_share=1.0) as (app, client):
        told = (await ask(client, "ada")).json()
        assert await asyncio.to_thread(app.trials.shadow.settle, 20)
        book = Book(app.folder, shadow, app.clock)
        entries = list(book.entries())
        assert [entry.question for entry in entries] == [ASKED]
        assert entries[0].pair.now.milliseconds == told["timings"]["total_time_ms"]
        assert entries[0].pair.now.support is not None
        assert entries[0].candidate == shadow
        assert entries[0].pair.why == ""


@pytest.mark.parametrize("shadow", ["broken", "nowhere", "http://127.0.0.1:1"])
async def test_a_shadow_that_cannot_answer_costs_nobody_a_reply(service: Any, shadow: str) -> None:
    async with service(shadow=shadow, shadow_share=1.0) as (app, client):
        told = [(await ask(client, "ada", f"{ASKED} {n}")).json()["answered"] for n in range(4)]
        assert told == [True] * 4
        assert await asyncio.to_thread(app.trials.shadow.settle, 20)
        pairs = [entry.pair for entry in Book(app.folder, shadow, app.clock).entries()]
        assert {pair.kind for pair in pairs} == {Kind.FAILED}
        assert len(pairs) == 4


async def test_a_shadow_that_hangs_delays_no_reply(service: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection and never says a word
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with service(shadow=url, shadow_share=1.0, shadow_seconds=60.0) as (app, client):
            await ask(client, "ada")
            began = time.perf_counter()
            for n in range(10):
                await ask(client, "ada", f"{ASKED} {n}")
            assert time.perf_counter() - began < 10  # one hanging answer alone would take sixty seconds
            assert not await asyncio.to_thread(app.trials.shadow.settle, 0.1)


def test_what_nobody_sees_costs_nothing_when_money_is_short_and_is_paid_by_nobody_who_asks(
    open_base: Callable[..., Any],
) -> None:
    model = {"llm_url": "http://127.0.0.1:1/v1", "llm_model": "m"}
    with open_base(daily_budget=0, **model) as base, pytest.raises(OverBudget):
        base.app.unseen(BASELINE, admit(ASKED))
    with open_base() as base:
        base.app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(-2.0, {"coverage": 8.0}, 0.5), NEVER)
        base.add(msud=TEXT)
        payers = []
        real = base.app._oracle

        def oracle(*words: Any, **more: Any) -> Any:
            made = real(*words, **more)
            answers = made.reply
            made.reply = lambda question: (payers.append(question.payer), answers(question))[1]
            return made

        base.app._oracle = oracle
        assert base.app.unseen(BASELINE, replace(admit(ASKED), payer=Payer("group", "ada")))["answered"]
        assert payers == [UNSEEN]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A service that takes one question and never answers."""
    script = tmp_path / "other.py"
    script.write_text(_OTHER)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


async def test_a_shadowed_service_that_is_killed_in_the_midst_costs_its_comparison_alone(
    service: Any, other: subprocess.Popen[str]
) -> None:
    assert other.stdout is not None
    port = int(other.stdout.readline())
    async with service(shadow=f"http://127.0.0.1:{port}", shadow_share=1.0) as (app, client):
        await ask(client, "ada", ASKED)
        assert other.stdout.readline().strip() == "asked"
        other.send_signal(signal.SIGKILL)
        other.wait(10)
        assert (await ask(client, "ada", f"{ASKED} again")).json()["answered"]
        assert await asyncio.to_thread(app.trials.shadow.settle, 20)
        pairs = [entry.pair for entry in Book(app.folder, "", app.clock).entries()]
        assert [pair.kind for pair in pairs] == [Kind.FAILED, Kind.FAILED]
        assert all(pair.why.startswith("EngineError") for pair in pairs)


async def test_another_service_of_ours_can_be_the_candidate(service: Any) -> None:
    async with service() as (app, client):
        server = uvicorn.Server(uvicorn.Config(create_api(app), port=0, log_level="critical", lifespan="off"))
        serving = asyncio.create_task(server.serve())
        await asyncio.to_thread(_wait_for, lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        candidate = RemoteCandidate(f"http://127.0.0.1:{port}", 10.0)
        there = await asyncio.to_thread(candidate, admit(ASKED, filters=Filters(year_to=3000)))
        here = (await ask(client, "ada")).json()
        assert compare(shown(here), shown(there)).kind in {
            Kind.SAME,
            Kind.LOST,
        }  # a paper without a year is filtered out
        with pytest.raises(EngineError):
            await asyncio.to_thread(candidate, replace(admit(ASKED), text="x" * 100_000))
        candidate.close()
        server.should_exit = True
        await serving


def _wait_for(true: Callable[[], bool], seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


_OTHER = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
connection.recv(10_000)
print("asked", flush=True)
time.sleep(60)
"""
