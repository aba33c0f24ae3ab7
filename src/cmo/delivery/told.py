"""Rollouts, flags and acts as plain values: the same for `--json` and HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from cmo.delivery.flags import RELEASE, SWITCHES, Evaluated, Reason, evaluate, evaluate_release, share
from cmo.delivery.releases import KINDS
from cmo.errors import NotFound
from cmo.model.delivery import Act, Current, Release, Setting, StoredFinding, StoredRollout


def rollout(value: StoredRollout, current: Current) -> dict[str, Any]:
    """A rollout: where it stands, and what its gates last said."""
    status, said = value.status, value.evidence.get("said", {})
    release = current.releases.get(value.release)
    return {
        "name": value.name,
        "release": value.release,
        "settings": dict(release.settings) if release else {},
        "baseline": value.baseline,
        "plan": dict(value.spec["plan"]),
        "live": value.live,
        "phase": status["phase"],
        "stage": status["stage"] + 1,
        "percent": status["percent"],
        "share": share(current) if value.live else 0.0,
        "since": status["since"],
        "reason": status["reason"],
        "version": value.version,
        "begun_at": value.begun_at,
        "at": value.at,
        "verdict": said.get("verdict", "unsure"),
        "gates": said.get("gates", []),
        "slow_seconds": value.evidence.get("slow", 0.0),
        "allowed": list(value.spec.get("allowed", ())),
        "denied": list(value.spec.get("denied", ())),
        "cohorts": list(value.spec.get("cohorts", ())),
    }


def release(value: Release) -> dict[str, Any]:
    """A release."""
    return {"name": value.name, "settings": dict(value.settings), "about": value.about, "at": value.at}


def act(value: Act) -> dict[str, Any]:
    """Who changed what."""
    return asdict(value) | {"facts": dict(value.facts)}


def evidence(findings: Sequence[StoredFinding]) -> list[dict[str, Any]]:
    """What the gates said over time."""
    return [{"at": f.at, "version": f.version, **f.facts} for f in findings]


def flags(current: Current, defaults: Mapping[str, Setting]) -> list[dict[str, Any]]:
    """All flags that there are: what is stored, else what the settings say."""
    found = []
    for name, about in {**KINDS, **SWITCHES}.items():
        stored = current.flags.get(name)
        spec = dict(stored.spec) if stored else {"value": defaults.get(name)}
        given = {key: value for key, value in spec.items() if key != "salt"}
        source = "settings" if stored is None else "stored" if stored.version else "environment"
        found.append({"name": name, **given, "source": source, "about": about})
    return found


def explained(current: Current, name: str, unit: str, cohort: str, defaults: Mapping[str, Setting]) -> dict[str, Any]:
    """Which value a unit gets, from where, and why: a stored flag, else its release, else the settings.

    Raises:
        NotFound: there is no such flag.
    """
    given = evaluate_release(current, unit, cohort)
    if name == RELEASE:
        return _told(name, given, "rollout" if current.rollout else "settings")
    if name not in {**KINDS, **SWITCHES}:
        raise NotFound(f"There is no flag {name!r}. The flags are: {', '.join((RELEASE, *KINDS, *SWITCHES))}.")
    if (stored := evaluate(current, name, unit, cohort)) is not None:
        return _told(name, stored, "stored" if current.flags[name].version else "environment")
    release = current.releases.get(str(given.value))
    if release is not None and name in release.settings:
        value = Evaluated(release.settings[name], given.variant, given.reason, given.facts)
        return _told(name, value, f"release {release.name}")
    return _told(name, Evaluated(defaults[name], "default", Reason.DEFAULT), "settings")


def _told(name: str, given: Evaluated, source: str) -> dict[str, Any]:
    return {
        "flag": name,
        "value": given.value,
        "variant": given.variant,
        "reason": given.reason.value,
        "source": source,
        "facts": dict(given.facts),
    }
