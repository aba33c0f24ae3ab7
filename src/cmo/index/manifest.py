"""The manifest: what one snapshot sees, in a JSON file of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import orjson

from cmo.errors import SnapshotCorrupt
from cmo.index.columns import Extent
from cmo.kit.files import sync_file
from cmo.model.ports import ModelIdentity

FORMAT = 4
ROLLBACK = "rollback to "


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one snapshot sees."""

    id: str
    """Six digits, counting up: ``000012``."""
    created_at: datetime
    columns: str
    """Folder of the columns that it reads a prefix of."""
    extent: Extent
    rows: int
    live: int
    papers: int
    model: ModelIdentity
    seq: int
    """Newest change of the record that it holds."""
    origin: str
    """Why it was made: ``publish``, ``rebuild``, ``rollback to 000010``."""
    seals: Mapping[str, int]
    """CRC-32 of the snapshot's own files by name (see `cmo.index.seal`)."""
    format: int = FORMAT

    @property
    def rolled_back(self) -> bool:
        """Whether it shows less than the record holds because somebody wanted that."""
        return self.origin.startswith(ROLLBACK)

    def write(self, folder: Path) -> None:
        """Write into the snapshot's folder."""
        path = folder / "manifest.json"
        path.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))
        sync_file(path)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a snapshot's manifest.

        Raises:
            SnapshotCorrupt: it is missing, damaged or of another format.
        """
        path = folder / "manifest.json"
        try:
            facts = orjson.loads(path.read_bytes())
            if facts.pop("format") != FORMAT:
                raise SnapshotCorrupt(f"{path} is of another format. Run `cmo kb rebuild`.")
            facts["created_at"] = datetime.fromisoformat(facts["created_at"])
            facts["extent"] = Extent(**facts["extent"])
            facts["model"] = ModelIdentity(**facts["model"])
            return cls(**facts)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SnapshotCorrupt(f"{path} cannot be read: {error}. Run `cmo kb rebuild`.") from error
