"""Ctrl-C and SIGTERM: both end a command in the same orderly way, each with its own exit code."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_BY_SIGNAL = 128  # a shell adds the signal's number: 130 for Ctrl-C, 143 for SIGTERM


@contextmanager
def orderly() -> Iterator[Callable[[], int]]:
    """Raise `KeyboardInterrupt` at SIGTERM too; give what says the exit code of what came.

    Dagster and Snowflake's driver put their own handlers in our place while they work, so the
    signals are counted where Python itself writes them down.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: _BY_SIGNAL + signal.SIGINT
        return
    came, noted = os.pipe()
    os.set_blocking(came, False)
    os.set_blocking(noted, False)
    other_notes = signal.set_wakeup_fd(noted, warn_on_full_buffer=False)
    other_handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield lambda: _BY_SIGNAL + _first(came)
    finally:
        signal.signal(signal.SIGTERM, other_handler or signal.SIG_DFL)
        signal.set_wakeup_fd(other_notes)
        os.close(came)
        os.close(noted)


def _first(came: int) -> int:
    """Read which came first: the driver's SIGTERM is passed on as a Ctrl-C."""
    try:
        numbers = os.read(came, 4096)
    except BlockingIOError:
        numbers = b""
    ending = (number for number in numbers if number in (signal.SIGINT, signal.SIGTERM))
    return next(ending, signal.SIGINT)
