"""`DiagnosticTools`: the documented class over the doctor's checks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cmo.app import opened
from cmo.errors import OracleError
from cmo.ops.doctor import State
from cmo.settings import Settings, read_settings
from lightrag_integration.configuration import ConfigValidator, Validation, looked_at


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one look found."""

    success: bool
    error: str = ""
    """What is wrong, and what to do; empty where all is well."""
    details: str = ""
    """What was found, in either case."""


class DiagnosticTools:
    """Looks at what answers depend on; `cmo doctor` is the same and more. Changes nothing.

    Args:
        config: settings; read from the environment when not given.
    """

    def __init__(self, config: Settings | None = None) -> None:
        self._config = config

    async def check_openai_connectivity(self) -> Diagnosis:
        """Whether the language model's endpoint answers and takes the key; costs nothing."""
        return _of(await ConfigValidator(self._config).validate_openai_connectivity())

    def check_directory_permissions(self) -> Diagnosis:
        """Whether the folders can be used."""
        return _of(ConfigValidator(self._config).validate_directory_permissions())

    async def check_knowledge_base_integrity(self) -> Diagnosis:
        """Whether database, index and vector search are sound: reads them whole."""
        return await asyncio.to_thread(self._integrity)

    def check_memory_availability(self) -> Diagnosis:
        """Whether there is memory for one more process that answers."""
        (found,) = looked_at(self._config or read_settings(), ["memory"])
        wrong = f"{found.said}. {found.fix}" if found.state is State.BROKEN else ""
        return Diagnosis(not wrong, wrong, found.said)

    def _integrity(self) -> Diagnosis:
        try:
            with opened(self._config or read_settings()) as house:
                check = house.curator.check()
        except OracleError as error:
            return Diagnosis(success=False, error=str(error))
        return Diagnosis(
            check.sound, "; ".join(check.faults), f"{check.rows:,} passages, recall {check.recall_at_10:.3f}"
        )


def _of(found: Validation) -> Diagnosis:
    return Diagnosis(found.is_valid, found.error)
