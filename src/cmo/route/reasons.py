"""Why a route is as it is, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cmo.model.routes import Reason
from cmo.route.head import Need, Parts
from cmo.route.rules import Cue, Reading

MOST = 6
_LEAST = 0.05
"""Log-odds below which nothing is told."""
_FLAGS: Mapping[str, str] = {
    "year:now": "names a year close to now",
    "year:past": "names a year that is past",
    "timely": "speaks of what moves",
    "not timely": "says nothing of what moves",
    "timely and settled": "asks for a mechanism and speaks of what moves",
    "joined and timely": "joins a question of what moves to another",
    "mixed": "one part speaks of what moves, another does not",
    "parts": "asks more than one thing",
    "defines": "asks in few words what something is",
    "defines broad": "asks what a broad subject is",
    "short": "is a few words, no sentence",
    "length": "its length",
    "question mark": "ends as a question",
    "foreign letters": "is not in plain letters",
    "no cue": "holds no cue word",
}
_AIMS: Mapping[Need, str] = {
    Need.LIGHTRAG: "settled knowledge",
    Need.PERPLEXITY: "what is recent or moves",
    Need.EITHER: "general knowledge",
    Need.HYBRID: "settled and current knowledge at once",
    Need.OUT: "other subjects",
    Need.UNSAFE: "personal advice or harm",
}


def of_rules(reading: Reading) -> tuple[Reason, ...]:
    """Of what the rules settled."""
    said = [cue for cue in reading.cues.values() if cue.group.kind in {"bound", "injection"}]
    return tuple(Reason(f"rule:{cue.group.name}", _told(cue), 0.0) for cue in said)


def of_head(reading: Reading, need: Need, parts: Parts, temperature: float) -> tuple[Reason, ...]:
    """Of what the head found, strongest first; weights in calibrated log-odds."""
    found = [
        Reason("meaning", f"means what questions for {_AIMS[need]} mean", parts.meaning),
        Reason("wording", f"is worded as questions for {_AIMS[need]} are", parts.words),
        *_of_flags(reading, parts.flags),
    ]
    scaled = [Reason(r.name, _against(r), round(r.weight / temperature, 3)) for r in found]
    told = sorted((r for r in scaled if abs(r.weight) >= _LEAST), key=lambda r: -abs(r.weight))
    injected = reading.cues.get("injection")
    orders = [Reason("rule:injection", _told(injected), 0.0)] if injected else []
    told = [r for r in told if r.name != "rule:injection"]  # said once, whatever the head makes of it
    return (*told[: MOST - len(orders)], *orders)


def of_opinion(said: Need, chosen: Need, trust: float) -> Reason:
    """Of what a language model said."""
    return Reason(
        "llm", f"a language model holds it for a question for {_AIMS[said]}", trust if said is chosen else -trust
    )


def quoted(phrases: Sequence[str]) -> str:
    """Phrases as a reason shows them."""
    return ", ".join(f"“{phrase}”" for phrase in dict.fromkeys(phrases))


def _of_flags(reading: Reading, flags: Mapping[str, float]) -> Iterator[Reason]:
    for name, weight in flags.items():
        kind, _, rest = name.partition(":")
        if kind == "cue" and rest in reading.cues:
            yield Reason(f"rule:{rest}", _told(reading.cues[rest]), weight)
        elif kind == "trap":
            yield Reason(f"trap:{rest}", "holds words of time that do not mean now", weight)
        elif kind == "id":
            yield Reason(f"identifier:{rest}", f"names an identifier ({rest})", weight)
        else:
            yield Reason(f"form:{name}", _FLAGS.get(name, name), weight)


def _told(cue: Cue) -> str:
    return f"{cue.group.says}: {quoted(cue.words)}"


def _against(reason: Reason) -> str:
    return reason.text if reason.weight >= 0 else f"{reason.text} (speaks against it)"
