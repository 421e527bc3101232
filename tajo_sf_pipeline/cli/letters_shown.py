"""Dead letters as the terminal and a JSON document show them; personal data masked (S14)."""

from typing import Any

from rich.markup import escape

from tajo_sf_pipeline import logs
from tajo_sf_pipeline.cli.output import console, local_time, plain_table
from tajo_sf_pipeline.masking import masked
from tajo_sf_pipeline.places import Places
from tajo_sf_pipeline.settings import Settings
from tajo_sf_pipeline.sync.letter import Letter


def show_reasons(settings: Settings, reasons: dict[tuple[str, str], int]) -> None:
    table = plain_table()
    table.add_column("letters", justify="right")
    table.add_column("column")
    table.add_column("reason")
    for (column, reason), count in reasons.items():
        table.add_row(f"{count:,}", escape(column), escape(redacted(settings, reason)))
    console.print(table)
    console.print()


def show_letters(settings: Settings, letters: list[Letter]) -> None:
    table = plain_table()
    for name in ("id", "audience", "sync date", "key", "tries", "last", "state", "reason"):
        numeric = name in ("id", "tries")
        table.add_column(name, no_wrap=name != "reason", justify="right" if numeric else "left")
    for letter in letters:
        told = f"{letter.column} {letter.reason}" if letter.column else letter.reason
        table.add_row(
            *(str(letter.id), letter.audience, letter.sync_date.isoformat()),
            *(escape(key(settings, letter)), str(letter.attempts)),
            *(local_time(letter.last_at, settings), letter.state),
            escape(redacted(settings, told)),
        )
    console.print(table)


def described(letter: Letter, places: Places) -> dict[str, str]:
    row = "unknown" if letter.row is None else f"{letter.row}, row group {letter.row_group}"
    extract = places.extract(letter.sync_date).relative_to(places.home)
    return {
        "letter": f"{letter.id}, {letter.state}",
        "audience": f"{letter.audience}, sync date {letter.sync_date}",
        "key": letter.key or "none",
        "reason": f"{letter.column} {letter.reason}" if letter.column else letter.reason,
        "kind": f"{letter.kind}, {letter.code}",
        "tries": f"{letter.attempts}, first {letter.first_at:%Y-%m-%d %H:%M:%S} UTC, last "
        f"{letter.last_at:%Y-%m-%d %H:%M:%S} UTC",
        "run": letter.run_id,
        "source": f"{extract}, row {row}, query {letter.query_id or 'unknown'}",
    }


def as_json(settings: Settings, letter: Letter, *, show: bool = False) -> dict[str, Any]:
    show = show or settings.file.log_personal_data
    extract = Places(settings.home, letter.audience).extract(letter.sync_date)
    told = {
        "id": letter.id,
        "audience": letter.audience,
        "sync_date": letter.sync_date.isoformat(),
        "key": letter.key if show else key(settings, letter) or None,
        "column": letter.column,
        "reason": letter.reason if show else redacted(settings, letter.reason),
        "kind": letter.kind,
        "code": letter.code,
        "state": letter.state,
        "attempts": letter.attempts,
        "first_at": letter.first_at.isoformat(),
        "last_at": letter.last_at.isoformat(),
        "closed_at": letter.closed_at.isoformat() if letter.closed_at else None,
        "run_id": letter.run_id,
        "extract": str(extract.relative_to(settings.home)),
        "row_group": letter.row_group,
        "row": letter.row,
        "query_id": letter.query_id,
    }
    return {**told, "payload": letter.payload} if show else told


def literal(value: object) -> str:
    """Write a source value so that a text is told from a number, and blanks are seen.

    >>> literal(" 4"), literal(4), literal(None)
    ("' 4'", '4', 'null')
    """
    if value is None:
        return "null"
    return repr(value) if isinstance(value, (str, bytes)) else str(value)


def key(settings: Settings, letter: Letter) -> str:
    if letter.key is None:
        return ""
    return letter.key if settings.file.log_personal_data else masked(letter.key)


def redacted(settings: Settings, text: str) -> str:
    """Mask the addresses that a reason of Brevo's repeats."""
    return logs.redaction(personal_data=settings.file.log_personal_data)(text)
