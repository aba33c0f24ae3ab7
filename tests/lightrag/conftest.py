"""The real LightRAG, in an environment of its own, and a model server that it talks to."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cmo.lightrag.process import Limits, Process
from cmo.llm import ChatEndpoint
from cmo.testing import HashingEmbedder

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / "bench" / "peers"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec
    assert spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ChatServer: Any = _module("chat_server").ChatServer

DOCUMENTS = {
    "doc-pku": (
        "Phenylketonuria.md",
        (
            "# Phenylalanine and tyrosine in untreated phenylketonuria\n\n"
            "Phenylalanine is raised in phenylketonuria. The enzyme phenylalanine hydroxylase converts phenylalanine to "
            "tyrosine. Phenylketonuria is treated with sapropterin in those who respond to it."
        ),
    ),
    "doc-tmao": (
        "../../etc/TMAO & heart.txt",
        (
            "Trimethylamine oxide in plasma and the risk of atherosclerosis\n\n"
            "FMO3 turns trimethylamine into TMAO. TMAO is associated with atherosclerosis in most cohorts.\n\n"
            "Plasma TMAO was measured by mass spectrometry. Phenylalanine is not associated with atherosclerosis."
        ),
    ),
}


@pytest.fixture(scope="session")
def lightrag_python() -> Path:
    """An interpreter that has LightRAG; made if it is not there. Its absence is a failure where CI is set."""
    lock, venv = PEERS / "requirements.lock", PEERS / ".venv"
    done, python = venv / "installed.lock", venv / "bin" / "python"
    with (Path(tempfile.gettempdir()) / "cmo-lightrag.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not done.exists() or done.read_bytes() != lock.read_bytes():
            uv = Path(sys.executable).with_name("uv")
            try:
                subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, venv], check=True)
                install = [uv, "pip", "install", "-q", "--python", python, "--require-hashes", "-r", lock]
                subprocess.run(install, check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                absent = pytest.fail if "CI" in os.environ else pytest.skip  # noqa: TID251 - CI is no setting of ours
                absent(f"LightRAG cannot be installed: {error}")
            shutil.copy(lock, done)
    return python


@pytest.fixture
def model() -> Iterator[Any]:
    with ChatServer() as server:
        yield server


@pytest.fixture
def chat(model: Any) -> Iterator[ChatEndpoint]:
    with ChatEndpoint(base_url=model.url, model="rules", timeout=5.0, first_pause=0.01) as chat:
        yield chat


@pytest.fixture
def process(lightrag_python: Path, chat: ChatEndpoint, tmp_path: Path) -> Iterator[Process]:
    made = Process(lightrag_python, tmp_path / "lightrag", HashingEmbedder(), chat, Limits())
    yield made
    made.close()


@pytest.fixture(scope="session")
def _made(lightrag_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lightrag") / "rag_storage"
    with ChatServer() as server, ChatEndpoint(base_url=server.url, model="rules") as chat:
        process = Process(lightrag_python, folder, HashingEmbedder(), chat, Limits())
        for document, (name, text) in DOCUMENTS.items():
            said = {"document": document, "name": name, "passages": text.split("\n\n")}
            assert process.request("insert", 60, **said)["state"] == "processed"
        process.close()
    return folder


@pytest.fixture
def made(_made: Path, tmp_path: Path) -> Path:
    """A working directory that the real library has just made, this test's own."""
    return shutil.copytree(_made, tmp_path / "made")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """One that it made before, kept beside the tests: for those that need no library."""
    return shutil.copytree(HERE / "rag_storage", tmp_path / "kept")


@pytest.fixture
def change(kept: Path) -> Callable[[str, Callable[[str], str]], Path]:
    """Spoils a file of the kept directory."""

    def change_(name: str, by: Callable[[str], str]) -> Path:
        path = kept / name
        path.write_text(by(path.read_text("utf-8")), "utf-8")
        return kept

    return change_
