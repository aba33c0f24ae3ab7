"""Ctrl-C that strikes where Python drops it ends the command all the same."""

import signal
import threading

import pytest

from cmo.cli.interrupts import heeded


class Finaliser:
    """Python prints and forgets what is raised in here."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_in_a_finaliser_is_seen_at_the_next_look() -> None:
    with heeded() as check:
        check()
        Finaliser()
        with pytest.raises(KeyboardInterrupt):
            check()


def test_an_interrupt_elsewhere_comes_at_once_and_the_old_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), heeded():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_thread_that_gets_no_signals_may_ask_as_well() -> None:
    seen: list[None] = []

    def work() -> None:
        with heeded() as check:
            seen.append(check())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]
