"""Readings in the record, on SQLite and on PostgreSQL."""

import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect, text

from cmo.errors import NotFound, StoreCorrupt
from cmo.model.concepts import Concept, Kind, Mention, Reading, Relation, RelationType
from cmo.model.papers import Metadata
from cmo.model.record import ChangeKind
from cmo.store import engine as engines
from cmo.store.reading_codec import pack_reading, unpack_reading
from cmo.store.record import Record
from cmo.testing import FakeClock, HashingEmbedder, paper_of, prepared

ENCODER = HashingEmbedder(32)
ABOUT = Metadata(title="Alanine in the plasma of patients", doi="10.1000/a")
LINES = ("Alanine is raised in diabetes.", "Glycine is not raised in diabetes.")
READING = Reading(
    "cmo@11111111",
    (Mention(0, 7, "CHEBI:1", Kind.METABOLITE, 0.9), Mention(21, 29, "DOID:9", Kind.DISEASE, 1.0)),
    (Relation("CHEBI:1", "DOID:9", RelationType.INCREASED_IN, 0.75, 0, context=("CMO:plasma",)),),
    (Concept("CMO:plasma", "plasma", Kind.SPECIMEN, ("Plasma",), {"UBERON": ("0001969",)}, ("CMO:blood",)),),
)
AGAIN = replace(READING, reader="cmo@22222222", relations=())
FOREIGN = replace(READING, reader="llm/qwen2.5@9f8e7d6c", mentions=())


@pytest.fixture
def record(url: str) -> Iterator[Record]:
    with Record.open(url, FakeClock()) as record:
        yield record


def add(record: Record, reading: Reading | None = READING, paper_id: str = "aaaa00000001", **about: str) -> int:
    made = prepared(paper_of([*LINES, paper_id], replace(ABOUT, **about)), ENCODER)
    record.save(replace(made, reading=reading), paper_id, ENCODER.identity)
    return next(v for v, p in record.current_versions().items() if p == paper_id)


def read(record: Record, *versions: int) -> list[tuple[int, Reading]]:
    return [(stored.mark.version_id, stored.reading) for stored in record.readings.of(versions)]


def test_a_reading_is_saved_with_its_paper(record: Record) -> None:
    version = add(record)
    assert read(record, version) == [(version, READING)]
    assert [c.kind for c in record.changes_since(0)] == [ChangeKind.ADDED]
    assert record.readings.readers() == {"cmo@11111111": 1}


def test_a_paper_without_a_reading_has_none(record: Record) -> None:
    version = add(record, None)
    assert read(record, version) == []
    assert record.readings.unread("cmo@11111111").missing == (version,)


def test_a_reading_made_anew_replaces_that_of_the_same_reader_alone(record: Record) -> None:
    version = add(record)
    assert record.readings.put([(version, FOREIGN)]) == 1
    before = {mark.reader: mark.key for mark in record.readings.marks([version])}
    assert record.readings.put([(version, AGAIN)]) == 1
    assert {r.reader: r for _, r in read(record, version)} == {"cmo@22222222": AGAIN, "llm/qwen2.5@9f8e7d6c": FOREIGN}
    after = {mark.reader: mark.key for mark in record.readings.marks([version])}
    assert after["llm/qwen2.5@9f8e7d6c"] == before["llm/qwen2.5@9f8e7d6c"]
    assert after["cmo@22222222"] not in before.values()
    assert [c.kind for c in record.changes_since(1)] == [ChangeKind.READ, ChangeKind.READ]


def test_the_same_reading_again_changes_nothing(record: Record) -> None:
    version = add(record)
    head = record.head()
    assert record.readings.put([(version, READING)]) == 0
    assert record.head() == head
    said = replace(READING, relations=())
    assert record.readings.put([(version, said)]) == 1
    assert read(record, version) == [(version, said)]
    assert record.head() == head + 1


def test_a_reader_whose_name_begins_like_anothers_is_another(record: Record) -> None:
    version = add(record, replace(READING, reader="llm/a_b@1"))
    record.readings.put(
        [(version, replace(READING, reader="llm/a@1")), (version, replace(READING, reader="llm/aXb@1"))]
    )
    assert sorted(record.readings.readers()) == ["llm/a@1", "llm/aXb@1", "llm/a_b@1"]
    assert record.readings.drop("llm/a") == 1
    assert sorted(record.readings.readers()) == ["llm/aXb@1", "llm/a_b@1"]


def test_a_retracted_paper_has_no_reading_and_gets_none(record: Record) -> None:
    version = add(record)
    record.retract("aaaa00000001", "a reason")
    assert read(record, version) == []
    assert record.readings.marks([version]) == []
    with pytest.raises(NotFound, match="retracted"):
        record.readings.put([(version, FOREIGN)])
    assert read(record, version) == []


def test_a_refused_reading_leaves_the_others_of_its_batch_out_too(record: Record) -> None:
    version = add(record)
    with pytest.raises(NotFound):
        record.readings.put([(version, FOREIGN), (version + 1, FOREIGN)])
    assert read(record, version) == [(version, READING)]


def test_a_replaced_version_keeps_its_reading_and_the_new_one_brings_its_own(record: Record) -> None:
    first = add(record)
    made = prepared(paper_of(LINES[:1], ABOUT), ENCODER)
    record.save(replace(made, reading=AGAIN), "aaaa00000001", ENCODER.identity)
    second = next(iter(record.current_versions()))
    assert read(record, first, second) == [(first, READING), (second, AGAIN)]


