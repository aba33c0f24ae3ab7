"""Where several workers listen."""

import asyncio
import socket

import pytest

from cmo.web.serve import _listening


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_replies_of_workers_do_not_wait_for_acknowledgements(host: str) -> None:
    """What a worker accepts sends at once, as asyncio arranges for sockets that it knows for TCP."""

    async def served() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            found.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with _listening(host, 0) as listening:
            async with await asyncio.start_server(accepted, sock=listening):
                _, writer = await asyncio.open_connection(*listening.getsockname()[:2])
                writer.close()
                return await found

    assert asyncio.run(served())
