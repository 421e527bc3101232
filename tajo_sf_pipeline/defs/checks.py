"""What must hold of a partition; the blocking checks stand between `mapped` and any write."""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from tajo_sf_pipeline.audience.check_rules import ON_MAPPED, ON_SYNC, RULES, Rule, applied
from tajo_sf_pipeline.checks.inspection import verdicts
from tajo_sf_pipeline.checks.verdict import Verdict
from tajo_sf_pipeline.defs.failures import step
from tajo_sf_pipeline.defs.one_run import OneRun
from tajo_sf_pipeline.defs.partitions import PartitionOf, sync_dates
from tajo_sf_pipeline.defs.run_failure import evaluations, stopped_before_any_write
from tajo_sf_pipeline.engine.mapped_files import Mapped
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.errors import MappingError

# `mapped` itself tells of this one: where it fails there is nothing to map, nor to check.
COVERED = "columns_covered"
_SEVERITIES = {"warn": dg.AssetCheckSeverity.WARN, "error": dg.AssetCheckSeverity.ERROR}


def audience_checks(partition_of: PartitionOf) -> list[dg.AssetChecksDefinition]:
    """Make the checks of an audience: those on `mapped` before any write, those on `sync` after."""
    return [
        _checks(partition_of, "mapped", [rule for rule in ON_MAPPED if rule.name != COVERED]),
        _checks(partition_of, "sync", ON_SYNC),
    ]


def covered_spec(partition_of: PartitionOf) -> dg.AssetCheckSpec:
    """Declare the check that the asset `mapped` carries in itself."""
    return _spec(partition_of, "mapped", RULES[COVERED])


def covered(mapped: Mapped) -> dg.AssetCheckResult:
    counts = {"mapped": len(mapped.columns), "unmapped": len(mapped.unmapped), "missing": 0}
    return dg.AssetCheckResult(check_name=COVERED, passed=True, metadata=counts)


def not_covered(error: MappingError) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=COVERED,
        passed=False,
        description=error.next_step,
        metadata={"code": error.code, **_metadata(Verdict(False, problems=(error.happened,)))},
    )


def _checks(
    partition_of: PartitionOf, asset: str, rules: Iterable[Rule]
) -> dg.AssetChecksDefinition:
    audience = partition_of.audience
    wanted = {rule.name: applied(rule, audience.checks) for rule in rules}
    key = dg.AssetKey([audience.name, asset])

    @dg.multi_asset_check(
        name=f"{audience.name}_{asset}_checks",
        specs=[_spec(partition_of, asset, rule) for rule in wanted.values()],
        can_subset=True,
    )
    @step(partition_of)
    def checks(
        context: dg.AssetCheckExecutionContext, one_run: OneRun
    ) -> Iterator[dg.AssetCheckResult]:
        partition = one_run.hold(partition_of(context))
        selected = {key.name for key in context.selected_asset_check_keys}
        # All before the first is told: a try that an outage ends leaves no history.
        results = list(verdicts(partition, [name for name in wanted if name in selected]))
        for name, verdict in results:
            yield _result(key, wanted[name], verdict)

    return checks


def _spec(partition_of: PartitionOf, asset: str, rule: Rule) -> dg.AssetCheckSpec:
    """Declare a check with a history for each partition, which is PREVIEW in Dagster 1.13."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            rule.name,
            asset=dg.AssetKey([partition_of.audience.name, asset]),
            blocking=rule.blocking,
            partitions_def=sync_dates(partition_of.settings),
            description=rule.description,
        )


def _result(asset: dg.AssetKey, rule: Rule, verdict: Verdict) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=rule.name,
        passed=verdict.passed,
        severity=_SEVERITIES["warn" if verdict.mild else rule.severity],
        description=None if verdict.passed else "; ".join(verdict.problems),
        metadata=_metadata(verdict),
    )


def stop_unless_judged(context: dg.AssetExecutionContext, partition: SyncRun) -> None:
    """Raise what a blocking check on `mapped` would, where the run has left such checks out.

    A run of `sync` alone does, as from the page or when it is executed again from its failure.
    """
    rules = {rule.name: applied(rule, partition.audience.checks) for rule in ON_MAPPED}
    evaluated = {
        evaluation.check_name
        for evaluation in evaluations(context.instance, context.run.run_id)
        if evaluation.asset_key.path[-1] == "mapped"
    }
    # Where nothing is mapped there is no file to judge: COVERED has been told of, or holds.
    left_out = [
        name for name, rule in rules.items() if rule.blocking and name not in {*evaluated, COVERED}
    ]
    for name, verdict in verdicts(partition, left_out):
        if verdict.passed or verdict.mild or rules[name].severity != "error":
            continue
        raise verdict.error or stopped_before_any_write(
            f"{partition.audience.name}/mapped", f"{name}: {'; '.join(verdict.problems)}"
        )


def _metadata(verdict: Verdict) -> dict[str, Any]:
    metadata: dict[str, Any] = dict(verdict.counts)
    if verdict.error is not None:
        metadata |= {**verdict.error.as_json(), "message": verdict.error.happened}
    if verdict.problems:
        lines = "\n".join(f"- {problem}" for problem in verdict.problems)
        metadata["problems"] = dg.MetadataValue.md(lines)
    if verdict.examples:
        records = [dg.TableRecord(dict(example)) for example in verdict.examples]
        metadata["examples"] = dg.MetadataValue.table(records=records)
    return metadata
