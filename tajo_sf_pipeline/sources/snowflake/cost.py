"""What a statement cost, as far as Snowflake lets us look."""

from dataclasses import dataclass

from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.sources.base import Warehouse

# docs.snowflake.com/en/sql-reference/functions/query_history: one's own statements need no right,
# and RESULT_LIMIT counts before WHERE does.
_HISTORY = Statement(
    """
SELECT
    query_id AS "query_id",
    (queued_provisioning_time + queued_repair_time + queued_overload_time) / 1000 AS "queued",
    execution_time / 1000 AS "executing",
    credits_used_cloud_services AS "credits"
FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_USER(RESULT_LIMIT => 100))
""",
    "QUERY_HISTORY",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a statement waited for its warehouse and ran on it, and its credits.

    The credits are those of the cloud services; a warehouse's own are billed by the second that it
    is up, not by statement.
    """

    queued_seconds: float
    executing_seconds: float
    credits: float


def cost_of(source: Warehouse, query_id: str, query_tag: str) -> Cost | str:
    """Read a statement's row in QUERY_HISTORY; where that cannot be, say why and fail nothing."""
    try:
        with source.running(_HISTORY, {}, query_tag) as result:
            shown = [row for batch in result.batches for row in batch.to_pylist()]
    except TajoError as error:
        return f"QUERY_HISTORY cannot be read: {error.code}"
    for row in shown:
        if row["query_id"] == query_id:
            return Cost(*(float(row[name] or 0) for name in ("queued", "executing", "credits")))
    return "QUERY_HISTORY does not show the statement"
