"""One run at a time for an audience and a sync date, whoever started it."""

from pathlib import Path

import dagster as dg
import filelock
from pydantic import PrivateAttr

from tajo_sf_pipeline.defs import dead_runs
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.errors import BusyError
from tajo_sf_pipeline.state.lock_holder import read_holder, remove_holder, write_holder
from tajo_sf_pipeline.storage.paths import make_home
from tajo_sf_pipeline.storage.write_errors import made

PATIENCE = 120.0  # seconds


class OneRun(dg.ConfigurableResource[None]):
    """Set up once for a run: what it holds is let go at the run's end, also by a kill.

    A run that was ended by force must not keep its date for ever, so the locks are the file
    system's and not Dagster's record of what runs. `home` is the workspace's ``TAJO_HOME``.
    """

    home: str

    _run: filelock.FileLock | None = PrivateAttr(default=None)
    _held: dict[str, filelock.FileLock] = PrivateAttr(default_factory=dict)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Show that the run is alive, and free what dead ones hold, which this one may want."""
        if context.run is None or context.instance is None:
            return
        home, run_id = Path(self.home), context.run.run_id
        if dead_runs.is_of_this_process(context.instance, run_id):
            self._run = dead_runs.hold(home, run_id)
        dead_runs.free(context.instance, home)

    def hold(self, partition: SyncRun, patience: float = PATIENCE) -> SyncRun:
        """Return the partition once no other run has its date.

        Raises `BusyError`, naming the other run, when it takes long.
        """
        name = f"{partition.audience.name}/{partition.day}"
        if name in self._held:
            return partition
        make_home(partition.settings.home)
        path = partition.settings.home / "locks" / f"{name}.lock"
        with made(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = filelock.FileLock(path, timeout=patience, thread_local=False)
            try:
                lock.acquire()
            except filelock.Timeout:
                holder = read_holder(path)
                raise BusyError(
                    "TAJO-162",
                    f"another run of {partition.audience.name} for {partition.day} is under way"
                    f"{f': {holder}' if holder else ''}; it has not ended within {patience:g} s",
                    "Wait for it, or terminate it in Dagster's UI; then run this date again.",
                ) from None
        write_holder(path, partition.run_id)
        self._held[name] = lock
        return partition

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        for lock in self._held.values():
            remove_holder(Path(lock.lock_file))
            lock.release()
        self._held.clear()
        dead_runs.let_go(self._run)
        self._run = None
