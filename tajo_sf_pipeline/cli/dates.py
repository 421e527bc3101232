"""Which sync dates a command is about, and on which of the two paths."""

from datetime import date, datetime, timedelta
from typing import Annotated

import typer

from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.errors import ConfigurationError

_FORMATS = ["%Y-%m-%d"]
DateOption = Annotated[
    datetime | None, typer.Option("--date", formats=_FORMATS, help="The sync date; default: today.")
]
FromOption = Annotated[
    datetime | None, typer.Option("--from", formats=_FORMATS, help="Backfill from this date on.")
]
ToOption = Annotated[
    datetime | None, typer.Option("--to", formats=_FORMATS, help="Backfill to this date.")
]


def chosen_days(
    settings: Settings, day: datetime | None, first: datetime | None, last: datetime | None
) -> list[tuple[date, Lane]]:
    """Return today, the date that is named, or every date of a range."""
    today = settings.today()
    if first is None and last is None:
        chosen = day.date() if day else today
        return [(chosen, "incremental" if chosen >= today else "backfill")]
    if day is not None or first is None:
        raise ConfigurationError(
            "TAJO-109", "a range is --from D --to D, without --date", "Give either form."
        )
    end = last.date() if last else today
    days = (end - first.date()).days
    if days < 0:
        raise ConfigurationError(
            "TAJO-109", f"--from {first.date()} is after --to {end}", "Exchange them."
        )
    return [(first.date() + timedelta(days=n), "backfill") for n in range(days + 1)]
