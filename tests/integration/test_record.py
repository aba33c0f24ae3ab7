"""What a record promises, held to on SQLite and on PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, func, inspect, select, text

from cmo.errors import NotFound, StoreCorrupt, StoreError
from cmo.model.packing import unpack_boxes
from cmo.model.papers import Format, Metadata, PaperRef
from cmo.model.ports import ModelIdentity
from cmo.model.record import ChangeKind, PreparedPaper, Recorded
from cmo.store import engine as engines
from cmo.store import tables
from cmo.store.record import Record
from cmo.store.sameness import title_key
from cmo.store.transaction import Transaction
from cmo.testing import FakeClock, HashingEmbedder, paper_of, prepared

ENCODER = HashingEmbedder(32)
MODEL = ENCODER.identity
PKU = Metadata(
    title="Phenylalanine in newborns with phenylketonuria",
    authors=("Følling A", "Jervis G"),
    doi="10.1000/pku",
    pmid="123",
    year=1934,
    journal="Zeitschrift",
    licence="CC-BY-4.0",
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def record(url: str, clock: FakeClock) -> Iterator[Record]:
    with Record.open(url, clock) as record:
        yield record


def paper(
    *sentences: str, about: Metadata = PKU, kind: Format = Format.TEXT, source: str = "paper.txt"
) -> PreparedPaper:
    sentences = sentences or ("Phenylalanine is raised in the blood.", "Tyrosine is low in the same children.")
    return prepared(paper_of(sentences, about, kind=kind), ENCODER, source=source)


def add(record: Record, made: PreparedPaper, paper_id: str = "aaaa00000001") -> PaperRef:
    return record.save(made, paper_id, MODEL)[1]


def count(record: Record, table: str) -> int:
    with record._engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.metadata.tables[table])).scalar_one()


def test_an_empty_record_says_so(record: Record) -> None:
    assert (record.papers(), record.head(), record.changes_since(0), record.current_versions()) == ([], 0, [], {})
    assert record.check() == []


def test_what_is_saved_reads_back_the_same(record: Record, clock: FakeClock) -> None:
    made = paper()
    recorded, ref = record.save(made, "aaaa00000001", MODEL)
    assert recorded is Recorded.ADDED
    assert ref == PaperRef("aaaa00000001", 1, made.sha256, "paper.txt", Format.TEXT, PKU)
    assert record.paper("aaaa00000001") == record.paper("aaaa00000001", 1) == ref
    assert record.text(ref) == made.parsed.text
    assert tuple(record.pages(ref)) == made.parsed.pages
    (summary,) = record.papers()
    assert (summary.ref, summary.pages, summary.sentences, summary.chunks) == (ref, 1, 2, len(made.chunks))
    assert summary.added_at == clock.now()
    assert summary.added_at.utcoffset() == timedelta(0)
    assert record.file_owner(made.sha256) == ref
    assert record.vectors(made.keys, MODEL) == dict(zip(made.keys, made.vectors, strict=True))


def test_chunks_come_back_with_their_sentences_boxes_and_vectors(record: Record) -> None:
    made = paper(*(f"Sentence number {n} speaks of alanine in plasma." for n in range(40)))
    add(record, made)
    rows = list(record.chunks_of(list(record.current_versions()), MODEL))
    assert [row.key for row in rows] == list(made.keys)
    assert [row.vectors for row in rows] == list(made.vectors)
    for row in rows:
        for words, start, end, page, role, boxes in row.sentences:
            assert made.parsed.text[start:end] == words
            assert (page, role) == (1, "prose")
            assert record.boxes(row.paper, start, end) == unpack_boxes(boxes) != ()


def test_a_box_is_found_by_any_overlap_with_its_sentence_and_by_nothing_else(record: Record) -> None:
    made = paper()
    ref = add(record, made)
    first, second = made.parsed.sentences
    assert record.boxes(ref, first.end - 1, first.end) == first.boxes
    assert record.boxes(ref, first.end, second.start) == ()
    assert record.boxes(ref, first.start, second.end) == first.boxes + second.boxes


def test_the_same_file_is_kept_and_changes_nothing(record: Record) -> None:
    add(record, paper())
    recorded, ref = record.save(paper(), "bbbb00000002", MODEL)
    assert (recorded, ref.paper_id, ref.version) == (Recorded.KEPT, "aaaa00000001", 1)
    assert record.head() == 1


def test_a_newer_file_of_the_same_doi_replaces_the_text(record: Record) -> None:
    old = add(record, paper("The old text of it speaks of valine."))
    recorded, new = record.save(paper("The new text of it speaks of leucine."), "bbbb00000002", MODEL)
    assert (recorded, new.paper_id, new.version) == (Recorded.REPLACED, old.paper_id, 2)
    assert [s.ref for s in record.papers()] == [new]
    assert record.paper(old.paper_id, 1) == old
    assert record.text(old) == "The old text of it speaks of valine."
    assert record.versions(old.paper_id) == [old, new]
    assert record.file_owner(old.sha256) == new
    assert len(record.current_versions()) == 1


def test_a_pdf_is_not_replaced_by_a_format_that_shows_less(record: Record) -> None:
    pdf = add(record, paper("The printed text speaks of valine.", kind=Format.PDF))
    web = paper("The same text as XML speaks of valine.", kind=Format.JATS)
    assert record.save(web, "bbbb00000002", MODEL) == (Recorded.KEPT, pdf)
    assert record.file_owner(web.sha256) == pdf


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (replace(PKU, title="Phenylalanine in newborns with PKU: a revised version"), True),
        (replace(PKU, doi="", title="Phenylalanine in newborns with phenylketonuria, revised"), True),  # by its PMID
        (replace(PKU, title="Another work altogether that this one cites"), False),  # a DOI may be another work's
        (replace(PKU, title=""), True),
        (replace(PKU, doi="", pmid="", title="PHENYLALANINE in newborns, with phenylketonuria."), True),
        (replace(PKU, doi="10.1000/other", pmid=""), False),  # a correction often has the same title
        (Metadata(title="Phenylalanine"), False),
        (Metadata(), False),
    ],
)
def test_the_same_paper_is_known_by_doi_pmid_or_title_where_titles_agree(
    record: Record, other: Metadata, same: bool
) -> None:
    add(record, paper())
    recorded, ref = record.save(paper("Quite another text about it.", about=other), "bbbb00000002", MODEL)
    assert (recorded is Recorded.REPLACED, ref.paper_id == "aaaa00000001") == (same, same)


def test_a_title_gains_its_doi_later_without_becoming_two_papers(record: Record) -> None:
    add(record, paper(about=replace(PKU, doi="", pmid="")))
    assert record.save(paper("The published text of it."), "bbbb00000002", MODEL)[1].paper_id == "aaaa00000001"


def test_a_retracted_paper_leaves_its_name_and_nothing_else(record: Record, clock: FakeClock) -> None:
    add(record, paper("The old text of it speaks of valine."))
    made = paper("The new text of it speaks of leucine.")
    add(record, made)
    clock.advance(60)
    ref = record.retract("aaaa00000001", "fabricated data")
    assert ref.version == 2
    assert record.papers() == []
    assert record.retracted() == {"aaaa00000001": "fabricated data"}
    for table in ("pages", "sentences", "chunks", "embeddings", "files"):
        assert count(record, table) == 0, table
    assert record.text(ref) == ""
    assert record.file_owner(made.sha256) is None
    assert record.vectors(made.keys, MODEL) == {}
    with pytest.raises(NotFound):
        record.paper("aaaa00000001")
    assert record.check() == []


def test_retraction_keeps_the_vectors_that_another_paper_shares(record: Record) -> None:
    shared = "The very same words stand in both of these papers."
    twin = replace(PKU, doi="10.1000/twin", pmid="")
    add(record, paper(shared))
    assert record.save(paper(shared, about=twin, kind=Format.PDF), "bbbb00000002", MODEL)[0] is Recorded.ADDED
    record.retract("aaaa00000001", "")
    rows = list(record.chunks_of(list(record.current_versions()), MODEL))
    assert rows
    assert all(row.vectors is not None for row in rows)


def test_a_retracted_paper_stays_out_in_any_version(record: Record) -> None:
    add(record, paper())
    record.retract("aaaa00000001", "")
    assert record.save(paper(), "aaaa00000001", MODEL)[0] is Recorded.RETRACTED
    assert record.save(paper("A corrected text of it."), "bbbb00000002", MODEL)[0] is Recorded.RETRACTED
    assert record.papers() == []


def test_a_readmitted_paper_can_be_added_again_under_a_row_id_never_used(record: Record) -> None:
    add(record, paper())
    (used,) = record.current_versions()
    record.retract("aaaa00000001", "")
    record.readmit("aaaa00000001")
    assert record.retracted() == {}
    assert record.save(paper(), "aaaa00000001", MODEL)[0] is Recorded.ADDED
    (fresh,) = record.current_versions()
    assert fresh > used


@pytest.mark.parametrize("call", ["retract", "readmit", "paper"])
def test_an_unknown_paper_is_not_found(record: Record, call: str) -> None:
    arguments = ("ffff00000000", "why") if call == "retract" else ("ffff00000000",)
    with pytest.raises(NotFound, match="ffff00000000"):
        getattr(record, call)(*arguments)


def test_a_paper_is_retracted_once(record: Record) -> None:
    add(record, paper())
    record.retract("aaaa00000001", "first")
    with pytest.raises(NotFound):
        record.retract("aaaa00000001", "second")
    assert record.retracted() == {"aaaa00000001": "first"}


def test_an_unknown_version_is_not_found(record: Record) -> None:
    add(record, paper())
    with pytest.raises(NotFound, match="version 7"):
        record.paper("aaaa00000001", 7)


def test_the_log_tells_what_happened_in_order(record: Record) -> None:
    add(record, paper("The old text of it speaks of valine."))
    add(record, paper("The new text of it speaks of leucine."))
    record.retract("aaaa00000001", "")
    kinds = [change.kind for change in record.changes_since(0)]
    assert kinds == [ChangeKind.ADDED, ChangeKind.REPLACED, ChangeKind.RETRACTED]
    assert [c.seq for c in record.changes_since(1)] == [2, 3]
    assert record.head() == 3


def test_a_superseded_version_stands_until_its_paper_is_retracted(record: Record) -> None:
    add(record, paper("The old text of it speaks of valine."))
    (old,) = record.current_versions()
    add(record, paper("The new text of it speaks of leucine."))
    (new,) = record.current_versions()
    assert record.standing([old, new]) == [old, new]
    record.retract("aaaa00000001", "")
    assert record.standing([old, new]) == []


def test_vectors_of_two_models_do_not_mix(record: Record) -> None:
    made = paper()
    add(record, made)
    other = ModelIdentity("sentence-transformers/a-model-with-a-rather-long-name-" + "x" * 80, "0f0f", 32)
    assert record.vectors(made.keys, other) == {}
    assert all(row.vectors is None for row in record.chunks_of(list(record.current_versions()), other))
    record.save_vectors(list(zip(made.keys, made.vectors, strict=True)), other)
    record.save_vectors(list(zip(made.keys, made.vectors, strict=True)), other)
    assert record.vectors(made.keys, other) == record.vectors(made.keys, MODEL) != {}


def test_a_failed_save_leaves_nothing_behind(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Transaction, "log", fail)
    with pytest.raises(KeyboardInterrupt):
        add(record, paper())
    assert all(count(record, table) == 0 for table in tables.metadata.tables)


def stranger(n: int) -> PreparedPaper:
    about = Metadata(title=f"Valine in the plasma of cohort number {n}", doi=f"10.1000/valine{n}")
    return paper(f"Valine was measured in cohort {n}.", about=about, source=f"{n}.txt")


def test_papers_saved_together_become_what_they_become_one_by_one(record: Record, tmp_path: Path) -> None:
    group = [
        (stranger(0), "cccc00000000"),
        (paper("The first text of it speaks of valine."), "aaaa00000001"),
        (stranger(1), "cccc00000001"),
        (paper("The second text of it speaks of leucine."), "bbbb00000002"),  # the same paper by its DOI
        (stranger(9), "dddd00000009"),  # retracted before
        (stranger(0), "cccc00000000"),  # the same file again
        (stranger(2), "cccc00000001"),  # its id is taken by another
    ]
    with Record.open(f"sqlite:///{tmp_path / 'singly.sqlite3'}", FakeClock()) as singly:
        for each in (record, singly):
            add(each, stranger(9), "dddd00000009")
            each.retract("dddd00000009", "")
        together = record.save_all(group, MODEL)
        assert together == [singly.save(*one, MODEL) for one in group]
        assert {s.ref for s in record.papers()} == {s.ref for s in singly.papers()}
        assert [s.chunks for s in record.papers()] == [1] * 4
        assert sorted(c.paper_id for c in record.changes_since(2)) == sorted(
            c.paper_id for c in singly.changes_since(2)
        )
    chunks = list(record.chunks_of(list(record.current_versions()), MODEL))
    assert all(row.vectors is not None for row in chunks)
    assert {row.sentences[0][0] for row in chunks if row.paper.paper_id == "aaaa00000001"} == {
        "The second text of it speaks of leucine."
    }
    owners = [record.file_owner(made.sha256) for made, _ in group]
    assert [owner and owner.metadata for owner in owners] == [
        None if recorded is Recorded.RETRACTED else made.parsed.metadata
        for (made, _), (recorded, _) in zip(group, together, strict=True)
    ]
    assert record.check() == []


def test_of_papers_saved_together_all_are_there_or_none(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Transaction.log

    def fail_late(change: Transaction, kind: ChangeKind, papers: object) -> None:
        if kind is ChangeKind.REPLACED:
            raise KeyboardInterrupt
        log(change, kind, papers)  # type: ignore[arg-type]

    monkeypatch.setattr(Transaction, "log", fail_late)
    group = [(stranger(0), "cccc00000000"), (paper("Old."), "aaaa00000001"), (paper("New."), "aaaa00000001")]
    with pytest.raises(KeyboardInterrupt):
        record.save_all(group, MODEL)
    assert all(count(record, table) == 0 for table in tables.metadata.tables)


def test_odd_facts_are_kept_as_they_are(record: Record) -> None:
    about = Metadata(
        title="β-Hydroxybutyrate ≥ 3 mmol/L — “ketosis” 酮症 in plasma", pmid="PMC-1234567890-not-a-number"
    )
    ref = add(record, paper("Β-hydroxybutyrate 酮 𝛽 is raised.", about=about, source='it\'s a "file";.txt'))
    assert record.paper(ref.paper_id) == ref
    assert record.text(ref) == "Β-hydroxybutyrate 酮 𝛽 is raised."


def test_two_records_on_one_database_see_the_same(record: Record, url: str) -> None:
    with Record.open(url, FakeClock()) as other:
        ref = add(record, paper())
        assert other.paper("aaaa00000001") == ref


def test_times_are_utc_on_every_database(record: Record, clock: FakeClock) -> None:
    add(record, paper())
    (summary,) = record.papers()
    assert summary.added_at.astimezone(UTC) == clock.now()


# -- the schema ------------------------------------------------------------------------------------------------------


def test_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    engine = engines.open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_migrations_go_down_to_nothing_and_up_again(url: str) -> None:
    engine = engines.open_engine(url)
    for target, direction in (("base", "downgrade"), ("head", "upgrade")):
        engines.migrate(engine, direction, target)
        left = set(inspect(engine).get_table_names()) - {"alembic_version", "sqlite_sequence"}
        assert left == (set() if target == "base" else set(tables.metadata.tables))
    engine.dispose()


def test_the_newest_migration_is_the_one_that_opening_looks_for(url: str) -> None:
    engine = engines.open_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == engines.SCHEMA
    engine.dispose()


# -- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(StoreError) as caught:
        Record.open("postgresql+psycopg://me:secret@127.0.0.1:1/cmo?connect_timeout=2", FakeClock())
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_corrupt_and_the_error_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite3"
    path.write_bytes(b"this is no database at all, only some words. " * 200)
    with pytest.raises(StoreCorrupt, match=r"record\.sqlite3.*Restore it from a backup") as caught:
        Record.open(f"sqlite:///{path}", FakeClock())
    assert "cmo ingest" in str(caught.value)


def test_a_schema_of_a_stranger_is_refused_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE papers (name TEXT)")
        connection.execute("INSERT INTO papers VALUES ('mine')")
    connection.close()
    with pytest.raises(StoreError):
        Record.open(f"sqlite:///{path}", FakeClock())
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM papers").fetchall() == [("mine",)]
    connection.close()


def test_title_keys_ignore_case_punctuation_and_space_and_short_titles() -> None:
    one, other = (Metadata(title=t) for t in ("Amino acids in newborn plasma", "AMINO-ACIDS in  newborn plasma."))
    assert title_key(one) == title_key(other) != ""
    assert title_key(Metadata(title="Correction")) == ""


def test_sqlite_is_opened_so_that_an_acknowledged_paper_survives_a_power_cut(tmp_path: Path) -> None:
    engine = engines.open_engine(f"sqlite:///{tmp_path / 'record.sqlite3'}")
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    engine.dispose()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_opening_twice_migrates_once(url: str) -> None:
    engines.open_engine(url).dispose()
    again = create_engine(url)
    again.dispose()
    engines.open_engine(url).dispose()


def test_an_old_citation_of_a_readmitted_paper_never_points_at_its_new_text(record: Record) -> None:
    first = add(record, paper("Leucine is raised."))
    record.retract(first.paper_id, "a mistake")
    record.readmit(first.paper_id)
    again = add(record, paper("Valine is raised."))
    assert again.paper_id == first.paper_id
    assert again.version > first.version
    assert record.text(first) == ""
