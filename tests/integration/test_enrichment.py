"""The graph's part in answers, over HTTP and in the retriever, on a small base with fakes."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cmo.engines import PASSAGES
from cmo.errors import NotFound
from cmo.model.concepts import RelationType
from cmo.model.questions import Filters, Mode, Question, Reach
from cmo.web import create_api
from cmo.web.enrichment import ComparisonOut, ReachOut
from cmo.web.graph import NeighbourhoodOut
from cmo.web.schemas_replies import ReplyOut

TEXTS = {
    "pku": "Amino acids in newborns\n\nPhenylalanine is raised in phenylketonuria when plasma is looked at. "
    "The clinic opened its doors early in the spring of that year.\n",
    "again": "A second look at the amino acids\n\nIn our own plasma samples phenylalanine was raised in phenylketonuria too. "
    "The children were seen twice in the same winter.\n",
    "denied": "A dissenting report on a rare disorder\n\nIn our hands phenylalanine is not raised in phenylketonuria at all. "
    "We looked at many children over several years.\n",
    "bridge": "Two amino acids and what they share\n\nTyrosine and phenylalanine go together in the healthy liver of rats. "
    "The rats were fed as they liked it.\n",
    "far": "A disorder of sulphur in the city\n\nMethionine is raised in homocystinuria of the early kind. "
    "It was seen by chance in a school.\n",
}
ASKED = "Which amino acid is related to phenylketonuria?"


@pytest.fixture(autouse=True)
def _papers(base: Any) -> None:
    base.add(**TEXTS)


@pytest.fixture
async def http(base: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_api(base.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def found(base: Any, text: str, mode: Mode = Mode.HYBRID, reach: Reach | None = None, **filters: Any) -> Any:
    return base.app.retriever.retrieve(Question(text, mode, Filters(**filters), reach), PASSAGES)


def texts(base: Any, text: str, mode: Mode, reach: Reach) -> set[str]:
    return {p.paper.source for p in found(base, text, mode, reach).passages}


def test_a_relation_is_told_with_what_speaks_for_it_and_against_it(base: Any) -> None:
    raised = found(base, ASKED).trace.relationships[0]
    assert (raised.subject.name, raised.type, raised.object.name) == (
        "phenylalanine",
        RelationType.INCREASED_IN,
        "phenylketonuria",
    )
    assert (raised.papers_for, raised.papers_against) == (2, 1)
    sides = {s.passage.paper.source: s.against for s in raised.statements}
    assert sides == {"pku.txt": False, "again.txt": False, "denied.txt": True}
    assert [n.name for s in raised.statements if not s.against for n in s.context] == ["plasma", "plasma"]


def test_what_else_is_raised_does_not_answer_whether_this_is(base: Any) -> None:
    told = found(base, "Is methionine raised in phenylketonuria?").trace.relationships
    assert told
    assert not any(r.asked for r in told)
    open_ = found(base, "What is raised in phenylketonuria?").trace.relationships
    assert [r.asked for r in open_ if r.type is RelationType.INCREASED_IN] == [True]


def test_whether_two_are_related_is_answered_by_their_relation_alone(base: Any) -> None:
    base.add(more="Another amino acid\n\nTyrosine is raised in phenylketonuria of that kind, as all agree.\n")
    told = [r for r in found(base, "Is phenylalanine related to phenylketonuria?").trace.relationships if r.asked]
    assert [(r.subject.name, r.object.name) for r in told] == [("phenylalanine", "phenylketonuria")]


def test_what_is_not_so_is_not_answered_by_what_is(base: Any) -> None:
    base.add(more="Another amino acid\n\nTyrosine is raised in phenylketonuria of that kind, as all agree.\n")
    named = {r.subject.name for r in found(base, "What is raised in phenylketonuria?").trace.relationships if r.asked}
    assert named == {"phenylalanine", "tyrosine"}
    denied = found(base, "What is not raised in phenylketonuria?").trace.relationships
    assert {r.subject.name for r in denied if r.asked} == {"phenylalanine"}, "one paper denies it"


@pytest.mark.parametrize("direction", ["raised", "lowered"])
def test_a_rise_answers_whether_there_is_a_fall(base: Any, direction: str) -> None:
    for n in range(6):
        base.add(
            **{
                f"more{n}": f"Note {n}\n\nPhenylalanine goes with phenylketonuria in all cohorts, as number {n} tells.\n"
            }
        )
    best = found(base, f"Is phenylalanine {direction} in phenylketonuria?").trace.relationships[0]
    assert (best.type, best.asked) == (RelationType.INCREASED_IN, True)


def test_a_statement_quotes_the_very_sentence(base: Any) -> None:
    for relationship in found(base, ASKED).trace.relationships:
        for statement in relationship.statements:
            sentence = statement.passage.sentences[statement.place].text.casefold()
            assert {relationship.subject.name, relationship.object.name} <= {n for n in ("phenylalanine", "phenylketonuria", "tyrosine") if n in sentence}  # fmt: skip


def test_what_a_filter_leaves_out_is_not_quoted(base: Any) -> None:
    kept = next(p.ref.paper_id for p in base.app.record.papers() if p.ref.source == "pku.txt")
    told = found(base, ASKED, papers=frozenset({kept})).trace.relationships
    assert {s.passage.paper.paper_id for r in told for s in r.statements} == {kept}


def test_of_two_relations_that_only_together_answer_neither_answers_alone(base: Any) -> None:
    question = "How is tyrosine related to phenylketonuria?"
    both = [r for r in found(base, question).trace.relationships if r.asked]
    assert {frozenset((r.subject.name, r.object.name)) for r in both} == {
        frozenset(("tyrosine", "phenylalanine")),
        frozenset(("phenylalanine", "phenylketonuria")),
    }
    bridge = next(p.ref.paper_id for p in base.app.record.papers() if p.ref.source == "bridge.txt")
    half = found(base, question, papers=frozenset({bridge})).trace.relationships
    assert [r.asked for r in half] == [False]


def test_the_graph_reaches_what_the_question_does_not_name(base: Any) -> None:
    near, far = Reach(hops=0), Reach(hops=2)
    assert "bridge.txt" not in texts(base, "phenylketonuria", Mode.LOCAL, near)
    assert "bridge.txt" in texts(base, "phenylketonuria", Mode.LOCAL, far)
    assert "far.txt" not in texts(base, "phenylketonuria", Mode.LOCAL, far)


def test_global_finds_what_states_relations_of_the_concepts_named(base: Any) -> None:
    assert texts(base, "tyrosine", Mode.GLOBAL, Reach()) == {"bridge.txt"}


@pytest.mark.parametrize("mode", [Mode.LOCAL, Mode.GLOBAL, Mode.MIX])
def test_a_question_that_names_no_concept_is_searched_by_its_words(base: Any, mode: Mode) -> None:
    result = found(base, "Who was seen by chance in a school?", mode)
    assert result.trace is None
    assert result.passages[0].paper.source == "far.txt"


@pytest.mark.parametrize(
    ("text", "mode", "reach", "used"),
    [
        ("What about phenylketonuria?", Mode.HYBRID, Reach(), False),
        ("What about phenylketonuria and tyrosine?", Mode.HYBRID, Reach(), True),
        ("What is phenylketonuria associated with?", Mode.HYBRID, Reach(), True),
        ("What is phenylketonuria associated with?", Mode.HYBRID, Reach(multi_hop=False), False),
        ("What is phenylketonuria associated with?", Mode.NAIVE, Reach(), False),
        ("What about phenylketonuria?", Mode.MIX, Reach(), True),
    ],
)
def test_the_graph_takes_part_where_it_is_called_for(
    base: Any, text: str, mode: Mode, reach: Reach, used: bool
) -> None:
    assert (found(base, text, mode, reach).trace is not None) is used


def test_enrichment_is_the_share_of_concepts_that_what_was_found_ties_in(base: Any) -> None:
    assert found(base, ASKED).trace.enrichment == pytest.approx(0.9, abs=0.01)
    apart = found(base, "How are phenylketonuria and homocystinuria related?").trace
    assert apart.enrichment == pytest.approx(0.9, abs=0.01)
    assert apart.paths == ()


def test_a_path_tells_how_two_concepts_hang_together(base: Any) -> None:
    question = "How is tyrosine related to phenylketonuria?"
    (path,) = found(base, question, reach=Reach(hops=2)).trace.paths
    assert [{r.subject.name, r.object.name} for r in path] == [
        {"tyrosine", "phenylalanine"},
        {"phenylalanine", "phenylketonuria"},
    ]
    assert found(base, question, reach=Reach(hops=2, reasoning=False)).trace.paths == ()


def test_a_retracted_paper_takes_its_relations_with_it(base: Any) -> None:
    for paper in base.app.record.papers():
        if paper.ref.source in {"pku.txt", "again.txt"}:
            base.app.curator.retract(paper.ref.paper_id, "withdrawn")
    told = found(base, ASKED).trace
    raised = [r for r in told.relationships if r.type is RelationType.INCREASED_IN]
    assert [(r.papers_for, r.papers_against) for r in raised] in ([], [(0, 1)])
    assert {s.passage.paper.source for r in told.relationships for s in r.statements} <= {"denied.txt", "bridge.txt"}


async def test_an_enhanced_reply_shows_table_evidence_and_times(http: httpx.AsyncClient) -> None:
    sent = (await http.post("/api/query/enhanced", json={"query": ASKED})).json()
    ReplyOut.model_validate(sent)
    row = sent["relations"][0]
    assert (row["papers_for"], row["papers_against"], row["specimens"]) == (2, 1, ["plasma"])
    quoted = {e["id"]: e["text"] for e in sent["evidence"]}
    assert all(quoted[key] for key in (*row["evidence_for"], *row["evidence_against"]))
    assert "not raised" in quoted[row["evidence_against"][0]]
    cited = {c["number"] for c in sent["citations"]}
    assert {e["citation"] for e in sent["evidence"]} <= cited
    assert sent["timings"]["total_time_ms"] >= sent["timings"]["retrieval_time_ms"] > 0


async def test_standard_and_enhanced_stand_side_by_side(http: httpx.AsyncClient) -> None:
    sent = (await http.post("/api/query/enrichment/test", json={"query": ASKED, "max_hops": 2})).json()
    ComparisonOut.model_validate(sent)
    assert sent["standard"]["enrichment"] is None
    assert sent["enhanced"]["enrichment"]["hops"] == 2
    assert sent["difference"]["enrichment_score"] == sent["enhanced"]["enrichment"]["enrichment_score"] > 0


async def test_the_reach_changes_without_a_restart_for_every_process(
    http: httpx.AsyncClient, base: Any, open_base: Any
) -> None:
    assert (await http.get("/api/query/enrichment/config")).json() == {
        "multi_hop_enabled": True,
        "max_hops": 1,
        "reasoning_enabled": True,
        "rollout_percentage": 100,
        "fault": "",
    }
    changed = await http.put("/api/query/enrichment/config", json={"multi_hop_enabled": False, "max_hops": 2})
    ReachOut.model_validate(changed.json())
    assert changed.json()["rollout_percentage"] == 0
    assert found(base, ASKED).trace is None
    with open_base(base.folder) as other:
        assert other.app.reach.now() == Reach(multi_hop=False, hops=2, reasoning=True)
        assert found(other, ASKED).trace is None


@pytest.mark.parametrize(
    "body",
    [
        {"max_hops": 3},
        {"max_hops": -1},
        {"hops": 1},
        {"max_hops": True},
        {"max_hops": "1"},
        {"max_hops": 1.0},
        {"multi_hop_enabled": "perhaps"},
        {"multi_hop_enabled": "yes"},
        {"multi_hop_enabled": 1},
        {"reasoning_enabled": "on"},
    ],
)
async def test_a_reach_that_cannot_be_is_refused(http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await http.put("/api/query/enrichment/config", json=body)).status_code == 422


async def test_a_reach_that_cannot_be_read_is_told_until_it_is_set_again(http: httpx.AsyncClient, base: Any) -> None:
    (base.folder / "reach.json").write_text('{"multi_hop": "no"}')
    told = (await http.get("/api/query/enrichment/config")).json()
    assert told["max_hops"] == 1
    assert "reach.json cannot be read and does not count" in told["fault"]
    health = (await http.get("/health")).json()
    assert health["components"]["reach"]["status"] == health["status"] == "degraded"
    assert "reach.json" in health["components"]["reach"]["detail"]
    assert (await http.put("/api/query/enrichment/config", json={"max_hops": 2})).json()["fault"] == ""
    assert (await http.get("/health")).json()["components"]["reach"]["status"] == "healthy"


async def test_the_graph_around_a_concept_is_told_by_any_of_its_names(http: httpx.AsyncClient) -> None:
    told = (await http.get("/api/graph", params={"concept": "PKU"})).json()
    NeighbourhoodOut.model_validate(told)
    assert told["concept"]["name"] == "phenylketonuria"
    assert {n["name"] for n in told["nodes"]} == {"phenylketonuria", "phenylalanine"}
    assert [(e["relation"], e["papers_for"], e["papers_against"]) for e in told["edges"]] == [("increased in", 2, 1)]
    wider = (await http.get("/api/graph", params={"concept": "DOID:9281", "hops": 2})).json()
    assert "tyrosine" in {n["name"] for n in wider["nodes"]}


@pytest.mark.parametrize(("params", "status"), [({"concept": "gold"}, 404), ({"concept": ""}, 422), ({"concept": "PKU", "hops": 9}, 422)])  # fmt: skip
async def test_what_the_graph_does_not_know_is_a_problem(
    http: httpx.AsyncClient, params: dict[str, Any], status: int
) -> None:
    reply = await http.get("/api/graph", params=params)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")


def test_a_change_that_finds_nothing_leaves_a_rollback_in_force(base: Any) -> None:
    first = base.app.shelf.current().id
    base.add(later="A paper that came later\n\nTyrosine is raised in homocystinuria at times.\n")
    rolled = base.app.curator.rollback(first)
    for call in (lambda: base.app.curator.rollback("999999"), lambda: base.app.curator.retract("nosuch", "why")):
        with pytest.raises(NotFound):
            call()
    assert not base.app.pending, "whoever opens the base next would publish"
    assert base.app.shelf.current().id == rolled.id
