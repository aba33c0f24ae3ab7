"""Several processes that answer, and how they are exchanged while others go on.

::

    SIGHUP --> settings read anew --a worker is started, and warm--> its elder drains and ends --> the next one
                     '--cannot be used--> said in the log, everything stays
    SIGTTIN, SIGTTOU --> one more, one less
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence

from fastapi import FastAPI
from uvicorn import Config
from uvicorn.supervisors import Multiprocess

from cmo.errors import OracleError

log = logging.getLogger("uvicorn.error")
WARM_SECONDS = 60
"""That a worker may take until it answers, and that one which answers nothing is waited for."""


class Workers(Multiprocess):
    """Keeps workers alive.

    Args:
        config: of uvicorn.
        sockets: where all of them listen.
        renewed: makes the service from the settings as they are now; raises an `OracleError` where they cannot be used.
    """

    def __init__(
        self, config: Config, sockets: Sequence[socket.socket], renewed: Callable[[], Callable[[], FastAPI]]
    ) -> None:
        config.timeout_worker_healthcheck = WARM_SECONDS
        super().__init__(config, list(sockets))
        self._renewed = renewed

    def handle_hup(self) -> None:
        """Exchange all of them, one after the other."""
        try:
            self.config.app = self._renewed()
        except OracleError as error:
            log.error("nothing was reloaded: %s", error)  # noqa: TRY400 - the message says all
            return
        super().handle_hup()
