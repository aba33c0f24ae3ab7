"""An answer as it comes: server-sent events, read as bytes arrive (WHATWG HTML, 9.2).

::

    stage*  sentence*  answer | error

Events of other names are handed on as they are, so that a newer service can tell more. ``done``, as an older one calls
the last, is told as ``answer``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from cmo.client.refused import of_problem
from cmo.errors import ServiceRefused

LAST: Final = "answer"
_ALSO_LAST: Final = "done"
MOST_CHARS: Final = 16_000_000
"""Of one event."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on the way to an answer."""

    name: str
    """``stage``, ``sentence``, ``answer``."""
    data: dict[str, Any]
    """Of a ``sentence``, it with its evidence; of an ``answer``, the whole reply."""


@dataclass(slots=True)
class Feed:
    """Events out of text that arrives in pieces."""

    rest: str = ""
    whole: bool = False
    """Whether the last event came."""
    _fields: dict[str, list[str]] = field(default_factory=dict)

    def take(self, text: str) -> Iterator[Event]:
        """The events that are whole now.

        Raises:
            OracleError: the service says that there will be no answer, or says what nobody can read.
        """
        lines = (self.rest + text).replace("\r\n", "\n").split("\n")
        self.rest = lines.pop()
        if len(self.rest) > MOST_CHARS:
            raise ServiceRefused("The service sends an event that has no end.")
        for line in lines:
            if line:
                name, _, value = line.partition(":")
                self._fields.setdefault(name, []).append(value.removeprefix(" "))
            elif (event := self._event()) is not None:
                yield event

    def end(self) -> None:
        """Nothing more comes.

        Raises:
            ServiceRefused: the last event did not come.
        """
        if not self.whole:
            raise ServiceRefused("The service broke off in the middle of an answer. Ask again.")

    def _event(self) -> Event | None:
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None
        name = fields.get("event", ["message"])[-1]
        try:
            data = json.loads("\n".join(fields["data"]))
        except ValueError as error:
            raise ServiceRefused(f"The service sent an event that is no JSON: {error}.") from error
        if not isinstance(data, dict):
            return None
        if name == "error":
            self.whole = True
            raise of_problem(data)
        last = name in {LAST, _ALSO_LAST}
        self.whole = self.whole or last
        return Event(LAST if last else name, data)
