"""What all tests share: a clean environment, no spending, and a small base with the shipped fakes."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cmo.answer.confidence import Confidence
from cmo.answer.extract import ExtractiveAnswerer
from cmo.app import App, opened
from cmo.ingest.pipeline import Chunking, Pipeline
from cmo.model.concepts import Concept, Kind
from cmo.model.outcomes import Outcome
from cmo.settings import Settings, read_settings
from cmo.testing import NEVER, FakeLinker, FakeReader, HashingEmbedder, ParsersHere

os.environ["COLUMNS"] = "140"  # noqa: TID251 - what commands print is as wide in whatever order tests run
Texts = dict[str, str]
CONCEPTS = (
    Concept("CHEBI:17295", "phenylalanine", Kind.METABOLITE, ("L-phenylalanine",)),
    Concept("CHEBI:18186", "tyrosine", Kind.METABOLITE),
    Concept("CHEBI:16643", "methionine", Kind.METABOLITE),
    Concept("DOID:9281", "phenylketonuria", Kind.DISEASE, ("PKU",)),
    Concept("DOID:9263", "homocystinuria", Kind.DISEASE),
    Concept("UBERON:0001969", "plasma", Kind.SPECIMEN),
    Concept("CMO:patients", "patients", Kind.OTHER),
    Concept("CMO:visit", "visit", Kind.OTHER),
    Concept("CMO:newborns", "newborns", Kind.ORGANISM),
)
"""What the fake linker of all tests knows."""
_OURS = (
    "CMO_",
    "DATABASE_URL",
    "LIGHTRAG_",
    "CHUNK_",
    "EMBED_",
    "OPENAI_",
    "ANTHROPIC_",
    "PERPLEXITY_",
    "SLACK_",
    "EMAIL_ALERTS_",
    "ALERT_EMAIL",
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest"])  # that of a worker is -c, which tells a container's check
    for name in list(os.environ):  # noqa: TID251 - it is cleaned here, so that no setting of the developer leaks in
        if name.startswith(_OURS) or name == "PORT":
            monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)


class Base:
    """A knowledge base in a folder, with a fake model."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app = app
        self.folder = folder

    def pipeline(self) -> Pipeline:
        return Pipeline(
            ParsersHere(),
            self.app.encoder,
            self.app.record,
            self.app.originals,
            chunking=Chunking(),
            clock=self.app.clock,
            max_bytes=1_000_000,
            reader=self.app.reader,
        )

    def ingest(self, *paths: Path, **options: bool) -> list[Outcome]:
        return list(self.app.curator.ingest(self.pipeline(), paths, **options))

    def add(self, **texts: str) -> list[Outcome]:
        """Papers by name: the first line is the title."""
        return self.ingest(*(self.write(name, text) for name, text in texts.items()))

    def write(self, name: str, text: str) -> Path:
        path = self.folder.parent / "papers" / f"{name}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path


@contextmanager
def fake_base(folder: Path, **settings: object) -> Iterator[Base]:
    patient = {"turn_seconds": 30, **settings}  # a busy machine is no fault
    with opened(read_settings(working_dir=folder, **patient)) as app:
        app.__dict__["encoder"] = HashingEmbedder()
        app.__dict__["linker"] = linker = FakeLinker(CONCEPTS)
        app.__dict__["reader"] = FakeReader(linker)
        app.__dict__["answerer"] = ExtractiveAnswerer(Confidence(10.0, {}, 0.5), NEVER)  # not fitted to a fake model
        yield Base(app, folder)


@pytest.fixture
def open_base(tmp_path: Path) -> Callable[..., object]:
    """Opens the base in this test's folder: ``with open_base() as base``."""

    def open_(folder: Path | None = None, **settings: object) -> object:
        return fake_base(folder or tmp_path / "base", **settings)

    return open_


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Base]:
    with fake_base(tmp_path / "base") as base:
        yield base
