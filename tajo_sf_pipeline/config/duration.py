"""Durations as people write them in YAML: ``90s``, ``30m``, ``26h``, ``2d``."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(given: Any) -> timedelta:
    if isinstance(given, timedelta):
        return given
    found = re.fullmatch(r"(\d+)([smhd])", str(given).strip())
    if not found:
        raise ValueError("must be a duration such as 90s, 30m, 26h or 2d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def written(duration: timedelta) -> str:
    """Write a duration as a person would, in its largest unit that tells it well."""
    seconds = int(duration.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size or (seconds and seconds % size == 0):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def at_least(shortest: timedelta) -> AfterValidator:
    """Refuse durations that are shorter."""

    def check(given: timedelta) -> timedelta:
        if given < shortest:
            raise ValueError(f"must be at least {written(shortest)}")
        return given

    return AfterValidator(check)


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": r"^\d+[smhd]$"}),
]
