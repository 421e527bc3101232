"""Ctrl-C and SIGTERM: both end a command in the same orderly way, each with its own exit code."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_BY_SIGNAL = 128  # a shell adds the signal's number: 130 for Ctrl-C, 143 for SIGTERM


@contextmanager
def orderly() -> Iterator[Callable[[], int]]:
    """Raise `KeyboardInterrupt` at SIGTERM too; yield what returns the exit code of the first.

    Dagster and Snowflake's driver put their own handlers in our place while they work, so the
    signals are counted where Python itself writes them down.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: _BY_SIGNAL + signal.SIGINT
        return
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    other_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    other_handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield lambda: _BY_SIGNAL + _first(reader)
    finally:
        signal.signal(signal.SIGTERM, other_handler or signal.SIG_DFL)
        signal.set_wakeup_fd(other_writer)
        os.close(reader)
        os.close(writer)


def _first(reader: int) -> int:
    """Return which came first: the driver's SIGTERM is passed on as a Ctrl-C."""
    try:
        numbers = os.read(reader, 4096)
    except BlockingIOError:
        numbers = b""
    ending = (number for number in numbers if number in (signal.SIGINT, signal.SIGTERM))
    return next(ending, signal.SIGINT)
