"""What became of rows: which are accepted and which refused, on which lists, and the counts."""

from typing import Any

import pyarrow as pa
import pytest

from tajo_sf_pipeline.destinations.delivery import Answer, Receipt, no_reasons, with_reasons


def _rows(*rows: tuple[str, str, list[int] | None]) -> pa.Table:
    keys, actions, lists = zip(*rows, strict=True)
    return pa.table(
        {
            "_key": pa.array(keys, pa.string()),
            "action": pa.array(actions, pa.string()),
            "lists": pa.array(lists, pa.list_(pa.int64())),
        }
    )


@pytest.mark.parametrize(
    ("kept", "joined", "expected"),
    [
        ([None], None, [[]]),
        ([None], 8, [[8]]),
        ([[]], 8, [[8]]),
        ([[7]], 8, [[7, 8]]),
        ([[9, 7]], 8, [[7, 8, 9]]),
        ([[7]], 7, [[7]]),
        ([[7]], None, [[7]]),
        ([None, [7]], 8, [[8], [7, 8]]),
    ],
)
def test_s08_accepted_rows_are_on_the_lists_that_they_kept_and_joined(
    kept: list[list[int] | None], joined: int | None, expected: list[list[int]]
) -> None:
    """The ledger must know them all, so that the row can leave every one."""
    rows = _rows(*((str(number), "create", lists) for number, lists in enumerate(kept)))
    accepted = Answer(rows, no_reasons(rows), joined).accepted()
    assert expected == accepted["lists"].to_pylist()


def test_s02_a_reason_refuses_a_row_and_no_other() -> None:
    """Accepted and refused rows together are all; each refused one has its own reason."""
    rows = _rows(("a", "create", None), ("b", "create", None), ("c", "create", None))
    reasons = with_reasons(rows, no_reasons(rows), {"b": "is bad", "x": "is nobody"})
    reasons = with_reasons(rows, reasons, {"b": "is worse", "c": "is late"})
    answer = Answer(rows, reasons)
    told = zip(*(answer.refused()[name].to_pylist() for name in ("_key", "why")), strict=True)
    assert ["a"] == answer.accepted()["_key"].to_pylist()
    assert [("b", "is bad"), ("c", "is late")] == list(told)


EVERY = [("a", "create", None), ("b", "update", None), ("c", "retry", None), ("d", "remove", None)]


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        (
            lambda receipt, rows: receipt.count(rows, accepted=True),
            {"confirmed": 2, "removed": 1, "retried": 1, "came_back": ["c"], "settled": 4},
        ),
        (
            lambda receipt, rows: receipt.count(rows, accepted=False),
            {"failed": 2, "settled": 2},
        ),
        (
            lambda receipt, rows: receipt.wait_for(rows),
            {"pending": 2, "in_doubt": ["a", "b", "c", "d"], "settled": 0},
        ),
    ],
    ids=["accepted", "refused", "without an answer"],
)
def test_s01_rows_of_the_extract_are_counted_apart(verb: Any, expected: dict[str, Any]) -> None:
    """Retries and removals are not of the extract: they stand beside the sum."""
    verb(receipt := Receipt(), _rows(*EVERY))
    names = ("confirmed", "failed", "pending", "removed", "retried", "settled")
    zero: dict[str, Any] = dict.fromkeys(names, 0)
    lists = {"in_doubt": [], "came_back": []}
    assert zero | lists | expected == {
        name: getattr(receipt, name) for name in (*names, "in_doubt", "came_back")
    }
