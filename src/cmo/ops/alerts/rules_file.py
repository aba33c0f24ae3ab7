"""The alerts as a rule file of Prometheus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from cmo.ops.alerts.rule import Priority, Rule
from cmo.ops.alerts.series import spoken

_LONG: Final = re.compile(r"\[\d+[hd]\]")
_GROUPS: Final = {"cmo-urgent": "2s", "cmo": "5s", "cmo-slow": "1m"}
"""How often each is looked at: hours and days change slowly, and reading them costs."""
_HEAD: Final = """\
# Written by `make docs` from src/cmo/ops/alerts/rules.py. Do not edit: `cmo alerts rules` writes one with addresses of your own.
"""


def rules_file(rules: Sequence[Rule], runbooks: str = "") -> str:
    """The file.

    Args:
        rules: the alerts.
        runbooks: address under which the repository's files can be read, put before each page; none by default.
    """
    groups = [
        {
            "name": name,
            "interval": interval,
            "rules": [_entry(rule, runbooks) for rule in rules if _group(rule) == name],
        }
        for name, interval in _GROUPS.items()
    ]
    groups = [group for group in groups if group["rules"]]
    text: str = yaml.safe_dump({"groups": groups}, sort_keys=False, width=1_000, allow_unicode=True)
    return _HEAD + text


def _group(rule: Rule) -> str:
    if _LONG.search(rule.promql()):
        return "cmo-slow"
    return "cmo-urgent" if rule.priority is Priority.P0 else "cmo"


def _entry(rule: Rule, runbooks: str) -> dict[str, Any]:
    shown = "{{ $value | humanizePercentage }}" if rule.unit == "%" else f"{{{{ $value | humanize }}}} {rule.unit}"
    where = f" ({rule.by}: {{{{ $labels.{rule.by} }}}})" if rule.by else ""
    return {
        "alert": rule.name,
        "expr": rule.promql(),
        **({"for": spoken(60 * rule.minutes)} if rule.minutes else {}),
        "labels": {"severity": rule.severity.value, "priority": rule.priority.value, "subject": rule.subject},
        "annotations": {
            "summary": rule.summary + where,
            "description": f"It is {shown.strip()}. {rule.source}.",
            "runbook_url": f"{runbooks.rstrip('/')}/{rule.runbook}" if runbooks else rule.runbook,
        },
    }
