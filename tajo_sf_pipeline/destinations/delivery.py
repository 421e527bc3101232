"""What every route to Brevo needs, and the one place where what became of rows is written down."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_128_hexdigest

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.brevo import lists
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.identifiers import Identifier, Kind
from tajo_sf_pipeline.planning.plan import Part
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline.state.base import DeadLetters, InFlightBatch, Journal, Ledger
from tajo_sf_pipeline.state.dead_letters import UNCERTAIN, VALIDATION
from tajo_sf_pipeline.storage.arrow_file import rows_of

_FROM_EXTRACT = pa.array(["create", "update"])


@dataclass(slots=True)
class Receipt:
    """What became of a plan's rows: `pending` ones have no answer yet.

    `removed` and `retried` are rows that the extract does not have.
    """

    confirmed: int = 0
    failed: int = 0
    pending: int = 0
    removed: int = 0
    retried: int = 0
    in_doubt: list[str] = field(default_factory=list)
    came_back: list[str] = field(default_factory=list)

    @property
    def settled(self) -> int:
        return self.confirmed + self.failed + self.removed + self.retried

    def count(self, rows: pa.Table, *, accepted: bool) -> None:
        ours = pc.is_in(rows["action"], value_set=_FROM_EXTRACT)
        extracted = int(pc.sum(ours).as_py() or 0)
        removed = int(pc.sum(pc.equal(rows["action"], "remove")).as_py() or 0)
        if accepted:
            self.confirmed += extracted
            self.removed += removed
            back = rows.filter(pc.equal(rows["action"], "retry"))
            self.retried += back.num_rows
            self.came_back += back["_key"].to_pylist()
        else:
            self.failed += extracted

    def wait_for(self, rows: pa.Table) -> None:
        """Count rows whose answer is not known when the run ends."""
        extracted = int(pc.sum(pc.is_in(rows["action"], value_set=_FROM_EXTRACT)).as_py() or 0)
        self.pending += extracted
        self.in_doubt += rows["_key"].to_pylist()


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of rows of a plan: a null reason accepts one. They joined the list `list_id`."""

    rows: pa.Table
    reasons: pa.Array
    list_id: int | None = None

    def accepted(self) -> pa.Table:
        return _with_lists(_accepted(self.rows, self.reasons), self.list_id)

    def refused(self) -> pa.Table:
        """Return the refused rows, each with its reason as `why`."""
        why = pa.chunked_array([self.reasons], pa.string())
        return self.rows.append_column("why", why).filter(pc.is_valid(self.reasons))


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one run sends to Brevo. `progress` is called with how many rows are settled.

    `list_ids` has the list of each value of `list_from`; that of None is the destination's own.
    """

    client: Client
    ledger: Ledger
    journal: Journal
    dead_letters: DeadLetters
    audience: Audience
    key: Kind
    run_id: str
    sync_date: date
    plan: Path
    list_ids: Mapping[str | None, int]
    query_id: str | None = None
    import_deadline: float = 3600  # seconds
    notify_url: str | None = None
    recovering: bool = False  # rows of an interrupted run: the ledger may have them already
    keep: Callable[[pa.Table], None] = lambda _accepted: None
    progress: Callable[[int], None] = lambda _settled: None
    receipt: Receipt = field(default_factory=Receipt)

    def batches(self, part: Part, size: int) -> Iterator[tuple[int, pa.Table]]:
        """Yield the rows of a part by `size`, with the number that the first of them has."""
        end = part.first + part.rows
        for first in range(part.first, end, size):
            count = min(size, end - first)
            yield first, pa.Table.from_batches(rows_of(self.plan, first, count))

    def begin(self, part: Part, first: int, rows: int, body: bytes) -> int:
        """Write a batch down before its call goes out; return its number."""
        return self.journal.begin(
            InFlightBatch(
                number=0,
                run_id=self.run_id,
                plan=str(self.plan),
                route=part.route.name,
                category=part.category,
                list_id=self.list_of(part),
                first=first,
                rows=rows,
                digest=xxh3_128_hexdigest(body),
                at=time.time(),
            )
        )

    def list_of(self, part: Part) -> int | None:
        return None if part.category == "leave" else self.list_ids.get(part.list)

    def identifier(self, key: str) -> Identifier:
        return Identifier(self.key, key)

    def settle(self, *answers: Answer, held: bool = False) -> None:
        """Remember what Brevo accepted (no reason) and what it refused, and count both."""
        failpoints.reached("answer.known")
        accepted = pa.concat_tables([answer.accepted() for answer in answers])
        if accepted.num_rows:
            new = not self.recovering and accepted["reason"].unique().to_pylist() == ["new"]
            self.ledger.confirm(accepted, self.run_id, new=new)
            self.keep(accepted)
        failpoints.reached("ledger.confirmed")
        refused = pa.concat_tables([answer.refused() for answer in answers])
        if refused.num_rows:
            self.ledger.fail(refused, self.run_id, held=held)
            self._write_dead_letters(refused, UNCERTAIN if held else VALIDATION)
        self.receipt.count(accepted, accepted=True)
        self.receipt.count(refused, accepted=False)
        self.progress(self.receipt.settled)

    def mark_unknown(self, rows: pa.Table, list_id: int | None) -> None:
        """Remember that it is not known whether rows arrived: the next plan sends them again."""
        if rows.num_rows:
            self.ledger.mark_unknown(
                _with_lists(rows, list_id),
                f"{self.run_id} in doubt",
                mirror=self.audience.mode == "mirror",
            )

    def leave_lists(self, rows: pa.Table, reasons: pa.Array) -> pa.Array:
        """Take accepted rows off the lists that they leave; add the reasons of those that stay."""
        leaving: dict[int, list[str]] = {}
        for row in _leavers(_accepted(rows.select(["_key", "leaves", "action"]), reasons)):
            # A ledger of schema 1 did not note the list: it was the audience's own.
            leaves = self.own_list if row["leaves"] is None else row["leaves"]
            also = self.own_list if row["action"] == "remove" else []
            for number in {*leaves, *also}:
                leaving.setdefault(number, []).append(row["_key"])
        stayed: dict[str, str] = {}
        for number, keys in sorted(leaving.items()):
            failed = lists.remove(self.client, number, keys, self.key)
            # Not on the list, or no contact any more: it is as it should be.
            stayed |= {key: why for key, why in failed.items() if why != lists.NO_CHANGE}
        return with_reasons(rows, reasons, stayed)

    @property
    def own_list(self) -> list[int]:
        return [self.list_ids[None]] if None in self.list_ids else []

    def _write_dead_letters(self, refused: pa.Table, kind: str) -> None:
        names = {
            "_key": "key",
            "why": "reason",
            "_payload": "payload",
            "_row": "row",
            "_fingerprint": "fingerprint",
        }
        dead_letters = refused.select(list(names)).rename_columns(list(names.values()))
        self.dead_letters.add(
            dead_letters,
            audience=self.audience.name,
            sync_date=self.sync_date,
            run_id=self.run_id,
            kind=kind,
            query_id=self.query_id,
        )


def no_reasons(rows: pa.Table) -> pa.Array:
    return pa.nulls(rows.num_rows, pa.string())


def with_reasons(rows: pa.Table, reasons: pa.Array, by_key: Mapping[str, str]) -> pa.Array:
    """Add the reasons of some keys; one that is there already stays."""
    if not by_key:
        return reasons
    added = pa.array([by_key.get(key) for key in rows["_key"].to_pylist()], pa.string())
    return pc.coalesce(reasons, added)


def _accepted(rows: pa.Table, reasons: pa.Array) -> pa.Table:
    if reasons.null_count == rows.num_rows:
        return rows  # without a copy
    return rows.filter(pc.is_null(reasons))


def _with_lists(rows: pa.Table, list_id: int | None) -> pa.Table:
    """Return the rows with the lists on which they are now because of the audience."""
    if not rows.num_rows:
        return rows  # `pa.repeat` makes no empty array of lists
    joined = [] if list_id is None else [list_id]
    if rows["lists"].null_count == rows.num_rows:
        # Without a Python object for each row: the many are the new ones.
        held = pa.repeat(pa.scalar(joined, pa.list_(pa.int64())), rows.num_rows)
    else:
        kept_and_joined = [sorted({*(kept or []), *joined}) for kept in rows["lists"].to_pylist()]
        held = pa.array(kept_and_joined, pa.list_(pa.int64()))
    return rows.set_column(rows.schema.get_field_index("lists"), "lists", held)


def _leavers(rows: pa.Table) -> list[dict[str, Any]]:
    """Return the rows that leave a list, or may: null where the ledger does not know which."""
    some = pc.greater(pc.fill_null(pc.list_value_length(rows["leaves"]), 1), 0)
    leavers: list[dict[str, Any]] = rows.filter(some).to_pylist()
    return leavers
