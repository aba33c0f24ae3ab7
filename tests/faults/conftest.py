"""Processes that tests may kill, and a folder in memory that makes that quick."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree

import pytest

DRIVER = Path(__file__).with_name("driver.py")
MEMORY = Path("/dev/shm")


class Driver:
    """A process that forks a child for each order; see `driver.py`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.line() == ["ready"]

    def start(self, command: str, folder: Path, papers: Path = Path()) -> int:
        """Give an order; returns the child's process id once it is known."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\t{folder}\t{papers}\n")
        self._process.stdin.flush()
        self._early: list[list[str]] = []
        while (line := self.line())[0] != "started":
            self._early.append(line)
        return int(line[1])

    def first(self) -> list[str]:
        """What the child says first; it may have said it before its process id was known."""
        return self._early.pop(0) if self._early else self.line()

    def line(self) -> list[str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the driver is gone"
        return line.rstrip("\n").split("\t")

    def lines(self) -> list[list[str]]:
        """What the child said, up to its end; its exit status is last."""
        said = list(self._early)
        while (line := self.line())[0] != "ended":
            said.append(line)
        return [*said, line]

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def drivers() -> Iterator[Callable[[], Driver]]:
    """Starts drivers and ends them."""
    started: list[Driver] = []

    def start() -> Driver:
        started.append(Driver())
        return started[-1]

    yield start
    for driver in started:
        driver.end()


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder whose writes cost nothing: what is tested here is death, not the disk."""
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield folder
    rmtree(folder, ignore_errors=True)  # a process that was killed may still be letting go of its files


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a file system of so many bytes."""
    if os.geteuid() != 0 and not os.environ.get("CI"):  # noqa: TID251 - whether this is the build server
        pytest.skip("mounting a small file system needs root")
    mounted: list[Path] = []

    def mount(size: int) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)
