"""How a step ends that met an error: what is tried again, how often, and what the failure says."""

import errno
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from tajo_sf_pipeline.defs.failures import RETRIES, TERMINAL_TAG, step
from tajo_sf_pipeline.defs.one_run import OneRun
from tajo_sf_pipeline.defs.partitions import PartitionOf
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.errors import (
    AuthenticationError,
    BusyError,
    ConfigurationError,
    DiskFullError,
    GuardError,
    IncompleteError,
    InternalError,
    LocalStorageError,
    MappingError,
    PermissionDeniedError,
    RateLimitError,
    RefusedError,
    TajoError,
    UncertainError,
    VendorOutageError,
)

TOLD = ("TAJO-999", "it happened", "Do this.")
AGAIN = (
    VendorOutageError,
    RateLimitError,
    UncertainError,
    IncompleteError,
    BusyError,
    DiskFullError,
)
NEVER = (
    AuthenticationError,
    ConfigurationError,
    GuardError,
    InternalError,
    LocalStorageError,
    MappingError,
    PermissionDeniedError,
)
EXIT_CODES: dict[type[TajoError], tuple[str, int]] = {
    ConfigurationError: ("configuration", 2),
    MappingError: ("mapping", 2),
    AuthenticationError: ("authentication", 3),
    PermissionDeniedError: ("permission", 3),
    RefusedError: ("validation", 1),
    GuardError: ("guard", 4),
    VendorOutageError: ("vendor_outage", 5),
    RateLimitError: ("rate_limit", 5),
    UncertainError: ("vendor_outage", 5),
    IncompleteError: ("incomplete", 5),
    BusyError: ("busy", 5),
    LocalStorageError: ("storage", 6),
    DiskFullError: ("storage", 6),
    InternalError: ("internal", 70),
}


def _ended(error: Exception, *, path: str = "incremental", retry: int = 0, **tags: str) -> Any:
    """Let a step of a run meet an error; give what Dagster is told."""
    context = SimpleNamespace(
        run=SimpleNamespace(tags=tags),
        retry_number=retry,
    )
    partition_of = cast(PartitionOf, lambda _: SimpleNamespace(lane=path))

    @step(partition_of)
    def body(_: dg.AssetExecutionContext, _one_run: OneRun) -> None:
        raise error

    with pytest.raises((dg.Failure, dg.RetryRequested)) as caught:
        body(cast(dg.AssetExecutionContext, context), cast(OneRun, None))
    return caught.value


@pytest.mark.parametrize("kind", AGAIN, ids=lambda kind: kind.__name__)
def test_s17_what_may_be_better_later_is_tried_again(kind: type[TajoError]) -> None:
    """An outage, a lost answer, another writer, a full disk: nobody here has to do anything."""
    asked = _ended(kind(*TOLD))
    assert (dg.RetryRequested, 2) == (type(asked), asked.max_retries)
    assert asked.__cause__.__cause__.code == "TAJO-999"


@pytest.mark.parametrize("kind", NEVER, ids=lambda kind: kind.__name__)
def test_s17_what_a_person_must_mend_is_not_tried_again(kind: type[TajoError]) -> None:
    """The failure tells code, kind and next step, and its cause is the error itself."""
    error = kind(*TOLD)
    failure = _ended(error)
    told = {name: entry.value for name, entry in failure.metadata.items()}
    assert (dg.Failure, error) == (type(failure), failure.__cause__)
    assert {
        "code": "TAJO-999",
        "kind": kind.kind,
        "message": "it happened",
        "happened": "it happened",
        "next_step": "Do this.",
    } == told


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, dg.RetryRequested), (errno.EROFS, dg.Failure)]
)
def test_s17_a_disk_that_a_step_finds_full_is_tried_again(
    number: int, kind: type[Exception]
) -> None:
    """Others may free some of it; a file system that is read-only waits for a person."""
    wrapped = RuntimeError("Dagster could not keep an event")
    wrapped.__cause__ = OSError(number, os.strerror(number))
    told = _ended(wrapped)
    assert kind is type(told)
    failure = told.__cause__ if isinstance(told, dg.RetryRequested) else told
    assert ("storage", "TAJO-141") == (failure.__cause__.kind, failure.__cause__.code)


