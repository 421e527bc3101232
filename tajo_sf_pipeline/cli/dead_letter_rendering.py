"""Dead letters as the terminal and a JSON document show them; personal data masked (S14)."""

from typing import Any

from rich.markup import escape

from tajo_sf_pipeline.cli.output import console, local_time, plain_table
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.state.dead_letter import DeadLetter
from tajo_sf_pipeline.storage.paths import Paths
from tajo_sf_pipeline.telemetry import logs
from tajo_sf_pipeline.telemetry.masking import masked


def show_reasons(settings: Settings, reasons: dict[tuple[str, str], int]) -> None:
    table = plain_table()
    table.add_column("letters", justify="right")
    table.add_column("column")
    table.add_column("reason")
    for (column, reason), count in reasons.items():
        table.add_row(f"{count:,}", escape(column), escape(redacted(settings, reason)))
    console.print(table)
    console.print()


def show_table(settings: Settings, dead_letters: list[DeadLetter]) -> None:
    table = plain_table()
    for name in ("id", "audience", "sync date", "key", "tries", "last", "state", "reason"):
        numeric = name in ("id", "tries")
        table.add_column(name, no_wrap=name != "reason", justify="right" if numeric else "left")
    for dead_letter in dead_letters:
        table.add_row(
            *(str(dead_letter.id), dead_letter.audience, dead_letter.sync_date.isoformat()),
            *(escape(key(settings, dead_letter)), str(dead_letter.attempts)),
            *(local_time(dead_letter.last_at, settings), dead_letter.state),
            escape(redacted(settings, _reason(dead_letter))),
        )
    console.print(table)


def described(dead_letter: DeadLetter, paths: Paths) -> dict[str, str]:
    row = (
        "unknown"
        if dead_letter.row is None
        else f"{dead_letter.row}, row group {dead_letter.row_group}"
    )
    extract = paths.extract(dead_letter.sync_date).relative_to(paths.home)
    return {
        "letter": f"{dead_letter.id}, {dead_letter.state}",
        "audience": f"{dead_letter.audience}, sync date {dead_letter.sync_date}",
        "key": dead_letter.key or "none",
        "reason": _reason(dead_letter),
        "kind": f"{dead_letter.kind}, {dead_letter.code}",
        "tries": f"{dead_letter.attempts}, first {dead_letter.first_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"last {dead_letter.last_at:%Y-%m-%d %H:%M:%S} UTC",
        "run": dead_letter.run_id,
        "source": f"{extract}, row {row}, query {dead_letter.query_id or 'unknown'}",
    }


def as_json(settings: Settings, dead_letter: DeadLetter, *, show: bool = False) -> dict[str, Any]:
    show = show or settings.file.log_personal_data
    extract = Paths(settings.home, dead_letter.audience).extract(dead_letter.sync_date)
    document = {
        "id": dead_letter.id,
        "audience": dead_letter.audience,
        "sync_date": dead_letter.sync_date.isoformat(),
        "key": dead_letter.key if show else key(settings, dead_letter) or None,
        "column": dead_letter.column,
        "reason": dead_letter.reason if show else redacted(settings, dead_letter.reason),
        "kind": dead_letter.kind,
        "code": dead_letter.code,
        "state": dead_letter.state,
        "attempts": dead_letter.attempts,
        "first_at": dead_letter.first_at.isoformat(),
        "last_at": dead_letter.last_at.isoformat(),
        "closed_at": dead_letter.closed_at.isoformat() if dead_letter.closed_at else None,
        "run_id": dead_letter.run_id,
        "extract": str(extract.relative_to(settings.home)),
        "row_group": dead_letter.row_group,
        "row": dead_letter.row,
        "query_id": dead_letter.query_id,
    }
    return {**document, "payload": dead_letter.payload} if show else document


def literal(value: object) -> str:
    """Write a source value so that a text is told from a number, and blanks are seen.

    >>> literal(" 4"), literal(4), literal(None)
    ("' 4'", '4', 'null')
    """
    if value is None:
        return "null"
    return repr(value) if isinstance(value, (str, bytes)) else str(value)


def key(settings: Settings, dead_letter: DeadLetter) -> str:
    if dead_letter.key is None:
        return ""
    return dead_letter.key if settings.file.log_personal_data else masked(dead_letter.key)


def _reason(dead_letter: DeadLetter) -> str:
    """Return the reason, behind the column that is to blame."""
    return " ".join(filter(None, (dead_letter.column, dead_letter.reason)))


def redacted(settings: Settings, text: str) -> str:
    """Mask the addresses that a reason of Brevo's repeats."""
    return logs.redaction(personal_data=settings.file.log_personal_data)(text)
