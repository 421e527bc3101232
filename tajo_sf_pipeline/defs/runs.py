"""Runs of partitions in this process, on a real Dagster instance: what the terminal calls."""

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError, DagsterExecutionInterruptedError

from tajo_sf_pipeline.audience import Audience
from tajo_sf_pipeline.defs.jobs import job_name
from tajo_sf_pipeline.defs.partitions import FULL_TAG, PATH_TAG, sync_dates
from tajo_sf_pipeline.errors import ConfigurationError, GuardError
from tajo_sf_pipeline.places import Places
from tajo_sf_pipeline.settings import Settings
from tajo_sf_pipeline.sync.ledger import Ledger
from tajo_sf_pipeline.sync.summary import Summary
from tajo_sf_pipeline.window import SyncPath

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@contextmanager
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open the instance at ``DAGSTER_HOME``, by default inside ``TAJO_HOME``.

    A folder without a dagster.yaml gets the one that ships.
    """
    home = settings.dagster_home
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
    path: SyncPath,
    full: bool = False,
) -> Summary:
    """Run one partition of one audience to its end; raise the error that failed it.

    The summary's seconds are those of the whole run. `full` forgets how far the
    incremental path has come, not the ledger.
    """
    known = sync_dates(settings)
    if not known.has_partition_key(day.isoformat()):
        raise ConfigurationError(
            "TAJO-106",
            f"{day} is not a sync date: they go from {settings.file.start_date} to "
            f"{known.get_last_partition_key()}",
            "Choose a date between these, or move start_date in tajo.yaml.",
        )
    started = time.monotonic()
    try:
        result = definitions.resolve_job_def(job_name(audience.name)).execute_in_process(
            instance=opened,
            partition_key=day.isoformat(),
            tags={PATH_TAG: path} | ({FULL_TAG: "true"} if full else {}),
            run_config=_QUIET,
        )
    except DagsterAssetCheckFailedError as error:
        raise GuardError(
            "TAJO-801",
            f"a check on {audience.name}/mapped stopped the run before any write: {error}",
            "Look at the check in Dagster's UI, correct what it names, and run the date again.",
        ) from error
    except DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None  # what a terminal's program ends with
    summary = Ledger(Places(settings.home, audience.name).ledger).run_of(result.run_id)
    return replace(summary, seconds=round(time.monotonic() - started, 3))


def _shipped_instance_file() -> Path:
    package = Path(__file__).parent.parent
    inside = package / "shipped" / "dagster.yaml"
    return inside if inside.exists() else package.parent / "dagster.yaml"
