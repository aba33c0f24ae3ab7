"""What an install gets: pinned by hash, from nowhere in particular, of one version."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import cmo

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-chat.lock")


@pytest.fixture(scope="module")
def project(repo: Path) -> dict[str, Any]:
    return dict(tomllib.loads((repo / "pyproject.toml").read_text("utf-8"))["project"])


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_a_version_and_a_hash(repo: Path, name: str) -> None:
    entries = re.split(r"\n(?=\S)", (repo / name).read_text("utf-8").strip())
    assert len(entries) > 20
    assert [e.splitlines()[0] for e in entries if not re.match(r"[\w.\-\[\]]+==\S+", e)] == []
    assert [e.splitlines()[0] for e in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", e)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_says_no_address(repo: Path, name: str) -> None:
    text = (repo / name).read_text("utf-8")
    assert "://" not in text
    assert "index-url" not in text


def test_what_the_project_asks_for_is_locked(repo: Path, project: dict[str, Any]) -> None:
    locked = {_name(line) for line in (repo / "requirements.lock").read_text().splitlines() if "==" in line}
    assert {_name(wanted) for wanted in project["dependencies"]} - locked == set()
    locked = {_name(line) for line in (repo / "requirements-dev.lock").read_text().splitlines() if "==" in line}
    assert {_name(wanted) for wanted in project["optional-dependencies"]["dev"]} - locked == set()


def test_what_the_code_imports_is_asked_for_by_name(repo: Path, project: dict[str, Any]) -> None:
    imported = {
        match
        for path in (repo / "src").rglob("*.py")
        for match in re.findall(r"^\s*(?:import|from) (\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    asked = {_name(wanted) for wanted in project["dependencies"]}
    wanted = {module: package for module, package in _PACKAGE_OF.items() if module in imported}
    assert {package for package in wanted.values() if package not in asked} == set()


def test_there_is_one_version(project: dict[str, Any]) -> None:
    assert project["version"] == cmo.__version__


def test_the_changelog_has_room_for_what_comes(repo: Path) -> None:
    assert re.search(r"^## \[?Unreleased\]?$", (repo / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_make_alone_explains_every_target(repo: Path) -> None:
    text = (repo / "Makefile").read_text("utf-8")
    phony = set(re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)[0].split())
    explained = set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
    assert phony == explained


# FastAPI is made of starlette and anyio and speaks of them in its own interface.
_PACKAGE_OF = {
    "alembic": "alembic", "faiss": "faiss-cpu", "fastapi": "fastapi", "httpx": "httpx",
    "numpy": "numpy", "onnx": "onnx", "onnxruntime": "onnxruntime", "openai": "openai", "orjson": "orjson",
    "PIL": "pillow", "pydantic": "pydantic", "pydantic_settings": "pydantic-settings", "pypdfium2": "pypdfium2",
    "python_multipart": "python-multipart", "rich": "rich", "sqlalchemy": "sqlalchemy",
    "sse_starlette": "sse-starlette", "stamina": "stamina", "tantivy": "tantivy",
    "tokenizers": "tokenizers", "typer": "typer", "uvicorn": "uvicorn", "yaml": "pyyaml",
}  # fmt: skip


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement.strip(), maxsplit=1)[0].casefold()
