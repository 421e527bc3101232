"""Durations as people write them in YAML: ``90s``, ``30m``, ``26h``, ``2d``."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=36_500)  # dates are counted back from today, and begin with year 1


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d+)([smhd])", str(value).strip())
    if not match:
        raise ValueError("must be a duration such as 90s, 30m, 26h or 2d")
    try:
        duration = timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        duration = timedelta.max
    if duration > _LONGEST:
        raise ValueError(f"must be no longer than {written(_LONGEST)}")
    return duration


def written(duration: timedelta) -> str:
    """Write a duration as a person would, in its largest unit that tells it well."""
    seconds = int(duration.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size or (seconds and seconds % size == 0):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def at_least(shortest: timedelta) -> AfterValidator:
    """Refuse durations that are shorter."""

    def check(duration: timedelta) -> timedelta:
        if duration < shortest:
            raise ValueError(f"must be at least {written(shortest)}")
        return duration

    return AfterValidator(check)


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": r"^\d+[smhd]$"}),
]
