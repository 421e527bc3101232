"""What a statement cost, as far as Snowflake lets us look."""

from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.sources.base import Cost
from tajo_sf_pipeline.sources.snowflake.transport import Transport, rows_of

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


def cost_of(transport: Transport, query_id: str, tag: str) -> Cost | str:
    """Read a statement's row in QUERY_HISTORY; where that cannot be, say why and fail nothing."""
    try:
        history = rows_of(transport, _HISTORY, tag)
    except TajoError as error:
        return f"QUERY_HISTORY cannot be read: {error.code}"
    for row in history:
        if row["query_id"] == query_id:
            return Cost(*(float(row[name] or 0) for name in ("queued", "executing", "credits")))
    return "QUERY_HISTORY does not show the statement"
