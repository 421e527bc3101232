"""Runs of partitions in this process, on a real Dagster instance: what the terminal calls."""

import logging
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs import dead_runs
from tajo_sf_pipeline.defs.dagster_private import DagsterAssetCheckFailedError
from tajo_sf_pipeline.defs.failures import TERMINAL_TAG
from tajo_sf_pipeline.defs.jobs import job_name
from tajo_sf_pipeline.defs.partitions import ACCEPT_TAG, FULL_TAG, PATH_TAG, REPLAY_TAG, sync_dates
from tajo_sf_pipeline.defs.run_failure import why_failed
from tajo_sf_pipeline.defs.waiting import Watch
from tajo_sf_pipeline.errors import ConfigurationError, InterruptedRunError
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline.state.selection import state_of
from tajo_sf_pipeline.storage.write_errors import made

# A terminal shows progress and a table; a machine that reads logs wants the run's own too.
_CONSOLE_LEVEL = {"text": "CRITICAL", "json": "INFO"}


@contextmanager
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open the instance at ``DAGSTER_HOME``, by default inside ``TAJO_HOME``.

    A folder without a dagster.yaml gets the one that ships.
    """
    home = settings.dagster_home
    with made(home):
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "dagster.yaml").exists():
            shutil.copyfile(_shipped_instance_file(), home / "dagster.yaml")
    # Alembic tells of every table that it makes in a new instance.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def run(
    definitions: dg.Definitions,
    opened: dg.DagsterInstance,
    settings: Settings,
    *,
    audience: Audience,
    day: date,
    path: Lane,
    full: bool = False,
    accept: Sequence[str] = (),
    replay: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Run one partition of one audience to its end; raise the error that failed it.

    What dead runs hold of its pool is freed, and a run that lives is waited for; `tell` is called
    with a sentence about either. The summary's seconds are those of the whole run. `full` forgets
    how far the incremental path has come, not the ledger. `accept` names guards that a person lets
    pass, and `replay` tells how many dead letters the run is for: both stand in the run's tags.
    """
    known = sync_dates(settings)
    if not known.has_partition_key(day.isoformat()):
        raise ConfigurationError(
            "TAJO-106",
            f"{day} is not a sync date: they go from {settings.file.start_date} to "
            f"{known.get_last_partition_key()}",
            "Choose a date between these, or move start_date in tajo.yaml.",
        )
    tags = {
        PATH_TAG: path,
        TERMINAL_TAG: "true",
        FULL_TAG: "true" if full else "",
        ACCEPT_TAG: ",".join(accept),
        REPLAY_TAG: str(replay or ""),
    }
    started, run_id = time.monotonic(), str(uuid.uuid4())
    watched = Watch(opened, settings.home, audience.name, day, run_id, tell)
    try:
        with dead_runs.held(settings.home, run_id), watched:
            definitions.resolve_job_def(job_name(audience.name, path)).execute_in_process(
                instance=opened,
                run_id=run_id,
                partition_key=day.isoformat(),
                tags={name: text for name, text in tags.items() if text},
                run_config=_console(_CONSOLE_LEVEL[settings.log_format]),
            )
    except (DagsterAssetCheckFailedError, dg.Failure) as failure:
        # As the alerts read it, from the same records.
        raise why_failed(opened, run_id) from failure
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
        raise InterruptedRunError(run_id) from None
    summary = state_of(settings).ledger(audience.name).run_of(run_id)
    return replace(summary, seconds=round(time.monotonic() - started, 3))


def _console(level: str) -> dict[str, Any]:
    return {"loggers": {"console": {"config": {"log_level": level}}}}


def _shipped_instance_file() -> Path:
    package = Path(__file__).parent.parent
    inside = package / "shipped" / "dagster.yaml"
    return inside if inside.exists() else package.parent / "dagster.yaml"
