"""The story of the papers, from file to answer and back, on a real base with a fake model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmo.errors import ModelMismatch, NotFound
from cmo.model.answers import RefusalReason
from cmo.model.questions import Filters
from cmo.oracle import admit
from cmo.testing import HashingEmbedder

PKU = "Phenylketonuria in newborns\n\nPhenylalanine is raised in phenylketonuria because the enzyme is lacking."
MSUD = "Maple syrup urine disease\n\nLeucine and valine are raised in maple syrup urine disease of newborns."
ASK_PKU = admit("Is phenylalanine raised in phenylketonuria?")
ASK_MSUD = admit("Which amino acids are raised in maple syrup urine disease?")


def papers_cited(base: Any, question: Any) -> set[str]:
    answer = base.app.oracle.reply(question).answer
    return {c.paper.source for c in answer.citations}


def test_an_empty_base_says_how_to_begin(base: Any) -> None:
    answer = base.app.oracle.reply(ASK_PKU).answer
    assert answer.refusal.reason is RefusalReason.EMPTY_BASE
    assert "cmo ingest" in answer.text
    assert base.app.curator.check().sound


def test_what_is_ingested_is_found_and_quoted_verbatim(base: Any) -> None:
    base.add(pku=PKU, msud=MSUD)
    answer = base.app.oracle.reply(ASK_MSUD).answer
    (evidence, *_) = answer.evidence
    assert evidence.text in MSUD
    assert base.app.record.text(evidence.paper)[evidence.start : evidence.end] == evidence.text
    assert base.app.viewer.place(evidence.id).text == evidence.text
    assert base.app.viewer.place(evidence.id).boxes == evidence.boxes
    assert answer.searched == 2


def test_ingesting_the_same_folder_again_changes_nothing(base: Any) -> None:
    base.add(pku=PKU, msud=MSUD)
    before = base.app.shelf.current()
    assert [o.status for o in base.add(pku=PKU, msud=MSUD)] == ["unchanged", "unchanged"]
    assert base.app.shelf.current() == before


def test_a_retracted_paper_is_found_by_no_search(base: Any) -> None:
    (pku, _) = base.add(pku=PKU, msud=MSUD)
    evidence = base.app.oracle.reply(ASK_PKU).answer.evidence[0]
    original = base.app.originals.path(evidence.paper)
    base.app.curator.retract(pku.paper_id, "fabricated")
    assert "pku.txt" not in papers_cited(base, ASK_PKU) | papers_cited(base, ASK_MSUD)
    assert not original.exists()
    with pytest.raises(NotFound):
        base.app.viewer.place(evidence.id)
    (again,) = base.add(pku=PKU)
    assert (again.status, again.reason) == ("refused", "retracted")


def test_retraction_forgets_the_files_of_every_version(base: Any) -> None:
    titled = "Phenylketonuria in newborns and its treatment\n\nDOI: 10.1000/pku\n\n"
    (first,) = base.add(pku=f"{titled}Phenylalanine is raised in phenylketonuria.")
    base.add(pku=f"{titled}Phenylalanine is much raised in phenylketonuria.")
    assert len(base.app.record.versions(first.paper_id)) == 2
    base.app.curator.retract(first.paper_id, "")
    assert [p for p in base.app.originals._folder.rglob("*") if p.is_file()] == []


def test_a_base_whose_papers_are_all_retracted_says_that_it_is_empty(base: Any) -> None:
    (pku,) = base.add(pku=PKU)
    base.app.curator.retract(pku.paper_id, "")
    assert base.app.oracle.reply(ASK_PKU).answer.refusal.reason is RefusalReason.EMPTY_BASE
    filtered = admit(ASK_PKU.text, filters=Filters(year_from=1990))
    assert base.app.oracle.reply(filtered).answer.refusal.reason is RefusalReason.NOTHING_ELIGIBLE


def test_a_readmitted_paper_is_found_again_once_it_is_ingested(base: Any) -> None:
    (pku, _) = base.add(pku=PKU, msud=MSUD)
    base.app.curator.retract(pku.paper_id, "")
    base.app.curator.readmit(pku.paper_id)
    assert "pku.txt" not in papers_cited(base, ASK_PKU)
    base.add(pku=PKU)
    assert "pku.txt" in papers_cited(base, ASK_PKU)


def test_what_the_one_paper_of_a_base_is_about_tells_as_much_as_among_many(base: Any) -> None:
    """Its subject stands in each passage: a word is not common for that."""
    base.add(pku=PKU)
    told, absent = base.app.snapshots.current().terms("phenylalanine football")
    assert told.idf > 0.6 * absent.idf


def test_what_was_retracted_and_came_back_ranks_as_in_a_base_made_anew(base: Any) -> None:
    """Its masked rows still stand in the index: they make no word more common, and no text longer."""
    fillers = {f"other{n}": f"Enzyme {n}\n\nNewborns were screened at visit {n} for enzyme {n}." for n in range(8)}
    base.add(**fillers, pku=PKU)
    (found,) = [p.ref.paper_id for p in base.app.record.papers() if "Phenylketonuria" in p.ref.metadata.title]
    base.app.curator.retract(found, "")
    base.app.curator.readmit(found)
    base.add(pku=PKU)
    manifest = base.app.shelf.current()
    assert (manifest.rows, manifest.live) == (10, 9), "its masked row is still there"

    def matched() -> list[tuple[float, float]]:
        shown = base.app.snapshots.current()
        rows = np.flatnonzero(shown.columns.rows["version_id"] == shown.columns.rows["version_id"].max())
        words, grams = shown.stem_scores(shown.terms(ASK_PKU.text), rows), shown.gram_scores(ASK_PKU.text, rows)
        return [(round(float(word), 5), round(float(gram), 5)) for word, gram in zip(words, grams, strict=True)]

    before = matched()
    base.app.curator.rebuild()
    assert base.app.shelf.current().rows == 9
    assert before == matched()


def test_a_rollback_takes_the_newest_papers_away_until_the_next_ingest(base: Any) -> None:
    base.add(pku=PKU)
    first = base.app.shelf.current().id
    base.add(msud=MSUD)
    rolled = base.app.curator.rollback(first)
    assert int(rolled.id) == int(first) + 2
    assert papers_cited(base, ASK_MSUD) <= {"pku.txt"}
    assert base.app.curator.check().sound
    base.add(pku=PKU)  # nothing new, but whoever ingests wants to find what is there
    assert "msud.txt" in papers_cited(base, ASK_MSUD)


def test_an_unknown_snapshot_is_not_found_and_the_kept_ones_are_named(base: Any) -> None:
    base.add(pku=PKU)
    with pytest.raises(NotFound, match="kept are: 000001"):
        base.app.curator.rollback("000099")


def test_only_as_many_snapshots_stay_as_are_asked_for(open_base: Callable[..., Any]) -> None:
    with open_base(keep_snapshots=2) as base:
        for n in range(5):
            base.add(**{f"p{n}": f"Paper number {n} of newborns\n\nMarker {n} is raised in the plasma of newborns."})
        assert [m.id for m in base.app.shelf.history()] == ["000005", "000004"]


def test_another_model_is_refused_before_a_paper_is_read_and_nothing_breaks(base: Any) -> None:
    base.add(pku=PKU)
    base.app.__dict__["encoder"] = HashingEmbedder(32, "another")
    with pytest.raises(ModelMismatch, match="--re-embed"):
        base.add(msud=MSUD)
    assert len(base.app.record.papers()) == 1
    base.app.__dict__["encoder"] = HashingEmbedder()
    assert "pku.txt" in papers_cited(base, ASK_PKU)


def test_a_rebuild_with_another_model_encodes_what_is_there(tmp_path: Path, open_base: Callable[..., Any]) -> None:
    del tmp_path
    with open_base() as base:
        base.add(pku=PKU, msud=MSUD)
    with open_base() as base:
        base.app.__dict__["encoder"] = HashingEmbedder(32, "another")
        with pytest.raises(ModelMismatch):
            base.app.curator.rebuild()
        with pytest.raises(ModelMismatch):
            base.app.oracle.reply(ASK_PKU)
        assert base.app.curator.rebuild(re_embed=True).model.name == "another"
        assert "pku.txt" in papers_cited(base, ASK_PKU)
        assert base.app.curator.check().sound


def test_an_interrupted_ingest_publishes_what_it_acknowledged(base: Any) -> None:
    paths = [
        base.write(f"p{n}", f"Paper number {n} of newborns\n\nMarker {n} is raised in newborns.") for n in range(5)
    ]
    outcomes = base.app.curator.ingest(base.pipeline(), paths)
    next(outcomes)
    outcomes.close()
    assert base.app.shelf.current().seq == base.app.record.head() >= 1
    assert len(base.ingest(*paths)) == 5
    assert len(base.app.record.papers()) == 5


def test_a_check_tells_when_the_index_is_behind(base: Any) -> None:
    (pku,) = base.add(pku=PKU)
    base.app.record.retract(pku.paper_id, "behind the curator's back")
    check = base.app.curator.check()
    assert not check.sound
    assert any("The index is at change 1, the record at 2" in fault for fault in check.faults)
    assert base.app.curator.heal()
    assert base.app.curator.check().sound


@pytest.mark.parametrize("change", ["readmit", "rollback"])
def test_a_change_after_a_crash_publishes_what_the_crash_left_behind(
    base: Any, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base.add(pku=PKU)
    first = base.app.shelf.current().id
    base.add(other="Homocystinuria in newborns\n\nMethionine is raised in homocystinuria of newborns.")
    other = next(p.ref.paper_id for p in base.app.record.papers() if "Homocystinuria" in p.ref.metadata.title)
    base.app.curator.retract(other, "a mistake")
    with monkeypatch.context() as patched:  # dies between the record and the index
        patched.setattr(base.app.curator, "_bring_up", lambda: None)
        patched.setattr(Path, "unlink", lambda *_, **__: None)
        base.add(msud=MSUD)
    if change == "readmit":
        base.app.curator.readmit(other)
        assert "msud.txt" in papers_cited(base, ASK_MSUD)
    else:
        base.app.curator.rollback(first)
        base.add(pku=PKU)
        assert "msud.txt" in papers_cited(base, ASK_MSUD)
    assert base.app.curator.check().sound


def test_a_lost_file_of_a_pdf_is_a_fault_until_it_is_ingested_again(base: Any) -> None:
    paper = Path("library/pdf/trimethylamine-and-tmao.pdf")
    base.ingest(paper, base.write("pku", PKU))
    refs = [summary.ref for summary in base.app.record.papers()]
    for path in base.app.originals._folder.rglob("*.*"):
        path.unlink()  # that of the text is not missed: its pages are drawn from the record
    (fault,) = base.app.curator.check().faults
    assert fault.startswith(f"The file of {paper.name} is not kept any more")
    assert [outcome.status for outcome in base.ingest(paper)] == ["unchanged"]
    assert base.app.curator.check().sound
    (pdf,) = (ref for ref in refs if ref.source == paper.name)
    base.app.originals.path(pdf).write_bytes(b"%PDF-1.7 and something else")
    (fault,) = base.app.curator.check().faults
    assert "is not the file that was ingested" in fault
