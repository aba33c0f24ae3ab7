"""The disk changes bytes: reading heals itself or a check tells, and a rebuild always mends."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest

from cmo.errors import SnapshotCorrupt, StoreCorrupt, StoreError
from cmo.index.snapshot import Snapshot
from cmo.oracle import admit

QUESTION = admit("Which marker was measured in the plasma of patients at visit 3?")
Open = Callable[..., Any]


def text(number: int) -> str:
    lines = (f"The marker{number}x{n} was measured in the plasma of patients at visit {n}." for n in range(60))
    return f"Study number {number} of markers in the plasma of patients\n\n{' '.join(lines)}\n"


def delete(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """Change one byte in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


DAMAGES = (delete, empty, halve, flip)


@pytest.fixture
def sound(memory: Path, open_base: Open) -> Path:
    """A base published in three steps, one of its papers retracted."""
    with open_base(memory / "base") as base:
        base.add(a=text(1), b=text(2))
        (third,) = base.add(c=text(3))
        base.app.curator.retract(third.paper_id, "a reason")
    return memory / "base"


def files_of_the_current_snapshot(folder: Path) -> list[Path]:
    index = folder / "index"
    current = index / "snapshots" / (index / "CURRENT").read_text()
    columns = index / "columns" / json.loads((current / "manifest.json").read_text())["columns"]
    files = [index / "CURRENT", *(p for p in current.rglob("*") if p.is_file()), *columns.iterdir()]
    return [p for p in files if p.stat().st_size and p.suffix != ".lock"]


def searched(base: Any) -> int:
    """How many passages an answer could draw on; it must quote what the record holds."""
    answer = base.app.oracle.reply(QUESTION).answer
    assert answer.refusal is None
    for evidence in answer.evidence:
        assert base.app.record.text(evidence.paper)[evidence.start : evidence.end] == evidence.text
    return int(answer.searched)


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damaged_file_is_healed_or_told_by_a_check_and_mended_by_a_rebuild(
    sound: Path, open_base: Open, damage: Callable[[Path], None]
) -> None:
    with open_base(sound) as base:
        wanted = searched(base)
    names = [p.relative_to(sound) for p in files_of_the_current_snapshot(sound)]
    assert {p.name for p in names} >= {"CURRENT", "manifest.json", "live.u1", "meta.json", "rows.bin", "payload.bin"}
    for name in names:
        folder = sound.with_name("damaged")
        copytree(sound, folder)
        damage(folder / name)
        with open_base(folder) as base:
            found = None
            with suppress(SnapshotCorrupt):
                found = searched(base)
            healed = base.app.shelf.pointer.exists() and base.app.shelf.current().origin == "rebuild"
            assert found == wanted if healed else base.app.curator.check().faults, name
            base.app.curator.rebuild()
            assert base.app.curator.check().faults == (), name
            assert searched(base) == wanted
        rmtree(folder)


@pytest.mark.parametrize("name", ["CURRENT", "manifest.json", "live.u1", "meta.json", "vectors.f16"])
@pytest.mark.parametrize("damage", [delete, empty, halve])
def test_a_reader_heals_what_it_cannot_open(
    sound: Path, open_base: Open, name: str, damage: Callable[[Path], None]
) -> None:
    with open_base(sound) as base:
        wanted = searched(base)
    damage(next(p for p in files_of_the_current_snapshot(sound) if p.name == name))
    with open_base(sound) as base:
        assert searched(base) == wanted
        assert base.app.shelf.current().origin == "rebuild"
        assert base.app.curator.check().faults == ()


def test_a_reader_heals_while_it_runs(sound: Path, open_base: Open) -> None:
    with open_base(sound) as base:
        wanted = searched(base)
        index = sound / "index"
        (index / "CURRENT").write_text("999999")
        assert searched(base) == wanted
        assert int(base.app.shelf.current().id) > 999_999 - 1


def test_a_lost_index_is_made_anew_by_whoever_asks(sound: Path, open_base: Open) -> None:
    with open_base(sound) as base:
        wanted = searched(base)
    rmtree(sound / "index")
    with open_base(sound) as base:
        assert searched(base) == wanted


def test_a_retraction_succeeds_on_a_damaged_index(sound: Path, open_base: Open) -> None:
    empty(next(p for p in files_of_the_current_snapshot(sound) if p.name == "manifest.json"))
    with open_base(sound) as base:
        first, second = base.app.record.papers()
        base.app.curator.retract(first.ref.paper_id, "a reason")
        assert searched(base) == second.chunks


def test_ingest_mends_a_damaged_index(sound: Path, open_base: Open) -> None:
    halve(next(p for p in files_of_the_current_snapshot(sound) if p.name == "rows.bin"))
    with open_base(sound) as base:
        base.add(d=text(4))
        assert base.app.curator.check().faults == ()
        assert searched(base) == sum(s.chunks for s in base.app.record.papers())


def test_a_damaged_snapshot_says_what_to_do(sound: Path, open_base: Open) -> None:
    halve(next(p for p in files_of_the_current_snapshot(sound) if p.name == "payload.bin"))
    with open_base(sound) as base, pytest.raises(SnapshotCorrupt, match=r"payload\.bin.*cmo kb rebuild"):
        Snapshot.open(base.app.shelf, base.app.shelf.current())


def test_a_damaged_snapshot_is_not_healed_while_another_writes(
    sound: Path, open_base: Open, drivers: Callable[[], Any]
) -> None:
    driver = drivers()
    driver.start("hold", sound)
    assert driver.first() == ["holding"]
    empty(next(p for p in files_of_the_current_snapshot(sound) if p.name == "live.u1"))
    with open_base(sound) as base, pytest.raises(SnapshotCorrupt):
        base.app.oracle.reply(QUESTION)


@pytest.mark.parametrize("damage", [empty, halve])
def test_a_damaged_database_is_told_never_taken_for_an_empty_one(
    sound: Path, open_base: Open, damage: Callable[[Path], None]
) -> None:
    damage(sound / "record.sqlite3")
    with open_base(sound) as base:
        try:
            told = bool(base.app.curator.check().faults)
        except StoreError:
            told = True
    assert told


def test_a_database_overwritten_with_rubbish_names_the_remedy(sound: Path, open_base: Open) -> None:
    database = sound / "record.sqlite3"
    data = bytearray(database.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    database.write_bytes(bytes(data))
    with open_base(sound) as base, pytest.raises(StoreCorrupt, match="Restore it from a backup"):
        base.app.record.papers()
