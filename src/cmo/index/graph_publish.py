"""The graph's part in publishing: take in the readings that are new, then build the graph of what lives.

::

    record's readings - columns' readings --> columns --> live rows, living readings --> graph.bin
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmo.index.columns import Columns, Extent
from cmo.index.facts import ALWAYS, Facts
from cmo.index.graph_build import Visible, build, curated_near, seen
from cmo.index.graph_file import NAME, GraphArrays
from cmo.index.intake import NO_VERSION, Curated, Describe, Intake, ReadingSource
from cmo.kit.hashing import short_hash

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """The rows that a snapshot will show."""

    folder: Path
    """Of the columns."""
    columns: Columns
    """All rows, mapped."""
    version_ids: NDArray[np.int64]
    """(rows,)."""
    live: NDArray[np.bool_]
    """(rows,)."""


class GraphMaker:
    """Makes the graph of each snapshot.

    Args:
        source: readings of papers.
        describe: names concepts; asked once for each that is new.
        curated: what vocabularies state, if there are any.
    """

    def __init__(self, source: ReadingSource, describe: Describe, curated: Curated | None = None) -> None:
        self._source = source
        self._describe = describe
        self._curated = curated

    def make(self, shown: Shown, extent: Extent, staged: Path) -> Extent:
        """Write the graph into a staged snapshot; none where nothing was read.

        Args:
            shown: the rows.
            extent: of the columns.
            staged: folder of the snapshot.

        Returns:
            The extent with what was taken in.
        """
        keys, extent = self._take_in(shown, extent)
        facts = Facts.open(shown.folder, extent)
        visible = _visible(shown, facts, keys)
        if not seen(facts, visible).any():
            return extent
        near = curated_near(facts, visible)
        extent = self._number(shown, extent, facts, near)
        facts = Facts.open(shown.folder, extent)
        build(facts, visible, near).write(staged)
        return extent

    def faults(self, shown: Shown, extent: Extent, snapshot: Path) -> list[str]:
        """Where the graph of a snapshot is not what the record and the columns say; empty when it is sound."""
        marks = self._source.marks(np.unique(shown.version_ids[shown.live]).tolist())
        facts = Facts.open(shown.folder, extent)
        lacking = {mark.key for mark in marks} - set(facts.readings["key"].tolist())
        if lacking:
            return [f"The index lacks {len(lacking)} readings of papers. Run `cmo kb rebuild`."]
        stated = facts.readings["key"][facts.readings["version_id"] == NO_VERSION][-1:]
        visible = _visible(shown, facts, np.array([*(mark.key for mark in marks), *stated], np.uint64))
        path = snapshot / NAME
        if not seen(facts, visible).any():
            return [f"{path} shows papers that are not there. Run `cmo kb rebuild`."] if path.exists() else []
        same = path.exists() and GraphArrays.read(snapshot).same(build(facts, visible, curated_near(facts, visible)))
        return [] if same else [f"{path} does not say what the papers say. Run `cmo kb rebuild`."]

    def _take_in(self, shown: Shown, extent: Extent) -> tuple[NDArray[np.uint64], Extent]:
        """Append what is new; the keys of the readings that count."""
        versions = np.unique(shown.version_ids[shown.live])
        marks = self._source.marks(versions.tolist())
        if not marks:
            return np.empty(0, np.uint64), extent
        known = set(Facts.open(shown.folder, extent).readings["key"].tolist())
        new = {mark.key for mark in marks} - known
        stated = short_hash(self._curated.identity) if self._curated else 0
        keys = np.array([*(mark.key for mark in marks), stated], np.uint64)
        if not new and (not self._curated or stated in known):
            return keys, extent
        wanted = list(dict.fromkeys(mark.version_id for mark in marks if mark.key in new))
        with Intake(shown.folder, extent, shown.columns, self._describe) as intake:
            for batch, rows, starts in self._batches(wanted, shown):
                for stored in self._source.of(batch):
                    if stored.mark.key in new:
                        version = stored.mark.version_id
                        intake.take(stored, rows[version], starts[version])
            if self._curated and stated not in known:
                intake.take_curated(self._curated)
            return keys, intake.finish()

    def _batches(
        self, versions: Sequence[int], shown: Shown
    ) -> Iterator[tuple[list[int], dict[int, NDArray[np.int64]], dict[int, list[int]]]]:
        """Some versions at a time, with the live rows of each and where its sentences begin."""
        mine = np.flatnonzero(shown.live & np.isin(shown.version_ids, np.array(versions, np.int64)))
        order = mine[np.argsort(shown.version_ids[mine], kind="stable")]
        found, first = np.unique(shown.version_ids[order], return_index=True)
        rows = dict(zip(found.tolist(), np.split(order, first[1:]), strict=True)) if len(found) else {}
        for start in range(0, len(versions), _BATCH):
            batch = list(versions[start : start + _BATCH])
            yield batch, rows, dict(self._source.sentence_starts(batch))

    def _number(self, shown: Shown, extent: Extent, facts: Facts, near: NDArray[np.int64]) -> Extent:
        """Name the concepts that only curated edges bring."""
        entries = facts.curated[near]
        hashes = facts.concepts[facts.labels["concept"][facts.labels["reading"] == ALWAYS]]
        fresh = near[~(np.isin(entries["subject"], hashes) & np.isin(entries["object"], hashes))]
        if not len(fresh):
            return extent
        with Intake(shown.folder, extent, shown.columns, self._describe) as intake:
            for place in fresh.tolist():
                subject, object_, *_ = facts.curated_text(place)
                intake.name(subject)
                intake.name(object_)
            return intake.finish()


def _visible(shown: Shown, facts: Facts, keys: NDArray[np.uint64]) -> Visible:
    papers = np.unique(shown.columns.rows["paper"], return_inverse=True)[1].astype(np.int64)
    return Visible(papers, shown.live, np.isin(facts.readings["key"], keys))
