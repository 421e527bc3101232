"""Dagster's daemon in a hurry: it looks every second, and its schedules by a clock we can move.

Stock, it looks for backfills every thirty seconds and for ticks every minute. The file `ahead`
in DAGSTER_HOME says by how many seconds the schedules' clock is ahead; runs have the real one.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from dagster import _time as real
from dagster._daemon import controller
from dagster._scheduler import scheduler

# There is no setting for it; the loops read it when they start.
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1


def _ahead() -> timedelta:
    file = Path(os.environ["DAGSTER_HOME"]) / "ahead"
    return timedelta(seconds=float(file.read_text())) if file.exists() else timedelta()


def _now(tz: str = "UTC") -> datetime:
    return real.get_current_datetime(tz) + _ahead()


scheduler.get_current_datetime = _now
scheduler.get_current_timestamp = lambda: _now().timestamp()
vars(scheduler)["_get_next_scheduler_iteration_time"] = lambda start: start + 1

if __name__ == "__main__":
    from dagster._daemon.cli import main

    main()
