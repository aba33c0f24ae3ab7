"""Questions with labels: what is read, and what is left out by line and reason."""

import json
from pathlib import Path

import pytest

from cmo.errors import LabelsUnusable
from cmo.model.routes import Destination, ResearchCategory, Scope
from cmo.route.labels import parse, read


def line(**facts: object) -> str:
    return json.dumps({"query": "What is TMAO?", "destination": "LIGHTRAG", **facts})


def test_a_destination_is_read_in_any_case_and_under_other_names() -> None:
    rows = parse([line(destination="perplexity"), line(destination="OUT_OF_SCOPE"), line(destination="unsafe")]).rows
    assert [(r.destination, r.scope) for r in rows] == [
        (Destination.PERPLEXITY, Scope.IN),
        (Destination.NEITHER, Scope.OUT),
        (Destination.NEITHER, Scope.UNSAFE),
    ]


def test_either_accepts_both_engines_and_also_what_it_names() -> None:
    either, settled = parse([line(destination="EITHER"), line(also=["HYBRID"])]).rows
    assert [d for d in Destination if either.accepts(d)] == [
        Destination.LIGHTRAG,
        Destination.PERPLEXITY,
        Destination.EITHER,
    ]
    assert [d for d in Destination if settled.accepts(d)] == [Destination.LIGHTRAG, Destination.HYBRID]


def test_another_research_category_may_be_as_good() -> None:
    (row,) = parse([line(research_category="general", also_research=["drug_discovery"])]).rows
    assert row.accepts_research(ResearchCategory.DRUG_DISCOVERY)
    assert not row.accepts_research(ResearchCategory.PATHWAY_ANALYSIS)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "Expecting"),
        ("[]", "no JSON object"),
        (line(query=""), "empty"),
        (line(query=7), "no text"),
        (line(destination="BING"), "BING"),
        (line(also="LIGHTRAG"), "list"),
        (line(research_category="cooking"), "cooking"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_bad_line_is_left_out_and_told(bad: str, reason: str) -> None:
    found = parse([line(), bad, line()])
    assert len(found.rows) == 2
    assert [b.number for b in found.bad] == [2]
    assert reason in found.bad[0].reason


def test_a_file_may_begin_with_a_mark_and_hold_any_line_separator_in_a_text(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + '{"query": "What is\u2028it?", "destination": "EITHER"}\r\n'.encode())
    found = read([path])
    assert ([row.query for row in found.rows], found.bad) == (["What is it?"], ())


def test_a_file_without_a_usable_line_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text("nonsense\n")
    with pytest.raises(LabelsUnusable, match=r"labels\.jsonl.*line 1"):
        read([tmp_path / "labels.jsonl"])
    with pytest.raises(LabelsUnusable, match="cannot be read"):
        read([tmp_path / "none.jsonl"])
