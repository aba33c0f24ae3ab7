"""`FeatureFlagManager` and what belongs to it: the documented classes over the stored flags of a knowledge base.

What is set here holds for every process that shares the base, and is in the audit (`cmo rollout history`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from cmo.app import App
from cmo.cast.delivering import defaults
from cmo.delivery import told
from cmo.delivery.assign import Ramp, assign
from cmo.delivery.desk import Desk
from cmo.delivery.flags import CAP, ENABLED, flag, share
from cmo.delivery.releases import read
from cmo.delivery.rollout import Command, Phase
from cmo.errors import OracleError, SettingsError
from cmo.model.delivery import Current, Setting
from cmo.model.money import Need, Payer
from cmo.settings import Settings, read_settings

T = TypeVar("T")
SALT: Final = "lightrag"
"""Of the share of users that `get_routing_decision` sends to this system."""
ACTOR: Final = "lightrag_integration"
_PERCENTAGES: Final = ("LIGHTRAG_ROLLOUT_PERCENTAGE", "ENRICHMENT_ROLLOUT_PERCENTAGE")
_BUDGETS: Final = ("LIGHTRAG_MAX_DAILY_BUDGET", "LIGHTRAG_MAX_BUDGET", "LIGHTRAG_DAILY_BUDGET")
_SETTINGS: Final = {"ENABLE_MULTI_HOP": "multi_hop", "ENABLE_REASONING": "reasoning", "MAX_HOPS": "max_hops"}
_ALL = 100.0


@dataclass(frozen=True, slots=True)
class RolloutConfig:
    """How much of the traffic this system gets, and under what conditions.

    Raises:
        SettingsError: a number is out of range.
    """

    initial_percentage: float = 10.0
    """Percent of the users, 0 to 100, where nothing is stored."""
    quality_gate_threshold: float = 0.8
    """Quality below which a release is taken back, 0 to 1."""
    circuit_breaker_enabled: bool = True
    """Whether nobody is sent here while no money may be spent."""
    max_daily_budget: float = 100.0
    """Dollars a day."""

    def __post_init__(self) -> None:
        if not 0 <= self.initial_percentage <= _ALL:
            raise SettingsError(f"{self.initial_percentage:g} is no percentage. Give one from 0 to 100.")
        if not 0 <= self.quality_gate_threshold <= 1:
            raise SettingsError(f"{self.quality_gate_threshold:g} is no quality. Give one from 0 to 1.")
        if self.max_daily_budget < 0:
            raise SettingsError(f"{self.max_daily_budget:g} is no budget. Give 0 or more.")


@dataclass(frozen=True, slots=True)
class FlagDecision:
    """Whether a user is sent here; true or false as it stands."""

    use_lightrag: bool
    reason: str
    variant: str
    percentage: float

    def __bool__(self) -> bool:
        return self.use_lightrag


class House:
    """A knowledge base that is opened when it is first needed, off the event loop."""

    def __init__(self, config: Settings | None) -> None:
        self.app = App(config or read_settings())
        self._opening = threading.Lock()

    @property
    def desk(self) -> Desk:
        """Changes releases and flags."""
        return Desk(self.opened.delivery, self.app.clock)

    @property
    def opened(self) -> App:
        """The base with its store open."""
        with self._opening:
            _ = self.app.delivery
        return self.app

    async def run(self, work: Callable[[], T]) -> T:
        """Run something that waits for the store."""
        return await asyncio.to_thread(work)

    def close(self) -> None:
        """Close the database."""
        self.app.close()


class FeatureFlagManager:
    """The flags of a knowledge base.

    Args:
        rollout_config: what holds where nothing is stored.
        config: settings; read from the environment when not given.
    """

    def __init__(self, rollout_config: RolloutConfig | None = None, config: Settings | None = None) -> None:
        self.rollout_config = rollout_config or RolloutConfig()
        base = (config or read_settings()).model_dump()
        self._house = House(read_settings(**{**base, "daily_budget": str(self.rollout_config.max_daily_budget)}))
        self.enabled = True
        """As the environment says; what is stored comes first."""

    def configure_from_env(self, values: Mapping[str, str]) -> None:
        """Take over documented variables from a mapping; what is stored still comes first.

        Raises:
            SettingsError: one of them has a value that cannot be used.
        """
        known = {name: value for name, value in values.items() if value is not None}
        given = {name: read(value.strip()) for name, value in known.items() if isinstance(value, str)}
        for name in ("LIGHTRAG_ENABLED", "LIGHTRAG_CIRCUIT_BREAKER"):
            if name in given and not isinstance(given[name], bool):
                raise SettingsError(f"{name} cannot be {known[name]!r}: it says true or false.")
        config = self.rollout_config
        config = replace(
            config,
            initial_percentage=_number(given, _PERCENTAGES, config.initial_percentage),
            quality_gate_threshold=_number(given, ("LIGHTRAG_QUALITY_THRESHOLD",), config.quality_gate_threshold),
            max_daily_budget=_number(given, _BUDGETS, config.max_daily_budget),
            circuit_breaker_enabled=bool(given.get("LIGHTRAG_CIRCUIT_BREAKER", config.circuit_breaker_enabled)),
        )
        stated = {setting: given[name] for name, setting in _SETTINGS.items() if name in given}
        base = {**self._house.app.settings.model_dump(), **stated, "daily_budget": str(config.max_daily_budget)}
        self._house.close()
        self._house = House(read_settings(**base))
        self.rollout_config = config
        self.enabled = bool(given.get("LIGHTRAG_ENABLED", self.enabled))

    async def get_routing_decision(
        self, query: str = "", user_id: str = "", *, session_id: str = "", **_context: object
    ) -> FlagDecision:
        """Whether a user is answered here: by the share, the switch, and whether money may be spent."""
        del query  # who asks decides, not what
        return await self._house.run(lambda: self._decide(user_id or session_id))

    async def update_rollout_percentage(self, percentage: float, reason: str = "") -> float:
        """Set the share of the users, 0 to 100, for every process that shares the base."""
        await self._house.run(
            lambda: self._house.desk.set_flag(CAP, float(percentage), {}, ACTOR, reason or "update_rollout_percentage")
        )
        return float(percentage)

    set_rollout_percentage = update_rollout_percentage

    async def get_rollout_percentage(self) -> float:
        """The share of the users now."""
        return await self._house.run(lambda: self.percentage(self._house.opened.delivery.current()))

    async def emergency_disable(self, reason: str = "emergency") -> None:
        """Send nobody here any more, and take the release under way back at once, in every process."""
        await self._house.run(lambda: self._disable(reason))

    async def enable(self, reason: str = "") -> None:
        """Take the switch off again; a release that was taken back stays so."""
        await self._house.run(
            lambda: self._house.desk.set_flag(ENABLED, value=True, who={}, actor=ACTOR, reason=reason)
        )

    async def get_flag(self, name: str, user_id: str = "") -> dict[str, Any]:
        """A flag's value for a user, with variant, reason and where it comes from."""
        house = self._house
        return await house.run(
            lambda: told.explained(house.opened.delivery.current(), name, user_id, "", defaults(house.app.settings))
        )

    async def close(self) -> None:
        """Close the database."""
        await self._house.run(self._house.close)

    def current(self) -> Current:
        """What is stored now."""
        return self._house.opened.delivery.current()

    def _decide(self, unit: str) -> FlagDecision:
        current = self.current()
        percentage = self.percentage(current)
        if not self.switched_on(current):
            return FlagDecision(False, "switched off", "control", 0.0)  # noqa: FBT003 - the field says what
        if self.rollout_config.circuit_breaker_enabled and self._spent(unit):
            return FlagDecision(False, "the budget is spent", "control", percentage)  # noqa: FBT003
        if not unit:
            whole = percentage >= _ALL
            return FlagDecision(whole, "nobody knows who asks", "new" if whole else "control", percentage)
        given = assign(Ramp(SALT, percentage), unit)
        return FlagDecision(
            given.exposed, f"{given.why} of {percentage:g} %", "new" if given.exposed else "control", percentage
        )

    def switched_on(self, current: Current) -> bool:
        """Whether anybody is sent here in a state."""
        stored = current.flags.get(ENABLED)
        return self.enabled if stored is None else stored.spec["value"] is not False

    def percentage(self, current: Current) -> float:
        """The share of the users in a state."""
        stored = current.flags.get(CAP)
        return self.rollout_config.initial_percentage if stored is None else float(stored.spec["value"])

    def _spent(self, unit: str) -> bool:
        accounts = self._house.opened.treasury.budget.accounts(Payer(user=unit))
        return not all(account.rung.admits(Need.UNCERTAIN) for account in accounts)

    def _disable(self, reason: str) -> None:
        desk = self._house.desk
        desk.set_flag(ENABLED, value=False, who={}, actor=ACTOR, reason=reason)
        rollout = self._house.opened.delivery.current().rollout
        if rollout is not None and rollout.status["phase"] != Phase.BACK:
            desk.command(Command.DISABLE, ACTOR, reason)


