"""Bind values of the SQL API: always strings, times in epoch units.

docs.snowflake.com/en/developer-guide/sql-api/submitting-requests, "Using bind variables".
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from tajo_sf_pipeline.sandbox.snowflake.outcomes import Failure, StatementError
from tajo_sf_pipeline.sandbox.snowflake.submission import Bind

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - TIMESTAMP_NTZ has no zone
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
UTC_OFFSET = 1440  # minutes, counted from a day before: 1440 is UTC


def bound_values(bindings: dict[str, Bind]) -> tuple[Any, ...] | None:
    """Give the values of ?, or :1, :2, in their order; None if there are none."""
    values = tuple(_value(bindings[str(number)]) for number in range(1, len(bindings) + 1))
    return values or None


def _value(bind: Bind) -> Any:
    if bind.value is None:
        return None
    try:
        return READERS[bind.type](bind.value)
    except (ValueError, KeyError, OverflowError, InvalidOperation) as error:
        message = f"{bind.type} value '{bind.value}' is not recognized"
        raise StatementError(Failure("100037", "22018", message)) from error


def _number(text: str) -> int | Decimal:
    return int(text) if text.lstrip("+-").isdigit() else Decimal(text)


def _hexadecimal(text: str) -> str:
    """Check a BINARY; it binds to a VARCHAR, and a hexadecimal TEXT to a BINARY."""
    return bytes.fromhex(text).hex().upper()


def _date(milliseconds: str) -> date:
    return (EPOCH + timedelta(milliseconds=int(milliseconds))).date()


def _time(nanoseconds: str) -> time:
    return (EPOCH + _duration(nanoseconds)).time()


def _without_zone(nanoseconds: str) -> datetime:
    return EPOCH + _duration(nanoseconds)


def _local(nanoseconds: str) -> datetime:
    return _without_zone(nanoseconds).replace(tzinfo=UTC)


def _with_zone(text: str) -> datetime:
    nanoseconds, _, offset = text.partition(" ")
    minutes = timedelta(minutes=int(offset) - UTC_OFFSET)
    return _local(nanoseconds).astimezone(timezone(minutes))


def _duration(nanoseconds: str) -> timedelta:
    return timedelta(microseconds=int(nanoseconds) // 1000)


READERS: dict[str, Callable[[str], Any]] = {
    "FIXED": _number,
    "REAL": float,
    "DECFLOAT": Decimal,
    "TEXT": str,
    "BINARY": _hexadecimal,
    "BOOLEAN": lambda text: BOOLEANS[text.lower()],
    "DATE": _date,
    "TIME": _time,
    "TIMESTAMP_NTZ": _without_zone,
    "TIMESTAMP_LTZ": _local,
    "TIMESTAMP_TZ": _with_zone,
}
