"""What must hold of a partition; the blocking checks stand between `mapped` and any write."""

import warnings
from collections.abc import Iterator

import dagster as dg
import duckdb

from tajo_sf_pipeline import parquet
from tajo_sf_pipeline.defs.partitions import PartitionOf, sync_dates
from tajo_sf_pipeline.stages import Partition
from tajo_sf_pipeline.sync.ledger import Ledger


def audience_checks(partition_of: PartitionOf) -> list[dg.AssetChecksDefinition]:
    """Make the checks of an audience: two on `mapped` that block, two on `sync` that tell."""
    name = partition_of.audience.name
    partitions = sync_dates(partition_of.settings)
    mapped, sync = dg.AssetKey([name, "mapped"]), dg.AssetKey([name, "sync"])

    @dg.multi_asset_check(
        name=f"{name}_mapped_checks",
        specs=[
            _spec(
                mapped,
                "rows_accounted_for",
                partitions,
                "Every extracted row is mapped or rejected (S01). If not, run the partition again "
                "from `extract`.",
                blocking=True,
            ),
            _spec(
                mapped,
                "keys_unique",
                partitions,
                "No two mapped rows are the same contact.",
                blocking=True,
            ),
        ],
        can_subset=True,
    )
    def mapped_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        partition = partition_of(context)
        judges = {"rows_accounted_for": _rows_accounted_for, "keys_unique": _keys_unique}
        for key in context.selected_asset_check_keys:
            passed, found = judges[key.name](partition)
            yield dg.AssetCheckResult(
                asset_key=mapped, check_name=key.name, passed=passed, metadata=found
            )

    @dg.multi_asset_check(
        name=f"{name}_sync_checks",
        specs=[
            _spec(
                sync,
                "conservation",
                partitions,
                "extracted = rejected + stale + unchanged + skipped_by_mode + planned, planned = "
                "confirmed + failed + pending, and the ledger agrees (S01, S02).",
            ),
            _spec(
                sync,
                "everything_confirmed",
                partitions,
                "Brevo accepted every row that was sent. Those that it refused are in "
                "dead_letters/ with its reason; correct them in the source and run again.",
            ),
        ],
        can_subset=True,
    )
    def sync_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        partition = partition_of(context)
        for key in context.selected_asset_check_keys:
            judge = _conservation if key.name == "conservation" else _everything_confirmed
            yield judge(partition, sync)

    return [mapped_checks, sync_checks]


def _spec(
    asset: dg.AssetKey,
    name: str,
    partitions: dg.PartitionsDefinition,
    description: str,
    *,
    blocking: bool = False,
) -> dg.AssetCheckSpec:
    """Declare a check with a history for each partition, which is PREVIEW in Dagster 1.13."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name,
            asset=asset,
            blocking=blocking,
            partitions_def=partitions,
            description=description,
        )


def _rows_accounted_for(partition: Partition) -> tuple[bool, dict[str, int]]:
    places, day = partition.places, partition.day
    files = {
        "extracted": places.extract(day),
        "mapped": places.mapped(day),
        "rejected": places.rejected(day),
    }
    found = {name: parquet.rows(file) for name, file in files.items()}
    return found["extracted"] == found["mapped"] + found["rejected"], found


def _keys_unique(partition: Partition) -> tuple[bool, dict[str, int]]:
    with duckdb.connect() as database:
        rows, keys = database.execute(
            "SELECT count(*), count(DISTINCT _key) FROM read_parquet(?)",
            [str(partition.places.mapped(partition.day))],
        ).fetchall()[0]
    return rows == keys, {"rows": rows, "keys": keys}


def _conservation(partition: Partition, sync: dg.AssetKey) -> dg.AssetCheckResult:
    ledger = Ledger(partition.places.ledger)
    summary = ledger.run_of(partition.run_id)
    in_ledger = ledger.confirmed_by(partition.run_id)
    in_extract = parquet.rows(partition.places.extract(partition.day))
    return dg.AssetCheckResult(
        asset_key=sync,
        check_name="conservation",
        passed=summary.conserved
        and summary.extracted == in_extract
        and summary.confirmed == in_ledger,
        metadata={
            "extract_rows": in_extract,
            "ledger_rows": in_ledger,
            **summary.counts,
        },
    )


def _everything_confirmed(partition: Partition, sync: dg.AssetKey) -> dg.AssetCheckResult:
    summary = Ledger(partition.places.ledger).run_of(partition.run_id)
    return dg.AssetCheckResult(
        asset_key=sync,
        check_name="everything_confirmed",
        passed=summary.confirmed == summary.planned,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "planned": summary.planned,
            "confirmed": summary.confirmed,
            "failed": summary.failed,
            "pending": summary.pending,
            "dead_letters": dg.MetadataValue.path(
                str(partition.places.dead_letters(partition.day))
            ),
        },
    )
