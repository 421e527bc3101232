"""The first rows of an audience as the source has them, as Brevo would get them, and why not."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.storage.paths import Paths
from tajo_sf_pipeline.telemetry.personal import shown

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Previewed:
    """A source row beside what becomes of it: mapped, or a reason for each column that is wrong.

    What may identify a person is masked, unless the workspace says `log_personal_data`.
    """

    row: int
    source: Row
    mapped: Row | None
    reasons: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "source": dict(self.source),
            "mapped": dict(self.mapped) if self.mapped is not None else None,
            "reasons": list(self.reasons),
        }


def preview(run: SyncRun, limit: int) -> list[Previewed]:
    """Ask the warehouse for `limit` rows and map them, in a folder that is gone afterwards.

    The query runs as it would for an audience that has never synced; nothing else is written.
    """
    audience = run.audience
    with tempfile.TemporaryDirectory(prefix="tajo-preview-") as scratch:
        apart = replace(
            run,
            settings=replace(run.settings, home=Path(scratch)),
            audience=audience.model_copy(update={"statement": audience.statement.limited(limit)}),
            full=True,
        )
        apart.extract()
        apart.map()
        return list(first_rows(apart, limit))


def first_rows(run: SyncRun, limit: int) -> Iterator[Previewed]:
    """Read the first rows of a partition that has been extracted and mapped."""
    paths, day = run.paths, run.day
    show = run.settings.file.log_personal_data
    personal = personal_names(run.audience)
    mapped = {row["_row"]: row for row in _first(paths.mapped(day), limit)}
    reasons = _reasons(paths, day, limit)
    for number, source in enumerate(_first(paths.extract(day), limit)):
        row = mapped.get(number)
        yield Previewed(
            row=number,
            source=_shown(source, show=show, personal=personal),
            mapped=_shown(_brevo(row), show=show, personal=personal) if row else None,
            reasons=tuple(reasons.get(number, ())),
        )


def same_contacts(run: SyncRun, limit: int) -> Iterator[tuple[int, Row, int, Row]]:
    """Return rows that were left out for another one of the same contact, each beside that one."""
    paths, day = run.paths, run.day
    show = run.settings.file.log_personal_data
    personal = personal_names(run.audience)

    def source(number: int) -> Row:
        row = parquet.row(paths.extract(day), number)
        return _shown(row, show=show, personal=personal)

    for left_out, kept in islice(_repeated(paths, day), limit):
        yield left_out, source(left_out), kept, source(kept)


def _repeated(paths: Paths, day: date) -> Iterator[tuple[int, int]]:
    for batch in parquet.batches(paths.rejected(day), ["row", "kept_row"]):
        repeated = batch.filter(pc.is_valid(batch["kept_row"]))
        yield from zip(*(column.to_pylist() for column in repeated.columns), strict=True)


def personal_names(audience: Audience) -> frozenset[str]:
    """Name the columns and attributes that the mapping calls personal, or takes as the key."""
    names = {"_key"}
    for source, field in audience.fields.items():
        if field.personal or source == audience.key_column:
            names |= {
                field.to,
                *(spelling for name in field.reads(source) for spelling in (name, name.upper())),
            }
    return frozenset(names)


def _brevo(row: Row) -> Row:
    """Leave out what only the product itself wants to know of a mapped row."""
    return {name: value for name, value in row.items() if not name.startswith("_") or name in _TOLD}


_REASON = ["row", "column", "reason", "kept_row"]
_TOLD = frozenset({"_key", "_list", "_email_blacklisted", "_sms_blacklisted"})


def _shown(row: Row, *, show: bool, personal: frozenset[str]) -> Row:
    return {name: shown(name, row[name], show=show, personal=personal) for name in row}


def _first(path: Path, limit: int) -> Iterator[Row]:
    for batch in parquet.batches(path):
        yield from batch.slice(0, limit).to_pylist()
        return


def _reasons(paths: Paths, day: date, limit: int) -> dict[int, list[str]]:
    reasons: dict[int, list[str]] = {}
    for batch in parquet.batches(paths.rejected(day), _REASON):
        # Duplicates stand behind the others, so the file is read to its end.
        for row in batch.filter(pc.less(batch["row"], limit)).to_pylist():
            kept = "" if row["kept_row"] is None else f"; row {row['kept_row']} is kept"
            reasons.setdefault(row["row"], []).append(f"{row['column']}: {row['reason']}{kept}")
    return reasons
