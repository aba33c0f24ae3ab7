"""Roles at the routes: each says who may call it, and a service with a route that does not say is not begun.

::

    @router.post("", dependencies=[needs(Role.CURATOR)])

The role of a route stands beside it and nowhere else; it is told in the OpenAPI document as ``x-role``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute

from cmo.errors import NotAllowed, NotKnown
from cmo.model.access import Principal, Role
from cmo.model.money import Payer
from cmo.web.entrance import Entrance

EVERYBODY = "everybody"
"""Told of a route that needs no key."""


class Needs:
    """What a route asks of who calls it.

    Args:
        role: the least that is enough; None for everybody.
        of_service: whether it tells of the whole service, so that other tenants' people may not call it.
    """

    def __init__(self, role: Role | None, *, of_service: bool = False) -> None:
        self.role = role
        self.of_service = of_service

    async def __call__(self, request: Request) -> None:
        """Let go on who may.

        Raises:
            NotKnown: nobody said who they are.
            NotAllowed: they may not.
        """
        if self.role is None:
            return
        asks = principal(request)
        if asks is None:
            raise NotKnown("This needs a key.")
        entrance: Entrance = request.app.state.entrance
        foreign = self.of_service and asks.tenant != entrance.warden.rules.tenant
        if asks.role.covers(self.role) and not foreign:
            return
        await entrance.refused(asks, request.method, request.url.path)
        raise NotAllowed(_why(asks, self.role, foreign=foreign))


def needs(role: Role, *, of_service: bool = False) -> Any:
    """A route's dependency: who may call it."""
    return Depends(Needs(role, of_service=of_service))


def for_everybody() -> Any:
    """The same of a route that needs no key: it tells nothing of papers, questions or people."""
    return Depends(Needs(None))


def principal(request: Request) -> Principal | None:
    """Who asks; None where nobody had to say."""
    asks: Principal | None = request.scope.get("state", {}).get("principal")
    return asks


def payer(request: Request, tenant: str = "", user: str = "") -> Payer:
    """For whom a question is asked: a key says for which tenant and for whom; users that a body names are those of its key."""
    asks = principal(request)
    return Payer(tenant, user) if asks is None or not asks.known else Payer(asks.tenant, asks.speaking_for(user))


def may_see(request: Request, user: str) -> bool:
    """Whether who asks may see what is kept under a name."""
    asks = principal(request)
    return asks is None or asks.sees(user)


def table(routers: Iterable[APIRouter]) -> dict[tuple[str, str], Needs]:
    """What each route needs, by method and path.

    Raises:
        TypeError: a route does not say.
    """
    return {place: _strictest(place, route) for router in routers for place, route in _routes(router)}


def tell(document: dict[str, Any], needed: Mapping[tuple[str, str], Needs]) -> None:
    """Tell in an OpenAPI document who may call what, and how they say who they are."""
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["key"] = {"type": "http", "scheme": "bearer", "description": "A key of `cmo keys create`."}
    schemes["header"] = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    schemes["session"] = {"type": "apiKey", "in": "cookie", "name": "cmo", "description": "Of who logged in at /login."}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            role = needed[method.upper(), path].role
            operation["x-role"] = role.value if role else EVERYBODY
            operation["security"] = [{"key": []}, {"header": []}, {"session": []}, {}] if role else []


def _routes(router: APIRouter) -> Iterator[tuple[tuple[str, str], APIRoute]]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                yield (method, route.path), route


def _strictest(place: tuple[str, str], route: APIRoute) -> Needs:
    asked = [one.dependency for one in route.dependencies if isinstance(one.dependency, Needs)]
    if not asked:
        raise TypeError(f"{' '.join(place)} does not say who may call it: give it `needs(Role...)`.")
    return max(asked, key=lambda one: -1 if one.role is None else one.role.rank)


def _why(asks: Principal, role: Role, *, foreign: bool) -> str:
    if foreign:
        return "This tells of the whole service, which the people of other tenants do not see."
    if not asks.known:
        return (
            f"Over HTTP this needs the key of an {role.value}. Make one with `cmo keys create NAME --role {role.value}`, "
            "or use the command line."
        )
    return f"This needs the role {role.value}; the key {asks.name!r} has {asks.role.value}."
