"""One request's statements, from their submission to their end."""

import asyncio
import time
import uuid
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from tajo_sf_pipeline.sandbox.snowflake.outcomes import TIMED_OUT, Failure, Success
from tajo_sf_pipeline.sandbox.snowflake.runner import Rows, Runner

SECONDS_TO_STOP_AGAIN = 0.05


@dataclass(slots=True)
class Execution:
    request_id: str
    handle: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_on: int = field(default_factory=lambda: int(time.time() * 1000))
    outcome: Success | Failure | None = None
    _runner: Runner | None = None
    _work: "asyncio.Future[list[Rows]] | None" = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, runner: Runner, timeout: float) -> list[Rows]:  # noqa: ASYNC109 - the API's
        """Execute in a thread and stop after the time-out; a StatementError says what failed."""
        self._runner = runner
        self._work = asyncio.ensure_future(run_in_threadpool(runner.run, self.handle))
        await asyncio.wait({self._work}, timeout=timeout)
        await self.stop(
            Failure(
                TIMED_OUT,
                "57014",
                f"Statement reached its statement or warehouse timeout of {timeout} second(s) and "
                "was canceled.",
            )
        )
        return await self._work

    async def stop(self, reason: Failure) -> None:
        """Have what still runs fail for this reason, and wait until it did, or was faster."""
        # Once is not enough: an interruption just before DuckDB begins is lost.
        while self._runner and self._work and not self._work.done():
            self._runner.stop(reason)
            await asyncio.wait({self._work}, timeout=SECONDS_TO_STOP_AGAIN)

    def end(self, outcome: Success | Failure) -> None:
        self.outcome = outcome
        # They hold the rows, which are kept elsewhere, and not as long.
        self._runner = self._work = None
        self._ended.set()

    async def ended_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._ended.wait(), seconds)
        except TimeoutError:
            return False
        return True
