"""What we use of Dagster that Dagster does not publish, in one place, each with its reason.

Nothing else imports a name of Dagster that begins with an underscore, or from a module whose name
does: a test holds that. An upgrade of Dagster that moves one of them is mended here.
"""

# The assets of a workspace, of which a job of ours takes its audience's.
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

# The tag of an observation by which Dagster knows its data version; `dg.ObserveResult` has a field
# for it, but a sensor cannot return one.
from dagster._core.definitions.data_version import DATA_VERSION_TAG

# What `dg.define_asset_job` returns, and how it becomes a job: that takes each time a look at all
# assets of the workspace. Sensors and schedules also name it in their annotations.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

# What a run ends with when a blocking check fails: the terminal tells the check's own error then.
from dagster._core.errors import DagsterAssetCheckFailedError

# The type of a failed step's event data, for annotations: the event that carries it is public.
from dagster._core.execution.plan.objects import StepFailureData

# A sensor's or schedule's state as the instance keeps it: `tajo status` says whether it is on.
from dagster._core.scheduler.instigation import InstigatorStatus

# A check's history, which `event_log_storage` returns; verdicts are read from it for the alerts.
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    AssetCheckExecutionRecord,
)

# Dagster's own list of what has not ended: one of ours would not know a status that it adds.
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

# The tags by which Dagster marks a run's partition, and a failed run that it will start again.
from dagster._core.storage.tags import PARTITION_NAME_TAG, WILL_RETRY_TAG

# The ticks of a schedule as Dagster's own daemon computes them, over changes of the clock too.
from dagster._utils.schedules import cron_string_iterator, reverse_cron_string_iterator

__all__ = [
    "COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES",
    "DATA_VERSION_TAG",
    "NOT_FINISHED_STATUSES",
    "PARTITION_NAME_TAG",
    "WILL_RETRY_TAG",
    "AssetCheckExecutionRecord",
    "AssetGraph",
    "DagsterAssetCheckFailedError",
    "InstigatorStatus",
    "StepFailureData",
    "UnresolvedAssetJobDefinition",
    "cron_string_iterator",
    "reverse_cron_string_iterator",
]
