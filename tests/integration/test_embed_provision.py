"""Installing, listing and verifying models, with a model hub on loopback and small exports made here."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from cmo.embed import open_onnx
from cmo.embed.provision import install, list_models, verify
from cmo.errors import ModelCorrupt, ModelMissing

VOCABULARY = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "citrate", "glycine", "rose", "fell"]
TABLE = np.random.default_rng(2).normal(size=(len(VOCABULARY), 8)).astype(np.float32)


def onnx_bytes() -> bytes:
    """A graph as exporters write them: token vectors only, three inputs."""
    shape = ["batch", "tokens"]
    names = ("input_ids", "attention_mask", "token_type_ids")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
        "lookup",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in names],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, 8])],
        [numpy_helper.from_array(TABLE, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def tokenizer_bytes() -> bytes:
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    return tokenizer.to_str().encode()


EXPORT = {"onnx/model.onnx": onnx_bytes(), "tokenizer.json": tokenizer_bytes()}
CLS = {"1_Pooling/config.json": b'{"pooling_mode_cls_token": true}', "config.json": b'{"max_position_embeddings": 64}'}


def mean(*words: str) -> np.ndarray:
    vector = TABLE[[VOCABULARY.index(word) for word in words]].mean(axis=0)
    return vector / np.linalg.norm(vector)


class Hub:
    """Serves files of one model, and counts what was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = dict(EXPORT)
        self.asked: list[str] = []
        self.cut_after: int | None = None
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.removeprefix("/org/encoder/resolve/main/")
                hub.asked.append(name)
                body = hub.files.get(name)
                self.send_response(200 if body is not None else 404)
                self.send_header("content-length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write((body or b"")[: hub.cut_after])

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "models"


def export(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_hub_model_is_installed_listed_verified_and_used(hub: Hub, cache: Path) -> None:
    steps: list[tuple[str, float]] = []
    installed = install("org/encoder", cache, hub=hub.url, progress=lambda *step: steps.append(step))
    assert installed.folder == cache / "org--encoder"
    assert installed.identity.dimension == 8
    assert verify("org/encoder", cache) == installed.identity
    (line,) = [m for m in list_models(cache) if m.name == "org/encoder"]
    assert (line.installed, line.identity) == (True, str(installed.identity))
    assert steps[-1] == ("done", 1.0)
    model = open_onnx("org/encoder", models_dir=cache)
    np.testing.assert_allclose(model.encode_query("citrate rose"), mean("[CLS]", "citrate", "rose", "[SEP]"), atol=1e-6)
    (passage,) = model.encode_passages(["citrate rose glycine fell"], [[(0, 12), (13, 25)]])
    np.testing.assert_allclose(passage.sentences, [mean("citrate", "rose"), mean("glycine", "fell")], atol=1e-6)


def test_pooling_and_length_come_from_the_export_and_are_part_of_its_identity(hub: Hub, cache: Path) -> None:
    plain = install("org/encoder", cache / "plain", hub=hub.url)
    hub.files |= CLS
    cls = install("org/encoder", cache / "cls", hub=hub.url)
    assert (plain.pooling, plain.max_tokens) == ("mean", 512)
    assert (cls.pooling, cls.max_tokens) == ("cls", 64)
    assert plain.identity.digest != cls.identity.digest
    found = open_onnx("org/encoder", models_dir=cache / "cls").encode_query("citrate")
    np.testing.assert_allclose(found, mean("[CLS]"), atol=1e-6)


def test_a_sound_model_is_not_fetched_again(hub: Hub, cache: Path) -> None:
    install("org/encoder", cache, hub=hub.url)
    asked = len(hub.asked)
    install("org/encoder", cache, hub=hub.url)
    assert len(hub.asked) == asked


def test_installs_at_the_same_time_fetch_once(hub: Hub, cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _n: install("org/encoder", cache, hub=hub.url), range(4)))
    assert len({f.identity for f in found}) == 1
    assert hub.asked.count("onnx/model.onnx") == 1


def test_a_hub_that_has_no_such_model_is_said_to_have_none(hub: Hub, cache: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no tokenizer\.json"):
        install("other/encoder", cache, hub=hub.url)
    del hub.files["onnx/model.onnx"]
    with pytest.raises(ModelMissing, match="Export it to ONNX"):
        install("org/encoder", cache, hub=hub.url)
    assert [p.name for p in cache.iterdir() if p.is_dir()] == []


def test_a_graph_at_the_root_of_the_hub_s_folder_and_its_outside_weights_are_found(hub: Hub, cache: Path) -> None:
    hub.files = {"model.onnx": onnx_bytes(), "tokenizer.json": tokenizer_bytes(), "model.onnx_data": b"weights"}
    installed = install("org/encoder", cache, hub=hub.url)
    assert (installed.folder / "model.onnx_data").read_bytes() == b"weights"
    hub.files["model.onnx_data"] = b"others"
    assert install("org/encoder", cache / "b", hub=hub.url).identity.digest != installed.identity.digest


def test_a_hub_that_is_not_there_is_named(cache: Path) -> None:
    with pytest.raises(ModelMissing, match=r"org/encoder cannot be downloaded from http://127\.0\.0\.1:9"):
        install("org/encoder", cache, hub="http://127.0.0.1:9")


@pytest.mark.parametrize("graph", ["model.onnx", "onnx/model.onnx"])
def test_a_folder_with_an_export_is_used_where_it_lies(tmp_path: Path, cache: Path, graph: str) -> None:
    folder = export(tmp_path / "mine", {graph: onnx_bytes(), "tokenizer.json": tokenizer_bytes()})
    installed = install(str(folder), cache)
    assert installed.folder == folder
    assert not cache.exists()
    assert verify(str(folder), cache) == installed.identity
    model = open_onnx(str(folder), models_dir=cache)
    assert model.identity == installed.identity
    assert model.identity.name == "mine"


def test_another_tokenizer_makes_another_identity(tmp_path: Path, cache: Path) -> None:
    one = export(tmp_path / "one", EXPORT)
    other = export(tmp_path / "two", EXPORT | {"tokenizer.json": tokenizer_bytes().replace(b"fell", b"sank")})
    assert install(str(one), cache).identity.digest != install(str(other), cache).identity.digest


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path, cache: Path) -> None:
    folder = export(tmp_path / "mine", {"model.onnx": onnx_bytes()})
    with pytest.raises(ModelMissing, match=r"tokenizer\.json"):
        install(str(folder), cache)


@pytest.mark.parametrize("name", ["nothing", "../../etc", "org/../model", "", "a/b/c"])
def test_a_name_that_can_be_no_model_is_refused(cache: Path, name: str) -> None:
    with pytest.raises(ModelMissing, match="There is no model"):
        install(name, cache)


def test_a_model_that_is_not_installed_names_the_command(cache: Path) -> None:
    with pytest.raises(ModelMissing, match="Run `cmo models install minilm`"):
        open_onnx("minilm", models_dir=cache)
    assert [(m.name, m.installed) for m in list_models(cache)] == [("minilm", False)]


def test_the_manifest_names_every_file(hub: Hub, cache: Path) -> None:
    hub.files |= CLS
    folder = install("org/encoder", cache, hub=hub.url).folder
    facts = json.loads((folder / "model.json").read_text())
    assert set(facts["sha256"]) == {"model.onnx", "tokenizer.json", "1_Pooling/config.json", "config.json"}


def test_an_export_that_is_no_graph_is_refused_and_leaves_nothing(hub: Hub, cache: Path) -> None:
    hub.files["onnx/model.onnx"] = b"not a graph"
    with pytest.raises(ModelCorrupt, match=r"model\.onnx cannot be loaded"):
        install("org/encoder", cache, hub=hub.url)
    assert [p.name for p in cache.iterdir() if p.is_dir()] == []


def test_a_download_that_is_cut_leaves_nothing(hub: Hub, cache: Path) -> None:
    hub.cut_after = 100
    with pytest.raises(ModelMissing, match="cannot be downloaded"):
        install("org/encoder", cache, hub=hub.url)
    assert [p.name for p in cache.iterdir() if p.is_dir()] == []


def test_the_graph_that_this_file_makes_is_valid() -> None:
    onnx.checker.check_model(onnx.load_from_string(onnx_bytes()))
