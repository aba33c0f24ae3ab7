"""The real LightRAG behind our ports: what it says is cited by us or left out, and it never hangs or leaks."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cmo.errors import ChatFailed, EngineError, StoreLocked
from cmo.lightrag.engine import LightRagEngine
from cmo.lightrag.process import Limits, Process
from cmo.llm import ChatEndpoint
from cmo.model.answers import RefusalReason
from cmo.model.questions import Filters, Mode, Question
from cmo.testing import HashingEmbedder

PKU = (
    "Phenylalanine in phenylketonuria and what follows\n\nPhenylalanine is raised in phenylketonuria. The enzyme "
    "phenylalanine hydroxylase converts phenylalanine to tyrosine. Phenylketonuria is treated with sapropterin."
)
TMAO = (
    "Trimethylamine and its oxide in plasma\n\nFMO3 turns trimethylamine into TMAO. TMAO is associated with "
    "atherosclerosis. Plasma TMAO was measured by mass spectrometry."
)
ASKED = Question("What is raised in phenylketonuria?", Mode.HYBRID)
INVENTED = "Napoleon ate 4711 apples in Moscow."


@pytest.fixture
def engine(base: Any, process: Process) -> LightRagEngine:
    base.add(pku=PKU, tmao=TMAO)
    made = LightRagEngine(base.app.snapshots, base.app.encoder, process, Limits())
    list(made.sync(lambda: [p.ref for p in base.app.record.papers()]))
    return made


def ask(engine: LightRagEngine, question: Question = ASKED) -> Any:
    return engine.answer(question, engine.retrieve(question, 10))


def test_an_answer_cites_the_paper_that_bears_it_out_and_leaves_out_what_none_does(engine: LightRagEngine) -> None:
    answer = ask(engine)
    assert answer.refusal is None
    assert answer.sentences[0].text == "Phenylalanine is raised in phenylketonuria."
    assert answer.sentences[0].evidence[0].text == "Phenylalanine is raised in phenylketonuria."
    assert [c.paper.metadata.title for c in answer.citations] == ["Phenylalanine in phenylketonuria and what follows"]
    assert answer.unsupported == (INVENTED,)
    assert INVENTED not in answer.text


@pytest.mark.parametrize("mode", list(Mode))
def test_every_mode_is_passed_on(engine: LightRagEngine, mode: Mode) -> None:
    answer = ask(engine, Question(ASKED.text, mode))
    assert answer.refusal is None


def test_its_evidence_is_what_the_paper_prints(engine: LightRagEngine, base: Any) -> None:
    for evidence in ask(engine).evidence:
        text = base.app.record.text(evidence.paper)
        assert text[evidence.start : evidence.end] == evidence.text
        assert evidence.boxes


def test_an_answer_of_which_nothing_is_borne_out_is_refused(engine: LightRagEngine, model: Any) -> None:
    model.says = lambda _body: INVENTED
    answer = ask(engine, Question("Who has phenylketonuria in Moscow?", Mode.NAIVE))
    assert answer.refusal.reason is RefusalReason.THIN_EVIDENCE
    assert answer.unsupported == (INVENTED,)


def test_a_retracted_paper_is_neither_found_nor_cited(engine: LightRagEngine, base: Any, model: Any) -> None:
    gone = next(p.ref for p in base.app.record.papers() if "phenylketonuria" in p.ref.metadata.title)
    base.app.curator.retract(gone.paper_id, "only a test")
    before = len(model.requests)
    found = engine.retrieve(ASKED, 10)
    assert gone.paper_id not in {p.paper.paper_id for p in found.passages}
    engine.answer(ASKED, found)
    told = [body for body in model.requests[before:] if "---Context---" in body["messages"][0]["content"]]
    assert not any("raised in phenylketonuria" in body["messages"][0]["content"] for body in told)


def test_sync_reads_what_is_new_and_forgets_what_is_gone(engine: LightRagEngine, base: Any, model: Any) -> None:
    papers = lambda: [p.ref for p in base.app.record.papers()]  # noqa: E731
    before = len(model.requests)
    assert list(engine.sync(papers)) == []
    assert len(model.requests) == before
    base.add(more="Sarcosine in urine of many people\n\nPhenylalanine was measured by mass spectrometry.")
    base.app.curator.retract(papers()[-1].paper_id, "only a test")
    assert [step.added for step in engine.sync(papers)] == [False, True]


def test_filters_hold_for_what_it_finds(engine: LightRagEngine) -> None:
    answer = ask(engine, Question(ASKED.text, Mode.HYBRID, Filters(year_from=2030)))
    assert answer.refusal.reason is RefusalReason.NOTHING_ELIGIBLE


def test_an_endpoint_that_fails_is_named_and_the_next_question_is_answered(engine: LightRagEngine, model: Any) -> None:
    model.faults = [lambda: (401, {}, b"{}")] * 20
    with pytest.raises(ChatFailed, match="HTTP 401"):
        ask(engine, Question("What is TMAO associated with?", Mode.HYBRID))
    model.faults = []
    assert ask(engine).refusal is None


def test_a_paper_that_cannot_be_read_names_the_endpoint(base: Any, process: Process, model: Any) -> None:
    base.add(pku=PKU)
    engine = LightRagEngine(base.app.snapshots, base.app.encoder, process, Limits())
    model.faults = [lambda: (401, {}, b"{}")] * 50
    with pytest.raises(ChatFailed, match="HTTP 401"):
        list(engine.sync(lambda: [p.ref for p in base.app.record.papers()]))
    model.faults = []
    assert [s.added for s in engine.sync(lambda: [p.ref for p in base.app.record.papers()])] == [True]


@pytest.fixture
def slow(lightrag_python: Path, model: Any, tmp_path: Path) -> Iterator[Callable[[float], Process]]:
    made: list[Process] = []
    with ChatEndpoint(base_url=model.url, model="rules", timeout=2.0, first_pause=0.01) as chat:

        def slow_(seconds: float) -> Process:
            made.append(Process(lightrag_python, tmp_path / "slow", HashingEmbedder(), chat, Limits(seconds)))
            return made[-1]

        yield slow_
        for process in made:
            process.close()


def test_it_never_hangs(slow: Callable[[float], Process], model: Any) -> None:
    process = slow(0.5)
    said = {"document": "a.1", "name": "a.1", "passages": [PKU]}
    assert process.request("insert", 30, **said)["state"] == "processed"
    model.faults = [lambda: time.sleep(1.5)] * 3
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"did not ask within 0 seconds|did not ask within 1 seconds"):
        process.request("ask", 0.5, question=ASKED.text, mode="hybrid", passages=5, answer=True)
    assert time.monotonic() - began < 2
    model.faults = []
    assert process.request("held", 30)["documents"] == ["a.1"], "a fresh process takes over"


def test_its_folder_is_its_own(slow: Callable[[float], Process]) -> None:
    slow(1.0).request("held", 30)
    with pytest.raises(StoreLocked, match="LightRAG"):
        slow(1.0).request("held", 30)


def test_a_python_without_it_says_how_to_install_it(tmp_path: Path, chat: ChatEndpoint) -> None:
    import sys

    process = Process(Path(sys.executable), tmp_path / "none", HashingEmbedder(), chat, Limits())
    with pytest.raises(EngineError, match=r"pip install 'clinical-metabolomics-oracle\[lightrag\]'"):
        process.request("held", 30)


def test_it_sees_no_variables_of_ours_and_writes_nowhere_else(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-do-not-show-me")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = dict(os.environ)  # noqa: TID251 - that it stays as it is, is the claim
    process.request("insert", 60, document="a.1", name="a.1", passages=[PKU])
    environment = Path(f"/proc/{process._running.popen.pid}/environ").read_bytes().decode()
    assert "sk-do-not-show-me" not in environment
    assert dict(os.environ) == before  # noqa: TID251
    assert list((tmp_path / "here").iterdir()) == []
    assert capfd.readouterr() == ("", "")
