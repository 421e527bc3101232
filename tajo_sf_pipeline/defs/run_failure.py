"""Why a run failed, read once from Dagster's records of it: for the terminal and for alerts."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from tajo_sf_pipeline.defs.dagster_private import StepFailureData
from tajo_sf_pipeline.errors import GuardError, InternalError, RefusedError, TajoError


def why_failed(instance: dg.DagsterInstance, run_id: str, message: str = "") -> TajoError:
    """Return the error that a failed run ended with.

    It is the error of the step that failed, else that of the checks that blocked, else what Dagster
    says of it (`message`, where no step failed), which only an untranslated error or a kill leaves.
    """
    failures = list(_step_failures(instance, run_id))
    for failure in failures:
        if failure.user_failure_data is not None and "code" in failure.user_failure_data.metadata:
            return _reported(failure.user_failure_data.metadata)
    blocking = [
        evaluation
        for evaluation in evaluations(instance, run_id)
        if not evaluation.passed
        and evaluation.blocking
        and evaluation.severity is dg.AssetCheckSeverity.ERROR
    ]
    if blocking:
        return _blocked_by(blocking)
    step = failures[0].error if failures else None
    lines = (step.message if step else message).strip().splitlines()
    return InternalError(
        "TAJO-843",
        lines[0] if lines else "the run ended, and no step of it says why",
        "Open the run for its log; run the date again.",
    )


def stopped_before_any_write(place: str, problems: str) -> GuardError:
    """Return the error of a run whose mapped rows a check has stopped."""
    return GuardError(
        "TAJO-801",
        f"a check on {place} stopped the run before any write: {problems}",
        "Look at the check in Dagster's UI, correct what it names, and run the date again.",
    )


def evaluations(instance: dg.DagsterInstance, run_id: str) -> Iterator[dg.AssetCheckEvaluation]:
    """Return what a run's checks have said, in their order."""
    for event in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        if event.dagster_event:
            yield event.dagster_event.asset_check_evaluation_data


def _step_failures(instance: dg.DagsterInstance, run_id: str) -> Iterator[StepFailureData]:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        if entry.dagster_event is not None:
            yield entry.dagster_event.step_failure_data


def _blocked_by(failed: list[dg.AssetCheckEvaluation]) -> TajoError:
    """Return the error of blocking checks: what they stand before is decided by their asset."""
    if "code" in failed[0].metadata:
        return _reported(failed[0].metadata)
    problems = "; ".join(
        f"{check.check_name}: {check.description or 'see its metadata'}" for check in failed
    )
    place = failed[0].asset_key.to_user_string()
    if place.endswith("/sync"):
        return RefusedError(
            "TAJO-831",
            f"a check on {place} failed after the delivery: {problems}",
            "Correct what it names; what Brevo has confirmed stays, and is not sent again.",
            reason=problems,
        )
    return stopped_before_any_write(place, problems)


def _reported(metadata: Mapping[str, dg.MetadataValue[Any]]) -> TajoError:
    return TajoError.from_json({name: str(entry.value) for name, entry in metadata.items()})
