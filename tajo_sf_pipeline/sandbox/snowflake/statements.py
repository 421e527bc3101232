"""The statements of the SQL API: running, ended, and for a while remembered."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

import pyarrow as pa

from tajo_sf_pipeline.sandbox.snowflake.activity import Activity
from tajo_sf_pipeline.sandbox.snowflake.execution import Execution
from tajo_sf_pipeline.sandbox.snowflake.faults import Faults
from tajo_sf_pipeline.sandbox.snowflake.outcomes import Failure, StatementError, Success
from tajo_sf_pipeline.sandbox.snowflake.row_types import text_column
from tajo_sf_pipeline.sandbox.snowflake.runner import Rows, Runner
from tajo_sf_pipeline.sandbox.snowflake.settings import Settings
from tajo_sf_pipeline.sandbox.snowflake.submission import Submission
from tajo_sf_pipeline.sandbox.snowflake.warehouse import RecentResults, Warehouse

STATEMENTS_REMEMBERED = 10_000
# However large they are, so many results can be downloaded side by side.
RESULTS_ALWAYS_KEPT = 4

# The columns of a DML statement's only row, and what they are called in `stats`.
STATS = {
    "number of rows inserted": "numRowsInserted",
    "number of rows updated": "numRowsUpdated",
    "number of rows deleted": "numRowsDeleted",
    "number of multi-joined rows updated": "numDuplicateRowsUpdated",
}


@dataclass(slots=True)
class Statements:
    warehouse: Warehouse
    activity: Activity
    settings: Settings
    faults: Faults
    _remembered: OrderedDict[str, Execution] = field(default_factory=OrderedDict)
    _by_request: dict[str, Execution] = field(default_factory=dict)
    _results: RecentResults = field(
        default_factory=lambda: RecentResults(always_kept=RESULTS_ALWAYS_KEPT)
    )
    # The event loop itself keeps no task alive.
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    def submit(self, submission: Submission) -> Execution:
        """Start the request's statements, unless it repeats a request that did not fail.

        docs.snowflake.com/en/developer-guide/sql-api/submitting-requests, "Resubmitting a request".
        """
        repeated = self._by_request.get(submission.request_id) if submission.retry else None
        if repeated and not isinstance(repeated.outcome, Failure):
            return repeated
        execution = Execution(submission.request_id)
        self._remember(execution)
        self._by_request[execution.request_id] = execution
        running = asyncio.create_task(self._run(execution, submission))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return execution

    def find(self, handle: str) -> Execution | None:
        return self._remembered.get(handle)

    def rows(self, handle: str) -> pa.Table | None:
        """All rows of a result, unless they had to make room for later ones."""
        kept = self._results.get(handle)
        return kept[0] if kept else None

    async def _run(self, execution: Execution, submission: Submission) -> None:
        runner = Runner(
            self.warehouse,
            self.activity,
            submission,
            max(self.settings.statement_seconds, self.faults.take("slow_statement") or 0),
            _suspended(submission) if self.faults.take("suspended_warehouse") else None,
        )
        try:
            results = await execution.run(runner, submission.timeout)
        except StatementError as error:
            execution.end(error.failure)
        else:
            self._end(execution, submission, results)

    def _end(self, execution: Execution, submission: Submission, results: list[Rows]) -> None:
        if submission.body.parameters.multi_statement_count == 1:
            execution.end(self._keep(results[0], submission))
            return
        for rows in results:
            part = Execution(execution.request_id, rows.handle, execution.created_on)
            part.end(self._keep(rows, submission))
            self._remember(part)
        summary = pa.table({"": ["Multiple statements executed successfully."]})
        column = text_column("multiple statement execution")
        handles = tuple(rows.handle for rows in results)
        execution.end(self._keep(Rows(execution.handle, summary, [column]), submission, handles))

    def _keep(
        self, rows: Rows, submission: Submission, statement_handles: tuple[str, ...] = ()
    ) -> Success:
        self._results[rows.handle] = (rows.table,)
        return Success(
            row_type=rows.row_type,
            rows=rows.table.num_rows,
            partitions=_partitions(rows.table, self.settings.partition_rows),
            time_zone=submission.body.parameters.timezone,
            null_as_text=submission.null_as_text,
            stats=_stats(rows.table),
            statement_handles=statement_handles,
        )

    def _remember(self, execution: Execution) -> None:
        self._remembered[execution.handle] = execution
        if len(self._remembered) > STATEMENTS_REMEMBERED:
            _, oldest = self._remembered.popitem(last=False)
            if self._by_request.get(oldest.request_id) is oldest:
                del self._by_request[oldest.request_id]


def _partitions(table: pa.Table, partition_rows: int) -> tuple[tuple[int, int], ...]:
    slices = (
        table.slice(offset, partition_rows)
        for offset in range(0, max(table.num_rows, 1), partition_rows)
    )
    return tuple((rows.num_rows, rows.nbytes) for rows in slices)


def _stats(table: pa.Table) -> dict[str, int]:
    """Count the rows that a DML statement changed; empty for any other."""
    if table.num_rows != 1 or not set(table.column_names) <= STATS.keys():
        return {}
    counted = {STATS[name]: int(table[name][0].as_py()) for name in table.column_names}
    return dict.fromkeys(STATS.values(), 0) | counted


def _suspended(submission: Submission) -> Failure:
    # From memory, not from a document: the code, and which of several sentences a server uses.
    name = submission.body.warehouse or "COMPUTE_WH"
    return Failure(
        "090073",
        "57014",
        f"Warehouse '{name}' cannot be resumed because resource monitor 'SANDBOX_MONITOR' has "
        "exceeded its quota.",
    )
