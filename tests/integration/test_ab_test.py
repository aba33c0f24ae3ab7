"""`ABTestManager` and `ShadowModeIntegration`, used as the documents use them, over a real knowledge base."""

import asyncio
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cmo.delivery.compare import Kind
from cmo.delivery.experiment import Phase
from cmo.delivery.experiments import Experiments
from cmo.errors import SettingsError
from cmo.settings import read_settings
from cmo.store.engine import sqlite_url
from cmo.store.record import Record
from cmo.testing import FakeClock
from lightrag_integration import ABTestManager, RAGResponse, ShadowModeIntegration

ASKED = "What is clinical metabolomics?"


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTRAG_WORKING_DIR", str(tmp_path / "base"))


async def lightrag_query(query: str, chance: random.Random) -> dict[str, Any]:
    await asyncio.sleep(0)
    return {"content": f"From papers: {query}", "quality_score": min(1.0, chance.gauss(0.86, 0.05))}


async def perplexity_query(query: str, chance: random.Random) -> dict[str, Any]:
    await asyncio.sleep(0)
    return {"content": f"From the web: {query}", "quality_score": min(1.0, chance.gauss(0.80, 0.05))}


async def test_a_test_goes_as_in_the_documents() -> None:
    ab_test = ABTestManager(
        test_name="lightrag_vs_perplexity",
        control_group_size=0.5,
        treatment_group_size=0.5,
        minimum_sample_size=400,
        statistical_power=0.8,
    )
    chance = random.Random(1)

    async def run_ab_test(query: str, user_id: str) -> dict[str, Any]:
        assignment = ab_test.get_user_assignment(user_id)
        began = time.perf_counter()
        if assignment.group == "treatment":
            response, source = await lightrag_query(query, chance), "lightrag"
        else:
            response, source = await perplexity_query(query, chance), "perplexity"
        metrics = {
            "response_time": 1_000 * (time.perf_counter() - began),
            "quality_score": response["quality_score"],
            "user_rating": None,
        }
        await ab_test.track_metrics(user_id=user_id, query=query, response=response, source=source, metrics=metrics)
        return response

    for n in range(420):
        await run_ab_test(ASKED, f"user-{n}")
    results = await ab_test.get_results()
    assert (results.is_significant, results.winner, results.outcome) == (True, "treatment", "better")
    assert results.interval[0] < 0.06 < results.interval[1]
    assert results.control_users + results.treatment_users == 420
    assert results.sample_ratio_ok
    assert results.guardrails["errors"].startswith("errors: 0 of")
    assert "treatment is better" in await ab_test.generate_report()
    await ab_test.close()


async def test_too_few_users_are_never_significant() -> None:
    ab_test = ABTestManager("small")
    for n in range(30):
        group = ab_test.get_user_assignment(f"u{n}").group
        await ab_test.track_metrics(
            f"u{n}", ASKED, "x", metrics={"quality_score": 0.9 if group == "treatment" else 0.1}
        )
    results = await ab_test.get_results()
    assert not results.is_significant
    assert not results.minimum_reached
    await ab_test.close()


async def test_a_user_has_the_same_group_everywhere_and_groups_have_their_sizes() -> None:
    one, other = ABTestManager("same", 0.2, 0.3), ABTestManager("same", 0.2, 0.3)
    groups = [one.get_user_assignment(f"u{n}").group for n in range(5_000)]
    assert groups == [other.get_user_assignment(f"u{n}").group for n in range(5_000)]
    assert [groups.count(g) / 5_000 for g in ("control", "treatment", "none")] == pytest.approx(
        [0.2, 0.3, 0.5], abs=0.02
    )
    another = ABTestManager("another", 0.2, 0.3)
    assert groups != [another.get_user_assignment(f"u{n}").group for n in range(5_000)]


async def test_who_was_put_into_a_group_counts_there_even_if_nothing_came_of_it(tmp_path: Path) -> None:
    ab_test = ABTestManager("lost")
    for n in range(200):
        if ab_test.get_user_assignment(f"u{n}").group == "control":
            await ab_test.track_metrics(f"u{n}", ASKED, "an answer")
    await ab_test.close()
    with Record.open(sqlite_url(tmp_path / "base"), FakeClock()) as record:
        found = Experiments(record.experiments, FakeClock()).findings("lost")
    assert sum(found.results.units.values()) == 200
    assert found.results.valid
    assert found.results.compared[0].primary.units[1] == 0


