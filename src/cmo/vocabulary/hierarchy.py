"""What is broader than what, without circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def circular(parents: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Pairs of child and parent without which no concept is broader than itself."""
    back: list[tuple[str, str]] = []
    state: dict[str, bool] = {}
    """True while a concept is on the way up from where the walk began, False once it is done."""
    for start in parents:
        if start not in state:
            _climb(start, parents, state, back)
    return back


def _climb(
    start: str, parents: Mapping[str, Sequence[str]], state: dict[str, bool], back: list[tuple[str, str]]
) -> None:
    """Depth first without recursion: hierarchies may be deeper than Python's stack."""
    way = [(start, iter(parents[start]))]
    state[start] = True
    while way:
        child, above = way[-1]
        parent = next(above, None)
        if parent is None:
            state[child] = False
            way.pop()
        elif state.get(parent):
            back.append((child, parent))
        elif parent not in state:
            state[parent] = True
            way.append((parent, iter(parents.get(parent, ()))))
