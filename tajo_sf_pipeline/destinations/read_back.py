"""What Brevo holds of the rows just confirmed, beside what was sent (`verify`)."""

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.destinations.base import Writer
from tajo_sf_pipeline.destinations.delivery import Delivery
from tajo_sf_pipeline.errors import VendorOutageError
from tajo_sf_pipeline.planning.plan import Plan

_log = logging.getLogger(__name__)
_SAMPLE = 5
# The clocks of Brevo and of this machine may differ by as much.
_SKEW = timedelta(minutes=5)
_MISSING = "the contact"


class ReadBack:
    """Keeps a few of the rows that Brevo accepts, and compares them, or all, at the end."""

    def __init__(self) -> None:
        self._kept: list[pa.Table] = []
        self.verified = 0
        self.differences: dict[str, int] = {}

    def keep(self, accepted: pa.Table) -> None:
        """Take a few of the rows that were confirmed together."""
        written = pc.not_equal(accepted["action"], "remove")
        if not pc.all(written).as_py():
            accepted = accepted.filter(written)
        if accepted.num_rows:
            self._kept.append(_spread(accepted))
        if len(self._kept) > 2 * _SAMPLE:  # every other one: they stay spread over the run
            self._kept = self._kept[::2]

    def compare(self, delivery: Delivery, writer: Writer, plan: Plan, since: datetime) -> None:
        """Count, by attribute, the contacts whose value in Brevo is not what was sent."""
        if delivery.audience.verify == "off":
            return
        all_rows = delivery.audience.verify != "sample"
        counts: Counter[str] = Counter()
        try:
            for table in _every(delivery, plan) if all_rows else self._sampled():
                different = writer.differences(delivery.client, table, since - _SKEW)
                if different is None:
                    return
                counts.update(difference.attribute or _MISSING for difference in different)
                self.verified += table.num_rows
        except VendorOutageError as error:
            # The rows are confirmed all the same: `verified` says how many were looked at.
            _log.warning("not all could be read back: %s", error)
        self.differences = dict(sorted(counts.items()))

    def _sampled(self) -> Iterator[pa.Table]:
        if self._kept:
            yield _spread(pa.concat_tables(self._kept))


def _spread(rows: pa.Table) -> pa.Table:
    """Take as many rows as a sample has, from the first to the last, and copy no other."""
    count = min(_SAMPLE, rows.num_rows)
    last = rows.num_rows - 1
    taken = (rows.slice(index * last // max(count - 1, 1), 1) for index in range(count))
    return pa.concat_tables(taken).combine_chunks()


def _every(delivery: Delivery, plan: Plan) -> Iterator[pa.Table]:
    """Return the plan's rows that Brevo accepted."""
    without = pa.array(
        [*delivery.receipt.in_doubt, *delivery.ledger.failed()["key"].to_pylist()], pa.string()
    )
    for batch in plan.rows(0, plan.counts.writes):
        rows = pa.Table.from_batches([batch])
        written = pc.and_(
            pc.not_equal(rows["action"], "remove"),
            pc.invert(pc.is_in(rows["_key"], value_set=without)),
        )
        yield rows.filter(written)