async def test_a_rating_that_comes_later_is_put_to_the_answer_and_a_failure_is_one() -> None:
    ab_test = ABTestManager("later")
    await ab_test.track_metrics("ada", ASKED, "an answer", "lightrag", {"response_time": 900.0, "quality_score": 0.8})
    await ab_test.track_metrics("ada", ASKED, "an answer", "lightrag", {"user_rating": 4})
    await ab_test.track_metrics("eve", ASKED, TimeoutError("no answer"), "perplexity")
    results = await ab_test.get_results()
    found = await asyncio.to_thread(ab_test._app.trials.experiments.findings, "later")
    assert found.results.answers == 2
    assert "1 of 1" in results.guardrails["errors"]
    await ab_test.close()


@pytest.mark.parametrize(
    "metrics",
    [{"quality_score": 1.2}, {"quality_score": float("nan")}, {"user_rating": 9}, {"response_time": -1}, {"x": 1}],
)
async def test_a_metric_out_of_range_is_refused(metrics: dict[str, float]) -> None:
    ab_test = ABTestManager("range")
    with pytest.raises(SettingsError):
        await ab_test.track_metrics("ada", ASKED, "x", metrics=metrics)
    await ab_test.close()


def test_groups_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingsError):
        ABTestManager("x", 0.7, 0.7)
    with pytest.raises(SettingsError):
        ABTestManager("!!")


async def test_the_same_name_goes_on_with_the_same_test_and_other_groups_need_another_name() -> None:
    first = ABTestManager("again")
    await first.track_metrics("ada", ASKED, "x", metrics={"quality_score": 0.5})
    await first.close()
    second = ABTestManager("again")
    await second.track_metrics("eve", ASKED, "x", metrics={"quality_score": 0.5})
    results = await second.get_results()
    assert results.control_users + results.treatment_users == 2
    await second.close()
    third = ABTestManager("again", 0.1, 0.1)
    with pytest.raises(SettingsError, match="another name"):
        await third.track_metrics("ada", ASKED, "x")
    await third.close()


async def test_the_service_puts_nobody_into_a_test_that_its_caller_answers() -> None:
    ab_test = ABTestManager("ours")
    await ab_test.track_metrics("ada", ASKED, "x")
    trials = ab_test._app.trials
    await asyncio.to_thread(trials.laboratory.refresh)
    assert trials.laboratory.decide("ada") is None
    assert trials.experiments.get("ours").status.phase is Phase.RUNNING
    await ab_test.close()


async def test_shadow_mode_answers_by_the_primary_and_compares_unseen() -> None:
    answered = threading.Event()

    async def primary(query: str) -> str:
        return f"From the web. {query}"

    async def candidate(query: str) -> RAGResponse:
        answered.set()
        response = RAGResponse(f"From papers. {query}")
        response.answered, response.confidence, response.evidence, response.citations = True, 0.9, [], []
        response.processing_time = 12.0
        return response

    shadow = ShadowModeIntegration(primary, candidate)
    assert await shadow.shadow_mode_query(ASKED, "ada") == f"From the web. {ASKED}"
    assert await asyncio.to_thread(shadow.shadow.settle, 10)
    assert answered.is_set()
    entries = list(shadow.comparisons.entries())
    assert [entry.pair.kind for entry in entries] == [Kind.REWORDED]
    assert entries[0].pair.candidate.milliseconds == 12.0
    await shadow.close()


async def test_a_candidate_that_hangs_or_raises_changes_nothing_for_the_user() -> None:
    released = threading.Event()

    def candidate(query: str) -> str:
        if "hang" in query:
            released.wait(30)
        raise RuntimeError("broken")

    shadow = ShadowModeIntegration(lambda query: f"told {query}", candidate)
    assert await shadow.shadow_mode_query("raises") == "told raises"
    assert await asyncio.to_thread(shadow.shadow.settle, 10)
    began = time.perf_counter()
    assert await shadow.shadow_mode_query("hangs") == "told hangs"
    assert time.perf_counter() - began < 5
    assert [entry.pair.kind for entry in shadow.comparisons.entries()] == [Kind.FAILED]
    released.set()
    await shadow.close()


async def test_comparing_two_responses_never_raises(tmp_path: Path) -> None:
    shadow = ShadowModeIntegration(str, str, config=read_settings(working_dir=tmp_path))
    pair = await shadow.compare_responses(ASKED, "Phenylalanine is raised.", {"content": "Phenylalanine is raised."})
    assert pair is not None
    assert pair.kind is Kind.SAME
    shadow.comparisons._path.unlink()
    shadow.comparisons._path.mkdir()  # nothing can be written there
    assert await shadow.compare_responses(ASKED, "a", "b") is None
    await shadow.close()
