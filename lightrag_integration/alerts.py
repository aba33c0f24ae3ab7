"""`AlertSystem`: the documented class that tells people of errors."""

from __future__ import annotations

import asyncio

from cmo.cast.trials import GATHER_SECONDS
from cmo.errors import OracleError
from cmo.kit.clock import Clock, SystemClock
from cmo.kit.hashing import hex_hash
from cmo.model.notices import Notice, Severity
from cmo.notify import PostOffice, channels
from cmo.settings import Settings, read_settings

__all__ = ["AlertSystem"]


class AlertSystem:
    """Tells people of errors by the channels of the settings: a webhook, e-mail. Many at once become one message.

    Args:
        config: settings; read from the environment when not given.
    """

    def __init__(self, config: Settings | None = None) -> None:
        self._settings = config or read_settings()
        self._clock: Clock = SystemClock()
        self._post: PostOffice | None = None

    async def initialize(self) -> None:
        """Open the channels; without any, notices stay in the log.

        Raises:
            SettingsError: an address cannot be used.
        """
        if self._post is None:
            self._post = PostOffice(channels(self._settings, self._clock), self._clock, gather=GATHER_SECONDS)

    async def send_error_alert(self, error: BaseException, query: str = "", user_id: str = "") -> bool:
        """Tell people of an error; False where the same was told just now, or it found no room.

        The question and the user are told as marks of eight letters, by which they are found in logs and nowhere else.
        """
        await self.initialize()
        assert self._post is not None
        kind = error.code if isinstance(error, OracleError) else type(error).__name__
        marks = (("question", query), ("user", user_id))
        facts = tuple((name, hex_hash(name, value, size=4)) for name, value in marks if value)
        text = "What to do: docs/runbooks/errors.md"
        return self._post.tell(Notice(f"error/{kind}", f"A question failed: {kind}", text, Severity.CRITICAL, facts))

    async def close(self) -> None:
        """Send what waits."""
        if self._post is not None:
            await asyncio.to_thread(self._post.close)
