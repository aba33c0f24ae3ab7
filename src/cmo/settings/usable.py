"""Settings of which some cannot be used: the others as they are, for whoever looks what is wrong.

::

    read --refused: what it names --> read again with defaults there --> ... --> settings, and what was wrong

The service is never begun with these: `cmo.settings.read_settings` refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from cmo.errors import SettingsError
from cmo.settings import Settings, read_settings, refusals
from cmo.settings.origins import names_of

_ROUNDS: Final = 4
"""What is wrong in one concern may hide what is wrong in another."""
_NAME: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")


def usable(**overrides: object) -> tuple[Settings, str]:
    """Settings with defaults in the place of what cannot be used, and what was wrong; nothing where all can be.

    Args:
        overrides: what counts before all else.
    """
    said = {name: value for name, value in overrides.items() if value is not None}
    try:
        return read_settings(**said), ""
    except SettingsError as error:
        wrong, found = str(error), ""
    at: dict[str, Any] = {}
    for _ in range(_ROUNDS):
        try:
            return Settings(**{**at, **said}), wrong
        except ValidationError as error:
            at |= _defaults(set(_fields(error)))
            found = "; ".join(filter(None, (found, refusals(error))))  # the first may have hidden others
            wrong = f"Settings cannot be used: {found}."
        except UnicodeDecodeError:
            break
    return Settings(**{"_env_file": None, **_defaults(set(Settings.model_fields)), **said}), wrong


def _fields(error: ValidationError) -> Iterator[str]:
    """Fields that an error names; of what does not go together all of the same concern."""
    by_name = {name: field for field, info in Settings.model_fields.items() for name in names_of(field, info)}
    for one in error.errors(include_url=False, include_input=False):
        if one["loc"]:
            first = str(one["loc"][0])
            yield by_name.get(first, first)
            continue
        named = {by_name[name] for name in _NAME.findall(one["msg"]) if name in by_name}
        for field in named:
            yield from _concern(field)


def _concern(field: str) -> Iterator[str]:
    groups = [kind for kind in Settings.__mro__ if issubclass(kind, BaseSettings) and field in kind.model_fields]
    yield from min(groups, key=lambda kind: len(kind.model_fields)).model_fields


def _defaults(fields: set[str]) -> dict[str, Any]:
    known = Settings.model_fields
    return {field: known[field].get_default(call_default_factory=True) for field in fields & known.keys()}
