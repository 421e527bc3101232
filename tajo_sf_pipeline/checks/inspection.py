"""A partition evaluated by the checks, one verdict each; nothing is sent."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.audience.destination import Guards
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.checks import choices, personal, rows, schema
from tajo_sf_pipeline.checks.verdict import EXAMPLES, Verdict
from tajo_sf_pipeline.destinations.preflight import Preflight
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.errors import GuardError
from tajo_sf_pipeline.planning import guards
from tajo_sf_pipeline.planning.estimate import share_of_budget
from tajo_sf_pipeline.planning.guards import Figures
from tajo_sf_pipeline.state.base import Ledger
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.telemetry.masking import masked
from tajo_sf_pipeline.telemetry.personal import anonymous

# How many runs tell what is usual.
_RECENT = 10
_REASONS = 20


def verdicts(partition: SyncRun, checks: Iterable[str]) -> Iterator[tuple[str, Verdict]]:
    """Yield each check's verdict, in their order; what several need is read once."""
    inspected = _Inspected(partition)
    for check in checks:
        yield check, _CHECKS[check](inspected)


class _Inspected:
    """A partition, and what more than one check wants to know of it."""

    def __init__(self, partition: SyncRun) -> None:
        self.partition = partition
        self.audience = partition.audience
        self.guards = partition.audience.guards
        self.show = partition.settings.file.log_personal_data
        paths, day = partition.paths, partition.day
        self.extract, self.mapped = paths.extract(day), paths.mapped(day)
        self.rejected = paths.rejected(day)

    @cached_property
    def extracted(self) -> int:
        return parquet.rows(self.extract)

    @cached_property
    def ledger(self) -> Ledger:
        return self.partition.state.ledger(self.audience.name)

    @cached_property
    def summary(self) -> Summary:
        return self.ledger.run_of(self.partition.run_id)

    @cached_property
    def preflight(self) -> Preflight | None:
        """What Brevo's attributes would take, or None where none would be written."""
        return self.partition.preflight() if self.ledger.is_news(self.mapped) else None


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a sync reports besides its summary.

    `targets` leads what Brevo knows a value by to the mapped column; `refusals` counts Brevo's
    reasons; `lists` has name, id and rows; `budget_used` is the part of the account's calls that
    the run took while it lasted.
    """

    targets: Mapping[str, str]
    refusals: tuple[tuple[str, int], ...]
    lists: tuple[tuple[str, int, int], ...]
    budget_used: float


def delivered(partition: SyncRun, summary: Summary) -> Delivered:
    audience, day = partition.audience, partition.day
    ledger = partition.state.ledger(audience.name)
    mapped = [name for name in parquet.schema(partition.paths.mapped(day)).names if name[0] != "_"]
    of_run = _failed_by(ledger, partition.run_id)["reason"].to_pylist()
    reasons = Counter(anonymous(reason) for reason in of_run)
    return Delivered(
        targets={audience.key_target.upper(): "_key", **{name: name for name in mapped}},
        refusals=tuple(reasons.most_common(_REASONS)),
        lists=tuple(
            (name or audience.destination.list or f"list {number}", number, rows)
            for name, number, rows in ledger.lists_of(partition.run_id)
        ),
        budget_used=share_of_budget(partition.settings.brevo, summary.api_calls, summary.seconds),
    )


def remember(partition: SyncRun) -> None:
    """Keep the extract's columns as those that the next one is compared with."""
    columns = schema.columns_of(parquet.schema(partition.paths.extract(partition.day)))
    path = partition.paths.columns
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f".{path.name}.{partition.run_id}.unfinished")
    unfinished.write_text(json.dumps(columns), encoding="utf-8")
    unfinished.replace(path)


def _accounted_for(seen: _Inspected) -> Verdict:
    return rows.accounted_for(seen.extract, seen.mapped, seen.rejected)


def _keys_unique(seen: _Inspected) -> Verdict:
    return rows.keys_unique(seen.mapped, show=seen.show)


def _schema_stable(seen: _Inspected) -> Verdict:
    path = seen.partition.paths.columns
    last = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    current = schema.columns_of(parquet.schema(seen.extract))
    return schema.drift(last, current, _read_by(seen.audience, {*current, *(last or {})}))


def _read_by(audience: Audience, columns: Iterable[str]) -> set[str]:
    """Choose the columns that the mapping or the cursor reads."""
    read = {name for source, field in audience.fields.items() for name in field.reads(source)}
    return {name for name in columns if name in read or name == audience.cursor}


def _rejects_under_guard(seen: _Inspected) -> Verdict:
    limit = seen.guards.max_rejected
    verdict = rows.rejects(seen.extracted, seen.rejected, limit, show=seen.show)
    figures = Figures(seen.extracted, parquet.rows(seen.rejected), removed=0, present=0)
    return _guarded(verdict, seen, Guards(max_rejected=limit), figures)


