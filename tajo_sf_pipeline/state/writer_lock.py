"""One writer for an audience, whichever process it is in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from tajo_sf_pipeline.errors import BusyError
from tajo_sf_pipeline.state.lock_holder import read_holder, remove_holder, write_holder
from tajo_sf_pipeline.storage.write_errors import made

_PATIENCE = 30.0  # seconds


@contextmanager
def one_writer(
    ledger: Path, run_id: str | None = None, *, patience: float | None = None
) -> Iterator[None]:
    """Hold an audience's lock; raise `BusyError`, naming the holder, where another keeps it.

    `run_id` names this writer to whoever waits.
    """
    path = ledger.with_suffix(".lock")
    patience = _PATIENCE if patience is None else patience
    with made(path):
        ledger.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = filelock.FileLock(path, timeout=patience)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise another_writer(ledger.stem, read_holder(path), patience) from None
    try:
        write_holder(path, run_id)
        yield
    finally:
        remove_holder(path)
        lock.release()


def another_writer(audience: str, holder: object, patience: float) -> BusyError:
    return BusyError(
        "TAJO-145",
        f"another process is syncing {audience}{f': {holder}' if holder else ''}; it "
        f"has not ended within {patience:g} s",
        "Wait until it has ended, then run this date again.",
    )
