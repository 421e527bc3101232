"""A plan into Brevo; what Brevo accepts goes into the ledger as soon as it is known (S02)."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline import parquet
from tajo_sf_pipeline.brevo import contacts, imports
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.errors import RefusedError
from tajo_sf_pipeline.sync.ledger import Ledger

# Up to here single calls are done within ten seconds at the smallest plan's ten a second; above,
# one import and its polls cost less of the account's budget.
FEW = 100
# Of `GET /processes` one call shows fifty; ours have room in it beside other people's.
IMPORTS_IN_FLIGHT = 20
# The bucket of `/processes` has 100 calls an hour: one every 36 s can go on for ever.
FIRST_POLL, LAST_POLL = 0.5, 36.0

DEAD_LETTERS = pa.schema({"key": pa.string(), "reason": pa.string(), "payload": pa.string()})


@dataclass(slots=True)
class Receipt:
    """What became of a plan's rows: `pending` ones had no answer before the deadline."""

    confirmed: int = 0
    failed: int = 0
    pending: int = 0
    letters: list[pa.Table] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One run's way to Brevo. `progress` is told how many rows are settled."""

    client: Client
    ledger: Ledger
    run_id: str
    list_id: int
    clear: bool
    import_deadline: float
    progress: Callable[[int], None]

    def deliver(self, plan: Path, planned: int) -> Receipt:
        """Send every row of the plan; a row that Brevo refuses fails alone where Brevo names it.

        Raises what the client raises; rows that were accepted before are in the ledger then.
        """
        receipt = Receipt()
        if planned <= FEW:
            self._one_by_one(plan, receipt)
        else:
            self._by_import(plan, receipt)
        return receipt

    def _one_by_one(self, plan: Path, receipt: Receipt) -> None:
        for batch in parquet.batches(plan):
            rows = pa.Table.from_batches([batch])
            reasons: list[str | None] = []
            try:
                for payload in rows["_payload"].cast(pa.binary()).to_pylist():
                    reasons.append(self._refusal(payload))
                    self.progress(len(reasons))
            finally:
                self._settle(rows.slice(0, len(reasons)), pa.array(reasons, pa.string()), receipt)

    def _refusal(self, payload: bytes) -> str | None:
        try:
            contacts.upsert(self.client, payload, self.list_id)
        except RefusedError as error:
            return error.reason
        return None

    def _by_import(self, plan: Path, receipt: Receipt) -> None:
        in_flight: dict[int, pa.Table] = {}
        for rows, body in imports.bodies(parquet.batches(plan), self.list_id, clear=self.clear):
            process = imports.start(self.client, body)
            in_flight[process] = rows
            if len(in_flight) >= IMPORTS_IN_FLIGHT:
                self._await_imports(in_flight, receipt, until=IMPORTS_IN_FLIGHT // 2)
        self._await_imports(in_flight, receipt, until=0)

    def _await_imports(
        self, in_flight: dict[int, pa.Table], receipt: Receipt, *, until: int
    ) -> None:
        """Poll until at most `until` imports are in flight, or the deadline has passed."""
        deadline = time.monotonic() + self.import_deadline
        for pause in _pauses():
            for number, process in imports.finished(self.client, in_flight).items():
                self._settle_import(in_flight.pop(number), number, process, receipt)
            if len(in_flight) <= until:
                return
            if time.monotonic() + pause > deadline:
                receipt.pending += sum(rows.num_rows for rows in in_flight.values())
                in_flight.clear()
                return
            time.sleep(pause)

    def _settle_import(
        self, rows: pa.Table, number: int, process: imports.Finished, receipt: Receipt
    ) -> None:
        if process.completed:
            named = imports.refused(self.client, process)
            reasons = pa.array([named.get(key) for key in rows["_key"].to_pylist()], pa.string())
        else:
            ended = f"import {number} ended as {process.status}"
            reasons = pa.repeat(pa.scalar(ended), rows.num_rows)
        self._settle(rows, reasons, receipt)
        self.progress(receipt.confirmed + receipt.failed)

    def _settle(self, rows: pa.Table, reasons: pa.Array, receipt: Receipt) -> None:
        accepted = rows.filter(pc.is_null(reasons))
        if accepted.num_rows:
            self.ledger.confirm(accepted, self.run_id)
        receipt.confirmed += accepted.num_rows
        receipt.failed += rows.num_rows - accepted.num_rows
        letters = pa.table([rows["_key"], reasons, rows["_payload"]], schema=DEAD_LETTERS)
        refused = letters.filter(pc.is_valid(reasons))
        if refused.num_rows:
            receipt.letters.append(refused)


def _pauses() -> Iterator[float]:
    pause = FIRST_POLL
    while True:
        yield pause
        pause = min(pause * 1.6, LAST_POLL)