class FeatureFlagDiagnostics:
    """Looks for what is wrong with flags. Each method returns a list of issues, empty where all is well.

    Args:
        manager: whose flags; one of the settings' when not given.
        config: settings; read from the environment when not given.
    """

    def __init__(self, manager: FeatureFlagManager | None = None, config: Settings | None = None) -> None:
        self._manager = manager or FeatureFlagManager(config=config)

    def validate_feature_flag_config(self) -> list[str]:
        """Flags that cannot be used, that contradict a release, or that make one pointless."""
        try:
            current = self._manager.current()
        except OracleError as error:
            return [f"The flags cannot be read: {error}"]
        issues = [issue for name in current.flags for issue in _issues(current, name)]
        if not self._manager.switched_on(current) and share_of(current) > 0:
            issues.append("Releases are switched off (lightrag_enabled) while one is under way: nobody gets it.")
        return issues

    def check_user_assignment_consistency(self, users: int = 1_000) -> list[str]:
        """Users who are told different things when they ask twice, or who lose their place while a share grows."""
        names = [f"user-{n}" for n in range(users)]
        percentage = self._manager.percentage(self._manager.current())
        issues = []
        for name in names:
            first, again = (assign(Ramp(SALT, percentage), name).exposed for _ in range(2))
            if first != again:
                issues.append(f"{name} was told {first} and then {again}.")
            steps = [assign(Ramp(SALT, percent), name).exposed for percent in (0, 10, 25, 50, 75, 100)]
            if steps != sorted(steps):
                issues.append(f"{name} loses its place while the share grows.")
        exposed = sum(assign(Ramp(SALT, percentage), name).exposed for name in names)
        expected, spread = users * percentage / _ALL, 5 * max(1.0, (users * 0.25) ** 0.5)
        if abs(exposed - expected) > spread:
            issues.append(f"{exposed} of {users} users are exposed where {expected:.0f} should be.")
        return issues

    def validate_rollout_percentage(self) -> list[str]:
        """A share that is none, or that another switch contradicts."""
        try:
            current = self._manager.current()
            percentage = self._manager.percentage(current)
        except OracleError as error:
            return [f"The share cannot be read: {error}"]
        issues = [] if 0 <= percentage <= _ALL else [f"{percentage:g} is no percentage."]
        if percentage > 0 and not self._manager.switched_on(current):
            issues.append(f"The share is {percentage:g} %, and the switch is off: nobody is sent here.")
        return issues


def share_of(current: Current) -> float:
    """Percent of the users that the release under way would get if nothing were switched off."""
    flags = {name: flag for name, flag in current.flags.items() if name != ENABLED}
    return share(replace(current, flags=flags))


def _issues(current: Current, name: str) -> list[str]:
    spec = dict(current.flags[name].spec)
    who = {key: spec[key] for key in ("percent", "allowed", "denied", "cohorts") if key in spec}
    try:
        flag(name, spec.get("value", ""), current, **who)
    except OracleError as error:
        return [str(error)]
    return []


def _number(given: Mapping[str, Setting], names: tuple[str, ...], otherwise: float) -> float:
    """The first of some variables that is set."""
    for name in names:
        if name not in given:
            continue
        value = given[name]
        if isinstance(value, bool | str):
            raise SettingsError(f"{name} cannot be {value!r}: it says a number.")
        return float(value)
    return otherwise
