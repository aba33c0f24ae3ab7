"""The documented names of deep mode and of what a chat shows, used as the documents use them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cmo.bench.slow_model import Reply, SlowModel, spoken
from cmo.settings import read_settings
from lightrag_integration import DocMindSupervisor, EnhancedResponseProcessor, create_initial_state

PKU = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking."
HCU = "Homocystinuria in adults\n\nMethionine is raised in homocystinuria since it is not turned over."
ASKED = "Is phenylalanine raised in phenylketonuria and is methionine raised in homocystinuria?"
GERMAN = "Welche Metaboliten sind bei der Krankheit Phenylketonurie im Blut der Kinder erhöht?"


@pytest.fixture
def supervisor(base: Any) -> DocMindSupervisor:
    base.add(pku=PKU, hcu=HCU)
    made = DocMindSupervisor(base.app.settings, seconds=60)
    made._app = base.app
    return made


async def test_a_query_is_answered_and_says_what_was_done(supervisor: DocMindSupervisor) -> None:
    answer = await supervisor.process_query(ASKED, thread_id="test")
    assert answer["answered"]
    assert {step["agent"] for step in answer["agent_history"]} == {"plan", "retrieve", "read", "check", "write"}
    assert json.dumps(answer)
    assert [entry["question"] for entry in await supervisor.agent_history("test")] == [ASKED]


async def test_updates_stream_while_the_loop_is_free(supervisor: DocMindSupervisor) -> None:
    agents = [update["agent"] async for update in supervisor.stream_query(ASKED, "mine")]
    assert agents[0] == "plan"
    assert agents[-1] == "write"


async def test_who_stops_listening_can_go_on_later(supervisor: DocMindSupervisor) -> None:
    stream = supervisor.stream_query(ASKED, "mine")
    async for update in stream:
        if update["agent"] == "read":
            break
    await stream.aclose()  # type: ignore[attr-defined]
    assert await supervisor.agent_history("mine") == []
    answer = await supervisor.process_query(ASKED, "mine")
    assert answer["answered"]
    assert len(await supervisor.agent_history("mine")) == 1


def test_the_initial_state_is_plain_json() -> None:
    state = create_initial_state(ASKED)
    assert state["question"] == ASKED
    assert (json.loads(json.dumps(state))["steps"], state["history"]) == ([], [])


class Response(str):
    __slots__ = ()
    sources = ("A paper. 2024", "Another paper. 2025")


SAID = Response("Phenylalanine is raised to 1200 in plasma. [1] Tyrosine is low. [2]")


async def test_an_answer_is_shown_with_its_sources_and_its_worth() -> None:
    shown = await EnhancedResponseProcessor().process(response=SAID, query=ASKED, quality_score=0.84)
    assert shown.formatted_content == (
        "Phenylalanine is raised to 1200 in plasma. [1] Tyrosine is low. [2]\n\n"
        "[1] A paper. 2024\n[2] Another paper. 2025\n\n✅ Good (0.84)"
    )
    bare = await EnhancedResponseProcessor().process(SAID, ASKED, 0.5, include_citations=False)
    assert bare.formatted_content.endswith("[2]\n\n⚠️ Low Quality (0.50)")
    assert bare.citations == ()


async def test_sources_may_be_mappings_and_a_response_one_as_well() -> None:
    response = {"content": "Yes.", "sources": [{"title": "A page", "url": "https://example.org"}, {"url": "u"}]}
    shown = await EnhancedResponseProcessor().process(response, ASKED, 0.9)
    assert shown.citations == ("[1] A page", "[2] u")
    assert shown.indicator == "🌟 Excellent"


async def test_without_a_language_model_a_note_stands_for_the_translation() -> None:
    shown = await EnhancedResponseProcessor().process(SAID, GERMAN, 0.9, include_translation=True)
    assert (shown.language, shown.translation) == ("de", "")
    assert "no language model is set" in shown.note
    assert shown.note in shown.formatted_content
    english = await EnhancedResponseProcessor().process(SAID, ASKED, 0.9, include_translation=True)
    assert english.note == ""


def saying(sentences: dict[str, str]) -> Callable[[dict[str, Any]], Reply]:
    return lambda body: Reply(200, spoken(json.dumps({"sentences": sentences}), stream=bool(body.get("stream"))))


@pytest.fixture
def processor(tmp_path: Path) -> Callable[[str], EnhancedResponseProcessor]:
    def over(url: str) -> EnhancedResponseProcessor:
        return EnhancedResponseProcessor(
            read_settings(working_dir=tmp_path, llm_url=url, llm_model="m", llm_local=True)
        )

    return over


async def test_with_one_it_is_translated_and_the_original_kept(
    processor: Callable[[str], EnhancedResponseProcessor],
) -> None:
    german = {"1": "Phenylalanin ist im Plasma auf 1200 erhöht.", "2": "Tyrosin ist niedrig."}
    with SlowModel(0.0) as model:
        model.fault = saying(german)
        made = processor(model.url)
        shown = await made.process(SAID, GERMAN, 0.9, include_translation=True)
        await made.close()
    assert shown.translation == "Phenylalanin ist im Plasma auf 1200 erhöht. [1] Tyrosin ist niedrig. [2]"
    assert shown.formatted_content.index(str(SAID)) < shown.formatted_content.index(shown.translation)
    assert shown.note == ""


async def test_a_translation_that_changes_a_figure_is_not_shown(
    processor: Callable[[str], EnhancedResponseProcessor],
) -> None:
    wrong = {"1": "Phenylalanin ist im Plasma auf 12 erhöht.", "2": "Tyrosin ist niedrig."}
    with SlowModel(0.0) as model:
        model.fault = saying(wrong)
        made = processor(model.url)
        shown = await made.process(SAID, GERMAN, 0.9, include_translation=True)
        await made.close()
    assert "auf 12 " not in shown.formatted_content
    assert "could not be trusted" in shown.note
