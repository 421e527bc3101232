"""The time as Brevo writes it: ``YYYY-MM-DDTHH:mm:ss.SSSZ``, which also sorts as text."""

from datetime import UTC, datetime


def brevo_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    return brevo_time(datetime.now(UTC))


def since(text: str) -> str:
    """Read a ``modifiedSince``: UTC unless it carries an offset. ValueError when it is no time."""
    moment = datetime.fromisoformat(text)
    return brevo_time(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
