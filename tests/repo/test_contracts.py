"""Who may import whom, and what importing costs."""

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

HEAVY = ("numpy", "onnxruntime", "redis", "faiss", "sqlalchemy", "fastapi", "chainlit", "tantivy")


def test_the_import_contracts_hold(repo: Path) -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=repo, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contracts_know_every_room(repo: Path) -> None:
    contracts = ConfigParser()
    contracts.read(repo / ".importlinter")
    layers = contracts["importlinter:contract:floors"]["layers"].replace("|", " ").split()
    source = repo / "src/cmo"
    rooms = {p.name for p in source.iterdir() if (p / "__init__.py").exists()} | {p.stem for p in source.glob("*.py")}
    for sorted_singly in ("cast", "stories"):
        rooms |= {f"{sorted_singly}.{p.stem}" for p in (source / sorted_singly).glob("*.py")}
    named = {f"cmo.{room}" for room in rooms if room.split(".")[-1] not in {"__init__", "testing", "cast", "stories"}}
    assert named - set(layers) == set()
    forbidden = set(contracts["importlinter:contract:core-knows-no-facade"]["source_modules"].split())
    assert {".".join(room.split(".")[:2]) for room in layers} - {"lightrag_integration"} == forbidden


@pytest.mark.parametrize("name", ["lightrag_integration", "cmo", "cmo.settings", "cmo.client", "cmo.cli.main"])
def test_importing_loads_nothing_heavy(name: str) -> None:
    allowed = {"cmo.cli.main": {"numpy", "faiss", "tantivy"}}.get(name, set())
    loaded = run(f"import {name}, sys; print(*(m for m in {HEAVY!r} if m in sys.modules))").split()
    assert set(loaded) - allowed == set()


def test_the_documented_names_load_when_they_are_used() -> None:
    assert run("import lightrag_integration as l; print(*(n for n in l.__all__ if not hasattr(l, n)))") == ""
    assert (
        run("import lightrag_integration as l; l.LightRAGConfig; import sys; print('numpy' in sys.modules)") == "False"
    )


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
