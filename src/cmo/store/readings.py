"""What readers found in papers, one blob a version and reader.

A reader's name stands before ``@`` and the digest of what it reads by behind it. A new reading replaces all of the same
version by a reader of that name: after a change of the vocabulary ours replaces our own, and leaves what a language
model or an import brought. Every change here is a line of the record's log, so that publishing takes it up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, insert, or_, select

from cmo.errors import NotFound
from cmo.kit.clock import Clock
from cmo.kit.hashing import short_hash
from cmo.model.concepts import Reading
from cmo.model.papers import ParsedPaper, Role, Section, Sentence
from cmo.model.record import ChangeKind, ReadingMark, StoredReading
from cmo.store import rows, tables
from cmo.store.database import Database
from cmo.store.reading_codec import reading_values, unpack_reading

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Unread:
    """Current versions that a reader has not read as it reads now."""

    stale: tuple[int, ...]
    """Read by the same reader when it read by something else."""
    missing: tuple[int, ...]
    """Never read by it."""

    @property
    def version_ids(self) -> list[int]:
        """Both, in order."""
        return sorted((*self.stale, *self.missing))


class Readings:
    """The table `readings`. `Record.readings` gives it."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._database = Database(engine)
        self._clock = clock

    def put(self, readings: Sequence[tuple[int, Reading]]) -> int:
        """Keep readings of versions, all or none, each in place of that reader's former one.

        Returns:
            How many of them said something new; the others change nothing.

        Raises:
            NotFound: a version is not there any more.
        """
        with self._database.alone() as connection:
            owners = _owners(connection, [version for version, _ in readings])
            gone = [version for version, _ in readings if version not in owners]
            if gone:
                raise NotFound(f"Version {gone[0]} of the record is not there any more: its paper was retracted.")
            return sum(self._put(connection, version, owners[version], reading) for version, reading in readings)

    def _put(self, connection: Connection, version_id: int, paper_id: str, reading: Reading) -> bool:
        table, values = tables.readings, reading_values(reading, version_id)
        name = reader_name(reading.reader)
        same = or_(table.c.reader == name, table.c.reader.startswith(f"{name}@", autoescape=True))
        mine = (table.c.version_id == version_id) & same
        before = connection.execute(select(table.c.reader, table.c.digest).where(mine)).all()
        if [tuple(row) for row in before] == [(reading.reader, values["digest"])]:
            return False
        connection.execute(delete(table).where(mine))
        connection.execute(insert(table).values(values))
        line = {"at": self._clock.now(), "kind": ChangeKind.READ.value, "paper_id": paper_id, "version_id": version_id}
        connection.execute(insert(tables.changes).values(line))
        return True

    def drop(self, reader: str) -> int:
        """Forget all readings of a reader, by its name without a digest; returns how many there were."""
        table = tables.readings
        mine = or_(table.c.reader == reader, table.c.reader.startswith(f"{reader}@", autoescape=True))
        with self._database.alone() as connection:
            versions = list(connection.execute(select(table.c.version_id).where(mine)).scalars())
            owners = _owners(connection, versions)
            connection.execute(delete(table).where(mine))
            now = self._clock.now()
            for version, paper in owners.items():
                line = {"at": now, "kind": ChangeKind.READ.value, "paper_id": paper, "version_id": version}
                connection.execute(insert(tables.changes).values(line))
            return len(versions)

    def marks(self, version_ids: Sequence[int]) -> list[ReadingMark]:
        """Which readings versions have, in order of version and reader; no content is read."""
        table = tables.readings
        if not version_ids:
            return []
        wanted, between = set(version_ids), table.c.version_id.between(min(version_ids), max(version_ids))
        ordered = select(table.c.version_id, table.c.reader, table.c.digest).where(between)
        ordered = ordered.order_by(table.c.version_id, table.c.reader)
        with self._database.reading() as connection:
            found = connection.execute(ordered).all()
        return [ReadingMark(v, reader, key(v, reader, digest)) for v, reader, digest in found if v in wanted]

    def of(self, version_ids: Sequence[int]) -> Iterator[StoredReading]:
        """Readings of versions, in order of version and reader."""
        table = tables.readings
        for start in range(0, len(version_ids), _BATCH):
            batch = version_ids[start : start + _BATCH]
            query = select(table.c.version_id, table.c.reader, table.c.digest, table.c.payload).where(
                table.c.version_id.in_(batch)
            )
            with self._database.reading() as connection:
                found = connection.execute(query.order_by(table.c.version_id, table.c.reader)).all()
            for version, reader, digest, payload in found:
                yield StoredReading(
                    ReadingMark(version, reader, key(version, reader, digest)), unpack_reading(reader, payload)
                )

    def sentence_starts(self, version_ids: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """Where the sentences of versions begin in their texts, in order of the sentences' ordinals."""
        table = tables.sentences
        for start in range(0, len(version_ids), _BATCH):
            batch = version_ids[start : start + _BATCH]
            query = select(table.c.version_id, table.c.start).where(table.c.version_id.in_(batch))
            starts: dict[int, list[int]] = {version: [] for version in batch}
            with self._database.reading() as connection:
                for version, begin in connection.execute(query.order_by(table.c.version_id, table.c.ordinal)):
                    starts[version].append(begin)
            yield from starts.items()

    def unread(self, reader: str) -> Unread:
        """Current versions that have no reading by exactly this reader."""
        versions, readings = tables.versions, tables.readings
        current = select(versions.c.id).where(versions.c.state == "current").order_by(versions.c.id)
        have = select(readings.c.version_id, readings.c.reader)
        with self._database.reading() as connection:
            ids = list(connection.execute(current).scalars())
            found = connection.execute(have).all()
        done = {version for version, name in found if name == reader}
        known = {version for version, name in found if reader_name(name) == reader_name(reader)}
        left = [v for v in ids if v not in done]
        return Unread(tuple(v for v in left if v in known), tuple(v for v in left if v not in known))

    def readers(self) -> dict[str, int]:
        """Who has read how many versions."""
        table = tables.readings
        names: dict[str, int] = {}
        with self._database.reading() as connection:
            for name in connection.execute(select(table.c.reader)).scalars():
                names[name] = names.get(name, 0) + 1
        return dict(sorted(names.items()))

    def parsed(self, version_ids: Sequence[int]) -> Iterator[tuple[int, ParsedPaper]]:
        """Versions as papers that can be read again: without pages and boxes, which say nothing of what is meant."""
        for start in range(0, len(version_ids), _BATCH):
            batch = version_ids[start : start + _BATCH]
            with self._database.reading() as connection:
                found = list(_parsed(connection, batch))
            yield from found


def reader_name(reader: str) -> str:
    """A reader without the digest of what it reads by."""
    return reader.partition("@")[0]


def key(version_id: int, reader: str, digest: str) -> int:
    """64 bits that say which reading, by whom, and what it says."""
    return short_hash(f"{version_id} {reader} {digest}")


def _owners(connection: Connection, version_ids: Sequence[int]) -> dict[int, str]:
    """Paper of each version that is not retracted."""
    table = tables.versions
    owners: dict[int, str] = {}
    for start in range(0, len(version_ids), _BATCH):
        batch = list(version_ids[start : start + _BATCH])
        query = select(table.c.id, table.c.paper_id).where(table.c.id.in_(batch), table.c.state != "retracted")
        owners.update(connection.execute(query).all())
    return owners


def _parsed(connection: Connection, version_ids: Sequence[int]) -> Iterator[tuple[int, ParsedPaper]]:
    table = tables.versions
    query = select(*rows.REF_COLUMNS, table.c.id, table.c.text).where(table.c.id.in_(version_ids)).order_by(table.c.id)
    sentences: dict[int, list[Sentence]] = {version: [] for version in version_ids}
    for version, start, end, page, section, heading, role in connection.execute(_sentences_of(version_ids)):
        sentences[version].append(Sentence(start, end, page, Section(section), heading, Role(role), ()))
    for row in connection.execute(query):
        ref = rows.ref(row)
        yield row.id, ParsedPaper(ref.format, row.text, (), tuple(sentences[row.id]), ref.metadata)


def _sentences_of(version_ids: Sequence[int]) -> Select[Any]:
    table = tables.sentences
    columns = (table.c[name] for name in ("version_id", "start", "end", "page", "section", "heading", "role"))
    return select(*columns).where(table.c.version_id.in_(version_ids)).order_by(table.c.version_id, table.c.ordinal)
