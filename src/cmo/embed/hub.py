"""Files of a model from a model hub, by plain HTTPS: ``GET {hub}/{org}/{model}/resolve/main/{file}``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

from cmo.embed.manifest import CONFIG, MINILM, POOLING, TOKENIZER
from cmo.errors import ModelMissing

Step = Callable[[str, float], None]
"""Called with what is being done and the share that is done, from 0 to 1."""
_TIMEOUT_SECONDS = 60.0
_ONNX = ("onnx/model.onnx", "model.onnx")
_OPTIONAL = (POOLING, CONFIG)


def download(name: str, folder: Path, *, hub: str, progress: Step) -> None:
    """Fetch a sentence encoder's ONNX export and its tokenizer into a folder.

    Args:
        name: such as ``org/model``.
        folder: exists and is empty.
        hub: address of the hub.
        progress: told what happens.

    Raises:
        ModelMissing: the hub cannot be reached, or the model has no ONNX export.
    """
    try:
        with httpx.Client(base_url=hub, follow_redirects=True, timeout=_TIMEOUT_SECONDS) as client:
            repository = _Repository(client, f"/{name}/resolve/main", progress)
            repository.need(TOKENIZER, folder / TOKENIZER, 0.0)
            for file in _OPTIONAL:
                repository.fetch(file, folder / file, 0.05)
            graph = next((g for g in _ONNX if repository.fetch(g, folder / "model.onnx", 0.1)), None)
            if graph is None:
                raise ModelMissing(f"{name} has no {_ONNX[0]} on {hub}. Export it to ONNX and name the folder instead.")
            repository.fetch(f"{graph}_data", folder / "model.onnx_data", 0.3)
    except httpx.HTTPError as error:
        raise ModelMissing(
            f"{name} cannot be downloaded from {hub}: {error}. Check the name and the network, "
            f"or use `{MINILM}`, which comes from the package index."
        ) from error


class _Repository:
    """The files of one model on a hub."""

    def __init__(self, client: httpx.Client, root: str, progress: Step) -> None:
        self._client = client
        self._root = root
        self._progress = progress

    def need(self, file: str, target: Path, share: float) -> None:
        """Fetch a file that must be there."""
        if not self.fetch(file, target, share):
            raise ModelMissing(f"There is no {file} at {self._client.base_url.join(f'{self._root}/{file}')}.")

    def fetch(self, file: str, target: Path, share: float) -> bool:
        """Fetch a file; False where the hub has none."""
        with self._client.stream("GET", f"{self._root}/{file}") as reply:
            if reply.status_code == httpx.codes.NOT_FOUND:
                return False
            reply.raise_for_status()
            target.parent.mkdir(parents=True, exist_ok=True)
            total = int(reply.headers.get("content-length", 0))
            with target.open("wb") as out:
                for part in reply.iter_bytes():
                    out.write(part)
                    done = reply.num_bytes_downloaded / total if total else 0.0
                    self._progress(f"downloading {file}", share + (1.0 - share) * min(done, 1.0) * 0.9)
        return True