def test_a_defect_of_a_step_stays_what_it_is() -> None:
    """Nobody takes it for a full disk."""
    with pytest.raises(ZeroDivisionError):
        _ended(ZeroDivisionError())


@pytest.mark.parametrize("kind", EXIT_CODES, ids=lambda kind: kind.__name__)
def test_s17_an_error_is_read_as_it_was_reported(kind: type[TajoError]) -> None:
    """Another process learns kind, code, words and exit code, whatever it cannot know."""
    error = kind.reported(*TOLD)
    read = TajoError.from_json(error.as_json())
    assert (error.as_json(), error.exit_code) == (read.as_json(), read.exit_code)
    assert InternalError is type(TajoError.from_json({**error.as_json(), "kind": "of tomorrow"}))


def test_a_person_in_a_terminal_waits_for_no_retry() -> None:
    """The run fails at once: `patience` has been waited out already."""
    failure = _ended(VendorOutageError(*TOLD), **{TERMINAL_TAG: "true"})
    assert dg.Failure is type(failure)


@pytest.mark.parametrize(("path", "retries"), [("incremental", 2), ("backfill", 3)])
def test_each_path_has_its_own_number_of_attempts(path: Any, retries: int) -> None:
    """The incremental one leaves the rest to its next tick; a backfill has none."""
    outage = VendorOutageError(*TOLD)
    kinds = [type(_ended(outage, path=path, retry=number)) for number in range(retries + 1)]
    assert [*[dg.RetryRequested] * retries, dg.Failure] == kinds
    assert retries == RETRIES[path].max_retries
    assert retries == _ended(outage, path=path).max_retries


def test_pauses_between_attempts_grow() -> None:
    """Half a minute, then a minute and a half."""
    outage = VendorOutageError(*TOLD)
    assert [30, 90] == [_ended(outage, retry=number).seconds_to_wait for number in range(2)]


@pytest.mark.parametrize("kind", EXIT_CODES, ids=lambda kind: kind.__name__)
def test_s17_a_script_tells_errors_apart_by_their_exit_codes(kind: type[TajoError]) -> None:
    """What wants a person and what wants another try have codes of their own."""
    assert EXIT_CODES[kind] == (kind.kind, kind.exit_code)


# One run of a date.


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[tuple[OneRun, OneRun]]:
    """Give two runs; what they hold is let go in the end."""
    both = (OneRun(home=str(tmp_path)), OneRun(home=str(tmp_path)))
    yield both
    for run in both:
        run.teardown_after_execution(cast(dg.InitResourceContext, None))


def test_only_runs_of_one_audience_and_date_wait_for_each_other(
    tmp_path: Path, runs: tuple[OneRun, OneRun]
) -> None:
    """Another date and another audience go on; the same one is told after its patience."""
    settings = SimpleNamespace(home=tmp_path)

    def hold(run: OneRun, audience: str, day: int) -> None:
        partition = SimpleNamespace(
            settings=settings,
            audience=SimpleNamespace(name=audience),
            day=date(2026, 11, day),
            run_id=f"run of {audience}",
        )
        run.hold(cast(SyncRun, partition), patience=0)

    first, second = runs
    hold(first, "people", 9)
    hold(first, "people", 9)
    hold(second, "people", 10)
    hold(second, "others", 9)
    with pytest.raises(BusyError) as caught:
        hold(second, "people", 9)
    assert "TAJO-162" == caught.value.code
    assert f"process {os.getpid()} on " in caught.value.happened
    assert "run run of people" in caught.value.happened
    first.teardown_after_execution(cast(dg.InitResourceContext, None))
    hold(second, "people", 9)
