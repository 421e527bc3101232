"""The rows of an import as they were sent, from JSON or CSV."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.identity import BY_ATTRIBUTE, IDENTIFIERS
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, invalid

NO_IDENTIFIER = (
    "We could not find any valid email or SMS or Contact ID in the file you uploaded. Please add "
    "at least one valid email address (ex: john.smith@example.com) or SMS (e.g: +33xxxxxxxxx or "
    "0033xxxxxxxxx where +33 is the country code) or Contact ID (e.g: 1) in your file and then try "
    "to upload. Also check that you are not using space as a delimiter"
)


@dataclass(frozen=True, slots=True)
class Record:
    email: Any
    attributes: dict[str, Any]

    def identifiers(self) -> dict[str, Any]:
        """By upper-case attribute name, as sent."""
        sent = {name.upper(): value for name, value in self.attributes.items()}
        sent = {name: value for name, value in sent.items() if name in BY_ATTRIBUTE}
        return sent if self.email is None else sent | {"EMAIL": self.email}

    @property
    def has_only_ext_id(self) -> bool:
        return {name for name, value in self.identifiers().items() if value} == {"EXT_ID"}


def read_records(body: dict[str, Any]) -> list[Record]:
    """Read the one source that the body has; at least one row must identify a contact."""
    sources = [name for name in ("jsonBody", "fileBody", "fileUrl") if body.get(name) is not None]
    if len(sources) != 1:
        message = "Exactly one of fileUrl, fileBody and jsonBody is needed"
        raise ApiError(400, "invalid_parameter" if sources else "missing_parameter", message)
    if sources == ["fileUrl"]:
        return []  # fetched when its turn comes
    rows = body[sources[0]]
    records = _from_json(rows) if sources == ["jsonBody"] else _from_csv(rows)
    if not any(_identifies(record) for record in records):
        raise invalid(NO_IDENTIFIER)
    return records


def _from_json(rows: Any) -> list[Record]:
    if not isinstance(rows, list):
        raise invalid("jsonBody should be an array")
    try:
        records = [_from_object(row) for row in rows]
    except AttributeError as error:
        raise invalid("jsonBody should be an array of objects") from error
    if not all(isinstance(record.attributes, dict) for record in records):
        raise invalid("attributes should be an object")
    return records


def _from_object(row: dict[str, Any]) -> Record:
    attributes = row.get("attributes") or {}
    return Record(row.get("email") or attributes.get("EMAIL"), attributes)


def _from_csv(text: Any) -> list[Record]:
    if not isinstance(text, str):
        raise invalid("fileBody should be a string")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    header = [name.strip().upper() for name in next(lines, [])]
    rows = (dict(zip(header, line, strict=False)) for line in lines if line)
    return [Record(row.pop("EMAIL", None), row) for row in rows]


def _identifies(record: Record) -> bool:
    sent = record.identifiers()
    return any(identifier.normalise(sent.get(identifier.attribute)) for identifier in IDENTIFIERS)


def report_csv(records: list[Record]) -> str:
    """Brevo's columns are undocumented: the identifiers as they were sent."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(BY_ATTRIBUTE), delimiter=";", lineterminator="\n")
    writer.writeheader()
    writer.writerows(record.identifiers() for record in records)
    return file.getvalue()
