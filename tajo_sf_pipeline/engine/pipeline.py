"""The three steps of an audience, as anyone may call them: Dagster's assets are one caller."""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Lane, Window
from tajo_sf_pipeline.audience.written_column import WrittenColumn
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.engine.mapping_report import MappingReport
from tajo_sf_pipeline.engine.retention import prune
from tajo_sf_pipeline.engine.run import Sync
from tajo_sf_pipeline.mapping.duplicates import DUPLICATE, greatest_version, losers
from tajo_sf_pipeline.mapping.mapper import Mapper
from tajo_sf_pipeline.mapping.rejects import REJECTED, duplicates
from tajo_sf_pipeline.sources.snowflake.cost import Cost, cost_of
from tajo_sf_pipeline.sources.snowflake.driver import Connect
from tajo_sf_pipeline.sources.snowflake.transports import warehouse
from tajo_sf_pipeline.state.base import State
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline.state.selection import state_of
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.storage.paths import Paths, make_home

_log = logging.getLogger(__name__)
# audience, step, rows done, rows in all
Progress = Callable[[str, str, int, int], None]


def silent(_audience: str, _step: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What the warehouse returned."""

    rows: int
    bytes: int
    query_id: str
    schema: pa.Schema
    partitions: int
    executing_seconds: float
    fetching_seconds: float
    seconds: float
    cost: Cost | str


@dataclass(frozen=True, slots=True)
class Mapped:
    """What Brevo would take of it; `reasons` counts the rejects by column and reason.

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


@dataclass(frozen=True, slots=True)
class Partition:
    """One audience on one sync date, on one of the two paths; `full` forgets the watermark."""

    settings: Settings
    audience: Audience
    day: date
    path: Lane
    run_id: str
    full: bool = False
    accept: tuple[str, ...] = ()  # guards that a person lets pass
    progress: Progress = silent
    scratch: Path | None = None  # where its files go that are not to be kept
    connect: Connect | None = None  # who opens the driver's connections, if not the workspace

    @property
    def paths(self) -> Paths:
        return Paths(self.settings.home, self.audience.name, self.scratch)

    @property
    def state(self) -> State:
        return state_of(self.settings)

    @property
    def window(self) -> Window:
        return Window(self.day, self.settings.file.timezone)

    def extract(self) -> Extracted:
        """Run the query and keep its answer as Parquet, whole or not at all (S11)."""
        started = time.monotonic()
        make_home(self.settings.home)
        source = warehouse(self.settings.snowflake, self.settings.path.parent, self.connect)
        with (
            source.running(
                self.audience.statement,
                self.window.binds(self.path, self._last_sync()),
                self._query_tag(),
            ) as result,
            parquet.writing(self.paths.extract(self.day), result.schema) as out,
        ):
            executed, size = time.monotonic(), 0
            for batch in result.batches:
                out.write(batch)
                size += batch.nbytes
                self._tell("extract", out.rows, result.declared_rows)
            out.finish(
                {
                    "path": self.path,
                    "started_at": result.started_at.isoformat(),
                    "query_id": result.query_id,
                }
            )
        fetched = time.monotonic()
        _log.info("extracted %s rows", out.rows, extra={"query_id": result.query_id})
        return Extracted(
            rows=out.rows,
            bytes=size,
            query_id=result.query_id,
            schema=result.schema,
            partitions=result.partitions,
            executing_seconds=result.executing_seconds,
            fetching_seconds=fetched - executed,
            seconds=fetched - started,
            cost=cost_of(source, result.query_id, self._query_tag()),
        )

    def map(self) -> Mapped:
        """Map the extract; every row of it is mapped or rejected with a reason."""
        started = time.monotonic()
        source = self.paths.extract(self.day)
        mapper = Mapper(
            self.audience,
            parquet.schema(source),
            timezone=self.settings.file.timezone,
            window_end=self.window.end,
        )
        with parquet.writing(self.paths.rejected(self.day), REJECTED) as rejected:
            suspicions = self._map_batches(mapper, rejected)
            self._drop_duplicates(mapper, rejected)
            rejected.finish(self._report(mapper, rejected.rows).as_notes())
        return Mapped(
            rows=parquet.rows(self.paths.mapped(self.day)),
            rejected=rejected.rows,
            reasons=reasons(self.paths.rejected(self.day)),
            columns=mapper.columns,
            unmapped=mapper.unmapped,
            schema=mapper.schema,
            seconds=time.monotonic() - started,
            losses=mapper.losses,
            suspicions=suspicions,
        )

    def sync(self) -> Summary:
        """Bring Brevo to what was mapped, then remove files that have been kept long enough."""
        summary = self.delivery().run()
        _log.info(
            "planned %s rows: %s confirmed, %s failed, %s pending",
            *(summary.planned, summary.confirmed, summary.failed, summary.pending),
        )
        prune(self.paths, self.state.dead_letters, self.settings.file.retention)
        return summary

    def delivery(self) -> Sync:
        """Return the last step, to be planned or run."""
        return Sync(
            audience=self.audience,
            brevo=self.settings.brevo,
            paths=self.paths,
            state=self.state,
            day=self.day,
            run_id=self.run_id,
            accept=self.accept,
            progress=lambda done, planned: self._tell("sync", done, planned),
        )

    def _last_sync(self) -> datetime | None:
        if self.full or "last_sync" not in self.audience.statement.binds():
            return None
        reached = self.state.ledger(self.audience.name).last_sync()
        return reached - self.audience.lookback if reached else None

    def _tell(self, step: str, done: int, total: int) -> None:
        self.progress(self.audience.name, step, done, total)

    def _query_tag(self) -> str:
        return json.dumps(
            {
                "app": "tajo",
                "workspace": self.settings.file.workspace,
                "audience": self.audience.name,
                "sync_date": self.day.isoformat(),
                "run": self.run_id,
            }
        )

    def _map_batches(self, mapper: Mapper, rejected: parquet.Writer) -> dict[str, int]:
        source = self.paths.extract(self.day)
        total, seen = parquet.rows(source), 0
        suspicions: Counter[str] = Counter()
        with parquet.writing(self.paths.mapped(self.day), mapper.schema, quick=True) as mapped:
            for batch in parquet.batches(source):
                made = mapper.map(batch, seen)
                mapped.write(made.mapped)
                rejected.write(made.rejected)
                suspicions.update(made.suspicions)
                seen += batch.num_rows
                self._tell("map", seen, total)
            mapped.finish({})
        return dict(suspicions)

    def _drop_duplicates(self, mapper: Mapper, rejected: parquet.Writer) -> None:
        """Take out the rows that another row with their key outdoes; they are rejects too."""
        path = self.paths.mapped(self.day)
        twice = losers(path)
        if not twice.num_rows:
            return
        with parquet.writing(path, mapper.schema, quick=True) as kept:
            for batch in parquet.batches(path):
                kept.write(batch.filter(pc.invert(pc.is_in(batch["_row"], twice["_row"]))))
            kept.finish({})
        for batch in duplicates(twice, mapper.key_name, DUPLICATE).to_batches():
            rejected.write(batch)

    def _report(self, mapper: Mapper, rejected: int) -> MappingReport:
        extract = parquet.notes(self.paths.extract(self.day))
        reached = extract["started_at"]
        if self.audience.cursor:
            reached = greatest_version(self.paths.mapped(self.day))
        return MappingReport(
            path=extract["path"],
            query_id=extract.get("query_id"),
            extract=self.paths.extract(self.day).name,
            extracted=parquet.rows(self.paths.extract(self.day)),
            rejected=rejected,
            columns=mapper.columns,
            reached=datetime.fromisoformat(reached) if reached else None,
            window_end=self.window.end,
        )


def reasons(rejected: Path) -> dict[str, int]:
    """Count the rejects of a partition by column and reason, the most frequent first."""
    table = pa.Table.from_batches(parquet.batches(rejected), REJECTED)
    counted = table.group_by(["column", "reason"]).aggregate([([], "count_all")])
    ordered = counted.sort_by([("count_all", "descending"), ("reason", "ascending")])
    return {f"{row['column']} {row['reason']}": row["count_all"] for row in ordered.to_pylist()}
