"""What a service refuses, as the error that it is in process.

::

    problem+json --code--> NotFound, BadQuestion, StoreLocked, ...  raised from ServiceRefused (status, code, problem)
                 --a code that is none of ours--> ServiceRefused
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx

from cmo.errors import NotNow, OracleError, PaperRefused, ServiceGone, ServiceRefused
from cmo.kit.http import retry_after
from cmo.kit.retry import Again

_PASSING = frozenset({429, 502, 503, 504})


def refusal(reply: httpx.Response) -> ServiceRefused:
    """A reply that is none."""
    problem: Any = {}
    if "json" in reply.headers.get("content-type", ""):
        try:
            problem = reply.json()
        except ValueError:
            problem = {}
    if not isinstance(problem, dict) or "detail" not in problem:
        said = f"HTTP {reply.status_code} {reply.reason_phrase}".strip()
        problem = {"detail": f"{reply.request.url.host} replied {said}, which is no reply of this service."}
    asked = reply.headers.get("retry-after", "")
    helps = bool(asked) or ("code" not in problem and reply.status_code in _PASSING)
    return _refused(problem, reply.status_code, retry_after(asked) if helps else None)


def of_problem(problem: Mapping[str, Any]) -> OracleError:
    """The error of a problem that came in the midst of a stream."""
    status = problem.get("status")
    refused = _refused(problem, status if isinstance(status, int) else ServiceRefused.status, None)
    known_ = known(refused)
    known_.__cause__ = None if known_ is refused else refused
    return known_


def known(refused: ServiceRefused) -> OracleError:
    """The error of our own that it is; itself if it is none."""
    kind, told = _kinds().get(refused.code), str(refused)
    if kind is None:
        return refused
    if issubclass(kind, NotNow):
        return kind(told, refused.after or 1.0)
    return kind(told)


def judge(error: Exception) -> Again | None:
    """Whether a call may be tried again: what never arrived, and where the service says when to come again."""
    if isinstance(error, ServiceGone):
        return Again()
    if isinstance(error, ServiceRefused) and error.after is not None:
        return Again(error.after)
    return None


def _refused(problem: Mapping[str, Any], status: int, after: float | None) -> ServiceRefused:
    code = problem.get("code")
    detail = str(problem.get("detail") or "The service refused without a reason.")
    refused = ServiceRefused(detail, status, code if isinstance(code, str) else ServiceRefused.code, after, problem)
    if name := problem.get("request_id"):
        refused.add_note(f"The service's log names it by {name}.")
    return refused


@cache
def _kinds() -> Mapping[str, type[OracleError]]:
    found: dict[str, type[OracleError]] = {}
    waiting: list[type[OracleError]] = list(OracleError.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if not issubclass(kind, ServiceRefused | ServiceGone | PaperRefused):
            found[kind.code] = kind
    return found
