"""The workspace as Dagster sees it; the only folder that imports dagster."""

import dagster as dg

from tajo_sf_pipeline import audience as audiences
from tajo_sf_pipeline.audience import Audience
from tajo_sf_pipeline.defs.assets import audience_assets, source_tables
from tajo_sf_pipeline.defs.checks import audience_checks
from tajo_sf_pipeline.defs.jobs import incremental_job, incremental_schedule
from tajo_sf_pipeline.defs.partitions import PartitionOf
from tajo_sf_pipeline.settings import Settings
from tajo_sf_pipeline.stages import Progress, silent


def build(
    settings: Settings, *, only: tuple[Audience, ...] | None = None, progress: Progress = silent
) -> dg.Definitions:
    """Make the definitions of a workspace: all its audiences, or `only` those given."""
    chosen = tuple(audiences.load(settings)) if only is None else only
    jobs = {audience.name: incremental_job(audience) for audience in chosen}
    return dg.Definitions(
        assets=[
            *source_tables(settings, chosen),
            *(
                asset
                for audience in chosen
                for asset in audience_assets(PartitionOf(settings, audience, progress))
            ),
        ],
        asset_checks=[
            check
            for audience in chosen
            for check in audience_checks(PartitionOf(settings, audience, progress))
        ],
        jobs=list(jobs.values()),
        schedules=[
            incremental_schedule(settings, audience, jobs[audience.name]) for audience in chosen
        ],
        # A step in a process of its own costs 4 s. Set here and not on the jobs: backfills of
        # assets run in a job that Dagster makes itself.
        executor=dg.in_process_executor,
    )
