"""Experiments over HTTP: anybody of the house may look, changes need the token, and the page loads nothing else."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from cmo.delivery.arms import Metric
from cmo.delivery.experiment import Arm, Spec
from cmo.delivery.experiment_live import Answered, Laboratory
from cmo.model.questions import Question
from cmo.web import create_api

TOKEN = {"Authorization": "Bearer let-me"}
BY = {"actor": "ada", "reason": "curious"}


@pytest.fixture
async def service(open_base: Callable[..., Any]) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    with open_base(admin_token="let-me") as base:
        base.app.trials.experiments.plan(
            Spec("reach", (Arm("control", 0.5), Arm("new", 0.5)), about="<b>why</b>"), "ada"
        )
        api = create_api(base.app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://127.0.0.1") as client:
            yield base.app, client
        await api.state.desk.aclose()


def play(app: Any, users: int) -> None:
    laboratory = Laboratory(app.record.experiments, app.clock)
    laboratory.refresh()
    for n in range(users):
        enrolled = laboratory.decide(f"u{n}")
        assert enrolled is not None
        laboratory.saw(enrolled, Answered(Question("q"), "", 0.1, scores={Metric.SUPPORT: (n % 7) / 7}))
    laboratory.flush()


async def test_an_experiment_is_begun_looked_at_and_ended(service: tuple[Any, httpx.AsyncClient]) -> None:
    app, client = service
    started = await client.post("/api/experiments/reach/start", json=BY, headers=TOKEN)
    assert started.json()["status"]["phase"] == "running"
    play(app, 300)
    found = (await client.get("/api/experiments/reach")).json()
    assert sum(found["units"].values()) == 300
    assert found["compared"][0]["outcome"] in {"too-early", "no-difference"}
    assert len(found["looks"]) > 5
    assert [e["experiment"]["name"] for e in (await client.get("/api/experiments")).json()["experiments"]] == ["reach"]
    stopped = await client.post("/api/experiments/reach/stop", json=BY, headers=TOKEN)
    assert stopped.json()["status"]["phase"] == "stopped"
    assert (await client.get("/api/experiments/reach")).json()["status"]["phase"] == "stopped"
    acts = app.delivery.history("experiment/reach")
    assert [(act.actor, act.action) for act in acts] == [("ada", "stop"), ("ada", "start"), ("ada", "plan")]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "let-me"}])
async def test_without_the_token_nothing_changes(
    service: tuple[Any, httpx.AsyncClient], headers: dict[str, str]
) -> None:
    app, client = service
    assert (await client.post("/api/experiments/reach/start", json=BY, headers=headers)).status_code == 403
    assert app.trials.experiments.get("reach").status.run == 0


async def test_the_page_has_its_plots_and_its_style_from_here(service: tuple[Any, httpx.AsyncClient]) -> None:
    app, client = service
    await client.post("/api/experiments/reach/start", json=BY, headers=TOKEN)
    play(app, 300)
    page = await client.get("/experiments/reach")
    assert page.headers["content-type"].startswith("text/html")
    assert "<svg" in page.text
    assert "<style" not in page.text
    assert 'href="/experiments.css"' in page.text
    assert "style-src 'self'" in page.headers["content-security-policy"]
    assert "style-src 'self'" in page.text
    assert (await client.get("/experiments.css")).headers["content-type"].startswith("text/css")
    listed = (await client.get("/experiments")).text
    assert '<a href="/experiments/reach">' in listed
    assert "&lt;b&gt;why" in listed


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/experiments/nowhere", 404), ("/experiments/nowhere", 404), ("/api/experiments/N%20o", 422)],
)
async def test_what_is_not_there_is_said(service: tuple[Any, httpx.AsyncClient], path: str, status: int) -> None:
    assert (await service[1].get(path)).status_code == status


async def test_what_cannot_be_done_now_is_said(service: tuple[Any, httpx.AsyncClient]) -> None:
    _, client = service
    refused = await client.post("/api/experiments/reach/stop", json=BY, headers=TOKEN)
    assert (refused.status_code, refused.json()["detail"]) == (422, "This experiment does not run.")
    assert (await client.post("/api/experiments/reach/start", json=BY, headers=TOKEN)).status_code == 200
    again = await client.post("/api/experiments/reach/start", json=BY, headers=TOKEN)
    assert "runs already" in again.json()["detail"]


async def test_whoever_looks_often_sees_the_same_for_a_while(
    service: tuple[Any, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client = service
    looked: list[str] = []
    real = app.trials.experiments.findings
    monkeypatch.setattr(app.trials.experiments, "findings", lambda name: (looked.append(name), real(name))[1])
    for _ in range(5):
        await client.get("/experiments/reach")
        await client.get("/api/experiments/reach")
    assert looked == ["reach"]
