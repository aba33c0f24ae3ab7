"""Ports of this machine that a command wants to listen on."""

from __future__ import annotations

import socket

from cmo.errors import SettingsError


def require_free(port: int) -> None:
    """Look before anything is begun for it.

    Raises:
        SettingsError: somebody listens there already.
    """
    try:
        with socket.create_server(("127.0.0.1", port)):
            return
    except OSError as error:
        raise SettingsError(f"Port {port} of 127.0.0.1 is taken. Choose another with --port.") from error
