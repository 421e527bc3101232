"""One writer for an audience, whichever process it is in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from tajo_sf_pipeline.errors import ConfigurationError

PATIENCE = 30.0  # seconds


@contextmanager
def one_writer(ledger: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold an audience's lock; raise `ConfigurationError` where another process keeps it."""
    ledger.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = filelock.FileLock(ledger.with_suffix(".lock"), timeout=patience)
    try:
        with lock:
            yield
    except filelock.Timeout:
        raise another_writer(ledger.stem) from None


def another_writer(audience: str) -> ConfigurationError:
    return ConfigurationError(
        "TAJO-145",
        f"another process is syncing {audience}",
        "Wait until it has ended, then run this date again.",
    )
