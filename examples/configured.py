"""`ConfigManager`: the settings of each environment, and what is wrong with them before anything starts.

Runs without a key: `python examples/configured.py`.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from cmo.errors import OracleError
from lightrag_integration import BudgetManager, ClinicalMetabolomicsRAG, LightRAGConfig

NOTES = Path(__file__).parents[1] / "library" / "notes"


class Limits(NamedTuple):
    """What differs between environments; all else comes from the environment's variables."""

    daily_budget: Decimal
    """Dollars."""
    quality_threshold: float


ENVIRONMENTS: Final = {
    "production": Limits(Decimal(500), 0.85),
    "staging": Limits(Decimal(100), 0.8),
    "development": Limits(Decimal(50), 0.7),
}


class ConfigManager:
    """Settings by environment.

    Args:
        environment: which one is meant where none is named.
    """

    def __init__(self, environment: str = "development") -> None:
        self.environment = environment

    def get_config(self, environment: str | None = None) -> LightRAGConfig:
        """The settings of an environment, each with a knowledge base of its own beside the others.

        Raises:
            OracleError: there is no such environment, or a setting that cannot be used.
        """
        name = environment or self.environment
        if name not in ENVIRONMENTS:
            raise OracleError(f"There is no environment {name!r}. Name one of: {', '.join(ENVIRONMENTS)}.")
        given, limits = LightRAGConfig(), ENVIRONMENTS[name]
        return LightRAGConfig(
            working_dir=given.working_dir / name,
            papers_dir=given.papers_dir or NOTES,
            daily_budget=limits.daily_budget,
            quality_threshold=limits.quality_threshold,
        )

    def validate(self, config: LightRAGConfig) -> list[str]:
        """What would go wrong later; nothing where all is well."""
        wrong = []
        if config.papers_dir is None or not config.papers_dir.is_dir():
            wrong.append(f"{config.papers_dir} is no folder. Set LIGHTRAG_PAPERS_DIR.")
        try:
            config.working_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            wrong.append(f"{config.working_dir} cannot be written to: {error.strerror}.")
        return wrong


async def main() -> None:
    """Show what each environment allows, and answer a question in one of them."""
    manager = ConfigManager()
    for name in ENVIRONMENTS:
        config = manager.get_config(name)
        budget = BudgetManager(config=config)
        limit = (await budget.get_status())["daily"]["limit_usd"]
        await budget.close()
        faults = " ".join(manager.validate(config)) or "sound"
        print(f"{name:<12} ${limit:g} a day, quality {config.quality_threshold:g}: {faults}")
    rag = ClinicalMetabolomicsRAG(manager.get_config())
    await rag.initialize_knowledge_base()
    print(await rag.query("Which metabolites are raised in phenylketonuria?"))
    await rag.stop_all_processing()


if __name__ == "__main__":
    asyncio.run(main())
