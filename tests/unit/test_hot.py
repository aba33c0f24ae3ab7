"""A value in a file that may be changed while programs run."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cmo.kit.hot import HotFile
from cmo.model.questions import Reach


def hot(path: Path) -> HotFile[Reach]:
    return HotFile(
        path,
        decode=lambda data: Reach.of(json.loads(data)),
        encode=lambda r: json.dumps({"multi_hop": r.multi_hop, "hops": r.hops, "reasoning": r.reasoning}).encode(),
        default=lambda: Reach(multi_hop=True, hops=1, reasoning=True),
    )


def test_without_a_file_the_default_holds(tmp_path: Path) -> None:
    assert hot(tmp_path / "reach.json").now().hops == 1


def test_a_change_holds_for_everybody_at_once(tmp_path: Path) -> None:
    here, there = hot(tmp_path / "deep" / "reach.json"), hot(tmp_path / "deep" / "reach.json")
    for hops in (2, 0, 1):
        here.change(Reach(multi_hop=True, hops=hops, reasoning=False))
        assert there.now() == here.now() == Reach(multi_hop=True, hops=hops, reasoning=False)


def test_threads_that_change_it_at_once_do_not_trip_over_each_other(tmp_path: Path) -> None:
    one = hot(tmp_path / "reach.json")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: one.change(Reach(multi_hop=True, hops=n % 3, reasoning=True)), range(64)))
    assert one.fault() == ""
    assert [path.name for path in tmp_path.iterdir()] == ["reach.json"]


def test_threads_that_amend_it_at_once_do_not_undo_each_other(tmp_path: Path) -> None:
    count = HotFile(tmp_path / "count", decode=int, encode=lambda n: str(n).encode(), default=int)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: count.amend(lambda n: n + 1), range(64)))
    assert count.now() == 64


@pytest.mark.parametrize(
    "broken", [b"", b"{", b"[]", b'{"multi_hop": true, "hops": 3, "reasoning": true}', b'{"hops": 1}']
)
def test_a_broken_file_does_not_count(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "reach.json").write_bytes(broken)
    assert hot(tmp_path / "reach.json").now() == Reach(multi_hop=True, hops=1, reasoning=True)
