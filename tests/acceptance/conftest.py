"""Documents are run as a reader would: block by block, in a folder of their own, against the real model."""

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from sybil import Document
from sybil.parsers.markdown import CodeBlockParser

REPO = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LANGUAGES = ("console", "bash", "python")
SECONDS = 300
PAPER = """---
title: How long volunteers fasted before their plasma was drawn
authors: [Our Group]
year: 2024
---

# How long volunteers fasted before their plasma was drawn

## Methods

Twenty-four healthy volunteers fasted for twelve hours before plasma was drawn into EDTA tubes. Samples were put on ice
at once, centrifuged within thirty minutes and frozen at -80 °C.

## Results

Acetylcarnitine (C2) rose from 5.1 to 8.4 µmol/L between the second and the twelfth hour of fasting. Free carnitine fell
by a tenth over the same time. Medium-chain acylcarnitines did not change.

## Discussion

A fast of twelve hours raises acetylcarnitine enough to be mistaken for a defect of fatty acid oxidation.
"""

RunDocument = Callable[[Path], int]


class Reader:
    """Somebody with a shell in a fresh checkout, who types what a document says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".shell"
        self.port = _free_port()
        self.services: list[subprocess.Popen[bytes]] = []
        self.environment = {
            "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(Path.home()),
            "CMO_HOME": str(folder / "kb"),
            "LIGHTRAG_PAPERS_DIR": str(folder / "papers"),
            "PORT": str(self.port),
            "COLUMNS": "92",
            "LC_ALL": "C.UTF-8",
            "CMO_DRAIN_SECONDS": "0",
        }

    def settle(self) -> None:
        """The checkout, less what a reader does not touch; two papers of their own, and a folder of LightRAG."""
        (self.folder / "library").symlink_to(REPO / "library")
        shutil.copy(REPO / "Makefile", self.folder)
        (self.folder / ".venv").mkdir()
        for name in ("bin", "lib", "pyvenv.cfg"):
            (self.folder / ".venv" / name).symlink_to(BIN.parent / name)
        for name in ("requirements.lock", "requirements-dev.lock", ".venv/.installed", ".venv/.developing"):
            (self.folder / name).touch()  # as after an install, each newer than the one before
        papers = self.folder / "papers"
        papers.mkdir()
        (papers / "fasting.md").write_text(PAPER)
        shutil.copytree(REPO / "tests" / "lightrag" / "rag_storage", self.folder / "rag_storage")
        scan = Image.new("L", (620, 877), 255)
        ImageDraw.Draw(scan).text((60, 60), "A page that was scanned")
        scan.save(papers / "scan.pdf", "PDF")

    def type(self, script: str) -> tuple[int, str]:
        """Run a script in the shell as the last one left it."""
        whole = (
            f"[ -f {self.state} ] && . {self.state} >/dev/null 2>&1\n{script}\n__code=$?\n"
            f'{{ export -p; echo "cd $PWD"; }} > {self.state}; exit $__code'
        )
        done = subprocess.run(
            ["bash", "-c", whole],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout.decode().replace(f":{self.port}", ":8000")

    def serve(self, command: str) -> None:
        """Start the service and wait until it is well."""
        script = f"[ -f {self.state} ] && . {self.state} >/dev/null 2>&1\nexec {command}"
        self.services.append(
            subprocess.Popen(["bash", "-c", script], cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL)
        )
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(f"{command} did not come up")

    def leave(self) -> None:
        for service in self.services:
            service.terminate()
            service.wait(20)
        self.services.clear()

    def follow(self, language: str, text: str) -> str | None:
        """Run one block of a document; says what went otherwise than shown, or nothing."""
        if language == "python":
            code, said = self.type(f"python - <<'PYTHON'\n{text}\nPYTHON")
            return f"exit {code}\n{said}" if code else None
        if language == "bash":
            commands: list[tuple[str, str | None]] = [(text, None)]
        else:
            commands = list(_dialogue(text))
        last = 0
        for n, (command, expected) in enumerate(commands):
            if re.match(r"(cmo|make) serve\b", command):
                self.serve(command)
                continue
            code, said = self.type(command if language == "console" else f"set -euo pipefail\n{command}\nset +eu")
            asks_for_code = n + 1 < len(commands) and "$?" in commands[n + 1][0]
            if command.strip() == "echo $?":
                said, code = f"{last}\n", 0
            last = code
            if code and not asks_for_code:
                return f"$ {command}\nexit {code}\n{said}"
            if expected is not None and not _as_expected(expected, said):
                return f"$ {command}\nexpected:\n{expected}\ngot:\n{said}"
        return None


def _dialogue(text: str) -> Iterator[tuple[str, str | None]]:
    """Commands after ``$``, each with what is printed below it; None where nothing is shown."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, rest = part.partition("\n")
        while command.endswith("\\"):
            more, _, rest = rest.partition("\n")
            command = f"{command}\n{more}"
        yield command, rest if rest.strip() else None


def _as_expected(expected: str, said: str) -> bool:
    """Whether text is as shown: white space does not count, ``…`` stands for anything."""
    parts = (re.escape(" ".join(part.split())).replace(r"\ ", r"\s+") for part in expected.split("…"))
    return re.fullmatch(r"\s*" + r"[\s\S]*?".join(rf"\s*{part}\s*" for part in parts) + r"\s*", said) is not None


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="session")
def _model() -> None:
    from cmo.embed.provision import install

    install("minilm", Path("~/.cache/cmo/models").expanduser())


@pytest.fixture
def reader(tmp_path: Path, _model: None) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    reader.settle()
    yield reader
    reader.leave()


@pytest.fixture
def run_document(reader: Reader) -> RunDocument:
    """Runs every block of a document in order; returns how many there were."""

    def run(path: Path) -> int:
        parsers = [
            CodeBlockParser(
                language=language,
                evaluator=lambda example, language=language: reader.follow(
                    language, example.parsed.replace(":8000", f":{reader.port}")
                ),
            )
            for language in LANGUAGES
        ]
        count = 0
        for example in Document.parse(str(path), *parsers).examples():
            example.evaluate()
            count += 1
        return count

    return run
