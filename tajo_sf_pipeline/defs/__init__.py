"""The workspace as Dagster sees it; the only package that imports dagster.

It turns audiences into assets, checks, jobs and sensors over the engine; `definitions.py` and the
terminal import it.
"""

from typing import TYPE_CHECKING

import dagster as dg

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs.alerting import alert_sensors
from tajo_sf_pipeline.defs.assets import audience_assets
from tajo_sf_pipeline.defs.checks import audience_checks
from tajo_sf_pipeline.defs.dead_runs import dead_runs_sensor
from tajo_sf_pipeline.defs.freshness import freshness_checks
from tajo_sf_pipeline.defs.jobs import audience_job
from tajo_sf_pipeline.defs.missed_dates import missed_dates_sensor
from tajo_sf_pipeline.defs.one_run import OneRun
from tajo_sf_pipeline.defs.partitions import PartitionOf
from tajo_sf_pipeline.defs.schedules import incremental_schedule
from tajo_sf_pipeline.defs.sensors import freshness_sensor
from tajo_sf_pipeline.defs.snowflake_resource import source_through
from tajo_sf_pipeline.defs.source_tables import source_tables
from tajo_sf_pipeline.engine.run import Progress, silent
from tajo_sf_pipeline.errors import ConfigurationError, TajoError
from tajo_sf_pipeline.sources.selection import source_of

if TYPE_CHECKING:  # 4 s of processor time and 130 MB, which only who has one pays
    from dagster_snowflake import SnowflakeResource


def build(
    settings: Settings,
    *,
    only: tuple[Audience, ...] | None = None,
    progress: Progress = silent,
    snowflake: "SnowflakeResource | None" = None,
    executor: dg.ExecutorDefinition | None = dg.in_process_executor,
) -> dg.Definitions:
    """Return the definitions of a workspace: all its audiences, or `only` those given.

    A project that has a `SnowflakeResource` (dagster-snowflake) may hand it in: every extract and
    every look at the tables' freshness then connects through it, and of tajo.yaml only `database`,
    `schema` and `statement_timeout` are used to connect. A project that has an executor of its own
    says `executor=None`: definitions that are merged may name one.
    """
    chosen = tuple(catalog.load(settings)) if only is None else only
    open_source = source_through(snowflake) if snowflake else source_of
    return dg.Definitions.merge(
        dg.Definitions(
            assets=source_tables(settings, chosen, open_source),
            sensors=[dead_runs_sensor(settings.home), *alert_sensors(settings)],
            resources={"one_run": OneRun(home=str(settings.home))},
            # A step in a process of its own costs 4 s. Set here and not on the jobs: backfills of
            # assets run in a job that Dagster makes itself.
            executor=executor,
        ),
        *(_audience(PartitionOf(settings, audience, progress, open_source)) for audience in chosen),
    )


def check_loadable(settings: Settings, audiences: tuple[Audience, ...]) -> None:
    """Build the definitions as Dagster does; raise `ConfigurationError` for what it refuses.

    Our own rules have let it pass, so that such an error is most often one of ours.
    """
    try:
        dg.Definitions.validate_loadable(build(settings, only=audiences))
    except TajoError:
        raise
    except Exception as error:  # Dagster has no root for what it raises here
        raise ConfigurationError(
            "TAJO-172",
            f"Dagster does not load {settings.path}: {error}",
            "Correct what it names. If that is right, report it: `tajo config validate` should "
            "have told the file and the line.",
        ) from error


def _audience(partition_of: PartitionOf) -> dg.Definitions:
    """Make all that is an audience's own."""
    settings, audience = partition_of.settings, partition_of.audience
    incremental = audience_job(audience, "incremental")
    backfill = audience_job(audience, "backfill")
    return dg.Definitions(
        assets=audience_assets(partition_of),
        asset_checks=[*audience_checks(partition_of), freshness_checks(settings, audience)],
        jobs=[incremental, backfill],
        schedules=[incremental_schedule(settings, audience, incremental)],
        sensors=[
            freshness_sensor(settings, audience, incremental, partition_of.open_source),
            missed_dates_sensor(settings, audience, backfill),
        ],
    )
