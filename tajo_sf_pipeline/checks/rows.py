"""The rows of a partition: accounted for, each with its own key, few rejects, as many as usual."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from tajo_sf_pipeline.checks.verdict import EXAMPLES, Verdict
from tajo_sf_pipeline.config.limit import Limit
from tajo_sf_pipeline.storage import duckdb_pool, parquet
from tajo_sf_pipeline.telemetry.masking import masked

# Without a guard, fewer say nothing about what is usual.
_RUNS_TO_COMPARE = 3
_USUAL = Limit(50, percent=True)


def accounted_for(extract: Path, mapped: Path, rejected: Path) -> Verdict:
    files = {"extracted": extract, "mapped": mapped, "rejected": rejected}
    counts = {name: parquet.rows(file) for name, file in files.items()}
    lost = counts["extracted"] - counts["mapped"] - counts["rejected"]
    problems = (f"{lost} rows are neither mapped nor rejected",) if lost else ()
    return Verdict(not lost, counts, problems)


def keys_unique(mapped: Path, *, show: bool) -> Verdict:
    """Count rows without a key and keys that stand twice; `show` the keys or mask them."""
    with duckdb_pool.connection(mapped.parent) as database:
        rows, keys, nulls = database.execute(
            "SELECT count(*), count(DISTINCT _key), count(*) - count(_key) FROM read_parquet(?)",
            [str(mapped)],
        ).fetchall()[0]
        if rows == keys:
            return Verdict(passed=True, counts={"rows": rows, "keys": keys, "without_key": 0})
        twice = database.execute(
            "SELECT _key, count(*) FROM read_parquet(?) WHERE _key IS NOT NULL "
            "GROUP BY _key HAVING count(*) > 1 ORDER BY 2 DESC, 1 LIMIT ?",
            [str(mapped), EXAMPLES],
        ).fetchall()
    return Verdict(
        passed=False,
        counts={"rows": rows, "keys": keys, "without_key": nulls},
        problems=(f"{rows - keys} rows have no key, or that of another row",),
        examples=tuple(
            {"key": key if show else masked(key), "rows": times} for key, times in twice
        ),
    )


def rejects(extracted: int, path: Path, limit: Limit | None, *, show: bool) -> Verdict:
    """Measure the rejects against the extract."""
    rejected = parquet.rows(path)
    share = rejected / extracted if extracted else 0.0
    counts = {"extracted": extracted, "rejected": rejected, "rejected_share": round(share, 4)}
    if limit is None or not limit.exceeded_by(rejected, extracted):
        return Verdict(passed=True, counts=counts)
    return Verdict(
        passed=False,
        counts=counts,
        problems=(f"{rejected} of {extracted} rows are rejected; {limit} may be",),
        examples=first_rejects(path, show=show),
    )


def refusals(planned: int, failed: int, limit: Limit | None) -> Verdict:
    """Measure what Brevo refused against what was sent."""
    share = failed / planned if planned else 0.0
    counts = {"planned": planned, "failed": failed, "refused_share": round(share, 4)}
    if limit is None or not limit.exceeded_by(failed, planned):
        return Verdict(passed=True, counts=counts)
    problem = f"Brevo refused {failed} of {planned} rows; {limit} may be"
    return Verdict(passed=False, counts=counts, problems=(problem,))


def volume(
    extracted: int, before: Sequence[int], limit: Limit | None, *, incremental: bool
) -> Verdict:
    """Measure an extract against the mean of those `before` it.

    Without a guard a large difference is mild, and it is not checked where the query asks only for
    what is new: such extracts differ by their nature.
    """
    counts: dict[str, int | float] = {"extracted": extracted, "runs_compared": len(before)}
    if not before or (limit is None and len(before) < _RUNS_TO_COMPARE):
        return Verdict(passed=True, counts=counts)
    mean = fmean(before)
    counts |= {"mean": round(mean, 1), "change": round(extracted / mean - 1, 4) if mean else 0.0}
    band = limit or _USUAL
    applies = limit is not None or not incremental
    if not applies or abs(extracted - mean) <= mean * band.number / 100:
        return Verdict(passed=True, counts=counts)
    problem = f"{extracted} rows; the last {len(before)} extracts had {mean:,.0f} on the average"
    return Verdict(passed=False, counts=counts, problems=(problem,), mild=limit is None)


def first_rejects(path: Path, *, show: bool) -> tuple[dict[str, str | int], ...]:
    """Return the first rejects; of what came from the source only what may be shown."""
    if not parquet.rows(path):
        return ()
    first = next(parquet.batches(path)).slice(0, EXAMPLES).to_pylist()
    return tuple(
        {
            "row": row["row"],
            "key": _rendered(row["key"], show=show),
            **{name: row[name] or "" for name in ("column", "reason", "rule") if name in row},
            **({"value": row["value"] or ""} if "value" in row else {}),
        }
        for row in first
    )


def _rendered(key: str | None, *, show: bool) -> str:
    if not key:
        return ""
    return key if show else masked(key)
