"""The graph of one snapshot as arrays in one file, memory-mapped.

::

    8 bytes: size of the header | header, JSON: name -> (dtype, length, offset) | arrays, each at a multiple of 64

Nodes are numbers of concepts in the columns, so nothing is renamed from one snapshot to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from cmo.errors import SnapshotCorrupt
from cmo.kit.files import sync_file
from cmo.model.evidence import FloatArray

NAME = "graph.bin"
EDGE = np.dtype(
    [
        ("subject", "<u4"),
        ("object", "<u4"),
        ("type", "u1"),  # position in `TYPES`
        ("probability", "<f4"),
        ("papers_for", "<u4"),
        ("papers_against", "<u4"),
        ("first", "<u4"),  # of its facts, in `evidence`
        ("facts", "<u4"),
        ("curated", "<u4"),  # 1 + its place in curated.bin; 0 for what papers say
    ]
)
HIDDEN = (1 << 32) - 1
_ALIGNED = 64


@dataclass(frozen=True, slots=True)
class GraphArrays:
    """What is read of a graph; n nodes, e edges."""

    papers: NDArray[np.uint32]
    """(n,) papers that mention a node."""
    hubs: NDArray[np.bool_]
    """(n,) nodes that so many papers mention that a walk through them says nothing."""
    labels: NDArray[np.uint32]
    """(n,) place in labels.bin of how a node is shown; `HIDDEN` for concepts that only masked papers speak of."""
    by_hash: NDArray[np.uint32]
    """(n,) nodes by the hash of their concept's id."""
    edges: NDArray[np.void]
    """(e,) `EDGE`, by subject, object and type; those of vocabularies behind those of papers."""
    evidence: NDArray[np.uint32]
    """Places in facts.bin, edge by edge, surest first."""
    edge_starts: NDArray[np.int64]
    """(n + 1,) where each node's edges begin in `edge_ids`."""
    edge_ids: NDArray[np.uint32]
    """Edges of each node, at whichever end, surest first."""
    walk_starts: NDArray[np.int64]
    """(n + 1,) where each node's neighbours begin in `walk_nodes`: the graph without directions, each pair once."""
    walk_nodes: NDArray[np.int32]
    walk_weights: FloatArray
    """The probability of the surest edge between two nodes."""
    strengths: FloatArray
    """(n,) sum of a node's weights."""
    row_starts: NDArray[np.int64]
    """(n + 1,) where each node's rows begin in `node_rows`."""
    node_rows: NDArray[np.uint32]
    """Live rows that mention each node, ascending."""
    node_starts: NDArray[np.int64]
    """(rows + 1,) where each row's nodes begin in `row_nodes`."""
    row_nodes: NDArray[np.uint32]
    """Nodes that each row mentions, ascending."""

    def same(self, other: GraphArrays) -> bool:
        """Whether two graphs say the same."""
        return all(np.array_equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))

    def write(self, folder: Path) -> None:
        """Write into a snapshot's folder."""
        arrays = {field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}
        header: dict[str, Any] = {}
        offset = 0
        for name, array in arrays.items():
            header[name] = (_type_name(array.dtype), len(array), offset)
            offset += -(-array.nbytes // _ALIGNED) * _ALIGNED
        data = orjson.dumps(header)
        start = _start(len(data))
        path = folder / NAME
        with path.open("wb") as file:
            file.write(len(data).to_bytes(8, "little") + data)
            for name, array in arrays.items():
                file.seek(start + header[name][2])
                file.write(array.data)
            file.truncate(start + offset)
        sync_file(path)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Map the file of a snapshot.

        Raises:
            SnapshotCorrupt: it is missing, too short, or not what was written.
        """
        path = folder / NAME
        try:
            data = np.memmap(path, "u1", "r").view(np.ndarray)
            size = int.from_bytes(data[:8].tobytes(), "little")
            header = orjson.loads(data[8 : 8 + size].tobytes())
            arrays = {name: _view(data[_start(size) :], *place) for name, place in header.items()}
            return cls(**arrays)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SnapshotCorrupt(f"{path} cannot be read: {error}. Run `cmo kb rebuild`.") from error


def _start(header_bytes: int) -> int:
    return -(-(8 + header_bytes) // _ALIGNED) * _ALIGNED


def _type_name(dtype: np.dtype[Any]) -> str:
    return "edge" if dtype == EDGE else dtype.str


def _view(data: NDArray[np.uint8], type_name: str, length: int, offset: int) -> NDArray[Any]:
    dtype = EDGE if type_name == "edge" else np.dtype(type_name)
    found = data[offset : offset + length * dtype.itemsize].view(dtype)
    if len(found) != length:
        raise ValueError("it is too short")
    return found
