"""What a peer is asked to do, and what it says: a job in a JSON file, a result in another.

Job: ``documents`` and ``queries`` (JSON lines of id and text), ``depth`` (0: the peer's own), the encoder's ``graph``,
``tokenizer``, ``max_tokens`` and ``threads``, ``work`` (a folder of its own, kept between runs), and perhaps
``vectors`` of the documents, made before. Result: ``ranked`` ids by query, ``ms`` a query,
``index_seconds`` (null where the index was there already), ``versions``.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path


class Job(dict):
    """A job with its texts read."""

    def texts(self, name: str) -> dict[str, str]:
        """Ids and texts of ``documents`` or ``queries``."""
        with Path(self[name]).open(encoding="utf-8") as file:
            return {line["id"]: line["text"] for line in map(json.loads, file)}

    def encoder(self):  # noqa: ANN201 - the peers that need no model do not load one
        """The shared encoder."""
        from encoder import Encoder  # noqa: PLC0415

        return Encoder(self["graph"], self["tokenizer"], self["max_tokens"], self["threads"])

    def vectors(self):  # noqa: ANN201
        """Vectors of the documents in their order, or None where the peer encodes them itself."""
        import numpy as np  # noqa: PLC0415

        return np.load(self["vectors"]) if "vectors" in self else None


def asked(queries: dict[str, str], search: Callable[[str], list[str]], warm: int = 5) -> dict:
    """Rank for each query, with its milliseconds."""
    for text in list(queries.values())[:warm]:
        search(text)
    ranked, ms = {}, []
    for name, text in queries.items():
        began = time.perf_counter()
        found = search(text)
        ms.append((time.perf_counter() - began) * 1000)
        ranked[name] = found
    return {"ranked": ranked, "ms": ms}


def main(work: Callable[[Job], dict], *packages: str) -> None:
    """Read the job, do it, write the result."""
    job = Job(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    result = work(job) | {"versions": {name: version(name) for name in packages}}
    Path(sys.argv[2]).write_text(json.dumps(result), "utf-8")
