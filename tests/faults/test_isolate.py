"""A hostile file costs only itself: it is refused with a reason, and the next file is read."""

import gzip
import os
import resource
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cmo.errors import PaperRefused
from cmo.ingest.frames import Frame, Kind, pack, receive
from cmo.ingest.isolate import Limits, ParserPool, WorkerBroken
from cmo.model.papers import Format, ParsedPaper

READER = '''
import ctypes, os, time
from pathlib import Path
from cmo.errors import PaperRefused
from cmo.model.papers import Format, Page, ParsedPaper

def read(path, max_bytes):
    """Does what the file says."""
    order = path.read_text()
    if order.startswith("loop"):
        while True:
            pass
    if order.startswith("sleep"):
        time.sleep(60)
    if order.startswith("hog"):
        hold = bytearray(10_000_000_000)
    if order.startswith("gorge"):
        hold = [b"x" * 10_000_000 for _ in range(40)]
        os.abort()
    if order.startswith("abort"):
        os.abort()
    if order.startswith("segfault"):
        ctypes.string_at(0)
    if order.startswith("exit"):
        os._exit(0)
    if order.startswith("kill"):
        os.kill(os.getpid(), 9)
    if order.startswith("raise"):
        raise KeyError("no such object")
    if order.startswith("surrogate"):
        return ParsedPaper(Format.TEXT, "a\\ud800b", (), ())
    if order.startswith("print"):
        os.write(1, b"garbage" * 10_000)
        print("more garbage", flush=True)
    if order.startswith("garble"):
        for fd in range(3, 20):
            try:
                os.write(fd, b"garbage" * 10_000)
            except OSError:
                pass
    if order.startswith("refuse"):
        raise PaperRefused("too-short", "It is short.", "Add more.")
    return ParsedPaper(Format.TEXT, f"{os.getpid()} " + order * 200_000, (Page(1, 595.0, 842.0),), ())

'''
LIMITS = Limits(wall_seconds=2.0, cpu_seconds=1, memory_bytes=600_000_000, file_bytes=1_000_000)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: str | bytes = "fine") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def reader(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path_factory.mktemp("reader")
    (folder / "hostile_reader.py").write_text(READER)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return "hostile_reader:read"


@pytest.fixture
def pool(reader: str) -> Iterator[ParserPool]:
    with ParserPool(2, LIMITS, parse=reader) as pool:
        yield pool


def reason(pool: ParserPool, path: Path) -> str:
    with pytest.raises(PaperRefused) as caught:
        pool.parse(path)
    assert path.name in caught.value.detail
    assert caught.value.remedy
    return caught.value.reason


def gone(process: psutil.Process) -> bool:
    """Ended, whether or not the system has reaped it yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_sound_file_comes_back_whole(pool: ParserPool, write: Write) -> None:
    paper = pool.parse(write("a.txt", "µ→β"))
    assert paper.text.endswith("µ→β" * 200_000)
    assert paper.format is Format.TEXT


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("loop", "too-slow"),
        ("sleep", "too-slow"),
        ("hog", "too-much-memory"),
        ("kill", "too-much-memory"),
        ("gorge", "too-much-memory"),
        ("abort", "crashed"),
        ("segfault", "crashed"),
        ("exit", "crashed"),
        ("raise", "crashed"),
        ("surrogate", "crashed"),
        ("garble", "crashed"),
    ],
)
def test_a_hostile_file_is_refused_and_the_next_one_read(
    pool: ParserPool, write: Write, order: str, expected: str
) -> None:
    told = reason(pool, write(f"{order}.txt", order))
    if order == "gorge" and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > LIMITS.memory_bytes // 2:
        # Linux hands a parent's peak down to its children, so beside a large parent an abort cannot be told from one
        # for want of memory; the file is refused all the same.
        assert told in {expected, "crashed"}
    else:
        assert told == expected
    assert isinstance(pool.parse(write("next.txt")), ParsedPaper)


def test_a_refusal_keeps_its_reason_and_its_worker(pool: ParserPool, write: Write) -> None:
    pool.parse(write("a.txt"))
    before = pool.pids
    with pytest.raises(PaperRefused) as caught:
        pool.parse(write("b.txt", "refuse"))
    assert (caught.value.reason, caught.value.remedy) == ("too-short", "Add more.")
    assert pool.pids == before


def test_what_a_reader_prints_is_no_reply(pool: ParserPool, write: Write) -> None:
    assert pool.parse(write("a.txt", "print")).text.endswith("print")


def test_every_file_has_one_result_though_some_are_hostile(pool: ParserPool, write: Write) -> None:
    orders = ["fine", "abort", "fine", "refuse", "segfault", "fine", "exit", "raise", "hog", "fine", "sleep", "fine"]
    paths = [write(f"{n}-{order}.txt", order) for n, order in enumerate(orders)]
    results = list(pool.parse_many([*paths, Path("/no/such/file.txt")]))
    assert sorted(p.name for p, _ in results) == sorted([*(p.name for p in paths), "file.txt"])
    assert {p.name for p, r in results if isinstance(r, ParsedPaper)} == {p.name for p in paths if "fine" in p.name}


def test_paths_are_taken_no_faster_than_results(pool: ParserPool, write: Write) -> None:
    taken = []

    def paths() -> Iterator[Path]:
        for n in range(50):
            taken.append(n)
            yield write(f"{n}.txt")

    for seen, _ in enumerate(pool.parse_many(paths()), start=1):
        assert len(taken) <= seen + 4


def test_a_pause_of_the_caller_is_not_held_against_a_file(pool: ParserPool, write: Write) -> None:
    for _, result in pool.parse_many([write(f"{n}.txt", "large enough to fill a pipe") for n in range(3)]):
        assert isinstance(result, ParsedPaper)
        time.sleep(LIMITS.wall_seconds * 1.2)


def test_a_worker_is_replaced_after_so_many_files(reader: str, write: Write) -> None:
    with ParserPool(1, Limits(recycle_after=2), parse=reader) as pool:
        pids = [pool.parse(write(f"{n}.txt")).text.split()[0] for n in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_a_worker_that_dies_at_rest_costs_no_file(pool: ParserPool, write: Write) -> None:
    pool.parse(write("a.txt"))
    (pid,) = pool.pids
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert isinstance(pool.parse(write("b.txt")), ParsedPaper)


def test_a_reader_that_cannot_be_loaded_is_no_fault_of_the_file(write: Write) -> None:
    with ParserPool(1, LIMITS, parse="no_such_module:read") as pool, pytest.raises(WorkerBroken):
        pool.parse(write("a.txt"))


def test_leaving_the_loop_early_leaves_a_usable_pool(pool: ParserPool, write: Write) -> None:
    for _ in pool.parse_many([write("a.txt"), write("b.txt", "sleep"), write("c.txt")]):
        break
    assert isinstance(pool.parse(write("d.txt")), ParsedPaper)


def test_a_closed_pool_leaves_no_process(pool: ParserPool, write: Write) -> None:
    pool.parse(write("a.txt"))
    pids = pool.pids
    pool.close()
    assert pids
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("order", ["fine", "sleep"])
def test_workers_die_with_their_parent(reader: str, write: Write, order: str) -> None:
    script = (
        "import sys; from pathlib import Path; from cmo.ingest.isolate import *\n"
        "with ParserPool(1, Limits(wall_seconds=60), parse=sys.argv[3]) as pool:\n"
        "    pool.parse(Path(sys.argv[1])); print(*pool.pids, flush=True)\n"
        "    pool.parse(Path(sys.argv[2]))\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, write("a.txt"), write("b.txt", order), reader]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        worker = psutil.Process(int(parent.stdout.readline()))
        time.sleep(0.3)
        parent.kill()
    time.sleep(0.5)
    assert gone(worker)


def test_a_file_above_the_limit_is_refused_unread(pool: ParserPool, tmp_path: Path) -> None:
    sparse = tmp_path / "sparse.txt"
    with sparse.open("wb") as file:
        file.truncate(2_000_000_000)
    assert reason(pool, sparse) == "too-large"
    assert not pool.pids


def test_a_device_a_folder_and_a_pipe_are_refused_at_once(pool: ParserPool, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    for path in (Path("/dev/zero"), tmp_path, pipe):
        assert reason(pool, path) == "unreadable"


def test_a_packed_bomb_is_refused_within_its_bounds(write: Write) -> None:
    bomb = gzip.compress(b"<article>" + b"<p>" * 30_000_000, compresslevel=9)
    with ParserPool(1, Limits(wall_seconds=20, memory_bytes=800_000_000)) as pool:
        assert reason(pool, write("bomb.xml.gz", bomb)) == "too-large"


def test_a_pdf_bomb_is_refused_within_its_bounds(write: Write) -> None:
    stream = zlib.compress(zlib.compress(b"q " * 100_000_000, 1), 9)
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R>>",
        b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n%s\nendstream" % (len(stream), stream),
    ]
    body = b"%PDF-1.4\n" + b"".join(b"%d 0 obj%s\nendobj\n" % (n, part) for n, part in enumerate(parts, start=1))
    path = write("bomb.pdf", body + b"trailer<</Root 1 0 R/Size 5>>\n%%EOF")
    with ParserPool(1, Limits(wall_seconds=20, cpu_seconds=10, memory_bytes=400_000_000)) as pool:
        assert reason(pool, path) in {"too-much-memory", "too-slow", "crashed", "no-text-layer", "unreadable"}


def test_a_worker_starts_quickly() -> None:
    command = [sys.executable, "-P", "-m", "cmo.ingest.worker", "cmo.ingest.parse:parse_one", "{}"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin
        assert worker.stdout
        worker.stdin.write(pack(Frame(Kind.FILE, b"/no/such/file")))
        worker.stdin.close()
        assert receive(worker.stdout).kind is Kind.READY
    assert time.perf_counter() - started < 2.0  # 0.09 s on a quiet machine
