"""A process is killed at any moment: what it acknowledged is there, nothing is there by half, and work goes on."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from shutil import rmtree
from typing import Any

from cmo.oracle import admit

PAPERS = 8
KILLS, KILLS_OF_A_BASE = 50, 5
SEED = 20_260_101


def write_papers(folder: Path) -> dict[str, str]:
    """Papers of about eight chunks; each title with its text."""
    folder.mkdir(parents=True)
    texts = {}
    for n in range(PAPERS):
        title = f"Study number {n} of markers in the plasma of patients"
        lines = [f"The marker{n}x{line} was measured in the plasma of patients at visit {line}." for line in range(20)]
        (folder / f"{n}.txt").write_text(f"{title}\n\n{' '.join(lines)}\n")
        texts[title] = " ".join(lines)
    return texts


def kill_after(pid: int, seconds: float) -> None:
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def assert_whole(base: Any, texts: dict[str, str], acknowledged: set[str]) -> None:
    """Every acknowledged paper is there, and every paper that is there is whole."""
    record = base.app.record
    summaries = record.papers()
    assert acknowledged <= {s.ref.metadata.title for s in summaries}
    assert record.check() == []
    chunks = list(record.chunks_of(list(record.current_versions()), base.app.encoder.identity))
    assert all(row.vectors is not None for row in chunks)
    for summary in summaries:
        mine = [row for row in chunks if row.paper == summary.ref]
        assert len(mine) == summary.chunks > 1
        assert " ".join(words for row in mine for words, *_ in row.sentences) == texts[summary.ref.metadata.title]
        assert base.app.originals.path(summary.ref).read_text().startswith(summary.ref.metadata.title)


def assert_answers(base: Any) -> None:
    """Whoever opens the base finds all that is recorded, and no more."""
    app = base.app
    count = len(app.record.papers())
    answer = app.oracle.reply(admit("Which marker was measured in the plasma of patients?")).answer
    assert (answer.refusal is None) == bool(count)
    assert answer.searched == sum(s.chunks for s in app.record.papers())
    if count:
        assert app.curator.check().faults == ()


def test_no_acknowledged_paper_is_lost_however_often_ingest_is_killed(
    drivers: Callable[[], Any], memory: Path, open_base: Callable[..., Any]
) -> None:
    texts = write_papers(memory / "papers")
    driver, moments = drivers(), random.Random(SEED)
    began = time.monotonic()
    driver.start("ingest", memory / "whole", memory / "papers")
    assert driver.lines()[-1] == ["ended", "0"]
    whole_seconds = time.monotonic() - began
    kills = 0
    for number in count():
        if kills >= KILLS:
            break
        folder, acknowledged = memory / f"base{number}", set()
        for _ in range(KILLS_OF_A_BASE):
            kill_after(driver.start("ingest", folder, memory / "papers"), moments.random() * whole_seconds)
            *said, ended = driver.lines()
            assert [line for line in said if line[0] == "failed"] == []
            acknowledged |= {title for _, _, title in said}
            if ended[1] != "-9":  # it was done before; the next must end sooner
                whole_seconds *= 0.9
                break
            kills += 1
            if number % 2:  # else the next ingest meets what the kill left
                with open_base(folder) as base:
                    assert_whole(base, texts, acknowledged)
                    assert_answers(base)
        driver.start("ingest", folder, memory / "papers")
        assert len(driver.lines()) == PAPERS + 1
        with open_base(folder) as base:
            assert_whole(base, texts, set(texts))
            assert_answers(base)
        rmtree(folder)


def test_an_acknowledged_retraction_holds_however_often_curating_is_killed(
    drivers: Callable[[], Any], memory: Path, open_base: Callable[..., Any]
) -> None:
    write_papers(memory / "papers")
    driver, moments = drivers(), random.Random(SEED)
    driver.start("ingest", memory / "base", memory / "papers")
    driver.lines()
    retracted: set[str] = set()
    for _ in range(KILLS_OF_A_BASE):
        pid = driver.start("curate", memory / "base")
        first = driver.first()  # the first retraction; what follows is cut off somewhere
        if first[0] == "ended":  # all are retracted
            break
        kill_after(pid, moments.random() * 0.2)
        said = [first, *driver.lines()]
        assert [line for line in said if line[0] == "failed"] == []
        retracted |= {words[1] for words in said if words[0] == "retracted"}
        with open_base(memory / "base") as base:
            app = base.app
            answer = app.oracle.reply(admit("Which marker was measured in the plasma of patients?")).answer
            left = {s.ref.paper_id for s in app.record.papers()}
            assert not left & retracted
            assert {c.paper.paper_id for c in answer.citations} <= left
            assert answer.searched == sum(s.chunks for s in app.record.papers())
            assert app.curator.check().faults == ()
    assert retracted


def test_a_killed_holder_frees_the_lock(
    drivers: Callable[[], Any], memory: Path, open_base: Callable[..., Any]
) -> None:
    driver = drivers()
    pid = driver.start("hold", memory / "base")
    assert driver.first() == ["holding"]
    os.kill(pid, signal.SIGKILL)
    assert driver.lines()[-1] == ["ended", "-9"]
    with open_base(memory / "base") as base:
        assert base.add(a="A title that is long enough\n\nAlanine is raised in plasma.")[0].status == "added"
