"""What models are installed, and whether they are sound.

::

    cache/minilm/    model.json (identity, SHA-256 of every file) · model.onnx · weights.bin · tokenizer.json
    some/export/     model.onnx or onnx/model.onnx · tokenizer.json       used where it lies, without a manifest
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cmo.errors import ModelCorrupt, ModelError, ModelMissing
from cmo.kit.files import sha256_file, write_atomic
from cmo.kit.hashing import hex_hash
from cmo.model.ports import ModelIdentity

MINILM = "minilm"
MANIFEST = "model.json"
TOKENIZER = "tokenizer.json"
POOLING = "1_Pooling/config.json"
CONFIG = "config.json"
MAX_TOKENS = 512
"""The longest passage; an encoder with fewer positions takes fewer."""
GRAPH = "model.onnx"
QUESTION_GRAPH = "question.onnx"
"""The same model with 8-bit products: two and a half times as fast for one question."""
_GRAPHS = (GRAPH, f"onnx/{GRAPH}")
_WEIGHTS = (".onnx_data", ".onnx.data", "weights.bin", "weights8.bin")
_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")


@dataclass(frozen=True, slots=True)
class Installed:
    """A model that is ready to load."""

    identity: ModelIdentity
    folder: Path
    pooling: str
    """``mean`` or ``cls``."""
    max_tokens: int

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return graph_in(self.folder)

    @property
    def question_graph(self) -> Path | None:
        """The smaller one for questions, where there is one."""
        path = self.folder / QUESTION_GRAPH
        return path if path.is_file() else None

    @property
    def tokenizer(self) -> Path:
        """The tokenizer's file."""
        return self.folder / TOKENIZER


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of `cmo models list`."""

    name: str
    installed: bool
    identity: str
    about: str


def load_manifest(name: str, cache: Path) -> Installed:
    """What is known of an installed model, without reading its weights.

    Raises:
        ModelMissing: it is not installed; the message names the command that installs it.
        ModelCorrupt: its manifest cannot be read, or a file is gone.
    """
    folder = place(name, cache)
    if is_export(folder, cache):
        return describe(folder, name=folder.name)
    facts = _facts(name, folder)
    missing = [file for file in facts["sha256"] if not (folder / file).exists()]
    if missing:
        raise ModelCorrupt(f"{folder} lacks {', '.join(missing)}. {_repair(name)}")
    return Installed(ModelIdentity(**facts["identity"]), folder, facts["pooling"], facts["max_tokens"])


def verify(name: str, cache: Path) -> ModelIdentity:
    """Read every file of a model and compare it with its checksum.

    Raises:
        ModelMissing: it is not installed.
        ModelCorrupt: a file is gone or differs; the message names it and the command that repairs it.
    """
    installed = load_manifest(name, cache)
    if not is_export(installed.folder, cache):
        for file, pin in _facts(name, installed.folder)["sha256"].items():
            if sha256_file(installed.folder / file) != pin:
                raise ModelCorrupt(f"{installed.folder / file} does not match its checksum. {_repair(name)}")
    return installed.identity


def list_models(cache: Path) -> list[Listed]:
    """The built-in model and whatever else is installed."""
    names = {MINILM: "all-MiniLM-L6-v2, English, 384 dimensions, the default"}
    if cache.is_dir():
        folders = sorted(p.name for p in cache.iterdir() if p.is_dir() and not p.name.startswith("."))
        names |= {folder.replace("--", "/", 1): "" for folder in folders if folder != MINILM}
    return [_listed(name, about, cache) for name, about in names.items()]


def place(name: str, cache: Path) -> Path:
    """The folder of a model, installed or not.

    Raises:
        ModelMissing: no model can have this name.
    """
    export = Path(name).expanduser()
    if name == MINILM:
        return cache / MINILM
    if any((export / graph).is_file() for graph in _GRAPHS):
        return export.resolve()
    if not _HUB_NAME.fullmatch(name):
        raise ModelMissing(
            f"There is no model {name!r}: name `{MINILM}`, a folder that holds model.onnx and tokenizer.json, "
            "or a hub name such as org/model."
        )
    return cache / name.replace("/", "--")


def is_export(folder: Path, cache: Path) -> bool:
    """Whether a folder is the user's own, rather than one in the cache."""
    return folder.parent != cache


