"""From the records of an import to rows that can be stored together: normal, typed, each once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from tajo_sf_pipeline.sandbox.brevo.attribute_types import Coerce
from tajo_sf_pipeline.sandbox.brevo.identity import (
    BY_ATTRIBUTE,
    EMAIL,
    IDENTIFIERS,
    Identifier,
    normal_email,
)
from tajo_sf_pipeline.sandbox.brevo.imports.options import Options
from tajo_sf_pipeline.sandbox.brevo.imports.records import Record
from tajo_sf_pipeline.sandbox.brevo.settings import Settings

_OWN = ("ext_id", "sms", "whatsapp", "landline_number")


class Row(NamedTuple):
    """One contact to be; of an identifier, None says nothing and ``""`` clears it."""

    position: int
    email: str | None
    ext_id: str | None
    sms: str | None
    whatsapp: str | None
    landline_number: str | None
    attributes: str  # a merge patch (RFC 7396): null clears an attribute


@dataclass(slots=True)
class Batch:
    rows: list[Row] = field(default_factory=list)
    reported: dict[str, list[int]] = field(default_factory=dict)  # positions of records, by report
    stored: int = 0

    def report(self, kind: str, position: int) -> None:
        self.reported.setdefault(kind, []).append(position)

    @property
    def identifiers(self) -> list[Identifier]:
        """Those that at least one row carries."""
        return [
            identifier
            for i, identifier in enumerate(IDENTIFIERS, start=1)
            if any(row[i] is not None for row in self.rows)
        ]


@dataclass(frozen=True, slots=True)
class _Target:
    name: str  # the column of an identifier, or the name of an attribute
    coerce: Coerce
    cleared: Any
    identifies: bool


class _Targets(dict[str, _Target | None]):
    """Where the value under a name goes; names are as sent, in whatever case."""

    def __init__(self, attributes: Mapping[str, Coerce]) -> None:
        super().__init__()
        self._known = {
            name: _Target(name, coerce, None, False) for name, coerce in attributes.items()
        }
        for name, identifier in BY_ATTRIBUTE.items():
            self._known[name] = _Target(identifier.column, identifier.normalise, "", True)
        del self._known[EMAIL.attribute]  # the record has read it already

    def __missing__(self, sent_name: str) -> _Target | None:
        self[sent_name] = target = self._known.get(sent_name.upper())
        return target


def make_batch(
    records: list[Record], attributes: Mapping[str, Coerce], options: Options, settings: Settings
) -> Batch:
    """Unknown attributes and values of the wrong type are dropped without a word, as in Brevo.

    An empty value clears what is stored if `clear_empty`, and otherwise says nothing.
    """
    batch = Batch()
    targets = _Targets(attributes)
    declared = {email: kind for kind, them in options.declared_reports.items() for email in them}
    for position, record in enumerate(records):
        email = normal_email(record.email)
        if email is None and record.email is not None and record.email != "":
            batch.report("invalid_emails", position)
        elif email in declared:
            batch.report(declared[email], position)
        else:
            clear = options.clear_empty and options.update_existing
            row = _row(position, email, record.attributes, targets, clear=clear)
            if any(row[1:6]):
                batch.rows.append(row)
    _keep_one_of_each(batch, settings)
    return batch


def _row(
    position: int, email: str | None, sent: dict[str, Any], targets: _Targets, *, clear: bool
) -> Row:
    attributes: dict[str, Any] = {}
    own: dict[str, str] = {}
    for sent_name, value in sent.items():
        target = targets[sent_name]
        if target is None:
            continue
        name, coerce, values = target.name, target.coerce, own if target.identifies else attributes
        if value is None or value == "":
            if clear:
                values[name] = target.cleared
        elif (stored := coerce(value)) is not None:
            values[name] = stored
    encoded = orjson.dumps(attributes).decode()
    if not own:  # most rows: worth the shortcut
        return Row(position, email, None, None, None, None, encoded)
    ext_id, sms, whatsapp, landline_number = map(own.get, _OWN)
    return Row(position, email, ext_id, sms, whatsapp, landline_number, encoded)


def _keep_one_of_each(batch: Batch, settings: Settings) -> None:
    """Of rows that share an identifier one keeps it; the others are reported."""
    for identifier in batch.identifiers:
        index = Row._fields.index(identifier.column)
        rows = batch.rows if settings.import_winner == "last" else batch.rows[::-1]
        winners = {row[index]: row.position for row in rows}
        kept = []
        for row in batch.rows:
            if not row[index] or winners[row[index]] == row.position:
                kept.append(row)
                continue
            batch.report(identifier.report, row.position)
            stripped = row._replace(**{identifier.column: None})  # type: ignore[arg-type]
            if settings.import_loser == "lose_identifier" and any(stripped[1:6]):
                kept.append(stripped)
        batch.rows = kept
