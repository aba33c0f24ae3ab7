"""Word of a change to all processes, over a Redis or Valkey that they share.

::

    written --announce--> channel --wait--> every process looks at the store at once
                             '--gone, or silent to a ping--> each looks by itself, as where there is none

Word is a hint and nothing else: what holds is in the store, and whoever misses a word sees the change at the next look.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from cmo.errors import SettingsError
from cmo.kit.clock import Clock

try:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.client import PubSub
    from redis.exceptions import RedisError
    from redis.retry import Retry
except ImportError as error:
    raise SettingsError(
        "Processes that hear of changes over Redis need its package: pip install 'clinical-metabolomics-oracle[redis]'."
    ) from error

log = logging.getLogger("cmo.delivery")

CHANNEL: Final = "cmo:delivery"
_CONNECT_SECONDS: Final = 0.3
_SLICE_SECONDS: Final = 0.4
"""Longest wait in one piece, so that a process can end."""
_PING_SECONDS: Final = 0.4
_SILENT_SECONDS: Final = 0.9
"""Without an answer to a ping, the Redis is as good as gone."""
_AGAIN_SECONDS: Final = 2.0
"""Between attempts to reach one that is gone."""


class Fanout:
    """One end of the channel. Threads may share `announce`; one waits.

    Args:
        url: of the Redis.
        clock: for durations.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._clock = clock
        try:
            self._redis = Redis.from_url(
                url,
                socket_timeout=_CONNECT_SECONDS,
                socket_connect_timeout=_CONNECT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise SettingsError("CMO_REDIS_URL is no address of a Redis, such as redis://127.0.0.1:6379/0.") from error
        self._channel: PubSub | None = None
        self._heard = 0.0
        self._pinged = 0.0
        self._not_before = -_AGAIN_SECONDS
        self._silent = False

    def announce(self) -> None:
        """Say that something changed; nobody waits long for a Redis that is gone."""
        try:
            self._redis.publish(CHANNEL, b"changed")
        except (RedisError, OSError) as error:
            log.debug("releases: nobody could be told of a change: %s", error)

    def wait(self, stop: threading.Event, quiet: float, alone: float) -> None:
        """Until something changed.

        Args:
            stop: ends it.
            quiet: seconds at most, while word would come.
            alone: seconds at most, while the Redis is gone.
        """
        channel = self._channel or self._subscribed()
        if channel is None:
            stop.wait(alone)
        elif self._channel is None:  # what was said before is not heard any more: look now
            self._channel = channel
        else:
            self._listen(channel, stop, quiet)

    def close(self) -> None:
        """Hang up."""
        self._drop()
        self._redis.close()

    def _listen(self, channel: PubSub, stop: threading.Event, seconds: float) -> None:
        self._heard = self._clock.monotonic()  # it was not listened to until now
        until = self._heard + seconds
        try:
            while not stop.is_set() and (left := until - self._now(channel)) > 0:
                told = channel.get_message(timeout=min(left, _SLICE_SECONDS))
                if told is None:
                    continue
                self._heard = self._clock.monotonic()
                if told["type"] == "message":
                    return
        except (RedisError, OSError) as error:
            self._lost(error)

    def _now(self, channel: PubSub) -> float:
        """The time, having asked now and then whether anybody is there.

        Raises:
            TimeoutError: nobody is.
        """
        now = self._clock.monotonic()
        if now - self._heard > _SILENT_SECONDS:
            message = "it does not answer"
            raise TimeoutError(message)
        if now - self._pinged >= _PING_SECONDS:
            self._pinged = now
            channel.ping()
        return now

    def _subscribed(self) -> PubSub | None:
        now = self._clock.monotonic()
        if now < self._not_before:
            return None
        channel: PubSub = self._redis.pubsub()  # type: ignore[no-untyped-call]
        try:
            channel.subscribe(CHANNEL)
        except (RedisError, OSError) as error:
            self._lost(error)
            return None
        if self._silent:
            log.warning("releases: changes are heard of over Redis again")
        self._silent, self._heard, self._pinged = False, now, now
        return channel

    def _lost(self, error: Exception) -> None:
        self._drop()
        self._not_before = self._clock.monotonic() + _AGAIN_SECONDS
        if not self._silent:
            log.warning("releases: Redis is gone (%s); every process looks at the store by itself", error)
        self._silent = True

    def _drop(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
