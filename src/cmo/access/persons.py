"""Who somebody is here, by what a provider says of them: role by group, tenant by claim. Pure.

::

    claims --groups--> role, the highest that any gives --tenant--> Person
                  '--none--> nobody here     '--none, or no name of one--> nobody here
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cmo.errors import SettingsError
from cmo.kit.text import clean_line
from cmo.model.access import TENANT, Person, Role

EVERYBODY: Final = "*"
"""In the place of a group: whoever the provider knows."""
_MOST_GROUPS: Final = 5_000
_MOST_CHARS: Final = 100
_MOST_SUBJECT: Final = 255
"""OpenID Connect Core, section 2."""
_RESERVED: Final = frozenset({"admin-token", "local", "somebody"})
"""Names of those whom no provider knows: `warden.TOKEN`, `warden.LOCAL`, `kit.actor.SOMEBODY`."""
_RULE: Final = re.compile(rf"\s*(?P<group>[^\s,=].*?)\s*=\s*(?P<role>{'|'.join(Role)})\s*(?:,|\n|$)")
_TENANT: Final = re.compile(TENANT)


class Stranger(StrEnum):
    """Why somebody whom the provider knows is nobody here."""

    NO_ROLE = "no-role"
    """None of their groups has a role."""
    NO_TENANT = "no-tenant"
    """They are of no tenant, or of one that cannot be called so."""
    NO_NAME = "no-name"
    """The provider does not say who they are."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How people are told apart."""

    roles: Mapping[str, Role]
    """By group; `*` is everybody."""
    roles_claim: str = "groups"
    tenant_claim: str = ""
    """Empty where all are of the service's own tenant."""
    name_claim: str = "preferred_username"
    tenant: str = ""
    """Of the service itself."""


def person(claims: Mapping[str, Any], standing: Standing) -> Person | Stranger:
    """Who somebody is here, or why they are nobody."""
    role = role_of(_listed(claim(claims, standing.roles_claim)), standing.roles)
    if role is None:
        return Stranger.NO_ROLE
    tenant = _tenant(claims, standing)
    if tenant is None:
        return Stranger.NO_TENANT
    told = (claim(claims, name) for name in (standing.name_claim, "email", "sub"))
    name = next((said for one in told if isinstance(one, str) and (said := _called(one))), None)
    subject = claims.get("sub")
    if name is None or not isinstance(subject, str) or not subject.isascii() or not 0 < len(subject) <= _MOST_SUBJECT:
        return Stranger.NO_NAME
    return Person(str(claims["iss"]), subject, name, role, tenant)


def role_of(groups: Iterable[str], roles: Mapping[str, Role]) -> Role | None:
    """The highest role that any of these groups gives."""
    given = [roles[group] for group in (EVERYBODY, *groups) if group in roles]
    return max(given, key=lambda role: role.rank, default=None)


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path of names (``realm_access.roles``)."""
    if name in claims:  # some are called by an address, with dots in it
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def roles_in(text: str) -> dict[str, Role]:
    """Roles by group, from ``oracle-readers=reader, oracle-admins=admin``.

    Groups may hold commas and equals signs, as those of directories do: the role ends each.

    Raises:
        SettingsError: it cannot be read.
    """
    found, at = {}, 0
    while text[at:].strip():
        match = _RULE.match(text, at)
        if match is None:
            raise SettingsError(
                f"CMO_OIDC_ROLES cannot be read from {text[at:].strip()[:60]!r} on. Write GROUP=ROLE, separated by commas; "
                f"roles are {', '.join(Role)}, and the group * is everybody."
            )
        found[match["group"]], at = Role(match["role"]), match.end()
    return found


def _called(name: str) -> str:
    """A name as it is kept. A stroke would make it that of another key's user (`Principal.speaking_for`)."""
    said = clean_line(name.replace("/", "_"))[:_MOST_CHARS].strip()
    return f"{said}~" if said in _RESERVED else said


def _listed(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value[:_MOST_GROUPS] if isinstance(one, str)] if isinstance(value, list) else []


def _tenant(claims: Mapping[str, Any], standing: Standing) -> str | None:
    if not standing.tenant_claim:
        return standing.tenant
    told = claim(claims, standing.tenant_claim)
    if isinstance(told, list) and len(told) == 1:
        told = told[0]
    if not isinstance(told, str) or not told:
        return None
    return told if told == standing.tenant or _TENANT.fullmatch(told) else None
