"""How a step fails: with our error's code in its metadata, and again only where that helps."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import dagster as dg

from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.defs.one_run import OneRun
from tajo_sf_pipeline.defs.partitions import PartitionOf
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.storage.write_errors import beneath

# A run that a person watches in a terminal fails at once: `patience` has been waited out already.
TERMINAL_TAG = "tajo/terminal"
# The incremental path gives up early, since its next tick takes up what it left; a backfill has
# no next tick, and nobody waits for it.
RETRIES: dict[Lane, dg.RetryPolicy] = {
    "incremental": dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL),
    "backfill": dg.RetryPolicy(
        max_retries=3, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
    ),
}
Body = TypeVar("Body", bound=Callable[..., Any])


def step(partition_of: PartitionOf) -> Callable[[Body], Body]:
    """Make a function a step: its `TajoError` becomes a failure that tells all.

    The failure says code, kind and next step, and its cause is the error itself. Only what is
    `retriable` is tried again, as the path's policy says: Dagster's own would also repeat what a
    person must mend, and a defect.
    """

    def decorated(body: Body) -> Body:
        @functools.wraps(body)
        def returning(context: dg.AssetExecutionContext, one_run: OneRun) -> Any:
            with _as_failure(context, partition_of):
                return body(context, one_run)

        @functools.wraps(body)
        def yielding(context: dg.AssetExecutionContext, one_run: OneRun) -> Iterator[Any]:
            with _as_failure(context, partition_of):
                yield from body(context, one_run)

        return cast(Body, yielding if inspect.isgeneratorfunction(body) else returning)

    return decorated


@contextmanager
def _as_failure(context: dg.AssetExecutionContext, partition_of: PartitionOf) -> Iterator[None]:
    try:
        with _storage_translated():
            yield
    except TajoError as error:
        failure = dg.Failure(str(error), {**error.as_json(), "happened": error.happened})
        policy = RETRIES[partition_of(context).lane]
        again = error.retriable and TERMINAL_TAG not in context.run.tags
        if not again or context.retry_number >= policy.max_retries:
            raise failure from error
        failure.__cause__ = error
        raise dg.RetryRequested(
            policy.max_retries, policy.calculate_delay(context.retry_number + 1)
        ) from failure


@contextmanager
def _storage_translated() -> Iterator[None]:
    """Let a full disk be one, whichever file of a step found it first."""
    try:
        yield
    except TajoError:
        raise
    except Exception as error:
        if (storage := beneath(error)) is not None:
            raise storage from error
        raise
