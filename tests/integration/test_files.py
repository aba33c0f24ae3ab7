"""Files that are there whole or not at all, originals by their content, and the checksums of both."""

import hashlib
import os
import zlib
from pathlib import Path

import pytest

from cmo.errors import NotFound, SnapshotCorrupt
from cmo.index.columns import EMPTY, FILES, ROW, ColumnWriter, faults, map_columns
from cmo.index.facts import CURATED, FACT, LABEL, MENTION, READING, Facts
from cmo.kit.files import crc32_file, exclusive, sha256_file, write_atomic
from cmo.model.papers import Format, Metadata, PaperRef
from cmo.store.originals import Originals

ENTRIES = {
    "rows.bin": ROW, "readings.bin": READING, "labels.bin": LABEL, "mentions.bin": MENTION, "facts.bin": FACT,
    "curated.bin": CURATED,
}  # fmt: skip
SIZE = {name: 32 * (ENTRIES[name].itemsize if name in ENTRIES else 1) for name in FILES}


def test_hashes_are_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    data = os.urandom(3_000_000)
    path.write_bytes(data)
    assert sha256_file(path) == hashlib.sha256(data).hexdigest()
    assert crc32_file(path) == zlib.crc32(data)
    assert crc32_file(path, 2_000_001) == zlib.crc32(data[:2_000_001])


def test_a_write_replaces_the_whole_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "CURRENT"
    for data in (b"a long first content", b"short"):
        write_atomic(path, data)
        assert path.read_bytes() == data
    assert [p.name for p in tmp_path.iterdir()] == ["CURRENT"]


def test_a_write_that_fails_leaves_the_old_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "CURRENT"
    write_atomic(path, b"old")

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["CURRENT"]


def test_the_lock_is_free_after_its_block_and_after_an_error(tmp_path: Path) -> None:
    lock = tmp_path / "deep" / "writer.lock"
    with pytest.raises(RuntimeError), exclusive(lock, "one", wait=False):
        raise RuntimeError
    with exclusive(lock, "two", wait=False):
        pass


def test_an_original_is_kept_by_its_content_and_forgotten(tmp_path: Path) -> None:
    source = tmp_path / "paper.pdf"
    source.write_bytes(b"%PDF-1.7 and so on")
    originals = Originals(tmp_path / "originals")
    ref = PaperRef("abc123", 1, sha256_file(source), "paper.pdf", Format.PDF, Metadata())
    originals.keep(source, ref.sha256, ref.format)
    source.unlink()
    originals.keep(source, ref.sha256, ref.format)  # it is there already, so the source is not looked at
    assert originals.path(ref).read_bytes() == b"%PDF-1.7 and so on"
    assert [p.name for p in (tmp_path / "originals").rglob("*") if p.is_file()] == [f"{ref.sha256}.pdf"]
    originals.remove(ref)
    originals.remove(ref)
    with pytest.raises(NotFound, match=r"paper\.pdf is not kept"):
        originals.path(ref)


# -- columns ---------------------------------------------------------------------------------------------------------


def append(folder: Path, extent: object, **data: bytes) -> object:
    writer = ColumnWriter(folder, extent)  # type: ignore[arg-type]
    for name, content in data.items():
        writer.append({"vectors": "vectors.f16", "payload": "payload.bin"}[name], content)
    return writer.finish()


def test_a_column_checksum_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    one = append(tmp_path, EMPTY, payload=b"abc", vectors=b"\0" * 8)
    two = append(tmp_path, one, payload=b"defg")
    assert two.size["payload.bin"] == 7
    assert two.crc["payload.bin"] == zlib.crc32(b"abcdefg")
    assert faults(tmp_path, two) == faults(tmp_path, one) == []


def test_what_a_crash_left_behind_the_extent_is_cut_off(tmp_path: Path) -> None:
    one = append(tmp_path, EMPTY, payload=b"abc")
    append(tmp_path, one, payload=b"lost in the crash")
    two = append(tmp_path, one, payload=b"de")
    assert (tmp_path / "payload.bin").read_bytes() == b"abcde"
    assert faults(tmp_path, two) == []


def test_a_reader_of_a_prefix_does_not_see_what_is_appended(tmp_path: Path) -> None:
    one = append(tmp_path, EMPTY, payload=b"abc")
    columns = map_columns(tmp_path, one, 4)
    append(tmp_path, one, payload=b"more")
    assert columns.payload.tobytes() == b"abc"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_short_column_is_corrupt(tmp_path: Path, name: str) -> None:
    writer = ColumnWriter(tmp_path, EMPTY)
    for file in FILES:
        writer.append(file, b"\1" * SIZE[file])
    extent = writer.finish()
    (tmp_path / name).write_bytes(b"\1" * (SIZE[name] - 1))
    with pytest.raises(SnapshotCorrupt, match=name.replace(".", r"\.")):
        (map_columns(tmp_path, extent, 4), Facts.open(tmp_path, extent))
    with pytest.raises(SnapshotCorrupt, match="shorter"):
        ColumnWriter(tmp_path, extent)
    assert faults(tmp_path, extent) == [f"{tmp_path / name} is missing or too short"]
    (tmp_path / name).write_bytes(b"\2" + b"\1" * (SIZE[name] - 1))
    assert faults(tmp_path, extent) == [f"{tmp_path / name} does not match its checksum"]
