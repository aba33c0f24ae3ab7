"""The story of papers read by a language model: unread papers --> model --> readings, merged with ours by the graph.

Off unless somebody asks for it, since it costs a completion a passage. Safe to interrupt and to repeat: what is read
is kept, and is not read again until the model or its prompt changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from cmo.llm.reader import LlmReader, Study
from cmo.model.concepts import Reading
from cmo.model.papers import ParsedPaper

OnWait = Callable[[str], None]


class Base(Protocol):
    """Where readings go: `cmo.stories.curator.Curator`."""

    def take_readings(
        self, readings: Iterable[tuple[int, Reading]], *, wait: bool = False, on_wait: OnWait | None = None
    ) -> Iterator[bool]:
        """Keep readings of versions and publish them; whether each says something new."""
        ...


class Papers(Protocol):
    """Papers as they were read before: `cmo.store.readings.Readings`."""

    def parsed(self, version_ids: Sequence[int]) -> Iterator[tuple[int, ParsedPaper]]:
        """Versions as papers."""
        ...


@dataclass(frozen=True, slots=True)
class Studied:
    """A paper that was read, and how many are left."""

    title: str
    study: Study
    left: int


def studied(
    base: Base,
    papers: Papers,
    versions: Sequence[int],
    reader: LlmReader,
    *,
    wait: bool = False,
    on_wait: OnWait | None = None,
) -> Iterator[Studied]:
    """Have a model read versions, one at a time; each is told once its reading is durable.

    Raises:
        ChatFailed: the model could not be reached; what was read before is kept.
        StoreLocked: another process writes and `wait` is false.
    """
    told: list[Studied] = []

    def readings() -> Iterator[tuple[int, Reading]]:
        for done, (version, paper) in enumerate(papers.parsed(versions), 1):
            study = reader.study(paper)
            told.append(Studied(paper.metadata.title, study, len(versions) - done))
            yield version, study.reading

    for _ in base.take_readings(readings(), wait=wait, on_wait=on_wait):
        yield told.pop()
