"""Two jobs for each audience, so that either path can be paused, replayed or cancelled alone."""

from typing import Any

import dagster as dg

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.defs.dagster_private import AssetGraph, UnresolvedAssetJobDefinition
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


class AudienceJob(UnresolvedAssetJobDefinition):
    """A job that is resolved among its audience's assets.

    Dagster's own looks through all assets of the workspace for each job, which for a thousand jobs
    is most of the time that loading takes. What comes out is the same.
    """

    def resolve(self, asset_graph: AssetGraph, *arguments: Any, **more: Any) -> dg.JobDefinition:
        """Return the job, as Dagster asks for it: one at a time in a run, all in a code server."""
        assert self.tags is not None
        chain = [asset_graph.get(key) for key in asset_keys(self.tags[AUDIENCE_TAG])]
        nodes = {key: asset_graph.get(key) for one in chain for key in (one.key, *one.parent_keys)}
        checks = {
            key: asset_graph.assets_def_for_key(key) for one in chain for key in one.check_keys
        }
        return super().resolve(AssetGraph(nodes, checks), *arguments, **more)


def asset_keys(audience: str) -> list[dg.AssetKey]:
    """Return the keys of an audience's chain, in its order."""
    return [dg.AssetKey([audience, step]) for step in ("extract", "mapped", "sync")]


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
    return AudienceJob(
        job_name(audience.name, path),
        dg.AssetSelection.assets(*asset_keys(audience.name)) - _judged_by_sensor(audience),
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