def test_what_is_unread_is_told_apart(record: Record) -> None:
    done = add(record)
    stale = add(record, AGAIN, "aaaa00000002", title="Another paper about other things", doi="10.1000/b")
    missing = add(record, FOREIGN, "aaaa00000003", title="A third paper about yet other things", doi="10.1000/c")
    unread = record.readings.unread("cmo@11111111")
    assert (unread.stale, unread.missing, unread.version_ids) == ((stale,), (missing,), sorted([stale, missing]))
    assert record.readings.unread("cmo@22222222").version_ids == sorted([done, missing])


def test_a_paper_can_be_read_again_from_the_record(record: Record) -> None:
    made = paper_of(LINES, ABOUT)
    record.save(prepared(made, ENCODER), "aaaa00000001", ENCODER.identity)
    (version,) = record.current_versions()
    ((found, paper),) = record.readings.parsed([version])
    assert found == version
    assert replace(paper, pages=made.pages) == replace(
        made, sentences=tuple(replace(s, boxes=()) for s in made.sentences)
    )
    assert list(record.readings.sentence_starts([version])) == [(version, [s.start for s in made.sentences])]


def test_many_versions_are_read_in_batches(record: Record) -> None:
    versions = [
        add(record, READING, f"bbbb{n:08}", title=f"Paper {n} on number {n} of many", doi=f"10.1/{n}")
        for n in range(203)
    ]
    assert [mark.version_id for mark in record.readings.marks(versions)] == versions
    assert [version for version, _ in read(record, *versions)] == versions
    assert [version for version, _ in record.readings.parsed(versions)] == versions
    assert record.readings.marks([]) == []


def test_a_record_from_before_readings_is_migrated_and_works(url: str) -> None:
    with Record.open(url, FakeClock()) as record:
        add(record, None)
        engines.migrate(record._engine, "downgrade", "0001")
    with Record.open(url, FakeClock()) as record:
        (version,) = record.current_versions()
        assert record.readings.unread("cmo@11111111").missing == (version,)
        assert record.readings.put([(version, READING)]) == 1
        assert read(record, version) == [(version, READING)]
        assert record.check() == []


def test_going_back_before_readings_leaves_a_log_that_an_older_release_understands(url: str) -> None:
    with Record.open(url, FakeClock()) as record:
        version = add(record)
        record.readings.put([(version, FOREIGN)])
    engine = create_engine(url)
    engines.migrate(engine, "downgrade", "0001")
    with engine.connect() as connection:
        assert not inspect(connection).has_table("readings")
        assert set(connection.execute(text("SELECT kind FROM changes")).scalars()) == {"added"}
    engine.dispose()


def test_a_damaged_reading_is_told(record: Record) -> None:
    version = add(record)
    for damage in ("x''", "x'00'", "x'01'", "x'0102'", "x'07'"):
        if record._engine.dialect.name != "sqlite":
            damage = damage.replace("x'", "'\\x") + "::bytea"  # noqa: PLW2901
        with record._engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE readings SET payload = {damage}")
        with pytest.raises(StoreCorrupt, match="reading by cmo@11111111"):
            read(record, version)


NAMES = st.text(string.printable + "äβ→\u2028", min_size=1, max_size=12)
GRID = st.integers(0, 10_000).map(lambda n: n / 10_000)
MENTIONS = st.lists(
    st.builds(Mention, st.integers(0, 10**6), st.integers(0, 10**6), NAMES, st.sampled_from(Kind), GRID),
    max_size=8,
).map(tuple)
RELATIONS = st.lists(
    st.builds(
        Relation, NAMES, NAMES, st.sampled_from(RelationType), GRID, st.integers(0, 5000), st.booleans(),
        st.booleans(), st.lists(NAMES, max_size=3).map(tuple),
    ),
    max_size=8,
).map(tuple)  # fmt: skip
CONCEPTS = st.lists(
    st.builds(
        Concept, NAMES, NAMES, st.sampled_from(Kind), st.lists(NAMES).map(tuple),
        st.dictionaries(NAMES, st.lists(NAMES).map(tuple), max_size=2), st.lists(NAMES).map(tuple),
    ),
    max_size=3,
).map(tuple)  # fmt: skip


@given(st.builds(Reading, st.just("r@1"), MENTIONS, RELATIONS, CONCEPTS))
def test_any_reading_comes_back_from_its_bytes(reading: Reading) -> None:
    data, digest = pack_reading(reading)
    assert unpack_reading("r@1", data) == reading
    assert pack_reading(reading) == (data, digest)


def test_a_reading_is_smaller_than_the_text_it_is_of() -> None:
    text_ = "Trimethylamine N-oxide was raised in the plasma of patients with heart failure. " * 300
    mentions = tuple(
        Mention(start, start + 22, f"CHEBI:{n % 40}", Kind.METABOLITE, 0.9731)
        for n, start in enumerate(range(0, len(text_), 27))
    )
    relations = tuple(
        Relation(f"CHEBI:{n % 40}", "DOID:6000", RelationType.INCREASED_IN, 0.8431, n) for n in range(150)
    )
    data, _ = pack_reading(Reading("cmo@11111111", mentions, relations))
    assert len(data) < len(text_) / 4


def test_a_folder_from_an_older_release_opens(tmp_path: Path) -> None:
    url = engines.sqlite_url(tmp_path)
    with Record.open(url, FakeClock()) as record:
        engines.migrate(record._engine, "downgrade", "base")
        engines.migrate(record._engine, "upgrade", "0001")
    with Record.open(url, FakeClock()) as record:
        assert record.readings.readers() == {}
