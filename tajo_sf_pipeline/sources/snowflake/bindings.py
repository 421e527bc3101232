"""Values as the SQL API binds them: always text beside a type.

docs.snowflake.com/en/developer-guide/sql-api/submitting-requests. Binds count nanoseconds where
results count seconds; a DATE counts milliseconds.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from tajo_sf_pipeline.audience.statement import BindValue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MILLISECONDS_A_DAY = 86_400_000


def bound(value: BindValue) -> BindValue:
    """Return a moment in UTC and without a zone: the session's zone is UTC on both transports.

    So it compares rightly with every kind of timestamp.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def bindings(values: Sequence[object]) -> dict[str, dict[str, str | None]]:
    """Return the ``bindings`` of a request: placeholders count from 1."""
    return {str(number): _binding(value) for number, value in enumerate(values, start=1)}


def _binding(value: Any) -> dict[str, str | None]:  # noqa: C901 - one case for each type
    match value:
        case None:
            return {"type": "TEXT", "value": None}
        case bool():
            return {"type": "BOOLEAN", "value": str(value).lower()}
        case int():
            return {"type": "FIXED", "value": str(value)}
        case Decimal():
            return {"type": "FIXED", "value": f"{value:f}"}
        case float():
            return {"type": "REAL", "value": repr(value)}
        case bytes():
            return {"type": "BINARY", "value": value.hex()}
        case datetime(tzinfo=None):
            return {"type": "TIMESTAMP_NTZ", "value": _nanoseconds(value.replace(tzinfo=UTC))}
        case datetime():
            minutes = int((value.utcoffset() or timedelta()) / timedelta(minutes=1))
            return {"type": "TIMESTAMP_TZ", "value": f"{_nanoseconds(value)} {minutes + 1440}"}
        case date():
            days = value.toordinal() - _EPOCH.toordinal()
            return {"type": "DATE", "value": str(days * _MILLISECONDS_A_DAY)}
        case time():
            moment = datetime.combine(_EPOCH.date(), value, UTC)
            return {"type": "TIME", "value": _nanoseconds(moment)}
        case str():
            return {"type": "TEXT", "value": value}
    raise TypeError(f"a {type(value).__name__} cannot be bound")


def _nanoseconds(moment: datetime) -> str:
    return str((moment - _EPOCH) // _MICROSECOND * 1000)
