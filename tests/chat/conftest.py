"""The chat in an environment of its own, over a real service, and a real browser before it."""

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmo.app import App, opened
from cmo.embed.provision import install
from cmo.model.answers import Answer
from cmo.model.evidence import Found
from cmo.model.ports import Answerer
from cmo.model.questions import Question
from cmo.settings import read_settings
from cmo.web import create_api
from tests.acceptance.browsing import chromium
from tests.acceptance.services import NOTES, served_here

ROOT = Path(__file__).parents[2]
ON_CI = "CI" in os.environ  # noqa: TID251 - CI is no setting of ours
ABOUT = ("maple-syrup-urine-disease", "mcad-and-vlcad-deficiency", "newborn-screening-by-tandem-ms")


@pytest.fixture(scope="session")
def chat_command() -> Path:
    """`cmo` where Chainlit is; installed if it is not there. Its absence is a failure where CI is set."""
    lock, venv = ROOT / "requirements-chat.lock", ROOT / ".venv-chat"
    done = venv / ".installed"
    with (Path(tempfile.gettempdir()) / "cmo-chat.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
            install = ["sh", "tools/install.sh", sys.executable, lock, venv]
            try:
                subprocess.run(install, cwd=ROOT, check=True, timeout=600)
            except (OSError, subprocess.SubprocessError) as error:
                (pytest.fail if ON_CI else pytest.skip)(f"Chainlit cannot be installed: {error}")
            done.touch()
    return venv / "bin" / "cmo"


class Pausing:
    """Says what another would, after a pause, and when it may."""

    def __init__(self, other: Answerer) -> None:
        self.other, self.seconds, self.asked = other, 0.0, 0
        self.may = threading.Event()
        self.may.set()

    def answer(self, question: Question, found: Found) -> Answer:
        self.asked += 1
        time.sleep(self.seconds)
        self.may.wait(60)
        return self.other.answer(question, found)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A base of three notes, read with the real model."""
    with filled(tmp_path_factory.mktemp("base")) as house:
        house.__dict__["speaker"] = Pausing(house.speaker)
        yield house


@contextmanager
def filled(folder: Path, about: Sequence[str] = ABOUT, **settings: Any) -> Iterator[App]:
    """A base of some notes."""
    install("minilm", Path("~/.cache/cmo/models").expanduser())
    with opened(read_settings(working_dir=folder, **settings)) as house:
        with house.pipeline(1) as pipeline:
            told = list(house.curator.ingest(pipeline, [NOTES / f"{name}.md" for name in about]))
        assert [outcome.status for outcome in told] == ["added"] * len(about)
        yield house


@pytest.fixture(scope="module")
def service(house: App) -> Iterator[str]:
    """Address of a service over it."""
    with served_here(create_api(house)) as address:
        yield address


@pytest.fixture(scope="module")
def chat(chat_command: Path, service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a chat over the service."""
    with chatting(chat_command, service, tmp_path_factory.mktemp("chat")) as address:
        yield address


@contextmanager
def chatting(chat_command: Path, service: str, folder: Path) -> Iterator[str]:
    """Address of a chat over a service."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    keep = {name: os.environ[name] for name in ("PATH", "HOME")}  # noqa: TID251 - a clean environment
    command = [chat_command, "chat", "--url", service, "--port", str(port), "--home", folder]
    said = (folder / "said.txt").open("w")
    process = subprocess.Popen(command, env={**keep, "LC_ALL": "C.UTF-8"}, stdout=said, stderr=said, cwd=folder)
    try:
        yield _begun(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait(20)
        said.close()
    assert "Traceback" not in (folder / "said.txt").read_text()


def _begun(address: str, process: "subprocess.Popen[bytes]") -> str:
    for _ in range(240):
        assert process.poll() is None
        try:
            httpx.get(address, timeout=5)
        except httpx.TransportError:
            time.sleep(0.25)
        else:
            return address
    raise AssertionError("the chat did not begin")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened
