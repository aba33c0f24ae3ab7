"""One endpoint, told once for both clients: a function that makes the call becomes a method that makes it and sends it.

::

    class Endpoints:
        paper = Endpoint("GET /papers/{paper_id}", calls.paper)

    Client().paper("90d5e78b093d")             -> Paper
    await AsyncClient().paper("90d5e78b093d")  -> Paper
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, Self, TypeVar, cast, overload

import httpx

from cmo.client.upload import File, Progress

if TYPE_CHECKING:
    from cmo.client.client import AsyncClient, Client

P = ParamSpec("P")
T = TypeVar("T")
Params = Mapping[str, str | int | float | bool | Sequence[str] | None]
_REPEATABLE: Final = frozenset({"GET", "PUT"})


def _json(reply: httpx.Response) -> Any:
    return reply.json()


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """What is sent to an endpoint, and how its reply is read."""

    place: Mapping[str, str | int] = field(default_factory=dict)
    """What stands in the braces of its address."""
    params: Params = field(default_factory=dict)
    """Of the address; None is left out."""
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[File] = ()
    progress: Progress | None = None
    read: Callable[[httpx.Response], T] = _json
    seconds: float | None = None
    """How long it may take; None leaves that to the client."""
    also: frozenset[int] = frozenset()
    """Statuses of failure whose body is a reply all the same."""


class Endpoint(Generic[P, T]):
    """A method of both clients.

    Args:
        route: method and address, as the service describes them.
        make: the call of some arguments.
        repeatable: whether the call may be sent twice; by default where HTTP says so, save for DELETE, whose second
            attempt does not find what the first one removed.
    """

    def __init__(self, route: str, make: Callable[P, Call[T]], *, repeatable: bool | None = None) -> None:
        self.route = route
        self.method, _, self.path = route.partition(" ")
        self.make = make
        self.repeatable = self.method in _REPEATABLE if repeatable is None else repeatable

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Client | AsyncClient | None, owner: type) -> Any:
        """The endpoint itself on the class, its method on a client."""
        if client is None:
            return self
        send = cast("Any", client).send

        @wraps(self.make)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return send(self, self.make(*args, **kwargs))

        return method
