"""One writer for an audience, whichever process it is in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from tajo_sf_pipeline.errors import ConfigurationError

_PATIENCE = 30  # seconds


@contextmanager
def one_writer(ledger: Path) -> Iterator[None]:
    """Hold an audience's lock; raise `ConfigurationError` where another process keeps it."""
    ledger.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = filelock.FileLock(ledger.with_suffix(".lock"), timeout=_PATIENCE)
    try:
        with lock:
            yield
    except filelock.Timeout:
        raise ConfigurationError(
            "TAJO-145",
            f"another process is syncing {ledger.stem}",
            "Wait until it has ended, then run this date again.",
        ) from None
