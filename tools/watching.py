"""Writes what Prometheus and Grafana read, from the tables in the code: deploy/prometheus/alerts.yml, deploy/grafana.

`make docs` runs it; a test fails when a file is not what this would write.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cmo.ops.alerts.rules import RULES
from cmo.ops.alerts.rules_file import rules_file
from cmo.ops.dashboards import DASHBOARDS
from cmo.ops.dashboards_grafana import written

DEPLOY = Path(__file__).parents[1] / "deploy"


def files() -> dict[str, str]:
    """The text of every file by its place in deploy/."""
    return {
        "prometheus/alerts.yml": rules_file(RULES),
        **{f"grafana/{shown.name}.json": written(shown) for shown in DASHBOARDS},
    }


def main() -> None:
    """Write them."""
    for name, text in files().items():
        (DEPLOY / name).write_text(text, "utf-8")
        sys.stdout.write(f"deploy/{name}\n")


if __name__ == "__main__":
    main()
