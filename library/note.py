"""A note of the starter library: front matter in YAML, then text in a small part of Markdown.

The part: `## heading`, paragraphs, `- ` items, `1. ` references, pipe tables, `> ` schemes, and captions that begin
with `Table 1. ` or `Figure 1. `. Blocks are parted by empty lines. The first section is the summary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Note:
    """One note: its front matter and its text in Markdown."""

    slug: str
    meta: dict[str, Any]
    body: str

    @classmethod
    def read(cls, path: Path) -> Note:
        """Read `---`, front matter in YAML, `---`, Markdown."""
        _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        return cls(path.stem, yaml.safe_load(front), body.strip())

    @property
    def source(self) -> dict[str, str]:
        """The open work that the note rests on: title, doi, licence, journal."""
        return self.meta["rests_on"]

    def sections(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each `## heading` with its blocks."""
        for part in re.split(r"(?m)^## ", self.body)[1:]:
            heading, _, text = part.partition("\n")
            yield heading.strip(), [block for block in text.strip().split("\n\n") if block]
