"""`cmo` as a process of its own: Ctrl-C, pipes, and the real model."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

CMO = Path(sys.executable).with_name("cmo")
PAPER = "Study {n} of metabolites in plasma\n\nSubject number {n} had a raised concentration of alanine in plasma. "

pytestmark = pytest.mark.model


def environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251
    return {**kept, "CMO_HOME": str(home), "LC_ALL": "C.UTF-8", "CMO_DRAIN_SECONDS": "0"}


def cmo(home: Path, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CMO, *arguments], env=environment(home), capture_output=True, text=True, timeout=120, check=False, **options
    )


@pytest.fixture(scope="module", autouse=True)
def _model() -> None:
    from cmo.embed.provision import install

    install("minilm", Path("~/.cache/cmo/models").expanduser())


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    for n in range(300):
        (folder / f"{n:03}.txt").write_text(PAPER.format(n=n) + f"The ratio of {n} to one was seen in plasma. " * 12)
    return folder


def test_an_interrupted_ingest_ends_with_130_and_keeps_what_it_told(papers: Path, tmp_path: Path) -> None:
    home = tmp_path / "base"
    process = subprocess.Popen(
        [CMO, "ingest", papers, "--json"],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,  # what a reader had taken in already would be lost to `communicate`
    )
    assert process.stdout is not None
    told = [orjson.loads(process.stdout.readline())]
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    out, err = process.communicate(timeout=60)
    told += [orjson.loads(line) for line in out.splitlines()]
    assert process.returncode == 130, err.decode()
    assert err.decode() == "Interrupted. What was acknowledged is kept; run the same command again to go on.\n"
    acknowledged = {outcome["paper_id"] for outcome in told}
    assert 0 < len(acknowledged) < 300
    listed = {p["paper_id"] for p in orjson.loads(cmo(home, "papers", "list", "--json").stdout)["papers"]}
    assert acknowledged <= listed
    assert orjson.loads(cmo(home, "kb", "verify", "--json").stdout)["sound"]


def test_pipes_carry_no_bars_and_no_colours(papers: Path, tmp_path: Path) -> None:
    few = [papers / f"{n:03}.txt" for n in range(3)]
    said = cmo(tmp_path / "base", "ingest", *few)
    assert said.returncode == 0, said.stderr
    assert "\x1b" not in said.stdout + said.stderr
    assert "\r" not in said.stdout + said.stderr
    assert said.stderr == ""
    assert "\x1b" not in cmo(tmp_path / "base", "papers", "list").stdout


def test_a_reader_that_goes_away_costs_no_traceback(tmp_path: Path) -> None:
    listing = subprocess.Popen(
        [CMO, "models", "list", "--json"], env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert listing.stdout is not None
    listing.stdout.close()
    assert listing.stderr is not None
    assert b"Traceback" not in listing.stderr.read()
    listing.stderr.close()
    listing.wait(30)


def test_words_outside_a_narrow_encoding_cost_no_traceback(tmp_path: Path) -> None:
    said = subprocess.run(
        [CMO, "ask", "β-alanine in plasma"],
        env={**environment(tmp_path), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 3
    assert b"Traceback" not in said.stderr


def test_an_argument_that_is_no_utf_8_is_asked_like_others(tmp_path: Path) -> None:
    said = subprocess.run(
        [CMO, "ask", b"phenyl\xffalanine", "--json"],
        env=environment(tmp_path),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 3
    assert orjson.loads(said.stdout)["answered"] is False


def test_a_full_disk_is_said_so(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with full.open("w") as sink:
        said = subprocess.run(
            [CMO, "models", "list", "--json"],
            env=environment(tmp_path),
            stdout=sink,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert said.returncode == 8
    assert "No space left" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_port_in_use_is_said_with_what_to_do(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = cmo(tmp_path, "serve", "--port", str(taken.getsockname()[1]))
    assert said.returncode == 2
    assert "Address already in use. Choose another" in said.stderr


def test_a_service_that_could_keep_no_answers_where_it_should_does_not_begin(tmp_path: Path) -> None:
    shared = {**environment(tmp_path), "CMO_REDIS_URL": "nonsense"}
    command = [CMO, "serve", "--port", "0"]
    said = subprocess.run(command, env=shared, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 2
    assert "CMO_REDIS_URL is no address of a Redis" in said.stderr


def test_a_service_ends_well_when_told_to_stop(tmp_path: Path) -> None:
    service = subprocess.Popen(
        [CMO, "serve", "--port", "0"], env=environment(tmp_path), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert service.stderr is not None
    for line in service.stderr:
        if b"Uvicorn running" in line:
            break
    time.sleep(0.1)
    service.send_signal(signal.SIGTERM)
    assert b"Traceback" not in service.stderr.read()
    service.stderr.close()
    assert service.wait(30) in {0, -signal.SIGTERM}
