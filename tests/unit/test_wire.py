"""What goes over the wire: one shape, whole, and plain JSON."""

import json
from dataclasses import replace

from cmo import wire
from cmo.model.answers import Answer, AnswerSentence, Citation, NoAnswer, RefusalReason
from cmo.model.evidence import Evidence
from cmo.model.outcomes import Outcome, Status
from cmo.model.papers import Box, Format, Metadata, PaperRef, Section
from cmo.model.questions import Mode
from cmo.oracle import Reply

REF = PaperRef(
    "abc123",
    2,
    "f" * 64,
    "pku.pdf",
    Format.PDF,
    Metadata("Phenylalanine in PKU", ("Følling A", "Jervis G"), "10.1000/pku", "1", 1934, "Zeitschrift", "CC-BY"),
)
EVIDENCE = Evidence(
    "abc123.2.10-20", REF, 3, 10, 20, (Box(3, 1.0, 2.0, 3.0, 4.0),), "It is high.", Section.RESULTS, "Results", 0.9
)
ANSWERED = Answer("Q?", (AnswerSentence("It is high.", (1,), (EVIDENCE,)),), (Citation(1, REF),), 0.8, "000004", 7)
REFUSED = Answer("Q?", (), (), 0.1, "000004", 7, NoAnswer(RefusalReason.THIN_EVIDENCE, "Not enough.", 7, (REF,)))


def test_an_answer_names_its_evidence_and_its_source() -> None:
    body = json.loads(json.dumps(wire.reply(Reply(ANSWERED, Mode.HYBRID, 1.0, 0.5))))
    assert (body["answer"], body["answered"], body["refusal"]) == ("It is high. [1]", True, None)
    (sentence,) = body["sentences"]
    (evidence,) = body["evidence"]
    (citation,) = body["citations"]
    assert sentence["evidence"] == [evidence["id"]]
    assert sentence["citations"] == [evidence["citation"]] == [citation["number"]]
    assert (evidence["page"], evidence["start"], evidence["end"]) == (3, 10, 20)
    assert evidence["boxes"] == [{"page": 3, "x0": 1.0, "y0": 2.0, "x1": 3.0, "y1": 4.0}]
    assert evidence["image"] == "/papers/abc123/pages/3.png?evidence=abc123.2.10-20"
    assert (body["snapshot"], body["searched"], body["mode"], body["processing_time_ms"]) == (
        "000004",
        7,
        "hybrid",
        1.5,
    )
    assert body["sources"] == ["Følling A et al. Phenylalanine in PKU. Zeitschrift, 1934. doi:10.1000/pku"]


def test_a_refusal_says_why_and_what_came_nearest() -> None:
    body = json.loads(json.dumps(wire.reply(Reply(REFUSED, Mode.NAIVE, 1.0, 0.0))))
    assert (body["answered"], body["answer"]) == (False, "Not enough.")
    assert body["refusal"]["reason"] == "thin-evidence"
    assert [p["paper_id"] for p in body["refusal"]["nearest"]] == ["abc123"]


def test_a_paper_that_says_nothing_of_itself_is_named_by_its_file() -> None:
    bare = replace(REF, metadata=Metadata())
    body = wire.reply(Reply(replace(ANSWERED, citations=(Citation(1, bare),), sentences=()), Mode.HYBRID, 1.0, 0.0))
    assert body["sources"] == ["pku.pdf"]
    assert body["citations"][0]["title"] == "pku.pdf"


def test_an_outcome_is_plain() -> None:
    body = json.loads(json.dumps(wire.outcome(Outcome("a.pdf", Status.REFUSED, reason="empty", detail="It is empty."))))
    assert (body["source"], body["status"], body["reason"]) == ("a.pdf", "refused", "empty")
