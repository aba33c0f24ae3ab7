"""The disk fills at any point: the error says so, what was acknowledged is kept, and work goes on once there is room."""

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmo.errors import StoreFull
from cmo.kit.files import write_atomic
from cmo.model.access import Key, Role
from cmo.model.outcomes import Outcome
from cmo.oracle import admit
from cmo.web import create_api
from tests.acceptance.services import served_here

DISK = 64_000_000
ROOMS = (*range(40_000, 1_600_000, 120_000), *range(8_400_000, 11_000_000, 200_000))
"""Bytes left free, so that the disk fills in the record, an original, the columns, the words, the tables, the pointer."""
PAPERS = 6


@pytest.fixture
def disk(small_disk: Callable[[int], Path]) -> Path:
    return small_disk(DISK)


def paper(number: int) -> str:
    lines = (f"The marker{number}x{n} was measured in the plasma of patients at visit {n}." for n in range(250))
    return f"Study number {number} of markers in the plasma of patients\n\n{' '.join(lines)}\n"


def test_a_full_disk_loses_no_acknowledged_paper_wherever_it_fills(
    disk: Path, tmp_path: Path, open_base: Callable[..., Any]
) -> None:
    filled = set()
    paths = [tmp_path / f"{n}.txt" for n in range(PAPERS)]
    for n, path in enumerate(paths):
        path.write_text(paper(n))
    for room in ROOMS:
        folder = disk / f"base{room}"
        ballast = disk / "ballast"
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free(disk) - room)
        acknowledged: list[Outcome] = []
        error = ""
        try:
            with open_base(folder) as base:
                acknowledged.extend(base.app.curator.ingest(base.pipeline(), paths))  # keeps what came before the error
        except StoreFull as full:
            error = str(full)
        assert not error or (str(disk) in error and "free some space" in error)
        filled.add((bool(error), len(acknowledged)))
        ballast.unlink()
        with open_base(folder) as base:
            there = {s.ref.paper_id for s in base.app.record.papers()}
            assert {o.paper_id for o in acknowledged} <= there
            again = base.ingest(*paths)
            assert {o.status for o in again} <= {"added", "unchanged"}
            assert len(base.app.record.papers()) == PAPERS
            assert base.app.curator.check().faults == ()
            answer = base.app.oracle.reply(admit("Which marker was measured in the plasma of patients?")).answer
            assert answer.refusal is None
        subprocess.run(["rm", "-r", folder], check=True)
    assert {full for full, _ in filled} == {True, False}, "the rooms must span both"
    assert len(filled) > 3, "the disk must fill at different points"


def test_a_full_disk_leaves_the_old_file_where_a_new_one_was_to_go(disk: Path) -> None:
    pointer = disk / "CURRENT"
    write_atomic(pointer, b"000001")
    with suppress(OSError):
        (disk / "ballast").write_bytes(bytes(2 * DISK))
    with pytest.raises(OSError, match="No space left"):
        write_atomic(pointer, b"000002" * 10_000)
    assert pointer.read_bytes() == b"000001"
    assert sorted(p.name for p in disk.iterdir()) == ["CURRENT", "ballast"]


def test_a_service_whose_disk_is_full_goes_on_answering_and_says_what_it_cannot_do(
    disk: Path, open_base: Callable[..., Any]
) -> None:
    """Also where answers are kept on the disk, written down, and audited: what cannot be written is left out."""
    with open_base(disk / "base", audit_days=30, cache=True) as base:
        base.add(one=paper(1), two=paper(2))
        key = base.app.keyring.make(Key("", "", "ada", Role.ADMIN, "", 0.0), "root")[1].text
        with (
            served_here(create_api(base.app)) as address,
            httpx.Client(base_url=address, timeout=30, headers={"X-API-Key": key}) as http,
        ):
            early = http.post(
                "/query", json={"query": "Which marker2x1 was measured in the plasma of patients?"}
            ).json()
            rating = {"answer_id": early["id"], "rating": 4}
            assert http.post("/api/feedback", json=rating).status_code == 200
            with (disk / "ballast").open("wb") as file, suppress(OSError):
                while True:
                    file.write(bytes(100_000))
                    file.flush()
            assert free(disk) < 100_000
            for n in range(12):
                reply = http.post(
                    "/query", json={"query": f"Which marker1x{n} was measured in the plasma of patients?"}
                )
                assert (reply.status_code, reply.json()["answered"]) == (200, True), reply.text
            assert http.get("/papers").json()["total"] == 2
            assert http.get("/ready").status_code == 200
            refused = http.post("/papers", files={"files": ("new.txt", paper(3))})
            assert (refused.status_code, refused.json()["code"]) == (507, "store-full")
            described = http.get("/openapi.json").json()["paths"]
            start = {"release": "x", "settings": {"max_hops": 2}, "actor": "ada"}
            writes = {"/api/feedback": rating, "/login": {"key": key}, "/api/releases": start}
            for path, body in writes.items():
                refused = http.post(path, json=body)
                assert (refused.status_code, refused.json()["code"]) == (507, "store-full"), (path, refused.text)
                assert "free some space" in refused.json()["detail"]
                assert "507" in described[path]["post"]["responses"], "what is answered is described"
            assert http.get(f"/api/answers/{early['id']}").status_code == 200
            assert http.get("/health").json()["status"] in {"degraded", "healthy"}
            (disk / "ballast").unlink()
            added = http.post("/papers", files={"files": ("new.txt", paper(3))}).json()["outcomes"][0]
            assert added["status"] == "added"
            for path, body in writes.items():
                assert http.post(path, json=body).status_code == 200, path


def free(folder: Path) -> int:
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize
