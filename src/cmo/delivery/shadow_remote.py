"""A candidate that is another service of ours: what it does, up to its sudden death, happens in another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from cmo.errors import EngineError
from cmo.kit.endpoint import Endpoint
from cmo.model.questions import Question


class RemoteCandidate:
    """Asks another service. Threads may share it.

    Args:
        url: its address, such as ``http://127.0.0.1:8001``.
        seconds: longest time for one answer.
    """

    def __init__(self, url: str, seconds: float) -> None:
        self._endpoint = Endpoint(
            url, lambda what: EngineError(f"The shadowed service did not answer: {what}."), timeout=seconds, attempts=1
        )

    def __call__(self, question: Question) -> Mapping[str, Any]:
        """Its reply.

        Raises:
            EngineError: it did not answer, or with nonsense.
            OutOfTime: it took too long.
        """
        filters = question.filters
        body = {
            "query": question.text,
            "mode": question.mode.value,
            "filters": {
                "year_from": filters.year_from,
                "year_to": filters.year_to,
                "journals": sorted(filters.journals),
                "sections": sorted(filters.sections),
                "papers": sorted(filters.papers),
            },
        }
        reply = self._endpoint.post("/query", body)
        try:
            facts: dict[str, Any] = orjson.loads(reply.content)
        except ValueError as error:
            raise EngineError("The shadowed service answered with something that is no JSON.") from error
        return facts

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()