def _volume_in_band(seen: _Inspected) -> Verdict:
    done = [run for _, run in seen.ledger.runs(_RECENT) if run.outcome == "done"]
    before = [run.extracted for run in done if run.path == seen.partition.lane]
    incremental = "last_sync" in seen.audience.statement.binds()
    limit = seen.guards.volume
    verdict = rows.volume(seen.extracted, before, limit, incremental=incremental)
    figures = Figures(seen.extracted, rejected=0, removed=0, present=0, volumes=before)
    return _guarded(verdict, seen, Guards(volume=limit), figures)


def _guarded(verdict: Verdict, seen: _Inspected, limits: Guards, figures: Figures) -> Verdict:
    """Let the sync's own guard say what stops the run; one that a person lets pass only warns."""
    if verdict.passed or verdict.mild:
        return verdict
    let_pass = frozenset(guard for guard in guards.GUARDS if guard in seen.partition.accept)
    try:
        guards.evaluate(limits, figures, let_pass)
    except GuardError as error:
        return replace(verdict, error=error)
    return replace(verdict, mild=True)


def _attributes_fit(seen: _Inspected) -> Verdict:
    if seen.preflight is None:
        return Verdict(passed=True, counts={"attributes": 0})
    problems = seen.preflight.problems
    counts = {"attributes": seen.preflight.attributes, "wrong": len(problems)}
    return Verdict(not problems, counts, problems, error=seen.preflight.error)


def _choices_known(seen: _Inspected) -> Verdict:
    if seen.preflight is None:
        return Verdict(passed=True, counts={"attributes": 0, "unknown": 0})
    return choices.unknown(seen.mapped, seen.preflight.options)


def _personal_data_marked(seen: _Inspected) -> Verdict:
    first = next(parquet.batches(seen.mapped), None)
    if first is None:
        return Verdict(passed=True, counts={"rows": 0})
    marked = {field.to for field in seen.audience.fields.values() if field.personal or field.mask}
    return personal.unmarked(first, marked)


def _conservation(seen: _Inspected) -> Verdict:
    summary, in_ledger = seen.summary, seen.ledger.confirmed_by(seen.partition.run_id)
    wrong = {
        "the counts do not add up": not summary.conserved,
        "the extract has another number of rows": summary.extracted != seen.extracted,
        "the ledger has another number of rows": summary.confirmed != in_ledger,
    }
    problems = tuple(problem for problem, holds in wrong.items() if holds)
    counts = {"extract_rows": seen.extracted, "ledger_rows": in_ledger, **summary.counts}
    return Verdict(not problems, counts, problems)


def _everything_confirmed(seen: _Inspected) -> Verdict:
    summary = seen.summary
    names = ("planned", "confirmed", "failed", "pending")
    counts = {name: getattr(summary, name) for name in names}
    if summary.confirmed == summary.planned:
        return Verdict(passed=True, counts=counts)
    problem = (
        f"of {summary.planned} rows Brevo refused {summary.failed}, {summary.pending} are open"
    )
    return Verdict(passed=False, counts=counts, problems=(problem,), examples=_refused(seen))


def _refusals_under_guard(seen: _Inspected) -> Verdict:
    summary, limit = seen.summary, seen.guards.max_rejected
    verdict = rows.refusals(summary.planned, summary.failed, limit)
    return verdict if verdict.passed else replace(verdict, examples=_refused(seen))


def _refused(seen: _Inspected) -> tuple[dict[str, str | int], ...]:
    """Return the first rows that Brevo refused, and why."""
    first = _failed_by(seen.ledger, seen.partition.run_id).slice(0, EXAMPLES).to_pylist()
    return tuple(
        {
            "key": row["key"] if seen.show else masked(row["key"]),
            "reason": anonymous(row["reason"]),
        }
        for row in first
    )


def _failed_by(ledger: Ledger, run_id: str) -> pa.Table:
    failed = ledger.failed()
    return failed.filter(pc.equal(failed["run_id"], run_id))


_CHECKS: Mapping[str, Callable[[_Inspected], Verdict]] = {
    "rows_accounted_for": _accounted_for,
    "keys_unique": _keys_unique,
    "schema_stable": _schema_stable,
    "rejects_under_guard": _rejects_under_guard,
    "volume_in_band": _volume_in_band,
    "attributes_fit": _attributes_fit,
    "choices_known": _choices_known,
    "personal_data_marked": _personal_data_marked,
    "conservation": _conservation,
    "everything_confirmed": _everything_confirmed,
    "refusals_under_guard": _refusals_under_guard,
}
