"""One writes at a time; the others are told who, or wait; readers go on all the while."""

import os
import signal
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cmo.errors import StoreLocked
from cmo.kit.files import exclusive

TEXT = "A title that is long enough for {}\n\nMarker {} was measured in the plasma of patients."
PUBLICATIONS = 20
READERS = 3


def test_the_second_writer_is_told_who_holds_the_lock(
    drivers: Callable[[], Any], memory: Path, open_base: Callable[..., Any]
) -> None:
    pid = drivers().start("hold", memory / "base")
    with open_base(memory / "base") as base:
        wait_until_held(memory / "base" / "writer.lock")
        with pytest.raises(StoreLocked, match=rf"process {pid} \(cmo long work\).*--wait"):
            base.add(a=TEXT.format("a", 1))
        assert base.app.record.papers() == []


def test_a_writer_that_waits_gets_its_turn(
    drivers: Callable[[], Any], memory: Path, open_base: Callable[..., Any]
) -> None:
    pid = drivers().start("hold", memory / "base")
    with open_base(memory / "base") as base:
        wait_until_held(memory / "base" / "writer.lock")
        told: list[str] = []

        def holder_ends(who: str) -> None:
            told.append(who)
            threading.Timer(0.2, os.kill, (pid, signal.SIGKILL)).start()

        paths = [base.write("a", TEXT.format("a", 1))]
        outcomes = list(base.app.curator.ingest(base.pipeline(), paths, wait=True, on_wait=holder_ends))
    assert told == [f"process {pid} (cmo long work)"]
    assert [o.status for o in outcomes] == ["added"]


def test_a_lock_whose_note_is_damaged_still_locks(tmp_path: Path) -> None:
    lock = tmp_path / "writer.lock"
    with exclusive(lock, "one", wait=False):
        lock.write_bytes(b"\xff{")
        with pytest.raises(StoreLocked, match="another process"), exclusive(lock, "two", wait=False):
            pass
    with exclusive(lock, "three", wait=False):
        pass


def test_readers_keep_answering_while_another_process_publishes(
    drivers: Callable[[], Any], memory: Path, open_base: Callable[..., Any]
) -> None:
    folder = memory / "base"
    with open_base(folder, keep_snapshots=2) as base:
        base.add(first=TEXT.format("first", 0))
        readers = [drivers() for _ in range(READERS)]
        for reader in readers:
            reader.start("ask", folder)
        for reader in readers:
            assert reader.first()[0] == "answered"
        for n in range(PUBLICATIONS):
            base.add(**{f"paper{n}": TEXT.format(f"paper{n}", n)})
        (folder / "STOP").touch()
        newest = base.app.shelf.current().id
    for reader in readers:
        *said, ended = reader.lines()
        assert ended == ["ended", "0"]
        assert [line for line in said if line[0] != "answered" or line[2] == "0"] == []
        snapshots = [line[1] for line in said]
        assert all(before < after for before, after in pairwise(snapshots))
        assert snapshots[-1] == newest
        assert len(set(snapshots)) > PUBLICATIONS / 4


def wait_until_held(lock: Path) -> None:
    while not lock.exists() or b"long work" not in lock.read_bytes():
        threading.Event().wait(0.01)
