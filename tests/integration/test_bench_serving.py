"""`cmo bench serve`: whoever asks misses nothing, and the real service is measured from end to end."""

import asyncio
import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cmo.bench.asking import asked
from cmo.bench.figures import Row
from cmo.bench.job import Heard, Job
from cmo.bench.serving import CITED, Bench, Results, measure
from cmo.bench.serving_parts import PARTS
from cmo.errors import NotFound

NOTES = Path(__file__).parents[2] / "library" / "notes"
CMO = Path(sys.executable).with_name("cmo")
GOOD = b'{"answered":true,"citations":[{"number":1}]}'
BODIES = [f'{{"query":"{n}"}}' for n in range(40)]
Said = tuple[int, bytes, float] | None


@contextmanager
def scripted(say: Callable[[int, str], Said], came: Callable[[], object] = int) -> Iterator[int]:
    """A server that says what it is told to: status, body, after how many seconds; None cuts the connection.

    Each connection is told to `came`.
    """
    numbers, ready, port, stop = itertools.count(), threading.Event(), [0], [lambda: None]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.partition(b"Content-Length: ")[2].split(b"\r")[0])
            said = say(next(numbers), (await reader.readexactly(length)).decode())
            if said is None:
                writer.close()
                return
            status, body, pause = said
            await asyncio.sleep(pause)
            head = f"HTTP/1.1 {status} So\r\ncontent-type: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            for part in (head[:20], head[20:] + body[:10], body[10:]):
                writer.write(part)
                await asyncio.sleep(0)

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came()
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(quiet, "127.0.0.1", 0)
        port[0], loop, over = server.sockets[0].getsockname()[1], asyncio.get_running_loop(), asyncio.Event()
        stop[0] = lambda: loop.call_soon_threadsafe(over.set)  # type: ignore[assignment]
        ready.set()
        await over.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(5)
    try:
        yield port[0]
    finally:
        stop[0]()
        thread.join()


def heard(say: Callable[[int, str], Said], **how: object) -> Heard:
    with scripted(say) as port:
        wanted = {"bodies": BODIES, "seconds": 0.5, "connections": 4, "holds": (CITED,), **how}
        return asked(Job(port, **wanted))  # type: ignore[arg-type]


def test_a_stall_is_told_to_all_that_came_meanwhile() -> None:
    stalls = iter([0.4])

    def say(number: int, _: str) -> Said:
        return 200, GOOD, next(stalls, 0) if number == 30 else 0

    told = heard(say, rate=200, seconds=1, connections=1)
    assert told.answered.most >= 400
    assert told.answered.p95 >= 250, "with one connection some 80 questions were due while it was stuck"
    assert told.answered.p50 < 100
    assert told.wrong == 0


@pytest.mark.parametrize("strangers", [True, False])
def test_strangers_come_each_on_a_connection_of_their_own_and_others_take_turns(strangers: bool) -> None:
    lines: list[int] = []
    with scripted(lambda _number, _body: (200, GOOD, 0), lambda: lines.append(1)) as port:
        told = asked(Job(port, BODIES, 0.5, rate=100, connections=20, strangers=strangers, holds=(CITED,)))
    assert told.wrong == 0
    assert told.all > 20
    assert (len(lines) == told.all) if strangers else (len(lines) <= 20)


def test_each_is_asked_once_and_those_that_are_answered_are_told() -> None:
    def say(_: int, body: str) -> Said:
        return 200, GOOD if int(json.loads(body)["query"]) % 2 else b'{"citations":[]}', 0

    with scripted(say) as port:
        told = asked(Job(port, BODIES, 0, once=True, holds=(CITED,)), wrong=40)
    assert told.good == tuple(range(1, 40, 2))
    assert told.statuses == {"-1": 20, "200": 20}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ((200, b'{"citations":[]}', 0), "'-1'"),
        ((500, GOOD, 0), "'500'"),
        ((503, b"{}", 0), "'503'"),
        (None, "'0'"),
    ],
)
def test_a_reply_that_is_no_answer_ends_it_with_an_example(said: Said, told: str) -> None:
    with pytest.raises(NotFound, match="replies were wrong") as wrong:
        heard(lambda number, _: said if number == 7 else (200, GOOD, 0), seconds=0.2)
    assert told in str(wrong.value)
    assert '{"query":"' in str(wrong.value)


def test_refusals_are_counted_apart_and_asked_again_a_little_later() -> None:
    told = heard(lambda number, _: (503, b"{}", 0) if number < 4 else (200, GOOD, 0.001), refusals=(503,))
    assert told.refused.count == 4
    assert told.statuses.keys() == {"200", "503"}
    assert told.rate == pytest.approx(told.answered.count / 0.5, rel=0.05)
    assert told.answered.count < 4 * 500, "each of the four connections has waited for a tenth of a second"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    files = sorted(NOTES.glob("*.md"))[:8]
    command = [str(part) for part in (CMO, "ingest", *files, "--home", tmp_path / "base")]
    subprocess.run(command, check=True, capture_output=True)
    return tmp_path / "base"


def test_the_real_service_is_measured_and_a_part_that_fails_loses_nothing(base: Path, tmp_path: Path) -> None:
    names = [path.stem.replace("-", " ") for path in sorted(NOTES.glob("*.md"))[:8]]
    forms = (
        "What is known about {}?",
        "Which findings are reported for {}?",
        "How is {} diagnosed?",
        "{}",
        "What is new on {}?",
        "Is {} common?",
    )
    questions = [form.format(name) for form in forms for name in names]
    file = tmp_path / "kept" / "results.json"
    parts = {name: PARTS[name] for name in ("uncached", "half", "peer")}
    said: list[str] = []
    with Bench(base, questions, tmp_path, Results(file), said.append, kept=tmp_path / "kept") as bench:
        bench.pace = 0.05
        rows = list(measure(bench, parts))
        again = list(measure(bench, parts, resume=True))
    assert again == []
    assert {row.part for row in rows} == set(parts)
    assert [row.part for row in rows if not row.unit and row.goal == "measured"] == ["peer"], said
    told = {(row.part, row.what.rpartition(": ")[2]): row for row in rows}
    assert told["uncached", "a second"].value > 5
    assert told["half", "p99"].value > 0
    assert 0 < told["half", "processor time of the service each"].value < 200
    assert any("LightRAG's server is not at" in line for line in said)
    assert [row.met for row in rows if row.part == "peer"] == [False]
    assert Results.read(file).rows() == rows
    assert (file.parent / "half.svg").read_text().count("<circle") > 2
    assert Row(**json.loads(file.read_bytes())["parts"]["half"]["rows"][0]) in rows