def graph_in(folder: Path) -> Path:
    """The ONNX file of a folder."""
    return next((folder / graph for graph in _GRAPHS if (folder / graph).is_file()), folder / _GRAPHS[0])


def describe(folder: Path, *, name: str, origin: Iterable[str] = ()) -> Installed:
    """An ONNX export as a model: its pooling and length from its configuration, its width from its graph.

    Args:
        folder: the export.
        name: what the model is called.
        origin: checksums that stand for weights and tokenizer, where the graph was built here and may be built
            differently tomorrow; those of the files themselves by default.

    Raises:
        ModelMissing: a file is not there.
        ModelCorrupt: a file cannot be read.
    """
    from cmo.embed.session import output_width  # noqa: PLC0415 - loads ONNX Runtime

    graph = graph_in(folder)
    for file in (graph, folder / TOKENIZER):
        if not file.is_file():
            raise ModelMissing(f"{folder} holds no {file.name}; an ONNX export of a sentence encoder has both.")
    pooling, max_tokens = _pooling(folder), _max_tokens(folder)
    sums = list(origin) or [sha256_file(file) for file in (*_weights(graph), folder / TOKENIZER)]
    digest = hex_hash(*sums, pooling, str(max_tokens), size=6)
    return Installed(ModelIdentity(name, digest, output_width(graph)), folder, pooling, max_tokens)


def write_manifest(installed: Installed, recipe: int) -> None:
    """Record a model's identity and the checksum of every file, in its folder.

    Args:
        installed: the model.
        recipe: number of the way in which it was built.
    """
    folder = installed.folder
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    facts = {
        "recipe": recipe,
        "identity": asdict(installed.identity),
        "pooling": installed.pooling,
        "max_tokens": installed.max_tokens,
        "sha256": {p.relative_to(folder).as_posix(): sha256_file(p) for p in files},
    }
    write_atomic(folder / MANIFEST, json.dumps(facts, indent=2).encode())


def recipe_of(name: str, cache: Path) -> int:
    """Number of the way in which an installed model was built; 0 where none is recorded."""
    return int(_facts(name, place(name, cache)).get("recipe", 0))


def _facts(name: str, folder: Path) -> Mapping[str, Any]:
    try:
        facts = json.loads((folder / MANIFEST).read_text("utf-8"))
        ModelIdentity(**facts["identity"])
        sound = isinstance(facts["sha256"], dict) and {"pooling", "max_tokens"} <= facts.keys()
    except FileNotFoundError as error:
        raise ModelMissing(f"The model {name!r} is not installed. {_install(name)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelCorrupt(f"{folder / MANIFEST} cannot be read. {_repair(name)}") from error
    if not sound:
        raise ModelCorrupt(f"{folder / MANIFEST} is not complete. {_repair(name)}")
    return facts  # type: ignore[no-any-return]


def _listed(name: str, about: str, cache: Path) -> Listed:
    try:
        return Listed(name, installed=True, identity=str(load_manifest(name, cache).identity), about=about)
    except ModelMissing:
        return Listed(name, installed=False, identity="", about=about)
    except ModelError as error:
        return Listed(name, installed=False, identity="", about=str(error))


def _weights(graph: Path) -> list[Path]:
    """The graph and what lies beside it that may hold its weights."""
    return [graph, *sorted(p for p in graph.parent.iterdir() if p.name.endswith(_WEIGHTS))]


def _pooling(folder: Path) -> str:
    return "cls" if _config(folder / POOLING).get("pooling_mode_cls_token") else "mean"


def _max_tokens(folder: Path) -> int:
    return min(MAX_TOKENS, int(_config(folder / CONFIG).get("max_position_embeddings", MAX_TOKENS)))


def _config(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ModelCorrupt(f"{path} is not JSON. Export the model again.") from error
    return found if isinstance(found, dict) else {}


def _install(name: str) -> str:
    return f"Run `cmo models install {name}`."


def _repair(name: str) -> str:
    return f"Run `cmo models install {name}` to repair it."
