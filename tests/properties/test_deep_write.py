"""Whatever steps find, the answer holds each sentence once, numbers its papers from one, and quotes what it cites."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cmo.agents.plan import WHOLE
from cmo.agents.state import Step
from cmo.agents.write import MOST_SENTENCES, written

SENTENCES = [f"Sentence {n} says so." for n in range(8)] + ["The sentence 0 says so", "sentence 1  says so"]


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    made = []
    for place in range(draw(st.integers(1, 5))):
        papers = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True))
        numbers = range(1, len(papers) + 1)
        evidence = {
            f"p{papers[number - 1]}.{piece}": number
            for number, piece in draw(
                st.sets(st.tuples(st.sampled_from(list(numbers)), st.integers(0, 3)), min_size=1, max_size=6)
            )
        }
        said = draw(st.lists(st.tuples(st.sampled_from(SENTENCES), st.sampled_from(sorted(evidence))), max_size=6))
        reply: dict[str, Any] = {
            "id": f"r{place}", "answer": "", "answered": bool(said), "confidence": 0.9, "source": "lightrag",
            "snapshot": "s", "relations": [], "refusal": None,
            "sources": [f"Paper {paper}" for paper in papers],
            "citations": [{"number": n, "paper_id": f"p{paper}", "version": 1} for n, paper in enumerate(papers, 1)],
            "evidence": [
                {"id": name, "citation": number, "paper_id": name.split(".")[0], "version": 1}
                for name, number in evidence.items()
            ],
            "sentences": [{"text": text, "citations": [evidence[name]], "evidence": [name]} for text, name in said],
        }  # fmt: skip
        why = "a part" if place else WHOLE
        asked = draw(st.booleans()) or not place
        made.append(
            Step(
                question=f"Q{place}?",
                why=why,
                mode="hybrid",
                tries=1,
                reply=reply if asked else None,
                gap="" if said and asked else "No.",
            )
        )
    return made


@given(steps())
def test_the_written_answer_cites_what_it_says_and_says_it_once(asked: list[Step]) -> None:
    answer = written("Q?", asked, [])
    plain = [" ".join(w for w in s["text"].casefold().strip(".").split() if w != "the") for s in answer["sentences"]]
    assert len(set(plain)) == len(plain) <= MOST_SENTENCES
    assert [cited["number"] for cited in answer["citations"]] == list(range(1, len(answer["citations"]) + 1))
    assert len({cited["paper_id"] for cited in answer["citations"]}) == len(answer["citations"])
    assert len(answer["sources"]) == len(answer["citations"])
    paper_of = {cited["number"]: cited["paper_id"] for cited in answer["citations"]}
    quoted = {piece["id"]: piece for piece in answer["evidence"]}
    for sentence in answer["sentences"]:
        assert {paper_of[n] for n in sentence["citations"]} == {quoted[e]["paper_id"] for e in sentence["evidence"]}
    assert all(paper_of[piece["citation"]] == piece["paper_id"] for piece in answer["evidence"])
    said = {s["text"] for step in asked if step["reply"] for s in step["reply"]["sentences"]}
    assert {s["text"] for s in answer["sentences"]} <= said, "no word is added"
    assert answer["answered"] == bool(said)
