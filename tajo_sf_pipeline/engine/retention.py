"""What is not kept for ever: a date's files, and letters that are closed."""

from datetime import UTC, datetime
from pathlib import Path

from tajo_sf_pipeline.config.settings import Retention
from tajo_sf_pipeline.state.base import DeadLetters
from tajo_sf_pipeline.storage.paths import Paths


def prune(
    paths: Paths, dead_letters: DeadLetters, retention: Retention, now: datetime | None = None
) -> list[Path]:
    """Remove an audience's files that are older than is wanted, and old closed letters.

    A file's age counts from when it was written: a backfill of last year has new files. Gives
    the files that went.
    """
    now = now or datetime.now(UTC)
    dead_letters.prune(now - retention.dead_letters)
    oldest = (now - retention.extracts).timestamp()
    gone = [
        file
        for folder in ("extracts", "mapped", "plans")
        for file in (paths.home / folder / paths.audience).glob("*")
        if file.stat().st_mtime < oldest
    ]
    for file in gone:
        file.unlink(missing_ok=True)  # another audience's run does not touch these
    return gone
