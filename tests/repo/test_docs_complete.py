"""The docs name everything that there is, and nothing that there is not."""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

import lightrag_integration
from cmo import errors
from cmo.app import App
from cmo.cli.exits import Exit
from cmo.model.answers import RefusalReason
from cmo.model.outcomes import Refusal
from cmo.settings import Settings, read_settings
from cmo.web.api import create_api
from lightrag_integration.rag import RAGResponse

_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(<?([^)\s>]+)>?\)")
_FENCE = re.compile(r"^(`{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def reference(repo: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", repo / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(repo: Path, name: str) -> str:
    return (repo / "docs" / name).read_text("utf-8")


def test_the_generated_pages_are_what_the_code_says_now(repo: Path, reference: ModuleType) -> None:
    stale = [name for name, text in reference.pages().items() if page(repo, f"reference/{name}") != text]
    assert stale == [], "run `make docs`"


def test_every_setting_is_explained(repo: Path) -> None:
    told = page(repo, "reference/settings.md")
    names = [str(c) for f in Settings.model_fields.values() for c in getattr(f.validation_alias, "choices", ())]
    assert len(names) >= len(Settings.model_fields)
    assert [name for name in names if f"`{name}`" not in told] == []


def test_every_setting_is_read_by_something(repo: Path) -> None:
    code = "".join(p.read_text() for p in (repo / "src").rglob("*.py") if p.parent.name != "settings")
    code += "".join(p.read_text() for p in (repo / "lightrag_integration").glob("*.py"))
    assert [name for name in Settings.model_fields if not re.search(rf"\.{name}\b", code)] == []


def test_every_setting_named_in_the_docs_exists(pages: Sequence[Path]) -> None:
    known = {str(c) for f in Settings.model_fields.values() for c in getattr(f.validation_alias, "choices", ())}
    named = {name for p in pages for name in re.findall(r"\b(?:CMO|LIGHTRAG|CHUNK)_[A-Z_]+\b", p.read_text("utf-8"))}
    assert named - known == set()


def test_every_command_and_each_of_its_options_is_explained(repo: Path, reference: ModuleType) -> None:
    told = page(repo, "reference/cli.md")
    for path, command in reference.commands():
        assert f"\n## {path}\n" in told
        assert command.help, f"{path} has no help"
        for parameter in command.params:
            assert parameter.name == "help" or parameter.help, f"{path} {parameter.name} has no help"


def test_every_command_named_in_the_docs_exists(pages: Sequence[Path], reference: ModuleType) -> None:
    known = {path for path, _ in reference.commands()}
    groups = {path.rsplit(" ", 1)[0] for path in known}
    said = {
        (p.name, f"cmo {first}", f"cmo {first} {second}")
        for p in pages
        for first, second in re.findall(r"(?:^\$ |`|&& )cmo ([a-z]+)(?: ([a-z]+))?", p.read_text("utf-8"), re.MULTILINE)
    }
    wrong = [
        s for s in said if not (s[1] in known or s[2] in known | groups or (s[1] in groups and s[2].endswith(" ")))
    ]
    assert wrong == []


def test_every_error_exit_code_and_reason_is_explained(repo: Path) -> None:
    told = page(repo, "reference/errors.md")
    kinds = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.OracleError)]
    assert [k.code for k in kinds if f"| `{k.code}` | `{k.__name__}` |" not in told] == []
    assert [e.name for e in Exit if f"| {e.value} | `{e.name}` | " not in told] == []
    assert [r.value for r in RefusalReason if f"| `{r.value}` | " not in told] == []
    assert "|  |" not in told


def test_every_reason_for_refusing_a_file_has_its_remedy(repo: Path) -> None:
    told = page(repo, "how-to/ingest-your-papers.md")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| ([^|]+) \|$", told, re.MULTILINE))
    assert set(rows) == {reason.value for reason in Refusal}
    assert all(len(remedy) > 10 for remedy in rows.values())


def test_every_endpoint_is_explained(repo: Path, tmp_path: Path) -> None:
    told = page(repo, "reference/http.md")
    paths = create_api(App(read_settings(working_dir=tmp_path))).openapi()["paths"]
    calls = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    assert [call for call in calls if call not in told] == []


def test_every_documented_name_is_explained(repo: Path) -> None:
    told = page(repo, "reference/documented-names.md")
    assert [name for name in lightrag_integration.__all__ if f"`{name}" not in told] == []
    assert [name for name in RAGResponse.__slots__ if f"`{name}`" not in told] == []


def test_every_decision_is_listed_and_says_how_to_notice_that_it_was_wrong(repo: Path) -> None:
    listed = page(repo, "README.md")
    for decision in sorted((repo / "docs/adr").glob("*.md")):
        assert f"adr/{decision.name}" in listed, f"{decision.name} is not in docs/README.md"
        assert "How to notice that it was wrong" in decision.read_text("utf-8")


def test_every_link_leads_somewhere(repo: Path, pages: Sequence[Path]) -> None:
    broken = []
    for source in pages:
        for target in _LINK.findall(_FENCE.sub("", source.read_text("utf-8"))):
            name, _, anchor = unquote(target).partition("#")
            if re.match(r"[a-z]+:", name):
                continue
            aim = (source.parent / name) if name else source
            if not aim.exists():
                broken.append(f"{source.relative_to(repo)}: {target}")
            elif anchor and aim.suffix == ".md" and anchor not in anchors(aim.read_text("utf-8")):
                broken.append(f"{source.relative_to(repo)}: no heading #{anchor} in {name or source.name}")
    assert broken == []


def test_every_test_that_is_named_as_proof_is_there(repo: Path, pages: Sequence[Path]) -> None:
    there = {path.name for path in (repo / "tests").rglob("test_*.py")}
    named = {(page.name, name) for page in pages for name in re.findall(r"`(test_\w+\.py)`", page.read_text())}
    assert ("access.md", "test_web_tenants.py") in named
    assert [one for one in sorted(named) if one[1] not in there] == []


def test_every_page_can_be_reached_from_the_readme(repo: Path) -> None:
    reached: set[Path] = set()
    waiting = [repo / "README.md"]
    while waiting:
        source = waiting.pop()
        if source in reached or source.suffix != ".md" or not source.is_file():
            continue
        reached.add(source)
        waiting += [(source.parent / t.partition("#")[0]).resolve() for t in _LINK.findall(source.read_text("utf-8"))]
    assert [p.relative_to(repo) for p in sorted((repo / "docs").rglob("*.md")) if p not in reached] == []


def anchors(text: str) -> set[str]:
    """Headings as addresses, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_map_names_each_room_and_each_story_once(repo: Path) -> None:
    rows = re.findall(r"^\| ((?:… )?`[^|]+`) \|", (repo / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    package = repo / "src" / "cmo"
    rooms = {f"{path.name}/" for path in package.iterdir() if (path / "__init__.py").exists()}
    parts = [*package.glob("*.py"), *(package / "cast").glob("*.py"), *(package / "stories").glob("*.py")]
    files = {path.name for path in parts} - {"__init__.py", "errors.py", "testing.py"}
    assert sorted(named) == sorted(rooms | files | {"lightrag_integration/"})
