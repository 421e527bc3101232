"""The second step: an extract's file as the mapped rows, the rejects, and a report on both."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Window
from tajo_sf_pipeline.audience.written_column import WrittenColumn
from tajo_sf_pipeline.engine.mapping_report import MappingReport
from tajo_sf_pipeline.mapping.duplicates import DUPLICATE, greatest_version, losers
from tajo_sf_pipeline.mapping.mapper import Mapper
from tajo_sf_pipeline.mapping.rejects import REJECTED, duplicates
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.storage.paths import Paths


@dataclass(frozen=True, slots=True)
class Mapped:
    """What Brevo would take of an extract; `reasons` counts the rejects by column and reason.

    `losses` say which columns arrive as less than they are, whatever their values; `suspicions`
    count the values that look wrong and were not touched.
    """

    rows: int
    rejected: int
    reasons: dict[str, int]
    columns: tuple[WrittenColumn, ...]
    unmapped: tuple[str, ...]
    schema: pa.Schema
    seconds: float
    losses: tuple[str, ...] = ()
    suspicions: Mapping[str, int] = field(default_factory=dict)


def map_extract(
    audience: Audience, window: Window, paths: Paths, progress: Callable[[int, int], None]
) -> Mapped:
    """Map a date's extract; every row of it is mapped or rejected with a reason.

    `progress` gets the rows mapped and those in all.
    """
    started, day = time.monotonic(), window.sync_date
    mapper = Mapper(
        audience,
        parquet.schema(paths.extract(day)),
        timezone=window.timezone,
        window_end=window.end,
    )
    with parquet.writing(paths.rejected(day), REJECTED) as rejected:
        suspicions = _map_batches(mapper, paths, day, rejected, progress)
        _drop_duplicates(mapper, paths.mapped(day), rejected)
        rejected.finish(_report(audience, mapper, window, paths, rejected.rows).as_notes())
    return Mapped(
        rows=parquet.rows(paths.mapped(day)),
        rejected=rejected.rows,
        reasons=reasons(paths.rejected(day)),
        columns=mapper.columns,
        unmapped=mapper.unmapped,
        schema=mapper.schema,
        seconds=time.monotonic() - started,
        losses=mapper.losses,
        suspicions=suspicions,
    )


def reasons(rejected: Path) -> dict[str, int]:
    """Count the rejects of a date by column and reason, the most frequent first."""
    table = pa.Table.from_batches(parquet.batches(rejected), REJECTED)
    counted = table.group_by(["column", "reason"]).aggregate([([], "count_all")])
    ordered = counted.sort_by([("count_all", "descending"), ("reason", "ascending")])
    return {f"{row['column']} {row['reason']}": row["count_all"] for row in ordered.to_pylist()}


def _map_batches(
    mapper: Mapper,
    paths: Paths,
    day: date,
    rejected: parquet.Writer,
    progress: Callable[[int, int], None],
) -> dict[str, int]:
    extract, first_row = paths.extract(day), 0
    total = parquet.rows(extract)
    suspicions: Counter[str] = Counter()
    with parquet.writing(paths.mapped(day), mapper.schema, quick=True) as out:
        for batch in parquet.batches(extract):
            mapped = mapper.map(batch, first_row)
            out.write(mapped.mapped)
            rejected.write(mapped.rejected)
            suspicions.update(mapped.suspicions)
            first_row += batch.num_rows
            progress(first_row, total)
        out.finish({})
    return dict(suspicions)


def _drop_duplicates(mapper: Mapper, file: Path, rejected: parquet.Writer) -> None:
    """Take out the rows that another row with their key outdoes; they are rejects too."""
    repeated = losers(file)
    if not repeated.num_rows:
        return
    with parquet.writing(file, mapper.schema, quick=True) as out:
        for batch in parquet.batches(file):
            out.write(batch.filter(pc.invert(pc.is_in(batch["_row"], repeated["_row"]))))
        out.finish({})
    for batch in duplicates(repeated, mapper.key_name, DUPLICATE).to_batches():
        rejected.write(batch)


def _report(
    audience: Audience, mapper: Mapper, window: Window, paths: Paths, rejected: int
) -> MappingReport:
    extract = paths.extract(window.sync_date)
    notes = parquet.notes(extract)
    reached = notes["started_at"]
    if audience.cursor:
        reached = greatest_version(paths.mapped(window.sync_date))
    return MappingReport(
        lane=notes["path"],
        query_id=notes.get("query_id"),
        extract=extract.name,
        extracted=parquet.rows(extract),
        rejected=rejected,
        columns=mapper.columns,
        reached=datetime.fromisoformat(reached) if reached else None,
        window_end=window.end,
    )
