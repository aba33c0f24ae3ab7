"""`make bench`: how fast and how good, beside other systems, in one run.

::

    parts --rows with goals--> bench/out/DATE.json, bench/out/DATE.md --with --publish--> docs/reference/benchmarks.md
"""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

import ingest
import latency
import memory
import orjson
import peers
import quality
import rows
import start
from rows import ROOT, Row

from cmo.kit.clock import SystemClock

_PARTS: dict[str, Callable[..., Iterator[Row]]] = {
    "quality": quality.measure,
    "latency": latency.measure,
    "ingest": ingest.measure,
    "pdf": ingest.pdfs,
    "memory": memory.measure,
    "start": start.measure,
}
_OUT = ROOT / "bench" / "out"
_PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
_BEGIN, _END = "<!-- table -->\n", "<!-- /table -->"


def main() -> None:
    """Measure, write, print."""
    options = _options()
    peers.install()
    about, when = rows.machine(), SystemClock().now()
    found: list[Row] = []
    parts = _PARTS | {"quality": partial(quality.measure, names=options.corpus or tuple(quality.SETS))}
    try:
        for part in options.only or parts:
            gc.collect()
            gc.freeze()  # what earlier parts left behind costs the next one no time
            for row in parts[part](quick=options.quick):
                print(f"{row.part:8} {row.what}: {row.value:.4g} {row.unit}", flush=True)
                found.append(row)
    finally:  # an interruption keeps what was measured
        _write(found, {**about, "load_after": [round(n, 2) for n in os.getloadavg()], "quick": options.quick}, when)
    if options.publish:
        _publish(when)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=_PARTS, help="only this part; may be repeated")
    parser.add_argument("--corpus", action="append", choices=quality.SETS, help="quality on this corpus only")
    parser.add_argument("--quick", action="store_true", help="small samples, to see that it works")
    parser.add_argument("--publish", action="store_true", help="put the table into the documentation")
    return parser.parse_args()


def _write(found: list[Row], about: dict[str, object], when: datetime) -> None:
    _OUT.mkdir(exist_ok=True)
    target = _OUT / f"{when:%Y-%m-%dT%H%M%S}"
    facts = {"when": when, **about, "rows": [row.as_json() for row in found]}
    target.with_suffix(".json").write_bytes(
        orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)
    )
    text = rows.table(found, about, when)
    target.with_suffix(".md").write_text(text, "utf-8")
    print(f"\n{text}\n{target}.json")


def _publish(when: datetime) -> None:
    page = _PAGE.read_text("utf-8")
    before, rest = page.split(_BEGIN)
    text = (_OUT / f"{when:%Y-%m-%dT%H%M%S}.md").read_text("utf-8")
    _PAGE.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.split(_END)[1]}", "utf-8")


if __name__ == "__main__":
    main()
