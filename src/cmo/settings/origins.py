"""Where each setting came from, and names that no setting has.

::

    environment, .env, profile  -->  Layers  -->  one row a setting: value, origin
                                             -->  names that are nobody's, with the nearest
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

from cmo.settings.profiles import KEYS, Profile, first_name, process_environment, profile_of, set_by

MASK: Final = "********"
_OURS: Final = ("cmo_", "lightrag_")
_SIGNED_IN: Final = re.compile(r"(?P<scheme>\b[a-zA-Z][\w+.-]*://)(?P<who>[^@/\s]*)@")
_IN_QUERY: Final = re.compile(r"(?i)([?&][^=&\s]*(?:password|passwd|secret|token|key)[^=&\s]*=)([^&\s]+)")


class Origin(StrEnum):
    """Who said what a setting is."""

    OPTION = "option"
    ENVIRONMENT = "environment"
    FILE = ".env"
    PROFILE = "profile"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as it stands."""

    field: str
    names: tuple[str, ...]
    value: str
    """Masked where it is a secret; empty where nothing is set."""
    origin: Origin
    where: str
    """The variable, the line of the file, or the profile."""
    secret: bool
    unheard: tuple[str, ...] = ()
    """Other names of it that are set as well and do not count."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name that looks like a setting and is none."""

    name: str
    where: str
    nearest: str
    """The setting that was meant, perhaps; empty where none is near."""


@dataclass(frozen=True, slots=True)
class Layers:
    """What the sources say. Names are in small letters where they come from outside."""

    variables: Mapping[str, str]
    """Of the environment."""
    from_variables: Mapping[str, Any]
    """What they set, by each setting's first name."""
    lines: Mapping[str, int]
    """Names in the file, with their lines."""
    from_file: Mapping[str, Any]
    path: str
    """Of the file."""
    profile: Profile | None
    from_profile: Mapping[str, Any]
    """What it sets, by field."""

    @classmethod
    def read(cls, kind: type[BaseSettings]) -> Self:
        """Look at them now."""
        variables, file = process_environment(), DotEnvSettingsSource(kind)
        by_name, written = EnvSettingsSource(kind)(), file()
        also = {**{name: value or "" for name, value in file.env_vars.items()}, **variables}
        profile = profile_of({**written, **by_name}, also)
        path = Path(str(kind.model_config.get("env_file") or ".env"))
        lines = dict(_lines(path)) if file.env_vars else {}
        return cls(variables, by_name, lines, written, str(path), profile, set_by(profile, also))

    def of(self, field: str, names: tuple[str, ...]) -> tuple[Origin, str]:
        """Where a value came from."""
        if names[0] in self.from_variables:
            return Origin.ENVIRONMENT, next(name for name in names if name.casefold() in self.variables)
        if names[0] in self.from_file:
            name = next(name for name in names if name.casefold() in self.lines)
            return Origin.FILE, f"{name}, line {self.lines[name.casefold()]} of {self.path}"
        return (Origin.PROFILE, str(self.profile)) if field in self.from_profile else (Origin.DEFAULT, "")

    def heard(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Which of a setting's names are set, the one that counts first."""
        here = [name for name in names if name.casefold() in self.variables]
        return (*here, *(name for name in names if name.casefold() in self.lines and name not in here))


def rows(settings: BaseSettings, options: Container[str] = ()) -> list[Row]:
    """Every setting with its value and where it came from.

    Args:
        settings: as they were read.
        options: fields that a command's options set.
    """
    layers, made = Layers.read(type(settings)), []
    for field, info in type(settings).model_fields.items():
        names, value = names_of(field, info), getattr(settings, field)
        origin, where = (Origin.OPTION, "") if field in options else layers.of(field, names)
        unheard = layers.heard(names)[1:]
        made.append(Row(field, names, shown(value), origin, where, isinstance(value, SecretStr), unheard))
    return made


def unknown(kind: type[BaseSettings]) -> list[Unknown]:
    """Names that begin like ours, or stand in the file and are nearly ours, and that nothing reads."""
    known = {name.casefold(): name for field, info in kind.model_fields.items() for name in names_of(field, info)}
    known |= {"environment": "ENVIRONMENT"} | {key.casefold(): key for key in KEYS.values()}
    layers = Layers.read(kind)
    places = {name: "environment" for name in layers.variables if name.startswith(_OURS)}
    places |= {name: f"line {line} of {layers.path}" for name, line in layers.lines.items()}
    found = []
    for name, where in sorted(places.items()):
        near = get_close_matches(name, known, n=1, cutoff=0.6 if name.startswith(_OURS) else 0.85)
        if name not in known and (near or name.startswith(_OURS)):
            found.append(Unknown(name.upper(), where, known[near[0]] if near else ""))
    return found


def names_of(field: str, info: FieldInfo) -> tuple[str, ...]:
    """All names of a setting, the one that wins first."""
    choices = getattr(info.validation_alias, "choices", None)
    return tuple(str(choice) for choice in choices) if choices else (first_name(field, info),)


def shown(value: Any) -> str:
    """A value as it may be shown."""
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else masked(str(value))


def masked(text: str) -> str:
    """A text without the names and passwords in its addresses."""
    return _IN_QUERY.sub(rf"\1{MASK}", _SIGNED_IN.sub(rf"\g<scheme>{MASK}@", text))


def secrets_of(settings: BaseSettings) -> frozenset[str]:
    """The secrets themselves, also those in addresses, for whoever has to take them out of a text."""
    values = [getattr(settings, field) for field in type(settings).model_fields]
    found = {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
    for text in [*found, *(value for value in values if isinstance(value, str))]:
        found |= {match["who"].rpartition(":")[2] for match in _SIGNED_IN.finditer(text)}
        found |= {match[2] for match in _IN_QUERY.finditer(text)}
    return frozenset(part for word in found for part in (word, *word.split(",")) if part)


def secrets_set(kind: type[BaseSettings]) -> frozenset[str]:
    """The same where the settings cannot be read: what their names are set to, in the environment and in the file."""
    fields = kind.model_fields.items()
    names = [n.casefold() for f, info in fields if isinstance(info.default, SecretStr) for n in names_of(f, info)]
    names += [key.casefold() for key in KEYS.values()]
    said = {**DotEnvSettingsSource(kind).env_vars, **process_environment()}
    addresses = [
        match["who"].rpartition(":")[2] for value in said.values() for match in _SIGNED_IN.finditer(value or "")
    ]
    found = [*(said.get(name) or "" for name in names), *addresses]
    return frozenset(part for word in found for part in (word, *word.split(",")) if part)


def _lines(path: Path) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        if match := re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=", line):
            yield match[1].casefold(), number
