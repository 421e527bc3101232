"""The types of attributes: which values each takes, and how it stores them.

Brevo ignores a value that does not fit its attribute (SPEC of ``POST /contacts``). Strings are read
as a CSV import would have them; day-first dates and Yes/No are seen in imports, not documented.
"""

import json
import math
import re
import sqlite3
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.settings import Settings

Coerce = Callable[[Any], Any]
"""Gives the value to store, or None when the value does not fit."""

_DAY_FIRST = re.compile(r"(\d{2})[-/](\d{2})[-/](\d{4})")
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def as_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if type(value) in {int, float} else None


def as_float(value: Any) -> float | int | None:
    try:
        number = float(value) if isinstance(value, str) else value
    except ValueError:
        return None
    # Not isinstance: a boolean is an int to Python, not to Brevo.
    return number if type(number) in {int, float} and math.isfinite(number) else None


def as_boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return _BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else None


def is_iso_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def as_date(value: Any) -> str | None:
    if is_iso_date(value):
        return str(value)
    day_first = _DAY_FIRST.fullmatch(value) if isinstance(value, str) else None
    iso = "-".join(reversed(day_first.groups())) if day_first else None
    return iso if is_iso_date(iso) else None


def _as_category(options: list[dict[str, Any]]) -> Coerce:
    """Take the number or the label of an option; store the number, as a string."""
    known = {option["label"].lower(): str(option["value"]) for option in options}
    known |= {str(option["value"]).lower(): str(option["value"]) for option in options}
    return lambda value: (
        known.get(str(value).strip().lower()) if isinstance(value, str | int | float) else None
    )


def _as_choices(options: list[str]) -> Coerce:
    known = set(options)

    def coerce(value: Any) -> list[str] | None:
        chosen = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        fits = isinstance(chosen, list) and all(isinstance(c, str) and c in known for c in chosen)
        return chosen if fits else None

    return coerce


_SCALARS: dict[str, Coerce] = {
    "text": as_text,
    "float": as_float,
    "boolean": as_boolean,
    "date": as_date,
    "id": as_text,
    "user": as_text,
}


def coerce_for(type_: str, options: list[Any]) -> Coerce:
    if type_ == "category":
        return _as_category(options)
    return _as_choices(options) if type_ == "multiple-choice" else _SCALARS[type_]


def as_swapped_date(value: Any) -> str | None:
    """Read a date with its day and month in each other's place, where that makes a date."""
    if (iso := as_date(value)) is None:
        return None
    year, month, day = iso.split("-")
    swapped = f"{year}-{day}-{month}"
    return swapped if is_iso_date(swapped) else iso


def _as_nothing(_: Any) -> None:
    return None


def import_coercers(
    db: sqlite3.Connection, account: int, settings: Settings
) -> Mapping[str, Coerce]:
    """Look up the attributes as an import sees them: those of some types may be dropped."""
    rows = db.execute("SELECT name, type FROM attributes WHERE account = ?", (account,))
    ignored = {row["name"] for row in rows if row["type"] in settings.import_ignored_types}
    return {**coercers(db, account, settings), **dict.fromkeys(ignored, _as_nothing)}


def coercers(db: sqlite3.Connection, account: int, settings: Settings) -> Mapping[str, Coerce]:
    """Look up the account's attributes: by upper-case name, what reads their values."""
    rows = db.execute("SELECT name, type, options FROM attributes WHERE account = ?", (account,))
    known = {row["name"]: coerce_for(row["type"], json.loads(row["options"])) for row in rows}
    if settings.swapped_dates:
        known |= {name: as_swapped_date for name, read in known.items() if read is as_date}
    return known | {name: _as_nothing for name in settings.ignored_attributes if name in known}
