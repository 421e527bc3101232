"""Two jobs for each audience, so that either path can be paused, replayed or cancelled alone."""

import dagster as dg

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.defs.dagster_private import UnresolvedAssetJobDefinition
from tajo_sf_pipeline.defs.failures import RETRIES
from tajo_sf_pipeline.defs.partitions import PATH_TAG

AUDIENCE_TAG = "tajo/audience"
# Of a run that a sensor has asked for: which one. It asks so often for the same thing.
REQUESTED_TAG = "tajo/requested_by"
ATTEMPTS = 3
# Both in the queue of runs and in an audience's pool, where the greater goes first.
PRIORITIES: dict[Lane, int] = {"incremental": 10, "backfill": -10}
_DESCRIPTIONS: dict[Lane, str] = {
    "incremental": "one sync date from Snowflake to Brevo, from where the last run came to",
    "backfill": "past sync dates again, one run for each; what today's run wrote stays",
}


def job_name(audience: str, path: Lane = "incremental") -> str:
    return f"{audience}_{path}"


def run_tags(audience: str, path: Lane) -> dict[str, str]:
    """Return the tags of a run of one path, by which the instance's limits know it."""
    return {
        PATH_TAG: path,
        AUDIENCE_TAG: audience,
        "dagster/priority": str(PRIORITIES[path]),
    }


def audience_job(audience: Audience, path: Lane) -> UnresolvedAssetJobDefinition:
    """Make the job of one path; dagster.yaml limits how many backfills run at once."""
    return dg.define_asset_job(
        job_name(audience.name, path),
        selection=dg.AssetSelection.groups(audience.name) - _judged_by_sensor(audience),
        tags=run_tags(audience.name, path),
        metadata={"retries_after_an_outage": RETRIES[path].max_retries},
        description=f"{audience.description}: {_DESCRIPTIONS[path]}.",
    )


def _judged_by_sensor(audience: Audience) -> dg.AssetSelection:
    """Select the checks that speak of the audience as a whole, which no run of a date can."""
    sync = dg.AssetKey([audience.name, "sync"])
    return dg.AssetSelection.checks(
        dg.AssetCheckKey(sync, "on_time"), dg.AssetCheckKey(sync, "cursor_moves")
    )
